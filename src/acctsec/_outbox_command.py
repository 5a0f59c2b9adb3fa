"""The command ``outbox``: what waits to be delivered, what is dead, and what shall become of that."""

import argparse
import json
import sys
from datetime import timedelta
from typing import Any

from acctsec._demo.screen import choose
from acctsec._migration.runs import Progress, drive, settled
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import AcctsecError, ConfigError
from acctsec.outcomes import DeadLetter, DeadLetters, LettersDiscarded, LettersRevived, OutboxStatus

PAGE = 100
IDS = 1_000  # in one call


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    outbox = commands.add_parser("outbox", help="look at what waits to be delivered, and at dead letters", epilog=epilog)
    actions = outbox.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, said: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=said, epilog=epilog)
        made.add_argument("--engine", required=True, metavar="MODULE:NAME", help="your engine, or a function that makes it")
        made.add_argument("--json", action="store_true", help="print one JSON object")
        return made

    action("status", "count what waits; ends with 1 where letters are dead")
    dead = action("dead", "list dead letters, without anything that is secret")
    dead.add_argument("--limit", type=int, default=PAGE, metavar="N", help=f"at most so many (default: {PAGE})")
    revive = action("revive", "let dead letters be delivered after all")
    which = revive.add_mutually_exclusive_group(required=True)
    which.add_argument("ids", nargs="*", default=[], metavar="ID", help="as `dead` lists it")
    which.add_argument("--all", action="store_true", help="all that are dead")
    discard = action("discard", "let go of dead letters for good; each is an event")
    discard.add_argument("ids", nargs="+", metavar="ID", help="as `dead` lists it")
    discard.add_argument("--actor", default="acctsec outbox", metavar="NAME", help="who does it, as the events will say")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    if given.action == "dead" and given.limit < 1:
        print(f"acctsec: --limit is {given.limit}. Give a number of letters, 1 or more.", file=sys.stderr)
        return 2
    return drive(given.engine, lambda engine: _run(given, engine))


async def _run(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    try:
        return await _ACTIONS[given.action](given, engine)
    except ConfigError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2
    except AcctsecError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 1


async def _status(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    status: OutboxStatus = await settled(engine.admin.outbox())
    if given.json:
        oldest = None if status.oldest is None else status.oldest.total_seconds()
        print(json.dumps({"due": status.due, "hidden": status.hidden, "dead": status.dead, "oldest_seconds": oldest}))
        return 1 if status.dead else 0
    since = "" if status.oldest is None else f"the oldest for {timedelta(seconds=status.oldest // timedelta(seconds=1))}"
    rows = [
        ("due", f"{status.due:,}", since),
        ("hidden", f"{status.hidden:,}", "a worker has them, or they failed and come again"),
        ("dead", f"{status.dead:,}", "had ten tries: `outbox dead` lists them" if status.dead else ""),
    ]
    choose(sys.stdout).table(("what", "entries", ""), rows, right=(1,))
    return 1 if status.dead else 0


async def _dead(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    letters: list[DeadLetter] = []
    after: bytes | None = b""
    while after is not None and len(letters) < given.limit:
        page: DeadLetters = await settled(engine.admin.dead_letters(after, limit=min(given.limit - len(letters), PAGE)))
        letters += page.letters
        after = page.after
    if given.json:
        print(json.dumps({"letters": [_plain(one) for one in letters], "more": after is not None}))
        return 0
    screen = choose(sys.stdout)
    if letters:
        screen.table(("id", "kind", "what", "tenant", "subject", "written"), [_row(one) for one in letters])
    more = " There are more: give a higher --limit." if after is not None else ""
    screen.say(f"{_letters(len(letters))}.{more}")
    return 0


async def _revive(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    if not given.all:
        return await _revive_some(given, engine)
    revived, progress = 0, Progress(sys.stderr)
    after: bytes | None = b""
    try:
        while after is not None:
            page: DeadLetters = await settled(engine.admin.dead_letters(after, limit=PAGE))
            done: LettersRevived = await settled(engine.admin.revive_letters([one.id for one in page.letters]))
            revived, after = revived + done.count, page.after
            if done.count:
                progress.show(revived, f"{_letters(revived)} revived")
    finally:
        progress.end()
    _say(given, "revived", revived, revived)
    return 0


async def _revive_some(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    revived = 0
    for begin in range(0, len(given.ids), IDS):
        done: LettersRevived = await settled(engine.admin.revive_letters(given.ids[begin : begin + IDS]))
        revived += done.count
    return _say(given, "revived", revived, len(set(given.ids)))


async def _discard(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    discarded = 0
    for begin in range(0, len(given.ids), IDS):
        some = given.ids[begin : begin + IDS]
        done: LettersDiscarded = await settled(engine.admin.discard_letters(some, actor=given.actor))
        discarded += done.count
    return _say(given, "discarded", discarded, len(set(given.ids)))


def _say(given: argparse.Namespace, verb: str, done: int, asked: int) -> int:
    """What became of so many letters; 1 where some of them were not dead."""
    if given.json:
        print(json.dumps({verb: done, "not_dead": asked - done}))
    else:
        rest = "" if done == asked else f" Not dead, or not any more: {asked - done:,}."
        choose(sys.stdout).say(f"{_letters(done)} {verb}.{rest}")
    return 0 if done == asked else 1


def _letters(number: int) -> str:
    return f"{number:,} {'letter' if number == 1 else 'letters'}"


def _plain(one: DeadLetter) -> dict[str, object]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "name": one.name,
        "tenant": one.tenant,
        "subject": one.subject,
        "at": None if one.at is None else one.at.isoformat(),
        "attempts": one.attempts,
    }


def _row(one: DeadLetter) -> tuple[str, ...]:
    """One line of a table; names that an application chose are shown so that no terminal takes them for anything else."""
    written = "" if one.at is None else f"{one.at:%Y-%m-%d %H:%M}"
    tenant, subject = (repr(name) if name else "" for name in (one.tenant, one.subject))
    return one.id, one.kind.value, one.name, tenant, subject, written


_ACTIONS = {"status": _status, "dead": _dead, "revive": _revive, "discard": _discard}
