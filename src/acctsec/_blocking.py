"""The blocking face's adapters: ports that answer at once, behind the ``async`` form the flows await."""

from collections.abc import Callable, Coroutine
from functools import wraps
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


class Awaitable:
    """A blocking port whose named methods are awaited."""

    def __init__(self, port: object, *methods: str) -> None:
        for method in methods:
            setattr(self, method, awaitable(getattr(port, method)))
