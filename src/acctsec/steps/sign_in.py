"""Signing in: a compared password, a proven factor, a passkey, and the session that comes of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from acctsec import events
from acctsec._values import evolve
from acctsec.assurance import Method, is_complete
from acctsec.claims import PasskeyClaims, Ticket
from acctsec.events import Event
from acctsec.lockout import Lane, SecretClass
from acctsec.mfa.actions import Action
from acctsec.mfa.passkeys import PasskeyMatch
from acctsec.mfa.policy import Proven
from acctsec.outcomes import ChangeReason, EndReason
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_PROOFS, SKEW, Change, Device, Proof, Record, Session
from acctsec.steps.changes import dropped, waiting_recoveries
from acctsec.steps.effects import Notice, Step
from acctsec.steps.evidence import Compared, Drawn, FactorFound, Judged, NewVerifier, Visit, Weighed
from acctsec.steps.scene import Scene, change_due, dated, demanded, doubts, lapsed, opens, proven_last, puzzle_due, spend
from acctsec.steps.standing import demand_of, missing, owed
from acctsec.steps.verdicts import Done, Granted, NeedsChange, NeedsEnrollment, NeedsFactor, NeedsPuzzle, No, Stale


def sign_in(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    compared: Compared,
    lane: Lane,
    drawn: Drawn,
    renewed: NewVerifier | None,
    leaked: bool = False,
    judged: Judged | None = None,
    likeliest: float = 1.0,
    visit: Visit | None = None,
    weighed: Weighed | None = None,
) -> Step:
    """
    A password was compared: grant, or say what else is due. The level is computed from live factors, here and now.

    *leaked*: this very password was found in a breach corpus, and has to be changed from now on. *judged*: what the rules of
    today say of it, where others accepted it. *likeliest*: no more than this share of accounts is thought to have it. What was
    *weighed* can only ask for a puzzle before everything else; nothing is learned of a *visit* before all is proven.
    """
    born = None if record.verifier is None else record.verifier.born
    if (record.incarnation, born) != (compared.incarnation, compared.born):
        return Step(Stale(), record)
    if not compared.matched:
        return Step(No("wrong password" if born is not None else "no password"), record)
    if not scene.active(record):
        return Step(No("disabled"), record)
    if lapsed(policy, record, scene.now):
        return Step(No("lapsed"), record)
    if record.contest:
        return Step(No("contested"), record)
    after = _renew(record, renewed)
    rehashed = after is not record
    after = _looked_at(after, likeliest)
    renewal = (events.VerifierRenewed(**scene.head()),) if rehashed else ()
    after, effects = _judged(policy, after, scene, judged)
    if leaked and not demanded(after, scene.now):
        after = evolve(after, change=ChangeReason.BREACHED, change_by=None)
        effects += (events.ChangeDemanded(**scene.head(), actor="", reason=ChangeReason.BREACHED),)
    risk = () if weighed is None else (weighed.told(scene),)
    if weighed is not None and not weighed.solved and puzzle_due(after, weighed.assessment):
        return Step(NeedsPuzzle(), after, (*risk, *renewal, *effects))
    risky = weighed is not None and weighed.assessment.extra > 0
    methods: tuple[str, ...] = ("password",)
    due, told = None, tuple[Event | Notice, ...]()
    if _is_let_in(policy, after, scene, lane, risky=risky):
        methods += (Method.REMEMBERED.value,)
    else:
        after, due, told = still_due(policy, after, scene, methods, risky=risky)
    effects += told
    if due is None:
        step = _grant(
            policy,
            after,
            scene=scene,
            lane=lane,
            drawn=drawn,
            proven=dict.fromkeys(methods, scene.now),
            rehashed=rehashed,
            visit=visit,
        )
        return evolve(step, effects=(*risk, *effects, *step.effects))
    return Step(due, after, (*risk, *renewal, *effects))


def find_leaked(record: Record, *, scene: Scene, compared: Compared) -> Step:
    """A password that was compared earlier turned out to have leaked: it must change, if it is still the subject's."""
    born = None if record.verifier is None else record.verifier.born
    if (record.incarnation, born) != (compared.incarnation, compared.born) or demanded(record, scene.now):
        return Step(Done(), record)
    event = events.ChangeDemanded(**scene.head(), actor="", reason=ChangeReason.BREACHED)
    return Step(Done(), evolve(record, change=ChangeReason.BREACHED, change_by=None), (event,))


def _is_let_in(policy: Policy, record: Record, scene: Scene, lane: Lane, *, risky: bool) -> bool:
    """
    Whether a remembered browser stands in for the factor of its subject. It proves nothing: where anything else is due, or the
    request is a strange one, the factor is asked for first.
    """
    device = record.device(lane.device)
    if risky or device is None or not record.factors.usable:
        return False
    if not policy.mfa.is_remembered(device, groups=scene.groups, now=scene.now) or change_due(policy, record, scene.now):
        return False
    return policy.mfa.lets_in(policy.mfa.demand(Action.SIGN_IN, groups=scene.groups, fresh=policy.sessions.fresh).needs)


def still_due(
    policy: Policy, record: Record, scene: Scene, methods: tuple[str, ...], *, risky: bool = False
) -> tuple[Record, NeedsFactor | NeedsChange | NeedsEnrollment | None, tuple[Event | Notice, ...]]:
    """
    What is due after these methods, or None where they are enough; with the record, which remembers until when it may be put off
    to set a factor up.
    """
    demand = demand_of(policy, record, scene=scene, action=Action.SIGN_IN, risky=risky)
    shown = frozenset(methods)
    left = missing(policy, record, demand, shown)
    if left or (left is not None and record.factors.live and not is_complete(methods, policy.mfa.traits)):
        return record, NeedsFactor(methods, left, risky), ()
    reason = change_due(policy, record, scene.now) if "password" in methods else None
    if reason:
        # A rule about changes of password is one about this change as well.
        left = owed(policy, record, demand_of(policy, record, scene=scene, action=Action.CHANGE_PASSWORD), shown)
        return record, NeedsFactor(methods, left, risky) if left else NeedsChange(reason, methods), ()
    if left is None:
        return record, None, ()
    setting_up = demand_of(policy, record, scene=scene, action=Action.CHANGE_FACTORS)
    left = owed(policy, record, demand, shown) or owed(policy, record, setting_up, shown)
    if left:
        return record, NeedsFactor(methods, left, risky), ()
    usual = demand_of(policy, record, scene=scene, action=Action.SIGN_IN)
    # What is asked of strange requests alone is asked now: time is for those who are asked every time.
    if policy.mfa.grace is None or missing(policy, record, usual, shown) is None:
        return record, NeedsEnrollment(methods, risky), ()
    record, told = _told_to_enroll(record, scene, until=scene.now + policy.mfa.grace)
    late = record.enroll_by is None or record.enroll_by <= scene.now
    return record, NeedsEnrollment(methods, risky) if late else None, told


def _told_to_enroll(record: Record, scene: Scene, *, until: datetime) -> tuple[Record, tuple[Event | Notice, ...]]:
    """
    Let the record know *until* when a factor may be set up, and its owner. The day is set once: it comes nearer, where the policy
    gives less time than it did or a clock that was ahead had set it, and never moves away.
    """
    if record.enroll_by is not None and record.enroll_by <= until + SKEW:
        return record, ()
    # The password is all there is until then: rules that let it be shorter beside a factor judge it anew.
    accepted = record.accepted if record.factors.live else b""
    event = events.EnrollmentDemanded(**scene.head(), due=until)
    notice = Notice(MessagePurpose.ENROLLMENT_DUE, until=until)
    return evolve(record, enroll_by=until, accepted=accepted), (event, notice)


def prove_factor(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    ticket: Ticket,
    found: FactorFound,
    lane: Lane,
    drawn: Drawn,
    visit: Visit | None = None,
    remember: bool = False,
) -> Step:
    """
    A factor was answered for a sign-in: mark it used, spend the ticket, grant. *remember*: the owner wants no factor asked for in
    this browser for a while.
    """
    if not opens(record, ticket, scene.now) or not scene.active(record):
        return Step(No("ticket"), record)
    proven = policy.mfa.prove(record.factors, found.match)
    if not isinstance(proven, Proven):
        return Step(No(proven.reason), record, doubts(scene, found.match, proven))
    after = spend(evolve(record, factors=proven.factors.resealed(found.anew)), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    methods = proven_last(ticket.methods, proven.method)
    used = (Notice(MessagePurpose.RECOVERY_CODE_USED),) if proven.method == "recovery-code" else ()
    after, due, told = still_due(policy, after, scene, methods, risky=ticket.risky)
    told += doubts(scene, found.match, proven)
    if due is not None:
        event = events.FactorAccepted(**scene.head(), method=proven.method)
        return Step(due, after.without_checkpoint(lane.name(SecretClass.FACTOR)), (event, *told, *used))
    until = None
    # A printed code stands in for a factor that is not at hand: no reason to ask for it less often.
    if remember and not ticket.risky and policy.mfa.remembers(scene.groups) and Method.RECOVERY_CODE not in methods:
        until = scene.now + (policy.mfa.remember or timedelta(0))
    when = dated(ticket) | {proven.method: scene.now}
    step = _grant(policy, after, scene=scene, lane=lane, drawn=drawn, proven=when, rehashed=False, visit=visit, remembered=until)
    return evolve(step, effects=(*told, *step.effects, *used))


def sign_in_by_passkey(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    ticket: PasskeyClaims,
    match: PasskeyMatch,
    lane: Lane,
    drawn: Drawn,
    visit: Visit | None = None,
    weighed: Weighed | None = None,
) -> Step:
    """
    A passkey signed for a sign-in that nobody had named himself for: mark it used, spend the ticket, grant, or say what else the
    rules ask. It clears no lane: what was guessed of the password stays guessed. A password has no say here, nor has its age.
    """
    if not scene.active(record):
        return Step(No("disabled"), record)
    if record.contest:
        return Step(No("contested"), record)
    if any(spent.id == ticket.id for spent in record.spent):
        return Step(No("ticket"), record)
    proven = policy.mfa.prove(record.factors, match)
    if not isinstance(proven, Proven):
        return Step(No(proven.reason), record, doubts(scene, match, proven))
    if not is_complete((proven.method,), policy.mfa.traits):
        return Step(No("passkey: not-verified"), record)
    after = spend(evolve(record, factors=proven.factors), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    risky = weighed is not None and weighed.assessment.extra > 0
    after, due, told = still_due(policy, after, scene, (proven.method,), risky=risky)
    told = (*(() if weighed is None else (weighed.told(scene),)), *doubts(scene, match, proven), *told)
    if isinstance(due, NeedsFactor) and not any(way and "password" not in way for way in due.ways):
        return Step(No("the password is due as well"), record)  # who has to show both begins with it
    if due is not None:
        return Step(due, after, (events.FactorAccepted(**scene.head(), method=proven.method), *told))
    step = _grant(
        policy, after, scene=scene, lane=lane, drawn=drawn, proven={proven.method: scene.now}, rehashed=False, visit=visit
    )
    return evolve(step, effects=(*told, *step.effects))


def _renew(record: Record, renewed: NewVerifier | None) -> Record:
    """Put a renewed hash in place of the very one it was made from; a newer one is never overwritten."""
    if renewed is None or record.verifier is None or record.verifier.sealed != renewed.replaces:
        return record
    return evolve(record, verifier=evolve(record.verifier, sealed=renewed.sealed, preparation=renewed.preparation))


def _looked_at(record: Record, likeliest: float) -> Record:
    """Remember how likely a password is at most, where that is news: from now on the hit count holds for it."""
    verifier = record.verifier
    if verifier is None or likeliest >= verifier.likeliest:
        return record
    return evolve(record, verifier=evolve(verifier, likeliest=likeliest))


def _judged(policy: Policy, record: Record, scene: Scene, judged: Judged | None) -> tuple[Record, tuple[Event | Notice, ...]]:
    """
    Remember what the rules of today say of a password. Refused, it may stay until a day that is set once; accepted, it may stay
    for good, and the record knows by which rules.
    """
    if judged is None:
        return record, ()
    if judged.accepted:
        waived = () if record.deadline is None else (events.ChangeWaived(**scene.head()),)
        return evolve(record, accepted=judged.policy, deadline=None), waived
    grace = policy.password.grace
    if grace is None or record.deadline is not None:
        return record, ()
    due = scene.now + grace
    event = events.ChangeDemanded(**scene.head(), actor="", reason=ChangeReason.POLICY, due=due)
    return evolve(record, deadline=due), (event,)


def _grant(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    lane: Lane,
    drawn: Drawn,
    proven: Mapping[str, datetime],
    rehashed: bool,
    visit: Visit | None,
    remembered: datetime | None = None,
) -> Step:
    """The one place where a session comes from. A browser stays *remembered* as long as it was, unless that is said anew."""
    now, known = scene.now, record.device(lane.device)
    methods = tuple(proven)
    level = policy.mfa.level(methods)
    proofs = tuple(Proof.of(method, at) for method, at in proven.items())[-MAX_PROOFS:]
    session = Session(id=drawn.session, level=level, created=now, authenticated=now, proofs=proofs, name=scene.browser)
    # One that was forgotten while its sign-in was under way stays so: the browser gets the token of a new one.
    device = Device(
        id=known.id if known else drawn.device, since=now, remembered=remembered or (known.remembered if known else None)
    )
    networks = policy.lockout.seen(record.networks, network=scene.network, fresh=drawn.network, now=now)
    kept, displaced = policy.sessions.room(record.sessions, now)
    after = evolve(record, sessions=kept, networks=networks)
    # A passkey that came first says nothing of who guessed at the password, nor was a factor guessed then.
    cleared = {SecretClass.PASSWORD: "password" in proven, SecretClass.FACTOR: "password" in proven or len(proven) > 1}
    for kind in (kind for kind, clears in cleared.items() if clears):
        after = after.without_checkpoint(lane.name(kind))
    # The lane first: one that its owner opened gives its room back to the devices, before there is one more of them.
    after = after.with_session(session).with_device(device)
    if visit is not None:
        after = visit.learned(after)
    needless = dropped(after, _needless(policy, record, lane, methods), scene=scene, by="sign-in")
    after = needless.record
    event = events.SignedInEvent(
        **scene.head(),
        session=session.id.hex(),
        level=level,
        methods=methods,
        known_device=lane.known,
        rehashed=rehashed,
    )
    ends = (events.SessionClosed(**scene.head(), session=one.id.hex(), reason=EndReason.DISPLACED) for one in displaced)
    return Step(Granted(session, device), after, (event, *ends, *needless.effects))


def _needless(policy: Policy, record: Record, lane: Lane, methods: tuple[str, ...]) -> list[Change]:
    """
    The recoveries that an owner does without who signs in fully. Without a second factor he is the owner on a device that was
    seen before one of them was asked for: a thief who has the password would make himself known by signing in twice.
    """
    complete = is_complete(methods, policy.mfa.traits)
    if record.factors.live and not complete:
        return []
    device = record.device(lane.device)
    known = {one.id for one in record.changes if device is not None and device.since + SKEW < one.asked}
    return [one for one in waiting_recoveries(record) if complete or one.id in known]
