"""Guesses: every comparison of a secret is charged before it is made, and settled afterwards."""

from contextlib import suppress
from datetime import timedelta

from acctsec import events
from acctsec._flows.core import BRIEF, EPOCH, Core, Loaded
from acctsec._flows.counting import Counting, Who
from acctsec._flows.hashes import Comparing, NeverStarted, Password
from acctsec._flows.likely import likely
from acctsec._flows.watching import Met, Watching
from acctsec._values import Value, evolve
from acctsec.context import Context
from acctsec.errors import Overloaded, PortError, StoreBusy, StoreUnavailable
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
    era,
    month_of,
)
from acctsec.lockout.hits import NAME as HITS
from acctsec.outcomes import Refused, TryAgain
from acctsec.protocols import AsyncMeterStore, Charge, Granted, Reading, Settle, Settlement
from acctsec.record import Checkpoint, Record, Verifier
from acctsec.steps import No, Scene, Stale, Step, give_back


class Guess(Value, frozen=True, kw_only=True):
    """
    A secret that may be looked at now, with the room that is held for it.

    *typed* is how the subject was named. Where *admitted* is False the lane is closed, or the secret is *too_likely*: do the same
    work, then ``fail``. *likelihood* is what was found of a stranger's password, None where nobody looked.
    *met* is set where it is watched across accounts.
    """

    guesses: "Guesses"
    operation: str
    scene: Scene
    who: Who
    kind: SecretClass
    lane: Lane
    typed: bytes | str
    reserved: "Reserved"
    judgement: Admitted | Closed
    met: Met | None = None
    too_likely: bool = False
    likelihood: float | None = None

    @property
    def admitted(self) -> bool:
        """Whether the real secret may be compared."""
        return isinstance(self.judgement, Admitted) and not self.too_likely

    async def compare(self, verifier: Verifier | None, password: Password) -> Comparing:
        """Compare a password, or only do the same work. One that never began gives its room back."""
        record, hashes = self.who.record or Record(incarnation=b""), self.guesses.core.hashes
        try:
            return await hashes.compare(self.scene, record, verifier, password, typed=self.typed, admitted=self.admitted)
        except NeverStarted as never:
            await self.settle(Settle.VOID)
            raise never.reason from None
        except BaseException as gone:
            if not isinstance(gone, Exception):
                with suppress(RuntimeError):  # no loop is left, or no thread
                    self.guesses.core.ports.later(self._reach_alone)
            raise

    async def _reach_alone(self) -> None:
        """
        Whoever goes away while his secret is compared has used his guess up: his room lapses. What that brings about is told all
        the same, or a guesser could close a lane by hanging up, and its owner would get no news of it and no link.
        """
        with suppress(Exception):  # nobody is there to be told
            await self._reach()

    async def _reach(self) -> None:
        judged, reserved, counting = self.judgement, self.reserved, self.guesses.counting
        if isinstance(judged, Admitted) and judged.new and not reserved.alone:
            month = self.guesses.core.policy.lockout.used_up(self.kind, reserved.charges, reserved.readings)
            await counting.reach(self.scene, self.who, self.kind, self.lane, judged.ordinal, month=month)

    def latest(self, loaded: Loaded) -> Loaded:
        """What was *loaded*, as it is since this guess was counted in it: what is committed next must not lose a race."""
        return self.who.loaded or loaded

    async def settle(self, verdict: Settle, also: tuple[Settlement, ...] = ()) -> tuple[Settlement, ...]:
        """Tell the meters what became of it; and the record, where it counts in their place and nothing was compared."""
        if self._counted_alone and verdict is Settle.VOID:
            await self.guesses.counting.give_back(self.scene, self.who, self.kind, self.lane)
        return await self.guesses.settle(self.reserved, verdict, also)

    @property
    def _counted_alone(self) -> bool:
        return self.reserved.alone and isinstance(self.judgement, Admitted) and self.judgement.new

    def right(self, done: Step) -> Step:
        """A step that goes on from a right secret, with what was counted alone for it taken back in the same commit."""
        if not self._counted_alone or self.who.record is None or isinstance(done.verdict, No | Stale):
            return done
        policy, past = self.guesses.core.policy, self.who.record
        given_back = give_back(policy, done.record, kind=self.kind, lane=self.lane, past=past)
        return evolve(done, record=given_back.record)

    async def fail(self, reason: str) -> Refused:
        """
        Count a failure and refuse. A closed lane charges the source all the same: its guesses must look like anybody's.
        Only a known device is told how long its own lane rests. What a stranger got wrong is seen across accounts as well, but
        for a repeat: a client with a stale password is no attack.
        """
        core, judged = self.guesses.core, self.judgement
        await self._reach()
        await self.settle(Settle.FAILED)
        closed = "hits" if isinstance(judged, Admitted) else "lane"
        core.refused(self.scene, self.operation, "evaluated", reason if self.admitted else closed)
        if self.met is not None and not core.policy.lockout.repeated(self.reserved.charges, self.reserved.readings):
            await self.guesses.watching.wrong(self.scene, self.met)
        until = self.judgement.until if isinstance(self.judgement, Closed) and self.lane.known else None
        return Refused() if until is None else Refused(_left(until, self.scene))

    async def clear(self, password: bytes) -> None:
        """Full success: clear the factor's lane, and the password's, whose reservation *password* was parked for this."""
        record, name = self.who.record or Record(incarnation=b""), self.lane.name(SecretClass.PASSWORD)
        also = self.guesses.core.policy.lockout.clearing(
            self.reserved.charges,
            lane=self.lane,
            hold=password,
            era=era(record, name),
            opened=record.checkpoint(name).opened,
        )
        await self.settle(Settle.CLEAR, also)


class Reserved(Value, frozen=True, kw_only=True):
    """
    What an attempt was charged, what *meters* answered, and whether they are those of this process *alone*; then also whether
    it was charged as one at a lane that has *stopped*.
    """

    charges: tuple[Charge, ...]
    readings: tuple[Reading, ...]
    meters: AsyncMeterStore
    alone: bool = False
    stopped: bool = False

    def split(self, slot: bytes) -> tuple["Reserved", "Reserved"]:
        """What is in a slot, and the rest."""
        pairs = list(zip(self.charges, self.readings, strict=True))
        parts = ([pair for pair in pairs if (pair[0].slot == slot) is inside] for inside in (True, False))
        inside, outside = (
            evolve(self, charges=tuple(charge for charge, _ in part), readings=tuple(reading for _, reading in part))
            for part in parts
        )
        return inside, outside


class Guesses:
    """Charges attempts to every meter that has a say."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.counting: Counting = Counting(core)
        self.watching: Watching = Watching(core)

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
        password: Password | None = None,
        met: Met | None = None,
    ) -> Guess | Refused | TryAgain:
        """
        Charge an attempt before its secret is looked at, and write down the rung it crosses. A *password* that strangers guess is
        put to the hit count as well, where there is one.

        Refused: the caller's own source has to wait; nothing may be compared. TryAgain: all room of his own source, or of a known
        device, is held by attempts under way, and was for as long as ``LockoutPolicy.patience``. How a stranger's attempt is
        *met* may narrow its budgets.
        """
        lane = self.lane(context, who, scene) if kind in LADDERED else Lane()
        likelihood = await self._likelihood(scene, lane, password)
        if isinstance(likelihood, TryAgain):
            return likelihood
        hits = self.core.policy.lockout.hits
        weight = 0 if hits is None or likelihood is None else hits.weight(likelihood)
        tightened = met is not None and met.tightened
        found = await self._reserve(
            scene, who, kind, lane, context, typed=typed, secret=secret, weight=weight, tightened=tightened
        )
        if isinstance(found, TryAgain):
            return found
        reserved, judgement = found
        if isinstance(judgement, OverBudget):
            self.core.refused(scene, operation, "budget", "source")
            return Refused(_left(judgement.until, scene))
        if isinstance(judgement, Admitted):
            counted = await self._counted(scene, who, kind, lane, reserved, judgement)
            if isinstance(counted, TryAgain):
                await self.settle(reserved, Settle.VOID)
                return counted
            who, stopped = counted
            if stopped:
                judgement = Closed(None, stopped=True)
                if reserved.alone and not reserved.stopped:
                    # Nothing is compared, so nothing of the lane may be remembered as wrong; the source counts as ever.
                    inside, reserved = reserved.split(reserved.charges[-1].slot)
                    await self.settle(inside, Settle.VOID)
        lockout = self.core.policy.lockout
        charges, readings = reserved.charges, reserved.readings
        return Guess(
            guesses=self,
            operation=operation,
            scene=scene,
            who=who,
            kind=kind,
            lane=lane,
            typed=typed,
            reserved=reserved,
            judgement=judgement,
            too_likely=lockout.too_likely(who.record, lane, weight=weight, charges=charges, readings=readings),
            likelihood=likelihood,
            met=met,
        )

    async def _likelihood(self, scene: Scene, lane: Lane, password: Password | None) -> float | TryAgain | None:
        """How likely a stranger's password is, where there is a hit count to ask for it."""
        if password is None or lane.known or self.core.policy.lockout.hits is None:
            return None
        try:
            return await likely(self.core, scene, password)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))

    def lane(self, context: Context, who: Who, scene: Scene) -> Lane:
        """The lane of a request: of the device its token names, or of its network, where the record knows one of the two."""
        record = who.record or Record(incarnation=b"")
        device = self.core.tokens.known_device(context.device, scene, record)
        return self.core.policy.lockout.lane(record, device=device, network=scene.network, now=scene.now)

    async def _reserve(
        self,
        scene: Scene,
        who: Who,
        kind: SecretClass,
        lane: Lane,
        context: Context,
        *,
        typed: bytes | str,
        secret: str,
        weight: int,
        tightened: bool,
    ) -> tuple[Reserved, Admitted | Closed | OverBudget] | TryAgain:
        """Charge, and charge again where all room is held by others, holding nothing meanwhile, or where meters were lost."""
        core, waited, floor = self.core, 0.0, 0
        patience = core.policy.lockout.patience.total_seconds()
        while True:
            # Each time another: one that was given back may live on, for those that share it, and would not count this one.
            hold = core.draw(16)
            groups = self._charges(
                scene,
                who,
                kind,
                lane,
                context,
                typed=typed,
                secret=secret,
                weight=weight,
                hold=hold,
                floor=floor,
                tightened=tightened,
            )
            try:
                groups, reserved = await self._charge(scene, who, kind, lane, groups)
            except StoreBusy:  # a crowd at the store is like one in the lane
                return TryAgain(BRIEF)
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

    async def _charge(
        self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, groups: list[tuple[Charge, ...]]
    ) -> tuple[list[tuple[Charge, ...]], Reserved]:
        """
        Put an attempt to the meters; where they do not answer and the policy says so, to what this process counts alone.

        Answers what was charged with what came of it.
        """
        charges = tuple(charge for group in groups for charge in group)
        readings = await self.core.charge(scene, charges)
        if readings is not None:
            return groups, Reserved(charges=charges, readings=readings, meters=self.core.ports.meters)
        record, lockout = who.record, self.core.policy.lockout
        stopped = record is not None and lockout.stopped(record, kind, lane, now=scene.now)
        groups = [lockout.charges_alone(group, kind, stopped=stopped) for group in groups]
        charges = tuple(charge for group in groups for charge in group)
        own = self.core.ports.own_devices if lane.known else self.core.ports.own_meters
        readings = tuple(await own.charge(charges, self.core.instant()))
        return groups, Reserved(charges=charges, readings=readings, meters=own, alone=True, stopped=stopped)

    async def _counted(
        self, scene: Scene, who: Who, kind: SecretClass, lane: Lane, reserved: Reserved, admitted: Admitted
    ) -> tuple[Who, bool] | TryAgain:
        """Let the record know of an attempt the meters admit; it may know that the lane has stopped, from what they do not."""
        counting, lockout = self.counting, self.core.policy.lockout
        if reserved.alone:
            return await counting.count_alone(scene, who, kind, lane, admitted)
        charges, readings = reserved.charges, reserved.readings
        counted = await counting.count(scene, who, lockout.due(charges, readings, kind, lane))
        if isinstance(counted, TryAgain):
            return counted
        who, record = counted, counted.record
        return who, record is not None and lockout.stopped(record, kind, lane, now=scene.now, charges=charges, readings=readings)

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
        weight: int,
        hold: bytes,
        floor: int,
        tightened: bool,
    ) -> list[tuple[Charge, ...]]:
        """One group of charges an index key: while keys rotate, old and new names are charged together."""
        core, record = self.core, who.record
        digest = core.keyring.digest
        hits, point, month, mass, counted_in = core.policy.lockout.hits, Checkpoint.of(""), 0, 0, ""
        if record:
            point, counted_in = record.checkpoint(lane.name(kind)), era(record, lane.name(kind))
            month = record.checkpoint(month_of(kind)).within(core.policy.lockout.month.window, scene.now).count
            mass = 0 if hits is None else record.checkpoint(HITS).within(hits.window, scene.now).count
        groups = []
        for key in range(core.keyring.index_count):
            attempt = Attempt(
                kind=kind,
                lane=lane,
                subject=digest("subject row", *who.names, key=key)[:16],
                source=self.source_row(scene, context, key=key),
                pair=digest("pair", kind.value, scene.tenant, typed, key=key)[:16],
                candidate=self.candidate(scene, who, secret, key=key),
                outside=_truncated(digest("outside candidate", kind.value, scene.tenant, typed, secret, key=key)),
                hold=hold,
                known=point.count,
                floor=floor,
                month=month,
                era=counted_in,
                opened=point.opened,
                weight=weight,
                mass=mass,
                tightened=tightened,
            )
            groups.append(core.policy.lockout.charges(attempt))
        return groups

    def candidate(self, scene: Scene, who: Who, secret: str, *, key: int) -> int:
        """What the meters of a subject know a secret by, as long as it has the same epoch."""
        record = who.record
        epoch = str(record.epoch) if record else "0"
        if record and not scene.active(record):
            epoch += " disabled"  # a right password fails now, and must not be remembered as wrong for later
        return _truncated(self.core.keyring.digest("candidate", *who.names, epoch, secret, key=key))

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
        if settlements:
            try:
                await reserved.meters.settle(settlements, core.instant())
            except StoreUnavailable:
                core.observe(events.PortFailed(tenant="", subject="", at=core.now(), port="meters"))
        return settlements

    def source_row(self, scene: Scene, context: Context, *, key: int = 0) -> bytes:
        """The row of a source's meters."""
        return self.core.keyring.digest("source row", scene.tenant, context.source.key, key=key)[:16]

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
