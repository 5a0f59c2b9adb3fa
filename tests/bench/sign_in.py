"""P1, P2, P3, P19, P20: what a sign-in costs beside its hash, and whether anything can be told from how long it takes."""

import os
import random
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from tests.bench import peers, raw, world
from tests.bench.table import BENCH, Row, percent, si
from tests.bench.timing import Figure, Pace, Prepared, interleaved

from acctsec import Context, HashingPolicy, MemoryStore, SignedIn, SqliteStore
from acctsec.hashing import Argon2Parameters

NAMES = 500


def successes(store, users, keys, *, people: int = NAMES):
    """One right sign-in of a stranger's browser, of another account each time."""
    engine = world.engine(store, users, keys=keys)
    at, contexts = count(), world.sources()
    some = [next(contexts) for _ in range(200)]

    def call() -> None:
        number = next(at)
        outcome = engine.sign_in(world.name(number % people), world.RIGHT, context=some[number % 200])
        assert isinstance(outcome, SignedIn), outcome

    return call


def failures(store, users, keys, *, tries: int = 5):
    """One wrong sign-in; each password is new, five go to one account from one source, as the budgets of a source allow."""
    engine = world.engine(store, users, keys=keys)
    at, contexts = count(), [next(source) for source in [world.sources()] for _ in range(10_000)]

    def call() -> object:
        number = next(at)
        person = number // tries
        context = contexts[person // 8 % 10_000]
        return engine.sign_in(world.name(person % len(users.accounts)), f"wrong {number}", context=context)

    return call


def filled(store, size):
    """A store whose accounts have passwords, and the keys they are sealed under."""
    keys = world.keyring()
    world.adopt(store, keys, world.policy(), size)
    return keys


@BENCH.row("P1", "P2")
def success(pace: Pace):
    """A right sign-in with lockout, beside a hash and beside Django without lockout."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        memory, quick = MemoryStore(), stack.enter_context(SqliteStore(folder / "quick"))
        durable = world.settled(stack.enter_context(SqliteStore(folder / "durable")))
        world.without_flushes(quick)
        record, entry = os.urandom(900), os.urandom(350)
        versions = [b"%16d" % number for number in range(1_000_000)]
        durable.commit(b"key", None, record, (), versions[0])
        at = count()

        def commit() -> None:
            number = next(at)
            durable.commit(b"key", versions[number], record, (entry,), versions[number + 1])

        flush = raw.swap(folder / "raw", record=record, entry=entry)
        several = pace.of(8, 1)
        alternatives = {
            "hash": raw.argon2(),
            "trip": raw.counter(folder / "counter"),
            "memory": successes(memory, world.Users(NAMES), filled(memory, NAMES)),
            "sqlite": successes(quick, world.SqlUsers(folder / "users", NAMES), filled(quick, NAMES)),
            "flush": Prepared(lambda: [flush] * several),
            "commit": Prepared(lambda: [commit] * several),
        }
        django = peers.django()
        if django:
            request = django.factory.post("/", {"username": "alice"}, REMOTE_ADDR="192.0.2.7")
            django.use(peers.MODEL)
            alternatives["django"] = lambda: django.authenticate(request, username="alice", password="right")
            assert alternatives["django"]() is not None
        timed = interleaved(pace, alternatives)

    hashed = f"hash {si(timed.seconds('hash'))}"
    floor = percent(timed.ratio("trip", "hash"))
    for name, what in (("memory", "memory"), ("sqlite", "SQLite, beside the durable flush")):
        share = timed.ratio(name, "hash")
        yield Row(
            id="P1",
            what=f"right sign-in with lockout ÷ bare Argon2id, {what}",
            ours=si(timed.seconds(name)),
            floor=floor if name == "sqlite" else "-",
            peer=hashed,
            ratio=percent(share),
            figure=share,
            goal="≤ 0.50 %",
            met=share <= 0.005,
        )
    ratio = timed.ratio("commit", "flush")
    yield Row(
        id="P1",
        what="its one durable commit ÷ one FULL transaction, SQLite",
        ours=si(timed.seconds("commit")),
        floor=si(timed.seconds("flush")),
        ratio=f"{ratio:.2f}",
        figure=ratio,
        goal="≤ 1.3",
        met=ratio <= 1.3,
    )
    peer = "sqlite", "django"
    yield Row(
        id="P2",
        what="right sign-in, lockout included ÷ Django authenticate() without, SQLite",
        ours=si(timed.seconds("sqlite")),
        floor=si(timed.seconds("trip")),
        peer=si(timed.seconds("django")) if django else "not installed",
        ratio=f"{timed.ratio(*peer):.2f}" if django else "-",
        figure=timed.ratio(*peer) if django else None,
        goal="≤ 0.6",
        met=timed.ratio(*peer) <= 0.6 if django else None,
    )


@BENCH.row("P3")
def failure(pace: Pace):
    """A wrong sign-in, beside what django-axes adds to one."""
    accounts = pace.of(4000, 20)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        store = world.without_flushes(stack.enter_context(SqliteStore(folder / "store")))
        alternatives = {
            "trip": raw.counter(folder / "counter"),
            "ours": failures(store, world.SqlUsers(folder / "users", accounts), filled(store, accounts)),
        }
        django = peers.django()
        if django:
            alternatives |= django_failures(django)
        timed = interleaved(pace, alternatives)
    ratio = timed.of(lambda one: one["ours"] / (one["axes"] - one["plain"])) if django else 0
    yield Row(
        id="P3",
        what="wrong sign-in ÷ what django-axes adds to one, SQLite",
        ours=si(timed.seconds("ours")),
        floor=si(timed.seconds("trip")),
        peer=si(timed.of(lambda one: one["axes"] - one["plain"])) if django else "not installed",
        ratio=f"1/{1 / ratio:.0f}" if django else "-",
        figure=ratio,
        goal="≤ 1/30",
        met=ratio <= 1 / 30 if django else None,
    )


def django_failures(django):
    """A wrong sign-in with django-axes, and one without."""
    from axes.models import AccessAttempt

    request = django.factory.post("/", {"username": "alice", "password": "x"}, REMOTE_ADDR="192.0.2.7")

    def attempts():
        # Or its row grows with every failure, and with it the time; raw, as not every handler likes to hear of it.
        AccessAttempt.objects.all()._raw_delete(AccessAttempt.objects.db)
        return [axes] * 8

    def axes() -> None:
        django.use(peers.AXES, peers.MODEL)
        fresh = django.factory.post("/", {"username": "alice", "password": "x"}, REMOTE_ADDR="192.0.2.7")
        django.authenticate(fresh, username="alice", password="wrong")

    def plain() -> None:
        from django.contrib.auth.backends import ModelBackend

        django.factory.post("/", {"username": "alice", "password": "x"}, REMOTE_ADDR="192.0.2.7")
        ModelBackend().authenticate(request, username="alice", password="wrong")

    return {"axes": Prepared(attempts), "plain": plain}


# --- what an outsider can tell ----------------------------------------------------------------------------------------


class Recorded:
    """A port that writes down which of its methods was called."""

    def __init__(self, port, calls: list[str]) -> None:
        self._port, self._calls = port, calls

    def __getattr__(self, method: str):
        call = getattr(self._port, method)

        def recorded(*args, **kwargs):
            self._calls.append(method)
            return call(*args, **kwargs)

        return recorded


@BENCH.row("P19")
def told_apart(pace: Pace):
    """Known and unknown identifiers with a wrong password: the same calls, in the same time."""
    cheap = {"memory_kib": 8, "time_cost": 1, "floor": Argon2Parameters(memory_kib=8, time_cost=1)}
    calls = _calls(pace.of(12, 3), HashingPolicy(**cheap))
    same = calls[0] == calls[1]
    for hashing, pairs, what in (
        (HashingPolicy(**cheap), pace.of(4000, 10), "8 KiB hashes"),
        (HashingPolicy(), pace.of(200, 2), "19 MiB hashes"),
    ):
        known, unknown = _pairs(hashing, pairs)
        ratio = median(unknown) / median(known)
        spread = _quartiles(unknown)[2] / _quartiles(known)[2]
        yield Row(
            id="P19",
            what=f"unknown ÷ known identifier, wrong password, {pairs} pairs of {what}; "
            + ("same port calls" if same else "OTHER PORT CALLS"),
            ours=si(median(unknown)),
            peer=f"known {si(median(known))}",
            ratio=f"{ratio:.4f} (q3 {spread:.3f})",
            figure=Figure.of(one / other for one, other in zip(unknown, known, strict=True)),
            goal="0.99-1.01",
            met=same and 0.99 <= ratio <= 1.01,
        )


def _pairs(hashing, pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of each attempt; both of a pair are the same attempt in the same history, one after the other."""
    store, keys, rules = MemoryStore(), world.keyring(), world.policy(hashing)
    people = pairs // 5 + 1
    world.adopt(store, keys, rules, people)
    engine = world.engine(store, world.Users(people), keys=keys, rules=rules)
    contexts = world.sources()
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(pairs):
        if number % 5 == 0:
            here = {kind: next(contexts) for kind in taken}
        names = {"known": world.name(number // 5), "unknown": f"n{world.name(number // 5)[1:]}"}
        for kind in random.sample(list(taken), 2):
            started = perf_counter()
            engine.sign_in(names[kind], f"wrong password {number}", context=here[kind])
            taken[kind].append(perf_counter() - started)
    return taken["known"], taken["unknown"]


def _calls(guesses: int, hashing) -> list[list[str]]:
    """Every port call of as many wrong guesses, of a known and an unknown identifier."""
    found = []
    for identifier in (world.name(0), "nobody@example.org"):
        store, keys, rules, calls = MemoryStore(), world.keyring(), world.policy(hashing), []
        world.adopt(store, keys, rules, 1)
        engine = world.engine(_blocking(store, calls), Recorded(world.Users(1), calls), keys=keys, rules=rules)
        for number, context in zip(range(guesses), world.sources(), strict=False):
            engine.sign_in(identifier, f"wrong {number}", context=context)
        found.append(calls)
    return found


def _blocking(store, calls):
    return Recorded(store, calls)


def _quartiles(values: list[float]) -> list[float]:
    return [0.0, *quantiles(values, n=4)[:2], quantiles(values, n=4)[2]][1:]


@BENCH.row("P20")
def growth(pace: Pace):
    """The 2,000th failed attempt on one account, beside the first on others; and what is kept of it."""
    attempts = pace.of(2000, 30)
    some = pace.of(40, 2)
    accounts = some * (pace.rounds + 1) + 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        store = world.without_flushes(stack.enter_context(SqliteStore(folder / "store")))
        keys = filled(store, accounts)
        engine = world.engine(store, world.Users(accounts), keys=keys)
        contexts, at, people = world.sources(), count(), iter(range(1, accounts))

        def guess(person: int, context: Context):
            password = f"wrong {next(at)}"
            return lambda: engine.sign_in(world.name(person), password, context=context)

        for _ in range(attempts):
            guess(0, next(contexts))()
        timed = interleaved(
            pace,
            {
                "first": Prepared(lambda: [guess(next(people), next(contexts)) for _ in range(some)]),
                "late": Prepared(lambda: [guess(0, next(contexts)) for _ in range(some)]),
            },
        )
        meters = _meter_bytes(store)
    ratio = timed.ratio("late", "first")
    yield Row(
        id="P20",
        what=f"attempt {attempts} on one account ÷ the first, SQLite",
        ours=si(timed.seconds("late")),
        peer=f"first {si(timed.seconds('first'))}",
        ratio=f"{ratio:.3f}",
        figure=ratio,
        goal="≤ 1.05",
        met=ratio <= 1.05,
    )
    yield Row(
        id="P20",
        what=f"bytes kept of a meter after {attempts} failures, the largest",
        ours=f"{meters} B",
        peer="axes 162 kB",
        goal="≤ 256 B",
        met=meters <= 256,
    )


def _meter_bytes(store) -> int:
    """The most bytes that a meter takes, in a row with its name."""
    from acctsec.stores._rows import read_row

    found = store._database.select("SELECT row FROM meters ORDER BY length(row) DESC LIMIT 20", ())
    return max(-(-len(row) // max(1, len(read_row(row)))) for (row,) in found)
