"""Scores that halve: exact sums, whatever the order of equal instants, and close to what real numbers give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.attacks.decay import BROKEN_CLOCK, FACTORS, STEPS, UNMARKED, Score, charged, points

HOUR = 3_600_000_000
HALF_LIVES = st.integers(60_000_000, 400 * 24 * HOUR)
INSTANTS = st.integers(0, 2**53)
HUGE = 10**9


def after(charges, half_life, most=HUGE, score=UNMARKED):
    for now, weight in charges:
        score = charged(score, weight, half_life=half_life, now=now, most=most)
    return score


def test_a_step_is_a_root_of_two():
    """To the last of forty bits, made without floating point."""
    assert len(FACTORS) == STEPS and FACTORS[0] == 2**40
    for step, factor in enumerate(FACTORS):
        assert factor**STEPS <= 2 ** (40 * STEPS + step) < (factor + 1) ** STEPS


@given(
    half_life=HALF_LIVES,
    now=INSTANTS,
    weights=st.lists(st.integers(0, 1000), max_size=20),
    data=st.data(),
    most=st.integers(1, 3000),
)
def test_equal_instants_come_in_any_order(half_life, now, weights, data, most):
    """Also where the score is full, and whatever came before."""
    past = after([(now // 2, 700)], half_life, most)
    other = data.draw(st.permutations(weights))
    assert after([(now, w) for w in weights], half_life, most, past) == after([(now, w) for w in other], half_life, most, past)


@given(
    half_life=HALF_LIVES,
    charges=st.lists(st.tuples(st.integers(0, 2**47), st.integers(0, 1000)), min_size=1, max_size=20),
    looks=st.lists(st.integers(0, 2**48)),
)
def test_the_sum_is_exact_and_looking_changes_nothing(half_life, charges, looks):
    """The sum is the one that a list of all charges gives, rounded down once."""
    charges.sort()
    last = charges[-1][0]
    steps = [(now * STEPS // half_life, weight) for now, weight in charges]
    whole, rest = divmod(last * STEPS // half_life, STEPS)
    exact = sum(weight * FACTORS[step % STEPS] << step // STEPS for step, weight in steps) >> whole
    score = after(charges, half_life)
    assert score.units == exact and points(score, half_life=half_life, now=last) == exact // FACTORS[rest]
    looked = after(sorted([*charges, *((now, 0) for now in looks if now <= last)]), half_life)
    assert looked == score


@given(
    half_life=HALF_LIVES,
    charges=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 1000)), min_size=1, max_size=20),
    wait=st.floats(0, 20),
)
def test_real_numbers_give_the_same(half_life, charges, wait):
    """To one point and 0.55 %."""
    charges = sorted((int(lives * half_life), weight) for lives, weight in charges)
    now = charges[-1][0] + int(wait * half_life)
    real = sum(weight * 2 ** ((at - now) / half_life) for at, weight in charges)
    assert abs(points(after(charges, half_life), half_life=half_life, now=now) - real) <= 1 + 0.0055 * real


@given(
    half_life=HALF_LIVES,
    charges=st.lists(st.tuples(INSTANTS, st.integers(0, 10**6)), max_size=20),
    most=st.integers(1, 10**6),
    now=INSTANTS,
)
def test_a_score_is_bounded(half_life, charges, most, now):
    """So is the memory it takes: whatever anybody brings, in whatever order of instants."""
    score = after(charges, half_life, most)
    assert points(score, half_life=half_life, now=now) <= most
    assert score.units < 2 * most * 2**40


@given(
    half_life=HALF_LIVES,
    charges=st.lists(st.tuples(INSTANTS, st.integers(0, 1000)), min_size=1, max_size=20),
    weight=st.integers(0, 1000),
    earlier=st.integers(0, BROKEN_CLOCK // 2),
)
def test_no_charge_and_no_clock_that_is_behind_lowers_a_score(half_life, charges, weight, earlier):
    charges.sort()
    last = charges[-1][0]
    score = after(charges, half_life)
    now = max(0, last - earlier)
    before = points(score, half_life=half_life, now=last)
    again = charged(score, weight, half_life=half_life, now=now, most=HUGE)
    assert points(again, half_life=half_life, now=last) >= before
    assert points(again, half_life=half_life, now=now) >= before


def test_a_score_from_a_broken_clock_decays_again():
    """Or one wrong instant would make it last for ever."""
    ahead = 400 * 24 * HOUR
    score = after([(ahead, 800)], 12 * HOUR)
    assert points(score, half_life=12 * HOUR, now=0) == pytest.approx(800, abs=1)
    back = charged(score, 0, half_life=12 * HOUR, now=0, most=HUGE)
    assert points(back, half_life=12 * HOUR, now=24 * HOUR) == pytest.approx(200, abs=1)


@given(old=HALF_LIVES, new=HALF_LIVES, at=st.integers(0, 2**47), lives=st.floats(0, 3))
def test_a_score_goes_on_under_another_half_life(old, new, at, lives):
    """What was left when the policy changed is left, and decays at its new pace."""
    now = at + int(lives * old)
    score = after([(at, 1000)], old)
    left = points(score, half_life=old, now=now)
    changed = charged(score, 0, half_life=new, now=now, most=HUGE)
    assert abs(points(changed, half_life=new, now=now) - left) <= 1 + 0.006 * left
    assert changed.half_life == new


def test_what_is_spent_is_nothing():
    """A score ends: no crumb of it is left to be kept."""
    score = after([(0, 20_000)], 12 * HOUR)
    assert charged(score, 0, half_life=12 * HOUR, now=60 * 12 * HOUR, most=HUGE).units == 0
    assert isinstance(score, Score)
