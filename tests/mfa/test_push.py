"""Prompts in an app: a number that is typed, one prompt at a time, few of them, and a denial that ends them."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mfa.prompting import (
    APP,
    KINDS,
    THIEF,
    a_user,
    a_world,
    ask,
    deny,
    other,
    password,
    poll,
    prompted,
    pushes,
    record,
    set_up,
    token,
    type_in,
)
from tests.places import USUAL, ground, on_ground  # noqa: F401 - a fixture

from acctsec import (
    CHEAPEST,
    Admin,
    ApprovalPending,
    AssuranceLevel,
    Channel,
    ConfigError,
    Context,
    EnrollmentRequired,
    FactorRequired,
    Keyring,
    MessagePurpose,
    MfaPolicy,
    PasswordChanged,
    PromptApproved,
    PromptDenied,
    PromptPending,
    PromptSent,
    ProofAccepted,
    PushApproval,
    PushPolicy,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TotpCode,
    TryAgain,
    events,
)
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve as replaced
from acctsec.budgets import Budget, Rungs
from acctsec.claims import Enrollment, PromptClaims, Ticket
from acctsec.errors import StoreUnavailable
from acctsec.lockout import Outage
from acctsec.mfa.delivered import DeliveredPolicy
from acctsec.mfa.push import PushMatch
from acctsec.outcomes import FactorKind
from acctsec.protocols import Account, Status
from acctsec.record import Factors, Prompt, Push
from acctsec.steps import No, Scene, prompt_refusal
from acctsec.testing import SeededEntropy, async_world
from acctsec.testing.world import IDENTIFIER, PASSWORD

pytestmark = pytest.mark.usefixtures("on_ground")


def pytest_generate_tests(metafunc):
    """In memory, and on three servers by `make test` where a test says so."""
    ground.choose(metafunc, USUAL if getattr(metafunc.function, "everywhere", False) else ("memory",))


def everywhere(test):
    """Have a test run on servers always."""
    test.everywhere = True
    return test


def user(**push):
    return a_user(ground.fresh(), **push)


# --- the way of an owner ----------------------------------------------------------------------------------------------


@everywhere
def test_an_owner_signs_in_by_typing_the_number_of_the_browser_into_the_app():
    w = user()
    ticket, number = prompted(w)
    pending = poll(w, ticket)
    assert pending == ApprovalPending(retry_after=timedelta(seconds=2), expires=w.clock() + timedelta(minutes=2))
    assert type_in(w, number) == PromptApproved()
    signed_in = poll(w, ticket)
    assert isinstance(signed_in, SignedIn)
    assert (signed_in.info.level, signed_in.info.methods) == (AssuranceLevel.AAL2, ("password", "push"))
    assert record(w).factors.prompt is None


@everywhere
def test_an_approval_is_used_once_with_its_ticket():
    w = user()
    ticket, number = prompted(w)
    of = token(w)
    type_in(w, number, of)
    assert isinstance(poll(w, ticket), SignedIn)
    assert poll(w, ticket) == Refused()
    assert poll(w, password(w)) == Refused()
    assert type_in(w, number, of) == Refused()
    assert deny(w, of) == Refused()


def test_a_prompt_proves_a_reset_and_steps_a_session_up():
    w = user()
    link = w.reset_link()
    due = w.calls.redeem_reset(ResetLink(link), "a wholly new phrase 77", context=w.context())
    assert isinstance(due, FactorRequired)
    assert [info.kind for info in due.factors] == [FactorKind.PUSH]
    type_in(w, ask(w, due.ticket).number)
    assert isinstance(poll(w, due.ticket), ProofAccepted)

    w.clock.advance(minutes=10)
    due = w.calls.authorize(w.session, "change-factors", context=w.context())
    asked = w.calls.reauthenticate(due.ticket, PASSWORD, context=w.context())
    assert isinstance(asked, FactorRequired)
    type_in(w, ask(w, asked.ticket, device=w.device).number)
    going_on = poll(w, asked.ticket, device=w.device)
    assert isinstance(going_on, SignedIn), going_on


def test_the_app_sees_who_asks_and_never_the_number():
    w = user()
    agent = "Mozilla/5.0 (X11; Linux x86_64) \N{RIGHT-TO-LEFT OVERRIDE}Firefox/130.0"
    ticket = password(w)
    asked = w.clock()
    sent = w.calls.push_prompt(ticket, w.push, context=Context.of(THIEF, user_agent=agent))
    w.clock.advance(seconds=20)
    of = token(w)
    (message,) = w.messenger.of(MessagePurpose.PROMPT)
    assert (message.address, message.channel, message.at, message.expires) == (APP, Channel.PUSH, asked, sent.expires)
    assert (message.asked_from, message.asked_with) == (THIEF, "Mozilla/5.0 (X11; Linux x86_64) ?Firefox/130.0")
    assert sent.number not in repr(message)
    assert sent.number not in f"{message.prompt} {message.code} {message.link}"
    shown = w.calls.inspect_prompt(of, context=w.context())
    assert shown == PromptPending(
        asked=asked, expires=sent.expires, action="sign-in", source=THIEF, agent=message.asked_with, known=False
    )
    assert message.prompt not in repr(message)
    assert APP not in repr(message)


def test_the_app_sees_what_it_is_for_and_no_reset_passes_for_a_known_browser():
    w = user()
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "a wholly new phrase 77", context=w.context())
    ask(w, due.ticket)
    shown = w.calls.inspect_prompt(token(w), context=w.context())
    assert (shown.action, shown.known) == ("reset", False)
    due = w.calls.authorize(w.session, "change-factors", context=w.context())
    w.clock.advance(minutes=2)
    ask(w, due.ticket)
    shown = w.calls.inspect_prompt(token(w), context=w.context())
    assert (shown.action, shown.known) == ("change-factors", True)
    assert [mail.action for mail in w.messenger.of(MessagePurpose.PROMPT)] == ["reset", "change-factors"]
    assert [one.known for one in w.sink.of(events.PromptPushed)] == [False, True]


def test_looking_at_a_prompt_changes_nothing():
    w = user()
    prompted(w)
    of = token(w)
    before = record(w)
    for _ in range(3):
        assert isinstance(w.calls.inspect_prompt(of, context=w.context()), PromptPending)
    assert record(w) == before


def test_the_number_and_the_address_lie_in_no_record_outbox_event_or_repr(places):
    place = places.fresh("sqlite")
    w = a_user(place.open())
    ticket = password(w)
    sent = ask(w, ticket)
    kept = place.dump()
    assert sent.number.encode() not in kept
    assert APP.encode() not in kept
    of = token(w)
    type_in(w, other(sent.number), of)
    type_in(w, sent.number, of)
    w.deliver()
    told = repr([w.sink.events, w.sink.observations, sent, poll(w, ticket), record(w)])
    assert sent.number not in told
    assert APP not in told
    assert w.calls.admin.export("u1").factors[0].name == "phone"
    place.close()


def test_a_prompt_survives_the_rotation_of_every_key():
    w = user()
    ticket, number = prompted(w)
    of = token(w)
    old, new = SeededEntropy(0), SeededEntropy(1)  # the first is what a world draws its keys from
    w.restart(keyring=Keyring(sealing=[new(32), old(32)], index=[new(32), old(32)]))
    assert type_in(w, number, of) == PromptApproved()
    assert isinstance(poll(w, ticket), SignedIn)
    assert w.keyring.sealed_by_newest(record(w).factors.push[0].sealed)


def test_an_address_is_sealed_under_the_newest_key_by_a_rewrap():
    w = user()
    old, new = SeededEntropy(0), SeededEntropy(1)
    keys, index = [new(32), old(32)], [new(32), old(32)]
    w.restart(keyring=Keyring(sealing=keys, index=index))
    page = w.calls.admin.rewrap(limit=10)
    while page.after is not None:  # a cluster answers shard by shard
        page = w.calls.admin.rewrap(page.after, limit=10)
    w.restart(keyring=Keyring(sealing=keys[:1], index=index))
    ticket, number = prompted(w)
    assert type_in(w, number) == PromptApproved()
    assert isinstance(poll(w, ticket), SignedIn)


# --- setting up -------------------------------------------------------------------------------------------------------


@everywhere
def test_an_app_is_set_up_by_the_first_prompt_it_answers():
    w = a_world(ground.fresh())
    w.sign_up()
    session = w.sign_in().session
    started = w.calls.enroll_push(session, APP, name="phone", context=w.context())
    assert isinstance(w.calls.confirm_factor(started.ticket, PushApproval(), context=w.context()), ApprovalPending)
    assert not record(w).factors.live
    type_in(w, started.number)
    added = w.calls.confirm_factor(started.ticket, PushApproval(), context=w.context())
    assert (added.factor.kind, added.factor.name, added.factor.method) == (FactorKind.PUSH, "phone", "push")
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)
    assert isinstance(w.calls.confirm_factor(started.ticket, PushApproval(), context=w.context()), Refused)


def test_an_app_that_does_not_answer_is_not_set_up():
    w = a_world(ground.fresh())
    w.sign_up()
    started = w.calls.enroll_push(w.sign_in().session, APP, context=w.context())
    of = token(w)
    for _ in range(3):
        assert type_in(w, other(started.number), of) == Refused()
    assert type_in(w, started.number, of) == Refused()
    assert w.calls.confirm_factor(started.ticket, PushApproval(), context=w.context()) == Refused()
    assert not record(w).factors.live


def test_an_app_whose_prompt_is_denied_is_not_set_up_and_nothing_is_frozen():
    w = a_world(ground.fresh())
    w.sign_up()
    started = w.calls.enroll_push(w.sign_in().session, APP, context=w.context())
    type_in(w, started.number)
    assert deny(w) == PromptDenied()
    assert w.calls.confirm_factor(started.ticket, PushApproval(), context=w.context()) == Refused()
    assert record(w).factors == Factors()
    w.deliver()
    assert not w.messenger.of(MessagePurpose.PROMPT_DENIED)


def test_who_must_have_a_factor_sets_an_app_up_with_the_ticket_of_the_sign_in():
    w = a_world(ground.fresh())
    w.sign_up()
    w.restart(policy=evolve(w.policy, mfa=MfaPolicy(kinds=KINDS, required=True)))
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(due, EnrollmentRequired)
    session = set_up(w, due.ticket)
    assert w.calls.check_session(session, context=w.context()).session.level is AssuranceLevel.AAL2


@pytest.mark.parametrize("address", [None, 7, b"x", "", "x" * 256, "é" * 128, "a\nb", "\ud800"])
def test_an_address_is_short_printable_text(address):
    w = a_world(ground.fresh())
    w.sign_up()
    assert w.calls.enroll_push(w.sign_in().session, address, context=w.context()) == Refused()


def test_the_longest_names_and_addresses_fit_into_their_tokens():
    w = a_world(ground.fresh())
    name = "s" * 64
    w.sign_up(name, IDENTIFIER)
    session = w.sign_in().session
    agent = "\N{GRINNING FACE}" * 256
    started = w.calls.enroll_push(
        session, "é" * 127, name="\N{GRINNING FACE}" * 40, context=Context.of("2001:db8:1234:5678::1", user_agent=agent)
    )
    assert type_in(w, started.number) == PromptApproved()
    long = Enrollment(
        tenant="t" * 64, subject=name, incarnation=b"\xff" * 16, epoch=2**32, id=b"\xff" * 8, issued=w.clock(), expires=w.clock(),
        session=b"\xff" * 16, name="\N{GRINNING FACE}" * 40, secret=b"\xff" * 255, kind="push", replaces="f" * 32,
        methods=("password", "recovery-code", "passkey-touch-bound"),
    )  # fmt: skip
    tokens = w.calls._flows.core.tokens
    assert tokens.open(Purpose.CONFIRM, tokens.seal(Purpose.CONFIRM, long), Enrollment) == long
    claims = PromptClaims(
        tenant="t" * 64, subject=name, incarnation=b"\xff" * 16, epoch=2**32, id=b"\xff" * 16, asked=w.clock(),
        expires=w.clock(), action="a" * 64, source="s" * 64, agent="a" * 120, known=True,
    )  # fmt: skip
    assert tokens.open(Purpose.PROMPT, tokens.seal(Purpose.PROMPT, claims), PromptClaims) == claims


def test_a_policy_without_push_sets_no_app_up():
    w = a_world(ground.fresh())
    w.sign_up()
    w.restart(policy=CHEAPEST)
    assert w.calls.enroll_push(w.sign_in().session, APP, context=w.context()) == Refused()


def test_an_app_that_goes_takes_its_prompt_with_it():
    w = user()
    ticket, number = prompted(w)
    of = token(w)
    session = w.session
    assert type(w.calls.remove_factor(session, w.push, context=w.context())).__name__ == "Refused"  # too long ago
    w.calls.admin.erase("u1", actor="ops")
    assert type_in(w, number, of) == Refused()
    assert poll(w, ticket) == Refused()


# --- M-143: push fatigue ----------------------------------------------------------------------------------------------


@everywhere
def test_a_hundred_right_passwords_bring_one_prompt_at_a_time_and_five_in_an_hour():
    """M-143 (Uber, 2022): whoever knows the password sends prompts until one of them is approved."""
    w = user()
    sent = []
    for number in range(100):
        outcome = ask(w, password(w, source=f"198.51.100.{number}"), source=f"198.51.100.{number}")
        assert isinstance(outcome, PromptSent | TryAgain | Refused)
        sent += [w.clock()] if isinstance(outcome, PromptSent) else []
        w.deliver()
        w.clock.advance(seconds=50)
    for at in sent:
        assert sum(at <= one < at + timedelta(hours=1) for one in sent) <= 5
        assert sum(at <= one < at + timedelta(minutes=2) for one in sent) == 1
    assert len(w.messenger.of(MessagePurpose.PROMPT)) == len(sent) == 10


@everywhere
def test_a_denial_freezes_prompts_tells_every_address_and_is_an_event():
    w = user()
    ticket, number = prompted(w, source=THIEF)
    of = token(w)
    assert deny(w, of) == PromptDenied()
    assert poll(w, ticket) == Refused()
    assert type_in(w, number, of) == Refused()
    assert ask(w, ticket, source=THIEF) == Refused()
    w.deliver()
    (mail,) = w.messenger.of(MessagePurpose.PROMPT_DENIED)
    assert (mail.address, mail.channel) == (IDENTIFIER, Channel.MAIL)
    (denied,) = w.sink.of(events.PromptRejected)
    assert (denied.factor, denied.until) == (w.push, w.clock() + timedelta(hours=1))
    w.clock.advance(minutes=59)
    assert ask(w, password(w, source=THIEF), source=THIEF) == Refused()
    w.clock.advance(minutes=1)
    assert isinstance(ask(w, password(w, source=THIEF), source=THIEF), PromptSent)


def test_what_is_frozen_stays_so_whatever_who_knows_the_password_does():
    w = user()
    prompted(w, source=THIEF)
    deny(w)
    w.reset_link()
    w.calls.admin.unlock("u1", actor="ops")
    for number in range(20):
        assert ask(w, password(w, source=f"198.51.100.{number}")) == Refused()
        w.clock.advance(minutes=2)


def test_a_denial_comes_late_and_counts_all_the_same():
    w = user()
    prompted(w, source=THIEF)
    of = token(w)
    w.clock.advance(minutes=9)
    assert w.calls.inspect_prompt(of, context=w.context()) == Refused()
    assert deny(w, of) == PromptDenied()
    assert deny(w, of) == Refused()
    assert ask(w, password(w)) == Refused()


def test_what_was_approved_can_be_denied_until_it_is_used():
    w = user()
    ticket, number = prompted(w)
    type_in(w, number)
    assert deny(w) == PromptDenied()
    assert poll(w, ticket) == Refused()


def test_other_factors_work_while_prompts_are_frozen():
    w = user()
    w.session = sign_in_by_push(w)
    app, _ = w.enroll(w.session)
    prompted(w, source=THIEF)
    deny(w)
    assert isinstance(w.calls.verify_factor(password(w), app.code(w.clock()), context=w.context()), SignedIn)


def sign_in_by_push(w):
    ticket, number = prompted(w, device=w.device)
    type_in(w, number)
    return poll(w, ticket, device=w.device).session


# --- the owner beside a thief -----------------------------------------------------------------------------------------


@everywhere
def test_a_thief_cannot_keep_a_known_device_from_being_asked():
    """He has a prompt outstanding, has used the budget of strangers up, and was denied: its owner is asked all the same."""
    w = user()
    for _ in range(5):
        prompted(w, source=THIEF)
        w.clock.advance(minutes=2)
    assert ask(w, password(w, source=THIEF), source=THIEF) == Refused()
    assert isinstance(sign_in_by_push(w), str)

    w.clock.advance(hours=1)
    prompted(w, source=THIEF)
    deny(w)
    assert isinstance(sign_in_by_push(w), str)


def test_a_known_device_has_a_budget_too():
    w = user()
    sent = []
    for _ in range(100):
        outcome = ask(w, password(w, device=w.device), device=w.device)
        sent += [outcome] if isinstance(outcome, PromptSent) else []
    assert len(sent) == 5


def test_a_known_device_replaces_its_own_prompt_and_not_that_of_another_device():
    w = user()
    first, _ = prompted(w, device=w.device)
    second, number = prompted(w, device=w.device)
    assert poll(w, first) == Refused()
    type_in(w, number)
    signed_in = poll(w, second)  # from a browser that nobody knows: it is known from now on
    assert signed_in.device != w.device
    w.clock.advance(minutes=2)
    prompted(w, device=w.device)
    assert isinstance(ask(w, password(w), device=signed_in.device), TryAgain)


def test_a_known_device_takes_the_place_of_a_stranger_and_no_stranger_takes_its_place():
    w = user()
    theirs, wrong = prompted(w, source=THIEF)
    of = token(w)
    mine, number = prompted(w, device=w.device)
    assert poll(w, theirs) == Refused()
    assert type_in(w, wrong, of) == Refused()
    wait = ask(w, theirs, source=THIEF)
    assert wait == TryAgain(timedelta(minutes=2))
    assert type_in(w, number) == PromptApproved()
    assert isinstance(poll(w, mine, device=w.device), SignedIn)


def test_a_known_device_that_is_denied_is_known_no_more():
    """Who stole the browser as well asks from it: a denial puts it among the strangers, for whom nothing is pushed."""
    w = user()
    ticket, _ = prompted(w, device=w.device)
    deny(w)
    assert poll(w, ticket, device=w.device) == Refused()
    assert ask(w, password(w, device=w.device), device=w.device) == Refused()
    w.deliver()
    assert record(w).devices == ()
    assert len(w.sink.of(events.DeviceRevoked)) == 1


@everywhere
def test_neither_a_thief_nor_a_denial_keeps_a_session_or_a_reset_from_being_asked():
    """Told that somebody knows her password, she changes it: in her session, or by a reset in a browser that nobody knows."""
    w = user()
    for _ in range(5):
        prompted(w, source=THIEF)
        w.clock.advance(minutes=2)
    prompted_by_session(w)
    w.clock.advance(hours=1)
    prompted(w, source=THIEF)
    deny(w)
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "a wholly new phrase 77", context=w.context())
    type_in(w, ask(w, due.ticket).number)
    assert isinstance(poll(w, due.ticket), ProofAccepted)
    assert isinstance(prompted_by_session(w), SignedIn)


def prompted_by_session(w):
    due = w.calls.authorize(w.session, "change-factors", context=w.context())
    asked = w.calls.reauthenticate(due.ticket, PASSWORD, context=w.context())
    type_in(w, ask(w, asked.ticket).number)
    going_on = poll(w, asked.ticket)
    w.session = going_on.session
    return going_on


def test_sessions_and_resets_have_budgets_too():
    w = user()
    outcomes = []
    for _ in range(3):
        due = w.calls.redeem_reset(ResetLink(w.reset_link()), "a wholly new phrase 77", context=w.context())
        outcomes += [ask(w, due.ticket) for _ in range(2)]
        w.clock.advance(minutes=2)
    assert sum(isinstance(one, PromptSent) for one in outcomes) == 5
    due = w.calls.authorize(w.session, "change-factors", context=w.context())
    assert sum(isinstance(ask(w, due.ticket), PromptSent) for _ in range(9)) == 5


def test_a_reset_whose_prompt_is_denied_is_over():
    w = user()
    link = w.reset_link()
    due = w.calls.redeem_reset(ResetLink(link), "a wholly new phrase 77", context=w.context())
    ask(w, due.ticket)
    assert deny(w) == PromptDenied()
    assert record(w).resets == ()
    assert w.calls.redeem_reset(ResetLink(link), "a wholly new phrase 77", context=w.context()) == Refused()
    assert isinstance(sign_in_by_push(w), str)


def test_a_session_whose_prompt_is_denied_is_over():
    w = user()
    due = w.calls.authorize(w.session, "change-factors", context=w.context())
    ask(w, due.ticket)
    deny(w)
    assert type(w.calls.check_session(w.session, context=w.context())).__name__ == "SessionEnded"
    w.deliver()
    assert len(w.sink.of(events.SessionClosed)) == 1


def test_what_was_denied_has_nothing_more_pushed_by_the_ticket_that_it_left():
    """A thief with the mailbox, and one with the owner's session: the denial ended what they held, and their tickets with it."""
    w = user()
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "a wholly new phrase 77", context=w.context(THIEF))
    ask(w, due.ticket, source=THIEF)
    deny(w)
    assert ask(w, due.ticket, source=THIEF) == Refused()
    due = w.calls.authorize(w.session, "change-factors", context=w.context(THIEF))
    ask(w, due.ticket, source=THIEF)
    deny(w)
    assert ask(w, due.ticket, source=THIEF) == Refused()


def test_the_number_of_one_browser_is_of_no_use_for_another():
    """Owner and thief ask at once; whichever prompt comes to the app, the number of the other is wrong for it."""
    w = user()
    theirs, _ = prompted(w, source=THIEF)
    mine = password(w)
    assert isinstance(ask(w, mine), TryAgain)
    w.clock.advance(minutes=2)
    number = ask(w, mine).number
    w.clock.advance(minutes=2)
    assert isinstance(ask(w, theirs, source=THIEF), PromptSent)
    assert type_in(w, number) == Refused()
    assert isinstance(poll(w, theirs), ApprovalPending)
    assert poll(w, mine) == Refused()


@everywhere
def test_an_approval_is_of_no_use_with_another_ticket():
    """Whoever knows the password waits beside the owner, with a ticket of his own, for her to approve hers."""
    w = user()
    theirs = password(w, source=THIEF)
    mine, number = prompted(w)
    type_in(w, number)
    assert poll(w, theirs) == Refused()
    assert isinstance(poll(w, mine), SignedIn)
    assert poll(w, theirs) == Refused()


def test_asked_for_again_the_last_prompt_of_a_ticket_is_over():
    w = user()
    ticket, number = prompted(w)
    first = token(w)
    again = ask(w, ticket).number
    second = token(w)
    assert type_in(w, number, first) == Refused()
    assert type_in(w, again, first) == Refused()
    assert type_in(w, again, second) == PromptApproved()
    assert isinstance(poll(w, ticket), SignedIn)


def test_a_prompt_that_was_replaced_before_it_went_out_is_not_pushed():
    w = user()
    ticket, _ = prompted(w)
    ask(w, ticket)
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.PROMPT)) == 1
    withheld = [one for one in w.sink.observations if isinstance(one, events.NoticeWithheld)]
    assert [one.purpose for one in withheld] == ["prompt"]


# --- guessing ---------------------------------------------------------------------------------------------------------


@everywhere
def test_three_wrong_numbers_end_a_prompt():
    w = user()
    ticket, number = prompted(w)
    of, wrong = token(w), other(number)
    for left in (2, 1, 0):
        assert type_in(w, wrong := other(wrong), of) == Refused()
        w.deliver()
        assert w.sink.of(events.PromptMistyped)[-1].left == left
    assert type_in(w, number, of) == Refused()
    assert poll(w, ticket) == Refused()
    assert isinstance(ask(w, ticket), PromptSent)


def test_wrong_numbers_count_as_wrong_second_factors_and_another_prompt_gives_none_back():
    w = user(prompts=Budget(limit=100, window=timedelta(hours=1)), tries=1)
    w.restart(policy=pushes(evolve(CHEAPEST, lockout=evolve(CHEAPEST.lockout, strangers=LADDER)), tries=5))
    for _ in range(2):
        _, number = prompted(w)
        for _ in range(5):
            number = other(number)
            type_in(w, number)
        w.clock.advance(minutes=2)
    _, number = prompted(w)
    assert type_in(w, number) == Refused()  # the lane of the factors rests or has stopped
    assert {one.lane for one in w.calls.admin.lock_status("u1") if one.failures} == {"factor/strangers"}


LADDER = Rungs(free=3, first=timedelta(minutes=30), longest=timedelta(minutes=30), stop=50)


def test_a_right_number_that_is_not_used_clears_no_wrong_ones():
    w = user()
    _, number = prompted(w)
    type_in(w, other(number))
    type_in(w, number)
    assert [one.failures for one in w.calls.admin.lock_status("u1") if one.lane == "factor/strangers"] == [1]


def test_neither_a_reset_nor_an_unlocking_gives_prompts_back():
    w = user()
    for _ in range(5):
        prompted(w, source=THIEF)
        w.clock.advance(minutes=2)
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "a wholly new phrase 77", context=w.context())
    type_in(w, ask(w, due.ticket).number)
    resumed = poll(w, due.ticket)
    changed = w.calls.redeem_reset(ResumeTicket(resumed.ticket), "a wholly new phrase 77", context=w.context())
    assert isinstance(changed, PasswordChanged)
    w.calls.admin.unlock("u1", actor="ops")
    due = w.calls.sign_in(IDENTIFIER, "a wholly new phrase 77", context=w.context(THIEF))
    assert ask(w, due.ticket, source=THIEF) == Refused()


def test_what_a_thief_got_wrong_does_not_stop_the_prompt_of_a_reset():
    w = user()
    for number in range(60):
        answer = TotpCode(f"{number:06}")
        w.calls.verify_factor(password(w), answer, context=w.context(f"198.51.100.{number}"))
        w.clock.advance(minutes=31)
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), "a wholly new phrase 77", context=w.context())
    assert type_in(w, ask(w, due.ticket).number) == PromptApproved()
    assert isinstance(poll(w, due.ticket), ProofAccepted)


def test_what_was_approved_is_shown_and_pushed_no_more():
    w = user()
    _, number = prompted(w)
    of = token(w)
    type_in(w, number, of)
    assert w.calls.inspect_prompt(of, context=w.context()) == Refused()


def test_a_lane_that_a_thief_has_stopped_does_not_stop_the_prompt_of_a_known_device():
    w = user()
    for number in range(60):
        answer = TotpCode(f"{number:06}")
        w.calls.verify_factor(password(w), answer, context=w.context(f"198.51.100.{number}"))
        w.clock.advance(minutes=31)
    assert isinstance(sign_in_by_push(w), str)


def test_asking_what_became_of_it_counts_nothing():
    w = user()
    ticket, number = prompted(w)
    for _ in range(200):
        assert isinstance(poll(w, ticket), ApprovalPending)
    stranger = password(w)
    for _ in range(200):
        assert poll(w, stranger) == Refused()
    assert not any(one.failures for one in w.calls.admin.lock_status("u1") if one.lane.startswith("factor"))
    type_in(w, number)
    assert isinstance(poll(w, ticket), SignedIn)


def test_a_right_number_typed_twice_is_right_twice_and_a_wrong_one_after_it_counts_nothing():
    w = user()
    ticket, number = prompted(w)
    of = token(w)
    assert type_in(w, number, of) == type_in(w, number, of) == PromptApproved()
    assert type_in(w, other(number), of) == Refused()
    assert len(w.sink.of(events.PromptAnswered)) <= 1
    assert isinstance(poll(w, ticket), SignedIn)


@pytest.mark.parametrize("number", [None, 123456, b"654321", "", "12345", "1234567", " 123456", "12 456", "١٢٣٤٥٦", "+12345"])
def test_a_number_has_one_spelling(number):
    w = user()
    prompted(w)
    of = token(w)
    assert w.calls.answer_prompt(of, number, context=w.context()) == Refused()
    assert record(w).factors.prompt.tries == 0


def test_a_prompt_is_over_after_its_time_and_with_its_ticket():
    w = user(lifetime=timedelta(minutes=10))
    ticket = password(w)
    w.clock.advance(minutes=8)
    sent = ask(w, ticket)
    assert sent.expires == w.clock() + timedelta(minutes=2)
    of = token(w)
    w.clock.advance(minutes=2)
    assert type_in(w, sent.number, of) == Refused()
    assert poll(w, ticket) == Refused()


def test_an_approval_is_over_with_its_prompt():
    w = user()
    ticket, number = prompted(w)
    type_in(w, number)
    w.clock.advance(minutes=2)
    assert poll(w, ticket) == Refused()


@pytest.mark.parametrize("denied", [False, True])
def test_a_clock_that_was_ahead_leaves_no_prompt_in_the_way_and_nothing_frozen(denied):
    w = user()
    w.clock.advance(hours=5)
    prompted(w)
    if denied:
        deny(w)
    w.clock.advance(hours=-5)
    assert isinstance(ask(w, password(w)), PromptSent)


def test_a_change_of_password_ends_what_is_outstanding():
    w = user()
    ticket, number = prompted(w, source=THIEF)
    of = token(w)
    w.calls.sign_out_everywhere("u1", by=Admin("ops"), context=w.context())
    assert type_in(w, number, of) == deny(w, of) == poll(w, ticket) == Refused()


class WithoutMeters:
    """A store whose meters do not answer any more."""

    def __init__(self, store):
        self.load, self.commit, self.drain, self.ack, self.scan = store.load, store.commit, store.drain, store.ack, store.scan

    def charge(self, charges, now):
        raise StoreUnavailable("The meters are away.", remedy="Wait.")

    settle = read = charge


def test_without_meters_each_process_counts_prompts_alone_where_the_policy_says_so():
    policy = evolve(CHEAPEST, lockout=evolve(CHEAPEST.lockout, on_outage=Outage.LOCAL))
    w = a_user(ground.fresh(), policy)
    w.store = WithoutMeters(w.store)
    w.restart()
    sent = 0
    for _ in range(12):
        sent += isinstance(ask(w, password(w, device=w.device), device=w.device), PromptSent)
    assert sent == 5
    w.clock.advance(hours=1)
    ticket, number = prompted(w, device=w.device)
    assert type_in(w, other(number)) == Refused()
    assert type_in(w, number) == PromptApproved()
    assert isinstance(poll(w, ticket, device=w.device), SignedIn)


def test_without_meters_nothing_is_pushed_by_default():
    w = user()
    ticket = password(w)
    w.store = WithoutMeters(w.store)
    w.restart()
    with pytest.raises(StoreUnavailable):
        ask(w, ticket)
    assert record(w).factors.prompt is None


# --- no oracle --------------------------------------------------------------------------------------------------------


def test_only_a_ticket_says_whether_somebody_has_an_app():
    w = user()
    w.sign_up("u2", "bob@example.org")
    with_app = w.calls.sign_in(IDENTIFIER, "not the password", context=w.context())
    without = w.calls.sign_in("bob@example.org", "not the password", context=w.context())
    assert with_app == without == Refused()
    for forged in ("", "x" * 488, w.session, w.device, None):
        assert w.calls.push_prompt(forged, w.push, context=w.context()) == Refused()
        assert w.calls.inspect_prompt(forged, context=w.context()) == Refused()
        assert w.calls.answer_prompt(forged, "123456", context=w.context()) == Refused()
        assert w.calls.deny_prompt(forged, context=w.context()) == Refused()


def test_the_factor_of_another_and_one_that_is_no_app_are_refused_alike():
    w = user()
    w.session = sign_in_by_push(w)
    w.enroll(w.session)
    mine = w.push
    w.sign_up("u2", "bob@example.org")
    set_up(w, w.sign_in("bob@example.org").session)
    ticket = password(w)
    totp = record(w).factors.totp[0].id
    for factor_id in (w.push, totp, "recovery", "", "x" * 33, None, 7):
        assert w.calls.push_prompt(ticket, factor_id, context=w.context()) == Refused()
    w.push = mine
    assert isinstance(ask(w, ticket), PromptSent)


def test_nothing_of_one_tenant_is_of_use_in_another():
    w = user()
    ticket, number = prompted(w)
    of = token(w)
    elsewhere = w.context(tenant="other")
    assert w.calls.push_prompt(ticket, w.push, context=elsewhere) == Refused()
    assert w.calls.inspect_prompt(of, context=elsewhere) == Refused()
    assert w.calls.answer_prompt(of, number, context=elsewhere) == Refused()
    assert w.calls.deny_prompt(of, context=elsewhere) == Refused()


@pytest.mark.parametrize("by", ["operator", "platform"])
def test_a_disabled_subject_is_asked_nothing(by):
    w = user()
    ticket, number = prompted(w)
    of = token(w)
    if by == "operator":
        w.calls.admin.disable("u1", actor="ops")
    else:
        w.directory.put(Account(subject="u1", identifiers=(IDENTIFIER,), addresses=(IDENTIFIER,), status=Status.DISABLED))
    assert w.calls.inspect_prompt(of, context=w.context()) == Refused()
    assert ask(w, ticket) == type_in(w, number, of) == poll(w, ticket) == Refused()


def test_both_faces_tell_one_story():
    def story(w):
        from tests.mfa.prompting import with_an_app

        with_an_app(w)
        ticket, number = prompted(w)
        told = [poll(w, ticket), type_in(w, other(number)), type_in(w, number), poll(w, ticket)]
        prompted(w, source=THIEF)
        told += [deny(w), ask(w, password(w))]
        w.deliver()
        w.close()
        return [repr(one) for one in told], [repr(one) for one in w.sink.events], w.messenger.messages

    assert story(a_world()) == story(async_world(policy=pushes()))


# --- the policy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"digits": 3},
        {"digits": 10},
        {"lifetime": timedelta(minutes=11)},
        {"lifetime": timedelta(seconds=29)},
        {"tries": 0},
        {"tries": 6},
        {"freeze": timedelta(minutes=4)},
        {"prompts": None},
        {"prompts": Budget(limit=101, window=timedelta(days=1))},
        {"prompts": Budget(limit=1, window=timedelta(minutes=1))},
    ],
)
def test_what_cannot_be_right_is_refused_with_the_way_out(wrong):
    with pytest.raises(ConfigError) as refused:
        PushPolicy(**wrong)
    assert refused.value.remedy


def test_no_code_is_pushed_to_an_app():
    with pytest.raises(ConfigError, match="pushed") as refused:
        DeliveredPolicy(channels={Channel.PUSH, Channel.TEXT})
    assert refused.value.remedy


def test_a_number_that_luck_finds_is_refused_where_prompts_are_pushed():
    few = {"digits": 4, "tries": 1, "prompts": Budget(limit=1, window=timedelta(days=1))}
    pushes(**few)
    with pytest.raises(ConfigError, match=r"mfa\.push"):
        pushes(digits=4)
    evolve(CHEAPEST, mfa=MfaPolicy(push=PushPolicy(digits=4)))


@given(st.binary(min_size=16, max_size=16), st.integers(4, 9))
def test_every_number_has_all_its_digits(seed, digits):
    rules = PushPolicy(digits=digits)
    number = rules.number(seed)
    assert rules.is_number(number)
    assert len(number) == digits


def test_nothing_is_pushed_to_an_app_that_was_reported_lost():
    w = user()
    ticket = w.calls._flows.core.tokens.open(Purpose.SIGN_IN, password(w), Ticket)
    before = record(w)
    lost = replaced(before, factors=before.factors.with_factor(replaced(before.factors.push[0], reported="lost")))
    scene = Scene(tenant="", subject="u1", account=w.directory.get("", "u1"), now=w.clock())
    new = Prompt(id=b"p" * 16, factor=w.push, ticket=ticket.id, digest=b"", expires=w.clock())
    assert prompt_refusal(w.policy, before, scene=scene, ticket=ticket, prompt=new) is None
    assert prompt_refusal(w.policy, lost, scene=scene, ticket=ticket, prompt=new) == No("factor")


FACTOR = Push(id="f", name="", sealed=b"", created=a_world().clock())


@settings(max_examples=200)
@given(st.booleans(), st.booleans(), st.sampled_from(["", "lost"]), st.sampled_from([b"p" * 16, b"q" * 16]))
def test_only_an_approved_prompt_of_a_live_app_proves_it_and_once(approved, there, reported, prompt_id):
    prompt = Prompt(id=b"p" * 16, factor="f", ticket=b"t" * 16, digest=b"", expires=FACTOR.created, approved=approved)
    push = (replaced(FACTOR, reported=reported),)
    factors = Factors(push=push if there else (), prompt=prompt)
    proven = PushMatch("f", prompt_id).use(factors)
    right = approved and there and not reported and prompt_id == b"p" * 16
    assert type(proven).__name__ == ("Proven" if right else "Unproven")
    if right:
        assert type(PushMatch("f", prompt_id).use(proven.factors)).__name__ == "Unproven"
