"""The command: see the package."""

import argparse
import json
import sys
from pathlib import Path

from tests.simulation.page import tables
from tests.simulation.pictures import PICTURES
from tests.simulation.runs import GUARDS, Setting, compare, estimated, joined


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description="Lockout policies like for like.")
    arguments.add_argument("--owners", type=int, default=10_000)
    arguments.add_argument("--days", type=float, default=30)
    arguments.add_argument("--seeds", type=int, default=10, help="how many runs of each policy")
    arguments.add_argument("--first", type=int, default=1, help="the first seed")
    arguments.add_argument("--jobs", type=int, default=1, help="processes")
    arguments.add_argument("--only", action="append", choices=tuple(GUARDS), help="one policy; may be repeated")
    arguments.add_argument("--json", type=Path, help="write the report there")
    arguments.add_argument("--read", type=Path, nargs="+", help="run nothing, and join reports written before")
    arguments.add_argument("--svg", type=Path, help="draw the pictures into this folder")
    given = arguments.parse_args()
    if given.read:
        values = joined([json.loads(one.read_text("utf-8")) for one in given.read])
    else:
        seeds = range(given.first, given.first + given.seeds)
        names = tuple(given.only or GUARDS)
        values = compare(Setting(owners=given.owners, days=given.days), seeds, jobs=given.jobs, names=names)
    if given.json:
        given.json.write_text(json.dumps(rounded(values), indent=1) + "\n", "utf-8")
    report = estimated(rounded(values))
    for name, draw in PICTURES.items():
        if given.svg:
            (given.svg / name).write_text(draw(report), "utf-8")
    sys.stdout.write(tables(report))


def rounded(values):
    """To eight digits: a report is read by people too."""
    return {
        name: {
            cohort: {thing: [float(f"{value:.8g}") for value in one] for thing, one in things.items()}
            for cohort, things in cohorts.items()
        }
        for name, cohorts in values.items()
    }


if __name__ == "__main__":
    main()
