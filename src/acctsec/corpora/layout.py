"""
The breach file: sorted 32-bit remainders in buckets, an index of where each bucket begins, and perhaps a column of counts.

A header; then the index, ``2**bits + 1`` offsets of 4 or 8 bytes; the remainders, 4 bytes each; the counts, a byte each. All
numbers are little-endian. A key is the first ``bits + 32`` bits of a digest.
"""

import struct
from zlib import crc32

from attrs import frozen

from acctsec.corpora.digests import Digest
from acctsec.errors import StoreError

MAGIC = b"acctsec\x00breach\x00\x01"
_FORM = struct.Struct("<16sBBBBIQIIQ12x")
HEADER = _FORM.size + 4
BUCKET = 128
"""Entries a bucket on average at most: 128 / 2**32 is 2.98e-8, what a password that never leaked is taken for one at most."""
MIN_BITS, MAX_BITS = 8, 28
MAX_CLASS = 60
"""The bit length of the largest count that is read, which has 18 digits."""
WIDE = 1 << 32
"""From so many entries on an offset of 4 bytes could not tell where the last bucket ends."""


def bits_for(entries: int) -> int:
    """How many bits choose a bucket, so that one holds 64 to 128 of *entries*."""
    return min(max((max(entries - 1, 0) // BUCKET).bit_length(), MIN_BITS), MAX_BITS)


@frozen(kw_only=True)
class Header:
    """What a breach file says of itself; *index_sum* and *body_sum* are CRC-32, against accidents."""

    digest: Digest
    bits: int
    wide: bool
    has_counts: bool
    entries: int
    index_sum: int
    body_sum: int
    ranges: int

    @property
    def index_size(self) -> int:
        """Bytes of the index."""
        return ((1 << self.bits) + 1) * (8 if self.wide else 4)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return HEADER + self.index_size + self.entries * (5 if self.has_counts else 4)

    @property
    def false_positives(self) -> float:
        """How likely a password that never leaked is taken for one that did."""
        return self.entries / 2.0 ** (self.bits + 32)

    def pack(self) -> bytes:
        """The first bytes of the file."""
        kind = 1 if self.digest is Digest.SHA1 else 2
        packed = _FORM.pack(
            MAGIC, kind, self.bits, self.wide, self.has_counts, self.ranges, self.entries, self.index_sum, self.body_sum, 0
        )
        return packed + struct.pack("<I", crc32(packed))

    @classmethod
    def unpack(cls, data: bytes, *, size: int, name: str) -> "Header":
        """Read them. Raises StoreError for a file that is none, is damaged, or has not its *size*."""
        remedy = "Build it anew."
        if len(data) != HEADER or not data.startswith(MAGIC) or struct.unpack("<I", data[-4:])[0] != crc32(data[:-4]):
            raise StoreError(f"{name} is no breach file, or its header is damaged.", remedy=remedy)
        _, kind, bits, wide, has_counts, ranges, entries, index_sum, body_sum, rest = _FORM.unpack(data[:-4])
        if kind not in {1, 2} or not MIN_BITS <= bits <= MAX_BITS or max(wide, has_counts) > 1 or rest or any(data[-16:-4]):
            raise StoreError(f"{name} is of a form that this version cannot read.", remedy=remedy)
        header = cls(
            digest=Digest.SHA1 if kind == 1 else Digest.NTLM,
            bits=bits,
            wide=bool(wide),
            has_counts=bool(has_counts),
            entries=entries,
            index_sum=index_sum,
            body_sum=body_sum,
            ranges=ranges,
        )
        if size != header.size:
            raise StoreError(f"{name} has {size:,} bytes instead of {header.size:,}.", remedy=remedy)
        return header
