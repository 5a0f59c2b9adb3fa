"""Recovery is tried on every store, by both faces."""

import pytest
from tests.places import STORES, USUAL
from tests.recovery.stage import stage

from acctsec import AsyncEngine, Engine

USUALLY = {*((Engine, kind) for kind in USUAL), (AsyncEngine, "memory"), (AsyncEngine, "postgres+valkey")}
GROUND = [(face, kind) for kind in STORES for face in (Engine, AsyncEngine)]


def pytest_generate_tests(metafunc):
    """A test that takes `on` makes stages on each store by each face; those for which `make test` has no time are for `make test-deep`."""
    if "on" in metafunc.fixturenames:
        chosen = [
            pytest.param((face, kind), marks=() if (face, kind) in USUALLY else pytest.mark.deep, id=f"{kind}-{face.__name__}")
            for face, kind in GROUND
        ]
        metafunc.parametrize("on", chosen, indirect=True)


@pytest.fixture
def on(request, places):
    """Makes a stage: `with on(policy=SLOW, factor=True) as alice`."""
    face, kind = request.param
    return lambda **more: stage(places, kind, face, **more)
