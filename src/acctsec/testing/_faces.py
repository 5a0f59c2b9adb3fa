"""Stores of both forms behind one blocking face, so that each clause of the contract is written once."""

import sys
from collections.abc import Sequence
from inspect import isawaitable, iscoroutinefunction
from threading import Barrier, Thread
from typing import Any

Call = tuple[str, tuple[Any, ...]]


class Face:
    """A blocking store; *together* makes its calls in threads that start at the same moment."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, method: str) -> Any:
        return getattr(self.store, method)

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to *calls*, made at once, in their order. The first exception among them is raised."""
        answers: list[Any] = [None] * len(calls)
        start = Barrier(len(calls))

        def make(number: int) -> None:
            method, values = calls[number]
            start.wait()
            try:
                answers[number] = getattr(self.store, method)(*values)
            except Exception as error:  # noqa: BLE001 - it is raised where the calls were asked for
                answers[number] = error

        threads = [Thread(target=make, args=(number,)) for number in range(len(calls))]
        usual = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)  # change threads as often as can be, also between a store's reading and its writing
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(usual)
        return _or_raise(answers)

    def finish(self) -> None:
        """Close the store if it can be closed."""
        if hasattr(self.store, "close"):
            self.store.close()


class AsyncFace:
    """An async store on an event loop of its own; *together* awaits its calls at once."""

    def __init__(self, store: Any) -> None:
        from asyncio import Runner

        self.store = store
        self._runner = Runner()

    def __getattr__(self, method: str) -> Any:
        def call(*values: Any) -> Any:
            return self._runner.run(getattr(self.store, method)(*values))

        return call

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to *calls*, awaited at once, in their order. The first exception among them is raised."""
        from asyncio import gather

        async def make() -> list[Any]:
            asked = [getattr(self.store, method)(*values) for method, values in calls]
            return await gather(*asked, return_exceptions=True)

        return _or_raise(self._runner.run(make()))

    def finish(self) -> None:
        """Close the store if it can be closed, and the loop."""

        async def close() -> None:
            closing = self.store.close() if hasattr(self.store, "close") else None
            if isawaitable(closing):
                await closing

        try:
            self._runner.run(close())
        finally:
            self._runner.close()


def face(store: Any) -> Face | AsyncFace:
    """The face that fits *store*."""
    method = getattr(store, "load", None) or getattr(store, "charge", None)
    assert method is not None, "A store has the methods of RecordStore, of MeterStore, or of both."
    return AsyncFace(store) if iscoroutinefunction(method) else Face(store)


def _or_raise(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
