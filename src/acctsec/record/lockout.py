"""How far the guessing of a subject's secrets has come."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Self

from acctsec._values import below, evolve
from acctsec.record._part import Part
from acctsec.record.seconds import ceil

WORDS = (
    *(f"{kind}/{rest}" for kind in ("password", "factor") for rest in ("", "network-", "strangers", "month")),
    "password/hits",
    "reset-code/strangers",
    "reset-factor/strangers",
    "recovery/strangers",
    "enrollment/strangers",
    "address-code/strangers",
    "unlock/strangers",
    "reuse/strangers",
)
"""What a lane is called before the id of its place. A word that is added comes last; one that is not here lies there as text."""

RUNGS = ("", "slowed", "stopped")
_OF_A_PLACE = re.compile(r"(.+[/-])([0-9a-f]{16}|[0-9a-f]{32})")


def coded(lane: str) -> tuple[int | str, bytes]:
    """A lane's name as it lies in the record: what comes before an id, as its place in ``WORDS`` if it is there, and that id."""
    found = _OF_A_PLACE.fullmatch(lane)
    word, place = (found[1], bytes.fromhex(found[2])) if found else (lane, b"")
    return (WORDS.index(word) if word in WORDS else word), place


class Checkpoint(Part, frozen=True, kw_only=True, array_like=True):
    """
    How far the failures of one lane, or of a budget that refills by time, had come when the record last heard of it.

    *alone* are those that processes counted by themselves, of which no meter knows; *rung* is what they reached, *since* when
    that is known. *opened* says how often the owner opened the lane since a success, a reset or an administrator cleared it.

    Of all parts there are most of these, so what lies in a store are their values without names, a rung as its number (*level*),
    and a lane in up to 19 instead of 43 bytes: *code* and *place*, of which its name is made.
    """

    code: Annotated[int, below(len(WORDS))] | str
    place: bytes = b""
    count: int = 0
    level: Annotated[int, below(len(RUNGS))] = 0
    since: datetime | None = None
    alone: int = 0
    opened: int = 0

    def __post_init__(self) -> None:
        """Nothing is forgotten early."""
        if self.since is not None and self.since.microsecond:
            ceil(self, "since")

    @classmethod
    def of(
        cls, lane: str, *, count: int = 0, rung: str = "", since: datetime | None = None, alone: int = 0, opened: int = 0
    ) -> Self:
        """What is known of a lane of that name."""
        code, place = coded(lane)
        return cls(code=code, place=place, count=count, level=RUNGS.index(rung), since=since, alone=alone, opened=opened)

    @property
    def lane(self) -> str:
        """The lane's name."""
        return (self.code if isinstance(self.code, str) else WORDS[self.code]) + self.place.hex()

    @property
    def rung(self) -> str:
        """The rung that was reached: ``stopped``, ``slowed`` or none."""
        return RUNGS[self.level]

    def at_rung(self, rung: str) -> Self:
        """The same on another rung."""
        return evolve(self, level=RUNGS.index(rung))

    def within(self, window: timedelta | None, now: datetime) -> Self:
        """The same without what a ladder with that *window* has forgotten by now."""
        if window is None or (self.since is not None and now < self.since + window):
            return self
        return evolve(self, count=0, alone=0)

    @property
    def total(self) -> int:
        """All failures it knows of."""
        return self.count + self.alone


@lru_cache(maxsize=256)
def blank(lane: str) -> Checkpoint:
    """What is known of a lane that nobody has told the record of. The few lanes of everybody are asked for at every attempt."""
    return Checkpoint.of(lane)


class Opening(Part, frozen=True, kw_only=True, array_like=True):
    """The owner opened the lane of strangers. *number* only rises: it is part of the name of that lane's meter."""

    number: int
    at: datetime

    def __post_init__(self) -> None:
        """It counts for a while, and no shorter than that."""
        ceil(self, "at")
