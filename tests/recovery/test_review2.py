"""What a reviewer broke in addresses, names, contacts and administrators, and what keeps it whole."""

from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tests.circles import Circle

from acctsec import (
    AddressLink,
    AddressVerified,
    FreshSession,
    IdentifierChanged,
    MessagePurpose,
    PasswordChanged,
    ProofRequired,
    RecoveryPolicy,
    Refused,
    ResetLink,
    TryAgain,
    Waiting,
)
from acctsec._codec import decode_record, encode_record
from acctsec._flows.asking import PER_SUBJECT
from acctsec._flows.naming import deliverable
from acctsec.errors import PortError
from acctsec.identifiers import UNSEEN, canonical
from acctsec.outcomes import Acted
from acctsec.password.identity import identity
from acctsec.protocols import Taken
from acctsec.record import MAX_CHANGES
from acctsec.recovery import Delays
from acctsec.steps.proposals import same_person
from acctsec.testing import RACING, world
from acctsec.testing.world import IDENTIFIER

DAY = timedelta(days=1)
THIEF, MOVED, OTHER = "mallory@example.net", "alice@new.example", "alice@work.example"
NEW = "ten brave badgers 733"


class Moody:
    """A directory that fails, or says what it is told to say, while it is told so."""

    def __init__(self, directory):
        self.directory, self.fails, self.says = directory, False, None

    async def find(self, tenant, identifier):
        return self.directory.find(tenant, identifier)

    async def get(self, tenant, subject):
        return self.directory.get(tenant, subject)

    async def apply(self, change):
        if self.fails:
            raise ValueError("Data too long for column")
        return self.says or self.directory.apply(change)


def home(*addresses, policy=None):
    """Alice, in a session, with a directory that has moods."""
    w = world() if policy is None else world(policy=policy)
    w.sign_up(addresses=addresses or (IDENTIFIER,))
    w.session = w.sign_in().session
    w.deliver()
    w.moody = w.engine._flows.core.ports.directory = Moody(w.directory)
    return w


def record(w, subject="u1"):
    return decode_record(w.store.load(w.engine._flows.core.record_key("", subject))[0])


def own(w):
    return w.directory.get("", "u1").addresses


def link(w, address):
    w.deliver()
    return AddressLink(next(one.link for one in reversed(w.messenger.of(MessagePurpose.PROVE_ADDRESS)) if one.address == address))


def add(w, address, *, replaces=None, session=None):
    return w.calls.add_address(session or w.session, address, replaces=replaces, context=w.context())


def verify(w, address, *, session=None):
    return w.calls.verify_address(link(w, address), session=session, context=w.context())


def remove(w, address):
    return w.calls.remove_address(w.session, address, context=w.context())


def moved():
    """Alice has put a new address into the place of her only one; later a thief is in a session of hers."""
    w = home()
    until = add(w, MOVED, replaces=IDENTIFIER).until
    proof = link(w, MOVED)
    w.clock.advance(until - w.clock())
    assert w.calls.verify_address(proof, session=w.session, context=w.context()) == AddressVerified(purged=False)
    assert own(w) == (MOVED,)
    w.clock.advance(DAY)
    w.session = w.sign_in(MOVED).session
    return w


# --- domains ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "bob@straße.de",
        "bob@faß.de",
        "bob@βόλος.com",
        "bob@ｅxample.org",
        "bob@example。org",
        "bob@EXÄMPLE.org",
        "bob@example.org.",
    ],
)
def test_an_address_whose_domain_only_folds_to_another_is_no_address(typed):
    """A mailer of IDNA2008 finds another domain under ``straße.de``: who reads that mailbox has not proven ``strasse.de``."""
    w = home()
    assert add(w, typed) == Refused()
    w.deliver()
    assert not w.messenger.of(MessagePurpose.PROVE_ADDRESS)


@pytest.mark.parametrize("typed", ["Bob@Example.ORG", "bob@exämple.org", "bob@xn--exmple-cua.org", "bob@xn--strae-oqa.de"])
def test_a_domain_that_every_mailer_reads_alike_is_taken_as_it_is_typed(typed):
    assert deliverable(typed) == typed


@given(st.characters(min_codepoint=0x80, exclude_categories=["Cs"]))
@example("ß")
@example("ς")
@example("\N{FULLWIDTH LATIN SMALL LETTER A}")
def test_no_character_stands_for_another_one_in_a_domain(char):
    for domain in (f"{char}.org", f"m{char}.org", f"{char}m.org"):
        found = deliverable(f"mike@{domain}")
        shown = canonical(found).value.partition("@")[2].encode().decode("idna") if found else domain
        assert shown == domain


# --- an owner who moved -----------------------------------------------------------------------------------------------


def test_an_owner_who_moved_lately_is_not_taken_off_at_once_by_what_a_thief_adds():
    w = moved()
    add(w, THIEF)
    assert verify(w, THIEF, session=w.session) == AddressVerified(purged=False)
    outcome = remove(w, MOVED)
    assert isinstance(outcome, Waiting)
    assert outcome.until - w.clock() == RecoveryPolicy().delays.address_changed
    assert {one.address for one in w.messenger.messages} >= {MOVED}


def test_an_owner_who_moved_lately_is_told_when_her_address_is_replaced():
    w = moved()
    until = add(w, THIEF, replaces=MOVED).until
    proof = link(w, THIEF)
    w.clock.advance(until - w.clock())
    w.calls.verify_address(proof, session=w.session, context=w.context())
    assert own(w) == (THIEF,)
    w.deliver()
    w.messenger.handed.clear()
    w.calls.sign_out_everywhere("u1", by=FreshSession(w.sign_in(THIEF).session), context=w.context())
    w.calls.request_reset(THIEF, context=w.context("198.51.100.7"))
    w.deliver()
    reset = next(one.link for one in reversed(w.messenger.messages) if one.link)
    assert isinstance(w.calls.redeem_reset(ResetLink(reset), NEW, context=w.context("198.51.100.7")), Waiting)
    w.deliver()
    assert MOVED in {one.address for one in w.messenger.of(MessagePurpose.CHANGE_WAITING)}


def test_the_owner_who_moved_still_throws_out_at_once_who_came_after_her():
    w = moved()
    add(w, THIEF)
    verify(w, THIEF, session=w.session)
    assert type(remove(w, THIEF)).__name__ == "AddressRemoved"
    assert own(w) == (MOVED,)


# --- a table that does not follow -------------------------------------------------------------------------------------


def test_names_that_the_table_cannot_take_leave_room_for_the_owners_reset():
    """A thief in a session asks for names that no column holds: what is under way never ends, and must not fill the record."""
    w = home()
    w.moody.fails = True
    for number in range(9):
        try:
            outcome = w.calls.change_identifier(w.session, IDENTIFIER, f"thief{number}", context=w.context())
        except PortError:
            continue
        assert isinstance(outcome, TryAgain)
    assert len(record(w).changes) == 2 < MAX_CHANGES
    w.clock.advance(30 * DAY)
    assert isinstance(w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), PasswordChanged)


def test_what_is_under_way_is_made_once_the_table_follows_again():
    w = home()
    w.moody.fails = True
    with pytest.raises(PortError):
        w.calls.change_identifier(w.session, IDENTIFIER, "alice", context=w.context())
    w.moody.fails = False
    assert w.calls.change_identifier(w.session, IDENTIFIER, "alice", context=w.context()) == IdentifierChanged()
    assert not record(w).changes


def test_an_address_that_is_withdrawn_while_it_is_under_way_does_not_come_back():
    w = home()
    add(w, THIEF)
    proof = link(w, THIEF)
    w.moody.fails = True
    with pytest.raises(PortError):
        w.calls.verify_address(proof, session=w.session, context=w.context())
    w.moody.fails = False
    assert w.calls.admin.withdraw_address("u1", THIEF, actor="root") == Acted()
    for _ in range(3):
        w.clock.advance(minutes=30)
        w.deliver()
    assert own(w) == (IDENTIFIER,)


def test_a_table_that_says_taken_of_what_goes_is_broken_and_nobody_is_told_that_it_went():
    w = home(IDENTIFIER, OTHER)
    w.moody.says = Taken()
    with pytest.raises(PortError):
        w.calls.admin.withdraw_address("u1", OTHER, actor="root")
    w.moody.says = None
    assert w.calls.admin.withdraw_address("u1", OTHER, actor="root") == Acted()
    assert own(w) == (IDENTIFIER,)


def test_the_last_address_stays_though_the_other_one_is_still_on_its_way_off():
    """Whoever is told nothing after a removal has been removed all the same."""
    at_once = RecoveryPolicy(delays=Delays(address_changed=timedelta(0)), told=timedelta(0))
    w = home(IDENTIFIER, OTHER, policy=evolve(RACING, recovery=at_once))
    w.moody.fails = True
    with pytest.raises(PortError):
        remove(w, IDENTIFIER)
    w.clock.advance(seconds=90)
    assert remove(w, OTHER) == Refused()
    w.moody.fails = False
    w.clock.advance(minutes=30)
    w.deliver()
    assert own(w) == (OTHER,)


# --- purging ----------------------------------------------------------------------------------------------------------


def test_who_proves_an_address_after_the_last_was_withdrawn_purges_no_factor():
    """A clerk who takes an address off, and a thief in a session, are not two administrators."""
    w = home()
    _, w.session = w.enroll(w.session)
    w.calls.admin.withdraw_address("u1", IDENTIFIER, actor="clerk")
    add(w, THIEF)
    assert verify(w, THIEF) == AddressVerified(purged=False)
    assert record(w).factors.live
    assert record(w).verifier is not None


# --- messages ---------------------------------------------------------------------------------------------------------


def test_one_account_behind_many_networks_has_texts_sent_to_few_numbers():
    w = home()
    for number in range(60):
        w.calls.add_address(w.session, f"+4479009{number:05}", context=w.context(f"10.{number}.0.1"))
        w.deliver()
    sent = len(w.messenger.of(MessagePurpose.PROVE_ADDRESS))
    assert 0 < sent <= PER_SUBJECT.limit
    assert len(w.messenger.of(MessagePurpose.ADDRESS_PENDING)) == sent


def test_naming_and_removing_contacts_fills_no_mailbox():
    w = home()
    for number in range(60):
        w.calls.name_contact(w.session, "u2", context=w.context(f"10.{number}.0.1"))
        w.calls.remove_contact(w.session, "u2", context=w.context(f"10.{number}.0.1"))
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.CONTACT_NAMED)) <= PER_SUBJECT.limit


# --- who counts -------------------------------------------------------------------------------------------------------


def test_what_a_contact_said_whose_account_is_contested_does_not_count():
    """Whoever took that account over said it, perhaps; nobody knows who has it."""
    c = Circle(world())
    asked = c.ask()
    for one in ("u2", "u3"):
        c.vouch(one)
    core, store = c.w.engine._flows.core, c.w.store
    key = core.record_key("", "u2")
    value, version = store.load(key)
    frozen = decode_record(value).with_epoch().contested(since=c.w.clock(), proofs=("link",))
    store.commit(key, version, encode_record(frozen), [], c.w.entropy(16))
    assert isinstance(c.redeem(asked), ProofRequired)


def test_no_character_that_leaves_no_trace_makes_two_administrators_of_one():
    for unseen in UNSEEN:
        assert same_person("mallory", f"mal{unseen}lory"), ascii(unseen)


@pytest.mark.parametrize(
    ("one", "other"), [("a", "b"), (b"a", b"b"), (1, 2), (1.5, 2.5)], ids=["text", "bytes", "whole", "broken"]
)
def test_a_plain_value_of_a_class_of_its_own_is_named_by_its_value(one, other):
    """A word of a template, say: rules that list other words are other rules."""
    own_class = type("Own", (type(one),), {})
    assert identity(own_class(one)) == identity(one)
    assert identity(own_class(one)) != identity(own_class(other))
