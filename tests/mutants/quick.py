"""
The tests that a mutant has to pass: those that run in memory, each with few examples, those that found its like first.

A plugin of pytest (`-p tests.mutants.quick`). What needs a server, a disk, another process or the text of the source says
nothing about a mutant that the same test in memory does not say, or takes too long to say it thousands of times.
"""

import os
import resource
from collections import Counter
from pathlib import Path
from time import process_time

from hypothesis import Phase, settings

# The same examples for every mutant, and no smaller one is looked for: that it fails is all there is to know.
settings.register_profile(
    "mutants",
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
os.environ["HYPOTHESIS_PROFILE"] = "mutants"

SERVED = ("sqlite", "postgres", "valkey", "redis", "cluster", "split")
"""Words in the name of a test that stand for a store with a disk or a server."""

APART = (
    "browser",
    "corpora",
    "faults",
    "fuzz",
    "hashing/foreign",
    "guessing",
    "hashing/test_governor.py",
    "hashing/test_governor_interrupts.py",
    "hashing/test_governor_memory.py",
    "mfa/machine",
    "mfa/test_passkey_oracles.py",
    "mutants",
    "recovery/test_walk.py",
    "scale",
    "servers",
    "simulation",
    "stores/test_plans.py",
    "stores/test_watch.py",
    "timing",
    "test_bench.py",
    "test_cli.py",
    "test_demo.py",
    "test_docs.py",
    "test_explained.py",
    "test_faces.py",
    "test_host_commands.py",
    "test_places.py",
    "test_project.py",
    "test_servers.py",
    "test_texts.py",
)
"""Tests of what is no decision: disks, servers, processes, clocks, commands, the text of the source itself; and the longest."""

LONG = (
    "test_a_policy_with_short_links_is_sound",
    "test_a_reader_reads_from_both_pictures_what_was_written",
    "test_a_stranger_cannot_tell_who_gets_codes",
    "test_a_million_failures_take_no_more_than_a_day_of_numbers",
    "test_no_outsider_can_tell_",
    "test_nobody_can_tell_",
    "test_nobody_gets_what_he_has_not_proven",
    "test_the_command_",
    "test_the_commands_",
    "test_the_guesses_of_every_attacker_are_those_without_it",
    "test_the_probability_that_is_told_is_what_knocking_brings_and_no_more",
    "test_threads_never_see_",
    "test_what_weighs_nothing_is_told_as_half_a_unit_a_guess",
    "test_without_one_nothing_is_said_of_it",
)
"""Beginnings of the names of tests that take seconds, among quick ones."""

TESTS = Path(__file__).parents[1]
KILLERS = Path("../killers")


class Hunt:
    """One run for one mutant."""

    def __init__(self, mutant, patience):
        self.notes = KILLERS / mutant.rpartition("__mutmut_")[0]
        self.patience = patience
        self.began = process_time()
        # Seconds of its own work, not of the clock: a busy machine is no loop without an end.
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(self.began + 4 * patience) + 1, hard))

    def pytest_collection_modifyitems(self, items):
        """Those first that found other mutants of this function."""
        try:
            found = Counter(self.notes.read_text().splitlines())
        except OSError:
            return
        items.sort(key=lambda item: -found[item.nodeid])

    def pytest_runtest_protocol(self, item):
        """Run no more tests when patience is at its end: then the mutant has survived."""
        return True if process_time() - self.began > self.patience else None

    def pytest_runtest_logreport(self, report):
        """Note who found it."""
        if report.failed:
            KILLERS.mkdir(exist_ok=True)
            with self.notes.open("a") as notes:
                notes.write(f"{report.nodeid}\n")


def pytest_configure(config):
    """Hunt, where there is a mutant."""
    mutant = os.environ.get("MUTANT_UNDER_TEST", "")
    if "__mutmut_" in mutant:
        config.pluginmanager.register(Hunt(mutant, float(os.environ["ACCTSEC_PATIENCE"])))


def pytest_collection_modifyitems(config, items):
    """Keep what is quick."""
    kept, left = [], []
    for item in items:
        (kept if _is_quick(item) else left).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def _is_quick(item):
    where = item.path.relative_to(TESTS).as_posix()
    if any(where == one or where.startswith(f"{one}/") for one in APART):
        return False
    if any(item.get_closest_marker(name) for name in ("deep", "browser")):
        return False
    if item.name.startswith(LONG):
        return False
    return not any(word in name for word in SERVED for name in (*item.fixturenames, item.name))
