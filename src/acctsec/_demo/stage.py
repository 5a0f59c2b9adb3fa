"""Where an act is played: it talks to the screen, and every claim it makes is kept."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from attrs import frozen

from acctsec import TryAgain
from acctsec._demo.screen import Screen

T = TypeVar("T")

PATIENCE = 30


@frozen
class Claim:
    """One sentence that the demo asserts, and whether it held."""

    act: int
    text: str
    held: bool


class Broken(Exception):  # noqa: N818 - it ends an act, not the demo
    """An act cannot go on, because an operation answered something it must not answer there."""


class Stage:
    """The screen, the head of each act, and the claims so far."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.claims: list[Claim] = []
        self.heads: dict[int, tuple[str, str]] = {}
        self._act = 0

    def turn(self, number: int) -> None:
        """Make room for an act: claims are its own from here on."""
        self._act = number

    def open(self, title: str, lead: str) -> None:
        """Begin the act."""
        self.heads[self._act] = title, lead
        self.screen.act(self._act, title, lead)

    def claim(self, text: str, held: object) -> None:
        """Assert something, in front of everybody."""
        claim = Claim(self._act, text, bool(held))
        self.claims.append(claim)
        self.screen.claim(claim.text, claim.held)


def patiently(call: Callable[[], T | TryAgain]) -> T:
    """Ask until something was decided: TryAgain compared and counted nothing. Raises Broken when nothing ever is."""
    until = monotonic() + PATIENCE
    while isinstance(answer := call(), TryAgain):
        if monotonic() > until:
            raise Broken(f"nothing but TryAgain in {PATIENCE} s")
        sleep(0.05)
    return answer


def expect(answer: object, wanted: type[T]) -> T:
    """The answer, if it is what the act goes on with."""
    if not isinstance(answer, wanted):
        raise Broken(f"{type(answer).__name__} where {wanted.__name__} was due")
    return answer
