"""The picture of a recovery policy: proofs, the paths on which they lead, and what those give, written by hand as SVG."""

from html import escape
from typing import TYPE_CHECKING

from attrs import frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel
from acctsec.recovery.paths import Capability, Proof, RecoveryPath, named
from acctsec.recovery.said import length

if TYPE_CHECKING:
    from acctsec.recovery.policy import RecoveryPolicy

TITLE = "What a recovery gives for which proofs"
BELOW = "all proofs that meet in a path are due together; a broken line waits first, while every address is told"
WIDTH, TOP = 905, 96
ROW, TALL = 46, 36
PROOFS, PATHS, GIVES = (24, 150), (330, 270), (735, 146)
"""Where each column begins, and how wide it is."""
# The colours of Okabe and Ito, which stay apart for all kinds of colour vision; every path names its proofs as well.
COLOURS = {
    Proof.MAIL: "#0072b2",
    Proof.TEXT: "#d55e00",
    Proof.RECOVERY_CODE: "#009e73",
    Proof.FACTOR: "#cc79a7",
    Proof.DEVICE: "#000000",
    Proof.CONTACTS: "#e69f00",
    Proof.ADMINISTRATORS: "#56b4e9",
}
WORDS = {
    Capability.PASSWORD: "a new password",
    Capability.FACTORS: "factors off",
    Capability.ADDRESSES: "new addresses",
}
CSS = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#222}"
    ".t{font-size:17px;font-weight:600}.s{font-size:12px;fill:#555}.b{font-weight:600}"
    ".n{fill:#f6f6f6;stroke:#999}.c{fill:none;stroke-width:2}.g{fill:none;stroke:#666;stroke-width:1.6}"
)


@frozen
class _Layout:
    """Where the middle of each proof, path and capability is drawn: paths in rows, the others spread beside them."""

    paths: tuple[RecoveryPath, ...]

    @property
    def rows(self) -> int:
        return max(len(self.paths), len(self.proofs), len(self.gives), 1)

    @property
    def proofs(self) -> list[Proof]:
        return [one for one in Proof if any(one in path.proofs for path in self.paths)]

    @property
    def gives(self) -> list[Capability]:
        return [one for one in Capability if any(one is path.gives for path in self.paths)]

    def path(self, number: int) -> float:
        return TOP + (number + 0.5) * ROW * self.rows / len(self.paths)

    def proof(self, proof: Proof) -> float:
        return TOP + (self.proofs.index(proof) + 0.5) * ROW * self.rows / len(self.proofs)

    def capability(self, gives: Capability) -> float:
        """Beside the middle of the paths that give it."""
        heights = [self.path(number) for number, one in enumerate(self.paths) if one.gives is gives]
        return (heights[0] + heights[-1]) / 2


def picture(policy: "RecoveryPolicy", group: str = "") -> str:
    """A whole SVG document, with a title and a description for those who do not see it."""
    if group and group not in policy.groups:
        raise ConfigError(f"There is no group {group!r} with paths.", remedy="Name one of RecoveryPolicy.groups.")
    found = policy.groups[group] if group else policy.paths
    order = list(Capability)
    layout = _Layout(tuple(sorted(found, key=lambda one: (order.index(one.gives), one.level))))  # sorted keeps the rest as it was
    title = f"{TITLE}: {group}" if group else TITLE
    words = (_tag("title", escape(title), id="t"), _tag("desc", escape(_described(layout)), id="d"))
    head = (
        _tag("text", escape(title), x=PROOFS[0], y=30, class_="t"),
        _tag("text", BELOW if found else _described(layout), x=PROOFS[0], y=50, class_="s"),
        *(_tag("text", name, x=at, y=TOP - 12, class_="b") for name, (at, _) in _columns(layout)),
    )
    height = TOP + ROW * layout.rows + 20
    ground = _tag("rect", width=WIDTH, height=height, fill="#fff")
    inner = "\n".join((*words, _tag("style", CSS), ground, *head, *_edges(layout), *_nodes(layout)))
    size = {"viewBox": f"0 0 {WIDTH} {height}", "width": WIDTH, "height": height}
    return _tag("svg", f"\n{inner}\n", xmlns="http://www.w3.org/2000/svg", **size, role="img", aria_labelledby="t d") + "\n"


def _columns(layout: _Layout) -> tuple[tuple[str, tuple[int, int]], ...]:
    return (("proofs", PROOFS), ("paths", PATHS), ("what they give", GIVES)) if layout.paths else ()


def _described(layout: _Layout) -> str:
    """The picture in words: a sentence a path."""
    told = ". ".join(f"{named(one.proofs)} give {WORDS[one.gives]}, {_terms(one)}" for one in layout.paths)
    return f"{told}." if told else "No path leads anywhere: who is meant by this has no self-service."


def _terms(path: RecoveryPath) -> str:
    """For whom, and after how long."""
    whom = "whoever it is" if path.level >= AssuranceLevel.AAL2 else "where there is no second factor"
    return f"{whom}, {f'after {length(path.wait)}' if path.wait else 'at once'}"


def _edges(layout: _Layout) -> list[str]:
    marks = []
    for number, path in enumerate(layout.paths):
        y = layout.path(number)
        own = [one for one in Proof if one in path.proofs]
        for place, proof in enumerate(own, 1):
            at = y - TALL / 2 + TALL * place / (len(own) + 1)
            line = _bent(sum(PROOFS), layout.proof(proof), PATHS[0], at)
            marks.append(_tag("path", d=line, class_="c", stroke=COLOURS[proof]))
            marks.append(_tag("circle", cx=PATHS[0], cy=at, r=3.5, fill=COLOURS[proof]))
        line = _bent(sum(PATHS), y, GIVES[0], layout.capability(path.gives))
        marks.append(_tag("path", d=line, class_="g", **({"stroke_dasharray": "6 4"} if path.wait else {})))
    return marks


def _nodes(layout: _Layout) -> list[str]:
    marks = []
    for proof in layout.proofs:
        marks += _box(PROOFS, layout.proof(proof), escape(proof.value))
    for number, path in enumerate(layout.paths):
        marks += _box(PATHS, layout.path(number), escape(named(path.proofs)), _terms(path))
    for gives in layout.gives:
        marks += _box(GIVES, layout.capability(gives), WORDS[gives])
    return marks


def _box(column: tuple[int, int], y: float, words: str, below: str = "") -> list[str]:
    x, wide = column
    marks = [_tag("rect", x=x, y=y - TALL / 2, width=wide, height=TALL, rx=5, class_="n")]
    marks.append(_tag("text", words, x=x + 12, y=y - 2 if below else y + 4, class_="b"))
    return [*marks, _tag("text", below, x=x + 12, y=y + 13, class_="s")] if below else marks


def _bent(x: float, y: float, to_x: float, to_y: float) -> str:
    half = (x + to_x) / 2
    start, end = f"M{_number(float(x))} {_number(float(y))}", f"{_number(float(to_x))} {_number(float(to_y))}"
    return f"{start}C{_number(half)} {_number(float(y))} {_number(half)} {_number(float(to_y))} {end}"


def _tag(name: str, inner: str = "", **attributes: object) -> str:
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_number(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{inner}</{name}>"


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
