"""
Scripts of characters, by their Unicode names: the standard library has no table of them.

The first word of a letter's name is its script, but for the few words listed here. That agrees with Scripts.txt for every letter,
mark and digit an identifier can hold (a test holds it against a table of others); where scripts share a character, it knows the
cases that are written today.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

Scripts = frozenset[str]
ANY: Scripts = frozenset()
"""Of a character that goes with every script."""

_JAPANESE = frozenset({"HIRAGANA", "KATAKANA"})
_SEVERAL: dict[str, Scripts] = {
    "KATAKANA-HIRAGANA": _JAPANESE,
    "ARABIC-INDIC": frozenset({"ARABIC", "THAANA"}),
    "VERTICAL": _JAPANESE | {"HAN"},
    "MASU": _JAPANESE | {"HAN"},
}
_OTHERWISE = {
    "CJK": "HAN",
    "COUNTING": "HAN",
    "HANGZHOU": "HAN",
    "IDEOGRAPHIC": "HAN",
    "VIETNAMESE": "HAN",
    "HENTAIGANA": "HIRAGANA",
    "EXTENDED": "ARABIC",
    "RUMI": "ARABIC",
    "ROMAN": "LATIN",
    "TURNED": "LATIN",
}
_NO_SCRIPTS = frozenset(
    {
        "CARON",
        "CIRCLED",
        "COMBINING",
        "DIGIT",
        "DINGBAT",
        "DOUBLE",
        "INDIC",
        "MAYAN",
        "MODIFIER",
        "MUSICAL",
        "NEGATIVE",
        "NORTH",
        "OTTOMAN",
        "PHAISTOS",
        "TALLY",
        "VARIATION",
        "VEDIC",
        "ZNAMENNY",
    }
)
_LATIN_HAN = frozenset({"LATIN", "HAN"})
MIXES: tuple[Scripts, ...] = (_LATIN_HAN | _JAPANESE, _LATIN_HAN | {"BOPOMOFO"}, _LATIN_HAN | {"HANGUL"})
"""What is written together: Japanese, Chinese and Korean, each with Latin (UTS #39 section 5.2, Highly Restrictive)."""


@lru_cache(maxsize=4096)
def scripts_of(char: str) -> Scripts:
    """The scripts a character belongs to; ANY for punctuation, symbols, common digits and marks that go with all."""
    if char.isascii():
        return frozenset({"LATIN"}) if char.isalpha() else ANY
    if unicodedata.category(char)[0] not in "LMN":
        return ANY
    # Of all that can stand in an identifier only Tangut ideographs have no name here.
    words = unicodedata.name(char, "TANGUT").split()
    first = words[0]
    if first == "COMBINING" and words[1] in {"CYRILLIC", "DEVANAGARI", "GLAGOLITIC", "GRANTHA"}:
        first = words[1]
    if first in _NO_SCRIPTS:
        return ANY
    return _SEVERAL.get(first) or frozenset({_OTHERWISE.get(first, first)})


def scripts_in(text: str) -> frozenset[Scripts]:
    """The scripts of each character that has any."""
    return frozenset(map(scripts_of, text)) - {ANY}


def written_together(found: Iterable[Scripts]) -> bool:
    """Whether there is one script, or one of MIXES, to which all of it belongs."""
    found = list(found)
    return not found or bool(frozenset.intersection(*found)) or any(all(each & mix for each in found) for mix in MIXES)
