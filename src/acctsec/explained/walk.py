"""
Attackers who take every try as soon as it is there, walked over the real meters.

No figure here has a formula of its own. Where the meters come back to a state they were in, what followed follows again: that
alone is not walked twice.
"""

from bisect import bisect_left
from enum import StrEnum
from heapq import heappop, heappush

from attrs import define, field, frozen

from acctsec.budgets import micros
from acctsec.explained.world import PASSWORD, World
from acctsec.lockout import PAIR, SOURCE, STRANGERS, Admitted, Closed, Lane, LockoutPolicy, OverBudget, month_of
from acctsec.meters import PARTS, SECOND, wake
from acctsec.protocols import Settle

START = 1_800_000_000 * SECOND
MOST_ROWS = 256
"""More rows than this are not compared with what they were: it would cost more than to walk on."""
DEVICE, NETWORK = Lane(b"d" * 16), Lane(network=b"n" * 8)
ACCOUNT, OWNER = b"account", b"owner"
MONTH = b"!" + month_of(PASSWORD).encode()


class Attacker(StrEnum):
    """Who guesses, and at what."""

    SOURCE = "one source, one account"
    BOTNET = "botnet, one account"
    RETURNING = "botnet, owner returns"
    DEVICE = "on a known device"
    NETWORK = "in a known network"
    SPRAY = "one source, many accounts"


LANES = {Attacker.DEVICE: DEVICE, Attacker.NETWORK: NETWORK}
"""Where they are counted who are not counted with the strangers."""


@frozen
class Walk:
    """
    When guesses were admitted, in microseconds from the first one on.

    With a *period*, the instants from number *again* to the last repeat for ever: the last is that number again.
    """

    instants: tuple[int, ...]
    again: int = 0
    period: int = 0
    rests_from: int | None = None  # from when on the account's lane rested, short as that may have been
    stops_at: int | None = None  # the lane came to its stop
    full_at: int | None = None  # the month did
    others_free: bool = True  # at the end, the lanes of other devices (for a known device: of strangers) had all their tries
    networks_free: bool = True  # so had those of known networks (for who guesses in one: of strangers elsewhere)

    def before(self, end: int) -> int:
        """How many guesses were admitted before *end*."""
        if not self.period or end <= self.instants[-1]:
            return bisect_left(self.instants, end)
        rounds = -((self.instants[-1] - end) // self.period)  # rounded up: then *end* lies in what was walked
        return rounds * (len(self.instants) - 1 - self.again) + bisect_left(self.instants, end - rounds * self.period)


PACES = (None, 0, 1)
"""
Where a budget forgets by time, who always takes the next try is not the fastest: one failure more keeps those before it alive.
These paces wait, at so many failures past the free ones, until the budget has forgotten; with the default that brings a tenth
more. None: this one does not wait.
"""
PATIENCE = 20_000
"""A pace that waits past the free tries has this many guesses to come back to a state it was in, or it is given up."""


def walk(policy: LockoutPolicy, attacker: Attacker, *, sources: int, until: int, spare: int | None = None) -> Walk:
    """The way of one attacker over *until* microseconds, at one of the `PACES`; empty where it was given up."""
    siege = _Siege(policy, attacker, sources if attacker in {Attacker.BOTNET, Attacker.RETURNING} else 1, spare)
    now, instants, past = START, list[int](), _Past()
    while now < START + until:
        if spare and len(instants) > PATIENCE:
            return Walk(())
        answer = siege.guess(now)
        if isinstance(answer, Admitted):
            instants.append(now - START)
            siege.look(now)
        # Looked for before a wait only: within a burst nothing comes back.
        elif answer is None or past.again(siege.state(START + instants[-1]), len(instants) - 1):
            break
        else:
            now = max(answer, now + 1)
    again = past.at if past.found else 0
    period = instants[-1] - instants[again] if past.found else 0
    ends = (siege.rests_from, siege.stops_at, siege.full_at)
    return Walk(tuple(instants), again, period, *ends, *siege.others_free(now))


@define
class _Siege:
    """One attacker in his world, with the sources he has."""

    policy: LockoutPolicy
    attacker: Attacker
    fresh: int  # sources that were never used
    spare: int | None
    world: World = field(init=False)
    used: list[tuple[int, int, bytes]] = field(factory=list)  # a heap: when it may be used again, whose turn it is, its name
    turns: int = 0
    rests_from: int | None = None
    stops_at: int | None = None
    full_at: int | None = None
    left_free: tuple[bool, bool] | None = None  # what `others_free` found at the first account that was left behind

    def __attrs_post_init__(self) -> None:
        self.world = World(self.policy)

    @property
    def lane(self) -> Lane:
        return LANES.get(self.attacker, STRANGERS)

    def guess(self, now: int) -> Admitted | int | None:
        """One guess, or when there may be one; None for never."""
        if self.attacker is Attacker.RETURNING:
            self._owner_signs_in(now)
        if self.attacker is Attacker.SPRAY and ACCOUNT in self.world.rows:
            self._leave_account(now)
        while True:
            if self.used and self.used[0][0] <= now:
                ready, turn, source = heappop(self.used)
            elif self.fresh:
                self.fresh -= 1
                ready, turn, source = now, self._turn(), b"source %d" % self.fresh
            else:
                return self.used[0][0]
            judgement = self._waits(source, now) or self.world.compare(self.world.attempt(source, ACCOUNT, self.lane), now)
            if isinstance(judgement, OverBudget):
                heappush(self.used, (judgement.until, self._turn(), source))
                continue
            if isinstance(judgement, Admitted):
                heappush(self.used, (now, self._turn(), source))
                return judgement
            heappush(self.used, (ready, turn, source))
            return judgement.until if isinstance(judgement, Closed) else now

    def look(self, now: int) -> None:
        """Note how the account stands after a guess."""
        world, policy = self.world, self.policy
        meter, month = world.meter(ACCOUNT, policy.meter(PASSWORD, self.lane)), world.meter(ACCOUNT, MONTH)
        if self.rests_from is None and meter.ready > now:
            self.rests_from = now - START
        if self.stops_at is None and meter.count >= policy.rungs(PASSWORD, self.lane).stop:
            self.stops_at = now - START
        if self.full_at is None and month.count >= policy.month.stop:
            self.full_at = now - START

    def state(self, now: int) -> object:
        """All that decides what comes, with instants counted from *now*; None where that would be too much to look at."""
        if len(self.world.rows) > MOST_ROWS:
            return None
        policy, queue = self.policy, sorted(self.used)
        windows = [rungs.window for rungs in (policy.month, policy.pair, policy.source) if rungs.window]
        parts = {micros(window) // PARTS // SECOND or 1 for window in windows}
        clock = (now % SECOND, *(now // SECOND % part for part in sorted(parts)))
        sources = [(max(ready - now, 0), self._kept(name, now)) for ready, _, name in queue]
        return self.fresh, clock, self._kept(ACCOUNT, now), sources

    def others_free(self, now: int) -> tuple[bool, bool]:
        """Whether who stands in another lane of the account has a try, and nothing before it: see `Walk`."""
        if self.left_free is not None:
            return self.left_free
        device = self._is_free(STRANGERS if self.lane.known else DEVICE, now)
        return device, self._is_free(STRANGERS if self.lane == NETWORK else NETWORK, now)

    def _is_free(self, lane: Lane, now: int) -> bool:
        judgement = self.world.compare(self.world.attempt(b"another", ACCOUNT, lane), now, Settle.VOID)
        return isinstance(judgement, Admitted) and judgement.ordinal == 1

    def _leave_account(self, now: int) -> None:
        """The account of the last guess is not met again: the next one is new."""
        self.left_free = self.others_free(now)
        self.world.rows = {slot: {SOURCE: row[SOURCE]} for slot, row in self.world.rows.items() if slot != ACCOUNT}

    def _waits(self, source: bytes, now: int) -> OverBudget | Closed | None:
        """What this pace makes of a try that would be there."""
        if self.spare is None or self.lane.known:
            return None
        policy = self.policy
        budgets = (
            (source, SOURCE, policy.source),
            (source, PAIR + ACCOUNT, policy.pair),
            (ACCOUNT, MONTH, policy.month),
        )
        for slot, name, rungs in budgets:
            ladder = rungs.ladder(policy.lease)
            meter = wake(self.world.meter(slot, name), ladder, now)
            if meter.count >= rungs.free + self.spare:
                forgotten = meter.failures[0][0] * SECOND + ladder.window
                return Closed(forgotten, stopped=False) if slot == ACCOUNT else OverBudget(forgotten)
        return None

    def _owner_signs_in(self, now: int) -> None:
        """He proves his password on a device that nobody knows, as often as an attacker could wish."""
        if self.world.meter(ACCOUNT, self.policy.meter(PASSWORD, STRANGERS)).failures:
            self.world.compare(self.world.attempt(OWNER, ACCOUNT, STRANGERS), now, Settle.CLEAR)
            self.world.rows.pop(OWNER, None)

    def _turn(self) -> int:
        self.turns += 1
        return self.turns

    def _kept(self, slot: bytes, now: int) -> list[tuple[bytes, int, list[tuple[int, int]]]]:
        """What a row remembers that matters from *now* on."""
        policy, kept = self.policy, []
        own = {SOURCE: policy.source, MONTH: policy.month, policy.meter(PASSWORD, self.lane): policy.rungs(PASSWORD, self.lane)}
        for name, past in sorted(self.world.rows.get(slot, {}).items()):
            rungs = policy.pair if name.startswith(PAIR) else own[name]
            meter = wake(past, rungs.ladder(policy.lease), now)
            failures = [(at * SECOND - now, number) for at, number in meter.failures]
            if failures or meter.ready > now:
                kept.append((name, max(meter.ready - now, 0), failures))
        return kept


@define
class _Past:
    """A state that was met before, by Brent's method: one is kept, and a later one after twice as many guesses."""

    found: bool = False
    at: int = 0
    patience: int = 1
    state: object = None

    def again(self, state: object, number: int) -> bool:
        """Whether the state after guess *number* is the one that is kept."""
        if state is None or number == self.at:
            return False
        self.found = state == self.state
        if not self.found and number - self.at >= self.patience:
            self.at, self.state, self.patience = number, state, 2 * self.patience
        return self.found
