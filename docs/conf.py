"""How the documentation is built: `make docs`. Nothing is fetched, so no intersphinx."""

import re
import sys
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from pygments.lexers.sql import PostgresLexer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))

project = "acctsec"
author = "acctsec contributors"
copyright = "acctsec contributors"  # noqa: A001 - the name Sphinx asks for
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "_knobs"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autoclass_content = "class"

html_theme = "furo"
html_title = f"acctsec {release}"
html_copy_source = False


def readable(*event):
    """A default that a factory makes, or a function, is shown as what it is to a reader: something by default."""
    signature, returned = event[-2:]
    return re.sub(r"NOTHING|<function [^>]*>|<factory>", "…", signature or "") or None, returned


def setup(app):
    """SQL is PostgreSQL's, and commands of Valkey have no colours."""
    app.connect("autodoc-process-signature", readable)
    app.add_lexer("sql", PostgresLexer)
    app.add_lexer("valkey", TextLexer)
