"""
What the stores have in common: the bytes of a meter row, the grouping of a call by slot, and the age of a store.

A row is one format byte and a MessagePack map from meter name to meter. It is opened without looking into the meters;
each is decoded when it is asked for, so a charge on one meter of a crowded row costs no more than on a lonely one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import MsgspecError, Raw
from msgspec.msgpack import Decoder, Encoder

from acctsec.errors import StoreError
from acctsec.meters import Meter, keep_for
from acctsec.protocols import Charge, Drained, Granted, Letters, Page, Reading, Settlement, Untouched

FORMAT = b"\x01"
UNTOUCHED = Untouched()
TICK = 60_000_000  # how stale a store's age may be; every expiry is put that much later
LEAP = 3_600_000_000  # how much the age may grow between two looks at the clock

_encode = Encoder().encode
_open = Decoder(dict[bytes, Raw]).decode
_meter = Decoder(Meter).decode

Asked = TypeVar("Asked", Charge, Settlement)


class Row(Mapping[bytes, Meter]):
    """The meters of one slot by name, decoded as they are looked at."""

    __slots__ = ("_packed",)

    def __init__(self, packed: dict[bytes, Raw]) -> None:
        self._packed = packed

    def __getitem__(self, name: bytes) -> Meter:
        try:
            return _meter(self._packed[name])
        except MsgspecError as error:
            raise _damaged() from error

    def get(self, name: bytes, default: Any = None) -> Any:
        """The meter, without the exception that makes Mapping's own method slow."""
        return self[name] if name in self._packed else default

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, name: object) -> bool:
        return name in self._packed

    def with_changes(self, changed: Mapping[bytes, Meter | None]) -> bytes:
        """The bytes of this row after *changed* (None: dropped)."""
        kept = {**self._packed, **changed}
        if None in changed.values():
            kept = {name: meter for name, meter in kept.items() if meter is not None}
        return FORMAT + _encode(kept)


def read_row(stored: bytes | None) -> Row:
    """Open the bytes of a row; None is a row that was never written."""
    if stored is None:
        return Row({})
    if not stored.startswith(FORMAT):
        raise StoreError(
            "A meter row has a format this release does not know.",
            remedy="Run the release that wrote it, or a newer one.",
        )
    try:
        return Row(_open(stored[1:]))
    except MsgspecError as error:
        raise _damaged() from error


def _damaged() -> StoreError:
    return StoreError("A meter row is damaged.", remedy="Restore the store from a backup; until then nothing is admitted.")


def page(keys: Sequence[bytes], limit: int) -> Page:
    """At most *limit* keys in their order, and where those after them begin: at the least key that is greater than the last."""
    return Page(tuple(keys), keys[-1] + b"\0" if len(keys) >= max(limit, 1) else None)


def letters(found: Sequence[Drained], after: bytes, limit: int) -> Letters:
    """
    At most *limit* dead letters from the id *after* on, and where those behind them begin.

    *found* are in order: all of them, or two more than *limit*, since the first may be before *after*.
    """
    kept = [one for one in found if one.id >= after]
    told = tuple(kept[: max(limit, 1)])
    return Letters(told, told[-1].id + b"\0" if len(kept) > len(told) else None)


def by_slot(asked: Sequence[Asked]) -> dict[bytes, list[Asked]]:
    """What is asked of each slot, in the order given."""
    slots: dict[bytes, list[Asked]] = {}
    for one in asked:
        if one.slot in slots:
            slots[one.slot].append(one)
        else:
            slots[one.slot] = [one]
    return slots


def in_turn(charges: Sequence[Charge], charge: Callable[[bytes, Sequence[Charge]], list[Reading]]) -> tuple[Reading, ...]:
    """Charge slot after slot until one refuses, and answer in the order of *charges*."""
    if len(charges) == 1:
        return tuple(charge(charges[0].slot, charges))
    slots = by_slot(charges)
    if len(slots) == 1:
        return tuple(charge(charges[0].slot, charges))
    readings: dict[bytes, list[Reading]] = {}
    refused = False
    for slot, asked in slots.items():
        if refused:
            readings[slot] = [UNTOUCHED] * len(asked)
            continue
        readings[slot] = answers = charge(slot, asked)
        for reading in answers:
            if type(reading) is not Granted:
                refused = True
    return tuple([readings[charge.slot].pop(0) for charge in charges])


def expiry(charges: Sequence[Charge], age: int) -> int:
    """The age of the store at which a row that is left alone from now on may be collected."""
    longest = 0
    for charge in charges:
        keep = keep_for(charge.ladder)
        longest = max(longest, keep)
    return age + TICK + longest


def is_due(seen: int, now: int) -> bool:
    """Whether the age of a store has to be brought up to date."""
    return not -LEAP <= now - seen < TICK


def grown(age: int, seen: int, now: int) -> tuple[int, int]:
    """
    The age of a store at *now* that was *age* at *seen*, and the instant to count from next time.

    Age is what passed between looks at the clock, never what the clock says: one that leaps by a year ages a store by an
    hour, so no lock is collected because of it. It has to be one clock: on two that are apart, looked at in turn, age would
    grow by the difference each time. The processes that share a file or a memory have one; a server is asked for its own.
    """
    if now > seen:
        return age + min(now - seen, LEAP), now
    return age, seen if seen - now <= LEAP else now
