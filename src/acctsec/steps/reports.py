"""Factors that were lost, or that somebody else may have: invalid at once, and what rested on them is of a lower level."""

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import Admin, SessionClaims
from acctsec.events import Event
from acctsec.mfa.actions import Action
from acctsec.mfa.policy import methods_of
from acctsec.outcomes import AssuranceLevel, ReportReason
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Factor, Factors, Record, Session
from acctsec.steps.changes import ended
from acctsec.steps.effects import Notice, Step
from acctsec.steps.evidence import Drawn
from acctsec.steps.scene import Scene
from acctsec.steps.standing import guarded
from acctsec.steps.verdicts import Done, No


def report_factor(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    claims: SessionClaims,
    factor_id: str,
    why: ReportReason,
    drawn: Drawn,
) -> Step:
    """
    Report a factor, in a session in which the password was proven just now. Where there are factors every session began with
    one, or in a browser where one was shown.

    At the full level it is a change of credentials: all other sessions end. Else nobody is signed out and nothing that waits is
    dropped: a thief in a session who has the password must not throw the owner out by it, nor stop his recovery.
    """
    session = guarded(policy, record, scene=scene, claims=claims, action=Action.REPORT_FACTOR)
    if session is None:
        return Step(No("session"), record)
    found = record.factors.factor(factor_id)
    if found is not None and found.reported == why:
        return Step(Done(session), record)  # asked again: the answer was lost
    factors = policy.mfa.report(record.factors, factor_id, why)
    if factors is None or found is None:
        return Step(No("factor"), record)
    event = events.FactorInvalidated(**scene.head(), factor=factor_id, kind=found.KIND, why=why.value)
    told: tuple[Event | Notice, ...] = (event, Notice(MessagePurpose.FACTOR_REPORTED))
    after = without_proof(policy, record, factors, found, mine=session)
    if guarded(policy, record, scene=scene, claims=claims) is None:
        return Step(Done(after.session(session.id)), after, told)
    renewed = evolve(_relevelled(policy, session, found), id=drawn.session)
    return Step(Done(renewed), after.with_epoch().with_session(renewed), (*told, *ended(record, scene)))


def report_for(policy: Policy, record: Record, *, scene: Scene, factor_id: str, why: ReportReason, by: Admin) -> Step:
    """Report a factor for the service, where an administrator knows of an incident: every session ends."""
    found = record.factors.factor(factor_id)
    if found is not None and found.reported == why:
        return Step(Done(), record)
    factors = policy.mfa.report(record.factors, factor_id, why)
    if factors is None or found is None:
        return Step(No("factor"), record)
    event = events.FactorInvalidated(**scene.head(), factor=factor_id, kind=found.KIND, why=why.value, actor=by.actor)
    after = evolve(record, factors=factors).with_epoch()
    return Step(Done(), after, (event, Notice(MessagePurpose.FACTOR_REPORTED), *ended(record, scene)))


def restore_factor(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, factor_id: str, drawn: Drawn) -> Step:
    """Let a factor that was lost prove again, by a session at full level: with another one, as this one proves nothing."""
    session = guarded(policy, record, scene=scene, claims=claims)
    if session is None:
        return Step(No("session"), record)
    found, factors = record.factors.factor(factor_id), policy.mfa.restore(record.factors, factor_id)
    if factors is None or found is None:
        return Step(No("factor"), record)
    renewed = evolve(session, id=drawn.session)
    after = evolve(record, factors=factors).with_epoch().with_session(renewed)
    event = events.FactorRevived(**scene.head(), factor=factor_id, kind=found.KIND)
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.FACTOR_RESTORED), *ended(record, scene)))


def without_proof(policy: Policy, record: Record, factors: Factors, gone: Factor, *, mine: Session | None = None) -> Record:
    """
    The record with these factors, where nothing rests on the one that is gone any more; no browser is remembered. A session that
    would live longer at its new level is over, but for the one that reports: who found the phone must not gain time by it.
    """
    rows = [(one, _relevelled(policy, one, gone)) for one in record.sessions if mine is None or one.id != mine.id]
    limits = policy.sessions.lifetime
    kept = tuple(after for one, after in rows if limits(one.level) == limits(after.level))
    sessions = kept if mine is None else (*kept, _relevelled(policy, mine, gone))
    devices = tuple(evolve(one, remembered=None) if one.remembered else one for one in record.devices)
    return evolve(record, factors=factors, sessions=sessions, devices=devices)


def _relevelled(policy: Policy, session: Session, gone: Factor) -> Session:
    """
    A session without what it may have proven by a factor. A proof does not say by which factor it was: one of the same method
    counts no more, and has to be given again. One of an older release says nothing at all.
    """
    proofs = tuple(one for one in session.proofs if one.method not in methods_of(gone))
    if len(proofs) == len(session.proofs) and proofs:
        return session
    level = policy.mfa.level(one.method for one in proofs) if proofs else AssuranceLevel.AAL1
    return evolve(session, proofs=proofs, level=min(session.level, level))
