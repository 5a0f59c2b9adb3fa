"""Whoever hears a form learns what is asked, each demand once, and what came of it."""

import pytest
from attrs import evolve

from acctsec.outcomes import Objection, PasswordAccepted, PasswordRejected, Strength
from acctsec.password import (
    BannedTerms,
    CharacterClass,
    Classes,
    FormField,
    Length,
    PasswordPolicy,
    announce,
    catalogue,
    describe,
    hints,
    message,
)

DEFAULT = ["ask-length", "ask-no-context", "ask-not-common", "ask-hard-to-guess", "ask-not-leaked"]


def asked(policy, **given):
    return [one.code for one in describe(policy, **given)]


def test_every_demand_of_the_default_policy_is_said():
    assert asked(PasswordPolicy()) == DEFAULT
    assert describe(PasswordPolicy())[0].params == {"minimum": 15}
    assert describe(PasswordPolicy(), mfa=True)[0].params == {"minimum": 8}


def test_the_strictest_demand_of_several_policies_is_said_once():
    staff = PasswordPolicy(
        rules=(Length(minimum=20), Classes(minimum=2), Classes(required=(CharacterClass.UPPER,), minimum=3)), history=4
    )
    told = describe(PasswordPolicy() & staff)

    assert [one.code for one in told] == [
        *("ask-length", "ask-letter", "ask-upper", "ask-digit", "ask-classes"),
        *DEFAULT[1:],
        "ask-not-used-before",
    ]
    assert told[0].params == {"minimum": 20}
    assert told[4].params == {"minimum": 3}


def test_one_class_is_any_password_and_is_not_asked_for():
    assert asked(PasswordPolicy(rules=(Length(), Classes()))) == ["ask-length", "ask-letter", "ask-digit"]


def test_terms_are_asked_about_and_not_told():
    policy = PasswordPolicy(rules=(Length(), BannedTerms(terms=("kwarnsbeek",))), words=("quaffle",))
    told = " ".join(message(one, catalogue("en")) for one in describe(policy))

    assert asked(policy) == ["ask-length", "ask-no-banned-terms"]
    assert "kwarnsbeek" not in told and "quaffle" not in told


def test_a_rule_of_ones_own_is_passed_over():
    class Own:
        def judge(self, password, facts):
            return ()

    assert asked(PasswordPolicy(rules=(*PasswordPolicy().rules, Own()))) == DEFAULT


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_what_came_of_it_is_one_sentence(language):
    accepted = PasswordAccepted(Strength(12.0))
    rejected = PasswordRejected((Objection("too-short", {"minimum": 15, "length": 3}), Objection("common")), Strength(1.0))

    sentences = [
        message(announce(one), catalogue(language))
        for one in (accepted, rejected, evolve(rejected, objections=rejected.objections[:1]))
    ]

    assert len(set(sentences)) == 3
    assert "2" in sentences[1]


def test_the_field_names_its_description():
    spec = hints(PasswordPolicy())

    assert spec.attributes(described_by="rules")["aria-describedby"] == "rules"
    assert spec.attributes(FormField.CURRENT_PASSWORD, described_by="rules")["aria-describedby"] == "rules"
    assert "aria-describedby" not in spec.attributes()
