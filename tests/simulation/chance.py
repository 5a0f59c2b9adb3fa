"""Chance of one's own for everybody: small, repeatable, and the same under every policy."""

from math import log

MASK = (1 << 64) - 1


class Chance:
    """
    Numbers from splitmix64 (Steele, Lea and Flood, 2014).

    Each owner has one, so what he does depends on his seed and on the answers he gets, never on what others do. A
    `random.Random` has two kilobytes of state, and there are a hundred thousand of them.
    """

    __slots__ = ("state",)

    def __init__(self, *seed: int) -> None:
        self.state = 0
        for part in seed:
            self.state = (self._mixed() ^ part * 0x9E3779B97F4A7C15) & MASK

    def _mixed(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((self.state ^ self.state >> 30) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & MASK
        return mixed ^ mixed >> 31

    def share(self) -> float:
        """A number from 0 up to and without 1."""
        return (self._mixed() >> 11) / (1 << 53)

    def below(self, bound: int) -> int:
        """A whole number from 0 up to and without *bound*."""
        return int(self.share() * bound)

    def around(self, mean: float) -> int:
        """A wait with that mean, without memory."""
        return int(-mean * log(1 - self.share()))
