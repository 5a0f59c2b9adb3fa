"""Import: the hashes of another system become passwords, each row once, whatever the table holds and whenever the run is killed."""

import csv
import hashlib
import io
import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import CHEAPEST, Account, Initial, MemoryStore, PasswordChanged, Refused, events
from acctsec.__main__ import main
from acctsec._migration import tables
from acctsec._migration.tables import MAX_ROW, Format, TableError, rows
from acctsec.errors import ConfigError, StoreError
from acctsec.outcomes import Imported, ImportObjection, NotImported, TryAgain
from acctsec.protocols import Conflict
from acctsec.testing import Operation, async_world, crash_everywhere, explore, race_world, world
from acctsec.testing.turns import drive
from acctsec.testing.world import IDENTIFIER, PASSWORD

KINDS = [pytest.param(kind, marks=() if kind in USUAL else pytest.mark.deep) for kind in STORES]
STORED = CHEAPEST.hashing.hash(PASSWORD, salt=b"sixteen bytes ab")
OTHER = CHEAPEST.hashing.hash("violet staple under the harbour 63", salt=b"sixteen bytes cd")
COSTLY = STORED.replace(STORED.split("$")[3], "m=4194304,t=9,p=1")

# --- tables -----------------------------------------------------------------------------------------------------------

FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def read(text, columns, form=Format.CSV, **where):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(rows(io.BytesIO(raw), columns, form=form, **where))


def nothing_if_empty(value):
    return None if value in {"", "\\N"} else value


@settings(max_examples=200)
@given(
    st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=8),
    st.sampled_from(["\r\n", "\n"]),
    st.sampled_from(",;\t"),
    st.booleans(),
    st.integers(1, 9),
)
def test_csv_reads_as_it_was_written_and_from_every_row_on(written, ending, delimiter, bom, chunk):
    """Quoted newlines, quotes, delimiters and letters of any size, cut anywhere; beginning again behind any row reads the rest."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *written])
    raw = (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "CHUNK", chunk)
        found = read(raw, ("c", "a"), delimiter=delimiter)
        assert [one.values for one in found] == [{"c": nothing_if_empty(c), "a": nothing_if_empty(a)} for a, _, c in written]
        assert [one.number for one in found] == [*range(1, len(written) + 1)]
        for one in found:
            rest = read(raw, ("c", "a"), delimiter=delimiter, end=one.end, number=one.number)
            assert rest == found[one.number :]


@settings(max_examples=200)
@given(st.text('ab",;\r\n\\ ', max_size=40), st.integers(1, 5))
def test_csv_means_what_a_strict_reader_says_or_nothing(body, chunk):
    """Whatever is accepted is what Python's strict reader finds there too; it is never read as something else."""
    raw = ("x,y\n" + body).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "CHUNK", chunk)
        try:
            found = [one for one in read(raw, ("x", "y")) if not one.problem]
        except TableError:
            return
    wanted = [one for one in csv.reader(io.StringIO(body, newline=""), strict=True) if len(one) == 2]
    assert [[one.values["x"], one.values["y"]] for one in found] == [[*map(nothing_if_empty, one)] for one in wanted]


@given(
    st.lists(st.fixed_dictionaries({}, optional={"a": FIELD | st.none() | st.integers(), "b": FIELD}), max_size=8), st.booleans()
)
def test_json_lines_read_as_they_were_written_and_from_every_row_on(written, bom):
    raw = (b"\xef\xbb\xbf" if bom else b"") + "".join(f"{json.dumps(one)}\n\n" for one in written).encode()
    found = read(raw, ("a",), Format.JSONL)
    values = [None if one.get("a") is None else nothing_if_empty(str(one["a"])) for one in written]
    assert [one.values["a"] for one in found] == values
    for one in found:
        assert read(raw, ("a",), Format.JSONL, end=one.end, number=one.number) == found[one.number :]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"1,2,3", "3 fields, and the header has 2"),
        (b"1", "1 fields, and the header has 2"),
        (b"\xff,2", "not UTF-8"),
        (b'1,"' + b"x" * MAX_ROW + b'"', "longer than a row may be"),
        (b'1,"' + b"\r\n7,forged\r\n" * MAX_ROW + b'"', "longer than a row may be"),
        (b'1,"' + b'""' * MAX_ROW + b'"', "longer than a row may be"),
        (b"1" + b"," * 2 * MAX_ROW, "longer than a row may be"),
    ],
    ids=range(7),
)
def test_a_bad_row_of_csv_is_one_bad_row(row, problem):
    """The rows around it are read; nothing inside of it passes for a row."""
    found = read(b"a,b\n0,zero\n" + row + b"\n2,two\n", ("a", "b"))
    assert [(one.number, one.problem) for one in found] == [(1, None), (2, problem), (3, None)]
    assert found[2].values == {"a": "2", "b": "two"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not an object of JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1.5}', "a: neither text nor a whole number"),
        (b'{"a": true}', "a: neither text nor a whole number"),
        (b'{"a": {}}', "a: neither text nor a whole number"),
        (b'{"a": "1", "a": "2"}', "a name that comes twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "' + b"x" * MAX_ROW + b'"}', "longer than a row may be"),
        (b'{"a": "' + b"x" * 3 * MAX_ROW + b'"}', "longer than a row may be"),
    ],
    ids=range(12),
)
def test_a_bad_line_of_json_is_one_bad_line(row, problem):
    found = read(b'{"a": "zero"}\n' + row + b'\n{"a": "two"}', ("a",), Format.JSONL)
    assert [(one.number, one.problem) for one in found] == [(1, None), (2, problem), (3, None)]
    assert found[2].values == {"a": "two"}


@pytest.mark.parametrize("row", [b'1,"x"y', b'1,x"y', b"1,x\ry", b'1,"x', b'1,"x\n2,forged\n', b'1,"x"\ry'])
def test_where_a_row_cannot_be_told_from_the_next_the_table_ends(row):
    """Somebody's name could be read as a row that he wrote."""
    stream = rows(io.BytesIO(b"a,b\n0,zero\n" + row + b"\n2,two\n"), ("a",), form=Format.CSV)
    assert next(stream).values == {"a": "0"}
    with pytest.raises(TableError, match="Row 2") as ended:
        list(stream)
    assert ended.value.row == 2
    assert "forged" not in str(ended.value)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"a,b\n", "no columns 'id'.*one of 'a', 'b'"),
        (b"id,id\n", "2 columns 'id'"),
        (b"", "no columns 'id'"),
        (b"\xff\xfei\0d\0", "UTF-16"),
        (b"id,\xff\n", "header is not UTF-8"),
        (b"id" * MAX_ROW, "no columns 'id'"),
    ],
    ids=range(6),
)
def test_a_table_without_its_columns_is_refused_at_once(raw, says):
    with pytest.raises(TableError, match=says) as refused:
        rows(io.BytesIO(raw), ("id",), form=Format.CSV)
    assert refused.value.row == 0


# --- the operation ----------------------------------------------------------------------------------------------------


def imported(w, stored=STORED, subject="u1", **options):
    return w.calls.admin.import_verifier(subject, stored, actor="mover", **options)


@pytest.mark.parametrize("kind", KINDS)
def test_the_hash_of_another_system_signs_in(kind, places):
    """Sealed as any other: a copy of the store has no hash in it. One event, with who and what."""
    place = places.fresh(kind)
    w = world(store=place.open())
    w.sign_up(password=None)

    assert imported(w, dry_run=True) == Imported("argon2id")
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), Refused)
    since = w.clock() - timedelta(days=400)
    assert imported(w, changed_at=since) == Imported("argon2id")
    assert imported(w) == imported(w, dry_run=True) == Imported("argon2id", again=True)
    w.sign_in()
    assert w.engine.admin.export("u1").password_since == since
    assert STORED.encode() not in place.dump()
    w.deliver()
    [told] = w.sink.of(events.VerifierImported)
    assert (told.subject, told.scheme, told.actor) == ("u1", "argon2id", "mover")
    assert w.messenger.messages == []


def test_both_faces_import():
    w = async_world()
    w.sign_up(password=None)
    assert imported(w) == Imported("argon2id")
    w.sign_in()
    w.close()


def test_a_password_that_is_there_is_never_replaced():
    w = world()
    w.sign_up()
    for options in ({}, {"dry_run": True}):
        assert imported(w, **options) == NotImported(ImportObjection.HAS_PASSWORD)
    w.sign_in()


@pytest.mark.parametrize(
    "stored",
    ["", "x", "!unusable", COSTLY, STORED[:-1], STORED + "\n", "$argon2i$" + STORED[10:], PASSWORD, "\ud800", 7, None, b"x" * 9],
    ids=range(12),
)
def test_what_would_be_right_for_nobody_is_not_taken(stored):
    """Foreign, damaged, hostile or no hash at all: refused with the reason, before the account is looked at."""
    w = world()
    w.sign_up(password=None)
    for subject in ("u1", "nobody"):
        refused = imported(w, stored, subject)
        assert refused == NotImported(ImportObjection.UNREADABLE)
    assert w.store.load(w.engine._flows.core.record_key("", "u1")) is None


def test_other_reasons_to_refuse():
    w = world()
    w.sign_up(password=None)
    assert imported(w, subject="nobody") == NotImported(ImportObjection.UNKNOWN_SUBJECT)
    assert imported(w, tenant="elsewhere") == NotImported(ImportObjection.UNKNOWN_SUBJECT)
    later = w.clock() + timedelta(seconds=1)
    assert imported(w, changed_at=later) == NotImported(ImportObjection.FUTURE)
    for wrong in (datetime(2020, 1, 1), "2020-01-01", 7):
        with pytest.raises(ConfigError, match="aware instant"):
            imported(w, changed_at=wrong)
    with pytest.raises(ConfigError):
        imported(w, subject="x" * 65)
    assert w.sink.events == []


def a_race(begin, check):
    def make():
        w = race_world()
        w.sign_up(password=None)
        return w

    return explore(make, begin, check)


def test_of_two_hashes_at_once_one_is_taken():
    """In every order; the same one twice is once taken and once found."""

    def each(w, *hashes):
        return [w.engine.admin.import_verifier("u1", stored, actor="mover") for stored in hashes]

    def one_wins(w, answers):
        assert sorted(type(one).__name__ for one in answers) == ["Imported", "NotImported"]
        w.deliver()
        assert len(w.sink.of(events.VerifierImported)) == 1

    def found(w, answers):
        assert sorted(one.again for one in answers) == [False, True]
        w.deliver()
        assert len(w.sink.of(events.VerifierImported)) == 1

    a_race(lambda w: each(w, STORED, OTHER), one_wins)
    a_race(lambda w: each(w, STORED, STORED), found)


def test_a_first_password_and_an_import_do_not_replace_each_other():
    def begin(w):
        first = w.engine.set_password("u1", "violet staple under the harbour 63", by=Initial(), context=w.context())
        return [w.engine.admin.import_verifier("u1", STORED, actor="mover"), first]

    def check(w, answers):
        moved, first = answers
        assert isinstance(moved, Imported) != isinstance(first, PasswordChanged)
        w.sign_in(IDENTIFIER, PASSWORD if isinstance(moved, Imported) else "violet staple under the harbour 63")

    a_race(begin, check)


def test_whatever_store_call_it_dies_at_it_happened_wholly_or_not_at_all():
    def make():
        w = race_world()
        w.sign_up(password=None)
        return w

    crash_everywhere(
        make,
        Operation(
            begin=lambda w: w.engine.admin.import_verifier("u1", STORED, actor="mover"),
            happened=lambda w: drive(w.engine.admin.export("u1")).has_password,
            means=Imported,
            events=(events.VerifierImported,),
        ),
    )


def test_a_store_that_never_agrees_is_asked_for_patience():
    class Contended(MemoryStore):
        def commit(self, *given):
            return Conflict()

    async def at_once(_):
        pass

    w = world(store=Contended())
    w.sign_up(password=None)
    w.engine._flows.core.ports.pause = at_once
    assert isinstance(imported(w), TryAgain)


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder, and an engine that the command finds as `shop:engine`, with five hundred people who have no password."""
    w = world()
    for number in range(500):
        w.directory.put(Account(subject=str(number), identifiers=(f"n{number}@example.org",)))
    w.directory.put(Account(subject="7", identifiers=("n7@example.org",)), tenant="acme")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "shop", type("module", (), {"engine": w.engine, "make": staticmethod(lambda: w.engine)}))
    w.folder = tmp_path
    return w


def stored_of(number):
    return CHEAPEST.hashing.hash(f"{PASSWORD} {number}", salt=hashlib.sha256(b"%d" % number).digest()[:16])


def table_of(path, people, *, head=("id", "name", "password_hash", "changed")):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([head, *people])
    return str(path)


def users(*numbers):
    return [(number, f'Ann, "the\r\n{number}th"', STORED, "2025-06-01T00:00:00Z") for number in numbers]


def command(*typed):
    return main(["import", *typed, "--engine", "shop:engine"])


def words(text):
    return " ".join(text.split())


def test_a_look_first_then_the_import(shop, capsys):
    """Without --apply nothing is written; what is said is the same but for one word."""
    table = table_of(shop.folder / "users.csv", [*users(*range(120)), (120, "No hash", "", ""), (121, "Odd", "\\N", "")])
    assert command(table, "--changed-at", "changed") == 0
    looked = words(capsys.readouterr().out)
    assert "122 rows: 120 can be imported, 0 were imported before, 2 have no hash, 0 rejected." in looked
    assert "Nothing was written. Give --apply to import." in looked
    assert not shop.engine.admin.export("5").has_password
    assert not list(shop.folder.glob("*.json"))

    assert command(table, "--changed-at", "changed", "--apply", "--actor", "ops") == 0
    done = words(capsys.readouterr().out)
    assert "122 rows: 120 imported" in done
    assert "argon2id" in done
    shop.sign_in("n119@example.org")
    shop.deliver()
    assert {(one.subject, one.actor) for one in shop.sink.of(events.VerifierImported)} == {(str(n), "ops") for n in range(120)}
    assert not list(shop.folder.glob("*.json"))

    assert command(table, "--apply") == 0
    assert "0 imported, 120 were imported before" in words(capsys.readouterr().out)


def test_nothing_is_lost_on_a_bad_row(shop, capsys):
    """Each has its number and its reason in a file, the others are imported, and no hash is shown anywhere."""
    shop.calls.set_password("3", "violet staple under the harbour 63", by=Initial(), context=shop.context())
    people = [
        *users(0),
        ("1", "short"),
        ("2", "x", COSTLY, ""),
        *users(3),
        ("4", "x", STORED, "yesterday"),
        ("", "x", STORED, ""),
        ("5" * 65, "x", STORED, ""),
        ("nobody", "x", STORED, ""),
        ("6", "x", STORED, "2999-01-01"),
        ("7", "x", STORED, "1e400"),
        ("8", "x", STORED, "1717200000"),
        ("9", "x", STORED, "2024-06-01 12:00:00+02:00"),
    ]
    table = table_of(shop.folder / "users.csv", people)
    assert command(table, "--changed-at", "changed", "--apply") == 1
    said = capsys.readouterr()
    rejects = (shop.folder / "users.csv.rejects.csv").read_text()
    assert list(csv.reader(io.StringIO(rejects))) == [
        ["row", "reason"],
        ["2", "2 fields, and the header has 4"],
        ["3", "unreadable-hash"],
        ["4", "has-password"],
        ["5", "the instant of the change cannot be read"],
        ["6", "no subject"],
        ["7", "the subject or tenant is longer than 64 bytes"],
        ["8", "unknown-subject"],
        ["9", "changed-in-the-future"],
        ["10", "the instant of the change cannot be read"],
    ]
    assert "3 imported" in words(said.out)
    assert "9 rejected" in words(said.out)
    assert "argon2id$" not in said.out + said.err + rejects
    assert shop.engine.admin.export("8").password_since == datetime(2024, 6, 1, tzinfo=UTC)
    assert shop.engine.admin.export("9").password_since == datetime(2024, 6, 1, 10, tzinfo=UTC)
    assert (shop.folder / "users.csv.rejects.csv").stat().st_mode & 0o77 == 0


def test_json_lines_tenants_and_other_names(shop, capsys):
    table = shop.folder / "dump.txt"
    table.write_text(f"{json.dumps({'uid': 7, 'realm': 'acme', 'pw': STORED})}\n{json.dumps({'uid': 8, 'pw': STORED})}\n")
    assert command(str(table), "--format", "jsonl", "--subject", "uid", "--hash", "pw", "--tenant", "realm", "--apply") == 0
    assert "2 imported" in words(capsys.readouterr().out)
    assert shop.engine.admin.export("7", tenant="acme").has_password
    assert not shop.engine.admin.export("7").has_password
    assert shop.engine.admin.export("8").has_password


def test_the_wrong_column_of_hashes_does_not_pass_for_success(shop, capsys):
    table = shop.folder / "users.jsonl"
    table.write_text("".join(f"{json.dumps({'id': n, 'pw': STORED})}\n" for n in range(3)))
    assert command(str(table)) == 1
    assert "Is 'password_hash' the column of the hashes?" in words(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["users.csv", "--hash", "pw"], "no columns 'pw'"),
        (["users.dat"], "cannot be told from its name"),
        (["users.csv", "--delimiter", ";;"], "delimiter"),
        (["users.csv", "--delimiter", '"'], "delimiter"),
        (["missing.csv"], "No such file"),
        (["users.csv", "--engine", "nowhere:engine"], "cannot be found"),
    ],
)
def test_what_cannot_be_done_as_it_was_typed(typed, says, shop, capsys):
    table_of(shop.folder / "users.csv", users(1))
    assert main(["import", "--engine", "shop:make", *typed]) == 2
    assert says in capsys.readouterr().err


def test_a_table_that_breaks_off_says_where_and_keeps_what_was_before(shop, capsys):
    table = shop.folder / "users.csv"
    table.write_bytes(b"id,password_hash\n1," + STORED.replace(",", ";").encode() + b'\n2,"open\n3,x\n')
    assert command(str(table), "--apply") == 1
    assert "Row 2 has a quote that is never closed" in capsys.readouterr().err


class Down(BaseException):
    """The process is gone."""


def test_killed_at_any_row_and_run_again_each_row_is_done_once(shop, capsys, monkeypatch):
    """Before a row's commit and after it, at every row of the table; rejects and counts come to what one run would have said."""
    numbers = list(range(230))
    bad = {5, 100, 101, 229}
    people = [(n, "x", "rubbish" if n in bad else STORED, "") for n in numbers]
    table = table_of(shop.folder / "users.csv", people)
    left = [0]
    commit = shop.store.commit

    def dying(*given):
        left[0] -= 1
        if left[0] == 0:
            raise Down
        answer = commit(*given)
        left[0] -= 1
        if left[0] == 0:
            raise Down
        return answer

    shop.store.commit = dying
    shop.restart()
    monkeypatch.setattr(sys.modules["shop"], "engine", shop.engine)
    chance, deaths = random.Random(7), 0
    while True:
        left[0] = chance.randrange(1, 60)
        # What a killed process leaves: nothing that was to be written at its end.
        with monkeypatch.context() as patch:
            patch.setattr("acctsec._import_command.EVERY", 7)
            patch.setattr("acctsec._import_command.Import._save", killable(left))
            try:
                code = command(table, "--apply")
            except Down:
                deaths += 1
                continue
            break
    assert code == 1
    assert deaths > 5
    said = words(capsys.readouterr().out)
    assert "230 rows" in said
    assert "4 rejected" in said
    rejects = (shop.folder / "users.csv.rejects.csv").read_text().splitlines()
    assert rejects == ["row,reason", *[f"{n + 1},unreadable-hash" for n in sorted(bad)]]
    shop.deliver()
    assert sorted(int(one.subject) for one in shop.sink.of(events.VerifierImported)) == [n for n in numbers if n not in bad]
    assert all(shop.engine.admin.export(str(n)).has_password != (n in bad) for n in numbers)


def killable(left):
    from acctsec._import_command import Import

    save = Import._save

    def saved(self, rejects):
        if left[0] > 0:
            save(self, rejects)

    return saved


def test_an_outage_stops_the_run_and_the_next_one_goes_on(shop, capsys, monkeypatch):
    table = table_of(shop.folder / "users.csv", users(*range(40)))
    commit = shop.store.commit
    calls = [0]

    def failing(*given):
        calls[0] += 1
        if calls[0] == 21:
            raise StoreError("The disk is gone.", remedy="Bring it back.")
        return commit(*given)

    shop.store.commit = failing
    shop.restart()
    monkeypatch.setattr(sys.modules["shop"], "engine", shop.engine)
    assert command(table, "--apply") == 1
    told = capsys.readouterr()
    assert "stopped behind row 20" in told.err
    assert "Run the same again" in told.err
    assert command(table, "--apply") == 0
    assert "40 rows: 40 imported, 0 were imported before" in words(capsys.readouterr().out)


def test_a_checkpoint_of_another_table_or_deployment_is_refused(shop, capsys, monkeypatch):
    table = shop.folder / "users.csv"
    table_of(table, users(*range(10)))
    commit = shop.store.commit
    shop.store.commit = interrupting(commit, 5)
    shop.restart()
    monkeypatch.setattr(sys.modules["shop"], "engine", shop.engine)
    assert command(str(table), "--apply") == 130
    shop.store.commit = commit
    shop.restart()
    monkeypatch.setattr(sys.modules["shop"], "engine", shop.engine)
    assert command(str(table), "--apply", "--hash", "name") == 2
    assert "other options" in capsys.readouterr().err
    other = world(seed=5)
    monkeypatch.setattr(sys.modules["shop"], "engine", other.engine)
    assert command(str(table), "--apply") == 2
    monkeypatch.setattr(sys.modules["shop"], "engine", shop.engine)
    whole = table.read_bytes()
    table_of(table, users(*range(12)))
    assert command(str(table), "--apply") == 2
    assert "--restart" in capsys.readouterr().err
    assert command(str(table), "--apply", "--restart") == 0
    assert "12 rows: 8 imported, 4 were imported before" in words(capsys.readouterr().out)
    assert whole != table.read_bytes()


def interrupting(commit, number):
    calls = [0]

    def call(*given):
        calls[0] += 1
        if calls[0] == number:
            raise KeyboardInterrupt
        return commit(*given)

    return call


APP = """
import sys, time
from acctsec import CHEAPEST, Account, Engine, Keyring, SqliteStore
from acctsec.testing import MemoryDirectory

class Telling(SqliteStore):
    def commit(self, *given):
        answer = super().commit(*given)
        print("committed", flush=True)
        return answer

people = [Account(subject=str(n), identifiers=(f"n{n}@example.org",)) for n in range(1000)]
engine = Engine(policy=CHEAPEST, store=Telling("accounts.db"), directory=MemoryDirectory(*people),
    keyring=Keyring.from_text(open("keys").read()), outbox="manual")
"""


def test_kill_9_and_again(tmp_path):
    """A real process on a real disk, killed again and again: in the end each has one password, and one event tells of it."""
    import sqlite3

    from acctsec.keyring import new_keys

    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "keys").write_text(new_keys())
    table_of(tmp_path / "users.csv", [*users(*range(400)), ("1000", "gone", STORED, "")])
    typed = [sys.executable, "-m", "acctsec", "import", "users.csv", "--engine", "shop:engine", "--apply"]
    chance, kills = random.Random(1), 0
    while True:
        process = subprocess.Popen(
            typed, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
        )
        for _ in range(chance.randrange(40, 190)):
            if process.stdout.readline() != "committed\n":
                break
        else:
            process.kill()
            process.communicate()
            kills += 1
            continue
        process.communicate()
        break
    assert kills >= 2
    assert process.returncode == 1
    assert (tmp_path / "users.csv.rejects.csv").read_text() == "row,reason\n401,unknown-subject\n"
    connection = sqlite3.connect(tmp_path / "accounts.db")
    assert connection.execute("SELECT count(*) FROM records").fetchone() == (400,)
    assert connection.execute("SELECT count(*), count(DISTINCT key) FROM outbox").fetchone() == (400, 400)
    connection.close()
    assert not list(tmp_path.glob("*.json*"))


MEMORY = """
import resource, sys
from acctsec._migration.tables import Format, rows

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as file:
    found = list(rows(file, ("id", "password_hash"), form=Format.CSV))
assert [(one.number, one.problem) for one in found] == [(1, "longer than a row may be"), (2, None)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_table(tmp_path):
    """A row of a gigabyte would be passed over as this one of 80 MB is, in the memory of one chunk."""
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.write(b'id,password_hash\n1,"')
        for _ in range(80):
            file.write(b'\r\n2,forged,""' * 77_000)
        file.write(b'"\n3,x\n')
    # In a process of its own: what this one once needed for other tests would hide what it needs here.
    done = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 30_000
