"""The command ``rewrap``: seal what records keep under the newest key, so that an older one can go, and wrap foreign hashes."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import define, field

from acctsec import _ports
from acctsec._checkpoint import Checkpoint
from acctsec._demo.screen import Screen, choose
from acctsec._migration.runs import Progress, drive, settled
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import AcctsecError, ConfigError
from acctsec.hashing.policy import WRAPPED
from acctsec.outcomes import Rewrapped

PAGE = 100  # records; the cursor is written after each
SHOWN = 20
NOTICEABLE = 0.01  # of the accounts: a share that is off by more is said


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    given = commands.add_parser("rewrap", help="seal what records keep under the newest key", epilog=epilog)
    given.add_argument("--engine", required=True, metavar="MODULE:NAME", help="your engine, or a function that makes it")
    given.add_argument("--apply", action="store_true", help="seal; without it what lies under which key is only counted")
    given.add_argument("--wrap", action="store_true", help="also hash foreign hashes again, inside Argon2id")
    given.add_argument("--cursor", type=Path, default=Path("acctsec-rewrap.json"), metavar="PATH", help="where the run is kept")
    given.add_argument("--rate", type=float, metavar="N", help="at most so many records a second")
    given.add_argument("--restart", action="store_true", help="begin anew where a run was interrupted")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    if given.rate is not None and not 0 < given.rate <= 1_000_000:
        print(f"acctsec: --rate is {given.rate:g}. Give records a second, more than 0.", file=sys.stderr)
        return 2
    return drive(given.engine, lambda engine: _run(given, engine))


async def _run(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    work = Rewrap(engine, given.apply, given.wrap, given.rate, Checkpoint(given.cursor))
    try:
        if given.apply and given.restart:
            work.cursor.remove()
        elif given.apply:
            await work.resume()
    except (AcctsecError, OSError) as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2
    try:
        await work.carry_out()
    except (AcctsecError, OSError) as error:
        print(f"acctsec: stopped after {work.records:,} records: {error}", file=sys.stderr)
        if work.applies:
            print("acctsec: those are done. Run the same again to go on.", file=sys.stderr)
        return 1
    work.report()
    return 1 if work.left or work.damaged else 0


@define
class Rewrap:
    """One run over all records."""

    engine: Engine | AsyncEngine
    applies: bool
    wrap: bool
    rate: float | None
    cursor: Checkpoint
    after: bytes | None = b""
    records: int = 0
    changed: int = 0
    lost: int = 0
    damaged: int = 0
    secrets: Counter[str] = field(factory=Counter)
    schemes: Counter[str] = field(factory=Counter)
    keys: list[str] = field(factory=list)  # newest first

    @property
    def left(self) -> int:
        """Secrets that still lie under an older key."""
        return sum(self.secrets[key] for key in self.keys[1:])

    async def resume(self) -> None:
        """Go on where a run with the same newest key was interrupted; one with another key begins anew."""
        state = self.cursor.read()
        if state is None:
            return
        ring: Rewrapped = await settled(self.engine.admin.rewrap(limit=1, dry_run=True))
        keys = [key for key, _ in ring.secrets]
        if (state["keys"], state["wrap"]) != (keys, self.wrap):
            raise ConfigError(
                f"{self.cursor.path} is of a run with other keys or another --wrap.",
                remedy="Give --restart to begin anew with those of today.",
            )
        self.after, self.keys, self.secrets = bytes.fromhex(state["after"]), keys, Counter(state["secrets"])
        self.schemes = Counter(state["schemes"])
        self.records, self.changed = state["records"], state["changed"]
        self.lost, self.damaged = state["lost"], state["damaged"]

    async def carry_out(self) -> None:
        """Go over all records, page by page."""
        progress = Progress(sys.stderr)
        try:
            while self.after is not None:
                answer = self.engine.admin.rewrap(self.after, limit=PAGE, wrap=self.wrap, dry_run=not self.applies)
                page: Rewrapped = await settled(answer)
                self._add(page)
                if self.applies and page.after is not None:
                    self._save()
                progress.show(self.records, f"{self.records:,} records, {self.changed:,} sealed again")
                if self.rate is not None:
                    _ports.pause(page.records / self.rate)
        finally:
            progress.end()
        if self.applies:
            self.cursor.remove()

    def report(self) -> None:
        """Say what lies under which key, and whether the older ones can go."""
        screen = choose(sys.stdout)
        screen.say(f"{self.records:,} records{f', {self.changed:,} of them sealed again' if self.applies else ''}.")
        names = [f"{key} (newest)" if number == 0 else key for number, key in enumerate(self.keys)]
        table = [(name, f"{self.secrets[key]:,}") for name, key in zip(names, self.keys, strict=True)]
        screen.table(("sealing key", "secrets"), table, right=(1,))
        self._count(screen)
        if self.lost:
            screen.say(f"{self.lost:,} secrets are sealed under keys that are not in the ring, or damaged: they prove nothing.")
        if self.left and self.applies:
            screen.say(
                f"{self.left:,} secrets remain under an older key: a node still seals with it, or their records kept changing. "
                "Put the newest key in front on every node and run this again."
            )
        elif self.left:
            screen.say(f"{self.left:,} secrets lie under an older key. Give --apply to seal them again.")
        elif len(self.keys) > 1:
            screen.say(
                f"Nothing in the records needs {', '.join(self.keys[1:])} any more. Take it out of the ring once the outbox is "
                "empty; sessions, links and known browsers that it sealed end with it."
            )

    def _count(self, screen: Screen) -> None:
        """What the hashes are of, and whether the policy's shares still are those of the accounts."""
        held = max(1, sum(self.schemes.values()))
        said = {one.name: one.share for one in self.engine.policy.hashing.foreign}
        rows, off = [], False
        for name in sorted({scheme.removeprefix(WRAPPED) for scheme in self.schemes} | said.keys()):
            wrapped = self.schemes[WRAPPED + name]
            accounts = self.schemes[name] + wrapped
            share, policy = accounts / held, said.get(name)
            off = off or (policy is not None and abs(share - policy) > NOTICEABLE)
            rows.append((name, f"{accounts:,}", f"{wrapped:,}", f"{share:.4f}", "" if policy is None else f"{policy:.4f}"))
        screen.table(("password hash", "accounts", "wrapped", "share", "in the policy"), rows, right=(1, 2, 3, 4))
        if off:
            screen.say(
                "Unknown names are given the shares of the policy: where those are not the accounts', time tells who exists. "
                "Write the shares that were counted into HashingPolicy.foreign."
            )

    def _add(self, page: Rewrapped) -> None:
        self.after = page.after
        self.keys = [key for key, _ in page.secrets]
        self.secrets.update(dict(page.secrets))
        self.schemes.update(dict(page.schemes))
        self.records += page.records
        self.changed += page.changed
        self.lost += page.lost
        for tenant, subject in page.damaged[: max(0, SHOWN - self.damaged)]:
            where = f"{subject!r} of tenant {tenant!r}" if tenant else repr(subject)
            print(f"acctsec: the record of {where} is damaged, or has a secret that no key opens.", file=sys.stderr)
        self.damaged += len(page.damaged)

    def _save(self) -> None:
        assert self.after is not None  # noqa: S101 - for the type checker: there is a page to come
        self.cursor.write(
            {
                "keys": self.keys,
                "wrap": self.wrap,
                "after": self.after.hex(),
                "secrets": self.secrets,
                "schemes": self.schemes,
                "records": self.records,
                "changed": self.changed,
                "lost": self.lost,
                "damaged": self.damaged,
            }
        )
