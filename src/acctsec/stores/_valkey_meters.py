"""
Meters on Valkey, as plans: one key for each slot, a hash of its meters by name.

What decides runs on the server, in charge.lua, settle.lua and read.lua; here is only how it is asked.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class

from acctsec.errors import ConfigError
from acctsec.meters import check_weight, keep_for
from acctsec.protocols import Charge, Filled, Granted, Ladder, Reading, Resting, Settle, Settlement, Stopped, Tally
from acctsec.stores._plans import Plan
from acctsec.stores._rows import UNTOUCHED, by_slot
from acctsec.stores._valkey_calls import Call, Caller, Script

# Lua counts in doubles, exact up to 2^53. It adds an instant, rounded up to its second, and a length.
GREATEST = 2**52 - 1_000_000
_NAMES = f"meter's name above {2**16 - 1} bytes, a hold above {2**8 - 1}"

CHARGE = Script("meters", "charge")
SETTLE = Script("meters", "settle", keeps_on=True)
READ = Script("meters", "read", keeps_on=True)

_GRANTED, _RESTING, _IS_FILLED = range(3)
_FILLED = Filled()
_VERDICTS = {
    verdict: number.to_bytes(1)
    for number, verdict in enumerate((Settle.FAILED, Settle.VOID, Settle.PARK, Settle.CLEAR, Settle.FORGIVE))
}
_GIVES_BACK = frozenset({Settle.VOID, Settle.FORGIVE})
_GREATEST_STOP = 2**39  # of what is charged more than one unit: whatever is counted then stays below the 2^40 that is stored
_pack_known = Struct(">III").pack
_pack_ladder = Struct(">QQQQQQQ").pack
_reading_from = Struct(">BQQB").unpack_from
_READING = 18


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
        again = None not in [charge.candidate for charge in charges]
        readings: list[Reading] = []
        for keys in self._caller.router.runs(asked):
            [answer] = yield from self._caller.run([_call(CHARGE, keys, asked, now)], again=again, copied=True)
            if _read_readings(answer, readings):
                break
        # In the order of the slots; those that are not reached were not looked at.
        if len(readings) < len(charges):
            readings += [UNTOUCHED] * (len(charges) - len(readings))
        if [charge for of_slot in slots.values() for charge in of_slot] == list(charges):
            return tuple(readings)
        in_turn = iter(readings)
        of_slots = {slot: [next(in_turn) for _ in of_slot] for slot, of_slot in slots.items()}
        return tuple([of_slots[charge.slot].pop(0) for charge in charges])

    def settle(self, settlements: Sequence[Settlement], now: int) -> Plan[None]:
        """Apply every settlement, everywhere at once."""
        if not settlements:
            return
        asked = {self._prefix + slot: _settle_arguments(of_slot) for slot, of_slot in by_slot(settlements).items()}
        # Who gives his share of a unit back twice gives back somebody else's; a candidate may have failed again meanwhile.
        again = all(settlement.verdict not in _GIVES_BACK for settlement in settlements)
        calls = [_call(SETTLE, keys, asked, now) for keys in self._caller.router.runs(asked)]
        yield from self._caller.run(calls, again=again)

    def read(self, meters: Sequence[tuple[bytes, bytes, Ladder]], now: int) -> Plan[tuple[Tally, ...]]:
        """Read meters without changing them, everywhere at once."""
        if not meters:
            return ()
        slots: dict[bytes, list[bytes]] = {}
        for slot, name, ladder in meters:
            slots.setdefault(slot, []).append(_read_argument(name, ladder))
        asked = {self._prefix + slot: arguments for slot, arguments in slots.items()}
        runs = self._caller.router.runs(asked)
        calls = [_call(READ, keys, asked, now) for keys in runs]
        answers = yield from self._caller.run(calls, again=True)
        found = {
            key: iter(of_key)
            for keys, answer in zip(runs, answers, strict=True)
            for key, of_key in zip(keys, answer, strict=True)
        }
        return tuple([_tally(*next(found[self._prefix + slot])) for slot, _, _ in meters])


def _call(script: Script, keys: Sequence[bytes], asked: Mapping[bytes, list[bytes]], now: int) -> Call:
    """One call for *keys*, of each of which is *asked* something, all in one argument."""
    if not 0 <= now <= GREATEST:
        raise ConfigError(
            f"The instant {now} is not between the years 1970 and 2112.",
            remedy="Set the clock, or give the engine one that is right.",
        )
    packed = [now.to_bytes(8)]
    for key in keys:
        of_key = asked[key]
        packed.append(len(of_key).to_bytes(2))
        packed += of_key
    return Call(script, keys, (b"".join(packed),))


def _charge_arguments(charges: Sequence[Charge]) -> list[bytes]:
    arguments: list[bytes] = []
    for charge in charges:
        name, hold, candidate = charge.meter, charge.hold, charge.candidate
        try:
            guess = b"\0" if candidate is None else b"\x08" + candidate.to_bytes(8)
            known = _pack_known(charge.at_least, charge.floor, charge.weight)
            sizes = len(name).to_bytes(2), len(hold).to_bytes(1)
        except (OverflowError, StructError):
            raise _misfit(f"{_NAMES}, a candidate that is not of 64 bits, or a count or a weight above {2**32 - 1}") from None
        if charge.weight != 1:
            _check_weight(charge)
        arguments.append(b"".join((sizes[0], name, sizes[1], hold, guess, known, _ladder(charge.ladder))))
    return arguments


def _settle_arguments(settlements: Sequence[Settlement]) -> list[bytes]:
    arguments: list[bytes] = []
    for settlement in settlements:
        name, hold = settlement.meter, settlement.hold
        try:
            if settlement.verdict is Settle.FORGIVE:
                hold = b"" if settlement.candidate is None else settlement.candidate.to_bytes(8)
            sizes = len(name).to_bytes(2), len(hold).to_bytes(1)
        except OverflowError:
            raise _misfit(f"{_NAMES}, or a candidate that is not of 64 bits,") from None
        verdict, ladder = _VERDICTS[settlement.verdict], _ladder(settlement.ladder)
        arguments.append(b"".join((sizes[0], name, sizes[1], hold, verdict, ladder)))
    return arguments


def _read_argument(name: bytes, ladder: Ladder) -> bytes:
    try:
        return len(name).to_bytes(2) + name + _ladder(ladder)
    except OverflowError:
        raise _misfit(_NAMES) from None


@cache
def _ladder(ladder: Ladder) -> bytes:
    """The bytes of a ladder, with how long its meters are kept. A policy has few, so each is looked at once."""
    lengths = (ladder.first, ladder.longest, ladder.window, ladder.lease)
    if not (all(0 <= length <= GREATEST for length in lengths) and 0 <= ladder.free <= GREATEST and 0 <= ladder.stop <= GREATEST):
        raise _misfit("length above 142 years, or a count above 2^52,")
    return _pack_ladder(
        keep_for(ladder) // 1000, ladder.free, ladder.first, ladder.longest, ladder.stop, ladder.window, ladder.lease
    )


def _check_weight(charge: Charge) -> None:
    check_weight(charge.weight)
    if charge.ladder.stop > _GREATEST_STOP:
        raise _misfit(f"weight above 1 on a ladder that stops above {_GREATEST_STOP}")


def _tally(count: int, pending: int, ready: int, seen: bytes) -> Tally:
    return Tally(count, pending, ready, tuple([int.from_bytes(seen[at : at + 8]) for at in range(0, len(seen), 8)]))


def _misfit(what: str) -> ConfigError:
    return ConfigError(f"A {what} cannot be counted on the server.", remedy="Use a smaller one.")


def _read_readings(answer: bytes, readings: list[Reading]) -> bool:
    """Add what charge.lua answered to *readings*; whether it refused anything."""
    refused, at, end = False, 0, len(answer)
    while at < end:
        kind, first, second, length = _reading_from(answer, at)
        at += _READING
        if kind == _GRANTED:
            readings.append(Granted(answer[at : at + length] if length else None, first, second == 1))
            at += length
            continue
        refused = True
        if kind == _RESTING:
            readings.append(Resting(first, second))
        else:
            readings.append(_FILLED if kind == _IS_FILLED else Stopped(first))
    return refused
