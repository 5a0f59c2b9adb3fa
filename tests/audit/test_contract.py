"""The laws as a pytest class: one test a law, each of which fails by itself, and none that can be lost."""

import pytest
from attrs import evolve

from acctsec import ConfigError, ResetPolicy
from acctsec.testing import RACING, LawBroken, PolicyContract, check_policy
from acctsec.testing.laws import LAWS, Family

pytest_plugins = ["pytester"]

OURS = """
from acctsec.testing import PolicyContract, RACING

class TestOurs(PolicyContract):
    policy = RACING
"""


def asked_by(cls):
    return sorted(name for name in vars(cls) if name.startswith("test_"))


def test_the_contract_has_one_test_a_law_with_its_sentence():
    named = {f"test_{law.id.replace('-', '_')}": law.says for law in LAWS}
    assert asked_by(PolicyContract) == sorted(named)
    assert all(getattr(PolicyContract, name).__doc__ == says for name, says in named.items())


def test_ids_are_kebab_case_unique_and_their_laws_say_something():
    ids = [law.id for law in LAWS]
    assert len(set(ids)) == len(ids)
    assert all(one == one.lower() and one.replace("-", "").isalpha() for one in ids)
    assert all(law.says[0].isupper() or law.says.startswith("``") for law in LAWS)
    assert all(law.says.endswith(".") for law in LAWS)
    assert {law.family for law in LAWS} == set(Family)


def test_invariants_are_named_by_their_ids():
    assert all(one[0] == "I" and 1 <= int(one[1:]) <= 38 for law in LAWS for one in law.invariants)


def test_a_policy_that_breaks_one_law_fails_that_test_alone():
    reset = ResetPolicy()
    object.__setattr__(reset, "text_lifetime", ResetPolicy().text_lifetime * 50)

    class TestBroken(PolicyContract):
        policy = evolve(RACING, reset=reset, name="broken")

    with pytest.raises(LawBroken, match="policy-can-be-built") as found:
        TestBroken().test_policy_can_be_built()
    assert found.value.law.id == "policy-can-be-built"
    assert "acctsec audit" in str(found.value)
    TestBroken().test_session_ends()
    with pytest.raises(LawBroken):
        check_policy(TestBroken.policy)


def test_a_subclass_without_a_policy_is_refused():
    class TestNothing(PolicyContract):
        pass

    with pytest.raises(ConfigError, match="make_policy"):
        TestNothing().test_session_ends()


def test_a_law_cannot_be_overridden_silently():
    with pytest.raises(ConfigError, match="overrides test_session_ends"):

        class TestQuiet(PolicyContract):
            policy = RACING

            def test_session_ends(self):
                pass


def test_pytest_collects_the_laws_of_a_subclass(pytester):
    pytester.makepyfile(test_ours=OURS)
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-k", "session_ends or reset_ends or nobody_looks")
    result.assert_outcomes(passed=3, deselected=len(LAWS) - 3)
