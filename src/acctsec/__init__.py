"""Password-reset and account-security policies for login services: they decide, the platform does the rest."""

from acctsec.claims import (
    Admin,
    ChangeTicket,
    CurrentPassword,
    FreshSession,
    Initial,
    RecoveryCode,
    ResetCode,
    ResetLink,
    ResumeTicket,
    TotpCode,
)
from acctsec.context import Context, Source
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import AcctsecError, ConfigError, PortError, StoreError, StoreUnavailable
from acctsec.hashing import HashingPolicy
from acctsec.keyring import Keyring
from acctsec.lockout import LockoutPolicy
from acctsec.mfa import MfaPolicy
from acctsec.outcomes import (
    AssuranceLevel,
    Delivered,
    EnrollmentRequired,
    EnrollmentStarted,
    FactorAdded,
    FactorRemoved,
    FactorRenamed,
    FactorRequired,
    Factors,
    Objection,
    PasswordAccepted,
    PasswordChanged,
    PasswordChangeRequired,
    PasswordRejected,
    ProofAccepted,
    RecoveryCodes,
    Refused,
    ResetPending,
    ResetRequested,
    SessionEnded,
    SessionsEnded,
    SessionValid,
    SignedIn,
    TryAgain,
)
from acctsec.password import PasswordPolicy
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST, SOCIAL_DEFAULT
from acctsec.protocols import Account, Ambiguous, Message, MessagePurpose, Status
from acctsec.reset import ResetPolicy
from acctsec.sessions import SessionPolicy
from acctsec.stores import AsyncMemoryStore, AsyncSplitStore, AsyncSqliteStore, MemoryStore, SplitStore, SqliteStore

__version__ = "0.1.0"

__all__ = [
    "CHEAPEST",
    "SOCIAL_DEFAULT",
    "Account",
    "AcctsecError",
    "Admin",
    "Ambiguous",
    "AssuranceLevel",
    "AsyncEngine",
    "AsyncMemoryStore",
    "AsyncSplitStore",
    "AsyncSqliteStore",
    "ChangeTicket",
    "ConfigError",
    "Context",
    "CurrentPassword",
    "Delivered",
    "Engine",
    "EnrollmentRequired",
    "EnrollmentStarted",
    "FactorAdded",
    "FactorRemoved",
    "FactorRenamed",
    "FactorRequired",
    "Factors",
    "FreshSession",
    "HashingPolicy",
    "Initial",
    "Keyring",
    "LockoutPolicy",
    "MemoryStore",
    "Message",
    "MessagePurpose",
    "MfaPolicy",
    "Objection",
    "PasswordAccepted",
    "PasswordChangeRequired",
    "PasswordChanged",
    "PasswordPolicy",
    "PasswordRejected",
    "Policy",
    "PortError",
    "ProofAccepted",
    "RecoveryCode",
    "RecoveryCodes",
    "Refused",
    "ResetCode",
    "ResetLink",
    "ResetPending",
    "ResetPolicy",
    "ResetRequested",
    "ResumeTicket",
    "SessionEnded",
    "SessionPolicy",
    "SessionValid",
    "SessionsEnded",
    "SignedIn",
    "Source",
    "SplitStore",
    "SqliteStore",
    "Status",
    "StoreError",
    "StoreUnavailable",
    "TotpCode",
    "TryAgain",
]
