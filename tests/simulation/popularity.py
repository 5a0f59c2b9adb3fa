"""How popular passwords are: Zipf's law. A password is its rank; what one person alone would type is a number above every rank."""

from bisect import bisect_left
from functools import cache
from itertools import accumulate

DISTINCT = 14_341_564
EXPONENT = 0.7878
"""
RockYou's 32.6 million accounts had some 14.34 million distinct passwords. Wang et al. (Zipf's law in passwords, 2017) fit exponents
from 0.46 to 0.91 to leaked sets; this one meets the head that was counted in RockYou: the law gives away 1.3 % of accounts in 3
guesses, 2.4 % in 10 and 5.5 % in 100, where 1.37, 2.05 and 4.52 % were counted.
"""

EXACT = 30_000
BANNED = 20_000
"""How many of the most popular ones a site refuses that has the default list of common passwords."""

OWN = 1 << 31
"""From here on: what one person alone would type, a typo or, from OTHERS on, one of his other passwords. All fit 32 bits."""

OTHERS = OWN + (1 << 30)


@cache
def _heads() -> tuple[float, ...]:
    return tuple(accumulate(rank**-EXPONENT for rank in range(1, EXACT + 1)))


def weight(rank: int) -> float:
    """The weight of the *rank* most popular passwords together, in weights of the first one."""
    if rank <= EXACT:
        return _heads()[rank - 1] if rank else 0.0
    power = 1 - EXPONENT
    return _heads()[-1] + ((rank + 0.5) ** power - (EXACT + 0.5) ** power) / power


@cache
def taken(guesses: int, banned: int = 0) -> float:
    """The share of accounts that so many guesses take, where the *banned* most popular passwords are refused to all."""
    return (weight(banned + guesses) - weight(banned)) / (weight(DISTINCT) - weight(banned))


def drawn(share: float) -> int:
    """The rank of the password at that *share* of all accounts."""
    wanted = share * weight(DISTINCT)
    if wanted <= _heads()[-1]:
        return bisect_left(_heads(), wanted) + 1
    power = 1 - EXPONENT
    return min(DISTINCT, int(((wanted - _heads()[-1]) * power + (EXACT + 0.5) ** power) ** (1 / power) + 0.5))
