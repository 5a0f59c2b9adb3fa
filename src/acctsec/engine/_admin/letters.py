"""What an operator sees of the outbox, and does with its dead letters."""

from collections.abc import Sequence

from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import DeadLetters, LettersDiscarded, LettersRevived, OutboxStatus


class LetterActs(Face):
    """What an operator sees of the outbox, and does with its dead letters."""

    @on_both_faces
    async def outbox(self) -> OutboxStatus:
        """
        Count what waits in the outbox, and say for how long the oldest has; it costs the same however much waits.

        Raises ConfigError where the store does not show its outbox, as do the other three that are about it.
        """
        return await self._flows.outbox.status()

    @on_both_faces
    async def dead_letters(self, after: bytes = b"", *, limit: int = 100) -> DeadLetters:
        """
        Tell a page of at most 1,000 dead letters, and go on with what it answers as *after*; ``b""`` begins.

        They had ten tries in 8.5 hours, and nobody tries again. No address, identifier, link or code is shown.
        """
        return await self._flows.outbox.dead_letters(after, limit=limit)

    @on_both_faces
    async def revive_letters(self, ids: Sequence[str]) -> LettersRevived:
        """
        Let at most 1,000 dead letters be delivered after all: due at once, with ten tries, before what was written later.

        Harmless for what is over: a reset is withheld as late, a link that opens nothing any more is left out. Keys are the same,
        so whoever sends once a key sends none twice. Unreadable ones go out once the key that sealed them is back in the ring.
        """
        return await self._flows.outbox.revive(ids)

    @on_both_faces
    async def discard_letters(self, ids: Sequence[str], *, actor: str) -> LettersDiscarded:
        """
        Let go of at most 1,000 dead letters for good; of each, an event tells who did it and what it was.

        The event is committed first: after a crash a letter is still there, or its event is.
        """
        return await self._flows.outbox.discard(ids, actor=actor)
