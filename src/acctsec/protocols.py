"""
All that others may implement: the ports, and the plain values that cross them.

Each port is a Protocol of at most five methods; pass the object in. Stores, directory, messenger and sink exist in a
blocking and an async form; a face refuses the wrong one at construction.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from attrs import Attribute, field, frozen

from acctsec._values import Value
from acctsec.errors import ConfigError

Clock = Callable[[], datetime]
"""Tells the present instant, aware and in UTC. It is read once an operation."""

Entropy = Callable[[int], bytes]
"""Draws that many bytes from a cryptographic source."""

Estimator = Callable[[str, Sequence[str]], float]
"""Judges a password beside context words: log10 of the guesses it stands. Must be deterministic, bounded and thread-safe."""

Likelihood = Callable[[str], float]
"""Tells the share of accounts that have a password, from 0 to 1. Must be deterministic, bounded and thread-safe."""

# --- records and the outbox -------------------------------------------------------------------------------------------

MAX_NAME_BYTES = 64


def check_name(_: object, attribute: "Attribute[str]", value: str) -> None:
    """An attrs validator: text of at most 64 bytes of UTF-8, so that every token has one length."""
    _check(attribute.name, value)


def check_names(*, tenant: str, subject: str) -> None:
    """Raise ConfigError for what cannot be a tenant or a subject."""
    _check("tenant", tenant)
    _check("subject", subject)


def _check(name: str, value: object) -> None:
    try:
        fits = type(value) is str and len(value.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ConfigError(f"The {name} is not text of at most {MAX_NAME_BYTES} bytes.", remedy="Use a short opaque id.")


Version = bytes
"""Names one state of one record: the id of the commit that wrote it. Never repeats, also after a delete."""


class Committed(Value, frozen=True):
    """The commit happened; the record now has *version*."""

    version: Version | None


class Conflict(Value, frozen=True):
    """The record was not at the expected version; nothing was written."""


@frozen
class Drained:
    """One outbox entry handed to a worker for the length of its lease. *attempts* counts earlier hand-outs."""

    id: bytes
    entry: bytes = field(repr=False)
    attempts: int


MAX_ATTEMPTS = 10
"""An outbox entry handed out this often without an ack is a dead letter: kept, and not handed out before it is revived."""

MOST_COUNTED = 100_000
"""A store may stop counting what waits here, so that a look at a full outbox costs no more than one at any other."""


@frozen
class Backlog:
    """
    What waits in an outbox: entries that are *due*, those *hidden* by a lease or a pause, and the *dead*.

    *oldest* is the entry that has been due for the longest, and None where none is. Each number may stop at 100,000.
    """

    due: int
    hidden: int
    dead: int
    oldest: bytes | None = field(repr=False)


@frozen
class Letters:
    """Some dead letters, in the order of their ids; *after* begins the next page, and is None once there is none."""

    letters: tuple[Drained, ...]
    after: bytes | None


class Page(Value, frozen=True):
    """The keys of some records; *after* begins the next page, and is None once there is none."""

    keys: tuple[bytes, ...]
    after: bytes | None


class AsyncRecordStore(Protocol):
    """Keeps one versioned record a key, and an outbox that is written in the same commit."""

    async def load(self, key: bytes) -> tuple[bytes, Version] | None:
        """Read the latest committed record and its version; reads its own writes."""

    async def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict:
        """
        Compare and swap, appending *outbox* in the same transaction; ``commit_id`` becomes the new version.

        ``value=None`` with a version deletes the record together with its undelivered entries (before appending);
        ``value=None`` without one only appends. Raises CommitUnknown when the answer was lost, StoreError when it failed.
        """

    async def drain(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Drained]:
        """Hand out at most *limit* due entries, oldest first, and hide them for *lease*, doubled at each further attempt."""

    async def ack(self, ids: Sequence[bytes]) -> None:
        """Delete entries that were delivered."""

    async def scan(self, after: bytes, limit: int) -> Page:
        """
        Name at most *limit* records, going on where a page ended that said *after*; ``b""`` begins.

        What is there from the first page to the last is on one of them at least: in any order, and perhaps twice. Records that
        come or go meanwhile may be on one or not. A page that is empty need not be the last.
        """


class RecordStore(Protocol):
    """The blocking form of AsyncRecordStore."""

    def load(self, key: bytes) -> tuple[bytes, Version] | None: ...

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Committed | Conflict: ...

    def drain(self, limit: int, now: datetime, lease: timedelta) -> Sequence[Drained]: ...

    def ack(self, ids: Sequence[bytes]) -> None: ...

    def scan(self, after: bytes, limit: int) -> Page: ...


class AsyncOutboxStore(Protocol):
    """
    Shows what waits in the outbox of a RecordStore, and gives dead letters another ten tries.

    A port of its own, beside the five methods of records: an engine delivers without it. An entry is dead from its tenth
    hand-out on, also while that is under way; ``ack`` lets go of it like of any other, and a delete of its record takes it too.
    """

    async def waiting(self, now: datetime) -> Backlog:
        """Count what waits at *now*, without changing what is handed out next."""

    async def dead_letters(self, after: bytes, limit: int) -> Letters:
        """
        Tell at most *limit* dead letters in the order of their ids as bytes, from the id *after* on; ``b""`` begins.

        So a letter is looked up by its own id, with a limit of 1. Those after the last id of a page begin at what the page says.
        """

    async def revive(self, ids: Sequence[bytes]) -> int:
        """
        Make dead letters due now, as if they had never been handed out, in their old place; answers how many were dead.

        What is not dead, or not there, is left alone.
        """


class OutboxStore(Protocol):
    """The blocking form of AsyncOutboxStore."""

    def waiting(self, now: datetime) -> Backlog: ...

    def dead_letters(self, after: bytes, limit: int) -> Letters: ...

    def revive(self, ids: Sequence[bytes]) -> int: ...


# --- meters -----------------------------------------------------------------------------------------------------------
# Instants and lengths inside meters are integer microseconds, so that every store computes the same on them.


class Ladder(Value, frozen=True):
    """
    How a meter answers as failures add up.

    The first *free* failures cost nothing. From then on each failure makes the meter rest: *first*, doubled by each
    further one, never above *longest*. At *stop* failures nothing is admitted. With a *window*, failures are forgotten
    once they are older than it, and a stop lasts until then; without one (0) they stay until a success clears them.
    A reservation that nobody settled within *lease* is a failure.
    """

    free: int
    first: int
    longest: int
    stop: int
    window: int
    lease: int


class Charge(Value, frozen=True):
    """
    A wish to compare one *candidate* against a secret, put to one meter.

    *slot* names the row and is the unit of atomicity; *meter* names the meter within it, and one in ``!`` is never evicted.
    *candidate* is a truncated keyed digest: equal candidates share one unit. Without one the unit is spent at once and for
    good. *at_least* is a count known from elsewhere: a meter that begins with this charge was lost, and goes on from there.
    *floor* is one that was made sure of just now: it raises a meter that lives, but for the free ones.

    *weight* is how many units it takes, 1 or more: a failure counts that much, and everything a meter counts is units. Above 1
    it is meant for ladders whose free units are all they have. One that weighs more than the whole ladder reads Stopped.
    """

    slot: bytes
    meter: bytes
    ladder: Ladder
    candidate: int | None
    hold: bytes
    at_least: int = 0
    floor: int = 0
    weight: int = 1


class Granted(Value, frozen=True):
    """
    There was room. *hold* is what to settle: None when there is nothing to settle (a repeat, or a unit spent at once).

    *ordinal* counts the units of failures and reservations so far, this one's included; *new* says that this charge added to it.
    """

    hold: bytes | None
    ordinal: int
    new: bool


class Resting(Value, frozen=True):
    """Not before *until*; *count* units of failures brought this about."""

    until: int
    count: int


class Filled(Value, frozen=True):
    """All room is held by candidates that are being compared right now; ask again shortly."""


class Stopped(Value, frozen=True):
    """
    The end of the ladder: only a success elsewhere, a recovery or an administrator opens it again. *count* units of failures
    brought this about; or fewer, where a charge weighs more than will ever be free.
    """

    count: int


class Untouched(Value, frozen=True):
    """A slot that came before refused, so this one was not looked at: a refused caller reserves nothing of others."""


Reading = Granted | Resting | Filled | Stopped | Untouched


class Settle(StrEnum):
    """What became of a reservation."""

    FAILED = "failed"  # the comparison said no: one failure, the candidate is remembered
    VOID = "void"  # nothing was compared: the unit goes back
    PARK = "park"  # it was right and more is to prove: the unit goes back, and a later CLEAR of the same hold still works
    CLEAR = "clear"  # full success: the unit goes back, and so does every failure charged before it
    FORGIVE = "forgive"  # it was a slip of the owner: one unit of a candidate that is remembered as wrong goes back


class Settlement(Value, frozen=True):
    """
    What became of the reservation *hold* of one meter. Settling an unknown hold changes nothing, nor does settling twice; but
    where several share a hold, each VOID gives one share back.

    FORGIVE names no hold but a *candidate*, and forgets it. One that is not remembered changes nothing, so it is forgiven once.
    """

    slot: bytes
    meter: bytes
    ladder: Ladder
    hold: bytes
    verdict: Settle
    candidate: int | None = None


class Tally(Value, frozen=True):
    """
    What a meter holds, for people: units of failures, of reservations under way, and until when it rests (0: it does not).

    *seen* are the candidates it remembers as wrong, as they were charged, in the order in which they failed.
    """

    count: int
    pending: int
    ready: int
    seen: tuple[int, ...] = ()


class AsyncMeterStore(Protocol):
    """Keeps the counters that many requests hit at once. Admission is decided in the store, by ``acctsec.meters``."""

    async def charge(self, charges: Sequence[Charge], now: int) -> Sequence[Reading]:
        """
        Answer each charge, in order. All charges of one slot are reserved, or none is.

        Slots are taken in the order in which they come first. Once one refuses, those after it read Untouched: whoever has
        used up his own room must not hold up anybody else's. A charge that would have been granted but for another of its
        slot still reads Granted, with nothing to settle.

        Raises StoreUnavailable when the store does not answer: ``LockoutPolicy.on_outage`` says what follows. A store that
        tries again by itself never charges twice: with a candidate the same hold reserves once, without one it must not.
        """

    async def settle(self, settlements: Sequence[Settlement], now: int) -> None:
        """Apply every settlement. Raises StoreUnavailable when it may not have come to that; the reservation then lapses."""

    async def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Sequence[Tally]:
        """Read meters by (slot, meter, ladder) without changing them."""


class MeterStore(Protocol):
    """The blocking form of AsyncMeterStore."""

    def charge(self, charges: Sequence[Charge], now: int) -> Sequence[Reading]: ...

    def settle(self, settlements: Sequence[Settlement], now: int) -> None: ...

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Sequence[Tally]: ...


class AsyncStore(AsyncRecordStore, AsyncMeterStore, Protocol):
    """Records and meters in one place, for the async face."""


class Store(RecordStore, MeterStore, Protocol):
    """Records and meters in one place, for the blocking face."""


# --- the platform -----------------------------------------------------------------------------------------------------


def names(given: Iterable[str]) -> tuple[str, ...]:
    """An attrs converter: several names. A lone str is a sequence of letters, and never what was meant."""
    if isinstance(given, str | bytes):
        raise ConfigError("A lone text stands where several names are due.", remedy='Give a tuple or a set: {"staff"}.')
    return tuple(given)


def name_set(given: Iterable[str]) -> frozenset[str]:
    """An attrs converter: a set of names."""
    return frozenset(names(given))


class Status(StrEnum):
    """What the platform says of an account."""

    ACTIVE = "active"
    DISABLED = "disabled"


_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
MAX_LOCALE = 35  # RFC 5646 section 4.4.1: no tag needs more


def _check_locale(_: object, __: object, value: str) -> None:
    if type(value) is not str or len(value) > MAX_LOCALE or (value and not _LOCALE.fullmatch(value)):
        raise ConfigError("locale is no BCP 47 language tag.", remedy='Write it like "pt-BR"; "" where nobody knows.')


@frozen(kw_only=True)
class Account:
    """
    One row of the platform's user table, as far as this library needs it.

    *addresses* are the verified ones, mail addresses and phone numbers, in the exact form messages go to: nothing is folded or
    rewritten, and the first is the one used where none was asked for. *words* are names and the like that the
    subject's password must not be made of. *groups* choose what ``MfaPolicy`` demands. *locale* is a BCP 47 tag such as
    ``pt-BR`` for ``Message.locale``; "" where nobody knows. Raises ConfigError for one of another shape.
    """

    subject: str = field(validator=check_name)
    identifiers: tuple[str, ...] = field(default=(), converter=names, repr=False)
    addresses: tuple[str, ...] = field(default=(), converter=names, repr=False)
    groups: frozenset[str] = field(default=frozenset(), converter=name_set)
    words: tuple[str, ...] = field(default=(), converter=names, repr=False)
    status: Status = field(default=Status.ACTIVE, converter=Status)
    locale: str = field(default="", validator=_check_locale)


class Ambiguous(Value, frozen=True):
    """More than one account answers to the identifier; nobody is signed in by it."""


class AsyncDirectory(Protocol):
    """The platform's user table. It owns uniqueness; identifiers arrive in canonical form."""

    async def find(self, tenant: str, identifier: str) -> Account | Ambiguous | None:
        """Look an account up by the canonical form of what a person typed."""

    async def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up by its subject."""


class Directory(Protocol):
    """The blocking form of AsyncDirectory."""

    def find(self, tenant: str, identifier: str) -> Account | Ambiguous | None: ...

    def get(self, tenant: str, subject: str) -> Account | None: ...


class AddAddress(Value, frozen=True, kw_only=True):
    """Give the account a verified *address*, byte for byte, behind those it has. *id* names the change."""

    id: str
    tenant: str
    subject: str
    address: str


class ReplaceAddress(Value, frozen=True, kw_only=True):
    """Put a verified *address* into the place of the one that it *replaces*."""

    id: str
    tenant: str
    subject: str
    address: str
    replaces: str


class RemoveAddress(Value, frozen=True, kw_only=True):
    """Take an *address* off the account."""

    id: str
    tenant: str
    subject: str
    address: str


class ReplaceIdentifier(Value, frozen=True, kw_only=True):
    """Put *identifier*, in its canonical form, into the place of the one that it *replaces*, as the account has that."""

    id: str
    tenant: str
    subject: str
    identifier: str
    replaces: str


DirectoryChange = AddAddress | ReplaceAddress | RemoveAddress | ReplaceIdentifier


class Applied(Value, frozen=True):
    """The account is as the change says, or it was already."""


class Taken(Value, frozen=True):
    """Another account has it, and nothing was changed."""


class AsyncWritableDirectory(AsyncDirectory, Protocol):
    """A directory that the engine may write to: it is asked for by whatever changes addresses and identifiers, alone."""

    async def apply(self, change: DirectoryChange) -> Applied | Taken:
        """
        Make a change in one transaction, and answer Taken where the platform's rule of uniqueness forbids it.

        The same change comes again whenever its answer was lost, and is then Applied: make it idempotent. One whose id was
        applied before changes nothing. An identifier of the same form goes where its address goes; and one that another account
        holds without having proven it is no reason for Taken, but is taken off there: whoever proves an address has it.
        What can never be followed, such as a name that is too long for its column, is Taken as well, unless something goes: a
        change that fails comes again for ever.
        """


class WritableDirectory(Directory, Protocol):
    """The blocking form of AsyncWritableDirectory."""

    def apply(self, change: DirectoryChange) -> Applied | Taken: ...


class Channel(StrEnum):
    """How a message goes out: as mail, or as a text to a phone number."""

    MAIL = "mail"
    TEXT = "text"


class MessagePurpose(StrEnum):
    """Why a message is sent."""

    RESET = "reset"
    INITIAL_PASSWORD = "initial-password"  # noqa: S105 - a purpose, not a password
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a purpose, not a password
    FACTOR_ADDED = "factor-added"
    FACTOR_REMOVED = "factor-removed"
    RECOVERY_CODES_ISSUED = "recovery-codes-issued"
    RECOVERY_CODE_USED = "recovery-code-used"
    GUESSING_STOPPED = "guessing-stopped"
    SESSION_COPIED = "session-copied"
    CHANGE_WAITING = "change-waiting"
    CHANGE_DROPPED = "change-dropped"
    CONTESTED = "contested"
    FACTORS_REMOVED = "factors-removed"
    SELF_SERVICE_REFUSED = "self-service-refused"
    CONTACT_NAMED = "contact-named"
    CONTACT_REMOVED = "contact-removed"
    NAMED_AS_CONTACT = "named-as-contact"  # to the contact
    CONTACTS_ASKED = "contacts-asked"
    CONTACT_SHARE = "contact-share"  # to the contact, with a link
    CONTACTS_AGREED = "contacts-agreed"
    RECOVERY_APPROVED = "recovery-approved"
    RECOVERY_LINK = "recovery-link"
    PROVE_ADDRESS = "prove-address"
    ADDRESS_PENDING = "address-pending"
    ADDRESS_ADDED = "address-added"
    ADDRESS_REMOVED = "address-removed"
    IDENTIFIER_CHANGED = "identifier-changed"


@frozen(kw_only=True)
class Message:
    """
    What the platform has to send, to exactly *address*. The words are the platform's.

    *key* is the same whenever the same message is handed over again: send once a key. A reset by mail carries a *link* token
    (``Links.url`` puts it into the fragment of a configured URL), good until *expires*, and a *code* to type, good until
    *code_expires*. A text never has a link: a reset carries the code alone. The news that guessing was stopped may have a *link*
    that opens the lane of strangers again. *locale* is that of the account when the message was made.

    Notice of a change carries a *veto* where its reader may stop it, good until *expires*; the change waits *until* then. What
    goes to a trusted contact names the *owner* it is about; the *link* of a share is good for ``vouch``.
    """

    key: str
    purpose: MessagePurpose
    tenant: str
    subject: str
    address: str = field(repr=False)
    at: datetime
    link: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    expires: datetime | None = None
    code_expires: datetime | None = None
    veto: str | None = field(default=None, repr=False)
    until: datetime | None = None
    channel: Channel = Channel.MAIL
    locale: str = ""
    owner: str = ""


class AsyncMessenger(Protocol):
    """Hands messages to people."""

    async def send(self, message: Message) -> None:
        """Send, or raise: a message that raised comes again later."""


class Messenger(Protocol):
    """The blocking form of AsyncMessenger."""

    def send(self, message: Message) -> None: ...


class AsyncBreachCorpus(Protocol):
    """Knows passwords that leaked."""

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never. Raises when it cannot tell."""


class BreachCorpus(Protocol):
    """The blocking form of AsyncBreachCorpus."""

    def count(self, password: str) -> int: ...


class AsyncPopularityCounter(Protocol):
    """Counts how many accounts chose the same password. It gets keyed digests and may answer too much, never too little."""

    async def count(self, digest: bytes) -> int:
        """How often *digest*, 32 bytes, was added. Raises when it cannot tell."""

    async def add(self, digest: bytes) -> None:
        """One account more."""


class PopularityCounter(Protocol):
    """The blocking form of AsyncPopularityCounter."""

    def count(self, digest: bytes) -> int: ...

    def add(self, digest: bytes) -> None: ...


class Solved(Value, frozen=True):
    """The answer fits the puzzle."""


class Unsolved(Value, frozen=True):
    """It does not."""


class AsyncChallenge(Protocol):
    """
    Puts a puzzle to whoever is suspected to be a program, and judges the answer.

    One that raises, or answers with anything else, has not been answered: the caller is asked again.
    """

    async def puzzle(self, seed: bytes) -> str:
        """
        What the platform shows: text of at most 256 bytes, made from 16 random bytes. A service may answer its site key.
        """

    async def verify(self, puzzle: str, answer: str, *, source: str) -> Solved | Unsolved:
        """
        Judge the *answer* to a *puzzle* that this engine handed out, to the address or network *source*.

        It is asked once for each puzzle handed out. *answer* is text of at most 8,192 characters, and a stranger's.
        """


class Challenge(Protocol):
    """The blocking form of AsyncChallenge."""

    def puzzle(self, seed: bytes) -> str: ...

    def verify(self, puzzle: str, answer: str, *, source: str) -> Solved | Unsolved: ...
