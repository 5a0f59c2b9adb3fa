"""Changes that wait, by themselves: each step asks for its own action, and a change ends when and by whom it should."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.steps.stage import (
    ADMIN,
    CLAIMS,
    DAY,
    HOME,
    HOUR,
    LONG_AGO,
    NOW,
    OLD,
    POLICY,
    RECORD,
    SCENE,
    TICKET,
    app,
    change,
)
from tests.steps.test_refusals import BY_SESSION, LIVE_IS_ENOUGH, MEANWHILE, NOT_HIS, SHOWN, ask, refused

from acctsec import Action, AssuranceLevel, Method, Rule, events
from acctsec._values import evolve
from acctsec.outcomes import ChangeReason, EndReason
from acctsec.protocols import MessagePurpose
from acctsec.record import Factors
from acctsec.record.recovery import Address
from acctsec.sessions import Ended
from acctsec.steps import (
    Begun,
    Carry,
    Compared,
    Done,
    Held,
    Making,
    No,
    Notice,
    Step,
    cancel,
    demanded,
    end_copied,
    find_leaked,
    full_level,
    lapsed,
    remove_address,
    spend,
    waits_for,
    withdraw,
)
from acctsec.steps.addresses import Named
from acctsec.steps.changes import held, waiting_recoveries

HEAD = {"tenant": "", "subject": "u1", "at": NOW, "source": "192.0.2.1"}
HERS, HIS = Named(names=(HOME,)), Named(names=(OLD,), sealed=b"sealed")

ACTIONS = {
    "ask_address": Action.CHANGE_ADDRESSES,
    "change_identifier": Action.CHANGE_IDENTIFIER,
    "end_session": Action.END_SESSIONS,
    "issue_codes": Action.CHANGE_FACTORS,
    "name_contact": Action.CHANGE_CONTACTS,
    "remove_address": Action.CHANGE_ADDRESSES,
    "remove_contact": Action.CHANGE_CONTACTS,
    "remove_factor": Action.CHANGE_FACTORS,
    "report_factor": Action.REPORT_FACTOR,
    "restore_factor": Action.CHANGE_FACTORS,
    "sign_out_everywhere": Action.END_SESSIONS,
}
"""Every step that asks for fresh proof, and of what."""


def test_every_step_with_a_session_is_of_some_action():
    assert {*ACTIONS} == {*BY_SESSION} - NOT_HIS - SHOWN - LIVE_IS_ENOUGH


@pytest.mark.parametrize(("name", "action"), ACTIONS.items())
def test_a_step_asks_for_what_the_policy_says_of_its_own_action_and_of_no_other(name, action):
    """A passkey is asked for one action alone, or for all but that; this owner has shown none."""
    meanwhile = {**MEANWHILE.get(name, {})}
    policy = meanwhile.pop("policy", POLICY)

    def asking(*actions):
        return attrs.evolve(policy, mfa=attrs.evolve(policy.mfa, rules=(Rule(Method.PASSKEY, actions=actions),)))

    record = meanwhile.get("record", RECORD)
    assert refused(ask(name, policy=asking(action), **meanwhile), record)
    # A report of a factor does more where the session may change factors as well.
    others = [one for one in Action if one not in {action, Action.SIGN_IN}]
    assert not isinstance(ask(name, policy=asking(*others), **meanwhile).verdict, No)


# --- cancelling -------------------------------------------------------------------------------------------------------

WAITS = change(kind="password", until=NOW + HOUR)
WAITING = evolve(RECORD, changes=(WAITS, change(id=b"2" * 16)))


def test_an_owner_and_whoever_asked_drop_a_change_and_it_is_told_who_did():
    ticket = evolve(TICKET, change=WAITS.id)
    for proof, by in (({"session": CLAIMS}, "owner"), ({"ticket": ticket}, "asker")):
        step = cancel(POLICY, WAITING, scene=SCENE, change_id=WAITS.id, **proof)
        told = events.ChangeDropped(**HEAD, change=WAITS.id.hex(), kind="password", by=by)
        assert step == Step(
            Done(count=1), evolve(RECORD, changes=WAITING.changes[1:]), (told, Notice(MessagePurpose.CHANGE_DROPPED))
        )


@pytest.mark.parametrize(
    "given",
    [{}, {"session": evolve(CLAIMS, epoch=0)}, {"ticket": TICKET}, {"ticket": evolve(TICKET, change=WAITS.id, expires=NOW)}],
    ids=["nobody", "a dead session", "a ticket of something else", "a ticket that is over"],
)
def test_nobody_else_drops_it(given):
    assert refused(cancel(POLICY, WAITING, scene=SCENE, change_id=WAITS.id, **given), WAITING)


@pytest.mark.parametrize(
    ("given", "drops"), [({}, True), ({"made": NOW}, False), ({"expires": NOW}, False), ({"id": b"9" * 16}, False)]
)
def test_only_what_waits_is_dropped(given, drops):
    record = evolve(RECORD, changes=(evolve(WAITS, **given),))
    step = cancel(POLICY, record, scene=SCENE, change_id=WAITS.id, session=CLAIMS)
    assert isinstance(step.verdict, Done) if drops else refused(step, record)


def test_a_proposal_is_withdrawn_once():
    proposal = change(kind="password-proposed", until=NOW + DAY)
    record = evolve(RECORD, changes=(proposal, WAITING.changes[1]))
    step = withdraw(record, scene=SCENE, change_id=proposal.id, by=ADMIN)
    assert step.record == evolve(RECORD, changes=(WAITING.changes[1],)) and step.effects
    for id_ in (None, b"9" * 16, WAITING.changes[1].id):
        assert withdraw(record, scene=SCENE, change_id=id_, by=ADMIN) == Step(No("no such proposal"), record)


# --- what is held -----------------------------------------------------------------------------------------------------


@given(st.booleans(), st.booleans(), st.integers(-1, 1), st.none() | st.integers(-1, 1))
def test_what_was_there_before_a_weak_change_stays_while_that_can_be_vetoed(made, weak, left, since):
    one = change(asked=NOW - HOUR, made=NOW - HOUR if made else None, weak=weak, expires=NOW + left * HOUR)
    record = evolve(RECORD, changes=(one,))
    when = None if since is None else one.asked + since * HOUR
    stays = made and weak and left > 0 and (since is None or since < 0)
    assert held(record, since=when, now=NOW) == (one.expires if stays else None)
    irrevocable = made and weak and left > 0
    assert waits_for(record, Action.DELETE_ACCOUNT, NOW) == (one.expires if irrevocable else None)
    assert waits_for(record, Action.CHANGE_PASSWORD, NOW) is None


def test_recoveries_are_what_waits_for_an_owner_who_is_lost():
    by_two = change(id=b"4" * 16, proofs=("administrators",))
    ones = [change(id=bytes([n]) * 16, kind=kind) for n, kind in enumerate(("password", "factors", "contacts"))]
    others = [change(id=b"8" * 16), change(id=b"7" * 16, kind="password", made=NOW), change(id=b"6" * 16, kind="identifier")]
    record = evolve(RECORD, changes=(*others, *ones, by_two))
    assert waiting_recoveries(record) == [*ones, by_two]


# --- addresses --------------------------------------------------------------------------------------------------------


def removing(record=RECORD, *, old=HIS, others=(HERS,), known=b"", claims=CLAIMS, given=None):
    asked = given or change(kind="address-removed", until=LONG_AGO, expires=LONG_AGO)
    return remove_address(POLICY, record, scene=SCENE, claims=claims, change=asked, known=known, old=old, others=others)


def test_an_address_goes_at_once_where_a_factor_of_long_was_shown():
    step = removing()
    made = change(kind="address-removed", until=NOW, expires=NOW + POLICY.recovery.claim, made=NOW, weak=False)
    assert step.verdict == Making(made) and step.effects == (Carry(made),) and step.record.changes == (made,)
    gone = step.record.address((OLD,))
    assert gone.told > NOW and gone.since == LONG_AGO and gone.sealed == b"sealed"
    assert step.record.address((HOME,)) == RECORD.address((HOME,))


def test_an_address_waits_where_a_factor_came_lately_and_goes_when_it_has_waited():
    """Whoever set the factor up may be the thief."""
    lately = evolve(RECORD, factors=Factors(totp=(app("t0", created=NOW - HOUR),), generation=5))
    step = removing(lately)
    wait = POLICY.recovery.delays.address_changed
    waits = change(kind="address-removed", until=NOW + wait, expires=NOW + wait + POLICY.recovery.claim)
    assert step.verdict == Begun(waits) and step.record.changes == (waits,)
    assert removing(step.record, known=waits.id) == Step(Begun(waits), step.record), "asked again it waits on"
    due = evolve(waits, until=NOW)
    again = removing(evolve(lately, changes=(due,)), known=due.id)
    assert again.verdict == Making(evolve(due, made=NOW, weak=False))


def test_the_last_address_stays():
    told = evolve(RECORD, addresses=(Address(digest=HOME, since=LONG_AGO, told=NOW + HOUR), RECORD.addresses[1]))
    assert removing(told) == Step(No("last address"), told)
    assert removing(others=()) == Step(No("last address"), RECORD)
    over = evolve(told, addresses=(Address(digest=HOME, since=LONG_AGO, told=NOW), RECORD.addresses[1]))
    assert isinstance(removing(over).verdict, Making), "what is told no more is removed no more: it is verified anew"


def test_an_address_that_is_under_way_is_not_decided_again_whoever_asks():
    made = change(kind="address-removed", made=NOW, weak=False)
    record = evolve(RECORD, changes=(made,))
    assert removing(record, known=made.id, claims=evolve(CLAIMS, epoch=0)) == Step(Making(made), record)


def test_an_address_that_was_there_before_a_weak_change_stays():
    weak = change(id=b"5" * 16, kind="password", asked=NOW - HOUR, made=NOW - HOUR, weak=True)
    record = evolve(RECORD, changes=(weak,))
    assert removing(record) == Step(Held(weak.expires), record)


# --- sessions, passwords, tickets -------------------------------------------------------------------------------------


def test_a_session_that_was_copied_ends_once_and_its_owner_is_told():
    live = evolve(RECORD.sessions[0], generation=9, turned=NOW - HOUR)
    record = evolve(RECORD, sessions=(live, *RECORD.sessions[1:]))
    step = end_copied(POLICY, record, scene=SCENE, claims=evolve(CLAIMS, generation=1, turned=NOW - DAY))
    assert step.verdict == Ended(EndReason.COPIED)
    assert [one.id for one in step.record.sessions] == [b"o" * 16]
    assert type(step.effects[0]) is events.SessionCopied and step.effects[1:] == (Notice(MessagePurpose.SESSION_COPIED),)
    assert refused_as_ended(end_copied(POLICY, step.record, scene=SCENE, claims=CLAIMS), step.record)


def refused_as_ended(step, record):
    return isinstance(step.verdict, Ended) and step.record is record and step.effects == ()


LEAKED = Compared(RECORD.incarnation, 3, matched=True)


def test_a_password_that_leaked_is_changed_now_if_it_is_still_the_subjects():
    told = events.ChangeDemanded(**HEAD, actor="", reason=ChangeReason.BREACHED)
    later = evolve(RECORD, change=ChangeReason.REQUIRED_BY_ADMINISTRATOR, change_by=NOW + DAY)
    for record in (RECORD, later):
        step = find_leaked(record, scene=SCENE, compared=LEAKED)
        assert step == Step(Done(), evolve(record, change=ChangeReason.BREACHED, change_by=None), (told,))
    due = evolve(later, change_by=NOW)
    for record, compared in (
        (RECORD, evolve(LEAKED, born=2)),
        (RECORD, evolve(LEAKED, incarnation=b"x" * 16)),
        (due, LEAKED),
        (evolve(RECORD, verifier=None), LEAKED),
    ):
        assert find_leaked(record, scene=SCENE, compared=compared) == Step(Done(), record)


@given(st.none() | st.integers(-2, 2), st.booleans())
def test_a_change_is_demanded_from_its_day_on(days, asked):
    by = None if days is None else NOW + days * DAY
    record = evolve(RECORD, change=ChangeReason.REQUIRED_BY_ADMINISTRATOR if asked else None, change_by=by)
    assert demanded(record, NOW) is (asked and (days is None or days <= 0))


@pytest.mark.parametrize(
    ("since", "over"),
    [
        (NOW, False),
        (NOW + DAY, True),
        (NOW - POLICY.reset.initial_lifetime, True),
        (NOW - POLICY.reset.initial_lifetime + HOUR, False),
    ],
)
def test_a_password_that_an_administrator_set_is_good_for_a_while_and_not_before_it_was_set(since, over):
    record = evolve(RECORD, verifier=evolve(RECORD.verifier, since=since), change=ChangeReason.SET_BY_ADMINISTRATOR)
    assert lapsed(POLICY, record, NOW) is over
    assert not lapsed(POLICY, evolve(record, change=ChangeReason.BREACHED), NOW)


def test_the_full_level_is_that_of_the_factors():
    assert full_level(RECORD) is AssuranceLevel.AAL2
    assert full_level(evolve(RECORD, factors=Factors())) is AssuranceLevel.AAL1
    lost = Factors(totp=(app("t0", reported="lost"),))
    assert full_level(evolve(RECORD, factors=lost)) is (AssuranceLevel.AAL2 if lost.live else AssuranceLevel.AAL1)


def test_a_ticket_is_spent_once_and_remembered_past_its_end_by_the_newest():
    record = spend(RECORD, TICKET, NOW)
    assert record.spent[-1].id == TICKET.id and len(record.spent) == 2
    for number in range(20):
        record = spend(record, evolve(TICKET, id=bytes([number]) * 16, expires=NOW + HOUR), NOW + 2 * HOUR)
    assert len(record.spent) == 9, "eight that are over, and the one that was just spent"
