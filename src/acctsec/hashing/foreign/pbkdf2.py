"""PBKDF2 as Django, passlib and PHC strings write it."""

import re
from functools import partial
from hashlib import pbkdf2_hmac
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import ab64, ab64_bytes, b64, b64_bytes, phc64, phc64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format

MAX_ITERATIONS = 2_000_000
"""
Above Django 6's 1,200,000 and OWASP's 1,400,000 for SHA-1.

As measured 0.5 s of one core for SHA-1, 0.6 s for SHA-256, 1.1 s for SHA-512, times the digests that a tag takes: of
SHA-1 up to four, so at most 2 s.
"""

BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}

_PASSLIB = re.compile(
    r"(\$pbkdf2(?:-sha256|-sha512)?\$|\{PBKDF2(?:-SHA256|-SHA512)?\})([1-9][0-9]{0,8})\$([A-Za-z0-9./]{1,86})\$"
)
_PASSLIB_KINDS = {
    "$pbkdf2$": "sha1",
    "$pbkdf2-sha256$": "sha256",
    "$pbkdf2-sha512$": "sha512",
    "{PBKDF2}": "sha1",
    "{PBKDF2-SHA256}": "sha256",
    "{PBKDF2-SHA512}": "sha512",
}


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
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

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

    Also as directories write it, passlib and OpenLDAP: ``{PBKDF2-SHA256}<iterations>$<salt>$<tag>``, ``{PBKDF2-SHA512}``,
    ``{PBKDF2}``.

    Its iterations default to 29,000, as passlib 1.7 has them for SHA-256.
    """

    name: ClassVar[str] = "passlib-pbkdf2"
    iterations: int = field(default=29_000, validator=whole(1, 100_000_000))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        tag, match = ab64_bytes(text), _PASSLIB.fullmatch(settings + dollar)
        if tag is None or match is None or len(tag) != BYTES[_PASSLIB_KINDS[match[1]]]:
            return None
        return settings + dollar, tag

    def _derivation(self, settings: str) -> Derivation | None:
        match = _PASSLIB.fullmatch(settings)
        if match is None or int(match[2]) > self.max_iterations:
            return None
        salt, kind = ab64_bytes(match[3]), _PASSLIB_KINDS[match[1]]
        return None if salt is None else derivation(kind, salt, int(match[2]), BYTES[kind])

    def decoy(self) -> str:
        """One of SHA-256 at *iterations*."""
        return f"$pbkdf2-sha256${self.iterations}${ab64(bytes(range(16)))}${ab64(bytes(range(32)))}"


@frozen(kw_only=True)
class PhcPbkdf2(Pbkdf2Format):
    """
    The PHC string ``$pbkdf2-sha256$i=<iterations>,l=<bytes>$<salt>$<tag>``: of Rust's pbkdf2 and of Node's @phc/pbkdf2.

    Also ``$pbkdf2-sha512$`` and ``$pbkdf2-sha1$``. Node leaves ``l``, the length of the tag, away; where it is written it
    must be right. Salts of 1 to 64 bytes, tags of 16 to 64. Its iterations default to 600,000, as in Rust's.
    """

    name: ClassVar[str] = "phc-pbkdf2"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, _, text = stored.rpartition("$")
        tag = phc64_bytes(text)
        return None if tag is None else (f"{settings}${len(tag)}", tag)

    def _derivation(self, settings: str) -> Derivation | None:
        grammar = r"\$pbkdf2-(sha1|sha256|sha512)\$i=([1-9][0-9]{0,8})(?:,l=([1-9][0-9]))?\$([A-Za-z0-9+/]{2,86})\$([1-9][0-9])"
        match = re.fullmatch(grammar, settings)
        salt = None if match is None else phc64_bytes(match[4])
        if match is None or salt is None or int(match[2]) > self.max_iterations:
            return None
        tag_bytes = int(match[5])
        if not 16 <= tag_bytes <= 64 or int(match[3] or tag_bytes) != tag_bytes:
            return None
        return derivation(match[1], salt, int(match[2]), tag_bytes)

    def decoy(self) -> str:
        """One of SHA-256 at *iterations*."""
        return f"$pbkdf2-sha256$i={self.iterations},l=32${phc64(bytes(range(16)))}${phc64(bytes(range(32)))}"
