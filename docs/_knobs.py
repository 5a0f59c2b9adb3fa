"""The directive ``knobs``: one family of the default policy as a table, made from the code by ``acctsec.knobs``."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from acctsec import Policy
from acctsec.knobs import knobs


class Knobs(SphinxDirective):
    """``{knobs} lockout``. A knob that nobody explained fails the build."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        found = [knob for knob in knobs(Policy()) if knob.family == self.arguments[0]]
        unexplained = [knob.name for knob in found if not knob.meaning and not knob.source]
        if not found or unexplained:
            raise self.error(f"Not explained: {', '.join(unexplained) or self.arguments[0]}.")
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (25, 25, 50)]
        group += nodes.thead("", self.row("knob", "default", "what it does; where the default comes from"))
        group += nodes.tbody("", *(self.row(f"`{one.name}`", one.value, f"{one.meaning} {one.source}".strip()) for one in found))
        return [nodes.table("", group)]

    def row(self, *cells: str) -> nodes.row:
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
