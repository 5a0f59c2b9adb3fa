"""Addresses and identifiers as they are typed and as they are stored: byte for byte, and canonical only to be compared."""

from acctsec.identifiers import Identifier, IdentifierKind, canonical, label, objection
from acctsec.protocols import Account

LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def deliverable(typed: object) -> str | None:
    """
    An address in the very form that messages go to, or None.

    Nothing is folded here, and what would have to be is refused: a mailbox that only looks like another one after folding is
    another mailbox, and its reader would prove what is not his. So it is with domains: a mailer of IDNA2008 finds another one
    under ``straße.de`` than ``strasse.de``. Numbers are those that anybody can dial, with their country.
    """
    name = canonical(typed)
    if name is None or not isinstance(typed, str):
        return None
    address = typed.strip()
    match name.kind:
        case IdentifierKind.EMAIL:
            local, _, domain = address.translate(LOWER).partition("@")
            wanted, _, ascii_domain = name.value.partition("@")
            same = local == wanted and domain in {ascii_domain, label(ascii_domain)} and not domain.endswith(".")
            return address if same else None
        case IdentifierKind.PHONE:
            return address if address.isascii() and address.startswith("+") else None
        case _:
            return None


def are_equal(one: str, other: str | None) -> bool:
    mine, theirs = canonical(one), canonical(other)
    return mine is not None and theirs is not None and mine.value == theirs.value


def stored_among(own: tuple[str, ...], typed: str | None) -> str | None:
    """The one of an account's addresses or identifiers that is meant, byte for byte as it is stored."""
    return next((one for one in own if are_equal(one, typed)), None)


def objection_to(name: Identifier | None, account: Account) -> str | None:
    """Why nobody may have this identifier. One that is an address has to be a verified one of the account."""
    if name is None:
        return "form"
    if name.kind is not IdentifierKind.NAME:
        return None if stored_among(account.addresses, name.value) else "form"
    found = objection(name)
    return None if found is None else found.value
