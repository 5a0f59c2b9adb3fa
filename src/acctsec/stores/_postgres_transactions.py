"""How statements on PostgreSQL become one transaction, and when it is made again."""

import os
from collections.abc import Callable
from typing import TypeVar

from acctsec.stores._plans import Plan
from acctsec.stores._postgres_wire import (
    Ask,
    Lost,
    RolledBack,
    Statement,
)

Answer = TypeVar("Answer")

BEGIN: Ask = (Statement("BEGIN"), ())
COMMIT: Ask = (Statement("COMMIT"), ())
ROLLBACK: Ask = (Statement("ROLLBACK"), ())
# What a crash of the server may take back: charges and leases of its last moments.
QUICK: Ask = (Statement("SET LOCAL synchronous_commit = off"), ())


def persistent(attempt: Callable[[], Plan[Answer]], *, repeat: bool = True) -> Plan[Answer]:
    """
    Carry a plan out, and again each time the server undid it because of others; the driver's deadline ends that.

    With *repeat* it is harmless to do twice, and is done once more when a connection was lost on the way.
    """
    pause = 0.001
    while True:
        try:
            return (yield from attempt())
        except RolledBack:
            yield pause * (0.5 + os.urandom(1)[0] / 256)
            pause = min(pause * 1.5, 0.05)
        except Lost:
            if not repeat:
                raise
            repeat = False
