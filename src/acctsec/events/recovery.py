"""What waits, is stopped or is agreed to while an owner comes back in."""

from datetime import datetime

from attrs import frozen

from acctsec.events.shared import Event


@frozen(kw_only=True)
class ChangeBegan(Event):
    """A *change* of that *kind* waits until *until*: *methods* are the proofs it rests on, and every address is told."""

    change: str
    kind: str
    methods: tuple[str, ...]
    until: datetime


@frozen(kw_only=True)
class ChangeDropped(Event):
    """
    A *change* that waited will not be made; *by* says why.

    ``owner``, ``asker`` or ``sign-in``; ``newer`` where another took its place, ``taken`` where the directory has given what it
    asks for to another account, ``credential`` where one was changed meanwhile, or ``withdrawn`` where an administrator took an
    address off while one that two of them gave was waiting.
    """

    change: str
    kind: str
    by: str


@frozen(kw_only=True)
class ChangeVetoed(Event):
    """A *change* was vetoed by who reads an address: sessions are over, and the account is contested."""

    change: str
    kind: str


@frozen(kw_only=True)
class ContestSettled(Event):
    """A contested account was given to who showed more than either side had: *methods* are the proofs."""

    methods: tuple[str, ...]


@frozen(kw_only=True)
class ContactAdded(Event):
    """The subject named another one, *contact*, whose word counts for it from *counts* on."""

    contact: str
    counts: datetime


@frozen(kw_only=True)
class ContactDropped(Event):
    """The word of *contact* counts no more."""

    contact: str


@frozen(kw_only=True)
class VouchingBegan(Event):
    """The trusted contacts were asked to agree to a *change* until *expires*: *methods* are the proofs it rests on so far."""

    change: str
    methods: tuple[str, ...]
    expires: datetime


@frozen(kw_only=True)
class ContactVouched(Event):
    """A *contact* agreed to a *change*, with a fresh session of its own; *left* more have to."""

    change: str
    contact: str
    left: int


@frozen(kw_only=True)
class RecoveryProposed(Event):
    """An administrator proposed a recovery of that *kind*; nothing comes of it before another agrees."""

    change: str
    kind: str
    expires: datetime
    actor: str


@frozen(kw_only=True)
class RecoveryApproved(Event):
    """
    A second administrator, *actor*, agreed to what *proposer* proposed: the owner, or who reads the address that was proposed,
    is mailed a link, and nobody else.
    """

    change: str
    kind: str
    proposer: str
    actor: str


@frozen(kw_only=True)
class ProposalWithdrawn(Event):
    """An administrator took a proposal back, his own or another's."""

    change: str
    kind: str
    actor: str


@frozen(kw_only=True)
class FactorsDropped(Event):
    """A recovery took every second factor off: *methods* are the proofs, in order."""

    methods: tuple[str, ...]
