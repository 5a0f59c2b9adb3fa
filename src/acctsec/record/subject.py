"""The record of a subject, and what crosses the families."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Self

from acctsec._values import evolve
from acctsec.outcomes import ChangeReason
from acctsec.record._part import Part
from acctsec.record.factors import Factors
from acctsec.record.habits import History
from acctsec.record.limits import (
    MAX_ADDRESSES,
    MAX_CHANGES,
    MAX_CHECKPOINTS,
    MAX_CONTACTS,
    MAX_DEVICES,
    MAX_HISTORY,
    MAX_OPENINGS,
    MAX_REMOVED,
    MAX_SESSIONS,
    MAX_SPENT,
    RAPID,
)
from acctsec.record.lockout import Checkpoint, Opening, blank
from acctsec.record.passwords import Reset, Verifier
from acctsec.record.recovery import Address, Change, Contact, Contest
from acctsec.record.sessions import Device, Network, Session, Spent


class Record(Part, frozen=True, kw_only=True, array_like=True):
    """
    All security state of one subject.

    *incarnation* is new whenever the subject is created again. *epoch* rises with every change of a credential: whatever
    was minted under an older one is dead. *meters* is part of the names of the subject's meters: raising it starts them anew.
    *lanes* is part of the names of all of them but the budgets that refill by time alone. *openings* are the newest few.
    *habits* are kept where ``Policy.risk`` is set, and stay when the password changes. So do *changes*, *addresses* and
    *contacts*; *contest* ends with the change of password that resolves it.

    *enroll_by* is until when a factor that the policy demands may still be set up; it is set once. *change* says why the password
    has to change, *change_by* until when it may wait (None: at once). *accepted* names the policy
    that accepted the password last, and *deadline* is until when one that the rules of today refuse is good.

    In a store lie the values alone, in this order: 220 bytes of names less. A new field comes last.
    """

    incarnation: bytes
    epoch: int = 0
    meters: int = 0
    lanes: int = 0
    verifier: Verifier | None = None
    history: tuple[Verifier, ...] = ()
    resets: tuple[Reset, ...] = ()
    factors: Factors = Factors()
    devices: tuple[Device, ...] = ()
    networks: tuple[Network, ...] = ()
    sessions: tuple[Session, ...] = ()
    spent: tuple[Spent, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    openings: tuple[Opening, ...] = ()
    change: ChangeReason | None = None
    change_by: datetime | None = None
    accepted: bytes = b""
    deadline: datetime | None = None
    disabled: bool = False
    commits: tuple[bytes, ...] = ()
    habits: History | None = None
    changes: tuple[Change, ...] = ()
    contest: Contest | None = None
    addresses: tuple[Address, ...] = ()
    contacts: tuple[Contact, ...] = ()
    enroll_by: datetime | None = None

    def with_verifier(
        self, *, sealed: bytes, preparation: int, now: datetime, keep: int, likeliest: float = 1.0, accepted: bytes = b""
    ) -> Self:
        """
        Change the password: one epoch further, and the old verifier into the history (see ``earlier``).

        Everything that was minted under the old one is gone (resets, sessions, tickets, known devices and networks), with every
        demand to change it.
        """
        past = () if self.verifier is None else (self.verifier.past,)
        verifier = Verifier(sealed=sealed, born=self.epoch + 1, preparation=preparation, since=now, likeliest=likeliest)
        free = evolve(self.with_epoch().without_places(), change=None, change_by=None, deadline=None, accepted=accepted)
        changed = evolve(free, verifier=verifier, history=(*past, *self.history))
        return evolve(changed, history=changed.earlier(keep, now)[:MAX_HISTORY])

    def earlier(self, keep: int, now: datetime) -> tuple[Verifier, ...]:
        """
        The passwords that may not come back: the *keep* last ones, and all that were in use within the last day, so that
        nobody changes his a few times in a row to have the old one back. None where *keep* is 0.
        """
        if not keep:
            return ()
        newer = (self.verifier, *self.history)
        ended = [now if one is None else one.since for one in newer]
        past = zip(range(len(self.history)), self.history, ended, strict=False)
        return tuple(one for number, one, end in past if number < keep or now < end + RAPID)

    def resealed(self, anew: Mapping[bytes, bytes]) -> Self:
        """The same record, with what was sealed under an older key in place of the very bytes it was made from."""
        if not anew:
            return self
        verifier = self.verifier and evolve(self.verifier, sealed=anew.get(self.verifier.sealed, self.verifier.sealed))
        history = tuple(evolve(one, sealed=anew.get(one.sealed, one.sealed)) for one in self.history)
        addresses = tuple(evolve(one, sealed=anew.get(one.sealed, one.sealed)) for one in self.addresses)
        changes = tuple(evolve(one, about=anew.get(one.about, one.about)) for one in self.changes)
        factors = self.factors.resealed(anew)
        return evolve(self, verifier=verifier, history=history, factors=factors, addresses=addresses, changes=changes)

    def with_epoch(self) -> Self:
        """
        Go one epoch further: every session, ticket and reset of before is dead, and so is every change that waits. No device is
        let in without a second factor any longer, and what was sent or pushed is void.

        The resets are remembered as spent, or their requests, handed out again, would make them live once more.
        """
        made = tuple(one for one in self.changes if one.made)
        devices = tuple(evolve(one, remembered=None) if one.remembered else one for one in self.devices)
        after = evolve(self.with_spent(self.resets), epoch=self.epoch + 1, resets=(), sessions=(), changes=made, devices=devices)
        return evolve(after, factors=evolve(after.factors, sent=(), prompt=None))

    def with_spent(self, resets: Sequence[Reset]) -> Self:
        """Remember resets as spent."""
        killed = tuple(Spent(id=reset.id, expires=reset.expires) for reset in resets)
        return evolve(self, spent=(*self.spent, *killed)[-MAX_SPENT:]) if killed else self

    def with_fresh_meters(self) -> Self:
        """Start the subject's meters anew; what was counted before is forgotten."""
        return evolve(self, meters=self.meters + 1, checkpoints=(), openings=())

    def with_fresh_lanes(self, *, kept: Collection[str]) -> Self:
        """Start the subject's lanes anew; the budgets in *kept* go on, and so does what the record knows of them."""
        left = tuple(point for point in self.checkpoints if point.lane in kept)
        return evolve(self, lanes=self.lanes + 1, checkpoints=left)

    def with_opening(self, lane: str, *, now: datetime) -> Self:
        """
        Open a lane for as many failures as a device has. Where there is no room beside the known devices, the one seen
        longest ago is forgotten, and its lane with it.
        """
        opened = self.checkpoint(lane).opened + 1
        excess = max(len(self.devices) + opened - MAX_DEVICES, 0)
        number = self.openings[-1].number + 1 if self.openings else 1
        openings = (*self.openings, Opening(number=number, at=now))[-MAX_OPENINGS:]
        after = evolve(self, openings=openings, devices=self.devices[excess:])
        return after.with_checkpoint(Checkpoint.of(lane, since=now, opened=opened))

    def with_change(self, change: Change, now: datetime) -> Self | None:
        """
        Add a change, or put it in place of the one of its id. Those that are over go. Where there is no room, None: nobody pushes
        out what waits, nor the only one that can be vetoed, nor what is under way.

        Of several that were made, one goes after all: whoever goes on making changes must not run out of room for the next. The
        first keeps its notice's veto, and so do the last ones; the one that is made next takes on what it stood for.
        """
        kept = [one for one in self.changes if one.id != change.id and (now < one.expires or one.under_way)]
        after = (*kept, change)
        if len(after) > MAX_CHANGES:
            made = [one for one in after if one.made is not None and one.weak]
            if len(made) < 2:
                return None
            loser, heir = made[1:3] if len(made) > 2 else made
            proofs = tuple(dict.fromkeys((*loser.proofs, *heir.proofs)))
            joined = evolve(heir, asked=min(loser.asked, heir.asked), proofs=proofs)
            after = tuple(joined if one is heir else one for one in after if one is not loser)
        return evolve(self, changes=after)

    def without_change(self, change_id: bytes) -> Self:
        """Without a change."""
        return evolve(self, changes=tuple(one for one in self.changes if one.id != change_id))

    def address(self, names: Sequence[bytes]) -> Address | None:
        """What is remembered of an address that has one of these digests, one under each index key."""
        return next((one for one in self.addresses if one.named(names)), None)

    def with_address(self, address: Address, names: Sequence[bytes]) -> Self:
        """
        Remember an address in place of what is known of it by these digests. Past the caps the verified one that is known longest
        goes; of those that were removed first who is not told, then the one that was verified last: a newcomer must not push
        out an owner's old address by coming and going.
        """
        rows = [*(one for one in self.addresses if not one.named(names)), address]
        live = sorted((one for one in rows if one.told is None), key=lambda one: one.since)[-(MAX_ADDRESSES - MAX_REMOVED) :]
        removed = sorted((one for one in rows if one.told), key=lambda one: (not one.sealed, one.since))[:MAX_REMOVED]
        return evolve(self, addresses=(*live, *removed))

    def without_address(self, names: Sequence[bytes]) -> Self:
        """Remember nothing of an address."""
        return evolve(self, addresses=tuple(one for one in self.addresses if not one.named(names)))

    def change_of(self, change_id: bytes) -> Change | None:
        """The change of that id."""
        return next((one for one in self.changes if one.id == change_id), None)

    def without_reset(self, reset: bytes) -> Self:
        """Without a live reset, which is remembered as spent."""
        ended = tuple(Spent(id=one.id, expires=one.expires) for one in self.resets if one.id == reset)
        left = tuple(one for one in self.resets if one.id != reset)
        return evolve(self, resets=left, spent=(*self.spent, *ended)[-MAX_SPENT:])

    def contested(self, *, since: datetime, proofs: tuple[str, ...]) -> Self:
        """Frozen, until somebody shows more than *proofs*, and without what was set up *since*."""
        past = self.contest
        if past is not None:
            since, proofs = min(since, past.since), tuple(dict.fromkeys((*past.proofs, *proofs)))
        return evolve(self, contest=Contest(since=since, proofs=proofs))

    def settled(self) -> Self:
        """No longer contested: what was set up since the change that was vetoed is gone."""
        if self.contest is None:
            return self
        since = self.contest.since
        contacts = tuple(one for one in self.contacts if one.since < since)
        return evolve(self, contest=None, factors=self.factors.before(since), contacts=contacts)

    def with_contact(self, subject: str, now: datetime) -> Self | None:
        """Add a trusted contact under a number nobody has; None where there are as many as may be."""
        free = set(range(MAX_CONTACTS)) - {one.id for one in self.contacts}
        if not free:
            return None
        return evolve(self, contacts=(*self.contacts, Contact(id=min(free), subject=subject, since=now)))

    def without_contact(self, contact: Contact) -> Self:
        """Without a contact, and without all that it has agreed to: its number may go to another."""
        left = tuple(one for one in self.contacts if one.id != contact.id)
        changes = tuple(evolve(one, vouched=one.vouched & ~(1 << contact.id)) if one.vouched else one for one in self.changes)
        return evolve(self, contacts=left, changes=changes)

    def with_session(self, session: Session) -> Self:
        """Add a session; past the cap the oldest one ends."""
        return evolve(self, sessions=(*self.sessions, session)[-MAX_SESSIONS:])

    def with_turned(self, session: Session) -> Self:
        """Put a session in place of the row of its id."""
        return evolve(self, sessions=tuple(session if one.id == session.id else one for one in self.sessions))

    def without_session(self, session_id: bytes) -> Self:
        """Without a session."""
        return evolve(self, sessions=tuple(one for one in self.sessions if one.id != session_id))

    def with_device(self, device: Device) -> Self:
        """
        Add or refresh a known device; past the cap the one seen longest ago is forgotten, and its lane with it. While the
        lane of strangers is open by its owner's doing there is room for fewer.
        """
        others = tuple(known for known in self.devices if known.id != device.id)
        room = max(MAX_DEVICES - sum(point.opened for point in self.checkpoints), 1)
        return evolve(self, devices=(*others, device)[-room:])

    def without_places(self) -> Self:
        """Forget every known device and network."""
        return evolve(self, devices=(), networks=())

    def without_checkpoint(self, lane: str) -> Self:
        """Forget how far the failures of a lane had come."""
        if all(point.lane != lane for point in self.checkpoints):
            return self
        return evolve(self, checkpoints=tuple(point for point in self.checkpoints if point.lane != lane))

    def device(self, device_id: bytes | None) -> Device | None:
        """The known device of that id."""
        return next((device for device in self.devices if device.id == device_id), None)

    def session(self, session_id: bytes) -> Session | None:
        """The session of that id."""
        return next((session for session in self.sessions if session.id == session_id), None)

    def checkpoint(self, lane: str) -> Checkpoint:
        """What the record knows of a lane."""
        for point in self.checkpoints:
            if point.lane == lane:
                return point
        return blank(lane)

    def with_checkpoint(self, point: Checkpoint) -> Self:
        """
        Remember how far a lane has come. Past the cap those of places that are known no more are forgotten: whoever follows an
        owner from network to network must not push out what is known of the strangers. Then the one heard of longest ago is.
        """
        points = (*(other for other in self.checkpoints if other.lane != point.lane), point)
        if len(points) > MAX_CHECKPOINTS:
            known = {b"", *(one.id for one in self.devices), *(one.id for one in self.networks)}
            points = tuple(one for one in points if one is point or one.place in known)
        return evolve(self, checkpoints=points[-MAX_CHECKPOINTS:])
