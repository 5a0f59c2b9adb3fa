"""
Ends what a test session started, whatever the session died of.

Run by household.py as `python reaper.py FOLDER ...`, with a pipe from the session as its standard input: lines `+ PID BIRTH`
and `- PID` say what lives. `end`, or the end of the input, is the end of the session: then the living and their children are
killed, and the folders are removed.
"""

import ctypes
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

PATIENCE = 10.0  # seconds, for the children of a dead postmaster to let go of their files


def family(pid):
    """A process and all that it started, it first; none when it has ended, though nobody may have looked."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)] if runs(first) else []
    except psutil.NoSuchProcess:
        return []


def kill(kin):
    """Kill processes, and wait until none of them runs; a dead one whose parent does not look stays as a zombie."""
    for one in kin:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    deadline = time.monotonic() + PATIENCE
    while any(map(runs, kin)) and time.monotonic() < deadline:
        time.sleep(0.002)


def runs(process):
    """Whether it can still do something."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def release_shared_memory(data):
    """Remove the segment of System V memory that a killed postmaster left behind, and whose number it wrote down."""
    with suppress(OSError, ValueError, IndexError):
        _key, number = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[6].split()
        ctypes.CDLL(None).shmctl(int(number), 0, None)  # 0 is IPC_RMID


def remove(folder):
    """Remove all that the servers wrote; what dies a moment later may still write a little."""
    deadline = time.monotonic() + PATIENCE
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < deadline)
        time.sleep(0.01)


def main(folders, lines):
    living = {}
    for line in lines:
        match line.split():
            case ["+", pid, birth]:
                living[int(pid)] = float(birth)
            case ["-", pid]:
                living.pop(int(pid), None)
            case ["end"]:  # a fork of the session may still hold the pipe open
                break
    for pid, birth in living.items():
        kin = family(pid)
        if kin and abs(kin[0].create_time() - birth) < 1:  # else its number has gone to another
            kill(kin)
    for folder in folders:
        for data in folder.glob("*/data"):
            release_shared_memory(data)
        remove(folder)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]], sys.stdin)
