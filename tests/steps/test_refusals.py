"""Every step, asked by somebody who may not: it says no, and neither the record nor the world hears of it."""

import inspect
from datetime import timedelta

import attrs
import pytest
from tests.steps import stage
from tests.steps.stage import CLAIMS, DAY, HOUR, MINE, NOW, POLICY, RECORD, SCENE, TICKET, change, without_owner

from acctsec import AssuranceLevel, steps
from acctsec._values import evolve
from acctsec.lockout import Lane
from acctsec.outcomes import EndReason, ReportReason
from acctsec.record import Factors, Proof
from acctsec.recovery import Capability, RecoveryPath, RecoveryPolicy
from acctsec.recovery import Proof as Proof_
from acctsec.sessions import Ended
from acctsec.steps import Compared, FactorFound, No, Step
from acctsec.steps.addresses import Named

ASKED = {
    "change": change(),
    "change_id": b"1" * 16,
    "device": b"v" * 16,
    "drawn": stage.DRAWN,
    "factor_id": "t0",
    "found": Compared(RECORD.incarnation, 3, matched=True),
    "known": b"",
    "lane": None,
    "name": "phone",
    "old": Named(names=(stage.HOME,)),
    "others": (Named(names=(stage.OLD,)),),
    "replaces": False,
    "same": (),
    "seed": b"s" * 16,
    "sealed": b"codes",
    "session": b"o" * 16,
    "subject": "u7",
    "total": 10,
    "why": ReportReason.LOST,
    "by": None,
}
"""What a caller gives beside his session: all of it would do, if he might."""

BY_SESSION = sorted(
    name
    for name in steps.__all__
    if inspect.isfunction(step := getattr(steps, name))
    and step.__annotations__.get("return") is Step
    and {"claims", "policy"} <= {*inspect.signature(step).parameters}
)
NOT_HIS = {"answer_prompt", "deny_prompt", "open_by_link", "prove_address"}
"""Those whose claims are no session, and the one for which a session is not needed."""

SHOWN = {"end_copied", "sign_out", "turn_session"}
"""Those that tell what is wrong with a session, or need no more than that it is over."""

DEAD = {
    "of another life of the record": evolve(CLAIMS, incarnation=b"x" * 16),
    "of an earlier epoch": evolve(CLAIMS, epoch=2),
    "that was ended": evolve(CLAIMS, id=b"x" * 16),
    "that was idle for too long": evolve(CLAIMS, active=NOW - 400 * DAY),
    "from a clock that is ahead": evolve(CLAIMS, active=NOW + 2 * HOUR),
}


def ask(name, *, record=RECORD, scene=SCENE, claims=CLAIMS, **given):
    """Call a step with all that it asks for."""
    step = getattr(steps, name)
    have = ASKED | {"policy": POLICY, "record": record, "scene": scene, "claims": claims} | given
    return step(**{name: have[name] for name in inspect.signature(step).parameters})


def refused(step, record):
    return isinstance(step.verdict, No) and step.record is record and step.effects == ()


@pytest.mark.parametrize("claims", DEAD.values(), ids=DEAD)
@pytest.mark.parametrize("name", [name for name in BY_SESSION if name not in NOT_HIS | SHOWN])
def test_a_session_that_is_dead_brings_nothing_about(name, claims):
    assert refused(ask(name, claims=claims), RECORD)


@pytest.mark.parametrize("claims", DEAD.values(), ids=DEAD)
@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_session_that_is_dead_is_said_to_be_and_changes_nothing(name, claims):
    step = ask(name, claims=claims)
    assert step.record is RECORD and step.effects == ()
    assert isinstance(step.verdict, Ended) if name != "sign_out" else step.verdict.count == 0


@pytest.mark.parametrize("name", [name for name in BY_SESSION if name not in NOT_HIS | SHOWN | {"end_session"}])
def test_no_session_brings_anything_about_for_an_owner_who_is_gone_or_disabled(name):
    for scene in without_owner(SCENE).values():
        assert refused(ask(name, scene=scene), RECORD)
    disabled = evolve(RECORD, disabled=True)
    assert refused(ask(name, record=disabled), disabled)


LIVE_IS_ENOUGH = {"forget_device", "rename_factor"}


@pytest.mark.parametrize("name", [name for name in BY_SESSION if name not in NOT_HIS | SHOWN | LIVE_IS_ENOUGH])
def test_an_old_proof_changes_no_credential(name):
    """The session is live; that it was its owner was shown an hour ago, and the policy asks for a quarter of one."""
    session = RECORD.session(MINE)
    proofs = tuple(Proof(code=one.code, at=NOW - HOUR) for one in session.proofs)
    stale = evolve(session, created=NOW - HOUR, authenticated=NOW - HOUR, proofs=proofs)
    record = evolve(RECORD, sessions=(stale, *RECORD.sessions[1:]))
    assert refused(ask(name, record=record), record)


WITH_LESS = {"end_session", "report_factor"}


@pytest.mark.parametrize("name", [name for name in BY_SESSION if name not in NOT_HIS | SHOWN | LIVE_IS_ENOUGH | WITH_LESS])
def test_a_password_alone_changes_no_credential_of_who_has_a_factor(name):
    session = evolve(RECORD.session(MINE), level=AssuranceLevel.AAL1, proofs=(Proof.of("password", NOW - stage.MINUTE),))
    record = evolve(RECORD, sessions=(session, *RECORD.sessions[1:]))
    assert refused(ask(name, record=record), record)


MEANWHILE = {
    "name_contact": {
        "subject": "u8",
        "policy": attrs.evolve(
            POLICY,
            recovery=RecoveryPolicy(
                paths=[RecoveryPath({Proof_.MAIL, Proof_.CONTACTS}, gives=Capability.PASSWORD)], weaker_than_sign_in=True
            ),
        ),
    },
    "restore_factor": {
        "record": evolve(RECORD, factors=evolve(RECORD.factors, totp=(stage.app("t0", reported="lost"), stage.app("t1"))))
    },
}


@pytest.mark.parametrize("name", [name for name in BY_SESSION if name not in NOT_HIS | {"end_copied", "turn_session"}])
def test_the_owner_brings_it_about(name):
    """Or all that was refused above would have been refused to anybody."""
    step = ask(name, **MEANWHILE.get(name, {}))
    assert not isinstance(step.verdict, No | Ended) and step.record is not RECORD and step.effects


# --- tickets ----------------------------------------------------------------------------------------------------------

SPENT_TICKETS = {
    "of another life of the record": evolve(TICKET, incarnation=b"x" * 16),
    "of an earlier epoch": evolve(TICKET, epoch=2),
    "that is over": evolve(TICKET, expires=NOW),
    "that did its work": evolve(TICKET, id=b"p" * 16),
    "from a clock that is ahead": evolve(TICKET, issued=NOW + 2 * HOUR),
    "of a session that was ended": evolve(TICKET, session=b"x" * 16),
}


@pytest.mark.parametrize("ticket", SPENT_TICKETS.values(), ids=SPENT_TICKETS)
def test_a_ticket_that_opens_nothing_brings_nothing_about(ticket):
    found = Compared(RECORD.incarnation, 3, matched=True)
    assert refused(steps.step_up(POLICY, RECORD, scene=SCENE, ticket=ticket, found=found, drawn=stage.DRAWN), RECORD)


@pytest.mark.parametrize(
    "ticket",
    [ticket for name, ticket in SPENT_TICKETS.items() if "session" not in name],
    ids=[n for n in SPENT_TICKETS if "session" not in n],
)
def test_a_sign_in_does_not_go_on_by_a_ticket_that_opens_nothing(ticket):
    found = FactorFound(None, {})
    step = steps.prove_factor(POLICY, RECORD, scene=SCENE, ticket=ticket, found=found, lane=Lane(b""), drawn=stage.DRAWN)
    assert refused(step, RECORD)


def test_a_ticket_is_good_until_it_is_over_and_no_instant_longer():
    for left, good in ((timedelta(microseconds=1), True), (timedelta(), False)):
        assert steps.opens(RECORD, evolve(TICKET, expires=NOW + left), NOW) is good


def test_a_step_up_by_a_wrong_password_changes_nothing_and_one_by_another_verifier_is_asked_for_again():
    for found, verdict in (
        (Compared(RECORD.incarnation, 3, matched=False), No("wrong password")),
        (Compared(RECORD.incarnation, 2, matched=True), steps.Stale()),
        (Compared(b"x" * 16, 3, matched=True), steps.Stale()),
    ):
        step = steps.step_up(POLICY, RECORD, scene=SCENE, ticket=TICKET, found=found, drawn=stage.DRAWN)
        assert step == Step(verdict, RECORD)


def test_codes_are_for_who_has_a_factor():
    record = evolve(RECORD, factors=Factors(generation=5))
    assert refused(ask("issue_codes", record=record), record)


def test_why_a_session_is_over_is_told():
    assert ask("turn_session", record=evolve(RECORD, disabled=True)).verdict == Ended(EndReason.DISABLED)
    assert ask("turn_session", claims=DEAD["of an earlier epoch"]).verdict == Ended(EndReason.ENDED)


def test_a_session_that_is_dead_begins_no_set_up():
    for claims in DEAD.values():
        assert not steps.may_set_up(POLICY, RECORD, scene=SCENE, claims=claims)
    for scene in without_owner(SCENE).values():
        assert not steps.may_set_up(POLICY, RECORD, scene=scene, claims=CLAIMS)
    assert steps.may_set_up(POLICY, RECORD, scene=SCENE, claims=CLAIMS)


def test_a_factor_opens_no_lane_of_who_is_gone_or_disabled():
    found = FactorFound(None, {})
    for scene in without_owner(SCENE).values():
        assert steps.open_by_factor(POLICY, RECORD, scene=scene, found=found) == Step(No("disabled"), RECORD)
    assert steps.open_by_factor(POLICY, RECORD, scene=SCENE, found=found) == Step(No("not stopped"), RECORD)
