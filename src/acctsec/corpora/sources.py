"""Downloads of breach corpora in every shape they come in: one file, one text a range, or a tree of gzip files."""

import gzip
import os
import re
import struct
import zlib
from array import array
from collections.abc import Iterator
from hashlib import sha256
from itertools import compress, count
from pathlib import Path
from typing import IO

from attrs import frozen

from acctsec.corpora.columns import Block
from acctsec.corpora.digests import Digest
from acctsec.corpora.lines import RANGE, RANGES, Reader, out_of_order, wrong
from acctsec.errors import ConfigError

_CHUNK = 1 << 18
_NAME = re.compile(r"([0-9A-Fa-f]{5})((?:\.txt)?(?:\.gz)?)")
_GZIP = b"\x1f\x8b"


@frozen
class Part:
    """One file of a download; *prefix* is what its lines leave out."""

    path: Path
    prefix: bytes = b""

    def open(self) -> IO[bytes]:
        """The file as it lies there."""
        return self.path.open("rb")


class Download:
    """
    The files of a download, in the order of their ranges.

    There may be a million of them: what is kept of one is eight bytes, for its name follows from its range. Raises ConfigError
    where there are none, or a range twice.
    """

    def __init__(self, source: Path, digest: Digest) -> None:
        self.source: Path = source
        self.digest: Digest = digest
        self.is_file: bool = source.is_file()
        self._folders: list[str] = []
        self._forms: list[tuple[str, str]] = []
        self._where, self._how = array("I"), array("I")
        self.files: int = 1
        if not self.is_file:
            self._where, self._how = array("I", bytes(4 * RANGES)), array("I", bytes(4 * RANGES))
            self.files = self._find()
        self.most: int
        self.fingerprint: str
        self.most, self.fingerprint = self._survey()

    def parts(self, first: int = 0) -> Iterator[tuple[int, Part]]:
        """Each file, behind the number of its range."""
        if self.is_file:
            yield 0, Part(self.source)
        for number in compress(count(first), self._where[first:]):
            digits = f"{number:05X}"
            style, suffix = self._forms[self._how[number]]
            name = {"upper": digits, "lower": digits.lower()}.get(style, style)
            yield number, Part(Path(self._folders[self._where[number] - 1], name + suffix), digits.encode())

    def blocks(self, *, bits: int, counts: bool, to_the_end: bool, at: tuple[int, ...] = (0, 0, 1)) -> Iterator[Block]:
        """
        The entries, block by block, from the file, byte and line *at*. Raises SourceError with file and line for what is wrong.

        A single file has to reach *to_the_end*, which is to say into the last range.
        """
        first, offset, line = at
        for number, part in self.parts(first):
            reader = Reader(path=part.path, prefix=part.prefix, digest=self.digest, bits=bits, counts=counts)
            start = (offset, line) if number == first else (0, 1)
            last = -1
            for block in _pieces(part, reader, number, start):
                if block.keys:
                    last = block.keys[-1]
                yield block
            if self.is_file and to_the_end and last >> bits + 32 - 4 * RANGE != RANGES - 1:
                raise ConfigError(
                    f"{part.path} ends before the last of {RANGES:,} ranges.",
                    remedy="Complete the download, or say that it is partial (--partial).",
                )

    def _find(self) -> int:
        """Go through the folders; answers how many files of a range there are."""
        forms: dict[tuple[str, str], int] = {}
        found, left = 0, [str(self.source)]
        while left:
            folder = left.pop()
            self._folders.append(folder)
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    elif (match := _NAME.fullmatch(entry.name)) and entry.is_file():
                        self._note(entry.path, match, forms)
                        found += 1
        self._forms = list(forms)
        if not found:
            raise ConfigError(f"{self.source} has no file of a range, such as 0A1B2.txt.", remedy="Name the download.")
        return found

    def _note(self, path: str, match: re.Match[str], forms: dict[tuple[str, str], int]) -> None:
        """Keep in which folder the file of a range is, and in which form its name has the digits."""
        digits = match[1]
        number = int(digits, 16)
        if self._where[number]:
            raise ConfigError(f"{path} is a second file of the range {number:05X}.", remedy="Remove one of them.")
        style = "upper" if digits == digits.upper() else "lower" if digits == digits.lower() else digits
        self._where[number], self._how[number] = len(self._folders), forms.setdefault((style, match[2]), len(forms))

    def _survey(self) -> tuple[int, str]:
        """About how many entries there are at most, told from sizes alone; and what tells a download from a changed one."""
        total, known = 0, sha256()
        for number, part in self.parts():
            with part.open() as file:
                status = os.fstat(file.fileno())
                known.update(b"%d %d %d " % (number, status.st_size, status.st_mtime_ns))
                width = self.digest.hex_digits - len(part.prefix) + 2
                total += _unpacked(file, status.st_size, width) // width + 1
        return total, known.hexdigest()


def _unpacked(file: IO[bytes], size: int, width: int) -> int:
    """How many bytes a file has, unpacked; a packed one tells it modulo 4 GiB."""
    if file.read(2) != _GZIP:
        return size
    file.seek(max(size - 4, 0))
    tail = file.read(4)
    told: int = struct.unpack("<I", tail)[0] if len(tail) == 4 else 0
    # Digests are noise: packed, an entry takes 20 bytes at least.
    return max(told, size // 20 * width)


def _pieces(part: Part, reader: Reader, number: int, start: tuple[int, int]) -> Iterator[Block]:
    """One file from a byte and line on, each piece with where it begins."""
    offset, line = start
    with part.open() as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        file: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        last, carry, ended = -1, b"", False
        try:
            file.seek(offset)
            while not ended:
                piece = file.read(_CHUNK)
                ended = len(piece) < _CHUNK
                data, newline, carry = (carry + piece).rpartition(b"\n")
                if ended and carry:
                    data, newline, carry = data + newline + carry, b"\n", b""
                if not newline and len(carry) > _CHUNK:
                    raise wrong(part.path, line, "a line without an end")
                if not newline:
                    continue
                data += b"\n"
                keys, classes = reader.read(data, line)
                if keys and keys[0] < last:
                    raise out_of_order(part.path, reader.first(data, line))
                last = keys[-1] if keys else last
                yield Block(keys=keys, classes=classes, at=(number, offset, line))
                offset += len(data)
                line += data.count(b"\n")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise wrong(part.path, line, f"the packed file is damaged or cut off ({error})") from error
