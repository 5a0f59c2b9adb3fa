"""A stored hash has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.hashing import Argon2Parameters
from acctsec.hashing.phc import Argon2Hash, parse

GOOD = "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$9d2bBN2loVg2WIqMxDmF5IttJ30WecYIyBL+Chb4vVQ"
COSTS = st.builds(
    lambda m, t, p: Argon2Parameters(8 * p + m, t, p), st.integers(0, 2**20), st.integers(1, 99), st.integers(1, 64)
)


@given(COSTS, st.binary(min_size=16, max_size=64), st.binary(min_size=16, max_size=64))
def test_writing_and_reading_are_inverse(cost, salt, tag):
    written = str(Argon2Hash(cost, salt, tag))

    assert parse(written) == Argon2Hash(cost, salt, tag)


@given(st.text())
def test_what_is_read_is_written_the_same(text):
    read = parse(text)

    assert read is None or str(read) == text


@given(st.data())
def test_no_edit_of_a_hash_is_a_second_spelling_of_it(data):
    where = data.draw(st.integers(0, len(GOOD)))
    cut = data.draw(st.integers(0, 3))
    edited = GOOD[:where] + data.draw(st.text("$argon2idv=19m,tp0+/= \n\0A٣", max_size=3)) + GOOD[where + cut :]

    assert edited == GOOD or parse(edited) != parse(GOOD)


@pytest.mark.parametrize(
    "bad",
    [
        GOOD + "\n",
        " " + GOOD,
        GOOD + "=",
        GOOD[:-1],
        GOOD[:-1] + "R",  # the same bytes with other stray bits
        GOOD.replace("argon2id", "argon2i"),
        GOOD.replace("argon2id", "Argon2id"),
        GOOD.replace("v=19$", ""),
        GOOD.replace("v=19", "v=16"),
        GOOD.replace("m=19456", "m=019456"),
        GOOD.replace("m=19456", "m=+19456"),
        GOOD.replace("m=19456", "m=1_9456"),
        GOOD.replace("m=19456", "m=١٩٤٥٦"),
        GOOD.replace("m=19456", "m=" + "9" * 11),
        GOOD.replace("m=19456,t=2", "t=2,m=19456"),
        GOOD.replace("p=1", "p=1,keyid=AAAA"),
        GOOD.replace("m=19456", "m=7"),
        GOOD.replace("p=1", "p=9999"),  # fewer than 8 KiB a lane
        GOOD.replace("MDAwMDAwMDAwMDAwMDAwMA", "MDAwMDAwMDA"),  # a salt cut short
        GOOD.replace("MDAwMDAwMDAwMDAwMDAwMA", ""),
        GOOD[: GOOD.rindex("$") + 17],  # a tag cut short
        GOOD[: GOOD.rindex("$") + 1],
        GOOD + "A" * 60,
        GOOD.replace("+", "-"),
        "",
        "$2b$12$" + "a" * 53,
    ],
)
def test_everything_else_is_none(bad):
    assert parse(bad) is None


def test_reading_a_megabyte_is_cheap():
    """Nothing is split or converted before the whole shape is right."""
    assert parse("$argon2id$v=19$m=" + "1" * 10**6) is None
    assert parse(GOOD + "A" * 10**6) is None
