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

from attrs import field, frozen

from acctsec._values import Value
from acctsec.attacks.decay import BROKEN_CLOCK
from acctsec.budgets import micros
from acctsec.checks import length, whole
from acctsec.errors import ConfigError

KEY_BYTES = 16


class Touched(Value, frozen=True):
    """One key: *count* is at least what it brought, and *members* has a bit for each that was seen since it is here."""

    count: int
    members: int


class Spread(Value, frozen=True):
    """What is remembered of two windows: the keys of the present one, *least* of their counts, and the members before."""

    window: int = 0
    keys: dict[bytes, Touched] = {}  # noqa: RUF012 - msgspec makes one of its own for each
    least: int = 0
    before: dict[bytes, int] = {}  # noqa: RUF012


@frozen(kw_only=True)
class SpreadPolicy:
    """
    How many keys are watched, and for how long their members are remembered.

    Args:
        keys: how many are watched at once. Default 512, which take 470 KiB at most.
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
        key, entry, places = 33 + KEY_BYTES, 48 + 32, 160
        return 2 * self.keys * (key + entry + places + 32 + self.bits // 7) + 1_024

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
        past = state.keys.get(key)
        if past is not None and past.members & bit:
            return state, self._members(state, key)
        keys, least = dict(state.keys), state.least
        if past is None and len(keys) >= self.keys:
            victim, least = _least(keys, least)
            del keys[victim]
            past = Touched(least, 0)
        elif past is None:
            past = Touched(0, 0)
        keys[key] = Touched(past.count + 1, past.members | bit)
        state = Spread(state.window, keys, least, state.before)
        return state, self._members(state, key)

    def members(self, state: Spread, key: bytes, *, now: int) -> int:
        """How many members *key* has at least, in this window and the one before."""
        return self._members(self._turned(state, now), key[:KEY_BYTES])

    def _members(self, state: Spread, key: bytes) -> int:
        present = state.keys.get(key)
        return ((present.members if present else 0) | state.before.get(key, 0)).bit_count()

    def _turned(self, state: Spread, now: int) -> Spread:
        length = micros(self.window)
        window = now // length
        if window > state.window:
            kept = {key: touched.members for key, touched in state.keys.items()} if window == state.window + 1 else {}
            return Spread(window, {}, 0, kept)
        if (state.window - window) * length > BROKEN_CLOCK + length:
            return Spread(window, state.keys, state.least, state.before)
        return state


def _least(keys: dict[bytes, Touched], known: int) -> tuple[bytes, int]:
    """A key with the least count. Counts only rise, so nothing is below what was the least before."""
    while True:
        for key, touched in keys.items():
            if touched.count <= known:
                return key, known
        known = min(touched.count for touched in keys.values())
