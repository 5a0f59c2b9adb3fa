"""Recovery: what an owner gets back for which proofs, when, and who can stop it."""

from acctsec.recovery.paths import PROOF_OF, Capability, Delays, Facts, Proof, RecoveryPath, proof_of, proofs_of
from acctsec.recovery.policy import Enough, Forbidden, Judgement, Lacking, RecoveryPolicy

__all__ = [
    "PROOF_OF",
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
    "proof_of",
    "proofs_of",
]
