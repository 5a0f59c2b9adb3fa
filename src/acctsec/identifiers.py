"""
Canonical identifiers: one form, applied once, used everywhere.

What a person types is brought to one idempotent form before it looks up an account, names a meter or is compared, so that
no spelling (case, width, composition) gets a budget or an account of its own.

What only looks like another identifier, or is read by one provider alone as the same, is another one: no dots are dropped, no
``+tags``, no look-alikes. ``objection`` and ``likeness`` are for sign-up and for changes of names, where those can be refused.
"""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any

from attrs import field, frozen

from acctsec._scripts import scripts_in, written_together
from acctsec.errors import ConfigError

VERSION = 1
"""Names this canonical form. A change of it, or of the Unicode tables below it, is a migration of the platform's lookups."""

MAX_CODE_POINTS = 254  # RFC 5321 section 4.5.3.1.3: a path of 256 octets less its angle brackets
MAX_LOCAL = 64  # RFC 5321 section 4.5.3.1.1
MAX_BYTES = 254  # keeps sealed handles, which carry the identifier, of one size

_FORBIDDEN = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
_STRUCTURE = frozenset('@,;:<>"()[]\\ ')


class IdentifierKind(StrEnum):
    """What sort of name was typed. The kinds never overlap, so no name can be mistaken for an address."""

    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"


@frozen
class Identifier:
    """An identifier in canonical form."""

    kind: IdentifierKind
    value: str = field(repr=False)


def canonical(typed: object) -> Identifier | None:
    """
    Bring what a person typed to its canonical form, or answer None where it can be nobody's identifier.

    White space at the ends is dropped; case, width and composition are folded (NFKC of the case fold of NFKC, idempotent
    over all of Unicode). Refused are: anything but a string, more than 254 code points or bytes, control and format
    characters, more than one ``@``, quoted local parts, and characters that only become ``@`` or a separator by folding.
    """
    if type(typed) is not str or not 0 < len(typed) <= MAX_CODE_POINTS:
        return None
    stripped = typed.strip()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stripped).casefold())
    if not folded or len(folded) > MAX_CODE_POINTS or _is_forbidden(folded):
        return None
    if not stripped.isascii() and any(folded.count(char) != stripped.count(char) for char in _STRUCTURE):
        return None
    if len(folded.encode()) > MAX_BYTES:
        return None
    if "@" in folded:
        return _email(folded)
    if folded[0] == "+" or folded.translate(_PUNCTUATION).isdigit():
        return _phone(folded)
    return Identifier(IdentifierKind.NAME, folded)


def _is_forbidden(folded: str) -> bool:
    """Whether there is a control or format character, or one that is none. All that is printable is free of them."""
    return not folded.isprintable() and any(unicodedata.category(char) in _FORBIDDEN for char in folded)


_PUNCTUATION = str.maketrans("", "", " -.()/")


def _email(folded: str) -> Identifier | None:
    local, _, domain = folded.partition("@")
    if not local or not domain or "@" in domain or len(local) > MAX_LOCAL:
        return None
    if not _STRUCTURE.isdisjoint(local + domain):
        return None
    try:
        ascii_domain = domain.encode("idna").decode()
    except UnicodeError:
        return None
    value = f"{local}@{ascii_domain}"
    return Identifier(IdentifierKind.EMAIL, value) if len(value.encode()) <= MAX_BYTES else None


def _phone(folded: str) -> Identifier | None:
    digits = folded.translate(_PUNCTUATION)
    number = digits.removeprefix("+")
    if not number.isascii() or not number.isdigit() or not 4 <= len(number) <= 15:  # E.164 allows 15 digits
        return Identifier(IdentifierKind.NAME, folded) if folded[0] != "+" else None
    return Identifier(IdentifierKind.PHONE, digits)


# --- look-alikes, for sign-up and changes of names ----------------------------------------------------------------------


class NameObjection(StrEnum):
    """Why nobody should be given a name."""

    MIXED_SCRIPTS = "mixed-scripts"
    INVISIBLE = "invisible"


class Likeness(StrEnum):
    """How like two identifiers look (UTS #39 section 4)."""

    DIFFERENT = "different"
    SAME_SCRIPT = "same-script"  # ``rn`` and ``m``, ``l`` and ``1``: too common among names to be refused by default
    ACROSS_SCRIPTS = "across-scripts"  # all of it Cyrillic, and like a Latin one: nobody could tell them apart


def objection(identifier: Identifier) -> NameObjection | None:
    """
    Say why nobody should be given this name, or None.

    A name is of one script, or of the scripts that Japanese, Chinese and Korean are written in together with Latin (UTS #39
    section 5.2, Highly Restrictive), and every character of it can be seen. Of a mail address the part before the ``@`` and
    each label of the domain is judged by itself. Ask at sign-up and where a name is changed, never at sign-in: names that were
    given before must go on to work. What is read here is the canonical form, so that is what should be shown to others.
    """
    if not UNSEEN.isdisjoint(identifier.value):
        return NameObjection.INVISIBLE
    mixed = not all(written_together(scripts_in(part)) for part in _parts(identifier))
    return NameObjection.MIXED_SCRIPTS if mixed else None


def skeleton(identifier: Identifier) -> str:
    """
    What all identifiers that look like this one have in common (UTS #39 section 4): an index to find them by, never a name.

    Keep it in a column of its own, not unique, beside the version of the library that made it: a newer one may know more, and
    then the column is made anew. Raises ConfigError where the extra ``confusables`` is not installed.
    """
    prototypes = _prototypes()
    shown = unicodedata.normalize("NFD", "@".join(_parts(identifier)))
    return _seen_as("".join(char for char in shown if char not in UNSEEN), prototypes)


def likeness(one: Identifier, other: Identifier) -> Likeness:
    """
    Judge two identifiers, such as a new name and one that has the same skeleton.

    Across scripts they are told apart by nobody: refuse the newer one. Raises as ``skeleton`` does.
    """
    if skeleton(one) != skeleton(other):
        return Likeness.DIFFERENT
    scripts = [[scripts_in(part) for part in _parts(each)] for each in (one, other)]
    return Likeness.SAME_SCRIPT if scripts[0] == scripts[1] else Likeness.ACROSS_SCRIPTS


_SINGLE = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800)
UNSEEN = frozenset(map(chr, (*_SINGLE, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""
What leaves no trace and is no control or format character, which nobody's name has: of Default_Ignorable_Code_Point the
characters that ``canonical`` lets through, and the blank of Braille.
"""


def _parts(identifier: Identifier) -> tuple[str, ...]:
    """What is read by itself: a whole name, or of a mail address the local part and each label of the domain as it is shown."""
    if identifier.kind is not IdentifierKind.EMAIL:
        return (identifier.value,)
    local, _, domain = identifier.value.partition("@")
    return (local, *map(label, domain.split(".")))


def label(written: str) -> str:
    """A domain, or a label of one, as it is shown."""
    try:
        return written.encode().decode("idna")
    except UnicodeError:  # of a newer standard than this codec knows: it stays as it is written
        return written


@cache
def _prototypes() -> dict[str, str]:
    """What a character looks like: the prototypes of confusables.txt, from a library that keeps pairs in both directions."""
    try:
        data: Any = import_module("confusable_homoglyphs.confusables").confusables_data
    except ImportError:
        message = "confusable_homoglyphs is not installed."
        raise ConfigError(message, remedy="Run `pip install 'acctsec[confusables]'`.") from None
    like = {_bare(char): [_bare(each["c"]) for each in others] for char, others in data.items()}
    nearest = {char: _prototype(char, like) for char in like if len(char) == 1}
    for _ in range(2):  # a few prototypes are made of what has one itself
        nearest = {char: _seen_as(to, nearest) for char, to in nearest.items()}
    return nearest


def _seen_as(text: str, prototypes: Mapping[str, str]) -> str:
    return unicodedata.normalize("NFD", "".join(prototypes.get(char, char) for char in text))


def _bare(char: str) -> str:
    return char.replace("\N{LEFT-TO-RIGHT MARK}", "")  # which the library has around what is written from right to left


def _prototype(char: str, like: dict[str, list[str]]) -> str:
    """A prototype has several that look like it, and each of those has it alone. Of a pair the one that comes first will do."""
    others = like[char]
    if len(others) > 1:
        return char
    other = others[0]
    return other if len(like[other]) > 1 or len(other) > 1 else min(char, other)
