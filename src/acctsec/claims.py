"""What sealed tokens say, and what callers claim: plain values, before sealing and after opening."""

from datetime import datetime

from attrs import field, frozen

from acctsec.checks import text


@frozen(kw_only=True)
class SessionClaims:
    """A session token. *active* is when it was sealed: idle time runs from there."""

    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    id: bytes
    active: datetime


@frozen(kw_only=True)
class DeviceClaims:
    """A device token: names a lockout lane and proves nothing else."""

    tenant: str
    subject: str
    incarnation: bytes
    id: bytes


@frozen(kw_only=True)
class Ticket:
    """
    The handle of an unfinished flow; the purpose it is sealed under says which.

    *methods* are the proofs so far. *hold* is the parked reservation of the password, *reset* the reset it is for.
    """

    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    id: bytes
    issued: datetime
    expires: datetime
    methods: tuple[str, ...]
    hold: bytes = b""
    reset: bytes = b""


@frozen(kw_only=True)
class LinkClaims:
    """A reset link: the secret, and where the record is that knows its digest."""

    tenant: str
    subject: str
    incarnation: bytes
    secret: bytes = field(repr=False)


@frozen(kw_only=True)
class HandleClaims:
    """What ``request_reset`` gave the browser: what was typed, and the id of the request."""

    tenant: str
    identifier: str = field(repr=False)
    id: bytes
    expires: datetime


@frozen(kw_only=True)
class Enrollment:
    """An authenticator that is not confirmed yet: it lives in this ticket alone."""

    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    id: bytes
    issued: datetime
    expires: datetime
    session: bytes
    name: str
    secret: bytes = field(repr=False)


# --- what callers claim -----------------------------------------------------------------------------------------------


@frozen
class CurrentPassword:
    """
    The subject's current password; counted like any guess.

    A subject with a live factor has to show a *session* at its full level beside it.
    """

    password: str = field(repr=False)
    session: str | None = field(default=None, repr=False)


@frozen
class FreshSession:
    """A session proven within ``SessionPolicy.fresh`` at the subject's full level."""

    token: str = field(repr=False)


@frozen
class ChangeTicket:
    """The ticket of ``PasswordChangeRequired``."""

    ticket: str = field(repr=False)


@frozen
class Admin:
    """An administrator, by name for the audit; the platform vouches for him. Raises ConfigError for one without a name."""

    actor: str = field(validator=text())


@frozen
class Initial:
    """The first password of a new subject; refused where there is one already."""


PasswordClaim = CurrentPassword | FreshSession | ChangeTicket | Admin | Initial


@frozen
class TotpCode:
    """A code from an authenticator app: six ASCII digits."""

    code: str = field(repr=False)


@frozen
class RecoveryCode:
    """
    A printed recovery code, ``xxxx-xxxx-xxxx-xxxx``.

    As the first proof of a reset it needs the *handle* that ``request_reset`` gave this browser.
    """

    code: str = field(repr=False)
    handle: str | None = field(default=None, repr=False)


FactorAnswer = TotpCode | RecoveryCode


@frozen
class ResetLink:
    """The token of a mailed reset link."""

    token: str = field(repr=False)


@frozen
class ResetCode:
    """A typed reset code, beside the *handle* that ``request_reset`` gave this browser."""

    handle: str = field(repr=False)
    code: str = field(repr=False)


@frozen
class ResumeTicket:
    """The ticket of ``ProofAccepted``."""

    ticket: str = field(repr=False)


ResetProof = ResetLink | ResetCode | RecoveryCode | ResumeTicket
