"""A place for scores and stances in one process, whose size does not grow."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from acctsec.errors import ConfigError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PART = 256


class Table(Generic[K, V]):
    """
    Keeps the *room* most worthy values by key. Thread-safe.

    Args:
        worth: how much a value is worth at an instant, such as what is left of a score; what is worth nothing is not kept.
        room: how many may be kept. Default 65,536; of scores, at most 32 MiB with their names.

    It lies in parts of some 256, by a hash that is another in each process. When a part is full its less worthy half goes, which
    takes less than a millisecond. So whoever brings many new ones drives out those of little worth, his own among them, and a
    high one only where half of its part is as high. Raises ConfigError for a *room* outside 16 to 16,777,216.
    """

    def __init__(self, worth: Callable[[V, int], int], *, room: int = 65_536) -> None:
        if type(room) is not int or not 16 <= room <= 16_777_216:
            raise ConfigError(f"room is {room!r}.", remedy="Give a whole number from 16 to 16,777,216.")
        parts = max(1, room // PART)
        self._worth, self._room = worth, room // parts
        self._kept: list[dict[K, V]] = [{} for _ in range(parts)]
        self._count = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return self._count

    def get(self, key: K, default: V) -> V:
        """The value of a key, or *default*."""
        return self._kept[hash(key) % len(self._kept)].get(key, default)

    def change(self, key: K, step: Callable[[V], V], default: V, *, now: int) -> V:
        """Put *step* of the value in its place, with nobody in between."""
        at = hash(key) % len(self._kept)
        with self._lock:
            after = step(self._kept[at].get(key, default))
            self._put(at, key, after, now)
        return after

    def put(self, key: K, value: V, *, now: int) -> None:
        """Keep a value. Two that put at once lose one of both: *change* does not."""
        with self._lock:
            self._put(hash(key) % len(self._kept), key, value, now)

    def _put(self, at: int, key: K, value: V, now: int) -> None:
        part = self._kept[at]
        before = len(part)
        part[key] = value
        after = len(part)
        if after > before:
            if after > self._room:
                part = self._kept[at] = self._half(part, now)
                after = len(part)
            self._count += after - before

    def _half(self, part: dict[K, V], now: int) -> dict[K, V]:
        worth = {key: self._worth(value, now) for key, value in part.items()}
        best = sorted((key for key in worth if worth[key] > 0), key=worth.__getitem__, reverse=True)
        return {key: part[key] for key in best[: self._room // 2]}
