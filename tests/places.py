"""
Places: each kind of store there is, as something a test can open, look into, rob of its meters, and have afresh.

    place = places.fresh("postgres")                        # the fixture `places`; empty, and about 2 ms on a server
    store = place.open()                                    # a handle of its own, as another process would have
    place.dump(), place.lose_meters()                       # every byte that is kept; a fail-over that lost every meter
    opened(place.address)                                   # in another process: `address` goes through JSON

STORES names them. What is open on a server is kept for the tests that come later, connections and all: a handle must not matter to what is
true, and so a test costs a DELETE and not a connection. Of the places on one server one at a time is in use.
"""

import pickle
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import psycopg
import pytest
from redis.exceptions import ReadOnlyError

from acctsec import AsyncMemoryStore, AsyncSplitStore, AsyncSqliteStore, MemoryStore, SplitStore, SqliteStore
from acctsec.stores._rows import read_row
from acctsec.stores.postgres import AsyncPostgresStore, PostgresStore, migrate
from acctsec.stores.valkey import AsyncValkeyStore, ValkeyRisk, ValkeyStore
from acctsec.testing.doubles import OUTBOX, STORE

STORES = ("memory", "sqlite", "postgres", "postgres-serializable", "valkey", "valkey-cluster", "postgres+valkey")
SHARED = STORES[1:]
"""Those that several processes can share."""

USUAL = ("memory", "postgres", "valkey", "postgres+valkey")
"""Those that `make test` has time for where all seven take too long."""

SHM = Path("/dev/shm")  # a disk that need not turn
PATIENT = timedelta(seconds=20)  # recipes count outcomes: a machine that is slow must not make others of them
METERS = b"acctsec:m:*"
TABLES = ("records", "meters", "outbox", "age", "schema_version")


class MemoryPlace:
    """One MemoryStore; whoever opens it gets the same."""

    kind = "memory"

    def __init__(self) -> None:
        self.store = MemoryStore()

    def open(self):
        return self.store

    def open_async(self):
        """An async handle."""
        store = AsyncMemoryStore()
        store._store = self.store
        return store

    def dump(self) -> bytes:
        """Every byte and number the store keeps."""
        store = self.store
        outbox = [(key, one.key, one.entry) for key, one in store._outbox.items()]
        rows = [(slot, repr(row.meters)) for slot, row in store._rows.items()]
        names = [name for row in store._rows.values() for name in row.meters]
        return pickle.dumps((dict(store._records), outbox, rows, names), protocol=5)

    def lose_meters(self) -> None:
        """Forget every meter, as a fail-over or an eviction does."""
        self.store._rows.clear()
        self.store._round.clear()

    def rows(self) -> list[tuple[int, int]]:
        """Of each row of meters: when it may be collected, and how many meters it has."""
        return [(row.expires, len(row.meters)) for row in self.store._rows.values()]

    def close(self) -> None:
        """Let go of it."""


class SqlitePlace:
    """One SQLite file; whoever opens it gets connections of his own."""

    kind = "sqlite"

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="acctsec-", dir=SHM if SHM.is_dir() else None))
        self.path = self.folder / "acctsec.db"
        self.address = {"kind": self.kind, "path": str(self.path)}
        self.opened: list[SqliteStore] = []

    def open(self):
        self.opened.append(SqliteStore(self.path))
        return self.opened[-1]

    def open_async(self):
        """An async handle; whoever takes it closes it."""
        return AsyncSqliteStore(self.path)

    def dump(self) -> bytes:
        """Every byte on the disk: the file and its log."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()) if not path.name.endswith("-shm"))

    def lose_meters(self) -> None:
        """Forget every meter, as a fail-over or an eviction does."""
        with self._any()._database.quick as connection:
            connection.execute("DELETE FROM meters")

    def rows(self) -> list[tuple[int, int]]:
        """Of each row of meters: when it may be collected, and how many meters it has."""
        found = self._any()._database.select("SELECT expires, row FROM meters", ())
        return [(expires, len(read_row(row))) for expires, row in found]

    def _any(self):
        return self.opened[0] if self.opened else self.open()

    def close(self) -> None:
        """Close what was opened, and remove the file."""
        for store in self.opened:
            store.close()
        rmtree(self.folder)


class PostgresHome(ExitStack):
    """A database of a session, with the tables of a store, a role that may do what an engine needs, and a connection of the owner."""

    def __init__(self, server) -> None:
        super().__init__()
        self.server = server
        self.database = self.enter_context(server.database())
        self.role = server.role("engine")
        migrate(server.conninfo(database=self.database), grant_to=self.role)
        self.owner = self.enter_context(psycopg.connect(server.conninfo(database=self.database), autocommit=True))

    def conninfo(self, isolation: str = "read committed") -> str:
        """How an engine reaches it, under a level of isolation."""
        option = isolation.replace(" ", r"\ ")
        return self.server.conninfo(user=self.role, database=self.database, options=f"-c default_transaction_isolation={option}")

    def clear(self) -> None:
        """Empty it."""
        self.owner.execute(
            """DELETE FROM acctsec.records; DELETE FROM acctsec.meters; DELETE FROM acctsec.outbox;
            UPDATE acctsec.age SET age = 0, seen = 0"""
        )

    def dump(self) -> bytes:
        """Every byte of every row."""
        kept = []
        for table in TABLES:
            with self.owner.cursor().copy(f"COPY (SELECT * FROM acctsec.{table}) TO STDOUT (FORMAT binary)") as copy:
                kept += copy
        return b"".join(map(bytes, kept))

    def lose_meters(self) -> None:
        """Forget every meter."""
        self.owner.execute("DELETE FROM acctsec.meters")

    def rows(self) -> list[tuple[int, int]]:
        """Of each row of meters: when it may be collected, and how many meters it has."""
        found = self.owner.execute("SELECT expires, value FROM acctsec.meters").fetchall()
        return [(expires, len(read_row(value))) for expires, value in found]


class ValkeyHome(ExitStack):
    """A Valkey, or a cluster of them, that is emptied as a whole."""

    def __init__(self, server) -> None:
        super().__init__()
        self.url = server.url()
        self._server = server
        self._client = self.enter_context(server.client())
        self.callback(self.clear)

    def clear(self) -> None:
        """Empty it."""
        try:
            self._client.flushdb()
        except ReadOnlyError:  # a test has killed a master since this client learnt who they are
            self._server.flush()

    def dump(self) -> bytes:
        """Every byte of every key, as it is and not as DUMP compresses it."""
        kept = []
        for key in self._client.scan_iter(count=1000):
            kept += (key, *_raw(self._value(key)))
        return b"".join(kept)

    def _value(self, key: bytes):
        read = {
            b"string": self._client.get,
            b"hash": self._client.hgetall,
            b"set": self._client.smembers,
            b"list": lambda key: self._client.lrange(key, 0, -1),
            b"zset": lambda key: self._client.zrange(key, 0, -1, withscores=True),
        }
        return read[self._client.type(key)](key)

    def lose_meters(self) -> None:
        """Forget every meter, and no record."""
        for key in list(self._client.scan_iter(METERS, count=1000)):
            self._client.delete(key)

    def rows(self) -> list[tuple[int, int]]:
        """Of each row of meters: in how many milliseconds it may be collected, and how many meters it has."""
        return [(self._client.pttl(key), self._client.hlen(key)) for key in self._client.scan_iter(METERS, count=1000)]


def _raw(value):
    """Each string of bytes in a value of any form, in its own bytes."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _raw(list(value.items()))
    elif isinstance(value, list | tuple | set):
        for one in value:
            yield from _raw(one)


class ServerPlace:
    """Something on one server or two; whoever opens it gets the next handle that the session keeps, or a new one."""

    def __init__(self, kind: str, address: dict[str, str], homes: Sequence, handles: list) -> None:
        self.kind = kind
        self.address = address
        self._records, self._meters = homes[0], homes[-1]
        self._handles = handles
        self._opened = 0
        for home in homes:
            home.clear()

    def open(self):
        if self._opened == len(self._handles):
            self._handles.append(opened(self.address))
        self._opened += 1
        return self._handles[self._opened - 1]

    def open_async(self):
        """An async handle; whoever takes it closes it."""
        return opened_async(self.address)

    def dump(self) -> bytes:
        """Every byte that lies there."""
        both = self._records is not self._meters
        return self._records.dump() + (self._meters.dump() if both else b"")

    def lose_meters(self) -> None:
        """Forget every meter, as a fail-over or an eviction does."""
        self._meters.lose_meters()

    def rows(self) -> list[tuple[int, int]]:
        """Of each row of meters: when it may be collected, and how many meters it has."""
        return self._meters.rows()

    def close(self) -> None:
        """Leave nothing there."""
        self._records.clear()
        self._meters.clear()


def opened(address: dict[str, str]):
    """A blocking handle of the place that has this address."""
    return _opened(address, SqliteStore, PostgresStore, ValkeyStore, Split)


def opened_async(address: dict[str, str]):
    """An async handle of the place that has this address."""
    return _opened(address, AsyncSqliteStore, AsyncPostgresStore, AsyncValkeyStore, AsyncSplit)


def _opened(address, sqlite, postgres, valkey, split):
    if "path" in address:
        return sqlite(address["path"])
    # The servers keep nothing on a disk: nothing here is to outlive the machine.
    records = postgres(address["postgres"], timeout=PATIENT, may_lose_commits=True) if "postgres" in address else None
    if "valkey" not in address:
        return records
    alone = {"records": True, "accept": [ValkeyRisk.NO_PERSISTENCE]} if records is None else {}
    meters = valkey(address["valkey"], cluster=address["kind"] == "valkey-cluster", timeout=PATIENT, **alone)
    return meters if records is None else split(records=records, meters=meters)


class Split(SplitStore):
    """A SplitStore that owns its halves."""

    def close(self) -> None:
        self._records.close()
        self._meters.close()


class AsyncSplit(AsyncSplitStore):
    """An AsyncSplitStore that owns its halves."""

    async def close(self) -> None:
        await self._records.close()
        await self._meters.close()


class Places:
    """
    The places of a session, on its servers; each starts when it is first needed.

    *home* answers, by the name of a server, what places there live in.
    """

    def __init__(self, home: Callable[[str], PostgresHome | ValkeyHome]) -> None:
        self._home = home
        self._handles: dict[str, list] = {}

    def fresh(self, kind: str):
        """A place of a kind, with nothing in it."""
        if kind == "memory":
            return MemoryPlace()
        if kind == "sqlite":
            return SqlitePlace()
        homes, address = [], {"kind": kind}
        if kind.startswith("postgres"):
            homes.append(self._home("postgres"))
            address["postgres"] = homes[0].conninfo("serializable" if kind == "postgres-serializable" else "read committed")
        if "valkey" in kind:
            homes.append(self._home("valkey_cluster" if kind == "valkey-cluster" else "valkey"))
            address["valkey"] = homes[-1].url
        return ServerPlace(kind, address, homes, self._handles.setdefault(kind, []))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for handles in self._handles.values():
            for store in handles:
                store.close()


# --- races ------------------------------------------------------------------------------------------------------------


class InTurn:
    """Several handles of one place, one after the other: whoever makes the next call is another process."""

    def __init__(self, *handles) -> None:
        self._handles = cycle(handles)
        for name in (*STORE, *OUTBOX):
            setattr(self, name, self._asked(name))

    def _asked(self, name: str):
        def ask(*args):
            return getattr(next(self._handles), name)(*args)

        return ask


class Ground:
    """The store that the worlds of the running test stand on: a race makes one anew for every order of its calls."""

    def __init__(self) -> None:
        self._kind = self._places = self._place = None

    @staticmethod
    def choose(metafunc, usual: Sequence[str]) -> None:
        """Run a test on every store, or `in_memory` alone; on those that are not *usual* for it by `make test-deep`."""
        stores = ("memory",) if getattr(metafunc.function, "in_memory", False) else STORES
        kinds = [pytest.param(kind, marks=() if kind in usual else pytest.mark.deep) for kind in stores]
        metafunc.parametrize("on_ground", kinds, indirect=True)

    @contextmanager
    def of(self, kind: str, places: Places):
        """Have the worlds that are made inside of this block stand on stores of a kind."""
        self._kind, self._places = kind, places
        try:
            yield
        finally:
            self._leave()

    def fresh(self):
        """An empty store."""
        self._leave()
        self._place = self._places.fresh(self._kind)
        return InTurn(self._place.open(), self._place.open())

    def _leave(self) -> None:
        if self._place is not None:
            self._place.close()
            self._place = None


ground = Ground()


def in_memory(test):
    """Mark a test that is about the kit and not about any store, or has so many orders that they take hours on a server."""
    test.in_memory = True
    return test


@pytest.fixture
def on_ground(request, places):
    """Let `ground` be of the kind that was chosen."""
    with ground.of(request.param, places):
        yield
