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
from acctsec._flows.naming import stored_among
from acctsec._flows.ports import port
from acctsec._flows.tokens import Purpose
from acctsec._flows.vouching import contact
from acctsec._values import evolve
from acctsec.budgets import Budget
from acctsec.claims import LinkClaims, PromptClaims, ShareClaims, UnlockClaims, VetoClaims
from acctsec.errors import ConfigError, PortError, StoreError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import UNLOCK_LIFETIME
from acctsec.outcomes import Delivered
from acctsec.protocols import MAX_ATTEMPTS, Account, Channel, Charge, Drained, Granted, Message, MessagePurpose
from acctsec.record import Record, Reset
from acctsec.steps import NO_SELF_SERVICE, Done, No, Scene, Step, find_prompt, issue_reset, share_refusal, unlockable

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
                await self._issue(entry, again=drained.attempts > 0)
            case AddressRequest():
                await self._prove(entry, again=drained.attempts > 0)
            case CodeRequest():
                message = await letter(core, entry)
                if message is not None:
                    await self._send(message)
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
        await self._send(message)

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
        if not again and not await self._within_budget(scene, mail.address, meter, core.policy.lockout.notices, core.draw(16)):
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
        if not again and not await self._within_budget(theirs, address, meter, PER_CONTACT, core.draw(16)):
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
        await self._send(message)

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
        if not again and not await self._within_budget(scene, address, b"!addresses", budget, request.seed):
            core.observe(events.NoticeWithheld(**scene.head(), purpose=MessagePurpose.PROVE_ADDRESS))
            return
        everybody = evolve(scene, subject="")
        if not again and not await self._within_budget(everybody, address, b"!addresses", STRANGERS, request.seed):
            core.observe(events.NoticeWithheld(**scene.head(), purpose=MessagePurpose.PROVE_ADDRESS))
            return
        message = await self.carrying.letter(request, scene, address)
        if message is not None:
            await self._send(message)

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
        await self._send(message)

    async def _send(self, message: Message) -> None:
        if self.core.ports.messenger is None:
            raise PortError("There is no messenger.", remedy="Deliver with an engine that has one.")
        await port("messenger.send", self.core.ports.messenger.send(message))

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

    # --- resets ---

    async def _issue(self, request: ResetRequest, *, again: bool) -> None:
        """Issue a reset and send it. The link is made here and lies in no store; the same request gives the same one."""
        core, policy = self.core, self.core.policy.reset
        account = await self._account(request)
        subject = account.subject if account else ""
        scene = Scene(tenant=request.tenant, subject=subject, account=account, now=core.now(), source=request.source)
        if account is None:
            self._withhold(scene, "unknown")
            return
        recipient = self._recipient(account, request)
        channel = Channel.MAIL if recipient is None else channel_of(recipient)
        expires, code_expires = policy.ends(channel, request.at, initial=bool(request.subject))
        if recipient is None or scene.now >= expires:
            self._withhold(scene, "no address" if recipient is None else "late")
            return
        loaded = await core.load(core.record_key(scene.tenant, subject), fresh=core.draw(16))
        oldest = core.keyring.index_count - 1  # it stays in force while keys rotate, so the same request gives the same link
        secret = core.keyring.digest("reset secret", request.handle, request.seed, key=oldest)
        code = policy.code(core.keyring.digest("reset number", request.handle, request.seed, key=oldest)[:16])
        by_text = channel is Channel.TEXT
        reset = Reset(
            id=request.handle,
            epoch=0,
            recipient=core.recipient(scene, recipient),
            link=b"" if by_text else sha256(secret).digest(),
            code=core.texted(scene, code) if by_text else core.coded(scene, code, handle=request.handle),
            expires=expires,
            code_expires=code_expires,
            channel=channel.value,
            proofs=request.proofs,
            gives=request.gives,
            initial=bool(request.subject),
        )

        def step(record: Record) -> Step:
            return issue_reset(core.policy, record, scene=scene, reset=reset, asked=request.at, self_service=not request.subject)

        # A request without effect spends nothing: the last units would be gone before the last link is, and none would come.
        verdict = step(loaded.record).verdict
        effect = not isinstance(verdict, No) or verdict.reason == NO_SELF_SERVICE
        if effect and not request.subject and not again:
            budget = policy.per_number if by_text else policy.per_subject
            if not await self._within_budget(scene, recipient, b"!resets", budget, request.handle):
                self._withhold(scene, "budget")
                return
        done = await core.apply(scene, loaded, step)
        if isinstance(done.verdict, No):
            self._withhold(scene, done.verdict.reason)
            if done.verdict.reason == NO_SELF_SERVICE:
                await self._send(self._refusal(scene, account, request, recipient))
            return
        if not isinstance(done.verdict, Done):
            raise StoreError("The reset could not be committed.", remedy="It comes again by itself.")
        claims = LinkClaims(tenant=scene.tenant, subject=subject, incarnation=done.record.incarnation, secret=secret)
        message = Message(
            key=f"{request.handle.hex()}-00",
            purpose=request.purpose,
            tenant=scene.tenant,
            subject=subject,
            address=recipient,
            at=scene.now,
            link=None if by_text else core.tokens.seal(Purpose.LINK, claims),
            code=None if request.subject else code,
            expires=None if by_text else expires,
            code_expires=None if request.subject else code_expires,
            channel=channel,
            locale=account.locale,
        )
        await self._send(message)

    def _refusal(self, scene: Scene, account: Account, request: ResetRequest, recipient: str) -> Message:
        """What the owner hears who cannot reset by himself; outsiders hear what they always do."""
        return Message(
            key=f"{request.handle.hex()}-00",
            purpose=MessagePurpose.SELF_SERVICE_REFUSED,
            tenant=scene.tenant,
            subject=scene.subject,
            address=recipient,
            at=scene.now,
            channel=channel_of(recipient),
            locale=account.locale,
        )

    def _recipient(self, account: Account, request: ResetRequest) -> str | None:
        """
        The stored address that was typed, byte for byte as stored; otherwise the first one. Never what was typed. What
        administrators ask for comes by a link, so it goes to the first address that is mailed; and where they named one, to that
        or to none.
        """
        if request.subject:
            mailed = tuple(one for one in account.addresses if channel_of(one) is Channel.MAIL)
            return stored_among(mailed, request.identifier) if request.identifier else next(iter(mailed), None)
        for address in account.addresses:
            name = canonical(address)
            if name is not None and name.value == request.identifier:
                return address
        return next(iter(account.addresses), None)

    async def _account(self, request: ResetRequest) -> Account | None:
        if request.subject:
            return await self.core.get(request.tenant, request.subject)
        name = canonical(request.identifier)
        return None if name is None else await self.core.find(request.tenant, name)

    async def _within_budget(self, scene: Scene, recipient: str, meter: bytes, budget: Budget, hold: bytes) -> bool:
        """Spend one of the messages an address of the subject gets; what fills one mailbox takes nothing from another."""
        core, ladder = self.core, budget.ladder()
        charges = []
        for key in range(core.keyring.index_count):
            row = core.keyring.digest("message row", scene.tenant, scene.subject, recipient, key=key)[:16]
            charges.append(Charge(row, meter, ladder, None, hold))
        readings = await core.charge(scene, charges)
        if readings is None:
            readings = await core.charge_own(charges)
        return all(isinstance(reading, Granted) for reading in readings)

    def _withhold(self, scene: Scene, reason: str) -> None:
        self.core.observe(events.ResetWithheld(**scene.head(), reason=reason))
