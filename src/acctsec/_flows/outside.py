"""Factors that somebody else checks: set up, and begun for a ticket."""

from acctsec._flows.answers import Answers
from acctsec._flows.asking import within_budget
from acctsec._flows.core import BRIEF, Core, operation
from acctsec._flows.factors import FactorFlows
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import Ticket
from acctsec.context import Context
from acctsec.errors import ConfigError, PortError
from acctsec.events import PortFailed
from acctsec.outcomes import FactorKind, OutsideBegun, Refused, TryAgain
from acctsec.record import Record
from acctsec.reset import Redeemable
from acctsec.steps import Scene, find_reset, opens

MAX_REFERENCE = 128  # bytes


class OutsideFlows:
    """Whatever asks somebody else may reach the owner's phone, so it is asked within a budget."""

    def __init__(self, core: Core, answers: Answers, factors: FactorFlows) -> None:
        self.core = core
        self.answers = answers
        self.factors = factors

    @operation
    async def enroll_outside(
        self, token: str, method: str, reference: str, *, name: str, replaces: str, context: Context
    ) -> OutsideBegun | Refused | TryAgain:
        """Begin to set up a factor that somebody else checks; see Engine.enroll_outside."""
        core = self.core
        if type(method) is not str or method not in self.answers.outside.ports:
            raise ConfigError("Nobody of that name checks factors.", remedy="Give a name of `MfaPolicy.outside`.")
        if type(reference) is not str or not reference.isprintable() or not 0 < len(reference.encode()) <= MAX_REFERENCE:
            return Refused()
        begun = await self.factors.begin(
            "enroll_outside", token, FactorKind.OUTSIDE, name=name, replaces=replaces, context=context
        )
        if isinstance(begun, Refused):
            return begun
        scene, enrollment = begun
        enrollment = evolve(enrollment, secret=reference.encode(), method=method)
        stranger = not enrollment.session
        page = await self._page("enroll_outside", scene, method, reference, enrollment.id.hex(), context, stranger=stranger)
        return page if not isinstance(page, dict) else OutsideBegun(core.tokens.seal(Purpose.CONFIRM, enrollment), page=page)

    @operation
    async def begin_outside(self, ticket: str, factor_id: str, *, context: Context) -> OutsideBegun | Refused | TryAgain:
        """Let somebody else ask the subject for a factor; see Engine.begin_outside."""
        core = self.core
        opened = (core.tokens.open(purpose, ticket, Ticket) for purpose in (Purpose.SIGN_IN, Purpose.RESET, Purpose.STEP_UP))
        claims = next((one for one in opened if one is not None), None)
        if claims is None or claims.tenant != context.tenant:
            return Refused()
        scene, loaded = await core.enter(claims.tenant, claims.subject, context.source.key)
        factors = loaded.record.factors.outside if type(factor_id) is str else ()
        one = next((one for one in factors if one.id == factor_id and one.method in self.answers.outside.ports), None)
        over = not opens(loaded.record, claims, scene.now) or not scene.active(loaded.record)
        if over or not self._goes_on(scene, loaded.record, claims) or one is None or one.reported:
            core.refused(scene, "begin_outside", "evaluated", "ticket")
            return Refused()
        reference = core.keyring.open("outside", one.sealed, scene.tenant, scene.subject, one.id)
        if reference is None:
            core.refused(scene, "begin_outside", "evaluated", "sealed under a key that is gone")
            return Refused()
        stranger = self.answers.is_stranger(scene, loaded.record, claims, context)
        page = await self._page(
            "begin_outside", scene, one.method, reference.decode(), claims.id.hex(), context, stranger=stranger
        )
        return page if not isinstance(page, dict) else OutsideBegun(ticket, page=page)

    def _goes_on(self, scene: Scene, record: Record, ticket: Ticket) -> bool:
        """Whether what a ticket is for is still there: a session that was signed out, or a reset that is over, rings no phone."""
        if ticket.session and record.session(ticket.session) is None:
            return False
        return not ticket.reset or isinstance(find_reset(self.core.policy, record, ticket.reset, scene.now), Redeemable)

    async def _page(
        self, operation: str, scene: Scene, method: str, reference: str, ticket_id: str, context: Context, *, stranger: bool
    ) -> dict[str, str] | Refused | TryAgain:
        refused = await within_budget(self.core, operation, scene, context, stranger=stranger)
        if refused is not None:
            return refused
        try:
            return await self.answers.outside.page(scene, method, reference, ticket_id)
        except PortError:
            self.core.observe(PortFailed(**scene.head(), port=f"outside.{method}"))
            return TryAgain(BRIEF)
