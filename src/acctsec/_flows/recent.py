"""Records that this process has read lately, for ``check_session`` alone, where the policy lets it be a little behind."""

from datetime import datetime, timedelta

from acctsec._values import Value
from acctsec.record import Record

MOST = 10_000  # entries; at 2 to 5 kB a record, up to 50 MB
SHELVES = 256


class _Entry(Value, frozen=True):
    record: Record
    read: datetime
    mark: object


class RecentRecords:
    """
    At most 10,000 records, each for at most *staleness*; past that the one that was read first goes, as it is over first.

    What this process commits is never answered from before that: a mark is taken before a record is read, and a commit changes
    the mark. There is no lock: whatever threads do at once, an entry is good only while its mark is the one in force.
    """

    def __init__(self, staleness: timedelta) -> None:
        self.staleness = staleness
        self._entries: dict[bytes, _Entry] = {}
        self._marks: list[object] = [object()] * SHELVES

    def find(self, key: bytes, now: datetime) -> Record | None:
        """The record, if it was read less than *staleness* ago by this clock and nothing was committed since."""
        entry = self._entries.get(key)
        if entry is None or entry.mark is not self.mark(key) or not timedelta(0) <= now - entry.read < self.staleness:
            return None
        return entry.record

    def mark(self, key: bytes) -> object:
        """What has to be taken before a record is read that is to be kept."""
        return self._marks[hash(key) % SHELVES]

    def keep(self, key: bytes, record: Record, *, read: datetime, mark: object) -> None:
        """Keep a record that was asked for at the instant *read*, under the mark of before."""
        if not self.staleness:
            return
        self._entries.pop(key, None)
        self._entries[key] = _Entry(record, read, mark)
        while len(self._entries) > MOST:
            try:
                self._entries.pop(next(iter(self._entries)), None)
            except (RuntimeError, StopIteration):  # another thread is at it
                return

    def drop(self, key: bytes) -> None:
        """Forget a record that this process has changed, and whatever is being read of it just now."""
        self._entries.pop(key, None)
        self._marks[hash(key) % SHELVES] = object()
