"""
How everything here is timed: alternatives in one process, in turn, in shuffled rounds.

Machines drift by half within minutes, so absolute times say little. A slow moment hits all alternatives of a round alike;
what is told are medians, and medians of the ratios of each round, never a ratio of two medians.
"""

import gc
import os
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from time import perf_counter, process_time, sleep
from typing import Self

from attrs import field, frozen

Call = Callable[[], object]


@frozen(kw_only=True)
class Pace:
    """How long to measure: *rounds* of about *slice_seconds* an alternative. The quick one only shows that it runs."""

    rounds: int = 21
    slice_seconds: float = 0.015
    quick: bool = False

    def of(self, many: int, few: int) -> int:
        """*many* of something, or *few* of it to see that it runs."""
        return few if self.quick else many


FULL = Pace()
QUICK = Pace(rounds=2, slice_seconds=0.0, quick=True)


@frozen
class Prepared:
    """An alternative whose calls are made ready before the clock starts: each works once."""

    prepare: Callable[[], Sequence[Call]]


class Figure(float):
    """A median that knows of how many *rounds* it is, and their *spread*: how far apart the middle half of them is, as a share of it."""

    rounds: int = 1
    spread: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """The median of what the rounds came to."""
        found = [*values]
        figure = cls(median(found))
        figure.rounds = len(found)
        if len(found) > 2 and figure:
            low, _, high = quantiles(found, n=4)
            figure.spread = (high - low) / abs(figure)
        return figure


@frozen
class Timed:
    """Seconds a call, of every alternative in every round."""

    rounds: tuple[dict[str, float], ...] = field(repr=False)

    def seconds(self, name: str) -> Figure:
        """The median time of an alternative."""
        return Figure.of(one[name] for one in self.rounds)

    def ratio(self, name: str, base: str) -> Figure:
        """The median of the rounds' ratios."""
        return Figure.of(one[name] / one[base] for one in self.rounds)

    def of(self, figure: Callable[[dict[str, float]], float]) -> Figure:
        """The median of any other figure of the rounds."""
        return Figure.of(figure(one) for one in self.rounds)


@frozen
class Yardstick:
    """
    How quiet the machine was: one piece of plain Python, the same before every measurement.

    Its spread tells how the machine's speed drifts; the share of its time in which it had the processor, how much others
    had it.
    """

    looks: list[tuple[float, float]] = field(factory=list, repr=False)

    def look(self, pace: Pace) -> None:
        """Measure a few pieces of some milliseconds."""
        for _ in range(pace.of(5, 1)):
            began, spent = perf_counter(), process_time()
            for _ in range(pace.of(250_000, 1000)):
                pass
            self.looks.append((perf_counter() - began, process_time() - spent))

    def __str__(self) -> str:
        took = sorted(wall for wall, _ in self.looks)
        ours = sum(cpu for _, cpu in self.looks) / sum(took)
        usual, late = median(took) / took[0], took[int(0.95 * (len(took) - 1))] / took[0]
        return (
            f"a fixed loop took {1000 * took[0]:.1f} ms at best, {usual:.2f} times that in the median and {late:.2f} times in the "
            f"slowest twentieth of {len(took)}, with the processor for {min(ours, 1):.0%} of the time"
        )


def interleaved(pace: Pace, alternatives: dict[str, Call | Prepared]) -> Timed:
    """Time *alternatives* in turn."""
    times = {name: _times(call, pace) for name, call in alternatives.items()}
    rounds = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(pace.rounds):
            taken = {}
            for name in random.sample(list(alternatives), len(alternatives)):
                call = alternatives[name]
                if isinstance(call, Prepared):
                    ready = call.prepare()
                    started = perf_counter()
                    for one in ready:
                        one()
                    taken[name] = (perf_counter() - started) / len(ready)
                else:
                    taken[name] = _timed(call, times[name]) / times[name]
            rounds.append(taken)
            gc.collect()
    finally:
        gc.enable()
    return Timed(tuple(rounds))


async def interleaved_async(pace: Pace, alternatives: dict[str, Call | Callable[[], Awaitable[object]]]) -> Timed:
    """The same inside a running event loop; an alternative whose name ends in ``async`` is awaited."""
    awaited = {name: call for name, call in alternatives.items() if name.endswith("async")}
    times = {}
    for name, call in alternatives.items():
        if name in awaited:
            one = await _timed_async(call, pace.of(20, 1)) / pace.of(20, 1)
            times[name] = max(1, int(pace.slice_seconds / one))
        else:
            times[name] = _times(call, pace)
    rounds = []
    for _ in range(pace.rounds):
        taken = {}
        for name in random.sample(list(alternatives), len(alternatives)):
            if name in awaited:
                taken[name] = await _timed_async(awaited[name], times[name]) / times[name]
            else:
                taken[name] = _timed(alternatives[name], times[name]) / times[name]
        rounds.append(taken)
        gc.collect()
    return Timed(tuple(rounds))


def _times(call: Call | Prepared, pace: Pace) -> int:
    """How many calls fill a slice. The first ones warm up what loads on first use."""
    if isinstance(call, Prepared):
        return 0
    _timed(call, 1)
    times = 1
    while not pace.quick:
        taken = _timed(call, times)
        if taken > pace.slice_seconds / 4:
            return max(1, round(times * pace.slice_seconds / taken))
        times *= 4
    return times


def _timed(call: Call, times: int) -> float:
    started = perf_counter()
    for _ in range(times):
        call()
    return perf_counter() - started


async def _timed_async(call: Callable[[], Awaitable[object]], times: int) -> float:
    started = perf_counter()
    for _ in range(times):
        await call()
    return perf_counter() - started


_SPIN = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {%d})
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(100_000):
        pass
"""


@contextmanager
def awake(pace: Pace) -> Iterator[None]:
    """
    Keep every core from halting, by a process of idle priority on each: it yields to all others at once.

    A halted virtual core takes tens of microseconds to wake. Whoever hands work to a thread and waits would otherwise be
    told how deep the machine sleeps.
    """
    if pace.quick or not hasattr(os, "SCHED_IDLE"):
        yield
        return
    spinners = [subprocess.Popen([sys.executable, "-c", _SPIN % core]) for core in os.sched_getaffinity(0)]
    sleep(0.3)
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
