"""A platform to measure in: accounts, a directory, stores, and a hasher that does everything but hash."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

from attrs import frozen
from tests.bench import raw

from acctsec import Account, Context, Engine, HashingPolicy, Keyring, PasswordPolicy, Policy, ResetPolicy, Source, SqliteStore
from acctsec._codec import encode_record
from acctsec.budgets import Budget
from acctsec.keyring import frame
from acctsec.password import PREPARATION
from acctsec.protocols import Message
from acctsec.record import Record, Verifier

RIGHT = "correct horse battery staple"
_UNLIMITED = Budget(limit=10**6, window=ResetPolicy().per_subject.window)


@frozen(kw_only=True)
class NoWork(HashingPolicy):
    """The default hashes, with SHA-256 in the place of Argon2: what is left is what the library adds to a hash."""

    def _derive(self, secret: bytes, salt: bytes, cost: object, tag_bytes: int) -> bytes:
        return sha256(salt + secret).digest()[:tag_bytes]


class AnyStrength:
    """An estimator that takes no time: strength has rows of its own."""

    def __call__(self, password: str, words: object) -> float:
        """Strong enough."""
        return 20.0


def policy(hashing: HashingPolicy | None = None) -> Policy:
    """The default policy, but for hashes and strength that take no time, and as many resets as anybody wants."""
    return Policy(
        hashing=hashing or NoWork(),
        password=PasswordPolicy(estimator=AnyStrength()),
        reset=ResetPolicy(per_source=_UNLIMITED, per_subject=_UNLIMITED),
    )


def keyring() -> Keyring:
    """Fresh secrets."""
    return Keyring(sealing=[os.urandom(32)], index=[os.urandom(32)])


def name(number: int) -> str:
    """What account *number* types to sign in."""
    return f"user{number}@example.org"


def account(number: int) -> Account:
    """Account *number*."""
    return Account(subject=f"subject-{number}", identifiers=(name(number),), addresses=(name(number),))


class Users:
    """The platform's user table, in a dict."""

    def __init__(self, size: int) -> None:
        self.accounts = {name(number): account(number) for number in range(size)}
        self.subjects = {one.subject: one for one in self.accounts.values()}

    def find(self, tenant: str, identifier: str) -> Account | None:
        """Look an account up by what was typed."""
        return self.accounts.get(identifier)

    def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up by its subject."""
        return self.subjects.get(subject)


class SqlUsers:
    """The platform's user table, in SQLite: one query a look-up, as a peer's own user table takes it."""

    def __init__(self, path: Path, size: int) -> None:
        self.accounts = range(size)
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("CREATE TABLE users (subject TEXT PRIMARY KEY, identifier TEXT UNIQUE)")
        self.connection.executemany("INSERT INTO users VALUES (?, ?)", [(f"subject-{n}", name(n)) for n in range(size)])

    def find(self, tenant: str, identifier: str) -> Account | None:
        """Look an account up by what was typed."""
        return self._one("SELECT subject, identifier FROM users WHERE identifier = ?", identifier)

    def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up by its subject."""
        return self._one("SELECT subject, identifier FROM users WHERE subject = ?", subject)

    def _one(self, statement: str, value: str) -> Account | None:
        row = self.connection.execute(statement, (value,)).fetchone()
        return None if row is None else Account(subject=row[0], identifiers=(row[1],), addresses=(row[1],))


class Mailbox:
    """A messenger that keeps the latest message of every address."""

    def __init__(self) -> None:
        self.latest: dict[str, Message] = {}

    def send(self, message: Message) -> None:
        """Keep it."""
        self.latest[message.address] = message


class AsyncMailbox(Mailbox):
    """The async form of Mailbox."""

    async def send(self, message: Message) -> None:
        """Keep it."""
        super().send(message)


def adopt(records, keys: Keyring, rules: Policy, size: int) -> None:
    """Give every account a password, in the store itself: making thousands through the engine would take a minute."""
    for key, value in adopted(keys, rules, size):
        records.commit(key, None, value, (), os.urandom(16))


def adopted(keys: Keyring, rules: Policy, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The key and the record of every account, each with a password."""
    now = datetime.now(UTC)
    phc = rules.hashing.hash(RIGHT, salt=bytes(rules.hashing.salt_bytes)).encode()
    for number in range(size):
        subject = account(number).subject
        sealed = keys.seal("verifier", phc, "", subject)
        verifier = Verifier(sealed=sealed, born=1, preparation=PREPARATION, since=now)
        record = Record(incarnation=os.urandom(16), epoch=1, verifier=verifier)
        yield frame("subject", "", subject), encode_record(record)


def without_flushes(store: SqliteStore) -> SqliteStore:
    """Let commits of records leave the flush to the disk out, to measure what lies beside it."""
    writer = store._database.durable
    writer.disconnect()
    writer._synchronous = "NORMAL"
    return store


def settled(store: SqliteStore) -> SqliteStore:
    """A store whose log has grown and is written over from now on, as in one that has run a while."""
    connection = store._database.durable.connection
    with raw.recycling(connection):
        for number in range(raw.LOG_COMMITS):
            store.commit(b"", None, None, (bytes(350),), number.to_bytes(16, "big"))
    store.ack([drained.id for drained in store.drain(raw.LOG_COMMITS, datetime.now(UTC), timedelta(hours=1))])
    return store


def folder() -> tempfile.TemporaryDirectory:
    """A place for database files, on the disk that holds temporary files."""
    return tempfile.TemporaryDirectory(prefix="acctsec-bench-")


def sources() -> Iterator[Context]:
    """Contexts of requests, each from a source of its own, and in a network of its own: no other one's guesses matter to it."""
    for number in count():
        yield Context(source=Source(f"10.{number & 255}.{number >> 8 & 255}.{number >> 16 & 255}"))


def engine(store, users, *, rules: Policy | None = None, keys: Keyring | None = None, mailbox=None, **more) -> Engine:
    """A blocking engine."""
    rules, keys = rules or policy(), keys or keyring()
    return Engine(policy=rules, store=store, directory=users, keyring=keys, messenger=mailbox, outbox="manual", **more)


def turns(make: Callable[[int], Callable[[], object]], number: int) -> Callable[[], object]:
    """One call that does the work of *number* different ones in turn."""
    ready = [make(one) for one in range(number)]
    at = count()

    def call() -> object:
        return ready[next(at) % number]()

    return call
