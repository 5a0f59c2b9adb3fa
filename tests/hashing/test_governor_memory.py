"""The memory of the workers comes with work and goes when there is none."""

import os
import subprocess
import sys
import threading
import time
import weakref

import pytest
from tests.hashing.gates import governor, until

from acctsec.hashing import Argon2Parameters, HashingPolicy
from acctsec.hashing import argon2id as memory
from acctsec.hashing import governor as module
from acctsec.hashing.argon2id import derive, give_back_memory, keep_memory

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells how much memory is resident")
SMALL = Argon2Parameters(memory_kib=64, time_cost=2)
POLICY = HashingPolicy(memory_kib=65_536, time_cost=1)

SCRIPT = """
import os, time
from datetime import timedelta
from acctsec.hashing import HashingPolicy
from acctsec.hashing import governor as module

module._IDLE_SECONDS = {idle}
policy = HashingPolicy(memory_kib=65_536, time_cost=1)
made = module.Governor(permits=2, queue=10, patience=timedelta(minutes=1))

def rss():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

def hash_once():
    made.run(lambda: policy.hash("x", salt=bytes(16)))
"""


def played(story, *, idle=1.5):
    """Run *story* in a process of its own, whose workers give their memory back after *idle* seconds."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(idle=idle) + story], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@LINUX
def test_resident_memory_rises_falls_and_rises_again():
    """Within a tenth of the 64 MiB of a hash."""
    before, used, idle, again = map(
        int,
        played(
            """
print(rss())
hash_once()
print(used := rss())
until = time.monotonic() + 30
while rss() > used - 32_768 and time.monotonic() < until:
    time.sleep(0.05)
time.sleep(0.2)
print(rss())
hash_once()
print(rss())
"""
        ),
    )

    assert used - before > 0.9 * 65_536
    assert idle - before < 0.1 * 65_536
    assert again - before > 0.9 * 65_536


@LINUX
def test_a_child_holds_nothing_of_its_parents_memory():
    """Neither copies nor address space; and it hashes."""
    mine, child = map(
        int,
        played(
            """
import sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
before = rss()
hash_once()
print(rss() - before, flush=True)
child = os.fork()
if child == 0:
    print((born := rss()) - before, flush=True)
    hash_once()
    os._exit(0 if rss() - born > 0.9 * 65_536 else 3)
_, status = os.waitpid(child, 0)
hash_once()
sys.exit(os.waitstatus_to_exitcode(status))
"""
        ),
    )

    assert mine > 0.9 * 65_536
    assert child < 0.1 * 65_536


@pytest.mark.parametrize("when", [0.0, 0.25, 0.3, 0.35])
def test_the_interpreter_ends_in_quiet(when):
    """Whether workers hash, wait, or are about to give their memory back."""
    assert played(f"hash_once(); hash_once(); time.sleep({when}); print('end')", idle=0.3) == ["end"]


def test_an_idle_worker_keeps_no_block_and_a_busy_one_does(monkeypatch):
    """On every platform, by what the thread holds."""
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.05)
    given_back = []

    def give_back():
        given_back.append(memory._thread.block)
        give_back_memory()

    monkeypatch.setattr(module, "give_back_memory", give_back)
    made = governor()

    def hashed():
        derive(b"x", salt=bytes(16), cost=SMALL, tag_bytes=32, keep_kib=64)
        return memory._thread.block

    first = made.run(hashed)
    assert made.run(hashed) is first or given_back  # the machine may have been slower than 50 ms
    until(lambda: len(given_back) >= 1)
    second = made.run(hashed)

    assert second is not None
    assert second is not first


def test_idle_workers_wake_for_work_and_give_back_anew(monkeypatch):
    """A worker that gave back is as good as new, again and again."""
    monkeypatch.setattr(module, "_IDLE_SECONDS", 0.01)
    made = governor(permits=3)
    expected = POLICY.hash("x", salt=bytes(16))

    for _ in range(6):
        assert made.run(lambda: POLICY.hash("x", salt=bytes(16))) == expected
        time.sleep(0.03)

    assert made.run(threading.get_ident) != threading.get_ident()


@LINUX
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_finds_zeros_where_its_parent_hashes():
    """A half-done hash is not copied, and the parent does not pay for copying the block."""
    keep_memory()
    try:
        derive(b"x", salt=bytes(16), cost=SMALL, tag_bytes=32, keep_kib=64)
        pages = memory._thread.block._pages
        pages[:4] = b"half"
        child = os.fork()
        if child == 0:
            os._exit(0 if pages[:4] == bytes(4) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pages[:4] == b"half"
    finally:
        give_back_memory()
        del memory._thread.block


def test_what_a_thread_gives_back_is_gone():
    """Its pages are unmapped, not only forgotten."""
    keep_memory()
    try:
        derive(b"x", salt=bytes(16), cost=SMALL, tag_bytes=32, keep_kib=64)
        pages = weakref.ref(memory._thread.block._pages)
        give_back_memory()
        assert pages() is None
    finally:
        del memory._thread.block
