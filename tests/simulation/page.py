"""The report as tables for the page."""

from tests.simulation.habits import QUIET

SHARE, NUMBER = 100, 1
ATTACKERS = (
    ("accounts lost", "accounts lost, no rule, %", SHARE),
    ("accounts lost, common ones refused", "accounts lost, common passwords refused, %", SHARE),
    ("guesses compared", "guesses compared, an account", NUMBER),
    ("most guesses compared", "the most of them", NUMBER),
)
OWNERS = (
    ("visits refused", "visits refused, %", SHARE),
    ("owners locked out", "owners locked out at least once, %", SHARE),
    ("longest lock-out", "longest, hours", NUMBER),
    ("resets", "resets by mail, 100 owners", SHARE),
    ("tickets", "tickets, 100 owners", SHARE),
)
STALE = (
    ("stale clients", "stale clients", NUMBER),
    ("stale clients' owners who came", "their owners who came meanwhile", NUMBER),
    ("stale clients' owners locked out", "of these locked out, %", SHARE),
)


def tables(report):
    """Everything in Markdown."""
    cohorts = [cohort for cohort in next(iter(report.values())) if cohort != QUIET]
    parts = []
    for cohort in cohorts:
        parts += [f"### What attackers get: {cohort}", "", *table(report, cohort, ATTACKERS), ""]
    for cohort in (QUIET, *cohorts):
        parts += [f"### What owners bear: attacked by {cohort}", "", *table(report, cohort, OWNERS), ""]
    parts += ["### Stale clients", "", *table(report, QUIET, STALE), ""]
    parts += ["### Causes of refusal, % of visits", ""]
    for name, found in report.items():
        for cohort, one in found.items():
            causes = [f"{thing[9:]} {shown(value, SHARE)}" for thing, value in one.items() if thing.startswith("refused: ")]
            parts.append(f"- {name}, {cohort}: {'; '.join(causes) or 'none'}")
    return "\n".join([*parts, ""])


def table(report, cohort, columns):
    """One cohort, a row a policy."""
    yield "| policy | " + " | ".join(head for _, head, _ in columns) + " |"
    yield "| --- |" + " --- |" * len(columns)
    for name, found in report.items():
        yield f"| {name} | " + " | ".join(shown(found[cohort][thing], by) for thing, _, by in columns) + " |"


def shown(value, by):
    """A number with its interval."""
    mean = f"{round(by * value.mean, 4):.3g}" if abs(by * value.mean) < 1000 else f"{by * value.mean:,.0f}"
    return mean if not value.half else f"{mean} ± {round(by * value.half, 4):.2g}"
