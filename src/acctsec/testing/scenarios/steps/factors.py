"""Steps about second factors: set up, sent, pushed, taken off."""

from typing import Literal

from acctsec.claims import NewFactorAnswer, PasskeyAttestation
from acctsec.outcomes import (
    EnrollmentStarted,
    PasskeyEnrollmentStarted,
    RecoveryCodes,
    Refused,
    ReportReason,
)
from acctsec.protocols import MessagePurpose
from acctsec.testing.authenticator import SoftAuthenticator
from acctsec.testing.doubles import Authenticator, SeededEntropy
from acctsec.testing.scenarios.steps._step import ORIGIN, Operation, Turn


class Enroll(Operation, frozen=True, tag="enroll"):
    """
    Set a factor of that *kind* up, from the beginning to the proof, with the session that this actor got last or the ticket of a
    sign-in that demands one.
    """

    kind: Literal["totp", "passkey"]

    def perform(self, turn: Turn) -> object:
        calls, here = turn.calls, turn.context
        holds = turn.hands.session or turn.hands.ticket
        match self.kind:
            case "totp":
                return self._confirmed(turn, calls.enroll_totp(holds, name=turn.by, context=here))
            case "passkey":
                return self._confirmed(turn, calls.enroll_passkey(holds, name=turn.by, context=here))

    def _confirmed(self, turn: Turn, begun: object) -> object:
        """The outcome of the proof, or why there is nothing to prove."""
        match begun:
            case EnrollmentStarted():
                app = Authenticator(begun)
                answer: NewFactorAnswer = turn.shown(app)
                ticket = app.ticket
            case PasskeyEnrollmentStarted(ticket=ticket, options=options):
                turn.hands.passkey = turn.hands.passkey or SoftAuthenticator(entropy=SeededEntropy(turn.number), algorithm=-7)
                answer = PasskeyAttestation(turn.hands.passkey.create(options, origin=ORIGIN))
            case _:
                return begun
        return turn.calls.confirm_factor(ticket, answer, context=turn.context)


class IssueRecoveryCodes(Operation, frozen=True, tag="issue-recovery-codes"):
    """Have a new sheet of codes printed, for the account whose sheet this actor has; he holds it from then on."""

    def needs(self) -> tuple[str, ...]:
        return ("recovery_codes",)

    def perform(self, turn: Turn) -> object:
        found = turn.calls.issue_recovery_codes(turn.hands.session, context=turn.context)
        if isinstance(found, RecoveryCodes):
            turn.owned("recovery_codes").codes = list(found.codes)
        return found


class RemoveFactor(Operation, frozen=True, tag="remove-factor"):
    """Take the first factor of the list away, with the session that this actor got last."""

    def perform(self, turn: Turn) -> object:
        return turn.calls.remove_factor(turn.hands.session, _first(turn), context=turn.context)


class ReportFactor(Operation, frozen=True, tag="report-factor"):
    """Report the first factor of the list, with the session that this actor got last; *why* is what became of it."""

    why: Literal["lost", "compromised"]

    def perform(self, turn: Turn) -> object:
        why = ReportReason(self.why)
        return turn.calls.report_factor(turn.hands.session, _first(turn), why, context=turn.context)


class SendCode(Operation, frozen=True, tag="send-code"):
    """Have a code sent that proves the factor of *account*, where one was asked of this actor last."""

    account: str

    def perform(self, turn: Turn) -> object:
        factor = factor_id(turn, self.account, "delivered")
        return turn.calls.send_code(turn.hands.ticket, factor, context=turn.context)


class PushPrompt(Operation, frozen=True, tag="push-prompt"):
    """Have the app of *account* prompted for the factor that was asked of this actor last; his browser shows the number."""

    account: str

    def perform(self, turn: Turn) -> object:
        return turn.calls.push_prompt(turn.hands.ticket, factor_id(turn, self.account, "push"), context=turn.context)


class AnswerPrompt(Operation, frozen=True, tag="answer-prompt"):
    """Type a number for the newest prompt in the app: the one that is shown to the actor *shown_to*, or *typed*."""

    shown_to: str = ""
    typed: str = ""

    def needs(self) -> tuple[str, ...]:
        return ("phone",)

    def perform(self, turn: Turn) -> object:
        number = turn.text(self.typed) or turn.other(self.shown_to or turn.by).number
        return turn.calls.answer_prompt(turn.mailed("prompt", MessagePurpose.PROMPT), number, context=turn.context)


class DenyPrompt(Operation, frozen=True, tag="deny-prompt"):
    """Press "this was not me" in the app."""

    def needs(self) -> tuple[str, ...]:
        return ("phone",)

    def perform(self, turn: Turn) -> object:
        return turn.calls.deny_prompt(turn.mailed("prompt", MessagePurpose.PROMPT), context=turn.context)


def factor_id(turn: Turn, account: str, kind: str) -> str:
    """The id of a factor, as the list beside a ticket has it."""
    person = turn.person(account)
    found = turn.calls.admin.export(person.subject, tenant=person.tenant).factors
    return next((one.id for one in found if one.kind.value == kind), "")


def _first(turn: Turn) -> str:
    listed = turn.calls.list_factors(turn.hands.session, context=turn.context)
    return "" if isinstance(listed, Refused) else next((one.id for one in listed.factors), "")
