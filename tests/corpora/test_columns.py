"""Columns of keys do what a loop over them would do."""

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from acctsec.corpora import columns

widths = st.integers(8, 28)


@given(st.lists(st.binary(min_size=20, max_size=20), max_size=20), st.sampled_from([16, 20]), widths)
def test_keys_are_the_first_bits_of_digests(digests, size, bits):
    """Of those of SHA-1 and of NTLM; remainders are their lower halves, as the file has them."""
    keys = columns.cut(b"".join(one[:size] for one in digests), size=size, bits=bits)

    assert list(keys) == [int.from_bytes(one[:8]) >> 32 - bits for one in digests]
    assert columns.remainders(keys) == b"".join((key & 0xFFFFFFFF).to_bytes(4, "little") for key in keys)
    assert columns.joined(array("I", [key >> 32 for key in keys]), array("I", [key & 0xFFFFFFFF for key in keys])) == keys


@given(st.lists(st.integers(0, 40) | st.integers(0, 2**60 - 1), max_size=20), st.integers(0, 59))
def test_order_and_changes_are_those_of_neighbours(numbers, shift):
    """Whatever they are."""
    keys = array("Q", numbers)
    assert columns.ascends(keys) == all(one < other for one, other in pairwise(numbers))
    assert columns.changes(keys, shift) == sum(one >> shift != other >> shift for one, other in pairwise(numbers))


@given(st.lists(st.tuples(st.integers(0, 5) | st.integers(2**32 - 2, 2**32 + 2), st.integers(1, 60)), max_size=20).map(sorted))
def test_repeats_and_buckets_of_what_is_in_order(entries):
    """Of a repeat the larger class stays; each bucket is told once, where it begins."""
    keys, classes = array("Q", [key for key, _ in entries]), bytes(one for _, one in entries)
    best = dict(entries)  # in order: the last one is the largest

    assert columns.once(keys, classes) == (array("Q", best), bytes(best.values()))
    assert columns.once(keys, b"") == (array("Q", best), b"")
    found = dict(columns.buckets(keys))
    assert found == {
        bucket: min(at for at, key in enumerate(keys) if key >> 32 == bucket) for bucket in {key >> 32 for key in keys}
    }
