"""The life of a prompt, step by step: who answers it, who denies it, and what that takes away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.steps.stage import DRAWN, HOUR, LONG_AGO, MINUTE, NOW, POLICY, RECORD, SCENE, without_owner
from tests.steps.test_refusals import ask

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import PromptClaims
from acctsec.outcomes import FactorKind
from acctsec.protocols import MessagePurpose
from acctsec.record import Factors, Prompt, Push
from acctsec.steps import Done, No, Notice, Step, answer_prompt, deny_prompt

HEAD = {"tenant": "", "subject": "u1", "at": NOW, "source": "192.0.2.1"}
PROMPT = Prompt(id=b"q" * 16, factor="p0", ticket=b"t" * 16, digest=b"right", expires=NOW + MINUTE)
APP = Push(id="p0", name="phone", sealed=b"", created=LONG_AGO)
CLAIMS = PromptClaims(
    tenant="", subject="u1", incarnation=RECORD.incarnation, epoch=3, id=PROMPT.id, asked=NOW, expires=NOW + MINUTE
)
TRIES = POLICY.mfa.push.tries


def prompted(**given):
    return evolve(RECORD, factors=Factors(push=(APP,), prompt=evolve(PROMPT, **given), generation=5))


def answered(record, *digests, claims=CLAIMS, scene=SCENE):
    return answer_prompt(POLICY, record, scene=scene, claims=claims, digests=digests)


def test_the_right_number_approves_once_and_is_right_when_it_is_typed_again():
    record = prompted()
    step = answered(record, b"wrong", b"right")
    assert step.verdict == Done() and step.record == prompted(approved=True)
    assert step.effects == (events.PromptAnswered(**HEAD, factor="p0"),)
    assert answered(step.record, b"right") == Step(Done(), step.record)
    assert answered(step.record, b"wrong") == Step(No("answered"), step.record)


@given(st.integers(0, TRIES))
def test_a_wrong_number_takes_a_try_and_the_last_one_the_prompt(before):
    record = prompted(tries=before)
    step = answered(record, b"wrong")
    left = max(TRIES - before - 1, 0)
    assert step.verdict == No("wrong number") and step.effects == (events.PromptMistyped(**HEAD, factor="p0", left=left),)
    assert step.record.factors.prompt == (evolve(PROMPT, tries=before + 1) if left else None)
    assert step.record.factors.push == (APP,)


@pytest.mark.parametrize(
    "claims",
    [evolve(CLAIMS, epoch=2), evolve(CLAIMS, incarnation=b"x" * 16), evolve(CLAIMS, id=b"x" * 16)],
    ids=["an earlier epoch", "another life", "another prompt"],
)
def test_a_token_of_something_else_answers_and_denies_nothing(claims):
    record = prompted()
    assert answered(record, b"right", claims=claims) == Step(No("prompt"), record)
    assert deny_prompt(POLICY, record, scene=SCENE, claims=claims) == Step(No("prompt"), record)


def test_what_is_over_or_of_nobody_is_not_answered():
    late = prompted(expires=NOW)
    assert answered(late, b"right") == Step(No("prompt"), late)
    record = prompted()
    for scene in without_owner(SCENE).values():
        assert answered(record, b"right", scene=scene) == Step(No("prompt"), record)


def test_who_denies_ends_the_prompt_and_has_none_pushed_for_strangers():
    for how in ({}, {"approved": True}, {"expires": NOW - HOUR}):
        step = deny_prompt(POLICY, prompted(**how), scene=SCENE, claims=CLAIMS)
        until = NOW + POLICY.mfa.push.freeze
        assert step.record == evolve(RECORD, factors=Factors(push=(APP,), frozen=until, generation=5))
        assert step.effects == (events.PromptRejected(**HEAD, factor="p0", until=until), Notice(MessagePurpose.PROMPT_DENIED))


@pytest.mark.parametrize(
    ("asker", "gone", "told"),
    [
        (b"v" * 16, "devices", events.DeviceRevoked(**HEAD, device=(b"v" * 16).hex())),
        (b"o" * 16, "sessions", events.SessionClosed(**HEAD, session=(b"o" * 16).hex())),
        (b"r" * 16, "resets", None),
    ],
)
def test_whoever_asked_is_known_no_more(asker, gone, told):
    step = deny_prompt(POLICY, prompted(asker=asker), scene=SCENE, claims=CLAIMS)
    assert not any(one.id == asker for one in getattr(step.record, gone))
    assert [type(one) for one in step.effects] == [events.PromptRejected, *([type(told)] if told else []), Notice]
    assert told is None or told in step.effects


def test_who_denies_the_setting_up_of_an_app_ends_that_alone():
    """Nobody had to show a password for it."""
    record = evolve(prompted(), factors=Factors(prompt=PROMPT, generation=5))
    step = deny_prompt(POLICY, record, scene=SCENE, claims=CLAIMS)
    assert step == Step(Done(), evolve(RECORD, factors=Factors(generation=5)), (events.PromptRejected(**HEAD, factor="p0"),))


def test_a_factor_that_proves_again_renews_the_session_that_said_so():
    lost = evolve(RECORD.factors.totp[0], reported="lost")
    record = evolve(RECORD, factors=evolve(RECORD.factors, totp=(lost, RECORD.factors.totp[1])))
    step = ask("restore_factor", record=record)
    assert step.verdict.session == evolve(RECORD.sessions[0], id=DRAWN.session) and step.record.epoch == 4
    assert step.record.sessions == (step.verdict.session,) and step.record.factors.totp == RECORD.factors.totp
    assert step.effects[:2] == (
        events.FactorRevived(**HEAD, factor="t0", kind=FactorKind.TOTP),
        Notice(MessagePurpose.FACTOR_RESTORED),
    )


def test_who_reports_a_factor_at_full_level_goes_on_in_another_session():
    step = ask("report_factor")
    assert step.verdict.session.id == DRAWN.session and step.record.sessions == (step.verdict.session,)
    assert step.record.factors.factor("t0").reported and step.record.epoch == 4
