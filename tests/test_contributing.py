"""The diffs of CONTRIBUTING.md apply to this tree, and what they add passes the tests that they name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DIFFS = {
    title: re.search(r"^```diff\n(.*?)^```", body, flags=re.MULTILINE | re.DOTALL)
    for title, body in re.findall(r"^## (An? [^\n]*)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
}
COMPILED = "tests/password/test_catalogues.py"
TREE = ("src", "tests", "docs", "seeds", "pyproject.toml", "README.md", "CHANGELOG.md")


def run(*command, cwd, **options):
    environment = {**os.environ, "PYTHONPATH": str(cwd / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_page_shows_each_kind_of_change():
    """Four of them, each by a diff."""
    assert list(DIFFS) == ["A rule for passwords", "A factor", "An event", "A store"]
    assert all(DIFFS.values())


def applied(diff, tmp_path):
    """A copy of this tree with a diff."""
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
        else:
            shutil.copy(source, tmp_path / name)
    run("git", "apply", "--whitespace=error", "-", cwd=tmp_path, input=diff)


@pytest.mark.parametrize("title", DIFFS)
def test_the_diff_applies_and_has_a_test(title, tmp_path):
    """To a copy of this tree."""
    diff = DIFFS[title][1]
    applied(diff, tmp_path)

    assert re.search(r"^\+def test_\w+", diff, flags=re.MULTILINE)


@pytest.mark.deep
@pytest.mark.parametrize("title", DIFFS)
def test_the_tests_of_a_diff_pass(title, tmp_path):
    """Those in the files it changes in tests/, and the reference for what it adds to docs/."""
    diff = DIFFS[title][1]
    applied(diff, tmp_path)
    if "/locale/" in diff:
        run(sys.executable, COMPILED, cwd=tmp_path)
    touched = sorted(set(re.findall(r"^\+\+\+ b/(tests/\S+)", diff, flags=re.MULTILINE)))
    assert touched, "a change has a test"

    added = re.findall(r"^\+(?:async )?def (test_\w+)", diff, flags=re.MULTILINE)
    told = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *touched, "-k", " or ".join(added), cwd=tmp_path)
    assert f"{len(added)} passed" in told
    if "+++ b/docs/" in diff:
        run(
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/test_docs.py",
            "-k",
            "all_explained",
            cwd=tmp_path,
        )
