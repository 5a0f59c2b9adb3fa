"""Changing a password on a claim, and redeeming a reset."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from acctsec import events
from acctsec._values import Value, evolve
from acctsec.claims import SessionClaims, Ticket
from acctsec.lockout import BY_TIME
from acctsec.mfa.policy import Proven
from acctsec.outcomes import AssuranceLevel, ChangeReason, TryAgain
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import SKEW, Device, Record, Reset
from acctsec.reset import Dead, Redeemable
from acctsec.steps.scene import (
    Changed,
    Compared,
    Done,
    FactorFound,
    FactorProven,
    NeedsFactor,
    NewVerifier,
    No,
    Notice,
    Scene,
    Stale,
    Step,
    change_due,
    lapsed,
    live_session,
    opens,
    spend,
    with_method,
)

MAIL = frozenset({"link", "code"})


class ChangeProof(Value, frozen=True, kw_only=True):
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
    born = None if record.verifier is None else record.verifier.born
    if proof.compared and (proof.compared.incarnation, proof.compared.born) != (record.incarnation, born):
        return Step(Stale(), record)
    refusal = change_refusal(policy, record, scene=scene, proof=proof)
    if refusal:
        return Step(No(refusal), record)
    wait = too_soon(policy, record, scene=scene, proof=proof)
    if wait:
        return Step(TryAgain(wait), record)
    after = record.with_verifier(
        sealed=new.sealed,
        preparation=new.preparation,
        now=scene.now,
        keep=policy.password.history,
        likeliest=new.likeliest,
        accepted=policy.password.identity,
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
    if proof.compared and lapsed(policy, record, scene.now):
        return "lapsed"
    if proof.ticket:
        return None if opens(record, proof.ticket, scene.now) and change_due(policy, record, scene.now) else "ticket"
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


def too_soon(policy: Policy, record: Record, *, scene: Scene, proof: ChangeProof) -> timedelta | None:
    """
    How long a change without cause has to wait for the minimum age, or None where it need not.

    A password dated in the future was set by a broken clock, which must not keep anybody waiting.
    """
    free = proof.initial or proof.actor or proof.ticket or record.change or record.deadline
    if free or record.verifier is None or change_due(policy, record, scene.now):
        return None
    age = scene.now - record.verifier.since
    return policy.password.min_age - age if -SKEW <= age < policy.password.min_age else None


def issue_reset(policy: Policy, record: Record, *, scene: Scene, reset: Reset, asked: datetime) -> Step:
    """
    Make a reset live that was *asked* for at that instant. It is bound to the epoch of this very record.

    A request that is handed out again after it did its work, or that is older than the password, makes nothing live.
    """
    if not scene.active(record):
        return Step(No("disabled"), record)
    if any(spent.id == reset.id for spent in record.spent) or (record.verifier and record.verifier.since > asked):
        return Step(No("the password changed since"), record)
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
    event = events.ResetIssued(**scene.head(), reset=reset.id.hex(), expires=reset.expires)
    return Step(Done(), evolve(record.with_spent(older), resets=live), (event,))


def enough(record: Record, methods: Sequence[str]) -> bool:
    """
    Whether these proofs carry a reset: mail alone where there is no factor, otherwise two different kinds of proof
    (SP 800-63B-4 section 4.2.2).
    """
    kinds = {"mail" if method in MAIL else method for method in methods}
    return len(kinds) >= 2 if record.factors.live else "mail" in kinds


def prove_for_reset(policy: Policy, record: Record, *, scene: Scene, ticket: Ticket, found: FactorFound) -> Step:
    """A factor was answered for a reset: mark it used. The reset itself stays as it was."""
    alive = not ticket.reset or isinstance(find_reset(policy, record, ticket.reset, scene.now), Redeemable)
    if not alive or not opens(record, ticket, scene.now) or not scene.active(record):
        return Step(No("ticket"), record)
    proven = policy.mfa.prove(record.factors, found.match)
    if not isinstance(proven, Proven):
        return Step(No("wrong code"), record)
    after = spend(evolve(record, factors=proven.factors.resealed(found.anew)), ticket, scene.now)
    if after is None:
        return Step(No("tickets"), record)
    event = events.FactorAccepted(**scene.head(), method=proven.method, reset=ticket.reset.hex())
    used = (Notice(MessagePurpose.RECOVERY_CODE_USED),) if proven.method == "recovery-code" else ()
    return Step(FactorProven(with_method(ticket.methods, proven.method)), after, (event, *used))


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
    before, and what was counted against the account, but for the months: those refill by time alone. It never signs in, and
    takes no factor away.
    """
    refusal = redeem_refusal(policy, record, scene=scene, reset=reset, ticket=ticket)
    if refusal:
        return Step(No(refusal), record)
    if not enough(record, methods):
        return Step(NeedsFactor(methods), record)
    browser = Device(id=device, since=scene.now)
    after = record.with_verifier(
        sealed=new.sealed,
        preparation=new.preparation,
        now=scene.now,
        keep=policy.password.history,
        likeliest=new.likeliest,
        accepted=policy.password.identity,
    )
    after = after.with_fresh_lanes(kept=BY_TIME).with_device(browser)
    event = events.PasswordReset(**scene.head(), reset=reset.hex(), methods=methods)
    return Step(Changed(browser), after, (event, Notice(MessagePurpose.PASSWORD_CHANGED)))


def redeem_refusal(policy: Policy, record: Record, *, scene: Scene, reset: bytes, ticket: Ticket | None) -> str | None:
    """Why a reset cannot be redeemed now, or None."""
    if not scene.active(record):
        return "disabled"
    if ticket is not None and not opens(record, ticket, scene.now):
        return "ticket"
    if reset:
        found = find_reset(policy, record, reset, scene.now)
        if not isinstance(found, Redeemable):
            return "dead"
        # The owner took the mailbox off the account: whoever reads it now has nothing to ask for.
        return None if found.reset.recipient in scene.reachable else "address"
    return None if ticket else "dead"
