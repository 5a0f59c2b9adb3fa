"""Reading a scenario file: it is whole, or refused with the file and the key named."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
from attrs import evolve, fields, frozen, has

from acctsec import presets
from acctsec.errors import ConfigError
from acctsec.policy import Policy
from acctsec.testing.scenarios.schema import (
    LABELS,
    NOBODY,
    Account,
    Actor,
    Answer,
    AnyStep,
    InspectReset,
    InspectVeto,
    RedeemReset,
    Scenario,
    Step,
    Veto,
)

Complaint = tuple[str, str]  # a key, and what is wrong with it


@frozen
class Loaded:
    """A scenario that is whole, and the policy it is played under."""

    path: Path
    scenario: Scenario
    policy: Policy


def read_scenario(path: Path) -> Loaded:
    """
    Read a scenario file.

    Raises ConfigError for one that is no TOML, does not keep to the schema, names somebody who is not there, or asks an
    actor to use what he does not have; the message begins with the file and the key.
    """
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Scenario)
    except UnicodeDecodeError:
        raise _malformed(path, "the file", "it is no UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise _malformed(path, "the file", f"it is no TOML: {error}") from None
    except RecursionError:
        raise _malformed(path, "the file", "it is nested too deeply") from None
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise _malformed(path, where.strip("`.") or "the file", f"{what[:1].lower()}{what[1:]}") from None
    for key, complaint in _complaints(scenario):
        raise _malformed(path, key, complaint)
    try:
        policy = _policy(scenario.policy)
    except ConfigError as error:
        raise _malformed(path, "policy", str(error)) from None
    return Loaded(path, scenario, policy)


def names(scenario: Scenario) -> dict[str, Account]:
    """Every account by its name, each of a count by its own."""
    found = {}
    for name, account in scenario.accounts.items():
        if account.count == 1:
            found[name] = account
        else:
            found |= {f"{name}-{number}": account for number in range(1, account.count + 1)}
    return found


def filled(text: str, number: int) -> str:
    """Put the number of the attempt into a text."""
    return text.replace("{n}", str(number))


def expected(step: Step) -> Counter[str]:
    """How often a step expects each outcome."""
    return Counter({step.expect: step.times} if isinstance(step.expect, str) else step.expect)


def duration(text: str) -> timedelta:
    """Read ``"30 s"``, ``"5 min"``, ``"1 h"`` or ``"2 d"``; nothing is no time at all."""
    if not text:
        return timedelta(0)
    match = re.fullmatch(r"([0-9]{1,6}) (s|min|h|d)", text)
    if match is None:
        raise ConfigError(f"{text!r} is no length of time.", remedy='Write it like "30 s", "5 min", "1 h" or "2 d".')
    return int(match[1]) * _UNITS[match[2]]


_UNITS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def _malformed(path: Path, key: str, complaint: str) -> ConfigError:
    return ConfigError(f"{path.name}: {key}: {complaint}.", remedy="The schema is in acctsec.testing.scenarios.schema.")


# --- what the form of single values does not show ---------------------------------------------------------------------

_OF_ACCOUNTS = {"second_mailbox": "second_mailbox", "phone": "totp", "recovery_codes": "recovery_codes", "device": "device"}
"""What an actor can have of an account, and which of its fields says that there is one."""

_NEEDED: dict[tuple[type, str], str] = {
    (Answer, "totp"): "phone",
    (Answer, "recovery"): "recovery_codes",
    (InspectReset, ""): "mailbox",
    (Veto, ""): "mailbox",
    (InspectVeto, ""): "mailbox",
    (RedeemReset, "link"): "mailbox",
    (RedeemReset, "code"): "mailbox",
    (RedeemReset, "recovery"): "recovery_codes",
}
"""What an actor has to have for a step."""


def _complaints(scenario: Scenario) -> Iterator[Complaint]:
    accounts, actors, expect = names(scenario), scenario.actors, scenario.expect
    for name, account in scenario.accounts.items():
        if account.recovery_codes and not account.totp:
            yield f"accounts.{name}.recovery_codes", "there is no authenticator for them to stand in for"
    for name, actor in actors.items():
        for thing in ("mailbox", "second_mailbox", "phone", "recovery_codes", "device"):
            owner = getattr(actor, thing)
            if owner and not (owner in accounts and getattr(accounts[owner], _OF_ACCOUNTS.get(thing, "password"))):
                yield f"actors.{name}.{thing}", f"no account {owner!r} has one"
    for number, step in enumerate(scenario.steps):
        for key, complaint in _of_step(step, accounts, actors):
            yield f"steps[{number}].{key}", complaint
    for key in ("failures", "factor_failures", "kept", "changed", "stopped", "contested"):
        for name in getattr(expect, key):
            if name not in accounts:
                yield f"expect.{key}", f"there is no account {name!r}"
    for name in expect.sessions:
        if name not in actors:
            yield "expect.sessions", f"there is no actor {name!r}"


def _of_step(step: AnyStep, accounts: Mapping[str, Account], actors: Mapping[str, Actor]) -> Iterator[Complaint]:
    actor = actors.get(step.by)
    needed = _NEEDED.get((type(step), getattr(step, "code", getattr(step, "proof", ""))))
    if actor is None:
        yield "by", f"there is no actor {step.by!r}"
    elif needed and not (getattr(actor, needed) or (needed == "mailbox" and actor.second_mailbox)):
        yield "by", f"{step.by!r} has no {needed}"
    target = getattr(step, "account", NOBODY)
    for number in range(1, step.times + 1):
        name = filled(target, number)
        if not name.startswith(NOBODY) and name not in accounts:
            yield "account", f"there is no account {name!r}"
    for label in expected(step):
        if label not in LABELS:
            yield "expect", f"{label!r} is no outcome"
    if sum(expected(step).values()) != step.times:
        yield "expect", f"the outcomes do not add up to {step.times}"
    for key in ("after", "every"):
        try:
            duration(getattr(step, key))
        except ConfigError as error:
            yield key, str(error)
    if step.at_once and step.every:
        yield "every", "no time passes between what happens at once"


# --- the policy -------------------------------------------------------------------------------------------------------


def _policy(given: Mapping[str, Any]) -> Policy:
    overrides = dict(given)
    name = overrides.pop("preset", presets.SOCIAL_DEFAULT.name)
    known = {one.name: one for one in vars(presets).values() if isinstance(one, Policy)}
    if name not in known:
        raise ConfigError(f"There is no preset {name!r}.", remedy=f"Name one of {', '.join(sorted(known))}.")
    return _overridden(evolve(known[name], hashing=presets.CHEAPEST.hashing), overrides, "policy")  # type: ignore[no-any-return]


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
