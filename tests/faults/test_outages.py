"""A server that swallows all that it is sent: bounded waits, a breaker that spares them, and a quiet return."""

from threading import Event, Thread
from time import monotonic, perf_counter, sleep

import pytest
from attrs import evolve
from tests.faults.deeds import a_world, failures

from acctsec import LockoutPolicy, Refused, SignedIn, StoreUnavailable
from acctsec.lockout import Outage
from acctsec.protocols import Ladder
from acctsec.stores._plans import FAILURES, LONGEST
from acctsec.testing import RACING
from acctsec.testing.world import IDENTIFIER, PASSWORD

TIMEOUT = 0.5  # seconds that a call on the meters may take
SLACK = 1.0  # what a busy machine may add to it
QUICK = 0.02
METERS = [(b"row", b"meter", Ladder(free=1, first=1, longest=1, stop=1, window=1, lease=1))]
LOCAL = evolve(RACING, lockout=LockoutPolicy(on_outage=Outage.LOCAL))


def timed(operation):
    """What it answered, or the exception that it raised, and how long it took."""
    begin = perf_counter()
    try:
        answer = operation()
    except StoreUnavailable as error:
        answer = error
    return answer, perf_counter() - begin


def guess(w, number):
    return w.engine.sign_in(
        IDENTIFIER, f"wrong guess number {number}", context=w.context(f"198.18.{number // 250}.{number % 250 + 1}")
    )


def until_healed(operation, *, within):
    """Try again until it is answered; how long that took."""
    begin = monotonic()
    while True:
        answer, _ = timed(operation)
        if not isinstance(answer, StoreUnavailable):
            return monotonic() - begin
        assert monotonic() - begin < within, "it does not find back"
        sleep(0.01)


def test_refused_sign_ins_fail_in_time_and_then_at_once(split):
    """The default: nothing is compared; the first wait for the timeout, and while the breaker is open none does, but for a look."""
    w = a_world(split.open(meters_timeout=TIMEOUT), policy=RACING)
    split.meters.black_hole()
    first = [timed(lambda: guess(w, 1)) for _ in range(FAILURES)]
    assert all(isinstance(answer, StoreUnavailable) and seconds < 2 * TIMEOUT + SLACK for answer, seconds in first), first

    begin, spent = monotonic(), []
    while monotonic() - begin < 1.5:
        answer, seconds = timed(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()))
        assert isinstance(answer, StoreUnavailable)
        spent.append(seconds)
        sleep(0.005)
    looks = [seconds for seconds in spent if seconds > TIMEOUT / 2]
    rest = sorted(seconds for seconds in spent if seconds <= TIMEOUT / 2)
    assert 1 <= len(looks) <= 4, looks
    assert max(looks) < 2 * TIMEOUT + SLACK
    assert rest[len(rest) * 9 // 10] < QUICK, rest[-10:]
    assert w.comparisons.all == []

    split.heal()
    took = until_healed(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), within=LONGEST + SLACK)
    assert took < LONGEST + SLACK
    assert failures(w) == 0


def test_alone_sign_ins_are_answered_at_once_within_the_narrow_budget(split):
    w = a_world(split.open(meters_timeout=TIMEOUT), policy=LOCAL)
    split.meters.black_hole()
    for number in range(FAILURES):
        assert isinstance(guess(w, number), Refused)
    assert len(w.comparisons.guesses) == LOCAL.lockout.alone.limit == FAILURES

    spent = []
    for number in range(60):
        answer, seconds = timed(lambda number=number: guess(w, 100 + number))
        assert isinstance(answer, Refused)
        spent.append(seconds)
    assert len(w.comparisons.guesses) == FAILURES
    quick = sorted(seconds for seconds in spent if seconds < TIMEOUT / 2)
    assert len(quick) >= len(spent) - 4, spent
    assert quick[len(quick) * 9 // 10] < QUICK, quick[-10:]

    split.heal()
    until_healed(lambda: w.engine.admin.lock_status("u1"), within=LONGEST + SLACK)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_no_herd_meets_a_server_that_comes_back(split):
    """Sixteen threads that knock all the time: while it is away, and when it comes back, one call at a time is on its way to it."""
    store = split.open(meters_timeout=0.2, connections=16)
    over, answered = Event(), []

    def knock():
        while not over.is_set():
            answer, _ = timed(lambda: store.read(METERS, 1))
            answered.append((monotonic(), isinstance(answer, StoreUnavailable)))
            sleep(0.002)

    threads = [Thread(target=knock) for _ in range(16)]
    for thread in threads:
        thread.start()
    sleep(0.2)
    split.meters.black_hole()
    split.meters.cut_all()
    sleep(0.6)  # those that were under way have failed
    before = len(split.meters.connections)
    sleep(1.2)
    looks = len(split.meters.connections) - before
    split.heal()
    split.meters.delay(0.02)  # so that the first call is seen under way
    healed, before = monotonic(), len(split.meters.connections)
    came = first = 0
    while not first and monotonic() < healed + LONGEST + SLACK:
        opened = len(split.meters.connections) - before
        first = next((at for at, failed in answered[-64:] if at > healed and not failed), 0)
        came = came if first else opened
        sleep(0.0005)
    sleep(0.5)
    over.set()
    for thread in threads:
        thread.join()
    assert looks <= 4, f"{looks} connections in a second while nobody answered"
    assert first, "it was not noticed that the server is back"
    assert came <= 2, f"{came} connections before the first answer"
    calm = [failed for at, failed in answered if at > first + 0.3]
    assert calm
    assert not any(calm)


@pytest.mark.parametrize(
    ("kind", "seconds"), [("postgres", 2.0), ("valkey", 0.5), pytest.param("postgres+valkey", 2.0, marks=pytest.mark.deep)]
)
def test_records_that_hang_hold_nobody_longer_than_their_timeout(a_site, kind, seconds):
    """The answer is there in time, and it is no lie."""
    site = a_site(kind)
    w = a_world(site.open(timeout=seconds), policy=RACING)
    site.records.black_hole()
    answer, took = timed(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()))
    assert isinstance(answer, StoreUnavailable)
    assert took < 2 * seconds + SLACK
    site.heal()
    until_healed(lambda: w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), within=LONGEST + SLACK)
