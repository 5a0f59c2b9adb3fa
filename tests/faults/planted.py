"""Stores with a fault planted in them, to see that it is found out."""

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


PLANTED = {one.__name__: one for one in (Hasty, Forgetful, Split, Generous, Loose, Stubborn)}
