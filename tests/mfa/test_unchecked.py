"""Factors that people have and nobody checks any more: they guard still, are not asked for, and lead on to a recovery."""

from attrs import evolve
from tests.mfa.passkeys import a_world, due, guarded, record
from tests.museum.harness import NEW

from acctsec import (
    CHEAPEST,
    Channel,
    CodeEnrollmentStarted,
    DeliveredCode,
    DeliveredPolicy,
    FactorAdded,
    FactorRequired,
    MfaPolicy,
    ProofRequired,
    RecoveryRequired,
    Refused,
    ResetLink,
    SignedIn,
    Waiting,
)
from acctsec.assurance import Method
from acctsec.mfa import Action, Outside
from acctsec.outcomes import FactorKind
from acctsec.record import Delivered, Factors, Totp
from acctsec.record import Outside as OutsideRow
from acctsec.testing import world
from acctsec.testing.doubles import START
from acctsec.testing.world import IDENTIFIER, PASSWORD

NUMBER = "+4915112345678"
BY_TEXT = evolve(CHEAPEST, mfa=MfaPolicy(kinds={FactorKind.TOTP, FactorKind.DELIVERED}))
BY_VOICE = evolve(BY_TEXT, mfa=evolve(BY_TEXT.mfa, delivered=DeliveredPolicy(channels={Channel.VOICE})))


def texted(w):
    """Somebody whose codes go to a number."""
    w.sign_up(addresses=(IDENTIFIER, NUMBER))
    started = w.calls.enroll_delivered(w.sign_in().session, NUMBER, context=w.context())
    assert isinstance(started, CodeEnrollmentStarted), started
    w.deliver()
    added = w.calls.confirm_factor(started.ticket, DeliveredCode(w.messenger.factor_code), context=w.context())
    assert isinstance(added, FactorAdded), added
    return added.session


def typed(w):
    return w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())


def test_what_nobody_checks_proves_nothing():
    outside = OutsideRow(id="a", name="", method="duo", sealed=b"s", created=START)
    number = Delivered(id="b", name="", channel="text", sealed=b"s", digest=b"d" * 16, created=START)
    app = Totp(id="c", name="", sealed=b"s", created=START, last_step=0)
    factors = Factors(totp=(app,), delivered=(number,), outside=(outside,))
    all_of_them = MfaPolicy(kinds=set(FactorKind) - {FactorKind.RECOVERY_CODE}, outside=(Outside(name="duo"),))
    assert all_of_them.provable(factors) == {"totp", "text-code", "duo"}
    assert MfaPolicy().provable(factors) == {"totp", "text-code"}
    assert MfaPolicy(kinds={FactorKind.PASSKEY}).provable(factors) == {"totp", "text-code"}  # kinds are for new ones alone
    assert BY_VOICE.mfa.provable(factors) == {"totp"}
    assert MfaPolicy(required=True).suffices(factors, groups=frozenset())
    assert not MfaPolicy(required=True).suffices(factors.without_factor("c").without_factor("b"), groups=frozenset())


def test_a_number_that_gets_no_codes_any_more_is_not_asked_for_and_guards_still():
    w = world(policy=BY_TEXT)
    texted(w)
    w.restart(BY_VOICE)
    assert typed(w) == RecoveryRequired()
    w.restart(BY_TEXT)
    assert [one.method for one in typed(w).factors] == [Method.TEXT]


def test_beside_one_that_is_checked_only_that_is_offered():
    w = world(policy=BY_TEXT)
    app, _ = w.enroll(texted(w))
    w.restart(BY_VOICE)
    asked = typed(w)
    assert isinstance(asked, FactorRequired)
    assert [one.method for one in asked.factors] == [Method.TOTP]
    assert isinstance(w.calls.verify_factor(asked.ticket, app.code(w.clock()), context=w.context()), SignedIn)


def test_the_one_that_is_checked_stays_where_the_other_would_be_all_there_is():
    w = world(policy=BY_TEXT)
    app, _ = w.enroll(texted(w))
    w.restart(BY_VOICE)
    session = w.calls.verify_factor(typed(w).ticket, app.code(w.clock()), context=w.context()).session
    (mine,) = record(w).factors.totp
    assert w.calls.remove_factor(session, mine.id, context=w.context()) == Refused()


def test_passkeys_of_a_service_that_names_no_domain_any_more_lead_to_a_recovery():
    w = a_world()
    guarded(w)
    due(w)
    w.restart(CHEAPEST)
    assert typed(w) == RecoveryRequired()


def test_a_session_learns_that_it_has_to_recover_and_not_to_set_up_another():
    w = world(policy=BY_TEXT)
    session = texted(w)
    w.clock.advance(hours=1)
    w.restart(BY_VOICE)
    assert w.calls.authorize(session, Action.CHANGE_FACTORS, context=w.context()) == RecoveryRequired()
    assert w.calls.enroll_totp(session, name="mine", context=w.context()) == Refused()


def test_a_reset_asks_for_no_passkey_that_nobody_checks():
    w = a_world()
    guarded(w)
    assert isinstance(w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context()), FactorRequired)
    w.restart(CHEAPEST)
    asked = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(asked, ProofRequired | Waiting), asked
