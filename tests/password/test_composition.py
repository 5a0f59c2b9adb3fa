"""The laws of composition hold for generated policies, and find a composition that loosens."""

from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from attrs import evolve

from acctsec import PasswordPolicy, Policy
from acctsec.outcomes import PasswordAccepted
from acctsec.password import (
    Age,
    AtSignIn,
    BannedTerms,
    Blocklist,
    Breached,
    CharacterClass,
    Classes,
    ContextWords,
    Length,
    MinimumStrength,
    Outage,
    StrengthEstimator,
)
from acctsec.testing.laws import Asking, Falsified, NotAsked
from acctsec.testing.laws import passwords as laws

KNOWN = frozenset()
COMPOSITION = [laws.both_is_stricter_than_each, laws.order_and_repetition_do_not_matter, laws.an_account_is_held_to_every_part]


def ask(law, policy):
    law.asks(Asking(law=law, policy=policy, codes=KNOWN))


def generated(seed):
    """A policy with any rules and numbers, and groups and tenants of its own: the same from the same seed."""
    draw = Random(seed)

    def part():
        low = draw.randint(1, 12)
        rules = [
            Length(minimum_with_mfa=low, minimum=draw.randint(low, 20), maximum=draw.randint(64, 256)),
            *draw.sample(
                [
                    ContextWords(minimum_rest=draw.randint(1, 12)),
                    Blocklist(
                        size=draw.choice([1, 3000, 19_640]),
                        words=("quaffle",),
                        variants=draw.random() < 0.5,
                        distance=draw.randint(0, 1),
                    ),
                    BannedTerms(terms=("contoso", "ba ce di"), minimum_points=draw.randint(2, 10)),
                    Classes(required=draw.sample(list(CharacterClass), draw.randint(0, 3)), minimum=draw.randint(1, 4)),
                    MinimumStrength(guesses_log10=draw.uniform(1, 14)),
                    Breached(minimum_count=draw.randint(1, 9)),
                ],
                k=draw.randint(0, 6),
            ),
        ]
        estimators = [PasswordPolicy().estimator, lambda password, words: 20.0, StrengthEstimator(dictionaries=(("ba", "ce"),))]
        aged = draw.random() < 0.3
        return PasswordPolicy(
            rules=rules,
            words=tuple(draw.sample(["alice", "example", "lomu"], draw.randint(0, 3))),
            max_bytes=draw.randint(256, 2048),
            history=draw.randint(0, 24),
            on_outage=draw.choice(list(Outage)),
            at_sign_in=draw.choice(list(AtSignIn)),
            max_age=timedelta(days=draw.randint(30, 365)) if aged else None,
            on_age=Age.FORCE if aged else Age.NONE,
            popularity_cap=draw.choice([None, 10, 1000]),
            estimator=draw.choice(estimators),
        )

    def named():
        return {name: part() for name in draw.sample(["a", "b", "c"], draw.randint(0, 2))}

    return Policy(password=part() & part() if draw.random() < 0.3 else part(), groups=named(), tenants=named())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("law", COMPOSITION, ids=lambda law: law.id)
def test_generated_policies_keep_the_laws_of_composition(law, seed):
    with suppress(NotAsked):  # it has neither groups nor tenants
        ask(law, generated(seed))


class Loose(PasswordPolicy):
    """Takes the first verdict for that of all: joining it with others loosens them."""

    def check(self, password, **given):
        return evolve(self, also=()).check(password, **given) if self.also else super().check(password, **given)


@pytest.mark.parametrize("law", COMPOSITION, ids=lambda law: law.id)
def test_a_composition_that_loosens_is_found(law):
    policy = Policy(password=Loose(rules=(Length(minimum=1, minimum_with_mfa=1),)))

    with pytest.raises(Falsified):
        ask(law, policy)


def test_generated_policies_are_worth_asking():
    """Some are strict and some are not; they hold every kind of rule."""
    policies = [generated(seed) for seed in range(12)]
    accepted = [isinstance(one.password.check("Quaffle 7 bru"), PasswordAccepted) for one in policies]

    assert 2 <= sum(accepted) <= 10
    assert {type(rule) for one in policies for rule in one.password.rules} == {
        *(BannedTerms, Blocklist, Breached, Classes, ContextWords, Length, MinimumStrength)
    }
