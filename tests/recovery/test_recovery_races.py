"""Races and crashes of recovery: every order of the store calls of two operations, and every call that can go wrong."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.places import USUAL, ground, on_ground  # noqa: F401 - a fixture
from tests.recovery.stage import DAY, SLOW, WORK
from tests.test_races import a_world, alive, exactly_one, how_many, opens, record

from acctsec import (
    ChangeCancelled,
    FactorRequired,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    Vetoed,
    Waiting,
    events,
)
from acctsec.outcomes import FactorRemoved, FactorsRemoved
from acctsec.testing import DEATHS, FAILURES, RACING, Operation, crash_everywhere, explore
from acctsec.testing.world import IDENTIFIER, PASSWORD

pytestmark = pytest.mark.usefixtures("on_ground")
NEW, NEWER = "a wholly new phrase 77", "another phrase entirely 99"
WAITS = evolve(RACING, recovery=SLOW.recovery)


def pytest_generate_tests(metafunc):
    """Every race and crash on four stores by `make test`, on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL)


# --- where a race begins -----------------------------------------------------------------------------------------------


def somebody(policy=RACING):
    w = a_world(policy)
    w.sign_up(addresses=(IDENTIFIER, WORK))
    w.comparisons.clear()
    return w


def with_a_link(policy=RACING):
    w = somebody(policy)
    w.link = w.reset_link()
    return w


def with_two_links():
    w = with_a_link(WAITS)
    w.links = [w.link, w.reset_link()]
    return w


def waiting(after=2 * DAY):
    """Somebody whose recovery waits, *after* so long."""
    w = with_a_link(WAITS)
    w.device = w.sign_in().device
    w.waits = w.calls.redeem_reset(ResetLink(w.link), NEW, context=w.context())
    w.deliver()
    w.vetoes = [one.veto for one in w.messenger.of(MessagePurpose.CHANGE_WAITING)]
    w.clock.advance(after)
    return w


def changed():
    """Somebody whose password was changed on a mail alone."""
    w = with_a_link()
    w.device = w.sign_in().device
    w.calls.redeem_reset(ResetLink(w.link), NEW, context=w.context())
    w.deliver()
    w.vetoes = [one.veto for one in w.messenger.of(MessagePurpose.PASSWORD_CHANGED)]
    return w


def with_codes(policy=RACING):
    w = somebody(policy)
    w.app, session = w.enroll(w.sign_in().session)
    issued = w.calls.issue_recovery_codes(session, context=w.context())
    assert isinstance(issued, RecoveryCodes)
    w.codes, w.session = list(issued.codes), issued.session
    return w


def proven(w, operation="redeem_reset", *args):
    """A mailed link and a printed code: the ticket that goes on."""
    asked = getattr(w.calls, operation)(ResetLink(w.reset_link()), *args, context=w.context())
    assert isinstance(asked, FactorRequired), asked
    return w.calls.verify_factor(asked.ticket, RecoveryCode(w.codes.pop()), context=w.context()).ticket


def with_a_strong_and_a_weak_wish():
    """Somebody with a fresh session who may take the app off, and a mailed link with a printed code beside it."""
    w = with_codes()
    w.ticket = proven(w, "redeem_reset", NEW)
    w.factor = record(w).factors.totp[0].id
    return w


def losing_factors():
    w = with_codes()
    w.waits = w.calls.remove_lost_factors(ResumeTicket(proven(w, "remove_lost_factors")), context=w.context())
    assert isinstance(w.waits, Waiting)
    w.clock.advance(DAY)
    return w


# --- what is done ------------------------------------------------------------------------------------------------------


def claim(w, password=NEW):
    return w.engine.redeem_reset(ResumeTicket(w.waits.ticket), password, context=w.context())


def redeem(w, link, password=NEW):
    return w.engine.redeem_reset(ResetLink(link), password, context=w.context())


def veto(w, number=0):
    return w.engine.veto(w.vetoes[number], context=w.context())


def cancel(w, by=None):
    return w.engine.cancel_change(w.waits.change, by=by or ResumeTicket(w.waits.ticket), context=w.context())


def sign_in(w, password=PASSWORD):
    return w.engine.sign_in(IDENTIFIER, password, context=w.context(device=w.device))


def nobody_gets_in(w, *sessions):
    assert record(w).contest
    assert not record(w).sessions
    assert not any(alive(w, one) for one in sessions)
    assert not any(opens(w, one) for one in (PASSWORD, NEW, NEWER))


# --- races -------------------------------------------------------------------------------------------------------------


def test_a_veto_stops_a_change_that_is_made_at_the_same_time():
    def check(w, answers):
        assert isinstance(answers[0], PasswordChanged | Refused)
        assert isinstance(answers[1], Vetoed)
        assert not record(w).changes
        nobody_gets_in(w)

    assert explore(waiting, lambda w: [claim(w), veto(w)], check).schedules >= 4


def test_a_change_is_made_or_cancelled_and_never_both():
    def check(w, answers):
        assert how_many(answers, (PasswordChanged, ChangeCancelled)) == 1, answers
        assert how_many(answers, Refused) == 1, answers
        assert opens(w, NEW) == isinstance(answers[0], PasswordChanged)
        assert opens(w, PASSWORD) == isinstance(answers[1], ChangeCancelled)

    explore(waiting, lambda w: [claim(w), cancel(w)], check)


def test_two_mailboxes_veto_one_change_once():
    def check(w, answers):
        exactly_one(answers, Vetoed)
        w.deliver()
        assert len(w.sink.of(events.ChangeVetoed)) == 1
        nobody_gets_in(w)

    explore(changed, lambda w: [veto(w, 0), veto(w, 1)], check)


def test_a_veto_and_a_cancellation_leave_the_account_contested_or_as_it_was():
    def check(w, answers):
        assert how_many(answers, (Vetoed, ChangeCancelled)) == 1, answers
        assert bool(record(w).contest) == isinstance(answers[0], Vetoed)

    explore(waiting, lambda w: [veto(w), cancel(w)], check)


@pytest.mark.parametrize("passwords", [(NEW, NEW), (NEW, NEWER)])
def test_a_ticket_that_has_waited_is_good_once(passwords):
    def check(w, answers):
        exactly_one(answers, PasswordChanged)
        w.deliver()
        assert len(w.sink.of(events.PasswordReset)) == 1
        assert opens(w, passwords[0] if isinstance(answers[0], PasswordChanged) else passwords[1])

    explore(waiting, lambda w: [claim(w, one) for one in passwords], check)


def test_a_sign_in_leaves_no_session_behind_a_veto():
    def check(w, answers):
        assert isinstance(answers[0], SignedIn | Refused)
        assert isinstance(answers[1], Vetoed)
        nobody_gets_in(w, *([answers[0].session] if isinstance(answers[0], SignedIn) else ()))

    explore(changed, lambda w: [sign_in(w, NEW), veto(w)], check)


def test_a_sign_in_where_one_is_known_ends_a_wait_that_began_before_it_and_no_other():
    def make():
        w = with_a_link(WAITS)
        w.device = w.sign_in().device
        w.deliver()
        w.clock.advance(minutes=2)
        return w

    seen = set()

    def check(w, answers):
        assert isinstance(answers[0], SignedIn)
        assert isinstance(answers[1], Waiting)
        w.deliver()
        ended = len(w.sink.of(events.ChangeDropped))
        assert ended + len(record(w).changes) == 1
        w.clock.advance(2 * DAY)
        outcome = w.calls.redeem_reset(ResumeTicket(answers[1].ticket), NEW, context=w.context())
        assert isinstance(outcome, Refused if ended else PasswordChanged)
        seen.add(ended)

    explore(make, lambda w: [sign_in(w), redeem(w, w.link)], check)
    assert seen == {0, 1}


def test_of_two_waits_from_one_mailbox_the_later_one_stands():
    def check(w, answers):
        assert how_many(answers, Waiting) == 2, answers
        (change,) = record(w).changes
        w.clock.advance(2 * DAY)
        made = []
        for one in answers:
            outcome = w.calls.redeem_reset(ResumeTicket(one.ticket), NEW, context=w.context())
            made += [one.change] if isinstance(outcome, PasswordChanged) else []
        assert made == [change.id.hex()]

    explore(with_two_links, lambda w: [redeem(w, one) for one in w.links], check)


def test_one_link_begins_one_wait():
    explore(
        lambda: with_a_link(WAITS),
        lambda w: [redeem(w, w.link), redeem(w, w.link)],
        lambda w, answers: exactly_one(answers, Waiting),
    )


def test_a_factor_falls_before_a_weak_change_or_not_at_all():
    def check(w, answers):
        assert how_many(answers, (FactorRemoved, PasswordChanged)) == 1, answers
        assert how_many(answers, Refused) == 1, answers

    def flows(w):
        weak = w.engine.redeem_reset(ResumeTicket(w.ticket), NEW, context=w.context())
        return [w.engine.remove_factor(w.session, w.factor, context=w.context()), weak]

    explore(with_a_strong_and_a_weak_wish, flows, check)


# --- crashes -----------------------------------------------------------------------------------------------------------


OPERATIONS = {
    "a wait that begins": (
        lambda: with_a_link(WAITS),
        Operation(
            begin=lambda w: redeem(w, w.link),
            happened=lambda w: bool(record(w).changes),
            means=Waiting,
            events=(events.ChangeBegan,),
            once=False,
        ),
    ),
    "what has waited": (
        waiting,
        Operation(
            begin=claim,
            happened=lambda w: record(w).epoch == 2,
            means=PasswordChanged,
            events=(events.PasswordReset,),
        ),
    ),
    "a veto": (
        changed,
        Operation(
            begin=veto,
            happened=lambda w: record(w).contest is not None,
            means=Vetoed,
            events=(events.ChangeVetoed,),
        ),
    ),
    "a cancelled change": (
        waiting,
        Operation(
            begin=cancel,
            happened=lambda w: not record(w).changes,
            means=ChangeCancelled,
            events=(events.ChangeDropped,),
        ),
    ),
    "factors that were lost": (
        losing_factors,
        Operation(
            begin=lambda w: w.engine.remove_lost_factors(ResumeTicket(w.waits.ticket), context=w.context()),
            happened=lambda w: not record(w).factors.live,
            means=FactorsRemoved,
            events=(events.FactorsDropped,),
        ),
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_store_call_of_a_recovery_leaves_the_state_before_or_after(name):
    make, operation = OPERATIONS[name]
    assert crash_everywhere(make, operation).schedules > 4


def test_a_change_that_was_made_is_told_with_a_veto_whatever_crashed():
    """The notice lies in the commit: nobody changes a password on a mail alone, and keeps its owner from hearing of it."""

    def check(w, answers):
        w.restart()
        w.clock.advance(timedelta(minutes=5))
        w.deliver()
        told = w.messenger.of(MessagePurpose.PASSWORD_CHANGED)
        assert len(told) == (2 if record(w).epoch == 2 else 0)
        assert all(one.veto for one in told)

    explore(with_a_link, lambda w: [redeem(w, w.link)], check, fates=(*DEATHS, *FAILURES))


def test_a_cancellation_needs_a_fresh_session_or_the_ticket_however_it_meets_a_sign_out():
    def make():
        w = waiting(timedelta(0))
        w.session = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).session
        return w

    def check(w, answers):
        assert isinstance(answers[0], ChangeCancelled | Refused)
        assert isinstance(answers[0], ChangeCancelled) == (not record(w).changes)

    explore(make, lambda w: [cancel(w, FreshSession(w.session)), w.engine.sign_out(w.session, context=w.context())], check)
