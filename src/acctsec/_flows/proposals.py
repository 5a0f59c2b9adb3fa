"""Recovery by two administrators, each act with its actor; what they bring about is mailed to the owner and nobody else."""

from acctsec._flows.carrying import Carrying
from acctsec._flows.changes import id_of
from acctsec._flows.core import BRIEF, Core, channel_of
from acctsec._flows.naming import deliverable, stored_among
from acctsec._values import Value
from acctsec.claims import Admin
from acctsec.errors import ConfigError
from acctsec.keyring import frame, unframe
from acctsec.outcomes import Acted, Proposed, Refused, TryAgain
from acctsec.protocols import Channel
from acctsec.record import MAX_ADDRESSES, MAX_REMOVED, Change, Record
from acctsec.recovery import Capability
from acctsec.steps import (
    Agreement,
    Begun,
    Done,
    No,
    Proposer,
    Scene,
    Step,
    approve,
    approve_address,
    find_proposal,
    propose,
    withdraw,
)
from acctsec.steps.proposals import GIVEN, PROPOSAL, PROPOSED

MOST = MAX_ADDRESSES - MAX_REMOVED
ROOM = 254 + 32
"""Bytes for an address and the name of who proposes it: as much as a record has for what a change is about."""


class Proposal(Value, frozen=True):
    """What lies sealed in a proposal: who made it, and the address that he proposed, where it is for one."""

    proposer: Proposer
    address: str


class Proposals:
    """What one administrator proposes and another approves."""

    def __init__(self, core: Core, carrying: Carrying) -> None:
        self.core = core
        self.carrying = carrying

    async def propose(
        self, subject: str, gives: Capability, *, actor: str, address: str | None, tenant: str
    ) -> Proposed | Refused | TryAgain:
        """Propose a recovery; see Engine.admin."""
        core, admin = self.core, Admin(actor)
        if not isinstance(gives, Capability) or gives not in PROPOSED:
            message = f"`gives` is {gives!r}, which two administrators cannot give."
            raise ConfigError(message, remedy="Give a Capability.")
        if (address is None) is (gives is Capability.ADDRESSES):
            message = f"`address` does not go with `gives`, which is {gives!r}."
            raise ConfigError(message, remedy="Give an address with Capability.ADDRESSES, and with nothing else.")
        new = "" if address is None else self._new(address, admin)
        scene, loaded = await core.enter(tenant, subject)
        change, sealed = core.draw(16), self._sealed(scene, admin, new)

        def step(record: Record) -> Step:
            return propose(core.policy, record, scene=scene, gives=gives, by=admin, change_id=change, sealed=sealed)

        objection = self._objection(scene, new)
        if objection is not None:
            return self._no(scene, Step(objection, loaded.record), "propose_recovery")
        done = await core.apply(scene, loaded, step)
        if not isinstance(done.verdict, Done):
            return self._no(scene, done, "propose_recovery")
        return Proposed(change=change.hex(), expires=scene.now + PROPOSAL)

    async def approve(self, subject: str, change: str, *, actor: str, tenant: str) -> Acted | Refused | TryAgain:
        """Agree to what another proposed; see Engine.admin."""
        core, admin, change_id = self.core, Admin(actor), id_of(change)
        scene, loaded = await core.enter(tenant, subject)
        found = self._opened(scene, find_proposal(loaded.record, change_id, scene))
        objection = No("no such proposal") if found is None else self._objection(scene, found.address)
        if found is None or objection is not None:
            return self._no(scene, Step(objection, loaded.record), "approve_recovery")
        new, handle, seed = found.address, core.draw(16), core.draw(16)
        agreement = Agreement(change_id=change_id, proposer=found.proposer, by=admin)
        about = self.carrying.sealed(scene, new) if new else b""
        if new:
            core.check_writable()

        def step(record: Record) -> Step:
            if not new:
                return approve(core.policy, record, scene=scene, agreement=agreement, handle=handle, seed=seed)
            same = self.carrying.changes_of(scene, record, new)
            return approve_address(core.policy, record, scene=scene, agreement=agreement, about=about, seed=seed, same=same)

        done = await core.apply(scene, loaded, step)
        return Acted() if isinstance(done.verdict, Done | Begun) else self._no(scene, done, "approve_recovery")

    async def withdraw(self, subject: str, change: str, *, actor: str, tenant: str) -> Acted | Refused | TryAgain:
        """Take a proposal back; see Engine.admin."""
        core, admin, change_id = self.core, Admin(actor), id_of(change)
        scene, loaded = await core.enter(tenant, subject)
        done = await core.apply(scene, loaded, lambda record: withdraw(record, scene=scene, change_id=change_id, by=admin))
        return Acted() if isinstance(done.verdict, Done) else self._no(scene, done, "withdraw_proposal")

    def _new(self, address: str, admin: Admin) -> str:
        """The address that is proposed, in the very form that mail goes to. Raises ConfigError for one that none does."""
        self.core.check_writable()
        new = deliverable(address)
        # A number is proven by a code beside a session, and nobody has one.
        if new is None or channel_of(new) is not Channel.MAIL:
            raise ConfigError("`address` is none that mail goes to.", remedy="Ask its reader to spell it again.")
        if len(new.encode()) + len(admin.actor.encode()) > ROOM:
            message = f"The address and the name of the actor have more than {ROOM} bytes together."
            raise ConfigError(message, remedy="Give the actor a shorter name.")
        return new

    def _sealed(self, scene: Scene, admin: Admin, new: str) -> bytes:
        plain = frame(admin.actor, new) if new else admin.actor.encode()
        return self.core.keyring.seal("proposed address" if new else "proposer", plain, scene.tenant, scene.subject)

    def _opened(self, scene: Scene, found: Change | None) -> Proposal | None:
        if found is None:
            return None
        is_address = GIVEN[found.kind] is Capability.ADDRESSES
        label = "proposed address" if is_address else "proposer"
        opened = self.core.keyring.open(label, found.about, scene.tenant, scene.subject)
        if opened is None:
            return None
        name, new = unframe(opened) if is_address else (opened.decode(), "")
        return Proposal(Proposer(found.about, name), new)

    def _objection(self, scene: Scene, new: str) -> No | None:
        """Why nothing can be mailed, or told: what is agreed to goes by mail, and is vetoed by mail."""
        own = scene.account.addresses if scene.account else ()
        if not any(channel_of(one) is Channel.MAIL for one in own):
            return No("no mail address")
        return No("address") if new and (stored_among(own, new) or len(own) >= MOST) else None

    def _no(self, scene: Scene, done: Step, operation: str) -> Refused | TryAgain:
        if isinstance(done.verdict, No):
            self.core.refused(scene, operation, "evaluated", done.verdict.reason)
            return Refused()
        return done.verdict if isinstance(done.verdict, TryAgain) else TryAgain(BRIEF)
