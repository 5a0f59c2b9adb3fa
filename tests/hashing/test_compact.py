"""A stored hash is sealed in a compact form, and comes back as the very text it was."""

from hypothesis import example, given
from hypothesis import strategies as st

from acctsec.hashing import Argon2Parameters, HashingPolicy
from acctsec.hashing.compact import COMPACT, packed, unpacked
from acctsec.hashing.phc import Argon2Hash

HASHES = st.builds(
    Argon2Hash,
    st.builds(
        lambda lanes, more, passes: Argon2Parameters(8 * lanes + more, passes, lanes),
        st.integers(1, 300),
        st.integers(0, 2**24),
        st.integers(1, 2**16 + 9),
    ),
    st.binary(min_size=16, max_size=64),
    st.binary(min_size=16, max_size=64),
).map(str)


@given(st.one_of(HASHES, st.text(st.characters(codec="utf-8"))))
@example("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAB")  # stray bits: no spelling of ours
@example("$argon2id$v=19$m=16777216,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
@example("$argon2id$v=19$m=19456,t=65536,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
@example("")
def test_what_is_sealed_comes_back_as_the_very_text(stored):
    assert unpacked(packed(stored)) == stored


@given(st.binary(max_size=160))
@example(bytes([COMPACT]))
@example(bytes([COMPACT]) + bytes(7))
@example(bytes([COMPACT, 0, 76, 0, 0, 2, 1, 16]) + bytes(16 + 15))
def test_any_other_bytes_are_no_hash(plain):
    found = unpacked(plain)
    assert found is None or found.encode() == plain or packed(found) == plain


@given(HASHES)
def test_what_was_sealed_as_text_is_read_as_before(stored):
    assert unpacked(stored.encode()) == stored


def test_a_hash_of_the_default_takes_56_bytes_and_the_longest_that_is_made_72():
    assert len(packed(HashingPolicy().decoy())) == 56
    longest = HashingPolicy(memory_kib=262_144, time_cost=10, parallelism=16, salt_bytes=32, tag_bytes=32)
    assert (len(str(longest.decoy())), len(packed(longest.decoy()))) == (121, 72)


def test_two_hashes_of_one_policy_are_equally_long_whatever_is_in_them():
    """A phantom's decoy is as long as anybody's hash, and opening it the same work."""
    policy = HashingPolicy()
    salts = (bytes(16), b"\xff" * 16)
    lengths = {len(packed(str(Argon2Hash(policy.parameters, salt, salt * 2)))) for salt in salts}
    assert lengths == {len(packed(policy.decoy()))}
