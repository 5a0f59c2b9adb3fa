"""What all steps have in common, and what they are handed when it is their turn."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

from attrs import define, field
from msgspec import Meta, Struct

from acctsec.claims import FactorAnswer, TotpCode
from acctsec.context import Context
from acctsec.engine import Engine
from acctsec.protocols import Account, MessagePurpose
from acctsec.testing.authenticator import SoftAuthenticator
from acctsec.testing.doubles import Authenticator

Count = Annotated[int, Meta(ge=0)]
Times = Annotated[int, Meta(ge=1, le=100_000)]

Trouble = Literal["restart", "meters-lost", "meters-down", "records-down", "answers-lost", "messenger-down", "directory-down"]
ORIGIN, DOMAIN = "https://www.example.org", "example.org"


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """
    One thing that the actor *by* does. The clock moves on by *after* before it; a negative time sets it back.

    *trouble* is what is wrong with the world. The process has restarted, or the meters are lost, for good; while the step lasts
    the meters, the records, the messenger or the directory do not answer, or commits happen and their answers are lost.
    """

    by: str
    after: str = ""
    trouble: Trouble | None = None

    def needs(self) -> tuple[str, ...]:
        """What of an actor it takes; one with a ``/`` is had by either name."""
        return ()

    def perform(self, turn: "Turn") -> object:
        """Do it, and answer what came of it."""
        raise NotImplementedError


class Operation(Step, frozen=True, kw_only=True):
    """
    A step that asks the engine for something, *times* over.

    The clock moves on by *every* before each further time, or all happen *at_once*, in as many threads. *expect* is the one
    outcome, or how often each. In a text ``{n}`` is the number of the attempt, from 1, ``{n:4}`` the same in four digits, and
    ``{a*72}`` the letter ``a`` so often.
    """

    expect: str | dict[str, Count]
    times: Times = 1
    every: str = ""
    at_once: bool = False


def filled(text: str, number: int) -> str:
    """Put the number of the attempt, and what is repeated, into a text."""
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), numbered(text, number))


def numbered(text: str, number: int) -> str:
    """Put the number of the attempt alone into a text: into a name."""
    return _NUMBER.sub(lambda found: str(number).zfill(int(found[1] or 0)), text)


_NUMBER = re.compile(r"\{n(?::([1-9]))?\}")
_REPEATED = re.compile(r"\{(.)\*([0-9]{1,8})\}")


@define(kw_only=True)
class Hands:
    """What an actor holds from one step to the next."""

    ticket: str = field(default="", repr=False)
    waits: str = field(default="", repr=False)
    handle: str = field(default="", repr=False)
    session: str = field(default="", repr=False)
    device: str | None = field(default=None, repr=False)
    change: str = field(default="", repr=False)
    number: str = field(default="", repr=False)
    passkey: SoftAuthenticator | None = field(default=None, repr=False)
    options: Mapping[str, Any] | None = field(default=None, repr=False)
    typed: FactorAnswer = field(factory=lambda: TotpCode(""), repr=False)
    sessions: int = 0


@define(kw_only=True)
class Person:
    """An account as it stands in the world: what it answers to, and what its owner was given."""

    name: str
    subject: str
    identifier: str
    tenant: str
    password: str = field(repr=False)
    app: Authenticator | None = None
    codes: list[str] = field(factory=list, repr=False)
    device: str | None = field(default=None, repr=False)
    passkey: SoftAuthenticator | None = None
    proposal: str = ""


class Turn(Protocol):
    """What a step is handed each time: the engine, who acts, from where, with what in his hands."""

    calls: Engine
    context: Context
    hands: Hands
    number: int
    by: str

    def text(self, text: str) -> str:
        """A text of the step, filled for this time."""

    def person(self, name: str) -> Person:
        """An account by its name, filled; of one that does not exist, all that can be typed of it."""

    def account(self, person: Person) -> Account | None:
        """Its row of the user table as it is now."""

    def mailed(self, what: str, *purposes: MessagePurpose, nth: int = 0) -> str:
        """The newest ``link``, ``code``, ``veto`` or ``prompt`` that the actor can read, or the one of that number, from 1."""

    def owned(self, thing: str) -> Person:
        """Whose *thing* the actor has."""

    def other(self, actor: str) -> Hands:
        """What another actor holds."""

    def shown(self, app: Authenticator) -> TotpCode:
        """What an authenticator shows now."""

    def wrong_code(self) -> str:
        """Six digits that no authenticator here shows near now; others each time."""
