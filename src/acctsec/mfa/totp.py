"""Time-based one-time passwords (RFC 6238): one spelling a code, each step accepted once, steps only going up."""

import base64
from datetime import datetime
from functools import cache
from hmac import compare_digest
from typing import Any

DIGITS = 6
PERIOD = 30
SECRET_BYTES = 20  # RFC 4226 section 4: 160 bits recommended


def code_at(secret: bytes, step: int) -> str:
    """The code of one time step."""
    return _generator(secret).generate_otp(step)  # type: ignore[no-any-return]


def matching_steps(secret: bytes, code: object, *, now: datetime, window: int) -> tuple[int, ...]:
    """
    The time steps within *window* of *now* whose code this is, oldest first; usually one or none.

    Only ASCII digits of the exact length are a code: pyotp itself would take full-width and other digits, and each
    spelling could be replayed once. Every step is computed and compared, so right and wrong take the same time.
    """
    current = step_of(now)
    if current < window or not is_code(code):
        return ()
    generator = _generator(secret)
    given = str(code).encode()
    steps = range(current - window, current + window + 1)
    return tuple([step for step in steps if compare_digest(generator.generate_otp(step).encode(), given)])


def step_of(now: datetime) -> int:
    """The time step that *now* is in."""
    return int(now.timestamp()) // PERIOD


def is_code(code: object) -> bool:
    """Whether this is one spelling of a code at all."""
    return type(code) is str and len(code) == DIGITS and code.isascii() and code.isdigit()


def key_text(secret: bytes) -> str:
    """The secret as people type it: base32 in groups of four."""
    encoded = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(encoded[at : at + 4] for at in range(0, len(encoded), 4))


def provisioning_uri(secret: bytes, *, account: str, issuer: str) -> str:
    """The otpauth URI an authenticator app reads, mostly as a QR picture. It holds the secret: never log it."""
    return _generator(secret).provisioning_uri(name=account, issuer_name=issuer)  # type: ignore[no-any-return]


def _generator(secret: bytes) -> Any:
    return _class()(secret)


@cache
def _class() -> Any:
    """
    PyOTP's TOTP over raw bytes. PyOTP itself decodes base32 for every step and takes each number apart byte by byte,
    which costs more than the HMAC.
    """
    import pyotp

    class Raw(pyotp.TOTP):
        def __init__(self, secret: bytes) -> None:
            self._raw = secret
            super().__init__(base64.b32encode(secret).decode(), digits=DIGITS, interval=PERIOD)

        def byte_secret(self) -> bytes:
            return self._raw

        @staticmethod
        def int_to_bytestring(i: int, *, padding: int = 8) -> bytes:
            return i.to_bytes(padding, "big")

    return Raw
