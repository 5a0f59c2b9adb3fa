"""
Posture: what follows from a signal, and for how long.

A posture rises at once, as far as its signal reaches. It falls a step at a time, only after the signal was below a lower
threshold for some time, so that nobody can make it flutter, and nobody lowers it by holding still for a moment.
"""

from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from attrs import field, frozen
from attrs.validators import optional

from acctsec._values import Value
from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.attacks.signals import Detector, Scope, Signal
from acctsec.budgets import micros
from acctsec.checks import Validator, kind, length, whole
from acctsec.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Posture(IntEnum):
    """How an attempt is met. A higher one asks all that a lower one does, so the highest of several holds."""

    NORMAL = 0
    CHALLENGE = 1
    TIGHTEN = 2


class Measure(StrEnum):
    """What a posture asks for: a challenge before a guess, narrower budgets, a word to whoever runs the platform."""

    CHALLENGE = "challenge"
    TIGHTEN = "tighten"
    NOTIFY = "notify"


FOLLOWS: dict[Posture, frozenset[Measure]] = {
    Posture.NORMAL: frozenset(),
    Posture.CHALLENGE: frozenset([Measure.CHALLENGE]),
    Posture.TIGHTEN: frozenset(Measure),
}
"""What follows from each posture."""


@frozen(kw_only=True)
class Band:
    """A posture is taken at *at* and may be left below *below*, which is lower. Raises ConfigError if it is not."""

    at: int = field(validator=whole(2, 1_000_000_000))
    below: int = field(validator=whole(1, 1_000_000_000))

    def __attrs_post_init__(self) -> None:
        if self.below >= self.at:
            message = f"The band is left below {self.below} and taken at {self.at}: the posture would flutter."
            raise ConfigError(message, remedy="Let below be less than at; half of it is usual.")


@frozen(kw_only=True)
class Bands:
    """
    The thresholds of one detector, in what it counts.

    *challenge* and *tighten* are the bands of the two postures; without the second it never tightens. A posture is left when its
    signal was below its band for *hold*. Raises ConfigError when tightening comes before the challenge.
    """

    challenge: Band = field(validator=kind(Band))
    tighten: Band | None = field(default=None, validator=optional(kind(Band)))
    hold: timedelta = field(default=timedelta(minutes=30), validator=length(timedelta(minutes=1), timedelta(days=30)))

    def __attrs_post_init__(self) -> None:
        more = self.tighten
        if more is not None and (more.at <= self.challenge.at or more.below < self.challenge.below):
            message = "The posture would tighten before it challenges."
            raise ConfigError(message, remedy="Let both thresholds of tighten be above those of challenge.")

    def reached(self, level: int) -> Posture:
        """How far a signal reaches."""
        if self.tighten is not None and level >= self.tighten.at:
            return Posture.TIGHTEN
        return Posture.CHALLENGE if level >= self.challenge.at else Posture.NORMAL

    def below(self, posture: Posture) -> int:
        """Under which level a posture may be left; one that this policy does not have, at once."""
        if posture is Posture.TIGHTEN:
            return self.tighten.below if self.tighten is not None else self.challenge.at
        return self.challenge.below if posture is Posture.CHALLENGE else 0


_BANDS: Validator = optional(kind(Bands))


class Stance(Value, frozen=True):
    """What is remembered of one place: its posture, and the last instant (microseconds) at which its signal held it up."""

    posture: Posture = Posture.NORMAL
    held: int = 0


CALM = Stance()


@frozen(kw_only=True)
class PostureChanged:
    """
    The posture of one place rose or fell. *name* is the network or the tenant, and of a password an opaque one.

    *level* is the signal that did it, in what its *detector* counts. No account is named, and nothing of a request.
    """

    detector: Detector
    scope: Scope
    name: str
    before: Posture
    after: Posture
    level: int
    at: datetime

    @property
    def raised(self) -> bool:
        """Whether it rose."""
        return self.after > self.before


@frozen(kw_only=True)
class PosturePolicy:
    """
    What each detector's signal leads to. The networks' figures are StopGuessing's or derived from it; the others are ours.

    Args:
        address: points of an address or /64. Default: a challenge at 50 and tightening at 5,000, above which StopGuessing blocks
            a guess at an account with a common and with an uncommon password; each is left at half of it.
        prefix: points of a /24, /56 or /48. Default: a challenge at 500, tightening at 10,000; a prefix has many people in it.
        asn: points of a whole network. Default: none, for nobody knows whether a network has a thousand users or a million.
        spray: accounts that were tried with one password. Default: a challenge at 30, tightening at 300: below 30 people may
            well have the same wrong one in mind.
        crowd: accounts that were tried from one prefix. Default: the same two, for a school's network is one prefix.
        surge: evidence for a rise of a tenant's failures, in hundredths of a ban. Default: a challenge at 900, which is what the
            ``SurgePolicy`` calls an alarm; tightening at 3,000.

    Every posture only asks for more; none lets anybody in, and none keeps out who has proven himself. None stands for a detector
    whose signals lead to nothing.
    """

    address: Bands | None = field(
        default=Bands(challenge=Band(at=50, below=25), tighten=Band(at=5_000, below=2_500)), validator=_BANDS
    )
    prefix: Bands | None = field(
        default=Bands(challenge=Band(at=500, below=250), tighten=Band(at=10_000, below=5_000)), validator=_BANDS
    )
    asn: Bands | None = field(default=None, validator=_BANDS)
    spray: Bands | None = field(default=Bands(challenge=Band(at=30, below=15), tighten=Band(at=300, below=150)), validator=_BANDS)
    crowd: Bands | None = field(default=Bands(challenge=Band(at=30, below=15), tighten=Band(at=300, below=150)), validator=_BANDS)
    surge: Bands | None = field(
        default=Bands(challenge=Band(at=900, below=300), tighten=Band(at=3_000, below=900)), validator=_BANDS
    )

    def bands(self, detector: Detector) -> Bands | None:
        """The thresholds of one detector."""
        return {
            Detector.ADDRESS: self.address,
            Detector.PREFIX: self.prefix,
            Detector.ASN: self.asn,
            Detector.SPRAY: self.spray,
            Detector.CROWD: self.crowd,
            Detector.SURGE: self.surge,
        }[detector]

    def step(self, stance: Stance, signal: Signal, *, now: int) -> tuple[Stance, tuple[PostureChanged, ...]]:
        """
        What a signal makes of a stance. Pure; *now* is in microseconds.

        Ask again when a posture is looked up, with the signal as it is then: that is what lowers it. A stance that fell
        silent for long comes down all the way.
        """
        bands = self.bands(signal.detector)
        if bands is None:
            after = CALM
        elif (reached := bands.reached(signal.level)) >= stance.posture and reached:
            after = Stance(reached, _later(stance.held, now))
        else:
            after = _lowered(stance, bands, signal.level, now)
        if after.posture is stance.posture:
            return after, ()
        told = PostureChanged(
            detector=signal.detector,
            scope=signal.detector.scope,
            name=signal.name,
            before=stance.posture,
            after=after.posture,
            level=signal.level,
            at=EPOCH + timedelta(microseconds=now),
        )
        return after, (told,)


def _lowered(stance: Stance, bands: Bands, level: int, now: int) -> Stance:
    """Down a step for each *hold* that has passed since the signal was last high enough."""
    hold, posture = micros(bands.hold), stance.posture
    held = now if stance.held - now > BROKEN_CLOCK else stance.held
    while posture and level < bands.below(posture) and now - held >= hold:
        posture, held = Posture(posture - 1), held + hold
    if posture and level >= bands.below(posture):
        held = _later(held, now)
    return Stance(posture, held) if posture else CALM


def _later(held: int, now: int) -> int:
    """The later of two instants: a clock that is behind shortens no hold, and one that was days ahead prolongs none."""
    return now if held - now > BROKEN_CLOCK else max(held, now)


def highest(*stances: Stance) -> Posture:
    """What holds where several places meet: the address, the prefix, the password and the tenant of one attempt."""
    return max((stance.posture for stance in stances), default=Posture.NORMAL)
