"""A breach file, mapped into memory and looked up in about a microsecond."""

import mmap
import os
import time
import weakref
from bisect import bisect_left
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from sys import byteorder
from zlib import crc32

from acctsec.corpora.layout import HEADER, Header
from acctsec.errors import ConfigError, StoreError

_STEP = 1 << 18


class Mapped:
    """One opened breach file; it stays readable when another one takes its place."""

    def __init__(self, path: Path) -> None:
        if byteorder == "big":
            raise ConfigError("A breach file cannot be mapped here.", remedy="Use a little-endian machine, or RangeApiCorpus.")
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        weakref.finalize(self, os.close, self._descriptor)
        found = os.fstat(self._descriptor)
        self.identity: tuple[int, int, int, int] = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        header = Header.unpack(os.read(self._descriptor, HEADER), size=found.st_size, name=str(path))
        self.header: Header = header
        self._size = header.size
        end = HEADER + header.index_size
        if _sum(self._descriptor, header.index_size) != header.index_sum:
            raise StoreError(f"The index of {path} is damaged.", remedy="Build it anew.")
        try:
            view = memoryview(mmap.mmap(self._descriptor, header.size, access=mmap.ACCESS_READ))
        except ValueError:
            raise StoreError(f"{path} became shorter while it was opened.", remedy="Build it anew.") from None
        self.index: memoryview[int] = view[HEADER:end].cast("Q" if header.wide else "I")
        self.keys: memoryview[int] = view[end : end + 4 * header.entries].cast("I")
        self.counts: memoryview[int] | None = view[end + 4 * header.entries :] if header.has_counts else None
        self._down = 64 - header.bits - 32

    def find(self, digest: bytes) -> int:
        """How often a digest was seen: at least 1, or the power of two below the count; 0 for never."""
        # To touch a mapped page that was cut off ends the process; to ask for the size costs a fifth of a microsecond.
        if os.lseek(self._descriptor, 0, os.SEEK_END) != self._size:
            raise StoreError(f"{self._path} was written over in place.", remedy="Put a whole one in its place by renaming it.")
        key = int.from_bytes(digest[:8]) >> self._down
        bucket, rest = key >> 32, key & 0xFFFFFFFF
        keys, index = self.keys, self.index
        end = index[bucket + 1]
        try:
            at = bisect_left(keys, rest, index[bucket], end)
            if at == end or keys[at] != rest:
                return 0
            return 1 if self.counts is None else 1 << self.counts[at] - 1
        except (IndexError, ValueError):  # sums that are right over what nobody built
            raise StoreError(f"{self._path} is damaged.", remedy="Build it anew.") from None


def _sum(descriptor: int, size: int) -> int:
    """The sum of the next bytes, which are read and not looked at through the map: somebody may cut them off meanwhile."""
    total = 0
    while size > 0 and (data := os.read(descriptor, min(size, _STEP))):
        total = crc32(data, total)
        size -= len(data)
    return total


class FileCorpus:
    """
    Knows leaked passwords from a file that ``acctsec corpus build`` made.

    It finds every password that is in the file, and takes at most 3 in 10^8 others for one. Where the file has counts, it answers
    the power of two below the true one; else 1. A file that takes its place is seen within *reload*; one that cannot be read is
    left alone, and the old one stays.

    Never write into a file in place. A look-up raises StoreError once the file has another size; but a page that is cut off in
    the very microsecond of a look-up ends the process.

    Threads may share it, and so may processes that fork. Raises StoreError for a file that is damaged or of another kind.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        reload: timedelta = timedelta(seconds=10),
        clock: Callable[[], float] = time.monotonic,  # noqa: TID251 - a default port: it only says when to look for a newer file
    ) -> None:
        if type(reload) is not timedelta or reload < timedelta(0):
            raise ConfigError(f"reload is {reload!r}.", remedy="Give a timedelta of 0 or more.")
        self._path, self._every, self._clock = Path(path), reload.total_seconds(), clock
        self._mapped = Mapped(self._path)
        self._seen = self._mapped.identity
        self._next = clock() + self._every

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r})"

    @property
    def header(self) -> Header:
        """What the file says of itself."""
        return self._mapped.header

    def count(self, password: str) -> int:
        """How often the password was seen in leaks, at least; 0 for never."""
        if self._clock() >= self._next:
            self._look()
        mapped = self._mapped
        return mapped.find(mapped.header.digest.of(password))

    def _look(self) -> None:
        """Take a newer file, if there is one; whoever comes meanwhile reads on in the old one."""
        self._next = self._clock() + self._every  # without a lock, which a fork could leave held: at worst two look at once
        try:
            found = self._path.stat()
            identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if identity != self._seen:
                self._seen = identity
                self._mapped = Mapped(self._path)
        except (OSError, StoreError):
            return


class AsyncFileCorpus:
    """`FileCorpus` for the async face. A look-up of a microsecond is not worth a thread; a cold page is a read of the disk."""

    def __init__(self, path: str | os.PathLike[str], *, reload: timedelta = timedelta(seconds=10)) -> None:
        self._corpus = FileCorpus(path, reload=reload)

    def __repr__(self) -> str:
        return f"Async{self._corpus!r}"

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks, at least; 0 for never."""
        return self._corpus.count(password)
