"""Races: every order in which the store calls of concurrent operations can meet, none left out."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.places import USUAL, ground, in_memory, on_ground  # noqa: F401 - a fixture

from acctsec import (
    Admin,
    CurrentPassword,
    DeviceForgotten,
    FactorRequired,
    FreshSession,
    Initial,
    MfaPolicy,
    PasswordChanged,
    ProofAccepted,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SessionValid,
    SignedIn,
    TryAgain,
    events,
)
from acctsec._codec import decode_record
from acctsec.budgets import Budget, Rungs
from acctsec.keyring import frame
from acctsec.mfa import totp
from acctsec.outcomes import FactorAdded, FactorRemoved
from acctsec.testing import DEATHS, RACING, Authenticator, RaceFound, TooManySchedules, explore, race_world, replay
from acctsec.testing.world import IDENTIFIER, PASSWORD

pytestmark = pytest.mark.usefixtures("on_ground")
NEW, NEWER = "a wholly new phrase 77", "another phrase entirely 99"


def pytest_generate_tests(metafunc):
    """Every race is run on every store: in memory and, if it is `telling`, on three others by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL if getattr(metafunc.function, "telling", False) else ("memory",))


def telling(test):
    """Have a race run on servers always."""
    test.telling = True
    return test


def limited(free):
    """RACING with *free* guesses before the first rest."""
    strangers = Rungs(free=free, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=50)
    codes = Rungs(free=free, first=timedelta(minutes=1), longest=timedelta(minutes=15), stop=10, window=timedelta(days=1))
    return evolve(RACING, lockout=evolve(RACING.lockout, strangers=strangers, codes=codes))


def a_world(policy=RACING):
    return race_world(policy=policy, store=ground.fresh())


def a_user(policy=RACING):
    w = a_world(policy)
    w.sign_up()
    w.comparisons.clear()
    return w


def a_user_with_a_link(policy=RACING):
    w = a_user(policy)
    w.handle = w.calls.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()
    return w


def a_user_with_a_factor(policy=RACING):
    w = a_user(policy)
    w.app, w.session = w.enroll(w.sign_in().session)
    return w


def two_tickets(policy=RACING):
    w = a_user_with_a_factor(policy)
    w.tickets = [w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket for _ in range(2)]
    return w


def sign_in(w, password=PASSWORD, identifier=IDENTIFIER):
    return w.engine.sign_in(identifier, password, context=w.context())


def redeem(w, password=NEW, proof=None):
    return w.engine.redeem_reset(proof or ResetLink(w.messenger.link), password, context=w.context())


def record(w, subject="u1"):
    found = w.store.store.load(frame("subject", "", subject))
    return None if found is None else decode_record(found[0])


def opens(w, password):
    """Whether a password is the subject's, judged by an engine and a source nobody used yet."""
    w.restart()
    w.calls.admin.unlock("u1", actor="judge")
    return not isinstance(w.calls.sign_in(IDENTIFIER, password, context=w.context("203.0.113.99")), Refused)


def alive(w, session):
    return isinstance(w.calls.check_session(session, context=w.context()), SessionValid)


def how_many(answers, kind):
    return sum(isinstance(answer, kind) for answer in answers)


def exactly_one(answers, kind, otherwise=Refused):
    assert how_many(answers, kind) == 1, answers
    assert how_many(answers, (kind, otherwise)) == len(answers), answers


# --- guessing ---------------------------------------------------------------------------------------------------------


def three_parallel_guesses(free):
    def check(w, answers):
        assert len({one.password for one in w.comparisons.guesses}) == free
        assert len(w.comparisons.guesses) == free
        assert how_many(answers, (Refused, TryAgain)) == 3

    flows = lambda w: [sign_in(w, f"wrong guess number {n}") for n in range(3)]
    explored = explore(lambda: a_user(limited(free)), flows, check)
    assert explored.schedules > 100


def test_three_parallel_guesses_where_two_are_allowed_are_two_comparisons():
    three_parallel_guesses(free=2)


@pytest.mark.deep
@in_memory
def test_three_parallel_guesses_where_one_is_allowed_are_one_comparison():
    three_parallel_guesses(free=1)


@telling
def test_two_parallel_guesses_where_one_is_allowed_are_one_comparison():
    def check(w, answers):
        assert len(w.comparisons.guesses) == 1
        assert how_many(answers, (Refused, TryAgain)) == 2

    flows = lambda w: [sign_in(w, f"wrong guess number {n}") for n in range(2)]
    explore(lambda: a_user(limited(1)), flows, check)


@telling
def test_the_same_wrong_password_three_times_at_once_is_one_guess():
    def check(w, answers):
        assert how_many(answers, Refused) == 3
        assert w.calls.admin.lock_status("u1")[-1].failures == 1

    explore(lambda: a_user(limited(2)), lambda w: [sign_in(w, "wrong guess number 1") for _ in range(3)], check)


def test_the_right_password_passes_beside_as_many_wrong_ones_as_leave_one_try():
    flows = lambda w: [sign_in(w), sign_in(w, "wrong guess number 1"), sign_in(w, "wrong guess number 2")]
    explore(lambda: a_user(limited(3)), flows, lambda w, answers: exactly_one(answers, SignedIn))


def right_passwords_at_once(number):
    flows = lambda w: [sign_in(w) for _ in range(number)]

    def check(w, answers):
        assert how_many(answers, SignedIn) == number
        assert all(alive(w, answer.session) for answer in answers)

    explore(lambda: a_user(limited(2)), flows, check)


@telling
def test_two_right_passwords_at_once_share_one_try_and_both_pass():
    right_passwords_at_once(2)


@pytest.mark.deep
@in_memory
def test_three_right_passwords_at_once_share_one_try_and_all_pass():
    right_passwords_at_once(3)


def test_parallel_guesses_of_an_unknown_name_are_answered_like_those_of_a_known_one():
    seen = {True: set(), False: set()}
    for known in (True, False):
        name = IDENTIFIER if known else "nobody@example.org"
        flows = lambda w, name=name: [sign_in(w, f"wrong guess number {n}", name) for n in range(2)]
        check = lambda w, answers, known=known: seen[known].add((*map(repr, answers), len(w.comparisons.all)))
        explore(lambda: a_user(limited(1)), flows, check)
    assert seen[True] == seen[False]


def test_the_guess_that_stops_a_lane_is_in_the_record_before_it_is_compared_whatever_crashes():
    rungs = Rungs(free=2, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=2)
    policy = evolve(RACING, lockout=evolve(RACING.lockout, strangers=rungs))

    def check(w, answers):
        compared = len(w.comparisons.guesses)
        assert compared <= 2
        assert compared < 2 or record(w).checkpoint("password/strangers").count == 2

    flows = lambda w: [sign_in(w, f"wrong guess number {n}") for n in range(2)]
    explore(lambda: a_user(policy), flows, check, fates=DEATHS)


@pytest.mark.parametrize("failures", [8, 9])
def test_the_owner_signs_in_twice_at_once_whatever_the_record_is_told_meanwhile(failures):
    def make():
        w = a_user()
        for number in range(failures):
            w.calls.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"203.0.113.{number}"))
        return w

    def check(w, answers):
        assert how_many(answers, SignedIn) == 2, answers
        assert w.calls.admin.lock_status("u1")[-1].failures == 0

    explore(make, lambda w: [sign_in(w), sign_in(w)], check)


def test_parallel_wrong_codes_get_exactly_as_many_comparisons_as_the_policy_allows(monkeypatch):
    looked = []
    real = totp.matching_steps
    monkeypatch.setattr(totp, "matching_steps", lambda secret, code, **facts: looked.append(code) or real(secret, code, **facts))

    def make():
        w = two_tickets(limited(2))
        looked.clear()
        return w

    def flows(w):
        wrong = [w.app.wrong(w.clock(), n) for n in range(3)]
        return [w.engine.verify_factor(w.tickets[n % 2], wrong[n], context=w.context()) for n in range(3)]

    explore(make, flows, lambda w, answers: exec("assert len(looked) == 2", {"looked": looked}))


@telling
def test_parallel_reset_codes_are_tried_no_more_often_than_the_policy_allows():
    def flows(w):
        return [redeem(w, proof=ResetCode(w.handle, code)) for code in ("00000000", w.messenger.code)]

    def check(w, answers):
        assert isinstance(answers[0], Refused | TryAgain)
        assert isinstance(answers[1], Refused | TryAgain | PasswordChanged)
        looked.add(isinstance(answers[1], PasswordChanged))

    looked = set()
    explore(lambda: a_user_with_a_link(limited(1)), flows, check)
    assert looked == {True, False}  # one try: it is the right code's or the wrong one's


# --- resets -----------------------------------------------------------------------------------------------------------


@telling
@pytest.mark.parametrize("passwords", [(NEW, NEW), (NEW, NEWER)])
def test_one_link_changes_one_password_once(passwords):
    def check(w, answers):
        exactly_one(answers, PasswordChanged)
        w.deliver()
        assert len(w.sink.of(events.PasswordReset)) == 1
        assert len(w.messenger.handed) == 2  # the link, and the notice of the change
        won = passwords[0] if isinstance(answers[0], PasswordChanged) else passwords[1]
        assert opens(w, won)
        assert won in passwords and not opens(w, PASSWORD)

    explore(a_user_with_a_link, lambda w: [redeem(w, one) for one in passwords], check)


@pytest.mark.deep
def test_three_redemptions_of_one_link_change_one_password_once():
    explored = explore(
        a_user_with_a_link,
        lambda w: [redeem(w, f"{NEW} {n}") for n in range(3)],
        lambda w, answers: exactly_one(answers, PasswordChanged),
    )
    assert explored.schedules > 100


@telling
def test_the_link_and_the_code_of_one_reset_do_their_work_once():
    flows = lambda w: [redeem(w), redeem(w, NEWER, ResetCode(w.handle, w.messenger.code))]
    explore(a_user_with_a_link, flows, lambda w, answers: exactly_one(answers, PasswordChanged))


@telling
def test_a_change_of_the_password_and_a_reset_never_both_happen():
    def check(w, answers):
        exactly_one(answers, PasswordChanged)
        kept, lost = (NEWER, NEW) if isinstance(answers[0], PasswordChanged) else (NEW, NEWER)
        assert opens(w, kept)
        assert not opens(w, lost)
        assert not opens(w, PASSWORD)

    def flows(w):
        change = w.engine.set_password("u1", NEWER, by=CurrentPassword(PASSWORD), context=w.context())
        return [change, redeem(w)]

    explore(a_user_with_a_link, flows, check)


@telling
def test_a_sign_in_with_the_old_password_leaves_no_session_behind_a_reset():
    def check(w, answers):
        assert isinstance(answers[1], PasswordChanged)
        assert isinstance(answers[0], SignedIn | Refused)
        assert not record(w).sessions
        assert not (isinstance(answers[0], SignedIn) and alive(w, answers[0].session))

    explore(a_user_with_a_link, lambda w: [sign_in(w), redeem(w)], check)


def test_a_stronger_hash_of_the_old_password_never_overwrites_a_new_one():
    costlier = evolve(RACING, hashing=evolve(RACING.hashing, time_cost=2))

    def make():
        w = a_user_with_a_link()
        w.restart(costlier)
        return w

    def check(w, answers):
        assert isinstance(answers[1], PasswordChanged)
        assert opens(w, NEW)
        assert not opens(w, PASSWORD)

    explore(make, lambda w: [sign_in(w), redeem(w)], check)


def test_requests_at_once_share_the_budget_of_the_source():
    policy = evolve(RACING, reset=evolve(RACING.reset, per_source=Budget(limit=2, window=timedelta(minutes=20))))

    def check(w, answers):
        w.deliver()
        assert len(w.sink.of(events.ResetIssued)) == 2

    flows = lambda w: [w.engine.request_reset(IDENTIFIER, context=w.context()) for n in range(3)]
    explore(lambda: a_user(policy), flows, check)


@telling
def test_two_workers_deliver_everything_once():
    def make():
        w = a_user()
        w.deliver()
        w.calls.request_reset(IDENTIFIER, context=w.context())
        return w

    def check(w, answers):
        w.deliver()
        assert len(w.messenger.handed) == 1
        assert len({key for key, _ in w.sink.handed}) == len(w.sink.handed)

    explore(make, lambda w: [w.engine.deliver(), w.engine.deliver()], check)


# --- factors ----------------------------------------------------------------------------------------------------------


@telling
def test_one_code_proves_one_sign_in():
    def flows(w):
        code = w.app.code(w.clock())
        return [w.engine.verify_factor(ticket, code, context=w.context()) for ticket in w.tickets]

    explored = explore(two_tickets, flows, lambda w, answers: exactly_one(answers, SignedIn))
    assert explored.schedules >= 20


def test_one_ticket_gives_one_session_whatever_codes_it_comes_with():
    def flows(w):
        codes = [w.app.code(w.clock()), w.app.code(w.clock(), step=1)]
        return [w.engine.verify_factor(w.tickets[0], code, context=w.context()) for code in codes]

    explore(two_tickets, flows, lambda w, answers: exactly_one(answers, SignedIn))


def test_a_right_code_sent_twice_signs_in_once_and_leaves_no_failure_behind():
    def make():
        w = two_tickets()
        for number in range(2):
            wrong = w.app.wrong(w.clock(), number)
            w.calls.verify_factor(w.tickets[1], wrong, context=w.context(f"203.0.113.{number}"))
        return w

    def flows(w):
        code = w.app.code(w.clock())
        return [w.engine.verify_factor(w.tickets[0], code, context=w.context()) for _ in range(2)]

    def check(w, answers):
        exactly_one(answers, SignedIn)
        assert all(status.failures == 0 for status in w.calls.admin.lock_status("u1"))

    explore(make, flows, check)


@telling
def test_one_recovery_code_works_once():
    def make():
        w = a_user_with_a_factor()
        w.codes = w.calls.issue_recovery_codes(w.session, context=w.context()).codes
        w.tickets = [w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket for _ in range(2)]
        return w

    def flows(w):
        return [w.engine.verify_factor(one, RecoveryCode(w.codes[0]), context=w.context()) for one in w.tickets]

    def check(w, answers):
        exactly_one(answers, SignedIn)
        assert record(w).factors.recovery.left == len(w.codes) - 1

    explore(make, flows, check)


def test_one_recovery_code_proves_one_reset():
    def make():
        w = a_user_with_a_factor()
        w.codes = w.calls.issue_recovery_codes(w.session, context=w.context()).codes
        w.handle = w.calls.request_reset(IDENTIFIER, context=w.context()).handle
        return w

    def flows(w):
        return [redeem(w, NEW, RecoveryCode(w.codes[0], w.handle)) for _ in range(2)]

    explore(make, flows, lambda w, answers: exactly_one(answers, FactorRequired))


@telling
def test_one_code_proves_a_sign_in_or_a_reset_never_both():
    def make():
        w = a_user_with_a_factor()
        w.ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
        w.reset = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()).ticket
        return w

    def flows(w):
        code = w.app.code(w.clock())
        return [w.engine.verify_factor(ticket, code, context=w.context()) for ticket in (w.ticket, w.reset)]

    explore(make, flows, lambda w, answers: exactly_one(answers, (SignedIn, ProofAccepted)))


def test_a_proven_reset_is_finished_once():
    def make():
        w = a_user_with_a_factor()
        ticket = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()).ticket
        w.resume = w.calls.verify_factor(ticket, w.app.code(w.clock()), context=w.context()).ticket
        return w

    flows = lambda w: [redeem(w, one, ResumeTicket(w.resume)) for one in (NEW, NEWER)]
    explore(make, flows, lambda w, answers: exactly_one(answers, PasswordChanged))


@pytest.mark.parametrize("sessions", [1, 2])
def test_two_removals_never_leave_a_subject_without_the_factor_the_policy_demands(sessions):
    policy = evolve(RACING, mfa=MfaPolicy(required=True))

    def make():
        w = a_user()  # the policy begins to demand a factor when there are two
        _, session = w.enroll(w.sign_in().session)
        w.app, w.session = w.enroll(session, name="tablet")
        ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
        other = w.calls.verify_factor(ticket, w.app.code(w.clock()), context=w.context()).session
        w.sessions = [w.session, other if sessions == 2 else w.session]
        w.factors = [one.id for one in w.calls.list_factors(w.session, context=w.context()).factors]
        w.restart(policy)
        return w

    def flows(w):
        pairs = zip(w.sessions, w.factors, strict=True)
        return [w.engine.remove_factor(session, factor, context=w.context()) for session, factor in pairs]

    def check(w, answers):
        exactly_one(answers, FactorRemoved)
        assert len(record(w).factors.totp) == 1

    explore(make, flows, check)


# --- devices and networks ---------------------------------------------------------------------------------------------


def a_user_on_two_devices(policy=RACING):
    w = a_user(policy)
    w.stolen, w.mine = w.sign_in(), w.sign_in()
    w.device = next(
        one.id for one in w.calls.list_devices(w.mine.session, context=w.context(device=w.stolen.device)).devices if one.current
    )
    return w


def forget(w):
    return w.engine.forget_device(w.mine.session, w.device, context=w.context())


@telling
def test_a_device_that_is_forgotten_during_its_sign_in_is_never_known_again():
    def flows(w):
        return [forget(w), w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=w.stolen.device))]

    def check(w, answers):
        assert isinstance(answers[0], DeviceForgotten)
        assert isinstance(answers[1], SignedIn)
        assert w.device not in {one.id.hex() for one in record(w).devices}
        again = w.calls.list_devices(w.mine.session, context=w.context(device=w.stolen.device))
        assert not any(one.current for one in again.devices)

    explore(a_user_on_two_devices, flows, check)


@telling
def test_a_device_forgotten_twice_at_once_is_one_event():
    def check(w, answers):
        exactly_one(answers, DeviceForgotten)
        w.deliver()
        assert len(w.sink.of(events.DeviceRevoked)) == 1

    explore(a_user_on_two_devices, lambda w: [forget(w), forget(w)], check)


@telling
def test_two_sign_ins_from_a_new_network_make_it_known_once():
    def check(w, answers):
        assert how_many(answers, SignedIn) == 2
        assert len(record(w).networks) == 1

    familiar = evolve(RACING, lockout=evolve(RACING.lockout, networks=1, strangers=evolve(RACING.lockout.strangers, stop=25)))
    explore(lambda: a_user(familiar), lambda w: [sign_in(w), sign_in(w)], check)


def test_one_enrolment_confirmed_twice_is_one_factor():
    def make():
        w = a_user()
        w.app = Authenticator(w.calls.enroll_totp(w.sign_in().session, context=w.context()))
        return w

    def flows(w):
        codes = [w.app.code(w.clock()), w.app.code(w.clock(), step=1)]
        return [w.engine.confirm_factor(w.app.ticket, code, context=w.context()) for code in codes]

    def check(w, answers):
        exactly_one(answers, FactorAdded)
        assert len(record(w).factors.totp) == 1

    explore(make, flows, check)


def test_two_enrolments_of_one_session_do_not_both_pass_its_old_level():
    def make():
        w = a_user()
        session = w.sign_in().session
        w.apps = [Authenticator(w.calls.enroll_totp(session, context=w.context())) for _ in range(2)]
        return w

    def flows(w):
        return [w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()) for app in w.apps]

    explore(make, flows, lambda w, answers: exactly_one(answers, FactorAdded))


def test_a_sign_in_that_meets_an_enrolment_gets_no_session_without_the_factor():
    def make():
        w = a_user()
        w.app = Authenticator(w.calls.enroll_totp(w.sign_in().session, context=w.context()))
        return w

    def check(w, answers):
        assert isinstance(answers[1], FactorAdded)
        assert isinstance(answers[0], SignedIn | FactorRequired)
        assert not (isinstance(answers[0], SignedIn) and alive(w, answers[0].session))

    flows = lambda w: [sign_in(w), w.engine.confirm_factor(w.app.ticket, w.app.code(w.clock()), context=w.context())]
    explore(make, flows, check)


def test_recovery_codes_issued_twice_at_once_are_one_set():
    def check(w, answers):
        exactly_one(answers, RecoveryCodes)
        assert record(w).factors.generation == 1

    flows = lambda w: [w.engine.issue_recovery_codes(w.session, context=w.context()) for _ in range(2)]
    explore(a_user_with_a_factor, flows, check)


# --- ends -------------------------------------------------------------------------------------------------------------

ENDS = {
    "disable": lambda w: w.engine.admin.disable("u1", actor="ops"),
    "sign_out_everywhere": lambda w: w.engine.sign_out_everywhere("u1", by=Admin("ops"), context=w.context()),
    "erase": lambda w: w.engine.admin.erase("u1", actor="ops"),
}


@telling
@pytest.mark.parametrize("end", ["disable", "erase"])
def test_no_session_survives_an_end_that_meets_a_sign_in(end):
    def check(w, answers):
        assert not (isinstance(answers[0], SignedIn) and alive(w, answers[0].session))
        assert record(w) is None or not record(w).sessions

    explore(a_user, lambda w: [sign_in(w), ENDS[end](w)], check)


@pytest.mark.parametrize("end", ENDS)
def test_no_session_survives_an_end_that_meets_a_second_factor(end):
    def check(w, answers):
        assert not (isinstance(answers[0], SignedIn) and alive(w, answers[0].session))

    def flows(w):
        return [w.engine.verify_factor(w.tickets[0], w.app.code(w.clock()), context=w.context()), ENDS[end](w)]

    explore(two_tickets, flows, check)


@pytest.mark.parametrize("end", ["disable", "erase"])
def test_no_password_is_set_behind_an_end(end):
    def check(w, answers):
        if end == "disable":
            assert record(w).disabled
            assert isinstance(answers[0], PasswordChanged) == (record(w).epoch == 3)
        else:
            assert record(w) is None

    explore(a_user_with_a_link, lambda w: [redeem(w), ENDS[end](w)], check)


def test_what_begins_again_after_an_erasure_is_another_incarnation():
    def make():
        w = a_user()
        w.life = record(w).incarnation
        return w

    def check(w, answers):
        assert record(w) is None or record(w).incarnation != w.life

    explore(make, lambda w: [ENDS["erase"](w), ENDS["disable"](w)], check)
    explore(make, lambda w: [ENDS["erase"](w), sign_in(w), sign_in(w, "wrong guess number 1")], check)


@telling
def test_two_first_passwords_are_one():
    def check(w, answers):
        exactly_one(answers, PasswordChanged)

    def make():
        w = a_world()
        w.sign_up(password=None)
        return w

    def flows(w):
        return [w.engine.set_password("u1", one, by=Initial(), context=w.context()) for one in (NEW, NEWER)]

    explore(make, flows, check)


def test_two_changes_by_one_session_are_one():
    def make():
        w = a_user()
        w.session = w.sign_in().session
        return w

    def flows(w):
        return [w.engine.set_password("u1", one, by=FreshSession(w.session), context=w.context()) for one in (NEW, NEWER)]

    explore(make, flows, lambda w, answers: exactly_one(answers, PasswordChanged))


@telling
def test_an_unlock_that_meets_a_guess_leaves_the_lane_open():
    def make():
        w = a_user(limited(1))
        w.calls.sign_in(IDENTIFIER, "wrong guess number 1", context=w.context())
        return w

    def check(w, answers):
        assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.99")), SignedIn | Refused)
        assert len(w.comparisons.guesses) <= 2

    explore(make, lambda w: [sign_in(w, "wrong guess number 2"), w.engine.admin.unlock("u1", actor="ops")], check)


# --- the scheduler itself ---------------------------------------------------------------------------------------------


class Careless:
    """A store whose commits never conflict."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def commit(self, key, expected, value, outbox, commit_id):
        latest = self._store.load(key)
        return self._store.commit(key, latest and latest[1], value, outbox, commit_id)


def careless_race():
    from acctsec import MemoryStore

    w = race_world(store=Careless(MemoryStore()))
    w.sign_up()
    w.calls.request_reset(IDENTIFIER, context=w.context())
    w.deliver()
    return w


@in_memory
def test_a_store_that_swaps_without_comparing_is_found_out_and_the_schedule_replays():
    flows = lambda w: [redeem(w, NEW), redeem(w, NEWER)]
    with pytest.raises(RaceFound, match="flow 1: commit") as found:
        explore(careless_race, flows, lambda w, answers: exactly_one(answers, PasswordChanged))
    _, answers = replay(careless_race, flows, found.value.schedule)
    assert how_many(answers, PasswordChanged) == 2


@in_memory
def test_leaving_equal_schedules_out_leaves_no_outcome_out():
    seen = {}
    numbers = {}
    for skip in (True, False):
        found = seen[skip] = set()
        note = lambda w, answers, found=found: found.add((*map(type, answers), len(w.comparisons.guesses), record(w).epoch))
        flows = lambda w: [redeem(w), sign_in(w, "wrong guess number 1")]
        numbers[skip] = explore(lambda: a_user_with_a_link(limited(1)), flows, note, skip_equal=skip).schedules
    assert seen[True] == seen[False]
    assert numbers[True] * 2 < numbers[False]


@in_memory
def test_a_limit_that_is_reached_proves_nothing_and_says_so():
    with pytest.raises(TooManySchedules, match="nothing is proven"):
        explore(a_user, lambda w: [sign_in(w) for _ in range(3)], lambda w, answers: None, limit=5)
