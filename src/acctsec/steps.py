"""
Steps: where the families meet, still pure.

A step takes the policy, the record and the evidence, and returns the verdict, the next record and the effects. It is
repeated when a commit loses the race; what was compared or hashed is not.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve, frozen

from acctsec import events
from acctsec.claims import Admin, Enrollment, SessionClaims, Ticket
from acctsec.events import Event
from acctsec.lockout import Lane, SecretClass
from acctsec.mfa.policy import FactorMatch, Proven, TotpMatch
from acctsec.outcomes import AssuranceLevel, ChangeReason
from acctsec.policy import Policy
from acctsec.protocols import Account, MessagePurpose, Status
from acctsec.record import MAX_SPENT, Device, Record, Reset, Session, Spent, Totp
from acctsec.reset import Dead, Redeemable
from acctsec.sessions import Live

MAIL = frozenset({"link", "code"})


@frozen(kw_only=True)
class Scene:
    """Who and when: the facts that every step of an operation shares."""

    tenant: str
    subject: str
    account: Account | None
    now: datetime
    source: str = ""

    @property
    def groups(self) -> frozenset[str]:
        """The groups of the account."""
        return self.account.groups if self.account else frozenset()

    def active(self, record: Record) -> bool:
        """Whether the subject may be granted anything: neither side has disabled it."""
        return self.account is not None and self.account.status is Status.ACTIVE and not record.disabled

    def head(self) -> dict[str, Any]:
        """What every event begins with."""
        return {"tenant": self.tenant, "subject": self.subject, "at": self.now, "source": self.source}


@frozen
class Notice:
    """An effect: tell all verified addresses."""

    purpose: MessagePurpose


@frozen
class Step:
    """What a step brings about."""

    verdict: object
    record: Record
    effects: tuple[Event | Notice, ...] = ()


# --- evidence ---------------------------------------------------------------------------------------------------------


@frozen
class Compared:
    """A password was compared with the verifier born at that epoch (None: there was none, a decoy was compared)."""

    born: int | None
    matched: bool


@frozen
class NewVerifier:
    """A password was hashed and sealed; *replaces* names the sealed verifier it renews, where it does."""

    sealed: bytes
    preparation: int
    replaces: bytes | None = None


@frozen
class Drawn:
    """Random ids of one operation, drawn before the commit loop."""

    session: bytes
    device: bytes


# --- verdicts ---------------------------------------------------------------------------------------------------------


@frozen
class Granted:
    """All is proven."""

    session: Session
    device: Device


@frozen
class NeedsFactor:
    """A second factor is due; *methods* is what is proven so far."""

    methods: tuple[str, ...]


@frozen
class NeedsChange:
    """The password must change first."""

    reason: ChangeReason


@frozen
class NeedsEnrollment:
    """A factor must be set up first."""


@frozen
class Changed:
    """The password is changed."""

    device: Device | None


@frozen
class FactorProven:
    """A factor is proven for a reset."""

    methods: tuple[str, ...]


@frozen
class Done:
    """The change is made; *session* replaces the one that asked, where there is one."""

    session: Session | None = None
    count: int = 0


@frozen
class No:
    """Refused; *reason* is for operators alone."""

    reason: str


@frozen
class Stale:
    """The evidence was made against a verifier that is no longer there."""


# --- sign-in ----------------------------------------------------------------------------------------------------------


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


# --- tickets ----------------------------------------------------------------------------------------------------------


def opens(record: Record, ticket: Ticket | Enrollment, now: datetime) -> bool:
    """Whether a ticket is of this incarnation and epoch, in time, and not spent."""
    return (
        record.incarnation == ticket.incarnation
        and record.epoch == ticket.epoch
        and now < ticket.expires
        and all(spent.id != ticket.id for spent in record.spent)
    )


def spend(record: Record, ticket: Ticket, now: datetime) -> Record | None:
    """Remember that a ticket did its work; None when there is no room left to remember, which fails closed."""
    alive = tuple(spent for spent in record.spent if now < spent.expires)
    if len(alive) >= MAX_SPENT:
        return None
    return evolve(record, spent=(*alive, Spent(id=ticket.id, expires=ticket.expires)))


# --- guesses ----------------------------------------------------------------------------------------------------------


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


# --- passwords --------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class ChangeProof:
    """What a change of password rests on: how it is called in the event, and what the step has to find true."""

    by: str
    actor: str = ""
    compared: Compared | None = None
    session: SessionClaims | None = None
    fresh: bool = False
    ticket: Ticket | None = None
    initial: bool = False


def change_password(policy: Policy, record: Record, *, scene: Scene, proof: ChangeProof, new: NewVerifier, device: bytes) -> Step:
    """Set a password on a claim, every part of which is checked against this very record."""
    if proof.compared and (record.verifier is None or record.verifier.born != proof.compared.born):
        return Step(Stale(), record)
    refusal = change_refusal(policy, record, scene=scene, proof=proof)
    if refusal:
        return Step(No(refusal), record)
    after = record.with_verifier(
        sealed=new.sealed, preparation=new.preparation, now=scene.now, keep=policy.password.history
    )
    browser = None if proof.actor or proof.initial else Device(id=device, since=scene.now)
    if proof.actor:
        after = evolve(after, change=ChangeReason.SET_BY_ADMINISTRATOR)
    if browser:
        after = after.with_device(browser)
    event = events.PasswordSet(**scene.head(), by=proof.by, actor=proof.actor)
    notice = () if proof.initial else (Notice(MessagePurpose.PASSWORD_CHANGED),)
    return Step(Changed(browser), after, (event, *notice))


def change_refusal(policy: Policy, record: Record, *, scene: Scene, proof: ChangeProof) -> str | None:
    """Why a claim does not carry a change of password, or None where it does."""
    if not scene.active(record):
        return "disabled"
    if proof.initial:
        return None if record.verifier is None else "has a password"
    if proof.actor:
        return None
    if proof.compared and not proof.compared.matched:
        return "wrong password"
    if proof.ticket:
        return None if opens(record, proof.ticket, scene.now) and record.change else "ticket"
    guarded = record.factors.live
    if proof.session is None:
        return "a factor guards this" if guarded else None
    needs = AssuranceLevel.AAL2 if guarded else AssuranceLevel.AAL1
    session = live_session(policy, record, proof.session, scene.now)
    if session is None or session.level < needs:
        return "session"
    if proof.fresh and not policy.sessions.is_fresh(session, needs=needs, now=scene.now):
        return "stale session"
    return None


def live_session(policy: Policy, record: Record, claims: SessionClaims, now: datetime) -> Session | None:
    """The session a token stands for, or None."""
    if record.incarnation != claims.incarnation or record.epoch != claims.epoch or record.disabled:
        return None
    judged = policy.sessions.judge(record.session(claims.id), active=claims.active, now=now)
    return judged.session if isinstance(judged, Live) else None


# --- resets -----------------------------------------------------------------------------------------------------------


def issue_reset(policy: Policy, record: Record, *, scene: Scene, reset: Reset) -> Step:
    """Make a reset live. It is bound to the epoch of this very record."""
    if not scene.active(record):
        return Step(No("disabled"), record)
    reset = evolve(reset, epoch=record.epoch)
    live = policy.reset.issue(record.resets, reset, epoch=record.epoch, now=scene.now)
    if live is None:
        return Step(No("too many live resets"), record)
    event = events.ResetIssued(**scene.head(), reset=reset.id.hex(), expires=reset.expires)
    return Step(Done(), evolve(record, resets=live), (event,))


def enough(record: Record, methods: Sequence[str]) -> bool:
    """
    Whether these proofs carry a reset: mail alone where there is no factor, otherwise two different kinds of proof
    (SP 800-63B-4 section 4.2.2).
    """
    kinds = {"mail" if method in MAIL else method for method in methods}
    return len(kinds) >= 2 if record.factors.live else "mail" in kinds


def prove_for_reset(policy: Policy, record: Record, *, scene: Scene, ticket: Ticket, match: FactorMatch | None) -> Step:
    """A factor was answered for a reset: mark it used. The reset itself stays as it was."""
    found = not ticket.reset or isinstance(find_reset(policy, record, ticket.reset, scene.now), Redeemable)
    if not found or not opens(record, ticket, scene.now) or not scene.active(record):
        return Step(No("ticket"), record)
    proven = policy.mfa.prove(record.factors, match)
    if not isinstance(proven, Proven):
        return Step(No("wrong code"), record)
    after = spend(evolve(record, factors=proven.factors), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    event = events.FactorAccepted(**scene.head(), method=proven.method, reset=ticket.reset.hex())
    used = (Notice(MessagePurpose.RECOVERY_CODE_USED),) if proven.method == "recovery-code" else ()
    return Step(FactorProven((*ticket.methods, proven.method)), after, (event, *used))


def find_reset(policy: Policy, record: Record, reset: bytes, now: datetime) -> Redeemable | Dead:
    """The live reset of that id."""
    return policy.reset.resume(record.resets, reset=reset, epoch=record.epoch, now=now)


def redeem(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    reset: bytes,
    ticket: Ticket | None,
    methods: tuple[str, ...],
    new: NewVerifier,
    device: bytes,
) -> Step:
    """
    Change the password on a proven reset. Gone with it: the reset and its siblings, every session, ticket and device of
    before, and what was counted against the account. It never signs in, and takes no factor away.
    """
    refusal = redeem_refusal(policy, record, scene=scene, reset=reset, ticket=ticket)
    if refusal:
        return Step(No(refusal), record)
    if not enough(record, methods):
        return Step(NeedsFactor(methods), record)
    browser = Device(id=device, since=scene.now)
    after = record.with_verifier(
        sealed=new.sealed, preparation=new.preparation, now=scene.now, keep=policy.password.history
    )
    after = after.with_fresh_meters().with_device(browser)
    event = events.PasswordReset(**scene.head(), reset=reset.hex(), methods=methods)
    return Step(Changed(browser), after, (event, Notice(MessagePurpose.PASSWORD_CHANGED)))


def redeem_refusal(policy: Policy, record: Record, *, scene: Scene, reset: bytes, ticket: Ticket | None) -> str | None:
    """Why a reset cannot be redeemed now, or None."""
    if not scene.active(record):
        return "disabled"
    if ticket is not None and not opens(record, ticket, scene.now):
        return "ticket"
    if reset and not isinstance(find_reset(policy, record, reset, scene.now), Redeemable):
        return "dead"
    return None if reset or ticket else "dead"


# --- factors ----------------------------------------------------------------------------------------------------------


def add_factor(
    policy: Policy, record: Record, *, scene: Scene, enrollment: Enrollment, match: TotpMatch | None, sealed: bytes, drawn: Drawn
) -> Step:
    """An authenticator is confirmed by a code, which is spent by it. The privilege changed: all sessions are new."""
    session = record.session(enrollment.session)
    first = not record.factors.live and not enrollment.session
    if not opens(record, enrollment, scene.now) or not scene.active(record) or not (session or first):
        return Step(No("ticket"), record)
    if match is None:
        return Step(No("wrong code"), record)
    factor_id = enrollment.id.hex()
    new = Totp(id=factor_id, name=enrollment.name, sealed=sealed, created=scene.now, last_step=match.steps[-1])
    factors = policy.mfa.add(record.factors, new)
    if factors is None:
        return Step(No("too many factors"), record)
    now = scene.now
    renewed = Session(
        id=drawn.session, level=AssuranceLevel.AAL2, created=session.created if session else now, authenticated=now
    )
    after = evolve(record.with_epoch(), factors=factors).with_session(renewed)
    event = events.FactorEnrolled(**scene.head(), factor=factor_id, kind="totp")
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.FACTOR_ADDED)))


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
    factors = policy.mfa.remove(record.factors, factor_id, groups=scene.groups)
    if factors is None:
        return Step(No("factor"), record)
    level = AssuranceLevel.AAL2 if factors.live else AssuranceLevel.AAL1
    renewed = evolve(session, id=drawn.session, level=level)
    after = evolve(record.with_epoch(), factors=factors).with_session(renewed)
    event = events.FactorDropped(**scene.head(), factor=factor_id, kind="totp")
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.FACTOR_REMOVED)))


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
    factors = policy.mfa.issue(record.factors, sealed=sealed, total=total)
    renewed = evolve(session, id=drawn.session)
    after = evolve(record.with_epoch(), factors=factors).with_session(renewed)
    event = events.RecoveryCodesIssued(**scene.head(), generation=factors.generation)
    return Step(Done(renewed), after, (event, Notice(MessagePurpose.RECOVERY_CODES_ISSUED)))


# --- sessions and administration --------------------------------------------------------------------------------------


def sign_out(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims) -> Step:
    """End one session, and every unfinished flow of its epoch that it began."""
    if live_session(policy, record, claims, scene.now) is None:
        return Step(Done(), record)
    after = evolve(record, sessions=tuple(session for session in record.sessions if session.id != claims.id))
    return Step(Done(count=1), after, (events.SessionClosed(**scene.head(), session=claims.id.hex()),))


def sign_out_everywhere(record: Record, *, scene: Scene, by: Admin | None) -> Step:
    """End every session, unfinished flow and known device."""
    count = len(record.sessions)
    after = evolve(record.with_epoch(), devices=())
    event = events.SessionsClosed(**scene.head(), count=count, actor=by.actor if by else "")
    return Step(Done(count=count), after, (event,))


def administer(record: Record, *, scene: Scene, action: str, by: Admin) -> Step:
    """What an administrator does; each action is one event, and one that changes nothing is none."""
    head = {**scene.head(), "actor": by.actor}
    match action:
        case "unlock":
            return Step(Done(), record.with_fresh_meters(), (events.Unlocked(**head),))
        case "disable" if not record.disabled:
            return Step(Done(), evolve(record.with_epoch(), disabled=True, devices=()), (events.Disabled(**head),))
        case "enable" if record.disabled:
            return Step(Done(), evolve(record, disabled=False), (events.Enabled(**head),))
        case "require-change" if record.verifier and not record.change:
            reason = ChangeReason.REQUIRED_BY_ADMINISTRATOR
            return Step(Done(), evolve(record, change=reason), (events.ChangeDemanded(**head, reason=reason),))
        case _:
            return Step(Done(), record)
