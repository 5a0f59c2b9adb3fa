"""What a scenario came to: what happened, and whether it is what was expected."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from attrs import field, frozen

from acctsec.protocols import MessagePurpose
from acctsec.testing.scenarios.checking import expected
from acctsec.testing.scenarios.schema import Scenario


@frozen(kw_only=True)
class Moment:
    """
    A step done once: *since* the attack began so long ago, *source* is where from, *outcome* what the engine answered, *why*
    what of that the platform may see, *wait* for how long the actor is told to. *seen* is what the actor can tell by it: the
    answer, how long its secrets are, and the hashes that were computed.
    """

    step: int
    number: int
    since: timedelta
    by: str
    source: str
    outcome: str
    why: tuple[str, ...] = ()
    wait: timedelta | None = None
    seen: str = field(default="", repr=False)


@frozen(kw_only=True)
class Consequences:
    """What a step left behind, once it was delivered: events and messages as one line each, in their order."""

    events: tuple[str, ...]
    messages: tuple[str, ...]


@frozen(kw_only=True)
class Check:
    """One expectation of a file: its *key*, what it *wanted*, what was *found*."""

    key: str
    wanted: str
    found: str

    @property
    def held(self) -> bool:
        """Whether it was as expected."""
        return self.wanted == self.found


@frozen(kw_only=True)
class Played:
    """
    What came of a scenario: each step's *moments* and *consequences*, the outcomes of each step, and the figures its ``expect``
    speaks of. *checks* says of every expectation whether it was met.
    """

    moments: tuple[Moment, ...] = field(repr=False)
    consequences: tuple[Consequences, ...] = field(repr=False)
    outcomes: tuple[Counter[str], ...]
    compared: int
    guesses: int
    hashed: int
    messages: Counter[MessagePurpose]
    events: Counter[str]
    sessions: Counter[str]
    failures: Counter[str]
    factor_failures: Counter[str]
    factors: dict[str, tuple[str, ...]]
    addresses: dict[str, tuple[str, ...]]
    stopped: tuple[str, ...]
    changed: tuple[str, ...]
    contested: tuple[str, ...]
    disabled: tuple[str, ...]
    checks: tuple[Check, ...] = field(default=(), repr=False)

    @property
    def held(self) -> bool:
        """Whether everything was as the file says."""
        return all(check.held for check in self.checks)


def checks_of(scenario: Scenario, played: Played) -> Iterator[Check]:
    """Every expectation of a scenario, in the order of its file."""
    for number, step in enumerate(scenario.steps):
        wanted = expected(step)
        if wanted:
            yield Check(key=f"steps[{number}].expect", wanted=counted(wanted), found=counted(played.outcomes[number]))
    yield from _figures(scenario, played)
    yield from _lists(scenario, played)
    yield from _alike(scenario.expect.same, played)


def counted(outcomes: Counter[str]) -> str:
    """Outcomes as a person writes them: the label, and how often beside it where it is more than once."""
    return ", ".join(repeated(label, times) for label, times in sorted(outcomes.items()) if times) or "nothing"


def repeated(text: str, times: int) -> str:
    """A text with how often it was, where that is more than once."""
    return text if times == 1 else f"{text} {TIMES}{times}"


TIMES = "\N{MULTIPLICATION SIGN}"


def _figures(scenario: Scenario, played: Played) -> Iterator[Check]:
    expect = scenario.expect
    for key in ("compared", "guesses", "hashed"):
        wanted = getattr(expect, key)
        if wanted is not None:
            yield Check(key=f"expect.{key}", wanted=str(wanted), found=str(getattr(played, key)))
    for key in ("messages", "events", "sessions", "failures", "factor_failures"):
        for name, number in getattr(expect, key).items():
            yield Check(key=f"expect.{key}.{name}", wanted=str(number), found=str(getattr(played, key)[name]))
    for key in ("factors", "addresses"):
        for name, wanted in getattr(expect, key).items():
            found = getattr(played, key)[name]
            yield Check(key=f"expect.{key}.{name}", wanted=_listed(wanted), found=_listed(found))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _lists(scenario: Scenario, played: Played) -> Iterator[Check]:
    expect = scenario.expect
    for name in expect.kept:
        yield Check(key=f"expect.kept.{name}", wanted="kept", found=_became(name, played))
    for name in expect.changed:
        yield Check(key=f"expect.changed.{name}", wanted="changed", found=_became(name, played))
    for key in ("stopped", "contested", "disabled"):
        for name in getattr(expect, key):
            yield Check(key=f"expect.{key}.{name}", wanted=key, found=key if name in getattr(played, key) else f"not {key}")


def _became(name: str, played: Played) -> str:
    return "changed" if name in played.changed else "kept"


def _alike(same: tuple[str, ...], played: Played) -> Iterator[Check]:
    """Each of these actors beside the first: who can tell something from what he sees is told apart."""
    for other in same[1:]:
        difference = _difference(same[0], other, played)
        yield Check(key=f"expect.same.{other}", wanted=f"what {same[0]} sees", found=difference or f"what {same[0]} sees")


def _difference(one: str, other: str, played: Played) -> str:
    seen = [[moment.seen for moment in played.moments if moment.by == name] for name in (one, other)]
    for number, (first, second) in enumerate(zip(*seen, strict=False), start=1):
        if first != second:
            return f"at attempt {number} {one} sees {first}, {other} sees {second}"
    if len(seen[0]) != len(seen[1]):
        return f"{one} acts {len(seen[0])} times, {other} {len(seen[1])}"
    return ""
