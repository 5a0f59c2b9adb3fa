"""
What all one-time passwords share: their form, one spelling a code, and the code of one count (RFC 4226, RFC 6238).

``totp`` and ``hotp`` say which counts are looked at. Neither remembers anything: that a code is good once is the record's part.
"""

import base64
import hashlib
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from attrs import field, frozen

from acctsec.checks import kind, length, whole
from acctsec.errors import ConfigError

MIN_SECRET_BYTES = 16  # RFC 4226 section 4, R6: 128 bits at least
MAX_SECRET_BYTES = 128  # one block of SHA-512: HMAC hashes a longer key first, so more gains nothing
LAST_COUNT = 2**63 - 1  # a count is sent as eight bytes (RFC 4226 section 5.1); this leaves room to look ahead


class Algorithm(StrEnum):
    """The hash below the HMAC, as otpauth URIs spell it (RFC 6238 section 1.2)."""

    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"


def _check_period(_: object, __: object, value: timedelta) -> None:
    if value.microseconds:
        raise ConfigError(f"period is {value!r}.", remedy="Give whole seconds, as authenticators count them.")


@frozen(kw_only=True)
class OtpForm:
    """
    The form of a one-time code, which the authenticator and the server have to agree on.

    Args:
        algorithm: the hash below the HMAC. Default SHA-1: some widespread apps read another one from the URI and go on to use
            SHA-1 without a word, and no attack on its collisions reaches HMAC (RFC 6194).
        digits: 6 to 8 (RFC 4226 section 5.3). Default 6, the one number every app shows. Each digit more makes a guess ten
            times harder.
        period: how long a code of TOTP is shown, 15 to 60 whole seconds; nothing to HOTP. Default 30 s (RFC 6238 section 5.2).

    What lies outside is refused with ``ConfigError``: parameters are imported as well (museum M-127).
    """

    algorithm: Algorithm = field(default=Algorithm.SHA1, validator=kind(Algorithm))
    digits: int = field(default=6, validator=whole(6, 8))
    period: timedelta = field(
        default=timedelta(seconds=30), validator=[length(timedelta(seconds=15), timedelta(seconds=60)), _check_period]
    )

    @property
    def secret_bytes(self) -> int:
        """How long a new secret should be: the output of the HMAC (RFC 6238 section 5.1; RFC 4226 section 4 for SHA-1)."""
        return {Algorithm.SHA1: 20, Algorithm.SHA256: 32, Algorithm.SHA512: 64}[self.algorithm]


CLASSIC = OtpForm()
"""SHA-1, six digits, 30 seconds: the one form every authenticator app speaks."""


_HASHES = {Algorithm.SHA1: hashlib.sha1, Algorithm.SHA256: hashlib.sha256, Algorithm.SHA512: hashlib.sha512}


def is_code(code: object, digits: int) -> bool:
    """
    Whether this is the one spelling of a code of so many *digits*.

    Only ASCII digits of the exact length are one: pyotp itself would take full-width and other digits, and each spelling
    could be replayed once.
    """
    return type(code) is str and len(code) == digits and code.isascii() and code.isdigit()


def check_secret(secret: object) -> bytes:
    """The *secret*, or ``ConfigError`` where it has fewer than 128 bits or more than an HMAC takes as it is."""
    if type(secret) is not bytes or not MIN_SECRET_BYTES <= len(secret) <= MAX_SECRET_BYTES:
        message = f"The secret is not bytes, from {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} of them."
        raise ConfigError(message, remedy="Draw OtpForm.secret_bytes random bytes.")
    return secret


def base32(secret: bytes) -> str:
    """The secret as otpauth URIs hold it: base32 without padding, which many apps choke on."""
    return base64.b32encode(secret).decode().rstrip("=")


def hash_of(form: OtpForm) -> Any:
    """The hash as hashlib has it."""
    return _HASHES[form.algorithm]


def generator(secret: bytes, form: OtpForm) -> Any:
    """Makes codes: ``generate_otp(count)``."""
    return _class()(secret, form)


@cache
def _class() -> Any:
    """
    PyOTP's codes over raw bytes. PyOTP itself decodes base32 for every code and takes each number apart byte by byte,
    which costs more than the HMAC.
    """
    import pyotp

    class Raw(pyotp.OTP):
        def __init__(self, secret: bytes, form: OtpForm) -> None:
            self._raw = secret
            super().__init__("", digits=form.digits, digest=hash_of(form))

        def byte_secret(self) -> bytes:
            return self._raw

        @staticmethod
        def int_to_bytestring(i: int, *, padding: int = 8) -> bytes:
            return i.to_bytes(padding, "big")

    return Raw
