"""How Chinese characters are read: the toneless pinyin of each, from a table. Origin and licence lie beside the data."""

from functools import cache

_FIRST, _LAST = 0x4E00, 0x9FFF


def is_hanzi(character: str) -> bool:
    """Whether *character* is of the block CJK Unified Ideographs, which the table covers."""
    return _FIRST <= ord(character) <= _LAST


def readings(character: str) -> tuple[str, ...]:
    """
    The pinyin of one character without tones, the commonest first; ü is v, as it is typed, and u, as it is also written.

    Empty for a character that has none.
    """
    return _table()[ord(character) - _FIRST]


@cache
def _table() -> tuple[tuple[str, ...], ...]:
    """The shipped table, read on first use: a line for each character of the block. Equal lines are one tuple."""
    import gzip
    from importlib.resources import files

    packed = files("acctsec.password").joinpath("data/hanzi.txt.gz").read_bytes()
    known: dict[str, tuple[str, ...]] = {}
    lines = gzip.decompress(packed).decode("ascii").removesuffix("\n").split("\n")
    return tuple(known.setdefault(line, _spelt(line)) for line in lines)


def _spelt(line: str) -> tuple[str, ...]:
    found = line.split(",") if line else []
    return tuple(dict.fromkeys(form for one in found for form in ([one, one.replace("v", "u")] if "v" in one else [one])))
