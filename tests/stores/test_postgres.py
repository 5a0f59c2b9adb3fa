"""
PostgresStore and its async form: the contract, what goes over the wire, and a server that hangs, dies or is the wrong one.

All of it runs as a role that may do nothing but what an engine needs.
"""

import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from itertools import count as numbers
from statistics import median

import psycopg
import pytest
from tests.servers import Authority, Postgres, Proxy

from acctsec._values import evolve
from acctsec.errors import CommitUnknown, ConfigError, StoreBusy, StoreError, StoreUnavailable
from acctsec.protocols import (
    MAX_ATTEMPTS,
    Backlog,
    Charge,
    Committed,
    Conflict,
    Filled,
    Granted,
    Ladder,
    Resting,
    Settle,
    Settlement,
    Untouched,
)
from acctsec.stores import _postgres_lines, _postgres_pool
from acctsec.stores._postgres_lines import AT_ONCE, Lines, Turn
from acctsec.stores._postgres_schema import SCHEMA_VERSION
from acctsec.stores._postgres_target import Target, parsed
from acctsec.stores._postgres_transactions import BEGIN, COMMIT
from acctsec.stores._postgres_wire import Statement
from acctsec.stores.postgres import AsyncPostgresStore, PostgresStore, migrate
from acctsec.testing import check_store

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_750_000_000 * SECOND
TODAY = datetime(2025, 6, 1, tzinfo=UTC)
LADDER = Ladder(free=10**6, first=0, longest=0, stop=10**7, window=HOUR, lease=SECOND)
NARROW = Ladder(free=1, first=HOUR, longest=HOUR, stop=10, window=0, lease=SECOND)
SOON = timedelta(milliseconds=200)
SHORT = timedelta(seconds=2)
LATE = SHORT.total_seconds() + 1
"""Seconds after which a call has not kept to that on a busy machine either; one that waits twice takes four."""
SERVED = 1
"""Seconds in which a busy machine too serves whoever waits for no row; a locked one is waited for 1.2, at the least."""
QUICK = 0.05
"""Seconds in which a call asked no server, on a busy machine too."""
LEVELS = ("read committed", "serializable")
WRITES = COMMIT[0].name  # what the last trip of a charge or settlement holds


class Home:
    """A database with the tables of a store, whose owner we are, and the conninfo of a role that engines run as."""

    def __init__(self, server, database):
        self.server = server
        self.database = database
        self.role = server.role("engine")
        self.owner = psycopg.connect(server.conninfo(database=database), autocommit=True)
        migrate(server.conninfo(database=database), grant_to=self.role)

    def conninfo(self, level="read committed", **parameters):
        option = f"-c default_transaction_isolation={level}".replace(" ", r"\ ").replace(r"-c\ ", "-c ")
        return self.server.conninfo(user=self.role, database=self.database, options=option, **parameters)

    def store(self, **options):
        return PostgresStore(self.conninfo(), may_lose_commits=True, **options)

    def clear(self, schema="acctsec"):
        self.owner.execute(
            f"TRUNCATE {schema}.records, {schema}.meters, {schema}.outbox; UPDATE {schema}.age SET age = 0, seen = 0"
        )

    def let_pass(self, time):
        """What a store sees after so many microseconds of the server's clock in which nobody looked."""
        self.owner.execute("UPDATE acctsec.age SET seen = seen - %s::int8", (time,))

    def age(self):
        """How old the store is, in microseconds."""
        return self.owner.execute("SELECT age FROM acctsec.age").fetchone()[0]

    @contextmanager
    def locked(self, *slots, age=False):
        """Rows that somebody keeps locked meanwhile."""
        with psycopg.connect(self.server.conninfo(database=self.database)) as other:
            for slot in slots:
                other.execute("SELECT 1 FROM acctsec.meters WHERE slot = %b FOR UPDATE", (slot,))
            if age:
                other.execute("SELECT 1 FROM acctsec.age FOR UPDATE")
            yield
            other.rollback()


@contextmanager
def home_on(server):
    with server.database() as database:
        home = Home(server, database)
        yield home
        home.owner.close()


@pytest.fixture(scope="module")
def home(postgres):
    with home_on(postgres) as home:
        yield home


@pytest.fixture
def store(home):
    home.clear()
    with home.store() as store:
        yield store


@pytest.fixture
def proxied(home):
    """A store behind a network that does as it is told, after its first words."""
    home.clear()
    with (
        Proxy(("127.0.0.1", home.server.port)) as proxy,
        PostgresStore(home.conninfo(port=proxy.port), timeout=SHORT, may_lose_commits=True) as store,
    ):
        warm(store)
        home.clear()
        yield store, proxy


@pytest.fixture
def mortal(mortal_postgres):
    with home_on(mortal_postgres) as home:
        yield home
        if not mortal_postgres.running:
            mortal_postgres.start()


def warm(store):
    """Let every statement be prepared that the tests count."""
    spent = [charge(slot=slot) for slot in (b"a", b"b")]
    for number in (1, 3):
        store.commit(b"key", None, b"value", (), version(number))
        store.commit(b"key", version(number), b"value", [b"one"], version(number + 1))
        store.ack([one.id for one in store.drain(9, TODAY, SOON)])
        store.commit(b"key", version(number + 1), None, [b"farewell"], version(99))
        store.commit(b"key", None, None, [b"appended"], version(98))
        store.commit(b"new", None, b"value", [b"entry"], version(97))
        store.charge(spent, NOW)
        store.charge([charge(slot=b"a", candidate=1)], NOW)
        store.settle([settlement(slot=b"a")], NOW)
        tally(store)


def version(number):
    return number.to_bytes(16)


def charge(number=0, slot=b"slot", candidate=None, ladder=LADDER):
    return Charge(slot, b"m", ladder, candidate, b"hold %d" % number)


def settlement(verdict=Settle.FAILED, number=0, slot=b"slot"):
    return Settlement(slot, b"m", LADDER, b"hold %d" % number, verdict)


def tally(store, slot=b"slot", now=NOW):
    return store.read([(slot, b"m", LADDER)], now)[0]


def asked(store, text):
    """What the server answers one of the store's own connections, as text."""

    def plan():
        [rows] = yield [(Statement(text), ())]
        return [tuple(value.decode() for value in row) for row in rows]

    return store._pool.carry_out(plan())


# --- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "level", "partitions"),
    [
        # Without partitions it is one of tests/stores/test_every_store.py; so of any two of the three, every pair is asked.
        (PostgresStore, "serializable", 16),
        (AsyncPostgresStore, "read committed", 16),
        pytest.param(PostgresStore, "read committed", 16, marks=pytest.mark.deep),
        pytest.param(AsyncPostgresStore, "serializable", 16, marks=pytest.mark.deep),
    ],
)
def test_keeps_the_contract(home, form, level, partitions):
    """Every clause, in both forms, at both levels of isolation, with partitions."""
    schema = f"in {partitions} parts"
    migrate(home.server.conninfo(database=home.database), schema=schema, partitions=partitions, grant_to=home.role)
    conninfo = home.conninfo(level)
    with PostgresStore(conninfo, schema=schema, may_lose_commits=True) as store:
        assert asked(store, "SHOW transaction_isolation") == [(level,)]

    def fresh():
        home.clear(f'"{schema}"')
        return form(conninfo, schema=schema, may_lose_commits=True)

    check_store(fresh)


def test_remembers_what_another_store_wrote(home, store):
    """Everything is in the database."""
    store.commit(b"key", None, b"value", [b"entry"], version(1))
    store.charge([charge()], NOW)
    with home.store() as other:
        assert other.load(b"key") == (b"value", version(1))
        assert [one.entry for one in other.drain(9, TODAY, SOON)] == [b"entry"]
        assert tally(other).count == 1


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE acctsec.mine (a int)",
        "CREATE TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "DROP TABLE acctsec.records",
        "TRUNCATE acctsec.records",
        "ALTER TABLE acctsec.records ADD COLUMN mine int",
        "UPDATE acctsec.schema_version SET version = 9",
        "DELETE FROM acctsec.age",
    ],
)
def test_its_role_can_neither_create_nor_drop(store, statement):
    """All that runs here runs as this role, and it needs none of that."""
    with pytest.raises(ConfigError, match=r"permission denied|must be owner"):
        asked(store, statement)


def test_updates_of_meters_touch_no_index(home, store):
    """New versions of a row stay on its page, so neither index nor disk grows with the number of guesses."""
    slots = [b"%d" % number for number in range(40)]
    for number in range(2_000):
        store.charge([charge(number, slots[number % 40], candidate=number % 8)], NOW)
    before_close = asked(store, "SELECT pg_stat_force_next_flush()::text")
    store.close()

    assert before_close
    deadline = time.monotonic() + 10
    written = (0, 0)
    while written[0] < 1_900 and time.monotonic() < deadline:
        time.sleep(0.05)
        written = home.owner.execute(
            "SELECT sum(n_tup_upd)::int8, sum(n_tup_hot_upd)::int8 FROM pg_stat_user_tables WHERE relname ~ '^meters_'"
        ).fetchone()
    updated, on_the_page = written
    assert updated >= 1_900
    assert on_the_page > 0.9 * updated


def test_the_dead_are_found_along_an_index_of_their_own(home, store):
    """However many are alive, and what is alive along the one that draining reads."""
    home.owner.execute(
        "INSERT INTO acctsec.outbox (key, commit_id, entry, attempts, due)"
        " SELECT 'key', 'commit', 'entry', CASE WHEN n % 1000 = 0 THEN 10 ELSE 0 END, 0 FROM generate_series(1, 50000) n"
    )
    home.owner.execute("ANALYZE acctsec.outbox")

    def plan(statement, *values):
        text = statement.text.decode()
        for number, value in enumerate(values, start=1):
            text = text.replace(f"${number}::int8", str(value))
        return "\n".join(line for (line,) in home.owner.execute(f"EXPLAIN {text}").fetchall())

    assert "Index Scan using outbox_dead" in plan(store._plans._dead, 0, 9)
    counting = plan(store._plans._waiting, 0)
    assert "using outbox_live" in counting
    assert "Seq Scan" not in counting
    assert store.waiting(TODAY) == Backlog(49_950, 0, 50, b"entry")


def test_tables_of_the_release_before_do_without_that_index(home, store):
    """It is only slower: nodes are upgraded after the tables, or before them."""
    store.commit(b"key", None, None, [b"entry"], version(1))
    now = TODAY
    for _ in range(MAX_ATTEMPTS):
        store.drain(9, now, SOON)
        now += timedelta(days=1)
    home.owner.execute("DROP INDEX acctsec.outbox_dead")
    try:
        [letter] = store.dead_letters(b"", 9).letters
        assert store.waiting(now) == Backlog(0, 0, 1, None)
        assert store.revive([letter.id]) == 1
    finally:
        home.owner.execute("CREATE INDEX outbox_dead ON acctsec.outbox (seq) WHERE attempts >= 10")


# --- what goes over the wire ------------------------------------------------------------------------------------------


def test_round_trips_are_few(proxied):
    """One for whatever is one statement, two for what has arithmetic in the middle; counted on the wire."""
    store, proxy = proxied

    def trips(call, *values):
        before = proxy.trips
        getattr(store, call)(*values)
        return proxy.trips - before

    several = [charge(slot=slot, candidate=7) for slot in (b"b", b"a", b"c")]
    assert trips("load", b"key") == 1
    assert trips("commit", b"key", None, b"value", (), version(1)) == 1
    assert trips("commit", b"key", None, b"value", [b"entry"], version(1)) == 1
    assert trips("commit", b"key", version(1), b"value", [b"entry", b"another"], version(2)) == 1
    assert trips("commit", b"key", None, None, [b"entry"], version(3)) == 1
    assert trips("commit", b"key", version(2), None, [b"entry"], version(4)) == 2
    assert trips("drain", 9, TODAY, SOON) == 1
    assert trips("ack", [bytes(24)]) == 1
    assert trips("scan", b"", 9) == 1
    assert trips("waiting", TODAY) == 1
    assert trips("dead_letters", b"", 9) == 1
    assert trips("revive", [bytes(24)]) == 1
    assert trips("charge", several, NOW) == 2  # it begins rows
    assert trips("charge", several, NOW) == 2  # it finds them
    assert trips("settle", [settlement(slot=slot) for slot in (b"b", b"a")], NOW) == 1  # nobody wrote since
    assert trips("settle", [settlement(slot=slot) for slot in (b"b", b"a")], NOW) == 2  # read, and found settled
    assert trips("read", [(slot, b"m", LADDER) for slot in (b"b", b"a")], NOW) == 1
    for nothing in (
        ("commit", b"key", None, None, (), version(5)),
        ("ack", ()),
        ("charge", (), NOW),
        ("settle", (), NOW),
        ("revive", ()),
    ):
        assert trips(*nothing) == 0


def test_a_row_that_somebody_else_wrote_to_is_read_before_it_is_settled(proxied, home):
    """A settlement that is made of what this process wrote itself must not undo what another one did since."""
    store, proxy = proxied

    def trips_of_a_settlement(number):
        before = proxy.trips
        store.settle([settlement(number=number, slot=slot) for slot in (b"a", b"b")], NOW)
        return proxy.trips - before

    with PostgresStore(home.conninfo(), may_lose_commits=True) as other:
        for slot in (b"a", b"b"):
            store.charge([charge(1, slot=slot, candidate=1)], NOW)
        other.charge([charge(2, slot=b"a", candidate=2)], NOW)

        assert trips_of_a_settlement(1) == 3, "One in which only b was settled, two for a."
        assert [(tally(store, slot).count, tally(store, slot).pending) for slot in (b"a", b"b")] == [(1, 1), (1, 0)]

        for slot in (b"a", b"b"):
            store.charge([charge(3, slot=slot, candidate=3)], NOW)
        assert trips_of_a_settlement(3) == 2, "Where others are at work nothing is guessed."
        for slot in (b"a", b"b"):
            store.charge([charge(4, slot=slot, candidate=4)], NOW)
        assert trips_of_a_settlement(4) == 1, "They are no more."
        other.settle([settlement(number=2, slot=b"a")], NOW)
        assert [(tally(store, slot).count, tally(store, slot).pending) for slot in (b"a", b"b")] == [(4, 0), (3, 0)]


def test_tls_is_the_driver_s_and_changes_nothing(home):
    """What TLS says by itself, session tickets, is not taken for a good-bye."""
    home.clear()
    authority = Authority()
    context = authority.server_context(protocols=["postgresql"])
    secure = {"sslmode": "verify-full", "sslrootcert": str(authority.ca), "sslnegotiation": "direct"}
    with (
        Proxy(("127.0.0.1", home.server.port), tls=context) as proxy,
        PostgresStore(home.conninfo(port=proxy.port, **secure), may_lose_commits=True) as store,
    ):
        for number in range(20):
            store.charge([charge(number)], NOW)
        assert tally(store).count == 20
        assert len(proxy.connections) == 1


def test_statements_are_prepared_once_a_connection(store):
    """The second time, only a name and the values go out."""
    warm(store)
    once = asked(store, "SELECT count(*)::text FROM pg_prepared_statements")
    warm(store)

    assert asked(store, "SELECT count(*)::text FROM pg_prepared_statements") == once != [("0",)]


def test_behind_a_pooler_nothing_is_left_in_the_session(home):
    """Neither prepared statements nor settings: the next transaction may be on another connection."""
    home.clear()
    with home.store(behind_pooler=True) as store:
        warm(store)

        assert asked(store, "SELECT count(*)::text FROM pg_prepared_statements") == [("0",)]
        assert asked(store, "SHOW statement_timeout") == [("0",)]


def test_a_pooler_that_was_not_named_is_recognised(store):
    """The statement that this connection prepared is not there any more."""
    store.load(b"key")
    asked(store, "DEALLOCATE ALL")

    with pytest.raises(StoreError, match="behind_pooler=True"):
        store.load(b"key")
    assert store.load(b"key") is None


def test_whoever_stalls_is_put_out_by_the_server(home):
    """A process that hangs in the middle of a charge would keep its rows locked for ever."""
    with home.store(timeout=timedelta(seconds=10)) as store:
        for setting, limit in (
            ("statement_timeout", "9s"),
            ("lock_timeout", "6s"),
            ("idle_in_transaction_session_timeout", "10s"),
        ):
            assert asked(store, f"SHOW {setting}") == [(limit,)]


# --- answers that are lost --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "happened", "entries"),
    [
        ("cut_reply", True, ()),
        ("cut_reply", True, (b"entry",)),
        ("cut_request", False, (b"entry",)),
        ("lose_reply", True, (b"entry",)),
    ],
)
def test_a_commit_without_an_answer_is_unknown(proxied, fault, happened, entries):
    """It is never repeated and never guessed: reading again shows what became of it."""
    store, proxy = proxied
    getattr(proxy, fault)(when=b"new value")

    with pytest.raises(CommitUnknown):
        store.commit(b"key", None, b"new value", entries, version(1))

    assert store.load(b"key") == ((b"new value", version(1)) if happened else None)
    assert [one.entry for one in store.drain(9, TODAY, SOON)] == (list(entries) if happened else [])


@pytest.mark.parametrize("fault", ["cut_reply", "cut_request"])
def test_an_erasure_without_an_answer_is_unknown_in_its_second_trip_only(proxied, fault):
    """What breaks off before COMMIT was sent is undone for certain, and done again."""
    store, proxy = proxied
    store.commit(b"key", None, b"value", (), version(1))
    getattr(proxy, fault)(when=lambda request: WRITES in request)
    with pytest.raises(CommitUnknown):
        store.commit(b"key", version(1), None, [b"farewell"], version(2))

    assert (store.load(b"key") is None) is (fault == "cut_reply")

    store.commit(b"other", None, b"value", (), version(3))
    getattr(proxy, fault)(when=lambda request: BEGIN[0].name in request)
    assert store.commit(b"other", version(3), None, (), version(4)) == Committed(None)


@pytest.mark.parametrize("fault", ["cut_reply", "cut_request"])
@pytest.mark.parametrize("trip", [BEGIN[0].name, WRITES])
def test_a_reservation_is_asked_for_again_and_made_once(proxied, fault, trip):
    """A repeat with the same hold reserves nothing more."""
    store, proxy = proxied
    getattr(proxy, fault)(when=trip)

    (reading,) = store.charge([charge(candidate=7)], NOW)

    assert (reading.hold, reading.ordinal) == (b"hold 0", 1)
    assert proxy.struck == 1
    assert (tally(store).count, tally(store).pending) == (0, 1)


@pytest.mark.parametrize(("fault", "count"), [("cut_reply", 1), ("cut_request", 0)])
def test_what_is_spent_is_never_spent_twice(proxied, fault, count):
    """Nobody knows whether it was; then nobody asks again."""
    store, proxy = proxied
    getattr(proxy, fault)(when=WRITES)

    with pytest.raises(StoreUnavailable):
        store.charge([charge(candidate=7), charge(slot=b"spent")], NOW)

    assert tally(store, b"spent").count == count


def test_what_broke_off_before_it_was_written_is_spent_all_the_same(proxied):
    """The server undid it for certain, so asking again is safe."""
    store, proxy = proxied
    proxy.cut_reply(when=BEGIN[0].name)

    store.charge([charge()], NOW)

    assert proxy.struck == 1
    assert tally(store).count == 1


@pytest.mark.parametrize("fault", ["cut_reply", "cut_request"])
def test_a_settlement_is_repeated(proxied, fault):
    """It is idempotent by its hold."""
    store, proxy = proxied
    store.charge([charge(candidate=7)], NOW)
    getattr(proxy, fault)(when=WRITES)

    store.settle([settlement()], NOW)

    assert proxy.struck == 1
    assert (tally(store).count, tally(store).pending) == (1, 0)


def test_what_is_shared_is_not_given_back_twice(proxied):
    """Of two who share a reservation one lets go, and his answer is lost: the other still holds it."""
    store, proxy = proxied
    store.charge([charge(1, candidate=7)], NOW)
    store.charge([charge(2, candidate=7)], NOW)
    proxy.cut_reply(when=WRITES)

    with pytest.raises(StoreUnavailable):
        store.settle([settlement(Settle.VOID, 1)], NOW)

    assert tally(store).pending == 1
    store.settle([settlement(Settle.VOID, 1)], NOW)
    assert tally(store).pending == 0


def test_a_connection_that_timed_out_is_never_used_again(proxied):
    """A late answer would be taken for that of the next call."""
    store, proxy = proxied
    store.commit(b"one", None, b"1", (), version(1))
    store.commit(b"two", None, b"2", (), version(2))
    proxy.lose_reply(when=b"one")
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.load(b"one")

    assert 1.9 < time.monotonic() - begun < LATE
    assert store.load(b"two") == (b"2", version(2))


# --- a server that hangs, dies, or is busy ----------------------------------------------------------------------------


def attempts(store, number):
    """How long each of so many calls takes to fail."""
    taken = []
    for _ in range(number):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.load(b"key")
        taken.append(time.monotonic() - begun)
    return taken


def attempts_at_once(store, number):
    """The same of so many calls beside each other, so that together they take as long as one."""
    with ThreadPoolExecutor(number) as threads:
        return [taken for one in [threads.submit(attempts, store, 1) for _ in range(number)] for taken in one.result()]


def test_a_hung_server_costs_three_timeouts_and_then_nothing(mortal):
    """It takes connections and says nothing. Once it runs again, so does the store."""
    with mortal.store(timeout=SHORT) as store:
        store.commit(b"key", None, b"value", (), version(1))
        mortal.server.pause()
        try:
            slow, quick = attempts(store, 3), attempts(store, 5)
        finally:
            mortal.server.resume()

        assert max(slow) < LATE
        assert median(quick) < QUICK  # a busy machine may come to the next look meanwhile
        assert back(store) == (b"value", version(1))


@pytest.mark.parametrize("table", ["schema_version", "records"])
def test_a_server_that_lets_everybody_in_and_says_nothing_is_left_alone_too(home, table):
    """A pooler does, or a disk that stalls: the greeting hangs, or what comes after it. A connection alone is no answer."""
    home.clear()
    with (
        home.store(timeout=SHORT, behind_pooler=True) as store,
        psycopg.connect(home.server.conninfo(database=home.database)) as other,
    ):
        store._pool.dismiss(older_than=time.monotonic())
        other.execute(f"LOCK TABLE acctsec.{table} IN ACCESS EXCLUSIVE MODE")
        slow, quick = attempts_at_once(store, 3), attempts(store, 5)
        other.rollback()

        assert max(slow) < LATE
        assert median(quick) < QUICK  # a busy machine may come to the next look meanwhile
        assert back(store) is None


def test_tasks_leave_it_alone_as_well(home):
    """In the async form."""
    home.clear()

    async def attempt(store):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.load(b"key")
        return time.monotonic() - begun

    async def main():
        with psycopg.connect(home.server.conninfo(database=home.database)) as other:
            other.execute("LOCK TABLE acctsec.schema_version IN ACCESS EXCLUSIVE MODE")
            async with async_store(home, timeout=SHORT) as store:
                return await asyncio.gather(*[attempt(store) for _ in range(3)]), [await attempt(store) for _ in range(5)]

    slow, quick = asyncio.run(main())
    assert 1.9 < min(slow) < max(slow) < LATE
    assert median(quick) < QUICK


def test_a_server_that_refuses_is_there(home):
    """What it has against the store is told each time, however often; it is never said to be gone."""
    home.clear()
    with home.store() as store:
        home.owner.execute("UPDATE acctsec.schema_version SET version = 0")
        try:
            for _ in range(5):
                store._pool.dismiss(older_than=time.monotonic())
                with pytest.raises(ConfigError, match="have version 0"):
                    store.load(b"key")
            store._pool.breaker._failures = 3
            for _ in range(5):
                with pytest.raises(ConfigError, match="have version 0"):
                    store.load(b"key")
        finally:
            home.owner.execute("UPDATE acctsec.schema_version SET version = %s", (SCHEMA_VERSION,))
        assert store.load(b"key") is None


def test_a_hung_server_is_no_crowd(mortal):
    """Only what this process has no room for is StoreBusy: whoever may count alone begins with the first charge that hangs."""
    with mortal.store(timeout=SHORT) as store:
        store.charge([charge()], NOW)
        mortal.server.pause()
        try:
            with ThreadPoolExecutor(3) as threads:
                calls = [threads.submit(store.charge, [charge(slot=b"%d" % number)], NOW) for number in range(3)]
                errors = [call.exception() for call in calls]
        finally:
            mortal.server.resume()
        assert all(isinstance(error, StoreUnavailable) and not isinstance(error, StoreBusy) for error in errors)


@pytest.mark.parametrize("state", ["08P01", "08006", "57P01", "40003"])
def test_what_a_pooler_says_for_a_server_that_it_lost_is_unavailable(store, state):
    """Nobody knows what became of it, and a manual does not help."""
    with pytest.raises(StoreUnavailable, match="broke off: gone"):
        asked(store, f"DO $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '{state}'; END $$")
    assert store.load(b"key") is None


def test_a_killed_server_is_noticed_when_it_is_back(mortal):
    """Connections from before the crash are found dead; nobody has to make a new store."""
    with mortal.store(timeout=SHORT) as store:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: store.commit(b"%d" % number, None, b"value", (), version(number)), range(80)))
        mortal.server.kill()
        assert max(attempts(store, 5)) < 1
        mortal.server.start()

        assert back(store, b"7") == (b"value", version(7))
        for number in range(80):
            assert store.load(b"%d" % number) == (b"value", version(number))


def test_a_restart_between_two_calls_is_not_noticed(mortal):
    """What rests in the pool is looked at before it is used."""
    with mortal.store(timeout=SHORT) as store:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: store.load(b"key"), range(80)))
        mortal.server.kill()
        mortal.server.start()

        assert store.commit(b"key", None, b"value", (), version(1)) == Committed(version(1))


def back(store, key=b"key"):
    """What is read once the server is back, within five seconds."""
    until = time.monotonic() + 5
    while True:
        try:
            return store.load(key)
        except StoreUnavailable:
            assert time.monotonic() < until
            time.sleep(0.02)


def test_more_calls_than_connections_wait_and_are_then_refused(home, store, monkeypatch):
    """Never more connections than were allowed, never an endless queue; whoever waits is served in the end."""
    monkeypatch.setattr(_postgres_pool, "MAX_WAITING", 3)
    store.charge([charge(candidate=1)], NOW)
    with home.store(connections=1) as small, ThreadPoolExecutor(8) as threads:
        with home.locked(b"slot"):
            held = threads.submit(small.charge, [charge(candidate=1)], NOW)
            wait_for(lambda: blocked(home))
            waiting = [threads.submit(small.load, b"key") for _ in range(3)]
            wait_for(lambda: len(small._pool._turns._waiting) == 3)
            with pytest.raises(StoreBusy, match="3 calls wait for one"):
                small.load(b"key")
        held.result()
        assert [one.result() for one in waiting] == [None] * 3


def test_whoever_waits_for_a_connection_does_so_for_a_while_only(home, store):
    """Then he is refused, and the next one is served."""
    store.charge([charge(candidate=1)], NOW)
    with home.store(connections=1, timeout=SHORT) as small, ThreadPoolExecutor(1) as threads:
        with home.locked(b"slot"):
            held = threads.submit(small.charge, [charge(candidate=1)], NOW)
            wait_for(lambda: blocked(home))
            small._pool.target.timeout = 0.1
            begun = time.monotonic()
            with pytest.raises(StoreBusy, match="none became free in time"):
                small.load(b"key")
            assert time.monotonic() - begun < SERVED
            small._pool.target.timeout = 2.0
        held.result()
        assert small.load(b"key") is None


def blocked(home):
    """Whether somebody waits for a lock there."""
    return home.owner.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s", (home.database,)
    ).fetchone()[0]


def wait_for(happens):
    until = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_an_interrupted_call_undoes_its_transaction(home, store):
    """Neither a connection nor a place in the queue is lost, and nothing is half done."""
    store.charge([charge(candidate=1)], NOW)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with home.store(connections=1) as small:
            with home.locked(b"slot"):
                signal.setitimer(signal.ITIMER_REAL, 0.2)
                with pytest.raises(KeyboardInterrupt):
                    small.charge([charge(2, b"other"), charge(3, candidate=2)], NOW)
            assert (tally(small).pending, tally(small, b"other").count) == (1, 0)
            assert isinstance(small.charge([charge(4, candidate=3)], NOW)[0], Granted)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("limit", ["LIFETIME", "IDLE"])
def test_no_connection_is_kept_for_ever(store, limit, monkeypatch):
    """Certificates, addresses and settings change, and firewalls forget."""
    backends = {asked(store, "SELECT pg_backend_pid()::text")[0] for _ in range(3)}
    assert len(backends) == 1
    monkeypatch.setattr(_postgres_pool, limit, 0.0)

    assert len(backends | {asked(store, "SELECT pg_backend_pid()::text")[0] for _ in range(3)}) >= 3


def test_a_locked_row_does_not_make_the_server_gone(home):
    """Whoever waits for it is refused in time; everybody else is served."""
    home.clear()
    with home.store(timeout=SHORT) as store:
        store.charge([charge(candidate=1)], NOW)
        with home.locked(b"slot"), ThreadPoolExecutor(4) as threads:
            begun = time.monotonic()
            calls = [threads.submit(store.charge, [charge(candidate=number)], NOW) for number in range(4)]
            refusals = [call.exception() for call in calls]
            assert time.monotonic() - begun < LATE
            assert {isinstance(one, StoreBusy) for one in refusals} == {True}
            assert store.load(b"key") is None
        assert tally(store).pending == 1


@contextmanager
def crowd(store, slot, number=12):
    """So many calls at one row at once, and their outcomes at the end."""
    outcomes = []

    def one(candidate):
        try:
            outcomes.append(store.charge([charge(candidate, b"source %d" % candidate), charge(candidate, slot, candidate)], NOW))
        except StoreUnavailable as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one, args=(candidate,)) for candidate in range(number)]
    for thread in threads:
        thread.start()
    yield outcomes
    for thread in threads:
        thread.join()


def test_who_waits_for_one_row_leaves_the_connections_to_others(home):
    """However many guess at one account: whoever comes for another is served at once, and the server does not count as gone."""
    home.clear()
    with home.store(timeout=SHORT, connections=4) as store:
        store.charge([charge(candidate=1), charge(slot=b"another")], NOW)
        with home.locked(b"slot"), crowd(store, b"slot") as outcomes:
            wait_for(lambda: blocked(home) == 2)
            for number in range(20):
                begun = time.monotonic()
                assert store.load(b"key") is None
                assert isinstance(store.charge([charge(number, b"another")], NOW)[0], Granted)
                assert time.monotonic() - begun < SERVED
                assert blocked(home) <= 2
            wait_for(lambda: len(outcomes) == 12)
            assert {isinstance(one, StoreBusy) for one in outcomes} == {True}
            assert store.load(b"key") is None
        assert (tally(store).pending, tally(store, b"another").count) == (1, 21)
        assert isinstance(store.charge([charge(99, candidate=99)], NOW)[0], Granted)
        assert len(store._pool._lines._lines) == 0


def test_a_deadline_that_passed_in_line_is_no_failure_of_the_server(home):
    """With what is left of its time a call cannot tell whether the server has gone or its row is taken."""
    home.clear()
    slots = [b"%d" % number for number in range(4)]
    with home.store(timeout=SHORT, connections=20) as store:
        store.charge([charge(slot=slot, candidate=1) for slot in slots], NOW)
        with home.locked(*slots), ExitStack() as crowds:
            outcomes = [crowds.enter_context(crowd(store, slot, 6)) for slot in slots]
            wait_for(lambda: sum(map(len, outcomes)) == 24)
            late = [error for error in chain(*outcomes) if "did not answer in time" in str(error)]
            assert len(late) >= 6
            assert {isinstance(one, StoreBusy) for one in late} == {True}
            assert store.load(b"key") is None


def test_a_line_at_a_row_has_an_end(home, store, monkeypatch):
    """Whoever would have to wait behind too many is told so at once; a settlement goes before them all."""
    monkeypatch.setattr(_postgres_lines, "MAX_IN_LINE", 5)
    store.charge([charge(50, candidate=50)], NOW)
    held = ExitStack()
    held.enter_context(home.locked(b"slot"))
    with held, crowd(store, b"slot", 7) as outcomes, ThreadPoolExecutor(1) as threads:
        wait_for(lambda: len(store._pool._lines._lines) == 8)
        wait_for(lambda: blocked(home) == 2)
        begun = time.monotonic()
        with pytest.raises(StoreBusy, match="5 wait already"):
            store.charge([charge(51, candidate=51)], NOW)
        assert time.monotonic() - begun < SERVED
        settled = threads.submit(store.settle, [settlement(number=50)], NOW)
        wait_for(lambda: len(store._pool._lines._lines._lines[b"slot"].first) == 1)
        lines, began = store._pool._lines._lines, []
        try_one = lines._try
        monkeypatch.setattr(lines, "_try", lambda turn: try_one(turn) and (began.append(turn.ends) or True))
        held.close()
        assert settled.exception() is None
    assert len(outcomes) == 7
    assert began == [True, *[False] * 5], "Of those that waited it is the first to begin."
    assert tally(store).pending == 7
    assert len(store._pool._lines._lines) == 0


def test_lines_keep_their_promises(monkeypatch):
    """Few at a row at once, nobody left behind, no circle, nothing kept: whoever comes, ends and gives up in whatever order."""
    monkeypatch.setattr(_postgres_lines, "MAX_IN_LINE", 30)
    chance, rows = random.Random(7), "abcde"
    lines, running, waiting, refused, longest = Lines(), {}, {}, 0, 0

    def begin(name):
        running[name] = waiting.pop(name)

    for name in range(20_000):
        if chance.random() < 0.55:
            turn = Turn(chance.sample(rows, chance.randint(1, 3)), chance.random() < 0.3, partial(begin, name))
            if not lines.join(turn):
                assert not turn.ends
                refused += 1
            else:
                (waiting if turn.waits else running)[name] = turn
        elif waiting and chance.random() < 0.3:
            lines.leave(waiting.pop(chance.choice(list(waiting))))
        elif running:
            lines.leave(running.pop(chance.choice(list(running))))
        at = {row: sum(row in turn.rows for turn in running.values()) for row in rows}
        assert max(at.values()) <= AT_ONCE
        # Whoever waits and could begin if he were alone has somebody before him, and the foremost of all always begins.
        assert all(max(at[row] for row in turn.rows) == AT_ONCE for turn in foremost(waiting.values()))
        longest = max(longest, *[sum(row in turn.rows and not turn.ends for turn in waiting.values()) for row in rows])
    while running:
        lines.leave(running.pop(next(iter(running))))
    assert not waiting
    assert len(lines) == 0
    assert longest == 30
    assert refused > 100


def foremost(turns):
    """The first of these turns, settlements before charges; none if there are none."""
    return sorted(turns, key=lambda turn: not turn.ends)[:1]


def test_who_is_past_his_budget_does_not_wait_for_others(home, store):
    """His own row is locked, and those of his victim are not, from the second refusal on."""
    full = [charge(1, b"source", candidate=1, ladder=NARROW)]
    store.charge(full, NOW)
    store.charge([charge(candidate=5)], NOW)
    again = [charge(2, b"source", candidate=2, ladder=NARROW), charge(3, b"slot", candidate=6)]
    assert store.charge(again, NOW) == (Filled(), Untouched())
    with home.locked(b"slot"):
        begun = time.monotonic()
        assert store.charge(again, NOW) == (Filled(), Untouched())
        assert time.monotonic() - begun < SERVED
    store.settle([Settlement(b"source", b"m", NARROW, b"hold 1", Settle.VOID)], NOW)

    mine, victims = store.charge(again, NOW)

    assert (mine.hold, victims.hold) == (b"hold 2", b"hold 3")
    assert [type(one) for one in store.charge([charge(4, b"source", candidate=4, ladder=NARROW)], NOW)] == [Filled]
    assert tally(store).pending == 2


# --- many at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_no_charge_is_lost_in_a_crowd(home, level):
    """Sixteen threads over rows that overlap, asked for in every order, some of them begun at that moment."""
    home.clear()
    slots = [b"%d" % number for number in range(4)]

    def work(worker):
        for turn in range(10):
            mine = [slots[(worker + turn + step * (1 if worker % 2 else -1)) % 4] for step in range(3)]
            store.charge([charge(100 * worker + turn, slot) for slot in mine], NOW)

    with PostgresStore(home.conninfo(level), may_lose_commits=True, timeout=timedelta(seconds=30)) as store:
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(work, range(16)))

        assert sum(tally(store, slot).count for slot in slots) == 16 * 10 * 3


def test_processes_share_a_database(home, store):
    """No charge is lost and no version is won twice, whoever makes them."""
    code = f"""
import sys
from acctsec.protocols import *
from acctsec.stores.postgres import PostgresStore
store = PostgresStore(sys.argv[1], may_lose_commits=True)
for number in range(60):
    store.charge([Charge(b"slot", b"m", {LADDER!r}, None, b"hold")], {NOW})
    while True:
        past, version = store.load(b"key") or (b"0", None)
        made = sys.argv[2].encode() + b"%d" % number
        if isinstance(store.commit(b"key", version, b"%d" % (int(past) + 1), [made], made), Committed):
            break
store.close()
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, home.conninfo(), name]) for name in "abc"]

    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert tally(store).count == 180
    assert store.load(b"key")[0] == b"180"
    assert len({one.entry for one in store.drain(999, TODAY, SOON)}) == 180


def test_many_workers_drain_without_waiting_for_each_other(home, store):
    """Each entry is handed out once; what one worker is about to take, the next one passes over."""
    for number in range(30):
        store.commit(b"key", None, None, [b"%d.%d" % (number, part) for part in range(10)], version(number))
    with psycopg.connect(home.server.conninfo(database=home.database)) as other:
        taken = other.execute("SELECT entry FROM acctsec.outbox ORDER BY seq LIMIT 5 FOR UPDATE").fetchall()
        begun = time.monotonic()
        first = store.drain(5, TODAY, SOON)
        assert time.monotonic() - begun < SERVED
        assert not {one.entry for one in first} & {bytes(entry) for (entry,) in taken}
    handed = [one.entry for one in first]

    def work(_):
        found = []
        while drained := store.drain(7, TODAY, SOON):
            found += [one.entry for one in drained]
            store.ack([one.id for one in drained])
        return found

    with ThreadPoolExecutor(12) as threads:
        for found in threads.map(work, range(12)):
            handed += found

    assert len(handed) == len(set(handed)) == 300


def test_nothing_is_lost_and_nothing_done_twice_while_connections_are_killed(home, store):
    """What was answered happened once; what was not answered happened once or not at all."""
    over = threading.Event()
    spent, unknown, versions, killed = [], [], [], [0]

    def killer():
        while not over.is_set():
            killed[0] += home.owner.execute(
                """SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
                    WHERE usename = %s AND datname = %s ORDER BY random() LIMIT 1) AS one (pid)""",
                (home.role, home.database),
            ).fetchone()[0]
            time.sleep(0.02)

    def count(worker):
        for number in takewhile(lambda number: number < 300 or killed[0] <= 10, numbers()):
            try:
                store.charge([charge(100_000 * worker + number)], NOW)
                spent.append(number)
            except StoreUnavailable:
                unknown.append(number)

    def write(worker):
        for number in range(120):
            mine = version(1_000 * (worker + 1) + number)
            done = None
            while done is None:
                with suppress(StoreUnavailable):
                    past, last = store.load(b"key") or (b"0", None)
                    if last == mine:  # it did happen: only its answer was lost
                        break
                    with suppress(CommitUnknown):
                        answer = store.commit(b"key", last, b"%d" % (int(past) + 1), [mine], mine)
                        done = mine if isinstance(answer, Committed) else None
            versions.append(mine)

    with ThreadPoolExecutor(9) as threads:
        killing = threads.submit(killer)
        work = [threads.submit(count, worker) for worker in range(4)] + [threads.submit(write, worker) for worker in range(4)]
        for one in work:
            one.result()
        over.set()
        killing.result()

    assert killed[0] > 10
    back(store)  # the last that were cut may have made it leave the server alone for a moment
    assert len(spent) <= tally(store).count <= len(spent) + len(unknown)
    entries = [one.entry for one in store.drain(9_999, TODAY, SOON)]
    assert int(store.load(b"key")[0]) == len(entries) == len(set(entries))
    assert set(versions) == set(entries)


# --- the wrong server -------------------------------------------------------------------------------------------------


def test_tables_that_are_missing_are_named_with_the_command_that_makes_them(home):
    """The message can be typed."""
    with pytest.raises(ConfigError) as refused:
        home.store(schema="not there")

    assert "python -m acctsec store migrate --schema 'not there'" in refused.value.remedy


@pytest.mark.parametrize(
    "conninfo",
    [
        "not a conninfo with Hunter2 in it",
        "postgresql://user:Hunter2@[half/db",
        b"password=Hunter2",
        "postgresql://user:Hun/ter2@h/db",
        "postgresql://user:12/Hunter2@h/db",
        "postgresql://user:12/Hunter2@h?dbname=db",
        "postgres://user:p@Hunter2@h/db",
        "postgresql://user:p@@Hunter2/db",
        "postgresql://user:Hunter2",
        "postgresql:///db?host=user:Hunter2@h",
        "host=user:Hunter2 dbname=db",
        "host=h dbname=postgresql://user:Hunter2@h/db",
    ],
)
@pytest.mark.parametrize("call", [PostgresStore, AsyncPostgresStore, migrate])
def test_a_conninfo_that_cannot_be_read_is_not_repeated(conninfo, call):
    """It may hold a password, and messages end up in logs. Half a password that is taken for a host is one too."""
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        call(conninfo)

    assert "percent-encode" in refused.value.remedy
    assert not any(part in full_text(refused.value) for part in ("Hun", "ter2", "12"))


@pytest.mark.parametrize(
    "conninfo",
    [
        "postgresql://user:p%40ss%2Fw@h:5432/db",
        "postgresql://user:pass@[::1]:5432/db",
        "host=fe80::1%eth0,::1,h port=5432,,5433",
        "host=@socket dbname=db",
        "host=/a:b/c@d",
        "postgresql://%2Frun%2Fpostgresql/db",
        "service=mine",
        "",
    ],
)
def test_hosts_may_be_addresses_and_sockets(conninfo):
    """What cannot be half of a password is left alone."""
    assert parsed(conninfo).get("host") != "user"


def full_text(error):
    """All that a traceback would say of an error and of those before it."""
    said = []
    while error is not None:
        said.append(f"{error!r} {error}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " ".join(said)


def test_a_password_shows_nowhere(home, caplog):
    """Neither in the name of a store, nor in what it raises, nor in a log."""
    caplog.set_level(logging.INFO)
    password = home.server.conninfo(user=home.role).split("password=")[1].split()[0]
    with home.store() as store:
        assert home.database in repr(store)
        assert password not in repr(store)
    with pytest.raises(StoreUnavailable) as refused:
        PostgresStore(home.conninfo().replace(password, "Hunter2"), may_lose_commits=True)

    assert "Hunter2" not in full_text(refused.value)
    assert "password authentication failed" in str(refused.value)
    assert "database, user and password are right" in refused.value.remedy
    assert "Hunter2" not in caplog.text and password not in caplog.text


def test_a_replica_is_never_asked():
    """What it shows may be old. Where all are named, the primary is found."""
    with Postgres() as primary, home_on(primary) as home, primary.standby() as standby:
        standby.catch_up()
        with pytest.raises(StoreUnavailable, match="read-only") as refused:
            PostgresStore(home.conninfo(port=standby.port), may_lose_commits=True)
        assert "a primary is among the hosts" in refused.value.remedy
        hosts = {"host": "127.0.0.1,127.0.0.1", "port": f"{standby.port},{primary.port}"}
        with PostgresStore(home.conninfo(**hosts), may_lose_commits=True) as store:
            assert asked(store, "SELECT pg_is_in_recovery()::text") == [("false",)]
            assert store.commit(b"key", None, b"value", (), version(1)) == Committed(version(1))


def test_a_server_that_does_not_write_any_more_is_left_for_another(store):
    """Its connections are dropped, and the call goes to whoever writes now."""
    asked(store, "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    before = asked(store, "SELECT pg_backend_pid()::text")

    assert store.commit(b"key", None, b"value", (), version(1)) == Committed(version(1))
    assert asked(store, "SELECT pg_backend_pid()::text") != before


@pytest.mark.parametrize("off", [-60, 60])
def test_a_clock_that_is_off_is_refused(home, off, monkeypatch):
    """Two engines whose clocks differ by a lease would not agree on what has lapsed."""
    monkeypatch.setattr(_postgres_pool, "time_ns", lambda: time.time_ns() + off * 10**9)

    with pytest.raises(ConfigError, match=r"(59|60)\.\d seconds apart"):
        home.store()
    home.store(max_skew=timedelta(seconds=61)).close()


def test_settings_that_can_lose_commits_are_refused(home):
    """Unless it is said by name that a crash may take commits back."""
    with pytest.raises(ConfigError, match="fsync=off"):
        PostgresStore(home.conninfo())
    with Postgres(durable=True) as server, home_on(server) as safe:
        PostgresStore(safe.conninfo()).close()
        with pytest.raises(ConfigError, match="synchronous_commit=off"):
            PostgresStore(server.conninfo(user=safe.role, database=safe.database, options="-c synchronous_commit=off"))


def test_commits_that_an_awaited_standby_has_not_seen_can_be_lost():
    """With synchronous standbys the disk of the primary alone is not enough; without them it is."""
    with Postgres(durable=True) as server, home_on(server) as safe:
        local = {"user": safe.role, "database": safe.database, "options": "-c synchronous_commit=local"}
        PostgresStore(server.conninfo(**local)).close()
        safe.owner.execute("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
        safe.owner.execute("SELECT pg_reload_conf()")
        wait_for(lambda: safe.owner.execute("SHOW synchronous_standby_names").fetchone() == ("elsewhere",))
        with pytest.raises(ConfigError, match="synchronous_commit=local and synchronous standbys"):
            PostgresStore(server.conninfo(**local))
        PostgresStore(server.conninfo(**local), may_lose_commits=True).close()
        PostgresStore(safe.conninfo()).close()
        safe.owner.execute("ALTER SYSTEM RESET synchronous_standby_names")
        safe.owner.execute("SELECT pg_reload_conf()")
        wait_for(lambda: safe.owner.execute("SHOW synchronous_standby_names").fetchone() == ("",))


def test_a_driver_that_is_missing_is_named():
    """The library itself does not need it."""
    code = """
import sys
sys.modules["psycopg"] = None
from acctsec.stores.postgres import AsyncPostgresStore, PostgresStore, migrate
for call in (PostgresStore, AsyncPostgresStore, migrate):
    try:
        call("host=nowhere")
    except Exception as error:
        print(type(error).__name__, error.remedy)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == ["ConfigError Run `pip install 'acctsec[postgres]'`."] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": timedelta(seconds=1)}, "two seconds"),
        ({"timeout": 4}, "timeout is 4"),
        ({"timeout": timedelta(0)}, "timeout is"),
        ({"connections": 0}, "connections is 0"),
        ({"connections": 2.5}, "connections is 2.5"),
        ({"connections": "10"}, "connections is '10'"),
        ({"connections": True}, "connections is True"),
        ({"max_skew": 7.5}, "max_skew is 7.5"),
        ({"max_skew": timedelta(seconds=-5)}, "max_skew is"),
        ({"schema": ""}, "name"),
        ({"schema": "x" * 64}, "name"),
    ],
)
def test_what_cannot_be_meant_is_refused(home, options, message):
    """libpq gives no host less than two seconds; without a connection nothing is done."""
    for form in (home.store, partial(async_store, home)):
        with pytest.raises(ConfigError, match=message):
            form(**options)


@pytest.mark.parametrize(("given", "left", "tried"), [("", 4, 2), ("connect_timeout=3", 9, 3), ("connect_timeout=0", 9, 4)])
def test_each_host_is_given_its_share_of_the_time(given, left, tried):
    """And no more than the conninfo says."""
    target = Target(f"host=a,b {given}", schema="s", timeout=9.0, max_skew=1.0, may_lose_commits=False, behind_pooler=False)

    assert target.patience(left) == tried


def test_a_damaged_row_admits_nobody(home, store):
    """It is an error, not an empty row, and the next call is none the worse for it."""
    store.charge([charge(candidate=1)], NOW)
    home.owner.execute("UPDATE acctsec.meters SET value = '\\x0199'")
    for call in (lambda: store.charge([charge(candidate=2)], NOW), lambda: tally(store)):
        with pytest.raises(StoreError, match="damaged"):
            call()
    assert isinstance(store.charge([charge(slot=b"other")], NOW)[0], Granted)


def test_a_closed_store_says_so(home):
    """And closing twice does no harm."""
    store = home.store()
    store.close()
    store.close()

    with pytest.raises(StoreError, match="was closed"):
        store.load(b"key")


# --- garbage ----------------------------------------------------------------------------------------------------------


def rows(home):
    return home.owner.execute("SELECT count(*) FROM acctsec.meters").fetchone()[0]


def test_idle_rows_are_collected(home, store):
    """A flood of names that come once each leaves no more behind than a few windows of them."""
    for number in range(3_000):
        store.charge([charge(slot=b"%d" % number)], NOW + number * HOUR // 150)
        if number % 75 == 0:
            home.let_pass(HOUR // 2)

    assert 300 < rows(home) < 1_200


def test_a_leaping_clock_collects_nothing(home, store):
    """Age is what passed, not what the clock says: a year's mistake of the server's costs an hour, one of ours nothing."""
    store.charge([charge(slot=b"counted")], NOW)
    for number in range(600):
        if number == 300:
            home.let_pass(365 * 24 * HOUR)
        store.charge([charge(slot=b"%d" % number)], NOW + 365 * 24 * HOUR)

    assert rows(home) == 601
    assert HOUR <= home.age() - HOUR < HOUR + 60 * SECOND


def test_clocks_that_are_apart_collect_nothing(home):
    """Two machines, one two hours ahead of the other, look in turn: the store ages by what passes on its server."""
    home.clear()
    with home.store() as store:
        store.charge([charge(slot=b"counted")], NOW)
    before = home.age()
    for look in range(20):
        with home.store() as store:
            store.charge([charge(slot=b"%d" % look)], NOW + look % 2 * 2 * HOUR)

    assert home.age() - before < 60 * SECOND
    assert rows(home) == 21


def test_age_goes_on_in_the_next_process(home):
    """Processes that live shorter than any window collect all the same."""
    home.clear()
    for hour in range(8):
        with home.store() as store:
            store.charge([charge(slot=b"%d" % hour)], NOW)
        home.let_pass(HOUR)

    assert rows(home) <= 4


def test_who_stalls_while_he_tidies_is_in_nobody_s_way(home, store):
    """Another process hangs with the age of the store in its hands; those that are about to tidy do what they came for."""
    store.charge([charge(slot=b"old")], NOW)
    with home.locked(age=True):
        begun = time.monotonic()
        for number in range(5):
            with home.store(timeout=SHORT) as fresh:
                assert isinstance(fresh.charge([charge(slot=b"%d" % number)], NOW)[0], Granted)
        assert time.monotonic() - begun < SERVED
    home.let_pass(HOUR)
    before = home.age()
    with home.store() as later:
        later.charge([charge(slot=b"new")], NOW)
    assert home.age() >= before + HOUR


def test_the_end_of_an_idle_hour_collects_nothing_that_was_written_meanwhile(home, store):
    """One process brings the age up to date, another writes a row of a short window by the age of before."""
    store.charge([charge(slot=b"old")], NOW)
    home.let_pass(HOUR)
    brief = evolve(LADDER, window=60 * SECOND)
    with home.locked(age=True), home.store(timeout=SHORT) as other:
        other.charge([charge(slot=b"short", ladder=brief)], NOW)
    with home.store() as later:
        later.charge([charge(slot=b"new")], NOW)

    assert home.age() >= HOUR
    assert {slot for (slot,) in home.owner.execute("SELECT slot FROM acctsec.meters")} >= {b"short"}


def test_what_cannot_be_collected_now_is_left_for_the_next_time(home, store):
    """Somebody has an idle row in his hands: neither does the charge wait for it nor is the age of the store forgotten."""
    store.charge([charge(slot=b"idle"), charge(slot=b"idle too")], NOW)
    for _ in range(3):
        home.let_pass(HOUR)
        before = home.age()
        with home.locked(b"idle"), home.store(timeout=SHORT) as other:
            begun = time.monotonic()
            assert isinstance(other.charge([charge(slot=b"other")], NOW)[0], Granted)
            assert time.monotonic() - begun < SERVED
        assert home.age() >= before + HOUR
    assert rows(home) == 3
    with home.store() as other:
        other.charge([charge(slot=b"other")], NOW)
    assert rows(home) == 1


def test_rows_outlive_their_window_even_if_their_process_never_tidied(home, store):
    """A fresh process that finds another at it still learns how old the store is, and dates its rows by that."""
    for _ in range(50):
        home.let_pass(HOUR)
        with home.store() as other:
            other.charge([charge(slot=b"other")], NOW)
    with home.locked(age=True), home.store() as fresh:
        fresh.charge([charge(slot=b"counted")], NOW)
    with home.store() as other:
        other.charge([charge(slot=b"other")], NOW)

    assert rows(home) == 2


@pytest.mark.parametrize(
    ("spoil", "rows", "mend"),
    [("DELETE FROM acctsec.age", "no", "INSERT"), ("INSERT INTO acctsec.age VALUES (2, 0, 0)", "2", "DELETE")],
)
def test_an_age_that_is_lost_or_doubled_is_named_with_what_mends_it(home, spoil, rows, mend):
    """A restore may leave it so. The line can be typed, and then all goes on."""
    home.clear()
    with home.store() as store:
        home.owner.execute(spoil)
        for call in (lambda: store.charge([charge()], NOW), store._examined):
            with pytest.raises(StoreError, match=f"has {rows} rows") as refused:
                call()
        line = refused.value.remedy.split("`")[1]
        assert line.startswith(mend)
        home.owner.execute(line)
        assert isinstance(store.charge([charge()], NOW)[0], Granted)
        assert "is ready" in store._examined()


def test_a_publication_of_all_tables_denies_nothing():
    """What copies a database elsewhere needs a key in each table that changes."""
    with Postgres(settings={"wal_level": "logical"}) as server, home_on(server) as home:
        home.owner.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        with home.store() as store:
            assert isinstance(store.charge([charge()], NOW)[0], Granted)


# --- forks ------------------------------------------------------------------------------------------------------------


def forked(work):
    """The exit code of a child that does *work*."""
    if (child := os.fork()) == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_has_connections_of_its_own(store):
    """It does not speak on those of its parent, not even to say good-bye."""
    store.commit(b"key", None, b"value", (), version(1))
    mine = asked(store, "SELECT pg_backend_pid()::text")

    def work():
        assert asked(store, "SELECT pg_backend_pid()::text") != mine
        assert store.commit(b"key", version(1), b"the child's", (), version(2)) == Committed(version(2))
        store.close()

    assert forked(work) == 0
    assert asked(store, "SELECT pg_backend_pid()::text") == mine
    assert store.load(b"key") == (b"the child's", version(2))


def test_forks_in_the_middle_of_calls(home, store):
    """Other threads hold every connection and every lock of the pool at that moment."""
    stop = threading.Event()
    errors = []

    def busy(number):
        try:
            while not stop.is_set():
                store.charge([charge(number, b"%d" % number, candidate=number)], NOW)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    try:
        codes = [forked(lambda: store.charge([charge(slot=b"child")], NOW)) for _ in range(10)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert codes == [0] * 10
    assert errors == []
    assert tally(store, b"child").count == 10


# --- the async form ---------------------------------------------------------------------------------------------------


def async_store(home, **options):
    return AsyncPostgresStore(home.conninfo(), may_lose_commits=True, **options)


def test_a_cancelled_call_leaves_everything_whole(home, store):
    """One that waits is not made; one that has begun ends; neither costs a connection nor gives its answer to another."""

    async def main():
        async with async_store(home, connections=1) as other:
            await other.load(b"key")
            link = other._pool._resting[0]
            with home.locked(b"slot"):
                begun = asyncio.create_task(other.charge([charge(1, candidate=1)], NOW))
                await asyncio.to_thread(wait_for, lambda: blocked(home))
                waits = asyncio.create_task(other.commit(b"key", None, b"never", (), version(1)))
                await asyncio.sleep(0.02)
                for task in (begun, waits):
                    task.cancel()
                assert [type(one) for one in await asyncio.gather(begun, waits, return_exceptions=True)] == [
                    asyncio.CancelledError
                ] * 2
            assert await other.load(b"key") is None
            assert other._pool._resting[0] is link
            return (await other.read([(b"slot", b"m", LADDER)], NOW))[0]

    store.charge([charge(0, candidate=0)], NOW)
    assert asyncio.run(main()).pending == 2


def test_tasks_at_one_row_leave_the_connections_to_others(home, store):
    """The async form stands in line too; whoever hangs up there leaves no place taken."""
    store.charge([charge(candidate=1)], NOW)

    async def main():
        async with async_store(home, connections=4, timeout=SHORT) as other:
            with home.locked(b"slot"):
                tasks = [asyncio.create_task(other.charge([charge(number, candidate=number)], NOW)) for number in range(2, 32)]
                await asyncio.to_thread(wait_for, lambda: blocked(home) == 2)
                for task in tasks[::3]:
                    task.cancel()
                for number in range(20):
                    begun = time.monotonic()
                    assert await other.load(b"key") is None
                    await other.charge([charge(number, b"another")], NOW)
                    assert time.monotonic() - begun < SERVED
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert sum(isinstance(one, asyncio.CancelledError) for one in outcomes) == 10
            assert sum(isinstance(one, tuple) for one in outcomes) == 20
            assert blocked(home) == 0
            assert len(other._pool._lines._lines) == 0

    asyncio.run(main())
    # Two had begun, one of which was cancelled: it came to its end.
    assert tally(store).pending == 22


def test_tasks_that_wait_for_a_row_give_up_in_time(home, store, monkeypatch):
    """At once where too many wait already, at the end of their time if not; neither makes the server gone."""
    monkeypatch.setattr(_postgres_lines, "MAX_IN_LINE", 20)
    store.charge([charge(candidate=1)], NOW)

    async def main():
        async with async_store(home, connections=4, timeout=SHORT) as other:
            with home.locked(b"slot"):
                begun = time.monotonic()
                calls = [other.charge([charge(number, candidate=number)], NOW) for number in range(2, 32)]
                outcomes = await asyncio.gather(*calls, return_exceptions=True)
                assert 1 < time.monotonic() - begun < LATE
                assert await other.load(b"key") is None
            assert {isinstance(one, StoreBusy) for one in outcomes} == {True}
            assert sum("20 wait already" in str(one) for one in outcomes) == 8
            assert sum("did not come in time" in str(one) for one in outcomes) >= 14
            assert len(other._pool._lines._lines) == 0

    asyncio.run(main())
    assert tally(store).pending == 1


def test_a_hail_of_cancellations_changes_no_answer(home):
    """Whoever hangs up at any moment, the others get their own answers."""
    home.clear()

    async def main():
        async with async_store(home, connections=4) as store:
            for number in range(20):
                await store.commit(b"%d" % number, None, b"value %d" % number, (), version(number))
            tasks = [asyncio.create_task(store.load(b"%d" % (number % 20))) for number in range(400)]
            for number, task in enumerate(tasks):
                if number % 3 == 0:
                    task.cancel()
                if number % 7 == 0:
                    await asyncio.sleep(0.0005)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            right = 0
            for number, answer in enumerate(answers):
                if not isinstance(answer, asyncio.CancelledError):
                    assert answer == (b"value %d" % (number % 20), version(number % 20))
                    right += 1
            return right

    assert asyncio.run(main()) >= 260


def test_another_loop_is_refused_and_the_next_one_is_not(home):
    """A connection belongs to one loop at a time; when that is over, another may have the store."""
    home.clear()
    store = async_store(home)
    with asyncio.Runner() as first:
        assert first.run(store.load(b"key")) is None
        with ThreadPoolExecutor(1) as threads:
            refusal = threads.submit(asyncio.run, store.load(b"key")).exception()
        assert isinstance(refusal, ConfigError)
        assert first.run(store.load(b"key")) is None

    async def ends():
        await store.commit(b"key", None, b"value", (), version(1))
        await store.close()

    asyncio.run(ends())
    with pytest.raises(StoreError, match="was closed"):
        asyncio.run(store.load(b"key"))


def test_an_async_store_gives_up_in_time_too(mortal):
    """On a server that hangs, and on a pool that is exhausted; then the breaker answers at once."""

    async def main():
        async with async_store(mortal, connections=2, timeout=SHORT) as store:
            await store.load(b"key")
            mortal.server.pause()
            try:
                begun = time.monotonic()
                failed = await asyncio.gather(*[store.load(b"key") for _ in range(6)], return_exceptions=True)
                assert time.monotonic() - begun < LATE
                assert {isinstance(one, StoreUnavailable) for one in failed} == {True}
                with pytest.raises(StoreUnavailable, match="in time"):
                    await store.load(b"key")
                begun = time.monotonic()
                with pytest.raises(StoreUnavailable, match="left alone"):
                    await store.load(b"key")
                assert time.monotonic() - begun < QUICK
            finally:
                mortal.server.resume()
            until = time.monotonic() + 5
            while time.monotonic() < until:
                with suppress(StoreUnavailable):
                    return await store.load(b"key")
                await asyncio.sleep(0.02)
        return "never"

    assert asyncio.run(main()) is None


def test_many_tasks_share_few_connections(home):
    """Three hundred at once on three connections: each gets its answer."""
    home.clear()

    async def main():
        async with async_store(home, connections=3) as store:
            asked_for = [store.commit(b"%d" % number, None, b"%d" % number, (), version(number)) for number in range(300)]
            assert await asyncio.gather(*asked_for) == [Committed(version(number)) for number in range(300)]
            await asyncio.gather(*[store.charge([charge(number)], NOW) for number in range(50)])
            assert await store.commit(b"7", None, b"again", (), version(7)) == Conflict()
            [one] = await store.read([(b"slot", b"m", LADDER)], NOW)
            connected = home.owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND datname = %s", (home.role, home.database)
            ).fetchone()[0]
            return one.count, connected

    assert asyncio.run(main()) == (50, 3)


def test_a_child_forked_from_a_loop_can_begin_one_of_its_own(home):
    """The loop, the connections and the semaphores stay with the parent."""
    home.clear()

    async def main():
        async with async_store(home) as store:
            await store.commit(b"key", None, b"value", (), version(1))

            def work():
                asyncio.events._set_running_loop(None)
                assert asyncio.run(store.load(b"key")) == (b"value", version(1))

            assert forked(work) == 0
            return await store.load(b"key")

    assert asyncio.run(main()) == (b"value", version(1))


def test_a_rest_is_answered_as_elsewhere(store):
    """A failure that is settled makes the meter rest until its time."""
    store.charge([charge(1, candidate=1, ladder=NARROW)], NOW)
    store.settle([Settlement(b"slot", b"m", NARROW, b"hold 1", Settle.FAILED)], NOW)

    assert store.charge([charge(2, candidate=2, ladder=NARROW)], NOW) == (Resting(NOW + HOUR, 1),)
