"""Factors that somebody else checks, and what he says of an answer."""

from collections.abc import Mapping
from typing import Protocol

from acctsec._values import Value


class Approved(Value, frozen=True):
    """The answer proves the factor."""


class Declined(Value, frozen=True):
    """It does not: it is wrong, too late, or of another ticket."""


class AsyncOutsideFactor(Protocol):
    """
    Proves one kind of factor by means of somebody else: a service that pushes, a token of another vendor.

    *subject* is ours, *reference* what he knows it by, as ``enroll_outside`` was given it. *ticket_id* is 32 or fewer characters
    that nobody can guess, another for each sign-in: an answer must be good for that one alone, or it could be replayed. Set a
    time limit of your own. One that raises, or answers with anything else, has approved nothing.
    """

    async def begin(self, subject: str, reference: str, ticket_id: str) -> Mapping[str, str]:
        """What the page needs so that the subject can answer: at most 16 names and texts, of 4,096 characters."""

    async def check(self, subject: str, reference: str, answer: str, ticket_id: str) -> Approved | Declined:
        """Judge an *answer* that the page handed back, text of at most 8,192 characters, and a stranger's. Never raise for no."""


class OutsideFactor(Protocol):
    """The blocking form of AsyncOutsideFactor."""

    def begin(self, subject: str, reference: str, ticket_id: str) -> Mapping[str, str]: ...

    def check(self, subject: str, reference: str, answer: str, ticket_id: str) -> Approved | Declined: ...
