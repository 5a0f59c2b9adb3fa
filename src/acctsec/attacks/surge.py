"""
A sudden rise of failures: are there more now than the day before can explain?

If failures come one by one and their rate now is at most *rise* times that of the day before, then of all that were seen in both
the share of now is binomial, whatever the rate is and however it went up and down (Przyborowski and Wilenski 1940). Chernoff's
bound says how unlikely so large a share would be. So seasons need no model: they only have to stay below *rise*.

Evidence is in hundredths of a ban: 100 is ten to one, 900 a thousand million to one.
"""

from datetime import timedelta
from math import e, floor, log, log10

from attrs import field, frozen

from acctsec._values import Value
from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.attacks.signals import Detector, Signal
from acctsec.budgets import micros
from acctsec.checks import length, whole
from acctsec.errors import ConfigError

LARGEST = 2**40


class Failures(Value, frozen=True):
    """What is remembered of a tenant: the present bucket, its failures, and those of the buckets before, oldest first."""

    bucket: int = -1
    now: int = 0
    before: tuple[int, ...] = ()


@frozen(kw_only=True)
class SurgePolicy:
    """
    When failures of a tenant are a rise.

    Args:
        bucket: what "now" is. Default 5 minutes.
        buckets: how many of them what came before has. Default 288: a day, so every hour of it is in.
        warm_up: nothing is said before there are so many. Default 144: half a day.
        rise: by how much they may be more. Default 4: the busiest hour of a day is about twice to three times its mean.
        least: fewer failures in a bucket are never a rise. Default 50, what an address alone may fail in an hour.
        alarm: evidence, in hundredths of a ban, at which a bucket is held to be attacked. Default 900: at one look every five
            minutes and independent failures, one false alarm in 9,500 years or more; real failures come in bursts, and so it is
            not lower.

    A bucket that is held to be attacked enters the days after as *rise* times their mean, so no attack, however large, is
    normal by tomorrow: under a constant one the mean doubles after a fifth of *buckets*, and what lasts is adopted in the end.

    Raises ConfigError for what is no such number.
    """

    bucket: timedelta = field(default=timedelta(minutes=5), validator=length(timedelta(seconds=1), timedelta(days=1)))
    buckets: int = field(default=288, validator=whole(12, 2_016))
    warm_up: int = field(default=144, validator=whole(6, 2_016))
    rise: int = field(default=4, validator=whole(1, 100))
    least: int = field(default=50, validator=whole(5, 1_000_000))
    alarm: int = field(default=900, validator=whole(300, 10_000))

    def __attrs_post_init__(self) -> None:
        if self.warm_up > self.buckets:
            raise ConfigError("warm_up is above buckets: it would never end.", remedy="Let warm_up be at most buckets.")

    def step(self, state: Failures, tenant: str, *, now: int, failures: int = 1) -> tuple[Failures, tuple[Signal, ...]]:
        """
        Count *failures* of a *tenant*; returns the evidence for a rise. Pure; *now* is in microseconds.

        What is seen within a bucket is never more than what its end shows, so looking at every failure raises no false alarms.
        """
        woken = self._turned(state, now)
        counted = Failures(woken.bucket, min(woken.now + failures, LARGEST), woken.before)
        return counted, (Signal(Detector.SURGE, tenant, self._evidence(counted)),)

    def look(self, state: Failures, tenant: str, *, now: int) -> Signal:
        """The evidence at *now*, without a failure: how a posture comes to be lowered."""
        return Signal(Detector.SURGE, tenant, self._evidence(self._turned(state, now)))

    def _evidence(self, state: Failures) -> int:
        if state.now < self.least or len(state.before) < self.warm_up:
            return 0
        return evidence(state.now, sum(state.before), self.rise, len(state.before))

    def _turned(self, state: Failures, now: int) -> Failures:
        bucket = now // micros(self.bucket)
        passed = bucket - state.bucket
        late = -passed * micros(self.bucket) > BROKEN_CLOCK
        if state.bucket < 0 or passed > self.buckets or late:
            return Failures(bucket)  # nothing is known of a day without a bucket: whether it was quiet, or nobody counted
        if passed <= 0:
            return state
        before = (*state.before, self._entered(state), *[0] * (passed - 1))[-self.buckets :]
        return Failures(bucket, 0, before)

    def _entered(self, state: Failures) -> int:
        """What a bucket is remembered as."""
        if self._evidence(state) < self.alarm:
            return state.now
        return min(state.now, max(self.least, self.rise * sum(state.before) // len(state.before)))


def evidence(now: int, before: int, rise: int, buckets: int) -> int:
    """
    How much *now* failures in one bucket and *before* in the *buckets* before speak against a rise of at most *rise*.

    In hundredths of a ban, rounded down: with that or more the chance is at most 10 ** (-evidence / 100).
    """
    total = now + before
    share = rise / (rise + buckets)
    if not total or now * (rise + buckets) <= total * rise:
        return 0
    nats = now * log(now / (total * share))
    if before:
        nats += before * log(before / (total * (1 - share)))
    # Both terms are known to some 1e-15 of themselves; what they may be off together is taken off.
    return max(0, floor((nats - 1e-12 * total - 1e-9) * 100 * log10(e)))
