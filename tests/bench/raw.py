"""Floors: the least that an operation can cost from CPython with the same driver and the same primitives."""

import hmac
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import random
from threading import Lock
from time import sleep

from argon2 import low_level

from acctsec import HashingPolicy

_UPSERT = (
    "INSERT INTO c (k, n, w, u) VALUES (?1, 1, ?2, ?3) ON CONFLICT (k) DO UPDATE SET "
    "n = CASE WHEN c.w = ?2 THEN c.n + 1 ELSE 1 END, w = ?2, u = ?3 RETURNING n"
)


def argon2() -> Callable[[], object]:
    """One bare Argon2id verification at the default cost: 19 MiB, two passes, one lane."""
    default = HashingPolicy()
    phc = low_level.hash_secret(
        b"right", os.urandom(16), default.time_cost, default.memory_kib, default.parallelism, 32, low_level.Type.ID
    )
    return lambda: low_level.verify_secret(phc, b"right", low_level.Type.ID)


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection in WAL mode, in autocommit."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def counter(path: Path, *, retry: bool = False) -> Callable[[], object]:
    """One statement that counts and answers, each time under another of 2,000 keys. With *retry*: short, random, fair."""
    connection = connect(path, "NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS c (k BLOB PRIMARY KEY, n INTEGER, w INTEGER, u INTEGER) WITHOUT ROWID")
    keys = [os.urandom(16) for _ in range(2000)]
    at = count()

    def hit() -> object:
        number = next(at)
        return connection.execute(_UPSERT, (keys[number % 2000], 1, number)).fetchone()

    if not retry:
        return hit
    connection.execute("PRAGMA busy_timeout = 0")

    def patient() -> object:
        tries = 0
        while True:
            try:
                return hit()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            tries += 1
            sleep(random() * min(2e-3, 5e-5 * 2 ** min(tries, 6)))

    return patient


def swap(path: Path, *, record: bytes, entry: bytes) -> Callable[[], object]:
    """One transaction that replaces a record and appends an entry, on the disk before it answers."""
    connection = connect(path, "FULL")
    connection.execute("CREATE TABLE records (k BLOB PRIMARY KEY, v BLOB)")
    connection.execute("CREATE TABLE outbox (seq INTEGER PRIMARY KEY, entry BLOB)")
    connection.execute("INSERT INTO records VALUES (?, ?)", (b"key", record))
    records, at = (record, record[::-1]), count()  # SQLite would not write the same one again

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE records SET v = ? WHERE k = ?", (records[next(at) % 2], b"key"))
        connection.execute("INSERT INTO outbox (entry) VALUES (?)", (entry,))
        connection.execute("COMMIT")

    with recycling(connection):
        for _ in range(LOG_COMMITS):
            commit()
    return commit


LOG_COMMITS = 500


@contextmanager
def recycling(connection: sqlite3.Connection) -> Iterator[None]:
    """
    What is committed inside makes the log grow, unflushed; what comes after writes over it, as in a store that has run a while.

    A log that still grows pays for new blocks of the file system with every flush, at the disk's mood.
    """
    connection.execute("PRAGMA synchronous = OFF")
    yield
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("PRAGMA synchronous = FULL")


def reader(path: Path, record: bytes) -> Callable[[], object]:
    """One read of one row by its key."""
    connection = connect(path, "NORMAL")
    connection.execute("CREATE TABLE r (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")
    connection.execute("INSERT INTO r VALUES (?, ?)", (b"key", record))
    return lambda: connection.execute("SELECT v FROM r WHERE k = ?", (b"key",)).fetchone()


def gcra() -> Callable[[], object]:
    """A rate limit in a dict, under a lock."""
    lock, ready, at = Lock(), {}, count()

    def hit() -> bool:
        now = next(at)
        with lock:
            due = max(ready.get("key", 0), now)
            ready["key"] = due + 1
        return due <= now

    return hit


def three_codes(secret: bytes, now: int, algorithm: str = "sha1") -> Callable[[], object]:
    """The three codes of a window, each one HMAC and its truncation, all compared."""
    pack, unpack = struct.Struct(">Q").pack, struct.Struct(">I").unpack_from

    def verify() -> int:
        step, hit = now // 30, -1
        for one in range(step - 1, step + 2):
            digest = hmac.digest(secret, pack(one), algorithm)
            if (unpack(digest, digest[-1] & 15)[0] & 0x7FFFFFFF) % 1_000_000 == 123_456:
                hit = one
        return hit

    return verify
