"""What operators read: delivery and the outbox, administration, imports, and the rounds over all records."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from acctsec.outcomes.factors import FactorImported, FactorInfo, TokenRejected
from acctsec.outcomes.recovery import ChangeInfo
from acctsec.outcomes.shared import TryAgain


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
    """Why a stored hash, or a token, was not taken over."""

    UNREADABLE = "unreadable-hash"  # the policy's hashing does not compute it: foreign, damaged, too cheap or too costly
    HAS_PASSWORD = "has-password"  # noqa: S105 - there is another one, which is never replaced
    HAS_FACTOR = "has-factor"  # there is one, beside which nobody else sets one up
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

    *lacking* counts the active accounts whose factors are not enough to sign in, by what the policy asks of them; of those,
    *untold* have not signed in since it does, and of *overdue* ones the time is over.
    """

    after: bytes | None
    passwords: int
    older: int
    demanded: int
    policies: tuple[tuple[str, int], ...]
    damaged: tuple[tuple[str, str], ...]
    lacking: tuple[tuple[str, int], ...] = ()
    untold: int = 0
    overdue: int = 0


ImportFactorOutcome = FactorImported | TokenRejected | NotImported | TryAgain
