"""Two administrators give an owner a new address, who has lost mailbox and password: after days, and unless somebody stops it."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Account,
    AddressCode,
    AddressLink,
    AddressPending,
    AddressTaken,
    AddressVerified,
    ChangeCancelled,
    ConfigError,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    RecoveryPath,
    RecoveryPolicy,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    Waiting,
    events,
)
from acctsec._codec import decode_record
from acctsec.outcomes import Acted, ChangeKind, Proposed, Vetoed
from acctsec.record import MAX_ADDRESSES, MAX_REMOVED
from acctsec.recovery import Capability, Proof
from acctsec.steps import Making, Named, No, Scene, prove_address
from acctsec.testing import async_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WAIT, CLAIM, WINDOW = 7 * DAY, DAY, 3 * DAY
FRESH, OTHER = "alice@fresh.example", "other@fresh.example"
NEW = "a wholly new phrase 77"


@pytest.fixture(params=KINDS)
def w(request, places):
    """Alice, whose only mailbox is gone, on each kind of store."""
    place = places.fresh(request.param)
    made = world(store=place.open())
    made.sign_up()
    yield made
    place.close()


@pytest.fixture
def plain():
    made = world()
    made.sign_up()
    return made


def propose(w, address=FRESH, actor="erin", gives=Capability.ADDRESSES):
    return w.calls.admin.propose_recovery("u1", gives, actor=actor, address=address)


def approve(w, proposed, actor="frank", address=FRESH):
    done = w.calls.admin.approve_recovery("u1", proposed.change, actor=actor, address=address)
    w.deliver()
    return done


def given_one(w, address=FRESH):
    """Two have agreed; answers the link that the new address was mailed."""
    assert approve(w, propose(w, address), address=address) == Acted()
    return w.messenger.of(MessagePurpose.PROVE_ADDRESS)[-1].link


def verify(w, proof, session=None):
    proof = AddressLink(proof) if isinstance(proof, str) else proof
    return w.calls.verify_address(proof, session=session, context=w.context())


def proven(w, address=FRESH):
    """All of it: agreed to, waited for and proven."""
    link = given_one(w, address)
    w.clock.advance(WAIT)
    assert verify(w, link) == AddressVerified(purged=False)
    w.deliver()


def notices(w, purpose=MessagePurpose.CHANGE_WAITING):
    return {one.address: one.veto for one in w.messenger.of(purpose)}


def veto(w, token):
    return w.calls.veto(token, context=w.context())


def addresses(w):
    return w.directory.get("", "u1").addresses


def record(w):
    return decode_record(w.store.load(w.engine._flows.core.record_key("", "u1"))[0])


def reasons(w):
    w.deliver()
    return [one.reason for one in w.sink.observations if isinstance(one, events.AttemptRefused)]


# --- the whole way ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [world, async_world], ids=["blocking", "async"])
def test_an_owner_without_mailbox_and_password_comes_back(make):
    """Seven days for the address, three more for a password by it; the mailbox that is gone is told of both."""
    w = make()
    w.sign_up()
    link = given_one(w)
    waiting = verify(w, link)
    assert (waiting.until, waiting.change) == (w.clock() + WAIT, record_change(w))
    assert addresses(w) == (IDENTIFIER,)
    w.clock.advance(WAIT)
    assert verify(w, ResumeTicket(waiting.ticket)) == AddressVerified(purged=False)
    assert addresses(w) == (IDENTIFIER, FRESH)
    w.calls.request_reset(FRESH, context=w.context())
    w.deliver()
    reset = next(one.link for one in reversed(w.messenger.of(MessagePurpose.RESET)) if one.address == FRESH)
    later = w.calls.redeem_reset(ResetLink(reset), NEW, context=w.context())
    assert later.until == w.clock() + 3 * DAY
    w.clock.advance(3 * DAY)
    assert isinstance(w.calls.redeem_reset(ResumeTicket(later.ticket), NEW, context=w.context()), PasswordChanged)
    w.close()


def record_change(w):
    w.deliver()
    (began,) = w.sink.of(events.ChangeBegan)
    return began.change


def test_whoever_was_told_before_is_told_at_once_and_can_stop_it(w):
    w.directory.change("u1", addresses=(IDENTIFIER, "alice@work.example"))
    session = w.sign_in().session
    w.calls.remove_address(session, "alice@work.example", context=w.context())
    w.clock.advance(3 * DAY)
    w.calls.remove_address(w.sign_in().session, "alice@work.example", context=w.context())
    w.deliver()
    w.messenger.handed.clear()
    given_one(w)
    assert set(notices(w)) == {IDENTIFIER, "alice@work.example"}
    assert all(notices(w).values())
    (mail,) = w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    assert (mail.address, mail.veto, bool(mail.link), bool(mail.code)) == (FRESH, None, True, True)
    assert not w.messenger.of(MessagePurpose.RECOVERY_LINK)


def test_nothing_that_was_there_goes_by_it(w):
    """The account had a proven address: whoever proves another finds all as it was, and nobody is signed out."""
    w.sign_in()
    before = record(w)
    proven(w)
    after = record(w)
    for part in ("verifier", "epoch", "sessions", "devices", "factors", "contacts"):
        assert getattr(after, part) == getattr(before, part)
    assert isinstance(w.sign_in(), SignedIn)
    assert [one.changed for one in after.addresses] == [True]
    (event,) = w.sink.of(events.AddressProven)
    assert (event.methods, event.purged) == (("administrators", "link"), False)


def test_the_link_lives_for_as_long_as_the_wait_and_the_claim(w):
    link = given_one(w)
    w.clock.advance(WAIT - SECOND)
    found = w.calls.inspect_address(link, context=w.context())
    assert isinstance(found, AddressPending)
    assert found.until == w.clock() + SECOND
    assert isinstance(verify(w, link), Waiting)
    w.clock.advance(CLAIM)
    assert verify(w, link) == AddressVerified(purged=False)


def test_what_nobody_proves_in_time_is_nothing(w):
    link = given_one(w)
    ticket = verify(w, link).ticket
    w.clock.advance(WAIT + CLAIM)
    assert isinstance(verify(w, link), Refused)
    assert isinstance(verify(w, ResumeTicket(ticket)), Refused)
    assert addresses(w) == (IDENTIFIER,)


def test_no_session_spares_the_wait(w):
    link = given_one(w)
    session = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.9")).session
    assert isinstance(verify(w, link, session), Waiting)
    (mail,) = w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    code = AddressCode(w.sink.of(events.ChangeBegan)[-1].change, mail.code)
    assert isinstance(verify(w, code, session), Waiting)
    assert isinstance(verify(w, code), Refused)  # a code is nothing without a session


def test_an_address_that_is_taken_stays_where_it_is(w):
    w.directory.put(Account(subject="u2", addresses=(FRESH,)))
    link = given_one(w)
    w.clock.advance(WAIT)
    assert verify(w, link) == AddressTaken()
    assert (addresses(w), record(w).changes, record(w).addresses) == ((IDENTIFIER,), (), ())


def test_nothing_goes_where_the_platform_took_the_old_address_off_meanwhile(w):
    link = given_one(w)
    w.directory.change("u1", addresses=())
    w.clock.advance(WAIT)
    assert verify(w, link) == AddressVerified(purged=False)


def test_what_administrators_said_is_no_proof_that_anybody_reads_it(plain):
    """A step that is told of no proof, as by a ticket, makes nothing of their word alone."""
    given_one(plain)
    plain.clock.advance(WAIT)
    core, before = plain.engine._flows.core, record(plain)
    scene = Scene(tenant="", subject="u1", account=plain.directory.get("", "u1"), now=plain.clock())
    (change,), new = before.changes, Named(names=(b"new",))
    rest = {"change_id": change.id, "claims": None, "new": new, "gone": None}
    assert prove_address(core.policy, before, scene=scene, method="", **rest).verdict == No("dead")
    assert isinstance(prove_address(core.policy, before, scene=scene, method="link", **rest).verdict, Making)


def test_the_old_address_goes_when_its_owner_or_an_administrator_says_so(w):
    proven(w)
    assert w.calls.admin.withdraw_address("u1", IDENTIFIER, actor="erin") == Acted()
    assert addresses(w) == (FRESH,)


# --- who stops it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [timedelta(0), WAIT - SECOND, WAIT + CLAIM - SECOND], ids=["at once", "late", "last"])
def test_a_veto_while_it_waits_freezes_the_account_and_the_address_never_comes(w, when):
    link = given_one(w)
    w.clock.advance(when)
    if when < WAIT:
        assert isinstance(verify(w, link), Waiting)
    assert isinstance(veto(w, notices(w)[IDENTIFIER]), Vetoed)
    w.clock.advance(WAIT)
    assert isinstance(verify(w, link), Refused)
    assert addresses(w) == (IDENTIFIER,)
    contest = record(w).contest
    assert {"administrators", "link"} <= set(contest.proofs) <= {"administrators", "link", "text"}
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()), Refused)
    assert isinstance(propose(w), Refused)
    assert reasons(w)[-1] == "no path"


def test_a_veto_for_a_while_after_it_freezes_too_and_the_new_address_has_none(w):
    proven(w)
    told = notices(w, MessagePurpose.ADDRESS_ADDED)
    assert (bool(told[IDENTIFIER]), told[FRESH]) == (True, None)
    w.clock.advance(WINDOW - SECOND)
    assert isinstance(veto(w, told[IDENTIFIER]), Vetoed)
    assert record(w).contest is not None


def test_after_that_it_stands(w):
    proven(w)
    w.clock.advance(WINDOW)
    assert isinstance(veto(w, notices(w, MessagePurpose.ADDRESS_ADDED)[IDENTIFIER]), Refused)


def test_a_reset_by_it_waits_and_the_address_before_it_stops_that(w):
    proven(w)
    w.clock.advance(WINDOW)
    w.messenger.handed.clear()
    w.calls.request_reset(FRESH, context=w.context())
    w.deliver()
    reset = next(one.link for one in w.messenger.of(MessagePurpose.RESET) if one.address == FRESH)
    waiting = w.calls.redeem_reset(ResetLink(reset), NEW, context=w.context())
    assert waiting.until == w.clock() + 3 * DAY
    w.deliver()
    assert notices(w)[FRESH] is None
    assert isinstance(veto(w, notices(w)[IDENTIFIER]), Vetoed)


def test_the_owner_cancels_it_with_a_fresh_session(w):
    link, session = given_one(w), w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.9")).session
    (waits,) = w.calls.list_changes(session, context=w.context()).changes
    assert waits.kind is ChangeKind.ADDRESS_ADDED
    assert isinstance(w.calls.cancel_change(waits.id, by=FreshSession(session), context=w.context()), ChangeCancelled)
    w.clock.advance(WAIT)
    assert isinstance(verify(w, link), Refused)


def test_so_does_a_full_sign_in_where_she_is_known(w):
    signed_in = w.sign_in()
    w.clock.advance(minutes=2)
    link = given_one(w)
    known = w.context(device=signed_in.device)
    assert isinstance(w.calls.sign_in(IDENTIFIER, PASSWORD, context=known), SignedIn)
    w.clock.advance(WAIT)
    assert isinstance(verify(w, link), Refused)


@pytest.mark.parametrize("address", [IDENTIFIER, FRESH])
def test_no_administrator_takes_the_veto_away_while_it_waits(w, address):
    """Whoever withdraws an address meanwhile, the old one or the new one, ends it."""
    link = given_one(w)
    assert w.calls.admin.withdraw_address("u1", address, actor="frank") == Acted()
    w.clock.advance(WAIT)
    assert isinstance(verify(w, link), Refused)
    assert FRESH not in addresses(w)
    w.deliver()
    (event,) = w.sink.of(events.ChangeDropped)
    assert (event.by, event.kind) == ("withdrawn", "address-added")


def test_a_withdrawn_address_is_told_nothing_of_it(plain):
    given_one(plain)
    plain.messenger.handed.clear()
    plain.calls.admin.withdraw_address("u1", IDENTIFIER, actor="frank")
    plain.deliver()
    assert not [one for one in plain.messenger.messages if one.address == IDENTIFIER]


def test_a_proposal_is_taken_back_before_it_is_approved(w):
    proposed = propose(w)
    assert w.calls.admin.withdraw_proposal("u1", proposed.change, actor="erin") == Acted()
    assert isinstance(approve(w, proposed), Refused)
    assert not w.messenger.of(MessagePurpose.PROVE_ADDRESS)


# --- one at a time ----------------------------------------------------------------------------------------------------


def test_a_second_one_takes_the_place_of_the_first(w):
    first, second = given_one(w), given_one(w, OTHER)
    assert [one.kind for one in record(w).changes] == ["address-added"]
    w.clock.advance(WAIT)
    assert isinstance(verify(w, first), Refused)
    assert verify(w, second) == AddressVerified(purged=False)


def test_the_same_one_again_begins_anew(w):
    first = given_one(w)
    w.clock.advance(WAIT - SECOND)
    second = given_one(w)
    w.clock.advance(SECOND)
    assert isinstance(verify(w, first), Refused)
    assert isinstance(verify(w, second), Waiting)


@pytest.mark.parametrize("same", [FRESH, FRESH.title()])
def test_what_is_asked_for_in_a_session_pushes_it_out_only_for_the_very_same_address(w, same):
    link = given_one(w)
    session = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context("203.0.113.9")).session
    for number in range(4):
        w.calls.add_address(session, f"a{number}@fresh.example", context=w.context())
    assert isinstance(verify(w, link), Waiting)
    assert isinstance(w.calls.add_address(session, same, context=w.context()), AddressPending)
    assert isinstance(verify(w, link), Refused)


def test_there_is_always_a_room_left_for_a_recovery(plain):
    given_one(plain)
    session = plain.calls.sign_in(IDENTIFIER, PASSWORD, context=plain.context("203.0.113.9")).session
    for number in range(4):
        plain.calls.add_address(session, f"a{number}@fresh.example", context=plain.context())
    assert len(record(plain).changes) == 3


# --- where there is none to give --------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", ["erin", "Erin ", "e r i n"])
def test_one_alone_gives_none(w, actor):
    assert isinstance(approve(w, propose(w), actor=actor), Refused)
    assert not w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    assert not notices(w)


@pytest.mark.parametrize("address", ["", "alice", "+4915112345678", "\uff41@fresh.example", 7, b"a@b.example"], ids=repr)
def test_what_no_mail_goes_to_is_a_mistake_of_the_caller(plain, address):
    with pytest.raises(ConfigError) as found:
        propose(plain, address)
    assert found.value.remedy
    assert str(address) not in str(found.value) or not address


@pytest.mark.parametrize(
    ("gives", "address"), [(Capability.PASSWORD, FRESH), (Capability.FACTORS, ""), (Capability.FACTORS, "no address")]
)
def test_a_link_goes_to_no_address_that_is_not_the_subjects(plain, gives, address):
    assert propose(plain, address, gives=gives) == Refused()


def test_a_new_address_has_to_be_named_by_both(plain):
    with pytest.raises(ConfigError, match="address"):
        propose(plain, None)
    proposed = propose(plain)
    with pytest.raises(ConfigError, match="address"):
        approve(plain, proposed, address=None)
    assert approve(plain, proposed, address=OTHER) == Refused()
    assert approve(plain, proposed, address=FRESH.upper()) == Acted()


def test_of_several_addresses_both_name_the_one_that_gets_the_link(plain):
    """The first may be a thief's: who speaks to the owner knows better."""
    plain.directory.change("u1", addresses=(IDENTIFIER, OTHER))
    with pytest.raises(ConfigError, match="several"):
        propose(plain, None, gives=Capability.PASSWORD)
    proposed = propose(plain, OTHER, gives=Capability.PASSWORD)
    with pytest.raises(ConfigError, match="several"):
        approve(plain, proposed, address=None)
    assert approve(plain, proposed, address=IDENTIFIER) == Refused()
    assert approve(plain, proposed, address=OTHER) == Acted()
    assert [one.address for one in plain.messenger.of(MessagePurpose.RECOVERY_LINK)] == [OTHER]


def test_a_link_to_an_address_that_went_meanwhile_goes_nowhere(plain):
    plain.directory.change("u1", addresses=(IDENTIFIER, OTHER))
    proposed = propose(plain, OTHER, gives=Capability.PASSWORD)
    plain.calls.admin.approve_recovery("u1", proposed.change, actor="frank", address=OTHER)
    plain.directory.change("u1", addresses=(IDENTIFIER,))
    plain.deliver()
    assert not plain.messenger.of(MessagePurpose.RECOVERY_LINK)


def test_an_address_and_a_name_that_no_record_has_room_for_are_refused_out_loud(plain):
    long = "a" * 64 + "@" + ".".join(["b" * 58] * 3) + ".example"
    assert isinstance(propose(plain, long, actor="e" * 30), Proposed)
    with pytest.raises(ConfigError, match="bytes"):
        propose(plain, long, actor="\U0001f511" * 64)


@given(actor=st.text(st.characters(codec="utf-8"), min_size=1, max_size=64).filter(str.isprintable))
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
def test_no_proposal_is_longer_than_what_a_change_is_about_at_most(actor):
    w = world()
    w.sign_up()
    long = "a" * 64 + "@" + ".".join(["b" * 58] * 3) + ".example"
    try:
        propose(w, long, actor=actor)
    except ConfigError:
        return
    assert len(record(w).changes[0].about) <= 36 + 4 + 254 + 4 + 32


def test_an_own_one_and_one_too_many_are_refused(plain):
    assert isinstance(propose(plain, IDENTIFIER.upper()), Refused)
    earlier = propose(plain)
    plain.directory.change(
        "u1", addresses=(IDENTIFIER, *(f"a{number}@example.org" for number in range(MAX_ADDRESSES - MAX_REMOVED)))
    )
    assert isinstance(propose(plain, OTHER), Refused)
    assert isinstance(approve(plain, earlier), Refused)
    assert reasons(plain) == ["address"] * 3


def test_an_account_that_nobody_could_be_told_of_gets_none(plain):
    """Or whoever may withdraw an address would have nobody left to stop him."""
    earlier = propose(plain)
    plain.calls.admin.withdraw_address("u1", IDENTIFIER, actor="erin")
    assert isinstance(propose(plain), Refused)
    assert isinstance(approve(plain, earlier), Refused)
    assert reasons(plain) == ["no mail address"] * 2


def test_where_no_path_gives_addresses_there_is_none_to_propose():
    path = RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, gives=Capability.FACTORS, level=2, wait=DAY)
    w = world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(paths=(RecoveryPath({Proof.MAIL}), path))))
    w.sign_up()
    assert isinstance(propose(w), Refused)
    assert reasons(w) == ["no path"]


@pytest.mark.parametrize("wait", [DAY, 2 * DAY, 14 * DAY])
def test_it_waits_as_its_path_says(wait):
    paths = (RecoveryPath({Proof.MAIL}), RecoveryPath({Proof.ADMINISTRATORS}, gives=Capability.ADDRESSES, level=2, wait=wait))
    w = world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(paths=paths)))
    w.sign_up()
    assert verify(w, given_one(w)).until == w.clock() + wait


def test_no_administrator_is_handed_anything(w):
    proposed = propose(w)
    done = approve(w, proposed)
    (mail,) = w.messenger.of(MessagePurpose.PROVE_ADDRESS)
    for shown in (repr(proposed), repr(done), *map(repr, w.sink.events), *map(repr, record(w).changes)):
        assert not any(secret in shown for secret in (mail.link, mail.code, FRESH))
    (first,), (second,) = w.sink.of(events.RecoveryProposed), w.sink.of(events.RecoveryApproved)
    assert (first.kind, second.kind, second.proposer, second.actor) == ("addresses", "addresses", "erin", "frank")
