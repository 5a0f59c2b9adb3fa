"""What a hit count leaves to strangers at one account: walked over its own meter."""

from collections.abc import Sequence
from datetime import timedelta

from acctsec._values import evolve
from acctsec.budgets import micros
from acctsec.explained.walk import ACCOUNT, START
from acctsec.explained.world import World
from acctsec.lockout import STRANGERS, LockoutPolicy
from acctsec.lockout.hits import METER, UNITS, HitCount, spent
from acctsec.meters import FRESH, SECOND, admit, conclude, wake
from acctsec.protocols import Settle, Settlement


def probable(policy: LockoutPolicy, lengths: Sequence[timedelta], guesses: Sequence[int]) -> tuple[float, ...] | None:
    """
    The probability, added up, of all that strangers compare within each of *lengths* where the hit count holds; None without one.

    At most, by the likelihood's own measure: the whole mass whenever there is room for it, and for each of *guesses* the half
    unit below which nothing is weighed.
    """
    hits = policy.hits
    if hits is None:
        return None
    instants = _whole_masses(policy, hits, micros(max(lengths)))
    masses = [sum(instant < micros(length) for instant in instants) for length in lengths]
    unit = hits.mass / UNITS
    return tuple(min(hits.mass * count + number * unit / 2, 1.0) for count, number in zip(masses, guesses, strict=True))


def _whole_masses(policy: LockoutPolicy, hits: HitCount, until: int) -> list[int]:
    """When one guess that weighs everything is compared, by who makes it as soon as it fits."""
    world, meter, now, instants = World(policy), FRESH, START, list[int]()
    while now < START + until:
        attempt = evolve(world.attempt(b"source %d" % world.made, ACCOUNT, STRANGERS), weight=UNITS)
        charge = next(charge for charge in policy.charges(attempt) if charge.meter == METER)
        meter, reading = admit(wake(meter, charge.ladder, now), charge, now)
        late = spent(reading)
        meter = conclude(
            meter, Settlement(charge.slot, METER, charge.ladder, charge.hold, Settle.VOID if late else Settle.FAILED)
        )
        if late:
            now = meter.failures[0][0] * SECOND + micros(hits.window)
        else:
            instants.append(now - START)
    return instants
