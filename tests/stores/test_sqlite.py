"""SqliteStore and its async form: the contract, many processes, crashes, forks, and a broken disk."""

import asyncio
import gc
import os
import signal
import sqlite3
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import gettempdir

import pytest
from tests.faults.processes import Process
from tests.stores import writers
from tests.stores.writers import LADDER, NOW, SECOND

from acctsec.errors import CommitUnknown, ConfigError, StoreError
from acctsec.protocols import MAX_ATTEMPTS, MOST_COUNTED, Charge, Committed, Conflict, Granted, Settle, Settlement
from acctsec.stores import AsyncSqliteStore, SqliteStore, sqlite

HOUR = 3600 * SECOND
TODAY = datetime(2025, 6, 1, tzinfo=UTC)
SOON = timedelta(milliseconds=200)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def store(path):
    with SqliteStore(path) as store:
        yield store


def version(number):
    return number.to_bytes(16)


def charge(number=0, slot=b"slot", candidate=None, ladder=LADDER):
    return Charge(slot, b"m", ladder, candidate, b"hold %d" % number)


def tally(store, slot=b"slot", now=NOW):
    return store.read([(slot, b"m", LADDER)], now)[0]


def test_remembers_what_another_store_wrote(path):
    """Everything is in the file."""
    with SqliteStore(path) as store:
        store.commit(b"key", None, b"value", [b"entry"], version(1))
        store.charge([charge()], NOW)
    with SqliteStore(str(path)) as store:
        assert store.load(b"key") == (b"value", version(1))
        assert [one.entry for one in store.drain(9, TODAY, SOON)] == [b"entry"]
        assert tally(store).count == 1


def test_the_file_is_for_its_owner_only(path):
    """It holds password hashes; SQLite gives its companions the same mode."""
    old = os.umask(0)
    try:
        with SqliteStore(path) as store:
            store.commit(b"key", None, b"value", (), version(1))
            modes = {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(old)

    assert modes == {0o600}


def test_what_is_deleted_is_overwritten(path):
    """No page keeps the bytes of a record that was erased."""
    with SqliteStore(path) as store:
        store.commit(b"key", None, b"Lemurs!" * 300, [b"Lemurs?" * 300], version(1))
        assert isinstance(store.commit(b"key", version(1), None, (), version(2)), Committed)

    assert b"Lemurs" not in path.read_bytes()


# --- many at once -----------------------------------------------------------------------------------------------------


def test_two_processes_share_a_file(store, path):
    """No charge is lost and no version is won twice, whoever makes them."""
    others = [Process(writers.adds, path, name) for name in (b"a", b"b", b"c")]
    assert [other.end() for other in others] == [0] * 3

    assert tally(store).count == 900
    assert store.load(b"key")[0] == b"900"
    entries = [one.entry for one in store.drain(9999, TODAY, SOON)]
    assert len(entries) == len(set(entries)) == 900


def test_many_processes_make_one_file(path):
    """Whoever comes first makes it, and nobody takes it for another program's."""
    others = [Process(writers.makes, path, b"%d" % number) for number in range(8)]
    answers = [other.line.recv() for other in others]

    assert [other.end() for other in others] == [0] * 8
    assert sorted(type(answer).__name__ for answer in answers) == ["Committed"] + ["Conflict"] * 7


def test_a_killed_process_leaves_no_half_commit(path):
    """Kill -9 in the middle: every acknowledged commit is there with its entry, and none is there without."""
    acknowledged, last = [], 0
    for turn in range(6):
        writer = Process(writers.writes, path, last)
        for _ in range(5 + 7 * turn):
            acknowledged.append(writer.line.recv())
        writer.kill()
        with suppress(EOFError, OSError):  # the last word may be half of one
            while True:
                acknowledged.append(writer.line.recv())
        assert writer.end() == -signal.SIGKILL
        last = acknowledged[-1] + 1
    with SqliteStore(path) as store:
        entries = {one.entry for one in store.drain(10**6, TODAY, SOON)}
        for number in range(1, last + 2):
            key = b"%d" % number
            found = store.load(key)
            assert (found is not None) == (b"entry of " + key in entries), f"{number} is half there"
            if number in acknowledged:
                assert found == (b"value of " + key, key)
                assert tally(store, key).count == 1


@pytest.mark.parametrize("times", [1, 3])
def test_survives_forks(store, times):
    """Parent and children go on beside each other, also when threads were writing at the moment of the fork."""
    stop = threading.Event()
    numbers, failures = count(1), []

    def work():
        while not stop.is_set():
            try:
                number = next(numbers)
                store.commit(b"parent %d" % number, None, b"value", (), version(number))
                store.charge([charge(number)], NOW)
                assert store.load(b"parent %d" % number)
            except BaseException as error:
                failures.append(error)
                raise

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    children = []
    for child in range(times):
        time.sleep(0.02)
        pid = os.fork()
        if not pid:
            # In the child: report by exit code, and leave without touching what pytest has open.
            try:
                for number in range(20):
                    assert store.load(b"parent 1")
                    store.commit(b"child %d %d" % (child, number), None, b"value", (), b"child %d %d" % (child, number))
                    store.charge([charge(number, slot=b"child")], NOW)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    stop.set()
    for thread in threads:
        thread.join()

    assert statuses == [0] * times
    assert not failures
    assert all(store.load(b"child %d %d" % (child, number)) for child in range(times) for number in range(20))
    assert tally(store, b"child").count == 20 * times
    assert tally(store).count == next(numbers) - 1


def test_a_child_keeps_its_commits_when_the_parent_closes(path):
    """The last to close a file removes its log; a child of before must not be writing into what was removed."""
    store = SqliteStore(path)
    store.commit(b"key", None, b"value", (), version(1))
    told, tell = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            store.load(b"key")
            os.read(told, 1)
            store.commit(b"child", None, b"value", (), version(2))
            os._exit(0)
        finally:
            os._exit(1)
    time.sleep(0.1)
    store.close()
    os.write(tell, b"!")
    assert os.waitpid(pid, 0)[1] == 0
    os.close(told)
    os.close(tell)

    with SqliteStore(path) as store:
        assert store.load(b"child") == (b"value", version(2))


@pytest.mark.parametrize("busy", ["reading", "writing"])
def test_a_child_forked_in_the_middle_of_a_call_refuses(path, busy):
    """SQLite there believes in locks of its parent. Rather no store than one that loses what it answered."""
    with SqliteStore(path, patience=SOON) as store:
        store.commit(b"key", None, b"value", (), version(1))
        store.load(b"key")
        reader = store._database._readers.get() if busy == "reading" else None
        if busy == "writing":
            store._database.durable.__enter__()
        pid = os.fork()
        if not pid:
            refused = 0
            for call in (lambda: store.load(b"key"), lambda: store.charge([charge()], NOW)):
                try:
                    call()
                except StoreError as error:
                    refused += "forked" in str(error)
            os._exit(refused)
        if busy == "writing":
            store._database.durable.__exit__(None, None, None)
        else:
            store._database._readers.put(reader)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
        assert store.load(b"key") == (b"value", version(1))
        assert store.charge([charge()], NOW)[0].new


@pytest.mark.deep
def test_writers_wait_in_turn(path):
    """Of four processes none starves, none waits long, none fails and no charge is lost."""
    SqliteStore(path).close()
    begin = time.monotonic() + 1.5
    others = [Process(writers.charges, path, begin) for _ in range(4)]
    reports = [other.line.recv() for other in others]
    assert [other.end() for other in others] == [0] * 4
    done = [report[0] for report in reports]

    with SqliteStore(path) as store:
        assert tally(store).count == sum(done)
    assert min(done) >= 0.5 * max(done)
    assert max(report[1] for report in reports) <= 0.25


# --- a broken world ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["", ":memory:", ":memory:?cache=shared"])
def test_memory_is_another_store(wrong):
    """There is a class for that."""
    with pytest.raises(ConfigError, match="MemoryStore"):
        SqliteStore(wrong)


def test_a_closed_store_says_so(path):
    """Closing again is nothing; everything else raises."""
    store = SqliteStore(path)
    store.commit(b"key", None, b"value", (), version(1))
    store.load(b"key")
    store.close()
    store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for call in (
        lambda: store.load(b"key"),
        lambda: store.commit(b"key", None, b"value", (), version(1)),
        lambda: store.drain(1, TODAY, SOON),
        lambda: store.ack([b"id"]),
        lambda: store.charge([charge()], NOW),
        lambda: store.settle([], NOW),
        lambda: tally(store),
    ):
        with pytest.raises(StoreError, match="closed"):
            call()


@pytest.mark.parametrize("mark", ["CREATE TABLE accounts (name)", "PRAGMA user_version = 7", "PRAGMA application_id = 7"])
def test_a_foreign_file_is_left_alone(path, mark):
    """Another program's file is refused, byte for byte untouched."""
    other = sqlite3.connect(path)
    other.execute(mark)
    other.commit()
    other.close()
    before = path.read_bytes()

    with pytest.raises(StoreError, match="another program"):
        SqliteStore(path)

    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_newer_file_is_left_alone(store, path):
    """An older release does not touch what a newer one wrote."""
    store.close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()

    with pytest.raises(StoreError, match="newer release") as refused:
        SqliteStore(path)
    assert "newer" in refused.value.remedy


def test_what_is_no_sqlite_file_is_left_alone(path):
    """Text, for instance."""
    path.write_bytes(b"name,password\n" * 99)

    with pytest.raises(StoreError, match="not an SQLite file"):
        SqliteStore(path)
    assert path.read_bytes() == b"name,password\n" * 99


def test_a_missing_directory_is_named(tmp_path):
    """The remedy is to make it."""
    with pytest.raises(StoreError, match=r"nowhere.*Create its directory"):
        SqliteStore(tmp_path / "nowhere" / "store.db")


def test_a_file_system_without_shared_memory_is_refused(path, monkeypatch):
    """There, SQLite keeps another journal, and nothing that is promised here would hold."""
    connect = sqlite3.connect

    class Remote(sqlite3.Connection):
        def execute(self, statement, *values):
            return super().execute("SELECT 'delete'" if "journal_mode" in statement else statement, *values)

    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named | {"factory": Remote}))
    with pytest.raises(StoreError, match="Put the file on a local disk"):
        SqliteStore(path)


def test_a_file_that_vanished_is_no_new_store(store, path):
    """Losing the file must not look like a store in which nobody has a password."""
    store.close()
    store._database.closed = None
    path.unlink()

    with pytest.raises(StoreError, match="cannot be opened"):
        store.load(b"key")
    assert not path.exists()


def as_nobody(call):
    """Run *call* in a child that is not root and answer with its exit code."""
    pid = os.fork()
    if not pid:
        try:
            if os.geteuid() == 0:
                os.seteuid(65534)
            os._exit(call())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def open_to_all(path):
    """Let everybody pass through the folders that pytest made for this user alone."""
    for folder in (path, *path.parents):
        if folder == Path(gettempdir()) or folder.stat().st_uid != os.getuid():
            break
        folder.chmod(folder.stat().st_mode | 0o011)


@pytest.mark.parametrize(("file_mode", "directory_mode"), [(0o444, 0o777), (0o666, 0o555), (0o000, 0o777)])
def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path, file_mode, directory_mode):
    """A read-only file, or one in a read-only directory, is found out when the store is made, not at the first sign-in."""
    directory = tmp_path / "d"
    directory.mkdir()
    path = directory / "store.db"
    with SqliteStore(path) as store:
        store.commit(b"key", None, b"value", (), version(1))
    open_to_all(tmp_path)
    path.chmod(file_mode)
    directory.chmod(directory_mode)

    def attempt():
        try:
            SqliteStore(path)
        except StoreError as error:
            return 0 if "Let this process write the file and its directory" in error.remedy else 2
        return 1

    try:
        assert as_nobody(attempt) == 0
    finally:
        directory.chmod(0o777)
        path.chmod(0o666)
    with SqliteStore(path) as store:
        assert store.load(b"key") == (b"value", version(1))


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    """There the file cannot be made."""
    open_to_all(tmp_path)
    directory = tmp_path / "d"
    directory.mkdir(mode=0o555)

    def attempt():
        try:
            SqliteStore(directory / "store.db")
        except StoreError as error:
            return 0 if "Permission denied" in str(error) else 2
        return 1

    assert as_nobody(attempt) == 0


def dead(store, number):
    """So many entries, handed out until they are dead; their ids."""
    store.commit(b"key", None, None, [b"%d" % one for one in range(number)], version(1))
    now = TODAY
    for _ in range(MAX_ATTEMPTS):
        handed = store.drain(number, now, SOON)
        now += timedelta(days=1)
    return [one.id for one in handed]


def test_a_file_of_before_gets_what_finds_the_dead(store, path):
    """And a release of before goes on with the file: the version of its tables is the same."""
    ids = dead(store, 3)
    store.close()
    other = sqlite3.connect(path)
    before = other.execute("PRAGMA user_version").fetchone()
    other.execute("DROP INDEX outbox_dead")
    other.close()

    with SqliteStore(path) as opened:
        assert [one.id for one in opened.dead_letters(b"", 9).letters] == ids
        assert opened._database.select("PRAGMA user_version", ()) == [before]


def test_the_dead_are_found_without_a_look_at_the_living(store):
    """And what waits is counted along the index that draining reads, so far and no further."""

    def plan(statement, *values):
        return [row[3] for row in store._database.select(f"EXPLAIN QUERY PLAN {statement}", values)]

    [found] = plan(sqlite._DEAD, 0, 9)
    assert "INDEX outbox_dead (" in found
    walked = [line for line in plan(sqlite._WAITING, 0) if " outbox " in line]
    assert walked
    assert all(" INDEX outbox_" in line or "INTEGER PRIMARY KEY (rowid=?)" in line for line in walked), walked


def test_counting_ends_somewhere(store):
    """A full outbox is looked at as quickly as any other; the oldest that is due is found among those that were counted."""
    store.commit(b"key", None, None, [b"%d" % number for number in range(MOST_COUNTED + 5)], version(1))
    counted = store.waiting(TODAY)
    assert (counted.due, counted.hidden, counted.dead, counted.oldest) == (MOST_COUNTED, 0, 0, b"0")
    store.drain(2, TODAY, SOON)
    counted = store.waiting(TODAY)
    assert (counted.due, counted.hidden, counted.oldest) == (MOST_COUNTED - 2, 2, b"2")


def test_a_full_disk_loses_nothing(store):
    """What was committed stays readable, the failed commit leaves no trace, and all goes on when there is room."""
    store.commit(b"key", None, b"value", [b"entry"], version(1))
    for writer, fills_it in (
        (store._database.durable, lambda: store.commit(b"other", None, b"S" * 100_000, [b"lost"], version(2))),
        (store._database.quick, lambda: store.charge([charge(slot=b"S" * 100_000)], NOW)),
    ):
        with writer as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="disk is full") as full:
            fills_it()
        assert "SSS" not in str(full.value)
        assert not isinstance(full.value, CommitUnknown)

    assert store.load(b"key") == (b"value", version(1))
    assert store.load(b"other") is None
    assert store.commit(b"other", None, b"S" * 100_000, [b"sent"], version(3)) == Committed(version(3))
    assert [one.entry for one in store.drain(9, TODAY, SOON)] == [b"entry", b"sent"]
    assert isinstance(store.charge([charge(slot=b"S" * 100_000)], NOW)[0], Granted)


def test_a_damaged_file_is_an_error_not_an_absence(path):
    """A record whose page is gone must not read as a subject that never was."""
    with SqliteStore(path) as store:
        for number in range(1, 200):
            store.commit(b"key %d" % number, None, b"v" * 1000, (), version(number))
    damaged = bytearray(path.read_bytes())
    for page in range(4096 * 4, len(damaged), 4096):
        damaged[page : page + 64] = b"\xee" * 64
    path.write_bytes(damaged)
    with SqliteStore(path) as store:
        for _ in range(2):
            with pytest.raises(StoreError, match="damaged"):
                store.load(b"key 100")
            with pytest.raises(StoreError, match="damaged"):
                store.commit(b"key 100", version(100), b"new", (), version(999))


@pytest.mark.parametrize(
    ("row", "message"),
    [(b"", "format"), (b"\x02\x80", "format"), (b"\x01\xc1", "damaged"), (b"\x01\x81\xc4\x01m\x01", "damaged")],
)
def test_a_damaged_row_admits_nobody(store, row, message):
    """Meters that cannot be read fail closed."""
    store.charge([charge()], NOW)
    with store._database.quick as connection:
        connection.execute("UPDATE meters SET row = ?", (row,))

    for call in (
        lambda: store.charge([charge(1)], NOW),
        lambda: store.settle([Settlement(b"slot", b"m", LADDER, b"hold", Settle.CLEAR)], NOW),
        lambda: tally(store),
    ):
        with pytest.raises(StoreError, match=message):
            call()
    assert store.charge([charge(slot=b"other")], NOW)[0].new


def test_a_locked_file_is_waited_for_and_then_named(path):
    """Patience is bounded; reading goes on meanwhile, and everything when the lock is gone."""
    with SqliteStore(path, patience=SOON) as store:
        store.commit(b"key", None, b"value", (), version(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        for call in (
            lambda: store.commit(b"key", version(1), b"new", (), version(2)),
            lambda: store.charge([charge()], NOW),
        ):
            with pytest.raises(StoreError, match="stayed locked"):
                call()
        assert 0.4 <= time.monotonic() - begin < 5
        assert store.load(b"key") == (b"value", version(1))
        other.execute("ROLLBACK")
        other.close()
        assert store.commit(b"key", version(1), b"new", (), version(2)) == Committed(version(2))


def test_a_busy_process_is_waited_for(path):
    """Inside the process patience is as bounded: a thread that holds the writer too long is named too."""
    with SqliteStore(path, patience=SOON) as store:
        with store._database.durable, pytest.raises(StoreError, match="stayed locked"):
            store.charge([charge()], NOW)
        readers = [store._database._readers.get() for _ in range(4)]
        with pytest.raises(StoreError, match="stayed locked"):
            store.load(b"key")
        for reader in readers:
            store._database._readers.put(reader)
        assert store.load(b"key") is None


class Broken:
    """A connection on which one statement fails after it reached the file, or before."""

    def __init__(self, connection, statement, *, after):
        self._connection, self._statement, self._after = connection, statement, after

    def execute(self, statement, *values):
        if statement.startswith(self._statement):
            if self._after:
                self._connection.execute(statement, *values)
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(statement, *values)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.mark.parametrize("after", [False, True])
def test_a_commit_without_an_answer_is_unknown(store, after):
    """Whether it happened can only be read."""
    store._database.durable.connection = Broken(store._database.durable.connection, "COMMIT", after=after)

    with pytest.raises(CommitUnknown, match="Read again"):
        store.commit(b"key", None, b"value", [b"entry"], version(1))
    assert store.load(b"key") == ((b"value", version(1)) if after else None)
    assert store.commit(b"key", None, b"value", (), version(2)) == (Conflict() if after else Committed(version(2)))


def test_a_failed_charge_is_no_unknown_commit(store):
    """It is a StoreError: charging again with the same hold is safe."""
    store.charge([charge()], NOW)
    store._database.quick.connection = Broken(store._database.quick.connection, "COMMIT", after=False)

    with pytest.raises(StoreError) as failed:
        store.charge([charge(1)], NOW)
    assert not isinstance(failed.value, CommitUnknown)
    assert tally(store).count == 1


def test_a_statement_that_fails_undoes_its_transaction(store):
    """Half-way through is nowhere."""
    store.commit(b"key", None, b"value", (), version(1))
    store._database.durable.connection = Broken(store._database.durable.connection, "DELETE FROM outbox", after=False)

    with pytest.raises(StoreError, match="disk I/O error"):
        store.commit(b"key", version(1), None, [b"entry"], version(2))
    assert store.load(b"key") == (b"value", version(1))
    assert store.drain(9, TODAY, SOON) == ()


def test_an_interrupted_call_undoes_its_transaction(store):
    """Ctrl-C between two statements leaves neither a lock nor half a change."""

    def interrupted():
        with store._database.durable as connection:
            connection.execute("INSERT INTO records VALUES (x'00', x'00', x'00')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert store.load(b"\0") is None
    assert store.commit(b"\0", None, b"value", (), version(1)) == Committed(version(1))


# --- garbage ----------------------------------------------------------------------------------------------------------


def rows(store):
    return store._database.select("SELECT count(*) FROM meters", ())[0][0]


def test_idle_rows_are_collected(store):
    """A flood of names that come once each leaves no more behind than a few windows of them."""
    for number in range(12_000):
        store.charge([charge(slot=b"%d" % number)], NOW + number * HOUR // 600)

    assert 1_200 < rows(store) < 4_000


def test_a_leaping_clock_collects_nothing(store):
    """Age is what passed, not what the clock says: a year's mistake costs an hour."""
    store.charge([charge(slot=b"counted")], NOW)
    for number in range(600):
        store.charge([charge(slot=b"%d" % number)], NOW + 365 * 24 * HOUR)

    assert rows(store) == 601


def test_age_goes_on_in_the_next_process(path):
    """Processes that live shorter than any window collect all the same."""
    for hour in range(8):
        with SqliteStore(path) as store:
            store.charge([charge(slot=b"%d" % hour)], NOW + hour * HOUR)
            left = rows(store)

    assert left <= 4


# --- the async form ---------------------------------------------------------------------------------------------------


def test_a_cancelled_call_leaves_everything_whole(path):
    """One that waits is not made; one that has begun ends; neither gives its answer to another."""
    other = sqlite3.connect(path, isolation_level=None)

    async def main():
        async with AsyncSqliteStore(path, patience=timedelta(seconds=30)) as store:
            await store.commit(b"key", None, b"value", (), version(1))
            other.execute("BEGIN IMMEDIATE")
            begun = asyncio.create_task(store.commit(b"begun", None, b"value", [b"begun"], version(2)))
            await asyncio.sleep(0.05)
            waiting = asyncio.create_task(store.commit(b"waiting", None, b"value", [b"waiting"], version(3)))
            patient = asyncio.create_task(store.charge([charge()], NOW))
            await asyncio.sleep(0.05)
            assert await store.load(b"key") == (b"value", version(1)), "reading waits for writing"
            for task in (begun, waiting):
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            other.execute("ROLLBACK")
            (reading,) = await patient
            assert isinstance(reading, Granted)
            assert await store.load(b"begun") == (b"value", version(2))
            assert await store.load(b"waiting") is None
            assert [one.entry for one in await store.drain(9, TODAY, SOON)] == [b"begun"]

    asyncio.run(main())
    other.close()


def test_a_hail_of_cancellations_changes_no_answer(path):
    """Whoever was not cancelled is answered rightly."""

    async def main():
        async with AsyncSqliteStore(path) as store:
            for number in range(60):
                await store.commit(b"%d" % number, None, b"value %d" % number, (), version(number + 1))
            loads = [asyncio.create_task(store.load(b"%d" % (number % 60))) for number in range(600)]
            writes = [asyncio.create_task(store.charge([charge(number)], NOW)) for number in range(100)]
            for number, task in enumerate(loads + writes):
                if number % 3 == 0:
                    task.cancel()
                if number % 50 == 0:
                    await asyncio.sleep(0)
            answers = await asyncio.gather(*loads, *writes, return_exceptions=True)
            for number, answer in enumerate(answers[:600]):
                if not isinstance(answer, asyncio.CancelledError):
                    assert answer == (b"value %d" % (number % 60), version(number % 60 + 1))
            counted = (await store.read([(b"slot", b"m", LADDER)], NOW))[0].count
            answered = sum(not isinstance(answer, asyncio.CancelledError) for answer in answers[600:])
            assert answered <= counted <= 100

    asyncio.run(main())


def test_many_loops_and_a_fork(path):
    """The store belongs to no loop, and a child makes threads of its own."""
    store = AsyncSqliteStore(path)
    for number in range(3):
        asyncio.run(store.commit(b"%d" % number, None, b"value", (), version(number + 1)))
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if asyncio.run(store.load(b"2")) == (b"value", version(3)) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert asyncio.run(store.load(b"1")) == (b"value", version(2))
    assert repr(store) == f"AsyncSqliteStore({str(path)!r})"
    asyncio.run(store.close())
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.load(b"1"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's list of open files")
def test_a_store_that_nobody_holds_any_more_holds_no_file(tmp_path):
    """Who forgets to close one leaks nothing, and is warned of nothing; from 3.13 on Python would."""

    def held():
        return [target for one in Path("/proc/self/fd").iterdir() for target in _targets(one) if str(tmp_path) in target]

    store = SqliteStore(tmp_path / "accounts.db")
    store.load(b"key")
    assert held()
    del store
    gc.collect()
    assert held() == []


def _targets(link):
    try:
        yield str(link.readlink())
    except FileNotFoundError:  # the one that lists them
        return
