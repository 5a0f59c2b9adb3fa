"""
PostgreSQL and Valkey to measure on, and the least that a call of their drivers costs.

One server of each a run, on loopback; PostgreSQL on the disk, with fsync. What is told "beside the durable flush" runs at
synchronous_commit=off, the store as its peers; the flush has rows of its own. `ACCTSEC_TEST_POSTGRES` and
`ACCTSEC_TEST_VALKEY` name servers elsewhere, as they do for the tests.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import count
from typing import Self

import psutil
import psycopg
import redis
from attrs import frozen
from tests.bench import world
from tests.servers import Postgres, RemotePostgres, RemoteValkey, Valkey
from tests.servers.postgres import VARIABLE as POSTGRES
from tests.servers.reaper import family
from tests.servers.valkey import VARIABLE as VALKEY

from acctsec import Account, SplitStore
from acctsec.stores.postgres import PostgresStore, migrate
from acctsec.stores.valkey import ValkeyStore

# A checkpoint in the middle of a round would be told as the cost of what happens to run then.
SETTINGS = {"max_wal_size": "4GB", "checkpoint_timeout": "30min", "shared_buffers": "256MB"}


@cache
def postgres() -> RemotePostgres:
    """The PostgreSQL of this run; it ends with the process."""
    conninfo = os.environ.get(POSTGRES)
    return RemotePostgres(conninfo).check() if conninfo else Postgres(durable=True, settings=SETTINGS).start()


@cache
def valkey() -> RemoteValkey:
    """The Valkey of this run; it ends with the process."""
    url = os.environ.get(VALKEY)
    server = RemoteValkey(url).check() if url else Valkey().start()
    server.flush()
    return server


@cache
def durable_valkey() -> Valkey:
    """A Valkey that answers when the disk has it, always one of ours; it ends with the process."""
    return Valkey(options={"appendonly": "yes", "appendfsync": "always"}).start()


def taken_by(server) -> float:
    """Seconds of a processor that a server has taken, with its children, also those that are gone; 0 for one that is not ours."""
    if getattr(server, "process", None) is None:
        return 0.0
    first, *others = family(server.process.pid)
    times = [*first.cpu_times()[:4]]
    for one in others:
        with suppress(psutil.NoSuchProcess):
            times += one.cpu_times()[:2]
    return sum(times)


@frozen
class Database:
    """A database of its own, with the tables of a store; *durable* ways to reach it wait for the disk."""

    server: RemotePostgres
    name: str

    @property
    def quick(self) -> str:
        """How to reach it without waiting for the disk."""
        return self.server.conninfo(database=self.name, options="-c synchronous_commit=off")

    @property
    def durable(self) -> str:
        """How to reach it as a store must."""
        return self.server.conninfo(database=self.name, options="-c synchronous_commit=on")

    def store(self, *, durable: bool = False) -> PostgresStore:
        """A store on it; whoever takes it closes it."""
        return PostgresStore(self.durable if durable else self.quick, may_lose_commits=not durable)

    def run(self, statement: str) -> list[tuple]:
        """Carry out one statement, and answer its rows."""
        return self.server.run(statement, database=self.name)

    def fill(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Put keys and their records in, all at once and without an engine; then let the server look at what it has."""
        with psycopg.connect(self.quick) as connection, connection.cursor() as cursor:
            statement = "COPY acctsec.records (key, version, value) FROM STDIN (FORMAT binary)"
            with cursor.copy(statement) as copy:
                copy.set_types(["bytea", "bytea", "bytea"])
                for key, value in records:
                    copy.write_row((key, os.urandom(16), value))
        self.run("VACUUM (ANALYZE) acctsec.records")

    def size(self, table: str) -> int:
        """The bytes that a table takes on the disk, with its indexes, its parts and all that lies in them."""
        [(size,)] = self.run(f"SELECT sum(pg_total_relation_size(relid))::int8 FROM pg_partition_tree('acctsec.{table}')")
        return size


@contextmanager
def database(server: RemotePostgres | None = None) -> Iterator[Database]:
    """A fresh one."""
    with empty_database(server) as made:
        migrate(made.durable)
        yield made


@contextmanager
def empty_database(server: RemotePostgres | None = None) -> Iterator[Database]:
    """A fresh one without any tables."""
    server = server or postgres()
    with server.database() as name:
        yield Database(server, name)


STORES = ("Valkey", "PostgreSQL", "PostgreSQL + Valkey")
NO_PERSISTENCE = "no-persistence"


@contextmanager
def opened(kind: str) -> Iterator[object]:
    """An empty store of a kind, beside the durable flush."""
    with ExitStack() as stack:
        if kind == "PostgreSQL":
            yield stack.enter_context(stack.enter_context(database()).store())
            return
        both = kind == "Valkey"
        kept = ValkeyStore(
            valkey().url(), namespace=f"bench{next(_namespaces)}", records=both, accept=[NO_PERSISTENCE] if both else []
        )
        stack.enter_context(kept)
        yield kept if both else SplitStore(records=stack.enter_context(stack.enter_context(database()).store()), meters=kept)


_namespaces = count()


class Users:
    """The platform's user table in PostgreSQL: one prepared query a look-up."""

    _SELECT = "SELECT subject, identifier FROM users WHERE "

    def __init__(self, conninfo: str, size: int) -> None:
        self.accounts = range(size)
        self._connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=0)
        self._connection.execute("CREATE TABLE users (subject text PRIMARY KEY, identifier text UNIQUE)")
        with self._connection.cursor().copy("COPY users FROM STDIN") as copy:
            for number in range(size):
                copy.write_row((f"subject-{number}", world.name(number)))
        self._connection.execute("ANALYZE users")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self._connection.close()

    def find(self, tenant: str, identifier: str) -> Account | None:
        """Look an account up by what was typed."""
        return self._one(f"{self._SELECT} identifier = %s", identifier)

    def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up by its subject."""
        return self._one(f"{self._SELECT} subject = %s", subject)

    def _one(self, statement: str, value: str) -> Account | None:
        row = self._connection.execute(statement, (value,)).fetchone()
        return None if row is None else Account(subject=row[0], identifiers=(row[1],), addresses=(row[1],))


# --- floors -----------------------------------------------------------------------------------------------------------

Call = Callable[[], object]

_UPSERT = (
    "INSERT INTO c AS c (k, n, w, u) VALUES (%b, 1, %b, %b) ON CONFLICT (k) DO UPDATE SET "
    "n = CASE WHEN c.w = excluded.w THEN c.n + 1 ELSE 1 END, w = excluded.w, u = excluded.u RETURNING n"
)
_SWAP = (
    "WITH done AS (UPDATE records SET v = %b WHERE k = %b RETURNING k) "
    "INSERT INTO outbox (entry) SELECT %b FROM done RETURNING seq"
)
KEYS = 2000
_GCRA = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = tonumber(redis.call('GET', KEYS[1]) or 0)
if tat < now then tat = now end
local allow_at = tat + interval - interval * burst
if now < allow_at then return allow_at - now end
local new = tat + interval
redis.call('SET', KEYS[1], string.format('%.0f', new), 'PX', math.ceil((new - now) / 1000) + 1)
return 0
"""


@contextmanager
def _cursor(conninfo: str):
    with psycopg.connect(conninfo, autocommit=True, prepare_threshold=0) as connection:
        yield connection.cursor(binary=True)


@contextmanager
def counter(conninfo: str) -> Iterator[Call]:
    """One prepared statement that counts and answers, each time under another of 2,000 keys."""
    keys, at = [os.urandom(16) for _ in range(KEYS)], count()
    with _cursor(conninfo) as cursor:
        cursor.execute(
            "CREATE TABLE c (k bytea PRIMARY KEY, n bigint NOT NULL, w bigint NOT NULL, u bigint NOT NULL) WITH (fillfactor = 50)"
        )
        yield lambda: cursor.execute(_UPSERT, (keys[next(at) % KEYS], 1, next(at))).fetchone()


@contextmanager
def swap(conninfo: str, *, record: bytes, entry: bytes) -> Iterator[Call]:
    """One statement that replaces a record and appends an entry, on the disk before it is answered."""
    records, at = (record, record[::-1]), count()
    with _cursor(conninfo) as cursor:
        cursor.execute("CREATE TABLE records (k bytea PRIMARY KEY, v bytea NOT NULL)")
        cursor.execute("CREATE TABLE outbox (seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, entry bytea NOT NULL)")
        cursor.execute("INSERT INTO records VALUES (%b, %b)", (b"key", record))
        yield lambda: cursor.execute(_SWAP, (records[next(at) % 2], b"key", entry)).fetchone()


@contextmanager
def reader(conninfo: str, record: bytes) -> Iterator[Call]:
    """One read of one row by its key, prepared."""
    with _cursor(conninfo) as cursor:
        cursor.execute("CREATE TABLE r (k bytea PRIMARY KEY, v bytea NOT NULL)")
        cursor.execute("INSERT INTO r VALUES (%b, %b)", (b"key", record))
        yield lambda: cursor.execute("SELECT v FROM r WHERE k = %b", (b"key",)).fetchone()


@contextmanager
def gcra() -> Iterator[Call]:
    """One call of one script that counts and answers, as redis-py makes it."""
    keys, at = [os.urandom(16) for _ in range(KEYS)], count()
    with redis.Redis.from_url(valkey().url()) as client:
        digest = client.script_load(_GCRA)
        yield lambda: client.evalsha(digest, 1, keys[next(at) % KEYS], 1, 1_000_000)


@contextmanager
def saver(*, record: bytes, entry: bytes) -> Iterator[Call]:
    """One script that replaces a record and appends an entry, on the disk before it is answered."""
    records, at = (record, record[::-1]), count()
    with redis.Redis.from_url(durable_valkey().url()) as client:
        digest = client.script_load("redis.call('SET', KEYS[1], ARGV[1]); return redis.call('RPUSH', KEYS[2], ARGV[2])")
        yield lambda: client.evalsha(digest, 2, "bench:record", "bench:outbox", records[next(at) % 2], entry)


@contextmanager
def getter(record: bytes) -> Iterator[Call]:
    """One read of one key, as redis-py makes it."""
    with redis.Redis.from_url(valkey().url()) as client:
        client.set("bench:record", record)
        yield lambda: client.get("bench:record")
