"""What stands around the engine in the demo: a clock moved by hand, a user table, a mailbox, a log, and a watched hasher."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from attrs import Factory, define, evolve, field, fields, frozen

from acctsec import (
    CHEAPEST,
    SOCIAL_DEFAULT,
    Account,
    Engine,
    HashingPolicy,
    Keyring,
    Message,
    MessagePurpose,
    Policy,
    SqliteStore,
)
from acctsec._demo.stage import Broken
from acctsec.events import Event
from acctsec.hashing.policy import Comparison
from acctsec.keyring import new_keys

CHAPTER = timedelta(minutes=2)
"""What passes between two scenes: more than the lease of an outbox entry, so that a message taken by a dead worker is due."""


class StoryClock:
    """A clock that is moved by hand, so that waiting for the next code, or for a lock to end, takes no time."""

    def __init__(self) -> None:
        self.now = datetime.combine(datetime.now(UTC).date(), time(8, 0), UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, length: timedelta) -> None:
        """Let time pass."""
        self.now += length

    def set(self, hour: int, minute: int) -> None:
        """Go on to a time of day; never back."""
        self.now = max(self.now, self.now.replace(hour=hour, minute=minute, second=0))


class People:
    """The platform's user table, as a Directory."""

    def __init__(self) -> None:
        self._by_subject: dict[str, Account] = {}
        self._by_name: dict[str, Account] = {}

    def add(self, account: Account) -> Account:
        """Make a row, as sign-up does before it asks for a password."""
        self._by_subject[account.subject] = account
        self._by_name.update(dict.fromkeys(account.identifiers, account))
        return account

    def find(self, tenant: str, identifier: str) -> Account | None:  # noqa: ARG002 - this platform has one tenant
        """Look an account up by what a person typed, in canonical form."""
        return self._by_name.get(identifier)

    def get(self, tenant: str, subject: str) -> Account | None:  # noqa: ARG002 - this platform has one tenant
        """Look an account up by its subject."""
        return self._by_subject.get(subject)


class Mailbox:
    """A Messenger that keeps one message a key, as a mail service does that sends once a key."""

    def __init__(self) -> None:
        self.handed: Counter[str] = Counter()
        self._sent: dict[str, Message] = {}

    def send(self, message: Message) -> None:
        """Take a message; the same one again changes nothing."""
        self.handed[message.key] += 1
        self._sent.setdefault(message.key, message)

    def of(self, subject: str) -> list[Message]:
        """What one person got, oldest first."""
        return [message for message in self._sent.values() if message.subject == subject]

    def link(self, subject: str) -> str:
        """The latest reset link somebody got."""
        resets = [message for message in self.of(subject) if message.purpose is MessagePurpose.RESET]
        links = [message.link for message in resets if message.link]
        if not links:
            raise Broken(f"no reset link came to {subject}")
        return links[-1]


class Log:
    """An EventSink that keeps one event a key; observations have none and are all kept."""

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self.observations: list[Event] = []

    def record(self, event: Event, *, key: str) -> None:
        """Take an event; the same one again changes nothing."""
        if key:
            self._events.setdefault(key, event)
        else:
            self.observations.append(event)

    def of(self, kind: type[Event], subject: str | None = None) -> list[Event]:
        """Events of one kind, of one person or of all."""
        return [self._events[key] for key in self.keys(kind, subject)]

    def keys(self, kind: type[Event], subject: str | None = None) -> list[str]:
        """The keys of those."""
        return [key for key, one in self._events.items() if isinstance(one, kind) and subject in {None, one.subject}]


@define
class Seen:
    """What a hasher was asked to do."""

    costs: Counter[str] = Factory(Counter)
    compared: list[str] = Factory(list)
    decoyed: list[str] = Factory(list)


@frozen(kw_only=True)
class Watched(HashingPolicy):
    """A hashing policy that computes as it always does, and keeps count of what it was asked."""

    seen: Seen = field(factory=Seen, eq=False, repr=False)

    @classmethod
    def over(cls, hashing: HashingPolicy) -> "Watched":
        """The same policy, watched."""
        return cls(**{one.name: getattr(hashing, one.name) for one in fields(HashingPolicy)})

    def hash(self, password: str, *, salt: bytes) -> str:
        """Hash, and note at which cost."""
        phc = super().hash(password, salt=salt)
        self.seen.costs[phc.rsplit("$", 2)[0]] += 1
        return phc

    def verify(self, stored: str, password: str) -> Comparison:
        """Compare with somebody's real hash, and note it."""
        self.seen.compared.append(password)
        return super().verify(stored, password)

    def spend(self, stored: str, password: str) -> None:
        """Do the work alone, and note it."""
        self.seen.decoyed.append(password)
        super().spend(stored, password)


class World:
    """One platform: a policy in force, one SQLite file, and everything the engine is wired to."""

    def __init__(self, path: Path, *, scratch: Path, fast: bool = False) -> None:
        self.path = path
        self.scratch = scratch
        self.fast = fast
        self.policy: Policy = CHEAPEST if fast else SOCIAL_DEFAULT
        self.clock = StoryClock()
        self.people = People()
        self.mailbox = Mailbox()
        self.log = Log()
        self.keys = new_keys()
        self.secrets: dict[str, str] = {}
        self.store = SqliteStore(path)

    def engine(self, hashing: HashingPolicy | None = None) -> Engine:
        """An engine on this world's store; *hashing* replaces that part of the policy."""
        return Engine(
            policy=self.policy if hashing is None else evolve(self.policy, hashing=hashing),
            store=self.store,
            directory=self.people,
            keyring=Keyring.from_text(self.keys),
            messenger=self.mailbox,
            sink=self.log,
            clock=self.clock,
        )

    def deliver(self, engine: Engine) -> None:
        """Hand on everything that lies in the outbox, as a worker does all the time."""
        while engine.deliver().left:
            pass

    def secret(self, kind: str, text: str) -> str:
        """Remember a secret of this run, to look for it in the store's file at the end."""
        self.secrets[text] = kind
        return text

    def restart(self) -> None:
        """Let go of the store and open its file anew, as a process does that starts."""
        self.store.close()
        self.clock.wait(CHAPTER)
        self.store = SqliteStore(self.path)
