"""Forgotten passwords and lost factors: asking, looking, showing proof, waiting, redeeming."""

from datetime import timedelta
from typing import TYPE_CHECKING

from acctsec._flows.answers import Answers, factor_infos, is_typed, masks
from acctsec._flows.core import ROUNDS, Core, Loaded, operation
from acctsec._flows.entries import ResetRequest, seal
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.kinds.passkeys import requested
from acctsec._flows.likely import looked_at
from acctsec._flows.passwords import Chosen, Passwords
from acctsec._flows.sign_in import behind
from acctsec._flows.tokens import Purpose
from acctsec._flows.vouching import standing
from acctsec._values import Value, evolve
from acctsec.claims import HandleClaims, LinkClaims, RecoveryCode, ResetCode, ResetLink, ResetProof, ResumeTicket, Ticket
from acctsec.context import Context
from acctsec.errors import CommitUnknown, ConfigError, Overloaded, StoreError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    ChangeKind,
    FactorInfo,
    FactorKind,
    FactorRequired,
    FactorsRemoved,
    ProofRequired,
    RedeemResetOutcome,
    Refused,
    RemoveLostFactorsOutcome,
    ResetPending,
    ResetRequested,
    TryAgain,
    Waiting,
)
from acctsec.protocols import Channel, Charge, Granted, Settle
from acctsec.record import Change, Record
from acctsec.recovery import Capability, Enough, Facts, Lacking, Proof, proof_of
from acctsec.reset import Redeemable
from acctsec.steps import (
    Begun,
    Done,
    FactorProven,
    NeedsProof,
    NeedsWait,
    Recovery,
    Scene,
    Step,
    agreed,
    begin_recovery,
    drop_factors,
    find_reset,
    gathers,
    needs,
    prove_for_reset,
    recovery_refusal,
    redeem,
    trusted,
    trusted_contacts,
    weigh,
    with_method,
)

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks

BEYOND = frozenset({Proof.MAIL, Proof.TEXT, Proof.DEVICE, Proof.ADMINISTRATORS})
"""What nobody can tell of a subject that it does not have."""


class Shown(Value, frozen=True, kw_only=True):
    """A recovery whose first proof holds; the step looks again. *resumed* is the ticket it came with."""

    scene: Scene
    loaded: Loaded
    recovery: Recovery
    resumed: str | None = None


class Resets:
    """The flows of a forgotten password."""

    def __init__(
        self, core: Core, guesses: Guesses, passwords: Passwords, answers: Answers, risks: "Risks | None" = None
    ) -> None:
        self.core = core
        self.guesses = guesses
        self.passwords = passwords
        self.answers = answers
        self.risks = risks

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
        shown = await self._by_link(ResetLink(link), context, Capability.PASSWORD)
        if shown is None:
            return Refused()
        core, record = self.core, shown.loaded.record
        live = find_reset(core.policy, record, shown.recovery.reset, shown.scene.now)
        refused = recovery_refusal(core.policy, record, scene=shown.scene, recovery=shown.recovery)
        if not isinstance(live, Redeemable) or refused:
            return Refused()
        return ResetPending(live.reset.expires, ChangeKind(live.reset.gives) if live.reset.gives else None)

    @operation
    async def redeem_reset(self, reset: ResetProof, new_password: str, *, context: Context) -> RedeemResetOutcome:
        """Redeem a reset; see Engine.redeem_reset."""
        shown = await self._shown(reset, context, Capability.PASSWORD)
        if not isinstance(shown, Shown):
            return shown
        try:
            return await self._finish(shown, new_password, context)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))

    @operation
    async def remove_lost_factors(self, reset: ResetProof, *, context: Context) -> RemoveLostFactorsOutcome:
        """Take every second factor off; see Engine.remove_lost_factors."""
        shown = await self._shown(reset, context, Capability.FACTORS)
        if not isinstance(shown, Shown):
            return shown
        early = await self._before(shown, "remove_lost_factors")
        if early is not None:
            return early
        core, scene, recovery = self.core, shown.scene, shown.recovery
        done = await core.apply(
            scene, shown.loaded, lambda record: drop_factors(core.policy, record, scene=scene, recovery=recovery)
        )
        if isinstance(done.verdict, Done):
            return FactorsRemoved()
        return await self._more(shown, done, "remove_lost_factors")

    # --- proofs ---

    async def _shown(
        self, reset: ResetProof, context: Context, gives: Capability
    ) -> Shown | FactorRequired | ProofRequired | Refused | TryAgain:
        """What a proof comes to: a recovery that may go on, or the answer."""
        match reset:
            case ResetLink():
                return await self._by_link(reset, context, gives) or Refused()
            case ResumeTicket():
                return await self._by_ticket(reset, context, gives) or Refused()
            case ResetCode():
                return await self._by_code(reset, context, gives)
            case RecoveryCode():
                return await self._by_recovery_code(reset, context, gives)
            case _:
                raise ConfigError("`reset` is not a proof.", remedy="Give ResetLink, ResetCode, RecoveryCode or ResumeTicket.")

    def _recovery(
        self,
        scene: Scene,
        record: Record,
        context: Context,
        gives: Capability,
        methods: tuple[str, ...],
        *,
        reset: bytes = b"",
        ticket: Ticket | None = None,
    ) -> Recovery:
        """A recovery with what is known of the request for it."""
        device = self.core.tokens.known_device(context.device, scene, record)
        waits = record.change_of(ticket.change) if ticket and ticket.change else None
        methods = tuple(dict.fromkeys((*waits.proofs, *methods))) if waits else methods
        live = next((one for one in record.resets if one.id == reset), None)
        if live is not None and live.gives not in ("", gives):
            methods = tuple(one for one in methods if one not in live.proofs)  # agreed to for something else
        return Recovery(
            gives=gives,
            methods=methods if device is None else with_method(methods, "device"),
            facts=Facts(
                now=scene.now,
                known_device=device is not None,
                new_country=self._abroad(scene, record, context),
                sim_changed=context.sim_changed,
            ),
            reset=reset,
            change=ticket.change if ticket else b"",
            ticket=ticket,
        )

    def _abroad(self, scene: Scene, record: Record, context: Context) -> bool:
        """Whether it comes from a country in which the owner never was; False where nobody can tell."""
        if self.risks is None or record.habits is None or not record.habits.sign_ins:
            return False
        from acctsec.attacks.risk import Level

        paths = self.risks.visit(scene, context, known_device=False).paths
        countries = [one[:1] for one in paths if one and one[0][0] == Level.COUNTRY.value]
        return bool(countries) and not any(record.habits.under(one) for one in countries)

    async def _by_link(self, link: ResetLink, context: Context, gives: Capability) -> Shown | None:
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
        return self._live(scene, loaded, context, gives, found, "link", link.ticket)

    def _live(
        self,
        scene: Scene,
        loaded: Loaded,
        context: Context,
        gives: Capability,
        found: Redeemable,
        method: str,
        beside: str | None,
    ) -> Shown:
        """A live reset; *beside* is the ticket of another one, of the same subject, that was shown before."""
        methods = (method, *found.reset.proofs)
        recovery = self._recovery(scene, loaded.record, context, gives, methods, reset=found.reset.id)
        ticket = None if beside is None else self.core.tokens.open(Purpose.RESET, beside, Ticket)
        if ticket is not None and (ticket.tenant, ticket.subject) == (scene.tenant, scene.subject):
            more = self._recovery(scene, loaded.record, context, gives, ticket.methods, reset=ticket.reset)
            methods = tuple(dict.fromkeys((*more.methods, *recovery.methods)))
            recovery = evolve(recovery, methods=methods, ticket=ticket, beside=ticket.reset)
        return Shown(scene=self.core.reaching(scene), loaded=loaded, recovery=recovery)

    async def _by_ticket(self, resume: ResumeTicket, context: Context, gives: Capability) -> Shown | None:
        ticket = self.core.tokens.open(Purpose.RESUME, resume.ticket, Ticket)
        return await self._resumed(ticket, resume.ticket, context, gives)

    async def unfinished(self, token: str, context: Context) -> Shown | None:
        """What the ticket of a recovery stands for in which more is due, or all was proven."""
        tokens = self.core.tokens
        ticket = tokens.open(Purpose.RESET, token, Ticket) or tokens.open(Purpose.RESUME, token, Ticket)
        return await self._resumed(ticket, token, context, Capability.PASSWORD)

    async def _resumed(self, ticket: Ticket | None, token: str, context: Context, gives: Capability) -> Shown | None:
        if ticket is None or ticket.tenant != context.tenant:
            return None
        core = self.core
        scene, loaded = await core.enter(ticket.tenant, ticket.subject, context.source.key)
        record = loaded.record
        recovery = self._recovery(scene, record, context, gives, ticket.methods, reset=ticket.reset, ticket=ticket)
        asked = record.change_of(recovery.change)
        if asked is not None and gathers(asked):
            there = await standing(core, scene, record, asked)
            if agreed(core.policy, record, asked, there):
                methods = with_method(recovery.methods, Proof.CONTACTS.value)
                recovery = evolve(recovery, methods=methods, standing=there)
        return Shown(scene=core.reaching(scene), loaded=loaded, recovery=recovery, resumed=token)

    async def _by_code(self, reset: ResetCode, context: Context, gives: Capability) -> Shown | Refused | TryAgain:
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
        return self._live(scene, loaded, context, gives, found, method, reset.ticket)

    async def _by_recovery_code(
        self, reset: RecoveryCode, context: Context, gives: Capability
    ) -> FactorRequired | ProofRequired | Refused | TryAgain:
        """A recovery code as the first proof: spent at once, and a second, different proof is due."""
        core = self.core
        claims = self._handle(reset.handle, context)
        name = None if claims is None else canonical(claims.identifier)
        if name is None or not is_typed(reset):
            return Refused()
        scene, loaded, who = await behind(core, context, name, await core.find(context.tenant, name))
        typed = frame(name.kind.value, name.value)
        guess = await self.guesses.begin(
            "redeem_reset", scene, who, SecretClass.RECOVERY, context, typed=typed, secret=reset.code
        )
        if not isinstance(guess, Guess):
            return guess
        loaded = guess.latest(loaded)
        found = await self.answers.find_or_pretend(scene, loaded.record.factors, reset)
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
            onward = self._ticket(scene, done.record, reset=b"", methods=done.verdict.methods)
            infos = self._infos(scene, done.record)
            infos = tuple(info for info in infos if info.kind is not FactorKind.RECOVERY_CODE)
            if not infos:  # all are reported: say what else helps
                return await self._beside(scene, done.record, context, onward, gives)
            asked = requested(core, trusted(done.record), onward)
            return FactorRequired(core.tokens.seal(Purpose.RESET, onward), factors=infos, passkey=asked)
        if isinstance(done.verdict, TryAgain):
            await guess.settle(Settle.VOID)
            return done.verdict
        return await guess.fail("recovery code")

    async def _beside(
        self, scene: Scene, record: Record, context: Context, onward: Ticket, gives: Capability
    ) -> FactorRequired | ProofRequired | Refused:
        """What is due beside a printed code where no factor can be shown."""
        recovery = self._recovery(scene, record, context, gives, onward.methods, ticket=onward)
        judged = weigh(self.core.policy, record, scene=scene, recovery=recovery)
        if not isinstance(judged, Lacking):
            return Refused()
        return self._proof_required(scene, record, recovery, judged.paths)

    def _handle(self, handle: object, context: Context) -> HandleClaims | None:
        claims = self.core.tokens.open(Purpose.HANDLE, handle, HandleClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        return claims if self.core.policy.reset.in_time(claims.expires, self.core.now()) else None

    # --- the change ---

    async def _finish(self, shown: Shown, new_password: str, context: Context) -> RedeemResetOutcome:
        """Ask for what is lacking before anything changes, judge the new password, hash it, commit."""
        early = await self._before(shown, "redeem_reset")
        if early is not None:
            return early
        core, scene, record, recovery = self.core, shown.scene, shown.loaded.record, shown.recovery
        guarded = core.guarded(scene, evolve(record, factors=trusted(record)))
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
        own = recovery.reset or recovery.change or b"ticket"
        reused = await self.passwords.reused(scene, shown.loaded, chosen, context, reset=own)
        if reused is not None:
            return reused
        policy = core.policy.for_account(scene.account, tenant=scene.tenant)

        def step(latest: Record) -> Step:
            return redeem(policy, latest, scene=scene, recovery=recovery, new=new, device=device)

        done = await core.apply(scene, shown.loaded, step)
        if isinstance(done.verdict, NeedsProof | NeedsWait):
            return await self._more(shown, done, "redeem_reset")
        outcome = await self.passwords.changed(done, scene, "redeem_reset", chosen)
        return Refused() if outcome is None else outcome

    async def _before(self, shown: Shown, operation: str) -> FactorRequired | ProofRequired | Waiting | Refused | TryAgain | None:
        """What is answered before anything is done, by the record as it was read; None where the proofs are enough."""
        core, scene, record, recovery = self.core, shown.scene, shown.loaded.record, shown.recovery
        refusal = recovery_refusal(core.policy, record, scene=scene, recovery=recovery)
        if refusal:
            core.refused(scene, operation, "evaluated", refusal)
            return Refused()
        waits = record.change_of(recovery.change)
        if waits and scene.now < waits.until and not gathers(waits):
            return Waiting(waits.until, shown.resumed, change=waits.id.hex())
        judged = weigh(core.policy, record, scene=scene, recovery=recovery)
        if isinstance(judged, Enough) and not judged.wait:
            return None
        return await self._more(shown, Step(needs(judged), record), operation)

    async def _more(
        self, shown: Shown, done: Step, operation: str
    ) -> FactorRequired | ProofRequired | Waiting | Refused | TryAgain:
        """What is answered where nothing changed: what is lacking, or that it waits from now on."""
        core, scene, recovery = self.core, shown.scene, shown.recovery
        match done.verdict:
            case NeedsProof(paths) if shown.resumed and gathers(done.record.change_of(recovery.change)):
                return ProofRequired(shown.resumed, paths=self._open_to(scene, done.record, paths))  # not all have agreed yet
            case NeedsProof(paths):
                return self._proof_required(scene, done.record, recovery, paths)
            case NeedsWait(judged):
                return await self._wait(shown, judged, operation)
            case verdict:
                return core.declined(scene, operation, verdict)

    async def _wait(self, shown: Shown, judged: Enough, operation: str) -> Waiting | Refused | TryAgain:
        """Let it wait; the ticket stands for what was proven, and holds no password."""
        core, scene, recovery, change = self.core, shown.scene, shown.recovery, self.core.draw(16)
        done = await core.apply(
            scene,
            shown.loaded,
            lambda record: begin_recovery(core.policy, record, scene=scene, recovery=recovery, judged=judged, change_id=change),
        )
        if not isinstance(done.verdict, Begun):
            return core.declined(scene, operation, done.verdict)
        begun = done.verdict.change
        return Waiting(begun.until, self.onward(scene, done.record, begun), change=begun.id.hex())

    def onward(self, scene: Scene, record: Record, change: Change) -> str:
        """The ticket of a change that has begun: it stands for what was proven, and lives as long."""
        ticket = self._ticket(scene, record, reset=b"", methods=change.proofs)
        return self.core.tokens.seal(Purpose.RESUME, evolve(ticket, change=change.id, expires=change.expires))

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

    def _proof_required(
        self, scene: Scene, record: Record, recovery: Recovery, paths: tuple[frozenset[Proof], ...]
    ) -> FactorRequired | ProofRequired:
        """Ask for a factor where the subject has one that would do, otherwise say what would."""
        ticket = self._ticket(scene, record, reset=recovery.reset, methods=recovery.methods)
        ticket = evolve(ticket, change=recovery.change)  # its address may go, and it may be over, before all is shown
        token = self.core.tokens.seal(Purpose.RESET, ticket)
        shown = self._infos(scene, record)
        provable = {self._proof(info) for info in shown}
        wanted = {proof for path in paths if path <= provable for proof in path}
        infos = tuple(info for info in shown if self._proof(info) in wanted)
        if infos:
            helps = Proof.FACTOR in wanted
            asked = requested(self.core, trusted(record), ticket) if helps else None
            return FactorRequired(token, factors=infos, passkey=asked)
        return ProofRequired(token, paths=self._open_to(scene, record, paths))

    def _proof(self, info: FactorInfo) -> Proof | None:
        """What a factor is a proof of here, if of anything."""
        return proof_of(info.method, self.core.policy.mfa.possessions)

    def _infos(self, scene: Scene, record: Record) -> tuple[FactorInfo, ...]:
        """What may be shown of the factors that prove something in a recovery."""
        factors = trusted(record)
        infos = factor_infos(factors, masks=masks(self.core, scene, factors))
        return tuple(info for info in infos if self._proof(info) is not None and not info.reported)

    def _open_to(self, scene: Scene, record: Record, paths: tuple[frozenset[Proof], ...]) -> tuple[frozenset[str], ...]:
        """Those of the paths for which the subject has what they ask."""
        has = {self._proof(info) for info in self._infos(scene, record)} | BEYOND
        policy = self.core.policy
        if len(trusted_contacts(policy, record, scene.now)) >= policy.recovery.contacts_needed:
            has |= {Proof.CONTACTS}
        return tuple(frozenset(one.value for one in path) for path in paths if path <= has)
