"""Counts of passwords that many processes share: what holds in memory holds on Valkey, Redis and a cluster."""

import asyncio
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from threading import Thread

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.places import PATIENT
from tests.servers import Valkey
from tests.servers.valkey import REDIS

from acctsec import (
    CHEAPEST,
    AsyncMemoryPopularity,
    AsyncValkeyPopularity,
    AsyncValkeyStore,
    ConfigError,
    Initial,
    MemoryPopularity,
    PasswordChanged,
    PasswordPolicy,
    PasswordRejected,
    StoreError,
    StoreUnavailable,
    ValkeyPopularity,
    ValkeyStore,
)
from acctsec.events import PortFailed
from acctsec.stores._valkey_sketch import COLUMNS, Layout
from acctsec.testing import world

NEW = "nine silent herons 733"
DIGESTS = st.integers(0, 40).map(lambda number: sha256(bytes([number])).digest())
CROWDED = st.lists(st.integers(0, 3), min_size=4, max_size=4).map(lambda four: b"".join(n.to_bytes(4, "big") for n in four))
SERVER = settings(max_examples=40)  # each is a story of round trips


@pytest.fixture(params=["memory", "valkey", *(["redis_server"] if REDIS else []), "valkey_cluster"])
def counters(request):
    """Makes empty counters that know of nothing but each other."""
    if request.param == "memory":
        yield MemoryPopularity
        return
    with stored(request) as (server, store):

        def fresh(**shape):
            server.flush()
            return ValkeyPopularity(store, **shape)

        yield fresh


@contextmanager
def stored(request):
    server = request.getfixturevalue(request.param)
    with ValkeyStore(server.url(), cluster=request.param == "valkey_cluster", timeout=PATIENT) as store:
        yield server, store


@pytest.fixture
def store(valkey):
    valkey.flush()
    with ValkeyStore(valkey.url(), timeout=PATIENT) as store:
        yield store


@SERVER
@given(added=st.lists(DIGESTS | CROWDED.map(lambda cells: cells * 2), max_size=60))
def check_that_no_count_is_too_low(fresh, added):
    counted = fresh(width=1024)
    for digest in added:
        counted.add(digest)
    known = Counter(added)
    assert all(counted.count(digest) >= known[digest] for digest in known)


def test_a_count_is_never_too_low(counters):
    """However many share their cells: what one of them adds takes nothing from another."""
    check_that_no_count_is_too_low(counters)


def test_a_count_is_right_where_there_is_room(counters):
    counted = counters()
    digests = [sha256(bytes([number])).digest() for number in range(20)]
    for number, digest in enumerate(digests):
        for _ in range(number % 5):
            counted.add(digest)
    assert [counted.count(digest) for digest in digests] == [number % 5 for number in range(20)]


@SERVER
@given(added=st.lists(CROWDED, max_size=60))
def check_that_both_say_the_same(store, valkey, added):
    valkey.flush()
    here, there = MemoryPopularity(width=1024), ValkeyPopularity(store, width=1024)
    for digest in added:
        here.add(digest)
        there.add(digest)
        assert there.count(digest) == here.count(digest)


def test_of_one_page_it_says_what_memory_says(store, valkey):
    """The same cells, and only the lowest rise."""
    check_that_both_say_the_same(store, valkey)


def test_many_passwords_are_told_as_well_as_the_sketch_is_wide(counters):
    """8,000 of them in 8,192 columns of two pages, or one: hardly any is more than 3 too high, as Cormode and Muthukrishnan say."""
    counted, digests = counters(width=8_192), [sha256(number.to_bytes(4, "big")).digest() for number in range(8_000)]
    threads = [Thread(target=lambda some=digests[n::4]: [counted.add(digest) for digest in some]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over = [counted.count(digest) - 1 for digest in digests[::8]]
    assert min(over) >= 0
    assert sum(one > 2.718 for one in over) <= len(over) / 55


@given(width=st.integers(1_024, 16_777_216), depth=st.integers(2, 8), digest=st.binary(min_size=32, max_size=32))
def test_a_page_is_never_larger_than_it_may_be(width, depth, digest):
    """And all pages together are no more than what was asked for."""
    page, cells = Layout(width=width, depth=depth).place(digest)
    pages = max(1, width // COLUMNS)
    columns = width // pages
    assert 0 <= page < pages and pages * columns <= width and columns < 2 * COLUMNS
    assert [cell // columns for cell in cells] == list(range(depth))


def test_the_memory_of_a_server_is_bounded(valkey, store):
    """Whatever is added: as many pages as were made room for, each of its size."""
    counted = ValkeyPopularity(store, width=16_384)
    for number in range(3_000):
        counted.add(sha256(number.to_bytes(4, "big")).digest())
    with valkey.client() as client:
        keys = client.keys()
        assert sorted(keys) == [b"acctsec:popular:16384x4:%d" % page for page in range(4)]
        assert all(client.strlen(key) <= 65_536 for key in keys)


def test_counts_of_other_sizes_are_not_mixed_up(store):
    """A process that was given another width counts for itself."""
    digest = sha256(b"one").digest()
    ValkeyPopularity(store, width=1024).add(digest)
    assert [ValkeyPopularity(store, width=w, depth=d).count(digest) for w, d in ((1024, 4), (1024, 5), (2048, 4))] == [1, 0, 0]


def test_a_cell_that_is_full_stays_full(valkey, store):
    """It does not begin again at nothing."""
    counted, digest = ValkeyPopularity(store, width=1024), bytes(32)
    counted.add(digest)
    with valkey.client() as client:
        fields = client.bitfield("acctsec:popular:1024x4:0")
        for row in range(4):
            fields.set("u32", f"#{row * 1024}", 2**32 - 2)
        fields.execute()
    for _ in range(3):
        counted.add(digest)
    assert counted.count(digest) == 2**32 - 1


def test_the_user_of_the_docstring_may_do_all_it_needs(valkey):
    """No more than what is said there."""
    valkey.flush()
    user = valkey.user("counter", "~acctsec:*", "-@all", "+info", "+time", "+bitfield", "+bitfield_ro", "+evalsha", "+eval")
    with ValkeyStore(valkey.url(user=user), timeout=PATIENT) as store:
        counted = ValkeyPopularity(store)
        counted.add(bytes(32))
        assert counted.count(bytes(32)) == 1


def test_one_round_trip_a_call(valkey, store):
    """One script, on one key."""
    counted = ValkeyPopularity(store)
    counted.add(bytes(32)), counted.count(bytes(32))  # the server knows the scripts now
    with valkey.client() as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        counted.add(bytes(32)), counted.count(bytes(32))
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 2


def test_a_cap_holds_for_all_processes_together(store, valkey):
    """Two accounts in one process, and the third in another is refused."""
    shared = [world(policy=capped(2), popularity=ValkeyPopularity(store, width=1024)) for _ in range(3)]
    for one in shared:
        one.restart(keyring=shared[0].keyring)
    outcomes = [initial(one, f"u{number}", NEW) for number, one in enumerate(shared)]
    assert [type(outcome) for outcome in outcomes] == [PasswordChanged, PasswordChanged, PasswordRejected]
    with valkey.client() as client:
        kept = b"".join(key + client.get(key) for key in client.scan_iter())
    assert NEW.encode() not in kept and shared[0].keyring.digest("popularity", "", NEW)[:8] not in kept


def capped(cap):
    return evolve(CHEAPEST, password=PasswordPolicy(popularity_cap=cap))


def initial(w, subject, password):
    w.sign_up(subject, f"{subject}@example.org", password=None)
    return w.calls.set_password(subject, password, by=Initial(), context=w.context())


def test_a_server_that_is_gone_is_told_and_the_password_stands():
    """As of every counter that cannot tell."""
    with Valkey() as server, ValkeyStore(server.url(), timeout=timedelta(milliseconds=200)) as store:
        w = world(policy=capped(1), popularity=ValkeyPopularity(store))
        server.kill()
        assert isinstance(initial(w, "u1", NEW), PasswordChanged)
        w.deliver()
        assert {event.port for _, event in w.sink.handed if isinstance(event, PortFailed)} == {"popularity"}
        with pytest.raises(StoreUnavailable):
            ValkeyPopularity(store).count(bytes(32))


def test_a_server_that_is_full_says_so_and_goes_on_telling():
    """What it has no room for is not counted; no key is driven out."""
    with Valkey() as server, ValkeyStore(server.url(), timeout=PATIENT) as store, server.client() as client:
        counted = ValkeyPopularity(store)
        counted.add(bytes(32))
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="no memory"):
            counted.add(bytes(32))
        assert counted.count(bytes(32)) == 1


def test_both_forms_count_the_same(valkey, store):
    async def there():
        async with AsyncValkeyStore(valkey.url(), timeout=PATIENT) as other:
            counted = AsyncValkeyPopularity(other)
            await counted.add(bytes(32))
            return await counted.count(bytes(32))

    ValkeyPopularity(store).add(bytes(32))
    assert asyncio.run(there()) == 2
    with pytest.raises(ConfigError, match="AsyncValkeyStore"):
        AsyncValkeyPopularity(store)
    with pytest.raises(ConfigError, match="ValkeyStore"):
        ValkeyPopularity(AsyncMemoryPopularity())


def test_wrong_sizes_are_refused(store):
    for wrong in ({"width": 1000}, {"width": 2**25}, {"width": True}, {"depth": 1}, {"depth": 9}):
        with pytest.raises(ConfigError):
            ValkeyPopularity(store, **wrong)
