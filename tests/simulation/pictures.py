"""The report, drawn: what attackers may compare, and which visits of owners are refused."""

from math import log10

from tests.simulation.habits import GRIEFER, QUIET
from tests.strength.pictures import label

LEFT, TOP, HIGH, BAR, GAP = 64, 92, 240, 28, 40
COLOURS = ("#2f6f8f", "#7a9e4d", "#b5883c", "#8a6aa5", "#b5563c")


def guesses(report):
    """Guesses compared on an attacked account, on a logarithmic scale."""
    cohorts = [cohort for cohort in next(iter(report.values())) if cohort not in {QUIET, GRIEFER}]
    ticks = [(log10(mark) / 4, f"{mark:,}") for mark in (1, 10, 100, 1000, 10_000)]
    return bars(
        report,
        cohorts,
        "guesses compared",
        title="Guesses that an attacker gets compared",
        text="per attacked account in the time of the run, by strategy (logarithmic)",
        ticks=ticks,
        scale=lambda value: log10(max(value, 1)) / 4,
        show=lambda value: f"{value:,.0f}" if value >= 10 else f"{value:.2g}",
    )


def refusals(report):
    """Visits of owners with the right password that are refused."""
    cohorts = list(next(iter(report.values())))
    ticks = [(mark / 100, f"{mark} %") for mark in (0, 25, 50, 75, 100)]
    return bars(
        report,
        cohorts,
        "visits refused",
        title="Visits of owners that are refused",
        text="with the right password, at least once, by who attacks the account",
        ticks=ticks,
        scale=lambda value: value,
        show=lambda value: f"{100 * value:.2g}" if value < 0.995 else "100",
    )


def bars(report, cohorts, thing, *, title, text, ticks, scale, show):
    """A group of bars for each cohort, a bar for each policy, with its interval."""
    group = len(report) * BAR + GAP
    wide, high = max(LEFT + len(cohorts) * group + 20, 640), TOP + HIGH + 40
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="Georgia, \'DejaVu Serif\', serif" '
            'font-size="13" role="img" aria-labelledby="t">'
        ),
        f'<title id="t">{title}: {text}</title>',
        "<style>text { fill: #223 } .head { font-size: 18px; font-weight: bold } .small { font-size: 10px }</style>",
        f'<rect width="{wide}" height="{high}" rx="10" fill="#ffffff"/>',
        label(20, 28, title, "start", "head"),
        label(20, 46, text, "start"),
    ]
    parts += [label(20 + 116 * at, 70, f"■ {name}", "start", fill=COLOURS[at % len(COLOURS)]) for at, name in enumerate(report)]
    for share, mark in ticks:
        y = TOP + HIGH * (1 - share)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{wide - 20}" stroke="#dde" fill="none"/>')
        parts.append(label(LEFT - 8, y + 4, mark, "end", "small"))
    for place, cohort in enumerate(cohorts):
        left = LEFT + GAP / 2 + place * group
        parts.append(label(left + (group - GAP) / 2, TOP + HIGH + 20, cohort, "middle"))
        for at, found in enumerate(report.values()):
            parts += bar(left + at * BAR, found[cohort][thing], COLOURS[at % len(COLOURS)], scale, show)
    return "\n".join([*parts, "</svg>", ""])


def bar(x, value, colour, scale, show):
    """One bar, its interval and its number."""
    tall = HIGH * scale(value.mean)
    yield f'<rect x="{x:.1f}" y="{TOP + HIGH - tall:.1f}" width="{BAR - 3}" height="{tall:.1f}" fill="{colour}"/>'
    top = tall
    if value.half:
        low, top = (HIGH * min(max(scale(value.mean + side * value.half), 0), 1) for side in (-1, 1))
        middle = x + (BAR - 3) / 2
        yield f'<path d="M{middle:.1f} {TOP + HIGH - low:.1f}V{TOP + HIGH - top:.1f}" stroke="#223" fill="none"/>'
    yield label(x + (BAR - 3) / 2, TOP + HIGH - max(top, tall) - 4, show(value.mean), "middle", "small")


PICTURES = {"lockout-guesses.svg": guesses, "lockout-refusals.svg": refusals}
