"""The engine against a serial model, step by step at random: every store, both faces."""

import os
import sys
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import ClassVar

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from tests.places import STORES, Places, opened

from acctsec import AsyncEngine, Engine, events
from acctsec.lockout.hits import HitCount
from acctsec.recovery import Enough, RecoveryPolicy
from acctsec.testing.machine import AGING, HASTY, EngineMachine


class OnMemory(EngineMachine):
    """Blocking, in memory."""


class AsyncOnMemory(EngineMachine):
    """Async, in memory."""

    face = AsyncEngine


class OnPlace(EngineMachine):
    """On a place that lives outside of this process, by a handle of its own."""

    places: ClassVar[Places]
    store: ClassVar[str]

    def make_store(self):
        self.place = self.places.fresh(self.store)
        return self.place.open_async() if self.face is AsyncEngine else opened(self.place.address)

    def lose_meters(self):
        self.place.lose_meters()
        return True

    def dump(self):
        return self.place.dump()

    def teardown(self):
        try:
            super().teardown()
        finally:
            self.place.close()


class OfAge(OnMemory):
    """Passwords that have to be changed in time, and not too soon."""

    policy = AGING


class Weighed(OnMemory):
    """What is guessed weighs something, and is sooner past the mass than past the stop."""

    hits = HitCount(likelihood=lambda password: 2**-12 / 5 if password.startswith("wrong") else 0.0)
    policy = evolve(HASTY, lockout=evolve(HASTY.lockout, hits=hits))


FACES = {"blocking": Engine, "async": AsyncEngine}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")


def machine(store, face, places):
    """The machine for a store and a face."""
    if store == "memory":
        return AsyncOnMemory if face == "async" else OnMemory
    return type("Machine", (OnPlace,), {"places": places, "store": store, "face": FACES[face]})


def run(machine, examples, steps):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


EXAMPLES = {"memory": 120, "sqlite": 40}
MORE = {("memory", "blocking"), ("sqlite", "blocking")}
"""What `.ci/run` tries three times as much of; the async face is the same flows, driven by a loop (tests/test_faces.py)."""


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("store", STORES)
def test_the_engine_does_what_the_model_says(store, face, places):
    run(
        machine(store, face, places),
        examples=EXAMPLES.get(store, 20) * (3 if PROFILE == "ci" and (store, face) in MORE else 1),
        steps=30,
    )


def test_the_engine_does_what_the_model_says_where_guesses_are_weighed():
    run(Weighed, examples=120, steps=30)


def test_the_engine_does_what_the_model_says_of_ages():
    run(OfAge, examples=120, steps=30)


@pytest.mark.deep
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("store", STORES)
def test_the_engine_does_what_the_model_says_in_long_stories(store, face, places):
    run(machine(store, face, places), examples={"memory": 4000, "sqlite": 800}.get(store, 300), steps=80)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("store", STORES)
def test_a_machine_has_the_store_and_the_face_it_is_named_after(store, face, places):
    made = machine(store, face, places)()
    try:
        found = made.world.store
        assert type(made.world.engine) is FACES[face]
        assert iscoroutinefunction(found.load) == iscoroutinefunction(found.charge) == (face == "async")
        assert store in {"memory", getattr(made, "store", None)}
        assert NAMES[store] in type(found).__name__
    finally:
        made.teardown()


NAMES = {
    "memory": "Memory",
    "sqlite": "Sqlite",
    "postgres": "Postgres",
    "postgres-serializable": "Postgres",
    "valkey": "Valkey",
    "valkey-cluster": "Valkey",
    "postgres+valkey": "Split",
}


# --- faults planted to see the model find them ------------------------------------------------------------------------


def finds(machine, match=""):
    """The machine finds a fault, and says so."""
    effort = settings(
        max_examples=400,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=effort)
    except (AssertionError, ExceptionGroup) as found:
        assert match in _messages(found)  # noqa: PT017 - one finding or several
    else:
        pytest.fail("nothing was found")


def _messages(found):
    inner = found.exceptions if isinstance(found, BaseExceptionGroup) else ()
    return " ".join([str(found), *(_messages(one) for one in inner)])


def test_a_record_that_keeps_its_epoch_is_found(monkeypatch):
    from msgspec.structs import replace

    from acctsec.record import Record

    monkeypatch.setattr(Record, "with_epoch", lambda self: replace(self, resets=()))
    finds(OnMemory)


def test_a_sign_in_that_forgets_the_factor_is_found(monkeypatch):
    monkeypatch.setattr(sys.modules["acctsec.steps.sign_in"], "still_due", lambda policy, record, *_, **__: (record, None, ()))
    finds(OnMemory, "was due")


def test_an_age_that_nobody_minds_is_found(monkeypatch):
    monkeypatch.setattr(sys.modules["acctsec.steps.sign_in"], "change_due", lambda policy, record, now: record.change)
    finds(OfAge)


def test_a_minimum_age_that_nobody_minds_is_found(monkeypatch):
    monkeypatch.setattr("acctsec._flows.passwords.too_soon", lambda *_, **__: None)
    monkeypatch.setattr(sys.modules["acctsec.steps.passwords"], "too_soon", lambda *_, **__: None)
    finds(OfAge)


def test_codes_that_work_twice_are_found(monkeypatch):
    from acctsec.mfa.policy import MfaPolicy, Proven

    real = MfaPolicy.prove

    def forgetful(self, factors, match):
        answer = real(self, factors, match)
        return Proven(factors, answer.method) if isinstance(answer, Proven) else answer

    monkeypatch.setattr(MfaPolicy, "prove", forgetful)
    finds(OnMemory)


def test_a_reset_that_passes_by_the_factor_is_found(monkeypatch):
    monkeypatch.setattr(RecoveryPolicy, "judge", lambda *_, **__: Enough(timedelta(0), weak=True))
    finds(OnMemory)


def test_a_limit_that_is_one_too_high_is_found(monkeypatch):
    from acctsec.lockout import LockoutPolicy
    from acctsec.protocols import Ladder

    real = LockoutPolicy._ladder

    def generous(self, rungs):
        one = real(self, rungs)
        return Ladder(one.free, 0, 0, one.stop + 1, one.window, one.lease)

    class Guesser(OnMemory):
        @rule()
        def guess(self):
            for _ in range(8):
                self.try_password(self.people[0], self.people[0].identifier, self.invent("wrong"), None)

    monkeypatch.setattr(LockoutPolicy, "_ladder", generous)
    finds(Guesser, "comparisons in a lane that may have ")  # six, and three more for each opening


def test_a_secret_in_an_event_is_found(monkeypatch):
    from acctsec._flows.sign_in import SignIn

    real = SignIn.sign_in

    async def chatty(self, identifier, password, *, context):
        facts = {"tenant": "", "subject": "", "operation": "sign_in", "kind": "evaluated", "reason": str(password)}
        self.core.observe(events.AttemptRefused(at=self.core.now(), **facts))
        return await real(self, identifier, password, context=context)

    monkeypatch.setattr(SignIn, "sign_in", chatty)
    finds(OnMemory, "a secret was shown")
