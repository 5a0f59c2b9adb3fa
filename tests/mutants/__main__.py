"""Change the code that decides in thousands of small ways, and see a test fail at each; tests/mutants/__init__.py says how."""

import argparse
import sys

from tests.mutants.families import FAMILIES
from tests.mutants.runs import Workspace
from tests.mutants.table import GOAL, share, table


def main(arguments=None):
    """Run what has no result yet, print the table, and fail where too many survive."""
    given = _parser().parse_args(arguments)
    places = [Workspace(name) for name in given.family or FAMILIES]
    for place in places:
        again = place.forget(given.again) if given.again else ()
        if not given.table and not given.show:
            place.run(jobs=given.jobs, patience=given.patience, seconds=given.seconds, sample=given.sample, again=again)
    found = [mutant for place in places for mutant in place.mutants()]
    if given.show:
        for mutant in found:
            if mutant.state in given.show and given.only in mutant.function:
                before, after = mutant.change
                print(f"{mutant.state}: {mutant.function}  ({mutant.name})\n- {before}\n+ {after}\n")
        return 0
    print(table(found))
    return 0 if share(found) >= GOAL else 1


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("family", nargs="*", choices=[*FAMILIES, []], help=f"one of {', '.join(FAMILIES)}; all, if none is named")
    parser.add_argument("--table", action="store_true", help="run nothing: print what was found so far")
    parser.add_argument(
        "--show", action="append", metavar="STATE", help="print the changes in that state: survived, explained, untested …"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="with --show: of functions with this in their name")
    parser.add_argument("--again", action="append", metavar="STATE", help="forget the results in that state, as after new tests")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (2)")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds of tests that a mutant has to survive (5)")
    parser.add_argument("--sample", type=int, help="try so many of each family, by chance: for an estimate in little time")
    parser.add_argument("--seconds", type=float, help="stop each family after that long; the next run goes on where it stopped")
    return parser


sys.exit(main())
