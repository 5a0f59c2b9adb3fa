"""Who has one proof, one session or one ticket, and wants what the policy asks more for."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.mfa.passkeys import a_world, add, begin, made, signed, soft
from tests.mfa.stage import policy

from acctsec import (
    CHEAPEST,
    Allowed,
    ChangeTicket,
    ConfigError,
    Context,
    DeliveredCode,
    EnrollmentRequired,
    FactorAdded,
    FactorMissing,
    FactorRequired,
    MfaPolicy,
    PasswordChanged,
    PasswordChangeRequired,
    ReauthenticationRequired,
    RecoveryRequired,
    Refused,
    ReportReason,
    ResetLink,
    ResumeTicket,
    Rule,
    SignedIn,
)
from acctsec.assurance import Method
from acctsec.mfa import PHISHING_RESISTANT, Action, all_of
from acctsec.outcomes import EnrollmentStarted, FactorKind, FactorReported
from acctsec.presets import WORKFORCE_DEFAULT
from acctsec.sessions import Binding, SessionPolicy
from acctsec.testing import world
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD

NUMBER = "+4915112345678"
NEW = "another quiet phrase 99"
MINE, OTHERS = b"1" * 32, b"2" * 32
PAY = Rule(all_of(Method.PASSWORD, Method.TOTP), actions=Action.EXPORT_DATA)


def ruled(*rules, more=frozenset(), **mfa):
    """Somebody with a mailbox and a number, where these rules hold."""
    kinds = {FactorKind.TOTP, FactorKind.DELIVERED, *more}
    w = world(policy=evolve(CHEAPEST, mfa=MfaPolicy(kinds=kinds, rules=rules, **mfa)))
    w.sign_up(addresses=(IDENTIFIER, NUMBER))
    return w


def texted(w, session):
    """Let codes be sent to the number of this session's owner; the new session."""
    started = w.calls.enroll_delivered(session, NUMBER, context=w.context())
    w.deliver()
    return w.calls.confirm_factor(started.ticket, DeliveredCode(w.messenger.factor_code), context=w.context()).session


def both(*rules, **more):
    """Somebody with an app and a number, before these rules hold; the world, the app and the session."""
    w = ruled(**more)
    app, session = w.enroll(w.sign_in().session)
    session = texted(w, session)
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=rules)))
    w.clock.advance(seconds=60)
    return w, app, session


def typed(w, password=PASSWORD):
    """The password is typed."""
    return w.calls.sign_in(IDENTIFIER, password, context=w.context())


def by_text(w, asked):
    """Answer a ticket by a code to the number."""
    (number,) = [one for one in w.calls.list_factors(w.owner, context=w.context()).factors if one.kind == FactorKind.DELIVERED]
    w.calls.send_code(asked.ticket, number.id, context=w.context())
    w.deliver()
    return w.calls.verify_factor(asked.ticket, DeliveredCode(w.messenger.factor_code), context=w.context())


def by_app(w, app, asked):
    return w.calls.verify_factor(asked.ticket, app.code(w.clock()), context=w.context())


def report(w, session, why=ReportReason.LOST):
    """The app is reported, by a session and the password."""
    (app,) = [one for one in w.calls.list_factors(session, context=w.context()).factors if one.kind == FactorKind.TOTP]
    asked = w.calls.authorize(session, Action.REPORT_FACTOR, context=w.context())
    if isinstance(asked, ReauthenticationRequired):
        session = w.calls.reauthenticate(asked.ticket, PASSWORD, context=w.context()).session
    reported = w.calls.report_factor(session, app.id, why, context=w.context())
    assert isinstance(reported, FactorReported), reported
    return reported.session


# --- what was reported proves nothing any more, wherever it was written down ------------------------------------------


def with_two_sessions():
    """An owner whose proof of the app is old, and a thief who has just shown it."""
    w = world()
    w.sign_up()
    app, owner = w.enroll(w.sign_in().session)
    w.clock.advance(minutes=20)
    return w, app, owner, by_app(w, app, typed(w)).session


def test_a_set_up_that_a_lost_factor_began_is_over_once_that_is_reported():
    w, _, owner, thief = with_two_sessions()
    started = w.calls.enroll_totp(thief, name="mine now", context=w.context())
    report(w, owner)
    app = Authenticator(started)
    assert w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()) == Refused()


def test_a_set_up_goes_on_for_its_time_though_the_proof_is_too_old_by_then():
    w = world()
    w.sign_up()
    session = w.sign_in().session
    w.clock.advance(minutes=14)
    started = w.calls.enroll_totp(session, name="phone", context=w.context())
    w.clock.advance(minutes=9)
    app = Authenticator(started)
    assert isinstance(w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()), FactorAdded)


def test_a_kind_that_is_taken_no_more_is_not_confirmed_either():
    w = ruled()
    started = w.calls.enroll_totp(w.sign_in().session, name="phone", context=w.context())
    w.restart(evolve(w.policy, mfa=MfaPolicy(kinds={FactorKind.PASSKEY})))
    app = Authenticator(started)
    assert w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()) == Refused()


def test_a_step_up_forgets_what_was_shown_by_a_factor_that_was_reported_since():
    w = world(policy=evolve(CHEAPEST, mfa=MfaPolicy(rules=(PAY,))))
    w.sign_up()
    app, owner = w.enroll(w.sign_in().session)
    w.clock.advance(minutes=20)
    thief = by_app(w, app, typed(w)).session
    w.clock.advance(minutes=20)
    asked = by_app(w, app, w.calls.authorize(thief, Action.EXPORT_DATA, context=w.context()))
    assert isinstance(asked, ReauthenticationRequired)
    report(w, owner)
    after = w.calls.reauthenticate(asked.ticket, PASSWORD, context=w.context())
    assert not isinstance(after, SignedIn), after


def test_a_sign_in_forgets_what_was_shown_by_a_factor_that_was_reported_since():
    w, app, w.owner = both(Rule(all_of(Method.TOTP, Method.TEXT), actions=Action.SIGN_IN))
    w.clock.advance(minutes=20)
    asked = by_app(w, app, typed(w))
    assert [one.method for one in asked.factors] == [Method.TEXT]
    w.owner = report(w, w.owner)
    assert not isinstance(by_text(w, asked), SignedIn)


def test_a_reset_forgets_what_was_shown_by_a_factor_that_was_reported_since():
    w = world()
    w.sign_up()
    app, owner = w.enroll(w.sign_in().session)
    w.clock.advance(minutes=20)
    asked = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    proven = by_app(w, app, asked)
    report(w, owner)
    after = w.calls.redeem_reset(ResumeTicket(proven.ticket), NEW, context=w.context())
    assert not isinstance(after, PasswordChanged), after
    assert typed(w) == RecoveryRequired()


# --- no door beside a rule --------------------------------------------------------------------------------------------


def test_a_factor_that_a_rule_does_not_ask_for_opens_no_session():
    """Who set an app up was signed in, though the rule asks for the app and the number."""
    w = ruled(Rule(all_of(Method.TOTP, Method.TEXT), actions=Action.SIGN_IN))
    asked = typed(w)
    app = Authenticator(w.calls.enroll_totp(asked.ticket, name="phone", context=w.context()))
    more = w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(more, EnrollmentRequired)
    assert w.calls.enroll_totp(asked.ticket, name="again", context=w.context()) == Refused()
    started = w.calls.enroll_delivered(more.ticket, NUMBER, context=w.context())
    w.deliver()
    added = w.calls.confirm_factor(started.ticket, DeliveredCode(w.messenger.factor_code), context=w.context())
    assert isinstance(added, FactorAdded)
    assert isinstance(w.calls.authorize(added.session, Action.SIGN_IN, context=w.context()), Allowed)


def test_a_passkey_does_not_open_for_who_has_another_factor_due():
    w = a_world()
    app, _ = w.enroll(w.sign_in().session)
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=(Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN),))))
    asked = by_app(w, app, typed(w))
    assert isinstance(asked, EnrollmentRequired)
    second = Authenticator(w.calls.enroll_totp(asked.ticket, name="second", context=w.context()))
    more = w.calls.confirm_factor(second.ticket, second.code(w.clock()), context=w.context())
    assert isinstance(more, EnrollmentRequired)
    key, started = soft(), begin(w, more.ticket)
    assert isinstance(w.calls.confirm_factor(started.ticket, made(key, started), context=w.context()), FactorAdded)


def test_who_signs_in_to_set_a_factor_up_shows_what_a_change_of_factors_takes():
    """A rule asks for what nobody has: that was a way around the rule of who may set factors up."""
    w = a_world()
    app, session = w.enroll(w.sign_in().session)
    key, _ = add(w, session)
    rules = (
        Rule(all_of(PHISHING_RESISTANT), actions=Action.CHANGE_FACTORS),
        Rule(Method.PASSKEY_BOUND, actions=Action.SIGN_IN),
    )
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=rules)))
    asked = by_app(w, app, typed(w))
    assert isinstance(asked, FactorRequired)
    assert [one.kind for one in asked.factors] == [FactorKind.PASSKEY]
    shown = w.calls.verify_factor(asked.ticket, signed(key, asked.passkey), context=w.context())
    assert isinstance(shown, EnrollmentRequired)
    assert isinstance(w.calls.enroll_totp(shown.ticket, name="x", context=w.context()), EnrollmentStarted)


def test_who_must_change_the_password_shows_what_a_change_of_passwords_takes():
    w, app, w.owner = both(Rule(Method.TOTP, actions=Action.CHANGE_PASSWORD))
    w.calls.admin.require_password_change("u1", actor="Ada")
    asked = by_text(w, typed(w))
    assert isinstance(asked, FactorRequired)
    assert [one.method for one in asked.factors] == [Method.TOTP]
    due = by_app(w, app, asked)
    assert isinstance(due, PasswordChangeRequired)
    by = ChangeTicket(due.ticket)
    assert isinstance(w.calls.set_password("u1", NEW, by=by, context=w.context()), PasswordChanged)


def test_the_ticket_of_a_change_is_worth_nothing_once_a_rule_asks_for_more():
    w, _, w.owner = both()
    w.calls.admin.require_password_change("u1", actor="Ada")
    due = by_text(w, typed(w))
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=(Rule(Method.TOTP, actions=Action.CHANGE_PASSWORD),))))
    assert w.calls.set_password("u1", NEW, by=ChangeTicket(due.ticket), context=w.context()) == Refused()


def test_to_report_a_factor_makes_no_room_for_another_in_its_place():
    """Who has a session, the password and the weaker factor reported the stronger one, and was asked to set his own up."""
    w, _, w.owner = both(Rule(Method.TOTP, actions=Action.SIGN_IN))
    w.clock.advance(minutes=20)
    w.owner = report(w, w.owner)
    assert by_text(w, typed(w)) == RecoveryRequired()


def test_nor_within_the_time_that_a_policy_gives():
    w, _, w.owner = both(Rule(Method.TOTP, actions=Action.SIGN_IN), grace=timedelta(days=14))
    w.clock.advance(minutes=20)
    w.owner = report(w, w.owner)
    assert by_text(w, typed(w)) == RecoveryRequired()


def test_nor_in_a_session():
    w, _, w.owner = both(Rule(Method.TOTP, actions=Action.CHANGE_FACTORS))
    w.clock.advance(minutes=20)
    thief = by_text(w, typed(w)).session
    assert w.calls.enroll_totp(thief, name="mine", context=w.context()) == Refused()
    thief = report(w, thief)
    assert w.calls.enroll_totp(thief, name="mine", context=w.context()) == Refused()
    assert w.calls.authorize(thief, Action.CHANGE_FACTORS, context=w.context()) == RecoveryRequired()


# --- no dead ends -----------------------------------------------------------------------------------------------------


def test_who_never_had_what_a_change_of_factors_takes_sets_it_up():
    w = ruled(Rule(Method.TOTP, actions=Action.CHANGE_FACTORS))
    session = w.sign_in().session
    missing = w.calls.authorize(session, Action.CHANGE_FACTORS, context=w.context())
    assert isinstance(missing, FactorMissing)
    assert missing.methods == {Method.TOTP}
    w.enroll(session)


def test_but_with_nothing_that_is_older_than_a_change_of_factors_may_rest_on():
    w = ruled(Rule(Method.TOTP, actions=Action.CHANGE_FACTORS))
    session = w.sign_in().session
    w.clock.advance(minutes=15)
    assert w.calls.enroll_totp(session, name="phone", context=w.context()) == Refused()


def test_and_takes_nothing_off_for_it():
    w, _, session = both(more={FactorKind.HOTP})
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=(Rule(Method.HOTP, actions=Action.CHANGE_FACTORS),))))
    number = next(one for one in w.calls.list_factors(session, context=w.context()).factors if one.kind == FactorKind.DELIVERED)
    assert w.calls.enroll_totp(session, name="x", replaces=number.id, context=w.context()) == Refused()
    assert w.calls.remove_factor(session, number.id, context=w.context()) == Refused()
    assert isinstance(w.calls.enroll_totp(session, name="x", context=w.context()), EnrollmentStarted)


@pytest.mark.parametrize("who", [{"required": True}, {"required_groups": {"staff"}}])
def test_a_factor_that_nobody_can_set_up_is_not_required(who):
    with pytest.raises(ConfigError, match="none can be set up"):
        MfaPolicy(kinds=(), **who)


def test_a_passkey_alone_sets_up_what_a_rule_asks_for_though_the_password_is_due():
    w = a_world()
    key, _ = add(w, w.sign_in().session)
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=(Rule(Method.TOTP, actions=Action.SIGN_IN),))))
    w.calls.admin.require_password_change("u1", actor="Ada")
    begun = w.calls.begin_passkey_sign_in(context=w.context())
    asked = w.calls.sign_in_with_passkey(begun.ticket, signed(key, begun.options), context=w.context())
    assert isinstance(asked, EnrollmentRequired)
    app = Authenticator(w.calls.enroll_totp(asked.ticket, name="phone", context=w.context()))
    assert isinstance(w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()), FactorAdded)


@pytest.mark.parametrize("seconds", [1, 40, 60])
def test_a_proof_counts_on_a_node_whose_clock_is_behind(seconds):
    w = world()
    w.sign_up()
    session = w.sign_in().session
    w.clock.advance(seconds=-seconds)
    assert isinstance(w.calls.authorize(session, Action.CHANGE_FACTORS, context=w.context()), Allowed)


def test_a_touch_of_a_passkey_that_stays_goes_on_counting():
    w = a_world()
    _, session = w.enroll(w.sign_in().session)
    key, _ = add(w, session)
    key.verified = False
    shown = w.calls.verify_factor((asked := typed(w)).ticket, signed(key, asked.passkey), context=w.context())
    (app,) = [one for one in w.calls.list_factors(shown.session, context=w.context()).factors if one.kind == FactorKind.TOTP]
    left = w.calls.remove_factor(shown.session, app.id, context=w.context())
    found = w.calls.check_session(left.session, context=w.context())
    assert found.session.methods == (Method.PASSWORD, Method.PASSKEY_TOUCH)
    assert found.session.level == 2


# --- a session stays with its key -------------------------------------------------------------------------------------


def keyed(w, key):
    return Context.of("192.0.2.7", key=key)


@pytest.mark.parametrize("key", [None, OTHERS])
def test_a_step_up_takes_no_session_over_to_another_key(key):
    w = world(policy=evolve(CHEAPEST, sessions=SessionPolicy(binding=Binding.IF_GIVEN)))
    w.sign_up()
    session = w.calls.sign_in(IDENTIFIER, PASSWORD, context=keyed(w, MINE)).session
    w.clock.advance(minutes=20)
    asked = w.calls.authorize(session, Action.CHANGE_FACTORS, context=keyed(w, MINE))
    assert w.calls.reauthenticate(asked.ticket, PASSWORD, context=keyed(w, key)) == Refused()
    assert isinstance(w.calls.reauthenticate(asked.ticket, PASSWORD, context=keyed(w, MINE)), SignedIn)


@pytest.mark.parametrize("key", [None, OTHERS])
def test_nor_does_a_factor_of_a_step_up_or_a_set_up(key):
    w = world(policy=evolve(CHEAPEST, sessions=SessionPolicy(binding=Binding.IF_GIVEN)))
    w.sign_up()
    session = w.calls.sign_in(IDENTIFIER, PASSWORD, context=keyed(w, MINE)).session
    app = Authenticator(w.calls.enroll_totp(session, name="phone", context=keyed(w, MINE)))
    assert w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=keyed(w, key)) == Refused()
    session = w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=keyed(w, MINE)).session
    w.clock.advance(minutes=20)
    asked = w.calls.authorize(session, Action.CHANGE_FACTORS, context=keyed(w, MINE))
    assert w.calls.verify_factor(asked.ticket, app.code(w.clock()), context=keyed(w, key)) == Refused()
    assert not isinstance(w.calls.verify_factor(asked.ticket, app.code(w.clock()), context=keyed(w, MINE)), Refused)


def test_an_administrator_reports_a_lost_passkey_by_the_password():
    """Where the rule for administrators held for the report too, it asked for the very passkey that was lost."""
    w = world(policy=evolve(CHEAPEST, mfa=evolve(WORKFORCE_DEFAULT.mfa, passkeys=policy())))
    w.sign_up(groups=frozenset({"administrators"}))
    _, session = add(w, typed(w).ticket)
    w.clock.advance(minutes=20)
    asked = w.calls.authorize(session, Action.REPORT_FACTOR, context=w.context())
    assert isinstance(asked, ReauthenticationRequired)
    session = w.calls.reauthenticate(asked.ticket, PASSWORD, context=w.context()).session
    (lost,) = w.calls.list_factors(session, context=w.context()).factors
    told = w.calls.report_factor(session, lost.id, ReportReason.LOST, context=w.context())
    assert isinstance(told, FactorReported)
    assert typed(w) == RecoveryRequired()
