"""What happened to a password: set, reset, renewed, demanded anew."""

from datetime import datetime

from attrs import frozen

from acctsec.events.shared import Event
from acctsec.outcomes import ChangeReason
from acctsec.protocols import Channel


@frozen(kw_only=True)
class PasswordSet(Event):
    """A password was set or changed; *by* says on which claim, *actor* who if it was an administrator."""

    by: str
    actor: str = ""


@frozen(kw_only=True)
class VerifierRenewed(Event):
    """The password hash was made again under the parameters or keys in force; the password is the same."""


@frozen(kw_only=True)
class VerifierImported(Event):
    """A password hash of another system became the subject's; *scheme* names what made it."""

    scheme: str
    actor: str


@frozen(kw_only=True)
class ResetIssued(Event):
    """A reset became live and its message was handed to the messenger: as a text, which costs money, or as mail."""

    reset: str
    expires: datetime
    channel: Channel = Channel.MAIL


@frozen(kw_only=True)
class PasswordReset(Event):
    """A reset was redeemed: *methods* are the proofs, in order."""

    reset: str
    methods: tuple[str, ...]


@frozen(kw_only=True)
class ChangeDemanded(Event):
    """
    The password must change before the next session, or before the one after *due*; *actor* is empty where nobody demanded it: it
    was found to have leaked, or to be refused by the rules of today.
    """

    actor: str
    reason: ChangeReason
    due: datetime | None = None


@frozen(kw_only=True)
class ChangeWaived(Event):
    """The rules of today accept a password that earlier ones refused: nobody has to change it for them any more."""


@frozen(kw_only=True)
class ResetWithheld(Event):
    """Observation: a reset request led to no message; *reason* says why."""

    reason: str
