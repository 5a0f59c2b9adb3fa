"""P14, P15, P16: the async face, the event loop while passwords are hashed, and the memory that takes."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench import raw, world
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Figure, Pace, Timed, interleaved_async

from acctsec import AsyncEngine, AsyncMemoryStore, Context, HashingPolicy, MemoryStore, SignedIn

ROOT = Path(__file__).resolve().parents[2]
PERMITS = 2


class AsyncUsers(world.Users):
    """The async form of Users."""

    async def find(self, tenant: str, identifier: str):
        """Look an account up by what was typed."""
        return self.accounts.get(identifier)

    async def get(self, tenant: str, subject: str):
        """Look an account up by its subject."""
        return self.subjects.get(subject)


def async_engine(size: int, hashing: HashingPolicy | None = None) -> AsyncEngine:
    """An async engine over a memory store whose accounts have passwords."""
    store, keys, rules = AsyncMemoryStore(), world.keyring(), world.policy(hashing)
    world.adopt(store._store, keys, rules, size)
    return AsyncEngine(policy=rules, store=store, directory=AsyncUsers(size), keyring=keys, outbox="manual")


@BENCH.row("P14")
def faces(pace: Pace):
    """One decision through either face."""
    timed = asyncio.run(_faces(pace))
    for name, what, goal in (
        ("session", "check_session", 2e-6),
        ("sign-in", "sign_in, with the way to a hashing thread and back", None),
    ):
        more = timed.of(lambda one: one[f"{name} async"] - one[name])  # noqa: B023
        yield Row(
            id="P14",
            what=f"async over blocking face, memory: {what}",
            ours=si(timed.seconds(f"{name} async")),
            peer=f"blocking {si(timed.seconds(name))}",
            ratio=f"{'+' if more >= 0 else '-'}{si(abs(more))}",
            figure=more,
            goal="≤ +2 µs" if goal else "-",
            met=more <= goal if goal else None,
        )


async def _faces(pace: Pace) -> Timed:
    context = Context.of("192.0.2.7")
    store, keys = MemoryStore(), world.keyring()
    world.adopt(store, keys, world.policy(), 1)
    blocking = world.engine(store, world.Users(1), keys=keys)
    waiting = async_engine(1)
    mine = blocking.sign_in(world.name(0), world.RIGHT, context=context)
    theirs = await waiting.sign_in(world.name(0), world.RIGHT, context=context)
    assert isinstance(mine, SignedIn)
    assert isinstance(theirs, SignedIn)
    return await interleaved_async(
        pace,
        {
            "session": lambda: blocking.check_session(mine.session, context=context),
            "session async": lambda: waiting.check_session(theirs.session, context=context),
            "sign-in": lambda: blocking.sign_in(world.name(0), world.RIGHT, context=context),
            "sign-in async": lambda: waiting.sign_in(world.name(0), world.RIGHT, context=context),
        },
    )


@BENCH.row("P15", spinning=False)
def stalls(pace: Pace):
    """The event loop while as many passwords are hashed as there are permits for, beside bare threads that hash."""
    seconds, rounds = pace.of(0.6, 0.1), min(pace.rounds, 15)
    verify = raw.argon2()
    engine = async_engine(8, HashingPolicy(permits=PERMITS))
    found = []
    for number in range(rounds):
        if number % 2:
            bare = _bare(verify, seconds)
            rate, stall, idle = asyncio.run(_busy(engine, seconds))
        else:
            rate, stall, idle = asyncio.run(_busy(engine, seconds))
            bare = _bare(verify, seconds)
        found.append((rate / bare, stall, bare, idle))
    stall, ratio = Figure.of(one[1] for one in found), Figure.of(one[0] for one in found)
    yield Row(
        id="P15",
        what=f"longest stall of the event loop in {seconds} s of sign-ins at full rate, median",
        ours=f"{si(stall)}, worst {si(max(one[1] for one in found))}",
        floor=f"idle loop {si(median(one[3] for one in found))}",
        figure=stall,
        goal="≤ 5 ms",
        met=stall <= 0.005,
    )
    bare = median(one[2] for one in found)
    yield Row(
        id="P15",
        what=f"hashes a second ÷ {PERMITS} bare threads",
        ours=f"{ratio * bare:.1f}/s",
        peer=f"{bare:.1f}/s",
        ratio=f"{ratio:.3f}",
        figure=ratio,
        goal="≥ 0.95",
        met=ratio >= 0.95,
    )


async def _busy(engine: AsyncEngine, seconds: float) -> tuple[float, float, float]:
    """Sign-ins a second, the longest wait for the loop meanwhile, and the longest with nothing to do."""
    idle = await _longest_gap(min(seconds, 0.2))
    done, until = 0, perf_counter() + seconds
    contexts = world.sources()

    async def visitor(number: int) -> None:
        nonlocal done
        while perf_counter() < until:
            await engine.sign_in(world.name(number), world.RIGHT, context=next(contexts))
            done += 1

    started = perf_counter()
    visitors = [asyncio.create_task(visitor(number)) for number in range(2 * PERMITS)]
    stall = await _longest_gap(seconds)
    await asyncio.gather(*visitors)
    return done / (perf_counter() - started), stall, idle


async def _longest_gap(seconds: float) -> float:
    """How late a task is at most that asks for the loop every millisecond."""
    longest, until = 0.0, perf_counter() + seconds
    while (began := perf_counter()) < until:
        await asyncio.sleep(0.001)
        longest = max(longest, perf_counter() - began - 0.001)
    return longest


def _bare(verify, seconds: float) -> float:
    """Verifications a second of bare threads."""

    def work(until: float) -> int:
        done = 0
        while perf_counter() < until:
            verify()
            done += 1
        return done

    with ThreadPoolExecutor(PERMITS) as pool:
        started = perf_counter()
        done = sum(pool.map(work, [started + seconds] * PERMITS))
        return done / (perf_counter() - started)


@BENCH.row("P16", spinning=False)
def memory(pace: Pace):
    """What 200 sign-ins at once add to a process that has hashed nothing yet."""
    people = pace.of(200, 4)
    memory_kib = HashingPolicy().memory_kib
    found = [_peak(people) for _ in range(pace.of(min(pace.rounds, 5), 1))]
    more, bound = Figure.of(found), PERMITS * memory_kib / 1024 + 16
    yield Row(
        id="P16",
        figure=more,
        what=f"memory of {people} sign-ins at once, {PERMITS} permits of {memory_kib // 1024} MiB",
        ours=f"{more:.0f} MiB",
        floor=f"{PERMITS * memory_kib / 1024:.0f} MiB",
        goal=f"≤ {bound:.0f} MiB",
        met=more <= bound,
    )


def _peak(people: int) -> float:
    code = f"from tests.bench.loops import crowd; crowd({people})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(run.stdout)


def crowd(people: int) -> None:
    """In a process of its own: print by how many MiB its memory grew at most."""

    async def arrive() -> float:
        engine = async_engine(people, HashingPolicy(permits=PERMITS, queue=people))
        contexts = world.sources()
        before = _kib("VmRSS")
        calls = [engine.sign_in(world.name(number), world.RIGHT, context=next(contexts)) for number in range(people)]
        await asyncio.gather(*calls)
        return (_kib("VmHWM") - before) / 1024

    print(asyncio.run(arrive()))


def _kib(what: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1])
    return 0
