"""Keycloak's two JSON columns, joined into one string."""

import json
import re
from typing import ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation
from acctsec.hashing.foreign.pbkdf2 import Pbkdf2Format, derivation

_KINDS = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_VERSIONS = {"1.0": 16, "1.3": 19}
_MAX_JSON = 4_096


@frozen(kw_only=True)
class Keycloak(Pbkdf2Format):
    """
    PBKDF2 of Keycloak as ``$keycloak$pbkdf2-sha256$<iterations>$<salt>$<tag>``, which ``join`` makes of an export.

    Tags have the length they have, 16 to 64 bytes: Keycloak wrote 64 of SHA-256 for years. Its iterations default to
    27,500, which were SHA-256's until Keycloak 24.
    """

    name: ClassVar[str] = "keycloak-pbkdf2"
    iterations: int = field(default=27_500, validator=whole(1, 100_000_000))

    @staticmethod
    def join(*, credential_data: str, secret_data: str) -> str:
        """
        Make one string of ``credentialData`` and ``secretData`` of an export or of the table CREDENTIAL.

        PBKDF2 becomes a string for ``Keycloak``, Argon2 one for ``KeycloakArgon2``; whether its cost is acceptable is
        ``reads``' question. Raises ConfigError, without showing either, for JSON that is not Keycloak's, and for other
        algorithms.
        """
        credential, secret = _object(credential_data), _object(secret_data)
        algorithm, iterations = credential.get("algorithm"), credential.get("hashIterations")
        value, salt = secret.get("value"), secret.get("salt")
        if not isinstance(algorithm, str) or algorithm not in {*_KINDS, "argon2"} or type(iterations) is not int:
            raise ConfigError("credentialData is not of PBKDF2 or Argon2.", remedy="Give the column CREDENTIAL_DATA as it is.")
        if not 1 <= iterations < 1_000_000_000 or not isinstance(value, str) or not isinstance(salt, str):
            raise ConfigError("secretData has no value and salt.", remedy="Give the column SECRET_DATA as it is.")
        cost = _argon2(credential, iterations) if algorithm == "argon2" else f"{algorithm}${iterations}"
        return f"$keycloak${cost}${salt}${value}"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, _, text = stored.rpartition("$")
        tag = b64_bytes(text)
        return None if tag is None else (f"{settings}${len(tag)}", tag)

    def _derivation(self, settings: str) -> Derivation | None:
        grammar = r"\$keycloak\$(pbkdf2(?:-sha256|-sha512)?)\$([1-9][0-9]{0,8})\$([A-Za-z0-9+/=]{4,88})\$([1-9][0-9])"
        match = re.fullmatch(grammar, settings)
        if match is None or int(match[2]) > self.max_iterations or not 16 <= int(match[4]) <= 64:
            return None
        salt = b64_bytes(match[3])
        return None if salt is None else derivation(_KINDS[match[1]], salt, int(match[2]), int(match[4]))

    def decoy(self) -> str:
        """One of SHA-256 at *iterations*, with a tag of 64 bytes."""
        return f"$keycloak$pbkdf2-sha256${self.iterations}${b64(bytes(range(16)))}${b64(bytes(range(64)))}"


def _argon2(credential: dict[str, object], iterations: int) -> str:
    more = credential.get("additionalParameters")
    given = [more.get(name) for name in ("type", "version", "memory", "parallelism")] if isinstance(more, dict) else []
    # Every one is a list of one text.
    texts = [one[0] for one in given if isinstance(one, list) and len(one) == 1 and isinstance(one[0], str)]
    if len(texts) != 4 or texts[0] not in {"id", "i", "d"} or texts[1] not in _VERSIONS or not all(map(_number, texts[2:])):
        raise ConfigError("additionalParameters are not of Argon2.", remedy="Give the column CREDENTIAL_DATA as it is.")
    return f"argon2{texts[0]}$v={_VERSIONS[texts[1]]}$m={texts[2]},t={iterations},p={texts[3]}"


def _number(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,9}", text) is not None


def _object(text: str) -> dict[str, object]:
    try:
        read = json.loads(text) if len(text) <= _MAX_JSON else None
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise ConfigError("This is no JSON object, or too long a one.", remedy="Give Keycloak's columns as they are.")
    return read
