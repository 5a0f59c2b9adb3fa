"""How likely a password is to be somebody's: the guesses it stands, read as its rank among what people choose."""

from functools import cache

from acctsec.password.blocklist import ranked_passwords
from acctsec.password.strength import estimate
from acctsec.protocols import Estimator

FIRST, EXPONENT = 0.0066, 0.7878
"""
Zipf's law as it meets the head of RockYou: it gives 3 guesses 1.3 % of accounts, 10 guesses 2.4 % and 100 guesses 5.5 %, where
1.37, 2.05 and 4.52 % were counted. Wang et al. (Zipf's law in passwords, 2017) fit exponents from 0.46 to 0.91 to leaked sets.
"""

LONGEST = 18


def likelihood(password: str, *, estimator: Estimator = estimate) -> float:
    """
    The share of accounts that have this very password, from 0 to 1, as far as the shipped lists and the estimator can tell.

    The rank is the place among the 19,640 shipped passwords, or the number of guesses that *estimator* says where that is less;
    the share follows by Zipf's law, with the figures of RockYou. It tells nothing of what is popular at one service only. What is
    longer than 18 code points and on no list counts as 0: nearly nobody shares it, and to estimate it could take longer than a
    millisecond. Deterministic, thread-safe, bounded.
    """
    rank = _ranks().get(password.casefold())
    if rank is None and len(password) > LONGEST:
        return 0.0
    guesses = 10.0 ** min(max(estimator(password, ()), 0.0), 300.0)
    return share(guesses if rank is None else min(rank, guesses))


def share(rank: float) -> float:
    """The share of accounts that have the password of a *rank*, 1 or more."""
    return float(FIRST * max(rank, 1.0) ** -EXPONENT)


@cache
def _ranks() -> dict[str, int]:
    return {word: rank for rank, word in enumerate(ranked_passwords(), 1)}
