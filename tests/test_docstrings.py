"""Every public name says what it is, in one sentence that a reader can quote."""

import importlib
import inspect
import pkgutil
import re

import pytest

import acctsec

LONGEST = 200  # characters of the first sentence


def modules():
    """Every public module and package, the command line apart."""
    for found in pkgutil.walk_packages(acctsec.__path__, "acctsec."):
        if not any(part.startswith("_") for part in found.name.split(".")[1:]):
            yield importlib.import_module(found.name)


def public():
    """What the `__all__`s name, each once, and the public methods of each class."""
    found = {}
    for module in (acctsec, *modules()):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith("acctsec"):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return found


NAMES = public()
METHODS = {
    f"{path}.{name}": member
    for path, value in NAMES.items()
    if inspect.isclass(value) and not getattr(value, "_is_protocol", False)  # a port says in one text what it has to do
    for name, member in vars(value).items()
    if not name.startswith(("_", "test_")) and (inspect.isfunction(member) or isinstance(member, property))
}


def first_sentence(value):
    """The first paragraph of a docstring, up to the end of its first sentence."""
    paragraph = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0]


@pytest.mark.parametrize("path", sorted(NAMES))
def test_a_public_name_is_described_by_a_sentence_to_quote(path):
    quote = first_sentence(NAMES[path])
    assert quote.endswith((".", ":")), f"{path}: {quote!r}"
    assert len(quote) <= LONGEST, f"{path}: {quote!r}"


def test_a_public_method_is_described_by_a_sentence_to_quote():
    wrong = {path: first_sentence(member) for path, member in METHODS.items()}
    assert {path: quote for path, quote in wrong.items() if not quote.endswith((".", ":")) or len(quote) > LONGEST} == {}
