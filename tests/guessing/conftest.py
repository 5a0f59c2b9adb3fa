"""A test that takes `place` runs on every store, one that takes `shared` on those that processes can share."""

from contextlib import closing

import pytest
from tests.places import SHARED, STORES

KINDS = {"place": STORES, "shared": SHARED, "hosted": [one for one in STORES if "postgres" in one]}


def pytest_generate_tests(metafunc):
    """Those stores that a test is not `usually` run on are for `make test-deep`."""
    for fixture, kinds in KINDS.items():
        if fixture in metafunc.fixturenames:
            usual = getattr(metafunc.function, "usual", kinds)
            chosen = [pytest.param(one, marks=() if one in usual else pytest.mark.deep) for one in kinds]
            metafunc.parametrize(fixture, chosen, indirect=True)


@pytest.fixture
def place(request, places):
    """A place of each kind in turn, with nothing in it."""
    with closing(places.fresh(request.param)) as made:
        yield made


shared = hosted = place
