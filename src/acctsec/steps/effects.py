"""What a step brings about beside its record: events, messages, and what delivery looks further into."""

from datetime import datetime

from acctsec._values import Value
from acctsec.events import Event
from acctsec.outcomes import TryAgain
from acctsec.protocols import MessagePurpose
from acctsec.record import Change, Contact, Prompt, Record


class Notice(Value, frozen=True):
    """
    An effect: tell all verified addresses, of a *change* that waits or was made, with a veto where that is weak, or of something
    that is due *until* some day.
    """

    purpose: MessagePurpose
    change: Change | None = None
    until: datetime | None = None


class Word(Value, frozen=True):
    """An effect: tell a trusted *contact* of the subject; with a *change*, ask it to agree to that."""

    purpose: MessagePurpose
    contact: Contact
    change: Change | None = None


class Issue(Value, frozen=True, kw_only=True):
    """
    An effect: mail the owner, at the address *to*, a link that stands for *proofs* beside it, and by those gives *gives* alone.
    """

    handle: bytes
    seed: bytes
    proofs: tuple[str, ...]
    gives: str
    to: str

    def __repr__(self) -> str:
        return f"Issue(proofs={self.proofs}, gives={self.gives!r})"


class Prove(Value, frozen=True):
    """An effect: send a code, and by mail a link, to the address that a *change* is about. The code is made from *seed*."""

    change: Change
    seed: bytes


class Carry(Value, frozen=True):
    """An effect: a *change* is decided, and the platform's table has to follow."""

    change: Change


class SendCode(Value, frozen=True, kw_only=True):
    """An effect: send a code, made from *seed*, to the owner's own *address*, for an *action* of the *ticket*."""

    factor: str
    ticket: bytes
    seed: bytes
    channel: str
    address: str
    action: str
    expires: datetime

    def __repr__(self) -> str:
        return f"SendCode(factor={self.factor!r}, channel={self.channel!r}, action={self.action!r})"


class Ring(Value, frozen=True, kw_only=True):
    """
    An effect: push a *prompt* to the app at *address*, and say what for (*action*), with which *agent* it was asked for, and
    whether by a device or in a session that is *known*.
    """

    prompt: Prompt
    address: str
    action: str
    agent: str
    known: bool

    def __repr__(self) -> str:
        return f"Ring(factor={self.prompt.factor!r}, action={self.action!r})"


Effect = Event | Notice | Word | Issue | Prove | Carry | SendCode | Ring


class Step(Value, frozen=True):
    """What a step brings about. It always has a verdict: one that was forgotten would pass for a refusal."""

    verdict: Value | TryAgain
    record: Record
    effects: tuple[Effect, ...] = ()
