"""Passwords: how well they stand, which ones leaked, and which ones are popular."""

from collections.abc import Callable, Sequence
from typing import Protocol

Estimator = Callable[[str, Sequence[str]], float]
"""Judges a password beside context words: log10 of the guesses it stands. Must be deterministic, bounded and thread-safe."""

Likelihood = Callable[[str], float]
"""Tells the share of accounts that have a password, from 0 to 1. Must be deterministic, bounded and thread-safe."""


class AsyncBreachCorpus(Protocol):
    """Knows passwords that leaked."""

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never. Raises when it cannot tell."""


class BreachCorpus(Protocol):
    """The blocking form of AsyncBreachCorpus."""

    def count(self, password: str) -> int: ...


class AsyncPopularityCounter(Protocol):
    """Counts how many accounts chose the same password. It gets keyed digests and may answer too much, never too little."""

    async def count(self, digest: bytes) -> int:
        """How often *digest*, 32 bytes, was added. Raises when it cannot tell."""

    async def add(self, digest: bytes) -> None:
        """One account more."""


class PopularityCounter(Protocol):
    """The blocking form of AsyncPopularityCounter."""

    def count(self, digest: bytes) -> int: ...

    def add(self, digest: bytes) -> None: ...
