"""One source cannot starve the rest: turns by key, places by key, and work that began is nobody's to take."""

import asyncio
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hashing.gates import Gate, governor, in_thread, until, waiting

from acctsec.errors import ConfigError, Overloaded
from acctsec.hashing import governor as module
from acctsec.hashing.job import Job


class Flooded:
    """A governor of one permit, held at a gate, with a queue of jobs that say when they run."""

    def __init__(self, queue, **more):
        self.made, self.gate, self.ran, self.callers = governor(queue=queue, **more), Gate(), [], []
        self.holder = in_thread(lambda: self.made.run(Job(self.gate, key="flood")))
        assert self.gate.began.wait(30)

    def send(self, key, name):
        """Let a caller of *key* wait with a job that is called *name*."""
        before = waiting(self.made)
        job = Job(lambda: self.ran.append(name), key=key)
        self.callers.append((job, *in_thread(lambda: self.made.run(job))))
        until(lambda: waiting(self.made) > before or self.refused())
        return job

    def refused(self):
        return [result for _, _, result in self.callers if result and isinstance(result[0], Overloaded)]

    def open(self):
        """Let the work go on, and wait until every caller has an answer."""
        self.gate.let.set()
        for thread in [self.holder[0], *(thread for _, thread, _ in self.callers)]:
            thread.join(30)
            assert not thread.is_alive()


def test_a_source_with_many_waits_for_itself():
    """Whoever sends ten, the next of somebody else is second in turn."""
    flooded = Flooded(queue=20)
    for number in range(10):
        flooded.send("flood", number)
    flooded.send("other", "other")
    flooded.send(None, "nobody's")

    flooded.open()

    assert flooded.ran == [0, "other", "nobody's", *range(1, 10)]


def test_a_full_queue_of_one_source_has_a_place_for_another():
    """The newest of the greedy one goes, is told so at once, and never runs."""
    flooded = Flooded(queue=3)
    greedy = [flooded.send("flood", number) for number in range(3)]

    other = flooded.made.run  # in this thread it would block: the gate is closed
    job = Job(lambda: flooded.ran.append("other"), key="other")
    thread, answer = in_thread(lambda: other(job))
    until(lambda: len(flooded.refused()) == 1)

    assert [isinstance(result and result[0], Overloaded) for _, _, result in flooded.callers] == [False, False, True]
    assert waiting(flooded.made) == 3
    flooded.open()
    thread.join()
    assert answer == [None]
    assert flooded.ran == [0, "other", 1]
    assert [one.started for one in greedy] == [True, True, False]
    with pytest.raises(ConfigError):  # and what it held, a password, is let go
        flooded.made.run(greedy[2])


def test_displacing_calls_no_worker_twice():
    """Else the calls of a flood would pile up, of one source after the other."""
    made, gate = governor(queue=8), Gate()
    holder, _ = in_thread(lambda: made.run(gate))
    assert gate.began.wait(30)

    async def main():
        tasks = [asyncio.create_task(made.arun(Job(int, key=0))) for _ in range(8)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(made.arun(Job(int, key=key))) for key in (1, 1, 1, 2, 2, 3)]
        await asyncio.sleep(0)
        pool = next(iter(made._pools.values()))
        assert (len(pool.waiting), pool.calls.qsize()) == (8, 8)
        gate.let.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    holder.join()


def test_the_greedy_one_is_refused_itself():
    flooded = Flooded(queue=2)
    flooded.send("flood", 0)
    flooded.send("other", "other")

    with pytest.raises(Overloaded):
        flooded.made.run(Job(int, key="flood"))
    with pytest.raises(Overloaded):
        flooded.made.run(Job(int, key="third"))  # everybody has one: nobody is pushed out for it

    flooded.open()
    assert flooded.ran == [0, "other"]


def test_work_that_began_is_never_displaced():
    """All permits are the greedy one's, and the queue has no room: what runs goes on."""
    flooded = Flooded(queue=0)

    with pytest.raises(Overloaded):
        flooded.made.run(Job(int, key="other"))

    flooded.open()
    assert flooded.holder[1] == ["done"]


def test_a_displaced_task_is_refused_at_once():
    made, gate = governor(queue=2), Gate()
    holder, _ = in_thread(lambda: made.run(gate))
    assert gate.began.wait(30)

    async def main():
        greedy = [asyncio.create_task(made.arun(Job(int, key="flood"))) for _ in range(2)]
        await asyncio.sleep(0)
        other = asyncio.create_task(made.arun(Job(lambda: "other", key="other")))
        with pytest.raises(Overloaded):
            await asyncio.wait_for(greedy[1], 10)
        gate.let.set()
        assert await other == "other"
        assert await greedy[0] == 0

    asyncio.run(main())
    holder.join()


def test_a_task_cancelled_while_it_is_displaced_is_cancelled():
    made, gate = governor(queue=2), Gate()
    holder, _ = in_thread(lambda: made.run(gate))
    assert gate.began.wait(30)
    job = Job(int, key="flood")

    async def main():
        tasks = [asyncio.create_task(made.arun(one)) for one in (Job(int, key="flood"), job)]
        await asyncio.sleep(0)
        other = asyncio.create_task(made.arun(Job(lambda: "other", key="other")))
        await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        gate.let.set()
        await asyncio.gather(tasks[0], other)

    asyncio.run(main())
    holder.join()
    assert not job.started


@pytest.mark.parametrize("asynchronous", [False, True])
def test_who_was_not_told_that_it_was_displaced_learns_it_by_its_patience(asynchronous):
    """The displacing caller may be interrupted between the two steps; nobody may hang for that."""
    flooded = Flooded(queue=2, patience=timedelta(seconds=1.5))
    job = Job(int, key="flood")
    if asynchronous:
        thread, answer = in_thread(lambda: asyncio.run(flooded.made.arun(job)))
    else:
        thread, answer = in_thread(lambda: flooded.made.run(job))
    until(lambda: waiting(flooded.made) == 1)

    pool = next(iter(flooded.made._pools.values()))
    with pool.lock:
        pool.waiting.remove(job, key="flood")

    thread.join(10)
    flooded.open()
    assert [type(one) for one in answer] == [Overloaded]


def test_a_thousand_of_one_source_refuse_nobody_else():
    """The flood fills permits and queue again and again; fifty others come one by one, and each is served."""
    made, ran = governor(permits=2, queue=16), []

    async def main():
        async def flood():
            try:
                return await made.arun(Job(lambda: time.sleep(0.001), key="flood"))
            except Overloaded:
                return "refused"

        flooding = [asyncio.create_task(flood()) for _ in range(1000)]
        for number in range(50):
            await made.arun(Job(lambda number=number: ran.append(number), key=number))
            flooding += [asyncio.create_task(flood()) for _ in range(20)]
        return await asyncio.gather(*flooding)

    answers = asyncio.run(main())

    assert ran == list(range(50))
    assert answers.count("refused") > 500
    assert waiting(made) == 0


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=24), st.integers(1, 3), st.integers(0, 6))
def test_whatever_comes_is_answered_and_nothing_is_left(keys, permits, queue):
    """Every task runs once or is Overloaded without having begun; the queue and its calls are empty in the end."""
    made, ran = governor(permits=permits, queue=queue), []

    async def main():
        jobs = [Job(lambda number=number: ran.append(number), key=key) for number, key in enumerate(keys)]
        answers = await asyncio.gather(*map(made.arun, jobs), return_exceptions=True)
        for number, (job, answer) in enumerate(zip(jobs, answers, strict=True)):
            assert job.started is (answer is None) is (number in ran)
            assert answer is None or isinstance(answer, Overloaded)

    asyncio.run(main())

    pool = next(iter(made._pools.values()))
    assert len(set(ran)) == len(ran) >= min(len(keys), permits + queue)
    until(lambda: pool.running == 0 == pool.calls.qsize())
    assert len(pool.waiting) == 0


# --- when to come again -----------------------------------------------------------------------------------------------


def come_again(made):
    with pytest.raises(Overloaded) as caught:
        made.run(Job(int, key="late"))
    return caught.value.retry_after


def test_nothing_is_known_before_the_first_hash():
    flooded = Flooded(queue=0, patience=timedelta(seconds=2))

    assert come_again(flooded.made) == 2
    flooded.open()


@pytest.mark.parametrize(("seconds", "expected"), [(0.01, 0.04), (0.2, 0.8), (5, 2)])
def test_who_is_refused_is_told_when_the_queue_will_be_done(seconds, expected):
    """Four pieces in the way of one permit, at what one took of late; and never more than the patience."""
    flooded = Flooded(queue=3, patience=timedelta(seconds=2))
    next(iter(flooded.made._pools.values())).usual = seconds
    for number in range(3):
        flooded.send(number, number)

    assert come_again(flooded.made) == pytest.approx(expected)
    flooded.open()


def test_what_is_usual_is_measured(monkeypatch):
    """Over the work itself and nothing else, failed work too; the first counts whole, and then it follows."""
    clock = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: clock[0])

    def work(seconds):
        clock[0] += seconds

    def fail():
        clock[0] += 1
        raise ValueError

    made = governor(queue=0, patience=timedelta(seconds=60))
    made.run(lambda: work(8))
    clock[0] += 1000
    pool = next(iter(made._pools.values()))
    assert pool.usual == 8

    made.run(lambda: work(0))
    assert pool.usual == 7
    with pytest.raises(ValueError):
        made.run(fail)
    assert pool.usual == 6.25
