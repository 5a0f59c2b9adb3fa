"""An exception from outside, such as a time limit that a signal's handler raises, at every line of a caller: nothing is left broken."""

import linecache
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Event, Thread

import pytest

from acctsec.errors import Overloaded
from acctsec.hashing.governor import Governor
from acctsec.hashing.job import Job

FILES = ("hashing/governor.py", "hashing/fair.py")


class TimeLimit(BaseException):
    """What the handler of a signal raises."""


def interrupted(call, at):
    """Call, and raise at the line number *at* that is met on the way; False when it has fewer."""
    met = 0

    def local(frame, event, arg):
        nonlocal met
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        # Signals are looked at where something is called: not at the line of a `try`, nor where a `with` gives its lock back.
        if event == "line" and not line.startswith(("with ", "try:")):
            met += 1
            if met == at:
                sys.settrace(None)
                raise TimeLimit
        return local

    def trace(frame, event, arg):
        return local if frame.f_code.co_filename.endswith(FILES) else None

    sys.settrace(trace)
    try:
        call()
    except (TimeLimit, Overloaded):
        pass
    finally:
        sys.settrace(None)
    return met >= at


def whole(pool):
    """The lanes are as everything says that is derived from them."""
    waiting = pool.waiting
    lengths = {key: len(lane) for key, lane in waiting._lanes.items()}
    assert all(lengths.values())
    assert {key: length for length, keys in waiting._by_length.items() for key in keys} == lengths
    assert (waiting._longest, len(waiting)) == (max(lengths.values(), default=0), sum(lengths.values()))


def until(condition):
    """Wait for what a worker does in a moment."""
    for _ in range(2_000):
        if condition():
            return
        Event().wait(0.005)
    pytest.fail("it never came about")


AT_ONCE = 16
"""Lines that are tried beside each other: most of the time of each is somebody's patience."""


@pytest.mark.parametrize("crowded", [False, True])
def test_a_caller_that_is_interrupted_at_any_line_breaks_nothing_for_others(crowded):
    """Idle, and with a full queue where the newcomer displaces somebody: the next one is served, and the queue is whole."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for first in range(1, 1_000, AT_ONCE):
            if not all(threads.map(partial(breaks_nothing, crowded), range(first, first + AT_ONCE))):
                return
    pytest.fail("there was no end")


def breaks_nothing(crowded, at):
    """Look at what an interruption at the line number *at* leaves behind; False when there are fewer lines."""
    made = Governor(permits=1, queue=2, patience=timedelta(seconds=0.5))
    hold, others = Event(), []
    if crowded:
        made.run(int)
        pool = made._pool()
        others = [Thread(target=served, args=(made, hold.wait), daemon=True) for _ in range(3)]
        for number, other in enumerate(others):
            other.start()
            until(lambda number=number: pool.running + len(pool.waiting) == number + 1)
        made.patience = 0.02  # of the one who is interrupted
    went_on = interrupted(lambda: made.run(Job(int, key="interrupted")), at)
    pool = made._pool()
    with pool.lock:
        whole(pool)
    hold.set()
    for other in others:
        other.join(5)
        assert not other.is_alive(), f"interrupted at line {at}, somebody else waits for ever"
    made.patience = 5.0
    assert made.run(lambda: 7) == 7, at
    until(lambda: pool.running == 0 == len(pool.waiting))
    assert pool.threads <= 1
    return went_on


def served(made, work):
    """Ask for a piece of work; to be refused is an answer."""
    try:
        made.run(Job(work, key="crowd"))
    except Overloaded:
        pass
