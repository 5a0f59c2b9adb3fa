"""
Turns at the rows of meters: few calls of a process at each row at once, the others in line, and no more than so many.

A row admits one transaction after the other, however many wait for it. A call that waits for a row on a connection keeps
that connection from everybody else, so guesses at one account could take them all; here it waits before it takes one.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from itertools import chain, islice
from threading import Lock

from attrs import define, field

AT_ONCE = 2  # one that has the row, and one that waits for it there: the row is never free for the length of a trip
MAX_IN_LINE = 100  # charges that may wait for a row; more are refused at once


@define(eq=False)
class Turn:
    """
    A call and the rows it has to have a turn at.

    A settlement *ends* what a charge began. It goes before all charges and is never refused: there are no more of them than
    charges were granted, and one that is not made leaves room taken that nobody uses.
    """

    rows: Collection[bytes]
    ends: bool
    begin: Callable[[], object]
    waits: bool = False


@define(eq=False)
class _Line:
    """Those who stand at one row. Dictionaries keep an order, and whoever gives up leaves from the middle."""

    running: int = 0
    first: dict[Turn, None] = field(factory=dict)
    then: dict[Turn, None] = field(factory=dict)

    def of(self, turn: Turn) -> dict[Turn, None]:
        return self.first if turn.ends else self.then

    def next(self) -> Iterator[Turn]:
        """Those whose turn it would be if this were the only row."""
        return islice(chain(self.first, self.then), max(AT_ONCE - self.running, 0))


class Lines:
    """
    The lines at all rows; one that nobody stands in is not kept.

    A call waits for all its rows at once and holds none of them meanwhile, but for its place. Places are given in one order
    everywhere, settlements first and then as they came, so whoever is foremost of all waits for nobody who waits: there is
    no circle. Not safe for threads by itself.
    """

    def __init__(self) -> None:
        self._lines: dict[bytes, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def join(self, turn: Turn) -> bool:
        """Let a turn begin, or stand in line (it *waits* then); False if a line is too long for that."""
        found = [line for row in turn.rows if (line := self._lines.get(row)) is not None]
        if not turn.ends and any(len(line.then) >= MAX_IN_LINE for line in found):
            return False
        for row in turn.rows:
            self._lines.setdefault(row, _Line()).of(turn)[turn] = None
        turn.waits = True
        self._try(turn)
        return True

    def leave(self, turn: Turn) -> None:
        """End a turn, or give it up while it waits; whose turn it is then begins."""
        waited, turn.waits = turn.waits, False
        touched = [self._lines[row] for row in turn.rows]
        for row, line in zip(turn.rows, touched, strict=True):
            if waited:
                del line.of(turn)[turn]
            else:
                line.running -= 1
            if not (line.running or line.first or line.then):
                del self._lines[row]
        for line in touched:
            for other in tuple(line.next()):
                if self._try(other):
                    other.begin()

    def _try(self, turn: Turn) -> bool:
        lines = [self._lines[row] for row in turn.rows]
        if not all(turn in line.next() for line in lines):
            return False
        for line in lines:
            del line.of(turn)[turn]
            line.running += 1
        turn.waits = False
        return True


class BlockingLines:
    """For threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lines = Lines()

    def enter(self, rows: Collection[bytes], *, ends: bool, seconds: float) -> Turn | str:
        """Wait for a turn; text says what kept it from coming."""
        signal = Lock()
        signal.acquire()
        turn = Turn(rows, ends, signal.release)
        with self._lock:
            if not self._lines.join(turn):
                return _too_many()
            if not turn.waits:
                return turn
        try:
            signal.acquire(timeout=max(seconds, 0))
        except BaseException:
            self.leave(turn)
            raise
        with self._lock:
            if not turn.waits:
                return turn
            self._lines.leave(turn)
        return _TOO_LONG

    def leave(self, turn: Turn) -> None:
        """End a turn."""
        with self._lock:
            self._lines.leave(turn)


class AsyncLines:
    """For one event loop."""

    def __init__(self) -> None:
        self._lines = Lines()

    async def enter(self, rows: Collection[bytes], *, ends: bool, seconds: float) -> Turn | str:
        """Wait for a turn; text says what kept it from coming."""
        signal = asyncio.Event()
        turn = Turn(rows, ends, signal.set)
        if not self._lines.join(turn):
            return _too_many()
        if not turn.waits:
            return turn
        try:
            async with asyncio.timeout(seconds):
                await signal.wait()
        except TimeoutError:
            if not turn.waits:
                return turn
            self._lines.leave(turn)
            return _TOO_LONG
        except BaseException:
            self._lines.leave(turn)
            raise
        return turn

    def leave(self, turn: Turn) -> None:
        """End a turn."""
        self._lines.leave(turn)


_TOO_LONG = "its turn did not come in time"


def _too_many() -> str:
    return f"{MAX_IN_LINE} wait already"
