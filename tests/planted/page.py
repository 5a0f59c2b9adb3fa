"""
The tables of planted faults, as docs/explanation/planted-faults.md has them, and which of them were seen to break an invariant, as
docs/explanation/invariants.md has it: ``python -m tests.planted.page`` writes both anew.
"""

import re
from pathlib import Path

from tests.audit.faults import FAULTS as BROKEN
from tests.planted import flows, meters, platform, policies, records

PLOTS = {
    "Stores of records and their outbox": records.PLOT,
    "Stores of meters": meters.PLOT,
    "Policies and rules": policies.PLOT,
    "The engine": flows.PLOT,
    "A platform's own code": platform.PLOT,
}
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "planted-faults.md"
INVARIANTS = PAGE.with_name("invariants.md")
BEGIN, END = "<!-- faults: tests/planted writes and holds them -->", "<!-- end of faults -->"


def tables():
    """Every fault, under what it is planted in; then the policies of tests/audit, each with the law that finds it."""
    parts = []
    for title, plot in PLOTS.items():
        rows = [f"| `{one.id}` | {one.what} | {', '.join(one.seen)} | `{one.by.name}` |" for one in plot.faults]
        parts += [f"## {title}", "", "| id | what is wrong | seen as | found by |", "| --- | --- | --- | --- |", *rows, ""]
    rows = [f"| `{one.id}` | {one.fault[0].upper()}{one.fault[1:]}. | `{one.law}` |" for one in BROKEN]
    parts += ["## Policies, law by law", "", "| id | what is wrong | found by the law |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(parts)


def broken(page):
    """The faults of each invariant on *page*: those that were seen as one of the recipes that taught it."""
    faults = [fault for plot in PLOTS.values() for fault in plot.faults]
    lines = []
    for number, recipes in re.findall(r"^\| (I\d\d) \|.*\| ([M\d -]+) \|$", page, re.MULTILINE):
        found = [f"`{fault.id}`" for fault in faults if {*fault.seen} & {*recipes.split()}]
        lines += [f"- {number}: {', '.join(found)}"] if found else []
    return "\n".join([*lines, ""])


def written(page, text):
    """The page with what it says of the faults of today."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{text}\n{END}{tail}"


def today():
    """Both pages as they are, and as they have to be."""
    faults, invariants = (path.read_text(encoding="utf-8") for path in (PAGE, INVARIANTS))
    return {PAGE: (faults, written(faults, tables())), INVARIANTS: (invariants, written(invariants, broken(invariants)))}


if __name__ == "__main__":
    for path, (_, due) in today().items():
        path.write_text(due, encoding="utf-8")
