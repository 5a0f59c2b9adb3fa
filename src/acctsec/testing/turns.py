"""
Turns: an engine whose flows stop before every store call, so that somebody else decides when it is made, and whether.
"""

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, cast

from attrs import evolve, field, frozen

from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import CommitUnknown, StoreError, StoreUnavailable
from acctsec.hashing.job import Job
from acctsec.password import Length
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST
from acctsec.protocols import Store
from acctsec.stores import MemoryStore
from acctsec.testing.doubles import OUTBOX, STORE
from acctsec.testing.world import AtOnce, World, built

Flow = Coroutine[Any, Any, Any]


class Fate(Enum):
    """What becomes of one store call."""

    DONE = "done"
    DIES_BEFORE = "the process dies before it"
    DIES_AFTER = "the process dies after it"
    FAILS = "fails, nothing was done"
    LOST = "is done, its answer is lost"


DEATHS = (Fate.DIES_BEFORE, Fate.DIES_AFTER)
FAILURES = (Fate.FAILS, Fate.LOST)


class Died:
    """What a flow answers whose process died."""


@frozen
class Call:
    """A store call that is about to be made. *touches* maps what it looks at to whether it may change it."""

    name: str
    touches: Mapping[object, bool]
    perform: Callable[[], Any] = field(repr=False)

    def __await__(self) -> Generator["Call", Fate | None, Any]:
        fate = yield self
        if fate is Fate.FAILS:
            raise self._failure()
        answer = self.perform()
        if fate is Fate.LOST:
            raise self._failure()
        return answer

    def _failure(self) -> StoreError:
        kind = CommitUnknown if self.name == "commit" else StoreUnavailable
        return kind("This call was told to fail.", remedy="None: it is a test.")


@frozen
class Pause:
    """A flow waits for others to get on."""

    def __await__(self) -> Generator["Pause", None, None]:
        yield self


class TurnStore:
    """The async form of a blocking store that yields before every call, so that somebody else decides when it is made."""

    def __init__(self, store: Store) -> None:
        self.store = store
        for name in (*STORE, *[one for one in OUTBOX if hasattr(store, one)]):
            setattr(self, name, self._asked(name))

    def _asked(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self.store, name)

        async def ask(*args: Any) -> Any:
            return await Call(name, _touches(name, args), lambda: method(*args))

        return ask


def _touches(name: str, args: Sequence[Any]) -> Mapping[object, bool]:
    """
    What a call reads (False) and writes (True): calls that touch different things can be made in either order.

    Appending to the outbox counts as reading it: entries of different records come in no order anybody relies on.
    """
    match name:
        case "load":
            return {("record", args[0]): False}
        case "commit":
            return {("record", args[0]): True, "outbox": args[2] is None and args[1] is not None}
        case "drain" | "ack" | "revive":
            return {"outbox": True}
        case "waiting" | "dead_letters":
            return {"outbox": False}
        case "scan":
            return {}  # what comes or goes meanwhile may be named or not
        case "read":
            return {("meters", slot): False for slot, _, _ in args[0]}
        case _:
            return {("meters", one.slot): True for one in args[0]}


RACING = evolve(
    CHEAPEST,
    name="racing",
    password=evolve(CHEAPEST.password, rules=(Length(),), estimator=lambda _, __: 20.0),
    lockout=evolve(CHEAPEST.lockout, patience=timedelta(milliseconds=5)),
)
"""CHEAPEST for thousands of runs: no estimate, and flows that wait for each other soon give up."""


# --- the world of a race ----------------------------------------------------------------------------------------------


def race_world(*, policy: Policy = RACING, store: Store | None = None, seed: int = 0) -> "RaceWorld":
    """
    An async engine whose flows stop at store calls alone: it hashes at once and pauses without waiting.

    ``calls`` runs an operation to its end: for what comes before a race and after it. Make other policies of RACING: with
    the usual ``patience`` flows that wait for each other take thousands of calls to give up.
    """
    return built(RaceWorld, AsyncEngine, TurnStore(MemoryStore() if store is None else store), policy=policy, seed=seed)


class RaceWorld(World[AsyncEngine]):
    """A world whose engine can be raced."""

    def restart(self, policy: Policy | None = None, keyring: Any = None) -> AsyncEngine:
        """A new engine on the same store."""
        engine = super().restart(policy, keyring)
        ports = engine._flows.core.ports  # noqa: SLF001 - the kit wires an engine as no user can
        ports.hash = _hash_at_once
        ports.offload = _at_once
        ports.pause = _yielding
        ports.later = _left_undone
        self.calls: Engine = cast("Engine", AtOnce(engine, drive))
        return engine


async def _hash_at_once(job: Job[Any]) -> Any:
    job.started = True
    job._compute()  # noqa: SLF001 - a governor of the kit's own, without threads
    return job._answer()  # noqa: SLF001


async def _at_once(work: Callable[[], Any]) -> Any:
    return work()


def _left_undone(_: Callable[[], Any]) -> bool:
    """What nobody waits for needs a loop to go on in: here it is lost, as with a process that ends."""
    return False


async def _yielding(_: float) -> None:
    await Pause()


def drive(flow: Flow) -> Any:
    """Run a flow to its end, every store call as it comes."""
    while True:
        try:
            flow.send(None)
        except StopIteration as end:
            return end.value
