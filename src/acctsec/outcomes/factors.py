"""Second factors and printed codes: set up, renamed, removed, listed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from acctsec.outcomes.shared import Refused, secret


class FactorKind(StrEnum):
    """The kinds of second factor a subject can hold."""

    TOTP = "totp"
    HOTP = "hotp"
    PASSKEY = "passkey"
    DELIVERED = "delivered"
    PUSH = "push"
    OUTSIDE = "outside"
    RECOVERY_CODE = "recovery-code"


class ReportReason(StrEnum):
    """Why a factor proves nothing any more: it is lost, and may be found again, or somebody else may have it or a copy."""

    LOST = "lost"
    COMPROMISED = "compromised"


@frozen
class FactorInfo:
    """
    What may be shown of a factor: never its secret. *method* is what proving it counts as, see `Method`; *reported* says why it
    proves nothing any more, lost or compromised. *address* is where codes are sent, masked: ``+49 … 12``, ``j…@example.org``.
    """

    id: str
    kind: FactorKind
    name: str
    created: datetime | None = None
    left: int | None = None
    method: str = field(default="", kw_only=True)
    reported: str = field(default="", kw_only=True)
    address: str = field(default="", kw_only=True)


@frozen
class EnrollmentStarted:
    """
    An authenticator can be set up from *uri* or *key*; nothing is stored until ``confirm_factor`` proves it. Both are empty for
    a token that has its secret already.
    """

    ticket: str = secret()
    uri: str = secret()
    key: str = secret()


class UriFlaw(StrEnum):
    """The first thing that is wrong with an otpauth URI."""

    SHAPE = "shape"
    LABEL = "label"
    PARAMETER = "parameter"
    SECRET = "secret"  # noqa: S105 - the name of a flaw
    FORM = "form"
    COUNTER = "counter"


@frozen
class TokenRejected:
    """The otpauth URI of a token cannot be used, or is one of another kind; *flaw* is the first that was found."""

    flaw: UriFlaw


@frozen
class FactorImported:
    """The token is the subject's second factor now. *again*: it was before, and nothing changed."""

    factor: FactorInfo
    again: bool = False


@frozen
class OutsideBegun:
    """
    Somebody else is ready to check a factor. *page* is what he wants the page to have; *ticket* goes on with the answer that it
    hands back, to ``verify_factor`` or, of a new factor, to ``confirm_factor``.
    """

    ticket: str = secret()
    page: Mapping[str, str] = field(repr=False, kw_only=True)


@frozen(kw_only=True)
class CodeSent:
    """
    A code is on its way to *factor*, at *address* (masked), by *channel* (``text``, ``voice``, ``mail``). It is good until
    *expires*, for this ticket alone; another one may be asked for at *next_after*.
    """

    factor: str
    channel: str
    address: str
    expires: datetime
    next_after: datetime


@frozen
class CodeEnrollmentStarted:
    """
    A code was *sent* that proves the new factor: ``confirm_factor(ticket, DeliveredCode(code))``. Nothing is set up before.

    *restricted*: it goes over the telephone network; tell the subject what that risks, and offer something better beside it
    (SP 800-63B-4 section 3.2.9).
    """

    ticket: str = secret()
    sent: CodeSent = field(kw_only=True)
    restricted: bool = field(kw_only=True)


@frozen
class PromptSent:
    """
    A prompt goes to the app: show *number*, which has to be typed there until *expires*, and ask by
    ``verify_factor(ticket, PushApproval())`` what became of it.
    """

    number: str = secret()
    expires: datetime = field(kw_only=True)


@frozen
class PushEnrollmentStarted:
    """
    A prompt goes to the new app: show *number*, which has to be typed there until *expires*, and ask by
    ``confirm_factor(ticket, PushApproval())`` what became of it. Nothing is set up before.
    """

    ticket: str = secret()
    number: str = secret()
    expires: datetime = field(kw_only=True)


@frozen(kw_only=True)
class ApprovalPending:
    """Nobody answered the prompt yet, and nothing was counted: ask again after *retry_after*, until *expires*."""

    retry_after: timedelta
    expires: datetime


@frozen(kw_only=True)
class PromptPending:
    """
    A prompt that waits for its number until *expires*. Show what it is for (*action*: one of the policy, ``reset`` or
    ``set-up``), when it was *asked* for, from which *source* (a network), with which *agent* (as the browser told it), and
    whether by a browser or in a session that is *known*. Looking at it changed nothing.
    """

    asked: datetime
    expires: datetime
    action: str
    source: str
    agent: str
    known: bool


@frozen
class PromptApproved:
    """The number was right; the browser that showed it goes on."""


@frozen
class PromptDenied:
    """
    The prompt is over. Nothing is pushed for strangers for a while, and every address was told that somebody knows the password,
    or asked for a reset: offer to change it.
    """


@frozen
class PasskeyEnrollmentStarted:
    """
    A passkey can be made: hand *options* to ``PublicKeyCredential.parseCreationOptionsFromJSON`` in the browser. Nothing is
    stored until ``confirm_factor`` proves it.
    """

    ticket: str = secret()
    options: Mapping[str, Any] = field(kw_only=True, repr=False)  # it names the account


@frozen
class PasskeyChallenge:
    """
    Whoever has a passkey here can sign in with it: hand *options* to ``PublicKeyCredential.parseRequestOptionsFromJSON``, and
    what comes back to ``sign_in_with_passkey`` with this *ticket*. They are nobody's, and good once.
    """

    ticket: str = secret()
    options: Mapping[str, Any] = field(kw_only=True, repr=False)


@frozen
class FactorAdded:
    """
    The factor is live and its confirming code is spent.

    *session* replaces the session that enrolled it: a change of privilege gives a new token and ends all others.
    """

    factor: FactorInfo
    session: str = secret()


@frozen
class FactorRemoved:
    """The factor is gone; *session* replaces the token that removed it."""

    session: str = secret()


@frozen
class FactorReported:
    """
    The factor proves nothing from now on, and guards the account still. *session* replaces the token that reported it; whatever
    rested on the factor is of a lower level now.
    """

    factor: FactorInfo
    session: str = secret()


@frozen
class FactorRestored:
    """The factor that was lost proves again; *session* replaces the token, and all other sessions are over."""

    factor: FactorInfo
    session: str = secret()


@frozen
class FactorRenamed:
    """The factor has its new name."""

    factor: FactorInfo


@frozen
class Factors:
    """The factors of a subject."""

    factors: tuple[FactorInfo, ...]


@frozen
class RecoveryCodes:
    """The subject's new recovery codes, shown this once; older ones are void. *session* replaces the token."""

    codes: tuple[str, ...] = field(repr=False)
    session: str = secret()


EnrollOtpOutcome = EnrollmentStarted | TokenRejected | Refused
