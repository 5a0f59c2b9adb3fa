"""Two libraries that know nothing of each other agree about what our authenticator makes and our verifier takes."""

from base64 import urlsafe_b64encode

import pytest
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity
from hypothesis import given
from hypothesis import strategies as st
from tests.mfa.stage import CREATION, ORIGIN, REQUEST, VERIFIER, answered, created, policy, registered, soft, verdict
from tests.mfa.test_passkey_hostile import mutations, raw, text, with_part

from acctsec.mfa.passkeys import Asserted, Registered, UserVerification
from acctsec.testing.authenticator import SoftAuthenticator

SERVER = Fido2Server(PublicKeyCredentialRpEntity(id="example.com", name="Otterly"), verify_origin=lambda origin: origin == ORIGIN)


def state(challenge, verification=None):
    return {"challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(), "user_verification": verification}


def peer(call):
    """Whether fido2 takes it."""
    try:
        return call()
    except Exception:
        return None


@pytest.mark.parametrize("algorithm", [-8, -7, -257])
@pytest.mark.parametrize("attestation", ["none", "self", "packed"])
def test_what_the_soft_authenticator_makes_is_taken_by_fido2(algorithm, attestation):
    """It is not only our own verifier that it pleases."""
    key = SoftAuthenticator(algorithm=algorithm, attestation=attestation, step=1)
    response = created(key)
    data = SERVER.register_complete(state(CREATION), response)
    passkey = VERIFIER.register(policy(), response, challenge=CREATION)

    assert isinstance(passkey, Registered)
    assert data.credential_data.credential_id == passkey.credential and data.counter == passkey.counter
    assert str(data.credential_data.aaguid) == passkey.aaguid
    answer = answered(key)
    assert SERVER.authenticate_complete(state(REQUEST), [data.credential_data], answer)
    assert isinstance(verdict(passkey, answer), Asserted)


CLIENT = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["webauthn.create", "webauthn.get", "x"]),
        "origin": st.sampled_from([ORIGIN, "https://evil.test", "https://www.example.com:8443"]),
        "rp_id": st.sampled_from(["example.com", "evil.test"]),
    },
)
KEY = soft()
PASSKEY = registered(KEY)
DATA = AttestedCredentialData(bytes(16) + len(PASSKEY.credential).to_bytes(2, "big") + PASSKEY.credential + PASSKEY.key)


@given(CLIENT, st.booleans(), st.booleans(), st.sampled_from([UserVerification.REQUIRED, UserVerification.PREFERRED]))
def test_both_say_the_same_of_flags_origins_and_types(client, present, verified, wanted):
    """What we refuse beyond that (frames, backup flags, counters) is left as a browser sends it."""
    rules = policy(origins=(ORIGIN,), user_verification=wanted)
    KEY.present, KEY.verified = present, verified
    answer = answered(KEY, rules, allow=[(PASSKEY.credential, ())], **client)
    theirs = peer(lambda: SERVER.authenticate_complete(state(REQUEST, wanted.value), [DATA], answer))

    assert isinstance(verdict(PASSKEY, answer, rules), Asserted) == (theirs is not None)


@given(st.data())
def test_we_take_nothing_that_fido2_does_not(data):
    """Of answers that somebody changed on the way."""
    KEY.present = KEY.verified = True
    answer = answered(KEY)
    name = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]))
    changed = with_part(answer, name, text(data.draw(mutations(raw(answer["response"][name])))))

    if isinstance(verdict(PASSKEY, changed), Asserted):
        assert peer(lambda: SERVER.authenticate_complete(state(REQUEST), [DATA], changed)) is not None
