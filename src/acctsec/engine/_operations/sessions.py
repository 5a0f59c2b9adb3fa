"""What becomes of sessions and known devices."""

from acctsec.claims import Admin, FreshSession
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import DeviceForgotten, Devices, Refused, SessionEnded, SessionList, SessionsEnded, SessionValid, TryAgain


class SessionOperations(Face):
    """What becomes of sessions and known devices."""

    @on_both_faces
    async def check_session(self, token: str, *, context: Context) -> SessionValid | SessionEnded:
        """
        Say whether *token* stands for a session, in one load and no write; see ``SessionPolicy.staleness`` for none.

        Set *renewed* as the cookie wherever it is there. After ``SessionPolicy.rotate`` it is of the next generation, and when it
        first comes back that is written down: a token of the one before is a copy then, and ends the session for both.
        Disabling an account in the platform's own table does not end its sessions: call ``admin.disable``.
        """
        return await self._flows.sessions.check_session(token, context=context)

    @on_both_faces
    async def sign_out(self, token: str, *, context: Context) -> SessionsEnded | TryAgain:
        """End one session."""
        return await self._flows.sessions.sign_out(token, context=context)

    @on_both_faces
    async def list_sessions(self, token: str, *, context: Context) -> SessionList | Refused:
        """
        The sessions of the subject, for the settings page, with any live one; *current* is the one that asked.

        Refused: the session is over.
        """
        return await self._flows.sessions.list_sessions(token, context=context)

    @on_both_faces
    async def end_session(self, token: str, session_id: str, *, context: Context) -> SessionsEnded | Refused | TryAgain:
        """
        End one session of the subject, with a fresh one at full level; its own may always be ended.

        *session_id* is that of ``SessionInfo``. SessionsEnded says 0 where it was over already. Refused: the session will not do,
        so let its holder prove himself once more; whoever stole an old one could throw the owner out.
        """
        return await self._flows.sessions.end_session(token, session_id, context=context)

    @on_both_faces
    async def list_devices(self, token: str, *, context: Context) -> Devices | Refused:
        """
        The known devices of the subject, for the settings page; *current* is the one whose token *context* has.

        Refused: the session is over. A device that the policy has forgotten by now is not among them.
        """
        return await self._flows.devices.list_devices(token, context=context)

    @on_both_faces
    async def forget_device(self, token: str, device_id: str, *, context: Context) -> DeviceForgotten | Refused | TryAgain:
        """
        Take back what a device token is good for, with any live session: it names a lane of lockout and no more.

        From now on that browser stands with the strangers, on every node. Sessions go on; ``sign_out_everywhere`` ends them, and
        forgets all devices. Refused: the session is over, or there is no such device.
        """
        return await self._flows.devices.forget_device(token, device_id, context=context)

    @on_both_faces
    async def sign_out_everywhere(
        self, subject: str, *, by: FreshSession | Admin, context: Context
    ) -> SessionsEnded | Refused | TryAgain:
        """End every session, unfinished flow, known device and known network of *subject*."""
        return await self._flows.sessions.sign_out_everywhere(subject, by=by, context=context)
