"""Recovery by two administrators, each act with its actor; what they bring about is mailed to the owner and nobody else."""

from hmac import compare_digest

from acctsec._flows.carrying import Carrying
from acctsec._flows.changes import id_of
from acctsec._flows.core import Core, channel_of
from acctsec._flows.naming import deliverable, stored_among
from acctsec._values import Value
from acctsec.claims import Admin
from acctsec.errors import ConfigError
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
    """
    What lies sealed in a proposal: who made it, and the address that he named: a new one, or what the record knows of the one
    that gets the link. A record has no room for three whole addresses.
    """

    proposer: Proposer
    named: bytes
    is_new: bool


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
        is_new = gives is Capability.ADDRESSES
        new = self._new(address, admin) if is_new else None
        scene, loaded = await core.enter(tenant, subject)
        named = new or self._owned(scene, address)
        about = new.encode() if new else core.recipient(scene, named or "")
        change, sealed = core.draw(16), self._sealed(scene, admin, about)

        def step(record: Record) -> Step:
            return propose(core.policy, record, scene=scene, gives=gives, by=admin, change_id=change, sealed=sealed)

        objection = self._objection(scene, named, is_new=is_new)
        if objection is not None:
            return core.declined(scene, "propose_recovery", objection)
        done = await core.apply(scene, loaded, step)
        if not isinstance(done.verdict, Done):
            return core.declined(scene, "propose_recovery", done.verdict)
        return Proposed(change=change.hex(), expires=scene.now + PROPOSAL)

    async def approve(
        self, subject: str, change: str, *, actor: str, address: str | None, tenant: str
    ) -> Acted | Refused | TryAgain:
        """Agree to what another proposed; see Engine.admin."""
        core, admin, change_id = self.core, Admin(actor), id_of(change)
        scene, loaded = await core.enter(tenant, subject)
        found = self._opened(scene, find_proposal(loaded.record, change_id, scene))
        named = None if found is None else self._agreed(scene, found, address)
        objection = No("no such proposal") if found is None else No("another address") if named is None else None
        if found is None or named is None:
            return core.declined(scene, "approve_recovery", objection)
        objection = self._objection(scene, named, is_new=found.is_new)
        if objection is not None:
            return core.declined(scene, "approve_recovery", objection)
        handle, seed = core.draw(16), core.draw(16)
        agreement = Agreement(change_id=change_id, proposer=found.proposer, by=admin)
        about = self.carrying.sealed(scene, named) if found.is_new else b""
        if found.is_new:
            core.check_writable()

        def step(record: Record) -> Step:
            if not found.is_new:
                return approve(core.policy, record, scene=scene, agreement=agreement, handle=handle, seed=seed, to=named)
            same = self.carrying.changes_of(scene, record, named)
            return approve_address(core.policy, record, scene=scene, agreement=agreement, about=about, seed=seed, same=same)

        done = await core.apply(scene, loaded, step)
        return Acted() if isinstance(done.verdict, Done | Begun) else core.declined(scene, "approve_recovery", done.verdict)

    async def withdraw(self, subject: str, change: str, *, actor: str, tenant: str) -> Acted | Refused | TryAgain:
        """Take a proposal back; see Engine.admin."""
        core, admin, change_id = self.core, Admin(actor), id_of(change)
        scene, loaded = await core.enter(tenant, subject)
        done = await core.apply(scene, loaded, lambda record: withdraw(record, scene=scene, change_id=change_id, by=admin))
        return Acted() if isinstance(done.verdict, Done) else core.declined(scene, "withdraw_proposal", done.verdict)

    def _owned(self, scene: Scene, address: str | None) -> str | None:
        """
        Where the link goes: the address of the subject that was named, or its only one. Raises ConfigError where there are
        several: one of them may be a thief's, and it is for who speaks to the owner to know which.
        """
        own = [one for one in (scene.account.addresses if scene.account else ()) if channel_of(one) is Channel.MAIL]
        if address is None and len(own) > 1:
            raise ConfigError("The subject has several mail addresses.", remedy="Name the one its owner showed to be his.")
        return next(iter(own), None) if address is None else stored_among(tuple(own), address)

    def _agreed(self, scene: Scene, found: Proposal, address: str | None) -> str | None:
        """
        The address that a second administrator agrees to as well, as it is stored or proposed; None where he means another one.
        Raises ConfigError where he names none, unless there is but one.
        """
        if found.is_new:
            if address is None:
                raise ConfigError("`address` is missing.", remedy="Name the address that you agree to: ask its owner yourself.")
            return stored_among((found.named.decode(),), address)
        own = self._owned(scene, address)
        names = () if own is None else self.core.recipients(scene, own)
        return own if any(compare_digest(found.named, one) for one in names) else None

    def _new(self, address: str | None, admin: Admin) -> str:
        """The address that is proposed, in the very form that mail goes to. Raises ConfigError for one that none does."""
        self.core.check_writable()
        new = None if address is None else deliverable(address)
        # A number is proven by a code beside a session, and nobody has one.
        if new is None or channel_of(new) is not Channel.MAIL:
            raise ConfigError("`address` is none that mail goes to.", remedy="Ask its reader to spell it again.")
        if len(new.encode()) + len(admin.actor.encode()) > ROOM:
            message = f"The address and the name of the actor have more than {ROOM} bytes together."
            raise ConfigError(message, remedy="Give the actor a shorter name.")
        return new

    def _sealed(self, scene: Scene, admin: Admin, named: bytes) -> bytes:
        actor = admin.actor.encode()
        return self.core.keyring.seal("proposal", len(actor).to_bytes(2, "big") + actor + named, scene.tenant, scene.subject)

    def _opened(self, scene: Scene, found: Change | None) -> Proposal | None:
        opened = None if found is None else self.core.keyring.open("proposal", found.about, scene.tenant, scene.subject)
        if found is None or opened is None:
            return None
        ends = 2 + int.from_bytes(opened[:2], "big")
        name, named = opened[2:ends].decode(), opened[ends:]
        return Proposal(Proposer(found.about, name), named, GIVEN[found.kind] is Capability.ADDRESSES)

    def _objection(self, scene: Scene, named: str | None, *, is_new: bool) -> No | None:
        """Why nothing can be mailed, or told: what is agreed to goes by mail, and is vetoed by mail."""
        own = scene.account.addresses if scene.account else ()
        if not any(channel_of(one) is Channel.MAIL for one in own):
            return No("no mail address")
        there = named is not None and stored_among(own, named) is not None
        return No("address") if there is is_new or (is_new and len(own) >= MOST) else None
