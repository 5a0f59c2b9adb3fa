"""Firebase's export becomes strings that verify with the project's own parameters alone."""

from base64 import b64decode, b64encode
from contextlib import suppress

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hashing.foreign.vectors import FIREBASE

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import FirebaseScrypt

# The README of github.com/firebase/scrypt.
HASH = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
SALT = "42xEC+ixf3L2lw=="


def b64(raw):
    return b64encode(raw).decode()


def test_an_export_is_joined_and_verifies_in_either_spelling_of_base64():
    stored = FirebaseScrypt.join(password_hash=HASH, salt=SALT)

    assert FIREBASE.verify(stored, "user1password") and not FIREBASE.verify(stored, "user2password")
    assert FirebaseScrypt.join(password_hash=HASH.replace("+", "-").replace("/", "_"), salt=SALT.replace("+", "-")) == stored


@pytest.mark.parametrize(
    "other",
    [
        {"signer_key": b64(bytes(64))},
        {"salt_separator": ""},
        {"salt_separator": b64(b"\x08")},
        {"rounds": 7},
        {"mem_cost": 13},
    ],
    ids=str,
)
def test_every_parameter_of_the_project_counts(other):
    assert not evolve(FIREBASE, **other).verify(FirebaseScrypt.join(password_hash=HASH, salt=SALT), "user1password")


def test_the_signer_key_is_not_shown():
    assert "jxspr8Ki" not in repr(FIREBASE)
    with pytest.raises(ConfigError) as refused:
        evolve(FIREBASE, signer_key=FIREBASE.signer_key[:-1])
    assert "jxspr8Ki" not in f"{refused.value} {refused.value.remedy}"


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80),
    st.binary(min_size=1, max_size=60),
    st.binary(max_size=16),
    st.binary(min_size=16, max_size=64),
    st.integers(1, 8),
    st.integers(1, 6),
)
def test_the_key_is_encrypted_in_counter_mode_under_what_scrypt_derives(password, salt, separator, key, rounds, mem_cost):
    derived = Scrypt(salt=salt + separator, length=64, n=1 << mem_cost, r=rounds, p=1).derive(password.encode())[:32]
    blocks = b"".join(number.to_bytes(16, "big") for number in range(4))
    stream = Cipher(AES(derived), ECB()).encryptor().update(blocks)
    stored = FirebaseScrypt.join(password_hash=b64(bytes(a ^ b for a, b in zip(key, stream, strict=False))), salt=b64(salt))
    one = FirebaseScrypt(signer_key=b64(key), salt_separator=b64(separator), rounds=rounds, mem_cost=mem_cost)

    assert one.verify(stored, password) and not one.verify(stored, password + "x")
    assert one.derive(one.settings(stored), password) == one.tag(stored)


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_no_base64_is_refused_and_smuggles_in_no_field(salt, value):
    with suppress(ConfigError):
        assert FirebaseScrypt.join(password_hash=value, salt=salt).count("$") == 3


@pytest.mark.parametrize("wrong", [{"password_hash": HASH[:-1]}, {"salt": SALT + "$"}, {"salt": ""}], ids=str)
def test_a_refused_column_is_not_shown(wrong):
    with pytest.raises(ConfigError) as refused:
        FirebaseScrypt.join(**({"password_hash": HASH, "salt": SALT} | wrong))

    assert HASH[:8] not in str(refused.value) and SALT[:8] not in str(refused.value)


def test_a_tag_is_as_long_as_the_signer_key():
    assert len(FIREBASE.tag(FirebaseScrypt.join(password_hash=HASH, salt=SALT))) == len(b64decode(FIREBASE.signer_key))
