"""A model of one account in many hands, and a machine that lets all of them act in any order: nobody gets what he has not proven."""

from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import ClassVar

from attrs import Factory, define, evolve, field
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.recovery.stage import AAL2, DAY, DEFAULT, HOME, OLD, PHONE, SUBJECT, WORK, Stage

from acctsec import (
    AssuranceLevel,
    AsyncEngine,
    AsyncMemoryStore,
    ChangeCancelled,
    Engine,
    FactorAdded,
    FactorRemoved,
    FactorRequired,
    FreshSession,
    MemoryStore,
    MessagePurpose,
    PasswordChanged,
    ProofAccepted,
    ProofRequired,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SessionEnded,
    SessionValid,
    SignedIn,
    TryAgain,
    Vetoed,
    VetoPending,
    Waiting,
)
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve as evolved
from acctsec.budgets import Budget
from acctsec.claims import LinkClaims
from acctsec.outcomes import FactorsRemoved
from acctsec.record import MAX_CHANGES, MAX_DEVICES, SKEW
from acctsec.recovery import Capability, Enough, Facts, Forbidden, Proof
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import PASSWORD, World, built

OFTEN = Budget(limit=1000, window=timedelta(minutes=20))
TEXTS = Budget(limit=1000, window=timedelta(minutes=8))
MINUTE = timedelta(minutes=1)


def often(policy):
    """The same policy, under which nobody is kept from asking."""
    return evolve(policy, reset=evolve(policy.reset, per_source=OFTEN, per_subject=OFTEN, per_number=TEXTS))


# --- the model ---------------------------------------------------------------------------------------------------------


@define(eq=False)
class Token:
    """
    A link, a texted code or a ticket, and what it stands for.

    *proofs* are the kinds of proof so far. It is dead after *expires*, in another epoch, and once *used*. *link* is what it began
    with, *change* what waits for it, *about* the address that proved it.
    """

    text: str = field(repr=False)
    proofs: frozenset
    epoch: int
    expires: object
    about: str = ""
    link: "Token | None" = None
    change: "Told | None" = None
    used: bool = False

    def holds(self, now, epoch):
        """Whether anything can come of it."""
        begun = self.link is None or self.change is not None or self.link.holds(now, epoch)
        return not self.used and self.epoch == epoch and now < self.expires and begun


@define(eq=False)
class Told:
    """A change that waits, or, with *made*, can be vetoed; *was* is what it was while it waited."""

    kind: Capability
    proofs: frozenset
    asked: object
    until: object
    expires: object
    about: str
    weak: bool = True
    made: bool = False
    was: "Told | None" = None
    vetoes: dict = Factory(dict)


@define(eq=False)
class App:
    """An authenticator that is live."""

    id: str
    app: Authenticator
    created: object


@define(eq=False)
class Login:
    """A session."""

    token: str = field(repr=False)
    epoch: int
    level: AssuranceLevel
    at: object


@define(eq=False)
class Person:
    """Somebody, what he reads and what he holds."""

    reads: tuple = ()
    apps: list = Factory(list)
    codes: list = Factory(list)
    passwords: list = Factory(list)
    devices: list = Factory(list)
    sessions: list = Factory(list)
    tickets: list = Factory(list)
    resumes: list = Factory(list)

    @property
    def able(self):
        """Every kind of proof that he could ever show."""
        mail = {Proof.MAIL} if {HOME, WORK} & set(self.reads) else set()
        text = {Proof.TEXT} if PHONE in self.reads else set()
        return mail | text | ({Proof.FACTOR} if self.apps else set()) | ({Proof.RECOVERY_CODE} if self.codes else set())


@define(eq=False)
class Account:
    """The account as it has to be."""

    policy: object
    groups: frozenset
    epoch: int = 0
    password: str = PASSWORD
    apps: list = Factory(list)
    codes: list = Factory(list)
    printed: object = None
    contest: tuple | None = None
    changes: list = Factory(list)
    devices: list = Factory(list)
    seen: dict = Factory(dict)  # when somebody was last at the device of a token
    sessions: list = Factory(list)

    @property
    def trusted(self):
        """The authenticators that count."""
        return [one for one in self.apps if self.contest is None or one.created < self.contest[0]]

    @property
    def good(self):
        """The printed codes that count."""
        return self.codes if self.contest is None or (self.printed and self.printed < self.contest[0]) else []

    @property
    def level(self):
        return AAL2 if self.trusted else AssuranceLevel.AAL1

    def knows(self, device):
        """Whether a token is of a known device: each has all the tokens that were given out for it."""
        return any(device in one for one in self.devices)

    def open(self, now):
        """The changes that a veto could stop."""
        return [one for one in self.changes if one.weak and now < one.expires]

    def held(self, now, since):
        """Until when that is not taken off which was there *since* then, or None."""
        return max((one.expires for one in self.open(now) if one.made and since < one.asked), default=None)

    @property
    def oldest(self):
        """Since when the first of the authenticators is there."""
        return min(one.created for one in self.apps)

    def judged(self, proofs, gives, now, *, known):
        """What proofs come to now."""
        found = self.policy.recovery.judge(
            proofs | ({Proof.DEVICE} if known else set()),
            gives=gives,
            level=self.level,
            groups=self.groups,
            facts=Facts(now=now, known_device=known),
            contested=None if self.contest is None else self.contest[1],
        )
        return Enough(found.wait, weak=False) if isinstance(found, Enough) and self.contest else found

    def ever(self, able, gives):
        """Whether somebody who can show *able*, and no more, may ever get this: by the paths alone."""
        paths = self.policy.recovery.allowed(gives=gives, level=self.level, groups=self.groups)
        return any(one.proofs <= able for one in paths)

    def next_epoch(self, *, places=True):
        """Sessions, tickets and what waits are over."""
        self.epoch += 1
        self.sessions = []
        self.changes = [one for one in self.changes if one.made]
        if places:
            self.devices = []

    def add(self, change, now):
        """Room for a change, or None where all of it is taken by what waits."""
        kept = [one for one in self.changes if now < one.expires]
        if len(kept) == MAX_CHANGES:
            made = [one for one in (*kept, change) if one.made]
            if len(made) < 2:
                return False
            loser, heir = made[1:3] if len(made) > 2 else made
            heir.asked, heir.proofs = min(loser.asked, heir.asked), heir.proofs | loser.proofs
            kept.remove(loser)
        self.changes = [*kept, change]
        return True

    def vetoed(self, now):
        """Frozen."""
        found = self.open(now)
        since, proofs = min(one.asked for one in found) - MINUTE, frozenset({Proof.MAIL}).union(*(one.proofs for one in found))
        if self.contest:
            since, proofs = min(since, self.contest[0]), proofs | self.contest[1]
        self.next_epoch()
        self.changes, self.contest = [], (since, proofs)

    def settled(self):
        """No longer contested, and without what was set up since."""
        if self.contest:
            self.apps, self.codes, self.contest = self.trusted, self.good, None


# --- the machine -------------------------------------------------------------------------------------------------------

WHO = ("owner", "owner", "mailbox", "second mailbox", "old address", "phone", "password", "device", "burglar", "gang", "gang")
GIVES = (Capability.PASSWORD, Capability.PASSWORD, Capability.FACTORS)
TIMES = (MINUTE, 25 * MINUTE, 60 * MINUTE, DAY, 3 * DAY)
THEN = ("enroll", "enroll", "print_codes", "remove_factor", "change_password", "")
AGREED = ("", "", "", "administrators", "contacts")
ADDRESSES = (HOME, WORK, PHONE, OLD)


def pick(things, number):
    return things[-1 - number % len(things)] if things else None


class Thieves(RuleBasedStateMachine):
    """
    One account, its owner and thieves of every kind, each with what he holds; every outcome is held against the model.

    After each step: the record is as the model says; nobody has a password or took factors off whose paths ask for more than he
    could ever show; no factor is gone while a change could be vetoed; a contested account has no session and lets nobody in.
    """

    face: ClassVar[type] = Engine
    policy: ClassVar = often(DEFAULT)
    groups: ClassVar = frozenset()

    def make_store(self):
        """A fresh store."""
        return AsyncMemoryStore() if self.face is AsyncEngine else MemoryStore()

    @initialize(stage=st.integers(0, 2))
    def begin(self, stage):
        """An account without a factor, with one, or with printed codes too."""
        self.number, self.read = 0, 0
        world = built(World, self.face, self.make_store(), policy=self.policy, seed=3)
        self.alice = alice = Stage(world, groups=self.groups, factor=stage > 0, codes=stage > 1)
        alice.told_a_while(lasts=5 * DAY)
        self.old_until = alice.clock() + 5 * DAY
        self.account = Account(self.policy, self.groups, epoch=alice.record.epoch)
        self.inbox = {address: [] for address in (HOME, WORK, PHONE, OLD)}
        self.vetoes = {address: [] for address in self.inbox}
        account, began = self.account, alice.clock() - DAY
        if stage:
            account.apps = [App(alice.record.factors.totp[0].id, alice.app, began)]
        account.codes, account.printed = list(alice.codes), began
        device = alice.sign_in().device
        self.remember_session(None, "", AAL2 if stage else AssuranceLevel.AAL1, device, None)
        codes = list(alice.codes)
        self.people = {
            "owner": Person((HOME, WORK, PHONE), [*account.apps], codes[:], [PASSWORD], [device]),
            "mailbox": Person((HOME,)),
            "second mailbox": Person((WORK,)),
            "old address": Person((OLD,)),
            "phone": Person((PHONE,), [*account.apps]),
            "password": Person(passwords=[PASSWORD]),
            "device": Person(devices=[device]),
            "burglar": Person(codes=codes[:]),
            "gang": Person((HOME,), codes=codes[:], devices=[device]),
        }
        self.deliver()

    @property
    def now(self):
        return self.alice.clock()

    @rule(luck=st.integers(0, 2**64 - 1))
    def act(self, luck):
        """Somebody does something. What, is drawn here: each of many choices is to come up in every story."""
        luck = Random(luck)
        who, newest, yes = luck.choice(WHO), luck.choice((0, 0, 0, 1, 2)), lambda: luck.random() < 0.5
        acts = {
            "recover": (
                8,
                lambda: self.recover(who, luck.choice(GIVES), luck.choice(AGREED), luck.randrange(4), yes(), by_code=yes()),
            ),
            "claim": (4, lambda: self.claim(who, luck.choice((0, 0, 1)), yes(), with_device=yes())),
            "come_in": (6, lambda: self.come_in(who, luck.choice(THEN), with_device=yes())),
            "veto": (3, lambda: self.veto(who, newest, looks=luck.random() < 0.3)),
            "time": (3, lambda: self.time_passes(luck.choice(TIMES))),
            "ask": (1, lambda: self.ask(luck.choice(ADDRESSES))),
            "show": (2, lambda: self.show_link(who, newest, luck.choice(GIVES), with_device=yes())),
            "answer": (1, lambda: self.show_factor(who, newest, by_code=yes())),
            "resume": (2, lambda: self.resume(who, newest, luck.choice(GIVES), with_device=yes())),
            "begin by code": (1, lambda: self.begin_by_code(who)),
            "sign in": (2, lambda: self.sign_in(who, newest, with_device=yes(), by_code=yes())),
            "then": (2, lambda: getattr(self, luck.choice(THEN[:-1]))(who, newest)),
            "cancel": (2, lambda: self.cancel(who, newest, luck.randrange(4), by_ticket=yes())),
            "restart": (1, self.alice.world.restart),
        }
        names = list(acts)
        acts[luck.choices(names, [acts[name][0] for name in names])[0]][1]()

    def teardown(self):
        if hasattr(self, "alice"):
            self.alice.world.close()

    # --- mail ---

    def deliver(self, change=None):
        """Everybody's mail; *change* was just told of."""
        alice = self.alice
        alice.world.deliver()
        messages = alice.world.messenger.messages
        new, self.read = messages[self.read :], len(messages)
        for one in new:
            if one.purpose is MessagePurpose.RESET:
                kind = Proof.TEXT if one.address == PHONE else Proof.MAIL
                ends = one.expires or one.code_expires
                text = one.link or one.code
                self.inbox[one.address].append(Token(text, frozenset({kind}), self.account.epoch, ends, one.address))
            elif one.veto:
                assert change, f"a veto of nothing: {one.purpose}"
                change.vetoes[one.address] = one.veto
                self.vetoes[one.address].append((one.veto, change, one.expires))
        return new

    def check_told(self, change, purpose):
        """Every address hears of a change; where it is weak, every mailbox can stop it."""
        new = [one for one in self.deliver(change if change and change.weak else None) if one.purpose is purpose]
        everybody = {HOME, WORK, PHONE, *({OLD} if self.now < self.old_until else ())}
        assert {one.address for one in new} == everybody, new
        weak = change is not None and change.weak
        assert {one.address for one in new if one.veto} == (everybody - {PHONE} if weak else set())

    # --- asking ---

    def ask(self, address):
        """Anybody asks for a reset; it goes to that address or, where that is none, to the first."""
        self.alice.act("request_reset", address)
        self.deliver()

    def vouch(self, address, number, method):
        """Others agree to a live reset, as the operations for it leave that in the record."""
        link = pick(self.inbox[address], number)
        if link and link.holds(self.now, self.account.epoch) and len(link.proofs) == 1:
            digests = {one.link for one in self.alice.record.resets}
            mine = self.reset_of(link)
            assert mine in digests
            changed = tuple(evolved(one, proofs=(method,)) if one.link == mine else one for one in self.alice.record.resets)
            self.alice.rewrite(resets=changed)
            link.proofs |= {Proof(method)}

    def reset_of(self, link):
        """What the record knows of a link."""
        return sha256(self.alice.world.engine._flows.core.tokens.open(Purpose.LINK, link.text, LinkClaims).secret).digest()

    # --- recoveries ---

    def fresh(self):
        self.number += 1
        return f"phrase number {self.number} of somebody"

    def called(self, gives, proof, device):
        """Ask for what a recovery gives; answers it and the password it would set."""
        new = self.fresh()
        if gives is Capability.PASSWORD:
            return self.alice.act("redeem_reset", proof, new, device=device), new
        return self.alice.act("remove_lost_factors", proof, device=device), new

    def recover(self, who, gives, agreed, far, with_device, *, by_code):
        """Somebody goes as far as he can: asks, shows the link, answers the factor, comes back."""
        person = self.people[who]
        if not set(person.reads) & {HOME, WORK, PHONE}:
            self.begin_by_code(who)
        else:
            address = pick(person.reads, far)
            self.ask(address)
            if agreed and address != PHONE:
                self.vouch(address, 0, agreed)
            self.show_link(who, 0, gives, address=address, with_device=with_device)
        tickets, resumes = len(person.tickets), len(person.resumes)
        if far > 0 and person.tickets and person.tickets[-1].holds(self.now, self.account.epoch):
            self.show_factor(who, 0, by_code=by_code)
        if far > 1 and len(person.resumes) > resumes and len(person.tickets) == tickets:
            self.resume(who, 0, gives, with_device=with_device)

    def claim(self, who, early, late, *, with_device):
        """Somebody comes back when what he asked for may be made, or a minute too early, or at the last moment."""
        token = pick([one for one in self.people[who].resumes if one.change in self.account.changes], 0)
        if token is not None:
            at = token.change.expires - MINUTE if late else token.change.until
            self.alice.clock.advance(max(at - (MINUTE if early else timedelta(0)) - self.now, timedelta(0)))
            number = len(self.people[who].resumes) - 1 - self.people[who].resumes.index(token)
            self.resume(who, number, token.change.kind, with_device=with_device)

    def come_in(self, who, then, *, with_device):
        """Somebody signs in with all that he has, and does something with it."""
        person = self.people[who]
        sessions = len(person.sessions)
        self.sign_in(who, 0, with_device=with_device, by_code=not person.apps)
        if then and len(person.sessions) > sessions:
            getattr(self, then)(who, 0)

    def show_link(self, who, number, gives, *, with_device, address=None):
        """Somebody uses a link or a texted code that he can read."""
        person = self.people[who]
        read = person.reads if address is None else (address,)
        token = pick([one for address in read for one in self.inbox[address]], number)
        if token is None:
            return
        device = pick(person.devices, 0) if with_device else None
        proof = (
            ResetCode(self.alice.act("request_reset", HOME).handle, token.text) if token.about == PHONE else ResetLink(token.text)
        )
        outcome, new = self.called(gives, proof, device)
        self.judge(person, token, gives, outcome, new, device)

    def resume(self, who, number, gives, *, with_device):
        """Somebody comes back with a ticket."""
        person = self.people[who]
        token = pick(person.resumes, number)
        if token is not None:
            device = pick(person.devices, 0) if with_device else None
            outcome, new = self.called(gives, ResumeTicket(token.text), device)
            self.judge(person, token, gives, outcome, new, device)

    def judge(self, person, token, gives, outcome, new, device):
        """Hold an answer against the model, and go on from it."""
        account, now = self.account, self.now
        if isinstance(outcome, TryAgain):
            assert all(not one.made for one in account.changes) or len(account.changes) == MAX_CHANGES
            return
        known = account.knows(device)
        change = token.change
        alive = token.holds(now, account.epoch) and (gives is Capability.PASSWORD or (account.apps and not account.contest))
        if change is not None:
            alive = alive and change in account.changes and not change.made and change.kind is gives and now < change.expires
        if not alive:
            assert isinstance(outcome, Refused), outcome
            return
        if change is not None and now < change.until:
            assert (type(outcome), outcome.until) == (Waiting, change.until)
            return
        shown = token.proofs | ({Proof.DEVICE} if known and change is None else set())
        judged = account.judged(shown, gives, now, known=known)
        if change is not None and isinstance(judged, Enough):
            judged = Enough(timedelta(0), change.weak and account.contest is None)
        if isinstance(judged, Forbidden):
            assert isinstance(outcome, Refused), outcome
        elif not isinstance(judged, Enough):
            self.lacking(person, token, shown, judged, outcome)
        else:
            wait = judged.wait
            held = account.held(now, account.oldest) if gives is Capability.FACTORS else None
            wait = max(wait, held - now) if held else wait
            if wait:
                self.waits(person, token, shown, gives, judged, outcome, now + wait)
            else:
                self.made(person, token, shown, gives, judged, outcome, new)

    def lacking(self, person, token, shown, judged, outcome):
        """Nothing changed: more is due."""
        at_hand = {Proof.FACTOR} if self.account.trusted else set()
        at_hand |= {Proof.RECOVERY_CODE} if self.account.good else set()
        offers = any(one <= at_hand for one in judged.paths)
        assert isinstance(outcome, FactorRequired if offers else ProofRequired), outcome
        link = token if token.link is None and token.about else token.link
        ends = self.now + self.policy.reset.resume_lifetime
        person.tickets.append(Token(outcome.ticket, shown, self.account.epoch, ends, token.about, link))

    def waits(self, person, token, shown, gives, judged, outcome, until):
        """It waits from now on, and what it rested on is used up."""
        account, now = self.account, self.now
        assert isinstance(outcome, Waiting), outcome
        assert outcome.until == until
        token.used = True
        if token.link:
            token.link.used = True
        account.changes = [one for one in account.changes if one.made or (one.kind, one.about) != (gives, token.about)]
        change = Told(gives, shown, now, until, until + self.policy.recovery.claim, token.about, weak=judged.weak)
        assert account.add(change, now)
        person.resumes.append(Token(outcome.ticket, shown, account.epoch, change.expires, token.about, None, change))
        self.check_told(change, MessagePurpose.CHANGE_WAITING)

    def made(self, person, token, shown, gives, judged, outcome, new):
        """Somebody got what he asked for: he must have been able to show all that it takes."""
        account, now = self.account, self.now
        able = person.able | {Proof.DEVICE, Proof.CONTACTS, Proof.ADMINISTRATORS}
        assert shown <= able, f"{shown} by somebody who can show {able}"
        assert account.contest or account.ever(shown, gives)
        assert gives is Capability.PASSWORD or not account.held(now, account.oldest), (
            "factors fell while a change could be vetoed"
        )
        asked = token.change.asked if token.change else now
        account.next_epoch()
        made = Told(gives, shown, asked, now, now + self.policy.recovery.veto_window, token.about, made=True, was=token.change)
        if judged.weak:
            assert account.add(made, now)
        if gives is Capability.PASSWORD:
            assert isinstance(outcome, PasswordChanged), outcome
            account.password = new
            person.passwords.append(new)
            account.devices, account.seen[outcome.device] = [{outcome.device}], now
            person.devices.append(outcome.device)
            account.settled()
            purpose = MessagePurpose.PASSWORD_CHANGED
        else:
            assert isinstance(outcome, FactorsRemoved), outcome
            account.apps, account.codes = [], []
            purpose = MessagePurpose.FACTORS_REMOVED
        self.check_told(made if judged.weak else None, purpose)

    def show_factor(self, who, number, *, by_code):
        """Somebody answers a factor beside a recovery."""
        person, account = self.people[who], self.account
        token = pick(person.tickets, number)
        app, code = pick(person.apps, number), pick(person.codes, 0)
        if token is None or (code if by_code else app) is None:
            return
        self.alice.clock.advance(seconds=30)
        answer = RecoveryCode(code) if by_code else app.app.code(self.now)
        outcome = self.alice.act("verify_factor", token.text, answer)
        kind = Proof.RECOVERY_CODE if by_code else Proof.FACTOR
        right = (code in account.good and account.apps) if by_code else app in account.trusted
        proofs = token.proofs | {kind}
        paths = [
            one.proofs
            for gives in (Capability.PASSWORD, Capability.FACTORS)
            for one in self.policy.recovery.allowed(gives=gives, level=account.level, groups=self.groups)
        ]
        allowed = token.holds(self.now, account.epoch) and right and any(kind in one for one in paths)
        assert isinstance(outcome, ProofAccepted) == bool(allowed), outcome
        if allowed:
            token.used = True
            if by_code:
                account.codes = [one for one in account.codes if one != code]
            ends = self.now + self.policy.reset.resume_lifetime
            person.resumes.append(Token(outcome.ticket, proofs, account.epoch, ends, token.about, token.link))
        else:
            assert isinstance(outcome, Refused | TryAgain), outcome
            self.alice.calls.admin.unlock(SUBJECT, actor="judge")  # a guess too many is another test's matter
        self.deliver()

    def begin_by_code(self, who):
        """Somebody begins with a printed code."""
        person, account = self.people[who], self.account
        code = pick(person.codes, 0)
        if code is None:
            return
        handle = self.alice.act("request_reset", HOME).handle
        outcome, _ = self.called(Capability.PASSWORD, RecoveryCode(code, handle), None)
        paths = self.policy.recovery.allowed(gives=Capability.PASSWORD, level=account.level, groups=self.groups)
        more = self.policy.recovery.allowed(gives=Capability.FACTORS, level=account.level, groups=self.groups)
        allowed = code in account.good and account.apps and any(Proof.RECOVERY_CODE in one.proofs for one in (*paths, *more))
        assert isinstance(outcome, FactorRequired) == bool(allowed), outcome
        if allowed:
            account.codes = [one for one in account.codes if one != code]
            ends = self.now + self.policy.reset.resume_lifetime
            person.tickets.append(Token(outcome.ticket, frozenset({Proof.RECOVERY_CODE}), account.epoch, ends))
        else:
            person.codes.remove(code)
            self.alice.calls.admin.unlock(SUBJECT, actor="judge")
        self.deliver()

    # --- vetoes ---

    def veto(self, who, number, *, looks):
        """Whoever reads a notice stops what it tells of; looking stops nothing."""
        person, account, alice = self.people[who], self.account, self.alice
        found = pick([one for address in person.reads for one in self.vetoes[address]], number)
        if found is None:
            return
        token, change, expires = found
        told = self.now < self.old_until or token not in {one for one, *_ in self.vetoes[OLD]}
        stopped = next((one for one in account.changes if change in (one, one.was)), None)
        allowed = stopped is not None and self.now < min(stopped.expires, expires) and told
        before = alice.record
        assert isinstance(alice.act("inspect_veto", token), VetoPending) == allowed
        assert alice.record == before
        if looks:
            return
        outcome = alice.act("veto", token)
        assert isinstance(outcome, Vetoed if allowed else Refused), outcome
        if allowed:
            account.vetoed(self.now)
            after = alice.record
            assert (after.verifier, after.factors, after.contacts) == (before.verifier, before.factors, before.contacts)
            assert not (after.sessions or after.devices or after.networks or after.resets or after.changes)
            self.check_told(None, MessagePurpose.CONTESTED)

    # --- sessions ---

    def remember_session(self, person, token, level, device, came_with):
        """A full sign-in: a session, a device that is known from now on."""
        account = self.account
        session = Login(token, account.epoch, level, self.now)
        account.sessions.append(session)
        here = next((one for one in account.devices if came_with in one), set())
        account.devices = [*(one for one in account.devices if one is not here), here | {device}][-MAX_DEVICES:]
        account.seen |= dict.fromkeys(here | {device}, self.now)
        if person:
            person.sessions.append(session)
            person.devices.append(device)

    def sign_in(self, who, number, *, with_device, by_code):
        """Somebody signs in with a password that he knows, and the factor that he has."""
        person, account, alice = self.people[who], self.account, self.alice
        password = pick(person.passwords, number)
        if password is None:
            return
        device = pick(person.devices, 0) if with_device else None
        outcome = alice.act("sign_in", HOME, password, device=device)
        right = password == account.password and account.contest is None
        assert isinstance(outcome, Refused) != right, outcome
        if not right:
            alice.calls.admin.unlock(SUBJECT, actor="judge")
            return
        assert isinstance(outcome, FactorRequired if account.apps else SignedIn), outcome
        known, level = account.knows(device), AssuranceLevel.AAL1
        if isinstance(outcome, FactorRequired):
            app, code = pick(person.apps, number), pick(person.codes, 0)
            if (code if by_code else app) is None:
                return
            alice.clock.advance(seconds=30)
            answer = RecoveryCode(code) if by_code else app.app.code(self.now)
            outcome = alice.act("verify_factor", outcome.ticket, answer, device=device)
            good = code in account.codes if by_code else app in account.apps
            assert isinstance(outcome, SignedIn) == good, outcome
            if not good:
                alice.calls.admin.unlock(SUBJECT, actor="judge")
                return
            level = AAL2
            if by_code:
                account.codes = [one for one in account.codes if one != code]
        seen = account.seen[device] if known else self.now
        self.remember_session(person, outcome.session, level, outcome.device, device if known else None)
        account.changes = [one for one in account.changes if one.made or (level < AAL2 and seen + SKEW >= one.asked)]
        self.deliver()

    def fresh_session(self, session):
        """Whether a session may change a credential."""
        account = self.account
        level = AAL2 if account.apps else AssuranceLevel.AAL1
        recent = self.now < session.at + self.policy.sessions.fresh
        return session in account.sessions and recent and session.level >= level

    def enroll(self, who, number):
        """Somebody sets up an authenticator of his own: that can be taken back."""
        person, account, alice = self.people[who], self.account, self.alice
        session = pick(person.sessions, number)
        if session is None or len(account.apps) == 5:
            return
        started = alice.act("enroll_totp", session.token)
        assert isinstance(started, Refused) != self.fresh_session(session), started
        if isinstance(started, Refused):
            return
        app = Authenticator(started)
        added = alice.act("confirm_factor", app.ticket, app.code(self.now))
        assert isinstance(added, FactorAdded), added
        account.next_epoch(places=False)
        mine = App(added.factor.id, app, self.now)
        account.apps.append(mine)
        person.apps.append(mine)
        self.renewed(person, added.session, AAL2, self.now)
        self.deliver()

    def renewed(self, person, token, level, at):
        session = Login(token, self.account.epoch, level, at)
        self.account.sessions = [session]
        person.sessions.append(session)

    def print_codes(self, who, number):
        """Somebody prints codes: new ones void the owner's, so that waits while a change can be vetoed."""
        person, account, alice = self.people[who], self.account, self.alice
        session = pick(person.sessions, number)
        if session is None:
            return
        printed = account.printed if alice.record.factors.recovery else self.now
        held = account.held(self.now, printed)
        outcome = alice.act("issue_recovery_codes", session.token)
        if not self.fresh_session(session) or not account.apps:
            assert isinstance(outcome, Refused), outcome
        elif held:
            assert outcome == Waiting(held)
        else:
            assert isinstance(outcome, RecoveryCodes), outcome
            account.next_epoch(places=False)
            account.codes, account.printed = list(outcome.codes), self.now
            person.codes = list(outcome.codes)
            self.renewed(person, outcome.session, session.level, session.at)
        self.deliver()

    def remove_factor(self, who, number):
        """Somebody takes an authenticator off: not while a change can be vetoed."""
        person, account, alice = self.people[who], self.account, self.alice
        session, app = pick(person.sessions, 0), pick(account.apps, number)
        if session is None or app is None:
            return
        outcome = alice.act("remove_factor", session.token, app.id)
        held = account.held(self.now, app.created)
        if not self.fresh_session(session):
            assert isinstance(outcome, Refused), outcome
        elif held:
            assert outcome == Waiting(held)
        else:
            assert isinstance(outcome, FactorRemoved), outcome
            account.next_epoch(places=False)
            account.apps = [one for one in account.apps if one is not app]
            if not account.apps:
                account.codes = []
            level = AAL2 if account.apps else AssuranceLevel.AAL1
            self.renewed(person, outcome.session, level, session.at)
        self.deliver()

    def cancel(self, who, number, change, *, by_ticket):
        """A fresh session at full level drops what waits, and so does who asked for it."""
        person, account, alice = self.people[who], self.account, self.alice
        live = [one for one in account.changes if self.now < one.expires]
        told, stored = pick(live, change), pick([one for one in alice.record.changes if self.now < one.expires], change)
        shown = pick(person.resumes if by_ticket else person.sessions, number)
        if told is None or shown is None:
            return
        by = ResumeTicket(shown.text) if by_ticket else FreshSession(shown.token)
        outcome = alice.act("cancel_change", stored.id.hex(), by=by)
        waits = not told.made and self.now < told.expires
        mine = shown.change is told and shown.holds(self.now, account.epoch) if by_ticket else self.fresh_session(shown)
        assert isinstance(outcome, ChangeCancelled) == bool(waits and mine), outcome
        if isinstance(outcome, ChangeCancelled):
            account.changes.remove(told)
        self.deliver()

    def change_password(self, who, number):
        """A fresh session changes the password: no veto dies of it."""
        person, account = self.people[who], self.account
        session, new = pick(person.sessions, number), self.fresh()
        if session is None:
            return
        outcome = self.alice.act("set_password", SUBJECT, new, by=FreshSession(session.token))
        allowed = self.fresh_session(session)
        assert isinstance(outcome, PasswordChanged if allowed else Refused), outcome
        if allowed:
            account.next_epoch()
            account.password, account.devices = new, [{outcome.device}]
            account.seen[outcome.device] = self.now
            person.passwords.append(new)
            person.devices.append(outcome.device)
        self.deliver()

    # --- time, and what always holds ---

    def time_passes(self, step):
        """The clock goes on."""
        self.alice.clock.advance(step)

    @invariant()
    def the_record_is_as_the_model_says(self):
        """Factors, contest and changes."""
        if not hasattr(self, "account"):
            return
        account, record = self.account, self.alice.record
        assert [one.id for one in record.factors.totp] == [one.id for one in account.apps]
        assert (record.factors.recovery.left if record.factors.recovery else 0) == len(account.codes)
        assert record.epoch == account.epoch
        assert (record.contest is None) == (account.contest is None)
        assert not (record.contest and record.sessions), "a session on a contested account"
        live = [one for one in record.changes if self.now < one.expires]
        mine = [one for one in account.changes if self.now < one.expires]
        assert [(one.kind, one.asked, one.until, one.expires, one.weak) for one in live] == [
            (one.kind.value, one.asked, one.until, one.expires, one.weak) for one in mine
        ]

    @invariant()
    def sessions_are_as_the_model_says(self):
        """The newest one of everybody stands or does not."""
        for person in getattr(self, "people", {}).values():
            session = pick(person.sessions, 0)
            if session is not None:
                outcome = self.alice.act("check_session", session.token)
                stands = session in self.account.sessions
                assert isinstance(outcome, SessionEnded) or stands, outcome
                assert isinstance(outcome, SessionValid | SessionEnded)
