"""Paths of recovery: which proofs together give what, to whom, and after how long."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Any

from attrs import field, frozen

from acctsec._values import Value
from acctsec.assurance import Method
from acctsec.checks import Validator, kind, length
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel

DAY = timedelta(days=1)
MAX_PATHS = 64
"""In one set. No service has named a dozen kinds of path, and what nobody reads nobody has decided."""


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


PROOF_OF: Mapping[str, Proof] = {
    "link": Proof.MAIL,
    "code": Proof.MAIL,
    "text": Proof.TEXT,
    "recovery-code": Proof.RECOVERY_CODE,
    Method.TOTP: Proof.FACTOR,
    Method.HOTP: Proof.FACTOR,
    Method.PUSH: Proof.FACTOR,
    Method.PASSKEY: Proof.FACTOR,
    Method.PASSKEY_BOUND: Proof.FACTOR,
    Method.PASSKEY_TOUCH: Proof.FACTOR,
    Method.PASSKEY_TOUCH_BOUND: Proof.FACTOR,
    Method.TEXT: Proof.TEXT,
    Method.VOICE: Proof.TEXT,
    Method.MAIL: Proof.MAIL,
    "device": Proof.DEVICE,
    "contacts": Proof.CONTACTS,
    "administrators": Proof.ADMINISTRATORS,
}
"""
What each method, as tickets and events name it, is a proof of. A code that is sent as a second factor comes by the way by which a
reset comes, and proves no more. What somebody else checks is no proof of recovery.
"""

STARTS = frozenset({Proof.MAIL, Proof.TEXT, Proof.RECOVERY_CODE})
"""What a recovery can begin with; everything else comes beside it."""

OF_FACTORS = frozenset({Proof.RECOVERY_CODE, Proof.FACTOR})
"""What only subjects with a live factor can show: printed codes go with the last one."""

ENTWINED = (frozenset({Proof.MAIL, Proof.TEXT}), frozenset({Proof.TEXT, Proof.FACTOR}))
"""
Two proofs that often lie in one hand. Mailed and texted codes are both *issued* ones, one method of SP 800-63B-4 section 4.2.1,
and whoever took over a number resets the mailbox by it; a phone that gets texts is the one on which the authenticator app is.
"""


def proof_of(method: str, possessions: Collection[str] = ()) -> Proof | None:
    """What a method is a proof of, if of anything. *possessions* are what others check and the subject has: second factors."""
    return Proof.FACTOR if method in possessions else PROOF_OF.get(method)


def proofs_of(methods: Iterable[str], possessions: Collection[str] = ()) -> frozenset[Proof]:
    """The kinds of proof that these methods come to."""
    return frozenset(proof for method in methods if (proof := proof_of(method, possessions)) is not None)


def independent(proofs: Iterable[Proof]) -> bool:
    """Whether two of these proofs are shown by nobody who has taken one thing from the owner."""
    strong = sorted(set(proofs) - {Proof.DEVICE})
    return any({one, other} not in ENTWINED for one, other in combinations(strong, 2))


def at_full_level(proofs: frozenset[Proof]) -> bool:
    """Whether they hold a live factor, and something beside it that is not on the same phone."""
    return Proof.FACTOR in proofs and independent(proofs)


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

    Args:
        proofs: kinds of `Proof`, all of which are due. One of mail, text and a printed code begins it.
        gives: a `Capability`. Default ``PASSWORD``: the factors stay, and are asked for at the next sign-in (ASVS 5.0 6.4.3).
        level: a subject with a live second factor is one of AAL2, any other of AAL1; what is good enough for the first is for
            the second. Default AAL1: a path that says nothing never passes a factor by (SP 800-63B-4 section 4.2.2.2).
        wait: how long every address is told before anything changes. Default 0: not at all, as for all peers. Up to 90 days.

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
            message = f"Nothing can begin the path {self}: it has none of {named(STARTS)}."
            raise ConfigError(message, remedy="Add one of them.")
        if self.level > AssuranceLevel.AAL2:
            raise ConfigError("A path names a level above AAL2, which no subject has.", remedy="Name AssuranceLevel.AAL2.")
        if self.level < AssuranceLevel.AAL2 and (self.gives is Capability.FACTORS or self.proofs & OF_FACTORS):
            message = f"The path {self} is for subjects without a second factor, who have none to show or to lose."
            raise ConfigError(message, remedy="Name level=AssuranceLevel.AAL2.")

    def __str__(self) -> str:
        return f"{named(self.proofs)} → {self.gives.value}"

    def __repr__(self) -> str:
        return f"RecoveryPath({self}, level={self.level.name}, wait={self.wait})"


def named(proofs: Iterable[Proof]) -> str:
    """The proofs in words, in one order."""
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
    found = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
    if found is None or not all(isinstance(one, RecoveryPath) for one in found):
        raise ConfigError("paths holds something that is no RecoveryPath.", remedy="Give (RecoveryPath({Proof.MAIL}), ...).")
    if len(found) > MAX_PATHS:
        raise ConfigError(f"There are {len(found)} paths.", remedy=f"Name at most {MAX_PATHS}.")
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
            moment, and put an address of his own there, must not keep the account by it. As long an address stays that is taken
            off or replaced without a live factor, for the same reason.
        sim_changed: the SIM of the number that proves it was changed *lately*, as ``Context.sim_changed`` tells. Default 72 h.
        lately: what counts as lately. Default 7 days: as long as a large provider goes on to accept a number that was replaced.
            0 only where neither of the two waits.
    """

    new_device: timedelta = field(default=timedelta(0), validator=length(timedelta(0), 90 * DAY))
    new_country: timedelta = field(default=DAY, validator=length(timedelta(0), 90 * DAY))
    address_changed: timedelta = field(default=3 * DAY, validator=length(timedelta(0), 90 * DAY))
    sim_changed: timedelta = field(default=3 * DAY, validator=length(timedelta(0), 90 * DAY))
    lately: timedelta = field(default=7 * DAY, validator=length(timedelta(0), 365 * DAY))

    def __attrs_post_init__(self) -> None:
        if not self.lately and (self.address_changed or self.sim_changed):
            raise ConfigError(
                "Nothing counts as lately, so address_changed and sim_changed never wait.",
                remedy="Give lately a length, or make both 0.",
            )

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


is_delays: Validator = kind(Delays)
