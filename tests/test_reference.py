"""The reference is whole: whatever a page imports is described in it, and nothing is described twice."""

import ast
import importlib
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import acctsec

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)
DIRECTIVE = re.compile(r"^\.\. auto(\w+):: (\S+)\n((?:   :[^\n]*\n)*)", re.MULTILINE)


def found_at(path):
    """The object that a dotted path names: one and the same under each of its paths."""
    module, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(module), name)
    if hasattr(value, "__qualname__"):
        return value.__module__, value.__qualname__
    return (module, name) if isinstance(value, str) else (type(value).__qualname__, id(value))


def of_module(module, options):
    """What a directive for a module describes, as Sphinx chooses it."""
    members = re.search(r":members:([^\n]*)", options)
    if members is None:
        return []
    named = [name.strip() for name in members[1].split(",") if name.strip()]
    inside = importlib.import_module(module)
    own = [name for name, value in vars(inside).items() if getattr(value, "__module__", None) == module]
    constants = [name for name, value in vars(inside).items() if name.isupper() and isinstance(value, str)]
    return named or getattr(inside, "__all__", None) or [name for name in own + constants if not name.startswith("_")]


def described():
    """Everything that has an entry, as often as it has one."""
    for page in DOCS:
        for kind, target, options in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            if kind == "module":
                yield from (found_at(f"{target}.{name}") for name in of_module(target, options))
            else:
                yield found_at(target)


def imported():
    """Every name that a page imports from us, with that page."""
    for page in [ROOT / "README.md", *DOCS]:
        for fence in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
            for node in ast.walk(ast.parse(fence)):
                if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "acctsec":
                    yield from (f"{node.module}.{one.name}" for one in node.names)


ENTRIES = Counter(described())
PUBLIC = sorted({*(one for one in imported() if "__main__" not in one), *(f"acctsec.{name}" for name in acctsec.__all__)})


@pytest.mark.parametrize("path", PUBLIC)
def test_what_a_page_imports_is_described(path):
    """A module by its page, anything else by an entry of its own."""
    module, _, name = path.rpartition(".")
    home = importlib.import_module(module)
    value = getattr(home, name) if hasattr(home, name) else importlib.import_module(path)
    if not isinstance(value, ModuleType):
        assert found_at(path) in ENTRIES, f"{path} is public and has no entry in docs/reference"


def test_nothing_is_described_twice():
    """Two entries would drift apart, and a link would lead to either."""
    assert [entry for entry, times in ENTRIES.items() if times > 1] == []
