"""
What a scenario file may say: the classes below, field by field.

``read_scenario`` refuses whatever does not keep to them, with the file and the key named.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from attrs import evolve, fields, frozen, has
from msgspec import Meta, Struct

from acctsec import outcomes, presets
from acctsec.errors import ConfigError
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.testing.world import PASSWORD

Count = Annotated[int, Meta(ge=0)]
Times = Annotated[int, Meta(ge=1, le=100_000)]

LABELS = {name for name, kind in vars(outcomes).items() if isinstance(kind, type) and has(kind)} | {"Refused(retry_after)"}
"""What a step can expect: the class of an outcome; a Refused that names a time to wait is told apart from one that does not."""

NOBODY = "nobody"
"""An account whose name begins so does not exist."""


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """
    An account that is there before the attack. ``name@example.org`` is its identifier and its verified address.

    *totp*: an authenticator is set up. *recovery_codes*: so are printed codes; they need an authenticator. *device*: its
    owner has a browser that the account knows. *count* above 1 makes that many, ``name-1`` and so on.
    """

    password: str = PASSWORD
    totp: bool = False
    recovery_codes: bool = False
    device: bool = False
    count: Times = 1


class Actor(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Somebody who acts, from *sources* addresses in turn.

    What else he has belongs to an account, which is named: its *mailbox*, its *phone* with the authenticator, its printed
    *recovery_codes*, its known *device*.
    """

    sources: Times = 1
    mailbox: str = ""
    phone: str = ""
    recovery_codes: str = ""
    device: str = ""


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """
    One thing an actor does, *times* over.

    The clock moves on by *after* before the first time and by *every* before each further one, or all happen *at_once*, in
    as many threads. *expect* is the one outcome, or how often each. Outbox and mail are delivered after every step.
    ``{n}`` in a text is the number of the attempt, from 1.
    """

    by: str
    expect: str | dict[str, Count]
    times: Times = 1
    after: str = ""
    every: str = ""
    at_once: bool = False


class SignIn(Step, tag="sign-in"):
    """Sign in to *account*, with its right password unless one is given."""

    account: str
    password: str = ""


class Answer(Step, tag="answer"):
    """Answer the second factor that was asked of this actor last; *repeated* is the code it gave before, once more."""

    code: Literal["totp", "recovery", "wrong", "repeated"]


class ChoosePassword(Step, tag="choose-password"):
    """Ask what the rules say to a *password* for *account*."""

    account: str
    password: str


class RequestReset(Step, tag="request-reset"):
    """Ask for a reset of *account*."""

    account: str


class InspectReset(Step, tag="inspect-reset"):
    """Look at the newest link in the mailbox, as mail scanners do."""


class RedeemReset(Step, tag="redeem-reset"):
    """
    Redeem a reset for a new *password*: *proof* is the newest link or code in the mailbox, a printed recovery code, or the
    proven second factor that was asked for.
    """

    proof: Literal["link", "code", "recovery", "factor"]
    password: str


class CheckSession(Step, tag="check-session"):
    """Use the session that this actor got last."""


class RemoveFactor(Step, tag="remove-factor"):
    """Take the authenticator away, with the session that this actor got last."""


AnyStep = SignIn | Answer | ChoosePassword | RequestReset | InspectReset | RedeemReset | CheckSession | RemoveFactor


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """
    What has to be true at the end; what is left out is not looked at.

    *compared*: passwords compared with a stored verifier; *guesses*: those that did not match. *messages*: by purpose.
    *sessions*: given to each actor. *failures*: counted against each account by strangers. *kept* and *changed*: accounts
    whose password is the same, or is not. *stopped*: accounts whose stranger lane is closed.
    """

    compared: Count | None = None
    guesses: Count | None = None
    messages: dict[MessagePurpose, Count] = {}
    sessions: dict[str, Count] = {}
    failures: dict[str, Count] = {}
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A whole attack. *title* says it in one sentence, *defence* what stops it, or how far it gets.

    *policy* names a *preset* and overrides knobs of its families by their names: ``[policy.lockout.strangers] free = 5``;
    lengths of time are texts such as ``"30 s"``, ``"5 min"``, ``"1 h"``, ``"2 d"``. Passwords are hashed at the least cost
    there is: a scenario is about what is decided.
    """

    title: str
    defence: str
    accounts: dict[str, Account]
    actors: dict[str, Actor]
    steps: tuple[AnyStep, ...]
    expect: Expected
    policy: dict[str, Any] = {}


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
    actor to use what he does not have; the message begins with the file and says which key.
    """
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Scenario)
    except tomllib.TOMLDecodeError as error:
        raise _malformed(path, "", f"is no TOML: {error}") from None
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


def _complaints(scenario: Scenario) -> Sequence[tuple[str, str]]:
    """What is wrong beyond the form of single values."""
    accounts, actors, found = names(scenario), scenario.actors, []
    for name, account in scenario.accounts.items():
        if account.recovery_codes and not account.totp:
            found.append((f"accounts.{name}.recovery_codes", "there is no authenticator for them to stand in for"))
    for name, actor in actors.items():
        for thing in ("mailbox", "phone", "recovery_codes", "device"):
            owner = getattr(actor, thing)
            if owner and (owner not in accounts or (thing == "device" and not accounts[owner].device)):
                found.append((f"actors.{name}.{thing}", f"no account {owner!r} has one"))
    for number, step in enumerate(scenario.steps):
        found += [(f"steps[{number}].{key}", complaint) for key, complaint in _of_step(step, accounts, actors)]
    for key in ("kept", "changed", "stopped", "failures"):
        found += [
            (f"expect.{key}", f"there is no account {name!r}") for name in getattr(scenario.expect, key) if name not in accounts
        ]
    found += [("expect.sessions", f"there is no actor {name!r}") for name in scenario.expect.sessions if name not in actors]
    return found


def _of_step(step: AnyStep, accounts: Mapping[str, Account], actors: Mapping[str, Actor]) -> Sequence[tuple[str, str]]:
    actor = actors.get(step.by)
    if actor is None:
        return [("by", f"there is no actor {step.by!r}")]
    found = [("expect", f"{label!r} is no outcome") for label in expected(step) if label not in LABELS]
    if sum(expected(step).values()) != step.times:
        found.append(("expect", f"the outcomes do not add up to {step.times}"))
    for key in ("after", "every"):
        try:
            duration(getattr(step, key))
        except ConfigError as error:
            found.append((key, str(error)))
    if step.at_once and step.every:
        found.append(("every", "nothing passes between what happens at once"))
    target = getattr(step, "account", None)
    if target is not None and not target.startswith(NOBODY):
        missing = next((name for number in (1, step.times) if (name := filled(target, number)) not in accounts), None)
        found += [("account", f"there is no account {missing!r}")] if missing else []
    needed = _NEEDED.get((type(step), getattr(step, "code", getattr(step, "proof", ""))))
    if needed and not getattr(actor, needed):
        found.append(("by", f"{step.by!r} has no {needed}"))
    return found


_NEEDED: dict[tuple[type, str], str] = {
    (Answer, "totp"): "phone",
    (Answer, "recovery"): "recovery_codes",
    (InspectReset, ""): "mailbox",
    (RedeemReset, "link"): "mailbox",
    (RedeemReset, "code"): "mailbox",
    (RedeemReset, "recovery"): "recovery_codes",
}


def expected(step: Step) -> Counter[str]:
    return Counter({step.expect: step.times} if isinstance(step.expect, str) else step.expect)


def filled(text: str, number: int) -> str:
    """Put the number of the attempt into a text."""
    return text.replace("{n}", str(number))


def _policy(given: Mapping[str, Any]) -> Policy:
    overrides = dict(given)
    name = overrides.pop("preset", presets.SOCIAL_DEFAULT.name)
    known = {one.name: one for one in vars(presets).values() if isinstance(one, Policy)}
    if name not in known:
        raise ConfigError(f"There is no preset {name!r}.", remedy=f"Name one of {', '.join(sorted(known))}.")
    return _overridden(evolve(known[name], hashing=presets.CHEAPEST.hashing), overrides, "policy")  # type: ignore[no-any-return]


def _overridden(part: Any, given: Mapping[str, Any], path: str) -> Any:
    """The same value with some of its fields replaced, each read in the form it has now."""
    if not isinstance(given, Mapping):
        raise ConfigError(f"{path} is no table.", remedy="Give its knobs by name.")
    known = {field.name for field in fields(type(part))}
    changes = {}
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"{path} has no knob {name!r}.", remedy=f"It has {', '.join(sorted(known))}.")
        changes[name] = _read(getattr(part, name), value, f"{path}.{name}")
    return evolve(part, **changes)


def _read(now: Any, value: Any, path: str) -> Any:
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
