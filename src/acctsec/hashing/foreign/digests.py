"""Django's oldest hashes: one round of MD5 or SHA-1, so wrap them."""

import re
from functools import partial
from hashlib import new
from typing import ClassVar

from attrs import frozen

from acctsec.hashing.foreign.formats import Derivation, Format

_STORED = re.compile(r"(md5\$[!-#%-~]{0,128}\$)([0-9a-f]{32})|(sha1\$[!-#%-~]{0,128}\$)([0-9a-f]{40})")
_SETTINGS = re.compile(r"(md5|sha1)\$([!-#%-~]{0,128})\$")
_BARE = "md5"


@frozen(kw_only=True)
class DjangoDigest(Format):
    """
    Django's ``md5$<salt>$<hex>`` and ``sha1$<salt>$<hex>``, and the unsalted ``md5$$<hex>``, ``sha1$$<hex>`` and ``<hex>``.

    Hexadecimal is lower case; the last one, of 32 digits, is MD5. Django 5.1 reads only the first. One round of a fast
    hash keeps nobody out for long: wrap these at rest. *share* is the proportion of accounts that still have this
    format. Default 0.
    """

    name: ClassVar[str] = "django-digest"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        if re.fullmatch(r"[0-9a-f]{32}", stored):
            return _BARE, bytes.fromhex(stored)
        match = _STORED.fullmatch(stored)
        return None if match is None else (match[1] or match[3], bytes.fromhex(match[2] or match[4]))

    def _derivation(self, settings: str) -> Derivation | None:
        match = _SETTINGS.fullmatch(f"{_BARE}$$" if settings == _BARE else settings)
        return None if match is None else partial(_digest, kind=match[1], salt=match[2].encode("ascii"))

    def decoy(self) -> str:
        """One of MD5, with a salt."""
        return f"md5$0123456789abcdefghijkl${bytes(range(16)).hex()}"


def _digest(password: bytes, *, kind: str, salt: bytes) -> bytes:
    return new(kind, salt + password, usedforsecurity=False).digest()
