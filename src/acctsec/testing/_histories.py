"""Histories: every call on a store with its beginning, its end and its answer, written down while it is made."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from inspect import iscoroutinefunction
from itertools import count
from os import PathLike
from pathlib import Path
from threading import current_thread
from time import monotonic_ns  # noqa: TID251 - when a call began is what a history is about; nothing is decided by it
from typing import Any

from attrs import field, fields, frozen

from acctsec import protocols
from acctsec._values import Value
from acctsec.errors import CommitUnknown, ConfigError, StoreError, StoreUnavailable
from acctsec.protocols import Drained, Settle

METHODS: Mapping[str, tuple[str, ...]] = {
    "load": ("key",),
    "commit": ("key", "expected", "value", "outbox", "commit_id"),
    "drain": ("limit", "now", "lease"),
    "ack": ("ids",),
    "revive": ("ids",),
    "charge": ("charges", "now"),
    "settle": ("settlements", "now"),
    "read": ("meters", "now"),
}


class Failed(Value, frozen=True):
    """What a commit answers that raised StoreError: it says that nothing was written."""


@frozen
class Recorded:
    """
    One call on a store.

    *worker* is the thread, task or process that made it; *arguments* are in the order of the protocol. *begin* and *end* are
    instants of one clock that all workers share, such as ``time.monotonic_ns`` on one machine. Without an *end* the answer
    was lost: the call may have happened at any time after its beginning, also long after it was given up, or never.
    """

    worker: str
    method: str
    arguments: tuple[Any, ...] = field(repr=False)
    begin: int
    end: int | None = None
    answer: Any = field(default=None, repr=False)


class History:
    """
    Calls as they are made, by any number of threads; given a *path*, each is in that file before it is made.

    So the file of a process that was killed shows what it was doing. One file a process: ``read_history`` merges them.
    """

    def __init__(self, path: str | PathLike[str] | None = None, *, worker: str = "") -> None:
        # Unbuffered and appending: a line is in the hands of the system before the call, and lines do not mix.
        self._file = None if path is None else Path(path).open("ab", buffering=0)  # noqa: SIM115 - closed by close
        self._worker = worker
        self._numbers = count()
        self._calls: dict[int, Recorded] = {}

    def __repr__(self) -> str:
        return f"<history of {len(self._calls)} calls>"

    @property
    def calls(self) -> tuple[Recorded, ...]:
        """What was recorded so far, in memory; a history with a file keeps it there."""
        return tuple(self._calls.values())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def record(self, store: Any) -> Any:
        """The same *store*, blocking or async, with every call written down here."""
        return _Recorder(store, self)

    def begin(self, method: str, arguments: tuple[Any, ...], worker: str) -> int:
        """Write down that a call begins; answers its number."""
        number = next(self._numbers)
        call = Recorded(f"{self._worker}{worker}", method, arguments, monotonic_ns())
        if self._file is None:
            self._calls[number] = call
        else:
            self._write({"call": number, "worker": call.worker, "method": method, "arguments": arguments, "begin": call.begin})
        return number

    def end(self, number: int, answer: Any) -> None:
        """Write down what a call answered."""
        instant = monotonic_ns()
        if self._file is None:
            call = self._calls[number]
            self._calls[number] = Recorded(call.worker, call.method, call.arguments, call.begin, instant, answer)
        else:
            self._write({"call": number, "answer": answer, "end": instant})

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps({name: _packed(value) for name, value in line.items()}).encode() + b"\n")


class _Recorder:
    """A store that writes down its calls. It has the methods that the store has, in their form, and passes on the rest."""

    def __init__(self, store: Any, history: History) -> None:
        self._store, self._history = store, history
        for method, parameters in METHODS.items():
            call = getattr(store, method, None)
            if call is not None:
                form = self._awaited if iscoroutinefunction(call) else self._blocking
                setattr(self, method, form(method, parameters, call))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _blocking(self, method: str, parameters: tuple[str, ...], call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(*given: Any, **named: Any) -> Any:
            arguments = frozen_copy((*given, *(named[name] for name in parameters[len(given) :])))
            number = self._history.begin(method, arguments, current_thread().name)
            try:
                answer = call(*arguments)
            except StoreError as error:
                self._raised(number, method, error)
                raise
            self._history.end(number, frozen_copy(answer))
            return answer

        return recorded

    def _awaited(self, method: str, parameters: tuple[str, ...], call: Callable[..., Any]) -> Callable[..., Any]:
        from asyncio import current_task

        async def recorded(*given: Any, **named: Any) -> Any:
            arguments = frozen_copy((*given, *(named[name] for name in parameters[len(given) :])))
            task = current_task()
            number = self._history.begin(method, arguments, task.get_name() if task else "")
            try:
                answer = await call(*arguments)
            except StoreError as error:
                self._raised(number, method, error)
                raise
            self._history.end(number, frozen_copy(answer))
            return answer

        return recorded

    def _raised(self, number: int, method: str, error: StoreError) -> None:
        """Of all that raises, only a commit says what became of it; any other call may have been made or not."""
        if method == "commit" and not isinstance(error, CommitUnknown | StoreUnavailable):
            self._history.end(number, Failed())


def read_history(*paths: str | PathLike[str]) -> tuple[Recorded, ...]:
    """The calls in the files of one or more processes, merged in the order in which they began."""
    return tuple(sorted((call for path in paths for call in _calls(Path(path))), key=lambda call: call.begin))


def frozen_copy(value: Any) -> Any:
    """*value* with every list in it as a tuple: what a caller or a store changes later must not change a history."""
    return tuple([frozen_copy(one) for one in value]) if isinstance(value, list | tuple) else value


def _calls(path: Path) -> Iterator[Recorded]:
    begun: dict[int, Recorded] = {}
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break  # the process was killed while it wrote; so its call was not begun, or not answered
        try:
            said = {name: _unpacked(value) for name, value in json.loads(line).items()}
            if "begin" in said:
                begun[said["call"]] = Recorded(said["worker"], said["method"], said["arguments"], said["begin"])
            else:
                call = begun[said["call"]]
                begun[said["call"]] = Recorded(call.worker, call.method, call.arguments, call.begin, said["end"], said["answer"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"Line {number} of {path.name} is not a line of a history."
            raise ConfigError(message, remedy="Give files that History wrote, each written by one process.") from error
    yield from begun.values()


# --- calls and answers as JSON: what JSON does not have is an object with the type as its one name ----------------------

_TYPES: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (*vars(protocols).values(), Failed)
    if isinstance(kind, type) and issubclass(kind, Value) and kind is not Value
}
_MICROSECOND = timedelta(microseconds=1)


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, tuple | list):
        return [_packed(one) for one in value]
    if isinstance(value, Settle):
        return {"Settle": value.value}
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, timedelta):
        return {"microseconds": value // _MICROSECOND}
    if isinstance(value, Drained):
        return {"Drained": [_packed(getattr(value, one.name)) for one in fields(Drained)]}
    if isinstance(value, Value):
        return {type(value).__name__: [_packed(getattr(value, name)) for name in value.__struct_fields__]}
    if value is None or (isinstance(value, str | int | bool) and not isinstance(value, Enum)):
        return value
    message = f"A call or an answer holds a {type(value).__name__}, which no history can keep."
    raise ConfigError(message, remedy="Let stores take and answer the values of acctsec.protocols.")


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_unpacked(one) for one in value])
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    match kind:
        case "bytes":
            return base64.b64decode(held)
        case "Settle":
            return Settle(held)
        case "datetime":
            return datetime.fromisoformat(held)
        case "microseconds":
            return held * _MICROSECOND
        case "Drained":
            return Drained(*_unpacked(held))
        case _:
            return _TYPES[kind](*_unpacked(held))
