"""The command ``store``: make the tables of a store on PostgreSQL, bring them up to date, and see whether an engine can run."""

import argparse
import os
import sys
from datetime import timedelta
from typing import Any

from acctsec.errors import AcctsecError
from acctsec.stores._postgres_schema import MOST_PARTITIONS
from acctsec.stores.postgres import PARTITIONS, check, migrate

VARIABLE = "ACCTSEC_STORE"
_LONGEST_SKEW = 86_400  # seconds


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    store = commands.add_parser("store", help="make or check the tables of a store on PostgreSQL", epilog=epilog)
    actions = store.add_subparsers(dest="action", metavar="ACTION", required=True)
    where: dict[str, Any] = {
        "nargs": "?",
        "metavar": "CONNINFO",
        "help": f"host=… dbname=… user=…, or postgresql://…; without it ${VARIABLE}, where a password is not for all to see",
    }

    make = actions.add_parser("migrate", help="make the tables, or bring them to the version of this release", epilog=epilog)
    make.add_argument("conninfo", **where)
    make.add_argument("--schema", default="acctsec", metavar="NAME", help="where the tables are (default: acctsec)")
    make.add_argument(
        "--partitions",
        type=int,
        default=PARTITIONS,
        metavar="N",
        help=f"parts of each large table, fixed once it is made; 0 where the engine shards by itself (default: {PARTITIONS})",
    )
    make.add_argument("--grant-to", metavar="ROLE", help="let this role, which engines run as, read and write them")

    look = actions.add_parser("check", help="see whether an engine can run on them, as the role it runs as", epilog=epilog)
    look.add_argument("conninfo", **where)
    look.add_argument("--schema", default="acctsec", metavar="NAME", help="where the tables are (default: acctsec)")
    look.add_argument(
        "--max-skew", type=float, default=7.5, metavar="SECONDS", help="how far the clocks may be apart (default: 7.5)"
    )
    look.add_argument("--may-lose-commits", action="store_true", help="accept settings that let a crash take commits back")
    look.add_argument("--behind-pooler", action="store_true", help="as a store that is made with behind_pooler=True")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    conninfo = given.conninfo or os.environ.get(VARIABLE)
    if not conninfo:
        print(f"acctsec: no database is named. Give its conninfo, or set {VARIABLE}.", file=sys.stderr)
        return 2
    wrong = _mistyped(given)
    if wrong:
        print(f"acctsec: {wrong}", file=sys.stderr)
        return 2
    try:
        if given.action == "check":
            print(
                check(
                    conninfo,
                    schema=given.schema,
                    max_skew=timedelta(seconds=given.max_skew),
                    may_lose_commits=given.may_lose_commits,
                    behind_pooler=given.behind_pooler,
                )
            )
            return 0
        before, after = migrate(conninfo, schema=given.schema, partitions=given.partitions, grant_to=given.grant_to)
    except AcctsecError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 1
    print(f"version {after}" if before == after else f"version {before} became version {after}")
    return 0


def _mistyped(given: argparse.Namespace) -> str | None:
    if given.action == "migrate" and not 0 <= given.partitions <= MOST_PARTITIONS:
        return f"--partitions is {given.partitions}. Give a whole number from 0 to {MOST_PARTITIONS}."
    if given.action == "check" and not 0 < given.max_skew <= _LONGEST_SKEW:
        return f"--max-skew is {given.max_skew:g}. Give seconds, more than 0 and at most {_LONGEST_SKEW}."
    return None
