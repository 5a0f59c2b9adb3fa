"""
The subject record: all security state of one subject, one class a part.

Each policy takes and returns its own part. What crosses families goes through the methods of Record. Every collection has
a cap and a defined loser, so a record never grows past 16 KiB.
"""

from acctsec.record._part import (
    Part,
)
from acctsec.record.factors import (
    Delivered,
    Factor,
    Factors,
    Hotp,
    Outside,
    Passkey,
    Prompt,
    Push,
    RecoverySet,
    Sent,
    Totp,
)
from acctsec.record.habits import (
    History,
    Path,
)
from acctsec.record.limits import (
    MAX_ADDRESSES,
    MAX_BYTES,
    MAX_CHANGES,
    MAX_CHECKPOINTS,
    MAX_COMMITS,
    MAX_CONTACTS,
    MAX_DEVICES,
    MAX_FACTOR_BYTES,
    MAX_FACTORS,
    MAX_HISTORY,
    MAX_NETWORKS,
    MAX_OPENINGS,
    MAX_PLACES,
    MAX_PROOFS,
    MAX_REMOVED,
    MAX_RESETS,
    MAX_SENT,
    MAX_SESSIONS,
    MAX_SIGN_INS,
    MAX_SPENT,
    RAPID,
    SKEW,
)
from acctsec.record.lockout import (
    Checkpoint,
    Opening,
)
from acctsec.record.passwords import (
    Reset,
    Verifier,
)
from acctsec.record.recovery import (
    Address,
    Change,
    Contact,
    Contest,
)
from acctsec.record.sessions import (
    Device,
    Network,
    Proof,
    Session,
    Spent,
)
from acctsec.record.subject import (
    Record,
)

__all__ = [
    "MAX_ADDRESSES",
    "MAX_BYTES",
    "MAX_CHANGES",
    "MAX_CHECKPOINTS",
    "MAX_COMMITS",
    "MAX_CONTACTS",
    "MAX_DEVICES",
    "MAX_FACTORS",
    "MAX_FACTOR_BYTES",
    "MAX_HISTORY",
    "MAX_NETWORKS",
    "MAX_OPENINGS",
    "MAX_PLACES",
    "MAX_PROOFS",
    "MAX_REMOVED",
    "MAX_RESETS",
    "MAX_SENT",
    "MAX_SESSIONS",
    "MAX_SIGN_INS",
    "MAX_SPENT",
    "RAPID",
    "SKEW",
    "Address",
    "Change",
    "Checkpoint",
    "Contact",
    "Contest",
    "Delivered",
    "Device",
    "Factor",
    "Factors",
    "History",
    "Hotp",
    "Network",
    "Opening",
    "Outside",
    "Part",
    "Passkey",
    "Path",
    "Prompt",
    "Proof",
    "Push",
    "Record",
    "RecoverySet",
    "Reset",
    "Sent",
    "Session",
    "Spent",
    "Totp",
    "Verifier",
]
