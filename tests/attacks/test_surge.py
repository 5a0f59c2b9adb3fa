"""A rise of failures: the stated rate of false alarms, and an attacker who makes his rise the new normal."""

import random
from datetime import timedelta
from fractions import Fraction
from math import comb

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.sizes import deep_size

from acctsec import ConfigError
from acctsec.attacks.signals import Detector
from acctsec.attacks.surge import LARGEST, Failures, SurgePolicy, evidence

BUCKET = 300_000_000
POLICY, FRESH = SurgePolicy(), Failures()


def played(policy, counts, state=FRESH, begin=0):
    """The state and the evidence after each bucket of *counts*."""
    told = []
    for number, count in enumerate(counts, begin):
        state, signals = policy.step(state, "t", now=number * BUCKET, failures=count)
        told.append(signals[0].level)
    return state, told


def poisson(chance, mean):
    """One draw (Knuth), in parts where the mean is large."""
    drawn = 0
    while mean > 0:
        part, limit = min(mean, 30.0), 1.0
        end = 2.718281828459045**-part
        while (limit := limit * chance.random()) > end:
            drawn += 1
        mean -= part
    return drawn


@given(now=st.integers(0, 60), before=st.integers(0, 60), rise=st.integers(1, 8), buckets=st.integers(6, 300))
def test_evidence_never_says_more_than_the_exact_tail(now, before, rise, buckets):
    """10 ** (-evidence / 100) is at least the exact chance of so many or more, at the most that is no rise."""
    share, total = Fraction(rise, rise + buckets), now + before
    tail = sum(comb(total, n) * share**n * (1 - share) ** (total - n) for n in range(now, total + 1))
    assert evidence(now, before, rise, buckets) >= 0
    assert float(tail) <= 10 ** (-evidence(now, before, rise, buckets) / 100) * (1 + 1e-9)


@given(
    now=st.integers(0, LARGEST),
    before=st.integers(0, 2016 * LARGEST),
    more=st.integers(0, 1000),
    rise=st.integers(1, 100),
    buckets=st.integers(6, 2016),
)
def test_more_failures_are_never_less_evidence(now, before, more, rise, buckets):
    """So an alarm at a failure is one at the end of its bucket, and looking early is free. Within what rounding takes off."""
    slack = 1 + 2e-10 * (now + before + more) / 2.3
    assert evidence(now + more, before, rise, buckets) >= evidence(now, before, rise, buckets) - slack


def test_evidence_is_not_far_below_the_exact_tail():
    """Or it would be safe and blind: at a hundred to one it is right to a factor of about ten."""
    share, total = Fraction(4, 292), 60 + 2000
    tail = float(sum(comb(total, n) * share**n * (1 - share) ** (total - n) for n in range(60, total + 1)))
    assert tail <= 10 ** (-evidence(60, 2000, 4, 288) / 100) <= 12 * tail


def test_false_alarms_are_as_rare_as_said():
    """At the very limit of what is no rise, and at evidence of ten to one, at most one look in ten is false."""
    chance, looked, false = random.Random(29), 0, 0
    policy = SurgePolicy(buckets=24, warm_up=24, rise=2, least=5)
    for _ in range(3_000):
        mean = chance.choice([3.0, 8.0, 40.0])
        # The last bucket before may have been an alarm itself: it is cut then, as often as that is said to happen.
        past = Failures(24, poisson(chance, mean), tuple(poisson(chance, mean) for _ in range(24)))
        _, signals = policy.step(past, "t", now=25 * BUCKET, failures=poisson(chance, 2 * mean))
        looked += 1
        false += signals[0].level >= 100
    assert 0 < false <= 0.1 * looked


def test_a_day_with_its_ups_and_downs_raises_nothing():
    """Three times as busy in the evening as at the mean of the day, for a week."""
    chance = random.Random(7)
    shape = [0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 0.8, 1, 1, 1, 1, 1.2, 1, 1, 1, 1.2, 1.4, 2, 2.6, 3, 2, 1.2, 0.5]
    _, told = played(POLICY, [poisson(chance, 60 * shape[number // 12 % 24]) for number in range(7 * 288)])
    assert max(told) < 300


def test_a_rise_is_told_within_its_first_bucket():
    """From 20 to 300 in five minutes."""
    state, told = played(POLICY, [20] * 288)
    assert max(told) == 0
    _, (level,) = played(POLICY, [300], state, begin=288)
    assert level >= 3_000


def test_nothing_is_said_while_warming_up_nor_of_a_few_failures():
    _, told = played(POLICY, [20] * 143 + [10_000])
    assert max(told) == 0
    _, told = played(POLICY, [20] * 144 + [10_000])
    assert told[-1] > 900
    _, told = played(POLICY, [0] * 288 + [49, 50])
    assert told[-2] == 0 and told[-1] >= 900


def test_no_attack_is_normal_by_tomorrow():
    """A hundred times the usual: the alarm stands for nineteen hours at least, and does not stand for ever."""
    state, _ = played(POLICY, [20] * 288)
    _, told = played(POLICY, [2_000] * 576, state, begin=288)
    ends = next((n for n, level in enumerate(told) if level < 900), None)
    assert ends is not None and 19 * 12 <= ends <= 48 * 12


def test_a_slow_rise_takes_half_a_day_to_grow_a_hundredfold():
    """The attacker who stays just below the alarm: each bucket as much as is not told."""
    state, _ = played(POLICY, [20] * 288)
    number, count = 288, 20
    while count < 2_000:
        low, high = 0, 100_000
        while low < high:  # the most that says nothing
            middle = (low + high + 1) // 2
            _, signals = POLICY.step(state, "t", now=number * BUCKET, failures=middle)
            low, high = (middle, high) if signals[0].level < POLICY.alarm else (low, middle - 1)
        count = low
        state, _ = POLICY.step(state, "t", now=number * BUCKET, failures=count)
        number += 1
    assert number - 288 >= 144


def test_looking_tells_the_same_as_the_last_failure_and_less_later():
    """How a posture comes down without a further failure."""
    state, _ = played(POLICY, [20] * 288 + [300])
    assert POLICY.look(state, "t", now=288 * BUCKET + 1).level >= 900
    quiet = POLICY.look(state, "t", now=289 * BUCKET)
    assert (quiet.level, quiet.detector, quiet.name) == (0, Detector.SURGE, "t")


@given(counts=st.lists(st.integers(0, 10**6), max_size=60), gaps=st.lists(st.integers(0, 40), max_size=60))
def test_what_is_remembered_is_bounded_and_of_the_last_buckets(counts, gaps):
    """Against a plain list of buckets, as long as no alarm is on."""
    policy = SurgePolicy(buckets=12, warm_up=12, alarm=10_000)
    state, exact, bucket = Failures(), {}, 100
    for count, gap in zip(counts, gaps, strict=False):
        if gap > 12:
            exact.clear()
        bucket += gap
        state, _ = policy.step(state, "t", now=bucket * BUCKET, failures=count % 40)
        exact[bucket] = exact.get(bucket, 0) + count % 40
        first = min(exact)
        assert state.now == exact[bucket]
        assert state.before == tuple(exact.get(number, 0) for number in range(max(first, bucket - 12), bucket))


def test_a_gap_of_a_day_begins_anew():
    """Nobody knows whether it was quiet or nobody counted: an outage must not make the next hour an attack."""
    state, _ = played(POLICY, [100] * 288)
    state, told = played(POLICY, [100] * 10, state, begin=288 + 400)
    assert max(told) == 0 and len(state.before) == 9


def test_a_clock_that_is_behind_counts_now_and_a_broken_one_begins_anew():
    state, _ = played(POLICY, [20] * 300)
    behind, _ = POLICY.step(state, "t", now=250 * BUCKET, failures=5)
    assert (behind.bucket, behind.now) == (299, 25)
    ahead = evolve_bucket(state, 10**9)
    again, _ = POLICY.step(ahead, "t", now=300 * BUCKET, failures=5)
    assert again == Failures(300, 5, ())


def evolve_bucket(state, bucket):
    return Failures(bucket, state.now, state.before)


def test_a_million_failures_take_no_more_than_a_day_of_numbers():
    """15 KB a tenant."""
    state = Failures()
    for number in range(1_000_000):
        state, _ = POLICY.step(state, "t", now=number * 1_000_000)
    assert deep_size(state) <= 15_000
    full = Failures(10**9, LARGEST, tuple(LARGEST - n for n in range(288)))
    assert deep_size(full) <= 15_000


@pytest.mark.parametrize(
    "wrong",
    [{"warm_up": 289}, {"rise": 0}, {"least": 4}, {"alarm": 299}, {"buckets": 11}, {"bucket": timedelta(0)}, {"rise": 2.5}],
)
def test_nonsense_is_refused_at_construction(wrong):
    with pytest.raises(ConfigError):
        evolve(POLICY, **wrong)
