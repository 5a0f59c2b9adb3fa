"""Recovery: what an owner gets back for which proofs, when, and who can stop it."""

from acctsec.recovery.paths import Capability, Delays, Facts, Proof, RecoveryPath, proofs_of
from acctsec.recovery.policy import Enough, Forbidden, Judgement, Lacking, RecoveryPolicy

__all__ = [
    "Capability",
    "Delays",
    "Enough",
    "Facts",
    "Forbidden",
    "Judgement",
    "Lacking",
    "Proof",
    "RecoveryPath",
    "RecoveryPolicy",
    "proofs_of",
]
