"""Looking into the outbox: what waits, what is dead, and what becomes of that."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from acctsec import events
from acctsec._flows.core import NOBODY, ROUNDS, Core, Loaded
from acctsec._flows.entries import About, about, unseal
from acctsec._values import evolve
from acctsec.claims import Admin
from acctsec.errors import CommitUnknown, ConfigError, StoreError
from acctsec.outcomes import DeadLetter, DeadLetters, LettersDiscarded, LettersRevived, OutboxStatus
from acctsec.protocols import AsyncOutboxStore, Committed, Drained, names
from acctsec.steps import Scene

MOST = 1_000  # letters in one call
LONGEST_ID = 64  # bytes; no store has half as long ones


class Outbox:
    """Shows operators what was not delivered, and does with it what they say."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def status(self) -> OutboxStatus:
        """Count what waits; see Engine.admin."""
        now = self.core.now()
        waiting = await self._port().waiting(now)
        written = None if waiting.oldest is None else about(unseal(self.core.keyring, waiting.oldest)).at
        oldest = None if written is None else max(now - written, timedelta(0))
        return OutboxStatus(due=waiting.due, hidden=waiting.hidden, dead=waiting.dead, oldest=oldest)

    async def dead_letters(self, after: bytes, *, limit: int) -> DeadLetters:
        """A page of dead letters; see Engine.admin."""
        if type(after) is not bytes or type(limit) is not int or not 1 <= limit <= MOST:
            raise ConfigError(
                "There is no such page of dead letters.", remedy=f"Begin with b'', and ask for 1 to {MOST} letters."
            )
        page = await self._port().dead_letters(after, limit)
        return DeadLetters(tuple(self._letter(one) for one in page.letters), page.after)

    async def revive(self, ids: Sequence[str]) -> LettersRevived:
        """
        Let dead letters be delivered after all; see Engine.admin.

        It is no event: what goes out tells of itself, and as many entries as are revived would wait behind them.
        """
        return LettersRevived(await self._port().revive(_known(ids)))

    async def discard(self, ids: Sequence[str], *, actor: str) -> LettersDiscarded:
        """Let go of dead letters; see Engine.admin."""
        admin, store, count = Admin(actor), self._port(), 0
        for id_ in _known(ids):
            page = await store.dead_letters(id_, 1)
            for one in page.letters:
                if one.id == id_:
                    await self._tell(one, admin)
                    await self.core.ports.records.ack([id_])
                    count += 1
        return LettersDiscarded(count)

    async def _tell(self, dead: Drained, by: Admin) -> None:
        """
        Commit that a letter is discarded, before it is: who is interrupted in between finds it dead once more and says so again.

        Then the event has the same key, so a sink that keeps one a key has one. The other way round a letter could be gone
        without a trace. Erasing its subject takes the event too, as it would have taken the letter.
        """
        core, letter = self.core, self._about(dead)
        scene = Scene(tenant=letter.tenant, subject=letter.subject, account=None, now=core.now())
        event = events.LetterDiscarded(**scene.head(), kind=letter.kind.value, name=letter.name, actor=by.actor)
        commit_id = sha256(b"discarded " + dead.id).digest()[:16]
        place: Loaded = NOBODY
        if letter.subject:
            place = evolve(NOBODY, key=core.record_key(letter.tenant, letter.subject))
        for round_ in range(ROUNDS):
            try:
                if isinstance(await core.commit(scene, place, None, (event,), commit_id), Committed):
                    return
            except CommitUnknown:
                await core.ports.pause(core.jitter(round_))
        raise StoreError("That a letter is discarded could not be committed.", remedy="Discard it again; nothing is lost.")

    def _letter(self, dead: Drained) -> DeadLetter:
        letter = self._about(dead)
        return DeadLetter(
            id=dead.id.hex(),
            kind=letter.kind,
            name=letter.name,
            tenant=letter.tenant,
            subject=letter.subject,
            at=letter.at,
            attempts=dead.attempts,
        )

    def _about(self, dead: Drained) -> About:
        return about(unseal(self.core.keyring, dead.entry))

    def _port(self) -> AsyncOutboxStore:
        if self.core.ports.outbox is None:
            raise ConfigError(
                "The store does not show its outbox.", remedy="Give one that is an OutboxStore too: see acctsec.protocols."
            )
        return self.core.ports.outbox


def _known(ids: Sequence[str]) -> list[bytes]:
    """Ids as the store has them. Raises ConfigError for what never was one."""
    try:
        known = [bytes.fromhex(one) for one in names(ids)]
    except ConfigError:
        raise
    except (TypeError, ValueError):
        known = [b""]
    if len(known) > MOST:
        raise ConfigError(f"{len(known)} letters are too many at once.", remedy=f"Give at most {MOST}.")
    if any(not 0 < len(one) <= LONGEST_ID for one in known):
        raise ConfigError("What is given is no id of a letter.", remedy="Give ids as dead_letters tells them.")
    return known
