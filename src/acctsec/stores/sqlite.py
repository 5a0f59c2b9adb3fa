"""Stores on one SQLite file, for everything that runs on one machine."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from os import PathLike, fspath, getpid
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from acctsec.errors import ConfigError
from acctsec.meters import FRESH, charge_row, settle_row, tally
from acctsec.protocols import (
    MAX_ATTEMPTS,
    MOST_COUNTED,
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
from acctsec.stores._database import READERS, Database
from acctsec.stores._rows import Row, by_slot, expiry, grown, in_turn, is_due, letters, page, read_row

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Answer = TypeVar("Answer")

SCHEMA_VERSION = 1
SCHEMA = (
    "CREATE TABLE records (key BLOB PRIMARY KEY NOT NULL, version BLOB NOT NULL, value BLOB NOT NULL)",
    """CREATE TABLE outbox (seq INTEGER PRIMARY KEY NOT NULL, commit_id BLOB NOT NULL, key BLOB NOT NULL,
        entry BLOB NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL)""",
    "CREATE INDEX outbox_by_key ON outbox (key)",
    # Draining reads this, so neither hidden entries nor dead letters are ever walked through.
    f"CREATE INDEX outbox_live ON outbox (seq, due) WHERE attempts < {MAX_ATTEMPTS}",
    "CREATE TABLE meters (slot BLOB PRIMARY KEY NOT NULL, expires INTEGER NOT NULL, row BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE age (age INTEGER NOT NULL, seen INTEGER NOT NULL)",
    "INSERT INTO age VALUES (0, 0)",
)
# Files of before get it when they are opened; releases of before keep it up without knowing it. So the version stays.
INDEXES = (f"CREATE INDEX IF NOT EXISTS outbox_dead ON outbox (seq) WHERE attempts >= {MAX_ATTEMPTS}",)

_COLLECT_EVERY = 256  # charges; each may begin a row in two slots
_COLLECT = 2048  # rows looked at each time: more than can have begun meanwhile
# What is alive is looked at oldest first, along the index that draining reads.
_WAITING = f"""WITH counted AS (
        SELECT coalesce(sum(due <= ?1), 0) AS due, coalesce(sum(due > ?1), 0) AS hidden,
            min(CASE WHEN due <= ?1 THEN seq END) AS oldest
        FROM (SELECT seq, due FROM outbox INDEXED BY outbox_live WHERE attempts < {MAX_ATTEMPTS}
            ORDER BY seq LIMIT {MOST_COUNTED})),
    dead AS (SELECT seq FROM outbox INDEXED BY outbox_dead WHERE attempts >= {MAX_ATTEMPTS} LIMIT {MOST_COUNTED})
    SELECT due, hidden, (SELECT count(*) FROM dead), (SELECT entry FROM outbox WHERE seq = oldest) FROM counted"""
_DEAD = f"""SELECT seq, commit_id, entry, attempts FROM outbox INDEXED BY outbox_dead
    WHERE attempts >= {MAX_ATTEMPTS} AND seq >= ? ORDER BY seq LIMIT ?"""
_REVIVE = f"UPDATE outbox SET attempts = 0, due = 0 WHERE seq = ? AND commit_id = ? AND attempts >= {MAX_ATTEMPTS}"
_READ_ROW = "SELECT row FROM meters WHERE slot = ?"
_WRITE_ROW = """INSERT INTO meters (slot, expires, row) VALUES (?, ?, ?)
    ON CONFLICT (slot) DO UPDATE SET expires = max(expires, excluded.expires), row = excluded.row"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 2**63 - 1


class SqliteStore:
    """
    Keeps records, outbox and meters in one SQLite file.

    Threads and processes of one machine may share the file; it must lie on a local disk, and be the store's own. A commit
    that was answered survives a power failure (``synchronous=FULL``). A charge survives a crash of the process; a power
    failure may take back the latest. The file is made if it is missing, readable by this user only. A call that finds the
    file locked by others tries again for *patience*, then raises StoreError. Fork whenever you like; close it at the end.

    SQLite before 3.51.3 (3.50.7, 3.44.6) has a race by which two processes that write at one moment can, very rarely, lose
    a commit: https://sqlite.org/wal.html#walresetbug. ``sqlite3.sqlite_version`` tells which one Python uses.
    """

    def __init__(self, path: str | PathLike[str], *, patience: timedelta = timedelta(seconds=5)) -> None:
        if not fspath(path) or fspath(path).startswith(":memory:"):
            raise ConfigError("SqliteStore keeps a file.", remedy="Give it a path, or use MemoryStore.")
        self._database = Database(
            Path(path).absolute(), patience=patience.total_seconds(), schema=SCHEMA, indexes=INDEXES, version=SCHEMA_VERSION
        )
        # Where the collection of idle meters stands in this process; guarded by the writer's lock.
        self._age = self._seen = 0
        self._charged = 0
        self._collected = b""

    def __repr__(self) -> str:
        return f"SqliteStore({str(self._database.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Whatever is called afterwards raises StoreError."""
        self._database.close()

    def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        found = self._database.select("SELECT value, version FROM records WHERE key = ?", (key,))
        return found[0] if found else None

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same transaction."""
        with self._database.durable as connection:
            if not _swap(connection, key, expected, value, commit_id):
                return Conflict()
            connection.executemany(
                "INSERT INTO outbox (commit_id, key, entry, attempts, due) VALUES (?, ?, ?, 0, 0)",
                [(commit_id, key, entry) for entry in outbox],
            )
        return Committed(None if value is None else commit_id)

    def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        instant, hidden = (now - _EPOCH) // _MICROSECOND, lease // _MICROSECOND
        with self._database.quick as connection:
            due = connection.execute(
                f"""SELECT seq, commit_id, entry, attempts FROM outbox WHERE seq IN (
                    SELECT seq FROM outbox INDEXED BY outbox_live
                    WHERE attempts < {MAX_ATTEMPTS} AND due <= ? ORDER BY seq LIMIT ?) ORDER BY seq""",
                (instant, max(limit, 0)),
            ).fetchall()
            connection.executemany(
                "UPDATE outbox SET attempts = attempts + 1, due = ? WHERE seq = ?",
                [(min(instant + (hidden << attempts), _LATEST), seq) for seq, _, _, attempts in due],
            )
        return tuple([Drained(seq.to_bytes(8) + tag, entry, attempts) for seq, tag, entry, attempts in due])

    def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        if not ids:
            return
        with self._database.quick as connection:
            connection.executemany("DELETE FROM outbox WHERE seq = ? AND commit_id = ?", map(_place, ids))

    def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in the order of their keys, from where the page before ended."""
        found = self._database.select("SELECT key FROM records WHERE key >= ? ORDER BY key LIMIT ?", (after, max(limit, 1)))
        return page([key for (key,) in found], limit)

    def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        [counted] = self._database.select(_WAITING, ((now - _EPOCH) // _MICROSECOND,))
        return Backlog(*counted)

    def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        begin = min(int.from_bytes(after[:8].ljust(8, b"\0")), _LATEST)
        found = self._database.select(_DEAD, (begin, max(limit, 1) + 2))
        return letters([Drained(seq.to_bytes(8) + tag, entry, attempts) for seq, tag, entry, attempts in found], after, limit)

    def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        with self._database.durable as connection:
            return sum(connection.execute(_REVIVE, place).rowcount for place in map(_place, ids))

    def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        rows = []
        with self._database.quick as connection:

            def charge(slot: bytes, asked: Sequence[Charge]) -> list[Reading]:
                row = _row(connection, slot)
                changed, readings = charge_row(row, asked, now)
                rows.append((slot, expiry(asked, self._age), row.with_changes(changed)))
                return readings

            self._collect(connection, now)
            answers = in_turn(charges, charge)
            connection.executemany(_WRITE_ROW, rows)
        return answers

    def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        with self._database.quick as connection:
            rows = []
            for slot, asked in by_slot(settlements).items():
                row = _row(connection, slot)
                changed = settle_row(row, asked, now)
                if changed:
                    rows.append((row.with_changes(changed), slot))
            connection.executemany("UPDATE meters SET row = ? WHERE slot = ?", rows)

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        rows = {}
        for slot in dict.fromkeys([slot for slot, _, _ in meters]):
            found = self._database.select(_READ_ROW, (slot,))
            rows[slot] = read_row(found[0][0] if found else None)
        return tuple([tally(rows[slot].get(name, FRESH), ladder, now) for slot, name, ladder in meters])

    def _collect(self, connection: Connection, now: int) -> None:
        """Now and then delete idle meters among the next few rows, in turn: bounded work, and garbage stays bounded."""
        self._charged += 1
        if self._charged < _COLLECT_EVERY and not is_due(self._seen, now):
            return
        self._charged = 0
        age, seen = connection.execute("SELECT age, seen FROM age").fetchone()
        self._age, self._seen = grown(age, seen, now)
        connection.execute("UPDATE age SET age = ?, seen = ?", (self._age, self._seen))
        first = self._collected
        (last,) = connection.execute(
            "SELECT max(slot) FROM (SELECT slot FROM meters WHERE slot > ? ORDER BY slot LIMIT ?)", (first, _COLLECT)
        ).fetchone()
        if last is None:
            self._collected = b""
            return
        self._collected = last
        connection.execute("DELETE FROM meters WHERE slot > ? AND slot <= ? AND expires <= ?", (first, last, self._age))


def _row(connection: Connection, slot: bytes) -> Row:
    found = connection.execute(_READ_ROW, (slot,)).fetchone()
    return read_row(found[0] if found else None)


def _place(id_: bytes) -> tuple[int, bytes]:
    """Where an entry is, by its id: its row, and the commit that wrote it, since SQLite may give a row's number away again."""
    return int.from_bytes(id_[:8], signed=True), id_[8:]


def _swap(connection: Connection, key: bytes, expected: bytes | None, value: bytes | None, commit_id: bytes) -> bool:
    """Bring one record from *expected* to *value*; False if it is not at *expected*."""
    if expected is None:
        if value is None:
            return True
        inserted = connection.execute(
            "INSERT INTO records (key, version, value) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (key, commit_id, value),
        )
        return inserted.rowcount == 1
    if value is None:
        deleted = connection.execute("DELETE FROM records WHERE key = ? AND version = ?", (key, expected))
        if deleted.rowcount != 1:
            return False
        connection.execute("DELETE FROM outbox WHERE key = ?", (key,))
        return True
    swapped = connection.execute(
        "UPDATE records SET version = ?, value = ? WHERE key = ? AND version = ? AND version <> ?",
        (commit_id, value, key, expected, commit_id),
    )
    return swapped.rowcount == 1


class AsyncSqliteStore:
    """
    The async form of `SqliteStore`: the same store, worked by a few threads of its own.

    A call that is cancelled while it waits is not made; one that has begun runs to its end in its thread, so its
    transaction is whole and its answer reaches nobody else.
    """

    def __init__(self, path: str | PathLike[str], *, patience: timedelta = timedelta(seconds=5)) -> None:
        self._store = SqliteStore(path, patience=patience)
        self._pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor] | None = None
        self._process = 0

    def __repr__(self) -> str:
        return f"Async{self._store!r}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Let what has begun come to its end, then close the file."""
        await self._write(self._store.close)
        pools, self._pools = self._workers(), None
        for pool in pools:
            pool.shutdown(wait=False)

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return await self._read(self._store.load, key)

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same transaction."""
        return await self._write(self._store.commit, key, expected, value, outbox, commit_id)

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return await self._write(self._store.drain, limit, now, lease)

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        await self._write(self._store.ack, ids)

    async def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in the order of their keys, from where the page before ended."""
        return await self._read(self._store.scan, after, limit)

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return await self._read(self._store.waiting, now)

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return await self._read(self._store.dead_letters, after, limit)

    async def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return await self._write(self._store.revive, ids)

    async def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return await self._write(self._store.charge, charges, now)

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        await self._write(self._store.settle, settlements, now)

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return await self._read(self._store.read, meters, now)

    async def _read(self, work: Callable[..., Answer], *values: object) -> Answer:
        from asyncio import get_running_loop

        return await get_running_loop().run_in_executor(self._workers()[1], work, *values)

    async def _write(self, work: Callable[..., Answer], *values: object) -> Answer:
        from asyncio import get_running_loop

        return await get_running_loop().run_in_executor(self._workers()[0], work, *values)

    def _workers(self) -> "tuple[ThreadPoolExecutor, ThreadPoolExecutor]":
        """One thread for all that writes, in the order it came, and a few for what reads; new ones in a forked child."""
        if self._pools is None or self._process != getpid():
            from concurrent.futures import ThreadPoolExecutor

            self._process = getpid()
            self._pools = ThreadPoolExecutor(1, "acctsec-writer"), ThreadPoolExecutor(READERS, "acctsec-reader")
        return self._pools
