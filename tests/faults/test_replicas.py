"""Replicas lag, and are promoted, and primaries become replicas: a decision never reads what may be old."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest
from psycopg.conninfo import make_conninfo
from tests.faults.sites import PostgresSite
from tests.servers import Postgres, Valkey
from tests.servers.household import LOOPBACK

from acctsec import ConfigError, StoreUnavailable
from acctsec.errors import CommitUnknown
from acctsec.protocols import Charge, Committed, Granted, Ladder, Settle, Settlement
from acctsec.stores._plans import LONGEST
from acctsec.stores.postgres import PostgresStore
from acctsec.stores.valkey import ValkeyRisk, ValkeyStore

LADDER = Ladder(free=100, first=0, longest=0, stop=100, window=0, lease=30_000_000)
NOW = 1_750_000_000_000_000
DAY = datetime(2026, 1, 5, tzinfo=UTC)
TIMEOUT = timedelta(seconds=2)


def until_answered(call, *, within):
    """Try again until it is answered."""
    deadline = monotonic() + within
    while monotonic() < deadline:
        with suppress(StoreUnavailable):
            return call()
        sleep(0.02)
    raise AssertionError("it does not find its server")


def store_on(home, *ports):
    ports = ",".join(map(str, ports))
    conninfo = make_conninfo(home.conninfo(), host=",".join([LOOPBACK] * (ports.count(",") + 1)), port=ports)
    return PostgresStore(conninfo, timeout=TIMEOUT, may_lose_commits=True)


def test_a_replica_of_postgres_is_never_read_until_it_is_promoted():
    with Postgres() as primary, PostgresSite(primary) as home, primary.standby() as standby:
        with store_on(home, standby.port, primary.port) as store:
            store.commit(b"key", None, b"old", (), b"v1")
            standby.catch_up()
            standby.pause_replay()
            [reading] = store.charge([Charge(b"row", b"meter", LADDER, 1, b"hold")], NOW)
            assert isinstance(reading, Granted)
            assert store.commit(b"key", b"v1", b"new", [b"mail"], b"v2") == Committed(b"v2")
            assert [store.load(b"key") for _ in range(3)] == [(b"new", b"v2")] * 3
            assert store.read([(b"row", b"meter", LADDER)], NOW)[0].pending == 1
            with pytest.raises(StoreUnavailable):
                store_on(home, standby.port)
            standby.resume_replay()
            standby.catch_up()
            primary.kill()
            for ask in (
                lambda: store.commit(b"key", b"v2", b"lost", (), b"v3"),
                lambda: store.load(b"key"),  # there is a server that knows, and it must not say
                lambda: store.charge([Charge(b"row", b"meter", LADDER, 2, b"other")], NOW),
            ):
                with pytest.raises((StoreUnavailable, CommitUnknown)):
                    ask()
            standby.run("SELECT pg_promote()")
            assert until_answered(lambda: store.load(b"key"), within=LONGEST + 5) == (b"new", b"v2")
            assert store.commit(b"key", b"v2", b"newer", (), b"v4") == Committed(b"v4")
            assert store.read([(b"row", b"meter", LADDER)], NOW)[0].pending == 1
        primary.start()


def test_a_replica_of_valkey_is_refused():
    with Valkey() as primary, Valkey(replica_of=primary) as replica, pytest.raises(ConfigError, match="replica"):
        ValkeyStore(replica.url())


def test_a_primary_that_becomes_a_replica_says_nothing_more():
    """Under a live store, on connections that are open: neither an old answer nor a charge that would be forgotten."""
    with (
        Valkey() as first,
        Valkey() as second,
        ValkeyStore(first.url(), timeout=timedelta(seconds=1), records=True, accept=[ValkeyRisk.NO_PERSISTENCE]) as store,
    ):
        store.commit(b"key", None, b"value", [b"mail"], b"v1")
        store.charge([Charge(b"row", b"meter", LADDER, 1, b"hold")], NOW)
        first.run("REPLICAOF", LOOPBACK, second.port)
        for linked in (False, True):
            while linked and first.info("replication")["master_link_status"] != "up":
                sleep(0.02)
            for ask in (
                lambda: store.load(b"key"),
                lambda: store.commit(b"key", b"v1", b"new", (), b"v2"),
                lambda: store.charge([Charge(b"row", b"meter", LADDER, 2, b"other")], NOW),
                lambda: store.settle([Settlement(b"row", b"meter", LADDER, b"hold", Settle.FAILED)], NOW),
                lambda: store.read([(b"row", b"meter", LADDER)], NOW),
                lambda: store.drain(9, DAY, timedelta(seconds=1)),
            ):
                with pytest.raises((StoreUnavailable, CommitUnknown)):
                    ask()
        first.run("REPLICAOF", "NO", "ONE")
        # It is a primary again, of what its own primary had.
        assert until_answered(lambda: store.load(b"key"), within=LONGEST + 3) is None
        assert store.commit(b"key", None, b"value", (), b"v5") == Committed(b"v5")
