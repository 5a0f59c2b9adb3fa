"""
One SQLite file: its identity, its connections, and the patience with which processes share it.

SQLite's own busy handler is unfair (one of four writers can starve for seconds), so every connection has it off and waits
here: short, at random, and for a bounded time. Inside the process one lock keeps writers from meeting in SQLite at all.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic, sleep
from types import TracebackType
from typing import Any
from weakref import WeakSet

from acctsec.errors import CommitUnknown, StoreError

APPLICATION_ID = 0x41435453  # "ACTS"
READERS = 4


class Connection(sqlite3.Connection):
    """Closes itself with the store that nobody holds any more; since 3.13 Python warns of one that has to be closed for it."""

    def __del__(self) -> None:
        with suppress(sqlite3.Error):
            self.close()


class Database:
    """The connections of this process to the file at *path*: two that write, one at a time, and a few that read."""

    def __init__(self, path: Path, *, patience: float, schema: Sequence[str], version: int, indexes: Sequence[str] = ()) -> None:
        self.path = path
        self.patience = patience
        self.closed: tuple[str, str] | None = None
        self.writing = Lock()
        self.durable = Writer(self, synchronous="FULL", unanswered=CommitUnknown)
        self.quick = Writer(self, synchronous="NORMAL", unanswered=StoreError)
        self._readers = _empty_pool()
        self._create()
        try:
            self._prepare(schema, indexes, version)
        except BaseException:
            self.close()
            raise
        _open.add(self)

    def select(self, statement: str, values: Sequence[object]) -> list[Any]:
        """All rows of one reading statement, from one snapshot."""
        try:
            connection = self._readers.get(timeout=self.patience)
        except Empty:
            raise self.explain(None) from None
        try:
            if connection is None:
                connection = self.connect("NORMAL")
            return self.patiently(connection.execute, statement, values).fetchall()
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
                connection = None
            raise self.explain(error) from error
        finally:
            self._readers.put(connection)

    def connect(self, synchronous: str) -> sqlite3.Connection:
        """A new connection, in autocommit: transactions here are always written out."""
        if self.closed is not None:
            what, remedy = self.closed
            raise StoreError(f"{self.path}: {what}", remedy=remedy)
        # mode=rw: a file that vanished is an error, not a new empty store in which nobody has a password.
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        try:
            for pragma in (f"synchronous = {synchronous}", *_PRAGMAS):
                self.patiently(connection.execute, f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def patiently(self, execute: Callable[..., sqlite3.Cursor], *statement: Any) -> sqlite3.Cursor:
        """Execute a statement, again and again while another process is in the way, with short pauses of random length."""
        until = None
        while True:
            try:
                return execute(*statement)
            except sqlite3.OperationalError as error:
                if not _is_busy(error):
                    raise
                now = monotonic()
                until = until or now + self.patience
                if now >= until:
                    raise
            sleep((50 + int.from_bytes(os.urandom(2)) % 1950) / 1e6)

    def close(self) -> None:
        """Close every connection, after the statements under way. The last to close a file folds its log into it."""
        self.closed = _CLOSED
        self.take_all()
        self.put_back()

    def explain(self, error: sqlite3.Error | None) -> StoreError:
        """What went wrong and how to mend it; None stands for a wait inside this process that took too long."""
        code = sqlite3.SQLITE_BUSY if error is None else getattr(error, "sqlite_errorcode", 0) & 0xFF
        what, remedy = _EXPLANATIONS.get(code, (f"SQLite failed ({error}).", "See the cause of this exception."))
        return StoreError(f"{self.path}: {what}", remedy=remedy)

    def _create(self) -> None:
        """Make the file, for this user's eyes only. It holds password hashes."""
        try:
            # An existing file is not opened: closing it again would drop the locks SQLite holds on it in this process.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise StoreError(
                f"{self.path}: the file cannot be created ({error.strerror}).",
                remedy="Create its directory and let this process write there.",
            ) from error

    def _prepare(self, schema: Sequence[str], indexes: Sequence[str], version: int) -> None:
        try:
            connection = self.connect("FULL")
            try:
                self._is_new(connection, version)
                (mode,) = self.patiently(connection.execute, "PRAGMA journal_mode = WAL").fetchone()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise self.explain(error) from error
        if mode != "wal":
            raise StoreError(
                f"{self.path}: its file system cannot share a write-ahead log.", remedy="Put the file on a local disk."
            )
        with self.durable as connection:
            if self._is_new(connection, version):
                for statement in schema:
                    connection.execute(statement)
            for statement in indexes:
                connection.execute(statement)
            # Written each time: a file that is read-only is found out here, not at the first sign-in.
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")

    def _is_new(self, connection: sqlite3.Connection, known: int) -> bool:
        """Whether the file is empty. A file of somebody else, or of a later release, is refused untouched."""
        application, version, used = self.patiently(connection.execute, _IDENTITY).fetchone()
        if application == APPLICATION_ID and version > known:
            raise StoreError(
                f"{self.path}: the file was written by a newer release (schema {version}, this one knows {known}).",
                remedy="Run that release, or a newer one.",
            )
        if application != APPLICATION_ID and (application or version or used):
            raise StoreError(
                f"{self.path}: this is another program's SQLite file.",
                remedy="Give the store a file of its own.",
            )
        return not used

    def take_all(self) -> None:
        """Close every connection and keep it from being opened again until `put_back`."""
        self._held = self.writing.acquire(timeout=self.patience)
        if self._held:
            self.durable.disconnect()
            self.quick.disconnect()
        self._taken = 0
        with suppress(Empty):
            while self._taken < READERS:
                connection = self._readers.get(timeout=self.patience)
                self._taken += 1
                if connection is not None:
                    connection.close()

    def put_back(self) -> None:
        """Let connections be opened again."""
        for _ in range(self._taken):
            self._readers.put(None)
        if self._held:
            self.writing.release()

    def is_taken(self) -> bool:
        """Whether `take_all` got hold of everything in time."""
        return self._held and self._taken == READERS

    def give_up(self) -> None:
        """In a child that was forked in the middle of a call: what is still open must never be touched, not even closed."""
        _abandoned.extend((self.durable.connection, self.quick.connection, self._readers))
        self.closed = _FORKED
        self.durable.connection = self.quick.connection = None
        self._readers = _empty_pool()
        self.writing = Lock()


class Writer:
    """One writing connection; ``with writer as connection`` is one transaction on it."""

    def __init__(self, database: Database, *, synchronous: str, unanswered: type[StoreError]) -> None:
        self.connection: sqlite3.Connection | None = None
        self._database = database
        self._synchronous = synchronous
        self._unanswered = unanswered

    def __enter__(self) -> sqlite3.Connection:
        database, writing = self._database, self._database.writing
        if not writing.acquire(timeout=database.patience):
            raise database.explain(None)
        try:
            if self.connection is None:
                self.connection = database.connect(self._synchronous)
            database.patiently(self.connection.execute, "BEGIN IMMEDIATE")
        except BaseException as error:
            self.disconnect()
            writing.release()
            if isinstance(error, sqlite3.Error):
                raise database.explain(error) from error
            raise
        return self.connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        connection = self.connection
        try:
            if error is None and connection is not None:
                self._commit(connection)
            else:
                # Closing rolls back, whatever state the failure left behind.
                self.disconnect()
        finally:
            self._database.writing.release()
        if isinstance(error, sqlite3.Error):
            raise self._database.explain(error) from error

    def disconnect(self) -> None:
        """Close the connection; what is not committed is undone."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.disconnect()
            # Its last page may or may not have reached the disk.
            raise self._unanswered(
                f"{self._database.path}: a commit failed half-way ({error}).",
                remedy="Read again to see whether it happened.",
            ) from error


def _empty_pool() -> "SimpleQueue[sqlite3.Connection | None]":
    """A place for each reader; connections are opened when they are needed."""
    pool: SimpleQueue[sqlite3.Connection | None] = SimpleQueue()
    for _ in range(READERS):
        pool.put(None)
    return pool


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


_CLOSED = "this store was closed.", "Close a store when nothing uses it any more."
_FORKED = "this process was forked in the middle of a call.", "Fork when the store is idle, or spawn processes instead."
_PRAGMAS = (
    "wal_autocheckpoint = 4000",  # pages; folding the log back in waits for the disk
    "secure_delete = ON",  # what is erased is overwritten, not only unlinked
)
# One statement sees one state of the file, also while another process is making it.
_IDENTITY = """SELECT (SELECT application_id FROM pragma_application_id),
    (SELECT user_version FROM pragma_user_version), EXISTS (SELECT 1 FROM sqlite_master)"""
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_WRITABLE = "Let this process write the file and its directory: SQLite keeps two more files beside it."
_EXPLANATIONS = {
    sqlite3.SQLITE_BUSY: (
        "it stayed locked for too long.",
        "Find who keeps a transaction open on it; copy it with SQLite's backup, never with a plain copy.",
    ),
    sqlite3.SQLITE_FULL: ("the disk is full; nothing was written.", "Free some space; what was committed is safe."),
    sqlite3.SQLITE_READONLY: ("it cannot be written.", _WRITABLE),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened.", _WRITABLE),
    sqlite3.SQLITE_PERM: ("it cannot be opened.", _WRITABLE),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged.", "Keep a copy with its -wal file, and restore a backup."),
    sqlite3.SQLITE_NOTADB: ("this is not an SQLite file, or it is damaged.", "Check the path, or restore a backup."),
    sqlite3.SQLITE_IOERR: ("the disk failed.", "Look at the system's log; what was committed is still in the file."),
}


# Whoever forks a process with open SQLite connections gives the child SQLite's idea of locks that only the parent holds,
# and commits of the child can vanish. So all connections are closed before a fork and opened anew after it.

_open: WeakSet[Database] = WeakSet()
_forking = Lock()
_taken: list[Database] = []
_abandoned: list[object] = []


def _before_fork() -> None:
    _forking.acquire()
    _taken.extend(_open)
    for database in _taken:
        database.take_all()


def _after_fork_in_parent() -> None:
    while _taken:
        _taken.pop().put_back()
    _forking.release()


def _after_fork_in_child() -> None:
    while _taken:
        database = _taken.pop()
        if database.is_taken():
            database.put_back()
        else:
            database.give_up()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
