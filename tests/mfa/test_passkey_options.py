"""What browsers are asked for is the JSON they parse, and holds what the policy says."""

import json
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mfa.stage import CREATION, attested, policy, soft

from acctsec import ConfigError
from acctsec.mfa.passkeys import Hint, UserVerification, creation_options, request_options, subject_of, user_handle

SUBJECTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64).filter(lambda one: len(one.encode()) <= 64)


def raw(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def created(rules=None, **changes):
    return creation_options(
        rules or policy(), **{"challenge": CREATION, "subject": "u-1", "account": "ada", "display": "Ada"} | changes
    )


def test_creation_options_in_full():
    """Whole, once: each member is one that Level 3 names."""
    assert created(policy(hints=(Hint.SECURITY_KEY,)), exclude=[(b"\xff" * 16, ("usb", "nfc"))]) == {
        "rp": {"id": "example.com", "name": "Otterly"},
        "user": {"id": "dS0x", "name": "ada", "displayName": "Ada"},
        "challenge": "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M",
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (-8, -7, -257)],
        "timeout": 300_000,
        "excludeCredentials": [{"type": "public-key", "id": "_" * 21 + "w", "transports": ["usb", "nfc"]}],
        "authenticatorSelection": {"residentKey": "preferred", "requireResidentKey": False, "userVerification": "preferred"},
        "hints": ["security-key"],
        "attestation": "none",
        "extensions": {"credProps": True},
    }


def test_request_options_in_full():
    strict = policy(user_verification=UserVerification.REQUIRED)

    assert request_options(strict, challenge=bytes(16), allow=[(b"id", ["internal"])]) == {
        "challenge": "A" * 22,
        "timeout": 300_000,
        "rpId": "example.com",
        "allowCredentials": [{"type": "public-key", "id": "aWQ", "transports": ["internal"]}],
        "userVerification": "required",
        "hints": [],
    }


def test_a_passkey_that_signs_in_without_a_name_is_asked_for():
    chosen = created(discoverable=True)["authenticatorSelection"]

    assert chosen["residentKey"] == "required" and chosen["requireResidentKey"] is True
    assert request_options(policy(), challenge=CREATION)["allowCredentials"] == []


def test_whoever_verifies_attestation_asks_for_it():
    assert created(attested(soft()))["attestation"] == "direct"


@given(SUBJECTS.filter(str.isprintable))
def test_an_account_is_found_by_what_its_passkey_keeps(subject):
    """No index is needed from passkey to account."""
    options = created(subject=subject)

    assert subject_of(raw(options["user"]["id"])) == subject
    assert json.loads(json.dumps(options)) == options


@pytest.mark.parametrize("subject", ["", "x" * 65, "ä" * 33, "\ud800", "a\x00b", "a\nb"])
def test_a_subject_that_no_authenticator_can_keep_is_refused(subject):
    with pytest.raises(ConfigError, match="opaque id"):
        user_handle(subject)


@pytest.mark.parametrize("handle", [None, b"", b"x" * 65, b"\xff", b"\xed\xa0\x80", b"a\x00b", b"a\nb"])
def test_a_handle_that_names_nobody(handle):
    assert subject_of(handle) is None


@pytest.mark.parametrize("challenge", [b"", bytes(15), bytes(65), "c" * 32, None])
def test_a_challenge_that_could_be_guessed_is_refused(challenge):
    for ask in (lambda: created(challenge=challenge), lambda: request_options(policy(), challenge=challenge)):
        with pytest.raises(ConfigError, match="challenge"):
            ask()
