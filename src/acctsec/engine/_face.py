"""What makes two faces of one operation: written once as ``async def``, called and answered at once by the blocking one."""

from collections.abc import Callable, Coroutine
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from acctsec._blocking import run
from acctsec.engine._wiring import Flows

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class Face:
    """What operations are written on: the flows of one engine."""

    _flows: Flows


class Blocking(Face):
    """The face whose operations answer at once."""


class Awaited(Face):
    """The face whose operations are awaited."""


class on_both_faces(Generic[Asked, Answer]):  # noqa: N801 - a decorator, as property is one
    """
    One operation, written once as ``async def``: a method that answers on a `Blocking` face, and is awaited on an `Awaited` one.

    Type checkers and editors see either with its own parameters, answer and docstring.
    """

    def __init__(self, flow: Callable[Concatenate[Any, Asked], Coroutine[Any, Any, Answer]]) -> None:
        @wraps(flow)
        def answered(face: Any, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            return run(flow(face, *args, **kwargs))

        self._awaited = flow
        self._answered = answered
        self.__doc__ = flow.__doc__

    @overload
    def __get__(self, face: Blocking, owner: type[Face]) -> Callable[Asked, Answer]: ...
    @overload
    def __get__(self, face: Awaited, owner: type[Face]) -> Callable[Asked, Coroutine[Any, Any, Answer]]: ...
    @overload
    def __get__(self, face: None, owner: type[Face]) -> Callable[Concatenate[Any, Asked], Any]: ...
    def __get__(self, face: Any, owner: type[Face]) -> Any:
        form = self._answered if issubclass(owner, Blocking) else self._awaited
        return form if face is None else MethodType(form, face)
