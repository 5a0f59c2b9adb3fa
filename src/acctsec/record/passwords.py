"""The password: the hash in use, those that were, and live resets."""

from datetime import datetime
from typing import Annotated, Self

from acctsec._values import SHARE, evolve
from acctsec.record._part import Part
from acctsec.record.seconds import ceiled, floor


class Verifier(Part, frozen=True, kw_only=True, array_like=True):
    """
    The stored password hash, sealed.

    *born* is the epoch at which this password was set: it names the password, and stays when the hash is only made again.
    *preparation* numbers the text form that was hashed. *likeliest*: no more than this share of accounts is thought to have the
    password; 1 where nobody looked, or found it more likely than a hit count allows.
    """

    sealed: bytes
    born: int
    preparation: int
    since: datetime
    likeliest: Annotated[float, SHARE] = 1.0

    @property
    def past(self) -> Self:
        """
        The same as one of the history, 12 bytes shorter: nobody asks how likely a password is that is in use no longer, and what
        was in use before it may not come back for up to a second longer.
        """
        return evolve(self, likeliest=1, since=ceiled(self.since))


class Reset(Part, frozen=True, kw_only=True, array_like=True):
    """
    One live reset: digests only. *id* is the handle it was asked under, *recipient* names the address it was mailed to, *initial*
    says that an administrator asked for it.
    """

    id: bytes
    epoch: int
    recipient: bytes
    link: bytes
    code: bytes
    expires: datetime
    code_expires: datetime
    channel: str = "mail"  # or "text"
    proofs: tuple[str, ...] = ()  # what it stands for besides: two administrators agreed
    initial: bool = False
    gives: str = ""  # what those proofs are good for

    def __post_init__(self) -> None:
        """None lives longer than it was said."""
        floor(self, "expires", "code_expires")
