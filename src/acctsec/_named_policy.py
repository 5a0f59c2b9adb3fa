"""A policy by what somebody types for it: a preset by its name, a policy of a module, or what makes one."""

import re
import sys
from collections.abc import Mapping
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

    *named* is a preset, or ``module:attribute``; what can be called is called.
    """
    if named in presets:
        return presets[named]
    match = _NAMED.fullmatch(named)
    if match is None:
        raise NotFound(f"{named!r} names no policy: write module:attribute, or one of {', '.join(sorted(presets))}.")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it, also where a script of the environment was called
    try:
        found: Any = import_module(match[1])
        for name in match[2].split("."):
            found = getattr(found, name)
        if callable(found):
            found = found()
    except ConfigError:
        raise
    except (ModuleNotFoundError, AttributeError) as error:
        raise NotFound(f"{named!r} cannot be found: {error}. Run this where the module can be imported.") from error
    except Exception as error:
        frame = extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        raise NotFound(f"{named!r} cannot be loaded: {type(error).__name__} is raised at {where}.") from error
    if not isinstance(found, Policy):
        raise NotFound(f"{named!r} is a {type(found).__name__}, and no Policy.")
    return found
