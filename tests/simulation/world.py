"""The time of a simulation: a queue of processes, and one door where everybody's attempts go through."""

from collections.abc import Generator
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from tests.simulation.habits import DAY
from tests.simulation.tally import Tally

START = 1_800_000_000_000_000
Process = Generator[int, None, object]
"""What somebody does; it yields how long (microseconds) until it goes on."""


class Try(NamedTuple):
    """One password typed: for whose account, from which address, in which browser."""

    owner: int
    source: int
    password: int
    device: bytes | None = None


class Guard(Protocol):
    """A policy under test. It never learns whether a password is right before it has admitted the attempt."""

    name: str

    def admit(self, one: Try, now: int) -> str | None:
        """None where the password may be compared, or why not."""

    def settle(self, one: Try, now: int, *, right: bool) -> bytes | None:
        """What the comparison of the admitted attempt said. The answer is a token for the browser, or None."""

    def reset(self, owner: int, source: int, now: int) -> bytes | None:
        """The owner has set a new password by a mail. The answer is a token for the browser, or None."""

    def unlock(self, owner: int, source: int, now: int) -> None:
        """The helpdesk does what it can for the owner at that address."""


class World:
    """Owners with passwords behind a guard, and what is to happen next."""

    def __init__(self, guard: Guard, tally: Tally, days: float) -> None:
        self.guard = guard
        self.tally = tally
        self.now = START
        self.end = START + int(days * DAY)
        self.passwords: dict[int, int] = {}
        self._queue: list[tuple[int, int, Process]] = []
        self._begun = 0

    def start(self, process: Process, wait: int = 0) -> None:
        """Let a process begin after a wait."""
        self._push(self.now + wait, process)

    def _push(self, at: int, process: Process) -> None:
        self._begun += 1  # of two at the same instant the one that asked first: the order must not hang on anything else
        heappush(self._queue, (at, self._begun, process))

    def run(self) -> None:
        """Let everything happen that begins before the end."""
        queue = self._queue
        while queue and queue[0][0] < self.end:
            self.now, _, process = heappop(queue)
            wait = next(process, None)
            if wait is not None:
                self._push(self.now + wait, process)
        self.now = self.end

    def owner_tries(self, one: Try) -> tuple[str | None, bytes | None]:
        """An owner types a password: why it was refused (None where he is in), and the token he got."""
        cause, right, token = self._attempt(one)
        self.tally.owner(one.owner, right=right, cause=cause, now=self.now)
        return cause or (None if right else "wrong"), token

    def client_tries(self, one: Try) -> None:
        """A client repeats an old password."""
        cause, right, _ = self._attempt(one)
        self.tally.client(one.owner, right=right, cause=cause, now=self.now)

    def attacker_tries(self, one: Try) -> tuple[bool, bool]:
        """An attacker guesses: whether it was compared, and whether it was right."""
        cause, right, _ = self._attempt(one)
        compared = cause is None
        self.tally.attacker(one.owner, compared=compared, right=compared and right, now=self.now)
        return compared, compared and right

    def _attempt(self, one: Try) -> tuple[str | None, bool, bytes | None]:
        right = one.password == self.passwords[one.owner]
        cause = self.guard.admit(one, self.now)
        if cause is not None:
            return cause, right, None
        return None, right, self.guard.settle(one, self.now, right=right)
