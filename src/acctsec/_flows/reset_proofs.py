"""What is shown for a recovery: a link, a code, a printed code or a ticket, each looked at before anything changes."""

from typing import TYPE_CHECKING

from acctsec._flows.answers import Answers, is_typed
from acctsec._flows.core import Core, Loaded
from acctsec._flows.due_proofs import DueProofs
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.kinds.passkeys import requested
from acctsec._flows.sign_in import behind
from acctsec._flows.tokens import Purpose
from acctsec._flows.vouching import standing
from acctsec._values import Value, evolve
from acctsec.claims import HandleClaims, LinkClaims, RecoveryCode, ResetCode, ResetLink, ResetProof, ResumeTicket, Ticket
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.identifiers import canonical
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    FactorKind,
    FactorRequired,
    ProofRequired,
    Refused,
    TryAgain,
)
from acctsec.protocols import Channel, Settle
from acctsec.record import Record
from acctsec.recovery import Capability, Facts, Lacking, Proof
from acctsec.reset import Redeemable
from acctsec.steps import (
    FactorProven,
    Recovery,
    Scene,
    agreed,
    gathers,
    prove_for_reset,
    trusted,
    weigh,
    with_method,
)

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks


class Shown(Value, frozen=True, kw_only=True):
    """A recovery whose first proof holds; the step looks again. *resumed* is the ticket it came with."""

    scene: Scene
    loaded: Loaded
    recovery: Recovery
    resumed: str | None = None


class ResetProofs:
    """Opens what is shown for a recovery."""

    def __init__(self, core: Core, guesses: Guesses, answers: Answers, due: DueProofs, risks: "Risks | None") -> None:
        self.core = core
        self.guesses = guesses
        self.answers = answers
        self.due = due
        self.risks = risks

    async def show(
        self, reset: ResetProof, context: Context, gives: Capability
    ) -> Shown | FactorRequired | ProofRequired | Refused | TryAgain:
        """What a proof comes to: a recovery that may go on, or the answer."""
        match reset:
            case ResetLink():
                return await self.by_link(reset, context, gives) or Refused()
            case ResumeTicket():
                return await self._by_ticket(reset, context, gives) or Refused()
            case ResetCode():
                return await self._by_code(reset, context, gives)
            case RecoveryCode():
                return await self._by_recovery_code(reset, context, gives)
            case _:
                raise ConfigError("`reset` is not a proof.", remedy="Give ResetLink, ResetCode, RecoveryCode or ResumeTicket.")

    async def by_link(self, link: ResetLink, context: Context, gives: Capability) -> Shown | None:
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
        ticket = self.due.ticket(scene, loaded.record, reset=b"", methods=())
        done = await core.apply(
            scene,
            loaded,
            lambda record: prove_for_reset(core.policy, record, scene=scene, ticket=ticket, found=found),
        )
        if isinstance(done.verdict, FactorProven):
            await guess.settle(Settle.VOID)
            onward = self.due.ticket(scene, done.record, reset=b"", methods=done.verdict.methods)
            infos = self.due.infos(scene, done.record)
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
        return self.due.required(scene, record, recovery, judged.paths)

    def _handle(self, handle: object, context: Context) -> HandleClaims | None:
        claims = self.core.tokens.open(Purpose.HANDLE, handle, HandleClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        return claims if self.core.policy.reset.in_time(claims.expires, self.core.now()) else None

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
