"""More threads than connections, and a server that is slow: whoever gets none hears so in time, and nothing is half done."""

from contextlib import suppress
from threading import Thread
from time import perf_counter, sleep

import pytest
from tests.faults.deeds import a_world

from acctsec import StoreUnavailable, TryAgain
from acctsec.protocols import Committed
from acctsec.testing.world import IDENTIFIER, PASSWORD

TIMEOUT = 2.0
TO_CONNECT = 2.0  # what a call may take beyond, if it begins a connection with the last of its time
SLACK = 1.5  # what thirty threads on a busy machine may add to it


def at_once(number, operation):
    """What each of so many threads was answered, or the exception it got, and after how many seconds."""
    answers = [None] * number

    def run(at):
        begin = perf_counter()
        try:
            answer = operation(at)
        except Exception as error:
            answer = error
        answers[at] = answer, perf_counter() - begin

    threads = [Thread(target=run, args=(at,)) for at in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_a_full_pool_refuses_in_time_and_does_nothing_it_denied(a_site, kind):
    site = a_site(kind)
    direct, store = site.open(direct=True), site.open(connections=2, timeout=TIMEOUT)
    store.load(b"warm")
    site.records.delay(0.3)
    answers = at_once(30, lambda number: store.commit(b"%d" % number, None, b"value", [b"mail %d" % number], b"v%d" % number))
    done = {number for number, (answer, _) in enumerate(answers) if isinstance(answer, Committed)}
    refused = {number for number, (answer, _) in enumerate(answers) if isinstance(answer, StoreUnavailable)}
    assert len(done) >= 4
    assert len(refused) >= 10
    assert max(seconds for _, seconds in answers) < TIMEOUT + TO_CONNECT + SLACK
    there = {number for number in range(30) if direct.load(b"%d" % number)}
    assert done <= there
    assert not refused & there, "what was refused for want of a connection was done"

    site.heal()
    back = at_once(30, lambda number: store.load(b"%d" % number))
    assert {number for number, (answer, _) in enumerate(back) if isinstance(answer, tuple)} == there


def test_a_queue_has_an_end(a_site):
    """A hundred calls may wait for one connection; the next hears at once that there is no room."""
    site = a_site("postgres")
    store = site.open(connections=1, timeout=TIMEOUT)
    store.load(b"warm")
    site.records.delay(0.4)
    answers = at_once(140, lambda number: store.load(b"warm"))
    at_the_door = [seconds for answer, seconds in answers if isinstance(answer, StoreUnavailable) and "calls wait" in str(answer)]
    assert len(at_the_door) >= 140 - 100 - 1 - 8
    assert max(at_the_door) < TIMEOUT / 2
    assert max(seconds for _, seconds in answers) < TIMEOUT + TO_CONNECT + SLACK


def test_sign_ins_of_a_crowd_are_answered_or_refused_and_every_one_is_counted(split):
    """Thirty at once on one connection to slow meters: who was compared was charged, and the right one gets in afterwards."""
    w = a_world(split.open(connections=1, timeout=TIMEOUT, meters_timeout=0.5))
    split.meters.delay(0.1)

    def guess(number):
        return w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"198.18.0.{number + 1}"))

    answers = at_once(30, guess)
    assert max(seconds for _, seconds in answers) < 3 * TIMEOUT
    assert any(isinstance(answer, TryAgain | StoreUnavailable) for answer, _ in answers)
    split.heal()
    assert len(w.comparisons.guesses) <= w.policy.lockout.strangers.stop
    w.clock.advance(minutes=10)
    for _ in range(600):
        with suppress(StoreUnavailable):
            [lane] = [lane for lane in w.engine.admin.lock_status("u1") if lane.lane == "password/strangers"]
            break
        sleep(0.01)
    assert lane.failures >= len(w.comparisons.guesses)
    w.engine.admin.unlock("u1", actor="ops")
    assert w.sign_in(IDENTIFIER, PASSWORD, address="203.0.113.1")
