"""In how many ways a word is written with capitals and look-alikes before an attacker comes to this one: zxcvbn's formulas."""

import re
from collections.abc import Mapping
from functools import cache
from math import comb

_NO_CAPITAL, _PLAIN_CAPITALS = re.compile(r"^[^A-Z]+$"), re.compile(r"^(?:[A-Z][^A-Z]+|[^A-Z]+[A-Z]|[^a-z]+)$")


def capitals(token: str) -> int:
    """Ways of capitals; the first, the last or all of them come first."""
    if token.islower() or _NO_CAPITAL.match(token):
        return 1
    return 2 if _PLAIN_CAPITALS.match(token) else _mixtures(sum(map(str.isupper, token)), sum(map(str.islower, token)))


def disguises(token: str, used: Mapping[str, str]) -> int:
    """Ways to write these signs for these letters; each sign everywhere comes first."""
    lowered, tried = token.lower(), 1
    for sign, letter in used.items():
        tried *= _mixtures(lowered.count(sign), lowered.count(letter)) or 2
    return tried


@cache
def _mixtures(some: int, others: int) -> int:
    """Ways to choose at most so many places as the rarer of two kinds has: by counts alone, so that nothing typed is kept."""
    return sum(comb(some + others, chosen) for chosen in range(1, min(some, others) + 1))
