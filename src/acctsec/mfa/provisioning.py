"""
Authenticators that others set up, read from their otpauth URIs: all of it as it should be, or none of it.

The parameters come from somebody else and decide what codes we compute ever after, so they are judged before they are used
(museum M-127): form, secret and counter within our own bounds, nothing twice, nothing that we do not know.
"""

import base64
import re
from datetime import timedelta
from enum import StrEnum
from urllib.parse import unquote, unquote_plus

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.mfa.otp import CLASSIC, LAST_COUNT, MAX_SECRET_BYTES, MIN_SECRET_BYTES, Algorithm, OtpForm, base32
from acctsec.outcomes import UriFlaw

MAX_CHARACTERS = 1_024
MAX_NAME = 254  # an e-mail address: RFC 5321 section 4.5.3.1.3

_SHAPE = re.compile(r"otpauth://(totp|hotp)/([!-\"$->@-~]+)\?([!-\"$->@-~]+)")
_ENCODED = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_KNOWN = frozenset(["secret", "issuer", "algorithm", "digits", "period", "counter", "image"])


class OtpKind(StrEnum):
    """What a code is made of: the time, or a counter."""

    TOTP = "totp"
    HOTP = "hotp"


@frozen(kw_only=True)
class Provisioning:
    """An authenticator as its URI describes it. *counter* is the first that may be used, and 0 for TOTP."""

    kind: OtpKind
    secret: bytes = field(repr=False)
    form: OtpForm
    counter: int
    issuer: str
    account: str = field(repr=False)


@frozen
class UnreadableUri:
    """The text is no otpauth URI that can be used. It is not repeated here: there may be a secret in it."""

    flaw: UriFlaw


def read_uri(text: object) -> Provisioning | UnreadableUri:
    """
    What an otpauth URI describes, or why it cannot be used; never an exception, whatever is given.

    Refused are: more than 1,024 characters or other than ASCII ones; a secret that is not base32, or not of 128 to 1,024
    bits; any form that ``OtpForm`` refuses; a parameter that comes twice, is empty, belongs to the other kind or is not known
    (``encoder=steam`` makes other codes; ``image`` alone is passed over); an issuer that label and parameter name differently.
    """
    if type(text) is not str or len(text) > MAX_CHARACTERS or not text.isascii():
        return UnreadableUri(UriFlaw.SHAPE)
    parts = _SHAPE.fullmatch(text)
    if parts is None:
        return UnreadableUri(UriFlaw.SHAPE)
    label, given = _label(parts[2]), _parameters(parts[3])
    if given is None or ("period" if parts[1] == OtpKind.HOTP else "counter") in given:
        return UnreadableUri(UriFlaw.PARAMETER)
    if label is None or (label[0] and given.get("issuer", label[0]) != label[0]):
        return UnreadableUri(UriFlaw.LABEL)
    return _judged(OtpKind(parts[1]), given, issuer=given.get("issuer", label[0]), account=label[1])


def _judged(kind: OtpKind, given: dict[str, str], *, issuer: str, account: str) -> Provisioning | UnreadableUri:
    if issuer and not _is_name(issuer):
        return UnreadableUri(UriFlaw.LABEL)
    secret = _secret(given.get("secret", ""))
    if secret is None:
        return UnreadableUri(UriFlaw.SECRET)
    form = _form(given)
    if form is None:
        return UnreadableUri(UriFlaw.FORM)
    counter = _number(given.get("counter", "0" if kind is OtpKind.TOTP else ""))
    if counter is None or counter > LAST_COUNT:
        return UnreadableUri(UriFlaw.COUNTER)
    return Provisioning(kind=kind, secret=secret, form=form, counter=counter, issuer=issuer, account=account)


def _label(encoded: str) -> tuple[str, str] | None:
    """Issuer, empty where none is named, and account. The colon between them may be encoded, and neither has one in it."""
    label = _decoded(encoded)
    if label is None:
        return None
    issuer, colon, account = label.rpartition(":")
    account = account.lstrip(" ") if colon else account
    return (issuer, account) if _is_name(account) and (_is_name(issuer) or not colon) else None


def _parameters(encoded: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for one in encoded.split("&"):
        name, _, written = one.partition("=")
        value = _decoded(written, plus=name == "issuer")
        if name not in _KNOWN or name in found or not value:
            return None
        found[name] = value
    return found


def _decoded(encoded: str, *, plus: bool = False) -> str | None:
    """What percent signs stand for, or None where they stand for nothing; in an issuer a plus may be a space."""
    if _ENCODED.fullmatch(encoded) is None:
        return None
    try:
        return (unquote_plus if plus else unquote)(encoded, errors="strict")
    except UnicodeDecodeError:
        return None


def _is_name(value: str) -> bool:
    return 0 < len(value) <= MAX_NAME and value.isprintable() and ":" not in value


def _secret(encoded: str) -> bytes | None:
    """The bytes of base32: either case, padded in full or not at all, no stray bits."""
    bare = encoded.rstrip("=").upper()
    padding = -len(bare) % 8
    if not encoded.isascii() or len(encoded) - len(bare) not in {0, padding}:  # a long s has S for its capital
        return None
    try:
        found = base64.b32decode(bare + "=" * padding)
    except ValueError:
        return None
    return found if MIN_SECRET_BYTES <= len(found) <= MAX_SECRET_BYTES and base32(found) == bare else None


def _form(given: dict[str, str]) -> OtpForm | None:
    digits, period = (_number(given.get(name, default)) for name, default in (("digits", "6"), ("period", "30")))
    if digits is None or period is None or period > 60:
        return None
    try:
        algorithm = Algorithm(given.get("algorithm", CLASSIC.algorithm))
        return OtpForm(algorithm=algorithm, digits=digits, period=timedelta(seconds=period))
    except (ConfigError, ValueError):
        return None


def _number(written: str) -> int | None:
    """One spelling a number: no sign, no leading zero."""
    return int(written) if _NUMBER.fullmatch(written) else None
