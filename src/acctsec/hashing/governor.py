"""
The governor: at most so many hashes at once, at most so many waiting, and of those no source before another.

Hashing happens in threads of the governor's own and never in the caller's: what a thread once used stays with it, so two
hundred callers hashing in turn would hold two hundred times the memory of one. Each thread keeps its memory from hash to
hash, and gives it back when it has had nothing to do for a while.
"""
# ruff: noqa: SLF001 - jobs, pools and governors of this module know each other; nobody else looks inside

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import perf_counter
from typing import Any, TypeVar

from acctsec.errors import ConfigError, Overloaded
from acctsec.hashing.argon2id import give_back_memory, keep_memory
from acctsec.hashing.fair import FairQueue
from acctsec.hashing.job import Job, spent

T = TypeVar("T")

_LOOK, _GO = "look", "go"
_IDLE_SECONDS = 10.0
"""
How long a worker with nothing to do keeps its memory. To take 64 MiB anew costs 3 ms in large pages and 30 ms in small
ones, so at one hash in ten seconds giving back costs 0.3 % of a core at most; ten seconds is also when jemalloc lets unused
pages decay (``dirty_decay_ms``).
"""


class Governor:
    """
    Runs memory-hard work with bounded memory and a bounded queue. Thread-safe, and usable after a fork.

    Args:
        permits: pieces of work under way at once. None: one a core that this process may use, by its affinity and by the
            quota of its container.
        queue: pieces that may wait for a permit.
        patience: how long one may wait for its permit.

    Who waits is served in turn by the ``key`` of its job. When the queue is full, a job whose key holds less there takes
    the place of the newest of the key that holds most; work that began is never displaced.

    Past a bound, and to who was displaced, ``Overloaded`` is raised before anything began; its ``retry_after`` is when
    the queue of now will be done, by the time that work took of late, and at most the patience. A permit is held until the
    work really ends, also when its caller was cancelled or interrupted; work that has not begun by then never runs.
    """

    def __init__(self, *, permits: int | None, queue: int, patience: timedelta) -> None:
        if permits is not None and permits < 1:
            raise ConfigError(f"permits is {permits}.", remedy="Give at least one, or None for one a core.")
        if queue < 0 or patience <= timedelta():
            raise ConfigError("queue is below zero, or patience not above.", remedy="To let nobody wait, give a queue of 0.")
        self.permits: int = permits or _usable_cores()
        self.queue = queue
        self.patience: float = patience.total_seconds()
        self._pools: dict[int, _Pool] = {}

    def run(self, work: "Callable[[], T] | Job[T]") -> T:
        """Do *work* on a worker thread and answer what it answers, or raise what it raises. Blocks the caller alone."""
        job = _fresh(work)
        done = Lock()
        done.acquire()
        job._tell = done.release
        pool = self._pool()
        try:
            pool.admit(job)
            if not done.acquire(timeout=self.patience) and not pool.withdraw(job) and job.started:
                done.acquire()  # nothing but its own end sets the permit free
        except BaseException:
            pool.withdraw(job)
            raise
        if not job.started:
            raise Overloaded(pool.work_ahead())
        return job._answer()

    async def arun(self, work: "Callable[[], T] | Job[T]") -> T:
        """The same for asyncio: the event loop goes on meanwhile."""
        from asyncio import get_running_loop

        job = _fresh(work)
        loop = get_running_loop()
        done = loop.create_future()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop was closed while the hash ran: nobody is left to be told
                loop.call_soon_threadsafe(finish)

        def finish() -> None:
            if not done.done():  # it is, when the caller was cancelled
                done.set_result(None)

        def lose_patience() -> None:
            if pool.withdraw(job) or not job.started:
                finish()

        job._tell = tell
        pool = self._pool()
        timer = loop.call_later(self.patience, lose_patience)
        try:
            pool.admit(job)
            await done
        except BaseException:
            pool.withdraw(job)
            raise
        finally:
            timer.cancel()
        if not job.started:
            raise Overloaded(pool.work_ahead())
        return job._answer()

    def _pool(self) -> "_Pool":
        """The pool of this process: threads do not live on in a child, and a lock may have been held by one of them."""
        pool = self._pools.get(_generation)
        if pool is None:
            pool = self._pools.setdefault(_generation, _Pool(self.permits, self.queue, self.patience))
            weakref.finalize(self, _dismiss, pool.calls, self.permits).atexit = False
        return pool


class _Pool:
    """
    The workers of one governor in one process, and the jobs that wait for them.

    Who takes a job out of ``waiting`` decides it: a worker starts it, its caller withdraws it, never both.
    """

    def __init__(self, permits: int, queue: int, patience: float) -> None:
        self.permits = permits
        self.queue = queue
        self.patience = patience
        self.lock = Lock()
        self.waiting: FairQueue[Job[Any]] = FairQueue()
        self.running = 0
        self.threads = 0  # that count themselves
        self.staff: list[Thread] = []  # that were begun
        self.usual: float | None = None  # seconds that a piece of work takes, of late
        # Tells a worker to look, or to go. Reentrant, so that a finaliser may write to it at any point.
        self.calls: SimpleQueue[str] = SimpleQueue()

    def admit(self, job: Job[Any]) -> None:
        """Let *job* wait for a permit, in the place of another where that is fair. Raises Overloaded where there is no place."""
        with self.lock:
            try:
                displaced, short_of_threads = self._place(job)
            except Overloaded:
                raise
            except BaseException:
                self.waiting.mend()  # see withdraw
                raise
        if displaced is None:
            self.calls.put(_LOOK)
        else:
            displaced._tell()  # the worker that was called for it takes whoever waits
        if short_of_threads:
            self._hire()

    def _place(self, job: Job[Any]) -> tuple[Job[Any] | None, bool]:
        """Put *job* into the queue; answers who had to go for it, and whether a worker is missing."""
        displaced = None
        if self.running + len(self.waiting) >= self.permits + self.queue:
            displaced = self.waiting.displace(key=job._key)
            if displaced is None:
                raise Overloaded(self.work_ahead())
            displaced._work = spent
        self.waiting.push(job, key=job._key)
        wanted = min(self.permits, self.running + len(self.waiting))
        return displaced, self.threads < wanted and sum(map(Thread.is_alive, self.staff)) < wanted

    def withdraw(self, job: Job[Any]) -> bool:
        """
        Take *job* back; False when it has begun, was displaced, or is not here.

        A signal's handler may raise in the middle of a step of the main thread (a time limit, an interrupt). The queue is made
        whole then, or its next step would fail in the thread of somebody else.
        """
        with self.lock:
            try:
                if not self.waiting.remove(job, key=job._key):
                    return False
                job._work = spent
            except BaseException:
                self.waiting.mend()
                raise
        with suppress(Empty):  # its call as well, or a flood of withdrawn jobs would pile up calls
            self.calls.get_nowait()
        return True

    def work_ahead(self) -> float:
        """Seconds until all that is here will be done. Nobody waits beyond the patience, so never more than that."""
        if self.usual is None:
            return self.patience
        pieces = max(self.permits, self.running + len(self.waiting))
        return min(self.patience, self.usual * pieces / self.permits)

    def ended(self, seconds: float) -> None:
        """Take a permit back from work that took *seconds*; the last eight or so make what is usual."""
        with self.lock:
            self.running -= 1
            self.usual = seconds if self.usual is None else self.usual + (seconds - self.usual) / 8

    def _hire(self) -> None:
        """Begin one thread more. It counts itself once it runs, so that one which never begins holds no place."""
        worker = Thread(target=_serve, args=(self,), name="acctsec-hashing", daemon=True)
        try:
            worker.start()
        except RuntimeError:  # the system gives no more threads
            if self.threads == 0:
                raise Overloaded(self.work_ahead()) from None
            return
        with self.lock:
            self.staff = [*filter(Thread.is_alive, self.staff), worker]

    def enter(self) -> bool:
        """Count a worker; False where there are as many as there are permits, since two callers may have begun one each."""
        with self.lock:
            if self.threads >= self.permits:
                return False
            self.threads += 1
            return True

    def leave(self) -> None:
        """A worker ends."""
        with self.lock:
            self.threads -= 1


def _serve(pool: _Pool) -> None:
    """The life of a worker. It keeps memory from hash to hash, but no job in a variable while it waits."""
    if not pool.enter():
        return
    try:
        keep_memory()
        while _next_call(pool.calls) is _LOOK:
            while _serve_one(pool):  # whoever waits: the call for somebody can have been lost with its caller
                pass
    finally:
        pool.leave()


def _next_call(calls: "SimpleQueue[str]") -> str:
    try:
        return calls.get(timeout=_IDLE_SECONDS)
    except Empty:
        give_back_memory()
        return calls.get()


def _serve_one(pool: _Pool) -> bool:
    """Do the work of whose turn it is; False when nobody waits."""
    with pool.lock:
        if not pool.waiting:
            return False
        job = pool.waiting.pop()
        job.started = True
        pool.running += 1
    began = perf_counter()
    job._compute()
    # The permit goes back before the caller hears of it: his next piece of work must not find it taken.
    pool.ended(perf_counter() - began)
    job._tell()
    return True


def _dismiss(calls: "SimpleQueue[str]", workers: int) -> None:
    for _ in range(workers):
        calls.put(_GO)


def _fresh(work: "Callable[[], T] | Job[T]") -> Job[T]:
    if not isinstance(work, Job):
        return Job(work)
    if work._work is spent:
        raise ConfigError("This job ran before, or was withdrawn.", remedy="Make a new Job for every run.")
    return work


def _usable_cores() -> int:
    from acctsec._host import usable_cores

    return usable_cores()


_generation = 0


def _count_fork() -> None:
    global _generation  # noqa: PLW0603 - it is a fact of the process
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)
