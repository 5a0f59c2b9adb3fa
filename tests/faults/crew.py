"""Crews: worker processes on one site, and what their histories prove."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve
from tests.faults import processes
from tests.faults.worker import LEASE, METER, NOW, WIDE

from acctsec.protocols import Committed
from acctsec.testing import Failed, History, check_history, read_history

AT_LAST = datetime(2100, 1, 1, tzinfo=UTC)
SECOND = 1_000_000_000


class Crew:
    """Processes of `tests.faults.worker` that begin together; leave it to let them come to their end."""

    def __init__(self, folder, address, *, workers=4, slots=None, tasks=("ledger",), **given):
        self.folder = Path(folder)
        self.compared = self.folder / "compared"
        self.compared.touch()
        self.slots = slots or [f"slot {number}" for number in range(workers)]
        self.histories = [self.folder / f"{number}.jsonl" for number in range(len(self.slots))]
        self.processes = []
        for number, (path, slot) in enumerate(zip(self.histories, self.slots, strict=True)):
            order = {"store": address, "history": str(path), "name": f"w{number}", "seed": number + 1, "slot": slot}
            order |= {"tasks": list(tasks), "compared": str(self.compared), **given}
            self.processes.append(processes.worker(order))

    def __enter__(self):
        for process in self.processes:
            assert process.line.recv() == "ready"
        for process in self.processes:
            process.line.send("go")
        return self

    def kill(self, number):
        """End one of them without a word."""
        self.processes[number].kill()

    def wait_for_comparisons(self, number, *, within=30):
        """Wait until so many passwords were compared."""
        deadline = time.monotonic() + within
        while self.comparisons < number:
            assert time.monotonic() < deadline, f"only {self.comparisons} of {number} comparisons in {within} seconds"
            time.sleep(0.01)

    def wait_until_quiet(self, *, quiet=1.0, within=30):
        """Wait until nothing was compared for a while."""
        deadline, last = time.monotonic() + within, (self.comparisons, time.monotonic())
        while time.monotonic() - last[1] < quiet:
            assert time.monotonic() < deadline, f"{self.comparisons} comparisons, and no end"
            time.sleep(0.05)
            if self.comparisons != last[0]:
                last = self.comparisons, time.monotonic()

    def wait_for_answers(self, *, after, within):
        """Wait until each of them was answered anything *after* an instant; answers how many seconds that took each."""
        begun, offsets = {}, [path.stat().st_size for path in self.histories]
        deadline = time.monotonic() + within
        while len(begun) < len(self.histories) and time.monotonic() < deadline:
            time.sleep(0.05)
            for number, path in enumerate(self.histories):
                with path.open("rb") as file:
                    file.seek(offsets[number])
                    said = [json.loads(line) for line in file.read().splitlines(keepends=True)[1:] if line.endswith(b"\n")]
                ends = [line["end"] for line in said if line.get("end", 0) > after]
                if ends:
                    begun.setdefault(number, (min(ends) - after) / SECOND)
        assert len(begun) == len(self.histories), f"only {sorted(begun)} found back in {within} seconds"
        return begun

    def __exit__(self, kind, *_):
        for process in self.processes:
            process.kill() if kind else process.line.send("end")
        for process in self.processes:
            process.end()

    @property
    def calls(self):
        """All that they did so far, or in the end."""
        return read_history(*[path for path in self.histories if path.exists()])

    @property
    def comparisons(self):
        """How many wrong passwords they compared with that of the account."""
        return self.compared.stat().st_size


def answered(calls, method, *, after=0):
    """The calls of a method that were answered, and began after an instant."""
    return [call for call in calls if call.method == method and call.end and call.begin > after]


def check_records(calls, store):
    """
    Prove that every commit happened as it was answered, and whole: the record with its entries, each handed out once or more.

    A commit without an answer happened if its entries came to light, and not at all if they did not; so whoever reads records
    has to have seen the one or the other. Answers the number of such commits, and how many of them happened.
    """
    handed = Counter()
    for call in calls:
        if call.method == "drain" and call.end:
            handed.update(one.entry for one in call.answer)
    history = History()
    last = history.record(store)
    while drained := last.drain(100, AT_LAST, LEASE):
        handed.update(one.entry for one in drained)
        last.ack([one.id for one in drained])
    judged, unknown = [], []
    for call in calls:
        if call.method == "load":
            judged.append(call)
        if call.method != "commit":
            continue
        key, expected, value, outbox, version = call.arguments
        there = {entry for entry in outbox if handed[entry]}
        assert there in (set(), set(outbox)), f"half of the entries of {version} are there: {there}"
        if isinstance(call.answer, Committed):
            assert there, f"{version} was answered, and its entries are lost"
        elif call.end:
            assert not there, f"{version} answered {call.answer}, and its entries are there"
        else:
            unknown.append(bool(there))
        if value is None:
            continue
        shown = call if call.end else evolve(call, end=2**62, answer=Committed(version) if there else Failed())
        judged.append(evolve(shown, arguments=(key, expected, value, (), version)))
    for key in {call.arguments[0] for call in judged}:
        last.load(key)
    check_history([*judged, *(call for call in history.calls if call.method == "load")])
    return len(unknown), sum(unknown)


def spent(calls, slot):
    """What a counter was told of its slot: the instants of the charges that were answered, and how many were not."""
    own = [call for call in calls if call.method == "charge" and call.arguments[0][0].slot == slot.encode()]
    return [call.end for call in own if call.end], sum(not call.end for call in own)


def lost(calls, store, slots, *, killed, within):
    """
    How many charges that were answered are gone; none may be that was answered longer than *within* seconds before *killed*.

    Nor may one be counted twice.
    """
    gone = 0
    tallies = store.read([(slot.encode(), METER, WIDE) for slot in slots], NOW)
    for slot, tally in zip(slots, tallies, strict=True):
        told, unknown = spent(calls, slot)
        recent = sum(killed - within * SECOND < at < killed for at in told)
        assert told, f"{slot}: nothing was counted"
        assert tally.count <= len(told) + unknown, f"{slot}: {tally.count} counted, {len(told)} answered, {unknown} not"
        assert tally.count >= len(told) - recent, f"{slot}: {tally.count} counted, {len(told)} answered, {recent} of them lately"
        gone += max(len(told) - tally.count, 0)
    return gone
