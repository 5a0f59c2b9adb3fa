"""A foreign hash verifies with its password alone, in its one spelling, and below its ceiling."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.hashing.foreign.vectors import KINDS, VECTORS

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import (
    AspNetIdentity,
    Bcrypt,
    DjangoBcryptSha256,
    DjangoPbkdf2,
    DjangoScrypt,
    Drupal,
    Keycloak,
    Ldap,
    PasslibPbkdf2,
    Phpass,
    WordPress,
    aspnet,
    bcrypt,
    identify,
    keycloak,
    ldap,
    pbkdf2,
    phpass,
    scrypt,
)

named = pytest.mark.parametrize(("one", "stored", "password"), VECTORS, ids=[f"{v[0].name}-{i}" for i, v in enumerate(VECTORS)])
each = pytest.mark.parametrize("one", KINDS, ids=lambda one: one.name)

ITERATIONS = st.integers(1, 50)
PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=100)
SALTS = st.binary(min_size=16, max_size=32)
SHA = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha512": hashes.SHA512}


def modelled(kind, password, salt, iterations, size):
    """PBKDF2 of another library."""
    return PBKDF2HMAC(algorithm=SHA[kind](), length=size, salt=salt, iterations=iterations).derive(password.encode())


def b64(raw):
    return base64.b64encode(raw).decode()


def exact(one, stored, password, other):
    assert one.reads(stored) and identify(stored) == one.name
    assert one.verify(stored, password)
    assert one.verify(stored, other) == (other == password)
    assert one.derive(one.settings(stored), password) == one.tag(stored)


@given(st.sampled_from(["sha1", "sha256"]), PASSWORDS, PASSWORDS, st.text("abcXYZ019./-", min_size=1, max_size=30), ITERATIONS)
def test_django_pbkdf2_is_pbkdf2_of_the_salt_as_text(kind, password, other, salt, iterations):
    tag = modelled(kind, password, salt.encode(), iterations, {"sha1": 20, "sha256": 32}[kind])

    exact(DjangoPbkdf2(), f"pbkdf2_{kind}${iterations}${salt}${b64(tag)}", password, other)


@given(
    st.sampled_from([("", "sha1", 20), ("-sha256", "sha256", 32), ("-sha512", "sha512", 64)]),
    PASSWORDS,
    PASSWORDS,
    SALTS,
    ITERATIONS,
)
def test_passlib_pbkdf2_is_pbkdf2(scheme, password, other, salt, iterations):
    mark, kind, size = scheme
    text, tag = (b64(raw).rstrip("=").replace("+", ".") for raw in (salt, modelled(kind, password, salt, iterations, size)))

    exact(PasslibPbkdf2(), f"$pbkdf2{mark}${iterations}${text}${tag}", password, other)


@given(
    st.sampled_from(["pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512"]), PASSWORDS, PASSWORDS, SALTS, ITERATIONS, st.integers(16, 64)
)
def test_keycloak_is_pbkdf2_of_any_length(algorithm, password, other, salt, iterations, size):
    tag = modelled(algorithm.removeprefix("pbkdf2-").replace("pbkdf2", "sha1"), password, salt, iterations, size)

    exact(Keycloak(), f"$keycloak${algorithm}${iterations}${b64(salt)}${b64(tag)}", password, other)


@given(st.sampled_from([0, 1, 2]), PASSWORDS, PASSWORDS, SALTS, ITERATIONS, st.integers(16, 64))
def test_aspnet_version_3_is_pbkdf2_behind_a_binary_head(prf, password, other, salt, iterations, size):
    tag = modelled(["sha1", "sha256", "sha512"][prf], password, salt, iterations, size)
    head = b"\1" + b"".join(number.to_bytes(4, "big") for number in (prf, iterations, len(salt)))

    exact(AspNetIdentity(), b64(head + salt + tag), password, other)


@settings(max_examples=25)
@given(PASSWORDS, PASSWORDS, st.binary(min_size=16, max_size=16))
def test_aspnet_version_2_is_pbkdf2_sha1_of_a_thousand(password, other, salt):
    exact(AspNetIdentity(), b64(b"\0" + salt + modelled("sha1", password, salt, 1000, 32)), password, other)


@given(st.sampled_from([2, 4, 16]), st.integers(1, 3), st.integers(1, 3), PASSWORDS, PASSWORDS)
def test_django_scrypt_is_scrypt(n, r, p, password, other):
    tag = Scrypt(salt=b"some-salt", length=64, n=n, r=r, p=p).derive(password.encode())

    exact(DjangoScrypt(), f"scrypt${n}$some-salt${r}${p}${b64(tag)}", password, other)


@given(
    st.sampled_from([("SSHA", "sha1"), ("SSHA256", "sha256"), ("SSHA512", "sha512")]),
    PASSWORDS,
    PASSWORDS,
    st.binary(min_size=4, max_size=64),
)
def test_ldap_is_one_round_with_the_salt_behind(scheme, password, other, salt):
    mark, kind = scheme

    exact(Ldap(), f"{{{mark}}}{b64(hashlib.new(kind, password.encode() + salt).digest() + salt)}", password, other)


def bitwise(raw):
    """phpass' Base64 by the bit: the stream of bits, lowest first, six at a time, missing ones zero."""
    bits = "".join(f"{byte:08b}"[::-1] for byte in raw)
    alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(alphabet[int(bits[at : at + 6][::-1], 2)] for at in range(0, len(bits), 6))


@settings(max_examples=30)
@given(st.sampled_from(["$P$", "$H$", "$S$"]), PASSWORDS, PASSWORDS, st.text("./09AZaz", min_size=8, max_size=8))
def test_phpass_and_drupal_repeat_the_hash_with_the_password_behind(mark, password, other, salt):
    assume(len(password.encode()) <= 512 and len(other.encode()) <= 512)
    make = hashlib.sha512 if mark == "$S$" else hashlib.md5
    digest = make(salt.encode() + password.encode()).digest()
    for _ in range(128):
        digest = make(digest + password.encode()).digest()
    stored = f"{mark}5{salt}{bitwise(digest)}"

    exact(*((Drupal(), stored[:55]) if mark == "$S$" else (Phpass(), stored)), password, other)


@named
def test_vectors_of_others_verify_with_their_password_alone(one, stored, password):
    exact(one, stored, password, password + "x")
    assert not one.verify(stored, "") and not one.verify(stored, password.swapcase())


@given(st.sampled_from(VECTORS), st.data())
def test_no_edit_of_a_stored_hash_is_a_second_spelling_of_it(vector, data):
    one, stored, _ = vector
    where = data.draw(st.integers(0, len(stored)))
    cut = data.draw(st.integers(0, 3))
    edited = stored[:where] + data.draw(st.text("$2aby{}SHP=+/.:09Az \n\0é٣", max_size=3)) + stored[where + cut :]
    assume(edited != stored)

    assert not one.reads(edited) or (one.settings(edited), one.tag(edited)) != (one.settings(stored), one.tag(stored))


@given(st.sampled_from(VECTORS), st.data())
def test_the_last_character_has_no_stray_bits(vector, data):
    one, stored, _ = vector
    body = stored.rstrip("=")
    edited = body[:-1] + data.draw(st.sampled_from("./+0189ABCDYZabcdyz")) + stored[len(body) :]
    assume(edited != stored)

    assert not one.reads(edited) or (one.settings(edited), one.tag(edited)) != (one.settings(stored), one.tag(stored))


@given(st.sampled_from(KINDS), st.text(max_size=300))
def test_any_text_is_read_or_refused_and_never_raises(one, text):
    assert one.reads(text) is False or identify(text) == one.name
    assert one.verify(text, "password") is False
    assert identify(text) is None or isinstance(identify(text), str)


@named
def test_only_its_own_kind_reads_a_stored_hash(one, stored, password):
    assert [kind.name for kind in KINDS if kind.reads(stored)] == [one.name]


@each
def test_a_decoy_is_read_counted_under_its_scheme_and_matched_by_nothing(one):
    assert one.reads(one.decoy()) and identify(one.decoy()) == one.name
    assert not any(one.verify(one.decoy(), guess) for guess in ("", "password"))


@named
def test_a_nul_makes_no_second_password(one, stored, password):
    # HMAC pads its key with zeros, bcrypt repeats its key behind one.
    assert not any(one.verify(stored, spelled) for spelled in (password + "\0x", "\0x" + password, f"{password}\0{password}"))
    if one.name != "wordpress":  # which trims
        assert not one.verify(stored, password + "\0")


@each
def test_an_impossible_password_costs_its_work_and_derives_nothing(one, monkeypatch):
    done = []
    derivation = type(one)._derivation

    def watched(self, text):
        derive = derivation(self, text)
        return lambda raw: done.append(len(raw)) or derive(raw)

    monkeypatch.setattr(type(one), "_derivation", watched)

    assert one.derive(one.settings(one.decoy()), "x" * 1_000_000) == b""
    assert len(done) == 1 and done[0] <= 4_096


HOSTILE = [
    (DjangoPbkdf2(), "pbkdf2_sha256$2000001$salt$" + b64(bytes(32))),
    (DjangoPbkdf2(), "pbkdf2_sha256$" + "9" * 100 + "$salt$" + b64(bytes(32))),
    (DjangoPbkdf2(), "pbkdf2_sha256$0$salt$" + b64(bytes(32))),
    (DjangoPbkdf2(), "pbkdf2_sha256$01$salt$" + b64(bytes(32))),
    (DjangoPbkdf2(), "pbkdf2_sha256$1$salt$" + b64(bytes(31))),
    (DjangoPbkdf2(), "pbkdf2_sha256$1$salt$"),
    (DjangoPbkdf2(), "pbkdf2_sha256$1$" + "s" * 129 + "$" + b64(bytes(32))),
    (PasslibPbkdf2(), "$pbkdf2-sha512$2000001$AAAA$" + "A" * 86),
    (PasslibPbkdf2(), "$pbkdf2-sha256$1$AAAA$AAAA"),
    (Keycloak(), f"$keycloak$pbkdf2$2000001${b64(bytes(16))}${b64(bytes(64))}"),
    (Keycloak(), f"$keycloak$pbkdf2$1${b64(bytes(16))}${b64(bytes(15))}"),
    (Keycloak(), f"$keycloak$pbkdf2$1${b64(bytes(16))}${b64(bytes(65))}"),
    (AspNetIdentity(), b64(b"\1" + bytes(4) + b"\xff" * 4 + b"\0\0\0\x10" + bytes(48))),
    (AspNetIdentity(), b64(b"\1" + bytes(4) + b"\0\0\0\1" + b"\xff" * 4 + bytes(48))),
    (AspNetIdentity(), b64(b"\1" + b"\0\0\0\3" + b"\0\0\0\1" + b"\0\0\0\x10" + bytes(48))),
    (AspNetIdentity(), b64(b"\2" + bytes(48))),
    (DjangoScrypt(), f"scrypt${1 << 29}$salt$8$1${b64(bytes(64))}"),
    (DjangoScrypt(), f"scrypt$16384$salt$99$99${b64(bytes(64))}"),
    (DjangoScrypt(), f"scrypt$16384$salt$8$64${b64(bytes(64))}"),
    (DjangoScrypt(), f"scrypt$1000$salt$8$1${b64(bytes(64))}"),
    (DjangoScrypt(), f"scrypt$65536$salt$1$1${b64(bytes(64))}"),  # RFC 7914: N below 2^(16 r)
    (Phpass(), "$P$Hsaltsalt" + "." * 22),
    (Phpass(), "$P$zsaltsalt" + "." * 22),
    (Phpass(), "$P$4saltsalt" + "." * 22),
    (Phpass(), "$P$5saltsalt" + "." * 21),
    (Drupal(), "$S$Hsaltsalt" + "." * 43),
    (Drupal(), "$S$5saltsalt" + "." * 42),
    (Ldap(), "{SSHA}" + b64(bytes(23))),  # a salt of 3
    (Ldap(), "{SSHA512}" + b64(bytes(129))),
    (Ldap(), "{SSHA}" + b64(bytes(20))),
    (Bcrypt(), "$2b$15$" + "." * 53),
    (Bcrypt(), "$2b$31$" + "." * 53),
    (Bcrypt(), "$2b$03$" + "." * 53),
    (Bcrypt(), "$2b$32$" + "." * 53),
    (Bcrypt(), "$2x$10$" + "." * 53),
    (Bcrypt(), "$2b$10$" + "." * 52),
    (WordPress(), "$wp$2y$31$" + "." * 53),
    (DjangoBcryptSha256(), "bcrypt_sha256$$2b$31$" + "." * 53),
]


@pytest.mark.parametrize(("one", "stored"), HOSTILE, ids=[f"{one.name}-{i}" for i, (one, _) in enumerate(HOSTILE)])
def test_hostile_parameters_are_refused_before_anything_is_computed(one, stored, monkeypatch):
    for module, name in [
        (aspnet, "derivation"), (keycloak, "derivation"), (pbkdf2, "pbkdf2_hmac"), (scrypt, "scrypt"),
        (phpass, "md5"), (phpass, "sha512"), (ldap, "new"), (bcrypt, "_library"),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, computed)

    assert one.reads(stored) is False and one.verify(stored, "password") is False
    for ask in (one.settings, one.tag):
        with pytest.raises(ConfigError) as refused:
            ask(stored)
        assert stored not in str(refused.value)


def computed(*args, **kwargs):
    raise AssertionError("computed")


@each
def test_text_of_any_length_is_refused_at_once(one):
    assert not one.reads(one.decoy() + "A" * 10_000_000) and identify(one.decoy() + "A" * 10_000_000) is None


@each
@pytest.mark.parametrize("text", ["", "$", "pbkdf2_sha256$2000001$salt$", "x" * 600])
def test_settings_that_were_never_given_are_refused(one, text):
    with pytest.raises(ConfigError, match="settings"):
        one.derive(text, "password")


@each
@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), True, "1", None])
def test_a_share_is_a_proportion(one, share):
    with pytest.raises(ConfigError, match="share"):
        type(one)(share=share)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (DjangoPbkdf2, {"iterations": 3_000_000}),
        (DjangoPbkdf2, {"iterations": 0}),
        (AspNetIdentity, {"max_iterations": 99_999}),
        (DjangoScrypt, {"n": 1000}),
        (DjangoScrypt, {"n": 1 << 20}),
        (DjangoScrypt, {"max_traffic_kib": 1}),
        (Phpass, {"rounds_log2": 20}),
        (Phpass, {"trimmed": 1}),
        (Drupal, {"max_rounds_log2": 31}),
        (Bcrypt, {"cost": 15}),
        (Bcrypt, {"max_cost": 32}),
        (Bcrypt, {"pepper": b"bytes"}),
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused_at_construction(make, wrong):
    with pytest.raises(ConfigError):
        make(**wrong)


def test_a_higher_ceiling_reads_what_a_lower_one_refused():
    stored = f"pbkdf2_sha256$2000001$salt${b64(bytes(32))}"

    assert not DjangoPbkdf2().reads(stored) and DjangoPbkdf2(max_iterations=2_000_001).reads(stored)


@pytest.mark.parametrize("text", ["", "password", "$argon2id$v=19$m=1,t=1,p=1$a$b", "$1$abc$def", "{MD5}abcd", "$2x$10$abc"])
def test_what_is_of_no_known_format_has_no_name(text):
    assert identify(text) is None


def test_phpass_of_wordpress_trims_and_of_others_does_not():
    stored = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"

    assert Phpass(trimmed=True).verify(stored, " \ttest12345\n") and not Phpass().verify(stored, " test12345")
