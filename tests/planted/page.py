"""The table of planted faults, as docs/explanation/planted-faults.md has it: ``python -m tests.planted.page`` writes it anew."""

from pathlib import Path

from tests.planted import flows, meters, platform, policies, records

PLOTS = {
    "Stores of records and their outbox": records.PLOT,
    "Stores of meters": meters.PLOT,
    "Policies and rules": policies.PLOT,
    "The engine": flows.PLOT,
    "A platform's own code": platform.PLOT,
}
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "planted-faults.md"
BEGIN, END = "<!-- faults: tests/planted writes and holds them -->", "<!-- end of faults -->"


def tables():
    """Every fault, under what it is planted in."""
    parts = []
    for title, plot in PLOTS.items():
        rows = [f"| `{one.id}` | {one.what} | {', '.join(one.seen)} | `{one.by.name}` |" for one in plot.faults]
        parts += [f"## {title}", "", "| id | what is wrong | seen as | found by |", "| --- | --- | --- | --- |", *rows, ""]
    return "\n".join(parts)


def written(page):
    """The page with the tables of today."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
