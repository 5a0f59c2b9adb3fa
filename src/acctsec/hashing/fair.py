"""A fair queue: sources take turns, and a full queue takes from who holds most. Pure: the governor says when it is full."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class FairQueue(Generic[T]):
    """
    Items that wait, in one lane a key: lanes are served in turn, and a lane in the order its items came.

    An item waits once. Every step takes the same time however many wait, since whoever floods a queue decides how many
    do; and nothing is kept of a key that has nothing here.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[Hashable, OrderedDict[T, None]] = OrderedDict()  # the next to be served is in front
        self._by_length: dict[int, OrderedDict[Hashable, None]] = {}
        self._longest = 0
        self._size = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._size

    def push(self, item: T, *, key: Hashable) -> None:
        """Let *item* wait behind the others of its *key*; a key that is new here has its first turn after all the rest."""
        lane = self._lanes.setdefault(key, OrderedDict())
        lane[item] = None
        self._size += 1
        self._moved(key, before=len(lane) - 1, now=len(lane))

    def pop(self) -> T:
        """Take out the oldest item of the key whose turn it is. Raises KeyError when nobody waits."""
        key, lane = self._lanes.popitem(last=False)
        item, _ = lane.popitem(last=False)
        self._lanes[key] = lane  # its next turn comes after everybody's
        self._shortened(key, lane)
        return item

    def remove(self, item: T, *, key: Hashable) -> bool:
        """Take *item* out; False when it is not here."""
        lane = self._lanes.get(key)
        if lane is None or item not in lane:
            return False
        del lane[item]
        self._shortened(key, lane)
        return True

    def displace(self, *, key: Hashable) -> T | None:
        """
        Take out the newest item of the longest lane, if that lane stays no shorter than *key*'s will be with one more.

        So a newcomer finds a place while anybody holds two, no key takes from one that holds as few as itself, and the
        only item of a key is never displaced.
        """
        if self._longest < len(self._lanes.get(key, ())) + 2:
            return None
        longest = next(reversed(self._by_length[self._longest]))
        lane = self._lanes[longest]
        item, _ = lane.popitem()
        self._shortened(longest, lane)
        return item

    def mend(self) -> None:
        """Make all that is derived from the lanes anew: a step was cut off by an exception from outside, such as a signal's."""
        for key in [key for key, lane in self._lanes.items() if not lane]:
            del self._lanes[key]
        self._by_length = {}
        for key, lane in self._lanes.items():
            self._by_length.setdefault(len(lane), OrderedDict())[key] = None
        self._longest = max(self._by_length, default=0)
        self._size = sum(map(len, self._lanes.values()))

    def _shortened(self, key: Hashable, lane: OrderedDict[T, None]) -> None:
        self._size -= 1
        if not lane:
            del self._lanes[key]
        self._moved(key, before=len(lane) + 1, now=len(lane))

    def _moved(self, key: Hashable, *, before: int, now: int) -> None:
        """Keep the lanes by their length: one that grows or shrinks, by one, changes the greatest length by one at most."""
        if before:
            del self._by_length[before][key]
            if not self._by_length[before]:
                del self._by_length[before]
        if now:
            self._by_length.setdefault(now, OrderedDict())[key] = None
        if now > self._longest or self._longest not in self._by_length:
            self._longest = now
