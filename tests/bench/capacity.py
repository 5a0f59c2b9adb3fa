"""
C1, C2: what a sign-in costs the machines that it runs on, and what a subject takes there, for the arithmetic of capacity.

There is no goal for these figures, and they are those of this machine: docs/explanation/scale.md does the sums.
"""

import asyncio
from contextlib import ExitStack
from itertools import count
from statistics import median
from time import perf_counter, process_time

import redis
from tests.bench import meters, servers, sign_in, world
from tests.bench.loops import AsyncUsers
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace

from acctsec import AsyncEngine, AsyncSplitStore, Policy, SignedIn, TryAgain
from acctsec.keyring import frame
from acctsec.protocols import Settle
from acctsec.stores.postgres import AsyncPostgresStore
from acctsec.stores.valkey import AsyncValkeyStore

IN_FLIGHT = 50
PEOPLE = 2000  # who sign in
TARGETS = 6000  # who are guessed at: a few times each, or their lanes would rest, and a guess would be another piece of work


@BENCH.row("C1", spinning=False)
def throughput(pace: Pace):
    """Sign-ins of one process, fifty at once, and the time of a processor that each takes from whom."""
    seconds, rounds = pace.of(2.0, 0.1), pace.of(min(pace.rounds, 7), 1)
    with ExitStack() as stack:
        database = stack.enter_context(servers.database())
        keys = world.keyring()
        database.fill(world.adopted(keys, world.policy(), PEOPLE + TARGETS))
        found = asyncio.run(_measured(database, keys, seconds, rounds))
    for kind in ("right", "wrong"):
        rate, *shares, script = (median(figures) for figures in zip(*found[kind], strict=True))
        yield Row(
            id="C1",
            what=f"{kind} sign-ins, {IN_FLIGHT} at once, async, PostgreSQL + Valkey, durable, the hash left out",
            ours=f"{rate:,.0f}/s a process",
            ratio=f"{1 / shares[0]:,.0f}/s a core",
        )
        for whose, share in zip(("the client", "PostgreSQL", "Valkey"), shares, strict=True):
            yield Row(
                id="C1",
                what=f"processor time of a {kind} sign-in, {whose}",
                ours=si(share) if share else "0 s, as seen from here",
                floor=f"a script {si(script)}" if whose == "Valkey" else "-",
                ratio=f"{1 / share:,.0f}/s a core" if share else "-",
            )


async def _measured(database, keys, seconds: float, rounds: int):
    records = AsyncPostgresStore(database.durable)
    counted = AsyncValkeyStore(servers.valkey().url(), namespace="bench-c1", connections=IN_FLIGHT)
    async with records, counted:
        store = AsyncSplitStore(records=records, meters=counted)
        users = AsyncUsers(PEOPLE + TARGETS)
        engine = AsyncEngine(policy=world.policy(), store=store, directory=users, keyring=keys, outbox="manual")
        work = {"right": _right(engine), "wrong": _wrong(engine)}
        for call in work.values():
            await _crowd(call, seconds / 4)
        found = {kind: [] for kind in work}
        for _ in range(rounds):
            for kind, call in work.items():
                found[kind].append(await _round(call, seconds))
        return found


async def _round(call, seconds: float) -> tuple[float, float, float, float, float]:
    """Calls a second; what one took of a processor from this process, PostgreSQL and Valkey; and what one script took."""
    whose = (process_time, lambda: servers.taken_by(servers.postgres()), lambda: servers.taken_by(servers.valkey()))
    scripts, before, started = _scripts(), [one() for one in whose], perf_counter()
    done = await _crowd(call, seconds)
    rate = done / (perf_counter() - started)
    shares = [(one() - then) / done for one, then in zip(whose, before, strict=True)]
    calls, spent = (now - then for now, then in zip(_scripts(), scripts, strict=True))
    return rate, *shares, spent / max(calls, 1)


async def _crowd(call, seconds: float) -> int:
    """Let so many call again and again; how many calls were answered."""
    until, done = perf_counter() + seconds, 0

    async def visitor() -> None:
        nonlocal done
        while perf_counter() < until:
            await call()
            done += 1

    await asyncio.gather(*[visitor() for _ in range(IN_FLIGHT)])
    return done


def _right(engine: AsyncEngine):
    at, contexts = count(), world.sources()

    async def call() -> None:
        who, context = world.name(next(at) % PEOPLE), next(contexts)
        while isinstance(outcome := await engine.sign_in(who, world.RIGHT, context=context), TryAgain):
            pass  # a machine that is busy with other work: it counts once, when it is done
        assert isinstance(outcome, SignedIn), outcome

    return call


def _wrong(engine: AsyncEngine):
    at, contexts = count(), world.sources()

    async def call() -> None:
        number = next(at)
        await engine.sign_in(world.name(PEOPLE + number % TARGETS), f"wrong {number}", context=next(contexts))

    return call


def _scripts() -> tuple[int, float]:
    """How many scripts Valkey ran, and the seconds that it spent in them."""
    with redis.Redis.from_url(servers.valkey().url()) as client:
        known = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0, "usec": 0})
    return known["calls"], known["usec"] / 1e6


# --- bytes ------------------------------------------------------------------------------------------------------------


@BENCH.row("C2", spinning=False)
def sizes(pace: Pace):
    """What subjects and meters take where they are kept."""
    subjects, guesses = pace.of(100_000, 50), pace.of(20_000, 50)
    with ExitStack() as stack:
        record = _lived_in(stack)
        database = stack.enter_context(servers.database())
        empty = database.size("records")
        database.fill((frame("subject", "", f"subject-{number}"), record) for number in range(subjects))
        yield Row(
            id="C2",
            what=f"a subject with a password, a session and a known device, PostgreSQL, {subjects:,} of them",
            ours=f"{(database.size('records') - empty) / subjects:,.0f} B",
            floor=f"its record {len(record)} B",
        )
        rows = _guessed(stack.enter_context(database.store()), guesses)
        database.run("VACUUM (ANALYZE) acctsec.meters")
        [(size, kept)] = database.run("SELECT avg(length(value))::float8, count(*) FROM acctsec.meters")
        assert kept == rows
        yield Row(
            id="C2",
            what=f"a row of meters after a guess or five, PostgreSQL, {rows:,} of them",
            ours=f"{database.size('meters') / rows:,.0f} B",
            floor=f"its value {size:.0f} B",
        )
        client = stack.enter_context(redis.Redis.from_url(servers.valkey().url()))
        before, keys = client.info("memory")["used_memory"], client.dbsize()
        rows = _guessed(stack.enter_context(servers.opened("PostgreSQL + Valkey")), guesses)
        assert client.dbsize() - keys == rows
        yield Row(
            id="C2",
            what=f"a row of meters after a guess or five, Valkey, {rows:,} of them",
            ours=f"{(client.info('memory')['used_memory'] - before) / rows:,.0f} B",
        )


def _lived_in(stack: ExitStack) -> bytes:
    """The record of somebody who has signed in."""
    store = stack.enter_context(servers.opened("PostgreSQL"))
    sign_in.successes(store, world.Users(1), sign_in.filled(store, 1), people=1)()
    record, _ = store.load(frame("subject", "", world.account(0).subject))
    return record


def _guessed(store, guesses: int) -> int:
    """Strangers guess, five at one subject, and fail; the number of rows that leaves."""
    policy, slots = Policy().lockout, set()
    for attempt in meters.attempts(guesses):
        charges = policy.charges(attempt)
        readings = store.charge(charges, meters.NOW)
        store.settle(policy.settlements(charges, readings, Settle.FAILED), meters.NOW)
        slots.update([charge.slot for charge in charges])
    return len(slots)
