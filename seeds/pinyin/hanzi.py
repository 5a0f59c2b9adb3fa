# ruff: noqa: INP001 - a script
"""
Make the table of how Chinese characters are read from the dictionary of pypinyin 0.55.0 (MIT). Run by hand, rarely.

    python seeds/pinyin/hanzi.py     writes the table beside the data of acctsec.password

The package is not needed at run time. A line for each character from U+4E00 to U+9FFF: its first three readings without tones,
the commonest first; ü is v. Empty where none is known.
"""

import gzip
from pathlib import Path

from pypinyin.contrib.tone_convert import to_normal
from pypinyin.pinyin_dict import pinyin_dict

TABLE = Path(__file__).parents[2] / "src/acctsec/password/data/hanzi.txt.gz"


def table():
    """The text of the table."""
    return "".join(f"{','.join(read(pinyin_dict.get(point, ''))[:3])}\n" for point in range(0x4E00, 0xA000))


def read(listed):
    """Readings without tones, each once. One that no keyboard types (the interjection ê) is left out."""
    plain = dict.fromkeys(to_normal(one).replace("\u00fc", "v") for one in listed.split(",") if one)
    return [one for one in plain if one.isascii()]


if __name__ == "__main__":
    TABLE.write_bytes(gzip.compress(table().encode(), 9, mtime=0))
