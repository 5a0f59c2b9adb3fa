"""Processes that cost little: each is forked from one that has loaded all it needs, and opened nothing."""

import os
import sys
from multiprocessing import get_context

from tests.faults.client import live
from tests.faults.worker import work
from tests.linear import worker as linear

NEEDED = (
    "acctsec.stores._postgres_pool",
    "acctsec.stores._valkey_checks",
    "acctsec.stores._valkey_meters",
    "acctsec.stores._valkey_records",
    "argon2",
    "asyncio",
    __name__,
    "tests.guessing.crowd",
    "tests.museum.process",
    "tests.stores.writers",
)
FOREVER = 60  # seconds in which any of them ends that was told to

_context = get_context("forkserver")
_context.set_forkserver_preload(list(NEEDED))


class Process:
    """A process, and a line to it: what is sent to it, and what it says, is anything that can be pickled."""

    def __init__(self, function, *arguments):
        self._line, theirs = _context.Pipe()
        self._process = _context.Process(target=function, args=(*arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def line(self):
        """Our end of the line."""
        return self._line

    @property
    def alive(self):
        """Whether it has not ended."""
        return self._process.is_alive()

    def kill(self):
        """End it without a word (SIGKILL)."""
        self._process.kill()

    def end(self):
        """Wait for its end, and answer how it ended: 0, or a signal as a negative number."""
        self._process.join(FOREVER)
        assert self._process.exitcode is not None, "it has not ended"
        self._line.close()
        return self._process.exitcode


def client(order):
    """A client that does one deed (client.py)."""
    return Process(live, order)


def worker(given):
    """A worker on failing servers (worker.py); it says ``ready``, is sent anything to begin, and ends when the line is closed."""
    return Process(work, given)


def linear_worker(asked, *, faster):
    """The worker of tests/linear, whose line carries text, and for which time passes so much *faster*."""
    return Process(_linear, asked, faster)


def _linear(asked, faster, line):
    sys.argv[1:], linear.FASTER = [asked], faster
    sys.stdin, sys.stdout = os.fdopen(os.dup(line.fileno())), os.fdopen(os.dup(line.fileno()), "w")
    linear.main()
