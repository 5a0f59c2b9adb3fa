"""Two administrators: what one proposes, another approves, and neither of them ever holds."""

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
from acctsec.recovery import Capability, Proof
from acctsec.steps.scene import Done, Issue, No, Notice, Scene, Step, full_level
from acctsec.steps.vouching import in_time

ADMINISTRATORS = (Proof.ADMINISTRATORS.value,)

PROPOSAL = timedelta(hours=24)
"""How long a proposal waits for a second administrator: a code by mail lives as long at most (SP 800-63B-4 section 4.2.1.2)."""

PROPOSED = {Capability.PASSWORD: ChangeKind.PASSWORD_PROPOSED, Capability.FACTORS: ChangeKind.FACTORS_PROPOSED}
GIVEN = {kind.value: gives for gives, kind in PROPOSED.items()}
"""What a proposal of each kind gives once it is approved."""


class Proposer(Value, frozen=True):
    """Evidence: who made the proposal that names its maker in these sealed bytes."""

    sealed: bytes
    name: str


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
    paths = policy.recovery.allowed(gives=gives, level=full_level(record), groups=scene.groups)
    return None if any(Proof.ADMINISTRATORS in one.proofs for one in paths) else "no path"


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


def approve(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    change_id: bytes | None,
    proposer: Proposer,
    by: Admin,
    handle: bytes,
    seed: bytes,
) -> Step:
    """
    Agree to what another administrator proposed. The proposal is used up; every address is told, and the owner is mailed a link
    that stands for both of them. From there it goes as the policy says: with his address, and after its wait.
    """
    found = find_proposal(record, change_id, scene)
    if found is None or found.about != proposer.sealed:
        return Step(No("no such proposal"), record)
    gives = GIVEN[found.kind]
    refusal = _refusal(policy, record, scene=scene, gives=gives)
    if refusal or same_person(proposer.name, by.actor):
        return Step(No(refusal or "the same administrator"), record)
    after = evolve(record, changes=tuple(one for one in record.changes if one.id != found.id))
    event = events.RecoveryApproved(
        **scene.head(), change=found.id.hex(), kind=gives.value, proposer=proposer.name, actor=by.actor
    )
    link = Issue(handle=handle, seed=seed, proofs=ADMINISTRATORS, gives=gives.value)
    return Step(Done(), after, (event, Notice(MessagePurpose.RECOVERY_APPROVED), link))


def withdraw(record: Record, *, scene: Scene, change_id: bytes | None, by: Admin) -> Step:
    """Take a proposal back; whoever of the administrators does."""
    found = find_proposal(record, change_id, scene)
    if found is None:
        return Step(No("no such proposal"), record)
    after = evolve(record, changes=tuple(one for one in record.changes if one.id != found.id))
    event = events.ProposalWithdrawn(**scene.head(), change=found.id.hex(), kind=GIVEN[found.kind].value, actor=by.actor)
    return Step(Done(), after, (event,))
