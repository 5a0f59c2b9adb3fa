"""
What the stores on a server have in common: plans, and the patience with a server that does not answer.

A *plan* is a generator that yields what one round trip sends and is given what came back; its value is the answer. So what
a store does is written once, and two short drivers, one that blocks and one that awaits, carry it out.
"""

import os
from collections.abc import Awaitable, Callable, Generator
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, TypeVar

from acctsec.errors import StoreBusy, StoreUnavailable

Answer = TypeVar("Answer")
Plan = Generator[Any, Any, Answer]

FAILURES = 3  # in a row, after which a server counts as gone
FIRST, LONGEST = 0.1, 5.0  # seconds between two looks at a server that is gone


def carry_out(plan: Plan[Answer], trip: Callable[[Any], Any]) -> Answer:
    """Make the round trips of a plan, one after the other, and answer its value."""
    try:
        asked = next(plan)
        while True:
            try:
                answer = trip(asked)
            except Exception as error:  # noqa: BLE001 - what a failure means is the plan's to say
                asked = plan.throw(error)
            else:
                asked = plan.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        plan.close()


async def carry_out_async(plan: Plan[Answer], trip: Callable[[Any], Awaitable[Any]]) -> Answer:
    """The same, awaiting every round trip."""
    try:
        asked = next(plan)
        while True:
            try:
                answer = await trip(asked)
            except Exception as error:  # noqa: BLE001 - what a failure means is the plan's to say
                asked = plan.throw(error)
            else:
                asked = plan.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        plan.close()


class Breaker:
    """
    Keeps a server that is gone from adding its timeout to every call.

    After three failures in a row calls fail at once. One call at a time then looks whether the server is back, after
    pauses that double with each look up to five seconds, each cut at random: many processes do not come back at one
    moment, and what comes back first is a single call. Only a StoreUnavailable that leaves the block is a failure, and no
    StoreBusy: a crowd is not the server's fault. Calls that were under way when the server went lengthen no pause.

    >>> breaker = Breaker("valkey://localhost", timeout=0.5)
    >>> with breaker:
    ...     pass  # one call of the server
    """

    def __init__(self, name: str, *, timeout: float) -> None:
        self._name = name
        self._timeout = timeout
        self._lock = Lock()
        self._failures = 0
        self._looking = False
        self._until = 0.0

    def __enter__(self) -> None:
        if self._failures < FAILURES:
            return
        with self._lock:
            if self._failures < FAILURES:
                return
            now = monotonic()
            if now >= self._until:
                self._until = now + self._timeout  # this call looks; the next one may if it is never heard of again
                self._looking = True
                return
        raise StoreUnavailable(
            f"{self._name} did not answer {FAILURES} times in a row, and is left alone for a moment.",
            remedy="Bring the server back; the store notices by itself.",
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._failures = 0
        elif isinstance(error, StoreUnavailable) and not isinstance(error, StoreBusy):
            with self._lock:
                if self._failures >= FAILURES and not self._looking:
                    return
                self._looking = False
                self._failures += 1
                if self._failures >= FAILURES:
                    pause = min(FIRST * 2 ** min(self._failures - FAILURES, 16), LONGEST)
                    self._until = monotonic() + pause * (0.5 + os.urandom(1)[0] / 512)
