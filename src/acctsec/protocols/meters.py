"""Meters: what is charged to them, how they answer, and what became of a reservation."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from acctsec._values import Value

# Instants and lengths inside meters are integer microseconds, so that every store computes the same on them.


class Ladder(Value, frozen=True):
    """
    How a meter answers as failures add up.

    The first *free* failures cost nothing. From then on each failure makes the meter rest: *first*, doubled by each
    further one, never above *longest*. At *stop* failures nothing is admitted. With a *window*, failures are forgotten
    once they are older than it, and a stop lasts until then; without one (0) they stay until a success clears them.
    A reservation that nobody settled within *lease* is a failure.
    """

    free: int
    first: int
    longest: int
    stop: int
    window: int
    lease: int


class Charge(Value, frozen=True):
    """
    A wish to compare one *candidate* against a secret, put to one meter.

    *slot* names the row and is the unit of atomicity; *meter* names the meter within it, and one in ``!`` is never evicted.
    *candidate* is a truncated keyed digest: equal candidates share one unit. Without one the unit is spent at once and for
    good. *at_least* is a count known from elsewhere: a meter that begins with this charge was lost, and goes on from there.
    *floor* is one that was made sure of just now: it raises a meter that lives, but for the free ones.

    *weight* is how many units it takes, 1 or more: a failure counts that much, and everything a meter counts is units. Above 1
    it is meant for ladders whose free units are all they have. One that weighs more than the whole ladder reads Stopped.
    """

    slot: bytes
    meter: bytes
    ladder: Ladder
    candidate: int | None
    hold: bytes
    at_least: int = 0
    floor: int = 0
    weight: int = 1


class Granted(Value, frozen=True):
    """
    There was room. *hold* is what to settle: None when there is nothing to settle (a repeat, or a unit spent at once).

    *ordinal* counts the units of failures and reservations so far, this one's included; *new* says that this charge added to it.
    """

    hold: bytes | None
    ordinal: int
    new: bool


class Resting(Value, frozen=True):
    """Not before *until*; *count* units of failures brought this about."""

    until: int
    count: int


class Filled(Value, frozen=True):
    """All room is held by candidates that are being compared right now; ask again shortly."""


class Stopped(Value, frozen=True):
    """
    The end of the ladder: only a success elsewhere, a recovery or an administrator opens it again. *count* units of failures
    brought this about; or fewer, where a charge weighs more than will ever be free.
    """

    count: int


class Untouched(Value, frozen=True):
    """A slot that came before refused, so this one was not looked at: a refused caller reserves nothing of others."""


Reading = Granted | Resting | Filled | Stopped | Untouched


class Settle(StrEnum):
    """What became of a reservation."""

    FAILED = "failed"  # the comparison said no: one failure, the candidate is remembered
    VOID = "void"  # nothing was compared: the unit goes back
    PARK = "park"  # it was right and more is to prove: the unit goes back, and a later CLEAR of the same hold still works
    CLEAR = "clear"  # full success: the unit goes back, and so does every failure charged before it
    FORGIVE = "forgive"  # it was a slip of the owner: one unit of a candidate that is remembered as wrong goes back


class Settlement(Value, frozen=True):
    """
    What became of the reservation *hold* of one meter. Settling an unknown hold changes nothing, nor does settling twice; but
    where several share a hold, each VOID gives one share back.

    FORGIVE names no hold but a *candidate*, and forgets it. One that is not remembered changes nothing, so it is forgiven once.
    """

    slot: bytes
    meter: bytes
    ladder: Ladder
    hold: bytes
    verdict: Settle
    candidate: int | None = None


class Tally(Value, frozen=True):
    """
    What a meter holds, for people: units of failures, of reservations under way, and until when it rests (0: it does not).

    *seen* are the candidates it remembers as wrong, as they were charged, in the order in which they failed.
    """

    count: int
    pending: int
    ready: int
    seen: tuple[int, ...] = ()


class AsyncMeterStore(Protocol):
    """Keeps the counters that many requests hit at once. Admission is decided in the store, by ``acctsec.meters``."""

    async def charge(self, charges: Sequence[Charge], now: int) -> Sequence[Reading]:
        """
        Answer each charge, in order. All charges of one slot are reserved, or none is.

        Slots are taken in the order in which they come first. Once one refuses, those after it read Untouched: whoever has
        used up his own room must not hold up anybody else's. A charge that would have been granted but for another of its
        slot still reads Granted, with nothing to settle.

        Raises StoreUnavailable when the store does not answer: ``LockoutPolicy.on_outage`` says what follows. A store that
        tries again by itself never charges twice: with a candidate the same hold reserves once, without one it must not.
        """

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement. Raises StoreUnavailable when it may not have come to that; the reservation then lapses."""

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Sequence[Tally]:
        """Read meters by (slot, meter, ladder) without changing them."""


class MeterStore(Protocol):
    """The blocking form of AsyncMeterStore."""

    def charge(self, charges: Sequence[Charge], now: int) -> Sequence[Reading]: ...

    def settle(self, settlements: Sequence[Settlement], now: int) -> None: ...

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Sequence[Tally]: ...
