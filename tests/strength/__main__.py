"""
How well the estimator ranks passwords whose guess numbers are known, beside zxcvbn.

    python -m tests.strength DIRECTORY [--svg PATH]

The directory holds `offline/NAME/` (and `online/NAME/`) with three files a set, each with a heading line:
`0_*.pw` passwords, `1_*.strength` guess numbers or negative counts, `2_*.weight` how many accounts have each.
Rank correlation is Spearman's, weighted ranks as in Golla and Dürmuth (2018).
"""

import argparse
import sys
from collections import defaultdict
from math import log10, sqrt
from pathlib import Path

THRESHOLDS = (6, 8, 10)


def read(folder):
    """Passwords, their strengths and weights."""
    columns = []
    for pattern in ("0_*.pw", "1_*.strength", "2_*.weight"):
        (path,) = folder.glob(pattern)
        columns.append(path.read_text("utf-8", errors="replace").split("\n")[1:])
    passwords, strengths, weights = columns
    rows = [(p, float(s), float(w)) for p, s, w in zip(passwords, strengths, weights, strict=False) if s and w]
    return tuple(zip(*rows, strict=True))


def ranks(values, weights):
    """Weighted ranks: the weight below, and half of that of the ties."""
    ties = defaultdict(list)
    for value, weight in zip(values, weights, strict=True):
        ties[value].append(weight)
    found, below = {}, 0.0
    for value in sorted(ties):
        among = ties[value]
        found[value] = below + (len(among) + 1) / 2 * sum(among) / len(among)
        below += sum(among)
    return [found[value] for value in values]


def spearman(left, right, weights=None):
    """Spearman's rank correlation, weighted where weights are given."""
    weights = weights or [1.0] * len(left)
    a, b, total = ranks(left, weights), ranks(right, weights), sum(weights)
    mean_a, mean_b = (sum(w * x for w, x in zip(weights, xs, strict=True)) / total for xs in (a, b))
    dots = [
        (w * (x - mean_a) ** 2, w * (y - mean_b) ** 2, w * (x - mean_a) * (y - mean_b))
        for w, x, y in zip(weights, a, b, strict=True)
    ]
    xx, yy, xy = map(sum, zip(*dots, strict=True))
    return xy / sqrt(xx * yy)


def unsafe(estimates, strengths, threshold, accepted):
    """Of the *accepted* passwords that are estimated strongest, the share that falls below 10 ** threshold guesses."""
    strongest = sorted(zip(estimates, strengths, strict=True), key=lambda pair: (-pair[0], pair[1]))[:accepted]
    return sum(true < 10**threshold for _, true in strongest) / max(accepted, 1)


def theirs(password):
    from zxcvbn import zxcvbn

    return float(zxcvbn(password[:72])["guesses_log10"])


def main():
    from acctsec.password import estimate

    arguments = argparse.ArgumentParser(prog="python -m tests.strength", description="Rank correlation with known guess numbers.")
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--svg", type=Path, help="draw acceptance against attacker success here")
    given = arguments.parse_args()
    folders = sorted({path.parent for path in given.directory.rglob("0_*.pw")})
    if not folders:
        sys.exit(f"{given.directory} holds no set: files 0_*.pw, 1_*.strength and 2_*.weight in one folder.")
    curves = {}
    for folder in folders:
        passwords, strengths, weights = read(folder)
        online = min(strengths) < 0
        print(f"{folder.relative_to(given.directory)}: {len(passwords)} passwords")
        judged = {"zxcvbn": list(map(theirs, passwords)), "ours": list(map(estimate, passwords))}
        for name, estimates in judged.items():
            line = f"  {name:7} weighted {spearman(estimates, strengths, weights):.3f}  unweighted {spearman(estimates, strengths):.3f}"
            if not online:
                errors = [(own - log10(true)) ** 2 for own, true in zip(estimates, strengths, strict=True)]
                line += f"  RMSE {sqrt(sum(errors) / len(errors)):.2f}"
                for threshold in THRESHOLDS:
                    accepted = sum(one >= threshold for one in judged["zxcvbn"])
                    line += f"  unsafe at 1e{threshold} {unsafe(estimates, strengths, threshold, accepted):.2%}"
                shares = [one / 50 for one in range(1, 50)]
                curves[folder.name, name] = [
                    (one, unsafe(estimates, strengths, 8, round(one * len(strengths)))) for one in shares
                ]
            print(line)
    if given.svg:
        given.svg.write_text(drawn(curves), "utf-8")


def drawn(curves):
    """Share accepted (across) against the share of the accepted that fall within 10^8 guesses (up, to half)."""
    colours = {"zxcvbn": "#b5563c", "ours": "#2f6f8f"}
    sets = sorted({name for name, _ in curves})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(sets) * 360} 300" font-family="sans-serif" font-size="12">'
    ]
    for number, name in enumerate(sets):
        left = number * 360 + 50
        parts.append(
            f'<path d="M{left} 20V250H{left + 290}" fill="none" stroke="#888"/><text x="{left}" y="14">{name}: within 10^8 guesses</text>'
        )
        parts += [
            f'<text x="{left + 280 * share / 100:.0f}" y="266" text-anchor="middle">{share} %</text>' for share in (0, 50, 100)
        ]
        parts += [
            f'<text x="{left - 4}" y="{254 - 460 * share / 100:.0f}" text-anchor="end">{share} %</text>' for share in (0, 25, 50)
        ]
        parts.append(f'<text x="{left + 140}" y="284" text-anchor="middle">share accepted</text>')
        for row, (judge, colour) in enumerate(colours.items()):
            points = " ".join(f"{left + 280 * x:.1f},{250 - 460 * min(y, 0.5):.1f}" for x, y in curves[name, judge])
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts.append(f'<text x="{left + 10}" y="{40 + 16 * row}" fill="{colour}">{judge}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
