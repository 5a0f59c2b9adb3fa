"""Signing in: a password, and the factor that may be due after it."""

from datetime import timedelta

from acctsec._flows.core import Core, Reserved
from acctsec._flows.answers import Answers, Checked, factor_infos, is_answer
from acctsec._flows.tokens import Purpose
from acctsec.claims import DeviceClaims, FactorAnswer, SessionClaims, Ticket
from acctsec.context import Context
from acctsec.errors import Overloaded
from acctsec.identifiers import Identifier, canonical
from acctsec.keyring import frame
from acctsec.lockout import Admitted, OverBudget, SecretClass
from acctsec.outcomes import (
    EnrollmentRequired,
    FactorRequired,
    PasswordChangeRequired,
    ProofAccepted,
    Refused,
    SessionInfo,
    SignedIn,
    TryAgain,
)
from acctsec.protocols import Account, Settle
from acctsec.record import Record
from acctsec.sessions import Live
from acctsec.steps import (
    FactorProven,
    Granted,
    NeedsChange,
    NeedsEnrollment,
    NeedsFactor,
    No,
    Scene,
    Stale,
    Step,
    prove_factor,
    prove_for_reset,
    sign_in,
)

SignInOutcome = SignedIn | FactorRequired | EnrollmentRequired | PasswordChangeRequired | Refused | TryAgain
FactorOutcome = SignedIn | ProofAccepted | FactorRequired | PasswordChangeRequired | Refused | TryAgain


class SignIn:
    """The flows that end in a session."""

    def __init__(self, core: Core, answers: Answers) -> None:
        self.core = core
        self.answers = answers

    async def sign_in(self, identifier: str, password: str, *, context: Context) -> SignInOutcome:
        """Check a password; see Engine.sign_in."""
        core = self.core
        name = canonical(identifier)
        prepared = core.prepared(password)
        if name is None or prepared is None:
            return Refused()
        account = await core.find(context.tenant, name)
        for _ in range(2):
            outcome = await self._attempt(name, account, prepared, context)
            if outcome is not None:
                return outcome
        return TryAgain(timedelta(seconds=1))

    async def _attempt(self, name: Identifier, account: Account | None, password: str, context: Context) -> SignInOutcome | None:
        """One round; None when the verifier changed while it was compared, and a new round with a new charge is due."""
        core = self.core
        subject = account.subject if account else ""
        scene = Scene(tenant=context.tenant, subject=subject, account=account, now=core.now(), source=context.source.key)
        key = core.record_key(context.tenant, subject) if account else frame("phantom", context.tenant, name.value)
        loaded = await core.load(key, fresh=core.draw(16))
        who = core.known(context.tenant, subject, loaded) if account else core.phantom(context.tenant, name)
        lane = core.lane(context, who, subject)
        typed = frame(name.kind.value, name.value)
        reserved = await core.reserve(who, SecretClass.PASSWORD, lane, context, typed=typed, secret=password)
        if isinstance(reserved, TryAgain):
            return reserved
        judgement = reserved.judgement
        if isinstance(judgement, OverBudget):
            core.refused(scene, "sign_in", "budget", "source")
            return core.refusal(judgement, lane, scene.now)
        if isinstance(judgement, Admitted):
            await core.count(who, scene, SecretClass.PASSWORD, lane, judgement)
        verifier = loaded.record.verifier if account and isinstance(judgement, Admitted) else None
        try:
            compared, phc = await core.compare(scene, verifier, password)
        except Overloaded as overload:
            await core.settle(reserved, Settle.VOID)
            return TryAgain(timedelta(seconds=overload.retry_after))
        if not compared.matched or not isinstance(judgement, Admitted):
            # A lane that rests or has stopped still charges the source: its guesses must look like anybody's.
            await core.settle(reserved, Settle.FAILED)
            reason = "wrong" if isinstance(judgement, Admitted) else "lane"
            core.refused(scene, "sign_in", "evaluated", reason if account else "unknown")
            return core.refusal(judgement, lane, scene.now)
        drawn = core.drawn()
        renewed = await core.renewed(scene, verifier, phc, password)
        done = await core.apply(
            scene,
            loaded,
            lambda record: sign_in(
                core.policy, record, scene=scene, compared=compared, lane=lane, drawn=drawn, renewed=renewed
            ),
        )
        return await self._conclude(done, scene, reserved)

    async def _conclude(self, done: Step, scene: Scene, reserved: Reserved) -> SignInOutcome | None:
        core, verdict, record = self.core, done.verdict, done.record
        if isinstance(verdict, Stale | TryAgain):
            await core.settle(reserved, Settle.VOID)
            return verdict if isinstance(verdict, TryAgain) else None
        if isinstance(verdict, No):
            await core.settle(reserved, Settle.FAILED)
            core.refused(scene, "sign_in", "evaluated", verdict.reason)
            return Refused()
        if isinstance(verdict, Granted):
            await core.settle(reserved, Settle.CLEAR)
            return self.granted(scene, verdict, record)
        await core.settle(reserved, Settle.PARK)
        settlements = core.settlements(reserved, Settle.PARK)
        ticket = Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=core.draw(16),
            expires=scene.now + core.policy.sessions.ticket_lifetime,
            methods=("password",),
            hold=settlements[0].hold if settlements else b"",
        )
        if isinstance(verdict, NeedsFactor):
            infos = factor_infos(record.factors)
            return FactorRequired(core.tokens.seal(Purpose.SIGN_IN, ticket), factors=infos)
        if isinstance(verdict, NeedsChange):
            return PasswordChangeRequired(core.tokens.seal(Purpose.CHANGE, ticket), reason=verdict.reason)
        assert isinstance(verdict, NeedsEnrollment)
        return EnrollmentRequired(core.tokens.seal(Purpose.ENROLLMENT, ticket))

    def granted(self, scene: Scene, verdict: Granted, record: Record) -> SignedIn:
        """Seal what was granted."""
        core, session = self.core, verdict.session
        names = {"tenant": scene.tenant, "subject": scene.subject, "incarnation": record.incarnation}
        token = SessionClaims(**names, epoch=record.epoch, id=session.id, active=scene.now)
        assert verdict.device
        device = DeviceClaims(**names, id=verdict.device.id)
        judged = core.policy.sessions.judge(session, active=scene.now, now=scene.now)
        assert isinstance(judged, Live)
        info = session_info(scene.tenant, scene.subject, judged)
        return SignedIn(core.tokens.seal(Purpose.SESSION, token), core.tokens.seal(Purpose.DEVICE, device), info=info)

    async def verify_factor(self, ticket: str, answer: FactorAnswer, *, context: Context) -> FactorOutcome:
        """Check a second factor; see Engine.verify_factor."""
        core = self.core
        for purpose in (Purpose.SIGN_IN, Purpose.RESET):
            claims = core.tokens.open(purpose, ticket, Ticket)
            if claims is not None:
                break
        if claims is None or claims.tenant != context.tenant or not is_answer(answer):
            return Refused()
        checked = await self.answers.check(claims, answer, context)
        if not isinstance(checked, Checked):
            return checked
        drawn = core.drawn()

        def step(record: Record) -> Step:
            facts = {"scene": checked.scene, "ticket": claims, "match": checked.match}
            if purpose is Purpose.RESET:
                return prove_for_reset(core.policy, record, **facts)
            return prove_factor(core.policy, record, **facts, lane=checked.lane, drawn=drawn)

        done = await core.apply(checked.scene, checked.loaded, step)
        return await self._proven(done, checked, claims)

    async def _proven(self, done: Step, checked: Checked, ticket: Ticket) -> FactorOutcome:
        core, verdict, scene, reserved = self.core, done.verdict, checked.scene, checked.reserved
        if isinstance(verdict, TryAgain):
            await core.settle(reserved, Settle.VOID)
            return verdict
        if isinstance(verdict, No):
            await core.settle(reserved, Settle.FAILED)
            core.refused(scene, "verify_factor", "evaluated", verdict.reason)
            return Refused()
        await core.settle(reserved, Settle.CLEAR)
        if isinstance(verdict, Granted):
            await core.settle_all(core.policy.lockout.clearing(reserved.charges, lane=checked.lane, hold=ticket.hold))
            return self.granted(scene, verdict, done.record)
        methods = verdict.methods if isinstance(verdict, FactorProven) else ticket.methods
        lifetime = core.policy.reset.resume_lifetime if isinstance(verdict, FactorProven) else core.policy.sessions.ticket_lifetime
        onward = Ticket(
            tenant=ticket.tenant,
            subject=ticket.subject,
            incarnation=ticket.incarnation,
            epoch=ticket.epoch,
            id=core.draw(16),
            expires=scene.now + lifetime,
            methods=methods,
            reset=ticket.reset,
        )
        if isinstance(verdict, FactorProven):
            return ProofAccepted(core.tokens.seal(Purpose.RESUME, onward))
        assert isinstance(verdict, NeedsChange)
        return PasswordChangeRequired(core.tokens.seal(Purpose.CHANGE, onward), reason=verdict.reason)


def session_info(tenant: str, subject: str, live: Live) -> SessionInfo:
    """What may be shown of a live session."""
    session = live.session
    return SessionInfo(
        id=session.id.hex(),
        subject=subject,
        tenant=tenant,
        level=session.level,
        created=session.created,
        authenticated=session.authenticated,
        expires=live.expires,
    )
