"""What was found out before a step, by effects that are never repeated; each names what it was made against."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from acctsec._values import Value, evolve
from acctsec.events import RiskAssessed
from acctsec.mfa.proving import Match
from acctsec.record import History, Path, Record
from acctsec.steps.scene import Scene

if TYPE_CHECKING:
    from acctsec.attacks.risk import Assessment


class Compared(Value, frozen=True):
    """
    A password was compared with the verifier of that incarnation born at that epoch (None: there was none, and a decoy was
    compared).
    """

    incarnation: bytes
    born: int | None
    matched: bool


class Judged(Value, frozen=True, kw_only=True):
    """A password that was right, judged by the rules of today: which *policy*, and whether it *accepted* the password."""

    policy: bytes
    accepted: bool


class Visit(Value, frozen=True, kw_only=True):
    """Whence and when somebody comes, where sign-ins are weighed; *paths* name the place under each index key, newest first."""

    paths: tuple[Path, ...]
    hour: int
    known_device: bool

    def learned(self, record: Record) -> Record:
        """The record with one full sign-in more."""
        past = record.habits or History()
        return evolve(record, habits=past.learned(self.paths[0], hour=self.hour, known_device=self.known_device))


class Weighed(Value, frozen=True, kw_only=True):
    """What a risk policy said of a right password, and whether a puzzle was *solved* beside it, or nobody can ask one."""

    assessment: "Assessment"
    solved: bool

    def told(self, scene: Scene) -> RiskAssessed:
        """The event of it."""
        found = self.assessment
        parts = tuple((part.feature, part.amount) for part in found.contributions)
        return RiskAssessed(**scene.head(), score=found.score, contributions=parts, extra=found.extra.name.lower())


class FactorFound(Value, frozen=True):
    """What an answer fits, and the sealed secrets that are due to be sealed under the newest key, old to *anew*."""

    match: Match | None
    anew: Mapping[bytes, bytes]


class NewVerifier(Value, frozen=True):
    """
    A password was hashed and sealed; *replaces* names the sealed verifier it renews, where it does. *likeliest* is what the
    record remembers of how many have it.
    """

    sealed: bytes
    preparation: int
    replaces: bytes | None = None
    likeliest: float = 1.0


class Drawn(Value, frozen=True):
    """Random ids of one operation, drawn before the commit loop."""

    session: bytes
    device: bytes
    network: bytes = b""  # for a policy that remembers networks
