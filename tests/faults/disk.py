"""Disks that fill up under a SQLite file, each in a way of its own, and what a store does on them."""

import resource
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

from tests.faults.deeds import WRONG, a_world, failures, fresh_look, record

from acctsec import Refused, SignedIn, SqliteStore, StoreError
from acctsec.protocols import Charge, Committed, Ladder
from acctsec.testing.doubles import START
from acctsec.testing.world import IDENTIFIER, PASSWORD

BIG = bytes(range(256)) * 16
LADDER = Ladder(free=9, first=0, longest=0, stop=9, window=0, lease=30_000_000)
NOW = 1_750_000_000_000_000
ROOM = 400_000  # bytes that are left
PAGE = 4096


class Limited:
    """A disk that takes no byte past a limit: that of this process on the size of any file."""

    def __init__(self, folder, store):
        self.folder = folder

    def fill(self):
        largest = max(path.stat().st_size for path in self.folder.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM, resource.RLIM_INFINITY))

    def free(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Capped:
    """A database that has come to its last page, which SQLite says in the words of a full disk."""

    def __init__(self, folder, store):
        self._database = store._database
        self._connect = store._database.connect

    def fill(self):
        [(pages,)] = self._database.select("PRAGMA page_count", ())
        self._reconnect(pages + ROOM // PAGE)

    def free(self):
        self._reconnect(2**30)

    def _reconnect(self, pages):
        """Have all connections that write know the limit, those of later too: it is no property of the file."""

        def connect(*given, **named):
            connection = self._connect(*given, **named)
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return connection

        self._database.connect = connect
        self._database.durable.disconnect()
        self._database.quick.disconnect()


class Small:
    """A file system of its own with little room."""

    def __init__(self, folder, store):
        self._junk = folder / "junk"

    def fill(self):
        left = shutil.disk_usage(self._junk.parent).free
        self._junk.write_bytes(bytes(max(left - ROOM, 0)))

    def free(self):
        self._junk.unlink()


DISKS = {"a limit of the process": Limited, "the last page": Capped, "a small file system": Small}


def live(folder, disk, line):
    """Go through it all, and say ``fine``; in a process of its own, for a limit holds for every file that it writes."""
    try:
        fill_and_free(Path(folder), disk)
        line.send("fine")
    except BaseException as error:
        line.send(repr(error))
        raise


def fill_and_free(folder, disk):
    """Work a store until its disk is full, see what that means, and go on when there is room."""
    with SqliteStore(folder / "accounts.db") as store:
        _worked(DISKS[disk](folder, store), store)
    with closing(sqlite3.connect(folder / "accounts.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _worked(disk, store):
    w = a_world(store)
    known = {}
    for number in range(5):
        known[b"before %d" % number] = store.commit(b"before %d" % number, None, BIG, [BIG], b"v%d" % number).version
    disk.fill()
    failed = []
    for number in count():
        key, tag = b"key %d" % number, b"w%d" % number
        try:
            assert store.commit(key, None, BIG, [b"mail " + tag, BIG], tag) == Committed(tag)
            known[key] = tag
        except StoreError:
            failed.append((key, tag))
            if len(failed) == 3:
                break
        assert number < 1000, "the disk has no end"
    assert any(key.startswith(b"key") for key in known)

    # Whoever signs in now is told that the store failed, and not that he may or may not.
    outcomes = []
    for number in range(20):
        try:
            outcomes.append(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(f"203.0.113.{number + 1}")))
        except StoreError:
            outcomes.append(None)
    assert all(outcome is None or isinstance(outcome, SignedIn) for outcome in outcomes)
    _raises_at_last(lambda number: store.charge([Charge(b"row %d" % number, b"m" * 2000, LADDER, 1, b"hold")], NOW))
    assert all(store.load(key) == (BIG, version) for key, version in known.items())

    disk.free()
    for key, tag in failed:
        there = store.load(key)
        assert there in (None, (BIG, tag))
        if there is None:
            assert store.commit(key, None, BIG, [b"mail " + tag], tag) == Committed(tag)
        known[key] = tag
    _check_mail(store, known)
    assert isinstance(w.engine.sign_in(IDENTIFIER, WRONG, context=w.context("203.0.113.200")), Refused)
    fresh_look(w)
    assert failures(w) >= 1
    assert len(record(w).sessions) == sum(outcome is not None for outcome in outcomes)


def _check_mail(store, known):
    """Each commit that is there has its entry, once; and there is no other."""
    found = []
    while drained := store.drain(50, START, timedelta(days=1)):
        found += [one.entry for one in drained if one.entry.startswith(b"mail w")]
        store.ack([one.id for one in drained if one.entry.startswith(b"mail w") or one.entry == BIG])
    assert sorted(found) == sorted(b"mail " + tag for key, tag in known.items() if key.startswith(b"key"))


def _raises_at_last(call):
    for number in range(2000):
        try:
            call(number)
        except StoreError:
            return
    raise AssertionError("the disk has no end")


if __name__ == "__main__":
    fill_and_free(Path(sys.argv[1]), "a small file system")
