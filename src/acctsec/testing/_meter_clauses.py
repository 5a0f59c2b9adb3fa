"""What a store owes to meters: one function a clause, its sentence as docstring. ``acctsec.meters`` says what is right."""

from collections.abc import Callable
from typing import Any

from acctsec._values import evolve
from acctsec.errors import ConfigError
from acctsec.meters import MAX_METERS, keep_for
from acctsec.protocols import Charge, Filled, Granted, Ladder, Resting, Settle, Settlement, Stopped, Tally, Untouched
from acctsec.testing._record_clauses import AWKWARD, RACERS
from acctsec.testing._twin import DAY, HOUR, LADDER, NOW, SECOND, agrees_with_the_arithmetic, remembers_exactly_so_much

QUIET = Tally(0, 0, 0)


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
    """Charging again with the same hold must reserve nothing more and answer as it did, so that a lost answer can be had."""
    first, again = (store.charge([_charge()], NOW + late)[0] for late in (0, SECOND))
    assert (first.hold, first.new) == (_hold(0), True)
    assert again == first
    assert _read(store) == Tally(0, 1, 0)
    store.settle([_settlement(Settle.VOID)], NOW)
    assert _read(store) == QUIET


def settles_once(store: Any) -> None:
    """Settling again, settling what was never charged, and settling in a slot that never was must change nothing."""
    store.settle([_settlement(Settle.FAILED, slot=b"never", hold=1), _settlement(Settle.CLEAR, hold=1)], NOW)
    assert _read(store, b"never") == QUIET
    store.charge([_charge()], NOW)
    store.settle([_settlement(Settle.FAILED, hold=1 << bit) for bit in range(0, 128, 8)], NOW)
    assert _read(store) == Tally(0, 1, 0), "A hold was taken for one that is nearly the same."
    for verdict in (Settle.FAILED, Settle.FAILED, Settle.VOID, Settle.CLEAR, Settle.PARK):
        store.settle([_settlement(verdict), _settlement(verdict, hold=1)], NOW)
        assert _read(store) == Tally(1, 0, 0), f"It changed when {verdict} was settled."


def reserves_all_of_a_slot_or_nothing(store: Any) -> None:
    """When one charge of a slot is refused none of that slot must reserve, nor any of a slot that comes after it."""
    full = evolve(LADDER, free=1)
    store.charge([_charge(meter=b"full", ladder=full)], NOW)
    before, after = _charge(slot=b"before", hold=4), _charge(slot=b"after", hold=3)
    asked = [before, _charge(hold=1), after, _charge(meter=b"full", ladder=full, candidate=1, hold=2)]
    zero, one, three, two = store.charge(asked, NOW)
    assert one == Granted(None, 1, new=False), "A charge that was not reserved must read Granted, with nothing to settle."
    assert two == Filled()
    assert three == Untouched(), "A slot after a refused one must read Untouched."
    assert zero == Granted(_hold(4), 1, new=True)
    assert _read(store) == QUIET, "A charge beside a refused one was reserved."
    assert _read(store, b"before") == Tally(0, 1, 0)
    assert _read(store, b"after") == QUIET, "A refused caller reserved room in a slot of somebody else."


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


def counts_what_is_heavy(store: Any) -> None:
    """A charge must take its weight in units or nothing, and what weighs more than the whole ladder must read Stopped."""
    mass = evolve(LADDER, free=9, stop=9)
    for weight in (0, -1):
        try:
            store.charge([_charge(ladder=mass, weight=weight)], NOW)
        except ConfigError:
            continue
        raise AssertionError(f"A charge of weight {weight} was answered; it must raise ConfigError.")
    for slot, verdict, left in ((b"a", Settle.VOID, 0), (b"b", Settle.FAILED, 4), (b"c", Settle.PARK, 0)):
        asked = [_charge(slot=slot, ladder=mass, candidate=one, hold=one, weight=4) for one in range(2)]
        assert list(store.charge(asked, NOW)) == [Granted(_hold(0), 4, new=True), Granted(_hold(1), 8, new=True)]
        (heavy,) = store.charge([_charge(slot=slot, ladder=mass, candidate=2, hold=2, weight=2)], NOW)
        assert heavy == Filled()
        (never,) = store.charge([_charge(slot=slot, ladder=mass, candidate=3, hold=3, weight=10)], NOW)
        assert never == Stopped(0), "What weighs more than the whole ladder must read Stopped, on a meter without failures too."
        assert _read(store, slot) == Tally(0, 8, 0)
        store.settle([_settlement(verdict, slot=slot)], NOW)
        assert _read(store, slot) == Tally(left, 4, 0)
        assert _read(store, slot, NOW + mass.lease).count == left + 4


def counts_as_far_as_a_ladder_goes(store: Any) -> None:
    """Weights and sums of thousands must be counted exactly, on a ladder of a thousand million units too."""
    boundless = Ladder(free=10**9, first=0, longest=0, stop=10**9, window=DAY, lease=LADDER.lease)
    used = 0
    for number, weight in enumerate((1, 255, 256, 1024, 33_000, 70_000)):
        used += weight
        (reading,) = store.charge([_charge(ladder=boundless, candidate=number, hold=number, weight=weight)], NOW)
        assert reading == Granted(_hold(number), used, new=True), f"{reading} where {used} units are used."
    store.settle([_settlement(Settle.FAILED, hold=number, ladder=boundless) for number in range(6)], NOW)
    (tally,) = store.read([(b"slot", b"m", boundless)], NOW)
    assert (tally.count, tally.pending) == (used, 0), f"{tally} where {used} units failed."


def forgives_once(store: Any) -> None:
    """Forgiving must take one unit back for a candidate that failed, forget it, and change nothing where it is not remembered."""
    store.charge([_charge(candidate=one, hold=one) for one in range(3)], NOW)
    store.settle([_settlement(Settle.FAILED, hold=one) for one in range(2)], NOW)
    for candidate, left in ((7, (0, 1)), (2, (0, 1)), (0, (1,)), (0, (1,)), (1, ())):
        store.settle([Settlement(b"slot", b"m", LADDER, b"", Settle.FORGIVE, candidate)], NOW)
        (found,) = store.read([(b"slot", b"m", LADDER)], NOW)
        assert found == Tally(len(left), 1, 0, left), f"It was {found} when {candidate} had been forgiven."
    (again,) = store.charge([_charge(candidate=0, hold=9)], NOW)
    assert again == Granted(_hold(9), 2, new=True), "What was forgiven must count again when it fails again."


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
    month = evolve(LADDER, window=30 * DAY)
    store.charge([_charge(slot=b"month", ladder=month, candidate=None)], NOW)
    for number in range(70):
        store.charge([_charge(slot=b"idle %d" % number, candidate=None, hold=number)], NOW)
    for day in range(keep_for(LADDER) // DAY):
        store.charge([_charge(slot=b"busy %d" % day, ladder=endless, candidate=None, hold=day)], NOW + day * DAY)
        if day == 29:
            (tally,) = store.read([(b"month", b"m", month)], NOW + month.window - 1)
            assert tally.count == 1, "A failure was forgotten within a window of thirty days."
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


def settling_loses_no_charge(store: Any) -> None:
    """What is charged while others of its slot are settled must be neither lost nor counted twice, nor what is settled."""
    wide, half = evolve(LADDER, free=1000, stop=1000), RACERS // 2
    for turn in range(8):
        slot = b"turn %d" % turn
        store.charge([_charge(slot=slot, ladder=wide, candidate=one, hold=one) for one in range(half)], NOW)
        calls: list[tuple[str, Any]] = []
        for one in range(half):
            calls.append(("settle", ([_settlement(Settle.FAILED, slot=slot, hold=one, ladder=wide)], NOW)))
            calls.append(("charge", ([_charge(slot=slot, ladder=wide, candidate=half + one, hold=half + one)], NOW)))
        store.together(calls)
        (found,) = store.read([(slot, b"m", wide)], NOW)
        assert (found.count, found.pending) == (half, half), f"{found} after {half} failures and as many charges at once."


def keeps_kinds_apart(store: Any) -> None:
    """A meter must not be readable as a record, nor a record as a meter, where one store keeps both."""
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
    counts_what_is_heavy,
    counts_as_far_as_a_ladder_goes,
    forgives_once,
    survives_clocks,
    reads_without_a_trace,
    names_are_exact,
    bounds_a_row,
    keeps_idle_meters,
    racers_get_what_is_free,
    racers_share_and_settle_once,
    settling_loses_no_charge,
    remembers_exactly_so_much,
    agrees_with_the_arithmetic,
)


def _hold(number: int) -> bytes:
    return number.to_bytes(16)


def _charge(
    *,
    slot: bytes = b"slot",
    meter: bytes = b"m",
    ladder: Ladder = LADDER,
    candidate: int | None = 0,
    hold: int = 0,
    weight: int = 1,
) -> Charge:
    return Charge(slot, meter, ladder, candidate, _hold(hold), weight=weight)


def _settlement(verdict: Settle, *, slot: bytes = b"slot", hold: int = 0, ladder: Ladder = LADDER) -> Settlement:
    return Settlement(slot, b"m", ladder, _hold(hold), verdict)


def _read(store: Any, slot: bytes = b"slot", now: int = NOW) -> Tally:
    """How much it holds, whatever it remembers as wrong."""
    found: Tally = store.read([(slot, b"m", LADDER)], now)[0]
    return evolve(found, seen=())
