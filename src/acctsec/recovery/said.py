"""The words of an explanation of recovery, and how long things take in them."""

from collections.abc import Iterable
from datetime import timedelta
from textwrap import fill
from typing import TYPE_CHECKING

from acctsec.outcomes import AssuranceLevel
from acctsec.recovery.paths import named

if TYPE_CHECKING:
    from acctsec.recovery.explained import Course, Explained, Gain, WayOut

COLUMNS = 100
SECOND = timedelta(seconds=1)
HEAD = ("password", "factors", "addresses", "signs in", "stop", "freezes")
WIDTHS = (18, 15, 15, 15, 15, 6, 10)
NONE = "-"
LEVELS = {
    AssuranceLevel.AAL1: "without a second factor",
    AssuranceLevel.AAL2: "with a second factor",
}
NOTES = (
    ("two times", "where nothing but a strange device speaks against him / with every delay of the policy"),
    ("stop", "by an owner who reads another address: before it is made, or after, by a veto; never: no address stops it"),
    (
        "freezes",
        "keeps the owner out by a veto, and gets nothing: at will, or afterwards, once the owner has recovered something",
    ),
    ("way out", "what gives the owner an account that a reader of his mail has frozen"),
)


def length(span: timedelta) -> str:
    """A length of time in one unit, short enough for a table: ``36 h`` is ``1.5 d``."""
    for name, unit in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)), ("s", SECOND)):
        if span >= unit:
            count = span / unit
            return f"{round(count) if count >= 9.95 else f'{count:.2g}'} {name}"
    return "under 1 s" if span else "at once"


def gained(gain: "Gain | None") -> str:
    """After how long: in the quiet case, and at worst where that is longer."""
    if gain is None:
        return NONE
    if gain.quiet == gain.worst:
        return length(gain.quiet)
    return f"{length(gain.quiet) if gain.quiet else 'now'} / {length(gain.worst)}"


def said(explained: "Explained") -> str:
    """All of it, as text of at most 100 columns."""
    lines = []
    for out in explained.ways_out:
        title = LEVELS[out.level] + (f", group {out.group}" if out.group else "")
        courses = [one for one in explained.thieves if (one.level, one.group) == (out.level, out.group)]
        lines += [title, _row(("", *HEAD)), *(_row(_cells(one)) for one in courses)]
        lines += [_filled(f"{'way out':<19}", ways(out)), ""]
    return "\n".join([*lines, *(_filled(f"{name:<19}", words) for name, words in NOTES)])


def ways(out: "WayOut") -> str:
    """What settles a contested account, or who has to."""
    return "; ".join(named(one) for one in out.paths) or "none; an operator has to"


def _cells(one: "Course") -> Iterable[str]:
    times = (gained(gain) for gain in (one.password, one.factors, one.addresses, one.session))
    return (one.thief.value, *times, one.stop.value if one.stop else NONE, one.freezes.value)


def _row(cells: Iterable[str]) -> str:
    return " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _filled(head: str, words: str) -> str:
    return fill(words, COLUMNS, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
