"""Addresses and identifiers: asked for, proven, replaced, taken off, withdrawn; and what nobody can do with one he has not proven."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Account,
    AddressCode,
    AddressLink,
    AddressPending,
    AddressRemoved,
    AddressTaken,
    AddressVerified,
    Capability,
    Channel,
    ConfigError,
    CurrentPassword,
    FreshSession,
    IdentifierChanged,
    IdentifierRejected,
    IdentifierTaken,
    Initial,
    MessagePurpose,
    PasswordChanged,
    PortError,
    RecoveryPolicy,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TryAgain,
    Waiting,
    events,
)
from acctsec._codec import decode_record
from acctsec._flows.naming import deliverable
from acctsec.identifiers import canonical
from acctsec.outcomes import Acted, ChangeKind, SessionValid
from acctsec.protocols import AddAddress, Applied, RemoveAddress, ReplaceAddress, ReplaceIdentifier
from acctsec.record import Record
from acctsec.testing import MemoryDirectory, async_world, world
from acctsec.testing._watched import Watch
from acctsec.testing.world import IDENTIFIER, PASSWORD

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NEW = "ten brave badgers 733"
MINE = "Alice.Liddell@Example.org"  # as it is typed, and as messages go there
NUMBER = "+44 (20) 7946-0958"
RECOVERY = RecoveryPolicy()
WAIT = RECOVERY.delays.address_changed
KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]


@pytest.fixture(params=KINDS)
def w(request, places):
    """A world on each kind of store, with alice, who has one address, in a session."""
    place = places.fresh(request.param)
    made = world(store=place.open())
    made.sign_up()
    made.session = made.sign_in().session
    made.deliver()
    yield made
    place.close()


@pytest.fixture
def plain():
    """The same in memory, for what no store has a part in."""
    made = world()
    made.sign_up()
    made.session = made.sign_in().session
    return made


def add(w, address=MINE, **more):
    """Ask for an address, and let the messages go out."""
    pending = w.calls.add_address(more.pop("session", w.session), address, context=w.context(), **more)
    w.deliver()
    return pending


def by_link(w, session=None):
    return w.calls.verify_address(AddressLink(w.messenger.address_link), session=session, context=w.context())


def by_code(w, pending, code=None, session=None, **facts):
    proof = AddressCode(pending.change, code or w.messenger.address_code)
    return w.calls.verify_address(proof, session=session or w.session, context=w.context(**facts))


def remove(w, address, session=None):
    return w.calls.remove_address(session or w.session, address, context=w.context())


def with_factor(w):
    """A session at the full level, of a factor that has been there for a while."""
    app, _ = w.enroll(w.session)
    w.clock.advance(WAIT)
    ticket = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    return w.calls.verify_factor(ticket, app.code(w.clock()), context=w.context()).session


def addresses(w, subject="u1"):
    return w.directory.get("", subject).addresses


def record(w, subject="u1"):
    return decode_record(w.store.load(w.engine._flows.core.record_key("", subject))[0])


def told(w, purpose):
    return sorted(one.address for one in w.messenger.of(purpose))


def refused(w):
    w.deliver()
    return [one.reason for one in w.sink.observations if isinstance(one, events.AttemptRefused)]


def again(w):
    """Sign in anew, where a session is no longer fresh."""
    w.session = w.sign_in().session
    return w


# --- adding -----------------------------------------------------------------------------------------------------------


def test_an_address_is_one_of_the_account_once_its_reader_has_proven_it(w):
    pending = add(w)
    assert isinstance(pending, AddressPending)
    assert (pending.expires - w.clock(), pending.until) == (DAY, None)
    assert addresses(w) == (IDENTIFIER,)
    assert by_link(w, w.session) == AddressVerified(purged=False)
    assert addresses(w) == (IDENTIFIER, MINE), "byte for byte as it was proven"
    w.deliver()
    assert told(w, MessagePurpose.ADDRESS_PENDING) == [IDENTIFIER]
    assert told(w, MessagePurpose.ADDRESS_ADDED) == sorted([IDENTIFIER, MINE])
    [proven] = w.sink.of(events.AddressProven)
    assert (proven.methods, proven.purged, proven.change) == (("link", "session"), False, pending.change)
    assert MINE not in repr(w.sink.events)


def test_the_message_to_a_new_address_has_a_link_and_a_code_and_no_veto(w):
    pending = add(w)
    [message] = w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    assert (message.address, message.channel, message.veto) == (MINE, Channel.MAIL, None)
    assert (message.expires, message.code_expires - w.clock()) == (pending.expires, w.policy.reset.code_lifetime)
    assert by_code(w, pending) == AddressVerified(purged=False)


def test_a_new_number_gets_a_code_alone(w):
    pending = add(w, NUMBER)
    [message] = w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    assert (message.address, message.channel, message.link, message.expires) == (NUMBER, Channel.TEXT, None, None)
    assert by_code(w, pending) == AddressVerified(purged=False)
    assert addresses(w) == (IDENTIFIER, NUMBER)
    w.deliver()
    assert w.sink.of(events.AddressProven)[-1].methods == ("text", "session")


def test_a_code_is_over_before_a_link_is(w):
    pending = add(w)
    w.clock.advance(w.policy.reset.code_lifetime)
    assert by_code(w, pending) == Refused()
    w.clock.advance(pending.expires - w.clock() - SECOND)
    assert isinstance(w.calls.inspect_address(w.messenger.address_link, context=w.context()), AddressPending)
    w.clock.advance(SECOND)
    assert w.calls.inspect_address(w.messenger.address_link, context=w.context()) == Refused()
    assert by_link(w) == Refused()


def test_a_link_and_a_code_work_once(w):
    pending = add(w)
    by_link(w, w.session)
    assert (by_link(w, w.session), by_code(w, pending)) == (Refused(), Refused())
    w.deliver()
    assert len(w.sink.of(events.AddressProven)) == 1


def test_looking_at_a_link_changes_nothing(w):
    add(w)
    before = w.store.load(w.engine._flows.core.record_key("", "u1"))
    for number in range(20):
        w.calls.inspect_address(w.messenger.address_link, context=w.context(f"198.18.0.{number}"))
    assert w.store.load(w.engine._flows.core.record_key("", "u1")) == before
    assert addresses(w) == (IDENTIFIER,)


def test_an_address_that_is_asked_for_again_is_one_change_and_its_newest_code_works(w):
    first, old = add(w), w.messenger.address_code
    w.clock.advance(minutes=5)
    second = add(w)
    assert (second.change, len(record(w).changes)) == (first.change, 1)
    assert second.expires - first.expires == timedelta(minutes=5)
    assert by_code(w, second, old) == Refused()
    links = [one.link for one in w.messenger.of(MessagePurpose.PROVE_ADDRESS)]
    assert w.calls.verify_address(AddressLink(links[0]), context=w.context()) == AddressVerified(purged=False)
    assert w.calls.verify_address(AddressLink(links[1]), context=w.context()) == Refused(), "M-023"
    w.deliver()
    assert w.sink.of(events.ChangeDropped) == []


def test_an_address_that_is_asked_for_in_another_spelling_ends_the_earlier_one(w):
    first, link = add(w), w.messenger.address_link
    second = add(w, MINE.upper())
    assert (second.change != first.change, len(record(w).changes)) == (True, 1)
    assert w.calls.verify_address(AddressLink(link), context=w.context()) == Refused()
    assert by_link(w) == AddressVerified(purged=False)
    assert addresses(w)[-1] == MINE.upper()
    w.deliver()
    assert [one.by for one in w.sink.of(events.ChangeDropped)] == ["newer"]


def test_asking_again_makes_no_earlier_link_live_longer(w):
    add(w)
    w.clock.advance(hours=12)
    add(again(w))
    old, new = (one.link for one in w.messenger.of(MessagePurpose.PROVE_ADDRESS))
    w.clock.advance(hours=12)
    assert w.calls.inspect_address(old, context=w.context()) == Refused()
    assert w.calls.verify_address(AddressLink(old), context=w.context()) == Refused()
    assert w.calls.verify_address(AddressLink(new), context=w.context()) == AddressVerified(purged=False)


def test_who_asks_too_often_keeps_the_message_that_came_last(w):
    """Nothing goes out any more, so nothing that went out is over by it."""
    for kind, most in ((MINE, w.policy.reset.per_subject.limit), (NUMBER, w.policy.reset.per_number.limit)):
        before = len(w.messenger.of(MessagePurpose.PROVE_ADDRESS))
        pending = [add(w, kind) for _ in range(most + 1)][-1]
        assert len(w.messenger.of(MessagePurpose.PROVE_ADDRESS)) == before + most
        assert by_code(w, pending) == AddressVerified(purged=False)
        w.clock.advance(hours=1)
        again(w)


def test_whoever_asked_can_take_it_back(w):
    pending = add(w)
    [shown] = w.calls.list_changes(w.session, context=w.context()).changes
    assert (shown.id, shown.kind) == (pending.change, ChangeKind.ADDRESS_ADDED)
    w.calls.cancel_change(pending.change, by=FreshSession(w.session), context=w.context())
    assert by_link(w, w.session) == Refused()
    assert addresses(w) == (IDENTIFIER,)


def test_a_change_of_password_ends_what_waits(w):
    add(w)
    w.calls.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    assert by_link(w) == Refused()


@pytest.mark.parametrize("what", ["disabled", "disabled by the platform", "erased"])
def test_an_account_that_is_gone_takes_no_address(w, what):
    add(w)
    if what == "disabled":
        w.calls.admin.disable("u1", actor="ops")
    elif what == "erased":
        w.calls.admin.erase("u1", actor="ops")
    else:
        w.directory.change("u1", status="disabled")
    assert w.calls.inspect_address(w.messenger.address_link, context=w.context()) == Refused()
    assert by_link(w) == Refused()
    assert addresses(w) == (IDENTIFIER,)


def test_an_address_needs_a_fresh_session_at_the_full_level(w):
    stale = w.session
    w.clock.advance(w.policy.sessions.fresh + SECOND)
    assert add(w, session=stale) == Refused()
    w.app, session = w.enroll(again(w).session)
    w.clock.advance(w.policy.sessions.fresh + SECOND)
    assert add(w, session=session) == Refused()
    assert not w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    assert set(refused(w)) == {"session"}


@pytest.mark.parametrize("kind", ["link", "code"])
def test_a_stale_session_is_enough_to_go_on_with_what_a_fresh_one_began(w, kind):
    pending = add(w)
    w.clock.advance(w.policy.sessions.fresh + SECOND) if kind == "link" else w.clock.advance(minutes=9)
    assert (by_link(w, w.session) if kind == "link" else by_code(w, pending)) == AddressVerified(purged=False)


@pytest.mark.parametrize(
    "typed",
    [
        "alice",
        "",
        "alice@",
        "a@b@example.org",
        "ａｌｉｃｅ@example.org",
        "ALIÇE@example.org",
        "mıke@example.org".replace("ı", "ſ"),
        "020 7946 0958",
        "＋442079460958",
        None,
        7,
        b"alice@example.org",
    ],
)
def test_what_no_message_can_go_to_as_it_is_typed_is_no_address(plain, typed):
    assert plain.calls.add_address(plain.session, typed, context=plain.context()) == Refused()
    plain.deliver()
    assert not plain.messenger.messages


@given(st.text(max_size=40) | st.emails())
@example("İ@example.org")
def test_an_address_is_stored_as_it_is_typed_or_not_at_all(typed):
    address = deliverable(typed)
    if address is not None:
        assert address == typed.strip()
        assert canonical(address) == canonical(typed)


@given(st.characters(min_codepoint=0x80))
def test_no_character_stands_for_another_one_in_a_mailbox(char):
    """Whoever reads a mailbox that folds to ``mike@`` has not proven ``mike@``."""
    for local in (char, f"mike{char}", f"{char}mike"):
        found = deliverable(f"{local}@example.org")
        assert found is None or canonical(found).value == f"{local}@example.org".strip()


def test_an_account_has_six_addresses_at_most(plain):
    for number in range(5):
        add(plain, f"alice{number}@example.org")
        assert by_link(plain, plain.session) == AddressVerified(purged=False)
        plain.clock.advance(minutes=1)
    assert add(plain, "alice9@example.org") == Refused()
    assert isinstance(add(plain, "alice9@example.org", replaces="alice0@example.org"), AddressPending)
    assert len(record(plain).addresses) == 5


def test_two_addresses_wait_at_most_and_recoveries_keep_their_room(w):
    """Whoever has a session must not take the rooms in which the owner's recovery waits."""
    pending = [add(w, f"alice{number}@example.org") for number in range(4)]
    assert [one.id.hex() for one in record(w).changes] == [one.change for one in pending[2:]]


# --- no oracle, no reservation ----------------------------------------------------------------------------------------


def test_the_answer_is_the_same_whoever_has_the_address(w):
    w.sign_up("u2", "bob@example.org")
    w.deliver()
    for address in ("bob@example.org", "nobody@example.org"):
        pending = add(w, address)
        assert (type(pending), pending.expires - w.clock(), pending.until) == (AddressPending, DAY, None)
    assert len(w.messenger.of(MessagePurpose.PROVE_ADDRESS)) == 2
    assert not [one for one in w.messenger.messages if one.subject == "u2"]


def test_whose_an_address_is_does_not_show_in_what_is_asked_of_the_ports(plain):
    """Nobody's, somebody's, that of a disabled account: the same calls in the same order, and the same messages."""
    plain.sign_up("u2", "bob@example.org")
    plain.sign_up("u3", "eve@example.org", status="disabled", password=None)
    plain.deliver()
    watch, seen = Watch(plain), []
    for number, address in enumerate(("nobody@example.org", "bob@example.org", "eve@example.org")):
        watch.calls.clear()
        before = len(plain.messenger.messages)
        pending = plain.engine.add_address(plain.session, address, context=plain.context(f"203.0.113.{number}"))
        plain.deliver()
        sent = sorted(one.purpose for one in plain.messenger.messages[before:])
        seen.append((type(pending), [one.name for one in watch.calls], sent))
        plain.engine.cancel_change(pending.change, by=FreshSession(plain.session), context=plain.context())
        plain.deliver()
    assert seen[0] == seen[1] == seen[2]
    assert "directory.find" not in seen[0][1]


def test_who_reads_an_address_of_another_account_may_know_that_it_is_taken(w):
    w.sign_up("u2", "bob@example.org")
    pending = add(w, "Bob@example.org")
    before = record(w)
    assert by_code(w, pending) == AddressTaken()
    after = record(w)
    assert (after.changes, after.addresses) == ((), before.addresses)
    assert (addresses(w), addresses(w, "u2")) == ((IDENTIFIER,), ("bob@example.org",))
    w.deliver()
    assert [one.by for one in w.sink.of(events.ChangeDropped)] == ["taken"]


def test_an_address_that_is_taken_takes_the_place_of_none(w):
    w.sign_up("u2", "bob@example.org")
    add(w, "bob@example.org", replaces=IDENTIFIER)
    waiting = by_link(w, w.session)
    w.clock.advance(waiting.until - w.clock())
    assert w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == AddressTaken()
    assert addresses(w) == (IDENTIFIER,)
    assert all(one.told is None for one in record(w).addresses)


def test_an_unproven_address_neither_recovers_nor_blocks(w):
    w.sign_up("u2", "bob", addresses=("bob@example.org",))
    add(w, "Eve@example.org")
    w.calls.request_reset("eve@example.org", context=w.context())
    w.deliver()
    assert not w.messenger.of(MessagePurpose.RESET)
    assert w.calls.sign_in("eve@example.org", PASSWORD, context=w.context()) == Refused()
    bob = w.sign_in("bob").session
    add(w, "eve@example.org", session=bob)
    assert by_link(w, bob) == AddressVerified(purged=False)
    assert addresses(w, "u2") == ("bob@example.org", "eve@example.org")


def test_a_name_that_a_squatter_never_proved_goes_to_who_does(w):
    w.directory.put(Account(subject="u3", identifiers=("eve@example.org",)))
    add(w, "eve@example.org")
    assert by_link(w, w.session) == AddressVerified(purged=False)
    assert w.directory.get("", "u3").identifiers == ()
    assert w.directory.find("", "eve@example.org").subject == "u1"


def test_an_address_that_two_accounts_have_gets_one_mail_for_the_one_whose_name_was_typed(w):
    shared = "family@example.org"
    w.directory.change("u1", identifiers=("alice",), addresses=(shared,))
    w.directory.put(Account(subject="u2", identifiers=("bob",), addresses=(shared,)))
    for typed, subjects in ((shared, []), ("bob", ["u2"])):
        w.calls.request_reset(typed, context=w.context())
        w.deliver()
        assert [one.subject for one in w.messenger.of(MessagePurpose.RESET)] == subjects


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_codes_have_a_budget_of_their_own_that_no_new_message_refills(w):
    tried = 0
    while tried < 40:
        if tried % 5 == 0:
            w.clock.advance(minutes=30)
            pending = w.calls.add_address(again(w).session, MINE, context=w.context(f"203.0.113.{tried}"))
            w.deliver()
            assert isinstance(pending, AddressPending)
        by_code(w, pending, f"{tried:08d}", address=f"198.18.{tried}.1")
        tried += 1
    failed = [one for one in refused(w) if one == "code"]
    assert len(failed) == w.policy.lockout.codes.stop
    assert by_code(w, pending, address="198.18.99.1") == Refused(), "the tries of the day are used up"
    assert by_link(w, w.session) == AddressVerified(purged=False), "a link is no guess"
    handle = w.calls.request_reset(IDENTIFIER, context=w.context("203.0.113.77")).handle
    w.deliver()
    reset = w.calls.redeem_reset(ResetCode(handle, w.messenger.code), NEW, context=w.context("203.0.113.78"))
    assert isinstance(reset, PasswordChanged), "nor does it take a try from a reset"


def test_a_mailbox_hears_of_one_account_as_often_as_of_resets_and_of_all_a_few_times_a_day(w):
    target = "victim@example.org"
    for number in range(5):
        w.calls.add_address(w.session, target, context=w.context(f"203.0.113.{number}"))
        w.deliver()
    assert len(w.messenger.of(MessagePurpose.PROVE_ADDRESS)) == w.policy.reset.per_subject.limit
    for number in range(2, 9):
        name = f"user{number}@example.org"
        w.sign_up(f"u{number}", name)
        session = w.sign_in(name, address=f"198.18.{number}.1").session
        for _ in range(3):
            w.calls.add_address(session, target, context=w.context(f"198.18.{number}.2"))
            w.deliver()
    assert len(w.messenger.of(MessagePurpose.PROVE_ADDRESS)) == 10
    assert w.sink.observations[-1].purpose == MessagePurpose.PROVE_ADDRESS


def test_a_source_asks_for_so_many_and_then_waits(w):
    for number in range(w.policy.reset.per_source.limit):
        assert isinstance(add(w, f"victim{number}@example.org"), AddressPending)
    late = add(w, "another@example.org")
    assert isinstance(late, Refused)
    assert late.retry_after is not None
    assert isinstance(w.calls.add_address(w.session, MINE, context=w.context("203.0.113.9")), AddressPending)


# --- replacing and taking off -----------------------------------------------------------------------------------------


def test_an_address_that_replaces_another_waits_as_its_removal_would(w):
    pending = add(w, MINE, replaces=IDENTIFIER.upper())
    assert pending.until - w.clock() == WAIT
    waiting = by_link(w, w.session)
    assert (waiting.until, waiting.change) == (pending.until, pending.change)
    assert addresses(w) == (IDENTIFIER,)
    w.clock.advance(WAIT - SECOND)
    assert isinstance(w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()), Waiting)
    w.clock.advance(SECOND)
    assert w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == AddressVerified(purged=False)
    account = w.directory.get("", "u1")
    assert (account.addresses, account.identifiers) == ((MINE,), (MINE,)), "the name of the same form goes with it"
    w.deliver()
    assert told(w, MessagePurpose.ADDRESS_ADDED) == sorted([IDENTIFIER, MINE]), "who was replaced hears of it"


def test_a_replacement_that_was_not_proven_in_time_is_over(w):
    pending = add(w, MINE, replaces=IDENTIFIER)
    waiting = by_link(w)
    w.clock.advance(pending.expires - w.clock())
    assert w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == Refused()
    assert by_link(w) == Refused()


def test_a_replacement_can_be_stopped_while_it_waits(w):
    add(w, MINE, replaces=IDENTIFIER)
    waiting = by_link(w, w.session)
    for claim in (ResumeTicket(waiting.ticket), FreshSession(w.session)):
        before = record(w).changes
        outcome = w.calls.cancel_change(waiting.change, by=claim, context=w.context())
        assert (type(outcome).__name__ == "ChangeCancelled") == bool(before)
    w.clock.advance(WAIT)
    assert w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == Refused()


def test_the_ticket_of_an_address_redeems_no_reset_and_the_other_way_round(w):
    add(w, MINE, replaces=IDENTIFIER)
    waiting = by_link(w, w.session)
    w.clock.advance(WAIT)
    assert w.calls.redeem_reset(ResumeTicket(waiting.ticket), NEW, context=w.context()) == Refused()
    assert w.calls.remove_lost_factors(ResumeTicket(waiting.ticket), context=w.context()) == Refused()
    link = w.reset_link()
    assert w.calls.verify_address(AddressLink(link), context=w.context()) == Refused()
    assert w.calls.redeem_reset(ResetLink(w.messenger.address_link), NEW, context=w.context()) == Refused()


def test_the_same_mailbox_in_another_spelling_takes_its_own_place(w):
    add(w, IDENTIFIER.upper(), replaces=IDENTIFIER)
    waiting = by_link(w)
    w.clock.advance(WAIT)
    assert w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == AddressVerified(purged=False)
    assert addresses(w) == (IDENTIFIER.upper(),)
    assert record(w).verifier is not None
    assert [one.told for one in record(w).addresses] == [None], "it came, and nothing went"


def test_a_removal_without_a_second_factor_waits_and_every_address_is_told(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    waiting = remove(w, IDENTIFIER)
    assert (waiting.until - w.clock(), waiting.ticket) == (WAIT, None)
    assert remove(w, IDENTIFIER) == waiting
    w.deliver()
    [one, other] = w.messenger.of(MessagePurpose.CHANGE_WAITING)
    assert {one.address, other.address} == {IDENTIFIER, MINE}
    assert (one.veto, other.veto, one.until) == (None, None, waiting.until)
    w.clock.advance(WAIT)
    assert remove(again(w), IDENTIFIER) == AddressRemoved()
    assert addresses(w) == (MINE,)
    w.deliver()
    assert told(w, MessagePurpose.ADDRESS_REMOVED) == sorted([IDENTIFIER, MINE])
    assert [one.actor for one in w.sink.of(events.AddressDropped)] == [""]


def test_a_removal_that_was_not_made_in_time_begins_anew(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    first = remove(w, IDENTIFIER)
    w.clock.advance(WAIT + RECOVERY.claim)
    second = remove(again(w), IDENTIFIER)
    assert second.until - w.clock() == WAIT
    assert second.change != first.change


def test_with_a_second_factor_a_removal_need_not_wait(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    session = with_factor(w)
    assert remove(w, IDENTIFIER, session) == AddressRemoved()


def test_a_second_factor_that_was_set_up_just_now_spares_no_wait(w):
    """Whoever has a session at AAL1 can set one up himself."""
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    _, session = w.enroll(w.session)
    assert isinstance(remove(w, IDENTIFIER, session), Waiting)
    assert add(w, "third@example.org", session=session, replaces=MINE).until - w.clock() == WAIT


def test_the_owner_of_the_old_address_ends_a_removal_by_a_reset(w):
    """A thief in a session takes the old address off; its reader has days to come back."""
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    waiting = remove(w, IDENTIFIER)
    w.clock.advance(2 * DAY)
    assert isinstance(w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), PasswordChanged)
    w.clock.advance(waiting.until - w.clock())
    assert remove(w, IDENTIFIER) == Refused()
    assert addresses(w) == (IDENTIFIER, MINE)


def test_the_last_address_stays(w):
    assert remove(w, IDENTIFIER) == Refused()
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    session = with_factor(w)
    assert remove(w, IDENTIFIER, session) == AddressRemoved()
    assert remove(w, MINE, session) == Refused()
    assert refused(w)[-1] == "last address"


def test_an_address_of_nobody_and_a_session_of_nobody_remove_nothing(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    for session, address in ((w.session, "bob@example.org"), (w.session, "no address"), ("x", IDENTIFIER)):
        assert remove(w, address, session) == Refused()


def test_while_a_weak_change_can_be_vetoed_no_address_goes_or_comes(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    w.session = w.sign_in(password=NEW).session
    end = w.clock() + RECOVERY.veto_window
    assert remove(w, MINE) == Waiting(end)
    assert w.calls.change_identifier(w.session, IDENTIFIER, "alice", context=w.context()) == Waiting(end)
    pending = add(w, "third@example.org")
    assert pending.until == end
    waiting = by_link(w, w.session)
    assert waiting.until == end
    w.clock.advance(RECOVERY.veto_window)
    assert w.calls.verify_address(ResumeTicket(waiting.ticket), context=w.context()) == AddressVerified(purged=False)


def test_what_was_mailed_to_a_removed_address_is_dead_even_when_it_comes_back(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    session = with_factor(w)
    link = w.reset_link()
    assert remove(w, IDENTIFIER, session) == AddressRemoved()
    assert w.calls.inspect_reset(link, context=w.context()) == Refused()
    w.directory.change("u1", addresses=(MINE, IDENTIFIER))
    assert w.calls.inspect_reset(link, context=w.context()) == Refused()


def test_a_removed_address_is_told_for_a_week_and_no_longer(w):
    w.directory.change("u1", addresses=(IDENTIFIER, MINE))
    remove(w, IDENTIFIER)
    w.clock.advance(WAIT)
    assert remove(again(w), IDENTIFIER) == AddressRemoved()
    [(_, until)] = w.calls.admin.export("u1").addresses
    assert until == w.clock() + RECOVERY.told
    password = PASSWORD
    for days, hears in ((6, True), (2, False)):
        w.clock.advance(days=days)
        w.deliver()
        w.messenger.handed.clear()
        w.calls.set_password("u1", f"{NEW} {days}", by=CurrentPassword(password), context=w.context())
        w.deliver()
        password = f"{NEW} {days}"
        assert (IDENTIFIER in told(w, MessagePurpose.PASSWORD_CHANGED)) is hears
        assert MINE in told(w, MessagePurpose.PASSWORD_CHANGED)


def test_an_own_address_cannot_be_added_twice(w):
    assert add(w, IDENTIFIER.upper()) == Refused()
    assert add(w, MINE, replaces="bob@example.org") == Refused()


# --- withdrawn by an administrator ------------------------------------------------------------------------------------


def test_a_number_of_somebody_else_is_withdrawn_at_once_and_told_nothing(w):
    w.directory.change("u1", addresses=(NUMBER, IDENTIFIER))
    handle = w.calls.request_reset(NUMBER, context=w.context()).handle
    w.deliver()
    code = w.messenger.code
    assert w.calls.admin.withdraw_address("u1", "+442079460958", actor="ops") == Acted()
    assert addresses(w) == (IDENTIFIER,)
    assert w.calls.redeem_reset(ResetCode(handle, code), NEW, context=w.context()) == Refused()
    w.deliver()
    assert told(w, MessagePurpose.ADDRESS_REMOVED) == [IDENTIFIER]
    assert [one.actor for one in w.sink.of(events.AddressDropped)] == ["ops"]
    w.calls.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    w.deliver()
    assert told(w, MessagePurpose.PASSWORD_CHANGED) == [IDENTIFIER]


def test_the_last_address_can_be_withdrawn_and_what_waits_for_it_too(w):
    assert w.calls.admin.withdraw_address("u1", IDENTIFIER, actor="ops") == Acted()
    assert addresses(w) == ()
    add(w)
    assert w.calls.admin.withdraw_address("u1", MINE, actor="ops") == Acted()
    assert by_link(w, w.session) == Refused()
    assert w.calls.admin.withdraw_address("u1", "bob@example.org", actor="ops") == Acted()
    w.deliver()
    assert len(w.sink.of(events.AddressDropped)) == 2


# --- identifiers ------------------------------------------------------------------------------------------------------


def test_a_name_is_changed_with_a_fresh_session(w):
    w.directory.change("u1", identifiers=("alice", IDENTIFIER))
    assert w.calls.change_identifier(w.session, "Alice", "Ålice.Liddell ", context=w.context()) == IdentifierChanged()
    assert w.directory.get("", "u1").identifiers == ("ålice.liddell", IDENTIFIER)
    assert isinstance(w.calls.sign_in("ÅLICE.liddell", PASSWORD, context=w.context()), SignedIn)
    assert w.calls.sign_in("alice", PASSWORD, context=w.context("203.0.113.1")) == Refused()
    w.deliver()
    assert told(w, MessagePurpose.IDENTIFIER_CHANGED) == [IDENTIFIER]
    assert len(w.sink.of(events.IdentifierReplaced)) == 1


@pytest.mark.parametrize("taken", ["bob", "BOB", "bob@example.org"])
def test_a_name_that_somebody_has_is_taken_in_every_spelling(w, taken):
    w.sign_up("u2", "bob", addresses=("bob@example.org",))
    if "@" in taken:
        w.directory.change("u1", addresses=(IDENTIFIER, taken))
    assert w.calls.change_identifier(w.session, IDENTIFIER, taken, context=w.context()) == IdentifierTaken()
    assert w.directory.get("", "u1").identifiers == (IDENTIFIER,)
    assert record(w).changes == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("p\N{CYRILLIC SMALL LETTER A}ypal", "mixed-scripts"),
        ("pay\ufe00pal", "invisible"),
        ("", "form"),
        ("stranger@example.org", "form"),
        ("+15550100", "form"),
        (None, "form"),
    ],
)
def test_a_name_that_nobody_should_have_is_rejected(plain, name, reason):
    assert plain.calls.change_identifier(plain.session, IDENTIFIER, name, context=plain.context()) == IdentifierRejected(reason)


def test_an_identifier_can_be_an_address_of_the_account(plain):
    plain.directory.change("u1", identifiers=("alice",))
    assert plain.calls.change_identifier(plain.session, "alice", IDENTIFIER, context=plain.context()) == IdentifierChanged()


def test_names_need_a_fresh_session_at_the_full_level_and_the_old_one(plain):
    assert plain.calls.change_identifier(plain.session, "bob", "carol", context=plain.context()) == Refused()
    plain.clock.advance(plain.policy.sessions.fresh + SECOND)
    assert plain.calls.change_identifier(plain.session, IDENTIFIER, "carol", context=plain.context()) == Refused()


def test_asking_which_names_are_taken_uses_up_the_budget_of_a_source(plain):
    plain.directory.change("u1", identifiers=("alice",))
    plain.sign_up("u2", "bob")
    for _ in range(plain.policy.reset.per_source.limit):
        assert plain.calls.change_identifier(plain.session, "alice", "bob", context=plain.context()) == IdentifierTaken()
    assert plain.calls.change_identifier(plain.session, "alice", "bob", context=plain.context()).retry_after


# --- proof purges -----------------------------------------------------------------------------------------------------


def squatted(w):
    """An account that somebody made for an address that he never proved."""
    w.directory.put(Account(subject="u9", identifiers=("victim@example.org",)))
    w.calls.set_password("u9", PASSWORD, by=Initial(), context=w.context())
    session = w.sign_in("victim@example.org").session
    assert isinstance(add(w, "victim@example.org", session=session), AddressPending)
    return session


def test_who_proves_the_first_address_elsewhere_finds_nothing_of_whoever_was_before(w):
    session = squatted(w)
    assert by_link(w) == AddressVerified(purged=True)
    left = record(w, "u9")
    assert (left.verifier, left.history, left.sessions, left.devices, left.factors.live) == (None, (), (), (), False)
    assert (left.contacts, left.changes, left.habits) == ((), (), None)
    kept = {"incarnation", "epoch", "meters", "lanes", "spent", "checkpoints", "openings", "commits", "addresses"}
    fresh = Record(incarnation=left.incarnation)
    assert {name for name in fresh.__struct_fields__ if getattr(left, name) != getattr(fresh, name)} <= kept
    assert not isinstance(w.calls.check_session(session, context=w.context()), SessionValid)
    assert w.calls.sign_in("victim@example.org", PASSWORD, context=w.context()) == Refused()
    w.deliver()
    assert w.sink.of(events.AddressProven)[-1].purged
    link = w.reset_link("victim@example.org")
    assert isinstance(w.calls.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)
    assert isinstance(w.calls.sign_in("victim@example.org", NEW, context=w.context()), SignedIn)


@pytest.mark.parametrize("kind", ["link", "code"])
def test_who_proves_it_where_he_signed_up_keeps_everything(w, kind):
    session = squatted(w)
    pending = w.calls.list_changes(session, context=w.context()).changes[0]
    proof = AddressLink(w.messenger.address_link) if kind == "link" else AddressCode(pending.id, w.messenger.address_code)
    assert w.calls.verify_address(proof, session=session, context=w.context()) == AddressVerified(purged=False)
    assert isinstance(w.calls.check_session(session, context=w.context()), SessionValid)
    assert isinstance(w.calls.sign_in("victim@example.org", PASSWORD, context=w.context()), SignedIn)


def test_a_session_of_another_account_stands_for_nothing(w):
    squatted(w)
    assert by_link(w, w.session) == AddressVerified(purged=True)


def test_a_code_without_a_session_of_its_subject_is_no_proof(w):
    squatted(w)
    change = record(w, "u9").changes[0].id.hex()
    code = AddressCode(change, w.messenger.address_code)
    for session in (None, w.session, "x"):
        assert w.calls.verify_address(code, session=session, context=w.context()) == Refused()
    assert addresses(w, "u9") == ()


def test_a_code_beside_a_session_that_is_over_is_no_proof(w):
    pending = add(w)
    w.calls.sign_out(w.session, context=w.context())
    assert by_code(w, pending) == Refused()
    assert addresses(w) == (IDENTIFIER,)


def test_a_second_address_purges_nothing(w):
    add(w)
    assert by_link(w) == AddressVerified(purged=False)
    assert isinstance(w.calls.check_session(w.session, context=w.context()), SessionValid)


def test_an_address_that_is_taken_purges_nothing(w):
    session = squatted(w)
    w.sign_up("u2", "v", addresses=("victim@example.org",))
    assert by_link(w) == AddressTaken()
    assert isinstance(w.calls.check_session(session, context=w.context()), SessionValid)


# --- directories ------------------------------------------------------------------------------------------------------


class ReadOnly:
    """A user table that nobody writes to from here."""

    def __init__(self, directory):
        self.find, self.get = directory.find, directory.get


def test_a_directory_that_cannot_be_written_to_is_enough_for_everything_else(plain):
    plain.directory = ReadOnly(plain.directory)
    plain.restart()
    assert isinstance(plain.sign_in(), SignedIn)
    context = plain.context()
    for call in (
        lambda: plain.engine.add_address(plain.session, MINE, context=context),
        lambda: plain.engine.verify_address(AddressLink("x"), context=context),
        lambda: plain.engine.remove_address(plain.session, IDENTIFIER, context=context),
        lambda: plain.engine.change_identifier(plain.session, IDENTIFIER, "x", context=context),
        lambda: plain.engine.admin.withdraw_address("u1", IDENTIFIER, actor="ops"),
        lambda: plain.engine.admin.propose_recovery("u1", Capability.ADDRESSES, actor="ops", address=MINE),
    ):
        with pytest.raises(ConfigError, match="apply") as refused:
            call()
        assert "WritableDirectory" in refused.value.remedy
    assert plain.engine.inspect_address("x", context=context) == Refused()


def test_a_worker_whose_directory_cannot_be_written_to_leaves_a_change_to_others(plain):
    """What it can do it does; the change comes again, to one that can."""
    add(plain)

    class Away(MemoryDirectory):
        def apply(self, change):
            raise OSError("the database is away")

    directory, away = plain.directory, Away(plain.directory.get("", "u1"))
    plain.directory = away
    plain.restart()
    with pytest.raises(PortError, match=r"directory\.apply"):
        by_link(plain, plain.session)
    plain.directory = ReadOnly(directory)
    plain.restart()
    plain.calls.request_reset(IDENTIFIER, context=plain.context())
    plain.deliver()
    assert plain.messenger.of(MessagePurpose.RESET)
    assert addresses(plain) == (IDENTIFIER,)
    plain.directory = directory
    plain.restart()
    plain.clock.advance(hours=1)
    plain.deliver()
    assert addresses(plain) == (IDENTIFIER, MINE)
    assert len(plain.sink.of(events.AddressProven)) == 1


def test_the_async_face_awaits_its_directory():
    w = async_world()
    w.sign_up()
    w.session = w.sign_in().session
    pending = add(w)
    assert by_code(w, pending) == AddressVerified(purged=False)
    assert addresses(w) == (IDENTIFIER, MINE)
    w.close()


names = st.sampled_from(["a@example.org", "A@example.org", "b@example.org", "bob", "carol", "+15550100"])
changes = st.one_of(
    st.builds(lambda i, a: AddAddress(id=i, tenant="", subject="u1", address=a), st.uuids().map(str), names),
    st.builds(lambda i, a: RemoveAddress(id=i, tenant="", subject="u1", address=a), st.uuids().map(str), names),
    st.builds(
        lambda i, a, b: ReplaceAddress(id=i, tenant="", subject="u1", address=a, replaces=b), st.uuids().map(str), names, names
    ),
    st.builds(
        lambda i, a, b: ReplaceIdentifier(id=i, tenant="", subject="u1", identifier=a, replaces=b),
        st.uuids().map(str),
        names,
        names,
    ),
)


@given(st.lists(changes, max_size=8), st.booleans())
def test_the_directory_of_the_kit_follows_a_change_once_whenever_it_comes_again(wanted, forgets):
    """By its id; and where that is forgotten, whatever was asked for last is still so."""
    directory = MemoryDirectory(
        Account(subject="u1", identifiers=("bob",), addresses=("a@example.org",)), Account(subject="u2", identifiers=("carol",))
    )
    for change in wanted:
        first = directory.apply(change)
        after = directory.get("", "u1")
        if forgets:
            directory._applied.clear()
        assert directory.apply(change) == first
        assert directory.get("", "u1") == after
        forms = [canonical(one) for one in after.addresses]
        assert len(set(forms)) == len(forms)
        if isinstance(first, Applied) and isinstance(change, AddAddress | ReplaceAddress):
            assert canonical(change.address) in forms


def test_a_change_that_comes_late_brings_nothing_back():
    """A worker that slept through the removal of what it was to add."""
    directory = MemoryDirectory(Account(subject="u1", addresses=("a@example.org",)))
    late = AddAddress(id="1", tenant="", subject="u1", address="b@example.org")
    directory.apply(late)
    directory.apply(RemoveAddress(id="2", tenant="", subject="u1", address="b@example.org"))
    assert directory.apply(late) == Applied()
    assert directory.get("", "u1").addresses == ("a@example.org",)


def test_no_address_is_proven_by_anything_but_its_own_proof(w):
    """M-071: whatever is called, in any order, the verified addresses of nobody change."""
    pending = add(w)
    before = addresses(w)
    for wrong in ("00000000", "0", "", "x" * 8, None):
        w.calls.verify_address(AddressCode(pending.change, wrong), session=w.session, context=w.context())
        w.calls.verify_address(AddressCode("0" * 32, w.messenger.address_code), session=w.session, context=w.context())
        w.calls.verify_address(AddressLink(wrong), session=w.session, context=w.context())
        w.calls.verify_address(ResumeTicket(wrong), session=w.session, context=w.context())
    w.calls.verify_address(ResumeTicket(w.session), session=w.session, context=w.context())
    assert addresses(w) == before
    with pytest.raises(ConfigError, match="proof"):
        w.calls.verify_address(w.messenger.address_link, context=w.context())


def test_an_address_link_of_another_tenant_is_none(w):
    add(w)
    assert w.calls.verify_address(AddressLink(w.messenger.address_link), context=w.context(tenant="b")) == Refused()
    assert w.calls.inspect_address(w.messenger.address_link, context=w.context(tenant="b")) == Refused()


def test_no_store_holds_an_address_a_code_or_a_link(places):
    place = places.fresh("memory")
    w = world(store=place.open())
    w.sign_up()
    w.session = w.sign_in().session
    w.calls.add_address(w.session, MINE, context=w.context())
    held = place.dump()
    w.deliver()
    for secret in (MINE, MINE.lower(), w.messenger.address_code, w.messenger.address_link):
        assert secret.encode() not in held + place.dump()
    place.close()


POLICY = evolve(CHEAPEST, recovery=RecoveryPolicy(delays=evolve(RECOVERY.delays, address_changed=timedelta(0))))


def test_a_policy_that_lets_nobody_wait_lets_addresses_come_and_go():
    w = world(policy=POLICY)
    w.sign_up()
    w.session = w.sign_in().session
    assert add(w, MINE, replaces=IDENTIFIER).until is None
    assert by_link(w) == AddressVerified(purged=False)
    assert addresses(w) == (MINE,)
    assert not isinstance(w.calls.verify_address(AddressLink("x"), context=w.context()), TryAgain)
