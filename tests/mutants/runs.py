"""Where mutmut works: a folder for each family, which keeps what was found, so that runs add up."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import chdir
from difflib import unified_diff
from functools import cached_property
from pathlib import Path
from random import Random

from attrs import frozen
from libcst import Module
from mutmut.mutation.diff_apply import read_functions_from_index
from mutmut.stats import status_by_exit_code
from tests.mutants.families import FAMILIES
from tests.mutants.survivors import explained, is_wording, tidy

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "docs", "seeds", "README.md", "CHANGELOG.md", "LICENSE")
TABLE = "[tool.mutmut]\n"
STATES = {
    "caught by type check": "typed",
    "no tests": "untested",
    "not checked": "unknown",
    "segfault": "timeout",
    "suspicious": "timeout",
}


@frozen
class Mutant:
    """One change of one function, and what came of it."""

    name: str
    path: str
    outcome: str
    folder: Path

    @property
    def module(self):
        """The module, as the table names it."""
        return self.path.removeprefix("src/acctsec/").removesuffix(".py")

    @property
    def function(self):
        """The function as Python names it: `acctsec.meters.Ladder.room`."""
        module, _, mangled = self.name.rpartition(".")
        mangled = mangled.rpartition("__mutmut_")[0]
        return f"{module}.{mangled[2:]}" if mangled.startswith("x_") else f"{module}.{mangled[2:].replace('ǁ', '.')}"

    @cached_property
    def sides(self):
        """The function before and after."""
        with chdir(self.folder):
            return tuple(Module(body=[one]).code for one in read_functions_from_index(self.name, self.path))

    @cached_property
    def change(self):
        """The lines that go and those that come, each as one."""
        before, after = (side.splitlines() for side in self.sides)
        lines = [*unified_diff(before, after, n=0, lineterm="")][2:]
        return tuple(tidy("\n".join(line[1:] for line in lines if line.startswith(sign))) for sign in "-+")

    @property
    def state(self):
        """How it ended; one that survived may be explained, or a change of words for people alone."""
        if self.outcome not in {"survived", "untested"}:
            return self.outcome
        if is_wording(*self.sides):
            return "wording"
        return "explained" if explained(self.function, *self.change) else self.outcome


class Workspace:
    """The folder of one family."""

    def __init__(self, name):
        self.family = FAMILIES[name]
        self.folder = ROOT / "build" / "mutants" / name

    def run(self, *, jobs, patience, seconds=None, sample=None, again=()):
        """Try every mutant that has no result, or those *again* and a *sample* of so many; mutmut mutates anew what changed since."""
        self._make()
        self._mend()
        command = [sys.executable, WORKER, "--max-children", str(jobs)]
        if sample:
            untried = sorted(mutant.name for mutant in self.mutants() if mutant.state == "unknown" and mutant.name not in again)
            command += [*sorted(again), *Random(len(untried)).sample(untried, min(sample, len(untried)))]
        environment = {
            name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "HYPOTHESIS_PROFILE", "CI"}
        }
        environment["ACCTSEC_PATIENCE"] = str(patience)
        with (self.folder / "log").open("w") as log:
            running = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
            try:
                status = running.wait(seconds)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                running.terminate()
                return running.wait()
        if status:
            sys.exit(f"mutmut stopped: see {self.folder / 'log'}\n{(self.folder / 'log').read_text()[-3000:]}")
        return status

    def mutants(self):
        """Every mutant that was made so far."""
        for meta in sorted((self.folder / "mutants" / "src").rglob("*.py.meta")):
            path = meta.relative_to(self.folder / "mutants").as_posix().removesuffix(".meta")
            for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
                outcome = status_by_exit_code[code]
                yield Mutant(name, path, STATES.get(outcome, outcome), self.folder)

    def forget(self, states):
        """Have those mutants tried once more; their names."""
        again = {mutant.name for mutant in self.mutants() if mutant.state in states}
        for meta in (self.folder / "mutants" / "src").rglob("*.py.meta"):
            kept = json.loads(meta.read_text())
            kept["exit_code_by_key"] = {name: None if name in again else code for name, code in kept["exit_code_by_key"].items()}
            meta.write_text(json.dumps(kept, indent=4))
        return again

    def _mend(self):
        """Have a module mutated anew whose results were cut off while they were written."""
        for meta in (self.folder / "mutants" / "src").rglob("*.py.meta"):
            try:
                json.loads(meta.read_text())
            except ValueError:
                meta.unlink()
                meta.with_suffix("").unlink(missing_ok=True)

    def _make(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            mirror(ROOT / name, self.folder / name)
        whole = (ROOT / "pyproject.toml").read_text()
        assert whole.count(TABLE) == 1
        of_family = (
            f"only_mutate = {self.family.files}\npytest_add_cli_args_test_selection = {self.family.paths}\n"
            f"type_check_command = {[sys.executable, '-m', 'mypy', '--output=json', *self.family.sources]}\n"
        )
        (self.folder / "pyproject.toml").write_text(whole.replace(TABLE, TABLE + of_family))


def mirror(source, target):
    """
    Make *target* what *source* is, and write only what changed: what is older than its mutants is not mutated anew.

    Links would do, but whoever walks the checkout to build a release would find the source behind one of them.
    """
    if target.is_symlink():
        target.unlink()
    if source.is_file():
        wanted = {target: source}
    else:
        wanted = {
            target / path.relative_to(source): path
            for path in source.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        for path in [path for path in target.rglob("*") if path.is_file() and path not in wanted]:
            path.unlink()
    for path, original in wanted.items():
        if not path.exists() or path.stat().st_mtime_ns != original.stat().st_mtime_ns:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(original, path)
