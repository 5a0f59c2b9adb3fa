"""
What browsers answer, read strictly and within bounds, before anything is believed.

Everything has one spelling: base64url without padding, JSON without a key twice, CBOR as CTAP 2 writes it. What is read
here answers None for whatever else comes.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from acctsec._values import Value
from acctsec.mfa.passkeys.cbor import Item, Malformed, decode
from acctsec.protocols import MAX_NAME_BYTES, PasskeyResponse

MAX_BYTES = 16 * 1024
MAX_ID_BYTES = 255
"""Of a credential id. Level 3 section 4 allows 1,023; U2F has one byte for the length, and a record is bounded."""

MAX_CERTIFICATES = 5

TRANSPORTS = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED, EXTENDED = 1, 4, 8, 16, 64, 128
"""Flags of authenticator data (Level 3 section 6.1)."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class Client(Value, frozen=True):
    """What the browser says it saw. *raw* is what was signed."""

    raw: bytes
    type: str
    challenge: str
    origin: str
    framed: bool


class New(Value, frozen=True):
    """A credential that was just made."""

    aaguid: bytes
    id: bytes
    key: dict[int | str, Item]


class Authenticator(Value, frozen=True):
    """What the authenticator says. *raw* is what it signed."""

    raw: bytes
    rp: bytes
    flags: int
    counter: int
    new: New | None

    def has(self, flag: int) -> bool:
        """Whether a flag is set."""
        return bool(self.flags & flag)


class Statement(Value, frozen=True):
    """How a new credential is vouched for. *raw* is the whole attestation object."""

    raw: bytes
    format: str
    certificates: tuple[bytes, ...]


class Registration(Value, frozen=True):
    """The answer of ``navigator.credentials.create``."""

    id: bytes
    client: Client
    authenticator: Authenticator
    new: New
    statement: Statement
    transports: tuple[str, ...]


class Assertion(Value, frozen=True):
    """The answer of ``navigator.credentials.get``."""

    id: bytes
    client: Client
    authenticator: Authenticator
    signature: bytes
    user_handle: bytes | None


def registration(response: PasskeyResponse) -> Registration | None:
    """Read the answer to creation options."""
    try:
        one, inner = _opened(response)
        raw = _bytes(inner.get("attestationObject"))
        item, end = decode(raw)
        if end != len(raw) or not isinstance(item, dict):
            return None
        data, form, statement = item.get("authData"), item.get("fmt"), item.get("attStmt")
        if not isinstance(data, bytes) or not isinstance(form, str) or not isinstance(statement, dict):
            return None
        authenticator = _authenticator(data)
        if authenticator.new is None or authenticator.new.id != one:
            return None
        return Registration(
            one,
            _client(inner.get("clientDataJSON")),
            authenticator,
            authenticator.new,
            Statement(raw, form, _certificates(statement.get("x5c"))),
            _transports(inner.get("transports")),
        )
    except Malformed:
        return None


def assertion(response: PasskeyResponse) -> Assertion | None:
    """Read the answer to request options."""
    try:
        one, inner = _opened(response)
        return Assertion(
            one,
            _client(inner.get("clientDataJSON")),
            _authenticator(_bytes(inner.get("authenticatorData"))),
            _bytes(inner.get("signature")),
            _handle(inner.get("userHandle")),
        )
    except Malformed:
        return None


def credential_of(response: PasskeyResponse) -> tuple[bytes, bytes | None] | None:
    """The passkey and the user handle that a response says it is from."""
    try:
        one, inner = _opened(response)
        return one, _handle(inner.get("userHandle"))
    except Malformed:
        return None


def base64url(raw: bytes) -> str:
    """Bytes as browsers write them."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _opened(response: object) -> tuple[bytes, Mapping[str, Any]]:
    """The credential id, and the part that differs by ceremony; all its texts together are within bounds."""
    outer = _json(response) if isinstance(response, str) else response
    if not isinstance(outer, Mapping) or outer.get("type") != "public-key" or outer.get("id") != outer.get("rawId"):
        raise Malformed
    inner = outer.get("response")
    if not isinstance(inner, Mapping) or sum(len(text) for text in inner.values() if isinstance(text, str)) > MAX_BYTES:
        raise Malformed
    one = _bytes(outer.get("id"))
    if not 0 < len(one) <= MAX_ID_BYTES:
        raise Malformed
    return one, inner


def _json(text: str | bytes) -> Any:
    if len(text) > MAX_BYTES:
        raise Malformed
    try:
        # From text: from bytes the parser would take UTF-16 as well.
        return _JSON.decode(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise Malformed from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed
    return found


def _refuse(_: str) -> None:
    raise Malformed


def _number(_: str) -> None:
    """No number of a response means anything here, and a long one takes long to read."""


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse, parse_int=_number, parse_float=_number)


def _bytes(text: object) -> bytes:
    """Decode one spelling: the alphabet, no padding, no bits left over."""
    if not isinstance(text, str) or len(text) > MAX_BYTES or not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise Malformed
    raw = urlsafe_b64decode(f"{text}{'=' * (-len(text) % 4)}")
    if len(text) % 4 and base64url(raw) != text:
        raise Malformed
    return raw


def _handle(text: object) -> bytes | None:
    if text is None:
        return None
    handle = _bytes(text)
    if not 0 < len(handle) <= MAX_NAME_BYTES:
        raise Malformed
    return handle


def _client(text: object) -> Client:
    raw = _bytes(text)
    found = _json(raw)
    if not isinstance(found, dict):
        raise Malformed
    kind, challenge, origin = found.get("type"), found.get("challenge"), found.get("origin")
    if not isinstance(kind, str) or not isinstance(challenge, str) or not isinstance(origin, str):
        raise Malformed
    framed = found.get("crossOrigin", False) is not False or found.get("topOrigin") is not None
    return Client(raw, kind, challenge, origin, framed)


def _authenticator(raw: bytes) -> Authenticator:
    if len(raw) < 37:
        raise Malformed
    flags, at, new = raw[32], 37, None
    if flags & ATTESTED:
        new, at = _new(raw, at)
    if flags & EXTENDED:
        extensions, at = decode(raw, at)
        if not isinstance(extensions, dict):
            raise Malformed
    if at != len(raw):
        raise Malformed
    return Authenticator(raw, raw[:32], flags, int.from_bytes(raw[33:37], "big"), new)


def _new(raw: bytes, at: int) -> tuple[New, int]:
    size = int.from_bytes(raw[at + 16 : at + 18], "big")
    begin = at + 18
    if not 0 < size <= MAX_ID_BYTES or begin + size > len(raw):
        raise Malformed
    key, end = decode(raw, begin + size)
    if not isinstance(key, dict):
        raise Malformed
    return New(raw[at : at + 16], raw[begin : begin + size], key), end


def _certificates(given: object) -> tuple[bytes, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MAX_CERTIFICATES:
        raise Malformed
    found = [one for one in given if isinstance(one, bytes)]
    if len(found) < len(given):
        raise Malformed
    return tuple(found)


def _transports(given: object) -> tuple[str, ...]:
    """Those known today; a browser may name others, and they would only be shown to browsers again."""
    if not isinstance(given, list | tuple) or len(given) > 16:
        return ()
    return tuple(sorted({one for one in given if isinstance(one, str) and one in TRANSPORTS}))
