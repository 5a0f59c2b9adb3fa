"""
Reputation: what a source has guessed wrong lately, whoever it tried.

The weights are StopGuessing's (Tian, Herley and Schechter, EuroS&P 2019). One thing is not: there, a success buys part of the
score back. Here nothing but time does, for a guesser has an account of his own to succeed at.
"""

from collections.abc import Mapping
from datetime import timedelta

from attrs import field, frozen

from acctsec._values import Value
from acctsec.attacks.decay import UNMARKED, Score, at_hand, charged, points
from acctsec.attacks.networks import Networks
from acctsec.attacks.signals import Detector, Signal
from acctsec.budgets import micros
from acctsec.checks import length, whole


class Wrong(Value, frozen=True):
    """
    One wrong password of a stranger. The same one at the same name again is none: that is a client with a stale password.

    *known_name* says whether somebody has that name: only ``ReputationPolicy.unknown_weight`` asks. *sightings* says how often
    this password was guessed wrong of late, anywhere.
    """

    known_name: bool
    sightings: int = 0


@frozen(kw_only=True)
class ReputationPolicy:
    """
    How wrong guesses add up to a score of the networks they come from.

    Args:
        half_life: after how long half of a score is forgotten. Default 12 h (StopGuessing).
        wrong: points for a wrong password, whether or not anybody has that name. Default 1 (StopGuessing, for names that exist).
        unknown: points of another score, for one at a name that nobody has. Default 2 (StopGuessing). That score is told to
            operators alone: a challenge that came sooner for names that nobody has would tell which ones somebody has.
        frequent: by how much a password counts more that is guessed often. Default 5 (StopGuessing).
        frequent_from: how often a password has to be guessed wrong to be such a one. Default 20, about what StopGuessing's ladder
            needs to be sure.
        most: no score is above. Default 20,000: four times what tightens an address, and below what challenges it within
            five days, whatever was done before.

    Raises ConfigError for what is no such number. What follows from a score is in the ``PosturePolicy``.
    """

    half_life: timedelta = field(default=timedelta(hours=12), validator=length(timedelta(minutes=1), timedelta(days=365)))
    wrong: int = field(default=1, validator=whole(1, 1_000))
    unknown: int = field(default=2, validator=whole(1, 1_000))
    frequent: int = field(default=5, validator=whole(1, 1_000))
    frequent_from: int = field(default=20, validator=whole(2, 1_000_000))
    most: int = field(default=20_000, validator=whole(100, 1_000_000_000))

    def weight(self, wrong: Wrong) -> int:
        """The points for one wrong password, whoever it was tried at."""
        return self._weight(self.wrong, wrong)

    def unknown_weight(self, wrong: Wrong) -> int:
        """The points of the other score: none where somebody has that name."""
        return 0 if wrong.known_name else self._weight(self.unknown, wrong)

    def _weight(self, base: int, wrong: Wrong) -> int:
        return base * self.frequent if wrong.sightings >= self.frequent_from else base

    def charge(self, score: Score, weight: int, *, now: int) -> tuple[Score, int]:
        """
        A score with *weight* points more, and what it comes to. *now* is in microseconds.

        Pure: equal instants may come in any order. There is no step for a success.
        """
        after = charged(score, weight, half_life=micros(self.half_life), now=now, most=self.most)
        return after, at_hand(after)

    def points(self, score: Score, *, now: int) -> int:
        """What is left of a score."""
        return points(score, half_life=micros(self.half_life), now=now)


def places(networks: Networks) -> tuple[tuple[Detector, str], ...]:
    """Every network that a wrong password is charged to, and what sees it there; the score of unknown names comes last."""
    found = [(Detector.ADDRESS, networks.address)]
    found += [(Detector.PREFIX, prefix) for prefix in networks.prefixes]
    if networks.asn is not None:
        found.append((Detector.ASN, f"AS{networks.asn}"))
    found.append((Detector.UNKNOWN, networks.address))
    return tuple(found)


def charge(
    scores: Mapping[tuple[Detector, str], Score], policy: ReputationPolicy, networks: Networks, wrong: Wrong, *, now: int
) -> tuple[dict[tuple[Detector, str], Score], tuple[Signal, ...]]:
    """
    Charge one wrong password to all networks it comes from.

    *scores* are those that are remembered of them. Returns the scores to write back, and a signal for each: the same work,
    whoever it was tried at.
    """
    changed, signals = {}, []
    weight, unknown = policy.weight(wrong), policy.unknown_weight(wrong)
    for place in places(networks):
        points = unknown if place[0] is Detector.UNKNOWN else weight
        changed[place], level = policy.charge(scores.get(place, UNMARKED), points, now=now)
        signals.append(Signal(*place, level))
    return changed, tuple(signals)
