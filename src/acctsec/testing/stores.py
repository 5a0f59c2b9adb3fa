"""The contract of a store, as one call."""

from collections.abc import Callable

from acctsec.protocols import AsyncMeterStore, AsyncRecordStore, MeterStore, RecordStore
from acctsec.testing._faces import face
from acctsec.testing._meter_clauses import CLAUSES as METER_CLAUSES
from acctsec.testing._outbox_clauses import CLAUSES as OUTBOX_CLAUSES
from acctsec.testing._record_clauses import CLAUSES as RECORD_CLAUSES

AnyStore = RecordStore | AsyncRecordStore | MeterStore | AsyncMeterStore


def check_store(factory: Callable[[], AnyStore]) -> None:
    """
    Prove that the stores *factory* makes keep the whole contract of ``RecordStore``, ``OutboxStore`` and ``MeterStore``, in
    either form.

    *factory* returns a fresh, empty store each time it is called, and is called once a clause; a store with a ``close``
    is closed afterwards. A store of records only, or of meters only, is held to its half, and one that does not show its
    outbox to what it has. Raises AssertionError with the broken clause as a sentence. Every run asks the same, races apart;
    it takes a few seconds.

    >>> from acctsec.stores import MemoryStore
    >>> check_store(MemoryStore)
    """
    for method, clauses in (("commit", RECORD_CLAUSES), ("dead_letters", OUTBOX_CLAUSES), ("charge", METER_CLAUSES)):
        for clause in clauses:
            store = face(factory())
            try:
                if hasattr(store.store, method):
                    clause(store)
            except Exception as error:
                raise AssertionError(f"The store breaks its contract. {clause.__doc__} {error!r}") from error
            finally:
                store.finish()
