"""What of the engine's inside faults are planted in: here, and nowhere else in this folder, its names are known."""

import sys

from acctsec._codec import decode_record
from acctsec._flows.core import Core
from acctsec._flows.counting import Counting, phantom
from acctsec._flows.guesses import Guesses
from acctsec._flows.hashes import Hashes
from acctsec._flows.issuing import Issuing
from acctsec._flows.kinds.totp import TotpApps
from acctsec._flows.sending import within_budget
from acctsec._flows.sessions import Sessions
from acctsec._flows.sign_in import SignIn
from acctsec._flows.tokens import Tokens
from acctsec.keyring import Keyring
from acctsec.lockout import LockoutPolicy
from acctsec.mfa.policy import MfaPolicy
from acctsec.mfa.proving import RecoveryMatch, TotpMatch
from acctsec.record import Record
from acctsec.recovery import RecoveryPolicy
from acctsec.reset import ResetPolicy
from acctsec.sessions import SessionPolicy
from acctsec.steps import (
    Scene,
    change_password,
    issue_reset,
    lapsed,
    open_by_factor,
    prove_factor,
    redeem,
    sign_in,
    spend,
)

SIGNING_IN = sys.modules["acctsec.steps.sign_in"]
still_due, change_due = SIGNING_IN.still_due, SIGNING_IN.change_due

__all__ = [
    "Core",
    "Counting",
    "Guesses",
    "Hashes",
    "Issuing",
    "Keyring",
    "LockoutPolicy",
    "MfaPolicy",
    "Record",
    "RecoveryMatch",
    "RecoveryPolicy",
    "ResetPolicy",
    "Scene",
    "SessionPolicy",
    "Sessions",
    "SignIn",
    "Tokens",
    "TotpApps",
    "TotpMatch",
    "change_due",
    "change_password",
    "decode_record",
    "issue_reset",
    "lapsed",
    "open_by_factor",
    "phantom",
    "prove_factor",
    "redeem",
    "sign_in",
    "spend",
    "still_due",
    "within_budget",
]
