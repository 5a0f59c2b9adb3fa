"""
Meters on Valkey, as plans: one key for each slot, a hash of its meters by name.

What decides runs on the server, in charge.lua, settle.lua and read.lua; here is only how it is asked.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from struct import Struct
from typing import Any

from acctsec.errors import ConfigError
from acctsec.meters import keep_for
from acctsec.protocols import Charge, Filled, Granted, Ladder, Reading, Resting, Settle, Settlement, Stopped, Tally
from acctsec.stores._plans import Plan
from acctsec.stores._rows import UNTOUCHED, by_slot
from acctsec.stores._valkey_calls import Call, Caller, Script

# Lua counts in doubles, exact up to 2^53. It adds an instant, rounded up to its second, and a length.
GREATEST = 2**52 - 1_000_000
MOST = 2**32 - 1  # failures known from elsewhere
LONGEST_HOLD = 255

CHARGE = Script("meters", "charge")
SETTLE = Script("meters", "settle", keeps_on=True)
READ = Script("meters", "read", keeps_on=True)

_GRANTED, _RESTING, _IS_FILLED = range(3)
_FILLED = Filled()
_VERDICTS = {
    verdict: number.to_bytes(8) for number, verdict in enumerate((Settle.FAILED, Settle.VOID, Settle.PARK, Settle.CLEAR))
}
_pack_known = Struct(">QQ").pack
_pack_ladder = Struct(">QQQQQQQ").pack


class Meters:
    """Charges, settles and reads by way of *caller*, under keys that begin with *prefix*."""

    def __init__(self, caller: Caller, prefix: bytes) -> None:
        self._caller = caller
        self._prefix = prefix

    def charge(self, charges: Sequence[Charge], now: int) -> Plan[tuple[Reading, ...]]:
        """Answer each charge, in order; slots that lie on different servers one after the other."""
        if not charges:
            return ()
        slots = by_slot(charges)
        asked = {self._prefix + slot: _charge_arguments(of_slot) for slot, of_slot in slots.items()}
        # A unit that is spent at once would be spent twice. The same hold again reserves nothing more.
        again = all(charge.candidate is not None for charge in charges)
        answers: list[list[Any]] = []
        for keys in self._caller.router.runs(asked):
            [answer] = yield from self._caller.run([_call(CHARGE, keys, asked, 3, now)], again=again, copied=True)
            answers += answer
            if len(answer) < len(keys) or any(kind != _GRANTED for kind, *_ in answer[-1]):
                break
        if len(slots) == 1:
            return tuple([_reading(one) for one in answers[0]])
        # In the order of the slots; those that are not reached were not looked at.
        readings = {slot: map(_reading, of_slot) for slot, of_slot in zip(slots, answers, strict=False)}
        return tuple([next(readings[charge.slot]) if charge.slot in readings else UNTOUCHED for charge in charges])

    def settle(self, settlements: Sequence[Settlement], now: int) -> Plan[None]:
        """Apply every settlement, everywhere at once."""
        if not settlements:
            return
        asked = {self._prefix + slot: _settle_arguments(of_slot) for slot, of_slot in by_slot(settlements).items()}
        # Who gives his share of a unit back twice gives back somebody else's.
        again = all(settlement.verdict is not Settle.VOID for settlement in settlements)
        calls = [_call(SETTLE, keys, asked, 3, now) for keys in self._caller.router.runs(asked)]
        yield from self._caller.run(calls, again=again)

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Plan[tuple[Tally, ...]]:
        """Read meters without changing them, everywhere at once."""
        if not meters:
            return ()
        slots: dict[bytes, list[bytes]] = {}
        for slot, name, ladder in meters:
            slots.setdefault(slot, []).extend((name, _ladder(ladder)))
        asked = {self._prefix + slot: arguments for slot, arguments in slots.items()}
        runs = self._caller.router.runs(asked)
        calls = [_call(READ, keys, asked, 2, now) for keys in runs]
        answers = yield from self._caller.run(calls, again=True)
        found = {
            key: iter(of_key)
            for keys, answer in zip(runs, answers, strict=True)
            for key, of_key in zip(keys, answer, strict=True)
        }
        return tuple([Tally(*next(found[self._prefix + slot])) for slot, _, _ in meters])


def _call(script: Script, keys: Sequence[bytes], asked: Mapping[bytes, list[bytes]], width: int, now: int) -> Call:
    """One call for *keys*, of each of which is *asked* something, in *width* arguments."""
    if not 0 <= now <= GREATEST:
        raise ConfigError(
            f"The instant {now} is not between the years 1970 and 2112.",
            remedy="Set the clock, or give the engine one that is right.",
        )
    head, arguments = now.to_bytes(8), [b""]
    for key in keys:
        of_key = asked[key]
        head += (len(of_key) // width).to_bytes(2)
        arguments += of_key
    arguments[0] = head
    return Call(script, keys, arguments)


def _charge_arguments(charges: Sequence[Charge]) -> list[bytes]:
    arguments: list[bytes] = []
    for charge in charges:
        at_least, floor, candidate, hold = charge.at_least, charge.floor, charge.candidate, charge.hold
        if not (0 <= at_least <= MOST and 0 <= floor <= MOST and len(hold) <= LONGEST_HOLD):
            raise _misfit(f"count above {MOST} or a hold above {LONGEST_HOLD} bytes")
        numbers = _pack_known(at_least, floor) + _ladder(charge.ladder)
        if candidate is not None:
            try:
                numbers += candidate.to_bytes(8)
            except OverflowError:
                raise _misfit("candidate that is not of 64 bits") from None
        arguments += (charge.meter, hold, numbers)
    return arguments


def _settle_arguments(settlements: Sequence[Settlement]) -> list[bytes]:
    arguments: list[bytes] = []
    for settlement in settlements:
        arguments += (settlement.meter, settlement.hold, _VERDICTS[settlement.verdict] + _ladder(settlement.ladder))
    return arguments


@cache
def _ladder(ladder: Ladder) -> bytes:
    """The bytes of a ladder, with how long its meters are kept. A policy has few, so each is looked at once."""
    lengths = (ladder.first, ladder.longest, ladder.window, ladder.lease)
    if not (all(0 <= length <= GREATEST for length in lengths) and 0 <= ladder.free <= GREATEST and 0 <= ladder.stop <= GREATEST):
        raise _misfit("length above 142 years, or a count above 2^52,")
    return _pack_ladder(
        keep_for(ladder) // 1000, ladder.free, ladder.first, ladder.longest, ladder.stop, ladder.window, ladder.lease
    )


def _misfit(what: str) -> ConfigError:
    return ConfigError(f"A {what} cannot be counted on the server.", remedy="Use a smaller one.")


def _reading(answer: list[Any]) -> Reading:
    """What charge.lua answered, by its kinds."""
    kind = answer[0]
    if kind == _GRANTED:
        return Granted(answer[3] if len(answer) > 3 else None, answer[1], answer[2] == 1)
    if kind == _RESTING:
        return Resting(answer[1], answer[2])
    return _FILLED if kind == _IS_FILLED else Stopped(answer[1])
