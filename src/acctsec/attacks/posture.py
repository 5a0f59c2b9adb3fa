"""
Posture: what follows from a signal, and for how long.

A posture rises at once, as far as its signal reaches. It falls a step at a time, only after the signal was below a lower
threshold for some time, so that nobody can make it flutter, and nobody lowers it by holding still for a moment.
"""

from datetime import timedelta
from enum import IntEnum, StrEnum
from itertools import pairwise

from attrs import field, frozen
from attrs.validators import optional

from acctsec._values import Value
from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.attacks.signals import Detector, Signal
from acctsec.budgets import micros
from acctsec.checks import Validator, kind, length, whole
from acctsec.errors import ConfigError


class Posture(IntEnum):
    """How an attempt is met. A higher one asks all that a lower one does, so the highest of several holds."""

    NORMAL = 0
    NOTIFY = 1
    CHALLENGE = 2
    TIGHTEN = 3


class Measure(StrEnum):
    """What a posture asks for: a word to whoever runs the platform, a challenge before a guess, narrower budgets."""

    NOTIFY = "notify"
    CHALLENGE = "challenge"
    TIGHTEN = "tighten"


FOLLOWS: dict[Posture, frozenset[Measure]] = {
    Posture.NORMAL: frozenset(),
    Posture.NOTIFY: frozenset([Measure.NOTIFY]),
    Posture.CHALLENGE: frozenset([Measure.NOTIFY, Measure.CHALLENGE]),
    Posture.TIGHTEN: frozenset(Measure),
}
"""What follows from each posture. NOTIFY is an event and nothing that whoever signs in could see."""


@frozen(kw_only=True)
class Band:
    """A posture is taken at *at* and may be left below *below*, which is lower. Raises ConfigError if it is not."""

    at: int = field(validator=whole(2, 1_000_000_000))
    below: int = field(validator=whole(1, 1_000_000_000))

    def __attrs_post_init__(self) -> None:
        if self.below >= self.at:
            message = f"The band is left below {self.below} and taken at {self.at}: the posture would flutter."
            raise ConfigError(message, remedy="Let below be less than at; half of it is usual.")


_BAND: Validator = optional(kind(Band))


@frozen(kw_only=True)
class Bands:
    """
    The thresholds of one detector, in what it counts.

    *notify*, *challenge* and *tighten* are the bands of the postures; one that is None is never taken. A posture is left when its
    signal was below its band for *hold*. Raises ConfigError where there is none, or a milder posture comes after a harder one.
    """

    notify: Band | None = field(default=None, validator=_BAND)
    challenge: Band | None = field(default=None, validator=_BAND)
    tighten: Band | None = field(default=None, validator=_BAND)
    hold: timedelta = field(default=timedelta(minutes=30), validator=length(timedelta(minutes=1), timedelta(days=30)))

    def __attrs_post_init__(self) -> None:
        bands = self._bands
        if not bands:
            raise ConfigError("There is no threshold.", remedy="Give one, or None in the place of the Bands.")
        for (milder, less), (harder, more) in pairwise(bands):
            if more.at <= less.at or more.below < less.below:
                message = f"{harder.name} would come before {milder.name}, or last longer."
                raise ConfigError(message, remedy="Let both thresholds of a harder posture be above those of a milder one.")

    @property
    def _bands(self) -> tuple[tuple[Posture, Band], ...]:
        """What is taken, the mildest first."""
        named = ((Posture.NOTIFY, self.notify), (Posture.CHALLENGE, self.challenge), (Posture.TIGHTEN, self.tighten))
        return tuple([(posture, band) for posture, band in named if band is not None])

    @property
    def highest(self) -> int:
        """The threshold of the hardest posture."""
        return self._bands[-1][1].at

    def reached(self, level: int) -> Posture:
        """How far a signal reaches."""
        if self.tighten is not None and level >= self.tighten.at:
            return Posture.TIGHTEN
        if self.challenge is not None and level >= self.challenge.at:
            return Posture.CHALLENGE
        return Posture.NOTIFY if self.notify is not None and level >= self.notify.at else Posture.NORMAL

    def below(self, posture: Posture) -> int:
        """Under which level a posture may be left; 0 for one that these bands do not have."""
        return next((band.below for taken, band in self._bands if taken is posture), 0)

    def at_most(self, posture: Posture) -> Posture:
        """The hardest posture of these that is no harder."""
        return max((taken for taken, _ in self._bands if taken <= posture), default=Posture.NORMAL)


_BANDS: Validator = optional(kind(Bands))


class Stance(Value, frozen=True):
    """What is remembered of one place: its posture, and the last instant (microseconds) at which its signal held it up."""

    posture: Posture = Posture.NORMAL
    held: int = 0


CALM = Stance()


class Change(Value, frozen=True):
    """
    The posture of one place rose or fell at an instant (microseconds).

    *name* is the network or the tenant, and of a password an opaque one. *level* is the signal that did it, in what its
    *detector* counts. No account is named, and nothing of a request.
    """

    detector: Detector
    name: str
    before: Posture
    after: Posture
    level: int
    at: int

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
        spray: accounts that were tried with one password. Default: a challenge at 30: below it people may well have the same
            wrong one in mind. No tightening: of the commonest passwords there are hundreds a day without any attack.
        crowd: accounts that were tried from one prefix. Default: a challenge at 30. No tightening: behind a prefix of a carrier
            there are more people than that.
        unknown: points of an address for guesses at names that nobody has. Default: NOTIFY at 50, which are 25 such guesses. It
            takes nothing harder: what whoever guesses could see of it would tell him which names somebody has.
        surge: evidence for a rise of a tenant's failures, in hundredths of a ban. Default: a challenge at 900, which is what the
            ``SurgePolicy`` calls an alarm. It takes nothing harder: whoever floods a tenant would narrow everybody's budget.

    Every posture only asks for more; none lets anybody in, and none keeps out who has proven himself. None stands for a detector
    that does not look. Raises ConfigError where *unknown* or *surge* would take more than they may.
    """

    address: Bands | None = field(
        default=Bands(challenge=Band(at=50, below=25), tighten=Band(at=5_000, below=2_500)), validator=_BANDS
    )
    prefix: Bands | None = field(
        default=Bands(challenge=Band(at=500, below=250), tighten=Band(at=10_000, below=5_000)), validator=_BANDS
    )
    asn: Bands | None = field(default=None, validator=_BANDS)
    spray: Bands | None = field(default=Bands(challenge=Band(at=30, below=15)), validator=_BANDS)
    crowd: Bands | None = field(default=Bands(challenge=Band(at=30, below=15)), validator=_BANDS)
    unknown: Bands | None = field(default=Bands(notify=Band(at=50, below=25)), validator=_BANDS)
    surge: Bands | None = field(default=Bands(challenge=Band(at=900, below=300)), validator=_BANDS)

    def __attrs_post_init__(self) -> None:
        if self.unknown is not None and self.unknown.reached(self.unknown.highest) > Posture.NOTIFY:
            message = "unknown takes a posture that whoever guesses could see, and so learn which names somebody has."
            raise ConfigError(message, remedy="Give it notify alone.")
        if self.surge is not None and self.surge.tighten is not None:
            message = "surge tightens: whoever floods a tenant would narrow everybody's budget."
            raise ConfigError(message, remedy="Give it a challenge at most.")

    def bands(self, detector: Detector) -> Bands | None:
        """The thresholds of one detector."""
        found: Bands | None = getattr(self, _FIELDS[detector])
        return found

    def step(self, stance: Stance, signal: Signal, *, now: int) -> tuple[Stance, tuple[Change, ...]]:
        """
        What a signal makes of a stance. Pure; *now* is in microseconds.

        Ask again when a posture is looked up, with the signal as it is then: that is what lowers it. A stance that fell
        silent for long comes down all the way.
        """
        bands = self.bands(signal.detector)
        reached = Posture.NORMAL if bands is None else bands.reached(signal.level)
        if not reached and not stance.posture:
            return CALM, ()  # as nearly always
        if bands is None:
            after = CALM
        elif reached >= stance.posture:
            after = Stance(reached, _later(stance.held, now))
        else:
            after = _lowered(stance, bands, signal.level, now)
        if after.posture is stance.posture:
            return after, ()
        return after, (Change(signal.detector, signal.name, stance.posture, after.posture, signal.level, now),)


_FIELDS = {
    Detector.ADDRESS: "address",
    Detector.PREFIX: "prefix",
    Detector.ASN: "asn",
    Detector.UNKNOWN: "unknown",
    Detector.SPRAY: "spray",
    Detector.CROWD: "crowd",
    Detector.SURGE: "surge",
}


def _lowered(stance: Stance, bands: Bands, level: int, now: int) -> Stance:
    """Down a step for each *hold* that has passed since the signal was last high enough."""
    hold, posture = micros(bands.hold), bands.at_most(stance.posture)
    held = now if stance.held - now > BROKEN_CLOCK else stance.held
    while posture and level < bands.below(posture) and now - held >= hold:
        posture, held = bands.at_most(Posture(posture - 1)), held + hold
    if posture and level >= bands.below(posture):
        held = _later(held, now)
    return Stance(posture, held) if posture else CALM


def _later(held: int, now: int) -> int:
    """The later of two instants: a clock that is behind shortens no hold, and one that was days ahead prolongs none."""
    return now if held - now > BROKEN_CLOCK else max(held, now)


def highest(*stances: Stance) -> Posture:
    """What holds where several places meet: the address, the prefix, the password and the tenant of one attempt."""
    return max((stance.posture for stance in stances), default=Posture.NORMAL)
