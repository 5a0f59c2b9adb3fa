"""
One subject's factors, sessions and tickets as they have to be, in plain sets and numbers.

Nothing here is taken from the library but the values that it answers with: what proofs are worth, and what an action asks for, is
written down a second time, by hand.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import combinations

from attrs import Factory, define, field, frozen

from acctsec import AssuranceLevel

FRESH = timedelta(minutes=15)
MOST_PROOFS = 3
POSSESSIONS = {"totp", "hotp", "recovery-code", "text-code", "voice-code", "push"}
KEYS = {"passkey", "passkey-bound", "passkey-touch", "passkey-touch-bound"}
BOUND = {"passkey-bound", "passkey-touch-bound"}
VERIFIED = {"passkey", "passkey-bound"}


def level(methods):
    """What methods are worth together (SP 800-63B-4)."""
    known = set(methods)
    password = "password" in known
    if any(password or one in VERIFIED for one in known & BOUND):
        return AssuranceLevel.AAL3
    if known & VERIFIED or (password and known & (POSSESSIONS | KEYS)):
        return AssuranceLevel.AAL2
    return AssuranceLevel.AAL1


def complete(methods):
    """Whether a second factor is among them, beside a password or by itself."""
    return bool(methods & VERIFIED) or ("password" in methods and bool(methods - {"password", "remembered-device"}))


@frozen
class Asks:
    """What an action asks for, beside the subject's own factors: *enough* of methods, each as old as *age* at most."""

    enough: Callable = lambda _: True
    age: timedelta = FRESH


@define(eq=False)
class Gadget:
    """A factor that is live: by which *method* it is proven, and what its holder has of it. *last*: its newest step."""

    id: str
    method: str
    thing: object
    last: object = None


@define(eq=False)
class Login:
    """A session: what it proved, newest last, and when."""

    token: str = field(repr=False)
    epoch: int
    proofs: list
    level: AssuranceLevel
    created: datetime
    end: object = None

    @property
    def methods(self):
        return {method for method, _ in self.proofs}

    def shown(self, age, now):
        """What was proven lately."""
        return {method for method, at in self.proofs if now - at < age}


@define(eq=False)
class Pending:
    """A ticket, of what kind, for what *action* of which *session*, and when each method was proven for it."""

    text: str = field(repr=False)
    kind: str
    epoch: int
    expires: datetime
    dates: dict = Factory(dict)
    session: Login | None = None
    action: str = "sign-in"
    thing: object = None
    replaces: str = ""
    spent: bool = False

    @property
    def methods(self):
        return set(self.dates)


@define(eq=False)
class Account:
    """The account as it has to be: *asks* maps actions to what the policy wants of its member."""

    asks: dict
    grace: timedelta | None = None
    password: str = ""
    epoch: int = 0
    gadgets: list = Factory(list)
    codes: list = Factory(list)
    sessions: list = Factory(list)
    enroll_by: datetime | None = None
    frozen: datetime | None = None  # until when strangers have nothing pushed

    # --- what is asked for ---

    @property
    def can(self):
        """All that anybody could prove now."""
        codes = {"recovery-code"} if self.gadgets and self.codes else set()
        return {"password"} | {one.method for one in self.gadgets} | codes

    def wants(self, action):
        return self.asks.get(action, Asks())

    def enough(self, action, methods):
        """Whether these methods, all of them recent, are enough for it now."""
        guarded = not self.gadgets or complete(methods)
        return bool(methods) and guarded and self.wants(action).enough(methods)

    def helps(self, action, methods):
        """Whether anything that the subject has would be enough."""
        return self.enough(action, methods | self.can)

    def without_password(self, action, methods):
        """Whether it would be enough without the password, shown once more."""
        return self.enough(action, methods | (self.can - {"password"}))

    def may(self, session, action, now):
        """Whether a session may do that now."""
        return session in self.sessions and self.enough(action, session.shown(self.wants(action).age, now))

    def suffices(self, gadgets):
        """Whether a member can sign in by a password and these."""
        return self.wants("sign-in").enough({"password"} | {one.method for one in gadgets})

    def opens(self, ticket, now):
        """Whether anything can come of a ticket."""
        stands = ticket.session is None or ticket.session in self.sessions
        return not ticket.spent and ticket.epoch == self.epoch and now < ticket.expires and stands

    # --- what happens ---

    def least(self, action, methods):
        """The fewest of these methods that are enough: what a session never forgets to make room."""
        sizes = range(1, MOST_PROOFS + 1)
        tried = (set(some) for size in sizes for some in combinations(sorted(methods), size))
        return next((some for some in tried if self.enough(action, some)), set())

    def proved(self, session, token, proven, keep=frozenset()):
        """A session under a new token, with more that was proven; the newest proofs, and before all those to *keep*."""
        newest = dict(session.proofs)
        newest |= {method: max(at, newest.get(method, at)) for method, at in proven.items()}
        proofs = sorted(newest.items(), key=lambda one: (one[0] in keep, one[1]))[-MOST_PROOFS:]
        worth = max(session.level, level(method for method, _ in proofs))
        return Login(token, self.epoch, proofs, worth, session.created)

    def relevelled(self, session, token=""):
        """A session after a factor is gone: worth what it proved by those that are left."""
        there = (self.can | {"recovery-code"}) if self.gadgets else {"password"}
        proofs = [one for one in session.proofs if one[0] in there]
        worth = min(session.level, level(method for method, _ in proofs))
        return Login(token, self.epoch, proofs, worth, session.created)

    def alone(self, session):
        """A privilege changed: one session is left, and nothing else that was handed out."""
        self.epoch += 1
        session.epoch = self.epoch
        self.sessions = [session]

    def without(self, gadget):
        """The factors that are left."""
        return [one for one in self.gadgets if one is not gadget]

    def may_remove(self, gadget):
        """Never below what the policy asks for; where it was below already, never the last."""
        left = self.without(gadget)
        return self.suffices(left) or (not self.suffices(self.gadgets) and bool(left))
