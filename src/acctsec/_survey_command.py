"""The command ``survey``: how many passwords were accepted under older rules, and who lacks a factor. Nothing is written."""

import argparse
import sys
from collections import Counter
from typing import Any

from acctsec._demo.screen import choose
from acctsec._migration.runs import Progress, drive, settled
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import AcctsecError
from acctsec.outcomes import Surveyed

PAGE = 100


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    given = commands.add_parser("survey", help="count the passwords that were accepted under older rules", epilog=epilog)
    given.add_argument("--engine", required=True, metavar="MODULE:NAME", help="your engine, or a function that makes it")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    return drive(given.engine, _run)


async def _run(engine: Engine | AsyncEngine) -> int:
    after: bytes | None = b""
    found, names, damaged, progress = Counter[str](), Counter[str](), 0, Progress(sys.stderr)
    lacking = Counter[str]()
    try:
        while after is not None:
            page: Surveyed = await settled(engine.admin.survey(after, limit=PAGE))
            found.update(passwords=page.passwords, older=page.older, demanded=page.demanded)
            found.update(untold=page.untold, overdue=page.overdue)
            lacking.update(dict(page.lacking))
            names.update(dict(page.policies))
            damaged, after = damaged + len(page.damaged), page.after
            progress.show(found["passwords"], f"{found['passwords']:,} passwords")
    except AcctsecError as error:
        print(f"acctsec: stopped after {found['passwords']:,} passwords: {error}", file=sys.stderr)
        return 1
    finally:
        progress.end()
    _report(engine, found, names)
    if lacking:
        _report_lacking(found, lacking)
    if damaged:
        print(f"acctsec: {damaged:,} records cannot be read.", file=sys.stderr)
    return 1 if damaged else 0


def _report(engine: Engine | AsyncEngine, found: Counter[str], names: Counter[str]) -> None:
    screen, today = choose(sys.stdout), engine.policy.password.identity.hex()
    rows = [(_said(name, today), f"{number:,}") for name, number in names.most_common()]
    screen.table(("accepted last under", "passwords"), rows, right=(1,))
    screen.say(
        f"Of {found['passwords']:,} passwords {found['older']:,} were accepted under other rules than those that hold for their "
        f"accounts today; they are judged again as their owners sign in. {found['demanded']:,} have to be changed."
    )


def _report_lacking(found: Counter[str], lacking: Counter[str]) -> None:
    screen = choose(sys.stdout)
    screen.table(("the policy asks for", "accounts that lack it"), [(n, f"{c:,}") for n, c in lacking.most_common()], right=(1,))
    screen.say(
        f"{found['untold']:,} of them have not signed in since it does, and the time of {found['overdue']:,} is over: they set a "
        f"factor up at their next sign-in."
    )


def _said(name: str, today: str) -> str:
    if not name:
        return "none: imported, or of an older release"
    return f"{name}, the rules of today" if name == today else name
