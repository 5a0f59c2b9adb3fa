"""
Canonical identifiers: one form, applied once, used everywhere.

What a person types is brought to one idempotent form before it looks up an account, names a meter or is compared, so that
no spelling (case, width, composition) gets a budget or an account of its own.
"""

import unicodedata
from enum import StrEnum

from attrs import field, frozen

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
