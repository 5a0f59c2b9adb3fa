"""
Attacks as data: a file says who does what, and what has to be true of it.

``read_scenario`` reads one, ``play`` runs it in a world; the schema is in ``acctsec.testing.scenarios.schema``.
"""

from acctsec.testing.scenarios.playing import Played, play
from acctsec.testing.scenarios.reading import Loaded, read_scenario
from acctsec.testing.scenarios.schema import Scenario

__all__ = ["Loaded", "Played", "Scenario", "play", "read_scenario"]
