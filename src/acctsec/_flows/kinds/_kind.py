"""What the flows ask of a kind of factor."""

from collections.abc import Iterator
from typing import Any, Protocol

from acctsec._flows.core import Core
from acctsec.claims import Enrollment, Ticket
from acctsec.keyring import OVERHEAD
from acctsec.mfa.proving import Match
from acctsec.mfa.totp import GRAIN
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


class Pretending(Kind, Protocol):
    """A kind that anybody may try on anybody: where there is nobody, as much has to be done as where there is somebody."""

    def pretend(self, scene: Scene, factors: Factors) -> None:
        """What ``find`` did not do, as fewer factors were there than may be."""


def moment(scene: Scene) -> int:
    """
    Which grain of time it is: part of what is guessed where the codes that are right change.

    Nine wrong ones could be repeated for free else, until one of them comes up.
    """
    return int(scene.now.timestamp()) // int(GRAIN.total_seconds())


def nothing(core: Core, size: int) -> bytes:
    """What the newest key would have to have sealed, and has not: it takes as long to find out."""
    return bytes.fromhex(core.keyring.sealing_ids[0]).ljust(OVERHEAD + size, b"\0")
