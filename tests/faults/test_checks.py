"""What the checks of this folder would say of a store that lies: each of them can fail."""

import pytest
from tests.faults.crew import SECOND, check_records, lost
from tests.faults.worker import METER, NOW, WIDE

from acctsec import MemoryStore
from acctsec.protocols import Charge, Committed, Conflict, Granted
from acctsec.testing import NotLinearizable, Recorded


def commit(begin, version, expected=None, *, answered=True, answer=None, key=b"key"):
    arguments = (key, expected, b"value by " + version, (b"mail by " + version, b"copy by " + version), version)
    return Recorded(
        "w", "commit", arguments, begin, begin + 5 if answered else None, answer or (Committed(version) if answered else None)
    )


def load(begin, version, *, key=b"key"):
    return Recorded("r", "load", (key,), begin, begin + 5, version and (b"value by " + version, version))


def store_after(*calls, without=()):
    """A store in which those commits were made, but for the entries *without*."""
    store = MemoryStore()
    for call in calls:
        key, expected, value, outbox, version = call.arguments
        store.commit(key, expected, value, [entry for entry in outbox if entry not in without], version)
    return store


FIRST, SECOND_ = commit(0, b"1"), commit(10, b"2", b"1")
OPEN = commit(10, b"2", b"1", answered=False)


def test_what_is_right_is_accepted():
    assert check_records([FIRST, SECOND_, load(20, b"2")], store_after(FIRST, SECOND_)) == (0, 0)
    assert check_records([FIRST, OPEN, load(20, b"2")], store_after(FIRST, OPEN)) == (1, 1)
    assert check_records([FIRST, OPEN, load(20, b"1")], store_after(FIRST)) == (1, 0)


@pytest.mark.parametrize(
    ("calls", "store"),
    [
        ([FIRST, SECOND_], store_after(FIRST)),
        ([FIRST, SECOND_], store_after(FIRST, SECOND_, without=SECOND_.arguments[3])),
        ([FIRST, SECOND_], store_after(FIRST, SECOND_, without=SECOND_.arguments[3][:1])),
        ([FIRST, OPEN], store_after(FIRST, OPEN, without=OPEN.arguments[3])),
        ([FIRST, OPEN, load(20, b"1")], store_after(FIRST, OPEN, commit(0, b"9", b"2"))),
        ([FIRST, SECOND_, load(20, b"1")], store_after(FIRST, SECOND_)),
        ([FIRST, commit(10, b"3", answer=Conflict())], store_after(FIRST, commit(10, b"3", key=b"other"))),
    ],
    ids=[
        "an answered commit that is gone",
        "a commit without its entries",
        "a commit with half of its entries",
        "an open commit whose record alone is there",
        "a record of nobody",
        "a stale read",
        "the entries of a conflict",
    ],
)
def test_what_is_wrong_is_found_out(calls, store):
    with pytest.raises((AssertionError, NotLinearizable)):
        check_records(calls, store)


def counted(*answered, unknown=0):
    """A history of charges answered at those instants, and a store that counted them."""
    store, calls = MemoryStore(), []
    for number, at in enumerate([*answered, *[None] * unknown]):
        charge = Charge(b"slot 0", METER, WIDE, None, b"%d" % number)
        calls.append(Recorded("w", "charge", ((charge,), NOW), number, at, at and (Granted(None, 1, new=True),)))
        if at:
            store.charge([charge], NOW)
    return calls, store


def test_a_charge_may_be_lost_shortly_before_the_end_and_at_no_other_time():
    calls, store = counted(1 * SECOND, 2 * SECOND, 9 * SECOND, unknown=1)
    assert lost(calls, store, ["slot 0"], killed=10 * SECOND, within=2) == 0
    _, one_less = counted(1 * SECOND, 2 * SECOND)
    assert lost(calls, one_less, ["slot 0"], killed=10 * SECOND, within=2) == 1
    _, two_less = counted(1 * SECOND)
    with pytest.raises(AssertionError):
        lost(calls, two_less, ["slot 0"], killed=10 * SECOND, within=2)
    _, too_many = counted(*[SECOND] * 5)
    with pytest.raises(AssertionError):
        lost(calls, too_many, ["slot 0"], killed=10 * SECOND, within=2)
