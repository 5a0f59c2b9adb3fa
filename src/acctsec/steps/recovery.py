"""Recovery: a reset that goes live, what its proofs come to, what waits, and what becomes of it."""

from datetime import datetime, timedelta

from acctsec import events
from acctsec._values import Value, evolve
from acctsec.claims import Ticket
from acctsec.events import Event
from acctsec.lockout import BY_TIME
from acctsec.mfa.policy import Proven
from acctsec.mfa.proving import Match
from acctsec.outcomes import AssuranceLevel, ChangeKind, TryAgain
from acctsec.policy import Policy
from acctsec.protocols import Channel, MessagePurpose
from acctsec.record import Change, Device, Factors, Record, Reset
from acctsec.recovery import Capability, Enough, Facts, Judgement, Lacking, Proof, proof_of, proofs_of
from acctsec.reset import Dead, Redeemable
from acctsec.steps.changes import ended, held
from acctsec.steps.effects import Notice, Step
from acctsec.steps.evidence import FactorFound, NewVerifier
from acctsec.steps.scene import Scene, doubts, opens, spend, with_method
from acctsec.steps.verdicts import Changed, Done, FactorProven, No
from acctsec.steps.vouching import agreed, gathers

NO_SELF_SERVICE = "no self-service"
CARRYING = timedelta(minutes=1)
"""How long to wait for changes of addresses that the table of the platform has to follow: each delivery carries them on."""


class Recovery(Value, frozen=True, kw_only=True):
    """
    What somebody asks to have back, and what he has shown for it: the step looks again.

    It rests on a live *reset* (and another one *beside* it), on a *change* that waits, or on a
    *ticket* alone. *methods* are the proofs so far, *standing* the
    contacts who agreed to that change and whose accounts are in order.
    """

    gives: Capability
    methods: tuple[str, ...]
    facts: Facts
    reset: bytes = b""
    beside: bytes = b""
    change: bytes = b""
    ticket: Ticket | None = None
    standing: frozenset[str] = frozenset()


class NeedsProof(Value, frozen=True):
    """More is due: any one of these sets of proofs."""

    paths: tuple[frozenset[Proof], ...]


class NeedsWait(Value, frozen=True):
    """The proofs are enough, after a wait."""

    judged: Enough


class Begun(Value, frozen=True):
    """The change waits."""

    change: Change


# --- resets -----------------------------------------------------------------------------------------------------------


def issue_reset(
    policy: Policy, record: Record, *, scene: Scene, reset: Reset, asked: datetime, self_service: bool = True
) -> Step:
    """
    Make a reset live that was *asked* for at that instant. It is bound to the epoch of this very record.

    A request that is handed out again after it did its work, or that is older than the password, makes nothing live; nor does
    one in *self_service* of a subject who has to go to administrators.
    """
    if not scene.active(record):
        return Step(No("disabled"), record)
    if any(spent.id == reset.id for spent in record.spent) or (record.verifier and record.verifier.since > asked):
        return Step(No("the password changed since"), record)
    if self_service and not policy.recovery.self_service(level=level_of(record), groups=scene.groups):
        return Step(No(NO_SELF_SERVICE), record)
    reset = evolve(reset, epoch=record.epoch)
    if reset in record.resets:
        return Step(Done(), record)  # delivered again: it is live already, and its event told
    older = tuple(one for one in record.resets if reset.initial and one.initial and one.id != reset.id)
    if any(one.expires > reset.expires for one in older):
        return Step(No("a newer one is live"), record)
    addresses = len(scene.account.addresses) if scene.account else 1
    live = policy.reset.issue(record.resets, reset, epoch=record.epoch, now=scene.now, addresses=addresses)
    if live is None:
        return Step(No("too many live resets"), record)
    event = events.ResetIssued(**scene.head(), reset=reset.id.hex(), expires=reset.expires, channel=Channel(reset.channel))
    return Step(Done(), evolve(record.with_spent(older), resets=live), (event,))


def find_reset(policy: Policy, record: Record, reset: bytes, now: datetime) -> Redeemable | Dead:
    """The live reset of that id."""
    return policy.reset.resume(record.resets, reset=reset, epoch=record.epoch, now=now)


def prove_for_reset(policy: Policy, record: Record, *, scene: Scene, ticket: Ticket, found: FactorFound) -> Step:
    """A factor was answered for a recovery: mark it used. The reset itself stays as it was."""
    alive = not ticket.reset or isinstance(find_reset(policy, record, ticket.reset, scene.now), Redeemable)
    if not alive or not opens(record, ticket, scene.now) or not scene.active(record):
        return Step(No("ticket"), record)
    proven = policy.mfa.prove(record.factors, found.match)
    if not isinstance(proven, Proven):
        return Step(No(proven.reason), record, doubts(scene, found.match, proven))
    methods = with_method(ticket.methods, proven.method)
    if not counts(record, found.match) or not leads_on(policy, record, scene=scene, method=proven.method):
        return Step(No("no path"), record)
    after = spend(evolve(record, factors=proven.factors.resealed(found.anew)), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    event = events.FactorAccepted(**scene.head(), method=proven.method, reset=ticket.reset.hex())
    used = (Notice(MessagePurpose.RECOVERY_CODE_USED),) if proven.method == "recovery-code" else ()
    return Step(FactorProven(methods), after, (event, *doubts(scene, found.match, proven), *used))


# --- what proofs come to ----------------------------------------------------------------------------------------------


def trusted(record: Record) -> Factors:
    """The factors that count: where the account is contested, those from before the change that was vetoed."""
    return record.factors if record.contest is None else record.factors.before(record.contest.since)


def counts(record: Record, match: Match | None) -> bool:
    """Whether a factor that fits counts: where the account is contested, one that was there before does."""
    left = trusted(record)
    if match is None:
        return False
    return left.recovery is not None if match.factor == "recovery" else left.factor(match.factor) is not None


def level_of(record: Record) -> AssuranceLevel:
    """The level of a subject by the factors that count: those of whoever made a change that was vetoed shut nobody out."""
    return AssuranceLevel.AAL2 if trusted(record).live else AssuranceLevel.AAL1


def leads_on(policy: Policy, record: Record, *, scene: Scene, method: str) -> bool:
    """Whether there is a path for this subject that needs such a proof."""
    paths = (
        one
        for gives in (Capability.PASSWORD, Capability.FACTORS)
        for one in policy.recovery.allowed(gives=gives, level=level_of(record), groups=scene.groups)
    )
    return any(proof_of(method, policy.mfa.possessions) in one.proofs for one in paths)


def weigh(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery) -> Judgement:
    """
    What the proofs come to by this very record. A change that has waited has done so; but for as long as another one can be
    vetoed, factors that fall would be gone for its owner.
    """
    if _invited(record, recovery):
        return Enough(timedelta(0), weak=True)
    contested = None if record.contest is None else proofs_of(record.contest.proofs, policy.mfa.possessions)
    waits = record.change_of(recovery.change)
    judged = policy.recovery.judge(
        proofs_of(recovery.methods, policy.mfa.possessions),
        gives=recovery.gives,
        level=level_of(record),
        groups=scene.groups,
        facts=evolve(recovery.facts, now=scene.now, address_changed=_changed(record, scene, recovery)),
        contested=contested,
    )
    if not isinstance(judged, Enough):
        return judged
    if waits and waits.until <= scene.now:
        judged = Enough(timedelta(0), waits.weak)
    oldest = min((one.created for one in record.factors), default=scene.now)
    until = held(record, since=oldest, now=scene.now) if recovery.gives is Capability.FACTORS else None
    wait = max(judged.wait, until - scene.now) if until else judged.wait
    return Enough(wait, judged.weak and contested is None)


def _invited(record: Record, recovery: Recovery) -> bool:
    """
    Whether an administrator invited somebody who has no password yet. There is nothing to recover: a group without self-service
    could take nobody in.
    """
    asked = any(one.initial for one in record.resets if one.id == recovery.reset)
    nobodys = record.verifier is None and not record.factors.live and record.contest is None
    return asked and nobodys and recovery.gives is Capability.PASSWORD


def _changed(record: Record, scene: Scene, recovery: Recovery) -> datetime | None:
    """When the address that proves it was put in the place of another."""
    since = []
    for about in _recipients(record, recovery):
        row = record.address(next((names for names in scene.names if about in names), (about,)))
        since += [row.since] if row is not None and row.changed else []
    return max(since, default=None)


def _recipients(record: Record, recovery: Recovery) -> tuple[bytes, ...]:
    """What the record knows of the addresses that prove it, none where none does: that of the reset first."""
    asked = (recovery.reset, recovery.beside)
    found = tuple(one.recipient for reset in asked for one in record.resets if one.id == reset)
    waits = record.change_of(recovery.change)
    return found or ((waits.about,) if waits and waits.about else ())


def _recipient(record: Record, recovery: Recovery) -> bytes:
    """What a change is remembered by that rests on these proofs."""
    return next(iter(_recipients(record, recovery)), b"")


def recovery_refusal(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery) -> str | None:
    """Why nothing can be had on this now, or None."""
    if not scene.active(record):
        return "disabled"
    if recovery.ticket is not None and not opens(record, recovery.ticket, scene.now):
        return "ticket"
    if recovery.gives is Capability.FACTORS and not record.factors.live:
        return "no factor"
    # Whoever took them off first would be left with fewer proofs than it takes to settle it.
    if recovery.gives is Capability.FACTORS and record.contest:
        return "contested"
    if recovery.change:
        waits = record.change_of(recovery.change)
        kinds = (recovery.gives, ChangeKind.CONTACTS)
        if waits is None or waits.made or waits.kind not in kinds or scene.now >= waits.expires:
            return "dead"
        # It was counted as the record was read; whoever was taken off since has no say.
        if gathers(waits) and "contacts" in recovery.methods and not agreed(policy, record, waits, recovery.standing):
            return "contacts"
    elif recovery.reset:
        asked = filter(None, (recovery.reset, recovery.beside))
        if not all(isinstance(find_reset(policy, record, one, scene.now), Redeemable) for one in asked):
            return "dead"
    elif not recovery.ticket:
        return "dead"
    # The owner took the mailbox off the account: whoever reads it now has nothing to ask for.
    return None if scene.reachable.issuperset(_recipients(record, recovery)) else "address"


# --- what is done -----------------------------------------------------------------------------------------------------


def begin_recovery(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery, judged: Enough, change_id: bytes) -> Step:
    """
    Let a recovery wait, and tell every address. The reset and the ticket it rests on are used up: the change stands for them.

    Of one address one change of a kind waits at a time: asked again, the time begins anew, or who comes late to a mailbox
    would be spared the wait.
    """
    refusal = recovery_refusal(policy, record, scene=scene, recovery=recovery)
    if refusal:
        return Step(No(refusal), record)
    about, now = _recipient(record, recovery), scene.now
    after = record if recovery.ticket is None else spend(record, recovery.ticket, now)
    if after is None:
        return Step(No("tickets"), record)
    kept = tuple(one for one in after.changes if one.made or (one.kind, one.about) != (recovery.gives, about))
    kept = tuple(one for one in kept if one.id != recovery.change)  # contacts who were asked, and have agreed
    after = evolve(after.without_reset(recovery.reset).without_reset(recovery.beside), changes=kept)
    until = now + judged.wait
    change = Change(
        id=change_id,
        kind=recovery.gives.value,
        proofs=recovery.methods,
        asked=now,
        until=until,
        expires=until + policy.recovery.claim,
        weak=judged.weak,
        about=about,
    )
    waiting = after.with_change(change, now)
    if waiting is None:
        return Step(TryAgain(min(one.expires for one in after.changes) - now), record)
    event = events.ChangeBegan(**scene.head(), change=change_id.hex(), kind=change.kind, methods=recovery.methods, until=until)
    return Step(Begun(change), waiting, (event, Notice(MessagePurpose.CHANGE_WAITING, change)))


def redeem(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery, new: NewVerifier, device: bytes) -> Step:
    """
    Change the password on a recovery. Gone with it: the reset and its siblings, every session, ticket and device of before, and
    what was counted against the account, but for the months: those refill by time alone. It never signs in, and takes no factor
    away but those that were set up since a change that was vetoed.
    """
    due = _due(policy, record, scene=scene, recovery=recovery)
    if not isinstance(due, Enough):
        return due
    browser, made = Device(id=device, since=scene.now), _made(policy, record, scene, recovery, due)
    after = record.with_verifier(
        sealed=new.sealed,
        preparation=new.preparation,
        now=scene.now,
        keep=policy.password.history,
        likeliest=new.likeliest,
        accepted=policy.password.identity,
    )
    if policy.recovery.keep_devices:
        after = evolve(after, devices=record.with_epoch().devices)  # known, and remembered by none
    kept = _with_made(after.with_fresh_lanes(kept=BY_TIME).with_device(browser), made, scene.now)
    if kept is None:
        return Step(TryAgain(CARRYING), record)
    after = kept
    told: tuple[Event, ...] = (events.PasswordReset(**scene.head(), reset=recovery.reset.hex(), methods=recovery.methods),)
    if record.contest:
        after = after.settled()
        told += (events.ContestSettled(**scene.head(), methods=recovery.methods),)
    over = ended(record, scene, but=recovery.change)
    return Step(Changed(browser), after, (*told, Notice(MessagePurpose.PASSWORD_CHANGED, made), *over))


def drop_factors(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery) -> Step:
    """Take every second factor and printed code off, for an owner who has lost them. Every session ends; nobody is signed in."""
    due = _due(policy, record, scene=scene, recovery=recovery)
    if not isinstance(due, Enough):
        return due
    made = _made(policy, record, scene, recovery, due)
    # The rules that accepted the password may have let it be shorter, beside a factor.
    gone = Factors(generation=record.factors.generation)
    after = evolve(record.with_epoch().without_places(), factors=gone, accepted=b"")
    event = events.FactorsDropped(**scene.head(), methods=recovery.methods)
    kept = _with_made(after, made, scene.now)
    if kept is None:
        return Step(TryAgain(CARRYING), record)
    over = ended(record, scene, but=recovery.change)
    return Step(Done(), kept, (event, Notice(MessagePurpose.FACTORS_REMOVED, made), *over))


def _due(policy: Policy, record: Record, *, scene: Scene, recovery: Recovery) -> Enough | Step:
    refusal = recovery_refusal(policy, record, scene=scene, recovery=recovery)
    if refusal:
        return Step(No(refusal), record)
    judged = weigh(policy, record, scene=scene, recovery=recovery)
    return judged if isinstance(judged, Enough) and not judged.wait else Step(needs(judged), record)


def needs(judged: Judgement) -> NeedsProof | NeedsWait | No:
    """The verdict on proofs that are not enough, or not yet."""
    if isinstance(judged, Lacking):
        return NeedsProof(judged.paths)
    return NeedsWait(judged) if isinstance(judged, Enough) else No("no path")


def _made(policy: Policy, record: Record, scene: Scene, recovery: Recovery, due: Enough) -> Change | None:
    """What is remembered of a change so that it can be vetoed; nothing of one that rests on a live factor."""
    if not due.weak:
        return None
    waited = record.change_of(recovery.change)
    named = recovery.change or recovery.reset or (recovery.ticket.id if recovery.ticket else b"")
    return Change(
        id=named,
        kind=recovery.gives.value,
        proofs=recovery.methods,
        asked=waited.asked if waited else scene.now,
        until=scene.now,
        expires=scene.now + policy.recovery.veto_window,
        made=scene.now,
    )


def _with_made(record: Record, made: Change | None, now: datetime) -> Record | None:
    """With what can be vetoed remembered; None where there is no room for it, and so it must not be made."""
    return record if made is None else record.with_change(made, now)
