"""What is sent to PostgreSQL for meters: their arithmetic stays in Python, on rows that are locked meanwhile."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from contextlib import suppress

from acctsec.errors import StoreBusy, StoreError, StoreUnavailable
from acctsec.meters import FRESH, charge_row, settle_row, tally
from acctsec.protocols import (
    Charge,
    Granted,
    Ladder,
    Reading,
    Settle,
    Settlement,
    Tally,
)
from acctsec.stores._plans import Plan
from acctsec.stores._postgres_transactions import BEGIN, COMMIT, QUICK, persistent
from acctsec.stores._postgres_wire import (
    Ask,
    Lost,
    RolledBack,
    Rows,
    Statement,
    integer,
    number,
)
from acctsec.stores._rows import LEAP, TICK, by_slot, expiry, grown, in_turn, read_row
from acctsec.stores._written import Written

# Garbage that somebody is about to use waits for the next round.
_HASTY: Ask = (Statement("SET LOCAL lock_timeout = '20ms'"), ())

_COLLECT_EVERY = 256  # charges; each may begin a row in two slots
_COLLECT = 2048  # rows looked at each time: more than can have begun meanwhile
_MAX_WARY = 4096

_GIVES_BACK = frozenset({Settle.VOID, Settle.FORGIVE})


class MeterPlans:
    """The operations on meters, and what this process remembers between them."""

    def __init__(self, schema: str) -> None:
        self._table = f"{schema}.age"
        self._lock = Statement(f"SELECT value FROM {schema}.meters WHERE slot = $1 FOR UPDATE")
        self._begin_row = Statement(f"INSERT INTO {schema}.meters (slot, expires, value) VALUES ($1, $2, $3)")
        self._write_row = Statement(
            f"UPDATE {schema}.meters SET expires = greatest(expires, $2::int8), value = $3 WHERE slot = $1"
        )
        self._settle_row = Statement(f"UPDATE {schema}.meters SET value = $2 WHERE slot = $1")
        self._swap_row = Statement(f"UPDATE {schema}.meters SET value = $2 WHERE slot = $1 AND value = $3 RETURNING slot")
        self._read = Statement(f"SELECT value FROM {schema}.meters WHERE slot = $1")
        self._age = Statement(f"SELECT age FROM {schema}.age")
        self._free_age = Statement(
            f"""SELECT age, seen, (extract(epoch FROM clock_timestamp()) * 1000000)::int8 FROM {schema}.age
                FOR UPDATE SKIP LOCKED"""
        )
        self._grow = Statement(f"UPDATE {schema}.age SET age = $1, seen = $2")
        self._last = Statement(
            f"""SELECT slot FROM {schema}.meters WHERE slot > $1 ORDER BY slot LIMIT 1 OFFSET {_COLLECT - 1}"""
        )
        self._collect = Statement(f"DELETE FROM {schema}.meters WHERE slot > $1 AND slot <= $2 AND expires <= $3::int8")
        self._collect_rest = Statement(f"DELETE FROM {schema}.meters WHERE slot > $1 AND expires <= $2::int8")

        # Where the collection of idle meters stands in this process, and the slots that refused lately. Threads may race here:
        # the worst that comes of it is a collection too many, or a lock too many.
        self._aged: int | None = None
        self._looked = 0
        self._charged = 0
        self._collected = b""
        self._wary: OrderedDict[bytes, None] = OrderedDict()
        self._written = Written()

    def age(self) -> Plan[int]:
        """How old the store is: the time by which idle meters are collected."""
        [found] = yield [(self._age, ())]
        return number(self._only(found)[0])

    def _only(self, found: Rows) -> tuple[bytes, ...]:
        """The one row of the table of age. A restore into tables that are not empty may leave more, half of one none."""
        if len(found) == 1:
            return found[0]
        table = self._table
        mend = f"DELETE FROM {table} WHERE one <> 1" if found else f"INSERT INTO {table} VALUES (1, 0, 0)"
        raise StoreError(
            f"The table {table} has {len(found) or 'no'} rows, and must have one.", remedy=f"Run `{mend};` as its owner."
        )

    def charge(self, charges: Sequence[Charge], now: int) -> Plan[tuple[Reading, ...]]:
        """Two trips: lock and read, then write. Every so often two more, for the collection of idle meters."""
        if not charges:
            return ()
        aged = yield from self._tidied(now)
        return (yield from persistent(lambda: self._reserve(charges, now, aged)))

    def charged(self, charges: Sequence[Charge]) -> Collection[bytes]:
        """The slots that a charge needs a turn at: those that it is likely to lock."""
        slots = by_slot(charges)
        return [charges[0].slot] if len(slots) > 1 and charges[0].slot in self._wary else slots

    def settled(self, settlements: Sequence[Settlement]) -> Collection[bytes]:
        """The slots that a settlement needs a turn at."""
        return by_slot(settlements)

    def _reserve(self, charges: Sequence[Charge], now: int, aged: int) -> Plan[tuple[Reading, ...]]:
        """
        Lock the rows in one order, whoever asks; answer; write.

        Whoever was refused at his first row lately has only that one locked: he must not hold up the others even for the
        length of a trip. If it grants, all are locked anew, in order.
        """
        slots, first = sorted(by_slot(charges)), charges[0].slot
        rows: dict[bytes, bytes | None] = {}
        if len(slots) > 1 and first in self._wary:
            yield from self._locked([BEGIN], [first], rows)
            asked = by_slot(charges)[first]
            if all(type(reading) is Granted for reading in charge_row(read_row(rows[first]), asked, now)[1]):
                self._wary.pop(first, None)
                yield from self._locked([COMMIT, BEGIN], slots, rows)
        else:
            yield from self._locked([BEGIN], slots, rows)
        writes: list[Ask] = []

        def charge(slot: bytes, asked: Sequence[Charge]) -> list[Reading]:
            row = read_row(rows[slot])
            changed, readings = charge_row(row, asked, now)
            if changed or rows[slot] is not None:
                values = (slot, integer(expiry(asked, aged)), row.with_changes(changed))
                writes.append((self._begin_row if rows[slot] is None else self._write_row, values))
            if slot == first and any(type(reading) is not Granted for reading in readings):
                self._beware(slot)
            return readings

        answers = in_turn(charges, charge)
        try:
            yield [*writes, QUICK, COMMIT]
        except Lost as error:
            if any(charge.candidate is None for charge in charges):
                raise _spent("spent", error) from error  # and a second try would spend it twice
            raise
        for _, (slot, _, row) in writes:
            self._written.keep(slot, row)
        return answers

    def _locked(self, first: list[Ask], slots: Sequence[bytes], rows: dict[bytes, bytes | None]) -> Plan[None]:
        answers = yield [*first, *[(self._lock, (slot,)) for slot in slots]]
        for slot, found in zip(slots, answers[len(first) :], strict=True):
            rows[slot] = found[0][0] if found else None

    def _beware(self, slot: bytes) -> None:
        self._wary[slot] = None
        if len(self._wary) > _MAX_WARY:
            self._wary.popitem(last=False)

    def settle(self, settlements: Sequence[Settlement], now: int) -> Plan[None]:
        """One trip where the rows are as this process wrote them when it charged, else two."""
        if not settlements:
            return
        asked = by_slot(settlements)
        written = {slot: self._written.take(slot) for slot in sorted(asked)}
        gives_back = any(one.verdict in _GIVES_BACK for one in settlements)
        left, repeat = yield from self._swapped(asked, written, now, gives_back=gives_back)

        def attempt() -> Plan[None]:
            rows: dict[bytes, bytes | None] = {}
            yield from self._locked([BEGIN], left, rows)
            writes: list[Ask] = []
            for slot in left:
                row = read_row(rows[slot])
                changed = settle_row(row, asked[slot], now)
                if changed:
                    writes.append((self._settle_row, (slot, row.with_changes(changed))))
                if rows[slot] is not None and rows[slot] == written[slot]:
                    self._written.met(slot)
            try:
                yield [*writes, QUICK, COMMIT]
            except Lost as error:
                if gives_back:
                    raise _given_back(error) from error
                raise

        if left:
            yield from persistent(attempt, repeat=repeat)

    def _swapped(
        self, asked: dict[bytes, list[Settlement]], written: dict[bytes, bytes | None], now: int, *, gives_back: bool
    ) -> Plan[tuple[list[bytes], bool]]:
        """
        Settle rows unread, on condition that they are still as they were *written*: what becomes of a row follows from its bytes.

        Answers which are left to be read, and whether they may be tried twice. A row that changed meanwhile is left, and so are
        all where one is not known.
        """
        slots, writes = [*written], list[Ask]()
        for slot, past in written.items():
            if past is None or self._written.is_crowded(slot):
                return slots, True
            row = read_row(past)
            changed = settle_row(row, asked[slot], now)
            if not changed:
                return slots, True
            writes.append((self._swap_row, (slot, row.with_changes(changed), past)))
        try:
            [_, *answers, _, _] = yield [BEGIN, *writes, QUICK, COMMIT]
        except RolledBack:
            return slots, True
        except Lost as error:
            if gives_back:
                raise _given_back(error) from error
            return slots, False
        left = [slot for slot, found in zip(slots, answers, strict=True) if not found]
        for slot in left:
            self._written.missed(slot)
        return left, True

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Plan[tuple[Tally, ...]]:
        """One trip."""
        if not meters:
            return ()
        slots = list(dict.fromkeys([slot for slot, _, _ in meters]))

        def attempt() -> Plan[tuple[Tally, ...]]:
            answers = yield [(self._read, (slot,)) for slot in slots]
            rows = {slot: read_row(found[0][0] if found else None) for slot, found in zip(slots, answers, strict=True)}
            return tuple([tally(rows[slot].get(name, FRESH), ladder, now) for slot, name, ladder in meters])

        return (yield from persistent(attempt))

    def _tidied(self, now: int) -> Plan[int]:
        """
        The age of the store, as a row that is written now has to outlive it; every so often, tidy first.

        What keeps a call from tidying is no reason to deny it what it came for. *now* only says how long ago this process looked.
        """
        self._charged += 1
        if self._aged is None or self._charged >= _COLLECT_EVERY or abs(now - self._looked) >= TICK:
            self._charged = 0
            with suppress(StoreUnavailable, RolledBack):
                yield from self._tidy(now)
        if self._aged is None:
            return (yield from persistent(self.age))
        return self._aged

    def _tidy(self, now: int) -> Plan[None]:
        """
        Bring the age of the store up to date, and delete idle meters among the next few rows: bounded work, in turn.

        Whoever finds another process at it leaves it to that one, which may be stalled. Age is what passed on the server's clock:
        on those of two processes that are apart, it would grow by the difference at each alternation.
        """
        first = self._collected
        [_, found, last] = yield [BEGIN, (self._free_age, ()), (self._last, (first,))]
        if not found:
            [rows, _] = yield [(self._age, ()), COMMIT]
            # After an idle hour the other one is about to add as much: a row that is written now must outlive that.
            self._aged, self._looked = number(self._only(rows)[0]) + LEAP, now
            return
        self._aged, seen = grown(*map(number, self._only(found)))
        self._looked = now
        aged = integer(self._aged)
        if last:
            self._collected = last[0][0]
            collect: Ask = (self._collect, (first, self._collected, aged))
        else:
            self._collected = b""
            collect = (self._collect_rest, (first, aged))
        yield [(self._grow, (aged, integer(seen))), QUICK, COMMIT, BEGIN, QUICK, _HASTY, collect, COMMIT]


def _spent(what: str, error: Lost) -> StoreUnavailable:
    return (StoreBusy if isinstance(error, StoreBusy) else StoreUnavailable)(
        f"The connection was lost while room was {what}: it may have happened or not.",
        remedy="Do not repeat it; what was reserved lapses by itself.",
    )


def _given_back(error: Lost) -> StoreUnavailable:
    """
    What several share is given back once by each; twice would give back what another holds. And a candidate that was forgiven
    may have failed again.
    """
    return _spent("given back", error)
