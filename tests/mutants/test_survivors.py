"""What is said of mutants is true of the code as it is."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.mutants.families import FAMILIES
from tests.mutants.survivors import REASONS, explained, is_wording, survivors, tidy
from tests.mutants.table import share, table

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def source_of(function):
    """The code of a function or method, by its full name."""
    parts = function.split(".")
    for depth in range(len(parts) - 1, 0, -1):
        path = SOURCE.joinpath(*parts[:depth]).with_suffix(".py")
        if path.is_file():
            text, found = path.read_text(encoding="utf-8"), ast.parse(path.read_text(encoding="utf-8"))
            for name in parts[depth:]:
                found = next(node for node in found.body if getattr(node, "name", None) == name)
            return ast.get_source_segment(text, found)
    raise AssertionError(function)


@pytest.mark.parametrize("one", survivors(), ids=[f"{number} {one['function']}" for number, one in enumerate(survivors(), 1)])
def test_an_explained_survivor_is_still_there(one):
    """In a function of that name, with that line. Code that changed has new mutants, which want to be looked at."""
    assert tidy(one["before"]) in tidy(source_of(one["function"])) and one["before"] != one["after"]
    assert one["why"] in REASONS and len(one["because"].split()) > 3
    assert explained(one["function"], tidy(one["before"]), tidy(one["after"])) == one


def test_every_survivor_is_explained_once():
    keys = [(one["function"], one["before"], one["after"]) for one in survivors()]
    assert len({*keys}) == len(keys)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_of_modules_and_tests_that_are_there(name):
    for pattern in FAMILIES[name].files:
        assert [*ROOT.glob(pattern)], pattern
    for path in FAMILIES[name].paths:
        assert (ROOT / path).exists(), path


def test_no_module_is_in_two_families():
    files = [path for family in FAMILIES.values() for pattern in family.files for path in ROOT.glob(pattern)]
    assert len({*files}) == len(files)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('raise ConfigError("Too long.", remedy="Cut it.")', 'raise ConfigError("too long.", remedy="Cut it.")', True),
        ('raise ConfigError("Too long.", remedy="Cut it.")', 'raise ConfigError(None, remedy="Cut it.")', True),
        ('raise ConfigError(f"{n} is too long.")', "raise ConfigError(None)", True),
        ('return Step(No("ticket"), record)', 'return Step(No("XXticketXX"), record)', True),
        ('return Step(No("ticket"), record)', "return Step(None, record)", False),
        ('name = "password/month"', 'name = "PASSWORD/MONTH"', False),
        ('name = f"{lane}@{era}"', "name = None", False),
        ('check(a, "too long")', 'check(None, "too long")', False),
        ('check(a, "too long")', "check(a, )", False),
        ("return a < b", "return a <= b", False),
    ],
)
def test_words_for_people_are_told_from_words_that_decide(before, after, words):
    frame = "def f():\n    {}\n"
    assert is_wording(frame.format(before), frame.format(after)) is words


def test_the_share_is_of_what_was_tried_and_decides():
    """Words count in neither direction; what is explained has survived all the same, and what is untested has too."""
    states = ["killed"] * 7 + ["typed", "timeout"] + ["survived", "explained", "untested"] + ["wording", "unknown"] * 5
    mutants = [SimpleNamespace(state=state, module="steps/sign_in") for state in states]
    assert share(mutants) == 9 / 12 and share([]) == 0
    assert table(mutants).splitlines()[-1].endswith("| 75.0% |")
