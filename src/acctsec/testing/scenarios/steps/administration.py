"""Steps of an administrator, in the tool of the support desk."""

from typing import Literal

from acctsec.claims import Admin
from acctsec.outcomes import Proposed
from acctsec.recovery import Capability
from acctsec.testing.scenarios.steps._step import Operation, Turn


class Administer(Operation, frozen=True, tag="administer"):
    """
    Do an *act* to *account*: ``disable`` or ``enable`` it, ``unlock`` what guessing has stopped, ``require-password-change`` at
    the next sign-in, mail a link to choose an ``initial-password``, ``erase`` it.
    """

    account: str
    act: Literal["disable", "enable", "unlock", "require-password-change", "initial-password", "erase"]

    def needs(self) -> tuple[str, ...]:
        return ("administrator",)

    def perform(self, turn: Turn) -> object:
        person, acts = turn.person(self.account), turn.calls.admin
        return getattr(acts, self.act.replace("-", "_"))(person.subject, actor=turn.by, tenant=person.tenant)


class SetPassword(Operation, frozen=True, tag="set-password"):
    """Choose the *password* of *account* as an administrator."""

    account: str
    password: str

    def needs(self) -> tuple[str, ...]:
        return ("administrator",)

    def perform(self, turn: Turn) -> object:
        subject, password = turn.person(self.account).subject, turn.text(self.password)
        return turn.calls.set_password(subject, password, by=Admin(turn.by), context=turn.context)


class ProposeRecovery(Operation, frozen=True, tag="propose-recovery"):
    """
    Propose a recovery of *account*. *gives* says what comes back: its password or its factors, by a link to *address*, or mail,
    at a new *address*.
    """

    account: str
    gives: Literal["password", "factors", "addresses"]
    address: str = ""

    def needs(self) -> tuple[str, ...]:
        return ("administrator",)

    def perform(self, turn: Turn) -> object:
        person, address = turn.person(self.account), turn.text(self.address) or None
        found = turn.calls.admin.propose_recovery(
            person.subject, Capability(self.gives), actor=turn.by, address=address, tenant=person.tenant
        )
        if isinstance(found, Proposed):
            person.proposal = found.change
        return found


class ApproveRecovery(Operation, frozen=True, tag="approve-recovery"):
    """Agree to what was proposed last for *account*, with the *address* where one was named."""

    account: str
    address: str = ""

    def needs(self) -> tuple[str, ...]:
        return ("administrator",)

    def perform(self, turn: Turn) -> object:
        person, address = turn.person(self.account), turn.text(self.address) or None
        return turn.calls.admin.approve_recovery(
            person.subject, person.proposal, actor=turn.by, address=address, tenant=person.tenant
        )
