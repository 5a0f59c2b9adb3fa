"""
Crashes: what is left when a process dies, or a store fails, at any store call of an operation.

The state has to be the one before or the one after, the events and messages those of that state, and what the caller was
told true of it.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen

from acctsec.events import Event
from acctsec.outcomes import Refused
from acctsec.protocols import MessagePurpose
from acctsec.testing.races import Explored, explore
from acctsec.testing.turns import DEATHS, FAILURES, Fate, Flow, RaceWorld, drive

LONGER_THAN_ANY_LEASE = timedelta(minutes=5)


@frozen(kw_only=True)
class Operation:
    """
    An operation to interrupt, and how to tell whether it happened.

    Args:
        begin: begins it on a world; called again for the retry.
        happened: whether the world is now as it is after the operation.
        means: the outcomes that tell the caller it happened.
        events: classes of which each happening writes exactly one.
        messages: purposes of which each happening sends exactly one.
        once: whether it may happen only once, however often it is asked for.
    """

    begin: Callable[[Any], Flow]
    happened: Callable[[Any], bool]
    means: type | tuple[type, ...]
    events: tuple[type[Event], ...] = ()
    messages: tuple[MessagePurpose, ...] = ()
    once: bool = True


def crash_everywhere(
    make_world: Callable[[], RaceWorld], operation: Operation, *, fates: Sequence[Fate] = (*DEATHS, *FAILURES), most: int = 1
) -> Explored:
    """
    Interrupt an operation at every store call in every way, and look at the world with a fresh engine each time.

    Asserts that it happened wholly or not at all; that each event and message is there exactly if it did; that an outcome
    that says so is true, and so is a Refused; and that asking again leaves it done exactly once. *most* is how many calls of
    one run go wrong.
    Raises RaceFound with the call that broke it.
    """

    def check(world: RaceWorld, answers: list[Any]) -> None:
        _settle(world)
        happened = operation.happened(world)
        told = isinstance(answers[0], operation.means)
        assert happened or not told, f"the caller was told {type(answers[0]).__name__}, and it did not happen"
        assert told or not (happened and isinstance(answers[0], Refused)), "the caller was refused, and it happened"
        _count(world, operation, int(happened))
        if not operation.once:
            return
        try:
            drive(operation.begin(world))
        except Exception as error:
            raise AssertionError(f"asking again raised {error!r}") from error
        _settle(world)
        assert operation.happened(world), "asking again does not bring it about"
        _count(world, operation, 1)

    return explore(make_world, lambda world: [operation.begin(world)], check, fates=fates, most=most)


def _settle(world: RaceWorld) -> None:
    """Start a fresh process, late enough for every lease to be over, and deliver."""
    world.restart()
    world.clock.advance(LONGER_THAN_ANY_LEASE)
    world.deliver()


def _count(world: RaceWorld, operation: Operation, wanted: int) -> None:
    for kind in operation.events:
        found = len(world.sink.of(kind))
        assert found == wanted, f"{found} events {kind.__name__} where it happened {wanted} times"
    for purpose in operation.messages:
        found = len(world.messenger.of(purpose))
        assert found == wanted, f"{found} messages {purpose.value} where it happened {wanted} times"
