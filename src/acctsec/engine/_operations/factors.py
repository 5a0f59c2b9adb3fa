"""What an owner does with the factors that are there."""

from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import (
    FactorRemoved,
    FactorRenamed,
    FactorReported,
    FactorRestored,
    Factors,
    RecoveryCodes,
    Refused,
    ReportReason,
    TryAgain,
    Waiting,
)


class FactorOperations(Face):
    """What an owner does with the factors that are there."""

    @on_both_faces
    async def list_factors(self, token: str, *, context: Context) -> Factors | Refused:
        """What may be shown of the subject's factors."""
        return await self._flows.factors.list_factors(token, context=context)

    @on_both_faces
    async def rename_factor(
        self, token: str, factor_id: str, name: str, *, context: Context
    ) -> FactorRenamed | Refused | TryAgain:
        """Give an authenticator another name, of at most 40 printable characters."""
        return await self._flows.factors.rename_factor(token, factor_id, name, context=context)

    @on_both_faces
    async def report_factor(
        self, token: str, factor_id: str, why: ReportReason, *, context: Context
    ) -> FactorReported | Refused | TryAgain:
        """
        Report a factor LOST or COMPROMISED: it proves nothing from this moment on, and guards the account still.

        It takes a session and its password, proven within ``SessionPolicy.fresh``, and no factor: ``authorize(token,
        Action.REPORT_FACTOR)`` asks for it. All addresses are told. At the full level all other sessions end; else they stay, at
        a lower one. With no factor left that proves anything, ``remove_lost_factors`` leads on.
        """
        return await self._flows.reports.report_factor(token, factor_id, why, context=context)

    @on_both_faces
    async def restore_factor(self, token: str, factor_id: str, *, context: Context) -> FactorRestored | Refused | TryAgain:
        """
        Let a factor that was reported LOST, and is found, prove again; with a fresh session at full level, by another factor or a
        printed code. One that was COMPROMISED never comes back.
        """
        return await self._flows.reports.restore_factor(token, factor_id, context=context)

    @on_both_faces
    async def remove_factor(
        self, token: str, factor_id: str, *, context: Context
    ) -> FactorRemoved | Waiting | Refused | TryAgain:
        """Remove an authenticator, with a fresh session at full level; never below what the policy demands."""
        return await self._flows.factors.remove_factor(token, factor_id, context=context)

    @on_both_faces
    async def issue_recovery_codes(self, token: str, *, context: Context) -> RecoveryCodes | Waiting | Refused | TryAgain:
        """Make new recovery codes, shown this once; older ones are void. Needs a fresh session at full level."""
        return await self._flows.factors.issue_recovery_codes(token, context=context)
