"""
What many processes see together, apart from how they exchange it: what each reports, and until when a posture holds.

A posture is remembered as the instant at which its signal will have sunk below its band if nothing more comes: scores decay,
windows and buckets end. So instants can be merged in any order, the later one counts, and nobody has to look again.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from math import log2
from typing import Protocol

from acctsec._values import Value, evolve
from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Bands, Change, Posture
from acctsec.attacks.signals import Detector, Signal
from acctsec.attacks.watching import Seen
from acctsec.budgets import micros

PLACE_BYTES = 16
RAISED = (Posture.TIGHTEN, Posture.CHALLENGE, Posture.NOTIFY)

Held = tuple[int, int, int]
"""Until when (microseconds) the signal of a place holds up NOTIFY, CHALLENGE and TIGHTEN; 0 for never."""

NEVER: Held = (0, 0, 0)


class Report(Value, frozen=True):
    """One wrong password that others have not heard of."""

    seen: Seen
    known_name: bool
    now: int


class Finding(Value, frozen=True):
    """How far all together have come at one place, and *lasts*: until when that stays above a threshold by itself."""

    place: bytes
    tenant: str
    signal: Signal
    now: int
    lasts: Callable[[int], int]


class Digests(Protocol):
    """The engine's keyring, by which names are made here and nothing is sealed."""

    @property
    def index_count(self) -> int:
        """How many index keys there are."""

    def digest(self, purpose: str, *parts: bytes | str, key: int = 0) -> bytes:
        """A keyed digest of 32 bytes."""


class Names:
    """Names of places that may leave a process: keyed digests, in which no address, tenant or password can be looked up."""

    def __init__(self, keyring: Digests) -> None:
        self._keyring = keyring
        self.place: Callable[[str, Detector, str | bytes], bytes] = lru_cache(maxsize=16_384)(self._place)

    def _place(self, tenant: str, detector: Detector, name: str | bytes) -> bytes:
        oldest = self._keyring.index_count - 1  # processes that take up a new key one by one go on counting together
        return self._keyring.digest("watched place", tenant, detector.value, name, key=oldest)[:PLACE_BYTES]


def visible(seen: Seen) -> list[tuple[Detector, str | bytes]]:
    """What looks at an attempt, and the names it looks at; not what knows whether a name exists."""
    here = seen.networks
    found: list[tuple[Detector, str | bytes]] = [
        (Detector.ADDRESS, here.address),
        (Detector.SPRAY, seen.candidate),
        (Detector.SURGE, seen.tenant),
    ]
    for prefix in here.prefixes:
        found += [(Detector.PREFIX, prefix), (Detector.CROWD, prefix)]
    if here.asn is not None:
        found.append((Detector.ASN, f"AS{here.asn}"))
    return found


def posture(held: Held, policy: AttackPolicy, detector: Detector, now: int) -> Posture:
    """What holds at *now*: a posture is left a *hold* after its signal sank, and then the next one a *hold* later."""
    bands = policy.posture.bands(detector)
    if bands is None:
        return Posture.NORMAL
    left, hold, latest = 0, micros(bands.hold), now + longest(policy, detector) + BROKEN_CLOCK
    for one in RAISED:
        if held[one - 1] <= latest:  # a clock that ran ahead holds nothing up
            left = max(left, held[one - 1])
        if left and bands.at_most(one) is one:
            left += hold
            if now < left:
                return one
    return Posture.NORMAL


def longest(policy: AttackPolicy, detector: Detector) -> int:
    """For how long a signal can last that is left alone."""
    if detector is Detector.SPRAY:
        return 2 * micros(policy.spray.candidates.window)
    if detector is Detector.CROWD:
        return 2 * micros(policy.spray.prefixes.window)
    if detector is Detector.SURGE:
        return micros(policy.surge.bucket)
    return micros(policy.reputation.half_life) * policy.reputation.most.bit_length()


def held_up(finding: Finding, bands: Bands, taken: Posture) -> Held:
    """Until when the signal of a place holds up what it reaches, or what is *taken* and not left yet."""
    level = finding.signal.level
    taken = max(bands.reached(level), taken)
    until = [0, 0, 0]
    for one in RAISED:
        below = bands.below(one)
        if one <= taken and below and level >= below:
            until[one - 1] = finding.lasts(below)
    return (until[0], until[1], until[2])


def merged(one: Held, other: Held) -> Held:
    """The later instant of each."""
    return (max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2]))


def until_decayed(level: int, half_life: int, now: int) -> Callable[[int], int]:
    """Until when a score is above a threshold if it is left alone."""
    return lambda below: now + int(half_life * log2(level / below))


def notable(bands: Bands | None) -> int:
    """The least level that can hold anything up; without bands there is none."""
    return 1 << 31 if bands is None else min(below for one in RAISED if (below := bands.below(one)))


class Rise(Value, frozen=True):
    """A posture that rose, or fell again, and the tenant it is to be told of."""

    tenant: str
    change: Change


class Stances:
    """
    The postures that all together hold, as this process knows them: the *room* that last longest.

    *untold* are the places that others may not have heard of; *rising* is what rose there, until it is known who was first to
    come to it. *here* are the postures that this process told when it came to them by itself, *risen* those of all together.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self.held: dict[bytes, Held] = {}
        self.here: dict[bytes, Posture] = {}
        self.untold: set[bytes] = set()
        self.rising: dict[bytes, Rise] = {}
        self.risen: dict[bytes, Rise] = {}
        self.begun = self.known = 0

    def find(self, finding: Finding, policy: AttackPolicy) -> None:
        """Take over what was found."""
        signal, now, place = finding.signal, finding.now, finding.place
        bands, known = policy.posture.bands(signal.detector), self.held.get(place, NEVER)
        if bands is None or (known is NEVER and not bands.reached(signal.level)):
            return
        before = posture(known, policy, signal.detector, now)
        new = held_up(finding, bands, before)
        after = posture(new, policy, signal.detector, now)
        # Within an eighth of a hold nobody needs to hear that something goes on.
        slack = micros(bands.hold) // 8
        if after > before or any(fresh > old + slack for fresh, old in zip(new, known, strict=True)):
            self._put(place, merged(new, known))
            self.untold.add(place)
        if after > before:
            self.rising[place] = Rise(finding.tenant, Change(signal.detector, signal.name, before, after, signal.level, now))

    def told(self, place: bytes, old: Held, policy: AttackPolicy) -> Rise | None:
        """Others have heard of a place, of which they knew *old*; what rose there, if they had not come to that yet."""
        self.untold.discard(place)
        rise = self.rising.pop(place, None)
        if rise is None:
            return None
        change = rise.change
        theirs = posture(old, policy, change.detector, change.at)
        before = max(theirs, self.here.get(place, Posture.NORMAL))
        if change.after <= before:
            return None
        first = Rise(rise.tenant, evolve(change, before=before))
        self.risen.pop(place, None)
        self.risen[place] = first
        if len(self.risen) > self._room:
            del self.risen[next(iter(self.risen))]
        return first

    def heard(self, begun: int, known: int, told: Iterable[tuple[bytes, Held]]) -> None:
        """Take over what others found. Where their memory *begun* anew, all that is known here is told again."""
        if self.begun and begun != self.begun:
            self.untold |= self.held.keys()
            known = 0
        self.begun, self.known = begun, known
        for place, held in told:
            self._put(place, merged(held, self.held.get(place, NEVER)))

    def fallen(self, policy: AttackPolicy, now: int) -> list[Rise]:
        """What came down of that which this process told. Nobody looked at the signal then, so its level is 0."""
        found = []
        for place, rise in list(self.risen.items()):
            change = rise.change
            after = posture(self.held.get(place, NEVER), policy, change.detector, now)
            if after < change.after:
                fall = Rise(rise.tenant, evolve(change, before=change.after, after=after, level=0, at=now))
                found.append(fall)
                self.risen[place] = fall
                if not after:
                    del self.risen[place]
        return found

    def came_to(self, place: bytes, after: Posture) -> None:
        """This process came to a posture by itself, or left it."""
        self.here.pop(place, None)
        if after:
            self.here[place] = after
            if len(self.here) > self._room:
                del self.here[next(iter(self.here))]

    def _put(self, place: bytes, held: Held) -> None:
        self.held[place] = held
        if len(self.held) > self._room + self._room // 4:
            late = sorted(self.held, key=lambda one: max(self.held[one]))
            for one in islice(late, len(late) - self._room):
                del self.held[one]
                self.untold.discard(one)
                self.rising.pop(one, None)
