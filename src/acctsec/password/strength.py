"""
How many guesses a password stands: zxcvbn's model, joined with how likely its characters are in common passwords.

zxcvbn 4.5.0 keeps the last caller's words in a global that other threads read, raises above 72 characters, takes seconds
on crafted input, and knows years up to 2019. Its word lists, guess formulas and linear matchers are used here. What
searches is written anew: it keeps nothing, its cost is bounded, and on ordinary passwords it answers the same. Above a
thousand guesses a trigram model has a say as well: search finds words and patterns, the model what merely looks like them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from itertools import islice
from math import log10, prod
from operator import itemgetter
from types import ModuleType

from attrs import define, evolve, field, frozen

from acctsec.errors import ConfigError
from acctsec.password.context import bounded
from acctsec.password.estimator import chinese
from acctsec.password.estimator import dates as calendar
from acctsec.password.estimator.keyboard import Keyboards, keyboards, walks
from acctsec.password.estimator.kinds import Weakness
from acctsec.password.estimator.ngrams import trigrams
from acctsec.password.estimator.sequence import WINDOW, Span, cheaper, cheapest
from acctsec.password.estimator.spelling import capitals, disguises

MAX_READINGS = 16
"""Ways to undo substitutions that are tried one by one; of 1,500 realistic passwords none needed more than 12."""

# log10 guesses = search * log10(its guesses) + surprise * -log10(probability) + constant: by seeds/estimator/fit.py.
_SEARCH, _SURPRISE, _CONSTANT = 0.621, 0.333, -1.07
_ALONE, _FADE = 3.0, 3.0  # powers of ten up to which the search alone counts, and over which the two are faded

_LISTS = (
    ("passwords", Weakness.COMMON_PASSWORD),
    ("female_names", Weakness.NAME_OR_CONTEXT),
    ("male_names", Weakness.NAME_OR_CONTEXT),
    ("surnames", Weakness.NAME_OR_CONTEXT),
)

_PIECE = re.compile(r"[^\W_]{3,}")
_GREEDY, _LAZY = re.compile(r"(.+)\1+"), re.compile(r"(.+?)\1+")
_START = 4  # characters of a word that are looked up before the word is


def estimate(password: str, words: Sequence[str] = ()) -> float:
    """
    Log10 of the guesses an attacker needs who knows the usual tricks and *words*; 0 for the empty password.

    Deterministic, thread-safe and bounded for every str: no clock, no global, at most 64 words. A password of more than
    40 code points is as strong as the stronger of its first and its last 40.
    """
    return _estimate(password, words, tables())


@frozen(kw_only=True)
class StrengthEstimator:
    """
    Like ``estimate``, with further dictionaries: an ``estimator`` for PasswordPolicy.

    Args:
        dictionaries: word lists of other languages or of the organisation, each with its most used word first; case is
            ignored. At most 16, with 100,000 words together of at most 40 code points each. Default: none.

    Raises ConfigError for values outside these bounds. The repr shows no word.
    """

    dictionaries: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        lists = self.dictionaries
        if not isinstance(lists, tuple) or not all(isinstance(one, tuple) for one in lists):
            raise ConfigError("dictionaries is not a tuple of tuples.", remedy='Give dictionaries=(("word", "next"), ...).')
        if not all(isinstance(word, str) and 0 < len(word) <= WINDOW for one in lists for word in one):
            message = f"A dictionary holds something else than words of 1 to {WINDOW} code points."
            raise ConfigError(message, remedy="Leave out empty lines and what is longer.")
        if len(lists) > 16 or sum(map(len, lists)) > 100_000:
            raise ConfigError("There are more than 16 dictionaries or 100,000 words.", remedy="Keep the most used words.")

    def __call__(self, password: str, words: Sequence[str] = ()) -> float:
        """As ``estimate``."""
        return _estimate(password, words, _with(self.dictionaries))


@lru_cache(maxsize=16)
def _with(dictionaries: tuple[tuple[str, ...], ...]) -> "_Tables":
    """zxcvbn's words and these; of a word that is in several lists the best rank counts."""
    known = tables()
    ranks = dict(known.ranks)
    for listed in dictionaries:
        for rank, word in enumerate(listed, 1):
            lowered = _lower(word)
            ranks[lowered] = min(rank, ranks.get(lowered, rank))
    return evolve(known, ranks=ranks, reaches=_reaches(ranks))


def _estimate(password: str, words: Sequence[str], known: "_Tables") -> float:
    ends = password if len(password) <= 2 * WINDOW else password[:WINDOW] + password[-WINDOW:]
    whole = _Part(ends, _possible(ranked(words), ends, known), known)
    last = max(len(ends) - WINDOW, 0)
    parts = {ends[start : start + WINDOW]: whole.within(start, start + WINDOW) for start in (last, 0)}
    strongest = 0.0
    for answer, part in sorted(((_joined(part), part) for part in parts.values()), key=itemgetter(0), reverse=True):
        if answer > strongest:  # else the other end stands for more, whatever bounds this one
            strongest = max(strongest, _bounded(answer, part))
    return strongest


def _possible(own: dict[str, int], text: str, known: "_Tables") -> dict[str, int]:
    """Without the words that cannot be in this text: most passwords hold none, and are searched but once then."""
    if not own:
        return own
    forwards, backwards = _lower(text), _lower(text[::-1])
    letters = _signs(text, known)
    if not letters:
        return {word: rank for word, rank in own.items() if word in forwards or word in backwards}
    return {word: rank for word, rank in own.items() if not set(word).difference(forwards, backwards, letters)}


def windows(password: str) -> tuple[str, ...]:
    """What is analysed of a password: all of it, or its two ends."""
    return (password,) if len(password) <= WINDOW else (password[:WINDOW], password[-WINDOW:])


def _joined(part: "_Part") -> float:
    """
    The search alone for what it finds at once, then more and more joined with how likely the characters are.

    Below a thousand guesses the search knows the very words, those of the context among them. It never lowers the answer
    that it finds more guesses: more words of the context can only weaken a password.
    """
    searched = log10(part.guesses)
    if searched <= _ALONE:
        return searched
    joined = _SEARCH * searched + _SURPRISE * trigrams().surprise(_lower(part.text)) + _CONSTANT
    joined = max(joined, min(searched, _ALONE + _FADE) - 1.5)  # 1.5 < _FADE * _SEARCH keeps it rising
    return searched + min((searched - _ALONE) / _FADE, 1.0) * (joined - searched)


def _bounded(answer: float, part: "_Part") -> float:
    """Never above the search where Chinese parts shorten it: the trigrams were trained on lists with little pinyin."""
    if answer <= log10(part.guesses):
        return answer
    if part.own:  # a bound that came and went with the words of the context could let a word strengthen a password
        part = _Part(part.text, {}, part.tables)
    bound, without = log10(part.guesses), log10(part.guesses_without_chinese)
    return min(answer, bound) if bound < without - 1e-9 else answer  # equal ways may differ in their last digit


@frozen
class _Tables:
    """zxcvbn's words and functions, bound once: what others do to its globals changes nothing here."""

    ranks: Mapping[str, int] = field(repr=False)
    reaches: Mapping[str, int] = field(repr=False)
    signs: frozenset[str] = field(repr=False)
    keyboards: Keyboards = field(repr=False)
    matching: ModuleType
    scoring: ModuleType


@cache
def tables() -> _Tables:
    """Load zxcvbn on first use. No word is in two of its lists."""
    from zxcvbn import matching, scoring  # type: ignore[import-untyped]
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

    ranks = {word: rank for listed in FREQUENCY_LISTS.values() for rank, word in enumerate(listed, 1)}
    signs = frozenset(sign for listed in matching.L33T_TABLE.values() for sign in listed)
    return _Tables(ranks, _reaches(ranks), signs, keyboards(), matching, scoring)


def _reaches(words: Iterable[str]) -> dict[str, int]:
    """How long the longest word is that begins with these few characters."""
    reaches: dict[str, int] = {}
    for word in words:
        start, size = word[:_START], len(word)
        if size > reaches.get(start, 0):
            reaches[start] = size
    return reaches


def ranked(words: Sequence[str]) -> dict[str, int]:
    """
    The context words in lower case, each with its place as its rank, then their pieces.

    Of a word that is longer than the window its ends are kept, or it would be found in no part.
    """
    ranks: dict[str, int] = {}
    whole = bounded(words)
    pieces = [piece for word in whole for piece in _PIECE.findall(word)]
    for word in (*whole, *pieces):
        lowered = _lower(word)
        for part in {lowered[:WINDOW], lowered[-WINDOW:]}:
            ranks.setdefault(part, len(ranks) + 1)
    return dict(islice(ranks.items(), 256))


def guesses(password: str, own: Mapping[str, int], tables: _Tables) -> float:
    """Guesses for at most 40 code points, without what is Chinese: those of zxcvbn."""
    return _Part(password, own, tables).guesses_without_chinese


@define(slots=False)
class _Part:
    """What is found in a part of a password, each looked up once, for one answer only."""

    text: str = field(repr=False)
    own: Mapping[str, int] = field(repr=False)
    tables: _Tables
    repeated: dict[str, tuple[float, float]] = field(factory=dict, repr=False)
    """Of each text that stood there several times the guesses, and those without what is Chinese."""

    @cached_property
    def guesses(self) -> float:
        """Of the cheapest way to put the part together."""
        foreign = self._foreign  # before what is repeated, which takes from it
        return cheapest(len(self.text), [*self._found, *(span[:3] for span in self._again), *foreign])

    @cached_property
    def guesses_without_chinese(self) -> float:
        """The same for who knows neither pinyin nor the rest."""
        if not self._foreign and all(guesses == others for _, _, guesses, others in self._again):
            return self.guesses
        return cheapest(len(self.text), [*self._found, *((i, j, others) for i, j, _, others in self._again)])

    def within(self, start: int, stop: int) -> "_Part":
        """
        A part of the part: no word is looked up again, and no pattern that was.

        How look-alikes are read depends on which there are: where fewer are left they are read anew. So are patterns
        where the cut runs through one, and what is Chinese where it runs through letters or digits.
        """
        if start == 0 and stop >= len(self.text):
            return self
        text, signs = self.text[start:stop], self.tables.signs
        part = _Part(text, self.own, self.tables, self.repeated)
        part._words = _cut(self._words, start, stop)
        if signs.intersection(text) == signs.intersection(self.text):
            part._disguised = _cut(self._disguised, start, stop)
        known, lowered = vars(self), _lower(self.text)
        if "_patterns" in known and not any(i < start <= j or i < stop <= j for i, j, _ in self._patterns):
            part._patterns = _cut(self._patterns, start, stop)
        if "_chinese" in known and not any(chinese.JOINED.match(lowered, max(at - 1, 0)) for at in (start, stop) if at):
            part._chinese = _cut(self._chinese, start, stop)
        return part

    @cached_property
    def _words(self) -> list[Span]:
        """As they are, and written backwards."""
        text, last, found = self.text, len(self.text) - 1, list[Span]()
        for i, j, rank in found_words(text, self.own, self.tables):
            found.append((i, j, rank * capitals(text[i : j + 1])))
        for i, j, rank in found_words(text[::-1], self.own, self.tables):
            found.append((last - j, last - i, 2 * rank * capitals(text[last - j : last - i + 1])))
        return found

    @cached_property
    def _disguised(self) -> list[Span]:
        return [*substituted(self.text, self.own, self.tables)]

    @cached_property
    def _found(self) -> list[Span]:
        return [*self._words, *self._disguised, *self._patterns]

    @cached_property
    def _patterns(self) -> list[Span]:
        return [*_patterns(self.text, self.tables)]

    @cached_property
    def _chinese(self) -> list[Span]:
        return [(i, j, count * capitals(self.text[i : j + 1])) for i, j, count in chinese.spans(_lower(self.text))]

    @cached_property
    def _foreign(self) -> list[Span]:
        """What is Chinese, and takes fewer guesses than what else was found there."""
        return cheaper(self._chinese, self._found)

    @cached_property
    def _again(self) -> list[tuple[int, int, float, float]]:
        """The same again: the guesses for what is repeated, times how often it stands there."""
        found = []
        for i, j, size in repetitions(self.text):
            base = self.text[i : i + size]
            if base not in self.repeated:
                part = self.within(i, i + size)
                self.repeated[base] = part.guesses, part.guesses_without_chinese
            times = (j - i + 1) / size
            guesses, others = self.repeated[base]
            found.append((i, j, guesses * times, others * times))
        return found


def _cut(spans: list[Span], start: int, stop: int) -> list[Span]:
    return [(i - start, j - start, guesses) for i, j, guesses in spans if start <= i and j < stop]


def found_words(
    text: str, own: Mapping[str, int], tables: _Tables, ends: Sequence[int] | None = None
) -> Iterator[tuple[int, int, int]]:
    """Every word in *text* and its rank; *ends* says for every index before which one no word that begins there may end."""
    lowered, ranks, reaches = _lower(text), tables.ranks, tables.reaches
    own_reaches = _reaches(own) if own else {}
    size = len(lowered)
    for i, end in enumerate(range(1, size + 1) if ends is None else ends):
        start = lowered[i : i + _START]  # most places are the start of no long word, and are left at once
        reach = reaches.get(start, _START - 1)
        if own:
            reach = max(reach, own_reaches.get(start, 0))
        for j in range(end, min(size, i + reach) + 1):
            word = lowered[i:j]
            if word in ranks:
                yield i, j - 1, min(ranks[word], own.get(word, ranks[word]))
            elif word in own:
                yield i, j - 1, own[word]


def kind_of(word: str, own: Mapping[str, int]) -> Weakness:
    """Which list a word is from: the context before the passwords, those before names and other words."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    lowered = _lower(word)
    if lowered in own:
        return Weakness.NAME_OR_CONTEXT
    for listed, kind in _LISTS:
        if lowered in FREQUENCY_LISTS[listed]:
            return kind
    return Weakness.DICTIONARY_WORD


def substituted(password: str, own: Mapping[str, int], tables: _Tables) -> Iterator[Span]:
    """Words written with look-alikes (``p4ssw0rd``)."""
    seen: set[tuple[int, str]] = set()
    for reading in _readings(password, tables):
        text = password.translate({ord(sign): letter for sign, letter in reading.items()})
        for i, j, rank in found_words(text, own, tables, _past(password, reading)):
            place = i, text[i : j + 1]  # another reading may say the same of it
            if i < j and place not in seen:
                seen.add(place)
                token = password[i : j + 1]
                used = {sign: letter for sign, letter in reading.items() if sign in token}
                yield i, j, rank * capitals(token) * disguises(token, used)


def _past(password: str, signs: Iterable[str]) -> list[int]:
    """For every index up to the last of these signs the end of the next one: no word without one is looked up."""
    ends: list[int] = []
    for place, character in enumerate(password, 1):
        if character in signs:
            ends += [place] * (place - len(ends))
    return ends


def _signs(text: str, tables: _Tables) -> dict[str, list[str]]:
    """The look-alikes in a text, by the letters that they can stand for."""
    present = tables.signs.intersection(text)
    table = tables.matching.L33T_TABLE.items()
    return {letter: found for letter, listed in table if (found := [sign for sign in listed if sign in present])}


def _readings(password: str, tables: _Tables) -> Iterator[dict[str, str]]:
    """
    The ways to read look-alikes as letters.

    zxcvbn tries every way, hundreds for crafted input. Beyond a bound no person reaches, all signs are read at once: by
    the first letter each can stand for, then by the last.
    """
    if tables.signs.isdisjoint(password):
        return
    signs = _signs(password, tables)
    if prod(map(len, signs.values())) <= MAX_READINGS:
        yield from islice(tables.matching.enumerate_l33t_subs(signs), 2 * MAX_READINGS)
        return
    pairs = [(sign, letter) for letter, listed in signs.items() for sign in listed]
    yield dict(reversed(pairs))
    yield dict(pairs)


def repeats(password: str, own: Mapping[str, int], tables: _Tables) -> Iterator[Span]:
    """The same again (``abcabc``); what is repeated is judged by itself, beside the same words."""
    for i, j, size in repetitions(password):
        yield i, j, guesses(password[i : i + size], own, tables) * (j - i + 1) / size


def repetitions(password: str) -> Iterator[tuple[int, int, int]]:
    """First and last index of what stands there several times in a row, and how long it is once."""
    start = 0
    while (lazy := _LAZY.search(password, start)) and (greedy := _GREEDY.search(password, start)):
        found = greedy if len(greedy[0]) > len(lazy[0]) else lazy  # greedy sees aab twice in aabaab, lazy only aa
        whole = _LAZY.fullmatch(found[0])
        yield found.start(), found.end() - 1, len(whole[1] if found is greedy and whole else found[1])
        start = found.end()


def _patterns(password: str, tables: _Tables) -> Iterator[Span]:
    """Runs on a keyboard, sequences, years and dates."""
    yield from keyboard(password, tables)
    yield from sequences(password, tables)
    yield from years(password, tables)
    yield from dates(password, tables)


def keyboard(password: str, tables: _Tables) -> Iterator[Span]:
    """Three and more neighbours on a keyboard."""
    return walks(password, tables.keyboards)


def sequences(password: str, tables: _Tables) -> Iterator[Span]:
    """Characters in the order of their alphabet."""
    for match in tables.matching.sequence_match(password):
        yield match["i"], match["j"], tables.scoring.sequence_guesses(match)


def years(password: str, tables: _Tables) -> Iterator[Span]:
    """Years from 1900 to 2049."""
    return calendar.years(password, tables.scoring)


def dates(password: str, tables: _Tables) -> Iterator[Span]:
    """Dates with and without separators."""
    return calendar.dates(password, tables.matching, tables.scoring)


def _lower(text: str) -> str:
    """Lower case that moves no character: the few with longer lower forms stay."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)
