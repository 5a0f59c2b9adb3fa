"""
Risk: how much more likely is an attacker than the owner, when the password was right?

Freeman, Jain, Dürmuth, Biggio and Giacinto (NDSS 2016) multiply, feature by feature, how often attackers show it with how
seldom the owner does. Places are smoothed along a path from country to address: what is known of a prefix speaks for a new
address in it. The sum is in hundredths of a ban, so 100 more is ten times as likely.
"""

from enum import IntEnum, StrEnum
from math import log10
from typing import Protocol

from attrs import field, frozen

from acctsec._values import Value
from acctsec.checks import whole
from acctsec.errors import ConfigError

LIMIT = 2**40


class Level(StrEnum):
    """How wide a place is."""

    COUNTRY = "country"
    ASN = "asn"
    PREFIX = "prefix"
    ADDRESS = "address"


class Seen(Value, frozen=True):
    """How often a place was seen: in the owner's sign-ins, in those of everybody, in attacks."""

    own: int = 0
    everybody: int = 0
    attacks: int = 0


class Place(Value, frozen=True):
    """One step of the path to an address: how often it was seen, and how often the one it lies *within*."""

    level: Level
    seen: Seen
    within: Seen


class Facts(Value, frozen=True):
    """
    All that is told of one sign-in. It holds counts and no names, so it may be kept beside a decision.

    *places* go from wide to narrow; levels that nobody can tell are left out. *sign_ins* of the owner are remembered, *known* of
    them on a known device, and *hours* of them by the hour of the day (UTC).
    """

    places: tuple[Place, ...]
    sign_ins: int
    known: int
    hours: tuple[int, ...]
    hour: int
    known_device: bool


class Extra(IntEnum):
    """What a sign-in has to show besides, in rising order."""

    NONE = 0
    CHALLENGE = 1
    FACTOR = 2


class Contribution(Value, frozen=True):
    """What one feature adds, in hundredths of a ban: above 0 it speaks for an attacker, below for the owner."""

    feature: str
    amount: int


class Assessment(Value, frozen=True):
    """The sum, its parts, and what they ask for."""

    score: int
    contributions: tuple[Contribution, ...]
    extra: Extra

    def beside(self, required: Extra) -> Extra:
        """What is asked for when *required* was due anyway: never less."""
        return max(required, self.extra)


class RiskPolicy(Protocol):
    """Judges a sign-in whose password was right. Must be deterministic; what it asks for is added to what is due anyway."""

    def assess(self, facts: Facts) -> Assessment: ...


@frozen(kw_only=True)
class LikelihoodRatio:
    """
    The usual ``RiskPolicy``. It is off unless you hand it in.

    Args:
        challenge: the score at which a challenge is asked for. Default 130: twenty times as likely an attacker. Ours; measure
            how many of your sign-ins reach it, and choose it by how many people you want to ask.
        factor: the score at which a second factor is. Default 260, its square; above *challenge*.
        warm_up: before so many sign-ins of the owner nothing is asked for. Default 3: with that few all is new (Wiefling et al.,
            TOPS 2022, find the model of use after a few).
        prior: how many sign-ins the habits of everybody weigh beside the owner's own. Default 1 (Laplace).
        stolen: in how many attacks one comes with a device that the account knows, as one in so many. Default 1,000, ours.
        most: no feature adds or takes more. Default 300, so none alone outweighs two others.

    Three choices make it hard to please:

    * That no attack was seen somewhere is no excuse: a place counts for an attacker as much as for everybody at least. Or who
      takes a fresh address would look the better for it.
    * An attacker chooses his hour, so he is at each equally; the owner's hours are smoothed over their neighbours.
    * The owner's habit in a wide place speaks for a narrow one once, at the step where they part. What is new below what is new
      adds nothing more.

    Raises ConfigError for numbers that contradict.
    """

    challenge: int = field(default=130, validator=whole(1, 10_000))
    factor: int = field(default=260, validator=whole(1, 10_000))
    warm_up: int = field(default=3, validator=whole(0, 100))
    prior: int = field(default=1, validator=whole(1, 100))
    stolen: int = field(default=1_000, validator=whole(2, 1_000_000))
    most: int = field(default=300, validator=whole(50, 1_000))

    def __attrs_post_init__(self) -> None:
        if self.factor <= self.challenge:
            raise ConfigError("The factor is asked for no later than the challenge.", remedy="Let factor be above challenge.")

    def assess(self, facts: Facts) -> Assessment:
        """
        The score of one sign-in, with what each feature added. Raises ConfigError for counts that cannot be.

        Each part is rounded to a hundredth of a ban, and the score is their sum: the same on every machine.
        """
        _check(facts)
        found = [Contribution(place.level, self._rounded(*self._place(place))) for place in facts.places]
        found.append(Contribution("device", self._rounded(*self._device(facts))))
        found.append(Contribution("hour", self._rounded(*self._hour(facts))))
        score = sum(part.amount for part in found)
        extra = Extra.NONE
        if facts.sign_ins >= self.warm_up and score >= self.challenge:
            extra = Extra.FACTOR if score >= self.factor else Extra.CHALLENGE
        return Assessment(score, tuple(found), extra)

    def _place(self, place: Place) -> tuple[float, float]:
        """How likely a place is within the wider one, for an attacker and for the owner."""
        usual = (place.seen.everybody + 0.5) / (place.within.everybody + 1)
        attacker = self._smoothed(place.seen.attacks, place.within.attacks, usual)
        return max(attacker, usual), self._smoothed(place.seen.own, place.within.own, usual)

    def _device(self, facts: Facts) -> tuple[float, float]:
        known = self._smoothed(facts.known, facts.sign_ins, 0.5)
        stolen = 1 / self.stolen
        return (stolen, known) if facts.known_device else (1 - stolen, 1 - known)

    def _hour(self, facts: Facts) -> tuple[float, float]:
        before, same, after = (facts.hours[(facts.hour + step) % 24] for step in (-1, 0, 1))
        near = (before + 2 * same + after) / 4
        return 1 / 24, self._smoothed(near, sum(facts.hours), 1 / 24)

    def _smoothed(self, part: float, whole: int, usual: float) -> float:
        """A share of what was seen, with *prior* more of what is usual (a Dirichlet prior: MacKay and Peto 1995)."""
        return (part + self.prior * usual) / (whole + self.prior)

    def _rounded(self, attacker: float, owner: float) -> int:
        return max(-self.most, min(self.most, round(100 * log10(attacker / owner))))


def _check(facts: Facts) -> None:
    """Counts come from stores and sketches; what cannot be would be a score without a meaning."""
    counts = [facts.sign_ins, facts.known, *facts.hours]
    for place in facts.places:
        for part, among in (
            (place.seen.own, place.within.own),
            (place.seen.everybody, place.within.everybody),
            (place.seen.attacks, place.within.attacks),
        ):
            counts += (part, among)
            if part > among:
                raise ConfigError(f"More was seen of a {place.level} than of what it lies in.", remedy="Count both together.")
    if any(type(count) is not int or not 0 <= count <= LIMIT for count in counts) or facts.known > facts.sign_ins:
        raise ConfigError("A count of the facts cannot be.", remedy="Take them from History and Traffic.")
    if len(facts.hours) != 24 or type(facts.hour) is not int or not 0 <= facts.hour < 24:
        raise ConfigError("The hours of the facts are not those of a day.", remedy="Give 24 counts and an hour from 0 to 23.")
