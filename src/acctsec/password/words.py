"""
The words of a subject or a service, and the forms in which they turn up in passwords.

A word is text. What it means follows from its shape: an ISO date is a birthday, a row of digits a number that people shorten to
its end, Chinese characters are typed in pinyin, a name of several parts becomes initials.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice, product
from unicodedata import combining, normalize

from acctsec.errors import ConfigError
from acctsec.password.hanzi import is_hanzi, readings

MAX_WORDS = 64
MAX_WORD_LENGTH = 256

MAX_TOKENS = 256
"""How many of the words and their parts are looked for, and how many forms besides."""

MAX_TOKEN_LENGTH = 64

_SEPARATORS = str.maketrans("", "", " .-_'/\u2019")
_PIECES = re.compile(r"[^\W_]+")
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]{4,}"), re.compile(r"[0-9]{4,}")
_NUMBER = re.compile(r"\+?[0-9 ()./-]{7,30}")
_DATE = re.compile(r"([12][0-9]{3})([-./]?)([01]?[0-9])\2([0-3]?[0-9])")

_TAILS = range(4, 9)
_MOST_HANZI = 8  # longer is no name, and its pinyin no password
_MOST_SPELLINGS = 12  # of one name: three readings of the surname, two of each further character


def personal_words(
    *,
    names: Iterable[str] = (),
    addresses: Iterable[str] = (),
    phones: Iterable[str] = (),
    birth_date: date | None = None,
    terms: Iterable[str] = (),
) -> tuple[str, ...]:
    """
    What is known of a person, as the words that ``Account.words`` and ``PasswordPolicy.check`` take.

    *names* in whole, as the person writes them (``"John Smith"``, ``"张伟"``): order, initials and pinyin are made of them.
    *addresses* are for mail. *phones* in any spelling; the last four to eight digits count too. *birth_date* counts in every
    usual order of its digits. *terms* are whatever else is close to the person: an employer, a team. The same words, in the same
    order, from the same facts; empty ones are left out.

    Raises ConfigError where a lone text stands for several, or *birth_date* is no date; whatever is in the texts is taken.
    """
    if birth_date is not None and not isinstance(birth_date, date):
        raise ConfigError("birth_date is no date.", remedy="Give a datetime.date.")
    born = () if birth_date is None else (date.isoformat(birth_date),)
    numbers = ("".join(filter(str.isdecimal, phone)) for phone in _several("phones", phones))
    known = (*_several("names", names), *_several("addresses", addresses), *numbers, *born, *_several("terms", terms))
    return tuple(dict.fromkeys(word for word in known if word.strip()))


def _several(name: str, texts: object) -> tuple[str, ...]:
    """A lone str is a sequence of letters, and never what was meant."""
    if isinstance(texts, Iterable) and not isinstance(texts, str | bytes):
        found = tuple(texts)
        if all(isinstance(text, str) for text in found):
            return found
    raise ConfigError(f"{name} is not several texts.", remedy=f'Give {name}=("...",).')


def bounded(words: Iterable[str]) -> tuple[str, ...]:
    """At most 64 words of at most 256 characters: what an account may feed into a check."""
    kept = dict.fromkeys(word[:MAX_WORD_LENGTH] for word in words)
    kept.pop("", None)
    return tuple(kept)[:MAX_WORDS]


def fold(text: str) -> str:
    """A form for comparing only: compatible characters made equal, no accents, no case, no separators. Of each one by itself."""
    if text.isascii():
        return text.lower().translate(_SEPARATORS)
    decomposed = normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not combining(character))
    return bare.casefold().translate(_SEPARATORS)


def tokens(words: Iterable[str]) -> tuple[str, ...]:
    """
    What to look for, longest first: each word, its pieces, the parts of an address without its public suffix, and their forms.

    At most 256 of the former and as many of the latter, of each its first 64 characters, so that an account cannot make its own
    check expensive.
    """
    kept = bounded(words)
    plain = dict.fromkeys(islice((one for word in kept for one in _parts(word) if one), MAX_TOKENS))
    further = dict.fromkeys(islice((one for word in kept for one in _forms(word) if one), MAX_TOKENS))
    found = {one[:MAX_TOKEN_LENGTH] for one in plain | further}
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


def pinyin(text: str) -> tuple[str, ...]:
    """The ways to spell *text* of up to eight Chinese characters in Latin letters, none for any other text."""
    return tuple(dict.fromkeys("".join(spelt) for spelt in _spellings(text)))


def _parts(word: str) -> Iterator[str]:
    local, at, domain = word.rpartition("@")
    if at:
        domain = domain.rpartition(".")[0]
    yield from map(fold, (word, local, domain))
    yield from map(fold, _PIECES.findall(f"{local} {domain}"))


def _forms(word: str) -> Iterator[str]:
    """What people make of a word; of an address, of what stands before the @."""
    local, at, domain = word.rpartition("@")
    text = local if at else domain
    born = _DATE.fullmatch(text.strip())
    if born is not None:
        yield from _dated(*map(int, born.group(1, 3, 4)))
    if _NUMBER.fullmatch(text.strip()):
        digits = "".join(filter(str.isdecimal, text))
        yield from (digits[-size:] for size in _TAILS if size < len(digits))
    else:
        folded = fold(text)
        for runs in (_LETTERS, _DIGITS):
            yield from (run for run in runs.findall(folded) if run != folded)
    yield from _named(text)


def _dated(year: int, month: int, day: int) -> Iterator[str]:
    """
    What every order of a day holds: year first (East Asia, ISO), day first or month first, a long year or a short one.

    With zeros, two numbers lie side by side in any order, and the digits around what is found go as well. Without them, a
    short year is needed to make four digits.
    """
    try:
        date(year, month, day)
    except ValueError:
        return
    y = f"{year % 100:02}"
    yield from (f"{year}", f"{month:02}{day:02}", f"{day:02}{month:02}")
    yield from (f"{y}{month}{day}", f"{day}{month}{y}", f"{month}{day}{y}")


def _named(text: str) -> Iterator[str]:
    """Other orders and initials of a name, in its own letters or in pinyin."""
    spelt = _spellings("".join(text.split()))
    for parts in spelt:
        yield "".join(parts)
        yield "".join(part[0] for part in parts)
        for surname in range(1, min(3, len(parts))):  # one character, or two as in 欧阳
            family, given = "".join(parts[:surname]), parts[surname:]
            own, letters = "".join(given), "".join(part[0] for part in given)
            yield from (own, family, own + family, family + letters, family[0] + own, letters + family)
    pieces = [fold(piece) for piece in text.split()]
    if not spelt and 2 <= len(pieces) <= 4 and all(piece.isalpha() for piece in pieces):
        first, last = pieces[0], pieces[-1]
        yield "".join(piece[0] for piece in pieces)
        yield from (first + last, last + first, first[0] + last, last + first[0], first + last[0], last[0] + first)


def _spellings(text: str) -> list[tuple[str, ...]]:
    """The syllables of a text of Chinese characters, in every reading that names have."""
    if not 1 <= len(text) <= _MOST_HANZI or not all(map(is_hanzi, text)):
        return []
    choices = [readings(text[0]), *(readings(character)[:2] for character in text[1:])]
    return [] if not all(choices) else list(islice(product(*choices), _MOST_SPELLINGS))
