"""A policy by what somebody types for it: a preset by its name, a policy of a module, or what makes one."""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Any

from acctsec.errors import ConfigError
from acctsec.policy import Policy

_NAMED = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")


class NotFound(Exception):  # noqa: N818 - what was found out
    """There is no such policy; the message says why, and holds nothing of what the module raised."""


def load(named: str, presets: Mapping[str, Policy]) -> Policy:
    """
    The policy of that name. Raises NotFound where there is none, and the ConfigError of one that cannot be built.

    *named* is a preset, or ``module:attribute``; what can be called is called. What it prints goes to standard error.
    """
    if named in presets:
        return presets[named]
    match = _NAMED.fullmatch(named)
    if match is None:
        raise NotFound(f"{named!r} names no policy: write module:attribute, or one of {', '.join(sorted(presets))}.")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it, also where a script of the environment was called
    try:
        with redirect_stdout(sys.stderr):
            found: Any = _found(match[1], match[2].split("."))
            if callable(found):
                found = found()
    except ConfigError:
        raise
    except _Missing as error:
        raise NotFound(f"{named!r} cannot be found: {error}. Run this where the module can be imported.") from error
    except (Exception, SystemExit) as error:  # a script that ends the process must not end an audit as if all were well
        raise NotFound(f"{named!r} cannot be loaded: {type(error).__name__} is raised at {_where(error)}.") from error
    if not isinstance(found, Policy):
        raise NotFound(f"{named!r} is a {type(found).__name__}, and no Policy.")
    return found


class _Missing(Exception):  # noqa: N818 - what was found out
    """A module or an attribute that is not there, in words of ours."""


def _found(module: str, attributes: Sequence[str]) -> Any:
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise _Missing(f"there is no module {error.name}") from error
    where = module
    for name in attributes:
        if not hasattr(found, name):
            raise _Missing(f"{where} has no {name}")
        found, where = getattr(found, name), f"{where}.{name}"
    return found


def _where(error: BaseException) -> str:
    """The file and the line; nothing of the message, as nobody knows what is in it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    frame = extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
