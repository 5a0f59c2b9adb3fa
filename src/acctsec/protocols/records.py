"""Records: one versioned value a key, and what is to be sent, written in the same commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from attrs import field, frozen

from acctsec._values import Value

Version = bytes
"""Names one state of one record: the id of the commit that wrote it. Never repeats, also after a delete."""


class Committed(Value, frozen=True):
    """The commit happened; the record now has *version*."""

    version: Version | None


class Conflict(Value, frozen=True):
    """The record was not at the expected version; nothing was written."""


@frozen
class Drained:
    """One outbox entry handed to a worker for the length of its lease. *attempts* counts earlier hand-outs."""

    id: bytes
    entry: bytes = field(repr=False)
    attempts: int


class Page(Value, frozen=True):
    """The keys of some records; *after* begins the next page, and is None once there is none."""

    keys: tuple[bytes, ...]
    after: bytes | None


class AsyncRecordStore(Protocol):
    """Keeps one versioned record a key, and an outbox that is written in the same commit."""

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version; reads its own writes."""

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """
        Compare and swap, appending *outbox* in the same transaction; ``commit_id`` becomes the new version.

        ``value=None`` with a version deletes the record together with its undelivered entries (before appending);
        ``value=None`` without one only appends. Raises CommitUnknown when the answer was lost, StoreError when it failed.
        """

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Drained]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each further attempt."""

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""

    async def scan(self, after: bytes, limit: int) -> Page:
        """
        Name at most *limit* records, going on where a page ended that said *after*; ``b""`` begins.

        What is there from the first page to the last is on one of them at least: in any order, and perhaps twice. Records that
        come or go meanwhile may be on one or not. A page that is empty need not be the last.
        """


class RecordStore(Protocol):
    """The blocking form of AsyncRecordStore."""

    def load(self, key: bytes) -> tuple[bytes, Version] | None: ...

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict: ...

    def drain(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Drained]: ...

    def ack(self, ids: Sequence[bytes]) -> None: ...

    def scan(self, after: bytes, limit: int) -> Page: ...
