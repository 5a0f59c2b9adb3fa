"""
Keys by the thousand: cut out of digests, compared and packed by C, without a compiled part of our own.

A key is the first ``bits + 32`` bits of a digest as a number: the bucket, and behind it the remainder. It has at most 60 bits.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from operator import lt
from sys import byteorder

from attrs import frozen

_HIGH, _LOW = (1, 0) if byteorder == "little" else (0, 1)
_TOP = 1 << 63


@frozen
class Block:
    """
    Some entries in strictly ascending order.

    *classes* has the bit length of each count, or nothing where counts are not kept. *at* is where the source has to be opened
    to read them again.
    """

    keys: "array[int]"
    classes: bytes
    at: tuple[int, ...]


def cut(digests: bytes, *, size: int, bits: int) -> "array[int]":
    """The keys of digests of *size* bytes each that lie one behind the other."""
    words, step = array("I", digests), size // 4
    pairs = array("I", bytes(8 * (len(digests) // size)))
    for place, column in ((_HIGH, words[0::step]), (_LOW, words[1::step])):
        if byteorder == "little":
            column.byteswap()
        pairs[place::2] = column
    # One long number of all keys: what a shift moves over from the neighbour lies above the mask.
    number = int.from_bytes(pairs.tobytes(), byteorder) >> 32 - bits & _each((1 << bits + 32) - 1, len(pairs) // 2)
    return array("Q", number.to_bytes(4 * len(pairs), byteorder))


def joined(buckets: "array[int]", remainders: "array[int]") -> "array[int]":
    """The keys whose halves these are."""
    pairs = array("I", bytes(8 * len(buckets)))
    pairs[_HIGH::2], pairs[_LOW::2] = buckets, remainders
    return array("Q", pairs.tobytes())


def remainders(keys: "array[int]") -> bytes:
    """The lower 32 bits of each, little-endian."""
    column = array("I", keys.tobytes())[_LOW::2]
    if byteorder == "big":
        column.byteswap()
    return column.tobytes()


def ascends(keys: "array[int]") -> bool:
    """Whether each key is larger than the one before."""
    return all(map(lt, keys, islice(keys, 1, None)))


def changes(keys: "array[int]", shift: int) -> int:
    """How often the bits above the lower *shift* are others than those of the key before."""
    pairs = len(keys) - 1
    if pairs < 1:
        return 0
    number = int.from_bytes(keys.tobytes(), byteorder)
    apart = (number ^ number >> 64) & _each(_TOP - (1 << shift), pairs)
    # What is not zero carries into the top bit, which no key has.
    return (apart + _each(_TOP - 1, pairs) & _each(_TOP, pairs)).bit_count()


def once(keys: "array[int]", classes: bytes) -> "tuple[array[int], bytes]":
    """Keys in an order that only repeats, each once and with its largest class."""
    if not classes:
        return array("Q", dict.fromkeys(keys)), b""
    best: dict[int, int] = {}
    for key, one in zip(keys, classes, strict=True):
        best[key] = max(best.get(key, 0), one)
    return array("Q", best), bytes(best.values())


def buckets(keys: "array[int]") -> Iterator[tuple[int, int]]:
    """The bucket of each key, once, and where it begins."""
    at, end = 0, len(keys)
    while at < end:
        bucket = keys[at] >> 32
        yield bucket, at
        at = bisect_left(keys, bucket + 1 << 32, at + 1)


def _each(value: int, times: int) -> int:
    return int.from_bytes(value.to_bytes(8, byteorder) * times, byteorder)
