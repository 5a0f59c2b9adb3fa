"""crypt(3)'s schemes, against a second writing of their specifications, step by step."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec.hashing.foreign import Md5Crypt, ShaCrypt

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Three bytes a row, the highest first, as the specifications print them; None is a byte of zeros that is not written.
SHA256 = [(0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17), (18, 28, 8), (9, 19, 29), (None, 31, 30)]  # fmt: skip
SHA512 = [
    (0, 21, 42), (22, 43, 1), (44, 2, 23), (3, 24, 45), (25, 46, 4), (47, 5, 26), (6, 27, 48), (28, 49, 7), (50, 8, 29),
    (9, 30, 51), (31, 52, 10), (53, 11, 32), (12, 33, 54), (34, 55, 13), (56, 14, 35), (15, 36, 57), (37, 58, 16),
    (59, 17, 38), (18, 39, 60), (40, 61, 19), (62, 20, 41), (None, None, 63),
]  # fmt: skip
MD5 = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5), (None, None, 11)]

PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=140)
GRAINS = st.text(ALPHABET, max_size=16)


def written(digest, rows):
    text = ""
    for row in rows:
        value = 0
        for at in row:
            value = value << 8 | (0 if at is None else digest[at])
        for _ in range({0: 4, 1: 3, 2: 2}[row.count(None)]):
            text += ALPHABET[value & 63]
            value >>= 6
    return text


def rounds_of(make, digest, secret, grain, rounds):
    for number in range(rounds):
        context = make()
        context.update(secret if number & 1 else digest)
        if number % 3:
            context.update(grain)
        if number % 7:
            context.update(secret)
        context.update(digest if number & 1 else secret)
        digest = context.digest()
    return digest


def filled(digest, size):
    text = b""
    while len(text) + len(digest) <= size:
        text += digest
    return text + digest[: size - len(text)]


def sha_crypt(make, password, grain, rounds, rows):
    other = make(password + grain + password).digest()
    context = make(password + grain)
    context.update(filled(other, len(password)))
    size = len(password)
    while size:
        context.update(other if size & 1 else password)
        size >>= 1
    start = context.digest()
    many = make()
    for _ in password:
        many.update(password)
    salted = make()
    for _ in range(16 + start[0]):
        salted.update(grain)
    digest = rounds_of(make, start, filled(many.digest(), len(password)), filled(salted.digest(), len(grain)), rounds)
    return written(digest, rows)


def md5_crypt(mark, password, grain):
    context = hashlib.md5(password + mark + grain)
    context.update(filled(hashlib.md5(password + grain + password).digest(), len(password)))
    size = len(password)
    while size:
        context.update(b"\0" if size & 1 else password[:1])
        size >>= 1
    return written(rounds_of(hashlib.md5, context.digest(), password, grain, 1_000), MD5)


@settings(max_examples=60, deadline=None)
@given(PASSWORDS, PASSWORDS, GRAINS, st.sampled_from([None, 1_000, 1_041, 1_042, 5_000]), st.booleans(), st.booleans())
def test_sha_crypt_is_what_its_specification_says(password, other, grain, rounds, wide, directory):
    make, mark, rows = (hashlib.sha512, "6", SHA512) if wide else (hashlib.sha256, "5", SHA256)
    text = sha_crypt(make, password.encode(), grain.encode(), rounds or 5_000, rows)
    front = f"{{CRYPT}}${mark}$" if directory else f"${mark}$"
    stored = f"{front}{f'rounds={rounds}$' if rounds else ''}{grain}${text}"

    assert ShaCrypt().verify(stored, password)
    assert ShaCrypt().verify(stored, other) == (other == password)


@settings(max_examples=60, deadline=None)
@given(PASSWORDS, PASSWORDS, st.text(ALPHABET, max_size=8), st.sampled_from(["1", "apr1"]))
def test_md5_crypt_is_what_its_description_says(password, other, grain, mark):
    stored = f"${mark}${grain}${md5_crypt(f'${mark}$'.encode(), password.encode(), grain.encode())}"

    assert Md5Crypt().verify(stored, password)
    assert Md5Crypt().verify(stored, other) == (other == password)


@pytest.mark.parametrize("one", [ShaCrypt(), Md5Crypt()], ids=lambda one: one.name)
def test_a_password_that_libxcrypt_refuses_for_its_length_never_verifies(one):
    known = one.settings(one.decoy())

    assert one.derive(known, "a" * 511) != b"" and one.derive(known, "a" * 512) == b""
    assert one.derive(known, "ä" * 255) != b"" and one.derive(known, "ä" * 256) == b""


def test_a_decoy_has_the_rounds_it_was_asked_for():
    assert ShaCrypt(rounds=656_000).decoy().startswith("$6$rounds=656000$") and "rounds" not in ShaCrypt().decoy()
