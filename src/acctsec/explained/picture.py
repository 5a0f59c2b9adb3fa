"""The picture of an explanation: guesses allowed against time, one curve an attacker, written by hand as SVG."""

from datetime import timedelta
from html import escape
from math import ceil, log10
from typing import TYPE_CHECKING

from attrs import frozen

from acctsec.explained.said import hit_count, length
from acctsec.explained.walk import Attacker

if TYPE_CHECKING:
    from acctsec.explained import Course, Explained

TITLE = "Guesses allowed against time"
WIDTH, HEIGHT = 905, 454
LEFT, RIGHT, TOP, BOTTOM = 82, 630, 62, 404
SECONDS = (1, 365 * 86_400)
TICKS = (
    (1, "1 s"),
    (10, "10 s"),
    (60, "1 min"),
    (600, "10 min"),
    (3600, "1 h"),
    (86_400, "1 day"),
    (30 * 86_400, "30 days"),
    (SECONDS[1], "1 year"),
)
APART = 40
STEP = 0.5
"""Every half a point is looked at: a finer step could not be seen."""
# Six of the colours of Okabe and Ito, which stay apart for all kinds of colour vision; dashes tell them apart without any.
STYLES = {
    Attacker.SPRAY: ("#d55e00", ""),
    Attacker.RETURNING: ("#cc79a7", "9 4"),
    Attacker.BOTNET: ("#0072b2", ""),
    Attacker.SOURCE: ("#000000", "2 4"),
    Attacker.DEVICE: ("#009e73", "12 3 3 3"),
    Attacker.NETWORK: ("#56b4e9", "6 3"),
}
CSS = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#222}"
    ".t{font-size:17px;font-weight:600}.s{font-size:12px;fill:#555}.b{font-weight:600}"
    ".g{stroke:#e3e3e3}.a{stroke:#888}.c{fill:none;stroke-width:2.4;stroke-linejoin:round}"
)


@frozen
class _Scale:
    """Where a time and a number of guesses are drawn: both by powers of ten."""

    decades: int

    def x(self, seconds: float) -> float:
        """From the left for the first second to the right for a year."""
        return LEFT + (RIGHT - LEFT) * log10(seconds) / log10(SECONDS[1])

    def y(self, guesses: int) -> float:
        """From the bottom for one guess."""
        return BOTTOM - (BOTTOM - TOP) * log10(max(guesses, 1)) / self.decades


def picture(explained: "Explained") -> str:
    """A whole SVG document, with a title and a description for those who do not see it."""
    courses = sorted(explained.courses, key=lambda one: list(STYLES).index(one.attacker))
    scale = _Scale(max(ceil(log10(max(max(one.guesses) for one in courses))), 1))
    marks = [*_grid(scale), *(_curve(one, scale) for one in courses), *_labels(courses, scale)]
    named = _tag("title", TITLE, id="t") + _tag("desc", escape(_described(explained)), id="d")
    below = "wrong passwords that are compared, at the fastest pace; a dot where the lane stops for good"
    if explained.probable is not None:
        below += f"; hit count: {100 * explained.probable[3]:.2g} % in 30 days"
    head = (_tag("text", TITLE, x=LEFT, y=26, class_="t"), _tag("text", below, x=LEFT, y=45, class_="s"))
    ground = _tag("rect", width=WIDTH, height=HEIGHT, fill="#fff")
    inner = "\n".join((named, _tag("style", CSS), ground, *head, *marks))
    size = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": WIDTH, "height": HEIGHT}
    return _tag("svg", f"\n{inner}\n", xmlns="http://www.w3.org/2000/svg", **size, role="img", aria_labelledby="t d") + "\n"


def _described(explained: "Explained") -> str:
    """The picture in words: what stands at the end of each curve."""
    ends = "; ".join(
        "{}: {:,} within a minute, {:,} within an hour, {:,} within a day, {:,} within 30 days, {:,} within a year".format(
            one.attacker.value, *one.guesses
        )
        for one in explained.courses
    )
    hits = hit_count(explained)
    ends += f". Hit count: {hits}" if hits else ""
    return f"{ends}. Botnets have {explained.sources:,} sources. Both axes are logarithmic."


def _grid(scale: _Scale) -> list[str]:
    marks = []
    for power in range(scale.decades + 1):
        y = scale.y(10**power)
        marks.append(_tag("line", x1=LEFT, y1=y, x2=RIGHT, y2=y, class_="g" if power else "a"))
        marks.append(_tag("text", f"{10**power:,}", x=LEFT - 8, y=y + 4, text_anchor="end"))
    for seconds, words in TICKS:
        x = scale.x(seconds)
        marks.append(_tag("line", x1=x, y1=TOP, x2=x, y2=BOTTOM + 5, class_="g"))
        marks.append(_tag("text", words, x=x, y=BOTTOM + 21, text_anchor="middle"))
    marks.append(
        _tag("text", "time since the first guess", x=(LEFT + RIGHT) / 2, y=BOTTOM + 42, class_="s", text_anchor="middle")
    )
    return marks


def _curve(course: "Course", scale: _Scale) -> str:
    """A line of steps: flat while the attacker has to wait."""
    path, past = "", -1
    for at in range(int((RIGHT - LEFT) / STEP) + 1):
        x = LEFT + at * STEP
        seconds = 10 ** ((x - LEFT) / (RIGHT - LEFT) * log10(SECONDS[1]))
        guesses = course.within(timedelta(microseconds=int(seconds * 1_000_000)))
        if guesses != past:
            path += f"H{_number(x)}V{_number(scale.y(guesses))}" if path else f"M{LEFT} {_number(scale.y(guesses))}"
            past = guesses
    colour, dashes = STYLES[course.attacker]
    words = _tag("title", escape(course.attacker.value))
    drawn = _tag("path", words, d=f"{path}H{RIGHT}", class_="c", stroke=colour, **_dashed(dashes))
    if course.stops_at is None:
        return drawn
    x = scale.x(max(course.stops_at.total_seconds(), 1))
    return drawn + _tag("circle", cx=x, cy=scale.y(course.guesses[-1]), r=5, fill=colour)


def _labels(courses: "list[Course]", scale: _Scale) -> list[str]:
    """The names at the ends of the curves, moved apart where ends meet."""
    marks = []
    ends = sorted(courses, key=lambda one: -one.guesses[-1])
    wanted = [scale.y(one.guesses[-1]) for one in ends]
    for one, y, place in zip(ends, wanted, _apart(wanted), strict=True):
        colour, dashes = STYLES[one.attacker]
        leader = f"M{RIGHT + 2} {_number(y)}L{RIGHT + 22} {_number(place)}H{RIGHT + 44}"
        marks.append(_tag("path", d=leader, class_="c", stroke=colour, **_dashed(dashes)))
        marks.append(_tag("text", escape(one.attacker.value), x=RIGHT + 50, y=place - 1, class_="b"))
        marks.append(_tag("text", escape(_end(one)), x=RIGHT + 50, y=place + 15, class_="s"))
    return marks


def _apart(wanted: list[float]) -> list[float]:
    """Places from the top down, two lines of text apart: pushed down first, and up again from the lower edge."""
    places: list[float] = []
    for y in wanted:
        places.append(max(y, places[-1] + APART) if places else y)
    lowest = BOTTOM - 8.0
    for at in reversed(range(len(places))):
        places[at] = min(places[at], lowest)
        lowest = places[at] - APART
    return places


def _end(course: "Course") -> str:
    if course.stops_at is None:
        return f"{course.guesses[-1]:,} in a year"
    return f"{course.guesses[-1]:,}, stopped after {length(course.stops_at)}"


def _dashed(dashes: str) -> dict[str, str]:
    return {"stroke_dasharray": dashes} if dashes else {}


def _tag(name: str, inner: str = "", **attributes: object) -> str:
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_number(value)}"' for key, value in attributes.items())
    return f"<{name}{given}>{inner}</{name}>"


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
