"""What a store owes to meters: one function a clause, its sentence as docstring. ``acctsec.meters`` says what is right."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from attrs import evolve

from acctsec.meters import FRESH, MAX_DONE, MAX_METERS, MAX_SEEN, Meter, charge_row, keep_for, settle_row, tally
from acctsec.protocols import Charge, Filled, Granted, Ladder, Resting, Settle, Settlement, Tally
from acctsec.testing._record_clauses import AWKWARD, RACERS

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
)

QUIET = Tally(0, 0, 0)


def agrees_with_the_arithmetic(store: Any) -> None:
    """Whatever is charged, settled and read, in whatever order and at whatever times, must answer as acctsec.meters says."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    slots, names = st.sampled_from((0, 0, 0, 1)), st.integers(0, len(NAMES) - 1)
    candidates = st.integers(0, 4) | st.integers(2**32 - 60, 2**32 - 1) | st.none()
    known = st.sampled_from((0, 0, 0, 0, 2, 5, 44))
    wishes = st.lists(st.tuples(slots, names, candidates, known, known), max_size=5)
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
    stories = (_many_candidates, _many_lapses, _many_successes, _success_while_resting, _many_parts)
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


def _many_parts(twin: "Twin") -> None:
    """Failures all over a window, read just before each leaves, when it does, and just after."""
    leaving = []
    for step in (0, 1, SECOND, HOUR // 16, HOUR // 16, HOUR // 8 + SECOND, HOUR // 4, HOUR // 8 - SECOND):
        twin.pass_time(step)
        twin.charge([(0, 4, None), (0, 1, None)])
        leaving.append(-(-twin.now // SECOND) * SECOND + HOUR)
        twin.compare()
    for instant in sorted({instant + near for instant in leaving for near in (-SECOND, -1, 0, 1)}):
        twin.pass_time(instant - twin.now)
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
        """Put new charges to both: slot, meter and candidate by number, and what is known of failures before."""
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
        for slot in {charge.slot for charge in charges}:
            changed, expected[slot] = charge_row(self.rows[slot], [one for one in charges if one.slot == slot], self.now)
            self.write(slot, changed)
        right = [expected[charge.slot].pop(0) for charge in charges]
        assert answers == right, f"Charging answered {answers} instead of {right}."

    def settle(self, wishes: Sequence[tuple[int, Settle]]) -> None:
        """Settle what was charged earlier, in both."""
        settlements = []
        for number, verdict in wishes if self.holds else ():
            charge = self.holds[-1 - number % len(self.holds)]
            settlements.append(Settlement(charge.slot, charge.meter, charge.ladder, charge.hold, verdict))
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


def answers_in_order(store: Any) -> None:
    """Answers must come in the order asked, also where slots are mixed, and nothing must come of asking nothing."""
    assert list(store.charge([], NOW)) == []
    assert store.settle([], NOW) is None
    assert list(store.read([], NOW)) == []
    charges = [_charge(slot=slot, hold=number) for number, slot in enumerate((b"a", b"b", b"a", b"c", b"b", b"a"))]
    charges = [evolve(charge, meter=b"%d" % number) for number, charge in enumerate(charges)]
    holds = [reading.hold for reading in store.charge(charges, NOW)]
    assert holds == [charge.hold for charge in charges]
    asked = [(charge.slot, charge.meter, LADDER) for charge in charges]
    asked.insert(3, (b"d", b"0", LADDER))
    assert [one.pending for one in store.read(asked, NOW)] == [1, 1, 1, 0, 1, 1, 1]


def charges_once(store: Any) -> None:
    """Charging again with the same hold must reserve nothing more, so that a lost answer can be asked for again."""
    first, again = (store.charge([_charge()], NOW + late)[0] for late in (0, SECOND))
    assert (first.hold, first.new) == (_hold(0), True)
    assert (again.hold, again.new) == (_hold(0), False)
    assert _read(store) == Tally(0, 1, 0)
    store.settle([_settlement(Settle.VOID)], NOW)
    assert _read(store) == QUIET


def settles_once(store: Any) -> None:
    """Settling again, settling what was never charged, and settling in a slot that never was must change nothing."""
    store.settle([_settlement(Settle.FAILED, slot=b"never", hold=1), _settlement(Settle.CLEAR, hold=1)], NOW)
    assert _read(store, b"never") == QUIET
    store.charge([_charge()], NOW)
    for verdict in (Settle.FAILED, Settle.FAILED, Settle.VOID, Settle.CLEAR, Settle.PARK):
        store.settle([_settlement(verdict), _settlement(verdict, hold=1)], NOW)
        assert _read(store) == Tally(1, 0, 0), f"It changed when {verdict} was settled."


def reserves_all_of_a_slot_or_nothing(store: Any) -> None:
    """When one charge of a slot is refused none of that slot must reserve, and other slots must not notice."""
    full = evolve(LADDER, free=1)
    store.charge([_charge(meter=b"full", ladder=full)], NOW)
    asked = [_charge(hold=1), _charge(meter=b"full", ladder=full, candidate=1, hold=2), _charge(slot=b"other", hold=3)]
    one, two, three = store.charge(asked, NOW)
    assert one == Granted(None, 1, new=False), "A charge that was not reserved must read Granted, with nothing to settle."
    assert two == Filled()
    assert three == Granted(_hold(3), 1, new=True)
    assert _read(store) == QUIET, "A charge beside a refused one was reserved."
    assert _read(store, b"other") == Tally(0, 1, 0)


def equal_candidates_share(store: Any) -> None:
    """Equal candidates must share one unit, while they are compared and after they failed; distinct ones must not."""
    charges = [_charge(candidate=candidate, hold=hold) for hold, candidate in enumerate((7, 7, 7, 8))]
    readings = [store.charge([charge], NOW)[0] for charge in charges]
    assert [reading.hold for reading in readings] == [_hold(0), _hold(0), _hold(0), _hold(3)]
    assert [reading.new for reading in readings] == [True, False, False, True]
    store.settle([_settlement(Settle.FAILED), _settlement(Settle.FAILED, hold=3)], NOW)
    assert store.charge([_charge(candidate=8, hold=9)], NOW)[0] == Granted(None, 2, new=False)
    assert _read(store) == Tally(2, 0, 0)


def lapses_and_corrects(store: Any) -> None:
    """A reservation nobody settled within its lease must count as one failure, and a late settlement must correct it."""
    late = NOW + LADDER.lease
    for slot, verdict, left in ((b"a", Settle.VOID, 0), (b"b", Settle.CLEAR, 0), (b"c", Settle.FAILED, 1)):
        store.charge([_charge(slot=slot)], NOW)
        assert _read(store, slot, late - 1) == Tally(0, 1, 0)
        assert _read(store, slot, late) == Tally(1, 0, 0)
        for _ in range(2):
            store.settle([_settlement(verdict, slot=slot)], late)
            assert _read(store, slot, late) == Tally(left, 0, 0), f"{verdict} came late."


def survives_clocks(store: Any) -> None:
    """A clock that goes back must neither forget a failure nor make a rest longer than the ladder's longest."""
    for number in range(LADDER.free + 3):
        store.charge([_charge(candidate=None, hold=number)], NOW + number * 600 * SECOND)
    count_ = LADDER.free + 3
    for back in (0, SECOND, HOUR, DAY, 3 * DAY):
        now = NOW + (count_ - 1) * 600 * SECOND - back
        (reading,) = store.charge([_charge(candidate=1, hold=99)], now)
        assert isinstance(reading, Resting), f"{reading} when the clock went back by {back} microseconds."
        assert reading.count == count_
        assert now < reading.until <= now + LADDER.longest


def reads_without_a_trace(store: Any) -> None:
    """Reading must change nothing, and a meter that was never charged must read as empty."""
    store.charge([_charge()], NOW)
    assert _read(store, now=NOW + LADDER.lease) == Tally(1, 0, 0)
    assert _read(store) == Tally(0, 1, 0), "Reading at a later instant moved the meter there."
    assert list(store.read([(b"none", b"m", LADDER), (b"slot", b"none", LADDER)], NOW)) == [QUIET, QUIET]


def names_are_exact(store: Any) -> None:
    """Slots and meters must be told apart byte by byte, also where one runs into the other."""
    pairs = [(key, b"m") for key in AWKWARD] + [(b"slot", key) for key in AWKWARD[:MAX_METERS]]
    pairs += [(b"ab", b"c"), (b"a", b"bc"), (b"", b"abc"), (b"abc", b"")]
    for number, (slot, meter) in enumerate(pairs):
        (reading,) = store.charge([_charge(slot=slot, meter=meter, candidate=1, hold=number)], NOW)
        assert reading == Granted(_hold(number), 1, new=True), f"{(slot[:20], meter[:20])} was taken for another."


def bounds_a_row(store: Any) -> None:
    """A slot must keep 64 meters, the least recently charged going first, those whose name begins with ! never."""
    names = [b"!1", b"!2", *(b"meter %d" % number for number in range(2 * MAX_METERS))]
    for number, name in enumerate(names):
        store.charge([_charge(meter=name, candidate=None, hold=number)], NOW + number)
    tallies = store.read([(b"slot", name, LADDER) for name in names], NOW + len(names))
    kept = [name for name, one in zip(names, tallies, strict=True) if one.count]
    assert kept == [*names[:2], *names[2 - MAX_METERS :]]


def keeps_idle_meters(store: Any) -> None:
    """An idle meter must be kept for twice its window, and for sixty days where it has none, however busy the others are."""
    # With its rest and its stop out of the way it goes on counting.
    endless = evolve(LADDER, first=0, stop=10**6)
    for number in range(70):
        store.charge([_charge(slot=b"idle %d" % number, candidate=None, hold=number)], NOW)
    for day in range(keep_for(LADDER) // DAY):
        store.charge([_charge(slot=b"busy %d" % day, ladder=endless, candidate=None, hold=day)], NOW + day * DAY)
    now = NOW + keep_for(LADDER) - 1
    assert {_read(store, b"idle %d" % number, now).count for number in range(70)} == {1}


def racers_get_what_is_free(store: Any) -> None:
    """Of any number of distinct candidates charged at once exactly as many must be granted as are free."""
    for turn in range(8):
        slot = b"turn %d" % turn
        calls = [("charge", ([_charge(slot=slot, candidate=racer, hold=racer)], NOW)) for racer in range(RACERS)]
        readings = [reading for (reading,) in store.together(calls)]
        granted = [reading for reading in readings if isinstance(reading, Granted)]
        assert len(granted) == LADDER.free, f"{len(granted)} were granted, {LADDER.free} are free."
        assert sorted(reading.ordinal for reading in granted) == list(range(1, LADDER.free + 1))
        assert readings.count(Filled()) == RACERS - LADDER.free
        assert _read(store, slot) == Tally(0, LADDER.free, 0)


def racers_share_and_settle_once(store: Any) -> None:
    """Twenty right attempts at once must be granted beside all but one free wrong ones, and settling at once counts once."""
    wrong = [_charge(candidate=number, hold=number) for number in range(LADDER.free - 1)]
    right = [_charge(candidate=99, hold=100 + number) for number in range(20)]
    readings = [reading for (reading,) in store.together([("charge", ([charge], NOW)) for charge in wrong + right])]
    assert all(isinstance(reading, Granted) for reading in readings), f"{readings}"
    assert len({reading.hold for reading in readings}) == LADDER.free
    failed = [("settle", ([_settlement(Settle.FAILED, hold=0)], NOW))]
    store.together(failed * RACERS)
    assert _read(store) == Tally(1, LADDER.free - 1, 0)


def keeps_kinds_apart(store: Any) -> None:
    """A meter must not be readable as a record, nor a record as a meter, where one store keeps both."""
    if not hasattr(store.store, "commit"):
        return
    store.charge([_charge()], NOW)
    assert store.load(b"slot") is None
    store.commit(b"slot", None, b"value", (), b"v" * 16)
    assert _read(store) == Tally(0, 1, 0)
    store.commit(b"slot", b"v" * 16, None, (), b"w" * 16)
    assert _read(store) == Tally(0, 1, 0)


CLAUSES: tuple[Callable[[Any], None], ...] = (
    answers_in_order,
    charges_once,
    settles_once,
    reserves_all_of_a_slot_or_nothing,
    equal_candidates_share,
    lapses_and_corrects,
    survives_clocks,
    reads_without_a_trace,
    names_are_exact,
    bounds_a_row,
    keeps_idle_meters,
    racers_get_what_is_free,
    racers_share_and_settle_once,
    keeps_kinds_apart,
    remembers_exactly_so_much,
    agrees_with_the_arithmetic,
)


def _hold(number: int) -> bytes:
    return number.to_bytes(16)


def _charge(
    *, slot: bytes = b"slot", meter: bytes = b"m", ladder: Ladder = LADDER, candidate: int | None = 0, hold: int = 0
) -> Charge:
    return Charge(slot, meter, ladder, candidate, _hold(hold))


def _settlement(verdict: Settle, *, slot: bytes = b"slot", hold: int = 0) -> Settlement:
    return Settlement(slot, b"m", LADDER, _hold(hold), verdict)


def _read(store: Any, slot: bytes = b"slot", now: int = NOW) -> Tally:
    (found,) = store.read([(slot, b"m", LADDER)], now)
    return found  # type: ignore[no-any-return]
