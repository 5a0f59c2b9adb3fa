"""bcrypt sees 72 bytes, and what is said about the rest is explicit."""

import hmac
import sys
from base64 import b64encode
from hashlib import sha256, sha512

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import Bcrypt, DjangoBcrypt, DjangoBcryptSha256, PasslibBcryptSha256, WordPress, bcrypt

EIGHTY = "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe"  # libxcrypt, through crypt(3), of 80 times "a"


@pytest.mark.parametrize(("make", "stored"), [(Bcrypt, EIGHTY), (DjangoBcrypt, f"bcrypt${EIGHTY}")])
def test_behind_72_bytes_nothing_verifies_unless_it_is_to_be_cut(make, stored):
    assert make().verify(stored, "a" * 72)
    assert not any(make().verify(stored, "a" * length) for length in (71, 73, 80, 4_096))
    assert make(cut=True).verify(stored, "a" * 80) and make(cut=True).verify(stored, "a" * 72 + "b")
    assert not make(cut=True).verify(stored, "a" * 71)


@settings(max_examples=25, deadline=None)
@given(st.integers(60, 80), st.text("aä€𝄞", min_size=1, max_size=4))
def test_the_limit_counts_bytes_not_characters(length, tail):
    password = "a" * length + tail
    possible = Bcrypt().derive(EIGHTY[:29], password) != b""

    assert possible == (len(password.encode()) <= 72)


def test_the_pepper_counts_towards_the_limit_and_is_never_shown():
    peppered = Bcrypt(pepper="secret-pepper")

    assert peppered.derive(EIGHTY[:29], "a" * 59) != b"" and peppered.derive(EIGHTY[:29], "a" * 60) == b""
    assert "secret" not in repr(peppered)


HASHED = [WordPress(cost=4), DjangoBcryptSha256(cost=4), PasslibBcryptSha256(cost=4), Bcrypt(cost=4, symfony=True)]


@pytest.mark.parametrize("one", HASHED, ids=lambda one: one.name)
def test_behind_a_hash_passwords_differ_beyond_72_bytes(one):
    known = one.settings(one.decoy())

    assert one.derive(known, "a" * 100 + "b") != one.derive(known, "a" * 100 + "c")
    assert one.derive(known, "a" * 4_096) != b"" and one.derive(known, "a" * 4_097) == b""


@settings(max_examples=25, deadline=None)
@given(st.integers(70, 75))
def test_symfony_hashes_what_is_longer_than_72_bytes_and_nothing_else(length):
    plain, symfony, password = Bcrypt(cost=4), Bcrypt(cost=4, symfony=True), "a" * length
    known = plain.settings(plain.decoy())
    expected = plain.derive(known, password)

    assert symfony.derive(known, password) == (expected or plain.derive(known, hashed(password)[:72])) != b""


def hashed(password):
    return b64encode(sha512(password.encode()).digest()).decode()


@pytest.mark.parametrize("version", [1, 2])
def test_passlib_keys_the_hash_with_the_salt_since_version_2(version):
    one, salt = PasslibBcryptSha256(cost=4), "abcdefghijklmnopqrstuu"
    raw = sha256(b"secret").digest() if version == 1 else hmac.digest(salt.encode(), b"secret", "sha256")
    front = "2b," if version == 1 else "v=2,t=2b,r="

    assert one.derive(f"$bcrypt-sha256${front}4${salt}$", "secret") == Bcrypt().derive(f"$2b$04${salt}", b64encode(raw).decode())


@pytest.mark.parametrize("one", HASHED, ids=lambda one: one.name)
@settings(max_examples=200)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=120))
def test_what_reaches_bcrypt_has_no_nul_in_it_nor_more_than_72_bytes(one, password):
    # Of raw digests every 256th begins with a NUL, and all of those would be one.
    reached = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bcrypt, "_bcrypt", lambda raw, settings: reached.append(raw) or b"")
        one.derive(one.settings(one.decoy()), password)

    assert len(reached) == 1 and 0 not in reached[0] and len(reached[0]) <= 72


def test_wordpress_trims_as_its_sign_in_does():
    stored = "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES"

    assert WordPress().verify(stored, " admin\t") and not WordPress().verify(stored, "ad min")


@pytest.mark.parametrize("make", [Bcrypt, WordPress, DjangoBcrypt, DjangoBcryptSha256, PasslibBcryptSha256])
def test_without_the_package_construction_names_the_way_out(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "bcrypt", None)

    with pytest.raises(ConfigError, match=r"acctsec\[foreign\]"):
        make()
