"""The life of a factor."""

from datetime import datetime

from acctsec import events
from acctsec._values import evolve
from acctsec.assurance import Method, is_complete
from acctsec.claims import Admin, Enrollment, SessionClaims
from acctsec.mfa.actions import Action
from acctsec.mfa.passkeys.proving import UNVERIFIED
from acctsec.mfa.policy import method_of
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Factor, Factors, Push, Record, Session
from acctsec.sessions import Ended, Minted
from acctsec.steps.changes import ended, held
from acctsec.steps.effects import Effect, Notice, Step
from acctsec.steps.evidence import Drawn
from acctsec.steps.scene import Scene, change_due, live_session, opens, proven_last
from acctsec.steps.sign_in import still_due
from acctsec.steps.standing import (
    PASSWORD,
    demand_of,
    found_session,
    guarded,
    missing,
    owed,
    proofs_of,
    proved,
    young,
)
from acctsec.steps.verdicts import Done, Held, No


def add_factor(policy: Policy, record: Record, *, scene: Scene, enrollment: Enrollment, new: Factor | None, drawn: Drawn) -> Step:
    """
    A *new* factor is confirmed (None: it was not). The privilege changed: all sessions are new. What it replaces goes in the same
    step, so that the policy never finds the subject without.
    """
    session = record.session(enrollment.session)
    methods, replaces = enrollment.methods, enrollment.replaces
    first = not enrollment.session and may_begin(policy, record, scene=scene, methods=methods, risky=enrollment.risky)
    allowed = (
        first
        if session is None
        else may_add(policy, record, scene=scene, session=session, since=enrollment.issued, replaces=replaces)
    )
    if not opens(record, enrollment, scene.now) or not scene.active(record) or not allowed:
        return Step(No("ticket"), record)
    if not scene.proven:
        return Step(No("no verified address"), record)
    if isinstance(new, Push) and not policy.mfa.push.approved(record.factors, enrollment.id, scene.now):
        new = None  # denied meanwhile, or late
    if new is None or new.KIND not in policy.mfa.kinds:
        return Step(No("wrong code"), record)
    if first and PASSWORD in methods and change_due(policy, record, scene.now):
        return Step(No("the password must change first"), record)
    if enrollment.replaces:
        until = _held(record, enrollment.replaces, scene)
        if until:
            return Step(Held(until), record)
    factors = policy.mfa.add(record.factors, new, replaces=enrollment.replaces)
    if factors is None or (enrollment.replaces and _is_worse(policy, record.factors, factors, scene)):
        return Step(No("too many factors"), record)
    told = _told_added(record, scene, new, enrollment)
    after = evolve(record, factors=factors).with_epoch()
    if first:
        after, due, more = still_due(policy, after, scene, proven_last(methods, method_of(new)), risky=enrollment.risky)
        if due is not None:
            return Step(due, after, (*told, *more, *ended(record, scene)))
        told += more
    begun = dict.fromkeys(methods, enrollment.issued) if first else {}
    if session is None:
        session = Session(
            id=drawn.session, level=AssuranceLevel.AAL1, created=scene.now, authenticated=scene.now, name=scene.browser
        )
    elif enrollment.replaces:
        session = _relevelled(policy, session, factors, drawn)
    renewed = proved(policy, session, proven=begun | {method_of(new): scene.now}, scene=scene, drawn=drawn)
    return Step(Done(renewed), after.with_session(renewed), (*told, *ended(record, scene)))


def _told_added(record: Record, scene: Scene, new: Factor, enrollment: Enrollment) -> tuple[Effect, ...]:
    """What is said of a new factor, and of the one that it replaces."""
    head = scene.head()
    told: tuple[Effect, ...] = (events.FactorEnrolled(**head, factor=new.id, kind=new.KIND), Notice(MessagePurpose.FACTOR_ADDED))
    if enrollment.replaces:
        gone = record.factors.factor(enrollment.replaces)
        told += (events.FactorDropped(**head, factor=enrollment.replaces, kind="" if gone is None else gone.KIND),)
        told += (Notice(MessagePurpose.FACTOR_REMOVED),)
    return told


def may_set_up(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, replaces: str = "") -> bool:
    """Whether a session may begin to set a factor up."""
    session = found_session(policy, record, scene=scene, claims=claims)
    if isinstance(session, Ended):
        return False
    return may_add(policy, record, scene=scene, session=session, since=scene.now, replaces=replaces)


def may_add(policy: Policy, record: Record, *, scene: Scene, session: Session, since: datetime, replaces: str) -> bool:
    """
    Whether a session may set a factor up that it began with *since* then: by what it still proves, as a factor may have been
    reported meanwhile.

    Where the policy asks for what the subject never had, all that it has is enough, as at a sign-in: nobody else could ever set
    up the first. That is no leave to take another one off.
    """
    asked = Minted(active=since, generation=session.generation, turned=session.turned)
    if isinstance(policy.sessions.judge(session, token=asked, now=scene.now), Ended):
        return False
    demand = demand_of(policy, record, scene=scene, action=Action.CHANGE_FACTORS)
    shown = young(proofs_of(session), demand, since)
    if missing(policy, record, demand, shown) is None:
        return True
    if replaces or owed(policy, record, demand, shown):
        return False
    return is_complete(shown, policy.mfa.traits) if record.factors.live else PASSWORD in shown


def import_factor(policy: Policy, record: Record, *, scene: Scene, new: Factor, same: str, by: Admin, tell: bool) -> Step:
    """
    Take a token over for a subject that has no second factor, and *tell* its owner. *same* is the factor that was found to have
    this very secret. Nobody but its owner sets one up beside another: whoever does knows the secret.
    """
    if record.factors.live:
        found = record.factors.factor(same)
        return Step(No("has factor") if found is None else Done(), record)
    factors = policy.mfa.add(record.factors, new)
    if factors is None:
        return Step(No("too many factors"), record)
    event = events.FactorImported(**scene.head(), factor=new.id, kind=new.KIND, actor=by.actor)
    told = (Notice(MessagePurpose.FACTOR_ADDED),) if tell else ()
    return Step(Done(count=1), evolve(record, factors=factors), (event, *told))


def _is_worse(policy: Policy, before: Factors, after: Factors, scene: Scene) -> bool:
    """Whether the policy has what it asks for before, and not after."""
    return policy.mfa.suffices(before, groups=scene.groups) and not policy.mfa.suffices(after, groups=scene.groups)


def may_begin(policy: Policy, record: Record, *, scene: Scene, methods: tuple[str, ...], risky: bool = False) -> bool:
    """
    Whether a factor may be set up without a session: where there never was one, beside the password; and where the policy asks
    for one that the subject has not, once it proved all that it has.
    """
    if not record.factors.live:
        return True
    demand = demand_of(policy, record, scene=scene, action=Action.SIGN_IN, risky=risky)
    shown = frozenset(methods)
    if not is_complete(shown, policy.mfa.traits) or missing(policy, record, demand, shown) is None:
        return False
    setting_up = demand_of(policy, record, scene=scene, action=Action.CHANGE_FACTORS)
    return not owed(policy, record, demand, shown) and not owed(policy, record, setting_up, shown)


def _held(record: Record, factor_id: str, scene: Scene) -> datetime | None:
    """Until when a factor may not be taken off."""
    factor = record.factors.factor(factor_id)
    return held(record, since=scene.now if factor is None else factor.created, now=scene.now)


def remove_factor(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, factor_id: str, drawn: Drawn) -> Step:
    """Remove a factor; never below what the policy demands, also when two are removed at once."""
    session = guarded(policy, record, scene=scene, claims=claims)
    if session is None:
        return Step(No("session"), record)
    until = _held(record, factor_id, scene)
    if until:
        return Step(Held(until), record)
    gone = record.factors.factor(factor_id)
    factors = policy.mfa.remove(record.factors, factor_id, groups=scene.groups)
    if factors is None or gone is None:
        return Step(No("factor"), record)
    renewed = _relevelled(policy, session, factors, drawn)
    # Beside a factor the rules may have let the password be shorter: they judge it anew.
    accepted = record.accepted if factors.live else b""
    after = evolve(record, factors=factors, accepted=accepted).with_epoch().with_session(renewed)
    event = events.FactorDropped(**scene.head(), factor=factor_id, kind=gone.KIND)
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.FACTOR_REMOVED), *ended(record, scene)))


def _relevelled(policy: Policy, session: Session, factors: Factors, drawn: Drawn) -> Session:
    """The session under a new id, at the level of what it proved with factors that are still there."""
    left = {PASSWORD}
    if factors.live:
        left |= policy.mfa.provable(factors) | {Method.RECOVERY_CODE.value} | _touches(factors)
    proofs = tuple(one for one in session.proofs if one.method in left)
    level = min(session.level, policy.mfa.level(one.method for one in proofs))
    return evolve(session, id=drawn.session, level=level, proofs=proofs)


def _touches(factors: Factors) -> frozenset[str]:
    """What passkeys that verify their owner prove where they did not."""
    return frozenset(UNVERIFIED[Method(method_of(one))].value for one in factors.passkeys if one.verified and not one.reported)


def rename_factor(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, factor_id: str, name: str) -> Step:
    """Give a factor another name; a live session will do."""
    if not scene.active(record) or live_session(policy, record, claims, scene.now) is None:
        return Step(No("session"), record)
    factors = policy.mfa.rename(record.factors, factor_id, name)
    if factors is None:
        return Step(No("factor"), record)
    return Step(Done(), evolve(record, factors=factors), (events.FactorRelabelled(**scene.head(), factor=factor_id),))


def issue_codes(
    policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, sealed: bytes, total: int, drawn: Drawn
) -> Step:
    """Replace the recovery codes. They stand in for a factor, so there has to be one."""
    session = guarded(policy, record, scene=scene, claims=claims)
    if session is None or not record.factors.live:
        return Step(No("session"), record)
    codes = record.factors.recovery
    until = held(record, since=codes.since if codes else scene.now, now=scene.now)
    if until:
        return Step(Held(until), record)
    factors = policy.mfa.issue(record.factors, sealed=sealed, total=total, now=scene.now)
    renewed = evolve(session, id=drawn.session)
    after = evolve(record, factors=factors).with_epoch().with_session(renewed)
    event = events.RecoveryCodesIssued(**scene.head(), generation=factors.generation)
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.RECOVERY_CODES_ISSUED), *ended(record, scene)))
