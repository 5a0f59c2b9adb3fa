"""Trusted contacts: so many of them together decide that an owner comes back in; fewer decide nothing, and none of them gets anything."""

from datetime import timedelta
from itertools import combinations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.circles import NEW, PEOPLE, SETTLED, Circle, mail, needing
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Admin,
    Capability,
    ChangeCancelled,
    ConfigError,
    FactorsRemoved,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    ProofRequired,
    RecoveryCode,
    RecoveryPath,
    RecoveryPolicy,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    Waiting,
    events,
)
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.claims import ShareClaims
from acctsec.outcomes import ContactInfo, ContactNamed, ContactRemoved, Contacts, ContactsAsked, SharePending, Vetoed, Vouched
from acctsec.recovery import Proof
from acctsec.testing import async_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]
WAIT = timedelta(days=3)
QUIET = settings(max_examples=30, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def circle(request):
    made = Circle(request.param())
    yield made
    made.w.close()


@pytest.fixture
def c():
    return Circle(world())


class Asked:
    """A port that writes down what is asked of it."""

    def __init__(self, port, asked):
        for name in ("load", "commit", "drain", "ack", "scan", "charge", "settle", "read", "find", "get"):
            if hasattr(port, name):
                setattr(self, name, self._of(name, getattr(port, name), asked))

    def _of(self, name, call, asked):
        def ask(*args):
            asked.append(name)
            return call(*args)

        return ask


def reasons(c, operation):
    return [one.reason for one in c.w.sink.observations if getattr(one, "operation", "") == operation]


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_an_owner_without_her_phone_comes_back_in_by_two_friends_and_three_days(circle):
    c, w = circle, circle.w
    asked = c.ask()
    assert isinstance(c.redeem(asked), ProofRequired)
    assert c.vouch("u2") == Vouched(1)
    assert isinstance(c.redeem(asked), ProofRequired)
    assert c.vouch("u4") == Vouched(0)
    waiting = c.redeem(asked)
    assert waiting.until == w.clock() + WAIT
    w.deliver()
    (notice,) = w.messenger.of(MessagePurpose.CHANGE_WAITING)
    assert notice.veto
    assert c.redeem(waiting).until == waiting.until
    w.clock.advance(WAIT)
    assert isinstance(c.redeem(waiting), PasswordChanged)
    assert w.calls.admin.export("u1").factors  # a reset takes no factor away
    w.deliver()
    (reset,) = w.sink.of(events.PasswordReset)
    assert reset.methods == ("link", "contacts")


def test_the_same_proofs_take_the_lost_phone_off(circle):
    c, w = circle, circle.w
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    waiting = c.remove_factors(asked)
    assert isinstance(waiting, Waiting)
    w.clock.advance(WAIT)
    assert isinstance(c.remove_factors(waiting), FactorsRemoved)
    assert isinstance(w.sign_in(), SignedIn)


def test_what_they_agreed_to_is_good_for_one_thing(c):
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    assert isinstance(c.redeem(asked), Waiting)
    assert [one.kind for one in c.record.changes] == ["password"]
    assert isinstance(c.vouch("u4"), Refused)
    assert isinstance(c.remove_factors(asked), Refused)
    assert isinstance(c.redeem(asked), Refused)


def test_a_path_without_a_wait_needs_none():
    recovery = RecoveryPolicy(paths=[RecoveryPath({Proof.MAIL, Proof.CONTACTS}, level=2)])
    c = Circle(world(policy=evolve(CHEAPEST, recovery=recovery)))
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    assert isinstance(c.redeem(asked), PasswordChanged)
    assert c.record.contacts  # they stay: the owner chose them
    assert not [one for one in c.record.changes if one.made is None]


# --- naming -----------------------------------------------------------------------------------------------------------


def test_naming_tells_every_address_of_the_owner_and_the_contact():
    w = world()
    c = Circle(w, friends=())
    w.directory.change("u1", addresses=(IDENTIFIER, "alice@example.net"))
    assert c.name("u2") == ContactNamed(w.clock() + SETTLED)
    w.deliver()
    assert {one.address for one in w.messenger.of(MessagePurpose.CONTACT_NAMED)} == {IDENTIFIER, "alice@example.net"}
    (told,) = w.messenger.of(MessagePurpose.NAMED_AS_CONTACT)
    assert (told.subject, told.address, told.owner, told.link) == ("u2", mail("u2"), "u1", None)
    (event,) = w.sink.of(events.ContactAdded)
    assert (event.subject, event.contact, event.counts) == ("u1", "u2", w.clock() + SETTLED)


def test_an_owner_learns_nothing_of_an_account_by_naming_it():
    """Neither by the answer nor by what is asked of directory and stores: there is one, there is none, it is disabled."""
    w = world()
    c = Circle(w, friends=())
    w.calls.admin.disable("u3", actor="ops")
    asked = []
    w.store, w.directory = Asked(w.store, asked), Asked(w.directory, asked)
    w.restart()
    seen = []
    for one in ("u2", "u3", "nobody at all"):
        asked.clear()
        seen.append((c.name(one), tuple(asked)))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][1] == ("get", "load", "charge", "commit")
    w.deliver()
    assert [one.subject for one in w.messenger.of(MessagePurpose.NAMED_AS_CONTACT)] == ["u2"]


def test_naming_one_again_leaves_its_time_as_it_was():
    w = world()
    c = Circle(w, friends=())
    first = c.name("u2")
    w.clock.advance(minutes=5)
    assert c.name("u2") == first
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.NAMED_AS_CONTACT)) == len(w.sink.of(events.ContactAdded)) == 1


def test_there_are_five_at_most_and_the_owner_is_none():
    c = Circle(world(), friends=PEOPLE, settled=False)
    assert isinstance(c.name("u7"), Refused)
    assert isinstance(c.name("u1"), Refused)
    c.w.deliver()
    assert reasons(c, "name_contact") == ["too many contacts", "nobody else"]


def test_only_a_fresh_session_at_full_level_names_or_removes():
    c = Circle(world())
    for act in (lambda: c.name("u5"), lambda: c.remove("u2")):
        assert isinstance(act(), Refused)  # a week old
    c.sign_in()
    assert isinstance(c.name("u5"), ContactNamed)
    c.w.clock.advance(minutes=16)
    for act in (lambda: c.name("u6"), lambda: c.remove("u2")):
        assert isinstance(act(), Refused)
    assert len(c.w.calls.list_contacts(c.session, context=c.w.context()).contacts) == 4


def test_a_group_without_a_path_for_contacts_can_name_none():
    recovery = RecoveryPolicy(groups={"staff": (RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=2),)})
    c = Circle(world(policy=evolve(CHEAPEST, recovery=recovery)), friends=())
    c.w.directory.change("u1", groups=frozenset({"staff"}))
    assert isinstance(c.name("u2"), Refused)
    c.w.deliver()
    assert reasons(c, "name_contact") == ["no path"]


def test_an_account_without_a_verified_address_names_nobody():
    c = Circle(world(), friends=())
    c.w.directory.change("u1", addresses=())
    assert isinstance(c.name("u2"), Refused)
    c.w.deliver()
    assert reasons(c, "name_contact") == ["no verified address"]


def test_the_list_says_who_and_from_when_on(c):
    begun = c.w.clock() - SETTLED
    c.sign_in()
    found = c.w.calls.list_contacts(c.session, context=c.w.context())
    assert found == Contacts(tuple(ContactInfo(subject=one, since=begun, counts=begun + SETTLED) for one in c.friends))
    assert isinstance(c.w.calls.list_contacts("x", context=c.w.context()), Refused)
    assert c.w.calls.admin.export("u1").contacts == tuple((one, begun) for one in c.friends)


def test_removing_tells_every_address_of_the_owner(c):
    c.sign_in()
    assert c.remove("u2") == ContactRemoved()
    assert isinstance(c.remove("u2"), Refused)
    c.w.deliver()
    assert len(c.w.messenger.of(MessagePurpose.CONTACT_REMOVED)) == len(c.w.sink.of(events.ContactDropped)) == 1


def test_no_contact_is_removed_while_a_change_that_it_was_there_before_can_be_vetoed(c):
    """Whoever came in by mail and two friends cannot take the others off before the owner had time to object."""
    asked = c.ask()
    for one in ("u3", "u4"):
        c.vouch(one)
    waiting = c.redeem(asked)
    c.w.clock.advance(WAIT)
    assert isinstance(c.redeem(waiting), PasswordChanged)
    c.sign_in(NEW)
    assert isinstance(c.name("u6"), ContactNamed)  # whoever it is, it counts in a week
    assert c.remove("u6") == ContactRemoved()
    held = c.remove("u3")
    assert held == Waiting(c.w.clock() - timedelta(seconds=30) + timedelta(hours=72))
    c.w.clock.advance(hours=72)
    c.sign_in(NEW)
    assert c.remove("u3") == ContactRemoved()


# --- asking -----------------------------------------------------------------------------------------------------------


def test_nobody_is_bothered_without_a_first_proof(c):
    link = c.w.reset_link()
    handle = c.w.calls.request_reset(IDENTIFIER, context=c.w.context()).handle
    pending = c.w.calls.sign_in(IDENTIFIER, PASSWORD, context=c.w.context()).ticket
    for token in (link, handle, pending, c.session, "x", None):
        assert isinstance(c.w.calls.ask_contacts(token, context=c.w.context()), Refused)
    c.w.deliver()
    assert not c.w.messenger.of(MessagePurpose.CONTACT_SHARE)


def test_asking_uses_the_reset_up_and_tells_every_address(c):
    ticket = c.ticket()
    asked = c.ask(ticket)
    assert isinstance(c.w.calls.ask_contacts(ticket, context=c.w.context()), Refused)
    assert isinstance(c.w.calls.inspect_reset(c.w.messenger.link, context=c.w.context()), Refused)
    assert len(c.w.messenger.of(MessagePurpose.CONTACTS_ASKED)) == 1
    assert {one.subject for one in c.w.messenger.of(MessagePurpose.CONTACT_SHARE)} == set(c.friends)
    (event,) = c.w.sink.of(events.VouchingBegan)
    assert (event.change, event.methods, event.expires) == (asked.change, ("link",), asked.expires)
    assert isinstance(c.w.calls.ask_contacts(asked.ticket, context=c.w.context()), Refused)  # asked already


def test_a_ticket_that_rests_on_no_reset_asks_once():
    """A printed code is the first proof, and spent: the ticket is all there is."""
    paths = [RecoveryPath({Proof.MAIL}), RecoveryPath({Proof.RECOVERY_CODE, Proof.CONTACTS}, level=2, wait=WAIT)]
    recovery = RecoveryPolicy(paths=paths, contacts_settle=timedelta(0))
    c = Circle(world(policy=evolve(CHEAPEST, recovery=recovery)), settled=False)
    code = c.w.calls.issue_recovery_codes(c.session, context=c.w.context()).codes[0]
    handle = c.w.calls.request_reset(IDENTIFIER, context=c.w.context()).handle
    found = c.w.calls.redeem_reset(RecoveryCode(code, handle), NEW, context=c.w.context())
    asked = c.ask(found.ticket)
    assert isinstance(c.w.calls.ask_contacts(found.ticket, context=c.w.context()), Refused)
    for one in ("u2", "u3"):
        c.vouch(one)
    assert isinstance(c.redeem(asked), Waiting)


def test_a_question_that_was_dropped_before_its_mail_went_out_is_not_mailed(c):
    asked = c.w.calls.ask_contacts(c.ticket(), context=c.w.context())
    by = ResumeTicket(asked.ticket)
    assert isinstance(c.w.calls.cancel_change(asked.change, by=by, context=c.w.context()), ChangeCancelled)
    c.w.deliver()
    assert not c.w.messenger.of(MessagePurpose.CONTACT_SHARE)


def test_contacts_have_two_days(c):
    asked = c.ask()
    assert asked.expires == c.w.clock() + timedelta(hours=48)
    c.vouch("u2")
    c.w.clock.advance(hours=48)
    assert isinstance(c.vouch("u3"), Refused)
    assert isinstance(c.redeem(asked), Refused)


def test_it_never_matures_by_itself(c):
    asked = c.ask()
    c.vouch("u2")
    for _ in range(48):
        assert isinstance(c.redeem(asked), ProofRequired)
        c.w.clock.advance(hours=1)
    assert isinstance(c.redeem(asked), Refused)


def test_what_administrators_agreed_to_is_not_handed_on_to_contacts():
    """It was for one thing, and contacts agree to any: such a path is not begun in vain."""
    recovery = RecoveryPolicy(
        paths=[
            RecoveryPath({Proof.MAIL, Proof.CONTACTS, Proof.ADMINISTRATORS}, level=2),
            RecoveryPath({Proof.MAIL, Proof.CONTACTS, Proof.ADMINISTRATORS}, level=2, gives="factors", wait=WAIT),
        ]
    )
    c = Circle(world(policy=evolve(CHEAPEST, recovery=recovery)))
    proposed = c.w.calls.admin.propose_recovery("u1", Capability.PASSWORD, actor="erin")
    c.w.calls.admin.approve_recovery("u1", proposed.change, actor="frank")
    c.w.deliver()
    found = c.w.calls.redeem_reset(ResetLink(c.w.messenger.link), NEW, context=c.w.context())
    assert found.paths == ({"contacts"},)
    assert isinstance(c.w.calls.ask_contacts(found.ticket, context=c.w.context()), Refused)


@pytest.mark.parametrize("friends", [(), PEOPLE[:1]])
def test_too_few_contacts_are_not_asked(friends):
    c = Circle(world(), friends=friends)
    found = c.w.calls.ask_contacts(c.ticket(), context=c.w.context())
    c.w.deliver()
    assert isinstance(found, Refused)
    assert reasons(c, "ask_contacts") == ["too few contacts"]


def test_contacts_who_have_not_settled_are_not_asked():
    c = Circle(world(), friends=PEOPLE[:2])
    c.sign_in()
    c.name("u6")
    c.w.clock.advance(SETTLED - timedelta(seconds=1))
    c.ask()
    assert not c.shares("u6")
    c.w.clock.advance(seconds=1)
    asked = c.ask()
    assert c.vouch("u6") == Vouched(1)
    assert isinstance(c.redeem(asked), ProofRequired)


def test_a_contact_that_is_nobody_or_disabled_is_sent_nothing_and_it_does_not_show(c):
    c.w.calls.admin.disable("u2", actor="ops")
    c.w.directory.remove("u3")
    asked = c.ask()
    assert isinstance(asked, ContactsAsked)
    assert [one.subject for one in c.w.messenger.of(MessagePurpose.CONTACT_SHARE)] == ["u4"]
    assert {one.subject for one in c.w.sink.observations if isinstance(one, events.NoticeWithheld)} == {"u2", "u3"}


def test_asked_again_it_begins_anew_and_nobody_is_flooded(c):
    first = c.ask()
    c.vouch("u2")
    old = c.shares("u3")[0]
    second = c.ask()
    assert isinstance(c.vouch("u3", old), Refused)
    assert isinstance(c.redeem(first), Refused)
    assert c.vouch("u3") == Vouched(1)
    for _ in range(5):
        c.w.clock.advance(minutes=30)
        last = c.ask()
    assert len(c.shares("u2")) == 3
    assert isinstance(c.redeem(second), Refused)
    assert isinstance(c.redeem(last), ProofRequired)
    assert sum(one.kind == "contacts" for one in c.record.changes) == 1


def test_asking_again_ends_nothing_that_waits(c):
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    waiting = c.redeem(asked)
    again = c.ask()
    assert isinstance(c.redeem(again), ProofRequired)
    c.w.clock.advance(WAIT)
    assert isinstance(c.redeem(waiting), PasswordChanged)


# --- agreeing ---------------------------------------------------------------------------------------------------------


def test_looking_at_a_share_says_what_for_and_changes_nothing(c):
    asked = c.ask()
    before = c.record
    (share,) = c.shares("u2")
    for _ in range(3):
        found = c.w.calls.inspect_share(share, context=c.w.context())
    assert found == SharePending(owner="u1", change=asked.change, asked=c.w.clock(), expires=asked.expires)
    assert c.record == before
    c.vouch("u2")
    assert isinstance(c.w.calls.inspect_share(share, context=c.w.context()), Refused)


def test_the_mailbox_of_a_contact_is_not_enough(c):
    c.ask()
    (share,) = c.shares("u2")
    stale = c.fresh("u2")
    c.w.clock.advance(minutes=16)
    for by in (stale, FreshSession("x"), FreshSession(share), FreshSession(c.session)):
        assert isinstance(c.w.calls.vouch(share, by=by, context=c.w.context()), Refused)
    for by in (None, Admin("ops"), ResumeTicket("x")):
        with pytest.raises(ConfigError, match="claim"):
            c.w.calls.vouch(share, by=by, context=c.w.context())
    assert c.vouch("u2") == Vouched(1)


def test_a_contact_with_a_second_factor_has_to_have_shown_it(c):
    weak = c.fresh("u2")
    _, strong = c.w.enroll(weak.token)
    c.ask()
    assert isinstance(c.vouch("u2", by=weak), Refused)
    assert c.vouch("u2", by=FreshSession(strong)) == Vouched(1)


def test_one_contact_cannot_use_the_share_of_another(c):
    c.ask()
    (share,) = c.shares("u2")
    for other in ("u3", "u5"):
        assert isinstance(c.vouch(other, share), Refused)
    assert isinstance(c.vouch("u2", share, by=c.fresh("u3")), Refused)
    assert c.record.changes[0].vouched == 0


def test_a_share_is_good_once(c):
    asked = c.ask()
    assert c.vouch("u2") == Vouched(1)
    assert isinstance(c.vouch("u2"), Refused)
    assert isinstance(c.redeem(asked), ProofRequired)
    c.w.deliver()
    assert len(c.w.sink.of(events.ContactVouched)) == 1


def test_the_owner_hears_when_enough_have_agreed(c):
    c.ask()
    for one in c.friends:
        c.vouch(one)
        c.w.deliver()
    assert len(c.w.messenger.of(MessagePurpose.CONTACTS_AGREED)) == 1
    assert [one.left for one in c.w.sink.of(events.ContactVouched)] == [1, 0, 0]


# --- what ends a share ------------------------------------------------------------------------------------------------


def freeze(w, address):
    """Somebody resets the password of an account by its mail, and its owner says that it was not him."""
    w.calls.redeem_reset(ResetLink(w.reset_link(address)), NEW, context=w.context())
    w.deliver()
    (notice,) = (one for one in w.messenger.of(MessagePurpose.PASSWORD_CHANGED) if one.address == address)
    assert isinstance(w.calls.veto(notice.veto, context=w.context()), Vetoed)


ENDS = {
    "the owner disabled": lambda c: c.w.calls.admin.disable("u1", actor="ops"),
    "the owner erased": lambda c: c.w.calls.admin.erase("u1", actor="ops"),
    "a change of the password": lambda c: c.w.calls.set_password("u1", NEW, by=FreshSession(c.session), context=c.w.context()),
    "every session ended": lambda c: c.w.calls.sign_out_everywhere("u1", by=Admin("ops"), context=c.w.context()),
    "the owner signed in fully": lambda c: c.sign_in(),
    "the asker gave up": lambda c: c.w.calls.cancel_change(
        c.asked.change, by=ResumeTicket(c.asked.ticket), context=c.w.context()
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_share_ends_with(name, c):
    c.sign_in()
    c.asked = c.ask()
    c.vouch("u2")
    ENDS[name](c)
    c.w.calls.admin.enable("u1", actor="ops")
    assert isinstance(c.w.calls.inspect_share(c.shares("u3")[-1], context=c.w.context()), Refused)
    assert isinstance(c.vouch("u3"), Refused)
    assert isinstance(c.redeem(c.asked), Refused)


@pytest.mark.parametrize("agreed", [("u2",), ("u2", "u3")])
def test_what_a_removed_contact_said_does_not_count(agreed):
    """With a session that began before anybody was asked: a full sign-in would end the asking."""
    c = Circle(world())
    c.sign_in()
    asked = c.ask()
    for one in agreed:
        c.vouch(one)
    assert c.remove("u2") == ContactRemoved()
    assert isinstance(c.vouch("u2"), Refused)
    assert isinstance(c.redeem(asked), ProofRequired)
    c.name("u2")
    assert isinstance(c.vouch("u2"), Refused)  # named anew, after it was asked
    c.name("u5")
    for one in ("u3", "u4"):
        c.vouch(one)
    assert isinstance(c.redeem(asked), Waiting)


@pytest.mark.parametrize(
    "end",
    [
        lambda c: c.w.calls.admin.disable("u2", actor="ops"),
        lambda c: c.w.calls.admin.erase("u2", actor="ops"),
        lambda c: c.w.directory.remove("u2"),
        lambda c: c.w.directory.change("u2", status="disabled"),
        lambda c: freeze(c.w, mail("u2")),
    ],
    ids=["disabled", "erased", "gone", "disabled by the platform", "contested"],
)
def test_what_somebody_said_who_is_nobody_now_does_not_count(end, c):
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    end(c)
    assert isinstance(c.redeem(asked), ProofRequired)
    assert c.vouch("u4") == Vouched(0)
    assert isinstance(c.redeem(asked), Waiting)


def test_an_erased_contact_that_signs_up_anew_is_another_one(c):
    c.ask()
    (share,) = c.shares("u2")
    c.w.calls.admin.erase("u2", actor="ops")
    c.w.sign_up("u2", mail("u2"))
    assert isinstance(c.vouch("u2", share), Refused)


def test_in_a_contest_contacts_are_not_asked_where_they_are_no_stronger_than_either_side():
    c = Circle(world(policy=needing(2)), friends=PEOPLE[:2])
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    waiting = c.redeem(asked)
    c.w.deliver()
    (notice,) = c.w.messenger.of(MessagePurpose.CHANGE_WAITING)
    c.w.clock.advance(hours=1)
    assert isinstance(c.w.calls.veto(notice.veto, context=c.w.context()), Vetoed)
    assert isinstance(c.redeem(waiting), Refused)
    assert c.record.contest.proofs == ("link", "contacts")  # the same two are no stronger than either side
    assert isinstance(c.w.calls.ask_contacts(c.ticket(), context=c.w.context()), Refused)


def test_in_a_contest_only_contacts_from_before_count():
    """Whoever got in for a while, and named a friend of his own, cannot win by him; the owner's friends settle it."""
    recovery = RecoveryPolicy(
        paths=[
            RecoveryPath({Proof.MAIL}),
            RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=2),
            RecoveryPath({Proof.MAIL, Proof.CONTACTS}, level=2, wait=WAIT),
            RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, level=2, wait=WAIT),
        ],
        contacts_settle=timedelta(0),
    )
    c = Circle(world(policy=evolve(CHEAPEST, recovery=recovery)), friends=PEOPLE[:2], settled=False)
    codes = c.w.calls.issue_recovery_codes(c.session, context=c.w.context())
    c.session = codes.session
    c.w.clock.advance(minutes=2)
    # A thief with mail and a code of the sheet begins, gets in meanwhile, and names a friend of his own.
    found = c.by_mail()
    proven = c.w.calls.verify_factor(found.ticket, RecoveryCode(codes.codes[0]), context=c.w.context())
    waiting = c.w.calls.redeem_reset(ResumeTicket(proven.ticket), NEW, context=c.w.context())
    assert isinstance(waiting, Waiting)
    c.w.clock.advance(minutes=1)
    assert isinstance(c.name("u6"), ContactNamed)
    c.w.deliver()
    (notice,) = c.w.messenger.of(MessagePurpose.CHANGE_WAITING)
    assert isinstance(c.w.calls.veto(notice.veto, context=c.w.context()), Vetoed)
    c.w.clock.advance(minutes=1)
    asked = c.ask()
    assert not c.shares("u6")
    assert c.vouch("u2") == Vouched(1)
    forged = Tokens(c.w.keyring).seal(Purpose.SHARE, claims(c, asked, "u6", 2))
    assert isinstance(c.vouch("u6", forged), Refused)
    assert isinstance(c.redeem(asked), ProofRequired)
    c.vouch("u3")
    waiting = c.redeem(asked)
    c.w.clock.advance(WAIT)
    assert isinstance(c.redeem(waiting), PasswordChanged)
    assert [one.subject for one in c.record.contacts] == ["u2", "u3"]


def claims(c, asked, one, number):
    return ShareClaims(
        tenant="",
        subject="u1",
        incarnation=c.record.incarnation,
        change=bytes.fromhex(asked.change),
        contact=one,
        number=number,
        life=c.record_of(one).incarnation,
        expires=asked.expires,
    )


def test_the_owner_drops_what_contacts_were_asked_for_and_sees_it_among_her_changes(c):
    c.sign_in()
    asked = c.ask()
    c.w.clock.advance(minutes=1)
    (found,) = c.w.calls.list_changes(c.session, context=c.w.context()).changes
    assert (found.kind, found.id) == ("contacts", asked.change)
    by = FreshSession(c.session)
    assert isinstance(c.w.calls.cancel_change(asked.change, by=by, context=c.w.context()), ChangeCancelled)
    assert isinstance(c.vouch("u2"), Refused)


def test_a_number_that_went_to_another_contact_lends_it_no_word(c):
    """The share of a contact that was taken off, and the number of who came in its place."""
    c.sign_in()
    c.ask()
    c.vouch("u2")
    c.remove("u2")
    c.name("u5")
    assert {one.id: one.subject for one in c.record.contacts} == {0: "u5", 1: "u3", 2: "u4"}
    (share,) = c.shares("u2")
    for one in ("u2", "u5"):
        assert isinstance(c.vouch(one, share), Refused)
    assert c.record.changes[0].vouched == 0


# --- what is bound ----------------------------------------------------------------------------------------------------


def test_every_share_has_one_length_and_shows_nothing(c):
    c.ask()
    shares = [one for friend in c.friends for one in c.shares(friend)]
    assert len({len(one) for one in shares}) == 1
    long = ShareClaims(
        tenant="t" * 64,
        subject="s" * 64,
        incarnation=bytes(16),
        change=bytes(16),
        contact="c" * 64,
        number=4,
        life=bytes(16),
        expires=c.w.clock(),
    )
    tokens = Tokens(c.w.keyring)
    assert len(tokens.seal(Purpose.SHARE, long)) == len(shares[0])
    assert tokens.open(Purpose.SHARE, tokens.seal(Purpose.SHARE, long), ShareClaims) == long
    assert "u1" not in repr(long)
    for message in c.w.messenger.messages:
        assert not any(one in repr(message) for one in shares)


def test_a_share_of_one_tenant_is_worth_nothing_in_another(c):
    c.ask()
    (share,) = c.shares("u2")
    elsewhere = c.w.context(tenant="elsewhere")
    assert isinstance(c.w.calls.inspect_share(share, context=elsewhere), Refused)
    assert isinstance(c.w.calls.vouch(share, by=c.fresh("u2"), context=elsewhere), Refused)


# --- fewer than it takes ----------------------------------------------------------------------------------------------

ACTS = st.one_of(
    st.tuples(st.just("ask"), st.just(0), st.just(0)),
    st.tuples(st.just("vouch"), st.integers(0, 3), st.integers(0, 30)),
    st.tuples(st.just("redeem"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("factors"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 600, 1500, 1440 * 2, 1440 * 4]), st.just(0)),
)


class Plot:
    """Some contacts in league with whoever reads the owner's mail: every token any of them ever got is everybody's."""

    def __init__(self, w, league):
        self.c, self.league = Circle(w, friends=PEOPLE[:4]), league
        self.asked, self.said, self.answers = [], {}, []

    def play(self, acts):
        for act, one, other in acts:
            getattr(self, act)(one, other)

    def ask(self, *_):
        opened = self.c.by_mail()
        found = self.c.w.calls.ask_contacts(getattr(opened, "ticket", None), context=self.c.w.context())
        self.c.w.deliver()
        if isinstance(found, ContactsAsked):
            self.asked.append(found)

    def vouch(self, who, which):
        shares = [share for one in self.league for share in self.c.shares(one)]
        if shares:
            by = self.league[who % len(self.league)]
            found = self.c.vouch(by, shares[which % len(shares)])
            if isinstance(found, Vouched):
                self.said.setdefault(self.asked[-1].change, set()).add(by)
                assert found.left == max(3 - len(self.said[self.asked[-1].change]), 0)

    def redeem(self, which, _):
        self._try(which, self.c.redeem)

    def factors(self, which, _):
        self._try(which, self.c.remove_factors)

    def _try(self, which, act):
        if self.asked:
            self.answers.append(act(self.asked[which % len(self.asked)]))

    def wait(self, minutes, _):
        self.c.w.clock.advance(minutes=minutes)


def everything(asking=2):
    """All that a league can do, in one order that leaves nothing out."""
    vouching = [("vouch", who, which) for who in range(3) for which in range(9)]
    trying = [(act, which, 0) for act in ("redeem", "factors") for which in range(3)]
    return [*([("ask", 0, 0), *vouching, *trying] * asking), ("wait", 1440 * 4, 0), *trying]


@pytest.mark.parametrize("league", list(combinations(PEOPLE[:4], 2)), ids="-".join)
@given(acts=st.lists(ACTS, max_size=25))
@QUIET
def test_one_contact_fewer_than_it_takes_can_do_nothing(league, acts):
    """Two of four where three have to agree, whichever two, in any order, as often as they like, with the owner's mail beside."""
    plot = Plot(world(policy=needing(3)), league)
    before = plot.c.record
    plot.play([*everything(asking=1), *acts, *everything(asking=1)])
    assert plot.said
    assert all(isinstance(one, ProofRequired | Refused) for one in plot.answers)
    after = plot.c.record
    assert (after.epoch, after.verifier, after.factors) == (before.epoch, before.verifier, before.factors)
    assert all(one.kind == "contacts" for one in after.changes)
    plot.c.w.deliver()
    assert not plot.c.w.sink.of(events.ChangeBegan)


@pytest.mark.parametrize("league", list(combinations(PEOPLE[:4], 3)), ids="-".join)
def test_as_many_as_it_takes_can(league):
    plot = Plot(world(policy=needing(3)), league)
    plot.play(everything())
    assert any(isinstance(one, Waiting) for one in plot.answers)


@pytest.mark.parametrize("kind", KINDS)
def test_on_every_store_too(kind, places):
    for league, opens in ((PEOPLE[:2], False), (PEOPLE[:3], True)):
        place = places.fresh(kind)
        try:
            plot = Plot(world(policy=needing(3), store=place.open()), league)
            plot.play(everything(asking=1))
            assert any(isinstance(one, Waiting) for one in plot.answers) is opens
        finally:
            place.close()
