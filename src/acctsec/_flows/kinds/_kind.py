"""What the flows ask of a kind of factor."""

from collections.abc import Iterator
from typing import Any, Protocol

from acctsec.claims import Enrollment, Ticket
from acctsec.mfa.proving import Match
from acctsec.outcomes import FactorKind
from acctsec.record import Factor, Factors
from acctsec.steps import Scene


class Kind(Protocol):
    """
    One kind of factor. An *answer* has one of the classes of ``answers``; whoever has another kind is not asked.

    What is kept sealed of a factor is named by ``sealed``, so that it can be sealed under a newer key when it is used.
    """

    @property
    def kind(self) -> FactorKind:
        """Which kind it is."""

    @property
    def answers(self) -> tuple[type, ...]:
        """The classes of answers."""

    def is_form(self, answer: Any) -> bool:
        """Whether an answer has the one form of its kind; anything else is refused before a store is read."""

    def guess(self, answer: Any, scene: Scene) -> str:
        """What is guessed: equal guesses count once."""

    async def find(self, scene: Scene, factors: Factors, answer: Any, ticket: Ticket | None) -> Match | None:
        """What an answer fits. Right and wrong take as long. *ticket* is the flow it belongs to, where there is one."""

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: Any) -> Factor | None:
        """The new factor, sealed, where the answer proves it."""

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """What is kept sealed: the label, the bytes, and the name it is bound to."""
