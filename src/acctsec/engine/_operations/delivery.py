"""What a worker calls."""

from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import Delivered


class DeliveryOperations(Face):
    """What a worker calls."""

    @on_both_faces
    async def deliver(self, limit: int = 100) -> Delivered:
        """
        Hand at most *limit* outbox entries to messenger and sink, at least once each; call it every second or so.

        What raises stays, and comes again after a growing pause; after ten tries it is a dead letter. Observations of this
        process go to the sink too; without a messenger they are all that does, and the outbox is left to others.
        """
        return await self._flows.delivery.deliver(limit)
