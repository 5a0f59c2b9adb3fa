"""
mutmut, told to be brief: run by tests.mutants in the folder of a family.

mutmut would run every test that reached a function. Thousands reach the heart of sign-in; the few that reach little else, and
the fastest of the others, find nearly all there is to find.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.data import MutantLineSpans, SourceFileMutationData
from mutmut.mutation.file_mutation import FailedTypeCheckMutant
from mutmut.state import state
from mutmut.type_checking import run_type_checker
from mutmut.utils.file_utils import change_cwd, walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name
from mutmut.workers.isolation import ForkRunner


def main():
    """Run the mutants that have no result."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was found is written down before it ends
    patience = float(os.environ["ACCTSEC_PATIENCE"])
    collect = mutmut.collect_or_load_stats

    def collect_and_choose(runner, **named):
        collect(runner, **named)
        if any(map(is_new, walk_mutatable_files())):
            mutmut.run_stats_collection(runner)
        choose(patience)

    mutmut.collect_or_load_stats = collect_and_choose
    mutmut.filter_mutants_with_type_checker = refused_by_types
    # That the tests pass without a mutant was seen when they were chosen.
    ForkRunner.run_clean_tests = lambda *_, **__: 0
    sys.argv = ["mutmut", "run", *sys.argv[1:]]
    mutmut.cli()


def refused_by_types():
    """
    The mutants that mypy refuses, as `make lint` would: no test has to.

    mutmut finds them by parsing all it has made once more, which takes longer than all the rest; it has an index of it.
    """
    with change_cwd("mutants"):
        errors = run_type_checker(config().type_check_command)
    found = {}
    for path in walk_mutatable_files():
        spans = MutantLineSpans.load(path).span_by_function_name
        names = {line: name for name, span in spans.items() for line in range(span.start, span.end + 1)}
        of_file = Path("mutants", path).absolute()
        for error in errors:
            name = names.get(error.line_number) if error.file_path == of_file else None
            # The comments that mypy does not like are mutmut's own.
            if name and not name.endswith("_orig") and "type: ignore" not in error.error_description:
                key = get_mutant_name(path, name)
                found.setdefault(key, FailedTypeCheckMutant(method_location=None, name=key, error=error))
    return found


def is_new(path):
    """Whether a module came to a family of which it was known already which tests reach what."""
    made = SourceFileMutationData(path=path)
    made.load()
    reached = state().tests_by_mangled_function_name
    untried = made.exit_code_by_key and all(code is None for code in made.exit_code_by_key.values())
    return untried and not any(reached.get(name.rpartition("__mutmut_")[0]) for name in made.exit_code_by_key)


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
