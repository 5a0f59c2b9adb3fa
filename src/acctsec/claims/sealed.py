"""What sealed tokens say: before sealing and after opening."""

from datetime import datetime

from acctsec._values import Value


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
