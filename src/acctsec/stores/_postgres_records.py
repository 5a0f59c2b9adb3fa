"""What is sent to PostgreSQL for a record and for the outbox."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from acctsec.errors import CommitUnknown
from acctsec.protocols import (
    MAX_ATTEMPTS,
    MOST_COUNTED,
    Backlog,
    Committed,
    Conflict,
    Drained,
    Letters,
    Page,
    Version,
)
from acctsec.stores._plans import Plan
from acctsec.stores._postgres_transactions import BEGIN, COMMIT, QUICK, persistent
from acctsec.stores._postgres_wire import (
    Ask,
    Lost,
    Statement,
    byte_strings,
    integer,
    integers,
    number,
)
from acctsec.stores._rows import letters, page

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 2**63 - 1
_LONGEST = 2**52  # microseconds; doubled at each attempt it still is an int8


class RecordPlans:
    """The operations on records and the outbox; each commit is one statement."""

    def __init__(self, schema: str) -> None:
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

    def load(self, key: bytes) -> Plan[tuple[bytes, Version] | None]:
        """One trip."""

        def attempt() -> Plan[tuple[bytes, Version] | None]:
            [found] = yield [(self._load, (key,))]
            return found[0] if found else None

        return (yield from persistent(attempt))

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Plan[Committed | Conflict]:
        """One trip, or two for a delete."""
        entries = tuple(outbox)
        if value is None and expected is not None:
            return (yield from persistent(lambda: self._erase(key, expected, entries, commit_id)))
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

        return (yield from persistent(attempt))

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
            _, _, taken, _ = yield [BEGIN, QUICK, (self._drain, values), COMMIT]
            return tuple([Drained(seq + tag, entry, number(attempts) - 1) for seq, tag, entry, attempts in taken])

        return (yield from persistent(attempt, repeat=False))

    def ack(self, ids: Sequence[bytes]) -> Plan[None]:
        """One trip."""
        values = _places(ids)
        if values:

            def attempt() -> Plan[None]:
                yield [BEGIN, QUICK, (self._ack, values), COMMIT]

            yield from persistent(attempt)

    def scan(self, after: bytes, limit: int) -> Plan[Page]:
        """One trip. Parts of the table are walked side by side, each along its key."""

        def attempt() -> Plan[Page]:
            [found] = yield [(self._scan, (after, integer(max(limit, 1))))]
            return page([key for (key,) in found], limit)

        return (yield from persistent(attempt))

    def waiting(self, now: datetime) -> Plan[Backlog]:
        """One trip."""
        instant = integer((now - _EPOCH) // _MICROSECOND)

        def attempt() -> Plan[Backlog]:
            [[(due, hidden, dead, oldest)]] = yield [(self._waiting, (instant,))]
            return Backlog(number(due), number(hidden), number(dead), oldest if number(due) else None)

        return (yield from persistent(attempt))

    def dead_letters(self, after: bytes, limit: int) -> Plan[Letters]:
        """One trip."""
        begin = min(int.from_bytes(after[:8].ljust(8, b"\0")), _LATEST)

        def attempt() -> Plan[Letters]:
            [found] = yield [(self._dead, (integer(begin), integer(max(limit, 1) + 2)))]
            return letters([Drained(seq + tag, entry, number(tries)) for seq, tag, entry, tries in found], after, limit)

        return (yield from persistent(attempt))

    def revive(self, ids: Sequence[bytes]) -> Plan[int]:
        """One trip. If its answer is lost it is made again, and those that came back to life the first time are not counted."""
        values = _places(ids)
        if not values:
            return 0

        def attempt() -> Plan[int]:
            [revived] = yield [(self._revive, values)]
            return len(revived)

        return (yield from persistent(attempt))


def _places(ids: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Where entries are, by their ids: their rows, and the commits that wrote them."""
    known = [id_ for id_ in ids if len(id_) >= 8]
    if not known:
        return None
    return integers([number(id_[:8]) for id_ in known]), byte_strings([id_[8:] for id_ in known])


def _unknown() -> CommitUnknown:
    return CommitUnknown(
        "The connection was lost before a commit was answered: it may have happened or not.",
        remedy="Read the record again to see.",
    )
