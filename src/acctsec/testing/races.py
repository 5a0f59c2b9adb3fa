"""
Races without threads: every order in which the store calls of several operations can meet, one after the other.

Flows are coroutines that await nothing but injected ports, so a store that yields before each call lets a scheduler decide
which flow goes on. ``explore`` replays a race from its beginning for every order there is. What it reports can be replayed
by its schedule, and what it does not report cannot happen: within one process the orders are all there are, and between
processes a store that passes ``check_store`` adds no others.
"""

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

from attrs import define, evolve, field, frozen

from acctsec.engine import AsyncEngine
from acctsec.errors import CommitUnknown, StoreError
from acctsec.hashing.job import Job
from acctsec.password import Length
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST
from acctsec.protocols import Store
from acctsec.stores import MemoryStore
from acctsec.testing.doubles import STORE
from acctsec.testing.world import AtOnce, World, built

WorldT = TypeVar("WorldT")
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
        kind = CommitUnknown if self.name == "commit" else StoreError
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
        for name in STORE:
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
        case "drain" | "ack":
            return {"outbox": True}
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
        self.calls = AtOnce(engine, drive)  # type: ignore[assignment]
        return engine


async def _hash_at_once(job: Job[Any]) -> Any:
    job.started = True
    job._compute()  # noqa: SLF001 - a governor of the kit's own, without threads
    return job._answer()  # noqa: SLF001


async def _at_once(work: Callable[[], Any]) -> Any:
    return work()


async def _yielding(_: float) -> None:
    await Pause()


def drive(flow: Flow) -> Any:
    """Run a flow to its end, every store call as it comes."""
    while True:
        try:
            flow.send(None)
        except StopIteration as end:
            return end.value


# --- running one schedule ---------------------------------------------------------------------------------------------


@frozen
class Choice:
    """Which flow goes on, and what becomes of the store call it waits for."""

    flow: int
    fate: Fate = Fate.DONE


@define(eq=False)
class _Runner:
    """One flow on its way."""

    flow: Flow
    call: Call | None = None
    answer: Any = None
    paused_at: int = -1  # how often others had moved when it last paused
    idle: bool = False  # it paused twice and nobody moved in between: nothing can have changed for it

    def resume(self, fate: Fate | None, *, others: int) -> None:
        """Go on to the next store call."""
        self.idle = False
        try:
            wants = self.flow.send(fate)
            while isinstance(wants, Pause):
                self.idle, self.paused_at = self.paused_at == others, others
                wants = self.flow.send(None)
            self.call = wants
        except StopIteration as end:
            self.call, self.answer = None, end.value
        except Exception as error:  # noqa: BLE001 - an answer like any other; the check looks at it
            self.call, self.answer = None, error

    def die(self) -> None:
        """End here, as a process does that is killed."""
        self.flow.close()
        self.call, self.answer = None, Died()


class _Run:
    """One run of a race under a schedule that is chosen as it goes."""

    def __init__(self, flows: Sequence[Flow], fates: Sequence[Fate], most: int) -> None:
        self.runners = [_Runner(flow) for flow in flows]
        self.fates, self.most = fates, most
        self.moved = [0] * len(flows)
        self.log: list[str] = []
        for runner in self.runners:
            runner.resume(None, others=0)

    def options(self) -> dict[Choice, Mapping[object, bool]]:
        """Every choice there is now, with what it touches; none once all flows have ended."""
        waiting = [number for number, runner in enumerate(self.runners) if runner.call]
        awake = [number for number in waiting if not self._idle(number)] or waiting
        found: dict[Choice, Mapping[object, bool]] = {}
        for fate in (Fate.DONE, *(self.fates if self.most else ())):
            for number in awake:
                call = self.runners[number].call
                assert call
                touches = {} if fate in {Fate.DIES_BEFORE, Fate.FAILS} else dict(call.touches)
                if fate is not Fate.DONE:
                    touches["fates"] = True
                if self.runners[number].paused_at >= 0:
                    touches[_EVERYTHING] = True
                found[Choice(number, fate)] = touches
        return found

    def _idle(self, number: int) -> bool:
        return self.runners[number].idle and self.runners[number].paused_at == sum(self.moved) - self.moved[number]

    def take(self, choice: Choice) -> None:
        """Make one store call, or let it go wrong, and go on to the next of that flow."""
        runner, fate = self.runners[choice.flow], choice.fate
        assert runner.call
        self.log.append(f"flow {choice.flow}: {runner.call.name}{'' if fate is Fate.DONE else ' ' + fate.value}")
        self.moved[choice.flow] += 1
        self.most -= fate is not Fate.DONE
        if fate in DEATHS:
            if fate is Fate.DIES_AFTER:
                runner.call.perform()
            runner.die()
            return
        runner.resume(fate, others=sum(self.moved) - self.moved[choice.flow])

    @property
    def answers(self) -> list[Any]:
        """What every flow answered; an exception it raised, or Died."""
        return [runner.answer for runner in self.runners]

    def close(self) -> None:
        """Let go of flows that were left in the middle."""
        for runner in self.runners:
            runner.flow.close()


_EVERYTHING = "everything"


def _commute(one: Mapping[object, bool], other: Mapping[object, bool]) -> bool:
    if _EVERYTHING in one or _EVERYTHING in other:
        return False
    return not any(key in other and (writes or other[key]) for key, writes in one.items())


# --- all schedules ----------------------------------------------------------------------------------------------------


class RaceFound(AssertionError):  # noqa: N818 - it names what was found
    """A schedule under which the check fails; ``schedule`` replays it."""

    def __init__(self, schedule: Sequence[Choice], log: Sequence[str], number: int, reason: object) -> None:
        super().__init__("\n  ".join([f"Schedule {number} breaks the check: {reason}", *log]))
        self.schedule = tuple(schedule)


class TooManySchedules(AssertionError):  # noqa: N818 - it names what was found
    """The limit was reached before all schedules were seen: nothing is proven."""


@frozen
class Explored:
    """How much was proven: *schedules* that were run to their end, and *skipped* ones that only swap independent calls."""

    schedules: int
    skipped: int


@define
class _Node:
    """One decision: the choice that is being followed, those still to follow, and those that need not be."""

    options: dict[Choice, Mapping[object, bool]]
    asleep: dict[Choice, Mapping[object, bool]]
    todo: list[Choice]
    taken: Choice | None = None

    def next(self) -> bool:
        """Follow the next choice; what was followed already need not be, below, until something it touches changes."""
        if self.taken is not None:
            self.asleep[self.taken] = self.options[self.taken]
        self.taken = self.todo.pop(0) if self.todo else None
        return self.taken is not None


def explore(
    make_world: Callable[[], WorldT],
    flows: Callable[[WorldT], Sequence[Flow]],
    check: Callable[[WorldT, list[Any]], None],
    *,
    fates: Sequence[Fate] = (),
    most: int = 1,
    limit: int = 50_000,
    skip_equal: bool = True,
) -> Explored:
    """
    Run a race under every schedule and check the world after each.

    Args:
        make_world: makes the world anew, always the same one: ``race_world`` and what precedes the race.
        flows: the operations that race, not yet begun.
        check: looks at the world and at what each flow answered (the exception, if it raised one, or Died). It asserts.
        fates: what else may become of a store call: DEATHS, FAILURES. At most *most* calls of a schedule meet one.
        limit: how many schedules are run at most.
        skip_equal: leave out schedules that differ from one that was run in the order of independent calls only.

    Raises RaceFound with the schedule that broke the check, TooManySchedules when *limit* was not enough.
    """
    path: list[_Node] = []
    done = skipped = 0
    while True:
        world = make_world()
        run = _Run(flows(world), fates, most)
        if _follow(run, path, skip_equal=skip_equal):
            done += 1
            _judge(check, world, run, path, done)
        else:
            skipped += 1
        run.close()
        while path and not path[-1].next():
            path.pop()
        if not path:
            return Explored(done, skipped)
        if done + skipped >= limit:
            message = f"{limit} schedules were run and there are more: nothing is proven. Raise limit, or race fewer flows."
            raise TooManySchedules(message)


def _follow(run: _Run, path: list[_Node], *, skip_equal: bool) -> bool:
    """Run down *path* and on from its end by the first choices; False where all that is left was seen in another order."""
    depth = 0
    while True:
        if depth == len(path):
            options = run.options()
            if not options:
                return True
            asleep = _still_asleep(path[-1], options) if path and skip_equal else {}
            node = _Node(options, asleep, [choice for choice in options if choice not in asleep])
            if not node.next():
                return False
            path.append(node)
        choice = path[depth].taken
        assert choice
        run.take(choice)
        depth += 1


def _still_asleep(above: _Node, options: Mapping[Choice, object]) -> dict[Choice, Mapping[object, bool]]:
    """
    The choices that would only repeat what a sibling's branch has seen (sleep sets, Godefroid 1996): they were followed
    above, and the call just made commutes with them.
    """
    assert above.taken
    taken = above.options[above.taken]
    return {
        choice: touches
        for choice, touches in above.asleep.items()
        if choice in options and choice.flow != above.taken.flow and _commute(touches, taken)
    }


def _judge(check: Callable[[Any, list[Any]], None], world: object, run: _Run, path: list[_Node], number: int) -> None:
    schedule = [node.taken for node in path if node.taken]
    log = list(run.log)
    try:
        check(world, run.answers)
    except AssertionError as error:
        raise RaceFound(schedule, log, number, str(error) or "an assertion failed") from error


def replay(
    make_world: Callable[[], WorldT], flows: Callable[[WorldT], Sequence[Flow]], schedule: Sequence[Choice]
) -> tuple[WorldT, list[Any]]:
    """Run one schedule again, such as that of a RaceFound; answers the world and what each flow answered."""
    world = make_world()
    run = _Run(flows(world), tuple(Fate), len(schedule))
    for choice in schedule:
        run.take(choice)
    return world, run.answers
