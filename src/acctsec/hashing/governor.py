"""
The governor: at most so many hashes at once, at most so many waiting, whoever asks.

Hashing happens in threads of the governor's own and never in the caller's: an allocator keeps what a thread once
used, so two hundred callers hashing in turn would hold two hundred times the memory of one.
"""

import os
import weakref
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

from acctsec.errors import ConfigError, Overloaded

T = TypeVar("T")


class Job(Generic[T]):
    """
    One piece of work for a governor, for callers who must know whether it began.

    ``started`` is final once ``run`` or ``arun`` has returned or raised: False means that nothing was computed and
    never will be. A job runs once.
    """

    started = False

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._tell: Callable[[], object] = _nobody
        self._result: T
        self._error: BaseException | None = None

    def _compute(self) -> None:
        work, self._work = self._work, None
        try:
            self._result = work()  # type: ignore[misc]  # taken once, under the pool's lock
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, the worker goes on
            self._error = error

    def _answer(self) -> T:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # or the traceback keeps this frame, and with it the password, alive
        return self._result


class Governor:
    """
    Runs memory-hard work with bounded memory and a bounded queue. Thread-safe, and usable after a fork.

    Args:
        permits: pieces of work under way at once. None: one a CPU this process may use.
        queue: pieces that may wait for a permit.
        patience: how long one may wait for its permit.

    Past either bound ``Overloaded`` is raised before anything began. A permit is held until the work really ends, also
    when its caller was cancelled or interrupted; work that has not begun by then never runs.
    """

    def __init__(self, *, permits: int | None, queue: int, patience: timedelta) -> None:
        if permits is not None and permits < 1:
            raise ConfigError(f"permits is {permits}.", remedy="Give at least one, or None for one a CPU.")
        if queue < 0 or patience < timedelta():
            raise ConfigError("queue or patience is below zero.", remedy="Give 0 to let nobody wait.")
        self.permits = permits or _cpus()
        self.queue = queue
        self.patience = patience.total_seconds()
        self._pools: dict[int, _Pool] = {}

    def run(self, work: "Callable[[], T] | Job[T]") -> T:
        """Do *work* on a worker thread and answer what it answers, or raise what it raises. Blocks the caller alone."""
        job = work if isinstance(work, Job) else Job(work)
        done = Lock()
        done.acquire()
        job._tell = done.release  # noqa: SLF001 - a job is the governor's own
        pool = self._pool()
        try:
            pool.admit(job)
            if not done.acquire(timeout=self.patience):
                if pool.withdraw(job):
                    raise Overloaded(self.patience)
                done.acquire()
        except BaseException:
            pool.withdraw(job)
            raise
        return job._answer()  # noqa: SLF001

    async def arun(self, work: "Callable[[], T] | Job[T]") -> T:
        """The same for asyncio: the event loop goes on meanwhile."""
        from asyncio import get_running_loop

        job = work if isinstance(work, Job) else Job(work)
        loop = get_running_loop()
        done = loop.create_future()

        def tell() -> None:
            try:
                loop.call_soon_threadsafe(finish)
            except RuntimeError:  # the loop was closed while the hash ran: nobody is left to be told
                pass

        def finish(error: Exception | None = None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def lose_patience() -> None:
            if pool.withdraw(job):
                finish(Overloaded(self.patience))

        job._tell = tell  # noqa: SLF001
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
        return job._answer()  # noqa: SLF001

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
        self.waiting: deque[Job[object]] = deque()
        self.running = 0
        self.threads = 0
        # Tells a worker to look (True) or to go (False). Reentrant, so that a finaliser may write to it at any point.
        self.calls: SimpleQueue[bool] = SimpleQueue()

    def admit(self, job: Job[T]) -> None:
        with self.lock:
            if self.running + len(self.waiting) >= self.permits + self.queue:
                raise Overloaded(self.patience)
            self.waiting.append(job)  # type: ignore[arg-type]  # only its caller asks for the answer
            short_of_threads = self.threads < min(self.permits, self.running + len(self.waiting))
            self.threads += short_of_threads
        self.calls.put(True)
        if short_of_threads:
            self._hire()

    def withdraw(self, job: Job[T]) -> bool:
        """Take *job* back; False when it has begun, or is not here."""
        with self.lock:
            try:
                self.waiting.remove(job)  # type: ignore[arg-type]
            except ValueError:
                return False
            job._work = None  # noqa: SLF001 - it will not run, and holds a password
        try:  # its call as well, or a flood of withdrawn jobs would pile up calls
            self.calls.get_nowait()
        except Empty:
            pass
        return True

    def _hire(self) -> None:
        try:
            Thread(target=_serve, args=(self,), name="acctsec-hashing", daemon=True).start()
        except RuntimeError:  # the system gives no more threads
            with self.lock:
                self.threads -= 1
                alone = self.threads == 0
            if alone:
                raise Overloaded(self.patience) from None


def _serve(pool: _Pool) -> None:
    """The life of a worker. It keeps no job in a variable while it waits."""
    while pool.calls.get():
        _serve_one(pool)


def _serve_one(pool: _Pool) -> None:
    with pool.lock:
        if not pool.waiting:
            return
        job = pool.waiting.popleft()
        job.started = True
        pool.running += 1
    job._compute()  # noqa: SLF001
    # The permit goes back before the caller hears of it: his next piece of work must not find it taken.
    with pool.lock:
        pool.running -= 1
    job._tell()  # noqa: SLF001


def _dismiss(calls: "SimpleQueue[bool]", workers: int) -> None:
    for _ in range(workers):
        calls.put(False)


def _nobody() -> None:
    pass


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_generation = 0


def _count_fork() -> None:
    global _generation  # noqa: PLW0603 - it is a fact of the process
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)
