"""Stepping up: whether a session may do something now, and proving more where it may not."""

from datetime import timedelta
from typing import TYPE_CHECKING

from acctsec._flows.core import BRIEF, Core, Loaded, operation
from acctsec._flows.counting import known
from acctsec._flows.granting import Granting, session_info
from acctsec._flows.guesses import Guess, Guesses
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import SessionClaims, Ticket
from acctsec.context import Context
from acctsec.errors import ConfigError, Overloaded
from acctsec.keyring import frame
from acctsec.lockout import SecretClass
from acctsec.outcomes import (
    Allowed,
    AuthorizeOutcome,
    EndReason,
    ReauthenticateOutcome,
    Refused,
    SessionEnded,
    TryAgain,
    Waiting,
)
from acctsec.protocols import Settle
from acctsec.sessions import Ended
from acctsec.steps import Granted, Lacking, No, Scene, Stale, Step, gathered, lapsed, opens, standing, step_up, waits_for

if TYPE_CHECKING:
    from acctsec._flows.risks import Risks


class StepUps:
    """The flows of ``authorize``."""

    def __init__(self, core: Core, guesses: Guesses, granting: Granting, risks: "Risks | None" = None) -> None:
        self.core = core
        self.guesses = guesses
        self.granting = granting
        self.risks = risks

    @operation
    async def authorize(self, token: str, action: str, *, context: Context) -> AuthorizeOutcome:
        """Whether a session may do something now; see Engine.authorize. One load, no write."""
        core = self.core
        if not isinstance(action, str) or action not in core.policy.mfa.known_actions:
            message = f"The policy knows no action {str(action)[:64]!r}."
            raise ConfigError(message, remedy="Give an Action, or list yours in a StrEnum: MfaPolicy(actions=...).")
        claims = core.tokens.open(Purpose.SESSION, token, SessionClaims)
        if claims is None or claims.tenant != context.tenant:
            return SessionEnded(EndReason.UNKNOWN)
        if not core.has_key(claims, context):
            return SessionEnded(EndReason.KEY)
        scene, loaded = await core.enter(claims.tenant, claims.subject, context.source.key)
        await core.catch(scene, loaded, claims)
        record, risky = loaded.record, self._is_risky(scene, loaded, context)
        found = standing(core.policy, record, scene=scene, claims=claims, action=action, risky=risky)
        if isinstance(found, Ended):
            return SessionEnded(found.reason)
        if isinstance(found, Lacking):
            ticket = self.granting.ticket(scene, record, claims=claims, action=action, risky=risky)
            return self.granting.required(record, found, ticket)
        until = waits_for(record, action, scene.now)
        if until is not None:
            return Waiting(until)
        expires = core.policy.sessions.expiry(found.session, active=claims.active)
        return Allowed(session_info(scene, found.session, expires=expires), until=min(expires, found.until or expires))

    def _is_risky(self, scene: Scene, loaded: Loaded, context: Context) -> bool:
        if self.risks is None:
            return False
        device = self.core.tokens.known_device(context.device, scene, loaded.record)
        visit = self.risks.visit(scene, context, known_device=device is not None)
        return self.risks.assess(scene, loaded.record, visit).extra > 0

    @operation
    async def reauthenticate(self, ticket: str, password: str, *, context: Context) -> ReauthenticateOutcome:
        """Prove the password again; see Engine.reauthenticate."""
        core = self.core
        claims, prepared = core.tokens.open(Purpose.STEP_UP, ticket, Ticket), core.prepared(password)
        if claims is None or claims.tenant != context.tenant or prepared is None or core.lacks_key(context):
            return Refused()
        if not core.has_key(claims, context):
            return Refused()
        scene, loaded = await core.enter(claims.tenant, claims.subject, context.source.key)
        scene = core.signing(scene, context)
        # A ticket that is dead or spent charges nothing: whoever kept one could stop the owner's lane with it.
        if not opens(loaded.record, claims, scene.now) or loaded.record.session(claims.session) is None:
            core.refused(scene, "reauthenticate", "evaluated", "ticket")
            return Refused()
        guess = await self.guesses.begin(
            "reauthenticate",
            scene,
            known(scene, loaded),
            SecretClass.PASSWORD,
            context,
            typed=frame(scene.subject),
            secret=prepared.typed,
            password=prepared,
        )
        if not isinstance(guess, Guess):
            return guess
        loaded = guess.latest(loaded)
        try:
            done = await guess.compare(loaded.record.verifier, prepared)
        except Overloaded as overload:
            return TryAgain(timedelta(seconds=overload.retry_after))
        shut = loaded.record.contest or lapsed(core.policy, loaded.record, scene.now)
        if not done.compared.matched or not guess.admitted or not scene.active(loaded.record) or shut:
            return await guess.fail("wrong password")
        drawn, compared = core.drawn(), done.compared
        after = await core.apply(
            scene,
            loaded,
            lambda record: step_up(core.policy, record, scene=scene, ticket=claims, found=compared, drawn=drawn),
        )
        await guess.settle(Settle.VOID)
        return self._stepped(scene, after, claims)

    def _stepped(self, scene: Scene, done: Step, ticket: Ticket) -> ReauthenticateOutcome:
        verdict = done.verdict
        if isinstance(verdict, Granted):
            return self.granting.granted(scene, verdict, done.record)
        if isinstance(verdict, Lacking):
            onward = gathered(evolve(ticket, id=self.core.draw(16)), verdict.methods, scene.now)
            return self.granting.required(done.record, verdict, onward)
        if isinstance(verdict, Stale | TryAgain):
            return TryAgain(BRIEF)
        self.core.refused(scene, "reauthenticate", "evaluated", verdict.reason if isinstance(verdict, No) else "")
        return Refused()
