"""Each policy that is broken on purpose is found by the law it breaks, in words; and each law finds something."""

import pytest
from attrs import evolve
from tests.audit.faults import FAULTS

from acctsec import CHEAPEST, SOCIAL_GUARDED, WORKFORCE_DEFAULT, LockoutPolicy, PasswordPolicy
from acctsec.hashing.foreign import FirebaseScrypt
from acctsec.lockout.hits import HitCount
from acctsec.password import Length
from acctsec.testing import RACING
from acctsec.testing.laws import LAWS
from acctsec.testing.policies import Broken, Held, Unasked, ask, ask_all

BY_ID = {law.id: law for law in LAWS}
FULL = evolve(
    CHEAPEST,
    name="full",
    hashing=evolve(CHEAPEST.hashing, foreign=(FirebaseScrypt(signer_key="c2lnbmVyIGtleSBvZiBhIHRlc3Q=", share=0.1),)),
    lockout=LockoutPolicy(hits=HitCount()),
    groups={"staff": PasswordPolicy(rules=(Length(minimum=12),))},
)
"""Has what no preset has: a pepper of another system, a hit count and a group."""

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


@pytest.mark.deep
def test_the_other_presets_break_no_law_and_between_them_every_law_is_asked():
    answers = [one for policy in (CHEAPEST, WORKFORCE_DEFAULT, SOCIAL_GUARDED, FULL) for one in ask_all(policy)]
    assert not [one for one in answers if isinstance(one, Broken)]
    assert {one.law.id for one in answers if isinstance(one, Held)} == {*BY_ID}


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
