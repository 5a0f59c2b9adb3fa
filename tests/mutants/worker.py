"""
mutmut, told to be brief: run by tests.mutants in the folder of a family.

mutmut would run every test that reached a function. Thousands reach the heart of sign-in; the few that reach little else, and
the fastest of the others, find nearly all there is to find.
"""

import os
import sys
from collections import Counter

from mutmut import __main__ as mutmut
from mutmut.mutation import file_mutation
from mutmut.state import state
from mutmut.workers.isolation import ForkRunner


def main():
    """Run the mutants that have no result."""
    patience = float(os.environ["ACCTSEC_PATIENCE"])
    collect = mutmut.collect_or_load_stats

    def collect_and_choose(*given, **named):
        collect(*given, **named)
        choose(patience)

    mutmut.collect_or_load_stats = collect_and_choose
    check = file_mutation.run_type_checker
    # Some of the comments that mypy does not like are mutmut's own, beside the mutants.
    file_mutation.run_type_checker = lambda command: [one for one in check(command) if "type: ignore" not in one.error_description]
    # That the tests pass without a mutant was seen when they were chosen.
    ForkRunner.run_clean_tests = lambda *_, **__: 0
    sys.argv = ["mutmut", "run", *sys.argv[1:]]
    mutmut.cli()


def choose(patience):
    """Leave each function the tests of most use, in as few files as may be: each file has to be collected once more."""
    reached, took = state().tests_by_mangled_function_name, state().duration_by_test
    width = Counter(test for tests in reached.values() for test in tests)
    for function, tests in reached.items():
        known = [test for test in tests if test in took]
        worth = Counter()
        for test in known:
            worth[test.partition("::")[0]] += 1 / width[test]
        near = {file for file, _ in worth.most_common(int(2 * patience))}
        left, chosen = patience, set()
        for test in sorted(known, key=lambda test: (took[test] * width[test], test)):
            if test.partition("::")[0] in near and took[test] <= left:
                left -= took[test]
                chosen.add(test)
        reached[function] = chosen


if __name__ == "__main__":
    main()
