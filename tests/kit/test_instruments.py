"""The instruments of the kit say how to mend what they are given, and do not go on with it."""

from datetime import datetime, timedelta

import pytest

from acctsec import ConfigError
from acctsec.testing import ManualClock, SeededEntropy, async_world, explore, race_world, world


@pytest.mark.parametrize("now", [datetime(2026, 1, 5), "2026-01-05", None])
def test_a_clock_is_given_an_aware_instant(now):
    with pytest.raises(ConfigError, match="tzinfo=UTC"):
        ManualClock(now)


@pytest.mark.parametrize(("step", "units"), [(5, {}), (timedelta(1), {"minutes": 5}), ("5", {})])
def test_a_clock_is_moved_by_a_length(step, units):
    """By one: of two, one would be ignored."""
    with pytest.raises(ConfigError, match="advance"):
        ManualClock().advance(step, **units)


@pytest.mark.parametrize("seed", ["1", None, 1.0, True])
def test_entropy_is_seeded_with_a_number(seed):
    with pytest.raises(ConfigError, match="Give a number"):
        SeededEntropy(seed)


def test_a_race_of_a_blocking_engine_is_refused():
    """Its flows are over before they could race."""
    with pytest.raises(ConfigError, match="race_world"):
        explore(world, lambda w: [w.engine.inspect_reset("x", context=w.context())], lambda *_: None)


def test_a_race_that_waits_for_the_world_outside_is_refused():
    """It could not be told to go on, and would never end."""

    async def slow(w):
        from asyncio import sleep

        await sleep(0)
        return await w.engine.inspect_reset("x", context=w.context())

    with pytest.raises(ConfigError, match="await nothing beside the engine"):
        explore(race_world, lambda w: [slow(w), slow(w)], lambda *_: None)


def test_a_race_of_an_async_engine_that_is_not_made_for_it_runs_into_nothing():
    """Without store calls to stop at there is one order; a world made for races has several."""
    worlds = []

    def make_world():
        worlds.append(async_world())
        return worlds[-1]

    asked = explore(make_world, lambda w: [w.engine.inspect_reset("x", context=w.context())], lambda *_: None)
    for one in worlds:
        one.close()
    assert asked.schedules == 1
