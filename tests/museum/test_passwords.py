"""Passwords are compared exactly, at a bounded cost, under parameters that only get stronger (I26, I27, I28)."""

import subprocess
import sys
import time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import CHEAPEST, PasswordPolicy, SignedIn
from acctsec.hashing import Argon2Parameters, Comparison, HashingPolicy
from acctsec.hashing.phc import parse
from acctsec.testing.world import IDENTIFIER, PASSWORD

SALT = bytes(range(16))
NOBODY = "nobody@example.org"
UNUSUAL = "crème brûlée für Å Ω ガ 각 2 Löffel"


# --- exact verification -------------------------------------------------------------------------------------------------


@given(st.text(max_size=200), st.text(min_size=1, max_size=5))
def test_m149_no_length_of_anything_else_pushes_the_password_out(long, more):
    """Nothing is hashed together with the password but its salt: what differs anywhere differs."""
    hashing = CHEAPEST.hashing
    phc = hashing.hash(long + "password", salt=SALT)

    assert hashing.verify(phc, long + "password") is Comparison.MATCHED
    assert hashing.verify(phc, long + "password" + more) is Comparison.DIFFERENT
    assert hashing.verify(phc, long + more) is (Comparison.MATCHED if more == "password" else Comparison.DIFFERENT)


@pytest.mark.parametrize("at", [55, 72, 128, 255])
def test_m150_a_difference_at_the_end_of_a_long_password_counts(w, at):
    long = ("correct horse 7 battery staple " * 9)[:at]
    w.sign_up(password=long + "a")

    assert not isinstance(w.engine.sign_in(IDENTIFIER, long + "b", context=w.context()), SignedIn)
    assert not isinstance(w.engine.sign_in(IDENTIFIER, long, context=w.context()), SignedIn)
    assert isinstance(w.engine.sign_in(IDENTIFIER, long + "a", context=w.context()), SignedIn)


@pytest.mark.parametrize(("set_as", "typed_as"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_m154_two_keyboards_spell_one_password(w, set_as, typed_as):
    """One canonical form, equally at set, verify, history, strength and breach check."""
    set_form, typed_form = normalize(set_as, UNUSUAL), normalize(typed_as, UNUSUAL)
    assert set_form != typed_form
    w.sign_up(password=set_form)

    assert isinstance(w.engine.sign_in(IDENTIFIER, typed_form, context=w.context()), SignedIn)
    assert isinstance(w.engine.sign_in(IDENTIFIER, typed_form.replace(" ", "\u00a0"), context=w.context()), SignedIn)
    assert w.engine.check_password(set_form) == w.engine.check_password(typed_form)


def test_m154_compatible_characters_are_other_characters(w):
    """The form is NFC: what only looks alike is another password."""
    w.sign_up(password="ﬁve quiet otters 418 x")

    assert not isinstance(w.engine.sign_in(IDENTIFIER, "five quiet otters 418 x", context=w.context()), SignedIn)


# --- bounded cost -------------------------------------------------------------------------------------------------------

MONSTROUS = ["a" * 10**7, "é" * 10**6, "e\u0301" * 10**6, "😀" * 257, "a" * 1025, "\u0301\u0316" * 10**6]


@pytest.mark.parametrize("password", MONSTROUS, ids=range(len(MONSTROUS)))
def test_m155_a_monstrous_password_costs_no_more_than_a_short_one(w, password):
    """Refused before it is normalised or hashed, and in the same way for somebody and nobody."""
    w.sign_up()
    known, known_calls = w.observe(lambda: w.engine.sign_in(IDENTIFIER, password, context=w.context()))
    unknown, unknown_calls = w.observe(lambda: w.engine.sign_in(NOBODY, password, context=w.context()))

    assert known == unknown
    assert known_calls == unknown_calls
    assert _cpu(lambda: w.engine.sign_in(IDENTIFIER, password, context=w.context())) < 0.1


def test_m155_the_limit_is_counted_in_the_canonical_form():
    policy = PasswordPolicy()
    fits = "quaffle brumbek 7 " + "é" * 230

    assert policy.check(normalize("NFD", fits)) == policy.check(normalize("NFC", fits))
    assert [one.code for one in policy.check("é" * 513).objections] == ["too-many-bytes"]


@pytest.mark.parametrize(
    "signs", ["4@8({[<3691!|70$5+%2", "4(3{1!", "1|7", "@dm1n1str@t0r$", "p4ssw0rd", "a4b8c(e3g6i1l|o0s5t+x%z2"]
)
def test_m156_substituted_letters_are_judged_in_no_time(signs):
    """Each length to the cap, with words of the same kind beside it. zxcvbn took 2.7 s at 72 characters."""
    policy = PasswordPolicy()
    words = tuple((signs * 64)[i : i + 256] for i in range(64))
    policy.check("warm")

    for length in (8, 16, 32, 48, 64, 72, 100, 256, 512, 1024):
        password = (signs * length)[:length]
        assert min(_cpu(lambda text=password: policy.check(text, words=words)) for _ in range(3)) < 0.1


@pytest.mark.parametrize("attribute", ["a", "ab", "1", "x1|7", "éΩ"])
def test_m157_monstrous_attributes_cost_nothing(attribute):
    """Ten attributes of 100,000 characters, as an account could be given."""
    policy = PasswordPolicy()
    words = tuple((attribute * 10**5)[i : i + 10**5] for i in range(10))
    policy.check("warm")

    for password in ("quaffle brumbek 7", (attribute * 1024)[:500]):
        assert min(_cpu(lambda text=password: policy.check(text, words=words)) for _ in range(3)) < 0.1


def _cpu(call):
    started = time.thread_time()
    call()
    return time.thread_time() - started


HASHING_IN_PARALLEL = """
import threading
from datetime import timedelta
from acctsec.errors import Overloaded
from acctsec.hashing import HashingPolicy
from acctsec.hashing.governor import Governor

def kib(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))

policy = HashingPolicy(memory_kib=65_536, time_cost=1)
governor = Governor(permits=2, queue=18, patience=timedelta(minutes=1))
before, answers, start = kib("VmRSS"), [], threading.Barrier(200)

def sign_in():
    start.wait()
    try:
        answers.append(governor.run(lambda: policy.verify(policy.decoy(), "x")).value)
    except Overloaded:
        answers.append("refused")

threads = [threading.Thread(target=sign_in) for _ in range(200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(kib("VmHWM") - before, answers.count("different"), answers.count("refused"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_m159_two_hundred_hashes_at_once_hold_the_memory_of_two():
    """64 MiB each, two permits: what finds no place in the queue is refused before it takes any."""
    done = subprocess.run([sys.executable, "-c", HASHING_IN_PARALLEL], check=True, capture_output=True, text=True)
    memory, compared, refused = map(int, done.stdout.split())

    assert memory <= 2 * 65_536 + 16 * 1024
    assert compared + refused == 200
    assert compared >= 20


@pytest.mark.parametrize("password", ["x" * 73, "nul\0inside the password", "\ud800 surrogate", "y" * 5000, "", b"bytes", None])
def test_m189_no_password_is_an_error_for_those_who_exist(w, password):
    w.sign_up()

    known, known_calls = w.observe(lambda: w.engine.sign_in(IDENTIFIER, password, context=w.context()))
    unknown, unknown_calls = w.observe(lambda: w.engine.sign_in(NOBODY, password, context=w.context()))

    assert known == unknown
    assert known_calls == unknown_calls
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


# --- parameters ---------------------------------------------------------------------------------------------------------

HOSTILE = {
    "memory": "$argon2id$v=19$m=2147483648,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ",
    "passes": "$argon2id$v=19$m=19456,t=1048576,p=1$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ",
    "lanes": "$argon2id$v=19$m=19456,t=2,p=16777216$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ",
    "lanes and memory": "$argon2id$v=19$m=2147483648,t=2,p=16777216$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ",
    "too cheap": "$argon2id$v=19$m=8,t=1,p=1$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ",
    "salt cut": "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ",
    "tag cut": "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2l",
    "no tag": "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$",
    "bcrypt 31": "$2b$31$abcdefghijklmnopqrstuuBNCGs8DqYJBvYIqNmSFoFoNvBpwCT5O",
    "PBKDF2 10^9": "pbkdf2_sha256$1000000000$salt$" + "A" * 43 + "=",
}


@pytest.mark.parametrize("phc", HOSTILE.values(), ids=HOSTILE)
def test_m162_hostile_parameters_are_refused_before_computing(monkeypatch, phc):
    computed = []

    def derive(password, *, cost, tag_bytes, **_):
        computed.append(cost)
        return bytes(tag_bytes)

    monkeypatch.setattr("acctsec.hashing.policy.derive", derive)
    policy = HashingPolicy()

    assert policy.verify(phc, "password") is Comparison.UNREADABLE
    assert computed == [policy.parameters]  # the decoy, so that this takes as long as any other answer
    assert policy.needs_rehash(phc) is ("m=8,t=1" in phc)


@given(st.lists(st.tuples(st.integers(8, 4096), st.integers(1, 10)), min_size=2, max_size=8))
def test_m167_stored_strength_never_falls(costs):
    """Whatever order policies come and go in."""
    floor = Argon2Parameters(memory_kib=8, time_cost=1)
    policies = [HashingPolicy(memory_kib=memory, time_cost=passes, floor=floor) for memory, passes in costs]
    phc, strength = policies[0].decoy(), policies[0].parameters.traffic
    for policy in policies:
        if policy.needs_rehash(phc):
            phc = policy.decoy()
        assert parse(phc).parameters.traffic >= strength
        assert parse(phc).parameters.traffic >= policy.parameters.traffic
        strength = parse(phc).parameters.traffic
