"""How far the guessing of a subject's secrets has come."""

from datetime import datetime, timedelta
from typing import Self

from acctsec._values import evolve
from acctsec.record._part import Part


class Checkpoint(Part, frozen=True, kw_only=True, array_like=True):
    """
    How far the failures of one lane, or of a budget that refills by time, had come when the record last heard of it; how many
    more were counted by processes *alone*, of which no meter knows; the *rung* they reached; and *since* when that is known.
    *opened* says how often the owner opened the lane since a success, a reset or an administrator cleared it. Of all parts there
    are most of these, so what lies in a store are their values without names.
    """

    lane: str
    count: int = 0
    rung: str = ""
    since: datetime | None = None
    alone: int = 0
    opened: int = 0

    def within(self, window: timedelta | None, now: datetime) -> Self:
        """The same without what a ladder with that *window* has forgotten by now."""
        if window is None or (self.since is not None and now < self.since + window):
            return self
        return evolve(self, count=0, alone=0)

    @property
    def total(self) -> int:
        """All failures it knows of."""
        return self.count + self.alone


class Opening(Part, frozen=True, kw_only=True, array_like=True):
    """The owner opened the lane of strangers. *number* only rises: it is part of the name of that lane's meter."""

    number: int
    at: datetime
