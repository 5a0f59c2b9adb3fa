"""What actors can do: each step a class with its keys, what it takes, and how it is done."""

from typing import get_args

from acctsec.testing.scenarios.steps._step import (
    DOMAIN,
    ORIGIN,
    Count,
    Hands,
    Operation,
    Person,
    Step,
    Times,
    Turn,
    filled,
    numbered,
)
from acctsec.testing.scenarios.steps.addresses import AddAddress, ChangeIdentifier, RemoveAddress, VerifyAddress
from acctsec.testing.scenarios.steps.administration import Administer, ApproveRecovery, ProposeRecovery, SetPassword
from acctsec.testing.scenarios.steps.factors import (
    AnswerPrompt,
    DenyPrompt,
    Enroll,
    IssueRecoveryCodes,
    PushPrompt,
    RemoveFactor,
    ReportFactor,
    SendCode,
)
from acctsec.testing.scenarios.steps.passwords import (
    ChangePassword,
    ChoosePassword,
    InspectReset,
    InspectVeto,
    Misuse,
    RedeemReset,
    RemoveLostFactors,
    RequestReset,
    Veto,
)
from acctsec.testing.scenarios.steps.sessions import Authorize, CheckSession, Reauthenticate, SignOut, SignOutEverywhere
from acctsec.testing.scenarios.steps.signing_in import (
    Answer,
    BeginPasskeySignIn,
    Copy,
    InspectUnlock,
    SignIn,
    SignInWithPasskey,
    Unlock,
)

__all__ = [
    "DOMAIN",
    "ORIGIN",
    "STEPS",
    "AnyStep",
    "Copy",
    "Count",
    "Hands",
    "Operation",
    "Person",
    "Step",
    "Times",
    "Turn",
    "filled",
    "numbered",
]

AnyStep = (
    SignIn
    | Answer
    | BeginPasskeySignIn
    | SignInWithPasskey
    | InspectUnlock
    | Unlock
    | ChoosePassword
    | ChangePassword
    | RequestReset
    | InspectReset
    | RedeemReset
    | RemoveLostFactors
    | InspectVeto
    | Veto
    | CheckSession
    | Authorize
    | Reauthenticate
    | SignOut
    | SignOutEverywhere
    | Enroll
    | IssueRecoveryCodes
    | SendCode
    | PushPrompt
    | AnswerPrompt
    | DenyPrompt
    | RemoveFactor
    | ReportFactor
    | AddAddress
    | VerifyAddress
    | RemoveAddress
    | ChangeIdentifier
    | Administer
    | SetPassword
    | ProposeRecovery
    | ApproveRecovery
    | Misuse
    | Copy
)

STEPS: tuple[type[Step], ...] = get_args(AnyStep)
"""Every step, in the order in which the reference lists them."""
