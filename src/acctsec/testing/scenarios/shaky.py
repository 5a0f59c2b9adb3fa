"""Ports that fail as a scenario says: a store that forgets its meters or does not answer, and a user table that does not."""

from typing import Any

from acctsec._values import evolve
from acctsec.errors import CommitUnknown, StoreUnavailable
from acctsec.protocols import Account, Ambiguous
from acctsec.testing.doubles import MemoryDirectory

DOWN = "The scenario says so."


class ShakyStore:
    """
    A blocking store whose *trouble* can be set: ``meters-down``, ``records-down`` or ``answers-lost``.

    ``lose_meters`` is what a fail-over does: from then on every meter goes by another name, on whatever store.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._lost = 0
        self.trouble: str | None = None

    def lose_meters(self) -> None:
        """Let every meter begin anew."""
        self._lost += 1

    def close(self) -> None:
        """Close the store, if it can be closed."""
        if hasattr(self._store, "close"):
            self._store.close()

    # --- records ---

    def load(self, key: bytes) -> Any:
        self._unless("records-down")
        return self._store.load(key)

    def commit(self, key: bytes, expected: Any, value: Any, outbox: Any, commit_id: bytes) -> Any:
        self._unless("records-down")
        answer = self._store.commit(key, expected, value, outbox, commit_id)
        if self.trouble == "answers-lost":
            raise CommitUnknown("The answer was lost.", remedy=DOWN)
        return answer

    def drain(self, limit: int, now: Any, lease: Any) -> Any:
        self._unless("records-down")
        return self._store.drain(limit, now, lease)

    def ack(self, ids: Any) -> None:
        self._unless("records-down")
        self._store.ack(ids)

    def scan(self, after: bytes, limit: int) -> Any:
        self._unless("records-down")
        return self._store.scan(after, limit)

    # --- meters ---

    def charge(self, charges: Any, now: int) -> Any:
        self._unless("meters-down")
        return self._store.charge([self._named(one) for one in charges], now)

    def settle(self, settlements: Any, now: int) -> None:
        self._unless("meters-down")
        self._store.settle([self._named(one) for one in settlements], now)

    def read(self, meters: Any, now: int) -> Any:
        self._unless("meters-down")
        return self._store.read([(slot, self._name(meter), ladder) for slot, meter, ladder in meters], now)

    def _named(self, one: Any) -> Any:
        return evolve(one, meter=self._name(one.meter)) if self._lost else one

    def _name(self, meter: bytes) -> bytes:
        return meter + bytes([self._lost]) if self._lost else meter

    def _unless(self, trouble: str) -> None:
        if self.trouble == trouble:
            raise StoreUnavailable("The store does not answer.", remedy=DOWN)


class ShakyDirectory(MemoryDirectory):
    """A user table in memory that does not answer while it is *down*."""

    down: bool = False

    def find(self, tenant: str, identifier: str) -> Account | Ambiguous | None:
        """Look an account up, or raise."""
        self._unless_down()
        return super().find(tenant, identifier)

    def get(self, tenant: str, subject: str) -> Account | None:
        """Look an account up, or raise."""
        self._unless_down()
        return super().get(tenant, subject)

    def _unless_down(self) -> None:
        if self.down:
            raise RuntimeError(DOWN)
