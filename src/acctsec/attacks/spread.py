"""
Who touches many: the keys with the most distinct members, in memory that does not grow.

Space-Saving (Metwally, Agrawal and El Abbadi, ICDT 2005) keeps the keys; each has a bitmap of its members (Whang,
Vander-Zanden and Taylor 1990). A member that a key is known to have adds nothing, so that repeating is of no use.

How good it is, whatever anybody adds:

* The number of members it tells is never too high. A false alarm takes that many members.
* It is too low by those whose bits fell together, on average ``d * d / (2 * bits)`` of *d* and less: 1.2 of 50, 4.7 of 100
  with 1,024 bits.
* A key is there whose members, so counted, are more than one in *keys* of all that was seen in this window. From the moment
  that this holds, and for as long as it does, none of them is lost: noise has to be *keys* times as frequent as what it hides.
"""

from datetime import timedelta
from typing import TypeVar

from attrs import field, frozen

from acctsec._values import Value, evolve
from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.budgets import micros
from acctsec.checks import length, whole
from acctsec.errors import ConfigError

KEY_BYTES = 16
T = TypeVar("T")


class Touched(Value, frozen=True, order=True):
    """One key: *count* is at least what it brought, and *members* has a bit for each that was seen since it is here."""

    count: int
    members: int


Part = dict[bytes, Touched]


class Spread(Value, frozen=True):
    """
    What is remembered of two windows: the keys of the present one, how many are *held*, and those of the window before.

    The keys lie in *parts* by their first byte, and no count in a part is below its one in *leasts*: a step copies two parts
    and not the whole. They are one table all the same, so what is said of its errors is not changed by it.
    """

    window: int = 0
    held: int = 0
    parts: tuple[Part, ...] = ()
    leasts: tuple[int, ...] = ()
    least: int = 0
    earlier: tuple[Part, ...] = ()

    def members(self, key: bytes) -> int:
        """The bitmap of a key, over both windows."""
        bits = 0
        for parts in (self.parts, self.earlier):
            touched = parts[key[0] % len(parts)].get(key) if parts else None
            if touched is not None:
                bits |= touched.members
        return bits


@frozen(kw_only=True)
class SpreadPolicy:
    """
    How many keys are watched, and for how long their members are remembered.

    Args:
        keys: how many are watched at once. Default 512, which take 490 KiB at most.
        bits: the size of a bitmap. Default 1,024, in which 100 members are told as 95.
        window: members are remembered for as long, and never for more than twice as long. Default one day: who stays below a
            limit for two days goes unseen, and gets as few guesses in two days.

    Raises ConfigError for what is no such number.
    """

    keys: int = field(default=512, validator=whole(16, 65_536))
    bits: int = field(default=1_024, validator=whole(64, 65_536))
    window: timedelta = field(default=timedelta(days=1), validator=length(timedelta(minutes=1), timedelta(days=365)))

    @property
    def most_bytes(self) -> int:
        """The most memory that one state takes in CPython: a key, its count, its bits and its places, in two windows."""
        key, entry, places, part = 33 + KEY_BYTES, 48 + 32, 160, 304
        return 2 * (self.keys * (key + entry + places + 32 + self.bits // 7) + self._parts * part) + 1_024

    def touch(self, state: Spread, key: bytes, member: bytes, *, now: int) -> tuple[Spread, int]:
        """
        Note that *key* touched *member* at *now* (microseconds); returns how many members it has at least.

        Both are keyed digests of 16 bytes or more, of which the first 16 count: who could choose them could make members fall
        together. Raises ConfigError for anything else.
        """
        if type(key) is not bytes or type(member) is not bytes or min(len(key), len(member)) < KEY_BYTES:
            raise ConfigError("What is counted is no keyed digest.", remedy="Give 16 bytes of Keyring.digest, or more.")
        key, bit = key[:KEY_BYTES], 1 << int.from_bytes(member[:KEY_BYTES], "big") % self.bits
        state = self._turned(state, now)
        past = state.parts[key[0] % len(state.parts)].get(key)
        if past is None or not past.members & bit:
            state = self._added(state, key, bit, past)
        return state, state.members(key).bit_count()

    def _added(self, state: Spread, key: bytes, bit: int, past: Touched | None) -> Spread:
        held, parts, leasts, least = state.held, state.parts, state.leasts, state.least
        if past is not None:
            count, bit = past.count + 1, past.members | bit
        else:
            if held < self.keys:
                held += 1
            else:
                parts, leasts, least = _without_least(parts, leasts, least)
            count = least + 1  # as if it had been there before and been driven out, so that it is never too low
        at = key[0] % len(parts)
        part = parts[at].copy()
        part[key] = Touched(count, bit)
        if count < leasts[at]:
            leasts = _with(leasts, at, count)
        return Spread(state.window, held, _with(parts, at, part), leasts, least, state.earlier)

    def members(self, state: Spread, key: bytes, *, now: int) -> int:
        """How many members *key* has at least, in this window and the one before."""
        return self._turned(state, now).members(key[:KEY_BYTES]).bit_count()

    @property
    def _parts(self) -> int:
        """Into how many parts they are split: about as many as a part has keys."""
        return 1 << self.keys.bit_length() // 2

    def _turned(self, state: Spread, now: int) -> Spread:
        length = micros(self.window)
        window = now // length
        if window > state.window or not state.parts:
            empty: tuple[Part, ...] = ({},) * self._parts
            return Spread(window, 0, empty, (NO_KEY,) * self._parts, 0, state.parts if window == state.window + 1 else ())
        if (state.window - window) * length > BROKEN_CLOCK + length:
            return evolve(state, window=window)
        return state


NO_KEY = 1 << 62  # no part without keys has the least count


def _without_least(parts: tuple[Part, ...], leasts: tuple[int, ...], least: int) -> tuple[tuple[Part, ...], tuple[int, ...], int]:
    """Without one key of the least count, and that count, which was *least* or more."""
    while True:
        if least not in leasts:
            least = min(leasts)
        at = leasts.index(least)
        part = parts[at]
        victim = min(part, key=part.__getitem__)
        count = part[victim].count
        if count == least:
            break
        leasts = _with(leasts, at, count)  # its keys have risen since somebody looked: once for each touch at most
    part = part.copy()
    del part[victim]
    if not part:
        leasts = _with(leasts, at, NO_KEY)
    return _with(parts, at, part), leasts, least


def _with(all_of_them: tuple[T, ...], at: int, one: T) -> tuple[T, ...]:
    changed = list(all_of_them)
    changed[at] = one
    return tuple(changed)
