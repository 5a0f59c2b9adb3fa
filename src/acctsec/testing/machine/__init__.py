"""
EngineMachine: an engine, its doubles and a small model of what must be, driven at random by Hypothesis.

Subclass it, and run it against a store of your own or with flows of your own::

    class OurMachine(EngineMachine):
        def make_store(self):
            return OurStore(...)

        @rule(who=WHO, at_once=AT_ONCE, number=NUMBER)
        def export_my_data(self, who, at_once, number):
            person = self.people[who]
            session = self.session_of(person, number, at_once=at_once)
            if session is not None:
                assert our_export(self.world.engine, session.text) == self.may(person, session, Action.EXPORT_DATA)

    TestOurStore = OurMachine.TestCase

WHO, NUMBER and AT_ONCE are what rules draw: one of the two people, one of several things (``pick``), and whether to bring about
first what the rule needs. ``granted`` holds an outcome against what the model allows.

Needs ``acctsec[testing]``.
"""

from acctsec.testing.machine._machine import EngineMachine
from acctsec.testing.machine._model import Person, Session, Ticket
from acctsec.testing.machine._stage import AGING, AT_ONCE, HASTY, NUMBER, WHO, granted, pick

__all__ = ["AGING", "AT_ONCE", "HASTY", "NUMBER", "WHO", "EngineMachine", "Person", "Session", "Ticket", "granted", "pick"]
