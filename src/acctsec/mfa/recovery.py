"""
Recovery codes: printed once, each good once, all void when a new generation is made.

A code is 80 random bits in Crockford's base 32 (no I, L, O, U), four groups of four. Eighty bits is what SP 800-63B-4
section 4.2.1.1 (64) asks and more; stored are digests, and those only sealed.
"""

from hashlib import sha256
from hmac import compare_digest

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
CODE_BYTES = 10
DIGEST_BYTES = 16
DECOY = bytes(10 * DIGEST_BYTES)


def text(raw: bytes) -> str:
    """Ten random bytes as a person reads them: ``xxxx-xxxx-xxxx-xxxx``."""
    number = int.from_bytes(raw, "big")
    letters = "".join(ALPHABET[number >> shift & 31] for shift in range(75, -5, -5))
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def is_code(code: object) -> bool:
    """Whether this is the one spelling of a code; case and hyphens are the platform's form's to repair."""
    if type(code) is not str or len(code) != 19:
        return False
    groups = code.split("-")
    return len(groups) == 4 and all(len(group) == 4 and all(char in ALPHABET for char in group) for group in groups)


def digests(codes: tuple[str, ...]) -> bytes:
    """What is sealed and stored of a generation of codes."""
    return b"".join(_digest(code) for code in codes)


def find(stored: bytes, code: object) -> int | None:
    """Which code of a generation this is. All are compared, whichever matches."""
    wanted = _digest(code) if is_code(code) else bytes(DIGEST_BYTES)
    found = None
    for number in range(len(stored) // DIGEST_BYTES):
        if compare_digest(stored[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES], wanted):
            found = number
    return found if is_code(code) else None


def _digest(code: object) -> bytes:
    return sha256(str(code).encode()).digest()[:DIGEST_BYTES]
