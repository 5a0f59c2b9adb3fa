"""Laws of lockout policies, asked of the meters that keep them."""

from collections.abc import Sequence
from itertools import count

from attrs import define, field

from acctsec.budgets import Rungs, micros
from acctsec.lockout import LADDERED, Admitted, Attempt, Judgement, Lane, LockoutPolicy, SecretClass
from acctsec.lockout.hits import UNITS
from acctsec.meters import rest
from acctsec.policy import Policy
from acctsec.protocols import Charge, Reading, Settle
from acctsec.record import MAX_DEVICES
from acctsec.stores import MemoryStore
from acctsec.testing._laws import for_all

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


def more_failures_never_loosen(policy: Policy) -> None:
    """A lane rests after a failure at least as long as after one fewer, and never longer than it says."""
    lockout = policy.lockout
    for rungs in (lockout.strangers, lockout.device, lockout.month, lockout.pair, lockout.source, lockout.codes):
        ladder = rungs.ladder(lockout.lease)
        rests = [rest(ladder, failures) for failures in range(min(rungs.stop, 1000) + 2)]
        assert rests == sorted(rests), rests
        assert max(rests) <= micros(rungs.longest), rests
        assert not any(rests[: rungs.free]), "a rest among the free tries"


def none_admits_above_its_stop(policy: Policy) -> None:
    """No lane compares more wrong guesses than its stop, at whatever pace they come."""
    from hypothesis import strategies as st

    lanes = [(kind, lane) for kind in sorted(LADDERED) for lane in (STRANGERS, KNOWN, HOME)]
    pace = st.lists(st.sampled_from((0, 1, 60, 3600, 86_400, 31 * 86_400)), min_size=1, max_size=8)

    def law(where: tuple[SecretClass, Lane], steps: list[int]) -> None:
        guesser = Guesser(policy.lockout, *where)
        compared = 0
        for number in range(3 * guesser.rungs.stop):
            guesser.now += steps[number % len(steps)] * 1_000_000
            compared += guesser.guess()
        assert compared <= guesser.rungs.stop, f"{compared} comparisons where {guesser.rungs.stop} is the end"

    for_all(law, st.sampled_from(lanes), pace, examples=30)


def parallel_guesses_share_what_is_left(policy: Policy) -> None:
    """Guesses that nobody has settled yet share the room that one after the other would have."""
    from hypothesis import strategies as st

    def law(before: int, lane: Lane) -> None:
        guesser = Guesser(policy.lockout, lane=lane)
        for _ in range(before):
            guesser.guess()
            guesser.now += micros(guesser.rungs.longest)
        admitted = sum(isinstance(guesser.charge()[0], Admitted) for _ in range(guesser.rungs.stop + 5))
        assert admitted <= max(guesser.rungs.free - before, 1), f"{admitted} at once after {before} failures"

    for_all(law, st.integers(0, policy.lockout.strangers.free + 2), st.sampled_from((STRANGERS, KNOWN)), examples=30)


def none_stays_closed_for_longer_than_it_says(policy: Policy) -> None:
    """Short of its stop a lane opens again within its longest rest, whatever went before."""
    from hypothesis import strategies as st

    def law(failures: int, lane: Lane, steps: list[int]) -> None:
        guesser = Guesser(policy.lockout, lane=lane)
        for number in range(min(failures, guesser.rungs.stop - 1)):
            guesser.guess()
            guesser.now += steps[number % len(steps)] * 1_000_000
        guesser.now += micros(max(guesser.rungs.longest, policy.lockout.lease))
        assert guesser.guess(), "still closed"

    some = st.lists(st.integers(0, 600), min_size=1, max_size=4)
    for_all(law, st.integers(0, policy.lockout.strangers.stop), st.sampled_from((STRANGERS, KNOWN)), some, examples=30)


def nobody_holds_up_a_known_device(policy: Policy) -> None:
    """However often strangers fail, a known device has all its tries, and the other way round; so has a known network."""
    apart = [(STRANGERS, KNOWN), (KNOWN, STRANGERS)]
    if policy.lockout.networks:
        apart += [(near, HOME) for near in (STRANGERS, KNOWN, OFFICE)] + [(HOME, far) for far in (STRANGERS, KNOWN, OFFICE)]
    for near, far in apart:
        guesser = Guesser(policy.lockout, lane=near)
        for _ in range(2 * guesser.rungs.stop):
            guesser.guess()
            guesser.now += micros(guesser.rungs.longest)
        guesser.lane = far
        admitted = sum(guesser.guess() for _ in range(guesser.rungs.free))
        assert admitted == guesser.rungs.free, f"{near} holds up {far}"


def a_success_opens_its_own_lane(policy: Policy) -> None:
    """A full success forgets the failures before it, and gives a guesser no more than that."""
    guesser = Guesser(policy.lockout)
    free = guesser.rungs.free
    for _ in range(free - 1):
        guesser.guess()
    assert guesser.guess(Settle.CLEAR), "the last free try is not admitted"
    again = sum(guesser.guess() for _ in range(guesser.rungs.stop))
    assert again == free, f"{again} tries at once after a success, {free} are free"


def all_lanes_together_stop_at_a_hundred(policy: Policy) -> None:
    """All lanes of a subject together end at 100 consecutive failures (SP 800-63B-4 section 3.2.2)."""
    guesser = Guesser(policy.lockout)
    compared = 0
    networks = (Lane(network=bytes([number]) * 8) for number in range(policy.lockout.networks))
    for lane in (STRANGERS, *networks, *(Lane(bytes([number]) * 16) for number in range(MAX_DEVICES))):
        guesser.lane = lane
        for _ in range(guesser.rungs.stop + 5):
            compared += guesser.guess()
            guesser.now += micros(guesser.rungs.longest)
    assert compared <= 100, f"{compared} consecutive failures were compared"


def strangers_compare_no_more_than_the_mass(policy: Policy) -> None:
    """What strangers compare at one account weighs no more than the hit count allows, at whatever pace and in parallel."""
    from hypothesis import strategies as st

    lockout, hits = policy.lockout, policy.lockout.hits
    if hits is None:
        return
    pace = micros(hits.window) // 100  # 60 guesses stay within the window
    guess = st.tuples(st.integers(0, UNITS + 1), st.sampled_from((0, 1_000_000, pace)), st.booleans())

    def law(guesses: list[tuple[int, int, bool]]) -> None:
        guesser, compared = Guesser(lockout), 0
        for weight, wait, settles in guesses:
            guesser.now += wait
            judgement, charges, readings = guesser.charge(weight)
            allowed = isinstance(judgement, Admitted)
            if allowed and not lockout.too_likely(None, STRANGERS, weight=weight, charges=charges, readings=readings):
                compared += weight
            if settles or not allowed:
                guesser.store.settle(lockout.settlements(charges, readings, Settle.FAILED), guesser.now)
        assert compared <= UNITS, f"{compared} units were compared where {UNITS} are the mass"

    for_all(law, st.lists(guess, min_size=10, max_size=60), examples=30)


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
