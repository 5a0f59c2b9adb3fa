"""Key pairs of soft authenticators: made from seeds, so that every run makes the same."""

from functools import lru_cache
from hashlib import sha256, shake_256
from typing import Any, Protocol

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acctsec.errors import ConfigError

_SMALL_PRIMES = tuple(n for n in range(3, 2_000, 2) if all(n % m for m in range(3, int(n**0.5) + 1, 2)))


class SoftKey(Protocol):
    """A key pair as WebAuthn uses it."""

    def sign(self, data: bytes) -> bytes: ...

    def cose(self) -> dict[int, int | bytes]: ...


@frozen
class _Es256:
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True))

    def cose(self) -> dict[int, int | bytes]:
        point = self.private.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}


@frozen
class _EdDsa:
    private: ed25519.Ed25519PrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)

    def cose(self) -> dict[int, int | bytes]:
        return {1: 1, 3: -8, -1: 6, -2: self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)}


@frozen
class _Rs256:
    private: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, padding.PKCS1v15(), SHA256())

    def cose(self) -> dict[int, int | bytes]:
        return {1: 3, 3: -257, -1: self.private.public_key().public_numbers().n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}


def key_of(algorithm: int, seed: bytes) -> SoftKey:
    """The key pair of one seed of 32 bytes. Raises ConfigError for an algorithm other than -7, -8 and -257."""
    if algorithm == -7:
        return _Es256(p256(seed))
    if algorithm == -8:
        return _EdDsa(ed25519.Ed25519PrivateKey.from_private_bytes(seed))
    if algorithm == -257:
        return _Rs256(_rsa(seed))
    raise ConfigError(f"A soft authenticator knows no algorithm {algorithm}.", remedy="Choose -7, -8 or -257.")


def p256(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """A key of the curve P-256."""
    return ec.derive_private_key(int.from_bytes(sha256(seed).digest(), "big") >> 1 | 1, ec.SECP256R1())


@lru_cache(maxsize=64)
def _rsa(seed: bytes) -> Any:
    """2,048 bits, from two primes that the seed finds; half a second each time a seed is new."""
    p, q = (_prime(seed + half) for half in (b"p", b"q"))
    e = 65_537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(e, p * q))
    return numbers.private_key()


def _prime(seed: bytes) -> int:
    """The first likely prime of 1,024 bits, its two highest set, at or after what the seed says."""
    found = int.from_bytes(shake_256(seed).digest(128), "big") | 3 << 1022 | 1
    while any(found % small == 0 for small in _SMALL_PRIMES) or found % 65_537 == 1 or not _probably(found):
        found += 2
    return found


def _probably(number: int) -> bool:
    """Fermat's test to three bases: of numbers that nobody chose it errs less often than the memory does."""
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5))
