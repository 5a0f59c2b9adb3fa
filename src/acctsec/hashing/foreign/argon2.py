"""Argon2 as PHC strings write it, and as Django and Keycloak do."""

import re
from functools import partial
from typing import Any, ClassVar

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from attrs import field, frozen

from acctsec.errors import ConfigError, PortError
from acctsec.hashing.foreign.encodings import b64, b64_bytes, phc64, phc64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format
from acctsec.hashing.parameters import OWASP, Argon2Parameters

CEILING = Argon2Parameters(memory_kib=262_144, time_cost=10, parallelism=16)
"""That of ``HashingPolicy``: 256 MiB, 10 passes and 16 lanes; below 3 s of one core as measured."""

# The last number is the length of the tag, which settings keep. Digits are ASCII, none leads with zero, and they are few.
_SETTINGS = re.compile(
    r"\$argon2(id|i|d)\$(?:v=(16|19)\$)?m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,7})"
    r"\$([A-Za-z0-9+/=]{11,88})\$([1-9][0-9])"
)
_KINDS = {"id": Type.ID, "i": Type.I, "d": Type.D}


def _parameters(_: object, attribute: Any, value: object) -> None:
    if not isinstance(value, Argon2Parameters):
        raise ConfigError(f"{attribute.name} is {value!r}.", remedy="Give Argon2Parameters.")


def _several(_: object, attribute: Any, value: tuple[object, ...]) -> None:
    if not value or not all(isinstance(one, Argon2Parameters) for one in value):
        raise ConfigError(f"{attribute.name} is not made of Argon2Parameters.", remedy="Give one or several of them.")


def _alternatives(given: Argon2Parameters | tuple[Argon2Parameters, ...]) -> tuple[Argon2Parameters, ...]:
    return tuple(given) if isinstance(given, tuple | list) else (given,)  # what is neither is the validator's to refuse


@frozen(kw_only=True)
class Argon2(Format):
    """
    ``$argon2id$``, ``$argon2i$`` and ``$argon2d$`` as PHC strings: of PHP, Symfony, libsodium, argon2-cffi and passlib.

    Versions 16 (spelled ``v=16$`` or not at all) and 19; salts of 8 to 64 bytes, tags of 16 to 64. A string with a key
    id or associated data is not read: what was mixed in is not in it.

    Args:
        cost: of the decoy. Default 64 MiB, 4 passes and 1 lane, as in PHP.
        floor: the least costly hash that is believed, as one or several alternatives. Default ``OWASP``, as in
            ``HashingPolicy``. Lower it, no further than your table needs, for what older releases wrote: PHP before 7.4
            took 1 MiB and 2 passes, argon2-cffi before 18.2 and with it Django before 3.2 took 512 KiB and 2.
        ceiling: the costliest that is computed. Default ``CEILING``.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and where the decoy would be below the floor or above the ceiling.
    """

    name: ClassVar[str] = "argon2"
    mark: ClassVar[str] = ""

    cost: Argon2Parameters = field(default=Argon2Parameters(65_536, 4), validator=_parameters)
    floor: tuple[Argon2Parameters, ...] = field(default=OWASP, converter=_alternatives, validator=_several)
    ceiling: Argon2Parameters = field(default=CEILING, validator=_parameters)

    def __attrs_post_init__(self) -> None:
        if not self._acceptable(self.cost):
            message = f"Decoys of {self.cost.memory_kib} KiB and {self.cost.time_cost} passes would not be read."
            raise ConfigError(message, remedy="Choose cost between floor and ceiling.")

    def _acceptable(self, cost: Argon2Parameters) -> bool:
        return cost.within(self.ceiling) and any(cost.reaches(one) for one in self.floor)

    @staticmethod
    def _read(text: str) -> bytes | None:
        return phc64_bytes(text)

    @staticmethod
    def _written(raw: bytes) -> str:
        return phc64(raw)

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, _, text = stored.rpartition("$")
        tag = self._read(text)
        return None if tag is None else (f"{settings}${len(tag)}", tag)

    def _derivation(self, settings: str) -> Derivation | None:
        match = _SETTINGS.fullmatch(settings.removeprefix(self.mark))
        if match is None or not settings.startswith(self.mark):
            return None
        salt, tag_bytes = self._read(match[6]), int(match[7])
        if salt is None or not 8 <= len(salt) <= 64 or not 16 <= tag_bytes <= 64:  # below 16 a tag was cut off
            return None
        try:
            cost = Argon2Parameters(int(match[3]), int(match[4]), int(match[5]))
        except ConfigError:
            return None
        if not self._acceptable(cost):
            return None
        return partial(_argon2, salt=salt, cost=cost, tag_bytes=tag_bytes, kind=_KINDS[match[1]], version=int(match[2] or "16"))

    def decoy(self) -> str:
        """One of Argon2id, version 19, at *cost*."""
        salt, tag = self._written(bytes(range(16))), self._written(bytes(range(32)))
        return (
            f"{self.mark}$argon2id$v=19$m={self.cost.memory_kib},t={self.cost.time_cost},p={self.cost.parallelism}${salt}${tag}"
        )


@frozen(kw_only=True)
class DjangoArgon2(Argon2):
    """
    Django's ``argon2$argon2id$v=19$…``, and the ``argon2$argon2i$…`` that it wrote before Django 3.2.

    Args:
        cost: of the decoy. Default 100 MiB, 2 passes and 8 lanes, as in Django.
        floor: the least costly hash that is believed. Default ``OWASP``. Django before 3.2 took 512 KiB and 2 passes.
        ceiling: the costliest that is computed. Default ``CEILING``.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and where the decoy would be below the floor or above the ceiling.
    """

    name: ClassVar[str] = "django-argon2"
    mark: ClassVar[str] = "argon2"

    cost: Argon2Parameters = field(default=Argon2Parameters(102_400, 2, 8), validator=_parameters)


@frozen(kw_only=True)
class KeycloakArgon2(Argon2):
    """
    Argon2 of Keycloak as ``$keycloak$argon2id$v=19$m=…,t=…,p=…$<salt>$<tag>``, which ``Keycloak.join`` makes of an export.

    Salt and tag are spelled as in Keycloak's columns: Base64 with its padding.

    Args:
        cost: of the decoy. Default 7 MiB, 5 passes and 1 lane, as in Keycloak since 25.
        floor: the least costly hash that is believed. Default ``OWASP``, which Keycloak's own cost just reaches.
        ceiling: the costliest that is computed. Default ``CEILING``.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds, and where the decoy would be below the floor or above the ceiling.
    """

    name: ClassVar[str] = "keycloak-argon2"
    mark: ClassVar[str] = "$keycloak"

    cost: Argon2Parameters = field(default=Argon2Parameters(7_168, 5), validator=_parameters)

    @staticmethod
    def _read(text: str) -> bytes | None:
        return b64_bytes(text)

    @staticmethod
    def _written(raw: bytes) -> str:
        return b64(raw)


def _argon2(password: bytes, *, salt: bytes, cost: Argon2Parameters, tag_bytes: int, kind: Type, version: int) -> bytes:
    try:
        return hash_secret_raw(password, salt, cost.time_cost, cost.memory_kib, cost.parallelism, tag_bytes, kind, version)
    except HashingError:
        raise PortError("Argon2 could not hash.", remedy="Free memory, or lower ceiling.") from None
