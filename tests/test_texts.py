"""Texts: a code and nothing else, good for ten minutes, to the stored number; and what strangers can do to them."""

from datetime import timedelta
from itertools import count

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Account,
    Ambiguous,
    Channel,
    ConfigError,
    CurrentPassword,
    FactorRequired,
    MessagePurpose,
    PasswordChanged,
    PasswordRejected,
    Refused,
    ResetCode,
    ResetLink,
    ResetPolicy,
    ResumeTicket,
    SignedIn,
)
from acctsec._values import evolve as evolved
from acctsec.budgets import Budget
from acctsec.events import ChangeBegan, PasswordReset, ResetIssued, ResetWithheld
from acctsec.outcomes import Acted, Waiting
from acctsec.record import Reset
from acctsec.reset import Dead, Redeemable
from acctsec.testing import async_world, world
from acctsec.testing.doubles import START
from acctsec.testing.world import IDENTIFIER, PASSWORD

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STORED = "+44 (20) 7946-0958"  # as the platform has it
NUMBER = "+442079460958"
NEW = "ten brave badgers 733"
POLICY = ResetPolicy()
LATE = POLICY.text_lifetime - POLICY.per_number.window * 9 / 8
"""How late delivery may be, 1 min: a text is forgotten before its code is over."""
KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]


@pytest.fixture(params=KINDS)
def w(request, places):
    """A world on each kind of store, with somebody who has a number and then an address of mail."""
    place = places.fresh(request.param)
    made = world(store=place.open())
    made.sign_up(addresses=(STORED, IDENTIFIER), locale="pt-BR")
    made.deliver()
    yield made
    place.close()


def asked(w, name, address="192.0.2.7"):
    """Ask for a reset; answers the handle."""
    return w.calls.request_reset(name, context=w.context(address)).handle


def redeemed(w, handle, code, new=NEW):
    return w.calls.redeem_reset(ResetCode(handle, code), new, context=w.context())


def test_a_reset_for_a_number_is_a_text_with_a_code_alone(w):
    handle = asked(w, "+44 20 7946 0958")
    w.deliver()
    (text,) = w.messenger.of(MessagePurpose.RESET)
    assert (text.address, text.channel, text.locale) == (STORED, Channel.TEXT, "pt-BR")
    assert (text.link, text.expires) == (None, None)
    assert text.code_expires - w.clock() == timedelta(minutes=10)
    assert isinstance(redeemed(w, handle, text.code), PasswordChanged)
    w.deliver()
    assert [one.methods for one in w.sink.of(PasswordReset)] == [("text",)]
    assert [one.channel for one in w.sink.of(ResetIssued)] == [Channel.TEXT]
    assert isinstance(w.calls.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)


def test_the_async_face_sends_the_same():
    w = async_world()
    w.sign_up(addresses=(STORED, IDENTIFIER), locale="de")
    handle = asked(w, NUMBER)
    w.deliver()
    (text,) = w.messenger.of(MessagePurpose.RESET)
    assert (text.address, text.channel, text.locale, text.link) == (STORED, Channel.TEXT, "de", None)
    assert isinstance(redeemed(w, handle, text.code), PasswordChanged)
    w.close()


def test_the_same_reset_by_mail_has_both(w):
    asked(w, IDENTIFIER)
    w.deliver()
    (mail,) = w.messenger.of(MessagePurpose.RESET)
    assert (mail.address, mail.channel, mail.locale) == (IDENTIFIER, Channel.MAIL, "pt-BR")
    assert (mail.expires - w.clock(), mail.code_expires - w.clock()) == (POLICY.link_lifetime, POLICY.code_lifetime)
    assert mail.link


def test_by_a_name_the_first_address_is_asked(w):
    w.directory.change("u1", identifiers=("alice",))
    handle = asked(w, "Alice")
    w.deliver()
    (text,) = w.messenger.of(MessagePurpose.RESET)
    assert text.address == STORED
    assert isinstance(redeemed(w, handle, text.code), PasswordChanged)


def test_a_texted_code_is_over_after_ten_minutes_and_a_mailed_link_is_not(w):
    handle = asked(w, NUMBER)
    asked(w, IDENTIFIER)
    w.deliver()
    text, mail = w.messenger.of(MessagePurpose.RESET)
    w.clock.advance(minutes=10)
    assert redeemed(w, handle, text.code) == Refused()
    assert isinstance(w.calls.redeem_reset(ResetLink(mail.link), NEW, context=w.context()), PasswordChanged)


def test_a_texted_code_works_once(w):
    handle = asked(w, NUMBER)
    w.deliver()
    code = w.messenger.code
    assert isinstance(redeemed(w, handle, code), PasswordChanged)
    assert redeemed(w, handle, code, f"{NEW} 2") == Refused()


def test_a_text_that_would_come_after_its_end_is_withheld(w):
    asked(w, NUMBER)
    w.clock.advance(minutes=10)
    w.deliver()
    assert w.messenger.of(MessagePurpose.RESET) == []
    assert [one.reason for one in w.sink.observations if isinstance(one, ResetWithheld)] == ["late"]


def test_a_texted_code_is_good_beside_any_handle_of_its_subject_and_no_other(w):
    w.sign_up("u2", "bob@example.org")
    asked(w, NUMBER, "198.51.100.1")
    w.deliver()
    code, others = w.messenger.code, asked(w, "bob@example.org")
    assert redeemed(w, others, code) == Refused()
    assert redeemed(w, "", code) == Refused()
    assert isinstance(redeemed(w, asked(w, IDENTIFIER), code), PasswordChanged)


def test_a_mailed_code_is_good_beside_its_own_handle_alone(w):
    asked(w, IDENTIFIER, "198.51.100.1")
    w.deliver()
    code = w.messenger.code
    assert redeemed(w, asked(w, IDENTIFIER), code) == Refused()
    assert redeemed(w, asked(w, NUMBER), code) == Refused()


def test_a_number_that_was_taken_off_the_account_resets_nothing(w):
    """As with recycled numbers: the code that its next holder reads is for nothing."""
    handle = asked(w, NUMBER)
    w.deliver()
    w.directory.change("u1", addresses=(IDENTIFIER,))
    assert redeemed(w, handle, w.messenger.code) == Refused()


def test_a_text_alone_is_not_enough_where_a_factor_is_live(w):
    app, _ = w.enroll(w.sign_in().session)
    w.deliver()
    handle = asked(w, NUMBER)
    w.deliver()
    due = redeemed(w, handle, w.messenger.code)
    assert isinstance(due, FactorRequired)
    proven = w.calls.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    waits = w.calls.redeem_reset(ResumeTicket(proven.ticket), NEW, context=w.context())
    assert isinstance(waits, Waiting), "one phone shows both"
    assert waits.until == w.clock() + timedelta(days=1)
    w.deliver()
    assert [one.methods for one in w.sink.of(ChangeBegan)] == [("text", "totp")]
    assert w.sink.of(PasswordReset) == []


def test_notices_go_to_numbers_too_and_only_mail_has_links(w):
    w.calls.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    for number in range(60):
        w.calls.sign_in(IDENTIFIER, f"guess {number}", context=w.context(f"198.51.100.{number}"))
        w.clock.advance(minutes=31)
    w.deliver()
    changed, stopped = map(w.messenger.of, (MessagePurpose.PASSWORD_CHANGED, MessagePurpose.GUESSING_STOPPED))
    both = {STORED: (Channel.TEXT, "pt-BR"), IDENTIFIER: (Channel.MAIL, "pt-BR")}
    for notices in (changed, stopped):
        assert {one.address: (one.channel, one.locale) for one in notices} == both
    assert {one.address: bool(one.link) for one in stopped} == {STORED: False, IDENTIFIER: True}


def test_a_first_password_comes_by_mail_and_not_at_all_where_there_is_none(w):
    assert isinstance(w.calls.admin.initial_password("u1", actor="root"), Acted)
    w.deliver()
    (mail,) = w.messenger.of(MessagePurpose.INITIAL_PASSWORD)
    assert (mail.address, mail.code, mail.expires - w.clock()) == (IDENTIFIER, None, POLICY.initial_lifetime)
    w.directory.change("u1", addresses=(STORED,))
    assert w.calls.admin.initial_password("u1", actor="root") == Refused()


def test_a_first_password_asked_for_just_before_the_mail_address_went_is_withheld(w):
    w.calls.admin.initial_password("u1", actor="root")
    w.directory.change("u1", addresses=(STORED,))
    w.deliver()
    assert w.messenger.of(MessagePurpose.INITIAL_PASSWORD) == []


def test_every_message_says_until_when_what_it_carries_holds(w):
    w.calls.admin.initial_password("u1", actor="root")
    asked(w, NUMBER)
    asked(w, IDENTIFIER)
    w.deliver()
    w.enroll(w.sign_in().session)
    for number in range(60):
        w.calls.sign_in(IDENTIFIER, f"guess {number}", context=w.context(f"198.51.100.{number}"))
        w.clock.advance(minutes=31)
        w.deliver()
    assert {one.purpose for one in w.messenger.messages} >= {MessagePurpose.RESET, MessagePurpose.GUESSING_STOPPED}
    for one in w.messenger.messages:
        assert (one.link is None is one.veto) == (one.expires is None), one
        assert (one.code is None) == (one.code_expires is None), one
        assert one.link is None is one.veto or one.channel is Channel.MAIL, one


# --- an address that several have ---


@pytest.mark.parametrize("shared", [STORED, IDENTIFIER])
def test_where_two_share_an_address_and_the_platform_tells_nobody_apart_it_gets_nothing(shared):
    w = world()
    for subject in ("u1", "u2"):
        w.sign_up(subject, f"{subject}-name", addresses=(shared,))
    w.deliver()
    w.messenger.handed.clear()
    assert w.directory.find("", NUMBER if shared == STORED else shared) == Ambiguous()
    asked(w, shared)
    w.deliver()
    assert w.messenger.handed == []


@pytest.mark.parametrize("shared", [STORED, IDENTIFIER])
def test_asked_for_by_name_it_gets_one_message_for_that_one(shared):
    w = world()
    for subject in ("u1", "u2"):
        w.sign_up(subject, f"{subject}-name", addresses=(shared,))
    w.deliver()
    handle = asked(w, "u2-name")
    w.deliver()
    (one,) = w.messenger.of(MessagePurpose.RESET)
    assert (one.subject, one.address) == ("u2", shared)
    assert redeemed(w, asked(w, "u1-name"), one.code) == Refused()
    assert isinstance(redeemed(w, handle, one.code), PasswordChanged)
    assert isinstance(w.calls.sign_in("u1-name", PASSWORD, context=w.context()), SignedIn)


def test_what_fills_a_shared_number_for_one_takes_no_text_from_the_other():
    w = world()
    for subject in ("u1", "u2"):
        w.sign_up(subject, f"{subject}-name", addresses=(STORED,))
    w.deliver()
    for _ in range(5):
        asked(w, "u1-name")
    w.deliver()
    asked(w, "u2-name")
    w.deliver()
    assert [one.subject for one in w.messenger.of(MessagePurpose.RESET)] == ["u1", "u1", "u2"]


# --- floods ---

WAITS = (SECOND, 20 * SECOND, MINUTE, 3 * MINUTE, 7 * MINUTE, 8 * MINUTE, 9 * MINUTE, 10 * MINUTE, 11 * MINUTE)
FLOODS = st.tuples(st.sampled_from((NUMBER, IDENTIFIER, "alice", "+15550100")), st.integers(1, 6))
STEPS = FLOODS.map(lambda one: ("flood", one)) | st.sampled_from([*(("wait", one) for one in WAITS), ("owner", 0)])
EVERY_MINUTE = [("flood", (NUMBER, 2)), ("wait", MINUTE)]


class Flood:
    """An owner who reads texts alone, and strangers who ask for resets; delivery is late, but not too late."""

    def __init__(self, w, *, addresses=(STORED,), late=LATE - SECOND):
        self.w, self.late = w, late
        w.sign_up(identifier="alice", addresses=addresses)
        w.deliver()
        self.sources, self.delivered, self.asked = count(), w.clock(), []

    def play(self, steps):
        for act, what in steps:
            getattr(self, act)(what)

    def flood(self, what):
        name, many = what
        for _ in range(many):
            number = next(self.sources)
            asked(self.w, name, f"198.{18 + number // 62500 % 2}.{number // 250 % 250}.{number % 250 + 1}")

    def wait(self, long):
        end = self.w.clock() + long
        while self.w.clock() < end:
            self.w.clock.advance(min(end, self.delivered + self.late) - self.w.clock())
            if self.w.clock() == self.delivered + self.late:
                self.deliver()

    def deliver(self):
        self.w.deliver()
        self.delivered = self.w.clock()

    def owner(self, _):
        """The owner asks, types the newest code that lies there, and has a new password; the flood goes on afterwards."""
        limit, window = POLICY.per_source.limit, POLICY.per_source.window * 9 / 8
        self.asked = [one for one in self.asked if self.w.clock() < one + window]
        if len(self.asked) == limit:
            return
        self.asked.append(self.w.clock())
        handle = asked(self.w, NUMBER)
        self.deliver()
        texts = [one for one in self.w.messenger.of(MessagePurpose.RESET, subject="u1") if one.channel is Channel.TEXT]
        assert texts[-1].code_expires > self.w.clock()
        assert isinstance(redeemed(self.w, handle, texts[-1].code, "short"), PasswordRejected)


@given(steps=st.lists(STEPS, max_size=40))
@example(steps=[*EVERY_MINUTE * 12, ("owner", 0), *EVERY_MINUTE * 12, ("owner", 0)])
@example(steps=[("flood", (NUMBER, 6)), ("wait", 9 * MINUTE), ("owner", 0), ("wait", 30 * SECOND), ("owner", 0)])
@settings(suppress_health_check=list(HealthCheck))
def test_in_any_flood_an_owner_who_asks_has_a_code_that_works_in_his_browser(steps):
    """At once when that is delivered: his own, or one that the flood has brought."""
    Flood(world()).play(steps)


@given(steps=st.lists(STEPS, max_size=40))
@settings(suppress_health_check=list(HealthCheck))
def test_so_does_one_who_has_an_address_of_mail_that_he_cannot_read(steps):
    Flood(world(), addresses=(IDENTIFIER, STORED)).play(steps)


@given(steps=st.lists(STEPS, max_size=40))
@settings(suppress_health_check=list(HealthCheck))
def test_no_flood_brings_a_number_more_texts_than_the_policy_says(steps):
    story = Flood(world(), addresses=(STORED, IDENTIFIER))
    story.play(steps)
    story.deliver()
    texts = [one for one in story.w.messenger.of(MessagePurpose.RESET, subject="u1") if one.channel is Channel.TEXT]
    times, limit = sorted(one.at for one in texts), POLICY.per_number.limit
    assert all(end - begin >= POLICY.per_number.window for begin, end in zip(times, times[limit:], strict=False))


# --- the policy ---


@pytest.mark.parametrize(
    ("knobs", "word"),
    [
        ({"text_lifetime": timedelta(minutes=10, seconds=1)}, "text_lifetime"),
        ({"text_lifetime": timedelta(seconds=59)}, "text_lifetime"),
        ({"per_number": Budget(limit=2, window=timedelta(minutes=9))}, "per_number"),
        ({"per_number": 2}, "per_number"),
    ],
)
def test_a_text_lives_ten_minutes_at_most_and_longer_than_it_is_counted(knobs, word):
    with pytest.raises(ConfigError, match=word):
        ResetPolicy(**knobs)


def test_nothing_lives_longer_than_a_link():
    short = {"link_lifetime": timedelta(minutes=9), "code_lifetime": MINUTE, "resume_lifetime": MINUTE}
    with pytest.raises(ConfigError, match="text_lifetime"):
        ResetPolicy(**short, per_subject=Budget(limit=3, window=timedelta(minutes=5)))


def test_a_policy_of_its_own_binds_a_mailed_code_to_its_handle_and_a_texted_one_to_none():
    ends = START + MINUTE
    mailed = Reset(id=b"asked", epoch=0, recipient=b"", link=b"", code=b"code", expires=ends, code_expires=ends)
    for channel, expected in ((Channel.MAIL, Dead), (Channel.TEXT, Redeemable)):
        live = (evolved(mailed, channel=channel.value),)
        found = POLICY.redeem_code(live, handle=b"other", digests=[b"code"], texted=[b"code"], epoch=0, now=START)
        assert isinstance(found, expected)


def test_one_guess_meets_every_code_that_lives():
    """Three codes of six digits at thirty tries a day are too easy together, and one alone is not."""
    codes = evolve(CHEAPEST.lockout.codes, free=5, stop=50)
    lockout = evolve(CHEAPEST.lockout, codes=codes)
    with pytest.raises(ConfigError, match="code_digits"):
        evolve(CHEAPEST, lockout=lockout, reset=ResetPolicy(code_digits=6, live=3))
    evolve(CHEAPEST, lockout=lockout, reset=ResetPolicy(code_digits=6, live=1), mfa=evolve(CHEAPEST.mfa, window=0))


# --- accounts ---


@pytest.mark.parametrize("locale", ["", "de", "pt-BR", "zh-Hant-TW", "sr-Latn", "de-CH-1996", "en-u-ca-gregory"])
def test_a_locale_has_the_shape_of_a_language_tag(locale):
    assert Account(subject="u1", locale=locale).locale == locale


@pytest.mark.parametrize(
    "locale", ["de_DE", "d", "-de", "de-", "de--DE", "de-DE\n", "d\u00e9", "../../etc", "x" * 9, "en-" * 12 + "x", None, b"de", 7]
)
def test_what_is_no_language_tag_is_refused(locale):
    with pytest.raises(ConfigError, match="language tag"):
        Account(subject="u1", locale=locale)
