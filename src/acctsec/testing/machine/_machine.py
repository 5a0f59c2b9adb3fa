"""The machine itself: how a story begins, sessions, operators, and what the world does to all of them."""

from datetime import timedelta
from inspect import iscoroutine

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from acctsec import events
from acctsec.claims import Admin
from acctsec.outcomes import Allowed, DeviceForgotten, Devices, SessionsEnded, SessionValid
from acctsec.protocols import Status
from acctsec.record import SKEW
from acctsec.testing.machine._model import EVERY_TENTH, Generation, Person, Session
from acctsec.testing.machine._resets import Resets
from acctsec.testing.machine._stage import AT_ONCE, FOR_GOOD, NUMBER, WHO, granted, pick
from acctsec.testing.strategies import leaps, steps

STAGE = st.integers(0, 3)


class EngineMachine(Resets):
    """
    Two people, one of them staff who need a factor, an engine and a model of both; every outcome is held against the model.

    What the model foretells: who may sign in and at which level; which sessions, tickets, links, codes and enrolments still
    hold (life, epoch, use, time); that resets and recovery never sign in and never pass by a factor; how many comparisons a
    lane gets between two clearings, also when the meters are lost; that the owner gets in; one event and one notice a
    change; no secret in events, messages, outcomes or the store.

    Override ``make_store``, and with it ``lose_meters`` and ``dump``; ``make_directory`` for a user table of your own; set
    ``face`` to AsyncEngine for async stores, and ``policy`` to one made of HASTY. If its rules ask more of an action than full
    level and fresh proof, override ``may``.

    Rules of your own find the world in ``self.world`` and the model in ``self.people``. They call the engine by ``call``, take a
    session by ``session_of`` or ``owner_session``, ask the model by ``live``, ``may_change`` and ``may``, and tell it what they
    changed: by the methods of ``Person``, by ``session_given`` and ``ticket``, and by ``happens`` for the event and the notices
    that are due. ``hide`` names what must be found nowhere.
    """

    @initialize(first=STAGE, second=STAGE)
    def begin(self, first: int, second: int) -> None:
        """Bring both somewhere: no password, one, an authenticator, recovery codes."""
        for who, (person, stage) in enumerate(zip(self.people, (first, second), strict=True)):
            if stage > 0:
                self.set_first_password(who=who)
            if stage > 1 and not person.apps:
                self.enroll(who=who, at_once=True, number=0, confirmed=True)
            if stage > 2:
                self.issue_codes(who=who, at_once=False, number=0)

    # --- sessions ---

    @rule(who=WHO, number=NUMBER)
    def look_at_session(self, who: int, number: int) -> None:
        """A session stands exactly as long as the model says."""
        person = self.people[who]
        session = pick(person.sessions, number)
        if session is not None:
            self.look(person, session)

    @rule(who=WHO, number=NUMBER, copied=st.booleans())
    def go_on_for_a_day(self, who: int, number: int, copied: bool) -> None:  # noqa: FBT001 - drawn
        """The next generation is handed out and comes back; and so does the one before, where somebody has a copy."""
        person = self.people[who]
        session = self.owner_session(person) if number % 2 else pick(person.sessions, number)
        if session is None:
            return
        self.world.clock.advance(self.policy.sessions.rotate)
        again = self.look(person, session)
        if again is not None:
            self.look(person, again)
        if copied:
            self.world.clock.advance(self.policy.sessions.grace + SKEW)
            self.look(person, session)

    def look(self, person: Person, session: Session) -> Session | None:
        """Check a session, and hold the answer against the model; answers the token that takes the place of this one."""
        outcome = self.call("check_session", session.text, context=self.context())
        assert isinstance(outcome, SessionValid) == self.live(person, session), outcome
        if not isinstance(outcome, SessionValid):
            return None
        mine, family = session.generation, session.family
        family.id = outcome.session.id
        if mine.turn > family.generation.turn:
            family.generation = mine  # it came back
        following = self.following(session) if mine == family.generation else None
        assert bool(outcome.renewed) == (following is not None), outcome
        if outcome.renewed is None or following is None:
            return None
        made, proven = session.made, session.authenticated
        again = self.session_given(person, outcome.renewed, session.level, made=made, authenticated=proven)
        again.family, again.generation = family, following
        family.tokens.append(again)
        return again

    def following(self, session: Session) -> Generation | None:
        """The generation of the token that takes the place of one in force, where one is due."""
        rules, mine = self.policy.sessions, session.generation
        if self.now >= (mine.turned or session.made) + rules.rotate:
            return Generation(mine.turn + 1, self.now.replace(microsecond=0), self.numbers)
        return mine if self.now - session.active >= rules.idle / 10 else None

    @rule(who=WHO, number=NUMBER)
    def sign_out(self, who: int, number: int) -> None:
        """A session ends once."""
        person = self.people[who]
        session = pick(person.sessions, number)
        if session is None:
            return
        live = self.live(person, session)
        assert self.call("sign_out", session.text, context=self.context()) == SessionsEnded(int(live))
        if live:
            session.end()
            self.happens(events.SessionClosed)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, other=NUMBER)
    def end_one_session(self, who: int, at_once: bool, number: int, other: int) -> None:  # noqa: FBT001 - drawn
        """A fresh session at full level ends another one of its owner, and any that stands ends itself."""
        person = self.people[who]
        session, victim = self.session_of(person, number, at_once=at_once), pick(person.sessions, other)
        if victim is not None:
            self.look(person, victim)
        if session is None or victim is None or not victim.family.id:
            return
        stood, itself = self.live(person, victim), victim.family.id == session.family.id
        allowed = self.live(person, session) if itself else self.may_change(person, session)
        outcome = self.call("end_session", session.text, victim.family.id, context=self.context())
        ended = granted(outcome, SessionsEnded, allowed=allowed)
        assert ended or not (allowed and person.active), f"{outcome!r} for a session that may end one"
        if ended:
            assert ended.count >= int(stood), "a session that stood was not ended"
            if ended.count:
                victim.end()
                self.happens(events.SessionClosed)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, action=st.sampled_from(FOR_GOOD), later=st.booleans())
    def ask_for_leave(self, who: int, at_once: bool, number: int, action: str, later: bool) -> None:  # noqa: FBT001 - drawn
        """What nobody takes back is allowed to a session exactly as the model says, now and once its proof is no longer fresh."""
        person = self.people[who]
        session = self.session_of(person, number, at_once=at_once)
        if session is not None:
            self.authorized(person, session, action)
            if later:
                self.world.clock.advance(self.policy.sessions.fresh)
                self.authorized(person, session, action)

    @rule(who=WHO)
    def leave_after_a_veto_could_come(self, who: int) -> None:
        """What a recovery by mail alone kept from happening may happen when nobody can veto it any more."""
        person = self.people[who]
        if person.held is not None and self.now < person.held:
            self.world.clock.advance(person.held - self.now + timedelta(seconds=1))
        session = self.owner_session(person)
        if session is not None:
            self.authorized(person, session, FOR_GOOD[0])

    def authorized(self, person: Person, session: Session, action: str) -> bool:
        """Ask whether a session may do something now, and hold the answer against the model."""
        outcome = self.call("authorize", session.text, action, context=self.context())
        allowed = self.may(person, session, action)
        if person.held is not None and abs(self.now - person.held) <= timedelta(seconds=1):
            return isinstance(outcome, Allowed)  # records keep whole seconds
        assert isinstance(outcome, Allowed) == allowed, f"{outcome!r} for {action}, where the model says {allowed}"
        return allowed

    @rule(who=WHO)
    def sign_out_everywhere(self, who: int) -> None:
        """Every session ends."""
        person = self.people[who]
        outcome = self.call("sign_out_everywhere", person.subject, by=Admin("ops"), context=self.context())
        assert isinstance(outcome, SessionsEnded)
        if self.known(person):
            person.next_epoch()
            self.happens(events.SessionsClosed)

    @rule(who=WHO, number=NUMBER, device=NUMBER)
    def forget_device(self, who: int, number: int, device: int) -> None:
        """A session that stands lists the known devices, five at most, and takes one back, once."""
        person = self.people[who]
        session = pick(person.sessions, number)
        if session is None:
            return
        here = self.context(pick(person.devices, device))
        listed = self.call("list_devices", session.text, context=here)
        assert isinstance(listed, Devices) == self.live(person, session), listed
        found = pick(list(listed.devices), device) if isinstance(listed, Devices) else None
        for allowed in (person.active, False):
            outcome = self.call("forget_device", session.text, "0" * 32 if found is None else found.id, context=here)
            assert isinstance(outcome, DeviceForgotten) == (found is not None and allowed), outcome
            if isinstance(outcome, DeviceForgotten):
                self.happens(events.DeviceRevoked)

    # --- operators ---

    def known(self, person: Person) -> bool:
        """Whether the store has a record of somebody."""
        key = self.world.engine._flows.core.record_key("", person.subject)  # noqa: SLF001 - a look inside
        found = self.world.store.load(key)
        return (self.world._run(found) if iscoroutine(found) else found) is not None  # noqa: SLF001 - the kit's own

    @rule(who=WHO)
    def unlock(self, who: int) -> None:
        """The meters of a subject begin anew."""
        self.world.calls.admin.unlock(self.people[who].subject, actor="ops")
        self.people[who].open_lanes()
        self.happens(events.Unlocked)

    @rule(who=WHO, disabled=st.booleans())
    def disable_or_enable(self, who: int, disabled: bool) -> None:  # noqa: FBT001 - drawn
        """A disabled subject is refused everything; an enabled one begins without sessions."""
        person, admin = self.people[who], self.world.calls.admin
        (admin.disable if disabled else admin.enable)(person.subject, actor="ops")
        if disabled and not person.disabled:
            person.next_epoch()
            self.happens(events.Disabled)
        elif person.disabled and not disabled:
            self.happens(events.Enabled)
        person.disabled = disabled

    @rule(who=WHO, suspended=st.booleans())
    def suspend(self, who: int, suspended: bool) -> None:  # noqa: FBT001 - drawn
        """The platform disables an account in its own table, or takes that back."""
        person = self.people[who]
        person.suspended = suspended
        self.world.directory.change(person.subject, status=Status.DISABLED if suspended else Status.ACTIVE)

    @rule(who=WHO, hours=st.none() | st.integers(-1, 30))
    def demand_change(self, who: int, hours: int | None) -> None:
        """The next sign-in ends in a change, or the next one from some hour on, which may be brought forward only."""
        person = self.people[who]
        by = None if hours is None else self.world.clock.now + timedelta(hours=hours)
        self.world.calls.admin.require_password_change(person.subject, actor="ops", by=by)
        if person.password is not None and person.demand(by):
            self.happens(events.ChangeDemanded)

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

    # --- the world ---

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
            assert held.has_password == (person.password is not None), "there is a password where none should be, or none"
            found = (held.disabled, held.change_required)
            assert found == (person.disabled, person.change), f"disabled, change required: {found}"
            factors = [info.id for info in held.factors if info.left is None]
            assert factors == [app.id for app in person.apps], f"{len(factors)} factors where {len(person.apps)} were set up"
            left = sum(info.left or 0 for info in held.factors)
            assert left == len(person.codes), f"{left} printed codes are left of {len(person.codes)} that were never used"
