"""SplitStore: two halves that keep the contract make a whole that does."""

from datetime import UTC, datetime

import pytest

from acctsec import (
    CHEAPEST,
    AsyncMemoryStore,
    AsyncSplitStore,
    ConfigError,
    Engine,
    Keyring,
    MemoryStore,
    SplitStore,
    ValkeyStore,
)
from acctsec.keyring import new_keys
from acctsec.testing import MemoryDirectory, check_store

DAY = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SplitStore(records=MemoryStore(), meters=MemoryStore()),
        lambda: AsyncSplitStore(records=AsyncMemoryStore(), meters=AsyncMemoryStore()),
    ],
    ids=["blocking", "async"],
)
def test_keeps_the_contract(make):
    """Every clause, in both forms."""
    check_store(make)


@pytest.mark.parametrize(
    ("split", "records", "meters", "what"),
    [
        (SplitStore, AsyncMemoryStore(), MemoryStore(), "records is the async form"),
        (SplitStore, MemoryStore(), AsyncMemoryStore(), "meters is the async form"),
        (AsyncSplitStore, MemoryStore(), AsyncMemoryStore(), "records is the blocking form"),
        (SplitStore, object(), MemoryStore(), "object has no load"),
        (SplitStore, MemoryStore(), object(), "object has no charge"),
    ],
    ids=["async records", "async meters", "blocking records", "no records", "no meters"],
)
def test_a_half_that_does_not_fit_is_refused(split, records, meters, what):
    with pytest.raises(ConfigError, match=what):
        split(records=records, meters=meters)


class Closed:
    """Records whose outbox nobody can look into."""

    def __init__(self, store, *methods):
        for method in methods:
            setattr(self, method, getattr(store, method))


def test_records_that_do_not_show_their_outbox_are_records_all_the_same():
    """Whoever wants to look into it is told what is lacking."""
    records = Closed(MemoryStore(), "load", "commit", "drain", "ack", "scan")
    store = SplitStore(records=records, meters=MemoryStore())
    store.commit(b"key", None, b"value", [b"entry"], b"1" * 16)
    for look in (lambda: store.waiting(DAY), lambda: store.dead_letters(b"", 9), lambda: store.revive([b"id"])):
        with pytest.raises(ConfigError, match="Closed has no waiting"):
            look()


def test_meters_alone_are_no_records(valkey):
    """A store of meters has every method there is; it is refused where records are due all the same."""
    with ValkeyStore(valkey.url()) as meters:
        with pytest.raises(ConfigError, match="keeps meters only"):
            SplitStore(records=meters, meters=meters)
        keyring = Keyring.from_text(new_keys())
        with pytest.raises(ConfigError, match=r"keeps meters only.*SplitStore"):
            Engine(policy=CHEAPEST, store=meters, directory=MemoryDirectory(), keyring=keyring, outbox="manual")
        SplitStore(records=MemoryStore(), meters=meters)
