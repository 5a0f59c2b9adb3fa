"""Makes a breach file of a download, or of several sources: taken up again after a kill, put in its place at the end."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from acctsec.corpora.built import Built, is_built
from acctsec.corpora.columns import Block
from acctsec.corpora.digests import Digest
from acctsec.corpora.layout import MAX_BITS, MIN_BITS, WIDE, Header, bits_for
from acctsec.corpora.lines import RANGES
from acctsec.corpora.lock import alone
from acctsec.corpora.sources import Download
from acctsec.corpora.writer import Writer
from acctsec.errors import ConfigError

Told = Callable[[int, int], None]
"""Hears of progress: entries written so far, and how many there are at most."""
_Opened = Callable[[tuple[int, ...] | None], Iterator[Block]]


def build(
    source: Path,
    path: Path,
    *,
    digest: Digest = Digest.SHA1,
    counts: bool = False,
    bits: int | None = None,
    partial: bool = False,
    told: Told | None = None,
) -> Header:
    """
    Build *path* from a download, and put it in its place whole.

    *bits* choose a bucket; by default as many as the size of the download asks for. A download in which one of the 1,048,576
    ranges is missing is refused, unless it is *partial*. Raises ConfigError for a download that cannot be right, for a *path*
    that is something else than a breach file, and while another run makes it.
    """
    if bits is not None and not MIN_BITS <= bits <= MAX_BITS:
        raise ConfigError(f"{bits} bits cannot choose a bucket.", remedy=f"Give {MIN_BITS} to {MAX_BITS}, or leave it out.")
    with alone(path):
        if path.exists() and not is_built(path):
            raise ConfigError(f"{path} is there already and no breach file.", remedy="Remove it, or name another file.")
        download = _download(source, digest, partial=partial)
        writer = Writer(path, digest=digest, counts=counts, bits=bits or bits_for(download.most), wide=download.most >= WIDE)
        opened = [_lines(download, writer, partial=partial)]
        return _write(writer, opened, [_about(download)], download.most, told, complete=not partial)


def merge(sources: Sequence[Path], path: Path, *, partial: bool = False, told: Told | None = None) -> Header:
    """
    Make one breach file of several, and of downloads; *path* may be one of them.

    At least one source is a breach file: what is made has its digest, its bits and its counts, and all breach files agree in
    them. Of an entry that several have, the larger count stays. A download that is not whole is refused, unless it is *partial*.
    Raises ConfigError for sources that do not go together and for a *path* that is there and none of them, StoreError for a
    breach file that is damaged.
    """
    with alone(path):
        if path.exists() and not any(is_built(one) and one.samefile(path) for one in sources):
            raise ConfigError(
                f"{path} is there already and no breach file among the sources: what it has would be lost.",
                remedy="Name it as a source, too, or name another file.",
            )
        built = [Built(source) for source in sources if is_built(source)]
        if not built:
            raise ConfigError("None of the sources is a breach file.", remedy="Build one first, then merge others into it.")
        header = built[0].header
        for other in built[1:]:
            _check_alike(built[0], other)
        for one in built:
            one.check()
        downloads = [_download(source, header.digest, partial=partial) for source in sources if not is_built(source)]
        most = sum(one.header.entries for one in built) + sum(one.most for one in downloads)
        writer = Writer(path, digest=header.digest, counts=header.has_counts, bits=header.bits, wide=most >= WIDE)
        opened = [_entries(one) for one in built] + [_lines(one, writer, partial=partial) for one in downloads]
        about = [[str(one.path), *map(str, (one.header.index_sum, one.header.body_sum))] for one in built]
        # Breach files that were built of partial downloads are as good as others here.
        return _write(writer, opened, about + [_about(one) for one in downloads], most, told, complete=False)


def _download(source: Path, digest: Digest, *, partial: bool) -> Download:
    found = Download(source, digest)
    if not partial and not found.is_file and found.files != RANGES:
        raise _incomplete(source, found.files)
    return found


def _about(download: Download) -> list[str]:
    return [str(download.source), download.fingerprint]


def _lines(download: Download, writer: Writer, *, partial: bool) -> _Opened:
    def opened(at: tuple[int, ...] | None) -> Iterator[Block]:
        return download.blocks(bits=writer.bits, counts=writer.counts, to_the_end=not partial, at=at or (0, 0, 1))

    return opened


def _entries(built: Built) -> _Opened:
    return lambda at: built.blocks(at or (0,))


def _check_alike(one: Built, other: Built) -> None:
    """Refuse to mix what no look-up could tell apart."""
    for name, what in (("digest", "digests"), ("bits", "numbers of bits"), ("has_counts", "ideas of whether to keep counts")):
        first, second = getattr(one.header, name), getattr(other.header, name)
        if first != second:
            raise ConfigError(
                f"{one.path} and {other.path} have different {what}: {first} and {second}.",
                remedy="Build one of them anew from its download.",
            )


def _incomplete(source: Path, ranges: int) -> ConfigError:
    return ConfigError(
        f"{source} has {ranges:,} of {RANGES:,} ranges.", remedy="Complete the download, or say that it is partial (--partial)."
    )


def _write(
    writer: Writer, opened: Sequence[_Opened], about: Sequence[Sequence[str]], most: int, told: Told | None, *, complete: bool
) -> Header:
    with writer:
        writer.begin({"sources": [list(one) for one in about], "most": most})
        place = writer.place
        ats = place.sources or [None] * len(opened)
        heads = [_Head(call(None if at is None else tuple(at)), place.last) for call, at in zip(opened, ats, strict=True)]
        for keys, classes in _in_order(heads):
            writer.take(keys, classes)
            writer.save_now_and_then([head.at for head in heads])
            if told is not None:
                told(place.entries, most)
        if complete and place.ranges != RANGES:
            raise _incomplete(Path(about[0][0]), place.ranges)
        return writer.finish()


class _Head:
    """What comes next of one source."""

    def __init__(self, blocks: Iterator[Block], last: int) -> None:
        self._blocks = blocks
        self.at: tuple[int, ...] | None = None
        self.keys: array[int] = array("Q")
        self.classes = b""
        self.start = 0
        # A run that was killed had read a part of it. The last entry may be repeated with a larger count.
        while self.start == len(self.keys) and self._next():
            self.start = bisect_left(self.keys, last)

    def advance(self) -> None:
        """Go to the next entries once these are read."""
        while self.start == len(self.keys) and self._next():
            pass

    def _next(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        self.keys, self.classes, self.at, self.start = block.keys, block.classes, block.at, 0
        return True

    def until(self, limit: int) -> "tuple[array[int], bytes]":
        """The entries up to a key, which are read with that."""
        start, end = self.start, bisect_right(self.keys, limit, self.start)
        self.start = end
        whole = start == 0 and end == len(self.keys)
        return (self.keys, self.classes) if whole else (self.keys[start:end], self.classes[start:end])


def _in_order(heads: Sequence[_Head]) -> "Iterator[tuple[array[int], bytes]]":
    """The entries of all, block by block, each key once."""
    while left := [head for head in heads if head.start < len(head.keys)]:
        limit = min(head.keys[-1] for head in left)
        taken = [(keys, classes) for keys, classes in (head.until(limit) for head in left) if keys]
        yield taken[0] if len(taken) == 1 else _together(taken)
        for head in left:
            head.advance()


def _together(taken: "Sequence[tuple[array[int], bytes]]") -> "tuple[array[int], bytes]":
    """Several ascending runs as one; of a key that is in two of them, the larger class."""
    if not taken[0][1]:
        return array("Q", dict.fromkeys(sorted(key for keys, _ in taken for key in keys))), b""
    ascending = sorted(key << 6 | one for keys, classes in taken for key, one in zip(keys, classes, strict=True))
    best = {both >> 6: both & 63 for both in ascending}
    return array("Q", best), bytes(best.values())
