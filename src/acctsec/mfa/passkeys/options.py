"""
What a browser is asked for: options as ``PublicKeyCredential.parseCreationOptionsFromJSON`` and its sister read them.

All of it is plain JSON. The platform hands it to its page as it is; only *mediation* is the page's own affair.
"""

from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable
from typing import Any

from acctsec.errors import ConfigError
from acctsec.mfa.passkeys.policy import PasskeyPolicy
from acctsec.protocols import MAX_NAME_BYTES, Attestation

Known = Iterable[tuple[bytes, Collection[str]]]
"""Passkeys of a subject: the id of each, and the transports it was registered with."""


def user_handle(subject: str) -> bytes:
    """
    What an authenticator keeps of an account: its subject in UTF-8, 1 to 64 bytes (Level 3 section 5.4.3).

    So a discoverable sign-in finds its account without an index. The subject is an opaque id by contract: never an address.
    """
    try:
        handle = subject.encode()
    except UnicodeEncodeError:
        handle = b""
    if not 0 < len(handle) <= MAX_NAME_BYTES or not subject.isprintable():
        message = f"The subject is not printable text of 1 to {MAX_NAME_BYTES} bytes, and a passkey could not name it."
        raise ConfigError(message, remedy="Use a short opaque id.")
    return handle


def subject_of(handle: bytes | None) -> str | None:
    """
    The subject that a user handle names, or None where it names none. Anybody may have written it, and the platform's table is
    asked for it: what does not print is no subject.
    """
    if handle is None or not 0 < len(handle) <= MAX_NAME_BYTES:
        return None
    try:
        subject = handle.decode()
    except UnicodeDecodeError:
        return None
    return subject if subject.isprintable() else None


def creation_options(
    policy: PasskeyPolicy,
    *,
    challenge: bytes,
    subject: str,
    account: str,
    display: str,
    exclude: Known = (),
    discoverable: bool = False,
) -> dict[str, Any]:
    """
    Ask for a new passkey.

    *account* is what the picker of a browser shows to tell two accounts apart, *display* a friendlier name; neither is stored
    here. *exclude* lists the passkeys the subject has: an authenticator that holds one makes no second. With *discoverable*
    the passkey has to work without a name typed; without, authenticators do it where they can.
    """
    return {
        "rp": {"id": policy.rp_id, "name": policy.rp_name},
        "user": {"id": _text(user_handle(subject)), "name": account, "displayName": display},
        "challenge": _text(_checked(challenge)),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in policy.algorithms],
        "timeout": _milliseconds(policy),
        "excludeCredentials": _descriptors(exclude),
        "authenticatorSelection": {
            "residentKey": "required" if discoverable else "preferred",
            "requireResidentKey": discoverable,
            "userVerification": policy.user_verification.value,
        },
        "hints": [hint.value for hint in policy.hints],
        "attestation": "direct" if policy.attestation is Attestation.VERIFY else "none",
        "extensions": {"credProps": True},
    }


def request_options(policy: PasskeyPolicy, *, challenge: bytes, allow: Known = ()) -> dict[str, Any]:
    """
    Ask for a signature by one of the passkeys in *allow*.

    With none named, any passkey of this service will do: for a button that asks for no name, and for the autofill of a
    name field (*mediation* "conditional"). Name some only to whoever has proven something already: a list tells a stranger
    who has an account (Level 3 section 14.6.2).
    """
    return {
        "challenge": _text(_checked(challenge)),
        "timeout": _milliseconds(policy),
        "rpId": policy.rp_id,
        "allowCredentials": _descriptors(allow),
        "userVerification": policy.user_verification.value,
        "hints": [hint.value for hint in policy.hints],
    }


def _checked(challenge: bytes) -> bytes:
    if type(challenge) is not bytes or not 16 <= len(challenge) <= 64:
        raise ConfigError("The challenge is not 16 to 64 bytes.", remedy="Draw 32 (Level 3 section 13.4.3 wants 16 at least).")
    return challenge


def _milliseconds(policy: PasskeyPolicy) -> int:
    return int(policy.timeout.total_seconds() * 1000)


def _descriptors(known: Known) -> list[dict[str, Any]]:
    return [{"type": "public-key", "id": _text(one), "transports": list(transports)} for one, transports in known]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
