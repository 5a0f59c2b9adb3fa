"""
Records and the outbox on Valkey, as plans: a record and the entries of its commit lie in one shard, so one script writes both.

A shard is a hash tag, and so one server. Its keys are under ``namespace:{number}:``: ``r:`` and the record's key, and what
outbox.lua names.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from acctsec.errors import CommitUnknown, ConfigError, StoreError
from acctsec.protocols import Committed, Conflict, Drained, Version
from acctsec.stores._plans import Plan
from acctsec.stores._rows import MAX_ATTEMPTS
from acctsec.stores._valkey_calls import Call, Caller, Script

LOAD = Script("load", keeps_on=True)
COMMIT = Script("outbox", "commit")
PEEK = Script("outbox", "peek", keeps_on=True)
CLAIM = Script("outbox", "claim", keeps_on=True)
ACK = Script("outbox", "ack", keeps_on=True)
SHARDS = Script("shards")

_OUTBOX = (b"entries", b"waiting", b"leased", b"dead", b"owners")
_WISHES = {(True, True): b"append", (True, False): b"create", (False, True): b"delete", (False, False): b"replace"}
_ID_BYTES = 14
_LATEST = 2**53 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_KEY = 2**16 - 1


class Records:
    """Loads, commits, drains and acknowledges by way of *caller*, in so many *shards* under keys that begin with *prefix*."""

    def __init__(self, caller: Caller, prefix: bytes, shards: int) -> None:
        self._caller = caller
        self._shards_key = prefix + b"shards"
        self._records = [b"%b{%d}:r:" % (prefix, number) for number in range(shards)]
        # Written by who reads and waits for replicas, see load.lua.
        self._marks = [[b"%b{%d}:read" % (prefix, number)] if caller.replicas else [] for number in range(shards)]
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
        instant = (now - _EPOCH) // _MICROSECOND
        hidden = min(lease // _MICROSECOND, _LATEST >> MAX_ATTEMPTS)
        if not 0 <= instant <= _LATEST // 2:
            raise ConfigError("The instant is not between the years 1970 and 2112.", remedy="Set the clock.")
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
        shards: dict[int, list[bytes]] = {}
        for id_ in ids:
            shard = int.from_bytes(id_[:2])
            if len(id_) == _ID_BYTES and shard < len(self._outboxes):
                shards.setdefault(shard, []).append(id_)
        calls = [Call(ACK, self._outboxes[shard], of_shard) for shard, of_shard in shards.items()]
        if calls:
            yield from self._caller.run(calls, again=True)

    def _shard(self, key: bytes) -> int:
        if len(key) > _LONGEST_KEY:
            raise ConfigError(f"A key of {len(key)} bytes is too long.", remedy=f"Use at most {_LONGEST_KEY} bytes.")
        return crc32(key) % len(self._records)


def _packed(version: bytes) -> bytes:
    return len(version).to_bytes(2) + version


def _age(id_: bytes) -> Any:
    """By its stamp, then by its place in its commit."""
    return id_[2:], id_[:2]
