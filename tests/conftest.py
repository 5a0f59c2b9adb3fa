"""What every test shares: how hard Hypothesis searches, and the servers of the session (tests/servers says how to use them)."""

import gc
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import pytest
from hypothesis import HealthCheck, settings
from tests.servers import Postgres, RemotePostgres, RemoteValkey, Valkey, ValkeyCluster
from tests.servers.postgres import VARIABLE as POSTGRES
from tests.servers.valkey import REDIS
from tests.servers.valkey import VARIABLE as VALKEY

try:
    import fcntl
except ImportError:  # Windows: nobody waits for anybody
    fcntl = None

# No deadline anywhere: an Argon2 hash takes what it takes, and a shared machine is slow at times.
settings.register_profile("dev", max_examples=50, deadline=None)
# The same examples on every run: a red build is the change's doing.
settings.register_profile("ci", max_examples=300, deadline=None, derandomize=True, print_blob=True)
# New examples on every run, and many: for `make test-deep`.
settings.register_profile(
    "deep",
    max_examples=5_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


# Twelve thousand tests are a heap of a million objects, none of which goes away: looking through them time and again took
# a tenth of all the time.
COLLECT_EVERY = 10_000


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for garbage neither while tests are collected nor among them afterwards, and less often than once in 700 objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(COLLECT_EVERY)


FAULTS = Path(__file__).parent / "faults"
ALONE = {
    FAULTS / f"test_{what}.py" for what in ("failover", "histories", "locks", "outages", "pools", "replicas", "server_killed")
}
"""Tests of servers that die or hang while others work: what they find out hangs on how much goes on at once."""

_SHARE = pytest.StashKey()


@contextmanager
def turn(*, alone):
    """Hold the machine for one test of one process, beside those of the others or alone; answers how to share it from now on."""
    if fcntl is None:
        yield lambda: None
        return
    with turns().open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield lambda: fcntl.flock(lock, fcntl.LOCK_SH)


@pytest.fixture
def share(request):
    """Called when a test that has the machine to itself needs it no more: what is left is to think."""
    return request.node.stash.get(_SHARE, lambda: None)


def turns():
    """The file on which the processes of one run wait for each other."""
    return Path(gettempdir(), f"acctsec-tests-{os.environ['PYTEST_XDIST_TESTRUNUID']}.lock")


def pytest_sessionfinish():
    """The first to end needs no turn of its own any more, and leaves nothing for the others to wait for."""
    if "PYTEST_XDIST_TESTRUNUID" in os.environ:
        turns().unlink(missing_ok=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Where tests run in several processes, some have the machine to themselves."""
    if "PYTEST_XDIST_TESTRUNUID" not in os.environ:
        return (yield)
    with turn(alone=item.path in ALONE) as share:
        item.stash[_SHARE] = share
        return (yield)


@pytest.fixture(scope="session")
def postgres():
    """PostgreSQL, for whoever takes a database of his own and does not kill it; the one that a variable names, if it does."""
    if conninfo := os.environ.get(POSTGRES):
        server = RemotePostgres(conninfo).check()
        yield server
        server.stop()
    else:
        with Postgres() as server:
            yield server


@pytest.fixture(scope="session")
def _second_postgres():
    with Postgres() as server:
        yield server


@pytest.fixture
def mortal_postgres(_second_postgres):
    """A PostgreSQL of ours that may be killed and paused; the next test finds it running whatever happened to it."""
    yield _second_postgres
    _second_postgres.revive()


@pytest.fixture(scope="session")
def valkey():
    """Valkey, for whoever flushes what he wrote; the one that a variable names, if it does."""
    if url := os.environ.get(VALKEY):
        yield RemoteValkey(url).check()
    else:
        with Valkey() as server:
            yield server


@pytest.fixture(scope="session")
def redis_server():
    """Redis, as this machine has it; tests reach it by `any_valkey`, which knows whether it does."""
    with Valkey(binary=REDIS) as server:
        yield server


@pytest.fixture(scope="session", params=["valkey", *(["redis_server"] if REDIS else [])])
def any_valkey(request):
    """Valkey, and then Redis where this machine has it."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def valkey_cluster():
    """Three masters and three replicas; whoever kills one calls `heal`."""
    with ValkeyCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def places(request):
    """Every kind of store, to be had afresh (tests/places.py says how)."""
    from tests.places import Places  # whoever needs no store loads no driver

    with Places(lambda server: request.getfixturevalue(f"_{server}_home")) as made:
        yield made


@pytest.fixture(scope="session")
def _postgres_home(postgres):
    from tests.places import PostgresHome

    with PostgresHome(postgres) as home:
        yield home


@pytest.fixture(scope="session")
def _valkey_home(valkey):
    from tests.places import ValkeyHome

    with ValkeyHome(valkey) as home:
        yield home


@pytest.fixture(scope="session")
def _valkey_cluster_home(valkey_cluster):
    from tests.places import ValkeyHome

    with ValkeyHome(valkey_cluster) as home:
        yield home
