"""Why something happened, in the words of operators: outcomes, observations, events and messages, without a secret."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from attrs import fields

from acctsec.errors import AcctsecError
from acctsec.events import AttemptRefused, Event, PasskeyRejected
from acctsec.outcomes import (
    FactorRequired,
    PasswordChangeRequired,
    PasswordRejected,
    Refused,
    SessionEnded,
    TryAgain,
    Waiting,
)
from acctsec.protocols import Message

REASONS = {
    "source": "this source has used up its room, and nothing was compared",
    "lane": "the lane rests or is closed: a hash was made, and what was typed not looked at",
    "wrong": "it was compared",
    "unknown": "nobody has that name: a hash was made all the same",
    "codes": "the budget of such codes is used up, and nothing was compared",
    "requests": "this source has asked too often",
    "session": "the session is over, or not fresh at full level",
    "ticket": "the ticket is over, used, or somebody else's",
    "dead": "it is over, used, or was never good here",
    "dead link": "it is over, used, or was never good here",
    "disabled": "the account is disabled",
    "contested": "a change was vetoed, and nobody has the account",
}
"""What the commonest reasons of AttemptRefused mean."""
_ID = re.compile(r"[0-9a-f]{16,}")
_HEAD = {"tenant", "subject", "at", "source"}
_IDS = {"session", "reset", "change", "factor", "device", "address", "expires", "until", "due"}


def reasons(outcome: object) -> tuple[str, ...]:
    """What an answer itself says of why."""
    match outcome:
        case AcctsecError():
            return (str(outcome),)
        case PasswordRejected(objections=objections):
            return (f"objections: {', '.join(one.code for one in objections)}",)
        case FactorRequired(factors=factors):
            return (f"factors that help: {', '.join(sorted({one.kind.value for one in factors})) or 'none'}",)
        case SessionEnded(reason=reason) | PasswordChangeRequired(reason=reason):
            return (f"reason: {reason.value}",)
        case Waiting():
            return ("every address is told",)
        case _:
            return ()


def wait_of(outcome: object) -> timedelta | None:
    """For how long an answer tells its reader to wait."""
    return outcome.retry_after if isinstance(outcome, Refused | TryAgain) else None


def is_reason(event: Event) -> bool:
    """Whether an observation says why one attempt was refused; others tell of what the attempts led to."""
    return isinstance(event, AttemptRefused | PasskeyRejected)


def happened(event: Event) -> str:
    """An event or observation as one line: what it is, and what of it says more than an id or an instant."""
    if isinstance(event, AttemptRefused):
        meaning = REASONS.get(event.reason, "")
        return f"{event.reason or 'no'} ({event.kind}){': ' if meaning else ''}{meaning}"
    if isinstance(event, PasskeyRejected):
        return f"the passkey does not count: {event.reason}"
    told = {one.name: getattr(event, one.name) for one in fields(type(event)) if one.name not in _HEAD | _IDS}
    parts = [f"{name} {_plain(value)}" for name, value in told.items() if value is not False and value not in ("", None, ())]
    return f"{type(event).__name__}{': ' if parts else ''}{', '.join(parts)}"


def announced(message: Message) -> str:
    """A message as one line: why it was sent, and where to."""
    return f"{message.purpose.value} to {message.address}"


def seen_of(outcome: object, hashes: int) -> str:
    """
    What whoever asked can tell by an answer: what it shows, but for ids, which are random; how long its secrets are; and how
    many hashes it took.
    """
    hidden = [getattr(outcome, one.name) for one in _fields(outcome) if not one.repr]
    lengths = ", ".join(str(len(one)) for one in hidden if isinstance(one, str)) or "none"
    return f"{_ID.sub('…', repr(outcome))} (characters of secrets: {lengths}; hashes: {hashes})"


def length(given: timedelta) -> str:
    """A length of time as people say it: ``3 d 04:30:00``, ``30 min``, ``45 s``."""
    seconds = int(given.total_seconds())
    if seconds < 0:
        return f"-{length(-given)}"
    days, rest = divmod(seconds, 86_400)
    if days:
        return f"{days} d {rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}" if rest else f"{days} d"
    if rest >= 60 and rest % 60 == 0:
        return f"{rest // 60} min"
    return f"{rest} s" if rest < 60 else f"{rest // 60} min {rest % 60} s"


def _fields(outcome: object) -> Any:
    return getattr(type(outcome), "__attrs_attrs__", ())


def _plain(value: object) -> str:
    match value:
        case Enum():
            return str(value.value)
        case datetime():
            return value.isoformat()
        case bytes():
            return "…"
        case tuple() | frozenset():
            return "+".join(_plain(one) for one in value)
        case Mapping():
            return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
        case _:
            return str(value)
