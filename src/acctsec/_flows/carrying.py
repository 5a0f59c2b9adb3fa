"""
Carrying: the platform's table follows what a record has decided.

What is decided is committed first, with an entry in the outbox; then the table follows, and then the record is done with it.
Whatever call a process dies at, the next delivery goes on from there.
"""

from collections.abc import Mapping
from datetime import datetime

from acctsec._flows.core import Core, channel_of
from acctsec._flows.entries import AddressRequest, Following
from acctsec._flows.naming import are_equal
from acctsec._flows.tokens import Purpose
from acctsec.claims import AddressClaims
from acctsec.errors import StoreError
from acctsec.keyring import frame, unframe
from acctsec.outcomes import ChangeKind, TryAgain
from acctsec.protocols import (
    AddAddress,
    Applied,
    Channel,
    DirectoryChange,
    Message,
    MessagePurpose,
    RemoveAddress,
    ReplaceAddress,
    ReplaceIdentifier,
    Taken,
)
from acctsec.record import Change, Record
from acctsec.steps import Named, Scene, Step, finish
from acctsec.steps.addresses import ADDED, ADDRESSES, IDENTIFIER, REMOVED


class Carrying:
    """What is decided about addresses and identifiers, on its way out."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def sealed(self, scene: Scene, *about: str) -> bytes:
        """What a change is about, as the record keeps it."""
        return self.core.keyring.seal("change", frame(*about), scene.tenant, scene.subject)

    def about(self, scene: Scene, change: Change | None) -> list[str]:
        """What a change is about: the address or identifier that comes or goes, and then the one that it replaces."""
        if change is None or change.kind not in ADDRESSES | {IDENTIFIER}:
            return []
        opened = self.core.keyring.open("change", change.about, scene.tenant, scene.subject)
        return [] if opened is None else unframe(opened)

    def changes_of(self, scene: Scene, record: Record, address: str) -> Mapping[bytes, str]:
        """The changes about the same address or identifier, however it is spelt, by their ids, each with its kind."""
        about = {one.id: self.about(scene, one)[:1] for one in record.changes}
        return {one.id: one.kind for one in record.changes if about[one.id] and are_equal(about[one.id][0], address)}

    def gone(self, scene: Scene, about: list[str]) -> Named | None:
        """The address that another one replaces; none where it is the same one in another spelling."""
        return self.named(scene, about[1]) if about[1:] and not are_equal(*about) else None

    def named(self, scene: Scene, address: str) -> Named:
        """An address as the record knows it."""
        return Named(names=self.core.recipients(scene, address), sealed=self.core.sealed_address(scene, address))

    def coded(self, scene: Scene, change: bytes, code: str, *, key: int = 0) -> bytes:
        """What the record knows of a code: it is good for its change."""
        return self.core.keyring.digest("address code", scene.tenant, scene.subject, change, code, key=key)

    def code_ends(self, change: Change, address: str) -> datetime:
        """When the code is over: as early as one of a reset, while a link goes on."""
        policy = self.core.policy.reset
        return change.asked + (policy.text_lifetime if channel_of(address) is Channel.TEXT else policy.code_lifetime)

    async def carry_out(self, scene: Scene, change: Change) -> Applied | Taken | TryAgain:
        """
        Let the platform's table follow a change that is decided, and be done with it; answers what the table said.

        Nothing is lost where this ends before its end: the entry of the same commit brings it here again.
        """
        core, about = self.core, self.about(scene, change)
        if not about:
            raise StoreError("What a change is about cannot be read.", remedy="Put the key that sealed it back into the keyring.")
        answer = await core.write(_order(scene, change, about))
        after, loaded = await core.enter(scene.tenant, scene.subject, scene.source)
        new = self.named(scene, about[0]) if change.kind == ADDED else None
        gone = self.named(scene, about[0]) if change.kind == REMOVED else self.gone(scene, about) if new else None

        def step(record: Record) -> Step:
            return finish(record, scene=after, change_id=change.id, new=new, gone=gone, taken=isinstance(answer, Taken))

        done = await core.apply(after, loaded, step)
        return done.verdict if isinstance(done.verdict, TryAgain) else answer

    async def follow(self, entry: Following) -> None:
        """Go on with a change whose process may be gone; where it is not, nothing is left to do."""
        scene, loaded = await self.core.enter(entry.tenant, entry.subject)
        change = loaded.record.change_of(entry.change)
        if loaded.record.incarnation != entry.incarnation or change is None or not change.under_way:
            return
        if isinstance(await self.carry_out(scene, change), TryAgain):
            raise StoreError("A change could not be committed.", remedy="It comes again by itself.")

    async def letter(self, request: AddressRequest) -> tuple[Scene, Message] | None:
        """What proves an address, as it goes there; None where nothing waits for it any more."""
        core = self.core
        scene, loaded = await core.enter(request.tenant, request.subject)
        change = loaded.record.change_of(request.change)
        about = self.about(scene, change)
        if loaded.record.incarnation != request.incarnation or change is None or change.made or not about:
            return None
        address, ends = about[0], self.code_ends(change, about[0])
        channel, coded = channel_of(address), scene.now < ends
        if scene.now >= change.expires or not scene.active(loaded.record) or (channel is Channel.TEXT and not coded):
            return None
        claims = AddressClaims(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=request.incarnation,
            change=change.id,
            recipient=core.recipient(scene, address),
            expires=change.expires,
        )
        by_mail = channel is Channel.MAIL
        message = Message(
            key=request.key,
            purpose=MessagePurpose.PROVE_ADDRESS,
            tenant=scene.tenant,
            subject=scene.subject,
            address=address,
            at=request.at,
            link=core.tokens.seal(Purpose.ADDRESS, claims) if by_mail else None,
            code=core.policy.reset.code(request.seed) if coded else None,
            expires=change.expires if by_mail else None,
            code_expires=ends if coded else None,
            channel=channel,
            locale=request.locale,
        )
        return scene, message


def _order(scene: Scene, change: Change, about: list[str]) -> DirectoryChange:
    """A change in the words of the platform's table."""
    head = {"id": change.id.hex(), "tenant": scene.tenant, "subject": scene.subject}
    match ChangeKind(change.kind):
        case ChangeKind.IDENTIFIER:
            return ReplaceIdentifier(**head, identifier=about[0], replaces=about[1])
        case ChangeKind.ADDRESS_REMOVED:
            return RemoveAddress(**head, address=about[0])
        case _ if about[1:]:
            return ReplaceAddress(**head, address=about[0], replaces=about[1])
        case _:
            return AddAddress(**head, address=about[0])
