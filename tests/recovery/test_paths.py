"""What is asked for on the way back to an account, and what is not."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.places import USUAL

from acctsec import (
    Admin,
    Context,
    CurrentPassword,
    FactorRequired,
    MessagePurpose,
    PasswordChanged,
    PasswordRejected,
    ProofAccepted,
    ProofRequired,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    Vetoed,
    Waiting,
)
from acctsec.attacks.networks import Origin
from acctsec.attacks.risk import LikelihoodRatio
from acctsec.events import ChangeDropped
from acctsec.presets import CHEAPEST
from acctsec.recovery import Delays, Proof, RecoveryPath, RecoveryPolicy
from acctsec.testing.world import IDENTIFIER, PASSWORD, world

NEW, OTHER = "copper lanterns drift 63", "velvet anchors hum 47"
WORK, PHONE = "alice@work.example", "+15550100"


def with_factor(w):
    """Alice with an authenticator and a sheet of codes; answers the app, and the token of her device."""
    w.sign_up()
    signed_in = w.sign_in()
    app, session = w.enroll(signed_in.session)
    w.engine.issue_recovery_codes(session, context=w.context())
    return app, signed_in.device


@pytest.mark.parametrize("at_home", [False, True])
def test_a_known_device_beside_the_proofs_does_no_harm(at_home):
    w = world()
    app, device = with_factor(w)
    here = w.context(device=device if at_home else None)

    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=here)
    assert isinstance(due, FactorRequired)
    proven = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=here)
    assert isinstance(proven, ProofAccepted)

    assert isinstance(w.engine.redeem_reset(ResumeTicket(proven.ticket), NEW, context=here), PasswordChanged)


def test_a_factor_that_no_path_has_leads_nowhere():
    paths = (RecoveryPath({Proof.MAIL}), RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, level=2))
    w = world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(paths=paths)))
    app, _ = with_factor(w)

    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())

    assert [one.kind.value for one in due.factors] == ["recovery-code"]
    assert w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context()) == Refused()


def test_who_has_nothing_that_would_do_is_told_what_would():
    beside = (Proof.CONTACTS, Proof.ADMINISTRATORS)
    paths = (RecoveryPath({Proof.MAIL}), *(RecoveryPath({Proof.MAIL, one}, level=2) for one in beside))
    w = world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(paths=paths)))
    with_factor(w)

    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())

    assert isinstance(due, ProofRequired)
    assert due.paths == (frozenset({"administrators"}),)
    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), FactorRequired)


def contested(w):
    """Alice reads two mailboxes and a phone; somebody else reads the first of them, and both have had their say."""
    w.sign_up(addresses=(IDENTIFIER, WORK, PHONE))
    assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), PasswordChanged)
    w.deliver()
    veto = next(one.veto for one in reversed(w.messenger.messages) if one.veto and one.address == WORK)
    assert w.engine.veto(veto, context=w.context()) == Vetoed()
    w.clock.advance(hours=1)


def texted(w):
    """A handle, and the code that came to the phone."""
    handle = w.engine.request_reset(PHONE, context=w.context()).handle
    w.deliver()
    return handle, next(one.code for one in reversed(w.messenger.messages) if one.address == PHONE and one.code)


@pytest.mark.parametrize("kind", USUAL)
def test_a_mail_and_a_text_come_together_and_settle_a_contest(kind, places):
    w = world(store=places.fresh(kind).open())
    contested(w)
    due = w.engine.redeem_reset(ResetLink(w.reset_link(WORK)), NEW, context=w.context())
    assert isinstance(due, ProofRequired)
    assert frozenset({"text"}) in due.paths
    handle, code = texted(w)

    alone = w.engine.redeem_reset(ResetCode(handle, code), OTHER, context=w.context())
    together = w.engine.redeem_reset(ResetCode(handle, code, ticket=due.ticket), OTHER, context=w.context())

    assert isinstance(alone, ProofRequired)
    assert isinstance(together, PasswordChanged)
    assert isinstance(w.engine.sign_in(IDENTIFIER, OTHER, context=w.context()), SignedIn)


def test_what_lies_beside_has_to_be_live_and_of_the_same_subject():
    w = world()
    contested(w)
    w.sign_up("u2", "bob@example.org")
    theirs = w.engine.redeem_reset(ResetLink(w.reset_link("bob@example.org")), "x", context=w.context())
    due = w.engine.redeem_reset(ResetLink(w.reset_link(WORK)), NEW, context=w.context())
    assert isinstance(theirs, PasswordRejected)
    handle, code = texted(w)
    for ticket in ("A" * len(due.ticket), w.sign_in("bob@example.org").session):
        outcome = w.engine.redeem_reset(ResetCode(handle, code, ticket=ticket), OTHER, context=w.context())
        assert isinstance(outcome, ProofRequired)
    w.directory.change("u1", addresses=(IDENTIFIER, PHONE))
    assert w.engine.redeem_reset(ResetCode(handle, code, ticket=due.ticket), OTHER, context=w.context()) == Refused()
    w.directory.change("u1", addresses=(IDENTIFIER, WORK, PHONE))
    w.clock.advance(minutes=10)
    handle, code = texted(w)
    assert w.engine.redeem_reset(ResetCode(handle, code, ticket=due.ticket), OTHER, context=w.context()) == Refused()


ENDS = {
    "sign out everywhere": lambda w: w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context()),
    "disable": lambda w: w.engine.admin.disable("u1", actor="root"),
    "password": lambda w: w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()),
    "factor": lambda w: w.enroll(w.sign_in().session),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_waits_does_not_die_in_silence(how):
    w = world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(delays=Delays(new_device=timedelta(days=1)))))
    w.sign_up()
    assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), OTHER, context=w.context()), Waiting)

    ENDS[how](w)
    w.deliver()

    assert [event.by for event in w.sink.of(ChangeDropped)] == ["credential"]
    assert len(w.messenger.of(MessagePurpose.CHANGE_DROPPED)) == 1


class Countries:
    """A resolver that knows of two countries."""

    def origin(self, address):
        return Origin(country="DE" if address.startswith("192.0.2.") else "BR")


HERE, ABROAD = "192.0.2.7", "198.51.100.7"


def travelled(resolver=None):
    """Alice has signed in at home, under a policy that remembers where."""
    w = world(policy=evolve(CHEAPEST, risk=LikelihoodRatio()), resolver=resolver)
    w.sign_up()
    w.sign_in()
    return w


def asked(w, address):
    return w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context(address))


def test_a_reset_from_a_country_where_the_owner_never_was_waits_a_day():
    w = travelled(Countries())
    waits = asked(w, ABROAD)
    assert isinstance(waits, Waiting)
    assert waits.until - w.clock() == timedelta(days=1)


def test_a_reset_from_the_owners_country_does_not_wait_from_whichever_network():
    assert isinstance(asked(travelled(Countries()), "192.0.2.250"), PasswordChanged)


def test_nor_does_one_of_which_nobody_knows_the_country():
    assert isinstance(asked(travelled(), ABROAD), PasswordChanged)


def test_nor_one_of_an_owner_of_whom_nothing_is_remembered():
    w = world(policy=evolve(CHEAPEST, risk=LikelihoodRatio()), resolver=Countries())
    w.sign_up()
    assert isinstance(asked(w, ABROAD), PasswordChanged)


@pytest.mark.parametrize(("days", "outcome"), [(6, Waiting), (7, PasswordChanged)])
def test_a_text_to_a_number_whose_sim_was_changed_lately_waits(days, outcome):
    w = world()
    w.sign_up(addresses=(IDENTIFIER, PHONE))
    changed = w.clock() - timedelta(days=days)
    here = Context.of(HERE, sim_changed=changed)

    by_text = w.engine.redeem_reset(ResetCode(*texted(w)), NEW, context=here)

    assert isinstance(by_text, outcome)
    if outcome is Waiting:  # and a mail does not
        assert isinstance(w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=here), PasswordChanged)


def test_of_two_that_wait_the_one_that_is_made_ends_the_other():
    w = world(policy=evolve(CHEAPEST, recovery=RecoveryPolicy(delays=Delays(new_device=timedelta(days=1)))))
    w.sign_up(addresses=(IDENTIFIER, WORK))
    first, second = (
        w.engine.redeem_reset(ResetLink(w.reset_link(address)), NEW, context=w.context()) for address in (IDENTIFIER, WORK)
    )
    w.clock.advance(days=1)

    assert isinstance(w.engine.redeem_reset(ResumeTicket(first.ticket), NEW, context=w.context()), PasswordChanged)
    w.deliver()

    assert [(event.change, event.by) for event in w.sink.of(ChangeDropped)] == [(second.change, "credential")]
