"""Paths of recovery: which proofs together give what, to whom, and after how long."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from acctsec._values import Value
from acctsec.checks import kind, length
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel

DAY = timedelta(days=1)


class Proof(StrEnum):
    """What an owner who lost something can still show. Two of one kind prove no more than one."""

    MAIL = "mail"  # a link or a code that was mailed to a verified address
    TEXT = "text"  # a code that was sent to a verified phone number
    RECOVERY_CODE = "recovery-code"  # a printed code, never used
    FACTOR = "factor"  # a live second factor
    DEVICE = "device"  # the token of a known device: it shortens a wait, and proves nobody
    CONTACTS = "contacts"  # so many trusted contacts have agreed
    ADMINISTRATORS = "administrators"  # two of them have agreed


class Capability(StrEnum):
    """What a path gives."""

    PASSWORD = "password"  # noqa: S105 - set a new password; the factors stay, and are asked for at the next sign-in
    FACTORS = "factors"  # take the second factors off
    ADDRESSES = "addresses"  # change where mail goes


PROOF_OF = {
    "link": Proof.MAIL,
    "code": Proof.MAIL,
    "text": Proof.TEXT,
    "recovery-code": Proof.RECOVERY_CODE,
    "totp": Proof.FACTOR,
    "device": Proof.DEVICE,
    "contacts": Proof.CONTACTS,
    "administrators": Proof.ADMINISTRATORS,
}
"""What each method, as tickets and events name it, is a proof of."""

STARTS = frozenset({Proof.MAIL, Proof.TEXT, Proof.RECOVERY_CODE})
"""What a recovery can begin with; everything else comes beside it."""


def proofs_of(methods: Iterable[str]) -> frozenset[Proof]:
    """The kinds of proof that these methods come to."""
    return frozenset(PROOF_OF[method] for method in methods if method in PROOF_OF)


def _proofs(given: Iterable[str]) -> frozenset[Proof]:
    if isinstance(given, str):
        given = (given,)
    try:
        return frozenset(map(Proof, given))
    except (TypeError, ValueError):
        raise ConfigError("proofs is not a set of Proof.", remedy="Give {Proof.MAIL, Proof.FACTOR}.") from None


@frozen(repr=False)
class RecoveryPath:
    """
    All of *proofs* together give *gives*, after *wait*, to subjects of at most *level*.

    A subject with a live second factor is one of AAL2, any other of AAL1; what is good enough for the first is for the second.
    Raises ConfigError for a path that nobody could ever go.
    """

    proofs: frozenset[Proof] = field(converter=_proofs)
    gives: Capability = field(default=Capability.PASSWORD, kw_only=True, converter=Capability)
    level: AssuranceLevel = field(default=AssuranceLevel.AAL1, kw_only=True, converter=AssuranceLevel)
    wait: timedelta = field(default=timedelta(0), kw_only=True, validator=length(timedelta(0), 90 * DAY))

    def __attrs_post_init__(self) -> None:
        if self.gives is Capability.ADDRESSES:
            if self.proofs != {Proof.ADMINISTRATORS}:
                message = "A path to ADDRESSES rests on something else than two administrators."
                raise ConfigError(message, remedy="Owners change addresses with a session; name {Proof.ADMINISTRATORS}.")
        elif not self.proofs & STARTS:
            message = f"Nothing can begin the path {self}: it has none of {_named(STARTS)}."
            raise ConfigError(message, remedy="Add one of them.")

    def __str__(self) -> str:
        return f"{_named(self.proofs)} → {self.gives.value}"

    def __repr__(self) -> str:
        return f"RecoveryPath({self}, level={self.level.name}, wait={self.wait})"


def _named(proofs: Iterable[Proof]) -> str:
    return " + ".join(one.value for one in Proof if one in frozenset(proofs))


class PathSets(Mapping[str, tuple[RecoveryPath, ...]]):
    """Paths by the name of a group: a mapping that cannot change, and can be hashed."""

    __slots__ = ("_sets",)

    def __init__(self, sets: Mapping[str, Iterable[RecoveryPath]]) -> None:
        if not isinstance(sets, Mapping) or not all(type(name) is str for name in sets):
            raise ConfigError("groups is not a mapping of names to paths.", remedy='Give {"staff": (RecoveryPath(...),)}.')
        self._sets = {name: path_set(sets[name]) for name in sorted(sets)}

    def __getitem__(self, name: str) -> tuple[RecoveryPath, ...]:
        return self._sets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sets)

    def __len__(self) -> int:
        return len(self._sets)

    def __hash__(self) -> int:
        return hash(tuple(self._sets.items()))

    def __repr__(self) -> str:
        return repr(self._sets)


def path_set(given: Any) -> tuple[RecoveryPath, ...]:
    """An attrs converter: several paths, of which no two are the same but for how long they wait."""
    found = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (None,)
    if not all(isinstance(one, RecoveryPath) for one in found):
        raise ConfigError("paths holds something that is no RecoveryPath.", remedy="Give (RecoveryPath({Proof.MAIL}), ...).")
    if len({(one.proofs, one.gives, one.level) for one in found}) < len(found):
        raise ConfigError("Two paths are the same but for how long they wait.", remedy="Leave one out.")
    return found


class Facts(Value, frozen=True, kw_only=True):
    """What is known of a request for recovery besides its proofs. None: nobody can tell, or it did not happen."""

    now: datetime
    known_device: bool = False
    new_country: bool = False
    address_changed: datetime | None = None
    sim_changed: datetime | None = None


@frozen(kw_only=True)
class Delays:
    """
    How long a recovery waits because of what speaks against it: the longest that applies. 0 is not at all.

    Args:
        new_device: it is asked for where nobody has signed in before. Default 0: most people who forgot a password do so on a
            new device, and mail was proven.
        new_country: from a country in which the owner never was; needs ``Policy.risk`` and a resolver. Default 24 h: an owner
            who reads the notice within a day stops it.
        address_changed: the address that proves it was changed *lately*. Default 72 h, a weekend: somebody who got in for a
            moment, and put an address of his own there, must not keep the account by it.
        sim_changed: the SIM of the number that proves it was changed *lately*, as ``Context.sim_changed`` tells. Default 72 h.
        lately: what counts as lately. Default 7 days: as long as a large provider goes on to accept a number that was replaced.
    """

    new_device: timedelta = field(default=timedelta(0), validator=length(timedelta(0), 90 * DAY))
    new_country: timedelta = field(default=DAY, validator=length(timedelta(0), 90 * DAY))
    address_changed: timedelta = field(default=3 * DAY, validator=length(timedelta(0), 90 * DAY))
    sim_changed: timedelta = field(default=3 * DAY, validator=length(timedelta(0), 90 * DAY))
    lately: timedelta = field(default=7 * DAY, validator=length(timedelta(0), 365 * DAY))

    def wait(self, facts: Facts, proofs: frozenset[Proof]) -> timedelta:
        """How long a recovery with these proofs waits."""
        waits = [timedelta(0)]
        if not facts.known_device:
            waits.append(self.new_device)
        if facts.new_country:
            waits.append(self.new_country)
        if self._lately(facts.address_changed, facts.now) and proofs & {Proof.MAIL, Proof.TEXT}:
            waits.append(self.address_changed)
        if self._lately(facts.sim_changed, facts.now) and Proof.TEXT in proofs:
            waits.append(self.sim_changed)
        return max(waits)

    def _lately(self, at: datetime | None, now: datetime) -> bool:
        return at is not None and now < at + self.lately


is_delays = kind(Delays)
