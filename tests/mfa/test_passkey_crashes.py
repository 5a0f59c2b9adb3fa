"""Passkeys when a process dies at any store call, and in every order in which two uses can meet."""

import pytest
from tests.mfa.passkeys import add, begin, made, policy, signed, soft, with_passkeys
from tests.places import USUAL, ground, on_ground  # noqa: F401 - a fixture
from tests.test_races import exactly_one, how_many, record

from acctsec import MessagePurpose, Refused, SignedIn, events
from acctsec.outcomes import FactorAdded
from acctsec.testing import DEATHS, FAILURES, RACING, Operation, crash_everywhere, explore, race_world
from acctsec.testing.world import IDENTIFIER, PASSWORD

pytestmark = pytest.mark.usefixtures("on_ground")


def pytest_generate_tests(metafunc):
    """Every crash happens on every store: on four by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


def a_user():
    w = race_world(policy=with_passkeys(RACING, rules=policy()), store=ground.fresh())
    w.sign_up()
    return w


def with_an_enrolment():
    w = a_user()
    w.started = begin(w, w.sign_in().session)
    w.answer = made(soft(), w.started)
    return w


def with_a_passkey(**properties):
    w = a_user()
    w.key, w.session = add(w, w.sign_in().session, soft(**properties))
    w.deliver()
    return w


def with_an_answer(**properties):
    w = with_a_passkey(**properties)
    asked = w.calls.begin_passkey_sign_in(context=w.context())
    w.ticket, w.answer = asked.ticket, signed(w.key, asked.options)
    return w


def with_two_answers():
    """Of one key that counts: each was made before the other was sent."""
    w = with_an_answer(backup_eligible=False, backed_up=False, step=1)
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    w.due, w.second = due.ticket, signed(w.key, due.passkey)
    return w


def alone(w):
    return w.engine.sign_in_with_passkey(w.ticket, w.answer, context=w.context())


def beside(w):
    return w.engine.verify_factor(w.due, w.second, context=w.context())


OPERATIONS = {
    "a new passkey": (
        with_an_enrolment,
        Operation(
            begin=lambda w: w.engine.confirm_factor(w.started.ticket, w.answer, context=w.context()),
            happened=lambda w: len(record(w).factors.passkeys) == 1,
            means=FactorAdded,
            events=(events.FactorEnrolled,),
            messages=(MessagePurpose.FACTOR_ADDED,),
            once=False,
        ),
    ),
    "a sign-in by passkey": (
        with_an_answer,
        Operation(
            begin=alone, happened=lambda w: len(record(w).spent) == 1, means=SignedIn, once=False
        ),
    ),
    "a passkey beside a password": (
        with_two_answers,
        Operation(
            begin=beside, happened=lambda w: len(record(w).spent) == 1, means=SignedIn, once=False
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_store_call_leaves_the_state_before_or_after(name):
    make_world, operation = OPERATIONS[name]
    assert crash_everywhere(make_world, operation).schedules > 4


def test_a_used_answer_stays_used_whatever_crashed():
    def check(w, answers):
        w.restart()
        again = w.calls.sign_in_with_passkey(w.ticket, w.answer, context=w.context())
        assert how_many([*answers, again], SignedIn) <= 1
        assert len(record(w).spent) == 1

    explore(with_an_answer, lambda w: [alone(w)], check, fates=(*DEATHS, *FAILURES))


def test_one_answer_twice_at_once_is_one_session():
    def check(w, answers):
        exactly_one(answers, SignedIn)
        assert len(record(w).sessions) == 2  # and the one that set the passkey up

    assert explore(with_an_answer, lambda w: [alone(w), alone(w)], check).schedules > 5


def test_of_two_uses_at_once_a_counter_never_goes_back():
    """Alone with 1, beside a password with 2: whichever comes first, the record has the higher, and the lower is not taken after."""

    def check(w, answers):
        first, second = answers
        (kept,) = record(w).factors.passkeys
        assert isinstance(second, SignedIn)
        assert kept.counter == 2
        assert isinstance(first, SignedIn | Refused)

    assert explore(with_two_answers, lambda w: [alone(w), beside(w)], check).schedules > 5
