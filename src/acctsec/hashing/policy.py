"""Which hashes are made, which are believed, and when one is replaced. Pure: the salt is an argument."""

from datetime import timedelta
from enum import Enum
from hmac import compare_digest

from argon2.exceptions import HashingError
from attrs import field, frozen

from acctsec.errors import ConfigError, PortError
from acctsec.hashing.argon2id import derive
from acctsec.hashing.parameters import OWASP, Argon2Parameters
from acctsec.hashing.phc import MAX_BYTES, MIN_SALT, MIN_TAG, Argon2Hash, parse

_CEILING = Argon2Parameters(memory_kib=262_144, time_cost=10, parallelism=16)
_DECOY = bytes(range(MAX_BYTES))


class Comparison(Enum):
    """What became of comparing a password with a stored hash. Three answers, so that none passes for another."""

    MATCHED = "matched"
    DIFFERENT = "different"
    UNREADABLE = "unreadable"  # not a hash this policy computes: damaged, foreign, below the floor or above the ceiling


def _alternatives(given: Argon2Parameters | tuple[Argon2Parameters, ...]) -> tuple[Argon2Parameters, ...]:
    return (given,) if isinstance(given, Argon2Parameters) else tuple(given)


@frozen(kw_only=True)
class HashingPolicy:
    """
    How passwords are hashed, and how much of the machine that may take.

    Args:
        memory_kib, time_cost, parallelism: the cost of new hashes. Default 19,456 KiB (19 MiB), 2 and 1, the least that
            OWASP's Password Storage Cheat Sheet asks for. One lane, because more help one caller and cost the server.
        salt_bytes: of the random salt beside each hash. Default 16 (RFC 9106 section 3.1), at most 64.
        tag_bytes: of the hash itself. Default 32 (SP 800-63B-4 section 3.1.1.2 wants the native length; Argon2 tags of 256
            bits), 16 to 64.
        floor: the least costly stored hash that is believed, as one or several alternatives. Default ``OWASP``. Only
            tests have a reason to lower it: a hash below it is refused, however right the password.
        ceiling: the costliest stored hash that is computed, so that an imported row cannot take the machine down.
            Default 256 MiB, 10 passes, 16 lanes: above everything peers ship for sign-in (libsodium MODERATE 256 MiB and
            3, RFC 9106's second choice 64 MiB, 3 and 4, Django 100 MiB, 2 and 8), and below 3 s of one core as measured.
        permits: hashes computed at once; memory is bounded by permits * memory_kib. Default None: one a CPU, since more
            gain nothing.
        queue: hashes that may wait for a permit. Default 128: about what two cores do within ``patience``.
        patience: how long one may wait before it is refused. Default 2 s, a wait a person still takes for slow.

    Raises ConfigError for values outside these bounds, and where floor, cost and ceiling contradict each other.
    """

    memory_kib: int = 19_456
    time_cost: int = 2
    parallelism: int = 1
    salt_bytes: int = 16
    tag_bytes: int = 32
    floor: tuple[Argon2Parameters, ...] = field(default=OWASP, converter=_alternatives)
    ceiling: Argon2Parameters = _CEILING
    permits: int | None = None
    queue: int = 128
    patience: timedelta = timedelta(seconds=2)

    def __attrs_post_init__(self) -> None:
        _whole("salt_bytes", self.salt_bytes, MIN_SALT, MAX_BYTES)
        _whole("tag_bytes", self.tag_bytes, MIN_TAG, MAX_BYTES)
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
        return str(Argon2Hash(self.parameters, salt, self._derive(password, salt, self.parameters, self.tag_bytes)))

    def verify(self, phc: str, password: str) -> Comparison:
        """
        Compare a prepared *password* with a stored hash.

        What this policy does not compute is not computed: a hash it cannot read, or outside floor and ceiling, answers
        UNREADABLE after one verification of ``decoy()``, so that the answer takes as long as any other. Raises PortError
        when Argon2 gets no memory.
        """
        stored = parse(phc)
        readable = stored is not None and self._accepts(stored.parameters)
        compared = stored if stored is not None and readable else self._decoy()
        tag = self._derive(password, compared.salt, compared.parameters, len(compared.tag))
        matched = compare_digest(tag, compared.tag)
        if not readable:
            return Comparison.UNREADABLE
        return Comparison.MATCHED if matched else Comparison.DIFFERENT

    def reads(self, phc: str) -> bool:
        """Whether ``verify`` computes this stored hash, and would not call it UNREADABLE however right the password."""
        stored = parse(phc)
        return stored is not None and self._accepts(stored.parameters)

    def needs_rehash(self, phc: str) -> bool:
        """
        Whether a new hash would be stronger than *phc*; never proposes a weaker one.

        Strength is ordered by ``Argon2Parameters.traffic``, then by the lengths of tag and salt. False for what cannot
        be read: nobody can prove its password, so nothing may replace it.
        """
        stored = parse(phc)
        if stored is None:
            return False
        cost, wanted = stored.parameters.traffic, self.parameters.traffic
        shorter = len(stored.tag) < self.tag_bytes or len(stored.salt) < self.salt_bytes
        longer = len(stored.tag) > self.tag_bytes or len(stored.salt) > self.salt_bytes
        return cost < wanted or (cost == wanted and shorter and not longer)

    def decoy(self) -> str:
        """
        A fixed hash that costs what a new one does and that no known password has: for unknown subjects.

        Its tag was never computed from anything, so to match it is to find a preimage of Argon2.
        """
        return str(self._decoy())

    def _decoy(self) -> Argon2Hash:
        return Argon2Hash(self.parameters, _DECOY[: self.salt_bytes], _DECOY[-self.tag_bytes :])

    def _accepts(self, cost: Argon2Parameters) -> bool:
        return cost.within(self.ceiling) and any(cost.reaches(one) for one in self.floor)

    def _derive(self, password: str, salt: bytes, cost: Argon2Parameters, tag_bytes: int) -> bytes:
        """Every str has bytes of its own; lone surrogates were refused long before, and do not raise here."""
        secret = password.encode("utf-8", "surrogatepass")
        try:
            return derive(secret, salt=salt, cost=cost, tag_bytes=tag_bytes, keep_kib=self.memory_kib)
        except HashingError:
            raise PortError("Argon2 could not hash.", remedy="Free memory, or lower memory_kib or permits.") from None


def _whole(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}.", remedy=f"Give a whole number from {low} to {high}.")
