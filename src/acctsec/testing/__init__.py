"""
The public test kit: worlds and doubles to play with, and checks that prove a policy, a store or a platform's own flows.

What needs Hypothesis (``pip install acctsec[testing]``) is imported by name: ``EngineMachine`` from
``acctsec.testing.machine``, and the module ``acctsec.testing.strategies``.
"""

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
from acctsec.testing.world import World, async_world, world

__all__ = [
    "Authenticator",
    "Comparisons",
    "ManualClock",
    "MemoryDirectory",
    "RecordingMessenger",
    "RecordingSink",
    "SeededEntropy",
    "World",
    "as_async",
    "async_world",
    "instrumented",
    "world",
]
