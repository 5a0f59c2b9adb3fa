"""SVG by hand: elements, text, and figures that also say in words and as a table what they show."""

import re
from collections.abc import Sequence
from html import escape
from itertools import count

_numbers = count(1)
_POWER = re.compile(r"\b10\^(\d+)")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def tag(name: str, *inner: str, **attributes: object) -> str:
    """One element. ``class_`` is its class; underscores in other names are hyphens."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(inner)}</{name}>"


def rect(x: float, y: float, width: float, height: float, class_: str, *, radius: float = 2, hint: str = "") -> str:
    """A rectangle, with *hint* where a pointer rests on it."""
    inner = [tag("title", escape(hint))] if hint else []
    return tag("rect", *inner, x=x, y=y, width=max(width, 0), height=max(height, 0), rx=radius, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def circle(x: float, y: float, radius: float, class_: str, *, hint: str = "") -> str:
    """A circle."""
    inner = [tag("title", escape(hint))] if hint else []
    return tag("circle", *inner, cx=x, cy=y, r=radius, class_=class_)


def label(x: float, y: float, text: str, class_: str = "", anchor: str = "start") -> str:
    """A line of text; powers of ten are raised."""
    raised = _POWER.sub(lambda found: "10" + found[1].translate(_RAISED), text)
    return tag("text", escape(raised), x=x, y=y, class_=class_, text_anchor=anchor)


def picture(title: str, description: str, size: tuple[float, float], *marks: str, class_: str = "") -> str:
    """A picture with a title and a description for those who do not see it. Its ids are unique on the page."""
    number = next(_numbers)
    head = tag("title", escape(title), id=f"t{number}"), tag("desc", escape(description), id=f"d{number}")
    box = f"0 0 {_text(size[0])} {_text(size[1])}"
    return tag("svg", *head, *marks, viewBox=box, role="img", aria_labelledby=f"t{number} d{number}", class_=class_)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, class_: str = "") -> str:
    """A table of plain text; cells that begin with a digit stand to the right."""
    top = tag("tr", *(tag("th", escape(name), scope="col") for name in head))
    body = (tag("tr", *(tag("td", escape(cell), **_aligned(cell)) for cell in row)) for row in rows)
    return tag(
        "div", tag("table", tag("thead", top), tag("tbody", *body), **({"class_": class_} if class_ else {})), class_="wide"
    )


def figure(drawn: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A picture, what it shows, and the same as a table."""
    numbers = tag("details", tag("summary", "The same as a table"), table(head, rows))
    return tag("figure", tag("div", drawn, class_="wide"), tag("figcaption", escape(caption)), numbers)


def _aligned(cell: str) -> dict[str, object]:
    return {"class_": "number"} if cell[:1].isdigit() and len(cell) < 12 else {}


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
