"""Builds a breach file from a download: streamed in bounded memory, taken up again after a kill, put in its place at the end."""

import os
from array import array
from binascii import unhexlify
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from sys import byteorder
from typing import IO, Self
from zlib import crc32

from attrs import asdict, define

from acctsec._checkpoint import Checkpoint, flush_folder
from acctsec.corpora.digests import Digest
from acctsec.corpora.layout import HEADER, MAX_BITS, MIN_BITS, Header, bits_for
from acctsec.corpora.sources import RANGE, RANGES, Part, chunks, most_entries, parts
from acctsec.errors import ConfigError

SAVE = 16 << 20  # bytes of remainders between two notes of where the run is
Told = Callable[[int, int], None]
"""Hears of progress: entries written so far, and how many there are at most."""


@define
class Place:
    """Where a run is; the files have exactly what it says, and what is behind it in them is cut off."""

    part: int = 0
    chunk: int = 0
    entries: int = 0
    buckets: int = 0
    ranges: int = 0
    last: str = ""
    index_sum: int = 0
    body_sum: int = 0


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
    ranges is missing is refused, unless it is *partial*. Raises ConfigError for a download that cannot be right.
    """
    if bits is not None and not MIN_BITS <= bits <= MAX_BITS:
        raise ConfigError(f"{bits} bits cannot choose a bucket.", remedy=f"Give {MIN_BITS} to {MAX_BITS}, or leave it out.")
    given = parts(source)
    if not partial and not source.is_file() and len(given) != RANGES:
        raise _incomplete(source, len(given))
    most = most_entries(given, digest)
    work = _Work(path, digest=digest, counts=counts, bits=bits or bits_for(most), wide=most >= 1 << 32)
    with work:
        work.begin({"source": str(source), "files": _fingerprint(given), "most": most})
        _read(work, given, most, told)
        if not partial and work.place.ranges != RANGES:
            raise _incomplete(source, work.place.ranges)
        if bits is None and work.place.entries > most:  # a packed file of more than 4 GiB does not tell its size
            raise ConfigError(
                f"{source} has more than the {most:,} entries that its files' sizes tell of: too many for so few buckets.",
                remedy=f"Give --bits {bits_for(work.place.entries)}.",
            )
        return work.finish()


def _fingerprint(given: Sequence[Part]) -> str:
    """What tells a download from the same one after it was changed."""
    known = sha256()
    for part in given:
        found = part.path.stat()
        known.update(b"%b %d %d " % (part.prefix, found.st_size, found.st_mtime_ns))
    return known.hexdigest()


def _incomplete(source: Path, ranges: int) -> ConfigError:
    return ConfigError(
        f"{source} has {ranges:,} of {RANGES:,} ranges.", remedy="Complete the download, or say that it is partial (--partial)."
    )


def _read(work: "_Work", given: Sequence[Part], most: int, told: Told | None) -> None:
    place = work.place
    for number in range(place.part, len(given)):
        if number != place.part:
            place.part, place.chunk = number, 0
        for keys, counts in chunks(given[number], work.digest, place.chunk):
            work.take(keys, counts, given[number].path)
            place.chunk += 1
            work.save_now_and_then()
            if told is not None:
                told(place.entries, most)


class _Work:
    """The files of one run, beside the one that it makes."""

    def __init__(self, path: Path, *, digest: Digest, counts: bool, bits: int, wide: bool) -> None:
        self.path, self.digest, self.counts, self.bits, self.wide = path, digest, counts, bits, wide
        self.place = Place()
        self._saved = 0
        self._names = [path.with_name(f"{path.name}.{name}") for name in ("part", "counts.part")]
        self._checkpoint = Checkpoint(path.with_name(f"{path.name}.place.part"))
        self._index_item = "Q" if wide else "I"
        self._width = 8 if wide else 4
        self._about: dict[str, object] = {}
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What was written stays: the same run goes on from there."""
        for file in self._files:
            file.close()

    @property
    def _body(self) -> int:
        return HEADER + ((1 << self.bits) + 1) * self._width

    def begin(self, about: dict[str, object]) -> None:
        """Open the files, and go on where a run over the same was killed."""
        self._about = {**about, "digest": self.digest.value, "counts": self.counts, "bits": self.bits, "wide": self.wide}
        with suppress(ConfigError, KeyError, TypeError):
            state = self._checkpoint.read()
            if state is not None and state["about"] == self._about:
                self.place = Place(**state["place"])
        index, column = self._names
        self._files = [os.fdopen(os.open(name, os.O_RDWR | os.O_CREAT, 0o644), "r+b") for name in (index, index, column)]
        self._index, self._keys, self._column = self._files
        place = self.place
        self._saved = place.entries
        self._index.truncate(self._body + 4 * place.entries)
        self._column.truncate(place.entries)
        self._index.seek(HEADER + self._width * place.buckets)
        self._keys.seek(self._body + 4 * place.entries)
        self._column.seek(place.entries)

    def take(self, keys: list[bytes], counts: list[bytes], path: Path) -> None:
        """Write some entries of the file *path*, which lie behind all before."""
        if not keys:
            return
        place = self.place
        first = keys[0].decode()
        if place.last and first <= place.last:
            if first < place.last:
                raise ConfigError(f"{path}: an entry of {first[:RANGE]} is not in ascending order.", remedy="Sort it by digest.")
            # A repeat across two pieces: the first count stays.
            keys, counts = keys[1:], counts[1:]
            if not keys:
                return
        self._mark(keys)
        remainders = packed(keys, self.bits)
        place.body_sum = crc32(remainders, place.body_sum)
        self._keys.write(remainders)
        if self.counts:
            self._column.write(bytes(map(int.bit_length, map(int, counts))))
        place.ranges += len({key[:RANGE] for key in keys}) - (place.last[:RANGE].encode() == keys[0][:RANGE])
        place.entries += len(keys)
        place.last = keys[-1].decode()

    def _mark(self, keys: list[bytes]) -> None:
        """Write where each bucket begins, up to that of the last key."""
        place, bits, digits = self.place, self.bits, -(-self.bits // 4)
        shift = 4 * digits - bits
        last = int(keys[-1][:digits], 16) >> shift
        starts, at = array(self._index_item), 0
        for bucket in range(place.buckets, last + 1):
            at = bisect_left(keys, b"%0*X" % (digits, bucket << shift), at)
            starts.append(place.entries + at)
        self._write_index(starts)
        place.buckets = max(place.buckets, last + 1)

    def _write_index(self, starts: "array[int]") -> None:
        if byteorder == "big":
            starts.byteswap()
        data = starts.tobytes()
        self.place.index_sum = crc32(data, self.place.index_sum)
        self._index.write(data)

    def save_now_and_then(self) -> None:
        """Note where the run is, once enough was written since."""
        if 4 * (self.place.entries - self._saved) < SAVE:
            return
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        self._checkpoint.write({"about": self._about, "place": asdict(self.place)})
        self._saved = self.place.entries

    def finish(self) -> Header:
        """End the index, append the counts, write the header, and put the file in its place."""
        place = self.place
        left = (1 << self.bits) + 1 - place.buckets
        while left:
            some = min(left, 1 << 16)
            self._write_index(array(self._index_item, [place.entries]) * some)
            left -= some
        self._index.flush()
        self._column.flush()
        self._column.seek(0)
        while self.counts and (data := self._column.read(1 << 20)):
            place.body_sum = crc32(data, place.body_sum)
            self._keys.write(data)
        header = Header(
            digest=self.digest,
            bits=self.bits,
            wide=self.wide,
            has_counts=self.counts,
            entries=place.entries,
            index_sum=place.index_sum,
            body_sum=place.body_sum,
            ranges=place.ranges,
        )
        self._keys.flush()
        self._index.seek(0)
        self._index.write(header.pack())
        self._index.flush()
        os.fsync(self._index.fileno())
        for file in self._files:
            file.close()
        self._checkpoint.remove()  # from here on the parts are no longer what it says
        self._names[0].replace(self.path)
        self._names[1].unlink(missing_ok=True)
        flush_folder(self.path.parent)
        return header


def packed(keys: list[bytes], bits: int) -> bytes:
    """The 32 bits behind the first *bits* of each digest, little-endian: cut out of all of them at once by C."""
    digit, odd = divmod(bits, 4)
    window = unhexlify(b"".join([key[digit : digit + 10] for key in keys]))
    shifted = bytearray((int.from_bytes(window) >> 8 - odd).to_bytes(len(window)))
    del shifted[0::5]
    remainders = array("I", bytes(shifted))
    if byteorder == "little":
        remainders.byteswap()
    return remainders.tobytes()
