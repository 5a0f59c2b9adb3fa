"""The serial model behind EngineMachine: what one subject's state must be, in plain values."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from attrs import Factory, define, field, frozen

from acctsec import events
from acctsec.mfa import totp
from acctsec.outcomes import AssuranceLevel
from acctsec.protocols import MessagePurpose
from acctsec.record import SKEW
from acctsec.sessions import SessionPolicy
from acctsec.testing.doubles import Authenticator

PERIOD = 30
EVERY_TENTH = 9  # guesses beyond the policy that a loss of the meters may give: the documented bound


@define(eq=False)
class Minted:
    """A token that was given out, and the life and epoch of its subject then."""

    text: str = field(repr=False)
    life: int
    epoch: int
    made: datetime
    expires: datetime
    spent: bool = False


@frozen
class Generation:
    """Which one of a session, when it was handed out, and to which request, by its *number*: no two come from one network."""

    turn: int = 0
    turned: datetime | None = None
    number: int = 0


@define
class Family:
    """All tokens of one session, the *generation* in force, and the *id* that the engine names it by, once it was seen."""

    tokens: list["Session"] = Factory(list)
    generation: Generation = Generation()
    id: str = ""


@define(eq=False)
class Session(Minted):
    """A session token; *active* is when it was sealed."""

    level: AssuranceLevel = AssuranceLevel.AAL1
    authenticated: datetime = field(kw_only=True)
    active: datetime = field(kw_only=True)
    family: Family = Factory(Family)
    generation: Generation = Generation()

    def __attrs_post_init__(self) -> None:
        self.family.tokens.append(self)

    def end(self) -> None:
        """Sign out: every token of the session is spent."""
        for one in self.family.tokens:
            one.spent = True

    @property
    def newest(self) -> Generation:
        """The generation that its session goes on with, under whichever id."""
        return max(self.generation, self.family.generation, key=lambda one: one.turn)

    def may_be_new(self, now: datetime) -> bool:
        """Whether no clock was further ahead than nodes may be when this, or what is in force, was handed out."""
        handed = (self.made, self.active, self.generation.turned, self.family.generation.turned)
        return max(one for one in handed if one is not None) <= now + SKEW

    def is_copy(self, now: datetime, grace: timedelta) -> bool:
        """Whether its browser has replaced it, or it was handed out beside the one that came back, and the grace is over."""
        mine, ours = self.generation, self.family.generation
        if mine == ours or mine.turn > ours.turn or ours.turned is None:
            return False
        apart = mine.turned is None or abs(mine.turned - ours.turned) > grace + SKEW
        return (mine.turn == ours.turn and apart) or mine.turn < ours.turn - 1 or now >= ours.turned + grace + SKEW


@define(eq=False)
class Reset(Minted):
    """A mailed reset; *handle* is what the browser got that asked for it."""

    code: str = field(kw_only=True, repr=False)
    handle: str | None = field(kw_only=True, repr=False)
    asked: str = field(kw_only=True)


@define(eq=False)
class Ticket(Minted):
    """
    A ticket of an unfinished flow. *proofs* are the kinds of proof so far; with mail, or a recovery code first, the flow is a
    reset, and *reset* the one it began with.
    """

    proofs: frozenset[str] = frozenset({"password"})
    reset: Reset | None = None

    @property
    def signs_in(self) -> bool:
        """Whether it may end in a session."""
        return "password" in self.proofs


@define(eq=False)
class Enrolment(Minted):
    """An authenticator that is not confirmed yet."""

    app: Authenticator = field(kw_only=True)
    session: Session | None = field(kw_only=True)


@define(eq=False)
class App:
    """A confirmed authenticator, the newest time step it was believed for, and how many steps its clock is known to be off."""

    id: str
    app: Authenticator
    last_step: int
    drift: int = 0

    def used(self, step: int, *, now: datetime, cap: int) -> None:
        """It was believed for a *step*: none up to that ever again, and its clock is known one step better."""
        self.last_step = step
        self.drift = totp.learned(self.drift, offset=step - totp.step_of(now), cap=cap)


@define(eq=False)
class Person:
    """One subject as it has to be."""

    subject: str
    identifier: str
    address: str
    required: bool = False
    life: int = 0
    epoch: int = 0
    password: str | None = None
    since: datetime | None = None
    change: bool = False
    change_by: datetime | None = None  # until when it may wait; None: it may not
    set_for_it: bool = False  # by an administrator, who knows the password
    disabled: bool = False
    suspended: bool = False  # by the platform, in its own table
    apps: list[App] = Factory(list)
    codes: list[str] = Factory(list)
    dead_codes: list[str] = Factory(list)
    sessions: list[Session] = Factory(list)
    resets: list[Reset] = Factory(list)
    tickets: list[Ticket] = Factory(list)
    resumes: list[Ticket] = Factory(list)
    changes: list[Ticket] = Factory(list)
    firsts: list[Ticket] = Factory(list)
    enrolments: list[Enrolment] = Factory(list)
    handles: list[Minted] = Factory(list)
    devices: list[str] = Factory(list)
    guesses: Counter[str] = Factory(Counter)
    lost: int = 0
    opened: int = 0  # how often its owner opened the lane of strangers since it was clear
    held: datetime | None = None  # until when a recovery by mail alone can be vetoed, and nothing is done for good

    @property
    def active(self) -> bool:
        """Whether anything may be granted to it."""
        return not self.disabled and not self.suspended

    def demanded(self, now: datetime) -> bool:
        """Whether another password is demanded now."""
        return self.change and (self.change_by is None or self.change_by <= now)

    def demand(self, by: datetime | None) -> bool:
        """Demand another password by then; whether that is news."""
        news = not self.change or (self.change_by is not None and (by is None or by < self.change_by))
        if news:
            self.change, self.change_by = True, by
        return news

    def mint(self, kind: Any, text: str, *, now: datetime, lasts: timedelta, **more: Any) -> Any:
        """A token of the present life and epoch."""
        return kind(text=text, life=self.life, epoch=self.epoch, made=now, expires=now + lasts, **more)

    def holds(self, token: Minted, now: datetime) -> bool:
        """Whether a token may still have an effect: of this life and epoch, not spent, in time."""
        return (token.life, token.epoch, token.spent) == (self.life, self.epoch, False) and now < token.expires

    def live(self, session: Session, now: datetime, rules: SessionPolicy) -> bool:
        """Whether a session token stands for a session."""
        return self.lives(session, now, rules) and not session.is_copy(now, rules.grace)

    def lives(self, session: Session, now: datetime, rules: SessionPolicy) -> bool:
        """The same, whichever of its tokens it is."""
        in_time = session.may_be_new(now) and now < session.active + rules.idle
        return not self.disabled and self.holds(session, now) and in_time

    def enough(self, proofs: frozenset[str]) -> bool:
        """Whether these proofs carry a reset."""
        return len(proofs) >= 2 if self.apps else "mail" in proofs

    def may_change(self, session: Session, now: datetime, rules: SessionPolicy) -> bool:
        """Whether a session may change a credential."""
        level = AssuranceLevel.AAL2 if self.apps else AssuranceLevel.AAL1
        recent = session.authenticated - SKEW <= now < session.authenticated + rules.fresh  # nodes may be so far apart
        return self.active and self.live(session, now, rules) and session.level >= level and recent

    def may_for_good(self, now: datetime) -> bool:
        """Whether nothing keeps it from what nobody takes back."""
        return self.held is None or now >= self.held

    # --- what happens to it ---

    def next_epoch(self) -> None:
        """Everything minted before is dead."""
        self.epoch += 1

    def change_password(self, password: str, *, now: datetime) -> None:
        """A new password, and nothing of the old one."""
        self.next_epoch()
        self.password, self.since = password, now
        self.change = self.set_for_it = False

    def open_lanes(self) -> None:
        """Start counting guesses anew."""
        self.guesses.clear()
        self.lost = self.opened = 0

    def void_codes(self) -> None:
        """No recovery code is good any more."""
        self.dead_codes += self.codes
        self.codes = []

    def forget(self) -> None:
        """Begin a new life: nothing of this one is left."""
        self.void_codes()
        self.life, self.epoch, self.password = self.life + 1, 0, None
        self.change = self.set_for_it = self.disabled = False
        self.apps, self.held = [], None
        self.open_lanes()


CHANGES = (
    events.PasswordSet,
    events.PasswordReset,
    events.SignedInEvent,
    events.FactorAccepted,
    events.FactorEnrolled,
    events.FactorDropped,
    events.RecoveryCodesIssued,
    events.DeviceRevoked,
    events.SessionClosed,
    events.SessionCopied,
    events.SessionsClosed,
    events.GuessingReopened,
    events.Unlocked,
    events.Disabled,
    events.Enabled,
    events.ChangeDemanded,
    events.Erased,
)
"""Events that the model foretells, each exactly as often as it happens."""

NOTICES = (
    MessagePurpose.PASSWORD_CHANGED,
    MessagePurpose.FACTOR_ADDED,
    MessagePurpose.FACTOR_REMOVED,
    MessagePurpose.RECOVERY_CODES_ISSUED,
    MessagePurpose.RECOVERY_CODE_USED,
    MessagePurpose.SESSION_COPIED,
)
"""Messages that the model foretells."""
