"""
A worker uses a store as hard as it can while its servers fail, and writes down every call and every comparison.

It is given a dict, in which

- ``store`` is the address of a site, ``history`` the file of its calls, ``name`` and ``seed`` tell it from others;
- ``tasks`` are what it does at once, a thread each: ``ledger`` commits, loads and appends; ``courier`` drains and acknowledges;
  ``counter`` spends units of a row of its own, as fast as it can; ``guesser`` guesses at the one account, by way of an engine;
- ``compared`` is the file into which a byte is written before each comparison with the account's password;
- ``slot`` is the row that ``counter`` spends.

It goes on after a StoreError, as an application does.
"""

import os
import time
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread

from attrs import evolve, field, frozen
from tests.faults.sites import opened

from acctsec import Account, Context, Engine, Keyring, StoreError
from acctsec.budgets import Rungs
from acctsec.protocols import Charge, Ladder
from acctsec.testing import RACING
from acctsec.testing.doubles import START, InstrumentedHashing, MemoryDirectory, SeededEntropy
from acctsec.testing.linearizability import History
from acctsec.testing.world import IDENTIFIER

KEYS = 3  # that all ledgers fight for
LEASE = timedelta(hours=1)  # nothing comes back while we watch
METER = b"!spent"
WIDE = Ladder(free=10**6, first=0, longest=0, stop=10**6, window=0, lease=10**9)
_numbers = count(1)
NOW = int(START.timestamp()) * 1_000_000

PACE = timedelta(milliseconds=25)
PACED = evolve(
    RACING,
    hashing=evolve(RACING.hashing, patience=timedelta(seconds=1)),
    lockout=evolve(
        RACING.lockout,
        strangers=Rungs(free=10, first=PACE, longest=PACE, stop=50),
        lease=timedelta(seconds=2),
        month=Rungs(free=1000, first=PACE, longest=PACE, stop=1000, window=timedelta(days=30)),
    ),
)
"""Ten guesses are free and fifty are all, as by default; rests and leases are short, so that we can watch it to its end."""


@frozen(kw_only=True)
class LoudHashing(InstrumentedHashing):
    """Writes a byte into a file before each comparison with a real verifier, so that a kill loses none."""

    path: str = field(default=os.devnull)

    def verify(self, stored, password):
        with Path(self.path).open("ab", buffering=0) as file:
            file.write(b".")
        return super().verify(stored, password)


def work(given, line):
    """Say ``ready``, wait for a word, and work until the line is closed."""
    store, over = opened(given["store"]), Event()
    recorded = History(given["history"], worker=f"{given['name']} ").record(store)
    made = {"ledger": _ledger, "courier": _courier, "counter": _counter, "guesser": _guesser}
    threads = [Thread(target=made[task], args=(given, recorded if task != "guesser" else store, over)) for task in given["tasks"]]
    line.send("ready")
    line.recv()
    for thread in threads:
        thread.start()
    line.poll(None)
    over.set()
    for thread in threads:
        thread.join()
    os._exit(0)


@contextmanager
def _patience():
    """Go on after a failure, but not at once."""
    try:
        yield
    except StoreError:
        time.sleep(0.01)


def _ledger(given, store, over):
    """Bring records on, each commit with two entries, and append entries alone."""
    chance, versions = Random(given["seed"]), {}
    while not over.is_set():
        tag = f"{given['name']}/{next(_numbers)}".encode()
        key = b"key %d" % chance.randrange(KEYS)
        with _patience():
            if chance.random() < 0.15:
                store.commit(key, None, None, [b"one by " + tag, b"two by " + tag], tag)
                continue
            if key not in versions:
                found = store.load(key)
                versions[key] = found[1] if found else None
            expected = versions.pop(key)  # unknown, unless the commit is answered
            store.commit(key, expected, b"value by " + tag, [b"mail by " + tag, b"copy by " + tag], tag)
            versions[key] = tag


def _courier(given, store, over):
    """Take entries and acknowledge them."""
    while not over.is_set():
        with _patience():
            store.ack([one.id for one in store.drain(20, START, LEASE)])
        time.sleep(0.02)


def _counter(given, store, over):
    """Spend one unit after the other."""
    number, slot = 0, given["slot"].encode()
    while not over.is_set():
        number += 1
        with _patience():
            store.charge([Charge(slot, METER, WIDE, None, b"%d" % number)], NOW)


def _guesser(given, store, over):
    """Guess at the account, never twice the same and each time from another source."""
    engine, number = engine_on(store, given["compared"]), 0
    while not over.is_set():
        number += 1
        context = Context.of(f"2001:db8:{given['seed']:x}:{number:x}::1")
        with _patience():
            engine.sign_in(IDENTIFIER, f"wrong {given['name']} {number}", context=context)


def engine_on(store, compared, policy=PACED):
    """An engine of the deployment, whose comparisons go into the file *compared*."""
    entropy = SeededEntropy()
    knobs = {name: getattr(policy.hashing, name) for name in policy.hashing.__slots__ if not name.startswith("__")}
    return Engine(
        policy=evolve(policy, hashing=LoudHashing(**knobs, path=compared)),
        store=store,
        directory=MemoryDirectory(Account(subject="u1", identifiers=(IDENTIFIER,), addresses=(IDENTIFIER,))),
        keyring=Keyring(sealing=[entropy(32)], index=[entropy(32)]),
        outbox="manual",
    )
