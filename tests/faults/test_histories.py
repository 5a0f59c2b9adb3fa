"""
Processes work one store hard while connections are cut and one of them is killed: one order of calls explains all they were told.

What was cut off may have happened or not, at any time afterwards; everything that was answered has to fit.
"""

import json
import os
import time
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import cycle
from random import Random
from threading import Event, Thread

import pytest
from attrs import evolve
from tests.faults.processes import linear_worker
from tests.faults.sites import opened
from tests.linear.worker import FASTER, instant, last_calls, play

from acctsec.testing import History, NotLinearizable, TooManyOrders, check_history, read_history

KEYS = SLOTS = 2
LATE = 5_000_000  # nanoseconds in which a cut may still be on its way
FOREVER = 2**62
PATIENT, ENOUGH = 20, 250  # seconds, and calls that were answered
HISTORIES = 3
SLOW = 1  # on Valkey a drain may see entries as due by the clock of another, so there all clocks stand at one second
KINDS = ("postgres", "postgres-serializable", "valkey", "valkey-cluster", "postgres+valkey")


@contextmanager
def cutting(cut, *, every, seed=0):
    """Cut connections now and then, until this is left; answers when it began to, each time, and when it had."""
    over, chance, made = Event(), Random(seed), []

    def go_on():
        while not over.wait(every * (0.5 + chance.random())):
            with suppress(OSError):
                begin = time.monotonic_ns()
                cut()
                made.append((begin, time.monotonic_ns()))

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield made
    finally:
        over.set()
        thread.join()


def worked(folder, address, cut, *, seconds, every, faster=FASTER, workers=4, calls=0):
    """
    Let processes work for so long, the last of which is killed half-way; answers their calls, when was cut, and the epoch.

    A busy machine takes longer for as many *calls*.
    """
    epoch, paths, processes = time.monotonic_ns(), [], []
    for number in range(workers):
        paths.append(folder / f"{number}.jsonl")
        asked = {
            "store": "tests.faults.sites:opened",
            "args": [address],
            "history": str(paths[-1]),
            "name": f"p{number}",
            "seed": number,
            "keys": KEYS,
            "slots": SLOTS,
            "epoch": epoch,
            "patience": 0.005,
        }
        processes.append(linear_worker(json.dumps(asked), faster=faster))
    for process in processes:
        assert os.read(process.line.fileno(), 9) == b"ready\n"
    with cutting(cut, every=every) as cuts:
        for process in processes:
            os.write(process.line.fileno(), b"go\n")
        time.sleep(seconds / 2)
        processes[-1].kill()
        time.sleep(seconds / 2)
        until = time.monotonic() + PATIENT
        while sum(path.read_bytes().count(b'"end"') for path in paths) < calls and time.monotonic() < until:
            time.sleep(0.1)
    assert all(process.alive for process in processes[:-1]), "a worker gave up"
    for process in processes:
        process.kill()
        process.end()
    return read_history(*paths), cuts, epoch


def judged(calls, cuts, address, epoch):
    """Take stock, and judge the whole."""
    last = History(worker="last ")
    with closing(opened(address)) as store:
        play(last.record(store), [last_calls(KEYS, SLOTS, partial(instant, epoch))])
    return check_history([*_excused(calls), *_asked_twice(calls, cuts), *last.calls], limit=5_000_000)


def _asked_twice(calls, cuts):
    """
    The first asking of what a store may have asked twice of its own accord, because its connection was cut: a call like one that
    was lost. The same charge again reserves nothing more, but others may have come between, and then it is answered otherwise.
    """
    for call in calls:
        if (
            call.method in {"charge", "settle"}
            and call.end
            and any(call.begin < end + LATE and begin < call.end for begin, end in cuts)
        ):
            yield evolve(call, worker=f"{call.worker}, at first", end=None, answer=None)


def _excused(calls):
    """
    The calls, but that a drain may come back short where a record is deleted at the same time: its entries are in other hands.

    Such a drain is taken for one that is as long as it was asked to be.
    """
    deletes = [call for call in calls if call.method == "commit" and call.arguments[1] and call.arguments[2] is None]
    for call in calls:
        met = (
            call.method == "drain"
            and call.end
            and any(one.begin < call.end and (one.end or FOREVER) > call.begin for one in deletes)
        )
        if met and len(call.answer) < call.arguments[0]:
            yield evolve(call, arguments=(len(call.answer), *call.arguments[1:]))
        else:
            yield call


@pytest.fixture
def broken(request, a_site, tmp_path):
    """Addresses of a kind of store, through what is cut and past it, and what cuts."""

    def of(kind):
        if kind == "valkey-cluster":
            cluster = request.getfixturevalue("valkey_cluster")
            cluster.flush()
            address = {"cluster": cluster.url(), "timeout": 2.0}
            in_turn = cycle(cluster.masters())
            return address, address, lambda: next(in_turn).run("CLIENT", "KILL", "TYPE", "normal")
        site = a_site(kind.removesuffix("-serializable"))
        site.clear()
        isolation = "serializable" if kind.endswith("serializable") else "read committed"
        return site.address(isolation=isolation), site.address(direct=True), site.cut_all

    return of


@pytest.mark.parametrize("seconds", [1.0, pytest.param(3.0, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", KINDS)
def test_one_order_explains_all_answers(broken, share, tmp_path, kind, seconds):
    faster = SLOW if kind.startswith("valkey") else FASTER
    for number in range(HISTORIES):
        address, direct, cut = broken(kind)
        (folder := tmp_path / str(number)).mkdir()
        begin = time.monotonic()
        calls, cuts, epoch = worked(folder, address, cut, seconds=seconds, every=0.15, faster=faster, calls=ENOUGH)
        middle = time.monotonic()
        share()
        # One with too many orders proves nothing, neither way; a quick machine makes one now and then.
        with suppress(*[TooManyOrders] if number + 1 < HISTORIES else []):
            checked = judged(calls, cuts, direct, epoch)
            break
    print(f"{kind}: {len(cuts)} cuts, {checked}; {middle - begin:.1f} s of work, judged in {time.monotonic() - middle:.1f} s")
    assert len(cuts) >= 3
    assert checked.lost >= len(cuts)
    assert checked.calls > 200


@pytest.mark.parametrize("fault", ["Stale", "Early"])
def test_a_store_that_lies_is_found_out(broken, share, tmp_path, fault):
    """One that reads what was, as from a replica that lags; and one that answers a commit before it makes it."""
    address, direct, cut = broken("valkey")
    calls, cuts, epoch = worked(tmp_path, {**address, "plant": fault}, cut, seconds=0.6, every=0.3, faster=SLOW)
    share()
    with pytest.raises(NotLinearizable):
        judged(calls, cuts, direct, epoch)
