"""The engine against a serial model, step by step at random: two stores, two faces."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

from acctsec import AsyncEngine, AsyncMemoryStore, AsyncSqliteStore, Engine, MemoryStore, SqliteStore, events
from acctsec.testing.machine import EngineMachine

SHM = Path("/dev/shm")  # a disk that need not turn: every example has a file of its own


class OnMemory(EngineMachine):
    """Blocking, in memory."""


class AsyncOnMemory(EngineMachine):
    """Async, in memory."""

    face = AsyncEngine


class OnSqlite(EngineMachine):
    """Blocking, in a file."""

    def make_store(self):
        self.folder = Path(tempfile.mkdtemp(dir=SHM if SHM.is_dir() else None))
        return self.store_at(self.folder / "accounts.db")

    def store_at(self, path):
        return SqliteStore(path)

    def lose_meters(self):
        store = getattr(self.world.store, "_store", self.world.store)
        with store._database.quick as connection:
            connection.execute("DELETE FROM meters")
        return True

    def dump(self):
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()) if not path.name.endswith("-shm"))

    def teardown(self):
        try:
            super().teardown()
        finally:
            shutil.rmtree(self.folder)


class AsyncOnSqlite(OnSqlite):
    """Async, in a file."""

    face = AsyncEngine

    def store_at(self, path):
        return AsyncSqliteStore(path)


MACHINES = [OnMemory, AsyncOnMemory, OnSqlite, AsyncOnSqlite]
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")


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


@pytest.mark.parametrize("machine", MACHINES)
def test_the_engine_does_what_the_model_says(machine):
    fast = machine in (OnMemory, AsyncOnMemory)
    run(machine, examples=(120 if fast else 40) * (3 if PROFILE == "ci" else 1), steps=30)


@pytest.mark.deep
@pytest.mark.parametrize("machine", MACHINES)
def test_the_engine_does_what_the_model_says_in_long_stories(machine):
    run(machine, examples=4000 if machine in (OnMemory, AsyncOnMemory) else 800, steps=80)


def test_the_machines_cover_both_faces_and_both_stores():
    made = [machine() for machine in MACHINES]
    try:
        assert {(type(one.world.engine), type(one.world.store)) for one in made} == {
            (Engine, MemoryStore),
            (AsyncEngine, AsyncMemoryStore),
            (Engine, SqliteStore),
            (AsyncEngine, AsyncSqliteStore),
        }
    finally:
        for one in made:
            one.teardown()


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
    monkeypatch.setattr(sys.modules["acctsec.steps.sign_in"], "_due", lambda policy, record, scene: None)
    finds(OnMemory, "was due")


def test_codes_that_work_twice_are_found(monkeypatch):
    from acctsec.mfa.policy import MfaPolicy, Proven

    real = MfaPolicy.prove

    def forgetful(self, factors, match):
        answer = real(self, factors, match)
        return Proven(factors, answer.method) if isinstance(answer, Proven) else answer

    monkeypatch.setattr(MfaPolicy, "prove", forgetful)
    finds(OnMemory)


def test_a_reset_that_passes_by_the_factor_is_found(monkeypatch):
    monkeypatch.setattr("acctsec.steps.passwords.enough", lambda record, methods: True)
    monkeypatch.setattr("acctsec._flows.resets.enough", lambda record, methods: True)
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
    finds(Guesser, "comparisons in a lane that may have 6")


def test_a_secret_in_an_event_is_found(monkeypatch):
    from acctsec._flows.sign_in import SignIn

    real = SignIn.sign_in

    async def chatty(self, identifier, password, *, context):
        facts = {"tenant": "", "subject": "", "operation": "sign_in", "kind": "evaluated", "reason": str(password)}
        self.core.observe(events.AttemptRefused(at=self.core.now(), **facts))
        return await real(self, identifier, password, context=context)

    monkeypatch.setattr(SignIn, "sign_in", chatty)
    finds(OnMemory, "a secret was shown")
