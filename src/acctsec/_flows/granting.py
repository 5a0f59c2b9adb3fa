"""What a flow hands out when it is over, or not yet: sessions, and tickets for what is due."""

from collections.abc import Sequence
from datetime import datetime

from acctsec._flows.answers import factor_infos, masks
from acctsec._flows.core import Core
from acctsec._flows.kinds.passkeys import requested
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import SessionClaims, Ticket
from acctsec.mfa.actions import Demand
from acctsec.mfa.needs import level_in, ways
from acctsec.outcomes import (
    EnrollmentRequired,
    FactorInfo,
    FactorMissing,
    FactorRequired,
    PasswordChangeRequired,
    ReauthenticationRequired,
    RecoveryRequired,
    SessionInfo,
    SignedIn,
    StepUp,
)
from acctsec.record import Record, Session
from acctsec.steps import Granted, Lacking, NeedsChange, NeedsEnrollment, NeedsFactor, Scene, owed, password_due

PASSWORD = "password"  # noqa: S105 - a method


class Granting:
    """Seals what steps decided into tokens and tickets."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def due(
        self, record: Record, verdict: object, ticket: Ticket
    ) -> FactorRequired | RecoveryRequired | EnrollmentRequired | PasswordChangeRequired:
        """What is due before a sign-in goes on, and the ticket for it."""
        core = self.core
        if isinstance(verdict, NeedsFactor):
            ticket = evolve(ticket, methods=verdict.methods, risky=verdict.risky)
            infos = self._offered(record, verdict.ways, ticket)
            if not infos:
                return RecoveryRequired()
            asked = requested(core, record.factors, ticket, ways=verdict.ways)
            return FactorRequired(core.tokens.seal(Purpose.SIGN_IN, ticket), factors=infos, passkey=asked)
        if isinstance(verdict, NeedsChange):
            return PasswordChangeRequired(core.tokens.seal(Purpose.CHANGE, ticket), reason=verdict.reason)
        if isinstance(verdict, NeedsEnrollment):
            ticket = evolve(ticket, methods=verdict.methods, risky=verdict.risky)
        return EnrollmentRequired(core.tokens.seal(Purpose.ENROLLMENT, ticket))

    def granted(self, scene: Scene, verdict: Granted, record: Record) -> SignedIn:
        """Seal what was granted."""
        core, session = self.core, verdict.session
        token = core.tokens.session(scene, record, session)
        device = "" if verdict.device is None else core.tokens.device(scene, record, verdict.device)
        info = session_info(scene, session, expires=core.policy.sessions.expiry(session, active=scene.now))
        due = password_due(core.policy.for_account(scene.account, tenant=scene.tenant), record)
        lacks = record.enroll_by is not None and not core.policy.mfa.suffices(record.factors, groups=scene.groups)
        return SignedIn(token, device, info=info, password_due=due, factor_due=record.enroll_by if lacks else None)

    def required(
        self, record: Record, lacking: Lacking, ticket: Ticket
    ) -> FactorRequired | ReauthenticationRequired | FactorMissing | RecoveryRequired:
        """What a session has to prove before it may do something: a factor where one helps, else the password."""
        core, step_up = self.core, _step_up(lacking.demand)
        if not lacking.ways:
            if owed(core.policy, record, lacking.demand, frozenset(lacking.methods)):
                return RecoveryRequired()
            return FactorMissing(self._would_do(lacking), step_up=step_up)
        sealed = core.tokens.seal(Purpose.STEP_UP, evolve(ticket, methods=lacking.methods))
        infos = self._offered(record, lacking.ways, ticket)
        if all(PASSWORD in way for way in lacking.ways):
            return ReauthenticationRequired(sealed, factors=infos, step_up=step_up)
        asked = requested(core, record.factors, ticket, ways=lacking.ways)
        return FactorRequired(sealed, factors=infos, step_up=step_up, passkey=asked)

    def _offered(self, record: Record, helpful: Sequence[frozenset[str]], ticket: Ticket) -> tuple[FactorInfo, ...]:
        """What may be shown of the factors that help, and that somebody checks."""
        infos = factor_infos(record.factors, ways=helpful, masks=masks(self.core, ticket, record.factors))
        unchecked = {one.id for one in record.factors if not self.core.policy.mfa.checks(one)}
        return tuple(one for one in infos if one.id not in unchecked)

    def _would_do(self, lacking: Lacking) -> frozenset[str]:
        """The methods that would help somebody who had them."""
        needs, mfa = lacking.demand.needs, self.core.policy.mfa
        if needs is None:
            return mfa.offered
        found = ways(needs, have={*lacking.methods, PASSWORD}, can=mfa.offered, traits=mfa.traits)
        return frozenset[str]().union(*found)

    def ticket(self, scene: Scene, record: Record, *, claims: SessionClaims, action: str, risky: bool) -> Ticket:
        """The ticket of a session that shall be good for an action."""
        return Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=self.core.draw(16),
            issued=scene.now,
            expires=scene.now + self.core.policy.sessions.ticket_lifetime,
            methods=(),
            session=claims.id,
            action=str(action),
            risky=risky,
            key=claims.key,
        )


def _step_up(demand: Demand) -> StepUp:
    return StepUp(acr=None if demand.needs is None else level_in(demand.needs), max_age=demand.max_age)


def session_info(scene: Scene, session: Session, *, expires: datetime, current: bool = True) -> SessionInfo:
    """What may be shown of a session."""
    return SessionInfo(
        id=session.id.hex(),
        subject=scene.subject,
        tenant=scene.tenant,
        level=session.level,
        created=session.created,
        authenticated=session.authenticated,
        expires=expires,
        methods=tuple(proof.method for proof in session.proofs),
        name=session.name,
        current=current,
    )
