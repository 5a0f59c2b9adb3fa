"""How drawn values are told."""

from collections.abc import Iterable
from datetime import timedelta

from acctsec.explained.said import length
from acctsec.lockout import Lane, SecretClass
from acctsec.password import PasswordPolicy

MOST = 40


def text(value: object) -> str:
    """What was typed, in quotes; of a long one the beginning and how long it is."""
    if not isinstance(value, str):
        shown = repr(value)
        return f"{shown if len(shown) <= MOST else shown[:MOST] + '…'}, a {type(value).__name__}"
    if len(value) <= MOST:
        return repr(value)
    return f"{value[: MOST // 2]!r}… of {len(value):,} characters"


def span(time: timedelta | int) -> str:
    """A length of time; whole numbers are microseconds."""
    time = time if isinstance(time, timedelta) else timedelta(microseconds=time)
    return length(time) if time > timedelta(0) else "0 s"


def times(number: int, what: str) -> str:
    """``1 guess``, ``2 guesses``."""
    plural = f"{what[:-1]}ies" if what.endswith("y") else f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def who(lane: Lane) -> str:
    """Whom a lane counts."""
    if lane.device is not None:
        return "a known device"
    return "strangers" if lane.network is None else f"strangers in the network {lane.network.decode(errors='replace')!r}"


def what(kind: SecretClass) -> str:
    """What is guessed there, in the plural."""
    return "passwords" if kind is SecretClass.PASSWORD else f"secrets of the class {kind.value}"


def names(some: Iterable[str]) -> str:
    """Several names, in their order; or nothing."""
    return ", ".join(sorted(map(str, some))) or "nothing"


def member(groups: Iterable[str]) -> str:
    """Somebody in these groups."""
    named = ", ".join(sorted(groups))
    return f"a member of {named}" if named else "somebody in no group"


def rules(policy: PasswordPolicy) -> str:
    """A password policy, by the names of its rules."""
    return f"one with the rules {names({type(rule).__name__ for rule in policy.rules})}"
