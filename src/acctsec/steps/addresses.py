"""Addresses and identifiers: asked for, proven, taken off; and what becomes of what was set up before anything was proven."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from acctsec import events
from acctsec._values import Value, evolve
from acctsec.claims import SessionClaims
from acctsec.events import Event
from acctsec.mfa.actions import Action
from acctsec.outcomes import ChangeKind, TryAgain
from acctsec.policy import Policy
from acctsec.protocols import MessagePurpose
from acctsec.record import MAX_CHANGES, Address, Change, Factors, Record
from acctsec.recovery import Proof
from acctsec.steps.changes import dropped, ended, gives_address, held
from acctsec.steps.effects import Carry, Notice, Prove, Step
from acctsec.steps.recovery import CARRYING, Begun
from acctsec.steps.resting import fall, resting_on, without_resting
from acctsec.steps.scene import Scene, live_session, with_method
from acctsec.steps.standing import guarded
from acctsec.steps.verdicts import Done, Held, Making, No

ADDED, REMOVED, IDENTIFIER = (one.value for one in (ChangeKind.ADDRESS_ADDED, ChangeKind.ADDRESS_REMOVED, ChangeKind.IDENTIFIER))
ADDRESSES = frozenset({ADDED, REMOVED})
MAX_WAITING = 2
"""
Changes of addresses that wait at once. The other rooms are for recoveries: whoever has a session must not keep the owner out.
"""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
SESSION = "session"
ADMINISTRATOR = "administrator"


class Named(Value, frozen=True, kw_only=True):
    """
    An address as a record knows it: *names* are its digests under each index key, the newest first, and *sealed* is what is
    kept of one that is told of what happens after it was removed.
    """

    names: tuple[bytes, ...]
    sealed: bytes = b""


# --- adding -----------------------------------------------------------------------------------------------------------


def ask_address(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    claims: SessionClaims,
    change: Change,
    seed: bytes,
    replaces: bool,
    known: bytes,
    same: Collection[bytes],
) -> Step:
    """
    Let a new address wait for its proof, and tell all others. Where the very same is asked for already, by the change *known*, it
    begins anew, and the links that went out for it go on to work; other changes about the *same* address are over.

    One that takes the place of another waits as the removal of that would, and none is added while a change that rested on little
    can still be vetoed.
    """
    if guarded(policy, record, scene=scene, claims=claims, action=Action.CHANGE_ADDRESSES) is None:
        return Step(No("session"), record)
    now = scene.now
    until = max(now + (_wait(policy, record, now) if replaces else timedelta(0)), held(record, since=None, now=now) or now)
    change, earlier = evolve(change, until=until, expires=until + policy.recovery.claim), record.change_of(known)
    if earlier:
        change = evolve(change, id=earlier.id, asked=earlier.asked, code=earlier.code)
    cleared, told = _with_room(record, scene, {*same} - {known})
    after = cleared.with_change(change, now)
    if after is None:
        return Step(TryAgain(min(one.expires for one in record.changes) - now), record)
    return Step(
        Begun(change), after, (*told, _began(scene, change), Prove(change, seed), Notice(MessagePurpose.ADDRESS_PENDING, change))
    )


def send_code(record: Record, *, scene: Scene, change_id: bytes, asked: datetime, code: bytes) -> Step:
    """A message goes out: its code is good from now on, and that of an earlier one no more."""
    change = record.change_of(change_id)
    if change is None or change.kind != ADDED or change.made or scene.now >= change.expires or not scene.active(record):
        return Step(No("dead"), record)
    return Step(Done(), _put(record, evolve(change, asked=asked, code=code)))


def prove_address(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    change_id: bytes,
    method: str,
    claims: SessionClaims | None,
    new: Named,
    gone: Named | None,
) -> Step:
    """
    An address was proven by who reads it: decide the change, once it has waited. From here on the record knows of the address,
    whatever becomes of this process; the platform's table follows.
    """
    change, now = record.change_of(change_id), scene.now
    if change is None or change.kind != ADDED or not scene.active(record):
        return Step(No("dead"), record)
    if change.under_way:
        return Step(Making(change), record)
    if now >= change.expires or not (method or is_proven(change)):
        return Step(No("dead"), record)
    shown = claims is not None and live_session(policy, record, claims, now) is not None
    methods = with_method(change.proofs, method) if method else change.proofs
    change = evolve(change, proofs=with_method(methods, SESSION) if shown else methods)
    until = max(change.until, held(record, since=None, now=now) or change.until)
    if now < until:
        return Step(Held(until), _put(record, change))
    if gone is not None and without_resting(policy, record, scene, gone.names) is None:
        return Step(No("factor"), record)
    # One that was withdrawn was there before, too: its owner is not a stranger to all the rest.
    before = gives_address(change) or scene.reachable or record.addresses
    row = Address(digest=new.names[0], since=now, changed=bool(before))
    after = record.with_address(row, new.names)
    if gone is not None:
        others = [names for names in scene.names if not {*names} & {*gone.names}]
        after = _without(policy, after, scene, gone, told=not _is_newcomer(policy, record, gone, others, now))
    return _decided(record, after, change, now)


def is_proven(change: Change) -> bool:
    """Whether a new address was proven: what administrators said is no proof that anybody reads it."""
    return any(one != Proof.ADMINISTRATORS for one in change.proofs)


# --- taking off -------------------------------------------------------------------------------------------------------


def remove_address(
    policy: Policy,
    record: Record,
    *,
    scene: Scene,
    claims: SessionClaims,
    change: Change,
    known: bytes,
    old: Named,
    others: Sequence[Named],
) -> Step:
    """
    Take an address off: at once where a live factor was shown, else after a wait, of which every address is told. *known* is the
    change that waits for it already, if one does. The last address stays.
    """
    now, waits = scene.now, record.change_of(known)
    if waits and waits.under_way:
        return Step(Making(waits), record)
    if guarded(policy, record, scene=scene, claims=claims, action=Action.CHANGE_ADDRESSES) is None:
        return Step(No("session"), record)
    row = record.address(old.names)
    since = [row.since if row else None, *(one.created for one in resting_on(record, old.names))]
    until = max(filter(None, (held(record, since=one, now=now) for one in since)), default=None)
    if until:
        return Step(Held(until), record)
    if without_resting(policy, record, scene, old.names) is None:
        return Step(No("factor"), record)
    if all(_is_removed(record, one, now) for one in others):
        return Step(No("last address"), record)
    if waits and now < waits.until:
        return Step(Begun(waits), record)
    # One that came lately into the place of another may be a thief's, and has no claim to stay.
    newcomer = _is_newcomer(policy, record, old, [one.names for one in others], now)
    wait = timedelta(0) if newcomer else _wait(policy, record, now)
    if not wait or (waits and now < waits.expires):
        gone = _without(policy, record, scene, old, told=not newcomer)
        return _decided(record, gone, waits or evolve(change, until=now, expires=now + policy.recovery.claim), now)
    change = evolve(change, until=now + wait, expires=now + wait + policy.recovery.claim)
    cleared, told = _with_room(record, scene, {known})
    after = cleared.with_change(change, now)
    if after is None:
        return Step(TryAgain(min(one.expires for one in record.changes) - now), record)
    return Step(Begun(change), after, (*told, _began(scene, change), Notice(MessagePurpose.CHANGE_WAITING, change)))


def withdraw_address(
    policy: Policy, record: Record, *, scene: Scene, change: Change, same: Collection[bytes], old: Named
) -> Step:
    """
    Take an address off that is its owner's no more: at once, and it is told nothing. What was asked for with it, and the *same*
    changes that wait, are dead. The last one goes as well.

    So is an address that administrators have agreed to and that waits: whoever was told of it must keep the veto for as long.
    """
    under_way = next((one for one in record.changes if one.id in same and one.under_way and one.kind == REMOVED), None)
    if under_way:
        return Step(Making(under_way), record)
    if any(one.id in same and one.under_way and one.kind == ADDED for one in record.changes):
        return Step(TryAgain(CARRYING), record)  # decided since it was looked at: the table would follow last, and bring it back
    over = [one for one in record.changes if gives_address(one) and not one.made]
    told = [effect for effect in dropped(record, over, scene=scene, by="withdrawn").effects if isinstance(effect, Event)]
    kept = tuple(one for one in record.changes if one.made or (one.id not in same and one not in over))
    after, change = (
        _without(policy, evolve(record, changes=kept), scene, old, told=False),
        evolve(change, until=scene.now, expires=scene.now + policy.recovery.claim),
    )
    decided = _decided(record, after, change, scene.now, most=MAX_CHANGES)
    return Step(decided.verdict, decided.record, (*told, *decided.effects) if decided.effects else ())


def _without(policy: Policy, record: Record, scene: Scene, old: Named, *, told: bool) -> Record:
    """
    An address is on its way off: what was mailed to it is dead. It is *told* what happens for a while, but for one that had just
    come beside another: a thief's own must not hold a veto afterwards.
    """
    row, now = record.address(old.names), scene.now
    for reset in record.resets:
        if reset.recipient in old.names:
            record = record.without_reset(reset.id)
    record = evolve(record, changes=tuple(one for one in record.changes if one.made or one.about not in old.names))
    # Those of long ago are told no more, and must not take the room of this one.
    record = evolve(record, addresses=tuple(one for one in record.addresses if one.told is None or now < one.told))
    since = row.since if row else LONG_AGO
    kept = Address(
        digest=old.names[0],
        since=since,
        changed=row.changed if row else False,
        told=now + max(policy.recovery.told, CARRYING),
        sealed=old.sealed if told and policy.recovery.told else b"",
    )
    return record.with_address(kept, old.names)


def is_new(policy: Policy, row: Address, now: datetime) -> bool:
    """Whether an address came lately into the place of another: it is told what happens, and stops nothing."""
    return row.changed and now < row.since + policy.recovery.delays.lately


def _is_newcomer(policy: Policy, record: Record, one: Named, others: Sequence[tuple[bytes, ...]], now: datetime) -> bool:
    """
    Whether an address came lately and one that was there before it stays. An owner who moved is no newcomer: what a thief adds
    beside her new address must not be what remains.
    """
    row = record.address(one.names)
    if row is None or not is_new(policy, row, now):
        return False
    rows = (record.address(names) for names in others)
    return any(other is None or (not other.told and other.since < row.since) for other in rows)


# --- identifiers ------------------------------------------------------------------------------------------------------


def change_identifier(
    policy: Policy, record: Record, *, scene: Scene, claims: SessionClaims, change: Change, known: bytes
) -> Step:
    """Let the account answer to another identifier."""
    waits = record.change_of(known)
    if waits and waits.under_way:
        return Step(Making(waits), record)
    if guarded(policy, record, scene=scene, claims=claims, action=Action.CHANGE_IDENTIFIER) is None:
        return Step(No("session"), record)
    until = held(record, since=None, now=scene.now)
    if until:
        return Step(Held(until), record)
    return _decided(record, record, evolve(change, until=scene.now, expires=scene.now + policy.recovery.claim), scene.now)


# --- what follows -----------------------------------------------------------------------------------------------------


def finish(
    policy: Policy, record: Record, *, scene: Scene, change_id: bytes, new: Named | None, gone: Named | None, taken: bool
) -> Step:
    """
    The platform's table has followed, or has the address *taken*: tell it, and be done. Done again it changes nothing.

    *new* is the address that came, *gone* the one that went.
    """
    change = record.change_of(change_id)
    if change is None or not change.under_way:
        return Step(Done(), record)
    after = record.without_change(change_id)
    if taken:
        event = events.ChangeDropped(**scene.head(), change=change_id.hex(), kind=change.kind, by="taken")
        return Step(No("taken"), _taken_back(after, new, gone), (event,))
    withdrawn = change.proofs[:1] == (ADMINISTRATOR,)
    after, fallen = fall(policy, after, scene, gone.names if gone else (), withdrawn=withdrawn)
    if change.kind == IDENTIFIER:
        replaced = events.IdentifierReplaced(**scene.head(), change=change_id.hex())
        return Step(Done(), after, (replaced, Notice(MessagePurpose.IDENTIFIER_CHANGED)))
    if new is None:
        name = gone.names[0].hex() if gone else ""
        actor = change.proofs[1] if change.proofs[:1] == (ADMINISTRATOR,) else ""
        dropped = events.AddressDropped(**scene.head(), change=change_id.hex(), address=name, actor=actor)
        return Step(Done(), after, (dropped, Notice(MessagePurpose.ADDRESS_REMOVED), *fallen))
    made: Change | None = None
    if gives_address(change):  # it rests on no proof of the owner, and so it can be vetoed for a while as any recovery can
        made = evolve(change, weak=True, expires=scene.now + policy.recovery.veto_window)
        after = evolve(after, changes=(*after.changes, made))
    purges = purged(record, change, new)
    proven = events.AddressProven(
        **scene.head(), change=change_id.hex(), address=new.names[0].hex(), methods=change.proofs, purged=purges
    )
    over = ended(record, scene, but=change.id) if purges else ()
    told = (proven, Notice(MessagePurpose.ADDRESS_ADDED, made), *fallen, *over)
    return Step(Done(count=purges), _purged(after) if purges else after, told)


def purged(record: Record, change: Change, new: Named) -> bool:
    """
    Whether a change that is under way purges: the first address, and nobody showed a session beside its mailbox. Whoever set the
    rest up may have been anybody.
    """
    row = record.address(new.names)
    return SESSION not in change.proofs and row is not None and not row.changed


def _purged(record: Record) -> Record:
    """
    Without all that can have been set up by who proved nothing: what is kept is named here, so that nothing new is forgotten.
    """
    after = record.with_epoch()
    return Record(
        incarnation=record.incarnation,
        epoch=after.epoch,
        meters=record.meters,
        lanes=record.lanes,
        factors=Factors(generation=record.factors.generation),
        spent=after.spent,
        checkpoints=record.checkpoints,
        openings=record.openings,
        disabled=record.disabled,
        commits=record.commits,
        changes=tuple(one for one in record.changes if one.under_way),
        addresses=record.addresses,
    )


def _taken_back(record: Record, new: Named | None, gone: Named | None) -> Record:
    if new is not None:
        record = record.without_address(new.names)
    row = record.address(gone.names) if gone else None
    if gone is None or row is None:
        return record
    return record.with_address(evolve(row, told=None, sealed=b""), gone.names)


def _decided(record: Record, after: Record, change: Change, now: datetime, *, most: int = MAX_WAITING) -> Step:
    """
    From here on nobody stops it, and it is done by whoever gets to it: this process, or the next delivery. *after* is the record
    with all that it brings.

    At *most* so many are under way, of which a table that cannot follow may keep each for ever: the rest is room for recoveries.
    """
    if sum(one.under_way for one in record.changes) >= most:
        return Step(TryAgain(CARRYING), record)
    made = evolve(change, made=now, weak=False)
    decided = after.without_change(change.id).with_change(made, now)
    if decided is None:  # all rooms are taken: what is decided comes before what waits, and nothing before what can be vetoed
        waiting = sorted((one for one in after.changes if not one.made), key=_worth)
        if not waiting:
            return Step(TryAgain(CARRYING), record)
        decided = evolve(after, changes=(*(one for one in after.changes if one is not waiting[0]), made))
    return Step(Making(made), decided, (Carry(made),))


def _worth(change: Change) -> bool:
    """Whether a change that waits is for an owner who is lost: the others can be asked for again."""
    return change.kind not in ADDRESSES or gives_address(change)


def _put(record: Record, change: Change) -> Record:
    return evolve(record, changes=tuple(change if one.id == change.id else one for one in record.changes))


def _wait(policy: Policy, record: Record, now: datetime) -> timedelta:
    """
    How long an address stays that somebody takes off: not at all where a live factor was shown that has been there for as long.
    A thief who sets one up himself is no sooner there by it.
    """
    wait = policy.recovery.delays.address_changed
    return timedelta(0) if record.factors.before(now - wait).usable else wait


def _is_removed(record: Record, one: Named, now: datetime) -> bool:
    row = record.address(one.names)
    return row is not None and row.told is not None and now < row.told


def _with_room(record: Record, scene: Scene, same: Collection[bytes]) -> tuple[Record, list[Event]]:
    """
    The record with room for one more change of an address: those of the same one go, then the oldest; what administrators gave
    the owner is none of those.
    """
    waiting = [one for one in record.changes if one.kind in ADDRESSES and not one.made]
    waiting = [one for one in waiting if one.id in same or not gives_address(one)]
    others = [one for one in waiting if one.id not in same and scene.now < one.expires]
    room = MAX_WAITING - sum(one.under_way for one in record.changes) - 1
    going = [one for one in waiting if one not in others] + others[: max(len(others) - max(room, 0), 0)]
    told: list[Event] = []
    for one in going:
        record = record.without_change(one.id)
        if scene.now < one.expires:
            told.append(events.ChangeDropped(**scene.head(), change=one.id.hex(), kind=one.kind, by="newer"))
    return record, told


def _began(scene: Scene, change: Change) -> Event:
    head = scene.head()
    return events.ChangeBegan(**head, change=change.id.hex(), kind=change.kind, methods=(SESSION,), until=change.until)
