"""Steps inside a session: used, judged, proven once more, ended."""

from acctsec.claims import FreshSession
from acctsec.testing.scenarios.steps._step import Operation, Turn


class CheckSession(Operation, frozen=True, tag="check-session"):
    """Use the session that this actor got last, as every request of a browser does; a renewed token takes its place."""

    def perform(self, turn: Turn) -> object:
        return turn.calls.check_session(turn.hands.session, context=turn.context)


class Authorize(Operation, frozen=True, tag="authorize"):
    """Ask whether that session may do an *action* now."""

    action: str

    def perform(self, turn: Turn) -> object:
        return turn.calls.authorize(turn.hands.session, self.action, context=turn.context)


class Reauthenticate(Operation, frozen=True, tag="reauthenticate"):
    """Type the *password* once more where that was asked for: the right one of *account* unless it is given."""

    account: str
    password: str = ""

    def perform(self, turn: Turn) -> object:
        password = turn.text(self.password) or turn.person(self.account).password
        return turn.calls.reauthenticate(turn.hands.ticket, password, context=turn.context)


class SignOut(Operation, frozen=True, tag="sign-out"):
    """End that session."""

    def perform(self, turn: Turn) -> object:
        return turn.calls.sign_out(turn.hands.session, context=turn.context)


class SignOutEverywhere(Operation, frozen=True, tag="sign-out-everywhere"):
    """End every session of *account*, with that one."""

    account: str

    def perform(self, turn: Turn) -> object:
        subject, claim = turn.person(self.account).subject, FreshSession(turn.hands.session)
        return turn.calls.sign_out_everywhere(subject, by=claim, context=turn.context)
