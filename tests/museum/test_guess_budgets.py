"""A budget lets through what it says, whoever asks, from wherever, all at once (I12)."""

import time
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.guesses import FREE, KINDS, asked_code, secret_kinds, wrong
from tests.museum.harness import (
    NEW,
    OTHERS,
    SHORT,
    address,
    exhibit,
    kinds,
    par,
    right_among,
)
from tests.museum.process import Process
from tests.places import PATIENT, STORES, MemoryPlace

from acctsec import (
    FactorRequired,
    PasswordChanged,
    Refused,
    ResetCode,
    ResetLink,
    SignedIn,
    TryAgain,
)
from acctsec.budgets import Budget
from acctsec.events import GuessingSlowed
from acctsec.protocols import Charge, Granted
from acctsec.stores.postgres import PostgresStore
from acctsec.testing import explore, race_world
from acctsec.testing.world import IDENTIFIER, PASSWORD


def guess_codes(w, codes, handle):
    """Try reset codes one after the other, each from another address."""
    for number, code in enumerate(codes):
        yield w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context(address(number)))


@pytest.mark.parametrize("at", [0, 4, 5, 150])
def test_m072_a_swarm_gets_as_many_tries_at_a_code_as_one(w, at):
    """Two hundred sources try a code at once, the right one among them: five tries are looked at, not one more."""
    w.sign_up()
    handle, right = asked_code(w)
    codes, mark = right_among(200, at, right), len(w.trace)

    outcomes = par(
        *(
            lambda n=n, code=code: w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context(address(n)))
            for n, code in enumerate(codes)
        )
    )

    hit = kinds(outcomes).get("PasswordChanged", 0)
    assert hit <= 1
    # The right code gives its unit back. A redemption starts the meters anew, and leaves no code to be guessed there.
    assert w.admitted("reset-code", mark, first_meter_only=True) <= 5 + hit


def test_m072_a_thousand_sources_at_once_get_as_many_tries(place):
    """The size of the real swarm, behind one barrier."""
    w = exhibit(place, policy=evolve(SHORT, lockout=evolve(SHORT.lockout, patience=timedelta(milliseconds=1))))
    w.sign_up()
    handle, right = asked_code(w)
    codes, mark = right_among(1000, 999, right), len(w.trace)
    tried = [
        lambda n=n, code=code: w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context(address(n)))
        for n, code in enumerate(codes)
    ]
    hit = kinds(par(*tried)).get("PasswordChanged", 0)

    assert hit <= 1
    assert w.admitted("reset-code", mark, first_meter_only=True) <= 5 + hit


@pytest.mark.parametrize("at", [0, 4, 5, 60])
def test_m072_the_sixth_code_is_not_looked_at(w, at):
    """One after the other, from as many sources: the right code counts among the first five, and never after them."""
    w.sign_up()
    handle, right = asked_code(w)

    outcomes = list(guess_codes(w, right_among(61, at, right), handle))

    assert (type(outcomes[at]).__name__ == "PasswordChanged") is (at < 5)


def test_m073_fifty_wrong_passwords_at_once_are_ten_comparisons(w):
    """As many comparisons as the lane has room for, as many counted as compared, and one lock with one event."""
    w.sign_up()
    w.comparisons.clear()

    par(*(lambda n=n: w.engine.sign_in(IDENTIFIER, wrong(n), context=w.context(address(n))) for n in range(50)))

    assert len(w.comparisons.guesses) == FREE
    strangers = next(one for one in w.engine.admin.lock_status("u1") if one.lane == "password/strangers")
    assert strangers.failures == FREE
    w.deliver()
    assert [one.count for one in w.sink.of(GuessingSlowed)] == [10]


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_m076_the_bound_is_one_at_every_level_of_isolation(level, request):
    """Fifty wrong ones at once, the link used by eight: ten comparisons and one change, whatever the server calls a transaction."""
    place, home = MemoryPlace(), request.getfixturevalue("_postgres_home")
    home.clear()
    with closing(PostgresStore(home.conninfo(level), timeout=PATIENT, may_lose_commits=True)) as place.store:
        w = exhibit(place)
        w.sign_up()
        link = w.reset_link()
        w.comparisons.clear()
        par(*(lambda n=n: w.engine.sign_in(IDENTIFIER, wrong(n), context=w.context(address(n))) for n in range(50)))
        compared = len(w.comparisons.guesses)
        uses = par(*(lambda p=p: w.engine.redeem_reset(ResetLink(link), p, context=w.context(address(99))) for p in OTHERS))
    home.clear()

    assert compared == FREE
    assert kinds(uses).get("PasswordChanged", 0) == 1


@pytest.mark.parametrize("kind", [one for one in STORES if one.startswith("postgres")])
def test_m076_a_host_that_rolls_back_gives_no_guess_back(kind, places):
    """Each request inside a transaction of the host on the same server, rolled back at its end: ten guesses, and one use of a link."""
    with closing(places.fresh(kind)) as place, psycopg.connect(place.address["postgres"]) as host:
        w = exhibit(place)
        w.sign_up()
        link = w.reset_link()
        w.comparisons.clear()
        host.execute("CREATE TEMPORARY TABLE visits (number int)")
        host.commit()

        def requested(number, operation):
            host.execute("INSERT INTO visits VALUES (%s)", [number])
            outcome = operation()
            host.rollback()
            return outcome

        for number in range(3 * FREE):
            requested(number, lambda n=number: w.engine.sign_in(IDENTIFIER, wrong(n), context=w.context(address(n))))
        compared = len(w.comparisons.evaluated)
        uses = [lambda: w.engine.redeem_reset(ResetLink(link), NEW, context=w.context(address(99)))] * 2
        first, second = [requested(99, use) for use in uses]

        assert host.execute("SELECT count(*) FROM visits").fetchone() == (0,)
        assert compared == FREE
        assert isinstance(first, PasswordChanged)
        assert second == Refused()


@pytest.mark.parametrize("kind", KINDS)
def test_m077_every_class_of_secret_has_a_bound_that_no_race_beats(w, kind):
    """Forty distinct wrong ones at once, from forty sources: as many are let through as are free."""
    name, free, attempt = secret_kinds(w)[kind]
    mark = len(w.trace)
    w.comparisons.clear()

    outcomes = par(*(lambda n=n: attempt(n) for n in range(40)))

    assert set(kinds(outcomes)) <= {"Refused", "TryAgain"}
    assert w.admitted(name, mark) == free
    if name == "password":
        assert len(w.comparisons.evaluated) == free


def test_m078_twenty_right_sign_ins_at_once_all_succeed(w):
    """Beside nine wrong guesses of others: the mechanism refuses none of them, and costs the budget nothing."""
    w.sign_up()
    guesses = [lambda n=n: w.engine.sign_in(IDENTIFIER, wrong(n), context=w.context(address(n))) for n in range(FREE - 1)]
    right = [lambda n=n: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(99 + n))) for n in range(20)]

    outcomes = par(*guesses, *right)

    assert kinds(outcomes[FREE - 1 :]) == {"SignedIn": 20}
    strangers = next(one for one in w.engine.admin.lock_status("u1") if one.lane == "password/strangers")
    assert strangers.failures <= FREE
    assert strangers.until is None


def test_m078_right_sign_ins_alone_leave_no_trace_in_the_budget(w):
    """Twenty right ones at once, with no failure before them: afterwards ten wrong ones are free, as ever."""
    w.sign_up()
    par(*(lambda n=n: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(99 + n))) for n in range(20)))
    mark = len(w.trace)

    for number in range(20):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))

    assert w.admitted("password", mark) == FREE


@pytest.mark.parametrize("before", [1, 8, 12, 48])
def test_m078_a_guess_under_way_takes_no_success_back(before):
    """Under every order of their store calls, a wrong guess beside the owner's sign-in leaves at most itself to count."""

    def make():
        w = race_world(policy=SHORT)
        w.sign_up()
        for number in range(before):
            w.calls.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))
            w.clock.advance(minutes=31)
        return w

    def flows(w):
        return [
            w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(100))),
            w.engine.sign_in(IDENTIFIER, wrong(before), context=w.context(address(101))),
        ]

    def check(w, answers):
        if isinstance(answers[0], SignedIn):  # past the free ones only one at a time is let in, and the other may be first
            assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(102))), SignedIn)

    assert explore(make, flows, check).schedules > 1


@pytest.mark.parametrize("kind", STORES)
@given(
    limit=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(-600, 900), st.booleans()), min_size=1, max_size=60),
)
def test_m079_no_window_holds_more_than_its_limit(limit, steps, kind, places):
    """Whatever the clock does, a store lets no more than the limit through in a window of monotone time, and refills after it."""
    window = timedelta(minutes=10)
    ladder = Budget(limit=limit, window=window).ladder()
    with closing(places.fresh(kind)) as place:
        store = place.open()
        now, latest, granted = 1_767_600_000_000_000, 0, []
        for number, (seconds, asks) in enumerate(steps):
            now += seconds * 1_000_000
            if asks:
                latest = max(latest, now)
                (reading,) = store.charge([Charge(b"slot", b"!m", ladder, None, number.to_bytes(16))], now)
                if isinstance(reading, Granted):
                    granted.append(latest)
        spans = zip(granted, granted[limit:], strict=False)
        assert all(last - first >= window // timedelta(microseconds=1) for first, last in spans)
        later = max(now, latest) + 2 * ladder.window
        (reading,) = store.charge([Charge(b"slot", b"!m", ladder, None, b"last")], later)
        assert isinstance(reading, Granted)


def test_m113_killed_processes_leave_no_extra_guesses(shared, tmp_path):
    """Eight processes on one store, five of them killed in the middle of comparisons: ten guesses together, also later."""
    w = exhibit(shared)
    w.sign_up()
    file = tmp_path / "comparisons"
    file.touch()
    doomed = [Process(w, shared, comparisons=str(file), hang=True) for _ in range(5)]
    for number, process in enumerate(doomed):
        assert process.read() == "ready"
        process.write([["sign_in", address(4 * number + k), IDENTIFIER, wrong(4 * number + k)] for k in range(4)])
    until = time.monotonic() + 20
    while file.stat().st_size < 5 and time.monotonic() < until:
        time.sleep(0.01)
    for process in doomed:
        process.kill()
    killed = file.stat().st_size
    assert killed >= 5

    others = [Process(w, shared, comparisons=str(file)) for _ in range(2)]
    later = Process(w, shared, comparisons=str(file), now=(w.clock() + timedelta(seconds=31)).isoformat())
    for number, process in enumerate((*others, later)):
        assert process.read() == "ready"
        process.write([["sign_in", address(50 + 9 * number + k), IDENTIFIER, wrong(50 + 9 * number + k)] for k in range(9)])
        assert set(process.read()) <= {"Refused", "TryAgain"}
        process.wait()

    assert killed <= file.stat().st_size <= FREE


def test_the_admissions_counted_here_are_the_comparisons_made():
    """What the tests above count in the charges is what an instrumented verifier sees."""
    w = exhibit(MemoryPlace())
    w.sign_up()
    w.comparisons.clear()
    mark = len(w.trace)
    for number in range(25):
        outcome = w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))
        assert isinstance(outcome, Refused)
        assert not isinstance(outcome, TryAgain | FactorRequired)

    assert w.admitted("password", mark) == len(w.comparisons.evaluated) == FREE
