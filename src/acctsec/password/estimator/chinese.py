"""
What Chinese passwords are made of: pinyin of words and names, mobile numbers, digits that sound like words.

Dates (YYYYMMDD, YYMMDD) are found by the search itself. Origin and licences of the table lie beside the data.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from math import inf

from attrs import field, frozen

SURNAMES = (  # noqa: SIM905 - a list of words is read like this
    "wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang xie song tang han feng deng "
    "cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lv lu ding ren yao shen zhong cui tan fan shi liao "
    "jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan lei long shao qian dai dai qi kong mao chang wan gu lai wen ou"
).split()
"""Of the commonest Chinese surnames the readings, the commonest first; homophones once."""

PUNS = "520 1314 521 5201314 1314520 5211314 88 66 99 168 888 666 518 584 530 7758 7758521 3344 9958 1711 147 246 687 918".split()  # noqa: SIM905 - as above
"""Digits read aloud as words (520: I love you; 1314: all life long), or taken for lucky, the commonest first."""

SPOKEN = {"wo": 12.0, "ni": 12.0, "ai": 12.0, "shi": 20.0, "bu": 20.0, "de": 20.0, "hao": 20.0, "ma": 20.0}
"""Passwords speak of me, you and love; what the words were counted in is written prose."""


def _reaches(words: Iterable[str]) -> dict[str, int]:
    """How long the longest word is that begins with this character."""
    reaches: dict[str, int] = {}
    for word in words:
        reaches[word[0]] = max(len(word), reaches.get(word[0], 0))
    return reaches


_PUN_COSTS = {pun: 2.0 * rank for rank, pun in enumerate(PUNS, 1)}
_PUN_REACHES = _reaches(PUNS)
_MOBILE = re.compile(r"(?=(1[3-9][0-9]{9}))")
_MOBILES = 45e8  # some 45 prefixes of three digits are given out, 10^8 numbers each
_RUN = re.compile(r"[a-z]{4,}")
_DIGITS = re.compile(r"[0-9]{3,}")
JOINED = re.compile(r"[a-z]{2}|[0-9]{2}")
"""Two characters that may stand side by side in one part."""

_MOST = 6  # syllables of a run: more take more guesses than brute force is given for the letters
_WORD = 4  # syllables of a word


@frozen
class _Pinyin:
    """Ranks of whole words; for each syllable how many guesses it is worth, and for each surname."""

    words: Mapping[str, int] = field(repr=False)
    syllables: Mapping[str, float] = field(repr=False)
    surnames: Mapping[str, int] = field(repr=False)
    reaches: Mapping[str, int] = field(repr=False)


@cache
def _pinyin() -> _Pinyin:
    """The shipped table, read on first use."""
    import gzip
    import json
    from importlib.resources import files

    table = json.loads(gzip.decompress(files("acctsec.password").joinpath("data/pinyin.json.gz").read_bytes()))
    words = {word: rank for rank, word in enumerate(table["words"].split(), 1)}
    total = sum(table["syllables"].values())
    syllables = {syllable: total / count for syllable, count in table["syllables"].items()} | SPOKEN
    return _Pinyin(words, syllables, {name: rank for rank, name in reversed([*enumerate(SURNAMES, 1)])}, _reaches(syllables))


def spans(lowered: str) -> Iterator[tuple[int, int, float]]:
    """First and last index of each part and the guesses it takes. *lowered* is in lower case, at most 40 code points."""
    yield from mobiles(lowered)
    yield from puns(lowered)
    yield from pinyin(lowered)


def mobiles(lowered: str) -> Iterator[tuple[int, int, float]]:
    """Mobile numbers of mainland China."""
    for match in _MOBILE.finditer(lowered):
        yield match.start(), match.start() + 10, _MOBILES


def puns(lowered: str) -> Iterator[tuple[int, int, float]]:
    """Digits that sound like words, up to six in a row."""
    for run in _DIGITS.finditer(lowered):
        steps, offset = _steps(run[0], _PUN_COSTS, _PUN_REACHES), run.start()
        for i in range(len(run[0])):
            for _, end, guesses in _from(i, steps):
                yield offset + i, offset + end - 1, guesses


def pinyin(lowered: str) -> Iterator[tuple[int, int, float]]:
    """Words, names (a surname and one or two syllables) and runs of two to six syllables."""
    table = _pinyin()
    for run in _RUN.finditer(lowered):
        text, offset = run[0], run.start()
        steps = _steps(text, table.syllables, table.reaches)
        for i in range(len(text)):
            for number, end, guesses in _from(i, steps):  # words and surnames are syllables, too
                if number > 1:
                    yield offset + i, offset + end - 1, guesses
                if number <= _WORD and (rank := table.words.get(text[i:end])):
                    yield offset + i, offset + end - 1, rank
                if number == 1 and (rank := table.surnames.get(text[i:end])):
                    for given, last, more in _from(end, steps):
                        if given > 2:
                            break
                        yield offset + i, offset + last - 1, rank * more


def _steps(text: str, costs: Mapping[str, float], reaches: Mapping[str, int]) -> list[list[tuple[int, float]]]:
    """For every index the entries that begin there: where each ends, and what it costs."""
    steps: list[list[tuple[int, float]]] = []
    for i, first in enumerate(text):
        words = [text[i:j] for j in range(i + 1, min(i + reaches.get(first, 0), len(text)) + 1)]
        steps.append([(i + len(word), costs[word]) for word in words if word in costs])
    return [*steps, []]


def _from(start: int, steps: list[list[tuple[int, float]]]) -> Iterator[tuple[int, int, float]]:
    """From *start*, every stretch that one to six entries make up, fewer first: their number, its end, its least cost."""
    ends = {start: 1.0}
    for number in range(1, _MOST + 1):
        reached: dict[int, float] = {}
        for at, guesses in ends.items():
            for end, cost in steps[at]:
                if guesses * cost < reached.get(end, inf):
                    reached[end] = guesses * cost
        if not reached:
            return
        for end, guesses in reached.items():
            yield number, end, guesses
        ends = reached
