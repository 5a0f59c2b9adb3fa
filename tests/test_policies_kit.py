"""check_policy: the presets pass, and every policy that is broken on purpose is caught by the law it breaks."""

import random
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
    ResetPolicy,
    SessionPolicy,
)
from acctsec.budgets import Rungs
from acctsec.hashing.foreign import DjangoPbkdf2, Ldap, Phpass
from acctsec.lockout import Admitted, Repeats
from acctsec.lockout.hits import HitCount
from acctsec.password import Blocklist, Length
from acctsec.protocols import Granted, Ladder
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


def test_a_rule_that_raises_is_caught():
    def judge(password, facts):
        return (Objection("too-short"),) if password.encode("ascii") else ()

    broken("nothing is raised", password=with_rule(judge))


def test_a_rule_that_throws_dice_is_caught():
    dice = random.Random(1)
    broken("judged alike every time", password=with_rule(lambda p, f: (Objection("common"),) if dice.random() < 0.5 else ()))


def test_a_rule_with_a_code_that_nobody_knows_is_caught_until_it_is_named():
    policy = evolve(
        RACING, password=with_rule(lambda p, f: (Objection("no-penguins"),) if "penguin" in p else ()), name="penguins"
    )
    check_policy(policy, codes={"no-penguins"})
    broken("known codes", password=with_rule(lambda p, f: (Objection("no-e"),) if "e" in p else ()))


def test_a_rule_that_tells_the_password_is_caught():
    broken("show the password", password=with_rule(lambda p, f: (Objection("common", {"word": p[:8]}),) if p else ()))


def test_a_rule_that_is_kinder_to_breached_passwords_is_caught():
    judge = lambda p, f: () if f.breach_count else (Objection("common"),)
    broken("stays rejected", password=with_rule(judge))


def test_a_policy_that_nobody_can_satisfy_is_caught():
    broken("people can find a password", password=with_rule(lambda p, f: (Objection("common"),)))


def test_a_union_that_loosens_is_caught():
    class Loose(PasswordPolicy):
        def __and__(self, other):
            return self

    broken("accept only what each of them accepts", password=Loose(rules=(Length(minimum=8),), estimator=lambda p, w: 20.0))


def lockout(**methods):
    return type("Broken", (LockoutPolicy,), {"__slots__": (), **methods})()


def test_a_lockout_that_forgets_its_stop_is_caught():
    def ladder(self, rungs):
        one = rungs.ladder(self.lease)
        return Ladder(one.free, one.first, one.longest, one.stop + 1, one.window, one.lease)

    broken("more wrong guesses than its stop", lockout=lockout(_ladder=ladder))


def test_a_lockout_that_admits_whatever_the_meters_say_is_caught():
    broken("more wrong guesses than its stop", lockout=lockout(judge=lambda self, charges, readings: Admitted(1, new=True)))


def test_a_lockout_without_reservations_is_caught():
    def ladder(self, rungs):
        one = rungs.ladder(self.lease)
        return Ladder(one.free, one.first, one.longest, one.stop, one.window, 0)

    class Late(LockoutPolicy):
        def judge(self, charges, readings):
            judged = super().judge(charges, readings)
            return Admitted(1, new=True) if type(judged).__name__ == "Crowded" else judged

    broken("share the room", lockout=Late())


def test_a_hit_count_that_is_added_to_after_the_comparison_is_caught():
    """As DALock is often told: the guess that uses the mass up is compared, and so are all that run beside it."""

    class Afterwards(LockoutPolicy):
        def too_likely(self, record, lane, *, weight, charges, readings):
            before = [
                evolve(one, ordinal=one.ordinal - weight * one.new) if isinstance(one, Granted) else one for one in readings
            ]
            return super().too_likely(record, lane, weight=weight, charges=charges, readings=before)

    broken("no more than the hit count allows", lockout=Afterwards(hits=HitCount()))


def test_a_lockout_that_strangers_can_turn_on_devices_is_caught():
    def meter(self, kind, lane, era=""):
        return b"!" + kind.value.encode()

    broken("a known device has all its tries", lockout=lockout(meter=meter))


def test_a_lockout_whose_success_clears_nothing_is_caught():
    def settlements(self, charges, readings, verdict):
        return LockoutPolicy.settlements(self, charges, readings, type(verdict).VOID if verdict.value == "clear" else verdict)

    broken("full success forgets", lockout=lockout(settlements=settlements))


def test_a_reset_that_displaces_live_ones_is_caught():
    class Greedy(ResetPolicy):
        def issue(self, live, new, *, epoch, now):
            return (*live, new)[-self.live :]

    broken("displaces none that is live", reset=Greedy())


def test_a_reset_that_lives_for_ever_is_caught():
    class Eternal(ResetPolicy):
        def in_time(self, expires, now):
            return True

    broken("works in its time alone", reset=Eternal())


def test_a_session_that_comes_back_is_caught():
    from acctsec.sessions import Live

    class Eternal(SessionPolicy):
        def judge(self, session, *, active, now):
            return Live(session, active, renew=False)

    broken("stays over", sessions=Eternal())


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
