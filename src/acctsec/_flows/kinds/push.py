"""Apps that prompts are pushed to."""

from collections.abc import Iterator
from datetime import timedelta
from hmac import compare_digest

from acctsec._flows.core import Core
from acctsec.claims import Enrollment, PushApproval, Ticket
from acctsec.mfa.push import PushMatch
from acctsec.outcomes import ApprovalPending, FactorKind, Refused
from acctsec.record import Factors, Push
from acctsec.steps import Scene

LABEL = "push"
INTERVAL = timedelta(seconds=2)
"""How often a browser asks: a person waits before it. RFC 8628 section 3.5 lets devices ask every 5 s; each time is one load."""


class PushApps:
    """Prompts that were answered in an app; what is given here is no secret, so nothing is guessed by it."""

    kind: FactorKind = FactorKind.PUSH
    answers: tuple[type, ...] = (PushApproval,)

    def __init__(self, core: Core) -> None:
        self.core = core

    def is_form(self, answer: PushApproval) -> bool:  # noqa: ARG002
        """It has no form."""
        return True

    def guess(self, answer: PushApproval, scene: Scene) -> str:  # noqa: ARG002
        """The same for all: only what was approved is charged, and it is right."""
        return "push"

    def early(self, scene: Scene, factors: Factors, ticket: bytes) -> ApprovalPending | Refused | None:
        """What is answered before anything is charged; None where the prompt of that ticket was approved."""
        rules = self.core.policy.mfa.push
        if rules.approved(factors, ticket, scene.now):
            return None
        prompt = rules.outstanding(factors, scene.now)
        if prompt is None or not compare_digest(prompt.ticket, ticket):
            return Refused()
        return ApprovalPending(retry_after=INTERVAL, expires=prompt.expires)

    async def find(self, scene: Scene, factors: Factors, answer: PushApproval, ticket: Ticket | None) -> PushMatch | None:  # noqa: ARG002
        """The prompt of the ticket, if it was approved."""
        prompt = ticket and self.core.policy.mfa.push.approved(factors, ticket.id, scene.now)
        return PushMatch(prompt.factor, prompt.id) if prompt else None

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: PushApproval) -> Push:  # noqa: ARG002
        """The new app. Whether its prompt was approved is the step's to say."""
        factor_id = enrollment.id.hex()
        sealed = self.core.keyring.seal(LABEL, enrollment.secret, scene.tenant, scene.subject, factor_id)
        return Push(id=factor_id, name=enrollment.name, sealed=sealed, created=scene.now)

    def address(self, scene: Scene, factor: Push) -> str | None:
        """Where its prompts go; None where the key that sealed it is gone."""
        opened = self.core.keyring.open(LABEL, factor.sealed, scene.tenant, scene.subject, factor.id)
        return None if opened is None else opened.decode()

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """The addresses."""
        for one in factors.push:
            yield LABEL, one.sealed, one.id
