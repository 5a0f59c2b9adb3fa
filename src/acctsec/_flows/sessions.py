"""Sessions: checking, listing and ending them."""

from datetime import datetime

from acctsec import events
from acctsec._flows.core import BRIEF, Core, Loaded, operation
from acctsec._flows.factors import FactorFlows
from acctsec._flows.granting import session_info
from acctsec._flows.tokens import Purpose
from acctsec.claims import Admin, FreshSession, SessionClaims
from acctsec.context import Context
from acctsec.errors import ConfigError, StoreError
from acctsec.outcomes import (
    EndReason,
    Refused,
    SessionEnded,
    SessionInfo,
    SessionList,
    SessionsEnded,
    SessionValid,
    TryAgain,
)
from acctsec.record import Record
from acctsec.sessions import Ended, Live, handed_to
from acctsec.steps import (
    Done,
    No,
    Scene,
    end_session,
    judge_session,
    live_session,
    sign_out,
    sign_out_everywhere,
    turn_session,
)


class Sessions:
    """The flows of a session token."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def check_session(self, token: str, *, context: Context) -> SessionValid | SessionEnded:
        """
        Whether a token stands for a session; see Engine.check_session. One load and no write, but for the first return of a
        token of the next generation, and of one that was replaced.
        """
        core = self.core
        claims = core.tokens.open(Purpose.SESSION, token, SessionClaims)
        if claims is None or claims.tenant != context.tenant:
            return SessionEnded(EndReason.UNKNOWN)
        if not core.has_key(claims, context):
            return SessionEnded(EndReason.KEY)
        now, key = core.now(), core.record_key(claims.tenant, claims.subject)
        remembered = core.recent.find(key, now)
        if remembered is not None:
            judged = judge_session(core.policy, remembered, claims, now)
            # It may say yes and nothing else: what ended, began or has to be written is the store's to say.
            if isinstance(judged, Live) and not judged.turns and judged.renewed is None:
                return self._valid(remembered, claims, judged, context, now)
        mark = core.recent.mark(key)
        loaded = await core.load(key, fresh=b"")
        core.recent.keep(key, loaded.record, read=now, mark=mark)
        return await self._judged(loaded, claims, context, now)

    async def _judged(
        self, loaded: Loaded, claims: SessionClaims, context: Context, now: datetime
    ) -> SessionValid | SessionEnded:
        core, record = self.core, loaded.record
        judged = judge_session(core.policy, record, claims, now)
        if isinstance(judged, Ended) and judged.reason is EndReason.COPIED:
            await core.catch(self._scene(claims, context, now), loaded, claims)
        if isinstance(judged, Live) and judged.turns:
            judged, record = await self._turned(self._scene(claims, context, now), loaded, claims, judged)
        if isinstance(judged, Ended):
            return SessionEnded(judged.reason)
        return self._valid(record, claims, judged, context, now)

    def _scene(self, claims: SessionClaims, context: Context, now: datetime) -> Scene:
        return Scene(tenant=claims.tenant, subject=claims.subject, account=None, now=now, source=context.source.key)

    async def _turned(self, scene: Scene, loaded: Loaded, claims: SessionClaims, judged: Live) -> tuple[Live | Ended, Record]:
        """Write a generation down. Where that cannot be done the session stands all the same: it will be at the next request."""
        core = self.core
        try:
            done = await core.apply(scene, loaded, lambda record: turn_session(core.policy, record, scene=scene, claims=claims))
        except StoreError:
            core.observe(events.PortFailed(**scene.head(), port="records"))
            return judged, loaded.record
        return (done.verdict if isinstance(done.verdict, Live | Ended) else judged), done.record

    def _valid(self, record: Record, claims: SessionClaims, judged: Live, context: Context, now: datetime) -> SessionValid:
        scene = Scene(tenant=claims.tenant, subject=claims.subject, account=None, now=now, key=claims.key)
        row, renewed = judged.renewed, None
        if row is not None:
            if row.turned != judged.session.turned:
                place = self.core.keyring.digest("session place", claims.tenant, claims.subject, context.source.key)
                row = handed_to(row, place)
            renewed = self.core.tokens.session(scene, record, row)
        return SessionValid(session_info(scene, judged.session, expires=judged.expires), renewed)

    @operation
    async def list_sessions(self, token: str, *, context: Context) -> SessionList | Refused:
        """What may be shown of the subject's sessions; see Engine.list_sessions. One load, no write."""
        found = await self.factors.session(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        if live_session(self.core.policy, loaded.record, claims, scene.now) is None:
            return Refused()
        return self._listed(scene, loaded.record, claims)

    def _listed(self, scene: Scene, record: Record, claims: SessionClaims | None = None) -> SessionList:
        """The sessions of a record that are not over by their age, the newest sign-in first."""
        policy, found = self.core.policy.sessions, list[SessionInfo]()
        for one in sorted(policy.alive(record.sessions, scene.now), key=lambda one: one.created)[::-1]:
            here = claims is not None and one.id == claims.id
            expires = policy.expiry(one, active=claims.active if here and claims else None)
            found.append(session_info(scene, one, expires=expires, current=here))
        return SessionList(tuple(found))

    @operation
    async def end_session(self, token: str, session_id: str, *, context: Context) -> SessionsEnded | Refused | TryAgain:
        """End one session of the subject; see Engine.end_session."""
        core, session, found = self.core, id_of(session_id), await self.factors.session(token, context)
        if session is None or found is None:
            return Refused()
        claims, scene, loaded = found
        done = await core.apply(
            scene,
            loaded,
            lambda record: end_session(core.policy, record, scene=scene, session=session, claims=claims, by=None),
        )
        if isinstance(done.verdict, Done):
            return SessionsEnded(done.verdict.count)
        return core.declined(scene, "end_session", done.verdict)

    async def list_by_admin(self, subject: str, *, tenant: str) -> SessionList:
        """The sessions of a subject, for an administrator."""
        scene, loaded = await self.core.enter(tenant, subject)
        return self._listed(scene, loaded.record)

    async def end_by_admin(self, subject: str, session_id: str, *, actor: str, tenant: str) -> SessionsEnded | TryAgain:
        """End one session of a subject, in the name of an administrator."""
        core, admin, session = self.core, Admin(actor), id_of(session_id)
        if session is None:
            raise ConfigError("`session_id` is not the id of a session.", remedy="Give SessionInfo.id.")
        scene, loaded = await core.enter(tenant, subject)
        done = await core.apply(
            scene,
            loaded,
            lambda record: end_session(core.policy, record, scene=scene, session=session, claims=None, by=admin),
        )
        return SessionsEnded(done.verdict.count) if isinstance(done.verdict, Done) else TryAgain(BRIEF)

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
        claims = None if isinstance(by, Admin) else core.session(by.token, context)
        if admin is None and (claims is None or claims.subject != subject):
            return Refused()
        scene, loaded = await core.enter(context.tenant, subject, context.source.key)
        if admin is not None and loaded.version is None:
            return SessionsEnded(0)
        if claims is not None:
            await core.catch(scene, loaded, claims)
        done = await core.apply(
            scene,
            loaded,
            lambda record: sign_out_everywhere(core.policy, record, scene=scene, by=admin, claims=claims),
        )
        if isinstance(done.verdict, No):
            return Refused()
        return SessionsEnded(done.verdict.count) if isinstance(done.verdict, Done) else TryAgain(BRIEF)


def id_of(text: object) -> bytes | None:
    """The id that ``SessionInfo.id`` spells, in its one spelling."""
    if type(text) is not str or len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        return None
    return bytes.fromhex(text)
