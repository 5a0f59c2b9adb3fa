"""What a loss of all meters costs: walked over every moment at which it may come."""

from collections.abc import Iterator

from attrs import frozen

from acctsec.budgets import micros
from acctsec.explained.walk import DEVICE, MONTH, START
from acctsec.explained.world import PASSWORD, World
from acctsec.lockout import STRANGERS, Lane, LockoutPolicy, month_of
from acctsec.meters import FRESH, admit, conclude, wake
from acctsec.protocols import Granted, Resting, Settle, Settlement


@frozen(kw_only=True)
class Lost:
    """
    Guesses that each budget of an account admits beyond what it allows, where all meters are lost once, at the worst moment.

    For the month that is what it allows before it begins to forget.

    The record hears of a budget at every tenth failure and at its stop; what came after that is forgotten. The budgets of
    sources begin anew.
    """

    strangers: int
    device: int
    month: int


def lost(policy: LockoutPolicy) -> Lost:
    """What one loss costs each budget that the record remembers."""
    return Lost(
        strangers=_worst(policy, STRANGERS, policy.meter(PASSWORD, STRANGERS), STRANGERS.name(PASSWORD)),
        device=_worst(policy, DEVICE, policy.meter(PASSWORD, DEVICE), DEVICE.name(PASSWORD)),
        month=_worst(policy, STRANGERS, MONTH, month_of(PASSWORD)),
    )


def _worst(policy: LockoutPolicy, lane: Lane, meter: bytes, name: str) -> int:
    """The most that one budget admits past what it allows, over all moments of the loss."""
    words = list(_told(policy, lane, meter, name, 0))
    after = {word: sum(1 for _ in _told(policy, lane, meter, name, word)) for word in {0, *words}}
    return max(moment + after[word] for moment, word in enumerate([0, *words])) - len(words)


def _told(policy: LockoutPolicy, lane: Lane, name: bytes, record: str, known: int) -> Iterator[int]:
    """For each guess that a fresh meter admits, what the record knows of it then; it begins with *known*."""
    world, meter, now = World(policy), FRESH, START
    window = policy.month.window if name == MONTH else None
    while window is None or now < START + micros(window):
        attempt = world.attempt(b"source %d" % world.made, b"account", lane, known=known, month=known)
        charge = next(charge for charge in policy.charges(attempt) if charge.meter == name)
        meter, reading = admit(wake(meter, charge.ladder, now, charge.at_least), charge, now)
        if isinstance(reading, Granted):
            known = policy.due((charge,), (reading,), attempt.kind, lane).get(record, known)
            meter = conclude(meter, Settlement(charge.slot, name, charge.ladder, charge.hold, Settle.FAILED))
            yield known
        elif isinstance(reading, Resting) and reading.count < charge.ladder.stop:
            now = reading.until
        else:
            return
