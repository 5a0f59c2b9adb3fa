"""What a store owes to records and to the outbox: one function a clause, its sentence as docstring."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from acctsec.protocols import MAX_ATTEMPTS, Committed, Conflict, Page

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=60)
RACERS = 16

AWKWARD = (
    *(b"", b"\0", b"\0\0", b"a", b"A", b"a\0", b"a\0b", b"a b", b"a:b", b"a/b", b"a\\b", b"ab", b"a ", b" a", b"a\n"),
    *(b"%", b"_", b"*", b"?", b"{a}", b"'a'", b'"', b"\xff", b"\xff\xfe", b"\xc3\xa9", b"e\xcc\x81", b"0", b"00", b"0.0"),
    *(b"k" * 512, b"k" * 511 + b"l", b"\0" * 512, b"\xff" * 512),
)
"""Keys that a careless store takes for each other."""


def version(number: int) -> bytes:
    """A commit id of the usual length."""
    return number.to_bytes(16)


def reads_back(store: Any) -> None:
    """A record must read back exactly as it was committed, under the commit's id, and one never committed as None."""
    assert store.load(b"key") is None
    for number, value in enumerate((b"", b"\0", b"value", bytes(range(256)) * 64, b""), start=1):
        expected = None if number == 1 else version(number - 1)
        answer = store.commit(b"key", expected, value, (), version(number))
        assert answer == Committed(version(number)), f"A commit of {len(value)} bytes answered {answer}."
        found = store.load(b"key")
        assert found == (value, version(number)), f"{len(value)} bytes did not read back."
        assert {type(part) for part in found} == {bytes}, f"It reads back as {[type(part).__name__ for part in found]}."


def swaps_from_the_right_version_only(store: Any) -> None:
    """A commit must succeed from the version that is there and from no other, and a lost one must change nothing."""
    assert store.commit(b"key", version(7), b"new", (), version(1)) == Conflict(), "It swapped a missing record."
    assert store.load(b"key") is None
    store.commit(b"key", None, b"one", (), version(1))
    store.commit(b"key", version(1), b"two", (), version(2))
    near = [bytes(byte ^ (place == at) for place, byte in enumerate(version(2))) for at in range(16)]
    for wrong in (version(1), version(9), *near, version(2)[:-1], version(2) + b"\0", b"", None):
        assert store.commit(b"key", wrong, b"three", (), version(3)) == Conflict(), f"It swapped from {wrong!r}."
        if wrong is not None:
            assert store.commit(b"key", wrong, None, (), version(3)) == Conflict(), f"It deleted from {wrong!r}."
    assert store.load(b"key") == (b"two", version(2))


def inserts_once(store: Any) -> None:
    """A commit without an expected version must create, never overwrite, even with the value that is there."""
    store.commit(b"key", None, b"one", (), version(1))
    assert store.commit(b"key", None, b"one", (), version(2)) == Conflict()
    assert store.load(b"key") == (b"one", version(1))


def versions_never_repeat(store: Any) -> None:
    """A version must never come back: an old one conflicts for ever, also after a delete and a new beginning."""
    store.commit(b"key", None, b"one", (), version(1))
    assert store.commit(b"key", None, b"one", (), version(1)) == Conflict(), "A repeated commit id was taken twice."
    store.commit(b"key", version(1), b"two", (), version(2))
    assert store.commit(b"key", version(1), b"two", (), version(2)) == Conflict(), "A repeated commit id was taken twice."
    assert store.commit(b"key", version(2), b"x", (), version(2)) == Conflict(), "A version was to follow itself."
    store.commit(b"key", version(2), None, (), version(3))
    assert store.load(b"key") is None, "A deleted record was read."
    assert store.commit(b"key", version(2), b"x", (), version(4)) == Conflict(), "A version outlived its record."
    assert store.commit(b"key", version(3), b"x", (), version(4)) == Conflict(), "A delete became a version."
    assert store.commit(b"key", None, b"one", (), version(5)) == Committed(version(5))
    assert store.commit(b"key", version(1), b"x", (), version(6)) == Conflict(), "A version outlived its record."
    assert store.load(b"key") == (b"one", version(5))


def keys_are_exact(store: Any) -> None:
    """Keys must be told apart byte by byte, whatever bytes they hold."""
    for number, key in enumerate(AWKWARD, start=1):
        answer = store.commit(key, None, b"value of " + key, (), version(number))
        assert answer == Committed(version(number)), f"The key {key[:20]!r} was taken for another."
    for number, key in enumerate(AWKWARD, start=1):
        assert store.load(key) == (b"value of " + key, version(number)), f"The key {key[:20]!r} was taken for another."


def outbox_belongs_to_the_commit(store: Any) -> None:
    """Entries must appear exactly if their commit happened, and a commit without value and version only appends."""
    every = bytes(range(256)) * 16
    entries = [b"one", b"", b"\0three", every]
    store.commit(b"key", None, b"value", entries, version(1))
    entries.append(b"never sent")
    assert store.commit(b"key", None, b"value", [b"lost"], version(2)) == Conflict()
    assert store.commit(b"key", version(9), b"value", [b"lost"], version(2)) == Conflict()
    assert store.commit(b"key", version(9), None, [b"lost"], version(2)) == Conflict()
    for key in (b"key", b"other"):
        assert isinstance(store.commit(key, None, None, [b"appended to " + key], version(3)), Committed)
    assert store.load(b"key") == (b"value", version(1)), "Appending touched the record."
    assert store.load(b"other") is None, "Appending made a record."
    expected = [b"one", b"", b"\0three", every, b"appended to key", b"appended to other"]
    assert sorted(_entries(store, NOW)) == sorted(expected), "The outbox holds something else than was committed."


def drains_oldest_first(store: Any) -> None:
    """Entries must be handed out oldest first, within the limit, each under an id of its own."""
    for number in range(12):
        store.commit(b"key %d" % (-number % 5), None, None, [b"%d" % number, b"%d again" % number], version(number))
    assert list(store.drain(0, NOW, LEASE)) == [], "A limit of 0 handed something out."
    drained = [*store.drain(5, NOW, LEASE), *store.drain(4, NOW, LEASE), *store.drain(99, NOW, LEASE)]
    expected = [entry for number in range(12) for entry in (b"%d" % number, b"%d again" % number)]
    assert [one.entry for one in drained] == expected, "The order is wrong, or something is missing."
    assert len({one.id for one in drained}) == len(drained), "Two entries have one id."
    assert {one.attempts for one in drained} == {0}, "A first hand-out counts attempts before it."


def hides_for_its_lease(store: Any) -> None:
    """What was handed out must stay hidden for its lease, doubled at each attempt, and return exactly then."""
    store.commit(b"key", None, None, [b"entry"], version(1))
    now, ids = NOW, set()
    for attempt in range(4):
        (drained,) = store.drain(9, now, LEASE)
        ids.add(drained.id)
        assert (drained.entry, drained.attempts) == (b"entry", attempt), f"Attempt {attempt} reads {drained}."
        now += LEASE * 2**attempt
        early = now - timedelta(seconds=1)
        assert list(store.drain(9, early, LEASE)) == [], f"Attempt {attempt} came back before its lease was over."
    assert len(ids) == 1, "An entry changed its id."


def hides_from_a_clock_that_is_behind(store: Any) -> None:
    """What is due again must not be handed to who looks at an earlier instant, whoever looked at a later one before."""
    store.commit(b"key", None, None, [b"first", b"second"], version(1))
    assert _entries(store, NOW, limit=2) == [b"first", b"second"]
    assert _entries(store, NOW + LEASE, limit=1) == [b"first"]
    assert _entries(store, NOW + LEASE / 2, limit=2) == [], "An entry came back before its lease was over."
    assert _entries(store, NOW + LEASE, limit=2) == [b"second"], "An entry was lost, as somebody looked too early."


def buries_dead_letters(store: Any) -> None:
    """An entry must be handed out ten times and no more, and must not keep others from being handed out."""
    store.commit(b"key", None, None, [b"dead"], version(1))
    now = NOW
    for attempt in range(MAX_ATTEMPTS):
        assert _entries(store, now, limit=1) == [b"dead"], f"Attempt {attempt} was not made."
        now += LEASE * 2**attempt
    store.commit(b"key", None, None, [b"alive"], version(2))
    assert _entries(store, now + timedelta(days=999), limit=1) == [b"alive"]


def acknowledges(store: Any) -> None:
    """What was acknowledged must never return, and nothing else must go; acknowledging again changes nothing."""
    store.ack([])
    store.ack([b"", b"unknown", b"\xff" * 24])
    store.commit(b"key", None, None, [b"one", b"two", b"three"], version(1))
    one, two, three = store.drain(9, NOW, LEASE)
    store.ack([one.id, three.id])
    store.ack([one.id])
    assert _entries(store, NOW + LEASE) == [b"two"]
    store.ack([two.id])
    store.commit(b"key", None, None, [b"four"], version(2))
    store.ack([one.id, two.id, three.id])
    assert _entries(store, NOW + 9 * LEASE) == [b"four"], "An id was used again."


def deleting_purges(store: Any) -> None:
    """Deleting a record must take its undelivered entries with it, leased or not, and then append its own."""
    store.commit(b"key", None, b"value", [b"leased", b"waiting"], version(1))
    store.drain(1, NOW, LEASE)
    store.commit(b"other", None, b"value", [b"of another"], version(2))
    store.commit(b"key", None, None, [b"appended"], version(3))
    assert store.commit(b"key", version(9), None, [b"lost"], version(4)) == Conflict()
    assert isinstance(store.commit(b"key", version(1), None, [b"farewell"], version(4)), Committed)
    assert _entries(store, NOW + LEASE) == [b"of another", b"farewell"]
    assert store.load(b"other") == (b"value", version(2))


def one_racer_wins(store: Any) -> None:
    """Of all that commit from one version at once exactly one must win, and only its entry exists."""
    expected, winners = None, []
    for turn in range(12):
        ids = [version(turn * RACERS + racer + 1) for racer in range(RACERS)]
        answers = store.together([("commit", (b"key", expected, b"by " + id_, [id_], id_)) for id_ in ids])
        won = [id_ for id_, answer in zip(ids, answers, strict=True) if answer == Committed(id_)]
        assert len(won) == 1, f"{len(won)} of {RACERS} won."
        assert answers.count(Conflict()) == RACERS - 1
        expected = won[0]
        winners.append(expected)
        assert store.load(b"key") == (b"by " + expected, expected), "It is not the winner's record that is read."
    assert _entries(store, NOW) == winners, "The outbox does not hold exactly what the winners appended."


def one_worker_gets_it(store: Any) -> None:
    """Of all that drain at once, one must be handed each entry."""
    entries = [b"%d" % number for number in range(40)]
    store.commit(b"key", None, None, entries, version(1))
    handed = store.together([("drain", (7, NOW, LEASE))] * RACERS)
    assert sorted(one.entry for drained in handed for one in drained) == sorted(entries)


def scan_names_every_record(store: Any) -> None:
    """A scan must name every record, byte by byte, in pages that keep the limit, and nothing else; and it must end."""
    assert _scanned(store, 3) == [], "A scan of nothing names something."
    keys = {*AWKWARD, *(b"key %d" % number for number in range(200))}
    for number, key in enumerate(sorted(keys), start=1):
        store.commit(key, None, b"value", [b"entry"], version(number))
    store.commit(b"appended to", None, None, [b"entry"], version(999))
    store.commit(b"deleted", None, b"value", (), version(1000))
    store.commit(b"deleted", version(1000), None, (), version(1001))
    for limit in (1, 7, 10_000):
        assert set(_scanned(store, limit)) == keys, f"In pages of {limit} it names something else than is there."


def scan_bears_with_writers(store: Any) -> None:
    """Whatever is there from the first page of a scan to the last must be named, however much comes, changes and goes."""
    for number in range(60):
        store.commit(b"stays %d" % number, None, b"value", (), version(number))
        store.commit(b"goes %d" % number, None, b"value", (), version(number))
    found: set[bytes] = set()
    after: bytes | None = b""
    for turn in range(10_000):
        page = store.scan(after, 5)
        found |= set(page.keys)
        after = page.after
        if after is None:
            break
        if turn < 60:
            store.commit(b"stays %d" % turn, version(turn), b"changed", (), version(1000 + turn))
            store.commit(b"comes %d" % turn, None, b"value", (), version(3000 + turn))
            for number in range(4 * turn, min(4 * turn + 4, 60)):
                store.commit(b"goes %d" % number, version(number), None, (), version(2000 + number))
    assert after is None, "A scan goes round in circles."
    stays = {b"stays %d" % number for number in range(60)}
    assert stays <= found, "A record that was there all along was not named."
    assert all(key.startswith((b"stays", b"goes", b"comes")) for key in found), "What was never there was named."


CLAUSES: tuple[Callable[[Any], None], ...] = (
    reads_back,
    swaps_from_the_right_version_only,
    inserts_once,
    versions_never_repeat,
    keys_are_exact,
    outbox_belongs_to_the_commit,
    drains_oldest_first,
    hides_for_its_lease,
    hides_from_a_clock_that_is_behind,
    buries_dead_letters,
    acknowledges,
    deleting_purges,
    one_racer_wins,
    one_worker_gets_it,
    scan_names_every_record,
    scan_bears_with_writers,
)


def _scanned(store: Any, limit: int) -> list[bytes]:
    found: list[bytes] = []
    after: bytes | None = b""
    for _ in range(10_000):
        page = store.scan(after, limit)
        assert isinstance(page, Page), f"A scan answered with {type(page).__name__}."
        assert len(page.keys) <= limit, f"A page has {len(page.keys)} keys, and {limit} were asked for."
        found += page.keys
        after = page.after
        if after is None:
            return found
    raise AssertionError("A scan goes round in circles.")


def _entries(store: Any, now: datetime, limit: int = 99) -> list[bytes]:
    return [drained.entry for drained in store.drain(limit, now, LEASE)]
