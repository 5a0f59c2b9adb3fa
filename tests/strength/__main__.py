"""
How well the estimator ranks passwords whose guess numbers are known, beside zxcvbn.

    python -m tests.strength DIRECTORY [--svg FOLDER]

The directory holds `offline/NAME/` (and `online/NAME/`) with three files a set, each with a heading line:
`0_*.pw` passwords, `1_*.strength` guess numbers or negative counts, `2_*.weight` how many accounts have each.
With `--svg` two pictures are drawn there: strength-acceptance.svg and strength-like-for-like.svg. A set whose guess numbers hardly
reach 10^8 is in neither: of RockYou, on which the attackers were trained, everything falls.

Rank correlation is Spearman's, weighted ranks as in Golla and Dürmuth (2018).
"""

import argparse
import sys
from collections import defaultdict
from math import log10, sqrt
from pathlib import Path

from tests.strength.pictures import acceptance, curve, like_for_like, unsafe

THRESHOLDS = (6, 8, 10)
DRAWN = 8


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


def theirs(password):
    from zxcvbn import zxcvbn

    return float(zxcvbn(password[:72])["guesses_log10"])


def main():
    from acctsec.password import estimate

    arguments = argparse.ArgumentParser(prog="python -m tests.strength", description="Rank correlation with known guess numbers.")
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--svg", type=Path, help="draw the pictures into this folder")
    given = arguments.parse_args()
    folders = sorted({path.parent for path in given.directory.rglob("0_*.pw")})
    if not folders:
        sys.exit(f"{given.directory} holds no set: files 0_*.pw, 1_*.strength and 2_*.weight in one folder.")
    curves, bars = {}, {}
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
            print(line)
        if not online and sum(true >= 10**DRAWN for true in strengths) > len(strengths) / 10:
            curves[folder.name] = {name: curve(estimates, strengths, DRAWN) for name, estimates in judged.items()}
            for threshold in THRESHOLDS:
                accepted = sum(one >= threshold for one in judged["zxcvbn"])
                pair = {name: unsafe(estimates, strengths, threshold, accepted) for name, estimates in judged.items()}
                bars.setdefault(folder.name, {})[threshold] = pair
    if given.svg:
        (given.svg / "strength-acceptance.svg").write_text(acceptance(curves, DRAWN), "utf-8")
        (given.svg / "strength-like-for-like.svg").write_text(like_for_like(bars), "utf-8")


if __name__ == "__main__":
    main()
