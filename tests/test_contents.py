"""The contents pages of the library load nothing before somebody asks for a name, and then what that name needs."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import acctsec
import acctsec.stores
from acctsec._contents import LIBRARY, STORES

SOURCE = Path(acctsec.__file__).parent
PAGES = {"acctsec": LIBRARY, "acctsec.stores": STORES}
CODE = "import sys, json; import {}; print(json.dumps([one for one in sys.modules if one not in {{'json'}}]))"
ALONE = """
import importlib, os, sys
import argon2, asyncio, attrs, msgspec, sqlite3

for module in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        importlib.import_module(module)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, module
"""


def listed(page: str) -> dict[str, list[str]]:
    """What the imports of a page say to a type checker."""
    tree = ast.parse(Path(importlib.import_module(page).__file__).read_text(encoding="utf-8"))
    [block] = [one for one in tree.body if isinstance(one, ast.If)]
    return {one.module: sorted(alias.name for alias in one.names) for one in block.body if isinstance(one, ast.ImportFrom)}


@pytest.mark.parametrize("page", PAGES)
def test_what_type_checkers_read_is_what_is_loaded(page):
    """A name that is listed in one place alone would be known to the editor and not to the program, or the reverse."""
    assert {module: sorted(names.split()) for module, names in PAGES[page].items()} == listed(page)
    assert sorted(name for names in PAGES[page].values() for name in names.split()) == sorted(
        name for name in importlib.import_module(page).__all__
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_name_on_a_page_is_there(page):
    """And lies on the page itself once it was asked for: the second look costs nothing."""
    module = importlib.import_module(page)

    for name in module.__all__:
        assert getattr(module, name) is vars(module)[name]
        assert name in dir(module)


@pytest.mark.parametrize("page", PAGES)
def test_a_name_that_is_on_no_page_is_missing_as_anywhere(page):
    """`from acctsec import Engin` is an ImportError, and `hasattr` answers False."""
    assert not hasattr(importlib.import_module(page), "Engin")
    with pytest.raises(ImportError):
        exec(f"from {page} import Engin")


def loaded(module: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def test_the_library_loads_nothing_before_a_name_is_asked_for():
    """Whoever imports it for its version, or for one policy, pays for no more."""
    assert {one for one in loaded("acctsec") if one.startswith("acctsec")} == {"acctsec", "acctsec._contents"}


@pytest.mark.parametrize(
    "late", ["sqlite3", "cryptography", "zxcvbn", "asyncio", "logging", "concurrent.futures", "psycopg", "redis"]
)
def test_an_engine_in_memory_loads_no_driver_and_no_cipher(late):
    """Drivers, ciphers, the estimator and asyncio load on first use."""
    assert late not in loaded("acctsec.engine, acctsec.presets, acctsec.stores.memory")


def every_module() -> list[str]:
    names = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in sorted(SOURCE.rglob("*.py"))]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="each is the first in a process of its own")
@pytest.mark.parametrize(
    "modules",
    [
        pytest.param(sorted(LIBRARY), id="chapters"),
        pytest.param(every_module(), id="all", marks=pytest.mark.deep),
    ],
)
def test_any_module_can_be_the_first(modules):
    """No order is given any more: a circle of imports would show to whoever happens to enter it at the wrong place."""
    subprocess.run([sys.executable, "-c", ALONE, *modules], check=True)
