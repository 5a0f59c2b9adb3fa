"""Crashes: whatever store call a process dies at, the state is the one before or the one after, and says so."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.places import USUAL, ground, in_memory, on_ground  # noqa: F401 - a fixture
from tests.test_races import (
    NEW,
    Careless,
    a_user,
    a_user_with_a_factor,
    a_user_with_a_link,
    a_world,
    record,
    redeem,
    sign_in,
    two_tickets,
)

from acctsec import (
    CurrentPassword,
    DeviceForgotten,
    FreshSession,
    Initial,
    MessagePurpose,
    PasswordChanged,
    PasswordChangeRequired,
    ProofAccepted,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetLink,
    ResetRequested,
    ResumeTicket,
    SessionEnded,
    SessionsEnded,
    SignedIn,
    events,
)
from acctsec.budgets import Rungs
from acctsec.outcomes import FactorAdded, FactorRemoved, FactorRenamed
from acctsec.record import SKEW
from acctsec.testing import DEATHS, FAILURES, RACING, Authenticator, Operation, RaceFound, crash_everywhere, explore, race_world
from acctsec.testing.turns import Fate
from acctsec.testing.world import IDENTIFIER, PASSWORD


def pytest_generate_tests(metafunc):
    """Every crash happens on every store: on four by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


pytestmark = pytest.mark.usefixtures("on_ground")
FAST = evolve(RACING, lockout=evolve(RACING.lockout, strangers=Rungs(
    free=2, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=3,
)))  # fmt: skip


def nobody():
    w = a_world()
    w.sign_up(password=None)
    return w


def with_a_turned_session():
    w = with_a_session()
    w.clock.advance(RACING.sessions.rotate)
    w.turned = w.calls.check_session(w.session, context=w.context()).renewed
    return w


def with_a_copied_session():
    w = with_a_turned_session()
    w.calls.check_session(w.turned, context=w.context())
    w.clock.advance(RACING.sessions.grace + SKEW)
    return w


def with_a_session():
    w = a_user()
    signed = w.sign_in()
    w.session, w.id = signed.session, signed.info.id
    w.device = w.calls.list_devices(w.session, context=w.context()).devices[0].id
    return w


class Leaks:
    """A corpus that knows every password."""

    def count(self, password):
        return 1


def with_a_leak():
    w = a_user()
    w.corpus = Leaks()
    w.restart()
    return w


def with_an_enrolment():
    w = with_a_session()
    w.app = Authenticator(w.calls.enroll_totp(w.session, context=w.context()))
    w.code = w.app.code(w.clock())
    return w


def with_a_code():
    w = two_tickets()
    w.code = w.app.code(w.clock())
    return w


def with_a_guarded_reset():
    w = a_user_with_a_factor()
    w.link = w.reset_link()
    w.ticket = w.calls.redeem_reset(ResetLink(w.link), NEW, context=w.context()).ticket
    w.code = w.app.code(w.clock())
    return w


def with_a_proven_reset():
    w = with_a_guarded_reset()
    w.resume = w.calls.verify_factor(w.ticket, w.code, context=w.context()).ticket
    return w


def with_a_request():
    w = a_user()
    w.deliver()
    w.calls.request_reset(IDENTIFIER, context=w.context())
    return w


def verify(w):
    return w.engine.verify_factor(w.tickets[0], w.code, context=w.context())


def change(w, by):
    return w.engine.set_password("u1", NEW, by=by, context=w.context())


def factor(w):
    return record(w).factors.totp[0].id


def epoch(wanted):
    return lambda w: record(w) is not None and record(w).epoch == wanted


OPERATIONS = {
    "a first password": (
        nobody,
        Operation(
            begin=lambda w: change(w, Initial()),
            happened=epoch(1),
            means=PasswordChanged,
            events=(events.PasswordSet,),
        ),
    ),
    "a change by the current password": (
        a_user,
        Operation(
            begin=lambda w: change(w, CurrentPassword(PASSWORD)),
            happened=epoch(2),
            means=PasswordChanged,
            messages=(MessagePurpose.PASSWORD_CHANGED,),
        ),
    ),
    "a change by a fresh session": (
        with_a_session,
        Operation(
            begin=lambda w: change(w, FreshSession(w.session)),
            happened=epoch(2),
            means=PasswordChanged,
            messages=(MessagePurpose.PASSWORD_CHANGED,),
        ),
    ),
    "a sign-in": (
        a_user,
        Operation(
            begin=sign_in,
            happened=lambda w: len(record(w).sessions) == 1,
            means=SignedIn,
            events=(events.SignedInEvent,),
            once=False,
        ),
    ),
    "a sign-in with a password that leaked": (
        with_a_leak,
        Operation(
            begin=sign_in,
            happened=lambda w: record(w).change is not None,
            means=PasswordChangeRequired,
            events=(events.ChangeDemanded,),
            once=False,
        ),
    ),
    "a second factor": (
        with_a_code,
        Operation(
            begin=verify,
            happened=lambda w: len(record(w).spent) == 1,
            means=SignedIn,
            once=False,
        ),
    ),
    "a request for a reset": (
        a_user,
        Operation(
            begin=lambda w: w.engine.request_reset(IDENTIFIER, context=w.context()),
            happened=lambda w: bool(record(w).resets),
            means=ResetRequested,
            events=(events.ResetIssued,),
            messages=(MessagePurpose.RESET,),
            once=False,
        ),
    ),
    "a reset": (
        a_user_with_a_link,
        Operation(
            begin=redeem,
            happened=epoch(2),
            means=PasswordChanged,
            events=(events.PasswordReset,),
            messages=(MessagePurpose.PASSWORD_CHANGED,),
        ),
    ),
    "a factor for a reset": (
        with_a_guarded_reset,
        Operation(
            begin=lambda w: w.engine.verify_factor(w.ticket, w.code, context=w.context()),
            happened=lambda w: len(record(w).spent) == 1,
            means=ProofAccepted,
            events=(events.FactorAccepted,),
            once=False,
        ),
    ),
    "a reset behind a factor": (
        with_a_proven_reset,
        Operation(
            begin=lambda w: redeem(w, proof=ResumeTicket(w.resume)),
            happened=epoch(3),
            means=PasswordChanged,
            events=(events.PasswordReset,),
            messages=(MessagePurpose.PASSWORD_CHANGED,),
        ),
    ),
    "a new factor": (
        with_an_enrolment,
        Operation(
            begin=lambda w: w.engine.confirm_factor(w.app.ticket, w.code, context=w.context()),
            happened=epoch(2),
            means=FactorAdded,
            events=(events.FactorEnrolled,),
            messages=(MessagePurpose.FACTOR_ADDED,),
            once=False,
        ),
    ),
    "recovery codes": (
        a_user_with_a_factor,
        Operation(
            begin=lambda w: w.engine.issue_recovery_codes(w.session, context=w.context()),
            happened=epoch(3),
            means=RecoveryCodes,
            events=(events.RecoveryCodesIssued,),
            messages=(MessagePurpose.RECOVERY_CODES_ISSUED,),
        ),
    ),
    "another name for a factor": (
        a_user_with_a_factor,
        Operation(
            begin=lambda w: w.engine.rename_factor(w.session, factor(w), "old phone", context=w.context()),
            happened=lambda w: record(w).factors.totp[0].name == "old phone",
            means=FactorRenamed,
            events=(events.FactorRelabelled,),
            once=False,
        ),
    ),
    "the removal of a factor": (
        a_user_with_a_factor,
        Operation(
            begin=lambda w: w.engine.remove_factor(w.session, "".join(one.id for one in record(w).factors.totp), context=w.context()),
            happened=lambda w: not record(w).factors.totp,
            means=FactorRemoved,
            events=(events.FactorDropped,),
            messages=(MessagePurpose.FACTOR_REMOVED,),
        ),
    ),
    "a forgotten device": (
        with_a_session,
        Operation(
            begin=lambda w: w.engine.forget_device(w.session, w.device, context=w.context()),
            happened=lambda w: not record(w).devices,
            means=DeviceForgotten,
            events=(events.DeviceRevoked,),
        ),
    ),
    "a sign-out": (
        with_a_session,
        Operation(
            begin=lambda w: w.engine.sign_out(w.session, context=w.context()),
            happened=lambda w: not record(w).sessions,
            means=SessionsEnded,
            events=(events.SessionClosed,),
        ),
    ),
    "the end of one session": (
        with_a_session,
        Operation(
            begin=lambda w: w.engine.end_session(w.session, w.id, context=w.context()),
            happened=lambda w: not record(w).sessions,
            means=SessionsEnded,
            events=(events.SessionClosed,),
        ),
    ),
    "the return of a copied token": (
        with_a_copied_session,
        Operation(
            begin=lambda w: w.engine.check_session(w.session, context=w.context()),
            happened=lambda w: not record(w).sessions,
            means=SessionEnded,
            events=(events.SessionCopied,),
            messages=(MessagePurpose.SESSION_COPIED,),
        ),
    ),
    "the end of all sessions": (
        with_a_session,
        Operation(
            begin=lambda w: w.engine.sign_out_everywhere("u1", by=FreshSession(w.session), context=w.context()),
            happened=epoch(2),
            means=SessionsEnded,
            events=(events.SessionsClosed,),
        ),
    ),
    "disabling": (
        a_user,
        Operation(
            begin=lambda w: w.engine.admin.disable("u1", actor="ops"),
            happened=lambda w: record(w).disabled,
            means=object,
            events=(events.Disabled,),
        ),
    ),
    "a demanded change": (
        a_user,
        Operation(
            begin=lambda w: w.engine.admin.require_password_change("u1", actor="ops"),
            happened=lambda w: record(w).change is not None,
            means=object,
            events=(events.ChangeDemanded,),
        ),
    ),
    "an erasure": (
        a_user_with_a_link,
        Operation(
            begin=lambda w: w.engine.admin.erase("u1", actor="ops"),
            happened=lambda w: record(w) is None,
            means=object,
            events=(events.Erased,),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_store_call_leaves_the_state_before_or_after(name):
    make_world, operation = OPERATIONS[name]
    if operation.means is object:
        operation = evolve(operation, means=type("Told", (), {}))
    assert crash_everywhere(make_world, operation).schedules > 4


@pytest.mark.deep
@pytest.mark.parametrize("name", OPERATIONS)
def test_two_faults_in_one_operation_leave_the_state_before_or_after(name):
    make_world, operation = OPERATIONS[name]
    if operation.means is object:
        operation = evolve(operation, means=type("Told", (), {}))
    assert crash_everywhere(make_world, operation, most=2).schedules > 10


def test_a_crash_costs_the_guesser_a_failure_never_gives_him_one():
    def make():
        return a_user(FAST)

    def check(w, answers):
        w.restart()
        w.clock.advance(minutes=2)
        for number in range(8):
            w.calls.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"203.0.113.{number}"))
            w.clock.advance(hours=2)
        assert len(w.comparisons.guesses) <= 3

    explored = explore(make, lambda w: [sign_in(w, "wrong guess at first")], check, fates=(*DEATHS, *FAILURES))
    assert explored.schedules > 10


def test_a_crash_in_a_right_sign_in_counts_at_most_one_failure():
    def check(w, answers):
        w.restart()
        w.clock.advance(minutes=2)
        assert all(status.failures <= 1 for status in w.calls.admin.lock_status("u1"))
        assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)

    explore(lambda: a_user(FAST), lambda w: [sign_in(w)], check, fates=DEATHS)


def test_a_used_code_stays_used_whatever_crashed():
    def check(w, answers):
        w.restart()
        again = w.calls.verify_factor(w.tickets[1], w.code, context=w.context())
        used = bool(record(w).spent)
        assert not isinstance(answers[0], SignedIn) or isinstance(again, Refused)
        assert len(record(w).spent) == 1, (used, again)

    explore(with_a_code, lambda w: [verify(w)], check, fates=(*DEATHS, *FAILURES))


def test_a_used_recovery_code_stays_used_whatever_crashed():
    def make():
        w = a_user_with_a_factor()
        w.codes = w.calls.issue_recovery_codes(w.session, context=w.context()).codes
        w.tickets = [w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket for _ in range(2)]
        w.code = RecoveryCode(w.codes[0])
        return w

    def check(w, answers):
        w.restart()
        again = w.calls.verify_factor(w.tickets[1], w.code, context=w.context())
        assert not (isinstance(answers[0], SignedIn) and isinstance(again, SignedIn))
        assert record(w).factors.recovery.left == len(w.codes) - 1

    explore(make, lambda w: [verify(w)], check, fates=(*DEATHS, *FAILURES))


def test_a_worker_that_dies_delivers_nothing_twice_and_its_link_works():
    def check(w, answers):
        w.restart()
        w.clock.advance(minutes=5)
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.RESET)) == 1
        assert len(w.sink.of(events.ResetIssued)) == 1
        assert isinstance(w.calls.redeem_reset(ResetLink(w.messenger.link), NEW, context=w.context()), PasswordChanged)

    explore(with_a_request, lambda w: [w.engine.deliver()], check, fates=(*DEATHS, *FAILURES))


def test_a_worker_that_dies_late_makes_no_second_reset_of_a_request_that_was_redeemed():
    def check(w, answers):
        w.restart()
        if w.messenger.handed:
            w.calls.redeem_reset(ResetLink(w.messenger.link), NEW, context=w.context())
            changed = record(w).epoch == 2
            w.clock.advance(minutes=5)
            w.deliver()
            assert not (changed and record(w).resets)

    explore(with_a_request, lambda w: [w.engine.deliver()], check, fates=DEATHS)


def test_every_event_is_told_once_whatever_a_worker_dies_at():
    def check(w, answers):
        w.restart()
        w.clock.advance(minutes=5)
        w.deliver()
        assert [type(one) for one in w.sink.events] == [events.PasswordSet, events.SignedInEvent]

    def make():
        w = a_user()
        w.sign_in()
        return w

    explore(make, lambda w: [w.engine.deliver()], check, fates=(*DEATHS, *FAILURES))


def test_a_failing_store_is_never_taken_for_a_no():
    def check(w, answers):
        assert not isinstance(answers[0], Refused)

    explore(a_user, lambda w: [sign_in(w)], check, fates=FAILURES)
    explore(a_user_with_a_link, lambda w: [redeem(w)], check, fates=FAILURES)
    explore(with_a_code, lambda w: [verify(w)], check, fates=FAILURES)


@in_memory
def test_a_store_that_forgets_its_outbox_is_found_out():
    class Forgetful(Careless):
        def commit(self, key, expected, value, outbox, commit_id):
            return self._store.commit(key, expected, value, (), commit_id)

    def make():
        from acctsec import MemoryStore

        w = race_world(store=Forgetful(MemoryStore()))
        w.sign_up(password=None)
        return w

    with pytest.raises(RaceFound, match="0 events PasswordSet where it happened 1 times"):
        crash_everywhere(make, OPERATIONS["a first password"][1])


@in_memory
def test_a_store_that_answers_before_it_wrote_is_found_out():
    class Hasty(Careless):
        def commit(self, key, expected, value, outbox, commit_id):
            from acctsec.protocols import Committed

            return Committed(commit_id)

    def make():
        from acctsec import MemoryStore

        w = race_world(store=Hasty(MemoryStore()))
        w.directory.put(evolve(w.sign_up("u2", "bob@example.org", password=None), subject="u1", identifiers=(IDENTIFIER,)))
        return w

    with pytest.raises(RaceFound, match="told PasswordChanged, and it did not happen"):
        crash_everywhere(make, OPERATIONS["a first password"][1], fates=(Fate.DIES_AFTER,))
