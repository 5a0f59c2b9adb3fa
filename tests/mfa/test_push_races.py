"""Prompts in trouble: every order in which approval, denial, poll and another prompt can meet, and a crash at every store call."""

from datetime import timedelta

import pytest
from tests.mfa.prompting import APP, PushApproval, ask, other, password, pushes, record, token, with_an_app
from tests.places import USUAL, ground, on_ground  # noqa: F401 - a fixture

from acctsec import MessagePurpose, PromptApproved, PromptDenied, PromptSent, Refused, SignedIn, TryAgain, events
from acctsec.budgets import Budget
from acctsec.outcomes import ApprovalPending, FactorAdded, PushEnrollmentStarted
from acctsec.testing import DEATHS, FAILURES, RACING, Operation, crash_everywhere, explore, race_world

pytestmark = pytest.mark.usefixtures("on_ground")


def pytest_generate_tests(metafunc):
    """Crashes happen on four stores by `make test`; races in memory, and all on the rest by `make test-deep`."""
    ground.choose(metafunc, USUAL if "name" in metafunc.fixturenames else ("memory",))


def user(**push):
    return with_an_app(race_world(policy=pushes(RACING, **push), store=ground.fresh()))


def two_tickets(**push):
    w = user(**push)
    w.tickets = [password(w) for _ in range(2)]
    return w


def a_prompt(**push):
    w = two_tickets(**push)
    w.number = ask(w, w.tickets[0]).number
    w.token = token(w)
    return w


def an_approval():
    w = a_prompt()
    w.calls.answer_prompt(w.token, w.number, context=w.context())
    return w


def an_enrolment():
    w = race_world(policy=pushes(RACING), store=ground.fresh())
    w.sign_up()
    w.session = w.sign_in().session
    return w


def an_approved_enrolment():
    w = an_enrolment()
    started = w.calls.enroll_push(w.session, APP, context=w.context())
    w.ticket, w.token = started.ticket, token(w)
    w.calls.answer_prompt(w.token, started.number, context=w.context())
    return w


def push(w, number=0):
    return w.engine.push_prompt(w.tickets[number], w.push, context=w.context())


def answer(w, number=None):
    return w.engine.answer_prompt(w.token, number or w.number, context=w.context("203.0.113.40"))


def deny(w):
    return w.engine.deny_prompt(w.token, context=w.context("203.0.113.40"))


def poll(w, number=0):
    return w.engine.verify_factor(w.tickets[number], PushApproval(), context=w.context())


def how_many(answers, kind):
    return sum(isinstance(answer, kind) for answer in answers)


def test_of_two_who_ask_at_once_one_is_asked_for():
    def check(w, answers):
        assert how_many(answers, PromptSent) == 1, answers
        assert how_many(answers, (PromptSent, TryAgain)) == 2
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.PROMPT)) == 1

    assert explore(two_tickets, lambda w: [push(w, 0), push(w, 1)], check).schedules > 4


def test_however_many_ask_at_once_no_more_are_pushed_than_the_budget_has():
    def make():
        return two_tickets(prompts=Budget(limit=1, window=timedelta(hours=1)))

    def check(w, answers):
        assert how_many(answers, PromptSent) <= 1, answers

    explore(make, lambda w: [push(w, 0), push(w, 0)], check)


def test_a_denial_beats_an_approval_that_was_not_used():
    def check(w, answers):
        denied = record(w)
        assert denied.factors.frozen is not None
        assert denied.factors.prompt is None
        assert isinstance(answers[1], PromptDenied)
        assert isinstance(w.calls.verify_factor(w.tickets[0], PushApproval(), context=w.context()), Refused)

    explore(a_prompt, lambda w: [answer(w), deny(w)], check)


def test_an_approval_is_used_or_denied_and_never_both():
    def check(w, answers):
        assert how_many(answers, (SignedIn, PromptDenied)) == 1, answers
        assert how_many(answers, (SignedIn, PromptDenied, Refused)) == 2

    explore(an_approval, lambda w: [poll(w), deny(w)], check)


def test_of_two_polls_of_an_approval_one_signs_in():
    def check(w, answers):
        assert how_many(answers, SignedIn) == 1, answers
        assert how_many(answers, (SignedIn, Refused)) == 2

    explore(an_approval, lambda w: [poll(w), poll(w)], check)


def test_a_poll_beside_an_answer_is_pending_or_signs_in():
    def check(w, answers):
        assert isinstance(answers[0], PromptApproved)
        assert isinstance(answers[1], (ApprovalPending, SignedIn))

    explore(a_prompt, lambda w: [answer(w), poll(w)], check)


def test_an_answer_beside_a_new_prompt_of_its_ticket_approves_the_old_one_or_none():
    def check(w, answers):
        prompt = record(w).factors.prompt
        assert isinstance(answers[1], PromptSent)
        assert not prompt.approved  # the new one stands, whatever was typed for the old
        assert isinstance(w.calls.verify_factor(w.tickets[0], PushApproval(), context=w.context()), ApprovalPending)

    explore(a_prompt, lambda w: [answer(w), push(w, 0)], check)


def test_parallel_wrong_numbers_are_as_many_as_there_are_tries():
    def make():
        return a_prompt(tries=1)

    def check(w, answers):
        w.deliver()
        assert len(w.sink.of(events.PromptMistyped)) == 1
        assert how_many(answers, Refused) == 2
        assert record(w).factors.prompt is None

    explore(make, lambda w: [answer(w, other(w.number)), answer(w, other(other(w.number)))], check)


def test_beside_the_last_wrong_number_the_right_one_counts_or_is_late():
    def make():
        return a_prompt(tries=1)

    def check(w, answers):
        prompt = record(w).factors.prompt
        assert isinstance(answers[0], PromptApproved) is bool(prompt and prompt.approved)
        assert isinstance(answers[1], Refused)

    explore(make, lambda w: [answer(w), answer(w, other(w.number))], check)


def test_an_app_is_set_up_or_denied_and_never_both():
    def confirm(w):
        return w.engine.confirm_factor(w.ticket, PushApproval(), context=w.context())

    def check(w, answers):
        added = isinstance(answers[0], FactorAdded)
        assert added is record(w).factors.live
        assert added is not isinstance(answers[1], PromptDenied), answers

    explore(an_approved_enrolment, lambda w: [confirm(w), deny(w)], check)


def test_a_worker_that_dies_pushes_a_prompt_once():
    def make():
        w = two_tickets()
        w.number = ask(w, w.tickets[0]).number
        w.calls.deliver(1)  # the event of it; then the prompt is alone
        return w

    def check(w, answers):
        w.restart()
        w.clock.advance(seconds=100)
        w.deliver()
        assert len(w.messenger.of(MessagePurpose.PROMPT)) == 1
        assert len({one.key for one in w.messenger.handed if one.purpose is MessagePurpose.PROMPT}) == 1

    explore(make, lambda w: [w.engine.deliver(1)], check, fates=(*DEATHS, *FAILURES))


OPERATIONS = {
    "a prompt": (
        two_tickets,
        Operation(
            begin=push,
            happened=lambda w: record(w).factors.prompt is not None,
            means=PromptSent,
            events=(events.PromptPushed,),
            once=False,
        ),
    ),
    "a right number": (
        a_prompt,
        Operation(
            begin=answer,
            happened=lambda w: record(w).factors.prompt.approved,
            means=PromptApproved,
            events=(events.PromptAnswered,),
            once=False,
        ),
    ),
    "a wrong number": (
        a_prompt,
        Operation(
            begin=lambda w: answer(w, other(w.number)),
            happened=lambda w: record(w).factors.prompt.tries == 1,
            means=Refused,
            events=(events.PromptMistyped,),
            once=False,
        ),
    ),
    "a denial": (
        a_prompt,
        Operation(
            begin=deny,
            happened=lambda w: record(w).factors.frozen is not None,
            means=PromptDenied,
            events=(events.PromptRejected,),
            messages=(MessagePurpose.PROMPT_DENIED,),
        ),
    ),
    "an approval that is used": (
        an_approval,
        Operation(begin=poll, happened=lambda w: len(record(w).spent) == 1, means=SignedIn, once=False),
    ),
    "an app to be set up": (
        an_enrolment,
        Operation(
            begin=lambda w: w.engine.enroll_push(w.session, APP, context=w.context()),
            happened=lambda w: record(w).factors.prompt is not None,
            means=PushEnrollmentStarted,
            events=(events.PromptPushed,),
            once=False,
        ),
    ),
    "an app that is set up": (
        an_approved_enrolment,
        Operation(
            begin=lambda w: w.engine.confirm_factor(w.ticket, PushApproval(), context=w.context()),
            happened=lambda w: record(w).factors.live,
            means=FactorAdded,
            events=(events.FactorEnrolled,),
            messages=(MessagePurpose.FACTOR_ADDED,),
            once=False,
        ),
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_any_store_call_leaves_the_state_before_or_after(name):
    make_world, operation = OPERATIONS[name]
    assert crash_everywhere(make_world, operation).schedules > 4


def test_a_crash_while_a_prompt_is_answered_never_gives_a_try_more():
    """Three tries are three: what was charged and not settled counts against the guesser."""

    def check(w, answers):
        w.restart()
        wrong = w.number
        for _ in range(3):
            wrong = other(wrong)
            w.calls.answer_prompt(w.token, wrong, context=w.context())
        assert record(w).factors.prompt is None or record(w).factors.prompt.tries < 3
        assert isinstance(w.calls.answer_prompt(w.token, w.number, context=w.context()), Refused)

    explore(a_prompt, lambda w: [answer(w, other(w.number))], check, fates=(*DEATHS, *FAILURES))
