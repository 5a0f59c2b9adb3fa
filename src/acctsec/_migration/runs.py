"""Runs that end in the middle: where they were is in a small file, and an engine that is named as a web server names one."""

import json
import os
import re
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeVar

from acctsec._blocking import run
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import ConfigError

T = TypeVar("T")
_NAMED = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")


def load_engine(named: str) -> Engine | AsyncEngine:
    """The engine that ``module:attribute`` names, or that a function of that name makes; else ConfigError."""
    match = _NAMED.fullmatch(named)
    if match is None:
        raise ConfigError(f"{named!r} names no engine.", remedy="Write module:attribute, such as shop.accounts:engine.")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it, also where a script of the environment was called
    try:
        found: Any = import_module(match[1])
        for name in match[2].split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{named!r} cannot be found: {error}.", remedy="Run this where the module can be imported.") from error
    if callable(found):
        found = found()
    if not isinstance(found, Engine | AsyncEngine):
        raise ConfigError(
            f"{named!r} is {type(found).__name__}, and no engine.", remedy="Name an Engine, an AsyncEngine or what makes one."
        )
    return found


def drive(engine: Engine | AsyncEngine, work: Coroutine[Any, Any, T]) -> T:
    """Carry *work* out, which awaits what the engine answers: on an event loop where it is an async one."""
    if isinstance(engine, Engine):
        return run(work)
    import asyncio

    return asyncio.run(work)


async def settled(answer: Any) -> Any:
    """What an operation of either face answered."""
    return answer if not hasattr(answer, "__await__") else await answer


class Checkpoint:
    """
    A file with where a run is. It is replaced as a whole and is on the disk before the call returns: whenever the run is killed,
    the file is of before or of after.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any] | None:
        """What was written last, or None. Raises ConfigError for a file that is something else."""
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict) or found.get("format") != 1:
            raise ConfigError(f"{self.path} does not say where a run is.", remedy="Remove it, or name another file.")
        return found

    def write(self, state: Mapping[str, Any]) -> None:
        """Put *state* in its place."""
        beside = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps({"format": 1, **state}).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self) -> None:
        """There is nothing to take up again."""
        with suppress(FileNotFoundError):
            self.path.unlink()


class Progress:
    """How far a run is: on one line of a terminal, elsewhere a line every ten thousand."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._drawn = False

    def show(self, done: int, text: str) -> None:
        """Say *text* now and then, and always on a terminal."""
        if self._out.isatty():
            print(f"\r{text}\x1b[K", end="", file=self._out, flush=True)
            self._drawn = True
        elif done % 10_000 == 0:
            print(text, file=self._out, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._drawn:
            print(file=self._out)
            self._drawn = False
