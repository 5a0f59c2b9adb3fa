"""Every recipe runs on every store there is."""

import pytest
from tests.museum.harness import exhibit
from tests.places import SHARED, STORES

# What these are about is decided before a store is asked: their full product with the stores is for `make test-deep`.
OF_POLICY = {
    "test_addresses",
    "test_binding",
    "test_factors",
    "test_foreign",
    "test_identity",
    "test_incoming",
    "test_mfa",
    "test_oracle",
    "test_outages",
    "test_outgoing",
    "test_passkeys",
    "test_password_paths",
    "test_passwords",
    "test_secrets",
    "test_sessions",
    "test_telemetry",
}


def pytest_generate_tests(metafunc):
    """A test that takes `place` runs on every store, one that takes `shared` on those that more than one process can share."""
    of_policy = metafunc.module.__name__.rpartition(".")[2] in OF_POLICY
    for fixture, stores, usual in (
        ("place", STORES, {"memory", "postgres+valkey"} if of_policy else STORES),
        ("shared", SHARED, {"sqlite", "postgres", "postgres+valkey"}),  # of several processes each
    ):
        if fixture in metafunc.fixturenames:
            chosen = [pytest.param(one, marks=() if one in usual else pytest.mark.deep) for one in stores]
            metafunc.parametrize(fixture, chosen, indirect=True)


@pytest.fixture
def place(request, places):
    """A place for records and meters, of each kind in turn."""
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    """A world on that place."""
    return exhibit(place)


@pytest.fixture
def shared(request, places):
    """A place for what needs more than one process."""
    made = places.fresh(request.param)
    yield made
    made.close()
