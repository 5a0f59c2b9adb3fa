"""The directory: the platform's accounts, and the changes that it is told to make."""

import re
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from acctsec._values import Value
from acctsec.errors import ConfigError
from acctsec.protocols.naming import check_name, name_set, names


class Status(StrEnum):
    """What the platform says of an account."""

    ACTIVE = "active"
    DISABLED = "disabled"


_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
MAX_LOCALE = 35  # RFC 5646 section 4.4.1: no tag needs more


def _check_locale(_: object, __: object, value: str) -> None:
    if type(value) is not str or len(value) > MAX_LOCALE or (value and not _LOCALE.fullmatch(value)):
        raise ConfigError("locale is no BCP 47 language tag.", remedy='Write it like "pt-BR"; "" where nobody knows.')


@frozen(kw_only=True)
class Account:
    """
    One row of the platform's user table, as far as this library needs it.

    *addresses* are the verified ones, mail addresses and phone numbers, in the exact form messages go to: nothing is folded or
    rewritten, and the first is the one used where none was asked for. *words* are names and the like that the
    subject's password must not be made of. *groups* choose what ``MfaPolicy`` demands. *locale* is a BCP 47 tag such as
    ``pt-BR`` for ``Message.locale``; "" where nobody knows. Raises ConfigError for one of another shape.
    """

    subject: str = field(validator=check_name)
    identifiers: tuple[str, ...] = field(default=(), converter=names, repr=False)
    addresses: tuple[str, ...] = field(default=(), converter=names, repr=False)
    groups: frozenset[str] = field(default=frozenset(), converter=name_set)
    words: tuple[str, ...] = field(default=(), converter=names, repr=False)
    status: Status = field(default=Status.ACTIVE, converter=Status)
    locale: str = field(default="", validator=_check_locale)


class Ambiguous(Value, frozen=True):
    """More than one account answers to the identifier; nobody is signed in by it."""


class AsyncDirectory(Protocol):
    """The platform's user table. It owns uniqueness; identifiers arrive in canonical form."""

    async def find(self, tenant: str, identifier: str) -> Account | Ambiguous | None:
        """Look an account up by the canonical form of what a person typed."""

    async def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up by its subject. A passkey of a stranger may name any: bind it, and answer None for nobody."""


class Directory(Protocol):
    """The blocking form of AsyncDirectory."""

    def find(self, tenant: str, identifier: str) -> Account | Ambiguous | None: ...

    def get(self, tenant: str, subject: str) -> Account | None: ...


class AddAddress(Value, frozen=True, kw_only=True):
    """Give the account a verified *address*, byte for byte, behind those it has. *id* names the change."""

    id: str
    tenant: str
    subject: str
    address: str


class ReplaceAddress(Value, frozen=True, kw_only=True):
    """Put a verified *address* into the place of the one that it *replaces*."""

    id: str
    tenant: str
    subject: str
    address: str
    replaces: str


class RemoveAddress(Value, frozen=True, kw_only=True):
    """Take an *address* off the account."""

    id: str
    tenant: str
    subject: str
    address: str


class ReplaceIdentifier(Value, frozen=True, kw_only=True):
    """Put *identifier*, in its canonical form, into the place of the one that it *replaces*, as the account has that."""

    id: str
    tenant: str
    subject: str
    identifier: str
    replaces: str


DirectoryChange = AddAddress | ReplaceAddress | RemoveAddress | ReplaceIdentifier


class Applied(Value, frozen=True):
    """The account is as the change says, or it was already."""


class Taken(Value, frozen=True):
    """Another account has it, and nothing was changed."""


class AsyncWritableDirectory(AsyncDirectory, Protocol):
    """A directory that the engine may write to: it is asked for by whatever changes addresses and identifiers, alone."""

    async def apply(self, change: DirectoryChange) -> Applied | Taken:
        """
        Make a change in one transaction, and answer Taken where the platform's rule of uniqueness forbids it.

        The same change comes again whenever its answer was lost, and is then Applied: make it idempotent. One whose id was
        applied before changes nothing. An identifier of the same form goes where its address goes; and one that another account
        holds without having proven it is no reason for Taken, but is taken off there: whoever proves an address has it.
        What can never be followed, such as a name that is too long for its column, is Taken as well, unless something goes: a
        change that fails comes again for ever.
        """


class WritableDirectory(Directory, Protocol):
    """The blocking form of AsyncWritableDirectory."""

    def apply(self, change: DirectoryChange) -> Applied | Taken: ...
