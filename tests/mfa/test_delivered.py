"""Codes by text, voice and mail as a second factor: each for one ticket, within budgets that no thief takes from the owner."""

from datetime import timedelta
from itertools import count

import pytest
from attrs import evolve
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Account,
    AddressCode,
    AddressRemoved,
    AddressVerified,
    AssuranceLevel,
    Channel,
    CodeEnrollmentStarted,
    CodeSent,
    ConfigError,
    Context,
    CurrentPassword,
    DeliveredCode,
    DeliveredPolicy,
    FactorAdded,
    FactorRemoved,
    FactorRequired,
    MessagePurpose,
    MfaPolicy,
    PasswordChanged,
    Proof,
    ProofAccepted,
    ProofRequired,
    RecoveryCode,
    RecoveryPath,
    RecoveryPolicy,
    RecoveryRequired,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TryAgain,
    UnlockFactor,
    events,
)
from acctsec._codec import decode_record
from acctsec._values import evolve as evolved
from acctsec.assurance import Method
from acctsec.budgets import Budget
from acctsec.claims import Enrollment, Ticket
from acctsec.keyring import Keyring, frame
from acctsec.mfa.actions import Action, Rule
from acctsec.outcomes import Acted, Allowed, FactorKind, ReauthenticationRequired
from acctsec.record import Delivered, Factors, Record, Totp
from acctsec.record.recovery import Contest
from acctsec.steps import Scene, code_refusal
from acctsec.testing import async_world, world
from acctsec.testing.doubles import START, SeededEntropy
from acctsec.testing.oracles import Kind, assert_no_oracle, engine_operations
from acctsec.testing.world import IDENTIFIER, PASSWORD

NUMBER, STORED = "+442079460958", "+44 (20) 7946-0958"
NEW = "ten brave badgers 733"
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY = DeliveredPolicy(channels=set(Channel) - {Channel.PUSH})
POLICY = evolve(CHEAPEST, mfa=MfaPolicy(kinds={FactorKind.TOTP, FactorKind.DELIVERED}, delivered=EVERY, actions=()))
KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]


@pytest.fixture(params=KINDS)
def w(request, places):
    """A world on each kind of store, with somebody who has a mailbox and a number."""
    place = places.fresh(request.param)
    made = world(policy=POLICY, store=place.open())
    made.sign_up(addresses=(IDENTIFIER, STORED), locale="en")
    made.deliver()
    made.place = place
    yield made
    place.close()


def somebody(policy=POLICY, **fields):
    w = world(policy=policy)
    w.sign_up(addresses=fields.pop("addresses", (IDENTIFIER, STORED)), **fields)
    w.deliver()
    return w


def code(w):
    w.deliver()
    return DeliveredCode(w.messenger.factor_code)


def enrolled(w, address=NUMBER, session=None, **more):
    """Set it up; answers the factor's id and the session."""
    started = w.calls.enroll_delivered(session or w.sign_in().session, address, context=w.context(), **more)
    assert isinstance(started, CodeEnrollmentStarted), started
    added = w.calls.confirm_factor(started.ticket, code(w), context=w.context())
    assert isinstance(added, FactorAdded), added
    w.messenger.handed.clear()
    return added.factor.id, added.session


def due(w, source="192.0.2.7", identifier=IDENTIFIER, device=None):
    """The ticket of a sign-in whose password was right."""
    found = w.calls.sign_in(identifier, PASSWORD, context=w.context(source, device=device))
    assert isinstance(found, FactorRequired), found
    return found.ticket


def send(w, ticket, factor, source="192.0.2.7", device=None):
    return w.calls.send_code(ticket, factor, context=w.context(source, device=device))


def verify(w, ticket, answer, source="192.0.2.7", device=None):
    return w.calls.verify_factor(ticket, answer, context=w.context(source, device=device))


def record(w, subject="u1"):
    return decode_record(w.store.load(frame("subject", "", subject))[0])


def texts(w):
    w.deliver()
    return w.messenger.of(MessagePurpose.FACTOR_CODE)


# --- a life -----------------------------------------------------------------------------------------------------------


def test_a_number_is_set_up_by_a_code_and_proves_a_second_factor(w):
    started = w.calls.enroll_delivered(w.sign_in().session, NUMBER, name="my phone", context=w.context())
    assert started.restricted
    assert (started.sent.channel, started.sent.address) == (Channel.TEXT, "+44 … 58")
    assert started.sent.expires - w.clock() == timedelta(minutes=10)
    (text,) = texts(w)
    assert (text.address, text.channel, text.link, text.veto, text.expires) == (STORED, Channel.TEXT, None, None, None)
    assert (text.action, text.locale, text.code_expires) == ("set-up", "en", started.sent.expires)
    added = w.calls.confirm_factor(started.ticket, DeliveredCode(text.code), context=w.context())
    assert (added.factor.kind, added.factor.method, added.factor.name) == (FactorKind.DELIVERED, "text-code", "my phone")
    assert added.factor.address == "+44 … 58"

    found = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert [(one.id, one.address) for one in found.factors] == [(added.factor.id, "+44 … 58")]
    sent = send(w, found.ticket, added.factor.id)
    assert sent == CodeSent(
        factor=added.factor.id,
        channel="text",
        address="+44 … 58",
        expires=w.clock() + timedelta(minutes=10),
        next_after=w.clock() + timedelta(seconds=30),
    )
    assert texts(w)[-1].action == "sign-in"
    signed = verify(w, found.ticket, code(w))
    assert isinstance(signed, SignedIn)
    assert (signed.info.level, signed.info.methods) == (AssuranceLevel.AAL2, ("password", "text-code"))
    w.deliver()
    assert [(one.channel, one.action) for one in w.sink.of(events.CodeIssued)] == [("text", "set-up"), ("text", "sign-in")]


def test_a_code_by_mail_is_a_second_step_and_no_second_factor_of_aal2(w):
    factor, _ = enrolled(w, IDENTIFIER)
    ticket = due(w)
    assert send(w, ticket, factor).address == "a…@example.org"
    (mail,) = texts(w)
    assert (mail.channel, mail.link) == (Channel.MAIL, None)
    assert verify(w, ticket, code(w)).info.level is AssuranceLevel.AAL1


def test_a_call_speaks_the_digits_one_by_one(w):
    factor, _ = enrolled(w, NUMBER, channel=Channel.VOICE)
    ticket = due(w)
    assert send(w, ticket, factor).channel == "voice"
    (call,) = texts(w)
    assert (call.channel, call.address) == (Channel.VOICE, STORED)
    assert call.spoken == ", ".join(call.code)
    assert verify(w, ticket, code(w)).info.methods == ("password", "voice-code")


def test_the_async_face_sends_the_same():
    w = async_world(policy=POLICY)
    w.sign_up(addresses=(IDENTIFIER, STORED))
    factor, _ = enrolled(w)
    ticket = due(w)
    assert isinstance(send(w, ticket, factor), CodeSent)
    assert verify(w, ticket, code(w)).info.methods == ("password", "text-code")
    w.close()


def test_one_number_may_be_texted_and_called_but_not_twice_the_same(w):
    _, session = enrolled(w)
    started = w.calls.enroll_delivered(session, NUMBER, context=w.context())
    assert started == Refused()
    enrolled(w, NUMBER, session=session, channel=Channel.VOICE)


@pytest.mark.parametrize("address", ["+447700900999", "alice@work.example", "nobody", "", "+", "x" * 300, None, 7])
def test_what_is_no_verified_address_of_the_account_gets_no_code(address):
    w = somebody()
    assert w.calls.enroll_delivered(w.sign_in().session, address, context=w.context()) == Refused()
    assert texts(w) == []


def test_a_mailbox_is_not_called_and_a_number_is_not_mailed():
    w = somebody()
    session = w.sign_in().session
    for address, channel in ((IDENTIFIER, Channel.VOICE), (IDENTIFIER, Channel.TEXT), (NUMBER, Channel.MAIL)):
        assert w.calls.enroll_delivered(session, address, channel=channel, context=w.context()) == Refused()
    with pytest.raises(ConfigError):
        w.calls.enroll_delivered(session, NUMBER, channel="text", context=w.context())
    assert texts(w) == []


def test_nothing_is_set_up_that_the_policy_does_not_name():
    w = somebody(CHEAPEST)
    assert w.calls.enroll_delivered(w.sign_in().session, NUMBER, context=w.context()) == Refused()
    w.restart(evolve(POLICY, mfa=evolve(POLICY.mfa, delivered=DeliveredPolicy(channels={Channel.MAIL}))))
    assert w.calls.enroll_delivered(w.sign_in().session, NUMBER, context=w.context()) == Refused()


def test_the_first_factor_that_a_policy_demands_can_be_one():
    w = somebody(evolve(POLICY, mfa=evolve(POLICY.mfa, required_groups={"staff"})), groups={"staff"})
    asked = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    started = w.calls.enroll_delivered(asked.ticket, NUMBER, context=w.context())
    added = w.calls.confirm_factor(started.ticket, code(w), context=w.context())
    assert isinstance(added, FactorAdded)


def test_a_code_that_set_a_factor_up_does_nothing_else(w):
    started = w.calls.enroll_delivered(w.sign_in().session, NUMBER, context=w.context())
    spent = code(w)
    assert isinstance(w.calls.confirm_factor(started.ticket, spent, context=w.context()), FactorAdded)
    assert w.calls.confirm_factor(started.ticket, spent, context=w.context()) == Refused()
    assert verify(w, due(w), spent) == Refused()
    assert record(w).factors.sent == ()


def test_another_code_for_a_set_up_is_sent_for_its_ticket(w):
    started = w.calls.enroll_delivered(w.sign_in().session, NUMBER, context=w.context())
    assert isinstance(send(w, started.ticket, started.sent.factor), TryAgain)
    w.clock.advance(seconds=30)
    assert send(w, started.ticket, "0" * 16) == Refused()
    assert isinstance(send(w, started.ticket, started.sent.factor), CodeSent)
    first, second = (one.code for one in texts(w))
    assert first != second
    assert isinstance(w.calls.confirm_factor(started.ticket, DeliveredCode(second), context=w.context()), FactorAdded)


# --- what a code is good for ------------------------------------------------------------------------------------------


def test_a_code_works_once_and_for_its_ticket_alone(w):
    factor, _ = enrolled(w)
    mine, other = due(w), due(w, "198.51.100.9")
    send(w, mine, factor)
    answer = code(w)
    assert verify(w, other, answer, "198.51.100.9") == Refused()
    assert isinstance(verify(w, mine, answer), SignedIn)
    assert verify(w, mine, answer) == Refused()
    assert verify(w, due(w), answer) == Refused()


def test_a_code_is_over_after_its_time_and_with_its_ticket(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    w.clock.advance(minutes=4)
    sent = send(w, ticket, factor)
    assert sent.expires - w.clock() == timedelta(minutes=6), "never longer than the ticket"
    answer = code(w)
    w.clock.advance(minutes=6)
    assert verify(w, ticket, answer) == Refused()


def test_a_code_is_over_before_its_ticket_where_the_policy_says_so(w):
    w.restart(evolve(POLICY, mfa=evolve(POLICY.mfa, delivered=evolve(EVERY, lifetime=2 * MINUTE))))
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    answer = code(w)
    w.clock.advance(minutes=2)
    assert verify(w, ticket, answer) == Refused()
    assert isinstance(send(w, ticket, factor), CodeSent)
    assert isinstance(verify(w, ticket, code(w)), SignedIn)


def test_a_message_that_would_come_too_late_is_withheld(w):
    factor, _ = enrolled(w)
    send(w, due(w), factor)
    w.clock.advance(minutes=10)
    assert texts(w) == []


def test_earlier_codes_of_a_ticket_stay_good_and_all_go_with_it(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    w.clock.advance(seconds=30)
    send(w, ticket, factor)
    late, newer = (DeliveredCode(one.code) for one in texts(w))
    assert isinstance(verify(w, ticket, late), SignedIn)
    assert record(w).factors.sent == ()
    assert verify(w, ticket, newer) == Refused()


def test_a_change_of_password_ends_every_code(w):
    factor, session = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    answer = code(w)
    claim = CurrentPassword(PASSWORD, session=session)
    assert isinstance(w.calls.set_password("u1", NEW, by=claim, context=w.context()), PasswordChanged)
    assert record(w).factors.sent == ()
    assert verify(w, ticket, answer) == Refused()


def test_what_was_not_sent_any_more_when_the_password_changed_is_withheld(w):
    factor, session = enrolled(w)
    send(w, due(w), factor)
    claim = CurrentPassword(PASSWORD, session=session)
    w.calls.set_password("u1", NEW, by=claim, context=w.context())
    assert texts(w) == []


SPELLINGS = {
    "blank": lambda code: f" {code}",
    "groups": lambda code: f"{code[:3]} {code[3:]}",
    "line": lambda code: f"{code}\n",
    "number": int,
    "bytes": str.encode,
    "wide": lambda code: code.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_code_has_one_spelling(spelling):
    w = somebody()
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    right = code(w)
    assert verify(w, ticket, DeliveredCode(spelling(right.code))) == Refused()
    assert isinstance(verify(w, ticket, right), SignedIn)


def test_a_key_that_comes_while_a_code_is_under_way_ends_neither_code_nor_factor(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    sealing, index = (w.entropy(32) for _ in range(2))
    old = [seeded(number) for number in range(2)]
    assert Keyring(sealing=[old[0]], index=[old[1]]).sealing_ids == w.keyring.sealing_ids
    w.restart(keyring=Keyring(sealing=[sealing, old[0]], index=[index, old[1]], entropy=w.entropy))
    before = record(w).factors.delivered[0].sealed
    assert isinstance(verify(w, ticket, code(w)), SignedIn)
    assert record(w).factors.delivered[0].sealed != before, "what an older key sealed is sealed anew"
    ticket = due(w)
    assert isinstance(send(w, ticket, factor), CodeSent)
    assert isinstance(verify(w, ticket, code(w)), SignedIn)


def seeded(number):
    """The keys that `world` draws first."""
    entropy = SeededEntropy(0)
    return [entropy(32) for _ in range(2)][number]


def test_neither_the_code_nor_the_number_lies_in_a_store(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    kept = w.place.dump()
    answer = code(w)
    assert answer.code.encode() not in kept
    assert b"7946" not in kept
    shown = repr((send(w, ticket, factor), answer, record(w), w.messenger.of(MessagePurpose.FACTOR_CODE), w.sink.events))
    assert answer.code not in shown
    assert "7946" not in shown


# --- unknown, foreign, dead -------------------------------------------------------------------------------------------


def test_m042_no_answer_fits_what_was_never_sent(w):
    """M-042: an unknown, expired or consumed challenge has no expected answer, and the empty one least of all."""
    factor, _ = enrolled(w)
    ticket, spent = due(w), due(w)
    for answer in ("", "0", "000000", "      ", "None", None):
        for _ in range(2):
            assert verify(w, ticket, DeliveredCode(answer)) == Refused()
            assert verify(w, "A" * len(ticket), DeliveredCode(answer)) == Refused()
    send(w, spent, factor)
    verify(w, spent, code(w))
    for answer in ("", "000000"):
        assert verify(w, spent, DeliveredCode(answer)) == Refused()
    w.clock.advance(hours=1)
    assert verify(w, ticket, DeliveredCode("")) == Refused()


def test_nothing_is_sent_for_what_is_no_ticket_and_no_such_factor(w):
    factor, session = enrolled(w)
    app, session = w.enroll(session)
    w.sign_up("u2", "bob@example.org", addresses=("bob@example.org", "+447700900123"))
    theirs, _ = enrolled(w, "+447700900123", session=w.sign_in("bob@example.org").session)
    totp = next(one.id for one in w.calls.list_factors(session, context=w.context()).factors if one.kind is FactorKind.TOTP)
    ticket = due(w)
    before = record(w)
    for wrong in (totp, theirs, "recovery", "", "0" * 16, "x" * 1000, None, b"", 7):
        assert send(w, ticket, wrong) == Refused()
    for token in ("", ticket[:-1], "A" * len(ticket), session, app.ticket, None):
        assert send(w, token, factor) == Refused()
    assert w.calls.send_code(ticket, factor, context=Context.of("192.0.2.7", tenant="other")) == Refused()
    w.clock.advance(minutes=10)
    assert send(w, ticket, factor) == Refused()
    assert record(w) == before
    assert texts(w) == []


def test_a_ticket_that_did_its_work_sends_nothing(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    assert isinstance(verify(w, ticket, code(w)), SignedIn)
    w.clock.advance(minutes=1)
    assert send(w, ticket, factor) == Refused()
    assert len(texts(w)) == 1


# --- guessing ---------------------------------------------------------------------------------------------------------


def wrong(w, number):
    """A code that was not sent."""
    sent = {one.code for one in w.messenger.of(MessagePurpose.FACTOR_CODE)}
    return DeliveredCode(next(one for one in (f"{n:06d}" for n in count(number)) if one not in sent))


def test_m080_tickets_and_codes_without_end_bring_no_guess_more(w):
    """M-080, AuthQuake: one budget of guesses a subject, whatever is asked for anew; and the owner hears of it."""
    factor, _ = enrolled(w)
    evaluated = 0
    for number in range(200):
        source = f"198.51.{number // 250}.{number % 250 + 1}"
        found = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(source))
        if not isinstance(found, FactorRequired):
            break
        send(w, found.ticket, factor, source)
        verify(w, found.ticket, DeliveredCode("123456"), source)
        w.clock.advance(minutes=31)
    w.deliver()
    strangers = [one.count for one in w.sink.of(events.GuessesCounted) if one.lane == "factor/strangers"]
    evaluated = max(strangers)
    assert evaluated <= 50
    assert w.sink.of(events.GuessingStopped)
    assert w.messenger.of(MessagePurpose.GUESSING_STOPPED)
    ticket = due(w, "203.0.113.5")
    if isinstance(send(w, ticket, factor, "203.0.113.5"), CodeSent):
        assert verify(w, ticket, code(w), "203.0.113.5") == Refused(), "the lane is closed to the right code as well"


def test_the_same_guess_at_another_code_is_another_guess():
    """Or whoever asks for codes without end tries one guess on each of them for nothing."""
    w = somebody()
    factor, _ = enrolled(w)
    for number in range(3):
        ticket = due(w)
        send(w, ticket, factor)
        w.deliver()
        assert verify(w, ticket, wrong(w, 123_000)) == Refused()
        status = {one.lane: one.failures for one in w.calls.admin.lock_status("u1")}
        assert status["factor/strangers"] == number + 1


def test_a_sent_code_opens_no_lane():
    """It has no ticket there that it could have been sent for."""
    w = somebody()
    enrolled(w)
    with pytest.raises(ConfigError, match="TotpCode"):
        w.calls.unlock(UnlockFactor(IDENTIFIER, DeliveredCode("123456")), context=w.context())


def test_another_code_resets_no_count():
    w = somebody()
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    for number in range(4):
        verify(w, ticket, wrong(w, number))
    before = {one.lane: one.failures for one in w.calls.admin.lock_status("u1")}
    w.clock.advance(seconds=30)
    assert isinstance(send(w, ticket, factor), CodeSent)
    assert {one.lane: one.failures for one in w.calls.admin.lock_status("u1")} == before
    assert before["factor/strangers"] == 4


# --- budgets ----------------------------------------------------------------------------------------------------------


def flood(w, factor, rounds=40):
    """Somebody with the password asks for codes from everywhere, as fast as he is let."""
    got = 0
    for number in range(rounds):
        source = f"198.51.100.{number + 1}"
        got += isinstance(send(w, due(w, source), factor, source), CodeSent)
        w.deliver()
    return got


def test_a_thief_with_the_password_cannot_flood_the_phone(w):
    factor, _ = enrolled(w)
    assert flood(w, factor) == EVERY.budget.limit
    assert len(texts(w)) == EVERY.budget.limit
    w.clock.advance(EVERY.budget.window * 9 / 8 + SECOND)
    assert flood(w, factor, 10) == EVERY.budget.limit


def test_who_knows_the_password_takes_no_code_from_a_known_device(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    device = verify(w, ticket, code(w)).device
    flood(w, factor)
    mine = due(w, device=device)
    assert isinstance(send(w, mine, factor, device=device), CodeSent)
    answer = code(w)
    flood(w, factor, 5)
    assert isinstance(verify(w, mine, answer, device=device), SignedIn), "nor does he push it out"


def stepping_up(w, session, action):
    """A session whose proofs are too old: the password is due, and then the factor."""
    w.clock.advance(hours=1)
    asked = w.calls.authorize(session, action, context=w.context())
    assert isinstance(asked, ReauthenticationRequired), asked
    then = w.calls.reauthenticate(asked.ticket, PASSWORD, context=w.context())
    assert isinstance(then, FactorRequired), then
    return then


def test_a_session_and_a_recovery_have_codes_of_their_own(w):
    factor, session = enrolled(w)
    codes = w.calls.issue_recovery_codes(session, context=w.context())
    flood(w, factor)
    asked = stepping_up(w, codes.session, Action.CHANGE_FACTORS)
    assert isinstance(send(w, asked.ticket, factor), CodeSent)
    handle = w.calls.request_reset(IDENTIFIER, context=w.context()).handle
    lost = w.calls.redeem_reset(RecoveryCode(codes.codes[0], handle), NEW, context=w.context())
    assert isinstance(send(w, lost.ticket, factor), CodeSent)


def test_a_number_that_two_accounts_share_gets_no_more_than_one_of_them_could_ask_for():
    policy = evolve(POLICY, mfa=evolve(POLICY.mfa, delivered=evolve(EVERY, per_number=Budget(limit=6, window=4 * HOUR))))
    w = somebody(policy)
    w.sign_up("u2", "bob@example.org", addresses=("bob@example.org", NUMBER))
    one, _ = enrolled(w)
    other, _ = enrolled(w, session=w.sign_in("bob@example.org").session)
    assert flood(w, one) == 6
    assert send(w, due(w, identifier="bob@example.org"), other) == Refused()
    w.deliver()
    assert len(texts(w)) == 6


def test_a_double_click_is_one_code_and_one_unit():
    w = somebody()
    factor, _ = enrolled(w)
    ticket = due(w)
    assert isinstance(send(w, ticket, factor), CodeSent)
    assert all(isinstance(send(w, ticket, factor), TryAgain) for _ in range(50))
    assert len(texts(w)) == 1
    assert flood(w, factor) == EVERY.budget.limit - 1


# --- numbers in doubt, numbers that go ---------------------------------------------------------------------------------


def test_nothing_goes_to_a_number_whose_sim_changed_lately_and_nothing_is_proven_by_it(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    swapped = Context.of("192.0.2.7", sim_changed=w.clock() - DAY)
    assert w.calls.send_code(ticket, factor, context=swapped) == Refused()
    assert texts(w) == []
    assert isinstance(send(w, ticket, factor), CodeSent)
    assert w.calls.verify_factor(ticket, code(w), context=swapped) == Refused()
    assert isinstance(verify(w, ticket, code(w)), SignedIn)
    long_ago = Context.of("192.0.2.7", sim_changed=w.clock() - 3 * DAY)
    assert isinstance(w.calls.send_code(due(w), factor, context=long_ago), CodeSent)


def test_a_sim_says_nothing_of_a_mailbox(w):
    factor, _ = enrolled(w, IDENTIFIER)
    assert isinstance(w.calls.send_code(due(w), factor, context=Context.of("192.0.2.7", sim_changed=w.clock())), CodeSent)


def test_no_factor_is_set_up_on_a_sim_that_just_changed(w):
    session = w.sign_in().session
    swapped = Context.of("192.0.2.7", sim_changed=w.clock())
    assert w.calls.enroll_delivered(session, NUMBER, context=swapped) == Refused()
    started = w.calls.enroll_delivered(session, NUMBER, context=w.context())
    assert w.calls.confirm_factor(started.ticket, code(w), context=swapped) == Refused()


def test_a_number_that_the_platform_took_off_proves_nothing_and_guards_all_the_same(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    answer = code(w)
    w.directory.change("u1", addresses=(IDENTIFIER,))
    assert verify(w, ticket, answer) == Refused()
    w.clock.advance(minutes=1)
    assert send(w, ticket, factor) == Refused()
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)


def test_a_message_under_way_to_a_number_that_went_is_withheld(w):
    factor, _ = enrolled(w)
    send(w, due(w), factor)
    w.directory.change("u1", addresses=(IDENTIFIER,))
    assert texts(w) == []


def test_a_factor_goes_with_its_address(w):
    """A number that changed is a new authenticator, and has to be bound (SP 800-63B-4 section 3.1.3.3)."""
    factor, session = enrolled(w)
    w.clock.advance(days=4)
    ticket = due(w)
    send(w, ticket, factor)
    session = verify(w, ticket, code(w)).session
    removed = w.calls.remove_address(session, STORED, context=w.context())
    assert isinstance(removed, AddressRemoved), removed
    w.deliver()
    assert record(w).factors.delivered == ()
    assert [one.factor for one in w.sink.of(events.FactorDropped)] == [factor]
    assert w.messenger.of(MessagePurpose.FACTOR_REMOVED)
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_an_address_stays_while_the_policy_needs_its_factor(w):
    w.restart(evolve(POLICY, mfa=evolve(POLICY.mfa, required_groups={"staff"})))
    factor, _ = enrolled(w)
    w.directory.change("u1", groups=frozenset({"staff"}))
    w.clock.advance(days=4)
    ticket = due(w)
    send(w, ticket, factor)
    session = verify(w, ticket, code(w)).session
    assert w.calls.remove_address(session, STORED, context=w.context()) == Refused()
    assert [one.id for one in record(w).factors.delivered] == [factor]


def test_a_number_that_an_administrator_withdrew_opens_nothing_by_going(w):
    factor, _ = enrolled(w)
    before = due(w)
    assert isinstance(w.calls.admin.withdraw_address("u1", STORED, actor="root"), Acted)
    w.deliver()
    (left,) = record(w).factors.delivered
    assert left.reported == "withdrawn"
    assert w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()) == RecoveryRequired()
    assert send(w, before, factor) == Refused()


def test_who_came_in_by_a_number_that_is_withdrawn_has_proven_nothing_by_it(w):
    """An administrator takes a number off that somebody took over, and who is in the account by it now."""
    w.restart(evolve(POLICY, mfa=evolve(POLICY.mfa, remember=DAY)))
    factor, _ = enrolled(w)
    w.clock.advance(hours=1)
    ticket = due(w)
    send(w, ticket, factor)
    theirs = w.calls.verify_factor(ticket, code(w), remember=True, context=w.context())
    assert theirs.info.level is AssuranceLevel.AAL2
    w.calls.admin.withdraw_address("u1", STORED, actor="root")
    w.deliver()
    assert w.calls.check_session(theirs.session, context=w.context()).session.level is AssuranceLevel.AAL1
    assert w.calls.enroll_totp(theirs.session, context=w.context()) == Refused()
    assert w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=theirs.device)) == RecoveryRequired()
    w.deliver()
    assert [(one.factor, one.why) for one in w.sink.of(events.FactorInvalidated)] == [(factor, "withdrawn")]


@pytest.mark.parametrize("used", [True, False])
def test_a_number_takes_its_factor_with_it_when_the_index_key_that_named_it_is_gone(used):
    """Else its owner, who took the number off, would be asked for a code that goes nowhere."""
    w = somebody()
    factor, _ = enrolled(w)
    old, new = SeededEntropy(0), SeededEntropy(1)
    sealing, index = [new(32), old(32)], [new(32), old(32)]
    w.restart(keyring=Keyring(sealing=sealing, index=index))
    ticket, named = due(w), record(w).factors.delivered[0].digest
    send(w, ticket, factor)
    if used:
        assert isinstance(verify(w, ticket, code(w)), SignedIn)
    else:
        assert w.calls.admin.rewrap(limit=10).changed == 1
        assert w.calls.admin.rewrap(limit=10).changed == 0
    assert record(w).factors.delivered[0].digest != named
    w.restart(keyring=Keyring(sealing=sealing[:1], index=index[:1]))
    w.clock.advance(days=4)
    ticket = due(w)
    send(w, ticket, factor)
    session = verify(w, ticket, code(w)).session
    assert w.calls.enroll_delivered(session, NUMBER, context=w.context()) == Refused(), "it is one already"
    assert isinstance(w.calls.remove_address(session, STORED, context=w.context()), AddressRemoved)
    w.deliver()
    assert record(w).factors.delivered == ()
    assert isinstance(w.sign_in(), SignedIn)


def test_a_channel_that_was_taken_off_while_it_was_set_up_locks_nobody_out():
    w = somebody()
    started = w.calls.enroll_delivered(w.sign_in().session, NUMBER, channel=Channel.VOICE, context=w.context())
    answer = code(w)
    w.restart(evolve(POLICY, mfa=evolve(POLICY.mfa, delivered=DeliveredPolicy(channels={Channel.TEXT}))))
    assert w.calls.confirm_factor(started.ticket, answer, context=w.context()) == Refused()
    assert isinstance(w.sign_in(), SignedIn)


def test_who_is_asked_for_more_at_a_strange_sign_in_gets_the_code_that_sets_it_up():
    """By the step alone: the rule holds for strange requests, and the ticket of the set-up says that it was one."""
    rule = Rule(Method.TEXT, actions=Action.SIGN_IN, risky=True)
    policy = evolve(POLICY, mfa=evolve(POLICY.mfa, rules=(rule,)))
    app = Totp(id="a", name="", sealed=b"", created=START - DAY, last_step=0)
    owner = Record(incarnation=b"i", epoch=3, factors=Factors(totp=(app,)))
    scene = Scene(tenant="", subject="u1", account=Account(subject="u1", addresses=(NUMBER,)), now=START)

    def why(*, risky):
        set_up = Enrollment(
            tenant="",
            subject="u1",
            incarnation=b"i",
            epoch=3,
            id=b"t",
            issued=START,
            expires=START + MINUTE,
            session=b"",
            name="",
            secret=b"",
            kind="delivered",
            methods=("password", "totp"),
            risky=risky,
        )
        return code_refusal(policy, owner, scene=scene, ticket=set_up, factor=b"t".hex(), channel="text", recovering=False)

    assert why(risky=True) is None
    assert why(risky=False) == "ticket"


def test_a_replaced_number_takes_its_factor_with_it_and_the_new_one_has_none(w):
    factor, session = enrolled(w)
    w.clock.advance(days=4)
    ticket = due(w)
    send(w, ticket, factor)
    session = verify(w, ticket, code(w)).session
    pending = w.calls.add_address(session, "+447700900123", replaces=STORED, context=w.context())
    w.deliver()
    proof = AddressCode(pending.change, w.messenger.address_code)
    verified = w.calls.verify_address(proof, session=session, context=w.context())
    assert isinstance(verified, AddressVerified), verified
    assert record(w).factors.delivered == ()
    w.deliver()
    assert [one.factor for one in w.sink.of(events.FactorDropped)] == [factor]


# --- recoveries and step-ups ------------------------------------------------------------------------------------------


def test_mail_and_a_text_are_one_proof_in_a_recovery(w):
    factor, _ = enrolled(w)
    found = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert not isinstance(found, PasswordChanged | FactorRequired), found
    ticket = found.ticket if isinstance(found, ProofRequired) else ""
    sent = send(w, ticket, factor)
    if isinstance(sent, CodeSent):
        proven = verify(w, ticket, code(w))
        assert isinstance(proven, ProofAccepted)
        again = w.calls.redeem_reset(ResumeTicket(proven.ticket), NEW, context=w.context())
        assert not isinstance(again, PasswordChanged)


def test_a_printed_code_and_a_text_reset_a_password(w):
    factor, session = enrolled(w)
    codes = w.calls.issue_recovery_codes(session, context=w.context()).codes
    handle = w.calls.request_reset(IDENTIFIER, context=w.context()).handle
    asked = w.calls.redeem_reset(RecoveryCode(codes[0], handle), NEW, context=w.context())
    assert isinstance(asked, FactorRequired), asked
    assert [one.id for one in asked.factors] == [factor]
    assert isinstance(send(w, asked.ticket, factor), CodeSent)
    assert texts(w)[-1].action == "reset"
    proven = verify(w, asked.ticket, code(w))
    assert isinstance(proven, ProofAccepted), proven
    assert isinstance(w.calls.redeem_reset(ResumeTicket(proven.ticket), NEW, context=w.context()), PasswordChanged)


def test_a_session_proves_more_by_a_text_and_hears_what_for(w):
    factor, session = enrolled(w)
    asked = stepping_up(w, session, Action.EXPORT_DATA)
    send(w, asked.ticket, factor)
    assert texts(w)[-1].action == "export-data"
    more = verify(w, asked.ticket, code(w))
    assert isinstance(more, SignedIn), more
    assert isinstance(w.calls.authorize(more.session, Action.EXPORT_DATA, context=w.context()), Allowed)


def test_a_session_that_ended_is_sent_nothing(w):
    factor, session = enrolled(w)
    asked = stepping_up(w, session, Action.EXPORT_DATA)
    w.calls.sign_out(session, context=w.context())
    assert send(w, asked.ticket, factor) == Refused()
    assert texts(w) == []


def test_what_is_lost_or_leads_nowhere_is_sent_nothing():
    """By the step alone: for whom a code goes out."""
    factor = Delivered(id="f", name="", channel="text", sealed=b"", digest=b"d", created=START - DAY)
    own = Account(subject="u1", addresses=(NUMBER,))
    scene = Scene(tenant="", subject="u1", account=own, now=START)
    ticket = Ticket(
        tenant="",
        subject="u1",
        incarnation=b"i",
        epoch=3,
        id=b"t",
        issued=START,
        expires=START + MINUTE,
        methods=("password",),
    )
    by_mail = RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=AssuranceLevel.AAL2)
    no_texts = evolve(POLICY, recovery=RecoveryPolicy(paths=(by_mail,)))

    def why(policy=POLICY, *, factor=factor, scene=scene, recovering=False, channel="text", of="f", **record):
        kept = Record(**{"incarnation": b"i", "epoch": 3, "factors": Factors(delivered=(factor,))} | record)
        return code_refusal(policy, kept, scene=scene, ticket=ticket, factor=of, channel=channel, recovering=recovering)

    assert why() is None
    assert why(recovering=True) is None
    assert why(no_texts, recovering=True) == "no path"
    assert why(factor=evolved(factor, reported="lost")) == "factor"
    assert why(of="g") == why(channel="voice") == "factor"
    assert why(epoch=4) == why(incarnation=b"j") == why(disabled=True) == "ticket"
    assert why(scene=evolved(scene, account=None)) == "ticket"
    assert why(scene=evolved(scene, now=START + MINUTE)) == "ticket"
    assert why(scene=evolved(scene, sim_changed=START)) == "sim"
    since = Contest(since=START - 2 * DAY, proofs=("link",))
    assert why(recovering=True, contest=since) == "factor", "who made the vetoed change may have set it up"


def test_a_factor_may_be_removed_and_its_codes_with_it(w):
    factor, session = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    assert isinstance(w.calls.remove_factor(session, factor, context=w.context()), FactorRemoved)
    assert record(w).factors.sent == ()
    assert texts(w) == []


# --- nobody can tell --------------------------------------------------------------------------------------------------


def _texted(place):
    w = place.world
    account = place.sign_up()
    w.directory.put(evolve(account, addresses=(*account.addresses, NUMBER)))
    enrolled(w, session=w.sign_in(place.identifier, place.password).session)


def test_a_stranger_cannot_tell_who_gets_codes():
    kind = Kind(name="gets codes by text", make=_texted)
    operations = lambda w: {name: engine_operations(w)[name] for name in ("sign_in", "request_reset")}
    assert_no_oracle(lambda: world(policy=POLICY), kinds=[kind], operations=operations)


def test_codes_of_a_clock_that_was_ahead_are_good_for_nothing_and_in_nobodys_way(w):
    factor, _ = enrolled(w)
    ticket = due(w)
    send(w, ticket, factor)
    device = verify(w, ticket, code(w)).device
    w.clock.advance(DAY * 30)
    for _ in range(3):
        ahead = due(w, device=device)
        assert isinstance(send(w, ahead, factor, device=device), CodeSent)
    late = code(w)
    w.clock.advance(-DAY * 29)
    assert verify(w, ahead, late, device=device) == Refused()
    for _ in range(3):
        ticket = due(w)
        assert isinstance(send(w, ticket, factor), CodeSent)
    assert isinstance(verify(w, ticket, code(w)), SignedIn)
