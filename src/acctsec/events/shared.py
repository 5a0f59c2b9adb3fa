"""What all events have in common, and who takes them."""

from datetime import datetime
from typing import Protocol

from attrs import frozen


@frozen(kw_only=True)
class Event:
    """What all events have: whose, when (UTC), and from which source where there is one."""

    tenant: str
    subject: str
    at: datetime
    source: str = ""


class EventSink(Protocol):
    """Takes events to wherever a platform keeps them."""

    def record(self, event: Event, *, key: str) -> None:
        """Keep an event, or raise: one that raised comes again later. *key* is the same whenever it is handed over again."""


class AsyncEventSink(Protocol):
    """The async form of EventSink."""

    async def record(self, event: Event, *, key: str) -> None:
        """Keep an event, or raise."""
