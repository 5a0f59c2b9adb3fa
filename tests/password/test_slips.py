"""One slip of the fingers, and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.password.slips import KEYS, MOST, slips

TYPED = st.text(st.sampled_from(KEYS), min_size=1, max_size=20)


def test_the_keys_are_those_of_a_usual_keyboard():
    assert sorted(KEYS) == [chr(code) for code in range(0x20, 0x7F)]


@given(TYPED, st.data())
def test_finds_every_slip_of_up_to_twenty_characters(password, data):
    """One character too many, too few, in another's place, or two that changed places."""
    at = data.draw(st.integers(0, len(password) - 1))
    end = data.draw(st.integers(0, len(password)))
    key = data.draw(st.sampled_from(KEYS))
    made = {
        password[:end] + key + password[end:],
        password[:at] + password[at + 1 :],
        password[:at] + key + password[at + 1 :],
        password[:at] + password[at + 1 : at + 2] + password[at] + password[at + 2 :],
    }

    assert made - {password} <= slips(password)


@pytest.mark.parametrize(
    "typed",
    [
        "sEVEN QUIET OTTERS 418",  # caps lock
        "seven quiet otters 418",  # no capital at the beginning
        "Seven quiet otters 418 ",  # a space behind it
        "Seven quiet otterss 418",  # a key that was hit twice
    ],
)
def test_finds_what_hands_and_telephones_do(typed):
    assert typed in slips("Seven quiet otters 418")


@pytest.mark.parametrize("typed", ["SEVEN QUIET OTTERS 418", "Seven quiet otters 48 ", "Seven quiet otters", "418", ""])
def test_two_slips_are_none(typed):
    assert typed not in slips("Seven quiet otters 418")


@given(st.text(max_size=300))
def test_is_bounded_and_never_the_password_itself(password):
    """However long, and in whatever script; a long one keeps the likely slips everywhere."""
    found = slips(password)

    assert len(found) <= MOST
    assert password not in found
    assert {password[:at] + password[at + 1 :] for at in range(len(password))} - {password} <= found
    assert all(
        abs(len(one) - len(password)) <= 1 or one == password.swapcase() or one[1:] == password[1:] for one in found if one
    )


def test_letters_of_other_scripts_may_be_left_out_doubled_and_changed():
    assert {"密码很长", "密码很很长吗", "密码长很吗"} <= slips("密码很长吗")
