"""Delivery: what commits left in the outbox goes to the messenger and the sink, at least once, where nobody is watching."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from acctsec import events
from acctsec._flows.carrying import Carrying
from acctsec._flows.codes import letter
from acctsec._flows.core import Core, channel_of
from acctsec._flows.entries import (
    AddressRequest,
    CodeRequest,
    Following,
    Happened,
    Mail,
    PromptRequest,
    ResetRequest,
    Told,
    about,
    unseal,
)
from acctsec._flows.issuing import Issuing
from acctsec._flows.ports import port
from acctsec._flows.sending import send, within_budget
from acctsec._flows.tokens import Purpose
from acctsec._flows.vouching import contact
from acctsec._values import evolve
from acctsec.budgets import Budget
from acctsec.claims import PromptClaims, ShareClaims, UnlockClaims, VetoClaims
from acctsec.errors import ConfigError, PortError, StoreError
from acctsec.keyring import frame
from acctsec.lockout import UNLOCK_LIFETIME
from acctsec.outcomes import Delivered
from acctsec.protocols import MAX_ATTEMPTS, Channel, Drained, Message, MessagePurpose
from acctsec.record import Record
from acctsec.steps import Scene, find_prompt, share_refusal, unlockable

LEASE = timedelta(seconds=60)
PER_CONTACT = Budget(limit=3, window=timedelta(days=1))
"""
Shares that a contact is mailed for one owner: each spends a reset that was proven, and lives two days. And how often it is told
that somebody named it, whoever did: names cost nothing.
"""
STRANGERS = Budget(limit=10, window=timedelta(days=1))
"""
Messages that an address gets from all who say that it is theirs. It never asked for any, so they are few; and people of one
household who share an address, each with a second try, are within it.
"""
BATCH = 10  # entries in hand at once: one that ends the process takes no more with it


class Delivery:
    """Hands outbox entries on."""

    def __init__(self, core: Core, carrying: Carrying) -> None:
        self.core = core
        self.carrying = carrying
        self.issuing: Issuing = Issuing(core)

    async def deliver(self, limit: int) -> Delivered:
        """Hand on at most *limit* entries, then the observations; see Engine.deliver."""
        core = self.core
        if type(limit) is not int or limit < 1:
            raise ConfigError(f"limit is {limit!r}.", remedy="Give a number of entries, 1 or more.")
        sent = failed = dead = 0
        # Without a messenger another process delivers: what it has to send must not be taken out of its hands.
        left = core.ports.messenger is not None
        while left and sent + failed < limit:
            batch = min(BATCH, limit - sent - failed)
            drained = await core.ports.records.drain(batch, core.now(), LEASE)
            done, died = await self._hand_on_all(drained)
            sent, failed, left = sent + done, failed + len(drained) - done, len(drained) == batch
            dead += died
        await self._observations()
        return Delivered(sent, failed, left, dead)

    async def _hand_on_all(self, drained: Sequence[Drained]) -> tuple[int, int]:
        """
        Hand on a few entries and acknowledge those that went; whatever ends this, the others come again, but for the dead.

        Answers how many went, and how many died.
        """
        core, done, dead = self.core, list[bytes](), 0
        try:
            for one in drained:
                try:
                    await self._hand_on(one)
                except (PortError, StoreError):
                    dead += self._died(one)
                    continue  # it stays, and comes again after a growing pause
                done.append(one.id)
        finally:
            if done:
                await core.ports.records.ack(done)
        return len(done), dead

    def _died(self, drained: Drained) -> bool:
        """Whether an entry that failed had its last try; if so, what watches this process hears of it."""
        if drained.attempts + 1 < MAX_ATTEMPTS:
            return False
        letter = about(unseal(self.core.keyring, drained.entry))
        died = events.LetterDied(
            tenant=letter.tenant, subject=letter.subject, at=self.core.now(), kind=letter.kind.value, name=letter.name
        )
        self.core.observe(died)
        return True

    async def _hand_on(self, drained: Drained) -> None:
        core = self.core
        entry = unseal(core.keyring, drained.entry)
        match entry:
            case Happened(key=key, event=event):
                if core.ports.sink is not None:
                    await port("sink.record", core.ports.sink.record(event, key=key))
            case Mail(purpose=MessagePurpose.GUESSING_STOPPED):
                await self._warn(entry, again=drained.attempts > 0)
            case Mail():
                await self._notify(entry)
            case Told():
                await self._tell(entry, again=drained.attempts > 0)
            case ResetRequest():
                await self.issuing.issue(entry, again=drained.attempts > 0)
            case AddressRequest():
                await self._prove(entry, again=drained.attempts > 0)
            case CodeRequest():
                message = await letter(core, entry)
                if message is not None:
                    await send(self.core, message)
            case PromptRequest():
                await self._push(entry)
            case Following():
                await self.carrying.follow(entry)
            case None:
                problem = "An outbox entry cannot be read."
                raise PortError(problem, remedy="Put the key that sealed it back into the keyring.")

    async def _notify(self, mail: Mail, *, link: str | None = None, expires: datetime | None = None) -> None:
        veto = self._veto(mail)
        message = Message(
            key=mail.key,
            purpose=mail.purpose,
            tenant=mail.tenant,
            subject=mail.subject,
            address=mail.address,
            at=mail.at,
            link=link,
            expires=mail.expires if veto else expires,
            channel=channel_of(mail.address),
            locale=mail.locale,
            veto=veto,
            until=mail.until,
        )
        await send(self.core, message)

    def _veto(self, mail: Mail) -> str | None:
        """What stops the change that a notice tells of; a text has no room for it."""
        if not mail.change or mail.expires is None or channel_of(mail.address) is Channel.TEXT:
            return None
        scene = Scene(tenant=mail.tenant, subject=mail.subject, account=None, now=mail.at)
        claims = VetoClaims(
            tenant=mail.tenant,
            subject=mail.subject,
            incarnation=mail.incarnation,
            change=mail.change,
            recipient=self.core.recipient(scene, mail.address),
            expires=mail.expires,
        )
        return self.core.tokens.seal(Purpose.VETO, claims)

    async def _warn(self, mail: Mail, *, again: bool) -> None:
        """
        Tell an address that guessing was stopped, with a link that opens the lane of strangers where that is what stopped.

        Strangers bring this about, so an address hears of it so often and no more. News with a link are counted by what the link
        opens: what else can be stopped must not cost the owner the link, nor must an opening cost him the next one, which
        strangers cannot bring about alone. Handed out again, it was counted already.
        """
        core = self.core
        scene = Scene(tenant=mail.tenant, subject=mail.subject, account=None, now=core.now())
        loaded = await core.load(core.record_key(mail.tenant, mail.subject), fresh=b"")
        expires = mail.at + UNLOCK_LIFETIME
        claims = UnlockClaims(
            tenant=mail.tenant,
            subject=mail.subject,
            binds=unlockable(loaded.record),
            recipient=core.recipient(scene, mail.address),
            issued=mail.at,
            expires=expires,
        )
        by_mail = channel_of(mail.address) is Channel.MAIL  # a text has no link
        opens = by_mail and not core.policy.lockout.why_shut(loaded.record, now=scene.now) and scene.now < expires
        opened = frame(loaded.record.incarnation, *map(str, claims.binds[1:]))
        meter = b"links/" + sha256(opened).digest()[:8] if opens else b"!notices"
        notices = core.policy.lockout.notices
        if not again and not await within_budget(core, scene, mail.address, meter, notices, core.draw(16)):
            core.observe(events.NoticeWithheld(**scene.head(), purpose=mail.purpose))
        elif opens:
            await self._notify(mail, link=core.tokens.seal(Purpose.UNLOCK, claims), expires=expires)
        else:
            await self._notify(mail)

    # --- contacts ---

    async def _tell(self, told: Told, *, again: bool) -> None:
        """
        Tell a trusted contact, where there is one, that it was named, or send it its share of a decision.

        It is mailed to the first address of the contact; a text has no link, and an account that is disabled or was erased has no
        say. A share that would be dead is not sent.
        """
        core = self.core
        owner = await core.get(told.tenant, told.subject)
        scene = Scene(tenant=told.tenant, subject=told.subject, account=owner, now=core.now())
        theirs, loaded = await contact(core, scene, told.contact)
        addresses = theirs.account.addresses if theirs.account else ()
        address = next((one for one in addresses if channel_of(one) is Channel.MAIL), None)
        share = await self._share(scene, told, loaded.record) if told.change else None
        if address is None or loaded.version is None or not theirs.active(loaded.record) or share == "":
            core.observe(events.NoticeWithheld(**theirs.head(), purpose=told.purpose))
            return
        meter = b"shares/" + sha256(frame(told.subject)).digest()[:8] if told.change else b"!named"
        if not again and not await within_budget(self.core, theirs, address, meter, PER_CONTACT, core.draw(16)):
            core.observe(events.NoticeWithheld(**theirs.head(), purpose=told.purpose))
            return
        message = Message(
            key=told.key,
            purpose=told.purpose,
            tenant=told.tenant,
            subject=told.contact,
            address=address,
            at=told.at,
            link=share,
            expires=told.expires,
            locale=theirs.account.locale if theirs.account else "",
            owner=told.subject,
        )
        await send(self.core, message)

    async def _share(self, scene: Scene, told: Told, theirs: Record) -> str:
        """The share of a contact, or "" where it would decide nothing."""
        core = self.core
        claims = ShareClaims(
            tenant=told.tenant,
            subject=told.subject,
            incarnation=told.incarnation,
            change=told.change,
            contact=told.contact,
            number=told.number,
            life=theirs.incarnation,
            expires=told.expires or told.at,
        )
        loaded = await core.load(core.record_key(told.tenant, told.subject), fresh=b"")
        dead = share_refusal(core.policy, loaded.record, scene=scene, share=claims)
        return "" if dead else core.tokens.seal(Purpose.SHARE, claims)

    async def _prove(self, request: AddressRequest, *, again: bool) -> None:
        """
        Send what proves an address. It may be a stranger's: of one subject it hears as often as of resets, of all together a few
        times a day.
        """
        core, found = self.core, await self.carrying.wanted(request)
        if found is None:
            return
        scene, address = found
        budget = core.policy.reset.per_number if channel_of(address) is Channel.TEXT else core.policy.reset.per_subject
        if not again and not await within_budget(self.core, scene, address, b"!addresses", budget, request.seed):
            core.observe(events.NoticeWithheld(**scene.head(), purpose=MessagePurpose.PROVE_ADDRESS))
            return
        everybody = evolve(scene, subject="")
        if not again and not await within_budget(self.core, everybody, address, b"!addresses", STRANGERS, request.seed):
            core.observe(events.NoticeWithheld(**scene.head(), purpose=MessagePurpose.PROVE_ADDRESS))
            return
        message = await self.carrying.letter(request, scene, address)
        if message is not None:
            await send(self.core, message)

    async def _push(self, request: PromptRequest) -> None:
        """Push a prompt to an app, while it waits to be answered; one that is over would ask for a number that nobody sees."""
        core = self.core
        owner = await core.get(request.tenant, request.subject)
        scene = Scene(tenant=request.tenant, subject=request.subject, account=owner, now=core.now())
        loaded = await core.load(core.record_key(request.tenant, request.subject), fresh=b"")
        claims = PromptClaims(
            tenant=request.tenant,
            subject=request.subject,
            incarnation=request.incarnation,
            epoch=request.epoch,
            id=request.prompt,
            asked=request.at,
            expires=request.expires,
            action=request.action,
            source=request.source,
            agent=request.agent,
            known=request.known,
        )
        prompt = find_prompt(core.policy, loaded.record, scene=scene, claims=claims)
        if prompt is None or prompt.approved:
            core.observe(events.NoticeWithheld(**scene.head(), purpose=MessagePurpose.PROMPT))
            return
        message = Message(
            key=request.key,
            purpose=MessagePurpose.PROMPT,
            tenant=request.tenant,
            subject=request.subject,
            address=request.address,
            at=request.at,
            expires=request.expires,
            channel=Channel.PUSH,
            locale=request.locale,
            prompt=core.tokens.seal(Purpose.PROMPT, claims),
            action=request.action,
            asked_from=request.source,
            asked_with=request.agent,
        )
        await send(self.core, message)

    async def _observations(self) -> None:
        core = self.core
        while core.ports.sink is not None:
            try:
                event = core.observations.popleft()
            except IndexError:  # none is left, or another worker was quicker
                return
            try:
                await port("sink.record", core.ports.sink.record(event, key=""))
            except PortError:
                core.dropped += 1
