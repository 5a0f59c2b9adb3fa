"""Words, and whatever is one edit away from one of them, found in a few look-ups."""

from collections.abc import Iterable

_HOLE = "\0"  # stands for one character, whichever; no prepared password holds it


class Nearby:
    """
    A set of words that also finds what one inserted, deleted or replaced character makes of them.

    Each word is kept with every one of its characters left open, so that asking takes three look-ups a character, no search
    and no distances. A word of fewer than *fuzzy_from* characters is found only as it stands: one edit makes another word of it.
    Immutable, and safe to ask from several threads.
    """

    __slots__ = ("_fuzzy", "_open", "longest", "shortest", "words")

    words: frozenset[str]
    """Those that were given."""

    shortest: int
    """No shorter text is found; 0 where none is."""

    longest: int
    """No longer text is found."""

    def __init__(self, words: Iterable[str], *, fuzzy_from: int) -> None:
        self.words = frozenset(words)
        self._fuzzy = frozenset(word for word in self.words if len(word) >= fuzzy_from)
        self._open = frozenset(one for word in self._fuzzy for one in _opened(word))
        self.shortest = min((len(word) - (word in self._fuzzy) for word in self.words), default=0)
        self.longest = max(map(len, self.words), default=0) + 1

    def __contains__(self, text: str) -> bool:
        """Whether *text* is one of the words or one edit away from one."""
        if text in self.words:
            return True
        if len(text) > self.longest:
            return False
        widened = (text[:at] + _HOLE + text[at:] for at in range(len(text) + 1))
        return not (
            self._open.isdisjoint(_opened(text)) and self._open.isdisjoint(widened) and self._fuzzy.isdisjoint(_shortened(text))
        )


def _opened(text: str) -> Iterable[str]:
    return (text[:at] + _HOLE + text[at + 1 :] for at in range(len(text)))


def _shortened(text: str) -> Iterable[str]:
    return (text[:at] + text[at + 1 :] for at in range(len(text)))
