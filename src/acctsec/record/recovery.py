"""What waits or can be vetoed, and who is told of it."""

from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest

from acctsec.record._part import Part
from acctsec.record.seconds import ceil, floor


class Change(Part, frozen=True, kw_only=True, array_like=True):
    """
    A change of which the addresses were told: one that waits, or, with *made*, one that can still be vetoed.

    *kind* says what of, *proofs* on what it rests. It can be made from *until* to *expires*; once it is made, it can be vetoed
    until *expires*. One that is not *weak* rests on proof at the full level: no address alone vetoes it. *about* is the address
    that proves it, as resets name it, or the one that comes or goes, sealed. *code* is a keyed digest of the code that confirms
    it, *vouched* which contacts have agreed, as bits.
    """

    id: bytes
    kind: str
    proofs: tuple[str, ...]
    asked: datetime
    until: datetime
    expires: datetime
    made: datetime | None = None
    weak: bool = True
    about: bytes = b""
    code: bytes = b""
    vouched: int = 0

    def __post_init__(self) -> None:
        """What was set up in the second in which it was asked for counts as set up since."""
        floor(self, "asked")

    @property
    def under_way(self) -> bool:
        """Whether it is decided, and the platform's table still has to follow: what can be vetoed is weak."""
        return self.made is not None and not self.weak


class Contest(Part, frozen=True, kw_only=True, array_like=True):
    """
    A change was vetoed: nobody signs in until proof comes that neither side has shown. *proofs* are those of both sides.

    What was set *since* then does not count: whoever made the change could have set it.
    """

    since: datetime
    proofs: tuple[str, ...]

    def __post_init__(self) -> None:
        """What was set up in that second does not count."""
        floor(self, "since")


class Address(Part, frozen=True, kw_only=True, array_like=True):
    """
    What is remembered of an address: what a reset calls it, and *since* when it is verified. *changed*: there was another
    before it. One that was removed is told of what happens until *told*, and is kept for that, *sealed*.
    """

    digest: bytes
    since: datetime
    changed: bool = False
    told: datetime | None = None
    sealed: bytes = b""

    def named(self, names: Sequence[bytes]) -> bool:
        """Whether one of *names*, of one address under each index key in force, is this one's."""
        return any(compare_digest(self.digest, name) for name in names)


class Contact(Part, frozen=True, kw_only=True, array_like=True):
    """Another *subject* whose word counts for this one. *id* is its bit in ``Change.vouched``."""

    id: int
    subject: str
    since: datetime

    def __post_init__(self) -> None:
        """None counts early."""
        ceil(self, "since")
