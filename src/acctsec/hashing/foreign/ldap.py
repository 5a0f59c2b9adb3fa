"""Hashes of LDAP directories: one round, so wrap them."""

import re
from functools import partial
from hashlib import new
from typing import ClassVar

from attrs import frozen

from acctsec.hashing.foreign.encodings import b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format

_SCHEMES = {
    "MD5": ("md5", 16),
    "SMD5": ("md5", 16),
    "SHA": ("sha1", 20),
    "SSHA": ("sha1", 20),
    "SHA256": ("sha256", 32),
    "SSHA256": ("sha256", 32),
    "SHA384": ("sha384", 48),
    "SSHA384": ("sha384", 48),
    "SHA512": ("sha512", 64),
    "SSHA512": ("sha512", 64),
}
_MARK = r"\{(S?MD5|S?SHA(?:256|384|512)?)\}"


@frozen(kw_only=True)
class Ldap(Format):
    """
    ``{SHA}``, ``{SSHA}``, the same of 256, 384 and 512 bits, ``{MD5}`` and ``{SMD5}``: of OpenLDAP and of passlib.

    Base64 of the hash of password and salt, and behind it the salt, of 4 to 64 bytes, or none where the scheme has no
    further S. One round of a fast hash keeps nobody out for long: wrap these at rest. What stands behind ``{CRYPT}``
    and ``{PBKDF2…}`` is of ``ShaCrypt``, ``Md5Crypt``, ``Bcrypt`` and ``PasslibPbkdf2``. *share* is the proportion of
    accounts that still have this format. Default 0.
    """

    name: ClassVar[str] = "ldap"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        match = re.fullmatch(_MARK + r"([A-Za-z0-9+/=]{24,176})", stored)
        raw = None if match is None else b64_bytes(match[2])
        if match is None or raw is None:
            return None
        size = _SCHEMES[match[1]][1]
        return (f"{{{match[1]}}}{b64(raw[size:])}", raw[:size]) if len(raw) >= size else None

    def _derivation(self, settings: str) -> Derivation | None:
        match = re.fullmatch(_MARK + r"([A-Za-z0-9+/=]{8,88})?", settings)
        if match is None or (match[2] is not None) != match[1].startswith(("SS", "SM")):
            return None
        salt = b64_bytes(match[2]) if match[2] else b""
        if salt is None or (match[2] and not 4 <= len(salt) <= 64):
            return None
        return partial(_salted, kind=_SCHEMES[match[1]][0], salt=salt)

    def decoy(self) -> str:
        """One of SHA-512 with a salt of 8 bytes."""
        return "{SSHA512}" + b64(bytes(range(72)))


def _salted(password: bytes, *, kind: str, salt: bytes) -> bytes:
    return new(kind, password + salt, usedforsecurity=False).digest()
