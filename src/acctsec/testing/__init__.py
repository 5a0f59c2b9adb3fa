"""
The public test kit: worlds and doubles to play with, and checks that prove a policy, a store or a platform's own flows.

What needs Hypothesis and pytest (``pip install acctsec[testing]``) loads when it is first used. ``EngineMachine`` is in
``acctsec.testing.machine``, the strategies are in ``acctsec.testing.strategies``, and ``SoftAuthenticator``, which makes
passkeys, is in ``acctsec.testing.authenticator``: import them by name.
"""

from acctsec.testing.crashes import Operation, crash_everywhere
from acctsec.testing.doubles import (
    Authenticator,
    Comparisons,
    ManualClock,
    MemoryDirectory,
    RecordingMessenger,
    RecordingSink,
    SeededEntropy,
    as_async,
    instrumented,
)
from acctsec.testing.linearizability import (
    Checked,
    Failed,
    History,
    NotLinearizable,
    Recorded,
    TooManyOrders,
    check_history,
    read_history,
)
from acctsec.testing.oracles import OracleFound, assert_no_oracle, engine_operations
from acctsec.testing.policies import check_policy
from acctsec.testing.races import Explored, RaceFound, TooManySchedules, explore, replay
from acctsec.testing.stores import WHOLE, Capability, StoreContract, check_store
from acctsec.testing.turns import DEATHS, FAILURES, RACING, Died, Fate, race_world
from acctsec.testing.world import World, async_world, world

__all__ = [
    "DEATHS",
    "FAILURES",
    "RACING",
    "WHOLE",
    "Authenticator",
    "Capability",
    "Checked",
    "Comparisons",
    "Died",
    "Explored",
    "Failed",
    "Fate",
    "History",
    "ManualClock",
    "MemoryDirectory",
    "NotLinearizable",
    "Operation",
    "OracleFound",
    "RaceFound",
    "Recorded",
    "RecordingMessenger",
    "RecordingSink",
    "SeededEntropy",
    "StoreContract",
    "TooManyOrders",
    "TooManySchedules",
    "World",
    "as_async",
    "assert_no_oracle",
    "async_world",
    "check_history",
    "check_policy",
    "check_store",
    "crash_everywhere",
    "engine_operations",
    "explore",
    "instrumented",
    "race_world",
    "read_history",
    "replay",
    "world",
]
