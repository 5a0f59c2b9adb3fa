"""The report as tables for the page: one for each thing that is counted, a row a policy, a column a cohort."""

from tests.simulation.habits import GRIEFER, QUIET

SHARE, NUMBER = 100, 1
ATTACKERS = {
    "guesses compared": ("Guesses compared, per attacked account", NUMBER),
    "accounts lost": ("Accounts lost where every password is allowed, %", SHARE),
    "accounts lost, common ones refused": ("Accounts lost where the 20,000 most popular passwords are refused, %", SHARE),
}
OWNERS = {
    "visits refused": ("Visits refused at least once with the right password, %", SHARE),
    "owners locked out": ("Owners refused at least once in the time, %", SHARE),
    "longest lock-out": ("The longest lock-out, hours", NUMBER),
    "resets": ("Resets by mail, per 100 owners", SHARE),
    "tickets": ("Calls to the helpdesk, per 100 owners", SHARE),
}
STALE = {
    "stale clients": ("stale clients", NUMBER),
    "stale clients' owners who came": ("their owners who came meanwhile", NUMBER),
    "stale clients' owners locked out": ("of these refused, %", SHARE),
}


def tables(report):
    """Everything in Markdown."""
    every = list(next(iter(report.values())))
    guessing = [cohort for cohort in every if cohort not in {QUIET, GRIEFER}]  # a griefer types junk
    parts = []
    for things, cohorts in ((ATTACKERS, guessing), (OWNERS, every)):
        for thing, (title, by) in things.items():
            rows = {name: [shown(found[cohort][thing], by) for cohort in cohorts] for name, found in report.items()}
            parts += [f"**{title}**", "", *table(cohorts, rows), ""]
    rows = {name: [shown(found[QUIET][thing], by) for thing, (_, by) in STALE.items()] for name, found in report.items()}
    parts += ["**Stale clients of owners whom nobody attacks**", "", *table([head for head, _ in STALE.values()], rows), ""]
    rows = {name: [causes(found[cohort]) for cohort in every] for name, found in report.items()}
    parts += ["**What refused them first, % of visits**", "", *table(every, rows), ""]
    return "\n".join(parts)


def table(heads, rows):
    """Rows under heads."""
    yield "| | " + " | ".join(heads) + " |"
    yield "| --- |" + " --- |" * len(heads)
    for name, cells in rows.items():
        yield f"| {name} | " + " | ".join(cells) + " |"


def causes(one):
    """Why visits were refused."""
    return ", ".join(f"{thing[9:]} {shown(value, SHARE)}" for thing, value in one.items() if thing.startswith("refused: ")) or "-"


def shown(value, by):
    """A number with its interval."""
    mean = f"{by * value.mean:,.0f}" if abs(by * value.mean) >= 100 else f"{by * value.mean:.3g}"
    return mean if not value.half else f"{mean} ± {by * value.half:.2g}"
