"""Two administrators: what one proposes, another approves, and neither of them ever holds."""

from collections.abc import Collection
from datetime import timedelta
from unicodedata import category, normalize

from acctsec import events
from acctsec._values import Value, evolve
from acctsec.claims import Admin
from acctsec.identifiers import UNSEEN
from acctsec.outcomes import ChangeKind, TryAgain
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Change, Record
from acctsec.recovery import Capability, Enough, Facts, Proof, proofs_of
from acctsec.steps.changes import gives_address
from acctsec.steps.effects import Issue, Notice, Prove, Step
from acctsec.steps.recovery import Begun, level_of
from acctsec.steps.scene import Scene, full_level
from acctsec.steps.verdicts import Done, No
from acctsec.steps.vouching import in_time

ADMINISTRATORS = (Proof.ADMINISTRATORS.value,)

PROPOSAL = timedelta(hours=24)
"""How long a proposal waits for a second administrator: a code by mail lives as long at most (SP 800-63B-4 section 4.2.1.2)."""

PROPOSED = {
    Capability.PASSWORD: ChangeKind.PASSWORD_PROPOSED,
    Capability.FACTORS: ChangeKind.FACTORS_PROPOSED,
    Capability.ADDRESSES: ChangeKind.ADDRESSES_PROPOSED,
}
GIVEN = {kind.value: gives for gives, kind in PROPOSED.items()}
"""What a proposal of each kind gives once it is approved."""


class Proposer(Value, frozen=True):
    """Evidence: who made the proposal that names its maker in these sealed bytes."""

    sealed: bytes
    name: str


class Agreement(Value, frozen=True, kw_only=True):
    """To what *by* agrees: the proposal of that id, which *proposer* made."""

    change_id: bytes | None
    proposer: Proposer
    by: Admin


def same_person(one: str, other: str) -> bool:
    """Whether two names of actors are one but for case, width, composition, white space and what cannot be seen."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    folded = normalize("NFKC", normalize("NFKC", name).casefold())
    return "".join(char for char in folded if category(char)[0] not in "ZC" and char not in UNSEEN)


def _refusal(policy: Policy, record: Record, *, scene: Scene, gives: Capability) -> str | None:
    """Why two administrators could bring nothing about for this subject now, or None."""
    if not scene.active(record):
        return "disabled"
    if gives is Capability.ADDRESSES:
        return None if _judged(policy, record, scene) else "no path"
    paths = policy.recovery.allowed(gives=gives, level=full_level(record), groups=scene.groups)
    return None if any(Proof.ADMINISTRATORS in one.proofs for one in paths) else "no path"


def _judged(policy: Policy, record: Record, scene: Scene) -> Enough | None:
    """
    What the word of two administrators alone comes to for a new address: nobody else can show anything. None where it is not
    enough, and in a contest, where whoever vetoed would have nothing left to veto with.
    """
    judged = policy.recovery.judge(
        proofs_of(ADMINISTRATORS),
        gives=Capability.ADDRESSES,
        level=level_of(record),
        groups=scene.groups,
        facts=Facts(now=scene.now),
        contested=None if record.contest is None else proofs_of(record.contest.proofs, policy.mfa.possessions),
    )
    return judged if isinstance(judged, Enough) else None


def propose(
    policy: Policy, record: Record, *, scene: Scene, gives: Capability, by: Admin, change_id: bytes, sealed: bytes
) -> Step:
    """
    Write a proposal down. It gives nothing and never matures; of a kind there is one at a time, so that nobody fills with his own
    the room of what waits.
    """
    refusal = _refusal(policy, record, scene=scene, gives=gives)
    if refusal:
        return Step(No(refusal), record)
    kind, expires = PROPOSED[gives].value, scene.now + PROPOSAL
    after = evolve(record, changes=tuple(one for one in record.changes if one.kind != kind))
    # Nothing was shown yet: a veto that comes meanwhile must not count two administrators as shown, or they could settle nothing.
    change = Change(
        id=change_id,
        kind=kind,
        proofs=ADMINISTRATORS,
        asked=scene.now,
        until=expires,
        expires=expires,
        weak=False,
        about=sealed,
    )
    waiting = after.with_change(change, scene.now)
    if waiting is None:
        return Step(TryAgain(min(one.expires for one in after.changes) - scene.now), record)
    event = events.RecoveryProposed(**scene.head(), change=change_id.hex(), kind=gives.value, expires=expires, actor=by.actor)
    return Step(Done(), waiting, (event,))


def find_proposal(record: Record, change_id: bytes | None, scene: Scene) -> Change | None:
    """The proposal of that id, while somebody can still agree to it."""
    found = None if change_id is None else record.change_of(change_id)
    return found if found is not None and found.kind in GIVEN and in_time(found, scene.now) else None


def approve(policy: Policy, record: Record, *, scene: Scene, agreement: Agreement, handle: bytes, seed: bytes, to: str) -> Step:
    """
    Agree to what another administrator proposed. The proposal is used up; every address is told, and the owner is mailed a link
    that stands for both of them, at the address *to*. From there it goes as the policy says: with his address, after its wait.
    """
    found = _agreed(policy, record, scene, agreement)
    if isinstance(found, No):
        return Step(found, record)
    link = Issue(handle=handle, seed=seed, proofs=ADMINISTRATORS, gives=GIVEN[found.kind].value, to=to)
    effects = (_approved(scene, found, agreement), Notice(MessagePurpose.RECOVERY_APPROVED), link)
    return Step(Done(), record.without_change(found.id), effects)


def approve_address(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    agreement: Agreement,
    about: bytes,
    seed: bytes,
    same: Collection[bytes],
) -> Step:
    """
    Agree to the address that another administrator proposed: from here on it is a change that waits, sealed in *about*. Every
    address that was there is told, with a veto; the new one is sent what proves it.

    What waits of the *same* address is over, and so is another one that administrators agreed to: one is enough for an owner.
    """
    found, judged, now = _agreed(policy, record, scene, agreement), _judged(policy, record, scene), scene.now
    if isinstance(found, No) or judged is None:
        return Step(found if isinstance(found, No) else No("no path"), record)
    older = [one for one in record.changes if not one.made and (one.id in same or gives_address(one))]
    kept = tuple(one for one in record.changes if one.id != found.id and one not in older)
    until = now + judged.wait
    change = Change(
        id=found.id,
        kind=ChangeKind.ADDRESS_ADDED.value,
        proofs=ADMINISTRATORS,
        asked=now,
        until=until,
        expires=until + policy.recovery.claim,
        weak=True,
        about=about,
    )
    waiting = evolve(record, changes=kept).with_change(change, now)
    if waiting is None:
        return Step(TryAgain(min(one.expires for one in kept) - now), record)
    head, named = scene.head(), change.id.hex()
    told = [events.ChangeDropped(**head, change=one.id.hex(), kind=one.kind, by="newer") for one in older if now < one.expires]
    began = events.ChangeBegan(**head, change=named, kind=change.kind, methods=ADMINISTRATORS, until=until)
    notice = Notice(MessagePurpose.CHANGE_WAITING, change)
    return Step(Begun(change), waiting, (*told, _approved(scene, found, agreement), began, Prove(change, seed), notice))


def _agreed(policy: Policy, record: Record, scene: Scene, agreement: Agreement) -> Change | No:
    """The proposal that a second administrator agrees to, or why that comes to nothing."""
    found = find_proposal(record, agreement.change_id, scene)
    if found is None or found.about != agreement.proposer.sealed:
        return No("no such proposal")
    refusal = _refusal(policy, record, scene=scene, gives=GIVEN[found.kind])
    if refusal or same_person(agreement.proposer.name, agreement.by.actor):
        return No(refusal or "the same administrator")
    return found


def _approved(scene: Scene, found: Change, agreement: Agreement) -> events.RecoveryApproved:
    head, gives, proposer = scene.head(), GIVEN[found.kind].value, agreement.proposer.name
    return events.RecoveryApproved(**head, change=found.id.hex(), kind=gives, proposer=proposer, actor=agreement.by.actor)


def withdraw(record: Record, *, scene: Scene, change_id: bytes | None, by: Admin) -> Step:
    """Take a proposal back; whoever of the administrators does."""
    found = find_proposal(record, change_id, scene)
    if found is None:
        return Step(No("no such proposal"), record)
    after = evolve(record, changes=tuple(one for one in record.changes if one.id != found.id))
    event = events.ProposalWithdrawn(**scene.head(), change=found.id.hex(), kind=GIVEN[found.kind].value, actor=by.actor)
    return Step(Done(), after, (event,))
