"""Stores on PostgreSQL, and on what speaks its language, for more than one machine."""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from acctsec.errors import ConfigError, StoreBusy, StoreError, StoreUnavailable
from acctsec.protocols import (
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

if TYPE_CHECKING:
    from acctsec.stores._postgres_pool import AsyncPool, Pool

PARTITIONS = 16
CONNECT_TIMEOUT = 10  # seconds that a migration gives each host which has none in its conninfo
LOCK_TIMEOUT = "10s"  # for a migration; whoever comes after it to a table that it waits for waits as long
MOST_CONNECTIONS = 10_000


class _Parts:
    """What both forms are made of."""

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str,
        connections: int,
        timeout: timedelta,
        max_skew: timedelta,
        may_lose_commits: bool,
        behind_pooler: bool,
    ) -> None:
        need_psycopg()
        from acctsec.stores._postgres_plans import Plans
        from acctsec.stores._postgres_target import Target

        if type(connections) is not int or not 1 <= connections <= MOST_CONNECTIONS:
            raise ConfigError(f"connections is {connections!r}.", remedy=f"Give a whole number from 1 to {MOST_CONNECTIONS}.")
        for name, length in (("timeout", timeout), ("max_skew", max_skew)):
            if not isinstance(length, timedelta) or length <= timedelta(0):
                raise ConfigError(f"{name} is {length!r}.", remedy="Give a timedelta above zero.")
        self.connections = connections
        self.target = Target(
            conninfo,
            schema=schema,
            timeout=timeout.total_seconds(),
            max_skew=max_skew.total_seconds(),
            may_lose_commits=may_lose_commits,
            behind_pooler=behind_pooler,
        )
        self.plans = Plans(self.target.schema)

    def __repr__(self) -> str:
        return f"{self.target.name!r}, schema={self.target.schema}"


class PostgresStore:
    """
    Keeps records, outbox and meters in one schema of a PostgreSQL database.

    Make its tables once, and again with each release: ``python -m acctsec store migrate``. Any number of processes on any
    number of machines share them; a process never asks a replica. A commit that was answered survives whatever the server
    survives. A charge is answered before the disk has it: a crash of the server may take back those of its last moments
    (three times ``wal_writer_delay``, 0.6 seconds as it comes).

    *connections* are opened as they are needed. One call takes one: ``load``, ``commit``, ``read``, ``drain``, ``ack`` and
    ``scan`` for one round trip, ``charge`` and ``settle`` for two. So a process needs about as many as its calls a second times
    the seconds a call takes (2000 calls of 1.5 ms: 3), and some for what comes in bursts; all processes together must stay below
    the server's ``max_connections``. A call that gets none waits, and a hundred for each may; the next is refused.

    One row of meters, an account or a source, admits about one charge a round trip, whoever asks. So at most two calls of a
    process have connections for the same row; a hundred more charges wait for it without one, the next is refused, and whoever
    comes for another row meets none of them. Settlements go first.

    *timeout* bounds a call as a whole, with waiting, connecting and trying again; only a host that swallows what is sent to
    it is given two seconds in any case. What could not be done until then raises StoreUnavailable, or CommitUnknown. A
    server that failed three times in a row is left alone for a moment; a call that spent its time in line is no such failure.

    The server's clock must be within *max_skew* of this machine's. Idle meters are collected by what passed on the server's.
    ``fsync`` and ``synchronous_commit`` must be on, unless *may_lose_commits* allows a crash to take commits back.
    *behind_pooler* is for poolers that hand a connection to another client between two transactions: it prepares no
    statements and sets nothing for the session; set ``statement_timeout``, ``lock_timeout`` and
    ``idle_in_transaction_session_timeout`` for the role instead.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "acctsec",
        connections: int = 10,
        timeout: timedelta = timedelta(seconds=4),
        max_skew: timedelta = timedelta(seconds=7.5),
        may_lose_commits: bool = False,
        behind_pooler: bool = False,
    ) -> None:
        self._parts = _Parts(
            conninfo,
            schema=schema,
            connections=connections,
            timeout=timeout,
            max_skew=max_skew,
            may_lose_commits=may_lose_commits,
            behind_pooler=behind_pooler,
        )
        self._plans = self._parts.plans
        self._pool = self._new_pool()
        self._pool.carry_out(self._plans.greet())
        _stores.add(self)

    def _new_pool(self) -> "Pool":
        from acctsec.stores._postgres_pool import Pool

        return Pool(self._parts.target, self._parts.connections)

    def __repr__(self) -> str:
        return f"PostgresStore({self._parts!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; whatever is called afterwards raises StoreError."""
        self._pool.close()

    def _examined(self) -> str:
        """Where the tables are; raises ConfigError if this role may not do all that an engine does."""
        target = self._parts.target
        lacking = self._pool.carry_out(self._plans.lacking())
        if lacking:
            raise ConfigError(
                f"{target.name}: this role lacks {', '.join(lacking)}.", remedy=f"Run `{target.mend} --grant-to ROLE`."
            )
        self._pool.carry_out(self._plans.age())
        return f"{target.name}: schema {target.schema} is ready"

    def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return self._pool.carry_out(self._plans.load(key))

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same transaction."""
        return self._pool.carry_out(self._plans.commit(key, expected, value, outbox, commit_id))

    def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return self._pool.carry_out(self._plans.drain(limit, now, lease))

    def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        self._pool.carry_out(self._plans.ack(ids))

    def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in the order of their keys, from where the page before ended."""
        return self._pool.carry_out(self._plans.scan(after, limit))

    def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return self._pool.carry_out(self._plans.waiting(now))

    def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return self._pool.carry_out(self._plans.dead_letters(after, limit))

    def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return self._pool.carry_out(self._plans.revive(ids))

    def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return self._pool.carry_out(self._plans.charge(charges, now), rows=self._plans.charged(charges))

    def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        self._pool.carry_out(self._plans.settle(settlements, now), rows=self._plans.settled(settlements), ends=True)

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return self._pool.carry_out(self._plans.read(meters, now))


class AsyncPostgresStore:
    """
    The async form of `PostgresStore`, for one event loop.

    It connects, and checks what it connects to, at its first call. A call that is cancelled while it waits for a connection is
    not made; one that has begun comes to its end by itself, so its transaction is whole and its answer reaches nobody.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "acctsec",
        connections: int = 10,
        timeout: timedelta = timedelta(seconds=4),
        max_skew: timedelta = timedelta(seconds=7.5),
        may_lose_commits: bool = False,
        behind_pooler: bool = False,
    ) -> None:
        self._parts = _Parts(
            conninfo,
            schema=schema,
            connections=connections,
            timeout=timeout,
            max_skew=max_skew,
            may_lose_commits=may_lose_commits,
            behind_pooler=behind_pooler,
        )
        self._plans = self._parts.plans
        self._pool = self._new_pool()
        _stores.add(self)

    def _new_pool(self) -> "AsyncPool":
        from acctsec.stores._postgres_pool import AsyncPool

        return AsyncPool(self._parts.target, self._parts.connections)

    def __repr__(self) -> str:
        return f"AsyncPostgresStore({self._parts!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Let what has begun come to its end, then close the connections."""
        await self._pool.finish()

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return await self._pool.carry_out(self._plans.load(key))

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same transaction."""
        return await self._pool.carry_out(self._plans.commit(key, expected, value, outbox, commit_id))

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return await self._pool.carry_out(self._plans.drain(limit, now, lease))

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        await self._pool.carry_out(self._plans.ack(ids))

    async def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in the order of their keys, from where the page before ended."""
        return await self._pool.carry_out(self._plans.scan(after, limit))

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return await self._pool.carry_out(self._plans.waiting(now))

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return await self._pool.carry_out(self._plans.dead_letters(after, limit))

    async def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return await self._pool.carry_out(self._plans.revive(ids))

    async def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return await self._pool.carry_out(self._plans.charge(charges, now), rows=self._plans.charged(charges))

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        await self._pool.carry_out(self._plans.settle(settlements, now), rows=self._plans.settled(settlements), ends=True)

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return await self._pool.carry_out(self._plans.read(meters, now))


def migrate(
    conninfo: str, *, schema: str = "acctsec", partitions: int = PARTITIONS, grant_to: str | None = None
) -> tuple[int, int]:
    """
    Make the tables of a store, or bring them to the version of this release; answers the version before and after.

    It changes nothing where nothing is to do, and several processes may call it at once. Run it as the role that owns the
    schema, before the first node of a release starts; nodes of the release before go on working. *grant_to* names the role
    that engines run as: it may read and write these tables, and neither create nor drop anything. *partitions* counts the
    parts of the large tables, and is fixed when they are made: 0 makes plain tables, for engines that shard by themselves.
    """
    need_psycopg()
    from psycopg import Connection, Error
    from psycopg.conninfo import make_conninfo

    from acctsec.stores._postgres_schema import check_partitions, migrate_tables
    from acctsec.stores._postgres_target import UNREACHABLE, described, parsed

    known = parsed(conninfo)
    check_partitions(partitions)
    server = described(known)
    known.setdefault("connect_timeout", CONNECT_TIMEOUT)
    known["target_session_attrs"] = "read-write"
    try:
        opened = Connection.connect(make_conninfo("", **known))
    except Error as error:
        raise StoreUnavailable(f"{server} cannot be reached: {_said(error)}.", remedy=UNREACHABLE) from error
    try:
        with opened as connection:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
            connection.commit()
            return migrate_tables(connection, schema=schema, partitions=partitions, grant_to=grant_to)
    except Error as error:
        if error.sqlstate == "55P03":
            raise StoreBusy(
                f"{server}: others have its tables locked: {_said(error)}.",
                remedy="Run it again when no dump and no long transaction is under way there.",
            ) from error
        if error.sqlstate == "42704" and grant_to is not None:
            remedy = "Make the role first (CREATE ROLE), or name another one to grant to."
        elif error.sqlstate == "42501":
            remedy = "Run it as the role that owns the database or the schema."
        else:
            remedy = "See the server's log; nothing was changed."
        raise StoreError(f"{server}: the tables could not be made: {_said(error)}.", remedy=remedy) from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).removesuffix(".")


def check(
    conninfo: str,
    *,
    schema: str = "acctsec",
    max_skew: timedelta = timedelta(seconds=7.5),
    may_lose_commits: bool = False,
    behind_pooler: bool = False,
) -> str:
    """
    See whether an engine can run on these tables as the role in *conninfo*; the answer says in a line where they are.

    The options are those of the store. Raises what it would raise: ConfigError for a wrong version, a role that lacks
    something, settings that can lose commits or a clock that is off, StoreUnavailable for a server that cannot be reached;
    and StoreError for a table of age that has not its one row.
    """
    with PostgresStore(
        conninfo,
        schema=schema,
        connections=1,
        max_skew=max_skew,
        may_lose_commits=may_lose_commits,
        behind_pooler=behind_pooler,
    ) as store:
        return store._examined()  # noqa: SLF001 - of this module


def need_psycopg() -> None:
    """Raise ConfigError where the driver is not installed."""
    try:
        import psycopg  # noqa: F401 - whether it is there is what is asked
    except ImportError:
        raise ConfigError("psycopg is not installed.", remedy="Run `pip install 'acctsec[postgres]'`.") from None


# A forked child must never touch a connection of its parent, not even to close it: good-bye would be said in the parent's
# name. It begins with none; what it inherited is kept from being collected.

_stores: "WeakSet[PostgresStore | AsyncPostgresStore]" = WeakSet()
_abandoned: list[object] = []


def _after_fork_in_child() -> None:
    for store in _stores:
        _abandoned.append(store._pool)  # noqa: SLF001 - this module's own
        store._pool = store._new_pool()  # noqa: SLF001 - the same


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
