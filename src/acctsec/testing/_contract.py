"""The contract of a store as data: every clause, what a store must have to be asked it, and how it is asked."""

from collections.abc import Callable, Mapping
from enum import Flag, auto
from inspect import iscoroutinefunction
from typing import Any

from attrs import frozen

from acctsec.testing import _meter_clauses, _outbox_clauses, _record_clauses, _worked_clauses
from acctsec.testing._faces import face


class Capability(Flag):
    """
    What a store can do, and so what it is asked.

    ``RECORDS``, ``OUTBOX`` and ``METERS`` are the ports of acctsec.protocols. A store is ``SHARED`` if several processes may
    use it at once, each by a handle of its own: what many do at once is then asked of two handles.
    """

    RECORDS = auto()
    OUTBOX = auto()
    METERS = auto()
    SHARED = auto()


METHODS: Mapping[Capability, tuple[str, ...]] = {
    Capability.RECORDS: ("load", "commit", "drain", "ack", "scan"),
    Capability.OUTBOX: ("waiting", "dead_letters", "revive"),
    Capability.METERS: ("charge", "settle", "read"),
}
WHOLE = Capability.RECORDS | Capability.OUTBOX | Capability.METERS


@frozen
class Stores:
    """How to come by a store: *make* makes one, *again* a second handle of it, and *has* says what it declares to have."""

    make: Callable[[], Any]
    has: Capability
    again: Callable[[Any], Any] | None = None

    def fresh(self) -> Any:
        """A store that was never used, behind a blocking face."""
        return face(self.make, self.again)


@frozen
class Clause:
    """One promise of a store. *ask* raises where it is broken; it takes a store or, where *many* are needed, the way to them."""

    ask: Callable[[Any], None]
    needs: Capability
    many: bool = False

    @property
    def name(self) -> str:
        """Its name, as a word of Python."""
        return self.ask.__name__

    @property
    def sentence(self) -> str:
        """What must hold."""
        return " ".join((self.ask.__doc__ or "").split())

    def hold(self, stores: Stores) -> None:
        """Raise AssertionError, with the sentence, if a fresh store breaks the clause."""
        try:
            if self.many:
                self.ask(stores)
                return
            store = stores.fresh()
            try:
                self.ask(store)
            finally:
                store.finish()
        except Exception as error:
            raise AssertionError(f"The store breaks its contract. {self.sentence} {error!r}") from error


def has_what_it_declares(stores: Stores) -> None:
    """A store must have what it declares, all of it in one form, and declare what it has, or it would not be asked for it."""
    store = stores.fresh()
    try:
        _compare(store.store, stores)
    finally:
        store.finish()


def _compare(store: Any, stores: Stores) -> None:
    forms: dict[bool, list[str]] = {}
    for capability, methods in METHODS.items():
        there = [name for name in methods if callable(getattr(store, name, None))]
        missing = ", ".join(name for name in methods if name not in there)
        port, had = capability.name, ", ".join(there)
        if capability in stores.has:
            assert not missing, f"It declares {port} and has no {missing}. Give it these, or leave {port} out."
        else:
            assert not there, f"It has {had} and does not declare {port}, so nobody asks for them. Declare it, or take them away."
        for name in there:
            forms.setdefault(iscoroutinefunction(getattr(store, name)), []).append(name)
    assert len(forms) < 2, f"{', '.join(forms[True])} are async and {', '.join(forms[False])} are not. Give all one form."
    shared, again = Capability.SHARED in stores.has, stores.again is not None
    assert shared <= again, "It declares SHARED and gives no second handle. Give `open_again`, or leave SHARED out."
    assert again <= shared, "It gives a second handle and does not declare SHARED. Declare it, or leave `open_again` out."


def _clauses() -> tuple[Clause, ...]:
    kinds = Capability
    worked = _worked_clauses
    return (
        Clause(has_what_it_declares, kinds(0), many=True),
        *(Clause(one, kinds.RECORDS) for one in _record_clauses.CLAUSES),
        *(Clause(one, kinds.RECORDS | kinds.OUTBOX) for one in _outbox_clauses.CLAUSES),
        *(Clause(one, kinds.METERS) for one in _meter_clauses.CLAUSES),
        Clause(_meter_clauses.keeps_kinds_apart, kinds.RECORDS | kinds.METERS),
        Clause(worked.handles_show_one_store, kinds.SHARED),
        Clause(worked.commits_have_one_order, kinds.RECORDS),
        Clause(worked.charges_have_one_order, kinds.METERS),
        Clause(worked.one_redemption_wins, kinds.RECORDS, many=True),
        Clause(worked.guesses_get_what_is_free, kinds.METERS, many=True),
    )


CLAUSES: tuple[Clause, ...] = _clauses()
