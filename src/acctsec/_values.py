"""
Plain values of the inside: frozen, equal by content, and made in C.

Every request makes and drops dozens of them, and attrs makes each in Python. What applications see and write down
themselves (policies, claims, outcomes, events) stays attrs: it validates, converts and hides.
"""

from msgspec import Meta, Struct
from msgspec.structs import force_setattr as put
from msgspec.structs import replace as evolve

__all__ = ["SHARE", "Value", "below", "evolve", "put"]

SHARE = Meta(ge=0, le=1)
"""What a stored share has to be: a number that is none at all (NaN) would compare like none. Others are not read."""


class Value(Struct, frozen=True):
    """
    Declares its fields like a dataclass. Nothing is checked when one is made, and all of it shows in its repr.

    One that has a canonical form brings itself there in ``__post_init__``, with ``put``, and nowhere else.
    """


def below(bound: int) -> Meta:
    """What a stored number has to be where it names an entry of a list: from 0, and below *bound*. Others are not read."""
    return Meta(ge=0, lt=bound)
