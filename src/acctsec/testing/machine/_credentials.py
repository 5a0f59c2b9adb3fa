"""Rules of EngineMachine: setting passwords, adding and removing factors."""

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from acctsec import events
from acctsec.claims import (
    Admin,
    ChangeTicket,
    CurrentPassword,
    FreshSession,
    Initial,
    PasswordClaim,
    RecoveryCode,
    UnlockFactor,
)
from acctsec.errors import ConfigError
from acctsec.outcomes import (
    AssuranceLevel,
    FactorRemoved,
    LockOpened,
    PasswordChanged,
    PasswordRejected,
    RecoveryCodes,
    Refused,
    TryAgain,
)
from acctsec.protocols import MessagePurpose
from acctsec.testing.machine._model import Person, Session
from acctsec.testing.machine._signing_in import SigningIn
from acctsec.testing.machine._stage import AT_ONCE, NUMBER, WHO, granted, pick


class Credentials(SigningIn):
    """Changing what somebody signs in with."""

    def session_of(self, person: Person, number: int, *, at_once: bool) -> Session | None:
        """A session of somebody: a fresh one, got at once, or any that was ever given out."""
        fresh = self.owner_session(person) if at_once else None
        return fresh or pick(person.sessions, number)

    # --- passwords ---

    def set_password(self, person: Person, new: str, by: PasswordClaim, *, allowed: bool) -> bool:
        """Set a password and hold the answer against the model."""
        outcome = self.call("set_password", person.subject, new, by=by, context=self.context())
        taken = new == person.password
        if not granted(outcome, PasswordChanged, Refused, TryAgain, PasswordRejected, allowed=allowed and not taken):
            assert isinstance(outcome, PasswordRejected) <= (allowed and taken), outcome
            return False
        person.change_password(new, now=self.now)
        notices = () if isinstance(by, Initial) else (MessagePurpose.PASSWORD_CHANGED,)
        self.happens(events.PasswordSet, *notices)
        return True

    @rule(who=WHO)
    def set_first_password(self, who: int) -> None:
        """Who has no password may set a first one, and nobody else."""
        person = self.people[who]
        allowed = person.active and person.password is None
        assert self.set_password(person, self.invent("first"), Initial(), allowed=allowed) == allowed

    @rule(who=WHO, right=st.booleans(), at_once=st.booleans(), number=NUMBER)
    def change_by_current_password(self, who: int, right: bool, at_once: bool, number: int) -> None:  # noqa: FBT001 - drawn
        """The current password changes itself, beside a session at full level where a factor guards."""
        person = self.people[who]
        session = self.session_of(person, number, at_once=at_once) if at_once or number % 2 else None
        current = person.password if right and person.password else self.invent("wrong")
        before, needs = len(self.world.comparisons.guesses), 2 if person.apps else 1
        beside = not person.apps if session is None else self.live(person, session) and session.level >= needs
        right = current == person.password and not self.lapsed(person)
        allowed = person.active and right and beside and not self.too_soon(person)
        by = CurrentPassword(current, None if session is None else session.text)
        self.set_password(person, self.invent("changed"), by, allowed=allowed)
        self.count_guesses(person, before, "strangers", current)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, reuse=st.booleans())
    def change_by_fresh_session(self, who: int, at_once: bool, number: int, reuse: bool) -> None:  # noqa: FBT001 - drawn
        """A fresh session at full level changes the password, but not into itself."""
        person = self.people[who]
        session = self.session_of(person, number, at_once=at_once)
        if session is not None:
            new = person.password if reuse and person.password else self.invent("fresh")
            allowed = self.may_change(person, session) and not self.too_soon(person)
            self.set_password(person, new, FreshSession(session.text), allowed=allowed)

    @rule(who=WHO)
    def change_by_administrator(self, who: int) -> None:
        """An administrator's password must be changed at once, where the policy lets him set one at all."""
        person = self.people[who]
        if not self.policy.reset.passwords_by_administrators:
            with suppress(ConfigError):
                self.call("set_password", person.subject, self.invent("admin"), by=Admin("ops"), context=self.context())
                raise AssertionError("an administrator knows a password")
        elif self.set_password(person, self.invent("admin"), Admin("ops"), allowed=person.active):
            person.demand(None)
            person.set_for_it = True

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER)
    def change_by_ticket(self, who: int, at_once: bool, number: int) -> None:  # noqa: FBT001 - drawn
        """The ticket of PasswordChangeRequired changes the password, once."""
        person = self.people[who]
        if at_once and self.must_change(person):
            self.owner_session(person)
        ticket = pick(person.changes, 0 if at_once else number)
        if ticket is not None:
            allowed = person.active and person.holds(ticket, self.now) and self.must_change(person)
            self.set_password(person, self.invent("ticket"), ChangeTicket(ticket.text), allowed=allowed)

    # --- a lane that has stopped ---

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, kind=st.sampled_from(("code", "code", "recovery", "wrong")))
    def open_lane(self, who: int, at_once: bool, number: int, kind: str) -> None:  # noqa: FBT001 - drawn
        """A factor alone opens the lane of strangers, so far and no further, and is used up where it did."""
        person, lockout = self.people[who], self.policy.lockout
        if at_once and person.password and not person.apps:
            self.enroll(who=who, at_once=True, number=0, confirmed=True)
        for _ in range(lockout.strangers.stop if at_once and person.password else 0):
            self.world.clock.advance(lockout.strangers.longest)
            self.try_password(person, person.identifier, self.invent("wrong"), None)
        answer, chosen = self.answer(person, kind, 0, number)
        outcome = self.call("unlock", UnlockFactor(person.identifier, answer), context=self.context())
        allowed = person.active and chosen is not None and person.guesses["strangers"] > 0
        if granted(outcome, LockOpened, allowed=allowed):
            person.opened += 1
            self.happens(events.GuessingReopened)
            if isinstance(answer, RecoveryCode):
                self.use_code(person, answer.code)
            else:
                chosen[0].used(chosen[1], now=self.now, cap=self.policy.mfa.drift)

    # --- factors ---

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, confirmed=AT_ONCE)
    def enroll(self, who: int, at_once: bool, number: int, confirmed: bool) -> None:  # noqa: FBT001 - drawn
        """A fresh session at full level may begin to add an authenticator."""
        person = self.people[who]
        session = self.session_of(person, number, at_once=at_once)
        if session is not None:
            self.enroll_with(person, session)
            if confirmed and person.enrolments:
                self.confirm_enrolment(person, person.enrolments[-1], right=True)

    @rule(who=WHO, number=NUMBER)
    def enroll_by_ticket(self, who: int, number: int) -> None:
        """The ticket of EnrollmentRequired is good for a first authenticator only."""
        person = self.people[who]
        ticket = pick(person.firsts, number)
        if ticket is not None:
            self.enroll_with(person, ticket)

    @rule(who=WHO, number=NUMBER, right=st.booleans())
    def confirm(self, who: int, number: int, right: bool) -> None:  # noqa: FBT001 - drawn
        """An enrolment is confirmed once, by a code of its own, while what it began under still holds."""
        person = self.people[who]
        enrolment = pick(person.enrolments, number)
        if enrolment is not None:
            self.confirm_enrolment(person, enrolment, right=right)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, app=NUMBER)
    def remove(self, who: int, at_once: bool, number: int, app: int) -> None:  # noqa: FBT001 - drawn
        """An authenticator goes by a fresh session at full level, and never the last one that is required."""
        person = self.people[who]
        session, found = self.session_of(person, number, at_once=at_once), pick(person.apps, app)
        if session is None or found is None:
            return
        outcome = self.call("remove_factor", session.text, found.id, context=self.context())
        allowed = self.may_change(person, session) and (len(person.apps) > 1 or not person.required)
        removed = granted(outcome, FactorRemoved, allowed=allowed)
        assert (removed is not None) == allowed, outcome
        if removed:
            person.next_epoch()
            person.apps.remove(found)
            if not person.apps:
                person.void_codes()
            level = AssuranceLevel.AAL2 if person.apps else AssuranceLevel.AAL1
            times = {"made": session.made, "authenticated": session.authenticated}
            self.session_given(person, removed.session, level, **times, generation=session.newest)
            self.happens(events.FactorDropped, MessagePurpose.FACTOR_REMOVED)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER)
    def issue_codes(self, who: int, at_once: bool, number: int) -> None:  # noqa: FBT001 - drawn
        """New recovery codes void the old ones; without an authenticator there are none."""
        person = self.people[who]
        session = self.session_of(person, number, at_once=at_once)
        if session is None:
            return
        outcome = self.call("issue_recovery_codes", session.text, context=self.context())
        allowed = self.may_change(person, session) and bool(person.apps)
        issued = granted(outcome, RecoveryCodes, allowed=allowed)
        assert (issued is not None) == allowed, outcome
        if issued:
            person.next_epoch()
            person.void_codes()
            person.codes = list(issued.codes)
            self.hide(*issued.codes)
            level, times = session.level, {"made": session.made, "authenticated": session.authenticated}
            self.session_given(person, issued.session, level, **times, generation=session.newest)
            self.happens(events.RecoveryCodesIssued, MessagePurpose.RECOVERY_CODES_ISSUED)
