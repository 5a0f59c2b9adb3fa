"""The owner opens the lane of strangers that guessing has stopped."""

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import UnlockClaims
from acctsec.lockout import OPENED
from acctsec.mfa.policy import Proven
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import SKEW, Record
from acctsec.steps.effects import Notice, Step
from acctsec.steps.evidence import FactorFound
from acctsec.steps.scene import Scene
from acctsec.steps.verdicts import Done, No


def opens_lane(policy: Policy, record: Record, *, scene: Scene, claims: UnlockClaims) -> str:
    """Why a mailed link opens nothing now, or "" where it does."""
    if unlockable(record) != claims.binds:
        return "dead link"
    if not claims.issued <= scene.now + SKEW or scene.now >= claims.expires:
        return "late"
    if claims.recipient not in scene.reachable:
        return "address"
    return policy.lockout.why_shut(record, now=scene.now) if scene.active(record) else "disabled"


def unlockable(record: Record) -> tuple[bytes, int, int, int, int]:
    """What a link is bound to: a change of any credential ends it, and so does a reset, an administrator and an opening."""
    number = record.openings[-1].number if record.openings else 0
    return record.incarnation, record.epoch, record.meters, record.lanes, number


def open_by_link(policy: Policy, record: Record, *, scene: Scene, claims: UnlockClaims) -> Step:
    """Open the lane by a mailed link, which is used up by it."""
    refusal = opens_lane(policy, record, scene=scene, claims=claims)
    return Step(No(refusal), record) if refusal else _opened(record, scene, by="link")


def open_by_factor(policy: Policy, record: Record, *, scene: Scene, found: FactorFound) -> Step:
    """Open the lane by a live second factor, which is used up by it. Where nothing is opened, nothing is used up."""
    refusal = policy.lockout.why_shut(record, now=scene.now) if scene.active(record) else "disabled"
    if refusal:
        return Step(No(refusal), record)
    proven = policy.mfa.prove(record.factors, found.match)
    if not isinstance(proven, Proven):
        return Step(No("wrong code"), record)
    after = evolve(record, factors=proven.factors.resealed(found.anew))
    done = _opened(after, scene, by=proven.method)
    used = (Notice(MessagePurpose.RECOVERY_CODE_USED),) if proven.method == "recovery-code" else ()
    return evolve(done, effects=(*done.effects, *used))


def _opened(record: Record, scene: Scene, *, by: str) -> Step:
    event = events.GuessingReopened(**scene.head(), lane=OPENED, by=by)
    return Step(Done(), record.with_opening(OPENED, now=scene.now), (event,))
