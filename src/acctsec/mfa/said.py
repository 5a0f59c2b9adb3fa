"""The words of an explanation of second factors."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING

from acctsec.mfa.needs import AllOf, Needs
from acctsec.outcomes import AssuranceLevel

if TYPE_CHECKING:
    from acctsec.mfa.explained import Explained, Row

COLUMNS = 100
LEVELS = {AssuranceLevel.AAL1: "without a second factor", AssuranceLevel.AAL2: "with a second factor"}
HEAD = ("password", "phisher", "factor", "session", "full", "both", "remembered")
WIDTHS = (27, 7, 8, 7, 6, 7, 5, 5, 10)
SHORT = {"at once": "yes", "later": "later", "never": "-"}
NOTES = (
    ("within", "how old each proof may be; a sign-in proves everything anew"),
    ("password ...", "whether a thief gets through: yes, or later, by a factor of his own, of which every address is told"),
    ("phisher", "a look-alike page: the password, and whatever is typed or approved there"),
    ("factor", "one thing of the owner's, with what opens it: a passkey and its PIN, an app, a sheet of codes"),
    ("session, full", "an old token whose session proved the password; and a factor"),
    ("both", "the first of these, and the password"),
    ("remembered", "the owner's own browser, and the password"),
)


def length(span: timedelta | None) -> str:
    """A length of time in one unit, or nothing."""
    if span is None:
        return ""
    for name, unit in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if span >= unit:
            return f"{span / unit:.3g} {name}"
    return f"{span.total_seconds():.3g} s"


def needed(row: "Row") -> str:
    """What is needed, in words."""
    if row.needs is None:
        return "any proof" if row.max_age is not None else "the password"
    return joined(row.needs)


def joined(needs: Needs) -> str:
    """An expression without brackets around all of it, and nothing twice."""
    parts = needs.parts if isinstance(needs, AllOf) else (needs,)
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    words = dict.fromkeys(str(part) for part in flat)
    if len(words) == 1:
        return next(iter(words))
    return " and ".join(f"({word})" if " or " in word else word for word in words)


def enough(row: "Row") -> str:
    """The ways that are enough."""
    return "; ".join(" + ".join(sorted(way)) for way in row.ways) or "nothing that can be set up"


def said(explained: "Explained") -> str:
    """All of it, as text of at most 100 columns. Actions that ask for the same stand together."""
    lines: list[str] = []
    for (group, level), rows in groupby(explained.rows, key=lambda row: (row.group, row.level)):
        title = LEVELS[level] + (f", group {group}" if group else "")
        lines += [title, _row(("", "within", *HEAD))]
        for alike, each in _alike(rows):
            lines += [_row(_cells(row)) for row in each]
            lines += [_filled("    needs   ", needed(alike)), _filled("    by      ", enough(alike))]
        lines += [""]
    lines += [_filled(f"{name:<15}", words) for name, words in NOTES]
    return "\n".join([*lines, *_warned(explained)])


def _alike(rows: "Iterable[Row]") -> "list[tuple[Row, list[Row]]]":
    found: list[tuple[Row, list[Row]]] = []
    for row in rows:
        same = next((each for one, each in found if (one.needs, one.ways) == (row.needs, row.ways)), None)
        if same is None:
            found.append((row, [row]))
        else:
            same.append(row)
    return found


def _warned(explained: "Explained") -> list[str]:
    return [line for words in explained.warnings for line in ("", _filled("doubtful       ", words))]


def _cells(row: "Row") -> tuple[str, ...]:
    name = row.action + (", strange" if row.risky else "")
    return (name, length(row.max_age), *(SHORT[reach.value] for _, reach in row.reached))


def _row(cells: Iterable[str]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _filled(head: str, words: str) -> str:
    indent = " " * len(head)
    return fill(words, COLUMNS, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False)
