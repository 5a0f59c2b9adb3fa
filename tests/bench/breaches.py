"""P11 to P13: what a breach file costs to ask, to keep and to build."""

import json
import random
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections import deque
from contextlib import closing
from pathlib import Path
from statistics import median

from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Figure, Pace, interleaved
from tests.corpora.downloads import KINDS, Lines, digest_of, in_files, texts

from acctsec.corpora.build import build
from acctsec.corpora.file import Mapped

ROOT = Path(__file__).parents[2]
RANGES, PER_RANGE = 1 << 20, (4, 6)
BATCH = 1_000
_KEY = struct.Struct(">q").unpack_from


@BENCH.row("P11", "P12", spinning=False)
def asked(pace: Pace):
    """One file, its look-ups beside those of SQLite, and what it takes on the disk and in a process."""
    ranges = pace.of(RANGES, 1 << 11)
    with tempfile.TemporaryDirectory(prefix="acctsec-bench-") as folder:
        source, path, other = (Path(folder, name) for name in ("download", "breached", "peer"))
        _one_file(source, ranges)
        header = build(source, path, partial=True)
        mapped, chance = Mapped(path), random.Random(5)
        kinds = texts(PER_RANGE)
        known = [digest_of(n, chance.choice(kinds[n % KINDS])[0]) for n in chance.sample(range(ranges), pace.of(100_000, 1_000))]
        strangers = [chance.randbytes(20) for _ in range(pace.of(1_000_000, 1_000))]
        missed, taken = sum(not mapped.find(one) for one in known), sum(map(mapped.find, strangers))
        connection, floor = _sqlite(other, kinds, ranges), _floor(mapped)
        with closing(connection):
            probes = chance.sample(known, BATCH // 2) + strangers[: BATCH // 2]
            select = connection.execute
            timed = interleaved(
                pace,
                {
                    "ours": lambda: deque(map(mapped.find, probes), 0),
                    "floor": lambda: deque(map(floor, probes), 0),
                    "peer": lambda: deque((select("SELECT 1 FROM h WHERE k = ?", _KEY(one)).fetchone() for one in probes), 0),
                },
            )
        size = f"{header.entries:,} entries"
        ours = timed.seconds("ours") / BATCH
        yield Row(
            id="P11",
            what=f"breach look-up without the SHA-1, warm, {size}; peer: SQLite",
            ours=si(ours),
            floor=si(timed.seconds("floor") / BATCH),
            peer=si(timed.seconds("peer") / BATCH),
            ratio=f"{timed.ratio('ours', 'peer'):.2f}",
            figure=timed.of(lambda one: one["ours"] / BATCH),
            goal="≤ 1.5 µs",
            met=ours <= 1.5e-6,
        )
        yield Row(
            id="P11",
            what="other passwords taken for a leaked one; leaked ones not found",
            ours=f"{header.false_positives:.1e}, seen {taken} of {len(strangers):,}; {missed} of {len(known):,}",
            goal="≤ 3e-8; 0",
            met=header.false_positives <= 3e-8 and taken <= 1 and not missed,
        )
        each = header.size / header.entries
        yield Row(
            id="P12",
            what=f"breach file, bytes an entry, {size}; peer: SQLite",
            ours=f"{each:.3f}",
            peer=f"{other.stat().st_size / header.entries:.1f}",
            ratio=f"{header.size / other.stat().st_size:.2f}",
            goal="≤ 4.1",
            met=each <= 4.1,
        )
        yield from _opened(pace, path)


def _opened(pace: Pace, path: Path):
    """What a process has of its own of an opened file, and how long it takes to open."""
    told = _child(OPENING, path, pace.of(21, 1))
    if told["kib"] is not None:
        yield Row(
            id="P12", what="private memory of a process", ours=f"{told['kib']} KiB", goal="≤ 1 MiB", met=told["kib"] <= 1024
        )
    # 2.5 * 10**9 entries have an index of 2**25 buckets, 128 MiB: opening reads and sums all of it.
    longest = told["seconds"] + (128 << 20) * told["seconds_a_byte"]
    yield Row(
        id="P12",
        what="to open it; with the index of 2.5·10^9 entries",
        ours=f"{si(told['seconds'])}; {si(longest)}",
        goal="≤ 60 ms",
        met=longest <= 0.060,
    )


@BENCH.row("P13", spinning=False)
def built(pace: Pace):
    """Both shapes of a download, each time beside the least that reading one could cost."""
    with tempfile.TemporaryDirectory(prefix="acctsec-bench-") as folder:
        file, files, path = (Path(folder, name) for name in ("download", "downloads", "breached"))
        _one_file(file, pace.of(RANGES, 1 << 11))
        in_files(files, pace.of(2_600, 20), (1_850, 1_950))
        for shape, source in (("one file", file), ("one file a range", files)):
            told = _child(BUILDING, source, path, pace.of(min(pace.rounds, 15), 1))
            ours = median(told["ours"])
            memory = told["mebibytes"]
            yield Row(
                id="P13",
                figure=Figure.of(told["ours"]),
                what=f"breach build, processor time an entry, {told['entries']:,} entries in {shape}; memory",
                ours=si(ours) + (f"; {memory:.0f} MiB" if memory else ""),
                floor=si(median(told["floor"])),
                ratio=f"{median(one / other for one, other in zip(told['ours'], told['floor'], strict=True)):.2f}",
                goal="≤ 250 ns; ≤ 64 MiB",
                met=ours <= 250e-9 and (memory or 0) <= 64,
            )


def _one_file(path: Path, ranges: int) -> None:
    lines = Lines(ranges, PER_RANGE)
    with path.open("wb") as file:
        while piece := lines.read(1 << 20):
            file.write(piece)


def _floor(mapped: Mapped):
    """Two reads and a bisection."""
    index, keys, down = mapped.index, mapped.keys, 32 - mapped.header.bits

    def find(digest: bytes) -> bool:
        key = int.from_bytes(digest[:8]) >> down
        bucket, rest = key >> 32, key & 0xFFFFFFFF
        at = bisect_left(keys, rest, index[bucket], index[bucket + 1])
        return at < len(keys) and keys[at] == rest

    return find


def _sqlite(path: Path, kinds, ranges: int) -> sqlite3.Connection:
    """A table of the same, under eight bytes of each digest."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE h (k INTEGER PRIMARY KEY)")
    every = (_KEY(digest_of(n, rest)) for n in range(ranges) for rest, _ in kinds[n % KINDS])
    connection.executemany("INSERT OR IGNORE INTO h VALUES (?)", every)
    connection.commit()
    connection.execute("PRAGMA mmap_size = 4000000000")
    return connection


def _child(code: str, *arguments: object) -> dict:
    """What a process of its own tells."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def own(field: str) -> int | None:
    """A size of this process in KiB, where Linux tells it."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(re.search(rf"{field}:\s+(\d+) kB", text)[1])


OPENING = """
import json, os, sys
from hashlib import sha1
from pathlib import Path
from statistics import median
from time import perf_counter
from tests.bench.breaches import own
from acctsec.corpora.file import Mapped, _sum
path = Path(sys.argv[1])
size = path.stat().st_size
before = own("RssAnon")
mapped = Mapped(path)
for n in range(10_000):
    mapped.find(sha1(str(n).encode()).digest())
kib = None if before is None else own("RssAnon") - before
seconds, sums = [], []
for _ in range(int(sys.argv[2])):
    began = perf_counter()
    Mapped(path)
    seconds.append(perf_counter() - began)
    file = os.open(path, os.O_RDONLY)
    began = perf_counter()
    _sum(file, size)
    sums.append((perf_counter() - began) / size)
    os.close(file)
print(json.dumps({"kib": kib, "seconds": median(seconds), "seconds_a_byte": median(sums)}))
"""

BUILDING = r"""
import json, sys
from pathlib import Path
from time import process_time
from tests.bench.breaches import own
from acctsec.corpora.build import build
source, path = Path(sys.argv[1]), Path(sys.argv[2])
files = [source] if source.is_file() else sorted(source.iterdir())

def least():
    for one in files:
        with one.open("rb") as file:
            for lines in iter(lambda: file.readlines(1 << 18), []):
                yield bytes.fromhex(b"".join([line[:8] for line in lines]).decode())

ours, floor = [], []
for _ in range(int(sys.argv[3])):
    began = process_time()
    header = build(source, path, partial=True)
    ours.append((process_time() - began) / header.entries)
    most = own("VmHWM")
    began = process_time()
    sum(map(len, least()))
    floor.append((process_time() - began) / header.entries)
print(json.dumps({"entries": header.entries, "ours": ours, "floor": floor, "mebibytes": most and most / 1024}))
"""
