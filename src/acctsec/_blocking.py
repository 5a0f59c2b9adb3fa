"""The blocking face's adapters: ports that answer at once, behind the ``async`` form the flows await."""

from collections.abc import Callable, Coroutine
from functools import wraps
from threading import Thread
from typing import Any, TypeVar

from acctsec.errors import PortError

T = TypeVar("T")


def run(flow: Coroutine[Any, Any, T]) -> T:
    """Drive a flow whose every port answers at once to its end."""
    try:
        flow.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    flow.close()
    raise PortError("A port of the blocking face waited for an event loop.", remedy="Use AsyncEngine for async ports.")


def awaitable(call: Callable[..., T]) -> Callable[..., Coroutine[Any, Any, T]]:
    """A blocking callable in the form the flows await."""

    @wraps(call)
    async def answer(*args: Any, **kwargs: Any) -> T:
        return call(*args, **kwargs)

    return answer


class Threads:
    """
    Begins flows that nobody waits for, each on a thread of its own, at most eight at once.

    No lock and no queue: a forked child begins with neither. The threads end with the process.
    """

    MOST = 8

    def __init__(self) -> None:
        self._running: list[Thread] = []

    def __call__(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Begin a flow; False where too many are under way."""
        self._running = [one for one in self._running if one.is_alive()]
        if len(self._running) >= self.MOST:
            return False
        thread = Thread(target=lambda: run(begin()), name="acctsec-later", daemon=True)
        thread.start()
        self._running.append(thread)
        return True


class Awaitable:
    """A blocking port whose named methods are awaited."""

    def __init__(self, port: object, *methods: str) -> None:
        for method in methods:
            setattr(self, method, awaitable(getattr(port, method)))
