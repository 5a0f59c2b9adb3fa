"""What becomes of one session: its next generation, the end of a copied one, and of one that its owner picks."""

from acctsec import events
from acctsec.claims import Admin, SessionClaims
from acctsec.mfa.actions import Action
from acctsec.outcomes import EndReason
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Record
from acctsec.sessions import Ended, Live, turn_of
from acctsec.steps.effects import Notice, Step
from acctsec.steps.scene import Scene, judge_session, live_session
from acctsec.steps.standing import guarded
from acctsec.steps.verdicts import Done, No


def turn_session(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims) -> Step:
    """A token of the next generation came back, so its browser has it: from now on it is the one in force."""
    judged = judge_session(policy, record, claims, scene.now)
    if not isinstance(judged, Live) or not judged.turns:
        return Step(judged, record)
    return Step(judged, record.with_turned(judged.session))


def end_copied(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims) -> Step:
    """
    A token came back that was replaced: nobody knows whether the owner has it or a thief, so the session ends for both, and the
    owner is told. Once: whoever comes after that finds no session.
    """
    judged = judge_session(policy, record, claims, scene.now)
    if not isinstance(judged, Ended) or judged.reason is not EndReason.COPIED:
        return Step(judged, record)
    event = events.SessionCopied(**scene.head(), session=claims.id.hex(), generation=turn_of(claims.generation))
    return Step(judged, record.without_session(claims.id), (event, Notice(MessagePurpose.SESSION_COPIED)))


def end_session(
    policy: Policy, record: Record, *, scene: Scene, session: bytes, claims: SessionClaims | None, by: Admin | None
) -> Step:
    """
    End one session. Its own token may do that however old its proof is; the others of its subject take a fresh one at full level,
    or whoever stole an old session would throw its owner out.
    """
    if by is None and (claims is None or not _may_end(policy, record, scene=scene, session=session, claims=claims)):
        return Step(No("session"), record)
    if record.session(session) is None:
        return Step(Done(), record)
    event = events.SessionClosed(**scene.head(), session=session.hex(), actor=by.actor if by else "")
    return Step(Done(count=1), record.without_session(session), (event,))


def _may_end(policy: Policy, record: Record, *, scene: Scene, session: bytes, claims: SessionClaims) -> bool:
    if claims.id == session:
        return live_session(policy, record, claims, scene.now) is not None
    return guarded(policy, record, scene=scene, claims=claims, action=Action.END_SESSIONS) is not None
