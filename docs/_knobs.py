"""
The directive ``knobs``: the table of one policy family, made from the code.

A knob's default is read from the policy itself and its meaning, with the source of the default, from the docstring of its
class. A knob without a word fails the build.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from importlib import import_module
from inspect import cleandoc
from typing import ClassVar

from attrs import fields, has
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


def meanings(kind: type) -> dict[str, str]:
    """What the ``Args`` of a class say of each of its fields."""
    found: dict[str, str] = {}
    names: list[str] = []
    _, _, section = cleandoc(kind.__doc__ or "").partition("\nArgs:\n")
    for line in section.split("\n"):
        if line and not line.startswith(" "):
            break
        if entry := re.fullmatch(r" {4}([\w, ]+?): (.*)", line):
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, entry[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def shown(value: object) -> str:
    """A default as a person writes it."""
    if isinstance(value, timedelta):
        days, seconds = value.days, value.seconds
        parts = ((days, "d"), (seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
        return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
    if isinstance(value, Enum):
        return str(value.value)
    if has(type(value)):
        inner = ", ".join(f"{one.name} {shown(getattr(value, one.name))}" for one in fields(type(value)) if one.repr)
        name = type(value).__name__
        return inner if name in {"Rungs", "Budget", "Argon2Parameters"} else name
    if isinstance(value, tuple | frozenset):
        return ", ".join(map(shown, value)) or "none"
    return "none" if value in (None, "") else str(getattr(value, "__name__", value))


class Knobs(SphinxDirective):
    """``{knobs} acctsec.lockout.LockoutPolicy``"""

    required_arguments = 1
    has_content = False
    widths: ClassVar = (18, 27, 55)

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        module, _, name = self.arguments[0].rpartition(".")
        kind = getattr(import_module(module), name)
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in self.widths]
        group += nodes.thead("", self.row(["knob", "default", "what it does, and why this default"]))
        group += nodes.tbody("", *self.rows(kind))
        return [nodes.table("", group)]

    def rows(self, kind: type) -> Iterator[nodes.row]:
        """One row a field."""
        said, example = meanings(kind), kind()
        for knob in fields(kind):
            if knob.name not in said:
                raise self.error(f"{kind.__name__}.{knob.name} is not described in its docstring.")
            yield self.row([f"`{knob.name}`", shown(getattr(example, knob.name)), said[knob.name]])

    def row(self, cells: list[str]) -> nodes.row:
        """One row of text in the page's own markup."""
        made = nodes.row()
        for text in cells:
            entry = nodes.entry()
            self.state.nested_parse(StringList([text], source=""), 0, entry)
            made += entry
        return made


def setup(app):
    """Hand the directive to Sphinx."""
    app.add_directive("knobs", Knobs)
    return {"parallel_read_safe": True}
