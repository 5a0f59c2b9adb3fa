"""Changing a password on a claim."""

from datetime import timedelta

from acctsec import events
from acctsec._values import Value, evolve
from acctsec.claims import SessionClaims, Ticket
from acctsec.mfa.actions import Action
from acctsec.outcomes import ChangeReason, TryAgain
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import SKEW, Device, Record
from acctsec.steps.changes import ended
from acctsec.steps.effects import Notice, Step
from acctsec.steps.evidence import Compared, NewVerifier
from acctsec.steps.scene import Scene, change_due, lapsed, live_session, opens
from acctsec.steps.standing import Enough, Lacking, demand_of, missing, owed, shown_by, standing
from acctsec.steps.verdicts import Changed, No, Stale


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
    return Step(Changed(browser), after, (event, *notice, *ended(record, scene)))


def change_refusal(policy: Policy, record: Record, *, scene: Scene, proof: ChangeProof) -> str | None:
    """Why a claim does not carry a change of password, or None where it does."""
    if not scene.active(record):
        return "disabled"
    if record.contest:
        return "contested"
    if proof.initial:
        return None if record.verifier is None else "has a password"
    if proof.actor:
        return None
    if proof.compared and not proof.compared.matched:
        return "wrong password"
    if proof.compared and lapsed(policy, record, scene.now):
        return "lapsed"
    if proof.ticket:
        demand = demand_of(policy, record, scene=scene, action=Action.CHANGE_PASSWORD)
        owing = owed(policy, record, demand, frozenset(proof.ticket.methods))
        due = opens(record, proof.ticket, scene.now) and change_due(policy, record, scene.now)
        return None if due and not owing else "ticket"
    # The password was just compared; nothing else need be as fresh, save where a rule says so.
    anew = policy.sessions.absolute
    demand = demand_of(policy, record, scene=scene, action=Action.CHANGE_PASSWORD, fresh=anew)
    if proof.session is None:
        return None if missing(policy, record, demand, frozenset({"password"})) is None else "more guards this"
    found = standing(policy, record, scene=scene, claims=proof.session, action=Action.CHANGE_PASSWORD)
    if isinstance(found, Lacking) and not proof.fresh:
        session = live_session(policy, record, proof.session, scene.now)
        shown = frozenset() if session is None else shown_by(session, demand, scene) | {"password"}
        return None if shown and missing(policy, record, demand, shown) is None else "session"
    if isinstance(found, Enough):
        return None
    return "stale session" if isinstance(found, Lacking) else "session"


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
