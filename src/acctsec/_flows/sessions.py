"""Sessions: checking and ending them."""

from acctsec._flows.core import BRIEF, Core, operation
from acctsec._flows.factors import FactorFlows
from acctsec._flows.granting import session_info
from acctsec._flows.tokens import Purpose
from acctsec.claims import Admin, FreshSession, SessionClaims
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.outcomes import EndReason, Refused, SessionEnded, SessionsEnded, SessionValid, TryAgain
from acctsec.sessions import Ended
from acctsec.steps import Done, No, Scene, sign_out, sign_out_everywhere


class Sessions:
    """The flows of a session token."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def check_session(self, token: str, *, context: Context) -> SessionValid | SessionEnded:
        """Whether a token stands for a session; see Engine.check_session. One load, no write."""
        core = self.core
        claims = core.tokens.open(Purpose.SESSION, token, SessionClaims)
        if claims is None or claims.tenant != context.tenant:
            return SessionEnded(EndReason.UNKNOWN)
        now = core.now()
        loaded = await core.load(core.record_key(claims.tenant, claims.subject), fresh=b"")
        record = loaded.record
        if record.disabled:
            return SessionEnded(EndReason.DISABLED)
        if record.incarnation != claims.incarnation or record.epoch != claims.epoch:
            return SessionEnded(EndReason.ENDED)
        judged = core.policy.sessions.judge(record.session(claims.id), active=claims.active, now=now)
        if isinstance(judged, Ended):
            return SessionEnded(judged.reason)
        scene = Scene(tenant=claims.tenant, subject=claims.subject, account=None, now=now)
        renewed = None
        if judged.renew:
            renewed = core.tokens.session(scene, record, judged.session)
        return SessionValid(session_info(scene, judged.session, expires=judged.expires), renewed)

    @operation
    async def sign_out(self, token: str, *, context: Context) -> SessionsEnded | TryAgain:
        """End one session; see Engine.sign_out."""
        found = await self.factors.session(token, context)
        if found is None:
            return SessionsEnded(0)
        claims, scene, loaded = found
        policy = self.core.policy
        done = await self.core.apply(scene, loaded, lambda record: sign_out(policy, record, scene=scene, claims=claims))
        return SessionsEnded(done.verdict.count) if isinstance(done.verdict, Done) else TryAgain(BRIEF)

    @operation
    async def sign_out_everywhere(
        self, subject: str, *, by: FreshSession | Admin, context: Context
    ) -> SessionsEnded | Refused | TryAgain:
        """End every session of a subject; see Engine.sign_out_everywhere."""
        if not isinstance(by, FreshSession | Admin):
            raise ConfigError("`by` is not a claim.", remedy="Give FreshSession or Admin.")
        core, admin = self.core, by if isinstance(by, Admin) else None
        claims = None if isinstance(by, Admin) else core.tokens.open(Purpose.SESSION, by.token, SessionClaims)
        if admin is None and (claims is None or (claims.tenant, claims.subject) != (context.tenant, subject)):
            return Refused()
        scene, loaded = await core.enter(context.tenant, subject, context.source.key)
        if admin is not None and loaded.version is None:
            return SessionsEnded(0)
        done = await core.apply(
            scene,
            loaded,
            lambda record: sign_out_everywhere(core.policy, record, scene=scene, by=admin, claims=claims),
        )
        if isinstance(done.verdict, No):
            return Refused()
        return SessionsEnded(done.verdict.count) if isinstance(done.verdict, Done) else TryAgain(BRIEF)
