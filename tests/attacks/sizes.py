"""How much memory a value takes, with all that it holds."""

import sys

from msgspec import Struct


def deep_size(value, seen=None):
    """The bytes of CPython's objects under *value*, each counted once."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(deep_size(key, seen) + deep_size(held, seen) for key, held in value.items())
    if isinstance(value, (tuple, list)):
        return size + sum(deep_size(held, seen) for held in value)
    if isinstance(value, Struct):
        return size + sum(deep_size(getattr(value, name), seen) for name in value.__struct_fields__)
    return size
