"""
Stored hashes in the form they are sealed in: an Argon2id hash as numbers and raw bytes, 72 instead of up to 121.

A history holds 24 of them. Base64 makes 64 bytes of salt and tag 86, and the names of the parameters take 35 more.
"""

from hmac import compare_digest

from acctsec.errors import ConfigError
from acctsec.hashing.parameters import Argon2Parameters
from acctsec.hashing.phc import MAX_BYTES, MIN_SALT, MIN_TAG, Argon2Hash, parse

COMPACT = 0xFF  # no text begins with it: it is in no UTF-8
_SALT_AT = 8  # after that byte, memory (3), passes (2), lanes (1) and how long the salt is (1), all big-endian


def packed(stored: str) -> bytes:
    """
    What is sealed of a stored hash: the compact form where just this text comes back from it, else the text itself.

    Hashes of other formats stay text, and so does one of more than 16 GiB, 65,535 passes or 255 lanes.
    """
    found = parse(stored)
    if found is None:
        return stored.encode()
    cost = found.parameters
    try:
        head = cost.memory_kib.to_bytes(3, "big") + cost.time_cost.to_bytes(2, "big") + cost.parallelism.to_bytes(1, "big")
    except OverflowError:
        return stored.encode()
    compact = bytes([COMPACT]) + head + bytes([len(found.salt)]) + found.salt + found.tag
    return compact if compare_digest(unpacked(compact) or "", stored) else stored.encode()


def unpacked(plain: bytes) -> str | None:
    """The stored hash of which ``packed`` made *plain*, or that was sealed as text; None for any other bytes."""
    if plain[:1] != bytes([COMPACT]):
        return _text(plain)
    if len(plain) < _SALT_AT:
        return None
    numbers, end = plain[1:_SALT_AT], _SALT_AT + plain[_SALT_AT - 1]
    try:
        cost = Argon2Parameters(int.from_bytes(numbers[:3], "big"), int.from_bytes(numbers[3:5], "big"), numbers[5])
    except ConfigError:
        return None
    salt, tag = plain[_SALT_AT:end], plain[end:]
    if not MIN_SALT <= len(salt) <= MAX_BYTES or not MIN_TAG <= len(tag) <= MAX_BYTES:
        return None
    return str(Argon2Hash(cost, salt, tag))


def _text(plain: bytes) -> str | None:
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return None
