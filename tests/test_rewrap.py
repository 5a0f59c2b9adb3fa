"""Rewrapping: every secret in every record comes under the newest key without its owner, and nothing else changes."""

import json
import os
import subprocess
import sys

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    AddressRemoved,
    AsyncEngine,
    Capability,
    ConfigError,
    CurrentPassword,
    FactorRequired,
    Keyring,
    MemoryStore,
    MessagePurpose,
    PasswordChanged,
    RecoveryCode,
    SignedIn,
    Waiting,
)
from acctsec.__main__ import main
from acctsec._checkpoint import Checkpoint
from acctsec._codec import decode_record
from acctsec.keyring import frame, new_keys, unframe
from acctsec.outcomes import Acted
from acctsec.protocols import Conflict
from acctsec.testing import DEATHS, Died, async_world, explore, race_world, world
from acctsec.testing.turns import drive
from acctsec.testing.world import PASSWORD

NEW = "violet staple under the harbour 63"
REMEMBERING = evolve(CHEAPEST, password=evolve(CHEAPEST.password, history=2))
KINDS = [pytest.param(kind, marks=() if kind in USUAL else pytest.mark.deep) for kind in STORES]


def key(number):
    return bytes((number * 37 + n * 11) % 256 for n in range(32))


def ring(*sealing):
    return Keyring(sealing=[key(one) for one in sealing], index=[key(99)])


def rewrapped(calls, limit=3, **options):
    """All pages of a run."""
    pages, after = [], b""
    while after is not None:
        pages.append(calls.admin.rewrap(after, limit=limit, **options))
        after = pages[-1].after
    return pages


def total(pages):
    """What the pages of a run come to, secrets newest key first."""
    secrets = [sum(numbers) for numbers in zip(*[[n for _, n in page.secrets] for page in pages], strict=True)]
    return sum(page.records for page in pages), sum(page.changed for page in pages), secrets


def populated(store, form=world, people=8):
    """People under key 1, one of them with everything a record can keep."""
    w = form(policy=REMEMBERING, store=store)
    w.restart(keyring=ring(1))
    for number in range(people):
        w.sign_up(f"u{number}", f"u{number}@example.org")
    session = w.sign_in("u0@example.org").session
    app, session = w.enroll(session)
    codes = w.calls.issue_recovery_codes(session, context=w.context()).codes
    w.calls.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    return w, app, codes


def opens_everything(w, app, codes):
    """The keys in force are enough for every secret there is."""
    for number in range(2, 8):
        w.sign_in(f"u{number}@example.org")
    w.sign_in("u1@example.org", NEW)
    rejected = w.calls.set_password("u1", PASSWORD, by=CurrentPassword(NEW), context=w.context())
    assert "reused" in repr(rejected), "The history is not known any more."
    for answer in (app.code(w.clock()), RecoveryCode(codes[0])):
        ticket = w.calls.sign_in("u0@example.org", PASSWORD, context=w.context())
        assert isinstance(ticket, FactorRequired)
        assert isinstance(w.calls.verify_factor(ticket.ticket, answer, context=w.context()), SignedIn)
        w.clock.advance(minutes=5)


@pytest.mark.parametrize("kind", KINDS)
def test_after_it_the_older_key_can_go(kind, places):
    """Verifiers, histories, authenticators and recovery codes, on every store, whatever the size of a page."""
    w, app, codes = populated(places.fresh(kind).open())
    w.restart(keyring=ring(2, 1))

    assert total(rewrapped(w.calls, dry_run=True)) == (8, 0, [0, 11])
    assert total(rewrapped(w.calls)) == (8, 8, [11, 0])
    assert total(rewrapped(w.calls, limit=100)) == (8, 0, [11, 0])

    w.restart(keyring=ring(2))
    opens_everything(w, app, codes)


def test_addresses_and_proposals_come_along():
    """One address is to go, one went and is told a while longer, and one administrator waits for another."""
    w, _, _ = populated(MemoryStore())
    told, going, staying = "told@example.org", "going@example.org", "u2@example.org"
    w.directory.change("u2", addresses=(told, going, staying))
    here = {"context": w.context()}
    w.calls.remove_address(w.sign_in(staying).session, told, **here)
    w.clock.advance(days=3)
    assert isinstance(w.calls.remove_address(w.sign_in(staying).session, told, **here), AddressRemoved)
    assert isinstance(w.calls.remove_address(w.sign_in(staying).session, going, **here), Waiting)
    w.clock.advance(days=2, hours=12)
    proposed = w.calls.admin.propose_recovery("u3", Capability.PASSWORD, actor="ada")
    new = w.calls.admin.propose_recovery("u3", Capability.ADDRESSES, actor="ada", address="new@example.org")

    w.restart(keyring=ring(2, 1))
    assert total(rewrapped(w.calls))[2][1] == 0
    w.restart(keyring=ring(2))
    w.clock.advance(hours=12)

    for one, address in ((proposed, None), (new, "new@example.org")):
        assert isinstance(w.calls.admin.approve_recovery("u3", one.change, actor="grace", address=address), Acted)
    assert isinstance(w.calls.remove_address(w.sign_in(staying).session, going, **here), AddressRemoved)
    w.deliver()
    assert {one.address for one in w.messenger.of(MessagePurpose.ADDRESS_REMOVED) if one.at == w.clock()} == {
        told,
        going,
        staying,
    }


def test_both_faces_do_it():
    """Awaited, it comes to the same."""
    w, app, codes = populated(None, async_world)
    w.restart(keyring=ring(3, 2, 1))
    assert isinstance(w.engine, AsyncEngine)

    assert total(rewrapped(w.calls)) == (8, 8, [11, 0, 0])
    w.restart(keyring=ring(3))
    opens_everything(w, app, codes)
    w.close()


def test_sessions_stay_and_nothing_is_told():
    """What is kept means the same: no event, no message, no epoch, and the reset that was asked for still works."""
    w, _, _ = populated(MemoryStore())
    session = w.sign_in("u2@example.org").session
    link = w.reset_link("u3@example.org")
    w.deliver()
    told, before = len(w.sink.handed), {one: record_of(w, one) for one in ("u0", "u1", "u2", "u3")}
    w.restart(keyring=ring(2, 1))
    rewrapped(w.calls)
    w.deliver()

    assert len(w.sink.handed) == told
    assert type(w.engine.check_session(session, context=w.context())).__name__ == "SessionValid"
    assert type(w.engine.inspect_reset(link, context=w.context())).__name__ == "ResetPending"
    for subject, past in before.items():
        now = record_of(w, subject)
        assert (now.epoch, now.verifier.born, now.verifier.since) == (past.epoch, past.verifier.born, past.verifier.since)
        assert (now.sessions, now.resets, now.devices) == (past.sessions, past.resets, past.devices)


def record_of(w, subject):
    return decode_record(w.store.load(frame("subject", "", subject))[0])


def test_a_record_that_changes_meanwhile_is_not_overwritten():
    """In every order of its store calls and those of a change of password, the new password is the password."""

    def make():
        w = race_world()
        w.restart(keyring=ring(1))
        w.sign_up()
        w.restart(keyring=ring(2, 1))
        return w

    def begin(w):
        change = w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
        return [w.engine.admin.rewrap(limit=9), change]

    def check(w, answers):
        page, changed = answers
        w.restart(keyring=ring(2, 1))
        assert isinstance(changed, PasswordChanged)
        assert page.left == 0
        left = drive(w.engine.admin.rewrap(limit=9, dry_run=True))
        assert left.left == 0
        w.restart(keyring=ring(2))
        w.sign_in("alice@example.org", NEW)

    explored = explore(make, begin, check)
    assert explored.schedules >= 3


def test_whatever_call_it_dies_at_the_next_run_does_the_rest():
    """Killed before or after each store call; run again it comes to the same, and no password is lost."""

    def make():
        w = race_world()
        w.restart(keyring=ring(1))
        for number in range(3):
            w.sign_up(f"u{number}", f"u{number}@example.org")
        w.restart(keyring=ring(2, 1))
        return w

    def check(w, answers):
        w.restart(keyring=ring(2, 1))
        again = drive(w.engine.admin.rewrap(limit=9))
        assert (again.records, again.left) == (3, 0)
        if isinstance(answers[0], Died):
            assert again.changed <= 3
        w.restart(keyring=ring(2))
        for number in range(3):
            w.sign_in(f"u{number}@example.org")

    explore(make, lambda w: [w.engine.admin.rewrap(limit=9)], check, fates=DEATHS, most=1)


class Contended(MemoryStore):
    """Whoever commits meets somebody else first, so many times."""

    times = 0

    def commit(self, *given):
        if self.times and given[1] is not None:
            self.times -= 1
            return Conflict()
        return super().commit(*given)


@pytest.mark.parametrize(("times", "left"), [(3, 0), (10_000, 1)])
def test_what_could_not_be_done_is_said_to_remain(times, left):
    """A conflict is tried again, and not for ever."""
    w = world(store=Contended())
    w.restart(keyring=ring(1))
    w.sign_up()
    w.restart(keyring=ring(2, 1))
    w.store.times = times
    w.engine._flows.core.ports.pause = no_pause
    [page] = rewrapped(w.calls)

    assert (page.records, page.changed, page.left) == (1, 1 - left, left)


async def no_pause(_):
    pass


def test_what_no_key_opens_is_named_and_left_as_it_is():
    """A key that was taken out too early; a record that is damaged; one that is not ours."""
    w = world()
    for number in (1, 2):
        w.restart(keyring=ring(number))
        w.sign_up(f"u{number}", f"u{number}@example.org")
    w.store.commit(frame("subject", "tenant", "broken"), None, b"\x01rubbish", (), b"1")
    w.store.commit(b"\xff", None, b"", (), b"2")
    before = w.store.load(frame("subject", "", "u1"))
    w.restart(keyring=ring(3, 2))
    [page] = rewrapped(w.calls, limit=9)

    assert (page.records, page.changed, page.lost, page.left) == (4, 1, 1, 0)
    assert sorted(page.damaged) == [("", "ff"), ("", "u1"), ("tenant", "broken")]
    assert w.store.load(frame("subject", "", "u1")) == before


@pytest.mark.parametrize("wrong", [{"after": None}, {"after": "x"}, {"limit": 0}, {"limit": True}])
def test_no_page_is_refused(wrong):
    with pytest.raises(ConfigError):
        world().engine.admin.rewrap(**{"after": b"", **wrong})


@given(st.lists(st.text(max_size=9), max_size=4))
def test_the_parts_of_a_name_come_back(parts):
    assert unframe(frame(*parts)) == parts


@given(st.binary(max_size=20))
def test_what_is_no_name_has_no_parts(rubbish):
    parts = unframe(rubbish)
    assert parts == [] or frame(*parts) == rubbish


# --- the command ------------------------------------------------------------------------------------------------------

APP = """
import os, sys, time
from acctsec import CHEAPEST, Engine, Keyring, SqliteStore
from acctsec.testing import MemoryDirectory

class Slow(SqliteStore):
    def commit(self, *given):
        answer = super().commit(*given)
        if len(sys.argv) > 1 and "rewrap" in sys.argv[1]:
            print("committed", flush=True)
            time.sleep(0.002)
        return answer

engine = Engine(policy=CHEAPEST, store=Slow("accounts.db"), directory=MemoryDirectory(),
    keyring=Keyring.from_text(os.environ["KEYS"]), outbox="manual")
def make():
    return engine
text = "no engine"
"""


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    """A folder with an application and its accounts, under the first of two keys."""
    (tmp_path / "shop.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    old, new = new_keys(), new_keys()
    index = old.split()[1]
    monkeypatch.setenv("KEYS", old)
    told = run("-c", SIGN_UP)
    assert told.returncode == 0, told.stderr
    monkeypatch.setenv("KEYS", f"{new.split()[0]} {old.split()[0]} {index}")
    return tmp_path, f"{new.split()[0]} {index}"


PEOPLE = 230
SIGN_UP = f"""
from shop import engine
from acctsec import Account, Context, Initial
import shop
from acctsec.keyring import frame
store, flows = engine._flows.core.ports.records, engine._flows
directory = flows.core.ports.directory
from acctsec.testing import MemoryDirectory
people = MemoryDirectory(*[Account(subject=str(n), identifiers=(f"n{{n}}@example.org",)) for n in range({PEOPLE})])
directory.get.__wrapped__.__self__._accounts.update(people._accounts)
for n in range({PEOPLE}):
    engine.set_password(str(n), "seven quiet otters 418", by=Initial(), context=Context.of("192.0.2.7"))
"""


def run(*arguments, **more):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."}, check=False, **more
    )


def rewrap(*arguments):
    return run("-m", "acctsec", "rewrap", "--engine", "shop:engine", *arguments)


def test_the_command_counts_seals_and_says_what_can_go(deployment, monkeypatch):
    """Without --apply it writes nothing; with it, what remains is none; the key that is named can be taken out."""
    folder, only_new = deployment
    looked = rewrap()
    assert looked.returncode == 1
    assert f"{PEOPLE} secrets lie under an older key. Give --apply" in " ".join(looked.stdout.split())
    assert "committed" not in looked.stdout

    done = rewrap("--apply", "--rate", "100000")
    assert (done.returncode, done.stdout.count("committed")) == (0, PEOPLE)
    assert "Take it out of the ring once the outbox is empty" in " ".join(done.stdout.split())
    assert sorted(path.name for path in folder.glob("*.json*")) == []

    monkeypatch.setenv("KEYS", only_new)
    again = rewrap("--apply")
    assert (again.returncode, again.stdout.count("committed")) == (0, 0)
    assert f"{PEOPLE}" in again.stdout


def test_a_run_that_is_killed_is_taken_up_where_it_was(deployment):
    """kill -9 in the middle: the next run seals the rest, and each record once but for those of one page."""
    folder, _ = deployment
    process = subprocess.Popen(
        [sys.executable, "-m", "acctsec", "rewrap", "--engine", "shop:make", "--apply"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    for _ in range(150):
        assert process.stdout.readline() == "committed\n"
    process.kill()
    rest = process.communicate()[0].count("committed")
    cursor = json.loads((folder / "acctsec-rewrap.json").read_text())
    assert cursor["records"] == 100

    done = rewrap("--apply")
    assert done.returncode == 0, done.stderr
    assert PEOPLE - 1 <= done.stdout.count("committed") + 150 + rest <= PEOPLE + 1
    assert f"{PEOPLE} records" in done.stdout
    assert not (folder / "acctsec-rewrap.json").exists()


def test_a_run_under_other_keys_begins_anew_by_name_only(deployment):
    """What an earlier run sealed may lie under a key that is older by now."""
    folder, _ = deployment
    Checkpoint(folder / "acctsec-rewrap.json").write({"keys": ["00000000"], "wrap": False, "after": ""})
    refused = rewrap("--apply")
    assert refused.returncode == 2
    assert "other keys" in refused.stderr
    assert "--restart" in refused.stderr
    assert rewrap("--apply", "--restart").returncode == 0


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--engine", "shop"], "names no engine"),
        (["--engine", "nowhere:engine"], "cannot be found"),
        (["--engine", "shop:nothing"], "cannot be found"),
        (["--engine", "shop:text"], "no engine"),
        (["--engine", "shop:engine", "--rate", "0"], "--rate is 0"),
        (["--engine", "shop:engine", "--apply", "--cursor", "shop.py"], "does not say where a run is"),
    ],
)
def test_what_cannot_be_done_as_it_was_typed(typed, says, deployment):
    told = run("-m", "acctsec", "rewrap", *typed)
    assert (told.returncode, says in told.stderr) == (2, True), told.stderr


def test_an_async_engine_is_driven_on_one_loop(tmp_path, monkeypatch, capsys):
    """Named by a function that makes it."""
    made = async_world()
    made.restart(keyring=ring(1))
    made.sign_up()
    made.restart(keyring=ring(2, 1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "async_shop", type("module", (), {"make": staticmethod(lambda: made.engine)}))

    assert main(["rewrap", "--engine", "async_shop:make", "--apply"]) == 0
    assert "1 records, 1 of them sealed again" in capsys.readouterr().out
    made.restart(keyring=ring(2))
    made.sign_in()
    made.close()


def test_damage_is_named_and_ends_in_1(tmp_path, monkeypatch, capsys):
    w = world()
    w.sign_up()
    w.restart(keyring=ring(2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "damaged_shop", type("module", (), {"engine": w.engine}))

    assert main(["rewrap", "--engine", "damaged_shop:engine", "--apply"]) == 1
    said = capsys.readouterr()
    assert "the record of 'u1' is damaged" in said.err
    assert "1 secrets are sealed under keys that are not in the ring" in " ".join(said.out.split())


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=5))
def test_a_checkpoint_reads_back(tmp_path_factory, state):
    state.pop("format", None)
    checkpoint = Checkpoint(tmp_path_factory.mktemp("c") / "state.json")
    assert checkpoint.read() is None
    checkpoint.write(state)
    assert checkpoint.read() == {"format": 1, **state}
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.read() is None
