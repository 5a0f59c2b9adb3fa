"""
Did a store answer many threads and processes as one that takes call after call? Record what it answered, and check it.

``History.record`` writes down every call on a store with its beginning, its end and its answer. ``check_history`` looks for an
order of the calls, each at some instant between its two, in which the contract gives exactly these answers; if there is none, the
store is not linearizable. It sees what was recorded, nothing else, so any store can be judged, also one that many processes
share and one that lost power in between.

Each record, each slot and each outbox entry is judged by itself, which is exact where a call touches one of them: a history
is linearizable if it is so for each object (Herlihy and Wing 1990). Where a call touches more, no more is asked than the
contract promises:

- A charge over several slots is one charge a slot, each at an instant of its own within the call, for the slot is the unit of
  atomicity; those after a refusal must read Untouched and reserve nothing. That one slot was taken before the next
  is not looked at. Taking the slots of a call for one object would condemn every store that keeps them on two servers.
- A commit is one step for its record and its entries: an entry that was handed out shows that its commit happened, and by
  when; a version that was read shows that its entries exist.
- A drain may hand out fewer entries than there are. One that came back short and met no other at its work must have handed
  out all that were due, unless the answer of a drain was lost before and may hold them. The last drain of a history must
  have, in any case, if it began when all else had ended: end a history with one, at an instant when every lease is over.
- A revival of several letters says how many were dead and not which: unless all were, or none, each may have been.
"""

from collections.abc import Iterable

from attrs import frozen

from acctsec.errors import ConfigError
from acctsec.testing._histories import METHODS, Failed, History, Recorded, read_history
from acctsec.testing._judging import NotLinearizable, TooManyOrders, judge
from acctsec.testing._sequential import objects

__all__ = ["Checked", "Failed", "History", "NotLinearizable", "Recorded", "TooManyOrders", "check_history", "read_history"]


@frozen
class Checked:
    """How much was proven: *calls*, of which *lost* had no answer, on *objects*, and in how many *steps* orders were found."""

    calls: int
    lost: int
    objects: int
    steps: int


def check_history(history: Iterable[Recorded], *, limit: int = 500_000) -> Checked:
    """
    Prove that one order of calls explains a *history* that began with an empty store, as acctsec.protocols wants it.

    *limit* is how often the contract is asked what it would answer, an object. Every run asks the same. Raises
    NotLinearizable with the calls that contradict each other, TooManyOrders when *limit* was not enough, and ConfigError for
    a history that cannot be judged: one whose clocks went so far that a store may have collected an idle meter.

    >>> from acctsec.stores import MemoryStore
    >>> history = History()
    >>> store = history.record(MemoryStore())
    >>> store.commit(b"key", None, b"value", (), b"v1"), store.load(b"key")
    (Committed(version=b'v1'), (b'value', b'v1'))
    >>> check_history(history.calls).calls
    2
    """
    calls = sorted(history, key=lambda call: call.begin)
    for call in calls:
        if len(METHODS.get(call.method, ())) != len(call.arguments) or (call.end is not None and call.end < call.begin):
            raise ConfigError(f"{call.method} is no call on a store.", remedy="Record histories with History.record.")
    found = list(objects(calls))
    steps = sum(judge(one, limit) for one in found)
    return Checked(len(calls), sum(call.end is None for call in calls), len(found), steps)
