"""Rules of EngineMachine: signing in, with a password and what may be due after it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from acctsec import events
from acctsec.claims import RecoveryCode, TotpCode
from acctsec.outcomes import (
    AssuranceLevel,
    EnrollmentRequired,
    EnrollmentStarted,
    FactorAdded,
    FactorRequired,
    PasswordChangeRequired,
    ProofAccepted,
    Refused,
    SignedIn,
    TryAgain,
)
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_DEVICES, MAX_FACTORS
from acctsec.testing.doubles import Authenticator
from acctsec.testing.machine._model import PERIOD, App, Enrolment, Person, Session, Ticket
from acctsec.testing.machine._stage import AT_ONCE, NUMBER, WHO, Stage, granted, pick
from acctsec.testing.strategies import spellings


class SigningIn(Stage):
    """Passwords and factors at the door."""

    @rule(who=WHO, data=st.data(), right=st.booleans(), number=NUMBER, known=st.booleans())
    def sign_in(self, who: int, data: Any, right: bool, number: int, known: bool) -> None:  # noqa: FBT001 - drawn
        """A right password gives what is due, and only that; a wrong one is counted."""
        person = self.people[who]
        device = pick(person.devices, number) if known else None
        password = person.password if right and person.password else self.invent("wrong")
        self.try_password(person, data.draw(spellings(person.identifier)), password, device)

    def try_password(self, person: Person, identifier: str, password: str, device: str | None) -> Any:
        """Sign in and hold the answer against the model."""
        before, lane = len(self.world.comparisons.guesses), device or "strangers"
        outcome = self.call("sign_in", identifier, password, context=self.context(device))
        self.count_guesses(person, before, lane, password)
        leaked = password == person.password and self.leaked(password) and not person.demanded(self.now)
        if leaked and not isinstance(outcome, Refused | TryAgain):
            person.change, person.change_by = True, None
            self.happens(events.ChangeDemanded)
        due = self.due(person)
        right = password == person.password and not self.lapsed(person)
        allowed = (due, Refused, TryAgain) if person.active and right else (Refused, TryAgain)
        assert isinstance(outcome, allowed), f"{outcome!r} where {due.__name__} was due"
        if isinstance(outcome, SignedIn):
            self.enter(person, outcome, lane)
        elif isinstance(outcome, FactorRequired):
            person.tickets.append(self.ticket(person, outcome.ticket))
        elif isinstance(outcome, PasswordChangeRequired):
            person.changes.append(self.ticket(person, outcome.ticket))
        elif isinstance(outcome, EnrollmentRequired):
            person.firsts.append(self.ticket(person, outcome.ticket))
        return outcome

    @rule(who=WHO)
    def leak(self, who: int) -> None:
        """A password gets into the breach corpus: whoever signs in with it has to change it from then on."""
        password = self.people[who].password
        if password is not None:
            self.leaks.leaked.add(password)

    def due(self, person: Person) -> type:
        """What a right password has to be answered with."""
        if person.apps:
            return FactorRequired
        if self.must_change(person):
            return PasswordChangeRequired
        return EnrollmentRequired if person.required else SignedIn

    def enter(self, person: Person, outcome: SignedIn, lane: str) -> None:
        """Somebody got in: remember the session and the device, and that the lane is clear."""
        level = AssuranceLevel.AAL2 if person.apps else AssuranceLevel.AAL1
        assert outcome.info.level is level, f"a session of {outcome.info.level} where {level} was proven"
        self.session_given(person, outcome.session, level)
        person.devices = [*person.devices, self.hide(outcome.device)][-8:]
        person.guesses[lane] = 0
        if lane == "strangers" or len(person.devices) + person.opened > MAX_DEVICES:  # its device may be forgotten
            person.guesses["strangers"] = person.opened = 0
        self.happens(events.SignedInEvent)

    def count_guesses(self, person: Person, before: int, lane: str, password: str) -> None:
        """Every wrong password here is another one: hold the comparisons against what a lane may have."""
        person.guesses[lane] += sum(one.password == password for one in self.world.comparisons.guesses[before:])
        lockout = self.policy.lockout
        most = lockout.strangers.stop + person.opened * lockout.device.stop + person.lost
        assert person.guesses[lane] <= most, f"{person.guesses[lane]} comparisons in a lane that may have {most}"

    # --- second factors ---

    @rule(
        who=WHO,
        at_once=AT_ONCE,
        number=NUMBER,
        step=st.integers(-2, 2),
        app=NUMBER,
        kind=st.sampled_from(("code", "wrong", "recovery", "dead")),
    )
    def verify_factor(self, who: int, at_once: bool, number: int, step: int, app: int, kind: str) -> None:  # noqa: FBT001 - drawn
        """A code works once, a ticket works once, and only the right one of both gives anything."""
        person = self.people[who]
        if at_once and person.password:
            self.try_password(person, person.identifier, person.password, None)
        ticket = pick(person.tickets, 0 if at_once else number)
        if ticket is not None:
            self.answer_ticket(person, ticket, *self.answer(person, kind, step, app))

    def answer_ticket(self, person: Person, ticket: Ticket, answer: Any, chosen: Any) -> None:
        """Answer a ticket and hold what comes of it against the model; *chosen* is what a right answer uses up."""
        outcome = self.call("verify_factor", ticket.text, answer, context=self.context())
        if isinstance(outcome, Refused | TryAgain):
            return
        holds = person.holds(ticket, self.now) and (ticket.reset is None or person.holds(ticket.reset, self.now))
        assert all((person.active, chosen is not None, holds)), f"{outcome!r} for a ticket or code that is no good"
        ticket.spent = True
        proofs = ticket.proofs | {"recovery-code" if isinstance(answer, RecoveryCode) else "totp"}
        if isinstance(answer, RecoveryCode):
            self.use_code(person, answer.code)
        else:
            chosen[0].used(chosen[1], now=self.now, cap=self.policy.mfa.drift)
        match outcome:
            case SignedIn():
                assert ticket.signs_in, "a reset ended in a session"
                assert not self.must_change(person), "a demanded change ended in a session"
                self.enter(person, outcome, "strangers")
            case PasswordChangeRequired():
                assert (ticket.signs_in, self.must_change(person)) == (True, True), outcome
                person.changes.append(self.ticket(person, outcome.ticket))
                self.happens(events.FactorAccepted)
            case _:
                assert isinstance(outcome, ProofAccepted), f"{outcome!r} for the factor of a reset"
                assert not ticket.signs_in, "a sign-in ended in a proof for a reset"
                person.resumes.append(self.ticket(person, outcome.ticket, proofs=proofs, reset=ticket.reset))
                self.happens(events.FactorAccepted)

    def answer(self, person: Person, kind: str, step: int, number: int) -> tuple[Any, Any]:
        """An answer of that kind, and what it uses up if it is right."""
        if kind in {"recovery", "dead"}:
            code = pick(person.codes if kind == "recovery" else person.dead_codes, number)
            if code is not None:
                return RecoveryCode(code), code if kind == "recovery" and person.apps else None
        app = pick(person.apps, number)
        if app is None:
            return TotpCode("000000"), None
        if kind == "wrong":
            return app.app.wrong(self.now), None
        wanted = int(self.now.timestamp()) // PERIOD + step
        right = abs(step - app.drift) <= self.policy.mfa.window and wanted > app.last_step
        return app.app.code(self.now, step=step), (app, wanted) if right else None

    def use_code(self, person: Person, code: str) -> None:
        """A recovery code is used up."""
        assert code in person.codes, "a recovery code worked that is dead"
        person.codes.remove(code)
        person.dead_codes.append(code)
        self.told[MessagePurpose.RECOVERY_CODE_USED] += 1

    # --- the owner ---

    @rule(who=WHO)
    def owner_gets_in(self, who: int) -> None:
        """Who knows everything gets in, whatever others tried: once unlocked, from a network of one's own."""
        self.owner_session(self.people[who])

    def owner_session(self, person: Person) -> Session | None:
        """A fresh session at full level, the way its owner gets one; None where nobody should get one."""
        if person.password is None:
            return None
        self.world.calls.admin.unlock(person.subject, actor="ops")
        person.open_lanes()
        self.happens(events.Unlocked)
        self.world.clock.advance(seconds=2 * PERIOD)
        sessions = len(person.sessions)
        outcome = self.try_password(person, person.identifier, person.password, None)
        gets_in = person.active and not self.lapsed(person)
        assert isinstance(outcome, self.due(person) if gets_in else Refused), f"the owner is told {outcome!r}"
        step = int(self.now.timestamp()) // PERIOD
        app = next((app for app in person.apps if app.last_step < step + app.drift), None)  # none, if the clock was set back
        if isinstance(outcome, FactorRequired) and app:
            code = app.app.code(self.now, step=app.drift)
            self.answer_ticket(person, person.tickets[-1], code, (app, step + app.drift))
            assert self.must_change(person) or len(person.sessions) > sessions, "the owner's code was refused"
        if isinstance(outcome, EnrollmentRequired):
            self.enroll_with(person, person.firsts[-1])
            self.confirm_enrolment(person, person.enrolments[-1], right=True)
        return person.sessions[-1] if len(person.sessions) > sessions else None

    # --- the first factor, and further ones ---

    def enroll_with(self, person: Person, token: Session | Ticket) -> None:
        """Begin to add an authenticator, with a session or with the ticket of one that has to have it."""
        outcome = self.call("enroll_totp", token.text, context=self.context())
        if isinstance(token, Session):
            allowed = self.may_change(person, token)
        else:
            allowed = person.active and person.holds(token, self.now) and not person.apps
        started = granted(outcome, EnrollmentStarted, allowed=allowed)
        assert started or not allowed or self.now < token.made, f"{outcome!r} for a session that may enrol"
        if started:
            self.hide(started.ticket, started.key, started.uri)
            session = token if isinstance(token, Session) else None
            lasts, app = self.policy.sessions.ticket_lifetime, Authenticator(started)
            person.enrolments.append(person.mint(Enrolment, started.ticket, now=self.now, lasts=lasts, app=app, session=session))

    def confirm_enrolment(self, person: Person, enrolment: Enrolment, *, right: bool) -> None:
        """Prove an authenticator; it is live then, its code spent, and every other session over."""
        code = enrolment.app.code(self.now) if right else enrolment.app.wrong(self.now)
        outcome = self.call("confirm_factor", enrolment.text, code, context=self.context())
        begun = enrolment.session
        first = begun is None and not person.apps and not self.must_change(person)
        allowed = person.active and right and person.holds(enrolment, self.now) and len(person.apps) < MAX_FACTORS
        allowed = allowed and (first if begun is None else not begun.spent)
        if added := granted(outcome, FactorAdded, allowed=allowed):
            person.next_epoch()
            person.apps.append(App(added.factor.id, enrolment.app, int(self.now.timestamp()) // PERIOD))
            made, generation = (begun.made, begun.family.generation) if begun else (None, None)
            self.session_given(person, added.session, AssuranceLevel.AAL2, made=made, generation=generation)
            self.happens(events.FactorEnrolled, MessagePurpose.FACTOR_ADDED)
