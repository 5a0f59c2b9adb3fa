"""EngineMachine with flows, a user table and a policy of somebody's own: what is right passes, and what is wrong is found."""

import sys
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from acctsec import Action, Allowed, MfaPolicy, Rule, SessionValid, events
from acctsec.claims import Admin
from acctsec.mfa import SECOND_FACTOR
from acctsec.outcomes import AssuranceLevel
from acctsec.testing import MemoryDirectory
from acctsec.testing.machine import AT_ONCE, HASTY, NUMBER, WHO, EngineMachine


def run(machine, *, examples, phases=tuple(Phase)):
    effort = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        database=None,
        derandomize=True,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=effort)


def finds(machine, *, examples=1000):
    """The fault is found, within what a build has time for."""
    with pytest.raises((AssertionError, ExceptionGroup)):
        run(machine, examples=examples, phases=[Phase.generate])


# --- an own flow: the platform exports somebody's data behind a step-up ------------------------------------------------


def exported(engine, session, context):
    """As it should be: asked at the moment of the deed."""
    return isinstance(engine.authorize(session, Action.EXPORT_DATA, context=context), Allowed)


def exported_to_whoever_is_in(engine, session, context):
    """A session is enough."""
    return isinstance(engine.check_session(session, context=context), SessionValid)


def remembering():
    """Asked once a session, and believed for ever."""
    known = set()

    def asked_once(engine, session, context):
        if session not in known and exported(engine, session, context):
            known.add(session)
        return session in known

    return asked_once


class Exports(EngineMachine):
    """The platform's endpoint beside all that the engine can do."""

    export = staticmethod(exported)

    @rule(who=WHO, at_once=AT_ONCE, number=NUMBER, pause=st.sampled_from((0, 5, 20)))
    def export_my_data(self, who, at_once, number, pause):
        person = self.people[who]
        session = self.session_of(person, number, at_once=at_once)
        for minutes in (0, pause) if session else ():
            self.world.clock.advance(minutes=minutes)
            given = self.export(self.world.calls, session.text, self.context())
            assert given == self.may(person, session, Action.EXPORT_DATA), "data went out where the model says no"


def test_a_flow_of_ones_own_that_asks_passes():
    run(Exports, examples=60)


@pytest.mark.parametrize("faulty", [exported_to_whoever_is_in, remembering()], ids=["whoever is in", "asked once"])
def test_a_flow_of_ones_own_that_does_not_ask_is_found(faulty):
    finds(type("Faulty", (Exports,), {"export": staticmethod(faulty)}))


# --- an own flow that changes things: the model is told ----------------------------------------------------------------


class Quits(EngineMachine):
    """Somebody who quits is disabled by the platform and signed out; the model is told of both, or the story does not add up."""

    @rule(who=WHO)
    def quit(self, who):
        person = self.people[who]
        existed = self.known(person)
        self.world.calls.admin.disable(person.subject, actor="the platform")
        if not person.disabled:
            person.next_epoch()
            self.happens(events.Disabled)
        person.disabled = True
        self.world.calls.sign_out_everywhere(person.subject, by=Admin("the platform"), context=self.context())
        if existed or self.known(person):
            person.next_epoch()
            self.happens(events.SessionsClosed)


class QuitsUnheard(Quits):
    """The same, and the model is not told of what it cannot know."""

    def happens(self, kind, *notices):
        if kind is not events.SessionsClosed:
            super().happens(kind, *notices)


def test_a_flow_that_changes_things_tells_the_model():
    run(Quits, examples=40)
    finds(QuitsUnheard)


# --- an own user table, and an own policy ------------------------------------------------------------------------------


class Rows(MemoryDirectory):
    """A user table that counts who is looked up."""

    asked = 0

    def find(self, tenant, identifier):
        type(self).asked += 1
        return super().find(tenant, identifier)


class Deaf(MemoryDirectory):
    """A user table that knows nobody whose name has a letter in it that ASCII has not."""

    def find(self, tenant, identifier):
        return super().find(tenant, identifier) if identifier.isascii() else None


def test_a_user_table_of_ones_own_is_asked_by_the_engine():
    run(type("OnRows", (EngineMachine,), {"make_directory": lambda _: Rows()}), examples=10)

    assert Rows.asked > 10


def test_a_user_table_that_does_not_find_its_people_is_found():
    finds(type("OnDeaf", (EngineMachine,), {"make_directory": lambda _: Deaf()}))


SENIOR = evolve(
    HASTY,
    name="senior",
    mfa=evolve(HASTY.mfa, rules=(Rule(SECOND_FACTOR, actions=Action.DELETE_ACCOUNT, max_age=timedelta(minutes=5)),)),
)


class Senior(EngineMachine):
    """An account is deleted by a second factor of the last five minutes alone, whoever has one or not."""

    policy = SENIOR

    def may(self, person, session, action):
        if action != Action.DELETE_ACCOUNT:
            return super().may(person, session, action)
        recent = self.now < session.authenticated + timedelta(minutes=5)
        return super().may(person, session, action) and session.level >= AssuranceLevel.AAL2 and recent


class Naive(Senior):
    """Whoever forgets to tell the model of a rule is told so."""

    may = EngineMachine.may


def test_a_policy_that_asks_more_is_told_to_the_model():
    run(Senior, examples=60)


@pytest.mark.deep
def test_a_policy_that_asks_more_and_does_not_tell_the_model_is_found():
    finds(Naive, examples=2000)


# --- what the machine itself asks of sessions and of leave -------------------------------------------------------------


def test_a_session_that_ends_others_without_fresh_proof_is_found(monkeypatch):
    steps = sys.modules["acctsec.steps.sessions"]
    real = steps.end_session

    def lax(policy, record, *, scene, session, claims, by):
        return real(policy, record, scene=scene, session=session, claims=None, by=Admin("nobody"))

    monkeypatch.setattr("acctsec._flows.sessions.end_session", lax)
    finds(EngineMachine)


def test_an_action_that_is_always_allowed_is_found(monkeypatch):
    monkeypatch.setattr(MfaPolicy, "demand", _nothing(MfaPolicy.demand))
    finds(EngineMachine)


FOR_GOOD = {Action.EXPORT_DATA, Action.DELETE_ACCOUNT, Action.CREATE_CREDENTIAL}


def _nothing(real):
    """A policy that asks for nothing in particular before what nobody takes back."""

    def demand(self, action, **facts):
        asked = real(self, action, **facts)
        return type(asked)(needs=None, max_age=timedelta(days=999)) if action in FOR_GOOD else asked

    return demand
