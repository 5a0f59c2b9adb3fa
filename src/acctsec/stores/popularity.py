"""How many accounts share a password, in memory whose size does not grow: a count-min sketch."""

from array import array
from struct import Struct
from threading import Lock
from typing import Self

from acctsec.errors import ConfigError, StoreError

_FORMAT = b"acctsec-popularity-1\n"
_LARGEST = 2**32 - 1


class MemoryPopularity:
    """
    Counts in this process how often each password was chosen, as a port ``popularity``. Thread-safe.

    Args:
        width: counters in a row. Default 1,048,576: with 10 million passwords in it a count is at most 26 too high, but for
            one password in 55 (Cormode and Muthukrishnan 2005: e / width of all that was counted, with chance 1 - e**-depth).
        depth: rows. Default 4, which with that width take 16 MiB.

    A count is never too low. It sees keyed digests and keeps none of them, yet who has it and the keyring's index key can
    test whether a guess is popular here: keep it as well as the store. Write ``to_bytes()`` down from time to time, or what
    was counted is lost with the process; a lost count lets a password be chosen that often again.

    Raises ConfigError for a width outside 1,024 to 16,777,216, or a depth outside 2 to 8.
    """

    def __init__(self, *, width: int = 1_048_576, depth: int = 4) -> None:
        check_shape(width, depth)
        self._width = width
        self._words = Struct(f">{depth}I")
        self._counters = [array("I", bytes(4 * width)) for _ in range(depth)]
        self._lock = Lock()

    def count(self, digest: bytes) -> int:
        """How often *digest* was added, or a little more."""
        places = self._places(digest)
        return min([row[place] for row, place in zip(self._counters, places, strict=True)])

    def add(self, digest: bytes) -> None:
        """One account more. Only the lowest of its counters rise, which keeps the others from being too high."""
        places = self._places(digest)
        with self._lock:
            now = min(min([row[place] for row, place in zip(self._counters, places, strict=True)]) + 1, _LARGEST)
            for row, place in zip(self._counters, places, strict=True):
                row[place] = max(row[place], now)

    def to_bytes(self) -> bytes:
        """All of it, for ``from_bytes``."""
        with self._lock:
            shape = self._width.to_bytes(4, "big") + bytes([len(self._counters)])
            return _FORMAT + shape + b"".join(_little_endian(row).tobytes() for row in self._counters)

    @classmethod
    def from_bytes(cls, written: bytes) -> Self:
        """What ``to_bytes`` wrote; raises StoreError for anything else."""
        begin = len(_FORMAT) + 5
        width, depth = int.from_bytes(written[begin - 5 : begin - 1], "big"), written[begin - 1 : begin]
        refusal = StoreError(
            "These are not the counts of passwords, or they were cut off.", remedy="Take an older copy, or begin anew."
        )
        if not written.startswith(_FORMAT) or not depth or len(written) != begin + 4 * width * depth[0]:
            raise refusal
        try:
            made = cls(width=width, depth=depth[0])
        except ConfigError:
            raise refusal from None
        for number, row in enumerate(made._counters):
            at = begin + 4 * width * number
            row[:] = _little_endian(array("I", written[at : at + 4 * width]))
        return made

    def _places(self, digest: bytes) -> list[int]:
        """Where a digest is counted, in each row: four of its bytes for each."""
        width = self._width
        return [word % width for word in self._words.unpack_from(digest)]


class AsyncMemoryPopularity:
    """The async form of MemoryPopularity, around one that may be given."""

    def __init__(self, counted: MemoryPopularity | None = None) -> None:
        self.counted: MemoryPopularity = counted or MemoryPopularity()

    async def count(self, digest: bytes) -> int:
        """How often *digest* was added, or a little more."""
        return self.counted.count(digest)

    async def add(self, digest: bytes) -> None:
        """One account more."""
        self.counted.add(digest)


def check_shape(width: int, depth: int) -> None:
    """Refuse a sketch that would be too small, or too large."""
    if type(width) is not int or not 1_024 <= width <= 16_777_216:
        raise ConfigError(f"width is {width!r}.", remedy="Give a whole number from 1,024 to 16,777,216.")
    if type(depth) is not int or not 2 <= depth <= 8:
        raise ConfigError(f"depth is {depth!r}.", remedy="Give a whole number from 2 to 8.")


def _little_endian(row: "array[int]") -> "array[int]":
    from sys import byteorder

    if byteorder == "little":
        return row
    swapped = array("I", row)
    swapped.byteswap()
    return swapped
