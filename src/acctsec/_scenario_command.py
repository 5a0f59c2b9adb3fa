"""The command ``scenario``: play attacks that are written down as data, and say what happened and why."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from acctsec._demo.screen import Screen, choose
from acctsec._named_policy import NotFound, load
from acctsec.errors import ConfigError
from acctsec.policy import Policy

if TYPE_CHECKING:
    from acctsec.testing.scenarios import Loaded, Played

TIMES = "\N{MULTIPLICATION SIGN}"
FOLDER = Path("seeds/scenarios")
"""Where attacks lie in a checkout of this library."""


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    scenario = commands.add_parser(
        "scenario", help="play attacks that are written down as data, and say why they end so", epilog=epilog
    )
    acts = scenario.add_subparsers(dest="act", metavar="ACT", required=True)
    running = acts.add_parser("run", help="play some, and say what happened and why", epilog=epilog)
    running.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a scenario, or a folder of them")
    running.add_argument(
        "--policy", metavar="POLICY", help="play them under this one, a preset or module:name, whatever the files say of theirs"
    )
    running.add_argument("--store", choices=("memory", "sqlite"), default="memory", help="(default: memory)")
    running.add_argument("--json", action="store_true", help="write it as JSON, one scenario a line")
    listing = acts.add_parser("list", help="name the attacks of a folder, and what stops each", epilog=epilog)
    listing.add_argument("files", type=Path, nargs="*", metavar="FOLDER", help=f"(default: {FOLDER})")
    acts.add_parser("schema", help="print the JSON Schema of a scenario file", epilog=epilog)


def run(given: argparse.Namespace, presets: Mapping[str, Policy]) -> int:
    """Do what was typed and answer the exit code."""
    try:
        if given.act == "schema":
            from acctsec.testing.scenarios import json_schema

            print(json.dumps(json_schema(), indent=2))
            return 0
        if given.act == "list":
            _list(_read(given.files or [FOLDER], None))
            return 0
        return _run(given, presets)
    except (ConfigError, NotFound) as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2


def _run(given: argparse.Namespace, presets: Mapping[str, Policy]) -> int:
    from acctsec.testing.scenarios import perform
    from acctsec.testing.world import world

    policy = None if given.policy is None else load(given.policy, presets)
    held = []
    loaded = list(_read(given.files, policy))
    for one in loaded:
        with _store(given.store) as store:
            played = perform(one, world(policy=one.policy, store=store))
        held.append(played.held)
        if given.json:
            print(json.dumps(report(one, played)))  # ASCII, whatever standard output can write
        else:
            show(choose(sys.stdout), one, played)
    if len(held) > 1 and not given.json:
        whole = f"{held.count(True)} of {len(held)} scenarios end as their files say."
        choose(sys.stdout).last(whole, all(held))
    return 0 if all(held) else 1


def _read(paths: Sequence[Path], policy: Policy | None) -> "Iterator[Loaded]":
    from acctsec.testing.scenarios import read_scenario

    for path in paths:
        try:
            files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.", remedy="Name a file, or a folder of them.") from None
        if not files:
            raise ConfigError(f"{path} has no scenario.", remedy="Name a file, or a folder with files that end in .toml.")
        for file in files:
            yield read_scenario(file, policy=policy)


@contextmanager
def _store(kind: str) -> Iterator[Any]:
    if kind == "memory":
        yield None
        return
    from acctsec.stores import SqliteStore

    with TemporaryDirectory(prefix="acctsec-scenario-") as folder:
        store = SqliteStore(Path(folder) / "accounts.db")
        try:
            yield store
        finally:
            store.close()


# --- what is shown ----------------------------------------------------------------------------------------------------


def _list(loaded: "Iterator[Loaded]") -> None:
    rows = [(one.path.name, one.scenario.title, one.scenario.defence) for one in loaded]
    screen = choose(sys.stdout)
    for name, title, defence in rows:
        screen.beat(name, title, defence)


def show(screen: Screen, loaded: "Loaded", played: "Played") -> None:
    """Tell a scenario as it went: a line for each thing that was done, what came of it and why, and what was expected."""
    from acctsec.testing.scenarios.timeline import timeline

    scenario = loaded.scenario
    screen.title(f"{loaded.path.name}: {scenario.title}", "")
    screen.say(scenario.defence)
    screen.say(f"Played under {loaded.policy.name or 'a policy without a name'}.")
    screen.say()
    for entry in timeline(scenario, played):
        screen.beat(entry.when, _written(entry.what), "")
        for line in (*entry.answers, *entry.left):
            screen.answer(_written(line))
    screen.say()
    answered = [check for check in played.checks if check.key.startswith("steps[")]
    if all(check.held for check in answered):
        screen.claim(f"every step is answered as expected ({len(answered)})", held=True)
    for check in played.checks:
        if not check.held:
            screen.claim(_written(f"{check.key}: expected {check.wanted}, got {check.found}"), held=False)
        elif check not in answered:
            screen.claim(f"{check.key}: {check.wanted}", held=True)
    unmet, number = [check for check in played.checks if not check.held], len(played.checks)
    said = f"{len(unmet)} of {number} expectations are not met." if unmet else f"All {number} expectations are met."
    screen.last(said, not unmet)
    screen.say()


def _written(text: str) -> str:
    """A text with a plain x where standard output cannot write the sign of how often."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.replace(TIMES, "x")
    return text


def report(loaded: "Loaded", played: "Played") -> dict[str, object]:
    """The same as plain values, for a program."""
    from acctsec.testing.scenarios.timeline import timeline

    return {
        "file": loaded.path.name,
        "title": loaded.scenario.title,
        "defence": loaded.scenario.defence,
        "policy": loaded.policy.name,
        "held": played.held,
        "steps": [
            {
                "when": entry.when,
                "what": entry.what,
                "outcomes": [{"outcome": one.outcome, "times": one.times, "why": list(one.why)} for one in entry.folds],
                "left": list(entry.left),
            }
            for entry in timeline(loaded.scenario, played)
        ],
        "checks": [{"key": one.key, "expected": one.wanted, "got": one.found, "held": one.held} for one in played.checks],
    }
