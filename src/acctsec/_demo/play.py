"""The five acts in order, the line that sums them up, and the page."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from time import perf_counter
from typing import TypeVar

from acctsec import AcctsecError
from acctsec._demo import attack, crashes, day, inforce, signups
from acctsec._demo.page import Run, page
from acctsec._demo.screen import Screen
from acctsec._demo.stage import Broken, Stage
from acctsec._demo.world import World

REPORT = "acctsec-demo.html"
T = TypeVar("T")


class Unusable(Exception):  # noqa: N818 - it says why, and is shown as it is
    """A path cannot be used, and the sentence says why."""


def play(screen: Screen, *, store: Path | None = None, report: Path | None = None, fast: bool = False) -> bool:
    """Play everything; answers whether every claim held. Raises Unusable for a path, at the start if it can be told by then."""
    began = perf_counter()
    if store is not None:
        _check_store(store)
    written = _place(report)
    with TemporaryDirectory(prefix="acctsec-demo-") as scratch:
        path = store or Path(scratch) / "acctsec.db"
        screen.title("acctsec", f"Account security, played through in five acts, on {path}")
        run = _acts(Stage(screen), World(path, scratch=Path(scratch), fast=fast), began)
    try:
        written.write_text(page(run), encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{written} cannot be written ({error.strerror}).") from error
    held = sum(claim.held for claim in run.claims)
    kept = f"The store: {store.resolve()}. " if store else ""
    sum_ = f"Five acts, {held} of {len(run.claims)} claims held, {run.seconds:.0f} s. {kept}The page: {written.resolve()}"
    screen.last(sum_, run.held)
    return run.held


def _acts(stage: Stage, world: World, began: float) -> Run:
    made = _whole(stage, 1, lambda: signups.play(stage, world))
    lived = _whole(stage, 2, lambda: day.play(stage, world))
    attacked = _whole(stage, 3, lambda: attack.play(stage, world))
    crashed = _whole(stage, 4, lambda: crashes.play(stage, world))
    world.store.close()
    _whole(stage, 5, lambda: inforce.play(stage, world.policy))
    return Run(
        policy=world.policy,
        when=f"{world.clock.now:%d %B %Y}".lstrip("0"),
        seconds=perf_counter() - began,
        heads=stage.heads,
        claims=tuple(stage.claims),
        signups=made,
        day=lived,
        attack=attacked,
        crashes=crashed,
    )


def _whole(stage: Stage, number: int, act: Callable[[], T]) -> T | None:
    """Play one act to its end. One that breaks off is a claim that did not hold; the others go on."""
    stage.turn(number)
    try:
        return act()
    except (Broken, AcctsecError) as error:
        stage.claim(f"Act {number} broke off: {type(error).__name__}: {error}.", held=False)
        return None


def _check_store(path: Path) -> None:
    """The demo writes into a store of its own, never into one that is in use."""
    if path.is_dir():
        raise Unusable(f"{path} is a directory. Name a file in it that does not exist yet.")
    if path.exists() and path.stat().st_size:
        raise Unusable(f"{path} is not empty, and the demo writes accounts of its own. Name a file that does not exist yet.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise Unusable(f"{path} cannot be made: {path.absolute().parent} is no directory this user can write to.")


def _place(report: Path | None) -> Path:
    """Where the page goes: where it was asked for, else here, else, where nothing can be written here, among temporary files."""
    if report is None:
        here = Path(REPORT)
        writable = os.access(here if here.exists() else Path(), os.W_OK) and not here.is_dir()
        return here if writable else Path(mkdtemp(prefix="acctsec-demo-")) / REPORT
    if report.is_dir() or not os.access(report if report.exists() else report.absolute().parent, os.W_OK):
        raise Unusable(f"{report} cannot be written. Name a file in a directory this user can write to.")
    return report


def main(*, store: Path | None, report: Path | None, fast: bool) -> int:
    """The demo as a command: 0 when every claim held, 1 when one did not, 2 when a path cannot be used."""
    from acctsec._demo.screen import choose

    try:
        return 0 if play(choose(sys.stdout), store=store, report=report, fast=fast) else 1
    except Unusable as error:
        print(f"acctsec demo: {error}", file=sys.stderr)
        return 2
    except AcctsecError as error:
        print(f"acctsec demo: {error}", file=sys.stderr)
        return 1
