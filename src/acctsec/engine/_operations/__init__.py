"""What a request handler and a worker call, one module a topic: each operation is written once, for both faces."""

from acctsec.engine._operations.addresses import AddressOperations
from acctsec.engine._operations.asking import AskingOperations
from acctsec.engine._operations.changes import ChangeOperations
from acctsec.engine._operations.contacts import ContactOperations
from acctsec.engine._operations.delivery import DeliveryOperations
from acctsec.engine._operations.enrolment import EnrolmentOperations
from acctsec.engine._operations.factors import FactorOperations
from acctsec.engine._operations.passwords import PasswordOperations
from acctsec.engine._operations.sessions import SessionOperations
from acctsec.engine._operations.sign_in import SignInOperations
from acctsec.policy import Policy


class Operations(
    SignInOperations,
    SessionOperations,
    PasswordOperations,
    EnrolmentOperations,
    AskingOperations,
    FactorOperations,
    AddressOperations,
    ContactOperations,
    ChangeOperations,
    DeliveryOperations,
):
    """All operations of an engine."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._flows.core.policy

    @property
    def dropped_observations(self) -> int:
        """How many refused attempts were not told to the sink, because too many came between two deliveries."""
        return self._flows.core.dropped
