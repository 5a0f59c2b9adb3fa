"""What is chosen was measured, fits the budget and the time, reaches OWASP's floor, and is no weaker than it has to be."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.calibration import PASSES, calibrate
from acctsec.errors import ConfigError
from acctsec.hashing import OWASP, Argon2Parameters, HashingPolicy

MIB = 1024
LATENCY = timedelta(milliseconds=100)


class Machine:
    """A host whose hashes take so many nanoseconds a KiB and pass, and remembers what it was asked."""

    def __init__(self, nanoseconds, *, per_hash=0.0):
        self.nanoseconds, self.per_hash, self.asked = nanoseconds, per_hash, {}

    def __call__(self, cost):
        self.asked[cost] = self.per_hash + cost.memory_kib * cost.time_cost * self.nanoseconds / 1e9
        return self.asked[cost]


def reaches_owasp(cost):
    return any(cost.reaches(one) for one in OWASP)


LEAST = 7 * MIB * 5
"""KiB times passes of the least that OWASP asks for; up to half of its time may go elsewhere."""
MACHINES = st.builds(
    lambda speed, elsewhere: Machine(speed, per_hash=elsewhere * speed * LEAST / 1e9), st.floats(20, 4_000), st.floats(0, 0.5)
)


@given(MACHINES, st.integers(1, 64 * 1024), st.integers(1, 64), st.floats(0.005, 2))
def test_what_is_chosen_holds_and_what_is_refused_could_not(machine, mib, at_once, seconds):
    latency = timedelta(seconds=seconds)
    try:
        chosen = calibrate(machine, memory_kib=mib * MIB, at_once=at_once, latency=latency)
    except ConfigError:
        least = machine(Argon2Parameters(7 * MIB, 5))
        assert mib * MIB // at_once < 7 * MIB or least > latency.total_seconds()
        return

    policy, cost = chosen.policy, chosen.policy.parameters
    assert cost.memory_kib * at_once <= mib * MIB
    assert reaches_owasp(cost)
    assert chosen.seconds == machine.asked[cost] <= latency.total_seconds()
    assert policy.permits == at_once
    assert policy.queue >= 1


@given(MACHINES, st.integers(8, 4_096), st.floats(0.02, 1))
def test_one_pass_more_would_not_fit(machine, mib, seconds):
    latency = timedelta(seconds=seconds)
    try:
        chosen = calibrate(machine, memory_kib=mib * MIB, at_once=1, latency=latency).policy
    except ConfigError:
        return

    more = Argon2Parameters(chosen.memory_kib, chosen.time_cost + 1)
    assert chosen.time_cost == HashingPolicy().ceiling.time_cost or machine(more) > latency.total_seconds()


@given(MACHINES, st.integers(8, 4_096), st.floats(0.02, 1))
def test_no_memory_is_left_for_which_there_was_time(machine, mib, seconds):
    """Within a twentieth and a MiB, with as many passes."""
    latency = timedelta(seconds=seconds)
    try:
        chosen = calibrate(machine, memory_kib=mib * MIB, at_once=1, latency=latency).policy
    except ConfigError:
        return

    share = min(mib * MIB, HashingPolicy().ceiling.memory_kib) // MIB * MIB
    more = min(share, int(1.05 * chosen.memory_kib) + 2 * MIB)
    passes = max(PASSES, min(one.time_cost for one in OWASP if one.memory_kib <= more))
    assert chosen.memory_kib == share or machine(Argon2Parameters(more, passes)) > latency.total_seconds()


@given(st.floats(20, 400), st.integers(12, 512))
def test_whoever_has_memory_gets_three_passes_and_whoever_has_not_gets_more(speed, mib):
    """Memory is worth more than a fourth pass, and a third pass more than memory."""
    try:
        chosen = calibrate(Machine(speed), memory_kib=mib * MIB, at_once=1, latency=LATENCY).policy
    except ConfigError:
        return

    assert chosen.time_cost >= PASSES
    if chosen.time_cost > PASSES + 1:
        assert chosen.memory_kib == min(mib * MIB, HashingPolicy().ceiling.memory_kib)


def test_a_usual_server_gets_what_rfc_9106_names_second():
    """64 MiB and three passes, where a MiB takes half a millisecond and a tenth of a second is allowed."""
    chosen = calibrate(Machine(500), memory_kib=4_096 * MIB, at_once=4, latency=LATENCY)

    assert chosen.policy.time_cost == 3
    assert 60 * MIB <= chosen.policy.memory_kib <= 66 * MIB
    assert chosen.hashes_per_second == pytest.approx(4 / chosen.seconds)


def test_the_queue_is_what_can_be_done_within_the_patience():
    chosen = calibrate(Machine(500), memory_kib=4_096 * MIB, at_once=4, latency=LATENCY)

    assert chosen.policy.queue == int(chosen.policy.patience.total_seconds() * 4 / chosen.seconds)


def test_too_little_memory_is_refused_with_the_least_that_will_do():
    with pytest.raises(ConfigError, match="Give 28 MiB") as caught:
        calibrate(Machine(10), memory_kib=27 * MIB, at_once=4, latency=LATENCY)

    assert caught.value.remedy
    assert calibrate(Machine(10), memory_kib=28 * MIB, at_once=4, latency=LATENCY).policy.memory_kib == 7 * MIB


def test_too_little_time_is_refused_with_the_time_it_takes():
    """At once: a host that is too slow is not kept busy for long."""
    machine = Machine(5_000)

    with pytest.raises(ConfigError, match="179 ms here, and 100 ms"):
        calibrate(machine, memory_kib=512 * MIB, at_once=4, latency=LATENCY)

    assert len(machine.asked) == 1


@given(MACHINES, st.integers(8, 4_096))
def test_it_is_done_after_few_measurements(machine, mib):
    """Each takes about as long as a hash may, several times over."""
    try:
        calibrate(machine, memory_kib=mib * MIB, at_once=1, latency=LATENCY)
    except ConfigError:
        pass

    assert len(machine.asked) <= 16


@given(st.lists(st.floats(0.001, 3), min_size=400, max_size=400))
def test_a_machine_that_answers_at_random_comes_to_an_end(answers):
    """A noisy neighbour can spoil the choice, not the rules."""
    given_out = iter(answers)
    try:
        chosen = calibrate(lambda cost: next(given_out), memory_kib=512 * MIB, at_once=2, latency=LATENCY)
    except ConfigError:
        return

    assert chosen.seconds <= LATENCY.total_seconds()
    assert reaches_owasp(chosen.policy.parameters)
