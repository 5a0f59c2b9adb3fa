"""
The arithmetic of charge and settle: the one definition that every store follows.

A meter counts failures; a reservation (*hold*) is taken before a secret is looked at and settled after the commit. So a
thousand parallel guesses share the room that is left, not one free try. Admission moves only what is pending; settling
alone moves the count. Everything is pure, and every instant an integer of microseconds.

Time inside a meter never runs backwards: it keeps the latest instant it was shown. Only the rest after a failure follows
the clock as given, cut to ``longest`` from now, so that no clock can make a lock outlast its cap. A meter that has seen an
instant days ahead has seen a broken clock: it takes the present one, for all it holds, and forgets nothing.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace as evolve

from acctsec.errors import ConfigError
from acctsec.protocols import Charge, Filled, Granted, Ladder, Reading, Resting, Settle, Settlement, Stopped, Tally

MAX_SEEN = 32  # candidates remembered; one more forgets the oldest, which then counts again
MAX_DONE = 8  # lapsed or parked reservations that a late settlement may still correct or clear
MAX_METERS = 64  # meters a row; the pairs and devices least recently used go first
PARTS = 8  # failures of the same part of a window are remembered, and forgotten, with the last of them
BROKEN_CLOCK = 2 * 86_400_000_000
SECOND = 1_000_000


PENDING, LAPSED, PARKED = range(3)


class Hold(Struct, frozen=True, array_like=True):
    """
    Room reserved for one candidate at the instant *at*: *weight* units. *base* counts those that failed before it, *sharers* who
    wait on it.

    It takes room while PENDING. LAPSED, nobody settled it in time and it became a failure; PARKED, its secret was right
    and more is to prove: it takes no room, and a full success may still clear what came before it.
    """

    id: bytes
    candidate: int
    at: int
    base: int
    sharers: int = 1
    state: int = PENDING
    weight: int = 1  # the last, and 1 where it is missing: rows of before had none


class Meter(Struct, frozen=True, array_like=True):
    """What is remembered between two attempts. *failures* are (instant in whole seconds, units) pairs, oldest first."""

    latest: int = 0
    ready: int = 0
    failures: tuple[tuple[int, int], ...] = ()
    holds: tuple[Hold, ...] = ()
    seen: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Units of failures that are remembered."""
        return _total(self.failures)

    @property
    def pending(self) -> int:
        """Units of reservations that are neither settled nor lapsed nor parked."""
        return sum(hold.weight for hold in self.holds if hold.state == PENDING)


FRESH = Meter()


def rest(ladder: Ladder, count: int) -> int:
    """How long a meter rests after *count* failures."""
    doublings = count - ladder.free
    if doublings < 0:
        return 0
    # Past this point doubling changes nothing and would only make the number longer.
    if doublings >= 64:
        return ladder.longest
    return min(ladder.first << doublings, ladder.longest)


def check_weight(weight: int) -> None:
    """Raise ConfigError for a weight below 1: it would be a guess for nothing, or give back what others hold."""
    if weight < 1:
        raise ConfigError(f"A charge has the weight {weight}.", remedy="Give a whole number, 1 or more.")


def fits(ladder: Ladder, weight: int, *, count: int, pending: int) -> bool:
    """
    Whether *weight* more units may be reserved beside *count* that failed and *pending* ones.

    All together stay within the stop, always. Within the free ones as many as there are, and past them one reservation at a
    time: what is heavier than what is left of the free ones waits until it is alone. So less weight, fewer failures or fewer
    reservations never turn a yes into a no.
    """
    taken = count + pending + weight
    return taken <= ladder.stop and (taken <= ladder.free or not pending)


def wake(meter: Meter, ladder: Ladder, now: int, at_least: int = 0, floor: int = 0) -> Meter:
    """
    Bring a meter to the instant *now*: forget what left the window, turn reservations past their lease into failures.

    A meter that begins where the record remembers *at_least* so many failures was lost: it goes on from there, with
    everything that follows from it. One that lives knows better, unless it is further behind *floor* than what may be
    under way at once.
    """
    latest = meter.latest
    least = floor - ladder.free if latest else max(at_least, floor)
    if latest < now:
        latest = now
    elif latest - now > BROKEN_CLOCK:
        meter = _brought_back(meter, now)
        latest = now
    woken = Meter(latest, meter.ready, meter.failures, meter.holds, meter.seen)
    if woken.failures:
        woken = _without_old(woken, ladder)
    if woken.holds:
        woken = _lapsed(woken, ladder)
    if woken.ready:
        woken = _capped(woken, ladder, now)
    return _raised(woken, ladder, least, now) if least > 0 else woken


def admit(meter: Meter, charge: Charge, now: int) -> tuple[Meter, Reading]:
    """
    Answer one charge on a meter that is awake, reserving room if there is any.

    An attempt that has to wait is not counted, or an attacker could keep the owner waiting for ever. A repeat of a
    candidate that already failed, or that is being compared right now, takes no room of its own.
    """
    ladder, candidate, weight = charge.ladder, charge.candidate, charge.weight
    if weight != 1:
        check_weight(weight)
    count = _total(meter.failures)
    if count >= ladder.stop:
        return meter, _stopped(meter, ladder, count, weight)
    if now < meter.ready:
        return meter, Resting(meter.ready, count)
    pending = 0
    for hold in meter.holds:
        if hold.state != PENDING:
            continue
        pending += hold.weight
        if hold.candidate == candidate:
            if hold.id == charge.hold:  # the same charge again, after a lost answer: it is answered as it was then
                return meter, Granted(hold.id, count + pending, new=True)
            return _with_hold(meter, evolve(hold, sharers=hold.sharers + 1)), Granted(hold.id, count + pending, new=False)
    if candidate is not None and candidate in meter.seen:
        return meter, Granted(None, count, new=False)
    taken = count + pending + weight
    if not fits(ladder, weight, count=count, pending=pending):
        return meter, Filled() if count + weight <= ladder.stop else _stopped(meter, ladder, count, weight)
    if candidate is None:
        spent = Hold(charge.hold, -1, meter.latest, count, weight=weight)
        return _capped(_fail(meter, ladder, spent, lapsed=False), ladder, now), Granted(None, taken, new=True)
    hold = Hold(charge.hold, candidate, meter.latest, count, weight=weight)
    held = Meter(meter.latest, meter.ready, meter.failures, (*meter.holds, hold), meter.seen)
    return held, Granted(charge.hold, taken, new=True)


def conclude(meter: Meter, settlement: Settlement) -> Meter:
    """
    Apply one settlement to a meter that is awake. A reservation that lapsed before is corrected.

    What is forgiven ends no rest: it comes after a success, which says by itself what rests on.
    """
    verdict = settlement.verdict
    if verdict is Settle.FORGIVE:
        candidate = settlement.candidate
        return meter if candidate is None or candidate not in meter.seen else _without_failure(meter, candidate, 1)
    hold = next((hold for hold in meter.holds if hold.id == settlement.hold), None)
    if hold is None:
        return meter
    if verdict is Settle.FAILED:
        if hold.state == LAPSED:
            return _without(meter, hold)
        return _without_old(_fail(meter, settlement.ladder, hold, lapsed=False), settlement.ladder)
    if verdict is Settle.VOID and hold.sharers > 1:
        return _with_hold(meter, evolve(hold, sharers=hold.sharers - 1))
    meter = _without(meter, hold)
    if hold.state == LAPSED:
        meter = _without_failure(meter, hold.candidate, hold.weight)
    if verdict is Settle.VOID:
        return meter
    if verdict is Settle.PARK:
        return evolve(meter, holds=_done(meter.holds, evolve(hold, state=PARKED)))
    # Only what was charged before this success is forgiven: what others try meanwhile stays on the account.
    meter = _forget(meter, hold.base)
    rested = meter.latest + rest(settlement.ladder, _total(meter.failures))
    return evolve(meter, seen=(), ready=min(meter.ready, rested) if meter.failures else 0)


def charge_row(
    row: Mapping[bytes, Meter], charges: Sequence[Charge], now: int
) -> tuple[dict[bytes, Meter | None], list[Reading]]:
    """
    Answer the charges of one row, all or nothing.

    Returns the meters to write back (None: to drop) and the readings in order. When one charge is refused the others
    reserve nothing; what waking brought about is still written, but no refusal begins a meter and so evicts another.
    """
    changed: dict[bytes, Meter | None] = {}
    readings: list[Reading] = []
    refused = False
    for charge in charges:
        name = charge.meter
        past = changed.get(name) or row.get(name, FRESH)
        woken = wake(past, charge.ladder, now, charge.at_least, charge.floor)
        changed[name], reading = admit(woken, charge, now)
        readings.append(reading)
        if type(reading) is not Granted:
            refused = True
    if refused:
        readings = [Granted(None, r.ordinal, new=False) if type(r) is Granted else r for r in readings]
        changed = _awake(row, charges, now)
    if len(row) + len(changed) > MAX_METERS:
        changed |= _evicted(row, changed)
    return changed, readings


KEEP = b"!"
"""Meters whose name begins so are never evicted from their row."""


def settle_row(row: Mapping[bytes, Meter], settlements: Sequence[Settlement], now: int) -> dict[bytes, Meter | None]:
    """Apply the settlements of one row; returns the meters to write back."""
    changed: dict[bytes, Meter | None] = {}
    for settlement in settlements:
        name = settlement.meter
        past = changed.get(name) or row.get(name)
        if past is not None:
            ladder = settlement.ladder
            changed[name] = _capped(conclude(wake(past, ladder, now), settlement), ladder, now)
    return changed


def tally(meter: Meter, ladder: Ladder, now: int) -> Tally:
    """What a meter holds at *now*, for people to read."""
    woken = wake(meter, ladder, now)
    count = woken.count
    ready = _refill(woken, ladder, count + 1 - ladder.stop) if ladder.window and count >= ladder.stop else woken.ready
    return Tally(count, woken.pending, ready if ready > now else 0, woken.seen)


def keep_for(ladder: Ladder) -> int:
    """How long an idle meter must be kept before a store may collect it: twice its window, or sixty days without one."""
    return 2 * (ladder.window or 30 * 86_400_000_000)


def _total(failures: tuple[tuple[int, int], ...]) -> int:
    total = 0
    for _, number in failures:
        total += number
    return total


def _stopped(meter: Meter, ladder: Ladder, count: int, weight: int) -> Resting | Stopped:
    """When *weight* units more will be free; never, where no failure leaves or the whole ladder has not as many."""
    if not ladder.window or weight > ladder.stop:
        return Stopped(count)
    return Resting(_refill(meter, ladder, count + weight - ladder.stop), count)


def _refill(meter: Meter, ladder: Ladder, number: int) -> int:
    """The instant at which the *number* oldest units will have left the window."""
    for at, count in meter.failures:
        number -= count
        if number <= 0:
            return at * SECOND + ladder.window
    return meter.latest


def _without_old(meter: Meter, ladder: Ladder) -> Meter:
    """Forget the failures that left the window."""
    begin = meter.latest - ladder.window
    if not ladder.window or meter.failures[0][0] * SECOND > begin:
        return meter
    return _forget(meter, _total(tuple(pair for pair in meter.failures if pair[0] * SECOND <= begin)))


def _lapsed(meter: Meter, ladder: Ladder) -> Meter:
    """Count reservations that nobody settled within their lease as failures at the time they were made."""
    expired = [hold for hold in meter.holds if hold.state == PENDING and hold.at + ladder.lease <= meter.latest]
    for hold in expired:
        meter = _fail(meter, ladder, hold, lapsed=True)
    return _without_old(meter, ladder) if expired else meter


def _brought_back(meter: Meter, now: int) -> Meter:
    """What is remembered from the future happened now: it may not outlast what happens from now on."""
    second = -(-now // SECOND)
    failures = tuple((min(at, second), number) for at, number in meter.failures)
    holds = tuple(evolve(hold, at=min(hold.at, now)) for hold in meter.holds)
    return evolve(meter, failures=failures, holds=holds)


def _capped(meter: Meter, ladder: Ladder, now: int) -> Meter:
    """No rest outlasts the cap, counted from the clock as given: a failure that a faster clock dates later has no say."""
    cap = now + ladder.longest
    return meter if meter.ready <= cap else Meter(meter.latest, cap, meter.failures, meter.holds, meter.seen)


def _fail(meter: Meter, ladder: Ladder, hold: Hold, *, lapsed: bool) -> Meter:
    """Count what a reservation weighs as failed, at the instant it was made."""
    failures = _counted(meter.failures, ladder, hold.at, hold.weight)
    holds = tuple(other for other in meter.holds if other.id != hold.id)
    if lapsed:
        holds = _done(holds, evolve(hold, state=LAPSED))
    seen = meter.seen
    # Nobody knows whether a lapsed one was wrong. If it was right, its next success must be able to clear.
    if hold.candidate >= 0 and hold.candidate not in seen and not lapsed:
        seen = (*seen, hold.candidate)[-MAX_SEEN:]
    wait = rest(ladder, _total(failures))
    ready = max(meter.ready, hold.at + wait) if wait else meter.ready
    return Meter(meter.latest, ready, failures, holds, seen)


def _raised(meter: Meter, ladder: Ladder, count: int, now: int) -> Meter:
    """
    Catch up with what the record knows of.

    The record is told before a secret is compared, so it may count attempts that turned out right or are still under way. A
    meter that lives knows better by as many as may be under way at once; one that is behind by more lost its latest writes.
    """
    missing = count - _total(meter.failures) - meter.pending
    if missing <= 0:
        return meter
    failures = _counted(meter.failures, ladder, meter.latest, missing)
    return evolve(meter, failures=failures, ready=max(meter.ready, now + rest(ladder, _total(failures))))


def _counted(failures: tuple[tuple[int, int], ...], ladder: Ladder, at: int, number: int) -> tuple[tuple[int, int], ...]:
    """*failures* and *number* more at the instant *at*, rounded up so that none is forgotten early."""
    second = -(-at // SECOND)
    if failures:
        last, count = failures[-1]
        part = ladder.window // PARTS // SECOND or 1
        if not ladder.window or second // part <= last // part:
            return (*failures[:-1], (max(last, second), count + number))
    return (*failures, (second, number))


def _forget(meter: Meter, number: int) -> Meter:
    """
    Take the *number* oldest failures away, also from what each reservation has before it.

    A lapsed reservation whose own failure may be among them can no longer be corrected: rather one failure too many.
    """
    if not number:
        return meter
    holds = tuple(
        evolve(hold, base=max(hold.base - number, 0)) for hold in meter.holds if hold.state != LAPSED or hold.base >= number
    )
    failures = _minus(meter.failures, number)
    return Meter(meter.latest, meter.ready, failures, holds, meter.seen if failures else ())


def _without_failure(meter: Meter, candidate: int, weight: int) -> Meter:
    """
    Take back the failure of a candidate, and forget it.

    The oldest units go for it, also from what each reservation has before it: what stays is never younger than it should be.
    """
    holds = tuple(evolve(other, base=max(other.base - weight, 0)) for other in meter.holds)
    seen = tuple(other for other in meter.seen if other != candidate)
    return Meter(meter.latest, meter.ready, _minus(meter.failures, weight), holds, seen)


def _minus(failures: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """Take *number* failures away, the oldest first."""
    left = []
    for at, count in failures:
        taken = min(count, number)
        number -= taken
        if count > taken:
            left.append((at, count - taken))
    return tuple(left)


def _with_hold(meter: Meter, hold: Hold) -> Meter:
    return evolve(meter, holds=tuple(hold if other.id == hold.id else other for other in meter.holds))


def _without(meter: Meter, hold: Hold) -> Meter:
    return evolve(meter, holds=tuple(other for other in meter.holds if other.id != hold.id))


def _done(holds: tuple[Hold, ...], hold: Hold) -> tuple[Hold, ...]:
    """Keep a reservation that takes no room any more; past the cap the oldest of its kind is forgotten."""
    done = [other for other in holds if other.state != PENDING]
    if len(done) >= MAX_DONE:
        holds = tuple(other for other in holds if other is not done[0])
    return (*holds, hold)


def _awake(row: Mapping[bytes, Meter], charges: Sequence[Charge], now: int) -> dict[bytes, Meter | None]:
    """The meters of *charges* as waking left them, but for those that begin and have nothing to remember."""
    awake: dict[bytes, Meter | None] = {}
    for charge in charges:
        past = awake.get(charge.meter) or row.get(charge.meter, FRESH)
        awake[charge.meter] = wake(past, charge.ladder, now, charge.at_least, charge.floor)
    return {name: meter for name, meter in awake.items() if name in row or (meter and meter.failures)}


def _evicted(row: Mapping[bytes, Meter], changed: Mapping[bytes, Meter | None]) -> dict[bytes, Meter | None]:
    """The meters that remember no failure, then those used longest ago, as many as there are too many, to be dropped."""
    excess = len(row) + sum(name not in row for name in changed) - MAX_METERS
    loose = [(bool(row[name].failures), row[name].latest, name) for name in row if name not in changed]
    loose = sorted(one for one in loose if not one[2].startswith(KEEP))
    return dict.fromkeys([name for _, _, name in loose[: max(excess, 0)]])
