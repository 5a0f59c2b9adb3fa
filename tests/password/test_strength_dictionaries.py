"""Further languages come as ranked lists of words, and Chinese is there already."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from acctsec import PasswordPolicy
from acctsec.errors import ConfigError
from acctsec.password import estimate
from acctsec.password.strength import StrengthEstimator

NORDIC = StrengthEstimator(dictionaries=(("Fjellvåken", "gråspurv"),))


def test_a_word_of_a_further_dictionary_is_cheap_in_every_spelling():
    assert NORDIC("fjellvåken") < 1
    assert NORDIC("nekåvllejf") < 1
    assert NORDIC("gråspurvgråspurv") < 1
    assert estimate("fjellvåken") > 8
    assert NORDIC("xqzvkwjpfhg") == estimate("xqzvkwjpfhg")


def test_a_policy_takes_it_and_no_word_is_shown():
    assert PasswordPolicy(estimator=NORDIC).estimator is NORDIC
    assert "spurv" not in repr(NORDIC)
    assert hash(NORDIC) == hash(StrengthEstimator(dictionaries=(("Fjellvåken", "gråspurv"),)))


@pytest.mark.parametrize(
    "wrong", ["words", ("words",), (("",),), (("x" * 41,),), ((1,),), ((),) * 17, (("a",) * 100_001,), [("a",)]]
)
def test_wrong_dictionaries_are_refused(wrong):
    with pytest.raises(ConfigError):
        StrengthEstimator(dictionaries=wrong)


@pytest.mark.parametrize(
    ("password", "most"),
    [
        ("5201314", 2),
        ("woaini1314", 6),
        ("zhangwei123", 6),
        ("chenxiaoming", 7),
        ("wodemima520", 9),
        ("19861010", 5),
        ("861010", 5),
    ],
)
def test_common_chinese_passwords_are_cheap(password, most):
    assert estimate(password) < most


def test_threads_share_a_dictionary_and_nothing_else():
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda n: NORDIC("fjellvåken7", [f"word{n}"]), range(400)))

    assert len(answers) == 1
