"""
What a law is, and how it is asked of a policy.

A law states what holds for every policy, whatever its numbers. It is asked of values that Hypothesis draws, or of a story that is
played; what breaks it is told in words, for the smallest values that do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from inspect import cleandoc
from pathlib import Path
from traceback import extract_tb
from typing import Any
from zlib import crc32

from attrs import define, evolve, field, frozen

from acctsec.errors import AcctsecError
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST
from acctsec.testing.world import World, world


class Family(StrEnum):
    """What a law is about."""

    POLICY = "policy"
    PASSWORD = "password"  # noqa: S105 - a family, not a password
    HASHING = "hashing"
    RESET = "reset"
    LOCKOUT = "lockout"
    MFA = "mfa"
    SESSIONS = "sessions"
    RECOVERY = "recovery"
    ENGINE = "engine"


@frozen(kw_only=True)
class Counterexample:
    """What breaks a law, in words: what was *given*, and what was *found*. It holds nothing that the kit did not make up."""

    given: str
    found: str

    def __str__(self) -> str:
        return f"{self.given} {self.found}"


class Falsified(Exception):  # noqa: N818 - what a law was found to be
    """A law does not hold; the *counterexample* says for what."""

    def __init__(self, counterexample: Counterexample) -> None:
        super().__init__(str(counterexample))
        self.counterexample: Counterexample = counterexample


class NotAsked(Exception):  # noqa: N818 - no error
    """A law has nothing to say about this policy; the message says why."""


@frozen(kw_only=True)
class Law:
    """
    One law: its *id* is stable, *says* is what holds, *invariants* are the ids of what it stands for.

    *examples* is of how many drawn values it is asked by default; 0 where it plays one story.
    """

    id: str
    says: str
    family: Family
    examples: int
    invariants: tuple[str, ...]
    asks: "Callable[[Asking], None]" = field(repr=False)


def law(
    id: str,  # noqa: A002 - what it is called everywhere
    family: Family,
    *invariants: str,
    examples: int = 0,
) -> "Callable[[Callable[[Asking], None]], Law]":
    """Make a law of the function that asks it; its docstring is what holds."""

    def made(asks: "Callable[[Asking], None]") -> Law:
        says = " ".join(cleandoc(asks.__doc__ or "").split())
        return Law(id=id, says=says, family=family, examples=examples, invariants=invariants, asks=asks)

    return made


@define(kw_only=True)
class Asking:
    """
    One law, being asked of one policy.

    *codes* are the objection codes that are known; *examples*, *times* and *seed* are how hard it is asked. *asked* counts.
    """

    law: Law
    policy: Policy
    codes: frozenset[str]
    examples: int | None = None
    times: int = 1
    seed: int = 0
    asked: int = 0
    _found: Falsified | None = None

    @property
    def cheap(self) -> Policy:
        """The same policy, hashing as cheaply as can be: for stories with hundreds of passwords."""
        return evolve(self.policy, hashing=CHEAPEST.hashing)

    def world(self, **families: Any) -> World[Any]:
        """A world under the cheap policy, with other *families* where a story needs them."""
        return world(policy=evolve(self.cheap, **families) if families else self.cheap, seed=self.seed)

    @contextmanager
    def trying(self, given: str | Callable[[], str]) -> Iterator[None]:
        """Try one case; whatever is raised breaks the law, and is told after what was *given*."""
        self.asked += 1
        try:
            yield
        except (Falsified, NotAsked):
            raise
        except (Exception, SystemExit) as error:  # a rule that ends the process must not end the audit as if all were well
            if type(error).__module__.partition(".")[0] == "hypothesis":  # it draws other values by that
                self.asked -= 1
                raise
            words = given() if callable(given) else given
            self._found = Falsified(Counterexample(given=words, found=_found(error)))
            raise self._found from error

    def of(self, case: Callable[..., None], *strategies: Any, says: Callable[..., str]) -> None:
        """
        Try drawn values; raises Falsified for the smallest that break the law. *says* tells them in a sentence.

        The same values are drawn in every run with the same seed.
        """
        from hypothesis import HealthCheck, Phase, given, seed, settings
        from hypothesis import strategies as st
        from hypothesis.errors import Flaky

        effort = settings(
            max_examples=self.examples or self.law.examples * self.times,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )

        def try_(values: tuple[Any, ...]) -> None:
            with self.trying(lambda: says(*values)):
                case(*values)

        drawn = seed(crc32(f"{self.seed} {self.law.id}".encode()))(effort(given(st.tuples(*strategies))(try_)))
        try:
            drawn()
        except Flaky as error:
            if self._found is None:
                raise
            once = self._found.counterexample
            found = f"{once.found} It does not do so every time: the policy does not answer alike."
            raise Falsified(evolve(once, found=found)) from error


def _found(error: BaseException) -> str:
    """What came of a case. Of what others raise only the class and the place: nobody knows what is in its message."""
    if isinstance(error, AssertionError) and error.args and type(error.args[0]) is str:
        return error.args[0]
    if isinstance(error, AcctsecError):  # ours show no secret
        return f"{type(error).__name__} is raised: {error}"
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    frame = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} is raised, at {Path(frame.filename).name}:{frame.lineno} in {frame.name.strip('<>')}."
