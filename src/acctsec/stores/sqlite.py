"""Stores on one SQLite file, for everything that runs on one machine."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from os import PathLike, fspath, getpid
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from acctsec.errors import ConfigError
from acctsec.meters import FRESH, charge_row, settle_row, tally
from acctsec.protocols import Charge, Committed, Conflict, Drained, Ladder, Reading, Settlement, Tally, Version
from acctsec.stores._database import READERS, Database
from acctsec.stores._rows import MAX_ATTEMPTS, by_slot, expiry, grown, in_order, is_due, read_row

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Answer = TypeVar("Answer")

# Small rows lie in their key's tree; records are too long for that and would spill into pages of their own.
_SCHEMA_1 = (
    "CREATE TABLE records (key BLOB PRIMARY KEY NOT NULL, version BLOB NOT NULL, value BLOB NOT NULL)",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = 2**63 - 1
