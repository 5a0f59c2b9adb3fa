"""
Where the time of one operation goes: what each call of a port takes, store by store, and which part of the library the rest is.

Ports are timed by a stop-watch, undisturbed. Parts are told by cProfile on the memory store: it makes each call dearer, so a
part of many short calls looks larger than it is. It reads the clock of the calling thread, so neither other programs nor the
wait for a hashing thread is in it. What a built-in or the standard library took belongs to who called it.
"""

import cProfile
import gc
import pstats
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time

from attrs import field, frozen
from tests.bench import factors, resets, servers, sign_in, world
from tests.bench.table import si
from tests.bench.timing import Pace, awake

from acctsec import Context, MemoryStore, SqliteStore

STORES = ("memory", "SQLite", *servers.STORES)
PEOPLE = 300
PARTS = {
    "keyring": r"keyring|hmac",
    "codec": r"_codec",
    "hashing, and the way to its thread": r"hashing/|_flows/hashes|hashing\.",
    "meters and the memory store": r"meters|stores/",
    "events, messages, outbox": r"events|_flows/entries|protocols/messages",
    "record": r"record/|record\.",
    "tokens": r"_flows/tokens|_flows/granting|claims|links",
    "lockout": r"lockout/|lockout\.|_flows/guesses|_flows/counting|_flows/watching|attacks",
    "steps and policies": r"steps/|steps\.|sessions|mfa/|mfa\.|policy|reset\.py|recovery|password",
    "flows": r"_flows/|engine/|_blocking",
    "what is left of the library": r"acctsec",
}


@frozen
class Watched:
    """A port of which every call is timed; *taken* is a call's name and its seconds."""

    port: object
    taken: list[tuple[str, float]] = field(repr=False)

    def __getattr__(self, method: str) -> object:
        call = getattr(self.port, method)
        if not callable(call):
            return call

        def timed(*args, **kwargs):
            began = perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.taken.append((method, perf_counter() - began))

        return timed


def _sign_in(store, users) -> Iterator[Callable[[], object]]:
    call = sign_in.successes(store, users, sign_in.filled(store, PEOPLE), people=PEOPLE)
    while True:
        yield call


def _sign_in_wrong(store, users) -> Iterator[Callable[[], object]]:
    call = sign_in.failures(store, users, sign_in.filled(store, PEOPLE))
    while True:
        yield call


def _check_session(store, users) -> Iterator[Callable[[], object]]:
    keys, context = sign_in.filled(store, 1), Context.of("192.0.2.7")
    engine = world.engine(store, users, keys=keys)
    session = engine.sign_in(world.name(0), world.RIGHT, context=context).session
    while True:
        yield lambda: engine.check_session(session, context=context)


def _verify_factor(store, users) -> Iterator[Callable[[], object]]:
    keys, clock = sign_in.filled(store, 12), factors.Ticking()
    guarded = factors.Guarded(world.engine(store, users, keys=keys, clock=clock), clock, 12)
    while True:
        yield from guarded.answers()


def _request_reset(store, users) -> Iterator[Callable[[], object]]:
    people, at = resets.Forgetful(store, users), count()
    while True:
        yield people.request(next(at) % PEOPLE)


def _redeem_reset(store, users) -> Iterator[Callable[[], object]]:
    users.accounts = {world.name(number): world.account(number) for number in range(12)}
    people = resets.Forgetful(store, users)
    while True:
        yield from people.redemptions()


MAKERS = {
    "sign_in": _sign_in,
    "sign_in_wrong": _sign_in_wrong,
    "check_session": _check_session,
    "verify_factor": _verify_factor,
    "request_reset": _request_reset,
    "redeem_reset": _redeem_reset,
}
OPERATIONS = tuple(MAKERS)


def told(operation: str, pace: Pace) -> str:
    """Both tables of an operation, as text."""
    lines = [f"{operation}, without its hash", "", *_ports(operation, pace), "", *_parts(operation, pace)]
    return "\n".join(lines)


def _ports(operation: str, pace: Pace) -> Iterator[str]:
    yield f"{'store':20} {'whole':>8} {'library':>8}   calls of ports, each with its time"
    for kind in STORES:
        with ExitStack() as stack, awake(pace):
            taken: list[tuple[str, float]] = []
            store = Watched(_store(kind, stack), taken)
            ready = MAKERS[operation](store, world.Users(PEOPLE))
            wholes, ports, calls = [], [], defaultdict(list)
            for number in range(pace.of(700, 6)):
                call = next(ready)
                taken.clear()
                began = perf_counter()
                call()
                whole = perf_counter() - began
                if number >= pace.of(300, 2):
                    wholes.append(whole)
                    ports.append(sum(seconds for _, seconds in taken))
                    for name, seconds in taken:
                        calls[name].append(seconds)
            library = median(whole - inside for whole, inside in zip(wholes, ports, strict=True))
            each = ", ".join(
                f"{len(some) / len(wholes):.0f} {name} {si(median(some))}"
                for name, some in calls.items()
                if 2 * len(some) >= len(wholes)
            )
            yield f"{kind:20} {si(median(wholes)):>8} {si(library):>8}   {each}"


def _store(kind: str, stack: ExitStack):
    if kind == "memory":
        return MemoryStore()
    if kind == "SQLite":
        folder = Path(stack.enter_context(world.folder()))
        return world.without_flushes(stack.enter_context(SqliteStore(folder / "store")))
    return stack.enter_context(servers.opened(kind))


def _parts(operation: str, pace: Pace) -> Iterator[str]:
    """The memory store's operation by parts of the library, and the functions that take most."""
    times = pace.of(1500, 5)
    ready = MAKERS[operation](MemoryStore(), world.Users(PEOPLE))
    for _ in range(pace.of(300, 2)):
        next(ready)()
    profile = cProfile.Profile(thread_time)
    gc.disable()
    for _ in range(times):
        call = next(ready)
        profile.enable()
        call()
        profile.disable()
    gc.enable()
    stats = pstats.Stats(profile).stats
    shares, calls = defaultdict(float), defaultdict(int)
    for function, (_, number, own, _, _) in stats.items():
        for part, share in _owners(function, stats, depth=6):
            shares[part] += own * share
        if _file_of(function):
            calls[_part(_file_of(function))] += number
    whole = sum(shares.values())
    yield f"{'part':36} {'share':>6} {'calls of its functions':>24}"
    for part in sorted(shares, key=shares.get, reverse=True):
        yield f"{part:36} {shares[part] / whole:6.1%} {calls[part] / times:24.0f}"
    total = sum(number for _, number, _, _, _ in stats.values()) / times
    yield f"\n{total:,.0f} calls in all, of Python and of C; what takes most by itself:"
    for function in sorted(stats, key=lambda one: stats[one][2], reverse=True)[:12]:
        _, number, own, _, _ = stats[function]
        where = re.sub(r".*/(acctsec|lib)/", "", f"{function[0]}:{function[1]} " if function[1] else "")
        yield f"{own / whole:6.1%} {number / times:6.1f} times  {where}{function[2]}"


def _file_of(function) -> str:
    """The file of a function of the library, or the class that attrs wrote it for; nothing for those of others."""
    found = re.search(r"/src/(acctsec/.*)|attrs generated methods (acctsec\..*)>", function[0])
    return (found[1] or found[2]) if found else ""


def _part(file: str) -> str:
    return next(part for part, pattern in PARTS.items() if re.search(pattern, file))


def _owners(function, stats, *, depth: int) -> Iterator[tuple[str, float]]:
    """Whose time a function's own is: its part's, or that of who called it, in proportion."""
    file = _file_of(function)
    if file:
        yield _part(file), 1.0
        return
    callers = stats[function][4]
    spent = sum(own for _, _, own, _ in callers.values())
    if not callers or not depth or not spent:
        yield "what calls it", 1.0
        return
    for caller, (_, _, own, _) in callers.items():
        for part, share in _owners(caller, stats, depth=depth - 1):
            yield part, share * own / spent
