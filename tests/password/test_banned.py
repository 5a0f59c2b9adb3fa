"""A password of banned terms has few points, however they are dressed up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.outcomes import Strength
from acctsec.password import BannedTerms, Facts
from acctsec.password.words import fold

FACTS = Facts(words=(), rest=None, breach_count=None, strength=Strength(20.0), mfa=False)
CONTOSO = BannedTerms(terms=("Contoso", "Blank"))


def refused(rule, password):
    return [one.code for one in rule.judge(password, FACTS)] == ["banned-term"]


@pytest.mark.parametrize(
    ("password", "points"),
    [
        ("C0ntos0Blank12", 4),  # the two examples that Microsoft documents
        ("ContoS0Bl@nkf9!", 5),
        ("contoso", 1),
        ("Contoso!1", 3),
        ("!Contoso", 2),
        ("con.to-so", 1),
        ("contosocontosocontosocontoso", 4),
        ("blankcontoso", 2),
        ("xyz", 3),
        ("", 0),
        ("quaffle", 5),
    ],
)
def test_a_term_is_a_point_and_so_is_every_other_character(password, points):
    assert CONTOSO.points(password) == points
    assert refused(CONTOSO, password) == (points < 5)


@pytest.mark.parametrize("typed", ["abcdef", "abcdeg", "abcdefg", "abcde", "xbcdef", "bcdef", "abccdef", "4bcd3f"])
def test_one_edit_of_a_term_is_the_term(typed):
    """What Microsoft's documentation lists for abcdef, and the like at the front and in the middle."""
    assert refused(BannedTerms(terms=("abcdef",)), typed)
    assert refused(BannedTerms(terms=("abcdef",)), typed + "12")


def test_two_edits_make_another_word():
    assert not refused(BannedTerms(terms=("abcdef",)), "abxyef")


def test_chinese_terms_are_found_in_pinyin_and_as_they_are():
    rule = BannedTerms(terms=("腾讯", "微信"))

    assert (
        refused(rule, "tengxun123")
        and refused(rule, "Teng-Xun!")
        and refused(rule, "腾讯123")
        and refused(rule, "weixintengxun1")
    )
    assert not refused(rule, "quaffle winters")


def test_letters_that_share_a_substitute_are_read_both_ways():
    rule = BannedTerms(terms=("william", "lollypop"))

    assert refused(rule, "wi11iam") and refused(rule, "wi77iam") and refused(rule, "7o77ypop1")


@given(st.text(max_size=80))
def test_points_are_those_of_the_cheapest_cut(password):
    """Without a term in it, each character is a point; there are never more."""
    assert CONTOSO.points(password) <= min(len(fold(password)), 5)


words = st.text("abcdefgh", min_size=5, max_size=8)


@given(st.lists(words, min_size=1, max_size=3, unique=True), st.text("xyz", max_size=6), st.data())
def test_terms_in_any_order_among_other_letters_are_counted(terms, others, data):
    rule = BannedTerms(terms=tuple(terms), minimum_points=10)
    password = "".join(data.draw(st.permutations([*terms, *others])))

    assert rule.points(password) <= min(len(terms) + len(others), 10)


@given(st.text(max_size=30), st.text(max_size=4))
def test_a_longer_password_never_has_fewer_points_by_more_than_a_term_can_take(password, more):
    """A character completes at most one term: what is added never takes away the points of whole terms before it."""
    rule = BannedTerms(terms=("contoso",), minimum_points=10)

    assert rule.points(password + "-" + more) >= rule.points(password) - len("contoso")


@pytest.mark.parametrize(
    "bad",
    [
        {"terms": ()},
        {"terms": ("abc",)},
        {"terms": ("a-b.c",)},
        {"terms": ("x" * 17,)},
        {"terms": ("",)},
        {"terms": "contoso"},
        {"terms": ["contoso"]},
        {"terms": ("contoso", None)},
        {"terms": ("x" * 300,)},
        {"terms": ("contoso",) * 1001},
        {"terms": ("contoso",), "minimum_points": 1},
        {"terms": ("contoso",), "minimum_points": 11},
        {"terms": ("contoso",), "minimum_points": 5.0},
    ],
)
def test_terms_that_would_ban_everything_or_nothing_are_refused(bad):
    with pytest.raises(ConfigError) as caught:
        BannedTerms(**bad)

    assert caught.value.remedy


def test_the_terms_are_in_no_repr():
    """The list says what an attacker need not try, and what the house is about to name a product."""
    assert "Contoso" not in repr(CONTOSO)
    assert CONTOSO == BannedTerms(terms=("Contoso", "Blank")) != BannedTerms(terms=("Contoso",))


@pytest.mark.parametrize("password", ["contoso½½", "contosoﷺ", "contosoﬄﬄ", "contoso℡1", "contosocontoso㏂"])
def test_a_sign_that_stands_for_several_letters_is_one_character(password):
    beside = len(password.replace("contoso", ""))
    assert BannedTerms(terms=("contoso",), minimum_points=10).points(password) <= password.count("contoso") + beside
    assert BannedTerms(terms=("contoso",)).judge(password, None)
