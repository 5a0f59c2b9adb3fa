"""The tables of the README and the tests agree."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
README = (HERE / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (M-\d{3}) \| ([^|]+) \| (tested|tested in part) \| ([^|]+) \|$", README, flags=re.MULTILINE)
TESTS = {
    (path.name, node.name)
    for path in HERE.glob("test_*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}


def test_every_recipe_has_one_row():
    """A hundred and fifty recipes, in order, none twice, and none that is not tested."""
    ids = [row[0] for row in ROWS]

    assert len(ids) == 150
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_says_what_is(row):
    """A recipe names every file that has a test of its id, and no other; one that is tested in part says what cannot apply."""
    number, _, status, where = row
    named = {(file, f"test_m{number[2:]}_") for file in re.findall(rf"`(test_\w+\.py)::test_m{number[2:]}_…`", where)}
    there = {(file, name[:10]) for file, name in TESTS if name.startswith(f"test_m{number[2:]}_")}

    assert named == there != set()
    if status == "tested in part":
        said = where.partition(";")[2]
        assert "not" in said or "no " in said.lower()


FACTORS = {"014", "027", "042", "061", "080", "096", "171", "172", "173", "175", "177", "180"} | {
    *map(str, (114, 115, 117, 118, 120, 121, 122, 124, 127, 130, 131, 132, 134, 136, 137, 139, 141, 142, 143))
}
"""The recipes about second factors, step-ups and sessions (I19 to I24, I30)."""


def test_every_recipe_about_factors_and_sessions_is_tested():
    """None is left for later."""
    tested = {number[2:] for number, _, status, _ in ROWS if status == "tested"}

    assert tested >= FACTORS


def test_no_test_has_an_id_of_its_own_making():
    """Every test named after a recipe has a row."""
    numbers = {match[1] for _, name in TESTS if (match := re.match(r"test_m(\d{3})_", name))}

    assert numbers <= {row[0][2:] for row in ROWS}


def test_nothing_is_left_for_later():
    """No row puts anything off."""
    assert not [row for row in ROWS if re.search(r"\blater\b|not yet", row[3])]
