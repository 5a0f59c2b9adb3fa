"""The disk under a SQLite file is full: what cannot be written raises, nothing is half written, and all goes on when there is room."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults.disk import live
from tests.faults.processes import Process

ROOT = Path(__file__).resolve().parents[2]


def _own_mounts():
    """How to run something that has a small file system of its own, where this machine lets us."""
    ways = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])
    for way in ways if shutil.which("unshare") else ():
        tried = [*way, "sh", "-c", "mount -t tmpfs -o size=1m none /tmp"]
        if subprocess.run(tried, check=False, capture_output=True).returncode == 0:
            return way
    return None


WAY = _own_mounts()


@pytest.mark.parametrize("disk", ["a limit of the process", "the last page"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, disk):
    process = Process(live, str(tmp_path), disk)
    said = process.line.recv()
    process.end()
    assert said == "fine"


if WAY:  # the two above run everywhere; this is the real thing, for whoever may mount

    def test_a_full_file_system_leaves_nothing_half_written(tmp_path):
        """ENOSPC, from a small file system that nobody else sees."""
        folder = shlex.quote(str(tmp_path))
        command = f"mount -t tmpfs -o size=3m none {folder} && exec {shlex.quote(sys.executable)} -m tests.faults.disk {folder}"
        ended = subprocess.run([*WAY, "sh", "-c", command], cwd=ROOT, check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
