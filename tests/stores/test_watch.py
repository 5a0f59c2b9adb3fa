"""MemoryWatch: what strangers guessed wrong is counted once, for one tenant, in bounded memory, and alike for every name."""

import asyncio
import hashlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.sizes import deep_size

from acctsec.attacks.networks import Networks
from acctsec.attacks.policy import AttackPolicy
from acctsec.attacks.posture import Band, Bands, Posture, PosturePolicy
from acctsec.attacks.reputation import ReputationPolicy
from acctsec.attacks.signals import Detector, opaque
from acctsec.attacks.surge import Failures, SurgePolicy
from acctsec.attacks.table import Table
from acctsec.attacks.watching import Looked, Seen
from acctsec.stores.watch import QUIET, AsyncMemoryWatch, MemoryWatch

MINUTE = 60_000_000
DAY = 1440 * MINUTE


def bands(at, *, tighten=None):
    return Bands(
        challenge=Band(at=at, below=at // 2),
        tighten=None if tighten is None else Band(at=tighten, below=tighten // 2),
        hold=timedelta(minutes=30),
    )


LOW = PosturePolicy(
    address=bands(4, tighten=8),
    prefix=bands(8, tighten=16),
    asn=bands(10),
    spray=bands(3, tighten=6),
    crowd=bands(3, tighten=6),
    unknown=Bands(notify=Band(at=3, below=1)),
    surge=bands(900),
)
POLICY = AttackPolicy(
    posture=LOW,
    reputation=ReputationPolicy(frequent_from=3),
    surge=SurgePolicy(bucket=timedelta(minutes=1), buckets=12, warm_up=6, least=5),
)
"""Everything is reached after a few guesses."""


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def seen(*, address=7, password="p", name="n", tenant="", prefix="192.0.2.0/24", asn=None):
    here = Networks(f"192.0.2.{address}", (prefix,) if prefix else (), asn)
    return Seen(tenant=tenant, networks=here, candidate=digest(f"{tenant}/{password}"), account=digest(f"{tenant}/{name}"))


GUESSES = st.builds(
    seen,
    address=st.integers(1, 3),
    password=st.sampled_from("pqrs"),
    name=st.sampled_from("abcdefgh"),
    tenant=st.sampled_from(["", "shop"]),
    asn=st.sampled_from([None, 64500]),
)
STEPS = st.lists(st.tuples(GUESSES, st.booleans(), st.integers(0, 90 * MINUTE)), max_size=40)


@given(steps=STEPS)
def test_whether_anybody_has_a_name_changes_nothing_that_a_source_can_see(steps):
    """Two watches are given the same, one as if nobody had any name: they look alike at every step, and tell operators alone."""
    one, other, now = MemoryWatch(), MemoryWatch(), 0
    for guess, known, pause in steps:
        now += pause
        assert one.look(POLICY, guess, now) == other.look(POLICY, guess, now)
        told = [watch.wrong(POLICY, guess, known_name=name, now=now) for watch, name in ((one, known), (other, False))]
        first, second = ([change for change in changes if change.detector is not Detector.UNKNOWN] for changes in told)
        assert first == second


@given(steps=STEPS)
def test_each_change_is_told_once_and_follows_the_one_before(steps):
    watch, now, places = MemoryWatch(), 0, {}
    for guess, known, pause in steps:
        now += pause
        looked = watch.look(POLICY, guess, now)
        for change in (*looked.changes, *watch.wrong(POLICY, guess, known_name=known, now=now)):
            place = (guess.tenant, change.detector, change.name)
            assert change.before is places.get(place, Posture.NORMAL) and change.after is not change.before
            places[place] = change.after
    shown = [posture for (_, detector, _), posture in places.items() if detector is not Detector.UNKNOWN]
    assert max((watch.look(POLICY, guess, now).posture for guess, _, _ in steps), default=0) <= max(shown, default=0)


@given(steps=STEPS, tenant=st.sampled_from(["", "shop"]))
def test_a_tenant_is_not_touched_by_what_happens_at_another(steps, tenant):
    """Same addresses, same passwords, same names: it sees what it would see if it were alone."""
    together, alone, now = MemoryWatch(), MemoryWatch(), 0
    for guess, known, pause in steps:
        now += pause
        mine = guess.tenant == tenant
        answers = [
            (watch.look(POLICY, guess, now), watch.wrong(POLICY, guess, known_name=known, now=now))
            for watch in ([together, alone] if mine else [together])
        ]
        assert not mine or answers[0] == answers[1]


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
            Detector.SPRAY,
            [seen(address=n, prefix="", name=f"{n}") for n in range(3)],
            seen(address=99, prefix="", name="new"),
            seen(address=99, prefix="", name="new", password="another"),
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
def test_what_a_detector_sees_holds_where_it_sees_it_and_nowhere_else(detector, guesses, here, elsewhere):
    watch, told = MemoryWatch(), []
    for number, guess in enumerate(guesses, 1):
        told += [change for change in watch.wrong(POLICY, guess, known_name=True, now=0) if change.detector is detector]
        assert bool(told) is (number == len(guesses))
    assert told[0].after is Posture.CHALLENGE
    assert watch.look(POLICY, here, 0) == Looked(Posture.CHALLENGE)
    assert watch.look(POLICY, elsewhere, 0) == Looked(Posture.NORMAL)


def rise(watch, *, tenant="", quiet=12, failures=60):
    """Quiet minutes, and then one that is not, from everywhere, each of them another name and password."""
    told = []
    for minute in range(quiet + 1):
        for number in range(1 if minute < quiet else failures):
            here = Networks(f"2001:db8:{minute}:{number}::/64")
            guess = Seen(tenant=tenant, networks=here, candidate=digest(f"{minute} {number} p"), account=digest(f"{number} n"))
            told += watch.wrong(POLICY, guess, known_name=True, now=minute * MINUTE)
    return told


def test_a_rise_challenges_every_stranger_of_the_tenant_and_nothing_more():
    watch = MemoryWatch()
    (told,) = rise(watch, tenant="shop")
    assert (told.detector, told.name, told.after) == (Detector.SURGE, "shop", Posture.CHALLENGE)
    assert watch.look(POLICY, seen(tenant="shop"), 12 * MINUTE).posture is Posture.CHALLENGE
    assert watch.look(POLICY, seen(tenant="bank"), 12 * MINUTE).posture is Posture.NORMAL


def test_names_that_nobody_has_are_told_and_seen_by_nobody():
    watch = MemoryWatch()
    told = [watch.wrong(POLICY, seen(password=f"{n}", prefix=""), known_name=False, now=0) for n in range(3)]
    assert [change.detector for changes in told for change in changes] == [Detector.UNKNOWN]
    assert told[1][0].after is Posture.NOTIFY
    assert watch.look(POLICY, seen(password="new", prefix=""), 0) == QUIET


def test_a_posture_comes_down_when_it_is_looked_at_and_is_told_once():
    watch = MemoryWatch()
    for number in range(8):
        watch.wrong(POLICY, seen(prefix="", password=f"{number}"), known_name=True, now=0)
    assert watch.look(POLICY, seen(prefix=""), 0).posture is Posture.TIGHTEN
    later = watch.look(POLICY, seen(prefix="", password="q"), 40 * DAY)
    assert later.posture is Posture.NORMAL and [change.after for change in later.changes] == [Posture.NORMAL]
    assert watch.look(POLICY, seen(prefix="", password="q"), 40 * DAY) == Looked(Posture.NORMAL)


def test_a_sprayed_password_has_a_name_that_leads_to_nothing():
    watch = MemoryWatch()
    told = [watch.wrong(POLICY, seen(address=n, name=f"{n}", prefix=""), known_name=True, now=0) for n in range(3)]
    assert [change.name for changes in told for change in changes] == [opaque(digest("/p"))]


def test_a_frequent_guess_counts_five_times():
    watch = MemoryWatch()
    for number in range(3):
        watch.wrong(POLICY, seen(address=number, prefix=""), known_name=True, now=0)
    (told,) = watch.wrong(POLICY, seen(address=99, prefix=""), known_name=True, now=0)
    assert (told.detector, told.level) == (Detector.ADDRESS, 5)


def test_nothing_is_lost_between_threads():
    watch, policy = MemoryWatch(), evolve(POLICY, posture=evolve(LOW, address=bands(2_000)))
    with ThreadPoolExecutor(8) as pool:
        guess = seen(prefix="")
        done = list(pool.map(lambda _: watch.wrong(policy, guess, known_name=True, now=0), range(403)))
    # Three at one point, and four hundred at five: only the last of all reaches it.
    assert [change.level for changes in done for change in changes if change.detector is Detector.ADDRESS] == [2_003]


def test_the_async_form_is_the_same_watch():
    inside = MemoryWatch()
    watch = AsyncMemoryWatch(inside)

    async def play():
        for number in range(4):
            await watch.wrong(POLICY, seen(prefix="", password=f"{number}"), known_name=True, now=0)
        return await watch.look(POLICY, seen(prefix=""), 0)

    assert asyncio.run(play()) == inside.look(POLICY, seen(prefix=""), 0) == Looked(Posture.CHALLENGE)


def flooded(guesses):
    """A watch that has seen so many guesses, each from another /64 at another name with another password, all of it raised."""
    watch, policy = (
        MemoryWatch(),
        evolve(POLICY, posture=evolve(LOW, address=bands(2), unknown=Bands(notify=Band(at=2, below=1)))),
    )
    for number in range(guesses):
        home = f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::/64"
        here = Networks(home, (f"2001:db8:{number >> 16:x}:{number & 0xFF00:x}::/56",))
        guess = Seen(tenant="", networks=here, candidate=digest(f"p{number}"), account=digest(f"n{number}"))
        for _ in range(2):
            watch.wrong(policy, guess, known_name=False, now=number)
    return watch


ROOMS = {"_scores": 65_536, "_stances": 16_384, "_unknown": 16_384, "_told": 16_384}
TABLES = tuple(ROOMS)


def test_it_takes_no_more_than_it_says_whatever_anybody_sends():
    """Every table full: of what each entry takes, as many as it has room for; the sprays, the sketches and 256 tenants' days."""
    watch = flooded(4_000)
    entry = {name: deep_size(getattr(watch, name)._kept) / len(getattr(watch, name)) for name in TABLES}
    full = sum(entry[name] * ROOMS[name] for name in TABLES)
    day = deep_size(Failures(100_000, 10**6, tuple(range(10**6, 10**6 + 288))))
    sketches = 2 * 4 * 262_144 * 4
    assert all(len(table._kept) * table._room <= ROOMS[name] for name, table in vars(watch).items() if name in ROOMS)
    assert full + AttackPolicy().spray.most_bytes + sketches + 256 * day <= 70 * 2**20


def test_a_full_table_keeps_what_is_worth_most():
    """Whoever brings many sources drives out those of little worth, his own among them."""
    watch = flooded(0)
    for name in TABLES:
        setattr(watch, name, Table(getattr(watch, name)._worth, room=64))
    for number in range(8):
        watch.wrong(POLICY, seen(prefix="", password=f"{number}"), known_name=False, now=0)
    for number in range(2_000):
        guess = seen(address=number, prefix="", password=f"{number} p", name=f"{number} n")
        watch.wrong(POLICY, guess, known_name=False, now=0)
    assert all(len(table) == sum(map(len, table._kept)) <= 64 for table in map(vars(watch).get, TABLES))
    assert watch.look(POLICY, seen(prefix="", password="new"), 0).posture is Posture.TIGHTEN


def test_a_quiet_watch_takes_next_to_nothing():
    """Every engine has one; the sketches come with the first wrong guess."""
    tracemalloc.start()
    watch = MemoryWatch()
    taken = tracemalloc.get_traced_memory()[0]
    watch.wrong(POLICY, seen(), known_name=True, now=0)
    tracemalloc.stop()
    assert taken < 65_536
