"""The command ``corpus``: make a breach file of a download, check one, and say what is in it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from acctsec._demo.screen import choose
from acctsec._migration.runs import Progress
from acctsec.corpora import Digest
from acctsec.corpora.build import build
from acctsec.corpora.file import Mapped
from acctsec.errors import AcctsecError


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    corpus = commands.add_parser("corpus", help="make a file of leaked passwords, check one, look at one", epilog=epilog)
    acts = corpus.add_subparsers(dest="act", metavar="ACT", required=True)
    making = acts.add_parser("build", help="make a breach file of a download of Pwned Passwords", epilog=epilog)
    making.add_argument("source", type=Path, metavar="DOWNLOAD", help="one file, or a folder with one file a range")
    making.add_argument("file", type=Path, metavar="FILE", help="what to make or to replace")
    making.add_argument("--digest", type=Digest, choices=list(Digest), default=Digest.SHA1, help="(default: sha1)")
    making.add_argument("--counts", action="store_true", help="keep how often each was seen, as a power of two")
    making.add_argument("--bits", type=int, metavar="N", help="choose a bucket by so many bits (default: by the size)")
    making.add_argument("--partial", action="store_true", help="take a download in which ranges are missing")
    for act, text in (("check", "read a whole breach file"), ("stat", "say what a breach file has")):
        acts.add_parser(act, help=text, epilog=epilog).add_argument("file", type=Path, metavar="FILE")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    screen, progress = choose(sys.stdout), Progress(sys.stderr)

    def told(done: int, most: int) -> None:
        if sys.stderr.isatty():
            progress.show(done, f"{done:,} entries, {min(100 * done // most, 100)} %")

    try:
        if given.act == "build":
            build(
                given.source,
                given.file,
                digest=given.digest,
                counts=given.counts,
                bits=given.bits,
                partial=given.partial,
                told=told,
            )
        mapped = Mapped(given.file)
        if given.act != "stat":
            mapped.check()
    except (AcctsecError, OSError) as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 1
    finally:
        progress.end()
    header = mapped.header
    screen.say(
        f"{header.entries:,} entries of {header.ranges:,} ranges under {header.digest.value}, "
        f"{'with' if header.has_counts else 'without'} counts, in {header.size:,} bytes; "
        f"{header.false_positives:.1e} of other passwords are taken for one."
    )
    return 0
