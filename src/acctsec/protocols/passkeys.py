"""Passkeys: what a verifier is given, and what it answers."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from attrs import field, frozen


class UserVerification(StrEnum):
    """Whether an authenticator has to see who holds it (a PIN, a finger, a face) before it signs."""

    REQUIRED = "required"
    PREFERRED = "preferred"
    DISCOURAGED = "discouraged"


class Attestation(StrEnum):
    """Whether a new passkey has to show what model of authenticator holds it."""

    NONE = "none"
    VERIFY = "verify"


class CounterRegression(StrEnum):
    """What is done when the counter of a passkey did not rise: a copy of its key may be about."""

    REFUSE = "refuse"
    REPORT = "report"


class Rejection(StrEnum):
    """Why a passkey response does not count. For operators: outsiders are told the same whichever it is."""

    MALFORMED = "malformed"
    WRONG_CEREMONY = "wrong-ceremony"
    WRONG_CHALLENGE = "wrong-challenge"
    WRONG_ORIGIN = "wrong-origin"
    CROSS_ORIGIN = "cross-origin"
    WRONG_RELYING_PARTY = "wrong-relying-party"
    WRONG_CREDENTIAL = "wrong-credential"
    NOT_PRESENT = "not-present"
    NOT_VERIFIED = "not-verified"
    BACKUP_FLAGS = "backup-flags"
    SYNCED = "synced"
    ALGORITHM = "algorithm"
    KEY = "key"
    SIGNATURE = "signature"
    COUNTER = "counter"
    ATTESTATION = "attestation"
    MODEL = "model"


class PasskeyRoot(Protocol):
    """A certificate that attestations of one format may end in."""

    @property
    def format(self) -> str: ...

    @property
    def pem(self) -> bytes: ...


class PasskeyRules(Protocol):
    """What a verifier reads of a policy: ``acctsec.mfa.passkeys.PasskeyPolicy`` is one."""

    @property
    def rp_id(self) -> str: ...

    @property
    def origins(self) -> tuple[str, ...]: ...

    @property
    def user_verification(self) -> UserVerification: ...

    @property
    def synced(self) -> bool: ...

    @property
    def on_counter_regression(self) -> CounterRegression: ...

    @property
    def algorithms(self) -> tuple[int, ...]: ...

    @property
    def attestation(self) -> Attestation: ...

    @property
    def roots(self) -> Sequence[PasskeyRoot]: ...

    @property
    def allowed_aaguids(self) -> frozenset[str]: ...


PasskeyResponse = str | Mapping[str, object]
"""What ``PublicKeyCredential.toJSON()`` answers in a browser, as JSON text or read already."""


@frozen(kw_only=True)
class Registered:
    """
    A new passkey: its id and COSE public key, and what the authenticator says of itself.

    *aaguid* names the model, and is believed only where the policy verifies attestation.
    """

    credential: bytes = field(repr=False)
    key: bytes = field(repr=False)
    counter: int
    verified: bool
    backup_eligible: bool
    backed_up: bool
    aaguid: str
    transports: tuple[str, ...] = ()


@frozen(kw_only=True)
class Asserted:
    """The passkey signed this challenge. *user_handle* is what it keeps of the account: its subject in UTF-8."""

    counter: int
    verified: bool
    backup_eligible: bool
    backed_up: bool
    user_handle: bytes | None = field(default=None, repr=False)


@frozen
class Rejected:
    """The response does not count."""

    reason: Rejection


class PasskeyVerifier(Protocol):
    """
    Checks what browsers send of passkeys. It is pure: no I/O, nothing remembered.

    No method raises for whatever a stranger sends, and a response above 16 KiB is not looked into.
    """

    def register(self, policy: PasskeyRules, response: PasskeyResponse, *, challenge: bytes) -> Registered | Rejected:
        """Judge the answer to ``creation_options``."""

    def authenticate(
        self, policy: PasskeyRules, response: PasskeyResponse, *, challenge: bytes, credential: tuple[bytes, bytes, int]
    ) -> Asserted | Rejected:
        """
        Judge the answer to ``request_options``, for one stored *credential*: its id, its key and its last counter.

        What it proves still has to be judged against the record as it is at the commit: ``acctsec.mfa.passkeys.judge``.
        """

    def credential_of(self, response: PasskeyResponse) -> tuple[bytes, bytes | None] | None:
        """Which passkey, of which user handle, a response says it is from. Nothing is proven yet."""
