"""P17: four processes that write one SQLite file."""

import multiprocessing
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench import raw, world
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Figure, Pace

from acctsec import SqliteStore, StoreError
from acctsec.protocols import Charge, Ladder

WRITERS = 4
LADDER = Ladder(10**9, 0, 0, 10**9, 3_600_000_000, 3_600_000_000)
NOW = 1_800_000_000_000_000
ROWS = 500


@BENCH.row("P17", spinning=False)
def contention(pace: Pace):
    """Charges of four processes at once, beside as many bare upserts with the same fair retry."""
    seconds, rounds = pace.of(0.5, 0.2), pace.of(min(pace.rounds, 15), 1)
    found = []
    with world.folder() as folder:
        for number in range(rounds):
            ours, bare = Path(folder) / f"ours{number}", Path(folder) / f"bare{number}"
            SqliteStore(ours).close()
            raw.counter(bare)
            found.append((_together(_charge, ours, seconds), _together(_count, bare, seconds), _kept(ours)))
    errors = sum(one.errors for ours, _, _ in found for one in ours)
    lost = sum(sum(one.done for one in ours) - kept for ours, _, kept in found)
    fair = Figure.of(min(one.done for one in ours) / max(one.done for one in ours) for ours, _, _ in found)
    wait = Figure.of(max(one.longest for one in ours) for ours, _, _ in found)
    rate = median(sum(one.done for one in ours) for ours, _, _ in found) / seconds
    floor = median(sum(one.done for one in bare) for _, bare, _ in found) / seconds
    ratio = Figure.of(sum(one.done for one in ours) / sum(one.done for one in bare) for ours, bare, _ in found)
    yield Row(
        id="P17",
        what=f"charges of {WRITERS} processes ÷ raw upserts with the same retry",
        ours=f"{rate:,.0f}/s",
        floor=f"{floor:,.0f}/s",
        ratio=f"{ratio:.2f}",
        figure=ratio,
        goal="≥ 0.65",
        met=ratio >= 0.65,
    )
    yield Row(
        id="P17",
        what="the process that got least ÷ the one that got most",
        ours=f"{fair:.2f}",
        figure=fair,
        goal="≥ 0.5",
        met=fair >= 0.5,
    )
    yield Row(id="P17", what="longest wait of any charge", ours=si(wait), figure=wait, goal="≤ 250 ms", met=wait <= 0.25)
    yield Row(
        id="P17",
        what="errors, and charges that were answered but not kept",
        ours=f"{errors}, {lost}",
        goal="0, 0",
        met=not errors and not lost,
    )


class Worked:
    """What one process did."""

    def __init__(self, done: int, errors: int, longest: float) -> None:
        self.done, self.errors, self.longest = done, errors, longest


def _together(work, path: Path, seconds: float) -> list[Worked]:
    """Let as many processes do *work* at once."""
    spawn = multiprocessing.get_context("spawn")
    answers, gate = spawn.Queue(), spawn.Barrier(WRITERS, timeout=60)
    processes = [
        spawn.Process(target=_worker, args=(work, path, seconds, number, answers, gate), daemon=True) for number in range(WRITERS)
    ]
    for process in processes:
        process.start()
    found = [Worked(*answers.get(timeout=120)) for _ in processes]
    for process in processes:
        process.join()
    return found


def _worker(work, path, seconds, number, answers, gate) -> None:
    call = work(path, number)
    gate.wait()
    done = errors = 0
    longest, until = 0.0, perf_counter() + seconds
    while (started := perf_counter()) < until:
        try:
            call()
            done += 1
        except StoreError:
            errors += 1
        longest = max(longest, perf_counter() - started)
    answers.put((done, errors, longest))


def _charge(path: Path, number: int):
    store = SqliteStore(path)
    charges = [(Charge(_slot(number, row), b"!meter", LADDER, None, b"hold"),) for row in range(ROWS)]
    at = 0

    def call() -> None:
        nonlocal at
        at += 1
        store.charge(charges[at % ROWS], NOW + at)

    return call


def _count(path: Path, number: int):
    return raw.counter(path, retry=True)


def _kept(path: Path) -> int:
    """Charges that the store remembers."""
    with SqliteStore(path) as store:
        wanted = [(_slot(number, row), b"!meter", LADDER) for number in range(WRITERS) for row in range(ROWS)]
        return sum(tally.count for tally in store.read(wanted, NOW))


def _slot(number: int, row: int) -> bytes:
    return (number * ROWS + row).to_bytes(16, "big")
