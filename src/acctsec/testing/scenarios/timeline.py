"""The time line of a scenario: who did what, when and from where, and what came of it and why; what is alike is folded."""

from collections.abc import Iterator
from datetime import timedelta

from attrs import frozen
from msgspec.structs import asdict

from acctsec.testing.scenarios.figures import TIMES, Consequences, Moment, Played, repeated
from acctsec.testing.scenarios.policies import shift
from acctsec.testing.scenarios.schema import Scenario
from acctsec.testing.scenarios.steps import AnyStep, Operation, Step
from acctsec.testing.scenarios.telling import length

_COMMON = set(Operation.__struct_fields__)
LONGEST = 60
"""Characters of one text of a file that are shown."""


@frozen
class Fold:
    """
    Attempts of one step that came to the same for the same reasons: so many *times*, from the *first* to the *last*, with waits
    as short and as long as *waits*. What happens at once has no order, and *first* is 0.
    """

    outcome: str
    why: tuple[str, ...]
    first: int
    last: int
    times: int
    waits: tuple[timedelta, timedelta] | None

    def __str__(self) -> str:
        text = repeated(self.outcome, self.times)
        if self.first and self.last > 1:
            in_a_row = self.last - self.first + 1 == self.times
            text += f" ({_range(str(self.first), str(self.last))})" if in_a_row else f" (from {self.first} on)"
        if self.waits:
            text += f", again after {_range(*map(length, self.waits))}"
        return f"{text}: {'; '.join(self.why)}" if self.why else text


@frozen
class Entry:
    """One step: *when* on the clock of the scenario, *what* was done, how it was answered, and what it *left* behind."""

    when: str
    what: str
    folds: tuple[Fold, ...]
    left: tuple[str, ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers, each as one line."""
        return tuple(map(str, self.folds))


def timeline(scenario: Scenario, played: Played) -> Iterator[Entry]:
    """A scenario, step by step."""
    now = timedelta(0)
    for number, (step, consequences) in enumerate(zip(scenario.steps, played.consequences, strict=True)):
        moments = [one for one in played.moments if one.step == number]
        now = moments[0].since if moments else now + shift(step.after)
        yield Entry(_clock(now), _what(step, moments), tuple(_folded(step, moments)), tuple(_left(consequences)))
        now = moments[-1].since if moments else now


def _what(step: AnyStep, moments: list[Moment]) -> str:
    keys = {key: value for key, value in asdict(step).items() if key not in _COMMON}
    defaults = dict(zip(step.__struct_fields__[::-1], step.__struct_defaults__[::-1], strict=False))
    told = [_told(key, value) for key, value in keys.items() if key not in defaults or value != defaults[key]]
    text = " ".join((f"{step.by}{_where(moments)}:", str(step.__struct_config__.tag), *told))
    if step.trouble:
        text = f"[{step.trouble}] {text}"
    return f"{text}{_how_often(step)}"


def _where(moments: list[Moment]) -> str:
    """From which source, as budgets know it, or from how many."""
    sources = {one.source for one in moments}
    return f" ({len(sources)} sources)" if len(sources) > 1 else f" ({sources.pop()})" if sources else ""


def _how_often(step: Step) -> str:
    if not isinstance(step, Operation) or step.times == 1:
        return ""
    how = " at once" if step.at_once else f", every {step.every}" if step.every else ""
    return f", {TIMES}{step.times}{how}"


def _told(key: str, value: object) -> str:
    if isinstance(value, bool):
        return key if value else f"without {key}"
    text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(value))
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    return text if key == "account" else f'{key} "{text}"' if " " in text else f"{key} {text}"


def _folded(step: Step, moments: list[Moment]) -> Iterator[Fold]:
    alike: dict[tuple[str, tuple[str, ...]], list[Moment]] = {}
    for one in moments:
        alike.setdefault((one.outcome, one.why), []).append(one)
    for (outcome, why), found in alike.items():
        waits = [one.wait for one in found if one.wait is not None]
        first, last = (0, 0) if getattr(step, "at_once", False) or len(moments) == 1 else (found[0].number, found[-1].number)
        yield Fold(outcome, why, first, last, len(found), (min(waits), max(waits)) if waits else None)


def _left(consequences: Consequences) -> Iterator[str]:
    for what, found in (("event", consequences.events), ("sent", consequences.messages)):
        alike: dict[str, list[str]] = {}
        for text in found:
            alike.setdefault(text.partition(": ")[0], []).append(text)
        for name, texts in alike.items():
            if len(set(texts)) == 1:
                yield f"{what}: {repeated(texts[0], len(texts))}"
            else:
                first, last = (text.partition(": ")[2] for text in (texts[0], texts[-1]))
                yield f"{what}: {repeated(name, len(texts))}, from {first} to {last}"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _clock(since: timedelta) -> str:
    seconds = int(since.total_seconds())
    sign, (days, rest) = ("-" if seconds < 0 else ""), divmod(abs(seconds), 86_400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{sign}{days} d {clock}" if days else f"{sign}{clock}"
