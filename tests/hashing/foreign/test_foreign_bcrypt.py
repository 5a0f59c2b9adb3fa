"""bcrypt sees 72 bytes, and what is said about the rest is explicit."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import Bcrypt, DjangoBcryptSha256, WordPress

EIGHTY = "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe"  # libxcrypt, through crypt(3), of 80 times "a"


def test_behind_72_bytes_nothing_verifies_unless_it_is_to_be_cut():
    assert Bcrypt().verify(EIGHTY, "a" * 72)
    assert not any(Bcrypt().verify(EIGHTY, "a" * length) for length in (71, 73, 80, 4_096))
    assert Bcrypt(cut=True).verify(EIGHTY, "a" * 80) and Bcrypt(cut=True).verify(EIGHTY, "a" * 72 + "b")
    assert not Bcrypt(cut=True).verify(EIGHTY, "a" * 71)


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


@pytest.mark.parametrize("one", [WordPress(cost=4), DjangoBcryptSha256(cost=4)], ids=lambda one: one.name)
def test_behind_a_hash_passwords_differ_beyond_72_bytes(one):
    known = one.settings(one.decoy())

    assert one.derive(known, "a" * 100 + "b") != one.derive(known, "a" * 100 + "c")
    assert one.derive(known, "a" * 4_096) != b"" and one.derive(known, "a" * 4_097) == b""


def test_wordpress_trims_as_its_sign_in_does():
    stored = "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES"

    assert WordPress().verify(stored, " admin\t") and not WordPress().verify(stored, "ad min")


@pytest.mark.parametrize("make", [Bcrypt, WordPress, DjangoBcryptSha256])
def test_without_the_package_construction_names_the_way_out(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "bcrypt", None)

    with pytest.raises(ConfigError, match="pip install bcrypt"):
        make()
