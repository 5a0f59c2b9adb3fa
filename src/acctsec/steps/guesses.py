"""The guesses of a sign-in as the record counts them: checkpoints, rungs, and what it counts alone."""

from collections.abc import Sequence

from acctsec import events
from acctsec._values import evolve
from acctsec.events import Event
from acctsec.lockout import BY_TIME, STEP, UNNOTICED, Lane, SecretClass, era
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import Record
from acctsec.steps.effects import Notice, Step
from acctsec.steps.scene import Scene
from acctsec.steps.verdicts import Done, No


def count_guesses(record: Record, *, counted: Sequence[events.GuessesCounted], past: Record) -> Step:
    """
    Write down how far lanes and budgets have come, before a secret is looked at.

    *past* is the record as it was when the attempt began. Nothing of one that was erased or unlocked since, nor of a lane that
    was reset or opened; nor of a lane of which the record knows more already, or less than it did: a success has cleared it,
    and what it cleared must not come back. A budget that refills by time may have fewer failures than before; only their date
    tells.
    """
    after, told = record, list[Event]()
    for event in counted:
        point = after.checkpoint(event.lane)
        if not _same_count(record, past, event.lane):
            continue
        if event.lane not in BY_TIME and not past.checkpoint(event.lane).count <= point.count < event.count:
            continue
        after = after.with_checkpoint(evolve(point, count=event.count, since=event.at))
        told.append(event)
    return Step(Done(), after, tuple(told))


def count_alone(policy: Policy, record: Record, *, scene: Scene, kind: SecretClass, lane: Lane, past: Record) -> Step:
    """
    Count one more guess in the record itself, before the secret is looked at: the meters do not answer.

    No where the lane, or the month of the strangers, has come to its stop, and where the record is another than it was.
    """
    if not _same_count(record, past, lane.name(kind)) or policy.lockout.stopped(record, kind, lane, now=scene.now):
        return Step(No("stopped"), record)
    after, told = record, list[Event | Notice]()
    opened = record.checkpoint(lane.name(kind)).opened
    for name, rungs in policy.lockout.remembered(kind, lane, opened).items():
        before = after.checkpoint(name)
        point = before.within(rungs.window, scene.now)
        point = evolve(point, alone=point.alone + 1, since=scene.now)
        told.append(events.GuessesCounted(**scene.head(), lane=name, count=point.total))
        if name == lane.name(kind):
            rung = policy.lockout.rung(kind, lane, point.total, opened)
            told += () if rung in ("", before.rung) else reached(scene, rung=rung, lane=name, count=point.total)
            point = point.at_rung(rung or before.rung)
        after = after.with_checkpoint(point)
    return Step(Done(), after, tuple(told))


def give_back(policy: Policy, record: Record, *, kind: SecretClass, lane: Lane, past: Record) -> Step:
    """Take back one guess that was counted alone: nothing was compared, or it was right."""
    after = record
    for name in policy.lockout.remembered(kind, lane):
        point = record.checkpoint(name)
        if point.alone and _same_count(record, past, name):
            after = after.with_checkpoint(evolve(point, alone=point.alone - 1))
    return Step(Done(), after)


def forgive(record: Record, *, lane: str, number: int, left: int, past: Record) -> Step:
    """
    Let the record know that its meters forgave *number* failures of a budget, and that *left* remain there.

    It stays at the last step below what is left: the meters come to the next one and tell of none before it, so whatever was
    taken below would be missing after a loss, and more each time.

    *past* is the record as it was before they did. What was written down since is of after, or is too much by what was
    forgiven; taking from it what it may not have counted would be too little.
    """
    point = record.checkpoint(lane)
    if not _same_count(record, past, lane) or point != past.checkpoint(lane) or not point.count:
        return Step(Done(), record)
    count = min(max(point.count - number, left // STEP * STEP), point.count)
    return Step(Done(), record.with_checkpoint(evolve(point, count=count)))


def _same_count(record: Record, past: Record, lane: str) -> bool:
    """Whether what was charged to a lane under *past* still counts: nobody erased, unlocked, reset or opened it meanwhile."""
    before, now = ((one.incarnation, one.meters, era(one, lane)) for one in (past, record))
    return before == now


def reach_rung(policy: Policy, record: Record, *, scene: Scene, kind: SecretClass, lane: Lane, count: int, past: Record) -> Step:
    """
    A failure brought a lane to the next rung: say so once, and tell the owner where guessing is stopped.

    *past* is the record as it was when the attempt began: a lane that was opened since is another one.
    """
    point = record.checkpoint(lane.name(kind))
    rung = policy.lockout.rung(kind, lane, count, point.opened)
    if rung in ("", point.rung) or point.rung == "stopped" or not _same_count(record, past, point.lane):
        return Step(Done(), record)
    after = record.with_checkpoint(evolve(point, count=max(point.count, count)).at_rung(rung))
    return Step(Done(), after, reached(scene, rung=rung, lane=point.lane, count=count))


def reached(scene: Scene, *, rung: str, lane: str, count: int) -> tuple[Event | Notice, ...]:
    """What is said of a rung, once it is reached."""
    if rung == "stopped":
        event = events.GuessingStopped(**scene.head(), lane=lane, count=count)
        return (event,) if lane == UNNOTICED else (event, Notice(MessagePurpose.GUESSING_STOPPED))
    return (events.GuessingSlowed(**scene.head(), lane=lane, count=count),)
