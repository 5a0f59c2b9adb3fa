"""Records in one store, meters in another."""

import inspect
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from acctsec.errors import ConfigError
from acctsec.protocols import (
    AsyncMeterStore,
    AsyncOutboxStore,
    AsyncRecordStore,
    Backlog,
    Charge,
    Committed,
    Conflict,
    Drained,
    Ladder,
    Letters,
    MeterStore,
    OutboxStore,
    Page,
    Reading,
    RecordStore,
    Settlement,
    Tally,
    Version,
)


class SplitStore:
    """
    Keeps records and outbox in *records*, meters in *meters*.

    The usual pair past one machine is ``PostgresStore`` for what must never be lost and ``ValkeyStore`` for what is counted
    at every attempt. A sign-in takes two round trips to each. Nothing spans both: a charge that was reserved before a commit
    that failed counts as a failure when its lease ends, and what a loss of the meters costs is bounded by what the record
    remembers. Each store is closed by whoever made it.

    >>> from acctsec.stores import MemoryStore
    >>> store = SplitStore(records=MemoryStore(), meters=MemoryStore())

    Raises ConfigError for a store that lacks its half, or is of the async form.
    """

    def __init__(self, *, records: RecordStore, meters: MeterStore) -> None:
        _check(records, ("load", "commit", "drain", "ack", "scan"), "records", wants_async=False)
        _check(meters, ("charge", "settle", "read"), "meters", wants_async=False)
        self._records = records
        self._meters = meters

    def __repr__(self) -> str:
        return f"SplitStore(records={self._records!r}, meters={self._meters!r})"

    @property
    def _outbox(self) -> OutboxStore:
        return cast("OutboxStore", _showing(self._records))

    def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return self._records.load(key)

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same transaction."""
        return self._records.commit(key, expected, value, outbox, commit_id)

    def drain(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Drained]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return self._records.drain(limit, now, lease)

    def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        self._records.ack(ids)

    def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, going on where the page before ended."""
        return self._records.scan(after, limit)

    def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return self._outbox.waiting(now)

    def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return self._outbox.dead_letters(after, limit)

    def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return self._outbox.revive(ids)

    def charge(self, charges: Sequence[Charge], now: int) -> Sequence[Reading]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return self._meters.charge(charges, now)

    def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        self._meters.settle(settlements, now)

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Sequence[Tally]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return self._meters.read(meters, now)


class AsyncSplitStore:
    """The async form of `SplitStore`, over two async stores."""

    def __init__(self, *, records: AsyncRecordStore, meters: AsyncMeterStore) -> None:
        _check(records, ("load", "commit", "drain", "ack", "scan"), "records", wants_async=True)
        _check(meters, ("charge", "settle", "read"), "meters", wants_async=True)
        self._records = records
        self._meters = meters

    def __repr__(self) -> str:
        return f"AsyncSplitStore(records={self._records!r}, meters={self._meters!r})"

    @property
    def _outbox(self) -> AsyncOutboxStore:
        return cast("AsyncOutboxStore", _showing(self._records))

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return await self._records.load(key)

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same transaction."""
        return await self._records.commit(key, expected, value, outbox, commit_id)

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Drained]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return await self._records.drain(limit, now, lease)

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        await self._records.ack(ids)

    async def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, going on where the page before ended."""
        return await self._records.scan(after, limit)

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return await self._outbox.waiting(now)

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return await self._outbox.dead_letters(after, limit)

    async def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return await self._outbox.revive(ids)

    async def charge(self, charges: Sequence[Charge], now: int) -> Sequence[Reading]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return await self._meters.charge(charges, now)

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        await self._meters.settle(settlements, now)

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Sequence[Tally]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return await self._meters.read(meters, now)


def _showing(records: object) -> object:
    """The records, if they are an OutboxStore too: they may be without, as long as nobody wants to look into the outbox."""
    lacking = [name for name in ("waiting", "dead_letters", "revive") if not callable(getattr(records, name, None))]
    if lacking:
        raise ConfigError(
            f"{type(records).__name__} has no {lacking[0]}, so its outbox cannot be looked into.",
            remedy="Give records that are an OutboxStore too.",
        )
    return records


def _check(store: Any, methods: Sequence[str], half: str, *, wants_async: bool) -> None:
    if half == "records" and getattr(store, "keeps_records", True) is False:
        raise ConfigError(
            f"{type(store).__name__} keeps meters only.", remedy="Make it with records=True, or give another store."
        )
    for method in methods:
        call = getattr(store, method, None)
        if not callable(call):
            raise ConfigError(f"{type(store).__name__} has no {method}.", remedy=f"Give a store that keeps {half}.")
        if inspect.iscoroutinefunction(call) is not wants_async:
            form, face = ("blocking", "SplitStore") if wants_async else ("async", "AsyncSplitStore")
            raise ConfigError(f"{half} is the {form} form of a store.", remedy=f"Give its other form, or use {face}.")
