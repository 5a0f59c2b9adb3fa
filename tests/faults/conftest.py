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


@pytest.fixture
def a_site(_sites):
    """The site of a kind."""
    taken = []

    def take(kind):
        taken.append(_sites(kind))
        return taken[-1]

    yield take
    for one in taken:
        one.clear()


@pytest.fixture(params=["postgres", "valkey", "postgres+valkey"])
def site(request, a_site):
    """Each kind of store on servers, in turn."""
    return a_site(request.param)


@pytest.fixture
def split(a_site):
    """Records on PostgreSQL, meters on Valkey."""
    return a_site("postgres+valkey")
