"""Rows of meters as this process wrote them last: if nobody wrote them since, what becomes of them needs no reading."""

from collections import OrderedDict
from contextlib import suppress
from typing import TypeVar

Kept = TypeVar("Kept")

MOST = 4096  # rows of 100 to 300 bytes, kept from a charge to its settlement


class Written:
    """
    What was written, by slot, until it is asked for once; the oldest goes past 4,096.

    A row in which somebody else is at work is not worth guessing at: after one guess that failed it is read again, until a
    reading finds it as this process left it. Threads may race here: the worst that comes of it is a trip more.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[bytes, bytes] = OrderedDict()
        self._crowded: OrderedDict[bytes, None] = OrderedDict()

    def keep(self, slot: bytes, row: bytes) -> None:
        """Remember a row that was just written."""
        _put(self._rows, slot, row)

    def take(self, slot: bytes) -> bytes | None:
        """The row as it was written, once; None where that is not known."""
        return self._rows.pop(slot, None)

    def is_crowded(self, slot: bytes) -> bool:
        """Whether others wrote to a row between two calls of this process lately."""
        return slot in self._crowded

    def missed(self, slot: bytes) -> None:
        """Somebody else wrote to a row meanwhile."""
        _put(self._crowded, slot, None)

    def met(self, slot: bytes) -> None:
        """Nobody else did."""
        self._crowded.pop(slot, None)


def _put(rows: OrderedDict[bytes, Kept], slot: bytes, row: Kept) -> None:
    rows.pop(slot, None)
    rows[slot] = row
    with suppress(KeyError):  # another thread is at it
        while len(rows) > MOST:
            rows.popitem(last=False)
