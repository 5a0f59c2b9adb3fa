"""How many accounts the best guesses take, where only a few points of the curve are known."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from attrs import field, frozen

from acctsec.checks import text
from acctsec.errors import ConfigError


def _is_curve(_: object, __: object, points: tuple[tuple[int, float], ...]) -> None:
    """Refuse what no curve can go through."""
    right = (
        type(points) is tuple
        and bool(points)
        and all(type(count) is int and count > 0 and 0 <= share <= 1 for count, share in points)
    )
    if not right or any(not a[0] < b[0] or not a[1] <= b[1] for a, b in pairwise(points)):
        raise ConfigError("points are no (guesses, share of accounts) that rise.", remedy="Give ((10, 0.0001), (100, 0.0002)).")


@frozen(kw_only=True)
class Guessability:
    """
    The share of accounts that the best guesses of a well-informed attacker take, bounded by what was measured.

    *points* are (guesses, share of accounts from 0 to 1), rising; *source* says where they come from. Guesses are made in the
    order of what they take, so fewer guesses take no more than a point says, and more take no more than in proportion.
    """

    points: tuple[tuple[int, float], ...] = field(validator=_is_curve)
    source: str = field(validator=text(160))

    def taken(self, guesses: int) -> float:
        """At most this share of accounts falls to so many guesses at each."""
        return min(1.0, *(share * max(1.0, guesses / count) for count, share in self.points)) if guesses else 0.0


ROCKYOU = Guessability(
    points=((100, 0.0002),),
    source="100 guesses take 0.020 % of RockYou under the default password rules (docs/explanation/passwords.md)",
)
"""The default: measured on RockYou by who knows the rules, with nobody choosing again."""

Likely = Guessability | Sequence[float] | Callable[[int], float]
"""Points of a curve, the probabilities of the best guesses, or the share of accounts by number of guesses."""


def read(likely: Likely) -> tuple[Callable[[int], float], str]:
    """The share of accounts by number of guesses, and where it comes from."""
    if isinstance(likely, Guessability):
        return likely.taken, likely.source
    if callable(likely):
        return likely, "as given"
    shares = list(likely)
    if not shares or not all(0 <= share <= 1 for share in shares) or shares != sorted(shares, reverse=True) or sum(shares) > 1:
        raise ConfigError(
            "likely holds no probabilities of the best guesses.", remedy="Give them from the best one down, in all at most 1."
        )

    def taken(guesses: int) -> float:
        # What comes after the last of the list takes no more than that one.
        return min(1.0, sum(shares[:guesses]) + shares[-1] * max(guesses - len(shares), 0))

    return taken, f"the best {len(shares):,} guesses as given"
