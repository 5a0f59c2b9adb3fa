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
    Account,
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
from acctsec.steps import Done, Named, No, Scene, Step, finish, send_code
from acctsec.steps.addresses import ADDED, ADDRESSES, IDENTIFIER, REMOVED


class Carrying:
    """What is decided about addresses and identifiers, on its way out."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def sealed(self, scene: Scene, *about: str) -> bytes:
        """What a change is about, as the record keeps it."""
        return self.core.keyring.seal("change", frame(*about), scene.tenant, scene.subject)

    def name(self, scene: Scene, address: str) -> str:
        """What a change calls the address or identifier that it replaces: a record has no room for two of 254 bytes."""
        return self.core.recipient(scene, address).hex()

    def about(self, scene: Scene, change: Change | None) -> list[str]:
        """What a change is about: the address or identifier that comes or goes, and then the name of the one that it replaces."""
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
        if not about[1:] or bytes.fromhex(about[1]) in self.core.recipients(scene, about[0]):
            return None
        old = self.replaced(scene, scene.account.addresses if scene.account else (), about)
        return Named(names=(bytes.fromhex(about[1]),)) if old is None else self.named(scene, old)

    def replaced(self, scene: Scene, own: tuple[str, ...], about: list[str]) -> str | None:
        """The one of an account's addresses or identifiers that is replaced; None where it has gone already."""
        named = bytes.fromhex(about[1]) if about[1:] else b""
        return next((one for one in own if named in self.core.recipients(scene, one)), None)

    def named(self, scene: Scene, address: str) -> Named:
        """An address as the record knows it."""
        return Named(names=self.core.recipients(scene, address), sealed=self.core.sealed_address(scene, address))

    def coded(self, scene: Scene, change: bytes, code: str, *, key: int = 0) -> bytes:
        """What the record knows of a code: it is good for its change."""
        return self.core.keyring.digest("address code", scene.tenant, scene.subject, change, code, key=key)

    def code_ends(self, asked: datetime, address: str) -> datetime:
        """When a code is over that was *asked* for then: as early as one of a reset, while a link goes on."""
        policy = self.core.policy.reset
        return asked + (policy.text_lifetime if channel_of(address) is Channel.TEXT else policy.code_lifetime)

    async def carry_out(self, scene: Scene, change: Change) -> Applied | Taken | TryAgain:
        """
        Let the platform's table follow a change that is decided, and be done with it; answers what the table said.

        Nothing is lost where this ends before its end: the entry of the same commit brings it here again.
        """
        core, about = self.core, self.about(scene, change)
        if not about:
            raise StoreError("What a change is about cannot be read.", remedy="Put the key that sealed it back into the keyring.")
        answer = await core.write(self._order(scene, change, about))
        after, loaded = await core.enter(scene.tenant, scene.subject, scene.source)
        new = self.named(scene, about[0]) if change.kind == ADDED else None
        gone = self.named(scene, about[0]) if change.kind == REMOVED else self.gone(scene, about) if new else None

        def step(record: Record) -> Step:
            return finish(
                core.policy, record, scene=after, change_id=change.id, new=new, gone=gone, taken=isinstance(answer, Taken)
            )

        done = await core.apply(after, loaded, step)
        return done.verdict if isinstance(done.verdict, TryAgain) else answer

    def _order(self, scene: Scene, change: Change, about: list[str]) -> DirectoryChange:
        """A change in the words of the platform's table. What it replaces may have gone the first time it came there."""
        head = {"id": change.id.hex(), "tenant": scene.tenant, "subject": scene.subject}
        account = scene.account or Account(subject=scene.subject)
        match ChangeKind(change.kind):
            case ChangeKind.IDENTIFIER:
                old = self.replaced(scene, account.identifiers, about) or about[0]
                return ReplaceIdentifier(**head, identifier=about[0], replaces=old)
            case ChangeKind.ADDRESS_REMOVED:
                return RemoveAddress(**head, address=about[0])
            case _:
                old_address = self.replaced(scene, account.addresses, about)
                if old_address is None:
                    return AddAddress(**head, address=about[0])
                return ReplaceAddress(**head, address=about[0], replaces=old_address)

    async def follow(self, entry: Following) -> None:
        """Go on with a change whose process may be gone; where it is not, nothing is left to do."""
        scene, loaded = await self.core.enter(entry.tenant, entry.subject)
        change = loaded.record.change_of(entry.change)
        if loaded.record.incarnation != entry.incarnation or change is None or not change.under_way:
            return
        if isinstance(await self.carry_out(scene, change), TryAgain):
            raise StoreError("A change could not be committed.", remedy="It comes again by itself.")

    async def wanted(self, request: AddressRequest) -> tuple[Scene, str] | None:
        """Where what proves an address has to go; None where nothing waits for it any more, or a text would come too late."""
        scene, loaded = await self.core.enter(request.tenant, request.subject)
        change = loaded.record.change_of(request.change)
        about = self.about(scene, change)
        if loaded.record.incarnation != request.incarnation or change is None or not about:
            return None
        if isinstance(send_code(loaded.record, scene=scene, change_id=change.id, asked=request.at, code=b"").verdict, No):
            return None
        late = scene.now >= self.code_ends(request.at, about[0])
        return None if late and channel_of(about[0]) is Channel.TEXT else (scene, about[0])

    async def letter(self, request: AddressRequest, scene: Scene, address: str) -> Message | None:
        """What proves an address, as it goes there. Its code is good from now on; handed out again, it is the same."""
        core, code = self.core, self.core.policy.reset.code(request.seed)
        loaded = await core.load(core.record_key(scene.tenant, scene.subject), fresh=b"")
        coded = self.coded(scene, request.change, code)

        def step(record: Record) -> Step:
            return send_code(record, scene=scene, change_id=request.change, asked=request.at, code=coded)

        done = await core.apply(scene, loaded, step)
        change = done.record.change_of(request.change)
        if isinstance(done.verdict, TryAgain):
            raise StoreError("A code could not be committed.", remedy="It comes again by itself.")
        if not isinstance(done.verdict, Done) or change is None or done.record.incarnation != request.incarnation:
            return None
        ends = self.code_ends(request.at, address)
        claims = AddressClaims(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=request.incarnation,
            change=change.id,
            expires=change.expires,
        )
        by_mail, alive = channel_of(address) is Channel.MAIL, scene.now < ends
        return Message(
            key=request.key,
            purpose=MessagePurpose.PROVE_ADDRESS,
            tenant=scene.tenant,
            subject=scene.subject,
            address=address,
            at=request.at,
            link=core.tokens.seal(Purpose.ADDRESS, claims) if by_mail else None,
            code=code if alive else None,
            expires=change.expires if by_mail else None,
            code_expires=ends if alive else None,
            channel=channel_of(address),
            locale=request.locale,
        )
