"""At most so many at once, at most so many waiting, and what was refused or withdrawn never runs."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from datetime import timedelta
from functools import partial

import pytest
from tests.hashing.gates import Gate, governor, in_thread, until, waiting, workers

from acctsec.errors import ConfigError, Overloaded
from acctsec.hashing.job import Job


@pytest.fixture
def busy():
    """A governor of one permit that is taken."""
    made, gate = governor(), Gate()
    thread, result = in_thread(lambda: made.run(gate))
    assert gate.began.wait(30)
    yield made, gate
    gate.let.set()
    thread.join()
    assert result == ["done"]


def test_it_answers_what_the_work_answers():
    assert governor().run(lambda: 42) == 42


def test_it_raises_what_the_work_raises():
    made = governor()
    for error in (ValueError("no"), StopIteration(1), SystemExit(3), KeyboardInterrupt()):

        def work(error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            made.run(work)
        assert caught.value is error

    assert made.run(lambda: "still here") == "still here"


def test_work_runs_in_a_thread_of_the_governor():
    assert governor().run(lambda: threading.current_thread().name) == "acctsec-hashing"


@pytest.mark.parametrize("permits", [1, 2, 5])
def test_never_more_than_the_permits_at_once(permits):
    made, lock, now, most = governor(permits), threading.Lock(), [0], [0]

    def work():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.002)
        with lock:
            now[0] -= 1

    threads = [in_thread(lambda: [made.run(work) for _ in range(5)])[0] for _ in range(40)]
    for thread in threads:
        thread.join()

    assert most == [permits]
    assert sum(pool.threads for pool in made._pools.values()) == permits


def test_threads_are_made_as_they_are_needed():
    made = governor(permits=8)
    for _ in range(20):
        made.run(int)

    assert next(iter(made._pools.values())).threads == 1


@pytest.mark.parametrize("queue", [0, 1, 7])
def test_past_the_queue_nothing_begins(queue):
    made, gate, ran = governor(queue=queue), Gate(), []
    holder, _ = in_thread(lambda: made.run(gate))
    assert gate.began.wait(30)
    others = [in_thread(lambda: made.run(lambda: ran.append(1))) for _ in range(queue)]
    until(lambda: waiting(made) == queue)

    job = Job(lambda: ran.append("late"))
    with pytest.raises(Overloaded) as caught:
        made.run(job)

    assert not job.started
    assert caught.value.retry_after == 30
    gate.let.set()
    for thread, _ in [(holder, None), *others]:
        thread.join()
    assert ran == [1] * queue
    assert made.run(lambda: "room again") == "room again"


def test_a_permit_is_free_when_its_caller_hears_of_it():
    """With no queue at all, one caller after the other is never refused."""
    made = governor(queue=0)

    assert [made.run(lambda: 1) for _ in range(2000)] == [1] * 2000


def test_who_waits_too_long_is_refused_and_never_runs(busy):
    made, gate = busy
    hasty, ran = governor(), []
    hasty._pools, hasty.patience = made._pools, 0.05
    job = Job(lambda: ran.append(1))

    with pytest.raises(Overloaded):
        hasty.run(job)

    assert not job.started
    assert waiting(made) == 0
    gate.let.set()
    assert made.run(lambda: list(ran)) == []


def test_work_that_began_is_waited_for_however_long():
    job = Job(lambda: time.sleep(0.1) or "slow")

    assert governor(patience=timedelta(milliseconds=20)).run(job) == "slow"
    assert job.started


def test_a_job_runs_once(busy):
    made, _ = busy
    done = Job(int)
    governor().run(done)
    withdrawn = Job(int)
    with pytest.raises(Overloaded):
        governor_like(made, patience=0.01).run(withdrawn)

    for job in (done, withdrawn):
        with pytest.raises(ConfigError):
            made.run(job)


def governor_like(made, patience):
    other = governor()
    other._pools, other.patience = made._pools, patience
    return other


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.parametrize("begun", [False, True])
def test_an_interrupted_caller_leaves_no_permit_behind(begun):
    """The hash goes on and keeps its permit to the end; what had not begun is gone."""
    made, gate, ran = governor(), Gate(), []

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        if begun:
            job = Job(gate)
        else:
            in_thread(lambda: made.run(gate))
            assert gate.began.wait(30)
            job = Job(lambda: ran.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            made.run(job)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    pool = next(iter(made._pools.values()))
    assert job.started is begun
    assert (pool.running, waiting(made)) == (1, 0)
    gate.let.set()
    assert made.run(lambda: list(ran)) == []
    until(lambda: pool.running == 0)


def test_nothing_is_kept_of_work_that_ended():
    """A worker waits without the password of the last one in its hands."""

    class Secret:
        pass

    made, secret = governor(), Secret()
    seen = weakref.ref(secret)
    made.run(lambda secret=secret: None)
    with pytest.raises(ValueError, match="no"):
        made.run(lambda secret=secret: int("no"))
    del secret
    gc.collect()

    until(lambda: seen() is None)


def test_the_threads_go_with_their_governor():
    made = governor(permits=3)
    barrier = threading.Barrier(3)
    for thread, _ in [in_thread(partial(made.run, barrier.wait)) for _ in range(3)]:
        thread.join()
    alive = workers()
    assert alive >= 3

    del made
    gc.collect()

    until(lambda: workers() <= alive - 3)


def test_without_threads_it_is_overloaded(monkeypatch):
    def none_left(self):
        raise RuntimeError("can't start new thread")

    made, job = governor(), Job(int)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(Overloaded):
            made.run(job)

    assert not job.started
    assert made.run(lambda: "again") == "again"


@pytest.mark.parametrize("bad", [{"permits": 0}, {"queue": -1}, {"patience": timedelta()}])
def test_governors_that_cannot_be_right_are_refused(bad):
    with pytest.raises(ConfigError):
        governor(**bad)


def test_one_permit_a_processor_by_default():
    assert governor(permits=None).permits >= 1


# --- asyncio ----------------------------------------------------------------------------------------------------------


def test_async_answers_and_raises():
    made = governor()

    def fail():
        raise LookupError("no")

    async def main():
        assert await made.arun(lambda: 42) == 42
        with pytest.raises(LookupError):
            await made.arun(fail)
        assert await made.arun(Job(lambda: "job")) == "job"

    asyncio.run(main())


def test_both_faces_share_the_permits(busy):
    made, gate = busy

    async def main():
        task = asyncio.create_task(made.arun(lambda: "after"))
        await asyncio.sleep(0.05)
        assert not task.done()
        gate.let.set()
        assert await task == "after"

    asyncio.run(main())


def test_a_cancelled_task_that_waits_never_runs(busy):
    made, _ = busy
    job = Job(lambda: pytest.fail("it ran"))

    async def main():
        task = asyncio.create_task(made.arun(job))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not job.started
    assert waiting(made) == 0


def test_a_cancelled_task_that_began_keeps_its_permit_to_the_end():
    made, gate = governor(queue=0), Gate()
    job = Job(gate)

    async def main():
        task = asyncio.create_task(made.arun(job))
        await asyncio.get_running_loop().run_in_executor(None, gate.began.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Overloaded):
            await made.arun(int)

    asyncio.run(main())  # ends, though the hash goes on
    assert job.started
    assert not gate.ended.is_set()
    gate.let.set()
    until(lambda: next(iter(made._pools.values())).running == 0)
    assert made.run(lambda: "room again") == "room again"


def test_async_past_queue_and_patience(busy):
    made, _ = busy
    hasty = governor_like(made, patience=0.03)

    async def main():
        job = Job(int)
        with pytest.raises(Overloaded):
            await hasty.arun(job)
        assert not job.started
        results = await asyncio.gather(*(hasty.arun(int) for _ in range(150)), return_exceptions=True)
        assert all(isinstance(result, Overloaded) for result in results)

    asyncio.run(main())
    assert waiting(made) == 0


def test_a_flood_of_cancelled_tasks_piles_up_nothing(busy):
    made, _ = busy
    pool = next(iter(made._pools.values()))

    async def main():
        for _ in range(200):
            tasks = [asyncio.create_task(made.arun(int)) for _ in range(10)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert (waiting(made), pool.calls.qsize()) == (0, 0)


def test_everything_admitted_is_settled_in_a_storm():
    """Threads and tasks, some cancelled, some impatient: nothing is lost, nothing runs twice, every permit comes back."""
    made, lock, ran, answered = governor(permits=2, queue=8), threading.Lock(), [], []
    hasty = governor_like(made, patience=0.002)

    def work(name):
        with lock:
            ran.append(name)
        time.sleep(0.0005)
        return name

    def caller(number):
        for i in range(60):
            job = Job(lambda name=(number, i): work(name))
            try:
                name = (hasty if i % 3 else made).run(job)
            except Overloaded:
                assert not job.started
            else:
                with lock:
                    answered.append(name)

    async def tasks():
        for i in range(200):
            job = Job(lambda i=i: work(("task", i)))
            task = asyncio.create_task(made.arun(job))
            await asyncio.sleep(0.0005 * (i % 3))
            task.cancel()
            try:
                name = await task
            except Overloaded:
                assert not job.started
            except asyncio.CancelledError:
                if job.started:
                    answered.append(("task", i))
            else:
                answered.append(name)

    threads = [in_thread(lambda n=n: caller(n)) for n in range(12)]
    asyncio.run(tasks())
    for thread, result in threads:
        thread.join()
        assert result == [None]

    pool = next(iter(made._pools.values()))
    until(lambda: pool.running == 0)
    assert len(ran) == len(set(ran))
    assert sorted(map(str, ran)) == sorted(map(str, answered))
    assert (waiting(made), pool.threads) == (0, 2)


def test_the_event_loop_goes_on_while_a_hash_is_computed():
    """P15: no stall above 5 ms on a quiet machine; ten times that is a hash on the loop."""
    from acctsec.hashing import HashingPolicy

    made, policy = governor(), HashingPolicy(memory_kib=65_536, time_cost=3)

    async def main():
        task, longest = asyncio.create_task(made.arun(lambda: policy.hash("x", salt=bytes(16)))), 0.0
        while not task.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)
        return longest

    assert min(asyncio.run(main()) for _ in range(3)) < 0.05


# --- processes --------------------------------------------------------------------------------------------------------

FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
AFTER_FORK = "ignore:.*multi-threaded.*fork:DeprecationWarning"


@FORK
@pytest.mark.filterwarnings(AFTER_FORK)
def test_a_child_has_workers_of_its_own(busy):
    """Also when the parent's only permit was taken, and in a child of the child."""
    made, _ = busy
    child = os.fork()
    if child == 0:
        try:
            good = made.run(os.getpid) == os.getpid()
            grandchild = os.fork()
            if grandchild == 0:
                os._exit(0 if made.run(os.getpid) == os.getpid() else 1)
            _, status = os.waitpid(grandchild, 0)
            os._exit(0 if good and status == 0 else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert status == 0


MEMORY = """
import threading
from datetime import timedelta
from acctsec.hashing import HashingPolicy
from acctsec.hashing.governor import Governor

def rss(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key))

policy = HashingPolicy()
governor = Governor(permits={permits}, queue=200, patience=timedelta(minutes=1))
before = rss("VmRSS")
threads = [threading.Thread(target=lambda: governor.run(lambda: policy.verify(policy.decoy(), "x"))) for _ in range(200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(rss("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("permits", [1, 2])
def test_two_hundred_callers_hold_the_memory_of_the_permits(permits):
    """P16: permits * m + 16 MiB, with the default hash of 19 MiB."""
    done = subprocess.run([sys.executable, "-c", MEMORY.format(permits=permits)], check=True, capture_output=True, text=True)

    assert int(done.stdout) <= permits * 19_456 + 16 * 1024
