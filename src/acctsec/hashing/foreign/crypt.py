"""
crypt(3)'s schemes on SHA-2 and MD5.

Computed here, from Drepper's specification of SHA-crypt and the description of MD5-crypt, and not by libpass, which has
them too: libpass installs itself under passlib's name, over a passlib that is there, and who has these hashes to move
often has passlib installed.
"""

import re
from functools import partial
from hashlib import md5, sha256, sha512
from itertools import cycle, islice
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import itoa64
from acctsec.hashing.foreign.formats import Derivation, Format

_HASHES = {"md5": md5, "sha256": sha256, "sha512": sha512}
# Each byte of a digest has its place in the text. The last character of a tag holds what is left: two bits, or four of $5$.
_ORDER = {
    "md5": (12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11),
    "sha256": (*((10 * third + 21 * group) % 30 for group in range(10) for third in (2, 1, 0)), 30, 31),
    "sha512": (*((21 * third + 22 * group) % 63 for group in range(21) for third in (2, 1, 0)), 63),
}
_SHA = re.compile(r"(?:\{CRYPT\})?\$([56])\$(?:rounds=([1-9][0-9]{3,8})\$)?([./0-9A-Za-z]{0,16})\$")
_SHA_TAG = re.compile(r"[./0-9A-Za-z]{42}[./0-9A-D]|[./0-9A-Za-z]{85}[./01]")
_MD5 = re.compile(r"(?:\{CRYPT\})?(\$(?:1|apr1)\$)([./0-9A-Za-z]{0,8})\$")
_MD5_TAG = re.compile(r"[./0-9A-Za-z]{21}[./01]")


@frozen(kw_only=True)
class _Crypt(Format):
    max_password_bytes: ClassVar[int] = 511  # libxcrypt's own bound; MD5-crypt and SHA-crypt hash the password every round


@frozen(kw_only=True)
class ShaCrypt(_Crypt):
    """
    SHA-crypt, ``$5$`` (SHA-256) and ``$6$`` (SHA-512), with or without ``rounds=<n>$``: of Linux, passlib and Dovecot.

    A directory's ``{CRYPT}`` may stand in front. Passwords of more than 511 bytes never verify.

    Args:
        rounds: of the decoy. Default 5,000, which is what a hash without ``rounds=`` has.
        max_rounds: the most that is computed. Default 1,000,000, above passlib's 656,000: 0.4 s as measured, and 1.3 s for
            a password of 511 bytes.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds.
    """

    name: ClassVar[str] = "sha-crypt"
    interpreted: ClassVar[bool] = True
    rounds: int = field(default=5_000, validator=whole(1_000, 999_999_999))
    max_rounds: int = field(default=1_000_000, validator=whole(1_000, 999_999_999))

    def __attrs_post_init__(self) -> None:
        if self.rounds > self.max_rounds:
            message = f"Decoys of {self.rounds} rounds would be above the ceiling."
            raise ConfigError(message, remedy="Lower rounds or raise max_rounds.")

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        match = _SHA.fullmatch(settings + dollar)
        if match is None or not _SHA_TAG.fullmatch(text) or len(text) != {"5": 43, "6": 86}[match[1]]:
            return None
        return settings + dollar, text.encode("ascii")

    def _derivation(self, settings: str) -> Derivation | None:
        match = _SHA.fullmatch(settings)
        rounds = 0 if match is None else int(match[2] or "5000")
        if match is None or rounds > self.max_rounds:
            return None
        return partial(_sha_crypt, salt=match[3].encode("ascii"), rounds=rounds, kind={"5": "sha256", "6": "sha512"}[match[1]])

    def decoy(self) -> str:
        """One of SHA-512 at *rounds*."""
        rounds = "" if self.rounds == 5_000 else f"rounds={self.rounds}$"
        return f"$6${rounds}saltsaltsaltsalt${itoa64(bytes(range(64)))}"


@frozen(kw_only=True)
class Md5Crypt(_Crypt):
    """
    MD5-crypt, ``$1$``, and Apache's ``$apr1$``: a thousand rounds, which keep nobody out for long, so wrap these at rest.

    A directory's ``{CRYPT}`` may stand in front. Passwords of more than 511 bytes never verify. *share* is the proportion
    of accounts that still have this format. Default 0.
    """

    name: ClassVar[str] = "md5-crypt"
    interpreted: ClassVar[bool] = True

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        return (settings + dollar, text.encode("ascii")) if _MD5_TAG.fullmatch(text) else None

    def _derivation(self, settings: str) -> Derivation | None:
        match = _MD5.fullmatch(settings)
        return None if match is None else partial(_md5_crypt, mark=match[1].encode("ascii"), salt=match[2].encode("ascii"))

    def decoy(self) -> str:
        """One of ``$1$``."""
        return f"$1$saltsalt${itoa64(bytes(range(16)))}"


def _sha_crypt(password: bytes, *, salt: bytes, rounds: int, kind: str) -> bytes:
    size, chosen = len(password), _hash(kind, password + salt + password)
    mixed = password + salt + _repeated(chosen, size)
    for bit in range(size.bit_length()):
        mixed += chosen if size >> bit & 1 else password
    start = _hash(kind, mixed)
    secret = _repeated(_hash(kind, password * size), size)
    grain = _repeated(_hash(kind, salt * (16 + start[0])), len(salt))
    return _written(kind, _stretched(kind, start, secret, grain, rounds))


def _md5_crypt(password: bytes, *, mark: bytes, salt: bytes) -> bytes:
    size = len(password)
    mixed = password + mark + salt + _repeated(_hash("md5", password + salt + password), size)
    for bit in range(size.bit_length()):
        mixed += b"\0" if size >> bit & 1 else password[:1]
    return _written("md5", _stretched("md5", _hash("md5", mixed), password, salt, 1_000))


def _stretched(kind: str, start: bytes, secret: bytes, grain: bytes, rounds: int) -> bytes:
    """
    The rounds that both schemes share.

    What stands around the digest depends on the number of the round modulo 2, 3 and 7: it repeats after 42.
    """
    around = []
    for number in range(42):
        between = (grain if number % 3 else b"") + (secret if number % 7 else b"")
        around.append((secret + between, b"") if number % 2 else (b"", between + secret))
    make, digest = _HASHES[kind], start
    for before, behind in islice(cycle(around), rounds):
        digest = make(before + digest + behind, usedforsecurity=False).digest()
    return digest


def _repeated(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


def _hash(kind: str, content: bytes) -> bytes:
    return _HASHES[kind](content, usedforsecurity=False).digest()


def _written(kind: str, digest: bytes) -> bytes:
    return itoa64(bytes(digest[at] for at in _ORDER[kind])).encode("ascii")
