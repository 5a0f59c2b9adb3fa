"""The portable hashes of phpass, and what Drupal 7 made of them."""

import re
from functools import partial
from hashlib import md5, sha512
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import kind, whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import ITOA64, itoa64
from acctsec.hashing.foreign.formats import Derivation, Format

_SETTINGS = re.compile(r"\$[PHS]\$([./0-9A-Za-z])([./0-9A-Za-z]{8})")


@frozen(kw_only=True)
class _Portable(Format):
    """
    *rounds_log2*: of the decoy. *max_rounds_log2*: the most that is computed.

    The tag is the text behind the settings, since Drupal cuts it in the middle of a byte.
    """

    rounds_log2: int = field(default=13, validator=whole(7, 30))
    max_rounds_log2: int = field(default=18, validator=whole(7, 30))

    def __attrs_post_init__(self) -> None:
        if self.rounds_log2 > self.max_rounds_log2:
            message = f"Decoys of 2^{self.rounds_log2} rounds would be above the ceiling."
            raise ConfigError(message, remedy="Lower rounds_log2 or raise max_rounds_log2.")

    def _rounds(self, settings: str) -> int | None:
        match = _SETTINGS.fullmatch(settings)
        log2 = 0 if match is None else ITOA64.index(match[1])
        return 1 << log2 if 7 <= log2 <= self.max_rounds_log2 else None  # 7 is the least that phpass reads


@frozen(kw_only=True)
class Phpass(_Portable):
    """
    ``$P$`` of phpass, as WordPress before 6.8 and Joomla have it, and ``$H$`` of phpBB: iterated MD5.

    Args:
        trimmed: whether white space around the password was cut off before it was hashed, as WordPress does. Default
            False.
        rounds_log2: of the decoy. Default 13 (8,192 rounds), as in WordPress.
        max_rounds_log2: the most that is computed. Default 18: 0.1 s as measured, 1.6 s for a password of 4,096 bytes.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds.
    """

    name: ClassVar[str] = "phpass"
    interpreted: ClassVar[bool] = True
    trimmed: bool = field(default=False, validator=kind(bool))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        # 16 bytes in 22 characters: the last one holds two bits.
        match = re.fullmatch(r"(\$[PH]\$.{9})([./0-9A-Za-z]{21}[./01])", stored)
        return None if match is None else (match[1], match[2].encode("ascii"))

    def _derivation(self, settings: str) -> Derivation | None:
        rounds = self._rounds(settings)
        if rounds is None or settings[1] == "S":
            return None
        return partial(_md5_rounds, salt=settings[4:].encode("ascii"), rounds=rounds)

    def _bytes(self, password: str) -> bytes:
        raw = super()._bytes(password)
        return php_trim(raw) if self.trimmed else raw

    def decoy(self) -> str:
        """One of 2^*rounds_log2* rounds."""
        return f"$P${ITOA64[self.rounds_log2]}saltsalt{itoa64(bytes(range(16)))}"


@frozen(kw_only=True)
class Drupal(_Portable):
    """
    ``$S$`` of Drupal 7 and later: iterated SHA-512, cut to 55 characters.

    Args:
        rounds_log2: of the decoy. Default 15, as in Drupal 7.
        max_rounds_log2: the most that is computed. Default 18: 0.15 s as measured, 0.35 s for a password of 512
            bytes. Drupal itself stops at 30.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds.
    """

    name: ClassVar[str] = "drupal"
    interpreted: ClassVar[bool] = True
    max_password_bytes: ClassVar[int] = 512  # Drupal's own bound, since SA-CORE-2014-006
    rounds_log2: int = field(default=15, validator=whole(7, 30))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        match = re.fullmatch(r"(\$S\$.{9})([./0-9A-Za-z]{43})", stored)
        return None if match is None else (match[1], match[2].encode("ascii"))

    def _derivation(self, settings: str) -> Derivation | None:
        rounds = self._rounds(settings)
        if rounds is None or settings[1] != "S":
            return None
        return partial(_sha512_rounds, salt=settings[4:].encode("ascii"), rounds=rounds)

    def decoy(self) -> str:
        """One of 2^*rounds_log2* rounds."""
        return f"$S${ITOA64[self.rounds_log2]}saltsalt{itoa64(bytes(range(64)))[:43]}"


def php_trim(raw: bytes) -> bytes:
    """What PHP's ``trim`` leaves."""
    return raw.strip(b" \t\n\r\0\x0b")


def _md5_rounds(password: bytes, *, salt: bytes, rounds: int) -> bytes:
    digest = md5(salt + password, usedforsecurity=False).digest()
    for _ in range(rounds):
        digest = md5(digest + password, usedforsecurity=False).digest()
    return itoa64(digest).encode("ascii")


def _sha512_rounds(password: bytes, *, salt: bytes, rounds: int) -> bytes:
    digest = sha512(salt + password).digest()
    for _ in range(rounds):
        digest = sha512(digest + password).digest()
    return itoa64(digest)[:43].encode("ascii")
