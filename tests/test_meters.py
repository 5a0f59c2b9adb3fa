"""What a meter promises, against lists of what happened, never against a second copy of its arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, msgpack

from acctsec._values import evolve
from acctsec.errors import ConfigError
from acctsec.meters import (
    BROKEN_CLOCK,
    FRESH,
    LAPSED,
    MAX_DONE,
    MAX_METERS,
    MAX_SEEN,
    PARKED,
    PARTS,
    PENDING,
    SECOND,
    charge_row,
    check_weight,
    keep_for,
    rest,
    settle_row,
    tally,
    wake,
)
from acctsec.protocols import Charge, Filled, Granted, Ladder, Resting, Settle, Settlement, Stopped, Tally
from acctsec.stores._rows import FORMAT, read_row

NOW = 1_750_000_000 * SECOND + 987_654
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LADDER = Ladder(free=5, first=SECOND, longest=MINUTE, stop=12, window=0, lease=30 * SECOND)
WINDOWED = evolve(LADDER, window=HOUR)


@st.composite
def ladders(draw, windows=(0, 20 * SECOND, HOUR, 30 * DAY)):
    free = draw(st.integers(0, 6))
    first = draw(st.sampled_from((0, 1, SECOND, MINUTE)))
    return Ladder(
        free=free,
        first=first,
        longest=first * draw(st.sampled_from((1, 4, 1000))),
        stop=free + draw(st.integers(1, 8)),
        window=draw(st.sampled_from(windows)),
        lease=draw(st.sampled_from((SECOND, 30 * SECOND))),
    )


STEPS = st.sampled_from((0, 0, 1, SECOND, 31 * SECOND, MINUTE, 10 * MINUTE, HOUR, DAY, 31 * DAY))
CLOCK_PATHS = STEPS | st.sampled_from((-1, -SECOND, -HOUR, -DAY, -3 * DAY, -365 * DAY, 365 * DAY))


class Meter:
    """One meter as a test drives it: who was granted what, and a fresh candidate and hold for each charge."""

    def __init__(self, ladder, now=NOW):
        self.ladder, self.now, self.row, self.charged = ladder, now, {}, 0

    def charge(self, candidate=..., hold=None, **known):
        self.charged += 1
        candidate = self.charged if candidate is ... else candidate
        hold = hold or b"hold %d" % self.charged
        charge = Charge(b"slot", b"m", self.ladder, candidate, hold, **known)
        changed, (reading,) = charge_row(self.row, [charge], self.now)
        self.row.update(changed)
        return reading

    @property
    def next_hold(self):
        return b"hold %d" % (self.charged + 1)

    def look(self, **given):
        """What a charge would read, without a trace."""
        row, charged = dict(self.row), self.charged
        try:
            return self.charge(**given)
        finally:
            self.row, self.charged = row, charged

    def settle(self, hold, verdict):
        self.row.update(settle_row(self.row, [Settlement(b"slot", b"m", self.ladder, hold, verdict)], self.now))

    def fail(self, times=1):
        """Fail that often, waiting out every rest."""
        for _ in range(times):
            self.now = max(self.now, self.tally.ready)
            self.settle(self.charge().hold, Settle.FAILED)

    def forgive(self, candidate):
        self.row.update(settle_row(self.row, [Settlement(b"slot", b"m", self.ladder, b"", Settle.FORGIVE, candidate)], self.now))

    @property
    def tally(self):
        return evolve(tally(self.row.get(b"m", FRESH), self.ladder, self.now), seen=())

    @property
    def seen(self):
        return tally(self.row.get(b"m", FRESH), self.ladder, self.now).seen


# --- how much is granted ----------------------------------------------------------------------------------------------


@given(ladders(windows=(0, 20 * SECOND, HOUR)), st.lists(st.tuples(STEPS, st.booleans()), max_size=80))
def test_no_window_sees_more_comparisons_than_the_stop(ladder, attempts):
    """However guesses are spread over time, settled or dropped, no stretch of one window holds more than *stop*."""
    meter, compared = Meter(ladder), []
    for step, settled in attempts:
        meter.now += step
        reading = meter.charge()
        if isinstance(reading, Granted):
            compared.append(meter.now)
            if settled:
                meter.settle(reading.hold, Settle.FAILED)

    for last in compared:
        inside = [at for at in compared if at <= last and (not ladder.window or at > last - ladder.window)]
        assert len(inside) <= ladder.stop


@given(ladders(), st.integers(1, 30))
def test_parallel_guesses_share_what_is_free(ladder, parallel):
    """Of any number of distinct candidates at once exactly the free ones are granted (one, where none is free)."""
    meter = Meter(ladder)

    readings = [meter.charge() for _ in range(parallel)]

    granted = min(parallel, max(ladder.free, 1), ladder.stop)
    assert [type(reading) for reading in readings] == [Granted] * granted + [Filled] * (parallel - granted)
    assert [reading.ordinal for reading in readings[:granted]] == list(range(1, granted + 1))


def test_the_owner_gets_through_beside_wrong_guesses():
    """All but one free unit are taken by guesses; twenty right attempts at once still all compare."""
    meter = Meter(LADDER)
    for _ in range(LADDER.free - 1):
        meter.charge()

    readings = [meter.charge(candidate=0) for _ in range(20)]

    assert {type(reading) for reading in readings} == {Granted}
    assert meter.tally == Tally(0, LADDER.free, 0)


def test_after_the_free_ones_guesses_come_one_at_a_time():
    """Each further guess waits for the one before it, and rests twice as long."""
    meter = Meter(LADDER)
    meter.fail(LADDER.free)
    rests = []
    for _ in range(3):
        rests.append(meter.tally.ready - meter.now)
        meter.now = meter.tally.ready
        granted = meter.charge()
        assert isinstance(meter.charge(), Filled)
        meter.settle(granted.hold, Settle.FAILED)

    assert rests == [SECOND, 2 * SECOND, 4 * SECOND]


def test_stops_for_good_without_a_window():
    """After *stop* failures nothing is compared any more, however much time passes."""
    meter = Meter(LADDER)
    meter.fail(LADDER.stop)
    meter.now += 9999 * DAY

    assert meter.charge() == Stopped(LADDER.stop)


def test_stops_until_the_window_is_over():
    """With a window the stop says when the oldest failures leave, and then there is room for as many again."""
    meter = Meter(WINDOWED)
    meter.fail(WINDOWED.stop)
    stopped = meter.charge()

    assert isinstance(stopped, Resting)
    assert meter.now < stopped.until <= meter.now + WINDOWED.window + SECOND
    assert meter.tally.ready == stopped.until
    meter.now = stopped.until - 1
    assert isinstance(meter.charge(), Resting)
    meter.now = stopped.until
    assert isinstance(meter.charge(), Granted)


@given(ladders(), st.lists(st.integers(0, 100), max_size=20))
def test_a_refused_attempt_changes_no_answer(ladder, shares):
    """Whoever asks while the meter rests does not make it rest longer, or an attacker could keep the owner out."""
    meter = Meter(ladder)
    meter.fail(ladder.stop - 1)
    before = meter.tally
    for share in sorted(shares):
        meter.now = max(meter.now, before.ready - ladder.longest * (100 - share) // 100)
        if meter.now < before.ready:
            assert meter.charge().until == before.ready
    meter.now = max(meter.now, before.ready)

    assert isinstance(meter.charge(), Granted)


# --- candidates and holds ---------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 8), max_size=40))
def test_repeats_are_never_counted(candidates):
    """The count is the number of distinct wrong candidates, however often each is tried."""
    meter = Meter(evolve(LADDER, free=100, stop=200))
    for candidate in candidates:
        reading = meter.charge(candidate)
        assert isinstance(reading, Granted)
        assert (reading.hold is None) == (not reading.new)
        if reading.hold:
            meter.settle(reading.hold, Settle.FAILED)

    assert meter.tally == Tally(len(set(candidates)), 0, 0)


def test_remembers_candidates_up_to_a_bound():
    """The oldest candidate is forgotten by one more than MAX_SEEN, and then counts again."""
    meter = Meter(evolve(LADDER, free=100, stop=200))
    meter.fail(MAX_SEEN)
    assert not meter.charge(candidate=1).new
    meter.fail()

    assert meter.charge(candidate=1).new
    assert not meter.charge(candidate=3).new


def test_a_charge_without_a_candidate_is_spent_at_once():
    """It counts for good, and there is nothing to settle."""
    meter = Meter(LADDER)

    assert meter.charge(candidate=None, hold=b"h") == Granted(None, 1, new=True)
    meter.settle(b"h", Settle.VOID)

    assert meter.tally == Tally(1, 0, 0)


@pytest.mark.parametrize("verdict", Settle)
@given(st.data())
def test_settling_is_idempotent(verdict, data):
    """Settling a reservation again, whatever happened before, changes nothing."""
    meter = Meter(data.draw(ladders()))
    holds = []
    for step in data.draw(st.lists(STEPS, max_size=12)):
        meter.now += step
        reading = meter.charge()
        if isinstance(reading, Granted):
            holds.append(reading.hold)
        if holds and data.draw(st.booleans()):
            meter.settle(data.draw(st.sampled_from(holds)), data.draw(st.sampled_from(Settle)))
    hold = data.draw(st.sampled_from(holds)) if holds else b"unknown"
    meter.settle(hold, verdict)
    once = dict(meter.row)
    meter.settle(hold, verdict)

    assert meter.row == once


def test_one_of_many_voids_its_share_only():
    """A sharer that gave up does not free the unit while another is still comparing."""
    meter = Meter(LADDER)
    hold = meter.charge(candidate=1).hold
    assert meter.charge(candidate=1).hold == hold

    meter.settle(hold, Settle.VOID)
    assert meter.tally == Tally(0, 1, 0)
    meter.settle(hold, Settle.FAILED)
    assert meter.tally == Tally(1, 0, 0)


@pytest.mark.parametrize(("verdict", "count"), [(Settle.FAILED, 1), (Settle.VOID, 0), (Settle.CLEAR, 0), (Settle.PARK, 0)])
def test_a_lapsed_hold_counts_once_and_is_corrected_late(verdict, count):
    """Nobody settled: one failure, at the time of the charge. A late settlement still sets it right."""
    meter = Meter(LADDER)
    hold = meter.charge().hold
    meter.now += LADDER.lease - 1
    assert meter.tally == Tally(0, 1, 0)
    for _ in range(3):
        meter.now += 1
        meter.settle(meter.charge().hold, Settle.VOID)  # wakes it
        assert meter.tally == Tally(1, 0, 0)
    meter.settle(hold, verdict)

    assert meter.tally == Tally(count, 0, 0)


def test_the_candidate_of_a_lapse_may_turn_out_right():
    """Nobody knows whether it was wrong: typed again it is held anew, and as a success clears the lapse."""
    meter = Meter(LADDER)
    meter.charge(candidate=1)
    meter.now += LADDER.lease
    again = meter.charge(candidate=1)
    assert again == Granted(again.hold, 2, new=True)

    meter.settle(again.hold, Settle.CLEAR)
    assert meter.tally == Tally(0, 0, 0)


def test_a_lapse_rests_from_its_charge():
    """Its rest begins when it was charged, not when somebody noticed."""
    meter = Meter(evolve(LADDER, free=1, first=MINUTE, longest=HOUR))
    meter.charge()
    meter.now += 59 * SECOND
    assert meter.charge() == Resting(NOW + MINUTE, 1)


# --- success ----------------------------------------------------------------------------------------------------------

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(("charge", "charge", Settle.FAILED, Settle.VOID, Settle.PARK, Settle.CLEAR)),
        st.integers(0, 99),
        st.sampled_from((0, SECOND, MINUTE)),
    ),
    max_size=60,
)


@pytest.mark.parametrize("lapsing", [False, True])
@given(operations=OPERATIONS)
def test_success_clears_only_what_was_charged_before_it(lapsing, operations):
    """
    After any charges and settlements the count is that of a plain list of failures.

    A success takes away the failures that were there when it was charged. Where reservations lapse the count may be one
    too many for each that can no longer be corrected, never one too few.
    """
    meter = Meter(evolve(LADDER, free=100, stop=200, lease=30 * SECOND if lapsing else 999 * DAY))
    failures, holds, lapsed, turn = [], {}, set(), 0
    for operation, number, step in operations:
        turn += 1
        meter.now += step
        for hold, (charged_at, state) in holds.items():
            if state == "pending" and charged_at[1] + meter.ladder.lease <= meter.now:
                failures.append((turn, hold))
                lapsed.add(hold)
                holds[hold] = charged_at, "lapsed"
        if operation == "charge":
            holds[meter.charge().hold] = (turn, meter.now), "pending"
        elif holds:
            hold = list(holds)[number % len(holds)]
            (charged_turn, _), state = holds[hold]
            if state == "settled" or (state == "parked" and operation is Settle.FAILED):
                continue
            meter.settle(hold, operation)
            holds[hold] = holds[hold][0], "parked" if operation is Settle.PARK else "settled"
            if operation is Settle.FAILED:
                if state != "lapsed":
                    failures.append((turn, hold))
            else:
                failures = [(at, failed) for at, failed in failures if failed != hold]
            if operation is Settle.CLEAR:
                failures = [(at, failed) for at, failed in failures if at > charged_turn]
        parked = sum(state != "pending" for _, state in holds.values())
        if lapsing or parked > MAX_DONE:
            assert meter.tally.count >= len(failures)
        else:
            assert meter.tally.count == len(failures)
        if not lapsed:
            assert meter.tally.pending == sum(state == "pending" for _, state in holds.values())


def test_parallel_failures_survive_a_success():
    """What others try meanwhile stays on the account."""
    meter = Meter(LADDER)
    meter.fail(2)
    guess, owner = meter.charge().hold, meter.charge().hold
    meter.settle(guess, Settle.FAILED)
    meter.settle(owner, Settle.CLEAR)

    assert meter.tally == Tally(1, 0, 0)


def test_two_successes_clear_no_more_than_there_was():
    """The second of two parallel successes takes nothing that came after the first."""
    meter = Meter(LADDER)
    meter.fail(2)
    first, second = meter.charge().hold, meter.charge().hold
    meter.settle(first, Settle.CLEAR)
    meter.fail(2)
    meter.settle(second, Settle.CLEAR)

    assert meter.tally.count == 2


def test_a_parked_success_clears_later():
    """The password was right and the factor comes later: no room is taken meanwhile, and then it clears what was before."""
    meter = Meter(LADDER)
    meter.fail(2)
    hold = meter.charge().hold
    meter.settle(hold, Settle.PARK)
    assert meter.tally == Tally(2, 0, 0)
    meter.fail()
    meter.now += DAY
    meter.settle(hold, Settle.CLEAR)

    assert meter.tally == Tally(1, 0, 0)


def test_what_left_the_window_is_not_cleared_twice():
    """A success after its failures left the window takes none of those that came since."""
    meter = Meter(evolve(WINDOWED, free=50, stop=99))
    meter.fail(3)
    hold = meter.charge().hold
    meter.settle(hold, Settle.PARK)
    meter.now += 2 * HOUR
    meter.fail(2)
    meter.settle(hold, Settle.CLEAR)

    assert meter.tally.count == 2


# --- time -------------------------------------------------------------------------------------------------------------


@given(ladders(), st.lists(st.tuples(CLOCK_PATHS, st.sampled_from((None, *Settle))), max_size=60))
def test_a_rest_never_exceeds_its_longest(ladder, attempts):
    """From the given now, for any path of the clock; a stop with a window ends with it, or the broken clock's bound."""
    meter = Meter(ladder)
    for step, verdict in attempts:
        meter.now += step
        reading = meter.charge()
        match reading:
            case Granted(hold=hold) if verdict:
                meter.settle(hold, verdict)
            case Resting(until=until, count=count) if count < ladder.stop:
                assert meter.now < until <= meter.now + ladder.longest
            case Resting(until=until):
                assert meter.now < until <= meter.now + ladder.window + BROKEN_CLOCK + SECOND


@given(ladders(), st.lists(CLOCK_PATHS, max_size=30))
def test_no_clock_path_forgets_without_a_window(ladder, steps):
    """Where only a success forgets, no clock does."""
    meter = Meter(evolve(ladder, window=0))
    meter.fail(ladder.stop - 1)
    for step in steps:
        meter.now += step
        meter.charge(candidate=1)
        assert meter.tally.count >= ladder.stop - 1


@given(ladders(), STEPS, st.data())
def test_waking_is_idempotent(ladder, step, data):
    """A meter that is awake does not change at the same instant."""
    meter = Meter(ladder)
    for _ in range(data.draw(st.integers(0, 6))):
        meter.now += data.draw(STEPS)
        meter.charge()
    meter.now += step
    woken = wake(meter.row.get(b"m", FRESH), ladder, meter.now)

    assert wake(woken, ladder, meter.now) == woken


def test_a_broken_clock_is_not_believed_afterwards():
    """A year ahead by mistake, then back: neither a stop nor a reservation lasts until that year comes."""
    meter = Meter(WINDOWED, NOW + 365 * DAY)
    meter.fail(WINDOWED.stop - 1)
    meter.now = max(meter.now, meter.tally.ready)
    meter.charge()
    meter.now = NOW
    assert isinstance(meter.charge(), Resting)
    meter.now += WINDOWED.longest
    stopped = meter.charge()
    assert stopped == Resting(stopped.until, WINDOWED.stop)
    assert stopped.until <= meter.now + WINDOWED.window + SECOND


@pytest.mark.parametrize(("before", "after"), [(0, HOUR), (HOUR, 0), (HOUR, 30 * DAY), (30 * DAY, HOUR), (20 * SECOND, DAY)])
def test_a_changed_window_neither_forgets_nor_locks_for_ever(before, after):
    """What was counted under one policy is still counted under the next, and leaves with its window."""
    meter = Meter(evolve(LADDER, window=before, first=0))
    meter.fail(LADDER.stop)
    meter.ladder = evolve(LADDER, window=after, first=0)
    meter.now += 1
    assert meter.tally.count == LADDER.stop
    if after:
        assert meter.charge().until <= meter.now + after + SECOND
        meter.now += after + SECOND
        assert meter.tally == Tally(0, 0, 0)
    else:
        assert meter.charge() == Stopped(LADDER.stop)


@given(ladders(), st.integers(0, 2000))
def test_a_rest_doubles_up_to_its_longest(ladder, count):
    """It is nothing before the free ones are used up, and never above the longest."""
    length = rest(ladder, count)

    assert 0 <= length <= ladder.longest
    assert (length > 0) == (count >= ladder.free and ladder.first > 0)
    assert rest(ladder, count + 1) in (min(2 * length, ladder.longest), min(ladder.first, ladder.longest))


def test_at_least_resumes_after_a_loss():
    """A fresh meter goes on from what the record remembers, with the rest that belongs to it."""
    meter = Meter(LADDER)

    assert meter.charge(at_least=7) == Resting(NOW + 4 * SECOND, 7)
    assert meter.tally.count == 7
    meter.now += 4 * SECOND
    assert meter.charge(at_least=7).ordinal == 8


def test_a_meter_that_lives_knows_better_than_the_record():
    """What the record remembers counts only where the meter was lost; a success cleared it here."""
    meter = Meter(LADDER)
    meter.fail(3)
    meter.settle(meter.charge().hold, Settle.CLEAR)

    assert meter.charge(at_least=7).ordinal == 1
    assert meter.tally.count == 0


def test_a_floor_raises_a_meter_that_lives():
    """What was just made sure of holds, but for as many as are free: those may be under way elsewhere."""
    meter = Meter(LADDER)
    meter.fail()

    assert meter.charge(floor=LADDER.free).ordinal == 2
    assert meter.charge(floor=LADDER.free + 3) == Granted(b"hold 3", 4, new=True)
    assert meter.tally == Tally(2, 2, 0)


@pytest.mark.parametrize(("ladder", "kept"), [(LADDER, 60 * DAY), (WINDOWED, 2 * HOUR)])
def test_is_kept_for_twice_its_window(ladder, kept):
    """So that no store collects what still counts."""
    assert keep_for(ladder) == kept


# --- weights ----------------------------------------------------------------------------------------------------------

WEIGHTS = st.integers(1, 9) | st.sampled_from((20, 1000))


@st.composite
def budgets_of_mass(draw):
    """Ladders whose free units are all they have."""
    stop = draw(st.integers(1, 30))
    return evolve(draw(ladders()), free=stop, stop=stop)


@given(ladders() | budgets_of_mass(), st.lists(st.tuples(STEPS, WEIGHTS, st.sampled_from((None, *Settle))), max_size=60))
def test_no_window_sees_more_weight_compared_than_the_stop(ladder, attempts):
    """However heavy guesses are, spread, settled or dropped: what was not given back never weighs more than *stop*."""
    meter, compared = Meter(ladder), {}
    for step, weight, verdict in attempts:
        meter.now += step
        reading = meter.charge(weight=weight)
        if not isinstance(reading, Granted):
            continue
        compared[reading.hold] = meter.now, weight
        inside = [heavy for at, heavy in compared.values() if not ladder.window or at > meter.now - ladder.window]
        assert sum(inside) <= ladder.stop
        if verdict:
            meter.settle(reading.hold, verdict)
        if verdict is Settle.CLEAR:
            compared.clear()
        elif verdict in (Settle.VOID, Settle.PARK):
            del compared[reading.hold]


@given(ladders() | budgets_of_mass(), st.lists(st.tuples(STEPS, WEIGHTS, st.booleans()), max_size=12), WEIGHTS, WEIGHTS)
def test_less_weight_is_never_refused_where_more_is_granted(ladder, attempts, one, other):
    """Nor told to wait longer."""
    meter = Meter(ladder)
    for step, weight, settled in attempts:
        meter.now += step
        reading = meter.charge(weight=weight)
        if isinstance(reading, Granted) and settled:
            meter.settle(reading.hold, Settle.FAILED)
    light, heavy = (meter.look(weight=weight) for weight in sorted((one, other)))

    if isinstance(heavy, Granted):
        assert isinstance(light, Granted)
    if isinstance(heavy, Resting) and isinstance(light, Resting):
        assert light.until <= heavy.until
    if isinstance(light, Stopped):
        assert isinstance(heavy, Stopped)


@given(ladders() | budgets_of_mass(), st.lists(st.tuples(STEPS, WEIGHTS, st.sampled_from((None, *Settle))), max_size=30), WEIGHTS)
def test_what_is_too_heavy_changes_nothing_and_may_come_back_when_it_is_told(ladder, attempts, weight):
    """At the instant it was told, and not before, it fits beside what failed."""
    meter = Meter(ladder)
    for step, heavy, verdict in attempts:
        meter.now += step
        reading = meter.charge(weight=heavy)
        if isinstance(reading, Granted) and reading.hold and verdict:
            meter.settle(reading.hold, verdict)
    before = meter.tally
    reading = meter.charge(weight=weight)
    if isinstance(reading, Granted):
        assert reading.ordinal == before.count + before.pending + weight <= ladder.stop
        return
    assert meter.tally == before
    if weight > ladder.stop:
        assert not isinstance(reading, Filled)
    if isinstance(reading, Stopped):
        assert weight > ladder.stop or not ladder.window
        assert reading.count + weight > ladder.stop
    if isinstance(reading, Resting):
        meter.now = reading.until
        again = meter.charge(weight=weight)
        assert not isinstance(again, Resting) or again.until > reading.until


def test_a_heavy_failure_counts_its_weight():
    """And so does one that lapsed; what is void gives all of it back, in time or late."""
    meter = Meter(evolve(LADDER, free=100, stop=100))
    failed, void, lapsed, late = (meter.charge(weight=weight).hold for weight in (7, 20, 11, 30))
    assert meter.tally == Tally(0, 68, 0)
    meter.settle(failed, Settle.FAILED)
    meter.settle(void, Settle.VOID)
    assert meter.tally == Tally(7, 41, 0)
    meter.now += LADDER.lease
    assert meter.tally == Tally(48, 0, 0)
    meter.settle(late, Settle.VOID)
    assert meter.tally == Tally(18, 0, 0)
    meter.settle(lapsed, Settle.FAILED)
    assert meter.tally == Tally(18, 0, 0)
    assert meter.charge(candidate=None, weight=82) == Granted(None, 100, new=True)


def test_success_clears_the_weight_that_was_there_before_it():
    """Not what others failed meanwhile, however heavy."""
    meter = Meter(evolve(LADDER, free=100, stop=100))
    meter.settle(meter.charge(weight=9).hold, Settle.FAILED)
    owner, guess = meter.charge(weight=3).hold, meter.charge(weight=20).hold
    meter.settle(guess, Settle.FAILED)
    meter.settle(owner, Settle.CLEAR)

    assert meter.tally == Tally(20, 0, 0)


def test_equal_candidates_share_the_weight_of_the_first():
    """Whatever those after it weigh; and a repeat of what failed is free, also where it would not fit any more."""
    meter = Meter(evolve(LADDER, free=10, stop=10))
    first = meter.charge(candidate=1, weight=6)
    assert meter.charge(candidate=1, weight=9) == Granted(first.hold, 6, new=False)
    meter.settle(first.hold, Settle.FAILED)

    assert meter.charge(candidate=1, weight=9) == Granted(None, 6, new=False)
    assert meter.tally == Tally(6, 0, 0)


def test_a_lost_answer_is_had_again_whatever_it_weighs():
    meter = Meter(evolve(LADDER, free=10, stop=10))
    meter.charge(weight=2)
    first = meter.charge(candidate=99, hold=b"h", weight=5)

    assert meter.charge(candidate=99, hold=b"h", weight=5) == first == Granted(b"h", 7, new=True)
    assert meter.tally == Tally(0, 7, 0)


@pytest.mark.parametrize("window", [0, HOUR])
def test_what_weighs_more_than_the_whole_ladder_reads_stopped(window):
    """On a meter that is empty too: no time and no success makes room for it. It begins no meter."""
    meter = Meter(evolve(LADDER, free=10, stop=10, window=window))

    assert meter.charge(weight=11) == Stopped(0)
    assert meter.row == {}
    meter.settle(meter.charge(weight=10).hold, Settle.FAILED)
    assert meter.charge(weight=11) == Stopped(10)


def test_what_is_too_heavy_beside_what_failed_rests_until_enough_has_left():
    """Not only the oldest failure, and not all of them."""
    meter = Meter(evolve(WINDOWED, free=10, stop=10))
    left = []
    for weight in (1, 3, 4):
        meter.settle(meter.charge(weight=weight).hold, Settle.FAILED)
        left.append(-(-meter.now // SECOND) * SECOND + HOUR)
        meter.now += 10 * MINUTE

    assert [meter.look(weight=weight) for weight in (2, 3, 6, 7, 10)] == [
        Granted(meter.next_hold, 10, new=True),
        Resting(left[0], 8),
        Resting(left[1], 8),
        Resting(left[2], 8),
        Resting(left[2], 8),
    ]


def test_what_is_too_heavy_beside_what_is_under_way_waits_for_it():
    """It is room that may come back in a moment, so nobody is sent away."""
    meter = Meter(evolve(LADDER, free=10, stop=10))
    meter.charge(weight=6)

    assert meter.charge(weight=5) == Filled()
    assert meter.charge(weight=4) == Granted(b"hold 3", 10, new=True)


def test_what_is_too_heavy_for_what_is_free_goes_alone():
    """On a ladder that goes on past its free units: one at a time, like everything there."""
    meter = Meter(LADDER)
    light = meter.charge(weight=1).hold
    assert meter.charge(weight=LADDER.free) == Filled()
    meter.settle(light, Settle.VOID)
    heavy = meter.charge(weight=LADDER.free + 2)
    assert heavy.ordinal == LADDER.free + 2
    assert meter.charge() == Filled()
    meter.settle(heavy.hold, Settle.FAILED)

    assert meter.charge() == Resting(NOW + 4 * SECOND, LADDER.free + 2)


@pytest.mark.parametrize("weight", [0, -1])
def test_a_weight_below_one_is_refused(weight):
    """It would be a guess for nothing, or give others' units back."""
    with pytest.raises(ConfigError, match="1 or more"):
        Meter(LADDER).charge(weight=weight)


def test_rows_that_were_written_before_there_were_weights_are_read():
    """Their reservations weigh 1; and what is written now is read by a release that knows of none."""

    class Before(Struct, frozen=True, array_like=True):
        id: bytes
        candidate: int
        at: int
        base: int
        sharers: int = 1
        state: int = PENDING

    class MeterBefore(Struct, frozen=True, array_like=True):
        latest: int = 0
        ready: int = 0
        failures: tuple[tuple[int, int], ...] = ()
        holds: tuple[Before, ...] = ()
        seen: tuple[int, ...] = ()

    meter = Meter(LADDER)
    for weight in (1, 2):
        meter.charge(weight=weight)
    holds = [Before(hold.id, hold.candidate, hold.at, hold.base) for hold in meter.row[b"m"].holds]
    before = MeterBefore(latest=NOW, holds=tuple(holds))

    assert msgpack.decode(msgpack.encode(meter.row[b"m"]), type=MeterBefore) == before
    row = read_row(FORMAT + msgpack.encode({b"m": before}))
    assert row[b"m"].holds == tuple(evolve(hold, weight=1) for hold in meter.row[b"m"].holds)
    assert tally(row[b"m"], LADDER, NOW) == Tally(0, 2, 0)


# --- what is forgiven -------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(("fail", "forgive", "again")), st.integers(0, 6)), max_size=60))
def test_what_is_forgiven_is_one_failure_of_one_that_failed(operations):
    """The count is that of the candidates that failed and were not forgiven since; forgiving anything else leaves no trace."""
    meter, failed = Meter(evolve(LADDER, free=100, stop=200)), []
    for operation, candidate in operations:
        if operation == "fail":
            reading = meter.charge(candidate)
            assert reading.new is (candidate not in failed)
            if reading.hold:
                meter.settle(reading.hold, Settle.FAILED)
                failed.append(candidate)
        else:
            before = dict(meter.row)
            meter.forgive(candidate)
            if candidate in failed:
                failed.remove(candidate)
            else:
                assert meter.row == before
        assert (meter.tally, meter.seen) == (Tally(len(failed), 0, 0), tuple(failed))


@given(ladders(windows=(20 * SECOND, HOUR)), st.lists(st.tuples(STEPS, st.integers(0, 5), st.booleans()), max_size=80))
def test_no_window_sees_more_comparisons_than_the_stop_and_what_was_forgiven_in_it(ladder, attempts):
    """Also where a candidate is forgiven whose own failure had left long ago, and typed again, and forgiven again."""
    meter, compared, forgiven = Meter(ladder), [], []
    for step, candidate, forgives in attempts:
        meter.now += step
        reading = meter.charge(candidate)
        if isinstance(reading, Granted) and reading.hold:
            compared.append(meter.now)
            meter.settle(reading.hold, Settle.FAILED)
        if forgives and candidate in meter.seen:
            meter.forgive(candidate)
            forgiven.append(meter.now)

    for last in compared:
        inside, back = (sum(last - ladder.window < at <= last for at in instants) for instants in (compared, forgiven))
        assert inside <= ladder.stop + back


def test_forgiving_ends_no_rest():
    """Only time and success do."""
    meter = Meter(LADDER)
    meter.fail(LADDER.free)
    resting = meter.charge()
    meter.forgive(1)

    assert meter.charge() == Resting(resting.until, LADDER.free - 1)


@pytest.mark.parametrize("lapse_first", [True, False])
def test_a_lapse_beside_what_is_forgiven_can_still_be_corrected(lapse_first):
    """Each takes back one, in either order."""
    meter = Meter(LADDER)
    hold = meter.charge().hold
    meter.fail(2)
    meter.now += LADDER.lease
    if not lapse_first:
        meter.forgive(3)
    meter.settle(hold, Settle.VOID)
    meter.forgive(3)

    assert (meter.tally.count, meter.seen) == (1, (2,))


def test_no_more_is_cleared_because_something_was_forgiven():
    """A success takes what was there before it, and what was forgiven is no more among it."""
    meter = Meter(LADDER)
    meter.fail(2)
    owner = meter.charge().hold
    meter.settle(owner, Settle.PARK)
    meter.forgive(1)
    meter.fail(2)
    meter.settle(owner, Settle.CLEAR)

    assert meter.tally.count == 2


# --- rows -------------------------------------------------------------------------------------------------------------


def charge(meter, hold, ladder=LADDER, **given):
    return Charge(b"slot", meter, ladder, given.get("candidate", 1), hold, given.get("at_least", 0))


def test_a_refused_row_reserves_nothing():
    """One refusal voids the others; what waking brought about stays."""
    resting = evolve(LADDER, free=1, first=MINUTE)
    row, _ = charge_row({}, [charge(b"a", b"1", resting)], NOW)
    asked = [charge(b"b", b"2"), charge(b"a", b"3", resting, candidate=2), charge(b"b", b"4", candidate=3)]
    for late, refusal, tallied in (
        (0, Filled(), Tally(0, 1, 0)),
        (resting.lease, Resting(NOW + MINUTE, 1), Tally(1, 0, NOW + MINUTE)),
    ):
        changed, readings = charge_row(row, asked, NOW + late)

        assert readings == [Granted(None, 1, new=False), refusal, Granted(None, 2, new=False)]
        assert list(changed) == [b"a"]
        assert tally(changed[b"a"], resting, NOW + late) == tallied


def test_one_meter_twice_in_a_call():
    """Two candidates put to the same meter in one call take two units, or none."""
    changed, readings = charge_row({}, [charge(b"a", b"1"), charge(b"a", b"2", candidate=2)], NOW)
    assert readings == [Granted(b"1", 1, new=True), Granted(b"2", 2, new=True)]
    assert changed[b"a"].pending == 2

    single = evolve(LADDER, free=1)
    changed, readings = charge_row({}, [charge(b"a", b"1", single), charge(b"a", b"2", single, candidate=2)], NOW)
    assert readings == [Granted(None, 1, new=False), Filled()]
    assert changed == {}


def test_a_refusal_evicts_nobody():
    """A thousand refused sources leave no meters behind, so they push out none that counts."""
    row, _ = charge_row({}, [charge(b"!own", b"0", candidate=None, at_least=4)], NOW)
    for number in range(MAX_METERS - 1):
        changed, _ = charge_row(row, [charge(b"pair %d" % number, b"0", candidate=None)], NOW)
        row.update(changed)
    for number in range(1000):
        changed, readings = charge_row(row, [charge(b"!own", b"1"), charge(b"new %d" % number, b"1")], NOW)
        assert isinstance(readings[0], Resting)
        assert set(changed) == {b"!own"}


@given(st.lists(st.integers(0, 120), max_size=200))
def test_a_row_is_bounded(numbers):
    """64 meters; the least recently charged goes, never one in ! and never one of this call."""
    row = {}
    for turn, number in enumerate(numbers):
        name = b"!%d" % number if number < 3 else b"%d" % number
        changed, _ = charge_row(
            row, [charge(name, b"%d" % turn, evolve(LADDER, free=999, stop=9999), candidate=turn)], NOW + turn
        )
        for key, meter in changed.items():
            if meter is None:
                del row[key]
            else:
                row[key] = meter
        assert name in row
        assert len(row) <= MAX_METERS
    assert {number for number in numbers if number < 3} == {number for number in range(3) if b"!%d" % number in row}


@pytest.mark.parametrize("window", [0, HOUR, 30 * DAY])
def test_a_meter_stays_small(window):
    """2,000 failures and 32 candidates fit into 256 bytes, name included."""
    meter = Meter(Ladder(free=9999, first=SECOND, longest=MINUTE, stop=9999, window=window, lease=SECOND))
    for number in range(2000):
        meter.now += (window or HOUR) // 2001
        meter.settle(meter.charge(candidate=2**32 - 1 - number).hold, Settle.FAILED)
    stored = read_row(None).with_changes(meter.row)

    assert meter.tally.count == 2000
    assert len(stored) <= 256
    assert dict(read_row(stored)) == meter.row


# --- to the last unit -------------------------------------------------------------------------------------------------

AT = NOW // SECOND


def failed(*seconds, ladder=WINDOWED, **given):
    """A meter with one failure at each of these seconds before now, or as many as said."""
    pairs = [(one, 1) if isinstance(one, int) else one for one in seconds]
    return evolve(FRESH, latest=NOW, failures=tuple((AT - ago, number) for ago, number in pairs), **given)


def settled(meter, hold, verdict, *, now=NOW, ladder=WINDOWED, candidate=None):
    return settle_row({b"m": meter}, [Settlement(b"slot", b"m", ladder, hold, verdict, candidate)], now)[b"m"]


def charged(meter, hold, *, now=NOW, ladder=WINDOWED, candidate=1):
    changed, readings = charge_row({b"m": meter}, [charge(b"m", hold, ladder, candidate=candidate)], now)
    return changed[b"m"], readings[0]


def test_a_weight_of_one_is_the_least():
    check_weight(1)


@given(st.integers(2, 5), st.integers(0, 3))
def test_of_many_that_share_a_unit_the_last_gives_it_back(sharers, others):
    meter = FRESH
    for number in range(others):
        meter, _ = charged(meter, b"o%d" % number, ladder=LADDER, candidate=100 + number)
    for number in range(sharers):
        meter, reading = charged(meter, b"h%d" % number, ladder=LADDER, candidate=7)
        assert reading.hold == b"h0" and meter.pending == others + 1
    for left in reversed(range(sharers)):
        meter = settled(meter, reading.hold, Settle.VOID, ladder=LADDER)
        assert meter.pending == others + bool(left)


@given(st.lists(st.tuples(st.integers(0, 3500), st.integers(1, 5)), min_size=3, max_size=8, unique_by=lambda pair: pair[0]))
def test_a_tally_says_when_one_more_is_free(pairs):
    pairs = sorted(pairs, reverse=True)
    meter, total = failed(*pairs), sum(number for _, number in pairs)
    ladder = evolve(WINDOWED, free=3, stop=3)
    left, leaves = total, iter(pairs)
    while left >= ladder.stop:
        ago, number = next(leaves)
        left -= number
    assert tally(meter, ladder, NOW).ready == (AT - ago) * SECOND + HOUR


@given(st.integers(0, 10), st.integers(1, 3))
def test_what_a_broken_clock_left_lies_in_whole_seconds(ahead, number):
    later = NOW + BROKEN_CLOCK + ahead * SECOND + 1
    meter = evolve(FRESH, latest=later, failures=((later // SECOND, number),))
    woken = wake(meter, WINDOWED, NOW)
    assert woken.failures == ((AT + 1, number),) and all(type(at) is int for at, _ in woken.failures)


@given(st.integers(-2, 2))
def test_a_meter_that_is_not_behind_its_floor_keeps_its_failures_where_they_were(behind):
    meter = failed(3000, 2000, 1000)
    woken = wake(meter, WINDOWED, NOW + SECOND, floor=WINDOWED.free + 3 + behind)
    if behind <= 0:
        assert woken.failures == meter.failures
    else:
        assert woken.count == 3 + behind and woken.failures[:2] == meter.failures[:2]


@pytest.mark.parametrize("leaving", [1, 2, 3])
def test_what_is_under_way_outlives_the_failures_before_it(leaving):
    """And a success clears what was there before it, of what is left."""
    meter, reading = charged(failed(*(3599 - n for n in range(leaving)), 10), b"h")
    later = NOW + 20 * SECOND
    woken, _ = charged(meter, b"another", now=later, candidate=2)
    assert woken.pending == 2 and woken.count == 1
    assert [hold.base for hold in woken.holds] == [1, 1]
    assert settled(woken, reading.hold, Settle.CLEAR, now=later).count == 0


@pytest.mark.parametrize(("before", "corrected"), [(1, True), (2, True), (0, False)])
def test_a_lapse_can_be_corrected_unless_its_own_failure_may_have_left(before, corrected):
    """Two failures leave the window; the lapse had so many before it that its own is, or is not, surely among those left."""
    hold = evolve(charged(FRESH, b"h")[0].holds[0], state=LAPSED, base=before + (before > 0), at=NOW)
    meter = evolve(failed(3599, 3598, 5), holds=(hold,))
    woken = settled(wake(meter, WINDOWED, NOW + 10 * SECOND), b"h", Settle.VOID, now=NOW + 10 * SECOND)
    assert woken.count == (0 if corrected else 1)


def test_candidates_are_remembered_while_anything_failed_is_and_no_longer():
    meter = failed(3599, 10, seen=(1,))
    some, reading = charged(meter, b"h", now=NOW + 10 * SECOND)
    assert reading == Granted(None, 1, new=False) and some.seen == (1,)
    none, reading = charged(meter, b"h", now=NOW + HOUR)
    assert reading.new and none.seen == () and none.failures == ()


def test_what_is_forgiven_takes_nothing_from_what_had_nothing_before_it():
    """Whoever was charged first clears nothing that came after him."""
    meter, first = charged(FRESH, b"h", ladder=LADDER, candidate=1)
    meter, second = charged(meter, b"i", ladder=LADDER, candidate=2)
    meter = settled(meter, second.hold, Settle.FAILED, ladder=LADDER)
    meter, third = charged(meter, b"j", ladder=LADDER, candidate=3)
    meter = settled(meter, third.hold, Settle.FAILED, ladder=LADDER)
    meter = settled(meter, b"", Settle.FORGIVE, ladder=LADDER, candidate=3)
    assert meter.count == 1 and [hold.base for hold in meter.holds] == [0]
    assert settled(meter, first.hold, Settle.CLEAR, ladder=LADDER).count == 1


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(1, 20))
def test_the_oldest_go_one_by_one(numbers, base):
    meter = failed(*((3000 - 10 * n, number) for n, number in enumerate(numbers)), ladder=LADDER)
    hold = evolve(charged(FRESH, b"h", ladder=LADDER)[0].holds[0], base=base)
    cleared = settled(evolve(meter, holds=(hold,)), b"h", Settle.CLEAR, ladder=LADDER)
    flat = [at for at, number in meter.failures for _ in range(number)][base:]
    assert [at for at, number in cleared.failures for _ in range(number)] == flat


def test_of_what_takes_no_room_the_oldest_is_forgotten_and_of_what_does_nothing():
    roomy = evolve(LADDER, free=900, stop=900)
    meter, _ = charged(FRESH, b"pending", ladder=roomy, candidate=0)
    for number in range(MAX_DONE + 2):
        meter, reading = charged(meter, b"h%d" % number, ladder=roomy, candidate=1 + number)
        meter = settled(meter, reading.hold, Settle.PARK, ladder=roomy)
    assert [hold.id for hold in meter.holds] == [b"pending", *(b"h%d" % number for number in range(2, MAX_DONE + 2))]
    assert meter.pending == 1


def test_a_refusal_still_tells_a_meter_what_the_record_knows():
    """By whichever of two charges of one meter in a call, and of a meter that lives as well."""
    stopped = charge(b"stopped", b"s", at_least=LADDER.stop)
    twice = [charge(b"m", b"1", at_least=9), charge(b"m", b"2", candidate=2), stopped]
    changed, _ = charge_row({}, twice, NOW)
    assert changed[b"m"].count == 9
    alive = evolve(FRESH, latest=NOW)
    changed, _ = charge_row({b"m": alive}, [evolve(charge(b"m", b"1"), floor=LADDER.free + 4), stopped], NOW)
    assert changed[b"m"].count == 4


@given(st.integers(1, 4), st.integers(0, 3))
def test_a_full_row_loses_those_without_a_failure_first_and_then_the_oldest(new, idle):
    """As many as there are too many; never one that is kept, nor one of this call."""
    row = {b"!kept": FRESH}
    for number in range(MAX_METERS - 1):
        empty = number >= MAX_METERS - 1 - idle
        row[b"%d" % number] = evolve(FRESH, latest=NOW + number, failures=() if empty else ((AT, 1),))
    asked = [charge(b"0", b"own"), *(charge(b"new %d" % number, b"h%d" % number) for number in range(new))]
    changed, _ = charge_row(row, asked, NOW + HOUR)
    gone = {name for name, meter in changed.items() if meter is None}
    empties = [b"%d" % number for number in range(MAX_METERS - 1 - idle, MAX_METERS - 1)]
    oldest = [b"%d" % number for number in range(1, MAX_METERS)]
    assert gone == {*[*empties, *oldest][:new]}


def test_what_is_spent_at_once_counts_its_weight_and_is_no_candidate_afterwards():
    heavy = evolve(charge(b"m", b"1", candidate=None), weight=3)
    changed, _ = charge_row({}, [heavy], NOW)
    assert changed[b"m"].count == 3 and changed[b"m"].seen == ()
    with pytest.raises(ConfigError):
        charge_row({}, [evolve(heavy, weight=0)], NOW)


@pytest.mark.parametrize("verdict", [Settle.PARK, Settle.FAILED])
def test_what_takes_no_room_hides_nothing_that_does(verdict):
    """A parked reservation, or a lapse, lies before one that is under way."""
    meter, first = charged(FRESH, b"h", ladder=LADDER, candidate=1)
    if verdict is Settle.PARK:
        meter = settled(meter, first.hold, verdict, ladder=LADDER)
    later = NOW if verdict is Settle.PARK else NOW + LADDER.lease
    meter, _ = charged(meter, b"i", ladder=LADDER, candidate=2, now=later)
    again, reading = charged(meter, b"j", ladder=LADDER, candidate=2, now=later)
    assert reading.hold == b"i" and not reading.new and again.pending == 1


def test_what_was_parked_clears_and_takes_no_room_until_then():
    meter, first = charged(FRESH, b"h", ladder=LADDER, candidate=1)
    meter = settled(meter, first.hold, Settle.PARK, ladder=LADDER)
    assert meter.pending == 0 and meter.holds[0].state == PARKED
    assert wake(meter, LADDER, NOW + DAY).count == 0, "it lapses no more"


@given(st.integers(0, 12), st.integers(0, 12))
def test_after_a_success_a_meter_rests_as_long_as_what_is_left_asks_and_no_longer_than_before(before, after):
    """And remembers no candidate."""
    ladder = evolve(LADDER, free=1, stop=99)
    hold = evolve(charged(FRESH, b"h", ladder=ladder)[0].holds[0], base=before)
    meter = evolve(
        FRESH,
        latest=NOW,
        ready=NOW + 5 * SECOND,
        failures=((AT, before + after),) if before + after else (),
        holds=(hold,),
        seen=(7,),
    )
    cleared = settled(meter, b"h", Settle.CLEAR, ladder=ladder)
    assert cleared.count == after and cleared.seen == ()
    assert cleared.ready == (min(meter.ready, NOW + rest(ladder, after)) if after else 0)


@given(st.integers(-2, 2))
def test_a_rest_at_the_cap_is_left_alone_and_one_beyond_it_cut(beyond):
    meter = evolve(failed(5, 4, ladder=LADDER), ready=NOW + LADDER.longest + beyond, seen=(7,))
    woken = wake(meter, LADDER, NOW)
    assert woken == evolve(meter, ready=NOW + LADDER.longest + min(beyond, 0))


@given(st.integers(-2, 2))
def test_a_clock_that_is_a_little_ahead_is_believed_and_one_that_is_broken_is_not(beyond):
    later = NOW + BROKEN_CLOCK + beyond
    meter = evolve(FRESH, latest=later, failures=((later // SECOND + 1, 1),))
    woken = wake(meter, LADDER, NOW)
    assert (woken.latest, woken.failures == meter.failures) == ((NOW, False) if beyond > 0 else (later, True))


@given(st.integers(0, 4))
def test_a_lost_meter_goes_on_from_the_first_failure_that_is_known(known):
    assert wake(FRESH, LADDER, NOW, at_least=known).count == known


@given(st.sampled_from([4 * SECOND, 20 * SECOND, HOUR, DAY, 30 * DAY]), st.lists(st.integers(0, 10**6), min_size=2, max_size=6))
def test_failures_of_one_part_of_a_window_are_remembered_together_and_no_others(window, shares):
    """As of the last of them, so none is forgotten early, and by so much later at most."""
    ladder = evolve(LADDER, free=99, stop=99, window=window)
    part = max(window // PARTS // SECOND, 1)
    instants = sorted(NOW + share * (window - SECOND) // 10**6 for share in shares)
    meter, expected = FRESH, []
    for number, now in enumerate(instants):
        meter, _ = charged(meter, b"%d" % number, now=now, ladder=ladder, candidate=None)
        second = -(-now // SECOND)
        if expected and expected[-1][0] // part == second // part:
            expected[-1] = (second, expected[-1][1] + 1)
        else:
            expected.append((second, 1))
    assert list(meter.failures) == expected


def test_without_a_window_all_failures_are_remembered_together():
    meter, _ = charged(FRESH, b"1", ladder=LADDER, candidate=None)
    meter, _ = charged(meter, b"2", ladder=LADDER, candidate=None, now=NOW + DAY)
    assert meter.failures == ((AT + DAY // SECOND + 1, 2),)
