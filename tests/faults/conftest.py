"""Sites for the tests of this folder; each is empty and whole when a test begins."""

from contextlib import ExitStack

import pytest


@pytest.fixture(scope="session")
def _sites():
    from tests.faults.sites import Site, servers  # whoever needs no server loads no driver

    with ExitStack() as stack:
        homes, made = servers(stack), {}

        def site(kind):
            if kind not in made:
                made[kind] = stack.enter_context(Site(kind, homes))
            made[kind].clear()
            return made[kind]

        yield site


@pytest.fixture(params=["postgres", "valkey", "postgres+valkey"])
def site(request, _sites):
    """Each kind of store on servers, in turn."""
    found = _sites(request.param)
    yield found
    found.clear()


@pytest.fixture
def split(_sites):
    """Records on PostgreSQL, meters on Valkey."""
    found = _sites("postgres+valkey")
    yield found
    found.clear()


@pytest.fixture
def postgres_site(_sites):
    """Records and meters on PostgreSQL."""
    found = _sites("postgres")
    yield found
    found.clear()
