"""What contacts and administrators do at one moment, and what is left of it when a process dies at any store call."""

import pytest
from tests.circles import NEW, PEOPLE, Circle, needing
from tests.places import USUAL, ground, in_memory, on_ground  # noqa: F401 - a fixture

from acctsec import MessagePurpose, ProofRequired, Refused, ResumeTicket, Waiting, events
from acctsec.outcomes import Acted, ContactNamed, ContactRemoved, ContactsAsked, Proposed, Vouched
from acctsec.recovery import Capability
from acctsec.testing import FAILURES, RACING, Operation, crash_everywhere, explore, race_world


def pytest_generate_tests(metafunc):
    """Every one happens on every store: on four by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


pytestmark = pytest.mark.usefixtures("on_ground")


# --- the stage --------------------------------------------------------------------------------------------------------


def a_circle(friends=PEOPLE[:3], *, settled=True):
    w = race_world(policy=needing(2, RACING), store=ground.fresh())
    w.c = Circle(w, friends, settled=settled)
    return w


def newcomer():
    return a_circle(PEOPLE[:2], settled=False)


def before_asking():
    w = a_circle(PEOPLE[:2])
    w.token = w.c.ticket()
    return w


def asked(sessions=("u2", "u3"), friends=PEOPLE[:2]):
    """Everybody asked, and fresh sessions of some; one of the owner, from before she lost her phone, still is."""
    w = a_circle(friends)
    w.c.sign_in()
    w.asked = w.c.ask()
    w.fresh = {one: w.c.fresh(one) for one in sessions}
    w.shares = {one: w.c.shares(one)[-1] for one in sessions}
    return w


def one_agreed():
    w = asked()
    w.c.vouch("u2")
    return w


def both_agreed():
    w = one_agreed()
    w.c.vouch("u3")
    return w


def proposed():
    w = a_circle(())
    w.change = w.calls.admin.propose_recovery("u1", Capability.PASSWORD, actor="alice").change
    return w


def vouch(w, one):
    return w.engine.vouch(w.shares[one], by=w.fresh[one], context=w.context())


def redeem(w):
    return w.engine.redeem_reset(ResumeTicket(w.asked.ticket), NEW, context=w.context())


def approve(w, actor="bob"):
    return w.engine.admin.approve_recovery("u1", w.change, actor=actor)


def withdraw(w):
    return w.engine.admin.withdraw_proposal("u1", w.change, actor="alice")


def remove(w, one):
    return w.engine.remove_contact(w.c.session, one, context=w.context())


def vouched(w):
    return sum(change.vouched.bit_count() for change in w.c.record.changes)


def waits(w):
    return sum(one.kind == "password" for one in w.c.record.changes)


def how_many(answers, kind):
    return sum(isinstance(answer, kind) for answer in answers)


# --- races ------------------------------------------------------------------------------------------------------------


def test_two_contacts_at_once_are_two():
    def check(w, answers):
        assert sorted(answer.left for answer in answers) == [0, 1]
        assert vouched(w) == 2
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.CONTACTS_AGREED)) == 1

    explore(asked, lambda w: [vouch(w, "u2"), vouch(w, "u3")], check)


def test_one_contact_twice_at_once_is_one():
    def check(w, answers):
        assert (how_many(answers, Vouched), how_many(answers, Refused), vouched(w)) == (1, 1, 1)

    explore(asked, lambda w: [vouch(w, "u2"), vouch(w, "u2")], check)


def test_who_is_removed_meanwhile_has_no_say():
    def check(w, answers):
        assert isinstance(answers[1], ContactRemoved)
        assert vouched(w) == 1
        assert isinstance(w.c.redeem(w.asked), ProofRequired)

    explore(one_agreed, lambda w: [vouch(w, "u3"), remove(w, "u3")], check)


def test_a_removal_while_the_owner_goes_on_counts_or_comes_too_late():
    """Never in between: either it waits on what two have said, or it still wants a second."""

    def check(w, answers):
        assert isinstance(answers[1], ContactRemoved)
        assert waits(w) == isinstance(answers[0], Waiting)
        assert isinstance(answers[0], Waiting | ProofRequired | Refused)

    explore(both_agreed, lambda w: [redeem(w), remove(w, "u3")], check)


@in_memory  # where what was committed first is told first
def test_it_never_waits_on_the_word_of_who_was_removed_before():
    def check(w, answers):
        w.deliver()
        told = [type(one) for one in w.sink.events if isinstance(one, events.ChangeBegan | events.ContactDropped)]
        wanted = [events.ChangeBegan] if isinstance(answers[0], Waiting) else []
        assert told == [*wanted, events.ContactDropped]

    explore(both_agreed, lambda w: [redeem(w), remove(w, "u3")], check)


def test_the_last_word_while_somebody_asks_for_it():
    def check(w, answers):
        assert isinstance(answers[0], Vouched)
        assert isinstance(answers[1], Waiting | ProofRequired)
        assert waits(w) == isinstance(answers[1], Waiting)

    explore(one_agreed, lambda w: [vouch(w, "u3"), redeem(w)], check)


def test_going_on_twice_at_once_lets_it_wait_once():
    def check(w, answers):
        assert how_many(answers, Waiting) == 1
        assert waits(w) == 1

    explore(both_agreed, lambda w: [redeem(w), redeem(w)], check)


def test_asking_twice_at_once_with_one_ticket_asks_once():
    def check(w, answers):
        assert (how_many(answers, ContactsAsked), how_many(answers, Refused)) == (1, 1)
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.CONTACT_SHARE)) == 2

    flows = lambda w: [w.engine.ask_contacts(w.token, context=w.context()) for _ in range(2)]
    explore(before_asking, flows, check)


def test_two_who_approve_at_once_send_one_link():
    def check(w, answers):
        assert (how_many(answers, Acted), how_many(answers, Refused)) == (1, 1)
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.RECOVERY_LINK)) == 1

    explore(proposed, lambda w: [approve(w, "bob"), approve(w, "carol")], check)


def test_what_is_withdrawn_while_another_approves_is_one_or_the_other():
    def check(w, answers):
        assert (how_many(answers, Acted), how_many(answers, Refused)) == (1, 1)
        w.deliver()
        links = w.messenger.of(MessagePurpose.RECOVERY_LINK)
        assert len(links) == isinstance(answers[0], Acted)

    explore(proposed, lambda w: [approve(w), withdraw(w)], check)


def test_nobody_agrees_to_what_he_proposes_anew_at_that_moment():
    flows = lambda w: [approve(w, "Alice"), w.engine.admin.propose_recovery("u1", Capability.PASSWORD, actor="alice")]

    def check(w, answers):
        assert isinstance(answers[0], Refused)
        w.deliver()
        assert not w.messenger.of(MessagePurpose.RECOVERY_LINK)

    explore(proposed, flows, check)


# --- crashes ----------------------------------------------------------------------------------------------------------

OPERATIONS = {
    "a contact is named": (
        lambda: a_circle(()),
        Operation(
            begin=lambda w: w.engine.name_contact(w.c.session, "u6", context=w.context()),
            happened=lambda w: len(w.c.record.contacts) == 1,
            means=ContactNamed,
            events=(events.ContactAdded,),
            messages=(MessagePurpose.CONTACT_NAMED, MessagePurpose.NAMED_AS_CONTACT),
        ),
    ),
    "a contact is removed": (
        newcomer,
        Operation(
            begin=lambda w: remove(w, "u2"),
            happened=lambda w: len(w.c.record.contacts) == 1,
            means=ContactRemoved,
            events=(events.ContactDropped,),
            messages=(MessagePurpose.CONTACT_REMOVED,),
        ),
    ),
    "contacts are asked": (
        before_asking,
        Operation(
            begin=lambda w: w.engine.ask_contacts(w.token, context=w.context()),
            happened=lambda w: bool(w.c.record.changes),
            means=ContactsAsked,
            events=(events.VouchingBegan,),
            messages=(MessagePurpose.CONTACTS_ASKED,),
        ),
    ),
    "a contact agrees": (
        asked,
        Operation(
            begin=lambda w: vouch(w, "u2"),
            happened=lambda w: vouched(w) == 1,
            means=Vouched,
            events=(events.ContactVouched,),
        ),
    ),
    "the last contact agrees": (
        one_agreed,
        Operation(
            begin=lambda w: vouch(w, "u3"),
            happened=lambda w: vouched(w) == 2,
            means=Vouched,
            messages=(MessagePurpose.CONTACTS_AGREED,),
        ),
    ),
    "it waits": (
        both_agreed,
        Operation(
            begin=redeem,
            happened=lambda w: waits(w) == 1,
            means=Waiting,
            events=(events.ChangeBegan,),
            messages=(MessagePurpose.CHANGE_WAITING,),
        ),
    ),
    "an administrator proposes": (
        lambda: a_circle(()),
        Operation(
            begin=lambda w: w.engine.admin.propose_recovery("u1", Capability.FACTORS, actor="alice"),
            happened=lambda w: bool(w.c.record.changes),
            means=Proposed,
            events=(events.RecoveryProposed,),
            once=False,
        ),
    ),
    "another approves": (
        proposed,
        Operation(
            begin=approve,
            happened=lambda w: bool(w.c.record.resets),
            means=Acted,
            events=(events.RecoveryApproved, events.ResetIssued),
            messages=(MessagePurpose.RECOVERY_APPROVED, MessagePurpose.RECOVERY_LINK),
        ),
    ),
    "it is withdrawn": (
        proposed,
        Operation(
            begin=withdraw,
            happened=lambda w: not w.c.record.changes,
            means=Acted,
            events=(events.ProposalWithdrawn,),
        ),
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_store_call_leaves_the_state_before_or_after(name):
    make_world, operation = OPERATIONS[name]
    assert crash_everywhere(make_world, operation).schedules > 4


@in_memory
def test_when_calls_fail_while_shares_go_out_each_contact_has_its_own_in_the_end():
    def make():
        w = before_asking()
        w.calls.ask_contacts(w.token, context=w.context())
        return w

    def check(w, answers):
        w.restart()
        w.clock.advance(minutes=5)
        w.deliver()
        assert w.c.vouch("u2") == Vouched(1)
        assert w.c.vouch("u3") == Vouched(0)

    explore(make, lambda w: [w.engine.deliver(100)], check, fates=FAILURES)
