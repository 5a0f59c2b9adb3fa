"""Policy: one frozen object of all families, with the checks that cross them."""

import hashlib
from datetime import timedelta

from attrs import field, fields, frozen, has

from acctsec.checks import kind, text
from acctsec.errors import ConfigError
from acctsec.hashing import HashingPolicy
from acctsec.lockout import LockoutPolicy
from acctsec.mfa import MfaPolicy
from acctsec.password import PasswordPolicy
from acctsec.reset import ResetPolicy
from acctsec.sessions import SessionPolicy

CODE_LUCK = 1e-4
"""The chance that guessing a reset code may have within a day."""


@frozen(kw_only=True)
class Policy:
    """
    Everything that is decided about passwords, resets, factors, lockout, hashing and sessions, as one value.

    ``Policy()`` is the preset ``SOCIAL_DEFAULT``. Raises ConfigError when two families contradict each other, saying which
    fields and how to mend it.
    """

    name: str = field(default="custom", validator=text())
    password: PasswordPolicy = field(factory=PasswordPolicy, validator=kind(PasswordPolicy))
    hashing: HashingPolicy = field(factory=HashingPolicy, validator=kind(HashingPolicy))
    reset: ResetPolicy = field(factory=ResetPolicy, validator=kind(ResetPolicy))
    mfa: MfaPolicy = field(factory=MfaPolicy, validator=kind(MfaPolicy))
    lockout: LockoutPolicy = field(factory=LockoutPolicy, validator=kind(LockoutPolicy))
    sessions: SessionPolicy = field(factory=SessionPolicy, validator=kind(SessionPolicy))

    def __attrs_post_init__(self) -> None:
        if self.lockout.lease <= self.hashing.patience:
            message = "lockout.lease is not longer than hashing.patience: attempts that queue for a hash would count as failures."
            raise ConfigError(message, remedy="Raise lockout.lease well above hashing.patience.")
        codes = self.lockout.codes
        windows_a_day = max(timedelta(days=1) / (codes.window or timedelta(days=1)), 1.0)
        luck = codes.stop * windows_a_day / 10**self.reset.code_digits
        if luck > CODE_LUCK:
            message = f"reset.code_digits and lockout.codes.stop let a guesser find a code with chance {luck:.1g} a day."
            raise ConfigError(message, remedy=f"More digits or fewer tries: keep it below {CODE_LUCK:g}.")
        if self.reset.resume_lifetime < self.sessions.ticket_lifetime / 10:
            raise ConfigError("reset.resume_lifetime is too short to type a password in.", remedy="Give it minutes.")

    def knobs(self) -> tuple[tuple[str, str], ...]:
        """Every knob and its value as text, in the order of the families: for pages, reviews and comparisons."""
        found: list[tuple[str, str]] = []
        for attribute in fields(type(self)):
            part = getattr(self, attribute.name)
            if has(type(part)):
                found += [(f"{attribute.name}.{inner.name}", _shown(getattr(part, inner.name))) for inner in fields(type(part))]
        return tuple(found)

    @property
    def digest(self) -> str:
        """Names this policy's contents: equal knobs, equal digest."""
        return hashlib.sha256(repr(self.knobs()).encode()).hexdigest()[:16]


def _shown(value: object) -> str:
    return getattr(value, "__qualname__", None) or str(value)
