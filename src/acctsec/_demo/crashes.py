"""Act 4: the process dies in the middle of a reset, at four chosen points, and starts again on the same store."""

import json
import signal
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from subprocess import PIPE, Popen
from threading import Timer

from attrs import Factory, define, frozen

from acctsec import (
    Account,
    Context,
    Engine,
    Initial,
    MessagePurpose,
    PasswordChanged,
    ResetLink,
    ResetPending,
    SignedIn,
)
from acctsec._demo.stage import Broken, Stage, expect
from acctsec._demo.victim import Point
from acctsec._demo.world import World
from acctsec.events import PasswordReset

PATIENCE = 30.0
VICTIM = [sys.executable, "-m", "acctsec._demo.victim"]
OLD, NEW = "an umbrella left in {}", "a thermos found in {}"
HEAD = ("killed", "password", "link", "notices", "handed over", "after another try")
TOWNS = {Point.BEFORE: "Lisbon", Point.WITHIN: "Bergen", Point.AFTER: "Ghent", Point.HANDED: "Trieste"}


@frozen(kw_only=True)
class Opened:
    """What an account answers to: which password opens it, whether the link lives, how many notices there are."""

    old: bool
    new: bool
    link: bool
    notices: int

    @property
    def password(self) -> str:
        """Which password is the account's."""
        return {(True, False): "old", (False, True): "new"}.get((self.old, self.new), "BOTH" if self.old else "NONE")


BEFORE = Opened(old=True, new=False, link=True, notices=0)
AFTER = Opened(old=False, new=True, link=False, notices=1)


@define
class Crash:
    """One killing: how the process ended, what was found, and what was found after the person tried again."""

    point: Point
    killed: bool = False
    locked: bool = False
    found: Opened = AFTER
    final: Opened = AFTER
    handed: int = 0
    events: int = 0

    @property
    def wanted(self) -> Opened:
        """What must be found: the state before where nothing was committed, the state after where it was."""
        return BEFORE if self.point in {Point.BEFORE, Point.WITHIN} else AFTER

    @property
    def sent(self) -> str:
        """How often the notice was handed over by the time the account was looked at."""
        times = self.handed if self.found.notices else 0
        return {0: "not yet", 1: "once"}.get(times, f"{times} times, one key")

    @property
    def row(self) -> tuple[str, ...]:
        """What was found, in words, under ``HEAD``."""
        link = "alive" if self.found.link else "dead"
        return self.point.value, self.found.password, link, str(self.found.notices), self.sent, self.final.password


@frozen(kw_only=True)
class Crashes:
    """All of them, and whether anything secret lay in the file afterwards."""

    crashes: tuple[Crash, ...]
    secrets: int
    readable: tuple[str, ...]
    size: int


def play(stage: Stage, world: World) -> Crashes:
    """Kill, start again, look."""
    stage.open(
        "The process is killed in the middle of a reset",
        "Four times a process of its own redeems a reset and is killed with SIGKILL, each time at another point. Then the "
        "store is opened again, the outbox delivered, and the account tried: with the old password, the new one and the link.",
    )
    crashes = [_crash(stage, world, point) for point in Point]
    stage.screen.say()
    stage.screen.table(HEAD, [crash.row for crash in crashes], right=(3,))
    for crash in crashes:
        _assert(stage, crash)
    found, size = _search(world)
    stage.claim(
        f"None of the {len(world.secrets)} secrets and addresses of this run lies readable in the store's {size // 1024:,} KiB.",
        not found,
    )
    return Crashes(crashes=tuple(crashes), secrets=len(world.secrets), readable=tuple(found), size=size)


def _crash(stage: Stage, world: World, point: Point) -> Crash:
    """One account, one reset, one killing."""
    town, crash = TOWNS[point], Crash(point=point)
    trial = _account(world, town)
    order = {
        "store": str(world.path),
        "point": point.value,
        "fast": world.fast,
        "keys": world.keys,
        "now": world.clock().isoformat(),
        "subject": trial.account.subject,
        "mail": trial.account.addresses[0],
        "link": trial.link,
        "password": trial.new,
    }
    trial.heard = _kill(world, order, crash)
    world.restart()
    trial.engine = world.engine()
    world.deliver(trial.engine)
    crash.found = trial.look()
    if crash.found.link:
        trial.engine.redeem_reset(ResetLink(trial.link), trial.new, context=Context.of("192.0.2.33"))
        world.deliver(trial.engine)
    crash.final, crash.handed, crash.events = trial.look(), trial.handed(), trial.events()
    how = "SIGKILL" if crash.killed else "it did not die of the signal"
    stage.screen.beat(f"{world.clock():%H:%M}", f"{town}: the process stands {point.value}.", f"{how}; the store is opened again")
    return crash


def _account(world: World, town: str) -> "Trial":
    """An account with a password and a reset link."""
    subject, mail = town.lower(), world.secret("address", f"{town.lower()}@example.com")
    account = world.people.add(Account(subject=subject, identifiers=(mail,), addresses=(mail,)))
    old, new = world.secret("password", OLD.format(town)), world.secret("password", NEW.format(town))
    engine, context = world.engine(), Context.of(f"192.0.2.{len(subject)}")
    expect(engine.set_password(subject, old, by=Initial(), context=context), PasswordChanged)
    engine.request_reset(mail, context=context)
    world.deliver(engine)
    link = world.secret("reset link", world.mailbox.link(subject))
    return Trial(world=world, engine=engine, account=account, old=old, new=new, link=link)


def _kill(world: World, order: Mapping[str, object], crash: Crash) -> list[dict[str, str]]:
    """Start the process, let it come to its point, kill it there. Answers what it handed to the outside before."""
    heard: list[dict[str, str]] = []
    with Popen(VICTIM, stdin=PIPE, stdout=PIPE, text=True, encoding="utf-8") as process:  # noqa: S603 - our own module
        if process.stdin is None or process.stdout is None:
            raise Broken("the process has no pipes")
        guard = Timer(PATIENCE, process.kill)
        guard.start()
        try:
            process.stdin.write(json.dumps(order))
            process.stdin.close()
            for line in process.stdout:
                said = json.loads(line)
                if "at" in said:
                    crash.locked = _is_locked(world)
                    break
                heard.append(said.get("sent") or said.get("event") or {})
            else:
                raise Broken(f"the process ended before it stood {order['point']}")
        finally:
            guard.cancel()
            process.kill()
    crash.killed = process.returncode == (-signal.SIGKILL if hasattr(signal, "SIGKILL") else 1)
    return heard


def _is_locked(world: World) -> bool:
    """Whether somebody is in the middle of a transaction that writes."""
    with closing(sqlite3.connect(world.path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
    return False


@define(kw_only=True)
class Trial:
    """An account that is tried from outside."""

    world: World
    engine: Engine
    account: Account
    old: str
    new: str
    link: str
    heard: list[dict[str, str]] = Factory(list)

    def look(self) -> Opened:
        """Try both passwords and the link, and count the notices in the mailbox: by key, as a mail service does."""
        context = Context.of("192.0.2.34")
        mail = self.account.identifiers[0]
        return Opened(
            old=isinstance(self.engine.sign_in(mail, self.old, context=context), SignedIn),
            new=isinstance(self.engine.sign_in(mail, self.new, context=context), SignedIn),
            link=isinstance(self.engine.inspect_reset(self.link, context=context), ResetPending),
            notices=len(self._notices()),
        )

    def handed(self) -> int:
        """How often a notice was handed over, the same one counted each time."""
        before = len(self._by_victim("purpose", MessagePurpose.PASSWORD_CHANGED.value))
        return before + sum(self.world.mailbox.handed[key] for key in self._by_parent())

    def events(self) -> int:
        """How many PasswordReset events there are, by key."""
        return len({*self._by_victim("kind", PasswordReset.__name__), *self.world.log.keys(PasswordReset, self.account.subject)})

    def _notices(self) -> set[str]:
        return {*self._by_victim("purpose", MessagePurpose.PASSWORD_CHANGED.value), *self._by_parent()}

    def _by_parent(self) -> list[str]:
        mails = self.world.mailbox.of(self.account.subject)
        return [mail.key for mail in mails if mail.purpose is MessagePurpose.PASSWORD_CHANGED]

    def _by_victim(self, field: str, value: str) -> list[str]:
        return [said["key"] for said in self.heard if said.get(field) == value]


def _assert(stage: Stage, crash: Crash) -> None:
    kept = "nothing had happened" if crash.wanted is BEFORE else "the change stood"
    inside = " while its transaction was open" if crash.locked else ""
    link = "alive" if crash.found.link else "dead"
    rest = f"the link is {link}, {crash.found.notices} notice{'s' * (crash.found.notices != 1)}"
    stage.claim(
        f"Killed {crash.point.value}{inside}: {kept}. The {crash.found.password} password alone opens the account, {rest}.",
        crash.killed and crash.found == crash.wanted and crash.locked == (crash.point is Point.WITHIN),
    )
    if crash.wanted is BEFORE:
        stage.claim(
            "The same link, once more: changed. One notice, one event.",
            crash.final == AFTER and crash.handed == 1 and crash.events == 1,
        )
    else:
        wanted = 2 if crash.point is Point.HANDED else 1
        stage.claim(
            f"Its notice was handed over {['', 'once', 'twice, under one key: the mailbox has it once'][wanted]}. One event.",
            crash.final == AFTER and crash.handed == wanted and crash.events == 1,
        )


def _search(world: World) -> tuple[list[str], int]:
    """Look for every secret of the run in the bytes of the store's file."""
    world.store.close()
    stored = b"".join(path.read_bytes() for path in sorted(world.path.parent.glob(f"{world.path.name}*")))
    return [kind for text, kind in world.secrets.items() if text.encode() in stored], len(stored)
