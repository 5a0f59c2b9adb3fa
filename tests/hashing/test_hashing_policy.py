"""Hashes are made at a stated cost, believed within bounds, and only ever replaced by stronger ones."""

from datetime import timedelta

import argon2
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import AcctsecError, ConfigError, PortError
from acctsec.hashing import OWASP, Argon2Parameters, Comparison, HashingPolicy, argon2id
from acctsec.hashing.phc import parse

CHEAPEST = Argon2Parameters(memory_kib=8, time_cost=1)
CHEAP = HashingPolicy(memory_kib=8, time_cost=1, floor=CHEAPEST)
SALT = bytes(range(16))
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def cheap(memory_kib=8, time_cost=1, **more):
    return HashingPolicy(memory_kib=memory_kib, time_cost=time_cost, floor=CHEAPEST, **more)


@pytest.fixture
def computed(monkeypatch):
    """The cost of everything that is really computed."""
    costs, derive = [], argon2id.derive

    def watched(password, *, cost, **rest):
        costs.append(cost)
        return derive(password, cost=cost, **rest)

    monkeypatch.setattr("acctsec.hashing.policy.derive", watched)
    return costs


def test_the_default_is_what_owasp_asks_for():
    policy = HashingPolicy()

    assert policy.parameters == Argon2Parameters(memory_kib=19_456, time_cost=2, parallelism=1)
    assert policy.parameters in OWASP
    assert policy.hash("correct horse", salt=SALT).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_hashes_are_argon2s_own():
    """The same bytes as the reference binding, both ways."""
    theirs = argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=2, hash_len=32, salt_len=16)
    policy = cheap(memory_kib=64, time_cost=2, parallelism=2)

    ours = policy.hash("пароль 密码 😀", salt=SALT)

    assert ours == theirs.hash("пароль 密码 😀", salt=SALT)
    assert theirs.verify(ours, "пароль 密码 😀")
    assert policy.verify(theirs.hash("x"), "x") is Comparison.MATCHED


@given(ANY_TEXT, ANY_TEXT)
def test_a_password_matches_its_own_hash_and_no_other(password, other):
    phc = CHEAP.hash(password, salt=SALT)

    assert CHEAP.verify(phc, password) is Comparison.MATCHED
    assert (CHEAP.verify(phc, other) is Comparison.MATCHED) == (password == other)


@given(st.text(max_size=100), st.text(min_size=1, max_size=3))
def test_no_byte_is_left_out(start, more):
    """Also far beyond the 72 bytes of bcrypt, and after a NUL."""
    for prefix in (start, start + "\0", start + "x" * 4095):
        phc = CHEAP.hash(prefix, salt=SALT)
        assert CHEAP.verify(phc, prefix + more) is Comparison.DIFFERENT
        assert CHEAP.verify(phc, prefix) is Comparison.MATCHED


def test_comparing_has_three_answers_none_of_them_falsy():
    assert {one.name for one in Comparison} == {"MATCHED", "DIFFERENT", "UNREADABLE"}
    assert all(Comparison)


@given(ANY_TEXT | st.text("$argon2idv=19m,tp0123456789+/=ABab", max_size=120))
def test_what_is_no_hash_is_unreadable(phc):
    if parse(phc) is None:
        assert CHEAP.verify(phc, "password") is Comparison.UNREADABLE


def stored(m=19_456, t=2, p=1, salt="MDAwMDAwMDAwMDAwMDAwMA", tag="9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ"):
    return f"$argon2id$v=19$m={m},t={t},p={p}${salt}${tag}"


@pytest.mark.parametrize(
    "cost",
    [
        {"m": 19_455, "t": 2},
        {"m": 4_096, "t": 3},
        {"m": 2**20, "t": 1, "p": 1},  # above the ceiling, not below the floor
        {"t": 11},
        {"p": 17},
        {"m": 2**31},
        {"t": 2**20},
        {"p": 2**24, "m": 2**31},
    ],
)
def test_costs_outside_floor_and_ceiling_are_refused_without_computing_them(cost, computed):
    policy = HashingPolicy()

    assert policy.verify(stored(**cost), "password") is Comparison.UNREADABLE
    assert computed == [policy.parameters]  # one decoy: as much work as any other answer


@pytest.mark.parametrize("floor", OWASP)
def test_each_alternative_of_the_floor_is_enough(floor, computed):
    phc = stored(m=floor.memory_kib, t=floor.time_cost)

    assert HashingPolicy().verify(phc, "password") is Comparison.DIFFERENT
    assert computed == [floor]


def test_a_right_password_does_not_make_a_weak_hash_good():
    phc = CHEAP.hash("password", salt=SALT)

    assert CHEAP.verify(phc, "password") is Comparison.MATCHED
    assert HashingPolicy().verify(phc, "password") is Comparison.UNREADABLE


def test_the_decoy_costs_what_a_new_hash_costs_and_matches_nothing(computed):
    policy = cheap(memory_kib=64, time_cost=3, salt_bytes=24, tag_bytes=28)
    decoy = parse(policy.decoy())

    assert policy.verify(policy.decoy(), "password") is Comparison.DIFFERENT
    assert computed == [policy.parameters]
    assert (len(decoy.salt), len(decoy.tag)) == (24, 28)
    assert policy.decoy() == cheap(memory_kib=64, time_cost=3, salt_bytes=24, tag_bytes=28).decoy()


COSTS = st.builds(lambda m, t, p: Argon2Parameters(8 * p + m, t, p), st.integers(0, 4096), st.integers(1, 10), st.integers(1, 4))
POLICIES = st.builds(
    lambda cost, salt, tag: HashingPolicy(
        memory_kib=cost.memory_kib,
        time_cost=cost.time_cost,
        parallelism=cost.parallelism,
        floor=CHEAPEST,
        salt_bytes=salt,
        tag_bytes=tag,
    ),
    COSTS,
    st.integers(16, 32),
    st.integers(16, 32),
)


@given(st.lists(POLICIES, min_size=1, max_size=6))
def test_rehashing_only_ever_strengthens(policies):
    """Whatever policies follow each other, the stored cost never falls, and each of them is content after its rehash."""
    phc = policies[0].decoy()
    for policy in policies[1:]:
        before = parse(phc)
        if policy.needs_rehash(phc):
            phc = policy.decoy()
            after = parse(phc)
            assert after.parameters.traffic >= before.parameters.traffic
            assert after.parameters.traffic > before.parameters.traffic or len(after.tag) >= len(before.tag)
        assert not policy.needs_rehash(phc)


@pytest.mark.parametrize(
    ("phc", "expected"),
    [
        (stored(), False),
        (stored(m=46 * 1024, t=1), True),  # less traffic for an attacker: 92 against 95 MiB a guess
        (stored(m=7_168, t=5), False),  # 98
        (stored(m=65_536, t=3, p=4), False),  # stronger stays, also when the policy was lowered
        (stored(tag="9d2bBN2loVg2WIqMxDmF5A"), True),
        (stored(m=4_096, t=3), True),
        ("$2b$12$abcdefghijklmnopqrstuv", False),
        ("", False),
    ],
)
def test_needs_rehash(phc, expected):
    assert HashingPolicy().needs_rehash(phc) is expected


@pytest.mark.parametrize(
    "bad",
    [
        {"memory_kib": 19_455},
        {"time_cost": 1},
        {"memory_kib": 8},
        {"memory_kib": 300_000},
        {"time_cost": 11},
        {"parallelism": 17},
        {"parallelism": 0},
        {"memory_kib": "19456"},
        {"memory_kib": True},
        {"salt_bytes": 15},
        {"tag_bytes": 15},
        {"salt_bytes": 33},
        {"tag_bytes": 33},
        {"permits": 0},
        {"queue": -1},
        {"patience": timedelta()},
        {"patience": timedelta(minutes=2)},
        {"patience": 2},
        {"floor": ()},
        {"floor": ("weak",)},
        {"ceiling": None},
    ],
)
def test_policies_that_cannot_be_right_are_refused(bad):
    with pytest.raises(ConfigError) as caught:
        HashingPolicy(**bad)

    assert caught.value.remedy


@pytest.mark.parametrize("bad", [(7, 1, 1), (15, 1, 2), (8, 0, 1), (8, 1, 0), (8.0, 1, 1), (True, 1, 1)])
def test_parameters_that_argon2_cannot_have_are_refused(bad):
    with pytest.raises(ConfigError):
        Argon2Parameters(*bad)


def test_a_salt_of_another_length_is_refused():
    with pytest.raises(ConfigError, match="15 bytes"):
        CHEAP.hash("password", salt=bytes(15))


def test_no_memory_is_a_broken_world_not_a_wrong_password(monkeypatch):
    def nothing(*_, **__):
        raise argon2.exceptions.HashingError("Memory allocation error")

    monkeypatch.setattr("acctsec.hashing.policy.derive", nothing)
    with pytest.raises(PortError) as caught:
        CHEAP.verify(CHEAP.decoy(), "password")
    assert isinstance(caught.value, AcctsecError)
    assert "password" not in str(caught.value)


def test_policies_are_values():
    assert HashingPolicy() == HashingPolicy()
    assert hash(HashingPolicy()) == hash(HashingPolicy())
    assert attrs.evolve(HashingPolicy(), queue=1).queue == 1


def test_neither_salt_nor_tag_is_shown():
    shown = repr(parse(CHEAP.hash("password", salt=b"kwarnsbeekbrumbe")))

    assert "kwarnsbeek" not in shown
    assert "tag" not in shown
