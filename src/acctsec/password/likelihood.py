"""How likely a password is to be somebody's: the guesses it stands, read as its rank among what people choose."""

from functools import cache

from acctsec.password.blocklist import ranked_passwords
from acctsec.password.strength import estimate
from acctsec.protocols import Estimator

SCALE, SLOPE = 0.037433, 0.187227
LONGEST = 20


def likelihood(password: str, *, estimator: Estimator = estimate) -> float:
    """
    The share of accounts that have this very password, from 0 to 1, as far as the shipped lists and the estimator can tell.

    The rank is the place among the 19,640 shipped passwords, or the number of guesses that *estimator* says, where that is less.
    The share is the density of CDF-Zipf at that rank, with the parameters of RockYou (Wang, Cheng, Wang, Huang and Jian 2017):
    0.0374 * 0.187 * rank ** (0.187 - 1). On the commonest 1,500 of RockYou it is right within a factor of 1.6 on average at each
    rank, and tells nothing of what is popular at one service only. What is longer than 20 code points and on no list counts as 0:
    nearly nobody shares it, and estimating it could take longer than a millisecond. Deterministic, thread-safe, bounded.
    """
    rank = _ranks().get(password.casefold())
    if rank is None and len(password) > LONGEST:
        return 0.0
    guesses = max(estimator(password, ()), 0.0)
    return share(min(10.0 ** min(guesses, 300.0), rank or float("inf")))


def share(rank: float) -> float:
    """The share of accounts that has the password of a *rank*, 1 or more."""
    return float(SCALE * SLOPE * max(rank, 1.0) ** (SLOPE - 1))


@cache
def _ranks() -> dict[str, int]:
    return {word: rank for rank, word in enumerate(ranked_passwords(), 1)}
