"""Two administrators: neither of them alone brings anything about, and not even both ever hold anything."""

from datetime import timedelta
from inspect import getmembers, isfunction

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.circles import NEW, Circle
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    ChangeCancelled,
    ConfigError,
    FactorRequired,
    FactorsRemoved,
    FreshSession,
    MessagePurpose,
    PasswordChanged,
    ProofRequired,
    RecoveryPath,
    RecoveryPolicy,
    Refused,
    ResetLink,
    ResetPending,
    ResumeTicket,
    Waiting,
    events,
)
from acctsec._flows.entries import SIZE, ResetRequest, seal
from acctsec._values import evolve as evolved
from acctsec.engine import Admins
from acctsec.keyring import OVERHEAD
from acctsec.outcomes import Acted, ChangeKind, Proposed, ReportReason, Vetoed
from acctsec.recovery import Capability, Proof
from acctsec.steps.proposals import same_person
from acctsec.testing import async_world, world
from acctsec.testing.world import IDENTIFIER

KINDS = [kind if kind in USUAL else pytest.param(kind, marks=pytest.mark.deep) for kind in STORES]
DAY = timedelta(days=1)
GIVES = [Capability.PASSWORD, Capability.FACTORS]


@pytest.fixture(params=[world, async_world], ids=["blocking", "async"])
def c(request):
    made = Circle(request.param(), friends=())
    yield made
    made.w.close()


@pytest.fixture
def one():
    return Circle(world(), friends=())


def propose(c, gives=Capability.PASSWORD, actor="alice", address=None):
    return c.w.calls.admin.propose_recovery("u1", gives, actor=actor, address=address)


def approve(c, proposed, actor="bob", address=None):
    return c.w.calls.admin.approve_recovery("u1", proposed.change, actor=actor, address=address)


def withdraw(c, proposed, actor="alice"):
    return c.w.calls.admin.withdraw_proposal("u1", proposed.change, actor=actor)


def agreed(c, gives=Capability.PASSWORD):
    """What the owner is mailed once two have agreed."""
    assert isinstance(approve(c, propose(c, gives)), Acted)
    c.w.deliver()
    return c.w.messenger.of(MessagePurpose.RECOVERY_LINK)[-1].link


def redeem(c, proof):
    return c.w.calls.redeem_reset(proof, NEW, context=c.w.context())


def remove_factors(c, proof):
    return c.w.calls.remove_lost_factors(proof, context=c.w.context())


def reasons(c):
    c.w.deliver()
    return [one.reason for one in c.w.sink.observations if isinstance(one, events.AttemptRefused)]


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_two_of_them_and_the_mailbox_give_the_password_back_after_a_day(c):
    link = agreed(c)
    waiting = redeem(c, ResetLink(link))
    assert waiting.until == c.w.clock() + DAY
    c.w.deliver()
    (notice,) = c.w.messenger.of(MessagePurpose.CHANGE_WAITING)
    assert notice.veto
    c.w.clock.advance(DAY)
    assert isinstance(redeem(c, ResumeTicket(waiting.ticket)), PasswordChanged)
    c.w.deliver()
    (reset,) = c.w.sink.of(events.PasswordReset)
    assert reset.methods == ("link", "administrators")
    assert c.w.calls.admin.export("u1").factors  # a reset takes no factor away


def test_two_of_them_and_the_mailbox_take_a_lost_phone_off_after_three(c):
    link = agreed(c, Capability.FACTORS)
    waiting = remove_factors(c, ResetLink(link))
    assert waiting.until == c.w.clock() + 3 * DAY
    c.w.clock.advance(3 * DAY)
    assert isinstance(remove_factors(c, ResumeTicket(waiting.ticket)), FactorsRemoved)
    assert not c.w.calls.admin.export("u1").factors


def test_the_events_name_both(one):
    proposed = propose(one, actor="Alice")
    approve(one, proposed, actor="Bob")
    one.w.deliver()
    (first,), (second,) = one.w.sink.of(events.RecoveryProposed), one.w.sink.of(events.RecoveryApproved)
    assert (first.actor, first.kind, first.change, first.expires) == ("Alice", "password", proposed.change, proposed.expires)
    assert (second.proposer, second.actor, second.kind, second.change) == ("Alice", "Bob", "password", proposed.change)


def test_nobody_but_the_owner_is_handed_anything(one):
    """The link goes to the mail address that both name, the news to all, and no answer to administrators has a token in it."""
    one.w.directory.change("u1", addresses=("+4915112345678", IDENTIFIER, "alice@example.net"))
    proposed = propose(one, address=IDENTIFIER)
    one.w.deliver()
    assert not one.w.messenger.of(MessagePurpose.RECOVERY_APPROVED)
    assert approve(one, proposed, address=IDENTIFIER) == Acted()
    one.w.deliver()
    (mail,) = one.w.messenger.of(MessagePurpose.RECOVERY_LINK)
    assert (mail.subject, mail.address, mail.code) == ("u1", IDENTIFIER, None)
    told = one.w.messenger.of(MessagePurpose.RECOVERY_APPROVED)
    assert {each.address for each in told} == {"+4915112345678", IDENTIFIER, "alice@example.net"}
    assert all(each.link is None for each in told)
    for event in one.w.sink.events:
        assert mail.link not in repr(event)


def test_the_longest_name_of_an_actor_takes_no_more_room_than_an_address(one):
    proposed = propose(one, actor="\U0001f511" * 64)
    (change,) = one.record.changes
    assert len(change.about) <= 36 + 4 + 254 + 4 + 32, "what tests/test_record.py counts for each"
    assert approve(one, proposed) == Acted()


def test_looking_at_the_link_says_what_was_agreed_to(one):
    for gives, kind in ((Capability.PASSWORD, ChangeKind.PASSWORD), (Capability.FACTORS, ChangeKind.FACTORS)):
        found = one.w.calls.inspect_reset(agreed(one, gives), context=one.w.context())
        assert found == ResetPending(one.w.clock() + timedelta(hours=24), kind)
    assert one.w.calls.inspect_reset(one.w.reset_link(), context=one.w.context()).approved is None


def test_an_owner_who_is_not_lost_stops_it(one):
    """She reads the notice, and says that it was not her."""
    waiting = redeem(one, ResetLink(agreed(one)))
    one.w.deliver()
    (notice,) = one.w.messenger.of(MessagePurpose.CHANGE_WAITING)
    assert isinstance(one.w.calls.veto(notice.veto, context=one.w.context()), Vetoed)
    one.w.clock.advance(DAY)
    assert isinstance(redeem(one, ResumeTicket(waiting.ticket)), Refused)


# --- what was agreed to is what it is good for ------------------------------------------------------------------------


def test_what_was_agreed_to_for_the_password_takes_no_factor_off(one):
    link = agreed(one, Capability.PASSWORD)
    assert isinstance(remove_factors(one, ResetLink(link)), FactorRequired | ProofRequired)
    assert isinstance(redeem(one, ResetLink(link)), Waiting)


def test_what_was_agreed_to_for_factors_sets_no_password(one):
    link = agreed(one, Capability.FACTORS)
    assert isinstance(redeem(one, ResetLink(link)), FactorRequired | ProofRequired)
    assert isinstance(remove_factors(one, ResetLink(link)), Waiting)


def test_nor_by_way_of_a_ticket():
    """On a path that wants a third proof, a ticket stands for what administrators agreed to; it does so for that alone."""
    three = {Proof.MAIL, Proof.ADMINISTRATORS, Proof.FACTOR}
    paths = [
        RecoveryPath(three, level=2),
        RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS, Proof.RECOVERY_CODE}, level=2),
        RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS, Proof.FACTOR}, gives=Capability.FACTORS, level=2),
    ]
    c = Circle(world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(paths=paths))), friends=())
    for gives, right, wrong in ((Capability.PASSWORD, redeem, remove_factors), (Capability.FACTORS, remove_factors, redeem)):
        found = right(c, ResetLink(agreed(c, gives)))
        assert isinstance(found, FactorRequired)
        proven = c.w.calls.verify_factor(found.ticket, c.app.code(c.w.clock()), context=c.w.context())
        c.w.clock.advance(seconds=30)
        assert isinstance(wrong(c, ResumeTicket(proven.ticket)), FactorRequired | ProofRequired)
        if right is remove_factors:
            assert isinstance(right(c, ResumeTicket(proven.ticket)), FactorsRemoved)


# --- two are two ------------------------------------------------------------------------------------------------------


SAME = ["alice", "Alice", "ALICE ", " alice", "a l i c e", "\uff41lice"]


@pytest.mark.parametrize("name", SAME)
def test_one_in_another_spelling_is_no_other(name, one):
    assert isinstance(approve(one, propose(one, actor="alice"), actor=name), Refused)
    assert isinstance(approve(one, propose(one, actor=name), actor="alice"), Refused)
    assert reasons(one) == ["the same administrator"] * 2


@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
@settings(max_examples=200)
def test_no_change_of_case_width_or_space_makes_two_of_one(name):
    for other in (name.upper(), name.lower(), name.casefold(), f" {name}\u00a0", name.replace("", " ")):
        if name.upper().casefold() == name.casefold():
            assert same_person(name, other)
    assert same_person(name, name)
    assert not same_person(name, f"{name}x")


def test_a_proposal_is_approved_once(one):
    proposed = propose(one)
    assert isinstance(approve(one, proposed), Acted)
    for actor in ("bob", "carol"):
        assert isinstance(approve(one, proposed, actor=actor), Refused)
    one.w.deliver()
    assert len(one.w.messenger.of(MessagePurpose.RECOVERY_LINK)) == 1


def test_a_proposal_waits_a_day_for_the_other(one):
    proposed = propose(one)
    assert proposed.expires == one.w.clock() + DAY
    one.w.clock.advance(DAY)
    assert isinstance(approve(one, proposed), Refused)
    assert isinstance(withdraw(one, proposed), Refused)


def test_one_that_was_made_by_a_clock_of_the_future_is_none(one):
    proposed = propose(one)
    one.w.clock.advance(days=-1)
    assert isinstance(approve(one, proposed), Refused)


@pytest.mark.parametrize("actor", ["alice", "bob"])
def test_either_takes_it_back(actor, one):
    proposed = propose(one)
    assert isinstance(withdraw(one, proposed, actor), Acted)
    assert isinstance(approve(one, proposed), Refused)
    one.w.deliver()
    (event,) = one.w.sink.of(events.ProposalWithdrawn)
    assert (event.actor, event.change, event.kind) == (actor, proposed.change, "password")


def test_the_owner_sees_it_and_takes_it_back(one):
    one.sign_in()
    proposed = propose(one)
    (found,) = one.w.calls.list_changes(one.session, context=one.w.context()).changes
    assert (found.id, found.kind) == (proposed.change, ChangeKind.PASSWORD_PROPOSED)
    by = FreshSession(one.session)
    assert isinstance(one.w.calls.cancel_change(proposed.change, by=by, context=one.w.context()), ChangeCancelled)
    assert isinstance(approve(one, proposed), Refused)


def test_of_a_kind_one_is_proposed_at_a_time_and_leaves_room_for_what_waits(one):
    proposals = [propose(one, gives, actor=f"admin {number}") for number in range(5) for gives in GIVES]
    assert len(one.record.changes) == 2
    for earlier in proposals[:-2]:
        assert isinstance(approve(one, earlier), Refused)
    assert isinstance(approve(one, proposals[-1]), Acted)


def test_a_proposal_of_one_subject_is_none_of_another(one):
    proposed = propose(one)
    for subject, tenant in (("u2", ""), ("u1", "elsewhere")):
        found = one.w.calls.admin.approve_recovery(subject, proposed.change, actor="bob", tenant=tenant)
        assert isinstance(found, Refused)


@pytest.mark.parametrize(
    "end",
    [
        lambda c: c.w.calls.admin.disable("u1", actor="ops"),
        lambda c: c.w.calls.admin.erase("u1", actor="ops"),
        lambda c: c.w.calls.set_password("u1", NEW, by=FreshSession(c.sign_in().session), context=c.w.context()),
    ],
    ids=["disabled", "erased", "a new password"],
)
def test_a_proposal_ends_with_what_it_was_made_under(end, one):
    proposed = propose(one)
    end(one)
    one.w.calls.admin.enable("u1", actor="ops")
    assert isinstance(approve(one, proposed), Refused)


# --- where there is none to make --------------------------------------------------------------------------------------


def test_where_no_path_asks_administrators_there_is_nothing_to_propose():
    recovery = RecoveryPolicy(groups={"staff": (RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=2),)})
    c = Circle(world(policy=evolve(CHEAPEST, recovery=recovery)), friends=())
    earlier = propose(c)
    c.w.directory.change("u1", groups=frozenset({"staff"}))
    for gives in GIVES:
        assert isinstance(propose(c, gives), Refused)
    assert isinstance(approve(c, earlier), Refused)
    assert reasons(c) == ["no path"] * 3


def test_nor_for_somebody_without_a_mailbox_or_a_way_in(one):
    one.w.directory.change("u1", addresses=("+4915112345678",))
    assert isinstance(propose(one), Refused)
    one.w.directory.change("u1", addresses=(IDENTIFIER,))
    one.w.calls.admin.disable("u1", actor="ops")
    assert isinstance(propose(one), Refused)
    assert isinstance(one.w.calls.admin.propose_recovery("nobody", Capability.PASSWORD, actor="alice"), Refused)
    assert reasons(one) == ["no mail address", "disabled", "no mail address"]


@pytest.mark.parametrize("gives", [Capability.ADDRESSES, "password", None, object()])  # ADDRESSES: without one
def test_what_they_cannot_give_is_a_mistake_of_the_caller(gives, one):
    with pytest.raises(ConfigError, match=r"gives|address") as found:
        propose(one, gives)
    assert found.value.remedy


@pytest.mark.parametrize("change", [None, "", "x", "0" * 32, "A" * 32, b"0" * 32, 7], ids=repr)
def test_what_is_no_proposal_is_refused(change, one):
    for act in (one.w.calls.admin.approve_recovery, one.w.calls.admin.withdraw_proposal):
        assert isinstance(act("u1", change, actor="bob"), Refused)


def test_strangers_who_ask_all_the_time_do_not_keep_the_link_from_the_owner(one):
    """There are three live resets, and anybody can see to that; this one comes all the same."""
    for number in range(3):
        one.w.calls.request_reset(IDENTIFIER, context=one.w.context(f"198.51.100.{number}"))
    one.w.deliver()
    assert len(one.record.resets) == 3
    link = agreed(one)
    assert len(one.record.resets) == 4
    for number in range(3, 9):
        one.w.calls.request_reset(IDENTIFIER, context=one.w.context(f"198.51.100.{number}"))
    one.w.deliver()
    assert isinstance(redeem(one, ResetLink(link)), Waiting)


def test_a_request_that_is_handed_out_twice_gives_one_link(one):
    approve(one, propose(one))
    one.w.messenger.failure = OSError("no")
    one.w.deliver()
    one.w.messenger.failure = None
    one.w.clock.advance(minutes=5)
    one.w.deliver()
    links = {each.link for each in one.w.messenger.of(MessagePurpose.RECOVERY_LINK)}
    assert len(links) == 1
    assert isinstance(redeem(one, ResetLink(links.pop())), Waiting)


def test_a_request_is_of_one_size_whoever_made_it(one):
    request = ResetRequest(
        tenant="t" * 64,
        identifier="",
        handle=bytes(16),
        at=one.w.clock(),
        source="s" * 64,
        seed=bytes(16),
        subject="u" * 64,
        proofs=("administrators",),
        gives="password",
    )
    assert len(seal(one.w.keyring, request)) == SIZE + OVERHEAD


# --- one alone --------------------------------------------------------------------------------------------------------

MANY = ["alice", "Alice", "ALICE ", "\uff41lice"]
ADDRESSES = (IDENTIFIER, "alice@example.net")
OTPAUTH = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
HASH = CHEAPEST.hashing.hash(NEW, salt=bytes(16))


class Alone:
    """One administrator, in any spelling, who reads the owner's mail and calls what there is to call."""

    def __init__(self, w):
        self.c = Circle(w, friends=())
        w.directory.change("u1", addresses=ADDRESSES)
        self.w, self.before = w, self.c.record
        self.changes, self.tickets = [], []

    def acts(self):
        """Every operation of engine.admin, by name."""
        admin = self.w.calls.admin
        return {
            "lock_status": lambda _, __: admin.lock_status("u1"),
            "unlock": lambda actor, _: admin.unlock("u1", actor=actor),
            "disable": lambda actor, _: admin.disable("u1", actor=actor),
            "enable": lambda actor, _: admin.enable("u1", actor=actor),
            "require_password_change": lambda actor, _: admin.require_password_change("u1", actor=actor),
            "initial_password": lambda actor, _: admin.initial_password("u1", actor=actor),
            "import_verifier": lambda actor, _: admin.import_verifier("u1", HASH, actor=actor),
            "import_factor": lambda actor, _: admin.import_factor("u1", OTPAUTH, actor=actor),
            "report_factor": lambda actor, which: admin.report_factor(
                "u1", self.before.factors.every[0].id, list(ReportReason)[which % 2], actor=actor
            ),
            "list_sessions": lambda _, __: admin.list_sessions("u1"),
            "end_session": lambda actor, _: admin.end_session("u1", bytes(16).hex(), actor=actor),
            "rewrap": lambda _, __: admin.rewrap(),
            "export": lambda _, __: admin.export("u1"),
            "withdraw_address": lambda actor, which: admin.withdraw_address("u1", ADDRESSES[which % 2], actor=actor),
            "survey": lambda _, __: admin.survey(),
            "outbox": lambda _, __: admin.outbox(),
            "dead_letters": lambda _, __: admin.dead_letters(),
            "revive_letters": lambda _, __: admin.revive_letters([one.id for one in admin.dead_letters().letters]),
            "discard_letters": lambda actor, _: admin.discard_letters(
                [one.id for one in admin.dead_letters().letters], actor=actor
            ),
            "erase": lambda actor, _: admin.erase("u1", actor=actor),
            "propose_recovery": lambda actor, which: self.propose(actor, list(Capability)[which % 3], ADDRESSES[which // 3 % 2]),
            "approve_recovery": lambda actor, which: self.on_any(
                lambda change, to: admin.approve_recovery("u1", change, actor=actor, address=to), which
            ),
            "withdraw_proposal": lambda actor, which: self.on_any(
                lambda change, _: admin.withdraw_proposal("u1", change, actor=actor), which
            ),
        }

    def propose(self, actor, gives, own):
        address = "mine@example.net" if gives is Capability.ADDRESSES else own
        found = self.w.calls.admin.propose_recovery("u1", gives, actor=actor, address=address)
        if isinstance(found, Proposed):
            self.changes.append((found.change, address))

    def on_any(self, act, which):
        if self.changes:
            act(*self.changes[-1 - which % len(self.changes)])

    def read_mail(self):
        """Try every link and every ticket there is, at both doors."""
        self.w.deliver()
        proofs = [ResetLink(one.link) for one in self.w.messenger.messages if one.link]
        for proof in [*proofs[-4:], *map(ResumeTicket, self.tickets[-4:])]:
            for door in (redeem, remove_factors):
                found = door(self.c, proof)
                assert not isinstance(found, PasswordChanged | FactorsRemoved | Waiting), found
                if isinstance(found, ProofRequired):
                    self.tickets.append(found.ticket)

    def lives(self):
        """Whether it is still the account that it was; who erases one ends it, and gets none."""
        try:
            return self.c.record.incarnation == self.before.incarnation
        except TypeError:
            return False

    def check(self):
        now = self.c.record
        assert (now.verifier, guards(now)) == (self.before.verifier, guards(self.before))
        assert not {one.kind for one in now.changes} & {"password", "factors", "contacts", "address-added"}
        assert all(not one.proofs for one in now.resets)
        assert not self.w.messenger.of(MessagePurpose.PROVE_ADDRESS)

    def play(self, acts):
        for name, actor, which, minutes in acts:
            self.w.clock.advance(minutes=minutes)
            self.acts()[name](actor, which)
            if not self.lives():
                return
            self.read_mail()
            self.check()


def guards(record):
    """What guards an account; a factor that was reported lost proves nothing, and does so still."""
    return [evolved(one, reported="") for one in record.factors], record.factors.recovery


def every_operation():
    return sorted(name for name, _ in getmembers(Admins, isfunction) if not name.startswith("_"))


def test_every_operation_of_administrators_is_among_them():
    assert sorted(Alone(world()).acts()) == every_operation()


OFTEN = ["propose_recovery", "approve_recovery", "initial_password", "enable"]
STEPS = st.tuples(
    st.sampled_from(every_operation()) | st.sampled_from(OFTEN),
    st.sampled_from(MANY),
    st.integers(0, 5),
    st.sampled_from([0, 1, 31, 1440]),
)


@given(acts=st.lists(STEPS, max_size=15))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_one_administrator_alone_gets_nothing_that_the_mailbox_would_not(acts):
    """Of an account with a second factor the mailbox gets nothing, and no more with all that one of them can do."""
    Alone(world()).play(acts)


def test_without_a_second_factor_the_mailbox_needs_no_administrator():
    """What is compared with: there one of them adds nothing, since nothing is lacking."""
    w = world()
    w.sign_up()
    link = w.reset_link()
    assert isinstance(w.calls.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)


@pytest.mark.parametrize("kind", KINDS)
def test_on_every_store_too(kind, places):
    for approver, opens in (("ALICE ", False), ("bob", True)):
        place = places.fresh(kind)
        try:
            c = Circle(world(store=place.open()), friends=())
            approve(c, propose(c), actor=approver)
            c.w.deliver()
            links = [each.link for each in c.w.messenger.of(MessagePurpose.RECOVERY_LINK)]
            assert any(isinstance(redeem(c, ResetLink(link)), Waiting) for link in links) is opens
        finally:
            place.close()
