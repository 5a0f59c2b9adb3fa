"""Printed codes."""

from collections.abc import Iterator

from acctsec._flows.core import Core
from acctsec._flows.kinds._kind import nothing
from acctsec.claims import Enrollment, RecoveryCode, Ticket
from acctsec.mfa import recovery
from acctsec.mfa.proving import RecoveryMatch
from acctsec.outcomes import FactorKind
from acctsec.record import Factor, Factors
from acctsec.steps import Scene

LABEL = "recovery"


class PrintedCodes:
    """Codes that stand in for a factor, each once."""

    kind: FactorKind = FactorKind.RECOVERY_CODE
    answers: tuple[type, ...] = (RecoveryCode,)

    def __init__(self, core: Core) -> None:
        self.core = core

    def is_form(self, answer: RecoveryCode) -> bool:
        """Four groups of four."""
        return recovery.is_code(answer.code)

    def guess(self, answer: RecoveryCode, scene: Scene) -> str:  # noqa: ARG002
        """The code."""
        return answer.code

    async def find(
        self,
        scene: Scene,
        factors: Factors,
        answer: RecoveryCode,
        ticket: Ticket | None,  # noqa: ARG002
    ) -> RecoveryMatch | None:
        """What it fits; the same work where there are no codes."""
        codes = factors.recovery
        stored = codes and self.core.keyring.open(LABEL, codes.sealed, scene.tenant, scene.subject, str(codes.generation))
        index = recovery.find(stored or recovery.DECOY, answer.code)
        return RecoveryMatch(codes.generation, index) if codes and stored and index is not None else None

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: RecoveryCode) -> Factor | None:  # noqa: ARG002
        """Nothing: they are issued, not set up."""
        return None

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """The digests."""
        if factors.recovery:
            yield LABEL, factors.recovery.sealed, str(factors.recovery.generation)

    def pretend(self, scene: Scene, factors: Factors) -> None:
        """One set is opened, whether there is one or not; it was compared with anyway."""
        if factors.recovery is None:
            self.core.keyring.open(LABEL, nothing(self.core, len(recovery.DECOY)), scene.tenant, scene.subject, "")
