"""Ladders in human units: how failures are paced, and how often something may be asked for."""

from datetime import timedelta
from functools import cache

from attrs import evolve, field, frozen
from attrs.validators import optional

from acctsec.checks import length, whole
from acctsec.errors import ConfigError
from acctsec.protocols import Ladder

_MICROSECOND = timedelta(microseconds=1)


def micros(length: timedelta) -> int:
    """A length of time in whole microseconds."""
    return length // _MICROSECOND


@frozen(kw_only=True, cache_hash=True)
class Rungs:
    """
    How a secret answers as guesses fail.

    *free* failures cost nothing; from then on each one makes the meter rest for *first*, doubled by every further one and
    never longer than *longest*. At *stop* failures it closes: for as long as failures are remembered (*window*), or, without
    a window, until a success, a recovery or an administrator opens it.
    """

    free: int = field(validator=whole(1, 1_000_000))
    first: timedelta = field(validator=length())
    longest: timedelta = field(validator=length())
    stop: int = field(validator=whole(1, 1_000_000))
    window: timedelta | None = field(default=None, validator=optional(length()))

    def __attrs_post_init__(self) -> None:
        if self.stop < self.free:
            raise ConfigError(f"stop={self.stop} comes before free={self.free}.", remedy="Let stop be at least free.")
        if self.longest < self.first:
            raise ConfigError("longest is shorter than first.", remedy="Let longest be at least first.")
        if self.window is not None and self.window < self.longest:
            raise ConfigError("The window is shorter than the longest rest.", remedy="Let window be at least longest.")

    def ladder(self, lease: timedelta) -> Ladder:
        """The same in a meter's own terms."""
        return _of_rungs(self, lease)

    def narrowed(self, by: int) -> "Rungs":
        """The same with a *by*-th of the free failures, one at least, and a first rest *by* times as long; never a looser one."""
        return _narrowed(self, by)


@frozen(kw_only=True, cache_hash=True)
class Budget:
    """How often something may happen: *limit* times in any *window*."""

    limit: int = field(validator=whole(1, 1_000_000))
    window: timedelta = field(validator=length())

    def ladder(self) -> Ladder:
        """The same in a meter's own terms."""
        return _of_budget(self)


# Computed once: every charge asks for them, and policies are few.


@cache
def _of_rungs(rungs: Rungs, lease: timedelta) -> Ladder:
    window = 0 if rungs.window is None else micros(rungs.window)
    return Ladder(rungs.free, micros(rungs.first), micros(rungs.longest), rungs.stop, window, micros(lease))


@cache
def _narrowed(rungs: Rungs, by: int) -> Rungs:
    return evolve(rungs, free=max(1, rungs.free // by), first=min(rungs.first * by, rungs.longest))


@cache
def _of_budget(budget: Budget) -> Ladder:
    return Ladder(budget.limit, 0, 0, budget.limit, micros(budget.window), micros(budget.window))
