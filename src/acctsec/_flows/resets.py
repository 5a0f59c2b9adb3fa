"""Forgotten passwords and lost factors: asking, looking, waiting, redeeming."""

from datetime import timedelta
from typing import TYPE_CHECKING

from acctsec._flows.answers import Answers
from acctsec._flows.core import ROUNDS, Core, operation
from acctsec._flows.due_proofs import DueProofs
from acctsec._flows.entries import ResetRequest, seal
from acctsec._flows.guesses import Guesses
from acctsec._flows.likely import looked_at
from acctsec._flows.passwords import Chosen, Passwords
from acctsec._flows.reset_proofs import ResetProofs, Shown
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import HandleClaims, ResetLink, ResetProof
from acctsec.context import Context
from acctsec.errors import CommitUnknown, Overloaded, StoreError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.outcomes import (
    ChangeKind,
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
from acctsec.protocols import Charge, Granted
from acctsec.record import Change, Record
from acctsec.recovery import Capability, Enough
from acctsec.reset import Redeemable
from acctsec.steps import (
    Begun,
    Done,
    NeedsProof,
    NeedsWait,
    Scene,
    Step,
    begin_recovery,
    drop_factors,
    find_reset,
    gathers,
    needs,
    recovery_refusal,
    redeem,
    trusted,
    weigh,
)

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks


class Resets:
    """The flows of a forgotten password."""

    def __init__(
        self, core: Core, guesses: Guesses, passwords: Passwords, answers: Answers, risks: "Risks | None" = None
    ) -> None:
        self.core = core
        self.passwords = passwords
        self.due: DueProofs = DueProofs(core)
        self.proofs: ResetProofs = ResetProofs(core, guesses, answers, self.due, risks)

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
        shown = await self.proofs.by_link(ResetLink(link), context, Capability.PASSWORD)
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
        shown = await self.proofs.show(reset, context, Capability.PASSWORD)
        if not isinstance(shown, Shown):
            return shown
        try:
            return await self._finish(shown, new_password, context)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))

    @operation
    async def remove_lost_factors(self, reset: ResetProof, *, context: Context) -> RemoveLostFactorsOutcome:
        """Take every second factor off; see Engine.remove_lost_factors."""
        shown = await self.proofs.show(reset, context, Capability.FACTORS)
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
                return ProofRequired(shown.resumed, paths=self.due.open_to(scene, done.record, paths))  # not all have agreed yet
            case NeedsProof(paths):
                return self.due.required(scene, done.record, recovery, paths)
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
        ticket = self.due.ticket(scene, record, reset=b"", methods=change.proofs)
        return self.core.tokens.seal(Purpose.RESUME, evolve(ticket, change=change.id, expires=change.expires))
