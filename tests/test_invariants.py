"""The page of the invariants is true: each has a property that `make test` runs, and every test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "explanation" / "invariants.md").read_text(encoding="utf-8")
MUSEUM = (ROOT / "tests" / "museum" / "README.md").read_text(encoding="utf-8")
ROWS = {
    line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
    for line in PAGE.splitlines()
    if re.match(r"\| I\d\d \|", line)
}
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PROVES = {"given", "explore", "crash_everywhere", "run_state_machine_as_test"}
"""What makes a test a property: cases that are drawn, every order of calls, a death at every call, a machine."""


@cache
def functions(path):
    """The functions of a file by name; a name that is there twice hides a test."""
    found = [node for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    names = [node.name for node in found]
    assert len(names) == len(set(names)), path
    return {node.name: node for node in found}


def marks(node):
    """The decorators of a test, as text."""
    return [ast.unparse(one) for one in node.decorator_list]


def is_deep(node):
    """Whether all of it is left to `make test-deep`."""
    return any("mark.deep" in one and "param" not in one for one in marks(node))


def calls(path, name, seen=()):
    """Whatever a function calls, by the functions of its own file as well."""
    node = functions(path)[name]
    called = {one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    passed = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} & set(functions(path))
    for other in (called | passed) & set(functions(path)) - {*seen, name}:
        called |= calls(path, other, (*seen, name))
    return called


def named(cell):
    return NAMED.findall(cell)


EVERY = [(number, path, name) for number, row in ROWS.items() for cell in row[1:3] for path, name in named(cell)]


def test_there_are_thirty_eight_each_with_all_that_is_to_be_said_of_it():
    assert list(ROWS) == [f"I{number:02d}" for number in range(1, 39)]
    for number, row in ROWS.items():
        what, properties, more, stores, _, recipes = row
        assert what and properties and more and stores and recipes, number
        for cell in (properties, more):
            assert NAMED.sub("", cell).strip() == "", number


@pytest.mark.parametrize(("number", "path", "name"), EVERY, ids=[f"{number}-{name}" for number, _, name in EVERY])
def test_a_test_that_is_named_is_there_and_not_skipped(number, path, name):
    assert Path(path).name.startswith("test_"), number
    assert name in functions(path)
    assert not [one for one in marks(functions(path)[name]) if re.search(r"mark\.(skip|xfail)\b", one)]


@pytest.mark.parametrize("number", ROWS)
def test_each_has_a_property_and_one_of_them_runs_every_time(number):
    found = named(ROWS[number][1])
    for path, name in found:
        drawn = any(one.startswith("given(") for one in marks(functions(path)[name]))
        assert drawn or calls(path, name) & PROVES, f"{name} is no property"
    assert any(not is_deep(functions(path)[name]) for path, name in found)


@pytest.mark.parametrize("number", ROWS)
def test_what_is_said_of_every_store_is_tried_on_them(number):
    """Where stores are named, one of the tests is given one."""
    if ROWS[number][3].startswith("all seven"):
        arguments = {
            one.arg for cell in ROWS[number][1:3] for path, name in named(cell) for one in functions(path)[name].args.args
        }
        assert arguments & {"place", "places", "shared", "w", "on_ground", "world_on"}


def test_every_recipe_of_the_museum_has_taught_one():
    recipes = re.findall(r"^\| (M-\d{3}) \|", MUSEUM, flags=re.MULTILINE)
    taught = {one for row in ROWS.values() for one in row[5].split()}
    assert taught == set(recipes)
