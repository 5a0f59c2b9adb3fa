"""A foreign hash that was hashed again at rest, so that the weak one is gone before its owner comes back."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest
from typing import TYPE_CHECKING

from attrs import field, frozen

from acctsec.checks import proportion
from acctsec.errors import ConfigError
from acctsec.hashing.phc import Argon2Hash, parse

if TYPE_CHECKING:
    from acctsec.hashing.foreign.formats import WrappableFormat

_GRAMMAR = re.compile(r"\$wrapped\$([a-z0-9-]{1,40})\$([A-Za-z0-9_-]{0,684})(\$argon2id\$.{1,300})")

_ABILITIES = ("settings", "tag", "derives", "derive", "reads", "decoy")


@frozen
class WrappedHash:
    """A wrapped hash, taken apart: the Argon2id hash of a foreign tag, and what it takes to derive that tag again."""

    settings: str = field(repr=False)
    outer: Argon2Hash

    def spelled(self, name: str) -> str:
        """The one spelling of it, for the format of that name."""
        return f"$wrapped${name}${urlsafe_b64encode(self.settings.encode()).decode().rstrip('=')}{self.outer}"


@frozen
class Wrapped:
    """
    Hashes of a foreign *format* that lie inside an Argon2id hash, as ``acctsec rewrap --wrap`` leaves them.

    A leak then gives away nothing that is cheaper to guess at than a hash of today. Stands beside the bare format in
    ``HashingPolicy.foreign`` while both are about. Raises ConfigError for a format whose tags cannot be told from its
    settings, and for a *share* out of 0 to 1: the proportion of accounts that have this form, default 0.
    """

    format: "WrappableFormat"
    share: float = field(default=0.0, validator=proportion, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not all(callable(getattr(self.format, one, None)) for one in _ABILITIES):
            raise ConfigError(f"{self.format!r} cannot be wrapped.", remedy="Give a format of acctsec.hashing.foreign.")

    @property
    def name(self) -> str:
        """The name in reports."""
        return f"wrapped-{self.format.name}"

    def parse(self, stored: str) -> WrappedHash | None:
        """Take a stored string apart, or answer None for every other spelling, and for those of another format."""
        match = _GRAMMAR.fullmatch(stored)
        if match is None or match[1] != self.format.name:
            return None
        outer = parse(match[3])
        try:
            settings = urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4)).decode()
        except ValueError:
            return None
        if outer is None or not self.format.derives(settings):
            return None
        found = WrappedHash(settings, outer)
        return found if compare_digest(found.spelled(match[1]), stored) else None

    def decoy(self, outer: Argon2Hash) -> str:
        """What no known password has, and costs what the format's own decoy and *outer* cost together."""
        return WrappedHash(self.format.settings(self.format.decoy()), outer).spelled(self.format.name)
