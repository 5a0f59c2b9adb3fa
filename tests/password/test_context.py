"""A word of the subject or the service counts for nothing."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acctsec.password.context import MAX_WORD_LENGTH, MAX_WORDS, _hidden, bounded, fold, remainder, remains, tokens

JOHN = ("John Smith", "john.smith@mail.example.com", "+43 664 1234567", "1990-01-01")


@pytest.mark.parametrize(
    ("password", "words", "left"),
    [
        ("johnsmith2024!!xyz", JOHN, 3),  # a similarity measure lets it pass, for its length
        ("J0hn5m1th!", JOHN, 0),
        ("johnsmith19900101", JOHN, 0),
        ("htimsnhoj2024!", JOHN, 0),  # backwards
        ("john.smith.2024.!!", JOHN, 0),
        ("J O H N s m i t h", JOHN, 0),
        ("my-name-is-smith!!", JOHN, 8),
        ("mail-4-john", JOHN, 0),
        ("6641234567", JOHN, 0),
        ("19900101 abc", JOHN, 3),
        ("Li19880808", ("Li",), 0),  # too short to look for, but all there is
        ("iL!!", ("Li",), 0),
        ("José2024", ("JOSE",), 0),
        ("ＪＯＳＥ2024", ("josé",), 0),
        ("strasse1", ("Straße",), 0),
        ("7h3acme", ("acme",), 2),  # an additional digit is not a letter, whatever it stands for
        ("acm3acm3acm3acm3", ("acme",), 0),
        ("will1am", ("William",), 0),  # 1 is i here
        ("bi11bi11", ("billbill",), 0),  # and l there
        ("7om", ("Tom",), None),
        ("7homas2000", ("Thomas",), 0),  # 7 as t
        ("7ewis2000", ("Lewis",), 0),  # and as l
        ("Rachael.Gipson12011996", ("Rachael", "Gipson", "rachaelg"), 0),  # a user name takes no letter from the next word
    ],
)
def test_what_is_left(password, words, left):
    assert remainder(password, words) == left


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("correct horse battery staple", JOHN),
        ("Lindworm-4711-Quark", ("Li",)),  # shorter than four characters: would be everywhere
        ("everything else", ()),
        ("", JOHN),
        ("composite", ("example.com",)),  # the public suffix is nobody's
    ],
)
def test_words_that_are_not_there_leave_it_alone(password, words):
    assert remainder(password, words) is None


def test_a_passphrase_may_hold_a_name():
    assert remainder("purple elephants adore smith in winter", JOHN) >= 8


def test_an_empty_password_is_nobodys_word():
    assert remainder("", ("", " ", "-")) is None


def test_tokens_of_an_address():
    assert set(tokens(("john.smith+news@mail.example.co",))) == {
        "johnsmith+news@mailexampleco",
        "johnsmith+news",
        "mailexample",
        "johnsmith",
        "john",
        "smith",
        "news",
        "mail",
        "example",
    }


@pytest.mark.parametrize(
    ("password", "rest"),
    [
        ("johnsmith2024!!xYz", "xYz"),  # as it was typed, case and all
        ("My name is Smith!!", "My name is"),
        ("Qu\u00e4ffle-J0hn", "Qu\u00e4ffle"),
        ("smith", ""),
        ("\uff2a\uff2f\uff28\uff2e Qu\uff41ffle", "Qu\uff41ffle"),
        ("quaffle", None),
    ],
)
def test_what_remains_is_as_it_was_typed(password, rest):
    assert remains(password, JOHN) == rest


@given(st.text(max_size=40), st.lists(st.text(max_size=12), max_size=4))
def test_what_remains_is_a_part_of_the_password_in_its_order(password, words):
    rest = remains(password, words)
    letters = iter(password)

    assert rest is None or all(one in letters for one in rest)


@given(st.text("abc1", max_size=40), st.lists(st.text("abc1", min_size=4, max_size=6), max_size=4))
@example("ababab", ["abab"])
@example("abcabcabca", ["abca"])
def test_every_word_is_covered_wherever_it_lies(password, words):
    """However words overlap, themselves or each other: against the definition, spelt out."""
    folded, hidden = fold(password), set()
    for text, back in ((folded, False), (folded[::-1], True)):
        for token in tokens(words):
            if len(token) >= 4:
                text_read, token_read = text, token
                if not token.isdecimal():
                    text_read, token_read = text.replace("1", "i"), token.replace("1", "i")
                for at in range(len(text)):
                    if text_read.startswith(token_read, at):
                        hidden |= {len(text) - 1 - one if back else one for one in range(at, at + len(token))}
    assert {at for at, one in enumerate(_hidden(folded, [token for token in tokens(words) if len(token) >= 4])) if one} == hidden


@given(st.text(max_size=60))
def test_folding_is_stable_enough_to_compare(text):
    assert fold(fold(text)) == fold(text)


@given(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.lists(st.text(st.characters(exclude_categories=()), max_size=20), max_size=5),
)
def test_the_rest_is_never_more_than_the_whole(password, words):
    left = remainder(password, words)

    assert left is None or 0 <= left <= len(fold(password))


@given(st.from_regex(r"[a-z]{4,20}", fullmatch=True), st.integers(0, 9999))
def test_a_word_with_digits_around_is_nothing(word, number):
    assert remainder(f"{number}{word}{number}!", (word,)) == 0
    assert remainder(f"{number}{word[::-1].upper()}{number}!", (word,)) == 0


def test_words_are_bounded():
    assert len(bounded(str(i) for i in range(10**6))) == MAX_WORDS
    assert {len(word) for word in bounded(["x" * 10**6])} == {MAX_WORD_LENGTH}
    assert bounded(["", "a", "a"]) == ("a",)
    assert len(tokens(" ".join(f"{i}{j}" for j in range(200)) for i in range(200))) <= 256


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("a" * 1024, ["a" * i for i in range(4, 68)]),
        ("ab" * 512, ["ab" * (i + 2) for i in range(64)]),
        ("1!|7" * 256, ["i1l7" * (i + 1) for i in range(64)]),
        ("x1" * 512, [" ".join(f"x{i}1{j}" for j in range(50)) for i in range(64)]),
        ("\ufdfa" * 341, ["\ufdfa" * 256] * 64),  # one character that folds into eighteen
        ("1" * 1024, [str(10**200 + i) for i in range(64)]),
    ],
)
def test_the_worst_words_are_cheap(password, words):
    best = min(_cpu(password, words) for _ in range(3))

    assert best < 0.05


def _cpu(password, words):
    started = time.thread_time()
    remainder(password, words)
    return time.thread_time() - started
