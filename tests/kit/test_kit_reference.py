"""docs/reference/testing.md names all that is public in the kit, and nothing else."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import acctsec.testing

PAGE = (Path(__file__).parents[2] / "docs/reference/testing.md").read_text(encoding="utf-8")
BY_NAME = PAGE.partition("## Modules to import by name")


def names_in(cell):
    return re.findall(r"`([A-Za-z_]+)", cell)


def test_every_public_name_has_one_row():
    named = [name for line in BY_NAME[0].splitlines() if line.startswith("| `") for name in names_in(line.split("|")[1])[:1]]

    assert sorted(named) == sorted(acctsec.testing.__all__)


@pytest.mark.parametrize("module", ["machine", "strategies", "attackers", "scenarios"])
def test_every_name_of_a_module_of_its_own_is_there(module):
    of, named = "", {}
    for line in BY_NAME[2].splitlines():
        if line.startswith(("| `", "| | `")):
            first, second = line.split("|")[1:3]
            of = names_in(first.replace("acctsec.testing.", ""))[0] if first.strip() else of
            named.setdefault(of, []).extend(names_in(second))

    found = import_module(f"acctsec.testing.{module}")
    assert sorted(named[module]) == sorted(found.__all__)
