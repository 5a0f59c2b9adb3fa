"""Addresses whatever happens: a process that dies at any call of a store or of the directory, and operations that meet."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.places import USUAL, ground, in_memory, on_ground  # noqa: F401 - a fixture
from tests.test_races import a_user, a_user_with_a_factor, a_world, record

from acctsec import (
    Account,
    AddressCode,
    AddressLink,
    AddressPending,
    AddressRemoved,
    AddressTaken,
    AddressVerified,
    FreshSession,
    IdentifierChanged,
    IdentifierTaken,
    Initial,
    MessagePurpose,
    RecoveryPolicy,
    Refused,
    SignedIn,
    TryAgain,
    events,
)
from acctsec.outcomes import Acted, ChangeCancelled
from acctsec.record import MAX_CHANGES, Change, Record
from acctsec.recovery import Capability, Delays
from acctsec.steps import Done, Making, Named, No, Scene, veto, withdraw_address
from acctsec.testing import DEATHS, FAILURES, RACING, explore
from acctsec.testing.turns import Call
from acctsec.testing.world import IDENTIFIER, PASSWORD

MINE, THIRD = "mine@example.org", "third@example.org"
FATES = (*DEATHS, *FAILURES)
AT_ONCE = evolve(RACING, recovery=RecoveryPolicy(delays=Delays(address_changed=timedelta(0))))


def pytest_generate_tests(metafunc):
    """Every crash happens on every store: on four by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


pytestmark = pytest.mark.usefixtures("on_ground")


class TurnDirectory:
    """A directory whose calls are turns as well: a process can die at any of them."""

    def __init__(self, directory):
        self._directory = directory

    async def find(self, tenant, identifier):
        return self._directory.find(tenant, identifier)

    async def get(self, tenant, subject):
        return await Call("get", {"directory": False}, lambda: self._directory.get(tenant, subject))

    async def apply(self, change):
        return await Call("apply", {"directory": True}, lambda: self._directory.apply(change))


def in_turn(w):
    """From here on the directory's calls are turns."""
    w.engine._flows.core.ports.directory = TurnDirectory(w.directory)
    return w


def asked(replaces=None, address=MINE, policy=AT_ONCE, make=a_user):
    w = make(policy)
    w.session = w.sign_in().session if make is a_user else w.session
    w.pending = w.calls.add_address(w.session, address, replaces=replaces, context=w.context())
    w.deliver()
    assert isinstance(w.pending, AddressPending)
    return in_turn(w)


def squatted():
    w = a_world(AT_ONCE)
    w.directory.put(Account(subject="u1", identifiers=(IDENTIFIER,)))
    w.calls.set_password("u1", PASSWORD, by=Initial(), context=w.context())
    w.session = w.sign_in().session
    w.calls.add_address(w.session, MINE, context=w.context())
    w.deliver()
    return in_turn(w)


def two_addresses(make=a_user_with_a_factor):
    w = make(AT_ONCE)
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    return in_turn(w)


def verify(w, *, session=True):
    proof = AddressLink(w.messenger.address_link)
    return w.engine.verify_address(proof, session=w.session if session else None, context=w.context())


def by_code(w):
    proof = AddressCode(w.pending.change, w.messenger.address_code)
    return w.engine.verify_address(proof, session=w.session, context=w.context())


def later(w):
    """Another process, and what the first one left to be delivered."""
    w.restart()
    w.clock.advance(minutes=5)
    w.deliver()
    w.clock.advance(minutes=20)
    w.deliver()
    return w.directory.get("", "u1").addresses


async def work(w):
    """Deliver entry by entry: a worker that dies acknowledges nothing any more."""
    for _ in range(6):
        await w.engine.deliver(1)


def told(w, purpose):
    return sorted(one.address for one in w.messenger.of(purpose))


@pytest.mark.parametrize("proof", [verify, by_code, lambda w: verify(w, session=False)], ids=["link", "code", "elsewhere"])
def test_an_address_is_proven_or_it_is_not_wherever_a_process_dies(proof):
    def check(w, answers):
        has, left = later(w), record(w)
        assert (answers[0] == AddressVerified(purged=False)) <= (MINE in has)
        assert not any(one.under_way for one in left.changes)
        if MINE not in has:
            assert (has, len(left.changes), w.sink.of(events.AddressProven)) == ((IDENTIFIER,), 1, [])
            assert isinstance(w.calls.verify_address(AddressLink(w.messenger.address_link), context=w.context()), AddressVerified)
        else:
            assert has == (IDENTIFIER, MINE)
            assert (left.changes, len(w.sink.of(events.AddressProven))) == ((), 1)
            assert told(w, MessagePurpose.ADDRESS_ADDED) == sorted(has)
            assert [one.changed for one in left.addresses] == [True]

    assert explore(asked, lambda w: [proof(w)], check, fates=FATES).schedules > 20


def test_what_was_set_up_without_proof_is_gone_whenever_the_address_is_proven():
    def check(w, answers):
        has, left = later(w), record(w)
        assert (left.verifier is None) == (has == (MINE,))
        assert (answers[0] == AddressVerified(purged=True)) <= (has == (MINE,))
        assert [one.purged for one in w.sink.of(events.AddressProven)] == [True] * len(has)
        assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()), Refused if has else SignedIn)

    assert explore(squatted, lambda w: [verify(w, session=False)], check, fates=FATES).schedules > 20


def test_an_address_takes_the_place_of_another_or_does_not():
    def check(w, answers):
        has, left = later(w), record(w)
        assert has in {(IDENTIFIER,), (MINE,)}
        assert isinstance(answers[0], AddressVerified) <= (has == (MINE,))
        assert len(w.sink.of(events.AddressProven)) == (has == (MINE,))
        if has == (MINE,):
            assert sorted(bool(one.told) for one in left.addresses) == [False, True]
            assert told(w, MessagePurpose.ADDRESS_ADDED) == sorted([IDENTIFIER, MINE])

    assert explore(lambda: asked(IDENTIFIER), lambda w: [verify(w)], check, fates=FATES).schedules > 20


def test_an_address_that_is_taken_leaves_everything_as_it_was():
    def taken():
        w = a_user(AT_ONCE)
        w.directory.put(Account(subject="u2", addresses=(MINE,)))
        w.session = w.sign_in().session
        w.calls.add_address(w.session, MINE, replaces=IDENTIFIER, context=w.context())
        w.deliver()
        return in_turn(w)

    def check(w, answers):
        has, left = later(w), record(w)
        assert has == (IDENTIFIER,)
        assert not isinstance(answers[0], AddressVerified)
        dropped = len(w.sink.of(events.ChangeDropped))
        assert (len(left.changes), dropped) in {(1, 0), (0, 1)}
        if isinstance(answers[0], AddressTaken):
            assert dropped == 1
        if dropped:
            assert all(one.told is None for one in left.addresses)

    assert explore(taken, lambda w: [verify(w)], check, fates=FATES).schedules > 20


def test_an_address_is_taken_off_or_it_is_not():
    def check(w, answers):
        has = later(w)
        assert has in {(IDENTIFIER, MINE), (IDENTIFIER,)}
        gone = has == (IDENTIFIER,)
        assert (answers[0] == AddressRemoved()) <= gone
        assert len(w.sink.of(events.AddressDropped)) == gone
        assert told(w, MessagePurpose.ADDRESS_REMOVED) == (sorted([IDENTIFIER, MINE]) if gone else [])

    remove = lambda w: [w.engine.remove_address(w.session, MINE, context=w.context())]
    assert explore(two_addresses, remove, check, fates=FATES).schedules > 20


def test_an_address_is_withdrawn_or_it_is_not():
    def check(w, answers):
        has = later(w)
        gone = has == (IDENTIFIER,)
        assert len(w.sink.of(events.AddressDropped)) == gone
        assert told(w, MessagePurpose.ADDRESS_REMOVED) == ([IDENTIFIER] if gone else [])

    withdraw = lambda w: [w.engine.admin.withdraw_address("u1", MINE, actor="ops")]
    assert explore(two_addresses, withdraw, check, fates=FATES).schedules > 20


def test_a_name_is_changed_or_it_is_not():
    def make():
        w = a_user(AT_ONCE)
        w.session = w.sign_in().session
        return in_turn(w)

    def check(w, answers):
        later(w)
        changed = w.directory.get("", "u1").identifiers == ("alice",)
        assert (answers[0] == IdentifierChanged()) <= changed
        assert answers[0] != IdentifierTaken()
        assert len(w.sink.of(events.IdentifierReplaced)) == changed
        assert len(w.messenger.of(MessagePurpose.IDENTIFIER_CHANGED)) == changed

    change = lambda w: [w.engine.change_identifier(w.session, IDENTIFIER, "alice", context=w.context())]
    assert explore(make, change, check, fates=FATES).schedules > 20


def test_asking_for_an_address_is_told_with_the_asking():
    def make():
        w = a_user(AT_ONCE)
        w.session = w.sign_in().session
        return in_turn(w)

    def check(w, answers):
        later(w)
        began = len(record(w).changes)
        assert isinstance(answers[0], AddressPending) <= (began == 1)
        for purpose in (MessagePurpose.PROVE_ADDRESS, MessagePurpose.ADDRESS_PENDING):
            assert len(w.messenger.of(purpose)) == began
        assert len(w.sink.of(events.ChangeBegan)) == began

    ask = lambda w: [w.engine.add_address(w.session, MINE, context=w.context())]
    assert explore(make, ask, check, fates=FATES).schedules > 10


def test_a_worker_that_dies_sends_a_code_once_and_it_works():
    def make():
        w = a_user(AT_ONCE)
        w.session = w.sign_in().session
        w.deliver()
        w.pending = w.calls.add_address(w.session, MINE, context=w.context())
        return w

    def check(w, answers):
        later_at = w.clock()
        w.restart()
        w.clock.advance(minutes=3)
        w.deliver()
        assert w.clock() - later_at < w.policy.reset.code_lifetime
        assert len(w.messenger.of(MessagePurpose.PROVE_ADDRESS)) == 1
        proof = AddressCode(w.pending.change, w.messenger.address_code)
        assert w.calls.verify_address(proof, session=w.session, context=w.context()) == AddressVerified(purged=False)

    assert explore(make, lambda w: [work(w)], check, fates=FATES).schedules > 10


def test_a_worker_that_carries_on_can_die_as_well():
    """The process that decided is gone; so is the first one that went on for it."""

    def make():
        w = asked()
        flow = verify(w)
        flow.send(None)
        while flow.cr_await is not None:
            call = flow.send(None)
            if call.name == "apply":
                break
        flow.close()
        return w

    def check(w, answers):
        has = later(w)
        assert has == (IDENTIFIER, MINE)
        assert len(w.sink.of(events.AddressProven)) == 1
        assert told(w, MessagePurpose.ADDRESS_ADDED) == sorted(has)

    assert explore(make, lambda w: [work(w)], check, fates=FATES).schedules > 10


# --- what two administrators give -------------------------------------------------------------------------------------


def proposed():
    w = a_user(RACING)
    w.deliver()
    w.proposed = w.calls.admin.propose_recovery("u1", Capability.ADDRESSES, actor="erin", address=MINE)
    return in_turn(w)


def agreed():
    w = a_user(RACING)
    change = w.calls.admin.propose_recovery("u1", Capability.ADDRESSES, actor="erin", address=MINE).change
    w.calls.admin.approve_recovery("u1", change, actor="frank", address=MINE)
    w.deliver()
    w.clock.advance(days=7)
    return in_turn(w)


def test_what_two_administrators_agree_to_waits_and_is_told_or_it_does_not():
    def check(w, answers):
        later(w)
        (change,) = record(w).changes
        waits = change.kind == "address-added"
        assert (answers[0] == Acted()) <= waits
        for kind in (events.RecoveryApproved, events.ChangeBegan):
            assert len(w.sink.of(kind)) == waits
        assert told(w, MessagePurpose.CHANGE_WAITING) == [IDENTIFIER] * waits
        assert told(w, MessagePurpose.PROVE_ADDRESS) == [MINE] * waits

    approve = lambda w: [w.engine.admin.approve_recovery("u1", w.proposed.change, actor="frank", address=MINE)]
    assert explore(proposed, approve, check, fates=FATES).schedules > 10


def test_two_who_agree_at_once_give_one_address():
    def check(w, answers):
        later(w)
        assert sorted(type(one).__name__ for one in answers) == ["Acted", "Refused"]
        assert told(w, MessagePurpose.PROVE_ADDRESS) == [MINE]

    both = lambda w: [
        w.engine.admin.approve_recovery("u1", w.proposed.change, actor=one, address=MINE) for one in ("frank", "grace")
    ]
    explore(proposed, both, check)


def test_an_address_that_they_give_is_proven_or_it_is_not_and_can_be_vetoed_from_then_on():
    def check(w, answers):
        has, (change,) = later(w), record(w).changes
        assert (answers[0] == AddressVerified(purged=False)) <= (MINE in has)
        assert (has, change.weak, change.made is not None) in {
            ((IDENTIFIER,), True, False),
            ((IDENTIFIER, MINE), True, True),
        }
        assert len(w.sink.of(events.AddressProven)) == (MINE in has)
        if MINE in has:
            assert {one.address: bool(one.veto) for one in w.messenger.of(MessagePurpose.ADDRESS_ADDED)} == {
                IDENTIFIER: True,
                MINE: False,
            }
        else:
            proof = AddressLink(w.messenger.address_link)
            assert w.calls.verify_address(proof, context=w.context()) == AddressVerified(purged=False)

    assert explore(agreed, lambda w: [verify(w, session=False)], check, fates=FATES).schedules > 20


def test_a_veto_while_it_is_proven_comes_before_or_after():
    """Whichever: the account is frozen in the end, unless the veto met the very moment in which the table is told."""

    def with_veto():
        w = agreed()
        (w.notice,) = w.messenger.of(MessagePurpose.CHANGE_WAITING)
        return w

    def check(w, answers):
        later(w)
        verified, vetoed = (type(one).__name__ for one in answers)
        assert (record(w).contest is not None) == (vetoed == "Vetoed")
        assert (verified, vetoed) in {
            ("AddressVerified", "Vetoed"),
            ("AddressVerified", "Refused"),
            ("Refused", "Vetoed"),
        }
        if vetoed == "Refused":  # the notice that it was made has a veto as well
            added = next(one for one in w.messenger.of(MessagePurpose.ADDRESS_ADDED) if one.veto)
            assert type(w.calls.veto(added.veto, context=w.context())).__name__ == "Vetoed"

    flows = lambda w: [verify(w, session=False), w.engine.veto(w.notice.veto, context=w.context())]
    explore(with_veto, flows, check)


# --- operations that meet ---------------------------------------------------------------------------------------------


@in_memory
def test_two_who_click_one_link_prove_one_address():
    def check(w, answers):
        assert AddressVerified(purged=False) in answers
        assert later(w) == (IDENTIFIER, MINE)
        assert len(w.sink.of(events.AddressProven)) == 1

    explore(asked, lambda w: [verify(w), verify(w, session=False)], check)


@in_memory
def test_a_worker_and_who_clicks_prove_one_address():
    """The worker finds the entry before the one who wrote it is done."""

    def check(w, answers):
        assert answers[0] == AddressVerified(purged=False)
        assert later(w) == (IDENTIFIER, MINE)
        assert len(w.sink.of(events.AddressProven)) == 1
        assert told(w, MessagePurpose.ADDRESS_ADDED) == sorted([IDENTIFIER, MINE])

    assert explore(asked, lambda w: [verify(w), w.engine.deliver(1)], check).schedules > 10


@in_memory
def test_a_link_and_its_cancelling_agree():
    def check(w, answers):
        has, cancelled = MINE in later(w), isinstance(answers[1], ChangeCancelled)
        assert has is not cancelled
        assert isinstance(answers[0], AddressVerified) is has

    def cancel(w):
        return w.engine.cancel_change(w.pending.change, by=FreshSession(w.session), context=w.context())

    explore(asked, lambda w: [verify(w), cancel(w)], check)


@in_memory
def test_an_address_that_is_withdrawn_while_its_reader_proves_it_is_gone():
    """Or the operator is told to try again."""

    def check(w, answers):
        assert MINE not in later(w) or isinstance(answers[1], TryAgain)

    explore(asked, lambda w: [verify(w), w.engine.admin.withdraw_address("u1", MINE, actor="root")], check)


@in_memory
def test_two_removals_at_once_leave_an_address():
    def check(w, answers):
        has = later(w)
        assert len(has) == 1
        assert [type(one) for one in answers].count(AddressRemoved) == 1

    def remove(w, address):
        return w.engine.remove_address(w.session, address, context=w.context())

    explore(two_addresses, lambda w: [remove(w, IDENTIFIER), remove(w, MINE)], check)


@in_memory
def test_a_reset_and_a_link_agree_on_whether_the_address_waits():
    """A reset ends what waits: either the address was proven before it, or it is not."""

    def check(w, answers):
        has = MINE in later(w)
        assert isinstance(answers[0], AddressVerified) is has
        assert not record(w).changes or all(one.weak for one in record(w).changes)

    def sign_out(w):
        return w.engine.sign_out_everywhere("u1", by=FreshSession(w.session), context=w.context())

    explore(asked, lambda w: [verify(w), sign_out(w)], check)


@in_memory
def test_one_address_for_two_accounts_goes_to_one():
    def make():
        w = a_user(AT_ONCE)
        w.sign_up("u2", "bob@example.org")
        w.links = []
        for name in (IDENTIFIER, "bob@example.org"):
            session = w.sign_in(name).session
            w.calls.add_address(session, THIRD, context=w.context())
            w.deliver()
            w.links.append(w.messenger.address_link)
        return in_turn(w)

    def check(w, answers):
        assert sorted(type(one).__name__ for one in answers) == ["AddressTaken", "AddressVerified"]
        assert [THIRD in w.directory.get("", one).addresses for one in ("u1", "u2")].count(True) == 1

    def prove(w, link):
        return w.engine.verify_address(AddressLink(link), context=w.context())

    explore(make, lambda w: [prove(w, link) for link in w.links], check)


# --- what is under way ------------------------------------------------------------------------------------------------


NOW = datetime(2026, 1, 5, tzinfo=UTC)


def a_change(number, **more):
    """A change that waits, weak as a recovery is."""
    fields = {"kind": "password", "proofs": ("link",), "asked": NOW, "until": NOW, "expires": NOW + timedelta(hours=1)}
    return Change(id=bytes([number]) * 16, **(fields | more))


@in_memory
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12), st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_nothing_pushes_out_what_is_under_way(others, later):
    """Neither what waits, nor what was made and can be vetoed, nor time: the platform's table has still to follow."""
    under_way = a_change(99, kind="address-added", made=NOW, weak=False)
    left = Record(incarnation=bytes(16), changes=(under_way,))
    for number, (made, weak) in enumerate(others):
        change = a_change(number, made=NOW if made and weak else None, weak=weak, expires=NOW + timedelta(hours=9))
        left = left.with_change(change, NOW + later) or left
        assert under_way in left.changes
        assert len(left.changes) <= MAX_CHANGES
    assert under_way in left.with_epoch().changes


@in_memory
def test_a_veto_leaves_what_is_under_way_to_its_end():
    under_way, weak = a_change(99, kind="address-added", made=NOW, weak=False), a_change(1, made=NOW)
    scene = Scene(tenant="", subject="u1", account=Account(subject="u1"), now=NOW, reachable=frozenset({b"r" * 16}))
    done = veto(
        Record(incarnation=bytes(16), changes=(weak, under_way)),
        scene=scene,
        change_id=weak.id,
        recipient=b"r" * 16,
        method="link",
    )
    assert isinstance(done.verdict, Done)
    assert done.record.changes == (under_way,)
    refused = veto(done.record, scene=scene, change_id=under_way.id, recipient=b"r" * 16, method="link")
    assert isinstance(refused.verdict, No)


@in_memory
def test_what_is_decided_has_room_beside_all_that_waits():
    """An operator withdraws an address whatever a thief has filled the record with."""
    waiting = tuple(a_change(number) for number in range(MAX_CHANGES))
    scene = Scene(tenant="", subject="u1", account=Account(subject="u1"), now=NOW)
    asked, old = a_change(99, kind="address-removed", weak=False), Named(names=(b"n" * 16,))
    done = withdraw_address(RACING, Record(incarnation=bytes(16), changes=waiting), scene=scene, change=asked, same=(), old=old)
    assert isinstance(done.verdict, Making)
    assert len(done.record.changes) == MAX_CHANGES
    assert done.record.changes[-1].under_way
