"""Whether a session may do something now, and what it has to prove before it may."""

from datetime import datetime

from attrs import field, frozen

from acctsec.outcomes.factors import ApprovalPending, FactorAdded, FactorInfo
from acctsec.outcomes.recovery import Waiting
from acctsec.outcomes.sessions import SessionEnded, SessionInfo
from acctsec.outcomes.shared import Refused, TryAgain, secret
from acctsec.outcomes.sign_in import (
    EnrollmentRequired,
    FactorRequired,
    PasswordChangeRequired,
    ProofAccepted,
    RecoveryRequired,
    SignedIn,
    StepUp,
)


@frozen
class ReauthenticationRequired:
    """
    The password is due again: call ``reauthenticate`` with this *ticket*. *factors* are those that may be due after it, or help
    in its place.
    """

    ticket: str = secret()
    factors: tuple[FactorInfo, ...] = field(kw_only=True)
    step_up: StepUp = field(kw_only=True)


@frozen
class FactorMissing:
    """
    Nothing that the subject has would do for this action: let it set up a factor that is proven by one of *methods*, see
    ``enroll_passkey`` and the like.
    """

    methods: frozenset[str]
    step_up: StepUp = field(kw_only=True)


@frozen
class Allowed:
    """The session may do this now, and *until* then if nothing changes: when the oldest proof it rests on is too old."""

    session: SessionInfo
    until: datetime = field(kw_only=True)


AuthorizeOutcome = Allowed | FactorRequired | ReauthenticationRequired | FactorMissing | RecoveryRequired | Waiting | SessionEnded
ReauthenticateOutcome = (
    SignedIn | FactorRequired | ReauthenticationRequired | FactorMissing | RecoveryRequired | Refused | TryAgain
)
VerifyFactorOutcome = (
    SignedIn
    | ProofAccepted
    | FactorRequired
    | ReauthenticationRequired
    | FactorMissing
    | RecoveryRequired
    | EnrollmentRequired
    | PasswordChangeRequired
    | ApprovalPending
    | Refused
    | TryAgain
)
ConfirmFactorOutcome = (
    FactorAdded | FactorRequired | RecoveryRequired | EnrollmentRequired | ApprovalPending | Waiting | Refused | TryAgain
)
