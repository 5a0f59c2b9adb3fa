"""A store and ``acctsec.meters`` side by side: stories told to both, and a search for one in which they differ."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from acctsec._values import evolve
from acctsec.meters import FRESH, MAX_DONE, MAX_SEEN, Meter, charge_row, settle_row, tally
from acctsec.protocols import Charge, Granted, Ladder, Settle, Settlement, Untouched

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = 1_750_000_000 * SECOND + 123_456

LADDER = Ladder(free=5, first=SECOND, longest=60 * SECOND, stop=9, window=0, lease=30 * SECOND)
WINDOWED = evolve(LADDER, free=3, stop=5, window=HOUR)
NAMES = (
    (b"!own", LADDER),
    (b"pair", WINDOWED),
    (b"", evolve(LADDER, free=1, stop=3, longest=4 * SECOND, lease=SECOND)),
    # Wide enough for long stories of one meter: nothing rests, nearly nothing is refused.
    (b"\0", evolve(LADDER, free=40, stop=60)),
    (b"\0\0", evolve(WINDOWED, free=40, stop=60)),
    # A budget of mass: as many units as are free, and then none.
    (b"!mass", evolve(WINDOWED, free=50, stop=50)),
)


def agrees_with_the_arithmetic(store: Any) -> None:
    """Whatever is charged, settled and read, in whatever order and at whatever times, must answer as acctsec.meters says."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    slots, names = st.sampled_from((0, 0, 0, 1)), st.integers(0, len(NAMES) - 1)
    candidates = st.integers(0, 4) | st.integers(2**32 - 60, 2**32 - 1) | st.none()
    known = st.sampled_from((*[()] * 9, (2,), (44,), (0, 5), (0, 44), (0, 0, 2), (0, 0, 7), (0, 0, 20), (0, 0, 51), (44, 0, 3)))
    wishes = st.lists(st.builds(lambda *wish: (*wish[:3], *wish[3]), slots, names, candidates, known), max_size=5)
    charge = st.tuples(st.just("charge"), wishes)
    settle = st.tuples(st.just("settle"), st.lists(st.tuples(st.integers(0, 12), st.sampled_from(Settle)), max_size=4))
    again = st.tuples(st.just("again"), st.integers(0, 3))
    forward = (0, 0, 0, 1, SECOND - 1, SECOND, 29 * SECOND, 30 * SECOND, HOUR // 8, HOUR)
    steps = st.sampled_from((*forward, -1, -SECOND, -HOUR, -3 * DAY))
    turns = count()

    @settings(
        max_examples=200,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(charge | charge | settle | settle | again, steps), max_size=50))
    def compare(operations: list[tuple[tuple[str, Any], int]]) -> None:
        twin = Twin(store, b"%d" % next(turns))
        for (operation, given_), step in operations:
            twin.pass_time(step)
            getattr(twin, operation)(given_)
            twin.compare()

    compare()


def remembers_exactly_so_much(store: Any) -> None:
    """What a meter remembers must be bounded, and be forgotten, exactly as acctsec.meters says."""
    stories = (
        *(_many_candidates, _many_lapses, _many_successes, _many_sharers, _many_parts),
        *(_success_while_resting, _lapses_that_left, _broken_clock),
        *(_many_weights, _forgiven),
    )
    for number, story in enumerate(stories):
        story(Twin(store, b"story %d" % number))


def _many_candidates(twin: "Twin") -> None:
    """One more than can be remembered; then repeats of the oldest and of the latest, and some without a candidate."""
    for candidate in (*range(MAX_SEEN + 2), 0, MAX_SEEN, None, 3, 4):
        twin.charge([(0, 3, candidate)])
        twin.settle([(0, Settle.FAILED)])
        twin.compare()


def _many_lapses(twin: "Twin") -> None:
    """More lapses than can be corrected, corrected all the same, with failures before, between and after."""
    twin.charge([(0, 3, None)])
    for candidate in range(MAX_DONE + 2):
        twin.charge([(0, 3, candidate), (0, 4, candidate)])
    twin.pass_time(LADDER.lease)
    twin.charge([(0, 3, None), (0, 4, None), (0, 3, 99)])
    for number in range(2 * MAX_DONE + 9):
        twin.settle([(number, (Settle.VOID, Settle.VOID, Settle.CLEAR, Settle.FAILED)[number % 4])])
        twin.compare()


def _many_successes(twin: "Twin") -> None:
    """More successes at once than can be parked; each clears what came before it, once. The last turns out a failure."""
    for candidate in range(MAX_DONE + 2):
        twin.charge([(0, 3, 100 + candidate), (0, 4, 100 + candidate)])
        twin.settle([(0, Settle.FAILED), (1, Settle.FAILED)])
        twin.charge([(0, 3, candidate), (0, 4, candidate)])
        twin.settle([(0, Settle.PARK), (1, Settle.PARK)])
    twin.pass_time(HOUR + SECOND)
    parked = [number for number in range(len(twin.holds)) if number % 4 > 1]
    for number in (parked[-7], parked[-9], *parked[:-4], parked[-3], parked[-4]):
        twin.charge([(0, 3, None), (0, 3, 100), (0, 4, None), (0, 4, None)])
        twin.settle([(len(twin.holds) - 1 - number, Settle.CLEAR)])
        twin.compare()
    twin.settle([(len(twin.holds) - 1 - number, Settle.FAILED) for number in parked])
    twin.compare()


def _success_while_resting(twin: "Twin") -> None:
    """What was tried beside a success stays, and so does the rest it brought about."""
    twin.charge([(0, 0, 1)])
    twin.settle([(0, Settle.PARK)])
    for _ in range(LADDER.free):
        twin.charge([(0, 0, None)])
    twin.settle([(LADDER.free, Settle.CLEAR)])
    twin.compare()


def _many_sharers(twin: "Twin") -> None:
    """Some of those who wait on one comparison give up; the rest say how it ended, in time or late."""
    for late in (0, LADDER.lease):
        for last in Settle:
            twin.charge([(0, 3, 10 * late + len(twin.holds))])
            hold = len(twin.holds) - 1
            for _ in range(3):
                twin.charge([(0, 3, twin.holds[hold].candidate)])
            twin.pass_time(late)
            for verdict in (Settle.VOID, Settle.VOID, last, Settle.VOID):
                twin.settle([(len(twin.holds) - 1 - hold, verdict)])
                twin.compare()


def _many_parts(twin: "Twin") -> None:
    """Failures all over a window, read just before each leaves, when it does, and just after; then a repeat of the first."""
    leaving = []
    twin.charge([(0, 4, 1)])
    twin.settle([(0, Settle.FAILED)])
    for step in (0, 1, SECOND, HOUR // 16, HOUR // 16, HOUR // 8 + SECOND, HOUR // 4, HOUR // 8 - SECOND):
        twin.pass_time(step)
        twin.charge([(0, 4, None), (0, 1, None)])
        leaving.append(-(-twin.now // SECOND) * SECOND + HOUR)
        twin.compare()
    for instant in sorted({instant + near for instant in leaving for near in (-SECOND, -1, 0, 1)}):
        twin.pass_time(instant - twin.now)
        twin.compare()
    twin.charge([(0, 4, 1)])
    twin.compare()


def _lapses_that_left(twin: "Twin") -> None:
    """Corrections that come when their failures were forgotten, or may have been; and a repeat of what was corrected."""
    twin.charge([(0, 4, 1)])
    twin.pass_time(HOUR // 2)
    twin.charge([(0, 4, 2)])
    twin.charge([(0, 4, 3), (0, 4, None)])
    twin.pass_time(HOUR // 2 + LADDER.lease)
    twin.charge([(0, 4, 4), (0, 4, None)])
    for number in (5, 4, 3):
        twin.settle([(number, Settle.VOID)])
        twin.compare()
    twin.charge([(0, 4, 1), (0, 4, 2), (0, 4, 3)])
    twin.compare()
    twin.pass_time(HOUR - 2 * LADDER.lease)
    twin.charge([(0, 4, 4), (0, 4, 3)])
    twin.compare()


def _broken_clock(twin: "Twin") -> None:
    """From days ahead back to the present: what is under way lapses with its lease from there, what rests rests from there."""
    twin.now += 9 * DAY
    twin.charge([(0, 3, 1), (0, 4, 2), (0, 0, 3), (0, 1, None), (0, 1, None), (0, 1, None)])
    twin.now -= 9 * DAY
    for step in (0, SECOND, LADDER.lease - SECOND, LADDER.lease, HOUR):
        twin.pass_time(step)
        twin.compare()
        twin.charge([(0, 3, 1), (0, 0, 3)])
        twin.charge([(0, 1, 1)])


def _many_weights(twin: "Twin") -> None:
    """Every way for something heavy to end, beside what is light; then what fits no more, until enough has left."""
    for late in (0, LADDER.lease):
        for number, verdict in enumerate(Settle):
            for meter in (0, 4, 5):
                twin.charge([(0, meter, 10 * late + number, 0, 0, number + 2), (0, meter, 99)])
                twin.pass_time(late)
                twin.settle([(0, Settle.VOID), (1, verdict), (1, verdict)])
                twin.compare()
    twin.pass_time(HOUR // 4)
    for weight in (50, 51, 30, 20, 10, 5, 3, 1, 1):
        twin.charge([(0, 5, None, 0, 0, weight)])
        twin.charge([(0, 1, 1000 + weight, 0, 0, weight)])
        twin.pass_time(HOUR // 16)
        twin.compare()


def _forgiven(twin: "Twin") -> None:
    """Candidates that failed, some twice, that are under way, that lapsed, or never were; beside what a success would clear."""
    for meter in (3, 4):
        twin.charge([(0, meter, 100)])
        twin.settle([(0, Settle.PARK)])
        for candidate in range(5):
            twin.charge([(0, meter, candidate, 0, 0, 1 + candidate // 3)])
            twin.settle([(0, Settle.FAILED)])
            twin.pass_time(SECOND)
        twin.charge([(0, meter, 5), (0, meter, 6), (0, meter, None)])
        for number in (0, 1, 2, 3, 3, 7, 4, 6, 8):
            twin.settle([(number, Settle.FORGIVE)])
            twin.compare()
        twin.charge([(0, meter, 3), (0, meter, 4)])
        twin.settle([(0, Settle.FAILED), (0, Settle.FORGIVE), (0, Settle.FORGIVE), (1, Settle.CLEAR)])
        twin.pass_time(HOUR // 4)
        for number in range(len(twin.holds)):
            twin.settle([(number, Settle.FORGIVE)])
            twin.compare()
    twin.pass_time(HOUR + SECOND)
    twin.settle([(number, Settle.FORGIVE) for number in range(len(twin.holds))])
    twin.compare()


class Twin:
    """A store, and beside it the same meters in a dict, worked by ``acctsec.meters``."""

    def __init__(self, store: Any, name: bytes) -> None:
        self.store = store
        self.now = NOW
        # A meter that idles for two windows may be collected, so no more than that ever passes.
        self.patience = 2 * HOUR - 1
        self.rows: dict[bytes, dict[bytes, Meter]] = {b"%s:%d" % (name, number): {} for number in range(2)}
        self.calls: list[Sequence[Charge]] = []
        self.holds: list[Charge] = []

    def pass_time(self, step: int) -> None:
        """Go *step* forward, or as far as may be; or back."""
        if step > 0:
            step = min(step, self.patience)
            self.patience -= step
        self.now += step

    def charge(self, wishes: Sequence[tuple[Any, ...]]) -> None:
        """Put new charges to both: slot, meter and candidate by number, what is known of failures before, and a weight."""
        slots = list(self.rows)
        charges: list[Charge] = []
        for slot, number, candidate, *known in wishes:
            meter, ladder = NAMES[number]
            hold = (len(self.holds) + len(charges)).to_bytes(16)
            charges.append(Charge(slots[slot], meter, ladder, candidate, hold, *known))
        self.put(charges)
        self.calls.append(tuple(charges))
        self.holds.extend(charges)

    def again(self, number: int) -> None:
        """Put an earlier call to both once more, as after a lost answer."""
        if self.calls:
            self.put(self.calls[-1 - number % len(self.calls)])

    def put(self, charges: Sequence[Charge]) -> None:
        """Charge both, and compare the answers."""
        answers = list(self.store.charge(list(charges), self.now))
        expected: dict[bytes, list[Any]] = {}
        refused = False
        for slot in dict.fromkeys(charge.slot for charge in charges):
            asked = [one for one in charges if one.slot == slot]
            if refused:
                expected[slot] = [Untouched() for _ in asked]
                continue
            changed, expected[slot] = charge_row(self.rows[slot], asked, self.now)
            self.write(slot, changed)
            refused = not all(isinstance(reading, Granted) for reading in expected[slot])
        right = [expected[charge.slot].pop(0) for charge in charges]
        assert answers == right, f"Charging answered {answers} instead of {right}."

    def settle(self, wishes: Sequence[tuple[int, Settle]]) -> None:
        """Settle what was charged earlier, in both."""
        settlements = []
        for number, verdict in wishes if self.holds else ():
            charge = self.holds[-1 - number % len(self.holds)]
            settlements.append(Settlement(charge.slot, charge.meter, charge.ladder, charge.hold, verdict, charge.candidate))
        self.store.settle(list(settlements), self.now)
        for slot in {one.slot for one in settlements}:
            asked = [one for one in settlements if one.slot == slot]
            self.write(slot, settle_row(self.rows[slot], asked, self.now))

    def write(self, slot: bytes, changed: dict[bytes, Meter | None]) -> None:
        """What a store does with the meters that changed."""
        for name, meter in changed.items():
            if meter is None:
                self.rows[slot].pop(name, None)
            else:
                self.rows[slot][name] = meter

    def compare(self) -> None:
        """Read every meter of both."""
        asked = [(slot, name, ladder) for slot in self.rows for name, ladder in NAMES]
        answers = list(self.store.read(asked, self.now))
        right = [tally(self.rows[slot].get(name, FRESH), ladder, self.now) for slot, name, ladder in asked]
        assert answers == right, f"Reading answered {answers} instead of {right}."
