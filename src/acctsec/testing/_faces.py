"""Stores of both forms behind one blocking face, so that each clause of the contract is written once."""

import sys
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from threading import Barrier, Thread
from typing import Any

Call = tuple[str, tuple[Any, ...]]
Work = Generator[Call, Any, None]
"""What one worker does: it yields a call of a store, and is sent the answer."""


class Face:
    """
    A blocking store, and other *handles* of it if it has some; one answers for all, many at once are spread over them.

    *together* makes calls in threads that start at the same moment.
    """

    def __init__(self, *handles: Any) -> None:
        self.handles: Sequence[Any] = handles
        self.store = handles[0]

    def __getattr__(self, method: str) -> Any:
        return getattr(self.store, method)

    def alone(self, number: int) -> "Face":
        """One of the handles by itself."""
        return Face(self.handles[number])

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to *calls*, made at once, in their order. The first exception among them is raised."""
        handles = self.handles

        def makes(number: int) -> Callable[[], Any]:
            method, values = calls[number]
            return lambda: getattr(handles[number % len(handles)], method)(*values)

        return _at_once([makes(number) for number in range(len(calls))])

    def play(self, works: Sequence[Work], watched: Callable[[Any], Any]) -> None:
        """Let workers go on at once, each with a handle of its own if there are as many; *watched* is what it calls instead."""
        handles = [watched(handle) for handle in self.handles]

        def plays(number: int) -> Callable[[], Any]:
            handle, work = handles[number % len(handles)], works[number]

            def play() -> None:
                answer = None
                with suppress(StopIteration):
                    while True:
                        method, values = work.send(answer)
                        answer = getattr(handle, method)(*values)

            return play

        _at_once([plays(number) for number in range(len(works))])

    def finish(self) -> None:
        """Close what can be closed."""
        for handle in self.handles[::-1]:
            if hasattr(handle, "close"):
                handle.close()


class AsyncFace:
    """An async store, and other handles of it, on an event loop of its own; *together* awaits its calls at once."""

    def __init__(self, *handles: Any, runner: Any) -> None:
        self.handles: Sequence[Any] = handles
        self.store = handles[0]
        self._runner = runner

    def __getattr__(self, method: str) -> Any:
        asked = getattr(self.store, method)

        def call(*values: Any) -> Any:
            return self._runner.run(_await(asked(*values)))

        return call

    def alone(self, number: int) -> "AsyncFace":
        """One of the handles by itself."""
        return AsyncFace(self.handles[number], runner=self._runner)

    def together(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to *calls*, awaited at once, in their order. The first exception among them is raised."""
        from asyncio import gather

        async def make() -> list[Any]:
            handles = self.handles
            asked = [getattr(handles[number % len(handles)], method)(*values) for number, (method, values) in enumerate(calls)]
            return await gather(*asked, return_exceptions=True)

        return _or_raise(self._runner.run(make()))

    def play(self, works: Sequence[Work], watched: Callable[[Any], Any]) -> None:
        """Let workers go on at once, in tasks that change wherever they can."""
        from asyncio import gather, sleep

        async def play(handle: Any, work: Work) -> None:
            answer = None
            with suppress(StopIteration):
                while True:
                    method, values = work.send(answer)
                    answer = await getattr(handle, method)(*values)
                    await sleep(0)

        async def all_play() -> list[Any]:
            handles = [watched(handle) for handle in self.handles]
            plays = [play(handles[number % len(handles)], work) for number, work in enumerate(works)]
            return await gather(*plays, return_exceptions=True)

        _or_raise(self._runner.run(all_play()))

    def finish(self) -> None:
        """Close what can be closed, and the loop."""

        async def close() -> None:
            for handle in self.handles[::-1]:
                closing = handle.close() if hasattr(handle, "close") else None
                if isawaitable(closing):
                    await closing

        try:
            self._runner.run(close())
        finally:
            self._runner.close()


def face(make: Callable[[], Any], again: Callable[[Any], Any] | None = None) -> Face | AsyncFace:
    """
    The face that fits the store that *make* makes, and the second handle that *again* makes of it.

    Both may be async, whatever the form of the store; then, and for an async store, a loop is begun first.
    """
    runner = None
    handles: list[Any] = []
    for making in (make, *(() if again is None else (lambda: again(handles[0]),))):
        made = making()
        if iscoroutine(made):
            runner = runner or _runner()
            made = runner.run(made)
        handles.append(made)
    asked = getattr(handles[0], "load", None) or getattr(handles[0], "charge", None)
    assert asked is not None, "A store has the methods of RecordStore, of MeterStore, or of both."
    if iscoroutinefunction(asked):
        return AsyncFace(*handles, runner=runner or _runner())
    if runner is not None:
        runner.close()
    return Face(*handles)


def _runner() -> Any:
    from asyncio import Runner

    return Runner()


async def _await(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


@contextmanager
def _restless() -> Iterator[None]:
    """Change threads as often as can be, also between a store's reading and its writing."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _at_once(deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """What came of *deeds* in threads that start at the same moment."""
    answers: list[Any] = [None] * len(deeds)
    start = Barrier(len(deeds))

    def do(number: int) -> None:
        start.wait()
        try:
            answers[number] = deeds[number]()
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            answers[number] = error

    threads = [Thread(target=do, args=(number,), name=f"thread {number}") for number in range(len(deeds))]
    with _restless():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return _or_raise(answers)


def _or_raise(answers: list[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
