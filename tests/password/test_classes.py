"""Classes are asked for where a standard binds somebody to them, of letters in every script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.outcomes import Strength
from acctsec.password import CharacterClass, Classes, Facts, PasswordPolicy
from acctsec.password.classes import classes

FACTS = Facts(words=(), rest=None, breach_count=None, strength=Strength(20.0), mfa=False)
LETTER, LOWER, UPPER, DIGIT, OTHER = CharacterClass


def codes(rule, password):
    return [one.code for one in rule.judge(password, FACTS)]


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("abc", {LETTER, LOWER}),
        ("ABC", {LETTER, UPPER}),
        ("é", {LETTER, LOWER}),
        ("e\u0301", {LETTER, LOWER}),  # the accent belongs to the letter
        ("ß", {LETTER, LOWER}),
        ("Ω", {LETTER, UPPER}),
        ("\u01c5", {LETTER, UPPER}),  # a title-case letter
        ("中文", {LETTER, LOWER}),  # no case: counts as lower case
        ("שלום", {LETTER, LOWER}),
        ("हिन्दी", {LETTER, LOWER}),
        ("한", {LETTER, LOWER}),
        ("7", {DIGIT}),
        ("٣", {DIGIT}),
        ("７", {DIGIT}),
        ("½", {OTHER}),
        ("!", {OTHER}),
        (" ", {OTHER}),
        ("😀", {OTHER}),
        ("", set()),
    ],
)
def test_classes_of_every_script(password, found):
    assert classes(password) == found


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("letters only", ["missing-digit"]),
        ("123456789012", ["missing-letter"]),
        ("!!! !!!", ["missing-letter", "missing-digit"]),
        ("letters and 1", []),
        ("汉字密码 1", []),
    ],
)
def test_pci_dss_asks_for_a_letter_and_a_digit(password, expected):
    """PCI DSS 4.0.1 requirement 8.3.6; the default."""
    assert codes(Classes(), password) == expected


def test_three_of_four():
    rule = Classes(required=(), minimum=3)

    assert codes(rule, "lower 7") == []
    assert codes(rule, "lower7") == ["too-few-classes"]
    assert rule.judge("lower7", FACTS)[0].params == {"minimum": 3, "found": 2}
    assert codes(rule, "汉字7!") == []


def test_each_class_can_be_required_by_itself():
    rule = Classes(required=(OTHER, UPPER, LOWER), minimum=4)

    assert rule.required == (LOWER, UPPER, OTHER)  # one order, whatever was given: equal rules are equal
    assert codes(rule, "77") == ["missing-lower", "missing-upper", "missing-other", "too-few-classes"]
    assert codes(rule, "aA7-") == []


@given(st.text(max_size=30), st.text(max_size=30))
def test_more_characters_never_take_a_class_away(password, more):
    assert classes(password) <= classes(password + more)
    assert len(codes(Classes(minimum=4), password + more)) <= len(codes(Classes(minimum=4), password))


def test_they_are_off_by_default():
    assert not any(isinstance(rule, Classes) for rule in PasswordPolicy().rules)


@pytest.mark.parametrize(
    "bad",
    [
        {"minimum": 0},
        {"minimum": 5},
        {"minimum": True},
        {"required": "letter"},
        {"required": ("letter",)},
        {"required": None},
        {"required": LETTER},
    ],
)
def test_classes_that_there_are_not_are_refused(bad):
    with pytest.raises(ConfigError):
        Classes(**bad)
