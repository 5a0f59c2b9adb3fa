"""Forgotten passwords: asking, looking, redeeming."""

from datetime import timedelta

from attrs import frozen

from acctsec._flows.answers import Answers, Checked, factor_infos, is_answer
from acctsec._flows.core import EPOCH, Core, Loaded, Who
from acctsec._flows.entries import ResetRequest, seal
from acctsec._flows.passwords import Chosen, Passwords
from acctsec._flows.tokens import Purpose
from acctsec.budgets import micros
from acctsec.claims import HandleClaims, LinkClaims, RecoveryCode, ResetCode, ResetLink, ResetProof, ResumeTicket, Ticket
from acctsec.context import Context
from acctsec.errors import CommitUnknown, ConfigError, Overloaded
from acctsec.identifiers import Identifier, canonical
from acctsec.keyring import frame
from acctsec.lockout import Admitted, OverBudget, SecretClass
from acctsec.outcomes import (
    FactorRequired,
    PasswordChanged,
    PasswordRejected,
    Refused,
    ResetPending,
    ResetRequested,
    TryAgain,
)
from acctsec.protocols import Account, Charge, Granted, Settle
from acctsec.record import Record
from acctsec.reset import Redeemable
from acctsec.steps import (
    FactorProven,
    NeedsFactor,
    Scene,
    Step,
    enough,
    find_reset,
    prove_for_reset,
    redeem,
    redeem_refusal,
)

RedeemOutcome = PasswordChanged | PasswordRejected | FactorRequired | Refused | TryAgain


@frozen(kw_only=True)
class Proof:
    """A reset whose first proof holds; the step looks again."""

    scene: Scene
    loaded: Loaded
    reset: bytes
    methods: tuple[str, ...]
    ticket: Ticket | None = None


class Resets:
    """The flows of a forgotten password."""

    def __init__(self, core: Core, passwords: Passwords, answers: Answers) -> None:
        self.core = core
        self.passwords = passwords
        self.answers = answers

    async def request_reset(self, identifier: str, *, context: Context) -> ResetRequested:
        """Ask for a reset; see Engine.request_reset. What is done does not depend on whether anybody has this identifier."""
        core = self.core
        now, handle = core.now(), core.draw(16)
        name = canonical(identifier)
        typed = name.value if name else ""
        claims = HandleClaims(
            tenant=context.tenant, identifier=typed, id=handle, expires=now + core.policy.reset.link_lifetime
        )
        answer = ResetRequested(core.tokens.seal(Purpose.HANDLE, claims))
        admitted = await self._within_budget(name, handle, context)
        if not admitted or name is None:
            scene = Scene(tenant=context.tenant, subject="", account=None, now=now, source=context.source.key)
            core.refused(scene, "request_reset", "budget", "requests" if name else "form")
            return answer
        request = ResetRequest(
            tenant=context.tenant, identifier=name.value, handle=handle, at=now, source=context.source.key
        )
        await self.append(request)
        return answer

    async def append(self, request: ResetRequest) -> None:
        """Leave a request in the outbox; its record, mail and code are made where nobody is watching."""
        core = self.core
        entry = seal(core.keyring, request)
        for _ in range(2):
            try:
                await core.ports.records.commit(frame("reset request"), None, None, [entry], core.draw(16))
            except CommitUnknown:
                continue  # asked twice at worst: the same handle replaces its own reset
            return

    async def _within_budget(self, name: Identifier | None, handle: bytes, context: Context) -> bool:
        """Spend one request of the identifier and one of the source."""
        core, policy = self.core, self.core.policy.reset
        row = core.keyring.digest("source row", context.tenant, context.source.key)[:16]
        charges = [Charge(row, b"!requests", policy.per_source.ladder(), None, handle[:16])]
        if name is not None:
            mine = core.keyring.digest("request row", context.tenant, name.kind.value, name.value)[:16]
            charges.append(Charge(mine, b"!requests", policy.per_identifier.ladder(), None, handle[:16]))
        now = micros(core.now() - EPOCH)
        readings = await core.ports.meters.charge(charges, now)
        return all(isinstance(reading, Granted) for reading in readings)

    async def inspect_reset(self, link: str, *, context: Context) -> ResetPending | Refused:
        """Look at a link without touching anything; see Engine.inspect_reset."""
        core = self.core
        found = await self._by_link(ResetLink(link), context)
        if found is None:
            return Refused()
        live = find_reset(core.policy, found.loaded.record, found.reset, found.scene.now)
        refused = redeem_refusal(core.policy, found.loaded.record, scene=found.scene, reset=found.reset, ticket=None)
        return ResetPending(live.reset.expires) if isinstance(live, Redeemable) and not refused else Refused()

    async def redeem_reset(self, reset: ResetProof, new_password: str, *, context: Context) -> RedeemOutcome:
        """Redeem a reset; see Engine.redeem_reset."""
        match reset:
            case ResetLink():
                proof = await self._by_link(reset, context)
            case ResumeTicket():
                proof = await self._by_ticket(reset, context)
            case ResetCode():
                by_code = await self._by_code(reset, context)
                if not isinstance(by_code, Proof):
                    return by_code
                proof = by_code
            case RecoveryCode():
                return await self._by_recovery_code(reset, context)
            case _:
                raise ConfigError("`reset` is not a proof.", remedy="Give ResetLink, ResetCode, RecoveryCode or ResumeTicket.")
        if proof is None:
            return Refused()
        try:
            return await self._finish(proof, new_password, context)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))

    # --- proofs ---

    async def _scene(self, tenant: str, subject: str, context: Context) -> tuple[Scene, Loaded]:
        core = self.core
        account = await core.get(tenant, subject)
        scene = Scene(tenant=tenant, subject=subject, account=account, now=core.now(), source=context.source.key)
        return scene, await core.load(core.record_key(tenant, subject), fresh=core.draw(16))

    async def _by_link(self, link: ResetLink, context: Context) -> Proof | None:
        core = self.core
        claims = core.tokens.open(Purpose.LINK, link.token, LinkClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await self._scene(claims.tenant, claims.subject, context)
        record = loaded.record
        if record.incarnation != claims.incarnation:
            return None
        found = core.policy.reset.redeem(record.resets, secret=claims.secret, epoch=record.epoch, now=scene.now)
        if not isinstance(found, Redeemable):
            core.refused(scene, "redeem_reset", "evaluated", "dead link")
            return None
        return Proof(scene=scene, loaded=loaded, reset=found.reset.id, methods=("link",))

    async def _by_ticket(self, resume: ResumeTicket, context: Context) -> Proof | None:
        ticket = self.core.tokens.open(Purpose.RESUME, resume.ticket, Ticket)
        if ticket is None or ticket.tenant != context.tenant:
            return None
        scene, loaded = await self._scene(ticket.tenant, ticket.subject, context)
        return Proof(scene=scene, loaded=loaded, reset=ticket.reset, methods=ticket.methods, ticket=ticket)

    async def _by_code(self, reset: ResetCode, context: Context) -> Proof | Refused | TryAgain:
        """A short code: charged to the subject, whichever handle it comes with, before it is compared."""
        core, code = self.core, reset.code
        claims = self._handle(reset.handle, context)
        digits = core.policy.reset.code_digits
        if claims is None or type(code) is not str or len(code) != digits or not (code.isascii() and code.isdigit()):
            return Refused()
        account, scene, who = await self._behind(claims, context)
        lane = core.lane(context, who, scene.subject)
        typed = frame(claims.tenant, claims.identifier)
        reserved = await core.reserve(who, SecretClass.RESET_CODE, lane, context, typed=typed, secret=code)
        if isinstance(reserved, TryAgain):
            return reserved
        judgement = reserved.judgement
        record = who.loaded.record if who.loaded else Record(incarnation=b"")
        digests = [
            core.keyring.digest("reset code", claims.tenant, scene.subject, claims.id, code, key=number)
            for number in range(core.keyring.index_count)
        ]
        found = core.policy.reset.redeem_code(
            record.resets, handle=claims.id, digests=digests, epoch=record.epoch, now=scene.now
        )
        if isinstance(judgement, Admitted) and isinstance(found, Redeemable) and account and who.loaded:
            await core.settle(reserved, Settle.VOID)
            return Proof(scene=scene, loaded=who.loaded, reset=found.reset.id, methods=("code",))
        if not isinstance(judgement, OverBudget):
            await core.settle(reserved, Settle.FAILED)
        core.refused(scene, "redeem_reset", "budget" if isinstance(judgement, OverBudget) else "evaluated", "code")
        return core.refusal(judgement, lane, scene.now)

    async def _by_recovery_code(self, reset: RecoveryCode, context: Context) -> RedeemOutcome:
        """A recovery code as the first proof: spent at once, and a second, different proof is due."""
        core = self.core
        claims = self._handle(reset.handle, context)
        if claims is None or not is_answer(reset):
            return Refused()
        account, scene, who = await self._behind(claims, context)
        if account is None or who.loaded is None:
            return await self._phantom_recovery(reset, claims, scene, who, context)
        record = who.loaded.record
        ticket = self._ticket(scene, record, reset=b"", methods=())
        checked = await self.answers.check(ticket, reset, context)
        if not isinstance(checked, Checked):
            return checked
        done = await core.apply(
            scene,
            checked.loaded,
            lambda now: prove_for_reset(core.policy, now, scene=scene, ticket=ticket, match=checked.match),
        )
        if isinstance(done.verdict, FactorProven):
            await core.settle(checked.reserved, Settle.VOID)
            return self._factor_required(scene, done.record, reset=b"", methods=done.verdict.methods)
        if isinstance(done.verdict, TryAgain):
            await core.settle(checked.reserved, Settle.VOID)
            return done.verdict
        await core.settle(checked.reserved, Settle.FAILED)
        core.refused(scene, "redeem_reset", "evaluated", "recovery code")
        return Refused()

    async def _phantom_recovery(
        self, reset: RecoveryCode, claims: HandleClaims, scene: Scene, who: Who, context: Context
    ) -> RedeemOutcome:
        core = self.core
        lane = core.lane(context, who, "")
        reserved = await core.reserve(
            who, SecretClass.FACTOR, lane, context, typed=frame(claims.tenant, claims.identifier), secret=reset.code
        )
        if isinstance(reserved, TryAgain):
            return reserved
        if isinstance(reserved.judgement, Admitted):
            await core.count(who, scene, SecretClass.FACTOR, lane, reserved.judgement)
        if not isinstance(reserved.judgement, OverBudget):
            await core.settle(reserved, Settle.FAILED)
        core.refused(scene, "redeem_reset", "evaluated", "unknown")
        return core.refusal(reserved.judgement, lane, scene.now)

    def _handle(self, handle: object, context: Context) -> HandleClaims | None:
        claims = self.core.tokens.open(Purpose.HANDLE, handle, HandleClaims)
        alive = claims is not None and claims.tenant == context.tenant and self.core.now() < claims.expires
        return claims if alive else None

    async def _behind(self, claims: HandleClaims, context: Context) -> tuple[Account | None, Scene, Who]:
        """The account behind a handle, or the phantom of its identifier."""
        core = self.core
        name = canonical(claims.identifier)
        account = await core.find(claims.tenant, name) if name else None
        subject = account.subject if account else ""
        scene = Scene(tenant=claims.tenant, subject=subject, account=account, now=core.now(), source=context.source.key)
        key = core.record_key(claims.tenant, subject) if account else frame("phantom", claims.tenant, claims.identifier)
        loaded = await core.load(key, fresh=core.draw(16))
        if account:
            return account, scene, core.known(claims.tenant, subject, loaded)
        return None, scene, Who(tenant=claims.tenant, names=("phantom", claims.tenant, claims.identifier))

    # --- the change ---

    async def _finish(self, proof: Proof, new_password: str, context: Context) -> RedeemOutcome:
        """Ask the factor before anything changes, judge the new password, hash it, commit."""
        core, scene, record = self.core, proof.scene, proof.loaded.record
        refusal = redeem_refusal(core.policy, record, scene=scene, reset=proof.reset, ticket=proof.ticket)
        if refusal:
            core.refused(scene, "redeem_reset", "evaluated", refusal)
            return Refused()
        if not enough(record, proof.methods):
            return self._factor_required(scene, record, reset=proof.reset, methods=proof.methods)
        guarded = core.guarded(scene, record)
        chosen = await self.passwords.choose(new_password, account=scene.account, guarded=guarded)
        if not isinstance(chosen, Chosen):
            return chosen
        reused = await self.passwords.reused(scene, proof.loaded, chosen, context)
        if reused is not None:
            return reused
        new, device = await core.hashed(scene, chosen.password), core.draw(16)

        def step(latest: Record) -> Step:
            return redeem(
                core.policy,
                latest,
                scene=scene,
                reset=proof.reset,
                ticket=proof.ticket,
                methods=proof.methods,
                new=new,
                device=device,
            )

        done = await core.apply(scene, proof.loaded, step)
        if isinstance(done.verdict, NeedsFactor):
            return self._factor_required(scene, done.record, reset=proof.reset, methods=proof.methods)
        outcome = self.passwords.changed(done, scene, "redeem_reset")
        return Refused() if outcome is None else outcome

    def _ticket(self, scene: Scene, record: Record, *, reset: bytes, methods: tuple[str, ...]) -> Ticket:
        core = self.core
        return Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=core.draw(16),
            expires=scene.now + core.policy.reset.resume_lifetime,
            methods=methods,
            reset=reset,
        )

    def _factor_required(self, scene: Scene, record: Record, *, reset: bytes, methods: tuple[str, ...]) -> FactorRequired:
        ticket = self._ticket(scene, record, reset=reset, methods=methods)
        infos = tuple(info for info in factor_infos(record.factors) if info.kind.value not in methods)
        return FactorRequired(self.core.tokens.seal(Purpose.RESET, ticket), factors=infos)
