"""
Whether two calls can be told apart by how long they take, in the manner of dudect (Reparaz, Balasch, Verbauwhede 2017).

The calls are made in pairs, in an order that chance chooses, so that a slow moment of the machine hits both alike. Two questions
are put to the times: Welch's t of both samples, whole and without their slowest parts, which long interruptions fill; and the
median of the ratios of the pairs, with a bootstrap interval. Both are put to the wall clock and to that of the processor.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from math import inf, sqrt
from random import Random
from statistics import fmean, median, variance
from time import perf_counter_ns, process_time_ns

from attrs import frozen

Call = Callable[[], object]
Samples = tuple[list[int], list[int]]
CLOCKS = ("wall", "processor")
CROPS = (1.0, 0.95, 0.9, 0.75, 0.5)
"""Which part of the times is looked at, from the fastest on, by one threshold for both samples."""

CERTAIN = 5.0
"""Of t: dudect's 4.5 for one look, and a little more for five that resemble each other."""

RESAMPLES = 400
SURE = 0.99
"""Of the bootstrap interval."""


@frozen(kw_only=True)
class Judged:
    """
    What the times say.

    *ratio* is the median of other ÷ one over all pairs, within *low* to *high* for sure; *t* is Welch's, of the crop where it is
    largest, above 0 where the other call is slower.
    """

    pairs: int
    one_us: float
    other_us: float
    ratio: float
    low: float
    high: float
    t: float

    @property
    def leaks(self) -> bool:
        """Whether an outsider with as many tries can be certain of a difference."""
        return abs(self.t) > CERTAIN and not self.low <= 1 <= self.high

    def above(self, tolerance: float) -> bool:
        """Whether there is a difference above *tolerance*, for sure: a smaller one is real and drowns on the way to anybody."""
        return self.leaks and (self.high < 1 - tolerance or self.low > 1 + tolerance)

    def within(self, tolerance: float) -> bool:
        """Whether the ratio is 1, but for *tolerance*, for sure."""
        return 1 - tolerance <= self.low and self.high <= 1 + tolerance

    def __str__(self) -> str:
        times = f"{self.one_us:.1f} and {self.other_us:.1f} us"
        return f"{self.pairs} pairs, {times}, ratio {self.ratio:.4f} ({self.low:.4f} to {self.high:.4f}), t {self.t:+.1f}"


def timed(pairs: Iterator[tuple[Call, Call]], number: int, *, random: Random) -> dict[str, Samples]:
    """
    Nanoseconds of each call of the first *number* pairs, the two of a pair in random order, by each clock.

    What an outsider sees is the wall clock. That of the processor stands still while others use it: on a busy machine it sees
    work, where the wall clock sees waiting.
    """
    samples: dict[str, Samples] = {clock: ([], []) for clock in CLOCKS}
    gc.collect()
    gc.disable()
    try:
        for done in range(number):
            pair = next(pairs)
            for which in random.sample((0, 1), 2):
                call = pair[which]
                wall, processor = perf_counter_ns(), process_time_ns()
                call()
                samples["processor"][which].append(process_time_ns() - processor)
                samples["wall"][which].append(perf_counter_ns() - wall)
            if done % 100 == 99:
                gc.collect()
    finally:
        gc.enable()
    return samples


def judged(one: Sequence[int], other: Sequence[int], *, random: Random) -> Judged:
    """What the times of as many pairs say."""
    ratios = [theirs / ours for ours, theirs in zip(one, other, strict=True)]
    resampled = sorted(median(random.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    beyond = int(RESAMPLES * (1 - SURE) / 2)
    return Judged(
        pairs=len(ratios),
        one_us=median(one) / 1000,
        other_us=median(other) / 1000,
        ratio=median(ratios),
        low=resampled[beyond],
        high=resampled[-1 - beyond],
        t=max((_t(*_cropped(one, other, crop)) for crop in CROPS), key=abs),
    )


def _cropped(one: Sequence[int], other: Sequence[int], part: float) -> tuple[list[int], list[int]]:
    together = sorted([*one, *other])
    most = together[int(len(together) * part) - 1]
    return [each for each in one if each <= most], [each for each in other if each <= most]


def _t(one: Sequence[int], other: Sequence[int]) -> float:
    """Welch's t; one sample without the other is as different as can be."""
    if min(len(one), len(other)) < 2:
        return inf if len(one) > len(other) else -inf
    spread = sqrt(variance(one) / len(one) + variance(other) / len(other))
    apart = fmean(other) - fmean(one)
    return apart / spread if spread else (0.0 if not apart else apart * inf)
