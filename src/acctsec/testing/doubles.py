"""
Doubles: every port of an engine as a small deterministic object that remembers what it was asked.

All of them are blocking; ``as_async`` gives any of them its async form. None of them belongs into production.
"""

import base64
import hashlib
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from attrs import evolve, field, fields, frozen

from acctsec._blocking import Awaitable
from acctsec.claims import TotpCode
from acctsec.errors import ConfigError
from acctsec.events import AttemptRefused, Event, LetterDied, NoticeWithheld, PasskeyRejected, ResetWithheld
from acctsec.hashing import Comparison, HashingPolicy
from acctsec.identifiers import canonical
from acctsec.mfa import totp
from acctsec.outcomes import EnrollmentStarted
from acctsec.policy import Policy
from acctsec.protocols import (
    Account,
    AddAddress,
    Ambiguous,
    Applied,
    DirectoryChange,
    Message,
    MessagePurpose,
    RemoveAddress,
    ReplaceAddress,
    ReplaceIdentifier,
    Taken,
)

EventT = TypeVar("EventT", bound=Event)

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""Where a ManualClock begins: a Monday morning."""


class ManualClock:
    """
    A clock that stands still until it is moved, in either direction. Raises ConfigError for an instant without a time zone, and
    for a step that is no length of time.
    """

    def __init__(self, now: datetime = START) -> None:
        if not isinstance(now, datetime) or now.tzinfo is None:
            raise ConfigError(f"{now!r} is no aware instant.", remedy="Give one such as datetime(2026, 1, 5, 9, tzinfo=UTC).")
        self.now: datetime = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta | None = None, **units: float) -> datetime:
        """Move on by a timedelta, or by its units: ``advance(minutes=5)``; negative ones move it back."""
        if step is not None and (units or not isinstance(step, timedelta)):
            raise ConfigError("That is no step of a clock.", remedy="Call advance(minutes=5), or advance(timedelta(minutes=5)).")
        self.now += timedelta(**units) if step is None else step
        return self.now


class SeededEntropy:
    """
    Random bytes that are the same in every run of one *seed*, and never twice the same in one run.

    Share one object among engines that share a store: ids that repeat across a restart would hide faults.
    """

    def __init__(self, seed: int = 0) -> None:
        if type(seed) is not int:
            raise ConfigError(f"The seed is a {type(seed).__name__}.", remedy="Give a number, another one for each engine.")
        self._seed = seed.to_bytes(16, "big", signed=True)
        self._drawn = itertools.count()

    def __call__(self, size: int) -> bytes:
        return hashlib.shake_128(self._seed + next(self._drawn).to_bytes(8, "big")).digest(size)


class MemoryDirectory:
    """
    A user table in memory. An account answers to the canonical form of each of its identifiers and addresses.

    Two accounts may answer to one form: that is what Ambiguous is for.
    """

    def __init__(self, *accounts: Account, tenant: str = "") -> None:
        self._accounts: dict[tuple[str, str], Account] = {}
        self._names: dict[tuple[str, str], set[str]] = {}
        self._applied: set[str] = set()
        for account in accounts:
            self.put(account, tenant=tenant)

    def put(self, account: Account, *, tenant: str = "") -> Account:
        """Add an account, or replace the one of the same subject."""
        self.remove(account.subject, tenant=tenant)
        self._accounts[tenant, account.subject] = account
        for name in _names(account):
            self._names.setdefault((tenant, name), set()).add(account.subject)
        return account

    def change(self, subject: str, *, tenant: str = "", **changes: Any) -> Account:
        """Change fields of an account: ``change("u1", status="disabled")``."""
        return self.put(evolve(self._accounts[tenant, subject], **changes), tenant=tenant)

    def remove(self, subject: str, *, tenant: str = "") -> None:
        """Take an account out, if it is there."""
        account = self._accounts.pop((tenant, subject), None)
        for name in _names(account) if account else ():
            self._names[tenant, name].discard(subject)

    def apply(self, change: DirectoryChange) -> Applied | Taken:
        """
        Follow a change; an address or identifier that another account holds for good is Taken. What another one holds as an
        identifier alone, and never proved, goes over to who did.
        """
        if change.id in self._applied:
            return Applied()
        account = self._accounts[change.tenant, change.subject]
        match change:
            case AddAddress(address=new) | ReplaceAddress(address=new):
                if any(_holds(one.addresses, new) for one in self._others(change)):
                    return Taken()
                for one in self._others(change):
                    self.change(one.subject, tenant=change.tenant, identifiers=_without(one.identifiers, new))
            case ReplaceIdentifier(identifier=new):
                if any(_holds((*one.identifiers, *one.addresses), new) for one in self._others(change)):
                    return Taken()
            case RemoveAddress():
                pass
        self._applied.add(change.id)
        self.put(_changed(account, change), tenant=change.tenant)
        return Applied()

    def _others(self, change: DirectoryChange) -> list[Account]:
        return [one for (tenant, subject), one in self._accounts.items() if tenant == change.tenant and subject != change.subject]

    def find(self, tenant: str, identifier: str) -> Account | Ambiguous | None:
        """Look an account up by the canonical form of what a person typed."""
        found = sorted(self._names.get((tenant, identifier), ()))
        if len(found) > 1:
            return Ambiguous()
        return self._accounts[tenant, found[0]] if found else None

    def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up by its subject."""
        return self._accounts.get((tenant, subject))


def _names(account: Account) -> set[str]:
    forms = map(canonical, (*account.identifiers, *account.addresses))
    return {form.value for form in forms if form is not None}


def _holds(names: Sequence[str], wanted: str) -> bool:
    return any(canonical(name) == canonical(wanted) for name in names)


def _without(names: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(name for name in names if canonical(name) != canonical(gone))


def _swapped(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    """With *new* in the place of *old*, or of another spelling of it; at the end where there is neither."""
    going = (canonical(old), canonical(new))
    at = next((number for number, name in enumerate(names) if canonical(name) in going), len(names))
    before, behind = (tuple(one for one in part if canonical(one) not in going) for part in (names[:at], names[at:]))
    return (*before, new, *behind)


def _changed(account: Account, change: DirectoryChange) -> Account:
    addresses, identifiers = account.addresses, account.identifiers
    match change:
        case AddAddress(address=new):
            return evolve(account, addresses=addresses if _holds(addresses, new) else (*addresses, new))
        case RemoveAddress(address=old):
            return evolve(account, addresses=_without(addresses, old), identifiers=_without(identifiers, old))
        case ReplaceAddress(address=new, replaces=old):
            addresses = _swapped(addresses, old, new)
        case ReplaceIdentifier(identifier=new, replaces=old):
            pass
    return evolve(
        account, addresses=addresses, identifiers=_swapped(identifiers, old, new) if _holds(identifiers, old) else identifiers
    )


class RecordingMessenger:
    """
    Keeps every message instead of sending it.

    ``handed`` are all that came, ``messages`` what people would have in their inbox: the first of each key. While
    ``failure`` is set, it is raised instead.
    """

    def __init__(self) -> None:
        self.handed: list[Message] = []
        self.failure: Exception | None = None

    def send(self, message: Message) -> None:
        """Keep a message, or fail as told."""
        if self.failure is not None:
            raise self.failure
        self.handed.append(message)

    @property
    def messages(self) -> list[Message]:
        """The first message of each key."""
        return list({message.key: message for message in reversed(self.handed)}.values())[::-1]

    def of(self, purpose: MessagePurpose, *, subject: str | None = None) -> list[Message]:
        """The messages of one purpose, oldest first."""
        return [one for one in self.messages if one.purpose is purpose and subject in (None, one.subject)]

    @property
    def link(self) -> str:
        """The newest reset link."""
        others = (MessagePurpose.GUESSING_STOPPED, MessagePurpose.PROVE_ADDRESS, MessagePurpose.CONTACT_SHARE)
        return next(one.link for one in reversed(self.messages) if one.link and one.purpose not in others)

    @property
    def unlock_link(self) -> str:
        """The newest link that opens the lane of strangers."""
        return next(one.link for one in reversed(self.of(MessagePurpose.GUESSING_STOPPED)) if one.link)

    @property
    def code(self) -> str:
        """The newest reset code."""
        others = (MessagePurpose.PROVE_ADDRESS, MessagePurpose.FACTOR_CODE)
        return next(one.code for one in reversed(self.messages) if one.code and one.purpose not in others)

    @property
    def factor_code(self) -> str:
        """The newest code that proves a factor."""
        return next(one.code for one in reversed(self.of(MessagePurpose.FACTOR_CODE)) if one.code)

    @property
    def address_link(self) -> str:
        """The newest link that proves an address."""
        return next(one.link for one in reversed(self.of(MessagePurpose.PROVE_ADDRESS)) if one.link)

    @property
    def address_code(self) -> str:
        """The newest code that proves an address."""
        return next(one.code for one in reversed(self.of(MessagePurpose.PROVE_ADDRESS)) if one.code)


class RecordingSink:
    """
    Keeps every event instead of writing it anywhere.

    ``handed`` are all that came with their keys, ``events`` the first of each key, ``observations`` those without one:
    refused attempts, passkeys that did not count, withheld resets and news, letters that died, which changed nothing.
    """

    def __init__(self) -> None:
        self.handed: list[tuple[str, Event]] = []
        self.failure: Exception | None = None

    def record(self, event: Event, *, key: str) -> None:
        """Keep an event, or fail as told."""
        if self.failure is not None:
            raise self.failure
        self.handed.append((key, event))

    @property
    def events(self) -> list[Event]:
        """What happened, each change once."""
        return list({key: event for key, event in reversed(self.handed) if key}.values())[::-1]

    @property
    def observations(self) -> list[AttemptRefused | PasskeyRejected | ResetWithheld | NoticeWithheld | LetterDied]:
        """What changed nothing."""
        observed = AttemptRefused | PasskeyRejected | ResetWithheld | NoticeWithheld | LetterDied
        return [event for key, event in self.handed if not key and isinstance(event, observed)]

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The events of one class, oldest first."""
        return [event for event in self.events if isinstance(event, kind)]


class Authenticator:
    """An authenticator app, set up from what ``enroll_totp`` answered."""

    def __init__(self, started: EnrollmentStarted) -> None:
        self.ticket: str = started.ticket
        self._secret = base64.b32decode(started.key.replace(" ", ""))

    def code(self, now: datetime, *, step: int = 0) -> TotpCode:
        """What the app shows at *now*, or *step* periods of 30 s later."""
        return TotpCode(totp.code_at(self._secret, int(now.timestamp()) // totp.PERIOD + step))

    def wrong(self, now: datetime, number: int = 0) -> TotpCode:
        """A code that the app shows at no time near *now*; another one for each *number*."""
        near = {self.code(now, step=step).code for step in range(-3, 4)}
        return TotpCode([code for code in (f"{n:06d}" for n in range(number + 10)) if code not in near][number])


# --- an instrumented verifier -----------------------------------------------------------------------------------------


@frozen
class Compare:
    """One comparison of a password. *decoy*: only its work was done, for want of a verifier or of room in its lane."""

    password: str = field(repr=False)
    decoy: bool
    result: Comparison


class Comparisons:
    """What an instrumented verifier saw: tests count guesses here, never by the answers."""

    def __init__(self) -> None:
        self.all: list[Compare] = []

    def __repr__(self) -> str:
        return "<comparisons>"  # the same at any time: it is shown among the knobs of a policy

    @property
    def evaluated(self) -> list[Compare]:
        """Comparisons with the verifier of a subject."""
        return [one for one in self.all if not one.decoy]

    @property
    def guesses(self) -> list[Compare]:
        """Comparisons with the verifier of a subject that did not match."""
        return [one for one in self.evaluated if one.result is not Comparison.MATCHED]

    def clear(self) -> None:
        """Forget what was seen so far."""
        self.all.clear()


@frozen(kw_only=True)
class InstrumentedHashing(HashingPolicy):
    """A HashingPolicy that writes down every comparison it makes."""

    comparisons: Comparisons = field(factory=Comparisons, eq=False)

    def verify(self, stored: str, password: str) -> Comparison:
        """Compare as usual, and write it down."""
        result = super().verify(stored, password)
        self.comparisons.all.append(Compare(password, decoy=False, result=result))
        return result

    def spend(self, stored: str, password: str) -> None:
        """Do the work as usual, and write it down."""
        super().spend(stored, password)
        self.comparisons.all.append(Compare(password, decoy=True, result=Comparison.DIFFERENT))


def instrumented(policy: Policy) -> tuple[Policy, Comparisons]:
    """The same policy with an instrumented verifier, and where that writes."""
    if isinstance(policy.hashing, InstrumentedHashing):
        return policy, policy.hashing.comparisons
    knobs = {one.name: getattr(policy.hashing, one.name) for one in fields(type(policy.hashing))}
    hashing = InstrumentedHashing(**knobs)
    return evolve(policy, hashing=hashing), hashing.comparisons


# --- async forms ------------------------------------------------------------------------------------------------------

STORE = ("load", "commit", "drain", "ack", "scan", "charge", "settle", "read")
OUTBOX = ("waiting", "dead_letters", "revive")
DIRECTORY = ("find", "get")
WRITABLE = (*DIRECTORY, "apply")
MESSENGER = ("send",)
SINK = ("record",)
CORPUS = ("count",)
POPULARITY = ("count", "add")
CHALLENGE = ("puzzle", "verify")
OUTSIDE = ("begin", "check")
WATCH = ("look", "wrong")


def as_async(port: object, methods: Sequence[str]) -> Any:
    """The async form of a blocking port: ``as_async(directory, DIRECTORY)``. It answers at once, on the caller's thread."""
    return Awaitable(port, *methods)
