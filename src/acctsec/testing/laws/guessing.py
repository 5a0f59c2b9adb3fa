"""Laws of lockout policies, asked of the meters that keep them."""

from collections.abc import Sequence
from itertools import count, pairwise

from attrs import define, field

from acctsec.budgets import Rungs, micros
from acctsec.lockout import LADDERED, Admitted, Attempt, Judgement, Lane, LockoutPolicy, SecretClass
from acctsec.lockout.hits import UNITS
from acctsec.meters import rest
from acctsec.protocols import Charge, Reading, Settle
from acctsec.record import MAX_DEVICES
from acctsec.stores import MemoryStore
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law
from acctsec.testing.laws.words import span, times, what, who

STRANGERS, KNOWN = Lane(), Lane(b"d" * 16)
HOME, OFFICE = Lane(network=b"home"), Lane(network=b"office")
START = 1_800_000_000_000_000


@define
class Guesser:
    """Somebody who guesses the secrets of one subject, every time another one and from another network."""

    policy: LockoutPolicy
    kind: SecretClass = SecretClass.PASSWORD
    lane: Lane = STRANGERS
    store: MemoryStore = field(factory=MemoryStore)
    now: int = START
    numbers: "count[int]" = field(factory=lambda: count(1))

    def charge(self, weight: int = 0) -> tuple[Judgement, Sequence[Charge], Sequence[Reading]]:
        """Reserve room for one guess."""
        number = next(self.numbers)
        attempt = Attempt(
            kind=self.kind,
            lane=self.lane,
            subject=b"subject",
            source=b"source %d" % number,
            pair=b"pair",
            candidate=number,
            outside=number,
            hold=number.to_bytes(16, "little"),
            weight=weight,
        )
        charges = self.policy.charges(attempt)
        readings = self.store.charge(charges, self.now)
        return self.policy.judge(charges, readings), charges, readings

    def guess(self, verdict: Settle = Settle.FAILED) -> bool:
        """One whole attempt; whether it was compared."""
        judgement, charges, readings = self.charge()
        self.store.settle(self.policy.settlements(charges, readings, verdict), self.now)
        return isinstance(judgement, Admitted)

    @property
    def rungs(self) -> Rungs:
        """The ladder of the lane."""
        return self.policy.rungs(self.kind, self.lane)


@law("failures-never-loosen", Family.LOCKOUT, "I12", "I16")
def more_failures_never_loosen(ask: Asking) -> None:
    """A lane rests after a failure at least as long as after one fewer, and never longer than it says."""
    lockout = ask.policy.lockout
    for name in ("strangers", "device", "month", "pair", "source", "codes"):
        rungs: Rungs = getattr(lockout, name)
        ladder = rungs.ladder(lockout.lease)
        rests = [rest(ladder, failures) for failures in range(min(rungs.stop, 1000) + 2)]
        for failures, (before, after) in enumerate(pairwise(rests), 1):
            with ask.trying(f"The budget {name} has counted {times(failures, 'failure')}."):
                assert before <= after, f"It rests {span(after)}; with one fewer it rested {span(before)}."
                assert after <= micros(rungs.longest), f"It rests {span(after)}; it says {span(rungs.longest)} at most."
                assert failures >= rungs.free or not after, f"It rests {span(after)}; {rungs.free} are free."


@law("lane-never-above-stop", Family.LOCKOUT, "I12", "I13", examples=30)
def none_admits_above_its_stop(ask: Asking) -> None:
    """No lane compares more wrong guesses than its stop, at whatever pace they come."""
    from hypothesis import strategies as st

    lanes = [(kind, lane) for kind in sorted(LADDERED) for lane in (STRANGERS, KNOWN, HOME)]
    pace = st.lists(st.sampled_from((0, 1, 60, 3600, 86_400, 31 * 86_400)), min_size=1, max_size=8)
    told = [0, 0]

    def case(where: tuple[SecretClass, Lane], steps: list[int]) -> None:
        guesser = Guesser(ask.policy.lockout, *where)
        compared, stop = 0, guesser.rungs.stop
        for number in range(3 * stop):
            guesser.now += steps[number % len(steps)] * 1_000_000
            compared += guesser.guess()
            told[:] = number + 1, guesser.now - START
            assert compared <= stop, f"The lane compares the guess number {compared}; its stop is {stop}."

    def says(where: tuple[SecretClass, Lane], steps: list[int]) -> str:  # noqa: ARG001 - drawn
        kind, lane = where
        return f"From {who(lane)} come {told[0]:,} wrong {what(kind)} within {span(told[1])}."

    ask.of(case, st.sampled_from(lanes), pace, says=says)


@law("parallel-guesses-share-room", Family.LOCKOUT, "I12", examples=30)
def parallel_guesses_share_what_is_left(ask: Asking) -> None:
    """Guesses that nobody has settled yet share the room that one after the other would have."""
    from hypothesis import strategies as st

    def case(before: int, lane: Lane) -> None:
        guesser = Guesser(ask.policy.lockout, lane=lane)
        for _ in range(before):
            guesser.guess()
            guesser.now += micros(guesser.rungs.longest)
        admitted = sum(isinstance(guesser.charge()[0], Admitted) for _ in range(guesser.rungs.stop + 5))
        room = max(guesser.rungs.free - before, 1)
        assert admitted <= room, f"{times(admitted, 'guess')} are compared at once, where there is room for {room}."

    def says(before: int, lane: Lane) -> str:
        at_once = Guesser(ask.policy.lockout, lane=lane).rungs.stop + 5
        return f"After {times(before, 'failure')} there come {times(at_once, 'guess')} at the same moment from {who(lane)}."

    ask.of(case, st.integers(0, ask.policy.lockout.strangers.free + 2), st.sampled_from((STRANGERS, KNOWN)), says=says)


@law("lane-opens-again", Family.LOCKOUT, "I16", examples=30)
def none_stays_closed_for_longer_than_it_says(ask: Asking) -> None:
    """Short of its stop a lane opens again within its longest rest, whatever went before."""
    from hypothesis import strategies as st

    lockout = ask.policy.lockout

    def case(failures: int, lane: Lane, steps: list[int]) -> None:
        guesser = Guesser(lockout, lane=lane)
        for number in range(min(failures, guesser.rungs.stop - 1)):
            guesser.guess()
            guesser.now += steps[number % len(steps)] * 1_000_000
        wait = micros(max(guesser.rungs.longest, lockout.lease))
        guesser.now += wait
        assert guesser.guess(), f"It is still closed {span(wait)} after the last one."

    def says(failures: int, lane: Lane, steps: list[int]) -> str:
        failures = min(failures, Guesser(lockout, lane=lane).rungs.stop - 1)
        pace = " s, ".join(map(str, steps))
        return f"The lane of {who(lane)} has {times(failures, 'attempt')}, {pace} s apart."

    some = st.lists(st.integers(0, 600), min_size=1, max_size=4)
    ask.of(case, st.integers(0, lockout.strangers.stop), st.sampled_from((STRANGERS, KNOWN)), some, says=says)


@law("nobody-holds-up-a-device", Family.LOCKOUT, "I16")
def nobody_holds_up_a_known_device(ask: Asking) -> None:
    """However often strangers fail, a known device has all its tries, and the other way round; so has a known network."""
    lockout = ask.policy.lockout
    apart = [(STRANGERS, KNOWN), (KNOWN, STRANGERS)]
    if lockout.networks:
        apart += [(near, HOME) for near in (STRANGERS, KNOWN, OFFICE)] + [(HOME, far) for far in (STRANGERS, KNOWN, OFFICE)]
    for near, far in apart:
        guesser = Guesser(lockout, lane=near)
        tries = 2 * guesser.rungs.stop
        with ask.trying(f"From {who(near)} come {times(tries, 'failure')}, and then tries from {who(far)}."):
            for _ in range(tries):
                guesser.guess()
                guesser.now += micros(guesser.rungs.longest)
            guesser.lane = far
            free, admitted = guesser.rungs.free, sum(guesser.guess() for _ in range(guesser.rungs.free))
            assert admitted == free, f"Of {free} free tries there are {admitted} left."


@law("success-opens-its-lane", Family.LOCKOUT, "I15")
def a_success_opens_its_own_lane(ask: Asking) -> None:
    """A full success forgets the failures before it, and gives a guesser no more than that."""
    guesser = Guesser(ask.policy.lockout)
    free = guesser.rungs.free
    with ask.trying(f"After {times(free - 1, 'failure')} somebody signs in, and strangers go on to guess."):
        for _ in range(free - 1):
            guesser.guess()
        assert guesser.guess(Settle.CLEAR), f"The sign-in is not admitted, though {free} tries are free."
        again = sum(guesser.guess() for _ in range(guesser.rungs.stop))
        assert again == free, f"They have {times(again, 'try')} at once, where {free} are free."


@law("all-lanes-stop-at-a-hundred", Family.LOCKOUT, "I13")
def all_lanes_together_stop_at_a_hundred(ask: Asking) -> None:
    """All lanes of a subject together end at 100 consecutive failures (SP 800-63B-4 section 3.2.2)."""
    guesser, compared = Guesser(ask.policy.lockout), 0
    networks = [Lane(network=bytes([number]) * 8) for number in range(ask.policy.lockout.networks)]
    devices = [Lane(bytes([number]) * 16) for number in range(MAX_DEVICES)]
    told = f"Strangers guess, from {times(len(networks), 'known network')} too, and on {len(devices)} known devices."
    with ask.trying(told):
        for lane in (STRANGERS, *networks, *devices):
            guesser.lane = lane
            for _ in range(guesser.rungs.stop + 5):
                compared += guesser.guess()
                guesser.now += micros(guesser.rungs.longest)
        assert compared <= 100, f"{compared} consecutive failures are compared."


@law("hit-count-is-never-exceeded", Family.LOCKOUT, "I12", examples=30)
def strangers_compare_no_more_than_the_mass(ask: Asking) -> None:
    """What strangers compare at one account weighs no more than the hit count allows, at whatever pace and in parallel."""
    from hypothesis import strategies as st

    lockout, hits = ask.policy.lockout, ask.policy.lockout.hits
    if hits is None:
        raise NotAsked("The policy has no hit count (lockout.hits).")
    pace = micros(hits.window) // 100  # 60 guesses stay within the window
    guess = st.tuples(st.integers(0, UNITS + 1), st.sampled_from((0, 1_000_000, pace)), st.booleans())

    def case(guesses: list[tuple[int, int, bool]]) -> None:
        guesser, compared = Guesser(lockout), 0
        for weight, wait, settles in guesses:
            guesser.now += wait
            judgement, charges, readings = guesser.charge(weight)
            allowed = isinstance(judgement, Admitted)
            if allowed and not lockout.too_likely(None, STRANGERS, weight=weight, charges=charges, readings=readings):
                compared += weight
            if settles or not allowed:
                guesser.store.settle(lockout.settlements(charges, readings, Settle.FAILED), guesser.now)
        assert compared <= UNITS, f"Of a mass of {UNITS:,} units they compare {compared:,}."

    def says(guesses: list[tuple[int, int, bool]]) -> str:
        heavy = [weight for weight, _, _ in guesses if weight]
        return f"Strangers make {times(len(guesses), 'guess')}, which weigh {', '.join(map(str, heavy)) or 'nothing'} units."

    ask.of(case, st.lists(guess, min_size=10, max_size=60), says=says)


LAWS = (
    more_failures_never_loosen,
    none_admits_above_its_stop,
    parallel_guesses_share_what_is_left,
    none_stays_closed_for_longer_than_it_says,
    nobody_holds_up_a_known_device,
    a_success_opens_its_own_lane,
    all_lanes_together_stop_at_a_hundred,
    strangers_compare_no_more_than_the_mass,
)
