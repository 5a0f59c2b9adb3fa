"""
Races without threads: every order in which the store calls of several operations can meet, one after the other.

Flows are coroutines that await nothing but injected ports, so a store that yields before each call lets a scheduler decide
which flow goes on. ``explore`` replays a race from its beginning for every order there is. What it reports can be replayed
by its schedule, and what it does not report cannot happen: within one process the orders are all there are, and between
processes a store that passes ``check_store`` adds no others.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutine
from typing import Any, TypeVar

from attrs import define, frozen

from acctsec.errors import AcctsecError, ConfigError
from acctsec.testing.turns import DEATHS, Call, Died, Fate, Flow, Pause

WorldT = TypeVar("WorldT")

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
        wants: Any = None
        try:
            wants = self.flow.send(fate)
            while isinstance(wants, Pause):
                self.idle, self.paused_at = self.paused_at == others, others
                wants = self.flow.send(None)
        except StopIteration as end:
            self.call, self.answer = None, end.value
            return
        except Exception as error:  # noqa: BLE001 - an answer like any other; the check looks at it
            self.call, self.answer = None, error
            return
        if not isinstance(wants, Call):
            message = "A flow waits for something else than a store: nobody here could let it go on."
            raise ConfigError(message, remedy="Make worlds by race_world, and await nothing beside the engine.")
        self.call = wants

    def die(self) -> None:
        """End here, as a process does that is killed."""
        self.flow.close()
        self.call, self.answer = None, Died()


class _Run:
    """One run of a race under a schedule that is chosen as it goes."""

    def __init__(self, flows: Sequence[Flow], fates: Sequence[Fate], most: int) -> None:
        if not all(iscoroutine(flow) for flow in flows):
            message = "A race is run by coroutines of an async engine that nobody awaited yet."
            raise ConfigError(message, remedy="Make worlds by race_world, and answer [w.engine.sign_in(...), ...].")
        self.runners = [_Runner(flow) for flow in flows]
        self.fates, self.most = fates, most
        self.moved = [0] * len(flows)
        self.log: list[str] = []
        try:
            for runner in self.runners:
                runner.resume(None, others=0)
        except ConfigError:
            self.close()
            raise

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
        self.schedule: tuple[Choice, ...] = tuple(schedule)


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
        check: looks at the world and at what each flow answered, and asserts. A flow may have answered Died, or, where a call
            failed, the AcctsecError it raised; any other exception is a finding by itself.
        fates: what else may become of a store call: DEATHS, FAILURES. At most *most* calls of a schedule meet one.
        limit: how many schedules are run at most.
        skip_equal: leave out schedules that differ from one that was run in the order of independent calls only.

    Raises RaceFound with the schedule that broke the check, TooManySchedules when *limit* was not enough, ConfigError for flows
    that do not stop at store calls alone.
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
    log, harmed = list(run.log), any(choice.fate is not Fate.DONE for choice in schedule)
    for flow, answer in enumerate(run.answers):
        if isinstance(answer, Exception) and not (harmed and isinstance(answer, AcctsecError)):
            raise RaceFound(schedule, log, number, f"flow {flow} raised {answer!r}") from answer
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
