"""
Words that belong to the subject or the service, and what is left of a password without them.

Similarity measures forgive a name once the password grows (``johnsmith2024!!xyz``). Here a word counts for nothing:
it is taken out, with the digits and punctuation around it, and the rest has to stand by itself.
"""

import re
from collections.abc import Iterable
from unicodedata import combining, normalize

MAX_WORDS = 64
MAX_WORD_LENGTH = 256

_SEPARATORS = str.maketrans("", "", " .-_'\u2019")
_PIECES = re.compile(r"[^\W_]+")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_EDGES = re.compile(r"\A[\W\d_]+|[\W\d_]+\Z")

# What each substitute stands for. i and l share theirs (1, ! and |), so they become one letter on both sides; 7 is read
# once as t and once as l.
_LEET = {
    **dict.fromkeys("l1!|", "i"), **dict.fromkeys("4@", "a"), "8": "b", **dict.fromkeys("({[<", "c"), "3": "e",
    **dict.fromkeys("69", "g"), "0": "o", **dict.fromkeys("$5", "s"), "+": "t", "%": "x", "2": "z",
}  # fmt: skip
_UNDO = tuple(str.maketrans({**_LEET, "l": "l", "7": seven, "1": one}) for seven in "tl" for one in "il")
_READINGS = (str.maketrans({**_LEET, "7": "t"}), str.maketrans({**_LEET, "7": "i"}))


def bounded(words: Iterable[str]) -> tuple[str, ...]:
    """At most 64 words of at most 256 characters: what an account may feed into a check."""
    kept = dict.fromkeys(word[:MAX_WORD_LENGTH] for word in words)
    kept.pop("", None)
    return tuple(kept)[:MAX_WORDS]


def fold(text: str) -> str:
    """A form for comparing only: compatible characters made equal, no accents, no case, no separators."""
    decomposed = normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not combining(character))
    return bare.casefold().translate(_SEPARATORS)


def tokens(words: Iterable[str]) -> tuple[str, ...]:
    """
    What to look for, longest first: each word, its pieces, and the parts of an address without its public suffix.

    At most 256, so that an account cannot make its own check expensive.
    """
    found: dict[str, None] = {}
    for word in bounded(words):
        local, at, domain = word.rpartition("@")
        if at:
            domain = domain.rpartition(".")[0]
        for part in (word, local, domain):
            found[fold(part)] = None
        for piece in _PIECES.findall(f"{local} {domain}"):
            found[fold(piece)] = None
    found.pop("", None)
    return tuple(sorted(list(found)[:256], key=len, reverse=True))


def remainder(password: str, words: Iterable[str], *, shortest: int = 4) -> int | None:
    """
    How many characters stand by themselves once the words are out, or None when there are none of them in it.

    Words are also found reversed and under every usual substitution (``J0hn5m1th``). One shorter than *shortest* counts
    only when the password is nothing but it and digits or punctuation around it.
    """
    text = fold(password)
    listed = tokens(words)
    kernel = plain(text)
    if any(kernel in {token, token[::-1]} for token in listed):
        return 0
    covered = _covered(text, [token for token in listed if len(token) >= shortest])
    if not any(covered):
        return None
    masked = "".join("\0" if hidden else character for hidden, character in zip(covered, text, strict=True))
    rest = _NOT_LETTERS.sub(lambda run: "" if "\0" in run[0] else run[0], masked)
    return len(rest)


def plain(password: str) -> str:
    """The password without the digits and punctuation at its ends."""
    return _EDGES.sub("", password)


def undone(password: str) -> tuple[str, ...]:
    """The plain words that usual substitutions and additions may have been made of."""
    folded = password.casefold()
    forms = (folded, plain(folded))
    return (*forms, *(form.translate(reading) for form in forms for reading in _UNDO))


def _covered(text: str, listed: list[str]) -> list[bool]:
    """
    Which characters of *text* belong to a word, in whatever reading or direction.

    Every word is looked for in the whole text: ``rachaelg`` takes nothing from the ``gipson`` in ``rachaelgipson``.
    """
    covered = [False] * len(text)
    for reading in _READINGS:
        for step in (1, -1):
            left = text.translate(reading)[::step]
            hidden = [False] * len(left)
            for word in {token.translate(reading) for token in listed}:
                at = left.find(word)
                while at >= 0:
                    hidden[at : at + len(word)] = [True] * len(word)
                    at = left.find(word, at + len(word))
            covered = [a or b for a, b in zip(covered, hidden[::step], strict=True)]
    return covered
