"""Each rule has one question, and answers it with a code and harmless numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection, Strength
from acctsec.password import Blocklist, Breached, Code, ContextWords, Facts, Length, MinimumStrength
from acctsec.password.blocklist import common_passwords, ranked_passwords


def facts(words=(), rest=None, breach_count=None, guesses_log10=20.0, mfa=False):
    return Facts(words=words, rest=rest, breach_count=breach_count, strength=Strength(guesses_log10), mfa=mfa)


def codes(rule, password, **given):
    return [objection.code for objection in rule.judge(password, facts(**given))]


@pytest.mark.parametrize(
    ("length", "mfa", "expected"),
    [
        (14, False, [Objection("too-short", {"minimum": 15, "length": 14})]),
        (15, False, []),
        (7, True, [Objection("too-short", {"minimum": 8, "length": 7})]),
        (8, True, []),
        (256, False, []),
        (257, True, [Objection("too-long", {"maximum": 256, "length": 257})]),
    ],
)
def test_length(length, mfa, expected):
    assert list(Length().judge("x" * length, facts(mfa=mfa))) == expected


@pytest.mark.parametrize("text", ["é", "😀", "中"])
def test_length_counts_code_points(text):
    """SP 800-63B-4 section 3.1.1.2: each code point is one character."""
    assert codes(Length(), text * 15) == []
    assert codes(Length(), text * 14) == ["too-short"]


@pytest.mark.parametrize(
    "bad",
    [
        {"minimum": 7},  # below what is asked inside MFA
        {"minimum_with_mfa": 0},
        {"minimum": 65},
        {"maximum": 63},
        {"maximum": 10**9},
        {"minimum": 15.0},
        {"minimum": True, "minimum_with_mfa": True},
    ],
)
def test_lengths_that_contradict_each_other_or_the_standard_are_refused(bad):
    with pytest.raises(ConfigError) as caught:
        Length(**bad)

    assert caught.value.remedy


def test_the_list_is_whole():
    assert len(common_passwords()) == 19_640
    assert {"123456", "password", "qwerty"} <= common_passwords()
    assert all(password == password.casefold() and password for password in common_passwords())


@pytest.mark.parametrize("password", ["password", "PassWord", "QWERTYUIOP", "1qaz2wsx"])
def test_common_passwords_are_found_in_every_case(password):
    assert codes(Blocklist(), password) == ["common"]


@pytest.mark.parametrize("password", ["password and more", "p@ssw0rd!!", "Password2024!"])
def test_the_whole_password_is_compared_not_a_part(password):
    assert codes(Blocklist(), password) == []


@pytest.mark.parametrize(
    "password", ["p@ssw0rd!!", "Password2024!", "!!dragon!!", "Tr0ubl3", "5un5h1n3", "5un5h1n3!!", "5unshine12", "7r0j4n"]
)
def test_variants_are_found_on_request(password):
    assert codes(Blocklist(variants=True), password) == ["common"]


def test_variants_of_nothing_are_not_common():
    assert codes(Blocklist(variants=True), "?!?!?!?!?!") == []


@pytest.mark.parametrize("password", ["iloveyou1", "ilovyou", "Passwort", "qwertyuiop1", "1q2w3e4r6t"])
def test_one_edit_of_a_common_password_is_found_on_request(password):
    assert codes(Blocklist(distance=1), password) == ["common"]


@pytest.mark.parametrize("password", ["dagron77", "drxgxn", "password7?x", "iluvyou4evr"])
def test_two_edits_and_short_words_are_not_common(password):
    """From seven characters on: of a word of six, one edit makes another word."""
    assert codes(Blocklist(distance=1), password) == []


def test_edits_come_after_the_substitutions():
    assert codes(Blocklist(distance=1), "5un5h1me") == []
    assert codes(Blocklist(distance=1, variants=True), "5un5h1me!!") == ["common"]


def test_the_list_is_ranked_and_its_head_can_be_taken():
    assert ranked_passwords()[:4] == ("123456", "123456789", "qwerty", "password")
    assert set(ranked_passwords()) == common_passwords()
    assert codes(Blocklist(size=4), "password") == ["common"]
    assert codes(Blocklist(size=3), "password") == []
    assert codes(Blocklist(size=4, distance=1), "passwort") == ["common"]
    assert codes(Blocklist(size=3, distance=1), "passwort") == []


def test_own_words_are_refused_like_the_common_ones():
    own = Blocklist(words=("Kwarnsbeek", "Stra\u00dfe"))

    assert codes(own, "kwarnsBEEK") == codes(own, "strasse") == codes(own, "password") == ["common"]
    assert codes(own, "kwarnsbeek1") == codes(own, "kwarnsbek") == []
    assert codes(Blocklist(words=("kwarnsbeek",), distance=1), "kwarnsbek") == ["common"]
    assert codes(Blocklist(words=("kwarnsbeek",), variants=True), "kw4rn5b33k!1") == ["common"]
    assert "kwarnsbeek" not in repr(own).lower()


@pytest.mark.parametrize(
    "bad",
    [
        *({"size": size} for size in (0, 19_641, True, None)),
        *({"distance": distance} for distance in (-1, 2, False)),
        *({"words": words} for words in ("kwarnsbeek", ["x"], ("",), ("x" * 257,), (7,), ("x",) * 10_001)),
    ],
)
def test_a_list_that_is_none_is_refused(bad):
    with pytest.raises(ConfigError) as caught:
        Blocklist(**bad)

    assert caught.value.remedy and "kwarnsbeek" not in str(caught.value)


def test_words_that_are_the_persons_are_judged_by_what_remains():
    assert codes(ContextWords(minimum_rest=5), "otters1234", rest="1234") == ["context-word"]
    assert codes(ContextWords(minimum_rest=4), "otters1234", rest="1234") == []
    assert codes(ContextWords(), "otters", rest="") == ["context-word"]
    assert codes(ContextWords(), "otters", rest=None) == []
    assert codes(ContextWords(minimum_rest=5), "a - b . c", rest="a - b . c") == ["context-word"]  # separators are no characters


@pytest.mark.parametrize(("guesses", "expected"), [(7.999, ["too-weak"]), (8.0, []), (12.0, [])])
def test_minimum_strength(guesses, expected):
    assert codes(MinimumStrength(), "whatever", guesses_log10=guesses) == expected


def test_the_minimum_is_told_in_guesses():
    assert MinimumStrength(guesses_log10=6).judge("x", facts(guesses_log10=0.0)) == (
        Objection("too-weak", {"minimum_guesses": 1_000_000}),
    )


@pytest.mark.parametrize("guesses", [0, -1, 31, float("nan"), float("inf"), "8", True])
def test_a_strength_that_is_none_is_refused(guesses):
    with pytest.raises(ConfigError):
        MinimumStrength(guesses_log10=guesses)


@pytest.mark.parametrize(
    ("minimum", "count", "expected"), [(1, None, []), (1, 0, []), (1, 1, ["breached"]), (5, 4, []), (5, 5, ["breached"])]
)
def test_breached(minimum, count, expected):
    assert codes(Breached(minimum_count=minimum), "x", breach_count=count) == expected


@pytest.mark.parametrize("rule", [Length(), ContextWords(), Blocklist(), Blocklist(variants=True), MinimumStrength(), Breached()])
@given(
    password=st.text(max_size=300),
    word=st.text(min_size=1, max_size=40),
    count=st.none() | st.integers(0, 10**9),
    guesses=st.floats(0, 60),
)
def test_rules_are_total_and_deterministic(rule, password, word, count, guesses):
    given_facts = facts(words=(word,), breach_count=count, guesses_log10=guesses)

    first = rule.judge(password, given_facts)

    assert first == rule.judge(password, given_facts)
    assert all(isinstance(objection, Objection) and objection.code in set(Code) for objection in first)
    assert all(isinstance(value, int) for objection in first for value in objection.params.values())


def test_facts_do_not_show_words():
    shown = repr(facts(words=("johnsmith",), rest="quaffle"))

    assert "johnsmith" not in shown and "quaffle" not in shown


def test_codes_are_what_applications_translate():
    """These names are API."""
    assert sorted(code.value for code in Code) == [
        "banned-term",
        "breached",
        "common",
        "context-word",
        "control-character",
        "missing-digit",
        "missing-letter",
        "missing-lower",
        "missing-other",
        "missing-upper",
        "not-text",
        "popular",
        "reused",
        "too-few-classes",
        "too-long",
        "too-many-bytes",
        "too-short",
        "too-weak",
        "unchecked",
    ]


def test_words_that_would_take_too_much_memory_with_an_edit_are_refused():
    words = tuple(f"{number:05d}" * 4 for number in range(6_000))
    Blocklist(words=words)
    with pytest.raises(ConfigError, match="100,000 characters"):
        Blocklist(words=words, distance=1)
