"""ASP.NET Identity, both versions of its password hasher."""

import re
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.hashing.foreign.encodings import b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation
from acctsec.hashing.foreign.pbkdf2 import Pbkdf2Format, derivation

_PRF = ("sha1", "sha256", "sha512")


@frozen(kw_only=True)
class AspNetIdentity(Pbkdf2Format):
    """
    Base64 of version 2 (0, salt of 16, key of 32: PBKDF2-SHA1, 1,000) or 3 (1, PRF, iterations, salt length, salt, key).

    The three numbers of version 3 are big-endian and of four bytes. Salt and key: 16 to 64 bytes. Its iterations default
    to 100,000 of SHA-512, as in .NET 7 and later.
    """

    name: ClassVar[str] = "aspnet-identity"
    iterations: int = field(default=100_000, validator=whole(1, 100_000_000))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        raw = b64_bytes(stored)
        if raw is None or not 45 <= len(raw) <= 141:
            return None
        head = 17 if raw[0] == 0 else 13 + int.from_bytes(raw[9:13], "big")
        key = raw[head:]
        return f"{b64(raw[:head])}:{len(key)}", key

    def _derivation(self, settings: str) -> Derivation | None:
        text, _, length = settings.partition(":")
        raw = b64_bytes(text)
        if raw is None or not re.fullmatch(r"[1-9][0-9]", length) or not 16 <= int(length) <= 64:
            return None
        if raw[0] == 0:
            return derivation("sha1", raw[1:], 1_000, 32) if len(raw) == 17 and length == "32" else None
        if raw[0] != 1 or not 29 <= len(raw) <= 77:
            return None
        prf, iterations, salt_bytes = (int.from_bytes(raw[at : at + 4], "big") for at in (1, 5, 9))
        if prf >= len(_PRF) or not 1 <= iterations <= self.max_iterations or salt_bytes != len(raw) - 13:
            return None
        return derivation(_PRF[prf], raw[13:], iterations, int(length))

    def decoy(self) -> str:
        """One of version 3, SHA-512 at *iterations*."""
        numbers = b"".join(number.to_bytes(4, "big") for number in (2, self.iterations, 16))
        return b64(b"\1" + numbers + bytes(range(16)) + bytes(range(32)))
