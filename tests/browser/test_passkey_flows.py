"""Passkeys through the engine, with a real browser in the middle: set up, beside a password, alone, and for a step-up."""

import pytest
from tests.mfa.passkeys import a_world, begin, due, stored
from tests.mfa.stage import policy

from acctsec import FactorAdded, FactorRequired, PasskeyAssertion, PasskeyAttestation, Refused, SignedIn
from acctsec.mfa import Action

pytestmark = pytest.mark.browser


@pytest.fixture
def w(browser):
    """A service at the origin of the page."""
    return a_world(rules=policy(rp_id="localhost", origins=(browser.origin,)))


def add(w, browser, session, **asked):
    started = begin(w, session, **asked)
    return w.calls.confirm_factor(started.ticket, PasskeyAttestation(browser.create(started.options)), context=w.context())


def alone(w, browser, **extra):
    asked = w.calls.begin_passkey_sign_in(context=w.context())
    answer = PasskeyAssertion(browser.get(asked.options, **extra))
    return asked, answer, w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context())


def test_a_passkey_is_set_up_answers_for_a_password_and_signs_in_alone(w, browser):
    added = add(w, browser, w.sign_in().session)
    assert isinstance(added, FactorAdded), added
    assert added.factor.method == "passkey"

    asked = due(w)
    beside = w.calls.verify_factor(asked.ticket, PasskeyAssertion(browser.get(asked.passkey)), context=w.context())
    assert isinstance(beside, SignedIn), beside

    asked, answer, outcome = alone(w, browser)
    assert isinstance(outcome, SignedIn), outcome
    assert outcome.info.subject == "u1"
    assert isinstance(w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context()), Refused)


def test_the_autofill_of_a_name_field_signs_in(w, browser):
    add(w, browser, w.sign_in().session)
    assert isinstance(alone(w, browser, mediation="conditional")[2], SignedIn)


def test_a_session_steps_up_in_the_browser(w, browser):
    session = add(w, browser, w.sign_in().session).session
    w.clock.advance(minutes=16)
    asked = w.calls.authorize(session, Action.EXPORT_DATA, context=w.context())
    assert isinstance(asked, FactorRequired), asked

    stepped = w.calls.verify_factor(asked.ticket, PasskeyAssertion(browser.get(asked.passkey)), context=w.context())
    assert isinstance(stepped, SignedIn), stepped


def test_the_browser_makes_no_second_one_and_a_new_one_in_its_place(w, browser):
    session = add(w, browser, w.sign_in().session).session
    started = begin(w, session)
    assert browser.create(started.options) == {"error": "InvalidStateError"}

    old = stored(w).id
    again = add(w, browser, session, replaces=old)
    assert isinstance(again, FactorAdded), again
    assert isinstance(alone(w, browser)[2], SignedIn)


def test_a_key_that_verifies_nobody_is_good_beside_a_password(w, browser):
    bound = {"defaultBackupEligibility": False, "defaultBackupState": False}
    browser.plug(hasUserVerification=False, hasResidentKey=False, transport="usb", **bound)
    assert add(w, browser, w.sign_in().session).factor.method == "passkey-touch-bound"
    asked = due(w)
    outcome = w.calls.verify_factor(asked.ticket, PasskeyAssertion(browser.get(asked.passkey)), context=w.context())
    assert isinstance(outcome, SignedIn), outcome

    alone_ = w.calls.begin_passkey_sign_in(context=w.context())
    assert "error" in browser.get(alone_.options)  # the options ask for who holds it
