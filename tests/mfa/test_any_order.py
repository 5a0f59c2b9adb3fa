"""Whatever is done to factors, in any order: what may never be."""

from datetime import timedelta

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from acctsec import (
    CHEAPEST,
    EnrollmentRequired,
    FactorRequired,
    MfaPolicy,
    ReportReason,
    SignedIn,
)
from acctsec._codec import decode_record
from acctsec.keyring import frame
from acctsec.mfa.actions import Action
from acctsec.outcomes import ReauthenticationRequired
from acctsec.testing import Authenticator, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

POLICIES = [
    MfaPolicy(remember=timedelta(days=7)),
    MfaPolicy(required=True, grace=timedelta(days=3), remember=timedelta(days=7)),
    MfaPolicy(required_groups={"staff"}),
]
DEEDS = ("in", "in and remember", "report", "restore", "remove", "replace", "enroll", "service", "password", "wait", "policy")
DEED = st.tuples(st.sampled_from(DEEDS), st.integers(0, 7))


class Life:
    """One subject, its apps by the id of their factor, its newest session and its browser."""

    def __init__(self):
        self.w = world(policy=evolve(CHEAPEST, mfa=POLICIES[0]))
        self.w.sign_up(groups=frozenset({"staff"}))
        self.apps, self.session, self.device, self.dead = {}, self.w.sign_in().session, "", set()

    def record(self):
        return decode_record(self.w.store.load(frame("subject", "", "u1"))[0])

    def pick(self, number):
        factors = list(self.record().factors)
        return factors[number % len(factors)].id if factors else "0" * 16

    def take(self, outcome):
        self.session = getattr(outcome, "session", self.session)
        return outcome

    def do(self, deed, number):
        w, here = self.w, self.w.context(device=self.device)
        match deed:
            case "in" | "in and remember":
                self.sign_in(number, remember=deed != "in")
            case "report":
                why = (ReportReason.LOST, ReportReason.COMPROMISED)[number % 2]
                self.take(w.engine.report_factor(self.session, self.pick(number), why, context=here))
            case "restore":
                self.take(w.engine.restore_factor(self.session, self.pick(number), context=here))
            case "remove":
                before = self.record().factors
                outcome = self.take(w.engine.remove_factor(self.session, self.pick(number), context=here))
                after = self.record().factors
                if type(outcome).__name__ == "FactorRemoved":
                    assert after.usable or not after.live or not before.usable
                    enough = [w.policy.mfa.suffices(one, groups=frozenset({"staff"})) for one in (before, after)]
                    assert enough[1] or not enough[0]
            case "replace" | "enroll":
                self.enroll(self.session, self.pick(number) if deed == "replace" else "")
            case "service":
                w.engine.admin.report_factor("u1", self.pick(number), ReportReason.COMPROMISED, actor="ops")
            case "password":
                asked = w.engine.authorize(self.session, Action.REPORT_FACTOR, context=here)
                if isinstance(asked, ReauthenticationRequired):
                    self.take(w.engine.reauthenticate(asked.ticket, PASSWORD, context=here))
            case "wait":
                w.clock.advance(hours=(1, 30, 24 * 8)[number % 3])
            case "policy":
                w.restart(evolve(w.policy, mfa=POLICIES[number % len(POLICIES)]))

    def enroll(self, token, replaces=""):
        w = self.w
        started = w.engine.enroll_totp(token, replaces=replaces, context=w.context())
        if type(started).__name__ == "EnrollmentStarted":
            app = Authenticator(started)
            added = self.take(w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context()))
            if type(added).__name__ == "FactorAdded":
                self.apps[added.factor.id] = app
            w.clock.advance(seconds=30)

    def sign_in(self, number, *, remember):
        w, here, before = self.w, self.w.context(device=self.device), self.record()
        outcome = w.engine.sign_in(IDENTIFIER, PASSWORD, context=here)
        if isinstance(outcome, SignedIn):
            self.take(outcome)
            if before.factors.live:  # nothing but a browser that is remembered, and no more than AAL1 by it
                assert outcome.info.methods == ("password", "remembered-device")
                assert outcome.info.level == 1
                assert any(one.remembered and w.clock() < one.remembered for one in before.devices)
        elif isinstance(outcome, EnrollmentRequired):
            assert not before.factors.live
            self.enroll(outcome.ticket)
        elif isinstance(outcome, FactorRequired):
            shown = self.pick(number)
            assert all(not before.factors.factor(one.id).reported for one in outcome.factors)
            code = self.apps[shown].code(w.clock())
            proven = self.take(w.engine.verify_factor(outcome.ticket, code, remember=remember, context=here))
            w.clock.advance(seconds=30)
            assert isinstance(proven, SignedIn) is not bool(before.factors.factor(shown).reported), proven
            self.device = getattr(proven, "device", "") or self.device

    def holds(self):
        record = self.record()
        compromised = {one.id for one in record.factors if one.reported == "compromised"}
        left = {one.id for one in record.factors}
        assert self.dead & left <= compromised, "what was compromised came back"
        self.dead |= compromised
        usable = set(record.factors.usable and ("totp",))
        for session in record.sessions:
            if session.level > 1 and record.factors.live:
                assert usable, "a session of AAL2 rests on nothing"
        assert usable or not any(one.remembered for one in record.devices)


@given(st.lists(DEED, min_size=4, max_size=24))
def test_no_order_of_deeds_lets_what_is_reported_prove_or_leaves_a_level_on_nothing(deeds):
    life = Life()
    life.enroll(life.session)
    life.enroll(life.session)
    for deed, number in deeds:
        life.do(deed, number)
        life.holds()
