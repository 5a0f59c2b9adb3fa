"""
Crowds: several processes of one deployment that guess at one account at one moment, and an exact count of what they compared.

    with Crowd(place, folder, processes=4) as crowd:
        outcomes = crowd.at_once(calls)          # dealt out to the processes, a thread each; all begin together
        crowd.compared                           # the passwords that were compared with the account's own, in order

Before each comparison with a real verifier its process writes the password into one file, in one write, and only then compares: a
process that is killed loses none. A password that begins with ``hang`` is compared until its process is killed. Where a place
cannot be shared, which is in memory alone, the processes are engines of this one. *host* is where requests run inside of a transaction
of somebody else, *plant* a fault of their stores (tests/faults/planted.py).
"""

import os
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import psycopg
from attrs import evolve, field, frozen
from tests.faults.planted import PLANTED
from tests.faults.processes import Process
from tests.places import SHARED, opened

from acctsec import CHEAPEST, Account, Context, Engine, Keyring, LockoutPolicy, ResetLink
from acctsec.budgets import Rungs
from acctsec.hashing import HashingPolicy
from acctsec.testing import world
from acctsec.testing.doubles import ManualClock, MemoryDirectory, SeededEntropy
from acctsec.testing.world import IDENTIFIER

HANG = "hang"
FREE = CHEAPEST.lockout.strangers.free

CROWDED = evolve(
    CHEAPEST,
    hashing=evolve(CHEAPEST.hashing, permits=8, queue=400, patience=timedelta(seconds=20)),
    lockout=LockoutPolicy(patience=timedelta(milliseconds=250)),
)
"""The default numbers, cheap hashes, room for everybody at the governor, and little patience of those who crowd each other."""

PACE = timedelta(milliseconds=25)
PACED = evolve(
    CROWDED,
    lockout=evolve(
        CROWDED.lockout,
        strangers=Rungs(free=10, first=PACE, longest=PACE, stop=50),
        month=Rungs(free=1000, first=PACE, longest=PACE, stop=1000, window=timedelta(days=30)),
    ),
)
"""The same, with rests that are over at once: a flood goes on to its stop while we look."""

POLICIES = {"crowded": CROWDED, "paced": PACED}


@frozen(kw_only=True)
class LoudHashing(HashingPolicy):
    """Writes every password down that it is about to compare with a real verifier."""

    path: str = field(default=os.devnull)

    def verify(self, stored, password):
        with Path(self.path).open("ab", buffering=0) as file:
            file.write(password.encode() + b"\n")
        if password.startswith(HANG):
            time.sleep(600)
        return super().verify(stored, password)


@frozen(kw_only=True)
class Call:
    """A sign-in: *password* for *name*, from *source*, with the token of a *device*. With a *link*, the password is set by that."""

    password: str
    source: str
    name: str = IDENTIFIER
    device: str | None = None
    link: str | None = None


def guess(number, **facts):
    """A wrong password, another one and from another address for each number."""
    return Call(password=facts.pop("password", f"wrong guess number {number}"), source=f"2001:db8:{number + 1:x}::1", **facts)


def usually(*kinds):
    """Have `make test` run a test on these stores alone."""

    def mark(test):
        test.usual = kinds
        return test

    return mark


def signed_up(place, policy=CROWDED, now=None):
    """A world with one account on a place, at an instant."""
    w = world(policy=policy, store=place.open())
    w.clock.now = now or w.clock.now
    w.sign_up()
    return w


class Crowd:
    """Processes that have an engine each on one place, and one file of what they compared."""

    def __init__(self, place, folder, *, processes=4, policy="crowded", now=None, host=None, plant=None):
        self._file = Path(folder) / "compared"
        self._file.touch()
        order = {"policy": policy, "compared": str(self._file), "host": host, "plant": plant}
        order["now"] = None if now is None else now.isoformat()
        with ExitStack() as stack:
            self.members = [stack.enter_context(_member(place, order)) for _ in range(processes)]
            self._stack = stack.pop_all()

    def at_once(self, calls, *, rounds=1):
        """Have them all make their calls, dealt out evenly; the outcomes in the order of *calls*."""
        number = len(self.members)
        for at, member in enumerate(self.members):
            member.begin(calls[at::number], rounds)
        answers = [member.end() for member in self.members]
        found = [None] * len(calls)
        for at, answered in enumerate(answers):
            found[at::number] = answered
        return found

    @property
    def compared(self):
        """The passwords that were compared with the account's own so far."""
        return self._file.read_text().split("\n")[:-1]

    def wait_for(self, number, *, within=30):
        """Wait until so many were."""
        deadline = time.monotonic() + within
        while len(self.compared) < number:
            assert time.monotonic() < deadline, f"only {len(self.compared)} of {number} comparisons in {within} seconds"
            time.sleep(0.005)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)


def _member(place, order):
    return _Other(place, order) if place.kind in SHARED else _Here(place, order)


class _Other:
    """Another process."""

    def __init__(self, place, order):
        self._process = Process(_live, order | {"store": place.address})
        assert self._process.line.recv() == "ready"

    def begin(self, calls, rounds=1):
        """Let it make its calls."""
        self._process.line.send((calls, rounds))

    def end(self):
        """What they answered."""
        return self._process.line.recv()

    def kill(self):
        """SIGKILL."""
        self._process.kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._process.kill() if kind or not self._process.alive else self._process.line.send(None)
        self._process.end()


class _Here:
    """Another engine of this process, on the same store."""

    def __init__(self, place, order):
        self._engine, self._order = _engine(place.open(), order), order

    def begin(self, calls, rounds=1):
        """Let it make its calls, on threads."""
        self._answers = []
        self._thread = Thread(target=lambda: self._answers.extend(_made(self._engine, self._order, calls, rounds)))
        self._thread.start()

    def end(self):
        """What they answered."""
        self._thread.join()
        return self._answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def _live(order, line):
    engine = _engine(opened(order["store"]), order)
    line.send("ready")
    while (asked := line.recv()) is not None:
        line.send(_made(engine, order, *asked))
    os._exit(0)


def _engine(store, order):
    """An engine with the keys of `acctsec.testing.world`, which begin with what its entropy gives first."""
    policy, entropy = POLICIES[order["policy"]], SeededEntropy()
    knobs = {name: getattr(policy.hashing, name) for name in HashingPolicy.__slots__ if not name.startswith("__")}
    ports = {} if order["now"] is None else {"clock": ManualClock(datetime.fromisoformat(order["now"]))}
    return Engine(
        policy=evolve(policy, hashing=LoudHashing(**knobs, path=order["compared"])),
        store=PLANTED[order["plant"]](store) if order["plant"] else store,
        directory=MemoryDirectory(Account(subject="u1", identifiers=(IDENTIFIER,), addresses=(IDENTIFIER,))),
        keyring=Keyring(sealing=[entropy(32)], index=[entropy(32)]),
        outbox="manual",
        **ports,
    )


def _made(engine, order, calls, rounds):
    """Make calls at once, a thread each, so many times one after the other; the name of what each was answered, or raised, last."""
    answers, barrier = [None] * len(calls), Barrier(max(len(calls), 1))

    def make(at, call):
        barrier.wait()
        for _ in range(rounds):
            answers[at] = _in_host(engine, order["host"], call)

    threads = [Thread(target=make, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _in_host(engine, host, call):
    """Make a call, where there is a *host* inside of a transaction of its own that is rolled back afterwards."""
    if host is None:
        return _answered(engine, call)
    with psycopg.connect(host) as connection:
        connection.execute("CREATE TEMPORARY TABLE visits (number int)")
        answer = _answered(engine, call)
        connection.rollback()
    return answer


def _answered(engine, call):
    context = Context.of(call.source, device=call.device)
    try:
        if call.link is not None:
            return type(engine.redeem_reset(ResetLink(call.link), call.password, context=context)).__name__
        return type(engine.sign_in(call.name, call.password, context=context)).__name__
    except Exception as error:
        return repr(error)
