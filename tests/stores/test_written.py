"""What a process remembers of the rows that it wrote."""

from hypothesis import given
from hypothesis import strategies as st

from acctsec.stores import _written
from acctsec.stores._written import Written

SLOTS = st.sampled_from([b"a", b"b", b"c"])


@given(st.lists(st.tuples(SLOTS, st.none() | st.binary(max_size=2))))
def test_a_row_is_told_once_and_as_it_was_written_last(moves):
    """A second settlement is of a row that the first one changed."""
    written, model = Written(), {}
    for slot, row in moves:
        if row is None:
            assert written.take(slot) == model.pop(slot, None)
        else:
            written.keep(slot, row)
            model[slot] = row


def test_no_more_rows_are_kept_than_said(monkeypatch):
    """Whoever charges and never settles fills no memory; the oldest goes."""
    monkeypatch.setattr(_written, "MOST", 3)
    written = Written()
    for number in range(5):
        written.keep(b"%d" % number, b"row")
        written.missed(b"%d" % number)

    assert [written.take(b"%d" % number) for number in range(5)] == [None, None, b"row", b"row", b"row"]
    assert [written.is_crowded(b"%d" % number) for number in range(5)] == [False, False, True, True, True]


def test_a_row_is_crowded_from_a_miss_until_it_is_met_as_it_was_left():
    """One guess that fails is enough until others are gone."""
    written = Written()

    assert not written.is_crowded(b"a")
    written.missed(b"a")
    assert written.is_crowded(b"a")
    written.met(b"a")
    assert not written.is_crowded(b"a")
