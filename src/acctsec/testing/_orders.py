"""
The search behind ``check_history``: an order of overlapping calls in which one object would have answered as it did.

It is Wing and Gong's search (1993) with Lowe's memory (2017): calls are taken one after the other, each only once all that
ended before it began were taken, and no configuration (the calls taken, the state reached) is looked at twice. Two rules
keep it short. A call that with its answer cannot have changed anything is taken as soon as the answer is right: later it
could only be as right. And whatever got furthest goes on first, at a price for each call without an answer: most of those
that an outage leaves behind never happened, and a search that went deep first would drown in their combinations.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Any

from attrs import define, evolve, frozen

from acctsec._values import Value
from acctsec.protocols import Charge, Settlement
from acctsec.testing._histories import Recorded

Step = Callable[[Any], tuple[Any, Any]]
"""The object itself: from a state to the next one and the right answer."""

EVER = 1 << 200
LOST = 6  # so many calls must a place be ahead of another for each one without an answer that it takes for made
SHRINKING = 20_000  # steps that may be taken to find out what matters
SHORT = 2_000  # steps that any one search for it may take, beside twice those of the first


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


class NotLinearizable(AssertionError):  # noqa: N818 - it names what was found
    """A history that no order explains; ``calls`` are those that contradict each other."""

    def __init__(self, message: str, calls: Sequence[Recorded]) -> None:
        super().__init__(message)
        self.calls: tuple[Recorded, ...] = tuple(calls)


class TooManyOrders(AssertionError):  # noqa: N818 - it names what was found
    """The limit was reached before an order was found or all were ruled out: nothing is proven."""


@frozen(eq=False)
class Object:
    """What is judged by itself: its calls, the state it begins in, and how people read a state."""

    name: str
    start: Hashable
    ops: Sequence[Op]
    show: Callable[[Any], str]


def judge(one: Object, limit: int) -> int:
    """Find an order for one object, and say how many steps it took."""
    search = Search(one.ops, [(0, one.start)], limit)
    try:
        if search.find() is not None:
            return search.steps
    except OutOfSteps:
        message = f"{one.name}: {limit} steps were taken and there are more orders: nothing is proven. Raise limit."
        raise TooManyOrders(message) from None
    found = contradiction(one.ops, one.start, search.steps)
    raise NotLinearizable(_explained(one, found), [call for op in found.ops for call in (op.call, op.witness) if call])


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


# --- why there is no order --------------------------------------------------------------------------------------------


@frozen(eq=False)
class Contradiction:
    """
    Calls whose answers contradict each other, whatever became of all others.

    *starts* are the states the object can have been in after *before* earlier calls. *order* explains as many as any does and
    leads to *state*; there each of *stuck* could come next and would have to answer as it stands beside it. Each of *hopeless*
    is wrong in every order, and beside it stands all that it could have answered.
    """

    ops: Sequence[Op]
    before: int
    starts: Sequence[Any]
    order: Sequence[Op]
    state: Any
    stuck: Sequence[tuple[Op, Any]]
    hopeless: Sequence[tuple[Op, Sequence[Any]]]


def contradiction(ops: Sequence[Op], start: Any, steps: int) -> Contradiction:
    """
    The shortest failing beginning of *ops*, with all forgotten that does not matter; *steps* showed that it fails.

    A call is never just left out: without the write that explains it, any read is wrong. Its answer is forgotten instead, so
    that it may have happened at any later time or never, and if that changes nothing it does not matter.
    """
    each = SHORT + 2 * steps
    instants = sorted({op.end for op in ops if op.end is not None})
    starts: list[tuple[int, Any]] = [(0, start)]
    budget = _Budget(SHRINKING + 20 * each, each)
    shortest = bisect_left(instants[:-1], 1, key=lambda instant: int(budget.fails(_until(ops, instant), starts)))
    ops = _until(ops, instants[shortest])
    budget = _Budget(SHRINKING, each)
    kept = _needed(ops, starts, budget)
    known = len(ops)
    if budget.left <= 0:
        last = max([op for op in ops if op.end is not None], key=lambda op: op.end or 0)
        ops, starts = _since(ops, starts, last.begin)
        kept = _needed(ops, starts, _Budget(SHRINKING, each))
    search = Search(_only(ops, kept), starts, SHRINKING + each, explains=True)
    hopeless: list[tuple[Op, Sequence[Any]]] = []
    with suppress(OutOfSteps):
        assert search.find() is None, "What was kept must fail as the whole did."
        hopeless = [(op, list(search.wrong[id(op)])) for op in kept if id(op) in search.wrong.keys() - search.right]
    deepest = search.deepest
    possible = list(dict.fromkeys([state for _, state in starts]))
    return Contradiction(kept, known - len(ops), possible, deepest.order, deepest.state, search.stuck(deepest), hopeless)


class _Budget:
    """How many steps a series of searches, and each of them, may take."""

    def __init__(self, steps: int, each: int) -> None:
        self.left = steps
        self.each = each

    def fails(self, ops: Sequence[Op], starts: Sequence[tuple[int, Any]]) -> bool:
        """Whether it is certain that no order explains *ops*."""
        search = Search(ops, starts, min(self.left, self.each))
        try:
            return search.find() is None
        except OutOfSteps:
            return False
        finally:
            self.left -= search.steps


def _until(ops: Sequence[Op], instant: int) -> list[Op]:
    """What was known of *ops* at *instant*."""
    return [op if op.end is not None and op.end <= instant else op.relaxed() for op in ops if op.begin <= instant]


def _only(ops: Sequence[Op], kept: Sequence[Op]) -> list[Op]:
    """*ops*, with the answers forgotten of all but *kept*."""
    names = set(map(id, kept))
    return [op if id(op) in names else op.relaxed() for op in ops]


def _needed(ops: Sequence[Op], starts: Sequence[tuple[int, Any]], budget: _Budget) -> list[Op]:
    """The answers in *ops* that cannot be forgotten (Junker's QuickXplain, 2004), or more of them once *budget* is used up."""

    def needed(kept: list[Op], doubtful: list[Op]) -> list[Op]:
        if budget.left <= 0:
            return doubtful
        if budget.fails(_only(ops, kept), starts):
            return []
        if len(doubtful) == 1:
            return doubtful
        half = len(doubtful) // 2
        late = needed(kept + doubtful[:half], doubtful[half:])
        return needed(kept + late, doubtful[:half]) + late

    return needed([], [op for op in ops if op.end is not None])


def _since(ops: Sequence[Op], starts: Sequence[tuple[int, Any]], instant: int) -> tuple[list[Op], list[tuple[int, Any]]]:
    """What was under way at *instant* or came later, and every way in which the calls before can have led there."""
    try:
        ends = Search(ops, starts, 10 * SHRINKING).ends(instant)
    except OutOfSteps:
        return list(ops), list(starts)
    left = [number for number, op in enumerate(ops) if op.end is None or op.end >= instant]
    starts = [(sum((taken >> number & 1) << place for place, number in enumerate(left)), state) for taken, state in ends]
    return [ops[number] for number in left], list(dict.fromkeys(starts))


# --- in words ---------------------------------------------------------------------------------------------------------


def _explained(one: Object, found: Contradiction) -> str:
    """The contradiction, for people."""
    shown = sorted(found.ops, key=lambda op: op.begin)
    starts = " or ".join([one.show(state) for state in found.starts[:3]]) + (" or others" if len(found.starts) > 3 else "")
    before = f"After {found.before} earlier ones, " if found.before else "At first, "
    lines = [f"{one.name} is not linearizable: no order of these calls explains their answers. {before}{starts}."]
    for op in shown:
        began, ended = ((instant - shown[0].begin) / 1e6 for instant in (op.begin, op.end or op.begin))
        lines.append(f"{began:.3f} to {ended:.3f} ms, {op.call.worker}: {_words(op)} {_answer(op)}")
    for op, answers in found.hopeless:
        could = " or ".join(map(text, answers[:4])) + (" or others" if len(answers) > 4 else "")
        lines.append(f"In no order {_words(op)} by {op.call.worker} is right: it would have to answer {could}.")
    if not found.hopeless:
        order = ", ".join([f"{_words(op)} by {op.call.worker}" for op in found.order])
        lines.append(f"After {order}, {one.show(found.state)}." if order else f"Before them, {one.show(found.state)}.")
        lines.extend(f"Then {_words(op)} by {op.call.worker} would have to answer {text(right)}." for op, right in found.stuck)
    if len(one.ops) > len(shown):
        lines.append("Whether and when any other call happened, from its beginning on, makes no difference.")
    return "\n  ".join(lines)


def _words(op: Op) -> str:
    call, asked = op.call, op.asked
    match call.method:
        case "commit":
            _, expected, value, _, commit_id = call.arguments
            what = "append" if expected is None and value is None else "delete" if value is None else "commit"
            return f"{what} {text(commit_id)}" + (f" after {text(expected)}" if expected is not None else "")
        case "charge" | "settle" | "read":
            return f"{call.method} {', '.join(map(text, asked))} at {call.arguments[1]}"
        case _:
            return call.method


def _answer(op: Op) -> str:
    if op.witness:
        return f"was never answered, but {op.witness.method} by {op.witness.worker} showed that it happened"
    return "was done" if op.answer is None and op.call.method != "load" else f"answered {text(op.answer)}"


def text(value: object) -> str:
    """A value in short: nobody reads whole records or long ids."""
    match value:
        case bytes():
            if value.isascii() and value.decode().isprintable() and len(value) <= 24:
                return repr(value)
            return value.hex() if len(value) <= 16 else f"{value[:6].hex()}…{value[-6:].hex()} ({len(value)} bytes)"
        case Charge():
            known = "".join(
                f" {name} {number}" for name, number in (("at_least", value.at_least), ("floor", value.floor)) if number
            )
            known += f" weight {value.weight}" if value.weight != 1 else ""
            return f"{text(value.meter)} (candidate {value.candidate}, hold {text(value.hold)}{known})"
        case Settlement():
            what = f"hold {text(value.hold)}" if value.candidate is None else f"candidate {value.candidate}"
            return f"{text(value.meter)} ({what} {value.verdict.value})"
        case Value():
            held = ", ".join([text(getattr(value, name)) for name in value.__struct_fields__])
            return f"{type(value).__name__}({held})"
        case tuple() | list():
            return f"[{', '.join(map(text, value))}]"
        case str():
            return value
        case _:
            return repr(value)
