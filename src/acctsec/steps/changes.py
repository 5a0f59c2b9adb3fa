"""Changes that wait or were made: who stops them, what ends them, and what may not be taken off meanwhile."""

from datetime import datetime
from hmac import compare_digest

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import SessionClaims, Ticket
from acctsec.mfa.actions import Action
from acctsec.outcomes import ChangeKind
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import SKEW, Change, Record
from acctsec.recovery import Proof
from acctsec.steps.effects import Effect, Notice, Step
from acctsec.steps.scene import Scene, opens
from acctsec.steps.standing import guarded
from acctsec.steps.verdicts import Done, No


def veto_refusal(record: Record, *, scene: Scene, change_id: bytes, recipient: bytes) -> str | None:
    """Why a veto stops nothing now, or None."""
    change = record.change_of(change_id)
    if change is None or not change.weak or scene.now >= change.expires:
        return "dead"
    if recipient in scene.reachable:
        return None
    names = next((one for one in scene.told if recipient in one), (recipient,))
    row = record.address(names)
    # What was withdrawn, or was a thief's own, is not kept: it is told nothing, and stops nothing that it was told before.
    return None if row is not None and row.told and row.sealed and scene.now < row.told else "address"


def veto(record: Record, *, scene: Scene, change_id: bytes, recipient: bytes, method: str) -> Step:
    """
    Stop a change and freeze the account: every session ends, what waits is dropped, and nobody signs in any more.

    It gives nothing, and brings no earlier password back: whoever holds an address is not yet the owner. Of several changes that
    can be vetoed nobody knows whose they are: what was set up since the first does not count, nor what was shown for any.
    """
    refusal, change = veto_refusal(record, scene=scene, change_id=change_id, recipient=recipient), record.change_of(change_id)
    if refusal or change is None:
        return Step(No(refusal or "dead"), record)
    open_ones = [one for one in record.changes if one.weak and scene.now < one.expires]
    sides = tuple(dict.fromkeys((*(proof for one in open_ones for proof in one.proofs), method)))
    under_way = tuple(one for one in record.changes if one.under_way)
    # By another node's clock, what was set up after it may seem to have been there a moment before.
    since = min(one.asked for one in open_ones) - SKEW
    after = evolve(record.with_epoch().without_places(), changes=under_way).contested(since=since, proofs=sides)
    event = events.ChangeVetoed(**scene.head(), change=change_id.hex(), kind=change.kind)
    return Step(Done(), after, (event, Notice(MessagePurpose.CONTESTED), *ended(record, scene, but=change_id)))


def cancel(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    change_id: bytes,
    session: SessionClaims | None = None,
    ticket: Ticket | None = None,
) -> Step:
    """Drop a change that waits: its owner does, with a fresh session at full level, or whoever asked for it."""
    change = record.change_of(change_id)
    if change is None or change.made or scene.now >= change.expires:
        return Step(No("no such change"), record)
    if session is not None:
        if guarded(policy, record, scene=scene, claims=session) is None:
            return Step(No("session"), record)
    elif ticket is None or not opens(record, ticket, scene.now) or not compare_digest(ticket.change, change_id):
        return Step(No("ticket"), record)
    return dropped(record, [change], scene=scene, by="owner" if session else "asker")


def dropped(record: Record, changes: list[Change], *, scene: Scene, by: str) -> Step:
    """Without these changes, each of which is told."""
    ids = {one.id for one in changes}
    told = [events.ChangeDropped(**scene.head(), change=one.id.hex(), kind=one.kind, by=by) for one in changes]
    after = evolve(record, changes=tuple(one for one in record.changes if one.id not in ids))
    notice = (Notice(MessagePurpose.CHANGE_DROPPED),) if changes else ()
    return Step(Done(count=len(ids)), after, (*told, *notice))


RECOVERIES = frozenset({ChangeKind.PASSWORD.value, ChangeKind.FACTORS.value, ChangeKind.CONTACTS.value})


def ended(record: Record, scene: Scene, *, but: bytes = b"") -> tuple[Effect, ...]:
    """What is said where a credential changed, and all that waited is over with the epoch, *but* what this was the end of."""
    waiting = [one for one in record.changes if not one.made and scene.now < one.expires and one.id != but]
    return dropped(record, waiting, scene=scene, by="credential").effects


def gives_address(change: Change) -> bool:
    """Whether two administrators give the owner a new address by it."""
    return change.kind == ChangeKind.ADDRESS_ADDED and Proof.ADMINISTRATORS in change.proofs


def waiting_recoveries(record: Record) -> list[Change]:
    """The recoveries that wait: whoever signs in fully where he is known has no need of them."""
    return [one for one in record.changes if not one.made and (one.kind in RECOVERIES or gives_address(one))]


def held(record: Record, *, since: datetime | None, now: datetime) -> datetime | None:
    """
    Until when that is not taken off which was set up *since* then (None: nobody knows), or None where it may be. A change that
    rested on little can still be vetoed, and what was there before it would be gone for its owner.
    """
    weak = (one for one in record.changes if one.made and one.weak and now < one.expires)
    return max((one.expires for one in weak if since is None or since < one.asked), default=None)


IRREVOCABLE = frozenset({Action.CREATE_CREDENTIAL, Action.EXPORT_DATA, Action.DELETE_ACCOUNT})
"""What nobody takes back: it waits while a change that rested on little can still be vetoed."""


def waits_for(record: Record, action: str, now: datetime) -> datetime | None:
    """Until when an action has to wait, or None: whoever came in by a recovery that can be vetoed must not take all away."""
    return held(record, since=None, now=now) if action in IRREVOCABLE else None
