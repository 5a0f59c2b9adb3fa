"""Factors that somebody else checks."""

import re
from collections.abc import Iterator, Mapping

from acctsec._flows.core import Core
from acctsec._flows.kinds._kind import moment
from acctsec._flows.ports import port
from acctsec.claims import Enrollment, OutsideAnswer, Ticket
from acctsec.errors import PortError
from acctsec.mfa.proving import OutsideMatch
from acctsec.outcomes import FactorKind
from acctsec.protocols import Approved, AsyncOutsideFactor, Declined
from acctsec.record import Factors, Outside
from acctsec.steps import Scene

LABEL = "outside"
MAX_ANSWER = 8_192
MAX_PAGE, MAX_TEXT = 16, 4_096
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no encoding has


class OutsideFactors:
    """
    What others vouch for. Each is asked once for an answer, and never in a step: what he says is bound to the ticket.

    Raises PortError where he says nothing that can be relied on: nothing was proven, and nothing found wrong.
    """

    kind: FactorKind = FactorKind.OUTSIDE
    answers: tuple[type, ...] = (OutsideAnswer,)

    def __init__(self, core: Core) -> None:
        self.core = core

    @property
    def ports(self) -> Mapping[str, AsyncOutsideFactor]:
        """Those who check, by the names that the policy gives them."""
        return self.core.ports.outside

    def is_form(self, answer: OutsideAnswer) -> bool:
        """Text of a size, for somebody whom the policy names."""
        text = answer.answer
        if type(answer.method) is not str or answer.method not in self.ports or type(text) is not str:
            return False
        return 0 < len(text) <= MAX_ANSWER and not _SURROGATE.search(text)

    def guess(self, answer: OutsideAnswer, scene: Scene) -> str:
        """The answer, at this time: nobody knows when another one is right."""
        return f"{moment(scene)}:{answer.method}:{answer.answer}"

    async def find(self, scene: Scene, factors: Factors, answer: OutsideAnswer, ticket: Ticket | None) -> OutsideMatch | None:
        """The first factor of that name for which he accepts the answer."""
        for one in factors.outside:
            if one.method != answer.method or one.reported or ticket is None:
                continue
            reference = self.core.keyring.open(LABEL, one.sealed, scene.tenant, scene.subject, one.id)
            if reference is not None and await self._approved(scene, reference.decode(), answer, ticket.id.hex()):
                return OutsideMatch(one.id, one.method)
        return None

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: OutsideAnswer) -> Outside | None:
        """The new factor, once he accepted an answer for the ticket of its enrolment."""
        if answer.method != enrollment.method:
            return None
        factor_id = enrollment.id.hex()
        if not await self._approved(scene, enrollment.secret.decode(), answer, factor_id):
            return None
        sealed = self.core.keyring.seal(LABEL, enrollment.secret, scene.tenant, scene.subject, factor_id)
        return Outside(id=factor_id, name=enrollment.name, method=enrollment.method, sealed=sealed, created=scene.now)

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """What they know the factors by."""
        for one in factors.outside:
            yield LABEL, one.sealed, one.id

    async def page(self, scene: Scene, method: str, reference: str, ticket_id: str) -> dict[str, str]:
        """What he wants the page to have. Raises PortError for anything but a few texts."""
        page = await port(f"outside.{method}.begin", self.ports[method].begin(scene.subject, reference, ticket_id))
        if not isinstance(page, Mapping) or len(page) > MAX_PAGE or not all(map(_is_text, (*page, *page.values()))):
            message = f"outside.{method}.begin did not answer with at most {MAX_PAGE} names and texts."
            raise PortError(message, remedy="Answer a mapping of text to text, of 4,096 characters each.")
        return dict(page)

    async def _approved(self, scene: Scene, reference: str, answer: OutsideAnswer, ticket_id: str) -> bool:
        checking = self.ports[answer.method].check(scene.subject, reference, answer.answer, ticket_id)
        said = await port(f"outside.{answer.method}.check", checking)
        if type(said) is not Approved and type(said) is not Declined:
            message = f"outside.{answer.method}.check answered with {type(said).__name__}."
            raise PortError(message, remedy="Answer Approved or Declined.")
        return type(said) is Approved


def _is_text(value: object) -> bool:
    return type(value) is str and len(value) <= MAX_TEXT
