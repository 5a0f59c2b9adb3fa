"""Steps at the door: a password, a second factor, a passkey."""

from typing import Literal

from acctsec.claims import (
    DeliveredCode,
    FactorAnswer,
    PasskeyAssertion,
    PushApproval,
    RecoveryCode,
    TotpCode,
    UnlockFactor,
    UnlockLink,
)
from acctsec.protocols import MessagePurpose
from acctsec.testing.authenticator import NoPasskey
from acctsec.testing.scenarios.steps._step import ORIGIN, Operation, Step, Turn

NEEDED = {
    "totp": ("phone",),
    "recovery": ("recovery_codes",),
    "delivered": ("phone/mailbox",),
}


class SignIn(Operation, frozen=True, tag="sign-in"):
    """
    Sign in to *account* by *password*, its right one unless it is given. *identifier* is what is typed for another spelling.
    """

    account: str
    password: str = ""
    identifier: str = ""

    def perform(self, turn: Turn) -> object:
        person = turn.person(self.account)
        typed = turn.text(self.identifier) or person.identifier
        return turn.calls.sign_in(typed, turn.text(self.password) or person.password, context=turn.context)


class Answer(Operation, frozen=True, tag="answer"):
    """
    Answer the second factor that was asked of this actor last: by the *code* of an authenticator, a printed one, a wrong one,
    the one it gave before once more (*repeated*), one that was *delivered*, a *passkey*, or the word of an app that a *push*
    went to. *typed* is typed in place of a right code. *remember*: let this browser in by the password alone for a while.
    *origin* is the page on which a passkey is asked for.
    """

    code: Literal["totp", "recovery", "wrong", "repeated", "delivered", "push", "passkey"]
    typed: str = ""
    remember: bool = False
    origin: str = ORIGIN

    def needs(self) -> tuple[str, ...]:
        return () if self.typed else NEEDED.get(self.code, ())

    def perform(self, turn: Turn) -> object:
        turn.hands.typed = self._answer(turn)
        return turn.calls.verify_factor(turn.hands.ticket, turn.hands.typed, remember=self.remember, context=turn.context)

    def _answer(self, turn: Turn) -> FactorAnswer:
        match self.code:
            case "totp":
                return TotpCode(turn.text(self.typed)) if self.typed else factor_of(turn, "totp")
            case "recovery":
                return RecoveryCode(turn.text(self.typed)) if self.typed else factor_of(turn, "recovery")
            case "wrong":
                return TotpCode(turn.wrong_code())
            case "repeated":
                return turn.hands.typed
            case "delivered":
                return DeliveredCode(turn.text(self.typed) or turn.mailed("code", MessagePurpose.FACTOR_CODE))
            case "push":
                return PushApproval()
            case "passkey":
                return signed(turn, self.origin)


class BeginPasskeySignIn(Operation, frozen=True, tag="begin-passkey-sign-in"):
    """Ask for any passkey of this service, without a name."""

    def perform(self, turn: Turn) -> object:
        return turn.calls.begin_passkey_sign_in(context=turn.context)


class SignInWithPasskey(Operation, frozen=True, tag="sign-in-with-passkey"):
    """Answer what was asked so, by a passkey, on a page of that *origin*."""

    origin: str = ORIGIN

    def perform(self, turn: Turn) -> object:
        return turn.calls.sign_in_with_passkey(turn.hands.ticket, signed(turn, self.origin), context=turn.context)


class InspectUnlock(Operation, frozen=True, tag="inspect-unlock"):
    """Look at the newest link that opens the lane of strangers, as mail scanners do."""

    def needs(self) -> tuple[str, ...]:
        return ("mailbox",)

    def perform(self, turn: Turn) -> object:
        return turn.calls.inspect_unlock(turn.mailed("link", MessagePurpose.GUESSING_STOPPED), context=turn.context)


class Unlock(Operation, frozen=True, tag="unlock"):
    """Open the lane of strangers of *account* that guessing has stopped: *proof* is the newest link for it, or a factor."""

    account: str
    proof: Literal["link", "totp", "recovery"]

    def needs(self) -> tuple[str, ...]:
        return ("mailbox",) if self.proof == "link" else NEEDED[self.proof]

    def perform(self, turn: Turn) -> object:
        if self.proof == "link":
            proof: UnlockLink | UnlockFactor = UnlockLink(turn.mailed("link", MessagePurpose.GUESSING_STOPPED))
        else:
            proof = UnlockFactor(turn.person(self.account).identifier, factor_of(turn, self.proof))
        return turn.calls.unlock(proof, context=turn.context)


class Copy(Step, frozen=True, tag="copy"):
    """
    Take a copy of *what* another actor, *of*, holds at this moment: the token of his session or of his device, the ticket or the
    handle of what he has begun, or his passkey with its key.
    """

    of: str
    what: Literal["session", "device", "ticket", "handle", "passkey"]

    def perform(self, turn: Turn) -> object:
        from copy import deepcopy

        held = getattr(turn.other(self.of), self.what)
        setattr(turn.hands, self.what, deepcopy(held))
        if self.what == "ticket":
            turn.hands.options = turn.other(self.of).options
        return None


def factor_of(turn: Turn, code: str) -> TotpCode | RecoveryCode:
    """What an authenticator shows now, or the next printed code: an empty one when all are used up."""
    if code == "totp":
        app = turn.owned("phone").app
        return TotpCode("") if app is None else turn.shown(app)
    sheet = turn.owned("recovery_codes").codes
    return RecoveryCode(sheet.pop(0) if sheet else "")


def signed(turn: Turn, origin: str) -> PasskeyAssertion:
    """What a passkey answers to the options that were put to this actor last; nothing where it has none that was asked for."""
    key, options = turn.hands.passkey, turn.hands.options
    if key is None or options is None:
        return PasskeyAssertion({})
    try:
        return PasskeyAssertion(key.get(options, origin=origin))
    except NoPasskey:
        return PasskeyAssertion(key.get({**options, "allowCredentials": []}, origin=origin))
