"""Salted hashes of LDAP directories: one round, so wrap them."""

import re
from functools import partial
from hashlib import new
from typing import ClassVar

from attrs import frozen

from acctsec.hashing.foreign.encodings import b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format

_SCHEMES = {"SSHA": ("sha1", 20), "SSHA256": ("sha256", 32), "SSHA512": ("sha512", 64)}


@frozen(kw_only=True)
class Ldap(Format):
    """
    ``{SSHA}``, ``{SSHA256}`` and ``{SSHA512}``: Base64 of SHA(password, salt) and a salt of 4 to 64 bytes.

    One round of a fast hash keeps nobody out for long: wrap these at rest. *share* is the proportion of accounts that
    still have this format. Default 0.
    """

    name: ClassVar[str] = "ldap"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        match = re.fullmatch(r"\{(SSHA|SSHA256|SSHA512)\}([A-Za-z0-9+/=]{32,176})", stored)
        raw = None if match is None else b64_bytes(match[2])
        if match is None or raw is None:
            return None
        size = _SCHEMES[match[1]][1]
        return f"{{{match[1]}}}{b64(raw[size:])}", raw[:size]

    def _derivation(self, settings: str) -> Derivation | None:
        match = re.fullmatch(r"\{(SSHA|SSHA256|SSHA512)\}([A-Za-z0-9+/=]{8,88})", settings)
        salt = None if match is None else b64_bytes(match[2])
        if match is None or salt is None or not 4 <= len(salt) <= 64:
            return None
        return partial(_salted, kind=_SCHEMES[match[1]][0], salt=salt)

    def decoy(self) -> str:
        """One of SHA-512 with a salt of 8 bytes."""
        return "{SSHA512}" + b64(bytes(range(72)))


def _salted(password: bytes, *, kind: str, salt: bytes) -> bytes:
    return new(kind, password + salt, usedforsecurity=False).digest()
