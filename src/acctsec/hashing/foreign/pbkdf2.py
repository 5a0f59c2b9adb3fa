"""PBKDF2 as Django and passlib write it."""

import re
from functools import partial
from hashlib import pbkdf2_hmac
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import ab64, ab64_bytes, b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format

MAX_ITERATIONS = 2_000_000
"""
Above Django 6's 1,200,000 and OWASP's 1,400,000 for SHA-1.

As measured 0.5 s of one core for SHA-1, 0.6 s for SHA-256, 1.1 s for SHA-512, times the digests that a tag takes: of
SHA-1 up to four, so at most 2 s.
"""

BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}


def derivation(kind: str, salt: bytes, iterations: int, tag_bytes: int) -> Derivation:
    """PBKDF2 with everything but the password."""
    return partial(_pbkdf2, kind=kind, salt=salt, iterations=iterations, tag_bytes=tag_bytes)


def _pbkdf2(password: bytes, *, kind: str, salt: bytes, iterations: int, tag_bytes: int) -> bytes:
    return pbkdf2_hmac(kind, password, salt, iterations, tag_bytes)


@frozen(kw_only=True)
class Pbkdf2Format(Format):
    """
    A foreign format on PBKDF2.

    Args:
        iterations: of the decoy: what most of the stored hashes have.
        max_iterations: the most that is computed. Default 2,000,000.
        share: the proportion of accounts that still have this format. Default 0.

    Raises ConfigError for values outside these bounds.
    """

    iterations: int = field(default=600_000, validator=whole(1, 100_000_000))
    max_iterations: int = field(default=MAX_ITERATIONS, validator=whole(1, 100_000_000))

    def __attrs_post_init__(self) -> None:
        if self.iterations > self.max_iterations:
            message = f"Decoys of {self.iterations} iterations would be above the ceiling."
            raise ConfigError(message, remedy="Lower iterations or raise max_iterations.")


@frozen(kw_only=True)
class DjangoPbkdf2(Pbkdf2Format):
    """
    Django's ``pbkdf2_sha256$<iterations>$<salt>$<Base64>``, and its ``pbkdf2_sha1``.

    Its iterations default to 1,000,000, as in Django 5.2.
    """

    name: ClassVar[str] = "django-pbkdf2"
    iterations: int = field(default=1_000_000, validator=whole(1, 100_000_000))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        tag = b64_bytes(text)
        if tag is None or len(tag) != BYTES["sha1" if settings.startswith("pbkdf2_sha1$") else "sha256"]:
            return None
        return settings + dollar, tag

    def _derivation(self, settings: str) -> Derivation | None:
        match = re.fullmatch(r"pbkdf2_(sha256|sha1)\$([1-9][0-9]{0,8})\$([!-#%-~]{1,128})\$", settings)
        if match is None or int(match[2]) > self.max_iterations:
            return None
        return derivation(match[1], match[3].encode("ascii"), int(match[2]), BYTES[match[1]])

    def decoy(self) -> str:
        """One of SHA-256 at *iterations*."""
        return f"pbkdf2_sha256${self.iterations}$0123456789abcdefghijkl${b64(bytes(range(32)))}"


@frozen(kw_only=True)
class PasslibPbkdf2(Pbkdf2Format):
    """
    passlib's ``$pbkdf2-sha256$<iterations>$<salt>$<tag>``, ``$pbkdf2-sha512$``, and ``$pbkdf2$`` for SHA-1.

    Its iterations default to 29,000, as passlib 1.7 has them for SHA-256.
    """

    name: ClassVar[str] = "passlib-pbkdf2"
    iterations: int = field(default=29_000, validator=whole(1, 100_000_000))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        tag = ab64_bytes(text)
        if tag is None or len(tag) != BYTES.get(_passlib_kind(settings)):
            return None
        return settings + dollar, tag

    def _derivation(self, settings: str) -> Derivation | None:
        match = re.fullmatch(r"\$pbkdf2(?:-sha256|-sha512)?\$([1-9][0-9]{0,8})\$([A-Za-z0-9./]{1,86})\$", settings)
        if match is None or int(match[1]) > self.max_iterations:
            return None
        salt, kind = ab64_bytes(match[2]), _passlib_kind(settings)
        return None if salt is None else derivation(kind, salt, int(match[1]), BYTES[kind])

    def decoy(self) -> str:
        """One of SHA-256 at *iterations*."""
        return f"$pbkdf2-sha256${self.iterations}${ab64(bytes(range(16)))}${ab64(bytes(range(32)))}"


def _passlib_kind(settings: str) -> str:
    return {"$pbkdf2-sha256": "sha256", "$pbkdf2-sha512": "sha512"}.get(settings[:14], "sha1")
