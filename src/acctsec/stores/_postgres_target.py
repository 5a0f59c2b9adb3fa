"""Which PostgreSQL a store talks to, and what it must be like to be trusted with records."""

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from psycopg import AsyncConnection, Connection, ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from acctsec.errors import ConfigError, StoreUnavailable
from acctsec.stores._postgres_schema import check_version, command, quoted
from acctsec.stores._postgres_wire import Ask, Link, Rows, Statement, number

UNREACHABLE = (
    "See whether it is up and listens there, that database, user and password are right, and that a primary is among the hosts."
)
LEAST_TIMEOUT = 2.0  # seconds: libpq gives no host less
PATIENCE, LOCK_PATIENCE, STALL = (
    0.9,
    0.6,
    1.0,
)  # shares of the timeout: a statement, its wait for a lock, a client that says nothing


class Target:
    """One database and one schema in it, and the terms on which a store works there."""

    def __init__(
        self, conninfo: str, *, schema: str, timeout: float, max_skew: float, may_lose_commits: bool, behind_pooler: bool
    ) -> None:
        if timeout < LEAST_TIMEOUT:
            raise ConfigError("timeout is less than two seconds.", remedy="Give two or more: libpq gives no host less.")
        known = parsed(conninfo)
        self.name = described(known)
        self.schema = quoted(schema)
        self.mend = command(schema)
        self.timeout = timeout
        # Never a replica: what it shows may be old, and old counts let guesses through.
        known.setdefault("application_name", "acctsec")
        if known.get("target_session_attrs") != "primary":
            known["target_session_attrs"] = "read-write"
        self._hosts = str(known.get("host") or known.get("hostaddr") or "").count(",") + 1
        given = str(known.pop("connect_timeout", "") or "0")
        if not given.isdecimal():
            raise ConfigError("connect_timeout is no number of seconds.", remedy="Give whole seconds, or leave it out.")
        self._most_patience = int(given)
        self.conninfo = make_conninfo("", **known)
        self._max_skew = max_skew
        self._may_lose_commits = may_lose_commits
        self._prepare = not behind_pooler
        self.greeting = self._greeting(session=not behind_pooler)

    def patience(self, seconds: float) -> int:
        """How many seconds to try one host, of those that are left for all."""
        share = int(max(seconds / self._hosts, LEAST_TIMEOUT))
        return min(share, self._most_patience) if self._most_patience else share

    def link(self, connection: "Connection[Any] | AsyncConnection[Any]") -> Link:
        """A new connection, not greeted yet."""
        return Link(connection, server=self.name, mend=self.mend, prepare=self._prepare)

    def _greeting(self, *, session: bool) -> list[Ask]:
        asked: list[Ask] = [
            (_FACTS, ()),
            (Statement(f"SELECT version::int8, readable_from::int8 FROM {self.schema}.schema_version"), ()),
        ]
        if session:
            # The server gives up a little before we do: then it can say so, and the connection lives.
            limits = [b"%d" % int(self.timeout * share * 1000) for share in (PATIENCE, LOCK_PATIENCE, STALL)]
            asked.append((_SETTINGS, tuple(limits)))
        return asked

    def accept(self, answers: Sequence[Rows], *, before: int, after: int) -> None:
        """Refuse what records must not be put into. *before* and *after* are this machine's clock, in nanoseconds."""
        [(replica, read_only, flushes, waits, standbys, clock)], versions = answers[0], answers[1]
        if replica == b"t" or read_only == b"on":
            raise StoreUnavailable(f"{self.name} is a replica.", remedy="Name the primary, or all of them: host=a,b.")
        check_version([(number(version), number(readable)) for version, readable in versions], self.name, self.mend)
        if not self._may_lose_commits:
            self._check_durability(flushes, waits, standbys)
        there = number(clock)
        skew = max(before // 1000 - there, there - after // 1000, 0) / 1e6
        if skew > self._max_skew:
            raise ConfigError(
                f"The clock of this machine and that of {self.name} are {skew:.1f} seconds apart.",
                remedy="Let both follow the same time service.",
            )

    def _check_durability(self, flushes: bytes, waits: bytes, standbys: bytes) -> None:
        # "local" waits for this disk only, and the commits that an awaited standby has not seen are gone when it takes over.
        if flushes == b"off":
            setting, event = "fsync=off", "a crash"
        elif waits == b"off":
            setting, event = "synchronous_commit=off", "a crash"
        elif waits == b"local" and standbys:
            setting, event = "synchronous_commit=local and synchronous standbys", "a fail-over"
        else:
            return
        name = setting.partition("=")[0]
        raise ConfigError(
            f"{self.name} has {setting}: {event} can take back commits that were answered.",
            remedy=f"Turn {name} on for this role, or say may_lose_commits=True.",
        )


def parsed(conninfo: str) -> dict[str, Any]:
    """A conninfo in its parts. What cannot be read is not shown: it may hold a password."""
    with suppress(ProgrammingError, UnicodeError):  # the latter carries the whole text
        if isinstance(conninfo, str):
            known = dict(conninfo_to_dict(conninfo))
            if _is_meant(conninfo, known):
                return known
    raise ConfigError(
        "The conninfo of PostgreSQL cannot be read.",
        remedy="Write host=… dbname=… user=…, or postgresql://user@host/database; there, percent-encode what is special in a "
        "password.",
    )


def _is_meant(conninfo: str, known: dict[str, Any]) -> bool:
    """Whether no part can be a piece of a password: in a URL, one that holds "@", "/" or ":" is cut in two by them."""
    if conninfo.startswith(("postgresql://", "postgres://")):
        place, _, database = conninfo.partition("://")[2].partition("?")[0].partition("/")
        if "@" in database or place.count("@") > 1:
            return False
    hosts = [host for name in ("host", "hostaddr") for host in str(known.get(name) or "").split(",")]
    ports = str(known.get("port") or "").split(",")
    named = "@" not in str(known.get("dbname") or "") and all(map(_is_host, hosts))
    return named and all(not port or port.isdecimal() for port in ports)


def _is_host(host: str) -> bool:
    if ":" in host:
        with suppress(ValueError):
            ip_address(host)
            return True
    # A socket may have any path, and one without a file begins with "@".
    return host.startswith("/") or not {":", "@"} & set(host[1:])


def described(known: dict[str, Any]) -> str:
    """A server as messages name it."""
    place = known.get("host") or known.get("hostaddr")
    where = f" at {place}" if place else ""
    if place and known.get("port"):
        where += f":{known['port']}"
    return f"PostgreSQL{where}, database {known['dbname']}" if known.get("dbname") else f"PostgreSQL{where}"


_FACTS = Statement(
    """SELECT CASE WHEN pg_is_in_recovery() THEN 't' ELSE 'f' END, current_setting('transaction_read_only'),
        coalesce(current_setting('fsync', true), ''), current_setting('synchronous_commit'),
        coalesce(current_setting('synchronous_standby_names', true), ''),
        (extract(epoch FROM clock_timestamp()) * 1000000)::int8"""
)
# Only what the engine knows. A plan is made once a connection, and goes by indexes whatever the statistics were at that moment:
# looking for the best of sixteen partitions each time costs more than the statement.
_SETTINGS = Statement(
    """SELECT set_config(s.name, w.value, false) FROM pg_settings AS s JOIN (VALUES
        ('statement_timeout', $1::text), ('lock_timeout', $2::text), ('idle_in_transaction_session_timeout', $3::text),
        ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off')) AS w (name, value) ON w.name = s.name"""
)
