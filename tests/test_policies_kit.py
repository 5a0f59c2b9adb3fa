"""check_policy: the presets pass, and every policy that is broken on purpose is caught by the law it breaks."""

from datetime import timedelta

import pytest
from attrs import evolve

from acctsec import (
    CHEAPEST,
    SOCIAL_DEFAULT,
    LockoutPolicy,
    MfaPolicy,
    Objection,
    PasswordPolicy,
    Policy,
    SessionPolicy,
)
from acctsec.budgets import Rungs
from acctsec.hashing.foreign import DjangoPbkdf2, Ldap, Phpass
from acctsec.lockout import Repeats
from acctsec.lockout.hits import HitCount
from acctsec.password import Blocklist, Length
from acctsec.testing import RACING, check_policy


@pytest.mark.parametrize("policy", [SOCIAL_DEFAULT, CHEAPEST])
def test_the_presets_keep_every_law(policy):
    check_policy(policy)


STRICT = Policy(
    name="strict",
    hashing=CHEAPEST.hashing,
    password=PasswordPolicy(rules=(Length(minimum=20), Blocklist(variants=True)), history=24, words=("otter",)),
    mfa=MfaPolicy(required=True, window=0),
    lockout=LockoutPolicy(
        strangers=Rungs(free=1, first=timedelta(seconds=1), longest=timedelta(hours=1), stop=10),
        device=Rungs(free=1, first=timedelta(seconds=1), longest=timedelta(hours=1), stop=2),
        repeats=Repeats.COUNT,
        hits=HitCount(mass=2**-14),
    ),
    sessions=SessionPolicy(absolute=timedelta(hours=12), idle=timedelta(minutes=30), fresh=timedelta(minutes=5)),
)


def test_a_strict_policy_keeps_every_law():
    check_policy(STRICT)


def broken(law, **families):
    """A policy that is RACING but for one family is caught by that law."""
    with pytest.raises(AssertionError, match=law):
        check_policy(evolve(RACING, name="broken", **families))


class Rule:
    def __init__(self, judge):
        self._judge = judge

    def judge(self, password, facts):
        return self._judge(password, facts)


def with_rule(judge):
    return PasswordPolicy(rules=(Length(), Rule(judge)), estimator=lambda password, words: 20.0)


def test_a_rule_with_a_code_that_nobody_knows_is_caught_until_it_is_named():
    policy = evolve(
        RACING, password=with_rule(lambda p, f: (Objection("no-penguins"),) if "penguin" in p else ()), name="penguins"
    )
    check_policy(policy, codes={"no-penguins"})
    broken("known codes", password=with_rule(lambda p, f: (Objection("no-e"),) if "e" in p else ()))


def test_a_factor_that_is_never_asked_for_is_caught():
    class Blind(MfaPolicy):
        def add(self, factors, new):
            return factors

    broken("whole story|From sign-up", mfa=Blind())


class Careless:
    """A format of a platform's own that lets everybody in with its decoy."""

    name, share = "careless", 0.5

    def reads(self, stored):
        return stored.startswith("careless:")

    def verify(self, stored, password):
        return True

    def decoy(self):
        return "careless:"


def test_a_policy_that_takes_foreign_hashes_keeps_every_law():
    formats = (DjangoPbkdf2(share=0.5, iterations=2000), Phpass(rounds_log2=7, share=0), Ldap(share=0))
    check_policy(evolve(RACING, hashing=evolve(RACING.hashing, foreign=formats)))


def test_a_format_whose_decoy_verifies_is_caught():
    broken("A format that is listed reads", hashing=evolve(RACING.hashing, foreign=(Careless(),)))


def test_what_is_no_policy_is_refused():
    with pytest.raises(TypeError):
        check_policy("social")
