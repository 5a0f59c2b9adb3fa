"""SplitStore: two halves that keep the contract make a whole that does."""

import pytest
from tests.places import opened, opened_async

from acctsec import AsyncMemoryStore, AsyncSplitStore, MemoryStore, SplitStore
from acctsec.testing import check_store


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


@pytest.mark.parametrize("form", [opened, opened_async])
def test_keeps_the_contract_with_records_on_postgresql_and_meters_on_valkey(form, places):
    """Every clause, in both forms, on two servers."""
    check_store(lambda: form(places.fresh("postgres+valkey").address))
