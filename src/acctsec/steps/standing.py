"""What a session, or a flow under way, has proven, what is asked of it, and what is missing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from acctsec import events
from acctsec._values import Value, evolve
from acctsec.assurance import Method
from acctsec.claims import SessionClaims, Ticket
from acctsec.mfa.actions import Action, Demand
from acctsec.mfa.needs import ways
from acctsec.mfa.policy import Proven, method_of
from acctsec.outcomes import EndReason
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_PROOFS, SKEW, Proof, Record, Session
from acctsec.sessions import Ended, Minted
from acctsec.steps.effects import Effect, Notice, Step
from acctsec.steps.evidence import Compared, Drawn, FactorFound
from acctsec.steps.scene import Scene, dated, doubts, judge_session, opens, proven_last, spend
from acctsec.steps.verdicts import Granted, No, Stale

PASSWORD = Method.PASSWORD.value


class Lacking(Value, frozen=True, kw_only=True):
    """
    Not enough was proven. *ways* are the smallest sets of methods that would be, beside those of *methods*; there is none where
    nothing that the subject has would do. *demand* is what was asked for.
    """

    ways: tuple[frozenset[str], ...]
    methods: tuple[str, ...]
    demand: Demand


class Enough(Value, frozen=True):
    """Everything is proven; the *session* stands. *until* then, if nothing more is proven; None where proofs do not age."""

    session: Session
    until: datetime | None = None


def demand_of(
    policy: Policy, record: Record, *, scene: Scene, action: str, risky: bool = False, fresh: timedelta | None = None
) -> Demand:
    """
    What an action asks of this subject: what the policy says, and, where a second factor guards the subject, that factor. It is
    worked out from the factors of this moment, never from what was once true. *fresh* is how old a proof may be where no
    rule says it; without it, `SessionPolicy.fresh` is.
    """
    guarded, fresh = record.factors.live, fresh or policy.sessions.fresh
    if action == Action.REPORT_FACTOR and record.verifier is None:
        action = Action.CHANGE_FACTORS  # there is no password to ask for
    return policy.mfa.demand(action, groups=scene.groups, fresh=fresh, risky=risky, guarded=guarded)


def shown_by(session: Session, demand: Demand, scene: Scene) -> frozenset[str]:
    """The methods that a session proved recently enough."""
    return young(proofs_of(session), demand, scene.now)


def proofs_of(session: Session) -> dict[str, datetime]:
    """When a session proved what."""
    return {one.method: one.at for one in session.proofs}


def young(proven: Mapping[str, datetime], demand: Demand, now: datetime) -> frozenset[str]:
    """
    Those of the proofs that count now: none that is too old for what is demanded, and none from the future, but for the minute
    that the clocks of two nodes may be apart.
    """
    return frozenset(method for method, at in proven.items() if at <= now + SKEW and now < _ends(at, demand))


def _ends(at: datetime, demand: Demand) -> datetime:
    """From when on a proof is too old. It is dated by its second, so it may end up to one before its time, and never after."""
    return datetime.max.replace(tzinfo=UTC) if demand.max_age is None else at + demand.max_age


def missing(policy: Policy, record: Record, demand: Demand, methods: frozenset[str]) -> tuple[frozenset[str], ...] | None:
    """
    The smallest sets of methods that the subject still has to prove, or None where nothing is missing: *methods* were proven
    recently enough.
    """
    traits = policy.mfa.traits
    methods -= {Method.REMEMBERED.value}  # a browser proves nobody
    if methods and (demand.needs is None or demand.needs.met(methods, traits)):
        return None
    can = set(policy.mfa.provable(record.factors))
    if record.verifier is not None:
        can.add(PASSWORD)
    if demand.needs is None:
        return tuple(frozenset({one}) for one in sorted(can))
    return ways(demand.needs, have=methods, can=can, traits=traits)


def owed(policy: Policy, record: Record, demand: Demand, methods: frozenset[str]) -> tuple[frozenset[str], ...]:
    """
    What is missing of a demand that the subject has, or had before it was reported; none where it never had anything that would
    do. A factor is reported by a session and the password: that must not make room for another in its place.
    """
    left = missing(policy, record, demand, methods)
    if left or left is None or demand.needs is None:
        return left or ()
    had = {PASSWORD, *policy.mfa.provable(record.factors), *map(method_of, record.factors.every)}
    return ways(demand.needs, have=methods, can=had, traits=policy.mfa.traits)


def standing(
    policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, action: str, risky: bool = False
) -> Enough | Lacking | Ended:
    """Whether a session may do this, and what it has to prove before it may."""
    session = found_session(policy, record, scene=scene, claims=claims)
    if isinstance(session, Ended):
        return session
    demand = demand_of(policy, record, scene=scene, action=action, risky=risky)
    methods = shown_by(session, demand, scene)
    left = missing(policy, record, demand, methods)
    if left is None:
        return Enough(session, _until(policy, record, session, demand, scene.now))
    return Lacking(ways=left, methods=(), demand=demand)


def _until(policy: Policy, record: Record, session: Session, demand: Demand, now: datetime) -> datetime | None:
    """The instant from which on what is proven now is not enough; None where proofs do not age."""
    if demand.max_age is None:
        return None
    proven = proofs_of(session)
    for end in sorted({_ends(at, demand) for at in proven.values()}):
        if now < end and missing(policy, record, demand, young(proven, demand, end)) is not None:
            return end
    return None


def found_session(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims) -> Session | Ended:
    """The session that a token stands for, where its subject may be granted anything."""
    if not scene.active(record):
        return Ended(EndReason.DISABLED)
    judged = judge_session(policy, record, claims, scene.now)
    return judged if isinstance(judged, Ended) else judged.session


def guarded(
    policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, action: str = Action.CHANGE_FACTORS
) -> Session | None:
    """The session, if it may change a credential: live, and with all that the action asks for proven recently."""
    found = standing(policy, record, scene=scene, claims=claims, action=action)
    return found.session if isinstance(found, Enough) else None


def step_up(policy: Policy, record: Record, *, scene: Scene, ticket: Ticket, found: FactorFound | Compared, drawn: Drawn) -> Step:
    """
    One more proof was given for a session: *found* is what an answer fits, or a password that was compared and is right. Enough,
    and the session goes on under a new id, with what it proved; else what is still missing.
    """
    session = record.session(ticket.session)
    if session is None or not opens(record, ticket, scene.now) or not scene.active(record):
        return Step(No("ticket"), record)
    asked = Minted(active=ticket.issued, generation=session.generation, turned=session.turned)
    if isinstance(policy.sessions.judge(session, token=asked, now=scene.now), Ended):
        return Step(No("session"), record)
    factors, method = record.factors, PASSWORD
    if isinstance(found, Compared):
        born = None if record.verifier is None else record.verifier.born
        if not found.matched:
            return Step(No("wrong password"), record)
        if (record.incarnation, born) != (found.incarnation, found.born):
            return Step(Stale(), record)
    else:
        proven = policy.mfa.prove(record.factors, found.match)
        if not isinstance(proven, Proven):
            return Step(No(proven.reason), record, doubts(scene, found.match, proven))
        factors, method = proven.factors.resealed(found.anew), proven.method
    after = spend(evolve(record, factors=factors), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    methods, gathered = proven_last(ticket.methods, method), dated(ticket) | {method: scene.now}
    demand = demand_of(policy, after, scene=scene, action=ticket.action, risky=ticket.risky)
    enough = shown_by(session, demand, scene) | young(gathered, demand, scene.now)
    left = missing(policy, after, demand, enough)
    told: tuple[Effect, ...] = (events.FactorAccepted(**scene.head(), method=method),)
    if not isinstance(found, Compared):
        told += doubts(scene, found.match, proven)
    if method == Method.RECOVERY_CODE:
        told += (Notice(MessagePurpose.RECOVERY_CODE_USED),)
    if left is not None:
        return Step(Lacking(ways=left, methods=methods, demand=demand), after, told)
    keep = _least(policy, demand, enough)
    renewed = proved(policy, session, proven=gathered, scene=scene, drawn=drawn, keep=keep)
    sessions = tuple(renewed if one.id == session.id else one for one in after.sessions)
    stepped = events.SteppedUp(
        **scene.head(), session=renewed.id.hex(), level=renewed.level, methods=methods, action=ticket.action
    )
    return Step(Granted(renewed, None), evolve(after, sessions=sessions), (*told, stepped))


def _least(policy: Policy, demand: Demand, methods: frozenset[str]) -> frozenset[str]:
    """The fewest of the methods that are enough."""
    if demand.needs is None:
        return frozenset()
    return next(iter(ways(demand.needs, have=(), can=methods, traits=policy.mfa.traits)), frozenset())


def proved(
    policy: Policy,
    session: Session,
    *,
    proven: Mapping[str, datetime],
    scene: Scene,
    drawn: Drawn,
    keep: frozenset[str] = frozenset(),
) -> Session:
    """
    A session with more proven, under a new id: whoever had the old token has nothing. Past the cap the oldest proof is dropped
    that is none to *keep*; the level of a session only rises. One that rises begins anew: a higher level has shorter limits, and
    they run from its own proof.
    """
    older = [one for one in session.proofs if one.method not in proven or one.at > proven[one.method]]
    newer = [Proof.of(method, at) for method, at in proven.items() if all(one.method != method for one in older)]
    proofs = tuple(sorted((*older, *newer), key=lambda one: (one.method in keep, one.at))[-MAX_PROOFS:])
    level = max(session.level, policy.mfa.level(one.method for one in proofs))
    created = scene.now if level > session.level else session.created
    return evolve(session, id=drawn.session, level=level, created=created, authenticated=scene.now, proofs=proofs)
