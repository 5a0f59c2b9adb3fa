"""
The arithmetic of charge and settle: the one definition that every store follows.

A meter counts failures; a reservation (*hold*) is taken before a secret is looked at and settled after the commit. So a
thousand parallel guesses share the room that is left, not one free try. Admission moves only what is pending; settling
alone moves the count. Everything is pure, and every instant an integer of microseconds.

Time inside a meter never runs backwards: it keeps the latest instant it was shown. Only the rest after a failure follows
the clock as given, cut to ``longest`` from now, so that no clock can make a lock outlast its cap. A meter that has seen an
instant days ahead has seen a broken clock: it takes the present one and forgets nothing.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace as evolve

from acctsec.protocols import Charge, Filled, Granted, Ladder, Reading, Resting, Settle, Settlement, Stopped, Tally

MAX_SEEN = 32  # candidates remembered; one more forgets the oldest, which then counts again
MAX_DONE = 8  # lapsed or parked reservations that a late settlement may still correct or clear
MAX_METERS = 64  # meters a row; the pairs and devices least recently used go first
PARTS = 8  # a window is counted in this many parts; a part is forgotten only when all of it has left the window
BROKEN_CLOCK = 2 * 86_400_000_000


PENDING, LAPSED, PARKED = range(3)


class Hold(Struct, frozen=True, array_like=True):
    """
    Room reserved for one candidate at the instant *at*; *base* is the failure count then, *sharers* who wait on it.

    It takes room while PENDING. LAPSED, nobody settled it in time and it became a failure; PARKED, its secret was right
    and more is to prove: it takes no room, and a full success may still clear what came before it.
    """

    id: bytes
    candidate: int
    at: int
    base: int
    sharers: int = 1
    state: int = PENDING


class Meter(Struct, frozen=True, array_like=True):
    """What is remembered between two attempts. *failures* are (part, count) pairs, oldest first."""

    latest: int = 0
    ready: int = 0
    failures: tuple[tuple[int, int], ...] = ()
    holds: tuple[Hold, ...] = ()
    seen: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Failures that are remembered."""
        total = 0
        for _, number in self.failures:
            total += number
        return total

    @property
    def pending(self) -> int:
        """Reservations that are neither settled nor lapsed nor parked."""
        return sum(hold.state == PENDING for hold in self.holds)


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


def room(ladder: Ladder, count: int) -> int:
    """How many failures and reservations there may be together: the free ones, then one at a time."""
    return min(ladder.free if count < ladder.free else count + 1, ladder.stop)


def wake(meter: Meter, ladder: Ladder, now: int) -> Meter:
    """Bring a meter to the instant *now*: forget what left the window, turn reservations past their lease into failures."""
    latest = meter.latest
    if now > latest or latest - now > BROKEN_CLOCK:
        latest = now
    ready = min(meter.ready, now + ladder.longest)
    failures = meter.failures
    if ladder.window and failures:
        oldest = _part(ladder, latest) - PARTS
        if failures[0][0] < oldest:
            failures = tuple(pair for pair in failures if pair[0] >= oldest)
    seen = meter.seen if failures else ()
    woken = Meter(latest, ready, failures, meter.holds, seen)
    for hold in meter.holds:
        if hold.state == PENDING and hold.at + ladder.lease <= latest:
            woken = _fail(woken, ladder, hold, keep=True)
    return woken


def admit(meter: Meter, charge: Charge, now: int) -> tuple[Meter, Reading]:
    """
    Answer one charge on a meter that is awake, reserving room if there is any.

    An attempt that has to wait is not counted, or an attacker could keep the owner waiting for ever. A repeat of a
    candidate that already failed, or that is being compared right now, takes no room of its own.
    """
    ladder, candidate = charge.ladder, charge.candidate
    count = meter.count
    if count < charge.at_least:
        # The meters were lost and the record remembers more: go on from there, with everything that follows from it.
        meter = _raise(meter, ladder, charge.at_least, now)
        count = charge.at_least
    if count >= ladder.stop:
        return meter, Stopped(count) if not ladder.window else Resting(_refill(meter, ladder), count)
    if now < meter.ready:
        return meter, Resting(meter.ready, count)
    pending = 0
    for hold in meter.holds:
        if hold.state != PENDING:
            continue
        pending += 1
        if hold.candidate == candidate:
            if hold.id == charge.hold:  # the same charge again, after a lost answer
                return meter, Granted(hold.id, count + pending, new=False)
            shared = evolve(hold, sharers=hold.sharers + 1)
            return _with_hold(meter, shared), Granted(hold.id, count + pending, new=False)
    if candidate is not None and candidate in meter.seen:
        return meter, Granted(None, count, new=False)
    if count + pending >= room(ladder, count):
        return meter, Filled()
    ordinal = count + pending + 1
    if candidate is None:
        spent = Hold(charge.hold, -1, meter.latest, count)
        return _fail(meter, ladder, spent, keep=False), Granted(None, ordinal, new=True)
    hold = Hold(charge.hold, candidate, meter.latest, count)
    return Meter(meter.latest, meter.ready, meter.failures, (*meter.holds, hold), meter.seen), Granted(hold.id, ordinal, new=True)


def conclude(meter: Meter, settlement: Settlement) -> Meter:
    """Apply one settlement to a meter that is awake. A reservation that lapsed before is corrected."""
    hold = next((hold for hold in meter.holds if hold.id == settlement.hold), None)
    if hold is None:
        return meter
    if settlement.verdict is Settle.FAILED:
        if hold.state == LAPSED:
            return _without(meter, hold)
        return _fail(meter, settlement.ladder, hold, keep=False)
    if settlement.verdict is Settle.VOID and hold.sharers > 1:
        return _with_hold(meter, evolve(hold, sharers=hold.sharers - 1))
    if hold.state == LAPSED:
        meter = evolve(meter, failures=_minus(meter.failures, 1), seen=tuple(c for c in meter.seen if c != hold.candidate))
    meter = _without(meter, hold)
    if settlement.verdict is Settle.VOID:
        return meter
    if settlement.verdict is Settle.PARK:
        return evolve(meter, holds=_done(meter.holds, evolve(hold, state=PARKED)))
    # Only what was charged before this success is forgiven: what others try meanwhile stays on the account.
    failures = _minus(meter.failures, hold.base)
    return evolve(meter, failures=failures, seen=(), ready=meter.ready if failures else 0)


def charge_row(row: Mapping[bytes, Meter], charges: Sequence[Charge], now: int) -> tuple[dict[bytes, Meter | None], list[Reading]]:
    """
    Answer the charges of one row, all or nothing.

    Returns the meters to write back (None: to drop) and the readings in order. When one charge is refused the others
    reserve nothing; what waking brought about is still written.
    """
    changed: dict[bytes, Meter | None] = {}
    awake: dict[bytes, Meter] = {}
    readings: list[Reading] = []
    refused = False
    for charge in charges:
        name = charge.meter
        past = row.get(name, FRESH)
        woken = wake(past, charge.ladder, now)
        awake[name] = woken
        after, reading = admit(woken, charge, now)
        readings.append(reading)
        if type(reading) is not Granted:
            refused = True
            awake[name] = after  # a refusal reserves nothing; it may have raised the count to at_least
        changed[name] = after
    if refused:
        readings = [Granted(None, r.ordinal, new=False) if type(r) is Granted else r for r in readings]
        changed = dict(awake)
    excess = len(row) + sum(name not in row for name in changed) - MAX_METERS
    if excess > 0:
        kept = {charge.meter for charge in charges} | {name for name in row if name.startswith(KEEP)}
        loose = sorted((meter.latest, name) for name, meter in row.items() if name not in kept)
        changed |= {name: None for _, name in loose[:excess]}
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
            changed[name] = conclude(wake(past, settlement.ladder, now), settlement)
    return changed


def tally(meter: Meter, ladder: Ladder, now: int) -> Tally:
    """What a meter holds at *now*, for people to read."""
    woken = wake(meter, ladder, now)
    ready = _refill(woken, ladder) if ladder.window and woken.count >= ladder.stop else woken.ready
    return Tally(woken.count, woken.pending, ready if ready > now else 0)


def keep_for(ladder: Ladder) -> int:
    """How long an idle meter must be kept before a store may collect it: twice its window, or sixty days without one."""
    return 2 * (ladder.window or 30 * 86_400_000_000)


def _part(ladder: Ladder, instant: int) -> int:
    return instant * PARTS // ladder.window if ladder.window else 0


def _refill(meter: Meter, ladder: Ladder) -> int:
    """The instant at which the oldest failures will have left the window."""
    return -(-(meter.failures[0][0] + PARTS + 1) * ladder.window // PARTS) if meter.failures else meter.latest


def _fail(meter: Meter, ladder: Ladder, hold: Hold, *, keep: bool) -> Meter:
    """Count one failure at the instant its room was reserved."""
    part = _part(ladder, hold.at)
    failures = meter.failures
    if failures and failures[-1][0] >= part:
        failures = (*failures[:-1], (failures[-1][0], failures[-1][1] + 1))
    else:
        failures = (*failures, (part, 1))
    count = sum(number for _, number in failures)
    holds = tuple(other for other in meter.holds if other.id != hold.id)
    if keep:
        holds = _done(holds, evolve(hold, state=LAPSED))
    seen = meter.seen
    if hold.candidate >= 0 and hold.candidate not in seen:
        seen = (*seen, hold.candidate)[-MAX_SEEN:]
    wait = rest(ladder, count)
    ready = max(meter.ready, hold.at + wait) if wait else meter.ready
    return Meter(meter.latest, ready, failures, holds, seen)


def _raise(meter: Meter, ladder: Ladder, count: int, now: int) -> Meter:
    missing = count - meter.count
    part = _part(ladder, meter.latest)
    return evolve(meter, failures=(*meter.failures, (part, missing)), ready=max(meter.ready, now + rest(ladder, count)))


def _minus(failures: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """Take *number* failures away, the oldest first."""
    left = []
    for part, count in failures:
        taken = min(count, number)
        number -= taken
        if count > taken:
            left.append((part, count - taken))
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
