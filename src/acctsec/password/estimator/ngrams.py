"""
How likely the characters of a password are, one after another, in lists of common passwords.

A trigram model with Witten-Bell smoothing: what was not seen after two characters is asked after one, then alone, then is
one of 96 signs. Trained by ``seeds/estimator/fit.py``; the origin of its table is named beside the data.
"""

from collections.abc import Mapping
from functools import cache
from math import log10

from attrs import field, frozen

START, END = "\2", "\3"
_ASCII, _OTHER = log10(96), 4.0


@frozen
class Trigrams:
    """Costs in -log10 of a probability: of a character after its context, and of the step to a shorter context."""

    costs: Mapping[str, float] = field(repr=False)
    steps: Mapping[str, float] = field(repr=False)

    def surprise(self, text: str) -> float:
        """-log10 of the probability of *text*, in lower case; about 1.4 a character for what looks random."""
        costs, steps = self.costs, self.steps
        padded = f"{START}{START}{text}{END}"
        total = 0.0
        for i in range(2, len(padded)):
            for start in (i - 2, i - 1, i):
                cost = costs.get(padded[start : i + 1])
                if cost is not None:
                    total += cost
                    break
                total += steps.get(padded[start:i], 0.0)
            else:
                total += _ASCII if padded[i] < "\x80" else _OTHER
        return total


def trained(counts: Mapping[str, Mapping[str, int]]) -> Trigrams:
    """The model of how often each character follows each two; shorter contexts follow from these."""
    levels: list[dict[str, dict[str, int]]] = [{}, {}, {}]
    for context, followers in counts.items():
        for level, key in enumerate(("", context[1:], context)):
            known = levels[level].setdefault(key, {})
            for character, count in followers.items():
                known[character] = known.get(character, 0) + count
    chances: dict[str, float] = {}
    steps: dict[str, float] = {}
    for level_counts in levels:
        for context, followers in level_counts.items():
            seen, kinds = sum(followers.values()), len(followers)
            steps[context] = -log10(kinds / (seen + kinds))
            for character, count in followers.items():
                shorter = chances[context[1:] + character] if context else 10**-_ASCII
                chances[context + character] = (count + kinds * shorter) / (seen + kinds)
    return Trigrams({key: -log10(chance) for key, chance in chances.items()}, steps)


@cache
def trigrams() -> Trigrams:
    """The shipped model, read on first use."""
    import gzip
    import json
    from importlib.resources import files

    packed = files("acctsec.password").joinpath("data/trigrams.json.gz").read_bytes()
    return trained(json.loads(gzip.decompress(packed)))
