"""Addresses and identifiers: proven, taken, removed, changed."""

from datetime import datetime

from attrs import frozen

from acctsec.outcomes.recovery import Waiting
from acctsec.outcomes.shared import Refused, TryAgain


@frozen
class AddressPending:
    """
    A code, and by mail a link, went to the address: whoever reads it there proves it until *expires*; see ``verify_address``.

    Nothing is different before that, and then not before *until*, where there is one. The answer is the same whoever else has
    the address. *change* names it for ``cancel_change`` and goes into AddressCode.
    """

    change: str
    expires: datetime
    until: datetime | None = None


@frozen
class AddressVerified:
    """
    The address is a verified one of the account.

    *purged*: only its mailbox was proven, and no other address ever was: the password, sessions, factors and all else that
    somebody set up before are gone, for nobody knows who it was. Offer a reset.
    """

    purged: bool


@frozen
class AddressTaken:
    """Another account has the address. Only who proved to read it hears this; nothing is different."""


@frozen
class AddressRemoved:
    """The address is off the account. It is told of what happens for as long as ``RecoveryPolicy.told`` says."""


@frozen
class IdentifierChanged:
    """The account answers to the new identifier, and no longer to the old one."""


@frozen
class IdentifierTaken:
    """Another account answers to that identifier; nothing is different."""


@frozen
class IdentifierRejected:
    """Nobody may have that identifier: *reason* is one of ``acctsec.identifiers.NameObjection``, or ``form``."""

    reason: str


VerifyAddressOutcome = AddressVerified | AddressTaken | Waiting | Refused | TryAgain
RemoveAddressOutcome = AddressRemoved | Waiting | Refused | TryAgain
ChangeIdentifierOutcome = IdentifierChanged | IdentifierTaken | IdentifierRejected | Waiting | Refused | TryAgain
