"""
A challenge without a service: a little work that a browser does by itself.

``ProofOfWork`` is a toll and no proof of a person. Where people have to be told from programs, give the engine a port around
a CAPTCHA service instead (docs/how-to/challenge.md).
"""

import re
from hashlib import sha256

from attrs import field, frozen

from acctsec.checks import whole
from acctsec.errors import ConfigError
from acctsec.protocols import Solved, Unsolved

PARTS = 16
PARTS_BITS = 4  # as a power of two
SEED_BYTES = 16

_PUZZLE = re.compile(r"pow1:([1-9][0-9]?):([0-9a-f]{32})")
_ANSWER = re.compile(r"[0-9a-f]{128}")  # 16 numbers of 32 bits


@frozen
class ProofOfWork:
    """
    Asks for 2**bits SHA-256 hashes on average, in 16 parts, so that nobody is very unlucky.

    Args:
        bits: how much work. Default 20, about a million hashes: a quarter of a second of one core for the script of
            docs/how-to/challenge.md (Node 20 on an AMD EPYC: 4.3 million a second), and below a second on a cheap phone by the
            ratios of devices that ALTCHA publishes (such a server 1, iPhone 12 mini 0.8, Galaxy A14 2.5). Cap asks for 3.3
            million. One more doubles it.

    One search for 20 bits at once would take one in a hundred 4.6 times as long as the mean, and 16 parts 1.7 times. What is
    looked for: for each part, counted from 0, a number so that SHA-256 of the seed (16 bytes), the part and the number (each
    32 bits, big-endian) begins with *bits* - 4 zero bits. ``solve`` does it.

    It keeps nothing and knows no source: that a puzzle is answered once, in time and by whom it was put to is the ticket's.
    Its limits are those of all such work: a million answers take one graphics card a minute (2 * 10**10 such hashes a second),
    and rented processors about a day of one core. So it stops who did not come prepared, slows the others, and never tells a
    person from a program.

    Raises ConfigError for bits outside 8 to 28.
    """

    bits: int = field(default=20, validator=whole(8, 28))

    def puzzle(self, seed: bytes) -> str:
        """The puzzle of a seed: ``pow1:<bits>:<seed in hex>``. Raises ConfigError for a seed that is not 16 bytes."""
        if type(seed) is not bytes or len(seed) != SEED_BYTES:
            raise ConfigError(f"The seed is not {SEED_BYTES} bytes.", remedy="Draw it from the entropy port.")
        return f"pow1:{self.bits}:{seed.hex()}"

    def verify(self, puzzle: str, answer: str, *, source: str) -> Solved | Unsolved:
        """Judge an answer in 16 hashes. A puzzle that asks for less than this one does is never solved."""
        del source
        asked = _read(puzzle)
        if asked is None or asked[0] < self.bits or type(answer) is not str or _ANSWER.fullmatch(answer) is None:
            return Unsolved()
        bits, seed = asked
        numbers = [int(answer[at : at + 8], 16) for at in range(0, len(answer), 8)]
        done = all(_fits(bits, seed, part, number) for part, number in enumerate(numbers))
        return Solved() if done else Unsolved()


@frozen
class AsyncProofOfWork:
    """The async form of ProofOfWork: it waits for nothing."""

    bits: int = field(default=20, validator=whole(8, 28))

    async def puzzle(self, seed: bytes) -> str:
        """The puzzle of a seed; see ProofOfWork."""
        return ProofOfWork(self.bits).puzzle(seed)

    async def verify(self, puzzle: str, answer: str, *, source: str) -> Solved | Unsolved:
        """Judge an answer; see ProofOfWork."""
        return ProofOfWork(self.bits).verify(puzzle, answer, source=source)


def solve(puzzle: str) -> str:
    """
    The answer to a puzzle of ProofOfWork: for clients and for tests. With 20 bits it takes about a second in Python.

    Raises ConfigError for what is no such puzzle.
    """
    asked = _read(puzzle)
    if asked is None:
        raise ConfigError("That is no puzzle of ProofOfWork.", remedy="Give the text that ChallengeRequired has as puzzle.")
    bits, seed = asked
    numbers = []
    for part in range(PARTS):
        number = 0
        while not _fits(bits, seed, part, number):
            number += 1
        numbers.append(f"{number:08x}")
    return "".join(numbers)


def _read(puzzle: object) -> tuple[int, bytes] | None:
    """The bits and the seed of a puzzle."""
    found = _PUZZLE.fullmatch(puzzle) if type(puzzle) is str else None
    return None if found is None or not 8 <= int(found[1]) <= 28 else (int(found[1]), bytes.fromhex(found[2]))


def _fits(bits: int, seed: bytes, part: int, number: int) -> bool:
    digest = sha256(seed + part.to_bytes(4, "big") + number.to_bytes(4, "big")).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - (bits - PARTS_BITS)) == 0
