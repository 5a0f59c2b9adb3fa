"""The outbox: what waits there, and dead letters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from acctsec.protocols.records import Drained

MAX_ATTEMPTS = 10
"""An outbox entry handed out this often without an ack is a dead letter: kept, and not handed out before it is revived."""

MOST_COUNTED = 100_000
"""A store may stop counting what waits here, so that a look at a full outbox costs no more than one at any other."""


@frozen
class Backlog:
    """
    What waits in an outbox: entries that are *due*, those *hidden* by a lease or a pause, and the *dead*.

    *oldest* is the entry that has been due for the longest, and None where none is. Each number may stop at 100,000.
    """

    due: int
    hidden: int
    dead: int
    oldest: bytes | None = field(repr=False)


@frozen
class Letters:
    """Some dead letters, in the order of their ids; *after* begins the next page, and is None once there is none."""

    letters: tuple[Drained, ...]
    after: bytes | None


class AsyncOutboxStore(Protocol):
    """
    Shows what waits in the outbox of a RecordStore, and gives dead letters another ten tries.

    A port of its own, beside the five methods of records: an engine delivers without it. An entry is dead from its tenth
    hand-out on, also while that is under way; ``ack`` lets go of it like of any other, and a delete of its record takes it too.
    """

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*, without changing what is handed out next."""

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """
        Tell at most *limit* dead letters in the order of their ids as bytes, from the id *after* on; ``b""`` begins.

        So a letter is looked up by its own id, with a limit of 1. Those after the last id of a page begin at what the page says.
        """

    async def revive(self, ids: Sequence[bytes]) -> int:
        """
        Make dead letters due now, as if they had never been handed out, in their old place; answers how many were dead.

        What is not dead, or not there, is left alone.
        """


class OutboxStore(Protocol):
    """The blocking form of AsyncOutboxStore."""

    def waiting(self, now: datetime) -> Backlog: ...

    def dead_letters(self, after: bytes, limit: int) -> Letters: ...

    def revive(self, ids: Sequence[bytes]) -> int: ...
