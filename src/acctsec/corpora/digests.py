"""The digests that breach corpora are kept under: SHA-1, and NTLM, which is MD4."""

import struct
from enum import StrEnum
from hashlib import sha1

_WORD = 0xFFFFFFFF
_ROUNDS = (
    (0, (3, 7, 11, 19), tuple(range(16))),
    (0x5A827999, (3, 5, 9, 13), (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    (0x6ED9EBA1, (3, 9, 11, 15), (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)),
)


class Digest(StrEnum):
    """Under which digest of a password a corpus knows it."""

    SHA1 = "sha1"
    NTLM = "ntlm"

    @property
    def hex_digits(self) -> int:
        """How long one is in hexadecimal."""
        return 40 if self is Digest.SHA1 else 32

    def of(self, password: str) -> bytes:
        """The digest of a password: SHA-1 over UTF-8, or MD4 over UTF-16 in little-endian order."""
        if self is Digest.SHA1:
            return sha1(password.encode(), usedforsecurity=False).digest()
        return md4(password.encode("utf-16-le"))


def md4(data: bytes) -> bytes:
    """MD4 as of RFC 1320, which OpenSSL 3 no longer offers. It proves nothing; it only finds an entry."""
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data) & 0xFFFFFFFFFFFFFFFF)
    for start in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, start)
        a, b, c, d = state
        for number, (constant, shifts, order) in enumerate(_ROUNDS):
            for step, which in enumerate(order):
                mixed = (b & c | ~b & d) if number == 0 else (b & c | b & d | c & d) if number == 1 else b ^ c ^ d
                total = (a + mixed + words[which] + constant) & _WORD
                by = shifts[step % 4]
                a, b, c, d = d, (total << by | total >> 32 - by) & _WORD, b, c
        state = tuple((one + more) & _WORD for one, more in zip(state, (a, b, c, d), strict=True))  # type: ignore[assignment]
    return struct.pack("<4I", *state)
