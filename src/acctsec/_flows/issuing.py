"""How a reset is issued, where nobody is watching: its link and code are made here, and lie in no store."""

from datetime import datetime
from hashlib import sha256

from acctsec import events
from acctsec._flows.core import Core, channel_of
from acctsec._flows.entries import ResetRequest
from acctsec._flows.naming import stored_among
from acctsec._flows.sending import send, within_budget
from acctsec._flows.tokens import Purpose
from acctsec._values import Value
from acctsec.claims import LinkClaims
from acctsec.errors import StoreError
from acctsec.identifiers import canonical
from acctsec.protocols import Account, Channel, Message, MessagePurpose
from acctsec.record import Record, Reset
from acctsec.steps import NO_SELF_SERVICE, Done, No, Scene, Step, issue_reset


class Issued(Value, frozen=True, kw_only=True):
    """A reset that may become live, with what is sent of it and never kept."""

    reset: Reset
    secret: bytes
    code: str

    def __repr__(self) -> str:
        return f"Issued(reset={self.reset.id.hex()!r})"


class Issuing:
    """Issues resets and sends them."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def issue(self, request: ResetRequest, *, again: bool) -> None:
        """Issue a reset and send it; the same request gives the same link."""
        core = self.core
        account = await self._account(request)
        subject = account.subject if account else ""
        scene = Scene(tenant=request.tenant, subject=subject, account=account, now=core.now(), source=request.source)
        if account is None:
            self._withhold(scene, "unknown")
            return
        recipient = self._recipient(account, request)
        channel = Channel.MAIL if recipient is None else channel_of(recipient)
        expires, code_expires = core.policy.reset.ends(channel, request.at, initial=bool(request.subject))
        if recipient is None or scene.now >= expires:
            self._withhold(scene, "no address" if recipient is None else "late")
            return
        issued = self._made(scene, request, recipient, channel, expires, code_expires)
        done = await self._committed(scene, request, issued, recipient, again=again)
        if isinstance(done.verdict, No):
            self._withhold(scene, done.verdict.reason)
            if done.verdict.reason == NO_SELF_SERVICE:
                await send(core, self._refusal(scene, account, request, recipient))
            return
        if not isinstance(done.verdict, Done):
            raise StoreError("The reset could not be committed.", remedy="It comes again by itself.")
        await send(core, self._message(scene, account, request, issued, recipient, done.record))

    def _made(
        self, scene: Scene, request: ResetRequest, recipient: str, channel: Channel, expires: datetime, code_expires: datetime
    ) -> Issued:
        core = self.core
        oldest = core.keyring.index_count - 1  # it stays in force while keys rotate, so the same request gives the same link
        secret = core.keyring.digest("reset secret", request.handle, request.seed, key=oldest)
        code = core.policy.reset.code(core.keyring.digest("reset number", request.handle, request.seed, key=oldest)[:16])
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
        return Issued(reset=reset, secret=secret, code=code)

    async def _committed(self, scene: Scene, request: ResetRequest, issued: Issued, recipient: str, *, again: bool) -> Step:
        """The step that makes the reset live, within what its address gets."""
        core, policy = self.core, self.core.policy.reset
        loaded = await core.load(core.record_key(scene.tenant, scene.subject), fresh=core.draw(16))

        def step(record: Record) -> Step:
            asked, by_owner = request.at, not request.subject
            return issue_reset(core.policy, record, scene=scene, reset=issued.reset, asked=asked, self_service=by_owner)

        # A request without effect spends nothing: the last units would be gone before the last link is, and none would come.
        early = step(loaded.record)
        effect = not isinstance(early.verdict, No) or early.verdict.reason == NO_SELF_SERVICE
        if effect and not request.subject and not again:
            budget = policy.per_number if issued.reset.channel == Channel.TEXT else policy.per_subject
            if not await within_budget(core, scene, recipient, b"!resets", budget, request.handle):
                return Step(No("budget"), loaded.record)
        return await core.apply(scene, loaded, step)

    def _message(
        self, scene: Scene, account: Account, request: ResetRequest, issued: Issued, recipient: str, record: Record
    ) -> Message:
        channel, reset = channel_of(recipient), issued.reset
        by_text = channel is Channel.TEXT
        claims = LinkClaims(tenant=scene.tenant, subject=scene.subject, incarnation=record.incarnation, secret=issued.secret)
        return Message(
            key=f"{request.handle.hex()}-00",
            purpose=request.purpose,
            tenant=scene.tenant,
            subject=scene.subject,
            address=recipient,
            at=scene.now,
            link=None if by_text else self.core.tokens.seal(Purpose.LINK, claims),
            code=None if request.subject else issued.code,
            expires=None if by_text else reset.expires,
            code_expires=None if request.subject else reset.code_expires,
            channel=channel,
            locale=account.locale,
        )

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

    def _withhold(self, scene: Scene, reason: str) -> None:
        self.core.observe(events.ResetWithheld(**scene.head(), reason=reason))
