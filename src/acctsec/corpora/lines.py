"""The lines of a download, read some thousands at a time; what cannot be right is refused by the number of its line."""

import binascii
import re
from array import array
from pathlib import Path

from attrs import field, frozen

from acctsec.corpora.columns import ascends, cut, once
from acctsec.corpora.digests import Digest
from acctsec.errors import ConfigError

RANGE = 5
RANGES = 16**RANGE
_BOM = b"\xef\xbb\xbf"


class SourceError(ConfigError):
    """A line of a download cannot be right."""


def wrong(path: Path, number: int, why: str, *, remedy: str = "Download it again.") -> SourceError:
    """The error for the line *number* of a file."""
    return SourceError(f"{path}, line {number:,}: {why}.", remedy=remedy)


def out_of_order(path: Path, number: int) -> SourceError:
    """The error for a line whose digest is smaller than the one before."""
    remedy = "Take the download that is ordered by hash, not by count."
    return wrong(path, number, "it is not in ascending order of its digest", remedy=remedy)


@frozen(kw_only=True)
class Reader:
    """Reads the lines of one file: *prefix* is what they leave out; the keys are those of a file of *bits*."""

    path: Path
    prefix: bytes
    digest: Digest
    bits: int
    counts: bool
    _width: int = field(init=False)
    _lines: re.Pattern[bytes] = field(init=False, repr=False)

    @_width.default
    def _digits(self) -> int:
        return self.digest.hex_digits - len(self.prefix)

    @_lines.default
    def _form(self) -> re.Pattern[bytes]:
        # Any sign may stand for a digit here, which is a jump for the matcher; that they are digits is seen when they are packed.
        return re.compile(rb"(?s)(?:.{%d}:[1-9][0-9]{0,17}+\r?+\n)*+" % self._width)

    def read(self, data: bytes, number: int) -> "tuple[array[int], bytes]":
        """
        The keys of whole lines, the first of which is line *number*, and the bit lengths of their counts.

        Padding, blank lines and repeats are left out; of a repeat the larger count stays.
        """
        text = data
        if self._lines.fullmatch(text) is None:
            text = text.removeprefix(_BOM).replace(b"\n" + _BOM, b"\n")
            if self._lines.fullmatch(text) is None:
                text = b"".join(map(_tidied, text.split(b"\n")))
                if self._lines.fullmatch(text) is None:
                    raise self._refused(data, number)
        words = text.replace(b":", b"\n").split()
        if not words:
            return array("Q"), b""
        digits, seen = words[0::2], words[1::2]
        try:
            packed = binascii.unhexlify(self.prefix + self.prefix.join(digits))
        except binascii.Error:
            raise self._refused(data, number) from None
        size = self.digest.hex_digits // 2
        # No line is longer and all together are as long as they should be: each one is.
        if max(map(len, digits)) != self._width or len(packed) != size * len(digits):
            raise self._refused(data, number)
        keys = cut(packed, size=size, bits=self.bits)
        classes = bytes(map(int.bit_length, map(int, seen))) if self.counts else b""
        if ascends(keys):
            return keys, classes
        if list(keys) != sorted(keys):
            raise self._refused(data, number)
        return once(keys, classes)

    def first(self, data: bytes, number: int) -> int:
        """The number of the first line that has an entry."""
        lines = data.split(b"\n")
        return number + next((at for at, line in enumerate(lines) if _tidied(line.replace(_BOM, b""))), 0)

    def _refused(self, data: bytes, number: int) -> SourceError:
        """Name the first line that cannot be read."""
        right = re.compile(rb"[0-9A-Fa-f]{%d}:[0-9]{1,18}" % self._width)
        last = b""
        for at, text in enumerate(data.split(b"\n")):
            line = text.strip().removeprefix(_BOM)
            if not line:
                continue
            if right.fullmatch(line) is None:
                return wrong(self.path, number + at, f"it is not {self._width} hexadecimal digits, a colon and a count")
            if not _tidied(line):
                continue
            digits = line[: self._width].upper()
            if digits < last:
                return out_of_order(self.path, number + at)
            last = digits
        return wrong(self.path, number, "the lines from here on cannot be read")


def _tidied(line: bytes) -> bytes:
    """A line in its one form; nothing of one that is blank or padding, whose count is 0."""
    digits, colon, count = line.strip().partition(b":")
    significant = count.lstrip(b"0")
    if not digits or (count and not significant):
        return b""
    return digits + colon + significant + b"\n"
