"""A policy for one account is the policy, and whatever its groups and its tenant ask besides."""

import pickle

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from acctsec import Account, ConfigError, Objection, PasswordPolicy, Policy
from acctsec.outcomes import PasswordAccepted
from acctsec.password import BannedTerms, Blocklist, Length, MinimumStrength, Outage
from acctsec.testing.strategies import passwords


class No:
    """A rule of one's own: without this letter."""

    def __init__(self, letter):
        self.letter = letter

    def judge(self, password, facts):
        return (Objection("no"),) if self.letter in password else ()


lengths = st.builds(lambda low, more: Length(minimum=low + more, minimum_with_mfa=low), st.integers(1, 12), st.integers(0, 12))
more_rules = st.lists(
    st.sampled_from("aeiou").map(No) | st.sampled_from([Blocklist(), Blocklist(variants=True), MinimumStrength()]), max_size=3
)
policies = st.builds(
    lambda length, more, history, outage, mb, guesses: PasswordPolicy(
        rules=(length, *more), history=history, on_outage=outage, max_bytes=mb, estimator=lambda p, w: guesses
    ),
    lengths, more_rules, st.integers(0, 24), st.sampled_from(Outage), st.integers(256, 2048), st.floats(0, 20),
)  # fmt: skip
named = st.dictionaries(st.sampled_from(["a", "b", "c"]), policies, max_size=3)


@given(
    policies,
    named,
    named,
    st.sets(st.sampled_from(["a", "b", "c", "d"])),
    st.sampled_from(["a", "b", ""]),
    passwords(),
    st.booleans(),
)
def test_a_composed_policy_never_accepts_what_a_part_refuses(own, groups, tenants, member, tenant, password, mfa):
    policy = Policy(password=own, groups=groups, tenants=tenants)
    composed = policy.for_account(Account(subject="s", groups=member), tenant=tenant).password
    parts = [own, *(groups[one] for one in sorted(member & groups.keys())), *([tenants[tenant]] if tenant in tenants else [])]

    accepted = isinstance(composed.check(password, mfa=mfa), PasswordAccepted)

    assert accepted == all(isinstance(part.check(password, mfa=mfa), PasswordAccepted) for part in parts)
    assert composed.history == max(part.history for part in parts)
    assert composed.max_bytes == min(part.max_bytes for part in parts)
    assert (composed.on_outage is Outage.REFUSE) == any(part.on_outage is Outage.REFUSE for part in parts)


STAFF = PasswordPolicy(rules=(Length(minimum=20),), history=5)
POLICY = Policy(groups={"staff": STAFF}, tenants={"bank": PasswordPolicy(on_outage=Outage.REFUSE)})


def test_without_an_account_only_the_tenant_counts():
    alone = POLICY.for_account(None, tenant="bank")

    assert (alone.password.history, alone.password.on_outage) == (0, Outage.REFUSE)
    assert POLICY.for_account(None) is POLICY


def test_a_composition_is_made_once_and_is_whole():
    staff = Account(subject="s", groups={"staff", "others"})

    assert POLICY.for_account(staff) is POLICY.for_account(staff)
    assert POLICY.for_account(staff).for_account(staff) is POLICY.for_account(staff)


def test_the_parts_are_knobs_and_part_of_the_digest():
    assert ("groups.staff.history", "5") in POLICY.knobs()
    assert POLICY.digest != Policy().digest
    assert POLICY.digest != evolve(POLICY, groups={"staff": evolve(STAFF, history=6)}).digest


def test_every_number_of_every_rule_is_a_knob_and_part_of_the_digest():
    """Also of groups, of policies joined before, and what no repr shows."""

    def with_terms(*terms):
        part = PasswordPolicy(rules=(Length(minimum=20), BannedTerms(terms=terms), Length()), words=("otters",))
        return Policy(groups={"staff": PasswordPolicy() & part}, password=part)

    shown = with_terms("contoso").knobs()

    assert ("password.rules.2.BannedTerms.terms", "('contoso',)") in shown
    assert ("password.rules.1.Length.minimum", "20") in shown
    assert ("groups.staff.rules.1.Length.minimum", "15") in shown
    assert ("groups.staff.also.1.PasswordPolicy.rules.2.BannedTerms.minimum_points", "5") in shown
    assert ("groups.staff.also.1.PasswordPolicy.words", "('otters',)") in shown
    assert len(dict(shown)) == len(shown)
    assert with_terms("contoso").digest == with_terms("contoso").digest != with_terms("fabrikam").digest


def test_the_parts_cannot_change_and_are_compared_by_value():
    given_parts = {"staff": STAFF}
    policy = Policy(groups=given_parts)
    given_parts.clear()

    assert dict(policy.groups) == {"staff": STAFF}
    assert hash(policy) == hash(Policy(groups={"staff": STAFF}))
    assert policy == Policy(groups={"staff": STAFF})
    assert pickle.loads(pickle.dumps(policy)) == policy
    with pytest.raises(TypeError):
        policy.groups["staff"] = STAFF


@pytest.mark.parametrize("bad", [None, ["staff"], {"staff": None}, {1: STAFF}])
def test_what_names_no_policies_is_refused(bad):
    with pytest.raises(ConfigError):
        Policy(groups=bad)
