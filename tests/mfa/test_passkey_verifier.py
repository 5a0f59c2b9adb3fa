"""What a browser sends is believed for one challenge, ceremony, origin, service and key."""

import json
import sys
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from attrs import evolve
from tests.mfa.stage import (
    APP,
    CREATION,
    ORIGIN,
    REQUEST,
    VERIFIER,
    answered,
    attested,
    created,
    known,
    policy,
    registered,
    soft,
    verdict,
)

from acctsec import ConfigError
from acctsec._values import evolve as changed
from acctsec.mfa.passkeys import (
    Asserted,
    AttestationRoot,
    CounterRegression,
    Registered,
    Rejected,
    Rejection,
    UserVerification,
    WebauthnVerifier,
    judge,
    responses,
)
from acctsec.mfa.passkeys import _webauthn as adapter
from acctsec.testing import authenticator as authenticator_module
from acctsec.testing.authenticator import MODEL, SoftAuthenticator, cbor
from acctsec.testing.doubles import SeededEntropy


def refused(response, reason, rules=None, *, challenge=CREATION):
    assert VERIFIER.register(rules or policy(), response, challenge=challenge) == Rejected(reason)


@pytest.mark.parametrize("algorithm", [-8, -7, -257])
@pytest.mark.parametrize("origin", [ORIGIN, APP])
def test_a_passkey_is_registered_and_signs(algorithm, origin):
    """Each algorithm, on the web and in an app."""
    key = SoftAuthenticator(algorithm=algorithm, step=1)
    passkey = registered(key, origin=origin)
    asserted = verdict(passkey, answered(key, origin=origin))

    assert asserted == Asserted(counter=1, verified=True, backup_eligible=True, backed_up=True, user_handle=b"u-1")
    assert VERIFIER.credential_of(answered(key)) == (passkey.credential, b"u-1")


def test_a_response_may_come_as_text():
    """As a page posts it."""
    key = soft()
    text = json.dumps(created(key))
    passkey = VERIFIER.register(policy(), text, challenge=CREATION)

    assert isinstance(passkey, Registered) and passkey.transports == ("hybrid", "internal")
    assert isinstance(verdict(passkey, json.dumps(answered(key))), Asserted)


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ({"type": "webauthn.get"}, Rejection.WRONG_CEREMONY),
        ({"type": "payment.get"}, Rejection.WRONG_CEREMONY),
        ({"challenge": "A" * 43}, Rejection.WRONG_CHALLENGE),
        ({"challenge": ""}, Rejection.WRONG_CHALLENGE),
        ({"challenge": "\ud800"}, Rejection.WRONG_CHALLENGE),
        ({"origin": "https://example.com"}, Rejection.WRONG_ORIGIN),
        ({"origin": "https://www.example.com."}, Rejection.WRONG_ORIGIN),
        ({"origin": "https://www.example.com.evil.test"}, Rejection.WRONG_ORIGIN),
        ({"crossOrigin": True}, Rejection.CROSS_ORIGIN),
        ({"crossOrigin": "no"}, Rejection.CROSS_ORIGIN),
        ({"topOrigin": "https://evil.test"}, Rejection.CROSS_ORIGIN),
        ({"rp_id": "evil.test"}, Rejection.WRONG_RELYING_PARTY),
        ({"challenge": 7}, Rejection.MALFORMED),
        ({"origin": None}, Rejection.MALFORMED),
    ],
)
def test_the_browser_saw_what_was_asked(client, reason):
    """The same at both ceremonies."""
    key = soft()
    rules = policy()
    passkey = registered(key)
    other = client | ({"type": "webauthn.create"} if client.get("type") == "webauthn.get" else {})

    refused(created(soft(), **client), reason, rules)
    # A key belongs to one domain, so a page of another one never finds it: what is wrong then is only what is signed.
    assert verdict(passkey, answered(key, **other)) == Rejected(reason)


@pytest.mark.parametrize(
    ("properties", "changes", "reason"),
    [
        ({"present": False}, {}, Rejection.NOT_PRESENT),
        ({"verified": False}, {"user_verification": UserVerification.REQUIRED}, Rejection.NOT_VERIFIED),
        ({"backup_eligible": False, "backed_up": True}, {}, Rejection.BACKUP_FLAGS),
        ({}, {"synced": False}, Rejection.SYNCED),
        ({"algorithm": -8}, {"algorithms": (-7,)}, Rejection.ALGORITHM),
    ],
)
def test_an_authenticator_has_to_be_one_that_the_policy_takes(properties, changes, reason):
    refused(created(soft(**properties)), reason, policy(**changes))


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"present": False}, Rejection.NOT_PRESENT),
        ({"verified": False}, Rejection.NOT_VERIFIED),
        ({"backup_eligible": False}, Rejection.BACKUP_FLAGS),
    ],
)
def test_and_so_at_every_use(properties, reason):
    key, rules = soft(), policy(user_verification=UserVerification.REQUIRED)
    passkey = registered(key, rules)
    for name, value in properties.items():
        setattr(key, name, value)

    assert verdict(passkey, answered(key, rules), rules) == Rejected(reason)


def test_a_passkey_that_stops_to_be_syncable_is_another():
    """The flags agree with each other, and not with its birth."""
    key = soft()
    passkey = registered(key)
    key.backup_eligible = key.backed_up = False
    asserted = verdict(passkey, answered(key))

    assert judge(policy(), known(passkey), asserted) == Rejected(Rejection.BACKUP_FLAGS)


def test_a_provider_may_begin_and_end_to_back_up():
    """That is what the other flag is for."""
    key = soft(backed_up=False)
    passkey = registered(key)
    key.backed_up = True

    assert judge(policy(), known(passkey), verdict(passkey, answered(key))).backed_up


def test_a_counter_is_classified_after_the_signature():
    """A stranger cannot make a passkey look cloned: who does not hold the key is told of the signature alone."""
    key = soft(counter=5, step=1)
    passkey = registered(key)
    lenient = policy(on_counter_regression=CounterRegression.REPORT)
    key.counter = 2

    response = answered(key)
    assert verdict(passkey, response) == Rejected(Rejection.COUNTER)
    assert judge(lenient, known(passkey), verdict(passkey, response, lenient)).regressed
    forged = {**response, "response": {**response["response"], "signature": "AAAA"}}
    assert verdict(passkey, forged) == verdict(passkey, forged, lenient) == Rejected(Rejection.SIGNATURE)


def test_a_key_signs_for_itself_alone():
    """Neither another key's signature nor another credential's id."""
    entropy = SeededEntropy(7)
    mine, other = soft(entropy=entropy), soft(entropy=entropy)
    passkey, theirs = registered(mine), registered(other)

    assert verdict(passkey, answered(other)) == Rejected(Rejection.WRONG_CREDENTIAL)
    swapped = evolve(theirs, credential=passkey.credential)
    assert verdict(swapped, answered(mine)) == Rejected(Rejection.SIGNATURE)


def test_a_challenge_is_compared_whole():
    key = soft()
    passkey = registered(key)

    for challenge in (REQUEST[:-1], REQUEST + b"r", bytes(32), CREATION):
        assert verdict(passkey, answered(key), challenge=challenge) == Rejected(Rejection.WRONG_CHALLENGE)


# --- keys -------------------------------------------------------------------------------------------------------------


class Bent:
    """A key that describes itself otherwise."""

    def __init__(self, cose) -> None:
        self._cose = cose

    def cose(self):
        return self._cose

    def sign(self, data):
        return b"no signature"


GOOD = soft()
ES256 = dict(registered(GOOD) and GOOD._passkeys[0].key.cose())
RSA = {1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\x01\x00\x01"}


@pytest.mark.parametrize(
    ("cose", "reason"),
    [
        ({**ES256, -2: bytes(32), -3: bytes(32)}, Rejection.KEY),
        ({**ES256, -1: 2}, Rejection.KEY),
        ({**ES256, -3: True}, Rejection.KEY),
        ({**ES256, 1: 3}, Rejection.KEY),
        ({**ES256, -2: ES256[-2] + b"\0"}, Rejection.KEY),
        ({**ES256, 3: -35}, Rejection.ALGORITHM),
        ({**ES256, 3: "ES256"}, Rejection.ALGORITHM),
        ({1: 2}, Rejection.ALGORITHM),
        ({1: 1, 3: -8, -1: 6, -2: bytes(31)}, Rejection.KEY),
        ({1: 1, 3: -8, -1: 7, -2: bytes(32)}, Rejection.KEY),
        ({**RSA, -1: b"\xff" * 128}, Rejection.KEY),
        ({**RSA, -1: b"\x00" + b"\xff" * 256}, Rejection.KEY),
        ({**RSA, -1: b"\xff" * 1024}, Rejection.KEY),
        ({**RSA, -2: b"\x01"}, Rejection.KEY),
        ({**RSA, -2: b"\x03"}, Rejection.KEY),
        ({**RSA, -2: b"\x7f" + b"\xff" * 255}, Rejection.KEY),
        ({**RSA, -2: b"\x00\x01\x00\x01"}, Rejection.KEY),
        ({**RSA, -2: b"\xff" * 256}, Rejection.KEY),
    ],
)
def test_a_key_that_is_weak_or_slow_or_none_is_refused(monkeypatch, cose, reason):
    """Not on its curve, of another curve, compressed, of 1,024 bits, or with an exponent that costs seconds."""
    monkeypatch.setattr("acctsec.testing.authenticator.key_of", lambda algorithm, seed: Bent(cose))

    refused(created(soft()), reason)


# --- attestation ------------------------------------------------------------------------------------------------------


def test_a_model_is_proven_by_its_certificate():
    key = soft(attestation="packed")

    assert registered(key, attested(key)).aaguid == key.model


@pytest.mark.parametrize("kind", ["none", "self"])
def test_what_anybody_can_write_proves_no_model(kind):
    """The library takes a statement that the new key signed itself."""
    key = soft(attestation=kind)

    refused(created(key), Rejection.ATTESTATION, attested(key))


def test_a_certificate_of_another_root_proves_nothing():
    """Neither does the right root for another format."""
    key, stranger = soft(attestation="packed", entropy=SeededEntropy(1)), soft(attestation="packed", entropy=SeededEntropy(2))
    elsewhere = attested(key, roots=(AttestationRoot(format="tpm", pem=key.root),))

    refused(created(stranger), Rejection.ATTESTATION, attested(key))
    refused(created(key), Rejection.ATTESTATION, elsewhere)


def test_the_roots_that_the_library_brings_do_not_count():
    """It takes Google's and Apple's beside those it is given; a platform that names one vendor means that one."""
    from webauthn.helpers.known_root_certs import google_hardware_attestation_root_2 as google

    key = soft(attestation="packed")
    der = b64decode(b"".join(google.strip().splitlines()[1:-1]))
    read = responses.registration(created(key))
    given = changed(read, statement=responses.Statement(read.statement.raw, "android-key", (der,)))
    ours, theirs = (attested(key, roots=(AttestationRoot(format="android-key", pem=pem),)) for pem in (key.root, google))

    assert VERIFIER._attestation(ours, given) is Rejection.ATTESTATION
    assert VERIFIER._attestation(theirs, given) is None


def test_a_certificate_names_the_model_that_it_proves():
    """The library does not read that extension."""
    key = soft(attestation="packed", certified_model="ac575ec0-0000-4000-8000-00000000000f")

    refused(created(key), Rejection.ATTESTATION, attested(key))


def _leaf(key, signer, *, unit="Authenticator Attestation", authority=False, constrained=True, critical=False, twice=False):
    """A certificate such as an authenticator has, but for what is said."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    name = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Soft"), x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]
    name += [x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "Sales")] if twice else []
    model = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4"), b"\x04\x10" + UUID(MODEL).bytes)
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Soft authenticators")])
    builder = x509.CertificateBuilder(
        issuer, x509.Name(name), key.public_key(), 3, datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
    )
    builder = builder.add_extension(model, critical=critical)
    if constrained:
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(signer, SHA256())


@pytest.mark.parametrize(
    ("oddity", "fine"),
    [
        ({}, True),
        ({"unit": "Marketing"}, False),
        ({"twice": True}, False),
        ({"authority": True}, False),
        ({"constrained": False}, False),
        ({"critical": True}, False),
    ],
)
def test_a_certificate_is_one_of_an_authenticator(monkeypatch, oddity, fine):
    """Level 3 section 8.2.1; a vendor's certificate for something else proves nothing, and an authority's least of all."""
    made = authenticator_module._certificate
    odd = lambda key, signer, *, name, model: (
        made(key, signer, name=name, model=model) if model is None else _leaf(key, signer, **oddity)
    )
    monkeypatch.setattr(authenticator_module, "_certificate", odd)
    key = soft(attestation="packed")
    found = VERIFIER.register(attested(key), created(key), challenge=CREATION)

    assert isinstance(found, Registered) if fine else found == Rejected(Rejection.ATTESTATION)


def test_a_model_that_is_not_listed_is_refused():
    key = soft(attestation="packed")

    refused(created(key), Rejection.MODEL, attested(key, allowed_aaguids={"ac575ec0-0000-4000-8000-00000000000f"}))
    assert isinstance(VERIFIER.register(attested(key, allowed_aaguids=()), created(key), challenge=CREATION), Registered)


def test_what_nobody_asked_to_be_proven_is_not_looked_into(monkeypatch):
    """A statement of a format that no library knows comes from an authenticator that is fine."""
    monkeypatch.setattr(SoftAuthenticator, "_statement", lambda *_: ("compound", {"x": [1, 2]}))
    response = created(soft())

    assert isinstance(VERIFIER.register(policy(), response, challenge=CREATION), Registered)


# --- around it --------------------------------------------------------------------------------------------------------


def test_one_verifier_serves_all_threads():
    keys = [soft(entropy=SeededEntropy(n)) for n in range(8)]

    def work(key):
        passkey = registered(key)
        return [verdict(passkey, answered(key)) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        assert all(isinstance(one, Asserted) for found in pool.map(work, keys) for one in found)


def test_without_the_library_the_way_out_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "webauthn", None)

    with pytest.raises(ConfigError, match=r"pip install acctsec\[passkeys\]"):
        WebauthnVerifier()


def test_the_object_without_a_statement_is_cbor():
    """Also where authenticator data are short or long."""
    import cbor2

    for size in (37, 255, 256, 9_000):
        data = bytes(size)
        assert cbor2.loads(adapter._unattested(data)) == {"fmt": "none", "attStmt": {}, "authData": data}
    assert cbor({"a": [1, -1, b"x", True]}) == cbor2.dumps({"a": [1, -1, b"x", True]})
