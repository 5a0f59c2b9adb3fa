"""
The search behind ``check_history``: an order of overlapping calls in which one object would have answered as it did.

It is Wing and Gong's search (1993) with Lowe's memory (2017): calls are taken one after the other, each only once all that
ended before it began were taken, and no configuration (the calls taken, the state reached) is looked at twice. Two rules
keep it short. A call that with its answer cannot have changed anything is taken as soon as the answer is right: later it
could only be as right. And whatever got furthest goes on first, at a price for each call without an answer: most of those
that an outage leaves behind never happened, and a search that went deep first would drown in their combinations.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

from attrs import define, evolve, frozen

from acctsec.testing._histories import Recorded

Step = Callable[[Any], tuple[Any, Any]]
"""The object itself: from a state to the next one and the right answer."""

EVER = 1 << 200
LOST = 6  # so many calls must a place be ahead of another for each one without an answer that it takes for made


@frozen(eq=False)
class Op:
    """
    One call on one object.

    Without an *end* it may have happened at any time after *begin*, or never, and *answer* does not count. *idle* says that
    whatever answers so changes nothing, in any state; *loose* is what the call may do if nobody hears of its answer.
    *witness* is the call that showed what became of this one, whose own answer was lost.
    """

    call: Recorded
    asked: Any
    begin: int
    end: int | None
    answer: Any
    step: Step
    loose: Step
    idle: bool = False
    witness: Recorded | None = None

    def relaxed(self) -> "Op":
        """The same call, its answer forgotten."""
        return evolve(self, end=None, answer=None, step=self.loose)


@define(eq=False)
class Place:
    """A configuration: which calls were taken, in which order, and where that leads."""

    low: int  # the first call with an answer that was not taken, in the order of their beginnings
    window: int  # which of those after it were: bit 0 is *low*
    lost: int  # which of those without an answer were
    state: Hashable
    op: Op | None = None
    before: "Place | None" = None

    @property
    def taken(self) -> int:
        """How many calls with an answer were taken."""
        return self.low + self.window.bit_count()

    @property
    def order(self) -> list[Op]:
        """The calls in the order in which they were taken."""
        order, place = [], self
        while place.op and place.before:
            order.append(place.op)
            place = place.before
        return order[::-1]


class OutOfSteps(Exception):  # noqa: N818 - it names what happened
    """The limit was reached."""


class Search:
    """All orders of *ops* from *starts*: (those taken before, bit by bit in the order of *ops*; the state they led to)."""

    def __init__(self, ops: Sequence[Op], starts: Sequence[tuple[int, Any]], limit: int, *, explains: bool = False) -> None:
        self.ops = ops
        numbers = range(len(ops))
        self._where_due = sorted(
            [number for number in numbers if ops[number].end is not None], key=lambda number: ops[number].begin
        )
        self._where_lost = [number for number in numbers if ops[number].end is None]
        self.due = [ops[number] for number in self._where_due]
        self.lost = [ops[number] for number in self._where_lost]
        self.starts = [self._start(taken, state) for taken, state in starts]
        self.limit = limit
        self.steps = 0
        self.deepest = self.starts[0]
        self.explains = explains
        # By the id of a call: what it would have had to answer instead, and whether it was right somewhere.
        self.wrong: dict[int, dict[Any, None]] = {}
        self.right: set[int] = set()

    def _start(self, taken: int, state: Hashable) -> Place:
        low, window = _shifted(0, sum((taken >> number & 1) << place for place, number in enumerate(self._where_due)))
        return Place(low, window, sum((taken >> number & 1) << place for place, number in enumerate(self._where_lost)), state)

    def find(self) -> Place | None:
        """An order of all calls that explains every answer; None if there is none."""
        return next((place for place in self._places(EVER) if place.low == len(self.due)), None)

    def ends(self, until: int) -> list[tuple[int, Any]]:
        """Where the calls can have led to at the instant *until*: a start for the search that goes on from there."""
        over = sum(op.end is not None and op.end < until for op in self.due)
        ended = sum(1 << place for place, op in enumerate(self.due) if op.end is not None and op.end < until)
        found: dict[tuple[int, Hashable], None] = {}
        for place in self._places(until):
            if place.taken < over:
                continue
            due = (1 << place.low) - 1 | place.window << place.low
            if due & ended == ended:
                taken = sum((due >> bit & 1) << number for bit, number in enumerate(self._where_due))
                taken |= sum((place.lost >> bit & 1) << number for bit, number in enumerate(self._where_lost))
                found[taken, place.state] = None
        return list(found)

    def stuck(self, place: Place) -> list[tuple[Op, Any]]:
        """The calls that may come next at *place* by their instants, each with the answer that would be right there."""
        candidates, _ = self._candidates(place)
        return [(self.due[number], self.due[number].step(place.state)[1]) for number in candidates]

    def _places(self, until: int) -> Iterator[Place]:
        """Every place there is, the most promising first, and of equals the latest."""
        seen: set[Hashable] = set()
        heap: list[tuple[int, int, Place]] = []
        numbers = count(0, -1)

        def push(place: Place) -> None:
            heappush(heap, (LOST * place.lost.bit_count() - place.taken, next(numbers), place))

        for place in self.starts:
            push(place)
        while heap:
            _, _, place = heappop(heap)
            if place.taken > self.deepest.taken:
                self.deepest = place
            yield place
            for following in self._following(place, until):
                key = following.low, following.window, following.lost, following.state
                if key not in seen:
                    seen.add(key)
                    push(following)

    def _following(self, place: Place, until: int) -> list[Place]:
        """Where one more call leads, the most promising last."""
        candidates, bound = self._candidates(place)
        following = []
        for number in sorted(candidates, key=lambda number: self.due[number].end or 0, reverse=True):
            op = self.due[number]
            if op.begin > until:
                continue
            state, right = self._step(op, place.state)
            if right != op.answer:
                if self.explains:
                    self.wrong.setdefault(id(op), {})[right] = None
                continue
            if self.explains:
                self.right.add(id(op))
            low, window = _shifted(place.low, place.window | 1 << (number - place.low))
            after = Place(low, window, place.lost, state, op, place)
            if op.idle:
                return [after]
            following.append(after)
        return [*self._lost(place, min(bound, until)), *following]

    def _lost(self, place: Place, bound: int) -> list[Place]:
        """Where one more call without an answer leads: only where it changes something."""
        following = []
        for number, op in enumerate(self.lost):
            if op.begin <= bound and not place.lost >> number & 1:
                state, _ = self._step(op, place.state)
                if state != place.state:
                    lost = place.lost | 1 << number
                    following.append(Place(place.low, place.window, lost, state, op, place))
        return following

    def _candidates(self, place: Place) -> tuple[list[int], int]:
        """The calls before which no other must come, by number, and the instant at which the first of them ended."""
        candidates: list[int] = []
        bound, free = EVER, ~place.window
        while True:
            bit = free & -free
            number = place.low + bit.bit_length() - 1
            if number >= len(self.due) or self.due[number].begin > bound:
                return candidates, bound
            candidates.append(number)
            end = self.due[number].end
            assert end is not None
            bound = min(bound, end)
            free ^= bit

    def _step(self, op: Op, state: Hashable) -> tuple[Any, Any]:
        self.steps += 1
        if self.steps > self.limit:
            raise OutOfSteps
        return op.step(state)


def _shifted(low: int, window: int) -> tuple[int, int]:
    """The same place, *low* moved on to the first call that was not taken."""
    done = (~window & window + 1).bit_length() - 1
    return low + done, window >> done
