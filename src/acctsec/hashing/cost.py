"""
What guessing costs an attacker who has the hashes, by the memory that one guess has to move.

Argon2 is bound by memory, so a card computes as many guesses a second as its memory bandwidth divided by the traffic of one.
The bandwidths are facts of the data sheets; the prices are assumptions and only scale the result.
"""

from attrs import frozen

from acctsec.hashing.parameters import Argon2Parameters

EFFICIENCY = 0.87
"""The part of its bandwidth that a card really moves. Two published runs give 0.89 (RTX 4090) and 0.86 (RTX 5090)."""

SOURCES = (
    "traffic of a guess, m * (3t - 1): tobtu.com, minimum password settings",
    "speed: hashcat pull request 4284, RTX 4090, Argon2id 64 MiB and 3 passes, 1,667 guesses a second",
    "speed: openwall/john pull request 5382 and issue 5809, RTX 5090, Argon2d 16 MiB and 3 passes, 11,450 guesses a second",
    "bandwidth: NVIDIA's data sheets, GeForce RTX 4090 1,008 GB/s, H100 SXM 3,350 GB/s",
    "prices: what such cards were offered for by the hour in 2026; yours scale the result",
)
"""Where the model and its numbers come from, one a line."""


@frozen(kw_only=True)
class Card:
    """A graphics card to guess on: its memory bandwidth, and what an hour of it costs."""

    name: str
    bytes_per_second: float
    dollars_per_hour: float


RTX_4090 = Card(name="RTX 4090", bytes_per_second=1.008e12, dollars_per_hour=0.40)
H100 = Card(name="H100", bytes_per_second=3.35e12, dollars_per_hour=2.50)
CARDS = (RTX_4090, H100)


def guesses_per_second(cost: Argon2Parameters, card: Card) -> float:
    """How many passwords a second one *card* tries on one stolen hash of that *cost*."""
    return EFFICIENCY * card.bytes_per_second / (1024 * cost.traffic)


def dollars_per_million(cost: Argon2Parameters, card: Card) -> float:
    """What 10^6 guesses at one stolen hash cost in rent."""
    return 1e6 / guesses_per_second(cost, card) * card.dollars_per_hour / 3600
