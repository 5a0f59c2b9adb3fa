"""A sign-in by itself: what refuses it and in which order, and the session that comes of it, to its last field."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.steps.stage import DAY, DRAWN, HOUR, NOW, POLICY, RECORD, SCENE, TICKET, change, without_owner

from acctsec import Action, AssuranceLevel, Method, Rule, events
from acctsec._values import evolve
from acctsec.lockout import STRANGERS, Lane, SecretClass
from acctsec.mfa.proving import TotpMatch
from acctsec.outcomes import ChangeReason, EndReason
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_SESSIONS, Checkpoint, Contest, Device, Factors, Proof, Record, Session
from acctsec.steps import (
    Compared,
    FactorFound,
    Granted,
    Judged,
    Lacking,
    NeedsChange,
    NeedsFactor,
    NewVerifier,
    No,
    Notice,
    Stale,
    Step,
    prove_factor,
    sign_in,
    step_up,
)

HEAD = {"tenant": "", "subject": "u1", "at": NOW, "source": "192.0.2.1"}
RIGHT = Compared(RECORD.incarnation, 3, matched=True)
LANES = tuple(
    Checkpoint.of(lane.name(kind), count=3)
    for lane in (STRANGERS, Lane(b"v" * 16))
    for kind in (SecretClass.PASSWORD, SecretClass.FACTOR)
)
ALONE = evolve(RECORD, factors=Factors(), checkpoints=LANES)
"""Her record while she has a password alone."""


def signed(record=ALONE, *, policy=POLICY, scene=SCENE, compared=RIGHT, lane=STRANGERS, renewed=None, **given):
    return sign_in(policy, record, scene=scene, compared=compared, lane=lane, drawn=DRAWN, renewed=renewed, **given)


def test_a_right_password_is_a_session_and_a_device_that_is_known_from_now_on():
    step = signed()
    session = Session(
        id=DRAWN.session,
        level=AssuranceLevel.AAL1,
        created=NOW,
        authenticated=NOW,
        proofs=(Proof.of("password", NOW),),
        name="Firefox on Linux",
    )
    assert step.verdict == Granted(session, Device(id=DRAWN.device, since=NOW))
    told = events.SignedInEvent(
        **HEAD, session=session.id.hex(), level=AssuranceLevel.AAL1, methods=("password",), known_device=False, rehashed=False
    )
    assert step.effects == (told,)
    assert step.record.sessions[-1] == session and step.record.devices[-1] == Device(id=DRAWN.device, since=NOW)
    own = {STRANGERS.name(SecretClass.PASSWORD), STRANGERS.name(SecretClass.FACTOR)}
    assert {one.lane for one in step.record.checkpoints} == {one.lane for one in LANES} - own, "its own lane, and no other"
    assert step.record.epoch == ALONE.epoch


def test_a_device_that_is_known_stays_itself():
    lane = Lane(ALONE.devices[0].id)
    step = signed(lane=lane)
    assert step.verdict.device == Device(id=lane.device, since=NOW) and step.effects[0].known_device
    assert [one.id for one in step.record.devices] == [lane.device]
    gone = signed(evolve(ALONE, devices=()), lane=lane)
    assert gone.verdict.device.id == DRAWN.device, "one that was forgotten meanwhile is another one"


REFUSALS = [
    ("stale", {}, evolve(RIGHT, born=2), Stale()),
    ("another life", {}, evolve(RIGHT, incarnation=b"x" * 16), Stale()),
    ("wrong", {}, evolve(RIGHT, matched=False), No("wrong password")),
    ("disabled", {"disabled": True}, RIGHT, No("disabled")),
    ("lapsed", {"change": ChangeReason.SET_BY_ADMINISTRATOR}, RIGHT, No("lapsed")),
    ("contested", {"contest": Contest(since=NOW, proofs=())}, RIGHT, No("contested")),
]


@pytest.mark.parametrize(("fields", "compared", "verdict"), [one[1:] for one in REFUSALS], ids=[one[0] for one in REFUSALS])
def test_what_is_refused_leaves_no_trace(fields, compared, verdict):
    record = evolve(ALONE, **fields)
    assert signed(record, compared=compared, leaked=True, likeliest=0.1, renewed=NewVerifier(b"new", 2, b"old")) == Step(
        verdict, record
    )


def test_nobody_signs_in_for_who_is_gone_or_has_no_password():
    for scene in without_owner(SCENE).values():
        assert signed(scene=scene) == Step(No("disabled"), ALONE)
    none = evolve(ALONE, verifier=None)
    assert signed(none, compared=Compared(ALONE.incarnation, None, matched=False)) == Step(No("no password"), none)


@given(st.sampled_from([b"old", b"another", None]))
def test_a_hash_is_renewed_in_place_of_the_very_one_it_was_made_from(replaces):
    step = signed(renewed=NewVerifier(b"anew", 2, replaces))
    renewed = replaces == b"old"
    assert step.record.verifier == (evolve(ALONE.verifier, sealed=b"anew", preparation=2) if renewed else ALONE.verifier)
    assert step.effects[-1].rehashed is renewed


@given(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.25, 0.5, 1.0]))
def test_how_likely_a_password_is_only_goes_down(found, known):
    record = evolve(ALONE, verifier=evolve(ALONE.verifier, likeliest=known))
    assert signed(record, likeliest=found).record.verifier.likeliest == min(found, known)


def test_a_password_that_leaked_has_to_change_before_anything_is_granted():
    step = signed(leaked=True, renewed=NewVerifier(b"anew", 2, b"old"))
    told = events.ChangeDemanded(**HEAD, actor="", reason=ChangeReason.BREACHED)
    assert step.verdict == NeedsChange(ChangeReason.BREACHED, ("password",))
    assert step.effects == (events.VerifierRenewed(**HEAD), told) and len(step.record.sessions) == 2
    assert (step.record.change, step.record.change_by) == (ChangeReason.BREACHED, None)
    again = signed(step.record, leaked=True)
    assert again.verdict == step.verdict and again.effects == (), "it is demanded once"


@pytest.mark.parametrize("deadline", [None, NOW + DAY])
@pytest.mark.parametrize("grace", [None, 7 * DAY])
@pytest.mark.parametrize("accepted", [True, False])
def test_what_the_rules_of_today_refuse_may_stay_until_a_day_that_is_set_once(accepted, grace, deadline):
    policy = attrs.evolve(POLICY, password=attrs.evolve(POLICY.password, grace=grace))
    record = evolve(ALONE, deadline=deadline)
    step = signed(record, policy=policy, judged=Judged(policy=b"rules", accepted=accepted))
    assert isinstance(step.verdict, Granted)
    told = step.effects[0] if len(step.effects) > 1 else None
    if accepted:
        assert (step.record.accepted, step.record.deadline) == (b"rules", None)
        assert told == (None if deadline is None else events.ChangeWaived(**HEAD))
    elif grace and deadline is None:
        assert step.record.deadline == NOW + grace
        assert told == events.ChangeDemanded(**HEAD, actor="", reason=ChangeReason.POLICY, due=NOW + grace)
    else:
        assert (step.record.deadline, step.record.accepted, told) == (deadline, b"", None)


def test_a_session_too_many_displaces_one_and_says_so():
    sessions = tuple(
        Session(id=bytes([n]) * 16, level=AssuranceLevel.AAL1, created=NOW - HOUR, authenticated=NOW - HOUR)
        for n in range(MAX_SESSIONS)
    )
    step = signed(evolve(ALONE, sessions=sessions))
    (closed,) = [one for one in step.effects if isinstance(one, events.SessionClosed)]
    assert closed.reason == EndReason.DISPLACED and len(step.record.sessions) == MAX_SESSIONS
    assert bytes.fromhex(closed.session) not in {one.id for one in step.record.sessions}


# --- a second factor --------------------------------------------------------------------------------------------------


def test_who_has_a_factor_is_asked_for_it_and_nothing_is_cleared_by_the_password():
    record = evolve(RECORD, checkpoints=LANES)
    step = signed(record)
    assert isinstance(step.verdict, NeedsFactor) and step.verdict.methods == ("password",) and not step.verdict.risky
    assert {*step.verdict.ways} == {frozenset({"totp"}), frozenset({"recovery-code"})}
    assert step.record.checkpoints == LANES and step.record.sessions == RECORD.sessions and step.effects == ()


SIGNING_IN = evolve(TICKET, session=b"", action="")


def proven(record=RECORD, *, found=None, ticket=SIGNING_IN, **given):
    found = found or FactorFound(TotpMatch(factor="t0", steps=(9,)), {})
    return prove_factor(POLICY, record, scene=SCENE, ticket=ticket, found=found, lane=STRANGERS, drawn=DRAWN, **given)


def test_a_factor_is_used_once_and_its_ticket_spent():
    step = proven(evolve(RECORD, checkpoints=LANES))
    assert step.verdict.session.level is AssuranceLevel.AAL2
    began = TICKET.issued
    assert step.verdict.session.proofs == (Proof.of("password", began), Proof.of("totp", NOW))
    assert step.record.factors.factor("t0").last_step == 9 and step.record.spent[-1].id == TICKET.id
    assert isinstance(proven(step.record).verdict, No), "neither its code nor its ticket is good twice"
    assert {one.lane for one in step.record.checkpoints} == {one.lane for one in LANES if "strangers" not in one.lane}


def test_a_code_of_before_proves_nothing():
    for match in (TotpMatch(factor="t0", steps=(7,)), TotpMatch(factor="t9", steps=(9,)), None):
        step = proven(found=FactorFound(match, {}))
        assert isinstance(step.verdict, No) and step.record is RECORD and step.effects == ()


def test_who_signs_in_fully_has_no_need_of_a_recovery_that_waits():
    waits = [change(id=bytes([n]) * 16, kind=kind) for n, kind in enumerate(("password", "factors", "contacts"))]
    record = evolve(RECORD, changes=(*waits, change(id=b"9" * 16)))
    step = proven(record)
    assert [one.id for one in step.record.changes] == [b"9" * 16]
    dropped = [one for one in step.effects if isinstance(one, events.ChangeDropped)]
    assert [one.by for one in dropped] == ["sign-in"] * 3
    assert Notice(MessagePurpose.CHANGE_DROPPED) in step.effects


def test_a_thief_with_a_password_drops_no_recovery_on_a_device_that_came_after_it():
    waits = change(kind="password", asked=NOW - HOUR)
    for since, drops in ((NOW - 2 * HOUR, True), (NOW - HOUR, False)):
        record = evolve(ALONE, changes=(waits,), devices=(Device(id=b"v" * 16, since=since),))
        step = signed(record, lane=Lane(b"v" * 16))
        assert (step.record.changes == ()) is drops
    assert signed(evolve(ALONE, changes=(waits,))).record.changes == (waits,), "nor where he is a stranger"


def test_a_blank_record_signs_nobody_in():
    blank = Record(incarnation=b"i" * 16)
    assert isinstance(signed(blank, compared=Compared(blank.incarnation, None, matched=False)).verdict, No)


def test_only_a_printed_code_is_told_to_have_been_used():
    assert [type(one) for one in proven().effects] == [events.SignedInEvent]


def test_a_proof_that_is_not_enough_is_told_all_the_same():
    """A passkey is asked for; the password was shown."""
    policy = attrs.evolve(POLICY, mfa=attrs.evolve(POLICY.mfa, rules=(Rule(Method.PASSKEY, actions=Action.CHANGE_FACTORS),)))
    step = step_up(policy, RECORD, scene=SCENE, ticket=TICKET, found=RIGHT, drawn=DRAWN)
    assert isinstance(step.verdict, Lacking) and step.effects == (events.FactorAccepted(**HEAD, method="password"),)
    assert step.record.spent[-1].id == TICKET.id and step.record.sessions == RECORD.sessions


def test_a_proof_that_is_enough_renews_its_session():
    step = step_up(
        POLICY, RECORD, scene=SCENE, ticket=TICKET, found=FactorFound(TotpMatch(factor="t0", steps=(9,)), {}), drawn=DRAWN
    )
    assert [type(one) for one in step.effects] == [events.FactorAccepted, events.SteppedUp]
    assert [one.id for one in step.record.sessions] == [DRAWN.session, b"o" * 16]
