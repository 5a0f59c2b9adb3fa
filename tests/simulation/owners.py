"""What owners do: they come back, mistype, forget, insist, have their password reset, ask the helpdesk; and their stale clients."""

from tests.simulation.chance import Chance
from tests.simulation.habits import MINUTE, Habits
from tests.simulation.popularity import OTHERS, OWN, drawn
from tests.simulation.world import Process, Try, World

OFFICES, ELSEWHERE = 1_000_000_000, 2_000_000_000
TOKENS = 5


class Owner:
    """One owner of an account."""

    __slots__ = ("chance", "habits", "me", "population", "seen", "tokens", "typos", "world")

    def __init__(self, world: World, habits: Habits, me: int, *, seed: int, population: int) -> None:
        self.world = world
        self.habits = habits
        self.me = me
        self.population = population
        self.chance = Chance(seed, me)
        self.tokens: tuple[bytes, ...] = ()
        self.seen = world.now
        self.typos = 0
        world.passwords[me] = drawn(self.chance.share())
        self._is_no_stranger()

    def _is_no_stranger(self) -> None:
        """He had his account before anything begins, and two browsers in it; where he works he was too."""
        for place in (self.me, self._office() or self.me):
            one = Try(self.me, place, self.world.passwords[self.me])
            if self.world.guard.admit(one, self.world.now) is None:
                token = self.world.guard.settle(one, self.world.now, right=True)
                self.tokens += () if token is None else (token,)

    def life(self) -> Process:
        """Visits, for as long as the world stands."""
        kind = self.chance.share()
        mean = next(mean for share, mean in self.habits.often if kind < share)
        yield self.chance.around(mean)
        while True:
            yield from self._visit()
            yield MINUTE + self.chance.around(mean)

    def _visit(self) -> Process:
        habits, chance = self.habits, self.chance
        again, which = chance.share() < habits.token, chance.share()  # both drawn always: the same chance under every policy
        browser = self.tokens[int(which * len(self.tokens))] if again and self.tokens else None
        place = self._place()
        wrong, knows = self._mistakes()
        self.world.tally.visits(self.me)
        for password in wrong:
            if (yield from self._type(password, place, browser)) is None:
                return  # one of his other passwords, and the right one by chance
            yield habits.pause
        if knows:
            yield from self._insist(place, browser)
        else:
            yield from self._insist(place, (yield from self._reset(place)))
        if chance.share() < habits.stale:
            self._leave_a_client_behind(place)

    def _place(self) -> int:
        habits, chance = self.habits, self.chance
        if chance.share() >= habits.address:
            return ELSEWHERE + chance.below(self.population // 50 + 1)
        office = self._office()
        return office if office and chance.share() < 0.5 else self.me

    def _office(self) -> int:
        """The address of his office, or 0 for who works in none."""
        habits = self.habits
        return OFFICES + self.me // habits.desks if Chance(1, self.me).share() < habits.office else 0

    def _mistakes(self) -> tuple[list[int], bool]:
        """The wrong passwords of this visit, and whether he knows the right one at last."""
        habits, chance, wrong = self.habits, self.chance, list[int]()
        absent = self.world.now - self.seen > habits.away and chance.share() < habits.forgot
        if absent:
            first, number = chance.below(8), 1 + chance.below(habits.candidates)
            wrong += [OTHERS + 8 * self.me + (first + other) % 8 for other in range(number)]
            return wrong, chance.share() < 0.5
        if chance.share() < habits.typo:
            wrong.append(self._typo())
            while chance.share() < habits.typo_again:
                wrong.append(self._typo())
        if chance.share() < habits.other:
            wrong.append(OTHERS + 8 * self.me + chance.below(8))
            while chance.share() < habits.other_again:
                wrong.append(OTHERS + 8 * self.me + chance.below(8))
        return wrong, True

    def _typo(self) -> int:
        self.typos += 1
        return OWN + (self.me * 1009 + self.typos) % (1 << 30)

    def _type(self, password: int, place: int, browser: bytes | None) -> Process:
        """One try; the answer is None where he is in. Nothing is waited for."""
        cause, token = self.world.owner_tries(Try(self.me, place, password, browser))
        if cause is None:
            self.seen = self.world.now
            if token is not None and token not in self.tokens:
                self.tokens = (*self.tokens, token)[-TOKENS:]
        return cause
        yield

    def _insist(self, place: int, browser: bytes | None) -> Process:
        """
        He knows the right password and is refused: again after a pause, once more in half an hour, then a reset by mail, then the
        helpdesk.
        """
        habits = self.habits
        for wait in (habits.pause, habits.again, habits.pause):
            if (yield from self._right(place, browser)) is None:
                return
            yield wait
        if (yield from self._right(place, browser)) is None:
            return
        browser = yield from self._reset(place)
        for _ in range(habits.tickets):
            if (yield from self._right(place, browser)) is None:
                return
            self.world.tally.ticket(self.me)
            yield habits.answer
            self.world.guard.unlock(self.me, place, self.world.now)
        yield from self._right(place, browser)

    def _right(self, place: int, browser: bytes | None) -> Process:
        return (yield from self._type(self.world.passwords[self.me], place, browser))

    def _reset(self, place: int) -> Process:
        """A new password by mail; the answer is the token of that browser."""
        yield self.habits.mail
        self.world.tally.reset(self.me)
        return self._renewed(place)

    def _renewed(self, place: int) -> bytes | None:
        self.world.passwords[self.me] = drawn(self.chance.share())
        token = self.world.guard.reset(self.me, place, self.world.now)
        self.tokens = () if token is None else (token,)
        return token

    def _leave_a_client_behind(self, place: int) -> None:
        """He changes his password, and one of his clients does not hear of it. It has no browser, and sits at home."""
        old = self.world.passwords[self.me]
        self._renewed(place)
        if self.world.passwords[self.me] != old:
            self.world.start(self._client(old))

    def _client(self, old: int) -> Process:
        self.world.tally.begin_stale(self.me, self.world.now, self.habits.stale_every * self.habits.stale_times)
        for _ in range(self.habits.stale_times):
            self.world.client_tries(Try(self.me, self.me, old))
            yield self.habits.stale_every


def populate(world: World, habits: Habits, *, owners: int, seed: int) -> None:
    """Let so many owners live in the world."""
    for me in range(owners):
        world.start(Owner(world, habits, me, seed=seed, population=owners).life())
