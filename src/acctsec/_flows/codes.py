"""Codes on their way out: asked for, within budgets, and made into messages."""

from datetime import timedelta
from hmac import compare_digest

from acctsec import events
from acctsec._flows.core import BRIEF, EPOCH, Core, Loaded, channel_of, operation
from acctsec._flows.entries import CodeRequest
from acctsec._flows.factors import MAX_ID, FactorFlows
from acctsec._flows.kinds.delivered import DeliveredCodes, bound, digest
from acctsec._flows.naming import stored_among
from acctsec._flows.tokens import Purpose
from acctsec._values import Value, evolve
from acctsec.claims import Enrollment, Ticket
from acctsec.context import Context
from acctsec.errors import ConfigError, StoreBusy, StoreUnavailable
from acctsec.identifiers import canonical
from acctsec.mfa.actions import Action
from acctsec.mfa.delivered import OVER_THE_TELEPHONE, masked
from acctsec.outcomes import CodeEnrollmentStarted, CodeSent, FactorKind, Refused, TryAgain
from acctsec.protocols import (
    AsyncMeterStore,
    Channel,
    Charge,
    Filled,
    Granted,
    Message,
    MessagePurpose,
    Reading,
    Resting,
    Settle,
    Settlement,
)
from acctsec.record import Delivered, Record, Sent
from acctsec.steps import Done, Held, No, Scene, SendCode, Step, code_refusal, send_factor_code

STRANGERS, SESSIONS, RECOVERIES = "strangers", "sessions", "recoveries"
RESET, SET_UP = "reset", "set-up"


class Wish(Value, frozen=True, kw_only=True):
    """What is to be sent where, for which ticket; *lane* says who is counted with whom."""

    scene: Scene
    loaded: Loaded
    ticket: Ticket | Enrollment
    factor: str
    channel: str
    address: str
    action: str
    lane: str

    @property
    def recovering(self) -> bool:
        """Whether it is for a recovery."""
        return self.lane == RECOVERIES


class Spent(Value, frozen=True, kw_only=True):
    """What a code was charged, and what *meters* answered."""

    charges: tuple[Charge, ...]
    readings: tuple[Reading, ...]
    meters: AsyncMeterStore


class Codes:
    """The flows of codes that are sent."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors
        self.kind: DeliveredCodes = DeliveredCodes(core)

    @operation
    async def enroll_delivered(
        self, token: str, address: str, *, channel: Channel | None = None, name: str, replaces: str, context: Context
    ) -> CodeEnrollmentStarted | Refused | TryAgain:
        """Begin to set up an address for codes; see Engine.enroll_delivered."""
        core = self.core
        if channel is not None and not isinstance(channel, Channel):
            raise ConfigError("`channel` is not a Channel.", remedy="Give Channel.TEXT, VOICE or MAIL, or leave it out.")
        begun = await self.factors.begin(
            "enroll_delivered", token, FactorKind.DELIVERED, name=name, replaces=replaces, context=context
        )
        if isinstance(begun, Refused):
            return begun
        scene, enrollment = begun
        stored = stored_among(scene.account.addresses if scene.account else (), address if type(address) is str else None)
        if stored is None:
            return core.declined(scene, "enroll_delivered", No("address"))
        wanted, own = channel or channel_of(stored), channel_of(stored)
        if wanted not in core.policy.mfa.delivered.channels or (wanted is Channel.MAIL) is not (own is Channel.MAIL):
            return core.declined(scene, "enroll_delivered", No("channel"))
        loaded = await core.load(core.record_key(scene.tenant, scene.subject), fresh=b"")
        names = core.recipients(scene, stored)
        others = [one for one in loaded.record.factors.delivered if one.channel == wanted and one.id != replaces]
        if any(one.named(names) for one in others):
            return core.declined(scene, "enroll_delivered", No("it is one already"))
        enrollment = evolve(enrollment, secret=self.kind.enrolling(scene, wanted.value, stored))
        wish = Wish(
            scene=scene,
            loaded=loaded,
            ticket=enrollment,
            factor=enrollment.id.hex(),
            channel=wanted.value,
            address=stored,
            action=SET_UP,
            lane=self._lane(context, scene, loaded.record, Purpose.CONFIRM, enrollment),
        )
        sent = await self._send("enroll_delivered", wish, context)
        if not isinstance(sent, CodeSent):
            return sent
        ticket = core.tokens.seal(Purpose.CONFIRM, enrollment)
        return CodeEnrollmentStarted(ticket, sent=sent, restricted=wanted in OVER_THE_TELEPHONE)

    @operation
    async def send_code(self, ticket: str, factor_id: str, *, context: Context) -> CodeSent | Refused | TryAgain:
        """Send a code to a factor; see Engine.send_code."""
        core, tokens = self.core, self.core.tokens
        found: Ticket | Enrollment | None = tokens.open(Purpose.CONFIRM, ticket, Enrollment)
        purpose = Purpose.CONFIRM
        if found is None:
            for purpose in (Purpose.SIGN_IN, Purpose.STEP_UP, Purpose.RESET):
                found = tokens.open(purpose, ticket, Ticket)
                if found is not None:
                    break
        if found is None or found.tenant != context.tenant or type(factor_id) is not str or len(factor_id) > MAX_ID:
            return Refused()
        scene, loaded = await core.enter(found.tenant, found.subject, context.source.key)
        where = self._where(scene, loaded.record, found, factor_id)
        if where is None:
            return core.declined(scene, "send_code", No("factor"))
        channel, address = where
        actions = {Purpose.CONFIRM: SET_UP, Purpose.SIGN_IN: Action.SIGN_IN.value, Purpose.RESET: RESET}
        wish = Wish(
            scene=scene,
            loaded=loaded,
            ticket=found,
            factor=factor_id,
            channel=channel,
            address=address,
            action=found.action if purpose is Purpose.STEP_UP and isinstance(found, Ticket) else actions[purpose],
            lane=self._lane(context, scene, loaded.record, purpose, found),
        )
        return await self._send("send_code", wish, context)

    def _where(self, scene: Scene, record: Record, ticket: Ticket | Enrollment, factor_id: str) -> tuple[str, str] | None:
        """By which channel to which address; None for what is no such factor, or nowhere any more."""
        if isinstance(ticket, Enrollment):
            return self.kind.enrolled(scene, ticket) if ticket.kind == FactorKind.DELIVERED else None
        factor = record.factors.factor(factor_id)
        address = self.kind.address(scene, factor) if isinstance(factor, Delivered) else None
        return None if address is None or not isinstance(factor, Delivered) else (factor.channel, address)

    def _lane(self, context: Context, scene: Scene, record: Record, purpose: Purpose, ticket: Ticket | Enrollment) -> str:
        """
        Who is counted with whom. Somebody who shows the password alone is a stranger; a recovery, a session and each known device
        has a lane of its own, so that nobody takes the owner's codes by knowing her password.
        """
        if purpose is Purpose.RESET:
            return RECOVERIES
        device = self.core.tokens.known_device(context.device, scene, record)
        if device is not None:
            return device.id.hex()
        return SESSIONS if ticket.session else STRANGERS

    # --- sending ---

    async def _send(self, operation: str, wish: Wish, context: Context) -> CodeSent | Refused | TryAgain:
        """
        Charge, then commit the digest with the message: a message exists only if the digest does. What a dead ticket asks for is
        charged to nobody.
        """
        core, rules, record = self.core, self.core.policy.mfa.delivered, wish.loaded.record
        scene = evolve(wish.scene, sim_changed=context.sim_changed)
        refusal = code_refusal(
            core.policy,
            record,
            scene=scene,
            ticket=wish.ticket,
            factor=wish.factor,
            channel=wish.channel,
            recovering=wish.recovering,
        )
        if refusal is None and Channel(wish.channel) not in rules.channels:
            refusal = "channel"
        if refusal:
            return core.declined(scene, operation, No(refusal))
        until = rules.due(record.factors, factor=wish.factor, ticket=wish.ticket.id, now=scene.now)
        if until:
            return TryAgain(until - scene.now)
        spent = await self._spend(operation, wish)
        if not isinstance(spent, Spent):
            return spent
        sent, message = self._drawn(wish)
        done = await core.apply(
            scene,
            wish.loaded,
            lambda latest: send_factor_code(
                core.policy,
                latest,
                scene=scene,
                ticket=wish.ticket,
                recovering=wish.recovering,
                sent=sent,
                message=message,
            ),
        )
        await self._settle(spent, Settle.FAILED if isinstance(done.verdict, Done) else Settle.VOID)
        return self._answer(operation, wish, done, sent)

    def _drawn(self, wish: Wish) -> tuple[Sent, SendCode]:
        """A new code: its digest, and what makes it again where the message is made."""
        core, rules, now = self.core, self.core.policy.mfa.delivered, wish.scene.now
        seed = core.draw(16)
        expires = min(now + rules.lifetime, wish.ticket.expires)
        sent = Sent(
            factor=wish.factor,
            ticket=wish.ticket.id,
            digest=digest(core, bound(wish.ticket, wish.factor), rules.code(seed)),
            expires=expires,
            again=max(int((expires - now - rules.resend).total_seconds()), 0),
            apart=wish.lane != STRANGERS,
        )
        message = SendCode(
            factor=wish.factor,
            ticket=wish.ticket.id,
            seed=seed,
            channel=wish.channel,
            address=wish.address,
            action=wish.action,
            expires=expires,
        )
        return sent, message

    def _answer(self, operation: str, wish: Wish, done: Step, sent: Sent) -> CodeSent | Refused | TryAgain:
        match done.verdict:
            case Done():
                return CodeSent(
                    factor=wish.factor,
                    channel=wish.channel,
                    address=masked(wish.address),
                    expires=sent.expires,
                    next_after=self.core.policy.mfa.delivered.next_after(sent),
                )
            case Held(until):
                return TryAgain(max(until - wish.scene.now, BRIEF))
            case verdict:
                return self.core.declined(wish.scene, operation, verdict)

    # --- budgets ---

    async def _spend(self, operation: str, wish: Wish) -> Spent | Refused | TryAgain:
        """
        Reserve one code of the subject's lane and one of the number: for all accounts together, those of strangers and of owners
        apart. Only whoever is no stranger is told when there is another.
        """
        core, rules, scene = self.core, self.core.policy.mfa.delivered, wish.scene
        name = canonical(wish.address)
        typed, side = name.value if name else wish.address, STRANGERS if wish.lane == STRANGERS else "owners"
        # Of devices there come new ones: theirs may be evicted, the others never.
        meter = ("" if wish.lane not in (STRANGERS, SESSIONS, RECOVERIES) else "!") + f"codes/{wish.lane}"
        drawn, charges = core.draw(20), list[Charge]()
        for key in range(core.keyring.index_count):
            row = core.keyring.digest("code row", scene.tenant, scene.subject, key=key)[:16]
            number = core.keyring.digest("number row", scene.tenant, typed, key=key)[:16]
            for slot, own, budget in ((row, meter, rules.budget), (number, f"!codes/{side}", rules.per_number)):
                charges.append(Charge(slot, own.encode(), budget.ladder(), int.from_bytes(drawn[16:], "big"), drawn[:16]))
        try:
            readings, meters = await core.charge(scene, charges), core.ports.meters
        except StoreBusy:
            return TryAgain(BRIEF)
        if readings is None:
            readings, meters = await core.charge_own(charges), core.ports.own_meters
        spent = Spent(charges=tuple(charges), readings=readings, meters=meters)
        if all(isinstance(reading, Granted) for reading in readings):
            return spent
        await self._settle(spent, Settle.VOID)
        core.refused(scene, operation, "budget", "codes")
        if wish.lane == STRANGERS:
            return Refused()
        until = max((one.until for one in readings if isinstance(one, Resting)), default=0)
        if not until and any(isinstance(one, Filled) for one in readings):
            return TryAgain(BRIEF)
        return Refused(max(EPOCH + timedelta(microseconds=until) - scene.now, BRIEF))

    async def _settle(self, spent: Spent, verdict: Settle) -> None:
        """A code that went out is counted, and one that did not is not. Where the meters do not answer, it lapses and counts."""
        settlements = tuple(
            Settlement(charge.slot, charge.meter, charge.ladder, reading.hold, verdict)
            for charge, reading in zip(spent.charges, spent.readings, strict=True)
            if isinstance(reading, Granted) and reading.hold is not None
        )
        try:
            if settlements:
                await spent.meters.settle(settlements, self.core.instant())
        except StoreUnavailable:
            self.core.observe(events.PortFailed(tenant="", subject="", at=self.core.now(), port="meters"))


async def letter(core: Core, request: CodeRequest) -> Message | None:
    """
    A code as it goes out; None once it would be good for nothing, or its address is the account's no more. Made again it is the
    same.
    """
    scene, loaded = await core.enter(request.tenant, request.subject)
    record, code = loaded.record, core.policy.mfa.delivered.code(request.seed)
    coded = [digest(core, request.bound, code, key=key) for key in range(core.keyring.index_count)]
    live = next((one for one in record.factors.sent if any(compare_digest(one.digest, each) for each in coded)), None)
    own = scene.account.addresses if scene.account else ()
    if (
        live is None
        or not core.policy.mfa.delivered.is_live(live, scene.now)
        or stored_among(own, request.address) is None
        or not scene.active(record)
    ):
        core.observe(events.NoticeWithheld(**scene.head(), purpose=MessagePurpose.FACTOR_CODE))
        return None
    return Message(
        key=request.key,
        purpose=MessagePurpose.FACTOR_CODE,
        tenant=request.tenant,
        subject=request.subject,
        address=request.address,
        at=request.at,
        code=code,
        code_expires=live.expires,
        channel=Channel(request.channel),
        locale=scene.account.locale if scene.account else "",
        action=request.action,
    )
