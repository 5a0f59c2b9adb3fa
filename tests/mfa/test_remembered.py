"""Remembered browsers: off by default; the password alone lets in there, for a while, and gives nothing that a factor gives."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.museum.harness import NEW, SHORT, exhibit
from tests.places import STORES, USUAL

from acctsec import (
    Admin,
    AssuranceLevel,
    ChallengeRequired,
    ConfigError,
    CurrentPassword,
    DeviceForgotten,
    EnrollmentRequired,
    FactorReported,
    FactorRequired,
    FreshSession,
    MfaPolicy,
    PasswordChanged,
    RecoveryCode,
    RecoveryPolicy,
    Refused,
    ReportReason,
    ResetLink,
    ResumeTicket,
    SignedIn,
)
from acctsec._codec import decode_record
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.attacks.risk import Assessment, Extra
from acctsec.claims import DeviceClaims
from acctsec.keyring import frame
from acctsec.mfa.actions import Action, Rule
from acctsec.mfa.needs import PHISHING_RESISTANT
from acctsec.outcomes import Allowed
from acctsec.testing.world import IDENTIFIER, PASSWORD

DAYS = timedelta(days=14)
REMEMBERING = evolve(SHORT, mfa=MfaPolicy(remember=DAYS))


@pytest.fixture(params=[pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES])
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    return exhibit(place, policy=REMEMBERING)


def record(w):
    return decode_record(w.store.store.load(frame("subject", "", "u1"))[0])


def sign_in(w, device=None, password=PASSWORD):
    return w.engine.sign_in(IDENTIFIER, password, context=w.context(device=device))


def remembered(w, app, device=None, *, remember=True):
    """Sign in fully, and say so."""
    due = sign_in(w, device)
    signed = w.engine.verify_factor(due.ticket, app.code(w.clock()), remember=remember, context=w.context(device=device))
    assert isinstance(signed, SignedIn), signed
    w.clock.advance(seconds=30)
    return signed


def devices(w, session):
    return w.engine.list_devices(session, context=w.context()).devices


def test_in_a_remembered_browser_the_password_lets_in_at_aal1_and_everything_fresh_asks_for_the_factor(w):
    app, _, _ = w.guarded()
    browser = remembered(w, app).device

    signed = sign_in(w, browser)

    assert isinstance(signed, SignedIn)
    assert (signed.info.level, signed.info.methods) == (AssuranceLevel.AAL1, ("password", "remembered-device"))
    assert isinstance(sign_in(w), FactorRequired)  # and nowhere else
    for action in Action:
        found = w.engine.authorize(signed.session, action, context=w.context(device=browser))
        assert isinstance(found, Allowed if action is Action.REPORT_FACTOR else FactorRequired), action
    assert w.engine.enroll_totp(signed.session, context=w.context()) == Refused()
    assert w.engine.issue_recovery_codes(signed.session, context=w.context()) == Refused()
    for by in (FreshSession(signed.session), CurrentPassword(PASSWORD, signed.session)):
        assert not isinstance(w.engine.set_password("u1", NEW, by=by, context=w.context()), PasswordChanged)


def test_a_factor_given_later_makes_such_a_session_a_full_one(w):
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    session = sign_in(w, browser).session
    due = w.engine.authorize(session, Action.CHANGE_FACTORS, context=w.context(device=browser))
    stepped = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context(device=browser))
    assert isinstance(stepped, SignedIn)
    assert stepped.info.level is AssuranceLevel.AAL2


def test_it_is_off_by_default_and_where_its_owner_did_not_say_so(place):
    w = exhibit(place)
    app, _, _ = w.guarded()
    assert isinstance(sign_in(w, remembered(w, app).device), FactorRequired)
    w.restart(REMEMBERING)
    assert isinstance(sign_in(w, remembered(w, app, remember=False).device), FactorRequired)
    for wrong in ("yes", 1, None):
        assert isinstance(sign_in(w, remembered(w, app, remember=wrong).device), FactorRequired)


def test_it_ends_after_its_time_and_no_use_makes_it_longer(w):
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    for _ in range(13):
        w.clock.advance(days=1)
        assert isinstance(sign_in(w, browser), SignedIn)
    w.clock.advance(days=1)
    assert isinstance(sign_in(w, browser), FactorRequired)
    browser = remembered(w, app, browser, remember=False).device
    assert isinstance(sign_in(w, browser), FactorRequired)
    remembered(w, app, browser)
    assert isinstance(sign_in(w, browser), SignedIn)


def test_less_time_and_another_policy_hold_at_once(w):
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    w.restart(evolve(w.policy, mfa=MfaPolicy(remember=timedelta(days=1))))
    assert isinstance(sign_in(w, browser), FactorRequired)  # as of a clock that was ahead
    w.restart(evolve(w.policy, mfa=MfaPolicy()))
    assert isinstance(sign_in(w, browser), FactorRequired)
    w.restart(REMEMBERING)
    assert isinstance(sign_in(w, browser), SignedIn)


def test_a_node_whose_clock_is_ahead_gives_no_years(w):
    app, _, _ = w.guarded()
    w.clock.advance(days=365)
    due = sign_in(w)
    browser = w.engine.verify_factor(due.ticket, app.code(w.clock()), remember=True, context=w.context()).device
    w.clock.advance(days=-365)
    assert isinstance(sign_in(w, browser), FactorRequired)


def test_its_owner_sees_it_and_takes_it_back(w):
    app, _, _ = w.guarded()
    signed = remembered(w, app)
    until = w.clock() - timedelta(seconds=30) + DAYS
    here = [one for one in devices(w, signed.session) if one.remembered]
    assert [one.remembered for one in here] == [until]
    assert isinstance(w.engine.forget_device(signed.session, here[0].id, context=w.context()), DeviceForgotten)
    assert isinstance(sign_in(w, signed.device), FactorRequired)


# --- whose it is (M-117) ----------------------------------------------------------------------------------------------


def test_m117_a_forged_or_foreign_token_of_a_browser_is_no_factor(w):
    app, _, _ = w.guarded()
    mine = remembered(w, app).device
    other, _, _ = w.guarded("u2", "bob@example.org")
    due = w.engine.sign_in("bob@example.org", PASSWORD, context=w.context())
    theirs = w.engine.verify_factor(due.ticket, other.code(w.clock()), remember=True, context=w.context()).device
    row = next(one for one in record(w).devices if one.remembered)
    claims = {"tenant": "", "subject": "u1", "incarnation": record(w).incarnation, "id": row.id}
    tokens = Tokens(w.keyring)
    forged = {
        "another's": theirs,
        "tampered": mine[:-2] + ("AA" if mine[-2:] != "AA" else "BB"),
        "of another life": tokens.seal(Purpose.DEVICE, DeviceClaims(**{**claims, "incarnation": bytes(16)})),
        "of another subject": tokens.seal(Purpose.DEVICE, DeviceClaims(**{**claims, "subject": "u2"})),
        "of another tenant": tokens.seal(Purpose.DEVICE, DeviceClaims(**{**claims, "tenant": "t"})),
        "of a row that is not": tokens.seal(Purpose.DEVICE, DeviceClaims(**{**claims, "id": bytes(16)})),
        "empty": "",
    }
    for name, token in forged.items():
        assert isinstance(sign_in(w, token), FactorRequired), name
    assert isinstance(sign_in(w, mine), SignedIn)


def test_m117_a_stolen_cookie_without_the_password_is_worth_nothing(w):
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    assert sign_in(w, browser, "not the password at all") == Refused()
    assert sign_in(w, browser, "") == Refused()


def reset(w, app):
    due = w.engine.redeem_reset(ResetLink(w.reset_link()), PASSWORD + " 2", context=w.context())
    proof = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(w.engine.redeem_reset(ResumeTicket(proof.ticket), PASSWORD + " 2", context=w.context()), PasswordChanged)


def change(w, app):
    session = w.fully(app).session
    assert isinstance(
        w.engine.set_password("u1", PASSWORD + " 2", by=FreshSession(session), context=w.context()), PasswordChanged
    )


def everywhere(w, _):
    w.engine.sign_out_everywhere("u1", by=Admin("ops"), context=w.context())


def disabled(w, _):
    w.engine.admin.disable("u1", actor="ops")
    w.engine.admin.enable("u1", actor="ops")


def another_factor(w, app):
    w.enroll(w.fully(app).session, name="tablet")


def new_codes(w, app):
    w.engine.issue_recovery_codes(w.fully(app).session, context=w.context())


def reported(w, app):
    signed = w.fully(app)
    factor = w.engine.list_factors(signed.session, context=w.context()).factors[0].id
    w.engine.report_factor(signed.session, factor, ReportReason.LOST, context=w.context())


def reported_by_the_password(w, app):
    session = w.fully(app).session
    w.clock.advance(hours=1)
    asked = w.engine.authorize(session, Action.REPORT_FACTOR, context=w.context())
    session = w.engine.reauthenticate(asked.ticket, PASSWORD, context=w.context()).session
    factor = w.engine.list_factors(session, context=w.context()).factors[0].id
    assert isinstance(w.engine.report_factor(session, factor, ReportReason.LOST, context=w.context()), FactorReported)


def incident(w, app):
    session = w.fully(app).session
    factor = w.engine.list_factors(session, context=w.context()).factors[0].id
    w.engine.admin.report_factor("u1", factor, ReportReason.COMPROMISED, actor="ops")


@pytest.mark.parametrize(
    "deed",
    [reset, change, everywhere, disabled, another_factor, new_codes, reported, reported_by_the_password, incident],
    ids=lambda one: one.__name__,
)
def test_m117_whatever_ends_sessions_or_changes_a_factor_ends_it(w, deed):
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    deed(w, app)
    outcomes = [sign_in(w, browser, one) for one in (PASSWORD, PASSWORD + " 2")]
    assert any(isinstance(one, FactorRequired) for one in outcomes)
    assert not any(isinstance(one, SignedIn) for one in outcomes)


def test_m117_a_report_by_the_password_ends_it_though_another_factor_is_left(w):
    """The phone that is lost may be the browser that is remembered."""
    _, _, session = w.guarded()
    tablet, _ = w.enroll(session, name="tablet")
    browser = remembered(w, tablet).device
    reported_by_the_password(w, tablet)
    assert isinstance(sign_in(w, browser), FactorRequired)


def test_m117_a_policy_that_keeps_devices_over_a_reset_keeps_none_remembered(place):
    w = exhibit(place, policy=evolve(REMEMBERING, recovery=RecoveryPolicy(keep_devices=True)))
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    reset(w, app)
    assert record(w).devices
    assert isinstance(sign_in(w, browser, PASSWORD + " 2"), FactorRequired)


# --- who, and for what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "group", "lets_in"),
    [
        (MfaPolicy(remember=DAYS, required=True), "", True),
        (MfaPolicy(remember=DAYS, required_groups={"staff"}), "", True),
        (MfaPolicy(remember=DAYS, required_groups={"staff"}), "staff", False),
        (MfaPolicy(remember=DAYS, required_groups={"staff"}, not_remembered=()), "staff", True),
        (MfaPolicy(remember=DAYS, not_remembered={"admins"}), "admins", False),
        (
            MfaPolicy(remember=DAYS, rules=(Rule(AssuranceLevel.AAL2, actions=Action.DELETE_ACCOUNT, groups={"mods"}),)),
            "mods",
            False,
        ),
        (MfaPolicy(remember=DAYS, rules=(Rule(AssuranceLevel.AAL2, actions=Action.SIGN_IN),)), "", False),
        (MfaPolicy(remember=DAYS, rules=(Rule("totp", actions=Action.SIGN_IN),)), "", False),
        (MfaPolicy(remember=DAYS, rules=(Rule("password", actions=Action.SIGN_IN),)), "", True),
        (MfaPolicy(remember=DAYS, rules=(Rule(PHISHING_RESISTANT, actions=Action.DELETE_ACCOUNT),)), "", True),
    ],
)
def test_it_stands_in_for_a_second_factor_and_for_nothing_more(place, policy, group, lets_in):
    w = exhibit(place, policy=evolve(SHORT, mfa=MfaPolicy(remember=DAYS)))
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    w.restart(evolve(w.policy, mfa=policy))
    if group:
        w.directory.put(evolve(w.directory.get("", "u1"), groups=frozenset({group})))
    assert isinstance(sign_in(w, browser), SignedIn if lets_in else FactorRequired)
    assert isinstance(sign_in(w), FactorRequired)


def test_where_more_is_due_the_factor_is_asked_for_first(w):
    """A demanded password is changed, and a demanded passkey set up, by who showed the factor: not by who has a browser."""
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    w.restart(evolve(w.policy, mfa=MfaPolicy(remember=DAYS, rules=(Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN),))))
    due = sign_in(w, browser)
    assert isinstance(due, FactorRequired)
    after = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context(device=browser))
    assert isinstance(after, EnrollmentRequired)
    w.restart(REMEMBERING)
    w.engine.admin.require_password_change("u1", actor="ops")
    assert isinstance(sign_in(w, browser), FactorRequired)


def test_who_typed_a_printed_code_is_not_remembered(w):
    _, codes, _ = w.guarded()
    due = sign_in(w)
    signed = w.engine.verify_factor(due.ticket, RecoveryCode(codes[0]), remember=True, context=w.context())
    assert isinstance(signed, SignedIn)
    assert isinstance(sign_in(w, signed.device), FactorRequired)


class Always:
    """A risk policy that finds everything strange."""

    def assess(self, *_, **__):
        return Assessment(score=900, contributions=(), extra=Extra.FACTOR)


def test_a_strange_request_is_not_remembered_and_does_not_pass_the_rule_for_strange_ones_by_any_factor(place):
    rule = Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN, risky=True)
    w = exhibit(place, policy=REMEMBERING)
    app, _, _ = w.guarded()
    w.restart(evolve(w.policy, risk=Always()))
    browser = remembered(w, app).device
    w.restart(REMEMBERING)
    assert isinstance(sign_in(w, browser), FactorRequired)
    w.restart(evolve(REMEMBERING, risk=Always(), mfa=MfaPolicy(rules=(rule,))))
    due = sign_in(w)
    answer = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(answer, EnrollmentRequired)
    w.restart(evolve(REMEMBERING, risk=Always(), mfa=MfaPolicy(rules=(rule,), grace=DAYS)))
    w.clock.advance(seconds=30)
    answer = w.engine.verify_factor(sign_in(w).ticket, app.code(w.clock()), context=w.context())
    assert isinstance(answer, EnrollmentRequired)  # no time is given to strangers
    assert record(w).enroll_by is None


def test_a_strange_request_is_asked_for_the_factor(place):
    w = exhibit(place, policy=REMEMBERING)
    app, _, _ = w.guarded()
    browser = remembered(w, app).device
    w.restart(evolve(w.policy, risk=Always()))
    assert isinstance(sign_in(w, browser), FactorRequired | ChallengeRequired)
    w.restart(REMEMBERING)
    assert isinstance(sign_in(w, browser), SignedIn)


@pytest.mark.parametrize("remember", [timedelta(0), timedelta(minutes=5), timedelta(days=31), 14])
def test_a_time_that_is_none_is_refused(remember):
    with pytest.raises(ConfigError) as refused:
        MfaPolicy(remember=remember)
    assert refused.value.remedy


def test_an_outside_factor_cannot_be_called_what_stands_in_for_one():
    from acctsec.mfa.policy import STAND_IN, Outside

    with pytest.raises(ConfigError):
        Outside(name=STAND_IN)


def test_a_full_sign_in_where_he_is_known_still_ends_what_waits_and_a_remembered_one_does_not(w):
    app, codes, _session = w.guarded()
    browser = remembered(w, app).device
    due = w.engine.remove_lost_factors(ResetLink(w.reset_link()), context=w.context("203.0.113.9"))
    proof = w.engine.verify_factor(due.ticket, RecoveryCode(codes[0]), context=w.context("203.0.113.9"))
    w.engine.remove_lost_factors(ResumeTicket(proof.ticket), context=w.context("203.0.113.9"))
    assert record(w).changes
    assert isinstance(sign_in(w, browser), SignedIn)
    assert record(w).changes
    remembered(w, app)
    assert not record(w).changes
