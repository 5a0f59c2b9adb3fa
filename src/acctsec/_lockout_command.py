"""The command ``lockout``: what a policy's lockout allows to each kind of attacker, in words and as a picture."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from acctsec.errors import ConfigError
from acctsec.lockout.hits import HitCount
from acctsec.policy import Policy


def describe(commands: Any, named: Mapping[str, Policy], *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    lockout = commands.add_parser("lockout", help="say how many guesses a policy allows, and what its owner meets", epilog=epilog)
    names = ", ".join(sorted(named))
    lockout.add_argument("--preset", choices=sorted(named), default="social-default", metavar="NAME", help=f"one of {names}")
    lockout.add_argument("--sources", type=int, default=1000, metavar="N", help="addresses of a botnet (default: 1000)")
    lockout.add_argument("--hits", type=float, metavar="MASS", help="with a hit count of this mass as well, such as 0.000244")
    lockout.add_argument("--svg", type=Path, metavar="FILE", help="draw guesses against time into this file as well")


def run(given: argparse.Namespace, named: Mapping[str, Policy]) -> int:
    """Do what was typed and answer the exit code."""
    try:
        lockout = named[given.preset].lockout
        if given.hits is not None:
            lockout = evolve(lockout, hits=HitCount(mass=given.hits))
        explained = lockout.explain(sources=given.sources)
    except ConfigError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2
    print(explained)
    if given.svg is not None:
        try:
            given.svg.write_text(explained.svg(), encoding="utf-8", newline="\n")
        except OSError as error:
            print(f"acctsec: {given.svg} cannot be written: {error.strerror}.", file=sys.stderr)
            return 1
    return 0
