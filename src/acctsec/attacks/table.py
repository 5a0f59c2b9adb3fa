"""A place for scores and stances in one process, whose size does not grow."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from acctsec.errors import ConfigError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Table(Generic[K, V]):
    """
    Keeps the *room* most worthy values by key. Thread-safe.

    Args:
        worth: how much a value is worth at an instant, such as what is left of a score; what is worth nothing is not kept.
        room: how many may be kept. Default 65,536; of scores, at most 32 MiB with their names.

    When it is full the less worthy half goes. So whoever brings many new ones drives out those of little worth, his own among
    them, and a high one only where *room* / 2 others are as high. Raises ConfigError for a *room* outside 16 to 16,777,216.
    """

    def __init__(self, worth: Callable[[V, int], int], *, room: int = 65_536) -> None:
        if type(room) is not int or not 16 <= room <= 16_777_216:
            raise ConfigError(f"room is {room!r}.", remedy="Give a whole number from 16 to 16,777,216.")
        self._worth, self._room = worth, room
        self._kept: dict[K, V] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K, default: V) -> V:
        """The value of a key, or *default*."""
        return self._kept.get(key, default)

    def change(self, key: K, step: Callable[[V], V], default: V, *, now: int) -> V:
        """Put *step* of the value in its place, with nobody in between."""
        with self._lock:
            after = self._kept[key] = step(self._kept.get(key, default))
            if len(self._kept) > self._room:
                self._make_room(now)
        return after

    def put(self, key: K, value: V, *, now: int) -> None:
        """Keep a value. Two that put at once lose one of both: *change* does not."""
        self.change(key, lambda _: value, value, now=now)

    def _make_room(self, now: int) -> None:
        worth = {key: self._worth(value, now) for key, value in self._kept.items()}
        best = sorted((key for key in worth if worth[key] > 0), key=worth.__getitem__, reverse=True)
        self._kept = {key: self._kept[key] for key in best[: self._room // 2]}
