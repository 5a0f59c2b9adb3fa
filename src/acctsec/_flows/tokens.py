"""Sealed tokens as text: one spelling, one length a purpose, refused by form before anything is decrypted."""

import base64
import re
from enum import Enum
from typing import TypeVar

from attrs import frozen

from acctsec._codec import pack, unpack
from acctsec._values import Value
from acctsec.claims import (
    AddressClaims,
    ChallengeClaims,
    DeviceClaims,
    Enrollment,
    HandleClaims,
    LinkClaims,
    PasskeyClaims,
    PromptClaims,
    SessionClaims,
    ShareClaims,
    Ticket,
    UnlockClaims,
    VetoClaims,
)
from acctsec.errors import ConfigError
from acctsec.keyring import OVERHEAD, Keyring
from acctsec.record import Device, Record, Session
from acctsec.steps import Scene

T = TypeVar("T", bound=Value)


class Purpose(Enum):
    """What a token is for, the claims it carries, and the bytes those are padded to (a multiple of three)."""

    SESSION = ("session", SessionClaims, 255)
    DEVICE = ("device", DeviceClaims, 201)
    SIGN_IN = ("sign-in ticket", Ticket, 330)
    STEP_UP = ("step-up ticket", Ticket, 429)
    CHANGE = ("change ticket", Ticket, 330)
    ENROLLMENT = ("enrollment ticket", Ticket, 330)
    RESET = ("reset ticket", Ticket, 330)
    RESUME = ("resume ticket", Ticket, 330)
    CONFIRM = ("factor ticket", Enrollment, 870)
    LINK = ("reset link", LinkClaims, 219)
    HANDLE = ("reset handle", HandleClaims, 390)
    UNLOCK = ("unlock link", UnlockClaims, 255)
    VETO = ("veto", VetoClaims, 255)
    SHARE = ("share", ShareClaims, 330)
    ADDRESS = ("address link", AddressClaims, 255)
    PROMPT = ("prompt", PromptClaims, 630)
    PASSKEY = ("passkey ticket", PasskeyClaims, 201)
    CHALLENGE = ("challenge ticket", ChallengeClaims, 330)

    def __init__(self, label: str, kind: type, size: int) -> None:
        self.label = label
        self.kind = kind
        self.size = size
        self.form: re.Pattern[str] = re.compile(rf"[A-Za-z0-9_-]{{{(OVERHEAD + size) // 3 * 4}}}")


@frozen
class Tokens:
    """Seals claims into tokens and opens them again."""

    keyring: Keyring

    def seal(self, purpose: Purpose, claims: Value) -> str:
        """Make the token of *claims*."""
        packed = pack(claims)
        plain = len(packed).to_bytes(2, "big") + packed
        if len(plain) > purpose.size:
            raise ConfigError(f"The claims of a {purpose.label} take {len(plain)} bytes.", remedy="Use shorter names.")
        sealed = self.keyring.seal(purpose.label, plain.ljust(purpose.size, b"\0"), str(self.keyring.generation))
        return base64.urlsafe_b64encode(sealed).decode()

    def session(self, scene: Scene, record: Record, session: Session) -> str:
        """Seal a session token; idle time runs from now. It is bound to the key of the scene, where that has one."""
        claims = SessionClaims(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=session.id,
            active=scene.now,
            generation=session.generation,
            turned=session.turned,
            key=scene.key,
        )
        return self.seal(Purpose.SESSION, claims)

    def device(self, scene: Scene, record: Record, device: Device) -> str:
        """Seal a device token."""
        claims = DeviceClaims(tenant=scene.tenant, subject=scene.subject, incarnation=record.incarnation, id=device.id)
        return self.seal(Purpose.DEVICE, claims)

    def known_device(self, token: object, scene: Scene, record: Record) -> Device | None:
        """The device of the record that a token names; None for a token of anybody else, or of another life of this record."""
        claims = self.open(Purpose.DEVICE, token, DeviceClaims)
        if claims is None or (claims.tenant, claims.subject) != (scene.tenant, scene.subject):
            return None
        return record.device(claims.id) if claims.incarnation == record.incarnation else None

    def open(self, purpose: Purpose, token: object, kind: type[T]) -> T | None:
        """The claims of a token, or None for whatever is not exactly one that ``seal`` made for this purpose."""
        if type(token) is not str or purpose.form.fullmatch(token) is None:
            return None
        plain = self.keyring.open(purpose.label, base64.urlsafe_b64decode(token), str(self.keyring.generation))
        if plain is None:
            return None
        size = int.from_bytes(plain[:2], "big")
        return unpack(kind, plain[2 : 2 + size])
