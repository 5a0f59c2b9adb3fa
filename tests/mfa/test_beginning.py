"""Setting a factor up without a session: only where there is none yet, or all there is was proven and the policy asks for more."""

import pytest

from acctsec import PHISHING_RESISTANT, Action, Method, MfaPolicy, Policy, Rule, all_of
from acctsec.record import Factors, Record, Totp
from acctsec.steps import Scene, may_begin
from acctsec.testing.doubles import START


@pytest.mark.parametrize(
    ("methods", "rules", "begins"),
    [
        (("password",), True, False),  # the password alone: its thief would set up a factor of his own beside the owner's
        (("totp",), True, False),
        (("password", "totp"), True, True),  # all there is, and the policy asks for more
        (("password", "totp"), False, False),  # it is enough: there is a session to set it up in
        ((), True, False),
    ],
)
def test_who_has_a_factor_sets_up_another_without_a_session_only_once_all_is_proven_and_more_is_due(methods, rules, begins):
    """The step itself says so, whatever tickets the flows hand out."""
    rule = Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN)
    policy = Policy(mfa=MfaPolicy(rules=(rule,) if rules else ()))
    app = Totp(id="a", name="", sealed=b"", created=START, last_step=0)
    record = Record(incarnation=bytes(16), factors=Factors(totp=(app,)))
    scene = Scene(tenant="", subject="u1", account=None, now=START)
    assert may_begin(policy, record, scene=scene, methods=methods) is begins


def test_who_has_none_begins_by_the_password():
    scene = Scene(tenant="", subject="u1", account=None, now=START)
    assert may_begin(Policy(), Record(incarnation=bytes(16)), scene=scene, methods=("password",))


@pytest.mark.parametrize("better", ["passkey-bound", "passkey"])
def test_who_is_asked_for_a_passkey_may_show_a_better_one(better):
    needs = all_of(Method.PASSKEY if better == "passkey-bound" else Method.PASSKEY_TOUCH)
    assert needs.met({better})
    assert not needs.met({"passkey-touch" if better == "passkey-bound" else "totp"})
    assert not all_of(Method.PASSKEY_BOUND).met({"passkey"})
