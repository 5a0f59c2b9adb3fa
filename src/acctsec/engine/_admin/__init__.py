"""What an operator calls, one module a topic: each act is written once, for both faces."""

from acctsec.engine._admin.letters import LetterActs
from acctsec.engine._admin.populations import PopulationActs
from acctsec.engine._admin.proposals import ProposalActs
from acctsec.engine._admin.subjects import SubjectActs


class AdminActs(SubjectActs, ProposalActs, PopulationActs, LetterActs):
    """All acts of an operator."""
