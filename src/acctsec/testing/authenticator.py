"""
An authenticator in software: it answers the options of acctsec as a browser with a real one would.

Each of its properties can be changed between two uses, to act the key that was cloned, lost its PIN or lies about itself.
It draws nothing by itself: two with the same entropy make the same passkeys and the same signatures.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from acctsec.protocols import Entropy
from acctsec.testing._soft_keys import SoftKey, key_of, p256
from acctsec.testing.doubles import SeededEntropy

MODEL = "ac575ec0-0000-4000-8000-000000000001"
"""The AAGUID of soft authenticators that are given no other."""

_MODEL_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")


class Excluded(Exception):  # noqa: N818 - the name of what a browser reports
    """The authenticator has a passkey of that account already; browsers call it InvalidStateError."""


class NoPasskey(Exception):  # noqa: N818 - the name of what a browser reports
    """The authenticator has no passkey that was asked for; browsers call it NotAllowedError."""


@define
class _Passkey:
    id: bytes
    rp_id: str
    handle: bytes = field(repr=False)
    key: SoftKey = field(repr=False)


@define(kw_only=True)
class SoftAuthenticator:
    """
    Makes passkeys and signs with them, in the very JSON that ``PublicKeyCredential.toJSON()`` gives.

    Args:
        entropy: where ids and keys come from. Share one object among authenticators, or give each its own seed.
        algorithm: of new passkeys: -7, -8 or -257; the first that the options allow where it is None.
        present, verified, backup_eligible, backed_up: the flags it sets. A synced passkey of a phone by default.
        counter, step: what it counts, and by how much each use counts on; a negative step counts back.
        model: its AAGUID.
        attestation: ``none``, ``self`` (packed, signed by the new key) or ``packed`` (by a certificate that *root* issued).
        certified_model: the AAGUID in that certificate, if it is another one than *model*.
        transports: how browsers reach it.
        remembers: whether passkeys keep their account, so that they work without a name typed.
    """

    entropy: Entropy = field(factory=SeededEntropy, repr=False)
    algorithm: int | None = None
    present: bool = True
    verified: bool = True
    backup_eligible: bool = True
    backed_up: bool = True
    counter: int = 0
    step: int = 0
    model: str = MODEL
    attestation: str = "none"
    certified_model: str | None = None
    transports: tuple[str, ...] = ("hybrid", "internal")
    remembers: bool = True
    _passkeys: list[_Passkey] = field(factory=list, init=False, repr=False)
    _authority: Any = field(default=None, init=False, repr=False)

    def create(self, options: Mapping[str, Any], *, origin: str, rp_id: str | None = None, **client: Any) -> dict[str, Any]:
        """
        Answer ``creation_options``; *client* sets further members of the client data, or other ones.

        Raises Excluded where it holds one of ``excludeCredentials``.
        """
        excluded = {one["id"] for one in options.get("excludeCredentials", ())}
        if any(_text(one.id) in excluded for one in self._passkeys):
            raise Excluded
        algorithm = options["pubKeyCredParams"][0]["alg"] if self.algorithm is None else self.algorithm
        domain = options["rp"]["id"] if rp_id is None else rp_id
        handle = _raw(options["user"]["id"])
        made = _Passkey(self.entropy(32), domain, handle, key_of(algorithm, self.entropy(32)))
        self._passkeys.append(made)
        seen = _client("webauthn.create", options["challenge"], origin, client)
        attested = UUID(self.model).bytes + len(made.id).to_bytes(2, "big") + made.id + cbor(made.key.cose())
        data = self._data(domain, attested)
        form, statement = self._statement(made.key, data, seen)
        response = {
            "clientDataJSON": _text(seen),
            "attestationObject": _text(cbor({"fmt": form, "attStmt": statement, "authData": data})),
            "transports": list(self.transports),
            "authenticatorData": _text(data),
            "publicKeyAlgorithm": algorithm,
        }
        return _answer(made.id, response, {"credProps": {"rk": self.remembers}})

    def get(self, options: Mapping[str, Any], *, origin: str, rp_id: str | None = None, **client: Any) -> dict[str, Any]:
        """
        Answer ``request_options`` with the newest passkey that was asked for.

        Raises NoPasskey where there is none. An *rp_id* changes what is signed, not which passkey signs.
        """
        allowed = {one["id"] for one in options.get("allowCredentials", ())}
        for made in reversed(self._passkeys):
            if made.rp_id == options["rpId"] and (_text(made.id) in allowed if allowed else self.remembers):
                break
        else:
            raise NoPasskey
        self.counter += self.step
        seen = _client("webauthn.get", options["challenge"], origin, client)
        data = self._data(made.rp_id if rp_id is None else rp_id)
        response = {
            "clientDataJSON": _text(seen),
            "authenticatorData": _text(data),
            "signature": _text(made.key.sign(data + sha256(seen).digest())),
        }
        if self.remembers:
            response["userHandle"] = _text(made.handle)
        return _answer(made.id, response, {})

    @property
    def root(self) -> bytes:
        """The certificate, in PEM, that its ``packed`` attestations end in."""
        return _certificate(self._root_key(), self._root_key(), name="Soft authenticators", model=None).public_bytes(Encoding.PEM)

    def _root_key(self) -> Any:
        if self._authority is None:
            self._authority = p256(self.entropy(32))
        return self._authority

    def _data(self, domain: str, attested: bytes = b"") -> bytes:
        flags = self.present | self.verified << 2 | self.backup_eligible << 3 | self.backed_up << 4 | bool(attested) << 6
        return sha256(domain.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big") + attested

    def _statement(self, key: SoftKey, data: bytes, seen: bytes) -> tuple[str, dict[str, Any]]:
        signed = data + sha256(seen).digest()
        if self.attestation == "none":
            return "none", {}
        if self.attestation == "self":
            return "packed", {"alg": key.cose()[3], "sig": key.sign(signed)}
        model = UUID(self.certified_model or self.model)
        batch = key_of(-7, self.entropy(32))
        leaf = _certificate(batch.private, self._root_key(), name="Soft batch 1", model=model)  # type: ignore[attr-defined]
        return "packed", {"alg": -7, "sig": batch.sign(signed), "x5c": [leaf.public_bytes(Encoding.DER)]}


def cbor(item: Any) -> bytes:
    """The CBOR of a value, as CTAP 2 writes it."""
    match item:
        case bool():
            return b"\xf5" if item else b"\xf4"
        case int():
            return _head(0, item) if item >= 0 else _head(1, -1 - item)
        case bytes():
            return _head(2, len(item)) + item
        case str():
            return _head(3, len(item.encode())) + item.encode()
        case list():
            return _head(4, len(item)) + b"".join(map(cbor, item))
        case dict():
            return _head(5, len(item)) + b"".join(cbor(key) + cbor(value) for key, value in item.items())
        case _:
            raise TypeError(type(item).__name__)


def _head(kind: int, value: int) -> bytes:
    if value < 24:
        return bytes([kind << 5 | value])
    short = next(short for short, bits in ((24, 8), (25, 16), (26, 32), (27, 64)) if value < 1 << bits)
    return bytes([kind << 5 | short]) + value.to_bytes(1 << short - 24, "big")


def _client(kind: str, challenge: str, origin: str, other: Mapping[str, Any]) -> bytes:
    seen = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False, **other}
    return json.dumps(seen, separators=(",", ":")).encode()


def _answer(one: bytes, response: dict[str, Any], extensions: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": _text(one),
        "rawId": _text(one),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "response": response,
        "clientExtensionResults": extensions,
    }


def _certificate(key: Any, signer: Any, *, name: str, model: UUID | None) -> x509.Certificate:
    oid = x509.NameOID
    issuer = x509.Name([x509.NameAttribute(oid.COMMON_NAME, "Soft authenticators")])
    subject = [
        x509.NameAttribute(oid.COUNTRY_NAME, "XX"),
        x509.NameAttribute(oid.ORGANIZATION_NAME, "acctsec"),
        x509.NameAttribute(oid.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
        x509.NameAttribute(oid.COMMON_NAME, name),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer if model is None else x509.Name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1 if model is None else 2)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 12, 31, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=model is None, path_length=None), critical=True)
    )
    if model is not None:
        extension = x509.UnrecognizedExtension(_MODEL_EXTENSION, b"\x04\x10" + model.bytes)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, SHA256(), ecdsa_deterministic=True)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
