"""Keys seal for one purpose, rotate with an overlap, and never show themselves."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.keyring import Keyring, frame, new_keys

A, B, C, I, J = (bytes(range(n, n + 32)) for n in (0, 40, 80, 120, 160))


def keyring(*sealing, index=(I,), **more):
    return Keyring(sealing=sealing or (A,), index=index, **more)


@given(st.binary(max_size=400), st.text(max_size=20), st.lists(st.text(max_size=10), max_size=3))
def test_what_is_sealed_opens_for_its_purpose_and_bindings(plain, purpose, bound):
    ring = keyring()
    sealed = ring.seal(purpose, plain, *bound)
    if plain:
        assert ring.open(purpose, sealed, *bound) == plain
    assert ring.open(purpose + "x", sealed, *bound) is None
    assert ring.open(purpose, sealed, *bound, "x") is None


@given(st.integers(0, 99), st.integers(1, 255))
def test_one_changed_byte_is_enough(at, mask):
    ring = keyring()
    sealed = bytearray(ring.seal("p", b"x" * 64))
    sealed[at] ^= mask
    assert ring.open("p", bytes(sealed)) is None


@pytest.mark.parametrize("rubbish", [None, "text", b"", b"x", b"x" * 36, b"x" * 100, 7, [b"x"], bytearray(100)])
def test_rubbish_is_none_and_no_exception(rubbish):
    assert keyring().open("p", rubbish) is None


def test_rotation_has_an_overlap_and_a_removed_key_kills_exactly_its_own():
    old, both, new = keyring(A), keyring(B, A), keyring(B)
    under_old, under_new = old.seal("p", b"one"), both.seal("p", b"two")
    assert (both.open("p", under_old), both.open("p", under_new)) == (b"one", b"two")
    assert not both.sealed_by_newest(under_old)
    assert both.sealed_by_newest(under_new)
    assert (new.open("p", under_old), new.open("p", under_new)) == (None, b"two")


def test_a_raised_generation_leaves_what_is_stored():
    """Tokens bind it; what lies in a store does not, or a restore would end everything."""
    assert keyring(generation=1).open("p", keyring().seal("p", b"x")) == b"x"


def test_digests_differ_by_purpose_by_key_and_by_where_parts_end():
    ring = keyring(index=(I, J))
    assert ring.digest("a", "bc") != ring.digest("ab", "c")
    assert ring.digest("a", "b", "c") != ring.digest("a", "bc")
    assert ring.digest("a", key=0) != ring.digest("a", key=1)
    assert ring.digest("a", key=1) == keyring(index=(J,)).digest("a")


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_framing_is_injective(one, other):
    assert (frame(*one) == frame(*other)) == (one == other)


@pytest.mark.parametrize(
    "keys",
    [
        {"sealing": [], "index": [I]},
        {"sealing": [A], "index": []},
        {"sealing": [A[:31]], "index": [I]},
        {"sealing": ["x" * 32], "index": [I]},
        {"sealing": [bytes(32)], "index": [I]},
        {"sealing": [A, A], "index": [I]},
        {"sealing": [A], "index": [A]},
    ],
)
def test_weak_short_or_repeated_keys_are_refused(keys):
    with pytest.raises(ConfigError, match=r"keys|key|bytes"):
        Keyring(**keys)


def test_new_keys_read_back_and_are_never_the_same():
    assert new_keys() != new_keys()
    ring = Keyring.from_text(new_keys())
    assert ring.open("p", ring.seal("p", b"x")) == b"x"


@pytest.mark.parametrize("text", ["", "seal:", "seal:abc index:abc", "key:AAAA", "seal:*** index:***"])
def test_a_text_that_holds_no_keys_says_how_to_make_one(text):
    with pytest.raises(ConfigError, match="acctsec keys"):
        Keyring.from_text(text)


def test_a_keyring_shows_no_key_and_is_not_pickled():
    ring = keyring()
    assert repr(ring) == "<Keyring of 1 sealing and 1 index keys>"
    with pytest.raises(ConfigError):
        pickle.dumps(ring)


@pytest.mark.parametrize("put", ["!", " =", "\x00", "é", "====", "~~~~"])
def test_a_text_of_keys_that_was_copied_badly_is_refused_and_no_other_key(put):
    """What is no base64 was once left out, so that a text had many spellings."""
    text = new_keys(lambda size: bytes(range(size)))
    seal, _, index = text.partition(" ")
    for broken in (f"{seal[:20]}{put}{seal[20:]} {index}", f"{seal} {index[:20]}{put}{index[20:]}"):
        with pytest.raises(ConfigError):
            Keyring.from_text(broken)
