"""
Everything a subject can prove besides a password: one class a kind, and one tuple of each in the record.

What every kind has: an *id* that is never given again, the *name* its owner gave it, when it was *created*, and, once it was
*reported* lost or compromised, why: it proves nothing from then on, and goes on guarding the account.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import ClassVar, Self

from acctsec._values import evolve
from acctsec.outcomes import FactorKind
from acctsec.record._part import Part
from acctsec.record.limits import MAX_FACTOR_BYTES, MAX_FACTORS
from acctsec.record.seconds import floor


class Totp(Part, frozen=True, kw_only=True, array_like=True):
    """
    One authenticator app. *last_step* is the newest time step that was accepted; steps only go up. *drift* is how many steps
    its clock is known to be off.
    """

    KIND: ClassVar[FactorKind] = FactorKind.TOTP

    id: str
    name: str
    sealed: bytes
    created: datetime
    last_step: int
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30
    drift: int = 0
    reported: str = ""


class Hotp(Part, frozen=True, kw_only=True, array_like=True):
    """One token that counts. *counter* is the next that may be used; it only goes up."""

    KIND: ClassVar[FactorKind] = FactorKind.HOTP

    id: str
    name: str
    sealed: bytes
    created: datetime
    counter: int
    algorithm: str = "SHA1"
    digits: int = 6
    reported: str = ""


class Passkey(Part, frozen=True, kw_only=True, array_like=True):
    """
    One WebAuthn credential: its id, its public *key* (COSE) and what was true of it when it was made.

    *verified*: it has verified its owner. *syncable* never changes; *backed_up* is what was seen last.
    """

    KIND: ClassVar[FactorKind] = FactorKind.PASSKEY

    id: str
    name: str
    credential: bytes
    key: bytes
    created: datetime
    counter: int = 0
    verified: bool = False
    syncable: bool = False
    backed_up: bool = False
    aaguid: bytes = b""
    transports: tuple[str, ...] = ()
    reported: str = ""


class Delivered(Part, frozen=True, kw_only=True, array_like=True):
    """
    An address that codes are sent to, *sealed*, by *channel*: text, voice or mail. *digest* names it as the record names
    addresses.
    """

    KIND: ClassVar[FactorKind] = FactorKind.DELIVERED

    id: str
    name: str
    channel: str
    sealed: bytes
    digest: bytes
    created: datetime
    reported: str = ""

    def named(self, names: Sequence[bytes]) -> bool:
        """Whether one of *names*, of one address under each index key in force, is this one's."""
        return any(compare_digest(self.digest, name) for name in names)


class Push(Part, frozen=True, kw_only=True, array_like=True):
    """An app of the platform that prompts are pushed to; *sealed* is where."""

    KIND: ClassVar[FactorKind] = FactorKind.PUSH

    id: str
    name: str
    sealed: bytes
    created: datetime
    reported: str = ""


class Outside(Part, frozen=True, kw_only=True, array_like=True):
    """A factor that somebody else checks, by what ``MfaPolicy.outside`` calls *method*; *sealed* is what he knows it by."""

    KIND: ClassVar[FactorKind] = FactorKind.OUTSIDE

    id: str
    name: str
    method: str
    sealed: bytes
    created: datetime
    reported: str = ""


Factor = Totp | Hotp | Passkey | Delivered | Push | Outside


class RecoverySet(Part, frozen=True, kw_only=True, array_like=True):
    """The recovery codes of one *generation*: sealed digests, and which of them are used, as bits."""

    generation: int
    sealed: bytes
    total: int
    used: int = 0
    since: datetime | None = None

    @property
    def left(self) -> int:
        """Codes that were not used yet."""
        return self.total - self.used.bit_count()


class Sent(Part, frozen=True, kw_only=True, array_like=True):
    """
    A code that was sent to a *factor* for one *ticket*: a keyed digest of it, good until *expires*. Another one may be asked for
    *again* so many seconds before. *apart*: it went out for more than a password, and none for a password alone takes its place.
    """

    factor: str
    ticket: bytes
    digest: bytes
    expires: datetime
    again: int = 0
    apart: bool = False

    def __post_init__(self) -> None:
        """None is good longer than it was said."""
        floor(self, "expires")


class Prompt(Part, frozen=True, kw_only=True, array_like=True):
    """
    The one prompt that was pushed and not used yet: to a *factor*, for one *ticket*. *digest* is a keyed one of the number that
    has to be typed; *approved* once it was. *tries* are wrong ones; *asker* is the known device, the session or the reset that
    asked, and empty for a stranger.
    """

    id: bytes
    factor: str
    ticket: bytes
    digest: bytes
    expires: datetime
    approved: bool = False
    tries: int = 0
    asker: bytes = b""

    def __post_init__(self) -> None:
        """None is good longer than it was said."""
        floor(self, "expires")


class Factors(Part, frozen=True, kw_only=True, array_like=True):
    """
    Everything the subject can prove besides a password.

    *frozen* is until when nothing is pushed, as a prompt was denied.
    """

    totp: tuple[Totp, ...] = ()
    recovery: RecoverySet | None = None
    generation: int = 0  # of the recovery codes handed out last
    hotp: tuple[Hotp, ...] = ()
    passkeys: tuple[Passkey, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    push: tuple[Push, ...] = ()
    outside: tuple[Outside, ...] = ()
    sent: tuple[Sent, ...] = ()
    prompt: Prompt | None = None
    frozen: datetime | None = None

    def __iter__(self) -> Iterator[Factor]:
        """Every factor, by kind; recovery codes are none."""
        for kind in KINDS:
            yield from getattr(self, kind)

    @property
    def every(self) -> tuple[Factor, ...]:
        """All factors, those reported lost among them."""
        return tuple(self)

    @property
    def usable(self) -> tuple[Factor, ...]:
        """Those that can prove something: not reported lost or compromised."""
        return tuple(one for one in self if not one.reported)

    @property
    def live(self) -> bool:
        """
        Whether a second factor guards this subject; one that was lost does so still. Recovery codes alone do not: they stand in
        for a factor.
        """
        return any(getattr(self, kind) for kind in KINDS)

    def factor(self, factor_id: str) -> Factor | None:
        """The factor of that id."""
        return next((one for one in self if one.id == factor_id), None)

    @property
    def size(self) -> int:
        """How many bytes of the record its factors take at most; see ``MAX_FACTOR_BYTES``."""
        return sum(_size(one) for one in self)

    def has_room_for(self, factor: Factor) -> bool:
        """
        Whether there is room for a factor beside the others, or in place of the one of its id: at most ``MAX_FACTORS``, and
        ``MAX_FACTOR_BYTES`` of them all. Whoever adds a factor or gives it another name asks; use alone makes none larger.
        """
        after = self.with_factor(factor)
        return len(after.every) <= MAX_FACTORS and after.size <= MAX_FACTOR_BYTES

    def with_factor(self, factor: Factor) -> Self:
        """Add a factor, or put it in place of the one of its id. Whether it has room is ``has_room_for``'s to say."""
        kind = KIND_OF[type(factor)]
        present: tuple[Factor, ...] = getattr(self, kind)
        if any(one.id == factor.id for one in present):
            rows = tuple(factor if one.id == factor.id else one for one in present)
        else:
            rows = (*present, factor)
        return evolve(self, **{kind: rows})

    def without_factor(self, factor_id: str) -> Self:
        """Without a factor, and what was sent or pushed to it. With the last one the recovery codes go too."""
        kinds = {kind: tuple(one for one in getattr(self, kind) if one.id != factor_id) for kind in KINDS}
        prompt = None if self.prompt and self.prompt.factor == factor_id else self.prompt
        sent = tuple(one for one in self.sent if one.factor != factor_id)
        left = evolve(self, prompt=prompt, sent=sent, **kinds)
        return left if left.live else evolve(left, recovery=None)

    def resealed(self, anew: Mapping[bytes, bytes]) -> Self:
        """
        The same factors, with what was sealed under an older key, or named under an older index key, in place of the very bytes
        it was made from.
        """
        after = self
        for one in self:
            if not isinstance(one, Passkey) and one.sealed in anew:
                after = after.with_factor(evolve(one, sealed=anew[one.sealed]))
        for each in after.delivered:
            after = after.with_factor(evolve(each, digest=anew.get(each.digest, each.digest)))
        codes = self.recovery and evolve(self.recovery, sealed=anew.get(self.recovery.sealed, self.recovery.sealed))
        return evolve(after, recovery=codes)

    def before(self, instant: datetime) -> Self:
        """Those that were there before an instant. Of codes printed by an older release nobody knows when; they count."""
        kinds = {kind: tuple(one for one in getattr(self, kind) if one.created < instant) for kind in KINDS}
        codes = self.recovery
        recovery = None if codes and codes.since and codes.since >= instant else codes
        return evolve(self, recovery=recovery, sent=(), prompt=None, **kinds)


KINDS = ("totp", "hotp", "passkeys", "delivered", "push", "outside")
KIND_OF: Mapping[type, str] = {
    Totp: "totp",
    Hotp: "hotp",
    Passkey: "passkeys",
    Delivered: "delivered",
    Push: "push",
    Outside: "outside",
}
"""In which tuple of Factors a kind lies."""

_GROWING = frozenset({"counter", "last_step", "drift"})
_NUMBER = 9  # of any size
_INSTANT = 10
_REPORTED = "compromised"  # the longest that can be written there later
_SMALL = 128  # below, a number is one byte
_SHORT_TEXT, _SHORT = 32, 256  # below these a text or some bytes say their length in one byte less


def _size(factor: Factor) -> int:
    """
    How many bytes a factor takes at most, however it is used: its fields in MessagePack, each with what goes before it.

    What grows with use counts as the longest it can become, and a reason for a report as if there were one.
    """
    fixed = (getattr(factor, name) for name in factor.__struct_fields__ if name != "reported" and name not in _GROWING)
    growing = sum(_NUMBER for name in factor.__struct_fields__ if name in _GROWING)
    return 1 + growing + sum(map(_length, fixed)) + _length(max(factor.reported, _REPORTED, key=len))


def _length(value: str | bytes | int | datetime | tuple[str, ...] | None) -> int:
    """Of one field, between the years 1970 and 2514."""
    match value:
        case bool() | None:
            return 1
        case int():
            return 1 if 0 <= value < _SMALL else _NUMBER
        case datetime():
            return _INSTANT
        case str():
            raw = len(value.encode())
            return raw + (1 if raw < _SHORT_TEXT else 2 if raw < _SHORT else 3)
        case bytes():
            return len(value) + (2 if len(value) < _SHORT else 3)
        case tuple():
            return 1 + sum(map(_length, value))
