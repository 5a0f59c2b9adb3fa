"""
Lockout: make guessing stop without letting anyone lock the owner out.

Strangers share one lane of an account; each known device, and each known network, has its own. What a stranger can see (a
refusal before any comparison, a time to wait) depends only on his own source and on what he typed; a lane that rests or has
stopped answers him exactly like a wrong password.
"""

from acctsec.lockout.hits import HitCount
from acctsec.lockout.lanes import (
    BY_TIME,
    LADDERED,
    OPENED,
    STRANGERS,
    UNLOCK_LIFETIME,
    UNNOTICED,
    Admitted,
    Attempt,
    Closed,
    Crowded,
    Judgement,
    Lane,
    OverBudget,
    SecretClass,
    era,
    month_of,
)
from acctsec.lockout.policy import PAIR, SOURCE, STEP, TYPOS, LockoutPolicy, Outage, Repeats

__all__ = [
    "BY_TIME",
    "LADDERED",
    "OPENED",
    "PAIR",
    "SOURCE",
    "STEP",
    "STRANGERS",
    "TYPOS",
    "UNLOCK_LIFETIME",
    "UNNOTICED",
    "Admitted",
    "Attempt",
    "Closed",
    "Crowded",
    "HitCount",
    "Judgement",
    "Lane",
    "LockoutPolicy",
    "Outage",
    "OverBudget",
    "Repeats",
    "SecretClass",
    "era",
    "month_of",
]
