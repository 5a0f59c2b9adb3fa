"""The contract of a store, as one call and as a class of tests."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from acctsec.protocols import AsyncMeterStore, AsyncRecordStore, MeterStore, RecordStore
from acctsec.testing._contract import CLAUSES, WHOLE, Capability, Clause, Stores
from acctsec.testing._guarded import Guarded

__all__ = ["WHOLE", "AnyStore", "Capability", "StoreContract", "check_store"]

AnyStore = RecordStore | AsyncRecordStore | MeterStore | AsyncMeterStore


def check_store(
    factory: Callable[[], AnyStore | Awaitable[AnyStore]],
    *,
    capabilities: Capability = WHOLE,
    open_again: Callable[[Any], AnyStore | Awaitable[AnyStore]] | None = None,
) -> None:
    """
    Prove that the stores *factory* makes keep the whole contract of ``RecordStore``, ``OutboxStore`` and ``MeterStore``, in
    either form.

    Args:
        factory: returns a fresh, empty store each time it is called, some eighty times; a store with a ``close`` is closed
            afterwards. It may be async.
        capabilities: what the store has; a store of records only, or of meters only, says so, and is asked for no more.
            Default: records, outbox and meters.
        open_again: of a store that several processes may use (``Capability.SHARED``): a second handle of the same store, as
            another process would open it.

    Raises AssertionError with the broken clause as a sentence, also where the store has more or less than it declares. Every
    run asks the same, races apart; it takes a few seconds.

    >>> from acctsec.stores import MemoryStore
    >>> check_store(MemoryStore)
    """
    stores = Stores(factory, capabilities, open_again)
    for clause in CLAUSES:
        if clause.needs in capabilities:
            clause.hold(stores)


def _test(clause: Clause) -> Callable[["StoreContract"], None]:
    def test(self: "StoreContract") -> None:
        self._ask(clause)

    test.__name__ = f"test_{clause.name}"
    test.__qualname__ = f"StoreContract.{test.__name__}"
    test.__doc__ = clause.sentence
    return test


class StoreContract(Guarded, tests=map(_test, CLAUSES), yours=("make_store", "open_again", "capabilities")):
    """
    The contract of a store as a pytest class, one test a clause.

    Subclass it, implement ``make_store``, and declare what your store has. Fixtures reach it as in any other test class. A test
    of the contract that is overridden, removed or skipped fails, unless it is marked ``xfail`` with a reason and does fail; one
    about what the store does not declare is skipped and says so.

    >>> class TestOurStore(StoreContract):
    ...     capabilities = Capability.METERS
    ...
    ...     def make_store(self):
    ...         return OurMeters("postgresql://...")
    """

    capabilities: ClassVar[Capability] = WHOLE
    """What the store has. Default: records, outbox and meters."""

    def make_store(self) -> Any:
        """
        A fresh, empty store, of either form. May be async. It is closed after its test if it has a ``close``.

        Raises NotImplementedError until a subclass gives its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no make_store: let it return a fresh, empty store.")

    def open_again(self, store: Any) -> Any:
        """Another handle of *store*, as another process would open it: for ``Capability.SHARED`` only. May be async."""
        raise NotImplementedError(f"{type(self).__name__} has no open_again: let it return a second handle of {store!r}.")

    def _ask(self, clause: Clause) -> None:
        if clause.needs not in self.capabilities:
            from acctsec.testing._guard_plugin import NotAsked

            missing = clause.needs & ~self.capabilities
            raise NotAsked(f"{type(self).__name__} does not declare {missing.name}: {clause.sentence}")
        again = None if type(self).open_again is StoreContract.open_again else self.open_again
        clause.hold(Stores(self.make_store, self.capabilities, again))
