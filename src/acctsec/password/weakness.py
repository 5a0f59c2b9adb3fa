"""Why a password is weak: kinds for a person to act on, never the characters that were found."""

from collections.abc import Iterable, Sequence
from math import log10

from acctsec.password import strength
from acctsec.password.estimator import chinese
from acctsec.password.estimator.kinds import Weakness
from acctsec.password.estimator.ngrams import trigrams
from acctsec.password.estimator.sequence import Span

__all__ = ["Weakness", "explain"]

_ORDINARY = 1.0
"""Powers of ten a character: below it the trigrams find a text ordinary; random letters and digits take 1.4 to 2.5."""


def explain(password: str, words: Sequence[str] = ()) -> tuple[Weakness, ...]:
    """
    The kinds of weakness that *password* shows, the one that covers most of it first; each once.

    A part counts from three characters on, and only where it takes fewer guesses than a digit for each of its characters.
    Empty for a password that only brute force finds. Of a long password the weaker end is not told apart: both are looked
    at. Deterministic, bounded and thread-safe like ``estimate``.
    """
    own, found = strength.ranked(words), dict[Weakness, int]()
    for text in strength.windows(password):
        for kind, spans in _kinds(text, own):
            for first, last, guesses in spans:
                size = last - first + 1
                if size >= 3 and log10(max(guesses, 1)) < size:
                    found[kind] = max(found.get(kind, 0), size)
        lowered = text.lower()
        if text and trigrams().surprise(lowered) < _ORDINARY * len(text):
            found.setdefault(Weakness.PREDICTABLE, 0)
    return tuple(sorted(found, key=lambda kind: -found[kind]))


def _kinds(text: str, own: dict[str, int]) -> Iterable[tuple[Weakness, Iterable[Span]]]:
    """Every part that the search may use, by its kind."""
    tables = strength.tables()
    for first, last, rank in strength.found_words(text, own, tables):
        yield strength.kind_of(text[first : last + 1], own), [(first, last, rank)]
    size = len(text)
    for first, last, rank in strength.found_words(text[::-1], own, tables):
        token = text[size - 1 - last : size - first]
        if token != token[::-1]:
            yield Weakness.REVERSED, [(size - 1 - last, size - 1 - first, 2.0 * rank)]
    yield Weakness.SUBSTITUTION, strength.substituted(text, own, tables)
    yield Weakness.REPEAT, strength.repeats(text, own, tables)
    yield Weakness.KEYBOARD, strength.keyboard(text, tables)
    yield Weakness.SEQUENCE, strength.sequences(text, tables)
    yield Weakness.YEAR, strength.years(text, tables)
    yield Weakness.DATE, strength.dates(text, tables)
    lowered = text.lower()
    yield Weakness.PHONE_NUMBER, chinese.mobiles(lowered)
    yield Weakness.DIGIT_PUN, chinese.puns(lowered)
    yield Weakness.PINYIN, chinese.pinyin(lowered)
