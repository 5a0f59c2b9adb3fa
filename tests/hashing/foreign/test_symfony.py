"""Symfony's columns become one string, or are refused without being shown."""

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import SymfonyDigest, SymfonyPbkdf2

# Made with Symfony's MessageDigestPasswordHasher on PHP 8.3.33: the column, and the hasher's configuration.
SALT = "3kvm2gq9nn8k0sgs8ckokgs8wwo0wkg"
COLUMNS = [
    ("O8EmT+k52pNQDFzlDvZUC4fVnIMxDA3OJ8mmFsX80fCatvDHg0GD+oaOzJMh3oa/MShqfzuxk+REVl+bQw0+OA==", {}),
    (
        "8b3df785a4b235d5781003a863677026b926e69f51549574376d8d76f2aa0436",
        {"algorithm": "sha256", "base64": False, "iterations": 100},
    ),
    ("db19a4ab609fa89f431d6e1f7ad5e32ce130ad64", {"algorithm": "sha1", "base64": False, "iterations": 1}),
    ("5caf69f8a882b683a52dcd04337d9f65", {"algorithm": "md5", "base64": False, "iterations": 0}),
]
UNSALTED = "YlhjsuZ0o/ekWZEy7XkEQyVPk/1XNi6xs+YFQ3JOaedBjUS6SXlSzptnfcStI+YMNLodMyp6UfAubvqjPNpCJw=="

PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)


@pytest.mark.parametrize(("column", "configured"), COLUMNS, ids=["sha512", "sha256", "sha1", "md5"])
def test_a_row_is_joined_and_verifies(column, configured):
    stored = SymfonyDigest.join(hashed=column, salt=SALT, **configured)

    assert SymfonyDigest().verify(stored, "pässword") and not SymfonyDigest().verify(stored, "password")
    assert not SymfonyDigest().verify(SymfonyDigest.join(hashed=column, salt=SALT + "x", **configured), "pässword")


@pytest.mark.parametrize("salt", [None, "", "0"])
def test_what_is_no_salt_to_php_is_none_here(salt):
    stored = SymfonyDigest.join(hashed=UNSALTED, salt=salt)

    assert SymfonyDigest().verify(stored, "pässword") and not SymfonyDigest().verify(stored, "pässword{0}")


@given(
    st.sampled_from(["md5", "sha1", "sha256", "sha384", "sha512"]), PASSWORDS, PASSWORDS, st.text(max_size=30), st.integers(1, 60)
)
def test_each_round_hashes_the_digest_the_password_and_the_salt_in_braces(algorithm, password, other, salt, iterations):
    salt = "".join(character for character in salt if character not in "{}\ud800")
    salted = password + ("{" + salt + "}" if salt not in {"", "0"} else "")
    digest = b""
    for _ in range(iterations):
        digest = hashlib.new(algorithm, digest + salted.encode("utf-8", "surrogatepass")).digest()
    configured = {"algorithm": algorithm, "iterations": iterations}
    stored = SymfonyDigest.join(hashed=b64encode(digest).decode(), salt=salt, **configured)

    assert SymfonyDigest.join(hashed=digest.hex(), salt=salt, base64=False, **configured) == stored
    assert SymfonyDigest().verify(stored, password)
    assert SymfonyDigest().verify(stored, other) == (other == password)
    assert SymfonyDigest().derive(SymfonyDigest().settings(stored), password) == SymfonyDigest().tag(stored)


@given(
    st.sampled_from(["sha1", "sha256", "sha512"]),
    PASSWORDS,
    PASSWORDS,
    st.text("az09{}$", max_size=30),
    st.integers(1, 60),
    st.integers(16, 64),
)
def test_pbkdf2_is_pbkdf2_of_the_salt_as_text(algorithm, password, other, salt, iterations, size):
    tag = hashlib.pbkdf2_hmac(algorithm, password.encode(), salt.encode(), iterations, size)
    configured = {"salt": salt, "algorithm": algorithm, "iterations": iterations}
    stored = SymfonyPbkdf2.join(hashed=b64encode(tag).decode(), **configured)

    assert SymfonyPbkdf2.join(hashed=tag.hex(), base64=False, **configured) == stored
    assert SymfonyPbkdf2().verify(stored, password)
    assert SymfonyPbkdf2().verify(stored, other) == (other == password)
    assert SymfonyPbkdf2().derive(SymfonyPbkdf2().settings(stored), password) == SymfonyPbkdf2().tag(stored)


@pytest.mark.parametrize("make", [SymfonyDigest, SymfonyPbkdf2])
@pytest.mark.parametrize(
    "wrong",
    [
        {"hashed": "no Base64"},
        {"hashed": "ABCDEF", "base64": False},
        {"hashed": "", "base64": False},
        {"algorithm": "crc32"},
        {"iterations": -1},
        {"iterations": True},
        {"iterations": 5000.0},
        {"iterations": 10**12},
        {"salt": "x" * 129},
    ],
    ids=str,
)
def test_what_is_not_symfonys_is_refused_without_being_shown(make, wrong):
    with pytest.raises(ConfigError) as refused:
        make.join(**({"hashed": UNSALTED, "salt": SALT} | wrong))

    assert UNSALTED[:8] not in str(refused.value) and SALT not in str(refused.value)


@pytest.mark.parametrize("wrong", [{"salt": "sa{lt"}, {"salt": "sa}lt"}, {"algorithm": "sha256"}], ids=str)
def test_a_digest_has_the_length_of_its_algorithm_and_no_salt_with_braces(wrong):
    with pytest.raises(ConfigError):
        SymfonyDigest.join(**({"hashed": UNSALTED, "salt": SALT} | wrong))
