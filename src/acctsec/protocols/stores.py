"""Stores: records and meters together, as an engine takes them."""

from typing import Protocol

from acctsec.protocols.meters import AsyncMeterStore, MeterStore
from acctsec.protocols.records import AsyncRecordStore, RecordStore


class AsyncStore(AsyncRecordStore, AsyncMeterStore, Protocol):
    """Records and meters in one place, for the async face."""


class Store(RecordStore, MeterStore, Protocol):
    """Records and meters in one place, for the blocking face."""
