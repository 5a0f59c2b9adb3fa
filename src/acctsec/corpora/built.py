"""A breach file read from its beginning to its end: to be checked, or to go into another one."""

from array import array
from collections.abc import Iterator
from itertools import pairwise
from operator import gt
from pathlib import Path
from sys import byteorder
from typing import IO
from zlib import crc32

from acctsec.corpora.columns import Block, ascends, joined
from acctsec.corpora.layout import HEADER, MAGIC, MAX_CLASS, Header
from acctsec.errors import StoreError

_STEP = 1 << 20
_ENTRIES = 1 << 15
_BUCKETS = 1 << 10


def is_built(path: Path) -> bool:
    """Whether this is a breach file, and no download."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class Built:
    """
    A breach file that is read in order, in bounded memory and not through a map.

    Raises StoreError where it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path
        with path.open("rb") as file:
            self.header: Header = Header.unpack(file.read(HEADER), size=file.seek(0, 2), name=str(path))

    def check(self) -> None:
        """Read it whole: is every byte what was written, and every entry where a look-up finds it?"""
        header = self.header
        with self.path.open("rb") as file:
            file.seek(HEADER)
            sums = (_sum(file, header.index_size), _sum(file, header.size - HEADER - header.index_size))
        if sums[0] != header.index_sum:
            raise self._damaged("index")
        if sums[1] != header.body_sum:
            raise self._damaged("body")
        last, entries = -1, 0
        for block in self.blocks():
            if block.keys[0] <= last or not ascends(block.keys):
                raise self._damaged("order")
            if block.classes and not 1 <= min(block.classes) <= max(block.classes) <= MAX_CLASS:
                raise self._damaged("column of counts")
            last = block.keys[-1]
            entries += len(block.keys)
        if entries != header.entries:
            raise self._damaged("index")

    def blocks(self, at: tuple[int, ...] = (0,)) -> Iterator[Block]:
        """The entries, block by block, from the bucket *at*."""
        first = at[0]
        with self.path.open("rb") as index, self.path.open("rb") as body, self.path.open("rb") as column:
            for bucket in range(first, 1 << self.header.bits, _BUCKETS):
                starts = self._starts(index, bucket, min(_BUCKETS, (1 << self.header.bits) - bucket) + 1)
                if starts[0] > starts[-1] or starts[-1] > self.header.entries or any(map(gt, starts, starts[1:])):
                    raise self._damaged("index")
                for start in range(starts[0], starts[-1], _ENTRIES):
                    yield self._block(body, column, bucket, starts, (start, min(start + _ENTRIES, starts[-1])))

    def _starts(self, file: IO[bytes], bucket: int, many: int) -> "array[int]":
        width = 8 if self.header.wide else 4
        file.seek(HEADER + width * bucket)
        starts = array("Q" if self.header.wide else "I", self._read(file, width * many))
        if byteorder == "big":
            starts.byteswap()
        return starts

    def _block(self, body: IO[bytes], column: IO[bytes], bucket: int, starts: "array[int]", span: tuple[int, int]) -> Block:
        """The entries of *span*, which lie in the buckets from *bucket* on."""
        start, end = span
        at = HEADER + self.header.index_size
        body.seek(at + 4 * start)
        low = array("I", self._read(body, 4 * (end - start)))
        if byteorder == "big":
            low.byteswap()
        high = array("I")
        for number, (begins, ends) in enumerate(pairwise(starts), bucket):
            many = min(ends, end) - max(begins, start)
            if many > 0:
                high.extend(array("I", [number]) * many)
        classes = b""
        if self.header.has_counts:
            column.seek(at + 4 * self.header.entries + start)
            classes = self._read(column, end - start)
        return Block(keys=joined(high, low), classes=classes, at=(bucket,))

    def _read(self, file: IO[bytes], size: int) -> bytes:
        data = file.read(size)
        if len(data) != size:
            raise self._damaged("end")
        return data

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"The {what} of {self.path} is damaged.", remedy="Build it anew.")


def _sum(file: IO[bytes], size: int) -> int:
    total = 0
    while size > 0 and (data := file.read(min(size, _STEP))):
        total = crc32(data, total)
        size -= len(data)
    return total
