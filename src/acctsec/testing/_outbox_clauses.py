"""What a store owes to those who look into its outbox: one function a clause, its sentence as docstring."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from acctsec.protocols import MAX_ATTEMPTS, Backlog, Drained, Letters
from acctsec.testing._record_clauses import LEASE, NOW, RACERS, version

LATER = NOW + LEASE * 2**MAX_ATTEMPTS
"""When nothing is hidden any more that was handed out ten times from NOW on."""


def counts_what_waits(store: Any) -> None:
    """What waits must be counted as due, hidden or dead at that instant, with the oldest that is due; looking changes nothing."""
    assert store.waiting(NOW) == Backlog(0, 0, 0, None), "Something waits where nothing was committed."
    store.commit(b"key", None, b"value", [b"one", b"two", b"three"], version(1))
    store.commit(b"other", None, None, [b"four", b"five"], version(2))
    assert store.waiting(NOW) == Backlog(5, 0, 0, b"one")
    assert store.waiting(NOW) == Backlog(5, 0, 0, b"one"), "Looking changed what waits."
    handed = store.drain(2, NOW, LEASE)
    early = NOW + LEASE - timedelta(seconds=1)
    assert store.waiting(early) == Backlog(3, 2, 0, b"three"), "What has a lease is not hidden."
    assert store.waiting(NOW + LEASE) == Backlog(5, 0, 0, b"one"), "What comes again is not due."
    store.ack([one.id for one in handed])
    _die(store, 1)
    assert store.waiting(LATER) == Backlog(2, 0, 1, b"four"), "A dead letter is not counted, or counted as something else too."
    assert _entries(store, LATER) == [b"four", b"five"], "Looking changed what is handed out next."
    assert store.waiting(LATER) == Backlog(0, 2, 1, None)


def tells_the_dead(store: Any) -> None:
    """Dead letters, all and only they, must be told in the order of their ids, in pages that keep the limit."""
    assert _told(store, 3) == [], "A dead letter is told where none is."
    entries = [b"%d" % number for number in range(7)]
    for number, entry in enumerate(entries):
        store.commit(b"key %d" % (number % 3), None, None, [entry, b"alive" + entry], version(number))
    handed = [one for one in _die(store, 14) if not one.entry.startswith(b"alive")]
    alive = [one.id for one in store.dead_letters(b"", 99).letters if one.entry.startswith(b"alive")]
    assert store.revive(alive) == 7
    expected = sorted((one.id, one.entry) for one in handed)
    for limit in (1, 2, 7, 99):
        told = _told(store, limit)
        assert [(one.id, one.entry) for one in told] == expected, f"In pages of {limit} it tells something else than is dead."
        assert {one.attempts for one in told} == {MAX_ATTEMPTS}, "A dead letter was not handed out ten times."
    for id_, entry in expected:
        found = store.dead_letters(id_, 1).letters
        assert [(one.id, one.entry) for one in found] == [(id_, entry)], "A letter is not found from its own id on."
    assert store.dead_letters(b"\xff" * 32, 9).letters == (), "Something is told behind every id."


def tells_many_of_one_commit(store: Any) -> None:
    """Dead letters of one commit must be told one by one like those of several."""
    entries = [b"%02d" % number for number in range(30)]
    store.commit(b"key", None, None, entries, version(1))
    ids = sorted(one.id for one in _die(store, 30))
    for limit in (1, 4, 29, 30, 31):
        assert [one.id for one in _told(store, limit)] == ids, f"In pages of {limit} some are missing, or told twice."


def revives_the_dead(store: Any) -> None:
    """A dead letter that is revived must be due in its old place, with all its tries; what is not dead must stay as it is."""
    store.commit(b"key", None, None, [b"one", b"two"], version(1))
    one, two = _die(store, 2)
    store.commit(b"key", None, None, [b"waits", b"leased"], version(2))
    [waits, leased] = store.drain(2, LATER, LEASE)
    store.commit(b"key", None, None, [b"three"], version(3))
    assert store.revive([]) == 0
    assert store.revive([b"", b"unknown", b"\xff" * 24, leased.id]) == 0, "What is not dead was revived."
    assert store.waiting(LATER) == Backlog(1, 2, 2, b"three"), "Reviving took a lease away."
    assert store.revive([one.id, one.id, leased.id]) == 1, "It does not say how many were dead."
    assert store.revive([one.id]) == 0, "What lives was revived."
    assert store.waiting(LATER) == Backlog(2, 2, 1, b"one"), "What was revived is not due in its old place."
    store.ack([waits.id])
    again, *_ = store.drain(9, NOW, LEASE)
    assert (again.id, again.entry, again.attempts) == (one.id, b"one", 0), f"It came back as {again}."
    now = NOW
    for attempt in range(1, MAX_ATTEMPTS):
        now += LEASE * 2 ** (attempt - 1)
        again = next(found for found in store.drain(9, now, LEASE) if found.id == one.id)
        assert again.attempts == attempt, "A revived letter has not all its tries."
    dead = {found.entry for found in _told(store, 9)}
    assert {b"one", b"two"} <= dead, "A letter that died again is not dead."
    store.ack([two.id])
    assert b"two" not in {found.entry for found in _told(store, 9)}, "A letter was let go of, and is told."
    assert store.revive([two.id]) == 0, "What was let go of was revived."


def deleting_takes_the_dead(store: Any) -> None:
    """Deleting a record must take its dead letters with it, and no others."""
    store.commit(b"key", None, b"value", [b"of the record"], version(1))
    store.commit(b"other", None, b"value", [b"of another"], version(2))
    one, other = _die(store, 2)
    store.commit(b"key", version(1), None, [b"farewell"], version(3))
    assert [found.id for found in _told(store, 9)] == [other.id]
    assert store.revive([one.id, other.id]) == 1
    assert _entries(store, LATER) == [b"of another", b"farewell"]


def one_reviver_revives(store: Any) -> None:
    """Of all that revive a letter at once, one must be told that it was dead, and one worker be handed it."""
    entries = [b"%02d" % number for number in range(20)]
    store.commit(b"key", None, None, entries, version(1))
    ids = [one.id for one in _die(store, 20)]
    assert sum(store.together([("revive", (ids,))] * RACERS)) == len(ids)
    handed = store.together([("drain", (3, NOW, LEASE))] * RACERS)
    assert sorted(one.entry for drained in handed for one in drained) == entries


CLAUSES: tuple[Callable[[Any], None], ...] = (
    counts_what_waits,
    tells_the_dead,
    tells_many_of_one_commit,
    revives_the_dead,
    deleting_takes_the_dead,
    one_reviver_revives,
)


def _die(store: Any, number: int) -> Sequence[Drained]:
    """Hand the oldest entries out until they are dead; answers their last hand-out."""
    handed: Sequence[Drained] = ()
    now = NOW
    for attempt in range(MAX_ATTEMPTS):
        handed = store.drain(number, now, LEASE)
        assert len(handed) == number, f"{len(handed)} entries were handed out at attempt {attempt}, and {number} are due."
        assert {one.attempts for one in handed} == {attempt}, "Others are handed out than before."
        now += LEASE * 2**attempt
    return handed


def _told(store: Any, limit: int) -> list[Drained]:
    found: list[Drained] = []
    after: bytes | None = b""
    for _ in range(1_000):
        page = store.dead_letters(after, limit)
        assert isinstance(page, Letters), f"The dead are told as {type(page).__name__}."
        assert len(page.letters) <= limit, f"A page has {len(page.letters)} letters, and {limit} were asked for."
        found += page.letters
        after = page.after
        if after is None:
            return found
    raise AssertionError("The pages go round in circles.")


def _entries(store: Any, now: datetime) -> list[bytes]:
    return [drained.entry for drained in store.drain(99, now, LEASE)]
