"""What is counted, a cohort at a time: what attackers got, and what it cost the owners."""

from collections import Counter
from collections.abc import Mapping

from attrs import Factory, define, field
from tests.simulation.popularity import BANNED, taken


@define
class Cohort:
    """Owners who are attacked in one way, or not at all."""

    owners: int
    visits: int = 0
    refused: Counter[str] = field(factory=Counter)  # visits with a right password refused, by the first cause
    locked: set[int] = field(factory=set)  # owners whose right password was refused at least once
    since: dict[int, int] = field(factory=dict)  # owners who are out now, and since when
    longest: int = 0
    resets: int = 0
    tickets: int = 0
    guesses: Counter[int] = field(factory=Counter)  # compared ones, by target
    turned_away: int = 0  # guesses of attackers that were not compared
    lost: set[int] = field(factory=set)
    stale: dict[int, int] = field(factory=dict)  # owners with a stale client, and until when
    stale_compared: int = 0
    stale_refused: int = 0
    stale_came: set[int] = field(factory=set)  # owners who came with the right password while a client of theirs was stale ...
    stale_locked: set[int] = field(factory=set)  # ... and were refused

    def numbers(self) -> dict[str, float]:
        """What is reported. Shares are of one, times are hours."""
        spared = [self.guesses[one] for one in self.guesses if one not in self.lost]
        return {
            "owners": self.owners,
            "visits": self.visits,
            "visits refused": sum(self.refused.values()) / max(self.visits, 1),
            **{f"refused: {cause}": number / max(self.visits, 1) for cause, number in sorted(self.refused.items())},
            "owners locked out": len(self.locked) / self.owners,
            "longest lock-out": self.longest / 3_600_000_000,
            "resets": self.resets / self.owners,
            "tickets": self.tickets / self.owners,
            "guesses compared": sum(spared) / max(len(spared), 1),
            "most guesses compared": max(self.guesses.values(), default=0),
            "accounts lost": len(self.lost) / self.owners,
            "accounts lost, common ones refused": sum(taken(number, BANNED) for number in spared) / max(len(spared), 1),
            "stale clients": len(self.stale),
            "stale clients' owners who came": len(self.stale_came),
            "stale clients' owners locked out": len(self.stale_locked) / max(len(self.stale_came), 1),
        }


@define
class Tally:
    """Counts what comes through the door. *strategy* names the attack on each owner who is attacked; the rest is *quiet*."""

    sizes: Mapping[str, int]
    strategy: Mapping[int, str]
    quiet: str
    cohorts: dict[str, Cohort] = Factory(lambda self: {name: Cohort(size) for name, size in self.sizes.items()}, takes_self=True)
    attempts: Counter[str] = field(factory=Counter)
    _refused: set[int] = field(factory=set)

    def of(self, owner: int) -> Cohort:
        """The cohort of an owner."""
        return self.cohorts[self.strategy.get(owner, self.quiet)]

    def visits(self, owner: int) -> None:
        """An owner comes."""
        self.of(owner).visits += 1
        self._refused.discard(owner)

    def owner(self, owner: int, *, right: bool, cause: str | None, now: int) -> None:
        """An owner typed something. Only a right password that is refused is a lock-out."""
        self.attempts["owner"] += 1
        if not right:
            return
        cohort = self.of(owner)
        stale = now < cohort.stale.get(owner, 0)
        if stale:
            cohort.stale_came.add(owner)
        if cause is None:
            self._ends(cohort, owner, now)
            return
        if owner not in self._refused:
            self._refused.add(owner)
            cohort.refused[cause] += 1
        cohort.locked.add(owner)
        cohort.since.setdefault(owner, now)
        if stale:
            cohort.stale_locked.add(owner)

    def _ends(self, cohort: Cohort, owner: int, now: int) -> None:
        begun = cohort.since.pop(owner, None)
        if begun is not None:
            cohort.longest = max(cohort.longest, now - begun)

    def finish(self, now: int) -> None:
        """The end: who is out now was out until now."""
        for cohort in self.cohorts.values():
            for owner in list(cohort.since):
                self._ends(cohort, owner, now)

    def client(self, owner: int, *, right: bool, cause: str | None, now: int) -> None:
        """A stale client tried."""
        self.attempts["client"] += 1
        cohort = self.of(owner)
        cohort.stale_compared += cause is None
        cohort.stale_refused += cause is not None

    def begin_stale(self, owner: int, now: int, length: int) -> None:
        """A client of this owner begins to repeat an old password."""
        self.of(owner).stale[owner] = now + length

    def attacker(self, owner: int, *, compared: bool, right: bool, now: int) -> None:
        """An attacker guessed."""
        self.attempts["attacker"] += 1
        cohort = self.of(owner)
        cohort.guesses[owner] += compared
        cohort.turned_away += not compared
        if right:
            cohort.lost.add(owner)

    def reset(self, owner: int) -> None:
        """An owner set a new password by mail."""
        self.of(owner).resets += 1

    def ticket(self, owner: int) -> None:
        """An owner asked the helpdesk."""
        self.of(owner).tickets += 1
