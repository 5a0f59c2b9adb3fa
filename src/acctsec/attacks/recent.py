"""Counts that forget, in memory that does not grow: two generations of a counter that only adds."""

from collections.abc import Callable
from datetime import timedelta
from threading import Lock

from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.budgets import micros
from acctsec.checks import DECADE
from acctsec.errors import ConfigError
from acctsec.protocols import PopularityCounter

_LEAST = timedelta(minutes=1)


class RecentCounts:
    """
    Counts how often something was seen lately. Thread-safe; instants are integers of microseconds.

    Args:
        counter: makes an empty one, such as ``MemoryPopularity``. Two are in use; one more is made at every turn.
        window: what was added is remembered for as long, and never for more than twice as long. Default one day.
        most: a generation ends early when so much was added to it. Default 1,000,000: with ``MemoryPopularity`` as it is made
            by default a count is then at most 6 too high but for one in 55, whatever anybody adds.

    It turns early for who adds a million different things, each a guess that his source is charged for. Raises ConfigError
    for a window outside a minute to ten years, or *most* below 1,000.
    """

    def __init__(
        self, counter: Callable[[], PopularityCounter], *, window: timedelta = timedelta(days=1), most: int = 1_000_000
    ) -> None:
        if type(window) is not timedelta or not _LEAST <= window <= DECADE:
            raise ConfigError(f"window is {window!r}.", remedy="Give a timedelta from a minute to ten years.")
        if type(most) is not int or most < 1_000:
            raise ConfigError(f"most is {most!r}.", remedy="Give a whole number of at least 1,000.")
        self._make, self._window, self._most = counter, micros(window), most
        self._current, self._before = counter(), counter()
        self._begun: int | None = None
        self._added = 0
        self._lock = Lock()

    def count(self, digest: bytes, *, now: int) -> int:
        """How often *digest* was added lately, or a little more."""
        with self._lock:
            self._turn(now)
            return self._current.count(digest) + self._before.count(digest)

    def add(self, digest: bytes, *, now: int) -> int:
        """Once more; returns how often it was there before, as ``count`` does."""
        with self._lock:
            self._turn(now)
            before = self._current.count(digest) + self._before.count(digest)
            self._current.add(digest)
            self._added += 1
        return before

    def _turn(self, now: int) -> None:
        """Begin a generation when the present one is old or full."""
        begun = self._begun
        if begun is None or begun - now > BROKEN_CLOCK:
            self._begun = begun = now
        age = now - begun
        if age < self._window and self._added < self._most:
            return
        self._before = self._current if age < 2 * self._window else self._make()
        self._current, self._added = self._make(), 0
        self._begun = max(now, begun)
