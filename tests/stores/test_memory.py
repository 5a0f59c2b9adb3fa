"""MemoryStore and its async form: the contract, and that garbage stays bounded."""

import subprocess
import sys

import pytest

from acctsec.protocols import Charge, Ladder
from acctsec.stores import AsyncMemoryStore, MemoryStore
from acctsec.testing import check_store

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOW = 1_750_000_000 * SECOND
LADDER = Ladder(free=5, first=SECOND, longest=SECOND, stop=9, window=HOUR, lease=SECOND)


@pytest.mark.parametrize("store", [MemoryStore, AsyncMemoryStore])
def test_keeps_the_contract(store):
    """Both forms, every clause."""
    check_store(store)


def charge(store, slot, now):
    store.charge([Charge(slot, b"m", LADDER, None, b"hold")], now)


def test_idle_rows_are_collected_as_new_ones_come():
    """A flood of names that come once each leaves no more behind than a few windows of them."""
    store = MemoryStore()
    for number in range(20_000):
        charge(store, b"%d" % number, NOW + number * HOUR // 1000)

    assert 2_000 < len(store._rows) < 6_000
    assert len(store._round) == len(store._rows)


def test_a_leaping_clock_collects_nothing():
    """Age is what passed, not what the clock says: a year's mistake costs an hour."""
    store = MemoryStore()
    charge(store, b"counted", NOW)
    for number in range(100):
        charge(store, b"%d" % number, NOW + 365 * 24 * HOUR)

    assert b"counted" in store._rows


def test_stores_import_no_loop_and_no_pool():
    """asyncio, thread pools and Hypothesis cost more to import than all of the stores; who needs them loads them."""
    heavy = ("asyncio", "concurrent.futures", "hypothesis")
    code = f"import sys, acctsec.stores; print([name for name in {heavy} if name in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
