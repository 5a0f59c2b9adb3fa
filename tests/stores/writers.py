"""What other processes do to the SQLite file of a test; each is run by tests.faults.processes, which loads it once for all."""

from time import monotonic

from acctsec.protocols import Charge, Committed, Ladder
from acctsec.stores import SqliteStore

SECOND = 1_000_000
NOW = 1_750_000_000 * SECOND
LADDER = Ladder(free=10**6, first=0, longest=0, stop=10**7, window=3600 * SECOND, lease=SECOND)


def adds(path, name, line):
    """Three hundred charges, and as many commits of one record, each of which adds one."""
    with SqliteStore(path) as store:
        for number in range(300):
            store.charge([Charge(b"slot", b"m", LADDER, None, b"hold")], NOW)
            while True:
                past, version = store.load(b"key") or (b"0", None)
                made = b"%s%d" % (name, number)
                if isinstance(store.commit(b"key", version, b"%d" % (int(past) + 1), [made], made), Committed):
                    break


def makes(path, name, line):
    """One commit, of whoever comes first."""
    with SqliteStore(path) as store:
        line.send(store.commit(b"key", None, b"v", (), name))


def writes(path, number, line):
    """Records, entries and charges until it is killed; it says the number of each that was acknowledged."""
    store = SqliteStore(path)
    while True:
        number += 1
        key = b"%d" % number
        store.commit(key, None, b"value of " + key, [b"entry of " + key], key)
        store.charge([Charge(key, b"m", LADDER, None, b"hold")], NOW)
        line.send(number)


def charges(path, begin, line):
    """From an instant on for three seconds; it says how many, and how long the slowest took."""
    longest, done = 0.0, 0
    with SqliteStore(path) as store:
        while monotonic() < begin:
            pass
        while (now := monotonic()) < begin + 3:
            store.charge([Charge(b"slot", b"m", LADDER, None, b"hold"), Charge(b"source", b"m", LADDER, None, b"hold")], NOW)
            longest, done = max(longest, monotonic() - now), done + 1
    line.send((done, longest))
