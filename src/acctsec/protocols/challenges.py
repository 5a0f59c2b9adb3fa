"""Challenges: puzzles for programs, and how an answer is judged."""

from typing import Protocol

from acctsec._values import Value


class Solved(Value, frozen=True):
    """The answer fits the puzzle."""


class Unsolved(Value, frozen=True):
    """It does not."""


class AsyncChallenge(Protocol):
    """
    Puts a puzzle to whoever is suspected to be a program, and judges the answer.

    One that raises, or answers with anything else, has not been answered: the caller is asked again.
    """

    async def puzzle(self, seed: bytes) -> str:
        """
        What the platform shows: text of at most 256 bytes, made from 16 random bytes. A service may answer its site key.
        """

    async def verify(self, puzzle: str, answer: str, *, source: str) -> Solved | Unsolved:
        """
        Judge the *answer* to a *puzzle* that this engine handed out, to the address or network *source*.

        It is asked once for each puzzle handed out. *answer* is text of at most 8,192 characters, and a stranger's.
        """


class Challenge(Protocol):
    """The blocking form of AsyncChallenge."""

    def puzzle(self, seed: bytes) -> str: ...

    def verify(self, puzzle: str, answer: str, *, source: str) -> Solved | Unsolved: ...
