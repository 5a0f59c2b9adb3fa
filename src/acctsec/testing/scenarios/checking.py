"""What the form of single values does not show: names of nobody, things that nobody has, numbers that do not add up."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from acctsec.errors import ConfigError
from acctsec.testing.scenarios.policies import duration, kinds_of, shift
from acctsec.testing.scenarios.schema import EVENTS, LABELS, NOBODY, Account, Actor, Scenario
from acctsec.testing.scenarios.steps import AnyStep, Operation, Step, numbered

Complaint = tuple[str, str]
"""A key, and what is wrong with it."""

_OF_ACCOUNTS = {
    "second_mailbox": ("second_mailbox",),
    "phone": ("totp", "push", "number"),
    "number": ("number",),
    "recovery_codes": ("recovery_codes",),
    "passkey": ("passkey",),
    "device": ("device",),
}
"""What an actor can have of an account, and which of its fields say that there is one. Everybody has a mailbox."""

_OF_ACCOUNTS_ENDED = (
    "failures",
    "factor_failures",
    "factors",
    "addresses",
    "kept",
    "changed",
    "stopped",
    "contested",
    "disabled",
)
_OF_ACTORS_ENDED = ("sessions", "same")


_BCRYPT = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")


def names(scenario: Scenario) -> dict[str, Account]:
    """Every account by its name, each of a count by its own."""
    found = {}
    for name, account in scenario.accounts.items():
        if account.count == 1:
            found[name] = account
        else:
            found |= {f"{name}-{number}": account for number in range(1, account.count + 1)}
    return found


def expected(step: Step) -> Counter[str]:
    """How often a step expects each outcome; nothing comes of one that asks the engine nothing."""
    if not isinstance(step, Operation):
        return Counter()
    return Counter({step.expect: step.times} if isinstance(step.expect, str) else step.expect)


def complaints(scenario: Scenario) -> Iterator[Complaint]:
    """Everything that is wrong with a scenario, in the order of its file."""
    accounts, actors = names(scenario), scenario.actors
    for name, account in scenario.accounts.items():
        for key, complaint in _of_account(account):
            yield f"accounts.{name}.{key}", complaint
    for name, actor in actors.items():
        for key, complaint in _of_actor(actor, accounts):
            yield f"actors.{name}.{key}", complaint
    for number, step in enumerate(scenario.steps):
        for key, complaint in _of_step(step, accounts, actors):
            yield f"steps[{number}].{key}", complaint
    yield from _of_end(scenario, accounts)


def _of_account(account: Account) -> Iterator[Complaint]:
    if account.recovery_codes and not set(kinds_of(account)) - {"recovery-code"}:
        yield "recovery_codes", "there is no factor for them to stand in for; give it totp = true, or another"
    if account.codes == "text" and not account.number:
        yield "codes", "there is no number to send a text to; give it one"
    if account.imported and not _BCRYPT.fullmatch(account.imported):
        yield "imported", "it is no hash of bcrypt, which alone is read here"
    if not account.password and (kinds_of(account) or account.device):
        yield "password", "an owner without one sets no factor up here, and is known on no device"


def _of_actor(actor: Actor, accounts: Mapping[str, Account]) -> Iterator[Complaint]:
    for thing in ("mailbox", *_OF_ACCOUNTS):
        owner = getattr(actor, thing)
        if not owner or (thing == "mailbox" and "@" in owner):
            continue
        fields = _OF_ACCOUNTS.get(thing, ())
        if owner not in accounts or (fields and not any(getattr(accounts[owner], field) for field in fields)):
            yield thing, f"no account {owner!r} has one" + (f"; set {' or '.join(fields)} there" if fields else "")
    if actor.address and actor.sources > 1:
        yield "address", "it takes the place of sources; leave one of the two out"


def _of_step(step: AnyStep, accounts: Mapping[str, Account], actors: Mapping[str, Actor]) -> Iterator[Complaint]:
    actor = actors.get(step.by)
    if actor is None:
        yield "by", f"there is no actor {step.by!r}; there are {_listed(actors)}"
    else:
        for needed in step.needs():
            if not _has(actor, needed):
                yield "by", f"{step.by!r} has no {needed.replace('/', ' and no ')}; give it to him in actors.{step.by}"
    for key in ("of", "shown_to"):
        other = getattr(step, key, "")
        if other and other not in actors:
            yield key, f"there is no actor {other!r}; there are {_listed(actors)}"
    yield from _lengths(step, "after", shift)
    if isinstance(step, Operation):
        yield from _of_operation(step, accounts)


def _has(actor: Actor, needed: str) -> bool:
    if needed == "mailbox" and (actor.second_mailbox or actor.number or actor.phone):
        return True
    return any(getattr(actor, name) for name in needed.split("/"))


def _of_operation(step: Operation, accounts: Mapping[str, Account]) -> Iterator[Complaint]:
    target = getattr(step, "account", NOBODY)
    for name in dict.fromkeys(numbered(target, number) for number in range(1, step.times + 1 if "{" in target else 2)):
        if not name.startswith(NOBODY) and name not in accounts:
            yield "account", f"there is no account {name!r}; one that begins with {NOBODY!r} need not be there"
    for label in expected(step):
        if label not in LABELS:
            yield "expect", f"{label!r} is no outcome; docs/reference/outcomes.md has them"
    if sum(expected(step).values()) != step.times:
        yield "expect", f"the outcomes do not add up to {step.times}"
    yield from _lengths(step, "every", duration)
    if step.at_once and step.every:
        yield "every", "no time passes between what happens at once; leave it out"


def _lengths(step: Step, key: str, read: Callable[[str], object]) -> Iterator[Complaint]:
    try:
        read(getattr(step, key))
    except ConfigError as error:
        yield key, str(error).rstrip(".")


def _of_end(scenario: Scenario, accounts: Mapping[str, Account]) -> Iterator[Complaint]:
    expect = scenario.expect
    for key in _OF_ACCOUNTS_ENDED:
        for name in getattr(expect, key):
            if name not in accounts:
                yield f"expect.{key}", f"there is no account {name!r}"
    for key in _OF_ACTORS_ENDED:
        for name in getattr(expect, key):
            if name not in scenario.actors:
                yield f"expect.{key}", f"there is no actor {name!r}; there are {_listed(scenario.actors)}"
    for name in expect.events:
        if name not in EVENTS:
            yield "expect.events", f"there is no event {name!r}; docs/reference/events.md has them"
    if len(expect.same) == 1:
        yield "expect.same", "one actor alone is always like himself; name two"


def _listed(found: Mapping[str, object]) -> str:
    return ", ".join(found) or "none"
