"""Faults of stores of meters: how guesses are counted."""

from time import sleep

from tests.planted.planting import Plot
from tests.planted.records import CONTRACT, MOMENT
from tests.planted.stories import THREE_GUESSES_ON, scenario

from acctsec._values import evolve
from acctsec.meters import FRESH, PENDING, settle_row
from acctsec.protocols import Filled, Granted, Resting, Settle, Stopped, Untouched
from acctsec.stores import MemoryStore
from acctsec.stores._rows import by_slot

PLOT = Plot("meter")
HOUR = 3_600_000_000
TICK = 1


# --- admission --------------------------------------------------------------------------------------------------------


@PLOT.subclass(THREE_GUESSES_ON, says="guesses were compared where two are free", seen="M-077 M-101")
class ChargesAfterwards(MemoryStore):
    """It grants whatever is asked, and counts when it is told how the comparison went."""

    def charge(self, charges, now):
        if not hasattr(self, "_late"):
            self._late = []
        self._late.append((charges, now))
        return [Granted(one.hold, 1, new=True) for one in charges]

    def settle(self, settlements, now):
        while getattr(self, "_late", ()):
            super().charge(*self._late.pop())
        super().settle(settlements, now)


@PLOT.subclass(scenario("siege"), says="expect.guesses: 50", seen="M-073 M-113")
class CountsForItself(MemoryStore):
    """Each of two front ends has a counter of its own: whoever asks the other one begins anew."""

    def charge(self, charges, now):
        self._turn = not getattr(self, "_turn", False)
        side = b"left" if self._turn else b"right"
        return super().charge([evolve(one, slot=one.slot + side) for one in charges], now)

    def settle(self, settlements, now):
        for side in (b"left", b"right"):
            super().settle([evolve(one, slot=one.slot + side) for one in settlements], now)


@PLOT.subclass(CONTRACT, says="as many must be granted as are free", seen="M-073")
class ReadsAndWritesBack(MemoryStore):
    """It reads the counter, adds to it and writes it back: of many at once, one is counted."""

    def charge(self, charges, now):
        before = {one.slot: dict(self._rows[one.slot].meters) if one.slot in self._rows else {} for one in charges}
        sleep(MOMENT)
        for slot, meters in before.items():
            if slot in self._rows:
                self._rows[slot].meters = meters
        return super().charge(charges, now)


@PLOT.subclass(CONTRACT, says="none of that slot must reserve")
class ChargesOneByOne(MemoryStore):
    """It charges the meters of an attempt one after the other: what a later one refuses stays charged in the first."""

    def charge(self, charges, now):
        return tuple([super(ChargesOneByOne, self).charge([charge], now)[0] for charge in charges])


@PLOT.subclass(CONTRACT, says="nor any of a slot that comes after it", seen="M-105")
class ChargesTheRefused(MemoryStore):
    """Who is refused by his own source takes room of the account all the same, and shuts its owner out."""

    def charge(self, charges, now):
        readings = super().charge(charges, now)
        late = [charge for charge, reading in zip(charges, readings, strict=True) if isinstance(reading, Untouched)]
        super().charge(late, now)
        return readings


@PLOT.subclass(CONTRACT, says="Answers must come in the order asked")
class AnswersOutOfOrder(MemoryStore):
    """It answers slot by slot, and not in the order in which it was asked."""

    def charge(self, charges, now):
        readings = super().charge(charges, now)
        order = sorted(range(len(charges)), key=lambda at: charges[at].slot)
        return tuple([readings[at] for at in order])


@PLOT.subclass(CONTRACT, says="must take its weight in units")
class IgnoresWeight(MemoryStore):
    """What is a likely guess counts like any other."""

    def charge(self, charges, now):
        return super().charge([one if one.weight < 1 else evolve(one, weight=1) for one in charges], now)


@PLOT.subclass(CONTRACT, says="Weights and sums of thousands")
class OverflowsAByte(MemoryStore):
    """It keeps weights in one byte."""

    def charge(self, charges, now):
        return super().charge([evolve(one, weight=min(one.weight, 255)) for one in charges], now)


@PLOT.subclass(CONTRACT, says="units failed")
class OverflowsAWord(MemoryStore):
    """Its counter is sixteen bits wide, and after 65,535 begins at nothing."""

    def read(self, meters, now):
        return tuple([evolve(one, count=one.count & 0xFFFF) for one in super().read(meters, now)])


@PLOT.subclass(CONTRACT, says="Equal candidates must share one unit", seen="M-078")
class CountsTheSameTwice(MemoryStore):
    """Twenty right sign-ins at once are twenty guesses, and the last ones are refused."""

    def charge(self, charges, now):
        return super().charge([evolve(one, candidate=int.from_bytes(one.hold)) for one in charges], now)


@PLOT.subclass(CONTRACT, says="with the same hold must reserve nothing more")
class ChargesAgain(MemoryStore):
    """A charge whose answer was lost is made again, and counted again."""

    def charge(self, charges, now):
        last, self._last = getattr(self, "_last", None), charges[0].hold if charges else None
        if charges and charges[0].hold == last:
            charges = [evolve(one, hold=one.hold + b"again", candidate=99) for one in charges]
        return super().charge(charges, now)


# --- windows and clocks -----------------------------------------------------------------------------------------------


def with_ladder(**changes):
    """The methods of a store that reads ladders otherwise: each change is a function of what is there."""

    def other(ladder):
        return evolve(ladder, **{name: change(getattr(ladder, name)) for name, change in changes.items()})

    def charge(self, charges, now):
        return MemoryStore.charge(self, [evolve(one, ladder=other(one.ladder)) for one in charges], now)

    def settle(self, settlements, now):
        MemoryStore.settle(self, [evolve(one, ladder=other(one.ladder)) for one in settlements], now)

    def read(self, meters, now):
        return MemoryStore.read(self, [(slot, name, other(ladder)) for slot, name, ladder in meters], now)

    return {"charge": charge, "settle": settle, "read": read}


@PLOT.subclass(CONTRACT, says="as acctsec.meters says", seen="M-079")
class EndsAWindowEarly(MemoryStore):
    """A failure is forgotten one tick before its window is over."""

    locals().update(with_ladder(window=lambda window: window - TICK if window else 0))


@PLOT.subclass(CONTRACT, says="as acctsec.meters says", seen="M-079")
class EndsAWindowLate(MemoryStore):
    """A failure is remembered one tick after its window is over: an owner who comes on the dot is refused."""

    locals().update(with_ladder(window=lambda window: window + TICK if window else 0))


@PLOT.subclass(CONTRACT, says="within a window of thirty days")
class MeasuresWindowsInAWord(MemoryStore):
    """Its windows are microseconds in 32 bits: one of a month ends after some minutes."""

    locals().update(with_ladder(window=lambda window: window % 2**32))


@PLOT.subclass(CONTRACT, says="none of that slot must reserve", seen="M-079")
class HasOneMoreFree(MemoryStore):
    """It compares by "up to" where "fewer than" is meant: one guess more is free."""

    locals().update(with_ladder(free=lambda free: free + 1))


@PLOT.subclass(CONTRACT, says="what weighs more than the whole ladder must read Stopped", seen="M-079")
class StopsOneLate(MemoryStore):
    """It stops after one failure more than it says."""

    locals().update(with_ladder(stop=lambda stop: stop + 1))


@PLOT.subclass(CONTRACT, says="An idle meter must be kept for twice its window", seen="M-111")
class ExpiresTooSoon(MemoryStore):
    """Its rows expire before their window is over: whoever waits half a window begins anew."""

    def charge(self, charges, now):
        for row in self._rows.values():
            row.meters = {name: one for name, one in row.meters.items() if one.latest > now - 12 * HOUR}
        return super().charge(charges, now)


@PLOT.subclass(CONTRACT, says="as acctsec.meters says", seen="M-104")
class RefreshesByTraffic(MemoryStore):
    """Each request while a meter rests makes the rest begin anew: traffic keeps an owner out for ever."""

    def charge(self, charges, now):
        readings = super().charge(charges, now)
        for charge, reading in zip(charges, readings, strict=True):
            if isinstance(reading, Resting):
                meters = self._rows[charge.slot].meters
                meters[charge.meter] = evolve(meters[charge.meter], ready=now + charge.ladder.first)
        return readings


@PLOT.subclass(CONTRACT, says="A clock that goes back", seen="M-209 M-211")
class LoosensWithTheClock(MemoryStore):
    """Whoever brings the clock to go back, a restarted node for one, has the failures forgotten."""

    def charge(self, charges, now):
        for row in self._rows.values():
            row.meters = {name: meter for name, meter in row.meters.items() if meter.latest <= now}
        return super().charge(charges, now)


@PLOT.subclass(CONTRACT, says="must count as one failure", seen="M-211")
class ReadsItsOwnClock(MemoryStore):
    """It asks the clock of its server, and not what it is told."""

    def charge(self, charges, now):
        from time import time_ns

        return super().charge(charges, time_ns() // 1000)


@PLOT.subclass(CONTRACT, says="must count as one failure", seen="M-214")
class ForgetsTheUnsettled(MemoryStore):
    """What nobody settled is given back: a guesser hangs up before he is counted."""

    def charge(self, charges, now):
        self._collect([(one.slot, one.meter, one.ladder) for one in charges], now)
        return super().charge(charges, now)

    def read(self, meters, now):
        self._collect(meters, now)
        return super().read(meters, now)

    def _collect(self, meters, now):
        with self._lock:
            for slot, name, ladder in meters:
                found = self._rows[slot].meters if slot in self._rows else {}
                if name in found:
                    kept = tuple(one for one in found[name].holds if one.state != PENDING or now < one.at + ladder.lease)
                    found[name] = evolve(found[name], holds=kept)


# --- settlement -------------------------------------------------------------------------------------------------------


@PLOT.subclass(CONTRACT, says="charged while others of its slot are settled", seen="M-073")
class SettlesByWritingBack(MemoryStore):
    """It writes back what it read before it settled, and loses whatever was charged in between."""

    def settle(self, settlements, now):
        before = {slot: dict(row.meters) for slot, row in self._rows.items()}
        sleep(MOMENT)
        for slot, asked in by_slot(settlements).items():
            if slot in before:
                self._rows[slot].meters = before[slot] | settle_row(before[slot], asked, now)


@PLOT.subclass(CONTRACT, says="nearly the same")
class ShortensItsHolds(MemoryStore):
    """It keeps eight bytes of the name of a reservation."""

    def charge(self, charges, now):
        real = {one.hold[-8:]: one.hold for one in charges}
        kept = self.__dict__.setdefault("_names", {})
        kept.update({short: hold for short, hold in real.items() if short not in kept})
        return super().charge(charges, now)

    def settle(self, settlements, now):
        kept = self.__dict__.get("_names", {})
        super().settle([evolve(one, hold=kept.get(one.hold[-8:], one.hold)) for one in settlements], now)


@PLOT.subclass(CONTRACT, says="Settling again")
class SettlesStrangers(MemoryStore):
    """A success that was never charged clears a meter."""

    def settle(self, settlements, now):
        for one in settlements:
            if one.verdict is Settle.CLEAR and one.slot in self._rows:
                self._rows[one.slot].meters.pop(one.meter, None)
        super().settle(settlements, now)


@PLOT.subclass(CONTRACT, says="Settling again")
class CountsASettlementTwice(MemoryStore):
    """A failure that is settled again, as its answer was lost, counts again."""

    def settle(self, settlements, now):
        super().settle(settlements, now)
        for one in settlements:
            if one.verdict is Settle.FAILED and one.slot in self._rows:
                held = self._rows[one.slot].meters.get(one.meter)
                known = () if held is None else held.failures
                if known and not held.pending:
                    at, number = known[-1]
                    self._rows[one.slot].meters[one.meter] = evolve(held, failures=(*known[:-1], (at, number + 1)))


@PLOT.subclass(CONTRACT, says="a late settlement must correct it", seen="M-078")
class LosesALateSettlement(MemoryStore):
    """A right password whose answer took longer than its lease stays counted as wrong."""

    def settle(self, settlements, now):
        super().settle([one for one in settlements if not self._is_late(one, now)], now)

    def _is_late(self, one, now):
        held = self._rows[one.slot].meters.get(one.meter, FRESH).holds if one.slot in self._rows else ()
        return any(hold.id == one.hold and hold.at + one.ladder.lease <= now for hold in held)


@PLOT.subclass(scenario("siege"), says="expect.guesses: 50", seen="M-076")
class RollsBackWithItsHost(MemoryStore):
    """It counts in the transaction of the request, which is rolled back when the password was wrong."""

    def settle(self, settlements, now):
        super().settle([evolve(one, verdict=Settle.VOID) if one.verdict is Settle.FAILED else one for one in settlements], now)


@PLOT.subclass(CONTRACT, says="change nothing where it is not remembered")
class ForgivesStrangers(MemoryStore):
    """A slip of the owner takes back a failure of somebody else."""

    def settle(self, settlements, now):
        for one in settlements:
            (tally,) = self.read([(one.slot, one.meter, one.ladder)], now)
            known = one.verdict is not Settle.FORGIVE or one.candidate in tally.seen or not tally.seen
            super().settle([one if known else evolve(one, candidate=tally.seen[0])], now)


# --- names and rows ---------------------------------------------------------------------------------------------------


@PLOT.subclass(CONTRACT, says="where one runs into the other", seen="M-066")
class JoinsNames(MemoryStore):
    """It joins the names of a slot and of a meter, and cannot tell where the one ends."""

    def charge(self, charges, now):
        asked = [(self._joined(one.slot, one.meter), one) for one in charges]
        return super().charge([evolve(one, slot=slot, meter=meter) for (slot, meter), one in asked], now)

    def settle(self, settlements, now):
        asked = [(self._joined(one.slot, one.meter), one) for one in settlements]
        super().settle([evolve(one, slot=slot, meter=meter) for (slot, meter), one in asked], now)

    def read(self, meters, now):
        return super().read([(*self._joined(slot, meter), ladder) for slot, meter, ladder in meters], now)

    def _joined(self, slot, meter):
        return slot[:1], slot[1:] + meter


@PLOT.subclass(CONTRACT, says="must be told apart byte by byte", seen="M-060")
class FoldsTheCaseOfMeters(MemoryStore):
    """Two meters whose names differ in case are one."""

    def charge(self, charges, now):
        return super().charge([evolve(one, slot=one.slot.lower()) for one in charges], now)


@PLOT.subclass(CONTRACT, says="must keep 64 meters", seen="M-111 M-112")
class EvictsTheLiving(MemoryStore):
    """Where a row is full any meter goes, that of the account too: who makes enough names begins anew."""

    def charge(self, charges, now):
        readings = super().charge(charges, now)
        with self._lock:
            for row in self._rows.values():
                while len(row.meters) > 60:
                    row.meters.pop(next(iter(row.meters)))
        return readings


@PLOT.subclass(CONTRACT, says="Reading must change nothing")
class WritesWhenRead(MemoryStore):
    """Looking at a lock from the help desk moves it on in time."""

    def read(self, meters, now):
        from acctsec.meters import wake

        for slot, name, ladder in meters:
            if slot in self._rows and name in self._rows[slot].meters:
                self._rows[slot].meters[name] = wake(self._rows[slot].meters[name], ladder, now)
        return super().read(meters, now)


@PLOT.subclass(CONTRACT, says="none of that slot must reserve")
class HidesThatItIsFull(MemoryStore):
    """A crowd that holds all room is told that the account is stopped for good."""

    def charge(self, charges, now):
        return tuple([Stopped(0) if isinstance(one, Filled) else one for one in super().charge(charges, now)])
