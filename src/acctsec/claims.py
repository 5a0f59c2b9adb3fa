"""What sealed tokens say, and what callers claim: plain values, before sealing and after opening."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from acctsec._values import Value
from acctsec.checks import text


class Sealed(Value, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True):
    """What is kept or handed out only under seal. Nothing of it is shown."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class SessionClaims(Sealed, frozen=True, kw_only=True):
    """
    A session token. *active* is when it was sealed: idle time runs from there. *generation* was first handed out when it
    *turned*. *key* is the thumbprint that it is bound to, empty for none.
    """

    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    id: bytes
    active: datetime
    generation: int = 0
    turned: datetime | None = None
    key: bytes = b""


class DeviceClaims(Sealed, frozen=True, kw_only=True):
    """A device token: names a lockout lane and proves nothing else."""

    tenant: str
    subject: str
    incarnation: bytes
    id: bytes


class Ticket(Sealed, frozen=True, kw_only=True):
    """
    The handle of an unfinished flow; the purpose it is sealed under says which.

    *methods* are the proofs so far, each *after* so many whole seconds from the one in which the flow began, at *issued*; without
    a number it was then. *risky*: the rules for strange requests hold. *hold* is the parked reservation of the password, *reset*
    the reset it is for, *change* the change of the record that waits for it, *session* the session that shall be good for an
    *action*.
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
    change: bytes = b""
    session: bytes = b""
    action: str = ""
    after: tuple[int, ...] = ()
    risky: bool = False
    key: bytes = b""


class LinkClaims(Sealed, frozen=True, kw_only=True):
    """A reset link: the secret, and where the record is that knows its digest."""

    tenant: str
    subject: str
    incarnation: bytes
    secret: bytes


class UnlockClaims(Sealed, frozen=True, kw_only=True):
    """
    A link that opens the lane of strangers. *binds* is the state of the record that it was made for, *recipient* what the
    record knows of the address it was mailed to.
    """

    tenant: str
    subject: str
    binds: tuple[bytes, int, int, int, int]
    recipient: bytes
    issued: datetime
    expires: datetime


class VetoClaims(Sealed, frozen=True, kw_only=True):
    """
    What a notice carries to stop the *change* it tells of. It is bound to that change and to no epoch; *recipient* is what the
    record knows of the address it was mailed to.
    """

    tenant: str
    subject: str
    incarnation: bytes
    change: bytes
    recipient: bytes
    expires: datetime


class ShareClaims(Sealed, frozen=True, kw_only=True):
    """
    What a trusted *contact* is mailed: its share of the decision about a *change* of *subject*, and of no secret. It is bound to
    that change, to the *number* of the contact in the record, and to the *life* of the contact's own record.
    """

    tenant: str
    subject: str
    incarnation: bytes
    change: bytes
    contact: str
    number: int
    life: bytes
    expires: datetime


class AddressClaims(Sealed, frozen=True, kw_only=True):
    """A link that proves a new address: the *change* that waits for it."""

    tenant: str
    subject: str
    incarnation: bytes
    change: bytes
    expires: datetime


class HandleClaims(Sealed, frozen=True, kw_only=True):
    """What ``request_reset`` gave the browser: what was typed, and the id of the request."""

    tenant: str
    identifier: str
    id: bytes
    expires: datetime


class Enrollment(Sealed, frozen=True, kw_only=True):
    """
    A factor of that *kind* that is not confirmed yet: it lives in this ticket alone, with its *secret*, or what else is sealed of
    it once it is confirmed. It *replaces* another, where that is named. *methods* are what was proven where there is no session:
    it is *issued* when the first of them was, so that none looks younger. *risky* as of a Ticket.
    *form* (algorithm, digits, seconds) and *counter* are those of one-time codes, *method* is what an outside factor is called.
    """

    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    id: bytes
    issued: datetime
    expires: datetime
    session: bytes
    name: str
    secret: bytes
    kind: str = "totp"
    replaces: str = ""
    methods: tuple[str, ...] = ()
    risky: bool = False
    key: bytes = b""
    form: tuple[str, int, int] = ("SHA1", 6, 30)
    counter: int = 0
    method: str = ""


class PromptClaims(Sealed, frozen=True, kw_only=True):
    """
    What an app answers a prompt with: bound to that prompt, incarnation and epoch, and of no use without the number. *action*,
    *source*, *agent* and *known* are what is shown of what it is for, and who asked.
    """

    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    id: bytes
    asked: datetime
    expires: datetime
    action: str = ""
    source: str = ""
    agent: str = ""
    known: bool = False


class PasskeyClaims(Sealed, frozen=True, kw_only=True):
    """The ticket of a sign-in by passkey: nobody's yet, until a passkey says whose."""

    tenant: str
    id: bytes
    issued: datetime
    expires: datetime


class ChallengeClaims(Sealed, frozen=True, kw_only=True):
    """The ticket of a challenge: *bound* is a digest of all that it is for, and *puzzle* what was shown."""

    bound: bytes
    id: bytes
    issued: datetime
    expires: datetime
    puzzle: str


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
    """A code from an authenticator app, or a token with a clock: six to eight ASCII digits, as many as it shows."""

    code: str = field(repr=False)


@frozen
class RecoveryCode:
    """
    A printed recovery code, ``xxxx-xxxx-xxxx-xxxx``.

    As the first proof of a reset it needs the *handle* that ``request_reset`` gave this browser.
    """

    code: str = field(repr=False)
    handle: str | None = field(default=None, repr=False)


@frozen
class HotpCode:
    """
    A code from a token with a button: six to eight ASCII digits, as many as it shows.

    Where its button was pressed too often, *next* is the code after it: two in a row bring the counters together again.
    """

    code: str = field(repr=False)
    next: str | None = field(default=None, repr=False)


@frozen
class OutsideAnswer:
    """
    What somebody else has to check: *answer* is what his page handed back, at most 8,192 characters, for the very ticket that
    ``begin_outside`` was called with. *method* is his name in ``MfaPolicy.outside``.
    """

    method: str
    answer: str = field(repr=False)


@frozen
class DeliveredCode:
    """A code that ``send_code`` sent, for the very ticket that it was sent for: ASCII digits alone."""

    code: str = field(repr=False)


@frozen
class PushApproval:
    """The prompt that ``push_prompt`` had pushed for this ticket was answered in the app: there is nothing to type here."""


@frozen
class PasskeyAssertion:
    """
    A passkey's answer to request options: what ``navigator.credentials.get`` gave, by ``toJSON()``, as JSON text or read already.
    """

    response: str | Mapping[str, object] = field(repr=False)


@frozen
class PasskeyAttestation:
    """
    A new passkey: what ``navigator.credentials.create`` gave, by ``toJSON()``, as JSON text or read already. It confirms
    ``enroll_passkey``.
    """

    response: str | Mapping[str, object] = field(repr=False)


FactorAnswer = TotpCode | HotpCode | RecoveryCode | DeliveredCode | PushApproval | PasskeyAssertion | OutsideAnswer
NewFactorAnswer = FactorAnswer | PasskeyAttestation


@frozen
class ChallengeAnswer:
    """
    The answer to a ``ChallengeRequired``, with its *ticket*: put it into the Context and call the same operation again.

    It is looked at once, whatever comes of it.
    """

    ticket: str = field(repr=False)
    answer: str = field(repr=False)


@frozen
class ResetLink:
    """
    The token of a mailed reset link; with the *ticket* of ``ProofRequired``, beside what was shown for that.
    """

    token: str = field(repr=False)
    ticket: str | None = field(default=None, repr=False)


@frozen
class ResetCode:
    """
    A typed reset code, beside the *handle* that ``request_reset`` gave this browser; with the *ticket* of ``ProofRequired``,
    beside what was shown for that: so a text and a mail come together.
    """

    handle: str = field(repr=False)
    code: str = field(repr=False)
    ticket: str | None = field(default=None, repr=False)


@frozen
class ResumeTicket:
    """The ticket of ``ProofAccepted``, or of ``Waiting``."""

    ticket: str = field(repr=False)


ResetProof = ResetLink | ResetCode | RecoveryCode | ResumeTicket


@frozen
class AddressLink:
    """The token of a mailed link that proves an address."""

    token: str = field(repr=False)


@frozen
class AddressCode:
    """A code that was sent to a new address, for the *change* of AddressPending. It needs a session beside it."""

    change: str
    code: str = field(repr=False)


AddressProof = AddressLink | AddressCode | ResumeTicket


@frozen
class UnlockLink:
    """The token of a mailed link that opens the lane of strangers."""

    token: str = field(repr=False)


@frozen
class UnlockFactor:
    """A live second factor of whom *identifier* names, without the password."""

    identifier: str = field(repr=False)
    answer: FactorAnswer = field(repr=False)


UnlockProof = UnlockLink | UnlockFactor
