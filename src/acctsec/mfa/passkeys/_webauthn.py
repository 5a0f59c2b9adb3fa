"""
Passkey responses verified by the library ``webauthn`` (``pip install acctsec[passkeys]``).

It checks signatures and certificates. What it lets through is checked here first: lenient base64, general CBOR, a frame
of another site, another credential's signature, weak RSA keys, attestations without a certificate, a model that its
certificate does not name.
"""

from hashlib import sha256
from hmac import compare_digest
from importlib import import_module
from typing import Any
from uuid import UUID

from acctsec.errors import ConfigError
from acctsec.mfa.passkeys.cbor import Item
from acctsec.mfa.passkeys.judgement import regressed
from acctsec.mfa.passkeys.policy import EDDSA, ES256, RS256
from acctsec.mfa.passkeys.responses import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    VERIFIED,
    Assertion,
    Authenticator,
    Client,
    New,
    Registration,
    Statement,
    assertion,
    base64url,
    credential_of,
    registration,
)
from acctsec.protocols import (
    Asserted,
    Attestation,
    CounterRegression,
    PasskeyResponse,
    PasskeyRules,
    Registered,
    Rejected,
    Rejection,
    UserVerification,
)

_MODEL = "1.3.6.1.4.1.45724.1.1.4"
"""The extension of a packed attestation's certificate that names the model (Level 3 section 8.2.1)."""


class WebauthnVerifier:
    """
    Verifies passkey responses with the library ``webauthn``, which is loaded when one is made.

    Raises ConfigError when the library is not installed. It may be shared by all threads. Certificates are held against the
    clock of OpenSSL: attestation is the one thing here that knows today's date.
    """

    def __init__(self) -> None:
        try:
            self._library = import_module("webauthn")
        except ImportError as error:
            raise ConfigError("Passkeys need the library webauthn.", remedy="pip install acctsec[passkeys]") from error
        self._helpers: Any = import_module("webauthn.helpers")
        self._structs: Any = import_module("webauthn.helpers.structs")

    def register(self, policy: PasskeyRules, response: PasskeyResponse, *, challenge: bytes) -> Registered | Rejected:
        """Judge the answer to ``creation_options``."""
        given = registration(response)
        if given is None:
            return Rejected(Rejection.MALFORMED)
        authenticator = given.authenticator
        reason = _ceremony(policy, given.client, authenticator, kind="webauthn.create", challenge=challenge) or _key(
            policy, given.new
        )
        if reason is None and authenticator.has(ELIGIBLE) and not policy.synced:
            reason = Rejection.SYNCED
        if reason is None:
            reason = self._attestation(policy, given)
        if reason is not None:
            return Rejected(reason)
        key = self._registered(policy, given, challenge)
        if key is None:
            return Rejected(Rejection.ATTESTATION if policy.attestation is Attestation.VERIFY else Rejection.KEY)
        return Registered(
            credential=given.id,
            key=key,
            counter=authenticator.counter,
            verified=authenticator.has(VERIFIED),
            backup_eligible=authenticator.has(ELIGIBLE),
            backed_up=authenticator.has(BACKED_UP),
            aaguid=str(UUID(bytes=given.new.aaguid)),
            transports=given.transports,
        )

    def authenticate(
        self, policy: PasskeyRules, response: PasskeyResponse, *, challenge: bytes, credential: tuple[bytes, bytes, int]
    ) -> Asserted | Rejected:
        """Judge the answer to ``request_options``, for one stored credential."""
        given = assertion(response)
        if given is None:
            return Rejected(Rejection.MALFORMED)
        one, key, counter = credential
        if not compare_digest(given.id, one):
            return Rejected(Rejection.WRONG_CREDENTIAL)
        authenticator = given.authenticator
        reason = _ceremony(policy, given.client, authenticator, kind="webauthn.get", challenge=challenge)
        if reason is None and not self._signed(policy, given, challenge, key):
            reason = Rejection.SIGNATURE
        if (
            reason is None
            and policy.on_counter_regression is CounterRegression.REFUSE
            and regressed(counter, authenticator.counter)
        ):
            reason = Rejection.COUNTER
        if reason is not None:
            return Rejected(reason)
        return Asserted(
            counter=authenticator.counter,
            verified=authenticator.has(VERIFIED),
            backup_eligible=authenticator.has(ELIGIBLE),
            backed_up=authenticator.has(BACKED_UP),
            user_handle=given.user_handle,
        )

    def credential_of(self, response: PasskeyResponse) -> tuple[bytes, bytes | None] | None:
        """Which passkey, of which user handle, a response says it is from."""
        return credential_of(response)

    def _signed(self, policy: PasskeyRules, given: Assertion, challenge: bytes, key: bytes) -> bool:
        """Whether the key signed it. The library fails on a counter before it looks at the signature: it is told of none."""
        structs = self._structs
        answer = structs.AuthenticatorAssertionResponse(
            client_data_json=given.client.raw, authenticator_data=given.authenticator.raw, signature=given.signature
        )
        try:
            self._library.verify_authentication_response(
                credential=structs.AuthenticationCredential(id=base64url(given.id), raw_id=given.id, response=answer),
                expected_challenge=challenge,
                expected_rp_id=policy.rp_id,
                expected_origin=list(policy.origins),
                credential_public_key=key,
                credential_current_sign_count=0,
            )
        except Exception:  # noqa: BLE001 - whatever a stranger's bytes make it raise, they prove nothing
            return False
        return True

    def _registered(self, policy: PasskeyRules, given: Registration, challenge: bytes) -> bytes | None:
        """The key of a new passkey, or None where the library does not take it."""
        structs, helpers = self._structs, self._helpers
        wanted = policy.attestation is Attestation.VERIFY
        answer = structs.AuthenticatorAttestationResponse(
            client_data_json=given.client.raw,
            attestation_object=given.statement.raw if wanted else _unattested(given.authenticator.raw),
        )
        try:
            verified = self._library.verify_registration_response(
                credential=structs.RegistrationCredential(id=base64url(given.id), raw_id=given.id, response=answer),
                expected_challenge=challenge,
                expected_rp_id=policy.rp_id,
                expected_origin=list(policy.origins),
                supported_pub_key_algs=list(policy.algorithms),
                pem_root_certs_bytes_by_fmt={given.statement.format: _roots(policy, given.statement)},
            )
            key: bytes = verified.credential_public_key
            # Without attestation the library never looks whether the key is one: a point that is not on its curve.
            helpers.decoded_public_key_to_cryptography(helpers.decode_credential_public_key(key))
        except Exception:  # noqa: BLE001 - whatever a stranger's bytes make it raise, they prove nothing
            return None
        return key

    def _attestation(self, policy: PasskeyRules, given: Registration) -> Rejection | None:
        """
        Whether the model is proven, by a certificate that ends in a root of the policy, and allowed.

        The library takes statements without a certificate, and for some formats the roots it brings beside those it is given.
        """
        if policy.attestation is Attestation.NONE:
            return None
        statement, model = given.statement, UUID(bytes=given.new.aaguid)
        roots = _roots(policy, statement)
        if not roots or not statement.certificates:
            return Rejection.ATTESTATION
        try:
            self._helpers.validate_certificate_chain(x5c=list(statement.certificates), pem_root_certs_bytes=roots)
            named = statement.format != "packed" or _names_model(statement.certificates[0], model)
        except Exception:  # noqa: BLE001 - whatever a stranger's bytes make it raise, they prove nothing
            return Rejection.ATTESTATION
        if not named:
            return Rejection.ATTESTATION
        return Rejection.MODEL if policy.allowed_aaguids and str(model) not in policy.allowed_aaguids else None


def _ceremony(
    policy: PasskeyRules, client: Client, authenticator: Authenticator, *, kind: str, challenge: bytes
) -> Rejection | None:
    """The first of the steps of Level 3 sections 7.1 and 7.2 that fails, as far as they are the same."""
    if client.type != kind:
        return Rejection.WRONG_CEREMONY
    if not compare_digest(client.challenge.encode("utf-8", "surrogatepass"), base64url(challenge).encode()):
        return Rejection.WRONG_CHALLENGE
    if client.origin not in policy.origins:
        return Rejection.WRONG_ORIGIN
    if client.framed:
        return Rejection.CROSS_ORIGIN
    if not compare_digest(authenticator.rp, sha256(policy.rp_id.encode()).digest()):
        return Rejection.WRONG_RELYING_PARTY
    if not authenticator.has(PRESENT):
        return Rejection.NOT_PRESENT
    if policy.user_verification is UserVerification.REQUIRED and not authenticator.has(VERIFIED):
        return Rejection.NOT_VERIFIED
    if authenticator.has(BACKED_UP) and not authenticator.has(ELIGIBLE):
        return Rejection.BACKUP_FLAGS
    return None


def _key(policy: PasskeyRules, new: New) -> Rejection | None:
    """
    Whether a public key is of a wanted algorithm and of the form Level 3 section 5.8.5 gives it.

    RSA of 2,048 to 4,096 bits with the usual exponent: below it is weak, and any other may cost whoever verifies it seconds.
    """
    key = new.key
    algorithm = key.get(3)
    if algorithm not in policy.algorithms:
        return Rejection.ALGORITHM
    match algorithm:
        case _ if algorithm == ES256:
            fits = key.get(1) == 2 and key.get(-1) == 1 and _size(key.get(-2)) == _size(key.get(-3)) == 32
        case _ if algorithm == EDDSA:
            fits = key.get(1) == 1 and key.get(-1) == 6 and _size(key.get(-2)) == 32
        case _ if algorithm == RS256:
            modulus = key.get(-1)
            fits = key.get(1) == 3 and isinstance(modulus, bytes) and 256 <= len(modulus) <= 512 and modulus[0] >= 128
            fits = fits and key.get(-2) == b"\x01\x00\x01"
        case _:
            fits = False
    return None if fits else Rejection.KEY


def _size(item: Item) -> int:
    return len(item) if isinstance(item, bytes) else -1


def _roots(policy: PasskeyRules, statement: Statement) -> list[bytes]:
    return [root.pem for root in policy.roots if root.format == statement.format]


def _names_model(certificate: bytes, model: UUID) -> bool:
    """Whether a certificate is one of authenticators (Level 3 section 8.2.1), and of this model where it names one."""
    from cryptography import x509

    read = x509.load_der_x509_certificate(certificate)
    units = [unit.value for unit in read.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)]
    if read.version is not x509.Version.v3 or units != ["Authenticator Attestation"]:
        return False
    ends = False
    for extension in read.extensions:
        if isinstance(extension.value, x509.BasicConstraints):
            ends = not extension.value.ca
        elif extension.oid.dotted_string == _MODEL:
            named = isinstance(extension.value, x509.UnrecognizedExtension) and extension.value.value
            if extension.critical or named != b"\x04\x10" + model.bytes:
                return False
    return ends


def _unattested(data: bytes) -> bytes:
    """An attestation object without a statement: what nobody asked to be proven is not looked into."""
    return b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59" + len(data).to_bytes(2, "big") + data
