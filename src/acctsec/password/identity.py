"""
What a policy accepts, as eight bytes that are the same in every process.

A record remembers them beside its password, and at a sign-in they tell whether the rules have changed since. So they may hold
nothing that differs between processes: no address of an object, no order of a set.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from enum import Enum
from hashlib import sha256
from re import Pattern

from attrs import fields, has

_PLAIN = {type(None), bool, int, float, str, bytes, date, timedelta}
_FORM = 1
"""Of what is digested. It goes up when rules or lists of this library come to refuse more under the same names."""


def identity(*values: object) -> bytes:
    """
    Name *values* by what they are: equal values, equal bytes.

    What compares by its fields (attrs, dataclasses) is named by its class and those fields. Any other object is named by its
    class alone, and a function by its own name: what may differ in them from process to process would differ here.
    """
    return sha256(repr((_FORM, written(values))).encode(errors="surrogatepass")).digest()[:8]


def written(value: object) -> object:
    """A value as nested tuples of texts."""
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if isinstance(value, Enum):
        return kind.__qualname__, value.name
    plain = next((one for one in (str, bytes, int, float) if isinstance(value, one)), None)
    if plain is not None:  # of a class of somebody's own, which is equal to the plain one
        return plain.__repr__(value)
    if isinstance(value, Pattern):
        return "pattern", repr(value.pattern), str(value.flags)
    if isinstance(value, Mapping):
        return "mapping", *sorted((repr(written(key)), repr(written(one))) for key, one in value.items())
    if isinstance(value, AbstractSet):
        return "set", *sorted(repr(written(one)) for one in value)
    if isinstance(value, tuple | list):
        return "sequence", *map(written, value)
    return _of_class(value)


def _of_class(value: object) -> object:
    kind = type(value)
    named = getattr(value, "__qualname__", None)  # a class or a function
    if isinstance(named, str):
        return "named", named
    if has(kind):
        names = [one.name for one in fields(kind) if one.eq]
    elif dataclasses.is_dataclass(kind):
        names = [one.name for one in dataclasses.fields(kind) if one.compare]
    else:
        names = []
    return kind.__qualname__, *((name, written(getattr(value, name))) for name in names)
