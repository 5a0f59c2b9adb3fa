"""Which hashes are made, which are believed, and when one is replaced. Pure: the salt is an argument."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from functools import partial
from hmac import compare_digest
from itertools import accumulate
from typing import TYPE_CHECKING, cast

from argon2.exceptions import HashingError
from attrs import field, frozen

from acctsec.errors import ConfigError, PortError
from acctsec.hashing.argon2id import derive
from acctsec.hashing.parameters import OWASP, Argon2Parameters
from acctsec.hashing.phc import MAX_BYTES, MIN_SALT, MIN_TAG, Argon2Hash, parse
from acctsec.hashing.wrapped import WrappedHash, unwrap

if TYPE_CHECKING:
    from acctsec.hashing.foreign.formats import ForeignFormat, WrappableFormat

OWN = "argon2id"
WRAPPED = "wrapped-"
"""In front of a format's name: its hashes that lie inside an Argon2id hash."""

_CEILING = Argon2Parameters(memory_kib=262_144, time_cost=10, parallelism=16)
MOST_BYTES = 32  # of a salt or tag that is made: a full record holds 25 hashes and has 16 KiB
_DECOY = bytes(range(MAX_BYTES))
_ABILITIES = ("reads", "verify", "decoy")
_ABILITIES_TO_WRAP = ("settings", "tag", "derives", "derive")
_ROUNDING = 1e-3  # of shares that were printed with four digits


class Comparison(Enum):
    """What became of comparing a password with a stored hash. Three answers, so that none passes for another."""

    MATCHED = "matched"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"  # not a hash this policy computes: damaged, unlisted, below the floor or above the ceiling


def _alternatives(given: Argon2Parameters | tuple[Argon2Parameters, ...]) -> tuple[Argon2Parameters, ...]:
    return (given,) if isinstance(given, Argon2Parameters) else tuple(given)


def _formats(given: "Iterable[ForeignFormat]") -> "tuple[ForeignFormat, ...]":
    if not isinstance(given, Iterable):
        raise ConfigError("foreign is not a sequence of formats.", remedy="Give foreign=(Bcrypt(), ...).")
    return tuple(given)


@frozen(kw_only=True)
class HashingPolicy:
    """
    How passwords are hashed, and how much of the machine that may take.

    Args:
        memory_kib, time_cost, parallelism: the cost of new hashes. Default 19,456 KiB (19 MiB), 2 and 1, the least that
            OWASP's Password Storage Cheat Sheet asks for. One lane, because more help one caller and cost the server.
        salt_bytes: of the random salt beside each hash. Default 16 (RFC 9106 section 3.1), at most 32.
        tag_bytes: of the hash itself. Default 32 (SP 800-63B-4 section 3.1.1.2 wants the native length; Argon2 tags of 256
            bits), 16 to 32.
        floor: the least costly stored hash that is believed, as one or several alternatives. Default ``OWASP``. Only
            tests have a reason to lower it: a hash below it is refused, however right the password.
        ceiling: the costliest stored hash that is computed, so that an imported row cannot take the machine down.
            Default 256 MiB, 10 passes, 16 lanes: above everything peers ship for sign-in (libsodium MODERATE 256 MiB and
            3, RFC 9106's second choice 64 MiB, 3 and 4, Django 100 MiB, 2 and 8), and below 3 s of one core as measured.
        foreign: formats of other systems that are verified as well, bare and wrapped, and replaced when their owner signs in.
            Asked in this order. Each has to say its share of the accounts: so many unknown subjects get its decoy, or the
            work would tell who exists; ``acctsec rewrap`` counts them. Default: none.
        permits: hashes computed at once; memory is bounded by permits * memory_kib, or by permits * the costliest hash that is
            stored, up to *ceiling*. Default None: one a core, since more gain nothing.
        queue: hashes that may wait for a permit. Default 128: about what two cores do within ``patience``.
        patience: how long one may wait before it is refused. Default 2 s, a wait a person still takes for slow.

    Raises ConfigError for values outside these bounds, where floor, cost and ceiling contradict each other, where two
    formats have one name, one does not say its share, or all shares together are more than 1.
    """

    memory_kib: int = 19_456
    time_cost: int = 2
    parallelism: int = 1
    salt_bytes: int = 16
    tag_bytes: int = 32
    floor: tuple[Argon2Parameters, ...] = field(default=OWASP, converter=_alternatives)
    ceiling: Argon2Parameters = _CEILING
    foreign: "tuple[ForeignFormat, ...]" = field(default=(), converter=_formats)
    permits: int | None = None
    queue: int = 128
    patience: timedelta = timedelta(seconds=2)

    def __attrs_post_init__(self) -> None:
        _whole("salt_bytes", self.salt_bytes, MIN_SALT, MOST_BYTES)
        _whole("tag_bytes", self.tag_bytes, MIN_TAG, MOST_BYTES)
        _whole("queue", self.queue, 0, 10_000)
        if self.permits is not None:
            _whole("permits", self.permits, 1, 1_024)
        if not isinstance(self.patience, timedelta) or not timedelta() < self.patience <= timedelta(minutes=1):
            raise ConfigError(f"patience is {self.patience!r}.", remedy="Give a timedelta above 0, at most one minute.")
        if not self.floor or not all(isinstance(one, Argon2Parameters) for one in self.floor):
            raise ConfigError("floor is not made of Argon2Parameters.", remedy="Give one or several, or leave it at OWASP.")
        if not isinstance(self.ceiling, Argon2Parameters):
            raise ConfigError("ceiling is not Argon2Parameters.", remedy="Give the costliest that may be computed.")
        if not any(self.parameters.reaches(one) for one in self.floor):
            message = f"New hashes of {self.memory_kib} KiB and {self.time_cost} passes would be below the floor."
            raise ConfigError(message, remedy="Raise memory_kib or time_cost; in tests lower floor as well.")
        if not self.parameters.within(self.ceiling):
            message = f"New hashes of {self.memory_kib} KiB and {self.time_cost} passes would be above the ceiling."
            raise ConfigError(message, remedy="Raise ceiling, knowing that every sign-in may then cost that much.")
        self._check_foreign()

    def _check_foreign(self) -> None:
        for one in self.foreign:
            if isinstance(one, type) or not all(callable(getattr(one, name, None)) for name in _ABILITIES):
                raise ConfigError(f"{one!r} is not a format.", remedy="Give values of acctsec.hashing.foreign, such as Bcrypt().")
            share = one.share
            if share is None or type(share) not in {int, float} or not 0 <= share <= 1:
                message = f"What proportion of the accounts has {one.name} is not said."
                raise ConfigError(message, remedy="Give share=, from 0 to 1: `python -m acctsec rewrap` counts them.")
            if not one.reads(one.decoy()):
                raise ConfigError(f"The decoy of {one.name} cannot be read.", remedy="Let decoy() be what reads() accepts.")
        names = [one.name for one in self.foreign]
        if len({*names, OWN}) <= len(names):
            raise ConfigError(f"Two of {', '.join(names)} have one name.", remedy="List each format once.")
        if sum(one.share or 0 for one in self.foreign) > 1 + _ROUNDING:
            raise ConfigError("The shares of the foreign formats are more than 1.", remedy="Give proportions of all accounts.")

    @property
    def parameters(self) -> Argon2Parameters:
        """The cost of new hashes."""
        return Argon2Parameters(self.memory_kib, self.time_cost, self.parallelism)

    def hash(self, password: str, *, salt: bytes) -> str:
        """
        Hash a prepared *password* with a fresh random *salt* into a PHC string.

        Raises ConfigError for a salt of the wrong length, PortError when Argon2 gets no memory.
        """
        if len(salt) != self.salt_bytes:
            raise ConfigError(f"The salt has {len(salt)} bytes.", remedy=f"Draw {self.salt_bytes} random bytes for every hash.")
        secret = password.encode("utf-8", "surrogatepass")  # lone surrogates were refused long before, and do not raise here
        return str(Argon2Hash(self.parameters, salt, self._derive(secret, salt, self.parameters, self.tag_bytes)))

    def verify(self, stored: str, password: str) -> Comparison:
        """
        Compare a prepared *password* with a stored hash.

        What this policy does not compute is not computed: a hash it cannot read, or outside floor and ceiling, answers
        UNREADABLE after one verification of ``decoy()``, so that the answer takes as long as any other. So does one whose
        format raises. Raises PortError when Argon2 gets no memory.
        """
        found = self._found(stored)
        try:
            matched = found is not None and found[1](password)
        except PortError:
            raise
        except Exception:  # noqa: BLE001 - a format of the platform may raise anything, with the password in its message
            found = None
        if found is None:
            self._matches(self._decoy(), password)
            return Comparison.UNREADABLE
        return Comparison.MATCHED if matched else Comparison.DIFFERENT

    def spend(self, stored: str, password: str) -> None:
        """
        Do the work of ``verify`` and tell nothing: for what must not be compared, and yet take as long.

        *stored* is a decoy where there is no hash, and the hash itself where its lane has stopped: another one could cost more
        or less, and so tell an outsider that there is one.
        """
        HashingPolicy.verify(self, stored, password)

    def reads(self, stored: str) -> bool:
        """Whether ``verify`` computes this stored hash, and would not call it UNREADABLE however right the password."""
        return self._found(stored) is not None

    def scheme(self, stored: str) -> str | None:
        """The name of what made a stored hash, ``argon2id`` for one like our own; None for one that is not read."""
        found = self._found(stored)
        return None if found is None else found[0]

    def needs_rehash(self, phc: str) -> bool:
        """
        Whether a new hash would be stronger than *phc*; never proposes a weaker one.

        Strength is ordered by ``Argon2Parameters.traffic``, then by the lengths of tag and salt; every foreign hash is
        below. False for what cannot be read: nobody can prove its password, so nothing may replace it.
        """
        stored = parse(phc)
        if stored is None or (not self._accepts(stored.parameters) and self.scheme(phc) is not None):
            return self.reads(phc)  # by another format
        cost, wanted = stored.parameters.traffic, self.parameters.traffic
        shorter = len(stored.tag) < self.tag_bytes or len(stored.salt) < self.salt_bytes
        longer = len(stored.tag) > self.tag_bytes or len(stored.salt) > self.salt_bytes
        return cost < wanted or (cost == wanted and shorter and not longer)

    # --- wrapping at rest ---

    def wraps(self, stored: str) -> bool:
        """Whether ``wrap`` takes this stored hash: a bare one of a foreign format whose tags can be hashed again."""
        return self._wrapping(stored) is not None

    def wrap(self, stored: str, *, salt: bytes) -> str:
        """
        Hash the tag of a foreign hash again, so that what is stored costs as much to guess at as a hash of today.

        Its owner signs in as before, and gets a plain new hash then. Raises ConfigError for what ``wraps`` refuses and for a
        salt of the wrong length, PortError when Argon2 gets no memory.
        """
        one = self._wrapping(stored)
        if one is None:
            raise ConfigError("This hash cannot be wrapped.", remedy="Ask wraps() first; bare hashes of foreign formats can.")
        if len(salt) != self.salt_bytes:
            raise ConfigError(f"The salt has {len(salt)} bytes.", remedy=f"Draw {self.salt_bytes} random bytes for every hash.")
        tag = self._derive(one.tag(stored), salt, self.parameters, self.tag_bytes)
        return str(WrappedHash(one.name, one.settings(stored), Argon2Hash(self.parameters, salt, tag)))

    def holds(self, held: str, stored: str) -> bool:
        """Whether *held* is *stored*, or is what came of wrapping it."""
        if compare_digest(held.encode(), stored.encode()):
            return True
        one, within = self._wrapping(stored), unwrap(held)
        if one is None or within is None or (one.name, one.settings(stored)) != (within.name, within.settings):
            return False
        return self._accepts(within.outer.parameters) and self._equals(within.outer, one.tag(stored))

    def _wrapping(self, stored: str) -> "WrappableFormat | None":
        found = self._found(stored)
        return next((one for one in self._wrappable if found is not None and one.name == found[0]), None)

    @property
    def _wrappable(self) -> "tuple[WrappableFormat, ...]":
        able = (one for one in self.foreign if all(callable(getattr(one, name, None)) for name in _ABILITIES_TO_WRAP))
        return cast("tuple[WrappableFormat, ...]", tuple(able))

    # --- decoys ---

    def decoy(self) -> str:
        """
        A fixed hash that costs what a new one does and that no known password has: for unknown subjects.

        Its tag was never computed from anything, so to match it is to find a preimage of Argon2.
        """
        return str(self._decoy())

    @property
    def decoys(self) -> tuple[tuple[float, str], ...]:
        """
        A decoy of each scheme that accounts have, and up to where it reaches if they are laid side by side from 0 to 1.

        Who draws evenly from there meets each scheme as often as among the accounts.
        """
        shared = [(one.share, one.decoy()) for one in self.foreign if one.share]
        whole = max(1.0, sum(part for part, _ in shared))
        ends = list(accumulate(part / whole for part, _ in shared))
        foreign = tuple(zip(ends, (decoy for _, decoy in shared), strict=True))
        return (*foreign, (1.0, self.decoy())) if not ends or ends[-1] < 1 else foreign

    def _decoy(self) -> Argon2Hash:
        return Argon2Hash(self.parameters, _DECOY[: self.salt_bytes], _DECOY[-self.tag_bytes :])

    # --- comparing ---

    def _found(self, stored: str) -> tuple[str, Callable[[str], bool]] | None:
        """What reads a stored hash, and how a password is compared with it."""
        own = parse(stored)
        if own is not None and self._accepts(own.parameters):
            return OWN, partial(self._matches, own)
        within = unwrap(stored)
        if within is not None:
            one = next((one for one in self._wrappable if one.name == within.name), None)
            if one is None or not self._accepts(within.outer.parameters) or not one.derives(within.settings):
                return None
            return f"{WRAPPED}{one.name}", partial(self._matches_within, one, within)
        wrappable = self._wrappable
        for each in self.foreign:
            if each.reads(stored):
                bare = partial(self._matches_bare, each, stored) if each in wrappable else partial(each.verify, stored)
                return each.name, bare
        return None

    def _matches(self, stored: Argon2Hash, password: str) -> bool:
        """Every str has bytes of its own; lone surrogates were refused long before, and do not raise here."""
        return self._equals(stored, password.encode("utf-8", "surrogatepass"))

    def _matches_within(self, one: "WrappableFormat", within: WrappedHash, password: str) -> bool:
        return self._equals(within.outer, one.derive(within.settings, password))

    def _matches_bare(self, one: "WrappableFormat", stored: str, password: str) -> bool:
        """Compare, and spend what wrapping would: a hash that is wrapped and one that is not take equally long."""
        derived, wanted = one.derive(one.settings(stored), password), one.tag(stored)
        self._equals(self._decoy(), derived)
        return compare_digest(derived, wanted)

    def _equals(self, stored: Argon2Hash, secret: bytes) -> bool:
        return compare_digest(self._derive(secret, stored.salt, stored.parameters, len(stored.tag)), stored.tag)

    def _accepts(self, cost: Argon2Parameters) -> bool:
        return cost.within(self.ceiling) and any(cost.reaches(one) for one in self.floor)

    def _derive(self, secret: bytes, salt: bytes, cost: Argon2Parameters, tag_bytes: int) -> bytes:
        try:
            return derive(secret, salt=salt, cost=cost, tag_bytes=tag_bytes, keep_kib=self.memory_kib)
        except HashingError:
            raise PortError("Argon2 could not hash.", remedy="Free memory, or lower memory_kib or permits.") from None


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number from {low} to {high}.")
