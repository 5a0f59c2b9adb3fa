"""What one store would answer that takes call after call: each record, each slot and each outbox entry by itself."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

from acctsec._values import Value, evolve
from acctsec.errors import ConfigError
from acctsec.meters import FRESH, Meter, charge_row, keep_for, settle_row, tally
from acctsec.protocols import MAX_ATTEMPTS, Charge, Committed, Conflict, Drained, Granted, Ladder, Settlement
from acctsec.stores._rows import LEAP, UNTOUCHED, by_slot
from acctsec.testing._histories import Failed, Recorded
from acctsec.testing._judging import NotLinearizable, Object, text
from acctsec.testing._orders import Op, Step


def objects(calls: Sequence[Recorded]) -> Iterator[Object]:
    """All that *calls* touch, each with its share of them. Raises NotLinearizable for a call that is wrong by itself."""
    outbox = _Outbox(calls)
    _refuse_collected(calls)
    yield from _records(calls, outbox.happened)
    yield from _slots(calls)
    yield from outbox.entries()


# --- records ----------------------------------------------------------------------------------------------------------


def _records(calls: Sequence[Recorded], happened: Mapping[int, Recorded]) -> Iterator[Object]:
    """Each record: what is there is the value and the version of the last commit that won."""
    ops: dict[bytes, list[Op]] = defaultdict(list)
    for call in calls:
        if call.method == "load" and call.end is not None:
            ops[call.arguments[0]].append(Op(call, "", call.begin, call.end, call.answer, _load, _load, idle=True))
        elif call.method == "commit":
            key, expected, value, _, commit_id = call.arguments
            swap = _swap(expected, value, commit_id)
            if call.answer == Failed():
                ops[key].append(Op(call, "", call.begin, call.end, call.answer, _fail, swap, idle=True))
            elif call.end is None and id(call) in happened:
                witness = happened[id(call)]
                answer = Committed(None if value is None else commit_id)
                ops[key].append(Op(call, "", call.begin, witness.end, answer, swap, swap, witness=witness))
            else:
                idle = call.answer == Conflict() or (expected is None and value is None)
                ops[key].append(Op(call, "", call.begin, call.end, call.answer, swap, swap, idle=idle))
    for key, asked in ops.items():
        yield Object(f"The record {text(key)}", None, asked, _show_record)


def _load(record: Any) -> tuple[Any, Any]:
    return record, record


def _fail(record: Any) -> tuple[Any, Any]:
    return record, Failed()


def _swap(expected: bytes | None, value: bytes | None, commit_id: bytes) -> Step:
    def step(record: Any) -> tuple[Any, Any]:
        if expected is None and value is None:
            return record, Committed(None)
        if (record[1] if record else None) != expected or expected == commit_id:
            return record, Conflict()
        return (None, Committed(None)) if value is None else ((value, commit_id), Committed(commit_id))

    return step


def _show_record(record: Any) -> str:
    return f"the record is {text(record[0])} at version {text(record[1])}" if record else "there is no record"


# --- meters -----------------------------------------------------------------------------------------------------------


def _slots(calls: Sequence[Recorded]) -> Iterator[Object]:
    """Each slot: its meters by name, worked by ``acctsec.meters``."""
    ops: dict[bytes, list[Op]] = defaultdict(list)
    for call in calls:
        match call.method:
            case "charge":
                charges, now = call.arguments
                answers = _in_turn(call) if call.end is not None else {}
                for slot, asked in by_slot(charges).items():
                    charging, answer = _charging(asked, now), answers.get(slot)
                    untouched = answer is not None and UNTOUCHED in answer
                    step = _pass_over(answer) if untouched else charging
                    ops[slot].append(Op(call, asked, call.begin, call.end, answer, step, charging, idle=untouched))
            case "settle":
                settlements, now = call.arguments
                for slot, asked in by_slot(settlements).items():
                    step = _settling(asked, now)
                    ops[slot].append(Op(call, asked, call.begin, call.end, None, step, step))
            case "read" if call.end is not None:
                meters, now = call.arguments
                if len(call.answer) != len(meters):
                    raise NotLinearizable(f"Reading {len(meters)} meters answered {len(call.answer)}.", [call])
                read: dict[bytes, list[Any]] = defaultdict(list)
                for (slot, name, ladder), answer in zip(meters, call.answer, strict=True):
                    read[slot].append(((name, ladder), answer))
                for slot, pairs in read.items():
                    step = _reading([meter for meter, _ in pairs], now)
                    names, tallies = [name for (name, _), _ in pairs], tuple([answer for _, answer in pairs])
                    ops[slot].append(Op(call, names, call.begin, call.end, tallies, step, step, idle=True))
            case _:
                pass
    for slot, asked in ops.items():
        yield Object(f"The slot {text(slot)}", (), asked, _show_slot)


def _in_turn(call: Recorded) -> dict[bytes, tuple[Any, ...]]:
    """What a charge answered slot by slot; those after one that refused must be untouched, and no others."""
    charges, _ = call.arguments
    if len(charges) != len(call.answer):
        raise NotLinearizable(f"{len(charges)} charges were answered by {len(call.answer)} readings.", [call])
    readings: dict[bytes, list[Any]] = {}
    for charge, reading in zip(charges, call.answer, strict=True):
        readings.setdefault(charge.slot, []).append(reading)
    refused = False
    for slot, found in readings.items():
        if any((reading == UNTOUCHED) is not refused for reading in found):
            rule = "comes after one that refused: it must read Untouched" if refused else "must be asked"
            raise NotLinearizable(f"The slot {text(slot)} {rule}, and it answered {text(found)}.", [call])
        refused = refused or any(not isinstance(reading, Granted) for reading in found)
    return {slot: tuple(found) for slot, found in readings.items()}


def _pass_over(answer: Any) -> Step:
    return lambda row: (row, answer)


def _charging(charges: Sequence[Charge], now: int) -> Step:
    def step(row: Any) -> tuple[Any, Any]:
        meters = dict(row)
        changed, readings = charge_row(meters, charges, now)
        return _written(row, meters, changed), tuple(readings)

    return step


def _settling(settlements: Sequence[Settlement], now: int) -> Step:
    def step(row: Any) -> tuple[Any, Any]:
        meters = dict(row)
        return _written(row, meters, settle_row(meters, settlements, now)), None

    return step


def _reading(asked: Sequence[tuple[bytes, Ladder]], now: int) -> Step:
    def step(row: Any) -> tuple[Any, Any]:
        meters = dict(row)
        return row, tuple([tally(meters.get(name, FRESH), ladder, now) for name, ladder in asked])

    return step


def _written(row: Any, meters: dict[bytes, Meter], changed: Mapping[bytes, Meter | None]) -> Any:
    """The row after *changed*, as a value: by name, whatever the order in which its meters began."""
    if all(meters.get(name) == meter for name, meter in changed.items()):
        return row
    kept = {**meters, **changed}
    return tuple([(name, meter) for name in sorted(kept) if (meter := kept[name]) is not None])


def _show_slot(row: Any) -> str:
    meters = [
        f"{text(name)} holds {meter.count} failures and {meter.pending} reservations, ready at {meter.ready}, last seen"
        f" {meter.latest}"
        for name, meter in row
    ]
    return "; ".join(meters) or "no meter has begun"


def _refuse_collected(calls: Sequence[Recorded]) -> None:
    """
    A store may collect a row that was idle for twice its longest window. What it takes for age is what passed between looks
    at the clock: all that lies between the first and the last instant, or an hour a look once clocks leap back by more.
    """
    charges = [call for call in calls if call.method == "charge" and call.arguments[0]]
    if not charges:
        return
    begins = [call.begin for call in charges]
    latest = list(accumulate([call.arguments[1] for call in charges], max))
    leaps = False
    for call in charges:
        met = len(charges) if call.end is None else bisect_right(begins, call.end)
        leaps = leaps or latest[met - 1] - call.arguments[1] > LEAP
    aged = LEAP * len(charges) if leaps else latest[-1] - min(call.arguments[1] for call in charges)
    kept = min(keep_for(charge.ladder) for call in charges for charge in call.arguments[0])
    if aged >= kept:
        message = f"In this history a store may age by {aged} µs, and it may collect an idle meter after {kept} µs."
        raise ConfigError(message, remedy="Record shorter histories, or give the ladders longer windows.")


# --- the outbox -------------------------------------------------------------------------------------------------------


class _Entry(Value, frozen=True):
    """Where an outbox entry is in its life. *due* is None until it is handed out."""

    there: bool = False
    id: bytes | None = None
    attempts: int = 0
    due: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.there and self.attempts < MAX_ATTEMPTS and (self.due is None or self.due <= now)


class _Outbox:
    """All entries of a history: who appended them, and when they were handed out, acknowledged and deleted."""

    def __init__(self, calls: Sequence[Recorded]) -> None:
        self.calls = calls
        self.commits = [call for call in calls if call.method == "commit"]
        self.drains = [call for call in calls if call.method == "drain"]
        self.acks = [call for call in calls if call.method == "ack"]
        self.revivals = [call for call in calls if call.method == "revive"]
        self.makers: dict[bytes, list[Recorded]] = defaultdict(list)
        for call in self.commits:
            if call.end is None or isinstance(call.answer, Committed):
                for entry in call.arguments[3]:
                    self.makers[entry].append(call)
        self.handed: dict[bytes, list[tuple[Recorded, Drained]]] = defaultdict(list)
        for call in self.drains:
            if call.end is not None:
                self._look_at(call, call.end)
        for call in self.revivals:
            self._count(call)
        # The commits whose entries were handed out, and the drain that showed it first.
        self.happened: dict[int, Recorded] = {}
        for entry, handed in self.handed.items():
            if len(self.makers[entry]) == 1:
                maker = self.makers[entry][0]
                for drain, _ in handed:
                    self.happened[id(maker)] = _earlier(drain, self.happened.get(id(maker)))

    def _look_at(self, drain: Recorded, end: int) -> None:
        """What one drain shows by itself: its limit, ids of their own, entries of somebody, the oldest first."""
        limit, found = drain.arguments[0], drain.answer
        if len(found) > max(limit, 0):
            raise NotLinearizable(f"A drain of at most {limit} handed out {len(found)} entries.", [drain])
        if len({one.id for one in found}) < len(found):
            raise NotLinearizable("A drain handed out one id twice.", [drain])
        youngest: Recorded | None = None
        for one in found:
            makers = [call for call in self.makers.get(one.entry, ()) if call.begin <= end]
            self.handed[one.entry].append((drain, one))
            ids = {other.id for _, other in self.handed[one.entry]}
            if len(ids) > len(makers):
                known = [call for call in self.commits if one.entry in call.arguments[3]]
                message = f"The outbox entry {text(one.entry)} was handed out under {len(ids)} ids, and {len(makers)}"
                drains = {id(other): other for other, _ in self.handed[one.entry]}.values()
                raise NotLinearizable(f"{message} commits can have appended it by then.", [*known, *drains])
            if len(makers) > 1:
                continue
            (maker,) = makers
            if youngest and maker.end is not None and maker.end < youngest.begin:
                message = f"The outbox entry {text(one.entry)} was handed out after a younger one; the oldest come first."
                raise NotLinearizable(message, [maker, youngest, drain])
            if youngest is None or maker.begin > youngest.begin:
                youngest = maker

    def _count(self, revival: Recorded) -> None:
        """What a revival shows by itself: it cannot have met more letters than it was given ids that somebody was handed."""
        if revival.end is None or any(drain.end is None for drain in self.drains):
            return
        known = {one.id for handed in self.handed.values() for _, one in handed}
        most = len(known.intersection(revival.arguments[0]))
        if revival.answer > most:
            raise NotLinearizable(
                f"A revival met {revival.answer} dead letters, and only {most} of its ids are known.", [revival]
            )

    def entries(self) -> Iterator[Object]:
        """Each entry that one commit appended, once: it is there, it is handed out under leases, and it goes."""
        seen, complete = self._seen(), self._complete()
        lost = [call for call in self.drains if call.end is None]
        named: dict[bytes, list[Recorded]] = defaultdict(list)
        for call in (*self.acks, *self.revivals):
            for name in dict.fromkeys(call.arguments[0]):
                named[name].append(call)
        deletes: dict[bytes, list[Recorded]] = defaultdict(list)
        for call in filter(_may_delete, self.commits):
            deletes[call.arguments[0]].append(call)
        for entry, makers in self.makers.items():
            if len(makers) > 1:
                continue
            (maker,) = makers
            handed = self.handed.get(entry, [])
            witness = None if maker.end is not None else self.happened.get(id(maker), seen.get(id(maker)))
            answered = {id(drain) for drain, _ in handed}
            left = [drain for drain in complete if id(drain) not in answered and (drain.end or 0) >= maker.begin]
            asked = {id(call): call for _, one in handed for call in named[one.id]}.values()
            deleted = [call for call in deletes[maker.arguments[0]] if call is not maker]
            ops = [
                _op(maker, _append, None, witness=witness),
                *[_op(drain, _hand_out(drain, one), f"handed out, attempt {one.attempts}") for drain, one in handed],
                *[_op(drain, _hand_out(drain, None), None) for drain in lost],
                *[_op(drain, _leave(drain), _LEFT) for drain in left],
                *[_op(call, _acknowledge(call), None) for call in asked if call.method == "ack"],
                *[_op(call, _revive(call), _revived(call)) for call in asked if call.method == "revive"],
                *[_op(call, _delete, None) for call in deleted],
            ]
            yield Object(f"The outbox entry {text(entry)}", _Entry(), ops, _show_entry)

    def _seen(self) -> dict[int, Recorded]:
        """The commits that must have happened, for their version was read or followed; and the call that showed it first."""
        witnesses: dict[tuple[bytes, bytes], Recorded] = {}
        for call in self.calls:
            version = None
            if call.method == "load" and call.answer:
                version = call.answer[1]
            elif call.method == "commit" and isinstance(call.answer, Committed):
                version = call.arguments[1]
            if version is not None:
                name = call.arguments[0], version
                witnesses[name] = _earlier(call, witnesses.get(name))
        wrote: dict[tuple[bytes, bytes], list[Recorded]] = defaultdict(list)
        for call in self.commits:
            if call.arguments[2] is not None and (call.end is None or isinstance(call.answer, Committed)):
                wrote[call.arguments[0], call.arguments[4]].append(call)
        alone = {name: commits[0] for name, commits in wrote.items() if len(commits) == 1}
        return {id(commit): witnesses[name] for name, commit in alone.items() if name in witnesses}

    def _complete(self) -> list[Recorded]:
        """The drains that must have handed out all that was due: they had room left, and nobody else can have held entries."""
        others = [*self.drains, *self.acks, *self.revivals, *self.commits]
        holding = [call.begin for call in others if call.end is None and (call.method != "commit" or _may_delete(call))]
        found = []
        for drain in self.drains:
            if drain.end is None or len(drain.answer) >= drain.arguments[0]:
                continue
            begin, end = drain.begin, drain.end
            if any(call is not drain and call.begin <= end and (call.end or end) >= begin for call in self.drains):
                continue
            last = drain is self.drains[-1] and all((call.end or 0) < begin for call in others if call.begin < begin)
            if last or all(other > end for other in holding):
                found.append(drain)
        return found


def _may_delete(call: Recorded) -> bool:
    _, expected, value, _, _ = call.arguments
    return value is None and expected is not None and (call.end is None or isinstance(call.answer, Committed))


def _earlier(one: Recorded, other: Recorded | None) -> Recorded:
    """Whichever was answered first."""
    return one if other is None or (one.end or 0) < (other.end or 0) else other


_LEFT = "left out"
_REVIVED = "revived"


def _op(call: Recorded, step: Step, answer: str | None, *, witness: Recorded | None = None) -> Op:
    end = max(witness.end or 0, call.begin) if witness else call.end
    return Op(call, "", call.begin, end, answer, step, step, idle=answer == _LEFT, witness=witness)


def _append(entry: _Entry) -> tuple[_Entry, None]:
    return evolve(entry, there=True), None


def _delete(entry: _Entry) -> tuple[_Entry, None]:
    return evolve(entry, there=False), None


def _acknowledge(ack: Recorded) -> Step:
    def step(entry: _Entry) -> tuple[_Entry, None]:
        return (evolve(entry, there=False) if entry.id in ack.arguments[0] else entry), None

    return step


def _revived(call: Recorded) -> str | None:
    """What a revival says of each of its letters: all were dead, or none, or nobody can tell which."""
    if call.end is None or 0 < call.answer < len(set(call.arguments[0])):
        return None
    return _REVIVED if call.answer else _LEFT


def _revive(call: Recorded) -> Step:
    """A letter that is dead is as if it had never been handed out; any other stays as it is."""
    says = _revived(call)

    def step(entry: _Entry) -> tuple[_Entry, str | None]:
        dead = entry.there and entry.attempts >= MAX_ATTEMPTS and entry.id in call.arguments[0]
        after = evolve(entry, attempts=0, due=None) if dead else entry
        return after, None if says is None else _REVIVED if dead else _LEFT

    return step


def _hand_out(drain: Recorded, one: Drained | None) -> Step:
    """One hand-out; *one* is what was handed out, None where nobody knows."""
    _, now, lease = drain.arguments

    def step(entry: _Entry) -> tuple[_Entry, str]:
        if not entry.is_due(now) or (one and entry.id not in {None, one.id}):
            return entry, _LEFT
        after = _Entry(
            there=True, id=one.id if one else entry.id, attempts=entry.attempts + 1, due=now + lease * 2**entry.attempts
        )
        return after, f"handed out, attempt {entry.attempts}"

    return step


def _leave(drain: Recorded) -> Step:
    """A drain that must have handed the entry out if it was due, and did not."""

    def step(entry: _Entry) -> tuple[_Entry, str]:
        return entry, f"handed out, attempt {entry.attempts}" if entry.is_due(drain.arguments[1]) else _LEFT

    return step


def _show_entry(entry: _Entry) -> str:
    if not entry.there:
        return "the entry is not there"
    hidden = f", hidden until {entry.due}" if entry.due else ""
    return f"the entry is there, handed out {entry.attempts} times{hidden}"
