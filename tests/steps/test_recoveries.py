"""Recoveries and what administrators agree to, by themselves: what is kept, what is told, and what can be vetoed."""

import attrs
import pytest
from tests.steps.stage import DAY, HOME, HOUR, LONG_AGO, NOW, OLD, POLICY, RECORD, SCENE, change

from acctsec import Admin, AssuranceLevel, events
from acctsec._values import evolve
from acctsec.outcomes import TryAgain
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_CHANGES, Contest, Factors
from acctsec.record.recovery import Address
from acctsec.recovery import Capability, Facts, Proof, RecoveryPath, RecoveryPolicy
from acctsec.steps import (
    Agreement,
    Begun,
    Done,
    No,
    Notice,
    Proposer,
    Prove,
    Recovery,
    Step,
    approve_address,
    drop_factors,
    withdraw_address,
)
from acctsec.steps.addresses import Named

HEAD = {"tenant": "", "subject": "u1", "at": NOW, "source": "192.0.2.1"}
AAL2 = AssuranceLevel.AAL2
WITH_CODE = RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, gives=Capability.FACTORS, level=AAL2)
SLOWLY = RecoveryPath({Proof.MAIL}, gives=Capability.FACTORS, level=AAL2, wait=DAY)
BY_TWO = RecoveryPath({Proof.ADMINISTRATORS}, gives=Capability.ADDRESSES, level=AAL2, wait=HOUR)
RULES = attrs.evolve(POLICY, recovery=RecoveryPolicy(paths=[WITH_CODE, SLOWLY, BY_TWO], weaker_than_sign_in=True))
HERE = evolve(SCENE, reachable=frozenset({HOME}))
SHOWN = ("link", "recovery-code")


def asked(**given):
    return Recovery(**({"gives": Capability.FACTORS, "methods": SHOWN, "facts": Facts(now=NOW), "reset": b"r" * 16} | given))


def test_who_has_lost_his_factors_loses_them_and_nobody_is_signed_in():
    """By a printed code, which is one of them: it is as good as they, and nobody vetoes it by a mailbox alone."""
    record = evolve(RECORD, accepted=b"rules", changes=(change(kind="password"),))
    step = drop_factors(RULES, record, scene=HERE, recovery=asked())
    assert step.verdict == Done() and step.record.factors == Factors(generation=5) and step.record.accepted == b""
    assert step.record.sessions == step.record.devices == step.record.changes == () and step.record.epoch == 4
    dropped, notice, *over = step.effects
    assert dropped == events.FactorsDropped(**HEAD, methods=SHOWN) and notice == Notice(MessagePurpose.FACTORS_REMOVED)
    assert [one.change for one in over if isinstance(one, events.ChangeDropped)] == [(b"1" * 16).hex()]


WAITED = change(kind="factors", proofs=("link",), asked=NOW - 2 * DAY, until=NOW - HOUR, about=HOME)


def waited(*others):
    recovery = asked(methods=("link",), reset=b"", change=WAITED.id)
    return drop_factors(RULES, evolve(RECORD, changes=(WAITED, *others)), scene=HERE, recovery=recovery)


def test_what_rested_on_a_mailbox_and_a_wait_can_be_vetoed_and_is_not_said_to_have_been_dropped():
    step = waited()
    assert step.verdict == Done() and len(step.effects) == 2
    (made,) = step.record.changes
    assert made == evolve(WAITED, made=NOW, weak=True, until=NOW, expires=NOW + RULES.recovery.veto_window, about=b"")
    assert step.effects[1] == Notice(MessagePurpose.FACTORS_REMOVED, made), "whoever reads it can veto it"


def test_nothing_that_could_be_vetoed_is_done_where_a_veto_has_no_room():
    """Four are under way, and this one would be the only one that can be vetoed."""
    step = waited(*(change(id=bytes([n]) * 16, made=NOW, weak=False) for n in range(MAX_CHANGES)))
    assert isinstance(step.verdict, TryAgain) and step.effects == ()


@pytest.mark.parametrize("methods", [("link",), ("recovery-code",), ()])
def test_less_is_not_enough(methods):
    step = drop_factors(RULES, RECORD, scene=HERE, recovery=asked(methods=methods))
    assert step.record is RECORD and not isinstance(step.verdict, Done) and step.effects == ()


# --- two administrators -----------------------------------------------------------------------------------------------

PROPOSAL = change(id=b"a" * 16, kind="addresses-proposed", until=NOW + DAY, about=b"sealed proposer", weak=False)
AGREED = Agreement(change_id=PROPOSAL.id, proposer=Proposer(b"sealed proposer", "ops"), by=Admin("boss"))


def agreed(record, *, agreement=AGREED, same=()):
    return approve_address(RULES, record, scene=HERE, agreement=agreement, about=b"sealed address", seed=b"seed", same=same)


def test_an_address_that_two_administrators_give_waits_and_can_be_vetoed():
    mine = change(id=b"2" * 16)
    theirs = change(id=b"3" * 16, proofs=("administrators",))
    over = change(id=b"4" * 16, expires=NOW)
    step = agreed(evolve(RECORD, changes=(PROPOSAL, mine, theirs, over)), same=(over.id,))
    (begun,) = [one for one in step.record.changes if one.id == PROPOSAL.id]
    assert step.verdict == Begun(begun) and begun.weak and begun.until == NOW + HOUR
    assert begun.expires == begun.until + RULES.recovery.claim and begun.about == b"sealed address"
    assert [one.id for one in step.record.changes] == [mine.id, begun.id]
    dropped = [one for one in step.effects if isinstance(one, events.ChangeDropped)]
    assert dropped == [events.ChangeDropped(**HEAD, change=theirs.id.hex(), kind=theirs.kind, by="newer")], "not what was over"
    assert Prove(begun, b"seed") in step.effects and Notice(MessagePurpose.CHANGE_WAITING, begun) in step.effects


@pytest.mark.parametrize(
    ("record", "agreement", "why"),
    [
        (RECORD, AGREED, "no such proposal"),
        (evolve(RECORD, changes=(evolve(PROPOSAL, expires=NOW),)), AGREED, "no such proposal"),
        (evolve(RECORD, changes=(PROPOSAL,)), evolve(AGREED, proposer=Proposer(b"another", "ops")), "no such proposal"),
        (evolve(RECORD, changes=(PROPOSAL,)), evolve(AGREED, by=Admin("OPS")), "the same administrator"),
        (evolve(RECORD, changes=(PROPOSAL,), disabled=True), AGREED, "disabled"),
        (evolve(RECORD, changes=(PROPOSAL,), contest=Contest(since=NOW, proofs=("administrators",))), AGREED, "no path"),
    ],
)
def test_two_who_are_one_or_agree_to_nothing_give_nothing(record, agreement, why):
    assert agreed(record, agreement=agreement) == Step(No(why), record)


# --- addresses that go ------------------------------------------------------------------------------------------------


def withdrawn(record):
    return withdraw_address(
        POLICY,
        record,
        scene=SCENE,
        change=change(id=b"8" * 16, kind="address-removed"),
        same=(),
        old=Named(names=(OLD,), sealed=b"sealed"),
    )


@pytest.mark.parametrize("changed", [True, False])
def test_what_an_address_was_is_remembered_of_it_while_it_goes(changed):
    rows = (Address(digest=HOME, since=LONG_AGO), Address(digest=OLD, since=LONG_AGO, changed=changed))
    gone = withdrawn(evolve(RECORD, addresses=rows)).record.address((OLD,))
    assert (gone.changed, gone.since) == (changed, LONG_AGO) and gone.told > NOW
    assert gone.sealed == b"", "it is its owner's no more, and told nothing"


def test_what_was_asked_for_by_an_address_goes_with_it_and_nothing_else_does():
    by_it, by_another = change(id=b"5" * 16, kind="password", about=OLD), change(id=b"6" * 16, kind="password", about=HOME)
    made = change(id=b"7" * 16, kind="password", about=OLD, made=NOW, weak=True)
    step = withdrawn(evolve(RECORD, changes=(by_it, by_another, made)))
    assert [one.id for one in step.record.changes] == [by_another.id, made.id, b"8" * 16]


def test_addresses_that_are_told_no_more_make_room():
    rows = (Address(digest=b"long gone", since=LONG_AGO, told=NOW), Address(digest=b"going", since=LONG_AGO, told=NOW + HOUR))
    after = withdrawn(evolve(RECORD, addresses=(*RECORD.addresses, *rows))).record
    assert after.address((b"long gone",)) is None and after.address((b"going",)) == rows[1]
