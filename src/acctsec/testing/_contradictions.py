"""Why there is no order: the few calls whose answers contradict each other."""

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen

from acctsec.testing._orders import Op, OutOfSteps, Search

SHRINKING = 20_000  # steps that may be taken to find out what matters
SHORT = 2_000  # steps that any one search for it may take, beside twice those of the first


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
