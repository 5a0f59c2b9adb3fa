"""
What operations answer with: closed unions of small frozen values.

A ``match`` over an operation's union is complete when the type checker says so. No outcome is falsy, none is an exception,
and none shows a secret in its ``repr``.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType

from attrs import field, frozen


def secret() -> str:
    """A field that holds a token or a code: present in the value, absent from its repr."""
    return field(repr=False)  # type: ignore[no-any-return]


class AssuranceLevel(IntEnum):
    """How well a sign-in was proven, after SP 800-63B-4 section 2."""

    AAL1 = 1
    AAL2 = 2
    AAL3 = 3


class ChangeReason(StrEnum):
    """Why a password has to be changed before a session is given."""

    REQUIRED_BY_ADMINISTRATOR = "required-by-administrator"
    SET_BY_ADMINISTRATOR = "set-by-administrator"
    BREACHED = "breached"
    AGE = "age"
    POLICY = "policy"


class EndReason(StrEnum):
    """Why a session token no longer stands for a session."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    EXPIRED = "expired"
    ENDED = "ended"
    DISABLED = "disabled"
    COPIED = "copied"  # its generation is over, so somebody has a copy of a token: the session is over for both
    KEY = "key"  # it is bound to a key that the request was not signed with
    DISPLACED = "displaced"  # of events alone: another sign-in took its place


class FactorKind(StrEnum):
    """The kinds of second factor a subject can hold."""

    TOTP = "totp"
    HOTP = "hotp"
    PASSKEY = "passkey"
    DELIVERED = "delivered"
    PUSH = "push"
    OUTSIDE = "outside"
    RECOVERY_CODE = "recovery-code"


def _read_only(given: Mapping[str, int | str]) -> Mapping[str, int | str]:
    return MappingProxyType(dict(given))


@frozen
class Objection:
    """One reason a password is refused: a stable *code* and the *params* a message needs. Never the password or a part of it."""

    code: str
    params: Mapping[str, int | str] = field(factory=dict, converter=_read_only, hash=False)


@frozen
class Strength:
    """How many guesses a well-informed attacker needs, as a power of ten. Use this number, never a 0-4 score."""

    guesses_log10: float


@frozen
class PasswordAccepted:
    """The password may be used."""

    strength: Strength


@frozen
class PasswordRejected:
    """The password may not be used; *objections* says every reason, in the order of the policy's rules."""

    objections: tuple[Objection, ...]
    strength: Strength


@frozen
class Refused:
    """
    No. The answer is the same whatever the reason, so that it tells an outsider nothing.

    *retry_after* is given only when the caller's own source or device has to wait.
    """

    retry_after: timedelta | None = None


@frozen
class TryAgain:
    """Nothing was decided, compared or counted; the same call may be made after *retry_after*."""

    retry_after: timedelta


@frozen
class FactorInfo:
    """What may be shown of a factor: never its secret."""

    id: str
    kind: FactorKind
    name: str
    created: datetime | None = None
    left: int | None = None


@frozen
class SessionInfo:
    """
    What may be shown of a session. *name* is what its browser called itself when it signed in, "" where that says nothing;
    *current* whether it is the one that asked.
    """

    id: str
    subject: str
    tenant: str
    level: AssuranceLevel
    created: datetime
    authenticated: datetime
    expires: datetime
    name: str = ""
    current: bool = True


@frozen
class SignedIn:
    """
    The subject proved all that the policy asks; *session* is the token to hand to the browser.

    *device* is a token for a second, longer-lived cookie: it gives this browser its own lockout lane and nothing else.
    *password_due* is when another password will be asked for, or has been since: because of its age, because an administrator
    gave until then, or because the rules of today refuse it. None where nothing of the kind is asked. Say so, and let people in.
    """

    session: str = secret()
    device: str = secret()
    info: SessionInfo = field(kw_only=True)
    password_due: datetime | None = field(default=None, kw_only=True)


@frozen
class FactorRequired:
    """A second factor is due: call ``verify_factor`` with this *ticket*."""

    ticket: str = secret()
    factors: tuple[FactorInfo, ...] = field(kw_only=True)


@frozen
class ChallengeRequired:
    """
    Show the *puzzle*, and call the same operation again with ``Context(challenge=ChallengeAnswer(ticket, answer))``.

    An answer is good once and for what it was asked for: the same identifier from the same source. This answer to it is like
    the first: solve the new puzzle.
    """

    ticket: str = secret()
    puzzle: str = field(kw_only=True, repr=False)  # no secret, and no two are alike


@frozen
class EnrollmentRequired:
    """The policy demands a second factor and the subject has none yet: call ``enroll_totp`` with this *ticket*."""

    ticket: str = secret()


@frozen
class PasswordChangeRequired:
    """Everything was proven, but the password must change first: ``set_password(..., by=ChangeTicket(ticket))``."""

    ticket: str = secret()
    reason: ChangeReason = field(kw_only=True)


@frozen
class ProofAccepted:
    """The factor is proven for this reset: ``redeem_reset(ResumeTicket(ticket), new_password)``."""

    ticket: str = secret()


class ChangeKind(StrEnum):
    """What a change is of that waits, or that can be vetoed."""

    PASSWORD = "password"  # noqa: S105 - a kind, not a password
    FACTORS = "factors"
    ADDRESS_ADDED = "address-added"
    ADDRESS_REMOVED = "address-removed"
    IDENTIFIER = "identifier"
    CONTACTS = "contacts"  # trusted contacts were asked; what for is said once they have agreed
    PASSWORD_PROPOSED = "password-proposed"  # noqa: S105 - a kind; an administrator proposed it, and another has to agree
    FACTORS_PROPOSED = "factors-proposed"
    ADDRESSES_PROPOSED = "addresses-proposed"


@frozen
class ProofRequired:
    """
    More proof is due before anything changes, and no second factor can give it: any one of *paths*, each a set of names of
    ``acctsec.recovery.Proof``. There is none where nothing that the subject has would do. Go on with this *ticket*.
    """

    ticket: str = secret()
    paths: tuple[frozenset[str], ...] = field(kw_only=True)


@frozen
class Waiting:
    """
    What was proven is enough, and nothing changes before *until*, so that whoever it concerns can stop it.

    Every address was told. With a *ticket*, make the same call with ``ResumeTicket(ticket)`` from then on, for as long as
    ``RecoveryPolicy.claim`` says; without one, make the same call again. *change* names it for ``cancel_change``.
    """

    until: datetime
    ticket: str | None = field(default=None, repr=False)
    change: str = field(default="", kw_only=True)


@frozen(kw_only=True)
class ChangeInfo:
    """What may be shown of a change: it can be made from *until* to *expires*, or was *made* and can be vetoed until then."""

    id: str
    kind: ChangeKind
    asked: datetime
    until: datetime
    expires: datetime
    made: datetime | None = None


@frozen
class Changes:
    """The changes of a subject that wait or can be vetoed, the oldest first."""

    changes: tuple[ChangeInfo, ...]


@frozen
class ChangeCancelled:
    """The change will not be made. Nothing else is different."""


@frozen
class VetoPending:
    """The veto stops a change of this *kind* until *expires*. Looking at it stopped nothing."""

    kind: ChangeKind
    expires: datetime


@frozen
class Vetoed:
    """
    The change is stopped, every session is over, and nobody signs in: the account is contested.

    Only proof that is stronger than what either side has shown opens it again; see ``redeem_reset``.
    """


@frozen(kw_only=True)
class ContactInfo:
    """What may be shown of a trusted contact: who it is, *since* when, and from when on its word *counts*."""

    subject: str
    since: datetime
    counts: datetime


@frozen
class Contacts:
    """The trusted contacts of a subject, in the order in which they were named."""

    contacts: tuple[ContactInfo, ...]


@frozen
class ContactNamed:
    """It is a trusted contact, and its word counts from *counts* on. It says nothing of whether there is such an account."""

    counts: datetime


@frozen
class ContactRemoved:
    """It is a trusted contact no more, and nothing that it was sent or said counts."""


@frozen
class ContactsAsked:
    """
    The trusted contacts were asked to agree. Once they have, go on with ``redeem_reset(ResumeTicket(ticket), ...)``, until
    *expires*.

    *change* names what they are asked for: let them compare its last characters with what ``SharePending`` shows.
    """

    ticket: str = secret()
    change: str = field(kw_only=True)
    expires: datetime = field(kw_only=True)


@frozen(kw_only=True)
class SharePending:
    """A contact may agree until *expires* that the *owner* comes back in, as was *asked*. Looking at it changed nothing."""

    owner: str
    change: str
    asked: datetime
    expires: datetime


@frozen
class Vouched:
    """The contact has agreed; so many more have to: *left*. Nothing else is different."""

    left: int


@frozen(kw_only=True)
class Proposed:
    """An administrator proposed it; it comes to nothing unless another agrees before *expires*."""

    change: str
    expires: datetime


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


@frozen
class FactorsRemoved:
    """Every second factor and printed code is gone, and every session is over. Nobody is signed in."""


@frozen
class PasswordChanged:
    """
    The password is changed; every session, ticket, reset, known device and known network of before is dead.

    *device* is a fresh device token for the browser that proved the change, and None where there is no such browser.
    """

    device: str | None = field(repr=False)


@frozen
class SessionValid:
    """The session stands. Replace the cookie when *renewed* is a token."""

    session: SessionInfo
    renewed: str | None = field(repr=False)


@frozen
class SessionEnded:
    """The token does not stand for a session."""

    reason: EndReason


@frozen
class SessionList:
    """
    The sessions of a subject, the newest sign-in first. Each *expires* at the latest then: when another one was used last is
    known to its own token alone.
    """

    sessions: tuple[SessionInfo, ...]


@frozen
class SessionsEnded:
    """The sessions are dead; *count* says how many there were."""

    count: int


@frozen
class DeviceInfo:
    """
    What may be shown of a known device: *seen* is when somebody signed in fully there or proved a change of password, *current*
    whether the request came with its token.
    """

    id: str
    seen: datetime
    current: bool


@frozen
class Devices:
    """The known devices of a subject, the one seen last first."""

    devices: tuple[DeviceInfo, ...]


@frozen
class DeviceForgotten:
    """The device is a stranger from now on, on every node. Its session, if it has one, goes on: see ``sign_out_everywhere``."""


@frozen
class ResetRequested:
    """
    The one answer to a reset request, whoever asked for whom.

    *handle* belongs to this browser: a reset code is useless without it.
    """

    handle: str = secret()


@frozen
class ResetPending:
    """
    The link is live until *expires*. Looking at it changed nothing. *approved*: two administrators agreed to this, and to nothing
    else, by it.
    """

    expires: datetime
    approved: ChangeKind | None = None


@frozen
class UnlockPending:
    """The link opens the lane of strangers until *expires*. Looking at it changed nothing."""

    expires: datetime


@frozen
class LockOpened:
    """Passwords are compared again where nobody is known: sign in now. Nobody is signed in, and nothing else was opened."""


@frozen
class EnrollmentStarted:
    """An authenticator can be set up from *uri* or *key*; nothing is stored until ``confirm_factor`` proves it."""

    ticket: str = secret()
    uri: str = secret()
    key: str = secret()


@frozen
class FactorAdded:
    """
    The factor is live and its confirming code is spent.

    *session* replaces the session that enrolled it: a change of privilege gives a new token and ends all others.
    """

    factor: FactorInfo
    session: str = secret()


@frozen
class FactorRemoved:
    """The factor is gone; *session* replaces the token that removed it."""

    session: str = secret()


@frozen
class FactorRenamed:
    """The factor has its new name."""

    factor: FactorInfo


@frozen
class Factors:
    """The factors of a subject."""

    factors: tuple[FactorInfo, ...]


@frozen
class RecoveryCodes:
    """The subject's new recovery codes, shown this once; older ones are void. *session* replaces the token."""

    codes: tuple[str, ...] = field(repr=False)
    session: str = secret()


@frozen
class Delivered:
    """What one round of delivery did, in outbox entries. Of those that *failed*, *dead* had their last try."""

    sent: int
    failed: int
    left: bool
    dead: int = 0


class LetterKind(StrEnum):
    """What an outbox entry has to tell."""

    EVENT = "event"
    NOTICE = "notice"
    RESET = "reset"
    CHANGE = "change"  # an address or a name that the directory has to follow
    UNREADABLE = "unreadable"  # no key of the ring opens it, it is damaged, or of a newer release


@frozen(kw_only=True)
class OutboxStatus:
    """
    What waits: entries that are *due*, those *hidden* while a worker has them or until they are tried again, and the *dead*.

    *oldest* is how long ago the one was written that has been due for the longest; None where none is, or it cannot be read.
    Each number may stop at 100,000.
    """

    due: int
    hidden: int
    dead: int
    oldest: timedelta | None


@frozen(kw_only=True)
class DeadLetter:
    """
    An outbox entry that had its last try: *id* is what to revive or discard it by.

    *name* is the event's, or the purpose of the message. *tenant* and *subject* are those it has: a reset request knows no
    subject yet. *at* is when it was written. Neither address nor identifier, link nor code is in it. Of an unreadable one all
    that is known is how many *attempts* it had.
    """

    id: str
    kind: LetterKind
    name: str
    tenant: str
    subject: str
    at: datetime | None
    attempts: int


@frozen
class DeadLetters:
    """Some dead letters; *after* begins the next page, and is None once there is none."""

    letters: tuple[DeadLetter, ...]
    after: bytes | None


@frozen
class LettersRevived:
    """So many letters are due now, with ten tries; the others were no dead letters any more."""

    count: int


@frozen
class LettersDiscarded:
    """So many letters were let go of, each with an event; the others were no dead letters any more."""

    count: int


@frozen
class Acted:
    """The act is done, or there was nothing to do."""


@frozen(kw_only=True)
class LaneStatus:
    """How one lane stands: *failures*, and until when it rests (None: it does not). *stopped*: it will not open by itself."""

    lane: str
    failures: int
    until: datetime | None
    stopped: bool


@frozen(kw_only=True)
class Export:
    """
    All that is held about a subject, without secrets. *addresses*: of those that came or went here, since when they are verified,
    and until when one that was removed is told of what happens. *habits*: how many sign-ins are remembered, from how many places.
    *accepted_under* names the password policy that accepted the password last (``PasswordPolicy.identity`` in hexadecimal; "" for
    none, as of one that was imported), *change_by* until when the password may stay where that is limited. *session_names* are
    those of *sessions*, in their order.
    """

    subject: str
    tenant: str
    has_password: bool
    password_since: datetime | None
    earlier_passwords: int
    factors: tuple[FactorInfo, ...]
    live_resets: tuple[datetime, ...]
    sessions: tuple[tuple[str, datetime], ...]
    devices: tuple[datetime, ...]
    networks: tuple[datetime, ...]
    failures: tuple[tuple[str, int], ...]
    openings: tuple[datetime, ...]
    change_required: bool
    disabled: bool
    contested: bool = False
    changes: tuple[ChangeInfo, ...] = ()
    addresses: tuple[tuple[datetime, datetime | None], ...] = ()
    habits: tuple[int, int] = (0, 0)
    contacts: tuple[tuple[str, datetime], ...] = ()
    accepted_under: str = ""
    change_by: datetime | None = None
    session_names: tuple[str, ...] = ()


class ImportObjection(StrEnum):
    """Why a stored hash was not taken over."""

    UNREADABLE = "unreadable-hash"  # the policy's hashing does not compute it: foreign, damaged, too cheap or too costly
    HAS_PASSWORD = "has-password"  # noqa: S105 - there is another one, which is never replaced
    UNKNOWN_SUBJECT = "unknown-subject"  # the directory has no such account
    FUTURE = "changed-in-the-future"


@frozen
class Imported:
    """The hash is the subject's verifier now. *again*: it was before, and nothing changed. *scheme* names what made it."""

    scheme: str
    again: bool = False


@frozen
class NotImported:
    """Nothing changed, for this reason."""

    objection: ImportObjection


@frozen(kw_only=True)
class Rewrapped:
    """
    What a page of records came to; *after* begins the next one, and is None once there is none.

    Of so many *records*, *changed* were written. *secrets* counts what lies in them now by the id of the key that sealed it,
    newest key first, *schemes* the passwords among them by what made their hash ("unreadable": nothing that the policy
    lists), *lost* what no key of the ring opens, and *damaged* names records with such a secret, or that cannot be read at
    all, by tenant and subject.
    """

    after: bytes | None
    records: int
    changed: int
    secrets: tuple[tuple[str, int], ...]
    schemes: tuple[tuple[str, int], ...]
    lost: int
    damaged: tuple[tuple[str, str], ...]

    @property
    def left(self) -> int:
        """Secrets that still lie under an older key."""
        return sum(number for _, number in self.secrets[1:])


@frozen(kw_only=True)
class Surveyed:
    """
    What the passwords on a page of records were accepted under; *after* begins the next page, and is None once there is none.

    Of so many *passwords*, *older* were accepted under other rules than those that hold for their accounts today, and *demanded*
    have to be changed, now or by a day that is set. *policies* counts them by the policy that accepted them last
    (``PasswordPolicy.identity`` in hexadecimal; "" for none). *damaged* names records that cannot be read, by tenant and subject.
    """

    after: bytes | None
    passwords: int
    older: int
    demanded: int
    policies: tuple[tuple[str, int], ...]
    damaged: tuple[tuple[str, str], ...]


CheckPasswordOutcome = PasswordAccepted | PasswordRejected | TryAgain
SetPasswordOutcome = PasswordChanged | PasswordRejected | Refused | TryAgain
SignInOutcome = SignedIn | ChallengeRequired | FactorRequired | EnrollmentRequired | PasswordChangeRequired | Refused | TryAgain
VerifyFactorOutcome = SignedIn | ProofAccepted | FactorRequired | PasswordChangeRequired | Refused | TryAgain
UnlockOutcome = LockOpened | Refused | TryAgain
RedeemResetOutcome = PasswordChanged | PasswordRejected | FactorRequired | ProofRequired | Waiting | Refused | TryAgain
VerifyAddressOutcome = AddressVerified | AddressTaken | Waiting | Refused | TryAgain
RemoveAddressOutcome = AddressRemoved | Waiting | Refused | TryAgain
ChangeIdentifierOutcome = IdentifierChanged | IdentifierTaken | IdentifierRejected | Waiting | Refused | TryAgain
RemoveLostFactorsOutcome = FactorsRemoved | FactorRequired | ProofRequired | Waiting | Refused | TryAgain
