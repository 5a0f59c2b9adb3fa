"""Codes that are sent, whatever happens: a process that dies at any call, and operations that meet."""

import pytest
from attrs import evolve
from tests.places import USUAL, ground, in_memory, on_ground  # noqa: F401 - a fixture
from tests.test_races import a_world, record

from acctsec import (
    Channel,
    CodeSent,
    DeliveredCode,
    DeliveredPolicy,
    FactorAdded,
    FactorRequired,
    MessagePurpose,
    MfaPolicy,
    Refused,
    SignedIn,
    TryAgain,
    events,
)
from acctsec.outcomes import FactorKind
from acctsec.testing import DEATHS, FAILURES, RACING, explore
from acctsec.testing.world import IDENTIFIER, PASSWORD

pytestmark = pytest.mark.usefixtures("on_ground")
NUMBER = "+442079460958"
POLICY = evolve(
    RACING,
    mfa=MfaPolicy(
        kinds={FactorKind.TOTP, FactorKind.DELIVERED}, delivered=DeliveredPolicy(channels=set(Channel) - {Channel.PUSH})
    ),
)


def pytest_generate_tests(metafunc):
    """Every crash happens on every store: on four by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


def somebody():
    w = a_world(POLICY)
    w.sign_up(addresses=(IDENTIFIER, NUMBER))
    started = w.calls.enroll_delivered(w.sign_in().session, NUMBER, context=w.context())
    w.deliver()
    added = w.calls.confirm_factor(started.ticket, DeliveredCode(w.messenger.factor_code), context=w.context())
    assert isinstance(added, FactorAdded)
    w.factor, w.session = added.factor.id, added.session
    w.messenger.handed.clear()
    w.tickets = [due(w), due(w)]
    return w


def due(w):
    found = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(found, FactorRequired)
    return found.ticket


def with_code():
    w = somebody()
    assert isinstance(w.calls.send_code(w.tickets[0], w.factor, context=w.context()), CodeSent)
    w.deliver()
    w.code = DeliveredCode(w.messenger.factor_code)
    return w


def send(w, number=0):
    return w.engine.send_code(w.tickets[number], w.factor, context=w.context())


def verify(w, number=0):
    return w.engine.verify_factor(w.tickets[number], w.code, context=w.context())


def sent(w):
    """The codes that went out, once another process has delivered what was left."""
    w.restart()
    w.clock.advance(minutes=2)
    w.deliver()
    return w.messenger.of(MessagePurpose.FACTOR_CODE)


def test_a_message_exists_only_if_its_digest_does_wherever_a_process_dies():
    def check(w, answers):
        texts = sent(w)
        assert len(texts) == len(record(w).factors.sent) == len(w.sink.of(events.CodeIssued)) - 1
        assert isinstance(answers[0], CodeSent) <= (len(texts) == 1)
        if texts:
            proven = w.calls.verify_factor(w.tickets[0], DeliveredCode(texts[0].code), context=w.context())
            assert isinstance(proven, SignedIn)
        else:
            assert isinstance(w.calls.send_code(w.tickets[0], w.factor, context=w.context()), CodeSent)

    explore(somebody, lambda w: [send(w)], check, fates=(*DEATHS, *FAILURES), most=1)


@in_memory
def test_clicks_that_meet_send_one_code():
    def check(w, answers):
        assert sum(isinstance(one, CodeSent) for one in answers) == 1
        assert all(isinstance(one, CodeSent | TryAgain) for one in answers)
        assert len(sent(w)) == 1

    explore(somebody, lambda w: [send(w), send(w)], check)


@in_memory
def test_one_code_on_two_tickets_gives_one_session_and_only_where_it_was_asked_for():
    def check(w, answers):
        assert isinstance(answers[0], SignedIn)
        assert answers[1] == Refused()
        assert record(w).factors.sent == ()

    explore(with_code, lambda w: [verify(w, 0), verify(w, 1)], check)


@in_memory
def test_one_code_typed_twice_at_once_gives_one_session():
    def check(w, answers):
        assert sorted(type(one).__name__ for one in answers) in (["Refused", "SignedIn"], ["SignedIn", "TryAgain"])

    explore(with_code, lambda w: [verify(w), verify(w)], check)


def test_eight_tickets_and_one_code_give_one_session():
    w = with_code()
    w.tickets += [due(w) for _ in range(6)]
    order = [3, 1, 0, 2, 4, 5, 6, 7]
    answers = [w.calls.verify_factor(w.tickets[one], w.code, context=w.context(f"198.51.100.{one}")) for one in order]
    assert [isinstance(one, SignedIn) for one in answers] == [one == 0 for one in order]


@in_memory
def test_a_code_and_the_removal_of_its_factor_meet():
    def remove(w):
        return w.engine.remove_factor(w.session, w.factor, context=w.context())

    def check(w, answers):
        assert record(w).factors.sent == ()
        assert sent(w) == []
        assert w.calls.send_code(w.tickets[0], w.factor, context=w.context()) == Refused()
        assert isinstance(answers[0], CodeSent | Refused | TryAgain)

    explore(somebody, lambda w: [send(w), remove(w)], check)
