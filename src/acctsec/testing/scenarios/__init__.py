"""
Attacks as data: a file says who does what, and what has to be true of it.

``read_scenario`` reads one, ``play`` runs it in a world; the schema is in ``acctsec.testing.scenarios.schema`` and ``.steps``.
"""

from acctsec.testing.scenarios.figures import Check, Consequences, Moment, Played
from acctsec.testing.scenarios.playing import perform, play
from acctsec.testing.scenarios.reading import Loaded, json_schema, read_scenario
from acctsec.testing.scenarios.schema import Scenario

__all__ = ["Check", "Consequences", "Loaded", "Moment", "Played", "Scenario", "json_schema", "perform", "play", "read_scenario"]
