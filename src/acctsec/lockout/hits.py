"""
The hit count: a budget in guessed probability beside the one in guesses, after DALock (Blocki and Zhang, PoPETs 2022).

Who guesses what many people choose uses it up with a few guesses, who mistypes a rare password never touches it. What a guess
weighs depends on the guess alone, and is charged for every account and for none: only whether it is compared differs.
"""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from attrs import field, frozen

from acctsec._values import evolve
from acctsec.budgets import micros
from acctsec.checks import length
from acctsec.errors import ConfigError
from acctsec.protocols import Charge, Granted, Ladder, Likelihood, Reading
from acctsec.record import Verifier

UNITS = 1024
"""The mass in the units of its meter. What weighs less than half of one weighs nothing: the strikes bound how often."""

PART = UNITS // 8
"""So many units: how heavy an owner's own password may be, and how often the record hears of what is used up."""

NAME = "password/hits"
METER = b"!" + NAME.encode()
BOUNDLESS = 10**9  # the meter never refuses: whether a guess is within the mass is read off its ordinal


def _mass(_: object, __: object, value: object) -> None:
    if type(value) not in {int, float} or not 2**-30 <= value <= 2**-6:  # type: ignore[operator]
        raise ConfigError(f"mass is {value!r}.", remedy="Give a probability from 2**-30 to 2**-6, such as 2**-12.")


def _likelihood(_: object, __: object, value: Likelihood | None) -> None:
    if value is not None and not callable(value):
        message = f"likelihood is {type(value).__name__} and cannot be called."
        raise ConfigError(message, remedy="Give a callable (password) -> float from 0 to 1, or leave it out.")


@frozen(kw_only=True)
class HitCount:
    """
    Strangers may try passwords at one account that together so many people have, and no more.

    It holds for an account whose own password was found to weigh at most an eighth of *mass*, when it was set or proven right.
    Every other one keeps the budgets in guesses alone: its owner could never be admitted himself. Known devices and networks
    are exempt.

    Args:
        mass: the probabilities of all passwords that strangers may have compared at one account within *window*, added up.
            Default 2**-12, 0.024 %: past a list of 20,000 passwords the best 100 guesses then take 0.027 % instead of 0.085 % of
            those in RockYou for whom it holds, if the likelihood is right (decision 0034).
        window: when it refills: by time alone, whoever signs in meanwhile. Default 30 days, as `LockoutPolicy.month`.
        likelihood: the share of accounts that have a password, from 0 to 1. Must be deterministic, thread-safe and bounded, a
            millisecond at most, and must know nothing of any one account. Default: not set, which asks
            `acctsec.password.likelihood` with the policy's own estimator. One that knows what is popular at this very service
            bounds more (decision 0034).

    Raises ConfigError for values out of range.
    """

    mass: float = field(default=2**-12, validator=_mass)
    window: timedelta = field(default=timedelta(days=30), validator=length(timedelta(hours=1)))
    likelihood: Likelihood | None = field(
        default=None,
        validator=_likelihood,
        repr=lambda given: str(getattr(given, "__qualname__", given and type(given).__qualname__)),
    )

    @property
    def heaviest(self) -> float:
        """How likely the password of an account may be for which this holds."""
        return self.mass * PART / UNITS

    def weight(self, likelihood: float) -> int:
        """The units a guess takes, rounded up; 0 below half a unit. More than `UNITS` never fits."""
        units = likelihood / self.mass * UNITS
        return 0 if units < 0.5 else min(ceil(units), UNITS + 1)

    def bound(self, likelihood: float) -> float:
        """What the record may remember of a password: that it is light enough, or nothing (1). How likely it is stays untold."""
        return self.heaviest if likelihood <= self.heaviest else 1.0

    def holds_for(self, verifier: Verifier | None) -> bool:
        """Whether a password was found to be light enough. Where there is none it makes no difference, so it does."""
        return verifier is None or verifier.likeliest <= self.heaviest

    def charge(self, like: Charge, *, weight: int, candidate: int, lease: timedelta, at_least: int) -> tuple[Charge, ...]:
        """What a guess is charged, in the row and under the hold of another charge; nothing where it can never matter."""
        if not 0 < weight <= UNITS:
            return ()
        ladder = Ladder(BOUNDLESS, 0, 0, BOUNDLESS, micros(self.window), micros(lease))
        return (evolve(like, meter=METER, ladder=ladder, candidate=candidate, weight=weight, at_least=at_least),)


def spent(reading: Reading) -> bool:
    """Whether the mass was used up before this guess, which was charged all the same and has to be given back."""
    return isinstance(reading, Granted) and reading.ordinal > UNITS


def exceeds(weight: int, charges: Sequence[Charge], readings: Sequence[Reading]) -> bool:
    """
    Whether a guess would bring what was compared above the mass. One that was never charged, though it weighs something, does.

    Ordinals are dealt by the store and count what is under way: of guesses that ran side by side all those are within the mass
    whose sum is.
    """
    own = [reading for charge, reading in zip(charges, readings, strict=True) if charge.meter == METER]
    return weight > 0 and (not own or any(map(spent, own)))


def reached(charge: Charge, reading: Granted) -> bool:
    """Whether the record has to hear of a charge: one more eighth of the mass is used up."""
    past = reading.ordinal - charge.weight if reading.new else reading.ordinal
    return reading.ordinal <= UNITS and reading.ordinal // PART > past // PART
