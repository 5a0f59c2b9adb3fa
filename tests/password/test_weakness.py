"""Every kind of weakness is told by its name, and nothing of the password is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.password.weakness import Weakness, explain


@pytest.mark.parametrize(
    ("password", "kind"),
    [
        ("monkey77#", Weakness.COMMON_PASSWORD),
        ("thermodynamics", Weakness.DICTIONARY_WORD),
        ("kwarnsbeek", Weakness.NAME_OR_CONTEXT),
        ("drowssap", Weakness.REVERSED),
        ("p4ssw0rd", Weakness.SUBSTITUTION),
        ("zxcvbhjkl", Weakness.KEYBOARD),
        ("klmnopqrs", Weakness.SEQUENCE),
        ("xqkxqkxqk", Weakness.REPEAT),
        ("19/11/1987", Weakness.DATE),
        ("1987", Weakness.YEAR),
        ("13928470615", Weakness.PHONE_NUMBER),
        ("5201314", Weakness.DIGIT_PUN),
        ("zhangwei", Weakness.PINYIN),
        ("marilanders", Weakness.PREDICTABLE),
    ],
)
def test_each_kind_is_found(password, kind):
    assert kind in explain(password, ["kwarnsbeek"])


def test_the_covering_kind_comes_first():
    assert explain("zhangxiaoming1987")[0] is Weakness.PINYIN


@pytest.mark.parametrize("password", ["", "x9#Kq2vL"])
def test_what_only_brute_force_finds_has_no_weakness(password):
    assert explain(password) == ()


@given(st.text(max_size=60), st.lists(st.text(max_size=10), max_size=3))
def test_it_is_total_and_says_each_kind_once(password, words):
    found = explain(password, words)

    assert len(set(found)) == len(found)
    assert all(type(kind) is Weakness for kind in found)
    assert found == explain(password, words)
