"""What commands that work on an engine have in common: it is named as a web server names one, and they say how far they are."""

import re
import sys
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import IO, Any

from acctsec._blocking import run
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import AcctsecError, ConfigError

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


def drive(named: str, work: Callable[[Engine | AsyncEngine], Coroutine[Any, Any, int]]) -> int:
    """Carry *work* out on the engine that is named, on an event loop where it is an async one; answers the exit code."""
    try:
        engine = load_engine(named)
    except AcctsecError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2
    if isinstance(engine, Engine):
        return run(work(engine))
    import asyncio

    return asyncio.run(work(engine))


async def settled(answer: Any) -> Any:
    """What an operation of either face answered."""
    return answer if not hasattr(answer, "__await__") else await answer


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
