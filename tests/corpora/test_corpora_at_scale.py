"""A breach file of a hundred million entries, of which nobody has a download on his disk; a smaller one in every run."""

import json
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from tests.corpora.downloads import KINDS, digest_of, texts

from acctsec.corpora.built import Built
from acctsec.corpora.file import Mapped

ROOT = Path(__file__).parents[2]
BUILD = r"""
import json, re, sys, time
from pathlib import Path
from acctsec.corpora import build
from tests.corpora.downloads import Streamed
build.Download = Streamed
began = time.process_time()
header = build.build(Path(sys.argv[1] + " ranges"), Path(sys.argv[2]), partial=True, counts=sys.argv[3] == "counts")
taken = time.process_time() - began
most = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]  # a rusage would begin with that of the parent
print(json.dumps([header.entries, taken / header.entries * 1e9, int(most) / 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process had")
@pytest.mark.parametrize(
    ("ranges", "counts"),
    [(4_000, "counts"), pytest.param(1 << 20, "", marks=pytest.mark.deep)],
)
def test_a_large_file_is_built_in_little_memory_and_knows_what_it_should(tmp_path, ranges, counts):
    """Each entry that is asked for is found, and of a million others next to none."""
    path = tmp_path / "breached"
    command = [sys.executable, "-c", BUILD, str(ranges), str(path), counts]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    entries, nanoseconds, mebibytes = json.loads(made.stdout)
    kinds = texts((95, 97))

    assert entries == sum(len(kinds[n % KINDS]) for n in range(ranges))
    assert mebibytes <= 64
    Built(path).check()
    mapped, chance = Mapped(path), random.Random(3)
    assert mapped.header.false_positives <= 3e-8
    for _ in range(50_000):
        number = chance.randrange(ranges)
        rest, count = chance.choice(kinds[number % KINDS])
        assert mapped.find(digest_of(number, rest)) == (1 << count.bit_length() - 1 if counts else 1)
    others = iter(lambda: chance.randbytes(20), b"")
    assert sum(map(mapped.find, islice(others, 1_000_000))) <= 2
    print(
        f"\n{entries:,} entries: {nanoseconds:.0f} ns and {mapped.header.size / entries:.3f} bytes each, {mebibytes:.0f} MiB of memory"
    )
