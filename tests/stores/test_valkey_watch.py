"""
ValkeyWatch: processes that see an attack a part each see it together, within stated bounds.

What is summed up on a server is compared with the policies themselves, given all at once. What follows is bounded: memory there,
work on the way of a sign-in (none), what a loss or a wrong clock can do, and what may be read there.
"""

import asyncio
import itertools
import json
import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.places import PATIENT
from tests.servers import Valkey
from tests.servers.valkey import REDIS
from tests.stores.test_watch import DAY, LOW, MINUTE, POLICY, STEPS, bands, digest, seen

from acctsec import (
    CHEAPEST,
    AsyncValkeyStore,
    AsyncValkeyWatch,
    ChallengeRequired,
    ConfigError,
    Keyring,
    Refused,
    StoreUnavailable,
    ValkeyStore,
    ValkeyWatch,
)
from acctsec.attacks.networks import Networks
from acctsec.attacks.posture import Band, Bands, Posture
from acctsec.attacks.recent import RecentCounts
from acctsec.attacks.reputation import Wrong, charge
from acctsec.attacks.signals import Detector, Signal, opaque
from acctsec.attacks.spray import Guessed, Sprays
from acctsec.attacks.surge import Failures
from acctsec.attacks.watching import Seen
from acctsec.challenges import ProofOfWork
from acctsec.events import PostureChanged
from acctsec.keyring import new_keys
from acctsec.stores import MemoryPopularity, _fleet, _valkey_watch
from acctsec.stores._fleet import NEVER, Finding, Report, Stances, merged, posture
from acctsec.stores.watch import QUIET, MemoryWatch
from acctsec.testing import world

HOUR = 60 * MINUTE
NOW = 1_750_000_000_000_000
KEYRING = Keyring(sealing=[bytes(range(64, 96))], index=[bytes(range(32))])  # the same in every process
SERVER = settings(max_examples=40)  # each is a story of round trips
SERVERS = ["valkey", *(["redis_server"] if REDIS else []), "valkey_cluster"]


@pytest.fixture(params=SERVERS)
def server(request):
    server = request.getfixturevalue(request.param)
    server.flush()
    return server


@pytest.fixture
def store(server, request):
    with opened(server) as store:
        yield store


@contextmanager
def opened(server):
    with ValkeyStore(server.url(), cluster=hasattr(server, "heal"), timeout=PATIENT) as store:
        yield store


@pytest.fixture
def alone(valkey):
    """One server, for what a cluster cannot change."""
    valkey.flush()
    with opened(valkey) as store:
        yield valkey, store


def watches(store, number):
    """As many processes, as far as a watch can tell, that exchange when the test says so and not in the background."""
    made = [ValkeyWatch(store, keyring=KEYRING) for _ in range(number)]
    for watch in made:
        watch._exchange = lambda now: None
    return made


def exchange(made):
    """All tell, and then all hear."""
    for _ in range(2):
        for watch in made:
            watch.merge()


def told(watch, guess, *, now=NOW, known_name=True, policy=POLICY):
    """Count one wrong password; what changed."""
    return watch.wrong(policy, guess, known_name=known_name, now=now)


DETECTORS = ("address", "prefix", "asn", "spray", "crowd", "unknown", "surge")


def only(*names):
    """The policy with these detectors alone."""
    return evolve(POLICY, posture=evolve(LOW, **{name: None for name in DETECTORS if name not in names}))


SPRAYED = only("spray")


# What is summed up, against the policies


class Alone:
    """All that every process saw, given to the policies in one place."""

    def __init__(self, policy):
        self.policy = policy
        self.scores, self.sprays, self.failures = {}, {}, {}
        self.guessed = RecentCounts(partial(MemoryPopularity, width=262_144), most=250_000)
        self.levels = {}

    def wrong(self, guess, *, known_name, now):
        """Count, and note what each detector says."""
        tenant, policy = guess.tenant, self.policy
        wrong = Wrong(known_name=known_name, sightings=self.guessed.add(guess.candidate, now=now))
        changed, signals = charge(self.scores.setdefault(tenant, {}), policy.reputation, guess.networks, wrong, now=now)
        self.scores[tenant] |= changed
        found = list(signals)
        one = Guessed(guess.candidate, guess.account, guess.networks, tenant)
        self.sprays[tenant], signals = policy.spray.step(self.sprays.get(tenant, Sprays()), one, now=now)
        found += signals
        self.failures[tenant], signals = policy.surge.step(self.failures.get(tenant, Failures()), tenant, now=now)
        found += signals
        for signal in found:
            self.levels[tenant, signal.detector, signal.name] = signal.level

    def level(self, tenant, signal, now):
        """What a detector says at *now*."""
        if signal.detector in {Detector.ADDRESS, Detector.PREFIX, Detector.ASN, Detector.UNKNOWN}:
            score = self.scores[tenant][signal.detector, signal.name]
            return self.policy.reputation.points(score, now=now)
        return self.levels[tenant, signal.detector, signal.name]


@SERVER
@given(steps=STEPS, cuts=st.lists(st.integers(1, 9), max_size=40))
def check_that_sums_are_those_of_one_place(server, store, steps, cuts):
    server.flush()
    fleet, one, now = ValkeyWatch(store, keyring=KEYRING)._together._fleet, Alone(POLICY), NOW
    steps, sizes = iter(steps), itertools.chain(cuts, itertools.repeat(5))
    while batch := list(itertools.islice(steps, next(sizes))):
        reports = []
        for guess, known, pause in batch:
            now += pause
            one.wrong(guess, known_name=known, now=now)
            reports.append(Report(guess, known, now))
        found = store._links.run(fleet.tell(POLICY, reports))
        places = {(finding.tenant, finding.signal.detector, finding.signal.name) for finding in found}
        assert len(places) == len(found)
        for finding in found:
            signal = finding.signal
            exact = one.level(finding.tenant, signal, now)
            if signal.detector in {Detector.SPRAY, Detector.CROWD}:
                assert signal.level == exact
            elif signal.detector is Detector.SURGE:
                assert signal.level == exact or now // MINUTE > finding.now // MINUTE
            else:
                assert abs(signal.level - exact) <= 1
        for (tenant, detector, name), level in one.levels.items():
            if (
                detector in {Detector.SPRAY, Detector.CROWD}
                and level >= 3
                and any(
                    name in {opaque(guess.candidate), *guess.networks.prefixes} and guess.tenant == tenant
                    for guess, _, _ in batch
                )
            ):
                assert (tenant, detector, name) in places


def test_what_all_report_is_summed_up_as_if_it_were_one(server, store):
    """Sprays and rises to the last account and failure; points to one of them, and never above."""
    check_that_sums_are_those_of_one_place(server, store)


@SERVER
@given(guesses=st.lists(st.integers(0, 8), max_size=120), pauses=st.lists(st.integers(0, DAY), max_size=20))
def check_sightings(store, server, guesses, pauses):
    server.flush()
    keys = _valkey_watch.Keys(b"watch:", 1)
    exact, now = RecentCounts(partial(MemoryPopularity, width=262_144), most=1_000), NOW
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_valkey_watch, "FULL", 1_000)
        for number, pause in itertools.zip_longest(range(0, len(guesses), 8), pauses[: len(guesses) // 8 + 1], fillvalue=None):
            if number is None:
                break
            now += pause or 0
            reports = [Report(seen(password=f"{guess}"), True, now) for guess in guesses[number : number + 8]]
            asked = _valkey_watch.Guesses(keys, reports)
            asked.read(store._links.run(store._parts.caller.run(asked.calls(), again=False)))
            assert asked.sightings == [exact.add(report.seen.candidate, now=now) for report in reports]


def test_sightings_are_those_of_recent_counts(alone):
    """The same two generations, and the same end of one that is old."""
    check_sightings(alone[1], alone[0])


def test_a_generation_of_sightings_ends_when_it_is_full(alone, monkeypatch):
    """So a flood of passwords cannot make every one of them frequent."""
    _, store = alone
    monkeypatch.setattr(_valkey_watch, "FULL", 20)
    keys, counts = _valkey_watch.Keys(b"watch:", 1), []
    for number in range(6):
        asked = _valkey_watch.Guesses(
            keys, [Report(seen(password=f"{number}/{n}" if n else "one"), True, NOW) for n in range(10)]
        )
        asked.read(store._links.run(store._parts.caller.run(asked.calls(), again=False)))
        counts.append(asked.sightings[0])
    assert counts == [0, 1, 2, 3, 2, 3]


NOISE = st.lists(st.integers(0, 60) | st.just(61), min_size=60, max_size=200)


@SERVER
@given(touches=NOISE, size=st.integers(1, 60))
def check_that_a_frequent_prefix_stays(server, store, touches, size):
    server.flush()
    prefixes = evolve(POLICY.spray.prefixes, keys=16)
    policy = evolve(POLICY, spray=evolve(POLICY.spray, prefixes=prefixes))
    names, keys, exact = _fleet.Names(KEYRING), _valkey_watch.Keys(b"watch:", 1), Counter()
    for at in range(0, len(touches), size):
        reports = []
        for number, prefix in enumerate(touches[at : at + size], at):
            guess = evolved(seen(prefix=f"10.0.{prefix}.0/24"), account=number.to_bytes(16, "big"))  # each has a bit of its own
            reports.append(Report(guess, True, NOW))
            exact[f"10.0.{prefix}.0/24"] += 1
        asked = _valkey_watch.Touches(keys, names, policy, Detector.CROWD, reports)
        asked.read(store._links.run(store._parts.caller.run(asked.calls(), again=False)))
        assert all(finding.signal.level <= exact[finding.signal.name] for finding in asked.found)
        with server.client() as client:
            (table,) = [key for key in client.scan_iter() if key.endswith(b"counts")]
            counts = dict(client.zrange(table, 0, -1, withscores=True))
        total = at + len(reports)
        assert sum(counts.values()) == total and len(counts) <= 16  # who takes a place takes over its count
        for name, members in exact.items():
            place = names.place("", Detector.CROWD, name)
            assert counts.get(place, members) >= members
            assert place in counts or members * 16 <= total


def evolved(guess, **fields):
    from acctsec._values import evolve as replaced

    return replaced(guess, **fields)


def test_noise_drives_out_no_prefix_that_is_more_than_its_share(alone):
    """Space-Saving, as in one process: never too high, and one in *keys* of all is there."""
    check_that_a_frequent_prefix_stays(*alone)


HALF = 12 * HOUR
CHARGES = st.lists(st.tuples(st.integers(-20 * HOUR, 30 * HOUR), st.integers(1, 30)), min_size=1, max_size=12)


@SERVER
@given(charges=CHARGES)
def check_that_scores_halve(server, store, charges):
    server.flush()
    names, keys, policy = _fleet.Names(KEYRING), _valkey_watch.Keys(b"watch:", 1), only("address")
    all_of_them, now, latest = [], NOW, 0
    for pause, points in charges:
        now += pause
        reports = [Report(seen(prefix=""), True, now)] * points
        asked = _valkey_watch.Scores(keys, names, policy, reports, [Wrong(known_name=True)] * points, unknown=False)
        asked.read(store._links.run(store._parts.caller.run(asked.calls(), again=False)))
        all_of_them.append((now, points))
        latest = max(latest, now // HALF * HALF)
        at = max(now, latest)  # who is late is told what there will be at the beginning of the half-life that others are in
        exact = sum(points * 2 ** ((then - at) / HALF) for then, points in all_of_them)
        (finding,) = asked.found
        assert exact * 0.99 - 1.01 <= finding.signal.level <= exact * 1.01 + 0.01


def test_scores_halve_in_any_order(alone):
    """Reports that come late, by up to a day and more, count as much as if they had come in time."""
    check_that_scores_halve(*alone)


def test_no_score_is_above_the_most(alone):
    """However many report it, and it halves from there."""
    _, store = alone
    names, keys = _fleet.Names(KEYRING), _valkey_watch.Keys(b"watch:", 1)
    policy, levels = evolve(only("address"), reputation=evolve(POLICY.reputation, most=100)), []
    for now in (NOW, NOW, NOW + HALF, NOW + HALF, NOW + 2 * HALF):
        reports = [Report(seen(prefix=""), True, now)] * (80 if now < NOW + HALF else 1)
        asked = _valkey_watch.Scores(keys, names, policy, reports, [Wrong(known_name=True)] * len(reports), unknown=False)
        asked.read(store._links.run(store._parts.caller.run(asked.calls(), again=False)))
        levels.append(asked.found[0].signal.level)
    assert levels == [80, 100, 51, 52, 27]


def test_a_full_table_of_scores_keeps_what_is_worth_most(alone, monkeypatch):
    """Whoever brings a thousand sources drives out those of little worth; whatever the time, the order is the same."""
    server, store = alone
    monkeypatch.setattr(_valkey_watch, "SCORES", 64)
    (watch,) = watches(store, 1)
    for number in range(8):
        told(watch, seen(prefix="", password=f"{number}"))
    watch.merge()
    for number in range(600):
        told(watch, seen(address=1000 + number, prefix="", password=f"{number} p", name=f"{number}"), now=NOW + number * MINUTE)
        if number % 50 == 0:
            watch.merge()
    watch.merge()
    with server.client() as client:
        for part in (b"worth", b"sums"):
            (key,) = [key for key in client.scan_iter() if b":scores:" in key and key.endswith(part)]
            assert (client.zcard if part == b"worth" else client.hlen)(key) == 64
        place = _fleet.Names(KEYRING).place("", Detector.ADDRESS, "192.0.2.7")
        assert client.hexists(key, place)


def test_what_is_worth_nothing_any_more_is_forgotten(alone):
    """Within a few exchanges, without anybody looking at it."""
    server, store = alone
    (watch,) = watches(store, 1)
    for number in range(40):
        told(watch, seen(address=number, prefix="", password=f"{number}"))
    watch.merge()
    for _ in range(8):
        told(watch, seen(address=99, prefix=""), now=NOW + 4 * DAY)
        watch.merge()
    with server.client() as client:
        (key,) = [key for key in client.scan_iter() if key.endswith(b"sums") and b":scores:" in key]
        assert client.hlen(key) == 1


# What all see together


SPRAY = [seen(address=n, name=f"{n}", prefix=f"10.0.{n}.0/24") for n in range(8)]


def test_a_spray_that_none_of_four_sees_is_seen_by_all(store):
    """Two accounts each, and a challenge for that password at all of them, and for no other."""
    four, found = watches(store, 4), []
    for number, guess in enumerate(SPRAY):
        found += told(four[number % 4], guess, policy=SPRAYED)
    assert found == []
    exchange(four)
    for watch in four:
        looked = watch.look(SPRAYED, seen(address=99, name="new", prefix=""), NOW)
        found += looked.changes
        assert looked.posture is Posture.TIGHTEN
        assert watch.look(SPRAYED, seen(address=98, name="new", prefix="", password="another"), NOW) == QUIET
    assert [(change.detector, change.name, change.before, change.after) for change in found] == [
        (Detector.SPRAY, opaque(digest("/p")), Posture.NORMAL, Posture.CHALLENGE),
        (Detector.SPRAY, opaque(digest("/p")), Posture.CHALLENGE, Posture.TIGHTEN),
    ]


@pytest.mark.parametrize(
    ("detector", "guesses", "here", "elsewhere"),
    [
        (Detector.ADDRESS, [seen(password=f"{n}") for n in range(4)], seen(password="new"), seen(address=9, password="new")),
        (
            Detector.PREFIX,
            [seen(address=n % 3, password=f"{n}") for n in range(8)],
            seen(address=99, password="new"),
            seen(address=99, password="new", prefix="198.51.100.0/24"),
        ),
        (
            Detector.CROWD,
            [seen(address=n, password=f"{n}", name=f"{n}") for n in range(3)],
            seen(address=99, password="new"),
            seen(address=99, password="new", prefix=""),
        ),
        (
            Detector.ASN,
            [seen(address=n, password=f"{n}", prefix="", asn=64500) for n in range(10)],
            seen(address=99, password="new", prefix="", asn=64500),
            seen(address=99, password="new", prefix="", asn=64501),
        ),
    ],
    ids=lambda value: value.value if isinstance(value, Detector) else "",
)
def test_what_all_see_holds_where_it_is_seen_and_nowhere_else(store, detector, guesses, here, elsewhere):
    """As of one process; the last guess is the one that matters."""
    made, changes = watches(store, len(guesses)), []
    policy = only(next(name for name in DETECTORS if POLICY.posture.bands(detector) is getattr(LOW, name)))
    for number, (watch, guess) in enumerate(zip(made, guesses, strict=True), 1):
        told(watch, guess, policy=policy)
        watch.merge()
        changes += [
            change for change in watch.look(policy, seen(address=77, prefix=""), NOW).changes if change.detector is detector
        ]
        assert bool(changes) is (number == len(guesses))
    exchange(made)
    assert {watch.look(policy, here, NOW).posture for watch in made} == {Posture.CHALLENGE}
    assert {watch.look(policy, elsewhere, NOW).posture for watch in made} == {Posture.NORMAL}


def test_a_rise_that_none_of_four_sees_is_seen_by_all(store):
    """Four failures a minute each are nothing; sixty of all are, after a quiet quarter of an hour."""
    four, number = watches(store, 4), itertools.count()
    for minute in range(14):
        for _ in range(1 if minute < 13 else 60):
            n = next(number)
            here = Networks(f"2001:db8:{n}::/64")
            guess = Seen(tenant="shop", networks=here, candidate=digest(f"{n} p"), account=digest(f"{n} n"))
            assert told(four[n % 4], guess, now=NOW + minute * MINUTE) == ()
        exchange(four)
    for watch in four:
        assert watch.look(POLICY, seen(tenant="shop", prefix=""), NOW + 13 * MINUTE).posture is Posture.CHALLENGE
        assert watch.look(POLICY, seen(tenant="bank", prefix=""), NOW + 13 * MINUTE).posture is Posture.NORMAL


@SERVER
@given(steps=STEPS, turns=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=40, max_size=40))
def check_that_names_are_alike(server, store, steps, turns):
    looks = []
    for as_it_is in (True, False):
        server.flush()
        four, now, answers = watches(store, 4), NOW, []
        for (guess, known, pause), (which, exchanged) in zip(steps, turns, strict=False):
            now += pause
            answers.append(four[which].look(POLICY, guess, now).posture)
            told(four[which], guess, known_name=known and as_it_is, now=now)
            if exchanged:
                four[which].merge()
        exchange(four)
        answers += [watch.look(POLICY, guess, now).posture for watch in four for guess, _, _ in steps]
        looks.append(answers)
    assert looks[0] == looks[1]


def test_whether_anybody_has_a_name_changes_nothing_that_a_source_can_see(alone):
    """Four processes and what they tell each other, once with the names that somebody has and once without."""
    check_that_names_are_alike(*alone)


def test_names_that_nobody_has_are_told_by_one_process_and_seen_by_nobody(store):
    """Not even a look tells of it: only the next wrong password does."""
    four, changes, policy = watches(store, 4), [], only("unknown")
    for number in range(4):
        told(four[number % 4], seen(password=f"{number}", prefix=""), known_name=False, policy=policy)
    exchange(four)
    for watch in four:
        assert watch.look(policy, seen(password="new", prefix=""), NOW) == QUIET
        changes += told(watch, seen(address=99, password="new", prefix=""), policy=policy)
    assert [(change.name, change.after) for change in changes] == [("192.0.2.7", Posture.NOTIFY)]


@SERVER
@given(steps=STEPS, turns=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=40, max_size=40))
def check_that_nothing_is_told_twice(server, store, steps, turns):
    server.flush()
    four, now, rises = watches(store, 4), NOW, {}
    for (guess, known, pause), (which, exchanged) in zip(steps, turns, strict=False):
        now += pause
        looked = four[which].look(POLICY, guess, now)
        told_now = told(four[which], guess, known_name=known, now=now)
        for change in (*looked.changes, *told_now):
            place = (which, guess.tenant, change.detector, change.name)
            if change.raised:
                assert change.after > rises.get(place, Posture.NORMAL)
            rises[place] = change.after
        if exchanged:
            four[which].merge()


def test_no_process_tells_of_a_rise_twice(alone):
    """Whether it came to it by itself or with the others, until it has told that it came down."""
    check_that_nothing_is_told_twice(*alone)


def test_a_rise_of_all_is_told_once_and_so_is_its_end(store):
    """By the process that was first to come to it, however many come to it."""
    four, changes = watches(store, 4), []
    for number, guess in enumerate(SPRAY[:4]):
        told(four[number], guess, policy=SPRAYED)
    exchange(four)
    exchange(four)
    for later in (0, 3 * DAY):
        exchange(four)
        for watch in four:
            changes += watch.look(SPRAYED, seen(address=99, prefix="", password="q"), NOW + later).changes
        exchange(four)
        for watch in four:
            changes += watch.look(SPRAYED, seen(address=99, prefix="", password="q"), NOW + later).changes
    assert [(change.before, change.after) for change in changes] == [
        (Posture.NORMAL, Posture.CHALLENGE),
        (Posture.CHALLENGE, Posture.NORMAL),
    ]


def test_a_change_is_told_to_its_tenant_alone(store):
    """It waits for an attempt there."""
    four = watches(store, 4)
    for number, guess in enumerate(SPRAY[:4]):
        told(four[number], evolved(guess, tenant="shop"), policy=SPRAYED)
    exchange(four)
    assert [watch.look(SPRAYED, seen(tenant="bank", prefix=""), NOW).changes for watch in four] == [(), (), (), ()]
    assert sum(len(watch.look(SPRAYED, seen(tenant="shop", prefix=""), NOW).changes) for watch in four) == 1


# How long postures hold


INSTANTS = st.tuples(*[st.integers(0, 10 * HOUR)] * 3)


@given(one=INSTANTS, other=INSTANTS, third=INSTANTS)
def test_instants_are_merged_in_any_order(one, other, third):
    assert merged(one, other) == merged(other, one)
    assert merged(one, merged(other, third)) == merged(merged(one, other), third)
    assert merged(one, one) == one == merged(one, NEVER)


@given(held=INSTANTS, now=st.integers(0, 20 * HOUR), later=st.integers(0, 5 * HOUR))
def test_a_posture_falls_a_step_for_each_hold_and_never_rises_by_itself(held, now, later):
    hold = 30 * MINUTE
    first, second = (posture(held, POLICY, Detector.ADDRESS, at) for at in (now, now + later))
    assert second <= first
    if first is Posture.TIGHTEN:
        assert now < held[2] + hold and posture(held, POLICY, Detector.ADDRESS, held[2] + hold) <= Posture.CHALLENGE
    if first and not any(held[1:]):
        assert first is Posture.NORMAL or now < held[0] + hold


@given(held=INSTANTS, now=st.integers(0, 20 * HOUR))
def test_what_more_instants_hold_is_no_less(held, now):
    """Hearing more never lowers anything."""
    for one in range(3):
        less = tuple(0 if one == number else until for number, until in enumerate(held))
        assert posture(less, POLICY, Detector.ADDRESS, now) <= posture(held, POLICY, Detector.ADDRESS, now)


def test_a_table_of_one_posture():
    """Held up until noon, with a hold of half an hour: tightened till half past, challenged till one, or as long as it is held up."""
    noon, minute = 12 * HOUR, MINUTE
    for held, at, found in (
        ((0, noon, noon), noon + 29 * minute, Posture.TIGHTEN),
        ((0, noon, noon), noon + 30 * minute, Posture.CHALLENGE),
        ((0, noon, noon), noon + 59 * minute, Posture.CHALLENGE),
        ((0, noon, noon), noon + 60 * minute, Posture.NORMAL),
        ((0, noon + HOUR, noon), noon + 80 * minute, Posture.CHALLENGE),
        ((0, noon + HOUR, noon), noon + 90 * minute, Posture.NORMAL),
        ((noon, 0, 0), noon, Posture.NORMAL),  # these bands have no such posture
        (NEVER, 0, Posture.NORMAL),
    ):
        assert posture(held, POLICY, Detector.ADDRESS, at) is found
    assert posture((0, noon, noon), evolve(POLICY, posture=evolve(LOW, address=None)), Detector.ADDRESS, 0) is Posture.NORMAL


@pytest.mark.parametrize("points", [50, 200, 20_000])
def test_a_score_holds_as_long_as_it_takes_to_decay(points):
    """To a second of the day, whoever looks meanwhile or does not."""
    policy = evolve(POLICY, posture=evolve(LOW, address=bands(40)), reputation=evolve(POLICY.reputation, most=20_000))
    lasts = _fleet.until_decayed(points, 12 * HOUR, NOW)
    stances = Stances(64)
    finding = Finding(bytes(16), "", Signal(Detector.ADDRESS, "192.0.2.7", points), NOW, lasts)
    stances.find(finding, policy)
    (until,) = {instant for instant in stances.held[bytes(16)] if instant}
    assert 20 <= points * 2 ** (-(until - NOW) / (12 * HOUR)) <= 20.001
    assert posture(stances.held[bytes(16)], policy, Detector.ADDRESS, until + 30 * MINUTE - 1) is Posture.CHALLENGE
    assert posture(stances.held[bytes(16)], policy, Detector.ADDRESS, until + 30 * MINUTE) is Posture.NORMAL


def test_a_spray_is_remembered_for_one_window_more(alone):
    """As in one process: what was touched in this window counts in the next."""
    _, store = alone
    two = watches(store, 2)
    begin = NOW // DAY * DAY
    for number, guess in enumerate(SPRAY[:4]):
        told(two[number % 2], guess, now=begin + HOUR, policy=SPRAYED)
    exchange(two)
    looks = {}
    for hours in (1, 24, 47, 48, 49):
        looks[hours] = two[0].look(SPRAYED, seen(address=99, prefix=""), begin + hours * HOUR).posture
    assert looks == {1: 2, 24: 2, 47: 2, 48: 2, 49: 0}


# Clocks, losses, forks, threads


def test_clocks_that_are_apart_count_together(store):
    """Seven seconds either way, over the turn of a window and of a bucket."""
    four, begin = watches(store, 4), NOW // DAY * DAY
    for number, guess in enumerate(SPRAY):
        told(four[number % 4], guess, now=begin + (number % 4 - 2) * 7_000_000, policy=SPRAYED)
    exchange(four)
    exchange(four)
    assert all(watch.look(SPRAYED, seen(address=99, prefix=""), begin).posture for watch in four)


def test_a_clock_that_is_broken_raises_nothing(store):
    """Of a process a year ahead: what it told is believed by nobody, and the others count as if it had never come."""
    broken, *three = watches(store, 4)
    policy, ahead = only("address", "spray"), NOW + 365 * DAY
    for number, guess in enumerate(SPRAY[:4]):
        told(broken, guess, now=ahead)
        told(broken, seen(prefix="", password=f"{number}"), now=ahead)
    broken.merge()
    for number in range(6):
        told(three[number % 3], seen(prefix="", password=f"{number}"), policy=policy)
    for watch in three[:2]:
        watch.merge()
    assert three[0].look(policy, seen(address=99, prefix=""), NOW).posture is Posture.NORMAL
    three[2].merge()
    three[1].merge()
    assert three[1].look(policy, seen(prefix="", password="new"), NOW).posture >= Posture.CHALLENGE
    assert three[1].look(policy, seen(prefix="", password="new"), NOW + 4 * DAY).posture is Posture.NORMAL


def test_a_server_that_lost_everything_is_told_again(server, store):
    """Which postures hold: whoever knew them tells them to those who come later."""
    four = watches(store, 4)
    for number, guess in enumerate(SPRAY[:4]):
        told(four[number], guess, policy=SPRAYED)
    exchange(four)
    server.flush()
    told(four[0], seen(address=55, prefix="", password="q"), now=NOW + 1, policy=SPRAYED)
    exchange(four)
    (late,) = watches(store, 1)
    late.look(SPRAYED, seen(prefix="", password="q"), NOW + 2)
    late.merge()
    assert late.look(SPRAYED, seen(address=99, prefix=""), NOW + 2).posture is Posture.CHALLENGE
    assert sum(len(watch.look(SPRAYED, seen(prefix="", password="q"), NOW + 2).changes) for watch in (*four, late)) == 1


def test_whoever_comes_late_hears_of_all(alone):
    """Of a thousand places, in one exchange."""
    _, store = alone
    early, late = watches(store, 2)
    for number in range(600):
        for password in range(4):
            told(early, seen(address=number, prefix="", password=f"{number} {password}", name=f"{number}"))
    early.merge()
    late.look(POLICY, seen(), NOW)
    late.merge()
    assert len(late._together._stances.held) == 600
    for number in range(0, 600, 50):
        assert late.look(POLICY, seen(address=number, prefix="", password="new"), NOW).posture is Posture.CHALLENGE


def test_a_server_that_is_gone_holds_up_nobody():
    """What this process sees it still sees; an exchange that failed is told once, by a wrong password that counts all the same."""
    with Valkey() as server, ValkeyStore(server.url(), timeout=timedelta(seconds=1)) as store:
        watch = ValkeyWatch(store, keyring=KEYRING)
        watch._together.began(NOW)
        server.pause()
        raised, began = [], time.monotonic()
        for number in range(8):
            try:
                told(watch, seen(prefix="", password=f"{number}"), now=NOW + number * 1_000_000)
            except StoreUnavailable as error:
                raised.append(error)
            watch.look(POLICY, seen(prefix=""), NOW + number * 1_000_000)
            if number == 4:
                assert time.monotonic() - began < 0.9 and not raised  # nobody waited for the server
                with watch._lock:
                    pass
        server.resume()
        assert len(raised) == 1
        assert watch.look(POLICY, seen(prefix="", password="new"), NOW + 8_000_000).posture is Posture.TIGHTEN
        with watch._lock:
            pass
        watch.merge()
        assert watch._together.trouble is None and not watch._together._waiting


def test_no_attempt_makes_a_round_trip(alone):
    """Neither a look nor a wrong password: the exchange has a thread, and one a second."""
    server, store = alone
    watch = ValkeyWatch(store, keyring=KEYRING)
    watch._together.began(NOW)
    with server.client() as client:
        before = client.info("stats")["total_commands_processed"]
        for number in range(50):
            watch.look(POLICY, SPRAY[number % 8], NOW + 999_999)
            told(watch, SPRAY[number % 8], now=NOW + 999_999)
        assert client.info("stats")["total_commands_processed"] == before + 1


def test_it_exchanges_by_itself_while_attempts_come(alone):
    """In the background, at most once in each *every*."""
    _, store = alone
    two = [ValkeyWatch(store, keyring=KEYRING, every=timedelta(milliseconds=50)) for _ in range(2)]
    now = NOW
    for number, guess in enumerate(SPRAY):
        told(two[number % 2], guess, now=now, policy=SPRAYED)
    patience = time.monotonic() + 20
    while any(watch.look(SPRAYED, seen(address=99, prefix=""), now).posture < Posture.TIGHTEN for watch in two):
        assert time.monotonic() < patience
        now += 50_000
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_tells_nothing_twice(alone):
    """What waits is the parent's to tell; the child begins anew, and exchanges by itself."""
    _, store = alone
    (watch,) = watches(store, 1)
    told(watch, SPRAY[0], policy=SPRAYED)
    with watch._lock:  # as if an exchange were under way
        pid = os.fork()
        if not pid:
            ended = 1
            try:
                watch.look(SPRAYED, SPRAY[1], NOW)
                told(watch, SPRAY[1], policy=SPRAYED)
                watch.merge()
                ended = len(watch._together._waiting)
            finally:
                os._exit(ended)
        assert os.waitpid(pid, 0)[1] == 0
    watch.merge()
    (other,) = watches(store, 1)
    told(other, SPRAY[2], policy=SPRAYED)
    exchange([watch, other])
    assert other.look(SPRAYED, seen(address=99, prefix=""), NOW).posture is Posture.CHALLENGE


# Processes


PROCESS = """
import json, pickle, sys
from acctsec.keyring import Keyring
from acctsec.stores import ValkeyStore, ValkeyWatch

keyring = Keyring(sealing=[bytes(range(64, 96))], index=[bytes(range(32))])
url, cluster, patient, policy, guesses, new, now = pickle.load(sys.stdin.buffer)
with ValkeyStore(url, cluster=cluster, timeout=patient) as store:
    watch = ValkeyWatch(store, keyring=keyring)
    watch._together.began(now)
    found = [change.detector.value for guess in guesses for change in watch.wrong(policy, guess, known_name=True, now=now)]
    watch.merge()
    print("told", flush=True)
    sys.stdin.readline()
    watch.merge()
    looked = watch.look(policy, new, now)
    print(json.dumps([found, looked.posture.name, len(looked.changes)]))
"""


def test_four_processes_see_a_spray_together(server):
    """Real ones, with connections and memories of their own: none sees it alone, and all see it together."""
    new, cluster = seen(address=99, name="new", prefix=""), hasattr(server, "heal")
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)
    ]
    for number, process in enumerate(processes):
        process.stdin.write(pickle.dumps((server.url(), cluster, PATIENT, SPRAYED, SPRAY[number::4], new, NOW)))
        process.stdin.flush()
    for process in processes:
        assert process.stdout.readline() == b"told\n"
    said = [json.loads(process.communicate(b"go\n", timeout=60)[0]) for process in processes]
    assert [found for found, _, _ in said] == [[], [], [], []]
    assert [looked for _, looked, _ in said] == ["TIGHTEN"] * 4
    assert 1 <= sum(changes for _, _, changes in said) <= 2


# What lies on the server


def test_memory_there_is_bounded_and_expires_whatever_is_sent(server, store, monkeypatch):
    """A thousand sources, passwords, names and prefixes: as many places as there is room for, and every key has an end."""
    monkeypatch.setattr(_valkey_watch, "SCORES", 160)
    monkeypatch.setattr(_valkey_watch, "UNKNOWN", 160)
    monkeypatch.setattr(_valkey_watch, "STANCES", 50)
    spray = evolve(
        POLICY.spray, candidates=evolve(POLICY.spray.candidates, keys=16), prefixes=evolve(POLICY.spray.prefixes, keys=16)
    )
    policy = evolve(POLICY, spray=spray, posture=evolve(LOW, address=bands(2), unknown=Bands(notify=Band(at=2, below=1))))
    (watch,) = watches(store, 1)
    for number in range(1_000):
        guess = seen(address=number, password=f"{number}", name=f"{number}", prefix=f"10.{number >> 8}.{number & 255}.0/24")
        for _ in range(2):
            watch.wrong(policy, guess, known_name=False, now=NOW + number)
        if number % 100 == 99:
            watch.merge()
    shards = 16 if hasattr(server, "heal") else 1
    with server.client() as client:
        sizes = {}
        for key in client.scan_iter(count=1000):
            assert client.pttl(key) > 0
            kind = client.type(key)
            size = {b"zset": client.zcard, b"hash": client.hlen, b"string": client.strlen}[kind](key)
            sizes.setdefault(key.rsplit(b":", 1)[1], []).append(size)
    assert max(sizes[b"counts"]) <= 16 and max(sizes[b"slots"]) <= 16 and max(sizes[b"bits"]) <= 16 * 128
    assert max(sizes[b"worth"]) <= 160 // shards and max(sizes[b"sums"]) <= 160 // shards
    assert max(sizes[b"changed"]) <= 50 and max(sizes[b"held"]) <= 50
    assert sum(len(of) for of in sizes.values()) <= 6 + shards * (3 + 2 * 3 * 2 + 4) + 1
    assert len(watch._together._stances.held) <= 5_120


def test_a_full_server_takes_what_the_docstring_says(alone):
    """Every table full, of what each entry takes; the bits of two windows, sightings, and a tenant's day."""
    server, store = alone
    (watch,) = watches(store, 1)
    count = 2_000
    for number in range(count):
        guess = seen(address=number, password=f"{number}", name=f"{number}", prefix=f"10.{number >> 8}.{number & 255}.0/24")
        told(watch, guess, known_name=False)
        if number % 1_000 == 999:
            watch.merge()
    with server.client() as client:
        taken = {key.split(b":", 3)[3]: client.memory_usage(key, samples=0) for key in client.scan_iter() if b"{0}" in key}
        lengths = {key.split(b":", 3)[3]: client.hlen(key) for key in client.scan_iter() if key.endswith((b"sums", b"slots"))}
    entry = sum(size for key, size in taken.items() if key.startswith(b"scores")) / next(
        size for key, size in lengths.items() if key.startswith(b"scores")
    )
    crowd = sum(size for key, size in taken.items() if key.startswith(b"many")) / 2_000
    full = (65_536 + 16_384) * entry + 2 * (512 + 2_048) * max(crowd, 128 + 200) + 2 * 4 * 2**20 + 2 * 4_096 * 250 + 256 * 1_300
    assert full <= 25 * 2**20


def test_nothing_there_tells_an_address_a_name_or_a_password(server, store):
    """Only digests under the keyring's key, and bits."""
    (watch,) = watches(store, 1)
    guess = seen(address=7, prefix="192.0.2.0/24", tenant="shop", asn=64500)
    for _ in range(12):
        told(watch, guess, known_name=False)
    watch.merge()
    kept = b""
    with server.client() as client:
        for key in client.scan_iter(count=1000):
            kept += key + client.dump(key)
    for secret in (
        b"192.0.2",
        b"64500",
        b"shop",
        digest("shop/p")[:6],
        digest("shop/n")[:6],
        digest("shop/p").hex()[:8].encode(),
    ):
        assert secret not in kept


def test_its_user_may_do_no_more_than_the_how_to_says(valkey):
    """Every command that a watch needs, on keys of its own."""
    valkey.flush()
    commands = (
        "evalsha eval bitfield bitfield_ro bitcount getrange setbit setrange get set del hget hset hmget hdel hlen "
        "zadd zcard zincrby zpopmin zrange zrangebyscore zrem pexpire info time hello"
    )
    user = valkey.user("watch", "~acctsec:*", "-@all", *(f"+{command}" for command in commands.split()))
    policy = evolve(POLICY, spray=evolve(POLICY.spray, candidates=evolve(POLICY.spray.candidates, keys=16)))
    with ValkeyStore(valkey.url(user=user), timeout=PATIENT) as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_valkey_watch, "SCORES", 10)
        patch.setattr(_valkey_watch, "STANCES", 2)
        patch.setattr(_valkey_watch, "FULL", 10)
        (watch,) = watches(store, 1)
        for number in range(60):
            watch.wrong(policy, seen(address=number // 4, password=f"{number}"), known_name=False, now=NOW + number * 2 * HOUR)
        watch.merge()


def test_a_key_that_is_taken_up_by_one_process_after_the_other_parts_nobody(alone):
    """All go by the oldest key, until it is gone everywhere."""
    _, store = alone
    older, newer, sealing = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
    keyrings = [Keyring(sealing=[sealing], index=keys) for keys in ([older], [newer, older])]
    two = [ValkeyWatch(store, keyring=keyring) for keyring in keyrings]
    for watch in two:
        watch._together.began(NOW)
    for number, guess in enumerate(SPRAY[:4]):
        told(two[number % 2], guess, policy=SPRAYED)
    exchange(two)
    assert {watch.look(SPRAYED, seen(address=99, prefix=""), NOW).posture for watch in two} == {Posture.CHALLENGE}


# Both forms, and what is refused


def test_the_async_form_sees_what_the_blocking_one_told(alone):
    server, store = alone
    (watch,) = watches(store, 1)
    for guess in SPRAY[:2]:
        told(watch, guess)
    watch.merge()

    async def other():
        async with AsyncValkeyStore(server.url(), timeout=PATIENT) as there:
            mine = AsyncValkeyWatch(there, keyring=KEYRING, every=timedelta(milliseconds=50))
            for guess in SPRAY[2:4]:
                assert await mine.wrong(POLICY, guess, known_name=True, now=NOW) == ()
            now = NOW
            for _ in range(400):
                now += 50_000
                looked = await mine.look(POLICY, seen(address=99, prefix=""), now)
                if looked.posture:
                    break
                await asyncio.sleep(0.01)
            await mine.merge()
            return looked.posture

    assert asyncio.run(other()) is Posture.CHALLENGE
    watch.merge()
    assert watch.look(POLICY, seen(address=99, prefix=""), NOW).posture is Posture.CHALLENGE


def test_the_async_form_says_once_that_an_exchange_failed():
    async def without(server):
        async with AsyncValkeyStore(server.url(), timeout=timedelta(milliseconds=200)) as store:
            watch = AsyncValkeyWatch(store, keyring=KEYRING, every=timedelta(seconds=1))
            await watch.look(POLICY, seen(), NOW)
            await watch._task
            server.kill()
            await watch.look(POLICY, seen(), NOW + 2_000_000)
            await watch._task
            with pytest.raises(StoreUnavailable):
                await watch.wrong(POLICY, seen(), known_name=True, now=NOW + 2_000_000)
            return await watch.wrong(POLICY, seen(password="q"), known_name=True, now=NOW + 2_000_000)

    with Valkey() as server:
        assert asyncio.run(without(server)) == ()


def test_sign_ins_of_four_processes_meet_what_all_have_seen(alone):
    """Through engines: a password that each saw at one account is challenged at all, and told of once."""
    _, store = alone
    policy, four = evolve(CHEAPEST, attacks=SPRAYED), []
    for _ in range(4):
        (watch,) = watches(store, 1)
        four.append((world(policy=policy, challenge=ProofOfWork(bits=8), watch=watch), watch))
        four[-1][0].restart(keyring=four[0][0].keyring)
    for number, (w, _) in enumerate(four):
        assert guess(w, number) == Refused()
    exchange([watch for _, watch in four])
    assert all(isinstance(guess(w, 9), ChallengeRequired) for w, _ in four)
    told_of = []
    for w, _ in four:
        w.deliver()
        told_of += [event.after for _, event in w.sink.handed if isinstance(event, PostureChanged)]
        w.close()
    assert told_of == ["challenge"]


def guess(w, number):
    """The one password, at another account from another network."""
    context = w.context(f"198.51.{number}.7")
    return w.calls.sign_in(f"u{number}@example.org", "Spring2026!", context=context)


@pytest.mark.parametrize("every", [timedelta(0), timedelta(milliseconds=49), timedelta(minutes=2), 1, None])
def test_nonsense_is_refused_at_construction(alone, every):
    with pytest.raises(ConfigError, match="every"):
        ValkeyWatch(alone[1], keyring=KEYRING, every=every)
    with pytest.raises(ConfigError, match="keyring"):
        ValkeyWatch(alone[1], keyring=new_keys())
    with pytest.raises(ConfigError, match="ValkeyStore"):
        ValkeyWatch(MemoryWatch(), keyring=KEYRING)
    with pytest.raises(ConfigError, match="AsyncValkeyStore"):
        AsyncValkeyWatch(alone[1], keyring=KEYRING)
