"""Stores with a fault planted in them, to see that it is found out."""

from contextlib import suppress
from queue import Queue
from threading import Thread

from acctsec.errors import CommitUnknown, StoreUnavailable
from acctsec.protocols import Committed, Granted
from acctsec.testing.doubles import STORE


class Planted:
    """A store that passes everything on."""

    def __init__(self, store):
        self._store = store
        for name in STORE:
            if name not in type(self).__dict__:
                setattr(self, name, getattr(store, name))


class Hasty(Planted):
    """Answers a commit that it never makes."""

    def commit(self, key, expected, value, outbox, commit_id):
        return Committed(commit_id)


class Stale(Planted):
    """Reads what was there before, now and then."""

    def __init__(self, store):
        super().__init__(store)
        self._seen, self._reads = {}, 0

    def load(self, key):
        self._reads += 1
        latest = self._store.load(key)
        old = self._seen.get(key, latest)
        self._seen[key] = latest
        return old if self._reads % 5 == 0 else latest


class Early(Planted):
    """Answers a commit, and makes it while nobody waits any more."""

    def __init__(self, store):
        super().__init__(store)
        self._late = Queue()
        Thread(target=self._work, daemon=True).start()

    def commit(self, *commit):
        self._late.put(commit)
        return Committed(commit[-1] if commit[2] is not None else None)

    def _work(self):
        while True:
            with suppress(CommitUnknown, StoreUnavailable):
                self._store.commit(*self._late.get())


class Forgetful(Planted):
    """Commits a record without its entries."""

    def commit(self, key, expected, value, outbox, commit_id):
        return self._store.commit(key, expected, value, (), commit_id)


class Split(Planted):
    """Writes the entries of a commit in a transaction of their own."""

    def commit(self, key, expected, value, outbox, commit_id):
        answer = self._store.commit(key, expected, value, (), commit_id)
        if isinstance(answer, Committed):
            self._store.commit(b"beside " + key, None, None, outbox, commit_id[::-1])
        return answer


class Generous(Planted):
    """Grants what it has not reserved."""

    def charge(self, charges, now):
        return [Granted(one.hold, 1, new=True) for one in charges]


class Stubborn(Planted):
    """Makes every call again whose answer was lost, as a driver does that repeats by itself."""

    def __init__(self, store):
        super().__init__(store)
        for name in STORE:
            setattr(self, name, self._again(name))

    def _again(self, name):
        method = getattr(self._store, name)

        def call(*args):
            try:
                return method(*args)
            except (CommitUnknown, StoreUnavailable):
                return method(*args)

        return call


class Loose(Planted):
    """Makes a charge only when it is settled, as one does that counts after it has compared."""

    def __init__(self, store):
        super().__init__(store)
        self._late = []

    def charge(self, charges, now):
        self._late.append((charges, now))
        return [Granted(one.hold, 1, new=True) for one in charges]

    def settle(self, settlements, now):
        while self._late:
            self._store.charge(*self._late.pop())
        self._store.settle(settlements, now)


PLANTED = {one.__name__: one for one in (Hasty, Stale, Early, Forgetful, Split, Generous, Loose, Stubborn)}
