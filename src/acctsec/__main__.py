"""The command line: ``python -m acctsec COMMAND``, as `parser` lists them."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import acctsec
from acctsec import (
    Policy,
    _corpus_command,
    _host_commands,
    _import_command,
    _lockout_command,
    _outbox_command,
    _rewrap_command,
    _scenario_command,
    _store_command,
    _survey_command,
    presets,
)

EXIT_CODES = (
    "exit codes: 0 all is well; 1 something failed, for the demo: a claim did not hold; 2 the command cannot be carried out as "
    "it was typed; 130 it was interrupted."
)


def parser() -> argparse.ArgumentParser:
    """What can be typed."""
    top = argparse.ArgumentParser(prog="python -m acctsec", description=acctsec.__doc__, epilog=EXIT_CODES)
    top.add_argument("--version", action="version", version=f"acctsec {acctsec.__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="play the library through in five acts, on SQLite", epilog=EXIT_CODES)
    demo.add_argument("--store", type=Path, metavar="PATH", help="keep the store in this file, which must not exist yet")
    demo.add_argument(
        "--report", type=Path, metavar="PATH.html", help="write the page of the run here (default: acctsec-demo.html)"
    )
    demo.add_argument("--fast", action="store_true", help="fewer people and hashes that anybody can reverse: for tests")

    commands.add_parser("keys", help="print fresh keys for Keyring.from_text, as one secret", epilog=EXIT_CODES)

    policy = commands.add_parser("policy", help="print every knob of a policy, its value and its source", epilog=EXIT_CODES)
    named = sorted(_presets())
    policy.add_argument("--preset", choices=named, default="social-default", metavar="NAME", help=f"one of {', '.join(named)}")

    _corpus_command.describe(commands, epilog=EXIT_CODES)
    _store_command.describe(commands, epilog=EXIT_CODES)
    _host_commands.describe(commands, epilog=EXIT_CODES)
    _import_command.describe(commands, epilog=EXIT_CODES)
    _rewrap_command.describe(commands, epilog=EXIT_CODES)
    _survey_command.describe(commands, epilog=EXIT_CODES)
    _outbox_command.describe(commands, epilog=EXIT_CODES)
    _lockout_command.describe(commands, _presets(), epilog=EXIT_CODES)
    _scenario_command.describe(commands, epilog=EXIT_CODES)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was typed and answer the exit code."""
    given = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return _run(given)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains once more at its end
        return 1
    except KeyboardInterrupt:
        print("\nacctsec: stopped.", file=sys.stderr)
        return 130


def _run(given: argparse.Namespace) -> int:
    if given.command == "keys":
        from acctsec.keyring import new_keys

        print(new_keys())
        return 0
    if given.command == "corpus":
        return _corpus_command.run(given)
    if given.command == "store":
        return _store_command.run(given)
    if given.command == "import":
        return _import_command.run(given)
    if given.command == "rewrap":
        return _rewrap_command.run(given)
    if given.command == "survey":
        return _survey_command.run(given)
    if given.command == "outbox":
        return _outbox_command.run(given)
    if given.command == "lockout":
        return _lockout_command.run(given, _presets())
    if given.command == "scenario":
        return _scenario_command.run(given)
    if given.command in {"calibrate", "doctor"}:
        return _host_commands.run(given)
    if given.command == "policy":
        from acctsec._demo.inforce import show
        from acctsec._demo.screen import choose

        chosen, screen = _presets()[given.preset], choose(sys.stdout)
        screen.title(chosen.name, f"digest {chosen.digest}\n")
        show(screen, chosen)
        return 0
    from acctsec._demo import play

    return play.main(store=given.store, report=given.report, fast=given.fast)


def _presets() -> dict[str, Policy]:
    """The presets by name, without their date: ``social-default``."""
    return {name.lower().replace("_", "-"): value for name, value in vars(presets).items() if isinstance(value, Policy)}


if __name__ == "__main__":
    sys.exit(main())
