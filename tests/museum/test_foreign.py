"""Hashes of other systems are as exact, as bounded and as silent as our own (I26, I27, I28, I31)."""

from itertools import count

import bcrypt
import pytest
from attrs import evolve
from tests.hashing.foreign.vectors import VECTORS
from tests.museum.harness import SHORT, address, exhibit
from tests.museum.test_passwords import HOSTILE

from acctsec import Refused, SignedIn
from acctsec.hashing import Comparison, HashingPolicy
from acctsec.hashing.foreign import Bcrypt, DjangoBcryptSha256, WordPress
from acctsec.testing.world import IDENTIFIER, PASSWORD

SALT = bytes(range(16))
NOBODY = "nobody@example.org"
LONG = "correct horse 7 battery staple " * 140
ALL = tuple({one.name: evolve(one, share=0) for one, _, _ in VECTORS}.values())


def of_bcrypt(password, mark=""):
    return mark + bcrypt.hashpw(password.encode()[:72], b"$2b$04$abcdefghijklmnopqrstuu").decode()


def moved(place, *foreign, stored):
    w = exhibit(place, policy=evolve(SHORT, hashing=evolve(SHORT.hashing, foreign=foreign)))
    w.sign_up(password=None)
    w.engine.admin.import_verifier("u1", stored, actor="mover")
    return w


@pytest.mark.parametrize("at", [72, 127, 255])
def test_m150_nobody_gets_in_with_what_bcrypt_never_looked_at(place, at):
    password, other = LONG[:at] + "a", LONG[:at] + "b"
    w = moved(place, Bcrypt(cost=4, share=0), stored=of_bcrypt(password))
    for one in (password, other):
        assert isinstance(w.engine.sign_in(IDENTIFIER, one, context=w.context()), Refused)
    assert isinstance(w.engine.sign_in(IDENTIFIER, LONG[:72], context=w.context()), SignedIn)


@pytest.mark.parametrize("at", [72, 127, 255])
def test_m150_with_the_cut_the_owner_gets_in_once_and_every_byte_counts_from_then_on(place, at):
    password, other = LONG[:at] + "a", LONG[:at] + "b"
    w = moved(place, Bcrypt(cost=4, cut=True, share=0), stored=of_bcrypt(password))
    assert isinstance(w.engine.sign_in(IDENTIFIER, password, context=w.context()), SignedIn)
    assert isinstance(w.engine.sign_in(IDENTIFIER, other, context=w.context()), Refused)
    assert isinstance(w.engine.sign_in(IDENTIFIER, password, context=w.context()), SignedIn)


def test_m151_a_nul_in_a_digest_cuts_nothing_off():
    """Of passwords whose raw digests begin with a NUL, none verifies for another: what bcrypt is given has no NUL in it."""
    from hashlib import sha256
    from hmac import digest

    raw = {
        DjangoBcryptSha256(cost=4): lambda one: sha256(one).digest(),
        WordPress(cost=4): lambda one: digest(b"wp-sha384", one, "sha384"),
    }
    for format_, hashed in raw.items():
        found = (str(n) for n in count() if hashed(str(n).encode())[0] == 0)
        first, second, third = (next(found) for _ in range(3))
        derivation = format_.settings(format_.decoy())
        tags = [format_.derive(derivation, one) for one in (first, second, third)]
        assert len({*tags}) == 3, format_
        assert all(tags)


@pytest.mark.parametrize("password", ["a\0a", "\0", "a\0"])
def test_m151_a_nul_in_a_password_repeats_no_key(password):
    """To bcrypt ``a`` and ``a NUL a`` are one key; such a password never verifies."""
    hashing = HashingPolicy(foreign=(Bcrypt(cost=4, share=0),))
    assert hashing.verify(of_bcrypt("a"), "a") is Comparison.MATCHED
    assert hashing.verify(of_bcrypt("a"), password) is Comparison.DIFFERENT


# Eight bytes of salt are what other makers of Argon2 hashes took: no attack, where the format is listed.
COSTLY = {name: stored for name, stored in HOSTILE.items() if name != "salt cut"}


@pytest.mark.parametrize("stored", COSTLY.values(), ids=COSTLY)
def test_m162_with_every_format_listed_hostile_parameters_are_still_refused(monkeypatch, stored):
    computed = []

    def derive(password, *, cost, tag_bytes, **_):
        computed.append(cost)
        return bytes(tag_bytes)

    hashing = HashingPolicy(foreign=ALL)
    monkeypatch.setattr("acctsec.hashing.policy.derive", derive)
    monkeypatch.setattr("bcrypt.hashpw", lambda *_: pytest.fail("computed"))

    assert hashing.verify(stored, "password") is Comparison.UNREADABLE
    assert computed == [hashing.parameters]
    with pytest.raises(Exception, match="cannot be wrapped"):
        hashing.wrap(stored, salt=SALT)


@pytest.mark.parametrize(("format_", "stored", "password"), [one for one in VECTORS if not SHORT.hashing.reads(one[1])])
def test_m167_a_hash_of_ours_never_becomes_foreign_again(format_, stored, password):
    """Bare, wrapped, ours: whatever formats come and go in the policy, the way back is never proposed."""
    hashing = HashingPolicy(memory_kib=8, time_cost=1, floor=SHORT.hashing.floor, foreign=(evolve(format_, share=0),))
    ours = hashing.hash(password, salt=SALT)
    for policy in (hashing, evolve(hashing, foreign=())):
        assert not policy.needs_rehash(ours)
        assert not policy.wraps(ours)
    assert hashing.needs_rehash(hashing.wrap(stored, salt=SALT))
    assert not hashing.wraps(hashing.wrap(stored, salt=SALT))


ODD = ["x" * 72, "x" * 73, "nul\0inside the password", "\ud800", "x" * 1024, "x" * 5000, "", "é" * 37, "é" * 600]


@pytest.mark.parametrize("password", ODD)
@pytest.mark.parametrize("wrap", [False, True])
def test_m189_an_odd_password_tells_no_account_of_bcrypt(place, password, wrap):
    """Longer than bcrypt takes, with a NUL, a surrogate: the same answer, port calls and work as for nobody."""
    format_ = Bcrypt(cost=4)
    w = moved(place, evolve(format_, share=1), stored=of_bcrypt(PASSWORD))
    after = b"" if wrap else None
    while after is not None:
        after = w.engine.admin.rewrap(after, wrap=True).after

    seen = []
    for number, name in enumerate((IDENTIFIER, NOBODY)):
        here = w.context(address(number * 100))
        seen.append(w.observe(lambda name=name, here=here: w.engine.sign_in(name, password, context=here)))

    assert seen[0] == seen[1]
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_m181_a_mixed_population_costs_the_same_up_to_the_stop_and_behind_it(place):
    """Sixty guesses at an account of bcrypt and at nobody, through rests and the stop: each costs what the other costs."""
    format_ = Bcrypt(cost=4, share=1)
    w = moved(place, format_, stored=of_bcrypt(PASSWORD))
    seen = []
    for name, offset in ((IDENTIFIER, 0), (NOBODY, 5000)):
        w.clock.now = w.clock.now.replace(day=6 if offset else 5)
        steps = []
        for number in range(60):
            here = w.context(address(offset + number))
            steps.append(w.observe(lambda n=number, name=name, here=here: w.engine.sign_in(name, f"wrong {n}", context=here)))
            w.clock.advance(minutes=31 if number > 9 else 0)
        seen.append(steps)

    assert [number for number, (one, other) in enumerate(zip(*seen, strict=True)) if one != other] == []
    assert {call[1] for _, calls in seen[0] for call in calls if call[0] == "verify"} == {"bcrypt"}
