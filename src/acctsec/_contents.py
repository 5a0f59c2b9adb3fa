"""
What the contents pages list, by the module it lies in: a chapter is read when somebody first asks for one of its names.

Type checkers read the imports of the page itself; a test holds the two equal.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

LIBRARY: Mapping[str, str] = {
    "acctsec.assurance": "Method Traits",
    "acctsec.claims": (
        "AddressCode AddressLink Admin ChallengeAnswer ChangeTicket CurrentPassword DeliveredCode FreshSession HotpCode "
        "Initial OutsideAnswer PasskeyAssertion PasskeyAttestation PushApproval RecoveryCode ResetCode ResetLink "
        "ResumeTicket TotpCode UnlockFactor UnlockLink"
    ),
    "acctsec.context": "Context Source",
    "acctsec.engine": "AsyncEngine Engine",
    "acctsec.errors": "AcctsecError ConfigError PortError StoreError StoreUnavailable",
    "acctsec.hashing": "HashingPolicy",
    "acctsec.keyring": "Keyring",
    "acctsec.links": "Links",
    "acctsec.lockout": "LockoutPolicy",
    "acctsec.mfa": (
        "PHISHING_RESISTANT SECOND_FACTOR Action DeliveredPolicy MfaPolicy OtpForm Outside PushPolicy Rule all_of any_of"
    ),
    "acctsec.mfa.passkeys": "PasskeyPolicy",
    "acctsec.outcomes": (
        "AddressPending AddressRemoved AddressTaken AddressVerified Allowed ApprovalPending AssuranceLevel "
        "ChallengeRequired ChangeCancelled ChangeInfo Changes CodeEnrollmentStarted CodeSent ContactInfo ContactNamed "
        "ContactRemoved Contacts ContactsAsked Delivered DeviceForgotten DeviceInfo Devices EnrollmentRequired "
        "EnrollmentStarted FactorAdded FactorImported FactorMissing FactorRemoved FactorRenamed FactorReported "
        "FactorRequired FactorRestored Factors FactorsRemoved IdentifierChanged IdentifierRejected IdentifierTaken "
        "LockOpened Objection OutsideBegun PasskeyChallenge PasskeyEnrollmentStarted PasswordAccepted PasswordChanged "
        "PasswordChangeRequired PasswordRejected PromptApproved PromptDenied PromptPending PromptSent ProofAccepted "
        "ProofRequired Proposed PushEnrollmentStarted ReauthenticationRequired RecoveryCodes RecoveryRequired Refused "
        "ReportReason ResetPending ResetRequested SessionEnded SessionList SessionsEnded SessionValid SharePending SignedIn "
        "StepUp TokenRejected TryAgain UnlockPending Vetoed VetoPending Vouched Waiting"
    ),
    "acctsec.password": "PasswordPolicy",
    "acctsec.policy": "Policy",
    "acctsec.presets": "CHEAPEST SOCIAL_DEFAULT SOCIAL_GUARDED WORKFORCE_DEFAULT",
    "acctsec.protocols": (
        "Account AddAddress Ambiguous Applied Approved Channel Declined Message MessagePurpose RemoveAddress "
        "ReplaceAddress ReplaceIdentifier Status Taken"
    ),
    "acctsec.recovery": "Capability Proof RecoveryPath RecoveryPolicy",
    "acctsec.reset": "ResetPolicy",
    "acctsec.sessions": "SessionPolicy",
    "acctsec.stores": (
        "AsyncMemoryPopularity AsyncMemoryStore AsyncMemoryWatch AsyncPostgresStore AsyncSplitStore AsyncSqliteStore "
        "AsyncValkeyPopularity AsyncValkeyStore AsyncValkeyWatch MemoryPopularity MemoryStore MemoryWatch PostgresStore "
        "SplitStore SqliteStore ValkeyPopularity ValkeyRisk ValkeyStore ValkeyWatch"
    ),
}

STORES: Mapping[str, str] = {
    "acctsec.stores.memory": "AsyncMemoryStore MemoryStore",
    "acctsec.stores.popularity": "AsyncMemoryPopularity MemoryPopularity",
    "acctsec.stores.postgres": "AsyncPostgresStore PostgresStore",
    "acctsec.stores.split": "AsyncSplitStore SplitStore",
    "acctsec.stores.sqlite": "AsyncSqliteStore SqliteStore",
    "acctsec.stores.valkey": "AsyncValkeyStore ValkeyRisk ValkeyStore",
    "acctsec.stores.valkey_popularity": "AsyncValkeyPopularity ValkeyPopularity",
    "acctsec.stores.valkey_watch": "AsyncValkeyWatch ValkeyWatch",
    "acctsec.stores.watch": "AsyncMemoryWatch MemoryWatch",
}


def opened(page: str, chapters: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a page: a name is looked up in its chapter once, and is on the page from then on."""
    homes = {name: module for module, names in chapters.items() for name in names.split()}
    listed = vars(sys.modules[page])

    def look_up(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {page!r} has no attribute {name!r}", name=name, obj=sys.modules[page])
        found = listed[name] = getattr(import_module(home), name)
        return found

    def names() -> list[str]:
        return sorted({*listed, *homes})

    return look_up, names
