"""One table: what was measured, beside what it is measured against, and whether the goal is met."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

from attrs import field, frozen
from tests.bench.timing import Figure, Pace, awake

HEAD = ("row", "what", "ours", "floor", "peer", "ratio", "goal", "rounds", "noise", "")


@frozen(kw_only=True)
class Row:
    """
    One line. *met* is None where there is nothing to hold it against: a peer is missing, or it is told for context. *figure* is
    what the goal is held against, with its rounds and their spread, where it was measured in rounds.
    """

    id: str
    what: str
    ours: str
    floor: str = "-"
    peer: str = "-"
    ratio: str = "-"
    goal: str = "-"
    met: bool | None = None
    figure: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the goal is met, in a word."""
        return {True: "met", False: "MISSED", None: ""}[self.met]

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text. Of one round nobody knows how it scatters."""
        rounds, noise = "-", "-"
        if isinstance(self.figure, Figure):
            rounds = str(self.figure.rounds)
            noise = f"±{50 * self.figure.spread:.0f} %" if self.figure.rounds > 2 else "-"
        told = (self.id, self.what, self.ours, self.floor, self.peer, self.ratio, self.goal)
        return (*told, rounds, noise, self.verdict)

    @property
    def plain(self) -> dict[str, object]:
        """The line for programs."""
        names = ("row", "what", "ours", "floor", "peer", "ratio", "goal")
        figure = self.figure if isinstance(self.figure, Figure) else None
        return dict(zip(names, self.cells, strict=False)) | {
            "met": self.met,
            "figure": None if self.figure is None else float(self.figure),
            "rounds": figure and figure.rounds,
            "spread": figure and figure.spread,
        }


Measure = Callable[[Pace], Iterable[Row]]


@frozen
class Bench:
    """All measurements by row id, in order; a row may be measured in several places."""

    measures: dict[str, list[Measure]] = field(factory=dict, repr=False)

    def row(self, *ids: str, spinning: bool = True) -> Callable[[Measure], Measure]:
        """Register what measures the rows *ids*; with *spinning* no core halts meanwhile."""

        def register(measure: Measure) -> Measure:
            def measured(pace: Pace) -> list[Row]:
                with awake(pace) if spinning else nullcontext():
                    return list(measure(pace))

            for one in ids:
                self.measures.setdefault(one, []).append(measured)
            return measure

        return register


BENCH = Bench()


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table whose columns line up."""
    lines = [HEAD, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def si(seconds: float) -> str:
    """A length of time that a person can read."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def percent(ratio: float) -> str:
    """A small share."""
    return f"{100 * ratio:.2f} %"
