"""Attackers, each with a cohort of owners of his own. All know the policy, and which passwords are popular."""

from collections.abc import Sequence
from itertools import count

from tests.simulation.chance import Chance
from tests.simulation.habits import BOTNET, GRIEFER, SINGLE, SPRAY, Attack
from tests.simulation.popularity import OWN
from tests.simulation.world import Process, Try, World

BOTS = 3_000_000_000
JUNK = OWN + (1 << 29)
STRATEGIES = (SINGLE, BOTNET, SPRAY, GRIEFER)


class Sources:
    """The addresses of one attack; no two attacks share any."""

    def __init__(self, strategy: str, attack: Attack, chance: Chance) -> None:
        self.first = BOTS + STRATEGIES.index(strategy) * 100_000_000
        self.number = attack.sources
        self.chance = chance

    def any(self) -> int:
        """One of them."""
        return self.first + self.chance.below(self.number)


class Guesses:
    """How far each target's guesses have come: the most popular password first, and on only when it was compared."""

    def __init__(self, world: World, targets: Sequence[int]) -> None:
        self.world = world
        self.next = dict.fromkeys(targets, 1)

    def at(self, target: int, source: int) -> bool:
        """One guess at a target; whether it is still worth another."""
        compared, right = self.world.attacker_tries(Try(target, source, self.next[target]))
        self.next[target] += compared
        return not right


def in_turn(world: World, targets: Sequence[int], sources: Sources, *, every: int) -> Process:
    """One guess at each target after the other."""
    guesses, left = Guesses(world, targets), list(targets)
    while left:
        still = []
        for target in left:
            if guesses.at(target, sources.any()):
                still.append(target)
            yield every
        left = still


def deep(world: World, target: int, sources: Sources, *, every: int) -> Process:
    """Guess after guess at one target, each from another source."""
    guesses = Guesses(world, (target,))
    yield sources.chance.below(every)
    while guesses.at(target, sources.any()):
        yield every


def grief(world: World, target: int, sources: Sources, *, every: int) -> Process:
    """Two junk passwords at once, again and again: nobody is to come in."""
    yield sources.chance.below(every)
    for junk in count():
        for part in (0, 1):
            world.attacker_tries(Try(target, sources.any(), JUNK + (2 * junk + part) % (1 << 29)))
        yield every


def unleash(world: World, strategy: str, attack: Attack, targets: Sequence[int], *, seed: int) -> None:
    """Let an attack begin."""
    sources = Sources(strategy, attack, Chance(seed, 2, STRATEGIES.index(strategy)))
    if strategy == SINGLE:
        world.start(in_turn(world, targets, sources, every=attack.every))
    elif strategy == SPRAY:
        world.start(in_turn(world, targets, sources, every=attack.every // len(targets)))
    else:
        act = deep if strategy == BOTNET else grief
        for target in targets:
            world.start(act(world, target, sources, every=attack.every))
