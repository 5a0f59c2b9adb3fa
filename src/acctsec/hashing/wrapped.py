"""A foreign hash that was hashed again at rest, so that the weak one is gone before its owner comes back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest

from attrs import field, frozen

from acctsec.hashing.phc import Argon2Hash, parse

_GRAMMAR = re.compile(r"\$wrapped\$([a-z0-9-]{1,40})\$([A-Za-z0-9_-]{0,684})(\$argon2id\$.{1,300})")


@frozen
class WrappedHash:
    """
    The Argon2id hash of a foreign tag, the name of the format it is of, and the settings it takes to derive that tag again.

    A leak gives away nothing that is cheaper to guess at than a hash of today.
    """

    name: str
    settings: str = field(repr=False)
    outer: Argon2Hash

    def __str__(self) -> str:
        return f"$wrapped${self.name}${urlsafe_b64encode(self.settings.encode()).decode().rstrip('=')}{self.outer}"


def unwrap(stored: str) -> WrappedHash | None:
    """
    Take a wrapped hash apart, or answer None for every other spelling.

    Whether there is such a format, and whether it would compute those settings, is the policy's question.
    """
    match = _GRAMMAR.fullmatch(stored)
    if match is None:
        return None
    outer = parse(match[3])
    try:
        settings = urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4)).decode()
    except ValueError:
        return None
    if outer is None:
        return None
    found = WrappedHash(match[1], settings, outer)
    return found if compare_digest(str(found), stored) else None
