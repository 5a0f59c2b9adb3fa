"""Writes a breach file beside its place: in bounded memory, noting where it is, and put in its place at the end."""

import os
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from sys import byteorder
from typing import IO, Self
from zlib import crc32

from attrs import asdict, define, field

from acctsec._checkpoint import Checkpoint, flush_folder
from acctsec.corpora.columns import buckets, changes, remainders
from acctsec.corpora.digests import Digest
from acctsec.corpora.layout import BUCKET, HEADER, MAX_BITS, Header, bits_for
from acctsec.corpora.lines import RANGE
from acctsec.errors import ConfigError

SAVE = 16 << 20  # bytes of remainders between two notes of where the run is
_FILL = 1 << 16


@define
class Place:
    """
    Where a run is; the files have exactly what it says, and what is behind it in them is cut off.

    *sources* has for each of them where it has to be opened to go on; entries below *last* are there already.
    """

    sources: list[list[int] | None] = field(factory=list)
    entries: int = 0
    buckets: int = 0
    ranges: int = 0
    last: int = -1
    last_class: int = 0
    index_sum: int = 0
    body_sum: int = 0


class Writer:
    """The files of one run, beside the one that it makes."""

    def __init__(self, path: Path, *, digest: Digest, counts: bool, bits: int, wide: bool) -> None:
        self.path: Path = path
        self.digest: Digest = digest
        self.counts: bool = counts
        self.bits: int = bits
        self.wide: bool = wide
        self.place: Place = Place()
        self._saved = 0
        self._names = [path.with_name(f"{path.name}.{name}") for name in ("part", "counts.part")]
        self._checkpoint = Checkpoint(path.with_name(f"{path.name}.place.part"))
        self._index_item = "Q" if wide else "I"
        self._width = 8 if wide else 4
        self._body = HEADER + ((1 << bits) + 1) * self._width
        self._room = min(BUCKET << bits if bits < MAX_BITS else 1 << 62, (1 << 62) if wide else (1 << 32) - 1)
        self._about: dict[str, object] = {}
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What was written stays: the same run goes on from there."""
        for file in self._files:
            file.close()

    def begin(self, about: Mapping[str, object]) -> None:
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
        self._column.truncate(place.entries if self.counts else 0)
        self._index.seek(HEADER + self._width * place.buckets)
        self._keys.seek(self._body + 4 * place.entries)
        self._column.seek(place.entries if self.counts else 0)

    def take(self, keys: "array[int]", classes: bytes) -> None:
        """Write some entries that ascend and lie behind all before, but for the first: it may repeat the last."""
        place = self.place
        if keys and keys[0] == place.last:
            if classes and classes[0] > place.last_class:
                self._column.seek(-1, os.SEEK_CUR)
                self._column.write(classes[:1])
                place.last_class = classes[0]
            keys, classes = keys[1:], classes[1:]
        if not keys:
            return
        if keys[0] < place.last:
            raise ConfigError("An entry is not in ascending order.", remedy="Sort it by digest.")
        if place.entries + len(keys) > self._room:
            raise ConfigError(
                f"There are more than {self._room:,} entries, too many for {1 << self.bits} buckets.",
                remedy=f"Build it with --bits {bits_for(2 * self._room)} or more.",
            )
        self._mark(keys)
        written = remainders(keys)
        place.body_sum = crc32(written, place.body_sum)
        self._keys.write(written)
        self._column.write(classes)
        shift = self.bits + 32 - 4 * RANGE
        place.ranges += changes(keys, shift) + (place.last < 0 or place.last >> shift != keys[0] >> shift)
        place.entries += len(keys)
        place.last = keys[-1]
        place.last_class = classes[-1] if classes else 0

    def _mark(self, keys: "array[int]") -> None:
        """Write where each bucket begins, up to that of the last key."""
        place, starts = self.place, array(self._index_item)
        for bucket, at in buckets(keys):
            missing = bucket + 1 - place.buckets
            if missing > _FILL:
                self._write_index(starts)
                del starts[:]
                self._fill(missing, place.entries + at)
            elif missing == 1:
                starts.append(place.entries + at)
            else:
                starts.extend([place.entries + at] * missing)
            place.buckets = bucket + 1
        self._write_index(starts)

    def _fill(self, many: int, value: int) -> None:
        """Write an offset *many* times."""
        for done in range(0, many, _FILL):
            self._write_index(array(self._index_item, [value]) * min(many - done, _FILL))

    def _write_index(self, starts: "array[int]") -> None:
        if byteorder == "big":
            starts = starts[:]
            starts.byteswap()
        data = starts.tobytes()
        self.place.index_sum = crc32(data, self.place.index_sum)
        self._index.write(data)

    def save_now_and_then(self, sources: Sequence[Sequence[int] | None]) -> None:
        """Note where the run is and where its *sources* are, once enough was written since."""
        if 4 * (self.place.entries - self._saved) < SAVE:
            return
        self.place.sources = [None if at is None else list(at) for at in sources]
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        self._checkpoint.write({"about": self._about, "place": asdict(self.place)})
        self._saved = self.place.entries

    def finish(self) -> Header:
        """End the index, append the counts, write the header, and put the file in its place."""
        place = self.place
        self._fill((1 << self.bits) + 1 - place.buckets, place.entries)
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
