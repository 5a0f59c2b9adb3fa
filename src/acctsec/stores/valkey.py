"""Stores on Valkey or Redis, alone or as a cluster."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from acctsec.errors import ConfigError
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
    name_set,
)

if TYPE_CHECKING:
    from acctsec.stores._plans import Plan
    from acctsec.stores._valkey_calls import Caller
    from acctsec.stores._valkey_records import Records

_NAMESPACE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class ValkeyRisk(StrEnum):
    """What a store on Valkey refuses to run with, unless it is accepted by name."""

    EVICTION = "eviction"  # maxmemory-policy drops keys when memory is short, and with them locks
    NO_PERSISTENCE = "no-persistence"  # a crash takes records back to the last snapshot, or all of them
    LAST_SECOND = "last-second"  # appendfsync everysec: a crash takes back the commits of a second
    UNKNOWN_SETTINGS = "unknown-settings"  # the server tells neither CONFIG GET nor INFO


class _Parts:
    """What both forms are made of."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str,
        cluster: bool,
        connections: int,
        timeout: timedelta,
        max_skew: timedelta,
        replicas: int,
        records: bool,
        shards: int,
        accept: Iterable[str],
    ) -> None:
        try:
            from acctsec.stores._valkey_calls import Caller, Router
        except ImportError:
            raise ConfigError("redis-py is not installed.", remedy="Run `pip install 'acctsec[valkey]'`.") from None
        from acctsec.stores._valkey_checks import Checks
        from acctsec.stores._valkey_links import parse_url
        from acctsec.stores._valkey_meters import Meters
        from acctsec.stores._valkey_records import Records

        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigError(f"The namespace {namespace!r} cannot begin a key.", remedy="Use letters, digits and _ . : - only.")
        _check_number("connections", connections, 1, 10_000)
        _check_number("replicas", replicas, 0, 100)
        _check_number("shards", shards, 1, 1024)
        for name, length in (("timeout", timeout), ("max_skew", max_skew)):
            if length <= timedelta(0):
                raise ConfigError(f"{name} is {length!r}.", remedy="Give a timedelta above zero.")
        seed, self.options = parse_url(url)
        self.name = f"{seed[0]}:{seed[1]}" if seed[1] else seed[0]
        self.namespace = namespace
        self.connections = connections
        self.timeout = timeout.total_seconds()
        self._router = Router(seed, cluster=cluster)
        self._checks = Checks(cluster=cluster, records=records, accept=_risks(accept), max_skew=max_skew)
        self.caller = caller = Caller(self._router, replicas=replicas, timeout=self.timeout)
        self.meters = Meters(caller, f"{namespace}:m:".encode())
        self._records = Records(caller, f"{namespace}:".encode(), shards) if records else None

    @property
    def keeps_records(self) -> bool:
        """Whether it was made to."""
        return self._records is not None

    @property
    def records(self) -> "Records":
        """The records, if the store keeps them."""
        if self._records is None:
            raise ConfigError("This store keeps meters only.", remedy="Give it to SplitStore, or make it with records=True.")
        return self._records

    def start(self) -> "Plan[None]":
        """Look at every server that will be asked, and raise ConfigError for what is not accepted."""
        seed = self._router.seed
        yield from self._checks.look_at([seed])
        if self._router.cluster:
            yield from self._router.learn()
            yield from self._checks.look_at([address for address in self._router.primaries() if address != seed])
        if self._records is not None:
            yield from self._records.fix_shards()

    def __repr__(self) -> str:
        return f"{self.name!r}, namespace={self.namespace!r}"


class ValkeyStore:
    """
    Keeps meters on Valkey (7.2 or newer) or Redis (7.0 or newer), and records too where that is wished.

    Everything is decided in one script on the server, in one round trip; in a cluster a charge takes one for each slot. Only
    primaries are asked. *url* is ``redis://user:password@host:6379/0``, ``rediss://`` for TLS (``?ssl_ca_certs=file``) or
    ``unix:///path``; of a *cluster* it names any node. Several stores share a server under *namespaces* of their own.

    A call waits for *timeout* at most for a connection, to connect, and for its answer, and may be made twice: a charge or
    settlement only if doing it twice counts it once. What cannot be done raises StoreUnavailable; a server that failed three
    times in a row is left alone for a moment. *connections* are opened to each server as needed, and one call has one; a
    hundred calls of 0.2 ms each, every millisecond, need 20.

    Replicas follow in the background: one that is promoted may lack what was charged in the moments before, and those guesses
    are free again; of budgets that last never more than the record bounds. With *replicas* a charge, load or commit is
    answered when so many have what it says, in the same round trip: no fail-over to one of them takes an answer back. Where
    too few have it in time StoreUnavailable is raised, although it was done here: a guess stays reserved, and a commit is in
    force if they come to have it and gone if another takes over first. Until they do, no load of that record is answered
    either. Settlements, deliveries and ``read`` do not wait: one that is lost lapses into a failure, or is delivered again.

    With *records* it keeps records and the outbox as well, in *shards* parts, each on one server; their number is fixed when
    the first store starts. Records are only as durable as the server: it must run with ``appendonly yes`` and ``appendfsync
    always``, or what it may lose is to be accepted by name. Backups and fail-over without *replicas* can bring back what was
    replaced, such as a password or a token that was used: keep records in PostgreSQL where you can, and give both to
    ``SplitStore``.

    It looks at each server first: its clock must be within *max_skew* of this machine's, and settings that could drop or
    lose what is counted are refused, unless they are in *accept* (see `ValkeyRisk`). The user needs no more than::

        ACL SETUSER acctsec on >password resetkeys ~acctsec:* resetchannels -@all +info +config|get +time +evalsha
            +eval +wait +hmget +hset +hdel +hlen +hgetall +pttl +pexpire

    in a cluster ``+cluster|slots +asking`` too, and for records ``+get +set +del +getrange +hget +zadd +zrem +zrange
    +zrangebyscore +zrangebylex``, with ``+scan`` for `rewrap` and ``+zcard +zcount`` for `outbox`. Fork whenever you like;
    close it at the end.

    Raises ConfigError and StoreUnavailable when it is made, for a server that will not do or does not answer.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "acctsec",
        cluster: bool = False,
        connections: int = 16,
        timeout: timedelta = timedelta(seconds=1),
        max_skew: timedelta = timedelta(seconds=7.5),
        replicas: int = 0,
        records: bool = False,
        shards: int = 16,
        accept: Iterable[str] = (),
    ) -> None:
        self._parts = _Parts(
            url,
            namespace=namespace,
            cluster=cluster,
            connections=connections,
            timeout=timeout,
            max_skew=max_skew,
            replicas=replicas,
            records=records,
            shards=shards,
            accept=accept,
        )
        from acctsec.stores._valkey_links import Links

        self._links = Links(self._parts.options, connections=connections, timeout=self._parts.timeout)
        try:
            self._links.run(self._parts.start())
        except BaseException:
            self.close()
            raise

    @property
    def keeps_records(self) -> bool:
        """Whether it keeps records, or meters only."""
        return self._parts.keeps_records

    def __repr__(self) -> str:
        return f"ValkeyStore({self._parts!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Whatever is called afterwards raises StoreError."""
        self._links.close()

    def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return self._links.run(self._parts.records.load(key))

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same step."""
        return self._links.run(self._parts.records.commit(key, expected, value, outbox, commit_id))

    def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return self._links.run(self._parts.records.drain(limit, now, lease))

    def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        self._links.run(self._parts.records.ack(ids))

    def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in any order, going on where the page before ended."""
        return self._links.run(self._parts.records.scan(after, limit))

    def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return self._links.run(self._parts.records.waiting(now))

    def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return self._links.run(self._parts.records.dead_letters(after, limit))

    def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return self._links.run(self._parts.records.revive(ids))

    def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return self._links.run(self._parts.meters.charge(charges, now))

    def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        self._links.run(self._parts.meters.settle(settlements, now))

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return self._links.run(self._parts.meters.read(meters, now))


class AsyncValkeyStore:
    """
    The async form of `ValkeyStore`, for one event loop.

    It looks at the servers before its first call, once. A call that is cancelled gives its connection up: what it asked may be
    done or not, and its answer reaches nobody else.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "acctsec",
        cluster: bool = False,
        connections: int = 16,
        timeout: timedelta = timedelta(seconds=1),
        max_skew: timedelta = timedelta(seconds=7.5),
        replicas: int = 0,
        records: bool = False,
        shards: int = 16,
        accept: Iterable[str] = (),
    ) -> None:
        self._parts = _Parts(
            url,
            namespace=namespace,
            cluster=cluster,
            connections=connections,
            timeout=timeout,
            max_skew=max_skew,
            replicas=replicas,
            records=records,
            shards=shards,
            accept=accept,
        )
        from acctsec.stores._valkey_links import AsyncLinks

        self._links = AsyncLinks(
            self._parts.options, connections=connections, timeout=self._parts.timeout, start=self._parts.start
        )

    @property
    def keeps_records(self) -> bool:
        """Whether it keeps records, or meters only."""
        return self._parts.keeps_records

    def __repr__(self) -> str:
        return f"AsyncValkeyStore({self._parts!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection, those in use when their calls end. Whatever is called afterwards raises StoreError."""
        await self._links.close()

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version."""
        return await self._links.run(self._parts.records.load(key))

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Compare and swap, appending *outbox* in the same step."""
        return await self._links.run(self._parts.records.commit(key, expected, value, outbox, commit_id))

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> tuple[Drained, ...]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each attempt."""
        return await self._links.run(self._parts.records.drain(limit, now, lease))

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""
        await self._links.run(self._parts.records.ack(ids))

    async def scan(self, after: bytes, limit: int) -> Page:
        """Name at most *limit* records, in any order, going on where the page before ended."""
        return await self._links.run(self._parts.records.scan(after, limit))

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*."""
        return await self._links.run(self._parts.records.waiting(now))

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """Tell at most *limit* dead letters, in the order of their ids, from *after* on."""
        return await self._links.run(self._parts.records.dead_letters(after, limit))

    async def revive(self, ids: Sequence[bytes]) -> int:
        """Make dead letters due now, as if they had never been handed out; answers how many were dead."""
        return await self._links.run(self._parts.records.revive(ids))

    async def charge(self, charges: Sequence[Charge], now: int) -> tuple[Reading, ...]:
        """Answer each charge, in order. All charges of one slot are reserved, or none is."""
        return await self._links.run(self._parts.meters.charge(charges, now))

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement; idempotent by (slot, meter, hold)."""
        await self._links.run(self._parts.meters.settle(settlements, now))

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> tuple[Tally, ...]:
        """Read meters by (slot, meter, ladder) without changing them."""
        return await self._links.run(self._parts.meters.read(meters, now))


def links_of(store: object, form: type) -> "tuple[Caller, Any, bytes]":
    """What else may be kept on the servers of a *store* goes by: its caller, its connections, the beginning of its keys."""
    if not isinstance(store, form):
        message = f"What it is to be kept on is no {form.__name__}."
        raise ConfigError(message, remedy=f"Give the {form.__name__} whose servers it shall use.")
    parts: _Parts = store._parts  # type: ignore[attr-defined]  # noqa: SLF001 - of this module
    return parts.caller, store._links, f"{parts.namespace}:".encode()  # type: ignore[attr-defined]  # noqa: SLF001


def _check_number(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number from {least} to {most}.")


def _risks(given: Iterable[str]) -> frozenset[ValkeyRisk]:
    try:
        return frozenset(map(ValkeyRisk, name_set(given)))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{error}.".replace("ValkeyRisk", "risk"), remedy=f"Accept some of {', '.join(ValkeyRisk)}.") from None
