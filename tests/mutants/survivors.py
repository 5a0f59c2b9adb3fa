"""Which mutants may live: those that survivors.toml explains, and those that change words for people alone."""

import ast
import textwrap
import tomllib
from functools import cache
from pathlib import Path

EXPLAINED = Path(__file__).with_name("survivors.toml")
REASONS = {"equivalent", "cost", "wording", "accepted"}
"""It does the same; it only costs time or space; only people read it; or it is known and lived with."""


@cache
def survivors():
    """What is explained: the function, its lines before and after, and why."""
    return tuple(tomllib.loads(EXPLAINED.read_text())["survivor"])


def explained(function, before, after):
    """The explanation of a mutant, or None."""
    for one in survivors():
        if one["function"] == function and (tidy(one["before"]), tidy(one["after"])) == (before, after):
            return one
    return None


def tidy(code):
    """Code in one line, with one space where there was any."""
    return " ".join(code.split())


def is_wording(before, after):
    """
    Whether a change only touches words for people: a sentence (a text with a space in it), or the reason of a `No`, which
    operators read and nothing else does.
    """
    found = list(_changes(ast.parse(textwrap.dedent(before)), ast.parse(textwrap.dedent(after)), None))
    return len(found) == 1 and _is_said(*found[0])


def _changes(old, new, parent):
    """Where two trees part."""
    if type(old) is not type(new):
        yield old, new, parent
    elif isinstance(old, list):
        if len(old) != len(new):
            yield old, new, parent
        else:
            for one, other in zip(old, new, strict=True):
                yield from _changes(one, other, parent)
    elif isinstance(old, ast.Constant):
        if old.value != new.value:
            yield old, new, parent
    elif isinstance(old, ast.AST):
        for field in old._fields:
            yield from _changes(getattr(old, field, None), getattr(new, field, None), old)
    elif old != new:
        yield old, new, parent


def _is_said(old, new, parent):
    if not isinstance(new, ast.Constant) or not (new.value is None or isinstance(new.value, str)):
        return False
    if isinstance(old, ast.JoinedStr):
        return any(" " in part.value for part in old.values if isinstance(part, ast.Constant))
    if not isinstance(old, ast.Constant) or not isinstance(old.value, str):
        return False
    reason = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "No"
    return reason or " " in old.value
