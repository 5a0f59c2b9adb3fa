"""What the tests of recovery stand on: one account with all that can be lost, on any store, by either face, and who has which part of it."""

from contextlib import contextmanager
from datetime import timedelta
from inspect import iscoroutine

from attrs import evolve

from acctsec import (
    AssuranceLevel,
    AsyncEngine,
    Engine,
    FactorRequired,
    Initial,
    ProofAccepted,
    RecoveryCode,
    Refused,
    ResetLink,
    ResumeTicket,
    Waiting,
)
from acctsec._codec import decode_record, encode_record
from acctsec._values import evolve as evolved
from acctsec.protocols import Account
from acctsec.record import Address, Record
from acctsec.recovery import Capability, Delays, Proof, RecoveryPath, RecoveryPolicy
from acctsec.steps import Scene
from acctsec.testing.turns import RACING
from acctsec.testing.world import PASSWORD, World, built

AAL2 = AssuranceLevel.AAL2
DAY = timedelta(days=1)
HOME, WORK, OLD, PHONE = "alice@example.org", "alice@work.example", "alice@old.example", "+447700900123"
ADDRESSES = (HOME, WORK, PHONE)
NEW, NEWER = "violet staple under the harbour 63", "copper lanterns drift about 91"
SUBJECT = "u1"

DEFAULT = evolve(RACING, name="recovery")
"""RACING, with the recovery of SOCIAL_DEFAULT."""

SLOW = evolve(
    RACING,
    name="slow",
    recovery=RecoveryPolicy(
        paths=(
            RecoveryPath({Proof.MAIL}, wait=2 * DAY),
            RecoveryPath({Proof.MAIL, Proof.DEVICE}),
            RecoveryPath({Proof.TEXT}, wait=3 * DAY),
            RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=AAL2),
            RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, level=AAL2, wait=DAY),
            RecoveryPath({Proof.RECOVERY_CODE, Proof.FACTOR}, level=AAL2),
            RecoveryPath({Proof.MAIL, Proof.CONTACTS}, level=AAL2, wait=3 * DAY),
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, level=AAL2, wait=DAY),
            RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, gives=Capability.FACTORS, level=AAL2, wait=DAY),
            RecoveryPath({Proof.MAIL, Proof.FACTOR}, gives=Capability.FACTORS, level=AAL2),
        ),
        delays=Delays(),
    ),
)
"""One in which mail alone waits two days, unless it comes from a known device."""


class Stage:
    """
    Alice, whose password, mailboxes, phone, authenticator and printed codes are in different hands.

    *world* has either face. ``calls`` asks at once; every request comes from a network of its own, so that nobody's is over its
    budget, unless ``at`` says otherwise.
    """

    def __init__(self, world: World, *, groups=frozenset(), factor=False, codes=False, password=PASSWORD) -> None:
        self.world, self.number = world, 0
        self.clock = world.clock
        self.app = self.session = self.device = None
        self.codes: list[str] = []
        self.read = 0
        account = Account(subject=SUBJECT, identifiers=ADDRESSES, addresses=ADDRESSES, groups=frozenset(groups))
        world.directory.put(account)
        if password:
            self.act("set_password", SUBJECT, password, by=Initial())
        if factor or codes:
            signed_in = self.act("sign_in", HOME, PASSWORD)
            self.app, self.session = world.enroll(signed_in.session)
            self.device = signed_in.device
        if codes:
            issued = self.act("issue_recovery_codes", self.session)
            self.codes, self.session = list(issued.codes), issued.session
        world.deliver()
        world.messenger.handed.clear()
        world.clock.advance(DAY)  # what was set up here is older than whatever is changed

    @property
    def calls(self):
        """The operations of the engine as it is now, whichever face it has."""
        return self.world.calls

    # --- requests ---

    def at(self, device=None):
        """The facts of a request from somewhere nobody was before."""
        self.number += 1
        return self.world.context(f"10.{self.number >> 16}.{self.number >> 8 & 255}.{self.number & 255}", device=device)

    def act(self, name, *args, device=None, **kwargs):
        """Ask the engine."""
        return getattr(self.calls, name)(*args, context=self.at(device), **kwargs)

    def link(self, address=HOME):
        """A reset link, from that mailbox."""
        self.act("request_reset", address)
        self.world.deliver()
        return next(one.link for one in reversed(self.world.messenger.messages) if one.link and one.address == address)

    def redeem(self, proof, password=NEW, device=None):
        return self.act("redeem_reset", proof, password, device=device)

    def by_mail(self, address=HOME, password=NEW, device=None):
        """Ask for a reset and redeem it by the link that came."""
        return self.redeem(ResetLink(self.link(address)), password, device)

    def prove(self, asked, answer):
        """Answer a factor that a recovery asked for; answers the proof that goes on, or the refusal."""
        assert isinstance(asked, FactorRequired), asked
        proven = self.act("verify_factor", asked.ticket, answer)
        return ResumeTicket(proven.ticket) if isinstance(proven, ProofAccepted) else proven

    def by_mail_and_code(self, operation="redeem_reset", *args, address=HOME):
        """A recovery by a mailed link and a printed code."""
        args = args or ((NEW,) if operation == "redeem_reset" else ())
        asked = self.act(operation, ResetLink(self.link(address)), *args)
        proof = self.prove(asked, RecoveryCode(self.codes.pop()))
        return self.act(operation, proof, *args)

    def slowly(self, *args, address=HOME):
        """The same under SLOW, where that waits: made as soon as it may be, and weak."""
        waits = self.by_mail_and_code("redeem_reset", *(args or (NEW,)), address=address)
        assert isinstance(waits, Waiting), waits
        self.clock.advance(waits.until - self.clock())
        return self.act("redeem_reset", ResumeTicket(waits.ticket), *(args or (NEW,)))

    def by_mail_and_app(self, password=NEW):
        """A recovery by a mailed link and the authenticator."""
        asked = self.by_mail(password=password)
        proof = self.prove(asked, self.code())
        return self.redeem(proof, password)

    def code(self):
        """The next code of the authenticator."""
        self.clock.advance(seconds=30)
        return self.app.code(self.clock())

    def sign_in(self, password=PASSWORD, device=None):
        """Sign in with all that is due."""
        outcome = self.act("sign_in", HOME, password, device=device)
        if isinstance(outcome, FactorRequired) and self.app:
            outcome = self.act("verify_factor", outcome.ticket, self.code())
        return outcome

    def opens(self, password):
        """Whether a password is hers, whatever else is due."""
        self.world.restart()
        return not isinstance(self.act("sign_in", HOME, password), Refused)

    # --- what lies there ---

    def _now(self, answer):
        return self.world._run(answer) if iscoroutine(answer) else answer

    @property
    def key(self):
        return self.world.engine._flows.core.record_key("", SUBJECT)

    @property
    def record(self) -> Record:
        """What the store holds of her."""
        return decode_record(self._now(self.world.store.load(self.key))[0])

    def rewrite(self, **changes):
        """Put something into the record that another operation would have put there."""
        _, version = self._now(self.world.store.load(self.key))
        value = encode_record(evolved(self.record, **changes))
        self._now(self.world.store.commit(self.key, version, value, [], self.world.entropy(16)))

    def vouched(self, link, *methods):
        """A live reset that others have vouched for."""
        self.rewrite(resets=tuple(evolved(one, proofs=methods) for one in self.record.resets))
        return link

    def told_a_while(self, address=OLD, lasts=7 * DAY):
        """Take an address off that is told a while longer, as an operation on addresses leaves it."""
        core, now = self.world.engine._flows.core, self.clock()
        scene = Scene(tenant="", subject=SUBJECT, account=None, now=now)
        gone = Address(
            digest=core.recipient(scene, address), since=now, told=now + lasts, sealed=core.sealed_address(scene, address)
        )
        self.rewrite(addresses=(*self.record.addresses, gone))

    # --- the mail ---

    def mail(self, address=None):
        """What came since it was looked at last."""
        self.world.deliver()
        new = self.world.messenger.messages[self.read :]
        self.read = len(self.world.messenger.messages)
        return [one for one in new if address in (None, one.address)]

    def veto_from(self, address=WORK):
        """The newest veto in a mailbox."""
        self.world.deliver()
        return next(one.veto for one in reversed(self.world.messenger.messages) if one.veto and one.address == address)


@contextmanager
def stage(places, kind="memory", face=Engine, policy=DEFAULT, **account):
    """A stage on a store of that kind."""
    place = places.fresh(kind)
    store = place.open_async() if face is AsyncEngine else place.open()
    world = built(World, face, store, policy=policy, seed=7)
    try:
        yield Stage(world, **account)
    finally:
        if face is AsyncEngine:
            world.close()
        place.close()
