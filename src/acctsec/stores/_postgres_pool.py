"""
The connections of one process to PostgreSQL: opened when they are needed, kept for the next call, never more than so many.

Everything about a call ends at its deadline: the wait for a place, connecting, each trip, and trying again. A connection
that missed it is closed, never put back.
"""

import asyncio
import select
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from time import monotonic, sleep, time_ns
from types import TracebackType
from typing import Any, TypeVar

from psycopg import AsyncConnection, Connection, Error
from psycopg.pq.abc import PGresult

from acctsec.errors import ConfigError, StoreBusy, StoreError, StoreUnavailable
from acctsec.stores._plans import Breaker, Plan, carry_out, carry_out_async
from acctsec.stores._postgres_lines import AsyncLines, BlockingLines, Turn
from acctsec.stores._postgres_target import PATIENCE, UNREACHABLE, Target
from acctsec.stores._postgres_transactions import ROLLBACK
from acctsec.stores._postgres_wire import Ask, Link, Lost, RolledBack, Rows, Slow

Answer = TypeVar("Answer")

MAX_WAITING = 100  # calls a connection that may wait for one; more are refused at once
LIFETIME = 3600.0  # seconds after which a connection is closed: settings, certificates and addresses change
IDLE = 240.0  # seconds after which a connection is not trusted any more: firewalls forget


class _LateLost(StoreBusy, Lost):
    """A deadline passed so soon that it says nothing of the server: the call had spent its time in line, or on others."""


class _Breaker(Breaker):
    """One that takes a refusal for the answer that it is: the server is there, whatever it is like."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (ConfigError, RolledBack, Slow)) or type(error) is StoreError:
            kind = error = trace = None
        super().__exit__(kind, error, trace)


class _Pool:
    """The connections that rest, newest use on top, and what the process knows of the server."""

    def __init__(self, target: Target, size: int) -> None:
        self.target = target
        self.size = size
        self.breaker = _Breaker(target.name, timeout=target.timeout)
        self.closed = False
        self._resting: deque[Link] = deque()

    def rested(self) -> Link | None:
        """A connection that rests here and still lives: the server says nothing to it unasked but good-bye."""
        while True:
            try:
                link = self._resting.pop()
            except IndexError:
                return None
            if monotonic() - link.used < IDLE and not _is_readable(link.socket):
                return link
            link.close()

    def put_back(self, link: Link) -> None:
        """Keep a connection for the next call, unless it is old or in the middle of something."""
        now = monotonic()
        if not link.rests or now - link.born > LIFETIME:
            link.close()
            return
        link.used = now
        self._resting.append(link)
        self.dismiss(older_than=now if self.closed else now - IDLE)

    def dismiss(self, *, older_than: float) -> None:
        """Close the connections that were not used since."""
        with suppress(IndexError):
            while self._resting[0].used <= older_than:
                self._resting.popleft().close()

    def close(self) -> None:
        """Close what rests; what is under way is closed when it comes back."""
        self.closed = True
        self.dismiss(older_than=monotonic())

    def check_open(self) -> None:
        """Raise if the store was closed."""
        if self.closed:
            raise StoreError("This store was closed.", remedy="Close a store when nothing uses it any more.")

    def full(self, what: str) -> StoreBusy:
        """What is said to a call that gets no connection."""
        return StoreBusy(
            f"{self.target.name}: all {self.size} connections are in use, {what}.",
            remedy="Give the store more connections, or the server less to do.",
        )

    def crowded(self, what: str) -> StoreBusy:
        """What is said to a call that gets no turn at a row."""
        return StoreBusy(
            f"{self.target.name}: more calls than it can serve one after the other need one row of meters, {what}.",
            remedy="Wait; somebody asks for one account, or from one source, faster than it can be counted.",
        )


class _Call:
    """One call of the store, on one connection after the other if need be."""

    def __init__(self, pool: _Pool, deadline: float) -> None:
        self.pool = pool
        self.link: Link | None = None
        self._deadline = deadline
        self._hung = False

    def left(self) -> float:
        """The seconds left to this call; raises when there are none."""
        left = self._deadline - monotonic()
        if left <= 0:
            # Whoever lost a trip at the deadline and would try again is told of the server, not of a crowd.
            raise (StoreUnavailable if self._hung else Slow)(self._late(), remedy=_LOADED)
        return left

    def rest(self) -> float:
        """The seconds left to a trip that has begun."""
        return max(self._deadline - monotonic(), 0.001)

    def pause(self, seconds: float) -> float:
        """As long as may be waited before the next try."""
        if seconds >= self.left():
            raise Slow(
                f"{self.pool.target.name}: others were in the way of every try.", remedy="Look there for long transactions."
            )
        return seconds

    def lost(self, error: Exception, left: float) -> Lost:
        """What is said when a trip broke off that had so many seconds left when it began."""
        if monotonic() < self._deadline:
            return Lost(f"{self.pool.target.name} is gone: {_line(error)}.", remedy="See whether it is up, and its log.")
        self._hung = not self._is_little(left)
        return (Lost if self._hung else _LateLost)(self._late(), remedy=_LOADED)

    def unreachable(self, error: Exception, left: float) -> StoreUnavailable:
        """What is said when there is no connection to be had in so many seconds."""
        late = isinstance(error, TimeoutError)
        why = "it did not answer in time" if late else _line(error)
        return (StoreBusy if late and self._is_little(left) else StoreUnavailable)(
            f"{self.pool.target.name} cannot be reached: {why}.", remedy=UNREACHABLE
        )

    def _late(self) -> str:
        return f"{self.pool.target.name} did not answer in time."

    def _is_little(self, left: float) -> bool:
        return left < self.pool.target.timeout * PATIENCE

    def drop(self) -> None:
        """Close the connection unless it is whole and outside of any transaction."""
        if self.link is not None and not self.link.rests:
            self.link.close()
            self.link = None

    def finish(self) -> None:
        """Give the connection back."""
        if self.link is not None:
            self.pool.put_back(self.link)


_LOADED = "See whether it is up, and what loads it."


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).removesuffix(".")


def _is_readable(socket: int) -> bool:
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


# --- the blocking form ------------------------------------------------------------------------------------------------


class Pool(_Pool):
    """For threads."""

    def __init__(self, target: Target, size: int) -> None:
        super().__init__(target, size)
        self._turns = _Turns(size, size * MAX_WAITING)
        self._lines = BlockingLines()

    def carry_out(self, plan: Plan[Answer], *, rows: Collection[bytes] = (), ends: bool = False) -> Answer:
        """Make the trips of a plan and answer its value, after a turn at all the *rows* that it locks; see `Turn` for *ends*."""
        self.check_open()
        deadline = monotonic() + self.target.timeout
        if not rows:
            return self._made(plan, deadline)
        turn = self._lines.enter(rows, ends=ends, seconds=self.target.timeout)
        if isinstance(turn, str):
            raise self.crowded(turn)
        try:
            return self._made(plan, deadline)
        finally:
            self._lines.leave(turn)

    def _made(self, plan: Plan[Answer], deadline: float) -> Answer:
        refused = self._turns.enter(max(deadline - monotonic(), 0))
        if refused:
            raise self.full(refused)
        call = _BlockingCall(self, deadline)
        try:
            return carry_out(plan, call.trip)
        finally:
            call.finish()
            self._turns.leave()


class _Turns:
    """So many at once; the others in the order in which they came."""

    def __init__(self, places: int, most_waiting: int) -> None:
        self._lock = Lock()
        self._free = places
        self._most_waiting = most_waiting
        self._waiting: deque[Lock] = deque()

    def enter(self, seconds: float) -> str | None:
        """Wait for a place; the answer says what kept it from getting one."""
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            if len(self._waiting) >= self._most_waiting:
                return f"and {self._most_waiting} calls wait for one"
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            came = turn.acquire(timeout=seconds)
        except BaseException:
            if not self._left_the_queue(turn):
                self.leave()
            raise
        return None if came or not self._left_the_queue(turn) else "and none became free in time"

    def _left_the_queue(self, turn: Lock) -> bool:
        with self._lock:
            try:
                self._waiting.remove(turn)
            except ValueError:
                return False  # its turn had come meanwhile
            return True

    def leave(self) -> None:
        """Hand the place to whoever waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class _BlockingCall(_Call):
    def trip(self, asked: Sequence[Ask] | float) -> list[Rows] | None:
        """Make one round trip, or wait."""
        if isinstance(asked, float):
            sleep(self.pause(asked))
            return None
        left = self.left()
        try:
            # A server that lets everybody in and then says nothing has failed: a connection alone is no answer.
            with self.pool.breaker:
                self.link = self.link or self.pool.rested() or self._open(left)
                results = self._exchange(self.link, asked, left)
            return self.link.rows(results)
        except BaseException:
            if self.link is not None and self.link.failed:
                with suppress(StoreError, RolledBack):
                    self.link.rows(self._exchange(self.link, [ROLLBACK], left))
            self.drop()
            raise

    def _exchange(self, link: Link, asked: Sequence[Ask], left: float) -> list[PGresult]:
        try:
            return link.connection.wait(link.exchange(asked), timeout=self.rest())  # type: ignore[return-value]
        except Error as error:
            link.close()
            raise self.lost(error, left) from error
        except BaseException:
            link.close()  # what was sent is not known to have been done, not even the preparing of statements
            raise

    def _open(self, left: float) -> Link:
        target = self.pool.target
        try:
            connection = Connection.connect(target.conninfo, connect_timeout=target.patience(left), autocommit=True)
        except Error as error:
            raise self.unreachable(error, left) from error
        link = target.link(connection)
        try:
            before = time_ns()
            results = self._exchange(link, target.greeting, left)
            target.accept(link.rows(results), before=before, after=time_ns())
        except BaseException:
            link.close()
            raise
        return link


# --- the async form ---------------------------------------------------------------------------------------------------


class AsyncPool(_Pool):
    """For one event loop."""

    def __init__(self, target: Target, size: int) -> None:
        super().__init__(target, size)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = asyncio.Semaphore(size)
        self._waiting = 0
        self._lines = AsyncLines()
        self._running: set[asyncio.Task[Any]] = set()

    async def carry_out(self, plan: Plan[Answer], *, rows: Collection[bytes] = (), ends: bool = False) -> Answer:
        """
        Make the trips of a plan and answer its value, after a turn at all the *rows* that it locks; see `Turn` for *ends*.

        They are made in a task of their own: a call that is cancelled once it has begun comes to its end all the same, so that
        whoever hangs up costs no connection.
        """
        self.check_open()
        self._check_loop()
        deadline = monotonic() + self.target.timeout
        turn = await self._lines.enter(rows, ends=ends, seconds=self.target.timeout) if rows else None
        if isinstance(turn, str):
            raise self.crowded(turn)
        try:
            await self._enter(deadline)
        except BaseException:
            self._end(turn)
            raise
        task = asyncio.create_task(self._made(plan, deadline))
        self._running.add(task)
        task.add_done_callback(partial(self._leave, turn))
        return await asyncio.shield(task)

    async def _made(self, plan: Plan[Answer], deadline: float) -> Answer:
        call = _AsyncCall(self, deadline)
        try:
            return await carry_out_async(plan, call.trip)
        finally:
            call.finish()

    async def _enter(self, deadline: float) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        if self._waiting >= self.size * MAX_WAITING:
            raise self.full(f"and {self._waiting} calls wait for one")
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline - monotonic()):
                await self._turns.acquire()
        except TimeoutError:
            raise self.full("and none became free in time") from None
        finally:
            self._waiting -= 1

    def _end(self, turn: Turn | None) -> None:
        if turn is not None:
            self._lines.leave(turn)

    def _leave(self, turn: Turn | None, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        self._turns.release()
        self._end(turn)
        if not task.cancelled():
            task.exception()  # it was told to whoever waited; nobody did if the call was cancelled

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._loop is not None and not self._loop.is_closed():
            raise ConfigError("This store is used by another event loop.", remedy="Make a store for each loop.")
        self._loop = loop
        self._turns = asyncio.Semaphore(self.size)
        self._waiting = 0
        self._lines = AsyncLines()
        self._running.clear()

    async def finish(self) -> None:
        """Let what has begun come to its end, then close what rests."""
        self._check_loop()
        self.closed = True
        if self._running:
            await asyncio.wait(self._running)
        self.close()


class _AsyncCall(_Call):
    async def trip(self, asked: Sequence[Ask] | float) -> list[Rows] | None:
        """Make one round trip, or wait."""
        if isinstance(asked, float):
            await asyncio.sleep(self.pause(asked))
            return None
        left = self.left()
        try:
            # A server that lets everybody in and then says nothing has failed: a connection alone is no answer.
            with self.pool.breaker:
                self.link = self.link or self.pool.rested() or await self._open(left)
                results = await self._exchange(self.link, asked, left)
            return self.link.rows(results)
        except BaseException:
            if self.link is not None and self.link.failed:
                with suppress(StoreError, RolledBack):
                    self.link.rows(await self._exchange(self.link, [ROLLBACK], left))
            self.drop()
            raise

    async def _exchange(self, link: Link, asked: Sequence[Ask], left: float) -> list[PGresult]:
        try:
            connection: AsyncConnection[Any] = link.connection  # type: ignore[assignment]
            return await connection.wait(link.exchange(asked), timeout=self.rest())
        except Error as error:
            link.close()
            raise self.lost(error, left) from error
        except BaseException:
            link.close()  # what was sent is not known to have been done, not even the preparing of statements
            raise

    async def _open(self, left: float) -> Link:
        target = self.pool.target
        try:
            async with asyncio.timeout(left):
                connection = await AsyncConnection.connect(
                    target.conninfo, connect_timeout=target.patience(left), autocommit=True
                )
        except (Error, TimeoutError) as error:
            raise self.unreachable(error, left) from error
        link = target.link(connection)
        try:
            before = time_ns()
            results = await self._exchange(link, target.greeting, left)
            target.accept(link.rows(results), before=before, after=time_ns())
        except BaseException:
            link.close()
            raise
        return link
