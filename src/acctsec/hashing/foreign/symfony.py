"""Symfony's hashers that keep the salt in a column of its own, joined into one string."""

import re
from functools import partial
from hashlib import new
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format
from acctsec.hashing.foreign.pbkdf2 import BYTES, Pbkdf2Format, derivation

_BYTES = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_MAX_SALT = 128


@frozen(kw_only=True)
class SymfonyDigest(Format):
    """
    Symfony's MessageDigestPasswordHasher, and FOSUserBundle: ``$symfony$sha512$<iterations>$<salt>$<tag>``, of ``join``.

    Salt and tag are Base64, the salt of its text, or empty. Each round is a fast hash of the digest so far, the password
    and the salt in braces: wrap these at rest.

    Args:
        iterations: of the decoy. Default 5,000, as in Symfony.
        max_iterations: the most that is computed. Default 100,000: 0.1 s as measured, 0.5 s for a password of 4,096 bytes.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds.
    """

    name: ClassVar[str] = "symfony-digest"
    interpreted: ClassVar[bool] = True
    iterations: int = field(default=5_000, validator=whole(1, 100_000_000))
    max_iterations: int = field(default=100_000, validator=whole(1, 100_000_000))

    def __attrs_post_init__(self) -> None:
        if self.iterations > self.max_iterations:
            message = f"Decoys of {self.iterations} iterations would be above the ceiling."
            raise ConfigError(message, remedy="Lower iterations or raise max_iterations.")

    @staticmethod
    def join(*, hashed: str, salt: str | None, algorithm: str = "sha512", base64: bool = True, iterations: int = 5_000) -> str:
        """
        Make one string of the columns of password and salt; the rest is the hasher's configuration, with its defaults.

        Raises ConfigError, without showing either column, for what this hasher cannot have written.
        """
        tag = _column(hashed, base64=base64)
        if algorithm not in _BYTES or type(iterations) is not int or not 0 <= iterations <= 100_000_000:
            raise ConfigError("No such algorithm or iterations.", remedy="Give those of the hasher's configuration.")
        if len(tag) != _BYTES[algorithm]:
            raise ConfigError(f"This is no {algorithm}.", remedy="Give the algorithm of the hasher's configuration.")
        return f"$symfony${algorithm}${max(iterations, 1)}${_salt(salt, refused='{}')}${b64(tag)}"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        tag, kind = b64_bytes(text), settings.removeprefix("$symfony$").partition("$")[0]
        return None if tag is None or len(tag) != _BYTES.get(kind) else (settings + dollar, tag)

    def _derivation(self, settings: str) -> Derivation | None:
        grammar = r"\$symfony\$(md5|sha1|sha256|sha384|sha512)\$([1-9][0-9]{0,8})\$([A-Za-z0-9+/=]{0,172})\$"
        match = re.fullmatch(grammar, settings)
        salt = None if match is None else _salt_bytes(match[3])
        if match is None or salt is None or int(match[2]) > self.max_iterations or b"{" in salt or b"}" in salt:
            return None
        return partial(_rounds, kind=match[1], iterations=int(match[2]), salt=salt)

    def decoy(self) -> str:
        """One of SHA-512 at *iterations*."""
        return f"$symfony$sha512${self.iterations}${b64(b'0123456789abcdefghijklmnopqrstu')}${b64(bytes(range(64)))}"


@frozen(kw_only=True)
class SymfonyPbkdf2(Pbkdf2Format):
    """
    Symfony's Pbkdf2PasswordHasher: ``$symfony-pbkdf2$sha512$<iterations>$<salt>$<tag>``, of ``join``.

    Salt and tag are Base64, the salt of its text, or empty; tags have 16 to 64 bytes, by default 40. Its iterations
    default to 1,000, as in Symfony.
    """

    name: ClassVar[str] = "symfony-pbkdf2"
    iterations: int = field(default=1_000, validator=whole(1, 100_000_000))

    @staticmethod
    def join(*, hashed: str, salt: str | None, algorithm: str = "sha512", base64: bool = True, iterations: int = 1_000) -> str:
        """
        Make one string of the columns of password and salt; the rest is the hasher's configuration, with its defaults.

        Raises ConfigError, without showing either column, for what this hasher cannot have written.
        """
        tag = _column(hashed, base64=base64)
        if algorithm not in BYTES or type(iterations) is not int or not 1 <= iterations <= 100_000_000:
            raise ConfigError("No such algorithm or iterations.", remedy="Give those of the hasher's configuration.")
        return f"$symfony-pbkdf2${algorithm}${iterations}${_salt(salt)}${b64(tag)}"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, _, text = stored.rpartition("$")
        tag = b64_bytes(text)
        return None if tag is None else (f"{settings}${len(tag)}", tag)

    def _derivation(self, settings: str) -> Derivation | None:
        grammar = r"\$symfony-pbkdf2\$(sha1|sha256|sha512)\$([1-9][0-9]{0,8})\$([A-Za-z0-9+/=]{0,172})\$([1-9][0-9])"
        match = re.fullmatch(grammar, settings)
        salt = None if match is None else _salt_bytes(match[3])
        if match is None or salt is None or int(match[2]) > self.max_iterations or not 16 <= int(match[4]) <= 64:
            return None
        return derivation(match[1], salt, int(match[2]), int(match[4]))

    def decoy(self) -> str:
        """One of SHA-512 at *iterations*, with a tag of 40 bytes."""
        salt = b64(b"0123456789abcdefghijklmnopqrstu")
        return f"$symfony-pbkdf2$sha512${self.iterations}${salt}${b64(bytes(range(40)))}"


def _column(hashed: str, *, base64: bool) -> bytes:
    raw = b64_bytes(hashed) if base64 else bytes.fromhex(hashed) if re.fullmatch(r"(?:[0-9a-f]{2})+", hashed) else None
    if raw is None:
        raise ConfigError("This is no hash of Symfony's.", remedy="Give the column as it is, and base64=False for hexadecimal.")
    return raw


def _salt(salt: str | None, *, refused: str = "") -> str:
    raw = (salt or "").encode("utf-8", "surrogatepass")
    if len(raw) > _MAX_SALT or any(character in raw.decode("latin-1") for character in refused):
        raise ConfigError("This is no salt of Symfony's.", remedy="Give the column as it is.")
    return b64(raw) if raw else ""


def _salt_bytes(text: str) -> bytes | None:
    raw = b64_bytes(text) if text else b""
    return raw if raw is not None and len(raw) <= _MAX_SALT else None


def _rounds(password: bytes, *, kind: str, iterations: int, salt: bytes) -> bytes:
    # To PHP the text "0" is as empty as none.
    salted = password if salt in {b"", b"0"} else password + b"{" + salt + b"}"
    digest = new(kind, salted, usedforsecurity=False).digest()
    for _ in range(iterations - 1):
        digest = new(kind, digest + salted, usedforsecurity=False).digest()
    return digest
