"""
`RecoveryPolicy.explain` says how far a thief comes, and after how long: here the thief walks through the engine himself.

Every order of what he can do is tried, the soonest first, each from the beginning in a world of its own. He gets there what
explain says, then when it says, and can be stopped as it says: no more and no less.
"""

from datetime import timedelta
from heapq import heappop, heappush
from itertools import count

import pytest
from attrs import evolve, frozen
from tests.recovery.stage import ADDRESSES, DAY, DEFAULT, HOME, OLD, PHONE, SUBJECT, WORK, stage

from acctsec import (
    SOCIAL_DEFAULT,
    SOCIAL_GUARDED,
    WORKFORCE_DEFAULT,
    AddressLink,
    AddressVerified,
    AssuranceLevel,
    Context,
    FactorRequired,
    PasswordChanged,
    ProofAccepted,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    Vetoed,
    Waiting,
)
from acctsec._flows.reset_proofs import ResetProofs
from acctsec.outcomes import FactorsRemoved, Proposed
from acctsec.record import Address
from acctsec.recovery import Capability
from acctsec.recovery.explained import Explained, Freeze, Gain, Stop, Thief
from acctsec.steps import Scene
from acctsec.testing.world import PASSWORD

PRESETS = {one.name: evolve(DEFAULT, recovery=one.recovery) for one in (SOCIAL_DEFAULT, SOCIAL_GUARDED, WORKFORCE_DEFAULT)}
LEVELS = tuple(AssuranceLevel)[:2]


@frozen(kw_only=True)
class Hands:
    """What a thief reads and holds."""

    reads: tuple = ()
    app: bool = False
    password: bool = False
    desk: bool = False
    two: bool = False  # administrators, who agree with each other
    own: str = ""  # an address of his own, which they give to the account


OWN = "mallory@thief.example"
MOST = 7
"""The longest way there is to anything: to an address, to what takes the factor off, to a password, and in."""

HANDS = {
    Thief.MAILBOX: Hands(reads=(HOME,)),
    Thief.PHONE: Hands(reads=(PHONE,), app=True),
    Thief.MAILBOX_AND_PHONE: Hands(reads=(HOME, PHONE), app=True),
    Thief.HELP_DESK: Hands(desk=True),
    Thief.OLD_ADDRESS: Hands(reads=(OLD,)),
    Thief.PASSWORD: Hands(password=True),
    Thief.TWO_ADMINISTRATORS: Hands(reads=(OWN,), two=True, own=OWN),
}
CONSPIRACY = Hands(reads=(HOME,), two=True)
CAPABILITY = {PasswordChanged: "password", FactorsRemoved: "factors", AddressVerified: "addresses", SignedIn: "session"}


class Walk:
    """One thief in one world, as far as he has come."""

    def __init__(self, alice, hands, *, worst):
        self.alice, self.hands, self.began, self.worst = alice, hands, alice.clock(), worst
        self.had, self.stop, self.ticket, self.password = {}, Stop.NEVER, None, PASSWORD if hands.password else None
        alice.told_a_while(lasts=90 * DAY)
        if worst:
            self.changed_lately()

    def changed_lately(self):
        """Everything that speaks against him: addresses and the SIM were changed just now, and he is abroad."""
        alice, core, now = self.alice, self.alice.world.engine._flows.core, self.alice.clock()
        scene = Scene(tenant="", subject=SUBJECT, account=None, now=now)
        rows = [Address(digest=core.recipient(scene, one), since=now, changed=True) for one in ADDRESSES]
        alice.rewrite(addresses=(*alice.record.addresses, *rows))
        usual = alice.at
        alice.at = lambda device=None: Context.of(usual().source.key, device=device, sim_changed=now)

    @property
    def acts(self):
        """What he can do next, whatever comes of it."""
        found = [f"{gives.value} by {one}" for one in self.hands.reads for gives in (Capability.PASSWORD, Capability.FACTORS)]
        found += ["claim"] if self.ticket else []
        found += ["sign in"] if self.password else []
        found += ["initial password"] if self.hands.desk else []
        found += ["agree to password", "agree to factors"] if self.hands.two else []
        found += ["agree to addresses"] if self.hands.own and "addresses" not in self.had else []
        return [*found, "still"] if self.worst and self.hands.reads else found

    @property
    def elapsed(self):
        """Since he began, but for the half minutes between two codes of an app."""
        return timedelta(hours=round((self.alice.clock() - self.began) / timedelta(hours=1)))

    @property
    def state(self):
        """What decides how he goes on."""
        record = self.alice.record
        waits = sorted((one.kind, one.about, self.alice.clock() - one.until) for one in record.changes if not one.made)
        made = sum(one.made is not None for one in record.changes)
        own = self.alice.world.directory.get("", SUBJECT).addresses
        had = (sorted(self.had), self.stop, self.password, record.factors.live)
        return repr((*had, waits, made, self.ticket is not None, own))

    def do(self, act):
        """Do one thing; answers whether anything is different now."""
        before, alice = self.state, self.alice
        if act == "still":
            alice.clock.advance(alice.world.policy.recovery.delays.lately)
            return True
        if act == "agree to addresses":
            self.give()
        elif act.startswith("agree to "):
            self.agree(Capability(act.removeprefix("agree to ")))
        elif act == "initial password":
            alice.calls.admin.initial_password(SUBJECT, actor="desk")
        elif act == "sign in":
            outcome = alice.act("sign_in", self.hands.own if "addresses" in self.had else HOME, self.password)
            if isinstance(outcome, FactorRequired) and self.hands.app and alice.app:
                outcome = alice.act("verify_factor", outcome.ticket, alice.code())
            self.got(outcome, None)
        elif act == "claim":
            gives, ticket, until = self.ticket
            alice.clock.advance(max(until - alice.clock(), timedelta(0)))
            if gives is Capability.ADDRESSES:
                self.got(alice.act("verify_address", ResumeTicket(ticket)), None)
                self.ticket = None
                # What they agree to goes to the first address there is: so it has to be his.
                for address in ADDRESSES if "addresses" in self.had else ():
                    alice.calls.admin.withdraw_address(SUBJECT, address, actor="one")
            else:
                self.recover(gives, ResumeTicket(ticket))
        else:
            gives, address = Capability(act.partition(" by ")[0]), act.partition(" by ")[2]
            handle, sent = alice.act("request_reset", address).handle, len(alice.world.messenger.messages)
            alice.world.deliver()
            mail = [one for one in alice.world.messenger.messages[sent:] if one.address == address and (one.link or one.code)]
            for one in mail[:1]:
                self.recover(gives, ResetLink(one.link) if one.link else ResetCode(handle, one.code))
        return self.state != before

    def give(self):
        """Two administrators agree to an address that is one of theirs."""
        alice, address = self.alice, f"{len(self.had)}.{self.hands.own}" if "addresses" in self.had else self.hands.own
        proposed = alice.calls.admin.propose_recovery(SUBJECT, Capability.ADDRESSES, actor="one", address=address)
        if isinstance(proposed, Proposed):
            alice.calls.admin.approve_recovery(SUBJECT, proposed.change, actor="two", address=address)
            alice.world.deliver()
            outcome = alice.act("verify_address", AddressLink(alice.world.messenger.address_link))
            self.got(outcome, None)
            if isinstance(outcome, Waiting):
                self.ticket = (Capability.ADDRESSES, outcome.ticket, outcome.until)

    def agree(self, gives):
        """Two administrators agree; the link goes to the owner's mailbox, and whoever reads that goes on."""
        alice, sent = self.alice, len(self.alice.world.messenger.messages)
        own = [one for one in alice.world.directory.get("", SUBJECT).addresses if "@" in one]
        to = next((one for one in own if one in self.hands.reads), own[0])  # a verified one that he reads, if there is any
        proposed = alice.calls.admin.propose_recovery(SUBJECT, gives, actor="one", address=to)
        if isinstance(proposed, Proposed):
            alice.calls.admin.approve_recovery(SUBJECT, proposed.change, actor="two", address=to)
        alice.world.deliver()
        mail = [one for one in alice.world.messenger.messages[sent:] if one.link and one.address in self.hands.reads]
        for one in mail[:1]:
            self.recover(gives, ResetLink(one.link))

    def recover(self, gives, proof):
        """As far as he can go with a proof: he answers a factor where he has it."""
        password = f"phrase of a thief number {len(self.had)} {self.alice.number}"
        call = ("redeem_reset", "remove_lost_factors")[gives is Capability.FACTORS]
        args = (password,) if gives is Capability.PASSWORD else ()
        outcome = self.alice.act(call, proof, *args)
        if isinstance(outcome, FactorRequired) and self.hands.app and self.alice.app:
            proven = self.alice.act("verify_factor", outcome.ticket, self.alice.code())
            if isinstance(proven, ProofAccepted):
                outcome = self.alice.act(call, ResumeTicket(proven.ticket), *args)
        self.got(outcome, password)
        if isinstance(outcome, Waiting):
            self.ticket = (gives, outcome.ticket, outcome.until)
        if isinstance(outcome, PasswordChanged):
            self.password, self.ticket = password, None

    def got(self, outcome, password):
        """Write down what he came to, and whether the owner could have stopped him on the way."""
        self.alice.world.deliver()
        weak = any(one.weak for one in self.alice.record.changes)
        if isinstance(outcome, Waiting) and weak:
            self.stop = Stop.BEFORE
        elif isinstance(outcome, PasswordChanged | FactorsRemoved) and weak and self.stop is Stop.NEVER:
            self.stop = Stop.AFTER
        name = CAPABILITY.get(type(outcome))
        if name is not None and name not in self.had:
            self.had[name] = (self.elapsed, self.stop)

    def freezes(self):
        """
        Whether a change that he brought about can be vetoed from what he reads himself: once an address of his own is not new any
        more, a second one.
        """
        if "addresses" in self.had:
            self.alice.clock.advance(self.alice.world.policy.recovery.delays.lately)
            self.give()
        vetoes = [one.veto for one in self.alice.world.messenger.messages if one.veto and one.address in self.hands.reads]
        return bool(vetoes) and isinstance(self.alice.act("veto", vetoes[-1]), Vetoed)


def walked(places, policy, hands, level, *, worst):
    """How far a thief comes: by capability, the soonest and how it can be stopped; and whether he can freeze the account at will."""
    found, seen, ahead, number, freezes = {}, set(), [(timedelta(0), 0, ())], count(1), False
    while ahead:
        _, _, acts = heappop(ahead)
        with stage(places, policy=policy, factor=level is AssuranceLevel.AAL2) as alice:
            walk = Walk(alice, hands, worst=worst)
            moved = [walk.do(act) for act in acts]
            if (moved and not moved[-1]) or walk.state in seen or len(acts) > MOST:
                continue
            seen.add(walk.state)
            for name, (after, stop) in walk.had.items():
                best = found.get(name)
                better = best is None or (after, -tuple(Stop).index(stop)) < (best[0], -tuple(Stop).index(best[1]))
                found[name] = (after, stop) if better else best
            for act in walk.acts:
                after = max(walk.ticket[2] - walk.began, walk.elapsed) if act == "claim" else walk.elapsed
                heappush(ahead, (after, next(number), (*acts, act)))
            freezes = freezes or walk.freezes()
    return found, freezes


@pytest.fixture(scope="module")
def explained():
    """What each preset says of itself."""
    return {name: policy.recovery.explain() for name, policy in PRESETS.items()}


CASES = [
    pytest.param(name, thief, level, id=f"{name}-{thief}-{level.name}") for name in PRESETS for thief in Thief for level in LEVELS
]


def said(explained: Explained, thief, level, *, worst):
    """What explain says he comes to."""
    course = explained.of(thief, level)
    gains: dict[str, Gain | None] = {name: getattr(course, name) for name in ("password", "factors", "addresses", "session")}
    if worst:
        return {name: one.worst for name, one in gains.items() if one is not None}
    return {name: (one.quiet, one.stop) for name, one in gains.items() if one is not None}


@pytest.mark.parametrize(("name", "thief", "level"), CASES)
def test_a_thief_comes_as_far_as_explain_says_then_and_can_be_stopped_so(places, explained, name, thief, level):
    found, freezes = walked(places, PRESETS[name], HANDS[thief], level, worst=False)
    assert found == said(explained[name], thief, level, worst=False)
    course = explained[name].of(thief, level)
    assert freezes == (course.freezes is Freeze.AT_WILL)


@pytest.mark.parametrize(
    ("name", "thief", "level"),
    [
        pytest.param(*one.values, id=one.id, marks=() if one.values[0] == SOCIAL_DEFAULT.name else pytest.mark.deep)
        for one in CASES
    ],
)
def test_nor_sooner_where_everything_speaks_against_him(places, explained, name, thief, level, monkeypatch):
    monkeypatch.setattr(ResetProofs, "_abroad", lambda *_: True)
    found, _ = walked(places, PRESETS[name], HANDS[thief], level, worst=True)
    assert {one: after for one, (after, _) in found.items()} == said(explained[name], thief, level, worst=True)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", PRESETS)
def test_two_administrators_hold_nothing_themselves(places, name, level):
    """Not unless they give the account an address of their own, and nobody stops them for as long as that waits."""
    found, _ = walked(places, PRESETS[name], Hands(two=True), level, worst=False)
    assert found == {}


AT_ONCE, BEFORE = timedelta(0), Stop.BEFORE
TOGETHER = {
    (SOCIAL_DEFAULT.name, 1): {
        "password": (AT_ONCE, Stop.NEVER),
        "session": (AT_ONCE, Stop.NEVER),
    },  # mail alone does it, and can be vetoed
    (SOCIAL_DEFAULT.name, 2): {"password": (DAY, BEFORE), "factors": (3 * DAY, BEFORE), "session": (3 * DAY, BEFORE)},
    (SOCIAL_GUARDED.name, 1): {"password": (3 * DAY, BEFORE), "session": (3 * DAY, BEFORE)},
    (SOCIAL_GUARDED.name, 2): {"password": (7 * DAY, BEFORE), "factors": (7 * DAY, BEFORE), "session": (10 * DAY, BEFORE)},
    (WORKFORCE_DEFAULT.name, 1): {"password": (AT_ONCE, Stop.NEVER), "session": (AT_ONCE, Stop.NEVER)},
    (WORKFORCE_DEFAULT.name, 2): {"password": (AT_ONCE, Stop.NEVER), "factors": (DAY, BEFORE), "session": (DAY, BEFORE)},
}
"""How far two administrators come who read the owner's mail, by the paths of each preset."""


@pytest.mark.parametrize(("name", "level"), TOGETHER)
def test_two_administrators_with_the_mailbox_come_as_far_as_the_paths_say(places, name, level):
    found, _ = walked(places, PRESETS[name], CONSPIRACY, AssuranceLevel(level), worst=False)
    assert found == TOGETHER[name, level]


READERS = {Thief.MAILBOX: HOME, Thief.OLD_ADDRESS: OLD, Thief.MAILBOX_AND_PHONE: HOME, Thief.PHONE: PHONE}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("thief", READERS)
@pytest.mark.parametrize("name", [SOCIAL_DEFAULT.name, SOCIAL_GUARDED.name])
def test_who_reads_notices_can_freeze_what_the_owner_brings_about_as_explain_says(places, explained, name, thief, level):
    """With a factor, on a device that nobody knows and that has to wait: else mail and a printed code are the full level."""
    policy = PRESETS[name]
    if level is AssuranceLevel.AAL2:
        policy = evolve(policy, recovery=evolve(policy.recovery, delays=evolve(policy.recovery.delays, new_device=DAY)))
    with stage(places, policy=policy, codes=level is AssuranceLevel.AAL2) as alice:
        alice.told_a_while()
        lost = lambda: alice.by_mail_and_code("remove_lost_factors", address=WORK)  # waits everywhere, and can be vetoed
        outcome = alice.by_mail(WORK) if level is AssuranceLevel.AAL1 else lost()
        assert isinstance(outcome, PasswordChanged | Waiting)
        alice.world.deliver()
        vetoes = [one.veto for one in alice.world.messenger.messages if one.veto and one.address == READERS[thief]]
        can = bool(vetoes) and isinstance(alice.act("veto", vetoes[-1]), Vetoed)
    assert can == (explained[name].of(thief, level).freezes is not Freeze.NEVER)
