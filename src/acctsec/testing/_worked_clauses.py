"""What a store owes to many who use it at once: their answers have an order, and no flow does more than it may."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import evolve

from acctsec.budgets import Rungs
from acctsec.claims import ResetLink
from acctsec.outcomes import PasswordChanged
from acctsec.protocols import Charge, Granted, Ladder, Settle, Settlement
from acctsec.stores import MemoryStore, SplitStore
from acctsec.testing._faces import Work
from acctsec.testing._record_clauses import LEASE, version
from acctsec.testing.linearizability import History, TooManyOrders, check_history
from acctsec.testing.races import explore
from acctsec.testing.turns import RACING, Flow, RaceWorld, race_world

WORKERS, ROUNDS, ATTEMPTS = 4, 12, 3
MINUTE = timedelta(minutes=1)
NOW = datetime(2025, 1, 1, tzinfo=UTC)
LATEST = NOW + timedelta(days=365)
MOMENT = 1_750_000_000_000_000
LADDER = Ladder(free=6, first=1_000_000, longest=5_000_000, stop=30, window=0, lease=2_000_000)
"""So short that leases lapse and rests end while we watch."""


# --- what is recorded and judged --------------------------------------------------------------------------------------


def commits_have_one_order(store: Any) -> None:
    """What many that commit, read, drain and acknowledge at once are answered must be what one after the other could be."""
    _has_an_order(store, _commits, _last_of_records)


def charges_have_one_order(store: Any) -> None:
    """What many that charge, settle and read at once are answered must be what one after the other could be."""
    _has_an_order(store, _charges, _last_of_meters)


def _has_an_order(store: Any, work: Callable[[bytes], Work], last: Callable[[bytes], Work]) -> None:
    """Of one history or two nobody can say: another is made then, of other records."""
    for attempt in range(ATTEMPTS):
        history = History()
        store.play([work(b"%d %d" % (attempt, worker)) for worker in range(WORKERS)], history.record)
        store.alone(0).play([last(b"%d" % attempt)], history.record)
        try:
            check_history(history.calls)
        except TooManyOrders:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _commits(name: bytes) -> Work:
    """Commits from what was read, or from what was read before; now and then a drain, an ack and a delete."""
    key = b"key " + name[:1]
    handed: list[bytes] = []
    held: bytes | None = None
    for number in range(ROUNDS):
        if number % 4 != 3:
            loaded = yield "load", (key,)
            held = loaded[1] if loaded else None
        tag = b"%s/%d" % (name, number)
        value = None if number == 7 and held is not None else b"by " + tag
        yield "commit", (key, held, value, [b"mail by " + tag], tag)
        if number % 3 == 1:
            drained = yield "drain", (3, NOW + number * LEASE / 4, LEASE)
            handed += [one.id for one in drained]
        if number % 3 == 2 and handed:
            yield "ack", ([handed.pop()],)


def _last_of_records(name: bytes) -> Work:
    """Everything that is left: the outbox to its end, at an instant when every lease is over."""
    yield "load", (b"key " + name,)
    drained: Sequence[Any] = (None,)
    while drained:
        drained = yield "drain", (99, LATEST, LEASE)
        yield "ack", ([one.id for one in drained],)


def _charges(name: bytes) -> Work:
    """Charges of candidates that some share, over one slot and over two, and settlements of what was granted."""
    slots = [b"slot %s %d" % (name[:1], number) for number in range(2)]
    held: list[Settlement] = []
    for number in range(ROUNDS):
        now = MOMENT + number * LADDER.lease // 4
        candidate = number if number % 2 else int.from_bytes(name)
        asked = [
            Charge(slot, b"!own", LADDER, candidate, b"%s/%d/%d" % (name, number, part))
            for part, slot in enumerate(slots if number % 4 == 0 else slots[:1])
        ]
        readings = yield "charge", (asked, now)
        held += [
            Settlement(one.slot, one.meter, LADDER, reading.hold, (Settle.FAILED, Settle.VOID, Settle.CLEAR)[number % 3])
            for one, reading in zip(asked, readings, strict=True)
            if isinstance(reading, Granted) and reading.hold
        ]
        if number % 3 == 2 and held:
            yield "settle", ([held.pop(0)], now)


def _last_of_meters(name: bytes) -> Work:
    yield "read", ([(b"slot %s %d" % (name, number), b"!own", LADDER) for number in range(2)], MOMENT + 60_000_000)


# --- what several handles show ----------------------------------------------------------------------------------------


def handles_show_one_store(store: Any) -> None:
    """What one handle wrote another must read at once, as an engine in another process would, whatever it read before."""
    one, other = store.alone(0), store.alone(1)
    if hasattr(store.store, "commit"):
        assert other.load(b"key") is None
        one.commit(b"key", None, b"value", [b"entry"], version(1))
        assert other.load(b"key") == (b"value", version(1)), "A handle does not read what another committed."
        other.commit(b"key", version(1), b"changed", (), version(2))
        assert one.load(b"key") == (b"changed", version(2)), "A handle reads what it committed before another changed it."
        assert [found.entry for found in other.drain(9, NOW, LEASE)] == [b"entry"]
        assert list(one.drain(9, NOW, LEASE)) == [], "What one handle hands out another hands out too."
    if hasattr(store.store, "charge"):
        for number, handle in enumerate((one, other) * LADDER.free):
            (reading,) = handle.charge([Charge(b"slot", b"m", LADDER, number, version(number))], MOMENT)
            granted = isinstance(reading, Granted)
            assert granted == (number < LADDER.free), f"{number} charges by two handles, {LADDER.free} are free: {reading}"


# --- flows of ours on it, in every order ------------------------------------------------------------------------------


def one_redemption_wins(stores: Any) -> None:
    """Of two that redeem one reset link at once, one alone may change the password, in whatever order their calls come."""

    def begin(world: RaceWorld) -> None:
        world.reset_link("ada@example.org")

    def race(world: RaceWorld) -> list[Flow]:
        link = ResetLink(world.messenger.link)
        return [world.engine.redeem_reset(link, f"a wholly new phrase {n}", context=world.context()) for n in (1, 2)]

    def check(_: RaceWorld, answers: list[Any]) -> None:
        changed = sum(isinstance(answer, PasswordChanged) for answer in answers)
        assert changed == 1, f"{changed} redemptions of one link changed the password."

    _explored(stores.fresh, begin, race, check)


def guesses_get_what_is_free(stores: Any) -> None:
    """Of two wrong passwords at once where one guess is free, one alone may be compared, in whatever order their calls come."""

    def begin(world: RaceWorld) -> None:
        world.comparisons.guesses.clear()

    def race(world: RaceWorld) -> list[Flow]:
        tries = (("198.51.100.1", "guess 1"), ("198.51.100.2", "guess 2"))
        return [world.engine.sign_in("ada@example.org", guess, context=world.context(source)) for source, guess in tries]

    def check(world: RaceWorld, _: list[Any]) -> None:
        compared = len(world.comparisons.guesses)
        assert compared == 1, f"{compared} guesses were compared where one is free."

    _explored(stores.fresh, begin, race, check)


NARROW = evolve(
    RACING,
    name="narrow",
    lockout=evolve(RACING.lockout, strangers=Rungs(free=1, first=MINUTE, longest=5 * MINUTE, stop=6)),
)


def _explored(
    fresh: Callable[[], Any],
    begin: Callable[[RaceWorld], None],
    race: Callable[[RaceWorld], list[Flow]],
    check: Callable[[RaceWorld, list[Any]], None],
) -> None:
    """Every order, each on a store of its own; what only half a store keeps is kept in memory."""
    opened: list[Any] = []

    def make_world() -> RaceWorld:
        while opened:
            opened.pop().finish()
        opened.append(fresh())
        world = race_world(policy=NARROW, store=_completed(opened[0]))
        world.sign_up("ada", "ada@example.org")
        begin(world)
        return world

    try:
        explore(make_world, race, check)
    finally:
        while opened:
            opened.pop().finish()


def _completed(face: Any) -> Any:
    """A whole store, in one place and in the blocking form."""
    if not hasattr(face.store, "charge"):
        return SplitStore(records=face, meters=MemoryStore())
    if not hasattr(face.store, "commit"):
        return SplitStore(records=MemoryStore(), meters=face)
    return face
