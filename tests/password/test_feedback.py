"""What people read says what to change, and nothing of what they typed or what is stored of them."""

from gettext import NullTranslations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection
from acctsec.password import PasswordPolicy, Weakness, explain
from acctsec.password.feedback import LANGUAGES, Advice, catalogue, feedback, message

WEAK = Objection("too-weak", {"minimum_guesses": 10**8})


def test_a_short_password_reads_how_much_is_missing():
    (advice,) = feedback([Objection("too-short", {"minimum": 15, "length": 14})])

    assert advice == Advice("too-short", {"minimum": 15, "length": 14, "missing": 1})
    assert message(advice, catalogue("en")) == "Use at least 15 characters: one is missing."
    assert message(advice, catalogue("zh_CN")).startswith("请至少使用 15 个字符，还差 1 个。")


@given(st.integers(1, 10**12))
def test_counts_of_leaks_are_rounded_down_to_one_digit(count):
    (advice,) = feedback([Objection("breached", {"count": count})])
    told = advice.params["count"]

    assert told <= count < told + 10 ** (len(str(count)) - 1)
    assert str(told).strip("0") == str(count)[0]


@given(st.text(max_size=40))
def test_weakness_is_told_after_too_weak_and_only_then(password):
    common, weak = Objection("common"), WEAK

    assert feedback([common], password=password) == (Advice("common"),)
    assert feedback([weak]) == (Advice("too-weak", weak.params),)
    told = feedback([weak, common], password=password)
    assert [one.code for one in told] == ["too-weak", *explain(password), "common"]


def test_a_word_of_the_person_reads_like_any_known_name():
    own, public = (feedback([WEAK], password=typed, words=("kwarnsbeek",)) for typed in ("kwarnsbeek", "kowalski"))

    assert Advice("name_or_context") in own and Advice("name_or_context") in public


def test_a_form_of_a_word_is_told_where_the_estimator_knows_nothing_of_it():
    """Pinyin of the own name and the end of the own number weaken a password; else nothing would say why."""
    words = ("\u66fe\u56fd\u85e9", "+43 664 1238472")

    for typed in ("zengguofan-qzvx", "8472-qzvxwq"):
        assert feedback([WEAK], password=typed, words=words)[1] == Advice("name_or_context")
        assert Advice("name_or_context") not in feedback([Objection("context-word"), WEAK], password=typed, words=words)
    assert Advice("name_or_context") not in feedback([WEAK], password="8473-qzvxwq", words=words)


def test_built_on_a_word_is_said_once():
    told = feedback([Objection("context-word"), WEAK], password="kwarnsbeek", words=("kwarnsbeek",))

    assert Advice("context-word") in told
    assert Advice(Weakness.NAME_OR_CONTEXT.value) not in told


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("password", ["Kwarnsbeek-qzx", "drowssap1987", "p4ssw0rd", "zxcvbhjkl13928470615"])
def test_no_sentence_holds_what_was_typed_or_what_is_stored(password, language):
    outcome = PasswordPolicy().check(password, words=("kwarnsbeek",), breach_count=12_345)
    told = feedback(outcome.objections, password=password, words=("kwarnsbeek",))
    read = " ".join(message(one, catalogue(language)) for one in told).lower()

    assert len(told) >= len(outcome.objections)
    for start in range(len(password) - 5):
        assert password[start : start + 6].lower() not in read
    assert "kwarnsbeek" not in read + repr(told).lower()


def test_a_rule_of_ones_own_is_read_by_its_code_or_its_own_catalogue():
    own = Advice("never-{x}", {"y": 1})

    assert message(own, catalogue("en")) == "never-{x}"
    assert message(own, NullTranslations()) == "never-{x}"


def test_no_other_language_is_made_up():
    with pytest.raises(ConfigError, match="no catalogue 'xx'"):
        catalogue("xx")
