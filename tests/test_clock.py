"""Clocks that leap, stand still or lie: budgets do not refill, locks do not outlast their cap, and nonsense denies."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from acctsec import (
    Admin,
    FactorRequired,
    FreshSession,
    Initial,
    PasswordChanged,
    PortError,
    RecoveryCode,
    Refused,
    ResetLink,
    ResetPending,
    SessionEnded,
    SessionValid,
    SignedIn,
    TryAgain,
    events,
)
from acctsec.budgets import Budget, Rungs
from acctsec.testing import RACING, Authenticator, world
from acctsec.testing.strategies import instants_out_of_range, leaps
from acctsec.testing.world import IDENTIFIER, PASSWORD

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW = "a wholly new phrase 77"
SHORT = Rungs(free=2, first=MINUTE, longest=4 * MINUTE, stop=40)
POLICY = evolve(
    RACING,
    lockout=evolve(
        RACING.lockout,
        strangers=SHORT,
        pair=Rungs(free=2, first=MINUTE, longest=4 * MINUTE, stop=1000, window=HOUR),
    ),
)


@given(st.lists(leaps(), min_size=1, max_size=40))
def test_a_leaping_clock_refills_no_budget_before_it_went_forward_by_a_window(steps):
    budget = Budget(limit=3, window=20 * MINUTE)
    w = world(policy=evolve(RACING, reset=evolve(RACING.reset, per_source=budget)))
    forward, admitted = timedelta(0), []
    for number, step in enumerate(steps):
        w.clock.advance(step)
        forward += max(step, timedelta(0))
        before = len(w.engine._flows.core.observations)
        w.engine.request_reset(f"nobody{number}@example.org", context=w.context())
        if len(w.engine._flows.core.observations) == before:
            admitted.append(forward)
    for first, fourth in zip(admitted, admitted[budget.limit :], strict=False):
        assert fourth - first >= budget.window


@given(st.lists(leaps(), min_size=1, max_size=60))
def test_a_leaping_clock_gives_no_guess_beyond_the_stop(steps):
    w = world(policy=POLICY)
    w.sign_up()
    w.comparisons.clear()
    for number, step in enumerate(steps):
        w.clock.advance(step)
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"192.0.2.{number}"))
    assert len(w.comparisons.guesses) <= SHORT.stop


@given(st.lists(leaps(), min_size=1, max_size=30))
def test_whatever_the_clock_does_the_wait_is_neither_negative_nor_longer_than_the_cap(steps):
    w = world(policy=POLICY)
    w.sign_up()
    for number, step in enumerate(steps):
        w.clock.advance(step)
        outcome = w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context())
        assert isinstance(outcome, Refused)
        if outcome.retry_after is not None:
            assert timedelta(0) <= outcome.retry_after <= POLICY.lockout.pair.longest


@given(st.lists(leaps(), min_size=1, max_size=20), leaps())
def test_a_lock_is_over_when_its_cap_has_passed_wherever_the_clock_went(steps, leap):
    w = world(policy=POLICY)
    w.sign_up()
    for number, step in enumerate(steps):
        w.clock.advance(step)
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"192.0.2.{number}"))
    w.clock.advance(leap)
    w.engine.sign_in(IDENTIFIER, "wrong guess at last", context=w.context("192.0.2.200"))
    w.clock.advance(SHORT.longest)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context("192.0.2.201")), SignedIn)


def test_a_clock_set_back_by_years_locks_nobody_out_for_years():
    w = world(policy=POLICY)
    w.sign_up()
    w.clock.advance(days=3650)
    for number in range(5):
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"192.0.2.{number}"))
    w.clock.advance(days=-3650)
    w.engine.sign_in(IDENTIFIER, "wrong guess at last", context=w.context("192.0.2.200"))
    w.clock.advance(SHORT.longest)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context("192.0.2.201")), SignedIn)


def test_a_link_of_the_future_waits_and_a_link_of_the_past_is_over():
    w = world()
    w.sign_up()
    link = w.reset_link()
    look = lambda: w.engine.inspect_reset(link, context=w.context())
    assert isinstance(look(), ResetPending)
    w.clock.advance(-HOUR)
    assert isinstance(look(), Refused)
    w.clock.advance(HOUR)
    assert isinstance(look(), ResetPending)
    w.clock.advance(RACING.reset.link_lifetime)
    assert isinstance(look(), Refused)


def test_a_session_of_the_future_is_none():
    w = world()
    w.sign_up()
    session = w.sign_in().session
    w.clock.advance(-DAY)
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionEnded)
    assert isinstance(w.engine.set_password("u1", NEW, by=FreshSession(session), context=w.context()), Refused)
    w.clock.advance(DAY)
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionValid)


def test_no_lifetime_is_reached_by_its_last_instant():
    w = world()
    w.sign_up()
    session, link = w.sign_in().session, w.reset_link()
    asked = w.clock.now
    w.clock.now = asked + RACING.reset.link_lifetime - timedelta(microseconds=1)
    assert isinstance(w.engine.inspect_reset(link, context=w.context()), ResetPending)
    w.clock.now = asked + RACING.reset.link_lifetime
    assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), Refused)
    w.clock.now = asked + RACING.sessions.idle
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionEnded)


def test_a_code_that_was_used_stays_used_when_the_clock_goes_back():
    w = world()
    w.sign_up()
    app, _ = w.enroll(w.sign_in().session)

    def answer(code):
        due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
        assert isinstance(due, FactorRequired)
        return w.engine.verify_factor(due.ticket, code, context=w.context())

    code = app.code(w.clock())
    assert isinstance(answer(code), SignedIn)
    for step in (-30, 0, 15, -60, 120):
        w.clock.advance(seconds=step)
        assert not isinstance(answer(code), SignedIn)


def test_a_ticket_that_was_used_stays_used_when_the_clock_goes_back():
    w = world()
    w.sign_up()
    _, session = w.enroll(w.sign_in().session)
    codes = [RecoveryCode(code) for code in w.engine.issue_recovery_codes(session, context=w.context()).codes]
    first = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    assert isinstance(w.engine.verify_factor(first, codes[0], context=w.context()), SignedIn)
    w.clock.advance(RACING.sessions.ticket_lifetime + MINUTE)
    second = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    assert isinstance(w.engine.verify_factor(second, codes[1], context=w.context()), SignedIn)
    w.clock.advance(-RACING.sessions.ticket_lifetime)
    assert isinstance(w.engine.verify_factor(first, codes[2], context=w.context()), Refused)


def test_a_reset_that_was_redeemed_stays_redeemed_when_the_clock_goes_back():
    w = world()
    w.sign_up()
    link = w.reset_link()
    assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)
    for step in (-DAY, HOUR, -MINUTE, 23 * HOUR):
        w.clock.advance(step)
        assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW + "!", context=w.context()), Refused)


OPERATIONS = {
    "sign_in": lambda w: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()),
    "set_password": lambda w: w.engine.set_password("u2", NEW, by=Initial(), context=w.context()),
    "check_session": lambda w: w.engine.check_session(w.session, context=w.context()),
    "request_reset": lambda w: w.engine.request_reset(IDENTIFIER, context=w.context()),
    "inspect_reset": lambda w: w.engine.inspect_reset(w.link, context=w.context()),
    "redeem_reset": lambda w: w.engine.redeem_reset(ResetLink(w.link), NEW, context=w.context()),
    "verify_factor": lambda w: w.engine.verify_factor(w.ticket, w.code, context=w.context()),
    "enroll_totp": lambda w: w.engine.enroll_totp(w.session, context=w.context()),
    "send_code": lambda w: w.engine.send_code(w.ticket, "0" * 16, context=w.context()),
    "list_factors": lambda w: w.engine.list_factors(w.session, context=w.context()),
    "list_sessions": lambda w: w.engine.list_sessions(w.session, context=w.context()),
    "end_session": lambda w: w.engine.end_session(w.session, "0" * 32, context=w.context()),
    "list_devices": lambda w: w.engine.list_devices(w.session, context=w.context()),
    "forget_device": lambda w: w.engine.forget_device(w.session, w.device, context=w.context()),
    "sign_out": lambda w: w.engine.sign_out(w.session, context=w.context()),
    "sign_out_everywhere": lambda w: w.engine.sign_out_everywhere("u1", by=Admin("ops"), context=w.context()),
    "disable": lambda w: w.engine.admin.disable("u1", actor="ops"),
    "erase": lambda w: w.engine.admin.erase("u1", actor="ops"),
    "deliver": lambda w: w.engine.deliver(),
}


def furnished():
    """A world with one of everything that an operation may be asked about."""
    w = world()
    w.sign_up()
    app, w.session = w.enroll(w.sign_in().session)
    w.device = w.engine.list_devices(w.session, context=w.context()).devices[0].id
    w.link, w.code = w.reset_link(), app.code(w.clock())
    w.ticket = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    w.sign_up("u2", "bob@example.org", password=None)
    return w


@pytest.mark.parametrize("name", OPERATIONS)
@given(told=instants_out_of_range())
def test_a_clock_that_tells_nonsense_denies_and_changes_nothing(name, told):
    w = furnished()
    before = repr(w.store._records), repr(w.store._rows)
    w.clock.now = told
    with pytest.raises(PortError, match="clock"):
        OPERATIONS[name](w)
    assert (repr(w.store._records), repr(w.store._rows)) == before


@pytest.mark.parametrize(
    "instant",
    [
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 29, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2242, 3, 16, 12, 56, 32, tzinfo=UTC),
        datetime(9997, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    ],
)
def test_far_away_instants_are_instants_like_any_other(instant):
    w = world()
    w.clock.now = instant
    w.sign_up()
    session = w.sign_in().session
    started = w.engine.enroll_totp(session, context=w.context())
    app = Authenticator(started)
    w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
    w.engine.sign_in(IDENTIFIER, "wrong guess number 1", context=w.context())
    link = w.reset_link()
    assert isinstance(w.engine.inspect_reset(link, context=w.context()), ResetPending)
    w.deliver()
    assert all(event.at == instant.astimezone(UTC) for event in w.sink.events)
    assert w.sink.of(events.SignedInEvent)


def test_a_clock_that_fails_is_the_worlds_fault_and_grants_nothing():
    w = world()
    w.sign_up()

    def broken():
        raise OSError("no clock")

    w.clock = broken
    w.restart()
    with pytest.raises((PortError, OSError)):
        w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())


def test_nodes_whose_clocks_differ_share_one_budget():
    w = world(policy=POLICY)
    w.sign_up()
    w.comparisons.clear()
    for number in range(60):
        w.clock.advance(HOUR if number % 2 else -HOUR)
        w.restart()
        outcome = w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"192.0.2.{number}"))
        assert isinstance(outcome, Refused | TryAgain)
    assert len(w.comparisons.guesses) <= SHORT.stop
