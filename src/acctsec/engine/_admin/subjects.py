"""What an operator does to one subject; each act names its actor and is an event."""

from datetime import datetime

from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import Acted, Export, LaneStatus, Refused, ReportReason, SessionList, SessionsEnded, TryAgain


class SubjectActs(Face):
    """What an operator does to one subject; each act names its actor and is an event."""

    @on_both_faces
    async def lock_status(self, subject: str, *, tenant: str = "") -> tuple[LaneStatus, ...]:
        """How every lane of a subject stands."""
        return await self._flows.administration.lock_status(subject, tenant=tenant)

    @on_both_faces
    async def unlock(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Start the subject's meters anew, the months too, at once and on every node. What a source has used up stays used up."""
        return await self._flows.administration.act("unlock", subject, actor=actor, tenant=tenant)

    @on_both_faces
    async def list_sessions(self, subject: str, *, tenant: str = "") -> SessionList:
        """The sessions of a subject; none of them is *current*."""
        return await self._flows.sessions.list_by_admin(subject, tenant=tenant)

    @on_both_faces
    async def end_session(self, subject: str, session_id: str, *, actor: str, tenant: str = "") -> SessionsEnded | TryAgain:
        """End one session of a subject, or none where it was over; ``sign_out_everywhere`` with Admin ends them all."""
        return await self._flows.sessions.end_by_admin(subject, session_id, actor=actor, tenant=tenant)

    @on_both_faces
    async def disable(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Refuse everything to a subject and end its sessions."""
        return await self._flows.administration.act("disable", subject, actor=actor, tenant=tenant)

    @on_both_faces
    async def enable(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Take a disable back. Sessions stay dead."""
        return await self._flows.administration.act("enable", subject, actor=actor, tenant=tenant)

    @on_both_faces
    async def require_password_change(
        self, subject: str, *, actor: str, by: datetime | None = None, tenant: str = ""
    ) -> Acted | TryAgain:
        """
        Let the next sign-in end in PasswordChangeRequired, or the next one from the day *by* on.

        Until then ``SignedIn.password_due`` tells that day. A later call may bring it forward, and never puts it off.
        """
        return await self._flows.administration.act("require-change", subject, actor=actor, tenant=tenant, due=by)

    @on_both_faces
    async def report_factor(
        self, subject: str, factor_id: str, why: ReportReason, *, actor: str, tenant: str = ""
    ) -> Acted | Refused | TryAgain:
        """
        Report a factor of a subject, where the service knows of an incident: it proves nothing from now on, every session of the
        subject ends, and all its addresses are told. Refused where there is no such factor.
        """
        return await self._flows.reports.report_for(subject, factor_id, why, actor=actor, tenant=tenant)

    @on_both_faces
    async def initial_password(self, subject: str, *, actor: str, tenant: str = "") -> Acted | Refused:
        """
        Mail a link to choose a first or new password; no administrator ever knows one.

        It works once, for ``ResetPolicy.initial_lifetime``, until another is mailed or the password changes, and proves as much
        as the link of a reset: a second factor is asked for, and it waits where that does. A first password is no recovery, so no
        path of ``RecoveryPolicy`` is asked. Refused where the subject has no verified address.
        """
        return await self._flows.administration.initial_password(subject, actor=actor, tenant=tenant)

    @on_both_faces
    async def withdraw_address(self, subject: str, address: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """
        Take an address off that is its owner's no more: a number given to somebody else, a domain that ran out.

        At once, the last one too. It is told nothing, the others are; what was asked for with it is dead. Raises ConfigError
        where the directory has no ``apply``.
        """
        return await self._flows.addresses.withdraw(subject, address, actor=actor, tenant=tenant)

    @on_both_faces
    async def export(self, subject: str, *, tenant: str = "") -> Export:
        """All that is held about a subject, without secrets."""
        return await self._flows.administration.export(subject, tenant=tenant)

    @on_both_faces
    async def erase(self, subject: str, *, actor: str, tenant: str = "") -> Acted | TryAgain:
        """Delete everything held about a subject, with the messages that were still to go out."""
        return await self._flows.administration.erase(subject, actor=actor, tenant=tenant)
