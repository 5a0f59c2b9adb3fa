"""Faults of stores of records and of their outbox."""

import json
from copy import deepcopy
from queue import Queue
from threading import Thread
from time import sleep

from tests.planted.planting import Instrument, Plot
from tests.planted.stories import PROGRAMS

from acctsec.protocols import Committed, Conflict, Page
from acctsec.stores import AsyncMemoryStore, MemoryStore
from acctsec.testing import check_store

MOMENT = 0.002  # seconds: so long that those who race really meet, on a busy machine too
PLOT = Plot("store")
CONTRACT = Instrument(name="check_store", ask=check_store, healthy=MemoryStore)
ASYNC_CONTRACT = Instrument(name="check_store", ask=check_store, healthy=AsyncMemoryStore)

# --- records ----------------------------------------------------------------------------------------------------------


@PLOT.subclass(CONTRACT, says="succeed from the version that is there and from no other", seen="M-166")
class LosesTheSwap(MemoryStore):
    """It writes whatever version is there: of two that change a record at once, one is lost."""

    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key, self._records.get(key, (None, None))[1], value, outbox, commit_id)


@PLOT.subclass(CONTRACT, says="under the commit's id", seen="M-004")
class AnswersASwapThatItNeverMade(MemoryStore):
    """It says yes to every swap and never looks how many rows changed."""

    def commit(self, key, expected, value, outbox, commit_id):
        if value is None or expected is None:
            return super().commit(key, expected, value, outbox, commit_id)
        return Committed(commit_id)


@PLOT.subclass(CONTRACT, says="succeed from the version that is there and from no other")
class ComparesTheTailOfAVersion(MemoryStore):
    """Of a version it compares the last eight bytes."""

    def commit(self, key, expected, value, outbox, commit_id):
        there = self._records.get(key, (None, None))[1]
        if there is not None and expected is not None and len(expected) == 16 and expected[-8:] == there[-8:]:
            expected = there
        return super().commit(key, expected, value, outbox, commit_id)


@PLOT.subclass(CONTRACT, says="reads back as")
class ReadsBackAsABuffer(MemoryStore):
    """It hands out what its driver makes of a column of bytes: equal to them, and mutable."""

    def load(self, key):
        found = super().load(key)
        return None if found is None else (bytearray(found[0]), found[1])


@PLOT.subclass(CONTRACT, says="holds something else than was committed")
class KeepsEntriesAsText(MemoryStore):
    """It keeps its outbox in a column of text."""

    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key, expected, value, [one.decode(errors="replace").encode() for one in outbox], commit_id)


@PLOT.subclass(PROGRAMS, says="no order")
class SwapsLater(MemoryStore):
    """It answers a swap at once and makes it a moment later: who reads in between sees what was there before."""

    def commit(self, key, expected, value, outbox, commit_id):
        if not hasattr(self, "_queue"):
            self._queue = Queue()
            Thread(target=self._work, daemon=True).start()
        self._queue.put((key, expected, value, outbox, commit_id))
        return Committed(commit_id)

    def _work(self):
        while True:
            sleep(0.002)
            super().commit(*self._queue.get())


@PLOT.subclass(CONTRACT, says="exactly one must win", seen="M-001 M-215")
class LooksAndThenWrites(MemoryStore):
    """It reads the version, and writes in a statement of its own: of many at once several win."""

    def commit(self, key, expected, value, outbox, commit_id):
        found = self._records.get(key)
        if value is None or commit_id == expected or (found and found[1]) != expected:
            return super().commit(key, expected, value, outbox, commit_id)
        sleep(MOMENT)
        with self._lock:
            self._records.pop(key, None)
        return super().commit(key, None, value, outbox, commit_id)


@PLOT.subclass(CONTRACT, says="create, never overwrite", seen="M-171")
class CreatesOverWhatIsThere(MemoryStore):
    """Its insert overwrites: who signs up a second time under one id takes the account over."""

    def commit(self, key, expected, value, outbox, commit_id):
        if expected is None and value == b"one":
            self._records.pop(key, None)
        return super().commit(key, expected, value, outbox, commit_id)


@PLOT.subclass(CONTRACT, says="A version must never come back")
class IgnoresTheCommitId(MemoryStore):
    """A commit that comes twice is made twice: its id is written down and never looked at."""

    def commit(self, key, expected, value, outbox, commit_id):
        if expected == commit_id and self._records.get(key, (None, None))[1] == expected:
            del self._records[key]
            expected = None
        return super().commit(key, expected, value, outbox, commit_id)


@PLOT.subclass(PROGRAMS, says="no order", seen="M-217")
class ReadsAReplica(MemoryStore):
    """It reads from a replica, which is one commit behind."""

    def commit(self, key, expected, value, outbox, commit_id):
        self._behind = dict(self._records)
        return super().commit(key, expected, value, outbox, commit_id)

    def load(self, key):
        return getattr(self, "_behind", self._records).get(key)


@PLOT.subclass(CONTRACT, says="A record must read back exactly", seen="M-177")
class ReadsACache(MemoryStore):
    """It reads what it read before, as long as it remembers it."""

    def load(self, key):
        if not hasattr(self, "_cache"):
            self._cache = {}
        return self._cache.setdefault(key, super().load(key))


@PLOT.subclass(CONTRACT, says="read back exactly")
class KeepsRecordsAsText(MemoryStore):
    """It keeps values in a column of JSON: bytes that are no text are lost on the way."""

    def commit(self, key, expected, value, outbox, commit_id):
        kept = None if value is None else json.loads(json.dumps(value.decode("utf-8", "replace"))).encode()
        return super().commit(key, expected, kept, outbox, commit_id)


def folding(fold):
    """The methods of a store of records that folds its keys."""

    def load(self, key):
        return MemoryStore.load(self, fold(key))

    def commit(self, key, expected, value, outbox, commit_id):
        return MemoryStore.commit(self, fold(key), expected, value, outbox, commit_id)

    return {"load": load, "commit": commit}


@PLOT.subclass(CONTRACT, says="b'A' was taken for another", seen="M-060")
class FoldsCase(MemoryStore):
    """Its column compares without regard to case: two keys are one."""

    locals().update(folding(bytes.lower))


@PLOT.subclass(CONTRACT, says="b'a ' was taken for another")
class TrimsSpaces(MemoryStore):
    """Its column pads keys with spaces, so those at the end of a key count for nothing."""

    locals().update(folding(lambda key: key.rstrip(b" ")))


@PLOT.subclass(CONTRACT, says="was taken for another", seen="M-149")
class TruncatesKeys(MemoryStore):
    """Its column is 255 bytes wide, and what is longer is cut."""

    locals().update(folding(lambda key: key[:255]))


@PLOT.subclass(CONTRACT, says="was taken for another", seen="M-151")
class EndsAtANul(MemoryStore):
    """It hands keys to C, where they end at the first NUL."""

    locals().update(folding(lambda key: key.partition(b"\0")[0]))


@PLOT.subclass(CONTRACT, says="Deleting a record must take its undelivered entries")
class MailsTheErased(MemoryStore):
    """What was still to go out to an erased account goes out all the same."""

    def commit(self, key, expected, value, outbox, commit_id):
        with self._lock:
            before = dict(self._outbox)
        answer = super().commit(key, expected, value, outbox, commit_id)
        with self._lock:
            self._outbox = before | self._outbox
        return answer


@PLOT.subclass(CONTRACT, says="A scan must name every record")
class SkipsAtTheEndOfAPage(MemoryStore):
    """Each page of a scan begins one record too late."""

    def scan(self, after, limit):
        page = super().scan(after, limit)
        return page if page.after is None else Page(page.keys, page.keys[-1] + b"\0\0")


@PLOT.subclass(ASYNC_CONTRACT, says="exactly one must win", seen="M-215")
class ForgetsAnAwait(AsyncMemoryStore):
    """An async store that goes on while its own read is under way, and writes from what it knew before."""

    async def commit(self, key, expected, value, outbox, commit_id):
        from asyncio import sleep as moment

        found = await self.load(key)
        await moment(0)
        if value is not None and commit_id != expected and (found and found[1]) == expected:
            self._store._records.pop(key, None)
            expected = None
        return await super().commit(key, expected, value, outbox, commit_id)


# --- the outbox -------------------------------------------------------------------------------------------------------


@PLOT.subclass(CONTRACT, says="Entries must appear exactly if their commit happened")
class LosesAnEntry(MemoryStore):
    """Of several entries of a commit it keeps the first."""

    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key, expected, value, outbox[:1], commit_id)


@PLOT.subclass(CONTRACT, says="Entries must appear exactly if their commit happened")
class WritesAnEntryTwice(MemoryStore):
    """An entry is there twice, each time under an id of its own: a driver sent its statement again."""

    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key, expected, value, (*outbox, *outbox[:1]), commit_id)


@PLOT.subclass(CONTRACT, says="Entries must appear exactly if their commit happened", seen="M-046")
class AppendsBesideTheCommit(MemoryStore):
    """Entries are written in a transaction of their own: they are there, and what they tell of was refused."""

    def commit(self, key, expected, value, outbox, commit_id):
        answer = super().commit(key, expected, value, outbox, commit_id)
        if answer == Conflict():
            super().commit(key, None, None, outbox, commit_id)
        return answer


@PLOT.subclass(CONTRACT, says="oldest first")
class HandsOutTheNewestFirst(MemoryStore):
    """What came last goes out first, and what is old waits for ever."""

    def drain(self, limit, now, lease):
        return super().drain(limit, now, lease)[::-1]


@PLOT.subclass(CONTRACT, says="must stay hidden for its lease")
class NeverHidesForLonger(MemoryStore):
    """What cannot be delivered is tried again every minute: a mail server that is down is asked ever more often."""

    def drain(self, limit, now, lease):
        drained = super().drain(limit, now, lease)
        for one in drained:
            self._outbox[one.id].due = now + lease
        return drained


@PLOT.subclass(CONTRACT, says="ten times and no more")
class NeverGivesUp(MemoryStore):
    """A letter that cannot be delivered is tried for ever."""

    def drain(self, limit, now, lease):
        for entry in self._outbox.values():
            entry.attempts = min(entry.attempts, 9)
        return super().drain(limit, now, lease)


@PLOT.subclass(CONTRACT, says="nothing else must go")
class AcknowledgesTheWholeBatch(MemoryStore):
    """One letter went, and all that were handed out with it are gone."""

    def ack(self, ids):
        self._outbox.clear()


@PLOT.subclass(CONTRACT, says="one must be handed each entry")
class HandsOneToTwo(MemoryStore):
    """It looks for what is due and hides it in a statement of its own: two workers get one letter."""

    def drain(self, limit, now, lease):
        with self._lock:
            before = deepcopy(self._outbox)
        drained = super().drain(limit, now, lease)
        if limit == 7:
            sleep(MOMENT)
            with self._lock:
                for one in drained[-1:]:
                    self._outbox[one.id] = before[one.id]
        return drained


@PLOT.subclass(CONTRACT, says="What waits must be counted")
class CountsTheHiddenAsDue(MemoryStore):
    """An operator sees as due what a worker is sending right now, and never sees the outbox empty."""

    def waiting(self, now):
        from attrs import evolve

        counted = super().waiting(now)
        return evolve(counted, due=counted.due + counted.hidden, hidden=0)


@PLOT.subclass(CONTRACT, says="what is not dead must stay as it is")
class RevivesTheLiving(MemoryStore):
    """Who revives a letter that is being sent has it sent twice."""

    def revive(self, ids):
        found = [self._outbox[id_] for id_ in dict.fromkeys(ids) if id_ in self._outbox]
        for one in found:
            one.attempts, one.due = 0, None
        return len(found)
