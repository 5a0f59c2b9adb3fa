"""Signing in: what was proven, what is still asked for, and the link that opens the lane of strangers."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from acctsec.outcomes.factors import FactorInfo
from acctsec.outcomes.passwords import ChangeReason
from acctsec.outcomes.sessions import SessionInfo
from acctsec.outcomes.shared import AssuranceLevel, Refused, TryAgain, secret


@frozen
class SignedIn:
    """
    The subject proved all that the policy asks; *session* is the token to hand to the browser.

    *device* is a token for a second, longer-lived cookie: it gives this browser its own lockout lane and nothing else.
    *password_due* is when another password will be asked for, or has been since: because of its age, because an administrator
    gave until then, or because the rules of today refuse it. *factor_due* is until when the subject may sign in without a factor
    that the policy demands. None where nothing of the kind is asked. Say so, and let people in.

    A session that stepped up has no *device*: "" stands there, and the browser keeps the one it has.
    """

    session: str = secret()
    device: str = secret()
    info: SessionInfo = field(kw_only=True)
    password_due: datetime | None = field(default=None, kw_only=True)
    factor_due: datetime | None = field(default=None, kw_only=True)


@frozen
class StepUp:
    """
    What an action asks for, as RFC 9470 says it: the level *acr*, where one is asked for, and how old a proof may be.
    """

    acr: AssuranceLevel | None = None
    max_age: timedelta | None = None


@frozen
class FactorRequired:
    """
    A second factor is due: call ``verify_factor`` with this *ticket*. *factors* are those that help, *step_up* what an action
    asked for. *passkey* are the options for ``PublicKeyCredential.parseRequestOptionsFromJSON``; None where no passkey helps.
    """

    ticket: str = secret()
    factors: tuple[FactorInfo, ...] = field(kw_only=True)
    step_up: StepUp | None = field(default=None, kw_only=True)
    passkey: Mapping[str, Any] | None = field(default=None, kw_only=True, repr=False)


@frozen
class RecoveryRequired:
    """
    What is due was reported or withdrawn, or nobody checks it any more: lead to ``request_reset`` and ``remove_lost_factors``.

    All that the subject can show was right. Nothing may be set up in place of what is lost by what is left.
    """


@frozen
class ChallengeRequired:
    """
    Show the *puzzle*, and call the same operation again with ``Context(challenge=ChallengeAnswer(ticket, answer))``.

    An answer is good once and for what it was asked for: the same identifier from the same source. This answer to it is like
    the first: solve the new puzzle.
    """

    ticket: str = secret()
    puzzle: str = field(kw_only=True, repr=False)  # no secret, and no two are alike


@frozen
class EnrollmentRequired:
    """
    The policy demands a factor that the subject has not, and everything it has is proven: call ``enroll_totp``,
    ``enroll_passkey`` or the like with this *ticket*.
    """

    ticket: str = secret()


@frozen
class PasswordChangeRequired:
    """Everything was proven, but the password must change first: ``set_password(..., by=ChangeTicket(ticket))``."""

    ticket: str = secret()
    reason: ChangeReason = field(kw_only=True)


@frozen
class ProofAccepted:
    """The factor is proven for this reset: ``redeem_reset(ResumeTicket(ticket), new_password)``."""

    ticket: str = secret()


@frozen
class UnlockPending:
    """The link opens the lane of strangers until *expires*. Looking at it changed nothing."""

    expires: datetime


@frozen
class LockOpened:
    """Passwords are compared again where nobody is known: sign in now. Nobody is signed in, and nothing else was opened."""


SignInOutcome = (
    SignedIn
    | ChallengeRequired
    | FactorRequired
    | RecoveryRequired
    | EnrollmentRequired
    | PasswordChangeRequired
    | Refused
    | TryAgain
)
UnlockOutcome = LockOpened | Refused | TryAgain
