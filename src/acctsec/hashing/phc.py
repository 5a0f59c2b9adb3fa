"""The one spelling of a stored hash that is read: the PHC string of Argon2id, version 1.3."""

import re
from base64 import b64decode, b64encode

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.hashing.parameters import Argon2Parameters

MIN_SALT = 16  # RFC 9106 section 3.1 recommends 16 bytes for passwords
MIN_TAG = 16  # 128 bits; below it a tag was cut off, and cut tags match by chance
MAX_BYTES = 64  # of salt or tag; nobody writes more, and what is longer was not written by a hasher

# ASCII digits only, none leading with zero, and few enough of them that no number is ever large.
_GRAMMAR = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,7})\$([A-Za-z0-9+/]{1,86})\$([A-Za-z0-9+/]{1,86})"
)


@frozen
class Argon2Hash:
    """A stored hash, taken apart."""

    parameters: Argon2Parameters
    salt: bytes = field(repr=False)
    tag: bytes = field(repr=False)

    def __str__(self) -> str:
        cost = self.parameters
        return (
            f"$argon2id$v=19$m={cost.memory_kib},t={cost.time_cost},p={cost.parallelism}"
            f"${_unpadded(self.salt)}${_unpadded(self.tag)}"
        )


def parse(phc: str) -> Argon2Hash | None:
    """
    Take a stored hash apart, or answer None for every other spelling of one.

    Salt and tag must be whole: 16 to 64 bytes each. Whether the cost is acceptable is the policy's question.
    """
    match = _GRAMMAR.fullmatch(phc)
    if match is None:
        return None
    salt, tag = _decode(match[4]), _decode(match[5])
    if salt is None or tag is None or not MIN_SALT <= len(salt) <= MAX_BYTES or not MIN_TAG <= len(tag) <= MAX_BYTES:
        return None
    try:
        return Argon2Hash(Argon2Parameters(int(match[1]), int(match[2]), int(match[3])), salt, tag)
    except ConfigError:
        return None


def _unpadded(raw: bytes) -> str:
    return b64encode(raw).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes | None:
    """Decode only what encoding would have written: stray bits at the end would be a second spelling."""
    if len(text) % 4 == 1:
        return None
    raw = b64decode(text + "=" * (-len(text) % 4))
    return raw if _unpadded(raw) == text else None
