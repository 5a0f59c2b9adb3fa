"""Passwords: judged, refused, changed, and why one has to be."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from attrs import field, frozen

from acctsec.outcomes.shared import Refused, TryAgain


class ChangeReason(StrEnum):
    """Why a password has to be changed before a session is given."""

    REQUIRED_BY_ADMINISTRATOR = "required-by-administrator"
    SET_BY_ADMINISTRATOR = "set-by-administrator"
    BREACHED = "breached"
    AGE = "age"
    POLICY = "policy"


def _read_only(given: Mapping[str, int | str]) -> Mapping[str, int | str]:
    return MappingProxyType(dict(given))


@frozen
class Objection:
    """One reason a password is refused: a stable *code* and the *params* a message needs. Never the password or a part of it."""

    code: str
    params: Mapping[str, int | str] = field(factory=dict, converter=_read_only, hash=False)


@frozen
class Strength:
    """How many guesses a well-informed attacker needs, as a power of ten. Use this number, never a 0-4 score."""

    guesses_log10: float


@frozen
class PasswordAccepted:
    """The password may be used."""

    strength: Strength


@frozen
class PasswordRejected:
    """The password may not be used; *objections* says every reason, in the order of the policy's rules."""

    objections: tuple[Objection, ...]
    strength: Strength


@frozen
class PasswordChanged:
    """
    The password is changed; every session, ticket, reset, known device and known network of before is dead.

    *device* is a fresh device token for the browser that proved the change, and None where there is no such browser.
    """

    device: str | None = field(repr=False)


CheckPasswordOutcome = PasswordAccepted | PasswordRejected | TryAgain
SetPasswordOutcome = PasswordChanged | PasswordRejected | Refused | TryAgain
