"""Forgotten passwords: asking, looking, redeeming."""

from datetime import timedelta

from acctsec._flows.answers import Answers, factor_infos, is_answer
from acctsec._flows.core import ROUNDS, Core, Loaded, operation
from acctsec._flows.entries import ResetRequest, seal
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.likely import looked_at
from acctsec._flows.passwords import Chosen, Passwords
from acctsec._flows.sign_in import behind
from acctsec._flows.tokens import Purpose
from acctsec._values import Value
from acctsec.claims import HandleClaims, LinkClaims, RecoveryCode, ResetCode, ResetLink, ResetProof, ResumeTicket, Ticket
from acctsec.context import Context
from acctsec.errors import CommitUnknown, ConfigError, Overloaded, StoreError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    FactorRequired,
    RedeemResetOutcome,
    Refused,
    ResetPending,
    ResetRequested,
    TryAgain,
)
from acctsec.protocols import Channel, Charge, Granted, Settle
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


class Proof(Value, frozen=True, kw_only=True):
    """A reset whose first proof holds; the step looks again."""

    scene: Scene
    loaded: Loaded
    reset: bytes
    methods: tuple[str, ...]
    ticket: Ticket | None = None


class Resets:
    """The flows of a forgotten password."""

    def __init__(self, core: Core, guesses: Guesses, passwords: Passwords, answers: Answers) -> None:
        self.core = core
        self.guesses = guesses
        self.passwords = passwords
        self.answers = answers

    @operation
    async def request_reset(self, identifier: str, *, context: Context) -> ResetRequested:
        """Ask for a reset; see Engine.request_reset. What is done does not depend on whether anybody has this identifier."""
        core = self.core
        now, handle = core.now(), core.draw(16)
        name = canonical(identifier)
        typed = name.value if name else ""
        claims = HandleClaims(tenant=context.tenant, identifier=typed, id=handle, expires=now + core.policy.reset.link_lifetime)
        answer = ResetRequested(core.tokens.seal(Purpose.HANDLE, claims))
        scene = Scene(tenant=context.tenant, subject="", account=None, now=now, source=context.source.key)
        admitted = await self._within_budget(scene, handle, context)
        if not admitted or name is None:
            core.refused(scene, "request_reset", "budget", "requests" if name else "form")
            return answer
        request = ResetRequest(
            tenant=context.tenant, identifier=name.value, handle=handle, at=now, source=context.source.key, seed=core.draw(16)
        )
        await self.append(request, key=frame("reset request"))
        return answer

    async def append(self, request: ResetRequest, *, key: bytes) -> None:
        """Leave a request in the outbox; its record, mail and code are made where nobody is watching."""
        core = self.core
        entry = seal(core.keyring, request)
        for round_ in range(ROUNDS):
            try:
                await core.ports.records.commit(key, None, None, [entry], core.draw(16))
            except CommitUnknown:
                await core.ports.pause(core.jitter(round_))
                continue  # asked twice at worst: the same request gives the same link
            return
        raise StoreError("A request could not be committed.", remedy="Ask again when the store answers.")

    async def _within_budget(self, scene: Scene, handle: bytes, context: Context) -> bool:
        """
        Spend one request of the source.

        There is no budget of the identifier here, which strangers could use up: how many messages an address gets is
        counted where they are made, so that every unit spent is a message in its mailbox.
        """
        core, ladder = self.core, self.core.policy.reset.per_source.ladder()
        charges = []
        for key in range(core.keyring.index_count):
            row = core.keyring.digest("source row", context.tenant, context.source.key, key=key)[:16]
            charges.append(Charge(row, b"!requests", ladder, None, handle))
        readings = await core.charge(scene, charges)
        if readings is None:
            readings = await core.charge_own(charges)
        return all(isinstance(reading, Granted) for reading in readings)

    @operation
    async def inspect_reset(self, link: str, *, context: Context) -> ResetPending | Refused:
        """Look at a link without touching anything; see Engine.inspect_reset."""
        core = self.core
        found = await self._by_link(ResetLink(link), context)
        if found is None:
            return Refused()
        live = find_reset(core.policy, found.loaded.record, found.reset, found.scene.now)
        refused = redeem_refusal(core.policy, found.loaded.record, scene=found.scene, reset=found.reset, ticket=None)
        return ResetPending(live.reset.expires) if isinstance(live, Redeemable) and not refused else Refused()

    @operation
    async def redeem_reset(self, reset: ResetProof, new_password: str, *, context: Context) -> RedeemResetOutcome:
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

    async def _by_link(self, link: ResetLink, context: Context) -> Proof | None:
        core = self.core
        claims = core.tokens.open(Purpose.LINK, link.token, LinkClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await core.enter(claims.tenant, claims.subject, context.source.key)
        record = loaded.record
        if record.incarnation != claims.incarnation:
            return None
        found = core.policy.reset.redeem(record.resets, secret=claims.secret, epoch=record.epoch, now=scene.now)
        if not isinstance(found, Redeemable):
            core.refused(scene, "redeem_reset", "evaluated", "dead link")
            return None
        return Proof(scene=self.core.reaching(scene), loaded=loaded, reset=found.reset.id, methods=("link",))

    async def _by_ticket(self, resume: ResumeTicket, context: Context) -> Proof | None:
        ticket = self.core.tokens.open(Purpose.RESUME, resume.ticket, Ticket)
        if ticket is None or ticket.tenant != context.tenant:
            return None
        scene, loaded = await self.core.enter(ticket.tenant, ticket.subject, context.source.key)
        return Proof(scene=self.core.reaching(scene), loaded=loaded, reset=ticket.reset, methods=ticket.methods, ticket=ticket)

    async def _by_code(self, reset: ResetCode, context: Context) -> Proof | Refused | TryAgain:
        """A short code: charged to the subject, whichever handle it comes with, before it is compared."""
        core, code = self.core, reset.code
        digits = core.policy.reset.code_digits
        claims = self._handle(reset.handle, context)
        name = None if claims is None else canonical(claims.identifier)
        if type(code) is not str or len(code) != digits or not (code.isascii() and code.isdigit()):
            return Refused()
        if claims is None or name is None:
            return Refused()
        scene, loaded, who = await behind(core, context, name, await core.find(context.tenant, name))
        typed = frame(name.kind.value, name.value)
        guess = await self.guesses.begin(
            "redeem_reset", scene, who, SecretClass.RESET_CODE, context, typed=typed, secret=claims.id.hex() + code
        )
        if not isinstance(guess, Guess):
            return guess
        loaded = guess.latest(loaded)
        record = loaded.record
        found = core.policy.reset.redeem_code(
            record.resets,
            handle=claims.id,
            digests=[core.coded(scene, code, handle=claims.id, key=key) for key in range(core.keyring.index_count)],
            texted=[core.texted(scene, code, key=key) for key in range(core.keyring.index_count)],
            epoch=record.epoch,
            now=scene.now,
        )
        if not guess.admitted or not isinstance(found, Redeemable) or not scene.active(record):
            return await guess.fail("code")
        await guess.settle(Settle.VOID)
        method = "text" if found.reset.channel == Channel.TEXT else "code"
        return Proof(scene=self.core.reaching(scene), loaded=loaded, reset=found.reset.id, methods=(method,))

    async def _by_recovery_code(self, reset: RecoveryCode, context: Context) -> RedeemResetOutcome:
        """A recovery code as the first proof: spent at once, and a second, different proof is due."""
        core = self.core
        claims = self._handle(reset.handle, context)
        name = None if claims is None else canonical(claims.identifier)
        if name is None or not is_answer(reset):
            return Refused()
        scene, loaded, who = await behind(core, context, name, await core.find(context.tenant, name))
        typed = frame(name.kind.value, name.value)
        guess = await self.guesses.begin(
            "redeem_reset", scene, who, SecretClass.RECOVERY, context, typed=typed, secret=reset.code
        )
        if not isinstance(guess, Guess):
            return guess
        loaded = guess.latest(loaded)
        found = self.answers.find(scene, loaded.record.factors, reset)
        if found.match is None or not guess.admitted:
            return await guess.fail("recovery code")
        ticket = self._ticket(scene, loaded.record, reset=b"", methods=())
        done = await core.apply(
            scene,
            loaded,
            lambda record: prove_for_reset(core.policy, record, scene=scene, ticket=ticket, found=found),
        )
        if isinstance(done.verdict, FactorProven):
            await guess.settle(Settle.VOID)
            return self._factor_required(scene, done.record, reset=b"", methods=done.verdict.methods)
        if isinstance(done.verdict, TryAgain):
            await guess.settle(Settle.VOID)
            return done.verdict
        return await guess.fail("recovery code")

    def _handle(self, handle: object, context: Context) -> HandleClaims | None:
        claims = self.core.tokens.open(Purpose.HANDLE, handle, HandleClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        return claims if self.core.policy.reset.in_time(claims.expires, self.core.now()) else None

    # --- the change ---

    async def _finish(self, proof: Proof, new_password: str, context: Context) -> RedeemResetOutcome:
        """Ask the factor before anything changes, judge the new password, hash it, commit."""
        core, scene, record = self.core, proof.scene, proof.loaded.record
        refusal = redeem_refusal(core.policy, record, scene=scene, reset=proof.reset, ticket=proof.ticket)
        if refusal:
            core.refused(scene, "redeem_reset", "evaluated", refusal)
            return Refused()
        if not enough(record, proof.methods):
            return self._factor_required(scene, record, reset=proof.reset, methods=proof.methods)
        guarded = core.guarded(scene, record)
        chosen = await self.passwords.choose(
            new_password, account=scene.account, tenant=scene.tenant, guarded=guarded, source=scene.source
        )
        if not isinstance(chosen, Chosen):
            return chosen
        refused = await self.passwords.popular(scene, chosen)
        if refused is not None:
            return refused
        new, device = await core.hashes.hashed(scene, chosen.password), core.draw(16)
        new = await looked_at(core, scene, new, chosen.password)
        reused = await self.passwords.reused(scene, proof.loaded, chosen, context, reset=proof.reset or b"ticket")
        if reused is not None:
            return reused

        def step(latest: Record) -> Step:
            return redeem(
                core.policy.for_account(scene.account, tenant=scene.tenant),
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
        outcome = await self.passwords.changed(done, scene, "redeem_reset", chosen)
        return Refused() if outcome is None else outcome

    def _ticket(self, scene: Scene, record: Record, *, reset: bytes, methods: tuple[str, ...]) -> Ticket:
        core = self.core
        return Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=core.draw(16),
            issued=scene.now,
            expires=scene.now + core.policy.reset.resume_lifetime,
            methods=methods,
            reset=reset,
        )

    def _factor_required(self, scene: Scene, record: Record, *, reset: bytes, methods: tuple[str, ...]) -> FactorRequired:
        ticket = self._ticket(scene, record, reset=reset, methods=methods)
        infos = tuple(info for info in factor_infos(record.factors) if info.kind.value not in methods)
        return FactorRequired(self.core.tokens.seal(Purpose.RESET, ticket), factors=infos)
