"""What every flow stands on: the ports, loading a record, committing a step, reserving a guess, hashing."""

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from attrs import define, evolve, frozen

from acctsec import events
from acctsec._codec import decode_record, encode_record
from acctsec._flows.entries import Entry, Happened, Mail, key, seal
from acctsec._flows.tokens import Purpose, Tokens
from acctsec.budgets import micros
from acctsec.claims import DeviceClaims
from acctsec.context import Context
from acctsec.errors import CommitUnknown, Overloaded, PortError
from acctsec.events import AsyncEventSink, Event
from acctsec.hashing import Comparison
from acctsec.identifiers import Identifier
from acctsec.keyring import Keyring, frame
from acctsec.lockout import Admitted, Attempt, Closed, Crowded, Judgement, Lane, OverBudget, SecretClass
from acctsec.outcomes import Refused, TryAgain
from acctsec.password.preparation import PREPARATION, prepare
from acctsec.policy import Policy
from acctsec.protocols import (
    Account,
    Ambiguous,
    AsyncBreachCorpus,
    AsyncDirectory,
    AsyncMessenger,
    AsyncMeterStore,
    AsyncRecordStore,
    Charge,
    Clock,
    Committed,
    Conflict,
    Entropy,
    Reading,
    Settle,
    Settlement,
    Version,
)
from acctsec.record import MAX_COMMITS, Record, Verifier
from acctsec.steps import Compared, Drawn, NewVerifier, Notice, Scene, Step, count_guess

T = TypeVar("T")

ROUNDS = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 1, 1, tzinfo=UTC)
BRIEF = timedelta(seconds=1)
MAX_OBSERVATIONS = 1024


@define(kw_only=True)
class Ports:
    """Everything outside. The async face hands the async forms in, the blocking face wraps its own."""

    records: AsyncRecordStore
    meters: AsyncMeterStore
    directory: AsyncDirectory
    messenger: AsyncMessenger | None
    sink: AsyncEventSink | None
    corpus: AsyncBreachCorpus | None
    hash: Callable[[Callable[[], object]], Awaitable[object]]
    offload: Callable[[Callable[[], object]], Awaitable[object]]
    pause: Callable[[float], Awaitable[None]]
    clock: Clock
    entropy: Entropy


@frozen
class Loaded:
    """A record as it was read; *record* is a fresh one, and *version* None, where the subject has none yet."""

    key: bytes
    record: Record
    version: Version | None


@frozen(kw_only=True)
class Who:
    """Whose secret is guessed: a subject, or the phantom of an unknown identifier, which is metered like one."""

    tenant: str
    names: tuple[bytes | str, ...]
    epoch: int = 0
    loaded: Loaded | None = None


@frozen
class Reserved:
    """Charges that were answered, and what the answers mean."""

    charges: tuple[Charge, ...]
    readings: tuple[Reading, ...]
    judgement: Judgement


class Core:
    """The ports and the moves that all flows share."""

    def __init__(self, policy: Policy, keyring: Keyring, ports: Ports) -> None:
        self.policy = policy
        self.keyring = keyring
        self.ports = ports
        self.tokens = Tokens(keyring)
        self.observations: deque[Event] = deque()
        self.dropped = 0

    # --- time and chance ---

    def now(self) -> datetime:
        """Read the clock. One that is not aware, or out of range, denies."""
        now = self.ports.clock()
        if type(now) is not datetime or now.tzinfo is None or not EPOCH < now < LATEST:
            raise PortError("The clock did not tell an aware instant between 1970 and 9998.", remedy="Mend the clock port.")
        return now.astimezone(UTC)

    def draw(self, size: int) -> bytes:
        """Draw random bytes; fewer than asked for denies."""
        drawn = self.ports.entropy(size)
        if type(drawn) is not bytes or len(drawn) != size:
            raise PortError(f"The entropy port did not give {size} bytes.", remedy="Leave it at the default.")
        return drawn

    def drawn(self) -> Drawn:
        """The random ids of one operation."""
        return Drawn(session=self.draw(16), device=self.draw(16))

    # --- the platform's table ---

    async def find(self, tenant: str, identifier: Identifier) -> Account | None:
        """Look an identifier up; an ambiguous one is nobody's."""
        found = await port("directory.find", self.ports.directory.find(tenant, identifier.value))
        if found is None or isinstance(found, Account):
            return found
        if isinstance(found, Ambiguous):
            return None
        raise PortError(f"directory.find answered with {type(found).__name__}.", remedy="Answer Account, Ambiguous or None.")

    async def get(self, tenant: str, subject: str) -> Account | None:
        """Look a subject up."""
        found = await port("directory.get", self.ports.directory.get(tenant, subject))
        if found is not None and (not isinstance(found, Account) or found.subject != subject):
            raise PortError("directory.get answered with something else.", remedy="Answer that subject's Account, or None.")
        return found

    # --- records ---

    def record_key(self, tenant: str, subject: str) -> bytes:
        """Where the record of a subject lies."""
        return frame("subject", tenant, subject)

    async def load(self, key: bytes, *, fresh: bytes) -> Loaded:
        """Read a record; where there is none, begin one with the incarnation *fresh*."""
        found = await self.ports.records.load(key)
        if found is None:
            return Loaded(key, Record(incarnation=fresh), None)
        stored, version = found
        return Loaded(key, decode_record(stored), version)

    async def apply(self, scene: Scene, loaded: Loaded, step: Callable[[Record], Step]) -> Step:
        """
        Commit a step, repeating it alone when the commit loses the race or its answer is lost.

        Answers the step that was committed, or one with the verdict TryAgain after eight rounds. A record that did not change, with no effects, is not
        committed. The record remembers its latest commits, so a commit whose answer was lost is recognised.
        """
        commit_id = self.draw(16)
        done = Step(None, loaded.record)
        for round_ in range(ROUNDS):
            if round_:
                await self.ports.pause(self.jitter(round_))
                loaded = await self.load(loaded.key, fresh=loaded.record.incarnation)
                if commit_id in loaded.record.commits:
                    return done
            done = step(loaded.record)
            if done.record == loaded.record and not done.effects:
                return done
            after = evolve(done.record, commits=(*done.record.commits, commit_id)[-MAX_COMMITS:])
            try:
                answer = await self.commit(scene, loaded, after, done.effects, commit_id)
            except CommitUnknown:
                continue
            if isinstance(answer, Committed):
                return done
        return Step(TryAgain(BRIEF), loaded.record)

    async def commit(
        self, scene: Scene, loaded: Loaded, after: Record | None, effects: Sequence[Event | Notice], commit_id: bytes
    ) -> Committed | Conflict:
        """Seal the effects and swap the record."""
        entries = [seal(self.keyring, entry) for entry in self.entries(scene, effects, commit_id)]
        value = None if after is None else encode_record(after)
        answer = await self.ports.records.commit(loaded.key, loaded.version, value, entries, commit_id)
        if not isinstance(answer, Committed | Conflict):
            raise PortError("The store answered a commit with something else.", remedy="Run acctsec.testing.check_store on it.")
        return answer

    def entries(self, scene: Scene, effects: Sequence[Event | Notice], commit_id: bytes) -> list[Entry]:
        """Events as they are, and one mail a verified address for each notice."""
        made: list[Entry] = []
        for effect in effects:
            if isinstance(effect, Event):
                made.append(Happened(key(commit_id, len(made)), effect))
                continue
            for address in scene.account.addresses if scene.account else ():
                mail = Mail(
                    key=key(commit_id, len(made)),
                    purpose=effect.purpose,
                    tenant=scene.tenant,
                    subject=scene.subject,
                    address=address,
                    at=scene.now,
                )
                made.append(mail)
        return made

    def jitter(self, round_: int) -> float:
        """Seconds to wait before round *round_*: random, so that losers do not meet again."""
        return int.from_bytes(self.draw(2), "big") / 65536 * 0.002 * 2**round_

    # --- guesses ---

    def lane(self, context: Context, who: Who, subject: str) -> Lane:
        """The lane of a request: that of a known device if its token names one the record knows."""
        claims = self.tokens.open(Purpose.DEVICE, context.device, DeviceClaims)
        record = who.loaded.record if who.loaded else None
        if claims is None or record is None or (claims.tenant, claims.subject) != (context.tenant, subject):
            return Lane()
        known = claims.incarnation == record.incarnation and record.device(claims.id)
        return Lane(claims.id) if known else Lane()

    def known(self, tenant: str, subject: str, loaded: Loaded) -> Who:
        """A subject as the owner of meters: named with its incarnation and meter generation."""
        record = loaded.record
        life = record.incarnation if loaded.version else b""
        names = ("subject", tenant, subject, life, record.meters.to_bytes(8, "big"))
        return Who(tenant=tenant, names=names, epoch=record.epoch, loaded=loaded)

    def phantom(self, tenant: str, identifier: Identifier) -> Who:
        """An unknown identifier as the owner of meters."""
        return Who(tenant=tenant, names=("phantom", tenant, identifier.kind.value, identifier.value))

    async def reserve(
        self, who: Who, kind: SecretClass, lane: Lane, context: Context, *, typed: bytes | str, secret: str
    ) -> Reserved | TryAgain:
        """
        Charge every meter of an attempt before its secret is looked at.

        Where all room is held by attempts under way it waits, at most ``LockoutPolicy.patience``, holding nothing.
        """
        hold = self.draw(16)
        waited = 0.0
        patience = self.policy.lockout.patience.total_seconds()
        while True:
            charges = self._charges(who, kind, lane, context, typed=typed, secret=secret, hold=hold)
            readings = tuple(await self.ports.meters.charge([one for group in charges for one in group], self._instant()))
            reserved = self._judge(charges, readings)
            if isinstance(reserved.judgement, OverBudget | Crowded):
                await self.settle(reserved, Settle.VOID)
            if not isinstance(reserved.judgement, Crowded):
                return reserved
            if waited >= patience:
                return TryAgain(BRIEF)
            step = 0.01 + self.jitter(3)
            await self.ports.pause(step)
            waited += step

    def _instant(self) -> int:
        return micros(self.now() - EPOCH)

    def _charges(
        self, who: Who, kind: SecretClass, lane: Lane, context: Context, *, typed: bytes | str, secret: str, hold: bytes
    ) -> list[tuple[Charge, ...]]:
        """One group of charges an index key: while keys rotate, old and new names are charged together."""
        record = who.loaded.record if who.loaded else None
        groups = []
        for number in range(self.keyring.index_count):

            def name(label: str, *parts: bytes | str, number: int = number) -> bytes:
                return self.keyring.digest(label, *parts, key=number)[:16]

            attempt = Attempt(
                kind=kind,
                lane=lane,
                subject=name("subject row", *who.names),
                source=name("source row", context.tenant, context.source.key),
                pair=name("pair", kind.value, typed),
                candidate=int.from_bytes(name("candidate", *who.names, str(who.epoch), secret)[:4], "big"),
                hold=hold,
                known=record.checkpoint(lane.name(kind)) if record else 0,
            )
            groups.append(self.policy.lockout.charges(attempt))
        return groups

    def _judge(self, groups: list[tuple[Charge, ...]], readings: tuple[Reading, ...]) -> Reserved:
        """Every group has its say; the most restrictive one decides."""
        charges = tuple(charge for group in groups for charge in group)
        if len(readings) != len(charges):
            raise PortError("The meter store answered too few charges.", remedy="Run acctsec.testing.check_store on it.")
        judged: list[Judgement] = []
        at = 0
        for group in groups:
            judged.append(self.policy.lockout.judge(group, readings[at : at + len(group)]))
            at += len(group)
        order = (OverBudget, Closed, Crowded, Admitted)
        return Reserved(charges, readings, min(judged, key=lambda one: order.index(type(one))))

    async def settle(self, reserved: Reserved, verdict: Settle) -> None:
        """Tell the meters what became of the attempt."""
        await self.settle_all(self.settlements(reserved, verdict))

    def settlements(self, reserved: Reserved, verdict: Settle) -> tuple[Settlement, ...]:
        """What settling would say."""
        return self.policy.lockout.settlements(reserved.charges, reserved.readings, verdict)

    async def settle_all(self, settlements: Sequence[Settlement]) -> None:
        """Settle, if there is anything to settle."""
        if settlements:
            await self.ports.meters.settle(settlements, self._instant())

    async def count(self, who: Who, scene: Scene, kind: SecretClass, lane: Lane, admitted: Admitted) -> None:
        """
        Commit the rung an attempt crosses, before its secret is compared.

        A phantom has no record; it pays the same flush, so that the tenth guess takes as long for both.
        """
        past = who.loaded.record.checkpoint(lane.name(kind)) if who.loaded else admitted.ordinal - admitted.new
        rung = self.policy.lockout.rung(kind, lane, past, admitted.ordinal)
        if rung is None:
            return
        if who.loaded and who.loaded.version:
            await self.apply(
                scene,
                who.loaded,
                lambda record: count_guess(self.policy, record, scene=scene, kind=kind, lane=lane, ordinal=admitted.ordinal),
            )
            return
        event = events.GuessesCounted(**scene.head(), lane=lane.name(kind), count=admitted.ordinal, rung=rung)
        absent = Loaded(frame("phantom"), Record(incarnation=b""), None)
        try:
            await self.commit(scene, absent, None, (event,), self.draw(16))
        except CommitUnknown:
            self.observe(event)

    def refusal(self, judgement: Judgement, lane: Lane, now: datetime) -> Refused:
        """What a refused attempt is told: its own source's wait, or, on a known device, its lane's."""
        until = judgement.until if isinstance(judgement, OverBudget) or (isinstance(judgement, Closed) and lane.known) else None
        if until is None:
            return Refused()
        return Refused(max(timedelta(microseconds=until) - (now - EPOCH), timedelta(0)))

    def wait(self, judgement: Judgement, now: datetime) -> TryAgain:
        """What somebody is told who has proven who he is and has to wait all the same."""
        until = judgement.until if isinstance(judgement, OverBudget | Closed) else None
        if until is None:
            return TryAgain(BRIEF)
        return TryAgain(max(timedelta(microseconds=until) - (now - EPOCH), BRIEF))

    # --- passwords ---

    def prepared(self, password: object) -> str | None:
        """The one form of a password, or None for what is none."""
        text = prepare(password, max_bytes=self.policy.password.max_bytes)
        return text if isinstance(text, str) else None

    def guarded(self, scene: Scene, record: Record) -> bool:
        """Whether the password is never enough by itself, so that a shorter one will do."""
        return record.factors.live or self.policy.mfa.requires(scene.groups)


    def opened(self, scene: Scene, verifier: Verifier | None) -> str | None:
        """The stored hash of a verifier, or None where it cannot be opened: its key is gone."""
        if verifier is None:
            return None
        plain = self.keyring.open("verifier", verifier.sealed, scene.tenant, scene.subject)
        return None if plain is None else plain.decode()

    async def compare(self, scene: Scene, verifier: Verifier | None, password: str) -> tuple[Compared, str | None]:
        """
        Compare a password with a verifier, or do the same work on a decoy. Raises Overloaded before anything was computed.
        """
        phc = self.opened(scene, verifier)
        hashing = self.policy.hashing
        comparison = await self.ports.hash(lambda: hashing.verify(hashing.decoy() if phc is None else phc, password))
        matched = phc is not None and comparison is Comparison.MATCHED
        return Compared(verifier.born if verifier else None, matched), phc

    async def hashed(self, scene: Scene, password: str) -> NewVerifier:
        """Hash and seal a new password."""
        hashing, salt = self.policy.hashing, self.draw(self.policy.hashing.salt_bytes)
        phc = await self.ports.hash(lambda: hashing.hash(password, salt=salt))
        return self.sealed(scene, str(phc))

    def sealed(self, scene: Scene, phc: str, *, replaces: bytes | None = None) -> NewVerifier:
        """Seal a hash: the rotatable pepper. It opens only as the verifier of this subject."""
        sealed = self.keyring.seal("verifier", phc.encode(), scene.tenant, scene.subject)
        return NewVerifier(sealed, PREPARATION, replaces)

    async def renewed(self, scene: Scene, verifier: Verifier | None, phc: str | None, password: str) -> NewVerifier | None:
        """A matched verifier made again, when the policy asks for a stronger hash or the keyring for a newer key."""
        if verifier is None or phc is None:
            return None
        try:
            if self.policy.hashing.needs_rehash(phc):
                return evolve(await self.hashed(scene, password), replaces=verifier.sealed)
        except Overloaded:
            return None  # an upgrade never fails a correct sign-in
        if self.keyring.sealed_by_newest(verifier.sealed):
            return None
        return self.sealed(scene, phc, replaces=verifier.sealed)

    # --- observations ---

    def observe(self, event: Event) -> None:
        """Keep an observation for the next delivery; past the bound the oldest is dropped, and counted."""
        self.observations.append(event)
        while len(self.observations) > MAX_OBSERVATIONS:
            self.observations.popleft()
            self.dropped += 1

    def refused(self, scene: Scene, operation: str, kind: str, reason: str) -> None:
        """Observe a refused attempt."""
        self.observe(events.AttemptRefused(**scene.head(), operation=operation, kind=kind, reason=reason))


async def port(name: str, call: Awaitable[T]) -> T:
    """Await a platform's port. What it raises, or a coroutine where a value is due, denies loudly."""
    try:
        answer = await call
    except PortError:
        raise
    except Exception as error:
        raise PortError(f"{name} raised {type(error).__name__}.", remedy="See the cause; nothing was granted.") from error
    if inspect.iscoroutine(answer):
        answer.close()
        raise PortError(f"{name} answered with a coroutine.", remedy="Use AsyncEngine for async ports.")
    return answer
