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

from acctsec import CHEAPEST, CurrentPassword, Keyring, PasswordChanged, PasswordRejected, Refused, SignedIn, events
from acctsec.errors import ConfigError, PortError
from acctsec.hashing import Argon2Parameters
from acctsec.hashing.foreign import Argon2, Bcrypt, DjangoDigest, DjangoPbkdf2, Ldap, Phpass
from acctsec.hashing.phc import parse
from acctsec.outcomes import Imported, ImportObjection, NotImported, Rewrapped
from acctsec.testing import Operation, async_world, crash_everywhere, explore, race_world, world
from acctsec.testing.turns import RACING, drive
from acctsec.testing.world import IDENTIFIER, PASSWORD

DJANGO = DjangoPbkdf2(iterations=2000, share=0)


def of_django(password, salt="saltsaltsalt"):
    tag = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 2000)
    return f"pbkdf2_sha256$2000${salt}${b64encode(tag).decode()}"


STORED = of_django(PASSWORD)


def with_foreign(*formats):
    return evolve(CHEAPEST, hashing=evolve(CHEAPEST.hashing, foreign=formats))


POLICY = with_foreign(DJANGO)


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


class Plain:
    """A format of a platform's own, whose tags cannot be told from its settings."""

    name, share = "plain", 0

    def reads(self, stored):
        return stored.startswith("plain:")

    def verify(self, stored, password):
        return stored == "plain:" + password

    def decoy(self):
        return "plain:"


def test_what_cannot_be_wrapped_is_said_and_taken_without():
    w = world(policy=with_foreign(Plain()))
    w.sign_up(password=None)
    with pytest.raises(ConfigError, match="plain cannot be wrapped"):
        moved(w, "plain:" + PASSWORD, wrap=True)
    assert moved(w, "plain:" + PASSWORD) == Imported("plain")
    w.sign_in()
    w.sign_up("u2", "b@example.org", password=None)
    assert moved(w, CHEAPEST.hashing.hash(PASSWORD, salt=b"sixteen bytes ab"), "u2", wrap=True) == Imported("argon2id")


def of_phpass(password, **fields):
    format_ = Phpass(rounds_log2=7, **fields)
    return format_.settings(format_.decoy()) + format_.derive(format_.settings(format_.decoy()), password).decode()


@pytest.mark.parametrize(
    ("format_", "stored"),
    [
        (DjangoDigest(share=0), "d41d8cd98f00b204e9800998ecf8427e"),
        (Ldap(share=0), "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        (Phpass(trimmed=True, share=0), of_phpass("")),
        (Bcrypt(pepper="pepper", share=0), "$2b$04$abcdefghijklmnopqrstuu"),
        (DjangoDigest(share=0), CHEAPEST.hashing.hash("", salt=b"sixteen bytes ab")),
    ],
)
def test_typing_nothing_proves_nothing(format_, stored):
    """Other systems keep the hash of an empty text for accounts that have no password."""
    if isinstance(format_, Bcrypt):
        stored += format_.derive(stored, "").decode()
    for wrap in (False, True):
        w = world(policy=with_foreign(format_))
        w.sign_up(password=None)
        assert isinstance(moved(w, stored, wrap=wrap), Imported)
        for nothing in ("", " ", "   ", "\u3000"):
            assert isinstance(w.engine.sign_in(IDENTIFIER, nothing, context=w.context()), Refused)


@pytest.mark.parametrize("format_", [Phpass(rounds_log2=7, share=1), DjangoDigest(share=1)])
@pytest.mark.parametrize("exists", [False, True])
def test_a_decoy_of_another_system_takes_what_was_typed_as_its_hashes_do(monkeypatch, format_, exists):
    """A wide space is three bytes where it is typed and one where it is prepared: the time of some formats would tell."""
    taken = []
    real = type(format_).derive
    monkeypatch.setattr(type(format_), "derive", lambda self, settings, typed: taken.append(typed) or real(self, settings, typed))
    w = world(policy=with_foreign(format_))
    if exists:
        w.sign_up(password=None)
        moved(w, format_.decoy(), prepared=True)
    typed = "wide\u3000" * 40
    assert isinstance(w.engine.sign_in(IDENTIFIER, typed, context=w.context()), Refused)
    assert taken == [typed]


def test_spellings_that_are_compared_one_by_one_are_counted_one_by_one():
    """Of a hash of what was typed, six kinds of space make other candidates of one prepared form: each takes a try of its own."""
    spaces = [" ", "\u00a0", "\u3000", "\u2009", "\u2003", "\u202f"]
    spelled = [f"correct{one}horse{other}battery" for one in spaces for other in spaces]
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w, of_django(spelled[-1]))
    compared = len(w.comparisons.evaluated)
    for number, one in enumerate(spelled):
        w.engine.sign_in(IDENTIFIER, one, context=w.context(f"203.0.113.{number}"))
    assert len(w.comparisons.evaluated) - compared == 10


def test_another_spelling_of_the_old_password_is_not_a_new_one():
    for spelled in (DECOMPOSED, normalize("NFC", DECOMPOSED)):
        w = world(policy=POLICY)
        w.sign_up(password=None)
        moved(w, of_django(DECOMPOSED))
        rejected = w.engine.set_password("u1", spelled, by=CurrentPassword(DECOMPOSED), context=w.context())
        assert isinstance(rejected, PasswordRejected)


def test_a_right_password_is_right_also_when_there_is_no_memory_for_a_new_hash(monkeypatch):
    w = world(policy=POLICY)
    w.sign_up(password=None)
    moved(w)

    def no_memory(*_, **__):
        raise PortError("Argon2 could not hash.", remedy="-")

    monkeypatch.setattr(type(w.policy.hashing), "hash", no_memory)
    w.sign_in()
    assert held(w) == STORED
    w.deliver()
    assert [one.port for _, one in w.sink.handed if isinstance(one, events.PortFailed)] == ["hashing"]


def test_a_key_that_comes_in_deals_nobody_another_decoy(mixed):
    """While nodes take a new index key up one by one, a name costs the same on each; only the old key's end deals anew."""
    names = [f"nobody{number}@example.org" for number in range(60)]
    before = [costs(mixed, name) for name in names]
    old, new = mixed.keys[1], bytes(range(7, 39))
    mixed.restart(keyring=Keyring(sealing=[mixed.keys[0]], index=[new, old], entropy=mixed.entropy))
    assert [costs(mixed, name) for name in names] == before
    mixed.restart(keyring=Keyring(sealing=[mixed.keys[0]], index=[new], entropy=mixed.entropy))
    assert [costs(mixed, name) for name in names] != before


def test_a_hash_that_cannot_be_read_is_told_to_operators_and_to_nobody_else():
    class Raising(Plain):
        def verify(self, stored, password):
            raise RuntimeError(f"{password} is not {stored}")

    w = world(policy=with_foreign(Raising()))
    w.sign_up(password=None)
    moved(w, "plain:" + PASSWORD)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), Refused)
    w.deliver()
    failed = [one for _, one in w.sink.handed if isinstance(one, events.PortFailed)]
    assert [one.port for one in failed] == ["hashing"]
    assert PASSWORD not in repr(w.sink.handed)


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

MIXED = with_foreign(evolve(DJANGO, share=0.3), Ldap(share=0.2), Phpass(share=0.1, rounds_log2=7))


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
    shares = {"django-pbkdf2": 0.3, "ldap": 0.2, "phpass": 0.1, str(CHEAPEST.hashing.parameters): 0.4}
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
    assert costs(w, IDENTIFIER) == [""]  # unreadable: HashingPolicy spends one decoy of its own on it


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
from acctsec.hashing.foreign import DjangoPbkdf2
from acctsec.testing import MemoryDirectory
from attrs import evolve
foreign = (DjangoPbkdf2(iterations=2000, share=1),)
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
    assert ["django-pbkdf2", "6", "0", "1.0000", "1.0000"] in [line.split() for line in looked.stdout.splitlines()]
    assert "time tells who exists" not in looked.stdout
    (tmp_path / "shop.py").write_text(APP.replace("share=1", "share=0.5"))
    assert "time tells who exists" in " ".join(run("rewrap").stdout.split())
    (tmp_path / "shop.py").write_text(APP)
    done = run("rewrap", "--wrap", "--apply")
    assert done.returncode == 0, done.stderr
    assert ["django-pbkdf2", "6", "6", "1.0000", "1.0000"] in [line.split() for line in done.stdout.splitlines()]
    (tmp_path / "more.csv").write_text(f"id,password_hash\n7,{STORED}\n")
    done = run("import", "more.csv", "--wrap", "--apply")
    assert done.returncode == 0, done.stderr
    assert ["django-pbkdf2", "7", "7", "1.0000", "1.0000"] in [line.split() for line in run("rewrap").stdout.splitlines()]


def test_an_old_cost_of_our_own_that_is_listed_has_its_part_of_the_decoys():
    """After the cost was raised: accounts that were not back since, and as many unknown names, take the time of the old one."""
    old = Argon2Parameters(memory_kib=8, time_cost=1)
    hashing = evolve(CHEAPEST.hashing, memory_kib=16, foreign=(Argon2(cost=old, floor=old, share=0.75),))
    (end, decoy), (_, own) = hashing.decoys
    assert (end, parse(decoy).parameters, parse(own).parameters) == (0.75, old, hashing.parameters)
    assert hashing.scheme(decoy) == "argon2id", "it is compared as our own old hashes are, and costs no more"
