"""What the stores on a server share: plans that are carried out in two ways, and patience with a server that is gone."""

from contextlib import ExitStack, suppress
from datetime import timedelta
from threading import Thread
from time import monotonic, sleep

import pytest

from acctsec import StoreUnavailable, ValkeyStore
from acctsec.errors import StoreBusy
from acctsec.protocols import Charge, Ladder
from acctsec.stores._plans import FAILURES, FIRST, LONGEST, Breaker, carry_out

LADDER = Ladder(free=5, first=0, longest=0, stop=9, window=0, lease=30_000_000)


def fail(breaker, error=StoreUnavailable):
    """One call that fails."""
    with suppress(StoreUnavailable), breaker:
        raise error("gone", remedy="none")


def is_open(breaker):
    """Whether a call fails at once."""
    try:
        with breaker:
            raise StoreBusy("not counted", remedy="none")
    except StoreBusy:
        return False
    except StoreUnavailable:
        return True


def test_a_plan_is_given_what_its_trips_answer_and_raise():
    def plan():
        first = yield "one"
        try:
            yield "two"
        except LookupError:
            return f"{first}, then an error"

    def trip(asked):
        if asked == "two":
            raise LookupError
        return asked.upper()

    assert carry_out(plan(), trip) == "ONE, then an error"


def test_a_server_that_failed_three_times_in_a_row_is_left_alone_for_a_moment():
    breaker = Breaker("server", timeout=0.5)
    for _ in range(FAILURES - 1):
        fail(breaker)
    assert not is_open(breaker)
    with breaker:
        pass
    for _ in range(FAILURES):
        fail(breaker)
    assert is_open(breaker)


def test_one_call_at_a_time_looks_whether_it_is_back():
    breaker = Breaker("server", timeout=0.5)
    for _ in range(FAILURES):
        fail(breaker)
    sleep(FIRST)
    with breaker:
        assert is_open(breaker), "a second call while the first one looks"
    assert not is_open(breaker)


def test_calls_that_were_under_way_lengthen_no_pause():
    """One blip that strikes sixteen calls is one pause, not thirteen doublings."""
    breaker = Breaker("server", timeout=0.5)
    with ExitStack() as calls, suppress(StoreUnavailable):
        for _ in range(16):
            calls.enter_context(suppress(StoreUnavailable))
            calls.enter_context(breaker)
        raise StoreUnavailable("gone", remedy="none")
    for _ in range(16):
        fail(breaker)
    begin = monotonic()
    while is_open(breaker):
        assert monotonic() < begin + LONGEST / 3  # thirteen doublings end at half of the longest, or later
        sleep(0.005)


def test_a_crowd_is_no_failure_of_the_server():
    breaker = Breaker("server", timeout=0.5)
    for _ in range(10):
        fail(breaker, StoreBusy)
    assert not is_open(breaker)


def test_a_crowd_on_valkey_is_told_so_and_has_an_end(valkey, monkeypatch):
    """Past so many waiters a call is refused at once, by an error that begins nothing; the server itself is fine."""
    monkeypatch.setattr("acctsec.stores._valkey_links.MAX_WAITING", 2)
    with ValkeyStore(valkey.url(), namespace="crowd", connections=1, timeout=timedelta(seconds=1)) as store:
        link = next(iter(store._links._links.values()))
        held = link._take()
        told = []

        def charge():
            try:
                store.charge([Charge(b"slot", b"m", LADDER, 1, b"h" * 16)], 1_800_000_000_000_000)
            except StoreUnavailable as error:
                told.append((type(error), monotonic()))

        begin = monotonic()
        threads = [Thread(target=charge) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        link._give_back(held, whole=True)
        assert [kind for kind, _ in told] == [StoreBusy] * 6
        assert sum(at - begin < 0.5 for _, at in told) == 4
        charge()
        assert len(told) == 6


@pytest.mark.parametrize("kind", [StoreBusy, StoreUnavailable])
def test_both_are_store_errors(kind):
    assert issubclass(kind, StoreUnavailable)
