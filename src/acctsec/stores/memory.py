"""Stores that live in the memory of one process."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from threading import Lock

from attrs import define

from acctsec.errors import StoreUnavailable
from acctsec.meters import FRESH, Meter, charge_row, settle_row, tally
from acctsec.protocols import (
    MAX_ATTEMPTS,
    Backlog,
    Charge,
    Committed,
    Conflict,
    Drained,
    Ladder,
    Letters,
    Page,
    Reading,
    Settlement,
    Tally,
    Version,
)
from acctsec.stores._rows import by_slot, expiry, grown, in_turn, is_due, letters, page


@define
class _Entry:
    key: bytes
    entry: bytes
    attempts: int
    due: datetime | None

    @property
    def dead(self) -> bool:
        return self.attempts >= MAX_ATTEMPTS

    def is_due(self, now: datetime) -> bool:
        return not self.dead and (self.due is None or self.due <= now)


@define
class _Row:
    meters: dict[bytes, Meter]
    expires: int


class MemoryStore:
    """
    Keeps everything in this process and forgets it with the process.

    For tests, and for single processes that may forget: after a restart no account has a password, no guess was ever
    counted and no message waits. Thread-safe; not shared between processes, and a fork gets a copy that goes its own
    way. Meters that nobody charged for twice their window are collected as new ones arrive; records are kept.

    With *most_rows*, a charge that would begin one more row of meters than that raises StoreUnavailable.
    """

    def __init__(self, *, most_rows: int | None = None) -> None:
        self._most_rows = most_rows
        self._lock = Lock()
        self._records: dict[bytes, tuple[bytes, Version]] = {}
        self._outbox: dict[bytes, _Entry] = {}
        self._appended = 0
        self._rows: dict[bytes, _Row] = {}
        self._round: deque[bytes] = deque()
        self._age = 0
        self._seen = 0

    def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return self._records.get(key)

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same step."""
        with self._lock:
            appends_only = expected is None and value is None
            if not appends_only:
                past = self._records.get(key)
                if (past[1] if past else None) != expected or expected == commit_id:
                    return Conflict()
                if value is None:
                    del self._records[key]
                    self._outbox = {id_: entry for id_, entry in self._outbox.items() if entry.key != key}
                else:
                    self._records[key] = value, commit_id
            for entry in outbox:
                self._appended += 1
                self._outbox[self._appended.to_bytes(8) + commit_id] = _Entry(key, entry, 0, None)
            return Committed(None if value is None else commit_id)

    def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        drained: list[Drained] = []
        with self._lock:
            for id_, entry in self._outbox.items():
                if len(drained) >= limit:
                    break
                if entry.is_due(now):
                    drained.append(Drained(id_, entry.entry, entry.attempts))
                    entry.due = now + lease * 2**entry.attempts
                    entry.attempts += 1
        return tuple(drained)

    def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        with self._lock:
            for id_ in ids:
                self._outbox.pop(id_, None)

    def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in the order of their keys, from where the page before ended."""
        with self._lock:
            keys = nsmallest(max(limit, 1), [key for key in self._records if key >= after])
        return page(keys, limit)

    def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        with self._lock:
            entries = list(self._outbox.values())
            due = [entry.entry for entry in entries if entry.is_due(now)]
            dead = sum(entry.dead for entry in entries)
        return Backlog(len(due), len(entries) - len(due) - dead, dead, due[0] if due else None)

    def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        with self._lock:
            dead = [Drained(id_, one.entry, one.attempts) for id_, one in self._outbox.items() if one.dead]
        return letters(dead, after, limit)

    def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        with self._lock:
            dead = [entry for id_ in dict.fromkeys(ids) if (entry := self._outbox.get(id_)) is not None and entry.dead]
            for entry in dead:
                entry.attempts, entry.due = 0, None
        return len(dead)

    def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        with self._lock:
            if is_due(self._seen, now):
                self._age, self._seen = grown(self._age, self._seen, now)
            return in_turn(charges, lambda slot, asked: self._charge(slot, asked, now))

    def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        with self._lock:
            for slot, asked in by_slot(settlements).items():
                row = self._rows.get(slot)
                if row is not None:
                    _write(row.meters, settle_row(row.meters, asked, now))

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        with self._lock:
            found = [self._rows[slot].meters.get(name, FRESH) if slot in self._rows else FRESH for slot, name, _ in meters]
        return tuple([tally(meter, ladder, now) for meter, (_, _, ladder) in zip(found, meters, strict=True)])

    def _charge(self, slot: bytes, charges: Sequence[Charge], now: int) -> list[Reading]:
        row = self._rows.get(slot)
        if row is None:
            row = self._begin(slot)
        changed, readings = charge_row(row.meters, charges, now)
        _write(row.meters, changed)
        expires = expiry(charges, self._age)
        row.expires = max(row.expires, expires)
        return readings

    def _begin(self, slot: bytes) -> _Row:
        """Make room for a new row. Each pays with a look at two old ones: garbage stays bounded and no call has to sweep."""
        for _ in range(min(2, len(self._round))):
            old = self._round.popleft()
            if self._rows[old].expires <= self._age:
                del self._rows[old]
            else:
                self._round.append(old)
        if self._most_rows is not None and len(self._rows) >= self._most_rows:
            raise StoreUnavailable(
                f"All {self._most_rows} rows of meters in memory are in use.", remedy="Bring the shared meters back."
            )
        row = self._rows[slot] = _Row({}, 0)
        self._round.append(slot)
        return row


def _write(meters: dict[bytes, Meter], changed: Mapping[bytes, Meter | None]) -> None:
    for name, meter in changed.items():
        if meter is None:
            meters.pop(name, None)
        else:
            meters[name] = meter


class AsyncMemoryStore:
    """The async form of `MemoryStore`: the same store, answering at once."""

    def __init__(self, *, most_rows: int | None = None) -> None:
        self._store = MemoryStore(most_rows=most_rows)

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return self._store.load(key)

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same step."""
        return self._store.commit(key, expected, value, outbox, commit_id)

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return self._store.drain(limit, now, lease)

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        self._store.ack(ids)

    async def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in the order of their keys, from where the page before ended."""
        return self._store.scan(after, limit)

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return self._store.waiting(now)

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return self._store.dead_letters(after, limit)

    async def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return self._store.revive(ids)

    async def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return self._store.charge(charges, now)

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        self._store.settle(settlements, now)

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return self._store.read(meters, now)
