"""Attackers keep to what is promised against them, say what broke it, and are the same every time."""

from datetime import timedelta

import pytest
from attrs import evolve

from acctsec import CHEAPEST, ConfigError, LockoutPolicy, MfaPolicy
from acctsec.lockout import Admitted
from acctsec.testing import RACING, attackers, race_world, world
from acctsec.testing.attackers import ATTACKS, Attacked, Promise


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_ends_where_the_policy_promises(attack):
    first = attack(world())
    assert not first.broken
    assert first == attack(world())
    assert first.tried > 0


def test_what_is_promised_is_used_up_and_not_just_kept():
    """An attack that got nowhere would prove nothing."""
    assert attackers.guess(world()).compared == CHEAPEST.lockout.strangers.stop
    assert attackers.spray(world()).compared == CHEAPEST.lockout.source.free
    assert attackers.guess_totp(world()).compared == CHEAPEST.lockout.strangers.stop
    assert attackers.guess_reset(world()).compared >= CHEAPEST.lockout.codes.free
    assert attackers.flood(world()).mails == CHEAPEST.reset.per_subject.limit
    assert attackers.stuff(world()).opened == ("person-0@example.org", "person-1@example.org")


def test_a_crowd_at_one_moment_has_the_free_guesses_alone():
    attacked = attackers.guess(race_world(), tries=40, at_once=40, pause=timedelta(0))
    assert attacked.compared == RACING.lockout.strangers.free


def test_a_crowd_takes_a_world_in_which_calls_can_meet():
    with pytest.raises(ConfigError, match="race_world"):
        attackers.guess(world(), at_once=2)


def test_a_promise_that_is_not_kept_is_told_in_words():
    class Open(LockoutPolicy):
        def judge(self, charges, readings):
            return Admitted(1, new=True)

    attacked = attackers.guess(world(policy=evolve(CHEAPEST, lockout=Open())), tries=60, pause=timedelta(0))
    assert attacked.broken == ("60 guesses are compared; lockout.strangers.stop and lockout.month.stop allows 50.",)


def test_each_part_of_a_promise_can_be_broken():
    attacked = Attacked(
        attack="all of them",
        tried=1,
        took=timedelta(0),
        compared=2,
        opened=("ada@example.org",),
        refused=timedelta(hours=2),
        mails=9,
        told=1,
        promise=Promise(says="the policy", compared=1, refused=timedelta(0), mails=3),
    )
    assert len(attacked.broken) == 5
    kept = Attacked(attack="none", tried=1, took=timedelta(0), promise=Promise(says="the policy"))
    assert not kept.broken


def test_a_victim_who_knows_no_device_cannot_be_played():
    with pytest.raises(ConfigError, match="no known device"):
        attackers.lock_out(world(policy=evolve(CHEAPEST, mfa=MfaPolicy(kinds={"hotp"}, required=True))))
