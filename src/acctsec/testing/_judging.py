"""Whether a history is one of an object, and in words why it is not."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from attrs import frozen

from acctsec._values import Value
from acctsec.protocols import Charge, Settlement
from acctsec.testing._contradictions import Contradiction, contradiction
from acctsec.testing._histories import Recorded
from acctsec.testing._orders import Op, OutOfSteps, Search


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
