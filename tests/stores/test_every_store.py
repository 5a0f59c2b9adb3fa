"""Every store of ours, in both forms, by the contract that anybody's store is held to: one test a clause, two handles where it is shared."""

import pytest
from tests.places import SHARED, STORES

from acctsec.testing import Capability, StoreContract


class EveryStore(StoreContract):
    """On a fresh place each; the servers of the session are emptied in between."""

    __test__ = False

    @pytest.fixture(autouse=True)
    def _places(self, places):
        self._place, self._new = None, places.fresh
        yield
        if self._place is not None:
            self._place.close()

    def make_store(self):
        if self._place is not None:
            self._place.close()
        self._place = self._new(self.kind)
        return self.opened()

    def opened(self):
        return self._place.open_async() if self.is_async else Kept(self._place.open())


class Kept:
    """A handle that is not closed: the places keep what is open on a server for the next."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        if name == "close":
            raise AttributeError(name)
        return getattr(self._store, name)


class EverySharedStore(EveryStore):
    """And two handles of it."""

    __test__ = False
    capabilities = EveryStore.capabilities | Capability.SHARED

    def open_again(self, store):
        return self.opened()


def _named(kind, *, is_async):
    """The class of tests of one kind of store, in one form."""
    name = "".join(part.title() for part in kind.replace("+", "-").split("-"))
    base = EverySharedStore if kind in SHARED else EveryStore
    return type(f"Test{'Async' * is_async}{name}", (base,), {"kind": kind, "is_async": is_async, "__module__": __name__})


for _kind in STORES:
    for _form in (False, True):
        _made = _named(_kind, is_async=_form)
        globals()[_made.__name__] = _made
del _made
