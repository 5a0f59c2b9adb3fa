"""
Words that belong to the subject or the service, and what is left of a password without them.

Similarity measures forgive a name once the password grows (``johnsmith2024!!xyz``). Here a word counts for nothing:
it is taken out, with the digits and punctuation around it, and the rest has to stand by itself.
"""

import re
from collections.abc import Iterable
from itertools import groupby

from acctsec.password.hanzi import is_hanzi
from acctsec.password.words import MAX_WORD_LENGTH, MAX_WORDS, bounded, fold, tokens

__all__ = [
    "MAX_WORDS",
    "MAX_WORD_LENGTH",
    "bounded",
    "counted",
    "fold",
    "plain",
    "readings",
    "remainder",
    "remains",
    "tokens",
    "undone",
]

SHORTEST = 4
"""Below so many characters a word is everywhere: Microsoft Entra looks for names from four on as well."""

_HEAD, _SIGNS = re.compile(r"[\W\d_]+"), re.compile(r"[\W_]+")
_RUNS = re.compile(r"[^\W\d_]+")

# What each substitute stands for. i and l share theirs (1, ! and |), so they become one letter on both sides; 7 is read
# once as t and once as l.
_LEET = {
    **dict.fromkeys("l1!|", "i"), **dict.fromkeys("4@", "a"), "8": "b", **dict.fromkeys("({[<", "c"), "3": "e",
    **dict.fromkeys("69", "g"), "0": "o", **dict.fromkeys("$5", "s"), "+": "t", "%": "x", "2": "z",
}  # fmt: skip
_UNDO = tuple(str.maketrans({**_LEET, "l": "l", "7": seven, "1": one}) for seven in "tl" for one in "il")
_READINGS = (str.maketrans({**_LEET, "7": "t"}), str.maketrans({**_LEET, "7": "i"}))


def remainder(password: str, words: Iterable[str]) -> int | None:
    """How many characters stand by themselves once the words are out, separators aside; None when none of them is in it."""
    rest = remains(password, words)
    return None if rest is None else counted(rest)


def counted(rest: str) -> int:
    """The characters of *rest*, separators and lone accents aside."""
    return sum(bool(fold(character)) for character in rest)


def remains(password: str, words: Iterable[str]) -> str | None:
    """
    What stands by itself once the words are out, or None when there are none of them in it.

    Words are also found reversed and under every usual substitution (``J0hn5m1th``), numbers as they stand and reversed. Words
    of fewer than four characters (one, in Chinese) count only when the password has no letters but theirs. Deterministic, and
    bounded by the length of the password, whatever the words are.
    """
    listed = tokens(words)
    if not listed:
        return None
    folded, origin = folded_by_character(password)
    if plain(folded) in {form for token in listed for form in (token, token[::-1])}:
        return ""
    hidden = _hidden(folded, [token for token in listed if _tells(token)])
    short = {form for token in listed if not _tells(token) for form in (token, token[::-1])}
    if short and _only(folded, hidden, short):
        return ""
    if not any(hidden):
        return None
    covered = {origin[at] for at, one in enumerate(hidden) if one}
    runs = groupby(enumerate(password), lambda one: one[0] in covered or not one[1].isalpha())
    kept = ([*run] for _, run in runs)
    return "".join(character for run in kept if covered.isdisjoint(at for at, _ in run) for _, character in run)


def plain(password: str) -> str:
    """The password without the digits and punctuation at its ends."""
    return _without(_HEAD, _without(_HEAD, password)[::-1])[::-1]


def undone(password: str) -> tuple[str, ...]:
    """
    The plain words that usual substitutions and additions may have been made of.

    A digit at an end may be either: ``5unshine12`` is read with and without those of each end.
    """
    folded = password.casefold()
    backwards = folded[::-1]
    signless = _without(_SIGNS, _without(_SIGNS, folded)[::-1])[::-1]
    forms = dict.fromkeys((folded, plain(folded), signless, _without(_HEAD, folded), _without(_HEAD, backwards)[::-1]))
    return (*forms, *(form.translate(reading) for form in forms for reading in _UNDO))


def _without(start: re.Pattern[str], text: str) -> str:
    """The text without the beginning that matches. Of a reversed one without its end: searched for, that takes quadratic time."""
    found = start.match(text)
    return text if found is None else text[found.end() :]


def readings(folded: str) -> tuple[str, ...]:
    """A folded text with its substitutions undone: in one reading, or in two where a 7 may be a t or an l."""
    return tuple(dict.fromkeys(folded.translate(reading) for reading in _READINGS))


def _tells(token: str) -> bool:
    """Whether a word is long enough to be looked for anywhere; two Chinese characters are rarer than four letters."""
    return len(token) >= SHORTEST or (len(token) > 1 and all(map(is_hanzi, token)))


def folded_by_character(password: str) -> tuple[str, list[int]]:
    """The folded password, and for each character of it which one of the password it comes from."""
    parts = [fold(character) for character in password]
    return "".join(parts), [at for at, part in enumerate(parts) for _ in part]


def _only(folded: str, hidden: bytearray, short: set[str]) -> bool:
    """Whether every letter that is not hidden belongs to a run that is a short word."""
    masked = "".join(" " if one else character for one, character in zip(hidden, folded, strict=True))
    runs = _RUNS.findall(masked)
    return bool(runs) and all(run in short for run in runs)


def _hidden(text: str, listed: list[str]) -> bytearray:
    """
    Which characters of *text* belong to a word, in whatever reading or direction.

    Every word is looked for in the whole text: ``rachaelg`` takes nothing from the ``gipson`` in ``rachaelgipson``. Numbers are
    not read as letters, or the end of a phone number would be found in a word (5341 in seal).
    """
    letters = [token for token in listed if not token.isdecimal()]
    hidden = bytearray(len(text))
    _hide(hidden, text, [token for token in listed if token.isdecimal()])
    for reading in _READINGS if letters else ():
        _hide(hidden, text.translate(reading), [token.translate(reading) for token in letters])
    return hidden


def _hide(hidden: bytearray, text: str, words: list[str]) -> None:
    _mark(hidden, text, words)
    backwards = hidden[::-1]
    _mark(backwards, text[::-1], words)
    hidden[:] = backwards[::-1]


def _mark(hidden: bytearray, text: str, words: list[str]) -> None:
    for word in words:
        at, size = text.find(word), len(word)
        while at >= 0:
            hidden[at : at + size] = b"\1" * size
            bare = hidden.find(0, at)
            # Only what reaches a character that no word has is of use: so few finds are made, however words overlap.
            at = text.find(word, max(at + 1, bare - size + 1)) if bare >= 0 else -1
