"""Policies by Hypothesis: valid, varied, shrinking to the preset; and found by from_type in a program of its own, at no cost to it."""

import json
import os
import pickle
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from attrs import evolve, fields
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from acctsec import CHEAPEST, LockoutPolicy, Policy, SessionPolicy
from acctsec.knobs import knobs
from acctsec.testing import strategies
from acctsec.testing.strategies import OF_TYPE, policies

ROOT = Path(__file__).parents[2]
FAMILIES = {one.name: type(getattr(CHEAPEST, one.name)) for one in fields(Policy) if type(getattr(CHEAPEST, one.name)) in OF_TYPE}


def drawn(strategy, number=100):
    """Some values, the same on every run."""
    found = []

    @settings(max_examples=number, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(value):
        found.append(value)

    draw()
    return found


@pytest.mark.parametrize("kind", OF_TYPE, ids=lambda kind: kind.__name__)
def test_values_are_of_their_type_and_varied(kind):
    found = drawn(OF_TYPE[kind]())

    assert {type(one) for one in found} == {kind}
    assert len(set(map(pickle.dumps, found))) > min(len(found) // 3, 20)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_knob_of_a_family_is_turned_or_is_known_not_to_be(family):
    """A new knob has to be thought of here, or no property is ever asked with another value of it."""
    found = drawn(OF_TYPE[FAMILIES[family]](), 400)
    usual = getattr(CHEAPEST, family)
    still = {
        one.name for one in fields(FAMILIES[family]) if one.init and len({repr(getattr(each, one.name)) for each in found}) < 2
    }

    assert still == LEFT_ALONE.get(family, set()), usual


LEFT_ALONE = {
    "password": {"on_outage", "popularity_cap", "estimator", "also"},
    "hashing": {"parallelism", "floor", "ceiling", "foreign", "queue"},
    "recovery": {"weaker_than_sign_in"},
    "mfa": {"actions", "outside", "passkeys", "totp", "delivered", "push", "not_remembered", "hotp"},
    "lockout": {"networks", "hits", "alone", "challenge_lifetime", "challenges"},
}


@pytest.mark.parametrize("family", [pytest.param(one, marks=() if one == "sessions" else pytest.mark.deep) for one in FAMILIES])
def test_a_family_shrinks_to_its_preset(family):
    """Whatever does not matter is as it is by default."""
    usual = getattr(CHEAPEST, family)
    found = find(OF_TYPE[FAMILIES[family]](), lambda one: one != usual, settings=settings(database=None, derandomize=True))

    assert sum(getattr(found, one.name) != getattr(usual, one.name) for one in fields(type(usual)) if one.eq) == 1


@pytest.mark.deep
def test_a_policy_shrinks_to_the_knob_that_matters():
    quiet = settings(database=None, derandomize=True, max_examples=2_000)
    found = find(policies(), lambda policy: policy.sessions.limit < 31, settings=quiet)

    assert set(found.knobs()) - set(CHEAPEST.knobs()) == {("sessions.limit", "1")}


@settings(max_examples=100)
@given(policies())
def test_few_policies_are_thrown_away(policy):
    """Hypothesis' own health check fails where too many are filtered; and what it gives can be built again from its parts."""
    assert Policy(**{one.name: getattr(policy, one.name) for one in fields(Policy) if one.init}) == policy


# --- what holds for every policy ---------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(policies())
def test_every_policy_can_be_read_compared_and_explained(policy):
    """Knobs, digest and explanations are there whatever is turned; and a policy is named by its contents alone."""
    assert len(dict(policy.knobs())) == len(policy.knobs())
    assert [knob.name for knob in knobs(policy)]
    again = evolve(policy, name="the same")
    assert (again.knobs(), again.digest) == (policy.knobs(), policy.digest)
    assert str(policy.explain_recovery())
    assert str(policy.explain_mfa())
    assert (policy.digest == CHEAPEST.digest) == (policy.knobs() == CHEAPEST.knobs())


# --- the plugin -------------------------------------------------------------------------------------------------------


def in_a_program(tmp_path, code, **environment):
    """What a program says that has acctsec installed as its wheel would be: with the entry points that pyproject names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = tmp_path / "site" / "acctsec-0.1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: acctsec\nVersion: 0.1.0\n")
    points = project["entry-points"]
    lines = [
        line for group, named in points.items() for line in (f"[{group}]", *(f"{name} = {what}" for name, what in named.items()))
    ]
    (installed / "entry_points.txt").write_text("\n".join(lines) + "\n")
    path = os.pathsep.join([str(installed.parent), str(ROOT / "src")])
    asked = [sys.executable, "-c", "import json, sys\n" + textwrap.dedent(code)]
    said = subprocess.run(
        asked,
        env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", **environment},
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


ASKS = """
    from hypothesis import HealthCheck, find, given, settings, strategies as st
    from acctsec import Policy, SessionPolicy
    quiet = settings(database=None, derandomize=True, max_examples=3, suppress_health_check=list(HealthCheck))
    names = []
    quiet(given(st.from_type(Policy))(lambda policy: names.append((policy.name, policy.hashing.memory_kib < 100))))()
    found = find(st.from_type(SessionPolicy | None), lambda one: one and one.limit < 31, settings=settings(quiet, max_examples=500))
    print(json.dumps([names[0], found.limit]))
"""


@pytest.mark.parametrize("first", ["import hypothesis, acctsec", "import acctsec, hypothesis"])
def test_from_type_knows_our_types_whatever_is_imported_first(first, tmp_path):
    assert in_a_program(tmp_path, f"{first}\n{textwrap.dedent(ASKS)}") == [["cheapest", True], 1]


def test_hypothesis_alone_imports_nothing_of_ours_and_is_as_quick(tmp_path):
    """What the plugin adds is one small module: a program that has no use for us does not pay for us."""
    code = """
        import time
        import importlib.metadata, hypothesis.strategies
        (ours,) = [one for one in importlib.metadata.entry_points(group="hypothesis") if one.value.startswith("_acctsec")]
        loaded = sorted(name for name in sys.modules if "acctsec" in name)
        del sys.modules["_acctsec_hypothesis"]
        begin = time.process_time()
        ours.load()()
        print(json.dumps([loaded, time.process_time() - begin]))
    """
    loaded, seconds = in_a_program(tmp_path, code)

    assert loaded == ["_acctsec_hypothesis"]
    assert seconds < 0.005


def test_without_plugins_nothing_is_registered_before_it_is_asked_for(tmp_path):
    code = """
        from hypothesis import strategies as st
        from hypothesis.errors import HypothesisException
        before = "_acctsec_hypothesis" in sys.modules
        from acctsec import SessionPolicy
        from acctsec.testing.strategies import register, session_policies
        register(); register()
        print(json.dumps([before, repr(st.from_type(SessionPolicy).wrapped_strategy) == repr(session_policies())]))
    """
    before, _ = in_a_program(tmp_path, code, HYPOTHESIS_NO_PLUGINS="1")

    assert before is False


REGISTERED = """
    from hypothesis import HealthCheck, find, settings, strategies as st
    from acctsec import SessionPolicy
    {register}
    quiet = settings(database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    print(json.dumps(find(st.from_type(SessionPolicy), lambda one: one.limit < 31, settings=quiet).limit))
"""


def test_what_is_registered_by_hand_is_found(tmp_path):
    code = REGISTERED.format(register="from acctsec.testing.strategies import register; register()")

    assert in_a_program(tmp_path, code, HYPOTHESIS_NO_PLUGINS="1") == 1


def test_a_strategy_of_the_users_own_comes_first(tmp_path):
    code = REGISTERED.format(register="st.register_type_strategy(SessionPolicy, st.just(SessionPolicy(limit=7)))")

    assert in_a_program(tmp_path, code) == 7


def test_a_hypothesis_without_that_list_of_its_own_is_told_in_the_public_way(tmp_path):
    """It is no public API, and may go; then types are registered one by one where acctsec came first, and nothing fails."""
    code = """
        import acctsec, hypothesis
        from hypothesis.strategies._internal import types
        del types._global_extra_lookup["acctsec"], types._global_extra_lookup
        import _acctsec_hypothesis
        _acctsec_hypothesis.register()
        from hypothesis import find, settings
        print(json.dumps(acctsec.SessionPolicy in types._global_type_lookup))
    """
    assert in_a_program(tmp_path, code) is True


def test_without_acctsec_a_hypothesis_without_that_list_is_left_alone(tmp_path):
    code = """
        import hypothesis
        from hypothesis.strategies._internal import types
        del types._global_extra_lookup
        import _acctsec_hypothesis
        _acctsec_hypothesis.register()
        print(json.dumps(sorted(name for name in sys.modules if name.startswith("acctsec"))))
    """
    assert in_a_program(tmp_path, code) == []


def test_acctsec_and_its_kit_import_no_hypothesis(tmp_path):
    code = """
        import acctsec, acctsec.testing
        print(json.dumps([name for name in ("hypothesis", "pytest") if name in sys.modules]))
    """
    assert in_a_program(tmp_path, code) == []


def test_a_type_of_somebody_else_is_nobodys_business_here():
    import _acctsec_hypothesis

    for thing in (int, Path, st.SearchStrategy, "acctsec", None, list[int]):
        assert _acctsec_hypothesis.resolve(thing) is None
    assert _acctsec_hypothesis.resolve(type(CHEAPEST.attacks)) is None
    assert repr(_acctsec_hypothesis.resolve(LockoutPolicy)) == repr(strategies.lockout_policies())
    assert _acctsec_hypothesis.resolve(SessionPolicy) is not None
