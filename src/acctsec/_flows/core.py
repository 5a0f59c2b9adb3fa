"""What every flow stands on: loading a record, committing a step, what a record knows things by, charging, observing."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import wraps
from hmac import compare_digest
from typing import ParamSpec, TypeVar

from acctsec import events
from acctsec._codec import decode_record, encode_record
from acctsec._flows.effects import entries_of
from acctsec._flows.entries import (
    seal,
)
from acctsec._flows.hashes import Hashes, Password
from acctsec._flows.ports import Ports, port
from acctsec._flows.recent import RecentRecords
from acctsec._flows.tokens import Purpose, Tokens
from acctsec._values import Value, evolve
from acctsec.budgets import micros
from acctsec.claims import Enrollment, SessionClaims, Ticket
from acctsec.context import Context, Source
from acctsec.devices import device_name
from acctsec.errors import CommitUnknown, ConfigError, PortError, StoreBusy, StoreUnavailable
from acctsec.events import Event
from acctsec.identifiers import Identifier, IdentifierKind, canonical
from acctsec.keyring import Keyring, frame
from acctsec.lockout import Outage
from acctsec.outcomes import EndReason, Refused, TryAgain
from acctsec.password.preparation import PREPARATION, prepare
from acctsec.policy import Policy
from acctsec.protocols import (
    Account,
    Ambiguous,
    Applied,
    Channel,
    Charge,
    Committed,
    Conflict,
    DirectoryChange,
    Reading,
    RemoveAddress,
    Taken,
    Version,
    check_names,
)
from acctsec.record import MAX_COMMITS, Record, Verifier
from acctsec.sessions import Binding, Ended
from acctsec.steps import (
    Drawn,
    Effect,
    No,
    Scene,
    Step,
    end_copied,
    judge_session,
)

T = TypeVar("T")
P = ParamSpec("P")

ROUNDS = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 1, 1, tzinfo=UTC)
BRIEF = timedelta(seconds=1)
MAX_OBSERVATIONS = 1024


def operation(flow: Callable[P, T]) -> Callable[P, T]:
    """Marks a public operation: one that is given something else than a Context is the caller's mistake, and begins nothing."""

    @wraps(flow)
    def begin(*args: P.args, **kwargs: P.kwargs) -> T:
        if not isinstance(kwargs.get("context"), Context):
            raise ConfigError("`context` is not a Context.", remedy="Give Context.of(the peer's address).")
        return flow(*args, **kwargs)

    return begin


class Loaded(Value, frozen=True):
    """A record as it was read; *record* is a fresh one, and *version* None, where the subject has none yet."""

    key: bytes
    record: Record
    version: Version | None


DECOY = encode_record(
    Record(incarnation=bytes(16), epoch=1, verifier=Verifier(sealed=bytes(92), born=1, preparation=PREPARATION, since=EPOCH))
)
"""
What is decoded where no record is stored: a wrong code is compared so quickly that one more or less would show. Its verifier is
as long as one that the default makes: 56 bytes, sealed.
"""

NOBODY = Loaded(frame("phantom"), Record(incarnation=b""), None)
"""What a phantom has in place of a record: what is committed for it leaves none behind."""


class Core:
    """The ports and the moves that all flows share."""

    def __init__(self, policy: Policy, keyring: Keyring, ports: Ports) -> None:
        self.policy = policy
        self.keyring = keyring
        self.ports = ports
        self.tokens: Tokens = Tokens(keyring)
        self.hashes: Hashes = Hashes(policy.hashing, keyring, ports=ports, draw=self.draw, observe=self.observe)
        self.recent: RecentRecords = RecentRecords(policy.sessions.staleness)
        self.observations: deque[Event] = deque()
        self.dropped: int = 0

    # --- time and chance ---

    def now(self) -> datetime:
        """Read the clock. One that is not aware, or out of range, denies."""
        now = self.ports.clock()
        if type(now) is not datetime or now.tzinfo is None or not EPOCH < now < LATEST:
            raise PortError("The clock did not tell an aware instant between 1970 and 9998.", remedy="Mend the clock port.")
        return now if now.tzinfo is UTC else now.astimezone(UTC)

    def draw(self, size: int) -> bytes:
        """Draw random bytes; fewer than asked for denies."""
        drawn = self.ports.entropy(size)
        if type(drawn) is not bytes or len(drawn) != size:
            raise PortError(f"The entropy port did not give {size} bytes.", remedy="Leave it at the default.")
        return drawn

    def drawn(self) -> Drawn:
        """The random ids of one operation."""
        drawn = self.draw(40)
        return Drawn(session=drawn[:16], device=drawn[16:32], network=drawn[32:])

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

    def check_writable(self) -> None:
        """Raise ConfigError where the engine cannot write to the platform's table."""
        if not callable(getattr(self.ports.directory, "apply", None)):
            message = "The directory has no method apply, so addresses and identifiers cannot be changed here."
            raise ConfigError(message, remedy="Add `apply`: see acctsec.protocols.WritableDirectory.")

    async def write(self, change: DirectoryChange) -> Applied | Taken:
        """Let the platform's table follow a change. One that cannot be written to has failed, and the change comes again."""
        apply = getattr(self.ports.directory, "apply", None)
        if not callable(apply):
            raise PortError("The directory has no method apply.", remedy="Deliver with one that has: a change has to follow.")
        answer = await port("directory.apply", apply(change))
        if not isinstance(answer, Applied | Taken):
            raise PortError(f"directory.apply answered with {type(answer).__name__}.", remedy="Answer Applied or Taken.")
        if isinstance(answer, Taken) and isinstance(change, RemoveAddress):
            raise PortError("directory.apply answered a removal with Taken.", remedy="Nobody can have what goes: answer Applied.")
        return answer

    # --- records ---

    def record_key(self, tenant: str, subject: str) -> bytes:
        """Where the record of a subject lies."""
        return frame("subject", tenant, subject)

    def recipient(self, scene: Scene, address: str, *, key: int = 0) -> bytes:
        """What the record knows of the address a reset was mailed to."""
        name = canonical(address)
        typed = name.value if name else address
        return self.keyring.digest("recipient", scene.tenant, scene.subject, typed, key=key)[:16]

    def recipients(self, scene: Scene, address: str) -> tuple[bytes, ...]:
        """What the record may know of an address: under each index key, the newest first."""
        return tuple(self.recipient(scene, address, key=key) for key in range(self.keyring.index_count))

    def coded(self, scene: Scene, code: str, *, handle: bytes, key: int = 0) -> bytes:
        """What the record knows of a mailed code: it is good beside the handle it was asked under."""
        return self.keyring.digest("reset code", scene.tenant, scene.subject, handle, code, key=key)

    def texted(self, scene: Scene, code: str, *, key: int = 0) -> bytes:
        """What the record knows of a texted code: it is good beside any handle of its subject."""
        return self.keyring.digest("texted code", scene.tenant, scene.subject, code, key=key)

    def reaching(self, scene: Scene) -> Scene:
        """The scene with what a record may know of the addresses that are verified now."""
        addresses = scene.account.addresses if scene.account else ()
        names = tuple(self.recipients(scene, one) for one in addresses)
        return evolve(scene, reachable=frozenset(one for each in names for one in each), names=names)

    def network(self, tenant: str, subject: str, source: str) -> tuple[bytes, ...]:
        """
        What the record may know of the network of a source; nothing where the policy remembers none. All requests whose
        address nobody can tell share one bucket, which is nobody's home.
        """
        if not self.policy.lockout.networks or source in ("", Source.unknown().key):
            return ()
        keys = range(self.keyring.index_count)
        return tuple(self.keyring.digest("network", tenant, subject, source, key=key)[:16] for key in keys)

    async def enter(self, tenant: str, subject: str, source: str = "", *, account: Account | None = None) -> tuple[Scene, Loaded]:
        """Begin an operation on a subject: who and when, and the record as it is. Raises ConfigError for no subject."""
        check_names(tenant=tenant, subject=subject)
        found = account or await self.get(tenant, subject)
        network = self.network(tenant, subject, source)
        scene = Scene(tenant=tenant, subject=subject, account=found, now=self.now(), source=source, network=network)
        return scene, await self.load(self.record_key(tenant, subject), fresh=self.draw(16))

    # --- sessions ---

    def signing(self, scene: Scene, context: Context) -> Scene:
        """The scene with what a session has to know of the browser that it is for."""
        bound = self.policy.sessions.binding is not Binding.OFF
        return evolve(scene, browser=device_name(context.user_agent), key=context.key or b"" if bound else b"")

    @property
    def demands_key(self) -> bool:
        """Whether a session without a key is none."""
        return self.policy.sessions.binding is Binding.REQUIRED

    def lacks_key(self, context: Context) -> bool:
        """Whether nobody may be given a session here. It is refused before anything is looked at, so it tells of nobody."""
        lacks = context.key is None and self.demands_key
        if lacks:
            nobody = Scene(tenant=context.tenant, subject="", account=None, now=self.now(), source=context.source.key)
            self.refused(nobody, "sign_in", "evaluated", "no key")
        return lacks

    def has_key(self, claims: SessionClaims | Ticket | Enrollment, context: Context) -> bool:
        """
        Whether a session token comes with the very key that it is bound to; one that should not is an observation.

        A token that is bound stays so, whatever the policy has become since; and so does the ticket of a session, or whoever got
        hold of one would take the session over to a key of his own.
        """
        fits = compare_digest(claims.key, context.key or b"") if claims.key else not self.demands_key
        if not fits:
            scene = Scene(tenant=claims.tenant, subject=claims.subject, account=None, now=self.now(), source=context.source.key)
            self.refused(scene, "check_session", "evaluated", "another key")
        return fits

    def session(self, token: object, context: Context) -> SessionClaims | None:
        """What a session token says, if it is of this tenant and comes with its key; whether it holds is the step's to say."""
        claims = self.tokens.open(Purpose.SESSION, token, SessionClaims)
        if claims is None or claims.tenant != context.tenant or not self.has_key(claims, context):
            return None
        return claims

    async def catch(self, scene: Scene, loaded: Loaded, claims: SessionClaims) -> None:
        """End a session of which a copy came back, once and for everybody who has a token of it."""
        judged = judge_session(self.policy, loaded.record, claims, scene.now)
        if isinstance(judged, Ended) and judged.reason is EndReason.COPIED:
            told = evolve(scene, account=scene.account or await self.get(scene.tenant, scene.subject))
            await self.apply(told, loaded, lambda record: end_copied(self.policy, record, scene=told, claims=claims))

    # --- records ---

    async def load(self, key: bytes, *, fresh: bytes) -> Loaded:
        """Read a record; where there is none, begin one with the incarnation *fresh*, when as much was decoded."""
        found = await self.ports.records.load(key)
        stored, version = found or (DECOY, None)
        record = decode_record(stored)
        return Loaded(key, Record(incarnation=fresh) if found is None else record, version)

    async def apply(self, scene: Scene, loaded: Loaded, step: Callable[[Record], Step]) -> Step:
        """
        Commit a step, repeating it alone when the commit loses the race or its answer is lost.

        Answers the step that was committed, or one with the verdict TryAgain after eight rounds. A record that did not
        change, with no effects, is not committed. The record remembers its latest commits, so a commit whose answer was lost
        is recognised.
        """
        return (await self.applied(scene, loaded, step))[0]

    async def applied(
        self, scene: Scene, loaded: Loaded, step: Callable[[Record], Step], *, said: Sequence[Effect] | None = None
    ) -> tuple[Step, Loaded]:
        """
        The same, and the record as it is now: for an operation that commits once more.

        *said* is for what a phantom has to pay as well. Then nothing is left out: where no record is written, or it was in a
        commit whose answer was lost, effects are committed alone, *said* or those of the step, under the ids they have already.
        So nobody can tell, by how often a store was asked, whether there is a record.
        """
        commit_id = self.draw(16)
        done, happened = Step(No("nothing was tried"), loaded.record), False
        for round_ in range(ROUNDS + 1):
            if round_:
                await self.ports.pause(self.jitter(round_))
                # Erased meanwhile: what begins now is another incarnation, or tickets of before could come alive again.
                loaded = await self.load(loaded.key, fresh=self.draw(16) if loaded.version else loaded.record.incarnation)
                happened = commit_id in loaded.record.commits
                if happened and said is None:
                    return done, loaded
            if round_ == ROUNDS:
                break  # the last look was only for a commit whose answer was lost
            done = done if happened else step(loaded.record)
            swaps = not happened and (done.record != loaded.record or bool(done.effects))
            if not swaps and said is None:
                return done, loaded
            after = evolve(done.record, commits=(*done.record.commits, commit_id)[-MAX_COMMITS:]) if swaps else loaded.record
            effects = done.effects if swaps or happened else said or ()
            try:
                answer = await self.commit(scene, loaded if swaps else NOBODY, after if swaps else None, effects, commit_id)
            except CommitUnknown:
                continue
            if isinstance(answer, Committed):
                return done, Loaded(loaded.key, after, answer.version if swaps else loaded.version)
        return Step(TryAgain(BRIEF), loaded.record), loaded

    async def commit(
        self, scene: Scene, loaded: Loaded, after: Record | None, effects: Sequence[Effect], commit_id: bytes
    ) -> Committed | Conflict:
        """Seal the effects and swap the record."""
        entries = [seal(self.keyring, entry) for entry in entries_of(self, scene, effects, commit_id, loaded.record)]
        value = None if after is None else encode_record(after)
        try:
            answer = await self.ports.records.commit(loaded.key, loaded.version, value, entries, commit_id)
        finally:
            self.recent.drop(loaded.key)  # also where nobody knows whether it happened
        if not isinstance(answer, Committed | Conflict):
            raise PortError("The store answered a commit with something else.", remedy="Run acctsec.testing.check_store on it.")
        return answer

    def told(self, scene: Scene, record: Record) -> list[str]:
        """Every address that is told of what happens: the verified ones, and for a while those that were taken off."""
        if scene.account is None:
            return []
        lately = [one.sealed for one in record.addresses if one.told and scene.now < one.told]
        opened = (self.keyring.open("address", one, scene.tenant, scene.subject) for one in lately)
        removed = [one.decode() for one in opened if one is not None]
        return [*scene.account.addresses, *(one for one in removed if one not in scene.account.addresses)]

    def sealed_address(self, scene: Scene, address: str) -> bytes:
        """An address as the record keeps it."""
        return self.keyring.seal("address", address.encode(), scene.tenant, scene.subject)

    def jitter(self, round_: int) -> float:
        """Seconds to wait before round *round_*: random, so that losers do not meet again."""
        return int.from_bytes(self.draw(2), "big") / 65536 * 0.005 * float(2**round_)

    # --- meters ---

    def instant(self) -> int:
        """The present in a meter's own terms."""
        return self.instant_of(self.now())

    def instant_of(self, at: datetime) -> int:
        """An instant in a meter's own terms."""
        return micros(at - EPOCH)

    async def charge(self, scene: Scene, charges: Sequence[Charge]) -> tuple[Reading, ...] | None:
        """Charge the meters. None where they do not answer and the policy lets this process count alone; else that raises."""
        try:
            return tuple(await self.ports.meters.charge(charges, self.instant()))
        except StoreUnavailable as error:
            self.observe(events.PortFailed(**scene.head(), port="meters"))
            # A crowd is no outage, or whoever sends enough requests could bring one about.
            if self.policy.lockout.on_outage is Outage.REFUSE or isinstance(error, StoreBusy):
                raise
            return None

    async def charge_own(self, charges: Sequence[Charge]) -> tuple[Reading, ...]:
        """Charge the meters of this process, where strangers are counted."""
        return tuple(await self.ports.own_meters.charge(charges, self.instant()))

    # --- passwords ---

    def prepared(self, password: object) -> Password | None:
        """The one form of a password, beside what was typed; None for what is no password."""
        text = prepare(password, max_bytes=self.policy.password.max_bytes)
        return Password(text, str.__str__(password)) if isinstance(text, str) and isinstance(password, str) else None

    def guarded(self, scene: Scene, record: Record) -> bool:
        """
        Whether the password is never enough by itself, so that a shorter one will do. Where the policy gives time to set a factor
        up, the password is all there is until then.
        """
        return record.factors.live or (self.policy.mfa.grace is None and self.policy.mfa.requires(scene.groups))

    # --- observations ---

    def observe(self, event: Event) -> None:
        """Keep an observation for the next delivery; past the bound the oldest is dropped, and counted."""
        self.observations.append(event)
        while len(self.observations) > MAX_OBSERVATIONS:
            self.observations.popleft()
            self.dropped += 1

    def declined(self, scene: Scene, operation: str, verdict: object) -> Refused | TryAgain:
        """What is answered where a step came to nothing: why is for operators alone."""
        if isinstance(verdict, TryAgain):
            return verdict
        self.refused(scene, operation, "evaluated", verdict.reason if isinstance(verdict, No) else "")
        return Refused()

    def refused(self, scene: Scene, operation: str, kind: str, reason: str) -> None:
        """Observe a refused attempt."""
        self.observe(events.AttemptRefused(**scene.head(), operation=operation, kind=kind, reason=reason))


def channel_of(address: str) -> Channel:
    """How a stored address is reached: a phone number by a text, anything else by mail."""
    name = canonical(address)
    return Channel.TEXT if name is not None and name.kind is IdentifierKind.PHONE else Channel.MAIL
