"""What strangers guessed wrong, seen by many processes together on Valkey or Redis."""

from collections import deque
from datetime import timedelta
from os import getpid
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Change, Posture
from acctsec.attacks.signals import Detector
from acctsec.attacks.watching import Looked, Seen
from acctsec.budgets import micros
from acctsec.errors import ConfigError
from acctsec.stores._fleet import NEVER, Digests, Names, Report, Stances, posture, visible
from acctsec.stores._plans import Plan
from acctsec.stores.valkey import AsyncValkeyStore, ValkeyStore, links_of
from acctsec.stores.watch import MemoryWatch

if TYPE_CHECKING:
    from acctsec.stores._valkey_calls import Caller

WAITING = 5_000  # reports that wait to be told; above, the oldest go: a process hashes no more in half a minute
UNTOLD = 1_000  # changes that wait for an attempt of their tenant to be told with
SECOND = timedelta(seconds=1)


class ValkeyWatch:
    """
    Sees what strangers guess wrong at all processes together, as a port ``watch``.

    Each process counts by itself, in a ``MemoryWatch``, and answers at once. Every second it tells a server what it has seen
    since, and learns what all have seen: in a thread of its own, so no sign-in waits for the server. A posture that all
    together come to so holds everywhere after two seconds; what a process has seen last waits for its next attempt.

    Args:
        store: whose servers, connections and namespace it uses; it may serve as the meters too. Close it when you are done.
        keyring: the engine's. What leaves the process is named by digests under its oldest index key: no address, name or
            password can be looked up on the server.
        every: how often it is exchanged, while attempts come. Default 1 second.

    The server holds a bounded number of places, 25 MiB at most and all of it expiring, whatever anybody sends; a cluster 55,
    since each of 16 shards has a table of sprays. What it says is never too high but for a point, and too low by what decision
    0032 states. An exchange that fails is told by the next ``wrong``, as its StoreUnavailable; what it was to tell is then
    known to this process alone. A server that lost everything is told again which postures hold.

    Threads must be allowed: under uWSGI with ``--enable-threads``. Fork whenever you like. Its user needs no more than
    docs/how-to/valkey.md says. Raises ConfigError for another kind of store, or *every* outside 50 ms to a minute.
    """

    def __init__(self, store: ValkeyStore, *, keyring: Digests, every: timedelta = SECOND) -> None:
        caller, self._links, prefix = links_of(store, ValkeyStore)
        self._made = (caller, prefix, keyring, every)
        self._own()

    def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked:
        """The posture that an attempt meets, here or of all together; see ``AsyncAttackWatch``."""
        self._own()
        looked = self._together.look(policy, seen, now)
        self._exchange(now)
        return looked

    def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]:
        """Count one wrong password. Raises, once it is counted, what has befallen an exchange since the last time."""
        self._own()
        try:
            return self._together.wrong(policy, seen, known_name=known_name, now=now)
        finally:
            self._exchange(now)

    def merge(self) -> None:
        """
        Exchange now, and wait for it: for tests, and before a process ends.

        Raises StoreUnavailable when the server does not answer.
        """
        self._own()
        with self._lock:
            self._links.run(self._together.exchange())

    def _exchange(self, now: int) -> None:
        if not self._together.due(now) or not self._lock.acquire(blocking=False):
            return
        self._together.began(now)
        try:
            Thread(target=self._in_background, name="acctsec-watch", daemon=True).start()
        except RuntimeError:  # the interpreter is about to end
            self._lock.release()

    def _in_background(self) -> None:
        try:
            self._links.run(self._together.exchange())
        except Exception as error:  # noqa: BLE001 - it is raised where somebody can be told
            self._together.trouble = error
        finally:
            self._lock.release()

    def _own(self) -> None:
        """A forked child begins anew: its parent tells what waits, and has the thread that holds the lock."""
        if getattr(self, "_process", None) != getpid():
            self._together, self._lock, self._process = _Together(*self._made), Lock(), getpid()


class AsyncValkeyWatch:
    """The async form of `ValkeyWatch`, on an AsyncValkeyStore: it exchanges in a task of the loop that calls it."""

    def __init__(self, store: AsyncValkeyStore, *, keyring: Digests, every: timedelta = SECOND) -> None:
        from asyncio import Lock

        caller, self._links, prefix = links_of(store, AsyncValkeyStore)
        self._together = _Together(caller, prefix, keyring, every)
        self._lock = Lock()
        self._task: Any = None

    async def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked:
        """The posture that an attempt meets, here or of all together."""
        looked = self._together.look(policy, seen, now)
        self._exchange(now)
        return looked

    async def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]:
        """Count one wrong password. Raises, once it is counted, what has befallen an exchange since the last time."""
        try:
            return self._together.wrong(policy, seen, known_name=known_name, now=now)
        finally:
            self._exchange(now)

    async def merge(self) -> None:
        """Exchange now, and wait for it: before the store is closed, too."""
        async with self._lock:
            await self._links.run(self._together.exchange())

    def _exchange(self, now: int) -> None:
        from asyncio import create_task

        if self._together.due(now) and not self._lock.locked():
            self._together.began(now)
            self._task = create_task(self._in_background(), name="acctsec-watch")

    async def _in_background(self) -> None:
        try:
            await self.merge()
        except Exception as error:  # noqa: BLE001 - it is raised where somebody can be told
            self._together.trouble = error


class _Together:
    """What both forms are made of: what this process sees, what all together saw, and what is to be exchanged."""

    def __init__(self, caller: "Caller", prefix: bytes, keyring: Digests, every: timedelta) -> None:
        from acctsec.stores._valkey_watch import STANCES, Fleet

        if not callable(getattr(keyring, "digest", None)):
            raise ConfigError("There is no keyring.", remedy="Give the engine's: all that leaves the process is named by it.")
        if type(every) is not timedelta or not timedelta(milliseconds=50) <= every <= timedelta(minutes=1):
            raise ConfigError(f"every is {every!r}.", remedy="Give a timedelta from 50 milliseconds to a minute.")
        self._every = micros(every)
        self._names = Names(keyring)
        self._fleet = Fleet(caller, prefix, self._names)
        self._here = MemoryWatch()
        self._stances = Stances(STANCES)
        # What hangs on whether a name exists lies apart: it must not drive out what a source can see.
        self._unknown = Stances(STANCES)
        self._waiting: deque[Report] = deque(maxlen=WAITING)
        self._changes: deque[tuple[str, Change]] = deque(maxlen=UNTOLD)
        self._telling = Lock()
        self._policy: AttackPolicy | None = None
        self._now = self._begun = 0
        self.trouble: Exception | None = None

    def look(self, policy: AttackPolicy, seen: Seen, now: int) -> Looked:
        """What holds here, or by all together."""
        looked = self._here.look(policy, seen, now)
        self._policy, self._now = policy, now
        highest = looked.posture
        if self._stances.held:
            for detector, name in visible(seen):
                held = self._stances.held.get(self._names.place(seen.tenant, detector, name))
                if held is not None:
                    highest = max(highest, posture(held, policy, detector, now))
        return Looked(Posture(highest), self._to_tell(policy, seen, looked.changes, unknown=False))

    def wrong(self, policy: AttackPolicy, seen: Seen, *, known_name: bool, now: int) -> tuple[Change, ...]:
        """Count here, and note it for the others."""
        changes = self._here.wrong(policy, seen, known_name=known_name, now=now)
        self._policy, self._now = policy, now
        self._waiting.append(Report(seen, known_name, now))
        told = self._to_tell(policy, seen, changes, unknown=True)
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            with self._telling:
                self._changes += [(seen.tenant, change) for change in told]
            raise trouble
        return told

    def due(self, now: int) -> bool:
        """Whether it is time to exchange."""
        return abs(now - self._begun) >= self._every

    def began(self, now: int) -> None:
        """An exchange begins."""
        self._begun = now

    def exchange(self) -> Plan[None]:
        """Tell what waits, and hear what others came to."""
        from acctsec.stores._valkey_watch import CHUNK, STANCES

        policy = self._policy
        if policy is None:  # nobody has come yet
            return
        for _ in range((WAITING + STANCES) // CHUNK + 1):
            reports = [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]
            if reports:
                for finding in (yield from self._fleet.tell(policy, reports)):
                    self._of(finding.signal.detector).find(finding, policy)
            heard, rises = yield from self._fleet.share(policy, self._stances, self._unknown, self._now)
            changes = rises + self._stances.fallen(policy, self._now) + self._unknown.fallen(policy, self._now)
            with self._telling:
                self._changes += [(rise.tenant, rise.change) for rise in changes]
            if heard and not self._waiting:
                return

    def _of(self, detector: Detector) -> Stances:
        return self._unknown if detector is Detector.UNKNOWN else self._stances

    def _to_tell(self, policy: AttackPolicy, seen: Seen, changes: tuple[Change, ...], *, unknown: bool) -> tuple[Change, ...]:
        """What this process came to before the others, and what all came to since; what a look may not know waits."""
        if not changes and not self._changes:
            return ()
        told = []
        with self._telling:
            for change in changes:
                name = seen.candidate if change.detector is Detector.SPRAY else change.name
                place, stances = self._names.place(seen.tenant, change.detector, name), self._of(change.detector)
                stances.came_to(place, change.after)
                known = posture(stances.held.get(place, NEVER), policy, change.detector, change.at)
                if known < max(change.before, change.after):
                    told.append(change)
            waiting = list(self._changes)
            self._changes.clear()
            for tenant, change in waiting:
                if tenant == seen.tenant and (unknown or change.detector is not Detector.UNKNOWN):
                    told.append(change)
                else:
                    self._changes.append((tenant, change))
        return tuple(told)
