"""What is asked for on the way back to an account, and what is not."""

import pytest
from attrs import evolve

from acctsec import FactorRequired, PasswordChanged, ProofAccepted, ProofRequired, Refused, ResetLink, ResumeTicket
from acctsec.presets import CHEAPEST
from acctsec.recovery import Proof, RecoveryPath, RecoveryPolicy
from acctsec.testing.world import IDENTIFIER, PASSWORD, world

NEW = "copper lanterns drift 63"


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
