"""Recovery: what more is asked for, changes that wait, and what stops them."""

from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from acctsec.outcomes.shared import Refused, TryAgain, secret
from acctsec.outcomes.sign_in import FactorRequired


class ChangeKind(StrEnum):
    """What a change is of that waits, or that can be vetoed."""

    PASSWORD = "password"  # noqa: S105 - a kind, not a password
    FACTORS = "factors"
    ADDRESS_ADDED = "address-added"
    ADDRESS_REMOVED = "address-removed"
    IDENTIFIER = "identifier"
    CONTACTS = "contacts"  # trusted contacts were asked; what for is said once they have agreed
    PASSWORD_PROPOSED = "password-proposed"  # noqa: S105 - a kind; an administrator proposed it, and another has to agree
    FACTORS_PROPOSED = "factors-proposed"
    ADDRESSES_PROPOSED = "addresses-proposed"


@frozen
class ProofRequired:
    """
    More proof is due before anything changes, and no second factor can give it: any one of *paths*, each a set of names of
    ``acctsec.recovery.Proof``. There is none where nothing that the subject has would do. Go on with this *ticket*.
    """

    ticket: str = secret()
    paths: tuple[frozenset[str], ...] = field(kw_only=True)


@frozen
class Waiting:
    """
    What was proven is enough, and nothing changes before *until*, so that whoever it concerns can stop it.

    Every address was told. With a *ticket*, make the same call with ``ResumeTicket(ticket)`` from then on, for as long as
    ``RecoveryPolicy.claim`` says; without one, make the same call again. *change* names it for ``cancel_change``.
    """

    until: datetime
    ticket: str | None = field(default=None, repr=False)
    change: str = field(default="", kw_only=True)


@frozen(kw_only=True)
class ChangeInfo:
    """What may be shown of a change: it can be made from *until* to *expires*, or was *made* and can be vetoed until then."""

    id: str
    kind: ChangeKind
    asked: datetime
    until: datetime
    expires: datetime
    made: datetime | None = None


@frozen
class Changes:
    """The changes of a subject that wait or can be vetoed, the oldest first."""

    changes: tuple[ChangeInfo, ...]


@frozen
class ChangeCancelled:
    """The change will not be made. Nothing else is different."""


@frozen
class VetoPending:
    """The veto stops a change of this *kind* until *expires*. Looking at it stopped nothing."""

    kind: ChangeKind
    expires: datetime


@frozen
class Vetoed:
    """
    The change is stopped, every session is over, and nobody signs in: the account is contested.

    Only proof that is stronger than what either side has shown opens it again; see ``redeem_reset``.
    """


@frozen(kw_only=True)
class Proposed:
    """An administrator proposed it; it comes to nothing unless another agrees before *expires*."""

    change: str
    expires: datetime


@frozen
class FactorsRemoved:
    """Every second factor and printed code is gone, and every session is over. Nobody is signed in."""


RemoveLostFactorsOutcome = FactorsRemoved | FactorRequired | ProofRequired | Waiting | Refused | TryAgain
