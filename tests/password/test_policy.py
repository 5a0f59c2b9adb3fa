"""The policy asks every rule, tells everything, and never lets a broken part say yes."""

from unicodedata import normalize

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError, PortError
from acctsec.outcomes import Objection, PasswordAccepted, PasswordRejected, Strength
from acctsec.password import Blocklist, Breached, ContextWords, Length, MinimumStrength, Outage, PasswordPolicy

ANY_TEXT = st.text(st.characters(exclude_categories=()))
GOOD = "quaffle brumbek 7 winters"


def codes(outcome):
    return [] if isinstance(outcome, PasswordAccepted) else [objection.code for objection in outcome.objections]


def test_a_good_password_is_accepted_with_its_strength():
    outcome = PasswordPolicy().check(GOOD)

    assert isinstance(outcome, PasswordAccepted)
    assert outcome.strength.guesses_log10 > 10


def test_every_objection_is_told_in_the_order_of_the_rules():
    outcome = PasswordPolicy(words=("dragon",)).check("dragon", breach_count=7)

    assert isinstance(outcome, PasswordRejected)
    assert codes(outcome) == ["too-short", "context-word", "common", "too-weak", "breached"]
    assert outcome.objections[0].params == {"minimum": 15, "length": 6}
    assert outcome.objections[4].params == {"count": 7}
    assert outcome.strength.guesses_log10 < 2


@pytest.mark.parametrize(
    ("password", "code"),
    [
        (None, "not-text"),
        (b"bytes", "not-text"),
        ("\ud800", "not-text"),
        ("a\0b", "control-character"),
        ("x" * 1025, "too-many-bytes"),
    ],
)
def test_what_has_no_form_is_refused_for_that_alone(password, code):
    outcome = PasswordPolicy().check(password)

    assert codes(outcome) == [code]
    assert outcome.strength == Strength(0.0)


def test_a_second_factor_shortens_the_minimum():
    assert codes(PasswordPolicy().check("wQz7#kvB")) == ["too-short"]
    assert codes(PasswordPolicy().check("wQz7#kvB9", mfa=True)) == []


def test_words_of_the_service_and_of_the_subject_both_count():
    policy = PasswordPolicy(words=("kwarnsbeek",))

    assert "context-word" in codes(policy.check("kwarnsbeek-2024-!!"))
    assert "context-word" in codes(policy.check("brumbek-brumbek-2024", words=("brumbek",)))


def test_what_remains_is_judged_by_its_strength_as_well():
    """Enough characters are left, and they are the ones that everybody tries."""
    policy = PasswordPolicy()
    words = ("张伟", "+86 138 0013 8472")

    assert codes(policy.check("zhangwei-iloveyou1", words=words)) == ["too-weak"]
    assert codes(policy.check("8472 sunshine 8472", words=words)) == ["too-weak"]
    assert codes(policy.check("zhangwei-quaffle-brumbek", words=words)) == []


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=10), max_size=3).map(tuple))
def test_words_only_ever_weaken(password, words):
    policy = PasswordPolicy()

    assert policy.check(password, words=words).strength.guesses_log10 <= policy.check(password).strength.guesses_log10


def test_the_estimator_is_asked_once_and_for_what_remains_once_more():
    asked = []
    policy = PasswordPolicy(estimator=lambda text, words: asked.append(text) or 9.0)

    policy.check("Johnsmith-2024 Quaffle", words=("John Smith",))
    policy.check("Brumbek Quaffle", words=("John Smith",))
    policy.check("Johnsmith", words=("John Smith",))
    evolved = attrs.evolve(policy, rules=(Length(), MinimumStrength()))
    evolved.check("Johnsmith Quaffle", words=("John Smith",))

    assert asked == ["Johnsmith-2024 Quaffle", "Quaffle", "Brumbek Quaffle", "Johnsmith", "Johnsmith Quaffle"]


def test_words_of_the_service_leave_room_for_those_of_the_subject():
    policy = PasswordPolicy(words=tuple(f"service{i}" for i in range(16)))
    words = (*(f"filler{i}" for i in range(47)), "kwarnsbeek")

    assert "context-word" in codes(policy.check("kwarnsbeek-2024-!!", words=words))


def test_an_unknown_breach_count_is_no_objection():
    assert codes(PasswordPolicy().check(GOOD, breach_count=None)) == []
    assert codes(PasswordPolicy().check(GOOD, breach_count=0)) == []
    assert codes(PasswordPolicy().check(GOOD, breach_count=1)) == ["breached"]


@given(st.text(max_size=256))
def test_both_spellings_get_the_same_verdict(password):
    policy = PasswordPolicy()

    assert policy.check(normalize("NFC", password)) == policy.check(normalize("NFD", password))


@given(
    st.one_of(ANY_TEXT, st.none(), st.binary(), st.integers(), st.lists(st.integers())),
    st.lists(ANY_TEXT, max_size=4).map(tuple),
    st.booleans(),
)
def test_check_is_total_and_deterministic(password, words, mfa):
    policy = PasswordPolicy()

    outcome = policy.check(password, words=words, mfa=mfa)

    assert isinstance(outcome, PasswordAccepted | PasswordRejected)
    assert outcome == policy.check(password, words=words, mfa=mfa)
    assert not isinstance(outcome, PasswordRejected) or outcome.objections


@given(
    st.from_regex(r"[a-z]{6,12}", fullmatch=True),
    st.from_regex(r"[A-Z]{6,12}", fullmatch=True),
    st.sampled_from(["{0}", "{0}-{1}", "{1}2024{0}", "{0}\0"]),
)
def test_neither_password_nor_word_is_shown(secret, word, shape):
    password = shape.format(secret, word)
    policy = PasswordPolicy(words=(word,))

    outcome = policy.check(password, words=(word.lower(),), breach_count=3)
    shown = repr((policy, outcome))

    assert not any(part in shown for part in (password, word, word.lower()))
    assert secret not in repr(outcome)


@pytest.mark.parametrize("words", ["johnsmith", ["john"], ("john", 7), ("john", None), None, b"john"])
def test_words_that_would_be_misread_are_refused(words):
    with pytest.raises(ConfigError):
        PasswordPolicy().check(GOOD, words=words)
    with pytest.raises(ConfigError):
        PasswordPolicy(words=words)


@attrs.frozen
class Judge:
    """A rule that answers what the test wants."""

    answer: object

    def judge(self, password, facts):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [None, True, [], [Objection("x")], ("too-short",), Objection("x"), iter(()), ValueError("kwarnsbeek"), KeyError(GOOD)],
)
def test_a_broken_rule_denies_out_loud(answer):
    policy = PasswordPolicy(rules=(Length(), Judge(answer)))

    with pytest.raises(PortError, match="Judge") as caught:
        policy.check(GOOD)

    assert "kwarnsbeek" not in str(caught.value)
    assert GOOD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "answer", [None, "8", True, float("nan"), float("inf"), -1.0, 10**400, Strength(9.0), RuntimeError(GOOD)]
)
def test_a_broken_estimator_denies_out_loud(answer):
    def guess(password, words):
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(PortError, match="guess") as caught:
        PasswordPolicy(estimator=guess).check(GOOD)

    assert GOOD not in str(caught.value)
    assert caught.value.__context__ is None


async def estimates_later(password, words):
    return 20.0


@pytest.mark.filterwarnings("ignore:coroutine")
def test_an_estimator_to_be_awaited_denies_out_loud():
    with pytest.raises(PortError):
        PasswordPolicy(estimator=estimates_later).check(GOOD)


def test_a_rule_of_ones_own():
    policy = PasswordPolicy(rules=(Length(minimum=8), Judge((Objection("company-policy", {"clause": 4}),))))

    assert codes(policy.check("hello")) == ["too-short", "company-policy"]


@pytest.mark.parametrize(
    "bad",
    [
        {"rules": ()},
        {"rules": Length()},
        {"rules": (MinimumStrength(),)},  # nobody asks for a length
        {"rules": (Length,)},  # the class, not a value
        {"rules": (Length(), "blocklist")},
        {"max_bytes": 255},  # 64 characters of four bytes must pass
        {"max_bytes": 10**6},
        {"rules": (Length(maximum=1025),)},
        {"history": -1},
        {"history": 25},
        {"history": True},
        {"words": tuple(map(str, range(17)))},
        {"estimator": None},
    ],
)
def test_policies_that_cannot_be_right_are_refused(bad):
    with pytest.raises(ConfigError) as caught:
        PasswordPolicy(**bad)

    assert caught.value.remedy


def test_policies_are_values():
    assert PasswordPolicy() == PasswordPolicy()
    assert hash(PasswordPolicy()) == hash(PasswordPolicy())
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        PasswordPolicy().history = 1


RULES = st.one_of(
    st.builds(lambda low, more: Length(minimum=low + more, minimum_with_mfa=low), st.integers(1, 32), st.integers(0, 32)),
    st.builds(ContextWords, minimum_rest=st.integers(1, 20)),
    st.builds(Blocklist, variants=st.booleans()),
    st.builds(MinimumStrength, guesses_log10=st.floats(0.5, 20)),
    st.builds(Breached, minimum_count=st.integers(1, 100)),
)
POLICIES = st.builds(
    lambda rules, words, max_bytes, estimator: PasswordPolicy(
        rules=(Length(minimum=1, minimum_with_mfa=1), *rules), words=words, max_bytes=max_bytes, estimator=estimator
    ),
    st.lists(RULES, max_size=3),
    st.lists(st.sampled_from(["acme", "dragon", "brumbek"]), max_size=2, unique=True).map(tuple),
    st.sampled_from([256, 300, 1024]),
    st.sampled_from(
        [PasswordPolicy().estimator, lambda password, words: float(len(password)), lambda password, words: 9.0 - len(words)]
    ),
)
PASSWORDS = st.one_of(
    ANY_TEXT, st.sampled_from(["acme2024", "dragon", "brumbek brumbek", GOOD, "é" * 200]), st.text(min_size=250, max_size=400)
)


@given(POLICIES, POLICIES, POLICIES, PASSWORDS, st.none() | st.integers(0, 200), st.booleans())
def test_together_accepts_only_what_each_accepts(one, other, third, password, count, mfa):
    parts = (one, other, third)
    together = one & other & third
    alone = [part.check(password, breach_count=count, mfa=mfa) for part in parts]

    outcome = together.check(password, breach_count=count, mfa=mfa)

    assert isinstance(outcome, PasswordAccepted) == all(isinstance(each, PasswordAccepted) for each in alone)
    assert outcome == (one & (other & third)).check(password, breach_count=count, mfa=mfa)
    assert outcome.strength.guesses_log10 <= min(each.strength.guesses_log10 for each in alone) or codes(outcome) == [
        "too-many-bytes"
    ]


def test_together_takes_the_stricter_of_each_number():
    together = PasswordPolicy(history=3, max_bytes=1024) & PasswordPolicy(rules=(Length(minimum=20),), history=1, max_bytes=512)

    assert together.history == 3
    assert together.max_bytes == 512
    assert codes(together.check("x" * 19 + "\n")) == ["control-character"]
    assert codes(together.check("quaffle brumbek 12")) == ["too-short"]


@pytest.mark.parametrize(
    ("one", "other", "both"), [("accept", "accept", "accept"), ("accept", "refuse", "refuse"), ("refuse", "accept", "refuse")]
)
def test_together_refuses_on_an_outage_when_either_does(one, other, both):
    together = PasswordPolicy(on_outage=Outage(one)) & PasswordPolicy(on_outage=Outage(other))

    assert together.on_outage is Outage(both)


def test_the_same_objection_of_two_parts_is_told_once():
    assert codes((PasswordPolicy() & PasswordPolicy()).check("hello")).count("too-short") == 1


def test_only_policies_go_together():
    with pytest.raises(TypeError):
        PasswordPolicy() & Length()
