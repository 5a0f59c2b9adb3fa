"""What strangers guessed wrong, remembered in this process: in memory that does not grow, whatever anybody sends."""

from threading import Lock

from acctsec.attacks.decay import UNMARKED, Score, points
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import CALM, Change, Posture, Stance
from acctsec.attacks.recent import RecentCounts
from acctsec.attacks.reputation import Wrong, places
from acctsec.attacks.signals import Detector, Signal, opaque
from acctsec.attacks.spray import Guessed, Sprays, named
from acctsec.attacks.surge import Failures
from acctsec.attacks.table import Table
from acctsec.attacks.watching import Looked, Seen
from acctsec.stores.popularity import MemoryPopularity

Place = tuple[str, Detector, str | bytes]
"""A tenant, what looks there, and the name of a network, a password's digest, or the tenant."""

QUIET = Looked(Posture.NORMAL)
RAISED = 1 << 62  # above any instant: a harder posture is worth more than a later one


class MemoryWatch:
    """
    Remembers in this process what strangers guessed wrong, as a port ``watch``. Thread-safe.

    It sees what comes to this process: four of them see an attack a quarter each. It forgets with the process. A fork gets a
    copy that goes its own way. It takes 70 MiB at most, and 4 MiB where nothing happens: 65,536 scores, 16,384 postures,
    256 tenants' failures, the sprays of all, and two sketches of frequent guesses.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._scores: Table[Place, Score] = Table(_worth_of_score)
        self._stances: Table[Place, Stance] = Table(_worth_of_stance, room=16_384)
        # What hangs on whether a name exists lies apart: it must not drive out what a source can see.
        self._unknown: Table[Place, Score] = Table(_worth_of_score, room=16_384)
        self._told: Table[Place, Stance] = Table(_worth_of_stance, room=16_384)
        self._sprays = Sprays()
        self._failures: Table[str, Failures] = Table(_worth_of_failures, room=256)
        self._guessed: RecentCounts | None = None

    def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked:
        """The posture that an attempt meets; see ``AsyncAttackWatch``."""
        if not len(self._stances):
            return QUIET
        posture, changes = Posture.NORMAL, list[Change]()
        for place in _visible(seen):
            if self._stances.get(place, CALM) is not CALM:
                with self._lock:
                    changes += self._stand(self._stances, policy, place, self._signal(policy, place, seen, now), now)
                posture = max(posture, self._stances.get(place, CALM).posture)
        return Looked(posture, tuple(changes))

    def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]:
        """Count one wrong password; see ``AsyncAttackWatch``."""
        with self._lock:
            guessed = self._guessed = self._guessed or RecentCounts(_sketch, most=250_000)
            wrong = Wrong(known_name=known_name, sightings=guessed.add(seen.candidate, now=now))
            signals = self._charged(policy, seen, wrong, now) + self._sprayed(policy, seen, now) + self._failed(policy, seen, now)
            changes = list[Change]()
            for place, signal in signals:
                stances = self._told if place[1] is Detector.UNKNOWN else self._stances
                changes += self._stand(stances, policy, place, signal, now)
        return tuple(changes)

    def _charged(self, policy: AttackPolicy, seen: Seen, wrong: Wrong, now: int) -> list[tuple[Place, Signal]]:
        reputation, signals = policy.reputation, list[tuple[Place, Signal]]()
        weight, unknown = reputation.weight(wrong), reputation.unknown_weight(wrong)
        for detector, name in places(seen.networks):
            place = (seen.tenant, detector, name)
            table, more = (self._unknown, unknown) if detector is Detector.UNKNOWN else (self._scores, weight)
            after, level = reputation.charge(table.get(place, UNMARKED), more, now=now)
            table.put(place, after, now=now)
            signals.append((place, Signal(detector, name, level)))
        return signals

    def _sprayed(self, policy: AttackPolicy, seen: Seen, now: int) -> list[tuple[Place, Signal]]:
        guessed = Guessed(seen.candidate, seen.account, seen.networks, seen.tenant)
        self._sprays, signals = policy.spray.step(self._sprays, guessed, now=now)
        return [
            ((seen.tenant, one.detector, seen.candidate if one.detector is Detector.SPRAY else one.name), one) for one in signals
        ]

    def _failed(self, policy: AttackPolicy, seen: Seen, now: int) -> list[tuple[Place, Signal]]:
        tenant = seen.tenant
        after, signals = policy.surge.step(self._failures.get(tenant, Failures()), tenant, now=now)
        self._failures.put(tenant, after, now=now)
        return [((tenant, one.detector, tenant), one) for one in signals]

    def _signal(self, policy: AttackPolicy, place: Place, seen: Seen, now: int) -> Signal:
        """What a detector says at *now*, without a failure."""
        _, detector, name = place
        if isinstance(name, bytes):
            return Signal(detector, opaque(name), policy.spray.candidates.members(self._sprays.candidates, name, now=now))
        if detector is Detector.CROWD:
            key = named(name, seen.tenant)
            return Signal(detector, name, policy.spray.prefixes.members(self._sprays.networks, key, now=now))
        if detector is Detector.SURGE:
            return policy.surge.look(self._failures.get(name, Failures()), name, now=now)
        return Signal(detector, name, policy.reputation.points(self._scores.get(place, UNMARKED), now=now))

    def _stand(
        self, stances: Table[Place, Stance], policy: AttackPolicy, place: Place, signal: Signal, now: int
    ) -> tuple[Change, ...]:
        before = stances.get(place, CALM)
        after, changes = policy.posture.step(before, signal, now=now)
        if after is not before:
            stances.put(place, after, now=now)
        return changes


class AsyncMemoryWatch:
    """The async form of MemoryWatch, around one that may be given."""

    def __init__(self, watch: MemoryWatch | None = None) -> None:
        self.watch: MemoryWatch = watch or MemoryWatch()

    async def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked:
        """The posture that an attempt meets."""
        return self.watch.look(policy, seen, now)

    async def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]:
        """Count one wrong password."""
        return self.watch.wrong(policy, seen, known_name=known_name, now=now)


def _visible(seen: Seen) -> list[Place]:
    """Every place whose posture an attempt meets: all but those that know whether a name exists."""
    tenant, here = seen.tenant, seen.networks
    found: list[Place] = [
        (tenant, Detector.ADDRESS, here.address),
        (tenant, Detector.SPRAY, seen.candidate),
        (tenant, Detector.SURGE, tenant),
    ]
    for prefix in here.prefixes:
        found.append((tenant, Detector.PREFIX, prefix))
        found.append((tenant, Detector.CROWD, prefix))
    if here.asn is not None:
        found.append((tenant, Detector.ASN, f"AS{here.asn}"))
    return found


def _sketch() -> MemoryPopularity:
    """Of 250,000 guesses a count is at most 3 too high, but for one in 55; then a generation ends."""
    return MemoryPopularity(width=262_144)


def _worth_of_score(score: Score, now: int) -> int:
    return points(score, half_life=score.half_life, now=now) if score.units else 0


def _worth_of_stance(stance: Stance, _: int) -> int:
    return stance.posture * RAISED + stance.held if stance.posture else 0


def _worth_of_failures(failures: Failures, _: int) -> int:
    return failures.now + sum(failures.before)
