"""Guesses: every comparison of a secret is charged before it is made, and settled afterwards."""

from datetime import timedelta

from acctsec import events
from acctsec._flows.core import BRIEF, EPOCH, Comparing, Core, Loaded, NeverStarted
from acctsec._flows.tokens import Purpose
from acctsec._values import Value, evolve
from acctsec.claims import DeviceClaims
from acctsec.context import Context
from acctsec.errors import CommitUnknown, PortError, StoreUnavailable
from acctsec.events import Event
from acctsec.identifiers import Identifier
from acctsec.keyring import frame
from acctsec.lockout import (
    LADDERED,
    Admitted,
    Attempt,
    Closed,
    Crowded,
    Judgement,
    Lane,
    OverBudget,
    SecretClass,
    month_of,
)
from acctsec.outcomes import Refused, TryAgain
from acctsec.protocols import AsyncMeterStore, Charge, Granted, Reading, Settle, Settlement
from acctsec.record import Record, Verifier
from acctsec.steps import No, Notice, Scene, count_alone, count_guesses, reach_rung, reached

PHANTOM = frame("phantom")


class Who(Value, frozen=True, kw_only=True):
    """Whose secret is guessed: a subject, or the phantom of an unknown identifier, which is metered like one."""

    names: tuple[bytes | str, ...]
    loaded: Loaded | None = None

    @property
    def record(self) -> Record | None:
        """The subject's record; a phantom has none."""
        return self.loaded.record if self.loaded else None


def known(scene: Scene, loaded: Loaded) -> Who:
    """A subject as the owner of meters: named with its incarnation and meter generation."""
    record = loaded.record
    life = record.incarnation if loaded.version else b""
    names = ("subject", scene.tenant, scene.subject, life, record.meters.to_bytes(8, "big"))
    return Who(names=names, loaded=loaded)


def phantom(tenant: str, identifier: Identifier) -> Who:
    """An unknown identifier as the owner of meters."""
    return Who(names=("phantom", tenant, identifier.kind.value, identifier.value))


class Guess(Value, frozen=True, kw_only=True):
    """
    A secret that may be looked at now, with the room that is held for it.

    Where *admitted* is False the lane rests or has stopped: do the same work on a decoy, then ``fail``.
    """

    guesses: "Guesses"
    operation: str
    scene: Scene
    who: Who
    kind: SecretClass
    lane: Lane
    reserved: "Reserved"
    judgement: Admitted | Closed

    @property
    def admitted(self) -> bool:
        """Whether the real secret may be compared."""
        return isinstance(self.judgement, Admitted)

    @property
    def ordinal(self) -> int:
        """Failures and attempts under way in the lane, this one included."""
        return self.judgement.ordinal if isinstance(self.judgement, Admitted) else 0

    async def compare(self, verifier: Verifier | None, password: str) -> Comparing:
        """Compare a password, or do the same work on a decoy. One that never began gives its room back."""
        record = self.who.record or Record(incarnation=b"")
        try:
            return await self.guesses.core.compare(self.scene, record, verifier if self.admitted else None, password)
        except NeverStarted as never:
            await self.settle(Settle.VOID)
            raise never.reason from None

    async def settle(self, verdict: Settle) -> tuple[Settlement, ...]:
        """Tell the meters what became of it."""
        return await self.guesses.settle(self.reserved, verdict)

    async def fail(self, reason: str) -> Refused:
        """
        Count a failure and refuse. A closed lane charges the source all the same: its guesses must look like anybody's.
        Only a known device is told how long its own lane rests.
        """
        core = self.guesses.core
        if isinstance(self.judgement, Admitted) and self.judgement.new and not self.reserved.alone:
            await self.guesses.reach(self)
        await self.settle(Settle.FAILED)
        core.refused(self.scene, self.operation, "evaluated", reason if self.admitted else "lane")
        until = self.judgement.until if isinstance(self.judgement, Closed) and self.lane.known else None
        return Refused() if until is None else Refused(_left(until, self.scene))

    async def clear(self, password: bytes) -> None:
        """Full success: clear the factor's lane, and the password's, whose reservation *password* was parked for this."""
        also = self.guesses.core.policy.lockout.clearing(self.reserved.charges, lane=self.lane, hold=password)
        await self.guesses.settle(self.reserved, Settle.CLEAR, also)


class Reserved(Value, frozen=True, kw_only=True):
    """What an attempt was charged, what the meters answered, and whether this process had to count *alone*."""

    charges: tuple[Charge, ...]
    readings: tuple[Reading, ...]
    alone: bool

    def split(self, slot: bytes) -> tuple["Reserved", "Reserved"]:
        """What is in a slot, and the rest."""
        pairs = list(zip(self.charges, self.readings, strict=True))
        parts = ([pair for pair in pairs if (pair[0].slot == slot) is inside] for inside in (True, False))
        inside, outside = (
            Reserved(charges=tuple(c for c, _ in part), readings=tuple(r for _, r in part), alone=self.alone) for part in parts
        )
        return inside, outside


class Guesses:
    """Charges attempts to every meter that has a say."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def begin(
        self,
        operation: str,
        scene: Scene,
        who: Who,
        kind: SecretClass,
        context: Context,
        *,
        typed: bytes | str,
        secret: str,
    ) -> Guess | Refused | TryAgain:
        """
        Charge an attempt before its secret is looked at, and write down the rung it crosses.

        Refused: the caller's own source has to wait; nothing may be compared. TryAgain: all room is held by attempts under
        way, and was for as long as ``LockoutPolicy.patience``.
        """
        lane = self._lane(context, who, scene) if kind in LADDERED else Lane()
        found = await self._reserve(scene, who, kind, lane, context, typed=typed, secret=secret)
        if isinstance(found, TryAgain):
            return found
        reserved, judgement = found
        if isinstance(judgement, OverBudget):
            self.core.refused(scene, operation, "budget", "source")
            return Refused(_left(judgement.until, scene))
        if isinstance(judgement, Admitted):
            admitted = await self._admit(scene, who, kind, lane, reserved, judgement)
            if isinstance(admitted, TryAgain):
                await self.settle(reserved, Settle.VOID)
                return admitted
            who, reserved, judgement = admitted
        return Guess(
            guesses=self,
            operation=operation,
            scene=scene,
            who=who,
            kind=kind,
            lane=lane,
            reserved=reserved,
            judgement=judgement,
        )

    def _lane(self, context: Context, who: Who, scene: Scene) -> Lane:
        """The lane of a request: that of a known device if its token names one the record knows."""
        claims = self.core.tokens.open(Purpose.DEVICE, context.device, DeviceClaims)
        record = who.record
        if claims is None or record is None or (claims.tenant, claims.subject) != (scene.tenant, scene.subject):
            return Lane()
        device = record.device(claims.id)
        if device is None or claims.incarnation != record.incarnation:
            return Lane()
        return Lane(device.id) if scene.now < device.since + self.core.policy.lockout.remember else Lane()

    async def _reserve(
        self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, context: Context, *, typed: bytes | str, secret: str
    ) -> tuple[Reserved, Admitted | Closed | OverBudget] | TryAgain:
        """Charge, and charge again where all room is held by others, holding nothing meanwhile, or where meters were lost."""
        core, hold, waited, floor = self.core, self.core.draw(16), 0.0, 0
        patience = core.policy.lockout.patience.total_seconds()
        while True:
            groups = self._charges(scene, who, kind, lane, context, typed=typed, secret=secret, hold=hold, floor=floor)
            groups, reserved = await self._charge(scene, groups)
            judgement = self._judge(groups, reserved.readings)
            lost = 0
            if isinstance(judgement, Admitted) and not floor and not reserved.alone:
                lost = await self._lost(who, lane.name(kind), groups, reserved.readings)
            if lost or isinstance(judgement, OverBudget | Crowded):
                await self.settle(reserved, Settle.VOID)
            if lost:
                floor = lost
                continue
            if not isinstance(judgement, Crowded):
                return reserved, judgement
            if waited >= patience:
                return TryAgain(BRIEF)
            step = 0.01 + core.jitter(3)
            await core.ports.pause(step)
            waited += step

    async def _charge(self, scene: Scene, groups: list[tuple[Charge, ...]]) -> tuple[list[tuple[Charge, ...]], Reserved]:
        """
        Put an attempt to the meters; where they do not answer and the policy says so, to what this process counts alone.

        Answers what was charged with what came of it.
        """
        charges = tuple(charge for group in groups for charge in group)
        readings = await self.core.charge(scene, charges)
        if readings is not None:
            return groups, Reserved(charges=charges, readings=readings, alone=False)
        groups = [self.core.policy.lockout.charges_alone(group) for group in groups]
        charges = tuple(charge for group in groups for charge in group)
        return groups, Reserved(charges=charges, readings=await self.core.charge_own(charges), alone=True)

    async def _lost(self, who: Who, lane: str, groups: list[tuple[Charge, ...]], readings: tuple[Reading, ...]) -> int:
        """
        How many failures of a lane the record knows of, if a meter knows of fewer; 0 if none does.

        The record is read again before it is believed: a success may have cleared both since it was read first, and what
        it cleared must not come back.
        """
        if who.loaded is None or not _short(groups, readings, who.loaded.record.checkpoint(lane).count):
            return 0
        latest = await self.core.load(who.loaded.key, fresh=b"")
        count = latest.record.checkpoint(lane).count
        return count if _short(groups, readings, count) else 0

    def _charges(
        self,
        scene: Scene,
        who: Who,
        kind: SecretClass,
        lane: Lane,
        context: Context,
        *,
        typed: bytes | str,
        secret: str,
        hold: bytes,
        floor: int,
    ) -> list[tuple[Charge, ...]]:
        """One group of charges an index key: while keys rotate, old and new names are charged together."""
        core, record = self.core, who.record
        digest = core.keyring.digest
        epoch, past, month = "0", 0, 0
        if record:
            epoch, past = str(record.epoch), record.checkpoint(lane.name(kind)).count
            month = record.checkpoint(month_of(kind)).within(core.policy.lockout.month.window, scene.now).count
        if record and not scene.active(record):
            epoch += " disabled"  # a right password fails now, and must not be remembered as wrong for later
        groups = []
        for key in range(core.keyring.index_count):
            attempt = Attempt(
                kind=kind,
                lane=lane,
                subject=digest("subject row", *who.names, key=key)[:16],
                source=self.source_row(scene, context, key=key),
                pair=digest("pair", kind.value, scene.tenant, typed, key=key)[:16],
                candidate=_truncated(digest("candidate", *who.names, epoch, secret, key=key)),
                outside=_truncated(digest("outside candidate", kind.value, scene.tenant, typed, secret, key=key)),
                hold=hold,
                known=past,
                floor=floor,
                month=month,
            )
            groups.append(core.policy.lockout.charges(attempt))
        return groups

    def _judge(self, groups: list[tuple[Charge, ...]], readings: tuple[Reading, ...]) -> Judgement:
        """Every group has its say; the most restrictive one decides."""
        if len(readings) != sum(map(len, groups)):
            raise PortError("The meter store answered too few charges.", remedy="Run acctsec.testing.check_store on it.")
        if len(groups) == 1:
            return self.core.policy.lockout.judge(groups[0], readings)
        judged: list[Judgement] = []
        at = 0
        for group in groups:
            judged.append(self.core.policy.lockout.judge(group, readings[at : at + len(group)]))
            at += len(group)
        order = (OverBudget, Closed, Crowded, Admitted)
        return min(judged, key=lambda one: (order.index(type(one)), -one.ordinal if isinstance(one, Admitted) else 0))

    async def settle(self, reserved: Reserved, verdict: Settle, also: tuple[Settlement, ...] = ()) -> tuple[Settlement, ...]:
        """
        Tell the meters what became of an attempt, if there is anything to tell.

        Meters that do not answer change nothing about what was decided: the reservation lapses and counts as a failure.
        """
        core = self.core
        settlements = (*core.policy.lockout.settlements(reserved.charges, reserved.readings, verdict), *also)
        meters: AsyncMeterStore = core.ports.own_meters if reserved.alone else core.ports.meters
        if settlements:
            try:
                await meters.settle(settlements, core.instant())
            except StoreUnavailable:
                core.observe(events.PortFailed(tenant="", subject="", at=core.now(), port="meters"))
        return settlements

    def source_row(self, scene: Scene, context: Context, *, key: int = 0) -> bytes:
        """The row of a source's meters."""
        return self.core.keyring.digest("source row", scene.tenant, context.source.key, key=key)[:16]

    async def _count(self, who: Who, scene: Scene, due: dict[str, int]) -> Who:
        """
        Let the record know of every tenth failure, before the secret is compared.

        A phantom has no record; it pays the same flush, so that the tenth guess takes as long for both. Answers whose secret
        it is, with the record as it is now: what is committed next must not lose a race against this.
        """
        if not due:
            return who
        counted = tuple(events.GuessesCounted(**scene.head(), lane=name, count=count) for name, count in due.items())
        loaded = who.loaded
        if loaded is None or not loaded.version:
            await self._say(scene, counted)
            return who
        known = {name: loaded.record.checkpoint(name).count for name in due if not name.endswith("/month")}
        done, now = await self.core.applied(
            scene, loaded, lambda record: count_guesses(record, counted=counted, known=known, meters=loaded.record.meters)
        )
        if not done.effects:
            await self._say(scene, counted)
        return evolve(who, loaded=now)

    async def _admit(
        self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, reserved: Reserved, admitted: Admitted
    ) -> tuple[Who, Reserved, Admitted | Closed] | TryAgain:
        """Let the record know of an attempt the meters admit, and have its say: it knows of guesses that they do not."""
        lockout, loaded = self.core.policy.lockout, who.loaded
        if not reserved.alone:
            who = await self._count(who, scene, lockout.due(reserved.charges, reserved.readings, kind, lane))
            if who.record and lockout.stopped(
                who.record, kind, lane, now=scene.now, charges=reserved.charges, readings=reserved.readings
            ):
                return who, reserved, Closed(None, stopped=True)
            return who, reserved, admitted
        if admitted.new:  # it had to wait for its turn: what it read before is old, and would lose the race below
            latest = await self.core.load(loaded.key if loaded else PHANTOM, fresh=b"")
            if loaded is not None and loaded.version and latest.version:
                loaded = latest
        stopped = loaded is not None and lockout.stopped(loaded.record, kind, lane, now=scene.now)
        if admitted.new and loaded is not None and loaded.version and not stopped:
            policy = self.core.policy
            done, loaded = await self.core.applied(
                scene, loaded, lambda record: count_alone(policy, record, scene=scene, kind=kind, lane=lane)
            )
            if isinstance(done.verdict, TryAgain):
                return done.verdict
            who, stopped = evolve(who, loaded=loaded), isinstance(done.verdict, No)
        elif admitted.new:  # a phantom and a stopped lane pay the same flush
            names = lockout.remembered(kind, lane)
            await self._say(
                scene, tuple(events.GuessesCounted(**scene.head(), lane=name, count=admitted.ordinal) for name in names)
            )
        if not stopped:
            return who, reserved, admitted
        # Nothing was compared, so nothing of the lane may be remembered as wrong; what the source did counts as ever.
        inside, outside = reserved.split(reserved.charges[-1].slot)
        await self.settle(inside, Settle.VOID)
        return who, outside, Closed(None, stopped=True)

    async def reach(self, guess: Guess) -> None:
        """Say that a failure brought the lane to its next rung, at the cost of one flush for a phantom as well."""
        core, loaded, lockout = self.core, guess.who.loaded, self.core.policy.lockout
        kind, lane, count = guess.kind, guess.lane, guess.ordinal
        rung = lockout.rung(kind, lane, count)
        if not rung or rung == lockout.rung(kind, lane, count - 1):
            return
        if loaded and loaded.version and kind in LADDERED:
            await core.apply(
                guess.scene,
                loaded,
                lambda record: reach_rung(core.policy, record, scene=guess.scene, kind=kind, lane=lane, count=count),
            )
            return
        await self._say(guess.scene, reached(guess.scene, rung=rung, lane=lane.name(kind), count=count))

    async def _say(self, scene: Scene, effects: tuple[Event | Notice, ...]) -> None:
        """Commit effects without a record."""
        core, absent = self.core, Loaded(PHANTOM, Record(incarnation=b""), None)
        try:
            await core.commit(scene, absent, None, effects, core.draw(16))
        except CommitUnknown:  # who has a record looks again whether it happened
            await core.ports.pause(core.jitter(1))
            await core.load(absent.key, fresh=b"")

    def wait(self, guess: Guess) -> TryAgain:
        """What somebody is told who has proven who he is and has to wait all the same."""
        until = guess.judgement.until if isinstance(guess.judgement, Closed) else None
        return TryAgain(BRIEF if until is None else max(_left(until, guess.scene), BRIEF))


def _short(groups: list[tuple[Charge, ...]], readings: tuple[Reading, ...], count: int) -> bool:
    """Whether the lane's meter of some group, its last, is further behind *count* than what may be under way at once."""
    end = 0
    for group in groups:
        end += len(group)
        lane = readings[end - 1]
        if isinstance(lane, Granted) and lane.ordinal - lane.new < count - group[-1].ladder.free:
            return True
    return False


def _truncated(digest: bytes) -> int:
    return int.from_bytes(digest[:4], "big")


def _left(until: int, scene: Scene) -> timedelta:
    return max(timedelta(microseconds=until) - (scene.now - EPOCH), timedelta(0))
