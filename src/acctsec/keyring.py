"""
Sealing, keyed digests, and the rotation of the keys behind them.

Sealing is AES-256-SIV (RFC 5297) with a random 128-bit nonce and the purpose and every bound value as associated
data. It is misuse-resistant: even a repeated nonce tells only that two equal texts are equal. Its bound of
2**48 messages a key lasts 89 years at 10**5 seals a second (docs/decisions/0002).
"""

import base64
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from acctsec import _ports
from acctsec.errors import ConfigError
from acctsec.protocols import Entropy

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 32
_URLSAFE = str.maketrans("-_", "+/")
OVERHEAD = 36  # key id 4, nonce 16, tag 16; a multiple of three, so that base64 has no spare bits and one spelling


def frame(*parts: bytes | str) -> bytes:
    """Join parts so that no two different lists of parts give the same bytes."""
    framed = b""
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        framed += len(raw).to_bytes(4, "big") + raw
    return framed


def unframe(framed: bytes) -> list[str]:
    """The parts that were joined, as text; none for what ``frame`` did not make of text."""
    parts, at = [], 0
    while at < len(framed):
        begin = at + 4
        at = begin + int.from_bytes(framed[at:begin], "big")
        parts.append(framed[begin:at])
    try:
        return [part.decode() for part in parts] if frame(*parts) == framed else []
    except UnicodeDecodeError:
        return []


class Keyring:
    """
    The secrets of one deployment: *sealing* keys, newest first, and *index* keys, newest first.

    The first sealing key seals; all of them open. A key that is taken out kills exactly what it sealed. Index keys name
    meters and codes: while there are two, both names are charged, so rotation refills no budget; drop the old one after the
    longest window. Each key is 32 bytes. *generation* is raised by one after records were restored from a backup: it
    ends every session, ticket, link and device token given out before, and nothing that is stored.
    """

    def __init__(
        self, *, sealing: Sequence[bytes], index: Sequence[bytes], generation: int = 0, entropy: Entropy = _ports.entropy
    ) -> None:
        for name, keys in (("sealing", sealing), ("index", index)):
            if not keys or any(type(key) is not bytes or len(key) != KEY_BYTES for key in keys):
                message = f"The {name} keys must be one or more values of exactly {KEY_BYTES} bytes."
                raise ConfigError(message, remedy="Make them with `python -m acctsec keys` and read them with Keyring.from_text.")
            if any(len(set(key)) < 8 for key in keys):
                message = f"A {name} key is not random."
                raise ConfigError(message, remedy="Make keys with `python -m acctsec keys`.")
        if len({*sealing, *index}) != len(sealing) + len(index):
            raise ConfigError("The same key is given twice.", remedy="Every sealing and index key must be its own.")
        self._sealing = tuple(sealing)
        self._index = tuple(hmac.new(_derive(key, "index"), digestmod="sha256") for key in index)
        self._ids = tuple(_derive(key, "key id")[:4] for key in sealing)
        self._siv: dict[bytes, AESSIV] = {}
        self.generation = generation
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._sealing)} sealing and {len(self._index)} index keys>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise ConfigError("A keyring cannot be pickled.", remedy="Build it in each process from its own secrets.")

    @classmethod
    def from_text(cls, text: str, *, generation: int = 0) -> Self:
        """
        Read keys from one secret, such as an environment variable: ``seal:<base64> index:<base64>``, newest first.

        Raises ConfigError for anything else. ``python -m acctsec keys`` prints such a text.
        """
        found: dict[str, list[bytes]] = {"seal": [], "index": []}
        for word in text.split():
            kind, _, encoded = word.partition(":")
            try:
                padded = encoded + "=" * (-len(encoded) % 4)
                # What is no base64 would else be skipped, and a key that was copied badly be another one.
                found[kind].append(base64.b64decode(padded.translate(_URLSAFE), validate=True))
            except (KeyError, ValueError):
                message = "The key text has a part that is not seal:<base64> or index:<base64>."
                raise ConfigError(message, remedy="Make one with `python -m acctsec keys`.") from None
        return cls(sealing=found["seal"], index=found["index"], generation=generation)

    @property
    def index_count(self) -> int:
        """How many index keys are in force: two while they rotate."""
        return len(self._index)

    @property
    def sealing_ids(self) -> tuple[str, ...]:
        """What tells the sealing keys apart, newest first: the beginning of all that each of them sealed, which is no secret."""
        return tuple([key_id.hex() for key_id in self._ids])

    def seal(self, purpose: str, plain: bytes, *bound: bytes | str) -> bytes:
        """Encrypt and authenticate *plain*; it opens only for the same purpose and bound values."""
        key_id = self._ids[0]
        nonce = self._entropy(16)
        sealed: bytes = self._cipher(0).encrypt(plain, [frame(purpose, *bound), nonce])
        return key_id + nonce + sealed

    def open(self, purpose: str, sealed: object, *bound: bytes | str) -> bytes | None:
        """Open what ``seal`` made; None for anything else, without telling why."""
        if type(sealed) is not bytes or len(sealed) <= OVERHEAD:
            return None
        try:
            which = self._ids.index(sealed[:4])
        except ValueError:
            return None
        try:
            plain: bytes = self._cipher(which).decrypt(sealed[20:], [frame(purpose, *bound), sealed[4:20]])
        except _refusal():
            return None
        return plain

    def sealed_by_newest(self, sealed: bytes) -> bool:
        """Whether the newest key sealed this; if not it is due to be sealed again."""
        return sealed[:4] == self._ids[0]

    def digest(self, purpose: str, *parts: bytes | str, key: int = 0) -> bytes:
        """A keyed 32-byte digest under an index key, 0 being the newest."""
        mac = self._index[key].copy()  # under its key already, which is half of the work
        mac.update(frame(purpose, *parts))
        return mac.digest()

    def _cipher(self, which: int) -> "AESSIV":
        key_id = self._ids[which]
        cipher = self._siv.get(key_id)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV

            secret = self._sealing[which]
            cipher = self._siv[key_id] = AESSIV(_derive(secret, "siv mac") + _derive(secret, "siv ctr"))
        return cipher


def new_keys(entropy: Entropy = _ports.entropy) -> str:
    """Fresh keys in the form that ``Keyring.from_text`` reads."""
    words = (f"{kind}:{base64.urlsafe_b64encode(entropy(KEY_BYTES)).decode().rstrip('=')}" for kind in ("seal", "index"))
    return " ".join(words)


def _refusal() -> type[Exception]:
    """What a cipher raises for a text it did not make."""
    from cryptography.exceptions import InvalidTag

    return InvalidTag


def _derive(secret: bytes, label: str) -> bytes:
    return hmac.digest(secret, b"acctsec/1/" + label.encode(), "sha256")
