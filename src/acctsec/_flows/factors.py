"""The life of a factor: enrol, confirm, list, rename, remove; and recovery codes."""

from typing import TypeVar, cast

from acctsec._flows.answers import FOR_A_TICKET, Answers, factor_infos, masks
from acctsec._flows.core import Core, Loaded, operation
from acctsec._flows.counting import known
from acctsec._flows.granting import Granting
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.kinds import Kind, meant
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import Enrollment, NewFactorAnswer, SessionClaims, Ticket
from acctsec.context import Context
from acctsec.errors import PortError
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.mfa import recovery
from acctsec.outcomes import (
    ConfirmFactorOutcome,
    EnrollmentRequired,
    FactorAdded,
    FactorKind,
    FactorRemoved,
    FactorRenamed,
    FactorRequired,
    Factors,
    RecoveryCodes,
    RecoveryRequired,
    Refused,
    TryAgain,
    Waiting,
)
from acctsec.protocols import Settle
from acctsec.record import Record
from acctsec.steps import (
    Done,
    Held,
    NeedsEnrollment,
    NeedsFactor,
    No,
    Scene,
    Step,
    add_factor,
    issue_codes,
    live_session,
    may_begin,
    may_set_up,
    opens,
    remove_factor,
    rename_factor,
)

MAX_NAME = 40
MAX_ID = 32

Claims = TypeVar("Claims", Ticket, Enrollment)


class FactorFlows:
    """What a signed-in subject does with its factors."""

    def __init__(self, core: Core, guesses: Guesses, answers: Answers) -> None:
        self.core = core
        self.guesses = guesses
        self.answers = answers
        self.granting: Granting = Granting(core)

    async def session(self, token: object, context: Context) -> tuple[SessionClaims, Scene, Loaded] | None:
        """
        Open a session token and load what it is about; whether it holds is the step's to say. One that was replaced ends its
        session here.
        """
        claims = self.core.session(token, context)
        if claims is None:
            return None
        scene, loaded = await self.core.enter(claims.tenant, claims.subject, context.source.key)
        await self.core.catch(scene, loaded, claims)
        return claims, self.core.signing(scene, context), loaded

    async def _opened(
        self, purpose: Purpose, token: object, kind: type[Claims], context: Context
    ) -> tuple[Claims, Scene, Loaded] | None:
        claims = self.core.tokens.open(purpose, token, kind)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await self.core.enter(claims.tenant, claims.subject, context.source.key)
        return claims, self.core.signing(scene, context), loaded

    async def begin(
        self, operation: str, token: object, kind: FactorKind, *, name: str, replaces: str, context: Context
    ) -> tuple[Scene, Enrollment] | Refused:
        """
        Whether somebody may set up a factor of that *kind*, and the ticket of it, without what is secret: with a session that may
        change factors, or the ticket of EnrollmentRequired.
        """
        begun = await self.begun(operation, token, kind, name=name, replaces=replaces, context=context)
        return begun if isinstance(begun, Refused) else begun[:2]

    async def begun(
        self, operation: str, token: object, kind: FactorKind, *, name: str, replaces: str, context: Context
    ) -> tuple[Scene, Enrollment, Record] | Refused:
        """The same, with the record as it was read."""
        core, label = self.core, clean(name)
        if label is None or type(replaces) is not str or len(replaces) > MAX_ID or kind not in core.policy.mfa.kinds:
            return Refused()
        session, bound, methods, issued, risky = b"", b"", tuple[str, ...](), None, False
        found = await self.session(token, context)
        if found is not None:
            claims, scene, loaded = found
            allowed = may_set_up(core.policy, loaded.record, scene=scene, claims=claims, replaces=replaces)
            session, bound = claims.id, claims.key
        else:
            about = await self._opened(Purpose.ENROLLMENT, token, Ticket, context)
            if about is None:
                return Refused()
            ticket, scene, loaded = about
            record, methods, issued, risky = loaded.record, ticket.methods, ticket.issued, ticket.risky
            begins = may_begin(core.policy, record, scene=scene, methods=methods, risky=risky)
            allowed = opens(record, ticket, scene.now) and begins and scene.active(record)
        if not allowed or not scene.proven:
            core.refused(scene, operation, "evaluated", "session" if scene.proven else "no verified address")
            return Refused()
        record = loaded.record
        enrollment = Enrollment(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=core.draw(8),
            issued=issued or scene.now,
            expires=scene.now + core.policy.sessions.ticket_lifetime,
            session=session,
            name=label,
            secret=b"",
            kind=kind.value,
            replaces=replaces,
            methods=methods,
            risky=risky,
            key=bound,
        )
        return scene, enrollment, record

    @operation
    async def confirm_factor(self, ticket: str, answer: NewFactorAnswer, *, context: Context) -> ConfirmFactorOutcome:
        """Prove a new factor by an answer of its own; see Engine.confirm_factor."""
        core, kind = self.core, self.answers.kind_of(answer)
        if not kind.is_form(answer) or core.lacks_key(context):
            return Refused()
        about = await self._opened(Purpose.CONFIRM, ticket, Enrollment, context)
        if about is None or about[0].kind != kind.kind:
            return Refused()
        enrollment, scene, loaded = about
        if enrollment.session and not core.has_key(enrollment, context):
            return Refused()
        early = self.answers.early(scene, loaded, answer, enrollment)
        if early is not None:
            return early
        guess = await self.guesses.begin(
            "confirm_factor",
            scene,
            known(scene, loaded),
            SecretClass.ENROLLMENT,
            context,
            typed=frame(scene.subject),
            secret=self._meant(loaded, enrollment, kind) + kind.guess(answer, scene),
        )
        if not isinstance(guess, Guess):
            return guess
        if not guess.admitted:
            return await guess.fail("lane")
        loaded = guess.latest(loaded)
        scene = evolve(scene, sim_changed=context.sim_changed)
        try:
            new = await kind.confirm(scene, enrollment, answer)
        except PortError:
            stranger = self.answers.is_stranger(scene, loaded.record, enrollment, context)
            return await self.answers.unanswered(guess, context, answer, stranger=stranger)
        drawn = core.drawn()
        done = await core.apply(
            scene,
            loaded,
            lambda record: add_factor(core.policy, record, scene=scene, enrollment=enrollment, new=new, drawn=drawn),
        )
        failed = isinstance(done.verdict, No) and new is None
        await guess.settle(Settle.FAILED if failed else Settle.VOID)
        if isinstance(done.verdict, Held):
            return Waiting(done.verdict.until)
        if isinstance(done.verdict, NeedsFactor | NeedsEnrollment):
            return self._more(done.verdict, scene, done.record, enrollment)
        session = self.renewed(done, scene, "confirm_factor")
        if not isinstance(session, str):
            return session
        infos = factor_infos(done.record.factors, masks=masks(core, scene, done.record.factors))
        info = next(info for info in infos if info.id == enrollment.id.hex())
        return FactorAdded(info, session)

    def _more(
        self, verdict: NeedsFactor | NeedsEnrollment, scene: Scene, record: Record, enrollment: Enrollment
    ) -> FactorRequired | RecoveryRequired | EnrollmentRequired:
        """The factor is there, and the sign-in that it was set up for asks for more. No proof of it is younger than its begin."""
        onward = Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=self.core.draw(16),
            issued=enrollment.issued,
            expires=scene.now + self.core.policy.sessions.ticket_lifetime,
            methods=verdict.methods,
        )
        # A change of password that is due was asked for before a factor could be set up.
        return cast("FactorRequired | RecoveryRequired | EnrollmentRequired", self.granting.due(record, verdict, onward))

    def _meant(self, loaded: Loaded, enrollment: Enrollment, kind: Kind) -> str:
        """What an answer is guessed for: the set-up, and what was sent for it."""
        return meant(loaded.record.factors, enrollment) if kind.kind in FOR_A_TICKET else enrollment.id.hex()

    def renewed(self, done: Step, scene: Scene, operation: str) -> str | Refused | TryAgain:
        """The token of the session a change of privilege left, or what else the change answered."""
        verdict = done.verdict
        if isinstance(verdict, Done) and verdict.session:
            return self.core.tokens.session(scene, done.record, verdict.session)
        return self.core.declined(scene, operation, verdict)

    @operation
    async def list_factors(self, token: str, *, context: Context) -> Factors | Refused:
        """What may be shown of the subject's factors; see Engine.list_factors."""
        found = await self.session(token, context)
        if found is None or live_session(self.core.policy, found[2].record, found[0], found[1].now) is None:
            return Refused()
        factors = found[2].record.factors
        return Factors(factor_infos(factors, masks=masks(self.core, found[1], factors)))

    @operation
    async def rename_factor(
        self, token: str, factor_id: str, name: str, *, context: Context
    ) -> FactorRenamed | Refused | TryAgain:
        """Give an authenticator another name; see Engine.rename_factor."""
        label, found = clean(name), await self.session(token, context)
        if label is None or found is None:
            return Refused()
        claims, scene, loaded = found
        policy = self.core.policy
        done = await self.core.apply(
            scene,
            loaded,
            lambda record: rename_factor(policy, record, scene=scene, claims=claims, factor_id=factor_id, name=label),
        )
        if isinstance(done.verdict, TryAgain):
            return done.verdict
        if not isinstance(done.verdict, Done):
            return Refused()
        infos = factor_infos(done.record.factors, masks=masks(self.core, scene, done.record.factors))
        info = next(info for info in infos if info.id == factor_id)
        return FactorRenamed(info)

    @operation
    async def remove_factor(
        self, token: str, factor_id: str, *, context: Context
    ) -> FactorRemoved | Waiting | Refused | TryAgain:
        """Remove an authenticator; see Engine.remove_factor."""
        found = await self.session(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        policy, drawn = self.core.policy, self.core.drawn()
        done = await self.core.apply(
            scene,
            loaded,
            lambda record: remove_factor(policy, record, scene=scene, claims=claims, factor_id=factor_id, drawn=drawn),
        )
        if isinstance(done.verdict, Held):
            return Waiting(done.verdict.until)
        session = self.renewed(done, scene, "remove_factor")
        return FactorRemoved(session) if isinstance(session, str) else session

    @operation
    async def issue_recovery_codes(self, token: str, *, context: Context) -> RecoveryCodes | Waiting | Refused | TryAgain:
        """Print new recovery codes; see Engine.issue_recovery_codes."""
        core = self.core
        found = await self.session(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        codes = tuple(recovery.text(core.draw(recovery.CODE_BYTES)) for _ in range(core.policy.mfa.recovery_codes))
        drawn, stored = core.drawn(), recovery.digests(codes)

        def step(record: Record) -> Step:
            generation = str(record.factors.generation + 1)
            sealed = core.keyring.seal("recovery", stored, scene.tenant, scene.subject, generation)
            return issue_codes(core.policy, record, scene=scene, claims=claims, sealed=sealed, total=len(codes), drawn=drawn)

        done = await core.apply(scene, loaded, step)
        if isinstance(done.verdict, Held):
            return Waiting(done.verdict.until)
        session = self.renewed(done, scene, "issue_recovery_codes")
        return RecoveryCodes(codes, session) if isinstance(session, str) else session


def clean(name: object) -> str | None:
    """A name for a factor: printable, at most 40 characters."""
    if type(name) is not str or len(name) > MAX_NAME or not name.isprintable():
        return None
    return name.strip()
