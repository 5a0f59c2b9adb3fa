"""Passkey ceremonies, as far as the verifier alone decides them (I02, I23)."""

import pytest
from tests.mfa.stage import VERIFIER, policy, registered, soft

from acctsec.mfa.passkeys import Asserted, Registered, Rejected, Rejection, creation_options, request_options

ORIGIN, CHALLENGE = "https://www.example.com", b"\x0e" * 32


@pytest.mark.parametrize("algorithm", [-8, -7])
def test_m014_an_answer_of_one_ceremony_is_none_of_the_other(algorithm):
    """Enrolment answered to a sign-in and a sign-in to an enrolment, on one challenge: the type that was signed decides."""
    key, rules = soft(algorithm=algorithm), policy()
    passkey = registered(key)
    creation = creation_options(rules, challenge=CHALLENGE, subject="u-1", account="ada", display="Ada")
    request = request_options(rules, challenge=CHALLENGE)
    made, signed = key.create(creation, origin=ORIGIN), key.get(request, origin=ORIGIN)
    new = VERIFIER.register(rules, made, challenge=CHALLENGE)
    known = (new.credential, new.key, 0)
    assert isinstance(new, Registered)
    assert isinstance(VERIFIER.authenticate(rules, signed, challenge=CHALLENGE, credential=known), Asserted)

    assert isinstance(VERIFIER.register(rules, signed, challenge=CHALLENGE), Rejected)
    assert isinstance(VERIFIER.authenticate(rules, made, challenge=CHALLENGE, credential=known), Rejected)
    # A page under attack sends the right members with what was signed for the other ceremony.
    crossed = key.get(request, origin=ORIGIN, type="webauthn.create")
    assert VERIFIER.authenticate(rules, crossed, challenge=CHALLENGE, credential=known) == Rejected(Rejection.WRONG_CEREMONY)
    crossed = soft().create(creation, origin=ORIGIN, type="webauthn.get")
    assert VERIFIER.register(rules, crossed, challenge=CHALLENGE) == Rejected(Rejection.WRONG_CEREMONY)
    assert passkey.credential != new.credential


def test_m014_a_challenge_of_one_ceremony_is_none_of_the_other():
    """Each flow has a challenge of its own, and an answer is for one."""
    key, rules = soft(), policy()
    passkey = registered(key)
    known = (passkey.credential, passkey.key, 0)
    enrolling, signing = b"\x01" * 32, b"\x02" * 32
    answer = key.get(request_options(rules, challenge=enrolling), origin=ORIGIN)
    made = soft().create(creation_options(rules, challenge=signing, subject="u-1", account="ada", display="Ada"), origin=ORIGIN)

    assert VERIFIER.authenticate(rules, answer, challenge=signing, credential=known) == Rejected(Rejection.WRONG_CHALLENGE)
    assert VERIFIER.register(rules, made, challenge=enrolling) == Rejected(Rejection.WRONG_CHALLENGE)
