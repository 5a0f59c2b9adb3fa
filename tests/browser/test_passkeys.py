"""Passkeys end to end: our options, a real browser's answers, our verdict."""

import pytest
from tests.mfa.stage import known

from acctsec.mfa.passkeys import (
    Asserted,
    PasskeyPolicy,
    Registered,
    Rejected,
    Rejection,
    Usable,
    UserVerification,
    WebauthnVerifier,
    creation_options,
    judge,
    request_options,
    subject_of,
)

pytestmark = pytest.mark.browser

CHALLENGES = [bytes([n]) * 32 for n in range(1, 9)]
VERIFIER = WebauthnVerifier()


def policy(browser, **changes):
    return PasskeyPolicy(**{"rp_id": "localhost", "rp_name": "Otterly", "origins": (browser.origin,)} | changes)


def register(browser, rules, subject="u-1", **asked):
    options = creation_options(rules, challenge=CHALLENGES[0], subject=subject, account="ada", display="Ada", **asked)
    return VERIFIER.register(rules, browser.create(options), challenge=CHALLENGES[0])


def sign_in(browser, rules, registered, *, challenge=CHALLENGES[1], allow=None, **extra):
    allow = [(registered.credential, registered.transports)] if allow is None else allow
    answer = browser.get(request_options(rules, challenge=challenge, allow=allow), **extra)
    if "error" in answer:
        return answer["error"]
    stored = (registered.credential, registered.key, registered.counter)
    return VERIFIER.authenticate(rules, answer, challenge=challenge, credential=stored)


def test_a_passkey_is_registered_and_signs_in(browser):
    """The ten lines of a platform."""
    rules = policy(browser)
    registered = register(browser, rules)
    assert isinstance(registered, Registered), registered
    assert registered.verified and registered.backup_eligible and registered.transports == ("internal",)

    asserted = sign_in(browser, rules, registered)
    assert isinstance(asserted, Asserted), asserted
    assert isinstance(usable := judge(rules, known(registered), asserted), Usable) and usable.method == "passkey"


@pytest.mark.parametrize("algorithm", [-8, -7, -257])
def test_every_algorithm_that_is_asked_for_verifies(browser, algorithm):
    """What a browser makes, not what our own authenticator does."""
    rules = policy(browser, algorithms=(algorithm,))
    registered = register(browser, rules)
    assert isinstance(registered, Registered), registered
    assert isinstance(sign_in(browser, rules, registered), Asserted)


def test_no_name_has_to_be_typed(browser):
    """A discoverable passkey says whose it is, on a button."""
    rules = policy(browser)
    registered = register(browser, rules, subject="subject-ä-42", discoverable=True)

    asserted = sign_in(browser, rules, registered, allow=())
    assert isinstance(asserted, Asserted) and subject_of(asserted.user_handle) == "subject-ä-42"


def test_autofill_of_the_name_field_takes_the_same_options(browser):
    """Conditional mediation, where the virtual authenticator picks for the person."""
    rules = policy(browser)
    registered = register(browser, rules, discoverable=True)

    asserted = sign_in(browser, rules, registered, allow=(), mediation="conditional")
    assert isinstance(asserted, Asserted), asserted


def test_without_user_verification_nothing_is_required_and_signed(browser):
    """The browser itself refuses what the options require; what it signs without is refused by whoever requires it."""
    lax, strict = (
        policy(browser, user_verification=UserVerification.DISCOURAGED),
        policy(browser, user_verification=UserVerification.REQUIRED),
    )
    browser.plug(
        hasUserVerification=False, hasResidentKey=False, transport="usb", defaultBackupEligibility=False, defaultBackupState=False
    )
    assert browser.create(creation_options(strict, challenge=CHALLENGES[0], subject="u", account="a", display="A"))["error"]

    registered = register(browser, lax)
    assert isinstance(registered, Registered) and not registered.verified, registered
    answer = browser.get(request_options(lax, challenge=CHALLENGES[1], allow=[(registered.credential, ())]))
    stored = (registered.credential, registered.key, registered.counter)
    asserted = VERIFIER.authenticate(lax, answer, challenge=CHALLENGES[1], credential=stored)
    assert (
        isinstance(judge(lax, known(registered), asserted), Usable)
        and judge(lax, known(registered), asserted).method == "passkey-touch-bound"
    )
    refused = VERIFIER.authenticate(strict, answer, challenge=CHALLENGES[1], credential=stored)
    assert refused == Rejected(Rejection.NOT_VERIFIED)


def test_a_wrong_finger_signs_nothing(browser):
    """Where verification is required the browser ends the ceremony."""
    rules = policy(browser, user_verification=UserVerification.REQUIRED)
    registered = register(browser, rules)
    browser.verify(verified=False)

    assert sign_in(browser, rules, registered) == "NotAllowedError"


def test_the_same_authenticator_makes_no_second_passkey(browser):
    """What is excluded stays one."""
    rules = policy(browser)
    registered = register(browser, rules)
    options = creation_options(
        rules,
        challenge=CHALLENGES[2],
        subject="u-1",
        account="ada",
        display="Ada",
        exclude=[(registered.credential, registered.transports)],
    )

    assert browser.create(options) == {"error": "InvalidStateError"}


def test_an_answer_is_good_for_its_own_challenge_origin_and_ceremony(browser):
    """Of a real answer, as of a soft one."""
    rules = policy(browser)
    options = creation_options(rules, challenge=CHALLENGES[3], subject="u-1", account="ada", display="Ada")
    answer = browser.create(options)

    elsewhere = policy(browser, origins=("http://localhost:1",))
    assert VERIFIER.register(rules, answer, challenge=CHALLENGES[4]) == Rejected(Rejection.WRONG_CHALLENGE)
    assert VERIFIER.register(elsewhere, answer, challenge=CHALLENGES[3]) == Rejected(Rejection.WRONG_ORIGIN)
    stored = (b"x", b"y", 0)
    assert isinstance(VERIFIER.authenticate(rules, answer, challenge=CHALLENGES[3], credential=stored), Rejected)


def test_a_counter_that_falls_is_found(browser):
    """A clone of the key, whose counter is its own."""
    rules = policy(browser)
    browser.plug(transport="usb", defaultBackupEligibility=False, defaultBackupState=False)
    registered = register(browser, rules)
    first = sign_in(browser, rules, registered)
    assert isinstance(first, Asserted) and first.counter > registered.counter
    browser.set_counter(browser.credentials()[0], 0)

    stored = (registered.credential, registered.key, first.counter)
    answer = browser.get(request_options(rules, challenge=CHALLENGES[5], allow=[(registered.credential, registered.transports)]))
    assert VERIFIER.authenticate(rules, answer, challenge=CHALLENGES[5], credential=stored) == Rejected(Rejection.COUNTER)


def test_a_frame_of_another_site_is_refused(browser):
    """Chromium says who holds the page in a frame."""
    rules = policy(browser)
    port = browser.origin.rpartition(":")[2]
    browser.driver.get(f"http://127.0.0.1:{port}")
    browser.driver.execute_script(
        f"const f = document.createElement('iframe'); f.src = '{browser.origin}';"
        "f.allow = 'publickey-credentials-create *; publickey-credentials-get *'; document.body.append(f);"
    )
    browser.driver.switch_to.frame(0)
    browser.driver.find_element("tag name", "input").click()  # in a frame a person has to want it
    answer = browser.create(creation_options(rules, challenge=CHALLENGES[6], subject="u-1", account="ada", display="Ada"))
    browser.driver.switch_to.default_content()

    assert "error" not in answer, answer
    assert VERIFIER.register(rules, answer, challenge=CHALLENGES[6]) == Rejected(Rejection.CROSS_ORIGIN)
