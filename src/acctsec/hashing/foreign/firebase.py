"""Firebase Authentication's scrypt: what scrypt derives encrypts a key of the project, and the ciphertext is stored."""

import re
from functools import partial
from typing import Any, ClassVar

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.hashing.foreign.encodings import b64, b64_bytes
from acctsec.hashing.foreign.formats import Derivation, Format
from acctsec.hashing.foreign.scrypt import scrypt_of

_SETTINGS = re.compile(r"\$firebase-scrypt\$([A-Za-z0-9+/=]{4,88})\$")


def _key(_: object, attribute: Any, value: Any) -> None:
    raw = b64_bytes(value) if isinstance(value, str) else None
    if raw is None or not 16 <= len(raw) <= 64:
        message = f"{attribute.name} is not the Base64 of 16 to 64 bytes."
        raise ConfigError(message, remedy="Copy base64_signer_key from the console's password hash parameters.")


def _separator(_: object, attribute: Any, value: object) -> None:
    raw = b"" if value == "" else b64_bytes(value) if isinstance(value, str) else None
    if raw is None or len(raw) > 16:
        message = f"{attribute.name} is not the Base64 of at most 16 bytes."
        raise ConfigError(message, remedy="Copy base64_salt_separator from the console's password hash parameters.")


@frozen(kw_only=True)
class FirebaseScrypt(Format):
    """
    Firebase's scrypt as ``$firebase-scrypt$<salt>$<hash>``, which ``join`` makes of an export's two columns.

    The cost is the project's, and no stored string can ask for more. What is wrapped at rest needs *signer_key* still.

    Args:
        signer_key: ``base64_signer_key`` of the console's password hash parameters. A secret, and not shown in any repr.
        salt_separator: ``base64_salt_separator``. Default ``Bw==``, as in Firebase's own example.
        rounds: scrypt's r. Default 8, at most 8.
        mem_cost: log2 of scrypt's N. Default 14, at most 14: 16 MiB.
        share: the proportion of accounts that still have this format. Default: not said; a HashingPolicy wants it said.

    Raises ConfigError for values outside these bounds.
    """

    name: ClassVar[str] = "firebase-scrypt"

    signer_key: str = field(repr=False, validator=_key)
    salt_separator: str = field(default="Bw==", validator=_separator)
    rounds: int = field(default=8, validator=whole(1, 8))
    mem_cost: int = field(default=14, validator=whole(1, 14))

    @staticmethod
    def join(*, password_hash: str, salt: str) -> str:
        """
        Make one string of ``passwordHash`` and ``salt`` of ``firebase auth:export``, or of what the Admin SDK lists.

        The SDK spells Base64 for URLs; both spellings give the same string. Raises ConfigError, without showing either,
        for what is no Base64.
        """
        columns = [column.replace("-", "+").replace("_", "/") for column in (salt, password_hash)]
        if any(b64_bytes(column) is None for column in columns):
            raise ConfigError("This is no Base64.", remedy="Give passwordHash and salt as they were exported.")
        return f"$firebase-scrypt${columns[0]}${columns[1]}"

    def _split(self, stored: str) -> tuple[str, bytes] | None:
        settings, dollar, text = stored.rpartition("$")
        tag, key = b64_bytes(text), b64_bytes(self.signer_key)
        return None if tag is None or key is None or len(tag) != len(key) else (settings + dollar, tag)

    def _derivation(self, settings: str) -> Derivation | None:
        match = _SETTINGS.fullmatch(settings)
        salt, key = None if match is None else b64_bytes(match[1]), b64_bytes(self.signer_key)
        if salt is None or key is None:
            return None
        separator = b64_bytes(self.salt_separator) or b""
        return partial(_encrypted, salt=salt + separator, n=1 << self.mem_cost, r=self.rounds, key=key)

    def decoy(self) -> str:
        """One of the project's cost."""
        key = b64_bytes(self.signer_key) or b""
        return f"$firebase-scrypt${b64(bytes(range(10)))}${b64(bytes(range(len(key))))}"


def _encrypted(password: bytes, *, salt: bytes, n: int, r: int, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    derived = scrypt_of(password, salt=salt, n=n, r=r, p=1, tag_bytes=32)
    encryptor = Cipher(AES(derived), CTR(bytes(16))).encryptor()
    return encryptor.update(key) + encryptor.finalize()
