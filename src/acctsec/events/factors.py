"""What happened to a factor: set up, shown, reported, taken off."""

from datetime import datetime

from attrs import frozen

from acctsec.events.shared import Event
from acctsec.protocols import Channel


@frozen(kw_only=True)
class FactorImported(Event):
    """A token, or an authenticator of another system, became the subject's second factor by its secret, without a code of it."""

    factor: str
    kind: str
    actor: str


@frozen(kw_only=True)
class FactorAccepted(Event):
    """
    A second factor was proven and marked as used, and more is due: the new password of a *reset*, or of a demanded change, or
    another factor.
    """

    method: str
    reset: str = ""


@frozen(kw_only=True)
class PasskeyRegressed(Event):
    """
    The counter of a passkey did not rise: a copy of its key may be about. *refused* says whether that use was. Ask its owner to
    remove the *factor* unless he can explain it.
    """

    factor: str
    refused: bool


@frozen(kw_only=True)
class CodeIssued(Event):
    """A code was sent to a *factor* by *channel*, for an *action*: ``sign-in``, ``reset``, ``set-up``, or that of a step-up."""

    factor: str
    channel: Channel
    action: str


@frozen(kw_only=True)
class PromptPushed(Event):
    """
    A prompt was pushed to a *factor*, or to an app that is being set up, for an *action* as of CodeIssued. *known*: by a known
    device, or in a session.
    """

    factor: str
    action: str
    known: bool


@frozen(kw_only=True)
class PromptAnswered(Event):
    """The right number was typed for a prompt; it proves the *factor* once it is used."""

    factor: str


@frozen(kw_only=True)
class PromptMistyped(Event):
    """A wrong number was typed for a prompt. *left*: how many more may be; at 0 the prompt is over."""

    factor: str
    left: int


@frozen(kw_only=True)
class PromptRejected(Event):
    """
    Who has the app denied a prompt: somebody else knows the password, or reads the mail. Nothing is pushed for strangers
    *until* then; None where it was an app that was being set up.
    """

    factor: str
    until: datetime | None = None


@frozen(kw_only=True)
class EnrollmentDemanded(Event):
    """The policy asks for a factor that the subject has not. It may sign in without until *due*, which is set once."""

    due: datetime


@frozen(kw_only=True)
class FactorEnrolled(Event):
    """A factor was added."""

    factor: str
    kind: str


@frozen(kw_only=True)
class FactorDropped(Event):
    """An authenticator was removed."""

    factor: str
    kind: str


@frozen(kw_only=True)
class FactorInvalidated(Event):
    """
    A factor was reported, and proves nothing any more: *why* is lost or compromised, *actor* who if it was an administrator. Or
    its address was withdrawn.
    """

    factor: str
    kind: str
    why: str
    actor: str = ""


@frozen(kw_only=True)
class FactorRevived(Event):
    """A factor that was lost was found: it proves again."""

    factor: str
    kind: str


@frozen(kw_only=True)
class FactorRelabelled(Event):
    """An authenticator has a new name."""

    factor: str


@frozen(kw_only=True)
class RecoveryCodesIssued(Event):
    """A new generation of recovery codes replaced the old."""

    generation: int


@frozen(kw_only=True)
class PasskeyRejected(Event):
    """
    What a browser sent of a passkey did not count in an *operation*, and why: a `Rejection`. A wrong origin at every attempt is a
    mistake in the policy. It is observed, as refused attempts are, and may come from anybody.
    """

    operation: str
    reason: str
