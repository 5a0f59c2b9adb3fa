"""The laws of a policy: asked one by one, as one call, or as a pytest class."""

from collections.abc import Callable, Collection, Iterator, Sequence
from time import perf_counter
from typing import Any, ClassVar

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.password.codes import Code
from acctsec.policy import Policy
from acctsec.testing._guarded import Guarded
from acctsec.testing.laws import LAWS, Asking, Counterexample, Falsified, Law, NotAsked


@frozen(kw_only=True)
class Held:
    """A law that holds for all that it was *asked* of: so many values, or scenes of a story."""

    law: Law
    asked: int
    seconds: float = field(eq=False)


@frozen(kw_only=True)
class Broken:
    """A law that does not hold; *counterexample* is the smallest that was found."""

    law: Law
    asked: int
    seconds: float = field(eq=False)
    counterexample: Counterexample
    error: Exception | None = field(default=None, eq=False, repr=False)


@frozen(kw_only=True)
class Unasked:
    """A law that has nothing to say about this policy, and *why*."""

    law: Law
    why: str


Answer = Held | Broken | Unasked


class LawBroken(AssertionError):  # noqa: N818 - it names what was found
    """A policy breaks a *law*, for this *counterexample*."""

    def __init__(self, policy: Policy, broken: Broken) -> None:
        super().__init__(
            f"The policy {policy.name!r} breaks the law {broken.law.id}. {broken.law.says}\n{broken.counterexample}\n"
            f"To see it again: acctsec audit MODULE:POLICY --law {broken.law.id}"
        )
        self.law: Law = broken.law
        self.counterexample: Counterexample = broken.counterexample


def ask(
    law: Law, policy: Policy, *, codes: Collection[str] = (), examples: int | None = None, times: int = 1, seed: int = 0
) -> Answer:
    """
    Ask one law of a policy.

    *codes* are the objection codes of your own rules. *examples* is how many values are drawn, in place of the law's own number;
    *times* multiplies that number. The same *seed* asks the same. Nothing is raised for a law that is broken.
    """
    asking = Asking(law=law, policy=policy, codes=frozenset([*Code, *codes]), examples=examples, times=times, seed=seed)
    begun = perf_counter()
    try:
        with asking.trying("The law is asked."):
            law.asks(asking)
    except NotAsked as why:
        return Unasked(law=law, why=str(why))
    except Falsified as found:
        spent = perf_counter() - begun
        return Broken(law=law, asked=asking.asked - 1, seconds=spent, counterexample=found.counterexample, error=found)
    return Held(law=law, asked=asking.asked - 1, seconds=perf_counter() - begun)


def ask_all(
    policy: Policy,
    *,
    laws: Sequence[Law] = LAWS,
    codes: Collection[str] = (),
    examples: int | None = None,
    times: int = 1,
    seed: int = 0,
) -> Iterator[Answer]:
    """Ask *laws*, one after the other, as `ask` does; each answer comes as it is found."""
    if not isinstance(policy, Policy):
        raise TypeError("The laws are those of a Policy.")
    for law in laws:
        yield ask(law, policy, codes=codes, examples=examples, times=times, seed=seed)


def check_policy(policy: Policy, *, codes: Collection[str] = ()) -> None:
    """
    Prove that a policy keeps the laws that hold for every policy, whatever its numbers and rules.

    ``docs/reference/laws.md`` lists them, ``acctsec audit`` asks the same from the command line. *codes* names the objection
    codes of your own rules. Raises `LawBroken` with the first law that is broken, and the smallest counterexample in words.
    Every run asks the same; it takes ten seconds or so, as hashing is replaced by the cheapest there is (the law of the hashing
    policy itself is asked of the real one).

    >>> from acctsec import SOCIAL_DEFAULT
    >>> check_policy(SOCIAL_DEFAULT)
    """
    for answer in ask_all(policy, codes=codes):
        if isinstance(answer, Broken):
            raise LawBroken(policy, answer) from answer.error


# --- as a pytest class ------------------------------------------------------------------------------------------------


def _test(law: Law) -> Callable[[Any], None]:
    def test(self: "PolicyContract") -> None:
        policy = self.make_policy()
        if not isinstance(policy, Policy):
            raise ConfigError("make_policy gives no Policy.", remedy="Set policy, or return one from make_policy.")
        answer = ask(law, policy, codes=self.codes, times=self.times)
        if isinstance(answer, Broken):
            raise LawBroken(policy, answer) from answer.error

    test.__name__ = f"test_{law.id.replace('-', '_')}"
    test.__qualname__ = f"PolicyContract.{test.__name__}"
    test.__doc__ = law.says
    return test


class PolicyContract(Guarded, tests=[_test(law) for law in LAWS], yours=["make_policy", "policy", "codes", "times"]):
    """
    The laws as a pytest class, one test a law: subclass it and set ``policy``, or define ``make_policy``.

    ``codes`` names the objection codes of your own rules; ``times`` asks so many times as hard. A law that has nothing to say
    about a policy passes. A test cannot be overridden, removed or skipped, other than by an ``xfail`` that gives its reason.
    """

    policy: ClassVar[Policy | None] = None
    codes: ClassVar[Collection[str]] = ()
    times: ClassVar[int] = 1

    def make_policy(self) -> Policy | None:
        """The policy that is held to the laws."""
        return self.policy
