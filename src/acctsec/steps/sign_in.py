"""Signing in: a compared password, a proven factor, and the guesses counted on the way."""

from attrs import evolve

from acctsec import events
from acctsec.claims import Ticket
from acctsec.lockout import Lane, SecretClass
from acctsec.mfa.policy import FactorMatch, Proven
from acctsec.outcomes import AssuranceLevel
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Device, Record, Session
from acctsec.steps.scene import (
    Compared,
    Done,
    Drawn,
    Granted,
    NeedsChange,
    NeedsEnrollment,
    NeedsFactor,
    NewVerifier,
    No,
    Notice,
    Scene,
    Stale,
    Step,
    opens,
    spend,
)


def sign_in(
    policy: Policy, record: Record, *, scene: Scene, compared: Compared, lane: Lane, drawn: Drawn, renewed: NewVerifier | None
) -> Step:
    """A password was compared: grant, or say what else is due. The level is computed from live factors, here and now."""
    born = None if record.verifier is None else record.verifier.born
    if born != compared.born:
        return Step(Stale(), record)
    if not compared.matched:
        return Step(No("wrong password" if born is not None else "no password"), record)
    if not scene.active(record):
        return Step(No("disabled"), record)
    after = _renew(record, renewed)
    effects = (events.VerifierRenewed(**scene.head()),) if after is not record else ()
    if after.factors.live:
        return Step(NeedsFactor(("password",)), after, effects)
    if after.change:
        return Step(NeedsChange(after.change), after, effects)
    if policy.mfa.requires(scene.groups):
        return Step(NeedsEnrollment(), after, effects)
    return _grant(policy, after, scene=scene, lane=lane, drawn=drawn, methods=("password",), rehashed=after is not record)


def prove_factor(
    policy: Policy, record: Record, *, scene: Scene, ticket: Ticket, match: FactorMatch | None, lane: Lane, drawn: Drawn
) -> Step:
    """A factor was answered for a sign-in: mark it used, spend the ticket, grant."""
    if not opens(record, ticket, scene.now) or not scene.active(record):
        return Step(No("ticket"), record)
    proven = policy.mfa.prove(record.factors, match)
    if not isinstance(proven, Proven):
        return Step(No("wrong code"), record)
    after = spend(evolve(record, factors=proven.factors), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    methods = (*ticket.methods, proven.method)
    used = (Notice(MessagePurpose.RECOVERY_CODE_USED),) if proven.method == "recovery-code" else ()
    if after.change:
        event = events.FactorAccepted(**scene.head(), method=proven.method)
        return Step(NeedsChange(after.change), after, (event, *used))
    step = _grant(policy, after, scene=scene, lane=lane, drawn=drawn, methods=methods, rehashed=False)
    return evolve(step, effects=(*step.effects, *used))


def _renew(record: Record, renewed: NewVerifier | None) -> Record:
    """Put a renewed hash in place of the very one it was made from; a newer one is never overwritten."""
    if renewed is None or record.verifier is None or record.verifier.sealed != renewed.replaces:
        return record
    return evolve(record, verifier=evolve(record.verifier, sealed=renewed.sealed, preparation=renewed.preparation))


def _grant(
    policy: Policy, record: Record, *, scene: Scene, lane: Lane, drawn: Drawn, methods: tuple[str, ...], rehashed: bool
) -> Step:
    """The one place where a session comes from."""
    now = scene.now
    level = AssuranceLevel.AAL2 if len(methods) > 1 else AssuranceLevel.AAL1
    session = Session(id=drawn.session, level=level, created=now, authenticated=now)
    device = Device(id=lane.device or drawn.device, since=now)
    after = evolve(record, sessions=policy.sessions.alive(record.sessions, now)).with_session(session).with_device(device)
    for kind in (SecretClass.PASSWORD, SecretClass.FACTOR):
        after = after.without_checkpoint(lane.name(kind))
    event = events.SignedInEvent(
        **scene.head(),
        session=session.id.hex(),
        level=level,
        methods=methods,
        known_device=lane.known,
        rehashed=rehashed,
    )
    return Step(Granted(session, device), after, (event,))


def count_guess(policy: Policy, record: Record, *, scene: Scene, kind: SecretClass, lane: Lane, ordinal: int) -> Step:
    """Write down how far a lane has come, before its secret is looked at; nothing when the record knows already."""
    name = lane.name(kind)
    rung = policy.lockout.rung(kind, lane, record.checkpoint(name), ordinal)
    if rung is None:
        return Step(Done(), record)
    after = evolve(record, checkpoints=policy.lockout.counted(record.checkpoints, name, ordinal))
    event = events.GuessesCounted(**scene.head(), lane=name, count=ordinal, rung=rung)
    notice = (Notice(MessagePurpose.GUESSING_STOPPED),) if rung == "stopped" else ()
    return Step(Done(), after, (event, *notice))
