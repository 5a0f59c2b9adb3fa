"""What is handed out is good for one subject, one purpose, one tenant, one epoch and a while (I02, I03, I04)."""

import os
import time
from datetime import UTC, datetime, timedelta
from inspect import getmembers, isfunction, signature
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.museum.artefacts import ARTEFACTS, doors
from tests.museum.harness import NEW, OTHERS, address, exhibit, par

from acctsec import (
    Admin,
    Context,
    CurrentPassword,
    Engine,
    FreshSession,
    Keyring,
    PasswordChanged,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    ResetPending,
    ResumeTicket,
    SessionEnded,
    SessionsEnded,
    SessionValid,
    SignedIn,
    Status,
)
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.keyring import frame
from acctsec.outcomes import EndReason
from acctsec.testing.world import IDENTIFIER, PASSWORD

NO = (Refused(), SessionEnded(EndReason.UNKNOWN), SessionsEnded(0))


@pytest.mark.parametrize("name", ARTEFACTS)
def test_m010_an_artefact_opens_no_other_door(place, name):
    """Given to every operation it is not for, an artefact is refused, changes nothing, and still works for its own."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    made = artefact.make(w)
    if not hasattr(w, "app"):
        w.app, _, _ = w.guarded("u9", "ida@example.org")
        made = artefact.make(w) if name == "sign-in ticket" else made
    token = made.handle if isinstance(made, ResetCode) else made
    mark = len(w.trace)

    for door, (give, takes) in doors(w).items():
        if name not in takes:
            assert give(token) in NO, door

    assert not any(call[0] in {"commit", "charge"} for call in w.trace[mark:])
    assert artefact.use(w, made)


ELSEWHERE = {Purpose.PASSKEY, Purpose.CHALLENGE}
"""Bound to nobody yet, or to all that was typed: tests/museum/test_passkeys.py and tests/test_challenges.py."""
NEED_A_POLICY = {"enroll_passkey", "sign_in_with_passkey", "begin_passkey_sign_in", "enroll_outside"}


def test_m010_every_purpose_is_minted_and_every_door_is_tried(place):
    """What is handed out has an artefact of its purpose, and what takes a token is a door; a new one of either is missed here."""
    seen = {}
    for number, (name, artefact) in enumerate(ARTEFACTS.items()):
        w = artefact.world(place, seed=number)
        made = artefact.make(w)
        token = made.handle if isinstance(made, ResetCode) else made
        tokens = Tokens(w.keyring)
        seen |= {one: name for one in Purpose if tokens.open(one, token, one.kind) is not None}
        if number == 0:
            w.app = w.guarded("u9", "ida@example.org")[0]
            tried = {one.partition(" ")[0] for one in doors(w)}
        for subject in ("u1", "u7", "u8", "u9"):
            w.engine.admin.erase(subject, actor="root")
    operations = {name for name, one in getmembers(Engine, isfunction) if "context" in signature(one).parameters}

    assert set(Purpose) - set(seen) == ELSEWHERE
    assert operations - tried == {"sign_in", "request_reset"} | NEED_A_POLICY


def test_m015_a_deployment_accepts_nothing_of_another(place):
    """Everything handed out under one keyring is rubbish to an engine with another one, on the very same store."""
    for number, (name, artefact) in enumerate(ARTEFACTS.items()):
        w = artefact.world(place, seed=number)
        token = artefact.make(w)
        keyring = w.keyring
        stranger = Keyring(sealing=[os.urandom(32)], index=[os.urandom(32)])

        w.restart(keyring=stranger)
        assert not artefact.use(w, token) or name == "device", name
        w.restart(keyring=keyring)
        w.engine.admin.erase("u1", actor="root")


@given(st.lists(st.text() | st.binary(), max_size=5), st.lists(st.text() | st.binary(), max_size=5))
def test_m016_what_is_bound_is_bound_without_ambiguity(one, other):
    """No two lists of parts are framed to the same bytes, wherever a border is moved to."""
    as_bytes = [
        [part.encode(errors="surrogatepass") if isinstance(part, str) else part for part in parts] for parts in (one, other)
    ]

    assert (frame(*as_bytes[0]) == frame(*as_bytes[1])) is (as_bytes[0] == as_bytes[1])


@given(st.text(max_size=8), st.text(max_size=8), st.data())
def test_m016_no_shift_between_purpose_and_subject_opens_a_seal(purpose, subject, data):
    """Bytes that move between purpose, tenant and subject never make another valid seal."""
    keyring = Keyring(sealing=[bytes(range(32))], index=[bytes(range(1, 33))])
    sealed = keyring.seal(purpose, b"plain", subject, "x")
    whole = purpose + subject + "x"
    first = data.draw(st.integers(0, len(whole)))
    second = data.draw(st.integers(first, len(whole)))
    moved = (whole[:first], whole[first:second], whole[second:])

    opened = keyring.open(moved[0], sealed, *moved[1:])

    assert (opened is None) is (moved != (purpose, subject, "x"))


@pytest.mark.parametrize("name", ARTEFACTS)
def test_m017_an_artefact_of_one_tenant_is_worth_nothing_in_another(place, name):
    """Two tenants have a subject of the same name, password and all: what one was given, the other refuses."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    twin = w.directory.get("", "u1")
    w.directory.put(twin, tenant="other")
    here = w.context
    w.__class__ = type("Elsewhere", (type(w),), {"context": lambda self, *a, **k: here(*a, **{**k, "tenant": "other"})})

    assert not artefact.use(w, token)

    w.__class__ = w.__class__.__bases__[0]
    assert artefact.use(w, token)


def test_m018_a_code_is_worth_nothing_beside_somebody_elses_handle(w):
    """A reset code works with the handle it was asked under, for the subject it was sent to, and survives the attempt."""
    w.sign_up()
    w.sign_up("u2", "mallory@example.org")
    handles, codes = {}, {}
    for name in (IDENTIFIER, "mallory@example.org", IDENTIFIER):
        handles.setdefault(name, []).append(w.engine.request_reset(name, context=w.context()).handle)
        w.deliver()
        codes.setdefault(name, []).append(w.messenger.code)
    (first, second), (mine,) = handles[IDENTIFIER], handles["mallory@example.org"]

    def redeem(handle, code):
        return w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context())

    assert redeem(mine, codes[IDENTIFIER][0]) == Refused()
    assert redeem(second, codes[IDENTIFIER][0]) == Refused()
    assert isinstance(redeem(first, codes[IDENTIFIER][0]), PasswordChanged)


def test_m018_a_session_carries_no_change_of_somebody_else(w):
    """A fresh session of X is refused as a claim for V, and stays what it was."""
    w.sign_up()
    w.sign_up("u2", "mallory@example.org", NEW)
    session = w.sign_in("mallory@example.org", NEW).session

    assert w.engine.set_password("u1", OTHERS[0], by=FreshSession(session), context=w.context()) == Refused()
    assert w.engine.sign_out_everywhere("u1", by=FreshSession(session), context=w.context()) == Refused()
    assert isinstance(w.engine.check_session(session, context=w.context()), SessionValid)


def test_m018_a_ticket_takes_only_its_own_subjects_factor(w):
    """A code of X's authenticator is wrong on V's ticket."""
    app, _, _ = w.guarded()
    mine, _, _ = w.guarded("u2", "mallory@example.org")

    assert w.engine.verify_factor(w.ticket(), mine.code(w.clock()), context=w.context()) == Refused()
    assert isinstance(w.engine.verify_factor(w.ticket(), app.code(w.clock()), context=w.context()), SignedIn)


def test_m019_a_link_dies_with_an_ordinary_change_of_password(w):
    """Who changes the password from the settings page needs no longer fear the link that lies in a mailbox."""
    w.sign_up()
    link = w.reset_link()

    changed = w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())

    assert isinstance(changed, PasswordChanged)
    assert w.engine.redeem_reset(ResetLink(link), OTHERS[0], context=w.context()) == Refused()


def test_m020_using_one_link_kills_its_siblings(w):
    """Three links may be live; the use of one is the end of all."""
    w.sign_up()
    links = [w.reset_link() for _ in range(3)]
    assert len(set(links)) == 3
    assert all(isinstance(w.engine.inspect_reset(link, context=w.context()), ResetPending) for link in links)

    assert isinstance(w.engine.redeem_reset(ResetLink(links[1]), NEW, context=w.context()), PasswordChanged)

    assert [w.engine.redeem_reset(ResetLink(link), OTHERS[0], context=w.context()) for link in links] == [Refused()] * 3


def test_m020_no_more_than_the_documented_number_of_links_is_live(w):
    """A request beyond the cap displaces no link that lives, and adds none."""
    w.sign_up()
    for number in range(8):
        w.engine.request_reset(IDENTIFIER, context=w.context(address(number)))
        w.deliver()
        w.clock.advance(minutes=3)

    live = [
        one for one in w.messenger.messages if isinstance(w.engine.inspect_reset(one.link, context=w.context()), ResetPending)
    ]
    assert len(live) == 3 == w.policy.reset.live


def test_m021_a_link_dies_with_the_address_it_was_mailed_to(w):
    """The owner takes a lost mailbox off his account: the link that lies in it is dead, and none goes there any more."""
    w.sign_up(addresses=("old@example.org", "alice@example.org"))
    link = w.reset_link("old@example.org")
    assert w.messenger.messages[-1].address == "old@example.org"

    w.directory.change("u1", addresses=("alice@example.org",))

    assert w.engine.inspect_reset(link, context=w.context()) == Refused()
    assert w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()) == Refused()
    assert w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()) != Refused()


@pytest.mark.parametrize("name", ARTEFACTS)
@pytest.mark.parametrize("change", ["admin", "reset", "everywhere", "disable"])
def test_m022_a_change_of_a_credential_ends_everything_handed_out_before(place, name, change):
    """
    A new password, however it is set, a sign-out everywhere and a disable end every artefact that gives something.

    A veto gives nothing: whoever took an account over would end it by another change.
    """
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    app = getattr(w, "app", None)

    if change == "admin":
        assert isinstance(w.engine.set_password("u1", OTHERS[0], by=Admin("root"), context=w.context()), PasswordChanged)
    elif change == "reset":
        redeem_fully(w, app)
    elif change == "everywhere":
        w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context())
    else:
        w.engine.admin.disable("u1", actor="root")
        w.engine.admin.enable("u1", actor="root")

    alive = artefact.use(w, token)
    assert not alive or name in {"handle", "veto"}  # a handle proves nothing by itself: it says where a recovery code belongs
    assert alive or name != "veto"


def redeem_fully(w, app):
    """Reset the password by mail, with a recovery code where a factor guards the subject."""
    outcome = w.engine.redeem_reset(ResetLink(w.reset_link()), OTHERS[0], context=w.context(address(7)))
    if app and not isinstance(outcome, PasswordChanged):
        proof = w.engine.verify_factor(outcome.ticket, RecoveryCode(w.codes[9]), context=w.context(address(7)))
        outcome = w.engine.redeem_reset(ResumeTicket(proof.ticket), OTHERS[0], context=w.context(address(7)))
    assert isinstance(outcome, PasswordChanged), outcome


def test_m027_a_pending_ticket_is_worth_nothing_after_its_sign_in(w):
    """The ticket of a sign-in that is complete takes no further code, not even a fresh right one."""
    app, _, _ = w.guarded()
    ticket = w.ticket()
    assert isinstance(w.engine.verify_factor(ticket, app.code(w.clock()), context=w.context()), SignedIn)
    w.clock.advance(seconds=60)

    assert w.engine.verify_factor(ticket, app.code(w.clock()), context=w.context()) == Refused()


@pytest.mark.parametrize("name", ARTEFACTS)
@pytest.mark.parametrize("past", [-1, 0, 1])
def test_m028_an_artefact_lives_exactly_as_long_as_it_says(place, name, past):
    """Good one second before the end of its time, dead at it and after it."""
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    w.clock.advance(artefact.lifetime(w.policy) + timedelta(seconds=past))

    assert artefact.use(w, token) is (past < 0)


def test_m028_a_session_that_is_used_all_the_time_ends_at_its_absolute_length(w):
    """Renewing a token never lengthens the session."""
    w.sign_up()
    token, started = w.sign_in().session, w.clock()
    while w.clock() < started + w.policy.sessions.absolute - timedelta(days=1):
        w.clock.advance(days=1)
        valid = w.engine.check_session(token, context=w.context())
        assert isinstance(valid, SessionValid)
        token = valid.renewed or token
    w.clock.advance(days=1)

    assert w.engine.check_session(token, context=w.context()) == SessionEnded(EndReason.EXPIRED)


def test_m031_a_reset_never_brings_an_expired_invitation_to_life(w):
    """Who was invited and let the link expire gets no password and no session through the reset of an inactive account."""
    w.sign_up(password=None, status="disabled")
    w.directory.change("u1", status=Status.ACTIVE)
    w.engine.admin.initial_password("u1", actor="root")
    w.deliver()
    invitation = w.messenger.link
    w.directory.change("u1", status=Status.DISABLED)
    w.clock.advance(w.policy.reset.initial_lifetime)
    sent = len(w.messenger.messages)

    w.engine.request_reset(IDENTIFIER, context=w.context())
    w.deliver()

    assert len(w.messenger.messages) == sent
    assert w.engine.redeem_reset(ResetLink(invitation), NEW, context=w.context()) == Refused()
    assert w.engine.admin.export("u1").has_password is False


def test_m032_summer_time_lengthens_no_life(w, monkeypatch):
    """Over the night the clocks go back, a link lives as many seconds as on any other night."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    berlin = ZoneInfo("Europe/Berlin")
    w.clock.now = datetime(2026, 10, 25, 2, 45, tzinfo=berlin)
    w.sign_up()
    link, issued = w.reset_link(), w.clock.now.astimezone(UTC)

    w.clock.now = (issued + w.policy.reset.link_lifetime - timedelta(seconds=1)).astimezone(berlin)
    assert w.clock.now.fold == 1
    assert isinstance(w.engine.inspect_reset(link, context=w.context()), ResetPending)
    w.clock.now = (issued + w.policy.reset.link_lifetime).astimezone(berlin)
    assert w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()) == Refused()


@pytest.mark.parametrize("name", [name for name in ARTEFACTS if name not in {"device", "veto"}])
def test_m032_what_was_handed_out_in_the_future_is_not_accepted(place, name):
    """
    A clock that was a year ahead, and was mended, leaves nothing behind that lives a year, but for what gives nothing: a change
    that was made in the meantime can be vetoed, or its maker would be rid of the owner.
    """
    artefact = ARTEFACTS[name]
    w = artefact.world(place)
    token = artefact.make(w)
    w.clock.advance(days=-365)

    assert not artefact.use(w, token)


def test_m017_tenants_have_their_own_record_of_one_subject(w):
    """A password set in one tenant signs nobody in, in another."""
    account = w.sign_up()
    w.directory.put(account, tenant="other")

    elsewhere = Context.of("192.0.2.7", tenant="other")
    outcomes = par(*(lambda c=c: w.engine.sign_in(IDENTIFIER, PASSWORD, context=c) for c in (elsewhere, w.context())))

    assert [type(one) for one in outcomes] == [Refused, SignedIn]


def test_exhibits_do_not_leak_into_each_other(place):
    """Two worlds on one place have nothing in common but the place."""
    one, other = exhibit(place), exhibit(place, seed=1)
    one.sign_up()

    assert other.engine.sign_in(IDENTIFIER, PASSWORD, context=other.context()) == Refused()
