"""Outbox entries: what a commit leaves behind for delivery, sealed by the keyring."""

from datetime import datetime

from acctsec._codec import pack, pack_event, unpack, unpack_event
from acctsec._values import Value
from acctsec.claims import Sealed
from acctsec.events import Event
from acctsec.keyring import Keyring
from acctsec.outcomes import LetterKind
from acctsec.protocols import MessagePurpose

SIZE = 600  # of a reset request: equal for every identifier
LABEL = "outbox"


class Mail(Sealed, frozen=True, kw_only=True):
    """
    A notice to one address, fixed when the commit was made: a later change of address does not redirect it.

    *change* is what its reader may veto, until *expires*; one that waits does so *until* then.
    """

    key: str
    purpose: MessagePurpose
    tenant: str
    subject: str
    address: str
    at: datetime
    locale: str = ""
    incarnation: bytes = b""
    change: bytes = b""
    until: datetime | None = None
    expires: datetime | None = None


class Told(Sealed, frozen=True, kw_only=True):
    """
    News for a trusted *contact* of *subject*, or, with a *change*, its share of the decision about that. Where the contact is
    reached is looked up when it is delivered.
    """

    key: str
    purpose: MessagePurpose
    tenant: str
    subject: str
    incarnation: bytes
    contact: str
    number: int
    at: datetime
    change: bytes = b""
    expires: datetime | None = None


class ResetRequest(Sealed, frozen=True, kw_only=True):
    """
    Somebody asked for a reset of what was typed, or, with a subject, an administrator for an initial password; with *proofs*,
    two of them for what it *gives*.

    The *seed* and a key make link and code: handed out again, the same request gives the same ones.
    """

    tenant: str
    identifier: str
    handle: bytes
    at: datetime
    source: str
    seed: bytes
    subject: str = ""
    proofs: tuple[str, ...] = ()
    gives: str = ""

    @property
    def purpose(self) -> MessagePurpose:
        """Why its mail goes out: somebody asked, an administrator let choose a password, or two of them agreed."""
        if self.proofs:
            return MessagePurpose.RECOVERY_LINK
        return MessagePurpose.INITIAL_PASSWORD if self.subject else MessagePurpose.RESET


class AddressRequest(Sealed, frozen=True, kw_only=True):
    """
    Somebody with a session says that an *address* is the subject's: what proves it goes there, for as long as the *change* waits.

    The *seed* makes the code, whose keyed digest the change has: handed out again, it is the same one.
    """

    key: str
    tenant: str
    subject: str
    incarnation: bytes
    change: bytes
    seed: bytes
    at: datetime
    source: str
    locale: str = ""


class CodeRequest(Sealed, frozen=True, kw_only=True):
    """
    A code that proves a *factor* for one *ticket*, on its way to an *address* of the subject by *channel*, for an *action*.

    The *seed* makes the code, whose keyed digest the record has: it is sent for as long as that is there.
    """

    key: str
    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    factor: str
    ticket: bytes
    seed: bytes
    channel: str
    address: str
    action: str
    at: datetime

    @property
    def bound(self) -> tuple[str | bytes, ...]:
        """What the code is good for."""
        return (self.tenant, self.subject, self.incarnation, str(self.epoch), self.ticket, self.factor)


class Following(Sealed, frozen=True, kw_only=True):
    """A *change* is decided, and the platform's table has to follow. Whoever decided it does so at once, unless he is gone."""

    tenant: str
    subject: str
    incarnation: bytes
    change: bytes
    at: datetime


class PromptRequest(Sealed, frozen=True, kw_only=True):
    """
    A prompt is to be pushed to the app at *address*, for as long as it is outstanding. Its number is in no entry: the browser
    shows it, and nobody else.
    """

    key: str
    tenant: str
    subject: str
    incarnation: bytes
    epoch: int
    prompt: bytes
    address: str
    at: datetime
    expires: datetime
    action: str = ""
    source: str = ""
    agent: str = ""
    known: bool = False
    locale: str = ""


class Happened(Value, frozen=True):
    """An event, under a key of its own."""

    key: str
    event: Event


Entry = Mail | Told | ResetRequest | AddressRequest | CodeRequest | Following | PromptRequest | Happened


class About(Value, frozen=True, kw_only=True):
    """What may be told of an entry: never an address, an identifier, or what opens something."""

    kind: LetterKind
    name: str = ""
    tenant: str = ""
    subject: str = ""
    at: datetime | None = None


def about(entry: Entry | None) -> About:
    """What may be told of an entry; None is one that cannot be read."""
    match entry:
        case Happened(event=event):
            name = type(event).__name__
            return About(kind=LetterKind.EVENT, name=name, tenant=event.tenant, subject=event.subject, at=event.at)
        case Mail(purpose=purpose, tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.NOTICE, name=purpose.value, tenant=tenant, subject=subject, at=at)
        case Told(purpose=purpose, tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.NOTICE, name=purpose.value, tenant=tenant, subject=subject, at=at)
        case ResetRequest(tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.RESET, name=entry.purpose.value, tenant=tenant, subject=subject, at=at)
        case AddressRequest(tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.NOTICE, name=MessagePurpose.PROVE_ADDRESS.value, tenant=tenant, subject=subject, at=at)
        case CodeRequest(tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.NOTICE, name=MessagePurpose.FACTOR_CODE.value, tenant=tenant, subject=subject, at=at)
        case PromptRequest(tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.NOTICE, name=MessagePurpose.PROMPT.value, tenant=tenant, subject=subject, at=at)
        case Following(tenant=tenant, subject=subject, at=at):
            return About(kind=LetterKind.CHANGE, tenant=tenant, subject=subject, at=at)
        case None:
            return About(kind=LetterKind.UNREADABLE)


def seal(keyring: Keyring, entry: Entry) -> bytes:
    """Encrypt an entry. Addresses and identifiers never lie open in a store."""
    if isinstance(entry, Happened):
        plain = b"e" + entry.key.encode() + pack_event(entry.event)
    elif isinstance(entry, Mail):
        plain = b"m" + pack(entry)
    elif isinstance(entry, Told):
        plain = b"c" + pack(entry)
    elif isinstance(entry, AddressRequest):
        plain = b"a" + pack(entry)
    elif isinstance(entry, CodeRequest):
        plain = b"d" + pack(entry)
    elif isinstance(entry, PromptRequest):
        plain = b"p" + pack(entry)
    elif isinstance(entry, Following):
        plain = b"f" + pack(entry)
    else:
        packed = pack(entry)
        plain = b"r" + len(packed).to_bytes(2, "big") + packed
        plain = plain.ljust(SIZE, b"\0")
    return keyring.seal(LABEL, plain)


def unseal(keyring: Keyring, sealed: bytes) -> Entry | None:
    """Read an entry; None for one that is damaged, or of a key or a release this process does not know."""
    plain = keyring.open(LABEL, sealed)
    if plain is None:
        return None
    if plain[:1] == b"m":
        return unpack(Mail, plain[1:])
    if plain[:1] == b"c":
        return unpack(Told, plain[1:])
    if plain[:1] == b"a":
        return unpack(AddressRequest, plain[1:])
    if plain[:1] == b"d":
        return unpack(CodeRequest, plain[1:])
    if plain[:1] == b"p":
        return unpack(PromptRequest, plain[1:])
    if plain[:1] == b"f":
        return unpack(Following, plain[1:])
    if plain[:1] == b"r":
        return unpack(ResetRequest, plain[3 : 3 + int.from_bytes(plain[1:3], "big")])
    event, name = unpack_event(plain[1 + KEY :]), plain[1 : 1 + KEY]
    return None if event is None or not name.isascii() else Happened(name.decode(), event)


KEY = 35  # hex of a commit id, a hyphen, two digits


def key(commit_id: bytes, number: int) -> str:
    """The idempotency key of the effect *number* of a commit."""
    return f"{commit_id.hex()}-{number:02d}"
