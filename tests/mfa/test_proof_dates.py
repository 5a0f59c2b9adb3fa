"""No proof looks newer than it is, however long a flow takes, and by however many tickets it goes on."""

import pytest
from tests.mfa.machine.stage import ASKS, HOME, HOUSES, MINUTE, NUMBER, RULES, SUBJECT, House, Own, Stage, mfa_of

from acctsec import (
    Action,
    Allowed,
    DeliveredCode,
    Engine,
    EnrollmentRequired,
    FactorAdded,
    FactorRequired,
    FreshSession,
    MemoryStore,
    Method,
    ReauthenticationRequired,
    Refused,
    Rule,
    SignedIn,
    all_of,
)
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import PASSWORD

ALL_THREE = all_of(Method.PASSWORD, Method.TOTP, Method.TEXT)
THREE = House(mfa=mfa_of(rules=(*RULES, Rule(ALL_THREE, actions=Action.SIGN_IN, groups={"staff"}))), asks=ASKS)


class Flow:
    """Alice with an app and a number, and one thing after the other that takes her *each* so long."""

    def __init__(self, house):
        self.alice = Stage(Engine, MemoryStore(), house)
        session = self.alice.act("sign_in", HOME, PASSWORD).session
        started = self.alice.act("enroll_totp", session)
        self.app = Authenticator(started)
        added = self.alice.act("confirm_factor", started.ticket, self.app.code(self.alice.clock()))
        started = self.alice.act("enroll_delivered", added.session, NUMBER)
        added = self.alice.act("confirm_factor", started.ticket, DeliveredCode(self.alice.code_for(NUMBER)))
        self.phone, self.session = added.factor.id, added.session
        self.alice.clock.advance(40 * MINUTE)

    def password(self, ticket):
        return self.alice.act("reauthenticate", ticket, PASSWORD)

    def code(self, ticket):
        return self.alice.act("verify_factor", ticket, self.app.code(self.alice.clock()))

    def text(self, ticket):
        self.alice.act("send_code", ticket, self.phone)
        return self.alice.act("verify_factor", ticket, DeliveredCode(self.alice.code_for(NUMBER)))

    def may(self, session):
        return isinstance(self.alice.act("authorize", session, Own.WIRE), Allowed)


@pytest.mark.parametrize(("each", "allowed"), [(2 * MINUTE, True), (3 * MINUTE, False)])
def test_a_password_is_as_old_at_the_end_of_a_long_sign_in_as_it_is(each, allowed):
    flow = Flow(THREE)
    flow.alice.world.directory.change(SUBJECT, groups=frozenset({"staff"}))
    due = flow.alice.act("sign_in", HOME, PASSWORD)
    for answer in (flow.code, flow.text):
        assert isinstance(due, FactorRequired)
        flow.alice.clock.advance(each)
        due = answer(due.ticket)
    assert isinstance(due, SignedIn)
    assert flow.may(due.session) == allowed


@pytest.mark.parametrize("first", ["password", "code", "text"])
@pytest.mark.parametrize(("each", "allowed"), [(2 * MINUTE, True), (3 * MINUTE, False)])
def test_so_is_the_first_proof_of_a_long_step_up(first, each, allowed):
    flow = Flow(THREE)
    due = flow.alice.act("authorize", flow.session, Own.WIRE)
    for name in sorted(("password", "code", "text"), key=lambda one: one != first):
        assert isinstance(due, FactorRequired | ReauthenticationRequired)
        due = getattr(flow, name)(due.ticket)
        if not isinstance(due, SignedIn):
            flow.alice.clock.advance(each)
    assert isinstance(due, SignedIn) == allowed, "or the first is due once more"
    assert not allowed or flow.may(due.session)


@pytest.mark.parametrize(("each", "allowed"), [(7 * MINUTE, True), (8 * MINUTE, False)])
def test_so_is_the_password_after_a_long_set_up(each, allowed):
    alice = Stage(Engine, MemoryStore(), HOUSES["everybody has to"])
    due = alice.act("sign_in", HOME, PASSWORD)
    assert isinstance(due, EnrollmentRequired)
    alice.clock.advance(each)
    app = Authenticator(alice.act("enroll_totp", due.ticket))
    alice.clock.advance(each)
    added = alice.act("confirm_factor", app.ticket, app.code(alice.clock()))
    assert isinstance(added, FactorAdded)
    changed = alice.act("set_password", SUBJECT, "a wholly new phrase 77", by=FreshSession(added.session))
    assert (changed != Refused()) == allowed
