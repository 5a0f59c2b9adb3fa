"""Password resets: asked for, looked at, redeemed."""

from datetime import datetime

from attrs import frozen

from acctsec.outcomes.passwords import PasswordChanged, PasswordRejected
from acctsec.outcomes.recovery import ChangeKind, ProofRequired, Waiting
from acctsec.outcomes.shared import Refused, TryAgain, secret
from acctsec.outcomes.sign_in import FactorRequired


@frozen
class ResetRequested:
    """
    The one answer to a reset request, whoever asked for whom.

    *handle* belongs to this browser: a reset code is useless without it.
    """

    handle: str = secret()


@frozen
class ResetPending:
    """
    The link is live until *expires*. Looking at it changed nothing. *approved*: two administrators agreed to this, and to nothing
    else, by it.
    """

    expires: datetime
    approved: ChangeKind | None = None


RedeemResetOutcome = PasswordChanged | PasswordRejected | FactorRequired | ProofRequired | Waiting | Refused | TryAgain
