"""
What an organisation bans: its brands, products and places, and whatever is little more than these.

After Microsoft Entra Password Protection, whose score forgives one term in a long password but not a password made of terms.
"""

from functools import cached_property

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection
from acctsec.password.codes import Code
from acctsec.password.context import folded_by_character, readings
from acctsec.password.nearby import Nearby
from acctsec.password.rules import Facts, texts, whole
from acctsec.password.words import fold, pinyin

MAX_TERMS = 1_000
SHORTEST, LONGEST = 4, 16

MAX_POINTS = 10
"""More would ask for more work: no way to cut a password is followed beyond its points."""


@frozen(kw_only=True)
class BannedTerms:
    """
    A password is more than terms that the organisation bans.

    Args:
        terms: base words, not their variants: case, separators, substitutions, one edit and Chinese characters typed in
            pinyin are seen through. Default: there is none, they have to be given; at most 1,000 (Microsoft Entra ID, custom
            banned password list) of 4 to 16 characters, a Chinese one by its pinyin.
        minimum_points: a password has a point for each term in it and one for each character beside them, counted the
            cheapest way. Default 5 (Microsoft Entra ID, score calculation); at most 10.

    SP 800-63B-4 section 3.1.1.2 compares whole passwords with a list and forbids further demands: this goes beyond it, for those
    who want the names of their own house kept out.

    Raises ConfigError for terms outside these bounds.
    """

    terms: tuple[str, ...] = field(repr=False)
    minimum_points: int = 5

    def __attrs_post_init__(self) -> None:
        whole("minimum_points", self.minimum_points, 2, MAX_POINTS)
        for number, term in enumerate(texts("terms", self.terms, MAX_TERMS), 1):
            sizes = [len(form) for form in _forms(term)]
            if not sizes or max(sizes) > LONGEST or max(sizes) < SHORTEST:
                message = f"Term {number} has not {SHORTEST} to {LONGEST} characters, separators and accents aside."
                raise ConfigError(message, remedy="Give the base word; leave out what is shorter, it is everywhere.")
        if not self.terms:
            raise ConfigError("No term is banned.", remedy="Give terms, or leave the rule out.")

    def judge(self, password: str, facts: Facts) -> tuple[Objection, ...]:  # noqa: ARG002 - every rule is asked alike
        """Count the points; which terms were found is not told."""
        return () if self.points(password) >= self.minimum_points else (Objection(Code.BANNED_TERM.value),)

    def points(self, password: str) -> int:
        """The points of a password, up to *minimum_points*: what is above is not counted."""
        folded, origin = folded_by_character(password)
        # One character can be folded into several (℡, ﬄ); it is worth the point of one.
        worth = [int(not at or origin[at] != origin[at - 1]) for at in range(len(folded))]
        read = zip(_both(folded), self._known, strict=True)
        return min(_cheapest(reading, worth, known, self.minimum_points) for reading, known in read)

    @cached_property
    def _known(self) -> tuple[Nearby, Nearby]:
        """The terms in each reading of substitutions."""
        forms = [_both(form) for term in self.terms for form in _forms(term)]
        return Nearby((one for one, _ in forms), fuzzy_from=SHORTEST), Nearby((one for _, one in forms), fuzzy_from=SHORTEST)


def _forms(term: str) -> set[str]:
    return {fold(term), *pinyin("".join(term.split()))} - {""}


def _both(folded: str) -> tuple[str, str]:
    found = readings(folded)
    return found[0], found[-1]


def _cheapest(text: str, worth: list[int], known: Nearby, most: int) -> int:
    """The fewest points of *text*: of every way to cut it into terms and single characters the one that is worth least."""
    points = [0, *[most] * len(text)]
    for at in range(len(text)):
        points[at + 1] = min(points[at + 1], points[at] + worth[at])
        here = points[at] + 1
        if here >= most:  # whatever follows, this way is good enough
            continue
        for end in range(at + known.shortest, min(at + known.longest, len(text)) + 1):
            if here < points[end] and _is_term(text[at:end], known):
                points[end] = here
    return points[-1]


def _is_term(part: str, known: Nearby) -> bool:
    """A term or one edit of one; not a term with a character of its own before or after it, which has its own point."""
    if part in known.words:
        return True
    return part in known and part[1:] not in known.words and part[:-1] not in known.words
