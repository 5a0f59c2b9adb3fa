"""Moving in and moving on: hashes that another system made, and what is sealed under keys that are to go."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from attrs import define, field

from acctsec._flows.core import BRIEF, ROUNDS, Core, Loaded
from acctsec._flows.kinds.delivered import renamed
from acctsec.claims import Admin
from acctsec.errors import ConfigError, Overloaded, RecordError
from acctsec.hashing.compact import packed, unpacked
from acctsec.hashing.policy import OWN, WRAPPED
from acctsec.keyring import unframe
from acctsec.outcomes import ChangeKind, Imported, ImportObjection, NotImported, Rewrapped, TryAgain
from acctsec.password.preparation import AS_TYPED, PREPARATION
from acctsec.record import Passkey, Record
from acctsec.steps import Done, NewVerifier, Scene, Step, import_verifier

LONGEST_HASH = 4096  # characters; no scheme writes half as many
UNREADABLE = "unreadable"
VERIFIER = "verifier"
ABOUT = {
    ChangeKind.ADDRESS_ADDED.value: "change",
    ChangeKind.ADDRESS_REMOVED.value: "change",
    ChangeKind.IDENTIFIER.value: "change",
    ChangeKind.PASSWORD_PROPOSED.value: "proposal",
    ChangeKind.FACTORS_PROPOSED.value: "proposal",
    ChangeKind.ADDRESSES_PROPOSED.value: "proposal",
}
"""What a change of a kind is about is sealed, and as what; of the others it is a digest, or nothing."""


@define
class Count:
    """What was found so far on a page of records: secrets by the id of the key that sealed them, verifiers by their scheme."""

    secrets: dict[str, int]
    schemes: Counter[str] = field(factory=Counter)
    records: int = 0
    changed: int = 0
    lost: int = 0
    damaged: list[tuple[str, str]] = field(factory=list)


class Moving:
    """Takes hashes over, and seals records anew."""

    def __init__(self, core: Core) -> None:
        self.core = core

    # --- hashes of another system ---

    async def import_verifier(
        self,
        subject: str,
        stored: str,
        *,
        actor: str,
        tenant: str,
        changed_at: datetime | None,
        wrap: bool,
        prepared: bool,
        dry_run: bool,
    ) -> Imported | NotImported | TryAgain:
        """Take a stored hash over; see Engine.admin."""
        core, admin = self.core, Admin(actor)
        if changed_at is not None and (type(changed_at) is not datetime or changed_at.tzinfo is None):
            raise ConfigError("`changed_at` is not an aware instant.", remedy="Give a datetime with a time zone, or None.")
        scheme = self._scheme(stored, wrap=wrap)
        if scheme is None:
            return NotImported(ImportObjection.UNREADABLE)
        scene, loaded = await core.enter(tenant, subject)
        since = changed_at or scene.now
        if scene.account is None:
            return NotImported(ImportObjection.UNKNOWN_SUBJECT)
        if since > scene.now:
            return NotImported(ImportObjection.FUTURE)
        new: NewVerifier | None = None
        for _ in range(ROUNDS):
            try:
                same = await self._same(scene, loaded.record, stored)
                if loaded.record.verifier is not None and same is None:
                    return NotImported(ImportObjection.HAS_PASSWORD)
                if dry_run:
                    return Imported(scheme, again=same is not None)
                new = new or await self._taken(scene, stored, wrap=wrap, prepared=prepared)
            except Overloaded as overload:
                return TryAgain(timedelta(seconds=overload.retry_after))
            done, loaded = await core.applied(
                scene,
                loaded,
                lambda record, same=same, new=new: import_verifier(  # type: ignore[misc]
                    record, scene=scene, new=new, same=same, since=since, scheme=scheme, by=admin
                ),
            )
            if isinstance(done.verdict, Done):
                return Imported(scheme, again=not done.verdict.count)
            if isinstance(done.verdict, TryAgain):
                return done.verdict
        return TryAgain(BRIEF)  # another verifier each time it was looked at

    def _scheme(self, stored: object, *, wrap: bool) -> str | None:
        """What made a hash, or None for one that the policy's hashing would not compute."""
        hashing = self.core.policy.hashing
        scheme = hashing.scheme(stored) if type(stored) is str and len(stored) <= LONGEST_HASH else None
        if scheme is None or type(stored) is not str:
            return None
        if not wrap or scheme == OWN or scheme.startswith(WRAPPED) or hashing.wraps(stored):
            return scheme
        raise ConfigError(f"Hashes of {scheme} cannot be wrapped.", remedy="Import them without.")

    async def _taken(self, scene: Scene, stored: str, *, wrap: bool, prepared: bool) -> NewVerifier:
        """A hash as it will be kept."""
        hashes = self.core.hashes
        own = hashes.policy.scheme(stored) == OWN
        kept = await hashes.wrapped(stored) if wrap and hashes.policy.wraps(stored) else stored
        return hashes.sealed(scene, kept, preparation=PREPARATION if prepared and own else AS_TYPED)

    async def _same(self, scene: Scene, record: Record, stored: str) -> bytes | None:
        """The sealed verifier, if it is this very hash that it holds."""
        held = self.core.hashes.opened(scene, record.verifier)
        if record.verifier is None or held is None or not await self.core.hashes.holds(held, stored):
            return None
        return record.verifier.sealed

    # --- keys that are to go ---

    async def rewrap(self, after: bytes, *, limit: int, wrap: bool, dry_run: bool) -> Rewrapped:
        """Seal what lies on a page of records under the newest key; see Engine.admin."""
        if type(after) is not bytes or type(limit) is not int or limit < 1:
            raise ConfigError("There is no such page of records.", remedy="Begin with b'', and ask for one record or more.")
        page = await self.core.ports.records.scan(after, limit)
        count = Count(dict.fromkeys(self.core.keyring.sealing_ids, 0))
        for key in page.keys:
            await self._rewrap(key, count, wrap=wrap, dry_run=dry_run)
        return Rewrapped(
            after=page.after,
            records=count.records,
            changed=count.changed,
            secrets=tuple(count.secrets.items()),
            schemes=tuple(sorted(count.schemes.items())),
            lost=count.lost,
            damaged=tuple(count.damaged),
        )

    async def _rewrap(self, key: bytes, count: Count, *, wrap: bool, dry_run: bool) -> None:
        """
        Seal the secrets of one record under the newest key, and *wrap* its foreign hashes.

        It is no event: what is kept means the same as before, and as many entries as there are people would stand in the outbox
        before the next reset mail.
        """
        core, names = self.core, unframe(key)
        tenant, subject = names[1:] if len(names) == 3 and names[0] == "subject" else ("", key.hex())
        scene = Scene(tenant=tenant, subject=subject, account=None, now=core.now())
        try:
            loaded = await core.load(key, fresh=b"")
            written = False
            for _ in range(ROUNDS):
                anew = {} if dry_run else await self._anew(scene, loaded.record, wrap=wrap)
                if not anew:
                    break
                done, loaded = await core.applied(scene, loaded, lambda record, anew=anew: _resealed(record, anew))  # type: ignore[misc]
                written = written or (isinstance(done.verdict, Done) and done.verdict.count > 0)
        except RecordError:
            count.records += 1
            count.damaged.append((tenant, subject))
            return
        if loaded.version is not None:
            count.records += 1
            count.changed += written
            self._tally(scene, loaded, count)

    async def _anew(self, scene: Scene, record: Record, *, wrap: bool) -> dict[bytes, bytes]:
        """What is sealed under an older key or is to be wrapped, and what takes its place."""
        anew, keyring = renamed(self.core, scene, record.factors), self.core.keyring
        for sealed, label, *bound in _sealed(record):
            wraps = wrap and label == VERIFIER
            newest = keyring.sealed_by_newest(sealed)
            plain = keyring.open(label, sealed, scene.tenant, scene.subject, *bound) if wraps or not newest else None
            if plain is None:
                continue
            kept = await self._wrapped(plain) if wraps else plain
            if not newest or kept is not plain:
                anew[sealed] = keyring.seal(label, kept, scene.tenant, scene.subject, *bound)
        return anew

    async def _wrapped(self, plain: bytes) -> bytes:
        """A hash wrapped, or as it is where nothing wraps it. While people wait for theirs, this one waits; not for ever."""
        hashes, stored = self.core.hashes, unpacked(plain)
        if stored is None or not hashes.policy.wraps(stored):
            return plain
        for _ in range(ROUNDS):
            try:
                return packed(await hashes.wrapped(stored))
            except Overloaded as overload:
                await self.core.ports.pause(overload.retry_after)
        return plain

    def _tally(self, scene: Scene, loaded: Loaded, count: Count) -> None:
        lost, verifier = 0, loaded.record.verifier
        for sealed, label, *bound in _sealed(loaded.record):
            plain = self.core.keyring.open(label, sealed, scene.tenant, scene.subject, *bound)
            if plain is None:
                lost += 1
                continue
            count.secrets[sealed[:4].hex()] += 1
            if verifier is not None and sealed is verifier.sealed:
                count.schemes[self.core.policy.hashing.scheme(unpacked(plain) or "") or UNREADABLE] += 1
        if lost:
            count.lost += lost
            count.damaged.append((scene.tenant, scene.subject))


def _resealed(record: Record, anew: dict[bytes, bytes]) -> Step:
    """Where somebody else has changed the record, what he sealed stays."""
    after = record.resealed(anew)
    return Step(Done(count=int(after != record)), after)


def _sealed(record: Record) -> Iterator[tuple[bytes, str, *tuple[str, ...]]]:
    """All that is sealed in a record: the bytes, what for, and what they are bound to beside tenant and subject."""
    for verifier in (record.verifier, *record.history):
        if verifier is not None:
            yield verifier.sealed, VERIFIER
    for one in record.factors:  # each is sealed under the name of its kind
        if not isinstance(one, Passkey):
            yield one.sealed, one.KIND.value, one.id
    codes = record.factors.recovery
    if codes is not None:
        yield codes.sealed, "recovery", str(codes.generation)
    for address in record.addresses:
        if address.sealed:
            yield address.sealed, "address"
    for change in record.changes:
        if change.about and change.kind in ABOUT:
            yield change.about, ABOUT[change.kind]
