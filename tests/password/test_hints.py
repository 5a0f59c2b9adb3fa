"""What forms tell password managers is true: what they draw by it is accepted."""

import re
from random import Random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.outcomes import PasswordAccepted
from acctsec.password import (
    BannedTerms,
    Blocklist,
    Breached,
    CharacterClass,
    Classes,
    ContextWords,
    Length,
    MinimumStrength,
    PasswordPolicy,
    StrengthEstimator,
)
from acctsec.password.hints import FormField, HintSpec, generate_password, hints

CLASSES = {
    "lower": frozenset("abcdefghijklmnopqrstuvwxyz"),
    "upper": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "digit": frozenset("0123456789"),
    "special": frozenset("-~!@#$%^&*_+=`|(){}[:;\"'<>,.?] "),
    "ascii-printable": frozenset(map(chr, range(0x20, 0x7F))),
}
MAY_OBJECT = {"too-weak", "common", "context-word", "breached", "reused", "banned-term"}
ENTROPY = st.binary(min_size=16, max_size=64)


@attrs.frozen
class Rules:
    """A strict reading of Apple's grammar: what is not understood is an error, not left out."""

    minlength: int
    maxlength: int
    max_consecutive: int
    required: tuple[frozenset, ...]
    allowed: frozenset

    @classmethod
    def parse(cls, text):
        numbers, required, allowed = {}, [], frozenset()
        assert text.endswith(";")
        for line in text[:-1].split(";"):
            name, value = re.fullmatch(r" ?([a-z-]+): ([^;]+)", line).groups()
            if name in {"minlength", "maxlength", "max-consecutive"}:
                assert name not in numbers and re.fullmatch(r"[1-9][0-9]*", value)
                numbers[name] = int(value)
            elif name == "required":
                required.append(cls.classes(value))
            else:
                assert name == "allowed"
                allowed |= cls.classes(value)
        return cls(numbers["minlength"], numbers["maxlength"], numbers["max-consecutive"], tuple(required), allowed)

    @staticmethod
    def classes(value):
        found = frozenset()
        for one in value.split(", "):
            if one.startswith("["):
                assert re.fullmatch(r"\[-?[!-,.-\\^-~]*\]?\]", one) and len(one) > 2
                found |= frozenset(one[1:-1])
            else:
                found |= CLASSES[one]
        return found

    @property
    def alphabet(self):
        return "".join(sorted(self.allowed.union(*self.required)))

    def permits(self, password):
        runs = re.findall(r"((.)\2*)", password, re.DOTALL)
        return (
            self.minlength <= len(password) <= self.maxlength
            and set(password) <= set(self.alphabet)
            and all(not one.isdisjoint(password) for one in self.required)
            and all(len(run) <= self.max_consecutive for run, _ in runs)
        )

    def draw(self, random, size):
        """As a generator does: uniformly, again where a demand is not met."""
        while True:
            password = "".join(random.choice(self.alphabet) for _ in range(size))
            if self.permits(password):
                return password


@st.composite
def lengths(draw):
    with_mfa = draw(st.integers(1, 64))
    return Length(minimum_with_mfa=with_mfa, minimum=draw(st.integers(with_mfa, 64)), maximum=draw(st.integers(64, 256)))


@st.composite
def single_policies(draw):
    further = draw(
        st.lists(
            st.one_of(
                st.builds(ContextWords, minimum_rest=st.integers(1, 12)),
                st.builds(
                    Blocklist,
                    size=st.sampled_from([1, 3000, 19_640]),
                    words=st.lists(st.text(min_size=1, max_size=20), max_size=3).map(tuple),
                    variants=st.booleans(),
                    distance=st.integers(0, 1),
                ),
                st.builds(
                    BannedTerms,
                    terms=st.lists(st.from_regex(r"[a-z0-9]{4,16}", fullmatch=True), min_size=1, max_size=9).map(tuple),
                    minimum_points=st.integers(2, 10),
                ),
                st.builds(Classes, required=st.sets(st.sampled_from(CharacterClass)), minimum=st.integers(1, 4)),
                st.builds(MinimumStrength, guesses_log10=st.floats(0.5, 30)),
                st.builds(Breached, minimum_count=st.integers(1, 9)),
                lengths(),
            ),
            max_size=4,
        )
    )
    return PasswordPolicy(
        rules=(draw(lengths()), *further),
        words=tuple(draw(st.lists(st.sampled_from(["kwarnsbeek", "quaffle", "ornithology"]), max_size=2))),
        max_bytes=draw(st.integers(256, 2048)),
        estimator=draw(st.sampled_from([PasswordPolicy().estimator, StrengthEstimator(dictionaries=(("kw", "k", "7"),))])),
    )


policies = st.one_of(
    single_policies(), st.builds(lambda one, other, third: one & other & third, *[single_policies() for _ in range(3)])
)


@st.composite
def permitted(draw, rules):
    """Any password that the rules permit, however unlikely a generator is to draw it."""
    size = draw(st.integers(rules.minlength, rules.maxlength))
    letters = list(draw(st.text(st.sampled_from(rules.alphabet), min_size=size, max_size=size)))
    for at, wanted in zip(draw(st.permutations(range(8))), rules.required, strict=False):
        letters[at * 2] = draw(st.sampled_from(sorted(wanted)))
    for at in range(2, size):
        if letters[at] == letters[at - 1] == letters[at - 2]:
            others = next(one for one in (*rules.required, rules.allowed) if letters[at] in one) - {letters[at]}
            letters[at] = min(others or rules.required[0])
    return "".join(letters)


@given(policies, st.booleans(), st.data())
@settings(deadline=None)
def test_what_the_rules_permit_is_only_refused_for_what_no_rule_can_say(policy, mfa, data):
    rules = Rules.parse(hints(policy, mfa=mfa).passwordrules)
    password = data.draw(permitted(rules))

    assert rules.permits(password)
    outcome = policy.check(password, breach_count=0, mfa=mfa)
    codes = set() if isinstance(outcome, PasswordAccepted) else {one.code for one in outcome.objections}
    assert codes <= MAY_OBJECT


@given(policies, st.booleans(), st.integers(0, 2**32))
@settings(deadline=None)
def test_what_a_generator_draws_by_the_rules_is_accepted(policy, mfa, seed):
    rules = Rules.parse(hints(policy, mfa=mfa).passwordrules)
    password = rules.draw(Random(seed), rules.minlength)

    assert isinstance(policy.check(password, mfa=mfa), PasswordAccepted)


@given(policies, ENTROPY)
@settings(deadline=None)
def test_what_we_draw_is_accepted_permitted_and_drawn_again_from_the_same(policy, entropy):
    password = generate_password(policy, entropy)

    assert isinstance(policy.check(password), PasswordAccepted)
    assert Rules.parse(hints(policy).passwordrules).permits(password)
    assert set("0O1Il").isdisjoint(password)
    assert password == generate_password(policy, entropy)


@given(policies, st.booleans(), st.text(min_size=1, max_size=80))
@settings(deadline=None)
def test_no_accepted_password_is_below_the_minlength_but_for_what_composition_takes_apart(policy, mfa, password):
    units = len(password.encode("utf-16-le", "surrogatepass")) // 2
    if units >= hints(policy, mfa=mfa).minlength or not isinstance(policy.check(password, mfa=mfa), PasswordAccepted):
        return

    assert any(is_taken_apart(character) for character in password)


def is_taken_apart(character):
    from unicodedata import normalize

    return len(normalize("NFC", character)) > len(character.encode("utf-16-le", "surrogatepass")) // 2


def test_composition_takes_few_characters_apart():
    taken = [one for one in map(chr, range(0x110000)) if is_taken_apart(one)]

    assert 81 <= len(taken) < 100  # as of Unicode 14; a later one may add some
    assert min(taken) == "\u0344"  # nothing of Latin, Greek, Cyrillic or Han


@given(st.lists(ENTROPY, min_size=2, max_size=2, unique=True))
def test_other_entropy_draws_another_password(entropies):
    first, second = (generate_password(PasswordPolicy(), entropy) for entropy in entropies)

    assert first != second


def test_every_character_of_the_alphabet_is_drawn_as_often():
    drawn = "".join(generate_password(PasswordPolicy(), bytes([0] * 14) + number.to_bytes(2, "big")) for number in range(600))
    counts = {letter: drawn.count(letter) for letter in set(drawn) - {"-"}}
    expected = sum(counts.values()) / 57

    assert len(counts) == 57
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 110  # chi square, 56 degrees: 1 in 20,000


def test_a_password_has_four_groups_and_keeps_its_form():
    assert re.fullmatch(r"[A-Za-z2-9]{5}(-[A-Za-z2-9]{5}){3}", generate_password(PasswordPolicy(), bytes(16)))


@pytest.mark.parametrize("entropy", [b"", bytes(15), "x" * 16, None])
def test_little_entropy_is_refused(entropy):
    with pytest.raises(ConfigError, match="entropy") as refused:
        generate_password(PasswordPolicy(), entropy)

    assert "x" * 16 not in str(refused.value)


class Never:
    def judge(self, password, facts):
        from acctsec.outcomes import Objection

        return (Objection("never"),)


def test_a_policy_that_refuses_every_draw_is_a_mistake_and_no_endless_search():
    with pytest.raises(ConfigError, match="refuses 64 random passwords of 23"):
        generate_password(PasswordPolicy(rules=(Length(), Never())), bytes(16))


def test_the_default_rules():
    assert hints(PasswordPolicy()) == HintSpec(
        minlength=15,
        passwordrules=(
            "minlength: 20; maxlength: 256; required: lower; required: upper; required: digit; allowed: [-]; max-consecutive: 2;"
        ),
    )
    assert hints(PasswordPolicy(), mfa=True).minlength == 8


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (PasswordPolicy(rules=(Length(), Never())), "rule Never"),
        (PasswordPolicy() & PasswordPolicy(rules=(Length(), Never())), "rule Never"),
        (PasswordPolicy(estimator=lambda password, words: 9.0), "estimator"),
    ],
)
def test_there_are_no_rules_where_nobody_knows_what_is_accepted(policy, why):
    spec = hints(policy)

    assert spec.passwordrules is None
    assert why in spec.reason
    assert "passwordrules" not in spec.attributes()
    assert spec.minlength == 15


@pytest.mark.parametrize(
    ("rule", "hyphen"),
    [
        (Classes(), "allowed"),
        (Classes(minimum=3), "allowed"),
        (Classes(minimum=4), "required"),
        (Classes(required=(CharacterClass.OTHER,)), "required"),
    ],
)
def test_classes_are_said_to_managers(rule, hyphen):
    """Letters of both cases and digits are drawn anyway."""
    assert f"required: digit; {hyphen}: [-];" in hints(PasswordPolicy(rules=(Length(), rule))).passwordrules


def test_an_estimator_that_no_rule_reads_is_in_nobodys_way():
    assert hints(PasswordPolicy(rules=(Length(),), estimator=lambda password, words: 9.0)).passwordrules is not None


def test_a_new_password_has_the_length_and_the_rules():
    assert hints(PasswordPolicy()).attributes() == {
        "autocomplete": "new-password",
        "autocapitalize": "none",
        "spellcheck": "false",
        "minlength": "15",
        "passwordrules": hints(PasswordPolicy()).passwordrules,
    }


@pytest.mark.parametrize("field", [FormField.CURRENT_PASSWORD, FormField.ONE_TIME_CODE, FormField.USERNAME])
def test_what_exists_is_only_filled_in(field):
    assert hints(PasswordPolicy()).attributes(field) == {
        "autocomplete": field.value,
        "autocapitalize": "none",
        "spellcheck": "false",
    }


@given(policies)
def test_no_attribute_cuts_what_is_pasted_or_needs_escaping(policy):
    attributes = hints(policy).attributes()

    assert "maxlength" not in attributes
    assert all(re.fullmatch(r"[a-z0-9:;\[\] -]+", value) for value in attributes.values())
