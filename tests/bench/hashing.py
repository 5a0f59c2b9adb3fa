"""P1b: the hash itself, in memory that a worker keeps, beside argon2-cffi as it comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from threading import Event, Thread
from time import perf_counter

from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, Timed, interleaved

from acctsec import _host
from acctsec.hashing import Argon2Parameters
from acctsec.hashing.argon2id import derive, keep_memory

BUSY = (0, 2)
SIZES = {
    Argon2Parameters(19_456, 2): None,
    Argon2Parameters(47_104, 1): 0.55,
    Argon2Parameters(65_536, 3): 0.78,
}
"""With the share of the time that is aimed at. The default size has none: there fresh memory costs nothing."""


@BENCH.row("P1b", spinning=False)
def kept(pace: Pace):
    """Both in one thread, in turn: alone, and beside threads that never let the interpreter rest."""
    for busy in BUSY:
        for cost, goal in SIZES.items():
            with spinning(busy):
                timed = in_keeping_thread(pace, cost)
            ratio = timed.ratio("kept", "shipped")
            yield Row(
                id="P1b",
                what=f"{cost.memory_kib // 1024} MiB, {cost.time_cost} pass{'es' * (cost.time_cost > 1)}, beside {busy} busy threads "
                f"({_host.read().build.value} build)",
                ours=si(timed.seconds("kept")),
                peer=f"as shipped {si(timed.seconds('shipped'))}",
                ratio=f"{ratio:.3f}",
                figure=ratio,
                goal="-" if goal is None else f"≤ {goal}",
                met=None if goal is None else ratio <= goal,
            )


@BENCH.row("P1b", spinning=False)
def after_idling(pace: Pace):
    """What the first hash costs after a worker gave its memory back: fresh pages, once."""
    for cost in SIZES:
        second, more = in_thread(lambda cost=cost: _second_and_more(pace, cost))
        yield Row(
            id="P1b",
            what=f"{cost.memory_kib // 1024} MiB, {cost.time_cost} pass{'es' * (cost.time_cost > 1)}: the first hash after idling",
            ours=f"{'+' if more >= 0 else '-'}{si(abs(more))}",
            peer=f"every other {si(second)}",
        )


def in_keeping_thread(pace: Pace, cost: Argon2Parameters) -> Timed:
    """A size of kept memory below the hash's own is argon2-cffi's way."""
    alternatives = {"kept": lambda: _hash(cost, cost.memory_kib), "shipped": lambda: _hash(cost, 0)}

    def measure() -> Timed:
        keep_memory()
        return interleaved(pace, alternatives)

    return in_thread(measure)


def _second_and_more(pace: Pace, cost: Argon2Parameters) -> tuple[float, float]:
    """What a hash takes in kept memory, and how much more in fresh; the first of all warms up what both need."""
    times = []
    for _ in range(pace.of(21, 2)):
        keep_memory()  # drops what was kept before
        began = perf_counter()
        _hash(cost, cost.memory_kib)
        between = perf_counter()
        _hash(cost, cost.memory_kib)
        times.append((between - began, perf_counter() - between))
    return median(second for _, second in times[1:]), median(first - second for first, second in times[1:])


def _hash(cost: Argon2Parameters, keep_kib: int) -> bytes:
    return derive(b"correct horse", salt=bytes(16), cost=cost, tag_bytes=32, keep_kib=keep_kib)


def in_thread(work):
    """What *work* answers in a thread of its own, which ends with the memory it kept."""
    answers = []
    thread = Thread(target=lambda: answers.append(work()))
    thread.start()
    thread.join()
    return answers[0]


@contextmanager
def spinning(threads: int) -> Iterator[None]:
    """So many threads that compute in Python all the while."""
    stop = Event()

    def spin() -> None:
        while not stop.is_set():
            pass

    spinners = [Thread(target=spin) for _ in range(threads)]
    for one in spinners:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in spinners:
            one.join()
