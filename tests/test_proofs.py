"""The page that says what is proven, and where, is true: the tests it names exist, and those it calls deep are."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from tests.places import SHARED, STORES

from acctsec import LockoutPolicy

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "explanation" / "proofs.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line and not line.startswith("| what holds")]
NAMED = [*dict.fromkeys(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`( \(deep\))?", PAGE))]


@cache
def found_in(path):
    """The tests of a file by name, and whether each is marked as deep as a whole."""
    return {
        node.name: any("mark.deep" in ast.unparse(one) and "param" not in ast.unparse(one) for one in node.decorator_list)
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize(("path", "name", "deep"), NAMED, ids=[name for _, name, _ in NAMED])
def test_what_the_page_names_is_there_and_as_deep_as_it_says(path, name, deep):
    assert name in found_in(path)
    assert found_in(path)[name] == bool(deep)


def test_every_line_of_the_page_names_a_test_and_where_it_runs():
    assert len(ROWS) > 15
    for row in ROWS:
        _, what, tests, stores, *_ = row.split("|")
        assert what.strip() and stores.strip(), row
        assert re.fullmatch(r"( ?`tests/[\w/]+\.py::test_\w+`( \(deep\))?)+ ", tests), row


def test_the_numbers_of_the_page_are_those_of_the_tests():
    numbers = {6: "six", 7: "seven"}
    assert f"*All {numbers[len(STORES)]}* stores" in PAGE
    assert f"*All {numbers[len(SHARED)]}* are those" in PAGE
    lockout = LockoutPolicy()
    limits = (lockout.strangers.free, lockout.pair.free, lockout.device.free)
    assert "exactly {}, {} and {} compared".format(*limits) in PAGE


def test_every_test_of_the_guessing_rows_is_on_the_page():
    there = {
        (str(path.relative_to(ROOT)), name) for path in (ROOT / "tests" / "guessing").glob("test_*.py") for name in found_in(path)
    }
    assert there == {(path, name) for path, name, _ in NAMED if path.startswith("tests/guessing/")}
