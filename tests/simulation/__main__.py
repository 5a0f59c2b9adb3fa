"""The command: see the package."""

import argparse
import json
import sys
from pathlib import Path

from tests.simulation.page import tables
from tests.simulation.pictures import PICTURES
from tests.simulation.runs import GUARDS, Estimate, Setting, compare


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description="Lockout policies like for like.")
    arguments.add_argument("--owners", type=int, default=10_000)
    arguments.add_argument("--days", type=float, default=30)
    arguments.add_argument("--seeds", type=int, default=10, help="how many runs of each policy")
    arguments.add_argument("--first", type=int, default=1, help="the first seed")
    arguments.add_argument("--jobs", type=int, default=1, help="processes")
    arguments.add_argument("--only", action="append", choices=tuple(GUARDS), help="one policy; may be repeated")
    arguments.add_argument("--json", type=Path, help="write the report there")
    arguments.add_argument("--read", type=Path, help="take a report written before, and run nothing")
    arguments.add_argument("--svg", type=Path, help="draw the pictures into this folder")
    given = arguments.parse_args()
    if given.read:
        report = read(json.loads(given.read.read_text("utf-8")))
    else:
        seeds = range(given.first, given.first + given.seeds)
        names = tuple(given.only or GUARDS)
        report = compare(Setting(owners=given.owners, days=given.days), seeds, jobs=given.jobs, names=names)
    if given.json:
        given.json.write_text(json.dumps(report, default=lambda one: [one.mean, one.half], indent=1) + "\n", "utf-8")
    for name, draw in PICTURES.items():
        if given.svg:
            (given.svg / name).write_text(draw(report), "utf-8")
    sys.stdout.write(tables(report))


def read(report):
    """A report as it was before it became JSON."""
    return {
        name: {cohort: {thing: Estimate(*pair) for thing, pair in one.items()} for cohort, one in cohorts.items()}
        for name, cohorts in report.items()
    }


if __name__ == "__main__":
    main()
