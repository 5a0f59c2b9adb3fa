"""MfaPolicy.explain(): every cell of its table is played against the engine, and what is doubtful is said."""

from datetime import timedelta
from enum import StrEnum

import pytest
from attrs import evolve

from acctsec import (
    CHEAPEST,
    SOCIAL_DEFAULT,
    Allowed,
    AssuranceLevel,
    ConfigError,
    EnrollmentRequired,
    FactorAdded,
    FactorMissing,
    FactorRequired,
    ReauthenticationRequired,
    RecoveryCode,
    Refused,
    SignedIn,
)
from acctsec._codec import decode_record, encode_record
from acctsec._values import evolve as changed
from acctsec.attacks.risk import Assessment, Contribution, Extra
from acctsec.mfa import PHISHING_RESISTANT, SECOND_FACTOR, Action, MfaPolicy, Outside, Rule, all_of, any_of
from acctsec.mfa.explained import Explained, Reach, Thief
from acctsec.mfa.passkeys import PasskeyPolicy
from acctsec.outcomes import FactorKind
from acctsec.presets import SOCIAL_GUARDED, WORKFORCE_DEFAULT
from acctsec.protocols import UserVerification
from acctsec.record import Proof
from acctsec.testing import world
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD

AAL1, AAL2, AAL3 = AssuranceLevel
MINUTE = timedelta(minutes=1)
KEYS = PasskeyPolicy(rp_id="example.com", rp_name="Otterly", origins=("https://example.com",))


class Payments(StrEnum):
    """A platform's own."""

    PAY = "pay"
    INVOICE = "invoice"


class Suspicious:
    """Finds every request strange."""

    def assess(self, facts):
        return Assessment(200, (Contribution("test", 200),), Extra.CHALLENGE)


def of(**fields):
    return evolve(CHEAPEST, mfa=MfaPolicy(**fields))


POLICIES = {
    "social-default": SOCIAL_DEFAULT,
    "social-guarded": SOCIAL_GUARDED,
    "workforce-default": WORKFORCE_DEFAULT,
    "staff": of(required_groups={"staff"}),
    "payments": of(actions=Payments, rules=(Rule(all_of("password", "totp"), actions=Payments.PAY, max_age=5 * MINUTE),)),
    "no codes for money": of(actions=Payments, rules=(Rule("totp", actions=Payments.PAY, groups={"press"}),)),
    "strange": of(actions=Payments, rules=(Rule(AAL2, actions=(Action.SIGN_IN, Payments.PAY), risky=True),)),
    "password above all": of(rules=(Rule("password", actions=tuple(Action)),)),
    "nothing to set up": of(kinds=()),
}


def cases():
    for name, policy in POLICIES.items():
        for row in policy.explain_mfa().rows:
            words = f"{name}-{row.group or 'everybody'}-{row.level.name}-{row.action}{'-strange' if row.risky else ''}"
            yield pytest.param(name, row, id=words)


class Play:
    """One thief, one owner, one action."""

    def __init__(self, policy, row, thief):
        self.row, self.thief = row, thief
        plain = MfaPolicy(actions=policy.mfa.actions)  # the owner came here before there were rules
        risk = Suspicious() if row.risky else None
        self.policy = evolve(policy, hashing=CHEAPEST.hashing, risk=risk)
        self.w = w = world(policy=evolve(self.policy, mfa=plain, risk=None))
        w.sign_up(groups=frozenset({row.group} if row.group else ()))
        self.session, self.app, self.codes = w.sign_in().session, None, ()
        if row.level is AAL2 and policy.mfa.kinds:
            self.app, session = w.enroll(self.session)
            issued = w.engine.issue_recovery_codes(session, context=w.context())
            self.codes, self.session = list(issued.codes), issued.session
        if thief in {Thief.SESSION, Thief.SESSION_AND_PASSWORD}:
            self.forget_factor()
        w.clock.advance(minutes=50)
        w.restart(self.policy)
        self.own = None
        knows = {Thief.PASSWORD, Thief.PHISHER, Thief.SESSION_AND_PASSWORD, Thief.REMEMBERED}
        self.knows = thief in knows
        if thief not in {Thief.SESSION, Thief.FULL_SESSION, Thief.SESSION_AND_PASSWORD}:
            self.session = None
        if thief not in {Thief.PHISHER, Thief.FACTOR}:
            self.app, self.codes = None, ()

    def forget_factor(self):
        """A session from before the factor was set up, as if that had not ended it."""
        key = self.w.engine._flows.sign_in.core.record_key("", "u1")
        stored, version = self.w.store.load(key)
        record = decode_record(stored)
        (session,) = record.sessions
        session = changed(session, level=AAL1, proofs=(Proof.of("password", session.created),))
        self.w.store.commit(key, version, encode_record(changed(record, sessions=(session,))), (), b"t" * 16)

    @property
    def context(self):
        return self.w.context()

    def reach(self):
        if self.row.action == Action.SIGN_IN and self.thief in {Thief.PASSWORD, Thief.PHISHER, Thief.FACTOR, Thief.REMEMBERED}:
            if self.sign_in():
                return Reach.AT_ONCE
        elif (self.session or self.sign_in()) and self.may(self.row.action):
            return Reach.AT_ONCE
        if self.enroll() and (self.session or self.sign_in()) and self.may(self.row.action):
            return Reach.LATER
        return Reach.NEVER

    def sign_in(self):
        if not self.knows:
            return False
        outcome = self.w.engine.sign_in(IDENTIFIER, PASSWORD, context=self.context)
        return self.go_on(outcome)

    def may(self, action):
        outcome = self.w.engine.authorize(self.session, action, context=self.context)
        if isinstance(outcome, Allowed):
            return True
        if not isinstance(outcome, FactorRequired | ReauthenticationRequired):
            return False
        return self.go_on(outcome) and isinstance(self.w.engine.authorize(self.session, action, context=self.context), Allowed)

    def go_on(self, outcome):
        """Answer whatever is asked for, as long as he can."""
        for _ in range(4):
            if isinstance(outcome, SignedIn):
                self.session = outcome.session
                return True
            if isinstance(outcome, EnrollmentRequired):
                self.ticket = outcome.ticket
                return False
            if not isinstance(outcome, FactorRequired | ReauthenticationRequired):
                return False
            outcome = self.answer(outcome)
        return False

    def answer(self, due):
        methods = {one.method for one in due.factors}
        app = self.own or self.app
        if isinstance(due, FactorRequired) and app and "totp" in methods:
            self.w.clock.advance(seconds=30)
            return self.w.engine.verify_factor(due.ticket, app.code(self.w.clock()), context=self.context)
        if isinstance(due, FactorRequired) and self.codes and "recovery-code" in methods:
            return self.w.engine.verify_factor(due.ticket, RecoveryCode(self.codes.pop()), context=self.context)
        if self.knows:
            return self.w.engine.reauthenticate(due.ticket, PASSWORD, context=self.context)
        return Refused()

    ticket = None

    def enroll(self):
        """Set a factor of his own up: where a sign-in asks for one, or with a session that may change them."""
        if self.session is None and self.ticket is None:
            self.sign_in()
        if self.session is not None and not self.may(Action.CHANGE_FACTORS):
            self.sign_in()
        started = [self.w.engine.enroll_totp(one, context=self.context) for one in (self.session, self.ticket) if one]
        started = next((one for one in started if not isinstance(one, Refused)), None)
        if started is None:
            return False
        app = Authenticator(started)
        added = self.w.engine.confirm_factor(app.ticket, app.code(self.w.clock()), context=self.context)
        if isinstance(added, EnrollmentRequired):  # the rule asks for something else
            self.own, self.ticket = app, added.ticket
            return False
        assert isinstance(added, FactorAdded), added
        self.own, self.session = app, added.session
        return True


@pytest.mark.parametrize(("name", "row"), list(cases()))
def test_every_thief_comes_as_far_as_the_table_says(name, row):
    """The owner has what can be set up without a passkey: an app, and printed codes."""
    for thief, told in row.reached:
        if row.level is AAL1 and thief is Thief.FULL_SESSION:
            continue  # nobody has such a session of somebody without a factor
        if row.group == "administrators" and row.level is AAL1 and row.action == "report-factor" and told is Reach.LATER:
            continue  # by a passkey of his own, which no thief here has: whoever has a sign-in of his own can report it
        assert Play(POLICIES[name], row, thief).reach() is told, thief


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_who_has_more_comes_as_far(policy):
    """The phisher has the password, and the thief of a session who knows the password has the session."""
    best = list(Reach)
    for row in policy.explain_mfa().rows:
        for less, more in ((Thief.PASSWORD, Thief.PHISHER), (Thief.SESSION, Thief.SESSION_AND_PASSWORD)):
            assert best.index(row.reach(less)) <= best.index(row.reach(more))


def with_keys(policy):
    return evolve(policy, mfa=evolve(policy.mfa, passkeys=KEYS))


def test_no_look_alike_page_comes_to_anything_of_an_administrator():
    """With a factor of his; before he has one, whoever has his password sets up the first."""
    explained = with_keys(WORKFORCE_DEFAULT).explain_mfa()

    for row in explained.rows:
        if row.group == "administrators":
            assert row.reach(Thief.PHISHER) is (Reach.NEVER if row.level is AAL2 else Reach.LATER)
    assert explained.of(Action.SIGN_IN).reach(Thief.PHISHER) is Reach.AT_ONCE
    assert explained.warnings == ()


def test_who_may_set_up_a_passkey_by_a_code_has_one():
    """A rule for money alone keeps no phisher from it."""
    rule = Rule(PHISHING_RESISTANT, actions=Payments.PAY)
    weak = MfaPolicy(passkeys=KEYS, actions=Payments, rules=(rule,))
    strong = evolve(weak, rules=(rule, Rule(PHISHING_RESISTANT, actions=Action.CHANGE_FACTORS)))

    assert weak.explain().of(Payments.PAY).reach(Thief.PHISHER) is Reach.LATER
    assert strong.explain().of(Payments.PAY).reach(Thief.PHISHER) is Reach.NEVER
    assert [one for one in weak.explain().warnings if "pay" in one and "change-factors" in one]
    assert strong.explain().warnings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kinds": {FactorKind.TOTP}, "required": True}, "none that resists phishing"),
        ({"required": True}, "let `passkeys` name a domain"),
        ({"rules": (Rule(PHISHING_RESISTANT, actions=Action.EXPORT_DATA),)}, "before `passkeys` names a domain"),
        ({"passkeys": KEYS, "rules": (Rule(AAL3, actions=Action.EXPORT_DATA),)}, "synced"),
        ({"passkeys": KEYS, "required_groups": {"staff"}}, "members of 'staff'"),
        ({"passkeys": KEYS, "rules": (Rule(SECOND_FACTOR, actions=Action.SIGN_IN, risky=True),)}, "strange sign-ins"),
    ],
)
def test_what_is_doubtful_is_said(fields, words):
    assert any(words in one for one in MfaPolicy(**fields).explain().warnings)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"passkeys": KEYS, "required": True},
        {"passkeys": KEYS, "kinds": {FactorKind.PASSKEY, FactorKind.DELIVERED}},
        {"passkeys": evolve(KEYS, synced=False), "rules": (Rule(AAL3, actions=Action.EXPORT_DATA),)},
        {"outside": (Outside(name="duo"),), "kinds": {FactorKind.OUTSIDE}},
    ],
)
def test_what_is_not_doubtful_is_not(fields):
    assert not MfaPolicy(**fields).explain().warnings or fields.get("rules")


def test_only_what_can_be_set_up_is_offered():
    assert MfaPolicy(kinds=()).offered == frozenset()
    assert MfaPolicy().offered == {"totp", "recovery-code"}
    strict = evolve(KEYS, synced=False, user_verification=UserVerification.REQUIRED)
    assert MfaPolicy(kinds={FactorKind.PASSKEY}, passkeys=strict).offered == {"passkey-bound", "recovery-code"}


def test_the_table_reads_as_it_says():
    policy = MfaPolicy(
        passkeys=KEYS,
        actions=Payments,
        rules=(Rule(any_of("totp", PHISHING_RESISTANT), actions=Payments.PAY, groups={"staff"}, max_age=90 * MINUTE),),
    )
    explained = policy.explain(groups=["staff"])
    text = str(explained)

    assert isinstance(explained, Explained)
    assert max(map(len, text.splitlines())) <= 100
    assert "\npay                         1.5 h   " in text
    assert "second factor and (totp or phishing-resistant)" in text
    assert "everybody" not in text
    assert text.count("group staff") == 2


def test_it_is_told_in_plain_values_as_well():
    """For a page or a file."""
    told = WORKFORCE_DEFAULT.explain_mfa(groups=["administrators"]).as_dict()
    row = next(one for one in told["rows"] if (one["level"], one["action"]) == ("AAL2", "export-data"))

    assert (row["group"], row["max_age"], row["risky"]) == ("administrators", 300.0, False)
    assert row["needs"] == "second factor and phishing-resistant"
    assert set(row["reached"]) == set(Thief)
    assert told["fresh"] == WORKFORCE_DEFAULT.sessions.fresh.total_seconds()
    assert told["warnings"]


def test_a_row_is_asked_for_by_its_action_and_group():
    explained = POLICIES["strange"].explain_mfa()

    assert explained.of("pay", risky=True).risky
    assert not explained.of("pay").risky
    assert not explained.of("invoice", risky=True).risky  # nothing else is asked for then
    with pytest.raises(ConfigError, match="press"):
        explained.of("pay", group="press")


def test_nobody_is_told_to_set_up_what_he_cannot():
    """FactorMissing names what the policy offers."""
    w = world(policy=of(actions=Payments, rules=(Rule(SECOND_FACTOR, actions=Payments.PAY),)))
    w.sign_up()

    outcome = w.engine.authorize(w.sign_in().session, Payments.PAY, context=w.context())

    assert isinstance(outcome, FactorMissing)
    assert outcome.methods == {"totp", "recovery-code"}
