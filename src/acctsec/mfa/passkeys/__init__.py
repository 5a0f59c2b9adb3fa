"""Passkeys, as first or second factor: what is asked of a browser, and what its answer is worth."""

from acctsec.mfa.passkeys._webauthn import WebauthnVerifier
from acctsec.mfa.passkeys.judgement import Usable, judge, kept
from acctsec.mfa.passkeys.options import creation_options, request_options, subject_of, user_handle
from acctsec.mfa.passkeys.policy import AttestationRoot, Hint, PasskeyPolicy
from acctsec.mfa.passkeys.proving import PasskeyMatch
from acctsec.protocols import (
    Asserted,
    Attestation,
    CounterRegression,
    PasskeyVerifier,
    Registered,
    Rejected,
    Rejection,
    UserVerification,
)

__all__ = [
    "Asserted",
    "Attestation",
    "AttestationRoot",
    "CounterRegression",
    "Hint",
    "PasskeyMatch",
    "PasskeyPolicy",
    "PasskeyVerifier",
    "Registered",
    "Rejected",
    "Rejection",
    "Usable",
    "UserVerification",
    "WebauthnVerifier",
    "creation_options",
    "judge",
    "kept",
    "request_options",
    "subject_of",
    "user_handle",
]
