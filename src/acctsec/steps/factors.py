"""The life of a factor."""

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import Enrollment, SessionClaims
from acctsec.mfa.policy import TotpMatch
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Record, Session, Totp
from acctsec.steps.changes import ended, held
from acctsec.steps.scene import Done, Drawn, Held, No, Notice, Scene, Step, change_due, live_session, opens


def add_factor(
    policy: Policy, record: Record, *, scene: Scene, enrollment: Enrollment, match: TotpMatch | None, sealed: bytes, drawn: Drawn
) -> Step:
    """An authenticator is confirmed by a code, which is spent by it. The privilege changed: all sessions are new."""
    session = record.session(enrollment.session)
    first = not record.factors.live and not enrollment.session
    if not opens(record, enrollment, scene.now) or not scene.active(record) or not (session or first):
        return Step(No("ticket"), record)
    if not scene.proven:
        return Step(No("no verified address"), record)
    if match is None:
        return Step(No("wrong code"), record)
    if first and change_due(policy, record, scene.now):
        return Step(No("the password must change first"), record)
    factor_id = enrollment.id.hex()
    new = Totp(id=factor_id, name=enrollment.name, sealed=sealed, created=scene.now, last_step=match.steps[-1])
    factors = policy.mfa.add(record.factors, new)
    if factors is None:
        return Step(No("too many factors"), record)
    now = scene.now
    renewed = Session(id=drawn.session, level=AssuranceLevel.AAL2, created=session.created if session else now, authenticated=now)
    after = evolve(record.with_epoch(), factors=factors).with_session(renewed)
    event = events.FactorEnrolled(**scene.head(), factor=factor_id, kind="totp")
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.FACTOR_ADDED), *ended(record, scene)))


def guarded(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims) -> Session | None:
    """The session, if it may change a credential: live, fresh, and at the subject's full level."""
    if not scene.active(record):
        return None
    needs = AssuranceLevel.AAL2 if record.factors.live else AssuranceLevel.AAL1
    session = live_session(policy, record, claims, scene.now)
    fresh = session is not None and policy.sessions.is_fresh(session, needs=needs, now=scene.now)
    return session if fresh else None


def remove_factor(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, factor_id: str, drawn: Drawn) -> Step:
    """Remove an authenticator; never below what the policy demands, also when two are removed at once."""
    session = guarded(policy, record, scene=scene, claims=claims)
    if session is None:
        return Step(No("session"), record)
    since = next((one.created for one in record.factors.totp if one.id == factor_id), scene.now)
    until = held(record, since=since, now=scene.now)
    if until:
        return Step(Held(until), record)
    factors = policy.mfa.remove(record.factors, factor_id, groups=scene.groups)
    if factors is None:
        return Step(No("factor"), record)
    level = AssuranceLevel.AAL2 if factors.live else AssuranceLevel.AAL1
    renewed = evolve(session, id=drawn.session, level=level)
    # Beside a factor the rules may have let the password be shorter: they judge it anew.
    accepted = record.accepted if factors.live else b""
    after = evolve(record.with_epoch(), factors=factors, accepted=accepted).with_session(renewed)
    event = events.FactorDropped(**scene.head(), factor=factor_id, kind="totp")
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.FACTOR_REMOVED), *ended(record, scene)))


def rename_factor(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, factor_id: str, name: str) -> Step:
    """Give an authenticator another name; a live session will do."""
    if not scene.active(record) or live_session(policy, record, claims, scene.now) is None:
        return Step(No("session"), record)
    factors = policy.mfa.rename(record.factors, factor_id, name)
    if factors is None:
        return Step(No("factor"), record)
    return Step(Done(), evolve(record, factors=factors), (events.FactorRelabelled(**scene.head(), factor=factor_id),))


def issue_codes(
    policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, sealed: bytes, total: int, drawn: Drawn
) -> Step:
    """Replace the recovery codes. They stand in for an authenticator, so there has to be one."""
    session = guarded(policy, record, scene=scene, claims=claims)
    if session is None or not record.factors.live:
        return Step(No("session"), record)
    codes = record.factors.recovery
    until = held(record, since=codes.since if codes else scene.now, now=scene.now)
    if until:
        return Step(Held(until), record)
    factors = policy.mfa.issue(record.factors, sealed=sealed, total=total, now=scene.now)
    renewed = evolve(session, id=drawn.session)
    after = evolve(record.with_epoch(), factors=factors).with_session(renewed)
    event = events.RecoveryCodesIssued(**scene.head(), generation=factors.generation)
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.RECOVERY_CODES_ISSUED), *ended(record, scene)))
