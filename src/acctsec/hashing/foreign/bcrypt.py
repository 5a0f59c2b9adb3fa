"""bcrypt, bare and behind the hashes that others put in front of it."""

import re
from base64 import b64encode
from functools import partial
from hashlib import sha256, sha512
from hmac import digest
from importlib import import_module
from typing import Any, ClassVar

from attrs import field, frozen

from acctsec.checks import kind, whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.formats import Derivation, Format
from acctsec.hashing.foreign.phpass import php_trim

MAX_BYTES = 72
"""What bcrypt looks at; its key schedule never sees the rest."""

# The last character of a salt (16 bytes in 22) holds two bits, that of a tag (23 bytes in 31) four.
_SETTINGS = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu]")
_TAG = re.compile(r"[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]")
_PASSLIB = re.compile(r"\$bcrypt-sha256\$(?:v=2,t=2b,r=|(2[ab]),)([4-9]|[12][0-9]|3[01])\$([./A-Za-z0-9]{21}[.Oeu])\$")
_SALT = "abcdefghijklmnopqrstuu"
_TEXT = "0123456789abcdefghijklmnopqrstu"


def _library() -> Any:
    try:
        return import_module("bcrypt")
    except ImportError:
        raise ConfigError("bcrypt is not installed.", remedy="Run `pip install 'acctsec[foreign]'`.") from None


def _bcrypt(password: bytes, *, settings: str) -> bytes:
    whole_hash: bytes = _library().hashpw(password, settings.encode("ascii"))
    return whole_hash[len(settings) :]


@frozen(kw_only=True)
class _OnBcrypt(Format):
    """*cost*: of the decoy. *max_cost*: the most that is computed; one more doubles the time."""

    mark: ClassVar[str] = ""
    version: ClassVar[str] = "2b"
    cost: int = field(default=12, validator=whole(4, 31))
    max_cost: int = field(default=14, validator=whole(4, 31))

    def __attrs_post_init__(self) -> None:
        if self.cost > self.max_cost:
            raise ConfigError(f"Decoys of cost {self.cost} would be above the ceiling.", remedy="Lower cost or raise max_cost.")
        _library()

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, text = stored[:-31], stored[-31:]
        return (settings, text.encode("ascii")) if _TAG.fullmatch(text) else None

    def _derivation(self, settings: str) -> Derivation | None:
        bare = settings.removeprefix(self.mark)
        match = _SETTINGS.fullmatch(bare)
        if match is None or self.mark + bare != settings or int(match[1]) > self.max_cost:
            return None
        return partial(_bcrypt, settings=bare)

    def decoy(self) -> str:
        """One of *cost*."""
        return f"{self.mark}${self.version}${self.cost:02d}${_SALT}{_TEXT}"


@frozen(kw_only=True)
class _Bare(_OnBcrypt):
    """*cut*: what to do about passwords that are longer than 72 bytes."""

    cut: bool = field(default=False, validator=kind(bool))

    def _bytes(self, password: str) -> bytes:
        raw = super()._bytes(password)
        return raw[:MAX_BYTES] if self.cut else raw

    def _possible(self, raw: bytes) -> bool:
        return len(raw) <= MAX_BYTES and 0 not in raw


@frozen(kw_only=True)
class Bcrypt(_Bare):
    """
    ``$2a$``, ``$2b$`` and ``$2y$``: of PHP, Ruby, Node, Spring, Symfony, Laravel; with a *pepper*, of Devise.

    A directory's ``{CRYPT}`` may stand in front. A password with a NUL in it never verifies: C implementations stopped
    there, and bcrypt repeats its key behind one, so that ``a`` and ``a NUL a`` are the same to it.

    Args:
        pepper: put behind every password before hashing, as Devise does. Default empty. Not shown in any repr.
        cut: what to do about passwords that, with their pepper, are longer than 72 bytes. Default False: they never
            verify, since all that begin alike would. True: the first 72 bytes decide, as they did where the hash was made.
        symfony: whether Base64 of SHA-512 stands for passwords of more than 72 bytes, as in Symfony's native and sodium
            hashers. Default False. With it there is no pepper, and nothing to cut.
        cost: of the decoy. Default 12, as in Devise and Laravel.
        max_cost: the most that is computed. Default 14, 1.2 s as measured where 12 took 0.3 s.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and when the package bcrypt is missing.
    """

    name: ClassVar[str] = "bcrypt"
    pepper: str = field(default="", repr=False, validator=kind(str))
    symfony: bool = field(default=False, validator=kind(bool))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.symfony and (self.cut or self.pepper):
            raise ConfigError("Symfony neither cuts passwords nor adds a pepper.", remedy="Give symfony alone.")

    def _bytes(self, password: str) -> bytes:
        raw = super()._bytes(password + self.pepper)
        if not self.symfony or not MAX_BYTES < len(raw) <= self.max_password_bytes:
            return raw
        return b64encode(sha512(raw).digest())[:MAX_BYTES]

    def _derivation(self, settings: str) -> Derivation | None:
        return super()._derivation(settings.removeprefix("{CRYPT}"))


@frozen(kw_only=True)
class DjangoBcrypt(_Bare):
    """
    Django's ``bcrypt$$2b$``, of its BCryptPasswordHasher: bcrypt of the password itself.

    Args:
        cut: what to do about passwords longer than 72 bytes. Default False: they never verify, since all that begin
            alike would. True: the first 72 bytes decide, as they did for Django before the package bcrypt 5.
        cost: of the decoy. Default 12, as in Django.
        max_cost: the most that is computed. Default 14, 1.2 s as measured where 12 took 0.3 s.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and when the package bcrypt is missing.
    """

    name: ClassVar[str] = "django-bcrypt"
    mark: ClassVar[str] = "bcrypt$"


@frozen(kw_only=True)
class WordPress(_OnBcrypt):
    """
    ``$wp$2y$`` of WordPress 6.8 and later: bcrypt of Base64 of HMAC-SHA-384, keyed ``wp-sha384``, of the trimmed password.

    White space around a password is cut off, since WordPress does so at every sign-in. Older hashes are ``Phpass``.

    Args:
        cost: of the decoy. Default 10, as PHP before 8.4 has it.
        max_cost: the most that is computed. Default 14, 1.2 s as measured where 12 took 0.3 s.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and when the package bcrypt is missing.
    """

    name: ClassVar[str] = "wordpress"
    mark: ClassVar[str] = "$wp"
    version: ClassVar[str] = "2y"
    cost: int = field(default=10, validator=whole(4, 31))

    def _bytes(self, password: str) -> bytes:
        return php_trim(super()._bytes(password))

    def _derivation(self, settings: str) -> Derivation | None:
        inner = super()._derivation(settings)
        if inner is None or not settings.startswith("$wp$2y$"):
            return None
        return lambda raw: inner(b64encode(digest(b"wp-sha384", raw, "sha384")))


@frozen(kw_only=True)
class DjangoBcryptSha256(_OnBcrypt):
    """
    Django's ``bcrypt_sha256$$2b$``: bcrypt of the hexadecimal SHA-256 of the password.

    Args:
        cost: of the decoy. Default 12, as in Django.
        max_cost: the most that is computed. Default 14, 1.2 s as measured where 12 took 0.3 s.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and when the package bcrypt is missing.
    """

    name: ClassVar[str] = "django-bcrypt-sha256"
    mark: ClassVar[str] = "bcrypt_sha256$"

    def _derivation(self, settings: str) -> Derivation | None:
        inner = super()._derivation(settings)
        return None if inner is None else lambda raw: inner(sha256(raw).hexdigest().encode("ascii"))


@frozen(kw_only=True)
class PasslibBcryptSha256(_OnBcrypt):
    """
    passlib's ``$bcrypt-sha256$v=2,t=2b,r=<cost>$<salt>$<tag>``: bcrypt of Base64 of HMAC-SHA-256, keyed with the salt's text.

    Also version 1, ``$bcrypt-sha256$2b,<cost>$``, of passlib before 1.7.3, with SHA-256 in place of the HMAC.

    Args:
        cost: of the decoy. Default 12, as in passlib 1.7.
        max_cost: the most that is computed. Default 14, 1.2 s as measured where 12 took 0.3 s.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and when the package bcrypt is missing.
    """

    name: ClassVar[str] = "passlib-bcrypt-sha256"

    def _derivation(self, settings: str) -> Derivation | None:
        match = _PASSLIB.fullmatch(settings)
        if match is None:
            return None
        inner = super()._derivation(f"${match[1] or '2b'}${int(match[2]):02d}${match[3]}")
        if inner is None:
            return None
        key = None if match[1] else match[3].encode("ascii")
        return lambda raw: inner(b64encode(sha256(raw).digest() if key is None else digest(key, raw, "sha256")))

    def decoy(self) -> str:
        """One of version 2 and *cost*."""
        return f"$bcrypt-sha256$v=2,t=2b,r={self.cost}${_SALT}${_TEXT}"
