"""A service, its policy and an authenticator, for every test of passkeys."""

from datetime import UTC, datetime

from acctsec.mfa.passkeys import (
    Attestation,
    AttestationRoot,
    PasskeyPolicy,
    Registered,
    WebauthnVerifier,
    creation_options,
    kept,
    request_options,
)
from acctsec.testing.authenticator import SoftAuthenticator

ORIGIN = "https://www.example.com"
APP = "android:apk-key-hash:" + "A" * 43
CREATION, REQUEST = b"c" * 32, b"r" * 32
VERIFIER = WebauthnVerifier()


def policy(**changes):
    """The least that a service says."""
    return PasskeyPolicy(**{"rp_id": "example.com", "rp_name": "Otterly", "origins": (ORIGIN, APP)} | changes)


def attested(authenticator, **changes):
    """A policy that takes this authenticator's model alone."""
    root = AttestationRoot(format="packed", pem=authenticator.root)
    usual = {"attestation": Attestation.VERIFY, "roots": (root,), "allowed_aaguids": {authenticator.model}}
    return policy(**usual | changes)


def created(authenticator, rules=None, *, origin=ORIGIN, subject="u-1", **client):
    """What a browser answers to creation options."""
    options = creation_options(rules or policy(), challenge=CREATION, subject=subject, account="ada", display="Ada")
    return authenticator.create(options, origin=origin, **client)


def registered(authenticator, rules=None, **asked):
    """A passkey that was made and taken."""
    rules = rules or policy()
    found = VERIFIER.register(rules, created(authenticator, rules, **asked), challenge=CREATION)
    assert isinstance(found, Registered), found
    return found


def known(passkey):
    """What the record keeps of it."""
    return kept(passkey, factor_id="f", name="Phone", now=datetime(2027, 1, 1, tzinfo=UTC))


def answered(authenticator, rules=None, *, allow=(), origin=ORIGIN, **client):
    """What a browser answers to request options."""
    options = request_options(rules or policy(), challenge=REQUEST, allow=allow)
    return authenticator.get(options, origin=origin, **client)


def verdict(passkey, response, rules=None, *, challenge=REQUEST):
    """What the verifier says of an answer, for a passkey that was registered."""
    known = (passkey.credential, passkey.key, passkey.counter)
    return VERIFIER.authenticate(rules or policy(), response, challenge=challenge, credential=known)


def soft(**properties):
    """An authenticator with a key that is fast to make."""
    return SoftAuthenticator(**{"algorithm": -7} | properties)
