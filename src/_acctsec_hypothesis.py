"""
What Hypothesis runs when it is imported: it learns where strategies for the types of acctsec are, and imports nothing for it.

A module of its own beside the package, as to import anything of acctsec would import all of it. Set ``HYPOTHESIS_NO_PLUGINS`` to
do without; then call ``acctsec.testing.strategies.register``.
"""

import sys
from typing import Any


def register() -> None:
    """
    Let ``from_type`` ask us for the types of acctsec, once that is imported.

    Hypothesis keeps such a list, by the name of a module, for NumPy and others; it is no public API of theirs. Where it is
    missing, types are registered one by one, if acctsec is there to be asked.
    """
    try:
        from hypothesis.strategies._internal.types import _global_extra_lookup
    except ImportError:
        if "acctsec" in sys.modules:
            from acctsec.testing.strategies import register as register_each

            register_each()
        return
    _global_extra_lookup["acctsec"] = resolve


def resolve(thing: Any) -> Any:
    """The strategy for a type of acctsec, or None: Hypothesis goes on to ask others, and then reads the annotations."""
    if str(getattr(thing, "__module__", "")).partition(".")[0] != "acctsec":
        return None
    from acctsec.testing.strategies import for_type

    return for_type(thing)
