"""ValkeyStore and its async form: the contract, the arithmetic in Lua, and what a server, a network and a cluster can do to it."""

import asyncio
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
from pathlib import Path

import pytest
from tests.servers import Proxy, Valkey
from tests.servers.household import PASSWORD

from acctsec._values import evolve
from acctsec.errors import CommitUnknown, ConfigError, StoreError, StoreUnavailable
from acctsec.meters import FRESH, Hold, Meter, charge_row, keep_for, settle_row, tally
from acctsec.protocols import Charge, Committed, Filled, Granted, Ladder, Settle, Settlement, Tally, Untouched
from acctsec.stores import _valkey_calls, _valkey_checks, _valkey_meters
from acctsec.stores.valkey import AsyncValkeyStore, ValkeyRisk, ValkeyStore
from acctsec.testing import check_store
from acctsec.testing._faces import face

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = 1_750_000_000 * SECOND + 123_456
TODAY = datetime(2025, 6, 1, tzinfo=UTC)
LADDER = Ladder(free=5, first=SECOND, longest=60 * SECOND, stop=9, window=0, lease=30 * SECOND)
GREATEST = 2**52 - SECOND
FORMS = (ValkeyStore, AsyncValkeyStore)
RECORDS = {"records": True, "accept": {ValkeyRisk.NO_PERSISTENCE}}
QUICK = timedelta(milliseconds=200)
SCRIPTS = Path(_valkey_calls.__file__).parent


def version(number):
    return number.to_bytes(16)


def charge(number=0, *, slot=b"slot", meter=b"m", candidate=1, ladder=LADDER):
    return Charge(slot, meter, ladder, candidate, version(number))


def settlement(verdict, number=0, *, slot=b"slot", meter=b"m", ladder=LADDER):
    return Settlement(slot, meter, ladder, version(number), verdict)


def read(store, slot=b"slot", meter=b"m", now=NOW, ladder=LADDER):
    return store.read([(slot, meter, ladder)], now)[0]


@contextmanager
def opened(form, url, **options):
    """A store of either form behind one blocking face."""
    store = face(form(url, **options))
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


@pytest.mark.parametrize("form", FORMS)
def test_keeps_the_contract(form, server):
    """Both forms, every clause, on Valkey."""

    def fresh():
        server.flush()
        return form(server.url(), **RECORDS)

    check_store(fresh)


def test_keeps_the_contract_on_any(any_valkey):
    """What the machine has of Redis says the same."""

    def fresh():
        any_valkey.flush()
        return ValkeyStore(any_valkey.url(), **RECORDS)

    check_store(fresh)


@pytest.mark.parametrize("form", FORMS)
def test_keeps_the_contract_in_a_cluster(form, valkey_cluster):
    """Both forms, every clause, where slots lie on several servers."""

    def fresh():
        valkey_cluster.flush()
        return form(valkey_cluster.url(), cluster=True, **RECORDS)

    check_store(fresh)


def test_a_store_of_meters_keeps_no_records(server):
    """Whoever takes it for more is told so at the first record, not when the server has forgotten it."""
    with ValkeyStore(server.url()) as store, pytest.raises(ConfigError, match="records=True"):
        store.load(b"key")


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
)
NAMES = (b"!own", b"pair", b"", b"\0", b"\0\0", b"!strangers", b"\xff")
# The bytes of some contain those of others, across the border of two.
CANDIDATES = (None, 0, 1, 2, 3, 2**32, 2**32 - 1, 2**64 - 1)
KNOWN = ((2, 0), (44, 0), (63, 0), (64, 0), (0, 5), (0, 44), (2**32 - 1, 0), (0, 2**32 - 1))
STEPS = (0, 0, 0, 1, SECOND - 1, SECOND, 29 * SECOND, 30 * SECOND, HOUR // 8, HOUR, -1, -SECOND, -HOUR, -3 * DAY, DAY)


class Differs(AssertionError):
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
        if self.style == "many":
            self.ladders = [LADDERS[3 + self.random.randrange(2)]] * 3
        if self.style == "crowd":
            self.crowd()

    def take(self, steps):
        for _ in range(steps):
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
        """Fill a row nearly to the brim, with meters of both kinds, some of one age."""
        for number in range(64):
            name = b"%sm%d" % (b"!" if number % 20 == 0 else b"", number)
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
                candidate = chance.randrange(45)
            wishes.append(self.wish(first if chance.random() < 0.75 else chance.choice([*self.rows]), name, candidate))
        return wishes

    def wish(self, slot, name, candidate):
        self.number += 1
        known = (0, 0) if self.style != "usual" or self.random.random() < 0.8 else self.random.choice(KNOWN)
        return Charge(slot, name, self.ladder(name), candidate, version(self.number), *known)

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
        for _ in range(1 if verdict else chance.choice((1, 1, 2, 3))) if self.holds else ():
            recent = self.holds[-1:] if verdict else self.holds[-8:] if chance.random() < 0.8 else self.holds
            one = chance.choice(recent)
            ladder = one.ladder if chance.random() < 0.95 else self.ladder(one.meter)
            kinds = (Settle.FAILED,) * 6 if self.style == "many" else ()
            settlements.append(Settlement(one.slot, one.meter, ladder, one.hold, verdict or chance.choice((*Settle, *kinds))))
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
    assert form == 1
    rest = memoryview(stored)[21:]

    def take(size):
        nonlocal rest
        taken, rest = bytes(rest[:size]), rest[size:]
        return taken

    def number(size):
        return int.from_bytes(take(size))

    failures = tuple((number(5), number(5)) for _ in range(parts))
    reserved = tuple(Hold(take(number(2)), number(8), number(7), number(5), number(4), number(1)) for _ in range(holds))
    seen = tuple(number(8) for _ in range(len(rest) // 8))
    return Meter(int.from_bytes(latest), int.from_bytes(ready), failures, reserved, seen)


def walk(server, seeds, steps=60):
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
    ("charge", "hold.id ~= charge.hold", "true"),
    ("charge", "hold.sharers = hold.sharers + 1", "hold.sharers = hold.sharers + 2"),
    ("charge", "if candidate and contains(meter.seen, candidate) then", "if false then"),
    ("charge", "taken >= room(charge, count)", "taken > room(charge, count)"),
    ("charge", "base = count, sharers", "base = taken, sharers"),
    ("charge", "    capped(meter, charge, now)\n    return", "    return"),
    ("charge", "refused = refused or readings[i][1] ~= GRANTED", "refused = readings[i][1] ~= GRANTED"),
    ("charge", "readings[i] = { GRANTED, reading[2], 0 }", "readings[i] = reading"),
    ("charge", "if not row[name] and not meter.failures[1] then", "if not row[name] then"),
    ("charge", "name:sub(1, 1) ~= '!'", "true"),
    ("charge", "return one.latest < other.latest", "return one.latest > other.latest"),
    ("charge", "return one.failed < other.failed", "return one.failed > other.failed"),
    ("charge", "return left < right", "return left > right"),
    ("charge", "call('HLEN', key) - MAX_METERS", "call('HLEN', key) - MAX_METERS - 1"),
    ("charge", "if refused then\n    break", "if false then\n    break"),
    ("meters", "doublings >= 64", "doublings >= 63"),
    ("meters", "doublings < 0", "doublings <= 0"),
    ("meters", "min(ldexp(ladder.first, doublings), ladder.longest)", "ldexp(ladder.first, doublings)"),
    ("meters", "count < ladder.free and", "count <= ladder.free and"),
    ("meters", "ladder.free or count + 1", "ladder.free or count"),
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
    ("meters", "hold.base = max(hold.base - 1, 0)", "hold.base = hold.base"),
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
    ("settle", "  if hold.state == LAPSED then\n    without_lapse(meter, hold.candidate)\n  end\n", ""),
    ("settle", "done(meter, hold, PARKED)", "done(meter, hold, PENDING)"),
    ("settle", "forget(meter, hold.base)", "forget(meter, total(meter.failures))"),
    ("settle", "    meter.seen = ''\n", ""),
    ("settle", "meter.failures[1] and min(meter.ready, rested) or 0", "min(meter.ready, rested)"),
    ("settle", "meter.failures[1] and min(meter.ready, rested) or 0", "meter.failures[1] and rested or 0"),
    ("settle", "      capped(meter, settlement, now)\n", ""),
    ("read", "count >= one.stop", "count > one.stop"),
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


@pytest.mark.parametrize(("file", "right", "wrong"), FAULTS[::6])
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
