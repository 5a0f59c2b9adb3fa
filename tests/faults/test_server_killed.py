"""kill -9 of PostgreSQL in the middle of everything: what was answered is there, and whoever was cut off goes on by himself."""

import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.faults.crew import Crew, check_records, lost
from tests.faults.sites import PostgresSite, opened
from tests.faults.worker import PACED
from tests.servers import Postgres

from acctsec import Account, Refused
from acctsec.lockout import STEP
from acctsec.stores._plans import LONGEST
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

LATE_FLUSH = 0.6 + 1.0
"""Seconds in which a charge may be lost: three times wal_writer_delay, and what a busy machine adds to it."""


@pytest.fixture(scope="module")
def durable():
    """A PostgreSQL with fsync on: (server, home)."""
    with Postgres(durable=True) as server, PostgresSite(server) as home:
        yield server, home
        server.revive()


def address(home):
    return {"postgres": home.address(home.port), "durable": True, "timeout": 2.0}


def killed_under_load(durable, folder, *, seconds, kills=1, tasks, **given):
    """
    Kill the server under load, and start it again.

    Answers the crew; of each kill, when it was and when it was over; and how long each process took to find back.
    """
    server, home = durable
    times, waits = [], []
    with Crew(folder, address(home), tasks=tasks, **given) as crew:
        for _ in range(kills):
            time.sleep(seconds)
            killed = time.monotonic_ns()
            server.kill()
            server.start()
            times.append((killed, time.monotonic_ns()))
            # The longest that a store waits between two looks, and what a busy machine adds to it.
            waits.append(crew.wait_for_answers(after=times[-1][1], within=LONGEST + 3))
    return crew, times, waits


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.deep)])
def test_what_was_answered_survives_and_clients_find_back(durable, tmp_path, kills):
    home = durable[1]
    home.revive()
    tasks = ["ledger", "ledger", "courier", "counter"]
    crew, times, waits = killed_under_load(durable, tmp_path, seconds=0.7, kills=kills, tasks=tasks)
    calls = crew.calls
    with closing(opened(address(home))) as store:
        unknown, happened = check_records(calls, store)
        gone = lost(calls, store, crew.slots, killed=times[0][0], within=LATE_FLUSH) if kills == 1 else 0
    print(
        f"{len(calls)} calls, {unknown} commits of unknown end, {happened} happened; {gone} charges lost; found back in {waits}"
    )
    assert unknown >= 1


def test_a_kill_gives_a_guesser_no_more_than_it_may_lose(durable, tmp_path):
    """
    Four processes guess at one account with all their might, until it is stopped: before, during and after a kill.

    What the crash takes back is free again, but never more than the record does not know of, and what may be under way.
    """
    server, home = durable
    home.revive()
    with closing(opened(address(home))) as store:
        w = world(policy=PACED, store=store)
        w.sign_up()
    with Crew(tmp_path, address(home), tasks=["guesser"]) as crew:
        crew.wait_for_comparisons(20)
        server.kill()
        before = crew.comparisons
        server.start()
        crew.wait_for_comparisons(before + 1)
        crew.wait_until_quiet()
    stop, free = PACED.lockout.strangers.stop, PACED.lockout.strangers.free
    print(f"{before} guesses before the kill, {crew.comparisons} in all")
    assert before < stop
    assert stop - 2 * 4 <= crew.comparisons <= stop + STEP - 1 + free
    with closing(opened(address(home))) as store:
        w = world(policy=PACED, store=store)
        w.clock.now = datetime.now(UTC)
        w.directory.put(Account(subject="u1", identifiers=(IDENTIFIER,)))
        assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), Refused)
