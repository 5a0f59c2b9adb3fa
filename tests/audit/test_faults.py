"""Each policy that is broken on purpose is found by the law it breaks, in words; and each law finds something."""

import pytest

from acctsec import CHEAPEST, SOCIAL_GUARDED, WORKFORCE_DEFAULT
from acctsec.testing import RACING
from acctsec.testing.laws import LAWS
from acctsec.testing.policies import Broken, Held, Unasked, ask, ask_all
from tests.audit.faults import FAULTS

BY_ID = {law.id: law for law in LAWS}
NOT_PLANTED = {
    "all-lanes-stop-at-a-hundred",  # construction refuses the numbers, and what admits too much breaks a lane first
    "lane-opens-again",
    "hash-verifies-its-own",  # a broken hash: tests/hashing
    "foreign-hash-is-replaced",  # a careless format: tests/test_policies_kit.py
    "who-signed-up-signs-in",
    "story-shows-no-secret",  # a factor that is never kept: tests/test_policies_kit.py
    "reset-works-once",  # these four stand on the engine; what it does wrong no policy brings about
    "sessions-die-with-the-password",
    "wait-ends",
    "nobody-looks-like-somebody",
}


def test_the_ids_of_faults_are_unique():
    assert len({one.id for one in FAULTS}) == len(FAULTS) >= 40


@pytest.mark.parametrize("fault", FAULTS, ids=[one.id for one in FAULTS])
def test_a_broken_policy_is_found_by_the_law_it_breaks_in_words(fault):
    answer = ask(BY_ID[fault.law], fault.make())
    assert isinstance(answer, Broken), f"{fault.fault}: {answer}"
    told = str(answer.counterexample)
    assert fault.words in told
    assert told[0].isupper()
    assert told.endswith(".")
    assert "<" not in told, "no object shows its address"


def test_every_law_finds_a_fault_or_says_why_none_is_planted():
    assert {one.law for one in FAULTS} | NOT_PLANTED == {*BY_ID}
    assert not {one.law for one in FAULTS} & NOT_PLANTED


@pytest.mark.parametrize("policy", [CHEAPEST, WORKFORCE_DEFAULT, SOCIAL_GUARDED], ids=lambda policy: policy.name)
def test_a_preset_breaks_no_law(policy):
    broken = [one for one in ask_all(policy) if isinstance(one, Broken)]
    assert not broken


def test_every_law_is_asked_of_some_policy():
    asked = {one.law.id for policy in (CHEAPEST, WORKFORCE_DEFAULT, SOCIAL_GUARDED) for one in ask_all(policy)}
    assert asked == {*BY_ID}


def test_the_same_seed_asks_the_same_and_another_one_other_values():
    law = BY_ID["objections-hide-the-password"]
    fault = next(one for one in FAULTS if one.id == "rule-leaks-password")
    first, again = ask(law, fault.make()), ask(law, fault.make())
    assert first.counterexample == again.counterexample
    assert isinstance(ask(law, RACING, seed=1), Held)


def test_a_law_without_a_say_tells_why():
    answer = ask(BY_ID["hit-count-is-never-exceeded"], RACING)
    assert answer == Unasked(law=answer.law, why="The policy has no hit count (lockout.hits).")


def test_what_is_no_policy_is_refused():
    with pytest.raises(TypeError):
        next(ask_all("social"))
