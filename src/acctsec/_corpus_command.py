"""The command ``corpus``: make a breach file of downloads and of others, check one, and say what is in it."""

import argparse
import sys
from pathlib import Path
from typing import IO, Any

from acctsec._demo.screen import choose
from acctsec._migration.runs import Progress
from acctsec.corpora import Digest
from acctsec.corpora.build import build, merge
from acctsec.corpora.built import Built
from acctsec.errors import AcctsecError

_BAR = 24


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
    merging = acts.add_parser("merge", help="make one breach file of several, and of newer downloads", epilog=epilog)
    merging.add_argument(
        "sources", type=Path, nargs="+", metavar="SOURCE", help="a breach file, or a download; one is a breach file"
    )
    merging.add_argument("file", type=Path, metavar="FILE", help="what to make or to replace; it may be one of the sources")
    for one in (making, merging):
        one.add_argument("--partial", action="store_true", help="take a download in which ranges are missing")
    for act, text in (("check", "read a whole breach file"), ("stat", "say what a breach file has")):
        acts.add_parser(act, help=text, epilog=epilog).add_argument("file", type=Path, metavar="FILE")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    progress = _Bar(sys.stderr)
    try:
        if given.act == "build":
            build(
                given.source,
                given.file,
                digest=given.digest,
                counts=given.counts,
                bits=given.bits,
                partial=given.partial,
                told=progress.told,
            )
        if given.act == "merge":
            merge(given.sources, given.file, partial=given.partial, told=progress.told)
        progress.end()
        built = Built(given.file)
        if given.act != "stat":
            built.check()
    except (AcctsecError, OSError) as error:
        progress.end()
        print(f"acctsec: {error}", file=sys.stderr)
        return 1
    header = built.header
    choose(sys.stdout).say(
        f"{header.entries:,} entries of {header.ranges:,} ranges under {header.digest.value}, "
        f"{'with' if header.has_counts else 'without'} counts, in {header.size:,} bytes; "
        f"{header.false_positives:.1e} of other passwords are taken for one."
    )
    return 0


class _Bar:
    """How far a run is, drawn on a terminal, and nowhere else, each time that it shows."""

    def __init__(self, out: IO[str]) -> None:
        self._progress = Progress(out)
        self._draws = out.isatty()
        self._shown = -1

    def told(self, done: int, most: int) -> None:
        """Draw it where it differs."""
        thousandth = min(1000 * done // max(most, 1), 1000)
        if self._draws and thousandth != self._shown:
            self._shown = thousandth
            bar = ("#" * (_BAR * thousandth // 1000)).ljust(_BAR, ".")
            self._progress.show(done, f"[{bar}] {thousandth // 10} %, {done:,} entries")

    def end(self) -> None:
        """Leave the line."""
        self._progress.end()
