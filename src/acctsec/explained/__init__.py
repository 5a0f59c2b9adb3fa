"""What a lockout policy means for an attacker and for the owner: every figure walked over the real meters."""

from collections.abc import Callable
from datetime import timedelta

from attrs import field, frozen

from acctsec.budgets import micros
from acctsec.errors import ConfigError
from acctsec.explained import said
from acctsec.explained.likely import ROCKYOU, Guessability, Likely, read
from acctsec.explained.loss import Lost, lost
from acctsec.explained.probable import probable
from acctsec.explained.walk import PACES, Attacker, Walk, walk
from acctsec.lockout import LockoutPolicy

__all__ = ["HORIZONS", "ROCKYOU", "Attacker", "Course", "Explained", "Guessability", "Likely", "Lost", "explain"]

HORIZONS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=30), timedelta(days=365))
"""A minute, an hour, a day, 30 days, a year: `Course.guesses` and `Course.lost` have a figure for each."""
MOST_SOURCES = 1_000_000


@frozen(kw_only=True)
class Course:
    """
    How far one attacker comes.

    *guesses* are the wrong passwords compared within each of `HORIZONS`. *lost* is what falls by then: the chance that the one
    account does, or, for who tries many accounts, the number of accounts expected. *rests_from*, *stops_at* and *full_at* are
    when the account's lane first rests, when it stops, and when the month is used up; None where that does not happen within
    a year. *known_device*, *known_network* (empty where the policy remembers none) and *elsewhere* say what the owner meets
    meanwhile, *way_out* what helps him.
    """

    attacker: Attacker
    guesses: tuple[int, ...]
    lost: tuple[float, ...]
    rests_from: timedelta | None
    stops_at: timedelta | None
    full_at: timedelta | None
    known_device: str
    known_network: str
    elsewhere: str
    way_out: str
    walks: tuple[Walk, ...] = field(repr=False, eq=False)

    def within(self, length: timedelta) -> int:
        """How many guesses are compared before so much time has passed since the first one, for up to a year."""
        return max(one.before(micros(length)) for one in self.walks)


@frozen(kw_only=True)
class Explained:
    """
    What a lockout policy allows to each kind of attacker, and what it does to the owner. ``print`` it, or draw it with `svg`.

    *botnet* and *returning* have *sources* addresses; *returning* is the worst that can be: the owner signs in from a place
    that nobody knows as often as an attacker could wish, which clears the strangers' lane and not the month. *known_network* is
    None where the policy remembers none. *losing_meters* is what a loss of all meters admits beyond that. *likely* says where
    the figures of lost accounts come from. *probable* is what strangers compare together at one account within each of
    `HORIZONS`, in probability by the likelihood's own measure, where the hit count holds for it; None without one.
    """

    policy: LockoutPolicy = field(repr=False)
    sources: int
    likely: str
    one_source: Course
    botnet: Course
    returning: Course
    known_device: Course
    spraying: Course
    known_network: Course | None
    losing_meters: Lost
    probable: tuple[float, ...] | None = None

    @property
    def courses(self) -> tuple[Course, ...]:
        """All five, or six with known networks."""
        inside = () if self.known_network is None else (self.known_network,)
        return (self.one_source, self.botnet, self.returning, self.known_device, *inside, self.spraying)

    def __str__(self) -> str:
        return said.said(self)

    def svg(self) -> str:
        """The guesses allowed against time, as an SVG picture of its own: same explanation, same bytes."""
        from acctsec.explained.picture import picture

        return picture(self)


def explain(policy: LockoutPolicy, *, sources: int, likely: Likely) -> Explained:
    """What `LockoutPolicy.explain` answers."""
    if type(sources) is not int or not 1 <= sources <= MOST_SOURCES:
        raise ConfigError(f"sources is {sources!r}.", remedy=f"Give a whole number from 1 to {MOST_SOURCES:,}.")
    share, origin = read(likely)
    asked = [attacker for attacker in Attacker if policy.networks or attacker is not Attacker.NETWORK]
    courses = {attacker: _course(policy, attacker, sources, share) for attacker in asked}
    return Explained(
        policy=policy,
        sources=sources,
        likely=origin,
        one_source=courses[Attacker.SOURCE],
        botnet=courses[Attacker.BOTNET],
        returning=courses[Attacker.RETURNING],
        known_device=courses[Attacker.DEVICE],
        spraying=courses[Attacker.SPRAY],
        known_network=courses.get(Attacker.NETWORK),
        losing_meters=lost(policy),
        probable=probable(policy, HORIZONS, courses[Attacker.RETURNING].guesses),
    )


def _course(policy: LockoutPolicy, attacker: Attacker, sources: int, share: Callable[[int], float]) -> Course:
    year = micros(HORIZONS[-1])
    walks = tuple(walk(policy, attacker, sources=sources, until=year, spare=spare) for spare in PACES)
    eager = walks[0]
    guesses = tuple(max(one.before(micros(length)) for one in walks) for length in HORIZONS)
    # Who tries many accounts gives each its one best guess.
    fallen = tuple(count * share(1) if attacker is Attacker.SPRAY else share(count) for count in guesses)
    return Course(
        attacker=attacker,
        guesses=guesses,
        lost=fallen,
        rests_from=_span(eager.rests_from),
        stops_at=_span(eager.stops_at),
        full_at=_span(eager.full_at),
        known_device=said.near_a_known_device(attacker, policy, eager),
        known_network=said.in_a_known_network(attacker, policy, eager),
        elsewhere=said.elsewhere(attacker, policy, eager),
        way_out=said.way_out(attacker, eager),
        walks=walks,
    )


def _span(instant: int | None) -> timedelta | None:
    return None if instant is None else timedelta(microseconds=instant)
