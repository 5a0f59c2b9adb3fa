"""
The subject record: all security state of one subject, one class a part.

Each policy takes and returns its own part. What crosses families goes through the methods of Record. Every collection has
a cap and a defined loser, so a record never grows past 16 KiB.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Self

from acctsec._values import Value, evolve
from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel, ChangeReason

MAX_RESETS = 3
MAX_DEVICES = 5
MAX_NETWORKS = 3  # home, work, the phone
MAX_SESSIONS = 32
MAX_HISTORY = 24
MAX_FACTORS = 5
MAX_SPENT = 24  # resets and tickets within half an hour
MAX_COMMITS = 8
MAX_PLACES = 24
MAX_SIGN_INS = 256  # above, all is halved: who moved house is known in the new one after as many sign-ins
MAX_CHECKPOINTS = 2 * (2 + MAX_DEVICES + MAX_NETWORKS) + 7 + 1
"""Lanes and months of password and factor, the other classes, the hit count."""
MAX_OPENINGS = MAX_DEVICES  # an opened lane takes the room of a device
MAX_CHANGES = 4
MAX_ADDRESSES = 8
MAX_REMOVED = 2  # of them, addresses that were taken off and are told a while longer
MAX_CONTACTS = 5
MAX_BYTES = 16 * 1024

RAPID = timedelta(days=1)
"""Changes of password within so long of each other do not push one out of the history."""

SKEW = timedelta(minutes=1)
"""
How far the clocks of two nodes may be apart. What was handed out further in the future than that was handed out by a broken
clock: it is not accepted, or it would live for as long as that clock was ahead.
"""


Path = tuple[tuple[str, bytes], ...]
"""A place from wide to narrow: at each level, country, network, prefix and address, a keyed digest of its name."""


class Part(Value, frozen=True, kw_only=True):
    """Of a record. Its bytes are ids, digests and what is sealed: none are shown."""

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown if type(value) is not bytes)})"


class Verifier(Part, frozen=True, kw_only=True, array_like=True):
    """
    The stored password hash, sealed.

    *born* is the epoch at which this password was set: it names the password, and stays when the hash is only made again.
    *preparation* numbers the text form that was hashed. *likeliest*: no more than this share of accounts is thought to have the
    password; 1 where nobody looked, or found it more likely than a hit count allows.
    """

    sealed: bytes
    born: int
    preparation: int
    since: datetime
    likeliest: float = 1.0


class Reset(Part, frozen=True, kw_only=True, array_like=True):
    """
    One live reset: digests only. *id* is the handle it was asked under, *recipient* names the address it was mailed to, *initial*
    says that an administrator asked for it.
    """

    id: bytes
    epoch: int
    recipient: bytes
    link: bytes
    code: bytes
    expires: datetime
    code_expires: datetime
    channel: str = "mail"  # or "text"
    proofs: tuple[str, ...] = ()  # what it stands for besides: two administrators agreed
    initial: bool = False
    gives: str = ""  # what those proofs are good for


class Totp(Part, frozen=True, kw_only=True, array_like=True):
    """One authenticator. *last_step* is the newest time step that was accepted; steps only go up."""

    id: str
    name: str
    sealed: bytes
    created: datetime
    last_step: int


class RecoverySet(Part, frozen=True, kw_only=True, array_like=True):
    """The recovery codes of one *generation*: sealed digests, and which of them are used, as bits."""

    generation: int
    sealed: bytes
    total: int
    used: int = 0
    since: datetime | None = None

    @property
    def left(self) -> int:
        """Codes that were not used yet."""
        return self.total - self.used.bit_count()


class Factors(Part, frozen=True, kw_only=True):
    """Everything the subject can prove besides a password."""

    totp: tuple[Totp, ...] = ()
    recovery: RecoverySet | None = None
    generation: int = 0  # of the recovery codes handed out last

    def resealed(self, anew: Mapping[bytes, bytes]) -> Self:
        """The same factors, with what was sealed under an older key in place of the very bytes it was made from."""
        totp = tuple(evolve(one, sealed=anew.get(one.sealed, one.sealed)) for one in self.totp)
        codes = self.recovery and evolve(self.recovery, sealed=anew.get(self.recovery.sealed, self.recovery.sealed))
        return evolve(self, totp=totp, recovery=codes)

    def before(self, instant: datetime) -> Self:
        """Those that were there before an instant. Of codes printed by an older release nobody knows when; they count."""
        totp = tuple(one for one in self.totp if one.created < instant)
        codes = self.recovery
        return evolve(self, totp=totp, recovery=None if codes and codes.since and codes.since >= instant else codes)

    @property
    def live(self) -> bool:
        """Whether a second factor guards this subject. Recovery codes alone do not: they stand in for an authenticator."""
        return bool(self.totp)


class Device(Part, frozen=True, kw_only=True, array_like=True):
    """A browser that once proved everything: it has its own lockout lane, nothing else."""

    id: bytes
    since: datetime


class Network(Part, frozen=True, kw_only=True, array_like=True):
    """A network from which once everything was proven: it has its own lockout lane, *id*, and nothing else. *digest* is keyed."""

    id: bytes
    digest: bytes
    since: datetime

    def named(self, digests: Sequence[bytes]) -> bool:
        """Whether one of *digests*, of one network under each index key in force, is this one's."""
        return any(compare_digest(self.digest, digest) for digest in digests)


class Session(Part, frozen=True, kw_only=True, array_like=True):
    """One session of the subject."""

    id: bytes
    level: AssuranceLevel
    created: datetime
    authenticated: datetime


class Spent(Part, frozen=True, kw_only=True, array_like=True):
    """A ticket that did its work, remembered until it would have expired anyway."""

    id: bytes
    expires: datetime


class Checkpoint(Part, frozen=True, kw_only=True, array_like=True):
    """
    How far the failures of one lane, or of a budget that refills by time, had come when the record last heard of it; how many
    more were counted by processes *alone*, of which no meter knows; the *rung* they reached; and *since* when that is known.
    *opened* says how often the owner opened the lane since a success, a reset or an administrator cleared it. Of all parts there
    are most of these, so what lies in a store are their values without names.
    """

    lane: str
    count: int = 0
    rung: str = ""
    since: datetime | None = None
    alone: int = 0
    opened: int = 0

    def within(self, window: timedelta | None, now: datetime) -> Self:
        """The same without what a ladder with that *window* has forgotten by now."""
        if window is None or (self.since is not None and now < self.since + window):
            return self
        return evolve(self, count=0, alone=0)

    @property
    def total(self) -> int:
        """All failures it knows of."""
        return self.count + self.alone


class Opening(Part, frozen=True, kw_only=True, array_like=True):
    """The owner opened the lane of strangers. *number* only rises: it is part of the name of that lane's meter."""

    number: int
    at: datetime


class Change(Part, frozen=True, kw_only=True, array_like=True):
    """
    A change of which the addresses were told: one that waits, or, with *made*, one that can still be vetoed.

    *kind* says what of, *proofs* on what it rests. It can be made from *until* to *expires*; once it is made, it can be vetoed
    until *expires*. One that is not *weak* rests on proof at the full level: no address alone vetoes it. *about* is the address
    that proves it, as resets name it, or the one that comes or goes, sealed. *code* is a keyed digest of the code that confirms
    it, *vouched* which contacts have agreed, as bits.
    """

    id: bytes
    kind: str
    proofs: tuple[str, ...]
    asked: datetime
    until: datetime
    expires: datetime
    made: datetime | None = None
    weak: bool = True
    about: bytes = b""
    code: bytes = b""
    vouched: int = 0

    @property
    def under_way(self) -> bool:
        """Whether it is decided, and the platform's table still has to follow: what can be vetoed is weak."""
        return self.made is not None and not self.weak


class Contest(Part, frozen=True, kw_only=True, array_like=True):
    """
    A change was vetoed: nobody signs in until proof comes that neither side has shown. *proofs* are those of both sides.

    What was set *since* then does not count: whoever made the change could have set it.
    """

    since: datetime
    proofs: tuple[str, ...]


class Address(Part, frozen=True, kw_only=True, array_like=True):
    """
    What is remembered of an address: what a reset calls it, and *since* when it is verified. *changed*: there was another
    before it. One that was removed is told of what happens until *told*, and is kept for that, *sealed*.
    """

    digest: bytes
    since: datetime
    changed: bool = False
    told: datetime | None = None
    sealed: bytes = b""

    def named(self, names: Sequence[bytes]) -> bool:
        """Whether one of *names*, of one address under each index key in force, is this one's."""
        return any(compare_digest(self.digest, name) for name in names)


class Contact(Part, frozen=True, kw_only=True, array_like=True):
    """Another *subject* whose word counts for this one. *id* is its bit in ``Change.vouched``."""

    id: int
    subject: str
    since: datetime


class History(Part, frozen=True, kw_only=True):
    """
    What a risk policy is told of the owner's sign-ins: how many, on known devices, at which hours (UTC) and from which places.
    """

    sign_ins: int = 0
    known: int = 0
    hours: tuple[int, ...] = (0,) * 24
    places: tuple[tuple[tuple[bytes, ...], int], ...] = ()  # names alone, shortened: each digest has its level in it

    def __repr__(self) -> str:
        return f"History(sign_ins={self.sign_ins}, known={self.known}, places={len(self.places)})"

    def learned(self, at: Path, *, hour: int, known_device: bool) -> Self:
        """
        One full sign-in more, with every step that was asked for: who only guessed a password must teach nothing.

        At most 24 places are kept; the one least used goes, the older first.
        """
        if type(hour) is not int or not 0 <= hour < 24:
            raise ConfigError(f"hour is {hour!r}.", remedy="Give the hour of the sign-in in UTC, 0 to 23.")
        past = self._halved() if self.sign_ins >= MAX_SIGN_INS else self
        counts = dict(past.places)
        names = _names(at)
        count = counts.pop(names, 0) + 1
        if len(counts) >= MAX_PLACES:
            del counts[min(counts, key=counts.__getitem__)]
        counts[names] = count
        hours = tuple(number + (hour == index) for index, number in enumerate(past.hours))
        places = tuple(counts.items())
        return evolve(past, sign_ins=past.sign_ins + 1, known=past.known + known_device, hours=hours, places=places)

    def under(self, beginning: Path) -> int:
        """How many sign-ins came from below a place."""
        names = _names(beginning)
        return sum(count for place, count in self.places if place[: len(names)] == names)

    def _halved(self) -> Self:
        places = tuple((place, count // 2) for place, count in self.places if count > 1)
        hours = tuple(number // 2 for number in self.hours)
        return evolve(self, sign_ins=self.sign_ins // 2, known=self.known // 2, hours=hours, places=places)


def _names(at: Path) -> tuple[bytes, ...]:
    return tuple(name[:6] for _, name in at)


class Record(Part, frozen=True, kw_only=True):
    """
    All security state of one subject.

    *incarnation* is new whenever the subject is created again. *epoch* rises with every change of a credential: whatever
    was minted under an older one is dead. *meters* is part of the names of the subject's meters: raising it starts them anew.
    *lanes* is part of the names of all of them but the budgets that refill by time alone. *openings* are the newest few.
    *habits* are kept where ``Policy.risk`` is set, and stay when the password changes. So do *changes*, *addresses* and
    *contacts*; *contest* ends with the change of password that resolves it.

    *change* says why the password has to change, *change_by* until when it may wait (None: at once). *accepted* names the policy
    that accepted the password last, and *deadline* is until when one that the rules of today refuse is good.
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

    def with_verifier(
        self, *, sealed: bytes, preparation: int, now: datetime, keep: int, likeliest: float = 1.0, accepted: bytes = b""
    ) -> Self:
        """
        Change the password: one epoch further, the old verifier into the history (see ``earlier``), and everything that was
        minted under the old one (resets, sessions, tickets, known devices and networks) gone, with every demand to change it.
        """
        past = () if self.verifier is None else (self.verifier,)
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
        Go one epoch further: every session, ticket and reset of before is dead, and so is every change that waits.

        The resets are remembered as spent, or their requests, handed out again, would make them live once more.
        """
        made = tuple(one for one in self.changes if one.made)
        return evolve(self.with_spent(self.resets), epoch=self.epoch + 1, resets=(), sessions=(), changes=made)

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
        return after.with_checkpoint(Checkpoint(lane=lane, since=now, opened=opened))

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
        return next((point for point in self.checkpoints if point.lane == lane), Checkpoint(lane=lane))

    def with_checkpoint(self, point: Checkpoint) -> Self:
        """
        Remember how far a lane has come. Past the cap those of places that are known no more are forgotten: whoever follows an
        owner from network to network must not push out what is known of the strangers. Then the one heard of longest ago is.
        """
        points = (*(other for other in self.checkpoints if other.lane != point.lane), point)
        if len(points) > MAX_CHECKPOINTS:
            known = {"", *(one.id.hex() for one in self.devices), *(one.id.hex() for one in self.networks)}
            points = tuple(one for one in points if one is point or _place(one.lane) in known)
        return evolve(self, checkpoints=points[-MAX_CHECKPOINTS:])


def _place(lane: str) -> str:
    """The id of the device or network whose lane this is, in hexadecimal; "" for what is of no one place."""
    place = lane.partition("/")[2].removeprefix("network-")
    return place if set(place) <= set("0123456789abcdef") else ""
