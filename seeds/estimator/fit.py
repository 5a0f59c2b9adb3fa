# ruff: noqa: INP001 - a script
"""
Make the trigram table and the weights that join it to the search, from lists that packages ship. Deterministic, about 10 s.

    python seeds/estimator/fit.py            prints the digest of the table and the weights
    python seeds/estimator/fit.py --write    writes the table beside the data of acctsec.password as well

The table is counted on both lists. The weights are fitted on passwords that were made up, with guess numbers known by their
making: drawn from a model of five characters trained on the half of the lists that the trigrams did not see, words with
additions, and signs drawn at random. No evaluation set is touched.
"""

import gzip
import hashlib
import json
import random  # noqa: TID251 - seeded: the fit is the same every time
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import accumulate
from math import log10
from pathlib import Path

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from acctsec.password import strength
from acctsec.password.blocklist import common_passwords
from acctsec.password.estimator.ngrams import END, START, trained

TABLE = Path(strength.__file__).parent / "data" / "trigrams.json.gz"
LETTERS, SIGNS = "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789"


def words():
    """Every listed password once, in lower case."""
    return sorted({word.lower() for word in FREQUENCY_LISTS["passwords"]} | {word.lower() for word in common_passwords()})


def counted(listed, order=3):
    counts = defaultdict(Counter)
    for word in listed:
        padded = START * (order - 1) + word + END
        for i in range(order - 1, len(padded)):
            counts[padded[i - order + 1 : i]][padded[i]] += 1
    return {context: dict(sorted(counts[context].items())) for context in sorted(counts)}


def table():
    """The text of the table."""
    return json.dumps(counted(words()), separators=(",", ":"), ensure_ascii=False)


class Attacker:
    """Guesses in the order of a model of five characters; Monte-Carlo strength after Dell'Amico and Filippone (2015)."""

    def __init__(self, listed, chance):
        self.chance, self.levels = chance, []
        for order in range(1, 6):
            self.levels.append({key: (seen, sum(seen.values())) for key, seen in counted(listed, order).items()})
        self.drawn = [word for word in (self.draw() for _ in range(6000)) if 4 <= len(word) <= 24]
        costs = sorted(map(self.surprise, self.drawn))
        self.costs, self.ranks = costs, list(accumulate(10**cost / len(costs) for cost in costs))

    def draw(self):
        text = START * 4
        while len(text) < 36 and text[-1] != END:
            for order in range(5, 0, -1):
                seen, total = self.levels[order - 1].get(text[len(text) - order + 1 :] if order > 1 else "", ({}, 0))
                if total and self.chance.random() < total / (total + len(seen)):
                    text += self.chance.choices(list(seen), list(seen.values()))[0]
                    break
            else:
                text += chr(self.chance.randrange(33, 127))
        return text.strip(START + END)

    def surprise(self, word):
        padded, total = START * 4 + word + END, 0.0
        for i in range(4, len(padded)):
            p = 1 / 96
            for order, level in enumerate(self.levels):
                seen, number = level.get(padded[i - order : i], ({}, 0))
                if number:
                    p = (seen.get(padded[i], 0) + len(seen) * p) / (number + len(seen))
            total -= log10(p)
        return total

    def guesses(self, word):
        at = bisect_left(self.costs, self.surprise(word))
        return log10(max(self.ranks[min(at, len(self.ranks) - 1)], 1))


def made_up(chance):
    """Passwords nobody chose and the log10 of the guesses that whoever knows their making needs."""
    known = list(FREQUENCY_LISTS["english_wikipedia"])[:10_000]
    for _ in range(1500):
        rank = int(len(known) ** chance.random())
        word, cost, kind = known[rank - 1], log10(rank) + 0.5, chance.random()
        if kind < 0.5:
            digits = chance.randrange(1, 5)
            word, cost = word + str(chance.randrange(10**digits)).zfill(digits), cost + digits + 1
        elif kind < 0.7:
            word, cost = word + chance.choice("!.@#"), cost + 1.6
        else:
            other = int(len(known) ** chance.random())
            word, cost = word + known[other - 1], cost + log10(other) + 1
        yield word, cost
    for _ in range(600):
        size = chance.randrange(6, 13)
        yield "".join(chance.choice(SIGNS) for _ in range(size)), size * log10(len(SIGNS))


def weights():
    """Least squares of log10 guesses on (search, surprise, 1)."""
    chance = random.Random(1)  # noqa: S311 - no secret
    listed = words()
    model, attacker = trained(counted(listed[::2])), Attacker(listed[1::2], chance)
    rows = [(word, attacker.guesses(word)) for word in attacker.drawn[:3000]]
    rows += [(word, min(cost, attacker.guesses(word)) if word.isalpha() else cost) for word, cost in made_up(chance)]
    tables = strength.tables()
    points = [((log10(strength.guesses(word, {}, tables)), model.surprise(word), 1.0), target) for word, target in rows]
    matrix = [[sum(x[i] * x[j] for x, _ in points) for j in range(3)] + [sum(x[i] * y for x, y in points)] for i in range(3)]
    for i in range(3):
        matrix[i] = [value / matrix[i][i] for value in matrix[i]]
        for j in set(range(3)) - {i}:
            matrix[j] = [a - matrix[j][i] * b for a, b in zip(matrix[j], matrix[i], strict=True)]
    return tuple(round(row[3], 3) for row in matrix)


if __name__ == "__main__":
    text = table()
    print("table", hashlib.sha256(text.encode()).hexdigest())  # noqa: T201 - a command
    if "--write" in sys.argv:
        TABLE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print("weights", *weights())  # noqa: T201 - a command
