"""The kit catches what it promises to catch: each of these stores breaks one clause of the contract."""

import time
from datetime import timedelta
from threading import Lock

import attrs
import pytest

from acctsec._values import evolve
from acctsec.meters import FRESH, settle_row
from acctsec.protocols import MAX_ATTEMPTS, Committed, Conflict, Drained, Letters, Page, Settle, Settlement, Tally, Untouched
from acctsec.stores import AsyncMemoryStore, MemoryStore
from acctsec.stores._rows import by_slot, letters
from acctsec.testing import WHOLE, Capability, check_store
from acctsec.testing._contract import CLAUSES, Stores


class Half:
    """What a store of one kind only shows of a whole one."""

    def __init__(self, *methods):
        store = MemoryStore()
        for method in methods:
            setattr(self, method, getattr(store, method))


RECORDS = ("load", "commit", "drain", "ack", "scan")
OUTBOX = ("waiting", "dead_letters", "revive")
METERS = ("charge", "settle", "read")


def test_a_store_of_records_only_is_held_to_its_half():
    """It needs no meters to pass."""
    check_store(lambda: Half(*RECORDS), capabilities=Capability.RECORDS)


def test_a_store_of_meters_only_is_held_to_its_half():
    """It needs no records to pass."""
    check_store(lambda: Half(*METERS), capabilities=Capability.METERS)


def test_a_store_that_shows_its_outbox_is_held_to_that_too():
    """And one that does not passes without: an engine delivers all the same."""
    check_store(lambda: Half(*RECORDS, *OUTBOX), capabilities=Capability.RECORDS | Capability.OUTBOX)


@pytest.mark.parametrize(
    ("methods", "declared", "sentence"),
    [
        ((*RECORDS, *METERS), WHOLE, "declares OUTBOX and has no waiting, dead_letters, revive"),
        ((*RECORDS, "waiting", "dead_letters", *METERS), WHOLE, "declares OUTBOX and has no revive"),
        (METERS, WHOLE, "declares RECORDS and has no load, commit, drain, ack, scan"),
        ((*RECORDS, *OUTBOX), WHOLE, "leave METERS out"),
        ((*RECORDS, *METERS), Capability.RECORDS, "has charge, settle, read and does not declare METERS"),
        ((*RECORDS, "revive"), Capability.RECORDS, "has revive and does not declare OUTBOX"),
    ],
)
def test_what_is_declared_and_what_is_there_must_be_the_same(methods, declared, sentence):
    """Nothing is left out because a method is missing, or has another name."""
    with pytest.raises(AssertionError, match=sentence):
        check_store(lambda: Half(*methods), capabilities=declared)


def test_a_store_has_one_form():
    """A store that forgot an async is told which methods are of which form."""

    class Mixed(AsyncMemoryStore):
        def ack(self, ids):
            return None

    with pytest.raises(AssertionError, match=r"commit, .* are async and ack are not"):
        check_store(Mixed)


def test_a_second_handle_is_declared_and_given():
    """One without the other is refused."""
    with pytest.raises(AssertionError, match="declares SHARED and gives no second handle"):
        check_store(MemoryStore, capabilities=WHOLE | Capability.SHARED)
    with pytest.raises(AssertionError, match="does not declare SHARED"):
        check_store(MemoryStore, open_again=lambda store: store)


def test_a_store_may_be_made_by_a_coroutine():
    """Whatever its form."""

    async def connected():
        return AsyncMemoryStore()

    async def blocking():
        return Half(*METERS)

    check_store(connected)
    with pytest.raises(AssertionError, match="declares RECORDS"):  # so it came as far as that
        check_store(blocking)


def test_what_is_no_store_is_refused():
    """An object without any of the methods does not pass for a store that keeps everything."""
    with pytest.raises(AssertionError, match="RecordStore"):
        check_store(object)


class Handle:
    """A handle of a shared store with a memory of its own: what it has read once it reads for ever."""

    def __init__(self, store):
        self.store = store
        self.cache = {}

    def __getattr__(self, name):
        return getattr(self.store, name)

    def load(self, key):
        return self.cache.setdefault(key, self.store.load(key))

    def commit(self, key, *rest):
        self.cache.pop(key, None)
        return self.store.commit(key, *rest)


def test_a_handle_with_a_cache_is_found():
    """It would pass alone."""
    with pytest.raises(AssertionError, match="What one handle wrote another must read at once"):
        check_store(
            lambda: Handle(MemoryStore()),
            capabilities=WHOLE | Capability.SHARED,
            open_again=lambda handle: Handle(handle.store),
        )


def test_handles_that_count_by_themselves_are_found():
    """Each admits what is free, so that two admit twice as much."""

    class Counting(Handle):
        def __init__(self, store):
            super().__init__(store)
            self.load, self.commit = store.load, store.commit
            self.own = MemoryStore()
            self.charge, self.settle, self.read = self.own.charge, self.own.settle, self.own.read

    with pytest.raises(AssertionError, match=r"What one handle wrote another must read at once|exactly as many"):
        check_store(
            lambda: Counting(MemoryStore()),
            capabilities=WHOLE | Capability.SHARED,
            open_again=lambda handle: Counting(handle.store),
        )


class Locked(Handle):
    """Its lock is its own: within a process nobody comes between its looking and its writing."""

    def __init__(self, store):
        super().__init__(store)
        self.load, self.lock = store.load, Lock()

    def commit(self, key, expected, value, outbox, commit_id):
        with self.lock:
            found = self.store._records.get(key)
            if value is None or commit_id == expected or (found and found[1]) != expected:
                return self.store.commit(key, expected, value, outbox, commit_id)
            time.sleep(0.0001)
            with self.store._lock:
                self.store._records.pop(key, None)
            return self.store.commit(key, None, value, outbox, commit_id)


def test_a_lock_that_each_process_has_for_itself_is_found():
    """The races of the contract are spread over both handles."""
    one_racer_wins = next(clause for clause in CLAUSES if clause.name == "one_racer_wins")

    one_racer_wins.hold(Stores(lambda: Locked(MemoryStore()), WHOLE))
    with pytest.raises(AssertionError, match="exactly one must win"):
        one_racer_wins.hold(Stores(lambda: Locked(MemoryStore()), WHOLE, lambda handle: Locked(handle.store)))


class LosesMail(MemoryStore):
    """Of the entries that many append every fifth is lost."""

    appended = 0

    def commit(self, key, expected, value, outbox, commit_id):
        answer = super().commit(key, expected, value, outbox, commit_id)
        for id_, entry in list(self._outbox.items()):
            if isinstance(answer, Committed) and entry.entry in outbox and entry.entry.startswith(b"mail by"):
                self.appended += 1
                if self.appended % 5 == 0:
                    del self._outbox[id_]
        return answer


class ReadsLate(MemoryStore):
    """Every seventh read of a record under many hands answers what the seventh before it found."""

    reads, old = 0, None

    def load(self, key):
        answer = super().load(key)
        self.reads += key.startswith(b"key ")
        if self.reads % 7 == 6:
            answer, self.old = self.old or answer, answer
        return answer


class ForgetsSettlements(MemoryStore):
    """Every fifth settlement of a meter under many hands is lost."""

    settled = 0

    def settle(self, settlements, now):
        busy = bool(settlements) and settlements[0].slot.startswith(b"slot ")
        self.settled += busy
        if not busy or self.settled % 5:
            super().settle(settlements, now)


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        (ReadsLate, r"commit, read, drain and acknowledge at once.*NotLinearizable"),
        (LosesMail, r"commit, read, drain and acknowledge at once.*NotLinearizable"),
        (ForgetsSettlements, r"charge, settle and read at once.*NotLinearizable"),
    ],
)
def test_a_store_that_is_wrong_only_under_many_hands_is_found_by_its_history(store, sentence):
    """Every clause of one call after the other passes by it; what many were answered at once does not."""
    with pytest.raises(AssertionError, match=sentence):
        check_store(store)


class CommitsBySight(MemoryStore):
    """It compares values where it should compare versions, in records that people have: what is there may be as it was."""

    def commit(self, key, expected, value, outbox, commit_id):
        found = self._records.get(key)
        if len(key) > 16 and found and expected and value is not None:
            expected = found[1]
        return super().commit(key, expected, value, outbox, commit_id)


class ForgetsThePending(MemoryStore):
    """It lets go of what is pending when the next charge comes, in slots that people have."""

    def __init__(self):
        super().__init__()
        self.pending = {}

    def charge(self, charges, now):
        for one in charges:
            held = self.pending.get((one.slot, one.meter))
            if len(one.slot) == 16 and held:
                super().settle([Settlement(one.slot, one.meter, one.ladder, held, Settle.VOID)], now)
            self.pending[one.slot, one.meter] = one.hold
        return super().charge(charges, now)


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        (CommitsBySight, "Of two that redeem one reset link at once"),
        (ForgetsThePending, "Of two wrong passwords at once"),
    ],
)
def test_a_store_that_only_the_keys_of_an_engine_break_is_found_by_a_flow(store, sentence):
    """The flows of the library are played on it in every order."""
    with pytest.raises(AssertionError, match=sentence):
        check_store(store)


class Overwrites(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key, self._records.get(key, (None, None))[1], value, outbox, commit_id)


class InsertsOver(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        if expected is None and value is not None:
            self._records.pop(key, None)
        return super().commit(key, expected, value, outbox, commit_id)


class CountsVersions(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        answer = super().commit(key, expected, value, outbox, commit_id)
        return Committed(b"1") if answer == Committed(commit_id) else answer


class SendsOnConflict(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        answer = super().commit(key, expected, value, outbox, commit_id)
        if answer == Conflict():
            super().commit(key, None, None, outbox, commit_id)
        return answer


class KeepsEntriesOfTheDeleted(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        before = dict(self._outbox)
        answer = super().commit(key, expected, value, outbox, commit_id)
        self._outbox = before | self._outbox
        return answer


class FoldsKeys(MemoryStore):
    def load(self, key):
        return super().load(key.rstrip(b"\0"))

    def commit(self, key, expected, value, outbox, commit_id):
        return super().commit(key.rstrip(b"\0"), expected, value, outbox, commit_id)


class RacesOnCommit(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        found = self._records.get(key)
        if value is None or commit_id == expected or (found and found[1]) != expected:
            return super().commit(key, expected, value, outbox, commit_id)
        time.sleep(0.0001)
        with self._lock:
            self._records.pop(key, None)
        return super().commit(key, None, value, outbox, commit_id)


class DrainsBackwards(MemoryStore):
    def drain(self, limit, now, lease):
        return super().drain(limit, now, lease)[::-1]


class NeverDoubles(MemoryStore):
    def drain(self, limit, now, lease):
        drained = super().drain(limit, now, lease)
        for one in drained:
            self._outbox[one.id].due = now + lease
        return drained


class NeverBuries(MemoryStore):
    def drain(self, limit, now, lease):
        for entry in self._outbox.values():
            entry.attempts = min(entry.attempts, 9)
        return super().drain(limit, now, lease)


class AcksAll(MemoryStore):
    def ack(self, ids):
        self._outbox.clear()


class ChargesTwice(MemoryStore):
    known = b""

    def charge(self, charges, now):
        if charges and charges[0].hold == self.known:
            charges = [evolve(one, hold=one.hold + b"again", candidate=99) for one in charges]
        self.known = charges[0].hold if charges else b""
        return super().charge(charges, now)


class SharesNothing(MemoryStore):
    def charge(self, charges, now):
        return super().charge([evolve(one, candidate=int.from_bytes(one.hold)) for one in charges], now)


class ReservesSingly(MemoryStore):
    def charge(self, charges, now):
        return tuple([super(ReservesSingly, self).charge([charge], now)[0] for charge in charges])


class ReservesAfterARefusal(MemoryStore):
    def charge(self, charges, now):
        readings = super().charge(charges, now)
        late = [charge for charge, reading in zip(charges, readings, strict=True) if isinstance(reading, Untouched)]
        super().charge(late, now)
        return readings


class SettlesStrangers(MemoryStore):
    def settle(self, settlements, now):
        for one in settlements:
            if one.verdict is Settle.CLEAR and one.slot in self._rows:
                self._rows[one.slot].meters.pop(one.meter, None)
        super().settle(settlements, now)


class NeverLapses(MemoryStore):
    def charge(self, charges, now):
        return super().charge([evolve(one, ladder=evolve(one.ladder, lease=10**18)) for one in charges], now)

    def read(self, meters, now):
        return super().read([(slot, name, evolve(ladder, lease=10**18)) for slot, name, ladder in meters], now)


class WeighsNothing(MemoryStore):
    def charge(self, charges, now):
        return super().charge([one if one.weight < 1 else evolve(one, weight=1) for one in charges], now)


class TakesAnyWeight(MemoryStore):
    def charge(self, charges, now):
        return super().charge([evolve(one, weight=max(one.weight, 1)) for one in charges], now)


class ForgivesStrangers(MemoryStore):
    def settle(self, settlements, now):
        for one in settlements:
            tallies = self.read([(one.slot, one.meter, one.ladder)], now)
            seen = tallies[0].seen
            known = one.verdict is not Settle.FORGIVE or one.candidate in seen or not seen
            super().settle([one if known else evolve(one, candidate=seen[0])], now)


class ForgivesButRemembers(MemoryStore):
    def read(self, meters, now):
        return tuple([evolve(one, seen=()) for one in super().read(meters, now)])


class TrustsTheClock(MemoryStore):
    def charge(self, charges, now):
        for row in self._rows.values():
            row.meters = {name: meter for name, meter in row.meters.items() if meter.latest <= now}
        return super().charge(charges, now)


class WritesWhenRead(MemoryStore):
    def read(self, meters, now):
        self.settle_nothing(meters, now)
        return super().read(meters, now)

    def settle_nothing(self, meters, now):
        self.charge([], now)
        for slot, name, ladder in meters:
            if slot in self._rows and name in self._rows[slot].meters:
                from acctsec.meters import wake

                self._rows[slot].meters[name] = wake(self._rows[slot].meters[name], ladder, now)


class FoldsMeters(MemoryStore):
    def charge(self, charges, now):
        return super().charge([evolve(one, meter=one.meter.rstrip(b"\0")) for one in charges], now)


class EvictsAnything(MemoryStore):
    def charge(self, charges, now):
        readings = super().charge(charges, now)
        for row in self._rows.values():
            while len(row.meters) > 60:
                row.meters.pop(next(iter(row.meters)))
        return readings


class ForgetsTheIdle(MemoryStore):
    def charge(self, charges, now):
        for slot in [slot for slot, row in self._rows.items() if all(m.latest < now - 10**12 for m in row.meters.values())]:
            self._rows[slot].meters.clear()
        return super().charge(charges, now)


class RacesOnCharge(MemoryStore):
    def charge(self, charges, now):
        before = {slot: dict(row.meters) for slot, row in self._rows.items()}
        time.sleep(0.0001)
        for slot, meters in before.items():
            self._rows[slot].meters = meters
        return super().charge(charges, now)


class RacesOnSettle(MemoryStore):
    """It writes back what it read before, whatever was charged meanwhile."""

    def settle(self, settlements, now):
        before = {slot: dict(row.meters) for slot, row in self._rows.items()}
        time.sleep(0.0005)
        for slot, asked in by_slot(settlements).items():
            if slot in before:
                self._rows[slot].meters = before[slot] | settle_row(before[slot], asked, now)


class WeighsInAByte(MemoryStore):
    def charge(self, charges, now):
        return super().charge([evolve(one, weight=min(one.weight, 255)) for one in charges], now)


class MixesKinds(MemoryStore):
    def load(self, key):
        return super().load(key) or ((b"", b"") if key in self._rows else None)


class ReadsNothing(MemoryStore):
    def read(self, meters, now):
        return tuple([Tally(FRESH.count, 0, 0) for _ in meters])


class ScansFromBehind(MemoryStore):
    def scan(self, after, limit):
        page = super().scan(after, limit)
        return page if page.after is None else Page(page.keys, page.keys[-1] + b"\0\0")


class ScansByPlace(MemoryStore):
    def scan(self, after, limit):
        begin = int(after or b"0")
        keys = tuple(sorted(self._records)[begin : begin + limit])
        return Page(keys, b"%d" % (begin + limit) if len(keys) == limit else None)


class ScansWithoutLimit(MemoryStore):
    def scan(self, after, limit):
        return Page(tuple(self._records), None)


class ScansForEver(MemoryStore):
    def scan(self, after, limit):
        return Page(super().scan(after, limit).keys, b"")


class ScansTheOutbox(MemoryStore):
    def scan(self, after, limit):
        page = super().scan(after, limit)
        return Page((*page.keys, b"appended to")[:limit], page.after) if b"a" in self._records else page


class CountsTheHiddenAsDue(MemoryStore):
    def waiting(self, now):
        counted = super().waiting(now)
        return attrs.evolve(counted, due=counted.due + counted.hidden, hidden=0)


class CountsTheDeadTwice(MemoryStore):
    def waiting(self, now):
        counted = super().waiting(now)
        return attrs.evolve(counted, hidden=counted.hidden + counted.dead)


class ShowsTheNewest(MemoryStore):
    def waiting(self, now):
        counted = super().waiting(now)
        due = [one.entry for one in self._outbox.values() if one.is_due(now)]
        return attrs.evolve(counted, oldest=due[-1] if due else None)


class TakesWhatItCounts(MemoryStore):
    def waiting(self, now):
        counted = super().waiting(now)
        self.drain(1, now, timedelta(seconds=1))
        return counted


class TellsTheLiving(MemoryStore):
    def dead_letters(self, after, limit):
        return letters([Drained(id_, one.entry, one.attempts) for id_, one in self._outbox.items()], after, limit)


class TellsTheDeadBackwards(MemoryStore):
    def dead_letters(self, after, limit):
        page = super().dead_letters(after, limit)
        return Letters(page.letters[::-1], page.after)


class TellsTheDeadForEver(MemoryStore):
    def dead_letters(self, after, limit):
        return Letters(super().dead_letters(after, limit).letters, b"")


class TellsTheDeadByCommit(MemoryStore):
    """It takes letters of one commit for one."""

    def dead_letters(self, after, limit):
        page = super().dead_letters(after, 9999)
        told = tuple([one for one in page.letters if len(after) <= 24 or one.id[8:] != after[8:24]])
        return Letters(told[:limit], told[limit - 1].id + b"\0" if len(told) > limit else None)


class LooksNothingUp(MemoryStore):
    def dead_letters(self, after, limit):
        page = super().dead_letters(after + b"\0" if len(after) == 24 else after, limit)
        return page if page.after is None else Letters(page.letters, page.letters[-1].id)


class RevivesAnything(MemoryStore):
    def revive(self, ids):
        found = [self._outbox[id_] for id_ in dict.fromkeys(ids) if id_ in self._outbox]
        for one in found:
            one.attempts, one.due = 0, None
        return len(found)


class RevivesForOneTry(MemoryStore):
    def revive(self, ids):
        count = super().revive(ids)
        for id_ in ids:
            if id_ in self._outbox and not self._outbox[id_].attempts:
                self._outbox[id_].attempts = MAX_ATTEMPTS - 1
        return count


class RevivesAtTheEnd(MemoryStore):
    def revive(self, ids):
        count = super().revive(ids)
        for id_ in ids:
            if id_ in self._outbox:
                self._outbox[id_] = self._outbox.pop(id_)
        return count


class RevivesLater(MemoryStore):
    def revive(self, ids):
        dead = [id_ for id_ in dict.fromkeys(ids) if id_ in self._outbox and self._outbox[id_].dead]
        for id_ in dead:
            self._outbox[id_].attempts = 0
        return len(dead)


class CountsWhatItIsAsked(MemoryStore):
    def revive(self, ids):
        super().revive(ids)
        return len(ids)


class KeepsTheDeadOfTheDeleted(MemoryStore):
    def commit(self, key, expected, value, outbox, commit_id):
        with self._lock:  # this is its only fault: many may commit at once
            dead = {id_: one for id_, one in self._outbox.items() if one.dead}
        answer = super().commit(key, expected, value, outbox, commit_id)
        with self._lock:
            self._outbox = dead | self._outbox
        return answer


class RacesOnRevive(MemoryStore):
    def revive(self, ids):
        dead = [id_ for id_ in dict.fromkeys(ids) if id_ in self._outbox and self._outbox[id_].dead]
        time.sleep(0.0005)
        super().revive(ids)
        return len(dead)


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        (CountsTheHiddenAsDue, "What waits must be counted"),
        (CountsTheDeadTwice, "What waits must be counted"),
        (ShowsTheNewest, "with the oldest that is due"),
        (TakesWhatItCounts, "looking changes nothing"),
        (TellsTheLiving, "Dead letters, all and only they"),
        (TellsTheDeadBackwards, "in the order of their ids"),
        (TellsTheDeadForEver, "Dead letters, all and only they"),
        (TellsTheDeadByCommit, "Dead letters of one commit"),
        (LooksNothingUp, "Dead letters, all and only they"),
        (RevivesAnything, "what is not dead must stay as it is"),
        (RevivesForOneTry, "with all its tries"),
        (RevivesAtTheEnd, "due in its old place"),
        (RevivesLater, "A dead letter that is revived must be due"),
        (CountsWhatItIsAsked, "A dead letter that is revived must be due"),
        (KeepsTheDeadOfTheDeleted, "must take its dead letters with it"),
        (RacesOnRevive, "one must be told that it was dead"),
        (ScansFromBehind, "A scan must name every record"),
        (ScansByPlace, "Whatever is there from the first page of a scan to the last must be named"),
        (ScansWithoutLimit, "A scan must name every record"),
        (ScansForEver, "A scan must name every record"),
        (ScansTheOutbox, "A scan must name every record"),
        (Overwrites, "succeed from the version that is there and from no other"),
        (InsertsOver, "succeed from the version that is there and from no other"),
        (CountsVersions, "under the commit's id"),
        (SendsOnConflict, "exactly if their commit happened"),
        (KeepsEntriesOfTheDeleted, "Deleting a record must take its undelivered entries"),
        (FoldsKeys, "told apart byte by byte"),
        (RacesOnCommit, "exactly one must win"),
        (DrainsBackwards, "oldest first"),
        (NeverDoubles, "doubled at each attempt"),
        (NeverBuries, "ten times and no more"),
        (AcksAll, "nothing else must go"),
        (ChargesTwice, "with the same hold must reserve nothing more and answer as it did"),
        (SharesNothing, "Equal candidates must share one unit"),
        (ReservesSingly, "none of that slot must reserve"),
        (ReservesAfterARefusal, "nor any of a slot that comes after it"),
        (SettlesStrangers, "Settling again"),
        (NeverLapses, "must count as one failure"),
        (WeighsNothing, "must take its weight in units"),
        (TakesAnyWeight, "must take its weight in units"),
        (ForgivesStrangers, "change nothing where it is not remembered"),
        (ForgivesButRemembers, "must take one unit back for a candidate that failed"),
        (TrustsTheClock, "A clock that goes back"),
        (WritesWhenRead, "Reading must change nothing"),
        (FoldsMeters, "where one runs into the other"),
        (EvictsAnything, "must keep 64 meters"),
        (ForgetsTheIdle, "An idle meter must be kept"),
        (RacesOnCharge, "exactly as many must be granted as are free"),
        (RacesOnSettle, "What is charged while others of its slot are settled"),
        (WeighsInAByte, "Weights and sums of thousands"),
        (MixesKinds, "must not be readable as a record"),
        (ReadsNothing, ""),
    ],
)
def test_a_broken_clause_is_named(store, sentence):
    """The message says in a sentence what the store owes."""
    with pytest.raises(AssertionError, match="breaks its contract") as broken:
        check_store(store)

    assert sentence in str(broken.value)


def test_the_arithmetic_is_searched():
    """A store that is right in every example of the contract but wrong in a corner is found by the search."""

    class Generous(MemoryStore):
        def settle(self, settlements, now):
            parked = [one for one in settlements if one.verdict is Settle.PARK]
            super().settle(settlements, now)
            if parked:
                super().settle([evolve(one, verdict=Settle.CLEAR) for one in parked], now)

    with pytest.raises(AssertionError, match=r"as acctsec\.meters says"):
        check_store(Generous)


def test_an_async_store_is_raced_on_its_loop():
    """The async form is held to the same clauses."""

    class Slow(AsyncMemoryStore):
        async def commit(self, key, expected, value, outbox, commit_id):
            from asyncio import sleep

            found = await self.load(key)
            await sleep(0)
            if value is not None and commit_id != expected and (found and found[1]) == expected:
                self._store._records.pop(key, None)
                expected = None
            return await super().commit(key, expected, value, outbox, commit_id)

    with pytest.raises(AssertionError, match="exactly one must win"):
        check_store(Slow)


def test_an_exception_names_its_clause_too():
    """A store that raises is told where."""

    class Raises(MemoryStore):
        def ack(self, ids):
            raise LookupError("no such row")

    with pytest.raises(AssertionError, match=r"was acknowledged must never return.*LookupError\('no such row'\)"):
        check_store(Raises)
