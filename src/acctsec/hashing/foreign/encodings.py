"""The alphabets of foreign hashes, read strictly: what decoding and encoding again would not give back is refused."""

import re
from base64 import b64decode, b64encode

ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""crypt(3)'s alphabet, in the order of phpass."""

_B64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def b64(raw: bytes) -> str:
    """Standard Base64, padded."""
    return b64encode(raw).decode("ascii")


def b64_bytes(text: str) -> bytes | None:
    """Read padded Base64; None for stray bits, missing padding and anything else with a second spelling."""
    if len(text) % 4 or not _B64.fullmatch(text):
        return None
    raw = b64decode(text)
    return raw if b64(raw) == text else None


def ab64(raw: bytes) -> str:
    """passlib's Base64: a dot for the plus, and no padding."""
    return b64(raw).rstrip("=").replace("+", ".")


def ab64_bytes(text: str) -> bytes | None:
    """Read passlib's Base64 as strictly."""
    if "+" in text or "=" in text:
        return None
    return b64_bytes(text.replace(".", "+") + "=" * (-len(text) % 4))


def phc64(raw: bytes) -> str:
    """PHC's Base64: standard, and no padding."""
    return b64(raw).rstrip("=")


def phc64_bytes(text: str) -> bytes | None:
    """Read PHC's Base64 as strictly."""
    return None if "=" in text else b64_bytes(text + "=" * (-len(text) % 4))


def itoa64(raw: bytes) -> str:
    """phpass' Base64: three bytes at a time, the lowest bits first."""
    written = []
    for at in range(0, len(raw), 3):
        part = raw[at : at + 3]
        value = int.from_bytes(part, "little")
        written += [ITOA64[value >> 6 * digit & 63] for digit in range(len(part) + 1)]
    return "".join(written)
