"""
What each operation of a store on PostgreSQL sends, and what it makes of what comes back.

A plan yields the statements of one round trip and is given their rows, or yields seconds to wait. The arithmetic of meters
stays in Python, on rows that are locked meanwhile: ``acctsec.meters`` is the one definition.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from acctsec.errors import CommitUnknown, StoreBusy, StoreError, StoreUnavailable
from acctsec.meters import FRESH, charge_row, settle_row, tally
from acctsec.protocols import (
    MAX_ATTEMPTS,
    MOST_COUNTED,
    Backlog,
    Charge,
    Committed,
    Conflict,
    Drained,
    Granted,
    Ladder,
    Letters,
    Page,
    Reading,
    Settle,
    Settlement,
    Tally,
    Version,
)
from acctsec.stores._plans import Plan
from acctsec.stores._postgres_schema import RIGHTS
from acctsec.stores._postgres_wire import (
    Ask,
    Lost,
    RolledBack,
    Rows,
    Statement,
    byte_strings,
    integer,
    integers,
    number,
)
from acctsec.stores._rows import LEAP, TICK, by_slot, expiry, grown, in_turn, letters, page, read_row
from acctsec.stores._written import Written

Answer = TypeVar("Answer")

BEGIN: Ask = (Statement("BEGIN"), ())
COMMIT: Ask = (Statement("COMMIT"), ())
ROLLBACK: Ask = (Statement("ROLLBACK"), ())
# What a crash of the server may take back: charges and leases of its last moments.
_QUICK: Ask = (Statement("SET LOCAL synchronous_commit = off"), ())
# Garbage that somebody is about to use waits for the next round.
_HASTY: Ask = (Statement("SET LOCAL lock_timeout = '20ms'"), ())

_COLLECT_EVERY = 256  # charges; each may begin a row in two slots
_COLLECT = 2048  # rows looked at each time: more than can have begun meanwhile
_MAX_WARY = 4096

_RIGHTS = ", ".join(f"('{right}', '{table}')" for table, rights in RIGHTS.items() for right in rights)

_GIVES_BACK = frozenset({Settle.VOID, Settle.FORGIVE})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 2**63 - 1
_LONGEST = 2**52  # microseconds; doubled at each attempt it still is an int8


class Plans:
    """The operations of one store, and what its process remembers between them."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._load = Statement(f"SELECT value, version FROM {schema}.records WHERE key = $1")
        self._create = Statement(
            f"""INSERT INTO {schema}.records (key, version, value) VALUES ($1, $2, $3)
                ON CONFLICT (key) DO NOTHING RETURNING version"""
        )
        swap = f"""UPDATE {schema}.records SET version = $2, value = $3
            WHERE key = $1 AND version = $4 AND version <> $2 RETURNING version"""
        self._swap = Statement(swap)
        append = f"INSERT INTO {schema}.outbox (key, commit_id, entry, attempts, due) SELECT $1, $2, e.entry, 0, 0 FROM"
        entries = "unnest({}::bytea[]) WITH ORDINALITY AS e (entry, place)"
        self._append = Statement(f"{append} {entries.format('$3')} ORDER BY e.place")
        self._create_and_append = Statement(
            f"""WITH done AS ({self._create.text.decode()}),
                sent AS ({append} done, {entries.format("$4")} ORDER BY e.place RETURNING seq)
                SELECT version FROM done"""
        )
        self._swap_and_append = Statement(
            f"""WITH done AS ({swap}),
                sent AS ({append} done, {entries.format("$5")} ORDER BY e.place RETURNING seq)
                SELECT version FROM done"""
        )
        self._delete = Statement(
            f"""WITH gone AS (DELETE FROM {schema}.records WHERE key = $1 AND version = $2 RETURNING key),
                purged AS (DELETE FROM {schema}.outbox WHERE key = $1 AND EXISTS (SELECT 1 FROM gone) RETURNING seq)
                SELECT key FROM gone"""
        )
        self._drain = Statement(
            f"""WITH due AS (
                    SELECT seq FROM {schema}.outbox WHERE attempts < {MAX_ATTEMPTS} AND due <= $1::int8
                    ORDER BY seq LIMIT $2::int8 FOR UPDATE SKIP LOCKED),
                taken AS (
                    UPDATE {schema}.outbox AS o SET attempts = o.attempts + 1, due = $1::int8 + ($3::int8 << o.attempts)
                    FROM due WHERE o.seq = due.seq RETURNING o.seq, o.commit_id, o.entry, o.attempts)
                SELECT seq, commit_id, entry, attempts::int8 FROM taken ORDER BY seq"""
        )
        self._ack = Statement(
            f"""DELETE FROM {schema}.outbox AS o USING unnest($1::int8[], $2::bytea[]) AS d (seq, commit_id)
                WHERE o.seq = d.seq AND o.commit_id = d.commit_id"""
        )
        # What is alive is looked at oldest first, along the index that draining reads.
        self._waiting = Statement(
            f"""WITH counted AS (
                    SELECT count(*) FILTER (WHERE due <= $1::int8) AS due, count(*) FILTER (WHERE due > $1::int8) AS hidden,
                        min(seq) FILTER (WHERE due <= $1::int8) AS oldest
                    FROM (SELECT seq, due FROM {schema}.outbox WHERE attempts < {MAX_ATTEMPTS} ORDER BY seq LIMIT {MOST_COUNTED}
                        ) AS alive),
                dead AS (SELECT seq FROM {schema}.outbox WHERE attempts >= {MAX_ATTEMPTS} LIMIT {MOST_COUNTED})
                SELECT due, hidden, (SELECT count(*) FROM dead), (SELECT entry FROM {schema}.outbox WHERE seq = oldest)
                FROM counted"""
        )
        self._dead = Statement(
            f"""SELECT seq, commit_id, entry, attempts::int8 FROM {schema}.outbox
                WHERE attempts >= {MAX_ATTEMPTS} AND seq >= $1::int8 ORDER BY seq LIMIT $2::int8"""
        )
        self._revive = Statement(
            f"""UPDATE {schema}.outbox AS o SET attempts = 0, due = 0
                FROM (SELECT DISTINCT seq, commit_id FROM unnest($1::int8[], $2::bytea[]) AS u (seq, commit_id)) AS d
                WHERE o.seq = d.seq AND o.commit_id = d.commit_id AND o.attempts >= {MAX_ATTEMPTS} RETURNING o.seq"""
        )
        self._scan = Statement(f"SELECT key FROM {schema}.records WHERE key >= $1 ORDER BY key LIMIT $2::int8")
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

        self._lacking = Statement(
            f"""SELECT n.privilege, n.place FROM (VALUES {_RIGHTS}) AS n (privilege, place)
                WHERE NOT has_table_privilege($1::text || '.' || n.place, n.privilege)"""
        )

        # Where the collection of idle meters stands in this process, and the slots that refused lately. Threads may race here:
        # the worst that comes of it is a collection too many, or a lock too many.
        self._aged: int | None = None
        self._looked = 0
        self._charged = 0
        self._collected = b""
        self._wary: OrderedDict[bytes, None] = OrderedDict()
        self._written = Written()

    def greet(self) -> Plan[None]:
        """A trip with nothing on it: it connects, and so checks what the server is like."""
        yield []

    def lacking(self) -> Plan[list[str]]:
        """What this role may not do and has to."""
        [found] = yield [(self._lacking, (self._schema.encode(),))]
        return [f"{privilege.decode()} on {table.decode()}" for privilege, table in found]

    def age(self) -> Plan[int]:
        """How old the store is: the time by which idle meters are collected."""
        [found] = yield [(self._age, ())]
        return number(self._only(found)[0])

    def _only(self, found: Rows) -> tuple[bytes, ...]:
        """The one row of the table of age. A restore into tables that are not empty may leave more, half of one none."""
        if len(found) == 1:
            return found[0]
        table = f"{self._schema}.age"
        mend = f"DELETE FROM {table} WHERE one <> 1" if found else f"INSERT INTO {table} VALUES (1, 0, 0)"
        raise StoreError(
            f"The table {table} has {len(found) or 'no'} rows, and must have one.", remedy=f"Run `{mend};` as its owner."
        )

    # --- records and the outbox ---

    def load(self, key: bytes) -> Plan[tuple[bytes, Version] | None]:
        """One trip."""

        def attempt() -> Plan[tuple[bytes, Version] | None]:
            [found] = yield [(self._load, (key,))]
            return found[0] if found else None

        return (yield from _persistent(attempt))

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Plan[Committed | Conflict]:
        """One trip, or two for a delete."""
        entries = tuple(outbox)
        if value is None and expected is not None:
            return (yield from _persistent(lambda: self._erase(key, expected, entries, commit_id)))
        if value is None and not entries:
            return Committed(None)
        if value is None:
            ask: Ask = (self._append, (key, commit_id, byte_strings(entries)))
        else:
            values = (key, commit_id, value) if expected is None else (key, commit_id, value, expected)
            if entries:
                ask = (self._create_and_append if expected is None else self._swap_and_append, (*values, byte_strings(entries)))
            else:
                ask = (self._create if expected is None else self._swap, values)

        def attempt() -> Plan[Committed | Conflict]:
            try:
                [done] = yield [ask]
            except Lost as error:
                raise _unknown() from error
            if value is None:
                return Committed(None)
            return Committed(commit_id) if done else Conflict()

        return (yield from _persistent(attempt))

    def _erase(self, key: bytes, version: Version, entries: Sequence[bytes], commit_id: bytes) -> Plan[Committed | Conflict]:
        """Two trips: a statement may not delete from the outbox and append to it, on every engine."""
        [_, gone] = yield [BEGIN, (self._delete, (key, version))]
        try:
            yield [(self._append, (key, commit_id, byte_strings(entries))), COMMIT] if gone else [COMMIT]
        except Lost as error:
            raise _unknown() from error
        return Committed(None) if gone else Conflict()

    def drain(self, limit: int, now: datetime, lease: timedelta) -> Plan[tuple[Drained, ...]]:
        """One trip. If its answer is lost, what was taken comes back when its lease is over."""
        instant, hidden = (now - _EPOCH) // _MICROSECOND, min(lease // _MICROSECOND, _LONGEST)

        def attempt() -> Plan[tuple[Drained, ...]]:
            values = (integer(instant), integer(max(limit, 0)), integer(hidden))
            _, _, taken, _ = yield [BEGIN, _QUICK, (self._drain, values), COMMIT]
            return tuple([Drained(seq + tag, entry, number(attempts) - 1) for seq, tag, entry, attempts in taken])

        return (yield from _persistent(attempt, repeat=False))

    def ack(self, ids: Sequence[bytes]) -> Plan[None]:
        """One trip."""
        values = _places(ids)
        if values:

            def attempt() -> Plan[None]:
                yield [BEGIN, _QUICK, (self._ack, values), COMMIT]

            yield from _persistent(attempt)

    def scan(self, after: bytes, limit: int) -> Plan[Page]:
        """One trip. Parts of the table are walked side by side, each along its key."""

        def attempt() -> Plan[Page]:
            [found] = yield [(self._scan, (after, integer(max(limit, 1))))]
            return page([key for (key,) in found], limit)

        return (yield from _persistent(attempt))

    def waiting(self, now: datetime) -> Plan[Backlog]:
        """One trip."""
        instant = integer((now - _EPOCH) // _MICROSECOND)

        def attempt() -> Plan[Backlog]:
            [[(due, hidden, dead, oldest)]] = yield [(self._waiting, (instant,))]
            return Backlog(number(due), number(hidden), number(dead), oldest if number(due) else None)

        return (yield from _persistent(attempt))

    def dead_letters(self, after: bytes, limit: int) -> Plan[Letters]:
        """One trip."""
        begin = min(int.from_bytes(after[:8].ljust(8, b"\0")), _LATEST)

        def attempt() -> Plan[Letters]:
            [found] = yield [(self._dead, (integer(begin), integer(max(limit, 1) + 2)))]
            return letters([Drained(seq + tag, entry, number(tries)) for seq, tag, entry, tries in found], after, limit)

        return (yield from _persistent(attempt))

    def revive(self, ids: Sequence[bytes]) -> Plan[int]:
        """One trip. If its answer is lost it is made again, and those that came back to life the first time are not counted."""
        values = _places(ids)
        if not values:
            return 0

        def attempt() -> Plan[int]:
            [revived] = yield [(self._revive, values)]
            return len(revived)

        return (yield from _persistent(attempt))

    # --- meters ---

    def charge(self, charges: Sequence[Charge], now: int) -> Plan[tuple[Reading, ...]]:
        """Two trips: lock and read, then write. Every so often two more, for the collection of idle meters."""
        if not charges:
            return ()
        aged = yield from self._tidied(now)
        return (yield from _persistent(lambda: self._reserve(charges, now, aged)))

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
            yield [*writes, _QUICK, COMMIT]
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
                yield [*writes, _QUICK, COMMIT]
            except Lost as error:
                if gives_back:
                    raise _given_back(error) from error
                raise

        if left:
            yield from _persistent(attempt, repeat=repeat)

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
            [_, *answers, _, _] = yield [BEGIN, *writes, _QUICK, COMMIT]
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

        return (yield from _persistent(attempt))

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
            return (yield from _persistent(self.age))
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
        yield [(self._grow, (aged, integer(seen))), _QUICK, COMMIT, BEGIN, _QUICK, _HASTY, collect, COMMIT]


def _places(ids: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Where entries are, by their ids: their rows, and the commits that wrote them."""
    known = [id_ for id_ in ids if len(id_) >= 8]
    if not known:
        return None
    return integers([number(id_[:8]) for id_ in known]), byte_strings([id_[8:] for id_ in known])


def _persistent(attempt: Callable[[], Plan[Answer]], *, repeat: bool = True) -> Plan[Answer]:
    """
    Carry a plan out, and again each time the server undid it because of others; the driver's deadline ends that.

    With *repeat* it is harmless to do twice, and is done once more when a connection was lost on the way.
    """
    pause = 0.001
    while True:
        try:
            return (yield from attempt())
        except RolledBack:
            yield pause * (0.5 + os.urandom(1)[0] / 256)
            pause = min(pause * 1.5, 0.05)
        except Lost:
            if not repeat:
                raise
            repeat = False


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


def _unknown() -> CommitUnknown:
    return CommitUnknown(
        "The connection was lost before a commit was answered: it may have happened or not.",
        remedy="Read the record again to see.",
    )
