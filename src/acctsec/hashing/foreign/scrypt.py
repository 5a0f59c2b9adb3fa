"""scrypt as Django, passlib and PHC strings write it."""

import re
from functools import partial
from hashlib import scrypt
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import b64, b64_bytes, phc64, phc64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format

_TAG = 64  # Django always derives 64 bytes


@frozen(kw_only=True)
class _OnScrypt(Format):
    """*n*, *r*, *p*: of the decoy. *max_memory_kib* and *max_traffic_kib*: the most that is computed."""

    n: int = field(default=1 << 14, validator=whole(2, 1 << 24))
    r: int = field(default=8, validator=whole(1, 64))
    p: int = field(default=1, validator=whole(1, 64))
    max_memory_kib: int = field(default=131_072, validator=whole(1, 1 << 20))
    max_traffic_kib: int = field(default=524_288, validator=whole(1, 1 << 24))

    def __attrs_post_init__(self) -> None:
        if self.n & (self.n - 1) or not self._affordable(self.n, self.r, self.p):
            message = f"Decoys of N {self.n}, r {self.r} and p {self.p} would be above the ceiling, or N is no power of two."
            raise ConfigError(message, remedy="Lower them, or raise max_memory_kib and max_traffic_kib.")

    def _affordable(self, n: int, r: int, p: int) -> bool:
        memory = n * r // 8
        return memory <= self.max_memory_kib and memory * p <= self.max_traffic_kib

    def _with(self, *, salt: bytes, n: int, r: int, p: int, tag_bytes: int) -> Derivation | None:
        # RFC 7914 section 2: N is a power of two, and below 2^(16 r).
        if n < 2 or n & (n - 1) or n >= 1 << (16 * r) or not self._affordable(n, r, p):
            return None
        return partial(scrypt_of, salt=salt, n=n, r=r, p=p, tag_bytes=tag_bytes)


@frozen(kw_only=True)
class DjangoScrypt(_OnScrypt):
    """
    Django's ``scrypt$<N>$<salt>$<r>$<p>$<Base64>``.

    Args:
        n, r, p: of the decoy: what most of the stored hashes have. Default 16,384, 8 and 5, as in Django 5.2.
        max_memory_kib: the most memory that one hash may take, 128 * N * r bytes. Default 128 MiB, twice OWASP's N = 2^16.
        max_traffic_kib: the most that one may move, memory * p: its time. Default 512 MiB.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and where the decoy would be above the ceiling.
    """

    name: ClassVar[str] = "django-scrypt"
    p: int = field(default=5, validator=whole(1, 64))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        tag = b64_bytes(text)
        return None if tag is None or len(tag) != _TAG else (settings + dollar, tag)

    def _derivation(self, settings: str) -> Derivation | None:
        match = re.fullmatch(r"scrypt\$([1-9][0-9]{0,8})\$([!-#%-~]{1,128})\$([1-9][0-9]?)\$([1-9][0-9]?)\$", settings)
        if match is None:
            return None
        n, r, p = int(match[1]), int(match[3]), int(match[4])
        return self._with(salt=match[2].encode("ascii"), n=n, r=r, p=p, tag_bytes=_TAG)

    def decoy(self) -> str:
        """One of *n*, *r* and *p*."""
        return f"scrypt${self.n}$0123456789abcdefghijkl${self.r}${self.p}${b64(bytes(range(_TAG)))}"


@frozen(kw_only=True)
class Scrypt(_OnScrypt):
    """
    The PHC string ``$scrypt$ln=<log2 N>,r=<r>,p=<p>$<salt>$<tag>``: of passlib and of Rust's scrypt.

    Salts of 1 to 64 bytes, tags of 16 to 64.

    Args:
        n, r, p: of the decoy: what most of the stored hashes have. Default 65,536, 8 and 1, as in passlib 1.7.
        max_memory_kib: the most memory that one hash may take, 128 * N * r bytes. Default 128 MiB: Rust's default, N = 2^17.
        max_traffic_kib: the most that one may move, memory * p: its time. Default 512 MiB.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and where the decoy would be above the ceiling.
    """

    name: ClassVar[str] = "scrypt"
    n: int = field(default=1 << 16, validator=whole(2, 1 << 24))

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, _, text = stored.rpartition("$")
        tag = phc64_bytes(text)
        return None if tag is None else (f"{settings}${len(tag)}", tag)

    def _derivation(self, settings: str) -> Derivation | None:
        grammar = r"\$scrypt\$ln=([1-9]|[12][0-9]|3[01]),r=([1-9][0-9]?),p=([1-9][0-9]?)\$([A-Za-z0-9+/]{2,86})\$([1-9][0-9])"
        match = re.fullmatch(grammar, settings)
        salt = None if match is None else phc64_bytes(match[4])
        if match is None or salt is None or not 16 <= int(match[5]) <= 64:
            return None
        return self._with(salt=salt, n=1 << int(match[1]), r=int(match[2]), p=int(match[3]), tag_bytes=int(match[5]))

    def decoy(self) -> str:
        """One of *n*, *r* and *p*."""
        salt, tag = phc64(bytes(range(16))), phc64(bytes(range(32)))
        return f"$scrypt$ln={self.n.bit_length() - 1},r={self.r},p={self.p}${salt}${tag}"


def scrypt_of(password: bytes, *, salt: bytes, n: int, r: int, p: int, tag_bytes: int) -> bytes:
    """scrypt, with as much memory as it takes."""
    # OpenSSL counts 128 * r * (N + p + 2) against maxmem, and what lies beside it.
    return scrypt(password, salt=salt, n=n, r=r, p=p, dklen=tag_bytes, maxmem=128 * r * (n + p + 2) + (1 << 16))
