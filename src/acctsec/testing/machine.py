"""
EngineMachine: an engine, its doubles and a small model of what must be, driven at random by Hypothesis.

Subclass it, and run it against a store of your own or with rules of your own::

    class OurMachine(EngineMachine):
        def make_store(self):
            return OurStore(...)

    TestOurStore = OurMachine.TestCase

Needs ``acctsec[testing]``.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from acctsec import events
from acctsec._flows.tokens import Purpose
from acctsec.budgets import Budget, Rungs
from acctsec.claims import (
    Admin,
    ChangeTicket,
    CurrentPassword,
    FreshSession,
    HandleClaims,
    Initial,
    RecoveryCode,
    ResetCode,
    ResetLink,
    ResumeTicket,
    TotpCode,
)
from acctsec.engine import AsyncEngine, Engine
from acctsec.outcomes import (
    EnrollmentRequired,
    EnrollmentStarted,
    FactorAdded,
    FactorRemoved,
    FactorRequired,
    PasswordChanged,
    PasswordChangeRequired,
    PasswordRejected,
    ProofAccepted,
    RecoveryCodes,
    Refused,
    SessionsEnded,
    SessionValid,
    SignedIn,
    TryAgain,
)
from acctsec.policy import Policy
from acctsec.protocols import Account, MessagePurpose, Status
from acctsec.stores import AsyncMemoryStore, MemoryStore
from acctsec.testing._model import CHANGES, EVERY_TENTH, NOTICES, PERIOD, App, Enrolment, Person, Reset, Session, Ticket
from acctsec.testing.doubles import Authenticator
from acctsec.testing.races import RACING
from acctsec.testing.strategies import leaps, spellings, steps
from acctsec.testing.world import World, built

T = TypeVar("T")

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OFTEN = Budget(limit=50, window=HOUR)
HASTY = evolve(
    RACING,
    name="hasty",
    mfa=evolve(RACING.mfa, required_groups=frozenset({"staff"}), recovery_codes=4),
    reset=evolve(RACING.reset, per_identifier=OFTEN, per_source=OFTEN, per_subject=OFTEN),
    lockout=evolve(
        RACING.lockout,
        strangers=Rungs(free=3, first=MINUTE, longest=5 * MINUTE, stop=6),
        device=Rungs(free=2, first=MINUTE, longest=5 * MINUTE, stop=3),
    ),
)
"""RACING with ladders so short that a few steps climb them, resets that are asked for often, and staff who need a factor."""

PICK = st.integers(0, 10_000)
WHO = st.integers(0, 1)


def granted(outcome: object, kind: type[T], allowed: bool, *or_else: type) -> T | None:  # noqa: FBT001 - reads as a sentence
    """*outcome* if it is of *kind*, which it may be only where the model allows it; otherwise it must be one of *or_else*."""
    if isinstance(outcome, kind):
        assert allowed, f"the model does not allow {outcome!r}"
        return outcome
    assert isinstance(outcome, or_else or (Refused, TryAgain)), f"unexpected {outcome!r}"
    return None


class EngineMachine(RuleBasedStateMachine):
    """
    Two people, one of them staff, an engine and a model of both; every outcome is held against the model.

    What the model foretells: who may sign in and at which level; which sessions, tickets, links, codes and enrolments still
    hold (life, epoch, use, time); that reset and recovery never sign in and never pass by a factor; how many comparisons a
    lane gets between two clearings; one event and one notice a change; no secret in events, outcomes or the store.
    """

    face: ClassVar[type] = Engine
    policy: ClassVar[Policy] = HASTY

    world: World[Any]

    # --- to override ---

    def make_store(self) -> Any:
        """A fresh store of the form that ``face`` wants."""
        return AsyncMemoryStore() if self.face is AsyncEngine else MemoryStore()

    def lose_meters(self) -> bool:
        """Let the store forget its meters as after a failure; False where it cannot be made to."""
        store = getattr(self.world.store, "_store", self.world.store)
        if not isinstance(store, MemoryStore):
            return False
        store._rows.clear()  # noqa: SLF001 - as no store of ours would by itself
        store._round.clear()  # noqa: SLF001
        return True

    def dump(self) -> bytes:
        """Everything that the store keeps, to look for secrets in."""
        store = getattr(self.world.store, "_store", self.world.store)
        kept = (store._records, store._outbox, store._rows) if isinstance(store, MemoryStore) else ()  # noqa: SLF001
        return repr(kept).encode()

    # --- the world ---

    def __init__(self) -> None:
        super().__init__()
        self.world = built(World, self.face, self.make_store(), policy=self.policy, seed=1)
        self.secrets: list[str] = []
        self.shown: list[str] = []
        self.happened: Counter[type] = Counter()
        self.told: Counter[MessagePurpose] = Counter()
        self.seen = self.numbers = 0
        self.people = [
            Person("u1", "alice@example.org", "Alice@example.org"),
            Person("u2", "b\u00f6rge", "staff@example.org", required=True),
        ]

    @initialize(first=st.booleans(), second=st.booleans())
    def begin(self, first: bool, second: bool) -> None:  # noqa: FBT001 - drawn
        """Sign both up; not everybody chooses a password."""
        for person, chooses in zip(self.people, (first, second), strict=True):
            groups = frozenset({"staff"}) if person.required else frozenset()
            self.world.directory.put(
                Account(
                    subject=person.subject, identifiers=(person.identifier,), addresses=(person.address,), groups=groups
                )
            )
            if chooses:
                self.set_first_password(who=self.people.index(person))

    def teardown(self) -> None:
        """Deliver what is left and hold the whole story against the model."""
        try:
            self.world.restart()
            self.world.clock.advance(timedelta(days=1))
            self.world.deliver()
            if sys.exc_info()[0] is None:  # otherwise the story broke off
                self.check_story()
        finally:
            self.world.close()
            close = getattr(self.world.store, "close", None)
            if close is not None:
                close()

    def check_story(self) -> None:
        """One event and one notice a change, none twice, and no secret anywhere."""
        found = Counter(type(event) for event in self.world.sink.events)
        assert {kind: found[kind] for kind in CHANGES} == {kind: self.happened[kind] for kind in CHANGES}
        sent = Counter(message.purpose for message in self.world.messenger.messages)
        assert {one: sent[one] for one in NOTICES} == {one: self.told[one] for one in NOTICES}
        written = repr(self.world.sink.handed) + repr(self.world.messenger.handed) + "".join(self.shown)
        kept = self.dump()
        for secret in self.secrets:
            assert secret not in written, f"a secret was shown: {secret}"
            assert secret.encode() not in kept, f"a secret is stored: {secret}"

    # --- short ways ---

    @property
    def now(self) -> Any:
        """The present of the world."""
        return self.world.clock.now

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Ask the engine; what it answers must not show a secret."""
        outcome = getattr(self.world.calls, name)(*args, **kwargs)
        self.shown.append(repr(outcome))
        return outcome

    def context(self, *, device: str | None = None) -> Any:
        """A request from a network that nobody used before, so that no source is ever over its budget."""
        self.numbers += 1
        return self.world.context(f"10.{self.numbers >> 16}.{self.numbers >> 8 & 255}.{self.numbers & 255}", device=device)

    def secret(self, kind: str) -> str:
        """A password that occurs nowhere else."""
        self.numbers += 1
        return self.hide(f"{kind} canary {self.numbers} marmalade")

    def hide(self, *secrets: str) -> str:
        """Remember secrets that must not be found anywhere."""
        self.secrets += secrets
        return secrets[0]

    def happens(self, kind: type, *notices: MessagePurpose) -> None:
        """A change was committed: foretell its event and notices."""
        self.happened[kind] += 1
        self.told.update(notices)

    @staticmethod
    def pick(things: Sequence[T], number: int) -> T | None:
        """One of several things, the newest for 0."""
        return things[-1 - number % len(things)] if things else None

    def new_session(self, person: Person, text: str, level: Any, *, authenticated: Any = None, made: Any = None) -> Session:
        """Remember a session that was given out."""
        made = made or self.now
        session = Session(
            text=self.hide(text),
            life=person.life,
            epoch=person.epoch,
            made=made,
            expires=made + self.policy.sessions.absolute,
            level=level,
            authenticated=authenticated or self.now,
            active=self.now,
        )
        person.sessions.append(session)
        return session

    # --- passwords ---

    @rule(who=WHO)
    def set_first_password(self, who: int) -> None:
        """Only who has none may set a first one."""
        person, password = self.people[who], self.secret("first")
        outcome = self.call("set_password", person.subject, password, by=Initial(), context=self.context())
        allowed = person.active and person.password is None
        if granted(outcome, PasswordChanged, allowed):
            person.change_password(password)
            self.happens(events.PasswordSet)
        else:
            assert not allowed, outcome

    @rule(who=WHO, right=st.booleans(), number=PICK, beside=st.booleans())
    def change_by_current_password(self, who: int, right: bool, number: int, beside: bool) -> None:  # noqa: FBT001
        """The current password changes itself, beside a session at full level where a factor guards."""
        person, new = self.people[who], self.secret("changed")
        session = self.pick(person.sessions, number) if beside else None
        current = person.password if right and person.password else self.secret("wrong")
        before = len(self.world.comparisons.guesses)
        by = CurrentPassword(current, None if session is None else session.text)
        outcome = self.call("set_password", person.subject, new, by=by, context=self.context())
        self.count_guesses(person, before, "strangers", current)
        level = session is not None and person.live(session, self.now, self.idle) and session.level >= 1 + bool(person.apps)
        allowed = person.active and current == person.password and (level if session else not person.apps)
        if granted(outcome, PasswordChanged, allowed):
            person.change_password(new)
            self.happens(events.PasswordSet, MessagePurpose.PASSWORD_CHANGED)

    @rule(who=WHO, number=PICK, reuse=st.booleans())
    def change_by_fresh_session(self, who: int, number: int, reuse: bool) -> None:  # noqa: FBT001
        """A fresh session at full level changes the password, but not into itself."""
        person = self.people[who]
        session = self.pick(person.sessions, number)
        if session is None:
            return
        new = person.password if reuse and person.password else self.secret("fresh")
        by = FreshSession(session.text)
        outcome = self.call("set_password", person.subject, new, by=by, context=self.context())
        allowed = self.may_change(person, session)
        if granted(outcome, PasswordChanged, allowed and new != person.password, Refused, TryAgain, PasswordRejected):
            person.change_password(new)
            self.happens(events.PasswordSet, MessagePurpose.PASSWORD_CHANGED)
        elif isinstance(outcome, Refused):
            assert not allowed, outcome

    @rule(who=WHO)
    def change_by_administrator(self, who: int) -> None:
        """An administrator's password must be changed at once."""
        person, new = self.people[who], self.secret("admin")
        outcome = self.call("set_password", person.subject, new, by=Admin("ops"), context=self.context())
        if granted(outcome, PasswordChanged, person.active):
            person.change_password(new)
            person.change = True
            self.happens(events.PasswordSet, MessagePurpose.PASSWORD_CHANGED)

    @rule(who=WHO, number=PICK)
    def change_by_ticket(self, who: int, number: int) -> None:
        """The ticket of PasswordChangeRequired changes the password, once."""
        person, new = self.people[who], self.secret("ticket")
        ticket = self.pick(person.changes, number)
        if ticket is None:
            return
        by = ChangeTicket(ticket.text)
        outcome = self.call("set_password", person.subject, new, by=by, context=self.context())
        allowed = person.active and person.holds(ticket, self.now) and person.change
        if granted(outcome, PasswordChanged, allowed):
            person.change_password(new)
            self.happens(events.PasswordSet, MessagePurpose.PASSWORD_CHANGED)

    # --- signing in ---

    @rule(who=WHO, data=st.data(), right=st.booleans(), number=PICK, known=st.booleans())
    def sign_in(self, who: int, data: Any, right: bool, number: int, known: bool) -> None:  # noqa: FBT001
        """A right password gives what is due, and only that; a wrong one is counted."""
        person = self.people[who]
        device = self.pick(person.devices, number) if known else None
        password = person.password if right and person.password else self.secret("wrong")
        self.try_password(person, data.draw(spellings(person.identifier)), password, device)

    def try_password(self, person: Person, identifier: str, password: str, device: str | None) -> Any:
        """Sign in and hold the answer against the model."""
        before = len(self.world.comparisons.guesses)
        outcome = self.call("sign_in", identifier, password, context=self.context(device=device))
        lane = device or "strangers"
        self.count_guesses(person, before, lane, password)
        right = person.active and password == person.password
        due = self.due(person)
        assert isinstance(outcome, (due if right else Refused, Refused, TryAgain)), f"{outcome!r} where {due} was due"
        if isinstance(outcome, SignedIn):
            self.enter(person, outcome, lane)
        elif isinstance(outcome, FactorRequired):
            person.tickets.append(self.ticket(person, outcome.ticket))
        elif isinstance(outcome, PasswordChangeRequired):
            person.changes.append(self.ticket(person, outcome.ticket))
        return outcome

    def due(self, person: Person) -> type:
        """What a right password has to be answered with."""
        if person.apps:
            return FactorRequired
        if person.change:
            return PasswordChangeRequired
        return EnrollmentRequired if person.required else SignedIn

    def ticket(self, person: Person, text: str, *, lasts: timedelta | None = None, reset: Reset | None = None) -> Ticket:
        """Remember a ticket."""
        return person.mint(  # type: ignore[no-any-return]
            Ticket, self.hide(text), now=self.now, lasts=lasts or self.policy.sessions.ticket_lifetime, reset=reset
        )

    def enter(self, person: Person, outcome: SignedIn, lane: str) -> None:
        """Somebody got in: remember the session and the device, and that the lane is clear."""
        level = 2 if person.apps else 1
        assert outcome.info.level == level, f"a session of level {outcome.info.level} where {level} was proven"
        self.new_session(person, outcome.session, outcome.info.level)
        person.devices = [*person.devices, self.hide(outcome.device)][-8:]
        person.guesses[lane] = 0
        self.happens(events.SignedInEvent)

    def count_guesses(self, person: Person, before: int, lane: str, password: str) -> None:
        """Every wrong password here is another one: hold the comparisons against what a lane may have."""
        person.guesses[lane] += sum(one.password == password for one in self.world.comparisons.guesses[before:])
        most = self.policy.lockout.strangers.stop + person.lost
        assert person.guesses[lane] <= most, f"{person.guesses[lane]} comparisons in a lane that may have {most}"

    @rule(who=WHO, number=PICK, step=st.integers(-2, 2), app=PICK, kind=st.sampled_from(("code", "wrong", "recovery", "dead")))
    def verify_factor(self, who: int, number: int, step: int, app: int, kind: str) -> None:
        """A code works once, a ticket works once, and only the right one of both gives anything."""
        person = self.people[who]
        ticket = self.pick(person.tickets, number)
        if ticket is None:
            return
        answer, chosen = self.answer(person, kind, step, app)
        if answer is None:
            return
        outcome = self.call("verify_factor", ticket.text, answer, context=self.context())
        reset = ticket.reset
        allowed = person.active and chosen is not None and person.holds(ticket, self.now)
        allowed = allowed and (reset is None or person.holds(reset, self.now))
        if isinstance(outcome, Refused | TryAgain):
            return
        assert allowed, f"{outcome!r} for a ticket or code that is no good"
        self.use(person, ticket, chosen)
        if isinstance(outcome, PasswordChangeRequired):
            assert person.change and reset is None
            person.changes.append(self.ticket(person, outcome.ticket))
            self.happens(events.FactorAccepted)
        elif isinstance(outcome, ProofAccepted):
            assert reset is not None
            person.resumes.append(self.ticket(person, outcome.ticket, lasts=self.policy.reset.resume_lifetime, reset=reset))
            self.happens(events.FactorAccepted)
        else:
            assert isinstance(outcome, SignedIn)
            assert reset is None and not person.change, "a reset or a demanded change ended in a session"
            self.enter(person, outcome, "strangers")

    def answer(self, person: Person, kind: str, step: int, number: int) -> tuple[Any, Any]:
        """An answer of that kind, and what it uses up if it is right."""
        if kind in ("recovery", "dead"):
            code = self.pick(person.codes if kind == "recovery" else person.dead_codes, number)
            return (None, None) if code is None else (RecoveryCode(code), code if kind == "recovery" and person.apps else None)
        app = self.pick(person.apps, number)
        if app is None:
            return TotpCode("000000"), None
        if kind == "wrong":
            return app.app.wrong(self.now), None
        wanted = int(self.now.timestamp()) // PERIOD + step
        right = abs(step) <= self.policy.mfa.window and wanted > app.last_step
        return app.app.code(self.now, step=step), (app, wanted) if right else None

    def use(self, person: Person, ticket: Ticket, chosen: Any) -> None:
        """A ticket and a code did their work."""
        ticket.spent = True
        if isinstance(chosen, str):
            person.codes.remove(chosen)
            person.dead_codes.append(chosen)
            self.told[MessagePurpose.RECOVERY_CODE_USED] += 1
        else:
            app, step = chosen
            app.last_step = step

    @rule(who=WHO)
    def owner_gets_in(self, who: int) -> None:
        """Who knows everything gets in, whatever others tried: once unlocked, from a network of one's own."""
        person = self.people[who]
        if person.password is None:
            return
        self.unlock(who=who)
        self.world.clock.advance(seconds=2 * PERIOD)
        outcome = self.try_password(person, person.identifier, person.password, None)
        assert isinstance(outcome, self.due(person) if person.active else Refused), outcome
        fresh = [app for app in person.apps if app.last_step < int(self.now.timestamp()) // PERIOD]
        if person.active and fresh:
            sessions = len(person.sessions) + len(person.changes)
            self.verify_factor(who=who, number=0, step=0, app=len(person.apps) - 1 - person.apps.index(fresh[0]), kind="code")
            assert len(person.sessions) + len(person.changes) == sessions + 1, "the right code was refused"

    # --- resets ---

    @rule(who=WHO, data=st.data(), delivered=st.booleans())
    def request_reset(self, who: int, data: Any, delivered: bool) -> None:  # noqa: FBT001
        """Ask for a reset; the answer tells nothing."""
        person = self.people[who]
        name = data.draw(spellings(person.identifier)) if data.draw(st.booleans()) else person.address
        outcome = self.call("request_reset", name, context=self.context())
        handle = self.hide(outcome.handle)
        claims = self.world.engine._flows.core.tokens.open(Purpose.HANDLE, handle, HandleClaims)  # noqa: SLF001
        self.handles = {**getattr(self, "handles", {}), claims.id.hex(): handle}
        if delivered:
            self.deliver()

    @rule()
    def deliver(self) -> None:
        """Deliver what is due, and open the mail."""
        self.world.deliver()
        for message in self.world.messenger.handed[self.seen :]:
            if message.purpose is not MessagePurpose.RESET:
                continue
            person = next(one for one in self.people if one.subject == message.subject)
            assert message.address == person.address, "a reset went elsewhere than to the stored address"
            assert person.active, "a reset for somebody who is disabled"
            lasts = message.expires - self.now
            handle = self.handles.get(message.key.partition("-")[0])
            known = next((one for one in person.resets if one.handle == handle), None)
            if known is None:
                reset = person.mint(Reset, self.hide(message.link), now=self.now, lasts=lasts, code=message.code, handle=handle)
                person.resets.append(reset)
        self.seen = len(self.world.messenger.handed)

    @rule(who=WHO, number=PICK, by_code=st.booleans(), kind=st.sampled_from(("good", "short", "current")))
    def redeem(self, who: int, number: int, by_code: bool, kind: str) -> None:  # noqa: FBT001
        """A reset changes one password once, never signs in, and stops where a factor guards."""
        person = self.people[who]
        reset = self.pick(person.resets, number)
        if reset is None:
            return
        new = {"good": self.secret("reset"), "short": "short", "current": person.password or "short"}[kind]
        proof = ResetCode(reset.handle, reset.code) if by_code and reset.handle else ResetLink(reset.text)
        outcome = self.call("redeem_reset", proof, new, context=self.context())
        allowed = person.active and person.holds(reset, self.now)
        if isinstance(outcome, FactorRequired):
            assert allowed and person.apps
            person.tickets.append(self.ticket(person, outcome.ticket, lasts=self.policy.reset.resume_lifetime, reset=reset))
        elif granted(outcome, PasswordChanged, allowed and not person.apps and kind == "good", Refused, TryAgain, PasswordRejected):
            self.redeemed(person, reset, new)
        elif isinstance(outcome, PasswordRejected):
            assert allowed and not person.apps and kind != "good", outcome
        elif isinstance(proof, ResetLink) and reset.made <= self.now:
            assert not allowed or isinstance(outcome, TryAgain), outcome

    @rule(who=WHO, number=PICK)
    def resume(self, who: int, number: int) -> None:
        """A reset whose factor is proven changes the password once."""
        person, new = self.people[who], self.secret("resumed")
        ticket = self.pick(person.resumes, number)
        if ticket is None:
            return
        outcome = self.call("redeem_reset", ResumeTicket(ticket.text), new, context=self.context())
        assert ticket.reset is not None
        allowed = person.active and person.holds(ticket, self.now) and person.holds(ticket.reset, self.now)
        if granted(outcome, PasswordChanged, allowed):
            self.redeemed(person, ticket.reset, new)

    def redeemed(self, person: Person, reset: Reset, new: str) -> None:
        """A reset did its work."""
        reset.spent = True
        person.change_password(new)
        person.open_lanes()
        self.happens(events.PasswordReset, MessagePurpose.PASSWORD_CHANGED)

    @rule(who=WHO, number=PICK)
    def look_at_link(self, who: int, number: int) -> None:
        """Looking at a link changes nothing, and shows what redeeming it would find."""
        person = self.people[who]
        reset = self.pick(person.resets, number)
        if reset is not None:
            outcome = self.call("inspect_reset", reset.text, context=self.context())
            assert isinstance(outcome, Refused) or (person.active and person.holds(reset, self.now)), outcome

    # --- factors ---

    idle = property(lambda self: self.policy.sessions.idle)

    def may_change(self, person: Person, session: Session) -> bool:
        """Whether the model lets a session change a credential."""
        return person.may_change(session, self.now, self.idle, self.policy.sessions.fresh)

    @rule(who=WHO, number=PICK, at_once=st.booleans())
    def enroll(self, who: int, number: int, at_once: bool) -> None:  # noqa: FBT001
        """A fresh session at full level may begin to add an authenticator."""
        person = self.people[who]
        session = self.pick(person.sessions, number)
        if session is None:
            return
        outcome = self.call("enroll_totp", session.text, context=self.context())
        started = granted(outcome, EnrollmentStarted, self.may_change(person, session))
        assert started or not self.may_change(person, session), outcome
        if started:
            self.hide(started.ticket, started.key, started.uri)
            app = Authenticator(started)
            lasts = self.policy.sessions.ticket_lifetime
            person.enrolments.append(person.mint(Enrolment, started.ticket, now=self.now, lasts=lasts, app=app, session=session))
            if at_once:
                self.confirm(who=who, number=0, right=True)

    @rule(who=WHO, number=PICK, right=st.booleans())
    def confirm(self, who: int, number: int, right: bool) -> None:  # noqa: FBT001
        """The code of a new authenticator makes it live, spends itself, and ends every other session."""
        person = self.people[who]
        enrolment = self.pick(person.enrolments, number)
        if enrolment is None:
            return
        code = enrolment.app.code(self.now) if right else enrolment.app.wrong(self.now)
        outcome = self.call("confirm_factor", enrolment.text, code, context=self.context())
        held = person.holds(enrolment, self.now) and not enrolment.session.spent
        if added := granted(outcome, FactorAdded, person.active and right and held and len(person.apps) < 5):
            person.next_epoch()
            person.apps.append(App(added.factor.id, enrolment.app, int(self.now.timestamp()) // PERIOD))
            self.new_session(person, added.session, 2, made=enrolment.session.made)
            self.happens(events.FactorEnrolled, MessagePurpose.FACTOR_ADDED)

    @rule(who=WHO, number=PICK, app=PICK)
    def remove(self, who: int, number: int, app: int) -> None:
        """An authenticator goes by a fresh session at full level, and never the last one that is required."""
        person = self.people[who]
        session, found = self.pick(person.sessions, number), self.pick(person.apps, app)
        if session is None or found is None:
            return
        outcome = self.call("remove_factor", session.text, found.id, context=self.context())
        allowed = self.may_change(person, session) and (len(person.apps) > 1 or not person.required)
        if removed := granted(outcome, FactorRemoved, allowed):
            person.next_epoch()
            person.apps.remove(found)
            if not person.apps:
                person.void_codes()
            level = 2 if person.apps else 1
            self.new_session(person, removed.session, level, made=session.made, authenticated=session.authenticated)
            self.happens(events.FactorDropped, MessagePurpose.FACTOR_REMOVED)
        else:
            assert not allowed, outcome

    @rule(who=WHO, number=PICK)
    def issue_codes(self, who: int, number: int) -> None:
        """New recovery codes void the old ones."""
        person = self.people[who]
        session = self.pick(person.sessions, number)
        if session is None:
            return
        outcome = self.call("issue_recovery_codes", session.text, context=self.context())
        allowed = self.may_change(person, session) and bool(person.apps)
        if issued := granted(outcome, RecoveryCodes, allowed):
            person.next_epoch()
            person.void_codes()
            person.codes = list(issued.codes)
            self.hide(*issued.codes)
            self.new_session(person, issued.session, session.level, made=session.made, authenticated=session.authenticated)
            self.happens(events.RecoveryCodesIssued, MessagePurpose.RECOVERY_CODES_ISSUED)
        else:
            assert not allowed, outcome

    # --- sessions ---

    @rule(who=WHO, number=PICK)
    def look_at_session(self, who: int, number: int) -> None:
        """A session stands exactly as long as the model says."""
        person = self.people[who]
        session = self.pick(person.sessions, number)
        if session is None:
            return
        outcome = self.call("check_session", session.text, context=self.context())
        valid = isinstance(outcome, SessionValid)
        assert valid == person.live(session, self.now, self.idle), outcome
        if isinstance(outcome, SessionValid) and outcome.renewed:
            again = self.new_session(
                person, outcome.renewed, session.level, made=session.made, authenticated=session.authenticated
            )
            again.family = [*session.family, session]
            for one in again.family:
                one.family.append(again)

    @rule(who=WHO, number=PICK)
    def sign_out(self, who: int, number: int) -> None:
        """A session ends once."""
        person = self.people[who]
        session = self.pick(person.sessions, number)
        if session is None:
            return
        live = person.live(session, self.now, self.idle)
        assert self.call("sign_out", session.text, context=self.context()) == SessionsEnded(int(live))
        if live:
            session.end()
            self.happens(events.SessionClosed)

    @rule(who=WHO)
    def sign_out_everywhere(self, who: int) -> None:
        """Every session ends."""
        person = self.people[who]
        outcome = self.call("sign_out_everywhere", person.subject, by=Admin("ops"), context=self.context())
        assert isinstance(outcome, SessionsEnded)
        if self.known(person):
            person.next_epoch()
            self.happens(events.SessionsClosed)

    # --- operators and the world ---

    def known(self, person: Person) -> bool:
        """Whether the store has a record of somebody."""
        key = self.world.engine._flows.core.record_key("", person.subject)  # noqa: SLF001 - the record itself is looked at
        store = getattr(self.world.store, "_store", self.world.store)
        return store.load(key) is not None

    @rule(who=WHO)
    def unlock(self, who: int) -> None:
        """The meters of a subject begin anew."""
        self.world.calls.admin.unlock(self.people[who].subject, actor="ops")
        self.people[who].open_lanes()
        self.happens(events.Unlocked)

    @rule(who=WHO)
    def disable(self, who: int) -> None:
        """A disabled subject is refused everything."""
        person = self.people[who]
        self.world.calls.admin.disable(person.subject, actor="ops")
        if not person.disabled:
            person.disabled = True
            person.next_epoch()
            self.happens(events.Disabled)

    @rule(who=WHO)
    def enable(self, who: int) -> None:
        """An enabled subject begins without sessions."""
        person = self.people[who]
        self.world.calls.admin.enable(person.subject, actor="ops")
        if person.disabled:
            person.disabled = False
            self.happens(events.Enabled)

    @rule(who=WHO)
    def demand_change(self, who: int) -> None:
        """The next sign-in ends in a change."""
        person = self.people[who]
        self.world.calls.admin.require_password_change(person.subject, actor="ops")
        if person.password is not None and not person.change:
            person.change = True
            self.happens(events.ChangeDemanded)

    @rule(who=WHO, suspended=st.booleans())
    def suspend(self, who: int, suspended: bool) -> None:  # noqa: FBT001
        """The platform disables an account in its own table, or takes that back."""
        person = self.people[who]
        person.suspended = suspended
        self.world.directory.change(person.subject, status=Status.DISABLED if suspended else Status.ACTIVE)

    @rule(who=WHO)
    def erase(self, who: int) -> None:
        """Nothing of an erased subject works in its next life."""
        person = self.people[who]
        self.deliver()
        existed = self.known(person)
        self.world.calls.admin.erase(person.subject, actor="ops")
        if existed:
            person.forget()
            self.happens(events.Erased)

    @rule(step=steps())
    def time_passes(self, step: timedelta) -> None:
        """The clock goes on."""
        self.world.clock.advance(step)

    @rule(step=leaps(most=timedelta(hours=2)))
    def clock_leaps(self, step: timedelta) -> None:
        """The clock is set, on or back."""
        self.world.clock.advance(step)

    @rule()
    def restart(self) -> None:
        """The process ends, and another one begins."""
        self.world.restart()

    @rule()
    def meters_are_lost(self) -> None:
        """The meters are lost: a lane may get nine guesses more, and no more."""
        if self.lose_meters():
            for person in self.people:
                person.lost += EVERY_TENTH

    @invariant()
    def the_record_is_as_the_model_says(self) -> None:
        """What is held about each subject, as an export shows it."""
        for person in self.people:
            held = self.world.calls.admin.export(person.subject)
            assert held.has_password == (person.password is not None)
            assert (held.disabled, held.change_required) == (person.disabled, person.change)
            factors = [info for info in held.factors if info.left is None]
            assert [info.id for info in factors] == [app.id for app in person.apps]
            assert sum(info.left or 0 for info in held.factors) == len(person.codes)
