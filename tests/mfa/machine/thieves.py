"""
A machine: the owner and thieves of every kind use one account's factors, sessions and tickets in any order.

Every outcome is held against the model; beside it, and without it, nobody's session ever shows a proof that he could not give.
"""

from datetime import timedelta
from random import Random
from typing import ClassVar

from attrs import Factory, define
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.mfa.machine.model import MOST_PROOFS, Account, Gadget, Login, Pending, level
from tests.mfa.machine.stage import ACTIONS, APP, DAY, FREEZE, HOME, HOUSES, MINUTE, NUMBER, SUBJECT, Own, Stage

from acctsec import (
    Allowed,
    ApprovalPending,
    AsyncEngine,
    AsyncMemoryStore,
    CodeSent,
    DeliveredCode,
    Engine,
    EnrollmentRequired,
    FactorAdded,
    FactorMissing,
    FactorRemoved,
    FactorRequired,
    FreshSession,
    MemoryStore,
    PasswordChanged,
    PromptApproved,
    PromptDenied,
    PromptSent,
    ProofAccepted,
    ProofRequired,
    PushApproval,
    ReauthenticationRequired,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetLink,
    ResumeTicket,
    SessionEnded,
    SessionsEnded,
    SessionValid,
    SignedIn,
    TotpCode,
    TryAgain,
    Waiting,
)
from acctsec.outcomes import FactorsRemoved
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import PASSWORD

TICKET_LASTS = 10 * MINUTE
TIMES = (MINUTE, 4 * MINUTE, 4 * MINUTE, 9 * MINUTE, 16 * MINUTE, DAY)
MOST_FACTORS = 5
AT_ONCE = 24  # tickets that a record remembers as spent

# --- who there is -------------------------------------------------------------------------------------------------------


@define(eq=False)
class Person:
    """Somebody, and what he knows, holds and reads. *stolen* are the methods that others proved in what he took."""

    passwords: list = Factory(list)
    gadgets: list = Factory(list)
    codes: list = Factory(list)
    reads: frozenset = frozenset()
    devices: list = Factory(list)
    sessions: list = Factory(list)
    tickets: list = Factory(list)
    stolen: set = Factory(set)

    @property
    def able(self):
        """Every method that could ever be shown in a session of his."""
        own = {one.method for one in self.gadgets if one.method not in SENT.values()}
        sent = {SENT[address] for address in self.reads}
        known = {"password"} if self.passwords else set()
        return self.stolen | own | sent | known | ({"recovery-code"} if self.codes else set())


SENT = {NUMBER: "text-code", HOME: "mail-code", APP: "push"}
OWNER = "owner"
WHO = (
    OWNER,
    OWNER,
    OWNER,
    "password",
    "password and texts",
    "password and mail",
    "seed",
    "printed code",
    "phone",
    "session",
    "device",
    "gang",
)


def pick(things, number=0):
    """The newest thing, or one that is older."""
    return things[-1 - number % len(things)] if things else None


class Thieves(RuleBasedStateMachine):
    """One account under one policy, for days."""

    face: ClassVar[type] = Engine
    house: ClassVar = HOUSES["nobody has to"]

    def make_store(self):
        """A fresh store."""
        return AsyncMemoryStore() if self.face is AsyncEngine else MemoryStore()

    @initialize(luck=st.integers(0, 2**64 - 1))
    def begin(self, luck):
        """An account without a factor, with an app, with a number as well, with printed codes too."""
        stage = Random(luck).choice((0, 0, 1, 2, 3, 3))
        self.alice = Stage(self.face, self.make_store(), self.house)
        self.account = Account(dict(self.house.asks), self.house.grace, PASSWORD, epoch=self.alice.record.epoch)
        owner = Person(passwords=[PASSWORD], reads=frozenset({HOME, NUMBER, APP}))
        self.people = {OWNER: owner}
        self.used, self.numbers, self.acts = [], 0, 0
        for step in (self.enroll_app, self.enroll_number, self.print_codes)[:stage]:
            self.come_home()
            step(OWNER)
            self.confirm(OWNER)
        if stage:
            self.come_home()
        apps = [one for one in owner.gadgets if one.method == "totp"]
        self.people |= {
            "password": Person(passwords=[PASSWORD]),
            "password and texts": Person(passwords=[PASSWORD], reads=frozenset({NUMBER})),
            "password and mail": Person(passwords=[PASSWORD], reads=frozenset({HOME})),
            "seed": Person(gadgets=apps[:1]),
            "printed code": Person(codes=owner.codes[:1]),
            "phone": Person(gadgets=apps[:], reads=frozenset({NUMBER, APP})),
            "session": Person(),
            "device": Person(devices=owner.devices[:]),
            "gang": Person(passwords=[PASSWORD], codes=owner.codes[:1]),
        }

    @property
    def now(self):
        return self.alice.clock()

    @rule(luck=st.integers(0, 2**64 - 1))
    def act(self, luck):
        """Somebody does something; what, is drawn here, so that each of many choices comes up in every story."""
        self.acts += 1
        luck = Random(f"{luck} {self.acts}")  # the same number twice is not the same act twice
        who, older, yes = luck.choice(WHO), luck.choice((0, 0, 0, 0, 1, 2)), lambda: luck.random() < 0.5
        acts = {
            "sign in": (3, lambda: self.sign_in(who, with_device=yes())),
            "come in": (8, lambda: self.come_in(who, luck, with_device=yes())),
            "answer": (6, lambda: self.answer(who, older, luck.randrange(8))),
            "password": (3, lambda: self.reauthenticate(who, older)),
            "ask": (4, lambda: self.authorize(who, luck.choice(ACTIONS), older)),
            "step up": (10, lambda: self.step_up(who, luck.choice(ACTIONS), luck, older)),
            "enroll": (
                5,
                lambda: luck.choice(
                    (self.enroll_app, self.enroll_app, self.enroll_number, self.enroll_mailbox, self.enroll_push)
                )(who, older),
            ),
            "replace": (2, lambda: luck.choice((self.enroll_app, self.enroll_number))(who, older, replaces=luck.randrange(8))),
            "confirm": (6, lambda: self.confirm(who, older)),
            "remove": (2, lambda: self.remove(who, older, luck.randrange(8))),
            "remove all": (1, lambda: [self.remove(who, 0, 0) for _ in self.account.gadgets]),
            "print": (2, lambda: self.print_codes(who, older)),
            "new password": (1, lambda: self.change_password(who, older)),
            "sign out": (2, lambda: self.sign_out(who, older)),
            "fatigue": (2, lambda: self.fatigue(who, older)),
            "replay": (3, lambda: self.replay(who, luck.randrange(64))),
            "steal": (2, lambda: self.steal(luck.randrange(8), ticket=yes())),
            "cross": (1, lambda: self.cross(who, older)),
            "time": (6, lambda: self.alice.clock.advance(luck.choice((*TIMES, *self.house.times)))),
            "home": (1, self.come_home),
            "restart": (1, self.alice.world.restart),
        }
        names = list(acts)
        self.alice.clock.advance(seconds=1)
        acts[luck.choices(names, [acts[name][0] for name in names])[0]][1]()

    def teardown(self):
        """However the story went, its owner finds a way back."""
        if hasattr(self, "people"):
            try:
                self.come_home()
            finally:
                self.leave()

    def leave(self):
        """Nobody comes here any more."""
        self.alice.world.close()

    # --- tickets and sessions ---

    def pending(self, person, text, kind, dates, *, session=None, action="sign-in", expires=None):
        """A ticket that somebody was handed, which knows when each of its proofs was given."""
        expires = expires or self.now + TICKET_LASTS
        found = Pending(text, kind, self.account.epoch, expires, dict(dates), session=session, action=action)
        person.tickets.append(found)
        return found

    def login(self, person, session):
        """A session that somebody has from now on."""
        self.account.sessions.append(session)
        person.sessions.append(session)

    def signed_in(self, person, outcome, dates):
        """What a sign-in came to, for what was proven so far: the one place where sessions come from."""
        account, methods = self.account, set(dates)
        if account.enough("sign-in", methods):
            due = SignedIn
        elif account.helps("sign-in", methods) or (account.gadgets and len(methods) == 1):
            due = FactorRequired
        elif account.grace is None:
            due = EnrollmentRequired
        else:
            account.enroll_by = account.enroll_by or self.now + account.grace
            due = SignedIn if self.now < account.enroll_by else EnrollmentRequired
        assert isinstance(outcome, due), (outcome, methods)
        if due is SignedIn:
            proofs = sorted(dates.items(), key=lambda one: one[1])[-MOST_PROOFS:]
            self.login(person, Login(outcome.session, account.epoch, proofs, level(methods), self.now))
            person.devices.append(outcome.device)
        return due

    def wrong(self, outcome):
        """Refused, and what was counted for it is forgiven."""
        assert outcome == Refused(), outcome
        self.alice.forgive()

    # --- signing in ---

    def sign_in(self, who, *, with_device=False):
        """Somebody signs in with the newest password that he knows."""
        person, account = self.people[who], self.account
        password = pick(person.passwords)
        if password is None:
            return None
        outcome = self.alice.act("sign_in", HOME, password, device=pick(person.devices) if with_device else None)
        if password != account.password:
            self.wrong(outcome)
            return None
        dates = {"password": self.now}
        due = self.signed_in(person, outcome, dates)
        if due is FactorRequired:
            self.pending(person, outcome.ticket, "sign-in", dates)
        elif due is EnrollmentRequired:
            self.pending(person, outcome.ticket, "enroll", dates)
        return outcome

    def answer(self, who, older, number):
        """Somebody answers the factor that a ticket of his is for, with what he has."""
        person = self.people[who]
        ticket = pick([one for one in person.tickets if one.kind in {"sign-in", "step-up"}], older)
        things = [*person.gadgets, *person.codes, *sorted(person.reads)]
        thing = things[number % len(things)] if things else None
        return None if ticket is None or thing is None else self.show(person, ticket, thing)

    def show(self, person, ticket, thing):
        """An app, an address that one reads, or a printed code, for a ticket."""
        address = getattr(thing, "thing", thing)
        if address == APP:
            return self.show_prompt(person, ticket)
        if address in SENT:
            return self.show_sent(person, ticket, address)
        account, alice = self.account, self.alice
        if isinstance(thing, Gadget):
            alice.clock.advance(seconds=30)
            answer, step = thing.thing.code(self.now), int(self.now.timestamp()) // 30
            fits = thing in account.gadgets and step > thing.last
            method = thing.method
        else:
            answer, method, fits = RecoveryCode(thing), "recovery-code", thing in account.codes and bool(account.gadgets)
        good = fits and account.opens(ticket, self.now)
        outcome = alice.act("verify_factor", ticket.text, answer)
        assert (outcome == Refused()) != good, (outcome, ticket, method)
        if not good:
            self.wrong(outcome)
            return None
        self.used.append(answer)
        if isinstance(thing, Gadget):
            thing.last = step
        else:
            account.codes = [one for one in account.codes if one != thing]
        return self.proven(person, ticket, method, outcome)

    def show_sent(self, person, ticket, address):
        """A code that is sent for a ticket, and typed by whoever reads what comes there."""
        account, alice = self.account, self.alice
        phone = next((one for one in account.gadgets if one.thing == address), None)
        if phone is None or address not in person.reads:
            return None
        alice.clock.advance(seconds=31)
        sent = alice.act("send_code", ticket.text, phone.id)
        assert isinstance(sent, CodeSent) == account.opens(ticket, self.now), (sent, ticket)
        if not isinstance(sent, CodeSent):
            return None
        answer = DeliveredCode(alice.code_for(address))
        for other in [one for one in person.tickets if one.kind == ticket.kind and one is not ticket][-1:]:
            self.wrong(alice.act("verify_factor", other.text, answer))  # it was sent for another
        outcome = alice.act("verify_factor", ticket.text, answer)
        self.used.append(answer)
        return self.proven(person, ticket, phone.method, outcome)

    def prompted(self, ticket):
        """Have the app prompted for a ticket; the number that is shown, or None."""
        account, alice = self.account, self.alice
        phone = next((one for one in account.gadgets if one.thing == APP), None)
        if phone is None:
            return None
        alice.clock.advance(seconds=31)  # by then an earlier prompt is over
        frozen = ticket.kind == "sign-in" and account.frozen is not None and self.now < account.frozen
        outcome = alice.act("push_prompt", ticket.text, phone.id)
        assert isinstance(outcome, PromptSent) == (account.opens(ticket, self.now) and not frozen), (outcome, ticket)
        return outcome.number if isinstance(outcome, PromptSent) else None

    def show_prompt(self, person, ticket):
        """Who asked sees a number, and types it in the app that he holds."""
        number = self.prompted(ticket) if APP in person.reads else None
        if number is None:
            return None
        act, approval = self.alice.act, PushApproval()
        assert isinstance(act("verify_factor", ticket.text, approval), ApprovalPending)
        assert isinstance(act("answer_prompt", self.alice.prompt, number), PromptApproved)
        for other in [one for one in person.tickets if one.kind == ticket.kind and one is not ticket][-1:]:
            assert act("verify_factor", other.text, approval) == Refused()  # it was approved for another
        outcome = act("verify_factor", ticket.text, approval)
        assert act("verify_factor", ticket.text, approval) == Refused()
        return self.proven(person, ticket, "push", outcome)

    def fatigue(self, who, older):
        """Somebody has the owner's app prompted, and the owner says no: it was never he, and there are no more for a while."""
        ticket = pick([one for one in self.people[who].tickets if one.kind == "sign-in"], older)
        if ticket is None or self.prompted(ticket) is None:
            return
        assert isinstance(self.alice.act("deny_prompt", self.alice.prompt), PromptDenied)
        assert self.alice.act("verify_factor", ticket.text, PushApproval()) == Refused()
        self.account.frozen = self.now + FREEZE

    def reauthenticate(self, who, older):
        """Somebody shows his password for a ticket; only one that a session asked for takes it."""
        person, account = self.people[who], self.account
        ticket, password = pick(person.tickets, older), pick(person.passwords)
        if ticket is None or password is None:
            return None
        good = ticket.kind == "step-up" and account.opens(ticket, self.now) and password == account.password
        outcome = self.alice.act("reauthenticate", ticket.text, password)
        assert (outcome == Refused()) != good, (outcome, ticket)
        if not good:
            self.wrong(outcome)
            return None
        return self.proven(person, ticket, "password", outcome)

    def proven(self, person, ticket, method, outcome):
        """One more method was proven for a ticket, which is spent."""
        ticket.spent = True
        dates = ticket.dates | {method: self.now}
        if ticket.kind == "sign-in":
            due = self.signed_in(person, outcome, dates)
            if due is not SignedIn:
                kind = "sign-in" if due is FactorRequired else "enroll"
                self.pending(person, outcome.ticket, kind, dates, expires=ticket.expires)
            return outcome
        account, session, action = self.account, ticket.session, ticket.action
        age = account.wants(action).age
        shown = session.shown(age, self.now) | {one for one, at in dates.items() if self.now - at < age}
        if account.enough(action, shown):
            assert isinstance(outcome, SignedIn), outcome
            account.sessions.remove(session)
            self.login(person, account.proved(session, outcome.session, dates, keep=account.least(action, shown)))
        else:
            self.lacking(person, outcome, session, action, shown, dates, expires=ticket.expires)
        return outcome

    def lacking(self, person, outcome, session, action, shown, dates, *, expires=None):
        """What is asked for where something is missing."""
        account = self.account
        if not account.helps(action, shown):
            assert isinstance(outcome, FactorMissing), outcome
            return
        due = FactorRequired if account.without_password(action, shown) else ReauthenticationRequired
        assert isinstance(outcome, due), (outcome, shown, action)
        self.pending(person, outcome.ticket, "step-up", dates, session=session, action=action, expires=expires)

    def authorize(self, who, action, older=0):
        """Somebody wants to do something with a session of his."""
        person, account = self.people[who], self.account
        session = pick(person.sessions, older)
        if session is None:
            return None
        outcome = self.alice.act("authorize", session.token, action)
        if session not in account.sessions:
            assert isinstance(outcome, SessionEnded), outcome
        elif account.may(session, action, self.now):
            assert isinstance(outcome, Allowed), outcome
            assert set(outcome.session.methods) <= person.able, (who, outcome)
            assert self.now < outcome.until
        else:
            shown = session.shown(account.wants(action).age, self.now)
            self.lacking(person, outcome, session, action, shown, {})
        return outcome

    def come_in(self, who, luck, *, with_device):
        """Somebody signs in and answers what he is asked for, as far as he can."""
        outcome = self.sign_in(who, with_device=with_device)
        while isinstance(outcome, FactorRequired):
            self.dawdle(luck)
            outcome = self.answer(who, 0, luck.randrange(8))

    def step_up(self, who, action, luck, older):
        """Somebody wants to do something, and proves what is missing, now this and now that."""
        outcome = self.authorize(who, action, older)
        for _ in range(4):
            if not isinstance(outcome, FactorRequired | ReauthenticationRequired):
                break
            self.dawdle(luck)
            password = isinstance(outcome, ReauthenticationRequired) or luck.random() < 0.3
            outcome = self.reauthenticate(who, 0) if password else self.answer(who, 0, luck.randrange(8))
        if isinstance(outcome, SignedIn) and self.people[who].sessions:
            self.authorize(who, action)

    def dawdle(self, luck):
        """People take their time."""
        if luck.random() < 0.3:
            self.alice.clock.advance(luck.choice((MINUTE, 2 * MINUTE, 4 * MINUTE)))

    # --- the life of factors ---

    def _begin(self, who, older, operation, *args, **more):
        """Somebody begins to set a factor up, with a session or with the ticket of EnrollmentRequired."""
        person, account = self.people[who], self.account
        tickets = [one for one in person.tickets if one.kind == "enroll" and not one.spent]
        door = pick(tickets) or pick(person.sessions, older)
        if door is None or len(account.gadgets) >= MOST_FACTORS:
            return None
        if isinstance(door, Pending):
            methods, text, dates = door.methods, door.text, door.dates
            open_ = account.opens(door, self.now)
            stuck = not account.enough("sign-in", methods) and not account.helps("sign-in", methods)
            allowed = open_ and (not account.gadgets or (stuck and len(methods) > 1))
            door.spent = not allowed
        else:
            text, dates, allowed = door.token, {}, account.may(door, "change-factors", self.now)
        started = self.alice.act(operation, text, *args, **more)
        assert (started == Refused()) != allowed, (started, door)
        if not allowed:
            return None
        session = door if isinstance(door, Login) else None
        return started, self.pending(person, started.ticket, "confirm", dates, session=session)

    def enroll_app(self, who, older=0, *, replaces=None):
        """An authenticator of somebody's own."""
        gone = None if replaces is None else pick(self.account.gadgets, replaces)
        found = self._begin(who, older, "enroll_totp", replaces=gone.id if gone else "")
        if found:
            found[1].thing, found[1].replaces = Authenticator(found[0]), gone

    def enroll_number(self, who, older=0, address=NUMBER, *, replaces=None):
        """The number of the account; whoever begins, its texts go there."""
        if any(one.thing == address for one in self.account.gadgets):
            return
        gone = None if replaces is None else pick(self.account.gadgets, replaces)
        found = self._begin(who, older, "enroll_delivered", address, replaces=gone.id if gone else "")
        if found:
            found[1].thing, found[1].replaces = (address, self.alice.code_for(address), self.now), gone

    def enroll_mailbox(self, who, older=0):
        """The mailbox of the account: a second factor that proves no possession."""
        self.enroll_number(who, older, HOME)

    def enroll_push(self, who, older=0):
        """The app of the platform, as it runs on the owner's phone."""
        if any(one.thing == APP for one in self.account.gadgets):
            return
        self.alice.clock.advance(seconds=31)
        found = self._begin(who, older, "enroll_push", APP)
        if found and APP in self.people[who].reads:
            typed = self.alice.act("answer_prompt", self.alice.prompt, found[0].number)
            assert isinstance(typed, PromptApproved), typed
            found[1].thing = (APP, None, self.now)

    def confirm(self, who, older=0):
        """Somebody confirms what he began."""
        person, account, alice = self.people[who], self.account, self.alice
        ticket = pick([one for one in person.tickets if one.kind == "confirm"], older)
        if ticket is None:
            return
        step = int(self.now.timestamp()) // 30
        if isinstance(ticket.thing, Authenticator):
            method, answer, thing, good = "totp", ticket.thing.code(self.now), ticket.thing, True
        else:
            thing, code, since = ticket.thing or (None, None, None)
            if thing not in person.reads:
                return
            method, answer = SENT[thing], DeliveredCode(code) if code else PushApproval()
            good = self.now < since + (10 * MINUTE if code else timedelta(seconds=29))
        gone = ticket.replaces or None
        left = account.without(gone) if gone else account.gadgets
        good = good and account.opens(ticket, self.now) and (gone is None or gone in account.gadgets)
        new = Gadget("", method, thing, last=step)
        good = good and (gone is None or account.suffices([*left, new]) or not account.suffices(account.gadgets))
        # Whoever has no session has to be where he was when he began: without a factor, or with all of them proven.
        if ticket.session is None:
            stuck = not account.enough("sign-in", ticket.methods) and not account.helps("sign-in", ticket.methods)
            good = good and (not account.gadgets or (stuck and len(ticket.methods) > 1))
        outcome = alice.act("confirm_factor", ticket.text, answer)
        if not good:
            self.wrong(outcome)
            return
        had = {one.id for one in account.gadgets}
        new.id = next(one.id for one in alice.record.factors if one.id not in had)
        account.gadgets = [*left, new]
        self.used += [answer] if answer != PushApproval() else []
        person.gadgets.append(new)
        if ticket.session is None and self.goes_on(person, ticket, method, outcome):
            return
        assert isinstance(outcome, FactorAdded), (outcome, ticket)
        began = ticket.session or Login("", account.epoch, [], level(()), self.now)
        began = account.relevelled(began) if gone else began
        earlier = {} if ticket.session else ticket.dates
        renewed = account.proved(began, outcome.session, earlier | {method: self.now})
        account.alone(renewed)
        person.sessions.append(renewed)

    def goes_on(self, person, ticket, method, outcome):
        """A set-up for a sign-in ends in a session where the sign-in would; else it is handed the next ticket."""
        account, methods = self.account, {*ticket.methods, method}
        if account.enough("sign-in", methods):
            return False
        helps = account.helps("sign-in", methods) or len(methods) == 1
        if not helps and account.grace is not None:
            account.enroll_by = account.enroll_by or self.now + account.grace
            if self.now < account.enroll_by:
                return False
        account.epoch, account.sessions = account.epoch + 1, []
        assert isinstance(outcome, FactorRequired if helps else EnrollmentRequired), (outcome, ticket)
        # What was proven is dated from the beginning of the set-up, and so never younger than it is.
        dates = dict.fromkeys(sorted(methods), min(ticket.dates.values()))
        self.pending(person, outcome.ticket, "sign-in" if helps else "enroll", dates)
        return True

    def remove(self, who, older, number):
        """Somebody takes a factor off: never below what the policy asks for."""
        person, account = self.people[who], self.account
        session, gadget = pick(person.sessions, older), pick(account.gadgets, number)
        if session is None or gadget is None:
            return
        good = account.may(session, "change-factors", self.now) and account.may_remove(gadget)
        outcome = self.alice.act("remove_factor", session.token, gadget.id)
        assert isinstance(outcome, FactorRemoved) == good, outcome
        if not good:
            assert outcome == Refused(), outcome
            return
        account.gadgets = account.without(gadget)
        account.codes = account.codes if account.gadgets else []
        renewed = account.relevelled(session, outcome.session)
        account.alone(renewed)
        person.sessions.append(renewed)

    def print_codes(self, who, older=0):
        """Somebody prints codes: those of before are void."""
        person, account = self.people[who], self.account
        session = pick(person.sessions, older)
        if session is None:
            return
        good = account.may(session, "change-factors", self.now) and bool(account.gadgets)
        outcome = self.alice.act("issue_recovery_codes", session.token)
        assert isinstance(outcome, RecoveryCodes) == good, outcome
        if good:
            account.codes = list(outcome.codes)
            person.codes = list(outcome.codes)
            renewed = Login(outcome.session, account.epoch, session.proofs, session.level, session.created)
            account.alone(renewed)
            person.sessions.append(renewed)

    def change_password(self, who, older):
        """Somebody changes the password by a session: all sessions end, factors stay."""
        person, account = self.people[who], self.account
        session = pick(person.sessions, older)
        if session is None:
            return
        self.numbers += 1
        new = f"copper lanterns drift about {self.numbers}"
        outcome = self.alice.act("set_password", SUBJECT, new, by=FreshSession(session.token))
        good = account.may(session, "change-password", self.now)
        assert isinstance(outcome, PasswordChanged) == good, outcome
        if good:
            self.new_password(person, new)

    def new_password(self, person, new):
        self.account.password, self.account.sessions = new, []
        self.account.epoch += 1
        person.passwords.append(new)

    def sign_out(self, who, older):
        """Somebody ends a session of his, with whatever it asked for."""
        person, account = self.people[who], self.account
        session = pick(person.sessions, older)
        if session is not None:
            self.authorize(who, Own.WIRE, older)
            assert isinstance(self.alice.act("sign_out", session.token), SessionsEnded)
            account.sessions = [one for one in account.sessions if one is not session]
            thing = pick([*person.codes, *person.gadgets], older)
            for ticket in [one for one in person.tickets if one.session is session and one.kind == "step-up"][-1:]:
                if thing:
                    self.show(person, ticket, thing)

    # --- what thieves try ---

    def replay(self, who, number):
        """Whatever was accepted once is refused for all time, on any ticket."""
        person = self.people[who]
        tickets = [one for one in person.tickets if one.kind in {"sign-in", "step-up"} and self.account.opens(one, self.now)]
        answer, ticket = pick(self.used, number), pick(tickets)
        if answer is not None and ticket is not None:
            self.wrong(self.alice.act("verify_factor", ticket.text, answer))

    def steal(self, number, *, ticket):
        """A session or a pending ticket of the owner is copied."""
        owner, thief = self.people[OWNER], self.people["session"]
        things = owner.tickets if ticket else owner.sessions
        thing = pick(things, number)
        if thing is None or thing in thief.tickets or thing in thief.sessions:
            return
        (thief.tickets if ticket else thief.sessions).append(thing)
        session = thing.session if ticket else thing
        thief.stolen |= thing.methods
        if session:  # of more than three proofs it has forgotten the password
            thief.stolen |= session.methods | ({"password"} if session.level > level(()) else set())
        if isinstance(getattr(thing, "thing", None), Authenticator):
            thief.stolen.add("totp")

    def cross(self, who, older):
        """A ticket of one purpose is none of another, and no session."""
        ticket = pick(self.people[who].tickets, older)
        if ticket is None:
            return
        alice, code = self.alice, TotpCode("000000")
        assert isinstance(alice.act("check_session", ticket.text), SessionEnded)
        assert isinstance(alice.act("authorize", ticket.text, "export-data"), SessionEnded)
        if ticket.kind != "confirm":
            assert alice.act("confirm_factor", ticket.text, code) == Refused()
        if ticket.kind not in {"sign-in", "step-up"}:
            assert alice.act("verify_factor", ticket.text, code) == Refused()
        if ticket.kind != "enroll":
            assert alice.act("enroll_totp", ticket.text) == Refused()
        assert alice.act("redeem_reset", ResumeTicket(ticket.text), "a phrase of nobody at all 4") == Refused()
        alice.forgive()

    # --- the owner's way back ---

    def come_home(self):
        """
        The owner comes in: by his password and what he has; by a reset where somebody has changed it; and where nothing that he
        has is left on the account, to the door that takes the factors off.
        """
        alice, account, owner = self.alice, self.account, self.people[OWNER]
        alice.clock.advance(minutes=6)
        if account.password not in owner.passwords and not self.reset():
            return
        owner.passwords.append(account.password)
        outcome = self.sign_in(OWNER)
        for _ in range(5):
            if isinstance(outcome, SignedIn):
                return
            if isinstance(outcome, EnrollmentRequired):
                self.enroll_app(OWNER)
                self.confirm(OWNER)
                assert owner.sessions[-1] in account.sessions
                return
            assert isinstance(outcome, FactorRequired), outcome
            ticket = owner.tickets[-1]
            usable = [one for one in owner.gadgets if one in account.gadgets and one.method not in ticket.dates]
            usable += [one for one in owner.codes if one in account.codes and "recovery-code" not in ticket.dates]
            if not usable:
                self.take_off_the_lost()
                return
            outcome = self.show(owner, ticket, usable[0])
        raise AssertionError("the owner answers and answers, and is never in")

    def reset(self):
        """A forgotten password, by the mailbox and what else he has. Whether it was done at once."""
        alice, account, owner = self.alice, self.account, self.people[OWNER]
        self.numbers += 1
        new = f"violet staple under the harbour {self.numbers}"
        outcome = alice.act("redeem_reset", ResetLink(self.link()), new)
        if isinstance(outcome, FactorRequired):
            apps = [one for one in owner.gadgets if one in account.gadgets and one.method == "totp"]
            if not apps:
                self.take_off_the_lost()
                return False
            alice.clock.advance(seconds=30)
            answer = apps[0].thing.code(self.now)
            proof = alice.act("verify_factor", outcome.ticket, answer)
            assert isinstance(proof, ProofAccepted), proof
            apps[0].last = int(self.now.timestamp()) // 30
            self.used.append(answer)
            outcome = alice.act("redeem_reset", ResumeTicket(proof.ticket), new)
        assert isinstance(outcome, PasswordChanged | Waiting | ProofRequired), outcome
        if isinstance(outcome, PasswordChanged):
            self.new_password(owner, new)
        return isinstance(outcome, PasswordChanged)

    def link(self):
        self.alice.act("request_reset", HOME)
        self.alice.world.deliver()
        return next(one.link for one in reversed(self.alice.world.messenger.messages) if one.link)

    def take_off_the_lost(self):
        """There is a door, and it does not say no."""
        outcome = self.alice.act("remove_lost_factors", ResetLink(self.link()))
        assert isinstance(outcome, FactorRequired | ProofRequired | Waiting | FactorsRemoved | TryAgain), outcome
        assert not isinstance(outcome, FactorsRemoved), "a mailbox alone takes nothing off"

    # --- what always holds ---

    @invariant()
    def the_record_is_as_the_model_says(self):
        """Factors, codes, sessions and their levels; and a session shows no proof that its holder could not give."""
        if not hasattr(self, "people"):
            return
        account, record = self.account, self.alice.record
        assert {one.id for one in record.factors} == {one.id for one in account.gadgets}
        assert (record.factors.recovery.left if record.factors.recovery else 0) == len(account.codes)
        assert record.epoch == account.epoch
        assert sorted(one.level for one in record.sessions) == sorted(one.level for one in account.sessions)
        for who, person in self.people.items():
            for session in person.sessions[-2:]:
                outcome = self.alice.act("check_session", session.token)
                assert isinstance(outcome, SessionValid) == (session in account.sessions), (who, outcome)
                if isinstance(outcome, SessionValid):
                    assert outcome.session.level == session.level
                    assert set(outcome.session.methods) == session.methods <= person.able, (who, session)
                    assert outcome.session.level <= level(person.able), (who, outcome, person.able)
