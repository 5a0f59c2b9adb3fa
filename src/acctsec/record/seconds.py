"""
Instants of which there are many lie in whole seconds: 6 bytes instead of 10.

Each is cut to the side that grants nothing: what proves less with age looks older, and what is refused until an instant is
refused until the second after it.
"""

from datetime import datetime, timedelta

from acctsec._values import put
from acctsec.record._part import Part


def floored(at: datetime) -> datetime:
    """The second in which an instant lies."""
    return at.replace(microsecond=0) if at.microsecond else at


def ceiled(at: datetime) -> datetime:
    """The first whole second at or after an instant."""
    return at.replace(microsecond=0) + timedelta(seconds=1) if at.microsecond else at


def floor(part: Part, *names: str) -> None:
    """Cut instants of a part that is being made down."""
    for name in names:
        at = getattr(part, name)
        if at is not None and at.microsecond:
            put(part, name, floored(at))


def ceil(part: Part, *names: str) -> None:
    """Cut instants of a part that is being made up."""
    for name in names:
        at = getattr(part, name)
        if at is not None and at.microsecond:
            put(part, name, ceiled(at))
