"""A broken world denies loudly, says how to mend it, and loses nothing."""

import os
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from acctsec import ConfigError, Engine, Keyring, PortError, SqliteStore, StoreError
from acctsec.claims import CurrentPassword, Initial, ResetLink
from acctsec.errors import CommitUnknown, RecordError
from acctsec.events import GuessesCounted, PortFailed
from acctsec.keyring import frame
from acctsec.outcomes import (
    Delivered,
    PasswordAccepted,
    PasswordChanged,
    PasswordRejected,
    Refused,
    SessionEnded,
    SessionValid,
    SignedIn,
    TryAgain,
)
from acctsec.password import Outage
from acctsec.protocols import Account, MessagePurpose
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "another long passphrase 9"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "acctsec.db"


@pytest.fixture
def w(path):
    store = SqliteStore(path)
    w = world(store=store)
    w.sign_up("u1", "alice@example.org")
    yield w
    store.close()


def tamper(path, change):
    """Change stored record bytes behind the engine's back."""
    connection = sqlite3.connect(path)
    table, column = next(
        (table, column)
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        if column == "value" and "record" in table
    )
    rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
    for rowid, value in rows:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (change(value), rowid))
    connection.commit()
    connection.close()


# --- the store --------------------------------------------------------------------------------------------------------


def test_a_corrupt_record_denies_and_stays_as_it_is(w, path):
    tamper(path, lambda value: value[:40] + b"\xff" + value[41:20])
    with pytest.raises(RecordError, match="cannot be read") as caught:
        w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
    assert caught.value.remedy
    with pytest.raises(RecordError):
        w.engine.set_password("u1", NEW, by=Initial(), context=w.context())


def test_a_record_of_a_newer_release_denies_and_is_whole_afterwards(w, path):
    tamper(path, lambda value: bytes([value[0] + 1]) + value[1:])
    with pytest.raises(RecordError, match="Upgrade acctsec"):
        w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
    tamper(path, lambda value: bytes([value[0] - 1]) + value[1:])
    assert isinstance(w.engine.sign_in("alice@example.org", PASSWORD, context=w.context()), SignedIn)


def test_without_its_key_nothing_opens_and_with_it_everything_does_again(w):
    session, right = w.sign_in().session, w.keyring
    w.restart(keyring=Keyring(sealing=[os.urandom(32)], index=[os.urandom(32)]))
    assert isinstance(w.engine.sign_in("alice@example.org", PASSWORD, context=w.context()), Refused)
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionEnded)
    w.restart(keyring=right)
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionValid)
    assert isinstance(w.engine.sign_in("alice@example.org", PASSWORD, context=w.context()), SignedIn)


def test_a_store_held_by_another_process_is_an_error_and_not_a_no(w, path):
    with SqliteStore(path, patience=timedelta(milliseconds=200)) as w.store:
        w.restart()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
        assert caught.value.remedy
        other.execute("ROLLBACK")
        other.close()
        assert isinstance(w.engine.sign_in("alice@example.org", PASSWORD, context=w.context()), SignedIn)


class Failing:
    """A store of which one method fails, before or after it did what it was asked."""

    def __init__(self, store, method, *, after=False):
        for name in ("load", "commit", "drain", "ack", "scan", "charge", "settle", "read"):
            setattr(self, name, self._failing(getattr(store, name), after=after) if name == method else getattr(store, name))

    def _failing(self, call, *, after):
        def failing(*args):
            if after:
                call(*args)
            raise StoreError("The disk is gone.", remedy="Bring it back.")

        return failing


@pytest.mark.parametrize("identifier", ["alice@example.org", "nobody@example.org"])
def test_a_tenth_guess_that_cannot_be_written_down_is_not_compared_and_is_the_tenth_again(identifier):
    """Otherwise the record would not hear of ten more, and a loss of the meters would cost them too."""
    w = world()
    w.sign_up("u1", "alice@example.org")
    guess = lambda number: w.engine.sign_in(identifier, f"wrong {number}", context=w.context(f"198.18.0.{number + 1}"))
    for number in range(9):
        assert guess(number) == Refused()
    w.comparisons.clear()
    w.engine._flows.core.ports.records.commit = lost
    w.engine._flows.core.ports.pause = at_once
    assert isinstance(guess(9), TryAgain)
    assert not w.comparisons.all
    w.restart()
    assert guess(9) == Refused()
    assert guess(10) == Refused()
    assert len(w.comparisons.evaluated) == (identifier == "alice@example.org")
    w.deliver()
    assert [one.count for one in w.sink.of(GuessesCounted) if one.lane == "password/strangers"] == [10]


async def lost(*commit):
    raise CommitUnknown("Lost.", remedy="Look at the store.")


async def at_once(seconds):
    pass


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["load", "commit", "charge", "settle"])
def test_no_failure_of_a_store_call_is_taken_for_success(method, after):
    """M-216: errors other than absence were swallowed and reported as success."""
    w = world()
    w.sign_up("u1", "alice@example.org")
    whole = w.store
    w.store = Failing(whole, method, after=after)
    w.restart()
    with pytest.raises(StoreError):
        w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
    if method != "charge":
        with pytest.raises(StoreError):
            w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    w.store = whole
    w.restart()
    right, wrong = (NEW, PASSWORD) if method == "commit" and after else (PASSWORD, NEW)
    assert isinstance(w.engine.sign_in("alice@example.org", right, context=w.context()), SignedIn)
    assert isinstance(w.engine.sign_in("alice@example.org", wrong, context=w.context()), Refused)


# --- the platform's ports ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [7, "u1", b"", {"subject": "u1"}, [Account(subject="u1")], True, Account],
    ids=["number", "text", "bytes", "dict", "list", "true", "class"],
)
def test_a_directory_that_answers_something_else_denies(answer):
    w = world()
    w.sign_up("u1", "alice@example.org")
    w.directory.find = lambda tenant, identifier: answer
    w.directory.get = lambda tenant, subject: answer
    w.restart()
    with pytest.raises(PortError, match=r"directory\.find"):
        w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
    with pytest.raises(PortError, match=r"directory\.get"):
        w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())


def test_a_directory_that_answers_with_another_subject_denies():
    w = world()
    w.sign_up("u1", "alice@example.org")
    w.directory.get = lambda tenant, subject: Account(subject="u2")
    w.restart()
    with pytest.raises(PortError):
        w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())


def test_a_directory_that_raises_or_answers_with_a_coroutine_denies():
    w = world()
    w.sign_up("u1", "alice@example.org")

    async def late():
        return None

    def broken(tenant, identifier):
        raise RuntimeError(f"no table for {identifier}")

    for find in (broken, lambda tenant, identifier: late()):
        w.directory.find = find
        w.restart()
        with pytest.raises(PortError, match="find") as caught:
            w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())
        assert "alice" not in str(caught.value)


def test_a_failing_messenger_is_invisible_to_the_requester_and_loses_nothing():
    w = world()
    w.sign_up("u1", "alice@example.org")
    w.deliver()
    w.messenger.failure = ConnectionError("no route to the mail server")
    asked = [type(w.engine.request_reset(name, context=w.context())) for name in ("alice@example.org", "nobody@example.org")]
    assert asked[0] is asked[1]
    delivered = w.engine.deliver()
    assert (delivered.sent, delivered.failed) == (1, 1)
    w.messenger.failure = None
    w.clock.advance(minutes=5)
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RESET)) == 1
    assert isinstance(w.engine.redeem_reset(ResetLink(w.messenger.link), NEW, context=w.context()), PasswordChanged)


class Corpus:
    def __init__(self, answer):
        self.answer = answer

    def count(self, password):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [TimeoutError("slow"), None, -1, "many", True, 3.5],
    ids=["raises", "none", "negative", "text", "true", "float"],
)
def test_a_breach_corpus_that_cannot_tell_is_observed_and_the_other_rules_stand(answer):
    w = world(corpus=Corpus(answer))
    assert isinstance(w.engine.check_password(NEW), PasswordAccepted)
    assert isinstance(w.engine.check_password("password"), PasswordRejected)
    w.deliver()
    observed = [event for key, event in w.sink.handed if isinstance(event, PortFailed)]
    assert [event.port for event in observed] == ["corpus", "corpus"]


def test_a_policy_may_refuse_what_the_corpus_cannot_tell():
    w = world(corpus=Corpus(TimeoutError("slow")))
    w.restart(evolve(w.policy, password=evolve(w.policy.password, on_outage=Outage.REFUSE)))
    assert [one.code for one in w.engine.check_password(NEW).objections] == ["unchecked"]
    assert [one.code for one in w.engine.check_password("password").objections][-1] == "unchecked"


def test_a_breached_password_is_rejected_by_its_count():
    w = world(corpus=Corpus(4))
    rejected = w.engine.check_password(NEW)
    assert [(one.code, dict(one.params)) for one in rejected.objections] == [("breached", {"count": 4})]


@pytest.mark.parametrize(
    "now",
    [None, 0, datetime(2026, 1, 1), datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
    ids=["none", "number", "naive", "year 1", "year 9999"],
)
def test_a_clock_out_of_range_denies(now):
    w = world()
    w.sign_up("u1", "alice@example.org")
    w.clock.now = now
    with pytest.raises(PortError, match="clock"):
        w.engine.sign_in("alice@example.org", PASSWORD, context=w.context())


def test_entropy_that_falls_short_denies():
    w = world()
    w.entropy.__class__ = type("Short", (), {"__call__": lambda self, size: b"x"})
    with pytest.raises(PortError, match="entropy"):
        w.engine.request_reset("alice@example.org", context=w.context())


# --- wiring -----------------------------------------------------------------------------------------------------------


def test_an_engine_without_a_messenger_is_refused_unless_that_is_named():
    w = world()
    ports = {"policy": w.policy, "store": w.store, "directory": w.directory, "keyring": w.keyring}
    with pytest.raises(ConfigError, match="messenger"):
        Engine(**ports)
    Engine(**ports, outbox="manual")
    with pytest.raises(ConfigError, match="outbox"):
        Engine(**ports, outbox="yes")


@pytest.mark.parametrize(
    "broken",
    [{"policy": None}, {"keyring": "secret"}, {"store": object()}, {"directory": {}}, {"messenger": object()}],
    ids=lambda broken: next(iter(broken)),
)
def test_a_wrong_port_is_refused_at_construction_by_name(broken):
    w = world()
    ports = {
        "policy": w.policy,
        "store": w.store,
        "directory": w.directory,
        "keyring": w.keyring,
        "messenger": w.messenger,
    } | broken
    with pytest.raises(ConfigError, match=next(iter(broken))):
        Engine(**ports)


def test_more_sign_ins_than_the_governor_takes_are_told_to_try_again_before_anything_is_hashed():
    """Nothing was compared and nothing counted."""
    w = world()
    w.sign_up("u1", "alice@example.org")
    w.comparisons.clear()
    w.restart(evolve(w.policy, hashing=evolve(w.policy.hashing, permits=1, queue=0)))
    from threading import Event, Thread

    entered, leave = Event(), Event()

    def occupy():
        entered.set()
        leave.wait(10)

    governor = w.engine._flows.core.ports.hash
    thread = Thread(target=lambda: _drive(governor(occupy)))
    thread.start()
    entered.wait(10)
    for name in ("alice@example.org", "nobody@example.org"):
        assert isinstance(w.engine.sign_in(name, PASSWORD, context=w.context()), TryAgain)
    leave.set()
    thread.join()
    assert w.comparisons.all == []
    assert all(status.failures == 0 for status in w.engine.admin.lock_status("u1"))
    assert isinstance(w.engine.sign_in("alice@example.org", PASSWORD, context=w.context()), SignedIn)


def _drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration:
        pass


def test_the_key_of_a_record_is_injective():
    """M-066: keys built by joining strings let one name reach another's row."""
    keys = {frame("subject", tenant, subject) for tenant in ("", "a", "a:b", "ab") for subject in ("b", ":b", "", "a:b")}
    assert len(keys) == 16


def test_without_a_messenger_the_outbox_is_left_to_others():
    """A process that only serves hands on what it saw, and takes nothing out of the hands of whoever delivers."""
    w = world()
    w.sign_up()
    ports = {"policy": w.policy, "keyring": w.keyring, "directory": w.directory, "store": w.store, "sink": w.sink}
    web = Engine(**ports, outbox="manual", clock=w.clock, entropy=w.entropy)
    web.request_reset(IDENTIFIER, context=w.context())
    web.sign_in(IDENTIFIER, "wrong " + PASSWORD, context=w.context())
    for _ in range(12):
        assert web.deliver() == Delivered(0, 0, left=False)
        w.clock.advance(hours=1)
    assert [type(event).__name__ for event in w.sink.observations] == ["AttemptRefused"]
    assert w.sink.events == []
    w.restart(policy=w.policy)
    w.engine.deliver()
    assert "PasswordSet" in [type(event).__name__ for event in w.sink.events]
