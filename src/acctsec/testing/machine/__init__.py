"""
EngineMachine: an engine, its doubles and a small model of what must be, driven at random by Hypothesis.

Subclass it, and run it against a store of your own or with rules of your own::

    class OurMachine(EngineMachine):
        def make_store(self):
            return OurStore(...)

    TestOurStore = OurMachine.TestCase

Needs ``acctsec[testing]``.
"""

from acctsec.testing.machine._machine import EngineMachine
from acctsec.testing.machine._model import Person
from acctsec.testing.machine._stage import AGING, HASTY

__all__ = ["AGING", "HASTY", "EngineMachine", "Person"]
