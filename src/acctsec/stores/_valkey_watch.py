"""
What many processes saw, summed up on Valkey, as plans: sightings, sprays, crowds and rises first, then scores, then postures.

Each part makes calls of one script and reads their answers. On one server a part is one call; in a cluster its places lie in
shards, each under a hash tag. Nothing is asked again: what may have been counted must not count twice.
"""

from collections import defaultdict
from collections.abc import Sequence
from struct import iter_unpack, pack, unpack
from typing import Any, Protocol

from acctsec._values import Value
from acctsec.attacks.decay import BROKEN_CLOCK, FACTORS, STEPS
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.reputation import Wrong, places
from acctsec.attacks.signals import Detector, Signal, opaque
from acctsec.attacks.spread import SpreadPolicy
from acctsec.attacks.surge import Failures
from acctsec.budgets import micros
from acctsec.stores._fleet import NEVER, PLACE_BYTES, Finding, Held, Names, Report, Rise, Stances, longest, notable, until_decayed
from acctsec.stores._plans import Plan
from acctsec.stores._valkey_calls import Call, Caller, Script
from acctsec.stores._valkey_sketch import Layout

SHARDS = 16  # of a cluster; one server has one
CHUNK = 100  # reports of one script at most, so that it holds up its server for some 2 ms
HEARD = 250  # places that are heard of at once
SCORES, UNKNOWN, STANCES = 65_536, 16_384, 4_096  # places that are remembered on all servers together
TENANTS = 256

# Of 250,000 guesses a count is at most 3 too high, but for one in 55; then a generation ends.
WIDTH, DEPTH, FULL = 262_144, 4, 250_000
DAY = 86_400_000_000
FINE = 20  # bits that a point is cut into: a score goes to 2^30 points, times 2 in a half-life, and Lua counts to 2^53

GUESSED = Script("sketch", "sketch_recent")
SPREAD = Script("spread")
SCORE = Script("scores")
RISE = Script("failures")
SHARE = Script("stances")


class Part(Protocol):
    """What is asked in calls of one script, and read from their answers."""

    def calls(self) -> list[Call]:
        """What to ask."""

    def read(self, answers: Sequence[Any]) -> None:
        """Take in what was answered, in the order of the calls."""


class Fleet:
    """Sums up what all processes report, by way of *caller*, under keys that begin with *prefix*."""

    def __init__(self, caller: Caller, prefix: bytes, names: Names) -> None:
        self._caller = caller
        self._names = names
        self._keys = Keys(prefix + b"watch:", SHARDS if caller.router.cluster else 1)
        self._days: dict[bytes, Day] = {}

    def tell(self, policy: AttackPolicy, reports: Sequence[Report]) -> Plan[list[Finding]]:
        """Add what is reported, and find how far all together have come."""
        guessed = Guesses(self._keys, reports)
        spray = Touches(self._keys, self._names, policy, Detector.SPRAY, reports)
        crowd = Touches(self._keys, self._names, policy, Detector.CROWD, reports)
        rises = Rises(self._keys, self._names, policy, reports, self._days)
        yield from self._ask([guessed, spray, crowd, rises])
        wrong = [
            Wrong(known_name=one.known_name, sightings=sightings)
            for one, sightings in zip(reports, guessed.sightings, strict=True)
        ]
        scores = Scores(self._keys, self._names, policy, reports, wrong, unknown=False)
        unknown = Scores(self._keys, self._names, policy, reports, wrong, unknown=True)
        yield from self._ask([scores, unknown])
        return [*spray.found, *crowd.found, *rises.found, *scores.found, *unknown.found]

    def share(self, policy: AttackPolicy, stances: Stances, unknown: Stances, now: int) -> Plan[tuple[bool, list[Rise]]]:
        """Exchange postures with all others; whether all was heard, and what rose here first."""
        shares = [
            Share(self._keys.of(0, b"stances:"), policy, stances, now),
            Share(self._keys.of(0, b"told:"), policy, unknown, now),
        ]
        yield from self._ask(shares)
        return all(share.complete for share in shares), [rise for share in shares for rise in share.rises]

    def _ask(self, parts: Sequence[Part]) -> Plan[None]:
        asked = [part.calls() for part in parts]
        calls = [call for of_part in asked for call in of_part]
        answers = (yield from self._caller.run(calls, again=False)) if calls else []
        for part, of_part in zip(parts, asked, strict=True):
            part.read(answers[: len(of_part)])
            answers = answers[len(of_part) :]


class Keys:
    """Where a place lies: its shard, and the keys of that."""

    def __init__(self, prefix: bytes, shards: int) -> None:
        self._prefix = prefix
        self.shards = shards

    def shard(self, place: bytes) -> int:
        """The shard of a place."""
        return place[0] % self.shards

    def of(self, shard: int, name: bytes) -> bytes:
        """A key of a shard."""
        return b"%b{%d}:%b" % (self._prefix, shard, name)


class Guesses:
    """How often each password was guessed wrong of late, before it was guessed again."""

    def __init__(self, keys: Keys, reports: Sequence[Report]) -> None:
        self._keys = keys
        self._layout = Layout(width=WIDTH // keys.shards, depth=DEPTH, columns=WIDTH)
        self._shards: dict[int, list[int]] = defaultdict(list)
        self._reports = reports
        for number, report in enumerate(reports):
            self._shards[keys.shard(report.seen.candidate)].append(number)
        self.sightings = [0] * len(reports)

    def calls(self) -> list[Call]:
        """One for each shard."""
        return [self._call(shard, numbers) for shard, numbers in self._shards.items()]

    def _call(self, shard: int, numbers: Sequence[int]) -> Call:
        keys = [self._keys.of(shard, b"guessed:%b" % part) for part in (b"state", b"0", b"1")]
        now = max(self._reports[number].now for number in numbers)
        arguments = [now, DAY, FULL // self._keys.shards, BROKEN_CLOCK, _milliseconds(3 * DAY), DEPTH]
        for number in numbers:
            # The first byte chose the shard.
            arguments += self._layout.place(self._reports[number].seen.candidate[1:])[1]
        return Call(GUESSED, keys, arguments)

    def read(self, answers: Sequence[Any]) -> None:
        """Note how often each was there."""
        for numbers, counts in zip(self._shards.values(), answers, strict=True):
            for number, count in zip(numbers, counts, strict=True):
                self.sightings[number] = count


class Touched(Value, frozen=True):
    """A place, and the members it touched in one window."""

    tenant: str
    name: str
    bits: set[int]


class Touches:
    """Which passwords, or prefixes, touched which accounts."""

    def __init__(self, keys: Keys, names: Names, policy: AttackPolicy, detector: Detector, reports: Sequence[Report]) -> None:
        self.found: list[Finding] = []
        self._keys, self._detector = keys, detector
        self._bands = policy.posture.bands(detector)
        self._spread: SpreadPolicy = policy.spray.candidates if detector is Detector.SPRAY else policy.spray.prefixes
        self._length = micros(self._spread.window)
        self._calls: dict[tuple[int, int], dict[bytes, Touched]] = defaultdict(dict)
        self._now = max(report.now for report in reports)
        for report in reports:
            seen, window = report.seen, report.now // self._length
            bit = int.from_bytes(seen.account[:PLACE_BYTES], "big") % self._spread.bits
            for name in [seen.candidate] if detector is Detector.SPRAY else seen.networks.prefixes:
                place = names.place(seen.tenant, detector, name)
                told = opaque(name) if isinstance(name, bytes) else name
                of_shard = self._calls[window, keys.shard(place)]
                of_shard.setdefault(place, Touched(seen.tenant, told, set())).bits.add(bit)

    def calls(self) -> list[Call]:
        """One for each shard, and for each window there is a report of."""
        return [self._call(window, shard, touched) for (window, shard), touched in sorted(self._calls.items())]

    def _call(self, window: int, shard: int, touched: dict[bytes, Touched]) -> Call:
        spread = self._spread
        table = f"{self._detector.value}:{spread.keys}x{spread.bits}:{self._length}".encode()
        keys = [
            self._keys.of(shard, b"%b:%d:%b" % (table, one, part))
            for one, part in (
                (window, b"counts"),
                (window, b"slots"),
                (window, b"bits"),
                (window - 1, b"slots"),
                (window - 1, b"bits"),
            )
        ]
        arguments: list[bytes | int] = [spread.keys, -(-spread.bits // 8), notable(self._bands), _milliseconds(2 * self._length)]
        for place, one in touched.items():
            arguments += [place, pack(f">{len(one.bits)}H", *sorted(one.bits))]
        return Call(SPREAD, keys, arguments)

    def read(self, answers: Sequence[Any]) -> None:
        """Find the places with enough members to matter."""
        for ((window, _), touched), answer in zip(sorted(self._calls.items()), answers, strict=True):
            for (place, one), (present, before) in zip(touched.items(), answer, strict=True):
                if present:
                    self.found.append(
                        self._finding(window, place, one, int.from_bytes(present, "big"), int.from_bytes(before, "big"))
                    )

    def _finding(self, window: int, place: bytes, one: Touched, present: int, before: int) -> Finding:
        ends, lately = (window + 1) * self._length, present.bit_count()
        signal = Signal(self._detector, one.name, (present | before).bit_count())
        # What was touched in this window is remembered in the next one too.
        return Finding(place, one.tenant, signal, self._now, lambda below: ends + (self._length if lately >= below else 0))


class Day(Value, frozen=True):
    """The buckets before the present one, as they came from a server and as a policy enters them."""

    policy: object
    present: int
    counts: bytes
    before: tuple[int, ...]


class Rises:
    """How many failures each tenant had, in buckets."""

    def __init__(self, keys: Keys, names: Names, policy: AttackPolicy, reports: Sequence[Report], days: dict[bytes, Day]) -> None:
        self.found: list[Finding] = []
        self._policy, self._days = policy.surge, days
        self._length = micros(self._policy.bucket)
        self._tenants: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for report in reports:
            self._tenants[report.seen.tenant][report.now // self._length] += 1
        self._places = {tenant: names.place(tenant, Detector.SURGE, tenant) for tenant in self._tenants}
        self._prefix = keys.of(0, b"")[: -len(b"{0}:")]

    def calls(self) -> list[Call]:
        """One for each tenant; each has a key and a hash tag of its own."""
        policy, calls = self._policy, []
        keep = _milliseconds((policy.buckets + 2) * self._length)
        for tenant, buckets in self._tenants.items():
            name = f"{self._places[tenant].hex()}}}:{policy.buckets}x{self._length}".encode()
            arguments = [policy.buckets, BROKEN_CLOCK // self._length + 1, keep]
            for bucket, failures in sorted(buckets.items()):
                arguments += [bucket, failures]
            calls.append(Call(RISE, [self._prefix + b"{" + name], arguments))
        return calls

    def read(self, answers: Sequence[Any]) -> None:
        """Weigh the present bucket against the day before."""
        for tenant, (present, counts) in zip(self._tenants, answers, strict=True):
            place, now = self._places[tenant], present * self._length
            before = self._before(place, present, counts[:-4])
            failures = Failures(present, int.from_bytes(counts[-4:], "big"), before)
            signal = self._policy.look(failures, tenant, now=now)
            ends = now + self._length
            self.found.append(Finding(place, tenant, signal, now, lambda _, ends=ends: ends))  # type: ignore[misc]

    def _before(self, place: bytes, present: int, counts: bytes) -> tuple[int, ...]:
        """What the buckets before are remembered as; counted out once for each bucket, since one with an alarm enters as less."""
        day = self._days.get(place)
        if day is not None and (day.policy, day.present, day.counts) == (self._policy, present, counts):
            return day.before
        state, first = Failures(), present - len(counts) // 4
        for number, (failures,) in enumerate(iter_unpack(">I", counts)):
            state, _ = self._policy.step(state, "", now=(first + number) * self._length, failures=failures)
        state, _ = self._policy.step(state, "", now=present * self._length, failures=0)
        if len(self._days) >= TENANTS:
            del self._days[next(iter(self._days))]
        self._days[place] = Day(self._policy, present, counts, state.before)
        return state.before


class Scores:
    """What networks have guessed wrong, in points; or, apart from it, what addresses guessed at names that nobody has."""

    def __init__(
        self, keys: Keys, names: Names, policy: AttackPolicy, reports: Sequence[Report], wrong: Sequence[Wrong], *, unknown: bool
    ) -> None:
        self.found: list[Finding] = []
        self._keys, self._policy = keys, policy.reputation
        self._bands = policy.posture.bands
        self._half_life = micros(self._policy.half_life)
        self._table, self._room = (b"unknown", UNKNOWN) if unknown else (b"scores", SCORES)
        self._now = max(report.now for report in reports)
        self._sums: dict[bytes, tuple[int, int]] = {}
        self._signals: dict[bytes, tuple[str, Detector, str]] = {}
        for report, one in zip(reports, wrong, strict=True):
            weight = self._policy.unknown_weight(one) if unknown else self._policy.weight(one)
            for detector, name in places(report.seen.networks):
                if (detector is Detector.UNKNOWN) is unknown:
                    place = names.place(report.seen.tenant, detector, name)
                    self._signals[place] = (report.seen.tenant, detector, name)
                    self._charge(place, weight, report.now)
        self._shards: dict[int, list[bytes]] = defaultdict(list)
        for place in self._sums:
            self._shards[keys.shard(place)].append(place)

    def _charge(self, place: bytes, weight: int, now: int) -> None:
        step = now * STEPS // self._half_life
        latest, units = self._sums.get(place, (step, 0))
        halves = step // STEPS - latest // STEPS
        if halves > 0:
            units >>= halves
        more = weight * _factor(step) >> max(0, -halves)
        latest = max(step, latest)
        self._sums[place] = latest, min(units + more, self._policy.most * _factor(latest))

    def calls(self) -> list[Call]:
        """One for each shard."""
        return [self._call(shard, its_places) for shard, its_places in self._shards.items()]

    def _call(self, shard: int, its_places: Sequence[bytes]) -> Call:
        keys = [self._keys.of(shard, b"%b:%d:%b" % (self._table, self._half_life, part)) for part in (b"worth", b"sums")]
        lasts = self._half_life * (self._policy.most.bit_length() + 1)
        # A point is worth 2^20 units at the beginning of a half-life: what was worth less a whole one ago is nothing.
        nothing = self._now // self._half_life + FINE - 1
        arguments: list[bytes | int] = [
            max(1, self._room // self._keys.shards),
            nothing,
            BROKEN_CLOCK // self._half_life + 1,
            _milliseconds(lasts),
        ]
        for place in its_places:
            step, units = self._sums[place]
            arguments += [place, step // STEPS, units, self._policy.most * _factor(step)]
        return Call(SCORE, keys, arguments)

    def read(self, answers: Sequence[Any]) -> None:
        """Find how many points each place has."""
        for its_places, sums in zip(self._shards.values(), answers, strict=True):
            for place, (half, units) in zip(its_places, sums, strict=True):
                tenant, detector, name = self._signals[place]
                step = max(self._now * STEPS // self._half_life, half * STEPS)
                level = (units >> step // STEPS - half) // _factor(step)
                lasts = until_decayed(level, self._half_life, self._now)
                self.found.append(Finding(place, tenant, Signal(detector, name, level), self._now, lasts))


def _factor(step: int) -> int:
    """What a point is worth at a step, in units of its half-life."""
    return FACTORS[step % STEPS] >> 40 - FINE


class Share:
    """Until when postures hold: what this process came to, and what others did."""

    def __init__(self, prefix: bytes, policy: AttackPolicy, stances: Stances, now: int) -> None:
        self.complete = True
        self.rises: list[Rise] = []
        self._keys = [prefix + part for part in (b"changed", b"held", b"state")]
        self._policy, self._stances, self._now = policy, stances, now
        self._untold = list(stances.untold)[:HEARD]

    def calls(self) -> list[Call]:
        """One, on the first shard."""
        stances = self._stances
        ahead = max(longest(self._policy, detector) for detector in Detector) + BROKEN_CLOCK
        arguments: list[bytes | int] = [self._now, stances.known, HEARD, STANCES, ahead, _milliseconds(2 * ahead)]
        for place in self._untold:
            arguments += [place, pack(">3Q", *stances.held.get(place, NEVER))]
        return [Call(SHARE, self._keys, arguments)]

    def read(self, answers: Sequence[Any]) -> None:
        """Take over what others came to, and find what they had not come to yet."""
        [(begun, known, told, olds)] = answers
        stances = self._stances
        rises = [stances.told(place, _held(old), self._policy) for place, old in zip(self._untold, olds, strict=True)]
        self.rises = [rise for rise in rises if rise is not None]
        stances.heard(int(begun), int(known), zip(told[::2], map(_held, told[1::2]), strict=True))
        self.complete = len(told) < 2 * HEARD and not stances.untold


def _held(packed: bytes) -> Held:
    if not packed:
        return NEVER
    first, second, third = unpack(">3Q", packed)
    return (first, second, third)


def _milliseconds(length: int) -> int:
    return -(-length // 1000)
