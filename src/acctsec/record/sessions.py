"""Where somebody is signed in, what is known of his devices, and the tickets that did their work."""

from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Self

from acctsec._values import below
from acctsec.assurance import Method
from acctsec.outcomes import AssuranceLevel
from acctsec.record._part import Part
from acctsec.record.seconds import ceil, floor


class Device(Part, frozen=True, kw_only=True, array_like=True):
    """
    A browser that once proved everything: it has its own lockout lane. Until *remembered* its owner asked to be let in there
    without a second factor, where the policy lets him.
    """

    id: bytes
    since: datetime
    remembered: datetime | None = None

    def __post_init__(self) -> None:
        """None is remembered longer than it was said."""
        floor(self, "remembered")


class Network(Part, frozen=True, kw_only=True, array_like=True):
    """A network from which once everything was proven: it has its own lockout lane, *id*, and nothing else. *digest* is keyed."""

    id: bytes
    digest: bytes
    since: datetime

    def __post_init__(self) -> None:
        """None is known longer than it was said."""
        floor(self, "since")

    def named(self, digests: Sequence[bytes]) -> bool:
        """Whether one of *digests*, of one network under each index key in force, is this one's."""
        return any(compare_digest(self.digest, digest) for digest in digests)


CODES: tuple[str, ...] = tuple(Method)
"""What a proof is written as: the place of its method here. A method that is added comes last."""


class Proof(Part, frozen=True, kw_only=True, array_like=True):
    """What was proven, and *at* which second. Methods that the library knows are written as a number."""

    code: Annotated[int, below(len(CODES))] | str
    at: datetime

    @classmethod
    def of(cls, method: str, at: datetime) -> Self:
        """A proof by a method; the fraction of its second is dropped, so that it never looks newer than it is."""
        return cls(code=CODES.index(method) if method in CODES else method, at=at.replace(microsecond=0))

    @property
    def method(self) -> str:
        """By which method."""
        return self.code if isinstance(self.code, str) else CODES[self.code]


class Session(Part, frozen=True, kw_only=True, array_like=True):
    """
    One session of the subject. *name* is what its device is called, *generation* the one that its token has to say; *turned* is
    when that rose last.
    """

    id: bytes
    level: AssuranceLevel
    created: datetime
    authenticated: datetime
    proofs: tuple[Proof, ...] = ()
    generation: int = 0
    turned: datetime | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """No session looks newer than it is; 12 bytes less of each."""
        turned = self.turned
        if self.created.microsecond or self.authenticated.microsecond or (turned is not None and turned.microsecond):
            floor(self, "created", "authenticated", "turned")

    def proven(self, *, since: datetime) -> frozenset[str]:
        """The methods that were proven for it at or after an instant."""
        return frozenset(proof.method for proof in self.proofs if proof.at >= since)


class Spent(Part, frozen=True, kw_only=True, array_like=True):
    """A ticket that did its work, remembered until it would have expired anyway."""

    id: bytes
    expires: datetime

    def __post_init__(self) -> None:
        """None is forgotten early."""
        ceil(self, "expires")
