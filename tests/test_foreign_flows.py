"""Accounts that came with the hash of another system: they sign in, get a hash of today, and tell nobody that they were there."""

import hashlib
import os
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from unicodedata import normalize

import pytest
from attrs import evolve
from tests.museum.harness import exhibit

from acctsec import CHEAPEST, CurrentPassword, PasswordChanged, PasswordRejected, Refused, SignedIn, events
from acctsec.errors import ConfigError
from acctsec.hashing import Wrapped
from acctsec.hashing.foreign import DjangoPbkdf2, Ldap, Phpass
from acctsec.outcomes import Imported, ImportObjection, NotImported, Rewrapped
from acctsec.testing import Operation, async_world, crash_everywhere, explore, race_world, world
from acctsec.testing.turns import RACING, drive
from acctsec.testing.world import IDENTIFIER, PASSWORD

DJANGO = DjangoPbkdf2(iterations=2000)


def of_django(password, salt="saltsaltsalt"):
    tag = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 2000)
    return f"pbkdf2_sha256$2000${salt}${b64encode(tag).decode()}"


STORED = of_django(PASSWORD)


def with_foreign(*formats):
    return evolve(CHEAPEST, hashing=evolve(CHEAPEST.hashing, foreign=formats))


POLICY = with_foreign(DJANGO, Wrapped(DJANGO))


def held(w, subject="u1"):
    """The hash that a subject has now."""
    core = w.engine._flows.core
    scene = type("S", (), {"tenant": "", "subject": subject})
    record = w.store.load(core.record_key("", subject))
    from acctsec._codec import decode_record

    return core.hashes.opened(scene, decode_record(record[0]).verifier)


def moved(w, stored=STORED, subject="u1", **more):
    return w.calls.admin.import_verifier(subject, stored, actor="mover", **more)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("make", [world, async_world])
def test_the_first_right_password_brings_a_hash_of_today(make, wrap):
    w = make(policy=POLICY)
    w.sign_up(password=None)
    assert moved(w, wrap=wrap) == Imported("django-pbkdf2")
    assert moved(w, wrap=wrap) == Imported("django-pbkdf2", again=True)
    assert moved(w, dry_run=True) == Imported("django-pbkdf2", again=True)
    assert moved(w, of_django("another")) == NotImported(ImportObjection.HAS_PASSWORD)
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD + "x", context=w.context()), Refused)
    w.sign_in()
    w.restart(CHEAPEST)  # which reads nothing foreign any more
    w.sign_in()
    w.close()


def test_what_lies_there_is_foreign_then_wrapped_then_our_own():
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w)
    assert held(w) == STORED
    page = w.engine.admin.rewrap(wrap=True, dry_run=True)
    assert (page.schemes, page.changed) == ((("django-pbkdf2", 1),), 0)
    page = w.engine.admin.rewrap(wrap=True)
    assert (page.schemes, page.changed) == ((("wrapped-django-pbkdf2", 1),), 1)
    assert held(w).startswith("$wrapped$django-pbkdf2$")
    assert STORED.rpartition("$")[2] not in held(w)
    again = w.engine.admin.rewrap(wrap=True)
    assert (again.schemes, again.changed) == ((("wrapped-django-pbkdf2", 1),), 0)
    w.sign_in()
    assert held(w).startswith("$argon2id$")
    w.restart(CHEAPEST)
    assert w.engine.admin.rewrap().schemes == (("argon2id", 1),)


def test_without_asking_nothing_is_wrapped_and_what_nobody_reads_is_counted():
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w)
    assert w.engine.admin.rewrap().changed == 0
    assert held(w) == STORED
    w.restart(CHEAPEST)
    assert w.engine.admin.rewrap().schemes == (("unreadable", 1),)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), Refused)
    w.restart(POLICY)
    w.sign_in()


def test_wrapping_needs_the_format_to_be_listed_as_wrapped():
    w = world(policy=with_foreign(DJANGO))
    w.sign_up(password=None)
    with pytest.raises(ConfigError, match=r"Wrapped\(django-pbkdf2\)"):
        moved(w, wrap=True)
    assert moved(w, CHEAPEST.hashing.hash(PASSWORD, salt=b"sixteen bytes ab"), wrap=True) == Imported("argon2id")


DECOMPOSED = normalize("NFD", "Zürich wärmt müde Füße")


@pytest.mark.parametrize("stored", [of_django(DECOMPOSED), CHEAPEST.hashing.hash(DECOMPOSED, salt=b"sixteen bytes ab")])
def test_what_another_system_hashed_as_it_was_typed_is_compared_so_and_then_in_every_spelling(stored):
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w, stored)
    composed = normalize("NFC", DECOMPOSED)
    assert isinstance(w.engine.sign_in(IDENTIFIER, composed, context=w.context()), Refused)
    assert isinstance(w.engine.sign_in(IDENTIFIER, DECOMPOSED, context=w.context()), SignedIn)
    assert isinstance(w.engine.sign_in(IDENTIFIER, composed, context=w.context()), SignedIn)


def test_a_hash_of_another_acctsec_is_of_the_prepared_form():
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w, CHEAPEST.hashing.hash(normalize("NFC", DECOMPOSED), salt=b"sixteen bytes ab"), prepared=True)
    assert isinstance(w.engine.sign_in(IDENTIFIER, DECOMPOSED, context=w.context()), SignedIn)


def test_the_current_password_proves_itself_and_cannot_come_back():
    """Against a foreign hash as against any other: as the claim of a change, and as what may not be chosen again."""
    for wrap in (False, True):
        w = world(policy=evolve(POLICY, password=evolve(POLICY.password, history=2)))
        w.sign_up(password=None)
        moved(w, wrap=wrap)
        by = CurrentPassword(PASSWORD)
        rejected = w.engine.set_password("u1", PASSWORD, by=by, context=w.context())
        assert isinstance(rejected, PasswordRejected)
        new = "violet staple under the harbour 63"
        assert isinstance(w.engine.set_password("u1", new, by=by, context=w.context()), PasswordChanged)
        rejected = w.engine.set_password("u1", PASSWORD, by=CurrentPassword(new), context=w.context())
        assert isinstance(rejected, PasswordRejected)
        assert w.engine.admin.rewrap(wrap=True).schemes == (("argon2id", 1),)


def test_the_import_is_told_with_its_scheme_and_nothing_of_the_hash():
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w)
    w.deliver()
    told = w.sink.events
    assert [one.scheme for one in told if isinstance(one, events.VerifierImported)] == ["django-pbkdf2"]
    assert "pbkdf2_sha256" not in repr(told)


# --- nobody is told apart ---------------------------------------------------------------------------------------------

MIXED = with_foreign(evolve(DJANGO, share=0.3), Ldap(share=0.2), Wrapped(Ldap(), share=0.1), Phpass())


def costs(w, name, times=1, **facts):
    """What was computed for attempts at a name: the scheme or the cost of each."""
    seen = []
    for number in range(times):
        here = w.context(f"203.0.{name.__hash__() % 200}.{number}", **facts)
        _, calls = w.observe(lambda here=here, number=number: w.engine.sign_in(name, f"wrong {number} {name}", context=here))
        seen += [call[1] for call in calls if call[0] == "verify"]
    return seen


@pytest.fixture
def mixed(places):
    return exhibit(places.fresh("memory"), policy=MIXED)


def test_unknown_names_are_spread_like_the_accounts_and_each_stays_where_it_is(mixed):
    """Of 600 names: about 30, 20, 10 and 40 in a hundred; the same again for a second look, and for a restarted process."""
    names = [f"nobody{number}@example.org" for number in range(600)]
    first = {name: costs(mixed, name)[0] for name in names}
    found = Counter(map(str, first.values()))
    shares = {"django-pbkdf2": 0.3, "ldap": 0.2, "wrapped-ldap": 0.1, str(CHEAPEST.hashing.parameters): 0.4}
    assert found.keys() == shares.keys()
    for scheme, share in shares.items():
        assert abs(found[scheme] / 600 - share) < 4 * (share * (1 - share) / 600) ** 0.5, found
    mixed.restart()
    assert {name: costs(mixed, name)[0] for name in names[:100]} == {name: first[name] for name in names[:100]}


def test_an_account_without_a_password_costs_what_its_name_would_cost_unknown(mixed):
    names = [f"somebody{number}@example.org" for number in range(60)]
    unknown = [costs(mixed, name)[0] for name in names]
    for number, name in enumerate(names):
        mixed.sign_up(f"u{number}", name, password=None)
    assert [costs(mixed, name)[0] for name in names] == unknown
    assert len(set(map(str, unknown))) == 4


def test_a_stopped_lane_spends_what_the_hash_of_its_account_costs(mixed):
    """An account of another scheme than its decoy would be told by the stop itself, if the decoy stood in for it."""
    for number in range(12):
        name = f"moved{number}@example.org"
        mixed.sign_up(f"u{number}", name, password=None)
        moved(mixed, subject=f"u{number}")
        compared = len(mixed.comparisons.evaluated)
        assert costs(mixed, name, times=14) == ["django-pbkdf2"] * 14
        assert len(mixed.comparisons.evaluated) - compared == 10, "the tenth guess was the last to be compared"


def test_a_hash_that_nobody_reads_costs_a_hash_of_ours(mixed):
    mixed.sign_up(password=None)
    moved(mixed)
    w = mixed
    w.policy = evolve(w.policy, hashing=evolve(w.policy.hashing, foreign=()))
    w.restart()
    assert costs(w, IDENTIFIER) == [None]  # unreadable: HashingPolicy spends one decoy of its own on it


# --- beside others, and cut short -------------------------------------------------------------------------------------


def sign_in(w):
    return w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())


def test_wrapping_beside_a_sign_in_loses_nothing_in_any_order():
    """The owner gets in, and what is kept at the end is the new hash or the wrapped one, never the bare one."""

    def make():
        w = race_world(policy=evolve(RACING, hashing=POLICY.hashing))
        w.sign_up(password=None)
        w.calls.admin.import_verifier("u1", STORED, actor="mover")
        return w

    def begin(w):
        return [sign_in(w), w.engine.admin.rewrap(wrap=True)]

    def check(w, answers):
        assert isinstance(answers[0], SignedIn)
        page = w.calls.admin.rewrap(dry_run=True)
        assert page.schemes in {(("argon2id", 1),), (("wrapped-django-pbkdf2", 1),)}
        w.sign_in()
        assert w.calls.admin.rewrap(dry_run=True).schemes == (("argon2id", 1),)

    assert explore(make, begin, check).schedules > 3


def test_a_run_that_dies_while_it_wraps_is_only_repeated():
    def make():
        w = race_world(policy=evolve(RACING, hashing=POLICY.hashing))
        w.sign_up(password=None)
        w.calls.admin.import_verifier("u1", STORED, actor="mover")
        return w

    def is_wrapped(w):
        return drive(w.engine.admin.rewrap(dry_run=True)).schemes == (("wrapped-django-pbkdf2", 1),)

    crash_everywhere(
        make,
        Operation(begin=lambda w: w.engine.admin.rewrap(wrap=True), happened=is_wrapped, means=Rewrapped, events=()),
    )


APP = """
import os
from acctsec import CHEAPEST, Account, Engine, Keyring, SqliteStore
from acctsec.hashing import Wrapped
from acctsec.hashing.foreign import DjangoPbkdf2
from acctsec.testing import MemoryDirectory
from attrs import evolve
foreign = (DjangoPbkdf2(iterations=2000), Wrapped(DjangoPbkdf2(iterations=2000)))
policy = evolve(CHEAPEST, hashing=evolve(CHEAPEST.hashing, foreign=foreign))
directory = MemoryDirectory(*[Account(subject=str(n), identifiers=(f"n{n}@example.org",)) for n in range(9)])
engine = Engine(policy=policy, store=SqliteStore("accounts.db"), directory=directory, keyring=Keyring.from_text(os.environ["KEYS"]),
                outbox="manual")
"""


def test_the_commands_import_wrap_and_count(tmp_path, monkeypatch):
    from acctsec.keyring import new_keys

    monkeypatch.setenv("KEYS", new_keys())
    (tmp_path / "shop.py").write_text(APP)
    rows = [f"{n},{of_django(PASSWORD, f'saltsalt{n}')}" for n in range(6)]
    (tmp_path / "users.csv").write_text("\n".join(["id,password_hash", *rows]) + "\n")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "acctsec", *arguments, "--engine", "shop:engine"],
            cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        )  # fmt: skip

    done = run("import", "users.csv", "--apply")
    assert done.returncode == 0, done.stderr
    assert "django-pbkdf2" in done.stdout
    looked = run("rewrap")
    assert looked.returncode == 0, looked.stderr
    assert ["django-pbkdf2", "6", "1.0000"] in [line.split() for line in looked.stdout.splitlines()]
    done = run("rewrap", "--wrap", "--apply")
    assert done.returncode == 0, done.stderr
    assert ["wrapped-django-pbkdf2", "6", "1.0000"] in [line.split() for line in done.stdout.splitlines()]
    (tmp_path / "more.csv").write_text(f"id,password_hash\n7,{STORED}\n")
    done = run("import", "more.csv", "--wrap", "--apply")
    assert done.returncode == 0, done.stderr
    assert ["wrapped-django-pbkdf2", "7", "1.0000"] in [line.split() for line in run("rewrap").stdout.splitlines()]
