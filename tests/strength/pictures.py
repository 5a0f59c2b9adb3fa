"""What the estimate buys, drawn: acceptance against an attacker's success, and both estimates at equal acceptance."""

WIDE, HIGH, LEFT, TOP = 330, 220, 58, 78
OURS, THEIRS = "#2f6f8f", "#b5563c"
COLOURS = {"zxcvbn": THEIRS, "ours": OURS}
NAMES = {"zxcvbn": "zxcvbn 4.5.0", "ours": "acctsec"}


def unsafe(estimates, strengths, threshold, accepted):
    """Of the *accepted* passwords that are estimated strongest, the share that falls below 10 ** threshold guesses."""
    strongest = sorted(zip(estimates, strengths, strict=True), key=lambda pair: (-pair[0], pair[1]))[:accepted]
    return sum(true < 10**threshold for _, true in strongest) / max(accepted, 1)


def curve(estimates, strengths, threshold):
    """For shares accepted from 2 to 100 %, what share of those falls."""
    shares = [one / 50 for one in range(1, 51)]
    return [(share, unsafe(estimates, strengths, threshold, round(share * len(strengths)))) for share in shares]


def acceptance(curves, threshold):
    """Share accepted (across) against the share of the accepted that fall (up), a panel for each set."""
    parts = head(
        len(curves), "Accepted passwords that an attacker finds", f"share of the accepted that fall within 10^{threshold} guesses"
    )
    for number, (name, lines) in enumerate(curves.items()):
        left, most = LEFT + number * (WIDE + 70), tick(max(y for line in lines.values() for _, y in line))
        parts += axes(left, name, most)
        parts += [label(left + WIDE * share, TOP + HIGH + 16, f"{share:.0%}", "middle") for share in (0, 0.25, 0.5, 0.75, 1)]
        parts.append(
            label(left + WIDE / 2, TOP + HIGH + 36, "share of passwords accepted, the strongest first", "middle", "small")
        )
        for row, (judge, line) in enumerate(lines.items()):
            points = " ".join(f"{left + WIDE * x:.1f},{TOP + HIGH * (1 - y / most):.1f}" for x, y in line)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[judge]}" stroke-width="2.2"/>')
            parts.append(label(left + 14, TOP + 20 + 18 * row, NAMES[judge], "start", fill=COLOURS[judge]))
    return "\n".join([*parts, "</svg>", ""])


def like_for_like(bars):
    """At the thresholds of zxcvbn, as many accepted by each: what share of them falls."""
    parts = head(
        len(bars),
        "The same number of passwords accepted",
        "as many as zxcvbn puts at the threshold or above: what share of them falls below it",
    )
    for number, (name, groups) in enumerate(bars.items()):
        left, most = LEFT + number * (WIDE + 70), tick(max(max(pair.values()) for pair in groups.values()))
        parts += axes(left, name, most)
        for place, (threshold, pair) in enumerate(groups.items()):
            middle = left + WIDE * (place + 0.5) / len(groups)
            parts.append(label(middle, TOP + HIGH + 16, f"10^{threshold} guesses", "middle"))
            for side, (judge, share) in enumerate(pair.items()):
                at, tall = middle - 38 + side * 40, HIGH * share / most
                parts.append(
                    f'<rect x="{at:.1f}" y="{TOP + HIGH - tall:.1f}" width="36" height="{tall:.1f}" fill="{COLOURS[judge]}"/>'
                )
                parts.append(label(at + 18, TOP + HIGH - tall - 5, f"{share:.1%}", "middle", "small"))
    parts += [
        label(LEFT + 60 + 120 * at, TOP + HIGH + 40, NAMES[one], "start", fill=COLOURS[one]) for at, one in enumerate(COLOURS)
    ]
    return "\n".join([*parts, "</svg>", ""])


def head(panels, title, text):
    """The beginning of a picture."""
    wide, high = LEFT + panels * (WIDE + 70) - 20, TOP + HIGH + 56
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="Georgia, \'DejaVu Serif\', serif" '
            'font-size="13" role="img" aria-labelledby="t">'
        ),
        f'<title id="t">{title}: {text}</title>',
        "<style>text { fill: #223 } .head { font-size: 18px; font-weight: bold } .small { font-size: 11px }</style>",
        f'<rect width="{wide}" height="{high}" rx="10" fill="#ffffff"/>',
        label(20, 30, title, "start", "head"),
        label(20, 50, text, "start", "small"),
    ]


def axes(left, name, most):
    """A panel's frame, its name and four marks up to *most*."""
    marks = [most * mark / 4 for mark in range(5)]
    return [
        label(left + WIDE, TOP - 4, name, "end"),
        f'<path d="M{left} {TOP}V{TOP + HIGH}H{left + WIDE}" fill="none" stroke="#889"/>',
        *(label(left - 6, TOP + HIGH * (1 - mark / most) + 4, f"{100 * mark:.3g} %", "end", "small") for mark in marks),
    ]


def label(x, y, text, anchor, kind="", fill=""):
    """Words at a place."""
    kind, fill = (f' class="{kind}"' if kind else ""), (f' style="fill: {fill}"' if fill else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}{fill}>{text}</text>'


def tick(most):
    """A round number above."""
    return next(bound for bound in (0.01, 0.02, 0.04, 0.08, 0.12, 0.16, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0) if bound > most)
