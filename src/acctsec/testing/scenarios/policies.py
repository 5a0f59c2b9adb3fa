"""The policy that a scenario is played under: a preset or another, with what the file overrides and what its accounts need."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

from attrs import evolve, fields, has

from acctsec import presets
from acctsec.errors import ConfigError
from acctsec.hashing import HashingPolicy
from acctsec.hashing.foreign import Bcrypt
from acctsec.mfa.passkeys import PasskeyPolicy
from acctsec.outcomes import FactorKind
from acctsec.policy import Policy
from acctsec.protocols import Channel
from acctsec.testing.scenarios.schema import Account
from acctsec.testing.scenarios.steps import DOMAIN, ORIGIN

SHARE = 0.5
"""Of the accounts whose hash is of another system, where a scenario has one: what names that nobody has are spread over."""


def policy_of(given: Mapping[str, Any], accounts: Collection[Account], *, instead: Policy | None = None) -> Policy:
    """
    What a file says of its policy, or the one that is named *instead*; hashing at the least cost there is, and taking whatever
    kind of factor and of hash an account has. Raises ConfigError with the knob that cannot be so.
    """
    policy = _named(given) if instead is None else instead
    return _fitting(evolve(policy, hashing=_cheap(policy.hashing)), accounts)


def duration(text: str) -> timedelta:
    """Read ``"30 s"``, ``"5 min"``, ``"1 h"`` or ``"2 d"``; nothing is no time at all."""
    if not text:
        return timedelta(0)
    match = re.fullmatch(r"([0-9]{1,6}) (s|min|h|d)", text)
    if match is None:
        raise ConfigError(f"{text!r} is no length of time.", remedy='Write it like "30 s", "5 min", "1 h" or "2 d".')
    return int(match[1]) * _UNITS[match[2]]


def shift(text: str) -> timedelta:
    """Read how far a clock moves: a length of time, with a minus before it if it is set back."""
    return -duration(text[1:]) if text.startswith("-") else duration(text)


_UNITS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _named(given: Mapping[str, Any]) -> Policy:
    overrides = dict(given)
    name = overrides.pop("preset", presets.SOCIAL_DEFAULT.name)
    known = {one.name: one for one in vars(presets).values() if isinstance(one, Policy)}
    if name not in known:
        raise ConfigError(f"There is no preset {name!r}.", remedy=f"Name one of {', '.join(sorted(known))}.")
    return _overridden(known[name], overrides, "policy")  # type: ignore[no-any-return]


def _cheap(hashing: HashingPolicy) -> HashingPolicy:
    cheapest = presets.CHEAPEST.hashing
    return evolve(cheapest, foreign=hashing.foreign)


def _fitting(policy: Policy, accounts: Collection[Account]) -> Policy:
    """The same policy, with the kinds of factor and of hash that these accounts have."""
    mfa, hashing = policy.mfa, policy.hashing
    kinds = {kind for one in accounts for kind in kinds_of(one)} - {FactorKind.RECOVERY_CODE}
    mfa = evolve(mfa, kinds=mfa.kinds | kinds)
    if FactorKind.PASSKEY in kinds and mfa.passkeys is None:
        mfa = evolve(mfa, passkeys=PasskeyPolicy(rp_id=DOMAIN, rp_name="A scenario", origins=(ORIGIN,)))
    channels = {Channel(one.codes) for one in accounts if one.codes}
    mfa = evolve(mfa, delivered=evolve(mfa.delivered, channels={*mfa.delivered.channels, *channels}))
    imported = {int(one.imported.split("$")[2]) for one in accounts if one.imported}
    if imported and not any(isinstance(one, Bcrypt) for one in hashing.foreign):
        hashing = evolve(hashing, foreign=(*hashing.foreign, Bcrypt(share=SHARE, cost=min(imported))))
    return evolve(policy, mfa=mfa, hashing=hashing)


def kinds_of(account: Account) -> tuple[FactorKind, ...]:
    """The kinds of factor that an account has before the attack."""
    has = {
        FactorKind.TOTP: account.totp,
        FactorKind.PASSKEY: account.passkey,
        FactorKind.PUSH: account.push,
        FactorKind.DELIVERED: account.codes,
        FactorKind.RECOVERY_CODE: account.recovery_codes,
    }
    return tuple(kind for kind, there in has.items() if there)


def _overridden(part: Any, given: object, path: str) -> Any:
    """The same value with some of its fields replaced, each read in the form it has now."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path} is no table.", remedy="Give its knobs by name.")
    known = {field.name for field in fields(type(part))}
    for name in given:
        if name not in known:
            raise ConfigError(f"{path} has no knob {name!r}.", remedy=f"It has {', '.join(sorted(known))}.")
    changes = {name: _knob(getattr(part, name), value, f"{path}.{name}") for name, value in given.items()}
    try:
        return evolve(part, **changes)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} cannot be so: {error}", remedy="See the field's docstring.") from None


def _knob(now: Any, value: Any, path: str) -> Any:
    if has(type(now)):
        return _overridden(now, value, path)
    try:
        if isinstance(now, timedelta) or (now is None and isinstance(value, str)):
            return duration(value)
        if isinstance(now, Enum | tuple | frozenset):
            return type(now)(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path} is {value!r}.", remedy=str(error)) from None
    return value
