"""P1, P2, P3, P4, P6, P22 on PostgreSQL and Valkey, beside one call of their drivers and peers on the same servers."""

import os
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

from tests.bench import factors, meters, peers, raw, resets, servers, sign_in, world
from tests.bench.table import BENCH, Row, percent, si
from tests.bench.timing import Pace, Prepared, interleaved

BESIDE = "beside the durable flush"


def _directory(kind: str, stack: ExitStack, folder: Path, size: int):
    """The user table of a platform: in PostgreSQL where there is one, else in SQLite."""
    if kind == "Valkey":
        return world.SqlUsers(folder / f"users{os.urandom(4).hex()}", size)
    return stack.enter_context(servers.Users(stack.enter_context(servers.empty_database()).quick, size))


@BENCH.row("P1", "P2")
def success(pace: Pace):
    """A right sign-in with lockout, beside a hash and beside Django without lockout on the same server."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        bare = stack.enter_context(servers.empty_database())
        alternatives = {
            "hash": raw.argon2(),
            "upsert": stack.enter_context(servers.counter(bare.quick)),
            "script": stack.enter_context(servers.gcra()),
        }
        for kind in servers.STORES:
            store = stack.enter_context(servers.opened(kind))
            users = _directory(kind, stack, folder, sign_in.NAMES)
            alternatives[kind] = sign_in.successes(store, users, sign_in.filled(store, sign_in.NAMES))
        alternatives |= _flushes(stack, bare, several=pace.of(8, 1))
        django = peers.django()
        if django:
            stack.enter_context(django.on_postgres(stack.enter_context(servers.empty_database()).quick))
            request = django.factory.post("/", {"username": "alice"}, REMOTE_ADDR="192.0.2.7")
            django.use(peers.MODEL)
            alternatives["django"] = lambda: django.authenticate(request, username="alice", password="right")
            assert alternatives["django"]() is not None
        timed = interleaved(pace, alternatives)

    for kind in servers.STORES:
        share, goal = timed.ratio(kind, "hash"), 0.015 if kind == "Valkey" else 0.025
        yield Row(
            id="P1",
            what=f"right sign-in with lockout ÷ bare Argon2id, {kind}, {BESIDE}",
            ours=si(timed.seconds(kind)),
            floor=percent(timed.ratio("script" if kind == "Valkey" else "upsert", "hash")),
            peer=f"hash {si(timed.seconds('hash'))}",
            ratio=percent(share),
            figure=share,
            goal=f"≤ {percent(goal)}",
            met=share <= goal,
        )
    for kind, what in (("Valkey", "script at appendfsync always"), ("PostgreSQL", "synchronous transaction")):
        ratio = timed.ratio(f"commit {kind}", f"flush {kind}")
        yield Row(
            id="P1",
            what=f"its one durable commit ÷ one {what}, {kind}",
            ours=si(timed.seconds(f"commit {kind}")),
            floor=si(timed.seconds(f"flush {kind}")),
            ratio=f"{ratio:.2f}",
            figure=ratio,
            goal="≤ 1.3",
            met=ratio <= 1.3,
        )
    for kind in servers.STORES[1:]:
        ratio = timed.ratio(kind, "django") if django else 0
        yield Row(
            id="P2",
            what=f"right sign-in, lockout included ÷ Django authenticate() without, {kind}",
            ours=si(timed.seconds(kind)),
            floor=si(timed.seconds("upsert")),
            peer=si(timed.seconds("django")) if django else "not installed",
            ratio=f"{ratio:.2f}" if django else "-",
            figure=ratio,
            goal="≤ 0.6",
            met=ratio <= 0.6 if django else None,
        )


def _flushes(stack: ExitStack, bare: servers.Database, *, several: int):
    """One commit that is on the disk when it is answered: each store's, and a bare one."""
    record, entry = os.urandom(900), os.urandom(350)
    url = servers.durable_valkey().url()
    stores = {
        "PostgreSQL": stack.enter_context(stack.enter_context(servers.database()).store(durable=True)),
        "Valkey": stack.enter_context(servers.ValkeyStore(url, records=True)),
    }
    floors = {
        "PostgreSQL": stack.enter_context(servers.swap(bare.durable, record=record, entry=entry)),
        "Valkey": stack.enter_context(servers.saver(record=record, entry=entry)),
    }
    calls = {f"flush {kind}": flush for kind, flush in floors.items()}
    calls |= {f"commit {kind}": _commits(store, record, entry) for kind, store in stores.items()}
    return {name: Prepared(lambda call=call: [call] * several) for name, call in calls.items()}


def _commits(store, record: bytes, entry: bytes):
    """One record replaced again and again."""
    at, key = count(1), os.urandom(8)
    store.commit(key, None, record, (), bytes(16))

    def commit() -> None:
        number = next(at)
        store.commit(key, (number - 1).to_bytes(16), record, (entry,), number.to_bytes(16))

    return commit


@BENCH.row("P3")
def failure(pace: Pace):
    """A wrong sign-in, beside what django-axes adds to one: in the same PostgreSQL, and in its cache on the same Valkey."""
    for kind, goal in (("PostgreSQL", 12), ("PostgreSQL + Valkey", 12), ("Valkey", 15)):
        with ExitStack() as stack:
            accounts = pace.of(4000, 20)
            folder = Path(stack.enter_context(world.folder()))
            store = stack.enter_context(servers.opened(kind))
            users = _directory(kind, stack, folder, accounts)
            bare = servers.gcra() if kind == "Valkey" else servers.counter(stack.enter_context(servers.empty_database()).quick)
            alternatives = {
                "trip": stack.enter_context(bare),
                "ours": sign_in.failures(store, users, sign_in.filled(store, accounts)),
            }
            django = peers.django()
            if django and kind == "Valkey":
                stack.enter_context(django.cached_in(servers.valkey().url()))
            elif django:
                stack.enter_context(django.on_postgres(stack.enter_context(servers.empty_database()).quick))
            if django:
                alternatives |= sign_in.django_failures(django)
            timed = interleaved(pace, alternatives)
        ratio = timed.of(lambda one: one["ours"] / (one["axes"] - one["plain"])) if django else 0
        yield Row(
            id="P3",
            what=f"wrong sign-in ÷ what django-axes adds to one, {kind}" + (", axes in its cache" if kind == "Valkey" else ""),
            ours=si(timed.seconds("ours")),
            floor=si(timed.seconds("trip")),
            peer=si(timed.of(lambda one: one["axes"] - one["plain"])) if django else "not installed",
            ratio=f"1/{1 / ratio:.1f}" if django else "-",
            figure=ratio,
            goal=f"≤ 1/{goal}",
            met=ratio <= 1 / goal if django else None,
        )


@BENCH.row("P4")
def decision(pace: Pace):
    """A lockout decision over four scopes, beside one call of the same driver."""
    size = pace.of(20_000, 20)
    with ExitStack() as stack:
        bare = stack.enter_context(servers.empty_database())
        alternatives = {
            "upsert": stack.enter_context(servers.counter(bare.quick)),
            "script": stack.enter_context(servers.gcra()),
            "PostgreSQL": meters.decisions(stack.enter_context(servers.opened("PostgreSQL")), size),
            "Valkey": meters.decisions(stack.enter_context(servers.opened("Valkey")), size),
        }
        limits = peers.has("limits")
        if limits:
            alternatives["limits"] = _limits(servers.valkey().url())
        timed = interleaved(pace, alternatives)
    for kind, floor, what, goal in (
        ("Valkey", "script", "one script ÷ one raw script call", 1.5),
        ("PostgreSQL", "upsert", "one transaction ÷ one raw upsert", 2.2),
    ):
        ratio = timed.ratio(kind, floor)
        yield Row(
            id="P4",
            what=f"four meters charged, {what}, {kind}",
            ours=si(timed.seconds(kind)),
            floor=si(timed.seconds(floor)),
            ratio=f"{ratio:.2f}",
            figure=ratio,
            goal=f"≤ {goal}",
            met=ratio <= goal,
        )
    yield Row(
        id="P4",
        what="four meters charged ÷ four hits of limits, Valkey",
        ours=si(timed.seconds("Valkey")),
        peer=si(timed.seconds("limits")) if limits else "not installed",
        ratio=f"{timed.ratio('Valkey', 'limits'):.2f}" if limits else "-",
        figure=timed.ratio("Valkey", "limits") if limits else None,
    )


def _limits(url: str):
    """Four hits of limits' cheapest strategy, on four keys."""
    from limits import RateLimitItemPerHour
    from limits.storage import RedisStorage
    from limits.strategies import FixedWindowRateLimiter

    limiter, item = FixedWindowRateLimiter(RedisStorage(url)), RateLimitItemPerHour(10**9)

    def hit() -> None:
        for key in ("subject", "source", "pair", "device"):
            limiter.hit(item, key)

    return hit


@BENCH.row("P6")
def reset(pace: Pace):
    """Asking, delivering and redeeming, beside Django's tokens on the same PostgreSQL."""
    people = pace.of(6, 2)
    with ExitStack() as stack:
        made = [stack.enter_context(servers.database()) for _ in range(2)]
        stores = [stack.enter_context(one.store(durable=durable)) for one, durable in zip(made, (False, True), strict=True)]
        tables = [stack.enter_context(servers.Users(stack.enter_context(servers.empty_database()).quick, people)) for _ in stores]
        beside, whole = map(resets.Forgetful, stores, tables)
        bare = stack.enter_context(servers.empty_database())
        flush = stack.enter_context(servers.swap(bare.durable, record=os.urandom(900), entry=os.urandom(650)))
        alternatives = {
            "flush": Prepared(lambda: [flush] * people),
            "issue": Prepared(beside.requests),
            "deliver": Prepared(beside.deliveries),
            "redeem": Prepared(beside.redemptions),
            "issue FULL": Prepared(whole.requests),
            "deliver FULL": Prepared(whole.deliveries),
            "redeem FULL": Prepared(whole.redemptions),
        }
        if django := peers.django():
            stack.enter_context(django.on_postgres(stack.enter_context(servers.empty_database()).quick))
            alternatives |= resets.django_resets(django, people)
        timed = interleaved(pace, alternatives)
    yield from resets.rows(timed, f"PostgreSQL {BESIDE}", "one synchronous transaction, PostgreSQL", peer=bool(django))


@BENCH.row("P22")
def sessions(pace: Pace):
    """Checking a session and a factor, beside the one read that they cannot do without."""
    for kind in servers.STORES[:2]:
        with ExitStack() as stack:
            store = stack.enter_context(servers.opened(kind))
            yield from factors.rows(pace, store, kind, partial(_reader, stack, kind))


def _reader(stack: ExitStack, kind: str, record: bytes):
    """One bare read of a record."""
    if kind == "Valkey":
        return stack.enter_context(servers.getter(record))
    return stack.enter_context(servers.reader(stack.enter_context(servers.empty_database()).quick, record))
