"""What an owner may stop: changes that wait, or can be vetoed."""

from acctsec.claims import FreshSession, ResumeTicket
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import ChangeCancelled, Changes, Refused, TryAgain, Vetoed, VetoPending


class ChangeOperations(Face):
    """What an owner may stop: changes that wait, or can be vetoed."""

    @on_both_faces
    async def inspect_veto(self, token: str, *, context: Context) -> VetoPending | Refused:
        """Say what the veto of a notice would stop, and until when. It changes nothing: call it when the page is opened."""
        return await self._flows.changes.inspect_veto(token, context=context)

    @on_both_faces
    async def veto(self, token: str, *, context: Context) -> Vetoed | Refused | TryAgain:
        """
        Stop the change that a notice told of, and freeze the account. Call it only when its reader says so (POST).

        It grants nothing, and brings no earlier password back: every session ends, and nobody signs in before somebody shows more
        than either side has. Refused: the change is over, or was proven at the full level.
        """
        return await self._flows.changes.veto(token, context=context)

    @on_both_faces
    async def list_changes(self, token: str, *, context: Context) -> Changes | Refused:
        """The changes of the subject that wait or can be vetoed, for the settings page. Refused: the session is over."""
        return await self._flows.changes.list_changes(token, context=context)

    @on_both_faces
    async def cancel_change(
        self, change: str, *, by: FreshSession | ResumeTicket, context: Context
    ) -> ChangeCancelled | Refused | TryAgain:
        """
        Drop a change that waits: its owner with a fresh session at full level, or whoever asked with the ticket of Waiting.

        *change* is the id of ``ChangeInfo`` or ``Waiting``. Unlike a veto it freezes nothing.
        """
        return await self._flows.changes.cancel_change(change, by=by, context=context)
