"""What came of two calls, and by what they can be told apart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from attrs import field, frozen

from acctsec.testing._troubles import HASHED
from acctsec.testing._watched import Called

REMEDIES = {
    "exception": "raise nothing that hangs on what a lookup found; what a broken port raises, let it be raised for everybody.",
    "answer": "answer every refusal alike, and pass on nothing of its reason; of Refused, retry_after is the caller's to know.",
    "mail": "send nothing while the caller waits: leave it in the outbox, and call deliver() from a worker.",
    "port calls": "ask the same of every port whether or not somebody is found; let the engine look people up, not the handler.",
    "order": "ask the ports in one order, whatever the first of them found.",
    "details": "leave meters and records to the engine; a store of your own is proven by check_store.",
    "hashes": "compute as many hashes for nobody as for somebody: call sign_in whatever was found, and let it decide.",
    "cost": "new hashes cost what HashingPolicy says, for nobody as well: leave decoy() as it is. Hashes of other costs, also of "
    "your own from before a cost was raised, are listed in HashingPolicy.foreign: Argon2(cost=..., share=...).",
    "distribution": "set the shares of HashingPolicy.foreign to the proportions of your accounts, as acctsec rewrap counts them.",
}
"""How to mend each sort of difference."""


@frozen
class Seen:
    """What came of one call: its answer or its exception, and what was asked of the ports meanwhile."""

    answer: object
    error: Exception | None = field(eq=False)
    calls: tuple[Called, ...]

    @property
    def raised(self) -> tuple[str, str] | None:
        """The class and the message of what it raised."""
        return None if self.error is None else (type(self.error).__name__, str(self.error))

    @property
    def costs(self) -> tuple[str, ...]:
        """What its hashes cost, in order."""
        return tuple(one.cost for one in self.calls if one.cost is not None)


def difference(somebody: Seen, nobody: Seen, *, mixed: bool) -> tuple[str, str] | None:
    """What differs, if anything does, and both sides of it. In a *mixed* population costs are judged by their spread."""
    if somebody.raised != nobody.raised:
        return "exception", _sides(somebody.raised or "no exception", nobody.raised or "no exception")
    if somebody.answer != nobody.answer:
        return "answer", _sides(somebody.answer, nobody.answer)
    ours, theirs = ([one.name for one in what.calls] for what in (somebody, nobody))
    if ours != theirs:
        return _kind_of_difference(ours, theirs), _sides(_told(somebody.calls), _told(nobody.calls))
    ours_in, theirs_in = ([(one.name, one.detail) for one in what.calls] for what in (somebody, nobody))
    if ours_in != theirs_in:
        at = next(at for at, pair in enumerate(zip(ours_in, theirs_in, strict=True)) if pair[0] != pair[1])
        return "details", _sides(somebody.calls[at], nobody.calls[at])
    if not mixed and somebody.costs != nobody.costs:
        return "cost", _sides(somebody.costs, nobody.costs)
    return None


def _kind_of_difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    some, none = Counter(ours), Counter(theirs)
    if some == none:
        return "order"
    names = {*(some - none), *(none - some)}
    if any(one.startswith(("messenger.", "sink.")) for one in names):
        return "mail"
    return "hashes" if all(one.startswith(("hash permit", HASHED)) for one in names) else "port calls"


def _told(calls: Sequence[Called]) -> str:
    return ", ".join(one.name for one in calls) or "nothing is asked"


def _sides(somebody: object, nobody: object) -> str:
    return f"  somebody: {somebody}\n  nobody:   {nobody}"


def comparable(answer: object) -> object:
    """An answer without what has to differ: of tokens and codes, which no repr shows, and of puzzles the length."""
    kind: type[Any] = type(answer)
    if attrs.has(kind):
        pairs = ((one, getattr(answer, one.name)) for one in attrs.fields(kind))
        return kind.__name__, *((one.name, comparable(value) if _is_plain(one) else _length(value)) for one, value in pairs)
    if isinstance(answer, Mapping):
        return {key: comparable(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [comparable(one) for one in answer]
    return answer


def _is_plain(one: "attrs.Attribute[Any]") -> bool:
    return one.repr is not False and one.name != "puzzle"


def _length(value: object) -> object:
    return f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
