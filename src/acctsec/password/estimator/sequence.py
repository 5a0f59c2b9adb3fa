"""The cheapest way to put a password together from the parts that were found in it, and brute force between them."""

from collections.abc import Iterable
from math import factorial, inf
from operator import itemgetter

WINDOW = 40
"""Code points that are analysed at once."""

Span = tuple[int, int, float]
"""First and last index of a part of the password, and the guesses that this part takes."""

_Ways = dict[int, tuple[float, float, bool]]
"""For a number of parts: guesses, product of the guesses of each part, whether brute force comes last."""

# What n parts add to the guesses of each: their orders, and zxcvbn's penalty for one more (short sequences go first).
_ORDERS = [float(factorial(parts)) for parts in range(WINDOW + 2)]
_PENALTY = [0.0, *(10_000.0**parts for parts in range(WINDOW + 2))]

# Ten guesses a character, and just above the least that any other part of the size takes.
_BRUTE_FORCE = [1.0, 11.0, *(10.0**size for size in range(2, WINDOW + 2))]
_ROUNDING = 1.000001
_PLACE = itemgetter(0, 1)
_SCALE = [10.0**-size for size in range(WINDOW + 2)]


def cheapest(size: int, spans: Iterable[Span]) -> float:
    """
    The guesses for a password of *size* code points, at most 40.

    For every end and number of parts the best product is kept. A sequence of n parts takes n! * product +
    10,000 ** (n - 1) guesses, as in zxcvbn.
    """
    if not size:
        return 1.0
    ending = _by_end(size, spans)
    before: list[_Ways] = [{0: (0.0, 1.0, False)}]  # for each index: what lies before it
    gaps, most = _Gaps(), inf  # with brute force for the rest, what was found so far takes so many guesses at most
    for end, words in enumerate(ending):
        ways: _Ways = {}
        for start, guesses in words:
            for parts, (_, product, _) in before[start].items():
                _consider(ways, parts + 1, product * guesses, most, brute=False)
        for start, parts, product in gaps.worth:
            _consider(ways, parts, product * _BRUTE_FORCE[end - start + 1], most, brute=True)
        before.append(ways)
        if words:
            for parts, (_, product, brute) in ways.items():
                if not brute:  # two such parts in a row are one
                    gaps.open(end + 1, parts + 1, product)
                    rest = _ORDERS[parts + 1] * product * _BRUTE_FORCE[size - end - 1] + _PENALTY[parts + 1]
                    most = min(most, rest * _ROUNDING)
    return min(guesses for guesses, _, _ in before[-1].values())


def _consider(ways: _Ways, parts: int, product: float, most: float, *, brute: bool) -> None:
    guesses = _ORDERS[parts] * product + _PENALTY[parts]
    if guesses > most:
        return
    for fewer, rival in ways.items():
        if rival[0] <= guesses and fewer <= parts:
            return
    ways[parts] = (guesses, product, brute)


class _Gaps:
    """
    The places from which brute force may fill what is left.

    It costs ten times more with each character wherever it began, so a place that is beaten once is beaten at every
    later end: most are, and what would be quadratic is not.
    """

    def __init__(self) -> None:
        self.worth: list[tuple[int, int, float]] = [(0, 1, 1.0)]
        self._least = {1: 1.0}

    def open(self, start: int, parts: int, product: float) -> None:
        """Brute force as the last of *parts* from *start* on; *product* is that of the parts before."""
        scaled = _ORDERS[parts] * product * _SCALE[start]
        for fewer, least in self._least.items():
            if fewer <= parts and least <= scaled:
                return
        self._least[parts] = scaled
        self.worth.append((start, parts, product))


def cheaper(spans: Iterable[Span], known: Iterable[Span]) -> list[Span]:
    """Of *spans* those that take fewer guesses than any earlier or known one of the same place: others change nothing."""
    least: dict[tuple[int, int], float] = {}
    for i, j, guesses in known:
        if guesses < least.get((i, j), inf):
            least[i, j] = guesses
    found: list[Span] = []
    for span in spans:
        i, j, guesses = span
        if guesses < least.get((i, j), inf):
            least[i, j] = guesses
            found.append(span)
    return found


def _by_end(size: int, spans: Iterable[Span]) -> list[list[tuple[int, float]]]:
    """
    The spans that end at each index, by their starts; a part takes as many guesses as one of its size takes at least.

    One that is no cheaper than one before it at the same place changes nothing.
    """
    ending: list[list[tuple[int, float]]] = [[] for _ in range(size)]
    first, last, cheap = -1, -1, inf
    for i, j, guesses in sorted(spans, key=_PLACE):
        if i == first and j == last and guesses >= cheap:
            continue
        first, last, cheap = i, j, guesses
        bound = 1.0 if j - i + 1 == size else 10.0 if i == j else 50.0
        ending[j].append((i, max(bound, guesses)))
    return ending
