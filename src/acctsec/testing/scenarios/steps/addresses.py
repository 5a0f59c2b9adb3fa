"""Steps about addresses and names: added, proven, taken off, changed."""

from typing import Literal

from acctsec.claims import AddressCode, AddressLink, AddressProof, ResumeTicket
from acctsec.protocols import MessagePurpose
from acctsec.testing.scenarios.steps._step import Operation, Turn


class AddAddress(Operation, frozen=True, tag="add-address"):
    """Say that *address* is the account's too, or that it *replaces* another, with the session that this actor got last."""

    address: str
    replaces: str = ""

    def perform(self, turn: Turn) -> object:
        replaces = turn.text(self.replaces) or None
        return turn.calls.add_address(turn.hands.session, turn.text(self.address), replaces=replaces, context=turn.context)


class VerifyAddress(Operation, frozen=True, tag="verify-address"):
    """
    Prove a new address: *proof* is the newest link for it that this actor can read, the newest code, or the ticket of what
    waited. *session*: in the session that this actor got last; a code needs one.
    """

    proof: Literal["link", "code", "waited"]
    session: bool = True

    def needs(self) -> tuple[str, ...]:
        return () if self.proof == "waited" else ("mailbox",)

    def perform(self, turn: Turn) -> object:
        session = turn.hands.session or None if self.session else None
        return turn.calls.verify_address(self._proof(turn), session=session, context=turn.context)

    def _proof(self, turn: Turn) -> AddressProof:
        match self.proof:
            case "link":
                return AddressLink(turn.mailed("link", MessagePurpose.PROVE_ADDRESS))
            case "code":
                return AddressCode(turn.hands.change, turn.mailed("code", MessagePurpose.PROVE_ADDRESS))
            case "waited":
                return ResumeTicket(turn.hands.waits)


class RemoveAddress(Operation, frozen=True, tag="remove-address"):
    """Take *address* off, with the session that this actor got last."""

    address: str

    def perform(self, turn: Turn) -> object:
        return turn.calls.remove_address(turn.hands.session, turn.text(self.address), context=turn.context)


class ChangeIdentifier(Operation, frozen=True, tag="change-identifier"):
    """Let the account answer to the name *new* instead of *old*, with the session that this actor got last."""

    old: str
    new: str

    def perform(self, turn: Turn) -> object:
        return turn.calls.change_identifier(turn.hands.session, self.old, turn.text(self.new), context=turn.context)
