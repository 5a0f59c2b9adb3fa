"""Downloads of breach corpora, read in every shape they come in: one file, one text a range, or a tree of gzip files."""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

from attrs import frozen

from acctsec.corpora.digests import Digest
from acctsec.errors import ConfigError

RANGE = 5
RANGES = 16**RANGE
_CHUNK = 1 << 18
_NAME = re.compile(r"([0-9A-Fa-f]{5})(?:\.txt)?(?:\.gz)?")
_BOM = b"\xef\xbb\xbf"
_HEX = b"0123456789ABCDEFabcdef"
Chunk = tuple[list[bytes], list[bytes]]
"""Digests in upper-case hexadecimal, strictly ascending, and how often each was seen, in decimal."""


@frozen
class Part:
    """One file of a download; *prefix* is what its lines leave out."""

    path: Path
    prefix: bytes


class SourceError(ConfigError):
    """A line of a download cannot be right."""


def parts(source: Path) -> list[Part]:
    """The files of a download, in the order of their ranges. Raises ConfigError where there are none, or a range twice."""
    if source.is_file():
        return [Part(source, b"")]
    found: dict[bytes, Path] = {}
    for path in source.rglob("*"):
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        prefix = match[1].upper().encode()
        if prefix in found:
            raise ConfigError(f"{path} is a second file of the range {prefix.decode()}.", remedy="Remove one of them.")
        found[prefix] = path
    if not found:
        raise ConfigError(f"{source} has no file of a range, such as 0A1B2.txt or 0a1b2.gz.", remedy="Name the download.")
    return [Part(path, prefix) for prefix, path in sorted(found.items())]


def most_entries(given: list[Part], digest: Digest) -> int:
    """At most how many lines there are, told from sizes alone."""
    total = 0
    for part in given:
        with part.path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            size = file.seek(0, 2)
            if gzipped:
                file.seek(max(size - 4, 0))
                tail = file.read(4)
                size = struct.unpack("<I", tail)[0] if len(tail) == 4 else 0
        total += size // (digest.hex_digits - len(part.prefix) + 2) + 1
    return total


def chunks(part: Part, digest: Digest, skip: int = 0) -> Iterator[Chunk]:
    """Read one file piece by piece, the first *skip* not again. Raises SourceError with file and line for what is wrong."""
    number, carry = 1, b""
    with part.path.open("rb") as raw:
        gzipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: IO[bytes] = gzip.GzipFile(fileobj=raw) if gzipped else raw  # type: ignore[assignment]
        try:
            while piece := file.read(_CHUNK):
                whole, newline, carry = (carry + piece).rpartition(b"\n")
                if newline:
                    if skip:
                        skip -= 1
                    else:
                        yield parsed(whole, part, digest, number)
                    number += whole.count(b"\n") + 1
                elif len(carry) > 2 * _CHUNK:
                    raise _wrong(part, number, "a line without an end")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _wrong(part, number, f"the packed file is damaged or cut off ({error})") from error
    if carry and not skip:
        yield parsed(carry, part, digest, number)


def parsed(data: bytes, part: Part, digest: Digest, number: int = 1) -> Chunk:
    """The lines of *data*, the first of which is line *number*; padding and repeats are left out."""
    if _BOM in data:
        data = re.sub(rb"(?m)^\xef\xbb\xbf", b"", data)
    lines = data.split()
    width = digest.hex_digits - len(part.prefix)
    keys, counts = [line[:width] for line in lines], [line[width + 1 :] for line in lines]
    joined = b"".join(keys)
    if (
        data.count(b":") != len(lines)
        or len(joined) != width * len(lines)
        or joined.translate(None, _HEX)
        or (counts and not b"".join(counts).isdigit())
        or b"" in counts
        or max(map(len, counts), default=0) > 18
        or max(map(len, keys), default=width) != width
        or len(lines) > data.count(b"\n") + 1
    ):
        _find_wrong(data, part, width, number)
    if not joined.isupper():
        keys = [key.upper() for key in keys]
    if any(earlier >= later for earlier, later in pairwise(keys)):
        keys, counts = _without_repeats(keys, counts, data, part, number)
    if b"0" in counts or any(count[0] == 48 for count in counts):
        kept = [(key, count) for key, count in zip(keys, counts, strict=True) if int(count)]
        keys, counts = [key for key, _ in kept], [count for _, count in kept]
    return ([part.prefix + key for key in keys] if part.prefix else keys), counts


def _without_repeats(keys: list[bytes], counts: list[bytes], data: bytes, part: Part, number: int) -> Chunk:
    """Keep the larger count of what comes twice; refuse what is out of order."""
    places = [at for at, line in enumerate(data.split(b"\n")) if line.strip()]
    once: dict[bytes, bytes] = {}
    last = b""
    for place, key, count in zip(places, keys, counts, strict=True):
        # Padding stands where chance put it: it is no entry, and says nothing of the order.
        if int(count) == 0:
            continue
        if key < last:
            raise _wrong(part, number + place, "it is not in ascending order of its digest")
        last = key
        once[key] = max(once.get(key, b"0"), count, key=int)
    return list(once), list(once.values())


def _find_wrong(data: bytes, part: Part, width: int, number: int) -> None:
    """Name the first line that cannot be read."""
    right = re.compile(rb"[0-9A-Fa-f]{%d}:[0-9]{1,18}" % width)
    for place, line in enumerate(data.split(b"\n")):
        if line.strip() and right.fullmatch(line.strip()) is None:
            raise _wrong(part, number + place, f"it is not {width} hexadecimal digits, a colon and a count")
    raise _wrong(part, number, "a carriage return, form feed or the like stands within a line")


def _wrong(part: Part, number: int, why: str) -> SourceError:
    return SourceError(f"{part.path}, line {number:,}: {why}.", remedy="Download it again.")
