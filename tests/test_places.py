"""The places that tests stand on are what they say they are."""

import json
from contextlib import closing

import psycopg
import pytest
from tests.faults.processes import Process
from tests.places import SHARED, STORES, opened

from acctsec import MemoryStore, SplitStore, SqliteStore
from acctsec.protocols import Charge, Committed, Conflict, Granted, Ladder
from acctsec.stores.postgres import PostgresStore
from acctsec.stores.valkey import ValkeyStore

NOW = 1_767_600_000_000_000
LADDER = Ladder(free=5, first=60_000_000, longest=60_000_000, stop=10, window=0, lease=1_000_000)
KINDS = {
    "memory": MemoryStore,
    "sqlite": SqliteStore,
    "postgres": PostgresStore,
    "valkey": ValkeyStore,
    "postgres+valkey": SplitStore,
}


def filled(place):
    """A store with a record, an entry and a meter."""
    store = place.open()
    assert store.commit(b"the key", None, b"the value", [b"the entry"], b"the commit") == Committed(b"the commit")
    assert isinstance(ordinal(store, b"1"), Granted)
    return store


def ordinal(store, hold):
    (reading,) = store.charge([Charge(b"the slot", b"the meter", LADDER, int.from_bytes(hold), hold)], NOW)
    return reading


@pytest.mark.parametrize("kind", STORES)
def test_a_place_is_of_its_kind_shows_every_byte_and_is_empty_when_it_is_fresh(kind, places):
    for _ in range(2):
        with closing(places.fresh(kind)) as place:
            assert type(filled(place)) is KINDS.get(kind) or isinstance(place.open(), KINDS[kind.partition("-")[0]])
            dump = place.dump()
            assert all(one in dump for one in (b"the key", b"the value", b"the entry", b"the commit", b"the slot", b"the meter"))
            [(collected, meters)] = place.rows()
            assert collected > 0
            assert meters == 1


@pytest.mark.parametrize("kind", STORES)
def test_a_loss_of_the_meters_leaves_the_record_and_its_entry(kind, places):
    with closing(places.fresh(kind)) as place:
        store = filled(place)
        assert ordinal(store, b"2").ordinal == 2
        place.lose_meters()
        assert place.rows() == []
        assert ordinal(store, b"3").ordinal == 1
        assert store.load(b"the key") == (b"the value", b"the commit")
        assert b"the entry" in place.dump()


@pytest.mark.parametrize("kind", SHARED)
def test_handles_are_separate_and_another_process_finds_what_lies_there(kind, places):
    with closing(places.fresh(kind)) as place:
        store, other = filled(place), place.open()
        assert store is not other
        assert other.commit(b"the key", None, b"another", [], b"later") == Conflict()
        process = Process(_load, json.dumps(place.address))
        assert process.line.recv() == (b"the value", b"the commit")
        assert process.end() == 0


def _load(address, line):
    with closing(opened(json.loads(address))) as store:
        line.send(store.load(b"the key"))


@pytest.mark.parametrize(
    ("kind", "level"),
    [("postgres", "read committed"), ("postgres-serializable", "serializable"), ("postgres+valkey", "read committed")],
)
def test_transactions_have_the_isolation_that_the_place_is_named_after(kind, level, places):
    place = places.fresh(kind)
    with psycopg.connect(place.address["postgres"]) as connection:
        assert connection.execute("SHOW transaction_isolation").fetchone() == (level,)


def test_what_a_session_keeps_open_is_handed_to_the_next_test(places):
    first = places.fresh("postgres")
    handles = [first.open(), first.open()]
    again = places.fresh("postgres")
    assert [again.open(), again.open()] == handles
    with closing(opened(again.address)) as own:
        assert own not in handles
