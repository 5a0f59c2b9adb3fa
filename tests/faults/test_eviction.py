"""Memory is full: a server that refuses is believed, and one that would forget something instead is refused."""

from datetime import timedelta
from itertools import count

import pytest
from redis.exceptions import OutOfMemoryError
from tests.faults.deeds import TIGHT, a_world
from tests.servers import Valkey

from acctsec import ConfigError, MemoryStore, SignedIn, SplitStore, StoreUnavailable
from acctsec.protocols import Charge, Granted, Ladder, Settle, Settlement
from acctsec.stores.valkey import ValkeyRisk, ValkeyStore
from acctsec.testing.world import IDENTIFIER, PASSWORD

LADDER = Ladder(free=3, first=0, longest=0, stop=3, window=0, lease=30_000_000)
NOW = 1_750_000_000_000_000
ROOM = 600_000  # bytes above what the server has when it is empty


@pytest.fixture
def full():
    """A Valkey that refuses what it has no memory for, and a store on it."""
    with Valkey(options={"maxmemory-policy": "noeviction"}) as server:
        server.run("CONFIG", "SET", "maxmemory", int(server.info("memory")["used_memory"]) + ROOM)
        with ValkeyStore(server.url(), timeout=timedelta(seconds=2)) as store:
            yield server, store


def fill(server):
    """Take all the memory that is left, and a little more."""
    with server.client() as client:
        for number in count():
            try:
                client.set(f"junk {number}", "x" * 1000)
            except OutOfMemoryError:
                break
    server.run("CONFIG", "SET", "maxmemory", int(server.info("memory")["used_memory"]) - ROOM // 4)


def free(server):
    """Give it back."""
    with server.client() as client:
        client.delete(*client.keys("junk *"))


def test_a_full_server_grants_nothing_and_goes_on_when_there_is_room(full):
    server, store = full
    [held] = store.charge([Charge(b"row", b"meter", LADDER, 1, b"hold")], NOW)
    fill(server)
    for number in range(5):
        with pytest.raises(StoreUnavailable, match="memory"):
            store.charge([Charge(b"row %d" % number, b"meter", LADDER, number, b"h")], NOW)
    with pytest.raises(StoreUnavailable):
        store.charge([Charge(b"row", b"meter", LADDER, 2, b"h")], NOW)
    store.settle([Settlement(b"row", b"meter", LADDER, held.hold, Settle.FAILED)], NOW)  # it takes no more memory
    assert store.read([(b"row", b"meter", LADDER)], NOW)[0].count == 1
    assert int(server.info("stats")["evicted_keys"]) == 0
    free(server)
    assert all(
        tally.count == tally.pending == 0 for tally in store.read([(b"row %d" % n, b"meter", LADDER) for n in range(5)], NOW)
    )
    assert isinstance(store.charge([Charge(b"row", b"meter", LADDER, 2, b"h")], NOW)[0], Granted)


def test_a_full_server_lets_nobody_guess(full):
    server, store = full
    w = a_world(SplitStore(records=MemoryStore(), meters=store), policy=TIGHT)
    fill(server)
    for number in range(10):
        with pytest.raises(StoreUnavailable):
            w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"198.18.0.{number + 1}"))
    assert not w.comparisons.all
    free(server)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_would_forget_is_refused_by_the_name_of_its_setting(policy):
    """All that a meter has is its key, which has a time to live: no policy but noeviction leaves it alone."""
    with Valkey(options={"maxmemory": "100mb", "maxmemory-policy": policy}) as server:
        with pytest.raises(ConfigError, match="maxmemory-policy"):
            ValkeyStore(server.url())
        ValkeyStore(server.url(), accept=[ValkeyRisk.EVICTION]).close()
