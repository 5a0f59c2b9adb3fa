"""What came of the mutants, module by module."""

from collections import Counter, defaultdict

GOAL = 0.9
"""The share of mutants that tests have to find, of those that change what is decided."""

COLUMNS = ("typed", "killed", "timeout", "survived", "untested", "explained", "wording", "unknown")


def table(mutants):
    """A row for each module, and one for all of them, as Markdown."""
    rows = defaultdict(Counter)
    for mutant in mutants:
        for row in (mutant.module, "**all**"):
            rows[row][mutant.state] += 1
    lines = [f"| module | mutants | {' | '.join(COLUMNS)} | found |", f"| --- {'| ---: ' * (len(COLUMNS) + 2)}|"]
    for row in sorted(rows, key=lambda row: (row == "**all**", row)):
        counts = rows[row]
        cells = [str(counts[column]) for column in COLUMNS]
        lines.append(f"| {row} | {counts.total()} | {' | '.join(cells)} | {_share(counts):.1%} |")
    return "\n".join(lines)


def share(mutants):
    """How many of all that were tried were found; 0 where none was."""
    return _share(Counter(mutant.state for mutant in mutants))


def _share(counts):
    found = counts["typed"] + counts["killed"] + counts["timeout"]
    tried = found + counts["survived"] + counts["untested"] + counts["explained"]
    return found / tried if tried else 0.0
