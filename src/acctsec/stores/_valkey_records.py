"""
Records and the outbox on Valkey, as plans: a record and the entries of its commit lie in one shard, so one script writes both.

A shard is a hash tag, and so one server. Its keys are under ``namespace:{number}:``: ``r:`` and the record's key, and what
outbox.lua names.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zlib import crc32

from attrs import frozen

from acctsec.errors import CommitUnknown, ConfigError, StoreError
from acctsec.protocols import MAX_ATTEMPTS, Backlog, Committed, Conflict, Drained, Letters, Page, Version
from acctsec.stores._plans import Plan
from acctsec.stores._rows import letters
from acctsec.stores._valkey_calls import Call, Caller, Script

LOAD = Script("load", keeps_on=True)
COMMIT = Script("outbox", "commit")
PEEK = Script("outbox", "peek", keeps_on=True)
CLAIM = Script("outbox", "claim", keeps_on=True)
ACK = Script("outbox", "ack", keeps_on=True)
WAITING = Script("outbox", "waiting", keeps_on=True)
DEAD = Script("outbox", "dead", keeps_on=True)
REVIVE = Script("outbox", "revive", keeps_on=True)
SCAN = Script("scan", keeps_on=True)
SHARDS = Script("shards")

_OUTBOX = (b"entries", b"waiting", b"leased", b"dead", b"owners")
_WISHES = {(True, True): b"append", (True, False): b"create", (False, True): b"delete", (False, False): b"replace"}
_ID_BYTES = 14
_LATEST = 2**53 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_KEY = 2**16 - 1
_START = b"0"
_PLACE = re.compile(rb"([0-9]{1,4}) ([0-9a-f]*) ([0-9]+) ([0-9]*) (.*)", re.DOTALL)


class Records:
    """Loads, commits, drains and acknowledges by way of *caller*, in so many *shards* under keys that begin with *prefix*."""

    def __init__(self, caller: Caller, prefix: bytes, shards: int) -> None:
        self._caller = caller
        self._prefix = prefix
        self._shards_key = prefix + b"shards"
        self._records = [b"%b{%d}:r:" % (prefix, number) for number in range(shards)]
        # Written by who reads and waits for replicas, see load.lua.
        self._marks = [[b"%b{%d}:read" % (prefix, number)] if caller.replicas else [] for number in range(shards)]
        self._unused = [[b"%b{%d}:scan:%d" % (prefix, number, one) for one in range(2)] for number in range(shards)]
        self._outboxes = [[b"%b{%d}:%b" % (prefix, number, name) for name in _OUTBOX] for number in range(shards)]

    def fix_shards(self) -> Plan[None]:
        """Refuse a number of shards that is not the one the records were written with."""
        shards = len(self._records)
        [fixed] = yield from self._caller.run([Call(SHARDS, [self._shards_key], [shards])], again=True)
        if fixed != shards:
            raise ConfigError(
                f"The records under this namespace are split into {fixed} shards, not into {shards}.",
                remedy=f"Make the store with shards={fixed}.",
            )

    def load(self, key: bytes) -> Plan[tuple[bytes, Version] | None]:
        """Read the latest committed record and its version."""
        shard = self._shard(key)
        call = Call(LOAD, [self._records[shard] + key, *self._marks[shard]], [])
        # Copied too: what is read may be the commit of somebody who was told that too few replicas have it.
        [stored] = yield from self._caller.run([call], again=True, copied=True)
        if stored is None:
            return None
        begin = 2 + int.from_bytes(stored[:2])
        if len(stored) < begin:
            raise StoreError("A record is damaged.", remedy="Restore the store from a backup.")
        return stored[begin:], stored[2:begin]

    def commit(
        self, key: bytes, expected: Version | None, value: bytes | None, outbox: Sequence[bytes], commit_id: bytes
    ) -> Plan[Committed | Conflict]:
        """Compare and swap, appending *outbox* in the same step."""
        if value is not None and expected == commit_id:
            return Conflict()
        wish = _WISHES[expected is None, value is None]
        shard = self._shard(key)
        arguments = [wish, _packed(expected or b""), _packed(commit_id) + (value or b""), shard.to_bytes(2), key, *outbox]
        call = Call(COMMIT, [*self._outboxes[shard], self._records[shard] + key], arguments)
        [done] = yield from self._caller.run([call], again=False, copied=True, lost=CommitUnknown)
        if not done:
            return Conflict()
        return Committed(None if value is None else commit_id)

    def drain(self, limit: int, now: datetime, lease: timedelta) -> Plan[tuple[Drained, ...]]:
        """See who has the oldest, then claim as many from each shard, whoever may have come in between."""
        if limit <= 0:
            return ()
        instant = _instant(now)
        hidden = min(lease // _MICROSECOND, _LATEST >> MAX_ATTEMPTS)
        peeks = [Call(PEEK, keys, [instant, limit]) for keys in self._outboxes]
        waiting = yield from self._caller.run(peeks, again=True)
        oldest = sorted([id_ for ids in waiting for id_ in ids], key=_age)[:limit]
        wanted = Counter(id_[:2] for id_ in oldest)
        claims = [
            Call(CLAIM, self._outboxes[int.from_bytes(shard)], [instant, number, hidden, MAX_ATTEMPTS])
            for shard, number in wanted.items()
        ]
        if not claims:
            return ()
        # What is claimed and never heard of comes back when its lease is over.
        handed = yield from self._caller.run(claims, again=False)
        found = sorted([one for of_shard in handed for one in of_shard], key=lambda one: _age(one[0]))
        return tuple([Drained(id_, entry, attempts) for id_, entry, attempts in found])

    def ack(self, ids: Sequence[bytes]) -> Plan[None]:
        """Delete entries that were delivered."""
        calls = self._on_each(ACK, ids)
        if calls:
            yield from self._caller.run(calls, again=True)

    def waiting(self, now: datetime) -> Plan[Backlog]:
        """One trip: every shard counts, and tells its oldest."""
        instant = _instant(now)
        counted = yield from self._caller.run([Call(WAITING, keys, [instant]) for keys in self._outboxes], again=True)
        oldest = min([(_age(id_), entry) for *_, id_, entry in counted if id_], default=(None, None))[1]
        due, hidden, dead = (sum(of_shard[which] for of_shard in counted) for which in range(3))
        return Backlog(due, hidden, dead, oldest)

    def dead_letters(self, after: bytes, limit: int) -> Plan[Letters]:
        """Shard after shard, as ids sort, until the page is full: a trip for each that has too few."""
        found: list[Drained] = []
        wanted = max(limit, 1) + 2
        begin = after[:_ID_BYTES].ljust(_ID_BYTES, b"\0")
        place = [int.from_bytes(begin[2:10]), int.from_bytes(begin[10:])]
        for keys in self._outboxes[int.from_bytes(begin[:2]) :]:
            [told] = yield from self._caller.run([Call(DEAD, keys, [*place, wanted - len(found)])], again=True)
            found += [Drained(id_, entry, attempts) for id_, entry, attempts in told]
            if len(found) >= wanted:
                break
            place = [0, 0]
        return letters(found, after, limit)

    def revive(self, ids: Sequence[bytes]) -> Plan[int]:
        """If its answer is lost it is made again, and those that came back to life the first time are not counted."""
        calls = self._on_each(REVIVE, ids)
        revived = (yield from self._caller.run(calls, again=True)) if calls else []
        return sum(revived)

    def _on_each(self, script: Script, ids: Sequence[bytes]) -> list[Call]:
        """The calls that run a script on the entries *ids*, each where its shard is."""
        shards: dict[int, list[bytes]] = {}
        for id_ in ids:
            shard = int.from_bytes(id_[:2])
            if len(id_) == _ID_BYTES and shard < len(self._outboxes):
                shards.setdefault(shard, []).append(id_)
        return [Call(script, self._outboxes[shard], of_shard) for shard, of_shard in shards.items()]

    def scan(self, after: bytes, limit: int) -> Plan[Page]:
        """
        One trip. A lone server walks through all it has once, the servers of a cluster once for each shard.

        More than *limit* may lie where one step of a walk leads. Then the same step is made again, and what is said already is
        left out if it ends where it ended before: else the server has arranged its keys anew, and all of the step is said again.
        """
        limit = max(limit, 1)
        place = _Place.read(after, parts := len(self._records) if self._caller.router.cluster else 1)
        pattern = b"%b{%b}:r:*" % (self._prefix, b"%d" % place.part if parts > 1 else b"*")
        call = Call(SCAN, self._unused[place.part], [place.run, place.start, pattern, limit])
        [(run, end, stored)] = yield from self._caller.run([call], again=True)
        keys = sorted({key for key in map(self._key_of, stored) if key is not None})
        if run != place.run:
            place = _Place(place.part, run)
        elif place.end == end:
            keys = [key for key in keys if key > place.said]
        if len(keys) > limit:
            return Page(tuple(keys[:limit]), _Place(place.part, run, place.start, end, keys[limit - 1]).written())
        if end != _START:
            return Page(tuple(keys), _Place(place.part, run, end).written())
        return Page(tuple(keys), _Place(place.part + 1).written() if place.part + 1 < parts else None)

    def _key_of(self, listed: bytes) -> bytes | None:
        """The key of a record from that of the server, or None for what is no record of ours."""
        name = listed[len(self._prefix) :].partition(b"}:r:")[2]
        return name if listed == self._records[self._shard(name)] + name else None

    def _shard(self, key: bytes) -> int:
        if len(key) > _LONGEST_KEY:
            raise ConfigError(f"A key of {len(key)} bytes is too long.", remedy=f"Use at most {_LONGEST_KEY} bytes.")
        return crc32(key) % len(self._records)


@frozen
class _Place:
    """
    Where a page of keys begins: in which *part* of the walk, and where in it *run*, a server since it was started, is at *start*.

    Where a step had too many keys, *end* is where it led, and *said* the last of them that was said.
    """

    part: int
    run: bytes = b""
    start: bytes = _START
    end: bytes = b""
    said: bytes = b""

    @classmethod
    def read(cls, written: bytes, parts: int) -> Self:
        """From the bytes of a page; empty is the beginning."""
        if not written:
            return cls(0)
        match = _PLACE.fullmatch(written)
        if match is None or int(match[1]) >= parts:
            raise ConfigError("No page of this store ended there.", remedy="Begin anew, with b''.")
        return cls(int(match[1]), *match.groups()[1:])

    def written(self) -> bytes:
        """The bytes of it."""
        return b" ".join([b"%d" % self.part, self.run, self.start, self.end, self.said])


def _instant(now: datetime) -> int:
    instant = (now - _EPOCH) // _MICROSECOND
    if not 0 <= instant <= _LATEST // 2:
        raise ConfigError("The instant is not between the years 1970 and 2112.", remedy="Set the clock.")
    return instant


def _packed(version: bytes) -> bytes:
    return len(version).to_bytes(2) + version


def _age(id_: bytes) -> Any:
    """By its stamp, then by its place in its commit."""
    return id_[2:], id_[:2]
