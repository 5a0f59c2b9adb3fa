"""The schema in words: the page docs/reference/scenarios.md, made of the classes that files are read by."""

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from acctsec.testing.scenarios import schema
from acctsec.testing.scenarios.steps import STEPS, Operation, Step

HEAD = """# Scenarios

What a file of `seeds/scenarios`, or one of your own, may say. [How to write one](../how-to/scenarios.md) begins with an example;
`acctsec scenario schema` prints the same as JSON Schema, for editors.

This page is made of the classes that files are read by: `python -m acctsec.testing.scenarios.describing` prints it.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, table in (("The file", schema.Scenario), ("An account", schema.Account), ("An actor", schema.Actor)):
        parts.append(f"## {title}\n\n{_prose(table)}\n\n{_keys(table)}\n")
    parts.append(f"## A step\n\n{_prose(Step)}\n\n{_keys(Step)}\n\n{_prose(Operation)}\n\n{_keys(Operation, beside=Step)}\n")
    parts.append("| `do` | further keys | what it does |\n| --- | --- | --- |\n" + "\n".join(map(_row, STEPS)) + "\n")
    parts.append(f"## At the end\n\n{_prose(schema.Expected)}\n\n{_keys(schema.Expected)}\n")
    return "\n".join(parts)


def _prose(kind: type) -> str:
    """A docstring as a page has it: its stars and double ticks mean names."""
    text = inspect.cleandoc(kind.__doc__ or "")
    return re.sub(r"\*(\w+)\*", r"`\1`", text).replace("``", "`")


def _keys(kind: type[Struct], *, beside: type[Struct] | None = None) -> str:
    rows = "\n".join(f"| `{name}` | {form} | {default} |" for name, form, default in _fields(kind, beside))
    return f"| key | form | default |\n| --- | --- | --- |\n{rows}"


def _row(step: type[Step]) -> str:
    common = Operation if issubclass(step, Operation) else Step
    keys = ", ".join(_key(name, form, default) for name, form, default in _fields(step, common))
    return f"| `{step.__struct_config__.tag}` | {keys} | {' '.join(_prose(step).split())} |"


def _key(name: str, form: str, default: str) -> str:
    """A key with what has to be known of it: its choices, where there are some, and what it is if nobody says."""
    told = [form] if form.startswith('`"') else []
    told += [default if default == "needed" else f"by default {default}"] if default else []
    return f"`{name}`" + (f" ({', '.join(told)})" if told else "")


def _fields(kind: type[Struct], beside: type[Struct] | None) -> Iterator[tuple[str, str, str]]:
    known = set() if beside is None else set(beside.__struct_fields__)
    for field in msgspec.structs.fields(kind):
        if field.name not in known:
            yield field.name, _form(field.type), _default(field)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    if field.default in (None, "", False, (), msgspec.NODEFAULT):
        return ""
    return "`true`" if field.default is True else f"`{field.default}`"


def _form(kind: Any) -> str:
    """What a value of TOML has to be."""
    origin, given = get_origin(kind), [one for one in get_args(kind) if one not in (type(None), ...)]
    metas = [one for one in getattr(kind, "__metadata__", ()) if isinstance(one, Meta)]
    if metas:
        return f"a number from {metas[0].ge}"
    if origin is Literal:
        return " or ".join(f'`"{one}"`' for one in given if one)
    if origin is dict:
        return "a table by name" if given[1] is not Any else "a table of knobs"
    if origin is tuple:
        return "a list of texts" if given[0] is str else "a list"
    if given:
        return " or ".join(dict.fromkeys(map(_form, given)))
    return {str: "a text", bool: "`true` or `false`"}.get(kind, "a table")


if __name__ == "__main__":
    sys.stdout.write(page())
