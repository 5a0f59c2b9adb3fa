"""Factors that were lost or compromised, and those that are found again."""

from acctsec._flows.answers import factor_infos
from acctsec._flows.core import Core, operation
from acctsec._flows.factors import FactorFlows
from acctsec.claims import Admin
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.outcomes import Acted, FactorInfo, FactorReported, FactorRestored, Refused, ReportReason, TryAgain
from acctsec.record import Record
from acctsec.steps import Done, report_factor, report_for, restore_factor


class Reports:
    """What an owner, or the service, says of a factor that is in nobody's or in wrong hands."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def report_factor(
        self, token: str, factor_id: str, why: ReportReason, *, context: Context
    ) -> FactorReported | Refused | TryAgain:
        """Report a factor lost or compromised; see Engine.report_factor."""
        reason, found = _reason(why), await self.factors.session(token, context)
        if found is None or type(factor_id) is not str:
            return Refused()
        claims, scene, loaded = found
        policy, drawn = self.core.policy, self.core.drawn()
        done = await self.core.apply(
            scene,
            loaded,
            lambda record: report_factor(
                policy, record, scene=scene, claims=claims, factor_id=factor_id, why=reason, drawn=drawn
            ),
        )
        session = self.factors.renewed(done, scene, "report_factor")
        return FactorReported(_info(done.record, factor_id), session) if isinstance(session, str) else session

    @operation
    async def restore_factor(self, token: str, factor_id: str, *, context: Context) -> FactorRestored | Refused | TryAgain:
        """Let a factor that was lost prove again; see Engine.restore_factor."""
        found = await self.factors.session(token, context)
        if found is None or type(factor_id) is not str:
            return Refused()
        claims, scene, loaded = found
        policy, drawn = self.core.policy, self.core.drawn()
        done = await self.core.apply(
            scene,
            loaded,
            lambda record: restore_factor(policy, record, scene=scene, claims=claims, factor_id=factor_id, drawn=drawn),
        )
        session = self.factors.renewed(done, scene, "restore_factor")
        return FactorRestored(_info(done.record, factor_id), session) if isinstance(session, str) else session

    async def report_for(
        self, subject: str, factor_id: str, why: ReportReason, *, actor: str, tenant: str
    ) -> Acted | Refused | TryAgain:
        """Report a factor for the service; see Engine.admin."""
        admin, reason = Admin(actor), _reason(why)
        scene, loaded = await self.core.enter(tenant, subject)
        policy = self.core.policy
        done = await self.core.apply(
            scene,
            loaded,
            lambda record: report_for(policy, record, scene=scene, factor_id=factor_id, why=reason, by=admin),
        )
        return Acted() if isinstance(done.verdict, Done) else self.core.declined(scene, "report_factor", done.verdict)


def _info(record: Record, factor_id: str) -> FactorInfo:
    return next(info for info in factor_infos(record.factors) if info.id == factor_id)


def _reason(why: object) -> ReportReason:
    if not isinstance(why, ReportReason):
        raise ConfigError("`why` is no reason.", remedy="Give ReportReason.LOST or ReportReason.COMPROMISED.")
    return why
