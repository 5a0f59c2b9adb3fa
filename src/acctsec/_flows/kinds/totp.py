"""Authenticator apps."""

from collections.abc import Iterator

from acctsec._flows.core import Core
from acctsec.claims import Enrollment, Ticket, TotpCode
from acctsec.mfa import totp
from acctsec.mfa.proving import TotpMatch
from acctsec.outcomes import FactorKind
from acctsec.record import Factors, Totp
from acctsec.steps import Scene

LABEL = "totp"


class TotpApps:
    """Codes that change every half minute."""

    kind = FactorKind.TOTP
    answers = (TotpCode,)

    def __init__(self, core: Core) -> None:
        self.core = core

    def is_form(self, answer: TotpCode) -> bool:
        """Digits, and no other spelling of them."""
        return totp.is_code(answer.code)

    def guess(self, answer: TotpCode, scene: Scene) -> str:
        """
        A code is another guess in every time step, or nine wrong ones could be repeated for free until one of them comes up.
        """
        return f"{totp.step_of(scene.now)}:{answer.code}"

    async def find(self, scene: Scene, factors: Factors, answer: TotpCode, ticket: Ticket | None) -> TotpMatch | None:  # noqa: ARG002
        """What it fits. Every app is tried."""
        found = None
        for one in factors.totp:
            secret = self.core.keyring.open(LABEL, one.sealed, scene.tenant, scene.subject, one.id)
            if secret is None:
                continue  # sealed under a key that is gone: it can prove nothing
            steps = totp.matching_steps(secret, answer.code, now=scene.now, window=self.core.policy.mfa.window)
            fresh = tuple(step for step in steps if step > one.last_step)
            if fresh and not one.reported:
                found = TotpMatch(one.id, fresh)
        return found

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: TotpCode) -> Totp | None:
        """The new app; the code that confirms it is spent by that."""
        steps = totp.matching_steps(enrollment.secret, answer.code, now=scene.now, window=self.core.policy.mfa.window)
        if not steps:
            return None
        factor_id = enrollment.id.hex()
        sealed = self.core.keyring.seal(LABEL, enrollment.secret, scene.tenant, scene.subject, factor_id)
        return Totp(id=factor_id, name=enrollment.name, sealed=sealed, created=scene.now, last_step=steps[-1])

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """The secrets."""
        for one in factors.totp:
            yield LABEL, one.sealed, one.id
