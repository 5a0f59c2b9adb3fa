"""
Mutation testing: the code that decides is changed in thousands of small ways, and a test has to fail at each.

    python -m tests.mutants                                # every family, from where the last run stopped
    python -m tests.mutants steps --seconds 600            # one of them, for ten minutes
    python -m tests.mutants steps --show survived          # what no test has found
    python -m tests.mutants steps --again survived         # after new tests: those once more
    python -m tests.mutants --table                        # what is known so far, module by module

mutmut makes the changes (families.py says of what) and runs the tests that reached a function (quick.py says which at all). What
mypy refuses counts as found, for `make lint` would: no test runs for it. Results lie in build/mutants and add up. Which survivors
are lived with, and why, says survivors.toml; docs/explanation/mutants.md has the reasons and the figures.
"""
