"""
A process that is going to be killed: it redeems one reset on the store it is told, and stands still at the point it is told.

It reads its order as JSON from its standard input (secrets have no place in arguments) and writes one JSON object a line:
what it handed to the outside, and that it has come to the point.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Event as Never
from typing import Any

from acctsec import CHEAPEST, SOCIAL_DEFAULT, Account, Context, Engine, Keyring, Message, ResetLink, SqliteStore
from acctsec.events import Event
from acctsec.protocols import Committed, Conflict


class Point(StrEnum):
    """Where the process stands still."""

    BEFORE = "before the commit"
    WITHIN = "inside the commit"
    AFTER = "after the commit"
    HANDED = "after the notice was sent"


def say(**what: object) -> None:
    """Tell the parent one thing."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def stand_still(point: Point) -> None:
    """Come to the point, and never go on."""
    say(at=point.value)
    Never().wait()


class Doomed(SqliteStore):
    """The store as it is, with one place where this process will not get past."""

    def __init__(self, path: Path, point: Point) -> None:
        super().__init__(path)
        self.point = point
        self.handed = False

    def commit(
        self, key: bytes, expected: bytes | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """Commit, as far as the point allows."""
        if self.point is Point.BEFORE:
            stand_still(self.point)
        entries = Halting(outbox) if self.point is Point.WITHIN else outbox
        answer = super().commit(key, expected, value, entries, commit_id)
        if self.point is Point.AFTER:
            stand_still(self.point)
        return answer

    def ack(self, ids: Sequence[bytes]) -> None:
        """Tick off, unless the point is that a message was sent and cannot be ticked off."""
        if self.point is Point.HANDED and self.handed:
            stand_still(self.point)
        super().ack(ids)


class Halting(tuple[bytes, ...]):
    """Outbox entries that are never read to the end: the record is written by then, and the transaction open."""

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        stand_still(Point.WITHIN)
        return super().__iter__()


class Outside:
    """Directory, messenger and sink of the process: one account, and a pipe to the parent, where the outside world is."""

    def __init__(self, account: Account, store: Doomed) -> None:
        self.account = account
        self.store = store

    def find(self, tenant: str, identifier: str) -> Account | None:  # noqa: ARG002 - this platform has one tenant
        """Look the one account up."""
        return self.account if identifier in self.account.identifiers else None

    def get(self, tenant: str, subject: str) -> Account | None:  # noqa: ARG002 - this platform has one tenant
        """Look the one account up."""
        return self.account if subject == self.account.subject else None

    def send(self, message: Message) -> None:
        """Hand a message to the outside."""
        say(sent={"key": message.key, "purpose": message.purpose.value, "at": message.at.isoformat()})
        self.store.handed = True

    def record(self, event: Event, *, key: str) -> None:
        """Hand an event to the outside."""
        say(event={"key": key, "kind": type(event).__name__})


def redeem(order: dict[str, Any]) -> None:
    """Redeem the reset of an order, and deliver."""
    store = Doomed(Path(order["store"]), Point(order["point"]))
    account = Account(subject=order["subject"], identifiers=(order["mail"],), addresses=(order["mail"],))
    outside = Outside(account, store)
    now = datetime.fromisoformat(order["now"])
    engine = Engine(
        policy=CHEAPEST if order["fast"] else SOCIAL_DEFAULT,
        store=store,
        directory=outside,
        keyring=Keyring.from_text(order["keys"]),
        messenger=outside,
        sink=outside,
        clock=lambda: now,
    )
    answer = engine.redeem_reset(ResetLink(order["link"]), order["password"], context=Context.of("192.0.2.33"))
    say(answer=type(answer).__name__)
    engine.deliver()


if __name__ == "__main__":
    redeem(json.load(sys.stdin))
