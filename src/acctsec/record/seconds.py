"""
Instants of which there are many, cut to whole seconds: 6 bytes instead of 10.

Each is cut to the side that grants nothing: what is valid *from* an instant looks older, what holds *until* one stays longer in force
where it refuses.
"""

from datetime import datetime, timedelta


def floored(at: datetime) -> datetime:
    """The second in which an instant lies."""
    return at.replace(microsecond=0) if at.microsecond else at


def ceiled(at: datetime) -> datetime:
    """The first whole second at or after an instant."""
    return at.replace(microsecond=0) + timedelta(seconds=1) if at.microsecond else at
