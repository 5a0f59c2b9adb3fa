"""What every foreign format can do, and how a stored string is told apart from others."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from hmac import compare_digest
from threading import Lock
from typing import Any, ClassVar, Protocol

from attrs import field, frozen

from acctsec.checks import proportion
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import b64_bytes

Derivation = Callable[[bytes], bytes]
"""What turns the bytes of a password into a tag; to hold one is to know that its cost is below the ceiling."""

MAX_STORED = 512
"""Characters of the longest stored hash that is looked at; the longest one written has about 250."""


class ForeignFormat(Protocol):
    """One way in which another system stores passwords."""

    @property
    def name(self) -> str:
        """The format's name in reports: of the scheme, never of an account."""
        ...

    @property
    def share(self) -> float | None:
        """The proportion of accounts that still have it, 0 to 1: that many unknown subjects get its decoy. None: not said."""
        ...

    def reads(self, stored: str) -> bool:
        """Whether ``verify`` would compute this string: it is spelled as the other system spells it, below the ceiling."""
        ...

    def verify(self, stored: str, password: str) -> bool:
        """Compare a password in constant time. False at once, with nothing computed, for what ``reads`` refuses."""
        ...

    def decoy(self) -> str:
        """A fixed stored string of the usual cost, which no known password has."""
        ...


class Wrappable(Protocol):
    """A format whose tags can be hashed again at rest, so that the weak hash is gone before its owner comes back."""

    def settings(self, stored: str) -> str:
        """All of *stored* but its tag: what has to be kept to derive the tag again. Raises ConfigError if not read."""
        ...

    def tag(self, stored: str) -> bytes:
        """The secret part of *stored*, which is what gets wrapped. Raises ConfigError if not read."""
        ...

    def derives(self, settings: str) -> bool:
        """Whether ``derive`` takes these settings: spelled as ``settings`` spells them, below the ceiling."""
        ...

    def derive(self, settings: str, password: str) -> bytes:
        """
        Compute the tag of *password*: equal to ``tag(stored)`` exactly where ``verify`` answers True.

        Empty, after the same work, for a password that no hash of this format can have. Raises ConfigError for settings
        that ``settings`` never gave.
        """
        ...


class WrappableFormat(ForeignFormat, Wrappable, Protocol):
    """A foreign format whose tags can be hashed again."""


def _share(one: object, attribute: Any, value: object) -> None:
    if value is not None:
        proportion(one, attribute, value)


class _Interpreter:
    """One at a time computes what loops in Python. A child of a fork begins with a lock that nobody holds."""

    def __init__(self) -> None:
        self.renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.lock = Lock()


_interpreter = _Interpreter()


@frozen(kw_only=True)
class Format(ABC):
    """
    A foreign format made of two readings: a string into settings and tag, and settings into a derivation.

    *share* is the proportion of accounts that still have this format, bare or wrapped. Default: not said, so that a
    HashingPolicy refuses it: what nobody counted would tell who exists.
    """

    name: ClassVar[str]
    interpreted: ClassVar[bool] = False  # whether it loops in Python, where two at once gain nothing and stall an event loop
    max_password_bytes: ClassVar[int] = 4_096  # phpass and WordPress; whatever reads more has been told less

    share: float | None = field(default=None, validator=_share)

    @abstractmethod
    def _split(self, stored: str) -> tuple[str, bytes] | None:
        """Settings and tag, or None for every other spelling."""

    @abstractmethod
    def _derivation(self, settings: str) -> Derivation | None:
        """How to compute a tag, or None for settings out of the grammar or above the ceiling."""

    @abstractmethod
    def decoy(self) -> str:
        """A fixed stored string of the usual cost, which no known password has."""

    def reads(self, stored: str) -> bool:
        """Whether ``verify`` would compute this string."""
        return self._parts(stored) is not None

    def verify(self, stored: str, password: str) -> bool:
        """Compare in constant time. False at once, with nothing computed, for what ``reads`` refuses."""
        parts = self._parts(stored)
        return parts is not None and compare_digest(self.derive(parts[0], password), parts[1])

    def settings(self, stored: str) -> str:
        """All of *stored* but its tag. Raises ConfigError for what ``reads`` refuses."""
        return self._known(stored)[0]

    def tag(self, stored: str) -> bytes:
        """The secret part of *stored*. Raises ConfigError for what ``reads`` refuses."""
        return self._known(stored)[1]

    def derives(self, settings: str) -> bool:
        """Whether ``derive`` takes these settings."""
        return len(settings) <= MAX_STORED and self._derivation(settings) is not None

    def derive(self, settings: str, password: str) -> bytes:
        """Compute the tag of *password*; empty, after the same work, for one that no hash of this format can have."""
        derivation = self._derivation(settings) if len(settings) <= MAX_STORED else None
        if derivation is None:
            raise ConfigError(f"These are no settings of {self.name}.", remedy="Pass on what settings() gave, unchanged.")
        raw = self._bytes(password)
        possible = self._possible(raw)
        candidate = raw if possible else b"x" * min(len(raw), 64)
        if self.interpreted:
            with _interpreter.lock:
                tag = derivation(candidate)
        else:
            tag = derivation(candidate)
        return tag if possible else b""

    def _bytes(self, password: str) -> bytes:
        """The bytes that the other system hashed. Lone surrogates were refused long before, and do not raise here."""
        return password.encode("utf-8", "surrogatepass")

    def _possible(self, raw: bytes) -> bool:
        # HMAC, and with it PBKDF2 and scrypt, pads its key with zeros: a password and the same with a NUL behind are one.
        return len(raw) <= self.max_password_bytes and 0 not in raw

    def _parts(self, stored: str) -> tuple[str, bytes] | None:
        parts = self._split(stored) if len(stored) <= MAX_STORED else None
        return parts if parts is not None and self._derivation(parts[0]) is not None else None

    def _known(self, stored: str) -> tuple[str, bytes]:
        parts = self._parts(stored)
        if parts is None:
            raise ConfigError(f"This is no hash that {self.name} reads.", remedy="Ask reads() first.")
        return parts


_MARKS = (
    ("django-pbkdf2", re.compile(r"pbkdf2_sha(?:256|1)\$")),
    ("django-scrypt", re.compile(r"scrypt\$")),
    ("django-argon2", re.compile(r"argon2\$argon2")),
    ("django-bcrypt-sha256", re.compile(r"bcrypt_sha256\$\$2[aby]\$")),
    ("django-bcrypt", re.compile(r"bcrypt\$\$2[aby]\$")),
    ("django-digest", re.compile(r"(?:md5|sha1)\$|[0-9a-f]{32}\Z")),
    ("passlib-pbkdf2", re.compile(r"\$pbkdf2(?:-sha256|-sha512)?\$[1-9]|\{PBKDF2(?:-SHA256|-SHA512)?\}")),
    ("passlib-bcrypt-sha256", re.compile(r"\$bcrypt-sha256\$")),
    ("phc-pbkdf2", re.compile(r"\$pbkdf2-sha(?:1|256|512)\$i=")),
    ("scrypt", re.compile(r"\$scrypt\$")),
    ("argon2", re.compile(r"\$argon2(?:id|i|d)\$")),
    ("keycloak-pbkdf2", re.compile(r"\$keycloak\$pbkdf2")),
    ("keycloak-argon2", re.compile(r"\$keycloak\$argon2")),
    ("firebase-scrypt", re.compile(r"\$firebase-scrypt\$")),
    ("symfony-digest", re.compile(r"\$symfony\$")),
    ("symfony-pbkdf2", re.compile(r"\$symfony-pbkdf2\$")),
    ("wordpress", re.compile(r"\$wp\$2y\$")),
    ("bcrypt", re.compile(r"(?:\{CRYPT\})?\$2[aby]\$")),
    ("phpass", re.compile(r"\$[PH]\$")),
    ("drupal", re.compile(r"\$S\$")),
    ("sha-crypt", re.compile(r"(?:\{CRYPT\})?\$[56]\$")),
    ("md5-crypt", re.compile(r"(?:\{CRYPT\})?\$(?:1|apr1)\$")),
    ("ldap", re.compile(r"\{(?:S?MD5|S?SHA(?:256|384|512)?)\}")),
)


def identify(stored: str) -> str | None:
    """
    The name of the format that a stored string claims to be of, or None; for reports.

    It looks at the mark in front alone, so that a damaged hash or one above the ceiling is still counted under its
    scheme. Where there is no mark it is the shape: ASP.NET Identity is Base64 whose first byte is a version, Django's
    bare MD5 is 32 hexadecimal digits. The policy's own Argon2id hashes are "argon2".
    """
    if len(stored) > MAX_STORED:
        return None
    for name, mark in _MARKS:
        if mark.match(stored):
            return name
    raw = b64_bytes(stored)
    if raw and ((raw[0] == 0 and len(raw) == 49) or (raw[0] == 1 and len(raw) >= 45)):
        return "aspnet-identity"
    return None
