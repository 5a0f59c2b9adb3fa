"""Steps about passwords: judged, changed, reset, and stopped."""

from typing import Literal

from acctsec.claims import (
    AddressLink,
    ChangeTicket,
    CurrentPassword,
    FreshSession,
    PasswordClaim,
    RecoveryCode,
    ResetCode,
    ResetLink,
    ResetProof,
    ResumeTicket,
    TotpCode,
    UnlockLink,
)
from acctsec.protocols import MessagePurpose
from acctsec.testing.scenarios.steps._step import Count, Operation, Turn
from acctsec.testing.scenarios.steps.signing_in import factor_of

RESETS = (MessagePurpose.RESET, MessagePurpose.RECOVERY_LINK)
NEW_PASSWORD = "copper lanterns drift 63"  # noqa: S105 - one that the rules accept
Proof = Literal["link", "code", "recovery", "factor", "waited"]


class ChoosePassword(Operation, frozen=True, tag="choose-password"):
    """Ask what the rules say to a *password* for *account*."""

    account: str
    password: str

    def perform(self, turn: Turn) -> object:
        person = turn.person(self.account)
        account = turn.account(person)
        return turn.calls.check_password(turn.text(self.password), account=account, tenant=person.tenant)


class ChangePassword(Operation, frozen=True, tag="change-password"):
    """
    Change the password of *account* to *password*. *proof* is its *current* one, right unless it is given, beside the session of
    this actor if there is one; that *session* alone; or the *ticket* of a sign-in that demands the change.
    """

    account: str
    password: str
    proof: Literal["current", "session", "ticket"] = "current"
    current: str = ""

    def perform(self, turn: Turn) -> object:
        person = turn.person(self.account)
        claim: PasswordClaim
        match self.proof:
            case "current":
                claim = CurrentPassword(turn.text(self.current) or person.password, turn.hands.session or None)
            case "session":
                claim = FreshSession(turn.hands.session)
            case "ticket":
                claim = ChangeTicket(turn.hands.ticket)
        return turn.calls.set_password(person.subject, turn.text(self.password), by=claim, context=turn.context)


class RequestReset(Operation, frozen=True, tag="request-reset"):
    """Ask for a reset of *account*. *identifier* is what is typed, if it is another spelling."""

    account: str
    identifier: str = ""

    def perform(self, turn: Turn) -> object:
        typed = turn.text(self.identifier) or turn.person(self.account).identifier
        return turn.calls.request_reset(typed, context=turn.context)


class InspectReset(Operation, frozen=True, tag="inspect-reset"):
    """Look at the newest link in the mailbox, as mail scanners do, or at that of *mail* number 1, 2, 3."""

    mail: Count = 0

    def needs(self) -> tuple[str, ...]:
        return ("mailbox",)

    def perform(self, turn: Turn) -> object:
        return turn.calls.inspect_reset(turn.mailed("link", *RESETS, nth=self.mail), context=turn.context)


class RedeemReset(Operation, frozen=True, tag="redeem-reset"):
    """
    Redeem a reset for a new *password*: *proof* is the newest link or code in the mailbox, or that of *mail* number 1, 2, 3; a
    printed recovery code; the proven second factor that was asked for; or the ticket of what waited. *typed* is typed in place
    of the right code.
    """

    proof: Proof
    password: str
    mail: Count = 0
    typed: str = ""

    def needs(self) -> tuple[str, ...]:
        return () if self.typed else _needed(self.proof)

    def perform(self, turn: Turn) -> object:
        proof = _proof(turn, self.proof, self.mail, turn.text(self.typed))
        return turn.calls.redeem_reset(proof, turn.text(self.password), context=turn.context)


class RemoveLostFactors(Operation, frozen=True, tag="remove-lost-factors"):
    """Take every second factor off by a reset, on the same kinds of *proof*."""

    proof: Proof

    def needs(self) -> tuple[str, ...]:
        return _needed(self.proof)

    def perform(self, turn: Turn) -> object:
        return turn.calls.remove_lost_factors(_proof(turn, self.proof), context=turn.context)


class Veto(Operation, frozen=True, tag="veto"):
    """Stop what the newest notice in the mailbox tells of."""

    def needs(self) -> tuple[str, ...]:
        return ("mailbox",)

    def perform(self, turn: Turn) -> object:
        return turn.calls.veto(turn.mailed("veto"), context=turn.context)


class InspectVeto(Operation, frozen=True, tag="inspect-veto"):
    """Look at what that notice could stop, as mail scanners do."""

    def needs(self) -> tuple[str, ...]:
        return ("mailbox",)

    def perform(self, turn: Turn) -> object:
        return turn.calls.inspect_veto(turn.mailed("veto"), context=turn.context)


class Misuse(Operation, frozen=True, tag="misuse"):
    """
    Bring *what* this actor has to a door that it was not made for: *at* is where a reset, a veto, the lane of strangers or a
    session is asked for.
    """

    what: Literal["reset-link", "veto", "unlock-link", "address-link", "session", "device", "ticket", "handle"]
    at: Literal["redeem-reset", "veto", "unlock", "verify-address", "check-session", "verify-factor"]

    def perform(self, turn: Turn) -> object:
        token, calls, here = self._token(turn), turn.calls, turn.context
        match self.at:
            case "redeem-reset":
                return calls.redeem_reset(ResetLink(token), NEW_PASSWORD, context=here)
            case "veto":
                return calls.veto(token, context=here)
            case "unlock":
                return calls.unlock(UnlockLink(token), context=here)
            case "verify-address":
                return calls.verify_address(AddressLink(token), context=here)
            case "check-session":
                return calls.check_session(token, context=here)
            case "verify-factor":
                return calls.verify_factor(token, TotpCode("000000"), context=here)

    def _token(self, turn: Turn) -> str:
        match self.what:
            case "reset-link":
                return turn.mailed("link", *RESETS)
            case "veto":
                return turn.mailed("veto")
            case "unlock-link":
                return turn.mailed("link", MessagePurpose.GUESSING_STOPPED)
            case "address-link":
                return turn.mailed("link", MessagePurpose.PROVE_ADDRESS)
            case _:
                return getattr(turn.hands, self.what) or ""


def _needed(proof: Proof) -> tuple[str, ...]:
    return {"link": ("mailbox",), "code": ("mailbox",), "recovery": ("recovery_codes",)}.get(proof, ())


def _proof(turn: Turn, proof: Proof, nth: int = 0, typed: str = "") -> ResetProof:
    match proof:
        case "link":
            return ResetLink(turn.mailed("link", *RESETS, nth=nth))
        case "code":
            return ResetCode(turn.hands.handle, typed or turn.mailed("code", *RESETS, nth=nth))
        case "recovery":
            return RecoveryCode(typed or factor_of(turn, "recovery").code, turn.hands.handle)
        case "factor":
            return ResumeTicket(turn.hands.ticket)
        case "waited":
            return ResumeTicket(turn.hands.waits)
