"""Thieves and addresses: what each of them can and cannot do, whatever he calls, in whatever order, for however long."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from acctsec import (
    AddressLink,
    AddressPending,
    AddressRemoved,
    AddressVerified,
    FreshSession,
    Keyring,
    MessagePurpose,
    PasswordChanged,
    RecoveryPolicy,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    Vetoed,
    Waiting,
    events,
)
from acctsec._codec import decode_record
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

THIEF, SECOND, STOLEN = "thief@example.net", "second@example.org", "a phrase of the thief 88"
RECOVERY = RecoveryPolicy()
LATELY = RECOVERY.delays.lately
few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def owner(*, factor=False):
    """Alice, who reads two addresses; a thief has her session, and nothing else."""
    w = world()
    w.sign_up(addresses=(IDENTIFIER, SECOND))
    w.session = w.sign_in().session
    w.app = None
    if factor:
        w.app, w.session = w.enroll(w.session)
        w.clock.advance(RECOVERY.delays.address_changed)
        ticket = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
        w.session = w.engine.verify_factor(ticket, w.app.code(w.clock()), context=w.context()).session
    w.deliver()
    return w


def record(w):
    return decode_record(w.store.load(w.engine._flows.core.record_key("", "u1"))[0])


def addresses(w):
    return w.directory.get("", "u1").addresses


def read(w, address, purpose=None):
    """What somebody finds in a mailbox."""
    w.deliver()
    return [one for one in w.messenger.messages if one.address == address and purpose in (None, one.purpose)]


def moved_in(w):
    """The thief adds an address of his own, and proves it."""
    pending = w.engine.add_address(w.session, THIEF, context=w.context())
    assert isinstance(pending, AddressPending)
    [mail] = read(w, THIEF)
    verified = w.engine.verify_address(AddressLink(mail.link), session=w.session, context=w.context())
    assert verified == AddressVerified(purged=False)
    w.deliver()


def reset_by(w, identifier, source="198.51.100.66"):
    """Ask for a reset from a mailbox, and go as far as it leads."""
    w.engine.request_reset(identifier, context=w.context(source))
    link = next(one.link for one in reversed(read(w, identifier, MessagePurpose.RESET)))
    return w.engine.redeem_reset(ResetLink(link), STOLEN, context=w.context(source))


# --- the new address ---------------------------------------------------------------------------------------------------


def test_everybody_else_hears_of_the_thief_at_once():
    w = owner()
    moved_in(w)
    for address in (IDENTIFIER, SECOND):
        assert {one.purpose for one in read(w, address)} == {MessagePurpose.ADDRESS_PENDING, MessagePurpose.ADDRESS_ADDED}


@pytest.mark.parametrize("factor", [False, True])
def test_the_new_address_alone_recovers_nothing_at_once(factor):
    w = owner(factor=factor)
    moved_in(w)
    outcome = reset_by(w, THIEF)
    assert not isinstance(outcome, PasswordChanged)
    if not factor:
        assert outcome.until - w.clock() == RECOVERY.delays.address_changed
        assert isinstance(w.sign_in(), SignedIn)


def test_a_new_address_is_new_while_keys_rotate():
    """Known by a digest under the older key, and asked for under the newer."""
    w = world()
    seal, first, second = w.entropy(32), w.entropy(32), w.entropy(32)
    w.restart(keyring=Keyring(sealing=[seal], index=[first], entropy=w.entropy))
    w.sign_up(addresses=(IDENTIFIER, SECOND))
    w.session = w.sign_in().session
    w.deliver()
    moved_in(w)
    w.restart(keyring=Keyring(sealing=[seal], index=[second, first], entropy=w.entropy))
    outcome = reset_by(w, THIEF)
    assert isinstance(outcome, Waiting)
    assert outcome.until - w.clock() == RECOVERY.delays.address_changed


@few
@given(st.integers(0, 3 * 24 - 1), st.booleans())
def test_the_owner_stops_a_recovery_by_the_new_address_at_any_hour_of_its_wait(hours, by_veto):
    """By the veto that each of the other addresses has, or by signing in and calling it off."""
    w = owner()
    moved_in(w)
    waiting = reset_by(w, THIEF)
    [notice] = read(w, SECOND, MessagePurpose.CHANGE_WAITING)
    w.clock.advance(hours=hours)
    if by_veto:
        assert w.engine.veto(notice.veto, context=w.context()) == Vetoed()
    else:
        w.engine.cancel_change(waiting.change, by=FreshSession(w.sign_in().session), context=w.context())
    w.clock.advance(waiting.until - w.clock())
    assert w.engine.redeem_reset(ResumeTicket(waiting.ticket), STOLEN, context=w.context()) == Refused()
    assert w.engine.sign_in(IDENTIFIER, STOLEN, context=w.context()) == Refused()


@few
@given(st.timedeltas(timedelta(0), 2 * LATELY))
@example(LATELY - timedelta(microseconds=1))
@example(LATELY)
def test_a_new_address_holds_a_veto_once_it_is_not_new_and_no_sooner(age):
    """A thief who put his address there must not freeze the account of the owner who throws him out."""
    w = owner()
    moved_in(w)
    w.clock.advance(age)
    assert isinstance(reset_by(w, IDENTIFIER, "192.0.2.7"), PasswordChanged)
    [notice] = read(w, THIEF, MessagePurpose.PASSWORD_CHANGED)
    assert (notice.veto is not None) is (age >= LATELY)
    [own] = read(w, SECOND, MessagePurpose.PASSWORD_CHANGED)
    assert own.veto is not None


@few
@given(st.timedeltas(timedelta(0), LATELY - timedelta(microseconds=1)))
def test_the_owner_throws_a_new_address_out_at_once_and_it_hears_nothing_more(age):
    w = owner()
    moved_in(w)
    w.clock.advance(age)
    session = w.sign_in().session
    assert w.engine.remove_address(session, THIEF, context=w.context()) == AddressRemoved()
    before = len(read(w, THIEF))
    w.engine.sign_out_everywhere("u1", by=FreshSession(session), context=w.context())
    assert isinstance(reset_by(w, IDENTIFIER), PasswordChanged)
    assert len(read(w, THIEF)) == before
    assert addresses(w) == (IDENTIFIER, SECOND)


def test_a_thief_who_comes_and_goes_does_not_silence_the_old_addresses():
    """Of those removed two are told: the ones that were verified for longest."""
    w = owner(factor=True)
    assert w.engine.remove_address(w.session, SECOND, context=w.context()) == AddressRemoved()
    for number in range(4):
        w.engine.add_address(w.session, f"thief{number}@example.net", context=w.context(f"203.0.113.{number}"))
        [mail] = read(w, f"thief{number}@example.net")
        w.engine.verify_address(AddressLink(mail.link), session=w.session, context=w.context())
        assert w.engine.remove_address(w.session, f"thief{number}@example.net", context=w.context()) == AddressRemoved()
    told = w.engine._flows.core.told(w.engine._flows.core.reaching(scene(w)), record(w))
    assert SECOND in told
    assert not [one for one in told if "thief" in one]


def scene(w):
    from acctsec.steps import Scene

    return Scene(tenant="", subject="u1", account=w.directory.get("", "u1"), now=w.clock())


# --- the old address ---------------------------------------------------------------------------------------------------


def replaced(w):
    """The thief puts his address into the place of one of hers, and waits."""
    w.engine.add_address(w.session, THIEF, replaces=IDENTIFIER, context=w.context())
    [mail] = read(w, THIEF)
    waiting = w.engine.verify_address(AddressLink(mail.link), session=w.session, context=w.context())
    assert isinstance(waiting, Waiting)
    return waiting


@few
@given(st.integers(0, 3 * 24 - 1))
def test_who_reads_the_old_address_ends_its_removal_at_any_hour_of_the_wait(hours):
    w = owner()
    waiting = replaced(w)
    w.clock.advance(hours=hours)
    assert isinstance(reset_by(w, IDENTIFIER), PasswordChanged)
    w.clock.advance(waiting.until - w.clock())
    assert w.engine.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == Refused()
    assert addresses(w) == (IDENTIFIER, SECOND)


@few
@given(st.timedeltas(timedelta(0), timedelta(days=14)))
@example(RECOVERY.told - timedelta(microseconds=1))
@example(RECOVERY.told)
def test_the_old_address_stops_what_rests_on_little_for_a_week_and_gives_nothing(later):
    w = owner()
    waiting = replaced(w)
    w.clock.advance(waiting.until - w.clock())
    assert isinstance(w.engine.verify_address(ResumeTicket(waiting.ticket), context=w.context()), AddressVerified)
    w.clock.advance(later)
    assert isinstance(reset_by(w, SECOND), PasswordChanged)
    vetoes = [one.veto for one in read(w, IDENTIFIER, MessagePurpose.PASSWORD_CHANGED)]
    assert bool(vetoes) is (later < RECOVERY.told)
    for veto in vetoes:
        assert w.engine.veto(veto, context=w.context()) == Vetoed()
        assert w.engine.sign_in(SECOND, STOLEN, context=w.context()) == Refused()
        assert w.engine.sign_in(SECOND, PASSWORD, context=w.context()) == Refused(), "it brings nothing back"
    w.engine.request_reset(IDENTIFIER, context=w.context("198.51.100.99"))
    assert not read(w, IDENTIFIER, MessagePurpose.RESET), "it is nobody's name any more"


# --- two of them, and the veto -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [(THIEF,), (SECOND,), (SECOND, THIEF)], ids=["new", "old", "both"])
def test_no_thief_gets_into_an_account_with_a_factor_by_addresses(held):
    """With the stolen session for a while, and the mailboxes for ever: the factor is still asked for."""
    w = owner(factor=True)
    if THIEF in held:
        moved_in(w)
    w.clock.advance(days=30)
    for address in held:
        assert not isinstance(reset_by(w, address), PasswordChanged)
    assert not isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_old_and_new_address_together_do_not_settle_a_contest():
    """Both are mail: two of one kind prove no more than one."""
    w = owner()
    moved_in(w)
    assert isinstance(reset_by(w, SECOND), PasswordChanged)
    [notice] = read(w, IDENTIFIER, MessagePurpose.PASSWORD_CHANGED)
    assert w.engine.veto(notice.veto, context=w.context()) == Vetoed()
    w.clock.advance(days=8)
    for address in (SECOND, THIEF):
        assert not isinstance(reset_by(w, address), PasswordChanged | Waiting)


def test_a_veto_takes_no_address_and_gives_none():
    w = owner()
    assert isinstance(reset_by(w, SECOND), PasswordChanged)
    session = w.engine.sign_in(IDENTIFIER, STOLEN, context=w.context()).session
    w.engine.add_address(session, THIEF, context=w.context())
    [mail] = read(w, THIEF)
    assert isinstance(w.engine.verify_address(AddressLink(mail.link), session=session, context=w.context()), Waiting)
    [notice] = read(w, IDENTIFIER, MessagePurpose.PASSWORD_CHANGED)
    assert w.engine.veto(notice.veto, context=w.context()) == Vetoed()
    w.clock.advance(RECOVERY.veto_window)
    assert w.engine.verify_address(AddressLink(mail.link), session=session, context=w.context()) == Refused()
    assert addresses(w) == (IDENTIFIER, SECOND)


def test_changes_of_addresses_are_vetoed_by_nobody():
    """They rest on the full level: an address alone must not freeze an account whose owner moves house."""
    w = owner()
    moved_in(w)
    w.engine.remove_address(w.session, SECOND, context=w.context())
    w.deliver()
    kinds = {
        MessagePurpose.ADDRESS_PENDING,
        MessagePurpose.ADDRESS_ADDED,
        MessagePurpose.CHANGE_WAITING,
        MessagePurpose.ADDRESS_REMOVED,
    }
    assert not [one for one in w.messenger.messages if one.purpose in kinds and one.veto]


ACTS = (
    "add",
    "prove",
    "replace",
    "remove old",
    "remove second",
    "cancel",
    "reset",
    "resume",
    "name",
    "hour",
    "day",
    "cancel all",
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(ACTS), max_size=14), st.booleans())
def test_whatever_a_thief_in_a_session_does_the_owner_has_three_days_to_hear_of_it(acts, factor):
    """
    With a stolen session, his address, and perhaps an authenticator that he sets up himself: before three days are over no old
    address is off, and the password is still the owner's.
    """
    w = owner()
    if factor:
        _, w.session = w.enroll(w.session)
    began, tickets = w.clock(), []
    links = lambda: [one.link for one in read(w, THIEF, MessagePurpose.PROVE_ADDRESS) if one.link]
    for act in acts:
        context = w.context("198.51.100.66")
        match act:
            case "add":
                w.engine.add_address(w.session, THIEF, context=context)
            case "replace":
                w.engine.add_address(w.session, THIEF, replaces=IDENTIFIER, context=context)
            case "prove":
                for link in links():
                    tickets.append(w.engine.verify_address(AddressLink(link), session=w.session, context=context))
            case "remove old" | "remove second":
                w.engine.remove_address(w.session, SECOND if "second" in act else IDENTIFIER, context=context)
            case "cancel" | "cancel all":
                listed = w.engine.list_changes(w.session, context=context)
                for one in getattr(listed, "changes", ())[: None if act == "cancel all" else 1]:
                    w.engine.cancel_change(one.id, by=FreshSession(w.session), context=context)
            case "reset":
                if THIEF in addresses(w):
                    w.engine.request_reset(THIEF, context=context)
                for one in read(w, THIEF, MessagePurpose.RESET):
                    tickets.append(w.engine.redeem_reset(ResetLink(one.link), STOLEN, context=context))
            case "resume":
                for one in tickets:
                    ticket = getattr(one, "ticket", None)
                    if ticket:
                        w.engine.redeem_reset(ResumeTicket(ticket), STOLEN, context=context)
                        w.engine.verify_address(ResumeTicket(ticket), session=w.session, context=context)
            case "name":
                w.engine.change_identifier(w.session, IDENTIFIER, "mallory", context=context)
            case "hour":
                w.clock.advance(hours=1)
            case "day":
                w.clock.advance(days=1)
        w.deliver()
        if w.clock() - began < RECOVERY.delays.address_changed:
            assert record(w).epoch == 1 + factor, "no credential has changed"
            assert {IDENTIFIER, SECOND} <= set(addresses(w))
        for one in w.messenger.messages:
            assert not (one.address == THIEF and one.veto), "what came with the thief stops nobody"
    heard = {one.address for one in w.messenger.messages if one.purpose is not MessagePurpose.PROVE_ADDRESS}
    if THIEF in addresses(w):
        assert {IDENTIFIER, SECOND} <= heard
        assert w.sink.of(events.AddressProven)
