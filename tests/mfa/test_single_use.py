"""Whatever is good once is good once: codes, tickets and enrolments meet in every order there is; the rest by threads and killed processes."""

import time

import pytest
from attrs import evolve
from tests.museum.harness import address, exhibit, kinds, par
from tests.museum.process import Process
from tests.places import SHARED, STORES, USUAL, ground, in_memory, on_ground  # noqa: F401 - a fixture
from tests.test_races import a_user_with_a_factor, a_world, alive, exactly_one, how_many, record

from acctsec import (
    Action,
    EnrollmentRequired,
    FactorAdded,
    FactorRemoved,
    FactorRequired,
    FreshSession,
    MfaPolicy,
    PasswordChanged,
    ReauthenticationRequired,
    RecoveryCode,
    Refused,
    SessionsEnded,
    SignedIn,
    TryAgain,
)
from acctsec.testing import DEATHS, FAILURES, RACING, Authenticator, explore, race_world
from acctsec.testing.world import IDENTIFIER, PASSWORD

NO = (Refused, TryAgain)
REQUIRED = evolve(RACING, mfa=MfaPolicy(required=True))
ACTION = Action.CHANGE_FACTORS


def pytest_generate_tests(metafunc):
    """Every race is run on every store: on four by `make test`, on the rest by `make test-deep`."""
    if "place" in metafunc.fixturenames:
        stores = [pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES]
        metafunc.parametrize("place", stores, indirect=True)
    elif "shared" in metafunc.fixturenames:
        usual = {"sqlite", "postgres+valkey"}
        stores = [pytest.param(one, marks=() if one in usual else pytest.mark.deep) for one in SHARED]
        metafunc.parametrize("shared", stores, indirect=True)
    elif "on_ground" in metafunc.fixturenames:
        ground.choose(metafunc, USUAL)


@pytest.fixture
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


shared = place


def stale():
    """Alice with an app and printed codes, in a session whose proofs are too old, and the ticket of what it wants to do."""
    w = a_user_with_a_factor()
    issued = w.calls.issue_recovery_codes(w.session, context=w.context())
    w.codes, w.session = issued.codes, issued.session
    w.clock.advance(minutes=20)
    w.ticket = asked(w)
    return w


def asked(w):
    """The ticket of what a session has to prove."""
    due = w.calls.authorize(w.session, ACTION, context=w.context())
    assert isinstance(due, FactorRequired | ReauthenticationRequired), due
    return due.ticket


def answered(w, answer, ticket=None):
    return w.engine.verify_factor(ticket or w.ticket, answer, context=w.context())


def password(w):
    return w.engine.reauthenticate(w.ticket, PASSWORD, context=w.context())


def half():
    """The same where the password is shown again already: a factor is all that is missing."""
    w = stale()
    due = w.calls.reauthenticate(w.ticket, PASSWORD, context=w.context())
    assert isinstance(due, FactorRequired)
    w.ticket = due.ticket
    return w


def one_session_of(w, answers):
    """One of them has the session, under a new token, and nobody else has."""
    exactly_one(answers, SignedIn, NO)
    assert not alive(w, w.session)
    assert [one.id.hex() for one in record(w).sessions] == [one.info.id for one in answers if isinstance(one, SignedIn)]


@pytest.mark.usefixtures("on_ground")
def test_one_ticket_steps_up_once_whatever_it_is_answered_with():
    def check(w, answers):
        one_session_of(w, answers)
        spent = record(w).factors.recovery.used == 1
        assert spent == isinstance(answers[1], SignedIn), "whoever comes too late has spent nothing"

    explore(half, lambda w: [answered(w, w.app.code(w.clock())), answered(w, RecoveryCode(w.codes[0]))], check)


@pytest.mark.usefixtures("on_ground")
@in_memory
def test_one_ticket_takes_a_password_or_a_code_never_both():
    def check(w, answers):
        exactly_one(answers, (FactorRequired, ReauthenticationRequired), NO)
        assert alive(w, w.session), "half of it changes nothing"

    explore(stale, lambda w: [password(w), answered(w, w.app.code(w.clock()))], check)


@pytest.mark.usefixtures("on_ground")
@in_memory
def test_one_code_signs_in_or_steps_up_never_both():
    def both():
        w = half()
        w.other = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
        return w

    def check(w, answers):
        exactly_one(answers, SignedIn, NO)

    explore(both, lambda w: [answered(w, w.app.code(w.clock())), answered(w, w.app.code(w.clock()), w.other)], check)


@pytest.mark.usefixtures("on_ground")
@in_memory
def test_a_session_that_is_ended_while_it_steps_up_leaves_no_old_token_alive():
    def check(w, answers):
        assert isinstance(answers[1], SessionsEnded | TryAgain)
        assert not alive(w, w.session)
        assert len(record(w).sessions) == how_many(answers[:1], SignedIn)
        if isinstance(answers[0], SignedIn):
            assert alive(w, answers[0].session)

    explore(half, lambda w: [answered(w, w.app.code(w.clock())), w.engine.sign_out(w.session, context=w.context())], check)


def two_sessions():
    w = half()
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    w.fresh = w.calls.verify_factor(due.ticket, RecoveryCode(w.codes[1]), context=w.context()).session
    return w


@pytest.mark.usefixtures("on_ground")
@in_memory
def test_no_session_that_steps_up_outlives_a_new_password():
    def check(w, answers):
        assert isinstance(answers[1], PasswordChanged), "the session that changes it is another one"
        assert record(w).sessions == ()
        assert not any(alive(w, one.session) for one in answers if isinstance(one, SignedIn))

    new = "a wholly new phrase 77"
    change = lambda w: w.engine.set_password("u1", new, by=FreshSession(w.fresh), context=w.context())
    explore(two_sessions, lambda w: [answered(w, w.app.code(w.clock())), change(w)], check)


@pytest.mark.usefixtures("on_ground")
@in_memory
def test_no_session_that_steps_up_outlives_the_factor_it_is_proven_with():
    def check(w, answers):
        assert isinstance(answers[1], FactorRemoved)
        assert record(w).factors.every == ()
        assert [one.level for one in record(w).sessions] == [1]
        assert not any(alive(w, one.session) for one in answers if isinstance(one, SignedIn))

    remove = lambda w: w.engine.remove_factor(w.fresh, record(w).factors.totp[0].id, context=w.context())
    explore(two_sessions, lambda w: [answered(w, w.app.code(w.clock())), remove(w)], check)


@pytest.mark.usefixtures("on_ground")
def test_two_set_ups_by_one_ticket_of_a_sign_in_are_one_factor():
    """Who has to have a factor and has none sets one up by the ticket of that sign-in; so does a thief with the password."""

    def due():
        w = a_world(REQUIRED)
        w.sign_up()
        needs = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
        assert isinstance(needs, EnrollmentRequired)
        w.apps = [Authenticator(w.calls.enroll_totp(needs.ticket, context=w.context())) for _ in range(2)]
        return w

    def check(w, answers):
        exactly_one(answers, FactorAdded, NO)
        assert len(record(w).factors.every) == len(record(w).sessions) == 1

    confirm = lambda w, app: w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
    explore(due, lambda w: [confirm(w, app) for app in w.apps], check)


@pytest.mark.usefixtures("on_ground")
def test_a_step_up_is_whole_or_it_is_not_whichever_call_a_process_dies_at():
    """The session, its proofs and the spent code and ticket change together; once more brings it to its end, or there is no more."""

    def check(w, answers):
        stepped = not alive(w, w.session)
        assert isinstance(answers[0], SignedIn) <= stepped
        code = w.app.code(w.clock())
        w.restart()
        again = w.calls.verify_factor(w.ticket, code, context=w.context("203.0.113.7"))
        assert isinstance(again, Refused if stepped else SignedIn)
        (session,) = record(w).sessions
        assert {one.method for one in session.proofs} == {"password", "totp"}

    explore(half, lambda w: [answered(w, w.app.code(w.clock()))], check, fates=(*DEATHS, *FAILURES), most=1)


def test_a_set_up_is_over_with_the_session_that_began_it():
    w = race_world(policy=RACING)
    w.sign_up()
    session = w.sign_in().session
    app = Authenticator(w.calls.enroll_totp(session, context=w.context()))
    w.calls.sign_out(session, context=w.context())
    assert w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()) == Refused()


# --- eight at once ----------------------------------------------------------------------------------------------------


def shown_again(w, session):
    """The ticket of a session whose password was shown again."""
    due = w.engine.authorize(session, ACTION, context=w.context())
    return w.engine.reauthenticate(due.ticket, PASSWORD, context=w.context()).ticket


def test_eight_codes_on_one_ticket_step_up_once(place):
    w = exhibit(place)
    app, codes, _ = w.guarded()
    session = w.fully(app).session
    w.clock.advance(minutes=20)
    ticket = shown_again(w, session)
    before = len(w.engine.admin.export("u1").sessions)
    calls = [lambda n=n: w.engine.verify_factor(ticket, RecoveryCode(codes[n]), context=w.context(address(n))) for n in range(8)]
    assert kinds(par(*calls))["SignedIn"] == 1
    assert len(w.engine.admin.export("u1").sessions) == before


def test_eight_tickets_and_one_code_step_up_once(place):
    w = exhibit(place)
    app, _, _ = w.guarded()
    sessions = [w.fully(app).session for _ in range(8)]
    w.clock.advance(minutes=20)
    tickets = [shown_again(w, session) for session in sessions]
    code = app.code(w.clock())
    calls = [lambda n=n: w.engine.verify_factor(tickets[n], code, context=w.context(address(n))) for n in range(8)]
    assert kinds(par(*calls))["SignedIn"] == 1


@pytest.mark.parametrize("moment", [0, 0.01, 0.05])
def test_with_a_process_killed_meanwhile_one_code_is_accepted_once(shared, moment):
    """Two processes have one code for eight tickets; one is killed at some moment, and a third tries again."""
    w = exhibit(shared)
    app, _, _ = w.guarded()
    tickets = [w.ticket(address=address(n)) for n in range(9)]
    code = app.code(w.clock())
    before = len(w.engine.admin.export("u1").sessions)
    doomed, other = (Process(w, shared) for _ in range(2))
    for number, process in enumerate((doomed, other)):
        assert process.read() == "ready"
        process.write([["factor", address(n), tickets[n], code.code] for n in range(4 * number, 4 * number + 4)])
    time.sleep(moment)
    doomed.kill()
    assert set(other.read()) <= {"SignedIn", "Refused", "TryAgain"}
    other.wait()
    w.engine.verify_factor(tickets[8], code, context=w.context(address(8)))
    assert len(w.engine.admin.export("u1").sessions) == before + 1
