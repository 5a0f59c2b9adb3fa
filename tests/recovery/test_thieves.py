"""One account in many hands, in any order, for days: on every store, by both faces."""

import os
from typing import ClassVar

import pytest
from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.places import STORES
from tests.recovery.stage import DEFAULT, SLOW
from tests.recovery.thieves import Thieves, often

from acctsec import SOCIAL_GUARDED, AsyncEngine, Engine

POLICIES = {
    "default": often(DEFAULT),
    "slow": often(SLOW),
    "guarded": often(evolve(DEFAULT, recovery=SOCIAL_GUARDED.recovery)),
}
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
"""Then every machine tells twenty times as many stories."""


def run(machine, examples, steps=40):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * (20 if DEEP else 1),
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_gets_what_he_has_not_proven(name):
    run(type("OnMemory", (Thieves,), {"policy": POLICIES[name]}), 100)


def test_nor_by_the_async_face():
    run(type("Async", (Thieves,), {"face": AsyncEngine, "policy": POLICIES["slow"]}), 20)


USUALLY = {"sqlite", "postgres+valkey"}


@pytest.mark.parametrize("face", [Engine, pytest.param(AsyncEngine, marks=pytest.mark.deep)])
@pytest.mark.parametrize("kind", [pytest.param(one, marks=() if one in USUALLY else pytest.mark.deep) for one in STORES])
def test_nor_on_any_store(kind, face, places):
    class OnPlace(Thieves):
        """On a place that outlives the process."""

        policy: ClassVar = POLICIES["slow"]

        def make_store(self):
            self.place = places.fresh(kind)
            return self.place.open_async() if self.face is AsyncEngine else self.place.open()

        def teardown(self):
            if self.face is AsyncEngine:
                super().teardown()
            if hasattr(self, "place"):
                self.place.close()

    OnPlace.face = face
    run(OnPlace, 10, 30)
