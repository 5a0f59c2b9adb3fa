"""
What happened, as frozen values.

A state change is exactly one event, written in the same commit. A refused attempt changes nothing: it is an observation,
best effort, and counted when dropped. No event holds a secret, an identifier as typed, or free text of a request.
"""

from datetime import datetime
from typing import Protocol

from attrs import frozen

from acctsec.outcomes import AssuranceLevel, ChangeReason, EndReason
from acctsec.protocols import Channel


@frozen(kw_only=True)
class Event:
    """What all events have: whose, when (UTC), and from which source where there is one."""

    tenant: str
    subject: str
    at: datetime
    source: str = ""


@frozen(kw_only=True)
class PasswordSet(Event):
    """A password was set or changed; *by* says on which claim, *actor* who if it was an administrator."""

    by: str
    actor: str = ""


@frozen(kw_only=True)
class SignedInEvent(Event):
    """A session was granted; *methods* are the proofs, in order. *rehashed*: the verifier was renewed on the way."""

    session: str
    level: AssuranceLevel
    methods: tuple[str, ...]
    known_device: bool
    rehashed: bool = False


@frozen(kw_only=True)
class VerifierRenewed(Event):
    """The password hash was made again under the parameters or keys in force; the password is the same."""


@frozen(kw_only=True)
class VerifierImported(Event):
    """A password hash of another system became the subject's; *scheme* names what made it."""

    scheme: str
    actor: str


@frozen(kw_only=True)
class FactorImported(Event):
    """A token, or an authenticator of another system, became the subject's second factor by its secret, without a code of it."""

    factor: str
    kind: str
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
class ChangeBegan(Event):
    """A *change* of that *kind* waits until *until*: *methods* are the proofs it rests on, and every address is told."""

    change: str
    kind: str
    methods: tuple[str, ...]
    until: datetime


@frozen(kw_only=True)
class ChangeDropped(Event):
    """
    A *change* that waited will not be made; *by* says why: ``owner``, ``asker``, ``sign-in``, ``newer`` where another took its
    place, ``taken`` where the directory has given what it asks for to another account, ``credential`` where one was changed
    meanwhile, or ``withdrawn`` where an administrator took an address off while one that two of them gave was waiting.
    """

    change: str
    kind: str
    by: str


@frozen(kw_only=True)
class ChangeVetoed(Event):
    """A *change* was vetoed by who reads an address: sessions are over, and the account is contested."""

    change: str
    kind: str


@frozen(kw_only=True)
class ContestSettled(Event):
    """A contested account was given to who showed more than either side had: *methods* are the proofs."""

    methods: tuple[str, ...]


@frozen(kw_only=True)
class ContactAdded(Event):
    """The subject named another one, *contact*, whose word counts for it from *counts* on."""

    contact: str
    counts: datetime


@frozen(kw_only=True)
class ContactDropped(Event):
    """The word of *contact* counts no more."""

    contact: str


@frozen(kw_only=True)
class VouchingBegan(Event):
    """The trusted contacts were asked to agree to a *change* until *expires*: *methods* are the proofs it rests on so far."""

    change: str
    methods: tuple[str, ...]
    expires: datetime


@frozen(kw_only=True)
class ContactVouched(Event):
    """A *contact* agreed to a *change*, with a fresh session of its own; *left* more have to."""

    change: str
    contact: str
    left: int


@frozen(kw_only=True)
class RecoveryProposed(Event):
    """An administrator proposed a recovery of that *kind*; nothing comes of it before another agrees."""

    change: str
    kind: str
    expires: datetime
    actor: str


@frozen(kw_only=True)
class RecoveryApproved(Event):
    """
    A second administrator, *actor*, agreed to what *proposer* proposed: the owner, or who reads the address that was proposed,
    is mailed a link, and nobody else.
    """

    change: str
    kind: str
    proposer: str
    actor: str


@frozen(kw_only=True)
class ProposalWithdrawn(Event):
    """An administrator took a proposal back, his own or another's."""

    change: str
    kind: str
    actor: str


@frozen(kw_only=True)
class FactorsDropped(Event):
    """A recovery took every second factor off: *methods* are the proofs, in order."""

    methods: tuple[str, ...]


@frozen(kw_only=True)
class AddressProven(Event):
    """
    An *address*, named by a keyed digest, became a verified one, by *methods*. *purged*: without a session, as the first one of
    the account, and all that was set up before is gone.
    """

    change: str
    address: str
    methods: tuple[str, ...]
    purged: bool


@frozen(kw_only=True)
class AddressDropped(Event):
    """An *address*, named by a keyed digest, was taken off; *actor* is empty where its owner did it."""

    change: str
    address: str
    actor: str = ""


@frozen(kw_only=True)
class IdentifierReplaced(Event):
    """The subject answers to another identifier."""

    change: str


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
class SteppedUp(Event):
    """A *session* proved more, by *methods*, for an *action*: it is a new one from now on, of that *level*."""

    session: str
    level: AssuranceLevel
    methods: tuple[str, ...]
    action: str


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
class SessionClosed(Event):
    """
    One session was signed out, by its owner or an *actor*; or another sign-in took its place (*reason* ``displaced``).
    """

    session: str
    reason: EndReason = EndReason.ENDED
    actor: str = ""


@frozen(kw_only=True)
class SessionCopied(Event):
    """
    A token of a *session* came back that its browser had replaced: somebody has a copy of one. The session is over for both.
    """

    session: str
    generation: int


@frozen(kw_only=True)
class SessionsClosed(Event):
    """All sessions were ended."""

    count: int
    actor: str = ""


@frozen(kw_only=True)
class DeviceRevoked(Event):
    """A known device was forgotten: from now on it stands with the strangers."""

    device: str


@frozen(kw_only=True)
class GuessesCounted(Event):
    """The failures of a *lane*, with the attempt under way, came to *count*; the record knew it before that was compared."""

    lane: str
    count: int


@frozen(kw_only=True)
class GuessingSlowed(Event):
    """A *lane* failed so often, *count* times, that it rests after every further failure."""

    lane: str
    count: int


@frozen(kw_only=True)
class GuessingStopped(Event):
    """A *lane* failed so often, *count* times, that it stays closed until a recovery, its owner or an administrator opens it."""

    lane: str
    count: int


@frozen(kw_only=True)
class GuessingReopened(Event):
    """The owner opened a *lane* that had stopped; *by* says with what: ``link``, ``totp`` or ``recovery-code``."""

    lane: str
    by: str


@frozen(kw_only=True)
class Unlocked(Event):
    """An administrator started the subject's meters anew."""

    actor: str


@frozen(kw_only=True)
class Disabled(Event):
    """An administrator disabled the subject; every session is dead."""

    actor: str


@frozen(kw_only=True)
class Enabled(Event):
    """An administrator enabled the subject again."""

    actor: str


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
class Erased(Event):
    """Everything held about the subject was deleted."""

    actor: str


@frozen(kw_only=True)
class AttemptRefused(Event):
    """
    Observation: an attempt was refused. *kind* is ``budget``, ``evaluated`` or ``challenge``, where a puzzle was asked for;
    *reason* is for operators alone.

    *subject* is empty for an unknown identifier.
    """

    operation: str
    kind: str
    reason: str


@frozen(kw_only=True)
class PortFailed(Event):
    """Observation: a port that may fail did, and what depends on it went on without."""

    port: str


@frozen(kw_only=True)
class PostureChanged(Event):
    """
    Observation: what looks across accounts took strangers of one place more, or less, strictly from here on.

    *detector* says what it saw, *scope* and *name* where: a network, the tenant, or a password, whose name leads back to nothing.
    *before* and *after* are ``normal``, ``notify``, ``challenge`` or ``tighten``; *level* is what the detector counted. Nobody's
    account is named, and no single request.
    """

    detector: str
    scope: str
    name: str
    before: str
    after: str
    level: int


@frozen(kw_only=True)
class RiskAssessed(Event):
    """
    A sign-in with the right password was weighed: the *score* and what each feature added to it, in hundredths of a ban, and
    the *extra* they asked for (``none``, ``challenge``, ``factor``). Nothing personal is in it.
    """

    score: int
    contributions: tuple[tuple[str, int], ...]
    extra: str


@frozen(kw_only=True)
class PasskeyRejected(Event):
    """
    What a browser sent of a passkey did not count in an *operation*, and why: a `Rejection`. A wrong origin at every attempt is a
    mistake in the policy. It is observed, as refused attempts are, and may come from anybody.
    """

    operation: str
    reason: str


@frozen(kw_only=True)
class ResetWithheld(Event):
    """Observation: a reset request led to no message; *reason* says why."""

    reason: str


@frozen(kw_only=True)
class NoticeWithheld(Event):
    """Observation: a notice that strangers can bring about was not mailed to an address that had its share of them."""

    purpose: str


@frozen(kw_only=True)
class LetterDiscarded(Event):
    """An administrator let go of a dead letter: what *name* says, of this *kind*, is told to nobody any more."""

    kind: str
    name: str
    actor: str


@frozen(kw_only=True)
class LetterDied(Event):
    """
    Observation: an outbox entry had its last try, and waits until somebody revives or discards it.

    *kind* is ``event``, ``notice``, ``reset`` or ``unreadable``; *name* is the event's, or the purpose of the message.
    """

    kind: str
    name: str


class EventSink(Protocol):
    """Takes events to wherever a platform keeps them."""

    def record(self, event: Event, *, key: str) -> None:
        """Keep an event, or raise: one that raised comes again later. *key* is the same whenever it is handed over again."""


class AsyncEventSink(Protocol):
    """The async form of EventSink."""

    async def record(self, event: Event, *, key: str) -> None:
        """Keep an event, or raise."""


EVENTS: dict[str, type[Event]] = {cls.__name__: cls for cls in Event.__subclasses__()}
