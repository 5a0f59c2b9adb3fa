"""Changes that wait or can be vetoed: seeing them, dropping them, stopping them."""

from acctsec._flows.core import Core, Loaded, operation
from acctsec._flows.factors import FactorFlows
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import FreshSession, ResumeTicket, SessionClaims, Ticket, VetoClaims
from acctsec.context import Context
from acctsec.errors import ConfigError
from acctsec.outcomes import (
    ChangeCancelled,
    ChangeInfo,
    ChangeKind,
    Changes,
    Refused,
    TryAgain,
    Vetoed,
    VetoPending,
)
from acctsec.record import Change
from acctsec.steps import Done, Scene, cancel, live_session, veto, veto_refusal


class ChangeFlows:
    """What becomes of a change before it is made, and after."""

    def __init__(self, core: Core, factors: FactorFlows) -> None:
        self.core = core
        self.factors = factors

    @operation
    async def list_changes(self, token: str, *, context: Context) -> Changes | Refused:
        """The changes that wait or can be vetoed; see Engine.list_changes."""
        found = await self.factors.session(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        if live_session(self.core.policy, loaded.record, claims, scene.now) is None:
            return Refused()
        return Changes(tuple(change_info(one) for one in loaded.record.changes if scene.now < one.expires))

    @operation
    async def cancel_change(
        self, change: str, *, by: FreshSession | ResumeTicket, context: Context
    ) -> ChangeCancelled | Refused | TryAgain:
        """Drop a change that waits; see Engine.cancel_change."""
        core, change_id = self.core, id_of(change)
        session: SessionClaims | None = None
        ticket: Ticket | None = None
        match by:
            case FreshSession(token=token):
                session = core.session(token, context)
            case ResumeTicket(ticket=token):
                ticket = core.tokens.open(Purpose.RESUME, token, Ticket)
            case _:
                raise ConfigError("`by` is not a claim.", remedy="Give FreshSession or ResumeTicket.")
        shown = session or ticket
        if change_id is None or shown is None or shown.tenant != context.tenant:
            return Refused()
        scene, loaded = await core.enter(shown.tenant, shown.subject, context.source.key)
        if session is not None:
            await core.catch(scene, loaded, session)
        done = await core.apply(
            scene,
            loaded,
            lambda record: cancel(core.policy, record, scene=scene, change_id=change_id, session=session, ticket=ticket),
        )
        if not isinstance(done.verdict, Done):
            return core.declined(scene, "cancel_change", done.verdict)
        return ChangeCancelled()

    @operation
    async def inspect_veto(self, token: str, *, context: Context) -> VetoPending | Refused:
        """Look at a veto without using it; see Engine.inspect_veto."""
        found = await self._vetoed(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        refusal = veto_refusal(loaded.record, scene=scene, change_id=claims.change, recipient=claims.recipient)
        change = loaded.record.change_of(claims.change)
        return Refused() if refusal or change is None else VetoPending(ChangeKind(change.kind), change.expires)

    @operation
    async def veto(self, token: str, *, context: Context) -> Vetoed | Refused | TryAgain:
        """Stop a change and freeze the account; see Engine.veto."""
        core = self.core
        found = await self._vetoed(token, context)
        if found is None:
            return Refused()
        claims, scene, loaded = found
        done = await core.apply(
            scene,
            loaded,
            lambda record: veto(record, scene=scene, change_id=claims.change, recipient=claims.recipient, method="link"),
        )
        if not isinstance(done.verdict, Done):
            return core.declined(scene, "veto", done.verdict)
        return Vetoed()

    async def _vetoed(self, token: object, context: Context) -> tuple[VetoClaims, Scene, Loaded] | None:
        core = self.core
        claims = core.tokens.open(Purpose.VETO, token, VetoClaims)
        if claims is None or claims.tenant != context.tenant:
            return None
        scene, loaded = await core.enter(claims.tenant, claims.subject, context.source.key)
        if loaded.record.incarnation != claims.incarnation or scene.now >= claims.expires:
            return None
        told = tuple(core.recipients(scene, one) for one in core.told(scene, loaded.record))
        return claims, evolve(core.reaching(scene), told=told), loaded


def change_info(change: Change) -> ChangeInfo:
    """What may be shown of a change."""
    return ChangeInfo(
        id=change.id.hex(),
        kind=ChangeKind(change.kind),
        asked=change.asked,
        until=change.until,
        expires=change.expires,
        made=change.made,
    )


def id_of(change: object) -> bytes | None:
    """The id of a change that an answer spelled, in its one spelling."""
    if type(change) is not str or len(change) != 32 or not set(change) <= set("0123456789abcdef"):
        return None
    return bytes.fromhex(change)
