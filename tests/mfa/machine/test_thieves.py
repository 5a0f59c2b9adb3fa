"""Owner and thieves, with every kind of factor, under every kind of policy, on every store, by both faces."""

import os
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.mfa.machine.stage import HOUSES
from tests.mfa.machine.thieves import Thieves
from tests.places import STORES

from acctsec import AsyncEngine, Engine

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
"""Then every machine tells twenty times as many stories."""


def run(machine, examples, steps=40):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * (20 if DEEP else 1),
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate, *((Phase.shrink,) if DEEP else ())),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("name", HOUSES)
def test_nobody_does_what_he_cannot_prove_and_the_owner_always_comes_home(name):
    run(type("OnMemory", (Thieves,), {"house": HOUSES[name]}), 80)


def test_the_same_by_the_async_face():
    run(type("Async", (Thieves,), {"face": AsyncEngine, "house": HOUSES["staff by something better"]}), 15)


USUALLY = {"sqlite", "postgres+valkey"}


@pytest.mark.parametrize("face", [Engine, pytest.param(AsyncEngine, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", [pytest.param(one, marks=() if one in USUALLY else pytest.mark.deep) for one in STORES])
def test_the_same_on_any_store(kind, face, places):
    class OnPlace(Thieves):
        """On a place that outlives the process."""

        house: ClassVar = HOUSES["staff by something better"]

        def make_store(self):
            self.place = places.fresh(kind)
            return self.place.open_async() if self.face is AsyncEngine else self.place.open()

        def leave(self):
            if self.face is AsyncEngine:
                super().leave()
            self.place.close()

    OnPlace.face = face
    run(OnPlace, 6, 30)
