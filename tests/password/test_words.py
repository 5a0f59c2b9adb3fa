"""What is known of a person is looked for in the forms that people make of it."""

import gzip
import hashlib
import runpy
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import Account
from acctsec.errors import ConfigError
from acctsec.password import personal_words
from acctsec.password.context import remainder
from acctsec.password.hanzi import is_hanzi, readings
from acctsec.password.words import MAX_TOKEN_LENGTH, MAX_TOKENS, fold, pinyin, tokens

PERSON = personal_words(
    names=("张伟", "Mary Ann Evans"),
    addresses=("mary_evans77@mail.example.com",),
    phones=("+86 138-0013-8472",),
    birth_date=date(1995, 12, 3),
    terms=("Otters United",),
)
TABLE = "data/hanzi.txt.gz"


@pytest.mark.parametrize(
    "password",
    [
        *("19951203", "951203", "03121995", "12031995", "031295", "120395"),  # the six usual orders
        *("1203", "0312", "1995", "199512", "95123", "31295", "12395", "3121995", "1995-12-03", "3.12.1995", "1995/12/03"),
        "30215991",  # backwards
        *("8472", "38472", "138472", "0138472", "00138472", "13800138472", "+86 138 0013 8472", "27483"),
        *("zhangwei", "weizhang", "zhangw", "zwei", "zw", "ZhangWei!", "Zh4ngW31", "iewgnahz", "wei zhang", "张伟"),
        *("maryevans", "evansmary", "mevans", "evansm", "marye", "mae", "m4ry3vans", "snaveyram"),
        *("mary_evans77", "maryevans77", "77evansmary"),
        *("otters", "united", "ottersunited", "0tt3r5"),
    ],
)
def test_every_form_of_what_is_known_leaves_nothing(password):
    assert remainder(password, PERSON) == 0
    assert remainder(f"{password}!1", PERSON) == 0


@pytest.mark.parametrize(
    ("password", "left"),
    [
        ("zhangwei19951203", 0),
        ("zw1203zw", 0),  # nothing but initials and a birthday
        ("zw-8472-brumbek", 9),  # short words count only where they are all there is: zw stays
        ("Zhangwei@2024quaffle", 7),
        ("quaffle winters 7 brumbek", None),
        ("zawed", None),
        ("张伟喜欢吃苹果派", 6),  # two Chinese characters are a name wherever they stand
        ("伟大的梦想", None),
    ],
)
def test_what_is_no_form_of_it_stays(password, left):
    assert remainder(password, PERSON) == left


def test_a_number_is_not_read_as_letters():
    """5341 in leet would be seai, and so would seal."""
    assert remainder("seal brumbek", ("+43 664 1235341",)) is None
    assert remainder("5341 brumbek", ("+43 664 1235341",)) == 7


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("曾国藩", {"zengguofan", "cengguofan"}),  # a surname with a reading of its own
        ("吕布", {"lvbu", "lubu"}),
        ("區偉", {"ouwei", "quwei"}),  # traditional characters
        ("欧阳修", {"ouyangxiu"}),
        ("李乐", {"lile", "liyue"}),  # a given name that is read in two ways
        ("Li", set()),
        ("", set()),
        ("北京大学北京大学北", set()),  # nine: no name
    ],
)
def test_names_in_pinyin(name, spelt):
    assert spelt <= set(pinyin(name))
    assert spelt or not pinyin(name)


def test_a_surname_of_two_characters_is_one():
    assert {"ouyangx", "xiuouyang", "oxiu", "oyx"} <= set(tokens(("欧阳修",)))


def test_every_character_has_readings_that_are_typed():
    read = [readings(chr(point)) for point in range(0x4E00, 0xA000)]

    assert sum(map(bool, read)) > 20_900
    assert all(one.isascii() and one.isalpha() and one.islower() and len(one) <= 6 for some in read for one in some)
    assert not any(is_hanzi(one) for one in "\u4dff\ua000aé")


def test_the_table_is_the_one_that_was_made():
    """As the script wrote it, so that nobody changes it by hand."""
    packed = files("acctsec.password").joinpath(TABLE).read_bytes()
    digest = hashlib.sha256(gzip.decompress(packed)).hexdigest()

    assert digest == "c1ed7ea13ec8a023a7d07e524cd7c0b3607003a635755245498a0bb18a268b4e"


@pytest.mark.deep  # what it reads is installed for `make test-deep` alone
def test_the_table_is_what_the_script_makes():
    script = runpy.run_path(str(Path(__file__).parents[2] / "seeds/pinyin/hanzi.py"))
    packed = files("acctsec.password").joinpath(TABLE).read_bytes()

    assert gzip.decompress(packed).decode() == script["table"]()


def test_words_are_plain_text_that_an_account_takes_and_keeps():
    assert PERSON == (
        "张伟",
        "Mary Ann Evans",
        "mary_evans77@mail.example.com",
        "8613800138472",
        "1995-12-03",
        "Otters United",
    )
    assert Account(subject="7", words=PERSON).words == PERSON


@pytest.mark.parametrize("word", ["1990-13-45", "1990-02-30", "0000-00-00"])
def test_what_only_looks_like_a_day_is_a_number(word):
    assert remainder(f"{word} brumbek", (word,)) == 7


def test_nothing_known_is_no_word():
    assert personal_words(names=("", " "), phones=("none", "")) == ()
    assert personal_words(birth_date=datetime(812, 3, 4)) == ("0812-03-04",)


@pytest.mark.parametrize(
    "bad",
    [
        {"names": "John"},
        {"phones": "+43 664"},
        {"addresses": None},
        {"terms": b"x"},
        {"names": ("John", None)},
        {"birth_date": "1990-01-01"},
        {"birth_date": 19900101},
    ],
)
def test_what_would_be_misread_is_refused(bad):
    with pytest.raises(ConfigError) as refused:
        personal_words(**bad)

    assert "John" not in str(refused.value) and refused.value.remedy


@given(
    st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31)),
    st.sampled_from(["%Y%m%d", "%y%m%d", "%d%m%Y", "%m%d%Y", "%d%m%y", "%m%d%y"]),
)
def test_every_day_in_every_order_counts_for_nothing(day, order):
    assert remainder(f"brumbek{day:{order}}", personal_words(birth_date=day)) == 7


@given(st.text(max_size=30).filter(str.strip))
def test_no_word_of_any_shape_is_too_strange(word):
    found = tokens((word,))

    assert found == tokens((word,)) and all(0 < len(one) <= MAX_TOKEN_LENGTH for one in found)
    assert not fold(word) or fold(word)[:MAX_TOKEN_LENGTH] in found


def test_forms_never_push_a_word_out():
    """64 names of four characters with several readings make thousands of forms; the words themselves are looked for first."""
    words = tuple(f"曾单仇{chr(0x4E00 + number)}" for number in range(64))

    assert set(words) <= set(tokens(words))
    assert len(tokens(words)) <= 2 * MAX_TOKENS
