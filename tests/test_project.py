"""The project keeps its own promises: what is pinned, named and documented agrees."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import acctsec

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKED = sorted((ROOT / "requirements").glob("*.txt"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def pins(path):
    """Name → the versions that *path* pins; more than one where the Python decides."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9-]+)==([^ ;\\]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def direct(path):
    """What pyproject.toml itself asks of the environment that *path* pins."""
    extras, groups = {
        "run": (["cli"], ["build"]),
        "deep": (["cli", "testing"], ["deep"]),
        "dev": (["cli", "testing"], ["dev"]),
        "lint": (["cli", "testing"], ["lint"]),
        "docs": ([], ["docs"]),
        "bench": ([], ["bench"]),
        "browser": (["cli", "testing"], ["browser"]),
        "dist": ([], ["dist"]),
        "wheel": ([], []),
    }[path.stem]
    yield from PROJECT["project"]["dependencies"]
    for extra in extras:
        yield from PROJECT["project"]["optional-dependencies"][extra]
    while groups:
        for entry in PROJECT["dependency-groups"][groups.pop()]:
            if isinstance(entry, dict):
                groups.append(entry["include-group"])
            else:
                yield entry


def test_requirements_are_there():
    """Nine environments are pinned; ``wheel`` is what a user's has at least."""
    assert [path.stem for path in LOCKED] == ["bench", "browser", "deep", "dev", "dist", "docs", "lint", "run", "wheel"]


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_requirements_name_no_host(path):
    """Any mirror can serve what is pinned."""
    text = path.read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), flags=re.MULTILINE)


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_requirements_are_hashed(path):
    """Nothing is installed that was not seen when it was pinned."""
    entries = re.split(r"^(?=[a-z])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert [entry for entry in entries if "==" in entry.split("\n")[0] and "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.stem)
def test_requirements_are_in_step_with_the_project(path):
    """Whoever changes a dependency runs `make lock`."""
    pinned = pins(path)

    for text in direct(path):
        wanted = Requirement(text)
        versions = pinned.get(wanted.name, set())
        assert versions, f"{wanted.name} is not pinned in {path.name}"
        assert all(version in wanted.specifier for version in versions), f"{path.name} pins {wanted.name} {versions}"


def test_the_version_is_one():
    """The package says the version that is released."""
    version = getattr(acctsec, "__version__", None)

    assert version in {None, PROJECT["project"]["version"]}


def test_the_changelog_has_the_version():
    """A user finds what is new in the version at hand."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(rf"^## \[?{re.escape(PROJECT['project']['version'])}\b", changelog, flags=re.MULTILINE)


def test_the_package_is_typed():
    """Type checkers of users look for this file."""
    assert (ROOT / "src/acctsec/py.typed").is_file()


def test_make_help_lists_every_target():
    """A target without a sentence is one that nobody finds."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[1].split()
    targets = re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, flags=re.MULTILINE)
    documented = re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, flags=re.MULTILINE)

    assert sorted(phony) == sorted(targets) == sorted(documented)
    assert {"demo", "test", "test-deep", "lint", "bench", "docs", "dist", "lock", "clean", "help"} <= set(targets)


@pytest.mark.deep
def test_a_release_can_be_built_and_does_its_work():
    """Wheel, sdist and bill of materials; installed on each Python that is here, they do what they are for."""
    done = subprocess.run([sys.executable, "-m", "tests.release"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "does its work" in done.stdout


def test_the_check_of_every_change_can_be_run():
    """A lost mode bit would switch the gate off."""
    assert os.access(ROOT / ".ci/run", os.X_OK)


DECISIONS = {page.name[:4]: page for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))}


@pytest.mark.parametrize("number", DECISIONS)
def test_a_decision_says_in_its_title_what_it_decides(number):
    title = DECISIONS[number].read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(rf"# {number}: [A-Z].{{12,}}[^.]", title), title


def test_every_number_is_a_decision_or_the_index_says_why_not():
    """Up to 0060 numbers were given out one after the other; later ones are given to several authors at once."""
    assert len(DECISIONS) == len(list((ROOT / "docs" / "decisions").glob("[0-9]*.md"))), "two decisions have one number"
    missing = {f"{number:04}" for number in range(1, 61)} - DECISIONS.keys()
    index = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    assert missing == set(re.findall(r"There is no (\d{4})\.", index))
