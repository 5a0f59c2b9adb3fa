"""
Runs of neighbours on a keyboard, on zxcvbn's four maps of keys and by its formula.

Its package adds up all shorter runs with fewer turns for each run anew; here the sum is in closed form, or forty
characters along a row of keys would take a millisecond.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import comb
from operator import and_

from attrs import field, frozen

from acctsec.password.estimator.sequence import WINDOW, Span

_LEAST = 3  # characters of a run


@frozen
class Keys:
    """Of one map of keys: the direction from a character to its neighbour and whether that one needs shift, by the pair."""

    steps: Mapping[str, tuple[int, bool]] = field(repr=False)
    shifted: frozenset[str] = field(repr=False)
    powers: tuple[float, ...] = field(repr=False)
    """How many ways there are to start and to turn so many times."""


@frozen
class Keyboards:
    """Every map of keys, and all pairs of neighbours on any."""

    maps: tuple[Keys, ...] = field(repr=False)
    pairs: frozenset[str] = field(repr=False)


def keyboards() -> Keyboards:
    """zxcvbn's maps: two keyboards, two number pads, where nothing is shifted."""
    from zxcvbn import scoring  # type: ignore[import-untyped]
    from zxcvbn.matching import GRAPHS, SHIFTED_RX  # type: ignore[import-untyped]

    found = []
    for name, graph in GRAPHS.items():
        steps: dict[str, tuple[int, bool]] = {}
        for key, neighbours in graph.items():
            for direction, signs in enumerate(neighbours):
                for place, sign in enumerate(signs or ""):
                    steps.setdefault(key + sign, (direction, place == 1))
        wide = name in {"qwerty", "dvorak"}
        keys, degree = (
            (scoring.KEYBOARD_STARTING_POSITIONS, scoring.KEYBOARD_AVERAGE_DEGREE)
            if wide
            else (scoring.KEYPAD_STARTING_POSITIONS, scoring.KEYPAD_AVERAGE_DEGREE)
        )
        shifted = frozenset(key for key in graph if wide and SHIFTED_RX.search(key))
        found.append(Keys(steps, shifted, tuple(keys * degree**turns for turns in range(WINDOW))))
    return Keyboards(tuple(found), frozenset().union(*(keys.steps for keys in found)))


def walks(password: str, keyboards: Keyboards) -> Iterator[Span]:
    """Three and more neighbours in a row, on each keyboard by itself."""
    size = len(password)
    twos = [password[i : i + 2] for i in range(size - 1)]
    near = [two in keyboards.pairs for two in twos]
    if not any(map(and_, near, near[1:])):  # most passwords have no run on any
        return
    for keys in keyboards.maps:
        pairs = [*map(keys.steps.get, twos)]
        first = 0
        while first < size - 1:
            last = first
            while last < size - 1 and pairs[last] is not None:
                last += 1
            if last - first + 1 >= _LEAST:
                walked = [step for step in pairs[first:last] if step is not None]
                yield first, last, _guesses(walked, keys, begins_shifted=password[first] in keys.shifted)
            first = last + 1


def _guesses(walked: list[tuple[int, bool]], keys: Keys, *, begins_shifted: bool) -> float:
    """
    All runs up to this length with up to this many turns, times the ways to hold shift.

    For one number of turns the sum over the lengths, C(1, t - 1) + ... + C(length - 1, t - 1), is C(length, t), less the
    one run that is too short.
    """
    length = len(walked) + 1
    turns = 1 + sum(one[0] != other[0] for one, other in pairwise(walked))
    runs = sum(keys.powers[turn] * (comb(length, turn) - 1) for turn in range(1, turns + 1))
    shifted = begins_shifted + sum(held for _, held in walked)
    if not shifted:
        return runs
    fewer = min(shifted, length - shifted)
    return runs * (sum(comb(length, held) for held in range(1, fewer + 1)) if fewer else 2)
