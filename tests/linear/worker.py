"""
A process that works a store hard and writes down every call: one of the many whose history ``check_history`` judges.

    python -m tests.linear.worker '{"store": "acctsec.stores:SqliteStore", "args": ["accounts.db"], "history": "a.jsonl"}'

The store may be any that several processes can share, blocking or async. In the JSON object,

- ``store`` is ``module:name`` of the class, or of a function, that makes it, called with ``args`` and ``kwargs``;
- ``history`` is the file to write, one a process, for ``acctsec.testing.read_history``;
- ``name`` tells this process from others, for their ids and entries must differ; ``seed`` chooses what it does;
- ``threads`` share the store (tasks, where it is async) and make ``calls`` calls each, or go on until they are killed;
- ``keys`` and ``slots`` are how many records and meter rows all of them fight for;
- ``epoch`` is the ``time.monotonic_ns`` at which everybody's clock began, ``skew`` how many microseconds this one is ahead;
- ``patience`` is how many seconds to wait after a StoreError before going on, as an application does whose server restarts;
  without one a worker ends. Every call of an outage may have been made, so a worker that does not wait for its end makes
  a history that takes long to judge: some eighty calls without an answer are judged in seconds, some hundreds never.

It says ``ready`` once the store is open, and begins when it is sent a line: so many can begin together. It may be killed at
any instant; its file then shows the calls it never heard of again. When all have ended, play ``last_calls`` from one process.
"""

import asyncio
import json
import random
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from inspect import iscoroutinefunction
from itertools import count
from threading import Thread

from acctsec.errors import StoreError
from acctsec.protocols import Charge, Granted, Ladder, Settle, Settlement
from acctsec.testing.linearizability import History

SECOND = 1_000_000
MONTH = 30 * 86_400 * SECOND
BEGIN = 1_750_000_000 * SECOND
FASTER = 50  # so much faster time passes in the stores, second by second: leases lapse and rests end while we watch
LEASE = timedelta(seconds=10)
METERS = (
    (b"!own", Ladder(free=5, first=SECOND, longest=20 * SECOND, stop=60, window=0, lease=4 * SECOND)),
    (b"pair", Ladder(free=3, first=SECOND, longest=20 * SECOND, stop=40, window=MONTH, lease=6 * SECOND)),
    (b"wide", Ladder(free=400, first=SECOND, longest=SECOND, stop=500, window=0, lease=9 * SECOND)),
)
EXAMPLE = {"args": [], "kwargs": {}, "name": "w", "seed": 0, "threads": 1, "calls": None, "keys": 2, "slots": 2, "skew": 0}


def main():
    given = {**EXAMPLE, "epoch": time.monotonic_ns(), "patience": None, **json.loads(sys.argv[1])}
    history = History(given["history"], worker=f"{given['name']} ")
    module, name = given["store"].split(":")
    store = getattr(import_module(module), name)(*given["args"], **given["kwargs"])
    print("ready", flush=True)
    sys.stdin.readline()
    clock = partial(instant, given["epoch"], given["skew"])
    works = [
        work(f"{given['name']}{number}", given["seed"] + number, given["keys"], given["slots"], clock)
        for number in range(given["threads"])
    ]
    play(history.record(store), works, given["calls"], patience=given["patience"])


def play(store, works, calls=None, *, patience=None):
    """Let each of *works* make *calls* calls on *store*, all at once, in threads or in tasks as the store wants; close it."""
    if iscoroutinefunction(getattr(store, "load", None) or store.charge):
        asyncio.run(_play_awaited(store, works, calls, patience=patience))
        return
    threads = [
        Thread(target=_play_one, args=(store, one, calls), kwargs={"patience": patience}, name=f"thread {number}")
        for number, one in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _play_one(store, asked, calls, *, patience):
    with suppress(StopIteration):
        method, arguments = next(asked)
        for _ in range(calls) if calls else count():
            try:
                answer = getattr(store, method)(*arguments)
            except StoreError:
                if patience is None:
                    return
                time.sleep(patience)
                answer = None
            method, arguments = asked.send(answer)


async def _play_awaited(store, works, calls, *, patience):
    async def play_one(asked):
        with suppress(StopIteration):
            method, arguments = next(asked)
            for _ in range(calls) if calls else count():
                try:
                    answer = await getattr(store, method)(*arguments)
                except StoreError:
                    if patience is None:
                        return
                    await asyncio.sleep(patience)
                    answer = None
                method, arguments = asked.send(answer)

    await asyncio.gather(*map(play_one, works))
    if hasattr(store, "close"):
        await store.close()


def work(name, seed, keys, slots, clock):
    """Yields calls without end, and is sent the answer to each: None where it was lost. *clock* tells microseconds."""
    chance = random.Random(seed)
    versions, charged, handed = {}, [], []
    for number in count():
        tag = f"{name}/{number}".encode()
        now = clock()
        when = datetime.fromtimestamp(now // SECOND, UTC)
        key = b"key %d" % chance.randrange(keys)
        match chance.choices(("load", "commit", "delete", "append", "drain", "ack", "charge", "again", "settle", "read"),
                             (12, 20, 2, 4, 6, 5, 20, 2, 16, 8))[0]:  # fmt: skip
            case "load":
                loaded = yield "load", (key,)
                versions[key] = loaded[1] if loaded else None
            case "commit":
                yield "commit", (key, versions.get(key), b"value by " + tag, [b"mail by " + tag], tag)
                versions[key] = tag  # so it believes: the next commit of this key shows whether it is right
            case "delete" if versions.get(key):
                yield "commit", (key, versions.pop(key), None, [b"farewell by " + tag], tag)
            case "append":
                yield "commit", (key, None, None, [b"one by " + tag, b"two by " + tag], tag)
            case "drain":
                handed += [one.id for one in (yield "drain", (chance.choice((1, 3, 99)), when, LEASE)) or ()]
            case "ack" if handed:
                yield "ack", ([handed.pop(chance.randrange(len(handed))) for _ in range(min(len(handed), 3))],)
            case "charge":
                charges = []
                for part in range(chance.choice((1, 1, 2, 3))):
                    slot, (meter, ladder) = b"slot %d" % chance.randrange(slots), chance.choice(METERS)
                    candidate = chance.choice((1, 2, 3, chance.randrange(2**32), None))
                    hold, weight = (
                        tag + b"/%d" % part,
                        chance.choice((1, 1, 1, 1, 1, 1, 1, 3)),
                    )  # the rarer, the fewer orders to try
                    charges.append(Charge(slot, meter, ladder, candidate, hold, weight=weight))
                charged.append((charges, (yield "charge", (charges, now))))
            case "again" if charged:
                charges, _ = chance.choice(charged[-3:])
                yield "charge", (charges, now)
            case "settle" if charged:
                charges, readings = charged.pop(chance.randrange(len(charged)))
                held = [
                    Settlement(one.slot, one.meter, one.ladder, reading.hold, chance.choice(list(Settle)), one.candidate)
                    for one, reading in zip(charges, readings or (), strict=False)
                    if isinstance(reading, Granted) and reading.hold
                ]
                if held:
                    yield "settle", (held, now)
            case "read":
                chosen = [(b"slot %d" % slot, *chance.choice(METERS)) for slot in range(slots)]
                yield "read", (chosen, now)
            case _:
                pass


def last_calls(keys, slots, clock):
    """What is left when all have ended: every entry that is due at last, every record and every meter."""
    drained = [None]
    while drained:
        drained = yield "drain", (99, datetime(2100, 1, 1, tzinfo=UTC), LEASE)
        yield "ack", ([one.id for one in drained],)
    for key in range(keys):
        yield "load", (b"key %d" % key,)
    yield "read", ([(b"slot %d" % slot, *meter) for slot in range(slots) for meter in METERS], clock())


def instant(epoch, skew=0):
    """The present in the stores' time, in whole seconds: many calls share one, as on a busy second."""
    return BEGIN + (time.monotonic_ns() - epoch) * FASTER // 1_000_000_000 * SECOND + skew


if __name__ == "__main__":
    main()
