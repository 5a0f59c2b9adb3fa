"""ValkeyStore and its async form: the contract, the arithmetic in Lua, and what a server, a network and a cluster can do to it."""

import asyncio
import gc
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from itertools import count
from pathlib import Path

import pytest
import redis
from tests.servers import Proxy, Valkey
from tests.servers.household import PASSWORD
from tests.servers.valkey import REDIS

from acctsec._values import evolve
from acctsec.errors import CommitUnknown, ConfigError, StoreError, StoreUnavailable
from acctsec.meters import FRESH, Hold, Meter, charge_row, keep_for, settle_row, tally
from acctsec.protocols import (
    MAX_ATTEMPTS,
    Backlog,
    Charge,
    Committed,
    Granted,
    Ladder,
    Letters,
    Settle,
    Settlement,
    Tally,
    Untouched,
)
from acctsec.stores import MemoryStore, SplitStore, _valkey_calls, _valkey_checks, _valkey_meters, _valkey_records
from acctsec.stores.valkey import AsyncValkeyStore, ValkeyRisk, ValkeyStore
from acctsec.testing import check_store, world
from acctsec.testing._faces import face
from acctsec.testing.world import IDENTIFIER
from acctsec.testing.world import PASSWORD as SECRET

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = 1_750_000_000 * SECOND + 123_456
TODAY = datetime(2025, 6, 1, tzinfo=UTC)
LADDER = Ladder(free=5, first=SECOND, longest=60 * SECOND, stop=9, window=0, lease=30 * SECOND)
GREATEST = 2**52 - SECOND
FORMS = (ValkeyStore, AsyncValkeyStore)
BINARIES = (None, *([REDIS] if REDIS else []))
PATIENT = {"timeout": timedelta(seconds=20)}  # a shared machine is slow at times
RECORDS = {"records": True, "accept": {ValkeyRisk.NO_PERSISTENCE}, **PATIENT}
QUICK = timedelta(milliseconds=200)
SCRIPTS = Path(_valkey_calls.__file__).parent


def version(number):
    return number.to_bytes(16)


def charge(number=0, *, slot=b"slot", meter=b"m", candidate=1, ladder=LADDER):
    return Charge(slot, meter, ladder, candidate, version(number))


def settlement(verdict, number=0, *, slot=b"slot", meter=b"m", ladder=LADDER):
    return Settlement(slot, meter, ladder, version(number), verdict)


def read(store, slot=b"slot", meter=b"m", now=NOW, ladder=LADDER):
    """How much it holds, whatever it remembers as wrong."""
    return evolve(store.read([(slot, meter, ladder)], now)[0], seen=())


@contextmanager
def opened(form, url, **options):
    """A store of either form behind one blocking face."""
    store = face(lambda: form(url, **options))
    try:
        yield store
    finally:
        store.finish()


@pytest.fixture
def server(valkey):
    """The session's Valkey, empty."""
    valkey.flush()
    return valkey


@pytest.fixture
def store(server):
    with ValkeyStore(server.url(), **RECORDS) as store:
        yield store


@pytest.fixture(scope="module")
def own():
    """A Valkey of this module's, for whoever kills, pauses or reconfigures it and leaves it as it was."""
    with Valkey() as server:
        yield server


@pytest.fixture
def mortal(own):
    own.flush()
    yield own
    own.resume()
    if not own.running:
        own.start()


@pytest.fixture
def proxy(server):
    with Proxy(("127.0.0.1", server.port)) as proxy:
        yield proxy


# The contract


def test_keeps_the_contract_on_any(any_valkey):
    """What the machine has of Redis says the same."""

    def fresh():
        any_valkey.flush()
        return ValkeyStore(any_valkey.url(), **RECORDS)

    check_store(fresh)


def test_a_store_of_meters_keeps_no_records(server):
    """Whoever takes it for more is told so at the first record, not when the server has forgotten it."""
    with ValkeyStore(server.url()) as store, pytest.raises(ConfigError, match="records=True"):
        store.load(b"key")


@pytest.mark.parametrize("form", FORMS)
def test_tells_whether_it_keeps_records(form, server):
    """So that whoever is given one need not wait for the first record to be told."""
    for options, kept in ((PATIENT, False), (RECORDS, True)):
        with opened(form, server.url(), **options) as store:
            assert store.store.keeps_records is kept


# The arithmetic, searched densely: every field of every meter after every step

LADDERS = (
    LADDER,
    evolve(LADDER, free=3, stop=5, window=HOUR),
    evolve(LADDER, free=1, stop=3, longest=4 * SECOND, lease=SECOND),
    evolve(LADDER, free=40, stop=60),
    evolve(LADDER, free=40, stop=60, window=HOUR),
    Ladder(free=0, first=0, longest=0, stop=1, window=SECOND, lease=1),
    Ladder(free=0, first=SECOND, longest=60 * SECOND, stop=2**40, window=0, lease=1),
    Ladder(free=2, first=1, longest=2**51, stop=2**50, window=0, lease=SECOND),
    Ladder(free=0, first=1, longest=GREATEST, stop=10**9, window=0, lease=30 * SECOND),
    Ladder(free=0, first=0, longest=SECOND, stop=10**9, window=0, lease=30 * SECOND),
    Ladder(free=3, first=0, longest=0, stop=10**6, window=7 * SECOND, lease=2 * SECOND),
    Ladder(free=2, first=SECOND, longest=HOUR, stop=100, window=20 * SECOND, lease=5 * SECOND),
    Ladder(free=0, first=SECOND, longest=10 * SECOND, stop=0, window=0, lease=SECOND),
    Ladder(free=10**6, first=SECOND, longest=SECOND, stop=10**7, window=30 * DAY, lease=30 * SECOND),
    Ladder(free=1, first=3, longest=100 * SECOND, stop=70, window=DAY, lease=GREATEST),
    Ladder(free=100, first=SECOND, longest=SECOND, stop=100, window=DAY, lease=30 * SECOND),
    Ladder(free=2**39, first=SECOND, longest=SECOND, stop=2**39, window=HOUR, lease=SECOND),
)
WEIGHTS = (1, 2, 3, 7, 20, 60, 99, 100, 101, 2**16, 2**32 - 1)
NAMES = (b"!own", b"pair", b"", b"\0", b"\0\0", b"!strangers", b"\xff")
# The bytes of some contain those of others, across the border of two.
CANDIDATES = (None, 0, 1, 2, 3, 2**32, 2**32 - 1, 2**64 - 1)
KNOWN = ((2, 0), (44, 0), (63, 0), (64, 0), (0, 5), (0, 44), (2**32 - 1, 0), (0, 2**32 - 1))
STEPS = (0, 0, 0, 1, SECOND - 1, SECOND, 29 * SECOND, 30 * SECOND, HOUR // 8, HOUR, -1, -SECOND, -HOUR, -3 * DAY, DAY)


class Differs(AssertionError):  # noqa: N818 - it names what was found
    """The server and acctsec.meters have come to different ends."""


class Walk:
    """A random story of two slots, told to a store and to acctsec.meters."""

    def __init__(self, store, client, seed):
        self.random = random.Random(seed)
        self.store, self.client = store, client
        self.rows = {b"%d:%d" % (seed, number): {} for number in range(2)}
        self.now = self.random.choice((*[NOW] * 6, 10 * DAY, GREATEST - 70 * DAY))
        self.holds, self.calls, self.number = [], [], 0
        self.ladders = self.random.sample(LADDERS, 3)
        self.names = self.random.sample(NAMES, 3)
        # A policy may change between two attempts, but rarely does.
        self.changeable = self.random.random() < 0.3
        self.style = self.random.choice(("usual",) * 6 + ("crowd", "many"))
        self.heavy = self.random.random() < 0.4
        if self.style == "many":
            # One meter that sees more than it can remember.
            self.ladders = [LADDERS[3 + self.random.randrange(2)]] * 3
            self.names = self.names[:1]
            self.rows = dict([*self.rows.items()][:1])
        if self.style == "crowd":
            self.crowd()

    def take(self, steps):
        for _ in range(steps if self.style != "many" else 2 * steps):
            chance = self.random
            step = chance.choice(STEPS) if chance.random() < 0.9 else chance.randrange(-3 * DAY, 3 * DAY)
            if self.style != "usual":
                step = min(abs(step), SECOND)
            self.now = max(0, min(self.now + step, GREATEST))
            draw = chance.random()
            if draw < 0.5:
                self.charge(self.wishes())
            elif draw < 0.58 and self.calls:
                self.charge(chance.choice(self.calls[-4:]))
            else:
                self.settle(None)
            self.compare()

    def ladder(self, name):
        if self.changeable:
            return self.random.choice(self.ladders)
        return self.ladders[self.names.index(name) if name in self.names else 0]

    def crowd(self):
        """Fill a row nearly to the brim, with meters of both kinds, some of one age; or with more than may be dropped."""
        kept = self.random.choice((20, 20, 1))
        for number in range(64):
            name = b"%sm%d" % (b"!" if number % kept == 0 else b"", number)
            self.now += self.random.choice((0, 1))
            self.charge([self.wish(next(iter(self.rows)), name, number)])
            if number % 3:
                self.settle(self.random.choice((Settle.FAILED, Settle.VOID)))

    def wishes(self):
        chance, first = self.random, next(iter(self.rows))
        wishes = []
        for _ in range(chance.choice((1, 1, 2, 3, 4, 5))):
            name = chance.choice(self.names)
            if self.style == "crowd" and chance.random() < 0.9:
                name = b"m%d" % chance.randrange(90)
            candidate = chance.choice(CANDIDATES) if chance.random() < 0.8 else chance.randrange(50)
            if self.style == "many":
                candidate = chance.randrange(chance.choice((9, 1000, 1000)))
            wishes.append(self.wish(first if chance.random() < 0.75 else chance.choice([*self.rows]), name, candidate))
        return wishes

    def wish(self, slot, name, candidate):
        self.number += 1
        chance, ladder = self.random, self.ladder(name)
        known = (0, 0) if self.style != "usual" or chance.random() < 0.8 else chance.choice(KNOWN)
        weighs = self.heavy and chance.random() < 0.4 and ladder.stop <= 2**39
        return Charge(slot, name, ladder, candidate, version(self.number), *known, chance.choice(WEIGHTS) if weighs else 1)

    def charge(self, charges):
        self.calls.append(charges)
        self.holds += charges
        answers = self.store.charge(charges, self.now)
        expected, refused = {}, False
        for slot in dict.fromkeys(one.slot for one in charges):
            asked = [one for one in charges if one.slot == slot]
            if refused:
                expected[slot] = [Untouched()] * len(asked)
                continue
            changed, expected[slot] = charge_row(self.rows[slot], asked, self.now)
            self.write(slot, changed)
            refused = not all(type(reading) is Granted for reading in expected[slot])
        self.agree(list(answers), [expected[one.slot].pop(0) for one in charges], charges)

    def settle(self, verdict):
        chance = self.random
        settlements = []
        number = 1 if verdict else chance.choice((1, 1, 2, 3)) if self.style != "many" else 4
        for _ in range(number) if self.holds else ():
            recent = self.holds[-1:] if verdict else self.holds[-8:] if chance.random() < 0.8 else self.holds
            one = chance.choice(recent)
            ladder = one.ladder if chance.random() < 0.95 else self.ladder(one.meter)
            kinds = (Settle.FAILED,) * 60 if self.style == "many" else (Settle.FAILED, Settle.PARK)
            kind = verdict or chance.choice((*Settle, *kinds))
            settlements.append(Settlement(one.slot, one.meter, ladder, one.hold, kind, one.candidate))
        self.store.settle(settlements, self.now)
        for slot in {one.slot for one in settlements}:
            self.write(slot, settle_row(self.rows[slot], [one for one in settlements if one.slot == slot], self.now))

    def write(self, slot, changed):
        for name, meter in changed.items():
            if meter is None:
                self.rows[slot].pop(name, None)
            else:
                self.rows[slot][name] = meter

    def compare(self):
        for slot, row in self.rows.items():
            stored = {name: unpacked(packed) for name, packed in self.client.hgetall(b"acctsec:m:" + slot).items()}
            if stored != row:
                for name in stored.keys() | row.keys():
                    self.agree(stored.get(name), row.get(name), name)
        asked = [(slot, name, self.ladder(name)) for slot in self.rows for name in self.names]
        expected = [tally(self.rows[slot].get(name, FRESH), ladder, self.now) for slot, name, ladder in asked]
        self.agree(list(self.store.read(asked, self.now)), expected, asked)

    def agree(self, found, expected, asked):
        if found != expected:
            raise Differs(f"{asked} at {self.now}: {found} instead of {expected}")


def unpacked(stored):
    """The bytes of a meter, as meters.lua packs them, as the meter that acctsec.meters would have."""
    form, latest, ready, parts, holds = struct.unpack_from(">B7s7sHI", stored)
    assert form in (1, 2)
    rest = memoryview(stored)[21:]

    def take(size):
        nonlocal rest
        taken, rest = bytes(rest[:size]), rest[size:]
        return taken

    def number(size):
        return int.from_bytes(take(size))

    failures = tuple((number(5), number(5)) for _ in range(parts))

    def weight():
        return number(4) if form == 2 else 1

    reserved = tuple(Hold(take(number(2)), *map(number, (8, 7, 5, 4, 1)), weight()) for _ in range(holds))
    if form == 2 and all(hold.weight == 1 for hold in reserved):
        raise Differs("An older release could read this meter, and must be able to.")
    seen = tuple(number(8) for _ in range(len(rest) // 8))
    return Meter(int.from_bytes(latest), int.from_bytes(ready), failures, reserved, seen)


def walk(server, seeds, steps=60):
    server.flush()
    with ValkeyStore(server.url()) as store, server.client() as client:
        for seed in seeds:
            Walk(store, client, seed).take(steps)
    server.flush()


def test_lua_counts_as_the_arithmetic_says(any_valkey):
    """Whatever is charged and settled, in whatever order, at whatever times and on whatever ladders."""
    walk(any_valkey, range(60))


@pytest.mark.deep
def test_lua_counts_as_the_arithmetic_says_for_hours(any_valkey):
    """The same, with stories that are new in each run."""
    begin = int.from_bytes(os.urandom(4))
    print(f"from seed {begin}")
    walk(any_valkey, range(begin, begin + 4000))


FAULTS = (
    ("charge", "count >= charge.stop", "count > charge.stop"),
    ("charge", "now < meter.ready", "now <= meter.ready"),
    ("charge", "hold.id == charge.hold", "false"),
    ("charge", "return GRANTED, count + waiting, 1, hold.id", "return GRANTED, count + waiting, 0, hold.id"),
    ("charge", "waiting = waiting + hold.weight", "waiting = waiting + 1"),
    ("charge", "count + waiting + weight", "count + waiting + 1"),
    ("charge", "if count + weight <= charge.stop then", "if count + weight < charge.stop then"),
    ("charge", "if count + weight <= charge.stop then", "if taken <= charge.stop then"),
    ("charge", "or charge.weight > charge.stop then", "or charge.weight >= charge.stop then"),
    ("charge", "or charge.weight > charge.stop then", "then"),
    ("charge", "count + charge.weight - charge.stop)", "1)"),
    ("charge", "state = PENDING, weight = weight", "state = PENDING, weight = 1"),
    ("charge", "hold.sharers = hold.sharers + 1", "hold.sharers = hold.sharers + 2"),
    ("charge", "if candidate and contains(meter.seen, candidate) then", "if false then"),
    ("charge", "if not fits(charge, weight, count, waiting) then", "if taken > charge.stop then"),
    ("charge", "base = count, sharers", "base = taken, sharers"),
    ("charge", "    capped(meter, charge, now)\n    return", "    return"),
    ("charge", "refused = refused or kind ~= GRANTED", "refused = kind ~= GRANTED"),
    ("charge", "reading_of(GRANTED, ordinal, 0, '')", "readings[i]"),
    ("charge", "if not row[name] and not meter.failures[1] then", "if not row[name] then"),
    ("charge", "name:sub(1, 1) ~= '!'", "true"),
    ("charge", "return one.latest < other.latest", "return one.latest > other.latest"),
    ("charge", "return one.failed < other.failed", "return one.failed > other.failed"),
    ("charge", "return left < right", "return left > right"),
    ("charge", "call('HLEN', key) - MAX_METERS", "call('HLEN', key) - MAX_METERS - 1"),
    ("charge", "readings) then\n    break", "readings) and false then\n    break"),
    ("charge", "if ttl ~= MISSING then", "if ttl == MISSING then"),
    ("charge", "  if excess <= 0 then", "  if excess <= 0 or call('HLEN', key) > MAX_METERS then"),
    ("charge", "candidate ~= '' and candidate", "candidate"),
    ("meters", "doublings >= 64", "doublings >= 63"),
    ("meters", "doublings < 0", "doublings <= 0"),
    ("meters", "min(ldexp(ladder.first, doublings), ladder.longest)", "ldexp(ladder.first, doublings)"),
    ("meters", "count + waiting + weight", "count + weight"),
    ("meters", "taken <= ladder.stop and", "taken < ladder.stop and"),
    ("meters", "taken <= ladder.free or", "taken < ladder.free or"),
    ("meters", "or waiting == 0)", "or waiting <= 1)"),
    ("meters", "sum = sum + hold.weight", "sum = sum + 1"),
    ("meters", "if holds[i].weight ~= 1 then", "if holds[i].weight > 2 then"),
    ("meters", "local parts, format = #failures / 2, FORMAT", "local parts, format = #failures / 2, WITH_WEIGHTS"),
    ("meters", "number = number - failures[i + 1]\n    if", "number = number - 1\n    if"),
    ("meters", "    if number <= 0 then\n      return", "    if number < 0 then\n      return"),
    ("meters", "state = changed.state, weight = changed.weight", "state = changed.state, weight = 1"),
    ("meters", "hold.at, hold.weight)", "hold.at, 1)"),
    ("meters", "minus(meter.failures, weight)", "minus(meter.failures, 1)"),
    ("meters", "failures[1] * SECOND > begin", "failures[1] * SECOND >= begin"),
    ("meters", "failures[i] * SECOND <= begin", "failures[i] * SECOND < begin"),
    ("meters", "hold.base >= number", "hold.base > number"),
    ("meters", "hold.base = max(hold.base - number, 0)", "hold.base = hold.base"),
    ("meters", "  if not meter.failures[1] then\n    meter.seen = ''\n  end\n", ""),
    ("meters", "meter.failures, ceil(at / SECOND)", "meter.failures, floor(at / SECOND)"),
    ("meters", "floor(second / part) <= floor(last / part)", "second <= last"),
    ("meters", "max(last, second)", "second"),
    ("meters", "number >= MAX_DONE", "number > MAX_DONE"),
    ("meters", "hold.candidate and not contains(meter.seen, hold.candidate)", "hold.candidate"),
    ("meters", "sub(-MAX_SEEN * WIDTH)", "sub(-33 * WIDTH)"),
    ("meters", "max(meter.ready, hold.at + wait)", "hold.at + wait"),
    ("meters", "hold.at + ladder.lease <= meter.latest", "hold.at + ladder.lease < meter.latest"),
    ("meters", "  if expired[1] then\n    without_old(meter, ladder)\n  end\n", ""),
    ("meters", "hold.base = max(hold.base - weight, 0)", "hold.base = hold.base"),
    ("meters", "hold.at = min(hold.at, now)", "hold.at = hold.at"),
    ("meters", "failures[i] = min(failures[i], second)", "failures[i] = failures[i]"),
    ("meters", "meter.latest - now > BROKEN_CLOCK", "meter.latest - now >= 2 * BROKEN_CLOCK"),
    ("meters", "- pending(meter)\n  if missing", "\n  if missing"),
    ("meters", "least_now - ladder.free or", "least_now or"),
    ("meters", "max(at_least, least_now)", "at_least"),
    ("meters", "at % WIDTH ~= 1", "false"),
    ("meters", "    capped(meter, ladder, now)\n", "\n"),
    ("settle", "if hold.state == LAPSED then\n      without(", "if false then\n      without("),
    ("settle", "      without_old(meter, settlement)\n", ""),
    ("settle", "hold.sharers > 1", "hold.sharers > 2"),
    ("settle", "  if hold.state == LAPSED then\n    without_failure(meter, hold.candidate, hold.weight)\n  end\n", ""),
    ("settle", "without_failure(meter, hold.candidate, hold.weight)", "without_failure(meter, hold.candidate, 1)"),
    ("settle", "and contains(meter.seen, settlement.hold) then", "then"),
    ("settle", "#settlement.hold == WIDTH and", ""),
    ("settle", "without_failure(meter, settlement.hold, 1)", "without_failure(meter, settlement.hold, 0)"),
    ("settle", "done(meter, hold, PARKED)", "done(meter, hold, PENDING)"),
    ("settle", "forget(meter, hold.base)", "forget(meter, total(meter.failures))"),
    ("settle", "    meter.seen = ''\n", ""),
    ("settle", "meter.failures[1] and min(meter.ready, rested) or 0", "min(meter.ready, rested)"),
    ("settle", "meter.failures[1] and min(meter.ready, rested) or 0", "meter.failures[1] and rested or 0"),
    ("settle", "      capped(meter, settlement, now)\n", ""),
    ("read", "count >= one.stop", "count > one.stop"),
    ("read", "count + 1 - one.stop", "1"),
    ("read", "ready or 0, meter.seen }", "ready or 0, '' }"),
    ("read", "one.window ~= 0 and", ""),
    ("read", "ready > now and", "ready >= 0 and"),
)


def plant(monkeypatch, file, right, wrong):
    """Put a fault into the scripts that are made of *file*."""
    whole = (SCRIPTS / f"{file}.lua").read_text()
    assert whole.count(right) >= 1, "What is to be broken is not there any more."
    for script in (_valkey_meters.CHARGE, _valkey_meters.SETTLE, _valkey_meters.READ):
        faulty = script.text.replace(whole, whole.replace(right, wrong))
        monkeypatch.setattr(script, "text", faulty)
        monkeypatch.setattr(script, "digest", sha1(faulty.encode()).hexdigest())


@pytest.mark.parametrize(("file", "right", "wrong"), FAULTS[::5])
def test_a_planted_fault_is_found(file, right, wrong, server, monkeypatch):
    """The search tells a script from one that is wrong in a single place."""
    plant(monkeypatch, file, right, wrong)
    with pytest.raises((Differs, StoreError)):
        walk(server, range(400))


@pytest.mark.deep
@pytest.mark.parametrize(("file", "right", "wrong"), FAULTS)
def test_every_planted_fault_is_found(file, right, wrong, server, monkeypatch):
    """All of them, the rare ones too."""
    plant(monkeypatch, file, right, wrong)
    with pytest.raises((Differs, StoreError)):
        walk(server, range(3000))


@pytest.mark.parametrize(
    "wrong",
    [
        {"now": GREATEST + 1},
        {"now": 253_370_764_800 * SECOND},
        {"now": -1},
        {"candidate": 2**64},
        {"candidate": -1},
        {"at_least": 2**32},
        {"floor": -1},
        {"hold": b"x" * 256},
        {"meter": b"x" * 65_536},
        *[{name: GREATEST + 1} for name in ("free", "first", "longest", "stop", "window", "lease")],
        {"window": -1},
        {"weight": 2**32},
        {"weight": 0},
        {"weight": -1},
        {"weight": 2, "stop": 2**39 + 1},
    ],
    ids=str,
)
def test_what_lua_cannot_count_is_refused(wrong, server, proxy):
    """Lua counts in doubles: beyond 2^53 it would count wrong, so nothing that could come near it is ever sent."""
    with ValkeyStore(server.url(port=proxy.port), **PATIENT) as store:
        before = proxy.trips
        ladder = evolve(LADDER, **{name: value for name, value in wrong.items() if hasattr(LADDER, name)})
        asked = evolve(charge(ladder=ladder), **{name: value for name, value in wrong.items() if hasattr(charge(), name)})
        with pytest.raises(ConfigError):
            store.charge([charge(slot=b"before"), asked], wrong.get("now", NOW))
        assert proxy.trips == before
        assert read(store, b"before") == Tally(0, 0, 0)


def test_a_meter_of_before_is_read_and_one_of_today_can_be_by_a_release_of_before(store, server):
    """Their reservations weigh 1, and what weighs 1 is stored as it was: while nodes are upgraded both count in one meter."""
    key, hold = b"acctsec:m:slot", version(7)
    before = struct.pack(">B", 1) + NOW.to_bytes(7) + bytes(7) + struct.pack(">HI", 0, 1)
    before += struct.pack(">H", 16) + hold + (7).to_bytes(8) + NOW.to_bytes(7) + bytes(5) + struct.pack(">IB", 1, 0)
    with server.client() as client:
        client.hset(key, b"m", before)
        assert read(store) == Tally(0, 1, 0)
        store.charge([charge(candidate=7)], NOW)
        store.charge([evolve(charge(1, candidate=8), weight=3)], NOW)
        assert client.hget(key, b"m")[0] == 2
        store.settle([settlement(Settle.VOID, 1)], NOW)
        assert client.hget(key, b"m")[0] == 1
        store.settle([settlement(Settle.VOID, 7)], NOW)
        assert client.hget(key, b"m") == before


# The wire


@pytest.mark.parametrize("form", FORMS)
def test_every_call_is_one_trip(form, server, proxy):
    """Whatever number of slots and meters it has; a script that the server forgot costs one more, once."""
    server.run("SCRIPT", "FLUSH")
    with opened(form, server.url(port=proxy.port), **RECORDS) as store:
        charges = [charge(number, slot=b"%d" % (number % 2), meter=b"%d" % number) for number in range(4)]
        calls = (
            lambda: store.charge(charges, NOW),
            lambda: store.settle([settlement(Settle.FAILED, number, slot=b"%d" % (number % 2)) for number in range(4)], NOW),
            lambda: store.read([(b"0", b"0", LADDER), (b"1", b"1", LADDER)], NOW),
            lambda: store.load(b"key"),
            lambda: store.commit(b"key", None, None, [b"entry"], version(1)),
            lambda: store.scan(b"", 9),
            lambda: store.waiting(TODAY),
            lambda: store.revive([bytes(14), b"\0\1" + bytes(12)]),
        )
        for call in calls:
            call()
            before = proxy.trips
            call()
            assert proxy.trips - before == 1
        store.drain(9, TODAY, QUICK)
        before = proxy.trips
        assert len(store.drain(9, TODAY + QUICK, QUICK)) == 2
        assert proxy.trips - before == 2, "Seeing who has the oldest is one, claiming them another."
        server.run("SCRIPT", "FLUSH")
        before = proxy.trips
        assert store.charge([charge(9, slot=b"new")], NOW) == (Granted(version(9), 1, new=True),)
        assert proxy.trips - before == 2
        before = proxy.trips
        assert store.charge([], NOW) == store.read([], NOW) == store.drain(0, TODAY, QUICK) == ()
        assert store.settle([], NOW) is store.ack([]) is None
        assert store.revive([]) == 0
        assert proxy.trips == before, "Asking nothing is no trip at all."


def test_a_cluster_takes_a_trip_for_each_slot(valkey_cluster, through):
    """Charges in turn; settlements and readings everywhere at once, one trip to each server."""
    valkey_cluster.flush()
    slots = [b"%d" % number for number in range(40)]
    with ValkeyStore(valkey_cluster.url(), cluster=True, **PATIENT) as store:
        charges = [charge(slot=slot) for slot in slots]
        for _ in range(2):
            before = through.trips()
            store.charge(charges, NOW)
        assert sum(through.trips()) - sum(before) == 40
        holds = [settlement(Settle.FAILED, slot=slot) for slot in slots]
        for call in (lambda: store.settle(holds, NOW), lambda: store.read([(slot, b"m", LADDER) for slot in slots], NOW)):
            call()
            before = through.trips()
            call()
            assert [after - earlier for after, earlier in zip(through.trips(), before, strict=True)] == [1, 1, 1]
        assert {read(store, slot).count for slot in slots} == {1}


class Through:
    """A proxy before each master of a cluster, of which its stores know nothing."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.proxies = {master.port: Proxy(("127.0.0.1", master.port)).start() for master in cluster.masters()}

    def of(self, slot):
        return self.proxies[self.cluster.master_of(self.cluster.slot(b"acctsec:m:" + slot)).port]

    def trips(self):
        return [proxy.trips for proxy in self.proxies.values()]


@pytest.fixture
def through(valkey_cluster, monkeypatch):
    through = Through(valkey_cluster)
    owners = _valkey_calls._owners

    def rerouted(table, address):
        known = owners(table, address)
        return {
            slot: (host, through.proxies[port].port if port in through.proxies else port) for slot, (host, port) in known.items()
        }

    monkeypatch.setattr(_valkey_calls, "_owners", rerouted)
    yield through
    for proxy in through.proxies.values():
        proxy.stop()


# Answers that are lost: what happened once is not asked for twice

FATES = ("cut_request", "cut_reply", "lose_request", "lose_reply")
DONE = {"cut_request": 0, "cut_reply": 1, "lose_request": 0, "lose_reply": 1}


@pytest.fixture(params=["alone", "in a cluster"])
def faulty(request):
    """Makes a store of either form, with a proxy before the server that has its slot."""

    @contextmanager
    def make(form, **options):
        if request.param == "alone":
            server, proxy = request.getfixturevalue("server"), request.getfixturevalue("proxy")
            url, options = server.url(port=proxy.port), {**RECORDS, **options}
        else:
            cluster, through = request.getfixturevalue("valkey_cluster"), request.getfixturevalue("through")
            cluster.flush()
            proxy = through.of(b"slot")
            url, options = cluster.url(), {**RECORDS, **options, "cluster": True}
        with opened(form, url, **options) as store:
            store.charge([charge(99, slot=b"slot", meter=b"first")], NOW)  # scripts are known, connections are open
            store.settle([settlement(Settle.VOID, 99, meter=b"first")], NOW)
            read(store)
            yield store, proxy

    return make


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("form", FORMS)
def test_a_spent_unit_is_never_asked_for_twice(form, fate, faulty):
    """It would be spent twice: the call fails, and at most one is counted."""
    with faulty(form, timeout=timedelta(seconds=1)) as (store, proxy):
        getattr(proxy, fate)(when=b"EVALSHA")
        before = proxy.trips
        with pytest.raises(StoreUnavailable):
            store.charge([charge(candidate=None)], NOW)
        assert (proxy.struck, proxy.trips - before) == (1, 1)
        proxy.heal()
        assert read(store) == Tally(DONE[fate], 0, 0)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("form", FORMS)
def test_a_charge_that_reserves_is_asked_for_once_more(form, fate, faulty):
    """The same hold reserves nothing more, so it is answered, and holds one unit."""
    with faulty(form, timeout=timedelta(seconds=1)) as (store, proxy):
        getattr(proxy, fate)(when=b"EVALSHA")
        assert store.charge([charge()], NOW) == (Granted(version(0), 1, new=True),)
        assert proxy.struck == 1
        proxy.heal()
        assert read(store) == Tally(0, 1, 0)


@pytest.mark.parametrize("form", FORMS)
def test_a_charge_is_asked_for_at_most_twice(form, faulty):
    """Then it fails, and holds one unit if it holds any."""
    with faulty(form) as (store, proxy):
        proxy.cut_reply(when=b"EVALSHA", times=9)
        with pytest.raises(StoreUnavailable):
            store.charge([charge()], NOW)
        assert proxy.struck == 2
        proxy.heal()
        assert read(store) == Tally(0, 1, 0)


@pytest.mark.parametrize("verdict", [Settle.FAILED, Settle.PARK, Settle.CLEAR])
@pytest.mark.parametrize("fate", ["cut_request", "cut_reply"])
def test_a_settlement_is_made_once_more(fate, verdict, faulty):
    """Settling again changes nothing."""
    with faulty(ValkeyStore) as (store, proxy):
        store.charge([charge()], NOW)
        getattr(proxy, fate)(when=b"EVALSHA")
        store.settle([settlement(verdict)], NOW)
        assert proxy.struck == 1
        assert read(store) == Tally(1 if verdict is Settle.FAILED else 0, 0, 0)


@pytest.mark.parametrize("form", FORMS)
def test_a_share_is_never_given_back_twice(form, faulty):
    """Of two who wait on one comparison, one giving up must not give up for the other, whose guess would be free."""
    with faulty(form) as (store, proxy):
        store.charge([charge()], NOW)
        store.charge([charge(1)], NOW)
        proxy.cut_reply(when=b"EVALSHA")
        with pytest.raises(StoreUnavailable):
            store.settle([settlement(Settle.VOID)], NOW)
        assert read(store) == Tally(0, 1, 0)
        store.settle([settlement(Settle.FAILED)], NOW)
        assert read(store) == Tally(1, 0, 0)


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("form", FORMS)
def test_a_commit_that_was_not_heard_of_is_unknown(form, fate, server, proxy):
    """It may have happened or not, and is never tried again: reading tells."""
    with opened(form, server.url(port=proxy.port), **{**RECORDS, "timeout": timedelta(seconds=1)}) as store:
        store.commit(b"key", None, b"one", [], version(1))
        getattr(proxy, fate)(when=b"EVALSHA")
        with pytest.raises(CommitUnknown):
            store.commit(b"key", version(1), b"two", [b"entry"], version(2))
        assert proxy.struck == 1
        proxy.heal()
        done = DONE[fate]
        assert store.load(b"key") == ((b"two", version(2)) if done else (b"one", version(1)))
        assert len(store.drain(9, TODAY, QUICK)) == done


@pytest.mark.parametrize("form", FORMS)
def test_a_commit_that_was_not_sent_is_not_unknown(form, server, proxy):
    """Where nobody listens nothing can have happened."""
    with opened(form, server.url(port=proxy.port), **RECORDS) as store:
        proxy.refuse()
        with pytest.raises(StoreUnavailable):
            store.commit(b"key", None, b"one", [], version(1))
        proxy.heal()
        assert store.commit(b"key", None, b"one", [], version(1)) == Committed(version(1))


@pytest.mark.parametrize("form", FORMS)
def test_a_connection_that_idled_and_died_is_noticed_first(form, server, proxy):
    """A server that was restarted costs nobody an answer."""
    with opened(form, server.url(port=proxy.port), **PATIENT) as store:
        for number in range(3):
            store.charge([charge(number, candidate=None)], NOW)
            proxy.cut_all()
            time.sleep(0.05)
        assert read(store) == Tally(3, 0, 0)


def test_threads_and_lost_answers(server, proxy):
    """Many callers, and a network that cuts every few calls: what was answered was counted once, what was not at most once."""
    ladder = evolve(LADDER, free=10**6, stop=10**7)
    answered, lost = [], []

    def work(number):
        for turn in range(60):
            try:
                store.charge([charge(1000 * number + turn, candidate=None, ladder=ladder)], NOW)
            except StoreUnavailable:
                lost.append(turn)
            else:
                answered.append(turn)

    with ValkeyStore(server.url(port=proxy.port), connections=4, **PATIENT) as store:
        proxy.cut_reply(when=lambda request: b"EVALSHA" in request and os.urandom(1)[0] < 20, times=10**6)
        proxy.cut_request(when=lambda request: b"EVALSHA" in request and os.urandom(1)[0] < 20, times=10**6)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        proxy.heal()
        time.sleep(0.2)
        count = read(store, ladder=ladder).count
        assert len(lost) > 5
        assert len(answered) <= count <= len(answered) + len(lost)


# A server that goes away, is full, or is no primary any more


@pytest.mark.parametrize("form", FORMS)
def test_a_dead_server_costs_its_timeout_three_times_only(form, mortal):
    """Then calls fail at once, until it is back; the store notices by itself."""
    with opened(form, mortal.url(), timeout=timedelta(seconds=0.3)) as store:
        store.charge([charge(candidate=None)], NOW)
        mortal.pause()
        for number in range(3):
            with pytest.raises(StoreUnavailable):
                store.charge([charge(number, candidate=None)], NOW)
        for _ in range(20):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable):
                store.charge([charge(candidate=None)], NOW)
            if time.monotonic() - began < 0.1:
                break
        else:
            raise AssertionError("It waits for a server that is gone.")
        mortal.resume()
        eventually(lambda: read(store).count >= 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_killed_server_comes_back(form, mortal):
    """What it kept is there, what it did not is not, and nobody has to restart the process."""
    with opened(form, mortal.url(), **PATIENT) as store:
        store.charge([charge(candidate=None)], NOW)
        mortal.kill()
        with pytest.raises(StoreUnavailable):
            store.charge([charge(candidate=None)], NOW)
        mortal.start()
        eventually(lambda: store.charge([charge(2)], NOW)[0].ordinal == 1)


def eventually(true):
    """Wait for what is true in the end; a store may say that it cannot until then."""
    deadline = time.monotonic() + 20
    while True:
        with suppress(StoreUnavailable):
            if true():
                return
        assert time.monotonic() < deadline, "It never came to be true."
        time.sleep(0.02)


@pytest.mark.parametrize("form", FORMS)
def test_more_calls_than_connections_wait_and_are_refused(form, mortal):
    """Nothing queues without bound: who gets no connection in time is told so, and nothing was asked."""
    with opened(form, mortal.url(), connections=2, timeout=timedelta(seconds=5)) as store:
        calls = [("charge", ([charge(number, candidate=number)], NOW)) for number in range(5)]
        store.together(calls)
        assert len(mortal.run("CLIENT", "LIST", "TYPE", "normal").splitlines()) <= 3
    with opened(form, mortal.url(), connections=1, timeout=timedelta(seconds=0.3)) as store:
        read(store)
        mortal.pause()
        with pytest.raises(StoreUnavailable):
            store.together([("read", ([(b"slot", b"m", LADDER)], NOW))] * 3)
        mortal.resume()
        eventually(lambda: read(store).pending == 5)


@pytest.mark.parametrize("form", FORMS)
def test_a_crowd_is_told_how_to_mend_it(form, server, proxy):
    """The message names the number that was too small."""
    with opened(form, server.url(port=proxy.port), connections=1, timeout=timedelta(seconds=2)) as store:
        read(store)
        proxy.delay(1.2)
        with pytest.raises(StoreUnavailable, match="All 1 connections"):
            store.together([("read", ([(b"slot", b"m", LADDER)], NOW))] * 4)


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize("form", FORMS)
def test_a_full_server_grants_nothing(form, binary):
    """It refuses to count, and so nobody may guess; what is under way is settled all the same."""
    full = Valkey(binary=binary, options={"maxmemory": "3mb", "maxmemory-policy": "noeviction"})
    with full as server, server.client() as client, opened(form, server.url(), **RECORDS) as store:
        store.charge([charge()], NOW)
        store.commit(b"key", None, b"value", [b"entry"], version(1))
        junk = count()

        def fill(size):
            with suppress(redis.exceptions.OutOfMemoryError):
                while True:
                    client.set(b"junk %d" % next(junk), b"x" * size)

        fill(10_000)
        for number in range(1, 40):
            fill(10)  # a buffer that the server let go of meanwhile would have room for a few
            with pytest.raises(StoreUnavailable, match="no memory left"):
                store.charge([charge(number, slot=b"%d" % number, candidate=None)], NOW)
        fill(10)
        with pytest.raises(StoreUnavailable, match="no memory left"):
            store.commit(b"key", version(1), b"other", [], version(2))
        assert read(store) == Tally(0, 1, 0)
        store.settle([settlement(Settle.FAILED)], NOW)
        assert read(store) == Tally(1, 0, 0)
        assert store.load(b"key") == (b"value", version(1))
        [drained] = store.drain(9, TODAY, QUICK)
        assert store.waiting(TODAY + QUICK) == Backlog(1, 0, 0, b"entry")
        assert store.dead_letters(b"", 9) == Letters((), None)
        assert store.revive([drained.id]) == 0
        store.ack([drained.id])
        assert client.keys("acctsec:m:*") == [b"acctsec:m:slot"], "Something was counted that was refused."


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize("form", FORMS)
def test_a_demoted_server_is_not_asked(form, binary, server):
    """Its connections stay open when it becomes a replica, and what it has may be old: also reading is refused."""
    with Valkey(binary=binary) as demoted, opened(form, demoted.url(), **RECORDS) as store:
        store.charge([charge()], NOW)
        demoted.run("REPLICAOF", "127.0.0.1", server.port)
        for call in (
            lambda: store.charge([charge(1, candidate=2)], NOW),
            lambda: store.settle([settlement(Settle.VOID)], NOW),
            lambda: read(store),
            lambda: store.load(b"key"),
            lambda: store.commit(b"key", None, b"value", [], version(1)),
            lambda: store.drain(9, TODAY, QUICK),
            lambda: store.ack([bytes(14)]),
            lambda: store.waiting(TODAY),
            lambda: store.dead_letters(b"", 9),
            lambda: store.revive([bytes(14)]),
        ):
            with pytest.raises(StoreUnavailable):
                call()
        demoted.run("REPLICAOF", "NO", "ONE")


@pytest.mark.parametrize("form", FORMS)
def test_a_replica_is_refused(form, server):
    """At once, by whoever made the store."""
    with Valkey(replica_of=server) as replica:
        refused = pytest.raises(ConfigError, match="is a replica")
        with refused, opened(form, replica.url(), **PATIENT) as store:
            read(store)


@pytest.mark.parametrize("fault", ["READONLY", "NOPERM", "alone", "gone", "too few"])
@pytest.mark.parametrize("form", FORMS)
def test_a_name_that_leads_to_another_server_is_followed(form, fault, server, proxy):
    """After a fail-over the old server may live on, and keep its connections open: all of them are given up at the first no."""
    lone = {"min-replicas-to-write": "1"} if fault == "alone" else {}
    options = {**RECORDS, "timeout": timedelta(seconds=1), "connections": 8, "replicas": 1 if fault == "too few" else 0}
    with Valkey() as old, Valkey(replica_of=old) as follower, Valkey(replica_of=server):
        proxy.upstream = ("127.0.0.1", old.port)
        with opened(form, server.url(port=proxy.port), **options) as store:
            store.charge([charge(0)], NOW)
            proxy.delay(0.1)
            store.together([("read", ([(b"slot", b"m", LADDER)], NOW))] * 8)
            proxy.delay(0)
            assert len(proxy.connections) >= 8
            proxy.upstream = ("127.0.0.1", server.port)
            if fault == "READONLY":
                old.run("REPLICAOF", "127.0.0.1", server.port)
            elif fault == "NOPERM":
                old.run("ACL", "SETUSER", "default", "-hset")
            elif fault == "gone":
                old.pause()
            else:
                follower.kill()
                old.run("CLIENT", "KILL", "TYPE", "replica")
                for name, value in lone.items():
                    old.run("CONFIG", "SET", name, value)
            with pytest.raises(StoreError):
                store.charge([charge(candidate=None)], NOW)
            assert store.charge([charge(1)], NOW) == (Granted(version(1), 1, new=True),)


@pytest.mark.parametrize("binary", BINARIES)
@pytest.mark.parametrize("form", FORMS)
def test_replicas_are_waited_for(form, binary):
    """What was answered survives the loss of the primary; what too few have is not answered, whoever asks and how often."""
    options = {**RECORDS, "replicas": 1, "timeout": timedelta(seconds=1.5)}
    with (
        Valkey(binary=binary) as primary,
        Valkey(binary=binary, replica_of=primary) as replica,
        opened(form, primary.url(), **options) as store,
        opened(form, primary.url(), **options) as other,
    ):
        assert store.charge([charge()], NOW) == (Granted(version(0), 1, new=True),)
        assert store.commit(b"key", None, b"value", [], version(1)) == Committed(version(1))
        with replica.client() as client:
            assert client.exists("acctsec:m:slot")
        assert other.load(b"key") == (b"value", version(1))
        replica.pause()
        too_few = pytest.raises(StoreUnavailable, match="only 0 of 1 replicas")
        with too_few:
            store.charge([charge(1, candidate=2)], NOW)
        with too_few:
            store.commit(b"key", version(1), b"other", [], version(2))
        for one in (store, other):
            with too_few:
                one.load(b"key")
        assert read(store) == Tally(0, 2, 0), "It is held, so that it lapses into a failure."
        replica.resume()
        for one in (other, store):
            eventually(lambda one=one: one.load(b"key") == (b"other", version(2)))
        # All that was written before is there by then.
        with replica.client() as client:
            primary.kill()
            assert client.get(client.keys("acctsec:{*:r:key")[0]).endswith(b"other")


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "lost"])
def test_what_too_few_replicas_have_signs_nobody_in(lost):
    """The engine may find its own commit where it looks for it, and must not take that for an answer."""
    options = {**RECORDS, "replicas": 1, "timeout": timedelta(seconds=1.5)}
    with (
        Valkey() as primary,
        Valkey(replica_of=primary) as replica,
        Proxy(("127.0.0.1", primary.port)) as proxy,
        ValkeyStore(primary.url(port=proxy.port), **options) as store,
    ):
        w = world(store=SplitStore(records=store, meters=MemoryStore()))
        w.sign_up()
        w.sign_in()

        def pause_at_commit(request):
            if _valkey_records.COMMIT.digest.encode() not in request:
                return False
            replica.pause()
            return lost

        proxy.cut_reply(when=pause_at_commit)
        with pytest.raises(StoreUnavailable):
            w.engine.sign_in(IDENTIFIER, SECRET, context=w.context())
        assert proxy.struck == lost
        replica.resume()
        proxy.heal()
        eventually(w.sign_in)


def test_reading_with_replicas_leaves_the_disk_alone(mortal):
    """What a load writes so that it can wait goes to the replicas only."""
    with Valkey(replica_of=mortal), ValkeyStore(mortal.url(), replicas=1, **RECORDS) as store:
        store.commit(b"key", None, b"value", [], version(1))
        mortal.run("CONFIG", "SET", "appendonly", "yes")
        eventually(lambda: not int(mortal.info("persistence")["aof_rewrite_in_progress"]))
        before = mortal.info("persistence")["aof_current_size"]
        for _ in range(50):
            assert store.load(b"key") == (b"value", version(1))
        assert mortal.info("persistence")["aof_current_size"] == before
        store.commit(b"key", version(1), b"other", [], version(2))
        assert mortal.info("persistence")["aof_current_size"] > before
        mortal.run("CONFIG", "SET", "appendonly", "no")


def test_waiting_costs_no_trip_of_its_own(server, proxy):
    """The server is told to wait together with what it does."""
    with Valkey(replica_of=server), ValkeyStore(server.url(port=proxy.port), replicas=1, **PATIENT) as store:
        store.charge([charge()], NOW)
        before = proxy.trips
        store.charge([charge(1, candidate=2)], NOW)
        assert proxy.trips - before == 1


# A cluster whose slots move


def test_a_slot_that_moves_is_followed(valkey_cluster):
    """While it moves, key by key, and afterwards: each call is answered, and counted once."""
    valkey_cluster.flush()
    with ValkeyStore(valkey_cluster.url(), cluster=True, **PATIENT) as store:
        key = b"acctsec:m:slot"
        number = valkey_cluster.slot(key)
        old = valkey_cluster.master_of(number)
        new = next(master for master in valkey_cluster.masters() if master is not old)
        old_id, new_id = old.run("CLUSTER", "MYID"), new.run("CLUSTER", "MYID")
        store.charge([charge(0, candidate=None)], NOW)
        new.run("CLUSTER", "SETSLOT", number, "IMPORTING", old_id)
        old.run("CLUSTER", "SETSLOT", number, "MIGRATING", new_id)
        assert read(store).count == 1, "The key is still at its old place."
        old.run("MIGRATE", "127.0.0.1", new.port, key.decode(), 0, 5000, "AUTH", PASSWORD)
        for hold in (1, 2):
            (reading,) = store.charge([charge(hold, candidate=None)], NOW)
            assert reading.ordinal == 1 + hold, "The key is at its new place, and the slot is not."
        for node in (new, old, *[node for node in valkey_cluster.masters() if node not in {old, new}]):
            node.run("CLUSTER", "SETSLOT", number, "NODE", new_id)
        for hold in (3, 4):
            (reading,) = store.charge([charge(hold, candidate=None)], NOW)
            assert reading.ordinal == 1 + hold
        assert valkey_cluster.master_of(number) is new
        # Back again, for the next test.
        old.run("CLUSTER", "SETSLOT", number, "IMPORTING", new_id)
        new.run("CLUSTER", "SETSLOT", number, "MIGRATING", old_id)
        new.run("MIGRATE", "127.0.0.1", old.port, key.decode(), 0, 5000, "AUTH", PASSWORD)
        for node in (old, new):
            node.run("CLUSTER", "SETSLOT", number, "NODE", old_id)
        eventually(lambda: read(store).count == 5)


@pytest.mark.parametrize("form", FORMS)
def test_a_promoted_replica_is_found(form, valkey_cluster):
    """A primary dies: its slots fail for a moment, the others do not, and no process is restarted."""
    valkey_cluster.flush()
    slots = [b"%d" % number for number in range(12)]
    with opened(form, valkey_cluster.url(), cluster=True, replicas=1, timeout=timedelta(seconds=1)) as store:
        for slot in slots:
            eventually(lambda slot=slot: store.charge([charge(slot=slot)], NOW))
        valkey_cluster.master_of(valkey_cluster.slot(b"acctsec:m:" + slots[0])).kill()
        try:
            for slot in [slot for slot in slots if dead_has_not(valkey_cluster, slot)]:
                assert read(store, slot).pending == 1, "A slot of another server was not answered."
            valkey_cluster.hurry()  # only now: a cluster that has noticed refuses every slot
            for slot in slots:  # each server hears of the election at its own time, and refuses every slot until then
                eventually(lambda slot=slot: read(store, slot).pending == 1)
        finally:
            valkey_cluster.heal()


def dead_has_not(cluster, slot):
    with suppress(Exception):
        cluster.master_of(cluster.slot(b"acctsec:m:" + slot))
        return True
    return False


def test_a_cluster_and_a_lone_server_are_told_apart(server, valkey_cluster):
    """Who says the wrong one is told the right one."""
    with pytest.raises(ConfigError, match="cluster=False"):
        ValkeyStore(server.url(), cluster=True, **PATIENT)
    with pytest.raises(ConfigError, match="cluster=True"):
        ValkeyStore(valkey_cluster.url(), **PATIENT)


# What is looked at first


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("settings", "options", "risk", "says"),
    [
        ({"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}, {}, ValkeyRisk.EVICTION, "SET maxmemory-policy noeviction"),
        ({"maxmemory": "100mb", "maxmemory-policy": "volatile-ttl"}, {}, ValkeyRisk.EVICTION, "SET maxmemory-policy noeviction"),
        ({}, {"records": True}, ValkeyRisk.NO_PERSISTENCE, "SET appendonly yes"),
        ({"appendonly": "yes", "appendfsync": "no"}, {"records": True}, ValkeyRisk.NO_PERSISTENCE, "SET appendfsync always"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, {"records": True}, ValkeyRisk.LAST_SECOND, "SET appendfsync always"),
    ],
)
def test_settings_that_forget_are_refused(form, settings, options, risk, says, mortal):
    """The message names the command that mends it; a risk can be accepted by its name."""
    before = {name: mortal.run("CONFIG", "GET", name)[name] for name in settings}
    try:
        for name, value in settings.items():
            mortal.run("CONFIG", "SET", name, value)
        other = next(one for one in ValkeyRisk if one not in {risk, ValkeyRisk.NO_PERSISTENCE})
        for accept in ((), {other}):
            with pytest.raises(ConfigError, match=says), opened(form, mortal.url(), **options, accept=accept, **PATIENT) as store:
                read(store)
        for accept in ({risk}, [risk.value], set(ValkeyRisk)):
            with opened(form, mortal.url(), **options, accept=accept, **PATIENT) as store:
                assert read(store) == Tally(0, 0, 0)
    finally:
        for name, value in before.items():
            mortal.run("CONFIG", "SET", name, value)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"maxmemory": "100mb", "maxmemory-policy": "noeviction"}, {}),
        ({"maxmemory": "0", "maxmemory-policy": "allkeys-lru"}, {}),
        ({"appendonly": "yes", "appendfsync": "always"}, {"records": True}),
    ],
)
def test_settings_that_remember_are_taken(settings, options, mortal):
    """Nothing has to be accepted."""
    before = {name: mortal.run("CONFIG", "GET", name)[name] for name in settings}
    try:
        for name, value in settings.items():
            mortal.run("CONFIG", "SET", name, value)
        ValkeyStore(mortal.url(), **options, **PATIENT).close()
    finally:
        for name, value in before.items():
            mortal.run("CONFIG", "SET", name, value)


def test_every_primary_is_looked_at(valkey_cluster):
    """One that would evict is enough, also if it is not the one in the URL."""
    for master in valkey_cluster.masters():
        try:
            master.run("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
            with pytest.raises(ConfigError, match=f":{master.port} has maxmemory-policy"):
                ValkeyStore(valkey_cluster.url(), cluster=True, **PATIENT)
        finally:
            master.run("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")


RULES = (
    "~acctsec:*",
    "+time",
    "+evalsha",
    "+eval",
    "+hmget",
    "+hset",
    "+hdel",
    "+hlen",
    "+hgetall",
    "+pttl",
    "+pexpire",
)


def test_settings_are_also_read_where_config_is_forbidden(mortal):
    """Managed services forbid CONFIG; INFO tells enough of meters, and of records all but how often they reach the disk."""
    mortal.user("told", *RULES, "+info")
    ValkeyStore(mortal.url(user="told"), **PATIENT).close()
    with pytest.raises(ConfigError, match="appendonly is no"):
        ValkeyStore(mortal.url(user="told"), records=True, **PATIENT)
    mortal.run("CONFIG", "SET", "appendonly", "yes")
    with pytest.raises(ConfigError, match="appendfsync is unknown"):
        ValkeyStore(mortal.url(user="told"), records=True, **PATIENT)
    mortal.run("CONFIG", "SET", "appendonly", "no", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match="SET maxmemory-policy"):
        ValkeyStore(mortal.url(user="told"), **PATIENT)
    mortal.run("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")


def test_a_server_that_tells_nothing_is_refused(mortal):
    """It could forget without a word, so somebody has to say that this is known."""
    mortal.user("untold", *RULES)
    with pytest.raises(ConfigError, match="UNKNOWN_SETTINGS"):
        ValkeyStore(mortal.url(user="untold"), **PATIENT)
    ValkeyStore(mortal.url(user="untold"), accept={"unknown-settings"}, **PATIENT).close()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"accept": {"evictions"}},
        {"accept": "eviction"},
        {"namespace": ""},
        {"namespace": "{a}"},
        {"namespace": "a b"},
        {"connections": 0},
        {"connections": True},
        {"replicas": -1},
        {"shards": 0},
        {"shards": 2000},
        {"timeout": timedelta(0)},
        {"max_skew": timedelta(seconds=-1)},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_refused_when_it_is_made(form, wrong):
    """Before anything is connected to."""
    with pytest.raises(ConfigError):
        form("redis://127.0.0.1:1", **wrong)


@pytest.mark.parametrize(
    "url", ["", "http://h", "redis://:secret@h:port", "redis://:secret@h?socket_timeout=x", "redis://:secret@h?nonsense=1"]
)
@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_url_is_refused_without_being_quoted(form, url):
    """It holds a password."""
    with pytest.raises(ConfigError, match="URL") as refused, opened(form, url) as store:
        read(store)
    shown = [refused.value]
    while shown[-1] is not None:
        shown.append(shown[-1].__cause__)
    assert not any("secret" in f"{one!r} {one}" for one in shown)


def test_another_clock_is_refused(server, monkeypatch):
    """An engine and its server must agree on the time better than a quarter of a lease."""
    ours = _valkey_checks.clock
    for off in (timedelta(seconds=9), timedelta(seconds=-9)):
        monkeypatch.setattr(_valkey_checks, "clock", lambda off=off: ours() + off)
        with pytest.raises(ConfigError, match=r"9\.0 seconds apart"):
            ValkeyStore(server.url(), **PATIENT)
        ValkeyStore(server.url(), max_skew=timedelta(seconds=10), **PATIENT).close()


def test_an_old_server_is_refused(any_valkey, monkeypatch):
    """One whose replicas would run our scripts."""
    monkeypatch.setattr(_valkey_checks, "OLDEST", {"redis": (9999, 0), "valkey": (9999, 0)})
    with pytest.raises(ConfigError, match="too old"):
        ValkeyStore(any_valkey.url(), **PATIENT)


def test_without_the_driver_nothing_else_breaks():
    """The store says what to install; the rest of the library does not load it."""
    code = (
        "import sys; sys.modules['redis'] = None\n"
        "from acctsec.stores.valkey import AsyncValkeyStore, ValkeyStore\n"
        "for form in (ValkeyStore, AsyncValkeyStore):\n"
        "    try: form('redis://h')\n"
        "    except Exception as error: print(type(error).__name__, error.remedy)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "ConfigError Run `pip install 'acctsec[valkey]'`.\n" * 2
    code = "import sys, acctsec.stores.valkey; print([name for name in sys.modules if name.partition('.')[0] == 'redis'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# Who may do what


def documented_rules():
    """The rights that the docstring names: for meters, for a cluster and for records."""
    return re.findall(r"[+~][a-z|*:]+", ValkeyStore.__doc__)


def everything(store):
    """Every call that a store has, down to the eviction of a meter."""
    for number in range(70):
        store.charge([charge(number, meter=b"%d" % number), charge(number, slot=b"b")], NOW)
    store.settle([settlement(Settle.FAILED, 0, meter=b"0")], NOW)
    read(store)
    store.commit(b"key", None, b"one", [b"a", b"b"], version(1))
    store.commit(b"key", version(1), b"two", [b"c"], version(2))
    store.load(b"key")
    assert scanned(store, 9) == [b"key"]
    first, *_ = store.drain(9, TODAY, QUICK)
    store.ack([first.id])
    store.drain(9, TODAY + QUICK, QUICK)
    store.waiting(TODAY)
    store.revive([one.id for one in store.dead_letters(b"", 9).letters])
    store.commit(b"key", version(2), None, [b"d"], version(3))


def test_the_documented_rights_are_enough_and_none_is_too_many(mortal):
    """Each of them is needed, by some call."""
    rules = documented_rules()
    assert len(rules) > 20
    spare = []
    for missing in (None, *rules):
        mortal.flush()
        mortal.run("SCRIPT", "FLUSH")
        user = mortal.user("acctsec", "resetchannels", *[rule for rule in rules if rule != missing])
        try:
            with ValkeyStore(mortal.url(user=user), **RECORDS, replicas=0) as store:
                everything(store)
        except (StoreError, ConfigError):
            assert missing is not None, "The documented rights are not enough."
        else:
            spare.append(missing)
    # CONFIG where INFO says the same; copies, and a cluster.
    assert set(spare) == {None, "+config|get", "+wait", "+asking", "+cluster|slots"}


def test_the_documented_rights_are_enough_in_a_cluster(valkey_cluster):
    """With copies that are waited for; what only a cluster needs is missed there."""
    for missing in (None, "+cluster|slots", "+wait"):
        valkey_cluster.flush()
        for node in valkey_cluster.nodes:
            node.user("acctsec", "resetchannels", *[rule for rule in documented_rules() if rule != missing])
        url = valkey_cluster.masters()[0].url(user="acctsec")
        if missing is None:
            with ValkeyStore(url, cluster=True, **RECORDS, replicas=1) as store:
                everything(store)
        else:
            with pytest.raises(StoreError), ValkeyStore(url, cluster=True, **RECORDS, replicas=1) as store:
                everything(store)


def test_a_right_that_is_missing_is_named_as_such(mortal):
    """It is no outage, and waiting does not mend it."""
    with ValkeyStore(mortal.url(user=mortal.user("some", *RULES, "+info", "-hset")), **PATIENT) as store:
        with pytest.raises(StoreError, match="does not allow its user") as refused:
            store.charge([charge()], NOW)
        assert not isinstance(refused.value, StoreUnavailable)


def test_nothing_tells_the_password(server):
    """Neither what the store shows of itself, nor what it says when it is not let in."""
    with ValkeyStore(server.url(), **PATIENT) as store:
        assert PASSWORD not in repr(store)
        assert repr(store) == f"ValkeyStore('127.0.0.1:{server.port}', namespace='acctsec')"
    wrong = server.url().replace(PASSWORD, "wrong-secret")
    with pytest.raises(StoreUnavailable, match="does not let this process in") as refused:
        ValkeyStore(wrong, **PATIENT)
    shown = [refused.value, refused.value.__cause__]
    assert not any("wrong-secret" in f"{one!r} {one}" for one in shown)


@pytest.mark.parametrize("form", FORMS)
def test_speaks_tls(form):
    """By the scheme of the URL, and to nobody whose certificate it does not know."""
    with Valkey(tls=True) as server:
        with opened(form, server.url(), **PATIENT) as store:
            store.charge([charge()], NOW)
            assert read(store) == Tally(0, 1, 0)
        with pytest.raises(StoreUnavailable), opened(form, server.url().partition("?")[0], **PATIENT) as store:
            read(store)
    gc.collect()  # a connection that was not closed says so now, and here


@pytest.mark.parametrize("form", FORMS)
def test_speaks_by_a_socket(form):
    """Where both are on one machine."""
    with Valkey(unix=True) as server, opened(form, server.url(), **PATIENT) as store:
        store.charge([charge()], NOW)
        assert read(store) == Tally(0, 1, 0)
        assert str(server.socket) in repr(store.store)


# Processes, loops and ends


def test_forks_whenever_it_likes(store):
    """Parent and child go on with connections of their own, and with the same meters."""
    ladder = evolve(LADDER, free=10**6, stop=10**7)
    store.charge([charge(0, candidate=None, ladder=ladder)], NOW)
    children = []
    for child in range(3):
        pid = os.fork()
        if not pid:
            status = 1
            with suppress(BaseException):
                for number in range(50):
                    store.charge([charge(100 * child + number, candidate=None, ladder=ladder)], NOW)
                store.close()
                status = 0
            os._exit(status)
        children.append(pid)
    for number in range(50):
        store.charge([charge(1000 + number, candidate=None, ladder=ladder)], NOW)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert read(store, ladder=ladder).count == 201


def test_an_async_store_belongs_to_its_loop(server):
    """Its connections would never answer anywhere else."""
    store = AsyncValkeyStore(server.url(), **PATIENT)
    with asyncio.Runner() as runner:
        runner.run(store.charge([charge()], NOW))
        with pytest.raises(ConfigError, match="another event loop"):
            asyncio.run(store.read([(b"slot", b"m", LADDER)], NOW))
        runner.run(store.close())


def test_a_cancelled_call_takes_nobody_elses_answer(mortal):
    """Its connection goes with it."""

    async def scene():
        async with AsyncValkeyStore(mortal.url(), connections=2, **PATIENT) as store:
            await store.charge([charge(0, candidate=None)], NOW)
            mortal.pause()
            calls = [asyncio.create_task(store.read([(b"%d" % number, b"m", LADDER)], NOW)) for number in range(6)]
            await asyncio.sleep(0.1)
            for call in calls:
                call.cancel()
            assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*calls, return_exceptions=True))
            mortal.resume()
            for _ in range(5):
                assert await store.read([(b"slot", b"m", LADDER)], NOW) == (Tally(1, 0, 0),)

    asyncio.run(scene())


def test_looks_at_the_server_once_for_all_that_begin_together(mortal):
    """And again, if it was refused."""

    async def scene():
        async with AsyncValkeyStore(mortal.url(), **PATIENT) as store:
            mortal.run("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
            for _ in range(2):
                with pytest.raises(ConfigError, match="maxmemory-policy"):
                    await store.read([(b"slot", b"m", LADDER)], NOW)
            mortal.run("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction")
            mortal.run("CONFIG", "RESETSTAT")
            await asyncio.gather(*[store.read([(b"slot", b"m", LADDER)], NOW) for _ in range(20)])
            assert mortal.info("commandstats")["cmdstat_time"]["calls"] == 1

    asyncio.run(scene())


@pytest.mark.parametrize("form", FORMS)
def test_is_closed_for_good(form, server):
    """Whatever is called afterwards says so."""
    with opened(form, server.url(), **RECORDS) as store:
        store.charge([charge()], NOW)
        store.close()
        for call in (lambda: store.charge([charge()], NOW), lambda: store.load(b"key")):
            with pytest.raises(StoreError, match="was closed"):
                call()


# What is kept, and for how long


def test_an_idle_slot_is_kept_as_long_as_it_must(any_valkey):
    """Its expiry is put off, never brought forward, and set in the step that writes it."""
    short, long = evolve(LADDER, window=HOUR), LADDER
    any_valkey.flush()
    with ValkeyStore(any_valkey.url(), **PATIENT) as store, any_valkey.client() as client:
        for number, (meter, ladder) in enumerate(((b"s", short), (b"l", long), (b"s", short), (b"s", short))):
            store.charge([charge(number, meter=meter, ladder=ladder, candidate=number)], NOW)
            least = keep_for(short if number == 0 else long) // 1000
            assert least <= client.pttl("acctsec:m:slot") <= least + 3600 * 1000
        client.pexpire("acctsec:m:slot", 1000)
        store.settle([settlement(Settle.FAILED, 1, meter=b"l")], NOW)
        store.charge([charge(9, meter=b"s", ladder=short, candidate=None)], NOW)
        assert client.pttl("acctsec:m:slot") >= keep_for(short) // 1000
        store.charge([charge(10, slot=b"refused", ladder=evolve(LADDER, stop=0))], NOW)
        assert not client.exists("acctsec:m:refused"), "A refusal began a meter."


def test_records_do_not_expire_and_leave_nothing_behind(store, server):
    """What was delivered or deleted is gone from every list; a dead letter is kept where people find it."""
    store.commit(b"key", None, b"value", [b"a", b"b"], version(1))
    store.commit(b"other", None, b"value", [b"c"], version(2))
    with server.client() as client:
        assert {client.ttl(key) for key in client.keys("acctsec:*")} == {-1}
        store.ack([one.id for one in store.drain(9, TODAY, QUICK) if one.entry == b"c"])
        store.commit(b"key", version(1), None, [], version(3))
        store.commit(b"other", version(2), None, [], version(4))
        left = {key.rpartition(b":")[2] for key in client.keys("acctsec:{*")}
        assert left == {b"entries"}, "Only the stamp is kept, so that no id comes again."
        store.commit(b"key", None, None, [b"dead"], version(5))
        now = TODAY
        for _ in range(12):
            store.drain(9, now, QUICK)
            now += timedelta(days=1)
        [dead] = [key for key in client.keys("acctsec:{*") if key.endswith(b":dead")]
        assert client.zcard(dead) == 1
        [letter] = store.dead_letters(b"", 9).letters
        assert store.revive([letter.id]) == 1
        assert not client.exists(dead)
        store.ack([letter.id])
        assert {key.rpartition(b":")[2] for key in client.keys("acctsec:{*")} == {b"entries"}


@pytest.mark.parametrize("shards", [1, 3, 16])
def test_dead_letters_are_told_across_shards(shards, server):
    """In the order of their ids, page by page, whatever shard a page ends in; what is alive there is not looked at."""
    with ValkeyStore(server.url(), shards=shards, **RECORDS) as store:
        for number in range(40):
            store.commit(b"key %d" % number, None, None, [b"%d" % number, b"%d too" % number], version(number))
        now = TODAY
        for _ in range(MAX_ATTEMPTS):
            handed = store.drain(99, now, QUICK)
            now += timedelta(days=1)
        store.commit(b"key", None, None, [b"alive"], version(99))
        expected = sorted(one.id for one in handed)
        assert len(expected) == 80
        for limit in (1, 7, 80, 99):
            told, after = [], b""
            while after is not None:
                page = store.dead_letters(after, limit)
                told += [one.id for one in page.letters]
                after = page.after
            assert told == expected
        # Wherever one begins, also between two ids, and behind the last shard.
        for id_ in expected[::9]:
            for begin in (id_, id_ + b"\0", id_[:11], id_[:3], id_[:2] + b"\xff" * 12):
                assert [one.id for one in store.dead_letters(begin, 99).letters] == [one for one in expected if one >= begin]
        assert store.waiting(now) == Backlog(1, 0, 80, b"alive")
        assert store.revive([*expected[:30], b"\xff" * 14]) == 30
        assert store.waiting(now).due == 31


def test_shards_are_fixed_by_the_first(server):
    """Another number would look for records where they are not."""
    ValkeyStore(server.url(), shards=4, **RECORDS).close()
    ValkeyStore(server.url(), **PATIENT).close()
    with pytest.raises(ConfigError, match="shards=4"):
        ValkeyStore(server.url(), **RECORDS)
    ValkeyStore(server.url(), namespace="another", **RECORDS).close()


def test_namespaces_share_a_server(server):
    """Neither sees what the other counts."""
    with (
        ValkeyStore(server.url(), namespace="one", **RECORDS) as one,
        ValkeyStore(server.url(), namespace="two", **RECORDS) as two,
    ):
        one.charge([charge()], NOW)
        one.commit(b"key", None, b"value", [b"entry"], version(1))
        assert read(two) == Tally(0, 0, 0)
        assert two.load(b"key") is None
        assert two.drain(9, TODAY, QUICK) == ()


def test_what_others_wrote_is_not_taken_for_a_meter(any_valkey):
    """A key of another kind, and a meter of a later release, are refused and left as they are."""
    any_valkey.flush()
    with ValkeyStore(any_valkey.url(), **RECORDS) as store, any_valkey.client() as client:
        client.set("acctsec:m:kind", b"x")
        client.hset("acctsec:m:later", "m", b"\x03" + bytes(40))
        for slot, says in ((b"kind", "something else"), (b"later", "a format this release does not know")):
            for call in (
                lambda slot=slot: store.charge([charge(slot=slot)], NOW),
                lambda slot=slot: store.settle([settlement(Settle.CLEAR, slot=slot)], NOW),
                lambda slot=slot: read(store, slot),
            ):
                with pytest.raises(StoreError, match=says):
                    call()
        assert client.hget("acctsec:m:later", "m") == b"\x03" + bytes(40)


def memory_of_a_meter(server, subjects):
    """Bytes that a subject with two meters costs, by the server's own word, for each meter."""
    with ValkeyStore(server.url(), **PATIENT) as store, server.client() as client:
        for subject in range(subjects):
            slot = subject.to_bytes(16)
            for turn in range(2):
                hold = 2 * subject + turn
                store.charge(
                    [charge(hold, slot=slot, meter=meter, candidate=hold) for meter in (b"!own", b"pair-of-16-bytes")], NOW
                )
                store.settle(
                    [settlement(Settle.FAILED, hold, slot=slot, meter=meter) for meter in (b"!own", b"pair-of-16-bytes")], NOW
                )
        sizes = [client.memory_usage(b"acctsec:m:" + subject.to_bytes(16)) for subject in range(0, subjects, subjects // 100)]
    return sum(sizes) / len(sizes) / 2


def test_a_meter_is_small(server):
    """With two failures that are remembered."""
    assert memory_of_a_meter(server, 200) <= 256
    server.flush()


@pytest.mark.deep
def test_a_hundred_thousand_subjects_are_small(mortal):
    """All that the server holds, shared out."""
    before = mortal.info("memory")["used_memory"]
    size = memory_of_a_meter(mortal, 100_000)
    all_of_it = (mortal.info("memory")["used_memory"] - before) / 200_000
    print(f"{size:.0f} bytes a meter by MEMORY USAGE, {all_of_it:.0f} with the table of keys")
    assert max(size, all_of_it) <= 256


# Scans


def scanned(store, limit):
    found, after = [], b""
    while after is not None:
        page = store.scan(after, limit)
        assert len(page.keys) <= limit
        found += page.keys
        after = page.after
    return found


def answer_of(call):
    """What a call answers once its server does."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return call()
        except StoreUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_scan_sees_the_records_of_its_namespace_only(server):
    """Meters, outboxes, other namespaces and other people's keys are passed over."""
    server.flush()
    with (
        ValkeyStore(server.url(), namespace="one", **RECORDS) as one,
        ValkeyStore(server.url(), namespace="one:1", **RECORDS) as two,
        server.client() as client,
    ):
        one.commit(b"mine", None, b"value", [b"entry"], version(1))
        two.commit(b"other", None, b"value", [b"entry"], version(2))
        one.charge([charge()], NOW)
        client.set(b"one:{3}:r:forged", b"of no shard that has this key")
        client.set(b"one:{99}:r:forged", b"of no shard")
        client.set(b"one:{x}:r:forged", b"of no shard")
        assert scanned(one, 3) == [b"mine"]
        assert scanned(two, 3) == [b"other"]


def test_a_scan_begins_anew_on_a_server_that_was_started_again():
    """Its cursors say nothing to it any more: it scatters its keys by another secret. What was named before may come twice."""
    keys = {b"%d" % number for number in range(300)}
    durable = Valkey(options={"appendonly": "yes", "appendfsync": "always"})
    with durable as own, ValkeyStore(own.url(), **PATIENT, records=True) as store:
        for number, key in enumerate(sorted(keys)):
            store.commit(key, None, b"value", (), version(number))
        first = store.scan(b"", 250)
        own.kill()
        own.start()
        found, after = set(), first.after
        while after is not None:
            page = answer_of(lambda after=after: store.scan(after, 50))
            found |= set(page.keys)
            after = page.after
    assert first.keys
    assert found == keys


@pytest.mark.parametrize("wrong", [b"x", b"99 0 0  ", b"0 ? 0  ", b"\xff"])
def test_a_page_that_never_was_is_refused(wrong, server):
    with ValkeyStore(server.url(), **RECORDS) as store, pytest.raises(ConfigError, match="No page"):
        store.scan(wrong, 9)


def test_a_scan_of_a_cluster_bears_with_slots_that_move(valkey_cluster):
    """While a slot is on its way a scan refuses, rather than show what one side has; once it has moved, it is walked anew."""
    valkey_cluster.flush()
    keys = {b"%d" % number for number in range(400)}
    with ValkeyStore(valkey_cluster.url(), cluster=True, **RECORDS) as store:
        for number, key in enumerate(sorted(keys)):
            store.commit(key, None, b"value", (), version(number))
        assert set(scanned(store, 7)) == keys
        first = store.scan(b"", 3)
        here = {key for key in keys if store._parts.records._shard(key) == 0}
        number = valkey_cluster.slot(b"acctsec:{0}:r:")
        old = valkey_cluster.master_of(number)
        new = next(master for master in valkey_cluster.masters() if master is not old)
        nodes = (new, old, *[node for node in valkey_cluster.masters() if node not in {old, new}])
        old_id, new_id = old.run("CLUSTER", "MYID"), new.run("CLUSTER", "MYID")

        def moved(source, target, source_id, target_id, *, meanwhile=lambda: None):
            target.run("CLUSTER", "SETSLOT", number, "IMPORTING", source_id)
            source.run("CLUSTER", "SETSLOT", number, "MIGRATING", target_id)
            for key in sorted(here):
                source.run("MIGRATE", "127.0.0.1", target.port, f"acctsec:{{0}}:r:{key.decode()}", 0, 5000, "AUTH", PASSWORD)
            meanwhile()
            for node in nodes:
                node.run("CLUSTER", "SETSLOT", number, "NODE", target_id)

        def refused():
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="moving the keys"):
                    store.scan(first.after, 3)

        moved(old, new, old_id, new_id, meanwhile=refused)
        found, after = list(first.keys), first.after
        while after is not None:
            page = answer_of(lambda after=after: store.scan(after, 3))
            found += page.keys
            after = page.after
        assert set(found) == keys
        assert len(first.keys) <= 3 < len(here)
        # Back again, for the next test.
        moved(new, old, new_id, old_id)
        assert set(answer_of(lambda: scanned(store, 50))) == keys
