"""Ending sessions, and what administrators do."""

from datetime import datetime

from acctsec import events
from acctsec._values import evolve
from acctsec.claims import Admin, SessionClaims
from acctsec.lockout import LADDERED, Lane
from acctsec.mfa.actions import Action
from acctsec.outcomes import ChangeReason
from acctsec.policy import Policy
from acctsec.record import Record
from acctsec.steps.changes import ended
from acctsec.steps.effects import Step
from acctsec.steps.evidence import NewVerifier
from acctsec.steps.scene import Scene, live_session
from acctsec.steps.standing import guarded
from acctsec.steps.verdicts import Done, No, Stale


def sign_out(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims) -> Step:
    """End one session, and every unfinished flow of its epoch that it began."""
    if live_session(policy, record, claims, scene.now) is None:
        return Step(Done(), record)
    return Step(
        Done(count=1), record.without_session(claims.id), (events.SessionClosed(**scene.head(), session=claims.id.hex()),)
    )


def sign_out_everywhere(policy: Policy, record: Record, *, scene: Scene, by: Admin | None, claims: SessionClaims | None) -> Step:
    """End every session, unfinished flow, known device and network, for an administrator or a fresh session."""
    if by is None and (claims is None or guarded(policy, record, scene=scene, claims=claims, action=Action.END_SESSIONS) is None):
        return Step(No("session"), record)
    count = len(record.sessions)
    after = record.with_epoch().without_places()
    event = events.SessionsClosed(**scene.head(), count=count, actor=by.actor if by else "")
    return Step(Done(count=count), after, (event, *ended(record, scene)))


def forget_device(policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, device: bytes) -> Step:
    """
    Forget a known device, and what its lane had come to. A live session will do: it takes a way in away and gives none.
    """
    if not scene.active(record) or live_session(policy, record, claims, scene.now) is None:
        return Step(No("session"), record)
    if record.device(device) is None:
        return Step(No("device"), record)
    return Step(Done(), without_device(record, device), (events.DeviceRevoked(**scene.head(), device=device.hex()),))


def without_device(record: Record, device: bytes) -> Record:
    """A record that knows a device no more, nor what its lane had come to."""
    after = evolve(record, devices=tuple(one for one in record.devices if one.id != device))
    for kind in LADDERED:
        after = after.without_checkpoint(Lane(device).name(kind))
    return after


def import_verifier(
    record: Record, *, scene: Scene, new: NewVerifier, same: bytes | None, since: datetime, scheme: str, by: Admin
) -> Step:
    """
    Take a stored hash over as the verifier of a subject that has none. *same* is the sealed verifier that was found to hold this
    very hash; one that was never looked at is looked at first.
    """
    if record.verifier is None:
        # No policy has judged it: the first sign-in does.
        after = record.with_verifier(sealed=new.sealed, preparation=new.preparation, now=since, keep=0)
        return Step(Done(count=1), after, (events.VerifierImported(**scene.head(), scheme=scheme, actor=by.actor),))
    return Step(Done() if record.verifier.sealed == same else Stale(), record)


def administer(record: Record, *, scene: Scene, action: str, by: Admin, due: datetime | None = None) -> Step:
    """
    What an administrator does; each action is one event, and one that changes nothing is none. A change that is demanded by the
    day *due* (None: at once) may be demanded sooner afterwards, and never later.
    """
    head = {**scene.head(), "actor": by.actor}
    match action:
        case "unlock":
            return Step(Done(), record.with_fresh_meters(), (events.Unlocked(**head),))
        case "disable" if not record.disabled:
            return Step(
                Done(),
                evolve(record.with_epoch().without_places(), disabled=True),
                (events.Disabled(**head), *ended(record, scene)),
            )
        case "enable" if record.disabled:
            return Step(Done(), evolve(record, disabled=False), (events.Enabled(**head),))
        case "require-change" if record.verifier and _sooner(record, due):
            reason = ChangeReason.REQUIRED_BY_ADMINISTRATOR
            after = evolve(record, change=reason, change_by=due)
            return Step(Done(), after, (events.ChangeDemanded(**head, reason=reason, due=due),))
        case _:
            return Step(Done(), record)


def _sooner(record: Record, due: datetime | None) -> bool:
    """Whether a demand is news: there is none, or it left more time than this one."""
    if record.change is None:
        return True
    return record.change_by is not None and (due is None or due < record.change_by)
