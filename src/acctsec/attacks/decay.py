"""
Scores that halve as time passes, in whole numbers.

A weight is written down as what it would be worth at a fixed instant (forward decay: Cormode, Shkapenyuk, Srivastava and Xu,
ICDE 2009). So sums are sums of integers: equal instants may come in any order, and looking more often changes nothing.
"""

from math import isqrt

from acctsec._values import Value

STEPS = 256  # parts of a half-life: within one of them nothing decays, which is 0.27 % at most
BROKEN_CLOCK = 2 * 86_400_000_000  # as in the meters: who has seen an instant so far ahead has seen a broken clock


def _factors() -> tuple[int, ...]:
    """2 ** (k / STEPS) for every step, times 2 ** 40 and rounded down; by square roots, so that every machine has the same."""
    one = 1 << 128
    powers, root, count = [one], 2 * one, STEPS
    while count > 1:
        root, count = isqrt(root * one), count // 2
        powers.append(root)
    factors = []
    for step in range(STEPS):
        product, half = one, STEPS // 2
        for power in powers[1:]:
            if step & half:
                product = product * power >> 128
            half //= 2
        factors.append(product >> 88)
    return tuple(factors)


FACTORS = _factors()


class Score(Value, frozen=True):
    """
    What is remembered of a score: the step of its half-life (in microseconds) that it has come to, and its sum.

    The sum counts in units of the half-life that step lies in. A score never runs backwards.
    """

    half_life: int = 0
    step: int = 0
    units: int = 0


UNMARKED = Score()


def charged(score: Score, weight: int, *, half_life: int, now: int, most: int) -> Score:
    """*weight* points more, and never above *most*."""
    woken = _awake(score, half_life, now)
    factor = FACTORS[woken.step % STEPS]
    return Score(half_life, woken.step, min(woken.units + weight * factor, max(most * factor, woken.units)))


def points(score: Score, *, half_life: int, now: int) -> int:
    """What is left of it, rounded down: at most one point and 0.55 % from what real numbers give."""
    return at_hand(_awake(score, half_life, now))


def at_hand(score: Score) -> int:
    """What there is of it at the instant that it has come to: what ``points`` says of a score that was charged just now."""
    return score.units // FACTORS[score.step % STEPS]


def _awake(score: Score, half_life: int, now: int) -> Score:
    step = now * STEPS // half_life
    if not score.units:
        return Score(half_life, max(step, score.step) if score.half_life == half_life else step, 0)
    if score.half_life != half_life:  # another policy is in force: what is left now goes on under it
        old = _awake(score, score.half_life, now)
        at = max(now, old.step * old.half_life // STEPS)
        return _moved(old, half_life, at * STEPS // half_life)
    if step <= score.step:
        # An attacker cannot turn a clock back, yet two servers may be apart: the later one is right.
        late = (score.step - step) * half_life // STEPS
        return _moved(score, half_life, step) if late > BROKEN_CLOCK else score
    return Score(half_life, step, score.units >> (step // STEPS - score.step // STEPS))


def _moved(score: Score, half_life: int, step: int) -> Score:
    """As many points at another step."""
    return Score(half_life, step, score.units * FACTORS[step % STEPS] // FACTORS[score.step % STEPS])
