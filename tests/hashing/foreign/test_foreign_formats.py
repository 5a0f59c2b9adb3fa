"""A foreign hash verifies with its password alone, in its one spelling, and below its ceiling."""

import base64
import hashlib

import pytest
from argon2.exceptions import HashingError
from attrs import evolve
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as ScryptOfAnother
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.hashing.foreign.hostile import HOSTILE
from tests.hashing.foreign.vectors import FIREBASE, KINDS, VECTORS

from acctsec.errors import ConfigError, PortError
from acctsec.hashing import Argon2Parameters
from acctsec.hashing.foreign import (
    Argon2,
    AspNetIdentity,
    Bcrypt,
    DjangoArgon2,
    DjangoDigest,
    DjangoPbkdf2,
    DjangoScrypt,
    Drupal,
    FirebaseScrypt,
    Keycloak,
    KeycloakArgon2,
    Ldap,
    PasslibPbkdf2,
    PhcPbkdf2,
    Phpass,
    Scrypt,
    ShaCrypt,
    SymfonyDigest,
    SymfonyPbkdf2,
    argon2,
    aspnet,
    bcrypt,
    crypt,
    digests,
    identify,
    keycloak,
    ldap,
    pbkdf2,
    phpass,
    scrypt,
    symfony,
)

named = pytest.mark.parametrize(("one", "stored", "password"), VECTORS, ids=[f"{v[0].name}-{i}" for i, v in enumerate(VECTORS)])
FIRST = [next((one, stored) for one, stored, _ in VECTORS if type(one) is type(kind)) for kind in KINDS]
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


def unpadded(raw):
    return b64(raw).rstrip("=")


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
    st.booleans(),
    PASSWORDS,
    PASSWORDS,
    SALTS,
    ITERATIONS,
)
def test_passlib_pbkdf2_is_pbkdf2(scheme, directory, password, other, salt, iterations):
    mark, kind, size = scheme
    text, tag = (b64(raw).rstrip("=").replace("+", ".") for raw in (salt, modelled(kind, password, salt, iterations, size)))

    front = f"{{PBKDF2{mark.upper()}}}" if directory else f"$pbkdf2{mark}$"
    exact(PasslibPbkdf2(), f"{front}{iterations}${text}${tag}", password, other)


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
    tag = ScryptOfAnother(salt=b"some-salt", length=64, n=n, r=r, p=p).derive(password.encode())

    exact(DjangoScrypt(), f"scrypt${n}$some-salt${r}${p}${b64(tag)}", password, other)


@given(st.sampled_from(["MD5", "SHA", "SHA256", "SHA384", "SHA512"]), PASSWORDS, PASSWORDS, st.binary(min_size=4, max_size=64))
def test_ldap_is_one_round_with_the_salt_behind_or_none(mark, password, other, salt):
    kind = {"SHA": "sha1"}.get(mark, mark.lower())

    exact(Ldap(), f"{{S{mark}}}{b64(hashlib.new(kind, password.encode() + salt).digest() + salt)}", password, other)
    exact(Ldap(), f"{{{mark}}}{b64(hashlib.new(kind, password.encode()).digest())}", password, other)


@settings(max_examples=30)
@given(st.integers(1, 3), st.integers(1, 2), PASSWORDS, PASSWORDS, st.binary(min_size=8, max_size=64), st.integers(16, 64))
def test_argon2_is_argon2_in_each_of_its_spellings(passes, lanes, password, other, salt, size):
    memory = 8 * lanes + passes
    tag = Argon2id(salt=salt, length=size, iterations=passes, lanes=lanes, memory_cost=memory).derive(password.encode())
    cheap = Argon2Parameters(8, 1)
    head = f"argon2id$v=19$m={memory},t={passes},p={lanes}"

    exact(Argon2(floor=cheap), f"${head}${unpadded(salt)}${unpadded(tag)}", password, other)
    exact(DjangoArgon2(floor=cheap), f"argon2${head}${unpadded(salt)}${unpadded(tag)}", password, other)
    exact(KeycloakArgon2(floor=cheap), f"$keycloak${head}${b64(salt)}${b64(tag)}", password, other)


@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    PASSWORDS,
    PASSWORDS,
    st.binary(min_size=1, max_size=64),
    st.integers(16, 64),
)
def test_scrypt_as_a_phc_string_is_scrypt(log2, r, p, password, other, salt, size):
    tag = ScryptOfAnother(salt=salt, length=size, n=1 << log2, r=r, p=p).derive(password.encode())

    exact(Scrypt(), f"$scrypt$ln={log2},r={r},p={p}${unpadded(salt)}${unpadded(tag)}", password, other)


@given(st.sampled_from(["sha1", "sha256", "sha512"]), PASSWORDS, PASSWORDS, SALTS, ITERATIONS, st.integers(16, 64), st.booleans())
def test_pbkdf2_as_a_phc_string_is_pbkdf2_of_any_length(kind, password, other, salt, iterations, size, said):
    tag = modelled(kind, password, salt, iterations, size)
    length = f",l={size}" if said else ""

    exact(PhcPbkdf2(), f"$pbkdf2-{kind}$i={iterations}{length}${unpadded(salt)}${unpadded(tag)}", password, other)


@given(st.sampled_from(["md5", "sha1"]), PASSWORDS, PASSWORDS, st.text("abcXYZ019./-", max_size=30))
def test_djangos_digest_is_one_round_with_the_salt_in_front(kind, password, other, salt):
    text = hashlib.new(kind, salt.encode() + password.encode()).hexdigest()

    exact(DjangoDigest(), f"{kind}${salt}${text}", password, other)
    if kind == "md5" and salt == "":
        exact(DjangoDigest(), text, password, other)


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
    assert [kind.name for kind in KINDS if type(kind) is not type(one) and kind.reads(stored)] == []


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


@pytest.mark.parametrize(("one", "stored"), FIRST, ids=[one.name for one, _ in FIRST])
def test_a_password_of_any_text_is_answered_and_never_raises(one, stored):
    assert not any(one.verify(stored, odd) for odd in ("\ud800", "\udfff" * 30, "\0", "\U0010ffff" * 2_000))


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


@pytest.mark.parametrize(("one", "stored"), HOSTILE, ids=[f"{one.name}-{i}" for i, (one, _) in enumerate(HOSTILE)])
def test_hostile_parameters_are_refused_before_anything_is_computed(one, stored, monkeypatch):
    for module, name in [
        (aspnet, "derivation"), (keycloak, "derivation"), (symfony, "derivation"), (pbkdf2, "pbkdf2_hmac"),
        (scrypt, "scrypt"), (argon2, "hash_secret_raw"), (phpass, "md5"), (phpass, "sha512"), (bcrypt, "_library"),
        (ldap, "new"), (digests, "new"), (symfony, "new"), (crypt, "_sha_crypt"), (crypt, "_md5_crypt"),
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
@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), True, "1"])
def test_a_share_is_a_proportion(one, share):
    with pytest.raises(ConfigError, match="share"):
        evolve(one, share=share)


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
        (Bcrypt, {"symfony": True, "pepper": "pepper"}),
        (Bcrypt, {"symfony": True, "cut": True}),
        (Bcrypt, {"symfony": 1}),
        (Argon2, {"cost": Argon2Parameters(19_455, 2)}),
        (Argon2, {"cost": Argon2Parameters(262_145, 2)}),
        (Argon2, {"cost": (65_536, 4)}),
        (Argon2, {"floor": ()}),
        (Argon2, {"floor": None}),
        (Argon2, {"floor": (19_456,)}),
        (Argon2, {"ceiling": 262_144}),
        (DjangoArgon2, {"ceiling": Argon2Parameters(65_536, 4)}),
        (KeycloakArgon2, {"floor": Argon2Parameters(19_456, 2)}),
        (Scrypt, {"n": 1 << 18}),
        (Scrypt, {"n": 1000}),
        (PhcPbkdf2, {"iterations": 2_000_001}),
        (ShaCrypt, {"rounds": 999}),
        (ShaCrypt, {"max_rounds": 4_999}),
        (ShaCrypt, {"rounds": 1_000_001}),
        (SymfonyDigest, {"iterations": 100_001}),
        (SymfonyPbkdf2, {"max_iterations": 999}),
        (FirebaseScrypt, {"signer_key": "AAAA"}),
        (FirebaseScrypt, {"signer_key": b"A" * 88}),
        (FirebaseScrypt, {"signer_key": FIREBASE.signer_key.rstrip("=")}),
        (FirebaseScrypt, {"signer_key": FIREBASE.signer_key, "salt_separator": "B"}),
        (FirebaseScrypt, {"signer_key": FIREBASE.signer_key, "salt_separator": None}),
        (FirebaseScrypt, {"signer_key": FIREBASE.signer_key, "rounds": 9}),
        (FirebaseScrypt, {"signer_key": FIREBASE.signer_key, "mem_cost": 15}),
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused_at_construction(make, wrong):
    with pytest.raises(ConfigError):
        make(**wrong)


def test_a_higher_ceiling_reads_what_a_lower_one_refused():
    stored = f"pbkdf2_sha256$2000001$salt${b64(bytes(32))}"

    assert not DjangoPbkdf2().reads(stored) and DjangoPbkdf2(max_iterations=2_000_001).reads(stored)


@pytest.mark.parametrize("make", [Argon2, DjangoArgon2, KeycloakArgon2])
def test_a_lower_floor_reads_what_a_higher_one_refused(make):
    weak = Argon2Parameters(512, 2, 2)
    stored = make(cost=weak, floor=weak).decoy()

    assert not make().reads(stored) and make(floor=(Argon2Parameters(19_456, 2), weak)).reads(stored)


def test_argon2_without_memory_is_a_fault_of_the_machine_and_no_wrong_password(monkeypatch):
    def fail(*args):
        raise HashingError

    monkeypatch.setattr(argon2, "hash_secret_raw", fail)

    with pytest.raises(PortError, match="memory"):
        Argon2().verify(Argon2().decoy(), "password")


@pytest.mark.parametrize("text", ["", "password", "$argon2", "$7$abc$def", "{SSH}abcd", "$2x$10$abc", "0" * 40, "md5", "$y$j9T$"])
def test_what_is_of_no_known_format_has_no_name(text):
    assert identify(text) is None


def test_phpass_of_wordpress_trims_and_of_others_does_not():
    stored = "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"

    assert Phpass(trimmed=True).verify(stored, " \ttest12345\n") and not Phpass().verify(stored, " test12345")
